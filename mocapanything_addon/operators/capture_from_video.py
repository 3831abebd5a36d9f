# SPDX-License-Identifier: GPL-3.0-or-later
"""Capture from Video."""

# mypy: disable-error-code="valid-type"
# Blender reads its properties from annotations that are calls.

from __future__ import annotations

import time
from pathlib import Path

import bpy
from bpy.props import BoolProperty, StringProperty

from .. import api
from ..jobs.errors import CancelledError, CaptureError
from ..jobs.messages import Done, Failed
from ..properties import capture_settings
from . import outcome, running
from .character import capture_obstacle, character_armature


class MOCAPANYTHING_OT_capture_from_video(bpy.types.Operator):
    """Capture the motion in a video onto the active character, as a new action"""

    bl_idname = "mocapanything.capture_from_video"
    bl_label = "Capture from Video"
    # Not REGISTER: adjusting the last operation would run the whole capture again, and block.
    bl_options = {"UNDO"}

    filepath: StringProperty(
        name="Video",
        description="The video. Without it, the one chosen in the sidebar",
        subtype="FILE_PATH",
        options={"SKIP_SAVE"},
    )
    filter_movie: BoolProperty(default=True, options={"HIDDEN", "SKIP_SAVE"})
    filter_folder: BoolProperty(default=True, options={"HIDDEN", "SKIP_SAVE"})

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if obstacle := capture_obstacle(context):
            cls.poll_message_set(obstacle)
            return False
        return True

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        if not self.filepath and not context.scene.mocapanything.video:
            context.window_manager.fileselect_add(self)  # calls execute() with the chosen file
            return {"RUNNING_MODAL"}
        return self.execute(context)

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Blocks when called from a script or in background; else the capture goes on in :meth:`modal`."""
        is_interactive = self.options.is_invoke and not bpy.app.background
        settings = context.scene.mocapanything
        if is_interactive and self.filepath:  # chosen in the file browser, or dropped
            settings.video = self.filepath
        video = self.filepath or settings.video
        try:
            run = api.start_capture(character_armature(context.object), video, capture_settings(settings))
        except CaptureError as error:
            return self._fail(error, folder=None)
        running.begin(run)
        if not is_interactive:
            return self._wait()
        running.begin_ticking(context)
        context.window_manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def modal(self, _context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        if not running.is_running():  # ended from outside, by a file that was loaded
            return {"CANCELLED"}
        if event.type == "ESC" and event.value == "PRESS":
            running.request_cancel()
            return {"RUNNING_MODAL"}
        if event.type != "TIMER":
            return {"PASS_THROUGH"}
        last_word = self._step()
        return {"PASS_THROUGH"} if last_word is None else self._finish(last_word)

    def cancel(self, _context: bpy.types.Context) -> None:
        """Called by Blender when a file is loaded, the window is closed, or Blender quits."""
        running.abort()

    def _wait(self) -> set[str]:
        while (last_word := self._step()) is None:
            time.sleep(0.05)
        return self._finish(last_word)

    def _step(self) -> Done | Failed | None:
        try:
            return running.step()
        except BaseException:  # whatever it is, Ctrl-C included, no worker may be left behind
            running.abort()
            raise

    def _finish(self, last_word: Done | Failed) -> set[str]:
        run = running.end()
        try:
            if isinstance(last_word, Failed):
                raise last_word.error
            result = run.apply()
        except CancelledError:
            self.report({"INFO"}, "Capture cancelled")
            return {"CANCELLED"}
        except CaptureError as error:
            return self._fail(error, run.folder)
        outcome.show_result(result)
        summary = f"Captured {result.report['frames']} frames as action {result.action.name}"
        if result.warnings:
            self.report({"WARNING"}, f"{summary}, with warnings: {' '.join(result.warnings)}")
        else:
            self.report({"INFO"}, summary)
        return {"FINISHED"}

    def _fail(self, error: CaptureError, folder: Path | None) -> set[str]:
        outcome.show_error(error, folder)
        self.report({"ERROR"}, outcome.report_of(error))
        return {"CANCELLED"}
