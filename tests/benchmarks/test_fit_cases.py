# SPDX-License-Identifier: GPL-3.0-or-later
"""The films of the fit's benchmark show what their truth says, and its figures tell right from wrong."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from small_packs import small_pack

from benchmarks.fit import main, parse
from benchmarks.fitting import filming
from benchmarks.fitting.ablations import ABLATIONS, REPLACED, without
from benchmarks.fitting.clips import HALVES, ClipSpec, load_clips
from benchmarks.fitting.conditions import (
    BY_NAME,
    CONDITIONS,
    CUT_OUT,
    Condition,
    given,
    thicker,
    with_longer_limbs,
)
from benchmarks.fitting.figures import body_turned, errors, in_true_world
from benchmarks.fitting.filming import Case, View, filmed
from benchmarks.fitting.mask_overlap import mask_overlap
from benchmarks.fitting.masks import MASKS
from benchmarks.fitting.runs import capture, reliability, truth_of
from benchmarks.fitting.subjects import repeats, subject_of_pack
from benchmarks.fitting.tables import clip_table, main_table, start_table
from mocapanything_addon.fit import sight, track
from mocapanything_addon.ik import Skeleton, rotations
from mocapanything_addon.ik.kinematics import forward
from mocapanything_addon.ik.skinning import Skin
from samples.metrics import Joints, Track, rest_floor
from training.motion import forward_kinematics
from training.pack import MotionClip, Pack

SPEC = ClipSpec("small", "two legs", pack="small", clip="swing")
CORNERS = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], float)
SIDES = np.concatenate(
    [
        [[a, b, c], [a, c, d]]
        for a, b, c, d in [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    ]
)


def solid_pack(frames: int = 12) -> Pack:
    """The small pack with a box around every bone, left and right alike."""
    pack = small_pack(frames)
    boxes, faces, joints = [], [], []
    for joint in np.flatnonzero(~pack.is_tail):
        end = next((k for k in range(7) if pack.parents[k] == joint and joint > 0), 0)
        middle = 0.5 * (pack.rest_positions[joint] + pack.rest_positions[end])
        half = np.array([0.25, 0.3, 1.0]) if joint else np.array([1.2, 0.5, 0.6])
        faces.append(SIDES + 8 * len(boxes))
        boxes.append(middle + CORNERS * half * (1.0 + 0.1 * (joint % 3)))
        joints.append(np.full(8, joint))
    owner = np.concatenate(joints)
    return replace(
        pack,
        vertices=np.concatenate(boxes).astype(np.float32),
        faces=np.concatenate(faces).astype(np.int32),
        vertex_colors=np.tile(np.array([200, 60, 60], np.uint8), (len(owner), 1)),
        skin_joints=np.tile(owner[:, None], (1, 4)).astype(np.int32),
        skin_weights=np.tile([1.0, 0.0, 0.0, 0.0], (len(owner), 1)).astype(np.float32),
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("packs")
    solid_pack().save(path)
    return path


@pytest.fixture(scope="module")
def case(folder: Path) -> Case:
    return filmed(SPEC, View(), folder, 6, folder / "films")


def test_the_clips_are_many_and_no_rig_stands_in_both_halves():
    halves = [load_clips(half) for half in HALVES]
    everything = load_clips("all")
    assert len(everything) >= 30
    assert len({spec.kind for spec in everything}) >= 15
    assert len({spec.name for spec in everything}) == len(everything)
    tune, report = ({spec.pack or spec.creature for spec in half} for half in halves)
    assert not tune & report
    assert all(bool(spec.pack and spec.clip) != bool(spec.creature and spec.action) for spec in everything)


@pytest.mark.parametrize("up", [[0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])
def test_a_subject_moves_as_its_pack_but_upright_and_one_unit_long(up):
    pack = replace(solid_pack(), up=np.array(up))
    subject = subject_of_pack(pack, SPEC, 12)
    rig = subject.rig
    assert rig.size == pytest.approx(1.0)
    assert rig.vertices[:, 2].min() == pytest.approx(0.0, abs=1e-6)
    found = forward(Skeleton.from_rig(rig), subject.motion).positions
    clip = pack.clips[1]
    offsets = pack.rest_positions - pack.rest_positions[np.maximum(pack.parents, 0)]
    _, true = forward_kinematics(pack.parents, offsets, clip.rotations.astype(float), clip.root_positions)
    between = np.linalg.norm(found[:, :, None] - found[:, None], axis=-1)
    expected = np.linalg.norm(true[:, :, None] - true[:, None], axis=-1) / 4.0
    assert between == pytest.approx(expected, abs=1e-4)
    assert np.diff(found[..., 2], axis=1) == pytest.approx(np.diff(true @ up, axis=1) / 4.0, abs=1e-4)


def test_the_filmed_clip_is_not_among_the_rigs_own_poses():
    rig = subject_of_pack(solid_pack(), SPEC, 12).rig
    assert len(rig.example_rotations) == 12
    assert rig.example_rotations[..., 0] == pytest.approx(1.0), 'only "still" is left'


def test_copies_of_the_filmed_clip_are_left_out_too():
    pack = solid_pack()
    still, swing = pack.clips
    later = MotionClip("later", swing.rotations[2:], swing.root_positions[2:])
    assert repeats(later, swing)
    assert not repeats(still, swing)
    rig = subject_of_pack(replace(pack, clips=(still, swing, later)), SPEC, 12).rig
    assert len(rig.example_rotations) == 12


def test_clips_that_go_round_are_repeated_and_others_end():
    pack = solid_pack()
    wave = np.sin(np.linspace(0.0, 2.0 * np.pi, 9))
    turning = np.zeros((9, 7, 3))
    turning[:, 4, 0] = 0.4 * wave
    place = np.linspace(0.0, 0.8, 9)[:, None] * [4.0, 0.0, 0.0] + pack.rest_positions[0]
    goes = MotionClip("round", rotations.exp(turning).astype(np.float32), place.astype(np.float32))
    motion = subject_of_pack(replace(pack, clips=(goes,)), replace(SPEC, clip="round"), 20).motion
    assert motion.frame_count == 20
    assert motion.local_rotations[8:16] == pytest.approx(motion.local_rotations[:8], abs=1e-6)
    assert np.diff(motion.root_translation[:, 0]) == pytest.approx(0.1, abs=1e-5), "it goes on"
    turning[:, 4, 0] = np.linspace(0.0, 0.8, 9)
    ends = MotionClip("ends", rotations.exp(turning).astype(np.float32), place.astype(np.float32))
    assert (
        subject_of_pack(replace(pack, clips=(ends,)), replace(SPEC, clip="ends"), 20).motion.frame_count == 9
    )


def test_a_walk_on_the_spot_travels_so_that_its_foot_stays():
    pack = solid_pack(20)
    swing = np.zeros((20, 7, 3))
    swing[:, 1, 0] = np.linspace(-0.3, 0.3, 20)
    swing[:, 4, 0] = 1.2  # the other leg is lifted
    step = MotionClip(
        "step", rotations.exp(swing).astype(np.float32), np.tile(pack.rest_positions[0], (20, 1))
    )
    spec = replace(SPEC, clip="step", travels=True)
    subject = subject_of_pack(replace(pack, clips=(step,)), spec, 20)
    foot = forward(Skeleton.from_rig(subject.rig), subject.motion).positions[:, 3, :2]
    way = np.linalg.norm(subject.motion.root_translation[-1, :2] - subject.motion.root_translation[0, :2])
    assert way > 0.2
    assert np.ptp(foot, axis=0).max() < 0.15 * way


def test_the_mask_is_where_the_truth_projects(case):
    skeleton = Skeleton.from_rig(case.rig)
    skin = Skin(case.rig.vertices, case.rig.faces, case.rig.skin_joints, case.rig.skin_weights, skeleton)
    vertices = skin.pose(forward(skeleton, case.truth))
    for t, mask in enumerate(case.clip.mask):
        pixels = case.clip.crops[t].to_crop(case.camera.project(vertices[t].astype(float)))
        rows, columns = np.nonzero(mask)
        seen = np.array([columns.min(), rows.min(), columns.max(), rows.max()])
        assert seen == pytest.approx(np.concatenate([pixels.min(0), pixels.max(0)]), abs=2.5)
    assert not case.clip.cut_off.any()


def test_a_film_is_read_back_as_it_was_made(case, folder):
    films = sorted((folder / "films").iterdir())
    again = filmed(SPEC, View(), folder, 6, folder / "films")
    assert sorted((folder / "films").iterdir()) == films
    assert (again.clip.color == case.clip.color).all()
    assert again.truth.local_rotations == pytest.approx(case.truth.local_rotations)


def test_other_views_show_what_they_say(case, folder, monkeypatch):
    monkeypatch.setattr(filming, "WIDTH", 160)
    monkeypatch.setattr(filming, "HEIGHT", 120)
    cut = filmed(SPEC, View(cut_off=True), folder, 2, folder / "films")
    assert cut.clip.cut_off[:, 2].all()
    high = filmed(SPEC, View(elevation=30.0), folder, 2, folder / "films")
    assert np.degrees(np.arcsin(-high.camera.rotation[2, 2])) == pytest.approx(30.0)
    other = filmed(SPEC, View(1), folder, 2, folder / "films")
    first, second = (c.camera.rotation[2, :2] for c in (case, other))
    turned = np.degrees(np.arccos(first @ second / np.linalg.norm(first) / np.linalg.norm(second)))
    assert turned == pytest.approx(115.0, abs=0.1)


def test_masks_of_another_segmenter_are_paid_for_once_and_given_as_a_user_would(case, folder, monkeypatch):
    asked = []

    def all_red(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
        asked.append(rgb.shape)
        return np.where(rgb[..., 0] > 1.5 * rgb[..., 1], 160, 90).astype(np.uint8)

    films = folder / "films"
    view = BY_NAME["teacher mask"].view(0)
    found = filmed(SPEC, view, folder, 6, films, all_red)
    assert asked == [(480, 640, 3)] * 6
    masks = sorted(films.glob("*.teacher/*"))
    assert [path.name for path in masks] == [f"0000{k}.png" for k in range(6)]
    assert found.clip.frame_count == 6
    assert found.truth.local_rotations == pytest.approx(case.truth.local_rotations)
    assert mask_overlap(found.clip, found) > 0.8, "the box is red, and nothing else is"
    _, seen = given(found, BY_NAME["teacher mask"])
    assert (seen.clip.mask == found.clip.mask).all(), "not worn again"
    assert not BY_NAME["teacher mask"].looks_again, "a given mask is not made anew"
    # The product would cut it out otherwise now: the masks that took long are still there.
    monkeypatch.setattr(filming, "MASKS_VERSION", -1)
    again = filmed(SPEC, view, folder, 6, films, all_red)
    assert len(asked) == 6
    assert (again.clip.mask == found.clip.mask).all()
    with pytest.raises(ValueError, match="need a segmenter"):
        filmed(SPEC, view, folder, 5, films)


def test_the_overlap_of_masks_is_that_of_whole_frames(case):
    assert mask_overlap(case.clip, case) > 0.95
    half = case.clip.mask.copy()
    for mask in half:
        left, _, width, _ = cv2.boundingRect(mask)
        mask[:, left + width // 2 :] = 0
    assert 0.3 < mask_overlap(replace(case.clip, mask=half), case) < 0.7
    assert mask_overlap(replace(case.clip, mask=np.zeros_like(half)), case) == 0.0


def test_the_command_says_that_a_teacher_is_missing(tmp_path, capsys):
    for given_anyway in ([], ["--teacher", str(tmp_path)]):
        with pytest.raises(SystemExit):
            parse(["--conditions", "teacher mask", *given_anyway])
    said = capsys.readouterr().err
    assert "teacher mask: this needs --teacher" in said
    assert f"no teacher in {tmp_path}" in said
    assert "teacher mask" not in {c.name for c in parse(["--conditions", "all"]).conditions}
    (tmp_path / "resources.json").write_text("{}")
    assert len(parse(["--conditions", "all", "--teacher", str(tmp_path)]).conditions) == len(CONDITIONS)


def test_masks_are_worn_as_named_and_the_same_every_time(case):
    true = case.clip.mask
    worn = {name: wear(true, np.random.default_rng(1)) for name, wear in MASKS.items()}
    assert (worn["true"] == true).all()
    assert (worn["eroded"] <= true).all() and (worn["eroded"] < true).any()
    assert (worn["dilated"] >= true).all() and (worn["dilated"] > true).any()
    assert (worn["shadowed"] >= true).all() and (worn["shadowed"] > true).any((1, 2)).all()
    assert (worn["holed"] <= true).all() and (worn["holed"] < true).any((1, 2)).all()
    many = np.tile(true, (10, 1, 1))
    flickering = MASKS["flickering"](many, np.random.default_rng(1))
    areas = (flickering > 0).sum((1, 2))
    assert areas.min() < 0.9 * areas.max()
    assert (flickering == MASKS["flickering"](many, np.random.default_rng(1))).all()


def test_conditions_give_no_more_than_they_say(case):
    assert len(BY_NAME) == len(CONDITIONS)
    assert {c.mask for c in CONDITIONS} <= {*MASKS, *CUT_OUT}
    assert {c.without for c in CONDITIONS} <= set(ABLATIONS)
    _, seen = given(case, BY_NAME["grey rig"])
    assert (seen.rig.vertex_colors == 128).all()
    assert seen.camera is case.camera
    assert len(seen.rig.example_rotations) == 12
    assert len(given(case, BY_NAME["no other clips"])[1].rig.example_rotations) == 0
    _, seen = given(case, BY_NAME["camera unknown"])
    assert seen.camera is None and seen.fov_degrees is None
    _, seen = given(case, BY_NAME["fov given"])
    assert seen.camera is None
    assert 30.0 < seen.fov_degrees < 60.0
    thin, seen = given(case, BY_NAME["12 fps"])
    assert seen.clip.frame_count == thin.truth.frame_count == 3
    assert seen.clip.frame_rate == 12.0
    assert seen.clip.times == pytest.approx([0.0, 2 / 24, 4 / 24])


def test_longer_limbs_take_their_skin_along(case):
    rig = with_longer_limbs(case.rig, 1.15)
    lengths = np.linalg.norm(np.stack([rig.offsets, case.rig.offsets]), axis=-1)
    ratio = lengths[0, 1:] / lengths[1, 1:]
    assert ratio == pytest.approx([1.0, 1.15, 1.15, 1.0, 1.15, 1.15])
    moved = rig.vertices - case.rig.vertices
    assert moved[:8] == pytest.approx(0.0), "the trunk stays"
    joint = int(case.rig.skin_joints[-1, 0])
    assert moved[-1] == pytest.approx(rig.rest_positions[joint] - case.rig.rest_positions[joint], abs=1e-6)


def test_a_thicker_rig_keeps_its_bones(case):
    rig = thicker(case.rig, 1.2)
    assert np.array_equal(rig.rest_positions, case.rig.rest_positions)
    skeleton = Skeleton.from_rig(rig)
    last = int(case.rig.skin_joints[-1, 0])
    along = skeleton.twist_axes[last]
    arms = [r.vertices[-8:] - r.rest_positions[last] for r in (case.rig, rig)]
    across = [np.linalg.norm(a - np.outer(a @ along, along), axis=1) for a in arms]
    assert across[1] == pytest.approx(1.2 * across[0], rel=1e-4)
    assert arms[1] @ along == pytest.approx(arms[0] @ along, abs=1e-5)


def test_condition_names_may_hold_commas():
    chosen = parse(["--conditions", "networks, rig as filmed,12 fps, networks"])
    assert [c.name for c in chosen.conditions] == ["networks, rig as filmed", "12 fps", "networks"]
    with pytest.raises(SystemExit):
        parse(["--conditions", "12 fps,nonsense"])


def test_the_truth_has_no_error_and_a_wrong_heading_shows(case):
    joints, truth = Joints.of_rig(case.rig), case.track
    known = truth_of(case)
    right = errors(truth, known)
    assert max(right.mpjpe, right.pa_mpjpe, right.root, right.heading, right.limbs_2d, right.skeletons) < 1e-4
    assert right.correlation == pytest.approx(1.0)
    turn = rotations.exp(np.radians(40.0) * np.array([0.0, 0.0, 1.0]))
    wrong = errors(Track(truth.positions @ turn.T, turn @ truth.global_rotations), known)
    assert wrong.heading == pytest.approx(40.0)
    assert body_turned(
        Track(truth.positions @ turn.T, truth.global_rotations), truth, joints.up
    ) == pytest.approx(40.0)
    assert wrong.yaw_aligned == pytest.approx(0.0, abs=1e-6)
    assert wrong.mpjpe > 1.0


def test_limbs_are_measured_in_the_image_in_parts_of_the_body(case):
    truth = truth_of(case)
    # Seen from the camera, one per cent of the body to the right at the root's depth.
    depth = case.camera.to_camera(case.track.positions)[..., 2:]
    step = 0.01 * truth.joints.size * depth / depth[:, :1]
    aside = Track(case.track.positions + step * case.camera.rotation[0], case.track.global_rotations)
    assert errors(aside, truth).limbs_2d == pytest.approx(1.0, rel=1e-6)
    towards = case.track.positions - 0.1 * (case.track.positions - case.camera.position)
    assert errors(Track(towards, case.track.global_rotations), truth).limbs_2d == pytest.approx(0.0, abs=1e-6)


def test_what_is_said_and_what_is_right_are_counted_by_tenths():
    said = np.array([[0.05, 0.62], [0.68, 1.0]])
    bins = reliability(said, np.array([[False, True], [False, True]]))
    assert [b[0] for b in bins] == [1, 0, 0, 0, 0, 0, 2, 0, 0, 1]
    assert bins[6] == (2, pytest.approx(1.3), 1)
    assert bins[9] == (1, pytest.approx(1.0), 1)


def test_a_capture_in_another_world_is_carried_into_the_true_one(case):
    turn = rotations.exp(np.array([0.3, -0.5, 0.9]))
    shift = np.array([1.0, -2.0, 0.5])
    guessed = case.camera.moved(
        case.camera.rotation @ turn.T, case.camera.translation - case.camera.rotation @ turn.T @ shift
    )
    truth = case.track
    elsewhere = Track(truth.positions @ turn.T + shift, turn @ truth.global_rotations)
    assert guessed.project(elsewhere.positions) == pytest.approx(case.camera.project(truth.positions))
    back = in_true_world(elsewhere, guessed, case.camera)
    assert back.positions == pytest.approx(truth.positions)
    assert back.global_rotations == pytest.approx(truth.global_rotations)


@pytest.mark.parametrize("name", list(REPLACED))
def test_what_is_left_out_comes_back(name):
    before = [getattr(module, attribute) for module, attribute, _ in REPLACED[name]]
    with without(name):
        assert [getattr(module, attribute) for module, attribute, _ in REPLACED[name]] != before
    assert [getattr(module, attribute) for module, attribute, _ in REPLACED[name]] == before
    with without("elevation"):
        assert track.FLOW_WEIGHT > 0.0 and sight.silhouette_observations is not None


def test_a_capture_is_measured_stage_by_stage(case):
    outcome = capture(case, BY_NAME["one pose given"], "tracking")
    assert outcome.start.heading == pytest.approx(0.0, abs=1e-3)
    assert list(outcome.errors) == ["rest", "constant", "start", "tracking"]
    floor = errors(rest_floor(case.track, Joints.of_rig(case.rig)), truth_of(case))
    assert outcome.errors["rest"] == floor
    assert outcome.errors["tracking"].mpjpe < 0.5 * outcome.errors["rest"].mpjpe
    assert outcome.errors["tracking"].overlap > 0.9
    assert set(outcome.seconds) == {"start", "tracking"}
    rows = main_table([outcome]).rows
    assert [row[1] for row in rows][-1] == "tracking"
    assert rows[-1][3] == pytest.approx(outcome.errors["tracking"].mpjpe)
    assert rows[-1][-1] == outcome.mask_overlap > 0.95
    assert np.isnan(rows[-2][-1]), "masks are those of the last stage"
    assert clip_table([outcome]).rows[0][3] == pytest.approx(outcome.errors["tracking"].mpjpe)
    assert len(start_table([outcome]).rows) == 2


def test_bounds_are_told_the_truth(case):
    plain = capture(case, Condition("plain", start="root"), "full").errors["full"]
    told = capture(case, Condition("told", start="root", bound="correspondences"), "full").errors["full"]
    assert told.pa_mpjpe < plain.pa_mpjpe


def test_the_command_writes_its_tables(folder, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("benchmarks.fit.load_clips", lambda half: [SPEC])
    where = ["--packs", str(folder), "--cache", str(folder / "films"), "--out", str(tmp_path)]
    main(["--only", "start", "--quick", "--frames", "4", "--pictures", *where])
    assert "| small, a | grey rig |" in capsys.readouterr().out
    assert (tmp_path / "start.csv").exists()
    assert (tmp_path / "pictures" / "small, a, grey rig.png").exists()


def test_limbs_that_traded_places_are_told(case):
    right = capture(case, BY_NAME["one pose given"], "tracking")
    assert right.exchanged > right.errors["tracking"].mpjpe


def test_a_pose_is_given_where_the_guessed_camera_sees_it(case):
    outcome = capture(case, Condition("guessed", start="pose", camera="fov"), "start")
    assert outcome.start.heading == pytest.approx(0.0, abs=1e-3)
    # One pose held over the clip: right in its own frame, so nearer than the clip's mean pose is far.
    assert outcome.errors["start"].heading < 1e-3
    assert outcome.errors["start"].root < 1.0
