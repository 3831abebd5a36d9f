# SPDX-License-Identifier: GPL-3.0-or-later
"""Every term: its gradient is the derivative of its cost, its curvature is symmetric and never negative."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pytest
from skeletons import random_motion, random_rotations, random_skeleton, random_skin

from mocapanything_addon.ik import rotations
from mocapanything_addon.ik.camera import Camera
from mocapanything_addon.ik.carried_points import CarriedPoints
from mocapanything_addon.ik.kinematics import State
from mocapanything_addon.ik.linear.normal_equations import NormalEquations
from mocapanything_addon.ik.parameters import apply_step, step_bounds
from mocapanything_addon.ik.robust import GemanMcClure, HeavyTail, Huber, Loss, Squared
from mocapanything_addon.ik.skeleton import Skeleton
from mocapanything_addon.ik.skinning import Skin
from mocapanything_addon.ik.solve import Term
from mocapanything_addon.ik.target import Pin
from mocapanything_addon.ik.terms.bone_directions import BoneDirections
from mocapanything_addon.ik.terms.contacts import Contact, Contacts
from mocapanything_addon.ik.terms.ground import AboveGround, Ground
from mocapanything_addon.ik.terms.joint_positions import JointPositions
from mocapanything_addon.ik.terms.joint_projections import JointProjections
from mocapanything_addon.ik.terms.pins import Pins
from mocapanything_addon.ik.terms.precision import joint_precision
from mocapanything_addon.ik.terms.root_acceleration import RootAcceleration
from mocapanything_addon.ik.terms.rotation_acceleration import RotationAcceleration
from mocapanything_addon.ik.terms.rotation_prior import RotationPrior
from mocapanything_addon.ik.terms.rotation_velocity import RotationVelocity
from mocapanything_addon.ik.terms.rotation_wall import RotationWall
from mocapanything_addon.ik.terms.surface_displacements import SurfaceDisplacements
from mocapanything_addon.ik.terms.surface_projections import SurfaceProjections
from mocapanything_addon.ik.terms.surface_samples import SurfaceSamples
from mocapanything_addon.ik.terms.tracked_points import TrackedDepths, TrackedPositions, TrackedProjections
from mocapanything_addon.ik.terms.twist import Twist
from mocapanything_addon.ik.terms.upright import Upright

FRAMES, JOINTS, SAMPLES, VERTICES = 5, 9, 30, 60
TIMES = np.array([0.0, 0.04, 0.09, 0.12, 0.2])
CAMERA = Camera.from_fov(
    50.0, 640, 480, np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]]), np.array([0.0, 0.0, 4.0])
)


class Scene(NamedTuple):
    skeleton: Skeleton
    skin: Skin
    samples: SurfaceSamples
    rng: np.random.Generator


def scene() -> Scene:
    skeleton = random_skeleton(11, JOINTS, limited=0.3)
    skin = random_skin(skeleton, 11)
    rng = np.random.default_rng(11)
    frames = np.sort(rng.integers(0, FRAMES - 1, SAMPLES))
    triangles = rng.integers(0, len(skin.faces), SAMPLES)
    return Scene(skeleton, skin, SurfaceSamples(frames, triangles, rng.dirichlet([1.0] * 3, SAMPLES)), rng)


def pixels(s: Scene, count: int) -> np.ndarray:
    return s.rng.normal(size=(count, 2)) * 60.0 + [320.0, 240.0]


def normals(s: Scene) -> np.ndarray:
    directions = s.rng.normal(size=(SAMPLES, 2))
    return directions / np.linalg.norm(directions, axis=1, keepdims=True)


def widths(s: Scene, count: int) -> np.ndarray:
    return 0.5 + s.rng.random(count)


def displacements(s: Scene) -> SurfaceDisplacements:
    others = s.samples.frames + 1
    others[SAMPLES // 2 :] = np.maximum(s.samples.frames[SAMPLES // 2 :] - 1, 0)
    others[others == s.samples.frames] += 2
    return SurfaceDisplacements(
        s.skin, CAMERA, s.samples, others, s.rng.normal(size=(SAMPLES, 2)) * 20.0, s.rng.random(SAMPLES), 10.0
    )


TERMS: dict[str, Callable[[Scene], Term]] = {
    "positions": lambda s: JointPositions(
        s.rng.normal(size=(FRAMES, JOINTS, 3)), s.rng.random((FRAMES, JOINTS)), 0.3
    ),
    "projections": lambda s: JointProjections(
        CAMERA, pixels(s, FRAMES * JOINTS).reshape(FRAMES, JOINTS, 2), s.rng.random((FRAMES, JOINTS)), 20.0
    ),
    "directions": lambda s: BoneDirections(
        random_rotations(s.rng, FRAMES, JOINTS)[..., 0], s.rng.random((FRAMES, JOINTS)), 0.3, Huber(2.0)
    ),
    "ground": lambda s: AboveGround(Ground([0.0, 0.1, 0.5], [0.2, -0.3, 2.0]), 0.2),
    "prior": lambda s: RotationPrior(
        random_rotations(s.rng, FRAMES, JOINTS),
        joint_precision(s.skeleton, widths(s, JOINTS), 0.4),
        GemanMcClure(3.0),
    ),
    "prior a frame": lambda s: RotationPrior(
        random_rotations(s.rng, 1, JOINTS),
        joint_precision(s.skeleton, widths(s, FRAMES * JOINTS).reshape(FRAMES, JOINTS)),
    ),
    "prior of a whole pose": lambda s: RotationPrior(
        random_rotations(s.rng, FRAMES, JOINTS),
        joint_precision(s.skeleton, widths(s, JOINTS), 0.4),
        HeavyTail(3 * JOINTS, 2.0),
        together=True,
    ),
    "twist": lambda s: Twist(s.skeleton, 0.3),
    "wall": lambda s: RotationWall(random_rotations(s.rng, 1, JOINTS), 1.2, 0.2, s.rng.random(JOINTS) < 0.8),
    "acceleration": lambda s: RotationAcceleration(joint_precision(s.skeleton, 0.3, 0.5), TIMES),
    "acceleration with a tail": lambda s: RotationAcceleration(
        joint_precision(s.skeleton, 0.3, 0.5), TIMES, HeavyTail(3, 4.0)
    ),
    "velocity": lambda s: RotationVelocity(joint_precision(s.skeleton, 0.3, 0.5), TIMES),
    "root acceleration": lambda s: RootAcceleration(0.2, TIMES),
    "upright": lambda s: Upright(np.array([0.0, 0.0, 1.0]), 0.2),
    "contacts": lambda s: Contacts(
        [Contact(3, 0, 2, s.rng.normal(size=3)), Contact(5, 1, 4, s.rng.normal(size=3))], 0.2
    ),
    "pins": lambda s: Pins([Pin(1, 2, s.rng.normal(size=3)), Pin(3, 4, s.rng.normal(size=3))], 0, 0.2),
    "tracked positions": lambda s: TrackedPositions(
        CarriedPoints(s.skin), s.rng.normal(size=(FRAMES, VERTICES, 3)), s.rng.random((FRAMES, VERTICES)), 0.3
    ),
    "tracked pixels": lambda s: TrackedProjections(
        CarriedPoints(s.skin),
        CAMERA,
        pixels(s, FRAMES * VERTICES).reshape(FRAMES, VERTICES, 2),
        s.rng.random((FRAMES, VERTICES)),
        20.0,
        GemanMcClure(3.0),
    ),
    "tracked depths": lambda s: TrackedDepths(
        CarriedPoints(s.skin),
        CAMERA,
        4.0 + s.rng.normal(size=(FRAMES, VERTICES)),
        s.rng.random((FRAMES, VERTICES)),
        0.3,
    ),
    "surface pixels": lambda s: SurfaceProjections(
        s.skin, CAMERA, s.samples, pixels(s, SAMPLES), s.rng.random(SAMPLES), 40.0
    ),
    "outline pixels": lambda s: SurfaceProjections(
        s.skin, CAMERA, s.samples, pixels(s, SAMPLES), s.rng.random(SAMPLES), 40.0, normals(s), Huber(1.0)
    ),
    "pixels known better one way": lambda s: SurfaceProjections(
        s.skin,
        CAMERA,
        s.samples,
        pixels(s, SAMPLES),
        s.rng.random(SAMPLES),
        40.0,
        roots=s.rng.normal(size=(SAMPLES, 2, 2)),
    ),
    "flow": displacements,
    "flow known better one way": lambda s: replace(
        displacements(s), roots=s.rng.normal(size=(len(displacements(s).observed), 2, 2))
    ),
}


@pytest.mark.parametrize("name", TERMS)
def test_gradient_is_the_derivative_of_the_cost(name: str) -> None:
    s = scene()
    term = TERMS[name](s)
    # Surfaces are float32: longer differences.
    size = 1e-3 if isinstance(term, SurfaceProjections | SurfaceDisplacements) else 1e-6
    state = State(s.skeleton, random_motion(s.skeleton, 12, FRAMES, amplitude=0.4))
    system = NormalEquations(state)
    cost = term.linearise(state, system)
    assert cost == pytest.approx(term.cost(state), rel=1e-6)
    assert cost > 0.0
    bounds = step_bounds(s.skeleton, state.motion)
    assert bounds is not None
    room = np.minimum(-bounds[0], bounds[1]) > size
    slopes = np.zeros_like(system.gradient)
    for t, k in np.argwhere(room):
        step = np.zeros_like(slopes)
        step[t, k] = size
        ends = [term.cost(State(s.skeleton, apply_step(state, sign * step))) for sign in (-1.0, 1.0)]
        slopes[t, k] = (ends[1] - ends[0]) / (2.0 * size)
    scale = np.abs(system.gradient).max()
    tolerance = 2e-3 if size > 1e-5 else 1e-6
    assert np.abs((slopes - system.gradient)[room]).max() < tolerance * scale


@pytest.mark.parametrize("name", TERMS)
def test_curvature_is_symmetric_and_never_negative(name: str) -> None:
    s = scene()
    state = State(s.skeleton, random_motion(s.skeleton, 13, FRAMES, amplitude=0.4))
    size = s.skeleton.parameter_count
    system = NormalEquations(state)
    TERMS[name](s).linearise(state, system)
    columns = []
    for k in range(FRAMES * size):
        unit = np.zeros((FRAMES, size))
        unit.reshape(-1)[k] = 1.0
        columns.append(system.multiply(unit).reshape(-1))
    full = np.stack(columns)
    scale = np.abs(full).max()
    assert np.allclose(full, full.T, atol=1e-6 * scale)
    assert np.linalg.eigvalsh(0.5 * (full + full.T)).min() > -1e-6 * scale


@pytest.mark.parametrize("loss", [Squared(), Huber(1.5), GemanMcClure(1.5), HeavyTail(2, 3.0)])
def test_weights_are_the_derivative_of_the_loss(loss: Loss) -> None:
    squared = np.array([0.0, 0.5, 1.0, 2.1, 3.0, 10.0, 400.0])
    slopes = (loss.cost(squared + 1e-6) - loss.cost(np.maximum(squared - 1e-6, 0.0))) / np.where(
        squared > 0.0, 2e-6, 1e-6
    )
    assert np.allclose(slopes, loss.weight(squared), atol=1e-5)
    assert loss.cost(np.zeros(1))[0] == 0.0
    assert loss.weight(np.zeros(1))[0] == 1.0


def test_joints_behind_the_camera_say_nothing() -> None:
    skeleton = random_skeleton(1, 4)
    state = State(skeleton, random_motion(skeleton, 1, 2))
    behind = CAMERA.moved(CAMERA.rotation, np.array([0.0, 0.0, -4.0]))
    term = JointProjections(behind, np.zeros((2, 4, 2)), np.ones((2, 4)), 1.0)
    system = NormalEquations(state)
    assert term.linearise(state, system) == 0.0
    assert not system.frame_blocks().any()


def test_surface_samples_must_be_sorted() -> None:
    with pytest.raises(ValueError, match="sorted"):
        SurfaceSamples(np.array([1, 0]), np.zeros(2, int), np.ones((2, 3)))
    with pytest.raises(ValueError, match="2 frames, 3 triangles"):
        SurfaceSamples(np.array([0, 1]), np.zeros(3, int), np.ones((3, 3)))


def test_a_twist_term_leaves_swings_free() -> None:
    skeleton = random_skeleton(2, 6)
    motion = random_motion(skeleton, 2, 1, amplitude=0.0)
    swung = motion.copy()
    axis = skeleton.twist_axes[1]
    across = np.cross(axis, [1.0, 0.3, 0.2])
    swung.local_rotations[0, 1] = rotations.exp(0.7 * across / np.linalg.norm(across))
    twisted = motion.copy()
    twisted.local_rotations[0, 1] = rotations.exp(0.7 * axis)
    term = Twist(skeleton, 0.35)
    assert term.cost(State(skeleton, swung)) == pytest.approx(0.0, abs=1e-12)
    assert term.cost(State(skeleton, twisted)) == pytest.approx(2.0)


def test_bending_out_of_the_plane_of_rest_is_held_more_firmly() -> None:
    # An arm whose elbow is bent about z by 30 degrees, and a straight finger.
    bent = np.array([np.cos(np.pi / 6.0), np.sin(np.pi / 6.0), 0.0])
    places = [[0, 0, 0], [1, 0, 0], np.array([1, 0, 0]) + bent, np.array([1, 0, 0]) + 2.0 * bent]
    places.append(np.array([1, 0, 0]) + 3.0 * bent)
    arm = Skeleton(list("abcde"), np.arange(5) - 1, places, np.tile([1.0, 0.0, 0.0, 0.0], (5, 1)))
    precision = joint_precision(arm, 2.0, 0.5, hinge_factor=0.25)
    elbow, across = precision[1], np.cross([0.0, 0.0, 1.0], bent)
    assert [0.0, 0.0, 1.0] @ elbow @ [0.0, 0.0, 1.0] == pytest.approx(0.25)
    assert across @ elbow @ across == pytest.approx(0.25 * 16.0)
    assert bent @ elbow @ bent == pytest.approx(0.25 * 4.0)
    assert np.allclose(precision[[0, 2, 3, 4]], joint_precision(arm, 2.0, 0.5)[[0, 2, 3, 4]])
