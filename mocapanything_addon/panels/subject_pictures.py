# SPDX-License-Identifier: GPL-3.0-or-later
"""The pictures of the creatures that a capture found, as icons."""

from __future__ import annotations

from pathlib import Path

import bpy.utils.previews

from ..jobs.folder import JobFolder

_pictures: bpy.utils.previews.ImagePreviewCollection | None = None
_folder = ""
"""The job folder whose pictures are loaded."""


def subject_icons(folder: str, count: int) -> list[int]:
    """An icon of each creature of a job, the likeliest first; nothing where the pictures are not there.

    Args:
        folder: Of the job.
        count: Of creatures.
    """
    global _folder  # noqa: PLW0603
    paths = [JobFolder(Path(folder)).subjects_folder / f"{number}.png" for number in range(1, count + 1)]
    if _pictures is None or not folder or not all(path.is_file() for path in paths):
        return []
    if folder != _folder:
        _pictures.clear()
        _folder = folder
    for path in paths:
        if path.name not in _pictures:
            _pictures.load(path.name, str(path), "IMAGE")
    return [_pictures[path.name].icon_id for path in paths]


def register() -> None:
    global _pictures, _folder
    _pictures, _folder = bpy.utils.previews.new(), ""


def unregister() -> None:
    global _pictures  # noqa: PLW0603
    if _pictures is not None:
        bpy.utils.previews.remove(_pictures)
        _pictures = None
