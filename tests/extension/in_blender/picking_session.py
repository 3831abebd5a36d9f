# SPDX-License-Identifier: GPL-3.0-or-later
"""A part of window_session.py: point at the subject with mouse and keys, as a user does.

Notes what the user's editor was like before and after, and what was picked.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator

import bpy

MODULE = "bl_ext.user_default.mocapanything_addon"
ON_SUBJECT, BESIDE, MISTAKEN = (320.0, 200.0), (40.0, 30.0), (500.0, 300.0)
"""Pixels of the video."""
TICKS = 5
"""Of the timer, until Blender has handled an event and drawn anew."""

Until = Callable[[Callable[[], object]], Iterator[None]]
Seen = dict[str, object]


def pick_in_video(python: str, video: str, until: Until, seen: Seen) -> Iterator[None]:
    """Pick two clicks and undo that, then pick nothing.

    Args:
        python: The worker's.
        video: To point at; 640 x 360 pixels or more.
        until: Waits.
        seen: What comes out is added.
    """
    os.environ["MOCAPANYTHING_PYTHON"] = python
    bpy.context.scene.mocapanything.video = video
    bpy.ops.ed.undo_push(message="Video")
    seen["before_picking"] = state()

    yield from opened(until)
    seen["while_picking"] = state()["area"]
    yield from key("RIGHT_ARROW")
    seen["picked_time"] = picture().time
    yield from click(ON_SUBJECT)
    yield from click(BESIDE, ctrl=True)
    yield from click(MISTAKEN)
    yield from key("BACK_SPACE")
    yield from key("RET")
    seen["after_picking"] = state()
    seen["picked"] = picked()
    with bpy.context.temp_override(window=window()):
        bpy.ops.ed.undo()
    yield
    seen["picked_after_undo"] = picked()

    for end in ("ESC", "RIGHTMOUSE"):
        yield from opened(until)
        yield from click(ON_SUBJECT)
        yield from key(end)
        seen[f"after_{end}"] = state()
        seen[f"picked_after_{end}"] = picked()


def opened(until: Until) -> Iterator[None]:
    area = view()
    region = next(region for region in area.regions if region.type == "WINDOW")
    with bpy.context.temp_override(window=window(), area=area, region=region):
        assert bpy.ops.mocapanything.pick_subject("INVOKE_DEFAULT") == {"RUNNING_MODAL"}
    session = sys.modules[f"{MODULE}.operators.pick_session"]
    yield from until(lambda: session.current() is None or session.current().picture is not None)
    yield from settled()
    assert session.current() is not None, "It ended by itself"


def picture() -> object:
    return sys.modules[f"{MODULE}.operators.pick_session"].current().picture


def window() -> bpy.types.Window:
    return bpy.context.window_manager.windows[0]


def view() -> bpy.types.Area:
    """The largest area: a 3D view, but for the video."""
    return max(window().screen.areas, key=lambda area: area.width * area.height)


def state() -> dict[str, object]:
    """What picking must leave as it is."""
    area, objects = view(), bpy.context.view_layer.objects
    is_view = area.type == "VIEW_3D"
    return {
        "area": area.type,
        "regions": [(r.type, r.x, r.y, r.width, r.height) for r in area.regions],
        "looks_from": [list(row) for row in area.spaces.active.region_3d.view_matrix] if is_view else [],
        "selected": [thing.name for thing in objects if thing.select_get()],
        "active": objects.active.name,
        "mode": objects.active.mode,
        "frame": bpy.context.scene.frame_current,
        "images": [image.name for image in bpy.data.images],
    }


def picked() -> list[list[object]]:
    settings = bpy.context.scene.mocapanything
    clicks = settings.clicks if settings.use_clicks else ()
    return [[*click.at, click.time, click.is_other] for click in clicks]


def key(kind: str) -> Iterator[None]:
    yield from event(kind, (window().width // 3, window().height // 2))


def click(at: tuple[float, float], *, ctrl: bool = False) -> Iterator[None]:
    """Click on a pixel of the video."""
    region = next(region for region in view().regions if region.type == "WINDOW")
    x, y = picture().on_screen(region, at)
    yield from event("LEFTMOUSE", (region.x + round(x), region.y + round(y)), ctrl=ctrl)


def event(kind: str, at: tuple[int, int], *, ctrl: bool = False) -> Iterator[None]:
    x, y = at
    window().event_simulate(type="MOUSEMOVE", value="NOTHING", x=x, y=y)
    yield
    for value in ("PRESS", "RELEASE"):
        window().event_simulate(type=kind, value=value, x=x, y=y, ctrl=ctrl)
        yield
    yield from settled()


def settled() -> Iterator[None]:
    for _ in range(TICKS):
        yield
