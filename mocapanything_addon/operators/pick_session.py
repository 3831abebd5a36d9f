# SPDX-License-Identifier: GPL-3.0-or-later
"""The picking that goes on in this Blender: at most one.

Held here rather than in the operator for the same reason as the running capture: Blender may drop a modal
operator without asking it, and an area would stay turned into another editor.
"""

from __future__ import annotations

from dataclasses import dataclass

import bpy
from bpy.app.handlers import persistent

from ..api import StillsRun
from ..jobs.stills import Stills
from .picking import Picking
from .status_keys import draw_key
from .video_picture import VideoPicture

TICK_SECONDS = 0.1
KEYS = (
    (("EVENT_ESC",), "Cancel"),
    (("EVENT_RETURN",), "Use"),
    (("MOUSE_LMB",), "Subject"),
    (("MOUSE_LMB_DRAG",), "Box around Subject"),
    (("EVENT_CTRL", "MOUSE_LMB"), "Not Subject"),
    (("EVENT_BACKSPACE",), "Take Back"),
    (("EVENT_LEFT_ARROW", "EVENT_RIGHT_ARROW"), "Other Moment"),
    (("EVENT_DOWN_ARROW", "EVENT_UP_ARROW"), "Ten Pictures"),
    (("MOUSE_MMB",), "Zoom, Pan"),
)
"""Icons, and what they do, for the status bar: what matters most comes first, as the bar may be short."""


@dataclass(eq=False)
class PickSession:
    """Pictures on their way or shown, and what is picked in them."""

    run: StillsRun
    timer: bpy.types.Timer
    area_address: int
    """Of the area that is used. Blender takes it out of the modal operator's context when its editor changes,
    and an area object that is kept would outlive an area that the user closes."""
    picture: VideoPicture | None = None
    picking: Picking | None = None

    def area(self, context: bpy.types.Context) -> bpy.types.Area | None:
        """The area in the context's window; None if it is no longer there, or another editor."""
        kind = "VIEW_3D" if self.picture is None else "IMAGE_EDITOR"
        areas = context.window.screen.areas
        return next((a for a in areas if a.as_pointer() == self.area_address and a.type == kind), None)

    def open(self, context: bpy.types.Context, area: bpy.types.Area, stills: Stills) -> None:
        """Show the pictures in the area."""
        self.picking = Picking(stills.width, stills.height)
        self.picture = VideoPicture(context, area, stills, self.picking)
        self.picture.tell(area, self.picking.words)
        context.window.cursor_modal_set("CROSSHAIR")


_current: PickSession | None = None


def current() -> PickSession | None:
    return _current


def begin(context: bpy.types.Context, run: StillsRun) -> PickSession:
    """Wait for pictures, with timer events for a modal operator in the context's window."""
    global _current  # noqa: PLW0603
    end()
    timer = context.window_manager.event_timer_add(TICK_SECONDS, window=context.window)
    _current = PickSession(run, timer, context.area.as_pointer())
    context.workspace.status_text_set(_draw_status_bar)
    return _current


def end() -> None:
    """End it, if any: the area is a 3D view again, and no image or file is left."""
    global _current
    if _current is None:
        return
    ended, _current = _current, None
    window_manager = bpy.context.window_manager
    window_manager.event_timer_remove(ended.timer)
    for window in window_manager.windows:
        window.cursor_modal_restore()
    if bpy.context.workspace is not None:
        bpy.context.workspace.status_text_set(None)
    if ended.picture is not None:
        ended.picture.close()
    ended.run.close()


def _draw_status_bar(header: bpy.types.Header, _context: bpy.types.Context) -> None:
    if _current is None or _current.picture is None:
        draw_key(header.layout, ("EVENT_ESC",), "Cancel")
        header.layout.label(text="Reading the video")
        return
    for icons, text in KEYS:
        draw_key(header.layout, icons, text)


@persistent  # and before a file is saved from another window: the picture must not get into it
def _end_for_file(*_: object) -> None:
    end()


def register() -> None:
    for handlers in (bpy.app.handlers.load_pre, bpy.app.handlers.save_pre):
        handlers.append(_end_for_file)


def unregister() -> None:
    end()
    for handlers in (bpy.app.handlers.load_pre, bpy.app.handlers.save_pre):
        handlers.remove(_end_for_file)
