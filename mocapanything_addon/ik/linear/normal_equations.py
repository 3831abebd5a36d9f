# SPDX-License-Identifier: GPL-3.0-or-later
"""The linear system of one Gauss-Newton step over a whole clip.

For a cost 1/2 sum of squared residuals, H = J^T J and g = J^T r, and the step solves H x = -g. Evidence is
kept in the form in which it is small: about a body's place and rotation as a 6 x 6 matrix on the body's
velocity, about a block of unknowns as a 3 x 3 matrix, in one frame or between a frame and the next (flow,
velocity) or the one after (acceleration). Evidence that ties many blocks together, such as a surface seen in
the image, fills dense P x P blocks, which are allocated when the first such evidence comes.

Without dense blocks a step is found by conjugate gradients, preconditioned by the exact solve of every frame
on its own, in time and memory linear in frames and joints. With them it is found by block-banded Cholesky.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ..kinematics import State
from .articulated import ArticulatedBodies, BodyEvidence
from .banded_cholesky import banded_cholesky
from .conjugate_gradients import conjugate_gradients

Array = NDArray[np.float64]
REACH = 2
"""A frame is coupled to at most this many frames after it."""
ROUNDING = (0.0, 1e-6, 1e-5, 1e-4)
"""Shares of the diagonal that are added, each when the one before was not enough: evidence of surfaces is
summed in float32, and where a point all but touches the camera the rounding of its share outweighs all else.
"""
THOROUGH = 0.05, 60
SKETCHY = 0.3, 20
"""Share of the right side's length that conjugate gradients leave, and the most products they take for it;
what is left, the next step takes up.
"""


class NormalEquations:
    """H and g for T frames of P = 3 B unknowns, filled by terms and solved for a step.

    Fill it first; products and solves are for a system that no longer changes.
    """

    def __init__(self, state: State) -> None:
        """``state``: the motion at which terms are linearised."""
        self.state = state
        self.frame_count = state.frame_count
        self.parameter_count = state.skeleton.parameter_count
        self.gradient = np.zeros((self.frame_count, self.parameter_count))
        """(T, P)."""
        self.blocks = np.zeros((self.frame_count, state.skeleton.block_count, 3, 3))
        """(T, B, 3, 3) evidence about one block in one frame."""
        self._bodies: Array | None = None
        self._dense: Array | None = None
        self._block_couplings: dict[int, Array] = {}
        self._dense_couplings: dict[int, Array] = {}

    # ---- filling

    def add_bodies(self, information: Array, wrenches: Array) -> None:
        """Add evidence about what the bodies do: a point x of a body moves by w x x + v in armature space.

        Args:
            information: (T, J, 6, 6) second derivative of the cost by each body's (w, v).
            wrenches: (T, J, 6) derivative of the cost by each body's (w, v).
        """
        self._bodies = information if self._bodies is None else self._bodies + information
        forces = self.state.skeleton.block_carries.astype(float) @ wrenches
        torques = np.swapaxes(self.state.twists, -1, -2) @ forces[..., None]
        self.gradient += torques.reshape(self.gradient.shape)

    def add_joint_blocks(self, frames: slice | NDArray, apart: int, blocks: Array) -> None:
        """Add (n, B, 3, 3) to the matrices that couple a block of unknowns with itself.

        The rows belong to n different ``frames``, the columns to the frames ``apart`` (0, 1 or 2) after them.
        """
        if apart == 0:
            self.blocks[frames] += blocks
            return
        if apart not in self._block_couplings:
            self._block_couplings[apart] = np.zeros((self._coupled(apart), *self.blocks.shape[1:]))
        self._block_couplings[apart][frames] += blocks

    def add(self, frame: int, rows: NDArray, residuals: NDArray) -> None:
        """Residuals (N,) of one frame and their derivative (N, P), times the root of their weight."""
        self._dense_blocks()[frame] += rows.T @ rows
        self.gradient[frame] += residuals.astype(rows.dtype) @ rows

    def add_geometric(self, frame: int, rows: NDArray, residuals: NDArray) -> None:
        """As :meth:`add`, with rows (N, 3 B) by translation and rotation vectors in armature space.

        Column c B + b is component c of block b's translation or rotation vector. The unknowns' own axes are
        multiplied on after the product, on P rows instead of N.
        """
        axes = self.state.axes[frame]
        self._dense_blocks()[frame] += _by_unknowns(rows.T @ rows, axes, axes)
        self.gradient[frame] += _gradient_by_unknowns(residuals.astype(rows.dtype) @ rows, axes)

    def add_geometric_pair(
        self, first: int, second: int, first_rows: NDArray, second_rows: NDArray, residuals: NDArray
    ) -> None:
        """Residuals (N,) that depend on two frames, at most two apart; rows as in :meth:`add_geometric`."""
        self.add_geometric(first, first_rows, residuals)
        self.add_geometric(second, second_rows, residuals)
        if first > second:
            first, second, first_rows, second_rows = second, first, second_rows, first_rows
        apart = second - first
        if apart not in self._dense_couplings:
            size = self.parameter_count
            self._dense_couplings[apart] = np.zeros((self._coupled(apart), size, size))
        cross = _by_unknowns(first_rows.T @ second_rows, self.state.axes[first], self.state.axes[second])
        self._dense_couplings[apart][first] += cross

    def _dense_blocks(self) -> Array:
        if self._dense is None:
            self._dense = np.zeros((self.frame_count, self.parameter_count, self.parameter_count))
        return self._dense

    def _coupled(self, apart: int) -> int:
        if not 1 <= apart <= REACH:
            raise ValueError(f"frames {apart} apart cannot be coupled, at most {REACH}")
        return self.frame_count - apart

    # ---- reading

    def frame_blocks(self) -> Array:
        """(T, P, P) blocks of H on the diagonal, written out."""
        size, count = self.parameter_count, self.parameter_count // 3
        result = np.zeros((self.frame_count, size, size)) if self._dense is None else self._dense.copy()
        diagonal = np.einsum("tmamb->tmab", result.reshape(self.frame_count, count, 3, count, 3))
        diagonal += self.blocks
        if self._bodies is not None:
            products = _body_products(self.state, self._bodies)
            result += products
            result += np.swapaxes(products, -1, -2)
        return result

    def coupling(self, apart: int, frame: int) -> Array | None:
        """(P, P) block of H, rows of ``frame``, columns of ``frame + apart``; None where it is zero."""
        dense, own = self._dense_couplings.get(apart), self._block_couplings.get(apart)
        if frame + apart >= self.frame_count or (dense is None and own is None):
            return None
        size = self.parameter_count
        block = np.zeros((size, size)) if dense is None else dense[frame].copy()
        if own is not None:
            count = size // 3
            view = np.einsum("mamb->mab", block.reshape(count, 3, count, 3))
            view += own[frame]
        return block

    @property
    def reach(self) -> int:
        """How many frames ahead any frame is coupled to."""
        return max([0, *self._block_couplings, *self._dense_couplings])

    @property
    def is_dense(self) -> bool:
        return self._dense is not None

    def multiply(self, step: Array) -> Array:
        """H x for a step (T, P)."""
        across = self._to_tree(step)
        result = self._from_tree(self._evidence.multiply(across) + self._couple_tree(across))
        if self._dense is not None:
            result += (self._dense @ step[..., None])[..., 0]
        for apart, blocks in self._dense_couplings.items():
            result[:-apart] += (blocks @ step[apart:, :, None])[..., 0]
            result[apart:] += (np.swapaxes(blocks, -1, -2) @ step[:-apart, :, None])[..., 0]
        return result

    def predicted_change(self, step: Array) -> float:
        """What the quadratic model says the cost does: g x + 1/2 x H x."""
        return float((step * (self.gradient + 0.5 * self.multiply(step))).sum())

    # ---- solving

    def solve(
        self,
        damping: Array,
        held: NDArray[np.bool_],
        right: Array | None = None,
        sketchy: bool = False,
    ) -> Array:
        """x (T, P) with (H + damping) x = right: a step where the right side is -g.

        Args:
            damping: (P,) or (T, P), not negative, added to the diagonal.
            held: (T, P) unknowns that are taken out of the system; they come out as 0.
            right: (T, P); None: -g.
            sketchy: a rough answer will do. Systems with dense blocks are solved exactly all the same.

        Raises:
            numpy.linalg.LinAlgError: the system is not positive definite; more damping helps.
        """
        right = -self.gradient if right is None else right
        damping = np.broadcast_to(damping, right.shape)
        if self.is_dense:
            return self._solve_dense(damping, held, right)
        return self._solve_sparse(damping, held, right, sketchy)

    def _solve_sparse(self, damping: Array, held: NDArray[np.bool_], right: Array, sketchy: bool) -> Array:
        damp, fixed = self._to_tree(damping), self._to_tree(held)
        frames = ArticulatedBodies(self._evidence, damp, fixed)

        def couple(step: Array) -> Array:
            return np.where(fixed, 0.0, self._couple_tree(step))

        start = np.where(fixed, 0.0, self._to_tree(right))
        accuracy, most = SKETCHY if sketchy else THOROUGH
        return self._from_tree(
            conjugate_gradients(frames.solve, couple, start, accuracy, most if self.reach else 1)
        )

    def _solve_dense(self, damping: Array, held: NDArray[np.bool_], right: Array) -> Array:
        step = np.zeros_like(right)
        kept = np.nonzero(~held.all(axis=0))[0]
        if len(kept) == 0:
            return step
        pick = np.ix_(kept, kept)
        blocks = self.frame_blocks()
        if len(kept) < self.parameter_count:
            blocks = blocks[:, kept[:, None], kept]

        def coupling(apart: int, frame: int) -> Array | None:
            block = self.coupling(apart, frame)
            return block if block is None or len(kept) == len(block) else block[pick]

        scale = np.einsum("tpp->tp", blocks)
        for share in ROUNDING:
            try:
                step[:, kept] = banded_cholesky(
                    blocks,
                    coupling,
                    self.reach,
                    held[:, kept],
                    damping[:, kept] + share * scale,
                    right[:, kept],
                )
                break
            except np.linalg.LinAlgError:
                if share == ROUNDING[-1]:
                    raise
        return step

    # ---- in the order of the tree of blocks

    @cached_property
    def _evidence(self) -> BodyEvidence:
        tree = self.state.skeleton.block_tree
        return BodyEvidence(tree, self.state.twists, self._bodies, self.blocks)

    @cached_property
    def _tree_couplings(self) -> dict[int, Array]:
        """(3, 3, B, T - apart) by ``apart``."""
        order = self.state.skeleton.block_tree.blocks
        return {
            apart: np.ascontiguousarray(blocks[:, order].transpose(2, 3, 1, 0))
            for apart, blocks in self._block_couplings.items()
        }

    def _couple_tree(self, step: Array) -> Array:
        """What the other frames add to H x, (3, B, T), without dense blocks."""
        result = np.zeros_like(step)
        for apart, blocks in self._tree_couplings.items():
            result[..., :-apart] += np.einsum("cdbt,dbt->cbt", blocks, step[..., apart:])
            result[..., apart:] += np.einsum("dcbt,dbt->cbt", blocks, step[..., :-apart])
        return result

    def _to_tree(self, values: NDArray) -> NDArray:
        """(T, P) -> (3, B, T)."""
        order = self.state.skeleton.block_tree.blocks
        blocks = values.reshape(self.frame_count, -1, 3)
        return np.ascontiguousarray(blocks[:, order].transpose(2, 1, 0))

    def _from_tree(self, values: Array) -> Array:
        """(3, B, T) -> (T, P)."""
        nodes = self.state.skeleton.block_tree.nodes
        return values[:, nodes].transpose(2, 1, 0).reshape(self.frame_count, -1)


def _body_products(state: State, bodies: Array) -> Array:
    """(T, P, P) whose sum with its transpose is S^T (sum of bodies below) S.

    Composite inertias (R. Featherstone, "Rigid Body Dynamics Algorithms", the composite rigid body
    algorithm): the evidence of all bodies that a block moves is one 6 x 6 matrix.
    """
    skeleton = state.skeleton
    frames, size = state.frame_count, skeleton.parameter_count
    carries = skeleton.block_carries.astype(float)
    composite = (carries @ bodies.reshape(*bodies.shape[:2], 36)).reshape(frames, -1, 6, 6)
    reactions = np.swapaxes(composite @ state.twists, 1, 2).reshape(frames, 6, size)
    columns = np.swapaxes(state.twists, 1, 2).reshape(frames, 6, size)
    products = np.swapaxes(columns, -1, -2) @ reactions
    # Row j, column k is right where j moves k; the other half is its mirror image, and the blocks on the
    # diagonal, which are their own mirror image, are counted half twice.
    above = skeleton.block_tree.above + 0.5 * np.eye(len(carries))
    products *= np.kron(above, np.ones((3, 3)))
    return products


def _by_unknowns(product: NDArray, rows: Array, columns: Array) -> Array:
    """Geometric (3 B, 3 B) -> (P, P), with the axes (B, 3, 3) of rows and columns."""
    count = len(rows)
    half = np.swapaxes(rows, -1, -2) @ product.reshape(3, count, -1).transpose(1, 0, 2)
    half = half.reshape(3 * count, 3, count).transpose(2, 1, 0)
    return (np.swapaxes(columns, -1, -2) @ half).reshape(3 * count, -1).T


def _gradient_by_unknowns(gradient: NDArray, axes: Array) -> Array:
    return np.einsum("cm,mck->mk", gradient.reshape(3, -1), axes).reshape(-1)
