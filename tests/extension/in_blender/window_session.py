# SPDX-License-Identifier: GPL-3.0-or-later
"""Run by test_blender.py in a Blender with a window: pick, capture, cancel, load a file, disable, undo, quit.

Called with ``-- RESULT_FILE PYTHON_THAT_NEVER_ENDS PYTHON_THAT_WORKS VIDEO WORKER_PYTHON REAL_VIDEO``; the
first two Pythons are stand-ins, to which the first video is as good as any.
Writes what it saw to the result file, as JSON, and quits.
"""

from __future__ import annotations

import json
import os
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import addon_utils
import bpy

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
sys.path.insert(0, str(Path(__file__).resolve().parent))
from character_file import make_character
from picking_session import pick_in_video

MODULE = "bl_ext.user_default.mocapanything_addon"
LONGEST_WAIT = 240.0
"""Seconds; the first render with software OpenGL takes most of it."""

result_file, endless_python, working_python, video, real_python, real_video = sys.argv[
    sys.argv.index("--") + 1 :
]
seen: dict[str, object] = {}


def running() -> object:
    return sys.modules[f"{MODULE}.operators.running"]


def status() -> bpy.types.PropertyGroup:
    return bpy.context.window_manager.mocapanything


def until(condition: Callable[[], object]) -> Iterator[None]:
    deadline = time.monotonic() + LONGEST_WAIT
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"Still waiting at: {seen}")
        yield


def invoke(python: str) -> set[str]:
    """What pressing the button does."""
    os.environ["MOCAPANYTHING_PYTHON"] = python
    window = bpy.context.window_manager.windows[0]
    area = next(area for area in window.screen.areas if area.type == "VIEW_3D")
    region = next(region for region in area.regions if region.type == "WINDOW")
    with bpy.context.temp_override(window=window, area=area, region=region):
        return bpy.ops.mocapanything.capture_from_video("INVOKE_DEFAULT", filepath=video)


def worker_is_heard() -> bool:
    return status().text.startswith("Reading the video")


def worker_pid() -> int:
    return running()._current.run._worker.pid


def is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def simulate(kind: str, *values: str) -> None:
    window = bpy.context.window_manager.windows[0]
    for value in values:
        window.event_simulate(type=kind, value=value, x=window.width // 2, y=window.height // 2)


def new_character() -> bpy.types.Object:
    armature = make_character()
    bpy.ops.ed.undo_push(message="Character")
    return armature


def session() -> Iterator[None]:
    new_character()
    yield from pick_in_video(real_python, real_video, until, seen)

    seen["invoked"] = sorted(invoke(endless_python))
    yield from until(worker_is_heard)
    pid = worker_pid()
    simulate("ESC", "PRESS", "RELEASE")
    started = time.monotonic()
    yield from until(lambda: not running().is_running())
    seen["cancel_seconds"] = time.monotonic() - started
    seen["gone_after_cancel"] = is_gone(pid)
    seen["actions_after_cancel"] = len(bpy.data.actions)

    invoke(endless_python)
    yield from until(worker_is_heard)
    pid = worker_pid()
    bpy.ops.wm.read_homefile(use_empty=True)
    yield
    seen["gone_after_load"] = is_gone(pid) and not running().is_running()

    new_character()
    yield
    invoke(endless_python)
    yield from until(worker_is_heard)
    pid = worker_pid()
    addon_utils.disable(MODULE, default_set=True)
    yield
    seen["gone_after_disable"] = is_gone(pid)
    seen["classes_after_disable"] = [name for name in dir(bpy.types) if name.startswith("MOCAPANYTHING")]
    addon_utils.enable(MODULE, default_set=True)
    # Blender drops the handler of an unregistered modal operator at the next event; until then it crashes
    # when another operator becomes modal.
    simulate("MOUSEMOVE", "NOTHING")
    yield

    armature = bpy.context.view_layer.objects.active
    name = armature.name
    invoke(working_python)
    yield from until(lambda: not running().is_running())
    yield
    seen["error"] = status().error
    seen["result"] = [status().action_name, status().frame_count]
    seen["action"] = bpy.data.objects[name].animation_data.action.name
    window = bpy.context.window_manager.windows[0]
    with bpy.context.temp_override(window=window):
        bpy.ops.ed.undo()
    yield
    data = bpy.data.objects[name].animation_data
    seen["action_after_undo"] = data.action.name if data and data.action else None
    with bpy.context.temp_override(window=window):
        bpy.ops.ed.redo()
    yield
    seen["action_after_redo"] = bpy.data.objects[name].animation_data.action.name

    invoke(endless_python)
    yield from until(worker_is_heard)
    seen["worker_at_quit"] = worker_pid()


def tick(steps: Iterator[None]) -> Callable[[], float | None]:
    """One step of the session for each call of the timer."""

    def step() -> float | None:
        try:
            next(steps)
        except StopIteration:
            finish()
            return None
        except Exception:
            seen["failure"] = traceback.format_exc()
            finish()
            return None
        return 0.1

    return step


def finish() -> None:
    Path(result_file).write_text(json.dumps(seen), encoding="utf-8")
    bpy.ops.wm.quit_blender()


addon_utils.enable(MODULE, default_set=True)
bpy.app.timers.register(tick(session()), first_interval=1.0, persistent=True)
