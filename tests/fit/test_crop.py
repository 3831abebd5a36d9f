# SPDX-License-Identifier: GPL-3.0-or-later
"""One point, seen in two windows of an image."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mocapanything_addon.fit.crop import Crop

crops = st.builds(Crop, st.floats(-50, 300), st.floats(-50, 300), st.floats(5, 400), st.integers(16, 256))


@given(first=crops, second=crops)
def test_the_way_from_window_to_window_leads_through_the_image(first: Crop, second: Crop) -> None:
    pixels = np.array([[0.0, 0.0], [3.5, 10.0], [float(first.size), 7.0]])
    matrix = first.affine_to(second)
    assert matrix.shape == (2, 3)
    found = pixels @ matrix[:, :2].T + matrix[:, 2]
    assert np.allclose(found, second.to_crop(first.to_image(pixels)), atol=1e-6)
