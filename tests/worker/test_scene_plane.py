# SPDX-License-Identifier: GPL-3.0-or-later
import cv2
import numpy as np
import pytest

from mocapanything_addon.worker.subject.camera_motion import CameraPath
from mocapanything_addon.worker.subject.scene_plane import scene_plane

WIDTH, HEIGHT, FOCAL = 320, 180, 300.0
FACTOR = 4.0


def _turned(yaw: float, pitch: float = 0.0, zoom: float = 1.0) -> np.ndarray:
    """Homography of a camera that turns about its place."""
    k = np.array([[FOCAL, 0.0, WIDTH / 2], [0.0, FOCAL, HEIGHT / 2], [0.0, 0.0, 1.0]])
    kz = np.diag([zoom, zoom, 1.0])
    about_y, _ = cv2.Rodrigues(np.array([0.0, yaw, 0.0]))
    about_x, _ = cv2.Rodrigues(np.array([pitch, 0.0, 0.0]))
    middle = np.array([[1.0, 0.0, -WIDTH / 2], [0.0, 1.0, -HEIGHT / 2], [0.0, 0.0, 1.0]])
    h = np.linalg.inv(middle) @ kz @ middle @ k @ about_x @ about_y @ np.linalg.inv(k)
    return h / h[2, 2]


def _moved(h: np.ndarray, points: np.ndarray) -> np.ndarray:
    return cv2.perspectiveTransform(points[None], h)[0]


def test_a_still_camera_needs_no_plane() -> None:
    rng = np.random.default_rng(0)
    jitter = np.tile(np.eye(3), (9, 1, 1))
    jitter[:, :2, 2] = rng.uniform(-0.3, 0.3, (9, 2))
    assert scene_plane(jitter, WIDTH, HEIGHT, FACTOR) is None
    assert scene_plane(np.eye(3)[None], WIDTH, HEIGHT, FACTOR) is None


def test_what_stands_still_in_the_scene_stands_still_in_the_plane() -> None:
    turns = np.stack([_turned(0.02 * t, 0.005 * t, 1.0 + 0.01 * t) for t in range(15)])
    plane = scene_plane(turns, WIDTH, HEIGHT, FACTOR)
    assert plane is not None
    assert plane[7] == pytest.approx(np.eye(3), abs=1e-9)
    points = np.array([[100.0, 60.0], [200.0, 120.0]])
    at_reference = (_moved(turns[7], points) + 0.5) * FACTOR - 0.5
    for t in range(15):
        own = (_moved(turns[t], points) + 0.5) * FACTOR - 0.5
        assert _moved(plane[t], at_reference) == pytest.approx(own, abs=1e-6)


def test_a_camera_that_turns_all_round_is_unrolled() -> None:
    steps = [np.eye(3)]
    for _ in range(60):
        steps.append(_turned(0.05) @ steps[-1])
    turns = np.stack(steps)
    plane = scene_plane(turns, WIDTH, HEIGHT, 1.0)
    assert plane is not None
    assert np.isfinite(plane).all()
    assert plane[:, :2, :2] == pytest.approx(np.tile(np.eye(2), (61, 1, 1)))
    steps_x = np.diff(plane[:, 0, 2])
    assert steps_x == pytest.approx(np.full(60, FOCAL * np.tan(0.05)), rel=0.02)


def test_a_filmed_pan_is_undone() -> None:
    """From pixels: frames cut out of one wide picture, with a subject of its own way in front."""
    rng = np.random.default_rng(1)
    wide = cv2.GaussianBlur(rng.uniform(0, 255, (HEIGHT, 3 * WIDTH, 3)), (0, 0), 2.0)
    wide = np.clip((wide - 128.0) * 4.0 + 128.0, 0, 255).astype(np.uint8)
    path = CameraPath()
    for t in range(20):
        frame = wide[:, 10 * t : 10 * t + WIDTH].copy()
        cv2.circle(frame, (150 + t, 90), 25, (200.0, 30.0, 30.0), -1)
        path.add(frame, t == 0)
    plane = scene_plane(np.array(path.to_frame), WIDTH, HEIGHT, 1.0)
    assert plane is not None
    for t in range(20):
        at = _moved(np.linalg.inv(plane[t]), np.array([[160.0, 90.0]]))
        assert at == pytest.approx(np.array([[160.0 + 10.0 * (t - 10), 90.0]]), abs=1.5)
