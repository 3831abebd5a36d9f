# SPDX-License-Identifier: GPL-3.0-or-later
"""What this Python can do for the worker, as one JSON object on stdout."""

from __future__ import annotations

import importlib
import json
import platform
import sys

from ..jobs.messages import private_stdout
from ..jobs.requirements import DISTRIBUTIONS, OPTIONAL


def main() -> int:
    """Import everything the worker needs, and say what came of it."""
    modules: dict[str, str] = {}
    problems: dict[str, str] = {}
    left_out: dict[str, str] = {}
    with private_stdout() as stream:
        for name in (*DISTRIBUTIONS, *OPTIONAL):
            found = problems if name in DISTRIBUTIONS else left_out
            try:
                modules[name] = str(getattr(importlib.import_module(name), "__version__", ""))
            except ModuleNotFoundError as error:
                found[name] = "missing" if error.name == name else f"cannot be imported: {error}"
            except (
                Exception
            ) as error:  # a broken installation raises anything: OSError for a missing DLL, ...
                found[name] = f"cannot be imported: {error}"
        answer = {
            "type": "check",
            "python": platform.python_version(),
            "modules": modules,
            "problems": problems,
            "left_out": left_out,
            "device": _device() if "torch" in modules else "",
        }
        stream.write(json.dumps(answer) + "\n")
    return 0 if not problems else 2


def _device() -> str:
    torch = sys.modules["torch"]
    if torch.cuda.is_available():
        return f"cuda ({torch.cuda.get_device_name(0)})"
    return "mps" if torch.backends.mps.is_available() else "cpu"
