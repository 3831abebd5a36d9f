# SPDX-License-Identifier: GPL-3.0-or-later
"""mink (kevinzakka/mink, Apache-2.0): differential IK by quadratic programs on a MuJoCo model.

A ball joint a bone, a free root, one FrameTask with a position cost a joint, a PostureTask towards the hint
(rest where there is none), as mink's examples do it. Every frame starts from the one before and repeats until
the residual no longer improves.
"""

from __future__ import annotations

import mink
import mujoco
import numpy as np
from numpy.typing import NDArray

from mocapanything_addon.ik import Skeleton, rotations

from . import Answer
from .damped_steps import descend
from .observed_root import observed_root_translation

Array = NDArray[np.float64]
POSTURE = 3e-3
"""Cost of the posture against 1 a metre of position, in the 1 m cube."""


def solve(skeleton: Skeleton, positions: Array, weights: Array, hints: Array | None, fps: float) -> Answer:
    """See the package. Ranges are not passed on: mink has none for ball joints."""
    frames, joints = weights.shape
    model = mujoco.MjModel.from_xml_string(model_xml(skeleton))
    configuration = mink.Configuration(model)
    bodies = [model.body(f"joint{j}").id for j in range(joints)]
    places = np.full(joints, -1)
    places[skeleton.moving] = [model.joint(f"turn{j}").qposadr[0] for j in skeleton.moving]
    places[skeleton.root] += 3
    tasks = [
        mink.FrameTask(f"joint{j}", "body", position_cost=1.0, orientation_cost=0.0) for j in range(joints)
    ]
    posture = mink.PostureTask(model, cost=POSTURE)
    posture.set_target(model.qpos0)
    seen_root = observed_root_translation(skeleton, positions, weights)
    values = model.qpos0.copy()
    values[:3] = skeleton.rest_positions[skeleton.root] + seen_root[0]
    turned = np.tile([1.0, 0.0, 0.0, 0.0], (frames, joints, 1))
    moved = np.zeros((frames, 3))
    for frame in range(frames):
        if hints is not None:
            wanted = model.qpos0.copy()
            for joint in skeleton.moving:
                wanted[places[joint] : places[joint] + 4] = hints[frame, joint]
            posture.set_target(wanted)
        seen = np.nonzero(weights[frame] > 0.0)[0]
        for joint in seen:
            tasks[joint].set_position_cost(np.sqrt(weights[frame, joint]))
        used = [*(tasks[j] for j in seen), posture]

        def aim(values: Array) -> float:
            configuration.update(values)
            return _aim(configuration, tasks, seen, bodies, positions[frame])  # noqa: B023

        def step(damping: float) -> Array:
            turn = mink.solve_ik(configuration, used, 1.0, "daqp", damping=damping, limits=[])  # noqa: B023
            return configuration.integrate(turn, 1.0)

        values = descend(values, aim, step)
        moved[frame] = values[:3] - skeleton.rest_positions[skeleton.root]
        turned[frame, skeleton.moving] = [values[p : p + 4] for p in places[skeleton.moving]]
    return Answer(rotations.continuous_quaternions(turned), moved)


def _aim(
    configuration: mink.Configuration,
    tasks: list,
    seen: NDArray[np.integer],
    bodies: list[int],
    positions: Array,
) -> float:
    """Set the tasks' targets, turned as their bodies are: with another turn, mink's error, a logarithm on
    SE(3), mixes rotation into the position. Returns the mean distance to them.
    """
    total = 0.0
    for joint in seen:
        body = bodies[joint]
        place = np.concatenate([configuration.data.xquat[body], positions[joint]])
        tasks[joint].set_target(mink.SE3(place))
        total += float(np.linalg.norm(configuration.data.xpos[body] - positions[joint]))
    return total / max(len(seen), 1)


def model_xml(skeleton: Skeleton) -> str:
    """A MuJoCo model whose ball joints' quaternions are the rest-relative local rotations."""
    moving = set(skeleton.moving.tolist())

    def body(joint: int) -> str:
        root = joint == skeleton.root
        offset = skeleton.rest_positions[joint] if root else skeleton.offsets[joint]
        kind = f'<freejoint name="turn{joint}"/>' if root else f'<joint name="turn{joint}" type="ball"/>'
        return (
            f'<body name="joint{joint}" pos="{" ".join(map(repr, map(float, offset)))}">'
            + (kind if joint in moving else "")
            + '<geom type="sphere" size="0.01" mass="0.01"/>'
            + "".join(body(int(child)) for child in skeleton.children[joint])
            + "</body>"
        )

    return f"<mujoco><worldbody>{body(skeleton.root)}</worldbody></mujoco>"
