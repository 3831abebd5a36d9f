# SPDX-License-Identifier: GPL-3.0-or-later
"""Which character a capture is for, and what stands in its way. Cheap enough for every redraw."""

from __future__ import annotations

import bpy

from . import running


def character_armature(thing: bpy.types.Object | None) -> bpy.types.Object | None:
    """The armature of the object the user works on: itself, or the one that moves this mesh."""
    if thing is None or thing.type == "ARMATURE":
        return thing
    return thing.find_armature()


def capture_obstacle(context: bpy.types.Context) -> str:
    """Why no capture can start now, in the user's words; empty where one can."""
    armature = character_armature(getattr(context, "object", None))
    if armature is None:
        return "Select a rigged character: an armature, or a mesh that it moves"
    if not armature.is_editable:
        return f"{armature.name} is linked from another file. Make a library override of it first"
    if context.mode not in {"OBJECT", "POSE"}:
        return "Captures start in Object Mode or Pose Mode"
    if running.is_running():
        return "A capture is running"
    return ""
