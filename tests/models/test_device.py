# SPDX-License-Identifier: GPL-3.0-or-later
"""What networks do on a device that fails. PyTorch's "meta" device takes everything and answers nothing."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from test_networks_facade import camera, clip_of, posed
from tube_character import tube_rig

from mocapanything_addon.fit.fit import prepare
from mocapanything_addon.jobs.request import Request
from mocapanything_addon.jobs.settings import CaptureSettings, NetworkDevice
from mocapanything_addon.models.device import Device
from mocapanything_addon.models.mask_cutter import MaskCutter
from mocapanything_addon.models.networks import Networks
from tests.fit.filmed_tubes import camera_at, film, long_necked_rig, standing


def small() -> torch.nn.Module:
    torch.manual_seed(0)
    return torch.nn.Linear(3, 2).eval().requires_grad_(False)


class Failing(torch.nn.Module):
    """Has no memory left wherever it is but on the CPU."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = small()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.layer.weight.device.type != "cpu":
            raise torch.OutOfMemoryError("Tried to allocate 2.00 GiB.\nMore about it.")
        return self.layer(x)


def asked(device: Device, network: torch.nn.Module) -> torch.Tensor:
    return device.run(network, lambda n, on: n(torch.ones(1, 3, device=on)).cpu())


@pytest.mark.parametrize(
    ("network", "reason"),
    [(Failing(), "Tried to allocate 2.00 GiB"), (small(), "Cannot copy out of meta tensor")],
)
def test_what_fails_is_done_on_the_cpu_and_told_once(network, reason):
    device = Device("meta")
    assert torch.equal(asked(device, network), network(torch.ones(1, 3)))
    assert str(device) == "cpu"
    (warning,) = device.warnings
    assert reason in warning
    assert "meta" in warning
    assert "--device cpu" in warning
    assert "More about it" not in warning
    asked(device, network)
    assert len(device.warnings) == 1


def test_a_device_that_is_not_there_is_done_without():
    if torch.cuda.is_available():
        pytest.skip("it is there")
    device = Device("cuda")
    asked(device, small())
    assert str(device) == "cpu"
    assert len(device.warnings) == 1


def test_an_error_of_the_network_itself_is_not_hidden():
    device = Device("cpu")
    with pytest.raises(RuntimeError, match="shapes"):
        device.run(small(), lambda n, on: n(torch.ones(1, 7, device=on)))
    assert device.warnings == []


def test_auto_is_the_best_there_is(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert str(Device()) == "cuda"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert str(Device("auto")) == "mps"
    assert str(Device("cpu")) == "cpu"


def decode(networks: Networks) -> np.ndarray:
    pose = posed(3)
    shape = pose.positions.shape[:2]
    nothing = np.zeros((*shape, 2)), np.full(shape, np.inf)
    decoded = networks.decode(networks.encode(tube_rig()), np.arange(3) / 24.0, pose, camera(), *nothing)
    return decoded.prior.local_rotations


def correspond(networks: Networks) -> np.ndarray:
    pose = posed(3)
    clip = clip_of(networks, pose)
    return networks.correspond(networks.encode(tube_rig()), clip, pose, camera()).places


def score(networks: Networks) -> np.ndarray:
    rig, view, motion = long_necked_rig(), camera_at(0.15), standing(long_necked_rig(), np.zeros(2))
    problem = prepare(rig, film(rig, motion, view), camera=view)
    return networks.critic.scores(problem, np.arange(2), motion)


@pytest.mark.parametrize("ask", [decode, correspond, score])
def test_every_network_says_what_it_says_on_the_cpu(ask):
    device = Device("meta")
    assert np.array_equal(ask(Networks.load(device=device)), ask(Networks.load()))
    assert str(device) == "cpu"


def test_all_networks_of_a_capture_share_the_device_and_its_failure():
    device = Device("meta")
    networks, cutters = Networks.load(device=device), (MaskCutter.load(device=device), MaskCutter.load())
    rgb, hint = np.full((64, 64, 3), 90, np.uint8), np.zeros((64, 64), np.float32)
    rgb[20:50, 20:40] = (200, 30, 20)
    assert np.array_equal(*(cutter.logit(rgb, hint) for cutter in cutters))
    decode(networks)
    assert len(device.warnings) == 1


def test_settings_take_what_a_user_may_choose(tmp_path):
    assert CaptureSettings().device is None
    request = Request(tmp_path, CaptureSettings(device="cpu"))  # type: ignore[arg-type]
    assert Request.from_json(request.to_json()).settings.device is NetworkDevice.CPU
    with pytest.raises(ValueError, match="warp"):
        CaptureSettings(device="warp")  # type: ignore[arg-type]
