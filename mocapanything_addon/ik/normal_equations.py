# SPDX-License-Identifier: GPL-3.0-or-later
"""The linear system of one Gauss-Newton step over a whole clip.

For a cost 1/2 sum of squared residuals, H = J^T J and g = J^T r, and the step solves H x = -g. Unknowns of
one frame share a dense P x P block; frames are coupled to the next (flow, velocity) and the one after
(acceleration), so H is block-banded. Couplings in time that join a joint only with itself are kept as 3 x 3
blocks until they are needed.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.blas import dtrsm
from scipy.linalg.lapack import dpotrf, dtrtrs

from .kinematics import State

Array = NDArray[np.float64]
REACH = 2
"""A frame is coupled to at most this many frames after it."""
ROUNDING = (0.0, 1e-6, 1e-5, 1e-4)
"""Shares of the diagonal that are added, each when the one before was not enough: evidence of surfaces is
summed in float32, and where a point all but touches the camera the rounding of its share outweighs all else.
"""


class NormalEquations:
    """H and g for T frames of P unknowns, filled by terms and solved for a step."""

    def __init__(self, frame_count: int, parameter_count: int) -> None:
        self.frame_count = frame_count
        self.parameter_count = parameter_count
        self.hessian = np.zeros((frame_count, parameter_count, parameter_count))
        """(T, P, P) blocks on the diagonal."""
        self.gradient = np.zeros((frame_count, parameter_count))
        """(T, P)."""
        self._joint_couplings: dict[int, Array] = {}
        self._dense_couplings: dict[int, Array] = {}

    # ---- filling

    def add(self, frame: int, rows: NDArray, residuals: NDArray) -> None:
        """Residuals (N,) of one frame and their derivative (N, P), times the root of their weight."""
        self.hessian[frame] += rows.T @ rows
        self.gradient[frame] += residuals.astype(rows.dtype) @ rows

    def add_geometric(self, state: State, frame: int, rows: NDArray, residuals: NDArray) -> None:
        """As :meth:`add`, with rows (N, 3 (1 + M)) by translation and rotation vectors in armature space.

        Column c (1 + M) + m is component c of the root's translation (m = 0) or of the rotation vector of
        moving joint m - 1. The unknowns' own axes are multiplied on after the product,
        on P rows instead of N.
        """
        axes = state.axes[frame]
        self.hessian[frame] += _by_unknowns(rows.T @ rows, axes, axes)
        self.gradient[frame] += _gradient_by_unknowns(residuals.astype(rows.dtype) @ rows, axes)

    def add_geometric_pair(
        self,
        state: State,
        first: int,
        second: int,
        first_rows: NDArray,
        second_rows: NDArray,
        residuals: NDArray,
    ) -> None:
        """Residuals (N,) that depend on two frames, at most two apart; rows as in :meth:`add_geometric`."""
        self.add_geometric(state, first, first_rows, residuals)
        self.add_geometric(state, second, second_rows, residuals)
        if first > second:
            first, second, first_rows, second_rows = second, first, second_rows, first_rows
        cross = _by_unknowns(first_rows.T @ second_rows, state.axes[first], state.axes[second])
        self._dense_coupling(second - first)[first] += cross

    def add_joint_blocks(self, frames: slice | NDArray, apart: int, blocks: Array) -> None:
        """Add (n, 1 + M, 3, 3), translation first, to the blocks that couple a joint with itself.

        The rows belong to n different ``frames``, the columns to the frames ``apart`` (0, 1 or 2) after them.
        """
        if apart == 0:
            count = blocks.shape[1]
            by_joint = self.hessian.reshape(self.frame_count, count, 3, count, 3)
            diagonal = np.einsum("tmamb->tmab", by_joint)
            diagonal[frames] += blocks
            return
        if apart not in self._joint_couplings:
            shape = (self._coupled(apart), blocks.shape[1], 3, 3)
            self._joint_couplings[apart] = np.zeros(shape)
        self._joint_couplings[apart][frames] += blocks

    def _dense_coupling(self, apart: int) -> Array:
        if apart not in self._dense_couplings:
            shape = (self._coupled(apart), self.parameter_count, self.parameter_count)
            self._dense_couplings[apart] = np.zeros(shape)
        return self._dense_couplings[apart]

    def _coupled(self, apart: int) -> int:
        if not 1 <= apart <= REACH:
            raise ValueError(f"frames {apart} apart cannot be coupled, at most {REACH}")
        return self.frame_count - apart

    # ---- reading

    def coupling(self, apart: int, frame: int) -> Array | None:
        """(P, P) block of H, rows of ``frame``, columns of ``frame + apart``; None where it is zero."""
        dense, joint = self._dense_couplings.get(apart), self._joint_couplings.get(apart)
        if frame + apart >= self.frame_count or (dense is None and joint is None):
            return None
        size = self.parameter_count
        block = np.zeros((size, size)) if dense is None else dense[frame].copy()
        if joint is not None:
            count = size // 3
            view = np.einsum("mamb->mab", block.reshape(count, 3, count, 3))
            view += joint[frame]
        return block

    @property
    def reach(self) -> int:
        """How many frames ahead any frame is coupled to."""
        return max([0, *self._joint_couplings, *self._dense_couplings])

    def multiply(self, step: Array) -> Array:
        """H x for a step (T, P)."""
        result = (self.hessian @ step[..., None])[..., 0]
        for apart, blocks in self._dense_couplings.items():
            result[:-apart] += (blocks @ step[apart:, :, None])[..., 0]
            result[apart:] += (np.swapaxes(blocks, -1, -2) @ step[:-apart, :, None])[..., 0]
        for apart, blocks in self._joint_couplings.items():
            parts = step.reshape(self.frame_count, -1, 3, 1)
            result[:-apart] += (blocks @ parts[apart:]).reshape(-1, self.parameter_count)
            result[apart:] += (np.swapaxes(blocks, -1, -2) @ parts[:-apart]).reshape(-1, self.parameter_count)
        return result

    def predicted_change(self, step: Array) -> float:
        """What the quadratic model says the cost does: g x + 1/2 x H x."""
        return float((step * (self.gradient + 0.5 * self.multiply(step))).sum())

    # ---- solving

    def solve(self, damping: Array, held: NDArray[np.bool_], values: Array | None = None) -> Array:
        """The step (T, P) that minimises the quadratic model plus 1/2 damping step^2.

        Args:
            damping: (P,) or (T, P), not negative, added to the diagonal.
            held: (T, P) unknowns that are taken out of the system.
            values: (T, P) the steps of the held unknowns, 0 where None.

        Raises:
            numpy.linalg.LinAlgError: the system is not positive definite; more damping helps.
        """
        right = -self.gradient
        step = np.zeros_like(right)
        if values is not None:
            step[held] = values[held]
            right = right - self.multiply(step)
        kept = np.nonzero(~held.all(axis=0))[0]
        if len(kept) == 0:
            return step
        damping = np.broadcast_to(damping, right.shape)[:, kept]
        scale = np.einsum("tpp->tp", self.hessian)[:, kept]
        for share in ROUNDING:
            try:
                solution = self._block_cholesky(kept, held[:, kept], damping + share * scale, right[:, kept])
                break
            except np.linalg.LinAlgError:
                if share == ROUNDING[-1]:
                    raise
        step[:, kept] = np.where(held[:, kept], step[:, kept], solution)
        return step

    def _block_cholesky(self, kept: NDArray, held: NDArray[np.bool_], damping: Array, right: Array) -> Array:
        """Factor frame by frame, forwards, then substitute backwards; only the kept unknowns.

        An unknown held in single frames keeps its place with a unit row.
        """
        size, reach = len(kept), self.reach
        pick = np.ix_(kept, kept)
        whole = size == self.parameter_count
        factors: list[tuple[Array, Array | None]] = []
        # What eliminating the frames before takes off this frame's block, off its coupling to the next, and
        # off the next frame's block.
        own, ahead, next_own = np.zeros((3, size, size))
        solution = np.zeros_like(right)
        pending = np.zeros((reach + 1, size))
        for t in range(self.frame_count):
            block = (self.hessian[t] if whole else self.hessian[t][pick]) - own
            block[np.arange(size), np.arange(size)] += damping[t]
            here = right[t] - pending[0]
            _hold(block, here, held[t])
            lower, failed = dpotrf(block.T, lower=1, overwrite_a=1, clean=0)
            if failed:
                raise np.linalg.LinAlgError(f"the system is not positive definite in frame {t}")
            solution[t] = dtrtrs(lower, here, lower=1)[0]
            pending[:-1], pending[-1] = pending[1:].copy(), 0.0
            count = min(reach, self.frame_count - 1 - t)
            if count == 0:
                factors.append((lower, None))
                continue
            couplings = np.zeros((size, count * size), order="F")
            for apart in range(1, count + 1):
                part = self.coupling(apart, t)
                if part is not None:
                    part = part if whole else part[pick]
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
        for t in range(self.frame_count - 1, -1, -1):
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


def _by_unknowns(product: NDArray, rows: Array, columns: Array) -> Array:
    """Geometric (3 (1 + M), 3 (1 + M)) -> (P, P), with the axes (1 + M, 3, 3) of rows and columns."""
    count = len(rows)
    half = np.swapaxes(rows, -1, -2) @ product.reshape(3, count, -1).transpose(1, 0, 2)
    half = half.reshape(3 * count, 3, count).transpose(2, 1, 0)
    return (np.swapaxes(columns, -1, -2) @ half).reshape(3 * count, -1).T


def _gradient_by_unknowns(gradient: NDArray, axes: Array) -> Array:
    return np.einsum("cm,mck->mk", gradient.reshape(3, -1), axes).reshape(-1)
