# SPDX-License-Identifier: GPL-3.0-or-later
"""``python -m mocapanything_addon``: see command_line.py."""

from __future__ import annotations

import sys

from .command_line import main

sys.exit(main(sys.argv[1:]))
