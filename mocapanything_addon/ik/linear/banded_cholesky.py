# SPDX-License-Identifier: GPL-3.0-or-later
"""Direct solve of a block-banded system: frames that are coupled with the next one or two, dense blocks."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.blas import dtrsm
from scipy.linalg.lapack import dpotrf, dtrtrs

Array = NDArray[np.float64]
Coupling = Callable[[int, int], Array | None]
"""(n, n) block of rows of a frame and columns of one so many frames after it, its own; None: zero."""


def banded_cholesky(
    blocks: Array, coupling: Coupling, reach: int, held: NDArray[np.bool_], damping: Array, right: Array
) -> Array:
    """Factor frame by frame, forwards, then substitute backwards.

    Args:
        blocks: (T, n, n) on the diagonal.
        coupling: of two frames, at most ``reach`` apart.
        reach: 0, 1 or 2.
        held: (T, n) unknowns taken out of the system; they come out as 0.
        damping: (T, n) added to the diagonal.
        right: (T, n).

    Returns:
        (T, n) solution.

    Raises:
        numpy.linalg.LinAlgError: the system is not positive definite; the message names the frame.
    """
    frames, size = right.shape
    factors: list[tuple[Array, Array | None]] = []
    # What eliminating the frames before takes off this frame's block, off its coupling to the next, and off
    # the next frame's block.
    own, ahead, next_own = np.zeros((3, size, size))
    solution = np.zeros_like(right)
    pending = np.zeros((reach + 1, size))
    for t in range(frames):
        block = blocks[t] - own
        block[np.arange(size), np.arange(size)] += damping[t]
        here = right[t] - pending[0]
        _hold(block, here, held[t])
        lower, failed = dpotrf(block.T, lower=1, overwrite_a=1, clean=0)
        if failed:
            raise np.linalg.LinAlgError(f"the system is not positive definite in frame {t}")
        solution[t] = dtrtrs(lower, here, lower=1)[0]
        pending[:-1], pending[-1] = pending[1:].copy(), 0.0
        count = min(reach, frames - 1 - t)
        if count == 0:
            factors.append((lower, None))
            continue
        couplings = np.zeros((size, count * size), order="F")
        for apart in range(1, count + 1):
            part = coupling(apart, t)
            if part is not None:
                part = part - ahead if apart == 1 else part
            elif apart == 1:
                part = -ahead
            else:
                continue
            part[held[t]] = 0.0
            part[:, held[t + apart]] = 0.0
            couplings[:, (apart - 1) * size : apart * size] = part
        carried = dtrsm(1.0, lower, couplings, lower=1, overwrite_b=1)
        product = carried.T @ carried
        own = next_own + product[:size, :size]
        if count > 1:
            ahead, next_own = product[:size, size:], product[size:, size:]
        else:
            ahead, next_own = np.zeros((2, size, size))
        pending[:count] += (solution[t] @ carried).reshape(count, size)
        factors.append((lower, carried))
    for t in range(frames - 1, -1, -1):
        lower, coupled = factors[t]
        if coupled is not None:
            solution[t] -= coupled @ solution[t + 1 : t + 1 + coupled.shape[1] // size].reshape(-1)
        solution[t] = dtrtrs(lower, solution[t], lower=1, trans=1)[0]
    return solution


def _hold(block: Array, right: Array, held: NDArray[np.bool_]) -> None:
    """Take unknowns out of one frame, in place: a unit row and column and nothing on the right side."""
    if held.any():
        block[held] = 0.0
        block[:, held] = 0.0
        block[held, held] = 1.0
        right[held] = 0.0
