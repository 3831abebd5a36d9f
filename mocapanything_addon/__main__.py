# SPDX-License-Identifier: GPL-3.0-or-later
"""``python -m mocapanything_addon``: see command_line.py."""

from __future__ import annotations

import os
import shutil
import sys

from .command_line import main


def leave(code: int) -> None:
    """End the process; with bpy loaded without Python's shutdown, in which it may hang or crash."""
    sys.stdout.flush()
    sys.stderr.flush()
    bpy = sys.modules.get("bpy")
    if bpy is None:
        sys.exit(code)
    shutil.rmtree(bpy.app.tempdir, ignore_errors=True)
    os._exit(code)


leave(main(sys.argv[1:]))
