# SPDX-License-Identifier: GPL-3.0-or-later
"""A frame in which motion hints at the whole picture keeps the subject of the frame before."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from mocapanything_addon.fit.crop import Crop
from mocapanything_addon.worker.subject.clip import _FoundMasks
from mocapanything_addon.worker.subject.follow import MaskStart, follow_masks
from mocapanything_addon.worker.subject.frame_store import Scratch

SIZE = 64
WHOLE = Crop(0.0, 0.0, float(SIZE), SIZE)


class Obedient:
    """Cuts out what is hinted at."""

    def logit(self, color: NDArray[np.uint8], hint: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.where(hint > 0, np.float32(4.0), np.float32(-4.0))


def masks_of(*hinted: tuple[slice, slice]) -> list[NDArray[np.uint8]]:
    """Masks of frames whose hints are boxes; the third one is seen from a window that lies elsewhere."""
    odds = np.full((len(hinted), SIZE, SIZE), -6.0, np.float32)
    for index, box in enumerate(hinted):
        odds[index][box] = 6.0
    info: Any = SimpleNamespace(width=SIZE, height=SIZE)
    found = _FoundMasks(info, odds, Obedient(), 0.001)  # type: ignore[arg-type]
    frame: Any = SimpleNamespace(rgb=np.zeros((SIZE, SIZE, 3), np.uint8))
    crops = [WHOLE, WHOLE, Crop(-8.0, 0.0, float(SIZE), SIZE)]
    return [found.cut(index, frame, crops[index], None)[1] for index in range(len(hinted))]


BODY = (slice(20, 40), slice(20, 40))
GROWN = (slice(18, 44), slice(20, 42))
AROUND = (slice(14, 46), slice(14, 46))
MEADOW = (slice(4, 60), slice(4, 60))


def test_a_mask_does_not_take_in_the_meadow_from_one_frame_to_the_next() -> None:
    first, second, third = masks_of(BODY, MEADOW, MEADOW)
    assert np.count_nonzero(second) == pytest.approx(np.count_nonzero(first), rel=0.15)
    assert np.count_nonzero(third) == pytest.approx(np.count_nonzero(first), rel=0.3)
    # The third window lies eight pixels to the left: there the body is eight pixels to the right.
    assert np.nonzero(third)[1].mean() == pytest.approx(np.nonzero(first)[1].mean() + 8.0, abs=1.5)


def test_a_body_may_grow_and_the_first_frame_is_believed() -> None:
    first, second = masks_of(BODY, GROWN)
    assert np.count_nonzero(second) > 1.3 * np.count_nonzero(first)
    large, small = masks_of(MEADOW, BODY)
    assert np.count_nonzero(large) > 5 * np.count_nonzero(small) > 0


@pytest.mark.parametrize(("moving", "swells"), [((slice(18, 42), slice(18, 42)), True), (AROUND, False)])
def test_motion_that_hints_at_the_meadow_is_not_followed(
    tmp_path: Path, moving: tuple[slice, slice], swells: bool
) -> None:
    """But a little more than the body may be a limb."""
    hint = np.full((SIZE, SIZE), -1.0, np.float32)
    hint[moving] = 1.0
    odds = np.full((SIZE, SIZE), -6.0, np.float32)
    odds[BODY] = 6.0
    with Scratch(tmp_path) as scratch:
        frames = scratch.store("frames", (SIZE, SIZE, 3))
        for _ in range(6):
            frames.append(np.zeros((SIZE, SIZE, 3), np.uint8))
        start = MaskStart(0, odds, lambda index, carried: hint)
        found = follow_masks(frames, [start], Obedient(), scratch, lambda share: None)
        areas = [int((found[index] > 0).sum()) for index in range(6)]
    assert areas[-1] == pytest.approx(24 * 24 if swells else 20 * 20, rel=0.1)
