# SPDX-License-Identifier: GPL-3.0-or-later
"""Which creature of the video is meant, in the sidebar: pointed at, or chosen among those that were found."""

from __future__ import annotations

import bpy

from ..operators.pick_subject import MOCAPANYTHING_OT_pick_subject
from ..properties import MOCAPANYTHING_PG_capture, MOCAPANYTHING_PG_status
from .subject_pictures import subject_icons

PICTURE_SCALE = 4.0
SET_NUMBER = "wm.context_set_int"


def is_pointed_at(settings: MOCAPANYTHING_PG_capture) -> bool:
    """Whether the user points at the subject, which is never hidden in the folded options."""
    return settings.use_clicks or settings.use_box


def draw_pointing(layout: bpy.types.UILayout, settings: MOCAPANYTHING_PG_capture) -> None:
    """The button to point at the subject, and what was pointed at. A mask goes first, then clicks."""
    column = layout.column()
    column.active = not settings.mask
    row = column.split(factor=0.4)
    row.label(text="")
    row.operator(MOCAPANYTHING_OT_pick_subject.bl_idname, icon="EYEDROPPER")
    clicks = column.column(heading="Clicks")
    row = clicks.row()
    row.prop(settings, "use_clicks", text="")
    words = row.column(align=True)
    words.active = settings.use_clicks
    for line in clicks_in_words(settings):
        words.label(text=line)
    boxed = column.column(heading="Subject in a Box")
    boxed.active = not settings.use_clicks
    boxed.prop(settings, "use_box", text="")
    box = boxed.column(align=True)
    box.active = settings.use_box
    for index, name in enumerate(("Left", "Top", "Right", "Bottom")):
        box.prop(settings, "box", index=index, text=name)
    box.prop(settings, "box_time")


def draw_choice(
    layout: bpy.types.UILayout, settings: MOCAPANYTHING_PG_capture, status: MOCAPANYTHING_PG_status
) -> None:
    """The creatures that the last capture found, with their pictures; the one that it took has a tick."""
    column = layout.column()
    column.active = not (settings.mask or is_pointed_at(settings))
    column.prop(settings, "subject_choice")
    icons = subject_icons(status.folder, status.subject_count)
    row = column.row()
    for number, icon in enumerate(icons, 1):
        one = row.column(align=True)
        one.template_icon(icon_value=icon, scale=PICTURE_SCALE)
        button = one.operator(
            SET_NUMBER,
            text=str(number),
            icon="CHECKMARK" if number == status.subject_choice else "NONE",
            depress=number == settings.subject_choice,
        )
        button.data_path = "scene.mocapanything.subject_choice"
        button.value = number


def clicks_in_words(settings: MOCAPANYTHING_PG_capture) -> list[str]:
    """``2 on it, 1 beside it`` and ``At 1.50 s``: lines that fit into the sidebar."""
    others = sum(click.is_other for click in settings.clicks)
    count = len(settings.clicks) - others
    if not count:
        return ["None yet"]
    times = sorted({click.time for click in settings.clicks})
    beside = f", {others} beside it" if others else ""
    moments = f"At {times[0]:.2f} s" if len(times) == 1 else f"In {len(times)} moments"
    return [f"{count} on it{beside}", moments]
