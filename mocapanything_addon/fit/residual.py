# SPDX-License-Identifier: GPL-3.0-or-later
"""How far the result's outline is from the subject's, joint by joint."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..ik.kinematics import State
from ..ik.motion import Motion
from .frame_fit import NARROW
from .problem import Problem, Progress
from .sight import Sight, look

STAGE = "residual"


def joint_residual(problem: Problem, motion: Motion, progress: Progress) -> NDArray[np.float64]:
    """(T, J) mean distance of each joint's outline from the subject's, at its depth, armature units.

    Joints whose own surface makes no outline in a frame have the residual of the whole body there; frames
    without
    a subject have 0.
    """
    skeleton = problem.body.skeleton
    state = State(skeleton, motion)
    depth = problem.camera.to_camera(state.pose.positions)[..., 2]
    residual = np.zeros((motion.frame_count, skeleton.joint_count))
    for t in range(motion.frame_count):
        progress(STAGE, t, motion.frame_count)
        posed = problem.body.skin.at(state, t)
        sight = look(problem, posed, t, sigma=NARROW)
        pixels = _outline_residual(problem, sight, posed.vertices.astype(np.float64))
        residual[t] = pixels * np.maximum(depth[t], 0.0) / problem.camera.focal
    return residual


def _outline_residual(problem: Problem, sight: Sight, vertices: NDArray[np.float64]) -> NDArray[np.float64]:
    """(J,) mean distance between the posed outline and the subject's, across it, source pixels."""
    count = problem.body.skeleton.joint_count
    observed = sight.silhouette
    if observed is None or observed.normals is None or not len(observed.points):
        return np.zeros(count)
    places = problem.camera.project(observed.points.on(vertices, problem.body.mesh.faces))
    distance = np.abs(((observed.targets - places) * observed.normals).sum(axis=1))
    joints = problem.body.mesh.face_joints[observed.points.faces]
    samples = np.bincount(joints, minlength=count)
    total = np.bincount(joints, distance, minlength=count)
    return np.where(samples > 0, total / np.maximum(samples, 1), distance.mean())
