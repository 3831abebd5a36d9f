# SPDX-License-Identifier: GPL-3.0-or-later
"""Entry point of the worker. Run by its path, so that it works wherever the extension is installed:

    python .../mocapanything_addon/worker/__main__.py JOB_FOLDER [--parent PID]
    python .../mocapanything_addon/worker/__main__.py --check
    python .../mocapanything_addon/worker/__main__.py --stills VIDEO FOLDER [--parent PID]

Whatever Python is named must get as far as saying what it lacks, so this file needs none but the standard
library and a Python far older than the worker's.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import sys

OLDEST_PYTHON = (3, 11)


def fail(code: str, message: str, hint: str) -> int:
    """Say why nothing can be done, in the form of jobs/messages.py; returns the exit code of bad input."""
    print(json.dumps({"type": "error", "code": code, "message": message, "hint": hint, "exit_code": 2}))
    return 2


def package_name() -> str:
    """Import the package this file is part of, under the name of its folder, and return that name."""
    if __package__:
        return __package__.rpartition(".")[0]
    folder = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120
    name = os.path.basename(folder).replace(".", "_")  # noqa: PTH119
    spec = importlib.util.spec_from_file_location(
        name,
        os.path.join(folder, "__init__.py"),  # noqa: PTH118
        submodule_search_locations=[folder],
    )
    assert spec is not None and spec.loader is not None
    package = importlib.util.module_from_spec(spec)
    sys.modules[name] = package
    spec.loader.exec_module(package)
    return name


def main(arguments: list[str]) -> int:
    if sys.version_info < OLDEST_PYTHON:
        return fail(
            "python_too_old",
            f"{sys.executable} is Python {sys.version.split()[0]}; the capture needs 3.11 or newer.",
            "Name the python program of a newer environment that has PyTorch.",
        )
    package = package_name()
    if arguments == ["--check"]:
        return importlib.import_module(f"{package}.worker.self_check").main()
    requirements = importlib.import_module(f"{package}.jobs.requirements")
    missing = requirements.missing_modules()
    if missing:
        wanted = [*missing, *requirements.missing_modules(requirements.OPTIONAL)]
        return fail(
            "python_incomplete",
            f"{sys.executable} lacks what the capture needs: {', '.join(missing)}.",
            f"Install it: {requirements.install_command(sys.executable, wanted)}",
        )
    if arguments[:1] == ["--stills"]:
        return importlib.import_module(f"{package}.worker.stills").main(arguments[1:])
    return importlib.import_module(f"{package}.worker.process").main(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
