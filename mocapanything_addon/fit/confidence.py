# SPDX-License-Identifier: GPL-3.0-or-later
"""How far each joint of each frame can be trusted: how much of it is seen, and how well that agrees."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..ik.kinematics import State
from ..ik.motion import Motion
from .frame_fit import NARROW
from .problem import Problem, Progress
from .sight import Sight, look

STAGE = "confidence"
AREA = 40.0
"""The fit's pixels squared: a joint that shows so much of itself is seen by two thirds. A dog's lower leg
shows about a hundred."""
GOOD_RESIDUAL = 3.0
"""The fit's pixels: an outline this far off halves the confidence."""


@dataclass(frozen=True, eq=False)
class Confidence:
    """T frames, J joints."""

    joints: NDArray[np.float64]
    """(T, J) 0 (guessed) to 1 (seen, and in agreement)."""
    residual: NDArray[np.float64]
    """(T, J) mean distance of the joint's outline from the subject's, at its depth, armature units."""


def judge(problem: Problem, motion: Motion, progress: Progress) -> Confidence:
    """Look at the result once more, frame by frame.

    Joints whose own surface makes no outline in a frame have the residual of the whole body there.
    """
    body, skeleton = problem.body, problem.body.skeleton
    count = motion.frame_count
    state = State(skeleton, motion)
    joints = np.zeros((count, skeleton.joint_count))
    residual = np.zeros((count, skeleton.joint_count))
    depth = problem.camera.to_camera(state.pose.positions)[..., 2]
    for t in range(count):
        progress(STAGE, t, count)
        posed = body.skin.at(state, t)
        sight = look(problem, posed, t, sigma=NARROW)
        pixels = _outline_residual(problem, sight, posed.vertices.astype(np.float64))
        residual[t] = pixels * np.maximum(depth[t], 0.0) / problem.camera.focal
        if problem.frames.has_subject[t]:
            seen = 1.0 - np.exp(-sight.visible_area / AREA)
            agrees = 1.0 / (1.0 + np.square(pixels / (GOOD_RESIDUAL * problem.pixel[t])))
            joints[t] = seen * agrees
    _inherit(problem, joints)
    return Confidence(joints, residual)


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


def _inherit(problem: Problem, joints: NDArray[np.float64]) -> None:
    """A joint without surface of its own is as sure as the one it hangs on."""
    own = problem.body.mesh.joint_share > 0
    for joint, parent in enumerate(problem.body.skeleton.parents):
        if parent >= 0 and not own[joint]:
            joints[:, joint] = joints[:, parent]
