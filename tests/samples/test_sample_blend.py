# SPDX-License-Identifier: GPL-3.0-or-later
"""Creatures as .blend files, and what is read back from them."""

from __future__ import annotations

import json
from pathlib import Path

import av
import bpy
import numpy as np
import pytest
from sample_creatures import creature

from mocapanything_addon.ik.kinematics import forward
from mocapanything_addon.ik.rotations import quaternion_from_matrix
from mocapanything_addon.ik.skeleton import Skeleton
from mocapanything_addon.jobs.rig import Rig
from mocapanything_addon.jobs.solution import Solution
from mocapanything_addon.scene.read_rig import read_rig
from mocapanything_addon.scene.write_action import write_action
from samples.build_blend import write_blend
from samples.demo import CONTENT, accuracy_table, compare_with_truth, draw_comparison
from samples.evaluated import evaluate
from samples.footage import Truth

pytestmark = pytest.mark.bpy


def the_armature() -> bpy.types.Object:
    return next(thing for thing in bpy.data.objects if thing.type == "ARMATURE")


def places(rig: Rig) -> dict[tuple[str, bool], int]:
    return {
        (name, bool(tail)): i for i, (name, tail) in enumerate(zip(rig.joint_names, rig.is_tail, strict=True))
    }


@pytest.mark.parametrize("name", ["quadruped", "bird", "spider"])
def test_the_add_on_reads_the_same_rig(name: str, tmp_path: Path) -> None:
    made = creature(name).rig
    write_blend(creature(name), tmp_path / "creature.blend")
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "creature.blend"))
    rig = read_rig(the_armature())
    there, here = places(rig), places(made)
    assert there.keys() == here.keys()
    index = [there[key] for key in here]
    np.testing.assert_allclose(rig.rest_positions[index], made.rest_positions, atol=1e-5)
    same = np.abs((rig.rest_rotations[index] * made.rest_rotations).sum(axis=1))
    np.testing.assert_allclose(same, 1.0, atol=1e-6)
    np.testing.assert_allclose(rig.limits[index], made.limits, atol=1e-5)
    parents = [rig.joint_names[p] if p >= 0 else "" for p in rig.parents[index]]
    assert parents == [made.joint_names[p] if p >= 0 else "" for p in made.parents]
    assert len(rig.faces) == len(made.faces)
    np.testing.assert_array_equal(rig.vertex_colors, made.vertex_colors)
    np.testing.assert_allclose(_dense(rig, index), _dense(made, range(made.joint_count)), atol=1e-4)
    assert rig.warnings == ()


def _dense(rig: Rig, order: object) -> np.ndarray:
    """(V, J) weights."""
    weights = np.zeros((len(rig.vertices), rig.joint_count))
    np.add.at(weights, (np.arange(len(rig.vertices))[:, None], rig.skin_joints), rig.skin_weights)
    return weights[:, list(order)]  # type: ignore[call-overload]


@pytest.fixture(scope="module")
def perfect_capture(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Rig]:
    """The sample's true motion, written as an Action onto the sample's .blend."""
    folder = tmp_path_factory.mktemp("demo")
    truth = Truth.load(CONTENT / "quadruped.npz")
    bpy.ops.wm.open_mainfile(filepath=str(CONTENT / "quadruped.blend"))
    armature = the_armature()
    rig = read_rig(armature)
    here = {(n, bool(t)): i for i, (n, t) in enumerate(zip(truth.joint_names, truth.is_tail, strict=True))}
    order = [here[key] for key in places(rig)]
    track = truth.track
    local = track.local_rotations(truth.parents)[:, order]
    solution = Solution(
        times=truth.times,
        positions=truth.positions[:, order],
        global_rotations=quaternion_from_matrix(track.global_rotations[:, order]),
        local_rotations=quaternion_from_matrix(local),
        confidence=np.ones(truth.positions.shape[:2], np.float32)[:, order],
        camera_rotation=truth.camera_rotation,
        camera_translation=truth.camera_translation,
        camera_focal=truth.camera_focal,
        image_size=truth.image_size,
        source_frame_rate=24.0,
    )
    written = write_action(armature, rig, solution, name="truth")
    bpy.context.scene.frame_start, bpy.context.scene.frame_end = written.frame_start, written.frame_end
    bpy.ops.wm.save_as_mainfile(filepath=str(folder / "quadruped.blend"))
    report = {
        "camera": {
            "rotation": truth.camera_rotation.tolist(),
            "translation": truth.camera_translation.tolist(),
            "focal": truth.camera_focal,
        },
        "video": {"width": int(truth.image_size[0]), "height": int(truth.image_size[1])},
    }
    (folder / "report.json").write_text(json.dumps(report), encoding="utf-8")
    return folder, rig


def test_a_perfect_capture_is_measured_as_perfect(perfect_capture: tuple[Path, Rig]) -> None:
    folder, _ = perfect_capture
    shown = evaluate(folder / "quadruped.blend")
    accuracy = compare_with_truth(shown, "quadruped")
    mine, rest, constant = accuracy.values()
    assert mine.mpjpe < 0.01
    assert mine.rotation_error < 0.1
    assert mine.motion_correlation > 0.9999
    assert rest.mpjpe > constant.mpjpe > 1.0
    assert rest.rotation_error > constant.rotation_error > 3.0
    assert len(accuracy_table(accuracy).splitlines()) == 6


def test_evaluated_vertices_are_the_skinned_ones(perfect_capture: tuple[Path, Rig]) -> None:
    from mocapanything_addon.ik.skinning import Skin
    from samples.cast import SAMPLES

    folder, _ = perfect_capture
    shown = evaluate(folder / "quadruped.blend")
    sample = next(s for s in SAMPLES if s.name == "quadruped")
    made = sample.creature()
    skeleton = Skeleton.from_rig(made.rig)
    skin = Skin(made.rig.vertices, made.rig.faces, made.rig.skin_joints, made.rig.skin_weights, skeleton)
    expected = skin.pose(forward(skeleton, sample.clip(made).motion))
    assert np.abs(shown.vertices - expected).max() < 2e-3 * made.rig.size


def test_the_comparison_shows_what_the_file_plays(
    perfect_capture: tuple[Path, Rig], monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    from samples.comparison import BAR, PANEL_HEIGHT

    folder, _ = perfect_capture
    shown = evaluate(folder / "quadruped.blend")
    few = replace(shown, times=shown.times[:3], vertices=shown.vertices[:3])
    draw_comparison(few, "quadruped", folder)
    with av.open(str(folder / "comparison.mp4")) as container:
        frames = [f.to_ndarray(format="rgb24") for f in container.decode(video=0)]
    assert len(frames) == 3
    height, width = frames[0].shape[:2]
    assert (height, width) == (PANEL_HEIGHT + BAR, 3 * 480)
    # The true camera and the true motion: the character stands where it does in the video.
    truth = Truth.load(CONTENT / "quadruped.npz")
    rows, columns = np.nonzero(truth.silhouettes()[0])
    middle = (rows.mean() * 0.75 + BAR, columns.mean() * 0.75)
    drawn = frames[0][:, 480:960].astype(float)
    empty = np.median(drawn[BAR:, :20].reshape(-1, 3), axis=0)
    coat = np.abs(drawn[BAR:] - empty).sum(axis=-1) > 150
    found = np.argwhere(coat).mean(axis=0) + np.array([BAR, 0])
    assert np.abs(found - middle).max() < 25
