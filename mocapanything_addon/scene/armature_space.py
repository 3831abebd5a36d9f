# SPDX-License-Identifier: GPL-3.0-or-later
"""Is this object an armature we can work with, and how does its space lie in the world?"""

from __future__ import annotations

import bpy
import numpy as np
from numpy.typing import NDArray

from ..jobs.errors import BadInputError

Array = NDArray[np.float64]

SHEAR_TOLERANCE = 1e-3
UNEVEN_TOLERANCE = 1e-3


def check_armature(candidate: bpy.types.Object | None) -> list[str]:
    """Refuse what is no usable armature; return warnings about what is unusual.

    Raises:
        BadInputError: with what to do about it.
    """
    if candidate is None:
        raise BadInputError(
            "No armature is selected.", "Select the character's armature and try again.", code="no_armature"
        )
    if candidate.type != "ARMATURE":
        armature = candidate.find_armature()
        hint = f"Select its armature '{armature.name}'." if armature else "Select the character's armature."
        raise BadInputError(
            f"'{candidate.name}' is not an armature but a {candidate.type.lower().replace('_', ' ')} object.",
            hint,
            code="not_an_armature",
        )
    if not candidate.data.bones:
        raise BadInputError(
            f"The armature '{candidate.name}' has no bones.", "Select another armature.", code="no_bones"
        )
    if candidate.mode == "EDIT":
        raise BadInputError(
            f"The armature '{candidate.name}' is in Edit Mode.",
            "Leave Edit Mode and try again.",
            code="edit_mode",
        )
    bpy.context.view_layer.update()  # matrix_world is only as fresh as the last evaluation
    return _check_scale(candidate)


def _check_scale(armature_object: bpy.types.Object) -> list[str]:
    name = armature_object.name
    linear = np.array(armature_object.matrix_world, float)[:3, :3]
    scale = np.linalg.norm(linear, axis=0)
    apply = "Apply the scale of the armature and its meshes together (Object > Apply > Scale)."
    if not np.isfinite(linear).all() or scale.min() < 1e-8:
        raise BadInputError(
            f"The armature '{name}' is scaled to zero along an axis.",
            "Give it a scale above zero.",
            code="zero_scale",
        )
    if np.linalg.det(linear) < 0:
        raise BadInputError(
            f"The armature '{name}' is mirrored (negative scale).", apply, code="negative_scale"
        )
    axes = linear / scale
    if np.abs(axes.T @ axes - np.eye(3)).max() > SHEAR_TOLERANCE:
        raise BadInputError(
            f"The armature '{name}' is sheared by the scale of its parents.",
            "Clear the parent (Alt P, Keep Transformation) and apply the scale.",
            code="sheared",
        )
    if scale.max() / scale.min() > 1.0 + UNEVEN_TOLERANCE:
        return [
            f"The armature '{name}' is not scaled evenly. The motion is found for the unscaled "
            "character and is stretched with it."
        ]
    return []


def up_direction(armature_object: bpy.types.Object) -> Array:
    """(3,) the world's up in armature space, unit length."""
    return world_axes(armature_object)[:, 2]


def world_axes(armature_object: bpy.types.Object) -> Array:
    """(3, 3) the world's x, y and z axes in armature space as columns: orthonormal, z exact."""
    linear = np.array(armature_object.matrix_world, float)[:3, :3]
    _x, y, z = np.linalg.inv(linear).T
    z = z / np.linalg.norm(z)
    y = y - z * (y @ z)
    y = y / np.linalg.norm(y)
    return np.stack([np.cross(y, z), y, z], axis=1)
