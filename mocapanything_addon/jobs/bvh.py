# SPDX-License-Identifier: GPL-3.0-or-later
"""Write a captured motion as BVH (Biovision Hierarchy), for other animation programs.

The format: M. Meredith, S. Maddock, "Motion Capture File Formats Explained", University of Sheffield,
CS-01-11. Its rest pose has no rotations, which is the project's own convention: a joint's channels are L_j.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..ik import rotations
from .files import replacing_file
from .rig import Rig
from .solution import Solution

Array = NDArray[np.float64]
ROTATION_CHANNELS = "Zrotation Xrotation Yrotation"
POSITION_CHANNELS = "Xposition Yposition Zposition"
LOOSE = 1e-4
"""A joint that leaves its place on its parent by more than this share of the rig's size can move."""


def write_bvh(path: Path, rig: Rig, solution: Solution) -> None:
    """Write the motion with the y axis up, in armature units, at the video's nominal frame rate.

    BVH has one constant frame time: a video with uneven frame times is resampled.

    Raises:
        CaptureError: The file cannot be written.
    """
    to_y_up = _shortest_turn(rig.up, np.array([0.0, 1.0, 0.0]))
    frame_time = 1.0 / solution.source_frame_rate
    count = 1 + int(np.floor(solution.times[-1] / frame_time + 0.5))
    times = frame_time * np.arange(count)
    local = rotations.resample(
        solution.times, rotations.matrix_from_quaternion(solution.local_rotations), times
    )
    offsets = rig.offsets @ to_y_up.T
    offsets[0] = to_y_up @ rig.rest_positions[0]
    degrees = np.degrees(zxy_angles(to_y_up @ local @ to_y_up.T))
    places = _resample_linear(solution.times, _places_on_parent(rig, solution), times) @ to_y_up.T
    tolerance = LOOSE * rig.size
    is_loose = np.abs(places - offsets).max(axis=(0, 2)) > tolerance
    is_loose[0] = True

    hierarchy, order = _hierarchy(rig, offsets, is_loose)
    columns = []
    for joint in order:
        if is_loose[joint]:
            columns.append(places[:, joint])
        columns.append(degrees[:, joint])
    motion = np.concatenate(columns, axis=1)
    with replacing_file(path) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as stream:
        stream.write(hierarchy)
        stream.write(f"MOTION\nFrames: {count}\nFrame Time: {frame_time:.9f}\n")
        np.savetxt(stream, motion, fmt="%.6f")


def zxy_angles(matrices: Array) -> Array:
    """Angles (z, x, y) with R = Rz(z) Rx(x) Ry(y), radians, continuous over the first axis.

    Args:
        matrices: (T, ..., 3, 3).

    Returns:
        (T, ..., 3) each frame the one of its equal solutions that is nearest to the frame before.
    """
    x = np.arcsin(np.clip(matrices[..., 2, 1], -1.0, 1.0))
    z = np.arctan2(-matrices[..., 0, 1], matrices[..., 1, 1])
    y = np.arctan2(-matrices[..., 2, 0], matrices[..., 2, 2])
    # Looking along y only the sum or difference of z and y is determined: all of it is given to z.
    is_locked = np.abs(matrices[..., 2, 1]) > 1.0 - 1e-12
    z = np.where(is_locked, np.arctan2(matrices[..., 1, 0], matrices[..., 0, 0]), z)
    y = np.where(is_locked, 0.0, y)
    angles = np.stack([z, x, y], axis=-1)
    other = np.stack([z + np.pi, np.pi - x, y + np.pi], axis=-1)
    for frame in range(1, len(angles)):
        before = angles[frame - 1]
        candidates = np.stack([angles[frame], other[frame]])
        candidates += 2.0 * np.pi * np.round((before - candidates) / (2.0 * np.pi))
        distance = np.abs(candidates - before).sum(axis=-1)
        angles[frame] = np.where((distance[0] <= distance[1])[..., None], candidates[0], candidates[1])
    return angles


def _hierarchy(rig: Rig, offsets: Array, is_loose: NDArray[np.bool_]) -> tuple[str, list[int]]:
    """The HIERARCHY section, and the joints in the order of their channels. Tail joints become End Sites."""
    children: list[list[int]] = [[] for _ in range(rig.joint_count)]
    for joint in range(1, rig.joint_count):
        children[rig.parents[joint]].append(joint)
    names = _unique_names(rig)
    lines = ["HIERARCHY"]
    order: list[int] = []

    def add(joint: int, depth: int) -> None:
        indent, inner = "\t" * depth, "\t" * (depth + 1)
        position = f"6 {POSITION_CHANNELS}" if is_loose[joint] else "3"
        lines.append(f"{indent}{'JOINT' if joint else 'ROOT'} {names[joint]}")
        lines.append(f"{indent}{{")
        lines.append(f"{inner}OFFSET {_triple(offsets[joint])}")
        lines.append(f"{inner}CHANNELS {position} {ROTATION_CHANNELS}")
        order.append(joint)
        bones = [child for child in children[joint] if not rig.is_tail[child]]
        for child in bones:
            add(child, depth + 1)
        if not bones:
            tail = offsets[children[joint][0]] if children[joint] else np.zeros(3)
            lines.extend([f"{inner}End Site", f"{inner}{{", f"{inner}\tOFFSET {_triple(tail)}", f"{inner}}}"])
        lines.append(f"{indent}}}")

    add(0, 0)
    return "\n".join(lines) + "\n", order


def _unique_names(rig: Rig) -> list[str]:
    """Bone names without the white space that BVH separates words by."""
    taken: set[str] = set()
    names = []
    for bone, is_tail in zip(rig.joint_names, rig.is_tail, strict=True):
        base = name = "_".join(bone.split()) or "joint"
        number = 1
        while name in taken and not is_tail:
            number += 1
            name = f"{base}_{number}"
        taken.add(name)
        names.append(name)
    return names


def _triple(vector: Array) -> str:
    return " ".join(f"{value:.6f}" for value in vector)


def _places_on_parent(rig: Rig, solution: Solution) -> Array:
    """(T, J, 3) each joint from its parent, in the parent's turned axes; the root from the origin."""
    parents = np.maximum(rig.parents, 0)
    frames = rotations.matrix_from_quaternion(solution.global_rotations)[:, parents]
    places = np.einsum("tjki,tjk->tji", frames, solution.positions - solution.positions[:, parents])
    places[:, 0] = solution.positions[:, 0]
    return places


def _resample_linear(times: Array, values: Array, new_times: Array) -> Array:
    """(T, ...) at ``times`` -> (N, ...) at ``new_times``; constant beyond the ends."""
    columns = values.reshape(len(times), -1).T
    return np.stack([np.interp(new_times, times, c) for c in columns], axis=1).reshape(-1, *values.shape[1:])


def _shortest_turn(first: Array, second: Array) -> Array:
    """(3, 3) the rotation by the smallest angle that takes one unit vector to another."""
    axis = np.cross(first, second)
    sine, cosine = float(np.linalg.norm(axis)), float(first @ second)
    if sine < 1e-9:
        return np.eye(3) if cosine > 0 else rotations.exp(np.array([np.pi, 0.0, 0.0]))
    return rotations.exp(axis / sine * np.arctan2(sine, cosine))
