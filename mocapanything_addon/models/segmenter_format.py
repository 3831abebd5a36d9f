# SPDX-License-Identifier: GPL-3.0-or-later
"""How a segmenter wants its picture and how its answer is read: by convention, or as a file beside it says.

The conventions are those of the networks as their authors train them: U-2-Net (Qin et al. 2020), BiRefNet
(Zheng et al. 2024) and most others take colours by ImageNet's mean and deviation, IS-Net (Qin et al. 2022)
and what descends from it take them less one half.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, fields, replace
from math import isfinite
from pathlib import Path

from ..jobs.errors import BadInputError

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
HALF, ONE = (0.5, 0.5, 0.5), (1.0, 1.0, 1.0)
LESS_ONE_HALF = ("isnet", "is-net", "rmbg")
"""Parts of file names of networks that take colours less one half."""
FROM_MINUS_ONE = ("modnet",)
"""Of those that take colours from -1 to 1."""
KINDS = ("probability", "logit")
MOST_PIXELS = 4096
"""A side of the picture, at most."""


@dataclass(frozen=True)
class SegmenterFormat:
    """The picture is ``(colours / scale - mean) / std``, RGB."""

    size: int | None = None
    """Pixels a side of the picture; None: the network's own, else ``ANY_SIZE``."""
    mean: tuple[float, ...] = IMAGENET_MEAN
    std: tuple[float, ...] = IMAGENET_STD
    scale: float = 255.0
    output: str | None = None
    """Name of the output with the mask; None: the first."""
    kind: str | None = None
    """What the mask's values are, one of ``KINDS``; None: logits where they leave the range from 0 to 1."""


def format_file(model: Path) -> Path:
    """Where the format of a model may be written down: ``u2net.json`` beside ``u2net.onnx``."""
    return model.with_suffix(".json")


def read_format(model: Path) -> SegmenterFormat:
    """The format of a model: by its name, with what the file beside it says otherwise.

    Raises:
        BadInputError: ``segmenter_format``, the file beside it cannot be understood.
    """
    usual = _by_name(model.stem.lower())
    path = format_file(model)
    if not path.is_file():
        return usual
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(values, dict):
            raise TypeError("it holds no object")
        known = [field.name for field in fields(SegmenterFormat)]
        unknown = sorted(set(values) - set(known))
        if unknown:
            raise ValueError(f"{', '.join(unknown)} is not known; known are {', '.join(known)}")
        for name in ("mean", "std"):
            if name in values:
                values[name] = _three(name, values[name])
        found = replace(usual, **values)
        _check(found)
    except (OSError, ValueError, TypeError) as error:
        raise BadInputError(
            f"The format of the segmenter in {path} cannot be used: {error}.",
            "Mend it or delete it; docs/segmenter.md says what it may hold.",
            code="segmenter_format",
        ) from error
    return found


def _by_name(name: str) -> SegmenterFormat:
    if any(part in name for part in LESS_ONE_HALF):
        return SegmenterFormat(mean=HALF, std=ONE)
    if any(part in name for part in FROM_MINUS_ONE):
        return SegmenterFormat(mean=HALF, std=HALF)
    return SegmenterFormat()


def _three(name: str, values: object) -> tuple[float, ...]:
    """One number for all colours, or one for each."""
    listed = values if isinstance(values, list) else [values] * 3
    if len(listed) != 3 or not all(_is_number(value) for value in listed):
        raise ValueError(f"{name} must be a number, or three: red, green, blue")
    return tuple(map(float, listed))


def _check(found: SegmenterFormat) -> None:
    size = found.size
    if size is not None and not (type(size) is int and 32 <= size <= MOST_PIXELS):
        raise ValueError(f"size must be a whole number of pixels from 32 to {MOST_PIXELS}")
    if not _is_number(found.scale) or found.scale <= 0 or min(found.std) <= 0:
        raise ValueError("scale and std must be above 0")
    if found.kind is not None and found.kind not in KINDS:
        raise ValueError(f"kind must be one of {', '.join(KINDS)}")
    if found.output is not None and not isinstance(found.output, str):
        raise ValueError("output must be the name of an output")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)
