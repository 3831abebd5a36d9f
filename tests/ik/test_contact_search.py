# SPDX-License-Identifier: GPL-3.0-or-later
"""Feet that stand are found and held; what floats touches nothing."""

from __future__ import annotations

import numpy as np
import pytest
from bipeds import biped, walk
from skeletons import chain, random_motion, random_skeleton

from mocapanything_addon.ik import Contact, IKSettings, Target, solve_clip
from mocapanything_addon.ik.contact_search import find_contacts
from mocapanything_addon.ik.kinematics import forward
from mocapanything_addon.ik.terms.contacts import placed
from mocapanything_addon.ik.terms.ground import Ground

BODY = biped()
POSITIONS = forward(BODY, walk(BODY, 60)).positions
SEEN = np.ones(POSITIONS.shape[:2])
TOES = [BODY.names.index("left toe"), BODY.names.index("right toe")]
PLANTED = np.linalg.norm(np.diff(POSITIONS[:, TOES], axis=0), axis=-1) < 1e-6
FLOOR = Ground([0.0, 0.0, 0.0], [0.0, 0.0, 1.0])
UP = [0.0, 0.0, 1.0]


def noisy(seed: int, share: float = 0.01) -> np.ndarray:
    return POSITIONS + np.random.default_rng(seed).normal(size=POSITIONS.shape) * share * BODY.size


def claimed(contacts: list[Contact]) -> np.ndarray:
    """(T - 1, 2) steps in which the toes are said to stand."""
    result = np.zeros_like(PLANTED)
    for contact in contacts:
        if contact.joint in TOES:
            result[contact.first : contact.last, TOES.index(contact.joint)] = True
    return result


@pytest.mark.parametrize("known", [{"ground": FLOOR}, {"up": UP}, {}])
def test_the_standing_foot_of_a_walk_is_found(known: dict) -> None:
    found = claimed(find_contacts(BODY, POSITIONS, SEEN, 24.0, **known))
    assert (found & PLANTED).sum() > 0.85 * PLANTED.sum()
    steps = np.linalg.norm(np.diff(POSITIONS[:, TOES], axis=0), axis=-1)
    assert steps[found].max() < 0.03 * BODY.size
    only_feet = {BODY.names[c.joint].split()[1] for c in find_contacts(BODY, POSITIONS, SEEN, 24.0, **known)}
    assert only_feet <= {"toe", "ankle"}


@pytest.mark.parametrize("seed", range(3))
def test_noise_of_a_centimetre_hides_no_foot(seed: int) -> None:
    found = claimed(find_contacts(BODY, noisy(seed), SEEN, 24.0, up=UP))
    assert (found & PLANTED).sum() > 0.7 * PLANTED.sum()
    assert (found & ~PLANTED).sum() < 0.2 * PLANTED.sum()


def test_gaps_in_what_was_seen_do_not_matter() -> None:
    weights = SEEN.copy()
    weights[np.random.default_rng(0).random(weights.shape) < 0.1] = 0.0
    positions = np.where(weights[..., None] > 0.0, POSITIONS, 0.0)
    found = claimed(find_contacts(BODY, positions, weights, 24.0, up=UP))
    assert (found & PLANTED).sum() > 0.7 * PLANTED.sum()


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("known", [{"up": UP}, {}])
def test_what_floats_touches_nothing(seed: int, known: dict) -> None:
    swimmer = random_skeleton(seed, 15)
    positions = forward(swimmer, random_motion(swimmer, seed, 80, amplitude=0.4)).positions
    seen = np.ones(positions.shape[:2])
    assert find_contacts(swimmer, positions, seen, 24.0, **known) == []
    still = np.repeat(positions[:1], 80, axis=0)
    trembling = still + np.random.default_rng(seed).normal(size=still.shape) * 0.005 * swimmer.size
    assert find_contacts(swimmer, trembling, seen, 24.0, **known) == []


@pytest.mark.parametrize("frames", [0, 1, 2, 4])
def test_short_clips_pass(frames: int) -> None:
    for skeleton in (BODY, chain(1)):
        positions = np.zeros((frames, skeleton.joint_count, 3))
        for weight in (0.0, 1.0):
            weights = np.full(positions.shape[:2], weight)
            assert isinstance(find_contacts(skeleton, positions, weights, 24.0, up=UP), list)


def test_places_are_where_the_joint_stands() -> None:
    open_contact, given = Contact(TOES[0], 7, 17), Contact(TOES[1], 0, 3, np.array([1.0, 2.0, 3.0]))
    beyond = Contact(TOES[0], 200, 210)
    places = placed([open_contact, given, beyond], POSITIONS - [0.0, 0.0, 0.1], FLOOR)
    assert len(places) == 2
    assert np.allclose(places[0].point, [*POSITIONS[10, TOES[0], :2], 0.0], atol=1e-9)
    assert np.array_equal(places[1].point, [1.0, 2.0, 3.0])


@pytest.mark.parametrize("ground", [None, FLOOR])
def test_found_contacts_end_the_sliding_and_keep_the_rest(ground: Ground | None) -> None:
    target = Target(noisy(5), ground=ground, up=UP)
    free = solve_clip(BODY, Target(noisy(5), up=UP), 24.0)
    held = solve_clip(BODY, target, 24.0, IKSettings(find_contacts=True))
    assert len(held.contacts) > 4 and not free.contacts
    found = claimed(list(held.contacts)) & PLANTED
    assert found.sum() > 0.7 * PLANTED.sum()
    slides = [np.linalg.norm(np.diff(s.positions[:, TOES], axis=0), axis=-1)[found] for s in (free, held)]
    assert slides[1].mean() < 0.0005 * BODY.size < slides[0].mean()
    errors = [np.linalg.norm(s.positions - POSITIONS, axis=-1).mean() for s in (free, held)]
    assert errors[1] <= 1.02 * errors[0]


def test_an_open_contact_is_held_where_the_joint_is() -> None:
    solution = solve_clip(BODY, Target(noisy(6), contacts=[Contact(TOES[0], 7, 17)]), 24.0)
    (contact,) = solution.contacts
    assert np.linalg.norm(contact.point - POSITIONS[10, TOES[0]]) < 0.01 * BODY.size
    slip = np.linalg.norm(solution.positions[7:18, TOES[0]] - contact.point, axis=-1)
    assert slip.max() < 0.002 * BODY.size


@pytest.mark.parametrize("frames", [1, 2, 3])
def test_the_shortest_clips_are_solved_with_everything_on(frames: int) -> None:
    target = Target(POSITIONS[:frames], ground=FLOOR, up=UP, contacts=[Contact(TOES[1], 0, 99)])
    solution = solve_clip(BODY, target, 24.0, IKSettings(find_contacts=True))
    assert np.linalg.norm(solution.positions - POSITIONS[:frames], axis=-1).max() < 0.01 * BODY.size


def test_a_clip_with_holes_is_solved_with_everything_on() -> None:
    seen = noisy(7)
    seen[np.random.default_rng(7).random(SEEN.shape) < 0.2] = np.nan
    seen[20:24] = np.nan
    target = Target(seen, ground=FLOOR, contacts=[Contact(TOES[1], 200, 210)])
    solution = solve_clip(BODY, target, 24.0, IKSettings(find_contacts=True))
    assert np.isfinite(solution.local_rotations).all()
    assert all(contact.joint not in TOES or contact.last < 60 for contact in solution.contacts)
    away = np.linalg.norm(solution.positions - POSITIONS, axis=-1)
    assert away[np.r_[:20, 24:60]].mean() < 0.015 * BODY.size


def test_a_clip_nobody_saw_has_no_contacts() -> None:
    unseen = Target(np.full_like(POSITIONS, np.nan), up=UP)
    solution = solve_clip(BODY, unseen, 24.0, IKSettings(find_contacts=True))
    assert solution.contacts == ()
    assert np.allclose(solution.positions, BODY.rest_positions, atol=1e-9)
