# SPDX-License-Identifier: GPL-3.0-or-later
"""Capture from Video in the menus Object > Animation and Pose."""

from __future__ import annotations

import bpy

from ..operators.capture_from_video import MOCAPANYTHING_OT_capture_from_video

_MENUS = ("VIEW3D_MT_object_animation", "VIEW3D_MT_pose")


def draw_capture_item(menu: bpy.types.Menu, _context: bpy.types.Context) -> None:
    """One line at the end of a menu."""
    menu.layout.separator()
    menu.layout.operator(MOCAPANYTHING_OT_capture_from_video.bl_idname, icon="ARMATURE_DATA")


def register() -> None:
    for name in _MENUS:
        getattr(bpy.types, name).append(draw_capture_item)


def unregister() -> None:
    for name in reversed(_MENUS):
        getattr(bpy.types, name).remove(draw_capture_item)
