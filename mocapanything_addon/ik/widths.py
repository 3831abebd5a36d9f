# SPDX-License-Identifier: GPL-3.0-or-later
"""Standard deviations of what was observed: from the settings, or told from the evidence."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from . import rotations
from .clip_problem import ClipProblem
from .kinematics import State
from .motion import Motion
from .noise import point_noise, position_noise, robust_deviation

Array = NDArray[np.float64]
REFERENCE_RATE = 24.0
"""Frames a second at which accelerations are given in the settings."""
SMOOTHING = 1.0
"""Frames, standard deviation of the Gaussian that a motion's velocities are smoothed with."""
AROUND = 3.0
"""Frames, standard deviation of the Gaussian that squared accelerations are averaged with."""
LOST = 1.7
"""Smoothing takes nearly half of the acceleration of fast motion too."""
LIVELINESS = (0.01, 2.0)
"""Least and most of the usual acceleration."""


@dataclass(frozen=True)
class Widths:
    """Standard deviations of what was observed."""

    position: float
    """Armature units, joints."""
    surface: float
    """Armature units, surface points in space."""
    pixel: float
    """Surface points."""
    depth: float
    """Armature units, surface points."""
    turn_acceleration: Array
    """(T - 2, J) radians per frame^2."""
    root_acceleration: Array
    """(T - 2,) armature units per frame^2."""


def first_widths(problem: ClipProblem) -> Widths:
    """From the settings, and where they leave it open from the evidence alone."""
    evidence, settings, points = problem.evidence, problem.settings, problem.points
    skeleton, camera = problem.skeleton, problem.target.camera
    size = skeleton.size
    if settings.position_sigma is None:
        position = position_noise(skeleton, evidence.positions, evidence.weights)
    else:
        position = settings.position_sigma * size
    found = None
    if points is not None and settings.surface_sigma is None:
        found = point_noise(points.skin, *problem.places_of_points())
    surface = (settings.surface_sigma or settings.least_surface_sigma) * size if found is None else found
    surface = max(surface, settings.least_surface_sigma * size)
    pixel = settings.projection_sigma
    if found is not None and camera is not None and (evidence.depth_weights > 0.0).any():
        distance = float(np.median(evidence.depths[evidence.depth_weights > 0.0]))
        pixel = max(pixel, surface * camera.focal / distance)
    depth = surface if settings.depth_sigma is None else settings.depth_sigma * size
    return Widths(
        max(position, settings.least_position_sigma * size),
        surface,
        pixel,
        depth,
        *_usual_accelerations(problem),
    )


def widths_after(problem: ClipProblem, widths: Widths, motion: Motion) -> Widths:
    """The widths, with those the settings leave open told from how far off the points of a solution are."""
    if problem.points is None:
        return widths
    evidence, settings, skeleton = problem.evidence, problem.settings, problem.skeleton
    camera = problem.target.camera
    least = settings.least_surface_sigma * skeleton.size
    places = problem.points.positions(State(skeleton, motion))
    seen = evidence.observed_weights > 0.0
    surface, pixel, depth = widths.surface, widths.pixel, widths.depth
    if evidence.observed.shape[-1] == 3:
        if settings.surface_sigma is None:
            surface = max(robust_deviation((places - evidence.observed)[seen].reshape(-1)) or 0.0, least)
    elif camera is not None:
        away = (camera.project(places) - evidence.observed)[seen]
        pixel = max(robust_deviation(away.reshape(-1)) or 0.0, settings.projection_sigma)
        if settings.depth_sigma is None:
            behind = camera.to_camera(places)[..., 2] - evidence.depths
            depth = max(robust_deviation(behind[evidence.depth_weights > 0.0]) or 0.0, least)
    return replace(widths, surface=surface, pixel=pixel, depth=depth)


def adapted_smoothness(problem: ClipProblem, widths: Widths, motion: Motion) -> Widths:
    """The widths with accelerations as they are in a motion around each frame.

    A motion found from noisy evidence accelerates in every frame because of the noise. Smoothed over a few
    frames, much of that vanishes, and what is left tells where and how fast the body really moves.
    """
    if motion.frame_count < 4:
        return widths
    turned = motion.local_rotations
    velocity = rotations.log(np.swapaxes(turned[:-1], -1, -2) @ turned[1:])
    turns = np.diff(gaussian_filter1d(velocity, SMOOTHING, axis=0, mode="nearest"), axis=0)
    moves = np.diff(
        gaussian_filter1d(motion.root_translation, SMOOTHING, axis=0, mode="nearest"), n=2, axis=0
    )
    usual = _usual_accelerations(problem)
    return replace(
        widths,
        turn_acceleration=usual[0] * _liveliness(turns, usual[0]),
        root_acceleration=usual[1] * _liveliness(moves, usual[1]),
    )


def _usual_accelerations(problem: ClipProblem) -> tuple[Array, Array]:
    """(T - 2, J) radians per frame^2 and (T - 2,) armature units per frame^2."""
    settings, skeleton = problem.settings, problem.skeleton
    # The same motion sampled more finely has smaller accelerations, more often.
    finer = (problem.fps / REFERENCE_RATE) ** 1.5
    changes = max(problem.evidence.frame_count - 2, 0)
    return (
        np.full((changes, skeleton.joint_count), settings.acceleration_sigma / finer),
        np.full(changes, settings.root_acceleration_sigma * skeleton.size / finer),
    )


def _liveliness(accelerations: Array, usual: Array) -> Array:
    """Root mean square of accelerations (t, ..., 3) around each frame over what is usual (t, ...)."""
    square = gaussian_filter1d((accelerations**2).mean(axis=-1), AROUND, axis=0, mode="nearest")
    return np.clip(LOST * np.sqrt(square) / usual, *LIVELINESS)
