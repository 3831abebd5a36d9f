# SPDX-License-Identifier: GPL-3.0-or-later
"""The options that all training commands share, on the command line or in a TOML file."""

from __future__ import annotations

import argparse
import json
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .checkpoint import CHECKPOINT, steps_done
from .device import DEVICES

CONFIG = "config.toml"


def training_options(command: str, description: str | None, *, rate: float, steps: int, batch: int) -> Any:
    """A parser with the options of every training command.

    Args:
        command: Its name, also that of its run's folder.
        description: For ``--help``.
        rate, steps, batch: Defaults.
    """
    parser = argparse.ArgumentParser(
        prog=f"python -m training {command}", description=description, exit_on_error=False
    )
    parser.add_argument("--config", type=Path, help="TOML file with any of these options; those here win")
    parser.add_argument("--packs", type=Path, default=Path("data/packs"))
    parser.add_argument("--run", type=Path, default=Path("runs") / command)
    parser.add_argument("--steps", type=int, default=steps, help="budget: the cosine ends here")
    parser.add_argument(
        "--minutes",
        type=float,
        help="end after so long with the rate run down, or after --steps",
    )
    parser.add_argument("--rate", type=float, default=rate)
    parser.add_argument("--batch", type=int, default=batch, help="samples a step and process")
    parser.add_argument("--begin-with", type=Path, metavar="FILE", help="exported weights for a new run")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", choices=DEVICES, default="auto")
    parser.add_argument(
        "--workers",
        type=int,
        default=0,
        help="processes that make samples ahead: one a core for a GPU",
    )
    parser.add_argument(
        "--evaluate-every",
        type=float,
        default=600.0,
        metavar="SECONDS",
        help="a row of the curve",
    )
    parser.add_argument("--save-every", type=float, default=180.0, metavar="SECONDS")
    parser.add_argument(
        "--light",
        action=argparse.BooleanOptionalAction,
        default=False,
        help="checkpoints of less than 16 MB, in shorter numbers",
    )
    return parser


def read_options(parser: argparse.ArgumentParser, arguments: Sequence[str] | None) -> argparse.Namespace:
    """Options of the command line, those it does not name of ``--config``; a wrong one ends the program."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        file = parser.parse_known_args(given)[0].config
        if file is not None:
            options_of_file = _as_arguments(parser, file)
            try:
                parser.parse_args(options_of_file)
            except argparse.ArgumentError as error:
                parser.error(f"{file}: {error}")
            given = [*options_of_file, *given]
        return parser.parse_args(given)
    except argparse.ArgumentError as error:
        parser.error(str(error))


def keep_config(options: argparse.Namespace) -> None:
    """Write the options into the run's folder.

    ``config.toml`` holds those that the run began with; where it goes on with others than another time, these
    stand in ``config-from-STEP.toml``.
    """
    text = as_toml(vars(options))
    options.run.mkdir(parents=True, exist_ok=True)
    earlier = sorted(options.run.glob("config*.toml"), key=lambda path: path.stat().st_mtime_ns)
    if earlier and _but_time(earlier[-1].read_text(encoding="utf-8")) == _but_time(text):
        return
    begun = (options.run / CHECKPOINT).exists()
    name = f"config-from-{steps_done(options.run)}.toml" if begun else CONFIG
    (options.run / name).write_text(text, encoding="utf-8")


def as_toml(values: dict[str, Any]) -> str:
    """Options as a TOML file that ``--config`` reads; those without a value and the file itself left out."""
    lines = [
        f"{name.replace('_', '-')} = {_toml(value)}"
        for name, value in values.items()
        if value is not None and name != "config"
    ]
    return "\n".join(lines) + "\n"


def _but_time(text: str) -> list[str]:
    return [line for line in text.splitlines() if not line.startswith("minutes")]


def _as_arguments(parser: argparse.ArgumentParser, file: Path) -> list[str]:
    try:
        values = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        parser.error(f"--config: {file} cannot be read: {error.strerror}.")
    except tomllib.TOMLDecodeError as error:
        parser.error(f"--config: {file} is not TOML: {error}.")
    known = {a.dest: a for a in parser._actions if a.dest not in ("help", "config")}
    arguments: list[str] = []
    for name, value in values.items():
        action = known.get(name.replace("-", "_"))
        if action is None:
            parser.error(f"{file}: {name} is no option of this command; there are {', '.join(known)}.")
        flag = action.option_strings[0]
        switch = isinstance(action, argparse.BooleanOptionalAction)
        if isinstance(value, bool) != switch:
            parser.error(f"{file}: {name} {'is' if switch else 'takes a value, and is not'} true or false.")
        if switch:
            arguments.append(action.option_strings[0 if value else 1])
        elif isinstance(value, list):
            arguments += [flag, *(str(v) for v in value)]
        else:
            arguments.append(f"{flag}={value}")
    return arguments


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_toml(v) for v in value) + "]"
    return json.dumps(str(value), ensure_ascii=False)
