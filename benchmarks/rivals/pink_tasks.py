# SPDX-License-Identifier: GPL-3.0-or-later
"""Pink (stephane-caron/pink, Apache-2.0) on Pinocchio (BSD-2): differential IK by quadratic programs.

The same set-up as mink_tasks.py: a spherical joint a bone, a free root, one FrameTask with a position cost a
joint, a PostureTask towards the hint or rest, frame after frame.
"""

from __future__ import annotations

import numpy as np
import pink
import pinocchio
from numpy.typing import NDArray

from mocapanything_addon.ik import Skeleton, rotations

from . import Answer
from .damped_steps import descend
from .mink_tasks import POSTURE
from .observed_root import observed_root_translation

Array = NDArray[np.float64]
WXYZ = [3, 0, 1, 2]
"""Pinocchio's quaternions are (x, y, z, w)."""
XYZW = [1, 2, 3, 0]


def solve(skeleton: Skeleton, positions: Array, weights: Array, hints: Array | None, fps: float) -> Answer:
    """See the package. Ranges are not passed on: Pink has none for spherical joints."""
    frames, joints = weights.shape
    model, places = build_model(skeleton)
    data = model.createData()
    tasks = [pink.FrameTask(f"joint{j}", position_cost=1.0, orientation_cost=0.0) for j in range(joints)]
    ids = [model.getFrameId(f"joint{j}") for j in range(joints)]
    posture = pink.PostureTask(cost=POSTURE)
    rest = pinocchio.neutral(model)
    posture.set_target(rest)
    values = rest.copy()
    seen_root = observed_root_translation(skeleton, positions, weights)
    values[:3] = skeleton.rest_positions[skeleton.root] + seen_root[0]
    turned = np.tile([1.0, 0.0, 0.0, 0.0], (frames, joints, 1))
    moved = np.zeros((frames, 3))
    here = [values]
    for frame in range(frames):
        if hints is not None:
            wanted = rest.copy()
            for joint in skeleton.moving:
                quaternion = hints[frame, joint] / np.linalg.norm(hints[frame, joint])
                wanted[places[joint] : places[joint] + 4] = quaternion[XYZW]
            posture.set_target(wanted)
        seen = np.nonzero(weights[frame] > 0.0)[0]
        for joint in seen:
            tasks[joint].set_position_cost(float(np.sqrt(weights[frame, joint])))
        used = [*(tasks[j] for j in seen), posture]

        def aim(values: Array) -> float:
            pinocchio.forwardKinematics(model, data, values)
            pinocchio.updateFramePlacements(model, data)
            here[0] = values
            residual = 0.0
            for joint in seen:  # noqa: B023
                # Turned as the body is: see mink_tasks.py.
                place = data.oMf[ids[joint]]
                tasks[joint].set_target(pinocchio.SE3(place.rotation, positions[frame, joint]))  # noqa: B023
                residual += float(np.linalg.norm(place.translation - positions[frame, joint]))  # noqa: B023
            return residual / max(len(seen), 1)  # noqa: B023

        def step(damping: float) -> Array:
            configuration = pink.Configuration(model, data, here[0], copy_data=False)
            turn = pink.solve_ik(
                configuration,
                used,  # noqa: B023
                1.0,
                "daqp",
                damping=damping,
                limits=[],
                safety_break=False,
            )
            return pinocchio.integrate(model, here[0], turn)

        values = descend(values, aim, step)
        moved[frame] = values[:3] - skeleton.rest_positions[skeleton.root]
        for joint in skeleton.moving:
            turned[frame, joint] = values[places[joint] : places[joint] + 4][WXYZ]
    return Answer(rotations.continuous_quaternions(turned), moved)


def build_model(skeleton: Skeleton) -> tuple[pinocchio.Model, NDArray[np.int64]]:
    """A model whose spherical joints' quaternions are the local rotations, and where each begins in q."""
    model = pinocchio.Model()
    moving = set(skeleton.moving.tolist())
    carriers = np.zeros(skeleton.joint_count, int)
    places = np.full(skeleton.joint_count, -1)
    offsets = np.zeros((skeleton.joint_count, 3))
    for joint in np.argsort(skeleton.depths, kind="stable"):
        parent = skeleton.parents[joint]
        at = skeleton.rest_positions[joint]
        carrier = 0
        if joint != skeleton.root:
            at, carrier = offsets[parent] + skeleton.offsets[joint], int(carriers[parent])
        if joint in moving:
            root = joint == skeleton.root
            kind = pinocchio.JointModelFreeFlyer() if root else pinocchio.JointModelSpherical()
            # The free root's translation is the root's place itself.
            start = pinocchio.SE3(np.eye(3), np.zeros(3) if root else at)
            carriers[joint] = model.addJoint(carrier, kind, start, f"turn{joint}")
            places[joint] = model.joints[int(carriers[joint])].idx_q + (3 if root else 0)
        else:
            carriers[joint], offsets[joint] = carrier, at
        frame = pinocchio.SE3(np.eye(3), offsets[joint])
        model.addFrame(
            pinocchio.Frame(f"joint{joint}", int(carriers[joint]), 0, frame, pinocchio.FrameType.OP_FRAME)
        )
    model.lowerPositionLimit = np.full(model.nq, -np.inf)
    model.upperPositionLimit = np.full(model.nq, np.inf)
    return model, places
