# SPDX-License-Identifier: GPL-3.0-or-later
"""Whole-clip inverse kinematics on any skeleton, within its joints' ranges.

    skeleton = Skeleton(names, parents, rest_positions, rest_rotations, limits=limits)
    solution = solve_clip(skeleton, Target(positions=positions), fps=24)

The names below are loaded when they are first used: Blender's own Python, which has no scipy, uses this
package's rotations.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .camera import Camera
    from .clip import Solution, solve_clip
    from .motion import Motion
    from .settings import IKSettings
    from .skeleton import Skeleton
    from .target import Pin, SurfacePoints, Target
    from .terms.contacts import Contact
    from .terms.ground import Ground

_MODULES = {
    "Camera": ".camera",
    "Contact": ".terms.contacts",
    "Ground": ".terms.ground",
    "IKSettings": ".settings",
    "Motion": ".motion",
    "Pin": ".target",
    "Skeleton": ".skeleton",
    "Solution": ".clip",
    "SurfacePoints": ".target",
    "Target": ".target",
    "solve_clip": ".clip",
}
__all__ = [
    "Camera",
    "Contact",
    "Ground",
    "IKSettings",
    "Motion",
    "Pin",
    "Skeleton",
    "Solution",
    "SurfacePoints",
    "Target",
    "solve_clip",
]


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULES[name], __name__), name)
