# SPDX-License-Identifier: GPL-3.0-or-later
"""Curves: rows with new columns, event files, pictures."""

from __future__ import annotations

import builtins
import csv

import cv2
import pytest
import torch

from mocapanything_addon.jobs.errors import BadInputError
from training import curves, events
from training.loop import CURVE, Schedule, Trainer, add_row


@pytest.fixture
def trainer(tmp_path) -> Trainer:
    return Trainer(torch.nn.Linear(2, 2), tmp_path / "run", Schedule(1e-3, 10), batch=5)


def train(trainer: Trainer, steps: int) -> None:
    def train_step():
        return trainer.network(torch.ones(1, 2)).square().sum(), {"search": torch.tensor(2.0)}

    trainer.run(train_step, lambda: {"error": 3.0 / trainer.step, "error_before": 4.0}, steps=steps)


def test_a_row_with_new_columns_keeps_the_old_rows(tmp_path):
    path = tmp_path / CURVE
    add_row(path, {"step": 1, "loss": 0.5})
    add_row(path, {"step": 2, "loss": 0.4, "samples": 8})
    add_row(path, {"step": 3, "samples": 12})
    with path.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert rows == [
        {"step": "1", "loss": "0.5", "samples": ""},
        {"step": "2", "loss": "0.4", "samples": "8"},
        {"step": "3", "loss": "", "samples": "12"},
    ]


def test_a_curve_counts_samples_and_has_the_running_means(trainer):
    train(trainer, 3)
    curve = curves.read_curve(trainer.folder)
    assert curve["samples"] == [15.0]
    assert curve["search"] == [2.0]
    assert curve["error_before"] == [4.0]


def test_a_loss_that_is_no_number_stops_the_run_before_it_is_saved(trainer):
    trainer.network.weight.data[:] = torch.nan
    with pytest.raises(FloatingPointError, match="--rate"):
        train(trainer, 2)
    assert not (trainer.folder / "checkpoint.pt").exists()


def test_limited_time_ends_a_run_with_its_rate_run_down(tmp_path):
    trainer = Trainer(torch.nn.Linear(2, 2), tmp_path, Schedule(1.0, 10**9, warm_up=1), minutes=0.5 / 60.0)
    train_steps = []

    def train_step():
        train_steps.append(trainer.optimizer.param_groups[0]["lr"])
        return trainer.network(torch.ones(1, 2)).square().sum(), {}

    trainer.run(train_step, lambda: {"error": 1.0}, steps=10**9)
    assert trainer.step == len(train_steps) > 10
    assert trainer.optimizer.param_groups[0]["lr"] < 0.05
    assert max(train_steps) > 0.95
    assert curves.read_curve(tmp_path)["step"] == [0.0, float(trainer.step)]


def test_event_files_hold_the_same_figures(trainer):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    train(trainer, 4)
    found = accumulator.EventAccumulator(str(trainer.folder / events.EVENTS))
    found.Reload()
    assert [(e.step, e.value) for e in found.Scalars("error")] == [(4, 0.75)]
    assert "loss" in found.Tags()["scalars"]


def test_without_tensorboard_it_is_said_once_and_left_out(trainer, monkeypatch, capsys):
    real = builtins.__import__

    def lacking(name, *rest):
        if "tensorboard" in name:
            raise ImportError(name)
        return real(name, *rest)

    events._writers.cache_clear()
    monkeypatch.setattr(builtins, "__import__", lacking)
    train(trainer, 1)
    trainer.record({"error": 1.0})
    events._writers.cache_clear()
    assert capsys.readouterr().out.count("TensorBoard") == 1
    assert not (trainer.folder / events.EVENTS).exists()
    assert (trainer.folder / CURVE).exists()


def test_the_picture_has_a_panel_for_what_there_is_and_dashed_floors(tmp_path):
    for name, rows in {
        "first": [
            {"step": 0, "error": 9.0, "error_before": 8.0},
            {"step": 40, "error": 5.0, "error_before": 8.0},
        ],
        "second": [{"step": 10, "loss": 3.0, "twin_right": 0.6}],
    }.items():
        (tmp_path / name).mkdir()
        for row in rows:
            add_row(tmp_path / name / CURVE, row)
    drawn = []
    original = curves._draw
    try:
        curves._draw = lambda cell, panel, *rest: (original(cell, panel, *rest), drawn.append((panel, cell)))
        curves.main(
            [str(tmp_path / "first"), str(tmp_path / "second"), "--out", str(tmp_path / "a" / "b.png")]
        )
    finally:
        curves._draw = original
    assert {panel.title for panel, _ in drawn} == {
        "joints, % of the body",
        "pairs judged rightly",
        "loss, running mean",
    }
    for panel, cell in drawn:
        assert cell.get_xscale() == "log"
        dashed = [line for line in cell.lines if line.get_linestyle() == "--"]
        assert len(dashed) == (panel.title != "loss, running mean")
    image = cv2.imread(str(tmp_path / "a" / "b.png"))
    assert image is not None
    assert image.std() > 5.0


def test_a_folder_without_a_curve_is_named(tmp_path):
    with pytest.raises(BadInputError, match=str(tmp_path)) as caught:
        curves.plot_curves([tmp_path], tmp_path / "a.png")
    assert caught.value.code == "curve_missing"
