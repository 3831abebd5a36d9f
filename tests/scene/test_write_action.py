# SPDX-License-Identifier: GPL-3.0-or-later
"""What is asked for is what Blender shows: rig -> solution -> Action -> evaluated pose and skin."""

from __future__ import annotations

import time

import bpy
import numpy as np
import pytest
from mathutils import Matrix
from scene_builders import (
    BoneSpec,
    asked_matrices,
    disturb_pose,
    evaluated_vertices,
    make_armature,
    random_solution,
    random_specs,
    skin,
    skinned_vertices,
)

from mocapanything_addon.ik import rotations
from mocapanything_addon.jobs.errors import BadInputError
from mocapanything_addon.jobs.rig import Rig
from mocapanything_addon.scene import compat
from mocapanything_addon.scene.read_rig import read_rig
from mocapanything_addon.scene.write_action import write_action

pytestmark = pytest.mark.bpy


def assert_obeys(armature, mesh_object, rig, solution, frames=None, tolerance=1e-4):
    """Every joint's pose matrix and every skinned vertex is where the solution has it."""
    names = [n for n, tail in zip(rig.joint_names, rig.is_tail, strict=True) if not tail]
    for frame in frames if frames is not None else range(len(solution.times)):
        bpy.context.scene.frame_set(bpy.context.scene.frame_start + frame)
        asked = asked_matrices(rig, solution, frame)[~rig.is_tail]
        found = np.array([armature.pose.bones[n].matrix for n in names])
        assert np.abs(found - asked).max() < tolerance * max(1.0, np.abs(asked).max()), frame
        vertices = evaluated_vertices(armature, mesh_object)
        wanted = skinned_vertices(rig, solution, frame)
        assert np.abs(vertices - wanted).max() < tolerance * max(1.0, np.abs(wanted).max()), frame


@pytest.mark.parametrize("seed", range(12))
def test_any_rig_shows_the_motion_asked_for(seed):
    """Random trees, rolls, connections, inheritance, rotation modes, object transforms and present poses."""
    rng = np.random.default_rng(seed)
    armature = make_armature(random_specs(rng, int(rng.integers(1, 25))))
    body = skin(armature)
    armature.matrix_world = (
        Matrix.Translation(rng.normal(size=3)) @ Matrix(rotations.exp(rng.normal(size=3)).tolist()).to_4x4()
    ) @ Matrix.Diagonal(
        (*rng.uniform(0.1, 3.0, 3 if seed % 3 == 0 else 1).repeat(1 if seed % 3 == 0 else 3), 1.0)
    )
    disturb_pose(armature, rng)
    rig = read_rig(armature)
    solution = random_solution(rig, rng, size=rng.uniform(0.2, 2.0))
    bpy.context.scene.frame_start = int(rng.integers(-20, 50))
    written = write_action(armature, rig, solution, name="video rig")
    assert armature.animation_data.action == written.action
    assert (written.frame_start, written.frame_end) == (
        bpy.context.scene.frame_start,
        bpy.context.scene.frame_start + 11,
    )
    assert_obeys(armature, body, rig, solution)


def ik_foot_specs(*, connect_root: bool = False) -> list[BoneSpec]:
    """A biped whose feet and pole hang on the armature's root bone, under hips that carry skin."""
    specs = [
        BoneSpec("Root", (0, 0, 0), (0, 0, 1) if connect_root else (0, 0.5, 0), roll=0.4),
        BoneSpec("Hips", (0, 0, 1), (0, 0, 1.2), "Root", connect_root, roll=0.3),
        BoneSpec("Chest", (0, 0, 1.2), (0, 0, 1.6), "Hips", True, roll=-1.0),
        BoneSpec("Head", (0, 0, 1.6), (0, 0, 1.8), "Chest", True),
    ]
    for side, x in (("L", 0.15), ("R", -0.15)):
        specs += [
            BoneSpec(f"Thigh.{side}", (x, 0, 1), (x, -0.05, 0.5), "Hips", roll=0.7),
            BoneSpec(f"Shin.{side}", (x, -0.05, 0.5), (x, 0, 0.1), f"Thigh.{side}", True),
            BoneSpec(f"Foot.{side}", (x, 0, 0.1), (x, -0.2, 0.02), "Root", roll=1.2),
            BoneSpec(f"Pole.{side}", (x, -1, 0.5), (x, -1.2, 0.5), "Root", settings={"use_deform": False}),
        ]
    return specs


@pytest.mark.parametrize("connect_root", [False, True])
def test_feet_on_the_root_bone_follow_their_shins(connect_root):
    rng = np.random.default_rng(3)
    armature = make_armature(ik_foot_specs(connect_root=connect_root))
    body = skin(
        armature,
        dict.fromkeys(("Hips", "Chest", "Head"), 1)
        | {f"{n}.{s}": 1 for n in ("Thigh", "Shin", "Foot") for s in "LR"},
        blend=False,
    )
    disturb_pose(armature, rng)
    rig = read_rig(armature)
    parent = {
        n: rig.joint_names[p]
        for n, p, t in zip(rig.joint_names, rig.parents, rig.is_tail, strict=True)
        if not t
    }
    assert rig.joint_names[0] == "Hips"
    assert parent["Foot.L"] == "Shin.L" and parent["Foot.R"] == "Shin.R"
    assert "Pole.L" not in rig.joint_names and "Root" not in rig.joint_names
    loose = {n for n, c in zip(rig.joint_names, rig.can_translate, strict=True) if c}
    assert loose == {"Hips", "Foot.L", "Foot.R"}
    solution = random_solution(rig, rng)
    written = write_action(armature, rig, solution, name="walk")
    assert not written.warnings
    assert_obeys(armature, body, rig, solution)
    root_turns = np.array(armature.pose.bones["Root"].matrix_basis) - np.eye(4)
    assert (np.abs(root_turns).max() > 0.01) == connect_root


def test_stray_weights_on_dropped_bones_land_with_the_rest(tmp_path):
    """A little skin on the bone above the body, and on a finger tip too small to be a joint."""
    rng = np.random.default_rng(5)
    specs = [*ik_foot_specs(), BoneSpec("Tip", (0.5, 0, 1.7), (0.6, 0, 1.7), "Root")]
    armature = make_armature(specs)
    counts = dict.fromkeys(
        ("Hips", "Chest", "Head", "Thigh.L", "Thigh.R", "Shin.L", "Shin.R", "Foot.L", "Foot.R"), 150
    )
    body = skin(armature, counts | {"Root": 1, "Tip": 1}, blend=False)
    rig = read_rig(armature)
    assert set(rig.follower_bones) == {"Root", "Tip"}
    rig.save(tmp_path / "rig.npz")
    rig = Rig.load(tmp_path / "rig.npz")
    solution = random_solution(rig, rng)
    write_action(armature, rig, solution, name="walk")
    assert_obeys(armature, body, rig, solution, frames=[0, 5, 11])


def test_weightless_bones_between_joints_stay_in_the_chain():
    rng = np.random.default_rng(9)
    specs = random_specs(rng, 8)
    for spec in specs:
        spec.settings["use_inherit_rotation"] = True
    armature = make_armature(specs)
    inner = next(s.name for s in specs[1:] if any(t.parent == s.name for t in specs))
    armature.data.bones[inner].use_deform = False
    body = skin(armature, blend=False)
    disturb_pose(armature, rng)
    rig = read_rig(armature)
    assert inner in rig.joint_names
    solution = random_solution(rig, rng)
    write_action(armature, rig, solution, name="chain")
    assert_obeys(armature, body, rig, solution)


def test_bones_keep_their_rotation_mode_and_curves_are_continuous():
    rng = np.random.default_rng(11)
    armature = make_armature(random_specs(rng, 16))
    skin(armature)
    disturb_pose(armature, rng)
    modes = [b.rotation_mode for b in armature.pose.bones]
    rig = read_rig(armature)
    written = write_action(armature, rig, random_solution(rig, rng, 120, size=2.5), name="spin")
    assert [b.rotation_mode for b in armature.pose.bones] == modes
    for curve in compat.curve_lists(written.action)[0]:
        values = np.array([k.co[1] for k in curve.keyframe_points])
        assert len(values) in (1, 120)
        if "quaternion" in curve.data_path:
            assert np.abs(np.diff(values)).max() < 1.0
        if "axis_angle" in curve.data_path and curve.array_index == 0:
            assert np.abs(np.diff(values)).max() < np.pi
        if "euler" in curve.data_path:
            # An Euler angle may run fast near gimbal lock, but never by a turn it need not take.
            assert np.abs(np.diff(values)).max() < 1.5 * np.pi


def test_curves_are_grouped_by_bone_and_the_earlier_action_is_kept():
    armature = make_armature(ik_foot_specs())
    skin(armature)
    armature.pose.bones["Chest"].keyframe_insert("location", frame=1)
    earlier = armature.animation_data.action
    earlier_curves = len(compat.curve_lists(earlier)[0])
    assert not earlier.use_fake_user
    rig = read_rig(armature)
    written = write_action(armature, rig, random_solution(rig, np.random.default_rng(0)), name="dance Rig")
    assert written.action.name == "dance Rig"
    assert earlier.use_fake_user and len(compat.curve_lists(earlier)[0]) == earlier_curves
    curves = compat.curve_lists(written.action)[0]
    assert all(c.group is not None and f'"{c.group.name}"' in c.data_path for c in curves)
    assert {c.group.name for c in curves} >= {"Hips", "Chest", "Foot.L", "Root"}


def test_locked_channels_are_not_keyed_and_children_make_up_for_it():
    rng = np.random.default_rng(4)
    armature = make_armature(
        [
            BoneSpec("A", (0, 0, 0), (0, 0, 1), roll=0.5),
            BoneSpec("B", (0, 0, 1), (0, 0.5, 1.5), "A", True, roll=1.0),
            BoneSpec("C", (0, 0.5, 1.5), (0, 1, 1.5), "B", True),
            BoneSpec("D", (0, 1, 1.5), (0, 1.5, 1.5), "C", True),
        ]
    )
    skin(armature)
    for name, mode in (("A", "QUATERNION"), ("B", "XZY"), ("C", "QUATERNION"), ("D", "AXIS_ANGLE")):
        armature.pose.bones[name].rotation_mode = mode
    hinge = armature.pose.bones["B"]
    hinge.lock_rotation = (False, True, True)
    hinge.rotation_euler = (0.4, 0.2, 0.0)
    quaternion = armature.pose.bones["C"]
    quaternion.lock_rotations_4d, quaternion.lock_rotation = True, (False, True, False)
    armature.pose.bones["A"].lock_location = (False, False, True)
    rig = read_rig(armature)
    solution = random_solution(rig, rng, size=0.8)
    written = write_action(armature, rig, solution, name="locks")
    keyed = {
        (c.group.name, c.data_path.rsplit(".", 1)[1], c.array_index)
        for c in compat.curve_lists(written.action)[0]
    }
    assert {i for n, p, i in keyed if n == "B" and p == "rotation_euler"} == {0}
    assert {i for n, p, i in keyed if n == "C" and p == "rotation_quaternion"} == {0, 1, 3}
    assert {i for n, p, i in keyed if n == "A" and p == "location"} == {0, 1}
    assert any("'A'" in w for w in written.warnings)
    for frame in range(12):
        bpy.context.scene.frame_set(1 + frame)
        assert hinge.rotation_euler[1] == pytest.approx(0.2) and hinge.rotation_euler[2] == 0.0
        asked = asked_matrices(rig, solution, frame)
        for joint, name in enumerate(rig.joint_names):
            if name in "AD" and not rig.is_tail[joint]:
                found = np.array(armature.pose.bones[name].matrix)[:3, :3]
                assert np.abs(found - asked[joint, :3, :3]).max() < 1e-4, name


@pytest.mark.parametrize("scene_rate", [12, 24, 25, 30, 60])
def test_video_time_becomes_scene_time(scene_rate):
    """A second of motion is a second of scene time, at any scene frame rate, and the rate stays as it is."""
    rng = np.random.default_rng(2)
    armature = make_armature(ik_foot_specs())
    skin(armature)
    rig = read_rig(armature)
    solution = random_solution(rig, rng, 49, frame_rate=24.0)
    scene = bpy.context.scene
    scene.render.fps = scene_rate
    written = write_action(armature, rig, solution, name="time", frame_start=10)
    assert scene.render.fps == scene_rate
    assert written.frame_end - written.frame_start == 2 * scene_rate
    for second in (0.0, 0.5, 1.0, 2.0):
        if (second * scene_rate) % 1.0:
            continue
        frame, source = 10 + second * scene_rate, int(second * 24)
        scene.frame_set(int(frame))
        found = np.array(armature.pose.bones["Shin.L"].matrix)
        asked = asked_matrices(rig, solution, source)[rig.joint_names.index("Shin.L")]
        assert np.abs(found - asked).max() < 1e-4


def test_jittering_time_stamps_at_the_scene_rate_stay_one_to_one():
    rng = np.random.default_rng(2)
    armature = make_armature(ik_foot_specs())
    body = skin(armature, blend=False)
    rig = read_rig(armature)
    solution = random_solution(rig, rng, 30, frame_rate=24.0)
    rounded = np.round(solution.times, 3)
    object.__setattr__(solution, "times", rounded)
    written = write_action(armature, rig, solution, name="jitter")
    assert written.frame_end - written.frame_start == 29
    assert_obeys(armature, body, rig, solution, frames=[0, 13, 29])


def test_one_frame_gives_a_pose():
    armature = make_armature(ik_foot_specs())
    body = skin(armature, blend=False)
    rig = read_rig(armature)
    solution = random_solution(rig, np.random.default_rng(1), 1, frame_rate=30.0)
    written = write_action(armature, rig, solution, name="still")
    assert written.frame_start == written.frame_end == 1
    assert_obeys(armature, body, rig, solution)


def test_object_parents_and_animated_tracks_have_no_say():
    """The armature hangs on a turned, scaled empty; an NLA track below animates scale and location."""
    rng = np.random.default_rng(8)
    armature = make_armature(ik_foot_specs())
    body = skin(armature, blend=False)
    empty = bpy.data.objects.new("Mover", None)
    bpy.context.scene.collection.objects.link(empty)
    empty.location, empty.rotation_euler, empty.scale = (1, 2, 3), (0.5, 1.0, -0.4), (2, 2, 2)
    armature.parent = empty
    for name in ("Root", "Chest", "Shin.L"):
        bone = armature.pose.bones[name]
        bone.scale, bone.location = (1.5, 1.5, 1.5), (0.3, 0.3, 0.3)
        bone.keyframe_insert("scale", frame=1)
        bone.keyframe_insert("location", frame=1)
        bone.scale, bone.location = (1, 1, 1), (0, 0, 0)
    track = armature.animation_data.nla_tracks.new()
    track.strips.new("old", 1, armature.animation_data.action)
    armature.animation_data.action = None
    rig = read_rig(armature)
    solution = random_solution(rig, rng)
    write_action(armature, rig, solution, name="over tracks")
    assert_obeys(armature, body, rig, solution, frames=[0, 4, 11])


def test_constraints_and_drivers_that_fight_the_keys_are_named():
    armature = make_armature(ik_foot_specs())
    skin(armature)
    shin = armature.pose.bones["Shin.L"]
    ik = shin.constraints.new("IK")
    ik.target, ik.subtarget, ik.chain_count = armature, "Foot.L", 2
    armature.pose.bones["Head"].constraints.new("LIMIT_ROTATION")
    driver = armature.pose.bones["Chest"].driver_add("rotation_quaternion", 1)
    driver.driver.expression = "0"
    rig = read_rig(armature)
    written = write_action(armature, rig, random_solution(rig, np.random.default_rng(0)), name="fight")
    constrained = next(w for w in written.warnings if "Constraints" in w)
    assert "'Shin.L'" in constrained and "'Thigh.L'" in constrained
    assert "'Head'" not in constrained and "'Shin.R'" not in constrained
    assert any("Drivers" in w and "'Chest'" in w for w in written.warnings)


def test_meshes_on_a_bone_move_with_it():
    rng = np.random.default_rng(12)
    armature = make_armature(ik_foot_specs())
    skin(armature)
    mesh = bpy.data.meshes.new("Hat")
    mesh.from_pydata([(0, 0, 0), (0.1, 0, 0), (0, 0.1, 0)], [], [(0, 1, 2)])
    hat = bpy.data.objects.new("Hat", mesh)
    bpy.context.scene.collection.objects.link(hat)
    hat.parent, hat.parent_type, hat.parent_bone = armature, "BONE", "Head"
    hat.location = (0.1, 0.2, 0.3)
    disturb_pose(armature, rng)
    rig = read_rig(armature)
    solution = random_solution(rig, rng)
    write_action(armature, rig, solution, name="hat")
    bpy.context.scene.frame_set(8)
    wanted = skinned_vertices(rig, solution, 7)[-3:]
    assert np.abs(evaluated_vertices(armature, hat) - wanted).max() < 1e-4


def test_a_rest_position_is_pointed_out():
    armature = make_armature(ik_foot_specs())
    skin(armature)
    rig = read_rig(armature)
    armature.data.pose_position = "REST"
    written = write_action(armature, rig, random_solution(rig, np.random.default_rng(0)), name="rest")
    assert armature.data.pose_position == "REST" and any("Rest Position" in w for w in written.warnings)


def test_nothing_remains_when_writing_fails(monkeypatch):
    armature = make_armature(ik_foot_specs())
    skin(armature)
    rig = read_rig(armature)
    solution = random_solution(rig, np.random.default_rng(0))

    def refuse(*_args):
        raise RuntimeError("no more curves")

    monkeypatch.setattr(compat, "assign_action", refuse)
    with pytest.raises(RuntimeError, match="no more curves"):
        write_action(armature, rig, solution, name="broken")
    assert len(bpy.data.actions) == 0 and armature.animation_data is None


def test_renamed_bones_are_refused():
    armature = make_armature(ik_foot_specs())
    skin(armature)
    rig = read_rig(armature)
    armature.data.bones["Chest"].name = "Thorax"
    with pytest.raises(BadInputError, match="Chest") as caught:
        write_action(armature, rig, random_solution(rig, np.random.default_rng(0)), name="x")
    assert caught.value.code == "rig_changed" and len(bpy.data.actions) == 0


def test_bone_names_with_quotes_and_backslashes_are_keyed():
    rng = np.random.default_rng(0)
    armature = make_armature(
        [BoneSpec('a "b" \\c', (0, 0, 0), (0, 0, 1)), BoneSpec("ünï", (0, 0, 1), (0, 1, 1), 'a "b" \\c')]
    )
    body = skin(armature)
    rig = read_rig(armature)
    solution = random_solution(rig, rng)
    write_action(armature, rig, solution, name="quotes")
    assert_obeys(armature, body, rig, solution)


def linked_character(tmp_path) -> bpy.types.Object:
    """A collection with armature and body, linked from another file."""
    armature = make_armature(ik_foot_specs())
    body = skin(armature, blend=False)
    collection = bpy.data.collections.new("Character")
    for thing in (armature, body):
        bpy.context.scene.collection.objects.unlink(thing)
        collection.objects.link(thing)
    bpy.context.scene.collection.children.link(collection)
    path = str(tmp_path / "library ü.blend")
    bpy.ops.wm.save_as_mainfile(filepath=path)
    bpy.ops.wm.read_factory_settings(use_empty=True)
    with bpy.data.libraries.load(path, link=True) as (_, into):
        into.collections = ["Character"]
    linked = into.collections[0]
    bpy.context.scene.collection.children.link(linked)
    return linked


def test_linked_armatures_need_an_override(tmp_path):
    linked = linked_character(tmp_path)
    armature = linked.objects["Rig"]
    rig = read_rig(armature)
    with pytest.raises(BadInputError, match="linked") as caught:
        write_action(armature, rig, random_solution(rig, np.random.default_rng(0)), name="x")
    assert "override" in caught.value.hint.lower() and len(bpy.data.actions) == 0


def test_overridden_armatures_are_captured(tmp_path):
    linked = linked_character(tmp_path)
    override = linked.override_hierarchy_create(bpy.context.scene, bpy.context.view_layer)
    armature = next(o for o in override.all_objects if o.type == "ARMATURE")
    body = next(o for o in override.all_objects if o.type == "MESH")
    assert armature.override_library is not None
    rig = read_rig(armature)
    solution = random_solution(rig, np.random.default_rng(6))
    write_action(armature, rig, solution, name="override")
    assert_obeys(armature, body, rig, solution, frames=[0, 7])


def test_sixty_bones_and_three_hundred_frames_are_written_fast():
    rng = np.random.default_rng(1)
    armature = make_armature(random_specs(rng, 60))
    skin(armature)
    disturb_pose(armature, rng)
    rig = read_rig(armature)
    solution = random_solution(rig, rng, 300)
    write_action(armature, rig, solution, name="warm")
    begin = time.perf_counter()
    write_action(armature, rig, solution, name="timed")
    assert time.perf_counter() - begin < 1.0


def test_every_moving_bone_is_driven_once():
    """The bones that get keys are the joints and what stands above them: no helper beside the chain."""
    armature = make_armature(ik_foot_specs())
    skin(armature, blend=False)
    rig = read_rig(armature)
    solution = random_solution(rig, np.random.default_rng(0))
    written = write_action(armature, rig, solution, name="keys")
    keyed = {c.group.name for c in compat.curve_lists(written.action)[0]}
    assert keyed == {b.name for b in armature.data.bones if not b.name.startswith("Pole")}
