# SPDX-License-Identifier: GPL-3.0-or-later
"""What the decoder reads says where the joints were seen, from any point of view."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mocapanything_addon.ik.camera import Camera
from mocapanything_addon.ik.rotations import exp
from mocapanything_addon.models.motion_features import (
    MotionInput,
    confidence_of,
    frame_motion_features,
    joint_motion_features,
)
from training.motion import forward_kinematics

PARENTS = np.array([-1, 0, 1, 1], np.int32)
REST = np.array([[0.0, 0, 0], [0, 0, 0.5], [0.3, 0, 0.9], [-0.3, 0, 0.9]])
AXES = np.array([[0, 1.0, 0], [0, 0, -1.0], [-1.0, 0, 0]])
CAMERA = Camera.from_fov(50.0, 200, 200, AXES, np.array([0, 0.4, 3.0]))


def motion(seed: int = 0, frames: int = 4) -> tuple[MotionInput, np.ndarray]:
    """An estimate, and the pixels where the joints really are."""
    rng = np.random.default_rng(seed)
    offsets = REST - REST[np.maximum(PARENTS, 0)]
    root = np.cumsum(rng.normal(size=(frames, 3)) * 0.02, axis=0)
    rotations, positions = forward_kinematics(
        PARENTS, offsets, exp(rng.normal(size=(frames, 4, 3)) * 0.4), root
    )
    true = positions + rng.normal(size=positions.shape) * 0.05
    pixels = CAMERA.project(true)
    depth = CAMERA.to_camera(positions)[..., 2:]
    given = MotionInput(
        parents=PARENTS,
        rest=REST,
        times=np.arange(frames) / 24.0,
        rotations=rotations,
        positions=positions,
        residuals=(pixels - CAMERA.project(positions)) * depth / CAMERA.focal,
        confidence=np.ones(positions.shape[:2]),
        camera_axes=CAMERA.rotation,
        camera_position=CAMERA.position,
    )
    return given, pixels


def test_the_shown_shift_leads_to_the_pixel():
    given, pixels = motion()
    features = joint_motion_features(given).astype(float)
    shift = np.einsum("tab,tjb->tja", given.rotations[:, 0], features[..., 12:15] / 10.0)
    assert np.allclose(CAMERA.project(given.positions + shift), pixels, atol=1e-3)


def test_nothing_is_shown_where_nothing_is_known():
    given, _ = motion()
    blind = replace(given, confidence=np.zeros((4, 4)))
    features = joint_motion_features(blind)
    assert np.abs(features[..., 12:15]).max() == 0.0
    assert np.allclose(features[..., 15:18], features[..., 18:21])  # the missing swing is the estimate's own


def test_a_rest_pose_seen_where_it_is_shows_zeros():
    given, _ = motion()
    still = np.tile(np.eye(3), (4, 4, 1, 1))
    resting = replace(
        given, rotations=still, positions=np.tile(REST, (4, 1, 1)), residuals=np.zeros((4, 4, 2))
    )
    features = joint_motion_features(resting)
    assert np.abs(features[..., :21]).max() < 1e-6
    assert np.allclose(frame_motion_features(resting), [[0, 0, 1, 0, 0, 0, 0, 0, 0]] * 4)


def test_turning_the_scene_about_up_changes_nothing():
    given, _ = motion()
    turn = exp(np.array([0.0, 0.0, 1.3]))
    turned = replace(
        given,
        rotations=turn @ given.rotations,
        positions=given.positions @ turn.T,
        camera_axes=given.camera_axes @ turn.T,
        camera_position=turn @ given.camera_position,
    )
    # Local rotations of the joints below the root, and everything in body axes, stay as they are.
    assert np.allclose(joint_motion_features(turned), joint_motion_features(given), atol=1e-5)
    assert np.allclose(frame_motion_features(turned), frame_motion_features(given), atol=1e-5)


@pytest.mark.parametrize(("sigma", "expected"), [(0.0, 1.0), (0.03, 0.5), (np.inf, 0.0)])
def test_confidence(sigma, expected):
    assert confidence_of(np.array(sigma)) == pytest.approx(expected)
