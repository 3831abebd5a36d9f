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
    limbs_2d: float
    """Mean distance in the image between where limbs' joints are seen and where they should be, per cent of
    the body's size there; NaN without limbs."""
    skeletons: float
    """CD-Skeleton."""
    overlap: float = float("nan")
    """Of the outlines."""


@dataclass(frozen=True, eq=False)
class Truth:
    """What a capture is compared with."""

    track: Track
    joints: Joints
    camera: Camera
    limbs: NDArray[np.bool_]
    """(J,) joints of limbs, necks and tails."""


def errors(found: Track, truth: Truth, overlap: float = float("nan")) -> Errors:
    """Of a track in the true world."""
    true, joints = truth.track, truth.joints
    figures = measure(found, true, joints)
    away = np.linalg.norm(found.positions[:, 0] - true.positions[:, 0], axis=-1)
    return Errors(
        mpjpe=figures.mpjpe,
        yaw_aligned=figures.yaw_aligned_mpjpe,
        pa_mpjpe=figures.pa_mpjpe,
        rotation=figures.rotation_error,
        correlation=figures.motion_correlation,
        root=100.0 * float(away.mean()) / joints.size,
        heading=float(
            np.median(headings_apart(found.global_rotations[:, 0], true.global_rotations[:, 0], joints.up))
        ),
        limbs_2d=_apart_in_image(found, truth),
        skeletons=figures.cd_skeleton,
        overlap=overlap,
    )


def _apart_in_image(found: Track, truth: Truth) -> float:
    if not truth.limbs.any():
        return float("nan")
    here, there = (truth.camera.project(t.positions[:, truth.limbs]) for t in (found, truth.track))
    depth = truth.camera.to_camera(truth.track.positions[:, :1])[..., 2]
    body = truth.camera.focal * truth.joints.size / depth
    return 100.0 * float((np.linalg.norm(here - there, axis=-1) / body).mean())


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
