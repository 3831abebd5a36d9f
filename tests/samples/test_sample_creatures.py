# SPDX-License-Identifier: GPL-3.0-or-later
"""Creatures are sound: closed, symmetric, well skinned, the same for the same seed."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from sample_creatures import PLANS, creature

from mocapanything_addon.ik.rotations import matrix_from_quaternion
from mocapanything_addon.jobs.rig import Rig
from samples.creatures.creature import build_creature
from samples.creatures.families.fish import fish
from samples.creatures.families.snake import SnakeShape, snake
from samples.creatures.plan import Kind
from samples.creatures.random_plans import random_plan
from samples.creatures.skinning import KIN, bone_distances


def is_closed(rig: Rig) -> bool:
    """Every edge is walked as often one way as the other."""
    edges: Counter[tuple[int, int]] = Counter()
    for a, b in ((0, 1), (1, 2), (2, 0)):
        edges.update(map(tuple, rig.faces[:, [a, b]].tolist()))
    return all(edges[b, a] == count for (a, b), count in edges.items())


def volume(rig: Rig) -> float:
    a, b, c = (rig.vertices[rig.faces[:, k]].astype(float) for k in range(3))
    return float((a * np.cross(b, c)).sum() / 6.0)


def assert_sound(rig: Rig) -> None:
    assert is_closed(rig)
    assert volume(rig) > 0  # faces look outwards
    assert np.isfinite(rig.vertices).all()
    assert rig.vertices[:, 2].min() == pytest.approx(0.0, abs=1e-6)
    np.testing.assert_allclose(rig.skin_weights.sum(axis=1), 1.0, atol=1e-5)
    assert (rig.skin_weights >= 0).all()
    assert not rig.is_tail[rig.skin_joints].any()
    assert rig.parents[0] == -1
    assert (rig.parents[1:] < np.arange(1, rig.joint_count)).all()
    assert (rig.parents[1:] >= 0).all()
    np.testing.assert_allclose(np.linalg.norm(rig.rest_rotations, axis=1), 1.0)
    # Rest lies inside the limits.
    assert (rig.limits[..., 0] <= 0).all()
    assert (rig.limits[..., 1] >= 0).all()


@pytest.mark.parametrize("name", PLANS)
def test_known_kinds_are_sound(name: str) -> None:
    assert_sound(creature(name).rig)


@pytest.mark.parametrize("seed", range(6))
def test_random_kinds_are_sound(seed: int) -> None:
    assert_sound(build_creature(random_plan(seed), vertex_count=900, seed=seed).rig)


@pytest.mark.parametrize("name", PLANS)
def test_bones_point_along_y(name: str) -> None:
    made = creature(name)
    along = made.anatomy.tails - made.anatomy.heads
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    axes = matrix_from_quaternion(made.rig.rest_rotations)[: len(along)]
    np.testing.assert_allclose(axes[:, :, 1], along, atol=1e-9)


@pytest.mark.parametrize("name", PLANS)
def test_left_and_right_are_alike(name: str) -> None:
    rig = creature(name).rig
    mirror = np.array([-1.0, 1.0, 1.0])
    places = {(n, bool(t)): i for i, (n, t) in enumerate(zip(rig.joint_names, rig.is_tail, strict=True))}
    pairs = [(i, places[n[:-2] + ".R", t]) for (n, t), i in places.items() if n.endswith(".L")]
    for left, right in pairs:
        np.testing.assert_allclose(rig.rest_positions[right], rig.rest_positions[left] * mirror, atol=1e-9)
        np.testing.assert_allclose(rig.limits[right, 0], rig.limits[left, 0])
        np.testing.assert_allclose(rig.limits[right, 1:], -rig.limits[left, 1:, ::-1])
    a, b = rig.vertices.astype(float), rig.vertices * mirror
    nearest = [np.linalg.norm(a - point, axis=1).min() for point in b[::25]]
    assert max(nearest) < 0.002 * rig.size


def test_a_leg_does_not_pull_the_belly() -> None:
    """Bones that share a vertex are near kin."""
    made = creature("quadruped")
    apart = bone_distances(made.anatomy.parents)
    joints, weights = made.rig.skin_joints, made.rig.skin_weights
    worst = 0
    for a in range(4):
        for b in range(4):
            both = (weights[:, a] > 0.05) & (weights[:, b] > 0.05)
            worst = max(worst, int(apart[joints[both, a], joints[both, b]].max(initial=0)))
    assert worst <= 2 * KIN + 1  # smoothing over the mesh adds one
    shin = made.bone("shin.L")
    moved = (joints == shin) & (weights > 0.02)
    belly = made.rig.vertices[:, 2] > made.anatomy.heads[shin][2] + 0.1 * made.rig.size
    assert not moved.any(axis=1)[belly].any()


def test_same_seed_same_creature() -> None:
    first, second = (build_creature(random_plan(11), vertex_count=700, seed=4).rig for _ in range(2))
    assert first.content_hash() == second.content_hash()
    other = build_creature(random_plan(11), vertex_count=700, seed=5).rig
    np.testing.assert_array_equal(first.vertices, other.vertices)
    assert (first.vertex_colors != other.vertex_colors).any()


def test_random_plans_differ_in_kind() -> None:
    plans = [random_plan(seed) for seed in range(60)]
    joints = [sum(len(p.segments) * (2 if p.paired else 1) for p in plan.parts) for plan in plans]
    legs = {2 * sum(p.kind is Kind.LEG for p in plan.parts) for plan in plans}
    assert {0, 2, 4, 8} <= legs
    assert min(joints) < 15
    assert max(joints) > 60
    assert random_plan(3) == random_plan(3)
    assert any(p.kind is Kind.WING for plan in plans for p in plan.parts)


def test_bone_count_follows_the_plan() -> None:
    made = build_creature(snake(SnakeShape(bones=100, bend=8.0)), vertex_count=1500)
    assert len(made.anatomy.names) == 102  # and head and jaw
    assert len(set(made.anatomy.names)) == 102


def test_scaling_a_plan_scales_the_creature() -> None:
    small, large = (build_creature(plan, vertex_count=800).rig for plan in (fish(), fish().scaled(3.0)))
    np.testing.assert_allclose(large.offsets, 3.0 * small.offsets, atol=1e-9)
    assert volume(large) == pytest.approx(27.0 * volume(small), rel=0.03)


def test_a_plan_that_does_not_hang_together() -> None:
    plan = fish()
    loose = replace(plan.parts[1], parent="elbow")
    with pytest.raises(ValueError, match='"head" grows from "elbow"'):
        build_creature(replace(plan, parts=(plan.parts[0], loose)))
    with pytest.raises(ValueError, match='no pattern "tartan"'):
        build_creature(replace(plan, coat=replace(plan.coat, pattern="tartan")), vertex_count=500)
