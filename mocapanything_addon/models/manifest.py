# SPDX-License-Identifier: GPL-3.0-or-later
"""The list of weights in a folder: which file belongs to which network, checked before it is used."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from torch import Tensor

from ..jobs.errors import CaptureError

MANIFEST = "weights.json"
SCHEMA_VERSION = 1
DEFAULT_FOLDER = Path(__file__).resolve().parents[1] / "weights"


@dataclass(frozen=True)
class TrunkEntry:
    """The image trunk that a network was trained with; it lies elsewhere and is not copied."""

    name: str
    """A key of ``trunks.TRUNKS``."""
    path: str | None
    """Of its folder or file; a relative one starts at the folder of the manifest. None: it ships."""
    sha256: str
    """Of its weights, see ``trunks.fingerprint``."""


@dataclass(frozen=True)
class WeightsEntry:
    """One network of a manifest."""

    folder: Path
    """Where the manifest is."""
    name: str
    """A key of ``registry.ARCHITECTURES``."""
    file: str
    sha256: str
    config: dict[str, Any]
    """Keyword arguments of the network's class."""
    trunk: TrunkEntry | None = None
    """None: the network looks with convolutions of its own."""

    @property
    def path(self) -> Path:
        return self.folder / Path(self.file).name

    @property
    def remedy(self) -> str:
        """What to do where it cannot be used."""
        return remedy(self.folder)

    def tensors(self) -> dict[str, Tensor]:
        """The weights, single precision.

        Raises:
            CaptureError: ``weights_missing`` or ``weights_damaged``.
        """
        try:
            content = self.path.read_bytes()
        except OSError as error:
            raise CaptureError(
                f"The weights file {self.path} is missing or cannot be read.",
                self.remedy,
                code="weights_missing",
            ) from error
        if hashlib.sha256(content).hexdigest() != self.sha256:
            raise CaptureError(
                f"The weights file {self.path} is damaged: its checksum is not the one listed.",
                self.remedy,
                code="weights_damaged",
            )
        try:
            return {name: tensor.float() for name, tensor in load_tensors(content).items()}
        except SafetensorError as error:
            raise self.misfit() from error

    def misfit(self) -> CaptureError:
        """The weights are not those of this network."""
        return CaptureError(
            f"The weights file {self.path} does not fit this version of the extension.",
            self.remedy,
            code="weights_damaged",
        )


def weights_folder(named: str | None) -> Path:
    """The folder named in the settings, else that of the weights that ship."""
    return DEFAULT_FOLDER if named is None else Path(named)


def remedy(folder: Path) -> str:
    """What to do where the weights in a folder cannot be used."""
    if folder == DEFAULT_FOLDER:
        return "Install the extension again."
    return "Export it again (python -m training export), or name another weights folder."


def read_manifest(folder: Path) -> dict[str, WeightsEntry]:
    """Name -> entry. Raises CaptureError where the manifest is missing or unreadable."""
    path = folder / MANIFEST
    if not path.is_file():
        raise CaptureError(
            f"The weights are missing: there is no {path}.", remedy(folder), code="weights_missing"
        )
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        if manifest["schema_version"] != SCHEMA_VERSION:
            raise ValueError(f"schema version {manifest['schema_version']}, not {SCHEMA_VERSION}")
        return {
            name: WeightsEntry(
                folder,
                name,
                str(e["file"]),
                str(e["sha256"]),
                dict(e["config"]),
                None if e.get("trunk") is None else TrunkEntry(**e["trunk"]),
            )
            for name, e in manifest["networks"].items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CaptureError(
            f"The list of weights {path} cannot be read: {error}.", remedy(folder), code="weights_damaged"
        ) from error
