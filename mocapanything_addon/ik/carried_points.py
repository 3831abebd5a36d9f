# SPDX-License-Identifier: GPL-3.0-or-later
"""Points of a skin followed through a clip, and evidence about them told to the bodies that carry them.

A point is x = sum_b w_b x_b with x_b where body b alone would carry it. Its motion is a weighted mean of
those of the x_b, so a convex cost of it is at most the weighted mean of the costs of theirs (Jensen):
evidence about the point becomes w_b times the same evidence about each x_b. The derivative stays exact, the
curvature is never too small, and no two bodies are tied together.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from .kinematics import State
from .linear.normal_equations import NormalEquations
from .rotations import hat
from .skinning import Skin

Array = NDArray[np.float64]
CHUNK_VALUES = 1 << 22
"""Most floats in a temporary array."""


class CarriedPoints:
    """The V vertices of a skin as points of evidence, in double precision."""

    def __init__(self, skin: Skin) -> None:
        self.skin = skin
        points, columns = np.nonzero(skin.skin_weights > 0.0)
        joints = skin.skin_joints[points, columns]
        order = np.argsort(joints, kind="stable")
        # One share for each body of each point, those of one body side by side.
        self._points = points[order]
        self._shares = skin.skin_weights[points, columns][order]
        self._joints = joints[order]
        self._arms = skin.vertices[self._points] - skin.skeleton.rest_positions[self._joints]
        self._bodies, self._starts = np.unique(self._joints, return_index=True)

    def _carried(self, state: State, frames: slice) -> Array:
        """(t, E, 3) where each of its bodies alone would carry a point."""
        turned = state.pose.global_rotations[frames][:, self._joints]
        return state.pose.positions[frames][:, self._joints] + (turned @ self._arms[..., None])[..., 0]

    def positions(self, state: State) -> Array:
        """(T, V, 3) armature space."""
        shares = self._shares[:, None] * self._carried(state, slice(None))
        return np.add.reduceat(shares[:, self._by_point], self._first_shares, axis=1)

    @cached_property
    def _by_point(self) -> NDArray[np.int64]:
        return np.argsort(self._points, kind="stable")

    @cached_property
    def _first_shares(self) -> NDArray[np.int64]:
        return np.searchsorted(self._points[self._by_point], np.arange(self.skin.vertex_count))

    def add_information(
        self, state: State, system: NormalEquations, information: Array, gradient: Array
    ) -> None:
        """Add evidence about the points to a system.

        Args:
            state: where the motion is.
            system: gets no less than J^T information J, and J^T gradient, J the derivative of the points.
            information: (T, V, 3, 3) symmetric, second derivative of the cost by each point.
            gradient: (T, V, 3) derivative of the cost by each point.
        """
        frames, joints = state.frame_count, state.skeleton.joint_count
        bodies, wrenches = np.zeros((frames, joints, 6, 6)), np.zeros((frames, joints, 6))
        chunk = max(1, CHUNK_VALUES // (36 * len(self._points)))
        for first in range(0, frames, chunk):
            part = slice(first, first + chunk)
            across = hat(self._carried(state, part))
            weighted = self._shares[:, None, None] * information[part][:, self._points]
            pull = (self._shares[:, None] * gradient[part][:, self._points])[..., None]
            moments = across @ weighted
            own = np.empty((*weighted.shape[:2], 6, 7))
            own[..., 3:, 3:6] = weighted
            own[..., :3, 3:6] = moments
            own[..., 3:, :3] = np.swapaxes(moments, -1, -2)
            own[..., :3, :3] = -moments @ across
            own[..., :3, 6:] = across @ pull
            own[..., 3:, 6:] = pull
            total = np.add.reduceat(own, self._starts, axis=1)
            bodies[part, self._bodies], wrenches[part, self._bodies] = total[..., :6], total[..., 6]
        system.add_bodies(bodies, wrenches)
