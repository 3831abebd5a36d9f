# SPDX-License-Identifier: GPL-3.0-or-later
"""Exact positions of rigs whose other clips are known: what a rig's own Actions tell of its twists."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from mocapanything_addon.ik import Target, rotations, solve_clip

from .cases import Case, true_positions
from .comparison import Score
from .report import Table
from .rivals import Answer, Solve

Array = NDArray[np.float64]
FEWEST_CLIPS = 2
MOST_POSES = 300


def add_known_poses_rows(table: Table, cases: Sequence[Case], methods: dict[str, Solve]) -> None:
    """Rigs with two other clips or more. Ours gets their poses, the others the poses' mean as a hint."""
    scores = {name: Score() for name in methods}
    for case in cases:
        others = other_clips(case)
        if len(others) < FEWEST_CLIPS:
            continue
        poses = np.concatenate(others)
        poses = rotations.quaternion_from_matrix(poses[:: 1 + len(poses) // MOST_POSES])
        positions = true_positions(case)
        ones = np.ones(positions.shape[:2])
        hints = mean_pose(case, others)
        for name, solve in methods.items():
            began = perf_counter()
            if name == "ours":
                found = solve_clip(case.skeleton, Target(positions=positions, poses=poses), case.fps)
                answer = Answer(found.local_rotations, found.root_translation)
            else:
                answer = solve(case.skeleton, positions, ones, hints, case.fps)
            scores[name].take(case, answer, perf_counter() - began)
        print(f"  other clips known: {case.name}", file=sys.stderr, flush=True)
    for name, score in scores.items():
        table.add(*score.row(f"other clips known: {name}"))


def other_clips(case: Case) -> list[Array]:
    """Clips of the rig, (T_i, J, 3, 3) each, in which the case's window does not occur."""
    frames, truth = case.truth.frame_count, case.truth.local_rotations
    return [
        clip
        for clip in case.all_rotations
        if not any(
            np.abs(clip[k : k + frames] - truth).max() < 1e-3 for k in range(max(len(clip) - frames + 1, 0))
        )
    ]


def mean_pose(case: Case, clips: list[Array]) -> Array:
    """(T, J, 4) the clips' mean rotations, held; the root's is left at rest."""
    mean = rotations.nearest_rotation(np.concatenate(clips).mean(axis=0))
    mean[case.skeleton.root] = np.eye(3)
    return np.tile(rotations.quaternion_from_matrix(mean), (case.truth.frame_count, 1, 1))
