# SPDX-License-Identifier: GPL-3.0-or-later
"""How fast the joints turn from frame to frame, and the derivative of that."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .. import rotations
from ..kinematics import State

Array = NDArray[np.float64]


class Rates(NamedTuple):
    """Between each frame and the next, for the M moving joints."""

    velocity: Array
    """(T - 1, M, 3) v = log(L_t^T L_t+1) over the interval, radians, in the joint's own frame."""
    by_this: Array
    """(T - 1, M, 3, 3) derivative by the unknowns of the earlier frame."""
    by_next: Array
    """(T - 1, M, 3, 3) derivative by the unknowns of the later frame."""


def turning_rates(state: State, intervals: Array) -> Rates:
    """Args: intervals: (T - 1,) lengths of time, in whichever unit the rates are wanted."""
    turned = state.motion.local_rotations[:, state.skeleton.moving]
    velocity = rotations.log(np.swapaxes(turned[:-1], -1, -2) @ turned[1:])
    inverse = rotations.inverse_right_jacobian(velocity)
    axes = state.body_axes
    rate = 1.0 / intervals[:, None, None, None]
    by_this = -rate * np.swapaxes(inverse, -1, -2) @ axes[:-1]
    return Rates(velocity * rate[..., 0], by_this, rate * inverse @ axes[1:])


def frame_intervals(times: Array | None, frame_count: int) -> Array:
    """(T - 1,) intervals in units of their median; ones where ``times`` is None."""
    if times is None or frame_count < 2:
        return np.ones(max(frame_count - 1, 0))
    intervals = np.diff(times)
    return intervals / np.median(intervals)
