# SPDX-License-Identifier: GPL-3.0-or-later
"""What a .blend really shows: bones and meshes as Blender evaluates them, frame by frame."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray

from .metrics import Track

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Evaluated:
    """T frames of an armature and its meshes, armature space."""

    times: Array
    """(T,) seconds since the first frame, by the scene's frame rate."""
    names: tuple[str, ...]
    """(B,) bones."""
    heads: Array
    """(T, B, 3)."""
    tails: Array
    """(T, B, 3)."""
    global_rotations: Array
    """(T, B, 3, 3) rest-relative D_j; scale and shear taken away."""
    vertices: NDArray[np.float32]
    """(T, V, 3) of all meshes that the armature moves."""
    faces: NDArray[np.int32]
    """(F, 3)."""
    colors: NDArray[np.uint8]
    """(V, 3) sRGB of the meshes' active colour attribute; mid grey without one."""

    def track(self, joint_names: tuple[str, ...], is_tail: NDArray[np.bool_]) -> Track:
        """These joints, in this order. Raises ValueError for a bone that is not there."""
        index = np.array([self.names.index(name) for name in joint_names])
        positions = np.where(is_tail[None, :, None], self.tails[:, index], self.heads[:, index])
        return Track(positions, self.global_rotations[:, index])


def evaluate(path: Path) -> Evaluated:
    """Open a .blend with one armature and play it; whatever is open in this Blender is discarded."""
    bpy.ops.wm.open_mainfile(filepath=str(path.resolve()))
    scene = bpy.context.scene
    armature = next(thing for thing in scene.objects if thing.type == "ARMATURE")
    bodies = [
        thing
        for thing in scene.objects
        if thing.type == "MESH"
        and any(m.type == "ARMATURE" and m.object == armature for m in thing.modifiers)
    ]
    bones = list(armature.data.bones)
    rest = np.array([bone.matrix_local for bone in bones])[:, :3, :3]
    rows: dict[str, list[NDArray]] = {"heads": [], "tails": [], "rotations": [], "vertices": []}
    frames = range(scene.frame_start, scene.frame_end + 1)
    for frame in frames:
        scene.frame_set(frame)
        graph = bpy.context.evaluated_depsgraph_get()
        posed = armature.evaluated_get(graph)
        pose = [posed.pose.bones[bone.name] for bone in bones]
        matrices = np.array([bone.matrix for bone in pose])[:, :3, :3]
        matrices = matrices / np.linalg.norm(matrices, axis=1, keepdims=True)
        rows["rotations"].append(matrices @ np.swapaxes(rest, -1, -2))
        rows["heads"].append(np.array([bone.head for bone in pose]))
        rows["tails"].append(np.array([bone.tail for bone in pose]))
        rows["vertices"].append(np.concatenate([_points(body, posed, graph) for body in bodies]))
    rate = scene.render.fps / scene.render.fps_base
    return Evaluated(
        times=np.arange(len(frames)) / rate,
        names=tuple(bone.name for bone in bones),
        heads=np.stack(rows["heads"]),
        tails=np.stack(rows["tails"]),
        global_rotations=np.stack(rows["rotations"]),
        vertices=np.stack(rows["vertices"]).astype(np.float32),
        faces=_faces(bodies),
        colors=np.concatenate([_colors(body.data) for body in bodies]),
    )


def _points(body: Any, armature: Any, graph: Any) -> NDArray[np.float64]:
    """(V, 3) deformed vertices in armature space."""
    posed = body.evaluated_get(graph)
    mesh = posed.to_mesh()
    points = np.empty(len(mesh.vertices) * 3, np.float32)
    mesh.vertices.foreach_get("co", points)
    posed.to_mesh_clear()
    matrix = np.array(armature.matrix_world.inverted() @ posed.matrix_world)
    return points.reshape(-1, 3) @ matrix[:3, :3].T + matrix[:3, 3]


def _faces(bodies: list[Any]) -> NDArray[np.int32]:
    faces = []
    first = 0
    for body in bodies:
        mesh = body.data
        mesh.calc_loop_triangles()
        corners = np.empty(len(mesh.loop_triangles) * 3, np.int32)
        mesh.loop_triangles.foreach_get("vertices", corners)
        faces.append(corners.reshape(-1, 3) + first)
        first += len(mesh.vertices)
    return np.concatenate(faces)


def _colors(mesh: Any) -> NDArray[np.uint8]:
    layer = mesh.color_attributes.active_color
    if layer is None or layer.domain != "POINT":
        return np.full((len(mesh.vertices), 3), 128, np.uint8)
    values = np.empty(len(layer.data) * 4, np.float32)
    layer.data.foreach_get("color_srgb", values)
    return np.clip(values.reshape(-1, 4)[:, :3] * 255.0 + 0.5, 0, 255).astype(np.uint8)
