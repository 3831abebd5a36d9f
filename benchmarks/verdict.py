# SPDX-License-Identifier: GPL-3.0-or-later
"""Measure the verdict: is what is in the masks plausibly this rig at all?

Filmed clips are given to their own rig, to that rig built a little otherwise, to rigs of like creatures and
to plainly wrong ones; only the start search runs, some seconds a pair. With --fit new weights for
fit/verdict.py are found, and judged kind by kind, each left out of the finding.

    python -m benchmarks.verdict                           # the weights as they are, on the report half
    python -m benchmarks.verdict --half tune --fit         # new weights
    python -m benchmarks.verdict --half tune --fit --reuse # again from the evidence on disk

Needs rig packs (``python -m training packs``). Films are kept in the cache folder.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import os
import sys
import zlib
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "LP_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")  # read when the libraries below are loaded

import numpy as np  # noqa: E402
from numpy.typing import NDArray  # noqa: E402
from scipy.optimize import minimize  # noqa: E402

from mocapanything_addon.fit.fit import prepare  # noqa: E402
from mocapanything_addon.fit.start import search_start  # noqa: E402
from mocapanything_addon.fit.verdict import (  # noqa: E402
    BIAS,
    EVIDENCE,
    UNLIKE,
    WEIGHTS,
    evidence,
    probability,
)
from mocapanything_addon.jobs.settings import Quality  # noqa: E402
from training.pack import pack_names  # noqa: E402

from .fitting.clips import HALVES  # noqa: E402
from .fitting.conditions import BY_NAME, Condition, given  # noqa: E402
from .fitting.filming import filmed  # noqa: E402
from .fitting.lookalikes import Pairing, paired_rig, pairings  # noqa: E402
from .report import Table  # noqa: E402

Array = NDArray[np.float64]
FRAMES = 40
UNKNOWN = BY_NAME["camera unknown"]
SEEN = {
    "true mask": UNKNOWN,
    "mask eroded": replace(UNKNOWN, mask="eroded"),
    "mask dilated": replace(UNKNOWN, mask="dilated"),
    "mask flickering": replace(UNKNOWN, mask="flickering"),
    "mask with shadow": replace(UNKNOWN, mask="shadowed"),
    "cut off": replace(UNKNOWN, cut_off=True),
    "30 degrees up": BY_NAME["camera unknown, 30 degrees up"],
}
"""With a true mask from a usual height all pairs are run; else each clip's own rig, and with the worst masks
also one wrong rig."""
WORST = ("mask flickering", "mask with shadow")
RIGHT = ("same", "resized")
BINS = (0.0, UNLIKE, 0.2, 0.5, 0.8, 0.95, 1.01)
"""Of probabilities, for the table of reliability."""
RIDGE = 0.5
"""Draws weights of evidence, each brought to unit spread, towards zero."""
REFUSED_RIGHT, REFUSED_ALIKE = 0.02, 0.1
"""Of the right rigs, and of those of like creatures, that the threshold may lose."""


@dataclass(frozen=True)
class Row:
    """One clip captured onto one rig."""

    clip: str
    kind: str
    rig: str
    rig_kind: str
    relation: str
    seen: str
    evidence: tuple[float, ...]


def main(arguments: list[str] | None = None) -> None:
    """Run or read all pairs, print the tables, write them as Markdown and CSV."""
    chosen = parse(arguments)
    kept = chosen.out / f"evidence_{chosen.half}.csv"
    if chosen.reuse:
        rows = read(kept)
    else:
        if not pack_names(chosen.packs):
            raise SystemExit(f"no rig packs in {chosen.packs}: make them with python -m training packs")
        rows = measure(chosen)
        write(rows, kept)
    tables = []
    if chosen.fit:
        said = fit_weights(rows)
        held_out = leave_kinds_out(rows)
        threshold = threshold_for(rows, held_out)
        tables += [weights_table(*said, threshold), refused_table(rows, held_out, threshold, "kind left out")]
        tables += [ranking_table(rows, held_out), reliability_table(rows, held_out)]
    else:
        found = np.array([probability(np.array(row.evidence)) for row in rows])
        tables += [refused_table(rows, found, UNLIKE, "weights as they are"), missed_table(rows, found)]
        tables += [ranking_table(rows, found), reliability_table(rows, found)]
    for table in tables:
        print(table.markdown(), flush=True)
        table.write(chosen.out)


def measure(chosen: argparse.Namespace) -> list[Row]:
    """The evidence of every pair, however it is seen."""
    tasks = [
        (name, pairing)
        for name in chosen.seen
        for pairing in _of_condition(name, pairings(chosen.half, chosen.packs))
    ]
    rows = []
    for number, (name, pairing) in enumerate(tasks, 1):
        row = evidence_of(pairing, name, chosen.packs, chosen.cache)
        rows.append(row)
        shown = f"{row.clip} as {row.rig}, {row.relation}, {name}: {probability(np.array(row.evidence)):.2f}"
        print(f"{number}/{len(tasks)} {shown}", file=sys.stderr, flush=True)
    return rows


def _of_condition(name: str, pairs: list[Pairing]) -> list[Pairing]:
    """All pairs for the true mask, else each clip's own rig, and for the worst masks the first wrong one."""
    if name == "true mask":
        return pairs
    first: dict[tuple[str, str], Pairing] = {}
    for pairing in pairs:
        if pairing.relation == "same" or (pairing.relation == "other" and name in WORST):
            first.setdefault((pairing.clip.name, pairing.relation), pairing)
    return list(first.values())


def evidence_of(pairing: Pairing, name: str, packs: Path, cache: Path) -> Row:
    """Film, or read, a clip and search its start with the rig of a pairing."""
    condition: Condition = SEEN[name]
    case = filmed(pairing.clip, condition.view(0), packs, FRAMES, cache)
    rig = paired_rig(pairing, case.rig, packs)
    owner = pairing.rig or pairing.clip
    # Every second rig comes without Actions of its own.
    said = f"{pairing.clip.name} {pairing.relation} {owner.name}"
    own_poses = zlib.crc32(said.encode()) % 2 == 0
    _, seen = given(replace(case, rig=rig), replace(condition, own_poses=own_poses))
    problem = prepare(seen.rig, seen.clip, fov_degrees=seen.fov_degrees, camera=seen.camera)
    ranked = search_start(problem, Quality.STANDARD, _quietly)
    values = evidence(problem, ranked)
    return Row(
        pairing.clip.name,
        pairing.clip.kind,
        owner.name,
        owner.kind,
        pairing.relation,
        name,
        tuple(float(value) for value in values),
    )


def fit_weights(rows: list[Row]) -> tuple[Array, float]:
    """Weights (E,) and bias of a logistic regression, right and wrong rigs counting alike.

    Like creatures count as right.
    """
    x = np.array([row.evidence for row in rows])
    is_right = np.array([row.relation != "other" for row in rows])
    middle, spread = x.mean(axis=0), x.std(axis=0) + 1e-9
    z = (x - middle) / spread
    sign = np.where(is_right, 1.0, -1.0)
    share = np.where(is_right, 0.5 / is_right.sum(), 0.5 / (~is_right).sum()) * len(rows)

    def loss(p: Array) -> float:
        margin = sign * (z @ p[:-1] + p[-1])
        return float((share * np.logaddexp(0.0, -margin)).sum() + 0.5 * RIDGE * (p[:-1] ** 2).sum())

    found = minimize(loss, np.zeros(x.shape[1] + 1), method="BFGS").x
    weights = found[:-1] / spread
    return weights, float(found[-1] - weights @ middle)


def leave_kinds_out(rows: list[Row]) -> Array:
    """The probability of every row from the rows of all other kinds of filmed creatures."""
    kinds = np.array([row.kind for row in rows])
    found = np.empty(len(rows))
    for kind in np.unique(kinds):
        weights, bias = fit_weights([row for row in rows if row.kind != kind])
        for k in np.nonzero(kinds == kind)[0]:
            found[k] = 1.0 / (1.0 + np.exp(-(np.array(rows[k].evidence) @ weights + bias)))
    return found


def threshold_for(rows: list[Row], found: Array) -> float:
    """The highest that refuses no more of the right rigs, and of like creatures, than may be."""
    right = np.sort(found[[row.relation in RIGHT for row in rows]])
    alike = np.sort(found[[row.relation == "alike" for row in rows]])
    return float(min(right[int(REFUSED_RIGHT * len(right))], alike[int(REFUSED_ALIKE * len(alike))]))


def weights_table(weights: Array, bias: float, threshold: float) -> Table:
    """What to write into fit/verdict.py."""
    table = Table("verdict_weights", "Weights of the verdict", ["evidence", "new", "as it is"])
    for name, new, old in zip(EVIDENCE, weights, WEIGHTS, strict=True):
        table.add(name, float(new), float(old))
    table.add("bias", bias, BIAS)
    table.add("threshold, highest", threshold, UNLIKE)
    return table


def refused_table(rows: list[Row], found: Array, threshold: float, how: str) -> Table:
    """How many are refused, by what the rig has to do with the film."""
    columns = ["rig", "seen", "pairs", "refused", "share %", "median probability", "lowest", "highest"]
    table = Table("verdict_refused", f"Refused below {threshold:.2f}, {how}", columns)
    for relation in ("same", "resized", "alike", "other"):
        for name in SEEN:
            of = found[[row.relation == relation and row.seen == name for row in rows]]
            if len(of):
                refused = int((of < threshold).sum())
                figures = (float(np.median(of)), float(of.min()), float(of.max()))
                table.add(relation, name, len(of), refused, 100.0 * refused / len(of), *figures)
    return table


def ranking_table(rows: list[Row], found: Array) -> Table:
    """How often a right or like rig is found likelier than a wrong one: the area under the ROC curve."""
    columns = ["probability", "seen", "same or resized", "alike", "all that are right"]
    table = Table("verdict_ranking", "Likelier than a wrong rig, share of all pairs", columns)
    table_of = {"together": found} | {
        f"{name} alone": -np.array([row.evidence[k] for row in rows]) for k, name in enumerate(EVIDENCE)
    }
    for seen in ("true mask", *(["any mask"] if len({row.seen for row in rows}) > 1 else [])):
        chosen = np.array([seen in ("any mask", row.seen) for row in rows])
        is_wrong = chosen & [row.relation == "other" for row in rows]
        is_same = chosen & [row.relation in RIGHT for row in rows]
        is_alike = chosen & [row.relation == "alike" for row in rows]
        for name, values in table_of.items():
            shares = [
                share_above(values[k], values[is_wrong]) for k in (is_same, is_alike, is_same | is_alike)
            ]
            table.add(name, seen, *shares)
    return table


def share_above(first: Array, second: Array) -> float:
    """Of all pairs of one of the first and one of the second, in which the first is greater; ties are half.

    NaN where there is none.
    """
    if not len(first) or not len(second):
        return float("nan")
    above = first[:, None] - second
    return float(np.mean((above > 0) + 0.5 * (above == 0)))


def reliability_table(rows: list[Row], found: Array) -> Table:
    """Of the pairs that were found about so likely, how many are right, both sides counting alike."""
    columns = ["probability", "pairs", "mean probability", "share right", "same or resized", "alike", "other"]
    note = "Share right: as if there were as many wrong pairs as right ones."
    table = Table("verdict_reliability", "Reliability", columns, note=note)
    relations = np.array([row.relation for row in rows])
    is_wrong = relations == "other"
    weight = np.where(is_wrong, 0.5 / max(is_wrong.sum(), 1), 0.5 / max((~is_wrong).sum(), 1))
    for low, high in itertools.pairwise(BINS):
        of = (found >= low) & (found < high)
        if of.any():
            share = weight[of] / weight[of].sum()
            counts = [int(np.isin(relations[of], names).sum()) for names in (RIGHT, ("alike",), ("other",))]
            right = float(share[~is_wrong[of]].sum())
            table.add(
                f"{low:.2f} to {min(high, 1.0):.2f}", int(of.sum()), float(share @ found[of]), right, *counts
            )
    return table


def missed_table(rows: list[Row], found: Array) -> Table:
    """Every pair that is told wrong."""
    table = Table("verdict_missed", "Told wrong", ["clip", "rig", "relation", "seen", "probability"])
    for row, value in zip(rows, found, strict=True):
        if (value < UNLIKE) != (row.relation == "other"):
            table.add(row.clip, row.rig, row.relation, row.seen, float(value))
    return table


def write(rows: list[Row], path: Path) -> None:
    """The evidence of all pairs as CSV."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        names = [field.name for field in fields(Row) if field.name != "evidence"]
        writer.writerow([*names, *EVIDENCE])
        for row in rows:
            values = asdict(row)
            writer.writerow([*(values[name] for name in names), *row.evidence])


def read(path: Path) -> list[Row]:
    """What :func:`write` wrote.

    Raises:
        ValueError: It holds other evidence than is asked for now.
    """
    with path.open(newline="", encoding="utf-8") as file:
        header, *lines = csv.reader(file)
    texts = len(header) - len(EVIDENCE)
    if tuple(header[texts:]) != EVIDENCE:
        raise ValueError(f"{path} holds other evidence: measure again without --reuse")
    rows = []
    for clip, kind, rig, rig_kind, relation, seen, *values in lines:
        rows.append(Row(clip, kind, rig, rig_kind, relation, seen, tuple(float(v) for v in values)))
    return rows


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.verdict",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--half", default="report", choices=HALVES, help="of clips.json")
    parser.add_argument("--seen", default=",".join(SEEN), help=f"some of: {', '.join(SEEN)}")
    parser.add_argument("--fit", action="store_true", help="find the weights anew, kind by kind left out")
    parser.add_argument("--reuse", action="store_true", help="the evidence that an earlier run left")
    parser.add_argument("--packs", type=Path, default=Path("data/packs"), help="folder of rig packs")
    parser.add_argument(
        "--cache", type=Path, default=Path("out/benchmarks/films"), help="folder of the films"
    )
    parser.add_argument(
        "--out", type=Path, default=Path("out/benchmarks/verdict"), help="folder of the tables"
    )
    chosen = parser.parse_args(arguments)
    chosen.seen = [name.strip() for name in chosen.seen.split(",")]
    unknown = set(chosen.seen) - set(SEEN)
    if unknown:
        parser.error(f"nothing is seen as {', '.join(sorted(unknown))}; there are: {', '.join(SEEN)}")
    return chosen


def _quietly(stage: str, done: int, total: int) -> None:
    pass


if __name__ == "__main__":
    main()
