# SPDX-License-Identifier: GPL-3.0-or-later
"""Which meshes an armature moves, and copies of them frozen in rest pose.

The copies are evaluated in a scene of their own, with the armature's deformation switched off and every other
modifier on, so that the user's pose, scene and selection are not touched.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import bpy
import numpy as np
from mathutils import Matrix
from numpy.typing import NDArray

from . import compat

SIMULATIONS = frozenset(
    {
        "CLOTH",
        "SOFT_BODY",
        "FLUID",
        "COLLISION",
        "PARTICLE_SYSTEM",
        "PARTICLE_INSTANCE",
        "DYNAMIC_PAINT",
        "EXPLODE",
        "BUILD",
        "MESH_SEQUENCE_CACHE",
        "MESH_CACHE",
    }
)
"""Modifiers that depend on the frame or on a simulation, not on the rest shape."""
PLAIN_PARENTS = frozenset({"OBJECT", "ARMATURE", "BONE"})


@dataclass(frozen=True)
class SkinnedMesh:
    """A mesh object that moves with the armature."""

    object: bpy.types.Object
    bone: str | None
    """The bone it is rigidly attached to; None where vertex groups say which bone moves what."""


@dataclass(frozen=True, eq=False)
class FrozenMesh:
    """A skinned mesh as evaluated in rest pose."""

    source: SkinnedMesh
    mesh: bpy.types.Mesh
    """A temporary data-block, in armature space."""


def skinned_meshes(armature_object: bpy.types.Object) -> list[SkinnedMesh]:
    """Meshes that the armature deforms, and meshes parented to its bones, those hidden in renders left out.

    Where everything is hidden in renders, everything counts.
    """
    deforming = {bone.name for bone in armature_object.data.bones if bone.use_deform}
    found = []
    for candidate in bpy.data.objects:
        if candidate.type != "MESH" or not _share_scene(candidate, armature_object):
            continue
        if _is_deformed_by(candidate, armature_object):
            if any(group.name in deforming for group in candidate.vertex_groups):
                found.append(SkinnedMesh(candidate, None))
        else:
            bone = _carrying_bone(candidate, armature_object)
            if bone is not None:
                found.append(SkinnedMesh(candidate, bone))
    return [m for m in found if _renders(m.object)] or found


def is_deformed_without_weights(armature_object: bpy.types.Object) -> bool:
    """Some mesh has the armature as modifier or parent, whatever its vertex groups."""
    return any(o.type == "MESH" and _is_deformed_by(o, armature_object) for o in bpy.data.objects)


@contextmanager
def frozen_meshes(armature_object: bpy.types.Object, meshes: list[SkinnedMesh]) -> Iterator[list[FrozenMesh]]:
    """The meshes in rest pose, armature space, as temporary data-blocks; gone when the block is left."""
    frozen: list[FrozenMesh] = []
    try:
        with _stage(armature_object, meshes) as (copies, depsgraph):
            for source, copy in zip(meshes, copies, strict=True):
                data = bpy.data.meshes.new_from_object(
                    copy.evaluated_get(depsgraph), preserve_all_data_layers=True, depsgraph=depsgraph
                )
                frozen.append(FrozenMesh(source, data))
                data.transform(_rest_place(source, armature_object))
        yield frozen
    finally:
        for item in frozen:
            bpy.data.meshes.remove(item.mesh)


@contextmanager
def _stage(
    armature_object: bpy.types.Object, meshes: list[SkinnedMesh]
) -> Iterator[tuple[list[bpy.types.Object], bpy.types.Depsgraph]]:
    """Copies of armature and meshes at their places, the armature at rest, in a scene of their own."""
    scene = bpy.data.scenes.new("MoCapAnything rest pose")
    made: list[bpy.types.Object] = []
    resting = armature_object.data.copy()
    try:
        resting.pose_position = "REST"
        armature_copy = bpy.data.objects.new(armature_object.name, resting)
        made.append(armature_copy)
        armature_copy.matrix_world = armature_object.matrix_world
        stand_in = {armature_object: armature_copy}
        for item in meshes:
            copy = item.object.copy()
            made.append(copy)
            stand_in[item.object] = copy
        for item, copy in zip(meshes, made[1:], strict=True):
            _detach(copy)
            copy.matrix_world = armature_object.matrix_world @ _rest_place(item, armature_object)
            _prepare_modifiers(copy, armature_object, stand_in)
        for thing in made:
            scene.collection.objects.link(thing)
        layer = scene.view_layers[0]
        layer.update()
        yield made[1:], layer.depsgraph
    finally:
        for thing in made:
            bpy.data.objects.remove(thing)
        bpy.data.armatures.remove(resting)
        compat.remove_scene(scene)


def _detach(copy: bpy.types.Object) -> None:
    """Leave nothing on the copy that could move it."""
    copy.animation_data_clear()
    copy.parent = None
    for constraint in list(copy.constraints):
        copy.constraints.remove(constraint)


def _prepare_modifiers(
    copy: bpy.types.Object,
    armature_object: bpy.types.Object,
    stand_in: dict[bpy.types.Object, bpy.types.Object],
) -> None:
    """Switch off what deforms by pose or simulation; point the rest at the copies."""
    for modifier in copy.modifiers:
        if modifier.type in SIMULATIONS or (
            modifier.type == "ARMATURE" and modifier.object == armature_object
        ):
            modifier.show_viewport = False
            continue
        for name, prop in modifier.bl_rna.properties.items():
            if prop.type == "POINTER" and not prop.is_readonly:
                target = getattr(modifier, name)
                if isinstance(target, bpy.types.Object) and target in stand_in:
                    setattr(modifier, name, stand_in[target])


def _rest_place(item: SkinnedMesh, armature_object: bpy.types.Object) -> Matrix:
    """Where the mesh object stands in armature space when the armature is at rest.

    The chain of parents is followed by hand where it leads to the armature (Blender's ``ob_parbone``): the
    present place of a mesh on a bone depends on the present pose, and for the others world matrices would
    bring in rounding.
    """
    place, current = Matrix(), item.object
    while current is not None and current.parent_type in PLAIN_PARENTS:
        if current.constraints and item.bone is None:
            break
        place = current.matrix_parent_inverse @ current.matrix_basis @ place
        if current.parent == armature_object:
            on_bone = current.parent_type == "BONE"
            return _bone_place(current.parent_bone if on_bone else None, armature_object) @ place
        current = current.parent
    return armature_object.matrix_world.inverted() @ item.object.matrix_world


def _bone_place(name: str | None, armature_object: bpy.types.Object) -> Matrix:
    """What objects parented to a bone are placed by, at rest: its tail."""
    if name is None:
        return Matrix()
    bone = armature_object.data.bones[name]
    if bone.use_relative_parent:
        return Matrix()
    return bone.matrix_local @ Matrix.Translation((0.0, bone.length, 0.0))


def _is_deformed_by(candidate: bpy.types.Object, armature_object: bpy.types.Object) -> bool:
    if candidate.parent == armature_object and candidate.parent_type == "ARMATURE":
        return True
    return any(
        m.type == "ARMATURE"
        and m.object == armature_object
        and m.use_vertex_groups
        and (m.show_viewport or m.show_render)
        for m in candidate.modifiers
    )


def _carrying_bone(candidate: bpy.types.Object, armature_object: bpy.types.Object) -> str | None:
    """The bone that carries the object, directly or through a chain of parents."""
    current = candidate
    while current.parent is not None:
        if current.parent == armature_object:
            is_on_bone = current.parent_type == "BONE" and current.parent_bone in armature_object.data.bones
            return current.parent_bone if is_on_bone else None
        current = current.parent
    return None


def _share_scene(first: bpy.types.Object, second: bpy.types.Object) -> bool:
    scenes = second.users_scene
    return not scenes or any(scene in scenes for scene in first.users_scene)


def _renders(candidate: bpy.types.Object) -> bool:
    if candidate.hide_render:
        return False
    collections = candidate.users_collection
    return not collections or any(not collection.hide_render for collection in collections)


def vertex_weights(
    item: FrozenMesh, vertices: NDArray[np.int64]
) -> tuple[NDArray[np.int64], list[str], NDArray[np.float64]]:
    """Skin weights of some vertices of a mesh.

    Returns:
        Three columns of N entries: position in ``vertices``, bone (or vertex group) name, weight.
    """
    if item.source.bone is not None:
        return np.arange(len(vertices)), [item.source.bone] * len(vertices), np.ones(len(vertices))
    names = [group.name for group in item.source.object.vertex_groups]
    rows: list[int] = []
    groups: list[int] = []
    weights: list[float] = []
    data = item.mesh.vertices
    for row, vertex in enumerate(vertices.tolist()):
        for entry in data[vertex].groups:
            rows.append(row)
            groups.append(entry.group)
            weights.append(entry.weight)
    return np.array(rows, np.int64), [names[g] for g in groups], np.array(weights, float)
