# SPDX-License-Identifier: GPL-3.0-or-later
"""Forward kinematics and its derivative."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .motion import Motion
from .parameters import local_axes, translation_axes
from .rotations import hat
from .skeleton import Skeleton

if TYPE_CHECKING:
    from .linear.normal_equations import NormalEquations

Array = NDArray[np.float64]


class Pose(NamedTuple):
    """Where the joints are, T frames, armature space."""

    global_rotations: Array
    """(T, J, 3, 3) D_j, rest-relative: the identity in rest pose."""
    positions: Array
    """(T, J, 3)."""


def forward(skeleton: Skeleton, motion: Motion) -> Pose:
    """D_j = D_parent L_j and p_j = p_parent + D_parent o_j, all joints of one generation at once.

    o_j is the rest offset, plus the joint's own translation where the motion has any.
    """
    frames = motion.frame_count
    turned = np.empty((frames, skeleton.joint_count, 3, 3))
    positions = np.empty((frames, skeleton.joint_count, 3))
    root, roots = skeleton.root, skeleton.roots
    turned[:, roots] = motion.local_rotations[:, roots]
    positions[:, roots] = skeleton.rest_positions[roots]
    offsets = skeleton.offsets[None]
    if motion.joint_translations is not None:
        offsets = offsets + motion.joint_translations
        positions[:, roots] += motion.joint_translations[:, roots]
    positions[:, root] = skeleton.rest_positions[root] + motion.root_translation
    for joints in skeleton.generations:
        parents = skeleton.parents[joints]
        carried = turned[:, parents]
        turned[:, joints] = carried @ motion.local_rotations[:, joints]
        positions[:, joints] = positions[:, parents] + (carried @ offsets[:, joints, :, None])[..., 0]
    return Pose(turned, positions)


class State:
    """A motion with everything the terms derive from it, computed once, when first asked for."""

    def __init__(self, skeleton: Skeleton, motion: Motion) -> None:
        self.skeleton = skeleton
        self.motion = motion
        self.surfaces: dict[tuple[object, int], object] = {}
        """Posed skins by skin and frame, kept by :meth:`Skin.at`."""

    @property
    def frame_count(self) -> int:
        return self.motion.frame_count

    @cached_property
    def pose(self) -> Pose:
        return forward(self.skeleton, self.motion)

    @cached_property
    def local_axes(self) -> Array:
        """(T, M, 3, 3) see parameters.py."""
        return local_axes(self.skeleton, self.motion)

    @cached_property
    def axes(self) -> Array:
        """(T, B, 3, 3) the unknowns in armature space: columns are the axes about which a block turns
        everything below its joint, or along which it moves it.
        """
        skeleton = self.skeleton
        axes = np.empty((self.frame_count, skeleton.block_count, 3, 3))
        axes[:, skeleton.rotation_blocks] = self.local_axes
        axes[:, skeleton.block_translates] = translation_axes(skeleton)
        parents = skeleton.parents[skeleton.block_joints]
        below = parents >= 0
        axes[:, below] = self.pose.global_rotations[:, parents[below]] @ axes[:, below]
        return axes

    @cached_property
    def body_axes(self) -> Array:
        """(T, M, 3, 3) L^T A: the unknowns' axes as seen by the joint itself, L <- L exp(body_axes d)."""
        turned = self.motion.local_rotations[:, self.skeleton.moving]
        return np.swapaxes(turned, -1, -2) @ self.local_axes

    @cached_property
    def twists(self) -> Array:
        """(T, B, 6, 3) the unknowns as twists (w, v): a point x that one carries moves by w x x + v.

        For a joint at p with axis a: w = a, v = p x a (Lynch and Park, "Modern Robotics", space screw axes);
        for a translation along a: w = 0, v = a.
        """
        turns, moves = self.skeleton.rotation_blocks, self.skeleton.block_translates
        result = np.zeros((*self.axes.shape[:2], 6, 3))
        result[:, moves, 3:] = self.axes[:, moves]
        pivots = self.pose.positions[:, self.skeleton.moving]
        result[:, turns, :3] = self.axes[:, turns]
        result[:, turns, 3:] = hat(pivots) @ self.axes[:, turns]
        return result


def joint_jacobian(state: State, joints: NDArray[np.int64]) -> Array:
    """(T, n, 3, P) derivative of the positions of n joints, written out; for few joints."""
    skeleton = state.skeleton
    turns, moves = skeleton.rotation_blocks, skeleton.block_translates
    positions = state.pose.positions
    frames, count = len(positions), len(joints)
    moved = np.empty((frames, count, skeleton.block_count, 3, 3))
    moved[:, :, moves] = state.axes[:, None, moves]
    arms = positions[:, joints, None] - positions[:, None, skeleton.moving]
    moved[:, :, turns] = hat(-arms) @ state.axes[:, None, turns]
    moved *= skeleton.block_carries[:, joints].T[None, :, :, None, None]
    return np.swapaxes(moved, 2, 3).reshape(frames, count, 3, -1)


def add_joint_information(state: State, system: NormalEquations, information: Array, gradient: Array) -> None:
    """Add evidence about the joints' positions to a system.

    Args:
        state: where the motion is.
        system: gets J^T information J and J^T gradient, J the derivative of the positions.
        information: (T, J, 3, 3) symmetric, second derivative of the cost by each position.
        gradient: (T, J, 3) derivative of the cost by each position.
    """
    frames, joints = gradient.shape[:2]
    across = hat(state.pose.positions)
    bodies = np.empty((frames, joints, 6, 6))
    moments = across @ information
    bodies[..., 3:, 3:] = information
    bodies[..., :3, 3:] = moments
    bodies[..., 3:, :3] = np.swapaxes(moments, -1, -2)
    bodies[..., :3, :3] = -moments @ across
    wrenches = np.concatenate([(across @ gradient[..., None])[..., 0], gradient], axis=-1)
    system.add_bodies(bodies, wrenches)


def add_turn_information(state: State, system: NormalEquations, information: Array, gradient: Array) -> None:
    """Add evidence about the bodies' orientations to a system.

    Args:
        state: where the motion is.
        system: gets J^T information J and J^T gradient, J the derivative of the bodies' rotation vectors.
        information: (T, J, 3, 3) symmetric, second derivative of the cost by each body's rotation vector,
            armature space.
        gradient: (T, J, 3) derivative of the cost by each body's rotation vector.
    """
    bodies = np.zeros((*gradient.shape[:2], 6, 6))
    bodies[..., :3, :3] = information
    wrenches = np.zeros((*gradient.shape[:2], 6))
    wrenches[..., :3] = gradient
    system.add_bodies(bodies, wrenches)
