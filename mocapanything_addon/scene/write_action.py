# SPDX-License-Identifier: GPL-3.0-or-later
"""Write a captured motion as a new Action on the character's own bones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import bpy
import numpy as np
from numpy.typing import NDArray

from ..jobs.errors import BadInputError
from ..jobs.rig import Rig
from ..jobs.solution import Solution
from . import compat
from .armature_space import check_armature
from .bone_motion import BoneKeys, BoneState, drive
from .bones import read_bones
from .example_poses import CAPTURE_MARK
from .obstacles import find_obstacles, has_playing_tracks, listed
from .rotation_channels import RotationState, free_channels
from .timing import motion_at_frames

Array = NDArray[np.float64]
Channel = tuple[str, str, int, Array]
"""Bone, RNA name, index, values (N,), or (1,) for one that never changes."""

LINEAR = 1
"""Value of Keyframe.interpolation in foreach_set: between keys on every frame there is nothing to ease."""
REST_TOLERANCE = 1e-6


@dataclass(frozen=True)
class WrittenAction:
    """The new Action and what the user should know about it."""

    action: bpy.types.Action
    frame_start: int
    frame_end: int
    warnings: tuple[str, ...]


def write_action(
    armature_object: bpy.types.Object,
    rig: Rig,
    solution: Solution,
    *,
    name: str,
    frame_start: int | None = None,
    scene: bpy.types.Scene | None = None,
) -> WrittenAction:
    """Make a new Action from the solution and assign it to the armature.

    The Action that played before is kept with a fake user. Rotation modes, locks, the scene's frame rate
    and all else stay as they are; assigning is the last step, and when anything fails before it nothing is
    left behind.

    Args:
        armature_object: The armature that the rig was read from.
        rig: What was read.
        solution: The captured motion.
        name: Of the Action.
        frame_start: Scene frame of the first video frame; the scene's start frame when None.
        scene: Whose frame rate and start count; the current one when None.

    Raises:
        BadInputError: the armature cannot be animated or has lost bones since the rig was read.
    """
    _check_writable(armature_object)
    scene = scene or bpy.context.scene
    start = scene.frame_start if frame_start is None else int(frame_start)
    frame_rate = scene.render.fps / scene.render.fps_base
    chain = read_bones(armature_object)
    states = {bone.name: _state(bone) for bone in armature_object.pose.bones}
    motion = motion_at_frames(solution, rig, frame_rate)
    moved = drive(chain, states, rig, motion)
    warnings = find_obstacles(armature_object, [key.name for key in moved.keys])
    if moved.misplaced:
        warnings.append(
            f"{listed(moved.misplaced)} cannot go where the motion asks: the location is locked or the bone "
            "is connected."
        )
    key_rest = has_playing_tracks(armature_object)
    frames = np.arange(start, start + len(motion), dtype=np.float32)

    action = bpy.data.actions.new(name)
    try:
        store = compat.new_curve_store(action, armature_object)
        for bone, channel, index, values in _channels(moved.keys, key_rest):
            path = f'pose.bones["{bpy.utils.escape_identifier(bone)}"].{channel}'
            _write_curve(compat.new_fcurve(store, path, index, bone), frames[: len(values)], values)
        action[CAPTURE_MARK] = True
        action.use_frame_range = True
        action.frame_start, action.frame_end = start, start + len(motion) - 1
        _assign(armature_object, action)
    except BaseException:
        bpy.data.actions.remove(action)
        raise
    return WrittenAction(action, start, start + len(motion) - 1, tuple(warnings))


def _check_writable(armature_object: bpy.types.Object) -> None:
    check_armature(armature_object)
    name = armature_object.name
    if armature_object.library is not None:
        raise BadInputError(
            f"The armature '{name}' is linked from another file and cannot be animated here.",
            "Make a library override of it (Object > Library Override > Make) and capture again.",
            code="linked_armature",
        )
    data = armature_object.animation_data
    if data is not None and data.use_tweak_mode:
        raise BadInputError(
            f"An NLA strip of the armature '{name}' is being edited.",
            "Leave tweak mode in the NLA editor (Tab) and try again.",
            code="nla_tweak_mode",
        )


def _state(bone: bpy.types.PoseBone) -> BoneState:
    mode = bone.rotation_mode
    values = {"QUATERNION": bone.rotation_quaternion, "AXIS_ANGLE": bone.rotation_axis_angle}.get(
        mode, bone.rotation_euler
    )
    rotation = RotationState(
        mode=mode,
        locked=tuple(bone.lock_rotation),
        locked_w=bone.lock_rotation_w,
        locks_four=bone.lock_rotations_4d,
        values=tuple(values),
    )
    return BoneState(
        rotation, tuple(bone.location), tuple(bone.lock_location), tuple(bone.scale), tuple(bone.lock_scale)
    )


def _channels(keys: list[BoneKeys], key_rest: bool) -> Iterator[Channel]:
    """Every channel that needs keys, bone by bone.

    Args:
        keys: What the bones do.
        key_rest: Key channels that stay at rest even where they are at rest now.
    """
    turning = _turning_values(keys)
    for key in keys:
        state = key.state
        if key.location is not None and not key.connected:
            for i in range(3):
                if not state.locked_location[i]:
                    yield key.name, "location", i, key.location[:, i]
        elif not key.connected and (key_rest or _differs(state.location, 0.0)):
            yield from (
                (key.name, "location", i, np.zeros(1)) for i in range(3) if not state.locked_location[i]
            )
        path = state.rotation.path
        if key.name in turning:
            yield from ((key.name, path, i, values) for i, values in enumerate(turning[key.name].T))
        elif state.rotation.is_locked:
            yield from ((key.name, path, i, values) for i, values in key.locked_rotation.items())
        else:
            rest = free_channels(np.eye(3)[None, None], state.rotation.mode)[0, 0]
            yield from ((key.name, path, i, rest[i : i + 1]) for i in range(len(rest)))
        if key_rest or _differs(state.scale, 1.0):
            yield from ((key.name, "scale", i, np.ones(1)) for i in range(3) if not state.locked_scale[i])


def _turning_values(keys: list[BoneKeys]) -> dict[str, Array]:
    """(N, 3 or 4) rotation channels of every bone without locks, all bones of one mode at once."""
    by_mode: dict[str, list[tuple[str, Array]]] = {}
    for key in keys:
        if key.rotation is not None:
            by_mode.setdefault(key.state.rotation.mode, []).append((key.name, key.rotation))
    result = {}
    for mode, members in by_mode.items():
        values = free_channels(np.stack([matrices for _, matrices in members], axis=1), mode)
        result.update({name: values[:, i] for i, (name, _) in enumerate(members)})
    return result


def _differs(values: tuple[float, ...], rest: float) -> bool:
    return any(abs(value - rest) > REST_TOLERANCE for value in values)


def _write_curve(curve: compat.FCurve, frames: NDArray[np.float32], values: Array) -> None:
    points = curve.keyframe_points
    points.add(len(frames))
    coordinates = np.empty(2 * len(frames), np.float32)
    coordinates[0::2], coordinates[1::2] = frames, values
    points.foreach_set("co", coordinates)
    points.foreach_set("interpolation", np.full(len(frames), LINEAR, np.int32))
    curve.update()


def _assign(armature_object: bpy.types.Object, action: bpy.types.Action) -> None:
    """Play the new Action; undo everything when Blender refuses."""
    had_data = armature_object.animation_data is not None
    earlier = armature_object.animation_data.action if had_data else None
    had_fake_user = earlier is not None and earlier.use_fake_user
    try:
        if earlier is not None and earlier.library is None:
            earlier.use_fake_user = True
        compat.assign_action(armature_object, action)
    except BaseException:
        if not had_data:
            armature_object.animation_data_clear()
        elif earlier is not None:
            armature_object.animation_data.action = earlier
            if earlier.library is None:
                earlier.use_fake_user = had_fake_user
        raise
