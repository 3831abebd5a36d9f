# SPDX-License-Identifier: GPL-3.0-or-later
"""The fit on a filmed dog whose truth is known: where it faces, how the camera looks, where its legs are."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mocapanything_addon.fit.confidence import joint_confidence
from mocapanything_addon.fit.cues import travel
from mocapanything_addon.fit.elevation import find_elevation, looking_down
from mocapanything_addon.fit.fit import prepare
from mocapanything_addon.fit.frame_fit import fit_frame, look_at
from mocapanything_addon.fit.hypothesis import Hypothesis
from mocapanything_addon.fit.lost_limbs import limb_chains
from mocapanything_addon.fit.problem import Problem
from mocapanything_addon.fit.residual import joint_residual
from mocapanything_addon.fit.sight import overlap_at
from mocapanything_addon.fit.start import search_start
from mocapanything_addon.fit.track import Track, track
from mocapanything_addon.fit.whole_clip import fit_whole_clip
from mocapanything_addon.ik.kinematics import State, forward
from mocapanything_addon.ik.motion import Motion
from mocapanything_addon.ik.rotations import angle_between, matrix_from_quaternion
from mocapanything_addon.jobs.settings import CaptureSettings, Quality
from mocapanything_addon.worker.subject.clip import make_clip
from samples.cast import SAMPLES
from samples.footage import Truth

CONTENT = Path(__file__).parents[2] / "samples" / "content"
FRAMES = 20


def silent(stage: str, done: int, total: int) -> None:
    assert stage
    assert 0 <= done <= total


@dataclass(frozen=True, eq=False)
class Scene:
    """A dog, filmed, with its true outlines; and what the fit makes of it."""

    truth: Truth
    problem: Problem
    ranked: list[Hypothesis]
    tracked: Track

    def root_error_degrees(self, rotation: np.ndarray, frame: int) -> float:
        """Of the body's turn as the camera sees it, so that nobody's world matters."""
        true = self.truth.camera_rotation @ matrix_from_quaternion(self.truth.global_rotations[frame, 0])
        return float(np.degrees(angle_between(self.problem.camera.rotation @ rotation, true)))

    @property
    def true_motion(self) -> Motion:
        """In the problem's world, where the camera is level and elsewhere."""
        turn = self.problem.camera.rotation.T @ self.truth.camera_rotation
        turned = turn @ matrix_from_quaternion(self.truth.global_rotations[:FRAMES])
        names = list(zip(self.truth.joint_names, self.truth.is_tail, strict=True))
        rig = self.problem.body.rig
        order = [names.index(key) for key in zip(rig.joint_names, rig.is_tail, strict=True)]
        turned = turned[:, order]
        local = np.swapaxes(turned[:, rig.parents], -1, -2) @ turned
        local[:, 0] = turned[:, 0]
        there = (
            self.truth.positions[:FRAMES, 0] @ self.truth.camera_rotation.T + self.truth.camera_translation
        )
        camera = self.problem.camera
        place = (there - camera.translation) @ camera.rotation
        return Motion(place - rig.rest_positions[0], local)


@pytest.fixture(scope="module")
def dog(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    folder = tmp_path_factory.mktemp("dog")
    truth = Truth.load(CONTENT / "quadruped.npz")
    (folder / "masks").mkdir()
    for t, mask in enumerate(truth.silhouettes()[:FRAMES]):
        cv2.imwrite(str(folder / "masks" / f"{t:04d}.png"), mask.astype(np.uint8) * 255)
    chosen = CaptureSettings(mask=str(folder / "masks"), end_seconds=(FRAMES - 0.5) / 24.0, fov_degrees=40.0)
    clip = make_clip(CONTENT / "quadruped.mp4", chosen, folder, silent).clip
    assert clip.frame_count == FRAMES
    rig = next(sample for sample in SAMPLES if sample.name == "quadruped").creature().rig
    problem = prepare(rig, clip, fov_degrees=40.0)
    ranked = search_start(problem, Quality.FAST, silent)
    return Scene(truth, problem, ranked, track(problem, ranked[0], silent))


def test_start_faces_the_right_way(dog: Scene) -> None:
    best = dog.ranked[0]
    assert dog.root_error_degrees(best.pose.local_rotations[0, 0], best.frame) < 25.0
    assert best.overlap > 0.85


def test_travel_is_the_way_the_dog_went(dog: Scene) -> None:
    way = dog.truth.camera_rotation @ (dog.truth.positions[FRAMES - 1, 0] - dog.truth.positions[0, 0])
    found = travel(dog.problem)
    # The camera looks down a little; only the ground plan is asked for.
    cosine = way[[0, 2]] @ found[[0, 2]] / np.linalg.norm(way[[0, 2]]) / np.linalg.norm(found[[0, 2]])
    assert cosine > np.cos(np.radians(20.0))


def test_tracking_covers_the_dog(dog: Scene) -> None:
    assert dog.tracked.overlap.mean() > 0.85
    assert np.isfinite(dog.tracked.motion.local_rotations).all()


def test_tracks_that_meet_go_on_as_one(dog: Scene) -> None:
    start = dog.ranked[0]
    frame = start.frame + (1 if start.frame < FRAMES // 2 else -1)
    beside = replace(start, frame=frame, pose=dog.tracked.motion[frame : frame + 1])
    together = track(dog.problem, beside, silent, others=[(start, dog.tracked)]).motion
    apart = track(dog.problem, beside, silent).motion
    for end in (0, -1):
        found = dog.tracked.motion.local_rotations[end]
        assert np.array_equal(together.local_rotations[end], found)
        assert not np.array_equal(apart.local_rotations[end], found)


def test_camera_is_found_to_look_down(dog: Scene) -> None:
    true = float(np.degrees(-np.arcsin(dog.truth.camera_rotation[2] @ [0.0, 0.0, 1.0])))
    assert true == pytest.approx(8.0, abs=0.1)
    assert np.degrees(find_elevation(dog.problem, dog.tracked.motion)) == pytest.approx(true, abs=5.0)


@settings(max_examples=10, deadline=None)
@given(angle=st.floats(-1.0, 1.0))
def test_looking_down_leaves_the_image_as_it_is(dog: Scene, angle: float) -> None:
    skeleton = dog.problem.body.skeleton
    before = dog.problem.camera.project(forward(skeleton, dog.tracked.motion).positions)
    problem, motion = looking_down(dog.problem, dog.tracked.motion, angle)
    np.testing.assert_allclose(problem.camera.project(forward(skeleton, motion).positions), before, atol=1e-6)


def test_a_lost_leg_is_found_again(dog: Scene) -> None:
    """A leg laid upon its neighbour, the rest true: outlines alone would leave it there."""
    skeleton, frame = dog.problem.body.skeleton, 6
    true = dog.true_motion[frame : frame + 1]
    names = dog.problem.body.rig.joint_names
    legs = [c for c in limb_chains(dog.problem.body) if "thigh" in names[c[0]] or "shoulder" in names[c[0]]]
    assert len(legs) == 4
    places = dog.problem.camera.project(forward(skeleton, true).positions)[0]
    # The pair whose feet are farthest apart in the image: one takes the pose of the other.
    apart = {
        (i, j): np.linalg.norm(places[legs[i][-1]] - places[legs[j][-1]])
        for i in range(4)
        for j in range(4)
        if i != j and names[legs[i][0]][:-1] == names[legs[j][0]][:-1]
    }
    lost, other = max(apart, key=lambda pair: apart[pair])
    collapsed = Motion(true.root_translation.copy(), true.local_rotations.copy())
    partner = dog.problem.body.symmetry
    assert partner is not None
    collapsed.local_rotations[:, legs[lost]] = partner.mirror_rotations(true.local_rotations)[:, legs[lost]]
    seen = look_at(dog.problem, collapsed, frame)
    assert seen.lost is not None
    feet = [legs[lost][-1], legs[other][-1]]

    def distance(motion: Motion) -> float:
        """From the bare foot in the image to the nearer of the two: which of them goes there is open."""
        at = dog.problem.camera.project(forward(skeleton, motion).positions)[0, feet]
        return float(np.linalg.norm(at - places[feet[0]], axis=1).min())

    # Which points are drawn decides: not every drawing brings the leg back in so few steps.
    drawings = [replace(dog.problem, rng=np.random.default_rng(seed)) for seed in range(6)]
    found = [fit_frame(problem, collapsed, frame, steps=12) for problem in drawings]
    back = [motion for motion in found if distance(motion) < 0.5 * distance(collapsed)]
    assert len(back) >= 4
    overlaps = [look_at(dog.problem, motion, frame).overlap for motion in back]
    assert np.median(overlaps) > seen.overlap + 0.02


def test_nothing_is_lost_where_the_pose_is_true(dog: Scene) -> None:
    for frame in (0, 8, 16):
        assert look_at(dog.problem, dog.true_motion[frame : frame + 1], frame).lost is None


def test_whole_clip_is_smoother_and_fits_as_well(dog: Scene) -> None:
    solved = fit_whole_clip(dog.problem, dog.tracked.motion, silent, rounds=3)
    assert solved.overlap.mean() > dog.tracked.overlap.mean() - 0.02

    def jerk(motion: Motion) -> float:
        positions = forward(dog.problem.body.skeleton, motion).positions
        return float(np.linalg.norm(np.diff(positions, n=3, axis=0), axis=-1).mean())

    assert jerk(solved.motion) < jerk(dog.tracked.motion)


def test_confidence_is_higher_where_the_dog_is_seen(dog: Scene) -> None:
    moved = Motion(
        dog.true_motion.root_translation + np.array([0.4, 0.0, 0.0]), dog.true_motion.local_rotations
    )
    sure, unsure = (
        joint_confidence(dog.problem, motion, overlap(dog.problem, motion), silent)
        for motion in (dog.true_motion, moved)
    )
    assert sure.shape == (FRAMES, dog.problem.body.skeleton.joint_count)
    assert ((sure >= 0) & (sure <= 1)).all()
    assert unsure.mean() < 0.6 * sure.mean()
    right, wrong = (joint_residual(dog.problem, motion, silent) for motion in (dog.true_motion, moved))
    assert wrong.mean() > 2.0 * right.mean()


def overlap(problem: Problem, motion: Motion) -> np.ndarray:
    return np.array([look_at(problem, motion[t : t + 1], t).overlap for t in range(FRAMES)])


def test_the_overlap_alone_is_that_of_a_whole_look(dog: Scene) -> None:
    state = State(dog.problem.body.skeleton, dog.true_motion)
    alone = [overlap_at(dog.problem, dog.problem.body.skin.at(state, t), t) for t in range(FRAMES)]
    np.testing.assert_allclose(alone, overlap(dog.problem, dog.true_motion))


def test_the_same_seed_gives_the_same_track(dog: Scene) -> None:
    again = prepare(dog.problem.body.rig, dog.problem.frames.clip, fov_degrees=40.0)
    ranked = search_start(again, Quality.FAST, silent)
    first, second = ranked[0].pose.local_rotations, dog.ranked[0].pose.local_rotations
    np.testing.assert_allclose(first, second, atol=1e-9)
