# SPDX-License-Identifier: GPL-3.0-or-later
"""Linear blend skinning, and how points of the surface move with the skeleton's unknowns.

A vertex is x = sum_b w_b x_b with x_b = p_b + D_b (v - rest_b), the place where bone b alone would carry it.
When joint j turns by a small rotation vector u (armature space), every bone below it turns with it about p_j,
so

    dx = u x a_j   with the arm   a_j = sum over bones b below j of w_b (x_b - p_j).

Arms are linear in the vertex, so those of a point in a triangle are the barycentric mean of its corners'
arms. Everything here is float32: a pixel is a thousandth of the picture, float32 resolves a ten-millionth.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_matrix

from .kinematics import Pose, State
from .rotations import hat
from .skeleton import Skeleton

Array = NDArray[np.float64]
Array32 = NDArray[np.float32]
Indices = NDArray[np.integer]
CHUNK_VALUES = 1 << 23
"""Most floats in a temporary array while posing many frames."""
KEPT_VALUES = 1 << 26
"""Most floats of derivatives kept for all frames of a state."""


class Skin:
    """A triangle mesh bound to a skeleton, V vertices, F triangles, K influences a vertex.

    Args:
        vertices: (V, 3) rest pose, armature space.
        faces: (F, 3).
        skin_joints: (V, K) joints that move the vertex.
        skin_weights: (V, K) not negative; every row is divided by its sum.
        skeleton: the joints.

    Raises:
        ValueError: an index is out of range or a vertex has no weight.
    """

    def __init__(
        self,
        vertices: ArrayLike,
        faces: ArrayLike,
        skin_joints: ArrayLike,
        skin_weights: ArrayLike,
        skeleton: Skeleton,
    ) -> None:
        self.skeleton = skeleton
        self.vertices = np.array(vertices, float).reshape(-1, 3)
        self.faces = np.array(faces, np.int64).reshape(-1, 3)
        self.skin_joints = np.array(skin_joints, np.int64)
        weights = np.array(skin_weights, float)
        count = len(self.vertices)
        if self.skin_joints.shape != weights.shape or len(weights) != count or weights.ndim != 2:
            raise ValueError(
                f"skin_joints {self.skin_joints.shape} and skin_weights {weights.shape} "
                f"must both be ({count}, influences)"
            )
        if self.skin_joints.size and not 0 <= self.skin_joints.min() <= self.skin_joints.max() < len(
            skeleton.names
        ):
            raise ValueError(f"skin_joints must lie between 0 and {skeleton.joint_count - 1}")
        if self.faces.size and not 0 <= self.faces.min() <= self.faces.max() < count:
            raise ValueError(f"faces must lie between 0 and {count - 1}")
        total = weights.sum(axis=1, keepdims=True)
        if not ((weights >= 0.0).all() and (total > 0.0).all()):
            raise ValueError(
                f"vertex {int((~(total > 0.0)).argmax())} has no weight, or a weight is negative"
            )
        self.skin_weights = weights / total

    @property
    def vertex_count(self) -> int:
        return len(self.vertices)

    @cached_property
    def main_joints(self) -> NDArray[np.int64]:
        """(V,) the joint that carries most of each vertex."""
        return self.skin_joints[np.arange(self.vertex_count), self.skin_weights.argmax(axis=1)]

    @cached_property
    def _blend(self) -> csr_matrix:
        """(V, J) weights."""
        count, influences = self.skin_weights.shape
        rows = np.repeat(np.arange(count), influences)
        values = self.skin_weights.astype(np.float32).reshape(-1)
        shape = (count, self.skeleton.joint_count)
        return csr_matrix((values, (rows, self.skin_joints.reshape(-1))), shape=shape)

    @cached_property
    def weights32(self) -> Array32:
        """(V, K)."""
        return self.skin_weights.astype(np.float32)

    @cached_property
    def rest_arms(self) -> Array32:
        """(V, K, 3) w_b (v - rest_b)."""
        arms = self.vertices[:, None] - self.skeleton.rest_positions[self.skin_joints]
        return (self.skin_weights[..., None] * arms).astype(np.float32)

    @cached_property
    def below(self) -> Array32:
        """(V, K, B) 1 where influence k of the vertex is carried by the block."""
        carried = self.skeleton.block_carries[:, self.skin_joints]
        return carried.transpose(1, 2, 0).astype(np.float32)

    @cached_property
    def weight_below(self) -> Array32:
        """(V, 3 B) the share of the vertex that each block carries, three times over."""
        return np.tile((self.weights32[:, None] @ self.below)[:, 0], 3)

    @cached_property
    def surface_share(self) -> Array:
        """(J,) share of the vertices' weight carried by each joint and all below it; 0: nothing to see
        there.
        """
        own = np.bincount(
            self.skin_joints.reshape(-1), self.skin_weights.reshape(-1), minlength=self.skeleton.joint_count
        )
        return self.skeleton.is_ancestor @ own / max(self.vertex_count, 1)

    def pose(self, pose: Pose) -> Array32:
        """(T, V, 3) vertices of every frame."""
        turned = pose.global_rotations
        shifts = pose.positions - (turned @ self.skeleton.rest_positions[..., None])[..., 0]
        bones = np.concatenate([turned, shifts[..., None]], axis=-1).astype(np.float32)
        frames, joints = bones.shape[:2]
        points = np.concatenate([self.vertices, np.ones((self.vertex_count, 1))], axis=1).astype(np.float32)
        result = np.empty((frames, self.vertex_count, 3), np.float32)
        chunk = max(1, CHUNK_VALUES // (12 * self.vertex_count + 1))
        for first in range(0, frames, chunk):
            part = bones[first : first + chunk]
            blended = self._blend @ np.ascontiguousarray(part.transpose(1, 0, 2, 3)).reshape(joints, -1)
            blended = blended.reshape(self.vertex_count, len(part), 3, 4)
            result[first : first + chunk] = (blended @ points[:, None, :, None])[..., 0].transpose(1, 0, 2)
        return result

    def at(self, state: State, frame: int) -> PosedSkin:
        """The surface in one frame of a state, kept with the state unless all frames would take much
        memory.
        """
        key = (self, frame)
        known = state.surfaces.get(key)
        if isinstance(known, PosedSkin):
            return known
        surface = PosedSkin(self, state, frame)
        if state.frame_count * self.vertex_count * self.skeleton.parameter_count <= KEPT_VALUES:
            state.surfaces[key] = surface
        return surface


class PosedSkin:
    """One frame of a skin: points of its surface and their derivative by the frame's unknowns.

    A point is given by ``triangles`` (S,), indices into the skin's faces, and ``barycentric`` (S, 3), the
    weights of the triangle's corners.
    """

    def __init__(self, skin: Skin, state: State, frame: int) -> None:
        self.skin = skin
        self.axes = state.axes[frame]
        turned = state.pose.global_rotations[frame].astype(np.float32)
        self.positions = state.pose.positions[frame]
        """(J, 3) the joints."""
        positions = self.positions.astype(np.float32)
        joints = skin.skin_joints
        self._carried = np.einsum("vkij,vkj->vki", turned[joints], skin.rest_arms)
        self._carried += skin.weights32[..., None] * positions[joints]
        self._pivots = positions[skin.skeleton.block_joints].T.reshape(-1)

    @cached_property
    def vertices(self) -> Array32:
        """(V, 3)."""
        return self._carried.sum(axis=1)

    @cached_property
    def _arms(self) -> Array32:
        """(V, 3 B): components of the arms about the blocks' joints."""
        arms = np.swapaxes(self._carried, -1, -2) @ self.skin.below
        arms = arms.reshape(len(arms), -1)
        arms -= self.skin.weight_below * self._pivots
        return arms

    def points(self, triangles: Indices, barycentric: NDArray) -> Array32:
        """(S, 3) armature space."""
        corners = self.vertices[self.skin.faces[triangles]]
        return np.matmul(barycentric[:, None].astype(np.float32), corners)[:, 0]

    def geometric_rows(self, triangles: Indices, barycentric: NDArray, directions: NDArray) -> Array32:
        """Components of the points' motion along ``directions`` (S, R, 3), by the geometric unknowns.

        Returns:
            (S R, 3 B) rows for :meth:`NormalEquations.add_geometric`. A row may be scaled, by the root
            of its weight for instance, through its direction, which costs nothing.
        """
        skeleton = self.skin.skeleton
        count, per_point = directions.shape[:2]
        arms = np.matmul(barycentric[:, None].astype(np.float32), self._arms[self.skin.faces[triangles]])
        # d . (u x a) = u . (a x d): component c of row r is a cross product, written as hat(-d) a.
        crossing = hat(-directions.astype(np.float32)).reshape(count, 3 * per_point, 3)
        rows = np.matmul(crossing, arms.reshape(count, 3, -1))
        rows = rows.reshape(count, per_point, 3, -1)
        rows[..., 0] = directions
        if len(skeleton.translating):
            moves = np.nonzero(skeleton.block_translates)[0]
            carried = self.skin.weight_below[:, moves][self.skin.faces[triangles]]
            share = np.matmul(barycentric[:, None].astype(np.float32), carried)
            rows[..., moves] = directions[..., None] * share[:, :, None]
        return rows.reshape(count * per_point, -1)

    def jacobian(
        self, triangles: Indices, barycentric: NDArray, directions: NDArray | None = None
    ) -> Array32:
        """Derivative of the points, or of their components along ``directions`` (S, R, 3), by the unknowns.

        Returns:
            (S, R, P); R = 3, the three axes, where ``directions`` is None.
        """
        count = len(triangles)
        if directions is None:
            directions = np.broadcast_to(np.eye(3, dtype=np.float32), (count, 3, 3))
        rows = self.geometric_rows(triangles, barycentric, directions)
        rows = rows.reshape(len(rows), 3, -1).transpose(2, 0, 1)
        along = rows @ self.axes.astype(np.float32)
        return along.transpose(1, 0, 2).reshape(count, directions.shape[1], -1)
