# SPDX-License-Identifier: GPL-3.0-or-later
"""The solver's promises, whatever the terms."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skeletons import random_motion, random_rotations, random_skeleton

from mocapanything_addon.ik.kinematics import State, forward
from mocapanything_addon.ik.limits.bounded_step import bounded_step
from mocapanything_addon.ik.limits.ranges import limit_violation
from mocapanything_addon.ik.motion import Motion
from mocapanything_addon.ik.parameters import step_bounds
from mocapanything_addon.ik.skeleton import Skeleton
from mocapanything_addon.ik.solve import SolveSettings, Term, linearise, solve, step
from mocapanything_addon.ik.terms.joint_positions import JointPositions
from mocapanything_addon.ik.terms.precision import joint_precision
from mocapanything_addon.ik.terms.rotation_acceleration import RotationAcceleration
from mocapanything_addon.ik.terms.rotation_prior import RotationPrior


def problem(seed: int, frames: int = 4, joints: int = 9) -> tuple[Skeleton, Motion, list[Term]]:
    """A start and terms that contradict each other."""
    skeleton = random_skeleton(seed, joints, limited=0.5)
    rng = np.random.default_rng(seed)
    targets = forward(skeleton, random_motion(skeleton, seed, frames, amplitude=0.8)).positions
    terms: list[Term] = [
        JointPositions(targets + rng.normal(size=targets.shape) * 0.1, rng.random((frames, joints)), 0.02),
        RotationPrior(random_rotations(rng, 1, joints), joint_precision(skeleton, 0.5, 0.5)),
        RotationAcceleration(joint_precision(skeleton, 0.2)),
    ]
    return skeleton, random_motion(skeleton, seed + 1, frames), terms


@settings(max_examples=20)
@given(st.integers(0, 10_000))
def test_solving_lowers_the_cost_inside_the_limits(seed: int) -> None:
    skeleton, start, terms = problem(seed)
    before = sum(t.cost(State(skeleton, start)) for t in terms)
    motion, report = solve(skeleton, start, terms)
    assert report.cost < before
    assert report.cost == pytest.approx(sum(t.cost(State(skeleton, motion)) for t in terms))
    assert limit_violation(skeleton, motion) < 1e-9


@settings(max_examples=20)
@given(st.integers(0, 10_000))
def test_at_the_end_no_unknown_wants_to_move_where_it_may(seed: int) -> None:
    """The first-order conditions of a minimum within bounds, by what a step still promises to gain."""
    skeleton, start, terms = problem(seed)
    thorough = SolveSettings(max_iterations=200, tolerance=1e-7)
    motion, report = solve(skeleton, start, terms, thorough)
    state = State(skeleton, motion)
    system, _ = linearise(state, terms)
    change, _ = bounded_step(state, system, np.full(skeleton.parameter_count, 1.0))
    assert -system.predicted_change(change) < 1e-3 * max(report.cost, 1.0)


@given(st.integers(0, 10_000))
def test_a_step_stays_within_its_bounds_and_goes_downhill(seed: int) -> None:
    skeleton, start, terms = problem(seed)
    state = State(skeleton, start)
    system, _ = linearise(state, terms)
    change, _ = bounded_step(state, system, np.full(skeleton.parameter_count, 1.0))
    bounds = step_bounds(skeleton, start)
    if bounds is not None:
        assert (change >= bounds[0]).all() and (change <= bounds[1]).all()
    assert (change * system.gradient).sum() < 0.0
    assert not change[:, skeleton.locked_parameters].any()


def test_held_unknowns_keep_their_value() -> None:
    skeleton, start, terms = problem(3, frames=6)
    held = np.zeros((6, skeleton.parameter_count), bool)
    held[0], held[3, 6:9] = True, True
    motion, _ = solve(skeleton, start, terms, held=held)
    joint = skeleton.moving[1]
    assert np.allclose(motion.local_rotations[0], start.local_rotations[0], atol=1e-12)
    assert np.array_equal(motion.root_translation[0], start.root_translation[0])
    assert np.allclose(motion.local_rotations[3, joint], start.local_rotations[3, joint], atol=1e-12)
    assert not np.allclose(motion.local_rotations[1], start.local_rotations[1], atol=1e-3)


def test_a_single_step_reports_what_it_did() -> None:
    skeleton, start, terms = problem(4)
    motion, report = step(skeleton, start, terms, SolveSettings(max_turn=0.1, max_translation=0.02))
    assert len(report.costs) == len(terms)
    assert report.cost == pytest.approx(sum(t.cost(State(skeleton, start)) for t in terms))
    assert report.predicted_change < 0.0
    assert 0.0 < report.largest_turn <= 0.1 + 1e-12
    assert report.largest_translation <= 0.02 * skeleton.size + 1e-12
    assert (
        np.linalg.norm(motion.root_translation - start.root_translation, axis=1).max() < 0.021 * skeleton.size
    )


def test_more_damping_shorter_steps() -> None:
    skeleton, start, terms = problem(5)
    turns = [step(skeleton, start, terms, SolveSettings(damping=d))[1].largest_turn for d in (1.0, 1e4, 1e8)]
    assert turns[0] > turns[1] > turns[2] > 0.0


def test_progress_may_end_the_solve() -> None:
    skeleton, start, terms = problem(6)
    seen: list[tuple[int, int]] = []

    def progress(done: int, total: int) -> None:
        seen.append((done, total))
        if done == 1:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        solve(skeleton, start, terms, SolveSettings(tolerance=0.0), progress=progress)
    assert seen == [(0, 30), (1, 30)]


def test_no_terms_no_movement() -> None:
    skeleton, start, _ = problem(7)
    motion, report = solve(skeleton, start, [])
    assert report.converged and report.cost == 0.0
    assert np.allclose(motion.local_rotations, start.local_rotations, atol=1e-12)


def test_evidence_that_is_not_finite_is_named() -> None:
    skeleton, start, _ = problem(8)
    targets = np.full((4, 9, 3), np.nan)
    with pytest.raises(ValueError, match="cost of JointPositions is nan"):
        solve(skeleton, start, [JointPositions(targets, np.ones((4, 9)), 0.1)])


def test_frames_that_nothing_couples_do_not_influence_each_other() -> None:
    skeleton, start, terms = problem(9, frames=6)
    position, prior = terms[0], terms[1]
    assert isinstance(position, JointPositions)
    together, _ = step(skeleton, start, [position, prior])
    alone = JointPositions(position.targets[2:3], position.weights[2:3], position.sigma, position.loss)
    single, _ = step(skeleton, start[2:3], [alone, prior])
    assert np.allclose(together.local_rotations[2], single.local_rotations[0])
    assert np.allclose(together.root_translation[2], single.root_translation[0])
