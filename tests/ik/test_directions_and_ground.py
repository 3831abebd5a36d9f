# SPDX-License-Identifier: GPL-3.0-or-later
"""Where bones point and where the floor is, as evidence."""

from __future__ import annotations

import numpy as np
import pytest
from bipeds import biped, walk
from skeletons import random_motion, random_skeleton

from mocapanything_addon.ik import IKSettings, Motion, Skeleton, Target, rotations, solve_clip
from mocapanything_addon.ik.kinematics import forward
from mocapanything_addon.ik.terms.ground import Ground

FLOOR = Ground([5.0, 5.0, 0.0], [0.0, 0.0, 2.0])


def directions_of(skeleton: Skeleton, motion: Motion) -> np.ndarray:
    turned = forward(skeleton, motion).global_rotations
    return (turned @ skeleton.twist_axes[..., None])[..., 0]


def test_directions_alone_make_the_bones_point_there() -> None:
    skeleton = random_skeleton(3, 10)
    motion = random_motion(skeleton, 3, 12, amplitude=0.5)
    directions = directions_of(skeleton, motion)
    solution = solve_clip(skeleton, Target(directions=7.0 * directions), 24.0)
    found = rotations.matrix_from_quaternion(solution.global_rotations) @ skeleton.twist_axes[..., None]
    cosines = np.einsum("tjc,tjc->tj", found[..., 0], directions)
    assert np.degrees(np.arccos(np.clip(cosines, -1.0, 1.0))).mean() < 3.0


def test_directions_show_what_joints_do_not() -> None:
    skeleton = biped()
    motion = random_motion(skeleton, 4, 12, amplitude=0.4)
    directions = directions_of(skeleton, motion)
    positions = forward(skeleton, motion).positions
    hands = [skeleton.names.index("left hand"), skeleton.names.index("right hand")]
    lost = positions.copy()
    lost[:, hands] = np.nan
    errors = []
    for evidence in ({}, {"directions": directions}):
        solution = solve_clip(skeleton, Target(lost, **evidence), 24.0)
        errors.append(np.linalg.norm(solution.positions - positions, axis=-1)[:, hands].mean())
    assert errors[1] < 0.3 * errors[0]


def test_directions_that_are_none_are_ignored() -> None:
    skeleton = random_skeleton(3, 6)
    directions = np.zeros((4, 6, 3))
    directions[1, 2] = np.nan
    solution = solve_clip(skeleton, Target(directions=directions), 24.0)
    assert np.allclose(solution.positions, skeleton.rest_positions, atol=1e-9)
    assert any("1 of 24 directions in 1 frames" in said for said in solution.ignored)


def test_nothing_sinks_into_the_ground() -> None:
    skeleton = biped()
    positions = forward(skeleton, walk(skeleton, 30)).positions
    sunken = positions - [0.0, 0.0, 0.03]
    settings = IKSettings(position_sigma=0.02)
    free = solve_clip(skeleton, Target(sunken), 24.0, settings)
    held = solve_clip(skeleton, Target(sunken, ground=FLOOR), 24.0, settings)
    assert free.positions[..., 2].min() < -0.02
    assert held.positions[..., 2].min() > -0.003
    # What is above stays where it was.
    high = positions[..., 2] > 0.5
    assert np.linalg.norm(held.positions - free.positions, axis=-1)[high].mean() < 0.04


def test_a_floor_far_below_changes_nothing() -> None:
    skeleton = random_skeleton(6, 8)
    positions = forward(skeleton, random_motion(skeleton, 6, 10, amplitude=0.3)).positions
    low = Ground([0.0, 0.0, -100.0], [0.0, 0.0, 1.0])
    plain, grounded = (solve_clip(skeleton, Target(positions, ground=g), 24.0) for g in (None, low))
    assert np.array_equal(plain.local_rotations, grounded.local_rotations)


@pytest.mark.parametrize(
    ("point", "normal"), [([0, 0, 0], [0, 0, 0]), ([0, 0, np.nan], [0, 0, 1]), ([0, 0, 0], [0, np.inf, 1])]
)
def test_a_ground_must_be_a_plane(point: list[float], normal: list[float]) -> None:
    with pytest.raises(ValueError, match="a ground needs a point and a normal"):
        Ground(point, normal)
