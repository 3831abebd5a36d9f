# SPDX-License-Identifier: GPL-3.0-or-later
"""``python -m training COMMAND ...``; see README.md."""

from __future__ import annotations

import importlib
import os
import sys

COMMANDS = {
    "packs": "packs",
    "creatures": "creatures",
    "correspondence": "train_correspondence",
    "decoder": "train_decoder",
    "evaluate": "evaluate",
    "export": "export",
    "teach": "teacher",
    "mask": "train_mask",
    "critic": "train_critic",
    "kinds": "body_kinds",
    "curves": "curves",
    "bundle": "bundle",
    "timed": "timed",
}


def main() -> None:
    """Run one of the commands."""
    if len(sys.argv) < 2 or sys.argv[1] not in COMMANDS:
        sys.exit(f"usage: python -m training {{{','.join(COMMANDS)}}} ...")
    # Software GL and BLAS start a thread a core; a training process is meant to keep to one.
    os.environ.setdefault("LP_NUM_THREADS", "0")
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    from mocapanything_addon.jobs.errors import CaptureError

    try:
        importlib.import_module(f".{COMMANDS[sys.argv[1]]}", __package__).main(sys.argv[2:])
    except CaptureError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
