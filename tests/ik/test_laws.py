# SPDX-License-Identifier: GPL-3.0-or-later
"""What holds for every skeleton and every target: laws of the solver as a whole."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from skeletons import chain, random_motion, random_rotations, random_skeleton, with_cones

from mocapanything_addon.ik import IKSettings, Pin, Skeleton, Solution, Target, rotations, solve_clip
from mocapanything_addon.ik.kinematics import forward
from mocapanything_addon.ik.limits.ranges import limit_violation
from mocapanything_addon.ik.motion import Motion

Array = NDArray[np.float64]
JOINTS, FRAMES = 10, 6
seeds = st.integers(0, 10_000)
few = settings(max_examples=5)
KINDS = ["free", "euler", "hinges", "cones", "locks"]


def skeleton_of(kind: str, seed: int, joints: int = JOINTS) -> Skeleton:
    """A random tree whose joints are limited in one way."""
    rng = np.random.default_rng(seed)
    plain = random_skeleton(seed, joints, limited=0.8 if kind == "euler" else 0.0)
    if kind in ("free", "euler"):
        return plain
    if kind == "cones":
        return with_cones(plain, seed, share=0.9)
    limits, locks = plain.limits.copy(), plain.locks.copy()
    for joint in range(1, joints):
        axis = rng.integers(3)
        if kind == "hinges":
            locks[joint] = np.arange(3) != axis
            limits[joint, axis] = [-rng.uniform(0.0, 0.3), rng.uniform(0.5, 2.5)]
        elif rng.random() < 0.7:
            locks[joint, : rng.integers(1, 4)] = True
    return Skeleton(plain.names, plain.parents, plain.rest_positions, plain.rest_rotations, limits, locks)


def rebuilt(solution: Solution) -> Motion:
    return Motion.from_quaternions(
        solution.root_translation, solution.local_rotations, solution.joint_translations
    )


def assert_lawful(skeleton: Skeleton, solution: Solution) -> None:
    """Finite, inside all limits, and consistent with itself."""
    for name in ("local_rotations", "global_rotations", "root_translation", "positions", "residual"):
        assert np.isfinite(getattr(solution, name)).all(), name
    assert limit_violation(skeleton, rebuilt(solution)) <= 1e-9
    assert solution.limit_violation <= 1e-9
    locked = (skeleton.lowest_angles == skeleton.highest_angles).all(axis=1) & (
        skeleton.limits[..., 0] <= 0
    ).all(axis=1)
    locked &= (skeleton.limits[..., 1] >= 0).all(axis=1)
    assert np.allclose(np.abs(solution.local_rotations[:, locked, 0]), 1.0, atol=1e-12)
    pose = forward(skeleton, rebuilt(solution))
    assert np.allclose(pose.positions, solution.positions, atol=1e-9 * skeleton.size)
    turned = rotations.matrix_from_quaternion(solution.global_rotations)
    assert np.allclose(pose.global_rotations, turned, atol=1e-9)
    assert np.allclose(np.linalg.norm(solution.local_rotations, axis=-1), 1.0)
    if len(solution.local_rotations) > 1:
        steps = np.einsum("tjq,tjq->tj", solution.local_rotations[1:], solution.local_rotations[:-1])
        assert (steps >= 0.0).all()


# ---- limits hold, whatever is asked


@pytest.mark.parametrize("kind", KINDS)
@given(seed=seeds, distance=st.sampled_from([0.1, 1.0, 30.0]))
@few
def test_limits_hold_where_targets_are_out_of_reach(kind: str, seed: int, distance: float) -> None:
    skeleton = skeleton_of(kind, seed)
    asked = np.random.default_rng(seed).normal(size=(FRAMES, JOINTS, 3)) * distance * skeleton.size
    assert_lawful(skeleton, solve_clip(skeleton, Target(positions=asked), fps=24))


@pytest.mark.parametrize("kind", KINDS)
@given(seed=seeds)
@few
def test_limits_hold_where_rotations_and_pins_ask_for_more(kind: str, seed: int) -> None:
    skeleton = skeleton_of(kind, seed)
    rng = np.random.default_rng(seed)
    hints = rng.normal(size=(FRAMES, JOINTS, 4))
    pins = [
        Pin(1, joint=int(rng.integers(JOINTS)), rotation=rng.normal(size=4)),
        Pin(2, joint=int(rng.integers(JOINTS)), position=rng.normal(size=3)),
        Pin(4, pose=rng.normal(size=(JOINTS, 4)), root_translation=rng.normal(size=3)),
    ]
    assert_lawful(skeleton, solve_clip(skeleton, Target(rotations=hints, pins=pins), fps=24))


# ---- a pose the skeleton can do is given back


@given(seed=seeds)
@few
def test_a_free_motion_is_given_back_where_positions_tell_it(seed: int) -> None:
    skeleton = skeleton_of("free", seed, 16)
    motion = random_motion(skeleton, seed, 8, 0.6)
    wanted = forward(skeleton, motion)
    solution = solve_clip(skeleton, Target(positions=wanted.positions), fps=24)
    assert_lawful(skeleton, solution)
    assert solution.residual.max() < 2e-3 * skeleton.size
    found = rotations.matrix_from_quaternion(solution.global_rotations)
    error = np.degrees(rotations.angle_between(found, wanted.global_rotations))
    for joint, children in enumerate(skeleton.children):
        # Two children in clearly different directions tell all of a rotation.
        spread = np.linalg.svd(skeleton.offsets[children], compute_uv=False) if len(children) > 1 else [0, 0]
        if spread[1] > 0.3 * spread[0] > 0.0:
            assert error[:, joint].max() < 2.0


@pytest.mark.parametrize("kind", ["hinges", "cones"])
@given(seed=seeds)
@few
def test_a_motion_within_limits_is_given_back(kind: str, seed: int) -> None:
    """With rotation hints; what positions alone tell of limited joints is another matter."""
    skeleton = skeleton_of(kind, seed)
    motion = random_motion(skeleton, seed, FRAMES, 0.3)
    wanted = forward(skeleton, motion)
    hints = motion.quaternions()
    solution = solve_clip(skeleton, Target(positions=wanted.positions, rotations=hints), fps=24)
    assert_lawful(skeleton, solution)
    assert np.median(solution.residual) < 2e-3 * skeleton.size
    assert solution.residual.max() < 0.02 * skeleton.size
    found = rotations.matrix_from_quaternion(solution.local_rotations)
    assert np.degrees(rotations.angle_between(found, motion.local_rotations)).mean() < 3.0


# ---- symmetries


def clip_for(skeleton: Skeleton, seed: int) -> tuple[Array, Array]:
    """Targets (T, J, 3) that can nearly be reached, and weights with gaps."""
    rng = np.random.default_rng(seed)
    positions = forward(skeleton, random_motion(skeleton, seed, FRAMES, 0.4)).positions
    positions = positions + 0.002 * skeleton.size * rng.normal(size=positions.shape)
    weights = rng.uniform(0.5, 1.0, positions.shape[:2])
    weights[rng.random(weights.shape) < 0.1] = 0.0
    return positions, weights


SETTINGS = IKSettings(position_sigma=0.004)
"""Told, so that noise found by the solver makes no difference."""


@pytest.mark.parametrize("kind", ["free", "euler", "cones"])
@given(seed=seeds)
@few
def test_moving_the_whole_input_moves_the_whole_answer(kind: str, seed: int) -> None:
    skeleton = skeleton_of(kind, seed)
    positions, weights = clip_for(skeleton, seed)
    rng = np.random.default_rng(seed)
    turn, scale, shift = random_rotations(rng), float(rng.uniform(0.01, 100.0)), rng.normal(size=3)
    moved = Skeleton(
        skeleton.names,
        skeleton.parents,
        scale * skeleton.rest_positions @ turn.T + shift,
        rotations.quaternion_from_matrix(turn @ skeleton.bone_axes),
        skeleton.limits,
        skeleton.locks,
        swing_limits=skeleton.swing_limits,
        twist_limits=skeleton.twist_limits,
    )
    # The unit of lengths is the longest side of the box around the joints, which turning changes.
    ratio = scale * skeleton.size / moved.size
    lengths = ("position_sigma", "root_acceleration_sigma")
    same = IKSettings(
        **{name: getattr(SETTINGS, name) * ratio for name in lengths}, least_position_sigma=0.001 * ratio
    )
    first = solve_clip(skeleton, Target(positions=positions, weights=weights), 24, SETTINGS)
    asked = Target(positions=scale * positions @ turn.T + shift, weights=weights)
    second = solve_clip(moved, asked, 24, same)
    away = np.linalg.norm(scale * first.positions @ turn.T + shift - second.positions, axis=-1)
    assert away.max() < 2e-3 * moved.size
    turned = turn @ rotations.matrix_from_quaternion(first.local_rotations) @ turn.T
    apart = rotations.angle_between(turned, rotations.matrix_from_quaternion(second.local_rotations))
    assert apart.mean() < 0.02


@given(seed=seeds)
@few
def test_where_the_character_goes_does_not_matter(seed: int) -> None:
    """The same targets, elsewhere and turned: the same pose, elsewhere and turned."""
    skeleton = skeleton_of("free", seed)
    positions, _ = clip_for(skeleton, seed)
    rng = np.random.default_rng(seed)
    turn, shift = random_rotations(rng), 5.0 * rng.normal(size=3)
    first = solve_clip(skeleton, Target(positions=positions), 24, SETTINGS)
    second = solve_clip(skeleton, Target(positions=positions @ turn.T + shift), 24, SETTINGS)
    away = np.linalg.norm(first.positions @ turn.T + shift - second.positions, axis=-1)
    # The root is pulled, faintly, to its rest orientation.
    assert away.max() < 5e-3 * skeleton.size


@given(seed=seeds)
@few
def test_bone_roll_changes_nothing(seed: int) -> None:
    skeleton = skeleton_of("free", seed)
    positions, weights = clip_for(skeleton, seed)
    roll = rotations.exp(np.random.default_rng(seed).uniform(-3.0, 3.0, (JOINTS, 1)) * [0.0, 1.0, 0.0])
    rolled = Skeleton(
        skeleton.names,
        skeleton.parents,
        skeleton.rest_positions,
        rotations.quaternion_from_matrix(skeleton.bone_axes @ roll),
    )
    first, second = (
        solve_clip(s, Target(positions=positions, weights=weights), 24, SETTINGS) for s in (skeleton, rolled)
    )
    assert np.allclose(first.positions, second.positions, atol=1e-4 * skeleton.size)
    turned = [rotations.matrix_from_quaternion(s.local_rotations) for s in (first, second)]
    assert rotations.angle_between(*turned).max() < 5e-3


@pytest.mark.parametrize("kind", ["free", "hinges"])
@given(seed=seeds)
@few
def test_the_order_of_joints_changes_nothing(kind: str, seed: int) -> None:
    skeleton = skeleton_of(kind, seed)
    positions, weights = clip_for(skeleton, seed)
    order = np.random.default_rng(seed).permutation(JOINTS)
    place = np.argsort(order)
    parents = np.where(skeleton.parents < 0, -1, place[skeleton.parents])
    shuffled = Skeleton(
        [skeleton.names[j] for j in order],
        parents[order],
        skeleton.rest_positions[order],
        skeleton.rest_rotations[order],
        skeleton.limits[order],
        skeleton.locks[order],
    )
    first = solve_clip(skeleton, Target(positions=positions, weights=weights), 24, SETTINGS)
    second = solve_clip(
        shuffled, Target(positions=positions[:, order], weights=weights[:, order]), 24, SETTINGS
    )
    assert np.allclose(first.positions[:, order], second.positions, atol=2e-3 * skeleton.size)


# ---- degenerate input


def test_nothing_seen_at_all() -> None:
    skeleton = skeleton_of("euler", 1)
    solution = solve_clip(skeleton, Target(positions=np.full((3, JOINTS, 3), np.nan)), fps=24)
    assert_lawful(skeleton, solution)
    assert any("30 of 30 positions" in line for line in solution.ignored)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_some_frames_and_joints_not_seen(value: float) -> None:
    skeleton = skeleton_of("cones", 2)
    positions = forward(skeleton, random_motion(skeleton, 2, 12)).positions.copy()
    positions[3:6] = value
    positions[:, 4, 1] = value
    weights = np.ones(positions.shape[:2])
    weights[0, 0], weights[1, 1] = np.nan, -1.0
    solution = solve_clip(skeleton, Target(positions=positions, weights=weights), fps=24)
    assert_lawful(skeleton, solution)
    assert len(solution.ignored) == 1
    assert f"{3 * JOINTS + 9 + 2} of {12 * JOINTS} positions" in solution.ignored[0]


def test_hints_that_are_no_rotations_are_said_to_be_ignored() -> None:
    skeleton = skeleton_of("free", 3)
    hints = np.tile([1.0, 0.0, 0.0, 0.0], (4, JOINTS, 1))
    hints[0, 0], hints[1, 1] = 0.0, np.nan
    solution = solve_clip(skeleton, Target(rotations=hints), fps=24)
    assert_lawful(skeleton, solution)
    assert [line.split(":")[0] for line in solution.ignored] == [
        f"1 of {4 * JOINTS} rotations in 1 frames are not finite",
        f"1 of {4 * JOINTS} rotations are quaternions of length 0",
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_bones_of_no_length_and_joints_in_one_place(kind: str) -> None:
    skeleton = skeleton_of(kind, 4)
    rest = skeleton.rest_positions.copy()
    rest[5:] = rest[skeleton.parents[5:]]
    for places in (rest, np.zeros_like(rest)):
        flat = Skeleton(
            skeleton.names, skeleton.parents, places, skeleton.rest_rotations, skeleton.limits, skeleton.locks
        )
        for asked in (np.zeros((3, JOINTS, 3)), np.random.default_rng(0).normal(size=(3, JOINTS, 3))):
            assert_lawful(flat, solve_clip(flat, Target(positions=asked), fps=24))


def test_all_targets_in_one_place() -> None:
    skeleton = skeleton_of("hinges", 5)
    assert_lawful(skeleton, solve_clip(skeleton, Target(positions=np.ones((3, JOINTS, 3))), fps=24))


@pytest.mark.parametrize("frames", [1, 2, 3])
def test_one_joint_and_few_frames(frames: int) -> None:
    skeleton = Skeleton(["bone"], [-1], [[0.0, 0.0, 0.0]], [[1.0, 0.0, 0.0, 0.0]])
    asked = np.arange(3.0 * frames).reshape(frames, 1, 3)
    solution = solve_clip(skeleton, Target(positions=asked), fps=24)
    assert_lawful(skeleton, solution)
    assert np.allclose(solution.positions, asked, atol=0.01)


def test_a_star() -> None:
    """Forty joints on one root, some of them opposite each other."""
    around = np.random.default_rng(6).normal(size=(40, 3))
    around[20:] = -around[:20]
    skeleton = Skeleton(
        [f"ray.{j}" for j in range(41)],
        [-1] + 40 * [0],
        np.concatenate([np.zeros((1, 3)), around]),
        np.tile([1.0, 0.0, 0.0, 0.0], (41, 1)),
    )
    turn = rotations.exp([[0.0, 0.0, 3.1]])
    solution = solve_clip(skeleton, Target(positions=skeleton.rest_positions[None] @ turn[0].T), fps=24)
    assert_lawful(skeleton, solution)
    assert solution.residual.max() < 0.01


def test_a_chain_of_three_hundred_joints() -> None:
    skeleton = chain(300, length=0.01)
    wanted = forward(skeleton, random_motion(skeleton, 7, 2, 0.05)).positions
    solution = solve_clip(skeleton, Target(positions=wanted), fps=24)
    assert_lawful(skeleton, solution)
    assert solution.residual.max() < 0.01 * skeleton.size


def test_several_roots_of_which_one_is_never_seen() -> None:
    plain = skeleton_of("free", 8)
    parents = plain.parents.copy()
    parents[[4, 7]] = -1
    skeleton = Skeleton(plain.names, parents, plain.rest_positions, plain.rest_rotations)
    positions = forward(skeleton, random_motion(skeleton, 8, 4)).positions.copy()
    positions[:, skeleton.is_ancestor[7]] = np.nan
    solution = solve_clip(skeleton, Target(positions=positions), fps=24)
    assert_lawful(skeleton, solution)
    assert solution.residual.max() < 0.01 * skeleton.size
