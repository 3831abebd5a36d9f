# SPDX-License-Identifier: GPL-3.0-or-later
"""A movie dropped on the 3D view."""

from __future__ import annotations

import bpy

from .capture_from_video import MOCAPANYTHING_OT_capture_from_video
from .character import capture_obstacle


class MOCAPANYTHING_FH_video(bpy.types.FileHandler):
    """Offers a capture for a movie that is dropped while a character is active."""

    bl_idname = "MOCAPANYTHING_FH_video"
    bl_label = "Capture from Video"
    bl_import_operator = MOCAPANYTHING_OT_capture_from_video.bl_idname
    bl_file_extensions = ";".join(sorted(bpy.path.extensions_movie))

    @classmethod
    def poll_drop(cls, context: bpy.types.Context) -> bool:
        area = context.area
        return area is not None and area.type == "VIEW_3D" and not capture_obstacle(context)
