# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole clip: in windows as in one piece, and planted feet held still."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from mocapanything_addon.fit import whole_clip
from mocapanything_addon.fit.clip_cost import clip_cost
from mocapanything_addon.fit.contacts import hold_contacts, planted
from mocapanything_addon.fit.fit import prepare
from mocapanything_addon.fit.problem import Problem
from mocapanything_addon.fit.track import Track
from mocapanything_addon.fit.whole_clip import fit_whole_clip
from mocapanything_addon.ik import rotations
from mocapanything_addon.ik.kinematics import forward
from mocapanything_addon.ik.motion import Motion
from mocapanything_addon.ik.solve import solve
from mocapanything_addon.ik.terms.contacts import Contact, Contacts
from tests.fit.filmed_tubes import camera_at, film
from tests.tube_character import tube_rig

FRAMES = 48
UPPER_LEGS = [3, 6, 9, 12]
FEET = [5, 8, 11, 14]
RIG = tube_rig()


def ignored(stage: str, done: int, total: int) -> None:
    """No one is told."""


def swaying() -> Motion:
    """The body sways to and fro over four feet that stand."""
    motion = Motion.rest(RIG.joint_count, FRAMES)
    phase = np.arange(FRAMES) / FRAMES * 4.0 * np.pi
    motion.root_translation[:] = np.stack([0.0 * phase, 0.2 * np.sin(phase), -0.08 + 0.0 * phase], axis=1)
    skeleton = prepare(RIG, film(RIG, motion[:1], CAMERA), camera=CAMERA).body.skeleton
    held = np.zeros((FRAMES, skeleton.parameter_count), bool)
    held[:, :6] = True
    stand = [Contact(foot, 0, FRAMES - 1, RIG.rest_positions[foot]) for foot in FEET]
    return solve(skeleton, motion, [Contacts(stand, 1e-3)], held=held)[0]


def swimming() -> Motion:
    """It glides along and paddles."""
    motion = Motion.rest(RIG.joint_count, FRAMES)
    time = np.arange(FRAMES)
    motion.root_translation[:, 1] = -0.6 * time / FRAMES
    for number, joint in enumerate(UPPER_LEGS):
        angle = 0.5 * np.sin(0.8 * time + number)
        motion.local_rotations[:, joint] = rotations.exp(angle[:, None] * np.array([1.0, 0.0, 0.0]))
    return motion


CAMERA = camera_at(0.1)


def shaken(motion: Motion, amount: float) -> Motion:
    """Every frame wrong on its own."""
    rng = np.random.default_rng(1)
    shake = rotations.exp(amount * rng.normal(size=(FRAMES, RIG.joint_count, 3)))
    return Motion(
        motion.root_translation + 0.2 * amount * rng.normal(size=(FRAMES, 3)), motion.local_rotations @ shake
    )


def filmed(motion: Motion, seed: int = 0) -> Problem:
    return prepare(RIG, film(RIG, motion, CAMERA, frame_rate=24.0), camera=CAMERA, seed=seed)


@pytest.fixture(scope="module")
def truth() -> Motion:
    return swaying()


@pytest.fixture(scope="module")
def fitted(truth: Motion) -> Track:
    return fit_whole_clip(filmed(truth), shaken(truth, 0.05), ignored, rounds=3)


def turned(first: Motion, second: Motion) -> np.ndarray:
    """(T,) mean angle of the legs, degrees."""
    legs = [*UPPER_LEGS, *(joint + 1 for joint in UPPER_LEGS)]
    angles = rotations.angle_between(first.local_rotations[:, legs], second.local_rotations[:, legs])
    return np.degrees(angles).mean(axis=1)


def skate(problem: Problem, motion: Motion) -> float:
    """How far feet move from one frame to the next, on average."""
    feet = forward(problem.body.skeleton, motion).positions[:, FEET]
    return float(np.linalg.norm(np.diff(feet, axis=0), axis=-1).mean())


def test_windows_cover_the_clip_and_overlap() -> None:
    windows = list(whole_clip._windows(10_000, 150))
    assert windows[0][0] == 0 and windows[-1][1] == 10_000
    for (_, last, _), (first, _, kept) in itertools.pairwise(windows):
        assert first + kept < last
    assert max(last - first for first, last, _ in windows) <= whole_clip.LONGEST_WINDOW + whole_clip.OVERLAP


def test_windows_shrink_with_the_size_of_the_body() -> None:
    longest = max(last - first for first, last, _ in whole_clip._windows(10_000, 600))
    assert longest * 600**2 <= whole_clip.MOST_VALUES * 1.5


def test_a_clip_in_windows_is_the_clip_in_one_piece(
    truth: Motion, fitted: Track, monkeypatch: pytest.MonkeyPatch
) -> None:
    again = fit_whole_clip(filmed(truth, seed=1), shaken(truth, 0.05), ignored, rounds=3)
    monkeypatch.setattr(whole_clip, "LONGEST_WINDOW", 32)
    assert len(list(whole_clip._windows(FRAMES, 150))) > 1
    parts = fit_whole_clip(filmed(truth), shaken(truth, 0.05), ignored, rounds=3)
    # Which points of the surface are drawn is chance: no two fits are the same.
    chance = turned(again.motion, fitted.motion).mean()
    assert turned(parts.motion, fitted.motion).mean() < 1.3 * chance
    assert turned(parts.motion, truth).mean() < turned(fitted.motion, truth).mean() + 0.5 * chance
    steps, whole_steps = (turned(m[1:], m[:-1]) for m in (parts.motion, fitted.motion))
    assert steps.max() < 1.3 * whole_steps.max()


def test_planted_feet_stand_still(truth: Motion) -> None:
    problem = filmed(truth)
    found = Track(shaken(truth, 0.01), np.full(FRAMES, 0.9))
    held, contacts = hold_contacts(problem, found, ignored)
    assert {c.joint for c in contacts} & set(FEET)
    for contact in contacts:
        run = slice(contact.first, contact.last + 1)
        feet = forward(problem.body.skeleton, held.motion).positions[run, contact.joint]
        assert np.ptp(feet, axis=0).max() < 0.012
    free = fit_whole_clip(problem, found.motion, ignored, rounds=2)
    assert skate(problem, held.motion) < 0.7 * skate(problem, free.motion)
    assert turned(held.motion, truth).mean() < 1.1 * turned(free.motion, truth).mean()


def test_feet_are_free_where_the_outlines_say_otherwise(truth: Motion) -> None:
    """The film shows it paddle; only the tracked motion stands."""
    problem = filmed(swimming())
    found = Track(truth, np.ones(FRAMES))
    assert planted(problem, truth)
    same, contacts = hold_contacts(problem, found, ignored)
    assert same is found and contacts == []


def test_swimmers_touch_nothing() -> None:
    motion = swimming()
    problem = filmed(motion)
    assert planted(problem, motion) == []
    found = Track(motion, np.ones(FRAMES))
    same, contacts = hold_contacts(problem, found, ignored)
    assert same is found and contacts == []


def test_the_truth_costs_less_than_what_is_wrong(truth: Motion) -> None:
    problem = filmed(truth)
    right, wrong = (
        clip_cost(problem, motion, ignored, stage="test", flow_weight=whole_clip.FLOW_WEIGHT)
        for motion in (truth, shaken(truth, 0.1))
    )
    assert right.silhouette.mean() < wrong.silhouette.mean()
    assert right.flow.shape == (FRAMES - 1,)
    assert right.flow.mean() < 0.5 * wrong.flow.mean()
    assert right.total < wrong.total
