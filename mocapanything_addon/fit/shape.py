# SPDX-License-Identifier: GPL-3.0-or-later
"""A body of another build: its limbs, neck, tail and trunk longer or shorter, thicker or thinner.

The filmed creature is never built exactly like the rig. What is found of its build serves the fit alone: the
rotations belong to the user's rig, whose bones keep their length (see retarget.py).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ..ik.mirror import mirror_pairs
from ..ik.skeleton import Skeleton
from ..ik.skinning import Skin
from .body import Body

Array = NDArray[np.float64]
SMALLEST_PART = 0.02
"""Share of the surface: what carries less, such as an ear, belongs to the part that it hangs on."""
LARGEST_PART = 0.4
"""Share of the surface: more is the trunk."""


@dataclass(frozen=True, eq=False)
class BodyParts:
    """Parts of a body that are each longer or thicker as a whole; a left and a right limb are one part.

    Part 0 is the trunk and whatever belongs to no other. Its length is the measure of all others: how large
    the whole creature is and how far away it is cannot be told apart.
    """

    body: Body
    """As the user built it."""
    part_of: NDArray[np.intp]
    """(J,) the part of each joint's bone."""
    directions: Array
    """(J, 3) unit vectors along the bones at rest."""

    @classmethod
    def of_body(cls, body: Body) -> BodyParts:
        """What hangs on the trunk in mirrored pairs, and the chains along its middle such as neck and
        tail."""
        # Skeletons are more often symmetric than what they carry: a shield, a coat.
        partners = mirror_pairs(body.skeleton) if body.symmetry is None else body.symmetry.partners
        part_of = np.zeros(body.skeleton.joint_count, np.intp)
        for number, joints in enumerate(_part_roots(body, partners), 1):
            part_of[body.skeleton.is_ancestor[joints].any(axis=0)] = number
        # A part may lie wholly within a later one.
        part_of = np.unique(part_of, return_inverse=True)[1].reshape(-1)
        return cls(body, part_of, bone_directions(body.skeleton, partners))

    @property
    def count(self) -> int:
        return int(self.part_of.max()) + 1

    @property
    def parameter_count(self) -> int:
        """K: lengths of all parts but the trunk, then girths of all, as natural logarithms of factors."""
        return 2 * self.count - 1

    def reshaped(self, shape: Array) -> Body:
        """The body with the bones and the skin of a shape (K,); all zeros: as it is."""
        body = self.body
        if not np.any(shape):
            return body
        rig, mesh, own = body.rig, body.mesh, body.skeleton
        stretches = self.stretches(shape)
        joints = self.rest_joints(stretches, own.rest_positions[own.root])
        vertices = self.rest_surface(stretches, joints, mesh.vertices, mesh.skin_joints, mesh.skin_weights)
        full = self.rest_surface(stretches, joints, rig.vertices, rig.skin_joints, rig.skin_weights)
        skeleton = Skeleton(
            own.names,
            own.parents,
            joints,
            rig.rest_rotations,
            limits=own.limits,
            locks=own.locks,
            can_translate=own.can_translate,
        )
        return replace(
            body,
            rig=replace(rig, rest_positions=joints, vertices=full.astype(np.float32)),
            mesh=replace(mesh, vertices=vertices),
            skeleton=skeleton,
            skin=Skin(vertices, mesh.faces, mesh.skin_joints, mesh.skin_weights, skeleton),
        )

    def stretches(self, shape: Array) -> Array:
        """(J, 3, 3) what each bone's skin and what hangs on the bone are multiplied with in rest pose.

        Along the bone by its length's factor, across it by its girth's.
        """
        length, girth = self._factors(shape)
        return length * self._along + girth * (np.eye(3) - self._along)

    def stretch_derivatives(self, shape: Array) -> Array:
        """(K, J, 3, 3) derivative of :meth:`stretches` by the parameters."""
        length, girth = self._factors(shape)
        own = (self.part_of == np.arange(self.count)[:, None])[..., None, None]
        return np.concatenate([own[1:] * (length * self._along), own * (girth * (np.eye(3) - self._along))])

    def rest_joints(self, stretches: Array, root: Array) -> Array:
        """(J, 3) joints at rest, linear in the stretches (J, 3, 3) and the root's place (3,) together."""
        skeleton = self.body.skeleton
        joints = np.empty((skeleton.joint_count, 3))
        joints[skeleton.root] = root
        for generation in skeleton.generations:
            parents = skeleton.parents[generation]
            away = (stretches[parents] @ skeleton.offsets[generation][..., None])[..., 0]
            joints[generation] = joints[parents] + away
        return joints

    def rest_surface(
        self,
        stretches: Array,
        joints: Array,
        vertices: NDArray[np.floating],
        skin_joints: NDArray[np.integer],
        skin_weights: NDArray[np.floating],
    ) -> Array:
        """(V, 3) where the bones take a skin's vertices, each by its weight; linear like the joints."""
        arms = vertices[:, None] - self.body.skeleton.rest_positions[skin_joints]
        carried = joints[skin_joints] + (stretches[skin_joints] @ arms[..., None])[..., 0]
        return np.asarray(np.einsum("vn,vnd->vd", skin_weights, carried))

    @cached_property
    def _along(self) -> Array:
        """(J, 3, 3) projection onto each bone's direction."""
        return self.directions[:, :, None] * self.directions[:, None, :]

    def _factors(self, shape: Array) -> tuple[Array, Array]:
        """Lengths and girths of the joints' bones, (J, 1, 1) each."""
        trunk = np.zeros(1)
        lengths = np.exp(np.concatenate([trunk, shape[: self.count - 1]]))
        girths = np.exp(shape[self.count - 1 :])
        return lengths[self.part_of, None, None], girths[self.part_of, None, None]


def bone_directions(skeleton: Skeleton, partners: NDArray[np.integer]) -> Array:
    """(J, 3) unit vectors along the bones at rest; those of mirrored bones are mirror images.

    A joint on the plane of symmetry points to its largest child there, or midway between its children: the
    chest to the neck, not to one of the shoulders.

    Args:
        skeleton: The joints.
        partners: (J,) the joint on the other side, a joint on the plane itself, -1 where there is none.
    """
    directions = skeleton.twist_axes.copy()
    below = skeleton.is_ancestor.sum(axis=1)
    for joint, children in enumerate(skeleton.children):
        if partners[joint] != joint or len(children) < 2:
            continue
        middle = [child for child in children if partners[child] == child]
        ends = [max(middle, key=lambda child: below[child])] if middle else children
        toward = skeleton.offsets[ends].mean(axis=0)
        if np.linalg.norm(toward) > 1e-3 * skeleton.size:
            directions[joint] = toward / np.linalg.norm(toward)
    return directions


def _part_roots(body: Body, partners: NDArray[np.integer]) -> list[list[int]]:
    """Joints that parts begin with, those higher in the tree first."""
    skeleton = body.skeleton
    share = skeleton.is_ancestor @ body.mesh.joint_share
    roots = []
    for generation in skeleton.generations:
        for joint in generation:
            other, parent = int(partners[joint]), int(skeleton.parents[joint])
            if share[joint] < SMALLEST_PART:
                continue
            if other > joint and skeleton.parents[other] == parent:
                roots.append([int(joint), other])
            elif other in (joint, -1) and share[joint] < LARGEST_PART <= share[parent]:
                roots.append([int(joint)])
    return roots
