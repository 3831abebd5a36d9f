# SPDX-License-Identifier: GPL-3.0-or-later
"""A rig and its clips in one compact file: what the sample generators read."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mocapanything_addon.jobs.rig import Rig

FRAME_RATE = 24.0
SUFFIX = ".pack.npz"
LONG = {"rest_positions": np.float64, "up": np.float64, "skin_weights": np.float32}
"""What a pack in half precision has shorter."""


@dataclass(frozen=True, eq=False)
class MotionClip:
    """One action at 24 frames a second."""

    name: str
    rotations: NDArray[np.float32]
    """(T, J, 3, 3) rest-relative local rotations L_j in armature axes; the root's is its global rotation."""
    root_positions: NDArray[np.float32]
    """(T, 3) the root joint, armature space."""


@dataclass(frozen=True, eq=False)
class Pack:
    """What training needs of a rig; the arrays are those of :class:`mocapanything_addon.jobs.rig.Rig`."""

    name: str
    family: str
    """Assets of one family never stand on two sides of the split."""
    parents: NDArray[np.int32]
    rest_positions: NDArray[np.float64]
    is_tail: NDArray[np.bool_]
    up: NDArray[np.float64]
    vertices: NDArray[np.float32]
    faces: NDArray[np.int32]
    vertex_colors: NDArray[np.uint8]
    skin_joints: NDArray[np.int32]
    skin_weights: NDArray[np.float32]
    clips: tuple[MotionClip, ...]

    @classmethod
    def from_rig(cls, rig: Rig, name: str, family: str, clips: tuple[MotionClip, ...]) -> Pack:
        """Keep what training needs of a rig."""
        own = {"name", "family", "clips"}
        arrays = {f.name: getattr(rig, f.name) for f in fields(cls) if f.name not in own}
        return cls(name=name, family=family, clips=clips, **arrays)

    def save(self, folder: Path, *, half: bool = False) -> None:
        """Write ``NAME.pack.npz``, whole or not at all: others may be reading the folder.

        With ``half``, rotations and skin weights are in half precision (0.03 degrees), places in single.
        """
        arrays = {f.name: np.asarray(getattr(self, f.name)) for f in fields(self) if f.name != "clips"}
        arrays["clip_names"] = np.array([clip.name for clip in self.clips], np.str_)
        for index, clip in enumerate(self.clips):
            arrays[f"rotations_{index}"] = clip.rotations
            arrays[f"root_positions_{index}"] = clip.root_positions
        if half:
            arrays = {name: _shorter(name, values) for name, values in arrays.items()}
        temporary = folder / (self.name + ".part.npz")
        np.savez_compressed(temporary, **arrays)
        temporary.replace(folder / (self.name + SUFFIX))

    @classmethod
    def load(cls, folder: Path, name: str) -> Pack:
        """Read what :meth:`save` wrote."""
        with np.load(folder / (name + SUFFIX), allow_pickle=False) as data:
            clips = tuple(
                MotionClip(
                    str(clip),
                    data[f"rotations_{i}"].astype(np.float32, copy=False),
                    data[f"root_positions_{i}"],
                )
                for i, clip in enumerate(data["clip_names"])
            )
            arrays = {f.name: data[f.name] for f in fields(cls) if f.name not in ("name", "family", "clips")}
            for long, kind in LONG.items():
                arrays[long] = arrays[long].astype(kind, copy=False)
            return cls(name=name, family=str(data["family"]), clips=clips, **arrays)


def _shorter(name: str, values: NDArray) -> NDArray:
    if name.startswith("rotations_") or name == "skin_weights":
        return values.astype(np.float16)
    return values.astype(np.float32) if values.dtype == np.float64 else values


def pack_names(folder: Path) -> list[str]:
    """Names of all packs in a folder, sorted."""
    return sorted(path.name.removesuffix(SUFFIX) for path in folder.glob("*" + SUFFIX))
