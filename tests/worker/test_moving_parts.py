# SPDX-License-Identifier: GPL-3.0-or-later
"""Which moving pieces are one creature, what belongs to it, and what is only its shadow."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from video_files import texture

from mocapanything_addon.worker.subject.candidates import moving_candidates
from mocapanything_addon.worker.subject.find_again import find_again
from mocapanything_addon.worker.subject.follow import begin
from mocapanything_addon.worker.subject.frame_store import FrameStore, OddsStore, Scratch
from mocapanything_addon.worker.subject.likelihood import Likelihood, subject_likelihood

HEIGHT, WIDTH = 160, 240
RED, BLUE, GROUND = (200, 60, 50), (50, 70, 200), (110, 110, 110)


class Camera:
    """Stands still, or not."""

    def __init__(self, *, still: bool = True) -> None:
        self.still = still

    def is_still(self, source: int, target: int) -> bool:
        return self.still

    def motion(self, source: int, target: int) -> np.ndarray:
        return np.eye(3)


class SeesColor:
    """What has the hinted colours most is meant: everything red, or everything blue; red where nothing is
    hinted."""

    def logit(self, rgb: np.ndarray, hint: np.ndarray) -> np.ndarray:
        red = (rgb[..., 0] > 150) & (rgb[..., 2] < 120)
        blue = (rgb[..., 2] > 150) & (rgb[..., 0] < 120)
        meant = blue if hint[blue].sum() > hint[red].sum() else red
        return np.where(meant & (hint > -0.9), np.float32(6.0), np.float32(-6.0))


def moving(odds: OddsStore, places: list[list[tuple[int, int, int, int]]]) -> None:
    """Boxes (left, top, right, bottom) of each frame move, nothing else."""
    for index, boxes in enumerate(places):
        logit = np.full((HEIGHT, WIDTH), -4.0, np.float32)
        for left, top, right, bottom in boxes:
            logit[top:bottom, left:right] = 4.0
        odds[index] = logit


@pytest.fixture
def scratch(tmp_path):
    with Scratch(tmp_path) as made:
        yield made


def frames_of(scratch: Scratch, images: list[np.ndarray]) -> FrameStore:
    frames = scratch.store("frames", (HEIGHT, WIDTH, 3))
    for image in images:
        frames.append(image)
    return frames


def drawn(boxes: dict[tuple[int, int, int, int], tuple[int, int, int]]) -> np.ndarray:
    image = np.full((HEIGHT, WIDTH, 3), GROUND, np.uint8)
    for (left, top, right, bottom), color in boxes.items():
        image[top:bottom, left:right] = color
    return image


HEAD, TAIL, BODY = (60, 60, 80, 80), (160, 60, 180, 80), (60, 60, 180, 100)


@pytest.mark.parametrize("still", [True, False])
def test_what_moved_in_between_links_pieces_before_a_still_camera(scratch, still):
    odds = scratch.odds("odds", HEIGHT, WIDTH)
    moving(odds, [[HEAD, TAIL], [HEAD, TAIL], [BODY], [HEAD, TAIL]])
    parts = Likelihood(odds, Camera(still=still)).parts(0)
    assert (parts[65, 65] == parts[65, 165]) is np.bool_(still)
    assert parts[90, 120] == 0  # which does not move in this frame


def test_ends_that_the_network_sees_in_one_body_are_one_creature(scratch):
    odds = scratch.odds("odds", HEIGHT, WIDTH)
    moving(odds, [[HEAD, TAIL]] * 12)
    frames = frames_of(scratch, [drawn({BODY: RED})] * 12)
    (found,) = moving_candidates(frames, Likelihood(odds, Camera()), SeesColor(), lambda share: None)
    assert found.masks[0].sum() == pytest.approx(120 * 40, rel=0.05)


def test_ends_of_two_bodies_are_two_creatures(scratch):
    odds = scratch.odds("odds", HEIGHT, WIDTH)
    moving(odds, [[HEAD, TAIL]] * 12)
    image = drawn({(50, 60, 90, 100): RED, (150, 60, 190, 100): BLUE})
    frames = frames_of(scratch, [image] * 12)
    found = moving_candidates(frames, Likelihood(odds, Camera()), SeesColor(), lambda share: None)
    assert len(found) == 2


@pytest.mark.parametrize(("side", "count"), [(12, 0), (50, 1)])
def test_a_speck_that_the_network_does_not_know_is_no_creature(scratch, side, count):
    odds = scratch.odds("odds", HEIGHT, WIDTH)
    box = (100, 60, 100 + side, 60 + side)
    moving(odds, [[box]] * 12)
    frames = frames_of(scratch, [drawn({})] * 12)
    found = moving_candidates(frames, Likelihood(odds, Camera()), SeesColor(), lambda share: None)
    assert [int(candidate.masks[0].sum()) for candidate in found] == [side * side] * count


class SeesHintedOrRed:
    """Finds the hinted place; without a hint, what is red."""

    def logit(self, rgb: np.ndarray, hint: np.ndarray) -> np.ndarray:
        meant = hint > 0.2 if (hint > 0).any() else rgb[..., 0] > 150
        return np.where(meant, np.float32(6.0), np.float32(-6.0))


@pytest.mark.parametrize(("width", "is_taken"), [(200, True), (80, False)])
def test_what_lies_beyond_the_near_window_is_taken_in_only_where_most_was_missed(width, is_taken):
    """The window around a piece of 20 pixels shows some 60 of the thing that it is a part of."""
    image = drawn({(20, 60, 20 + width, 90): RED})
    hint = np.zeros((HEIGHT, WIDTH), np.float32)
    hint[60:90, 20:40] = 1.0
    found = begin(image, hint, np.zeros_like(hint), SeesHintedOrRed()) > 0
    assert found[75, 60]
    assert found[75, 15 + width] == is_taken


def test_shadow_counts_as_still(scratch):
    ground = texture(HEIGHT, WIDTH, 1, 110, 220, 5)
    images, shadows, bodies = [], [], []
    for index in range(24):
        body, shadow = np.zeros((2, HEIGHT, WIDTH), np.uint8)
        cv2.circle(body, (40 + 6 * index, 60), 16, (1.0,), -1)
        cv2.ellipse(shadow, (55 + 6 * index, 110), (26, 10), 0.0, 0.0, 360.0, (1.0,), -1)
        image = ground.copy()
        image[shadow > 0] = (0.55 * image[shadow > 0]).astype(np.uint8)
        image[body > 0] = RED
        images.append(image)
        shadows.append(shadow > 0)
        bodies.append(body > 0)
    frames = frames_of(scratch, images)
    _, likelihood = subject_likelihood(frames, np.tile(np.eye(3), (24, 1, 1)), scratch, lambda share: None)
    assert likelihood is not None
    for index in (4, 12, 20):
        assert (likelihood.logit(index)[bodies[index]] > 0).mean() > 0.9
        assert (likelihood.logit(index)[shadows[index]] > 0).mean() < 0.2


def test_lost_subject_is_recognised_and_another_is_not(scratch):
    images, places = [], []
    odds, followed = scratch.odds("odds", HEIGHT, WIDTH), scratch.odds("masks", HEIGHT, WIDTH)
    for index in range(40):
        red = (20 + index, 20, 50 + index, 50) if index < 20 else (20 + index, 100, 50 + index, 130)
        blue = (180 - index, 60, 210 - index, 90)
        images.append(drawn({red: RED, blue: BLUE}))
        places.append([red, blue])
        taken = red if index < 20 else blue  # the follower went astray
        logit = np.full((HEIGHT, WIDTH), -4.0, np.float32)
        logit[taken[1] : taken[3], taken[0] : taken[2]] = 4.0
        followed[index] = logit
    moving(odds, places)
    frames, likelihood = frames_of(scratch, images), Likelihood(odds, Camera(still=False))
    found = find_again(frames, followed, 5, likelihood, SeesColor(), lambda share: None)
    assert [index for index, _ in found] == [24, 32]
    for index, mask in found:
        assert mask[115, 35 + index]
        assert not mask[75, 195 - index]


def test_nothing_else_is_taken_for_a_lost_subject(scratch):
    box = (100, 60, 130, 90)
    odds, followed = scratch.odds("odds", HEIGHT, WIDTH), scratch.odds("masks", HEIGHT, WIDTH)
    moving(followed, [[box]] * 40)
    moving(odds, [[box]] * 40)
    frames = frames_of(scratch, [drawn({box: RED if index < 20 else BLUE}) for index in range(40)])
    likelihood = Likelihood(odds, Camera(still=False))
    assert not find_again(frames, followed, 5, likelihood, SeesColor(), lambda share: None)
