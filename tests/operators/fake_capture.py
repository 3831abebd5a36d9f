# SPDX-License-Identifier: GPL-3.0-or-later
"""Captures that are made up, and a window to run them in."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import bpy

from mocapanything_addon.jobs.errors import CancelledError, CaptureError
from mocapanything_addon.jobs.messages import Done, Failed, Message, Progress
from mocapanything_addon.jobs.settings import CaptureSettings


class FakeRun:
    """Stands in for ``api.CaptureRun``: says what it is told to, and writes an empty action."""

    def __init__(self, folder: Path, *said: list[Message]) -> None:
        self.folder = folder
        self.said = list(said) or [[Progress("decode", 1, 2)], [Progress("decode", 2, 2)], [Done()]]
        self.calls: list[str] = []
        self.error_on_apply: CaptureError | None = None
        self.warnings: tuple[str, ...] = ()

    def poll(self) -> list[Message]:
        self.calls.append("poll")
        if "cancel" in self.calls:
            return [Failed(CancelledError())]
        return self.said.pop(0)

    def cancel(self) -> None:
        self.calls.append("cancel")

    def close(self) -> None:
        self.calls.append("close")

    def apply(self) -> SimpleNamespace:
        self.calls.append("apply")
        if self.error_on_apply is not None:
            raise self.error_on_apply
        report = {
            "frames": 24,
            "total_seconds": 12.5,
            "confidence": {"mean": 0.5},
            "outline_overlap": None,
            "settings": {"start_choice": 2, "subject_choice": 1},
            "subjects": [{}, {}],
            "starts": [{}, {}, {}],
        }
        action = bpy.data.actions.new("walk on Armature")
        return SimpleNamespace(action=action, report=report, folder=self.folder, warnings=self.warnings)


class Captures:
    """What ``api.start_capture`` was asked for, and the run it gives out next."""

    def __init__(self, run: FakeRun) -> None:
        self.run = run
        self.asked: list[tuple[bpy.types.Object, str, CaptureSettings]] = []
        self.refusal: CaptureError | None = None

    def start(self, armature: bpy.types.Object, video: str, settings: CaptureSettings) -> FakeRun:
        self.asked.append((armature, video, settings))
        if self.refusal is not None:
            raise self.refusal
        return self.run


class FakeWindowManager:
    """The real window manager's properties, with timers and modal operators that only say that they exist."""

    def __init__(self) -> None:
        self.timers: list[object] = []
        self.modal: list[object] = []
        self.browsing: list[object] = []

    @property
    def mocapanything(self) -> bpy.types.PropertyGroup:
        return bpy.context.window_manager.mocapanything

    @property
    def windows(self) -> bpy.types.bpy_prop_collection:
        return bpy.context.window_manager.windows

    def event_timer_add(self, seconds: float, *, window: bpy.types.Window) -> object:
        self.timers.append(timer := object())
        return timer

    def event_timer_remove(self, timer: object) -> None:
        self.timers.remove(timer)

    def modal_handler_add(self, operator: object) -> None:
        self.modal.append(operator)

    def fileselect_add(self, operator: object) -> None:
        self.browsing.append(operator)


class Interactive:
    """An operator that was invoked in a window.

    Blender as a module always runs in the background, where that never happens, so the methods run on a
    stand-in.
    """

    def __init__(self, operator: type, **properties: object) -> None:
        self.window_manager = FakeWindowManager()
        self.status_texts: list[object] = []
        self.reports: list[tuple[set[str], str]] = []
        self.area = next(area for area in bpy.context.window.screen.areas if area.type == "VIEW_3D")
        self.context = SimpleNamespace(
            object=bpy.context.object,
            area=self.area,
            temp_override=bpy.context.temp_override,
            preferences=bpy.context.preferences,
            scene=bpy.context.scene,
            window=bpy.context.window,
            window_manager=self.window_manager,
            workspace=SimpleNamespace(status_text_set=self.status_texts.append),
        )
        self.bpy = SimpleNamespace(context=self.context, app=SimpleNamespace(background=False), path=bpy.path)
        stand_in = type("StandIn", (), {k: v for k, v in vars(operator).items() if not k.startswith("__")})
        self.operator = stand_in()
        self.operator.options = SimpleNamespace(is_invoke=True)
        self.operator.report = lambda kind, text: self.reports.append((kind, text))
        for name, value in properties.items():
            setattr(self.operator, name, value)

    def invoke(self) -> set[str]:
        return self.operator.invoke(self.context, None)

    def event(
        self, kind: str, value: str = "PRESS", at: tuple[int, int] = (0, 0), *, ctrl: bool = False
    ) -> set[str]:
        """An event with the mouse at a place in the window."""
        if self.area.type != "VIEW_3D":
            self.context.area = None  # Blender forgets a modal operator's area when its editor changes
        event = SimpleNamespace(type=kind, value=value, mouse_x=at[0], mouse_y=at[1], ctrl=ctrl)
        return self.operator.modal(self.context, event)
