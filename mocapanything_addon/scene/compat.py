# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that differs between the supported Blender versions (4.2 LTS to 5.2 LTS), and nothing else."""

from __future__ import annotations

from typing import Any

import bpy

FCurve = Any
CurveStore = Any
"""What holds F-curves: the Action itself in Blender 4.2 and 4.3, a channelbag of it since 4.4."""


def eevee_engine() -> str:
    """Identifier of the Eevee render engine."""
    return "BLENDER_EEVEE" if bpy.app.version >= (5, 0, 0) else "BLENDER_EEVEE_NEXT"


def is_module() -> bool:
    """Whether Blender is a Python module here (``pip install bpy``), without windows or a user's settings."""
    return bool(getattr(bpy.app, "module", not bpy.app.binary_path))  # which 4.2 does not say itself


def new_curve_store(action: bpy.types.Action, owner: bpy.types.Object) -> CurveStore:
    """Where the F-curves of a new, empty Action for ``owner`` go. Assigns nothing to ``owner``."""
    if not hasattr(action, "slots"):
        action.id_root = "OBJECT"
        return action
    slot = action.slots.new(id_type="OBJECT", name=owner.name)
    strip = action.layers.new("Layer").strips.new(type="KEYFRAME")
    return strip.channelbag(slot, ensure=True)


def new_fcurve(store: CurveStore, path: str, index: int, group: str) -> FCurve:
    """A new F-curve in the channel group of that name."""
    if isinstance(store, bpy.types.Action):
        return store.fcurves.new(path, index=index, action_group=group)
    if bpy.app.version >= (5, 0, 0):
        return store.fcurves.new(path, index=index, group_name=group)
    curve = store.fcurves.new(path, index=index)
    curve.group = store.groups.get(group) or store.groups.new(group)
    return curve


def assign_action(owner: bpy.types.Object, action: bpy.types.Action) -> None:
    """Make ``action`` the one that plays on ``owner``, with its first slot where Blender has slots."""
    data = owner.animation_data or owner.animation_data_create()
    data.action = action
    if hasattr(action, "slots"):
        data.action_slot = action.slots[0]


def curve_lists(action: bpy.types.Action) -> list[list[FCurve]]:
    """The Action's F-curves, one list for each thing that it animates (each slot)."""
    if not hasattr(action, "layers"):
        return [list(action.fcurves)]
    return [
        list(bag.fcurves)
        for layer in action.layers
        for strip in layer.strips
        if strip.type == "KEYFRAME"
        for bag in strip.channelbags
    ]


def path_options() -> set[str]:
    """Options of a path property that may be relative to the open file (``//``); before 4.5 each may be."""
    return {"PATH_SUPPORTS_BLEND_RELATIVE"} if bpy.app.version >= (4, 5, 0) else set()


def material_nodes(material: bpy.types.Material) -> bpy.types.NodeTree | None:
    """The node tree that colours a material, or None. Since 5.0 no material goes without."""
    if bpy.app.version >= (5, 0, 0) or material.use_nodes:
        return material.node_tree
    return None


def world_nodes(world: bpy.types.World) -> bpy.types.NodeTree:
    """The node tree of a world, made where there is none yet."""
    if world.node_tree is None:
        world.use_nodes = True
    return world.node_tree


def remove_scene(scene: bpy.types.Scene) -> None:
    """Delete a scene that no window shows.

    Up to Blender 4.3 ``bpy.data.scenes.remove`` crashes without a window, as in ``blender --command``.
    """
    bpy.data.batch_remove([scene])
