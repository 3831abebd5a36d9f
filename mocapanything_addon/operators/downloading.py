# SPDX-License-Identifier: GPL-3.0-or-later
"""The download that runs in this Blender: at most one.

A timer looks at it rather than a modal operator, which would end when another file is opened.
"""

from __future__ import annotations

import logging

import bpy

from ..jobs.download import SegmenterDownload
from ..jobs.errors import CancelledError
from . import outcome

log = logging.getLogger(__name__)

TICK_SECONDS = 0.25

_current: SegmenterDownload | None = None


def is_downloading() -> bool:
    return _current is not None


def begin(download: SegmenterDownload) -> None:
    """Make ``download`` the running one, and show how far it is until it ends."""
    global _current  # noqa: PLW0603
    _current = download
    _show()
    bpy.app.timers.register(tick, first_interval=TICK_SECONDS, persistent=True)


def tick() -> float | None:
    """Look at the download; seconds until the next look, None once there is no more to see."""
    global _current
    if _current is None:
        return None
    if not _current.finished:
        _show()
        return TICK_SECONDS
    ended, _current = _current, None
    _show()
    if ended.error is None:
        use(ended.segmenter.name)
    elif not isinstance(ended.error, CancelledError):
        log.warning("%s", ended.error)
        outcome.show_error(ended.error, None)
    return None


def use(name: str) -> None:
    """Have the next capture of this scene use a segmenter that is here."""
    bpy.context.scene.mocapanything.segmenter = name
    outcome.redraw_sidebars()


def request_cancel() -> None:
    """Ask the download to stop; it goes at its next part."""
    if _current is not None:
        _current.cancel()


def abort() -> None:
    """End the download, if any, without another word."""
    global _current  # noqa: PLW0603
    if _current is not None:
        _current.cancel()
        _current = None
        _show()
    if bpy.app.timers.is_registered(tick):
        bpy.app.timers.unregister(tick)


def _show() -> None:
    status = bpy.context.window_manager.mocapanything
    if _current is None:
        status.download_text, status.download_factor = "", 0.0
    else:
        here, all_of_it = _current.megabytes
        status.download_text = f"{_current.segmenter.label} {here} of {all_of_it} MB"
        status.download_factor = _current.fraction
    outcome.redraw_sidebars()
