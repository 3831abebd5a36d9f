# SPDX-License-Identifier: GPL-3.0-or-later
"""The small operators around a capture: check the worker's Python, clear the cache, open log and folder."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import bpy
import pytest
from fake_capture import Interactive

from mocapanything_addon import places
from mocapanything_addon.jobs.worker_python import WorkerCheck
from mocapanything_addon.operators import check_worker
from mocapanything_addon.operators.check_worker import MOCAPANYTHING_OT_check_worker

pytestmark = pytest.mark.bpy

Status = bpy.types.PropertyGroup
PYTHON = Path("/envs/mocap/bin/python")
GOOD = WorkerCheck(PYTHON, "3.11.7", {"torch": "2.13.0"}, {}, "cpu")
POOR = WorkerCheck(PYTHON, "3.11.7", {"numpy": "1.26.4"}, {"torch": "missing"}, "")


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> list[WorkerCheck]:
    """What the check finds next; the interpreter itself is not started."""
    answers: list[WorkerCheck] = []
    monkeypatch.setattr(check_worker, "check_worker_python", lambda _: answers.pop())
    monkeypatch.setattr(check_worker, "find_worker_python", lambda **_: PYTHON)
    return answers


def test_check_of_a_good_python(answers: list[WorkerCheck], status: Status) -> None:
    answers.append(GOOD)
    assert bpy.ops.mocapanything.check_worker() == {"FINISHED"}
    lines = [(line.text, line.is_problem) for line in status.worker_check]
    assert ("torch 2.13.0", False) in lines
    assert not any(is_problem for _, is_problem in lines)
    assert status.install_command == ""


def test_check_says_what_is_missing_and_how_to_get_it(answers: list[WorkerCheck], status: Status) -> None:
    answers.append(POOR)
    with pytest.raises(RuntimeError, match=r"torch: missing .*pip install"):
        bpy.ops.mocapanything.check_worker()
    assert [line.text for line in status.worker_check if line.is_problem] == ["torch: missing"]
    assert "pip install" in status.install_command
    assert str(PYTHON) in status.install_command


def test_check_of_a_python_that_does_not_start(answers: list[WorkerCheck], status: Status) -> None:
    answers.append(WorkerCheck(PYTHON, "", {}, {}, "", "It cannot be started: Exec format error."))
    with pytest.raises(RuntimeError, match="Exec format error"):
        bpy.ops.mocapanything.check_worker()
    assert status.install_command == ""


def test_check_without_any_python(monkeypatch: pytest.MonkeyPatch, status: Status) -> None:
    monkeypatch.setenv("MOCAPANYTHING_PYTHON", "/no/such/python")
    with pytest.raises(RuntimeError, match="There is no Python at /no/such/python"):
        bpy.ops.mocapanything.check_worker()
    assert status.worker_check[0].is_problem


def test_check_in_a_window_does_not_block(
    answers: list[WorkerCheck], invoked: Callable[..., Interactive], status: Status
) -> None:
    answers.append(GOOD)
    window = invoked(MOCAPANYTHING_OT_check_worker)
    assert window.invoke() == {"RUNNING_MODAL"}
    assert window.event("MOUSEMOVE") == {"PASS_THROUGH"}
    deadline = time.monotonic() + 10.0
    while (result := window.event("TIMER")) == {"PASS_THROUGH"}:
        assert time.monotonic() < deadline
    assert result == {"FINISHED"}
    assert window.window_manager.timers == []
    assert "torch 2.13.0" in [line.text for line in status.worker_check]


@pytest.mark.worker
def test_check_starts_the_real_python(monkeypatch: pytest.MonkeyPatch, status: Status) -> None:
    monkeypatch.setenv("MOCAPANYTHING_PYTHON", os.environ.get("MOCAPANYTHING_PYTHON", sys.executable))
    assert bpy.ops.mocapanything.check_worker() == {"FINISHED"}
    assert any(line.text.startswith("torch 2.") for line in status.worker_check)


def test_clear_cache(status: Status) -> None:
    cache = places.cache()
    cache.store("views", lambda folder: (folder / "a.png").write_bytes(bytes(3_000_000)) and None)
    assert cache.size == 3_000_000
    assert bpy.ops.mocapanything.clear_cache() == {"FINISHED"}
    assert cache.size == 0
    assert status.cache_size == "0 MB"


def test_clear_cache_that_does_not_exist() -> None:
    assert not places.cache().folder.exists()
    assert bpy.ops.mocapanything.clear_cache() == {"FINISHED"}
    assert not places.cache().folder.exists()


@pytest.mark.parametrize("name", ["open_log", "open_job_folder"])
def test_opening_what_is_gone(name: str, status: Status, tmp_path: Path) -> None:
    operator = getattr(bpy.ops.mocapanything, name)
    with pytest.raises(RuntimeError, match="nothing was captured"):
        operator()
    status.folder = str(tmp_path / "gone")
    with pytest.raises(RuntimeError, match="is gone"):
        operator()
