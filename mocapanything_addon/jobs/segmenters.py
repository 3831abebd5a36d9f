# SPDX-License-Identifier: GPL-3.0-or-later
"""The larger segmenters that can be downloaded by name. The one place for their addresses and checksums.

Listed is only what may be used for any work by the word of those who made it, and whose checksum was taken
from the file itself. IS-Net is not: its authors give no licence with the weights, and allow the pictures that
it learned from (DIS5K) for non-commercial use only. Nothing keeps a user from naming its file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from urllib.parse import urlsplit

from .errors import BadInputError

MEGABYTE = 1e6


@dataclass(frozen=True)
class ListedSegmenter:
    """A segmenter that can be downloaded."""

    name: str
    label: str
    url: str
    """Of the ``.onnx`` file."""
    sha256: str
    size: int
    """Bytes."""
    licence: str
    """SPDX identifier, or words."""
    source: str
    """Where it comes from, for the user to read."""
    format: Mapping[str, object] = field(default_factory=dict)
    """What is written beside it, see ``models/segmenter_format.py``."""

    def path(self, folder: Path) -> Path:
        """Where its file lies in the folder of downloaded segmenters."""
        return folder / f"{self.name}.onnx"

    @property
    def host(self) -> str:
        """Whose server it comes from."""
        return urlsplit(self.url).netloc

    @property
    def words(self) -> str:
        """Size and licence, for the user to decide."""
        return f"{self.size / MEGABYTE:.0f} MB, licence {self.licence}"


LISTED: Mapping[str, ListedSegmenter] = MappingProxyType(
    {
        "u2net": ListedSegmenter(
            name="u2net",
            label="U-2-Net",
            url="https://github.com/danielgatis/rembg/releases/download/v0.0.0/u2net.onnx",
            sha256="8d10d2f3bb75ae3b6d527c77944fc5e7dcd94b29809d47a739a7a728a912b491",
            size=175_997_641,
            licence="Apache-2.0",
            source="https://github.com/xuebinqin/U-2-Net",
            format={"size": 320, "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]},
        ),
    }
)


def listed_segmenter(name: str) -> ListedSegmenter:
    """The segmenter of a name.

    Raises:
        BadInputError: ``segmenter_unknown``.
    """
    if name not in LISTED:
        raise BadInputError(
            f"There is no segmenter named {name} to download.",
            f"There is: {', '.join(LISTED)}.",
            code="segmenter_unknown",
        )
    return LISTED[name]
