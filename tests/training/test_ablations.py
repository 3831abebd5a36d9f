# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest
import torch

from mocapanything_addon.models.motion_decoder import MotionDecoder
from mocapanything_addon.models.motion_features import FRAME_FEATURES, JOINT_FEATURES
from mocapanything_addon.models.reference_encoder import ReferenceBatch
from training.ablations import HIDE, Ablated


def reference(change: str = "") -> ReferenceBatch:
    """One rig of five joints, some of it changed."""
    rng = np.random.default_rng(0)

    def tensor(*shape: int) -> torch.Tensor:
        return torch.from_numpy(rng.normal(size=shape).astype(np.float32))

    hops = torch.from_numpy(np.abs(np.subtract.outer(np.arange(5), np.arange(5))).astype(np.uint8))[None]
    positions, features, surface, normals = (
        tensor(1, 5, 3),
        tensor(1, 5, 11),
        tensor(1, 7, 3),
        tensor(1, 7, 3),
    )
    return ReferenceBatch(
        joint_positions=positions,
        joint_features=features,
        valid=torch.ones(1, 5, dtype=torch.bool),
        hops=hops.flip(1) if change == "graph" else hops,
        relations=torch.zeros_like(hops),
        surface_positions=surface + (change == "mesh"),
        surface_normals=normals,
        surface_joints=torch.arange(28).reshape(1, 7, 4) % 5,
        surface_weights=torch.full((1, 7, 4), 0.25),
        views=torch.zeros(1, 0, 4, 8, 8),
        view_points=torch.zeros(1, 0, 5, 2),
    )


@pytest.mark.parametrize("hidden", list(HIDE))
@torch.no_grad()
def test_what_is_hidden_makes_no_difference_and_all_else_does(hidden):
    torch.manual_seed(0)
    rng = np.random.default_rng(1)
    joints = torch.from_numpy(rng.normal(size=(1, 4, 5, JOINT_FEATURES)).astype(np.float32))
    frames = torch.zeros(1, 4, FRAME_FEATURES)
    times, seen = torch.arange(4.0)[None] / 24.0, torch.ones(1, 4, dtype=torch.bool)
    network = Ablated(hidden).eval()
    # Biases begin at zero: without this the graph would say nothing to any network.
    for name, parameter in network.named_parameters():
        if "bias." in name:
            parameter.normal_()
    plain = MotionDecoder().eval()
    plain.load_state_dict(network.state_dict())

    def answer(net: MotionDecoder, what: str) -> torch.Tensor:
        return net(reference(what), joints, frames, times, seen).rotations

    for what in HIDE:
        assert not torch.equal(answer(plain, what), answer(plain, ""))
        assert torch.equal(answer(network, what), answer(network, "")) == (what == hidden)
