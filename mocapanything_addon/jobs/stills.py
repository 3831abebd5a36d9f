# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures of a video for the user to point at, as the worker decodes it: in its pixels, at its true times.

Blender's own decoder differs from the worker's in the formats it knows, in rotated videos and in frame times.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from .client import WorkerRun
from .errors import CaptureError
from .folder import JobFolder
from .worker_python import worker_command

LIST_NAME = "stills.json"


@dataclass(frozen=True)
class Still:
    """A frame of a video."""

    picture: str
    """Relative to the folder of all; may be smaller than the video."""
    time: float
    """Seconds since the video's first frame."""


@dataclass(frozen=True)
class Stills:
    """Frames of a video, evenly over a part of it, in order; at least one."""

    folder: Path
    width: int
    height: int
    """Of the video, pixels."""
    stills: tuple[Still, ...]

    def path(self, number: int) -> Path:
        return self.folder / self.stills[number].picture

    def save(self) -> None:
        """Write the list of them into their folder."""
        values = {
            "width": self.width,
            "height": self.height,
            "stills": [asdict(still) for still in self.stills],
        }
        (self.folder / LIST_NAME).write_text(json.dumps(values), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Stills:
        """Read what :meth:`save` wrote. Raises CaptureError ``stills_damaged``."""
        try:
            values = json.loads((folder / LIST_NAME).read_text(encoding="utf-8"))
            stills = tuple(Still(str(s["picture"]), float(s["time"])) for s in values["stills"])
            return cls(folder, int(values["width"]), int(values["height"]), stills)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise CaptureError(
                f"The pictures of the video in {folder} cannot be read: {error}.", code="stills_damaged"
            ) from error


def start_stills(
    video: Path, folder: Path, python: Path, start_seconds: float | None, end_seconds: float | None
) -> WorkerRun:
    """Start the worker of ``python`` on the pictures of a video; once it is done, ``Stills.load(folder)``.

    Args:
        video: A video file or folder of images.
        folder: An existing folder, for the pictures and the worker's log.
        python: See worker_python.py.
        start_seconds: First moment; None: the beginning.
        end_seconds: Last moment; None: the end.

    Raises:
        CaptureError: As :class:`.client.WorkerRun`.
    """
    part = [
        f"--{name}={value!r}"
        for name, value in (("start", start_seconds), ("end", end_seconds))
        if value is not None
    ]
    command = worker_command(python, "--stills", str(video), str(folder), "--parent", str(os.getpid()), *part)
    return WorkerRun(JobFolder(folder), command)
