# SPDX-License-Identifier: GPL-3.0-or-later
"""How sure a pull on rotations is, axis by axis."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..skeleton import Skeleton

Array = NDArray[np.float64]
STRAIGHT, BENT = np.radians(5.0), np.radians(15.0)
"""Bends at rest that tell nothing, and all, of the plane a joint bends in."""


def joint_precision(
    skeleton: Skeleton, sigma: ArrayLike, twist_factor: float = 1.0, hinge_factor: float = 1.0
) -> Array:
    """1 / sigma^2 about axes across the bone, 1 / (twist_factor sigma)^2 about its length.

    A bone that is bent against the one before it in rest pose mostly goes on bending in that plane, as knees
    and elbows do: out of the plane it turns by hinge_factor sigma.

    Args:
        skeleton: its ``twist_axes`` are the bones' lengths.
        sigma: (..., J) or a number, radians; inf gives no pull.
        twist_factor: below 1, twist is held more firmly than swing.
        hinge_factor: below 1, bending out of the plane of the rest pose is held more firmly than within it.

    Returns:
        (..., J, 3, 3) in the joints' own frames, armature axes at rest.
    """
    sigma = np.broadcast_to(np.asarray(sigma, float), (*np.shape(sigma)[:-1], skeleton.joint_count))
    axes = skeleton.twist_axes
    shape = np.eye(3) + (1.0 / twist_factor**2 - 1.0) * axes[:, :, None] * axes[:, None, :]
    if hinge_factor != 1.0:
        sideways, bent = _out_of_plane(skeleton)
        firmer = (1.0 / hinge_factor**2 - 1.0) * bent
        shape = shape + firmer[:, None, None] * sideways[:, :, None] * sideways[:, None, :]
    return shape / np.square(sigma)[..., None, None]


def _out_of_plane(skeleton: Skeleton) -> tuple[Array, Array]:
    """(J, 3) axis across each bone that leads out of the plane it is bent in at rest, and how clearly it is
    bent (J,), 0 to 1.
    """
    along = skeleton.twist_axes
    lengths = np.linalg.norm(skeleton.offsets, axis=1)
    before = skeleton.offsets / np.maximum(lengths, 1e-12)[:, None]
    hinge = np.cross(before, along)
    sine = np.linalg.norm(hinge, axis=1)
    sideways = np.cross(along, hinge / np.maximum(sine, 1e-12)[:, None])
    has_child = np.array([len(children) > 0 for children in skeleton.children])
    bent = np.clip((sine - np.sin(STRAIGHT)) / (np.sin(BENT) - np.sin(STRAIGHT)), 0.0, 1.0)
    return sideways, bent * has_child
