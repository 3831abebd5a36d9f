# SPDX-License-Identifier: GPL-3.0-or-later
"""Get Segmenter."""

# mypy: disable-error-code="valid-type"
# Blender reads its properties from annotations that are calls.

from __future__ import annotations

import bpy
from bpy.props import EnumProperty

from .. import api
from ..jobs.errors import CaptureError
from ..jobs.segmenters import LISTED
from . import downloading

DIALOG_WIDTH = 380
"""Pixels, at the user interface's scale 1."""


class MOCAPANYTHING_OT_get_segmenter(bpy.types.Operator):
    """Download a larger network that finds the subject, and use it for the next capture"""

    bl_idname = "mocapanything.get_segmenter"
    bl_label = "Get Segmenter"
    bl_options = {"INTERNAL"}

    segmenter: EnumProperty(
        name="Segmenter",
        description="Which one",
        items=[(name, listed.label, f"{listed.words}. {listed.source}") for name, listed in LISTED.items()],
    )

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        if downloading.is_downloading():
            cls.poll_message_set("A download is running")
            return False
        return True

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        return context.window_manager.invoke_props_dialog(self, width=DIALOG_WIDTH)

    def draw(self, _context: bpy.types.Context) -> None:
        listed = LISTED[self.segmenter]
        self.layout.prop(self, "segmenter")
        column = self.layout.column(align=True)
        for text in (listed.words, listed.source, f"Downloaded from {listed.host}"):
            column.label(text=text, translate=False)

    def execute(self, _context: bpy.types.Context) -> set[str]:
        """Blocks when called from a script or in background; else a timer looks after the download."""
        try:
            if bpy.app.background or not self.options.is_invoke:
                api.get_segmenter(self.segmenter)
            elif not api.has_segmenter(self.segmenter):
                downloading.begin(api.start_segmenter_download(self.segmenter))
                return {"FINISHED"}
        except CaptureError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        downloading.use(self.segmenter)
        self.report({"INFO"}, f"Captures use the segmenter {LISTED[self.segmenter].label}")
        return {"FINISHED"}
