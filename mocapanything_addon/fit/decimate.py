# SPDX-License-Identifier: GPL-3.0-or-later
"""A lighter mesh for the fit: the outline and the skin of the rig in some hundred vertices."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from ..jobs.errors import BadInputError
from ..jobs.rig import Rig

TARGET_VERTICES = 600
WELD_DISTANCE = 1e-5
"""Of the mesh's longest side: vertices closer than this are one (meshes come split at every sharp edge)."""
FEWEST_FACES = 8


@dataclass(frozen=True, eq=False)
class FitMesh:
    """V vertices, F triangles in rest pose and armature space; same joints as the rig."""

    vertices: NDArray[np.float64]
    """(V, 3)."""
    faces: NDArray[np.int32]
    """(F, 3)."""
    skin_joints: NDArray[np.int32]
    """(V, 4)."""
    skin_weights: NDArray[np.float64]
    """(V, 4) each row sums to 1."""
    face_joints: NDArray[np.int32]
    """(F,) the joint that moves most of the triangle."""
    joint_share: NDArray[np.float64]
    """(J,) share of the surface's area that each joint moves; sums to 1."""

    @cached_property
    def area(self) -> float:
        """Of the whole surface, armature units squared."""
        corners = self.vertices[self.faces]
        double = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        return 0.5 * float(np.linalg.norm(double, axis=1).sum())

    def area_of(self, joints: NDArray[np.intp]) -> float:
        """Of the surface that some joints move, armature units squared."""
        return self.area * float(self.joint_share[joints].sum())


def decimate(rig: Rig, target_vertices: int = TARGET_VERTICES) -> FitMesh:
    """Simplify the rig's mesh by quadric error and carry the skin over from the nearest original vertices.

    Raises:
        BadInputError: the mesh has no triangle, or no vertex with a weight.
    """
    if len(rig.faces) == 0:
        raise BadInputError("The mesh has no faces.", code="no_mesh")
    vertices = np.asarray(rig.vertices, np.float64)
    side = float(np.ptp(vertices, axis=0).max()) or 1.0
    points, faces = _weld(vertices, rig.faces, WELD_DISTANCE * side)
    if len(points) > target_vertices and len(faces) > FEWEST_FACES:
        # A closed surface has about twice as many triangles as vertices.
        count = max(2 * target_vertices, FEWEST_FACES)
        if count < len(faces):
            points, faces = _simplify(points, faces, count)
    skinned = np.nonzero(rig.skin_weights.sum(1) > 0.0)[0]
    if not len(skinned):
        raise BadInputError("No vertex of the mesh is moved by a bone.", code="no_weights")
    _, nearest = cKDTree(vertices[skinned]).query(points)
    nearest = skinned[nearest]
    joints, weights = rig.skin_joints[nearest], np.asarray(rig.skin_weights[nearest], np.float64)
    weights = weights / weights.sum(1, keepdims=True)
    face_weights = np.zeros((len(faces), rig.joint_count))
    rows = np.repeat(np.arange(len(faces)), 12)
    np.add.at(face_weights, (rows, joints[faces].reshape(-1)), weights[faces].reshape(-1) / 3.0)
    a, b, c = (points[faces[:, k]] for k in range(3))
    area = np.linalg.norm(np.cross(b - a, c - a), axis=1)
    share = area @ face_weights
    return FitMesh(
        vertices=points,
        faces=faces,
        skin_joints=joints.astype(np.int32),
        skin_weights=weights,
        face_joints=face_weights.argmax(1).astype(np.int32),
        joint_share=share / max(float(share.sum()), 1e-12),
    )


def _weld(
    vertices: NDArray[np.float64], faces: NDArray[np.int32], distance: float
) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    """Join vertices of one grid cell of ``distance``; drop triangles that collapse and unused vertices."""
    _, first, inverse = np.unique(
        np.round(vertices / distance).astype(np.int64), axis=0, return_index=True, return_inverse=True
    )
    welded = inverse.reshape(-1)[faces]
    proper = (welded[:, 0] != welded[:, 1]) & (welded[:, 1] != welded[:, 2]) & (welded[:, 2] != welded[:, 0])
    welded = welded[proper]
    used, renumbered = np.unique(welded, return_inverse=True)
    return vertices[first][used], renumbered.reshape(-1, 3).astype(np.int32)


def _simplify(
    points: NDArray[np.float64], faces: NDArray[np.int32], target_faces: int
) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    low, side = points.min(0), float(np.ptp(points, axis=0).max()) or 1.0
    unit = ((points - low) / side).astype(np.float64)
    # Here, for what trains networks has thin meshes already and may be without it.
    import fast_simplification

    simple_points, simple_faces = fast_simplification.simplify(
        unit, np.ascontiguousarray(faces, dtype=np.int32), target_count=target_faces
    )[:2]
    if len(simple_faces) < FEWEST_FACES:
        return points, faces
    used, renumbered = np.unique(simple_faces, return_inverse=True)
    return simple_points[used].astype(np.float64) * side + low, renumbered.reshape(-1, 3).astype(np.int32)
