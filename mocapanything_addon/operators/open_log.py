# SPDX-License-Identifier: GPL-3.0-or-later
"""Open Log."""

from __future__ import annotations

from pathlib import Path

import bpy

LOG_NAME = "log.txt"


class MOCAPANYTHING_OT_open_log(bpy.types.Operator):
    """Show the log of the last capture in the system's text viewer"""

    bl_idname = "mocapanything.open_log"
    bl_label = "Open Log"
    bl_options = {"INTERNAL"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not context.window_manager.mocapanything.folder:
            cls.poll_message_set("There is no log: nothing was captured since Blender started")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        log = Path(context.window_manager.mocapanything.folder) / LOG_NAME
        if not log.is_file():
            self.report({"ERROR"}, f"The log is gone: {log}")
            return {"CANCELLED"}
        bpy.ops.wm.path_open(filepath=str(log))
        return {"FINISHED"}
