# SPDX-License-Identifier: GPL-3.0-or-later
"""Motions keep limits, feet and speed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sample_creatures import PLANS, creature

from mocapanything_addon.ik.kinematics import forward
from mocapanything_addon.ik.limits.ranges import limit_violation
from mocapanything_addon.ik.motion import Motion
from mocapanything_addon.ik.rotations import angle_between, exp
from mocapanything_addon.ik.skeleton import Skeleton
from samples.motions.gaits import GALLOP, SCUTTLE, STROLL, TROT, WALK
from samples.motions.limb_ik import Goal, reach
from samples.motions.path import Path
from samples.motions.repertoire import random_clip, repertoire
from samples.motions.walking import go

TIMES = np.arange(24) / 24.0
CASES = [(name, action) for name in PLANS for action in repertoire(creature(name))]


@pytest.mark.parametrize(("name", "action"), CASES)
def test_limits_and_planted_feet(name: str, action: str) -> None:
    made = creature(name)
    clip = repertoire(made)[action](TIMES)
    skeleton = Skeleton.from_rig(made.rig)
    assert limit_violation(skeleton, clip.motion) < 1e-9
    assert clip.slip(made) < 0.01
    pose = forward(skeleton, clip.motion)
    assert np.isfinite(pose.positions).all()
    for k, joint in enumerate(clip.feet):
        height = pose.positions[clip.contacts[:, k], joint, 2] - made.rig.rest_positions[joint, 2]
        assert np.abs(height).max(initial=0.0) < 0.01 * made.rig.size


@pytest.mark.parametrize(("name", "action"), CASES)
def test_nothing_snaps_from_frame_to_frame(name: str, action: str) -> None:
    clip = repertoire(creature(name))[action](np.arange(60) / 120.0)
    turned = angle_between(clip.motion.local_rotations[:-1], clip.motion.local_rotations[1:])
    assert np.degrees(turned.max()) < 40.0


@pytest.mark.parametrize(("name", "gait"), [("quadruped", TROT), ("biped", STROLL), ("spider", SCUTTLE)])
def test_a_gait_covers_ground_straight_ahead(name: str, gait: object) -> None:
    made = creature(name)
    clip = go(made, gait, TIMES, heading=0.5)  # type: ignore[arg-type]
    travel = clip.motion.root_translation[-1] - clip.motion.root_translation[0]
    assert np.linalg.norm(travel[:2]) > 0.2 * made.rig.size
    # Heading 0 is -y, and left of it is +x.
    assert np.arctan2(travel[0], -travel[1]) == pytest.approx(0.5, abs=0.08)


def test_effort_sets_the_speed() -> None:
    made = creature("quadruped")
    lengths = [
        np.linalg.norm(
            np.diff(go(made, WALK, TIMES, effort=e).motion.root_translation[[0, -1]], axis=0)[0, :2]
        )
        for e in (0.5, 1.0)
    ]
    assert lengths[1] == pytest.approx(2.0 * lengths[0], rel=0.05)


@pytest.mark.parametrize(("gait", "airborne"), [(WALK, False), (GALLOP, True)], ids=["walk", "gallop"])
def test_walking_never_leaves_the_ground_and_galloping_does(gait: object, airborne: bool) -> None:
    clip = go(creature("quadruped"), gait, np.arange(96) / 96.0)  # type: ignore[arg-type]
    assert (~clip.contacts.any(axis=1)).any() == airborne


@given(turn=st.floats(-2.0, 2.0), speed=st.floats(0.1, 3.0), time=st.floats(-3.0, 3.0))
def test_a_path_moves_where_it_heads(turn: float, speed: float, time: float) -> None:
    path = Path(speed, turn=turn, middle=0.3, heading=0.7)
    step = 1e-5
    velocity = (path.places(time + step) - path.places(time - step)) / (2 * step)
    expected = speed * path.rotations(time) @ np.array([0.0, -1.0, 0.0])
    np.testing.assert_allclose(velocity, expected, atol=1e-4 * max(speed, 1.0))


@settings(max_examples=15, deadline=None)
@given(
    angles=st.tuples(*[st.floats(0.05, 0.6)] * 3),
    name=st.sampled_from(["quadruped", "biped", "raptor", "spider"]),
)
def test_a_limb_meets_a_goal_that_it_can_reach(angles: tuple[float, ...], name: str) -> None:
    """Goals are taken from poses within the limits, so each can be met."""
    made = creature(name)
    skeleton = Skeleton.from_rig(made.rig)
    leg = made.legs[-1]
    motion = Motion.rest(made.rig.joint_count)
    bent = motion.copy()
    for bone, share in zip(leg.bones, angles, strict=False):
        low, high = skeleton.lowest_angles[bone, 0], skeleton.highest_angles[bone, 0]
        angle = share * (high if high > -low else low)
        bent.local_rotations[0, bone] = exp(angle * skeleton.bone_axes[bone][:, 0])
    tip = made.tail_joint(leg.bones[-1])
    target = forward(skeleton, bent).positions[:, tip]
    reached = reach(skeleton, motion, leg.bones, [Goal(tip, target, np.ones(1))], hold=0.02)
    assert np.linalg.norm(forward(skeleton, reached).positions[:, tip] - target) < 0.001 * made.rig.size
    assert limit_violation(skeleton, reached) < 1e-9


def test_random_clips_follow_their_seed() -> None:
    made = creature("bird")
    first, second = (random_clip(made, TIMES, np.random.default_rng(8)) for _ in range(2))
    np.testing.assert_allclose(first.motion.local_rotations, second.motion.local_rotations, atol=1e-12)
    np.testing.assert_array_equal(first.contacts, second.contacts)


def test_what_cannot_be_done_is_not_offered() -> None:
    assert "fly" not in repertoire(creature("quadruped"))
    assert "walk" not in repertoire(creature("snake"))
    with pytest.raises(ValueError, match="no arms"):
        from samples.motions.standing import wave

        wave(creature("fish"), TIMES)
