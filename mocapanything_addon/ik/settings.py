# SPDX-License-Identifier: GPL-3.0-or-later
"""How far evidence may be wrong, and how the solution is looked for."""

from __future__ import annotations

from dataclasses import dataclass, field, fields

from .solve import SolveSettings


@dataclass(frozen=True)
class IKSettings:
    """How far each kind of evidence may be wrong. Lengths are shares of the skeleton's size, angles
    radians.
    """

    position_sigma: float | None = None
    """None: from how much the distance of neighbouring joints changes."""
    least_position_sigma: float = 0.0001
    position_loss: float = 2.5
    """Huber threshold, standard deviations."""
    projection_sigma: float = 3.0
    """Pixels, joints and surface points; of the latter the least, they are asked for more where they agree
    less.
    """
    surface_sigma: float | None = None
    """Of surface points in space. None: from how much the distances of points on one bone change."""
    depth_sigma: float | None = None
    """Of the depths of surface points. None: as for points in space."""
    least_surface_sigma: float = 0.005
    surface_loss: float = 4.0
    """Geman-McClure threshold, standard deviations."""
    rotation_sigma: float = 0.15
    """Of the expected rotations, about each axis."""
    direction_sigma: float = 0.1
    """Of the directions of bones."""
    rest_sigma: float = 1.0
    """Of the pull to rest where no rotation is expected."""
    twist_factor: float = 0.5
    """Sigma of a bone's twist against its swing, for the pull to rest and for acceleration."""
    hinge_factor: float = 0.5
    """Sigma of bending out of the plane in which a bone is bent at rest, for the pull to rest."""
    acceleration_sigma: float = 0.12
    """Radians per frame^2 at 24 frames a second."""
    root_acceleration_sigma: float = 0.01
    """Per frame^2 at 24 frames a second."""
    stretch_sigma: float = 0.05
    """Of the distance of joints that may leave their parent from their place in rest pose."""
    contact_sigma: float = 0.0005
    ground_sigma: float = 0.002
    """How far a joint may sink into the ground."""
    find_contacts: bool = False
    """Look for joints that stand still, and hold them there."""
    undo_swaps: bool = True
    """Look for frames in which mirrored limbs traded places, and put them back."""
    pin_sigma: float = 0.0001
    solver: SolveSettings = field(default_factory=SolveSettings)

    def __post_init__(self) -> None:
        for item in fields(self):
            value = getattr(self, item.name)
            if isinstance(value, int | float) and not isinstance(value, bool) and not value > 0.0:
                raise ValueError(f"{item.name} must be positive, found {value}")
