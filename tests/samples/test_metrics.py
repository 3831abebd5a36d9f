# SPDX-License-Identifier: GPL-3.0-or-later
"""The laws that accuracy figures obey."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mocapanything_addon.ik.kinematics import forward
from mocapanything_addon.ik.motion import Motion
from mocapanything_addon.ik.rotations import exp
from mocapanything_addon.ik.skeleton import Skeleton
from samples.metrics import (
    Joints,
    Track,
    cd_skeleton,
    constant_floor,
    measure,
    motion_correlation,
    moving_bones,
    mpjpe,
    mpjve,
    pa_mpjpe,
    rest_floor,
    rotation_error,
    yaw_aligned_mpjpe,
)

UP = np.array([0.0, 0.0, 1.0])
COUNT = 7
seeds = st.integers(0, 10_000)
laws = settings(max_examples=25, deadline=None)


def joints(seed: int) -> Joints:
    """A random tree: a body with two arms, the last joint a tail."""
    rng = np.random.default_rng(seed)
    parents = np.array([-1, 0, 1, 1, 2, 3, 5], np.int32)
    is_tail = np.arange(COUNT) == COUNT - 1
    return Joints(parents, is_tail, rng.normal(size=(COUNT, 3)))


def track(tree: Joints, seed: int, frames: int = 6, spread: float = 0.5) -> Track:
    """A random motion of it."""
    rng = np.random.default_rng([seed, 1])
    local = exp(spread * rng.normal(size=(frames, COUNT, 3)))
    local[:, tree.is_tail] = np.eye(3)
    skeleton = Skeleton([""] * COUNT, tree.parents, tree.rest_positions, np.tile([1.0, 0, 0, 0], (COUNT, 1)))
    pose = forward(skeleton, Motion(rng.normal(size=(frames, 3)), local))
    return Track(pose.positions, pose.global_rotations)


@laws
@given(seed=seeds)
def test_the_truth_is_perfect(seed: int) -> None:
    tree = joints(seed)
    truth = track(tree, seed)
    figures = measure(truth, truth, tree)
    assert figures.motion_correlation == pytest.approx(1.0)
    for name, value in figures.to_dict().items():
        if name != "motion_correlation":
            # The arccosine of nearly 1 keeps half the digits.
            assert value == pytest.approx(0.0, abs=1e-5), name


@laws
@given(seed=seeds)
def test_size_does_not_matter(seed: int) -> None:
    tree = joints(seed)
    truth, guess = track(tree, seed), track(tree, seed + 1)
    large = Joints(tree.parents, tree.is_tail, 7.0 * tree.rest_positions)
    figures = measure(
        Track(7.0 * guess.positions, guess.global_rotations),
        Track(7.0 * truth.positions, truth.global_rotations),
        large,
    )
    expected = measure(guess, truth, tree).to_dict()
    assert figures.to_dict() == pytest.approx(expected)


@laws
@given(seed=seeds, angle=st.floats(-3.0, 3.0))
def test_what_each_alignment_forgives(seed: int, angle: float) -> None:
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=(5, COUNT, 3))
    shifted = truth + rng.normal(size=(5, 1, 3))
    assert mpjpe(shifted, truth) == pytest.approx(0.0, abs=1e-9)
    assert mpjve(shifted, truth) == pytest.approx(0.0, abs=1e-9)
    turned = shifted @ exp(angle * UP).T
    assert yaw_aligned_mpjpe(turned, truth, UP) == pytest.approx(0.0, abs=1e-9)
    tumbled = np.stack([1.7 * f @ exp(rng.normal(size=3)).T for f in turned])
    assert pa_mpjpe(tumbled, truth) == pytest.approx(0.0, abs=1e-9)


@laws
@given(seed=seeds)
def test_alignment_never_hurts(seed: int) -> None:
    """In the sum of squares, which each alignment makes least, and so for equal distances in the mean."""
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=(5, COUNT, 3))
    guess = truth @ exp(0.8 * UP).T + 0.2 * rng.normal(size=truth.shape)
    assert yaw_aligned_mpjpe(guess, truth, UP) < mpjpe(guess, truth)
    assert pa_mpjpe(guess, truth) < yaw_aligned_mpjpe(guess, truth, UP)


@laws
@given(seed=seeds)
def test_a_mirror_image_is_not_forgiven(seed: int) -> None:
    truth = np.random.default_rng(seed).normal(size=(3, COUNT, 3))
    assert pa_mpjpe(truth * [-1.0, 1.0, 1.0], truth) > 0.05


@laws
@given(seed=seeds)
def test_cd_skeleton_lies_below_mpjpe(seed: int) -> None:
    """The nearest bone of the other skeleton is never farther than the same joint."""
    tree = joints(seed)
    truth, guess = track(tree, seed).positions, track(tree, seed + 1).positions
    assert cd_skeleton(guess, truth, tree.parents) <= mpjpe(guess, truth) + 1e-12


@laws
@given(seed=seeds, degrees=st.floats(0.5, 120.0))
def test_rotation_error_is_the_angle(seed: int, degrees: float) -> None:
    """Every bone turned by the same angle about its own axis: that angle."""
    tree = joints(seed)
    truth = track(tree, seed)
    local = truth.local_rotations(tree.parents)
    axes = np.random.default_rng(seed).normal(size=(COUNT, 3))
    axes /= np.linalg.norm(axes, axis=1, keepdims=True)
    wrong = local @ exp(np.radians(degrees) * axes)
    turned = [wrong[:, 0]]
    for joint in range(1, COUNT):
        turned.append(turned[tree.parents[joint]] @ wrong[:, joint])
    guess = Track(truth.positions, np.stack(turned, axis=1))
    bones = moving_bones(truth, tree)
    assert bones.sum() == COUNT - 2  # neither the root nor the tail
    assert rotation_error(guess, truth, tree, bones) == pytest.approx(degrees, rel=1e-6)


@laws
@given(seed=seeds)
def test_floors(seed: int) -> None:
    tree = joints(seed)
    truth = track(tree, seed)
    rest, constant = rest_floor(truth, tree), constant_floor(truth, tree)
    bones = moving_bones(truth, tree)
    for floor in (rest, constant):
        assert motion_correlation(floor, truth) == 0.0
        np.testing.assert_allclose(floor.positions[:, 0], truth.positions[:, 0], atol=1e-12)
        np.testing.assert_allclose(floor.global_rotations[:, 0], truth.global_rotations[:, 0], atol=1e-12)

    def squared(floor: Track) -> float:
        """What the chordal mean makes least."""
        difference = floor.local_rotations(tree.parents) - truth.local_rotations(tree.parents)
        return float((difference[:, bones] ** 2).sum())

    assert squared(constant) <= squared(rest) + 1e-9
    steady = Track(np.repeat(truth.positions[:1], 4, 0), np.repeat(truth.global_rotations[:1], 4, 0))
    assert measure(constant_floor(steady, tree), steady, tree).mpjpe == pytest.approx(0.0, abs=1e-9)


@laws
@given(seed=seeds, gain=st.floats(0.1, 3.0))
def test_correlation_ignores_gain_and_offset(seed: int, gain: float) -> None:
    rng = np.random.default_rng(seed)
    positions = rng.normal(size=(6, COUNT, 3))
    positions[:, 0] = 0.0
    still = np.tile(np.eye(3), (6, COUNT, 1, 1))
    other = gain * positions + rng.normal(size=(1, COUNT, 3))
    other[:, 0] = 0.0
    assert motion_correlation(Track(other, still), Track(positions, still)) == pytest.approx(1.0)
    assert motion_correlation(Track(-positions, still), Track(positions, still)) == pytest.approx(-1.0)


def test_nothing_moves() -> None:
    tree = joints(0)
    truth = track(tree, 0, spread=0.0)
    figures = measure(truth, truth, tree)
    assert np.isnan(figures.rotation_error)
    assert figures.motion_correlation == 0.0


def test_other_frames_are_refused() -> None:
    tree = joints(0)
    with pytest.raises(ValueError, match="shapes differ"):
        measure(track(tree, 0, frames=3), track(tree, 0, frames=4), tree)
