# SPDX-License-Identifier: GPL-3.0-or-later
"""The video of what was cut out: what is marked in it, and where."""

from __future__ import annotations

from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from mocapanything_addon.fit.crop import Crop
from mocapanything_addon.worker.subject.mask_video import MaskVideo
from mocapanything_addon.worker.video_frame import VideoInfo

GREY = np.full((135, 201, 3), 100, np.uint8)
INFO = VideoInfo(width=201, height=135, frame_rate=24.0, duration=1.0, frame_count=4, has_alpha=False)
CROP = Crop(40.0, 20.0, 80.0, 160)
NOWHERE = np.zeros(4, bool)


def square() -> np.ndarray:
    """The mask of the source pixels 60 to 99 across and 40 to 79 down, in the window."""
    mask = np.zeros((160, 160), np.uint8)
    mask[40:120, 40:120] = 255
    return mask


def written(path: Path, *frames: tuple) -> list[np.ndarray]:
    with MaskVideo(path, INFO) as video:
        for frame in frames:
            video.add(*frame)
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24").astype(int) for frame in container.decode(video=0)]


def tinted(image: np.ndarray) -> np.ndarray:
    return image[..., 0] - image[..., 2] > 35


def test_the_subject_is_tinted_where_it_is(tmp_path: Path) -> None:
    frames = written(tmp_path / "mask.mp4", *[(GREY, square(), CROP, None, NOWHERE)] * 3)
    assert len(frames) == 3
    assert frames[0].shape == (136, 202, 3)  # even, as H.264 wants it
    truth = np.zeros((136, 202), bool)
    truth[40:80, 60:100] = True
    found = tinted(frames[1])
    assert (found & truth).sum() / (found | truth).sum() > 0.85


def test_a_turned_camera_is_followed(tmp_path: Path) -> None:
    """The window lies in the scene; the frame shows it 50 pixels further to the right."""
    to_frame = np.array([[1.0, 0.0, 50.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    (frame,) = written(tmp_path / "mask.mp4", (GREY, square(), CROP, to_frame, NOWHERE))
    columns = np.flatnonzero(tinted(frame).sum(axis=0) > 20)
    assert columns.min() == pytest.approx(110, abs=2)
    assert columns.max() == pytest.approx(149, abs=2)


def test_holes_are_not_tinted(tmp_path: Path) -> None:
    mask = square()
    cv2.circle(mask, (80, 80), 20, (0,), -1)
    (frame,) = written(tmp_path / "mask.mp4", (GREY, mask, CROP, None, NOWHERE))
    assert not tinted(frame)[58:62, 78:82].any()
    assert tinted(frame)[44:48, 64:68].all()


def test_frames_without_subject_are_pale_and_say_so(tmp_path: Path) -> None:
    red = np.zeros_like(GREY)
    red[..., 0] = 200
    empty = np.zeros((160, 160), np.uint8)
    with_subject, without = written(
        tmp_path / "mask.mp4", (red, square(), CROP, None, NOWHERE), (red, empty, CROP, None, NOWHERE)
    )
    corner = np.s_[100:130, 150:190]
    assert (with_subject[corner][..., 0] - with_subject[corner][..., 1]).mean() > 150
    assert (without[corner][..., 0] - without[corner][..., 1]).mean() < 90
    green = without[..., 1]
    assert green[:20, :80].std() > 5 * green[100:120, :80].std()  # words


def test_borders_at_which_it_is_cut_off_are_marked(tmp_path: Path) -> None:
    for number, (name, strip) in enumerate(
        {"left": np.s_[:, :2], "top": np.s_[:2], "right": np.s_[:, -2:], "bottom": np.s_[-2:]}.items()
    ):
        cut_off = np.arange(4) == number
        (frame,) = written(tmp_path / f"{name}.mp4", (GREY, square(), CROP, None, cut_off))
        red = frame[..., 0] - frame[..., 1] > 80
        assert red[strip].mean() > 0.9, name
        assert red.mean() < 0.06, name


def test_what_was_begun_is_closed_when_it_fails(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), MaskVideo(tmp_path / "mask.mp4", INFO) as video:
        video.add(GREY, square(), CROP, None, NOWHERE)
        raise ZeroDivisionError
