# SPDX-License-Identifier: GPL-3.0-or-later
"""A worker's process that misbehaves, from its parent's side: each way to end has one clear error."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from mocapanything_addon.jobs.client import WorkerRun, start_worker
from mocapanything_addon.jobs.errors import BadInputError, CancelledError, CaptureError, ExitCode
from mocapanything_addon.jobs.folder import JobFolder
from mocapanything_addon.jobs.messages import Done, Failed, Message, Progress

pytestmark = pytest.mark.worker

DONE = """print('{"type": "done"}', flush=True)"""
PROGRESS = """print('{"type": "progress", "stage": "decode", "done": 1, "total": 2}', flush=True)"""


@pytest.fixture
def job(tmp_path: Path) -> JobFolder:
    folder = tmp_path / "job"
    folder.mkdir()
    return JobFolder(folder)


def start(job: JobFolder, code: str, **options: float) -> WorkerRun:
    return WorkerRun(job, [sys.executable, "-u", "-c", code], **options)


def outcome(run: WorkerRun) -> CaptureError:
    with pytest.raises(CaptureError) as caught:
        run.wait()
    assert run.finished
    return caught.value


def assert_gone(pid: int) -> None:
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_polling_never_blocks_and_ends_with_one_terminal_message(job: JobFolder) -> None:
    run = start(job, f"import time; {PROGRESS}; time.sleep(0.3); {DONE}; {DONE}")
    heard: list[Message] = []
    slowest = 0.0
    while not run.finished:
        before = time.monotonic()
        heard += run.poll()
        slowest = max(slowest, time.monotonic() - before)
        time.sleep(0.01)
    assert heard == [Progress("decode", 1, 2), Done()]
    assert slowest < 0.1
    assert run.error is None
    assert run.poll() == []


def test_done_counts_even_if_the_process_then_crashes(job: JobFolder) -> None:
    """Graphics drivers and torch like to crash on their way out; the results are complete by then."""
    start(job, f"import os; {DONE}; os.kill(os.getpid(), 11)").wait()


def test_killed(job: JobFolder) -> None:
    error = outcome(start(job, f"import os; {PROGRESS}; os.kill(os.getpid(), 9)"))
    assert error.code == "worker_killed"
    assert "SIGKILL" in error.message
    assert "memory" in error.message
    assert str(job.log_path) in error.hint


def test_crash(job: JobFolder) -> None:
    error = outcome(start(job, "import os; os.kill(os.getpid(), 11)"))
    assert error.code == "worker_killed"
    assert "SIGSEGV" in error.message


def test_non_zero_exit_repeats_the_last_words(job: JobFolder) -> None:
    error = outcome(start(job, "import sys; sys.exit('no such luck')"))
    assert error.code == "worker_died"
    assert "exit code 1" in error.message
    assert "no such luck" in error.message
    assert str(job.log_path) in error.hint
    assert error.exit_code == ExitCode.FAILED


def test_garbage_instead_of_an_answer(job: JobFolder) -> None:
    code = """
import sys
for line in [b"hello", b"\\xff\\xfe\\0", b"{}", b"[]", b'{"type": 3}', b'{"type": "progress"}', b"42"]:
    sys.stdout.buffer.write(line + b"\\n")
"""
    error = outcome(start(job, code))
    assert error.code == "worker_garbage"
    assert "hello" in error.message
    assert "not a message: hello" in job.log_path.read_text(encoding="utf-8")


def test_garbage_between_messages_does_no_harm(job: JobFolder) -> None:
    start(job, f"print('hello'); {PROGRESS}; print('x' * 500_000); {DONE}").wait()


def test_endless_garbage_is_a_worker_that_hangs(job: JobFolder) -> None:
    run = start(job, "while True: print('y' * 1000)", silence_seconds=0.5)
    error = outcome(run)
    assert error.code == "worker_hangs"
    assert_gone(run.pid)
    assert job.log_path.stat().st_size < 1_000_000


def test_hanging(job: JobFolder) -> None:
    run = start(job, f"import time; {PROGRESS}; time.sleep(60)", silence_seconds=0.5)
    begun = time.monotonic()
    error = outcome(run)
    assert error.code == "worker_hangs"
    assert "0 seconds" in error.message or "1 second" in error.message
    assert str(job.log_path) in error.hint
    assert time.monotonic() - begun < 3
    assert_gone(run.pid)


def test_a_parent_that_is_busy_does_not_take_the_worker_for_hanging(job: JobFolder) -> None:
    """Messages count from when they came, not from when somebody found the time to look."""
    code = f"import time\nfor _ in range(8):\n    {PROGRESS}\n    time.sleep(0.1)\n{DONE}"
    run = start(job, code, silence_seconds=0.6)
    time.sleep(0.7)
    run.wait()


def test_output_closed_but_still_there(job: JobFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mocapanything_addon.jobs.client.LINGER_SECONDS", 0.3)
    run = start(job, "import os, time; os.close(1); time.sleep(60)")
    assert outcome(run).code == "worker_hangs"
    assert_gone(run.pid)


def test_children_of_the_worker_are_ended_too(job: JobFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mocapanything_addon.jobs.client.LINGER_SECONDS", 0.3)
    code = f"""
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
print(child.pid, file=sys.stderr, flush=True)
{DONE}
"""
    begun = time.monotonic()
    start(job, code).wait()
    assert time.monotonic() - begun < 10
    child = int(job.log_path.read_text(encoding="utf-8").splitlines()[-1])
    state = Path(f"/proc/{child}/stat")
    assert not state.exists() or " Z " in state.read_text()


def test_deaf_worker_is_killed_within_two_seconds(job: JobFolder) -> None:
    code = f"import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); {PROGRESS}; time.sleep(60)"
    run = start(job, code)
    while not run.poll():
        time.sleep(0.01)
    asked = time.monotonic()
    run.cancel()
    assert time.monotonic() - asked < 0.1
    assert isinstance(outcome(run), CancelledError)
    assert time.monotonic() - asked < 2.0
    assert_gone(run.pid)


def test_deaf_worker_is_killed_even_if_nobody_polls(job: JobFolder) -> None:
    run = start(job, "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)")
    run.cancel()
    deadline = time.monotonic() + 2.0
    while run._process.returncode is None and time.monotonic() < deadline:
        time.sleep(0.02)
    assert_gone(run.pid)
    assert isinstance(outcome(run), CancelledError)


def test_close_ends_a_running_worker(job: JobFolder) -> None:
    run = start(job, "import time; time.sleep(60)")
    run.close()
    assert run.finished
    assert isinstance(run.error, CancelledError)
    assert_gone(run.pid)


def test_cancel_after_the_answer_changes_nothing(job: JobFolder) -> None:
    run = start(job, DONE)
    run.wait()
    run.cancel()
    run.close()
    assert run.error is None


def test_python_missing(job: JobFolder) -> None:
    with pytest.raises(BadInputError, match="no Python at /no/such/python") as caught:
        start_worker(job, Path("/no/such/python"))
    assert caught.value.code == "python_missing"


def test_python_that_is_no_program(job: JobFolder, tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text("not a program")
    python.chmod(0o755)
    with pytest.raises(BadInputError) as caught:
        start_worker(job, python)
    assert caught.value.code == "python_unusable"


def test_log_names_the_command(job: JobFolder) -> None:
    start(job, DONE).wait()
    assert sys.executable in job.log_path.read_text(encoding="utf-8")


def test_failed_message_carries_class_and_text(job: JobFolder) -> None:
    code = """
import json
print(json.dumps({"type": "error", "code": "x", "message": "No video.", "hint": "Choose.", "exit_code": 2}))
"""
    run = start(job, code)
    messages: list[Message] = []
    while not run.finished:
        messages += run.poll()
    (failed,) = messages
    assert isinstance(failed, Failed)
    assert isinstance(failed.error, BadInputError)
    assert str(failed.error) == "No video. Choose."
