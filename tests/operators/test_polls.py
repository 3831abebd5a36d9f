# SPDX-License-Identifier: GPL-3.0-or-later
"""Every operator's poll answers plainly wherever Blender asks."""

from __future__ import annotations

import bpy
import pytest

from mocapanything_addon.operators import running
from mocapanything_addon.operators.drop_video import MOCAPANYTHING_FH_video

pytestmark = pytest.mark.bpy


def operators() -> list[str]:
    return dir(bpy.ops.mocapanything)


def test_there_are_operators() -> None:
    assert "capture_from_video" in operators()


def test_empty_scene() -> None:
    offered = {name for name in operators() if getattr(bpy.ops.mocapanything, name).poll()}
    assert offered == {"check_worker", "clear_cache", "get_segmenter"}


@pytest.mark.parametrize("area_type", ["VIEW_3D", "PROPERTIES", "FILE_BROWSER", "PREFERENCES", "INFO"])
def test_any_editor(area_type: str, character: bpy.types.Object) -> None:
    window = bpy.context.window
    area = window.screen.areas[0]
    area.type = area_type
    with bpy.context.temp_override(window=window, area=area):
        assert bpy.ops.mocapanything.capture_from_video.poll() is True
        assert MOCAPANYTHING_FH_video.poll_drop(bpy.context) is (area_type == "VIEW_3D")


def test_no_window() -> None:
    with bpy.context.temp_override(window=None):
        for name in operators():
            assert getattr(bpy.ops.mocapanything, name).poll() in {True, False}
        assert MOCAPANYTHING_FH_video.poll_drop(bpy.context) is False


def test_cancel_needs_a_running_capture(captures) -> None:
    with pytest.raises(RuntimeError, match="No capture is running"):
        bpy.ops.mocapanything.cancel_capture()
    running.begin(captures.run)
    assert bpy.ops.mocapanything.cancel_capture.poll()


def test_movies_are_handled() -> None:
    extensions = MOCAPANYTHING_FH_video.bl_file_extensions.split(";")
    assert {".mp4", ".mov", ".mkv", ".avi", ".gif"} <= set(extensions)
