# SPDX-License-Identifier: GPL-3.0-or-later
"""What kind of body a silhouette shows: on four legs, on two, with wings, and so on.

A small network has learned that from drawings of procedural creatures in all poses and from all sides
(``python -m training kinds``). It knows no rig and no colour.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .outlines import SIDE

KINDS = (
    "four legs",
    "two legs",
    "wings",
    "snake",
    "many legs",
    "fish",
    "lizard",
    "two legs and a tail",
)
WEIGHTS = Path(__file__).with_name("body_kinds.npz")
LAYERS = 3
"""Convolutions, each of which halves the image."""
SEEN = SIDE // 2
"""Pixels a side of what the network looks at."""
Array = NDArray[np.float32]


def kind_probabilities(masks: NDArray) -> Array:
    """(N, len(KINDS)) for normalised masks (N, SIDE * SIDE) of 0 and 1, as :class:`.outlines.Outlines` holds
    them; each row sums to 1."""
    weights = _weights()
    x = shrunk(masks)[:, None]
    for layer in range(LAYERS):
        x = np.maximum(_halved(x, weights[f"filters {layer}"], weights[f"filters {layer} offsets"]), 0.0)
    x = np.maximum(x.reshape(len(x), -1) @ weights["hidden"].T + weights["hidden offsets"], 0.0)
    return _softmax(x @ weights["kinds"].T + weights["kinds offsets"])


def shrunk(masks: NDArray) -> Array:
    """(N, SEEN, SEEN) mean of every 2 x 2 pixels of masks (N, SIDE * SIDE)."""
    squares = np.asarray(masks, np.float32).reshape(-1, SEEN, 2, SEEN, 2)
    return np.asarray(squares.mean(axis=(2, 4)))


@cache
def _weights() -> dict[str, Array]:
    with np.load(WEIGHTS, allow_pickle=False) as data:
        return {name: data[name].astype(np.float32) for name in data.files}


def _halved(x: Array, filters: Array, offsets: Array) -> Array:
    """(N, C, n, n) -> (N, D, ceil(n / 2), ceil(n / 2)): filters (D, C, 3, 3) at every other pixel."""
    size, padded = x.shape[-1], np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    shifts = [(row, column) for row in range(3) for column in range(3)]
    windows = np.stack([padded[:, :, r : r + size : 2, c : c + size : 2] for r, c in shifts], axis=-1)
    flat = filters.reshape(*filters.shape[:2], len(shifts))
    out = np.tensordot(windows, flat, axes=([1, 4], [1, 2])) + offsets
    return np.asarray(np.moveaxis(out, 3, 1))


def _softmax(logits: Array) -> Array:
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(odds / odds.sum(axis=1, keepdims=True))
