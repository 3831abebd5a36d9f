# SPDX-License-Identifier: GPL-3.0-or-later
"""Errors a user can read: what is wrong, where, and what to do next."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes of the command line and of the worker process."""

    DONE = 0
    BAD_INPUT = 2
    FAILED = 3
    CANCELLED = 130


NOT_ALIKE = "not_alike"
"""Code of the error that a subject does not look like the character; report and pictures stay."""


class CaptureError(Exception):
    """A capture that cannot go on.

    Args:
        message: What is wrong and where, in the user's words, one or two sentences.
        hint: What to do next. Empty where there is nothing to add.
        code: A stable, machine-readable name, e.g. ``"video_missing"``.
    """

    exit_code = ExitCode.FAILED

    def __init__(self, message: str, hint: str = "", *, code: str = "failed") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.code = code

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()


class BadInputError(CaptureError):
    """The rig, the video or an option is not usable as it is."""

    exit_code = ExitCode.BAD_INPUT


class CancelledError(CaptureError):
    """The user cancelled."""

    exit_code = ExitCode.CANCELLED

    def __init__(self, message: str = "Cancelled.") -> None:
        super().__init__(message, code="cancelled")


def error_from_message(message: dict[str, object]) -> CaptureError:
    """The exception for an ``error`` message of the worker, with the class its exit code asks for."""
    kind = {e.exit_code: e for e in (BadInputError, CancelledError)}.get(
        message.get("exit_code"), CaptureError
    )  # type: ignore[call-overload]
    if kind is CancelledError:
        return CancelledError()
    return kind(
        str(message["message"]), str(message.get("hint", "")), code=str(message.get("code", "failed"))
    )
