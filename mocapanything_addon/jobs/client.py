# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the worker: start it, hear it, end it.

Follows Blender's own extension downloader (``bl_pkg``): list arguments and no shell, a process group of its
own, one message a line, and exactly one terminal message however the process ends.
"""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from .errors import NOT_ALIKE, BadInputError, CancelledError, CaptureError, ExitCode
from .files import writing_error
from .folder import JobFolder
from .messages import Done, Failed, Message, decode
from .worker_python import worker_command, worker_environment

SILENCE_SECONDS = 180.0
"""A worker that says nothing for so long is taken to hang."""
ASK_SECONDS = 1.4
"""After a cancel the worker has so long to end by itself (it forces itself after a little less), ..."""
TERMINATE_SECONDS = 0.3
"""... then so long after having been told to terminate, before it is killed: less than two seconds in all."""
LINGER_SECONDS = 3.0
"""A worker that has said its last word, or that has closed its output, has so long to go."""
LONGEST_LINE = 1 << 16
LOGGED_GARBAGE = 100
"""Lines that are no messages which are copied to the log."""


def start_worker(job: JobFolder, python: Path, *, silence_seconds: float = SILENCE_SECONDS) -> WorkerRun:
    """Start the worker of ``python`` on a job. Raises CaptureError as :class:`WorkerRun` does."""
    command = worker_command(python, str(job.path), "--parent", str(os.getpid()))
    return WorkerRun(job, command, silence_seconds=silence_seconds)


class WorkerRun:
    """One run of the worker, without ever blocking the caller except in :meth:`wait`.

    Call :meth:`poll` until :attr:`finished`; the last message it gives is ``Done`` or ``Failed``.
    """

    def __init__(
        self, job: JobFolder, command: Sequence[str], *, silence_seconds: float = SILENCE_SECONDS
    ) -> None:
        """Start ``command``, whose output goes to ``job.log_path``.

        Raises:
            BadInputError: ``python_missing`` or ``python_unusable`` when there is no such program, or none
                that can be run.
            CaptureError: The log cannot be written.
        """
        self.job = job
        self.finished = False
        self._silence_seconds = silence_seconds
        self._messages: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self._garbage = 0
        self._first_garbage = ""
        self._outcome: Message | None = None
        self._cancelled = False
        try:
            log = job.log_path.open("ab")
        except OSError as error:
            raise writing_error(error, job.log_path) from error
        with log:
            log.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {list(command)}\n".encode())
            log.flush()
            self._process = _start(command, log.fileno())
        self._last_heard = time.monotonic()
        self._leaving_since: float | None = None
        self._reader = threading.Thread(target=self._read, name="worker messages", daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def error(self) -> CaptureError | None:
        """Why there is no result; None while running and after ``Done``."""
        return self._outcome.error if self.finished and isinstance(self._outcome, Failed) else None

    def poll(self) -> list[Message]:
        """What was said since the last call; empty when nothing was, or all is over."""
        if self.finished:
            return []
        # Before the queue is read: what a process that is gone had to say is in it, or on its way into it.
        is_gone = self._process.poll() is not None
        is_heard = not self._reader.is_alive()
        messages: list[Message] = []
        while not self._messages.empty():
            message = self._messages.get()
            if not isinstance(message, Done | Failed):
                messages.append(message)
            elif self._outcome is None:
                self._outcome = self._with_log(message)
        now = time.monotonic()
        if is_gone and is_heard:
            messages.append(self._finish())
        elif is_gone or is_heard or self._outcome is not None:
            # Saying its last word, closing its output and going should come together. Else something
            # lingers: a process that hangs on its way out, or a child of it that holds the pipe.
            if self._leaving_since is None:
                self._leaving_since = now
            elif now - self._leaving_since > LINGER_SECONDS:
                self._outcome = self._outcome or Failed(
                    self._failure("The capture process closed its output and did not end.", "worker_hangs")
                )
                self._kill()
                self._leaving_since = now
        elif now - self._last_heard > self._silence_seconds and not self._cancelled:
            self._outcome = Failed(
                self._failure(
                    f"The capture process said nothing for {self._silence_seconds:.0f} seconds.",
                    "worker_hangs",
                )
            )
            self._kill()
        return messages

    def cancel(self) -> None:
        """Ask the worker to stop, and end it if it has not within two seconds. Returns at once."""
        if self._cancelled or self._outcome is not None:
            return
        self._cancelled = True
        with contextlib.suppress(OSError, ValueError):
            assert self._process.stdin is not None
            self._process.stdin.write(b"cancel\n")
            self._process.stdin.flush()
        threading.Thread(target=self._end, name="worker end", daemon=True).start()

    def wait(self, on_message: Callable[[Message], None] | None = None, poll_seconds: float = 0.05) -> None:
        """Block until the worker has ended. An exception of ``on_message``, or Ctrl-C, ends it first.

        Raises:
            CaptureError: Why there is no result.
        """
        try:
            while not self.finished:
                for message in self.poll():
                    if on_message is not None:
                        on_message(message)
                if not self.finished:
                    time.sleep(poll_seconds)
        finally:
            self.close()
        if self.error is not None:
            raise self.error

    def close(self) -> None:
        """End the worker if it still runs; blocks for two seconds at the most."""
        if not self.finished:
            self.cancel()
            deadline = time.monotonic() + ASK_SECONDS + 2 * TERMINATE_SECONDS
            while not self.finished and time.monotonic() < deadline:
                self.poll()
                time.sleep(0.02)
            if not self.finished:
                self._kill()
                self._finish()

    def _read(self) -> None:
        """In a thread of its own: turn lines into messages until the pipe closes."""
        stdout = self._process.stdout
        assert stdout is not None
        with stdout, contextlib.suppress(OSError, ValueError):
            while line := stdout.readline(LONGEST_LINE):
                text = line.decode("utf-8", "replace")
                message = decode(text)
                if message is None:
                    self._note_garbage(text)
                else:
                    self._last_heard = time.monotonic()
                    self._messages.put(message)

    def _note_garbage(self, text: str) -> None:
        self._garbage += 1
        self._first_garbage = self._first_garbage or text.strip()[:200]
        if self._garbage <= LOGGED_GARBAGE:
            with contextlib.suppress(OSError), self.job.log_path.open("a", encoding="utf-8") as log:
                log.write(f"not a message: {text.rstrip()}\n")

    def _finish(self) -> Message:
        """Take stock of a process that has ended."""
        self.finished = True
        with contextlib.suppress(OSError):
            if self._process.stdin is not None:
                self._process.stdin.close()
        if self._cancelled:
            self._outcome = Failed(CancelledError())
        elif self._outcome is None:
            self._outcome = Failed(self._unexpected_end(self._process.returncode))
        return self._outcome

    def _with_log(self, message: Done | Failed) -> Message:
        """The worker's last word; with the place of the log where neither the input nor the subject is at
        fault."""
        if isinstance(message, Failed) and message.error.exit_code == ExitCode.FAILED:
            error = message.error
            if error.code == NOT_ALIKE:
                return message
            return Failed(
                CaptureError(error.message, f"{error.hint} {self._log_hint}".strip(), code=error.code)
            )
        return message

    def _unexpected_end(self, code: int | None) -> CaptureError:
        if code is not None and code < 0:
            name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
            reason = (
                "most often for lack of memory" if name == "SIGKILL" else "a crash in one of its libraries"
            )
            return self._failure(f"The capture process was ended by {name}, {reason}.", "worker_killed")
        if code == 0:
            said = f" It printed: {self._first_garbage!r}" if self._first_garbage else ""
            return self._failure(f"The capture process ended without an answer.{said}", "worker_garbage")
        last = _last_line(self.job.log_path)
        said = f" Its last words: {last}" if last else ""
        return self._failure(
            f"The capture process ended unexpectedly (exit code {code}).{said}", "worker_died"
        )

    @property
    def _log_hint(self) -> str:
        return f"Its log is {self.job.log_path}."

    def _failure(self, message: str, code: str) -> CaptureError:
        return CaptureError(message, self._log_hint, code=code)

    def _end(self) -> None:
        """In a thread of its own after a cancel, so that it happens even when nobody polls."""
        if self._has_ended_within(ASK_SECONDS):
            return
        with contextlib.suppress(OSError):
            if sys.platform == "win32":
                self._process.send_signal(signal.CTRL_BREAK_EVENT)
            else:
                self._process.terminate()
        if not self._has_ended_within(TERMINATE_SECONDS):
            self._kill()

    def _has_ended_within(self, seconds: float) -> bool:
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def _kill(self) -> None:
        """End the process and whatever it started."""
        with contextlib.suppress(OSError):
            if sys.platform == "win32":
                subprocess.run(
                    ["taskkill", "/T", "/F", "/PID", str(self.pid)], capture_output=True, check=False
                )
            else:
                os.killpg(self.pid, signal.SIGKILL)
        with contextlib.suppress(OSError, subprocess.TimeoutExpired):
            self._process.kill()
            self._process.wait(1.0)


def _start(command: Sequence[str], log: int) -> subprocess.Popen[bytes]:
    flags = 0
    if sys.platform == "win32":
        flags = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW
    try:
        return subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            env=worker_environment(),
            creationflags=flags,
            start_new_session=True,
        )
    except FileNotFoundError as error:
        raise BadInputError(
            f"There is no Python at {command[0]}.",
            "Name the python program of an environment that has PyTorch.",
            code="python_missing",
        ) from error
    except OSError as error:
        raise BadInputError(
            f"{command[0]} cannot be started: {error.strerror or error}.",
            "Name the python program of an environment that has PyTorch.",
            code="python_unusable",
        ) from error


def _last_line(log: Path) -> str:
    """The last line of a log that says something."""
    try:
        with log.open("rb") as stream:
            stream.seek(0, os.SEEK_END)
            stream.seek(max(0, stream.tell() - 4096))
            lines = stream.read().decode("utf-8", "replace").splitlines()
    except OSError:
        return ""
    return next((line.strip() for line in reversed(lines) if line.strip()), "")
