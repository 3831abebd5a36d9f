# SPDX-License-Identifier: GPL-3.0-or-later
"""A body is known again in its own film, and something else is not taken for it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mocapanything_addon.fit.clip import SubjectClip
from mocapanything_addon.fit.fit import conclude, prepare
from mocapanything_addon.fit.hypothesis import Hypothesis
from mocapanything_addon.fit.likeness import log_odds_of_likeness
from mocapanything_addon.fit.start import search_start
from mocapanything_addon.fit.start_poses import StartPose
from mocapanything_addon.fit.track import Track
from mocapanything_addon.fit.verdict import EVIDENCE, UNLIKE, WEIGHTS, Verdict, judge, probability
from mocapanything_addon.ik.motion import Motion
from mocapanything_addon.jobs.rig import Rig
from mocapanything_addon.jobs.settings import Quality
from tests.fit.filmed_tubes import camera_at, film, long_necked_rig, standing


def silent(stage: str, done: int, total: int) -> None:
    pass


@pytest.fixture(scope="module")
def clip() -> SubjectClip:
    """The long-necked body seen from its side."""
    rig = long_necked_rig()
    return film(rig, standing(rig, np.radians([60.0, 65.0, 70.0])), camera_at(np.radians(8.0)))


def verdict_on(rig: Rig, clip: SubjectClip) -> Verdict | None:
    problem = prepare(rig, clip, fov_degrees=40.0)
    return judge(problem, search_start(problem, Quality.FAST, silent))


def post_rig(rig: Rig) -> Rig:
    """Two bones and a thin post around them, up along z."""
    around = np.arange(8) * np.pi / 4.0
    ring = np.stack([0.06 * np.cos(around), 0.06 * np.sin(around), np.zeros(8)], axis=1)
    heights = np.linspace(0.0, 2.0, 9)
    vertices = np.concatenate([ring + np.array([0.0, 0.0, z]) for z in heights])
    k = np.arange(8)
    n = (k + 1) % 8
    sides = [np.stack([k, n, n + 8], 1), np.stack([k, n + 8, k + 8], 1)]
    faces = np.concatenate([side + 8 * level for level in range(8) for side in sides])
    joints = np.zeros((len(vertices), 4), np.int32)
    joints[:, 0] = vertices[:, 2] > 1.0
    weights = np.zeros((len(vertices), 4), np.float32)
    weights[:, 0] = 1.0
    return replace(
        rig,
        vertices=vertices.astype(np.float32),
        faces=faces.astype(np.int32),
        vertex_colors=np.full((len(vertices), 3), 150, np.uint8),
        skin_joints=joints,
        skin_weights=weights,
    )


def test_its_own_film_looks_like_a_character(clip: SubjectClip) -> None:
    verdict = verdict_on(long_necked_rig(), clip)
    assert verdict is not None
    assert verdict.probability > 0.8
    assert verdict.looks_alike


def test_a_post_does_not_look_like_a_body_on_four_legs(clip: SubjectClip, arm_rig: Rig) -> None:
    verdict = verdict_on(post_rig(arm_rig), clip)
    assert verdict is not None
    assert not verdict.looks_alike


def test_a_clip_without_subject_gets_no_verdict(clip: SubjectClip) -> None:
    assert verdict_on(long_necked_rig(), replace(clip, mask=np.zeros_like(clip.mask))) is None


def test_every_kind_of_evidence_speaks_against_the_rig() -> None:
    assert len(EVIDENCE) == len(WEIGHTS)
    clean = np.array([np.log(0.5), 0.0, 0.0, 0.0])
    best = probability(clean)
    assert best > 0.95
    for k in range(len(EVIDENCE)):
        worse = [probability(clean + amount * np.eye(len(EVIDENCE))[k]) for amount in (0.1, 0.5, 2.0)]
        assert best > worse[0] > worse[1] > worse[2]


def test_the_threshold_decides() -> None:
    assert Verdict(UNLIKE).looks_alike
    assert not Verdict(UNLIKE - 1e-6).looks_alike


def test_one_warning_is_enough(clip: SubjectClip) -> None:
    """Who is told that it is another creature is not told as well that it fits badly."""
    problem = prepare(long_necked_rig(), clip, fov_degrees=40.0)
    motion = Motion.rest(problem.body.skeleton.joint_count, clip.frame_count)
    pose = StartPose("rest", motion.local_rotations[0])
    unsure = [Hypothesis(0, motion[[0]], 1.0, 0.5, 0.0, pose, probability=0.5)]
    poor = Track(motion, np.full(clip.frame_count, 0.4))

    def warnings(verdict: Verdict) -> tuple[str, ...]:
        return conclude(problem, poor, unsure, silent, verdict=verdict).warnings

    (told,) = warnings(Verdict(0.03))
    assert told.startswith("This does not look like your character (probability 0.03)")
    assert "starts/1.png" in told
    (told,) = warnings(Verdict(0.9))
    assert "covers the subject badly in much of the clip" in told


def test_of_two_creatures_the_one_built_like_the_rig_is_likelier(clip: SubjectClip) -> None:
    calls: list[int] = []
    own = log_odds_of_likeness(long_necked_rig(), clip, lambda: calls.append(1))
    other = log_odds_of_likeness(post_rig(long_necked_rig()), clip, lambda: None)
    assert own > other + 1.0
    assert calls
    nothing = replace(clip, mask=np.zeros_like(clip.mask))
    assert log_odds_of_likeness(long_necked_rig(), nothing, lambda: None) == -np.inf
