# SPDX-License-Identifier: GPL-3.0-or-later
"""The rig as arrays: a kinematic tree, its limits and a skinned mesh, in rest pose and armature space."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

SCHEMA_VERSION = 1


@dataclass(frozen=True, eq=False)
class Rig:
    """A skinned character in rest pose.

    Everything is in armature space (the armature object's local space, Blender's axes) and in its units.
    Joints form ONE tree: joint 0 is the body root, the only one with parent -1, and every parent stands
    before its children. The tree is the one that really drives the mesh, which need not be Blender's bone
    hierarchy: a foot that hangs on the armature's root bone for the sake of IK is attached to its shin here.
    A joint is the head of a bone; each leaf bone adds a joint for its tail, which turns with the bone.

    J joints, V vertices, F triangles. Quaternions are (w, x, y, z), angles radians.
    """

    name: str
    joint_names: tuple[str, ...]
    """(J,) bone names; a tail joint carries its bone's name too."""
    is_tail: NDArray[np.bool_]
    """(J,) True for the tail joint of a leaf bone; it has no rotation of its own."""
    parents: NDArray[np.int32]
    """(J,) effective kinematic parent, -1 for joint 0 only."""
    rest_positions: NDArray[np.float64]
    """(J, 3)."""
    rest_rotations: NDArray[np.float64]
    """(J, 4) the bone's rest orientation in armature space; a tail joint has its bone's."""
    limits: NDArray[np.float64]
    """(J, 3, 2) lowest and highest angle about the bone's own x, y, z from rest; -inf and inf where free."""
    locked_rotation: NDArray[np.bool_]
    """(J, 3) channels the artist locked, in the bone's own axes."""
    can_translate: NDArray[np.bool_]
    """(J,) not bound to its kinematic parent's end: the body root, and loose bones such as IK feet."""
    vertices: NDArray[np.float32]
    """(V, 3)."""
    faces: NDArray[np.int32]
    """(F, 3)."""
    vertex_colors: NDArray[np.uint8]
    """(V, 3) base colour, sRGB; mid grey where the material has none."""
    skin_joints: NDArray[np.int32]
    """(V, 4) joints that move the vertex; never a tail joint."""
    skin_weights: NDArray[np.float32]
    """(V, 4) non-negative, each row sums to 1."""
    up: NDArray[np.float64] = field(default_factory=lambda: np.array([0.0, 0.0, 1.0]))
    """(3,) the world's up direction in armature space, unit length."""
    example_rotations: NDArray[np.float32] = field(default_factory=lambda: np.zeros((0, 0, 4), np.float32))
    """(N, J, 4) poses from the rig's own Actions as local rotations L_j; N = 0 where it has none."""
    follower_bones: tuple[str, ...] = ()
    """Bones that carry skin weight but are no joints (too little of it); each moves rigidly with a joint."""
    follower_joints: NDArray[np.int32] = field(default_factory=lambda: np.zeros(0, np.int32))
    """The joint of every follower bone; its share of the skin was given to that joint."""
    warnings: tuple[str, ...] = ()
    """What was dropped or repaired while reading, in the user's words."""

    @property
    def joint_count(self) -> int:
        return len(self.parents)

    @property
    def size(self) -> float:
        """Longest side of the rest-pose joint bounding box (the metre of the "1 m cube"), armature units."""
        side = float(np.ptp(self.rest_positions, axis=0).max())
        return side if side > 0 else float(np.ptp(self.vertices, axis=0).max()) or 1.0

    @property
    def offsets(self) -> NDArray[np.float64]:
        """(J, 3) rest offset of every joint from its parent in armature axes; zero for the root."""
        offsets = self.rest_positions - self.rest_positions[np.maximum(self.parents, 0)]
        offsets[0] = 0.0
        return offsets

    def save(self, path: Path) -> None:
        """Write as ``.npz`` (no pickles)."""
        arrays = {f.name: np.asarray(getattr(self, f.name)) for f in fields(self)}
        with path.open("wb") as stream:
            np.savez_compressed(stream, schema_version=np.int64(SCHEMA_VERSION), **arrays)

    @classmethod
    def load(cls, path: Path) -> Rig:
        """Read what :meth:`save` wrote. Raises ValueError for another schema version."""
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as data:
            version = int(data["schema_version"])
            if version != SCHEMA_VERSION:
                raise ValueError(
                    f"rig file has schema version {version}, this version reads {SCHEMA_VERSION}"
                )
            values: dict[str, object] = {f.name: data[f.name] for f in fields(cls)}
        values["name"] = str(values["name"])
        for key in ("joint_names", "follower_bones", "warnings"):
            values[key] = tuple(str(s) for s in np.asarray(values[key]))
        return cls(**values)  # type: ignore[arg-type]

    def content_hash(self) -> str:
        """Hash of everything that shapes the result; the key of caches."""
        digest = hashlib.sha256()
        for f in fields(self):
            if f.name in ("name", "warnings"):
                continue
            digest.update(np.ascontiguousarray(getattr(self, f.name)).tobytes())
        return digest.hexdigest()[:32]
