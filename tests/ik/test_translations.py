# SPDX-License-Identifier: GPL-3.0-or-later
"""Several roots, and joints that may leave their place."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skeletons import random_motion, random_skeleton, smooth

from mocapanything_addon.ik import Skeleton, Target, rotations, solve_clip
from mocapanything_addon.ik.kinematics import State, forward, joint_jacobian
from mocapanything_addon.ik.limits.ranges import inside_limits, limit_violation, translation_violation
from mocapanything_addon.ik.linear.normal_equations import NormalEquations
from mocapanything_addon.ik.motion import Motion
from mocapanything_addon.ik.parameters import apply_step, step_bounds
from mocapanything_addon.ik.terms.joint_translations import JointTranslations

FRAMES = 12


def loosened(skeleton: Skeleton, seed: int, *, ranges: bool = False, roots: int = 2) -> Skeleton:
    """The same joints, the last few of them cut off as roots, some others free to leave their parent."""
    rng = np.random.default_rng(seed)
    count = skeleton.joint_count
    parents = skeleton.parents.copy()
    parents[rng.choice(np.arange(1, count), roots - 1, replace=False)] = -1
    loose = (parents < 0) | (rng.random(count) < 0.3)
    limits, locks = np.tile([-np.inf, np.inf], (count, 3, 1)), np.zeros((count, 3), bool)
    if ranges:
        limits[:, 0] = np.sort(rng.uniform(-0.2, 0.2, (count, 2)))
        locks[:, 1] = rng.random(count) < 0.5
    return Skeleton(
        skeleton.names,
        parents,
        skeleton.rest_positions,
        skeleton.rest_rotations,
        skeleton.limits,
        skeleton.locks,
        loose,
        translation_limits=limits,
        translation_locks=locks,
    )


def moved(skeleton: Skeleton, seed: int, frames: int = FRAMES, amplitude: float = 0.4) -> Motion:
    """Smooth in time, inside all ranges."""
    turning = random_motion(skeleton, seed, frames, amplitude)
    gone = 0.1 * smooth(np.random.default_rng(seed).normal(size=(frames, skeleton.joint_count, 3)))
    return inside_limits(skeleton, Motion(turning.root_translation, turning.local_rotations, gone))


def test_forward_follows_the_definition() -> None:
    skeleton = loosened(random_skeleton(3, 15), 3, roots=3)
    motion = moved(skeleton, 3, 2)
    assert motion.joint_translations is not None
    pose = forward(skeleton, motion)
    for j, parent in enumerate(skeleton.parents):
        gone = motion.joint_translations[1, j]
        if parent >= 0:
            turned = pose.global_rotations[1, parent]
            place = pose.positions[1, parent] + turned @ (skeleton.offsets[j] + gone)
        else:
            place = skeleton.rest_positions[j] + (motion.root_translation[1] if j == 0 else gone)
        assert np.allclose(pose.positions[1, j], place)


def test_the_first_roots_translation_is_kept_in_one_place() -> None:
    skeleton = loosened(random_skeleton(0, 6), 0)
    motion = inside_limits(
        skeleton, Motion(np.ones((2, 3)), np.tile(np.eye(3), (2, 6, 1, 1)), np.ones((2, 6, 3)))
    )
    assert motion.joint_translations is not None
    still = np.setdiff1d(np.arange(6), skeleton.translating)
    assert not motion.joint_translations[:, still].any()
    assert (motion.joint_translations[:, skeleton.translating] == 1.0).all()


@given(st.integers(0, 10_000), st.booleans())
@settings(max_examples=10)
def test_joint_jacobian_is_the_derivative(seed: int, ranges: bool) -> None:
    skeleton = loosened(random_skeleton(seed, 10, limited=0.3), seed, ranges=ranges)
    state = State(skeleton, moved(skeleton, seed, 2))
    jacobian = joint_jacobian(state, np.arange(10))
    bounds = step_bounds(skeleton, state.motion)
    for k in np.nonzero(~skeleton.locked_parameters)[0]:
        step = np.zeros((2, skeleton.parameter_count))
        step[:, k] = 1e-6
        if bounds is not None:
            step[:, k] = np.where(bounds[1][:, k] < 1e-6, -1e-6, 1e-6)
        after = forward(skeleton, apply_step(state, step)).positions
        slopes = (after - state.pose.positions) / step[:, k][:, None, None]
        assert np.allclose(slopes, jacobian[..., k], atol=2e-5)


@given(st.integers(0, 10_000))
@settings(max_examples=10)
def test_no_step_leaves_the_ranges(seed: int) -> None:
    skeleton = loosened(random_skeleton(seed, 10, limited=0.3), seed, ranges=True)
    state = State(skeleton, moved(skeleton, seed, 3))
    assert translation_violation(skeleton, state.motion) < 1e-12
    step = np.random.default_rng(seed).normal(size=(3, skeleton.parameter_count))
    after = apply_step(state, step)
    assert translation_violation(skeleton, after) < 1e-12
    assert limit_violation(skeleton, after) < 1e-9
    assert (
        translation_violation(
            skeleton, Motion(step[:, :3], after.local_rotations, 0.5 + step[:, :30].reshape(3, 10, 3))
        )
        > 0.1
    )


def test_the_term_is_the_derivative_of_its_cost() -> None:
    skeleton = loosened(random_skeleton(4, 10), 4)
    state = State(skeleton, moved(skeleton, 4, 5))
    term = JointTranslations(0.1, 0.05)
    system = NormalEquations(state)
    assert np.isclose(term.linearise(state, system), term.cost(state))
    rng = np.random.default_rng(0)
    for _ in range(5):
        step = rng.normal(size=system.gradient.shape)
        ahead, behind = (term.cost(State(skeleton, apply_step(state, s * step))) for s in (1e-3, -1e-3))
        # The cost is quadratic in the translations.
        assert np.isclose((ahead - behind) / 2e-3, (system.gradient * step).sum())
        curved = (ahead + behind - 2.0 * term.cost(state)) / 1e-6
        assert np.isclose(curved, (step * system.multiply(step)).sum())


@given(st.integers(0, 10_000))
@settings(max_examples=6)
def test_several_roots_are_found_again(seed: int) -> None:
    skeleton = random_skeleton(seed, 14)
    parents = skeleton.parents.copy()
    parents[[5, 9]] = -1
    skeleton = Skeleton(skeleton.names, parents, skeleton.rest_positions, skeleton.rest_rotations)
    motion = moved(skeleton, seed)
    turn = rotations.exp([0.0, 0.0, 3.0])
    motion.local_rotations[:, 5] = turn @ motion.local_rotations[:, 5]
    wanted = forward(skeleton, motion).positions
    solution = solve_clip(skeleton, Target(positions=wanted), fps=24)
    assert solution.residual.max() < 0.01
    again = Motion.from_quaternions(
        solution.root_translation, solution.local_rotations, solution.joint_translations
    )
    assert np.allclose(forward(skeleton, again).positions, solution.positions)


def test_a_joint_that_may_leave_its_parent_is_followed_and_others_are_not() -> None:
    rest = np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 0.3], [0.0, 0.0, 0.6], [0.2, 0.0, 0.3]])
    bones = (["hips", "spine", "head", "tool"], [-1, 0, 1, 1], rest, np.tile([1.0, 0, 0, 0], (4, 1)))
    away = np.tile(rest, (FRAMES, 1, 1))
    away[:, 3, 0] += np.linspace(0.0, 0.3, FRAMES)
    tied = solve_clip(Skeleton(*bones), Target(positions=away), fps=24)
    loose = solve_clip(
        Skeleton(*bones, can_translate=[True, False, False, True]), Target(positions=away), fps=24
    )
    assert tied.residual[-1].max() > 0.05
    assert not tied.joint_translations.any()
    assert loose.residual.max() < 0.003
    assert loose.joint_translations[-1, 3, 0] == pytest.approx(0.3, abs=0.01)


@pytest.mark.parametrize("seen", [True, False])
def test_a_root_on_the_ground_under_the_hips(seen: bool) -> None:
    """Turned by 170 degrees, root seen or not."""
    rest = np.array(
        [
            [0, 0, 0],
            [0, 0, 1.0],
            [0, 0, 1.4],
            [0.15, 0, 1.0],
            [-0.15, 0, 1.0],
            [0.15, 0, 0.5],
            [-0.15, 0, 0.5],
        ]
    )
    names = ["root", "hips", "chest", "thigh.L", "thigh.R", "shin.L", "shin.R"]
    skeleton = Skeleton(names, [-1, 0, 1, 1, 1, 3, 4], rest, np.tile([1.0, 0, 0, 0], (7, 1)))
    motion = random_motion(skeleton, 1, FRAMES, 0.2)
    motion.local_rotations[:, 0] = rotations.exp([0.0, 0.0, np.radians(170.0)])
    motion.local_rotations[:, 1] = np.eye(3)
    wanted = forward(skeleton, motion)
    weights = np.ones((FRAMES, 7))
    weights[:, 0] = float(seen)
    solution = solve_clip(skeleton, Target(positions=wanted.positions, weights=weights), fps=24)
    assert solution.residual.max() < 0.005
    found = rotations.matrix_from_quaternion(solution.global_rotations[:, 1])
    assert np.degrees(rotations.angle_between(found, wanted.global_rotations[:, 1])).max() < 5.0
    if seen:
        assert np.linalg.norm(solution.positions[:, 0] - wanted.positions[:, 0], axis=-1).max() < 0.01
