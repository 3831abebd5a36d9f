# SPDX-License-Identifier: GPL-3.0-or-later
"""Open Report Folder."""

from __future__ import annotations

from pathlib import Path

import bpy


class MOCAPANYTHING_OT_open_job_folder(bpy.types.Operator):
    """Show the folder of the last capture, with its report and log, in the system's file browser"""

    bl_idname = "mocapanything.open_job_folder"
    bl_label = "Open Report Folder"
    bl_options = {"INTERNAL"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not context.window_manager.mocapanything.folder:
            cls.poll_message_set("There is no report: nothing was captured since Blender started")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        folder = Path(context.window_manager.mocapanything.folder)
        if not folder.is_dir():
            self.report({"ERROR"}, f"The folder is gone: {folder}")
            return {"CANCELLED"}
        bpy.ops.wm.path_open(filepath=str(folder))
        return {"FINISHED"}
