# SPDX-License-Identifier: GPL-3.0-or-later
"""Feet that stand: how far they slide with and without contacts."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from mocapanything_addon.ik import Contact, Target, solve_clip
from mocapanything_addon.ik.kinematics import forward
from mocapanything_addon.ik.motion import Motion
from training.pack import MotionClip, Pack

from .cases import Case, case_from_pack, most_moving, true_positions
from .comparison import mean
from .metrics import errors, jitter_ratio
from .report import Table
from .rivals import Answer

Array = NDArray[np.float64]
STILL = 0.003
"""Metres a frame in the 1 m cube."""
LOW = 0.05
"""Metres above the lowest place of any joint in the clip."""
SHORTEST = 4
"""Frames."""
NOTE = (
    "Planted: ends of chains that in truth move less than 0.3 cm a frame for at least four frames, within 5 "
    "cm of the lowest place of any joint. The windows are those with most movement over planted feet; rigs "
    "without are left out. A contact's place is the mean of the given positions over its run. Skate: mean "
    "movement of planted joints a frame."
)


def planted_tables(packs: Iterable[Pack], frames: int) -> list[Table]:
    """One table: exact and noisy positions, contacts left out and given."""
    table = Table(
        "contacts",
        "Contacts",
        (
            "positions",
            "contacts",
            "rigs",
            "planted joint frames",
            "skate cm a frame",
            "p95 cm a frame",
            "position mean cm",
            "planted joints' position cm",
            "rotation L deg",
            "jitter / truth",
            "ms a frame",
        ),
        NOTE,
    )
    cases = [(case, runs) for case in planted_cases(packs, frames) if (runs := planted_runs(case))]
    for noise in (0.0, 0.01):
        for given in (False, True):
            rows, slides, count = [], [], 0
            for case, runs in cases:
                row, slide, planted = _solve(case, runs, noise, given)
                rows.append(row)
                slides.append(slide)
                count += planted
            if not rows:
                continue
            skate = np.concatenate(slides)
            table.add(
                f"{100.0 * noise:g} cm noise" if noise else "exact",
                "given" if given else "none",
                len(rows),
                count,
                float(skate.mean()),
                float(np.percentile(skate, 95)),
                *(mean([row[k] for row in rows]) for k in range(3)),
                float(np.median([row[3] for row in rows])),
                mean([row[4] for row in rows]),
            )
    return [table]


Run = tuple[int, int, int]
"""Joint, first frame, last frame."""


def planted_cases(packs: Iterable[Pack], frames: int) -> list[Case]:
    """Of every rig that has feet, the window in which it moves most while standing."""
    return [case_from_pack(pack, frames, planted_movement) for pack in packs]


def planted_movement(pack: Pack, clip: MotionClip, frames: int, size: float) -> tuple[float, int]:
    """Movement of a clip's most moving window, times the frames in which something is planted in it."""
    movement, first = most_moving(pack, clip, frames, size)
    part = slice(first, first + frames)
    case = case_from_pack(_only(pack, clip, part), frames)
    planted = sum(last - begin for _, begin, last in planted_runs(case))
    return movement * planted, first


def _only(pack: Pack, clip: MotionClip, part: slice) -> Pack:
    fields = {name: getattr(pack, name) for name in pack.__dataclass_fields__ if name != "clips"}
    return Pack(**fields, clips=(MotionClip(clip.name, clip.rotations[part], clip.root_positions[part]),))


def planted_runs(case: Case) -> list[Run]:
    """See :data:`NOTE`; none where the rig has no vertical."""
    if case.up is None:
        return []
    positions = true_positions(case)
    heights = positions @ case.up
    low = heights < heights.min() + LOW
    steps = np.linalg.norm(np.diff(positions, axis=0), axis=-1) < STILL
    runs = []
    for joint in (j for j, children in enumerate(case.skeleton.children) if len(children) == 0):
        first = 0
        for frame in range(len(positions)):
            holds = low[frame, joint] and (frame == first or steps[frame - 1, joint])
            if holds and frame < len(positions) - 1:
                continue
            last = frame if holds else frame - 1
            if last - first + 1 >= SHORTEST:
                runs.append((joint, first, last))
            first = frame if low[frame, joint] else frame + 1
    return runs


def skate(positions: Array, runs: list[Run]) -> Array:
    """Movement of planted joints from frame to frame, cm, one entry a joint and step."""
    return 100.0 * np.concatenate(
        [np.linalg.norm(np.diff(positions[a : b + 1, j], axis=0), axis=-1) for j, a, b in runs]
    )


def _solve(case: Case, runs: list[Run], noise: float, given: bool) -> tuple[list[float], Array, int]:
    truth = true_positions(case)
    rng = np.random.default_rng(len(case.name))
    seen = truth + noise * rng.normal(size=truth.shape)
    contacts = [Contact(j, a, b, seen[a : b + 1, j].mean(axis=0)) for j, a, b in runs] if given else []
    began = perf_counter()
    solution = solve_clip(case.skeleton, Target(positions=seen, contacts=contacts), case.fps)
    seconds = perf_counter() - began
    print(f"  contacts {noise:g} {given} {case.name}", file=sys.stderr, flush=True)
    answer = Answer(solution.local_rotations, solution.root_translation)
    found = errors(case, answer)
    turns = np.isin(np.arange(case.skeleton.joint_count), case.skeleton.moving)
    solved = forward(case.skeleton, Motion.from_quaternions(answer.root_translation, answer.local_rotations))
    planted = np.concatenate([found.distance[a : b + 1, j] for j, a, b in runs])
    row = [
        float(found.distance.mean()),
        float(planted.mean()),
        float(found.local[:, turns].mean()),
        jitter_ratio(case, answer),
        1000.0 * seconds / len(truth),
    ]
    return row, skate(solved.positions, runs), len(planted)
