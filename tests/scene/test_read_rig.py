# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever the artist left in the file, the rig is read in rest pose and nothing is touched."""

from __future__ import annotations

import time

import bpy
import numpy as np
import pytest
from mathutils import Matrix
from scene_builders import (
    BoneSpec,
    disturb_pose,
    evaluated_vertices,
    make_armature,
    random_solution,
    random_specs,
    skin,
    snapshot,
)

from mocapanything_addon.ik import rotations
from mocapanything_addon.jobs.errors import BadInputError
from mocapanything_addon.jobs.rig import Rig
from mocapanything_addon.scene.read_rig import read_rig

pytestmark = pytest.mark.bpy


def two_bones() -> bpy.types.Object:
    return make_armature(
        [BoneSpec("Lower", (0, 0, 0), (0, 0, 1)), BoneSpec("Upper", (0, 0, 1), (0, 0, 2), "Lower", True)]
    )


@pytest.mark.parametrize("seed", range(4))
def test_the_pose_and_place_of_the_armature_do_not_matter(seed):
    rng = np.random.default_rng(seed)
    armature = make_armature(random_specs(rng, 12))
    skin(armature, modifier=seed % 2 == 0)
    at_rest = read_rig(armature)
    disturb_pose(armature, rng)
    armature.location, armature.scale = (4, 5, 6), (0.01, 0.01, 0.01)
    armature.keyframe_insert("location", frame=3)
    posed = read_rig(armature)
    for name in ("rest_positions", "rest_rotations", "parents", "skin_joints", "skin_weights", "faces"):
        assert np.allclose(getattr(posed, name), getattr(at_rest, name), atol=1e-5), name
    assert np.abs(posed.vertices - at_rest.vertices).max() < 1e-4
    assert np.allclose(at_rest.up, [0, 0, 1])


def test_reading_touches_nothing():
    rng = np.random.default_rng(0)
    armature = make_armature(random_specs(rng, 8))
    body = skin(armature)
    disturb_pose(armature, rng)
    armature.pose.bones[2].keyframe_insert("location", frame=1)
    bpy.context.scene.frame_set(7)
    body.select_set(True)
    bpy.ops.object.mode_set(mode="POSE")
    before = snapshot(armature)
    read_rig(armature)
    assert snapshot(armature) == before


def test_joints_are_bone_heads_and_leaf_tails_in_topological_order():
    armature = make_armature(
        [
            BoneSpec("Hip", (0, 0, 1), (0, 0, 2), roll=0.5),
            BoneSpec("Left", (1, 0, 1), (2, 0, 1), "Hip"),
            BoneSpec("Right", (-1, 0, 1), (-2, 0, 1), "Hip"),
        ]
    )
    skin(armature)
    rig = read_rig(armature)
    assert rig.joint_names == ("Hip", "Left", "Right", "Left", "Right")
    assert rig.parents.tolist() == [-1, 0, 0, 1, 2]
    assert rig.is_tail.tolist() == [False, False, False, True, True]
    assert np.allclose(rig.rest_positions[0], [0, 0, 1]) and np.allclose(rig.rest_positions[1], [1, 0, 1])
    along = rig.rest_positions[3] - rig.rest_positions[1]
    assert np.allclose(along / np.linalg.norm(along), [1, 0, 0], atol=1e-6)
    assert rig.can_translate.tolist() == [True, False, False, False, False]
    assert not np.isin(rig.skin_joints[rig.skin_weights > 0], [3, 4]).any()
    assert np.allclose(rig.skin_weights.sum(axis=1), 1.0)


def test_one_bone_is_a_rig():
    armature = make_armature([BoneSpec("Only", (0, 0, 0), (0, 1, 0))])
    skin(armature)
    rig = read_rig(armature)
    assert rig.joint_names == ("Only", "Only") and rig.parents.tolist() == [-1, 0]


def test_four_hundred_bones_are_read():
    armature = make_armature(random_specs(np.random.default_rng(0), 400))
    skin(armature)
    rig = read_rig(armature)
    assert (~rig.is_tail).sum() == 400 and len(rig.vertices) == 3200


def test_a_rig_survives_saving(tmp_path):
    armature = two_bones()
    skin(armature)
    rig = read_rig(armature)
    rig.save(tmp_path / "rig.npz")
    assert Rig.load(tmp_path / "rig.npz").content_hash() == rig.content_hash()


def test_several_meshes_modifiers_and_shape_keys_are_evaluated():
    armature = two_bones()
    body = skin(armature, name="Body", blend=False)
    hat = skin(armature, {"Upper": 1}, name="Hat", blend=False)
    mirror = hat.modifiers.new("Mirror", "MIRROR")
    mirror.use_axis = (True, False, False)
    mirror.use_clip = mirror.use_mirror_merge = False
    hat.modifiers.move(1, 0)
    for vertex in hat.data.vertices:
        vertex.co.x += 1.0
    body.shape_key_add(name="Basis")
    key = body.shape_key_add(name="Fat")
    for point in key.data:
        point.co.y *= 3.0
    key.value = 1.0
    armature.pose.bones["Upper"].rotation_quaternion = (0.8, 0.6, 0, 0)
    rig = read_rig(armature)
    assert len(rig.vertices) == 16 + 2 * 8
    side = rig.vertices[np.abs(rig.vertices[:, 0]) > 0.5]
    assert len(side) == 16 and (side[:, 0] > 0).sum() == 8
    plain = np.abs([v.co.y for v in body.data.vertices]).max()
    assert np.abs(rig.vertices[:16, 1]).max() == pytest.approx(3.0 * plain, rel=1e-5)
    armature.pose.bones["Upper"].rotation_quaternion = (1, 0, 0, 0)
    assert np.abs(rig.vertices[:16] - evaluated_vertices(armature, body)).max() < 1e-5


def test_meshes_parented_to_a_bone_are_rigidly_skinned_where_they_stand_at_rest():
    """A box on the upper bone's tail, and another on an empty that hangs on the bone, in a bent pose."""
    armature = two_bones()
    skin(armature)
    upper = armature.pose.bones["Upper"]
    upper.rotation_quaternion = rotations.quaternion_from_matrix(rotations.exp([0.7, 0.2, 0.1]))
    empty = bpy.data.objects.new("Hand", None)
    bpy.context.scene.collection.objects.link(empty)
    empty.parent, empty.parent_type, empty.parent_bone = armature, "BONE", "Upper"
    mesh = bpy.data.meshes.new("Box")
    mesh.from_pydata([(0, 0, 0), (0.1, 0, 0), (0, 0.1, 0)], [], [(0, 1, 2)])
    direct = bpy.data.objects.new("Hat", mesh)
    held = bpy.data.objects.new("Stick", mesh)
    for thing in (direct, held):
        bpy.context.scene.collection.objects.link(thing)
    direct.parent, direct.parent_type, direct.parent_bone = armature, "BONE", "Upper"
    held.parent, held.location = empty, (0, 0.5, 0)
    rig = read_rig(armature)
    added = rig.vertices[16:]
    assert len(added) == 6
    assert np.allclose(added[0], [0, 0, 2.0], atol=1e-5) and np.allclose(added[3], [0, 0, 2.5], atol=1e-5)
    assert (rig.skin_joints[16:, 0] == rig.joint_names.index("Upper")).all()
    assert (rig.skin_weights[16:, 0] == 1).all()


def test_weights_are_normalised_and_other_groups_ignored():
    armature = two_bones()
    body = skin(armature, blend=False)
    armature.data.bones["Upper"].use_deform = True
    extra = body.vertex_groups.new(name="Selection")
    extra.add(list(range(16)), 1.0, "REPLACE")
    body.vertex_groups["Lower"].add(list(range(16)), 0.2, "REPLACE")
    body.vertex_groups["Upper"].add(list(range(16)), 0.3, "REPLACE")
    rig = read_rig(armature)
    assert np.allclose(np.sort(rig.skin_weights, axis=1)[:, 2:], [[0.4, 0.6]], atol=1e-6)


def test_vertices_without_weights_are_left_out_with_a_warning():
    armature = two_bones()
    body = skin(armature, blend=False)
    body.vertex_groups["Upper"].remove([8, 9])
    rig = read_rig(armature)
    assert len(rig.vertices) == 14 and rig.faces.max() == 13
    assert any("2 vertices have no weight" in w for w in rig.warnings)


def test_meshes_hidden_in_renders_are_left_out():
    armature = two_bones()
    skin(armature, name="Body")
    proxy = skin(armature, name="Proxy")
    proxy.hide_render = True
    assert len(read_rig(armature).vertices) == 16
    bpy.data.objects["Body"].hide_render = True
    assert len(read_rig(armature).vertices) == 32


def test_joint_limits_and_locks_are_read():
    armature = two_bones()
    skin(armature)
    lower, upper = armature.pose.bones["Lower"], armature.pose.bones["Upper"]
    upper.use_ik_limit_x, upper.ik_min_x, upper.ik_max_x = True, -0.5, 1.5
    upper.lock_ik_y = True
    upper.lock_rotation = (False, False, True)
    limit = upper.constraints.new("LIMIT_ROTATION")
    limit.owner_space = "LOCAL"
    limit.use_limit_x, limit.min_x, limit.max_x = True, -1.0, 1.0
    limit.use_limit_z, limit.min_z, limit.max_z = True, -0.25, 0.5
    muted = upper.constraints.new("LIMIT_ROTATION")
    muted.owner_space, muted.use_limit_z, muted.mute = "LOCAL", True, True
    world = lower.constraints.new("LIMIT_ROTATION")
    world.owner_space, world.use_limit_x = "WORLD", True
    rig = read_rig(armature)
    j = rig.joint_names.index("Upper")
    assert np.allclose(rig.limits[j], [[-0.5, 1.0], [0.0, 0.0], [-0.25, 0.5]])
    assert rig.locked_rotation[j].tolist() == [False, False, True]
    assert np.isinf(rig.limits[0]).all() and np.isinf(rig.limits[rig.is_tail]).all()
    assert any("Local Space" in w and "'Lower'" in w for w in rig.warnings)


def test_up_is_the_worlds_in_armature_space():
    armature = two_bones()
    skin(armature)
    armature.rotation_euler = (np.pi / 2, 0, 0)
    assert np.allclose(read_rig(armature).up, [0, 1, 0], atol=1e-6)
    parent = bpy.data.objects.new("Parent", None)
    bpy.context.scene.collection.objects.link(parent)
    parent.rotation_euler = (-np.pi / 2, 0, 0)
    armature.parent = parent
    assert np.allclose(read_rig(armature).up, [0, 0, 1], atol=1e-6)


# ---- what is refused


def test_nothing_selected_is_refused():
    with pytest.raises(BadInputError, match="No armature") as caught:
        read_rig(None)
    assert caught.value.hint


def test_a_mesh_is_refused_and_its_armature_named():
    armature = two_bones()
    body = skin(armature)
    with pytest.raises(BadInputError, match="not an armature") as caught:
        read_rig(body)
    assert "'Rig'" in caught.value.hint


def test_an_armature_without_meshes_is_refused():
    armature = two_bones()
    with pytest.raises(BadInputError, match="No mesh") as caught:
        read_rig(armature)
    assert caught.value.code == "no_skinned_mesh" and "Automatic Weights" in caught.value.hint


@pytest.mark.parametrize("keep_groups", [False, True])
def test_a_mesh_without_weights_is_refused(keep_groups):
    armature = two_bones()
    body = skin(armature)
    for group in list(body.vertex_groups):
        if keep_groups:
            group.remove(list(range(16)))
        else:
            body.vertex_groups.remove(group)
    before = snapshot(armature)
    with pytest.raises(BadInputError, match="no weights") as caught:
        read_rig(armature)
    assert caught.value.code == "no_weights" and caught.value.hint
    assert snapshot(armature) == before


@pytest.mark.parametrize(
    ("scale", "code"), [((1, 0, 1), "zero_scale"), ((-1, 1, 1), "negative_scale"), ((2, 1, 1), None)]
)
def test_scales(scale, code):
    armature = two_bones()
    skin(armature)
    armature.scale = scale
    if code is None:
        assert any("not scaled evenly" in w for w in read_rig(armature).warnings)
        return
    with pytest.raises(BadInputError) as caught:
        read_rig(armature)
    assert caught.value.code == code and caught.value.hint


def test_shear_is_refused():
    armature = two_bones()
    skin(armature)
    parent = bpy.data.objects.new("Squash", None)
    bpy.context.scene.collection.objects.link(parent)
    parent.scale = (3, 1, 1)
    armature.parent, armature.rotation_euler = parent, (0, 0, 0.7)
    with pytest.raises(BadInputError) as caught:
        read_rig(armature)
    assert caught.value.code == "sheared"


def test_edit_mode_is_refused():
    armature = two_bones()
    skin(armature)
    bpy.context.view_layer.objects.active = armature
    bpy.ops.object.mode_set(mode="EDIT")
    with pytest.raises(BadInputError, match="Edit Mode"):
        read_rig(armature)
    bpy.ops.object.mode_set(mode="OBJECT")


# ---- large meshes


def test_a_million_vertices_are_thinned_out():
    """A finely divided pillar: few vertices are left, each with its own place and weights."""
    armature = two_bones()
    around, along = 1000, 1000
    angle, height = np.meshgrid(np.linspace(0, 2 * np.pi, around, endpoint=False), np.linspace(0, 2, along))
    points = np.stack([0.3 * np.cos(angle), 0.3 * np.sin(angle), height], -1).reshape(-1, 3)
    corner = np.arange(around * along).reshape(along, around)
    quads = np.stack(
        [corner[:-1], np.roll(corner, -1, 1)[:-1], np.roll(corner, -1, 1)[1:], corner[1:]], -1
    ).reshape(-1, 4)
    mesh = bpy.data.meshes.new("Pillar")
    mesh.vertices.add(len(points))
    mesh.vertices.foreach_set("co", points.astype(np.float32).ravel())
    mesh.loops.add(quads.size)
    mesh.loops.foreach_set("vertex_index", quads.astype(np.int32).ravel())
    mesh.polygons.add(len(quads))
    mesh.polygons.foreach_set("loop_start", np.arange(0, quads.size, 4, dtype=np.int32))
    mesh.update(calc_edges=True)
    pillar = bpy.data.objects.new("Pillar", mesh)
    bpy.context.scene.collection.objects.link(pillar)
    half = along // 2 * around
    pillar.vertex_groups.new(name="Lower").add(range(half), 1.0, "REPLACE")
    pillar.vertex_groups.new(name="Upper").add(range(half, along * around), 1.0, "REPLACE")
    pillar.modifiers.new("Armature", "ARMATURE").object = armature
    begin = time.perf_counter()
    rig = read_rig(armature, max_vertices=5000)
    assert time.perf_counter() - begin < 60.0
    assert 1500 < len(rig.vertices) <= 5000
    assert np.allclose(np.linalg.norm(rig.vertices[:, :2], axis=1), 0.3, atol=1e-5)
    upper = rig.vertices[:, 2] > points[half - 1, 2] + 1e-4
    assert (rig.skin_joints[:, 0] == np.where(upper, 1, 0)).all()
    edges = rig.vertices[rig.faces[:, 1:]] - rig.vertices[rig.faces[:, :1]]
    area = 0.5 * np.linalg.norm(np.cross(edges[:, 0], edges[:, 1]), axis=1).sum()
    assert area == pytest.approx(2 * np.pi * 0.3 * 2, rel=0.05)


def test_the_sides_of_a_thin_sheet_stay_apart():
    armature = two_bones()
    body = skin(armature, {"Lower": 1})
    body.modifiers.new("Subdivide", "SUBSURF").levels = 4
    body.modifiers["Subdivide"].subdivision_type = "SIMPLE"
    body.modifiers.move(1, 0)
    for vertex in body.data.vertices:
        vertex.co.y *= 1e-3
    full, thin = read_rig(armature), read_rig(armature, max_vertices=600)
    assert len(thin.vertices) <= 600 < len(full.vertices)

    def facing(rig: Rig) -> np.ndarray:
        edges = rig.vertices[rig.faces[:, 1:]] - rig.vertices[rig.faces[:, :1]]
        normal = np.cross(edges[:, 0], edges[:, 1])[:, 1]
        return np.array([normal[normal > 0].sum(), normal[normal < 0].sum()])

    assert np.allclose(facing(thin), facing(full), rtol=0.2)


# ---- colours


def painted(setup) -> np.ndarray:
    """(V, 3) colours of a body whose material was made by ``setup(node tree, body)``."""
    armature = two_bones()
    body = skin(armature)
    material = bpy.data.materials.new("Paint")
    material.use_nodes = True
    body.data.materials.append(material)
    setup(material.node_tree, body)
    return read_rig(armature).vertex_colors


def principled(tree: bpy.types.NodeTree) -> bpy.types.Node:
    return next(n for n in tree.nodes if n.type == "BSDF_PRINCIPLED")


def test_no_material_is_mid_grey():
    armature = two_bones()
    skin(armature)
    assert (read_rig(armature).vertex_colors == 128).all()


def test_a_plain_base_color_is_read_as_srgb():
    def setup(tree, _body):
        principled(tree).inputs["Base Color"].default_value = (0.214, 0.0, 1.0, 1.0)

    assert np.allclose(painted(setup), [127, 0, 255], atol=1)


def test_a_texture_is_sampled_at_the_uv_map():
    """Left half red, right half green, under a multiplied half-strength grey."""

    def setup(tree, body):
        image = bpy.data.images.new("Halves", 64, 8)
        pixels = np.zeros((8, 64, 4), np.float32)
        pixels[:, :32, 0] = pixels[:, 32:, 1] = pixels[..., 3] = 1.0
        image.pixels.foreach_set(pixels.ravel())
        layer = body.data.uv_layers.new(name="UVMap")
        for loop in body.data.loops:
            upper = loop.vertex_index >= 8
            layer.data[loop.index].uv = (0.75 if upper else 0.25, 0.5)
        texture = tree.nodes.new("ShaderNodeTexImage")
        texture.image = image
        mix = tree.nodes.new("ShaderNodeMix")
        mix.data_type, mix.blend_type = "RGBA", "MULTIPLY"
        mix.inputs[0].default_value = 1.0
        mix.inputs[7].default_value = (0.214, 0.214, 0.214, 1.0)
        tree.links.new(texture.outputs["Color"], mix.inputs[6])
        tree.links.new(mix.outputs[2], principled(tree).inputs["Base Color"])

    colors = painted(setup)
    assert np.allclose(colors[:8], [127, 0, 0], atol=1) and np.allclose(colors[8:], [0, 127, 0], atol=1)


@pytest.mark.parametrize("domain", ["POINT", "CORNER"])
def test_a_color_attribute_is_read(domain):
    def setup(tree, body):
        attribute = body.data.color_attributes.new("Paint", "BYTE_COLOR", domain)
        vertex_of = [loop.vertex_index for loop in body.data.loops]
        for i, entry in enumerate(attribute.data):
            upper = (i if domain == "POINT" else vertex_of[i]) >= 8
            entry.color = (0, 0, 1, 1) if upper else (1, 1, 0, 1)
        node = tree.nodes.new("ShaderNodeVertexColor")
        node.layer_name = "Paint"
        tree.links.new(node.outputs["Color"], principled(tree).inputs["Base Color"])

    colors = painted(setup)
    assert np.allclose(colors[:8], [255, 255, 0], atol=1) and np.allclose(colors[8:], [0, 0, 255], atol=1)


def test_a_missing_texture_falls_back_to_the_viewport_color(tmp_path):
    def setup(tree, body):
        body.data.uv_layers.new(name="UVMap")
        texture = tree.nodes.new("ShaderNodeTexImage")
        texture.image = bpy.data.images.new("Lost", 8, 8)
        texture.image.source, texture.image.filepath = "FILE", str(tmp_path / "lost.png")
        tree.links.new(texture.outputs["Color"], principled(tree).inputs["Base Color"])
        body.data.materials[0].diffuse_color = (1.0, 0.214, 0.0, 1.0)

    assert np.allclose(painted(setup), [255, 127, 0], atol=1)


def test_large_textures_are_read_from_a_smaller_copy():
    def setup(tree, body):
        layer = body.data.uv_layers.new(name="UVMap")
        for entry in layer.data:
            entry.uv = (0.5, 0.5)
        texture = tree.nodes.new("ShaderNodeTexImage")
        texture.image = bpy.data.images.new("Large", 2048, 2048)
        texture.image.generated_color = (0.2, 0.6, 0.4, 1.0)
        tree.links.new(texture.outputs["Color"], principled(tree).inputs["Base Color"])

    colors = painted(setup)
    assert len(bpy.data.images) == 1
    assert (colors == colors[0]).all() and colors[0, 1] > colors[0, 2] > colors[0, 0]


# ---- the rig's own Actions


def animated(mode: str) -> tuple[bpy.types.Object, np.ndarray]:
    """An armature with an Action of its own and the local rotation of the upper bone at its last frame."""
    armature = two_bones()
    skin(armature)
    upper = armature.pose.bones["Upper"]
    upper.rotation_mode = mode
    for frame, angle in ((1, 0.0), (11, 1.2)):
        turn = Matrix(rotations.exp([angle, 0.3 * angle, 0.0]).tolist())
        upper.matrix_basis = turn.to_4x4()
        path = {"QUATERNION": "rotation_quaternion", "AXIS_ANGLE": "rotation_axis_angle"}.get(
            mode, "rotation_euler"
        )
        upper.keyframe_insert(path, frame=frame)
    upper.matrix_basis = Matrix()
    rest = np.array(armature.data.bones["Upper"].matrix_local)[:3, :3]
    return armature, rest @ rotations.exp([1.2, 0.36, 0.0]) @ rest.T


@pytest.mark.parametrize("mode", ["QUATERNION", "YXZ", "AXIS_ANGLE"])
def test_example_poses_come_from_the_rigs_own_actions(mode):
    armature, last = animated(mode)
    armature.animation_data.action.use_fake_user = True
    armature.animation_data_clear()
    before = snapshot(armature)
    rig = read_rig(armature)
    assert snapshot(armature) == before
    assert rig.example_rotations.shape == (64, rig.joint_count, 4)
    found = rotations.matrix_from_quaternion(rig.example_rotations)
    j = rig.joint_names.index("Upper")
    assert rotations.angle_between(found[-1, j], last) < 1e-3
    assert rotations.angle_between(found[0, j], np.eye(3)) < 1e-3
    assert rotations.angle_between(found[:, 0], np.eye(3)).max() < 1e-6


def test_keys_that_are_no_numbers_are_passed_over():
    armature, _last = animated("XYZ")
    from mocapanything_addon.scene import compat

    curve = next(c for c in compat.curve_lists(armature.animation_data.action)[0] if c.array_index == 0)
    curve.keyframe_points[0].co[1] = float("nan")
    rig = read_rig(armature)
    assert np.isfinite(rig.example_rotations).all()


def test_captures_are_no_examples_and_other_rigs_actions_neither():
    from mocapanything_addon.scene.write_action import write_action

    armature = two_bones()
    skin(armature)
    rig = read_rig(armature)
    other = make_armature([BoneSpec("Bone", (0, 0, 0), (0, 0, 1))], name="Other")
    other.pose.bones["Bone"].keyframe_insert("rotation_quaternion", frame=1)
    write_action(armature, rig, random_solution(rig, np.random.default_rng(0)), name="capture")
    again = read_rig(armature)
    assert len(again.example_rotations) == 0 and again.content_hash() == rig.content_hash()
