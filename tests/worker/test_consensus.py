# SPDX-License-Identifier: GPL-3.0-or-later
"""What looks the same in most frames is the subject in all of them or in none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from video_files import texture

from mocapanything_addon.worker.subject.background import Background
from mocapanything_addon.worker.subject.consensus import overrule_odd_masks
from mocapanything_addon.worker.subject.frame_store import FrameStore, OddsStore, Scratch
from mocapanything_addon.worker.subject.likelihood import Likelihood

HEIGHT, WIDTH, COUNT = 120, 200, 20
SUBJECT, TREE = np.array([200, 50, 40], np.uint8), np.array([40, 90, 40], np.uint8)
TREE_PLACE = (slice(10, 50), slice(150, 180))
BODY = (slice(50, 100), slice(20, 60))
ODD = (4, 5, 6)
"""Frames whose masks are odd."""


@pytest.fixture
def scratch(tmp_path: Path) -> Iterator[Scratch]:
    with Scratch(tmp_path) as made:
        yield made


def arm(index: int) -> tuple[slice, slice]:
    """Goes up and down, the rest of the subject stands still."""
    row = 55 + round(15 * np.sin(index))
    return slice(row, row + 8), slice(60, 90)


def film(scratch: Scratch, pan: float = 0.0) -> tuple[FrameStore, list[np.ndarray], Likelihood]:
    """A subject that moves an arm before a tree, its true masks, and what moves."""
    wide = texture(HEIGHT, WIDTH + 100, 1, 60, 180)
    frames = scratch.store("frames", (HEIGHT, WIDTH, 3))
    masks, to_frame = [], []
    for index in range(COUNT):
        shift = round(pan * index)
        scene, mask = wide.copy(), np.zeros((HEIGHT, WIDTH + 100), bool)
        scene[TREE_PLACE] = TREE
        for place in (BODY, arm(index)):
            scene[place] = SUBJECT
            mask[place] = True
        frames.append(np.ascontiguousarray(scene[:, shift : shift + WIDTH]))
        masks.append(mask[:, shift : shift + WIDTH])
        to_frame.append(np.array([[1.0, 0.0, -shift], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]))
    moving = scratch.odds("moving", HEIGHT, WIDTH)
    for index in range(COUNT):
        moving[index] = np.full((HEIGHT, WIDTH), -4.0, np.float32)
    return frames, masks, Likelihood(moving, Background(frames, np.array(to_frame), 1))


def odds_of(scratch: Scratch, masks: list[np.ndarray]) -> OddsStore:
    odds = scratch.odds("odds", HEIGHT, WIDTH)
    for index, mask in enumerate(masks):
        odds[index] = np.where(mask, np.float32(6.0), np.float32(-6.0))
    return odds


def voted(odds: OddsStore, likelihood: Likelihood) -> list[np.ndarray]:
    overrule_odd_masks(odds, likelihood, lambda share: None)
    return [odds[index] > 0 for index in range(len(odds))]


def with_tree(masks: list[np.ndarray]) -> list[np.ndarray]:
    """The masks, three of them with the tree."""
    cut = [mask.copy() for mask in masks]
    for index in ODD:
        cut[index][TREE_PLACE] = True
    return cut


def test_a_tree_that_few_masks_take_in_is_left_out(scratch: Scratch) -> None:
    _, masks, likelihood = film(scratch)
    found = voted(odds_of(scratch, with_tree(masks)), likelihood)
    assert all((found[index] == masks[index]).all() for index in range(COUNT))


def test_nothing_is_voted_on_while_the_camera_moves(scratch: Scratch) -> None:
    """A grey road looks the same wherever it is."""
    frames, masks, likelihood = film(scratch, pan=0.8)
    for index in range(COUNT):
        frames[index] = np.where(masks[index][..., None], SUBJECT, np.uint8(120)).astype(np.uint8)
    cut = with_tree(masks)
    found = voted(odds_of(scratch, cut), likelihood)
    assert all((found[index] == cut[index]).all() for index in range(COUNT))


def test_what_moves_is_not_voted_out(scratch: Scratch) -> None:
    """A wing so blurred that it looks as the bush behind it."""
    _, masks, likelihood = film(scratch)
    cut = with_tree(masks)
    for index in ODD:
        likelihood.odds[index] = np.where(cut[index], np.float32(2.0), np.float32(-4.0))
    found = voted(odds_of(scratch, cut), likelihood)
    assert all((found[index] == cut[index]).all() for index in range(COUNT))


def test_a_rump_that_few_masks_lost_is_taken_in(scratch: Scratch) -> None:
    _, masks, likelihood = film(scratch)
    cut = [mask.copy() for mask in masks]
    for index in ODD:
        cut[index][70:100, 20:60] = False
    found = voted(odds_of(scratch, cut), likelihood)
    assert all((found[index] == masks[index]).all() for index in range(COUNT))


def test_what_looks_otherwise_elsewhere_stays(scratch: Scratch) -> None:
    """Only few masks hold an arm at one place, and no other frame looks like them there."""
    _, masks, likelihood = film(scratch)
    found = voted(odds_of(scratch, masks), likelihood)
    assert all((found[index] == masks[index]).all() for index in range(COUNT))


def test_where_masks_are_of_two_minds_all_stay_as_they_are(scratch: Scratch) -> None:
    _, masks, likelihood = film(scratch)
    cut = [mask.copy() for mask in masks]
    for index in range(0, COUNT, 2):
        cut[index][TREE_PLACE] = True
    found = voted(odds_of(scratch, cut), likelihood)
    assert all((found[index] == cut[index]).all() for index in range(COUNT))


def test_empty_masks_have_no_vote(scratch: Scratch) -> None:
    """A subject that was not found for most of the film was there all the same."""
    _, masks, likelihood = film(scratch)
    cut = [mask if index < 7 else np.zeros_like(mask) for index, mask in enumerate(masks)]
    found = voted(odds_of(scratch, cut), likelihood)
    assert all((found[index] == masks[index]).all() for index in range(7))


def test_what_is_small_beside_the_usual_mask_is_left_alone(scratch: Scratch) -> None:
    """Rims flicker; also in a frame that has lost nearly all."""
    _, masks, likelihood = film(scratch)
    cut = [mask.copy() for mask in masks]
    cut[5][:] = False
    for index in (4, 5):
        cut[index][20, 100:110] = True
    found = voted(odds_of(scratch, cut), likelihood)
    assert all(found[index][20, 100:110].all() for index in (4, 5))
