# SPDX-License-Identifier: GPL-3.0-or-later
"""Options come from a TOML file, and the command line wins."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest
import torch

from training.loop import Schedule, Trainer
from training.options import as_toml, keep_config, read_options, training_options


def parser() -> argparse.ArgumentParser:
    made = training_options("decoder", "For a test.", rate=1e-3, steps=100, batch=16)
    made.add_argument("--shares", nargs="+", type=float)
    return made


def config(folder: Path, text: str) -> list[str]:
    path = folder / "some.toml"
    path.write_text(text, encoding="utf-8")
    return ["--config", str(path)]


def test_the_command_line_wins_over_the_file_and_the_file_over_the_defaults(tmp_path):
    file = config(
        tmp_path, 'steps = 5\nbatch = 3\nbegin-with = "a b.safetensors"\nlight = true\nshares = [1.0, 2]'
    )
    options = read_options(parser(), [*file, "--steps", "7", "--no-light"])
    assert (options.steps, options.batch, options.rate, options.light) == (7, 3, 1e-3, False)
    assert options.begin_with == Path("a b.safetensors")
    assert options.shares == [1.0, 2.0]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("stepps = 3", "stepps is no option of this command; there are packs, run, steps"),
        ('steps = "many"', "invalid int value: 'many'"),
        ('device = "gpu"', "invalid choice: 'gpu'"),
        ("light = 3", "light is true or false"),
        ("steps = true", "steps takes a value"),
        ("steps = = 3", "is not TOML"),
    ],
)
def test_what_is_wrong_in_a_file_is_said_with_its_name(text, said, tmp_path, capsys):
    with pytest.raises(SystemExit):
        read_options(parser(), config(tmp_path, text))
    error = capsys.readouterr().err
    assert said in error
    assert "some.toml" in error


def test_a_wrong_option_of_the_command_line_ends_in_words(capsys):
    with pytest.raises(SystemExit):
        read_options(parser(), ["--steps", "many"])
    assert "invalid int value" in capsys.readouterr().err


def test_a_run_keeps_the_config_it_began_with_and_later_ones_beside_it(tmp_path):
    arguments = ["--run", str(tmp_path / 'a "run"'), "--steps", "40"]
    options = read_options(parser(), arguments)
    keep_config(options)
    kept = options.run / "config.toml"
    again = read_options(parser(), ["--config", str(kept)])
    assert {**vars(again), "config": None} == vars(options)
    trainer = Trainer(network := torch.nn.Linear(2, 2), options.run, Schedule(1e-3, 40))
    trainer.update(network(torch.ones(1, 2)).sum(), {})
    trainer.save()
    keep_config(options)  # nothing has changed
    keep_config(read_options(parser(), [*arguments, "--minutes", "9"]))  # nor here
    keep_config(read_options(parser(), [*arguments, "--steps", "50"]))
    assert sorted(p.name for p in options.run.glob("*.toml")) == ["config-from-1.toml", "config.toml"]
    assert "steps = 40" in kept.read_text()


def test_toml_leaves_out_what_has_no_value():
    assert as_toml({"begin_with": None, "config": "x", "steps": 3}) == "steps = 3\n"
