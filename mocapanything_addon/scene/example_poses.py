# SPDX-License-Identifier: GPL-3.0-or-later
"""Poses that the rig's own Actions put it in: the best hint at how this character holds itself."""

from __future__ import annotations

import re

import bpy
import numpy as np
from numpy.typing import NDArray

from ..ik import rotations
from ..ik.euler_angles import matrix_from_euler
from . import compat
from .bone_chain import BoneChain
from .joints import JointTree

Array = NDArray[np.float64]

MAX_POSES = 64
CAPTURE_MARK = "mocapanything"
"""Custom property on Actions that a capture wrote. They are results, not examples."""
MATCHING_SHARE = 0.3
"""An Action belongs to the rig when it moves at least this share of the joints."""
PATH = re.compile(r'pose\.bones\["((?:[^"\\]|\\.)*)"\]\.(location|scale|rotation_\w+)$')

Channels = dict[tuple[int, str], list[tuple[int, compat.FCurve]]]


def read_example_poses(
    armature_object: bpy.types.Object, chain: BoneChain, tree: JointTree
) -> NDArray[np.float32]:
    """(N, J, 4) rest-relative local rotations, N <= 64, taken evenly from the Actions that animate this rig.

    F-curves are evaluated one by one; nothing is assigned. Joints moved by constraints or drivers cannot be
    read in this way: with one such joint there are no examples.
    """
    none = np.zeros((0, len(tree.bones), 4), np.float32)
    pose_bones = armature_object.pose.bones
    if any(_is_driven(pose_bones[chain.names[b]]) for b in tree.bones):
        return none
    actions = [c for action in bpy.data.actions for c in _channels_of(action, chain, tree)]
    if not actions:
        return none
    actions = [actions[i] for i in np.unique(np.linspace(0, len(actions) - 1, MAX_POSES).astype(int))]
    modes = [pose_bones[name].rotation_mode for name in chain.names]
    count = MAX_POSES // len(actions)
    return np.concatenate([_poses(channels, chain, tree, modes, count) for channels in actions])


def evaluate_poses(channels: Channels, chain: BoneChain, modes: list[str], frames: Array) -> Array:
    """(T, B, 4, 4) pose matrices that F-curves give at some frames; what they do not animate is at rest."""
    shape = (len(frames), len(chain))
    rotation = np.tile(np.eye(3), (*shape, 1, 1))
    location, scale = np.zeros((*shape, 3)), np.ones((*shape, 3))
    for (bone, name), curves in channels.items():
        if name == "location":
            _fill(location[:, bone], curves, frames)
        elif name == "scale":
            _fill(scale[:, bone], curves, frames)
        elif name == _channel_name(modes[bone]):
            rotation[:, bone] = _rotation(curves, modes[bone], frames)
    return chain.poses(rotation, location, scale)


def _is_driven(bone: bpy.types.PoseBone) -> bool:
    return any(not c.mute and c.influence > 0 and not c.type.startswith("LIMIT") for c in bone.constraints)


def _channels_of(action: bpy.types.Action, chain: BoneChain, tree: JointTree) -> list[Channels]:
    """The bone channels of each of the Action's slots that moves enough of this rig."""
    if CAPTURE_MARK in action:
        return []
    result = []
    for curves in compat.curve_lists(action):
        channels: Channels = {}
        for curve in curves:
            match = PATH.match(curve.data_path)
            if match and not curve.mute and len(curve.keyframe_points):
                bone = chain.index.get(bpy.utils.unescape_identifier(match[1]))
                if bone is not None:
                    channels.setdefault((bone, match[2]), []).append((curve.array_index, curve))
        moved = {bone for bone, name in channels if name.startswith("rotation")}
        if len(moved.intersection(tree.bones.tolist())) >= max(1.0, MATCHING_SHARE * len(tree.bones)):
            result.append(channels)
    return result


def _poses(
    channels: Channels, chain: BoneChain, tree: JointTree, modes: list[str], count: int
) -> NDArray[np.float32]:
    ends = [curve.range() for curves in channels.values() for _, curve in curves]
    frames = np.linspace(min(e[0] for e in ends), max(e[1] for e in ends), count)
    turned = chain.rest_relative(evaluate_poses(channels, chain, modes, frames))[:, tree.bones]
    local = turned.copy()
    children = np.nonzero(tree.parents >= 0)[0]
    local[:, children] = np.swapaxes(turned[:, tree.parents[children]], -1, -2) @ turned[:, children]
    return rotations.quaternion_from_matrix(local).astype(np.float32)


def _channel_name(mode: str) -> str:
    return {"QUATERNION": "rotation_quaternion", "AXIS_ANGLE": "rotation_axis_angle"}.get(
        mode, "rotation_euler"
    )


def _rotation(curves: list[tuple[int, compat.FCurve]], mode: str, frames: Array) -> Array:
    """(T, 3, 3)."""
    if mode == "QUATERNION":
        values = np.tile([1.0, 0.0, 0.0, 0.0], (len(frames), 1))
        _fill(values, curves, frames)
        values[np.linalg.norm(values, axis=1) < 1e-6] = [1.0, 0.0, 0.0, 0.0]
        return rotations.matrix_from_quaternion(values)
    if mode == "AXIS_ANGLE":
        values = np.tile([0.0, 0.0, 1.0, 0.0], (len(frames), 1))
        _fill(values, curves, frames)
        axis = values[:, 1:] / np.maximum(np.linalg.norm(values[:, 1:], axis=1, keepdims=True), 1e-9)
        return rotations.exp(values[:, :1] * axis)
    values = np.zeros((len(frames), 3))
    _fill(values, curves, frames)
    return matrix_from_euler(values, mode)


def _fill(values: Array, curves: list[tuple[int, compat.FCurve]], frames: Array) -> None:
    """Write what the curves say into columns; where a key is not a number the nearest one that is counts."""
    for index, curve in curves:
        if index >= values.shape[1]:
            continue
        read = np.array([curve.evaluate(f) for f in frames])
        good = np.isfinite(read)
        if good.any():
            nearest = np.abs(frames[:, None] - frames[good]).argmin(axis=1)
            values[:, index] = np.where(good, read, read[good][nearest])
