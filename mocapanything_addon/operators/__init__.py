# SPDX-License-Identifier: GPL-3.0-or-later
"""The operators, one a file, and what they share: the character, the running capture."""

from __future__ import annotations

import bpy

from . import downloading, pick_session, running
from .cancel_capture import MOCAPANYTHING_OT_cancel_capture
from .cancel_download import MOCAPANYTHING_OT_cancel_download
from .capture_from_video import MOCAPANYTHING_OT_capture_from_video
from .check_worker import MOCAPANYTHING_OT_check_worker
from .clear_cache import MOCAPANYTHING_OT_clear_cache, show_cache_size
from .drop_video import MOCAPANYTHING_FH_video
from .get_segmenter import MOCAPANYTHING_OT_get_segmenter
from .open_job_folder import MOCAPANYTHING_OT_open_job_folder
from .open_log import MOCAPANYTHING_OT_open_log
from .open_mask_video import MOCAPANYTHING_OT_open_mask_video
from .pick_subject import MOCAPANYTHING_OT_pick_subject

_CLASSES = (
    MOCAPANYTHING_OT_capture_from_video,
    MOCAPANYTHING_OT_cancel_capture,
    MOCAPANYTHING_OT_pick_subject,
    MOCAPANYTHING_OT_open_log,
    MOCAPANYTHING_OT_open_mask_video,
    MOCAPANYTHING_OT_open_job_folder,
    MOCAPANYTHING_OT_check_worker,
    MOCAPANYTHING_OT_clear_cache,
    MOCAPANYTHING_OT_get_segmenter,
    MOCAPANYTHING_OT_cancel_download,
    MOCAPANYTHING_FH_video,
)


def register() -> None:
    for cls in _CLASSES:
        bpy.utils.register_class(cls)
    running.register()
    pick_session.register()
    show_cache_size()


def unregister() -> None:
    pick_session.unregister()
    downloading.abort()
    running.unregister()
    for cls in reversed(_CLASSES):
        bpy.utils.unregister_class(cls)
