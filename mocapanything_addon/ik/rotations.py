# SPDX-License-Identifier: GPL-3.0-or-later
"""Rotations as arrays of any leading shape.

Matrices act on column vectors, quaternions are (w, x, y, z), rotation vectors are radians times a unit axis.
Formulas: J. Solà et al., "A micro Lie theory for state estimation in robotics", arXiv 1812.01537, on SO(3).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
SMALL_ANGLE = 1e-4
"""Below this angle (radians) the closed forms divide by almost nothing and their series take over."""


def arctan2(y: ArrayLike, x: ArrayLike) -> Array:
    """(...,) radians, the same for the same numbers wherever they lie.

    NumPy's own takes a slower way, which rounds otherwise, where it cannot rule out that what it writes lies
    within what it reads: of columns of matrices that depends on the place in memory, and a capture that runs
    twice would end differently.
    """
    return np.arctan2(np.array(y, float), np.array(x, float))


def hat(vectors: NDArray) -> NDArray:
    """(..., 3) -> (..., 3, 3): ``hat(a) @ b`` is the cross product a x b."""
    vectors = np.asarray(vectors)
    result = np.zeros((*vectors.shape[:-1], 3, 3), vectors.dtype)
    result[..., 0, 1], result[..., 0, 2] = -vectors[..., 2], vectors[..., 1]
    result[..., 1, 0], result[..., 1, 2] = vectors[..., 2], -vectors[..., 0]
    result[..., 2, 0], result[..., 2, 1] = -vectors[..., 1], vectors[..., 0]
    return result


def exp(vectors: ArrayLike) -> Array:
    """Rotation vectors (..., 3) -> matrices (..., 3, 3) (Rodrigues)."""
    vectors = np.asarray(vectors, float)
    square = np.einsum("...i,...i->...", vectors, vectors)[..., None, None]
    angle = np.sqrt(square)
    near = angle < SMALL_ANGLE
    safe = np.where(near, 1.0, angle)
    first = np.where(near, 1.0 - square / 6.0, np.sin(safe) / safe)
    second = np.where(near, 0.5 - square / 24.0, (1.0 - np.cos(safe)) / safe**2)
    outer = vectors[..., :, None] * vectors[..., None, :]
    return np.eye(3) * (1.0 - second * square) + first * hat(vectors) + second * outer


def log(matrices: ArrayLike) -> Array:
    """Matrices (..., 3, 3) -> rotation vectors (..., 3) of length at most pi."""
    quaternions = quaternion_from_matrix(matrices)
    axis = quaternions[..., 1:]
    sine = np.linalg.norm(axis, axis=-1, keepdims=True)
    near = sine < SMALL_ANGLE
    # The quaternion's w is not negative, so the half angle lies in [0, pi/2].
    angle = 2.0 * arctan2(sine, quaternions[..., :1])
    return axis * np.where(near, 2.0 + sine**2 / 3.0, angle / np.where(near, 1.0, sine))


def inverse_right_jacobian(vectors: ArrayLike) -> Array:
    """(..., 3) -> (..., 3, 3) with log(exp(v) exp(d)) = v + inverse_right_jacobian(v) d + O(d^2), |v| <= pi.

    Its transpose is the inverse left Jacobian: log(exp(d) exp(v)) = v + transpose d + O(d^2).
    """
    vectors = np.asarray(vectors, float)
    square = np.einsum("...i,...i->...", vectors, vectors)[..., None, None]
    near = square < SMALL_ANGLE
    half = 0.5 * np.sqrt(np.where(near, 1.0, square))
    factor = np.where(near, 1.0 / 12.0 + square / 720.0, (1.0 - half / np.tan(half)) / (4.0 * half**2))
    outer = vectors[..., :, None] * vectors[..., None, :]
    return np.eye(3) * (1.0 - factor * square) + 0.5 * hat(vectors) + factor * outer


def left_jacobian(vectors: ArrayLike) -> Array:
    """(..., 3) -> (..., 3, 3) with exp(v + d) = exp(left_jacobian(v) d) exp(v) + O(d^2)."""
    vectors = np.asarray(vectors, float)
    square = np.einsum("...i,...i->...", vectors, vectors)[..., None, None]
    near = square < SMALL_ANGLE
    safe = np.where(near, 1.0, square)
    angle = np.sqrt(safe)
    first = np.where(near, 0.5 - square / 24.0, (1.0 - np.cos(angle)) / safe)
    second = np.where(near, 1.0 / 6.0 - square / 120.0, (angle - np.sin(angle)) / (angle * safe))
    outer = vectors[..., :, None] * vectors[..., None, :]
    return np.eye(3) * (1.0 - second * square) + first * hat(vectors) + second * outer


def matrix_from_quaternion(quaternions: ArrayLike) -> Array:
    """(..., 4) -> (..., 3, 3). The quaternions need not have unit length; one of length 0 is an error."""
    quaternions = np.asarray(quaternions, float)
    length = np.linalg.norm(quaternions, axis=-1, keepdims=True)
    if not np.all(length > 0.0):
        raise ValueError("a quaternion of length 0, or one with NaN, is no rotation")
    w, x, y, z = np.moveaxis(quaternions / length, -1, 0)
    result = np.empty((*quaternions.shape[:-1], 3, 3))
    result[..., 0, 0] = 1.0 - 2.0 * (y * y + z * z)
    result[..., 0, 1] = 2.0 * (x * y - w * z)
    result[..., 0, 2] = 2.0 * (x * z + w * y)
    result[..., 1, 0] = 2.0 * (x * y + w * z)
    result[..., 1, 1] = 1.0 - 2.0 * (x * x + z * z)
    result[..., 1, 2] = 2.0 * (y * z - w * x)
    result[..., 2, 0] = 2.0 * (x * z - w * y)
    result[..., 2, 1] = 2.0 * (y * z + w * x)
    result[..., 2, 2] = 1.0 - 2.0 * (x * x + y * y)
    return result


def quaternion_from_matrix(matrices: ArrayLike) -> Array:
    """(..., 3, 3) -> unit quaternions (..., 4) with w >= 0.

    Each row of ``products`` is the quaternion times four times one of its own components (Shepperd); the row
    of the largest component is divided by the least, so it is the accurate one.
    """
    m = np.asarray(matrices, float)
    products = np.empty((*m.shape[:-2], 4, 4))
    d0, d1, d2 = m[..., 0, 0], m[..., 1, 1], m[..., 2, 2]
    products[..., 0, 0] = 1.0 + d0 + d1 + d2
    products[..., 1, 1] = 1.0 + d0 - d1 - d2
    products[..., 2, 2] = 1.0 - d0 + d1 - d2
    products[..., 3, 3] = 1.0 - d0 - d1 + d2
    products[..., 0, 1] = products[..., 1, 0] = m[..., 2, 1] - m[..., 1, 2]
    products[..., 0, 2] = products[..., 2, 0] = m[..., 0, 2] - m[..., 2, 0]
    products[..., 0, 3] = products[..., 3, 0] = m[..., 1, 0] - m[..., 0, 1]
    products[..., 1, 2] = products[..., 2, 1] = m[..., 1, 0] + m[..., 0, 1]
    products[..., 1, 3] = products[..., 3, 1] = m[..., 0, 2] + m[..., 2, 0]
    products[..., 2, 3] = products[..., 3, 2] = m[..., 2, 1] + m[..., 1, 2]
    largest = np.diagonal(products, axis1=-2, axis2=-1).argmax(-1)
    result = np.take_along_axis(products, largest[..., None, None], axis=-2)[..., 0, :]
    result = result / np.linalg.norm(result, axis=-1, keepdims=True)
    return np.where(result[..., :1] < 0.0, -result, result)


def continuous_quaternions(quaternions: ArrayLike) -> Array:
    """(T, ..., 4) -> the same rotations with signs chosen so that each frame is near the one before it."""
    quaternions = np.array(quaternions, float)
    if len(quaternions) < 2:
        return quaternions
    dots = np.einsum("t...i,t...i->t...", quaternions[1:], quaternions[:-1])
    signs = np.cumprod(np.where(dots < 0.0, -1.0, 1.0), axis=0)
    quaternions[1:] *= signs[..., None]
    return quaternions


def geodesic(first: Array, second: Array, fraction: ArrayLike) -> Array:
    """Matrices (..., 3, 3) at ``fraction`` of the way from first to second, broadcast over leading shapes."""
    fraction = np.asarray(fraction, float)[..., None]
    return first @ exp(fraction * log(np.swapaxes(first, -1, -2) @ second))


def resample(times: Array, matrices: Array, new_times: Array) -> Array:
    """Rotations (T, ..., 3, 3) at rising ``times`` (T,), read at ``new_times`` (N,); held beyond the ends."""
    if len(times) == 1:
        return np.repeat(matrices, len(new_times), axis=0)
    upper = np.clip(np.searchsorted(times, new_times, side="right"), 1, len(times) - 1)
    lower = upper - 1
    fraction = np.clip((new_times - times[lower]) / (times[upper] - times[lower]), 0.0, 1.0)
    shape = (len(new_times),) + (1,) * (matrices.ndim - 3)
    return geodesic(matrices[lower], matrices[upper], fraction.reshape(shape))


def nearest_rotation(matrices: ArrayLike) -> Array:
    """Any matrices (..., 3, 3) -> the rotations nearest to them, those that maximise tr(R^T M) (Kabsch)."""
    left, _, right = np.linalg.svd(np.asarray(matrices, float))
    sign = np.where(np.linalg.det(left @ right) < 0.0, -1.0, 1.0)
    left = left.copy()
    left[..., :, 2] *= sign[..., None]
    return left @ right


def without_drift(matrices: Array) -> Array:
    """Products of many rotations (..., 3, 3) with the rounding error of their orthogonality taken out.

    One Newton-Schulz step towards the nearest orthogonal matrix: an error of e becomes one of e^2.
    """
    return 1.5 * matrices - 0.5 * matrices @ (np.swapaxes(matrices, -1, -2) @ matrices)


def angle_between(first: Array, second: Array) -> Array:
    """(...,) geodesic angle between two rotations (..., 3, 3), radians.

    The sum of the squared differences of their entries is 8 sin^2(angle / 2).
    """
    apart = first - second
    sine = np.sqrt(np.einsum("...ij,...ij->...", apart, apart) / 8.0)
    return 2.0 * np.arcsin(np.minimum(sine, 1.0))
