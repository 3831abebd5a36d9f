# SPDX-License-Identifier: GPL-3.0-or-later
"""The map of parts in another window shows the same parts in the same places of the image."""

from __future__ import annotations

import numpy as np
import pytest

from mocapanything_addon.fit.crop import Crop
from mocapanything_addon.fit.parts import NOTHING, PartMap


def test_another_window_shows_the_same_parts() -> None:
    joints = np.full((40, 40), NOTHING, np.int16)
    joints[10:20, 5:30] = 3
    joints[20:30, 5:30] = 7
    seen = PartMap(joints, Crop(100.0, 50.0, 40.0, 40))
    same = seen.within(seen.crop)
    assert (same == joints).all()
    other = Crop(90.0, 40.0, 60.0, 120)
    there = seen.within(other)
    for place, joint in (((115.0, 65.0), 3), ((115.0, 75.0), 7), ((92.0, 42.0), NOTHING)):
        x, y = np.rint(other.to_crop(np.array(place))).astype(int)
        assert there[y, x] == joint
    assert (there == 3).sum() == pytest.approx(4.0 * (joints == 3).sum(), rel=0.05)
