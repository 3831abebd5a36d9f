# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests in this room run inside Blender's Python module, each in an empty file."""

from __future__ import annotations

import pytest

collect_ignore_glob: list[str] = []
try:
    import bpy
except ImportError:
    bpy = None
    collect_ignore_glob.append("test_*.py")


@pytest.fixture(autouse=True)
def empty_file() -> None:
    """A file with nothing in it."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
