# SPDX-License-Identifier: GPL-3.0-or-later
"""Lay a posed body over a mask without changing its pose."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..ik.kinematics import State
from ..ik.motion import Motion
from .crop import Crop
from .problem import Problem

ALIGN_ROUNDS = 3
ALIGN_SIZE = 96


def align(problem: Problem, motion: Motion, frame: int) -> tuple[Motion, float]:
    """Move a pose (one frame) so that area and centre of its outline equal the mask's; also the overlap
    then."""
    body, camera, frames = problem.body, problem.camera, problem.frames
    level, window = frames.window(frame)
    mask = frames.mask(frame, level)
    rows, columns = np.nonzero(mask)
    center = window.to_image(np.array([columns.mean(), rows.mean()]))
    area = len(rows) / window.scale**2
    root = body.skeleton.root
    rest = body.skeleton.rest_positions[root]
    overlap = 0.0
    vertices = body.skin.at(State(body.skeleton, motion), 0).vertices.astype(np.float64)
    shift = np.zeros(3)
    # First onto the axis through the mask's centre, at a depth where the body surely is before the camera.
    depth = camera.focal * body.size / max(np.sqrt(area), 1.0)
    ray = np.append((center - camera.center) / camera.focal, 1.0)
    shift += camera.rotation.T @ (ray * depth - camera.translation) - 0.5 * (
        vertices.min(0) + vertices.max(0)
    )
    for _ in range(ALIGN_ROUNDS):
        here = vertices + shift
        small = _around(camera.project(here), window)
        seen = frames.seen_of(body.render(here, camera, small).mask, frame, small)
        r, c = np.nonzero(seen)
        if len(r) < 4:
            break
        seen_center = small.to_image(np.array([c.mean(), r.mean()]))
        ratio = np.sqrt(len(r) / small.scale**2 / max(area, 1e-9))
        place = rest + motion.root_translation[0] + shift
        moved = camera.position + (place - camera.position) * np.clip(ratio, 0.5, 2.0)
        depth = float(camera.to_camera(moved)[2])
        sideways = np.append((center - seen_center) * depth / camera.focal, 0.0)
        shift += moved - place + camera.rotation.T @ sideways
    result = Motion(motion.root_translation + shift, motion.local_rotations)
    small = Crop(window.left, window.top, window.side, ALIGN_SIZE)
    seen = frames.seen_of(body.render(vertices + shift, camera, small).mask, frame, small)
    there = mask[np.ix_(_thin(window.size), _thin(window.size))]
    trusted = frames.trusted(frame, level)[np.ix_(_thin(window.size), _thin(window.size))]
    union = np.count_nonzero((seen | there) & trusted)
    overlap = np.count_nonzero(seen & there & trusted) / union if union else 0.0
    return result, float(overlap)


def _around(points: NDArray[np.float64], window: Crop) -> Crop:
    low, high = points.min(0), points.max(0)
    side = float(np.clip((high - low).max() * 1.05, 4.0, 20.0 * window.side))
    corner = 0.5 * (low + high) + 0.5 - side / 2.0
    return Crop(float(corner[0]), float(corner[1]), side, ALIGN_SIZE)


def _thin(size: int) -> NDArray[np.intp]:
    """Rows of a full window nearest to those of a small one."""
    return ((np.arange(ALIGN_SIZE) + 0.5) * size / ALIGN_SIZE).astype(np.intp)
