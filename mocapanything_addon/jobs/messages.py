# SPDX-License-Identifier: GPL-3.0-or-later
"""The language between the worker and whoever started it: one JSON object a line.

``progress`` and ``warning`` come any number of times, then exactly one of ``done`` and ``error``.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from dataclasses import dataclass
from typing import TextIO

from .errors import CaptureError, error_from_message


@dataclass(frozen=True)
class Progress:
    """``done`` of ``total`` steps of a stage; ``total`` is 0 where nobody knows how many there are."""

    stage: str
    done: int
    total: int

    @property
    def fraction(self) -> float:
        """0 to 1."""
        return min(max(self.done / self.total, 0.0), 1.0) if self.total > 0 else 0.0


@dataclass(frozen=True)
class Warned:
    """Something the user should know about; the capture goes on."""

    message: str


@dataclass(frozen=True)
class Done:
    """The results are complete. Terminal."""


@dataclass(frozen=True)
class Failed:
    """The capture ended without a result; also when the user cancelled it. Terminal."""

    error: CaptureError


Message = Progress | Warned | Done | Failed


def encode(message: Message) -> str:
    """The message as one line, without its line end. ASCII only, so that no code page can spoil it."""
    match message:
        case Progress():
            values: dict[str, object] = {
                "type": "progress",
                "stage": message.stage,
                "done": message.done,
                "total": message.total,
            }
        case Warned():
            values = {"type": "warning", "message": message.message}
        case Done():
            values = {"type": "done"}
        case Failed(error):
            values = {
                "type": "error",
                "code": error.code,
                "message": error.message,
                "hint": error.hint,
                "exit_code": int(error.exit_code),
            }
    return json.dumps(values)


def decode(line: str) -> Message | None:
    """The message of a line; None for anything else that got onto the stream."""
    try:
        values = json.loads(line)
        match values["type"]:
            case "progress":
                return Progress(str(values["stage"]), int(values["done"]), int(values["total"]))
            case "warning":
                return Warned(str(values["message"]))
            case "done":
                return Done()
            case "error":
                return Failed(error_from_message(values))
    except (ValueError, KeyError, TypeError):
        return None
    return None


@contextmanager
def private_stdout() -> Iterator[TextIO]:
    """Keep standard output for messages: gives a stream to it, and turns everybody else's prints to stderr.

    Also those of libraries that write to file descriptor 1 directly.
    """
    _flush_stdout()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        with (
            os.fdopen(kept, "w", encoding="utf-8", newline="\n", closefd=False) as stream,
            redirect_stdout(sys.stderr),
        ):
            yield stream
    finally:
        _flush_stdout()
        os.dup2(kept, 1)
        os.close(kept)


def _flush_stdout() -> None:
    """Python's buffer, and that of C libraries, which Blender prints through."""
    sys.stdout.flush()
    with suppress(OSError, AttributeError):
        ctypes.CDLL("ucrtbase" if sys.platform == "win32" else None).fflush(None)
