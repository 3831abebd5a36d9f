# SPDX-License-Identifier: GPL-3.0-or-later
"""Strides are told from outlines that come back."""

from __future__ import annotations

import numpy as np
import pytest

from mocapanything_addon.fit.fit import prepare
from mocapanything_addon.fit.frames import Frames
from mocapanything_addon.fit.gait import repeats, self_distance, stride_seconds
from mocapanything_addon.ik import rotations
from mocapanything_addon.ik.motion import Motion
from tests.fit import filmed_tubes
from tests.fit.filmed_tubes import camera_at, film, long_necked_rig

RIG = long_necked_rig()
COUNT = 30
SIDEWAYS, OBLIQUE = np.radians(90.0), np.radians(60.0)


def frames_of(motion: Motion) -> Frames:
    return Frames(film(RIG, motion, camera_at(0.15), frame_rate=24.0))


def walking(period: float, heading: float, swing: float = 0.55) -> Motion:
    return filmed_tubes.walking(RIG, np.full(COUNT, heading), period=period, swing=swing)


@pytest.mark.parametrize("period", [9, 13])
def test_a_stride_is_found(period: int) -> None:
    found = repeats(frames_of(walking(float(period), OBLIQUE)))
    assert period in found[:2]
    assert all(lag % period in (0, period // 2, period // 2 + 1) for lag in found)


def test_nothing_repeats_where_nothing_does() -> None:
    slow = walking(4.0 * COUNT, OBLIQUE)
    assert repeats(frames_of(slow)) == []


def test_nothing_repeats_where_nothing_moves() -> None:
    assert repeats(frames_of(walking(10.0, OBLIQUE, swing=0.0))) == []


def test_frames_without_a_subject_say_nothing() -> None:
    clip = film(RIG, walking(9.0, OBLIQUE), camera_at(0.15), frame_rate=24.0)
    clip.mask[4:8] = 0
    frames = Frames(clip)
    assert 9 in repeats(frames)[:2]
    assert np.isfinite(self_distance(frames)).all()


def test_clips_too_short_to_tell() -> None:
    clip = film(RIG, walking(9.0, OBLIQUE)[:5], camera_at(0.15), frame_rate=24.0)
    assert repeats(Frames(clip)) == []


def seconds_of(filmed: Motion, captured: Motion) -> float | None:
    camera = camera_at(0.15)
    problem = prepare(RIG, film(RIG, filmed, camera, frame_rate=24.0), camera=camera)
    return stride_seconds(problem, captured)


def test_a_whole_stride_is_told_from_half_of_one() -> None:
    motion = walking(12.0, SIDEWAYS)
    assert 6 in repeats(frames_of(motion))  # from the side, legs exchanged look alike
    assert seconds_of(motion, motion) == pytest.approx(0.5)


def test_who_does_not_do_the_same_again_has_no_stride() -> None:
    motion = walking(9.0, OBLIQUE)
    rng = np.random.default_rng(3)
    turns = rotations.exp(rng.normal(size=(COUNT, RIG.joint_count - 1, 3)))
    other = motion.copy()
    other.local_rotations[:, 1:] = other.local_rotations[:, 1:] @ turns
    assert seconds_of(motion, motion) == pytest.approx(9.0 / 24.0)
    assert seconds_of(motion, other) is None


def test_a_loop_that_comes_back_exactly_has_a_stride() -> None:
    motion = Motion.concatenate([walking(10.0, OBLIQUE)[:10]] * 3)
    assert seconds_of(motion, motion) == pytest.approx(10.0 / 24.0)
