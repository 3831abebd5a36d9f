# SPDX-License-Identifier: GPL-3.0-or-later
"""Averaged weights of the runs -> the package: safetensors, the manifest and the card."""

from __future__ import annotations

import argparse
import hashlib
import inspect
import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save as save_tensors

from mocapanything_addon.models.manifest import DEFAULT_FOLDER, MANIFEST, SCHEMA_VERSION
from mocapanything_addon.models.registry import ARCHITECTURES

from .card import CARD, write_card
from .checkpoint import CHECKPOINT, compact

NETWORKS = ("correspondence", "decoder", "critic", "mask")


def main(arguments: list[str] | None = None) -> None:
    """Command line; see README.md."""
    parser = argparse.ArgumentParser(prog="python -m training export", description=__doc__)
    parser.add_argument(
        "--runs", type=Path, default=Path("runs"), help="folder with the runs of the networks"
    )
    parser.add_argument(
        "--only",
        nargs="+",
        choices=NETWORKS,
        help="some networks; the others and the card stay as they are, and a new folder has those alone",
    )
    parser.add_argument("--packs", type=Path, default=Path("data/packs"))
    parser.add_argument("--output", type=Path, default=DEFAULT_FOLDER)
    parser.add_argument(
        "--no-figures", action="store_true", help="do not evaluate, keep no figures in the card"
    )
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    manifest: dict[str, Any] = {"schema_version": SCHEMA_VERSION, "networks": {}}
    options.output.mkdir(parents=True, exist_ok=True)
    if options.only is not None and (options.output / MANIFEST).is_file():
        manifest = json.loads((options.output / MANIFEST).read_text())
    steps = {}
    for name in NETWORKS if options.only is None else options.only:
        state = torch.load(options.runs / name / CHECKPOINT, map_location="cpu", weights_only=True)
        content = save_tensors(compact(state["average"]))
        file = options.output / f"{name}.safetensors"
        partial = file.with_suffix(".part")
        partial.write_bytes(content)
        partial.replace(file)
        steps[name] = int(state["step"])
        manifest["networks"][name] = {
            "file": file.name,
            "sha256": hashlib.sha256(content).hexdigest(),
            "config": default_config(ARCHITECTURES[name]),
            "steps": steps[name],
            **state.get("notes", {}),
        }
        print(f"{file.name}: {len(content) / 1e6:.1f} MB after {steps[name]} steps")
    if options.only is None:
        manifest["card"] = CARD
    (options.output / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n")
    if options.only is None:
        write_card(options.output, steps, None if options.no_figures else options.packs)


def default_config(architecture: type) -> dict[str, Any]:
    """The size of a network as trained: the defaults of its class, written down lest they change. What is
    only taken by its name is no size, but a part."""
    sizes = inspect.signature(architecture).parameters.values()
    return {p.name: p.default for p in sizes if p.kind is not p.KEYWORD_ONLY}


if __name__ == "__main__":
    main()
