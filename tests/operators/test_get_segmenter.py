# SPDX-License-Identifier: GPL-3.0-or-later
"""Get Segmenter, from a file on this machine in place of a server."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import bpy
import pytest
from fake_capture import Interactive

from mocapanything_addon import api, places
from mocapanything_addon.jobs import segmenters
from mocapanything_addon.jobs.segmenters import LISTED, ListedSegmenter
from mocapanything_addon.operators import downloading
from mocapanything_addon.operators.get_segmenter import MOCAPANYTHING_OT_get_segmenter

pytestmark = pytest.mark.bpy

CONTENT = b"weights" * 300_000
NAME = "u2net"


@pytest.fixture(autouse=True)
def listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ListedSegmenter:
    """The one that is listed, but for its server and its content."""
    source = tmp_path / "server.onnx"
    source.write_bytes(CONTENT)
    entry = replace(
        LISTED[NAME], url=source.as_uri(), sha256=hashlib.sha256(CONTENT).hexdigest(), size=len(CONTENT)
    )
    monkeypatch.setattr(segmenters, "LISTED", {NAME: entry})
    return entry


@pytest.fixture
def settings() -> bpy.types.PropertyGroup:
    return bpy.context.scene.mocapanything


def end_of_download() -> None:
    """Look at the running download as Blender's timer does, until there is nothing to see."""
    for _ in range(500):
        if downloading.tick() is None:
            return
        threading.Event().wait(0.01)
    raise AssertionError("the download does not end")


def test_script_waits_for_it(settings, listed):
    assert bpy.ops.mocapanything.get_segmenter() == {"FINISHED"}
    assert listed.path(places.segmenters()).read_bytes() == CONTENT
    assert settings.segmenter == NAME
    Path(listed.url.removeprefix("file://")).unlink()
    settings.segmenter = ""
    assert bpy.ops.mocapanything.get_segmenter() == {"FINISHED"}  # it is here: nothing is fetched
    assert settings.segmenter == NAME


def test_in_a_window_a_timer_looks_after_it(invoked: Callable[..., Interactive], settings, status):
    window = invoked(MOCAPANYTHING_OT_get_segmenter, segmenter=NAME)
    assert window.operator.execute(window.context) == {"FINISHED"}
    assert downloading.is_downloading()
    assert "U-2-Net" in status.download_text
    with pytest.raises(RuntimeError, match="A download is running"):
        bpy.ops.mocapanything.get_segmenter()
    end_of_download()
    assert settings.segmenter == NAME
    assert status.download_text == ""
    assert not downloading.is_downloading()
    assert window.operator.execute(window.context) == {"FINISHED"}
    assert not downloading.is_downloading()  # it is here


def test_failure_is_shown_and_changes_nothing(
    invoked: Callable[..., Interactive], settings, status, listed, monkeypatch
):
    monkeypatch.setattr(segmenters, "LISTED", {NAME: replace(listed, sha256="0" * 64)})
    window = invoked(MOCAPANYTHING_OT_get_segmenter, segmenter=NAME)
    window.operator.execute(window.context)
    end_of_download()
    assert "checksum" in status.error
    assert settings.segmenter == ""
    assert not api.has_segmenter(NAME)
    with pytest.raises(RuntimeError, match="checksum"):
        bpy.ops.mocapanything.get_segmenter()


def test_cancel(invoked: Callable[..., Interactive], settings, status, monkeypatch):
    def never_ending(url: str):
        while True:
            threading.Event().wait(0.01)
            yield b""

    monkeypatch.setattr("mocapanything_addon.jobs.download._parts", never_ending)
    window = invoked(MOCAPANYTHING_OT_get_segmenter, segmenter=NAME)
    window.operator.execute(window.context)
    assert bpy.ops.mocapanything.cancel_download() == {"FINISHED"}
    end_of_download()
    assert (settings.segmenter, status.error) == ("", "")
    with pytest.raises(RuntimeError, match="Nothing is being downloaded"):
        bpy.ops.mocapanything.cancel_download()


def test_disabling_the_extension_ends_it(invoked: Callable[..., Interactive], status):
    window = invoked(MOCAPANYTHING_OT_get_segmenter, segmenter=NAME)
    window.operator.execute(window.context)
    downloading.abort()
    assert not bpy.app.timers.is_registered(downloading.tick)
    assert not downloading.is_downloading()
    assert status.download_text == ""


def test_nothing_is_fetched_where_blender_may_not_go_online(
    invoked: Callable[..., Interactive], settings, monkeypatch
):
    monkeypatch.setattr(api, "_may_go_online", lambda: False)
    with pytest.raises(RuntimeError, match="may not go online"):
        bpy.ops.mocapanything.get_segmenter()
    window = invoked(MOCAPANYTHING_OT_get_segmenter, segmenter=NAME)
    assert window.operator.execute(window.context) == {"CANCELLED"}
    assert "System > Network" in window.reports[0][1]
    assert settings.segmenter == ""
    assert not places.segmenters().exists()
