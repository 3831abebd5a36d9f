# SPDX-License-Identifier: GPL-3.0-or-later
"""A rig as the add-on would read it, and what it does: z up, one unit long, feet on the ground."""

from __future__ import annotations

import importlib
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mocapanything_addon.ik import rotations
from mocapanything_addon.ik.motion import Motion
from mocapanything_addon.jobs.rig import Rig
from mocapanything_addon.models.reference import to_normalised
from samples.creatures.creature import build_creature
from samples.motions.repertoire import repertoire
from training.motion import forward_kinematics
from training.pack import FRAME_RATE, MotionClip, Pack

from ..bone_axes import rest_rotations
from ..cases import most_moving
from .clips import ClipSpec

Array = NDArray[np.float64]
SAME = np.radians(1.0)
"""A clip whose last pose is this near its first shows the first one twice."""
SEAM = 1.5
"""A clip goes round when the step from its end to its beginning is at most this times its largest step."""
FOOT_HEIGHT = 0.12
"""Ends of limbs that come this near to the lowest point stand on the ground at times."""
MOST_EXAMPLES = 400
COPY = 0.3
"""A clip is a copy of another when its nearest poses are this near, by how far the other's are from their
mean."""
THINNED = 3
"""Every so many filmed frames are looked for."""
MOVING = np.radians(2.0)
"""Bones that turn less do not count."""


@dataclass(frozen=True, eq=False)
class Subject:
    """Who is filmed."""

    rig: Rig
    motion: Motion
    """T frames at 24 a second, armature space."""


def make_subject(spec: ClipSpec, packs: Path, frames: int) -> Subject:
    """Build a clip's rig and motion.

    Args:
        spec: Which.
        packs: Folder of rig packs.
        frames: At most; clips that go round are repeated, others end when they end. Of a longer clip the part
            that moves most.

    Raises:
        FileNotFoundError: There is no such pack.
        ValueError: The pack has no such clip.
    """
    if spec.creature:
        return _built(spec, frames)
    return subject_of_pack(Pack.load(packs, spec.pack), spec, frames)


def subject_of_pack(pack: Pack, spec: ClipSpec, frames: int) -> Subject:
    """The filmed clip and its copies are left out of the rig's own poses: nobody may know the answer."""
    named = [clip for clip in pack.clips if clip.name.split("|")[-1] == spec.clip]
    if not named:
        raise ValueError(f"{pack.name} has no clip {spec.clip}")
    turn = to_normalised(pack.up)
    rest = pack.rest_positions @ turn.T
    vertices = pack.vertices @ turn.T
    size = float(np.ptp(rest, axis=0).max())
    origin = np.array([rest[0, 0], rest[0, 1], vertices[:, 2].min()])
    rest, vertices = (rest - origin) / size, (vertices - origin) / size
    others = [clip for clip in pack.clips if clip is not named[0] and not repeats(clip, named[0])]
    count = len(rest)
    rig = Rig(
        name=pack.name,
        joint_names=tuple(f"joint.{j:03d}" for j in range(count)),
        is_tail=pack.is_tail,
        parents=pack.parents,
        rest_positions=rest,
        rest_rotations=rest_rotations(pack.parents, rest),
        limits=np.tile([-np.inf, np.inf], (count, 3, 1)),
        locked_rotation=np.zeros((count, 3), bool),
        can_translate=np.arange(count) == 0,
        vertices=vertices.astype(np.float32),
        faces=pack.faces,
        vertex_colors=pack.vertex_colors,
        skin_joints=pack.skin_joints,
        skin_weights=pack.skin_weights,
        example_rotations=_examples([_turned(clip, turn) for clip in others], count),
    )
    local = _turned(named[0], turn)
    local[:, pack.is_tail] = np.eye(3)
    root = (named[0].root_positions @ turn.T - origin) / size
    first = most_moving(pack, named[0], min(frames, len(local)), size)[1]
    local, root = _repeated(local[first:], root[first:], frames)
    if spec.travels:
        root = root + _travel(rig, local, root)
    root[:, 2] += spec.lift
    return Subject(rig, Motion(root - rest[0], local))


def _built(spec: ClipSpec, frames: int) -> Subject:
    family = importlib.import_module(f"samples.creatures.families.{spec.family}")
    creature = build_creature(getattr(family, spec.creature)(), seed=len(spec.name))
    times = np.arange(frames) / FRAME_RATE
    clip = repertoire(creature)[spec.action](times, **spec.options)
    scale = 1.0 / creature.rig.size
    rig = replace(
        creature.rig,
        rest_positions=creature.rig.rest_positions * scale,
        vertices=(creature.rig.vertices * scale).astype(np.float32),
    )
    lift = np.array([0.0, 0.0, spec.lift])
    return Subject(rig, Motion(clip.motion.root_translation * scale + lift, clip.motion.local_rotations))


def repeats(clip: MotionClip, filmed: MotionClip) -> bool:
    """Whether a clip holds nearly the filmed poses: wings beat on while the creature attacks or is hit."""
    poses, others = filmed.rotations[::THINNED].astype(float), clip.rotations.astype(float)
    mean = rotations.nearest_rotation(poses.mean(axis=0))
    away = rotations.angle_between(mean, poses)
    moving = np.sqrt((away**2).mean(axis=0)) > MOVING
    moving[0] = False
    if not moving.any():
        return False
    apart = [rotations.angle_between(pose[moving], others[:, moving]).mean(axis=1).min() for pose in poses]
    return bool(np.median(apart) < COPY * away[:, moving].mean())


def _turned(clip: MotionClip, turn: Array) -> Array:
    return rotations.nearest_rotation(turn @ clip.rotations.astype(float) @ turn.T)


def _examples(clips: list[Array], joints: int) -> NDArray[np.float32]:
    """(N, J, 4) poses spread over the clips."""
    if not clips:
        return np.zeros((0, joints, 4), np.float32)
    poses = np.concatenate(clips)
    chosen = np.unique(np.linspace(0, len(poses) - 1, MOST_EXAMPLES).astype(int))
    return rotations.quaternion_from_matrix(poses[chosen]).astype(np.float32)


def _repeated(local: Array, root: Array, frames: int) -> tuple[Array, Array]:
    """The clip again and again, where it goes round; the root goes on from where it came."""
    steps = rotations.angle_between(local[:-1], local[1:]).max()
    seam = rotations.angle_between(local[-1], local[0]).max()
    if len(local) >= frames or seam > max(SEAM * steps, SAME):
        return local[:frames], root[:frames].copy()
    if seam < SAME:
        local, leap = local[:-1], root[-1] - root[0]
        root = root[:-1]
    else:
        leap = root[-1] - root[0] + np.diff(root, axis=0).mean(axis=0)
    leap[2] = 0.0
    rounds = -(-frames // len(local))
    going = np.concatenate([root + k * leap for k in range(rounds)])
    return np.tile(local, (rounds, 1, 1, 1))[:frames], going[:frames]


def _travel(rig: Rig, local: Array, root: Array) -> Array:
    """(T, 3) way over the ground at the steady speed that keeps the foot that stands in its place."""
    _, positions = forward_kinematics(rig.parents, rig.offsets, local, root)
    ends = np.setdiff1d(np.arange(rig.joint_count), rig.parents)
    low = positions[:, ends, 2].min(axis=0)
    feet = positions[:, ends[low < low.min() + FOOT_HEIGHT]]
    standing = feet[..., 2].argmin(axis=1)[:-1]
    steps = np.diff(feet, axis=0)[np.arange(len(standing)), standing]
    speed = -np.median(steps, axis=0)
    speed[2] = 0.0
    return np.arange(len(root))[:, None] * speed
