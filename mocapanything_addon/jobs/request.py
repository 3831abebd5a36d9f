# SPDX-License-Identifier: GPL-3.0-or-later
"""What the worker is asked to do."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

from .errors import CaptureError
from .settings import CaptureSettings

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Request:
    """One capture, without the rig and its views, which lie beside it in the job folder."""

    video: Path
    """The video file, or a folder of images. Absolute."""
    settings: CaptureSettings = field(default_factory=CaptureSettings)
    overlay: bool = False
    """Also draw the result over the video, as ``overlay.mp4``."""
    cache_folder: Path | None = None
    """Where the worker may keep what another capture of the same video can use; None: nowhere."""
    blender_version: str = ""
    """For the report."""

    def to_json(self) -> str:
        return json.dumps(
            {
                "schema_version": SCHEMA_VERSION,
                "video": str(self.video),
                "settings": self.settings.to_dict(),
                "overlay": self.overlay,
                "cache_folder": None if self.cache_folder is None else str(self.cache_folder),
                "blender_version": self.blender_version,
            },
            indent=2,
        )

    @classmethod
    def from_json(cls, text: str) -> Request:
        """Read what :meth:`to_json` wrote.

        Raises:
            CaptureError: ``request_damaged``; ``schema_mismatch`` for another version's request.
            BadInputError: The settings contradict each other.
        """
        try:
            values = json.loads(text)
            version = values["schema_version"]
        except (ValueError, KeyError, TypeError) as error:
            raise CaptureError(
                "The capture request cannot be read.", f"({error!r})", code="request_damaged"
            ) from error
        if version != SCHEMA_VERSION:
            raise CaptureError(
                f"The capture request has schema version {version}, the worker reads {SCHEMA_VERSION}.",
                "The extension and its worker are of different versions: install the extension again.",
                code="schema_mismatch",
            )
        try:
            cache_folder = values["cache_folder"]
            return cls(
                video=Path(values["video"]),
                settings=CaptureSettings.from_dict(values["settings"]),
                overlay=bool(values["overlay"]),
                cache_folder=None if cache_folder is None else Path(cache_folder),
                blender_version=str(values["blender_version"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise CaptureError(
                f"The capture request lacks or garbles a value: {error}.", code="request_damaged"
            ) from error
