# SPDX-License-Identifier: GPL-3.0-or-later
"""A made-up rig pack for the tests of benchmarks/: no asset is needed."""

from __future__ import annotations

import numpy as np

from mocapanything_addon.ik import rotations
from training.pack import MotionClip, Pack


def small_pack(frames: int = 20) -> Pack:
    """A root at (1, 2, 3) with two legs of two bones, 4 units tall; clips "still" and "swing"."""
    parents = np.array([-1, 0, 1, 2, 0, 4, 5], np.int32)
    arms = np.array([[0, 0, 0], [1, 0, 0], [0, 0.2, -2], [0, 0, -2], [-1, 0, 0], [0, 0.2, -2], [0, 0, -2.0]])
    positions = np.zeros((7, 3))
    positions[0] = [1.0, 2.0, 3.0]
    for joint in range(1, 7):
        positions[joint] = positions[parents[joint]] + arms[joint]
    rng = np.random.default_rng(3)
    joints = rng.integers(0, 7, 40)
    return Pack(
        name="small",
        family="small",
        parents=parents,
        rest_positions=positions,
        is_tail=np.isin(np.arange(7), [3, 6]),
        up=np.array([0.0, 0.0, 1.0]),
        vertices=(positions[joints] + 0.1 * rng.normal(size=(40, 3))).astype(np.float32),
        faces=np.zeros((0, 3), np.int32),
        vertex_colors=np.zeros((40, 3), np.uint8),
        skin_joints=np.stack([joints, np.maximum(parents[joints], 0)], axis=1).astype(np.int32),
        skin_weights=np.tile([0.75, 0.25], (40, 1)).astype(np.float32),
        clips=(clip("still", positions[0], frames, 0.0), clip("swing", positions[0], frames, 0.4)),
    )


def clip(name: str, root: np.ndarray, frames: int, amplitude: float) -> MotionClip:
    """The second leg swings, faster and faster."""
    vectors = np.zeros((frames, 7, 3))
    vectors[:, 4, 0] = amplitude * np.sin(np.linspace(0.0, 3.0, frames) ** 2)
    vectors[:, 5, 1] = 0.5 * vectors[:, 4, 0]
    return MotionClip(
        name, rotations.exp(vectors).astype(np.float32), np.tile(root, (frames, 1)).astype(np.float32)
    )
