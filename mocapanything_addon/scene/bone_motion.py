# SPDX-License-Identifier: GPL-3.0-or-later
"""From the motion of joints to the motion of Blender's bones: which get keys, and what they do."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ..ik import rotations
from ..jobs.errors import BadInputError
from ..jobs.rig import Rig
from .bone_chain import BoneChain
from .rotation_channels import RotationState, locked_channels
from .timing import FrameMotion

Array = NDArray[np.float64]

STILL = 1e-5
"""Location channels below this share of the rig's size are nothing but rounding."""


@dataclass(frozen=True, eq=False)
class BoneState:
    """What a pose bone's channels hold now and which of them are locked."""

    rotation: RotationState
    location: tuple[float, float, float]
    locked_location: tuple[bool, bool, bool]
    scale: tuple[float, float, float]
    locked_scale: tuple[bool, bool, bool]


@dataclass(eq=False)
class BoneKeys:
    """What one bone's channels must be."""

    name: str
    state: BoneState
    rotation: Array | None
    """(N, 3, 3) the rotation channels; None where ``locked_rotation`` says it all or they stay at rest."""
    locked_rotation: dict[int, Array] = field(default_factory=dict)
    """Values by channel of a bone with locks."""
    location: Array | None = None
    """(N, 3) location channels; None where they stay at 0."""
    connected: bool = False


@dataclass(frozen=True, eq=False)
class BoneMotion:
    """Keys of every bone that needs some, and bones that could not go where they should."""

    keys: list[BoneKeys]
    misplaced: list[str]


def drive(chain: BoneChain, states: dict[str, BoneState], rig: Rig, motion: FrameMotion) -> BoneMotion:
    """Work out the pose channels of every bone that the capture moves, and of those between and above them.

    A bone that is a joint gets the pose the motion asks for; a follower bone (see :class:`~..jobs.rig.Rig`)
    moves rigidly with its joint; other ancestors of these are held at rest, so that the user's present pose
    has no say. Only where the body root is connected to its parent, and so cannot move by itself, do its
    ancestors follow it, up to the first that can. What locks and connections prevent is made up for by the
    bones below, as far as they can.

    Raises:
        BadInputError: the armature has lost bones since the rig was read.
    """
    bones = rig.joint_names
    missing = [n for n in {*bones, *rig.follower_bones} if n not in chain.index]
    if missing:
        raise BadInputError(
            f"The armature has no bone '{missing[0]}' any more.",
            "Its bones were renamed or removed during the capture: capture again.",
            code="rig_changed",
        )
    joint_of = _moving_joints(chain, rig)
    wanted = {chain.index[n]: j for j, n in enumerate(bones) if not rig.is_tail[j]}
    needed = set(joint_of)
    for bone in joint_of:
        needed.update(chain.ancestors(bone))
    poses: dict[int, Array] = {}
    keys, misplaced = [], []
    for bone in sorted(needed):
        base = chain.attachment(bone, poses.get(int(chain.parents[bone])))
        linear = np.broadcast_to(base.rotation, (len(motion), 3, 3))
        origin = np.broadcast_to(base.origin, (len(motion), 3))
        key = BoneKeys(
            chain.names[bone], states[chain.names[bone]], None, connected=bool(chain.connected[bone])
        )
        if bone in joint_of:
            joint = joint_of[bone]
            turned = motion.rotations[:, joint]
            place = motion.positions[:, joint]
            if wanted.get(bone) != joint:
                place = place + turned @ (chain.heads[bone] - rig.rest_positions[joint])
            # Blender's rest matrices can be off by 4e-5 from rotations, which angles near gimbal lock would
            # amplify.
            loose_fit = _inverse(base.rotation) @ turned @ chain.rest[bone, :3, :3]
            key.rotation = rotations.matrix_from_quaternion(rotations.quaternion_from_matrix(loose_fit))
            offset = place - origin
            if np.abs(offset).max() > STILL * rig.size or bone == chain.index[bones[0]]:
                key.location = np.einsum("...ij,...j->...i", _inverse(base.axes), offset)
        poses[bone] = _reached(key, linear, base.axes, origin, len(motion))
        if key.location is not None and (key.connected or any(key.state.locked_location)):
            gap = float(np.linalg.norm(poses[bone][:, :3, 3] - place, axis=1).max())
            if gap > 1e-3 * rig.size:
                misplaced.append(key.name)
        keys.append(key)
    return BoneMotion(keys, misplaced)


def _moving_joints(chain: BoneChain, rig: Rig) -> dict[int, int]:
    """The joint that each captured bone moves with."""
    joint_of = {chain.index[n]: int(j) for n, j in zip(rig.follower_bones, rig.follower_joints, strict=True)}
    root = chain.index[rig.joint_names[0]]
    bone = root
    while chain.connected[bone]:
        bone = int(chain.parents[bone])
        joint_of[bone] = 0
    joint_of.update({chain.index[n]: j for j, n in enumerate(rig.joint_names) if not rig.is_tail[j]})
    return joint_of


def _reached(key: BoneKeys, linear: Array, axes: Array, origin: Array, count: int) -> Array:
    """(N, 4, 4) the pose that the channels really give; ``key`` is brought in line with its locks."""
    pose = np.zeros((count, 4, 4))
    pose[:, 3, 3] = 1.0
    pose[:, :3, 3] = origin
    rotation = np.broadcast_to(np.eye(3), (count, 3, 3)) if key.rotation is None else key.rotation
    if key.state.rotation.is_locked:
        key.locked_rotation, rotation = locked_channels(rotation, key.state.rotation)
        key.rotation = None
    pose[:, :3, :3] = linear @ rotation
    if not key.connected:
        location = np.zeros((count, 3)) if key.location is None else key.location
        location = np.where(key.state.locked_location, key.state.location, location)
        pose[:, :3, 3] += np.einsum("...ij,...j->...i", axes, location)
    return pose


def _inverse(matrices: Array) -> Array:
    """(..., 3, 3) by Cramer's rule: several times faster than LAPACK on stacks of small matrices."""
    a, b, c = np.moveaxis(matrices, -1, 0)
    rows = np.stack([np.cross(b, c), np.cross(c, a), np.cross(a, b)], axis=-2)
    return rows / (rows[..., 0, :] * a).sum(-1)[..., None, None]
