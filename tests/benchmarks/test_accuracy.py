# SPDX-License-Identifier: GPL-3.0-or-later
from dataclasses import replace

import pytest

from benchmarks.accuracy import BASELINE, ROWS, parse, unseen_clips
from benchmarks.fitting.accuracy_tables import clip_table, goal_table, main_table, reliability_plot
from benchmarks.fitting.clips import UNSEEN, load_clips
from benchmarks.fitting.conditions import BY_NAME
from benchmarks.fitting.figures import Errors
from benchmarks.fitting.measured import Measured
from training.pack import Pack

REST = Errors(10.0, 10.0, 8.0, 20.0, 0.0, 0.0, 0.0, 5.0, 3.0, 0.5)
CONSTANT = replace(REST, rotation=10.0)
CAPTURED = Errors(4.0, 4.0, 2.0, 12.0, 0.9, 3.0, 5.0, 1.5, 1.0, 0.95)
BINS = (*((0, 0.0, 0),) * 8, (10, 8.5, 9), (0, 0.0, 0))


def one(row: str, clip: str = "walk", errors: Errors = CAPTURED) -> Measured:
    return Measured(row, clip, 40, errors, REST, CONSTANT, 0.8, BINS)


def test_what_was_measured_is_read_again(tmp_path):
    measured = one("standard")
    measured.save(tmp_path / "new" / "walk.json")
    assert Measured.load(tmp_path / "new" / "walk.json") == measured
    assert "MPJPE 4.00 (rest 10.00)" in measured.summary()


def test_rows_stand_beside_floors_and_goals():
    found = [one("V2-style", errors=replace(CAPTURED, mpjpe=8.0, pa_mpjpe=5.0)), one("standard")]
    main = {row[0]: row[1:] for row in main_table(found).rows}
    assert main["rest pose"][1] == "10 / 10" and main["best constant pose"][4] == "10 / 10"
    assert main["standard"][1] == "4 / 4" and main["standard"][-1] == pytest.approx(0.8)
    goals = {row[0]: row[1:] for row in goal_table(found).rows}
    assert goals["standard"] == ["40 (45)", "25 (45)", "120 (100)", "0.90 (0.85)", "50", "40"]
    assert [row[1] for row in clip_table(found).rows] == ["V2-style", "standard"]


def test_the_baseline_is_compared_on_the_clips_that_it_has_and_with_the_same_masks():
    halved = replace(CAPTURED, mpjpe=16.0)
    found = [
        one("V2-style", "walk", replace(CAPTURED, mpjpe=8.0)),
        one("V2-style, own masks", "walk", halved),
        one("standard", "walk"),
        one("standard", "run", replace(CAPTURED, mpjpe=400.0)),
        one("standard, own masks", "walk"),
    ]
    goals = {row[0]: row[1:] for row in goal_table(found).rows}
    assert goals["standard"][-2] == "50"
    assert goals["standard, own masks"][-2] == "25"


def test_a_figure_that_a_clip_has_not_is_left_out():
    found = [one("standard"), one("standard", "snake", replace(CAPTURED, limbs_2d=float("nan")))]
    assert {row[0]: row for row in main_table(found).rows}["standard"][4] == "1.5 / 1.5"


def test_the_reliability_plot_needs_confidence(tmp_path):
    reliability_plot([replace(one("V2-style"), reliability=())], tmp_path / "none.png")
    assert not (tmp_path / "none.png").exists()
    reliability_plot([one("standard")], tmp_path / "plot.png")
    assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")


def test_rows_are_chosen_by_name(tmp_path):
    assert parse([]).rows == list(ROWS)
    assert parse(["--v2", "runs/v2"]).rows == [*BASELINE, *ROWS]
    assert [row.name for row in parse(["--rows", "standard; fit alone, own masks"]).rows] == [
        "standard",
        "fit alone, own masks",
    ]
    for wrong in (["--rows", "nonsense"], ["--rows", "V2-style"]):
        with pytest.raises(SystemExit):
            parse(wrong)
    assert all(row.condition in BY_NAME and not BY_NAME[row.condition].own_poses for row in ROWS)


def test_clips_are_of_families_that_nothing_trained_on(monkeypatch):
    monkeypatch.setattr(Pack, "load", lambda folder, name: type("P", (), {"family": name}))
    monkeypatch.setattr("benchmarks.accuracy.side_of", lambda name: "test" if "Alien" in name else "train")
    assert [spec.name for spec in unseen_clips(None)] == ["alien walk", "alien slash"]
    assert not {s.name for s in load_clips(UNSEEN)} & {s.name for s in load_clips("all")}
