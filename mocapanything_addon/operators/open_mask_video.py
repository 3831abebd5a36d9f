# SPDX-License-Identifier: GPL-3.0-or-later
"""Show Mask."""

from __future__ import annotations

from pathlib import Path

import bpy

from ..jobs.folder import JobFolder


class MOCAPANYTHING_OT_open_mask_video(bpy.types.Operator):
    """Play the video with the outline of what the last capture cut out of it"""

    bl_idname = "mocapanything.open_mask_video"
    bl_label = "Show Mask"
    bl_options = {"INTERNAL"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not context.window_manager.mocapanything.folder:
            cls.poll_message_set("There is no mask: nothing was captured since Blender started")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        path = JobFolder(Path(context.window_manager.mocapanything.folder)).mask_video_path
        if not path.is_file():
            self.report({"ERROR"}, f"The video of the mask is gone: {path}")
            return {"CANCELLED"}
        bpy.ops.wm.path_open(filepath=str(path))
        return {"FINISHED"}
