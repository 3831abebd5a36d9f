# SPDX-License-Identifier: GPL-3.0-or-later
"""Bodies of another build: reshaped by the laws, found in a film, and left for the rig in the end."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mocapanything_addon.fit.body import Body
from mocapanything_addon.fit.find_shape import find_shape
from mocapanything_addon.fit.fit import prepare
from mocapanything_addon.fit.retarget import retargeted
from mocapanything_addon.fit.shape import BodyParts
from mocapanything_addon.fit.shape_derivatives import ShapeDerivatives
from mocapanything_addon.fit.whole_clip import fit_whole_clip
from mocapanything_addon.ik import rotations
from mocapanything_addon.ik.kinematics import State, forward
from mocapanything_addon.ik.motion import Motion
from mocapanything_addon.jobs.rig import Rig
from tests.fit.filmed_tubes import camera_at, film, long_necked_rig

RIG = long_necked_rig()
BODY = Body.from_rig(RIG)
PARTS = BodyParts.of_body(BODY)
HIND_LEG, FRONT_LEG = 3, 6
FEET = [5, 8, 11, 14]
FRAMES = 20
CAMERA = camera_at(0.1)
factors = st.lists(
    st.floats(-0.25, 0.25), min_size=PARTS.parameter_count, max_size=PARTS.parameter_count
).map(np.array)


def ignored(stage: str, done: int, total: int) -> None:
    """No one is told."""


def paddling(frames: int = FRAMES) -> Motion:
    """The legs swing and the body turns a little."""
    motion = Motion.rest(RIG.joint_count, frames)
    time = np.arange(frames)
    motion.local_rotations[:, 0] = rotations.exp((0.7 + 0.02 * time)[:, None] * np.array([0.0, 0.0, 1.0]))
    for number, joint in enumerate((3, 6, 9, 12)):
        angle = 0.4 * np.sin(0.5 * time + number)
        motion.local_rotations[:, joint] = rotations.exp(angle[:, None] * np.array([1.0, 0.0, 0.0]))
    return motion


def legs(factor: float) -> np.ndarray:
    """(K,) the shape with legs so many times as long."""
    shape = np.zeros(PARTS.parameter_count)
    for joint in (HIND_LEG, FRONT_LEG):
        shape[PARTS.part_of[joint] - 1] = np.log(factor)
    return shape


def bone_lengths(body: Body) -> np.ndarray:
    return np.linalg.norm(body.skeleton.offsets, axis=1)


def test_left_and_right_are_one_part_and_the_trunk_none_of_them() -> None:
    part_of = PARTS.part_of
    assert (part_of[[3, 4, 9, 10]] == part_of[HIND_LEG]).all()
    assert (part_of[[6, 7, 12, 13]] == part_of[FRONT_LEG]).all()
    assert part_of[0] == part_of[1] == 0
    assert len({0, int(part_of[HIND_LEG]), int(part_of[FRONT_LEG])}) == 3


def test_the_same_build_is_the_same_body() -> None:
    assert PARTS.reshaped(np.zeros(PARTS.parameter_count)) is BODY


def test_limbs_without_a_mirror_image_are_parts_of_their_own() -> None:
    rest = RIG.rest_positions + np.random.default_rng(0).normal(size=RIG.rest_positions.shape)
    part_of = BodyParts.of_body(Body.from_rig(replace(RIG, rest_positions=rest))).part_of
    assert len(set(part_of[[3, 6, 9, 12]]) - {0}) == 4


@settings(max_examples=20, deadline=None)
@given(factors)
def test_legs_are_as_much_longer_as_asked(shape: np.ndarray) -> None:
    ratio = bone_lengths(PARTS.reshaped(shape))[1:] / bone_lengths(BODY)[1:]
    for joint in (HIND_LEG, FRONT_LEG):
        assert ratio[joint] == pytest.approx(np.exp(shape[PARTS.part_of[joint] - 1]))


@settings(max_examples=20, deadline=None)
@given(factors)
def test_both_sides_stay_mirror_images(shape: np.ndarray) -> None:
    body = PARTS.reshaped(shape)
    assert body.symmetry is not None
    mirrored = body.skeleton.rest_positions * [-1.0, 1.0, 1.0]
    assert np.allclose(mirrored[body.symmetry.partners], body.skeleton.rest_positions)


@settings(max_examples=10, deadline=None)
@given(factors)
def test_a_reshaped_body_turns_as_it_did(shape: np.ndarray) -> None:
    motion = paddling(3)
    turned = forward(PARTS.reshaped(shape).skeleton, motion).global_rotations
    assert np.allclose(turned, forward(BODY.skeleton, motion).global_rotations)


@settings(max_examples=5, deadline=None)
@given(factors)
def test_derivatives_are_those_of_the_posed_surface(shape: np.ndarray) -> None:
    motion = paddling(2)
    state = State(PARTS.reshaped(shape).skeleton, motion)
    told = ShapeDerivatives(PARTS, shape, state).vertices(1)
    step = 1e-2
    for number, derivative in enumerate(told):
        change = step * np.eye(len(shape))[number]
        there, here = (
            PARTS.reshaped(shape + s).skin.pose(forward(PARTS.reshaped(shape + s).skeleton, motion))[1]
            for s in (change, -change)
        )
        # The surface is kept in single precision.
        assert np.allclose((there - here) / (2.0 * step), derivative, atol=2e-4)


def filmed_on(rig: Rig, filmed: Body) -> tuple[Body, Body, np.ndarray]:
    """The user's body, the body that the fit gives it, and the found factors of its bones' lengths."""
    problem = prepare(rig, film(filmed.rig, paddling(), CAMERA, frame_rate=24.0), camera=CAMERA)
    found = fit_whole_clip(problem, paddling(), ignored, rounds=2)
    there, _ = find_shape(problem, found, ignored)
    return problem.body, there.body, bone_lengths(there.body)[1:] / bone_lengths(problem.body)[1:]


def test_longer_legs_are_found() -> None:
    own, found, ratio = filmed_on(RIG, PARTS.reshaped(legs(1.2)))
    assert found is not own
    lower = [joint - 1 for joint in (4, 7, 10, 13)]
    assert np.all(np.abs(ratio[lower] / ratio[0] - 1.2) < 0.06)


def test_the_right_rig_stays_as_it_is() -> None:
    own, found, _ = filmed_on(RIG, BODY)
    assert found is own


def test_feet_stand_on_the_rig_where_they_stood_on_the_filmed_body() -> None:
    filmed = PARTS.reshaped(legs(0.8))
    motion = paddling(12)
    motion.root_translation[:] = 0.0
    feet = forward(filmed.skeleton, motion).positions[:, FEET[0]]
    # The body goes where it must for one foot to stand.
    motion.root_translation[:] = feet[0] - feet
    carried = retargeted(motion, filmed, BODY)
    assert np.array_equal(carried.local_rotations, motion.local_rotations)
    slid = np.ptp(forward(BODY.skeleton, carried).positions[:, FEET[0]], axis=0).max()
    as_it_was = np.ptp(forward(BODY.skeleton, motion).positions[:, FEET[0]], axis=0).max()
    assert slid < 0.5 * as_it_was


def test_the_same_body_moves_as_it_did() -> None:
    motion = paddling(3)
    assert retargeted(motion, BODY, BODY) is motion
