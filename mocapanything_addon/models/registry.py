# SPDX-License-Identifier: GPL-3.0-or-later
"""The weights that ship: which file belongs to which network, checked before it is used."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from torch import nn

from ..jobs.errors import CaptureError
from .correspondence_network import CorrespondenceNetwork
from .mask_network import MaskNetwork
from .motion_decoder import MotionDecoder
from .pose_critic import PoseCritic

MANIFEST = "weights.json"
SCHEMA_VERSION = 1
DEFAULT_FOLDER = Path(__file__).resolve().parents[1] / "weights"
ARCHITECTURES: dict[str, type[nn.Module]] = {
    "correspondence": CorrespondenceNetwork,
    "decoder": MotionDecoder,
    "critic": PoseCritic,
    "mask": MaskNetwork,
}
REINSTALL = "Install the extension again."


@dataclass(frozen=True)
class WeightsEntry:
    """One network of the manifest."""

    name: str
    """A key of ``ARCHITECTURES``."""
    file: str
    sha256: str
    config: dict[str, Any]
    """Keyword arguments of the network's class."""


def read_manifest(folder: Path) -> dict[str, WeightsEntry]:
    """Name -> entry. Raises CaptureError where the manifest is missing or unreadable."""
    path = folder / MANIFEST
    if not path.is_file():
        raise CaptureError(f"The weights are missing: there is no {path}.", REINSTALL, code="weights_missing")
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        if manifest["schema_version"] != SCHEMA_VERSION:
            raise ValueError(f"schema version {manifest['schema_version']}, not {SCHEMA_VERSION}")
        return {
            name: WeightsEntry(name, str(e["file"]), str(e["sha256"]), dict(e["config"]))
            for name, e in manifest["networks"].items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CaptureError(
            f"The list of weights {path} cannot be read: {error}.", REINSTALL, code="weights_damaged"
        ) from error


def load_network(folder: Path, entry: WeightsEntry) -> nn.Module:
    """The network of an entry, ready to use. Raises CaptureError where the file is not right."""
    path = folder / Path(entry.file).name
    try:
        content = path.read_bytes()
    except OSError as error:
        raise CaptureError(
            f"The weights file {path} is missing or cannot be read.", REINSTALL, code="weights_missing"
        ) from error
    if hashlib.sha256(content).hexdigest() != entry.sha256:
        raise CaptureError(
            f"The weights file {path} is damaged: its checksum is not the one listed.",
            REINSTALL,
            code="weights_damaged",
        )
    try:
        network = ARCHITECTURES[entry.name](**entry.config)
        tensors = {name: tensor.float() for name, tensor in load_tensors(content).items()}
        counters = {k: v for k, v in network.state_dict().items() if k.endswith("num_batches_tracked")}
        network.load_state_dict({**counters, **tensors})
    except (SafetensorError, RuntimeError, KeyError, TypeError) as error:
        raise CaptureError(
            f"The weights file {path} does not fit this version of the extension.",
            REINSTALL,
            code="weights_damaged",
        ) from error
    return network.eval().requires_grad_(False)
