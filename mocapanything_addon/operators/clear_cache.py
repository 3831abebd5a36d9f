# SPDX-License-Identifier: GPL-3.0-or-later
"""Clear Cache."""

from __future__ import annotations

import bpy

from .. import places

MEGABYTE = 1e6


class MOCAPANYTHING_OT_clear_cache(bpy.types.Operator):
    """Delete what captures keep for later captures: renders of characters, analyses of videos"""

    bl_idname = "mocapanything.clear_cache"
    bl_label = "Clear Cache"
    bl_options = {"INTERNAL"}

    def execute(self, _context: bpy.types.Context) -> set[str]:
        cache = places.cache()
        size = cache.size
        cache.clear()
        show_cache_size()
        if cache.size:
            self.report({"WARNING"}, f"Some of the cache could not be deleted: {cache.folder}")
        else:
            self.report({"INFO"}, f"{size / MEGABYTE:.0f} MB freed")
        return {"FINISHED"}


def show_cache_size() -> None:
    """Measure the cache for the preferences, which must not touch the disk while they are drawn."""
    size = places.cache().size / MEGABYTE
    bpy.context.window_manager.mocapanything.cache_size = f"{size:.0f} MB"
