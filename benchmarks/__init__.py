# SPDX-License-Identifier: GPL-3.0-or-later
"""Accuracy and speed, measured side by side with other methods. Run by hand; not part of the extension."""

from __future__ import annotations

import os

# Before numpy is loaded, here and in child processes: on systems this small BLAS threads only get in each
# other's way, and every method is to have one core.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
