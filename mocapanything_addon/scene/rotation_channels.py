# SPDX-License-Identifier: GPL-3.0-or-later
"""Rotations as the values of a bone's rotation channels, in the bone's own rotation mode, locks respected."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..ik import rotations
from ..ik.euler_angles import continuous_euler, matrix_from_euler
from .held_angles import nearest_with_held_angles

Array = NDArray[np.float64]

TINY = 1e-9


@dataclass(frozen=True, eq=False)
class RotationState:
    """How a pose bone stores its rotation, and what the artist locked."""

    mode: str
    """QUATERNION, AXIS_ANGLE or an Euler order."""
    locked: tuple[bool, bool, bool]
    """Lock flags of x, y, z."""
    locked_w: bool
    """Lock flag of w (quaternion) or the angle (axis-angle); counts in four-channel locking only."""
    locks_four: bool
    """Locks apply to the four channels one by one, not to Euler angles."""
    values: tuple[float, ...]
    """Present values of the mode's channels: 3 Euler angles, or 4."""

    @property
    def path(self) -> str:
        """RNA name of the channels."""
        return {"QUATERNION": "rotation_quaternion", "AXIS_ANGLE": "rotation_axis_angle"}.get(
            self.mode, "rotation_euler"
        )

    @property
    def is_euler(self) -> bool:
        return self.mode not in {"QUATERNION", "AXIS_ANGLE"}

    @property
    def is_locked(self) -> bool:
        return any(self.locked) or (self.locks_four and self.locked_w and not self.is_euler)


def free_channels(matrices: Array, mode: str) -> Array:
    """Channel values of bones without locks, continuous over time.

    Args:
        matrices: (T, N, 3, 3) rotations of N bones in the same mode.
        mode: Their rotation mode.

    Returns:
        (T, N, 3) or (T, N, 4).
    """
    if mode == "QUATERNION":
        return _quaternions(matrices)
    if mode == "AXIS_ANGLE":
        return _axis_angles(_quaternions(matrices))
    return continuous_euler(matrices, mode)


def locked_channels(matrices: Array, state: RotationState) -> tuple[dict[int, Array], Array]:
    """Channel values of one bone with locks: the nearest rotation that its free channels reach.

    Args:
        matrices: (T, 3, 3) what is asked.
        state: Locked channels keep their present values.

    Returns:
        Values (T,) by channel index, locked ones left out, and the rotations (T, 3, 3) that result.
    """
    if state.is_euler or not state.locks_four:
        return _held_euler(matrices, state)
    if state.mode == "QUATERNION":
        values = _held_quaternions(matrices, state)
        reached = rotations.matrix_from_quaternion(values)
    else:
        values = _held_axis_angles(matrices, state)
        axis = values[:, 1:] / np.maximum(np.linalg.norm(values[:, 1:], axis=1, keepdims=True), TINY)
        reached = rotations.exp(values[:, :1] * axis)
    locked = (state.locked_w, *state.locked)
    return {i: values[:, i] for i in range(4) if not locked[i]}, reached


def present_rotation(state: RotationState) -> Array:
    """(3, 3) the rotation that the channels give now."""
    values = np.array(state.values)
    if state.mode == "QUATERNION":
        return rotations.matrix_from_quaternion(values if np.abs(values).max() > TINY else np.eye(4)[0])
    if state.mode == "AXIS_ANGLE":
        return rotations.exp(values[0] * values[1:] / max(float(np.linalg.norm(values[1:])), TINY))
    return matrix_from_euler(values, state.mode)


def _quaternions(matrices: Array) -> Array:
    return rotations.continuous_quaternions(rotations.quaternion_from_matrix(matrices))


def _axis_angles(quaternions: Array) -> Array:
    """(T, ..., 4) continuous quaternions -> (angle, x, y, z), the axis never flipping between frames."""
    vector = quaternions[..., 1:]
    sine = np.linalg.norm(vector, axis=-1)
    result = np.empty_like(quaternions)
    axis = np.broadcast_to([0.0, 1.0, 0.0], vector.shape[1:]).copy()
    angle = np.zeros(sine.shape[1:])
    for t in range(len(quaternions)):
        turns = sine[t] > 1e-6
        new_axis = vector[t] / np.where(turns, sine[t], 1.0)[..., None]
        new_axis = np.where(turns[..., None], new_axis, axis)
        flipped = (new_axis * axis).sum(-1) < 0.0
        if t == 0:
            flipped = np.zeros_like(flipped)
        new_axis = np.where(flipped[..., None], -new_axis, new_axis)
        signed = np.where(turns, np.where(flipped, -sine[t], sine[t]), 0.0)
        new_angle = 2.0 * rotations.arctan2(signed, quaternions[t][..., 0])
        angle = new_angle + 2.0 * np.pi * np.round((angle - new_angle) / (2.0 * np.pi))
        axis = new_axis
        result[t, ..., 0], result[t, ..., 1:] = angle, axis
    return result


def _held_euler(matrices: Array, state: RotationState) -> tuple[dict[int, Array], Array]:
    """Locks on Euler angles; in the other modes they mean XYZ angles, as in Blender's own tools."""
    order = state.mode if state.is_euler else "XYZ"
    present = np.array(state.values)
    if not state.is_euler:
        present = continuous_euler(present_rotation(state)[None], order)[0]
    held = {axis: float(present[axis]) for axis in range(3) if state.locked[axis]}
    angles = nearest_with_held_angles(matrices, order, held)
    reached = matrix_from_euler(angles, order)
    if state.is_euler:
        return {axis: angles[:, axis] for axis in range(3) if axis not in held}, reached
    if len(held) == 3:
        return {}, reached
    values = free_channels(reached[:, None], state.mode)[:, 0]
    return {i: values[:, i] for i in range(4)}, reached


def _held_quaternions(matrices: Array, state: RotationState) -> Array:
    """(T, 4) not of unit length: Blender normalises pose quaternions, so any held component can be kept.

    With h the held part and f the wanted values of the rest, the best multiple s of f maximises the cosine
    between (h, s f) and the wanted quaternion: s = |h|^2 / (h . wanted h), and s = 1 where h is 0.
    """
    wanted = _quaternions(matrices)
    locked = np.array([state.locked_w, *state.locked])
    held = np.where(locked, state.values, 0.0)
    size = float(held @ held)
    if size < TINY:
        result = np.where(locked, 0.0, wanted)
        empty = np.linalg.norm(result, axis=1) < 1e-6
        result[empty] = np.where(locked, 0.0, [1.0, 0.0, 0.0, 0.0])
        result[np.linalg.norm(result, axis=1) < 1e-6] = np.where(locked, 0.0, 1.0)
        return result
    agreement = wanted @ held
    wanted = np.where((agreement < 0.0)[:, None], -wanted, wanted)
    factor = size / np.maximum(np.abs(agreement), 1e-3)
    return np.where(locked, held, wanted * factor[:, None])


def _held_axis_angles(matrices: Array, state: RotationState) -> Array:
    """(T, 4) the angle about the nearest axis that the free components allow, or the held angle."""
    values = np.tile(np.array(state.values, float), (len(matrices), 1))
    if state.locked_w:
        return values
    quaternions = _quaternions(matrices)
    locked = np.array(state.locked)
    held = np.where(locked, values[0, 1:], 0.0)
    wanted = quaternions[:, 1:] / np.maximum(np.linalg.norm(quaternions[:, 1:], axis=1, keepdims=True), TINY)
    size = float(held @ held)
    if size >= TINY:
        agreement = wanted @ held
        wanted = np.where((agreement < 0.0)[:, None], -wanted, wanted)
        wanted = wanted * (size / np.maximum(np.abs(agreement), 1e-3))[:, None]
    axis = np.where(locked, held, wanted)
    length = np.linalg.norm(axis, axis=1, keepdims=True)
    unit = axis / np.maximum(length, TINY)
    angle = 2.0 * rotations.arctan2((quaternions[:, 1:] * unit).sum(1), quaternions[:, 0])
    values[:, 0] = np.where(length[:, 0] > TINY, np.unwrap(angle), 0.0)
    values[:, 1:] = np.where(locked, held, axis)
    return values
