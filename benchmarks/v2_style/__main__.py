# SPDX-License-Identifier: GPL-3.0-or-later
"""``python -m benchmarks.v2_style COMMAND ...``; see the package."""

from __future__ import annotations

import importlib
import os
import sys

COMMANDS = ("train", "evaluate", "speed")


def main() -> None:
    """Run one of the commands."""
    if len(sys.argv) < 2 or sys.argv[1] not in COMMANDS:
        sys.exit(f"usage: python -m benchmarks.v2_style {{{','.join(COMMANDS)}}} ...")
    # Software GL and BLAS start a thread a core; one process is meant to keep to one.
    for variable, value in (("LP_NUM_THREADS", "0"), ("OMP_NUM_THREADS", "1"), ("OPENBLAS_NUM_THREADS", "1")):
        os.environ.setdefault(variable, value)
    importlib.import_module(f".{sys.argv[1]}", __package__).main(sys.argv[2:])


if __name__ == "__main__":
    main()
