# SPDX-License-Identifier: GPL-3.0-or-later
"""How far a capture is from the truth: the figures of samples/metrics.py, and root, heading and overlap.

A capture whose camera was guessed lives in a world of its own; it is first carried into the true world
through the two cameras, so that a wrong camera shows as a tilted, misplaced body.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mocapanything_addon.ik.camera import Camera
from mocapanything_addon.ik.rotations import quaternion_from_matrix
from samples.metrics import Joints, Track, measure, yaw_between

Array = NDArray[np.float64]
RIGHT_HEADING = 30.0
"""Degrees."""


@dataclass(frozen=True)
class Errors:
    """Of one motion of one case; centimetres in the 1 m cube, degrees."""

    mpjpe: float
    yaw_aligned: float
    pa_mpjpe: float
    rotation: float
    """Of moving bones; NaN where none moves."""
    correlation: float
    root: float
    """Mean distance of the root joint from its true place."""
    heading: float
    """Median over frames of how far the root is turned about the vertical against the truth."""
    overlap: float = float("nan")
    """Of the outlines."""


def errors(found: Track, truth: Track, joints: Joints, overlap: float = float("nan")) -> Errors:
    """Both tracks in the true world."""
    figures = measure(found, truth, joints)
    away = np.linalg.norm(found.positions[:, 0] - truth.positions[:, 0], axis=-1)
    return Errors(
        mpjpe=figures.mpjpe,
        yaw_aligned=figures.yaw_aligned_mpjpe,
        pa_mpjpe=figures.pa_mpjpe,
        rotation=figures.rotation_error,
        correlation=figures.motion_correlation,
        root=100.0 * float(away.mean()) / joints.size,
        heading=float(
            np.median(headings_apart(found.global_rotations[:, 0], truth.global_rotations[:, 0], joints.up))
        ),
        overlap=overlap,
    )


def turned_about(up: Array, rotations: Array) -> Array:
    """(...) radians that rotations (..., 3, 3) turn about ``up``, whatever they tilt (swing-twist)."""
    quaternions = quaternion_from_matrix(rotations)
    return 2.0 * np.arctan2(quaternions[..., 1:] @ up, quaternions[..., 0])


def headings_apart(found: Array, true: Array, up: Array) -> Array:
    """(T,) degrees that root rotations (T, 3, 3) are turned against each other about the vertical."""
    apart = found @ np.swapaxes(true, -1, -2)
    angles = turned_about(up, apart)
    return np.degrees(np.abs((angles + np.pi) % (2.0 * np.pi) - np.pi))


def body_turned(found: Track, truth: Track, up: Array) -> float:
    """Degrees of the one turn about the vertical that brings all joints nearest to the truth.

    Where trunks twist and spines wind, the root alone does not say which way the body faces.
    """
    a, b = (track.positions - track.positions[:, :1] for track in (found, truth))
    return float(np.degrees(np.abs(turned_about(up, yaw_between(a, b, up)))))


def in_true_world(track: Track, guessed: Camera, true: Camera) -> Track:
    """A track as seen by a guessed camera, put where the true camera sees the same."""
    turn = true.rotation.T @ guessed.rotation
    shift = true.rotation.T @ (guessed.translation - true.translation)
    return Track(np.asarray(track.positions @ turn.T + shift), np.asarray(turn @ track.global_rotations))
