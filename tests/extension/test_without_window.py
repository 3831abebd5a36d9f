# SPDX-License-Identifier: GPL-3.0-or-later
"""``blender --command`` runs without a window in the context; much of Blender's own Python needs one."""

from __future__ import annotations

from pathlib import Path

import pytest

bpy = pytest.importorskip("bpy")

from character_file import make_character, worker_python  # noqa: E402

from mocapanything_addon import api, places  # noqa: E402

pytestmark = [pytest.mark.bpy, pytest.mark.worker]


@pytest.mark.parametrize("views", [False, True], ids=["rig", "rig and views"])
def test_capture_without_a_window(views: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(places.FOLDER_VARIABLE, str(tmp_path / "user"))
    bpy.ops.wm.read_factory_settings(use_empty=True)
    armature = make_character()
    scenes = len(bpy.data.scenes)
    video = tmp_path / "walk.mp4"
    video.write_bytes(b"for the stand-in")
    with bpy.context.temp_override(window=None):
        assert bpy.context.window is None
        python = worker_python(tmp_path, "work")
        result = api.capture(armature, video, python=python, reference_views=views)
    assert armature.animation_data.action == result.action
    assert len(bpy.data.scenes) == scenes
