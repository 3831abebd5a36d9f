# SPDX-License-Identifier: GPL-3.0-or-later
"""A pack in normalised space, and its variants: other bone lengths, other girths, mirrored."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from mocapanything_addon.ik.rotations import exp
from mocapanything_addon.models.reference import to_normalised
from mocapanything_addon.models.skinning import skinned

from .motion import forward_kinematics
from .pack import Pack

Array = NDArray[np.float64]
MIRROR = np.diag([-1.0, 1.0, 1.0])


@dataclass(frozen=True, eq=False)
class Character:
    """A rig with z up, its root joint at the origin and its joints' box one unit long.

    Clips are (T, J, 3, 3) local rotations (the root's is global) and (T, 3) root positions.
    """

    name: str
    family: str
    parents: NDArray[np.int32]
    rest: Array
    """(J, 3)."""
    is_tail: NDArray[np.bool_]
    vertices: Array
    """(V, 3)."""
    faces: NDArray[np.int32]
    colors: NDArray[np.float32]
    """(V, 3) 0 to 1."""
    skin_joints: NDArray[np.int32]
    skin_weights: NDArray[np.float32]
    clips: tuple[tuple[NDArray[np.float32], NDArray[np.float32]], ...]
    limbs: tuple[tuple[int, ...], ...]
    """Chains of joints that have a mirrored twin, top joint first."""
    twins: NDArray[np.int32]
    """(J,) the mirrored joint, itself on the middle line."""
    stiffness: Array
    """(J,) how much a random pose may bend the joint: 0.4 in the trunk, 1 in limbs."""
    frame: Array = field(default_factory=lambda: np.eye(3))
    """(3, 3) orthogonal, from the clips' axes to this variant's (mirrored, looking elsewhere)."""

    @property
    def joint_count(self) -> int:
        return len(self.parents)

    @property
    def offsets(self) -> Array:
        offsets = self.rest - self.rest[np.maximum(self.parents, 0)]
        offsets[0] = 0.0
        return offsets

    @classmethod
    def from_pack(cls, pack: Pack) -> Character:
        """Normalise a pack."""
        turn, origin = to_normalised(pack.up), pack.rest_positions[0]
        size = float(np.ptp(pack.rest_positions, axis=0).max())
        rest = (pack.rest_positions - origin) @ turn.T / size
        clips = []
        for clip in pack.clips:
            local = turn @ clip.rotations @ turn.T
            root = (clip.root_positions - origin) @ turn.T / size
            clips.append((local.astype(np.float32), root.astype(np.float32)))
        twins = _twins(rest)
        below = _surface_below(pack.parents, pack.skin_joints, pack.skin_weights)
        return cls(
            name=pack.name,
            family=pack.family,
            parents=pack.parents,
            rest=rest,
            is_tail=pack.is_tail,
            vertices=(pack.vertices - origin) @ turn.T / size,
            faces=pack.faces,
            colors=pack.vertex_colors.astype(np.float32) / 255.0,
            skin_joints=pack.skin_joints,
            skin_weights=pack.skin_weights,
            clips=tuple(clips),
            limbs=_limbs(pack.parents, twins),
            twins=twins,
            stiffness=np.where(
                pack.is_tail, 0.0, np.where(below > 0.45, 0.4, np.where(below > 0.25, 0.6, 1.0))
            ),
        )

    def varied(self, rng: np.random.Generator) -> Character:
        """Other bone lengths and girths: log-scales that run along chains and agree left and right.

        Half of the variants are mirrored, and a third look another way: artists agree on up, not on front.
        """
        count = self.joint_count
        scales = rng.normal(size=count) * rng.choice([0.0, 0.1, 0.2, 0.3])
        for j in range(1, count):
            scales[j] = 0.6 * scales[self.parents[j]] + 0.8 * scales[j]
        scales = np.exp(np.clip(0.5 * (scales + scales[self.twins]), -0.7, 0.7))
        axes = np.exp(rng.normal(size=3) * rng.choice([0.0, 0.1, 0.2]))
        offsets = self.offsets * axes * scales[np.maximum(self.parents, 0)][:, None]
        identity = np.tile(np.eye(3), (count, 1, 1))
        rest = forward_kinematics(self.parents, offsets, identity, np.zeros(3))[1]
        stretch = identity * (axes * scales[:, None])[:, None, :]
        vertices = skinned(self.vertices, self.skin_joints, self.skin_weights, self.rest, stretch, rest)
        frame = MIRROR if (mirrored := rng.random() < 0.5) else np.eye(3)
        if rng.random() < 0.3:
            frame = about_up(rng.uniform(0.0, 2.0 * np.pi)) @ frame
        size = max(float(np.ptp(rest @ frame.T, axis=0).max()), 1e-6)
        return replace(
            self,
            rest=rest @ frame.T / size,
            vertices=vertices @ frame.T / size,
            faces=self.faces[:, ::-1].copy() if mirrored else self.faces,
            frame=frame @ self.frame,
        )

    def in_frame(self, local: Array) -> Array:
        """Local rotations (..., 3, 3) given in the clips' axes, in this variant's."""
        return self.frame @ local @ self.frame.T

    def exchanged(self, local: Array) -> Array:
        """A motion (..., J, 3, 3) with every limb doing what its twin does, mirrored."""
        mirror = self.frame @ MIRROR @ self.frame.T
        result = local.copy()
        for chain in self.limbs:
            joints = list(chain)
            result[..., joints, :, :] = mirror @ local[..., self.twins[joints], :, :] @ mirror
        return result

    def pose(self, local: Array, root: Array | None = None) -> tuple[Array, Array]:
        """Global rotations and positions of local rotations (..., J, 3, 3)."""
        start = np.zeros((*local.shape[:-3], 3)) if root is None else root
        return forward_kinematics(self.parents, self.offsets, local, start)

    def posed_vertices(self, rotations: Array, positions: Array) -> Array:
        """(..., V, 3)."""
        return skinned(self.vertices, self.skin_joints, self.skin_weights, self.rest, rotations, positions)


def _twins(rest: Array) -> NDArray[np.int32]:
    reflected = rest * [-1.0, 1.0, 1.0] + [2.0 * rest[0, 0], 0.0, 0.0]
    distances = np.linalg.norm(reflected[:, None] - rest[None], axis=-1)
    nearest = distances.argmin(1)
    near = distances.min(1) < 0.05
    return np.where(near & (nearest[nearest] == np.arange(len(rest))), nearest, np.arange(len(rest))).astype(
        np.int32
    )


def _limbs(parents: NDArray[np.int32], twins: NDArray[np.int32]) -> tuple[tuple[int, ...], ...]:
    children: list[list[int]] = [[] for _ in parents]
    for j in range(1, len(parents)):
        children[parents[j]].append(j)
    chains = []
    for j in range(1, len(parents)):
        parent = parents[j]
        if twins[j] != j and (twins[parent] == parent):
            chain = [j]
            while len(children[chain[-1]]) == 1:
                chain.append(children[chain[-1]][0])
            chains.append(tuple(chain))
    return tuple(chains)


def _surface_below(
    parents: NDArray[np.int32], joints: NDArray[np.int32], weights: NDArray[np.float32]
) -> Array:
    below = np.bincount(joints.ravel(), weights.ravel(), minlength=len(parents))
    for j in range(len(parents) - 1, 0, -1):
        below[parents[j]] += below[j]
    return below / max(float(below[0]), 1e-9)


def random_turn(rng: np.random.Generator, degrees: float) -> Array:
    """(3, 3) a rotation about a random axis, normal with this standard deviation about each axis."""
    return exp(rng.normal(size=3) * np.radians(degrees))


def about_up(angle: float) -> Array:
    """(3, 3) a turn about z, radians."""
    cos, sin = np.cos(angle), np.sin(angle)
    return np.array([[cos, -sin, 0.0], [sin, cos, 0.0], [0.0, 0.0, 1.0]])
