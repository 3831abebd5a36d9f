# SPDX-License-Identifier: GPL-3.0-or-later
"""Which Python runs the worker, how it is called, and whether it can do the work."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from .errors import BadInputError
from .requirements import DISTRIBUTIONS, OPTIONAL, install_command

PYTHON_VARIABLE = "MOCAPANYTHING_PYTHON"
ENTRY_POINT = Path(__file__).resolve().parents[1] / "worker" / "__main__.py"
CHECK_SECONDS = 120.0
"""The first import of torch from a cold disk takes long."""
_NO_WINDOW = getattr(subprocess, "CREATE_NO_WINDOW", 0)


def find_worker_python(explicit: str | Path | None = None, preference: str | Path | None = None) -> Path:
    """The interpreter to use.

    Args:
        explicit: Named for this capture.
        preference: Named in the preferences.

    Returns:
        The first one named of: ``explicit``, the environment variable ``MOCAPANYTHING_PYTHON``,
        ``preference``; else the running interpreter if it has torch.

    Raises:
        BadInputError: ``python_missing`` when the one named does not exist or is no program;
            ``python_unknown`` when none is named and the running one has no torch.
    """
    sources = (
        (explicit, "named for this capture"),
        (os.environ.get(PYTHON_VARIABLE), f"named by the variable {PYTHON_VARIABLE}"),
        (preference, "named in the preferences"),
    )
    for named, where in sources:
        if not named:
            continue
        found = shutil.which(str(Path(named).expanduser()))
        if found is None:
            raise BadInputError(
                f"There is no Python at {named} ({where}).",
                "Name the python program of an environment that has PyTorch.",
                code="python_missing",
            )
        return Path(found).absolute()  # not resolved: a virtual environment's python is a link
    if sys.executable and find_spec("torch") is not None:
        return Path(sys.executable)
    raise BadInputError(
        "The capture needs a Python with PyTorch, and none is named.",
        f"Make an environment with Python 3.11 or newer, run in it: {install_command('python')}; then name "
        f"its python in the add-on's preferences, with --python, or in the variable {PYTHON_VARIABLE}.",
        code="python_unknown",
    )


def worker_command(python: Path, *arguments: str) -> list[str]:
    """The command line of the worker. ``-u`` so that no message waits in a buffer."""
    return [str(python), "-u", str(ENTRY_POINT), *arguments]


def worker_environment(environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment the worker runs in.

    Blender's or a launcher's Python variables would break another Python, so they are dropped; unlike with
    ``-I`` packages the user installed with ``pip --user`` stay visible. The systems the fit solves are
    small: BLAS and OpenMP threads only get in each other's way.
    """
    result = {
        name: value
        for name, value in (os.environ if environment is None else environment).items()
        if not name.startswith("PYTHON")
    }
    result["PYTHONUTF8"] = "1"
    result["PYTHONSAFEPATH"] = "1"  # the script's own folder must not shadow installed modules
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"):
        result.setdefault(name, "1")
    return result


@dataclass(frozen=True)
class WorkerCheck:
    """What an interpreter can do for the worker."""

    python: Path
    version: str
    """Of Python; empty where it could not be started."""
    modules: Mapping[str, str]
    """Import name -> version found."""
    problems: Mapping[str, str]
    """Import name -> why it cannot be used."""
    device: str
    """What the networks run on, e.g. ``cpu`` or ``cuda (NVIDIA RTX 4090)``."""
    error: str = ""
    """Why the check itself failed."""
    left_out: Mapping[str, str] = field(default_factory=dict)
    """Import name -> why it cannot be used, of what a capture can do without."""

    @property
    def ok(self) -> bool:
        return not self.error and not self.problems

    @property
    def install_command(self) -> str:
        """What to run in a terminal to mend it; empty where there is nothing pip could do."""
        wanted = [*self.problems, *self.left_out]
        return install_command(str(self.python), wanted) if wanted and not self.error else ""

    @property
    def lines(self) -> list[str]:
        """The findings, one a line, problems first."""
        if self.error:
            return [self.error]
        names = {**DISTRIBUTIONS, **OPTIONAL}
        found = [f"{names.get(name, name)} {version}" for name, version in self.modules.items()]
        return [
            *(f"{names.get(name, name)}: {reason}" for name, reason in self.problems.items()),
            *(f"{names.get(k, k)}: {why}; captures do without" for k, why in self.left_out.items()),
            f"Python {self.version}",
            *found,
            *([f"Networks run on: {self.device}"] if self.device else []),
        ]


def check_worker_python(python: Path, timeout_seconds: float = CHECK_SECONDS) -> WorkerCheck:
    """Start the interpreter and let it import everything the worker needs. Takes seconds; never raises."""

    def failed(reason: str) -> WorkerCheck:
        return WorkerCheck(python, "", {}, {}, "", reason)

    try:
        answer = subprocess.run(
            worker_command(python, "--check"),
            env=worker_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=timeout_seconds,
            creationflags=_NO_WINDOW,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return failed(f"{python} did not answer within {timeout_seconds:.0f} seconds.")
    except OSError as error:
        return failed(f"{python} cannot be started: {error.strerror or error}.")
    for line in reversed(answer.stdout.decode("utf-8", "replace").splitlines()):
        try:
            values = json.loads(line)
            if values["type"] == "error":
                return failed(f"{values['message']} {values['hint']}".strip())
            return WorkerCheck(
                python,
                values["python"],
                values["modules"],
                values["problems"],
                values["device"],
                left_out=values["left_out"],
            )
        except (ValueError, KeyError, TypeError):
            continue
    words = answer.stderr.decode("utf-8", "replace").strip().splitlines()
    return failed(
        f"{python} is no Python that can run the worker (exit code {answer.returncode})."
        + (f" It says: {words[-1]}" if words else "")
    )
