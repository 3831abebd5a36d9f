# SPDX-License-Identifier: GPL-3.0-or-later
"""Check the worker's Python."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor

import bpy

from .. import preferences
from ..jobs.errors import BadInputError
from ..jobs.worker_python import WorkerCheck, check_worker_python, find_worker_python


class MOCAPANYTHING_OT_check_worker(bpy.types.Operator):
    """Start the worker's Python and see whether it has everything a capture needs. Takes a few seconds"""

    bl_idname = "mocapanything.check_worker"
    bl_label = "Check Worker Python"
    bl_options = {"INTERNAL"}

    _check: Future[WorkerCheck] | None = None
    _timer: bpy.types.Timer | None = None

    def execute(self, context: bpy.types.Context) -> set[str]:
        status = context.window_manager.mocapanything
        status.worker_check.clear()
        status.install_command = ""
        named = preferences.current_preferences()
        try:
            python = find_worker_python(preference=named.worker_python if named else None)
        except BadInputError as error:
            self._add_line(context, str(error), is_problem=True)
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        if bpy.app.background or not self.options.is_invoke:
            return self._show(context, check_worker_python(python))
        # The first import of torch takes many seconds: not in the thread that draws Blender.
        executor = ThreadPoolExecutor(1, "worker check")
        self._check = executor.submit(check_worker_python, python)
        executor.shutdown(wait=False)
        self._timer = context.window_manager.event_timer_add(0.2, window=context.window)
        context.window_manager.modal_handler_add(self)
        self._add_line(context, f"Checking {python}", is_problem=False)
        return {"RUNNING_MODAL"}

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        return self.execute(context)

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        assert self._check is not None
        if event.type != "TIMER" or not self._check.done():
            return {"PASS_THROUGH"}
        self.cancel(context)
        return self._show(context, self._check.result())

    def cancel(self, context: bpy.types.Context) -> None:
        if self._timer is not None:
            context.window_manager.event_timer_remove(self._timer)
            self._timer = None

    def _show(self, context: bpy.types.Context, check: WorkerCheck) -> set[str]:
        status = context.window_manager.mocapanything
        status.worker_check.clear()
        problem_count = 1 if check.error else len(check.problems)
        for number, line in enumerate(check.lines):
            self._add_line(context, line, is_problem=number < problem_count)
        status.install_command = check.install_command
        if check.ok:
            self.report({"INFO"}, f"{check.python} can run captures on {check.device}")
            return {"FINISHED"}
        self.report({"ERROR"}, " ".join([*check.lines[:problem_count], check.install_command]))
        return {"CANCELLED"}

    @staticmethod
    def _add_line(context: bpy.types.Context, text: str, *, is_problem: bool) -> None:
        line = context.window_manager.mocapanything.worker_check.add()
        line.text = text
        line.is_problem = is_problem
        for window in context.window_manager.windows:
            for area in window.screen.areas:
                if area.type == "PREFERENCES":
                    area.tag_redraw()
