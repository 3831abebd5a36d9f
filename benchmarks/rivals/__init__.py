# SPDX-License-Identifier: GPL-3.0-or-later
"""Ways to turn joint positions into rotations, behind one call.

Each module is one method and defines ``solve(skeleton, positions, weights, hints, fps) -> Answer``:

- ``skeleton``: joints with all three angles locked turn with their parent.
- ``positions``: (T, J, 3) armature space; anything where the weight is 0.
- ``weights``: (T, J) confidence, 0 where a joint was not seen.
- ``hints``: (T, J, 4) expected local rotations (w, x, y, z) or None.
- ``fps``: frames a second.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mocapanything_addon.ik import Skeleton

Array = NDArray[np.float64]


class Answer(NamedTuple):
    """What every method returns."""

    local_rotations: Array
    """(T, J, 4) L_j (w, x, y, z)."""
    root_translation: Array
    """(T, 3) from rest."""


Solve = Callable[[Skeleton, Array, Array, Array | None, float], Answer]

MODULES = {
    "ours": "ours",
    "ours, frame by frame": "frame_by_frame",
    "V1-style IK": "v1_style",
    "GRACE": "grace",
    "mink": "mink_tasks",
    "pink": "pink_tasks",
}
"""Name in the tables -> module."""
NEEDS = {"mink": "mink", "pink": "pinocchio"}
"""Name in the tables -> package of the extra "benchmarks" without which the method is left out."""


def available() -> dict[str, Solve]:
    """The methods that can run here, in the order of the tables."""
    return {
        name: import_module("." + module, __name__).solve
        for name, module in MODULES.items()
        if name not in NEEDS or find_spec(NEEDS[name]) is not None
    }
