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
WIDER = (4.0, 3.0, 2.0, 1.0)
"""How much larger the noise is taken in each step: far from its place, all of a patch differs."""
LONGEST_STEP = 2.0
"""Pixels."""
NOISE = 4.0
"""Standard deviation of a grey level, 0 to 255, between the same points of two frames."""
LARGEST_NOISE = 2.5
"""Of ``NOISE``: where pixels begin to lose their say."""
SAME = 0.5
"""Pixels: guesses nearer than this to the first one are not tried."""
FOUND = 0.2
"""Misfit up to which a patch is where the first guess led, and no other is tried."""
STIFFNESS = 0.4
"""Squared grey levels a pixel: keeps patches without texture where they are."""


_side = slice(-RADIUS, RADIUS + 1, EVERY)
_DOWN, _ACROSS = np.mgrid[_side, _side].reshape(2, -1).astype(np.float32)
_NEAR = np.exp(-(_ACROSS**2 + _DOWN**2) / (2.0 * (0.5 * RADIUS) ** 2))
"""(P,) pixels of a patch from its middle, and what each weighs."""


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
        apart = np.linalg.norm(guess - guesses[0], axis=1)
        other = np.flatnonzero((apart > SAME) & (best.misfit > FOUND))
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
    weights: NDArray[np.float32]
    """All (N, P)."""
    products: NDArray[np.float32]
    """(N, 6, P) 1, the slopes x and y, and their products xx, xy, yy: what the normal equations sum up."""

    def __getitem__(self, some: NDArray[np.intp]) -> _Patches:
        return _Patches(self.x[some], self.y[some], self.grey[some], self.weights[some], self.products[some])

    @classmethod
    def cut(cls, image: NDArray[np.float32], places: Array, parts: NDArray[np.integer]) -> _Patches:
        x = places[:, :1].astype(np.float32) + _ACROSS
        y = places[:, 1:].astype(np.float32) + _DOWN
        part = cv2.remap(parts, x, y, cv2.INTER_NEAREST, borderMode=cv2.BORDER_CONSTANT, borderValue=(-1.0,))
        at = np.rint(places).astype(int).clip(0, len(parts) - 1)
        weights = _NEAR * (part == parts[at[:, 1], at[:, 0], None])
        products = np.ones((len(x), 6, x.shape[1]), np.float32)
        # Scharr's kernel sums to 32 for a slope of 1.
        for row, (dx, dy) in enumerate(((1, 0), (0, 1)), start=1):
            slopes = np.asarray(cv2.Scharr(image, cv2.CV_32F, dx, dy, scale=1.0 / 32.0), np.float32)
            products[:, row] = _at(slopes, x, y)
        np.multiply(products[:, 1:2], products[:, 1:3], out=products[:, 3:5])
        np.square(products[:, 2], out=products[:, 5])
        return cls(x, y, _at(image, x, y), weights, products)

    def found_in(self, image: NDArray[np.float32], guess: Array) -> PatchMotion:
        """Gauss-Newton from one guess (N, 2), with a change of brightness as third unknown."""
        moved = guess.astype(np.float64)
        shares = self.weights / np.maximum(self.weights.sum(axis=1, keepdims=True), 1e-6)
        away = self._difference(image, moved)
        xx = xy = yy = np.zeros(len(moved), np.float32)
        for wider in WIDER:
            trust = self.weights / np.square(1.0 + self._squared(away, shares) / (wider * LARGEST_NOISE) ** 2)
            total, x, y, xx, xy, yy = _sums(self.products, trust)
            rest, right_x, right_y = _sums(self.products[:, :3], trust * away)
            # Eliminating the brightness leaves what differs from the patch's weighted mean.
            total = np.maximum(total, 1e-6)
            xx, xy, yy = xx - x * x / total, xy - x * y / total, yy - y * y / total
            right_x, right_y = right_x - x * rest / total, right_y - y * rest / total
            determinant = (xx + STIFFNESS) * (yy + STIFFNESS) - xy**2
            step = -np.stack(
                [(yy + STIFFNESS) * right_x - xy * right_y, (xx + STIFFNESS) * right_y - xy * right_x], axis=1
            )
            step /= determinant[:, None]
            length = np.linalg.norm(step, axis=1, keepdims=True)
            moved = moved + step * np.minimum(1.0, LONGEST_STEP / np.maximum(length, 1e-9))
            away = self._difference(image, moved)
        squared = self._squared(away, shares)
        misfit = _sums((squared / (1.0 + squared / 9.0))[:, None], shares)[0]
        precision = np.stack([np.stack([xx, xy], axis=-1), np.stack([xy, yy], axis=-1)], axis=-2)
        return PatchMotion(moved, precision.astype(np.float64) / NOISE**2, misfit.astype(np.float64))

    def _difference(self, image: NDArray[np.float32], moved: Array) -> NDArray[np.float32]:
        """(N, P) grey levels that the image under the moved patches is brighter."""
        shift = moved.astype(np.float32)
        return _at(image, self.x + shift[:, :1], self.y + shift[:, 1:]) - self.grey

    @staticmethod
    def _squared(away: NDArray[np.float32], shares: NDArray[np.float32]) -> NDArray[np.float32]:
        """(N, P) squared differences from a patch's mean one, in variances of the noise."""
        mean = _sums(away[:, None], shares)[0]
        return np.square((away - mean[:, None]) * np.float32(1.0 / NOISE))


def _sums(values: NDArray[np.float32], weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """(K, N) weighted sums over a patch's pixels of (N, K, P) with weights (N, P)."""
    return np.asarray((values @ weights[:, :, None])[..., 0].T)


def _at(image: NDArray[np.float32], x: NDArray[np.float32], y: NDArray[np.float32]) -> NDArray[np.float32]:
    values = cv2.remap(image, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(values, np.float32)
