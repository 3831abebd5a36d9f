# SPDX-License-Identifier: GPL-3.0-or-later
"""What the networks know of a rig before any video: joints, tree, surface points, views."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ..fit.decimate import FitMesh
from ..jobs.rig import Rig
from ..jobs.views import ReferenceView, ReferenceViews
from .skeleton_graph import hop_distances, relations

JOINT_FEATURES = 11
SURFACE_POINTS = 96
VIEW_SIZE = 64
"""Reference views are shrunk to this many pixels a side."""
VIEW_MARGIN = 1.2
"""Side of a view's cut-out over the longer side of the character in it."""


@dataclass(frozen=True, eq=False)
class ReferenceInput:
    """Arrays of one rig for the reference encoder. J joints, S surface points, N views.

    Normalised space: the rig's up axis turned to +z, the root joint at the origin, ``Rig.size`` = 1.
    """

    joint_positions: NDArray[np.float32]
    """(J, 3) rest."""
    joint_features: NDArray[np.float32]
    """(J, JOINT_FEATURES) see :func:`joint_features`."""
    hops: NDArray[np.uint8]
    """(J, J)."""
    relations: NDArray[np.uint8]
    """(J, J)."""
    surface_positions: NDArray[np.float32]
    """(S, 3) rest."""
    surface_normals: NDArray[np.float32]
    """(S, 3) rest, unit length."""
    surface_joints: NDArray[np.int32]
    """(S, 4) skin."""
    surface_weights: NDArray[np.float32]
    """(S, 4) skin."""
    views: NDArray[np.float32]
    """(N, 4, VIEW_SIZE, VIEW_SIZE) premultiplied RGB and coverage, 0 to 1."""
    view_points: NDArray[np.float32]
    """(N, J, 2) where each joint projects in each view, -1 to 1 across the image, x right, y down."""
    surface_vertices: NDArray[np.int32]
    """(S,) the mesh's vertices that the surface points are."""


def reference_input(rig: Rig, mesh: FitMesh, views: ReferenceViews | None = None) -> ReferenceInput:
    """Prepare a rig. The mesh is the fit's; damaged or missing views are the caller's to report."""
    turn = to_normalised(rig.up)
    origin, size = rig.rest_positions[0], rig.size
    rest = (rig.rest_positions - origin) @ turn.T / size
    vertices = (mesh.vertices - origin) @ turn.T / size
    chosen = sample_surface(mesh.vertices, mesh.skin_joints, mesh.skin_weights)
    shown = [] if views is None else [_shrunk_view(v, rig.rest_positions) for v in views.views]
    return ReferenceInput(
        joint_positions=rest.astype(np.float32),
        joint_features=joint_features(rest, rig.parents, rig.is_tail, mesh.skin_joints, mesh.skin_weights),
        hops=hop_distances(rig.parents),
        relations=relations(rig.parents),
        surface_positions=vertices[chosen].astype(np.float32),
        surface_normals=vertex_normals(vertices, mesh.faces)[chosen].astype(np.float32),
        surface_joints=mesh.skin_joints[chosen],
        surface_weights=mesh.skin_weights[chosen].astype(np.float32),
        views=np.stack([v[0] for v in shown])
        if shown
        else np.zeros((0, 4, VIEW_SIZE, VIEW_SIZE), np.float32),
        view_points=np.stack([v[1] for v in shown]) if shown else np.zeros((0, len(rest), 2), np.float32),
        surface_vertices=chosen,
    )


def to_normalised(up: NDArray[np.float64]) -> NDArray[np.float64]:
    """(3, 3) rotation that takes the up axis (3,) to +z; the identity where it is +z already."""
    up = np.asarray(up, float) / np.linalg.norm(up)
    axis = np.cross(up, [0.0, 0.0, 1.0])
    cosine = float(up[2])
    if cosine < -1.0 + 1e-9:
        return np.diag([1.0, -1.0, -1.0])
    cross = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    return np.eye(3) + cross + cross @ cross / (1.0 + cosine)


def joint_features(
    positions: NDArray[np.float64],
    parents: NDArray[np.int32],
    is_tail: NDArray[np.bool_],
    surface_joints: NDArray[np.int32],
    surface_weights: NDArray[np.floating],
) -> NDArray[np.float32]:
    """(J, JOINT_FEATURES) of rest positions (J, 3) and the skin of the mesh.

    Offset from the parent (3), mean offset of the children (3), distance from the parent, share of the
    surface that the joint moves itself and with everything below it, depth in the tree / 10, tail or not.
    """
    count = len(parents)
    offsets = positions - positions[np.maximum(parents, 0)]
    children = np.zeros((count, 3))
    child_count = np.zeros(count)
    np.add.at(children, parents[1:], offsets[1:])
    np.add.at(child_count, parents[1:], 1.0)
    children /= np.maximum(child_count, 1.0)[:, None]
    own = np.bincount(surface_joints.ravel(), surface_weights.ravel(), minlength=count)[:count]
    own = own / max(own.sum(), 1e-9)
    below = own.copy()
    depth = np.zeros(count)
    for j in range(count - 1, 0, -1):
        below[parents[j]] += below[j]
    for j in range(1, count):
        depth[j] = depth[parents[j]] + 1.0
    length = np.linalg.norm(offsets, axis=1)
    columns = [offsets, children, length[:, None], own[:, None], below[:, None], depth[:, None] / 10.0]
    return np.concatenate([*columns, is_tail[:, None].astype(float)], 1).astype(np.float32)


def vertex_normals(vertices: NDArray[np.floating], faces: NDArray[np.int32]) -> NDArray[np.float64]:
    """(V, 3) area-weighted, unit length; zero for a vertex without faces."""
    a, b, c = (vertices[faces[:, k]] for k in range(3))
    face_normals = np.cross(b - a, c - a)
    flat = faces.reshape(-1)
    normals = np.stack(
        [np.bincount(flat, np.repeat(face_normals[:, k], 3), minlength=len(vertices)) for k in range(3)], -1
    )
    return normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)


def sample_surface(
    vertices: NDArray[np.floating],
    skin_joints: NDArray[np.int32],
    skin_weights: NDArray[np.floating],
    count: int = SURFACE_POINTS,
) -> NDArray[np.int32]:
    """Indices of vertices spread over the mesh, more densely where a joint moves little surface (legs).

    Farthest point sampling in rest space with stretched distances. Deterministic. Fewer than ``count`` where
    the mesh has fewer vertices.
    """
    places = np.asarray(vertices, float)
    main = np.take_along_axis(skin_joints, skin_weights.argmax(1)[:, None], 1)[:, 0]
    share = np.bincount(main) / len(main)
    stretch = 1.0 / np.sqrt(np.maximum(share[main], 1e-3))
    chosen = [int(np.argmax(np.linalg.norm(places - places.mean(0), axis=1)))]
    distance = np.full(len(places), np.inf)
    for _ in range(min(count, len(places)) - 1):
        distance = np.minimum(distance, np.linalg.norm(places - places[chosen[-1]], axis=1))
        chosen.append(int(np.argmax(distance * stretch)))
    return np.array(chosen, np.int32)


def _shrunk_view(
    view: ReferenceView, joints: NDArray[np.float64]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The character of one view, cut out square, premultiplied (4, n, n), and the joints in it (J, 2)."""
    encoded = np.frombuffer(view.image.read_bytes(), np.uint8)
    image = cv2.imdecode(encoded, cv2.IMREAD_UNCHANGED)
    if image is None or image.ndim != 3 or image.shape[2] != 4:
        raise ValueError(f"{view.image.name} is no picture with transparency")
    rgba = image[..., [2, 1, 0, 3]].astype(np.float32) / (65535.0 if image.dtype == np.uint16 else 255.0)
    rgba[..., :3] *= rgba[..., 3:]
    rows, columns = (np.flatnonzero((rgba[..., 3] > 0.5).any(axis)) for axis in (1, 0))
    if not len(rows):
        raise ValueError(f"{view.image.name} shows nothing")
    low = np.array([columns[0], rows[0]], float)
    high = np.array([columns[-1] + 1, rows[-1] + 1], float)
    side = float((high - low).max()) * VIEW_MARGIN
    corner = 0.5 * (low + high) - 0.5 * side
    square = np.zeros((round(side), round(side), 4), np.float32)
    left, top = (int(v) for v in np.round(corner))
    part = rgba[max(top, 0) : top + len(square), max(left, 0) : left + len(square)]
    square[max(-top, 0) :, max(-left, 0) :][: part.shape[0], : part.shape[1]] = part
    small = cv2.resize(square, (VIEW_SIZE, VIEW_SIZE), interpolation=cv2.INTER_AREA)
    points = (view.camera.project(joints) + 0.5 - corner) / side * 2.0 - 1.0
    return np.asarray(small, np.float32).transpose(2, 0, 1), points.astype(np.float32)
