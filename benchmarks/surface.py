# SPDX-License-Identifier: GPL-3.0-or-later
"""Points of the surface, seen in the image with their depth: no joint is given."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from mocapanything_addon.ik import Camera, SurfacePoints, Target, rotations, solve_clip
from mocapanything_addon.ik.kinematics import forward

from .cases import Case
from .comparison import mean
from .metrics import BoneClass, bone_classes, errors
from .report import Table
from .rivals import Answer

Array = NDArray[np.float64]
POINTS = 300
FOV_DEGREES = 40.0
PIXELS = 512
DISTANCE = 2.5
"""Sizes from the camera to the middle of the body."""
NOTE = (
    "300 points of the skin a frame, front and back, as pixel x, pixel y and depth of a 512 pixel camera 2.5 "
    "body sizes away; the noise is that of each of the three coordinates in space. Rest: the rest pose on "
    "the true root (place and rotation). Positions are absolute, root-relative in the next column."
)


def surface_tables(cases: Sequence[Case]) -> list[Table]:
    """One table: true points, 2.5 % and 5 % noise of the body size."""
    table = Table(
        "surface",
        "Surface points in 2D and depth",
        (
            "noise",
            "rigs",
            "frames",
            "MPJPE cm",
            "MPJPE, root-relative cm",
            "p95 cm",
            "rotation L deg",
            *(f"L, {kind.value}" for kind in BoneClass),
            "twist D deg",
            "swing D deg",
            "rest MPJPE cm",
            "rest L deg",
            "rigs worse than rest",
            "ms a frame",
        ),
        NOTE,
    )
    for share in (0.0, 0.025, 0.05):
        rows = [_solve(case, share) for case in cases if case.surface is not None]
        columns = [mean([row[k] for row in rows if not np.isnan(row[k])]) for k in range(len(rows[0]))]
        worse = sum(row[0] > row[9] for row in rows)
        frames = sum(case.truth.frame_count for case in cases)
        table.add(f"{100.0 * share:g} %", len(rows), frames, *columns[:-1], worse, columns[-1])
    return [table]


def _solve(case: Case, share: float) -> list[float]:
    """Figures of a rig, in the table's order without the counts."""
    rng = np.random.default_rng([len(case.name), int(1000 * share)])
    points, camera = observe(case, share, rng)
    began = perf_counter()
    solution = solve_clip(case.skeleton, Target(points=points, camera=camera), case.fps)
    seconds = perf_counter() - began
    print(f"  surface {share:g} {case.name}", file=sys.stderr, flush=True)
    found = errors(case, Answer(solution.local_rotations, solution.root_translation))
    turns = np.isin(np.arange(case.skeleton.joint_count), case.skeleton.moving)
    classes = bone_classes(case.skeleton)
    by_class = [
        float(found.local[:, turns & (classes == kind)].mean())
        if (turns & (classes == kind)).any()
        else np.nan
        for kind in BoneClass
    ]
    truth = forward(case.skeleton, case.truth).positions
    root = case.skeleton.root
    relative = solution.positions - solution.positions[:, [root]] - truth + truth[:, [root]]
    at_rest = errors(case, rest_answer(case))
    return [
        float(found.distance.mean()),
        100.0 * float(np.linalg.norm(relative, axis=-1).mean()),
        float(np.percentile(found.distance, 95)),
        float(found.local[:, turns].mean()),
        *by_class,
        float(found.twist[:, turns].mean()),
        float(found.swing[:, turns].mean()),
        float(at_rest.distance.mean()),
        float(at_rest.local[:, turns].mean()),
        1000.0 * seconds / case.truth.frame_count,
    ]


def rest_answer(case: Case) -> Answer:
    """The rest pose, its root where it truly is and as it is truly turned."""
    quaternions = np.tile([1.0, 0.0, 0.0, 0.0], (*case.truth.local_rotations.shape[:2], 1))
    root = case.skeleton.root
    quaternions[:, root] = rotations.quaternion_from_matrix(case.truth.local_rotations[:, root])
    return Answer(quaternions, case.truth.root_translation)


def observe(case: Case, share: float, rng: np.random.Generator) -> tuple[SurfacePoints, Camera]:
    """True points through the true skin, noise of ``share`` body sizes a coordinate added."""
    surface = case.surface
    if surface is None:
        raise ValueError(f"{case.name} has no surface")
    count = len(surface.vertices)
    chosen = rng.choice(count, POINTS, replace=count < POINTS)
    rest, joints, weights = surface.vertices[chosen], surface.joints[chosen], surface.weights[chosen]
    weights = weights / weights.sum(axis=1, keepdims=True)
    pose = forward(case.skeleton, case.truth)
    arms = rest[:, None] - case.skeleton.rest_positions[joints]
    carried = pose.positions[:, joints] + (pose.global_rotations[:, joints] @ arms[..., None])[..., 0]
    points = (weights[..., None] * carried).sum(axis=2)
    camera = camera_on(
        pose.positions.reshape(-1, 3), case.up if case.up is not None else np.array([0.0, 0.0, 1.0])
    )
    depth = camera.to_camera(points)[..., 2]
    noise = share * rng.normal(size=points.shape)
    pixels = camera.project(points) + noise[..., :2] * (camera.focal / depth)[..., None]
    observed = np.concatenate([pixels, (depth + noise[..., 2])[..., None]], axis=-1)
    return SurfacePoints(rest, joints, weights, observed, has_depth=True), camera


def camera_on(points: Array, up: Array) -> Camera:
    """Level, looking at the middle of the points from a corner."""
    middle = 0.5 * (points.min(axis=0) + points.max(axis=0))
    side = np.cross(up, [0.3, -1.0, 0.2])
    side /= np.linalg.norm(side)
    forth = np.cross(side, up)
    forth = forth * np.cos(0.3) + side * np.sin(0.3)
    right = np.cross(forth, up)
    rotation = np.stack([right, -up, forth])
    reach = float(np.linalg.norm(points - middle, axis=-1).max())
    away = max(DISTANCE, 2.5 * reach)
    return Camera.from_fov(FOV_DEGREES, PIXELS, PIXELS, rotation, -rotation @ (middle - away * forth))
