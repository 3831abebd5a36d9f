# SPDX-License-Identifier: GPL-3.0-or-later
"""Pick in Video."""

from __future__ import annotations

import bpy

from .. import api
from ..jobs.errors import CaptureError
from ..properties import capture_settings, set_picked
from . import outcome, pick_session, running
from .pick_session import PickSession
from .picking import Point
from .video_picture import window_region

DRAG_PIXELS = 6.0
"""Way of the pressed mouse from which it draws a box, at scale 1."""

STEPS = {"LEFT_ARROW": -1, "RIGHT_ARROW": 1, "DOWN_ARROW": -10, "UP_ARROW": 10}
CONFIRM = {"RET", "NUMPAD_ENTER", "SPACE"}
CANCEL = {"ESC", "RIGHTMOUSE"}
NAVIGATE = ("WHEEL", "MIDDLEMOUSE", "TRACKPAD", "NDOF", "NUMPAD", "HOME", "MOUSEMOVE", "INBETWEEN", "TIMER")
"""Beginnings of the types of events that are the editor's: zoom and pan."""


class MOCAPANYTHING_OT_pick_subject(bpy.types.Operator):
    """Point at the subject in pictures of the video, which a 3D view shows meanwhile."""

    bl_idname = "mocapanything.pick_subject"
    bl_label = "Pick in Video"
    bl_description = (
        "Show the video in this 3D view and click on the subject, or drag a box around it. Ctrl-click on "
        "what is not the subject. Replaces what was picked before. No effect with a mask"
    )
    bl_options = {"UNDO"}

    _session: PickSession
    _pressed: tuple[Point, Point] | None = None
    """Where the mouse was pressed: in the region, and in the video."""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        obstacle = ""
        if running.is_running():
            obstacle = "A capture is running"
        elif pick_session.current() is not None:
            obstacle = "The video is being shown already"
        elif not context.scene.mocapanything.video:
            obstacle = "Choose a video first"
        elif context.area is None or context.area.type != "VIEW_3D":
            obstacle = "The video is shown in a 3D view: use the button in its sidebar"
        if obstacle:
            cls.poll_message_set(obstacle)
        return not obstacle

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        settings = context.scene.mocapanything
        try:
            run = api.StillsRun(settings.video, capture_settings(settings))
        except CaptureError as error:
            self.report({"ERROR"}, outcome.report_of(error))
            return {"CANCELLED"}
        self._session = pick_session.begin(context, run)
        context.window_manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        if pick_session.current() is not self._session:  # ended from outside
            return {"CANCELLED"}
        area = self._session.area(context)
        if area is None or (event.type in CANCEL and event.value == "PRESS"):
            pick_session.end()
            return {"CANCELLED"}
        if self._session.picture is None:
            return self._wait(context, area, event)
        if event.type in CONFIRM and event.value == "PRESS":
            return self._use(context, area)
        return self._point(area, event)

    def cancel(self, _context: bpy.types.Context) -> None:
        """Called by Blender when the window is closed, or Blender quits."""
        pick_session.end()

    def _wait(self, context: bpy.types.Context, area: bpy.types.Area, event: bpy.types.Event) -> set[str]:
        if event.type != "TIMER":
            return {"PASS_THROUGH"}
        try:
            stills = self._session.run.poll()
        except CaptureError as error:
            pick_session.end()
            self.report({"ERROR"}, outcome.report_of(error))
            return {"CANCELLED"}
        if stills is not None:
            self._session.open(context, area, stills)
        return {"RUNNING_MODAL"}

    def _point(self, area: bpy.types.Area, event: bpy.types.Event) -> set[str]:
        """Take in an event; none gets through but those for zoom and pan, so that nothing else is done, such
        as saving the file."""
        picture, picking = self._session.picture, self._session.picking
        assert picture is not None and picking is not None
        region = window_region(area)
        at = event.mouse_x - region.x, event.mouse_y - region.y
        is_inside = 0 <= at[0] < region.width and 0 <= at[1] < region.height
        if self._pressed is not None:
            self._follow_mouse(event, at, picture.place(region, *at))
        elif is_inside and event.type.startswith(NAVIGATE):
            return {"PASS_THROUGH"}
        elif event.type == "LEFTMOUSE" and is_inside and event.value != "RELEASE":
            self._pressed = at, picture.place(region, *at)
        elif event.type in STEPS and event.value == "PRESS":
            picture.step(STEPS[event.type])
        elif event.type == "BACK_SPACE" and event.value == "PRESS":
            picking.take_back()
        else:
            return {"RUNNING_MODAL"}
        picture.tell(area, picking.words)
        return {"RUNNING_MODAL"}

    def _follow_mouse(self, event: bpy.types.Event, at: Point, place: Point) -> None:
        picture, picking = self._session.picture, self._session.picking
        assert self._pressed is not None and picture is not None and picking is not None
        pressed_at, pressed_place = self._pressed
        way = max(abs(at[0] - pressed_at[0]), abs(at[1] - pressed_at[1]))
        is_drag = way > DRAG_PIXELS * bpy.context.preferences.system.ui_scale
        picture.dragged = (pressed_place, place) if is_drag else None
        if event.type == "LEFTMOUSE" and event.value == "RELEASE":
            if is_drag:
                picking.drag(pressed_place, place, picture.time)
            else:
                picking.click(pressed_place, picture.time, is_other=event.ctrl)
            self._pressed = picture.dragged = None

    def _use(self, context: bpy.types.Context, area: bpy.types.Area) -> set[str]:
        picture, picking = self._session.picture, self._session.picking
        assert picture is not None and picking is not None
        if picking.obstacle:
            # Not a report: those are hidden behind the keys in the status bar, and shown only at the end.
            picture.tell(area, picking.obstacle)
            return {"RUNNING_MODAL"}
        pick_session.end()
        set_picked(context.scene.mocapanything, picking)
        return {"FINISHED"}
