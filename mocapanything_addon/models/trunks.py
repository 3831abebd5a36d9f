# SPDX-License-Identifier: GPL-3.0-or-later
"""Image trunks: what a network may look at the filmed subject with, instead of a few convolutions of its own.

A trunk is large, general, trained by others, frozen, and lies on the user's disk; nothing is ever downloaded.
The network that looks through it only learns how to read it (:class:`TrunkStages`), and its weights name the
trunk. To add one, write a :class:`Trunk` and enter it in ``TRUNKS``.
"""

from __future__ import annotations

import hashlib
import math
import pickle
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..jobs.errors import BadInputError
from .image_trunk import WIDTHS, ImageTrunk
from .manifest import DEFAULT_FOLDER, TrunkEntry, read_manifest

OWN = "own"
"""No trunk: the network's own convolutions."""
UNUSABLE = "trunk_unusable"
"""Code of the error that files are not what they should be."""


@dataclass(frozen=True)
class Layer:
    """One of the maps that a trunk gives."""

    stride: int
    """Pixels of the image a cell."""
    channels: int


class Trunk(nn.Module, ABC):
    """Frozen. See the module's docstring."""

    side: int
    """Pixels a side of the images that it looks at."""
    layers: tuple[Layer, ...]
    """Of its maps, from details to the whole."""

    @abstractmethod
    def forward(self, image: Tensor) -> list[Tensor]:
        """Look.

        Args:
            image: (B, 3, side, side) RGB of mean 0 and deviation 1 inside the subject, 0 around it.

        Returns:
            A map (B, channels, side / stride, side / stride) a layer.
        """


class LiteTrunk(Trunk):
    """EfficientNet-Lite0, see :mod:`.image_trunk`; no hint is given to it."""

    side = 128
    layers = tuple(Layer(2 << number, width) for number, width in enumerate(WIDTHS))
    BRIGHTNESS = 0.5
    """Deviation of the pictures that it was trained with."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk = ImageTrunk()

    @classmethod
    def open(cls, path: Path | None) -> Self:
        """From the file of the published weights; None: as the mask network that ships was trained on."""
        trunk = cls()
        if path is None:
            tensors = read_manifest(DEFAULT_FOLDER)["mask"].tensors()
            own = {n.removeprefix("trunk."): value for n, value in tensors.items() if n.startswith("trunk.")}
            trunk.trunk.load_state_dict(own)
        else:
            trunk.trunk.load_published(torch.load(path, weights_only=True))
        return trunk

    def forward(self, image: Tensor) -> list[Tensor]:
        return self.trunk(self.BRIGHTNESS * image, torch.zeros_like(image[:, :1]))


class Dinov2Trunk(Trunk):
    """DINOv2 (Oquab et al. 2023) of any size, with or without registers, from a folder in the format of the
    package transformers: ``config.json`` and ``model.safetensors``.

    Args:
        model: Of transformers.
    """

    TOKENS = 16
    """A side of the image."""
    KINDS = ("dinov2", "dinov2_with_registers")
    DEPTHS = (0.25, 0.5, 0.75, 1.0)
    """After which share of its blocks maps are taken."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model
        config = model.config
        self.side = self.TOKENS * config.patch_size
        self.layers = tuple(Layer(config.patch_size, config.hidden_size) for _ in self.DEPTHS)
        self.blocks = [max(1, round(share * config.num_hidden_layers)) for share in self.DEPTHS]
        self.no_patches = 1 + getattr(config, "num_register_tokens", 0)

    @classmethod
    def open(cls, path: Path | None) -> Self:
        """From a folder.

        Raises:
            BadInputError: ``trunk_unusable``, no folder is named, or it holds another model.
            ImportError: transformers is not installed.
        """
        if path is None:
            raise BadInputError(
                "The image trunk dinov2 needs the folder of its files.",
                "Name it: dinov2:FOLDER.",
                code=UNUSABLE,
            )
        from transformers import AutoConfig, AutoModel

        kind = AutoConfig.from_pretrained(path, local_files_only=True).model_type
        if kind not in cls.KINDS:
            raise BadInputError(f"{path} holds a model of the kind {kind}, not dinov2.", code=UNUSABLE)
        model, told = AutoModel.from_pretrained(
            path, local_files_only=True, use_safetensors=True, output_loading_info=True
        )
        if told["missing_keys"]:
            raise ValueError(f"weights are missing: {', '.join(sorted(told['missing_keys']))}")
        return cls(model.float())

    def forward(self, image: Tensor) -> list[Tensor]:
        states = self.model(pixel_values=image, output_hidden_states=True).hidden_states
        tokens = [self.model.layernorm(states[block])[:, self.no_patches :] for block in self.blocks]
        return [t.transpose(1, 2).unflatten(2, (self.TOKENS, self.TOKENS)) for t in tokens]


TRUNKS: dict[str, Callable[[Path | None], Trunk]] = {
    "efficientnet-lite0": LiteTrunk.open,
    "dinov2": Dinov2Trunk.open,
}


class TrunkStages(nn.Module):
    """What a trunk sees in frames, in the sizes and channels of a network's stages.

    Each stage reads the trunk's map of the nearest size; of maps of one size, the one as far along.

    Args:
        trunk: Frozen.
        sides: Cells a side of each stage.
        widths: Channels of each stage.
    """

    def __init__(self, trunk: Trunk, sides: Sequence[int], widths: Sequence[int]) -> None:
        super().__init__()
        # In a tuple it is no part of the network: neither trained nor saved with it.
        self._trunk = (trunk,)
        self.sides = tuple(sides)
        self.chosen = tuple(_nearest(trunk, number, side) for number, side in enumerate(sides))
        read = (trunk.layers[number].channels + 1 for number in self.chosen)
        self.project = nn.ModuleList(nn.Conv2d(c, width, 1) for c, width in zip(read, widths, strict=True))

    def forward(self, frame: Tensor) -> list[Tensor]:
        """Frames (B, 4, side, side) from :func:`.images.standardised_frame` -> a map a stage."""
        trunk = self._trunk[0].to(frame.device)
        with torch.no_grad():
            maps = trunk(2.0 * frame[:, :3])  # which that function had halved
        found = []
        for project, number, side in zip(self.project, self.chosen, self.sides, strict=True):
            seen = maps[number]
            mask = functional.adaptive_avg_pool2d(frame[:, 3:], seen.shape[-1])
            found.append(_resized(project(torch.cat([seen, mask], 1)), side))
        return found


def named_trunk(named: str) -> tuple[TrunkEntry, Trunk] | None:
    """The trunk that ``NAME`` or ``NAME:PATH`` names, and its entry; None for ``own``.

    Raises:
        BadInputError: As :func:`open_trunk`.
    """
    name, _, path = named.partition(":")
    if name == OWN:
        return None
    place = Path(path).expanduser().absolute() if path else None
    trunk = _opened(name, place)
    return TrunkEntry(name, None if place is None else str(place), fingerprint(trunk)), trunk


def open_trunk(entry: TrunkEntry, beside: Path) -> Trunk:
    """The trunk of a network's entry.

    Args:
        entry: Which.
        beside: Folder that a relative path starts at.

    Raises:
        BadInputError: ``trunk_unknown``, ``trunk_missing``, ``trunk_runtime`` where a package is not
            installed, ``trunk_unusable``, or ``trunk_mismatch`` where it is not what the network was trained
            with.
    """
    trunk = _opened(entry.name, None if entry.path is None else beside / entry.path)
    if fingerprint(trunk) != entry.sha256:
        raise BadInputError(
            f"The image trunk {entry.name}{_at(entry.path)} is not the one that the network in {beside} was "
            "trained with: its weights are others.",
            "Put the right one there, or train the network again.",
            code="trunk_mismatch",
        )
    return trunk


def fingerprint(trunk: Trunk) -> str:
    """SHA-256 of all weights, whatever file they came from and whatever a library's version calls them."""
    weights = (tensor.cpu().contiguous().numpy() for tensor in trunk.state_dict().values())
    each = sorted(hashlib.sha256(f"{w.shape}".encode() + w.tobytes()).hexdigest() for w in weights)
    return hashlib.sha256(" ".join(each).encode()).hexdigest()


def _opened(name: str, path: Path | None) -> Trunk:
    if name not in TRUNKS:
        raise BadInputError(
            f"There is no image trunk {name}.",
            f"There are {', '.join((OWN, *TRUNKS))}.",
            code="trunk_unknown",
        )
    if path is not None and not path.exists():
        raise BadInputError(
            f"The image trunk {name} is not at {path}.",
            'Put it there, or name its new place: as "path" of "trunk" in the weights.json of the network.',
            code="trunk_missing",
        )
    try:
        trunk = TRUNKS[name](path)
    except ImportError as error:
        package = error.name or "transformers"
        raise BadInputError(
            f"The image trunk {name} needs the Python package {package}, which {sys.executable} lacks.",
            f'Install it: "{sys.executable}" -m pip install {package}',
            code="trunk_runtime",
        ) from error
    except (OSError, EOFError, ValueError, KeyError, RuntimeError, pickle.UnpicklingError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise BadInputError(
            f"The image trunk {name}{_at(path)} cannot be read: {reason}",
            "Put the right files there, or name another place.",
            code=UNUSABLE,
        ) from error
    return trunk.eval().requires_grad_(False)


def _at(path: object) -> str:
    return "" if path is None else f" at {path}"


def _nearest(trunk: Trunk, number: int, side: int) -> int:
    def apart(layer: int) -> tuple[float, int]:
        return abs(math.log2(trunk.side / trunk.layers[layer].stride / side)), abs(layer - number)

    return min(range(len(trunk.layers)), key=apart)


def _resized(maps: Tensor, side: int) -> Tensor:
    if maps.shape[-1] > side:
        return functional.adaptive_avg_pool2d(maps, side)
    return functional.interpolate(maps, side, mode="bilinear", align_corners=False)
