# SPDX-License-Identifier: GPL-3.0-or-later
"""Video time to scene time: the captured motion at whole frames of the scene."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..ik import rotations
from ..jobs.rig import Rig
from ..jobs.solution import Solution

Array = NDArray[np.float64]

SAME_RATE = 1e-3
"""Frame rates that differ by less than this share are the same."""
JITTER = 0.25
"""A frame this near (in frames) to its place counts as in its place: containers round their time stamps."""


@dataclass(frozen=True, eq=False)
class FrameMotion:
    """The motion of J joints at N successive frames of the scene, armature space."""

    rotations: Array
    """(N, J, 3, 3) rest-relative D_j."""
    positions: Array
    """(N, J, 3)."""

    def __len__(self) -> int:
        return len(self.positions)


def motion_at_frames(solution: Solution, rig: Rig, frame_rate: float) -> FrameMotion:
    """Read the solution at the scene's frames, the first one at the first frame of the video.

    Where the scene runs at the video's rate frames are taken over one by one. Otherwise rotations are
    interpolated along the shortest arc in the parent's space and bones keep their lengths.

    Args:
        solution: T frames.
        rig: The rig that it was made for.
        frame_rate: The scene's frames per second.
    """
    turned = rotations.matrix_from_quaternion(solution.global_rotations)
    if _is_one_to_one(solution, frame_rate):
        return FrameMotion(turned, np.asarray(solution.positions, float))
    times = solution.times - solution.times[0]
    frames = np.arange(int(np.floor(times[-1] * frame_rate + 1e-6)) + 1) / frame_rate
    local, gaps = turned.copy(), np.array(solution.positions, float)
    parents = rig.parents
    for joint in range(1, rig.joint_count):
        back = np.swapaxes(turned[:, parents[joint]], -1, -2)
        local[:, joint] = back @ turned[:, joint]
        from_parent = solution.positions[:, joint] - solution.positions[:, parents[joint]]
        gaps[:, joint] = np.einsum("tij,tj->ti", back, from_parent)
    turned = rotations.resample(times, local, frames)
    places = _interpolate(times, gaps, frames)
    for joint in range(1, rig.joint_count):
        parent = turned[:, parents[joint]]
        places[:, joint] = places[:, parents[joint]] + np.einsum("tij,tj->ti", parent, places[:, joint])
        turned[:, joint] = parent @ turned[:, joint]
    return FrameMotion(turned, places)


def _is_one_to_one(solution: Solution, frame_rate: float) -> bool:
    if abs(solution.source_frame_rate - frame_rate) > SAME_RATE * frame_rate:
        return False
    expected = np.arange(len(solution.times))
    return bool(np.abs((solution.times - solution.times[0]) * frame_rate - expected).max() < JITTER)


def _interpolate(times: Array, values: Array, new_times: Array) -> Array:
    """(T, ...) at ``times`` -> (N, ...) at ``new_times``, linear."""
    if len(times) == 1:
        return np.repeat(values, len(new_times), axis=0)
    upper = np.clip(np.searchsorted(times, new_times, side="right"), 1, len(times) - 1)
    share = np.clip((new_times - times[upper - 1]) / (times[upper] - times[upper - 1]), 0.0, 1.0)
    share = share.reshape(-1, *[1] * (values.ndim - 1))
    return (1.0 - share) * values[upper - 1] + share * values[upper]
