# SPDX-License-Identifier: GPL-3.0-or-later
"""The capture that runs in this Blender: at most one, and the extension's only global state.

It is held here rather than in the operator, because Blender may drop a modal operator without asking it: when
the extension is disabled during a capture.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

import bpy
from bpy.app.handlers import persistent

from ..api import CaptureRun
from ..jobs.messages import Done, Failed, Progress, Warned
from . import outcome
from .status_keys import draw_key

log = logging.getLogger(__name__)

TICK_SECONDS = 0.1
STATUS_BAR_WIDTH = 14
"""Of the progress bar, in the user interface's units."""
STAGE_LABELS = {
    "rig": "Reading the character",
    "worker": "Starting the worker",
    "networks": "Loading the networks",
    "decode": "Reading the video",
    "subject": "Finding the subject",
    "start search": "Finding the pose",
    "tracking": "Following the motion",
    "second look": "Cutting the subject out again",
    "motion prior": "Estimating the motion",
    "whole clip": "Fitting the whole clip",
    "build": "Measuring the subject",
    "confidence": "Judging the result",
    "overlay": "Drawing the overlay",
    "plot": "Drawing the residuals",
    "write": "Writing the result",
}
"""What the user reads; a stage that is not here shows its own name."""


@dataclass
class _Running:
    run: CaptureRun
    timer: bpy.types.Timer | None = None
    is_cancelling: bool = False


_current: _Running | None = None


def is_running() -> bool:
    return _current is not None


def begin(run: CaptureRun) -> None:
    """Make ``run`` the running capture, and forget the outcome of the last one."""
    global _current  # noqa: PLW0603
    _current = _Running(run)
    outcome.clear()
    _show_progress("Starting", 0.0)


def begin_ticking(context: bpy.types.Context) -> None:
    """Have the window send timer events to the modal operator."""
    assert _current is not None
    _current.timer = context.window_manager.event_timer_add(TICK_SECONDS, window=context.window)


def step() -> Done | Failed | None:
    """Take in what the run said since the last step; its last word once it has spoken it."""
    assert _current is not None
    for message in _current.run.poll():
        match message:
            case Done() | Failed():
                return message
            case Progress() if not _current.is_cancelling:
                label = STAGE_LABELS.get(message.stage, message.stage.replace("_", " ").capitalize())
                count = f" {message.done}/{message.total}" if message.total > 1 else ""
                _show_progress(label + count, message.fraction)
            case Warned(text):
                log.warning(text)
    return None


def request_cancel() -> None:
    """Ask the running capture to stop; its last word says when it has."""
    if _current is not None and not _current.is_cancelling:
        _current.is_cancelling = True
        _current.run.cancel()
        _show_progress("Cancelling", 0.0)


def end() -> CaptureRun:
    """From now on no capture is running; returns the one that was."""
    global _current
    assert _current is not None
    ended, _current = _current, None
    if ended.timer is not None:
        bpy.context.window_manager.event_timer_remove(ended.timer)
    _show_progress("", 0.0)
    return ended.run


def abort() -> None:
    """End the running capture, if any, and wait until its worker is gone: two seconds at the most."""
    if _current is not None:
        log.info("The running capture is ended")
        end().close()


def _show_progress(text: str, factor: float) -> None:
    """Show what is being done in the sidebar and the status bar; an empty text ends it."""
    status = bpy.context.window_manager.mocapanything
    status.text = text
    status.factor = factor
    workspace = bpy.context.workspace
    if bpy.app.background or workspace is None:
        return
    # A function rather than a text, which would stay behind in the workspace the user has left meanwhile.
    workspace.status_text_set(_draw_status_bar if text else None)
    outcome.redraw_sidebars()


def _draw_status_bar(header: bpy.types.Header, context: bpy.types.Context) -> None:
    status = context.window_manager.mocapanything
    draw_key(header.layout, ("EVENT_ESC",), "Cancel")
    bar = header.layout.row()
    bar.ui_units_x = STATUS_BAR_WIDTH
    bar.progress(text=status.text, factor=status.factor)


@persistent
def _abort_before_load(*_: object) -> None:
    abort()


@persistent
def _clear_after_load(*_: object) -> None:
    outcome.clear()


def register() -> None:
    bpy.app.handlers.load_pre.append(_abort_before_load)
    bpy.app.handlers.load_post.append(_clear_after_load)


def unregister() -> None:
    abort()
    bpy.app.handlers.load_post.remove(_clear_after_load)
    bpy.app.handlers.load_pre.remove(_abort_before_load)
