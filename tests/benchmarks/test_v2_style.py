# SPDX-License-Identifier: GPL-3.0-or-later
"""The V2-style rival is told the truth, is blind to padding, learns, and captures clips of any length."""

from __future__ import annotations

import itertools
from dataclasses import replace
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from small_packs import small_pack
from tube_character import tube_pack, tube_rig

from benchmarks.fitting.clips import ClipSpec
from benchmarks.fitting.conditions import BY_NAME, Given, given
from benchmarks.fitting.figures import Errors
from benchmarks.fitting.filming import Case, View, filmed
from benchmarks.fitting.measured import Measured
from benchmarks.fitting.runs import Task
from benchmarks.v2_style import train as learning
from benchmarks.v2_style.capture import camera_of, capture, load, measure_baseline, read_film, window_starts
from benchmarks.v2_style.evaluate import clips_not_trained_on, table_of
from benchmarks.v2_style.geometry import sightline
from benchmarks.v2_style.network import Sizes, V2Style, facing, lifted
from benchmarks.v2_style.rig_input import stack_rigs
from benchmarks.v2_style.samples import WINDOW, PoseWindow, PoseWindowMaker, stack_truth, stack_video
from benchmarks.v2_style.speed import PARTS, Timed, speed_table
from mocapanything_addon.fit.crop import Crop
from mocapanything_addon.ik.camera import Camera
from mocapanything_addon.ik.kinematics import forward
from mocapanything_addon.ik.motion import Motion
from mocapanything_addon.ik.rotations import exp
from mocapanything_addon.ik.skeleton import Skeleton
from mocapanything_addon.models.skinning import skinned
from training.appearance import Backgrounds
from training.character import Character
from training.loop import CURVE, Trainer
from training.motion import forward_kinematics
from training.pool import Pool

FRAMES = 2 * WINDOW + 3
SPEC = ClipSpec("tubes", "four legs", pack="tubes", clip="walk")


@pytest.fixture(scope="module")
def character() -> Character:
    return Character.from_pack(tube_pack())


@pytest.fixture(scope="module")
def network() -> V2Style:
    """Untrained, but for heads that say something."""
    torch.manual_seed(0)
    network = V2Style(Sizes(width=32, heads=2, reference_layers=1, position_layers=2, rotation_layers=2))
    for layer in (
        *(getattr(network.video_to_pose, name) for name in ("place", "depth", "scale")),
        *(getattr(network.pose_to_rotation, name) for name in ("turn", "root_turn")),
    ):
        torch.nn.init.normal_(layer.weight, std=0.05)
    return network.eval()


def windows(network: V2Style, *characters: Character, easy: bool = False) -> list[PoseWindow]:
    rng = np.random.default_rng(1)
    return [
        PoseWindowMaker([c], rng, Backgrounds(rng, count=3), network.trunk, easy=easy).window()
        for c in characters
    ]


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    folder = tmp_path_factory.mktemp("tubes")
    tube_pack(FRAMES).save(folder)
    return filmed(SPEC, View(), folder, FRAMES, folder / "films")


def seen_of(case: Case) -> Given:
    return given(case, BY_NAME["grey rig"])[1]


@pytest.mark.parametrize("easy", [False, True])
def test_the_truth_of_a_window_agrees_with_itself(character, network, easy):
    window = windows(network, character, easy=easy)[0]
    rest, parents = window.rig.rest.astype(float), window.rig.parents
    offsets = rest - rest[np.maximum(parents, 0)]
    posed = forward_kinematics(parents, offsets, window.rotations.astype(float), np.zeros((WINDOW, 3)))[1]
    assert posed == pytest.approx(window.positions.astype(float), abs=1e-5)
    parts = (window.places, window.depths, window.log_scale, window.rays, window.spread)
    found = lifted(*(torch.from_numpy(part)[None] for part in parts))[0].numpy()
    assert found == pytest.approx(window.positions, abs=1e-5)
    assert (np.abs(window.places) < 1.1).all(), "the window is around the subject"
    assert np.ptp(rest, axis=0).max() == pytest.approx(1.0, abs=1e-5)


def test_level_axes_stand_upright_and_look_along_the_line_of_sight():
    axes = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])
    camera = Camera.from_fov(50.0, 400, 300, axes, np.array([0.0, 0.0, 5.0]))
    line = sightline(camera, Crop(300.0, 100.0, 60.0, 80))
    assert line.level @ line.level.T == pytest.approx(np.eye(3), abs=1e-12)
    assert line.level[2] == pytest.approx([0.0, 0.0, 1.0])
    middle = line.rays @ [0.0, 0.0, 1.0]
    assert middle[0] == pytest.approx(0.0, abs=1e-12) and middle[1] > 0.9
    assert np.linalg.det(line.level) == pytest.approx(1.0)
    steep = sightline(replace(camera, rotation=np.diag([1.0, -1.0, -1.0])), Crop(170.0, 120.0, 59.0, 80))
    assert np.isfinite(steep.level).all() and np.linalg.det(steep.level) == pytest.approx(1.0)


def test_shapes_and_that_neither_padded_joints_nor_others_of_the_batch_are_looked_at(character, network):
    larger = windows(network, character)[0]
    smaller = windows(network, Character.from_pack(replace(small_pack(), faces=tube_rig().faces[:12])))[0]
    with torch.no_grad():
        found, turned = network(stack_rigs([smaller.rig, larger.rig]), stack_video([smaller, larger]))
        alone, turned_alone = network(stack_rigs([smaller.rig]), stack_video([smaller]))
    joints, own = len(larger.rig.parents), len(smaller.rig.parents)
    assert own < joints
    assert turned.shape == (2, WINDOW, joints, 3, 3)
    assert found.positions.shape == (2, WINDOW, joints, 3) and found.log_scale.shape == (2, WINDOW)
    assert found.positions[:1, :, :own].numpy() == pytest.approx(alone.positions.numpy(), abs=1e-4)
    assert turned[:1, :, :own].numpy() == pytest.approx(turned_alone.numpy(), abs=1e-4)
    truth = stack_truth([smaller, larger])
    assert not truth.counts[0, own:].any() and not truth.counts[:, 0].any()


def test_frames_that_only_fill_a_window_change_nothing(character, network):
    window = windows(network, character)[0]
    rig, video = stack_rigs([window.rig]), stack_video([window])
    short = {name: value[:, :3] for name, value in vars(video).items()}
    filled = {name: torch.cat([value[:, :3], value[:, :3]], 1) for name, value in vars(video).items()}
    filled["seen"] = torch.tensor([[True] * 3 + [False] * 3])
    with torch.no_grad():
        _, turned = network(rig, replace(video, **short))
        _, padded = network(rig, replace(video, **filled))
    assert padded[:, :3].numpy() == pytest.approx(turned.numpy(), abs=1e-4)


def test_a_rest_pose_stays_one_until_something_is_learnt(character):
    network = V2Style(Sizes(width=16, heads=2)).eval()
    window = windows(network, character)[0]
    with torch.no_grad():
        _, turned = network(stack_rigs([window.rig]), stack_video([window]))
    assert turned[0, :, 1:].numpy() == pytest.approx(np.broadcast_to(np.eye(3), turned[0, :, 1:].shape))


def test_the_body_faces_where_its_joints_say_even_on_one_line():
    rng = np.random.default_rng(0)
    turns = exp(rng.normal(size=(1, 3, 3)) * [0.2, 0.2, 2.0])
    rest = rng.normal(size=(1, 12, 3))
    rest[:, 9:] = 0.0  # padding
    line = rest * [0.0, 1.0, 0.0]
    for joints, axes in ((rest, slice(None)), (line, 1)):
        positions = np.einsum("btac,bjc->btja", turns, joints)
        found = facing(torch.from_numpy(joints), torch.from_numpy(positions)).numpy()
        apart = np.abs(found[..., axes] - turns[..., axes])
        assert apart.max() < 0.1
        assert np.linalg.det(found) == pytest.approx(np.ones((1, 3)))


def test_true_positions_stand_in_for_predicted_ones(character, network):
    window = windows(network, character)[0]
    truth = stack_truth([window])
    rng = np.random.default_rng(0)
    assert learning.guided(truth, 1.0, rng).isnan().all()
    given_truth = learning.guided(truth, 0.0, rng)
    assert torch.equal(given_truth, truth.positions)
    rig, video = stack_rigs([window.rig]), stack_video([window])
    with torch.no_grad():
        _, from_truth = network(rig, video, given_truth)
        expected = network.pose_to_rotation(rig, truth.positions, video.times, video.seen)
    assert from_truth.numpy() == pytest.approx(expected.numpy(), abs=1e-5)


def test_it_learns_a_window_by_heart_and_goes_on_where_it_stopped(character, tmp_path, monkeypatch):
    monkeypatch.setattr(learning, "BATCH", 1)
    monkeypatch.setattr(learning, "TOGETHER", 1)
    # A clock that goes on by being read: as many steps on a busy machine as on an idle one.
    tick = partial(next, itertools.count(0.0, 0.04))
    monkeypatch.setattr(learning, "time", SimpleNamespace(monotonic=tick, process_time=tick))
    torch.manual_seed(0)
    network = V2Style(Sizes(width=48, heads=2, reference_layers=1, position_layers=1, rotation_layers=2))
    known = windows(network, character, easy=True)
    for seconds in (0.2, 6.0):
        schedule = learning.ByTheClock(3e-3, seconds, warm_up=5)
        trainer = Trainer(network, tmp_path, schedule, pretrained=network.trunk)
        pool = Pool(lambda: known, np.random.default_rng(0), size=1, uses=10**9)
        learning.train(trainer, schedule, pool, known, np.random.default_rng(0))
        assert trainer.seconds >= seconds
    rows = [row.split(",") for row in (tmp_path / CURVE).read_text().splitlines()]
    first, last = (dict(zip(rows[0], map(float, row), strict=True)) for row in rows[1:])
    assert last["step"] > first["step"] > 0
    assert last["found_mpjpe"] < last["rest_mpjpe"] < first["found_mpjpe"]
    assert last["rotation"] < 0.7 * last["rest_rotation"]


def test_windows_cover_every_clip():
    for count in range(1, 4 * WINDOW):
        covered = {s + k for s in window_starts(count) for k in range(WINDOW)} & set(range(count))
        assert covered == set(range(count))


@pytest.mark.parametrize("frames", [1, WINDOW - 2, FRAMES])
def test_clips_of_any_length_become_motions_that_fill_the_outline(case, network, frames):
    seen = seen_of(case)
    seen = replace(seen, clip=seen.clip.part(slice(frames)))
    motion = capture(seen, network)
    assert motion.local_rotations.shape == (frames, seen.rig.joint_count, 3, 3)
    local = motion.local_rotations
    assert np.abs(local @ np.swapaxes(local, -1, -2) - np.eye(3)).max() < 1e-9
    assert (local[:, seen.rig.is_tail] == np.eye(3)).all()
    pixels = camera_of(seen).project(body_of(seen, motion))
    camera = camera_of(seen)
    film = read_film(network, seen.clip, camera)
    mine = np.stack([pixels.min(axis=1), pixels.max(axis=1)], axis=1)
    assert mine.mean(axis=1) == pytest.approx(film.boxes.mean(axis=1), abs=2.0)
    sizes, expected = (np.diff(boxes, axis=1).sum(axis=-1) for boxes in (mine, film.boxes))
    assert sizes == pytest.approx(expected, rel=0.03)


def body_of(seen: Given, motion: Motion) -> np.ndarray:
    pose = forward(Skeleton.from_rig(seen.rig), motion)
    rig = seen.rig
    return skinned(
        rig.vertices,
        rig.skin_joints,
        rig.skin_weights,
        rig.rest_positions,
        pose.global_rotations,
        pose.positions,
    )


def test_frames_without_a_subject_are_filled_in_and_a_clip_without_one_is_refused(case, network):
    seen = seen_of(case)
    mask = seen.clip.mask.copy()
    mask[3] = 0
    motion = capture(replace(seen, clip=replace(seen.clip, mask=mask)), network)
    assert np.isfinite(motion.root_translation).all()
    with pytest.raises(ValueError, match="no frame"):
        capture(replace(seen, clip=replace(seen.clip, mask=np.zeros_like(mask))), network)


@pytest.mark.parametrize("up", [[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [-1.0, 0.0, 0.0]])
def test_a_camera_that_is_not_told_is_level(case, up):
    seen = seen_of(case)
    seen = replace(seen, rig=replace(seen.rig, up=np.array(up)), camera=None, fov_degrees=40.0)
    camera = camera_of(seen)
    assert camera.rotation @ up == pytest.approx([0.0, -1.0, 0.0])
    assert np.linalg.det(camera.rotation) == pytest.approx(1.0)


def test_the_baseline_is_measured_beside_its_floors(tmp_path):
    with pytest.raises(FileNotFoundError, match="train first"):
        load(tmp_path / "none")
    network = V2Style()
    Trainer(network, tmp_path / "run", learning.ByTheClock(1e-3, 1.0), pretrained=network.trunk).save()
    tube_pack(FRAMES).save(tmp_path)
    task = Task(SPEC, 0, BY_NAME["no other clips"], "full", FRAMES, tmp_path, tmp_path / "films")
    found = measure_baseline(task, tmp_path / "run", "V2-style")
    assert found.row == "V2-style" and found.frames == FRAMES
    assert found.seconds > 0.0 and np.isfinite(found.errors.mpjpe)
    assert found.rest.rotation == pytest.approx(found.errors.rotation), "untrained, it says the rest pose"


def test_only_creatures_that_did_not_train_are_captured_and_floors_stand_beside():
    names = {spec.name for spec in clips_not_trained_on("tune")}
    assert {"stag eating", "crab dance"} <= names
    assert not names & {"donkey gallop", "knight run", "built spider"}
    captured, floor = (Errors(x, x, x, x, 0.0, 0.0, 0.0, x, x) for x in (8.0, 4.0))
    found = [Measured("V2-style", name, 40, captured, floor, floor, 0.02) for name in ("a", "b")]
    table = table_of(found, "some minutes")
    assert [row[:3] for row in table.rows[-3:]] == [
        ["mean of 2", "V2-style", 8.0],
        ["mean of 2", "rest pose, true root", 4.0],
        ["mean of 2", "best constant pose, true root", 4.0],
    ]


def test_speeds_stand_beside_ours():
    one = [Timed("x", 1.0, 0.5, 100.0)]
    ours = [Timed("decoder", 1.0, 0.02), Timed("critic", 1.0, 0.03), Timed("whole", 2.0, 1.0, 700.0)]
    table = speed_table({name: ours if name == "ours" else one for name in PARTS})
    rows = {row[0]: row[1:] for row in table.rows}
    assert rows["V2 as published: forward"][1] == pytest.approx(1.0)
    assert rows["V2 as published: forward"][3:5] == pytest.approx([20.0, 1.0])
    assert rows["ours: both networks"][1] == pytest.approx(0.05)
