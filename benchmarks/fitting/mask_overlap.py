# SPDX-License-Identifier: GPL-3.0-or-later
"""How right the masks were that a capture went by."""

from __future__ import annotations

import numpy as np

from mocapanything_addon.fit.clip import SubjectClip
from mocapanything_addon.fit.crop import Crop
from mocapanything_addon.fit.renderer import Renderer

from ..masks.scores import overlap
from ..masks.whole_frame import whole_frame
from .filming import Case, posed_vertices
from .subjects import Subject


def mask_overlap(clip: SubjectClip, case: Case) -> float:
    """Mean IoU of a clip's masks with the true silhouettes, in whole frames.

    Windows are coarser than frames: even the true masks do not quite reach 1.
    """
    width, height = case.camera.width, case.camera.height
    side = max(width, height)
    whole = Crop(0.0, 0.0, float(side), side)
    renderer = Renderer(case.rig.faces)
    overlaps = []
    for t, vertices in enumerate(posed_vertices(Subject(case.rig, case.truth))):
        truth = renderer.render(vertices, case.camera, whole).mask[:height, :width]
        overlaps.append(overlap(whole_frame(clip, t, width, height), truth))
    return float(np.mean(overlaps))
