# SPDX-License-Identifier: GPL-3.0-or-later
"""Weights from files, and arrays in and out."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from tube_character import tube_rig

from mocapanything_addon.fit.clip import SubjectClip
from mocapanything_addon.fit.crop import Crop
from mocapanything_addon.fit.renderer import Renderer
from mocapanything_addon.ik.camera import Camera
from mocapanything_addon.ik.kinematics import Pose
from mocapanything_addon.ik.rotations import exp, matrix_from_quaternion
from mocapanything_addon.jobs.errors import CancelledError, CaptureError
from mocapanything_addon.models.correspondence_network import CorrespondenceNetwork
from mocapanything_addon.models.device import Device
from mocapanything_addon.models.manifest import DEFAULT_FOLDER
from mocapanything_addon.models.motion_decoder import WINDOW, MotionDecoder
from mocapanything_addon.models.networks import Networks, window_starts
from mocapanything_addon.models.pose_critic import PoseCritic
from training.motion import forward_kinematics

SIZE = 96


@pytest.fixture(scope="module")
def networks() -> Networks:
    """Untrained: what is tested here is what goes round the networks."""
    torch.manual_seed(0)
    correspondence, *others = modules = CorrespondenceNetwork(), MotionDecoder(), PoseCritic()
    for module in modules:
        for parameter in module.parameters():
            torch.nn.init.normal_(parameter, std=0.05)
    return Networks(*others, Device("cpu"), load_correspondence=lambda: correspondence)


def posed(frames: int, seed: int = 0) -> Pose:
    rig = tube_rig()
    rng = np.random.default_rng(seed)
    bends = rng.normal(size=(frames, rig.joint_count, 3)) * 0.2
    bends[:, rig.is_tail] = 0.0
    return Pose(
        *forward_kinematics(rig.parents, rig.offsets, exp(bends), np.tile(rig.rest_positions[0], (frames, 1)))
    )


def camera() -> Camera:
    axes = np.array([[0, 1.0, 0], [0, 0, -1.0], [-1.0, 0, 0]])
    return Camera.from_fov(45.0, 320, 240, axes, np.array([0.0, 0.6, 3.5]))


def clip_of(networks: Networks, pose: Pose, empty: tuple[int, ...] = ()) -> SubjectClip:
    reference = networks.encode(tube_rig())
    vertices, _ = reference.posed_points(pose)
    renderer, crop = Renderer(reference.mesh.faces), Crop(40.0, 0.0, 240.0, SIZE)
    drawn = [renderer.render(v, camera(), crop, color=True) for v in vertices]
    mask = np.stack([d.mask for d in drawn]).astype(np.uint8) * 255
    mask[list(empty)] = 0
    return SubjectClip(
        times=np.arange(len(vertices)) / 24.0,
        frame_rate=24.0,
        width=320,
        height=240,
        crops=[crop] * len(vertices),
        color=np.stack([d.color for d in drawn]),
        mask=mask,
        cut_off=np.zeros((len(vertices), 4), bool),
    )


def test_found_points_stand_on_the_rig(networks):
    rig, pose = tube_rig(), posed(3)
    reference = networks.encode(rig)
    vertices, points = reference.posed_points(pose)
    found = networks.correspond(reference, clip_of(networks, pose), pose, camera())
    assert np.allclose(points[:, : rig.joint_count], pose.positions)
    for frame in range(3):
        on_mesh = found.surface.on(vertices[frame], reference.mesh.faces)
        assert np.allclose(on_mesh, points[frame, rig.joint_count :])
    assert found.places.shape == (3, reference.point_count, 2)
    assert np.isfinite(found.sigma).all()
    assert (found.sigma > 0).all()
    assert ((found.visibility >= 0) & (found.visibility <= 1)).all()


def test_frames_without_a_subject_say_nothing(networks):
    pose = posed(3)
    reference = networks.encode(tube_rig())
    found = networks.correspond(reference, clip_of(networks, pose, empty=(1,)), pose, camera())
    assert np.isinf(found.sigma[1]).all()
    assert len(found.at(1).joints) == 0
    assert len(found.at(0).joints) == reference.point_count


def test_evidence_leaves_out_what_is_not_known(networks):
    pose = posed(1)
    reference = networks.encode(tube_rig())
    found = networks.correspond(reference, clip_of(networks, pose), pose, camera())
    limit = float(np.median(found.sigma))
    found = replace(found, visibility=np.ones_like(found.visibility))
    kept = found.at(0, largest_sigma=limit)
    assert 0 < len(kept.joints) < reference.point_count
    assert (kept.sigma <= limit).all()
    surface = kept.joints < 0
    chosen = np.flatnonzero(found.sigma[0] <= limit)
    assert (surface == (chosen >= found.joint_count)).all()
    expected = found.surface.faces[chosen[surface] - found.joint_count]
    assert (kept.points.faces[surface] == expected).all()


def test_a_hidden_point_counts_less(networks):
    pose = posed(1)
    reference = networks.encode(tube_rig())
    found = networks.correspond(reference, clip_of(networks, pose), pose, camera())
    hidden = replace(found, visibility=np.zeros_like(found.visibility)).at(0, hidden_factor=3.0)
    seen = replace(found, visibility=np.ones_like(found.visibility)).at(0, hidden_factor=3.0)
    assert np.allclose(hidden.sigma, 3.0 * seen.sigma)


def test_decoding_gives_rotations_and_is_repeatable(networks):
    rig, frames = tube_rig(), 2 * WINDOW + 5
    pose, reference = posed(frames), networks.encode(rig)
    times = np.arange(frames) / 24.0
    points = camera().project(pose.positions) + 2.0
    sigma = np.full(points.shape[:2], 3.0)
    sigma[:, 4] = np.inf
    points[:, 4] = np.nan
    first = networks.decode(reference, times, pose, camera(), points, sigma)
    second = networks.decode(reference, times, pose, camera(), points, sigma)
    rotations = matrix_from_quaternion(first.prior.local_rotations)
    assert rotations.shape == (frames, rig.joint_count, 3, 3)
    assert np.allclose(rotations[:, rig.is_tail], np.eye(3))
    assert np.isfinite(first.prior.sigma).all()
    assert (first.prior.sigma > 0).all()
    assert np.array_equal(first.prior.local_rotations, second.prior.local_rotations)
    assert np.array_equal(first.root_positions, second.root_positions)
    assert ((first.contact >= 0) & (first.contact <= 1)).all()


def test_decoding_does_not_depend_on_place_size_or_up_axis(networks):
    """The same clip in another armature space: turned, larger, elsewhere."""
    rig, pose = tube_rig(), posed(5)
    times, view = np.arange(5) / 24.0, camera()
    points = view.project(pose.positions) + 3.0
    sigma = np.full(points.shape[:2], 4.0)
    plain = networks.decode(networks.encode(rig), times, pose, view, points, sigma)
    turn, scale, shift = np.array([[1.0, 0, 0], [0, 0, 1.0], [0, -1.0, 0]]), 7.0, np.array([5.0, -2.0, 1.0])

    def moved(places: np.ndarray) -> np.ndarray:
        return scale * places @ turn.T + shift

    other_rig = replace(
        rig,
        rest_positions=moved(rig.rest_positions),
        vertices=moved(rig.vertices).astype(np.float32),
        up=turn @ rig.up,
    )
    other_pose = Pose(turn @ pose.global_rotations @ turn.T, moved(pose.positions))
    axes = view.rotation @ turn.T
    other_view = view.moved(axes, scale * view.translation - axes @ shift)
    assert np.allclose(other_view.project(other_pose.positions), view.project(pose.positions))
    other = networks.decode(networks.encode(other_rig), times, other_pose, other_view, points, sigma)
    a = matrix_from_quaternion(plain.prior.local_rotations)
    b = matrix_from_quaternion(other.prior.local_rotations)
    assert np.allclose(turn @ a @ turn.T, b, atol=2e-3)
    assert np.allclose(moved(plain.root_positions), other.root_positions, atol=2e-3 * scale)
    assert np.allclose(plain.prior.sigma, other.prior.sigma, rtol=1e-2)


@pytest.mark.parametrize("count", [1, 2, WINDOW - 1, WINDOW, WINDOW + 1, 40, 301])
def test_windows_cover_every_frame(count):
    covered = np.zeros(count, int)
    for start in window_starts(count):
        assert start >= 0
        covered[start : start + WINDOW] += 1
    assert (covered >= 1).all()


@pytest.mark.parametrize("frames", [1, 2])
def test_short_clips(networks, frames):
    pose, reference = posed(frames), networks.encode(tube_rig())
    found = networks.correspond(reference, clip_of(networks, pose), pose, camera())
    joints = found.joint_count
    decoded = networks.decode(
        reference,
        np.arange(frames) / 24.0,
        pose,
        camera(),
        found.places[:, :joints],
        found.sigma[:, :joints],
    )
    assert decoded.prior.local_rotations.shape == (frames, joints, 4)


def test_progress_may_cancel(networks):
    pose, reference = posed(2), networks.encode(tube_rig())

    def progress(stage: str, done: int, total: int) -> None:
        raise CancelledError

    with pytest.raises(CancelledError):
        networks.correspond(reference, clip_of(networks, pose), pose, camera(), progress=progress)


# ---- weights


@pytest.fixture
def weights(tmp_path):
    folder = tmp_path / "weights"
    shutil.copytree(DEFAULT_FOLDER, folder)
    return folder


def test_the_shipped_weights_are_those_listed_and_they_load():
    networks = Networks.load()
    assert {e.name for e in networks.entries} == {"decoder", "critic"}
    for entry in networks.entries:
        content = (DEFAULT_FOLDER / entry.file).read_bytes()
        assert hashlib.sha256(content).hexdigest() == entry.sha256
        assert len(content) < 16e6
    assert (DEFAULT_FOLDER / json.loads((DEFAULT_FOLDER / "weights.json").read_text())["card"]).is_file()


def test_what_no_capture_asks_for_is_read_at_the_first_question(weights):
    """A damaged file of the correspondence network hinders no capture."""
    (weights / "correspondence.safetensors").unlink()
    networks, rig, pose = Networks.load(weights), tube_rig(), posed(2)
    reference, joints = networks.encode(rig), rig.joint_count
    unknown = np.zeros((2, joints, 2)), np.full((2, joints), np.inf)
    networks.decode(reference, np.arange(2) / 24.0, pose, camera(), *unknown)
    for _ in range(2):
        with pytest.raises(CaptureError, match=r"correspondence.safetensors is missing"):
            networks.correspond(reference, clip_of(networks, pose), pose, camera())
    shutil.copy(DEFAULT_FOLDER / "correspondence.safetensors", weights)
    assert networks.correspond(reference, clip_of(networks, pose), pose, camera()).joint_count == joints


def test_views_change_what_the_correspondence_network_says_and_not_the_decoder(networks):
    """The decoder was trained without views: what it would make of them means nothing."""
    pose, plain = posed(2), networks.encode(tube_rig())
    views = np.random.default_rng(0).random((1, 4, 64, 64)).astype(np.float32)
    points = np.zeros((1, plain.rig.joint_count, 2), np.float32)
    shown = replace(plain, inputs=replace(plain.inputs, views=views, view_points=points))
    clip, shape = clip_of(networks, pose), pose.positions.shape[:2]
    found = [networks.correspond(r, clip, pose, camera()).places for r in (plain, shown)]
    assert not np.allclose(*found)
    nothing = np.zeros((*shape, 2)), np.full(shape, np.inf)
    said = [networks.decode(r, np.arange(2) / 24.0, pose, camera(), *nothing) for r in (plain, shown)]
    assert np.array_equal(*(d.prior.local_rotations for d in said))


def test_missing_file(weights):
    (weights / "decoder.safetensors").unlink()
    with pytest.raises(CaptureError, match=r"decoder.safetensors is missing") as caught:
        Networks.load(weights)
    assert caught.value.code == "weights_missing"


def test_missing_manifest(tmp_path):
    with pytest.raises(CaptureError, match="missing") as caught:
        Networks.load(tmp_path)
    assert caught.value.code == "weights_missing"


@pytest.mark.parametrize("cut", [0, 1000])
def test_truncated_file(weights, cut):
    path = weights / "critic.safetensors"
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(CaptureError, match="damaged") as caught:
        Networks.load(weights)
    assert caught.value.code == "weights_damaged"


def test_file_of_another_network(weights):
    manifest = json.loads((weights / "weights.json").read_text())
    content = (weights / "decoder.safetensors").read_bytes()
    (weights / "critic.safetensors").write_bytes(content)
    manifest["networks"]["critic"]["sha256"] = hashlib.sha256(content).hexdigest()
    (weights / "weights.json").write_text(json.dumps(manifest))
    with pytest.raises(CaptureError, match="does not fit"):
        Networks.load(weights)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"schema_version": 99, "networks": {}}', '{"schema_version": 1}']
)
def test_unreadable_manifest(weights, text):
    (weights / "weights.json").write_text(text)
    with pytest.raises(CaptureError, match="cannot be read"):
        Networks.load(weights)


def test_a_network_that_the_folder_lacks_is_the_one_that_ships(weights):
    manifest = json.loads((weights / "weights.json").read_text())
    del manifest["networks"]["decoder"]
    (weights / "weights.json").write_text(json.dumps(manifest))
    folders = {entry.name: entry.folder for entry in Networks.load(weights).entries}
    assert folders == {"decoder": DEFAULT_FOLDER, "critic": weights}
