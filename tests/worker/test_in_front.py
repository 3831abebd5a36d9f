# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands still before the subject, and by what share it hides it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from video_files import texture

from mocapanything_addon.fit.clip import SubjectClip
from mocapanything_addon.fit.crop import Crop
from mocapanything_addon.worker.subject.hidden_share import hidden_share, hidden_words
from mocapanything_addon.worker.subject.in_front import hidden_beyond, with_what_is_in_front
from mocapanything_addon.worker.subject.window import (
    borders_touched,
    cut_window,
    follow_boxes,
    inside_image,
)

WIDTH, HEIGHT, FRAMES = 480, 240, 40
BODY = np.s_[90:170]
"""Rows of the body."""
LONG = 90
POST = 200, 300
"""Columns."""
RATE = 25.0
Image = np.ndarray


def filmed(
    path: np.ndarray,
    post: tuple[int, int] | None,
    *,
    length: Callable[[int], int] = lambda t: LONG,
    legs: bool = False,
) -> tuple[SubjectClip, np.ndarray]:
    """A patterned body whose left end goes along a path (T,), behind a post; also the share (T,) that the
    post hides of what is within the image. Legs stand still while the body goes on, then take a step."""
    wall, fur, wood = (texture(HEIGHT, WIDTH, seed, 0, 255, 5) for seed in (1, 2, 3))
    images, masks, boxes, hidden = [], [], [], []
    for t, left in enumerate(np.round(path).astype(int).tolist()):
        image, mask = wall.copy(), np.zeros((HEIGHT, WIDTH), np.uint8)
        first, last = max(left, 0), min(left + length(t), WIDTH)
        if first < last:
            image[BODY, first:last] = fur[BODY, first - left : last - left]
            mask[BODY, first:last] = 255
        for hip in (5, 60) if legs else ():
            foot = hip + 40 * (left // 40)
            image[170:215, foot : foot + 14] = fur[170:215, :14]
            mask[170:215, foot : foot + 14] = 255
        whole = np.count_nonzero(mask)
        if post is not None:
            image[:, slice(*post)] = wood[:, slice(*post)]
            mask[:, slice(*post)] = 0
        columns = np.flatnonzero(mask.any(axis=0))
        inside = (float(columns[0]), 90.0, columns[-1] + 1.0, 170.0) if len(columns) else (np.nan,) * 4
        images.append(image)
        masks.append(mask)
        boxes.append(inside)
        hidden.append(1.0 - np.count_nonzero(mask) / whole if whole else np.nan)
    crops = follow_boxes(np.array(boxes), RATE, WIDTH, HEIGHT, 128)
    cut = [
        np.where((cut_window(m, c, WIDTH) > 127) & inside_image(c, WIDTH, HEIGHT), 255, 0).astype(np.uint8)
        for m, c in zip(masks, crops, strict=True)
    ]
    clip = SubjectClip(
        times=np.arange(len(path)) / RATE,
        frame_rate=RATE,
        width=WIDTH,
        height=HEIGHT,
        crops=crops,
        color=np.array([cut_window(i, c, WIDTH) for i, c in zip(images, crops, strict=True)]),
        mask=np.array(cut),
        cut_off=np.array([borders_touched(m, c, WIDTH, HEIGHT) for m, c in zip(cut, crops, strict=True)]),
    )
    return clip, np.array(hidden)


def looked_at(clip: SubjectClip, folder: Path) -> SubjectClip:
    ticks: list[None] = []
    clip = with_what_is_in_front(clip, folder, lambda: ticks.append(None))
    assert len(ticks) >= clip.frame_count
    return clip


@pytest.mark.parametrize("way", [1, -1])
@pytest.mark.parametrize("speed", [4.0, 9.0])
def test_share_that_a_post_hides_is_told(tmp_path: Path, way: int, speed: float) -> None:
    count = round(340 / speed)
    clip, truth = filmed((20.0 + speed * np.arange(count))[::way], POST)
    share = hidden_share(looked_at(clip, tmp_path))
    assert truth.max() == 1.0 and (truth == 0.0).sum() > 8
    assert np.abs(share - truth).mean() < 0.03
    assert ((share > 0.25) == (truth > 0.25)).mean() > 0.95


def test_place_behind_the_post_is_not_known_and_the_body_is(tmp_path: Path) -> None:
    clip, _ = filmed(20.0 + 5.0 * np.arange(60), POST)
    clip = looked_at(clip, tmp_path)
    assert clip.hidden is not None
    t = 25  # the front half is behind the post
    crop = clip.crops[t]
    x, y = np.moveaxis(
        crop.to_image(np.stack(np.meshgrid(np.arange(128), np.arange(128)), axis=-1).astype(float)), -1, 0
    )
    hidden, rows = clip.hidden[t] > 127, (y > 95) & (y < 165)
    assert hidden[rows & (x > POST[0] + 2) & (x < POST[0] + 40)].all()
    assert hidden[rows & (np.abs(x - POST[0]) < 1.0)].all()  # the edge is no outline
    assert not hidden[rows & (x < POST[0] - 12)].any()
    assert not hidden[x < POST[0] - 60].any()


@pytest.mark.parametrize(
    ("path", "length"),
    [
        (20.0 + 8.0 * np.arange(40), lambda t: LONG),
        (300.0 + 3.0 * np.arange(60), lambda t: LONG),
        (20.0 + 4.0 * np.arange(70), lambda t: round(LONG * (0.75 + 0.25 * np.cos(0.5 * t)))),
        (150.0 + 0.0 * np.arange(40), lambda t: round(LONG * (0.65 + 0.35 * np.cos(0.3 * t)))),
    ],
    ids=["before everything", "leaves the image", "limbs swing", "turns about"],
)
def test_nothing_stands_in_front(tmp_path: Path, path: np.ndarray, length: Callable[[int], int]) -> None:
    clip, _ = filmed(path, None, length=length)
    clip = looked_at(clip, tmp_path)
    assert clip.hidden is None
    assert np.nanmax(hidden_share(clip)) == 0.0
    assert not (tmp_path / "hidden.bin").exists()


def test_planted_feet_are_not_behind_something(tmp_path: Path) -> None:
    clip, _ = filmed(20.0 + 3.0 * np.arange(90), None, legs=True)
    assert looked_at(clip, tmp_path).hidden is None


def test_what_it_comes_back_before_does_not_stand_in_front(tmp_path: Path) -> None:
    there, _ = filmed(20.0 + 8.0 * np.arange(42), POST)
    back, _ = filmed(20.0 + 8.0 * np.arange(42)[::-1], None)
    both = replace(
        there,
        times=np.arange(84) / RATE,
        crops=[*there.crops, *back.crops],
        color=np.concatenate([there.color, back.color]),
        mask=np.concatenate([there.mask, back.mask]),
        cut_off=np.concatenate([there.cut_off, back.cut_off]),
    )
    assert looked_at(there, tmp_path).hidden is not None
    assert looked_at(both, tmp_path).hidden is None


def test_no_subject_at_all(tmp_path: Path) -> None:
    clip, _ = filmed(20.0 + 8.0 * np.arange(5), None)
    empty = replace(clip, mask=np.zeros_like(clip.mask))
    assert with_what_is_in_front(empty, tmp_path, lambda: None).hidden is None
    assert np.isnan(hidden_share(empty)).all()


def test_beyond_an_edge_is_what_is_nearest_to_it() -> None:
    mask, places = np.zeros((100, 100), bool), np.zeros((100, 100), bool)
    mask[30:70, 20:50] = True
    places[35:65, 50:56] = True
    hidden = hidden_beyond(mask, places, 30.0)
    assert hidden[40:60, 50:].all()  # up to twice its size
    assert not hidden[:, :46].any()
    assert not hidden_beyond(mask, np.zeros_like(places), 30.0).any()


def drawn(areas: list[int], stops: list[int], cut: list[int]) -> SubjectClip:
    """Bars of so many pixels in one window; those that stop at something, and those the border cuts off."""
    count = len(areas)
    mask, hidden = np.zeros((2, count, 64, 64), np.uint8)
    for t, area in enumerate(areas):
        mask[t, : area // 40, :40] = 255
    hidden[stops, :, :2] = 255
    cut_off = np.zeros((count, 4), bool)
    cut_off[cut, 2] = True
    return SubjectClip(
        times=np.arange(count) / RATE,
        frame_rate=RATE,
        width=640,
        height=640,
        crops=[Crop(100.0, 100.0, 128.0, 64)] * count,
        color=np.zeros((count, 64, 64, 3), np.uint8),
        mask=mask,
        cut_off=cut_off,
        hidden=hidden,
    )


def test_frames_without_subject_are_hidden_only_if_it_went_behind_something() -> None:
    areas = [800, 800, 400, 0, 0, 800, 800]
    assert hidden_share(drawn(areas, [2], [])).tolist() == [0.0, 0.0, 0.5, 1.0, 1.0, 0.0, 0.0]
    gone = hidden_share(drawn(areas, [2], [5]))
    assert np.isnan(gone[3:6]).all() and gone[2] == 0.5
    later = hidden_share(drawn([800, 400, 800, 0, 0, 800, 800], [1], []))
    assert np.isnan(later[3:5]).all() and later[1] == 0.5
    lost = hidden_share(drawn(areas, [], []))
    assert np.isnan(lost[3:5]).all() and lost[2] == 0.0  # smaller, but nothing is known to stand in front


def test_a_frame_between_two_that_stop_does_so_too() -> None:
    assert hidden_share(drawn([800, 400, 400, 400, 800], [1, 3], [])).tolist() == [0.0, 0.5, 0.5, 0.5, 0.0]


def test_words_name_the_frames() -> None:
    assert hidden_words(np.array([0.0, 0.2, np.nan])) is None
    words = hidden_words(np.array([0.3, 0.0, np.nan, 0.4, 0.6, 0.5, 0.1]))
    assert words is not None and "frames 0, 3 to 5 (up to 60%)" in words
