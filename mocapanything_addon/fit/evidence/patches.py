# SPDX-License-Identifier: GPL-3.0-or-later
"""Where small patches of one image are in another: B. D. Lucas, T. Kanade, "An iterative image registration
technique" (1981), robust, and with the uncertainty that the patch's own texture leaves.

Dense optical flow is smooth, so it drags a leg along with the trunk behind it. A patch that is cut out along
the rendered body's parts is moved by its own part alone. What it cannot tell, such as the way along a
straight edge, its precision says.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
RADIUS, EVERY = 7, 2
"""Pixels around the middle of a patch, and which of them are compared."""
WIDER = (4.0, 3.0, 2.0, 1.0, 1.0)
"""How much larger the noise is taken in each step: far from its place, all of a patch differs."""
LONGEST_STEP = 2.0
"""Pixels."""
NOISE = 4.0
"""Standard deviation of a grey level, 0 to 255, between the same points of two frames."""
LARGEST_NOISE = 2.5
"""Of ``NOISE``: where pixels begin to lose their say."""
SAME = 0.5
"""Pixels: guesses nearer than this to the first one are not tried."""
STIFFNESS = 0.4
"""Squared grey levels a pixel: keeps patches without texture where they are."""


@dataclass(frozen=True, eq=False)
class PatchMotion:
    """What became of N patches."""

    displacements: Array
    """(N, 2) pixels."""
    precision: Array
    """(N, 2, 2) inverse covariance by the patch's texture alone, 1 / pixels^2."""
    misfit: Array
    """(N,) mean robust squared difference in the end, in variances of the noise: about 1 or less where the
    patch was found."""


def follow_patches(
    source: NDArray[np.float32],
    target: NDArray[np.float32],
    places: Array,
    guesses: Sequence[Array],
    parts: NDArray[np.integer],
) -> PatchMotion:
    """Find patches again, each from the best of several guesses.

    Args:
        source: (n, n) grey levels.
        target: (n, n).
        places: (N, 2) middles of the patches in ``source``, pixels.
        guesses: Displacements (N, 2) to begin with, pixels; at least one.
        parts: (n, n) which part of the body a pixel of ``source`` shows; a patch holds only pixels of the
            part in its middle.
    """
    if not len(places):
        return PatchMotion(np.zeros((0, 2)), np.zeros((0, 2, 2)), np.zeros(0))
    patches = _Patches.cut(source, places, parts)
    best = patches.found_in(target, guesses[0])
    for guess in guesses[1:]:
        other = np.flatnonzero(np.linalg.norm(guess - guesses[0], axis=1) > SAME)
        if not len(other):
            continue
        found = patches[other].found_in(target, guess[other])
        better = found.misfit < best.misfit[other]
        at = other[better]
        best.displacements[at] = found.displacements[better]
        best.precision[at] = found.precision[better]
        best.misfit[at] = found.misfit[better]
    return best


@dataclass(frozen=True, eq=False)
class _Patches:
    """N patches of P pixels."""

    x: NDArray[np.float32]
    y: NDArray[np.float32]
    grey: NDArray[np.float32]
    slope_x: NDArray[np.float32]
    slope_y: NDArray[np.float32]
    weights: NDArray[np.float32]
    """All (N, P)."""

    def __getitem__(self, some: NDArray[np.intp]) -> _Patches:
        return _Patches(
            self.x[some],
            self.y[some],
            self.grey[some],
            self.slope_x[some],
            self.slope_y[some],
            self.weights[some],
        )

    @classmethod
    def cut(cls, image: NDArray[np.float32], places: Array, parts: NDArray[np.integer]) -> _Patches:
        side = slice(-RADIUS, RADIUS + 1, EVERY)
        offsets = np.mgrid[side, side].reshape(2, -1).astype(np.float32)
        x = places[:, :1].astype(np.float32) + offsets[1]
        y = places[:, 1:].astype(np.float32) + offsets[0]
        # Scharr's kernel sums to 32 for a slope of 1.
        slope_x, slope_y = (cv2.Scharr(image, cv2.CV_32F, dx, 1 - dx) / 32.0 for dx in (1, 0))
        labels = parts.astype(np.float32)
        part = cv2.remap(labels, x, y, cv2.INTER_NEAREST, borderMode=cv2.BORDER_CONSTANT, borderValue=(-1.0,))
        near = np.exp(-(offsets**2).sum(axis=0) / (2.0 * (0.5 * RADIUS) ** 2))
        at = np.rint(places).astype(int).clip(0, len(parts) - 1)
        weights = near * (part == labels[at[:, 1], at[:, 0], None])
        return cls(x, y, _at(image, x, y), _at(slope_x, x, y), _at(slope_y, x, y), weights.astype(np.float32))

    def found_in(self, image: NDArray[np.float32], guess: Array) -> PatchMotion:
        """Gauss-Newton from one guess (N, 2), with a change of brightness as third unknown."""
        moved = guess.astype(np.float64)
        away = self._difference(image, moved)
        xx = xy = yy = np.zeros(len(moved), np.float32)
        for wider in WIDER:
            squared = (self._without_mean(away, self.weights) / (wider * LARGEST_NOISE * NOISE)) ** 2
            trust = self.weights / (1.0 + squared) ** 2
            # Eliminating the brightness leaves what differs from the patch's weighted mean.
            x, y, rest = (self._without_mean(v, trust) for v in (self.slope_x, self.slope_y, away))
            across, down = trust * x, trust * y
            xx, xy, yy = _dot(across, x), _dot(across, y), _dot(down, y)
            right_x, right_y = _dot(across, rest), _dot(down, rest)
            determinant = (xx + STIFFNESS) * (yy + STIFFNESS) - xy**2
            step = -np.stack(
                [(yy + STIFFNESS) * right_x - xy * right_y, (xx + STIFFNESS) * right_y - xy * right_x], axis=1
            )
            step /= determinant[:, None]
            length = np.linalg.norm(step, axis=1, keepdims=True)
            moved = moved + step * np.minimum(1.0, LONGEST_STEP / np.maximum(length, 1e-9))
            away = self._difference(image, moved)
        squared = (self._without_mean(away, self.weights) / NOISE) ** 2
        total = np.maximum(self.weights.sum(axis=1), 1e-6)
        misfit = _dot(self.weights, squared / (1.0 + squared / 9.0)) / total
        precision = np.stack([np.stack([xx, xy], axis=-1), np.stack([xy, yy], axis=-1)], axis=-2)
        return PatchMotion(moved, precision.astype(np.float64) / NOISE**2, misfit.astype(np.float64))

    def _difference(self, image: NDArray[np.float32], moved: Array) -> NDArray[np.float32]:
        """(N, P) grey levels that the image under the moved patches is brighter."""
        shift = moved.astype(np.float32)
        return _at(image, self.x + shift[:, :1], self.y + shift[:, 1:]) - self.grey

    @staticmethod
    def _without_mean(values: NDArray[np.float32], weights: NDArray[np.float32]) -> NDArray[np.float32]:
        mean = _dot(weights, values) / np.maximum(weights.sum(axis=1), 1e-6)
        return values - mean[:, None]


def _dot(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(np.einsum("np,np->n", a, b))


def _at(image: NDArray[np.float32], x: NDArray[np.float32], y: NDArray[np.float32]) -> NDArray[np.float32]:
    values = cv2.remap(image, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(values, np.float32)
