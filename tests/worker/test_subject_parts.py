# SPDX-License-Identifier: GPL-3.0-or-later
"""The pieces that the subject is found with: camera, shots, window, store."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from video_files import texture

from mocapanything_addon.fit.crop import Crop
from mocapanything_addon.worker.subject.camera_motion import CameraPath
from mocapanything_addon.worker.subject.frame_store import FrameStore
from mocapanything_addon.worker.subject.shots import ShotDetector, longest_shot
from mocapanything_addon.worker.subject.window import (
    borders_touched,
    box_of,
    cut_window,
    follow_boxes,
    inside_image,
)


def test_camera_path_follows_a_pan_with_zoom_behind_a_large_subject():
    world = texture(400, 600, 3, 0, 255, 6)
    path = CameraPath()
    truth = []
    for index in range(30):
        matrix = np.array([[1 + 0.004 * index, 0, -3.0 * index], [0, 1 + 0.004 * index, -0.5 * index]])
        frame = cv2.warpAffine(world, matrix, (300, 200))
        cv2.ellipse(frame, (150, 100), (60, 50), 0, 0, 360, (200, 40, 40), -1)  # stays in the middle
        path.add(frame, False)
        truth.append(np.vstack([matrix, [0, 0, 1]]))
    corners = np.array([[[20.0, 20.0], [280, 20], [280, 180], [20, 180]]])
    moved = cv2.perspectiveTransform(corners, path.to_frame[-1])
    expected = cv2.perspectiveTransform(corners, truth[-1] @ np.linalg.inv(truth[0]))
    assert np.abs(moved - expected).max() < 2.0


def test_still_camera_stays_still_behind_a_subject_at_the_border():
    world = texture(200, 300, 3, 0, 255, 6)
    subject = texture(200, 300, 4, 0, 255, 6)
    path = CameraPath()
    for index in range(15):
        frame = world.copy()
        frame[60:190, 4 * index : 4 * index + 80] = subject[60:190, :80]
        path.add(frame, False)
    assert np.abs(path.to_frame[-1] - np.eye(3)).max() < 1e-9


def test_cut_is_found_and_a_pan_or_flash_is_none():
    world = texture(200, 900, 3, 60, 200, 12)
    other = texture(200, 300, 8, 0, 90, 30)
    detector = ShotDetector()
    pan = [detector.is_cut(world[:, 25 * i : 25 * i + 300]) for i in range(20)]
    assert not any(pan)
    flash = np.clip(world[:, 475:775].astype(int) + 60, 0, 255).astype(np.uint8)
    assert not detector.is_cut(flash)
    assert detector.is_cut(other)
    assert longest_shot([0, 10, 14], 30) == (14, 16)


def test_cut_between_places_with_sky_above_ground_is_found():
    sky = np.linspace(1.0, 0.0, 200)[:, None, None] * np.array([120, 130, 150])
    meadow = np.clip(sky + 0.5 * texture(200, 300, 3, 40, 160, 9) * [0.6, 1.0, 0.4], 0, 255)
    desert = np.clip(sky + 0.5 * texture(200, 300, 4, 90, 220, 9) * [1.1, 0.8, 0.5], 0, 255)
    detector = ShotDetector()
    assert not any(detector.is_cut(meadow.astype(np.uint8)) for _ in range(3))
    assert detector.is_cut(desert.astype(np.uint8))


def test_window_holds_the_subject_and_does_not_pump():
    rng = np.random.default_rng(0)
    time = np.arange(120)
    center = np.stack([300 + 3.0 * time, 200 + 20 * np.sin(time / 9)], axis=1)
    half = 50 + 15 * np.sin(time * 1.1) + rng.uniform(-3, 3, 120)  # legs fold and stretch
    boxes = np.concatenate([center - half[:, None], center + half[:, None]], axis=1)
    boxes[40:46] = np.nan
    crops = follow_boxes(boxes, 24.0, 1280, 720, 256)
    side = np.array([c.side for c in crops])
    assert np.abs(np.diff(side)).max() < 0.02 * side.mean()
    for crop, box in zip(crops, boxes, strict=True):
        if np.isfinite(box[0]):
            assert crop.left <= box[0]
            assert crop.top <= box[1]
            assert crop.left + crop.side >= box[2]
            assert crop.top + crop.side >= box[3]
    assert side.max() < 2.2 * 2 * half.max()


def test_window_shows_the_pixels_its_crop_names():
    image = texture(90, 160, 1, 0, 255, 30)
    for working in (image, cv2.resize(image, (320, 180), interpolation=cv2.INTER_LINEAR)):
        crop = Crop(30.0, 10.0, 60.0, 96)
        window = cut_window(working, crop, 160)
        x, y = np.meshgrid(np.arange(5, 90, 7), np.arange(5, 90, 7))
        places = crop.to_image(np.stack([x, y], axis=-1).astype(float)).astype(np.float32)
        expected = cv2.remap(image, places[..., 0], places[..., 1], cv2.INTER_LINEAR)
        assert np.abs(window[y, x].astype(int) - expected).mean() < 3


def test_window_beyond_the_image_is_outside():
    inside = inside_image(Crop(-20.0, -20.0, 100.0, 100), 60, 200)
    assert not inside[:20].any()
    assert not inside[:, :20].any()
    assert inside[20:, 20:80].all()
    assert not inside[:, 80:].any()


@pytest.mark.parametrize("border", range(4))
def test_touched_border_is_the_one_touched(border):
    image = np.zeros((120, 200), np.uint8)
    image[
        (slice(40, 80), slice(0, 40), slice(40, 80), slice(90, 120))[border],
        (slice(0, 40), slice(80, 120), slice(170, 200), slice(80, 120))[border],
    ] = 255
    crop = Crop(-20.0, -60.0, 240.0, 128)
    mask = cut_window(image, crop, 200)
    mask[~inside_image(crop, 200, 120)] = 0
    assert borders_touched(mask, crop, 200, 120).tolist() == [k == border for k in range(4)]


def test_box_of_a_mask_counts_pixel_edges():
    mask = np.zeros((20, 30), bool)
    mask[4:9, 7:21] = True
    assert box_of(mask) == (7, 4, 21, 9)
    assert np.isnan(box_of(np.zeros((5, 5), bool))).all()


def test_frame_store_gives_back_what_was_put_in(tmp_path):
    frames = np.random.default_rng(0).integers(0, 255, (5, 3, 4), dtype=np.uint8)
    with FrameStore(tmp_path / "a.bin", (3, 4)) as store:
        for index in (0, 1, 4, 3):
            store[index] = frames[index]
        assert len(store) == 5
        assert (store[4] == frames[4]).all()
        assert not store[2].any()
        assert (store.as_array()[3] == frames[3]).all()
        with pytest.raises(IndexError):
            store[5]
        with pytest.raises(ValueError, match="store holds"):
            store.append(np.zeros((4, 3), np.uint8))
