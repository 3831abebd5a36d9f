# SPDX-License-Identifier: GPL-3.0-or-later
"""Image trunks: what they give, what a critic makes of it, and what is said where one cannot be had."""

from __future__ import annotations

import copy
import json
import shutil
import sys
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor
from training_packs import write_tube_packs

from mocapanything_addon.fit.fit import prepare
from mocapanything_addon.jobs.errors import BadInputError, CaptureError
from mocapanything_addon.models.manifest import DEFAULT_FOLDER, TrunkEntry, read_manifest
from mocapanything_addon.models.networks import Networks
from mocapanything_addon.models.pose_critic import CANDIDATE_CHANNELS, PoseCritic
from mocapanything_addon.models.registry import available_networks
from mocapanything_addon.models.trunks import (
    Dinov2Trunk,
    Layer,
    LiteTrunk,
    Trunk,
    TrunkStages,
    fingerprint,
    named_trunk,
    open_trunk,
)
from tests.fit.filmed_tubes import camera_at, film, long_necked_rig, standing
from training import export
from training.loop import Schedule, Trainer
from training.train_critic import main as train

LITE = "efficientnet-lite0"


class Squares(Trunk):
    """Mean colours of squares of 4, 8 and 8 pixels, times 1, 2 and 3."""

    side = 32
    layers = (Layer(4, 3), Layer(8, 3), Layer(8, 3))

    def __init__(self) -> None:
        super().__init__()
        self.factor = torch.nn.Parameter(torch.ones(1), requires_grad=False)

    def forward(self, image: Tensor) -> list[Tensor]:
        sides = [self.side // layer.stride for layer in self.layers]
        return [
            self.factor * (n + 1) * torch.nn.functional.adaptive_avg_pool2d(image, side)
            for n, side in enumerate(sides)
        ]


def frame(trunk: Trunk, count: int = 2) -> Tensor:
    torch.manual_seed(0)
    frames = torch.randn(count, 4, trunk.side, trunk.side) * 0.5
    frames[:, 3] = 1.0
    return frames


def candidates(count: int = 3) -> Tensor:
    torch.manual_seed(1)
    return torch.randn(2, count, CANDIDATE_CHANNELS, 64, 64)


def test_stages_read_the_map_of_the_nearest_size_and_of_equals_the_one_as_far_along():
    stages = TrunkStages(Squares(), (16, 8, 4, 2), (5, 6, 7, 8))
    assert stages.chosen == (0, 0, 2, 2)
    assert TrunkStages(Squares(), (16, 4), (5, 6)).chosen == (0, 1)
    found = stages(frame(Squares()))
    assert [tuple(f.shape[1:]) for f in found] == [(5, 16, 16), (6, 8, 8), (7, 4, 4), (8, 2, 2)]


def test_stages_see_the_mask_too():
    stages, frames = TrunkStages(Squares(), (8,), (5,)), frame(Squares())
    blind = frames.clone()
    blind[:, 3] = 0.0
    assert not torch.allclose(stages(frames)[0], stages(blind)[0])


@pytest.mark.parametrize("trunk", [Squares(), LiteTrunk.open(None)], ids=["squares", LITE])
def test_maps_are_as_promised(trunk):
    maps = trunk(frame(trunk)[:, :3])
    assert len(maps) == len(trunk.layers)
    for seen, layer in zip(maps, trunk.layers, strict=True):
        side = trunk.side // layer.stride
        assert seen.shape[1:] == (layer.channels, side, side)
        assert float(seen.detach().std()) > 0


def test_the_own_critic_is_as_it_ships():
    shipped = load_file(DEFAULT_FOLDER / "critic.safetensors")
    own = PoseCritic().state_dict()
    assert {n for n in own if not n.endswith("num_batches_tracked")} == set(shipped)
    assert PoseCritic().frame_size == 64


def test_a_critic_learns_to_read_its_trunk_and_leaves_it_as_it_is():
    trunk = Squares()
    network = PoseCritic(trunk=trunk)
    assert network.frame_size == trunk.side
    assert not any("factor" in name for name in network.state_dict())
    before = fingerprint(trunk)
    network(frame(trunk), candidates()).sum().backward()
    assert float(network.frame_stem.project[0].weight.grad.abs().max()) > 0.0
    assert trunk.factor.grad is None
    assert fingerprint(trunk) == before


def test_what_the_trunk_sees_counts():
    trunk = Squares()
    network = PoseCritic(trunk=trunk).eval()
    for seen in network.frame_stem.project:
        torch.nn.init.normal_(seen.weight)
    plain = network(frame(trunk), candidates())
    assert plain.shape == (2, 3)
    other = copy.deepcopy(network)
    assert torch.allclose(other(frame(trunk), candidates()), plain)
    trunk.factor.mul_(2.0)
    assert not torch.allclose(network(frame(trunk), candidates()), plain)
    assert torch.allclose(other(frame(trunk), candidates()), plain)  # a copy's trunk is its own


# ---- from files


def test_own_is_no_trunk():
    assert named_trunk("own") is None


def test_a_trunk_is_known_again_by_its_weights(tmp_path):
    found = named_trunk(LITE)
    assert found is not None
    entry, trunk = found
    assert entry == TrunkEntry(LITE, None, fingerprint(trunk))
    assert fingerprint(open_trunk(entry, tmp_path)) == entry.sha256
    with pytest.raises(BadInputError, match="weights are others") as caught:
        open_trunk(replace(entry, sha256="0"), tmp_path)
    assert caught.value.code == "trunk_mismatch"


@pytest.mark.parametrize(
    ("named", "code", "words"),
    [
        ("resnet", "trunk_unknown", "own, efficientnet-lite0, dinov2"),
        (f"{LITE}:/no/such/file.pth", "trunk_missing", "/no/such/file.pth"),
        ("dinov2:/no/such/folder", "trunk_missing", "/no/such/folder"),
        ("dinov2", "trunk_unusable", "dinov2:FOLDER"),
        (f"{LITE}:{__file__}", "trunk_unusable", "cannot be read"),
    ],
)
def test_what_is_said_of_a_trunk_that_cannot_be_had(named, code, words):
    with pytest.raises(BadInputError) as caught:
        named_trunk(named)
    assert caught.value.code == code
    assert words in str(caught.value)


def test_without_transformers_it_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(BadInputError, match="pip install transformers") as caught:
        named_trunk(f"dinov2:{tmp_path}")
    assert caught.value.code == "trunk_runtime"


@pytest.fixture(params=["Dinov2", "Dinov2WithRegisters"])
def dinov2_folder(request, tmp_path) -> Path:
    """A small one, untrained."""
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    sizes = {
        "patch_size": 14,
        "hidden_size": 24,
        "num_hidden_layers": 4,
        "num_attention_heads": 2,
        "image_size": 70,
    }
    config = getattr(transformers, f"{request.param}Config")(**sizes)
    getattr(transformers, f"{request.param}Model")(config).save_pretrained(tmp_path / "small")
    return tmp_path / "small"


def test_dinov2_from_a_folder(dinov2_folder):
    found = named_trunk(f"dinov2:{dinov2_folder}")
    assert found is not None
    entry, trunk = found
    assert isinstance(trunk, Dinov2Trunk)
    assert trunk.side == 16 * 14
    maps = trunk(frame(trunk)[:, :3])
    assert [tuple(m.shape) for m in maps] == [(2, 24, 16, 16)] * 4
    assert not any(p.requires_grad for p in trunk.parameters())
    # Cells stand where they do in the picture: what changes in the lower left corner changes there first.
    image = torch.zeros(1, 3, trunk.side, trunk.side)
    changed = image.clone()
    changed[:, :, -14:, :14] = 2.0
    apart = (trunk(image)[0] - trunk(changed)[0]).abs().sum(1)[0]
    assert int(apart.argmax()) == 15 * 16
    assert fingerprint(open_trunk(entry, Path())) == entry.sha256
    (dinov2_folder / "config.json").write_text(json.dumps({"model_type": "vit"}))
    with pytest.raises(BadInputError, match="kind vit"):
        open_trunk(entry, Path())


# ---- a critic with a trunk, in a folder of its own


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> Path:
    """A critic that has been trained with a trunk for no step, exported alone."""
    runs, folder = tmp_path_factory.mktemp("runs"), tmp_path_factory.mktemp("weights") / "mine"
    found = named_trunk(LITE)
    assert found is not None
    torch.manual_seed(5)
    trainer = Trainer(
        PoseCritic(trunk=found[1]), runs / "critic", Schedule(1e-3, 10), notes={"trunk": asdict(found[0])}
    )
    trainer.save()
    export.main(["--runs", str(runs), "--output", str(folder), "--only", "critic"])
    return folder


def test_a_folder_with_one_network_and_the_others_as_they_ship(weights):
    assert sorted(path.name for path in weights.iterdir()) == ["critic.safetensors", "weights.json"]
    entries = available_networks(weights)
    assert entries["critic"].folder == weights
    assert entries["critic"].trunk is not None
    assert entries["critic"].trunk.name == LITE
    assert entries["decoder"] == read_manifest(DEFAULT_FOLDER)["decoder"]
    assert not any("trunk.trunk" in name for name in load_file(weights / "critic.safetensors"))


def test_a_critic_with_a_trunk_judges_poses(weights):
    rig, view, motion = long_necked_rig(), camera_at(0.15), standing(long_necked_rig(), np.zeros(3))
    problem = prepare(rig, film(rig, motion, view), camera=view)
    critic = Networks.load(weights).critic
    assert critic.network.frame_size == 128
    found = critic.scores(problem, np.arange(3), motion)
    assert np.isfinite(found).all()
    assert not np.allclose(found, Networks.load().critic.scores(problem, np.arange(3), motion))


def test_a_relative_trunk_lies_beside_the_weights(weights, tmp_path):
    folder = tmp_path / "moved"
    shutil.copytree(weights, folder)
    manifest = json.loads((folder / "weights.json").read_text())
    manifest["networks"]["critic"]["trunk"]["path"] = "trunks/lite.pth"
    (folder / "weights.json").write_text(json.dumps(manifest))
    with pytest.raises(BadInputError) as caught:
        Networks.load(folder)
    assert caught.value.code == "trunk_missing"
    assert str(folder / "trunks" / "lite.pth") in caught.value.message
    assert "weights.json" in caught.value.hint


def test_a_folder_that_names_an_unknown_network(weights, tmp_path):
    shutil.copytree(weights, tmp_path / "typo")
    path = tmp_path / "typo" / "weights.json"
    path.write_text(path.read_text().replace('"critic": {', '"critics": {'))
    with pytest.raises(CaptureError, match="unknown network, critics"):
        Networks.load(tmp_path / "typo")


def test_a_folder_whose_file_is_gone_says_what_to_do(weights, tmp_path):
    shutil.copytree(weights, tmp_path / "gone")
    (tmp_path / "gone" / "critic.safetensors").unlink()
    with pytest.raises(CaptureError, match=r"critic.safetensors is missing.*Export it again") as caught:
        Networks.load(tmp_path / "gone")
    assert caught.value.code == "weights_missing"


def test_a_run_goes_on_with_its_own_trunk_only(tmp_path):
    write_tube_packs(tmp_path / "packs")
    Trainer(PoseCritic(), tmp_path / "run", Schedule(1e-3, 10)).save()
    with pytest.raises(ValueError, match="begun otherwise"):
        train(["--run", str(tmp_path / "run"), "--trunk", LITE, "--packs", str(tmp_path / "packs")])
