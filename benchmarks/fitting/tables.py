# SPDX-License-Identifier: GPL-3.0-or-later
"""Outcomes as tables: means of a condition's clips beside their floors, and clip by clip."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..report import Cell, Table
from .figures import RIGHT_HEADING, Errors
from .runs import Outcome

FLOORS = {"rest": "rest pose, true root", "constant": "best constant pose, true root"}
STAGES = {"start": "start, its pose held", "tracking": "tracking", "full": "whole clip"}
NOTE = (
    "Centimetres in the 1 m cube, degrees. Heading right: within 30 degrees, % of clips. "
    "Worse: % of clips whose MPJPE is above that of the rest pose on the true root, and above "
    "that of the start's pose held. "
    "Seconds: processor time a frame, the stages before included. Mask IoU: of the masks that the last "
    "stage went by with the true ones, in whole frames."
)


def start_table(outcomes: Sequence[Outcome]) -> Table:
    """How the search for the start did, clip by clip, the mean last."""
    table = Table(
        "start",
        "Start search",
        (
            "clip",
            "condition",
            "heading off",
            "body off",
            "right at place",
            "of",
            "said uncertain",
            "overlap",
            "frame",
            "pose",
            "s a clip",
        ),
        "Degrees that the root of the best hypothesis, and all its joints together, are turned against the "
        "truth in its frame; where in the ranking the first one within 30 degrees stands (0 is the best, "
        "-1 nowhere).",
    )
    for o in sorted(outcomes, key=lambda o: -o.start.heading):
        s = o.start
        uncertain = "yes" if s.uncertain else ""
        seconds = o.seconds["start"] * o.frames
        table.add(
            o.case,
            o.condition,
            s.heading,
            s.body,
            s.right_at,
            s.hypotheses,
            uncertain,
            s.overlap,
            s.frame,
            s.pose,
            seconds,
        )
    for name in dict.fromkeys(o.condition for o in outcomes):
        mine = [o for o in outcomes if o.condition == name]
        right = np.array([o.start.right_at == 0 for o in mine])
        doubted = np.array([o.start.uncertain for o in mine])
        table.add(
            f"{len(mine)} clips: {100 * right.mean():.0f} % right, "
            f"{100 * np.mean([o.start.right_at >= 0 for o in mine]):.0f} % among the hypotheses, "
            f"{100 * np.mean([0 <= o.start.right_at < 3 for o in mine]):.0f} % among the best three",
            name,
            float(np.median([o.start.heading for o in mine])),
            float(np.median([o.start.body for o in mine])),
            "",
            float(np.mean([o.start.hypotheses for o in mine])),
            f"{(doubted & right).sum()} right, {(doubted & ~right).sum()} of {(~right).sum()} wrong",
            float(np.mean([o.start.overlap for o in mine])),
            "",
            "",
            float(np.mean([o.seconds["start"] * o.frames for o in mine])),
        )
    return table


def main_table(outcomes: Sequence[Outcome]) -> Table:
    """Means over the clips of every condition."""
    table = Table(
        "conditions",
        "Fit to the video",
        (
            "condition",
            "result",
            "clips",
            "MPJPE",
            "yaw aligned",
            "PA-MPJPE",
            "rotation",
            "correlation",
            "root",
            "heading right",
            "overlap",
            "worse than rest",
            "worse than start",
            "s a frame",
            "mask IoU",
        ),
        NOTE,
    )
    for name in dict.fromkeys(o.condition for o in outcomes):
        mine = [o for o in outcomes if o.condition == name]
        for key, title in (FLOORS | STAGES).items():
            known = [o for o in mine if key in o.errors]
            if known:
                masks = [o.mask_overlap for o in known if last(o) is o.errors[key]]
                table.add(name, title, len(known), *_means(known, key), float(np.mean(masks or [np.nan])))
    return table


def _means(outcomes: Sequence[Outcome], key: str) -> list[Cell]:
    found = [o.errors[key] for o in outcomes]
    is_floor = key in FLOORS
    seconds = (
        [sum(o.seconds[s] for s in list(STAGES)[: list(STAGES).index(key) + 1]) for o in outcomes]
        if not is_floor
        else []
    )
    worse_than_start = float("nan") if is_floor or key == "start" else _worse(outcomes, key, "start")
    return [
        _mean(found, "mpjpe"),
        _mean(found, "yaw_aligned"),
        _mean(found, "pa_mpjpe"),
        _mean(found, "rotation"),
        _mean(found, "correlation"),
        _mean(found, "root"),
        100.0 * float(np.mean([e.heading <= RIGHT_HEADING for e in found])),
        _mean(found, "overlap"),
        float("nan") if is_floor else _worse(outcomes, key, "rest"),
        worse_than_start,
        float(np.mean(seconds)) if seconds else float("nan"),
    ]


def _worse(outcomes: Sequence[Outcome], key: str, than: str) -> float:
    return 100.0 * float(np.mean([o.errors[key].mpjpe > o.errors[than].mpjpe for o in outcomes]))


def _mean(found: Sequence[Errors], name: str) -> float:
    values = np.array([getattr(e, name) for e in found])
    values = values[np.isfinite(values)]
    return float(values.mean()) if len(values) else float("nan")


def clip_table(outcomes: Sequence[Outcome]) -> Table:
    """Clip by clip: the last stage beside the rest pose, worst first."""
    table = Table(
        "clips",
        "Clip by clip",
        (
            "clip",
            "kind",
            "condition",
            "MPJPE",
            "rest",
            "limbs traded",
            "PA-MPJPE",
            "rest ",
            "rotation",
            "rest  ",
            "correlation",
            "root",
            "heading off",
            "overlap",
            "mask IoU",
            "said near",
            "near",
            "s a frame",
        ),
        "Worst first, by MPJPE over that of the rest pose on the true root. Limbs traded: least MPJPE with "
        "some pairs of limbs exchanged; where it is lower, left was taken for right. Near: share of moving "
        "bones and frames within 20 degrees of the truth, as the product's confidence says, and as it is.",
    )
    for o in sorted(outcomes, key=lambda o: -last(o).mpjpe / max(o.errors["rest"].mpjpe, 1e-9)):
        e, rest = last(o), o.errors["rest"]
        table.add(
            o.case,
            o.kind,
            o.condition,
            e.mpjpe,
            rest.mpjpe,
            o.exchanged,
            e.pa_mpjpe,
            rest.pa_mpjpe,
            e.rotation,
            rest.rotation,
            e.correlation,
            e.root,
            e.heading,
            e.overlap,
            o.mask_overlap,
            o.confidence,
            o.near_truth,
            sum(o.seconds.values()),
        )
    return table


def last(outcome: Outcome) -> Errors:
    """Errors of the last stage that was run."""
    return outcome.errors[[name for name in STAGES if name in outcome.errors][-1]]


def summary(outcome: Outcome) -> str:
    """One line."""
    e, rest = last(outcome), outcome.errors["rest"]
    return (
        f"{outcome.case}, {outcome.condition}: MPJPE {e.mpjpe:.2f} (rest {rest.mpjpe:.2f}), "
        f"PA {e.pa_mpjpe:.2f} ({rest.pa_mpjpe:.2f}), rotation {e.rotation:.1f} ({rest.rotation:.1f}), "
        f"correlation {e.correlation:.2f}, heading off {e.heading:.0f} (start {outcome.start.heading:.0f}), "
        f"{sum(outcome.seconds.values()):.2f} s a frame"
    )
