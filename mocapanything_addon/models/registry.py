# SPDX-License-Identifier: GPL-3.0-or-later
"""The networks by name, with their weights: those that ship, and those of a folder that the user names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import nn

from ..jobs.errors import CaptureError
from .correspondence_network import CorrespondenceNetwork
from .manifest import DEFAULT_FOLDER, MANIFEST, WeightsEntry, read_manifest, remedy
from .mask_network import MaskNetwork
from .motion_decoder import MotionDecoder
from .pose_critic import PoseCritic
from .trunks import open_trunk

ARCHITECTURES: dict[str, type[nn.Module]] = {
    "correspondence": CorrespondenceNetwork,
    "decoder": MotionDecoder,
    "critic": PoseCritic,
    "mask": MaskNetwork,
}


def available_networks(folder: Path = DEFAULT_FOLDER) -> dict[str, WeightsEntry]:
    """Every network's entry: that of the folder, else the one that ships.

    Raises:
        CaptureError: ``weights_missing`` or ``weights_damaged``, also where the folder names a network that
            there is not.
    """
    own = read_manifest(folder)
    unknown = set(own) - set(ARCHITECTURES)
    if unknown:
        raise CaptureError(
            f"The list of weights {folder / MANIFEST} names an unknown network, {min(unknown)}; known are "
            f"{', '.join(ARCHITECTURES)}.",
            remedy(folder),
            code="weights_damaged",
        )
    return {**read_manifest(DEFAULT_FOLDER), **own}


def load_network(entry: WeightsEntry) -> nn.Module:
    """The network of an entry, ready to use.

    Raises:
        CaptureError: ``weights_missing`` or ``weights_damaged``.
        BadInputError: ``trunk_...`` where its image trunk cannot be used.
    """
    tensors = entry.tensors()
    given: dict[str, Any] = {}
    if entry.trunk is not None:
        given["trunk"] = open_trunk(entry.trunk, entry.folder)
    try:
        network = ARCHITECTURES[entry.name](**entry.config, **given)
        counters = {k: v for k, v in network.state_dict().items() if k.endswith("num_batches_tracked")}
        network.load_state_dict({**counters, **tensors})
    except (RuntimeError, TypeError) as error:
        raise entry.misfit() from error
    return network.eval().requires_grad_(False)
