# SPDX-License-Identifier: GPL-3.0-or-later
"""The simulated fit errs where a fit errs: where the evidence says nothing."""

from __future__ import annotations

import numpy as np
import pytest
from tube_character import tube_pack

from mocapanything_addon.ik.camera import Camera
from mocapanything_addon.ik.rotations import angle_between, exp
from training import linear_fit
from training.character import Character

AXES = np.array([[0, 1.0, 0], [0, 0, -1.0], [-1.0, 0, 0]])
CAMERA = Camera.from_fov(40.0, 400, 400, AXES, np.array([0.0, 0.4, 3.0]))


@pytest.fixture(scope="module")
def character() -> Character:
    return Character.from_pack(tube_pack())


def motion(character: Character, frames: int = 6, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    bends = rng.normal(size=(1, character.joint_count, 3)) * 0.2
    bends = bends + 0.1 * np.sin(np.linspace(0.0, 3.0, frames))[:, None, None]
    bends[:, character.is_tail] = 0.0
    return exp(bends), rng.normal(size=(frames, 3)) * 0.01


def off(character: Character, guess: np.ndarray, local: np.ndarray) -> float:
    use = ~character.is_tail & (np.arange(character.joint_count) > 0)
    return float(np.degrees(angle_between(guess, local))[:, use].mean())


def test_lines_say_how_the_picture_changes(character):
    local, root = motion(character, frames=1)
    rotations, positions = character.pose(local, root)
    lines, _, _ = linear_fit._evidence(character, rotations, positions, CAMERA, np.random.default_rng(3))
    chosen = np.random.default_rng(3).choice(
        len(character.vertices), min(linear_fit.POINTS, len(character.vertices)), replace=False
    )
    before = character.posed_vertices(rotations, positions)[0, chosen]
    depth = CAMERA.to_camera(before)[:, 2:]
    for joint, axis in ((0, 0), (1, 1), (3, 2)):
        turned = local.copy()
        turned[0, joint] = local[0, joint] @ exp(np.eye(3)[axis] * 1e-4)
        after = character.posed_vertices(*character.pose(turned, root))[0, chosen]
        moved = (CAMERA.project(after) - CAMERA.project(before)) * depth / CAMERA.focal / 1e-4
        told = lines[0, len(chosen) :, 3 * joint + axis].reshape(-1, 2)
        assert np.abs(moved).max() > 0.05
        assert np.allclose(told, moved, atol=1e-3)


def test_firm_evidence_gives_the_truth(character, monkeypatch):
    monkeypatch.setattr(linear_fit, "POINTS", 200)
    for sigma in ("OUTLINE_SIGMA", "INSIDE_SIGMA", "MOTION_SIGMA"):
        monkeypatch.setattr(linear_fit, sigma, 1e-6)
    local, root = motion(character)
    guess, place = linear_fit.linear_fit(character, local, root, CAMERA, np.random.default_rng(0))
    assert off(character, guess, local) < 0.5
    assert np.abs(place - root).max() < 0.01


def test_without_evidence_the_expected_pose_comes_out(character, monkeypatch):
    for sigma in ("OUTLINE_SIGMA", "INSIDE_SIGMA", "MOTION_SIGMA"):
        monkeypatch.setattr(linear_fit, sigma, 1e6)
    monkeypatch.setattr(linear_fit, "_away", lambda c, local, rng: rest_away(c, local))
    local, root = motion(character)
    guess, _ = linear_fit.linear_fit(character, local, root, CAMERA, np.random.default_rng(0))
    assert np.allclose(guess[:, 1:], np.eye(3), atol=1e-3)
    assert np.allclose(guess[:, 0], local[:, 0], atol=1e-3)  # the root is expected where it is


def rest_away(character: Character, local: np.ndarray) -> np.ndarray:
    from mocapanything_addon.ik.rotations import log

    away = log(local)
    away[:, 0] = 0.0
    return np.concatenate([away.reshape(len(local), -1), np.zeros((len(local), 3))], 1)
