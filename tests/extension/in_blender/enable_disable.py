# SPDX-License-Identifier: GPL-3.0-or-later
"""Run by test_zip.py in a Blender with an empty profile: install the zip, enable, disable, enable, disable.

Prints a JSON object: ``install_command``; ``enabled`` after each step; ``traces`` of the extension in Blender
before and after each step; ``sockets`` that were opened.
"""

from __future__ import annotations

import json
import os
import socket
import sys
from pathlib import Path

extension_zip, profile = map(Path, sys.argv[1:3])
(profile / "extensions" / "user_default").mkdir(parents=True)
os.environ["BLENDER_USER_RESOURCES"] = str(profile)

import bpy  # noqa: E402

MODULE = "bl_ext.user_default.mocapanything_addon"
sockets: list[str] = []


class LoudSocket(socket.socket):
    """Nothing in installing and enabling may open one."""

    def __init__(self, *arguments: object, **options: object) -> None:
        sockets.append(str(arguments))
        super().__init__(*arguments, **options)  # type: ignore[arg-type]


socket.socket = LoudSocket  # type: ignore[misc]


def traces() -> list[str]:
    """Everything by which the extension can be seen in Blender."""
    found = [f"class {name}" for name in dir(bpy.types) if name.startswith("MOCAPANYTHING")]
    for owner in (bpy.types.Scene, bpy.types.WindowManager):
        found += [f"property of {owner.__name__}"] if hasattr(owner, "mocapanything") else []
    for name in dir(bpy.app.handlers):
        handlers = getattr(bpy.app.handlers, name)
        if isinstance(handlers, list):
            found += [f"handler {name}" for handler in handlers if handler.__module__.startswith(MODULE)]
    for name in dir(bpy.types):
        draw = getattr(getattr(bpy.types, name), "draw", None)
        functions = getattr(draw, "_draw_funcs", [])
        found += [f"menu item in {name}" for function in functions if function.__module__.startswith(MODULE)]
    found += [f"operator {name}" for name in dir(bpy.ops.mocapanything)]
    return sorted(found)


def is_enabled() -> bool:
    return MODULE in bpy.context.preferences.addons


bpy.ops.wm.read_factory_settings(use_empty=True)
all_traces = [traces()]
enabled = []
bpy.ops.extensions.package_install_files(
    filepath=str(extension_zip), repo="user_default", enable_on_install=True
)
for operator in (None, "addon_disable", "addon_enable", "addon_disable"):
    if operator is not None:
        getattr(bpy.ops.preferences, operator)(module=MODULE)
    enabled.append(is_enabled())
    all_traces.append(traces())
requirements = sys.modules[f"{MODULE}.jobs.requirements"]
command = requirements.install_command("python")
print(json.dumps({"install_command": command, "enabled": enabled, "traces": all_traces, "sockets": sockets}))
sys.stdout.flush()
os._exit(0)  # bpy 4.2 as a module crashes while Python shuts down
