# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules: shapes, padding, determinism."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from tube_character import tube_rig

from mocapanything_addon.fit.decimate import decimate
from mocapanything_addon.models.correspondence_network import CorrespondenceNetwork
from mocapanything_addon.models.encoded_rig import reference_batch
from mocapanything_addon.models.motion_decoder import MotionDecoder
from mocapanything_addon.models.motion_features import FRAME_FEATURES, JOINT_FEATURES
from mocapanything_addon.models.reference import reference_input
from mocapanything_addon.models.reference_encoder import ReferenceBatch, ReferenceEncoder

CPU = torch.device("cpu")


@pytest.fixture
def reference() -> ReferenceBatch:
    rig = tube_rig()
    return reference_batch(reference_input(rig, decimate(rig)), CPU)


def padded(reference: ReferenceBatch, extra: int) -> ReferenceBatch:
    """The same rig with joints that do not exist."""

    def more(tensor: torch.Tensor, axes: tuple[int, ...]) -> torch.Tensor:
        for axis in axes:
            shape = list(tensor.shape)
            shape[axis] = extra
            # Numbers that would show if anything looked at them; a joint that does not exist is not valid.
            junk = torch.zeros(shape).bool() if tensor.dtype == torch.bool else torch.full(shape, 3)
            tensor = torch.cat([tensor, junk.to(tensor.dtype)], axis)
        return tensor

    return replace(
        reference,
        joint_positions=more(reference.joint_positions, (1,)),
        joint_features=more(reference.joint_features, (1,)),
        valid=more(reference.valid, (1,)),
        hops=more(reference.hops, (1, 2)),
        relations=more(reference.relations, (1, 2)),
        view_points=more(reference.view_points, (2,)),
    )


def randomised(module: torch.nn.Module, seed: int = 0) -> torch.nn.Module:
    """No weight left at zero, so that nothing is hidden."""
    torch.manual_seed(seed)
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter, std=0.08)
    return module.eval()


def test_padding_joints_changes_no_query(reference):
    encoder = randomised(ReferenceEncoder())
    joints, surface = encoder(reference)
    more_joints, same_surface = encoder(padded(reference, 7))
    count = joints.shape[1]
    assert joints.std() > 0.1
    assert torch.allclose(more_joints[:, :count], joints, atol=1e-5)
    assert torch.allclose(same_surface, surface, atol=1e-5)


def test_views_change_queries_and_may_be_missing(reference):
    encoder = randomised(ReferenceEncoder())
    count = reference.valid.shape[1]
    shown = replace(reference, views=torch.rand(1, 3, 4, 64, 64), view_points=torch.rand(1, 3, count, 2))
    assert not torch.allclose(encoder(shown)[0], encoder(reference)[0], atol=1e-3)


def test_padding_points_changes_no_evidence(reference):
    network = randomised(CorrespondenceNetwork())
    count, surface = reference.valid.shape[1], reference.surface_positions.shape[1]
    frame, estimate = torch.rand(2, 4, 64, 64), torch.rand(2, 7, 64, 64)
    places, depths = torch.rand(2, count + surface, 2) - 0.5, torch.rand(2, count + surface)
    valid = torch.ones(2, count + surface, dtype=torch.bool)
    which = torch.zeros(2, dtype=torch.long)
    plain = network(reference, which, frame, estimate, places, depths, valid)
    extra = 5

    def spread(tensor: torch.Tensor) -> torch.Tensor:
        gap = torch.zeros(2, extra, *tensor.shape[2:], dtype=tensor.dtype)
        return torch.cat([tensor[:, :count], gap, tensor[:, count:]], 1)

    wide = network(
        padded(reference, extra), which, frame, estimate, spread(places), spread(depths), spread(valid)
    )
    assert plain.places.shape == (2, count + surface, 2)
    assert plain.search_map.shape == (2, count + surface, 256)
    assert plain.search_map.exp().sum(-1).detach().numpy() == pytest.approx(1.0, abs=1e-4)
    for name in ("places", "log_scale", "visibility", "depth_shift"):
        a, b = getattr(plain, name), getattr(wide, name)
        assert torch.allclose(b[:, :count], a[:, :count], atol=1e-4), name
        assert torch.allclose(b[:, count + extra :], a[:, count:], atol=1e-4), name


def test_padding_joints_and_frames_changes_no_motion(reference):
    network = randomised(MotionDecoder())
    count = reference.valid.shape[1]
    joints, frames = torch.randn(1, 6, count, JOINT_FEATURES), torch.randn(1, 6, FRAME_FEATURES)
    times, seen = torch.arange(6)[None] / 24.0, torch.ones(1, 6, dtype=torch.bool)
    plain = network(reference, joints, frames, times, seen)
    more = torch.cat([joints, torch.randn(1, 6, 4, JOINT_FEATURES)], 2)
    longer = torch.cat([more, torch.randn(1, 3, count + 4, JOINT_FEATURES)], 1)
    wide = network(
        padded(reference, 4),
        longer,
        torch.cat([frames, torch.randn(1, 3, FRAME_FEATURES)], 1),
        torch.cat([times, times[:, -1:].expand(1, 3)], 1),
        torch.cat([seen, torch.zeros(1, 3, dtype=torch.bool)], 1),
    )
    assert plain.rotations.shape == (1, 6, count, 3, 3)
    for name in ("rotations", "log_sigma", "contact"):
        assert torch.allclose(getattr(wide, name)[:, :6, :count], getattr(plain, name), atol=1e-4), name


def test_the_decoder_looks_at_the_time_between_frames(reference):
    network = randomised(MotionDecoder())
    for parameter in network.gap.parameters():
        torch.nn.init.normal_(parameter, std=1.0)
    count = reference.valid.shape[1]
    joints, frames = torch.randn(1, 6, count, JOINT_FEATURES), torch.randn(1, 6, FRAME_FEATURES)
    seen = torch.ones(1, 6, dtype=torch.bool)
    times = torch.arange(6)[None] / 16.0
    slow = network(reference, joints, frames, times, seen).rotations
    shifted = network(reference, joints, frames, times + 64.0, seen).rotations
    fast = network(reference, joints, frames, times * 0.2, seen).rotations
    assert torch.allclose(shifted, slow, atol=1e-3)  # only differences count
    assert not torch.allclose(fast, slow, atol=1e-3)


def test_four_hundred_joints(reference):
    rng = np.random.default_rng(0)
    parents = np.array([-1, *[int(rng.integers(max(0, j - 6), j)) for j in range(1, 400)]], np.int32)
    from mocapanything_addon.models.skeleton_graph import hop_distances, relations

    many = replace(
        reference,
        joint_positions=torch.rand(1, 400, 3),
        joint_features=torch.rand(1, 400, reference.joint_features.shape[2]),
        valid=torch.ones(1, 400, dtype=torch.bool),
        hops=torch.from_numpy(hop_distances(parents))[None],
        relations=torch.from_numpy(relations(parents))[None],
        view_points=torch.zeros(1, 0, 400, 2),
    )
    out = randomised(MotionDecoder())(
        many,
        torch.randn(1, 3, 400, JOINT_FEATURES),
        torch.randn(1, 3, FRAME_FEATURES),
        torch.arange(3)[None] / 24.0,
        torch.ones(1, 3, dtype=torch.bool),
    )
    assert out.rotations.shape == (1, 3, 400, 3, 3)
    assert torch.isfinite(out.rotations).all()
