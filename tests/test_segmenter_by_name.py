# SPDX-License-Identifier: GPL-3.0-or-later
"""Segmenters by name: got by a command, found by a capture. A local file stands in for the server."""

from __future__ import annotations

import hashlib
import json
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from mocapanything_addon import api, places
from mocapanything_addon.command_line import main
from mocapanything_addon.jobs import segmenters
from mocapanything_addon.jobs.errors import BadInputError
from mocapanything_addon.jobs.messages import Progress
from mocapanything_addon.jobs.segmenters import LISTED
from mocapanything_addon.jobs.settings import CaptureSettings
from mocapanything_addon.scene import compat

CONTENT = b"weights" * 100
NAME = "u2net"


@pytest.fixture(autouse=True)
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What is downloaded; the user folder is empty."""
    monkeypatch.setenv(places.FOLDER_VARIABLE, str(tmp_path / "user"))
    source = tmp_path / "server.onnx"
    source.write_bytes(CONTENT)
    digest = hashlib.sha256(CONTENT).hexdigest()
    entry = replace(LISTED[NAME], url=source.as_uri(), sha256=digest, size=len(CONTENT))
    monkeypatch.setattr(segmenters, "LISTED", {NAME: entry})
    return source


def test_command_gets_it_and_says_where_it_is(capfd, tmp_path):
    assert main(["get-segmenter", NAME]) == 0
    path = tmp_path / "user" / "segmenters" / "u2net.onnx"
    assert capfd.readouterr().out.splitlines() == [f"segmenter: {path}"]
    assert path.read_bytes() == CONTENT
    assert json.loads(path.with_suffix(".json").read_text())["size"] == 320


def test_command_as_json(capfd):
    assert main(["get-segmenter", NAME, "--json"]) == 0
    messages = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert {message["stage"] for message in messages[:-1]} <= {"download"}
    assert messages[-1]["type"] == "done"
    assert Path(messages[-1]["segmenter"]).is_file()


def test_what_is_not_listed_or_not_there(capfd, source):
    assert main(["get-segmenter", "sam"]) == 2
    assert "u2net" in capfd.readouterr().err
    source.unlink()
    assert main(["get-segmenter", NAME]) == 3
    assert "could not be downloaded" in capfd.readouterr().err
    assert not api.has_segmenter(NAME)


def test_what_is_here_is_not_fetched_again(source):
    told = []
    path = api.get_segmenter(NAME, told.append)
    assert all(isinstance(message, Progress) for message in told)
    source.unlink()
    assert api.get_segmenter(NAME) == path


def test_nothing_goes_online_unasked_or_where_it_is_forbidden(monkeypatch, capfd):
    monkeypatch.setattr(api, "_may_go_online", lambda: False)
    assert main(["get-segmenter", NAME]) == 2
    assert "--online-mode" in capfd.readouterr().err
    assert not places.segmenters().exists()


@pytest.mark.parametrize(
    ("module", "online", "may"), [(False, False, False), (False, True, True), (True, False, True)]
)
def test_online_access_of_blender_counts(monkeypatch, module, online, may):
    """As a module Blender has no such setting: whoever asks has decided."""
    app = SimpleNamespace(online_access=online)
    with monkeypatch.context() as patch:
        patch.setattr(compat, "is_module", lambda: module)
        patch.setitem(sys.modules, "bpy", SimpleNamespace(app=app))
        assert api._may_go_online() is may


def test_wheel_of_blender_is_a_module():
    assert compat.is_module()


def test_capture_finds_what_is_named(tmp_path, monkeypatch):
    """By its name, by its path, or says what to do; before anything else is done."""
    (tmp_path / "own.onnx").write_bytes(b"")
    monkeypatch.chdir(tmp_path)
    asked = []
    monkeypatch.setattr(api, "_preferences", lambda: None)
    monkeypatch.setattr(api, "CaptureRun", lambda armature, request, *_, **__: asked.append(request.settings))
    monkeypatch.setitem(sys.modules, "bpy", SimpleNamespace(app=SimpleNamespace(version_string="4.5")))
    armature = SimpleNamespace(type="ARMATURE")

    def start(segmenter: str | None) -> str | None:
        video = tmp_path / "own.onnx"  # it only has to exist
        api.start_capture(armature, video, CaptureSettings(segmenter=segmenter), python=sys.executable)
        return asked[-1].segmenter

    assert start(None) is None
    assert start("own.onnx") == str(tmp_path / "own.onnx")
    with pytest.raises(BadInputError, match=r"no segmenter at .*gone.onnx") as raised:
        start("gone.onnx")
    assert raised.value.code == "segmenter_missing"
    with pytest.raises(
        BadInputError, match=r"not downloaded \(176 MB, licence Apache-2.0\).*get-segmenter u2net"
    ):
        start(NAME)
    places.segmenters().mkdir(parents=True)
    (places.segmenters() / "u2net.onnx").write_bytes(CONTENT)
    assert start(NAME) == str(places.segmenters() / "u2net.onnx")
