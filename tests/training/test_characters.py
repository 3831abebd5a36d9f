# SPDX-License-Identifier: GPL-3.0-or-later
"""Packs, characters and their variants, poses."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tube_character import tube_pack

from mocapanything_addon.ik.rotations import exp
from training.character import MIRROR, Character, about_up
from training.pack import Pack, pack_names
from training.poses import estimated_pose, random_pose, sample_pose


@pytest.fixture(scope="module")
def character() -> Character:
    return Character.from_pack(tube_pack())


def test_packs_come_back_as_they_were_saved(tmp_path):
    pack = tube_pack()
    pack.save(tmp_path)
    assert pack_names(tmp_path) == ["tubes"]
    again = Pack.load(tmp_path, "tubes")
    assert again.family == "tubes"
    assert np.array_equal(again.vertices, pack.vertices)
    assert np.array_equal(again.clips[0].rotations, pack.clips[0].rotations)


def test_normalised_space_does_not_depend_on_the_armature(character):
    pack = tube_pack()
    turn, scale = np.array([[1.0, 0, 0], [0, 0, 1.0], [0, -1.0, 0]]), 100.0
    clip = pack.clips[0]
    moved = replace(
        pack,
        rest_positions=scale * pack.rest_positions @ turn.T + 3.0,
        vertices=(scale * pack.vertices @ turn.T + 3.0).astype(np.float32),
        up=turn @ pack.up,
        clips=(replace(clip, rotations=(turn @ clip.rotations @ turn.T).astype(np.float32)),),
    )
    other = Character.from_pack(moved)
    assert np.allclose(other.rest, character.rest, atol=1e-6)
    assert np.allclose(other.vertices, character.vertices, atol=1e-5)
    assert np.allclose(other.clips[0][0], character.clips[0][0], atol=1e-5)
    assert np.ptp(character.rest, axis=0).max() == pytest.approx(1.0)


@pytest.mark.parametrize("frame", [MIRROR, about_up(1.1), about_up(-0.4) @ MIRROR])
def test_a_clip_looks_the_same_in_a_mirrored_or_turned_frame(character, frame):
    other = replace(
        character, rest=character.rest @ frame.T, vertices=character.vertices @ frame.T, frame=frame
    )
    local = character.clips[0][0][7].astype(float)
    plain = character.posed_vertices(*character.pose(local))
    turned = other.posed_vertices(*other.pose(other.in_frame(local)))
    assert np.allclose(turned, plain @ frame.T, atol=1e-6)


def test_variants_keep_the_unit_and_change_shape(character):
    rng = np.random.default_rng(3)
    shapes = [character.varied(rng) for _ in range(20)]
    for shape in shapes:
        assert np.ptp(shape.rest, axis=0).max() == pytest.approx(1.0)
        assert np.allclose(shape.rest[0], 0.0)
        assert np.allclose(shape.frame @ shape.frame.T, np.eye(3))
    lengths = np.array([np.linalg.norm(s.offsets[4]) / np.linalg.norm(s.offsets[1]) for s in shapes])
    assert lengths.std() > 0.02
    assert {np.sign(np.linalg.det(s.frame)) for s in shapes} == {-1.0, 1.0}


def test_twins_and_limbs_are_found(character):
    left, right = 3, 9
    assert character.twins[left] == right
    assert character.twins[0] == 0
    assert len(character.limbs) == 4
    assert all(len(chain) == 3 for chain in character.limbs)


def test_exchanging_limbs_twice_changes_nothing(character):
    local = exp(np.random.default_rng(0).normal(size=(5, character.joint_count, 3)) * 0.3)
    once = character.exchanged(local)
    assert not np.allclose(once[:, 3], local[:, 3])
    assert np.allclose(character.exchanged(once), local)
    assert np.allclose(once[:, 3], MIRROR @ local[:, 9] @ MIRROR)


@pytest.mark.parametrize("make", [random_pose, sample_pose])
def test_poses_are_rotations_and_vary(character, make):
    rng = np.random.default_rng(1)
    poses = np.stack([make(character, rng) for _ in range(20)])
    assert np.allclose(poses @ np.swapaxes(poses, -1, -2), np.eye(3), atol=1e-5)
    assert np.allclose(np.linalg.det(poses), 1.0, atol=1e-5)
    assert poses[:, 3].std(0).max() > 0.05


def test_an_estimate_keeps_the_root(character):
    rng = np.random.default_rng(2)
    truth = sample_pose(character, rng)
    for _ in range(12):
        estimate = estimated_pose(character, truth, rng)
        assert np.allclose(estimate[0], truth[0])
        assert np.allclose(np.linalg.det(estimate), 1.0, atol=1e-5)
