# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the extension keeps things on disk: never in its own folder, which may be read-only."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import sys
import time
from pathlib import Path

from .jobs.cache import Cache

FOLDER_VARIABLE = "MOCAPANYTHING_FOLDER"
"""Names another place than the usual one, for farms and tests."""
JOB_SECONDS = 3600.0
"""Older job folders are deleted when the next job begins, unless the preferences say otherwise."""


def user_folder() -> Path:
    """The extension's own folder among the user's files; it need not exist yet."""
    named = os.environ.get(FOLDER_VARIABLE)
    if named:
        return Path(named).expanduser().absolute()
    if __package__.startswith("bl_ext."):
        import bpy

        return Path(bpy.utils.extension_path_user(__package__))
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "mocapanything"


def cache() -> Cache:
    """What captures leave for later ones: reference views, and what the worker keeps."""
    return Cache(user_folder() / "cache")


def segmenters() -> Path:
    """Folder of the segmenters that were downloaded; it need not exist yet."""
    return user_folder() / "segmenters"


def new_job_folder(*, keep_earlier: bool) -> Path:
    """A place for a job folder that nobody else takes; not made yet.

    Args:
        keep_earlier: Leave the folders of earlier jobs; else those older than an hour go.
    """
    jobs = user_folder() / "jobs"
    name = f"{time.strftime('%Y-%m-%d_%H-%M-%S')}_{os.getpid()}"
    numbered = (jobs / (f"{name}_{n}" if n else name) for n in itertools.count())
    # Before the earlier ones go, whose names are not to be taken again.
    place = next(path for path in numbered if not path.exists())
    if not keep_earlier:
        _remove_old(jobs)
    return place


def _remove_old(jobs: Path) -> None:
    with contextlib.suppress(OSError):
        for folder in jobs.iterdir():
            if time.time() - folder.stat().st_mtime > JOB_SECONDS:
                shutil.rmtree(folder, ignore_errors=True)
