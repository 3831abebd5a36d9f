# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys and what they do, as the status bar shows them."""

from __future__ import annotations

from collections.abc import Sequence

import bpy

WIDE = {"EVENT_ESC", "EVENT_CTRL", "EVENT_BACKSPACE"}
"""Icons that stand out of their place since Blender 4.3."""
GAP, WIDE_GAP = 0.4, 1.6
"""Behind an icon, in the user interface's separators."""


def draw_key(layout: bpy.types.UILayout, icons: Sequence[str], text: str) -> None:
    """One or several keys, pressed together or instead of one another, and what they do."""
    row = layout.row(align=True)
    for icon in icons:
        row.label(text="", icon=icon)
        row.separator(factor=WIDE_GAP if icon in WIDE else GAP)
    row.label(text=text)
