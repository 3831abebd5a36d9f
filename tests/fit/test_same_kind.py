# SPDX-License-Identifier: GPL-3.0-or-later
"""Kinds of bodies are told by silhouettes, and like ones from unlike ones."""

from __future__ import annotations

import numpy as np
import pytest

from mocapanything_addon.fit.body_kinds import KINDS, WEIGHTS, kind_probabilities
from mocapanything_addon.fit.fit import prepare
from mocapanything_addon.fit.outlines import SIDE
from mocapanything_addon.fit.same_kind import apart, kinds_apart, rig_kinds, subject_kinds
from mocapanything_addon.ik.camera import Camera
from mocapanything_addon.ik.motion import Motion
from mocapanything_addon.jobs.rig import Rig
from samples.creatures.creature import build_creature
from samples.creatures.families.biped import biped
from samples.creatures.families.quadruped import quadruped
from samples.creatures.families.snake import snake
from samples.creatures.plan import BodyPlan
from samples.render import frame_points
from tests.fit.filmed_tubes import film

KIND_OF = {"snake": "snake", "biped": "two legs", "quadruped": "four legs"}


def built(plan: BodyPlan) -> Rig:
    return build_creature(plan, vertex_count=800).rig


@pytest.fixture(scope="module")
def rigs() -> dict[str, Rig]:
    return {"snake": built(snake()), "biped": built(biped()), "quadruped": built(quadruped())}


def seen_from_the_side(rig: Rig) -> Camera:
    return frame_points(
        rig.vertices.astype(float), azimuth=70.0, elevation=8.0, fov=40.0, width=320, height=240, fill=0.8
    )


def test_probabilities_sum_to_one() -> None:
    masks = (np.random.default_rng(0).random((5, SIDE * SIDE)) > 0.5).astype(np.float32)
    found = kind_probabilities(masks)
    assert found.shape == (5, len(KINDS))
    assert found.sum(axis=1) == pytest.approx(1.0, abs=1e-5)
    assert (found >= 0.0).all()


def test_the_weights_are_small() -> None:
    assert WEIGHTS.stat().st_size < 150_000


def test_distributions_are_compared() -> None:
    same = np.array([0.7, 0.2, 0.1])
    other = np.array([0.1, 0.2, 0.7])
    assert apart(same, same) == pytest.approx(0.0, abs=1e-9)
    assert apart(same, other) == pytest.approx(apart(other, same))
    assert apart(same, other) > 0.1
    assert np.isfinite(apart(np.array([1.0, 0.0]), np.array([0.0, 1.0])))


def test_a_rig_shows_its_kind_from_all_round(rigs: dict[str, Rig]) -> None:
    for name, rig in rigs.items():
        camera = seen_from_the_side(rig)
        clip = film(rig, Motion.rest(rig.joint_count, 2), camera)
        shown = rig_kinds(prepare(rig, clip))
        assert KINDS[int(shown.argmax())] == KIND_OF[name]


def test_the_own_rig_is_nearest(rigs: dict[str, Rig]) -> None:
    """Every subject is nearer to its own rig than to the two others, in its masks alone."""
    for name, subject in rigs.items():
        clip = film(subject, Motion.rest(subject.joint_count, 2), seen_from_the_side(subject))
        away = {other: kinds_apart(prepare(rig, clip), [0, 1]) for other, rig in rigs.items()}
        assert min(away, key=lambda other: away[other]) == name
        shown = subject_kinds(prepare(subject, clip), [0, 1])
        assert KINDS[int(shown.argmax())] == KIND_OF[name]
