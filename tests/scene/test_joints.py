# SPDX-License-Identifier: GPL-3.0-or-later
"""Which bones drive the mesh, and on what they really hang."""

from __future__ import annotations

import numpy as np
import pytest

from mocapanything_addon.scene.bone_chain import BoneChain
from mocapanything_addon.scene.joints import joint_tree

BODY = {"Hips": (None, (0, 0, 1), (0, 0, 1.2), 20), "Chest": ("Hips", (0, 0, 1.2), (0, 0, 1.8), 30)}


def legs(foot_parent: str | None, foot_weight: float = 5.0) -> dict[str, tuple]:
    bones = {}
    for side, x in (("L", 0.2), ("R", -0.2)):
        bones[f"Thigh{side}"] = ("Hips", (x, 0, 1), (x, 0, 0.5), 8)
        bones[f"Shin{side}"] = (f"Thigh{side}", (x, 0, 0.5), (x, 0, 0.1), 8)
        bones[f"Foot{side}"] = (foot_parent, (x, 0, 0.1), (x, -0.2, 0.1), foot_weight)
    return bones


def tree_of(bones: dict[str, tuple], shared: dict[tuple[str, str], float] | None = None):
    """Joint tree of ``{name: (parent, head, tail, weight)}`` as ``{name: kinematic parent}``."""
    names = list(bones)
    rest = np.tile(np.eye(4), (len(names), 1, 1))
    rest[:, :3, 3] = [b[1] for b in bones.values()]
    flags = np.ones(len(names), bool)
    chain = BoneChain(
        names=tuple(names),
        parents=np.array([names.index(b[0]) if b[0] else -1 for b in bones.values()]),
        rest=rest,
        tails=np.array([b[2] for b in bones.values()], float),
        deforms=flags,
        connected=~flags,
        inherits_rotation=flags,
        inherits_scale=flags,
        local_location=flags,
    )
    weights = np.array([b[3] for b in bones.values()], float)
    skin = np.diag(weights)
    for (a, b), value in (shared or {}).items():
        skin[names.index(a), names.index(b)] = skin[names.index(b), names.index(a)] = value
    tree = joint_tree(chain, weights, skin)
    joints = [names[b] for b in tree.bones]
    found = {n: (joints[p] if p >= 0 else None) for n, p in zip(joints, tree.parents, strict=True)}
    assert all(p < j for j, p in enumerate(tree.parents)), "parents stand before their children"
    assert (tree.parents[1:] >= 0).all() and tree.parents[0] == -1
    return found, {names[b]: joints[j] for b, j in enumerate(tree.joint_of_bone)}


def test_a_plain_tree_stays_as_it_is():
    bones = BODY | legs("Hips")
    bones = {n: (f"Shin{n[-1]}" if n.startswith("Foot") else b[0], *b[1:]) for n, b in bones.items()}
    found, _ = tree_of(bones)
    assert found == {n: b[0] for n, b in bones.items()}


@pytest.mark.parametrize("top", ["Root", None])
def test_ik_feet_are_attached_to_their_shins(top):
    """Feet under a weightless root bone, or without any parent."""
    bones = {"Root": (None, (0, 0, 0), (0, 1, 0), 0)} | BODY | legs(top)
    bones["Hips"] = ("Root", *BODY["Hips"][1:])
    found, _ = tree_of(bones)
    assert found["FootL"] == "ShinL" and found["FootR"] == "ShinR" and found["Hips"] is None
    assert "Root" not in found


def test_skin_decides_where_tails_say_nothing():
    """Imported bones with meaningless tails, the leg folded so that the knee is far from the foot."""
    bones = {"Root": (None, (0, 0, 0), (0, 9, 0), 0)} | BODY | legs("Root")
    bones["Hips"] = ("Root", *BODY["Hips"][1:])
    for side, x in (("L", 0.2), ("R", -0.2)):
        bones[f"Shin{side}"] = (f"Thigh{side}", (x, 0, 0.5), (x, 9, 0.5), 8)
        bones[f"Foot{side}"] = ("Root", (x, 0, 0.9), (x, 9, 0.9), 5)
    nearest, _ = tree_of(bones)
    assert nearest["FootL"] == "ThighL"
    by_skin, _ = tree_of(bones, {("FootL", "ShinL"): 0.5, ("FootR", "ShinR"): 0.5})
    assert by_skin["FootL"] == "ShinL" and by_skin["FootR"] == "ShinR"


def test_weightless_hips_with_thighs_beside_the_spine_are_the_root():
    bones = BODY | legs(None)
    bones = {n: (f"Shin{n[-1]}" if n.startswith("Foot") else b[0], *b[1:]) for n, b in bones.items()}
    bones["Hips"] = (None, (0, 0, 1), (0, 0, 1.2), 0)
    bones["Chest"] = ("Hips", (0, 0, 1.05), (0, 0, 1.8), 200)
    found, _ = tree_of(bones)
    assert found["Hips"] is None and found["ThighL"] == "Hips"


def test_bones_that_carry_nothing_are_dropped_and_their_skin_handed_on():
    bones = BODY | {
        "Finger": ("Chest", (0.5, 0, 1.5), (0.6, 0, 1.5), 0.01),
        "Pole": (None, (0, -2, 0.5), (0, -3, 0.5), 0),
        "Speck": (None, (0, 0, 1.25), (0, 0, 1.3), 0.01),
    }
    found, skin = tree_of(bones)
    assert set(found) == {"Hips", "Chest"}
    assert skin["Finger"] == "Chest" and skin["Speck"] == "Chest"


def test_weightless_bones_inside_a_chain_stay():
    bones = BODY | {
        "Twist": ("Chest", (0.2, 0, 1.7), (0.3, 0, 1.7), 0),
        "Arm": ("Twist", (0.3, 0, 1.7), (0.8, 0, 1.7), 10),
    }
    found, _ = tree_of(bones)
    assert found["Arm"] == "Twist" and found["Twist"] == "Chest"


def test_a_large_loose_part_hangs_on_the_root():
    bones = BODY | {"Shell": (None, (0.1, 0, 1.7), (0.1, 0, 2.0), 30)}
    found, _ = tree_of(bones)
    assert found["Shell"] == "Hips"


def test_bones_at_each_others_tails_make_no_ring():
    bones = BODY | {
        "A": (None, (1, 0, 0), (2, 0, 0), 1),
        "B": (None, (2, 0, 0), (1, 0, 0), 1),
    }
    found, _ = tree_of(bones)
    assert found["A"] == "Hips" or found["B"] == "Hips"


def test_no_weight_at_all_is_an_error():
    with pytest.raises(ValueError, match="no bone carries"):
        tree_of({"Only": (None, (0, 0, 0), (0, 0, 1), 0)})
