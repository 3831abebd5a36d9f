# SPDX-License-Identifier: GPL-3.0-or-later
"""Rigs with a motion that is known: what every table is measured on.

All are scaled to the 1 m cube: the longest side of the joints' rest-pose box is 1, the root is at the origin.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from mocapanything_addon.ik import Skeleton, rotations
from mocapanything_addon.ik.motion import Motion
from training.pack import FRAME_RATE, MotionClip, Pack, pack_names
from training.split import is_procedural

from .bone_axes import rest_rotations

Array = NDArray[np.float64]
MOST_OF_A_FAMILY = 4
FEWEST_JOINTS = 5
SAME_BONES = 0.01
"""Metres in the 1 m cube: the fish pack is thirty times the same seven bones."""


Score = Callable[[Pack, MotionClip, int, float], tuple[float, int]]
"""Of pack, clip, frames of the window and size of the rig: how good its best window is, its first frame."""


@dataclass(frozen=True, eq=False)
class Surface:
    """V vertices of the mesh and what moves them."""

    vertices: Array
    """(V, 3) rest pose."""
    joints: NDArray[np.int64]
    """(V, K)."""
    weights: Array
    """(V, K)."""


@dataclass(frozen=True, eq=False)
class Case:
    """A rig and T frames of its true motion."""

    name: str
    skeleton: Skeleton
    """Without ranges; tail joints (ends of leaf bones) are locked."""
    truth: Motion
    all_rotations: tuple[Array, ...]
    """Every clip of the rig, (T_i, J, 3, 3) each: where ranges come from."""
    fps: float = FRAME_RATE
    up: Array | None = None
    """(3,) the vertical; None for trees that have none."""
    surface: Surface | None = None

    @property
    def is_tail(self) -> NDArray[np.bool_]:
        """(J,) joints without a rotation of their own."""
        return self.skeleton.locks.all(axis=1)

    def cut(self, frames: int) -> Case:
        """The first frames only."""
        return replace(self, truth=self.truth[:frames])


def true_positions(case: Case) -> Array:
    """(T, J, 3), joint by joint: p_j = p_parent + D_parent o_j. Not the solver's own forward kinematics."""
    skeleton, truth = case.skeleton, case.truth
    turned = np.empty(truth.local_rotations.shape)
    positions = np.empty(turned.shape[:3])
    for joint in sorted(range(skeleton.joint_count), key=lambda j: int(skeleton.depths[j])):
        parent = int(skeleton.parents[joint])
        if parent < 0:
            turned[:, joint] = truth.local_rotations[:, joint]
            positions[:, joint] = skeleton.rest_positions[joint] + truth.root_translation
        else:
            offset = skeleton.rest_positions[joint] - skeleton.rest_positions[parent]
            turned[:, joint] = turned[:, parent] @ truth.local_rotations[:, joint]
            positions[:, joint] = positions[:, parent] + turned[:, parent] @ offset
    return positions


def pack_cases(folder: Path, frames: int, most: int | None = None) -> list[Case]:
    """The most moving window of the most moving clip of every rig, in order of name; see :func:`packs_of`."""
    return [case_from_pack(pack, frames) for pack in packs_of(folder, most)]


def packs_of(folder: Path, most: int | None = None) -> Iterator[Pack]:
    """Artists' rigs that differ: a few of each family, none with the bones of another.

    Args:
        folder: of packs, see training/README.md.
        most: this many, spread over the list; None: all.
    """
    names = [name for name in pack_names(folder) if not is_procedural(name)]
    if most is not None:
        names = names[:: max(1, len(names) // (2 * most))]
    taken: Counter[str] = Counter()
    bones: list[Array] = []
    for name in names:
        if taken.total() == most:
            return
        pack = Pack.load(folder, name)
        places = _normalised(pack)[1]
        known = any(len(b) == len(places) and np.abs(b - places).max() < SAME_BONES for b in bones)
        if taken[pack.family] < MOST_OF_A_FAMILY and len(places) >= FEWEST_JOINTS and not known:
            taken[pack.family] += 1
            bones.append(places)
            yield pack


def _normalised(pack: Pack) -> tuple[float, Array]:
    """Size, and joints in the 1 m cube."""
    size = float(np.ptp(pack.rest_positions, axis=0).max())
    return size, (pack.rest_positions - pack.rest_positions[pack.parents.argmin()]) / size


def case_from_pack(pack: Pack, frames: int, score: Score | None = None) -> Case:
    """One case of a rig: the clip and window with the highest score, by default the movement."""
    root = int(pack.parents.argmin())
    size, positions = _normalised(pack)
    count = len(positions)
    skeleton = Skeleton(
        [f"joint.{j:03d}" for j in range(count)],
        pack.parents,
        positions,
        rest_rotations(pack.parents, positions),
        locks=np.repeat(pack.is_tail[:, None], 3, axis=1),
    )
    windows = [(score or most_moving)(pack, clip, frames, size) for clip in pack.clips]
    clip, (_, first) = max(zip(pack.clips, windows, strict=True), key=lambda pair: pair[1][0])
    part = slice(first, first + frames)
    turned = rotations.nearest_rotation(clip.rotations[part].astype(float))
    turned[:, pack.is_tail] = np.eye(3)
    return Case(
        f"{pack.name}: {clip.name}",
        skeleton,
        Motion((clip.root_positions[part].astype(float) - pack.rest_positions[root]) / size, turned),
        tuple(rotations.nearest_rotation(c.rotations.astype(float)) for c in pack.clips),
        up=pack.up,
        surface=Surface(
            (pack.vertices - pack.rest_positions[root]) / size,
            pack.skin_joints.astype(np.int64),
            pack.skin_weights.astype(float),
        ),
    )


def most_moving(pack: Pack, clip: MotionClip, frames: int, size: float) -> tuple[float, int]:
    """How much the window of a clip that moves most does move, and its first frame."""
    turns = rotations.angle_between(clip.rotations[:-1].astype(float), clip.rotations[1:].astype(float)).mean(
        axis=1
    )
    steps = np.linalg.norm(np.diff(clip.root_positions, axis=0), axis=-1) / size
    sums = np.concatenate([[0.0], np.cumsum(turns + steps)])
    length = min(frames - 1, len(turns))
    totals = sums[length:] - sums[: len(sums) - length]
    return float(totals.max()), int(totals.argmax())


def tree_case(seed: int, joints: int, frames: int) -> Case:
    """A random tree of ball joints, bones of one to two lengths, moving smoothly by about 30 degrees."""
    rng = np.random.default_rng([seed, 41])
    parents = np.array([-1] + [int(rng.integers(max(0, j - 5), j)) for j in range(1, joints)])
    positions = np.zeros((joints, 3))
    for joint in range(1, joints):
        arm = rng.normal(size=3)
        positions[joint] = positions[parents[joint]] + arm / np.linalg.norm(arm) * rng.uniform(0.5, 1.0)
    positions /= np.ptp(positions, axis=0).max()
    skeleton = Skeleton(
        [f"joint.{j:03d}" for j in range(joints)], parents, positions, rng.normal(size=(joints, 4))
    )
    vectors = gaussian_filter1d(rng.normal(size=(frames, joints, 3)), 6, axis=0, mode="wrap")
    vectors *= 0.5 / max(vectors.std(), 1e-12)
    travel = gaussian_filter1d(rng.normal(size=(frames, 3)), 8, axis=0, mode="wrap")
    turned = rotations.exp(vectors)
    return Case(f"tree of {joints}, seed {seed}", skeleton, Motion(travel, turned), (turned,))
