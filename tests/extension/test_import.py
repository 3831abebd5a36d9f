# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may import the package: any Python, without Blender and without anything installed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]

WITHOUT_PACKAGES = """
import sys
sys.path.insert(0, sys.argv[1])
import mocapanything_addon
assert "capture" in mocapanything_addon.__all__
assert "bpy" not in sys.modules
try:
    mocapanything_addon.nonsense
except AttributeError as error:
    assert "nonsense" in str(error)
else:
    raise SystemExit("nonsense was found")
"""

WITHOUT_BPY = """
import sys
sys.modules["bpy"] = None  # any import of it raises
sys.path.insert(0, sys.argv[1])
import mocapanything_addon
missing = [name for name in mocapanything_addon.__all__ if not hasattr(mocapanything_addon, name)]
assert not missing, missing
"""


def run(code: str, *options: str) -> None:
    command = [sys.executable, *options, "-c", code, str(PROJECT)]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr


def test_imports_where_nothing_is_installed() -> None:
    run(WITHOUT_PACKAGES, "-I", "-S")


def test_console_api_is_at_hand_without_blender() -> None:
    run(WITHOUT_BPY)
