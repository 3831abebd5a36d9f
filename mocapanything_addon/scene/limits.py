# SPDX-License-Identifier: GPL-3.0-or-later
"""Joint limits and locks that the artist set on a pose bone."""

from __future__ import annotations

from dataclasses import dataclass

import bpy
import numpy as np
from numpy.typing import NDArray

AXES = "xyz"


@dataclass(frozen=True, eq=False)
class JointLimits:
    """What one bone may do, about its own rest axes."""

    limits: NDArray[np.float64]
    """(3, 2) lowest and highest angle, radians, relative to rest; -inf and inf where free."""
    locked: NDArray[np.bool_]
    """(3,) channels the artist locked."""
    warnings: tuple[str, ...] = ()

    @property
    def is_free(self) -> bool:
        return not self.locked.any() and not np.isfinite(self.limits).any()


def free_limits() -> JointLimits:
    """A joint that may turn any way."""
    return JointLimits(np.tile([-np.inf, np.inf], (3, 1)), np.zeros(3, bool))


def read_limits(bone: bpy.types.PoseBone) -> JointLimits:
    """IK limits, IK locks, Limit Rotation constraints in local space and lock flags of a pose bone.

    Where several limit the same axis the tightest range counts; ranges that exclude each other leave one
    angle.
    """
    low, high = np.full(3, -np.inf), np.full(3, np.inf)
    for k, axis in enumerate(AXES):
        if getattr(bone, f"lock_ik_{axis}"):
            low[k] = high[k] = 0.0
        elif getattr(bone, f"use_ik_limit_{axis}"):
            low[k], high[k] = getattr(bone, f"ik_min_{axis}"), getattr(bone, f"ik_max_{axis}")
    warnings = []
    for constraint in bone.constraints:
        if constraint.type != "LIMIT_ROTATION" or constraint.mute or constraint.influence < 1.0:
            continue
        if constraint.owner_space != "LOCAL":
            warnings.append(
                f"The Limit Rotation constraint '{constraint.name}' of '{bone.name}' is not in Local Space; "
                "the capture does not know this limit."
            )
            continue
        for k, axis in enumerate(AXES):
            if getattr(constraint, f"use_limit_{axis}"):
                low[k] = max(low[k], getattr(constraint, f"min_{axis}"))
                high[k] = min(high[k], getattr(constraint, f"max_{axis}"))
    exclusive = low > high
    low[exclusive] = high[exclusive] = 0.5 * (low[exclusive] + high[exclusive])
    return JointLimits(np.stack([low, high], axis=1), np.array(bone.lock_rotation, bool), tuple(warnings))
