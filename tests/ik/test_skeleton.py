# SPDX-License-Identifier: GPL-3.0-or-later
"""What describes a skeleton and what does not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from skeletons import chain, random_skeleton

from mocapanything_addon.ik import Skeleton


def arguments(**changes: Any) -> dict[str, Any]:
    values: dict[str, Any] = {
        "names": ["hips", "spine", "head"],
        "parents": [-1, 0, 1],
        "rest_positions": [[0, 0, 1], [0, 0, 1.5], [0, 0, 2]],
        "rest_rotations": [[1, 0, 0, 0]] * 3,
    }
    return {**values, **changes}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"names": [], "parents": [], "rest_positions": [], "rest_rotations": []}, "at least one joint"),
        ({"parents": [0, 0, 1]}, "found none"),
        ({"parents": [-1, 2, 1]}, r"joint 1 \('spine'\) is its own ancestor"),
        ({"parents": [-1, 0, 7]}, r"parent of joint 2 \('head'\) does not exist"),
        ({"parents": [-1, 0]}, r"parents has shape \(2,\), expected \(3,\)"),
        ({"rest_positions": [[0, 0, 1], [0, np.nan, 1.5], [0, 0, 2]]}, "rest_positions of joint 1"),
        ({"rest_rotations": [[1, 0, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]]}, "rest_rotations of joint 2"),
        ({"limits": np.tile([0.5, -0.5], (3, 3, 1))}, "limits of joint 0"),
        ({"limits": np.full((3, 3, 2), np.nan)}, "limits of joint 0"),
    ],
)
def test_what_is_no_tree_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Skeleton(**arguments(**changes))


def test_a_single_joint_is_a_skeleton() -> None:
    skeleton = Skeleton(["bone"], [-1], [[0, 0, 0]], [[1, 0, 0, 0]])
    assert skeleton.parameter_count == 6
    assert skeleton.size == 1.0
    assert np.allclose(skeleton.twist_axes, [[0, 1, 0]])


def test_joints_may_come_in_any_order() -> None:
    skeleton = Skeleton(
        ["head", "hips", "spine"], [2, -1, 1], [[0, 0, 3], [0, 0, 0], [0, 0, 1]], [[1, 0, 0, 0]] * 3
    )
    assert skeleton.root == 1
    assert skeleton.depths.tolist() == [2, 0, 1]
    assert skeleton.first_parameter.tolist() == [6, 3, 9]
    assert np.allclose(skeleton.offsets, [[0, 0, 2], [0, 0, 0], [0, 0, 1]])


def test_ancestors_match_a_walk_up_the_tree() -> None:
    skeleton = random_skeleton(0, 40)
    for joint in range(40):
        above = set()
        walk = joint
        while walk >= 0:
            above.add(walk)
            walk = int(skeleton.parents[walk])
        assert set(np.nonzero(skeleton.is_ancestor[:, joint])[0]) == above


def test_three_locks_take_a_joint_out_of_the_unknowns() -> None:
    locks = np.zeros((3, 3), bool)
    locks[1], locks[2, 0] = True, True
    skeleton = Skeleton(**arguments(locks=locks))
    assert skeleton.moving.tolist() == [0, 2]
    assert skeleton.parameter_count == 9
    assert skeleton.locked_parameters.tolist() == [False] * 6 + [True, False, False]


def test_a_full_turn_is_no_limit_and_equal_ends_are_a_lock() -> None:
    limits = np.tile([-np.inf, np.inf], (3, 3, 1))
    limits[1], limits[2, 1] = [-np.pi, np.pi], [0.2, 0.2]
    skeleton = Skeleton(**arguments(limits=limits))
    assert skeleton.is_limited.tolist() == [False, False, True]
    assert skeleton.locked_parameters.nonzero()[0].tolist() == [10]


def test_twist_axes_follow_the_bones() -> None:
    assert np.allclose(chain(4).twist_axes[:3], [0, 0, 1])
    coinciding = Skeleton(["a", "b"], [-1, 0], np.zeros((2, 3)), [[1, 0, 0, 0]] * 2)
    assert np.allclose(coinciding.twist_axes, [0, 1, 0])
