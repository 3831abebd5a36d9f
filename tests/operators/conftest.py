# SPDX-License-Identifier: GPL-3.0-or-later
"""A Blender with the extension and a character."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import bpy
import pytest
from fake_capture import Captures, FakeRun, Interactive

import mocapanything_addon
from mocapanything_addon import api
from mocapanything_addon.operators import pick_session, running


@pytest.fixture(autouse=True)
def extension(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("MOCAPANYTHING_FOLDER", str(tmp_path / "user folder"))
    bpy.ops.wm.read_factory_settings(use_empty=True)
    mocapanything_addon.register()
    yield
    mocapanything_addon.unregister()


@pytest.fixture
def character() -> bpy.types.Object:
    bpy.ops.object.armature_add()
    return bpy.context.object


@pytest.fixture
def captures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Captures:
    captures = Captures(FakeRun(tmp_path))
    monkeypatch.setattr(api, "start_capture", captures.start)
    return captures


@pytest.fixture
def status() -> bpy.types.PropertyGroup:
    return bpy.context.window_manager.mocapanything


@pytest.fixture
def invoked(character: bpy.types.Object) -> Iterator[Callable[..., Interactive]]:
    """Makes an operator that was invoked in a window, from its class and its properties."""
    with pytest.MonkeyPatch.context() as patch:

        def make(operator: type, **properties: object) -> Interactive:
            interactive = Interactive(operator, **properties)
            patch.setattr(sys.modules[operator.__module__], "bpy", interactive.bpy)
            patch.setattr(running, "bpy", interactive.bpy)
            patch.setattr(pick_session, "bpy", interactive.bpy)
            return interactive

        yield make
