# SPDX-License-Identifier: GPL-3.0-or-later
"""A creature as a .blend file: armature, limits, skinned mesh, coloured material, camera and light."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy
import numpy as np
from mathutils import Matrix, Vector

from mocapanything_addon.ik.camera import Camera

from .creatures.creature import Creature

CONNECTED = 1e-5
"""A bone that starts this near to its parent's tail (metres) is connected to it."""


def write_blend(
    creature: Creature, path: Path, *, camera: Camera | None = None, frame_rate: int = 24
) -> None:
    """Write the creature in rest pose; whatever is open in this Blender is discarded.

    The armature object stands at the origin, so armature space is the world. ``camera`` places the scene's
    camera.
    """
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.context.preferences.filepaths.save_version = 0  # no .blend1 beside it
    scene = bpy.context.scene
    scene.render.fps = frame_rate
    scene.display.shading.color_type = "VERTEX"
    title = creature.plan.name.capitalize()
    armature = _add_armature(creature, title)
    _set_limits(creature, armature)
    _add_mesh(creature, armature, title)
    _light(scene)
    if camera is not None:
        _add_camera(scene, camera)
    bpy.context.view_layer.objects.active = armature
    armature.select_set(True)
    path.parent.mkdir(parents=True, exist_ok=True)
    bpy.ops.wm.save_as_mainfile(filepath=str(path.resolve()), compress=True, check_existing=False)


def _add_armature(creature: Creature, title: str) -> Any:
    anatomy = creature.anatomy
    data = bpy.data.armatures.new(title)
    armature = bpy.data.objects.new(title, data)
    bpy.context.scene.collection.objects.link(armature)
    bpy.context.view_layer.objects.active = armature
    bpy.ops.object.mode_set(mode="EDIT")
    bones: list[Any] = []
    for b, name in enumerate(anatomy.names):
        bone = data.edit_bones.new(name)
        bone.head, bone.tail = Vector(anatomy.heads[b]), Vector(anatomy.tails[b])
        bone.align_roll(Vector(anatomy.axes[b][:, 2]))
        parent = int(anatomy.parents[b])
        if parent >= 0:
            bone.parent = bones[parent]
            gap = np.linalg.norm(anatomy.heads[b] - anatomy.tails[parent])
            bone.use_connect = bool(gap < CONNECTED)
        bones.append(bone)
    bpy.ops.object.mode_set(mode="OBJECT")
    armature.show_in_front = True
    return armature


def _set_limits(creature: Creature, armature: Any) -> None:
    """Ranges as the bones' IK limits; those hold 0, which IK limits must."""
    for b, name in enumerate(creature.anatomy.names):
        bone = armature.pose.bones[name]
        for k, axis in enumerate("xyz"):
            low, high = creature.anatomy.limits[b, k]
            if np.isinf(low) and np.isinf(high):
                continue
            setattr(bone, f"use_ik_limit_{axis}", True)
            setattr(bone, f"ik_min_{axis}", max(float(low), -np.pi))
            setattr(bone, f"ik_max_{axis}", min(float(high), np.pi))


def _add_mesh(creature: Creature, armature: Any, title: str) -> None:
    rig = creature.rig
    mesh = bpy.data.meshes.new(f"{title} Body")
    mesh.from_pydata(rig.vertices.tolist(), [], rig.faces.tolist())
    mesh.polygons.foreach_set("use_smooth", np.ones(len(rig.faces), bool))
    colors = np.ones((len(rig.vertices), 4), np.float32)
    colors[:, :3] = rig.vertex_colors / 255.0
    layer = mesh.color_attributes.new("Coat", "BYTE_COLOR", "POINT")
    layer.data.foreach_set("color_srgb", colors.reshape(-1))
    mesh.color_attributes.active_color = layer
    mesh.materials.append(_coat_material(rig.vertex_colors))
    body = bpy.data.objects.new(f"{title} Body", mesh)
    bpy.context.scene.collection.objects.link(body)
    body.parent = armature
    for b, name in enumerate(creature.anatomy.names):
        weights = np.where(rig.skin_joints == b, rig.skin_weights, 0.0).sum(axis=1)
        held = np.flatnonzero(weights)
        group = body.vertex_groups.new(name=name)
        for vertex in held:
            group.add([int(vertex)], float(weights[vertex]), "REPLACE")
    modifier = body.modifiers.new("Armature", "ARMATURE")
    modifier.object = armature


def _coat_material(colors: np.ndarray) -> Any:
    material = bpy.data.materials.new("Coat")
    material.use_nodes = True
    mean = (colors.mean(axis=0) / 255.0) ** 2.2
    material.diffuse_color = (*mean.tolist(), 1.0)
    material.roughness = 0.8
    nodes, links = material.node_tree.nodes, material.node_tree.links
    shader = next(n for n in nodes if n.type == "BSDF_PRINCIPLED")
    shader.inputs["Roughness"].default_value = 0.8
    attribute = nodes.new("ShaderNodeVertexColor")
    attribute.layer_name = "Coat"
    attribute.location = (shader.location.x - 250.0, shader.location.y)
    links.new(attribute.outputs["Color"], shader.inputs["Base Color"])
    return material


def _light(scene: Any) -> None:
    data = bpy.data.lights.new("Sun", "SUN")
    data.energy = 3.0
    sun = bpy.data.objects.new("Sun", data)
    sun.rotation_euler = (0.62, 0.35, 0.0)
    sun.location = (1.0, -1.0, 3.0)
    scene.collection.objects.link(sun)
    world = bpy.data.worlds.new("Sky")
    world.color = (0.35, 0.40, 0.48)
    scene.world = world


def _add_camera(scene: Any, camera: Camera) -> None:
    """Blender's cameras look along their -z with y up; ours along z with y down."""
    data = bpy.data.cameras.new("Camera")
    data.sensor_fit = "AUTO"
    data.angle = 2.0 * float(np.arctan(0.5 * max(camera.width, camera.height) / camera.focal))
    holder = bpy.data.objects.new("Camera", data)
    matrix = np.eye(4)
    matrix[:3, :3] = camera.rotation.T @ np.diag([1.0, -1.0, -1.0])
    matrix[:3, 3] = camera.position
    holder.matrix_world = Matrix(matrix.tolist())
    scene.collection.objects.link(holder)
    scene.camera = holder
    scene.render.resolution_x, scene.render.resolution_y = camera.width, camera.height
