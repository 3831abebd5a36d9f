# SPDX-License-Identifier: GPL-3.0-or-later
"""Left and right found from the rest pose alone."""

from __future__ import annotations

import numpy as np
import pytest
from bipeds import biped
from skeletons import chain, random_skeleton

from mocapanything_addon.ik import Skeleton, rotations
from mocapanything_addon.ik.mirror import find_mirror, mirror_pairs


def placed(skeleton: Skeleton, seed: int, noise: float = 0.0) -> tuple[Skeleton, np.ndarray]:
    """The skeleton turned, moved, scaled and with its joints in another order; the order."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(skeleton.joint_count)
    place = np.argsort(order)
    parents = np.where(skeleton.parents < 0, -1, place[skeleton.parents])[order]
    turn = rotations.matrix_from_quaternion(rng.normal(size=4))
    positions = (skeleton.rest_positions + noise * rng.normal(size=(len(order), 3))) * 7.0 @ turn.T + 3.0
    names = [skeleton.names[j] for j in order]
    return Skeleton(names, parents, positions[order], skeleton.rest_rotations[order]), order


@pytest.mark.parametrize("noise", [0.0, 0.01])
@pytest.mark.parametrize("seed", range(4))
def test_partners_are_found_whatever_the_pose_and_order(seed: int, noise: float) -> None:
    skeleton, _ = placed(biped(), seed, noise)
    partners = mirror_pairs(skeleton)
    for joint, partner in enumerate(partners):
        name, other = skeleton.names[joint], skeleton.names[partner]
        swapped = name.replace("left", "LEFT").replace("right", "left").replace("LEFT", "right")
        assert partner >= 0 and other == swapped


def test_the_plane_is_the_one_between_the_sides() -> None:
    mirror = find_mirror(biped())
    assert mirror is not None
    assert np.allclose(np.abs(mirror.axis), [1.0, 0.0, 0.0], atol=1e-9)
    assert mirror.offset == pytest.approx(0.0, abs=1e-9)


def test_a_limb_without_a_partner_has_none() -> None:
    whole = biped()
    lost = whole.names.index("left hand")
    keep = np.arange(whole.joint_count) != lost
    place = np.cumsum(keep) - 1
    parents = np.where(whole.parents < 0, -1, place[whole.parents])[keep]
    names = [n for n, k in zip(whole.names, keep, strict=True) if k]
    skeleton = Skeleton(names, parents, whole.rest_positions[keep], whole.rest_rotations[keep])
    partners = mirror_pairs(skeleton)
    assert partners[names.index("right hand")] == -1
    assert partners[names.index("left knee")] == names.index("right knee")


@pytest.mark.parametrize("skeleton", [chain(1), chain(5), random_skeleton(0, 12)])
def test_bodies_without_sides_have_no_mirror(skeleton: Skeleton) -> None:
    assert find_mirror(skeleton) is None
    assert (mirror_pairs(skeleton) == -1).all()
