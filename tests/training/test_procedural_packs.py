# SPDX-License-Identifier: GPL-3.0-or-later
"""Packs of procedural creatures: good characters, only for training, and half of what is seen there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tube_character import tube_pack

from mocapanything_addon.ik.kinematics import forward
from mocapanything_addon.ik.skeleton import Skeleton
from samples.creatures.creature import Creature, build_creature
from samples.creatures.families import biped, bird, quadruped
from samples.creatures.plan import Kind
from samples.motions.repertoire import random_clip
from training import creatures
from training.character import Character
from training.creatures import clip_of, creature_pack, make_creatures
from training.data import FEWEST_JOINTS, MOST_JOINTS, load_characters
from training.motion import forward_kinematics
from training.pack import FRAME_RATE, Pack, pack_names
from training.pruning import FEWEST, pruned, random_pruning
from training.rest_poses import random_rest_pose, with_rest_pose
from training.split import SIDES, load_split, side_of
from training.windows import NEVER_ON_GROUND, PROCEDURAL_SHARE, WindowMaker, character_weights

NUMBERS = range(5)


@pytest.fixture(scope="module")
def packs() -> list[Pack]:
    return [creature_pack(number) for number in NUMBERS]


@pytest.fixture(scope="module")
def dog() -> Creature:
    return build_creature(quadruped.quadruped(), vertex_count=700)


def test_every_pack_is_a_character_with_clips(packs):
    for pack in packs:
        assert FEWEST_JOINTS <= len(pack.parents) <= MOST_JOINTS
        assert pack.parents[0] == -1
        assert (pack.parents[1:] < np.arange(1, len(pack.parents))).all()
        assert not pack.is_tail[pack.skin_joints[pack.skin_weights > 0]].any()
        assert np.allclose(pack.skin_weights.sum(1), 1.0, atol=1e-5)
        assert 300 < len(pack.vertices) < 1000
        assert 3 <= len(pack.clips) <= 5
        for clip in pack.clips:
            assert 1.0 <= (len(clip.rotations) - 1) / FRAME_RATE <= 3.0
            assert np.allclose(clip.rotations[:, pack.is_tail], np.eye(3))
        character = Character.from_pack(pack)
        assert np.ptp(character.rest, axis=0).max() == pytest.approx(1.0)
        local, root = (values.astype(float) for values in character.clips[0])
        posed = character.posed_vertices(*character.pose(local, root))
        # The skin stays on the bones.
        assert np.ptp(posed, axis=1).max() < 3.0


def test_same_number_same_pack_and_another_seed_another(packs):
    again = creature_pack(NUMBERS[0])
    assert again.name == packs[0].name
    assert np.array_equal(again.vertices, packs[0].vertices)
    assert np.array_equal(again.clips[-1].rotations, packs[0].clips[-1].rotations)
    other = creature_pack(NUMBERS[0], seed=1)
    assert other.rest_positions.shape != again.rest_positions.shape or not np.allclose(
        other.rest_positions, again.rest_positions
    )


@pytest.mark.parametrize("whole", [True, False])
def test_joints_of_a_pack_move_as_the_creature_does(dog, whole):
    rng = np.random.default_rng(4)
    kept = np.ones(len(dog.anatomy.names), bool) if whole else random_pruning(dog, rng)
    assert kept.all() == whole
    rig, bones = pruned(dog, kept)
    made = random_clip(dog, np.arange(9) / FRAME_RATE, rng, name="walk")
    truth = forward(Skeleton.from_rig(dog.rig), made.motion)
    clip = clip_of(dog, made, bones, rig.is_tail)
    local, root = clip.rotations.astype(float), clip.root_positions.astype(float)
    places = forward_kinematics(rig.parents, rig.offsets, local, root)[1]
    # Bone b is joint b of the whole creature. Where a limb was cut off, its tail moves with the last bone.
    lengths = (dog.anatomy.tails - dog.anatomy.heads)[bones]
    tails = truth.positions[:, bones] + np.einsum("tjab,jb->tja", truth.global_rotations[:, bones], lengths)
    expected = np.where(rig.is_tail[:, None], tails, truth.positions[:, bones])
    assert np.allclose(places, expected, atol=1e-5 * dog.rig.size)


def test_another_rest_pose_changes_rotations_but_not_the_motion(dog):
    rng = np.random.default_rng(6)
    rig, bones = pruned(dog, random_pruning(dog, rng))
    clip = clip_of(dog, random_clip(dog, np.arange(9) / FRAME_RATE, rng, name="walk"), bones, rig.is_tail)
    pack = Pack.from_rig(rig, "dog", "dog", (clip,))
    rest = random_rest_pose(dog, rng)[bones]
    rest[rig.is_tail] = np.eye(3)
    other = with_rest_pose(pack, rest)
    assert not np.allclose(other.rest_positions, pack.rest_positions, atol=0.02)
    assert not np.allclose(other.clips[0].rotations, clip.rotations, atol=0.05)

    def places(of: Pack) -> np.ndarray:
        offsets = of.rest_positions - of.rest_positions[np.maximum(of.parents, 0)]
        local, root = of.clips[0].rotations.astype(float), of.clips[0].root_positions.astype(float)
        return forward_kinematics(of.parents, offsets, local, root)[1]

    assert np.allclose(places(other), places(pack), atol=1e-5 * dog.rig.size)
    # Left and right still mirror each other.
    before, after = Character.from_pack(pack), Character.from_pack(other)
    assert (before.twins != np.arange(before.joint_count)).sum() > 4
    assert np.allclose(after.rest[after.twins] * [-1.0, 1.0, 1.0], after.rest, atol=1e-6)


def test_rest_poses_spread_the_legs():
    man = build_creature(biped.biped(), vertex_count=300)
    first = man.legs[0].bones[0]
    assert man.legs[0].side == 1
    down = np.array([0.0, 0.0, -1.0])
    for seed in range(10):
        turned = random_rest_pose(man, np.random.default_rng(seed))[first] @ down
        assert turned[0] > -0.15  # not inwards, but for what the two other axes add


def test_pruned_limbs_are_alike_left_and_right_and_still_move(dog):
    counts = set()
    for seed in range(12):
        kept = random_pruning(dog, np.random.default_rng(seed))
        counts.add(int(kept.sum()))
        assert kept[dog.anatomy.parents[kept & (dog.anatomy.parents >= 0)]].all()
        by_part: dict[int, set[int]] = {}
        for limb in dog.anatomy.limbs:
            remaining = int(kept[list(limb.bones)].sum())
            by_part.setdefault(limb.part, set()).add(remaining)
            if limb.kind in (Kind.TRUNK, Kind.NECK, Kind.HEAD):
                assert remaining == len(limb.bones)
            assert remaining >= min(FEWEST.get(limb.kind, 0), len(limb.bones))
        assert all(len(lengths) == 1 for lengths in by_part.values())
    assert len(counts) > 4


def test_the_skin_of_a_bone_that_went_moves_with_the_one_above(dog):
    toe = dog.legs[0].bones[-1]
    kept = np.ones(len(dog.anatomy.names), bool)
    kept[toe] = False
    rig, bones = pruned(dog, kept)
    above = int(np.flatnonzero((bones == dog.anatomy.parents[toe]) & ~rig.is_tail)[0])

    def share(which, skinned):
        return float((skinned.skin_weights * (skinned.skin_joints == which)).sum())

    assert share(above, rig) == pytest.approx(
        share(toe, dog.rig) + share(int(dog.anatomy.parents[toe]), dog.rig), rel=1e-5
    )
    assert np.allclose(rig.skin_weights.sum(1), 1.0, atol=1e-5)


def test_contacts_are_labelled_only_where_all_clips_are_on_the_ground():
    made = build_creature(bird.bird(), vertex_count=300)
    seen = set()
    for seed in range(20):
        family, names = creatures._random_motions(made, np.random.default_rng(seed))
        seen.add(family)
        aloft = any(word in family for word in NEVER_ON_GROUND)
        assert {name in ("fly", "swim") for name in names} == {aloft}
    assert seen == {"procedural", "procedural-flyer"}


def test_procedural_creatures_only_train(packs):
    assert {side_of(pack.family) for pack in packs} == {"train"}
    assert side_of("procedural-swimmer") == "train"
    assert side_of("procedurally") is None
    split = load_split()
    assert not any(family.startswith("procedural") for side in SIDES for family in split[side])


def test_half_of_the_windows_are_procedural(packs):
    tubes = Character.from_pack(tube_pack())
    artists = [replace(tubes, family=family) for family in ("a", "a", "a", "b")]
    procedural = [Character.from_pack(pack) for pack in packs]
    weights = character_weights([*artists, *procedural])
    assert weights.sum() == pytest.approx(1.0)
    assert weights[len(artists) :].sum() == pytest.approx(PROCEDURAL_SHARE)
    assert np.ptp(weights[len(artists) :]) < 1e-12
    # Among themselves the artists' rigs count as they do without the others.
    assert weights[: len(artists)] == pytest.approx((1.0 - PROCEDURAL_SHARE) * character_weights(artists))
    assert character_weights(procedural).sum() == pytest.approx(1.0)


def test_windows_of_procedural_creatures(packs):
    maker = WindowMaker([Character.from_pack(pack) for pack in packs], np.random.default_rng(2))
    for window in [window for _ in range(4) for window in maker.batch(3)]:
        assert all(np.isfinite(values).all() for values in vars(window).values())
        assert window.counts.any()


def test_a_second_run_makes_only_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    made: list[int] = []

    def tubes(number: int, seed: int) -> Pack:
        made.append(number)
        return replace(tube_pack(), name=f"procedural-biped-{number:05d}", family="procedural")

    monkeypatch.setattr(creatures, "creature_pack", tubes)
    make_creatures(2, tmp_path)
    make_creatures(3, tmp_path)
    assert made == [0, 1, 2]
    assert pack_names(tmp_path) == [f"procedural-biped-{number:05d}" for number in range(3)]
    assert not list(tmp_path.glob("*.part.npz"))
    assert len(load_characters(tmp_path, "train", need_clips=True)) == 3
