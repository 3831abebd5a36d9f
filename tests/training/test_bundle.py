# SPDX-License-Identifier: GPL-3.0-or-later
"""The bundle for a machine with a GPU: what is in it, how large it is, and that it trains by itself."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import cv2
import numpy as np
import pytest
from training_packs import write_tube_packs

from mocapanything_addon.jobs.errors import BadInputError
from mocapanything_addon.models.networks import Networks
from mocapanything_addon.models.registry import DEFAULT_FOLDER
from training import bundle, export, timed
from training.checkpoint import steps_done
from training.curves import read_curve
from training.pack import Pack

BLOCKED = ("moderngl", "tensorboard", "matplotlib", "av", "PIL", "fast_simplification", "onnxruntime", "bpy")
"""What the machine need not have."""


@pytest.fixture(scope="module")
def packs(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("packs")
    write_tube_packs(folder)
    return folder


@pytest.fixture(scope="module")
def unpacked(packs, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("there")
    rng = np.random.default_rng(0)
    (pictures := folder / "pictures").mkdir()
    for number in range(6):
        cv2.imwrite(str(pictures / f"{number}.png"), rng.integers(0, 255, (64, 96, 3), np.uint8))
    sizes = bundle.build_bundle(
        folder / "b.tar.gz", packs=packs, networks=("decoder",), backgrounds=pictures, backgrounds_mb=0.1
    )
    assert sizes["bundle"] == pytest.approx((folder / "b.tar.gz").stat().st_size / 1e6)
    with tarfile.open(folder / "b.tar.gz") as archive:
        archive.extractall(folder, filter="data")
    return folder / bundle.FOLDER


def test_what_is_in_it(unpacked):
    assert {path.name for path in (unpacked / "data" / "packs").iterdir()} == {
        "tubes-train.pack.npz",
        "tubes-validation.pack.npz",
    }
    assert [path.name for path in unpacked.rglob("*.safetensors")] == ["decoder.safetensors"]
    pictures = list((unpacked / "data" / "backgrounds").iterdir())
    assert 0 < len(pictures) < 6
    assert sum(path.stat().st_size for path in pictures) <= 1e5
    assert "torch" in (unpacked / "requirements.txt").read_text()
    assert not list(unpacked.rglob("__pycache__"))


def test_without_its_packs_it_is_small(unpacked):
    """All of data/packs are 27 MB, the weights of decoder and critic 5 MB: that leaves room within 60."""
    assert (unpacked.parent / "b.tar.gz").stat().st_size < 4e6


def test_packs_in_half_precision_are_the_same_to_a_thousandth(packs, unpacked):
    whole, half = (Pack.load(folder, "tubes-train") for folder in (packs, unpacked / "data" / "packs"))
    for name in ("vertices", "rest_positions", "skin_weights", "up"):
        a, b = getattr(whole, name), getattr(half, name)
        assert a.dtype == b.dtype
        np.testing.assert_allclose(a, b, atol=1e-6)
    assert half.clips[0].rotations.dtype == np.float32
    np.testing.assert_allclose(whole.clips[0].rotations, half.clips[0].rotations, atol=1e-3)
    np.testing.assert_array_equal(whole.clips[0].root_positions, half.clips[0].root_positions)


def test_too_large_a_bundle_is_refused_and_leaves_nothing(packs, tmp_path):
    with pytest.raises(BadInputError, match="larger than") as caught:
        bundle.build_bundle(tmp_path / "b.tar.gz", packs=packs, networks=("decoder",), most_mb=0.01)
    assert caught.value.code == "bundle_too_large"
    assert list(tmp_path.iterdir()) == []


def test_a_folder_without_packs_is_named(tmp_path):
    with pytest.raises(BadInputError, match=str(tmp_path)):
        bundle.build_bundle(tmp_path / "b.tar.gz", packs=tmp_path)


def blocking(folder: Path, unpacked: Path) -> dict[str, str]:
    """The environment of a Python without this checkout, and with no more than the requirements name."""
    folder.mkdir()
    for name in BLOCKED:
        (folder / f"{name}.py").write_text("raise ImportError('not on this machine')\n")
    return {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join([str(unpacked), str(folder)])}


def test_all_networks_find_what_they_import(unpacked, tmp_path):
    """And draw without OpenGL."""
    code = "; ".join(f"import training.train_{network}" for network in timed.NETWORKS)
    code += "; from mocapanything_addon.fit.renderer import make_rasterizer; print(make_rasterizer().name)"
    answer = subprocess.run(
        [sys.executable, "-c", code],
        cwd=unpacked,
        env=blocking(tmp_path / "block", unpacked),
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.strip() == "plain"


def test_it_trains_by_itself_and_goes_on_and_comes_back(unpacked, tmp_path):
    runs, steps, environment = tmp_path / "runs", [], blocking(tmp_path / "block", unpacked)
    for seconds in (timed.AROUND + 2.0, timed.AROUND + 1.0):
        options = ["--networks", "decoder", "--minutes", str(seconds / 60.0), "--output", str(runs)]
        answer = subprocess.run(
            [sys.executable, "-m", "training", "timed", *options, "--workers", "1", "--device", "cpu"],
            cwd=unpacked,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert answer.returncode == 0, answer.stderr
        steps.append(steps_done(runs / "decoder"))
    assert 0 < steps[0] < steps[1]
    assert {path.name for path in (runs / "decoder").iterdir()} >= {
        "checkpoint.pt",
        "optimizer.pt",
        "config.toml",
    }
    curve = read_curve(runs / "decoder")
    assert curve["step"] == [0, steps[0], steps[0], steps[1]]
    assert curve["rotation_decoded"][0] != curve["rotation_decoded"][-1]

    weights = tmp_path / "weights"
    shutil.copytree(DEFAULT_FOLDER, weights)
    export.main(["--runs", str(runs), "--only", "decoder", "--output", str(weights)])
    assert {entry.name for entry in Networks.load(weights).entries} >= {"decoder"}


def test_the_time_is_shared_out():
    assert timed.minutes_of(600.0, [1.0, 1.0]) == pytest.approx((300.0 - timed.AROUND) / 60.0)
    assert timed.minutes_of(600.0, [3.0, 1.0]) > timed.minutes_of(600.0, [1.0, 1.0])
    assert timed.minutes_of(1.0, [1.0]) * 60.0 == pytest.approx(1.0)


def test_a_gpu_gets_larger_batches_and_several_get_a_process_each(tmp_path):
    options = argparse.Namespace(
        output=tmp_path, packs=tmp_path, seed=0, workers=None, begin_with_shipped=True, backgrounds=tmp_path
    )
    alone = timed.command_of(options, "critic", 3.0, "cuda", 1)
    assert str(timed.CONFIGS / "critic.toml") in alone
    assert str(DEFAULT_FOLDER / "critic.safetensors") in alone
    assert "--backgrounds" in alone
    assert "--backgrounds" not in timed.command_of(options, "decoder", 3.0, "cuda", 1)
    together = timed.command_of(options, "critic", 3.0, "cuda", 4)
    assert "--nproc-per-node=4" in together
    assert "--config" not in timed.command_of(options, "critic", 3.0, "cpu", 1)


@pytest.mark.parametrize("network", timed.NETWORKS)
def test_the_options_for_a_gpu_are_options(network, monkeypatch):
    module = __import__(f"training.train_{network}", fromlist=["main"])
    seen = {}
    monkeypatch.setattr(module, "train", lambda options, task: seen.update(vars(options)))
    module.main(["--config", str(timed.CONFIGS / f"{network}.toml"), "--minutes", "3"])
    assert seen["light"]
    assert seen["uses"] > 1
    assert seen["minutes"] == 3.0
