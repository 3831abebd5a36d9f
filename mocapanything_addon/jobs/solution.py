# SPDX-License-Identifier: GPL-3.0-or-later
"""The worker's answer: the motion of every joint of the rig, in armature space."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

SCHEMA_VERSION = 1


@dataclass(frozen=True, eq=False)
class Solution:
    """T frames, J joints of the rig it was made for. Armature space; quaternions (w, x, y, z)."""

    times: NDArray[np.float64]
    """(T,) seconds since the first frame, strictly increasing."""
    positions: NDArray[np.float64]
    """(T, J, 3)."""
    global_rotations: NDArray[np.float64]
    """(T, J, 4) rest-relative D_j: identity in rest pose."""
    local_rotations: NDArray[np.float64]
    """(T, J, 4) L_j = D_parent^-1 D_j."""
    confidence: NDArray[np.float32]
    """(T, J) 0 (guessed) to 1 (seen)."""
    camera_rotation: NDArray[np.float64]
    """(3, 3) armature space to camera (x right, y down, z forward)."""
    camera_translation: NDArray[np.float64]
    """(3,) so that x_camera = R x + t."""
    camera_focal: float
    """Focal length in pixels of the source video."""
    image_size: NDArray[np.int64]
    """(2,) width and height of the source video, pixels, after its rotation flag."""
    source_frame_rate: float
    """The video's nominal frames per second."""

    def save(self, path: Path) -> None:
        """Write as ``.npz`` (no pickles)."""
        arrays = {f.name: np.asarray(getattr(self, f.name)) for f in fields(self)}
        with path.open("wb") as stream:
            np.savez_compressed(stream, schema_version=np.int64(SCHEMA_VERSION), **arrays)

    @classmethod
    def load(cls, path: Path) -> Solution:
        """Read what :meth:`save` wrote. Raises ValueError for another schema version."""
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as data:
            version = int(data["schema_version"])
            if version != SCHEMA_VERSION:
                raise ValueError(
                    f"solution file has schema version {version}, this version reads {SCHEMA_VERSION}"
                )
            values = {f.name: data[f.name] for f in fields(cls)}
        for key in ("camera_focal", "source_frame_rate"):
            values[key] = float(values[key])
        return cls(**values)
