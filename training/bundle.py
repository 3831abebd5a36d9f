# SPDX-License-Identifier: GPL-3.0-or-later
"""All that a machine with a GPU needs to train for a while, in one file: code, rigs, weights to begin with.

There, with Python, PyTorch and a few libraries (``requirements.txt`` in the bundle)::

    tar xzf FILE && cd mocapanything-training && python -m training timed --minutes 30 --output runs
"""

from __future__ import annotations

import argparse
import json
import shutil
import tarfile
import tempfile
from pathlib import Path

import cv2
import numpy as np

from mocapanything_addon.jobs.errors import BadInputError
from mocapanything_addon.models.registry import DEFAULT_FOLDER, MANIFEST

from .appearance import frames_below
from .data import usable
from .pack import Pack, pack_names
from .split import side_of
from .timed import BACKGROUNDS, NETWORKS

FOLDER = "mocapanything-training"
PROJECT = Path(__file__).resolve().parents[1]
PACKAGES = ("mocapanything_addon", "training", "samples")
CODE = (".py", ".json", ".toml", ".md", ".npz")
MOST = 60.0
"""Megabytes of a bundle."""
REQUIREMENTS = """\
# What training needs beside Python 3.11 or later.
numpy>=1.26
scipy>=1.13
opencv-python-headless>=4.10
safetensors>=0.5
torch>=2.6
# Not needed:
# moderngl>=5.11     draws two to six times faster where there is OpenGL (EGL)
# tensorboard>=2.18  event files beside curve.csv
# matplotlib>=3.9    python -m training curves
"""
HOW = """\
# Train the networks of MoCapAnything

    pip install -r requirements.txt   # where something is missing
    python -m training timed --networks {networks} --minutes 30 --output runs

trains one after the other, on the GPU where there is one. The same command goes on from what is in `runs`.
Bring `runs` back, and in a checkout of the project

    python -m training export --runs runs --only {networks}

`training/README.md` tells the rest.
"""


def build_bundle(
    output: Path,
    *,
    packs: Path,
    networks: tuple[str, ...] = ("decoder", "critic"),
    backgrounds: Path | None = None,
    backgrounds_mb: float = 12.0,
    most_mb: float = MOST,
) -> dict[str, float]:
    """Write a bundle.

    Args:
        output: The file, a ``.tar.gz``.
        packs: Folder of rig packs; those that train or validate go in, in half precision.
        networks: What will be trained: their weights go in to begin with.
        backgrounds: Folder of pictures and videos to put behind subjects; a share of them goes in.
        backgrounds_mb: How much of the bundle they may be, megabytes.
        most_mb: How large the bundle may be, megabytes.

    Returns:
        Part -> megabytes, and ``bundle``, all of it.

    Raises:
        BadInputError: ``packs_missing``, ``bundle_too_large``.
    """
    with tempfile.TemporaryDirectory(prefix="mocapanything_bundle_") as temporary:
        root = Path(temporary) / FOLDER
        root.mkdir()
        _copy_code(root)
        _copy_weights(root, networks)
        _copy_packs(packs, root / "data" / "packs")
        if backgrounds is not None:
            _copy_backgrounds(backgrounds, root / BACKGROUNDS, 1e6 * backgrounds_mb)
        (root / "README.md").write_text(HOW.format(networks=" ".join(networks)), encoding="utf-8")
        (root / "requirements.txt").write_text(REQUIREMENTS, encoding="utf-8")
        shutil.copy(PROJECT / "LICENSE", root)
        output.parent.mkdir(parents=True, exist_ok=True)
        partial = output.with_name(output.name + ".part")
        with tarfile.open(partial, "w:gz") as archive:
            archive.add(root, FOLDER)
        sizes = {
            "packs": _megabytes(root / "data" / "packs"),
            "backgrounds": _megabytes(root / BACKGROUNDS),
            "weights": _megabytes(root / DEFAULT_FOLDER.relative_to(PROJECT)),
            "bundle": partial.stat().st_size / 1e6,
        }
    if sizes["bundle"] > most_mb:
        partial.unlink()
        parts = ", ".join(f"{name} {size:.1f} MB" for name, size in sizes.items())
        raise BadInputError(
            f"The bundle is larger than {most_mb:g} MB: {parts}.",
            "Name a folder with fewer packs, fewer --backgrounds-mb, or a larger --most-mb.",
            code="bundle_too_large",
        )
    partial.replace(output)
    return sizes


def _copy_code(root: Path) -> None:
    for package in PACKAGES:
        for path in sorted((PROJECT / package).rglob("*")):
            inside = path.relative_to(PROJECT)
            if path.suffix in CODE and "__pycache__" not in inside.parts and "content" not in inside.parts:
                (root / inside).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, root / inside)


def _copy_weights(root: Path, networks: tuple[str, ...]) -> None:
    listed = json.loads((DEFAULT_FOLDER / MANIFEST).read_text(encoding="utf-8"))["networks"]
    for name in networks:
        shutil.copy(DEFAULT_FOLDER / listed[name]["file"], root / DEFAULT_FOLDER.relative_to(PROJECT))


def _copy_packs(packs: Path, folder: Path) -> None:
    folder.mkdir(parents=True)
    for name in pack_names(packs):
        pack = Pack.load(packs, name)
        if usable(pack) and side_of(pack.family) in ("train", "validation"):
            pack.save(folder, half=True)
    if not pack_names(folder):
        raise BadInputError(
            f"No rig packs that train or validate are in {packs}.",
            "Make some with 'python -m training packs' and 'python -m training creatures'.",
            code="packs_missing",
        )


def _copy_backgrounds(pictures: Path, folder: Path, most: float) -> None:
    """As many as fit, evenly out of all of them, at the size that training reads them at."""
    folder.mkdir(parents=True)
    coded = []
    for picture in frames_below(pictures):
        pixels = np.round(255.0 * picture[..., ::-1]).astype(np.uint8)
        coded.append(cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes())
    share = min(1.0, most / max(sum(map(len, coded)), 1))
    kept = np.unique(np.linspace(0, len(coded) - 1, int(share * len(coded))).astype(int)) if coded else []
    for number in kept:
        (folder / f"{number:05d}.jpg").write_bytes(coded[number])


def _megabytes(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6


def main(arguments: list[str] | None = None) -> None:
    """Command line; see README.md."""
    parser = argparse.ArgumentParser(
        prog="python -m training bundle", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--out", type=Path, default=Path("out/training.tar.gz"), metavar="FILE.tar.gz")
    parser.add_argument("--packs", type=Path, default=Path("data/packs"))
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=["decoder", "critic"])
    parser.add_argument(
        "--backgrounds", type=Path, help="folder of pictures and videos; a share of it goes in"
    )
    parser.add_argument("--backgrounds-mb", type=float, default=12.0, help="how large that share is at most")
    parser.add_argument("--most-mb", type=float, default=MOST, help="how large the bundle may be")
    options = parser.parse_args(arguments)
    sizes = build_bundle(
        options.out,
        packs=options.packs,
        networks=tuple(options.networks),
        backgrounds=options.backgrounds,
        backgrounds_mb=options.backgrounds_mb,
        most_mb=options.most_mb,
    )
    print(f"{options.out}: " + ", ".join(f"{name} {size:.1f} MB" for name, size in sizes.items()))


if __name__ == "__main__":
    main()
