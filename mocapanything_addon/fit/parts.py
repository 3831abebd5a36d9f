# SPDX-License-Identifier: GPL-3.0-or-later
"""Which part of the body each pixel of a rendering shows."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from .crop import Crop
from .renderer import Rendering

NOTHING = -1


@dataclass(frozen=True, eq=False)
class PartMap:
    """The joint that every pixel's surface hangs on."""

    joints: NDArray[np.int16]
    """(n, n); ``NOTHING`` where there is no body."""
    crop: Crop

    @classmethod
    def of(cls, rendering: Rendering, face_joints: NDArray[np.int32], crop: Crop) -> PartMap:
        """From a rendering in a window; ``face_joints`` (F,): the joint each triangle moves with."""
        # Triangle -1, where nothing is, is the last of these.
        joints = np.append(face_joints, NOTHING).astype(np.int16)
        return cls(joints[rendering.triangles], crop)

    def within(self, crop: Crop) -> NDArray[np.int16]:
        """The same in another window of the image."""
        moved = cv2.warpAffine(
            self.joints,
            self.crop.affine_to(crop),
            (crop.size, crop.size),
            flags=cv2.INTER_NEAREST,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=(NOTHING,),
        )
        return np.asarray(moved, np.int16)
