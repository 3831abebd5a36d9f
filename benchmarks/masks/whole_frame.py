# SPDX-License-Identifier: GPL-3.0-or-later
"""The mask of a clip's window, back in the frame that it was cut from."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from mocapanything_addon.fit.clip import SubjectClip
from mocapanything_addon.worker.subject.window import scaled


def whole_frame(clip: SubjectClip, index: int, width: int, height: int) -> NDArray[np.bool_]:
    """(height, width) a frame's mask in the frame's own pixels."""
    matrix = np.eye(3)
    matrix[:2] = scaled(clip.crops[index], width / clip.width).affine_from_image()
    if clip.to_frame is not None:
        shrunk = np.diag([width / clip.width, width / clip.width, 1.0])
        matrix = matrix @ np.linalg.inv(shrunk @ clip.to_frame[index] @ np.linalg.inv(shrunk))
    mask = cv2.warpPerspective(
        np.asarray(clip.mask[index]), matrix, (width, height), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    )
    return np.asarray(mask > 127)
