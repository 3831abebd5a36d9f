# SPDX-License-Identifier: GPL-3.0-or-later
"""Small things many rooms test with."""

from __future__ import annotations

import os
import shutil
import sys

import numpy as np
import pytest

from mocapanything_addon.jobs.rig import Rig
from mocapanything_addon.jobs.solution import Solution


@pytest.fixture
def arm_rig() -> Rig:
    """Two bones in a row, one metre each, up along z, with a square of skin around each."""
    square = np.array([[-0.1, 0.0, 0.1], [0.1, 0.0, 0.1], [0.1, 0.0, 0.9], [-0.1, 0.0, 0.9]])
    weights = np.zeros((8, 4), np.float32)
    weights[:, 0] = 1.0
    joints = np.zeros((8, 4), np.int32)
    joints[4:, 0] = 1
    return Rig(
        name="Ärm",
        joint_names=("upper", "lower", "lower"),
        is_tail=np.array([False, False, True]),
        parents=np.array([-1, 0, 1], np.int32),
        rest_positions=np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, 0.0, 2.0]]),
        rest_rotations=np.tile([1.0, 0.0, 0.0, 0.0], (3, 1)),
        limits=np.tile([-np.inf, np.inf], (3, 3, 1)),
        locked_rotation=np.zeros((3, 3), bool),
        can_translate=np.array([True, False, False]),
        vertices=np.concatenate([square, square + np.array([0.0, 0.0, 1.0])]).astype(np.float32),
        faces=np.array([[0, 1, 2], [0, 2, 3], [4, 5, 6], [4, 6, 7]], np.int32),
        vertex_colors=np.full((8, 3), 128, np.uint8),
        skin_joints=joints,
        skin_weights=weights,
        warnings=("two bones are few",),
    )


@pytest.fixture
def arm_solution(arm_rig: Rig) -> Solution:
    """Five frames in which the whole arm tips over about x while its lower half bends back."""
    times = np.arange(5) / 25.0
    angles = np.stack([0.2 * np.arange(5), -0.4 * np.arange(5), np.zeros(5)], axis=1)
    local = np.stack(
        [np.cos(angles / 2), np.sin(angles / 2), np.zeros_like(angles), np.zeros_like(angles)], axis=2
    )
    total = np.cumsum(angles, axis=1)  # all turn about x, so angles add up along the chain
    world = np.stack(
        [np.cos(total / 2), np.sin(total / 2), np.zeros_like(total), np.zeros_like(total)], axis=2
    )
    positions = np.zeros((5, 3, 3))
    positions[:, 0, 0] = 0.1 * np.arange(5)
    for child in (1, 2):
        angle = total[:, child - 1]
        along = np.stack([np.zeros(5), -np.sin(angle), np.cos(angle)], axis=1)
        positions[:, child] = positions[:, child - 1] + along
    return Solution(
        times=times,
        positions=positions,
        global_rotations=world,
        local_rotations=local,
        confidence=np.linspace(0.5, 1.0, 15, dtype=np.float32).reshape(5, 3),
        camera_rotation=np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]]),
        camera_translation=np.array([0.0, 1.0, 5.0]),
        camera_focal=600.0,
        image_size=np.array([640, 360]),
        source_frame_rate=25.0,
    )


EXIT_STATUS = pytest.StashKey[int]()


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    session.config.stash[EXIT_STATUS] = int(exitstatus)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    """Leave without Python's shutdown once bpy is loaded: as a module it may crash or hang in it."""
    bpy = sys.modules.get("bpy")
    if bpy is not None and EXIT_STATUS in config.stash:
        shutil.rmtree(bpy.app.tempdir, ignore_errors=True)
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(config.stash[EXIT_STATUS])
