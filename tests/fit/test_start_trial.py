# SPDX-License-Identifier: GPL-3.0-or-later
"""Starts that the search cannot tell apart are told apart by following them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from mocapanything_addon.fit import start_trial
from mocapanything_addon.fit.fit import prepare
from mocapanything_addon.fit.hypothesis import Hypothesis
from mocapanything_addon.fit.problem import Problem, Progress
from mocapanything_addon.fit.start_poses import StartPose
from mocapanything_addon.fit.start_trial import FRAMES, STAGE, tried_starts
from mocapanything_addon.fit.track import Track
from mocapanything_addon.ik import rotations
from mocapanything_addon.jobs.settings import Quality
from tests.fit.filmed_tubes import UP, camera_at, film, long_necked_rig, walking

RIG = long_necked_rig()
CAMERA = camera_at(0.15)
HEADING = np.radians(60.0)
COUNT = 16
TRUTH = walking(RIG, np.full(COUNT, HEADING), period=10.0, swing=0.55)
REST = StartPose("rest", np.tile(np.eye(3), (RIG.joint_count, 1, 1)))


class Told:
    """Stages that were told, and how much there was to do."""

    def __init__(self) -> None:
        self.stages: list[tuple[str, int, int]] = []

    def __call__(self, stage: str, done: int, total: int) -> None:
        assert 0 <= done <= total
        self.stages.append((stage, done, total))


@pytest.fixture(scope="module")
def problem() -> Problem:
    return prepare(RIG, film(RIG, TRUTH, CAMERA), camera=CAMERA)


def facing(frame: int, off: float, probability: float, start: int) -> Hypothesis:
    """The true pose of a frame, turned by ``off`` radians about the upright through the hip."""
    pose = TRUTH[frame : frame + 1].copy()
    pose.local_rotations[:, 0] = rotations.exp(UP * off) @ pose.local_rotations[:, 0]
    return Hypothesis(
        frame, pose, 1.8, 0.9, HEADING + off, REST, score=-float(start), probability=probability, start=start
    )


def ranking(first: float, second: float) -> list[Hypothesis]:
    """A search that prefers the wrong heading; two frames of each start, and a third that nobody believes."""
    wrong, right = np.radians(100.0), 0.0
    return [
        facing(8, wrong, first, 1),
        facing(3, wrong, first, 1),
        facing(3, right, second, 2),
        facing(8, right, second, 2),
        facing(8, np.radians(-100.0), 1.0 - first - second, 3),
    ]


@pytest.mark.parametrize("quality", [Quality.STANDARD, Quality.BEST])
def test_the_start_that_the_clip_bears_out_comes_first(problem: Problem, quality: Quality) -> None:
    told = Told()
    ranked = ranking(0.699, 0.3)
    again = tried_starts(problem, ranked, quality, told)
    assert {stage for stage, _, _ in told.stages} == {STAGE}
    assert [(h.start, h.frame) for h in again] == [(1, 3), (1, 8), (2, 8), (2, 3), (3, 8)]
    assert again[0].heading == HEADING and again[0].probability > 0.9
    assert sum({h.start: h.probability for h in again}.values()) == pytest.approx(1.0)
    assert again[0].score > again[2].score
    assert {id(h.pose) for h in again} == {id(h.pose) for h in ranked}
    done = [done / total for _, done, total in told.stages]
    assert done == sorted(done) and done[-1] == 1.0


@pytest.mark.parametrize(
    ("quality", "first", "second"),
    [(Quality.FAST, 0.699, 0.3), (Quality.STANDARD, 0.995, 0.004), (Quality.BEST, 0.9985, 0.001)],
)
def test_a_search_that_is_sure_or_in_haste_is_believed(
    problem: Problem, quality: Quality, first: float, second: float
) -> None:
    told = Told()
    ranked = ranking(first, second)
    assert tried_starts(problem, ranked, quality, told) == ranked
    assert not told.stages


def test_of_a_long_clip_only_a_part_is_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    count = 2 * FRAMES
    turns = np.concatenate([np.full(count - 20, HEADING), np.linspace(HEADING, HEADING + 1.0, 20)])
    motion = walking(RIG, turns, period=10.0, swing=0.4)
    problem = prepare(RIG, film(RIG, motion, CAMERA), camera=CAMERA)
    followed = []
    track = start_trial.track

    def listened(part: Problem, start: Hypothesis, progress: Progress, **others: Any) -> Track:
        followed.append((part.frames.clip.times, start.frame))
        return track(part, start, progress, **others)

    monkeypatch.setattr(start_trial, "track", listened)
    ranked = [
        Hypothesis(frame, motion[frame : frame + 1], 1.8, 0.9, 2.0 * start, REST, probability=p, start=start)
        for frame, p, start in ((count - 5, 0.5, 1), (0, 0.3, 2), (count - 9, 0.3, 2), (3, 0.2, 3))
    ]
    tried_starts(problem, ranked, Quality.STANDARD, Told())
    times = problem.frames.clip.times
    for part, _ in followed:
        assert part == pytest.approx(times[count - FRAMES :])
    assert [frame for _, frame in followed] == [FRAMES - 5, FRAMES - 9]


def test_a_part_of_a_clip_is_its_frames() -> None:
    clip = film(RIG, TRUTH, CAMERA)
    clip = replace(clip, to_frame=np.tile(np.eye(3), (COUNT, 1, 1)), hidden=np.zeros_like(clip.mask))
    part = clip.part(slice(3, 9))
    assert part.frame_count == 6 and part.times[0] == clip.times[3]
    assert part.hidden is not None and part.to_frame is not None
    for mine, all_of_it in ((part.color, clip.color), (part.mask, clip.mask), (part.cut_off, clip.cut_off)):
        assert np.array_equal(mine, all_of_it[3:9])
    assert [c.left for c in part.crops] == [c.left for c in clip.crops[3:9]]
    assert len(part.hidden) == len(part.to_frame) == 6
