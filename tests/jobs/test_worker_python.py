# SPDX-License-Identifier: GPL-3.0-or-later
"""Which Python runs the worker, and what is said when it cannot."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from mocapanything_addon.jobs import worker_python
from mocapanything_addon.jobs.client import start_worker
from mocapanything_addon.jobs.errors import BadInputError
from mocapanything_addon.jobs.folder import JobFolder
from mocapanything_addon.jobs.requirements import DISTRIBUTIONS, OPTIONAL, install_command
from mocapanything_addon.jobs.worker_python import (
    PYTHON_VARIABLE,
    WorkerCheck,
    check_worker_python,
    find_worker_python,
    worker_command,
    worker_environment,
)

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
def pythons(tmp_path: Path) -> dict[str, Path]:
    result = {}
    for name in ("explicit", "variable", "preference"):
        python = tmp_path / name
        python.write_text("#!/bin/sh\n")
        python.chmod(0o755)
        result[name] = python
    return result


@pytest.fixture(scope="module")
def bare_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python with nothing installed."""
    folder = tmp_path_factory.mktemp("bare") / "ünïcode env"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    return folder / "bin" / "python"


def test_order_of_sources(pythons: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PYTHON_VARIABLE, str(pythons["variable"]))
    assert find_worker_python(pythons["explicit"], pythons["preference"]) == pythons["explicit"]
    assert find_worker_python(None, pythons["preference"]) == pythons["variable"]
    monkeypatch.delenv(PYTHON_VARIABLE)
    assert find_worker_python(None, str(pythons["preference"])) == pythons["preference"]
    assert find_worker_python() == Path(sys.executable)


def test_missing_python_says_who_named_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PYTHON_VARIABLE, "/no/such/python")
    with pytest.raises(BadInputError, match=f"/no/such/python .*{PYTHON_VARIABLE}") as caught:
        find_worker_python()
    assert caught.value.code == "python_missing"


def test_no_python_named_and_none_with_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(PYTHON_VARIABLE, raising=False)
    monkeypatch.setattr(worker_python, "find_spec", lambda name: None)
    with pytest.raises(BadInputError) as caught:
        find_worker_python()
    assert caught.value.code == "python_unknown"
    assert "pip install" in caught.value.hint
    assert "torch" in caught.value.hint


def test_environment_keeps_foreign_python_settings_out() -> None:
    environment = worker_environment({"PATH": "/bin", "PYTHONHOME": "/blender", "PYTHONPATH": "/x"})
    assert "PYTHONHOME" not in environment
    assert "PYTHONPATH" not in environment
    assert environment["PATH"] == "/bin"
    assert environment["OMP_NUM_THREADS"] == "1"


def test_list_of_modules_is_that_of_the_project() -> None:
    with (REPOSITORY / "pyproject.toml").open("rb") as stream:
        dependencies = tomllib.load(stream)["project"]["dependencies"]
    names = {d.split("=")[0].split(">")[0].split("<")[0].strip() for d in dependencies}
    assert {*DISTRIBUTIONS.values(), *OPTIONAL.values()} == names


@pytest.mark.worker
def test_python_without_torch(bare_python: Path, tmp_path: Path) -> None:
    run = start_worker(JobFolder(tmp_path), bare_python)
    with pytest.raises(BadInputError) as caught:
        run.wait()
    assert caught.value.code == "python_incomplete"
    assert "torch" in caught.value.message
    assert install_command(str(bare_python)) in caught.value.hint


def test_what_captures_do_without_is_no_problem_but_can_be_installed() -> None:
    check = WorkerCheck(Path("python"), "3.11", {}, {}, "cpu", left_out={"matplotlib": "missing"})
    assert check.ok
    assert check.install_command == '"python" -m pip install matplotlib'
    assert check.lines[0] == "matplotlib: missing; captures do without"


@pytest.mark.worker
def test_check_of_a_bare_python(bare_python: Path) -> None:
    check = check_worker_python(bare_python)
    assert not check.ok
    assert set(check.problems) == set(DISTRIBUTIONS)
    assert set(check.left_out) == set(OPTIONAL)
    assert "matplotlib: missing; captures do without" in check.lines
    assert check.lines[0] == "numpy: missing"
    assert check.install_command == install_command(str(bare_python))


@pytest.mark.worker
def test_check_of_a_module_that_is_broken(bare_python: Path, tmp_path: Path) -> None:
    """Here by a package that raises; in the field by a library built for another system."""
    environment = tmp_path / "broken"
    shutil.copytree(bare_python.parents[1], environment, symlinks=True)
    (packages,) = environment.glob("lib/python*/site-packages")
    (packages / "torch.py").write_text("raise OSError('libcudart.so: cannot open shared object file')")
    check = check_worker_python(environment / "bin" / "python")
    assert "libcudart.so" in check.problems["torch"]


@pytest.mark.worker
def test_check_of_something_else_than_python(tmp_path: Path) -> None:
    program = tmp_path / "python"
    program.write_text("#!/bin/sh\necho i am a shell; echo really >&2; exit 7\n")
    program.chmod(0o755)
    check = check_worker_python(program)
    assert not check.ok
    assert "exit code 7" in check.lines[0]
    assert "really" in check.lines[0]
    assert check.install_command == ""


@pytest.mark.worker
def test_check_of_a_python_that_does_not_answer(tmp_path: Path) -> None:
    program = tmp_path / "python"
    program.write_text("#!/bin/sh\nexec sleep 60\n")
    program.chmod(0o755)
    assert "did not answer" in check_worker_python(program, timeout_seconds=0.3).lines[0]


def test_check_of_a_missing_python() -> None:
    assert "cannot be started" in check_worker_python(Path("/no/such/python")).lines[0]


@pytest.mark.worker
def test_worker_starts_wherever_the_package_lies(tmp_path: Path) -> None:
    """Installed, the folder is one of Blender's repositories', whose path may hold anything."""
    copy = tmp_path / "user default 'ü'" / "renamed_addon"
    source = REPOSITORY / "mocapanything_addon"
    for part in ("", "jobs", "worker", "ik", "fit"):
        (copy / part).mkdir(parents=True, exist_ok=True)
        for file in (source / part).glob("*.py"):
            shutil.copy(file, copy / part)
    command = worker_command(Path(sys.executable), str(tmp_path / "nothing"))
    command[command.index(str(worker_python.ENTRY_POINT))] = str(copy / "worker" / "__main__.py")
    answer = subprocess.run(
        command, capture_output=True, text=True, env=worker_environment(), cwd=tmp_path, check=False
    )
    assert '"code": "request_missing"' in answer.stdout, answer.stderr
    assert answer.returncode == 3


@pytest.mark.worker
def test_module_can_be_run_by_name_too(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mocapanything_addon.worker", str(tmp_path)]
    answer = subprocess.run(command, capture_output=True, text=True, cwd=REPOSITORY, check=False)
    assert '"code": "request_missing"' in answer.stdout, answer.stderr
