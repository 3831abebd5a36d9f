# SPDX-License-Identifier: GPL-3.0-or-later
"""Put the outcome of a capture where the panel reads it."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from pathlib import Path

import bpy

from ..api import CaptureResult
from ..jobs.errors import CaptureError

_KEPT = {
    "rna_type",
    "name",
    "worker_check",
    "install_command",
    "cache_size",
    "download_text",
    "download_factor",
}
"""Of the state in the window manager, what does not belong to one capture."""


REPORT_WIDTH = 110
"""Characters in a line of a report: Blender does not break lines, and what runs out of the window is lost."""


def clear() -> None:
    """Forget the last capture."""
    status = bpy.context.window_manager.mocapanything
    for name in set(status.bl_rna.properties.keys()) - _KEPT:
        status.property_unset(name)


def show_warnings(warnings: Iterable[str]) -> None:
    lines = bpy.context.window_manager.mocapanything.warnings
    lines.clear()
    for warning in warnings:
        lines.add().text = warning


def show_error(error: CaptureError, folder: Path | None) -> None:
    """Say why there is no result; ``folder`` holds the log, None where there is none."""
    status = bpy.context.window_manager.mocapanything
    status.error = str(error)
    status.folder = str(folder or "")
    redraw_sidebars()


def report_of(error: CaptureError) -> str:
    """The error in lines that fit into a window; a space ends each, as the status bar shows them as one."""
    return " \n".join(textwrap.wrap(str(error), REPORT_WIDTH, break_long_words=False, break_on_hyphens=False))


def show_result(result: CaptureResult) -> None:
    """Fill in action, figures and warnings."""
    status = bpy.context.window_manager.mocapanything
    status.has_result = True
    status.action_name = result.action.name
    status.frame_count = int(result.report["frames"])  # type: ignore[call-overload]
    status.seconds = float(result.report["total_seconds"])  # type: ignore[arg-type]
    status.confidence = _mean(result.report, "confidence", 0.0)
    status.outline_overlap = _mean(result.report, "outline_overlap", -1.0)
    status.start_count = _count(result.report, "starts")
    status.subject_count = _count(result.report, "subjects")
    settings = result.report.get("settings")
    if isinstance(settings, dict):
        status.start_choice = int(settings["start_choice"])
        status.subject_choice = int(settings["subject_choice"])
    status.folder = str(result.folder)
    show_warnings(result.warnings)
    redraw_sidebars()


def _count(report: dict[str, object], name: str) -> int:
    listed = report.get(name)
    return len(listed) if isinstance(listed, list) else 0


def _mean(report: dict[str, object], name: str, missing: float) -> float:
    """``report[name]["mean"]``, or ``missing`` where it was not measured."""
    figures = report.get(name)
    mean = figures.get("mean") if isinstance(figures, dict) else None
    return missing if mean is None else float(mean)


def redraw_sidebars() -> None:
    """Redraw the sidebars of 3D views, where the panel is."""
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "VIEW_3D":
                for region in area.regions:
                    if region.type == "UI":
                        region.tag_redraw()
