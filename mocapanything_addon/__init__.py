# SPDX-License-Identifier: GPL-3.0-or-later
"""MoCapAnything: motion capture from video onto any rigged, skinned character.

The worker's Python imports this package too, and has no bpy: Blender is touched inside :func:`register` and
:func:`unregister` only. The console API of :mod:`.api` is at hand here, loaded when first asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .api import (
        CaptureResult,
        CaptureRun,
        CaptureSettings,
        capture,
        export_bvh,
        get_segmenter,
        start_capture,
        start_segmenter_download,
    )

__all__ = [
    "CaptureResult",
    "CaptureRun",
    "CaptureSettings",
    "capture",
    "export_bvh",
    "get_segmenter",
    "start_capture",
    "start_segmenter_download",
]

# In the order in which they are registered; unregistered in reverse.
_PARTS = ("properties", "preferences", "operators", "panels")
_command: object = None
"""Blender's handle on the command line ``blender --command mocapanything``."""


def __getattr__(name: str) -> object:
    if name in __all__:
        return getattr(import_module(".api", __package__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _run_command(arguments: list[str]) -> int:
    from .command_line import main

    return main(arguments)


def register() -> None:
    """Add properties, preferences, operators, panels and the command line to Blender."""
    global _command  # noqa: PLW0603
    import bpy

    for part in _PARTS:
        import_module(f".{part}", __package__).register()
    _command = bpy.utils.register_cli_command("mocapanything", _run_command)


def unregister() -> None:
    """End a running capture and take everything out of Blender again."""
    import bpy

    bpy.utils.unregister_cli_command(_command)
    for part in reversed(_PARTS):
        import_module(f".{part}", __package__).unregister()
