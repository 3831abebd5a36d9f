# SPDX-License-Identifier: GPL-3.0-or-later
"""What a click means, of what windows of several sizes show."""

from __future__ import annotations

import numpy as np

from mocapanything_addon.worker.subject.clicks import _alone, _Found


def seen(window: float, size: int, score: float = 0.5) -> _Found:
    """Something square in the middle, as a window of a size shows it."""
    part = np.zeros((200, 200), bool)
    part[100 - size // 2 : 100 + size // 2, 100 - size // 2 : 100 + size // 2] = True
    return _Found(window, part, np.where(part, 4.0, -8.0).astype(np.float32), score, is_apart=True)


def test_a_ball_is_not_taken_for_a_part_of_what_is_behind() -> None:
    body, *ball = [seen(200.0, 120), seen(70.0, 10), seen(40.0, 10), seen(24.0, 10)]
    assert _alone([body, *ball]) == ball


def test_a_head_is_a_part_of_its_body() -> None:
    """A window with room for the body shows the body."""
    assert _alone([seen(200.0, 60), seen(120.0, 60), seen(40.0, 12), seen(24.0, 12)]) == []


def test_a_spot_that_one_window_shows_is_none_of_its_own() -> None:
    assert _alone([seen(200.0, 60), seen(24.0, 4)]) == []
    assert _alone([]) == []
