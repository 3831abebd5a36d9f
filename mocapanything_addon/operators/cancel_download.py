# SPDX-License-Identifier: GPL-3.0-or-later
"""Cancel the download."""

from __future__ import annotations

import bpy

from . import downloading


class MOCAPANYTHING_OT_cancel_download(bpy.types.Operator):
    """Stop the download and keep nothing of it"""

    bl_idname = "mocapanything.cancel_download"
    bl_label = "Cancel Download"
    bl_options = {"INTERNAL"}

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        if not downloading.is_downloading():
            cls.poll_message_set("Nothing is being downloaded")
            return False
        return True

    def execute(self, _context: bpy.types.Context) -> set[str]:
        downloading.request_cancel()
        return {"FINISHED"}
