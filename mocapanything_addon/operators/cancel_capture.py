# SPDX-License-Identifier: GPL-3.0-or-later
"""Cancel."""

from __future__ import annotations

import bpy

from . import running


class MOCAPANYTHING_OT_cancel_capture(bpy.types.Operator):
    """Stop the running capture and leave the character as it is"""

    bl_idname = "mocapanything.cancel_capture"
    bl_label = "Cancel"
    bl_options = {"INTERNAL"}

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        if not running.is_running():
            cls.poll_message_set("No capture is running")
            return False
        return True

    def execute(self, _context: bpy.types.Context) -> set[str]:
        running.request_cancel()
        return {"FINISHED"}
