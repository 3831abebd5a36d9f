# SPDX-License-Identifier: GPL-3.0-or-later
"""Armatures, skinned meshes and motions made in code."""

from __future__ import annotations

from dataclasses import dataclass, field

import bpy
import numpy as np
from mathutils import Matrix, Vector

from mocapanything_addon.ik import rotations
from mocapanything_addon.jobs.rig import Rig
from mocapanything_addon.jobs.solution import Solution


@dataclass
class BoneSpec:
    """One bone to be made."""

    name: str
    head: tuple[float, float, float]
    tail: tuple[float, float, float]
    parent: str | None = None
    connect: bool = False
    roll: float = 0.0
    settings: dict[str, object] = field(default_factory=dict)


def make_armature(specs: list[BoneSpec], name: str = "Rig") -> bpy.types.Object:
    """An armature object in the current scene with these bones."""
    data = bpy.data.armatures.new(name)
    armature = bpy.data.objects.new(name, data)
    bpy.context.scene.collection.objects.link(armature)
    bpy.context.view_layer.objects.active = armature
    bpy.ops.object.mode_set(mode="EDIT")
    for spec in specs:
        bone = data.edit_bones.new(spec.name)
        bone.head, bone.tail, bone.roll = Vector(spec.head), Vector(spec.tail), spec.roll
        if spec.parent is not None:
            bone.parent = data.edit_bones[spec.parent]
            bone.use_connect = spec.connect
        for key, value in spec.settings.items():
            setattr(bone, key, value)
    bpy.ops.object.mode_set(mode="OBJECT")
    return armature


def skin(
    armature: bpy.types.Object,
    weights: dict[str, float] | None = None,
    *,
    name: str = "Body",
    blend: bool = True,
    modifier: bool = True,
) -> bpy.types.Object:
    """A mesh of one small box around each deforming bone; the half at the head is shared with the parent.

    Args:
        armature: What moves it.
        weights: How many boxes to make for which bones; one for every deforming bone when None.
        name: Of the mesh object.
        blend: Share weights with the parent bone.
        modifier: Use an Armature modifier; else parent type Armature.
    """
    vertices: list[Vector] = []
    faces: list[tuple[int, ...]] = []
    groups: dict[str, list[tuple[int, float]]] = {}
    bones = [b for b in armature.data.bones if b.use_deform and (weights is None or b.name in weights)]
    for bone in bones:
        for copy in range(int((weights or {}).get(bone.name, 1))):
            first = len(vertices)
            for along in (0.1, 0.9):
                for x, z in ((-1, -1), (1, -1), (1, 1), (-1, 1)):
                    side = bone.length * (0.15 + 0.05 * copy)
                    vertices.append(bone.matrix_local @ Vector((x * side, along * bone.length, z * side)))
            a = first
            faces += [(a, a + 1, a + 2, a + 3), (a + 4, a + 7, a + 6, a + 5)]
            faces += [(a + i, a + 4 + i, a + 4 + (i + 1) % 4, a + (i + 1) % 4) for i in range(4)]
            share = 0.4 if blend and bone.parent and bone.parent.use_deform else 0.0
            groups.setdefault(bone.name, [])
            groups[bone.name] += [(first + i, 1.0 - (share if i < 4 else 0.0)) for i in range(8)]
            if share:
                groups.setdefault(bone.parent.name, []).extend((first + i, share) for i in range(4))
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata(vertices, [], faces)
    body = bpy.data.objects.new(name, mesh)
    bpy.context.scene.collection.objects.link(body)
    for group_name, entries in groups.items():
        group = body.vertex_groups.new(name=group_name)
        for index, weight in entries:
            group.add([index], weight, "REPLACE")
    body.parent = armature
    if modifier:
        body.modifiers.new("Armature", "ARMATURE").object = armature
    else:
        body.parent_type = "ARMATURE"
    return body


def random_specs(rng: np.random.Generator, count: int) -> list[BoneSpec]:
    """A random tree with any rolls, some bones connected, some that do not inherit rotation."""
    specs: list[BoneSpec] = []
    for i in range(count):
        parent = specs[int(rng.integers(max(0, i - 4), i))] if i else None
        connect = bool(parent and rng.random() < 0.5)
        head = np.array(parent.tail) if parent else np.zeros(3)
        if not connect:
            head = head + 0.3 * rng.normal(size=3)
        tail = head + rng.uniform(0.3, 1.0) * _unit(rng.normal(size=3))
        settings: dict[str, object] = {
            "use_inherit_rotation": bool(rng.random() > 0.2),
            "use_local_location": bool(rng.random() > 0.3),
            "inherit_scale": str(rng.choice(["FULL", "NONE", "ALIGNED", "AVERAGE", "FIX_SHEAR"])),
        }
        specs.append(
            BoneSpec(
                f"Bone {i}",
                tuple(head),
                tuple(tail),
                parent.name if parent else None,
                connect,
                float(rng.uniform(-np.pi, np.pi)),
                settings,
            )
        )
    return specs


def disturb_pose(armature: bpy.types.Object, rng: np.random.Generator) -> None:
    """Any rotation mode, any pose."""
    modes = ["QUATERNION", "XYZ", "XZY", "YXZ", "YZX", "ZXY", "ZYX", "AXIS_ANGLE"]
    for bone in armature.pose.bones:
        bone.rotation_mode = str(rng.choice(modes))
        turn = Matrix(rotations.exp(0.5 * rng.normal(size=3)).tolist()).to_4x4()
        bone.matrix_basis = Matrix.Translation(0.2 * Vector(rng.normal(size=3))) @ turn @ Matrix.Scale(1.3, 4)


def random_solution(
    rig: Rig, rng: np.random.Generator, frames: int = 12, *, frame_rate: float = 24.0, size: float = 0.6
) -> Solution:
    """Smooth random rotations of every joint and a wandering root, positions by forward kinematics."""
    count = rig.joint_count
    phase, amount = rng.uniform(0, 2 * np.pi, (count, 3)), size * rng.normal(size=(count, 3))
    time = np.arange(frames) / frame_rate
    vectors = amount * np.sin(2.0 * np.pi * time[:, None, None] + phase)
    local = rotations.exp(vectors)
    local[:, rig.is_tail] = np.eye(3)
    root = rig.rest_positions[0] + rig.size * np.stack([time, np.sin(5 * time), 0.3 * time], -1)
    return solution_from_local(rig, local, root, frame_rate)


def solution_from_local(rig: Rig, local: np.ndarray, root: np.ndarray, frame_rate: float) -> Solution:
    """Forward kinematics of rest-relative local rotations (T, J, 3, 3) and root positions (T, 3)."""
    turned, positions = local.copy(), np.zeros((*local.shape[:2], 3))
    positions[:, 0] = root
    for j in range(1, rig.joint_count):
        parent = rig.parents[j]
        turned[:, j] = turned[:, parent] @ local[:, j]
        positions[:, j] = positions[:, parent] + turned[:, parent] @ rig.offsets[j]
    frames = len(local)
    return Solution(
        times=np.arange(frames) / frame_rate,
        positions=positions,
        global_rotations=rotations.quaternion_from_matrix(turned),
        local_rotations=rotations.quaternion_from_matrix(local),
        confidence=np.ones((frames, rig.joint_count), np.float32),
        camera_rotation=np.eye(3),
        camera_translation=np.zeros(3),
        camera_focal=500.0,
        image_size=np.array([640, 480]),
        source_frame_rate=frame_rate,
    )


def asked_matrices(rig: Rig, solution: Solution, frame: int) -> np.ndarray:
    """(J, 4, 4) the pose matrix of every joint, armature space."""
    turned = rotations.matrix_from_quaternion(solution.global_rotations[frame])
    rest = rotations.matrix_from_quaternion(rig.rest_rotations)
    result = np.tile(np.eye(4), (rig.joint_count, 1, 1))
    result[:, :3, :3] = turned @ rest
    result[:, :3, 3] = solution.positions[frame]
    return result


def skinned_vertices(rig: Rig, solution: Solution, frame: int) -> np.ndarray:
    """(V, 3) linear blend skinning of the rig, armature space."""
    turned = rotations.matrix_from_quaternion(solution.global_rotations[frame])
    result = np.zeros((len(rig.vertices), 3))
    for k in range(4):
        joint = rig.skin_joints[:, k]
        moved = np.einsum("vij,vj->vi", turned[joint], rig.vertices - rig.rest_positions[joint])
        result += rig.skin_weights[:, k, None] * (moved + solution.positions[frame, joint])
    return result


def evaluated_vertices(armature: bpy.types.Object, mesh_object: bpy.types.Object) -> np.ndarray:
    """(V, 3) vertices as Blender deforms them now, armature space."""
    depsgraph = bpy.context.evaluated_depsgraph_get()
    evaluated = mesh_object.evaluated_get(depsgraph)
    mesh = evaluated.to_mesh()
    flat = np.empty(len(mesh.vertices) * 3, np.float32)
    mesh.vertices.foreach_get("co", flat)
    into = np.array(armature.matrix_world.inverted() @ evaluated.matrix_world, float)
    evaluated.to_mesh_clear()
    return flat.reshape(-1, 3) @ into[:3, :3].T + into[:3, 3]


def snapshot(armature: bpy.types.Object) -> dict[str, object]:
    """Everything of the user's that reading a rig must leave alone."""
    data = armature.animation_data
    collections = ("objects", "meshes", "armatures", "scenes", "actions", "materials", "images", "cameras")
    collections += ("lights", "worlds", "collections", "node_groups")
    return {
        "counts": {name: len(getattr(bpy.data, name)) for name in collections},
        "names": sorted(o.name for o in bpy.data.objects),
        "pose": [tuple(map(tuple, b.matrix_basis)) for b in armature.pose.bones],
        "modes": [b.rotation_mode for b in armature.pose.bones],
        "position": armature.data.pose_position,
        "action": data.action.name if data and data.action else None,
        "selected": sorted(o.name for o in bpy.context.view_layer.objects if o.select_get()),
        "active": bpy.context.view_layer.objects.active.name
        if bpy.context.view_layer.objects.active
        else None,
        "mode": armature.mode,
        "frame": (
            bpy.context.scene.frame_current,
            bpy.context.scene.frame_start,
            bpy.context.scene.frame_end,
        ),
        "scene": bpy.context.scene.name,
        "render": (
            bpy.context.scene.render.engine,
            bpy.context.scene.render.filepath,
            bpy.context.scene.render.resolution_x,
            bpy.context.scene.view_settings.view_transform,
        ),
    }


def _unit(vector: np.ndarray) -> np.ndarray:
    return vector / np.linalg.norm(vector)
