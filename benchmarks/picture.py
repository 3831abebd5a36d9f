# SPDX-License-Identifier: GPL-3.0-or-later
"""A clip before and after, as stick figures, with the joints that stand at an end of their range."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mocapanything_addon.ik import Target, solve_clip
from mocapanything_addon.ik.limits.ranges import limited_angles
from mocapanything_addon.ik.motion import Motion

from .cases import Case, true_positions
from .limits import tight_skeleton
from .noise import corrupted

Array = NDArray[np.float64]
FRAMES = 6
AT_END = np.radians(0.1)
CENTIMETRES = 1.0


def draw(case: Case, path: Path) -> None:
    """Upper row: the given joints; lower row: the solution, red where an angle is at its end; grey: truth."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    skeleton = tight_skeleton(case)
    seen = corrupted(case, CENTIMETRES, False)
    given = np.where(seen.weights[..., None] > 0.0, seen.positions, np.nan)
    solution = solve_clip(skeleton, Target(positions=given), case.fps)
    motion = Motion.from_quaternions(solution.root_translation, solution.local_rotations)
    limited = np.nonzero(skeleton.is_limited)[0]
    lowest, highest = skeleton.lowest_angles[limited], skeleton.highest_angles[limited]
    angles = limited_angles(skeleton, motion)
    ends = (np.minimum(angles - lowest, highest - angles) < AT_END) & (highest > lowest)
    truth = true_positions(case)
    frames = np.linspace(0, len(truth) - 1, FRAMES).round().astype(int)
    figure, rows = pyplot.subplots(2, FRAMES, figsize=(3 * FRAMES, 6.5), layout="constrained", sharey=True)
    for row, positions, title in zip(rows, (given, solution.positions), ("given", "solved"), strict=True):
        for pane, frame in zip(row, frames, strict=True):
            middle = truth[frame, skeleton.root]
            _figure(pane, skeleton.parents, _view(case, truth[frame] - middle), "0.8", 4.0)
            points = _view(case, positions[frame] - middle)
            _figure(pane, skeleton.parents, points, "tab:blue", 1.5)
            if title == "solved":
                marked = points[limited[ends[frame].any(axis=-1)]]
                pane.plot(*marked.T, "o", color="tab:red", markersize=5)
            pane.set_title(f"{title}, frame {frame}")
            pane.set_aspect("equal")
            pane.axis("off")
    figure.suptitle(
        f"{case.name}: {CENTIMETRES:g} cm noise, outliers and gaps; red: an angle at the end of its range, "
        f"grey: the truth"
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=90)
    pyplot.close(figure)


def _view(case: Case, points: Array) -> Array:
    """(J, 2) seen level from a corner."""
    up = case.up if case.up is not None else np.array([0.0, 0.0, 1.0])
    side = np.cross(up, [0.6, -1.0, 0.3])
    side /= np.linalg.norm(side)
    return np.stack([points @ side, points @ up], axis=-1)


def _figure(pane: object, parents: NDArray[np.integer], points: Array, color: str, width: float) -> None:
    for joint, parent in enumerate(parents):
        if parent >= 0:
            pane.plot(*points[[parent, joint]].T, "-", color=color, linewidth=width)  # type: ignore[attr-defined]
