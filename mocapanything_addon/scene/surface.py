# SPDX-License-Identifier: GPL-3.0-or-later
"""The skinned surface as arrays: vertices, triangles, which bones move them; no larger than asked for."""

from __future__ import annotations

from dataclasses import dataclass

import bpy
import numpy as np
from numpy.typing import NDArray

from .bone_chain import BoneChain
from .skinned_meshes import FrozenMesh, vertex_weights

INFLUENCES = 4
"""Bones that may move one vertex in a Rig."""


@dataclass(frozen=True, eq=False)
class Surface:
    """V vertices and F triangles of several meshes in one list, armature space."""

    vertices: NDArray[np.float32]
    """(V, 3)."""
    faces: NDArray[np.int32]
    """(F, 3)."""
    mesh: NDArray[np.int64]
    """(V,) which of the meshes the vertex is from."""
    mesh_vertex: NDArray[np.int64]
    """(V,) its index there."""
    weight_vertices: NDArray[np.int64]
    """(N,) skin weights as a sparse table: vertex ..."""
    weight_bones: NDArray[np.int64]
    """(N,) ... bone ..."""
    weights: NDArray[np.float64]
    """(N,) ... and weight; those of a vertex sum to 1."""
    unweighted: int
    """Vertices left out because no bone moves them."""


def read_surface(meshes: list[FrozenMesh], chain: BoneChain, max_vertices: int) -> Surface:
    """Triangles and weights of one or more frozen meshes; thinned out where there are too many vertices."""
    vertices, faces, origin, index = [], [], [], []
    count = 0
    for number, item in enumerate(meshes):
        own_points, own_triangles = _mesh_triangles(item.mesh)
        vertices.append(own_points)
        faces.append(own_triangles + count)
        origin.append(np.full(len(own_points), number))
        index.append(np.arange(len(own_points)))
        count += len(own_points)
    points = np.concatenate(vertices)
    mesh, mesh_vertex = np.concatenate(origin), np.concatenate(index)
    chosen, triangles = _used(np.concatenate(faces))
    if len(chosen) > max_vertices:
        chosen, triangles = thin_out(points, mesh, chosen[triangles], max_vertices)
    rows, bones, weights = _weights(meshes, chain, mesh[chosen], mesh_vertex[chosen])

    moved = np.zeros(len(chosen), bool)
    moved[rows] = True
    unweighted = int(len(chosen) - moved.sum())
    if unweighted:
        renumber = np.cumsum(moved) - 1
        triangles = renumber[triangles[moved[triangles].all(axis=1)]]
        rows, chosen = renumber[rows], chosen[moved]
    return Surface(
        vertices=points[chosen].astype(np.float32),
        faces=triangles.astype(np.int32).reshape(-1, 3),
        mesh=mesh[chosen],
        mesh_vertex=mesh_vertex[chosen],
        weight_vertices=rows,
        weight_bones=bones,
        weights=weights,
        unweighted=unweighted,
    )


def _mesh_triangles(mesh: bpy.types.Mesh) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """(V, 3) vertices and (F, 3) triangles of a mesh."""
    points = np.empty(len(mesh.vertices) * 3, np.float32)
    mesh.vertices.foreach_get("co", points)
    mesh.calc_loop_triangles()
    triangles = np.empty(len(mesh.loop_triangles) * 3, np.int32)
    mesh.loop_triangles.foreach_get("vertices", triangles)
    return points.reshape(-1, 3), triangles.reshape(-1, 3)


def _used(triangles: NDArray[np.integer]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Vertices that stand in a triangle, and the triangles by their new numbers."""
    stands = np.zeros(int(triangles.max(initial=-1)) + 1, bool)
    stands[triangles] = True
    renumber = np.cumsum(stands) - 1
    return np.nonzero(stands)[0], renumber[triangles]


def thin_out(
    points: NDArray[np.float32], mesh: NDArray[np.int64], triangles: NDArray[np.int64], max_vertices: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Keep one vertex of each cell of a grid, as fine a grid as ``max_vertices`` allows.

    The two sides of a thin part fall into different cells because the side its normal faces is part of the
    cell's key. Kept vertices keep place, weights and colour; nothing is averaged.

    Returns:
        Chosen vertices (indices into ``points``) and triangles (indices into the chosen ones).
    """
    chosen, local = _used(triangles)
    place = points[chosen].astype(np.float64)
    place -= place.min(axis=0)
    edges = place[local[:, 1:]] - place[local[:, :1]]
    face_normals = np.cross(edges[:, 0], edges[:, 1])
    normals = np.stack(
        [np.bincount(local.ravel(), np.repeat(face_normals[:, k], 3), len(chosen)) for k in range(3)], -1
    )
    side = np.abs(normals).argmax(axis=1)
    side = 2 * side + (np.take_along_axis(normals, side[:, None], 1)[:, 0] > 0)
    extra = mesh[chosen] * 6 + side

    extent = float(place.max()) or 1.0
    coarse, fine = extent, extent / 4096.0
    for _ in range(14):
        cell = float(np.sqrt(coarse * fine))
        count = len(np.unique(_cells(place, extra, cell)))
        if count > max_vertices:
            fine = cell
        else:
            coarse = cell
            if count > 0.9 * max_vertices:
                break
    _, cluster = np.unique(_cells(place, extra, coarse), return_inverse=True)
    cluster = cluster.reshape(-1)
    sizes = np.bincount(cluster)
    centers = np.stack([np.bincount(cluster, place[:, k]) for k in range(3)], -1) / sizes[:, None]
    order = np.lexsort((np.linalg.norm(place - centers[cluster], axis=1), cluster))
    first = order[np.concatenate([[0], np.cumsum(sizes)[:-1]])]
    corners = cluster[local]
    a, b, c = corners.T
    corners = corners[(a != b) & (b != c) & (c != a)]
    turned = np.take_along_axis(corners, (corners.argmin(1)[:, None] + np.arange(3)) % 3, 1)
    used, renumbered = _used(np.unique(turned, axis=0))
    return chosen[first[used]], renumbered


def _cells(place: NDArray[np.float64], extra: NDArray[np.int64], cell: float) -> NDArray[np.int64]:
    grid = (place / cell).astype(np.int64)
    span = grid.max(axis=0) + 1
    return ((extra * span[0] + grid[:, 0]) * span[1] + grid[:, 1]) * span[2] + grid[:, 2]


def _weights(
    meshes: list[FrozenMesh], chain: BoneChain, mesh: NDArray[np.int64], mesh_vertex: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Normalised weights of deforming bones, as Blender's Armature modifier uses them."""
    rows, bones, weights = [], [], []
    for number, item in enumerate(meshes):
        own = np.nonzero(mesh == number)[0]
        row, names, weight = vertex_weights(item, mesh_vertex[own])
        rigid = item.source.bone is not None
        usable = {n: chain.index[n] for n in set(names) if n in chain.index}
        usable = {n: b for n, b in usable.items() if rigid or chain.deforms[b]}
        bone = np.array([usable.get(n, -1) for n in names], np.int64)
        valid = (bone >= 0) & (weight > 0)
        rows.append(own[row[valid]])
        bones.append(bone[valid])
        weights.append(weight[valid])
    all_rows, all_weights = np.concatenate(rows), np.concatenate(weights)
    total = np.bincount(all_rows, all_weights, minlength=len(mesh))
    return all_rows, np.concatenate(bones), all_weights / total[all_rows]


def strongest_influences(
    surface: Surface, joint_of_bone: NDArray[np.int64]
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """(V, 4) joints and weights: the four strongest of every vertex, scaled to sum to 1."""
    count = len(surface.vertices)
    joint_count = int(joint_of_bone.max()) + 1
    key = surface.weight_vertices * joint_count + joint_of_bone[surface.weight_bones]
    keys, inverse = np.unique(key, return_inverse=True)
    weights = np.bincount(inverse.reshape(-1), surface.weights)
    vertex, joint = keys // joint_count, keys % joint_count
    order = np.lexsort((-weights, vertex))
    vertex, joint, weights = vertex[order], joint[order], weights[order]
    rank = np.arange(len(vertex)) - np.searchsorted(vertex, vertex)
    strong = rank < INFLUENCES
    joints = np.zeros((count, INFLUENCES), np.int32)
    table = np.zeros((count, INFLUENCES))
    joints[vertex[strong], rank[strong]] = joint[strong]
    table[vertex[strong], rank[strong]] = weights[strong]
    return joints, (table / table.sum(axis=1, keepdims=True)).astype(np.float32)


def shared_skin(surface: Surface, bone_count: int) -> NDArray[np.float64]:
    """(B, B) how much surface two bones move together: products of their weights, summed over triangles."""
    table = np.zeros((len(surface.vertices), bone_count), np.float32)
    table[surface.weight_vertices, surface.weight_bones] = surface.weights
    on_faces = table[surface.faces].mean(axis=1)
    return (on_faces.T @ on_faces).astype(float)
