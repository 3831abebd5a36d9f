# SPDX-License-Identifier: GPL-3.0-or-later
"""The panel in the 3D view's sidebar, tab Animation: choose a video, capture, watch, read the result."""

from __future__ import annotations

import bpy

from ..jobs.settings import Quality
from ..operators import running
from ..operators.cancel_capture import MOCAPANYTHING_OT_cancel_capture
from ..operators.cancel_download import MOCAPANYTHING_OT_cancel_download
from ..operators.capture_from_video import MOCAPANYTHING_OT_capture_from_video
from ..operators.character import character_armature
from ..operators.get_segmenter import MOCAPANYTHING_OT_get_segmenter
from ..operators.open_job_folder import MOCAPANYTHING_OT_open_job_folder
from ..operators.open_log import MOCAPANYTHING_OT_open_log
from ..operators.open_mask_video import MOCAPANYTHING_OT_open_mask_video
from ..properties import MOCAPANYTHING_PG_capture, MOCAPANYTHING_PG_status
from .subject import draw_choice, draw_pointing, is_pointed_at

WARNINGS_SHOWN = 3
PIXELS_A_CHARACTER = 6.5
"""About, in the user interface's font at scale 1; labels do not wrap by themselves."""
PIXELS_BESIDE_TEXT = 90
"""Tabs, margins and icons beside a text in the sidebar, at scale 1."""
SHORTEST_LINE = 24


class MOCAPANYTHING_PT_capture(bpy.types.Panel):
    """Everything a capture needs, in one place."""

    bl_label = "Motion Capture"
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Animation"

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        status = context.window_manager.mocapanything
        _draw_settings(layout, context, is_enabled=not running.is_running())
        if running.is_running():
            _draw_progress(layout, status)
            return
        row = layout.row()
        row.scale_y = 1.5
        row.operator(MOCAPANYTHING_OT_capture_from_video.bl_idname, icon="ARMATURE_DATA")
        if status.error or status.has_result:
            _draw_result(layout.box().column(align=True), status, line_length(context))


def _draw_character(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    armature = character_armature(getattr(context, "object", None))
    row = layout.row().split(factor=0.4)
    label = row.row()
    label.alignment = "RIGHT"
    label.label(text="Character")
    if armature is None:
        row.label(text="Select a Character", icon="INFO")
    else:
        row.label(text=armature.name, icon="OUTLINER_OB_ARMATURE", translate=False)


def _draw_settings(layout: bpy.types.UILayout, context: bpy.types.Context, *, is_enabled: bool) -> None:
    settings: MOCAPANYTHING_PG_capture = context.scene.mocapanything
    column = layout.column()
    column.enabled = is_enabled
    _draw_character(column, context)
    column.prop(settings, "video")
    column.prop(settings, "quality")
    # Out of the folded options where there is something to choose, or where it is not what one expects.
    status: MOCAPANYTHING_PG_status = context.window_manager.mocapanything
    has_subjects = status.subject_count > 1 or settings.subject_choice != 1
    has_starts = status.start_count > 1 or settings.start_choice != 1
    is_pointed = is_pointed_at(settings)
    if is_pointed:
        draw_pointing(column, settings)
    if has_subjects:
        draw_choice(column, settings, status)
    if has_starts:
        column.prop(settings, "start_choice")
    header, body = layout.panel("mocapanything_options", default_closed=True)
    header.label(text="Options")
    if body is None:
        return
    body.enabled = is_enabled
    column = body.column(heading="Range")
    column.prop(settings, "use_range", text="")
    times = column.column(align=True)
    times.active = settings.use_range
    times.prop(settings, "start")
    times.prop(settings, "end")
    column = body.column(heading="Known Lens")
    column.prop(settings, "use_fov", text="")
    lens = column.column()
    lens.active = settings.use_fov
    lens.prop(settings, "fov")
    body.prop(settings, "mask")
    _draw_segmenter(body, settings, status)
    if not is_pointed:
        draw_pointing(body, settings)
    if not has_subjects:
        body.prop(settings, "subject_choice")
    if not has_starts:
        body.prop(settings, "start_choice")
    _draw_advanced(body, settings)


def _draw_segmenter(
    layout: bpy.types.UILayout, settings: MOCAPANYTHING_PG_capture, status: MOCAPANYTHING_PG_status
) -> None:
    column = layout.column()
    column.active = not settings.mask  # which takes its place
    column.prop(settings, "segmenter")
    row = column.row(align=True)
    if status.download_text:
        row.progress(factor=status.download_factor, text=status.download_text)
        row.operator(MOCAPANYTHING_OT_cancel_download.bl_idname, text="", icon="X")
    else:
        row.operator(MOCAPANYTHING_OT_get_segmenter.bl_idname, icon="IMPORT")


def _draw_advanced(layout: bpy.types.UILayout, settings: MOCAPANYTHING_PG_capture) -> None:
    header, body = layout.panel("mocapanything_advanced", default_closed=True)
    header.label(text="Advanced")
    if body is None:
        return
    column = body.column()
    column.active = settings.quality != Quality.FAST.value  # which does without both
    column.prop(settings, "hold_contacts")
    column.prop(settings, "use_networks")
    body.prop(settings, "seed")


def _draw_progress(layout: bpy.types.UILayout, status: MOCAPANYTHING_PG_status) -> None:
    column = layout.column()
    column.progress(factor=status.factor, text=status.text)
    column.operator(MOCAPANYTHING_OT_cancel_capture.bl_idname, icon="X")


def _draw_result(layout: bpy.types.UILayout, status: MOCAPANYTHING_PG_status, length: int) -> None:
    if status.error:
        _draw_problem(layout, status.error, length)
    else:
        layout.label(text=status.action_name, icon="ACTION", translate=False)
        layout.label(text=f"{status.frame_count} frames in {duration(status.seconds)}", icon="TIME")
        layout.label(text=f"Confidence {status.confidence:.0%}", icon="CHECKMARK")
        if status.outline_overlap >= 0.0:
            layout.label(text=f"Outline overlap {status.outline_overlap:.0%}", icon="MOD_MASK")
        if status.subject_count > 1:
            text = f"Subject {status.subject_choice} of {status.subject_count}"
            layout.label(text=text, icon="OUTLINER_OB_CAMERA")
        if status.start_count > 1:
            text = f"Start pose {status.start_choice} of {status.start_count}"
            layout.label(text=text, icon="ARMATURE_DATA")
    for warning in list(status.warnings)[:WARNINGS_SHOWN]:
        _draw_problem(layout, warning.text, length)
    if len(status.warnings) > WARNINGS_SHOWN:
        layout.label(text=f"{len(status.warnings) - WARNINGS_SHOWN} more in the log", icon="BLANK1")
    if status.folder:
        layout.separator()
        row = layout.row(align=True)
        row.operator(MOCAPANYTHING_OT_open_mask_video.bl_idname, icon="FILE_MOVIE")
        row = layout.row(align=True)
        row.operator(MOCAPANYTHING_OT_open_log.bl_idname, icon="TEXT")
        row.operator(MOCAPANYTHING_OT_open_job_folder.bl_idname, text="Open Folder", icon="FILE_FOLDER")


def _draw_problem(layout: bpy.types.UILayout, text: str, length: int) -> None:
    for number, line in enumerate(wrapped(text, length)):
        layout.label(text=line, icon="BLANK1" if number else "ERROR", translate=False)


def line_length(context: bpy.types.Context) -> int:
    """About how many characters fit into a line of the region; the shortest line where there is no region."""
    width = context.region.width / context.preferences.system.ui_scale if context.region else 0.0
    return max(SHORTEST_LINE, int((width - PIXELS_BESIDE_TEXT) / PIXELS_A_CHARACTER))


def wrapped(text: str, length: int) -> list[str]:
    """``text`` in lines of at most ``length`` characters, broken between words; a longer word stays whole."""
    lines = [""]
    for word in text.split():
        if lines[-1] and len(lines[-1]) + 1 + len(word) > length:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".lstrip()
    return lines


def duration(seconds: float) -> str:
    """``75`` as ``1 min 15 s``."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def register() -> None:
    bpy.utils.register_class(MOCAPANYTHING_PT_capture)


def unregister() -> None:
    bpy.utils.unregister_class(MOCAPANYTHING_PT_capture)
