# SPDX-License-Identifier: GPL-3.0-or-later
"""What may be the start of a capture, and its twin that looks the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..ik import rotations
from ..ik.motion import Motion
from .problem import Problem
from .start_poses import StartPose

APART = np.radians(35.0)
"""Ways of facing nearer than this are one hypothesis."""


@dataclass(frozen=True, eq=False)
class Hypothesis:
    """One pose in one frame that may be the start."""

    frame: int
    pose: Motion
    """One frame, in the world of the problem's camera."""
    fit: float
    """How well it explains its own frame: 2 x overlap, less what the pose costs."""
    overlap: float
    """Of the outlines, 0 to 1."""
    heading: float
    """Radians about the world's up from the rest pose's heading."""
    start_pose: StartPose
    """What it was searched from."""
    elevation: float = 0.0
    """Radians that the camera looks further down than the problem's, if this is right."""
    score: float = 0.0
    """How well its heading explains the clip, natural logarithm; comparable within one clip."""
    apart: float = 0.0
    """Mean distance between the outlines, both ways, the fit's pixels."""
    bent: float = 0.0
    """How far its joints are from the start pose's, 0 to 1."""
    lean: float = 0.0
    """How far the body is from upright, beyond what is usual."""
    probability: float = 1.0
    """That its heading is right, 0 to 1."""
    start: int = 1
    """Number of the distinct start it belongs to: 1 is the best heading of the clip, 2 the next, ..."""


def mirrored(problem: Problem, hypothesis: Hypothesis) -> Hypothesis | None:
    """The twin with (almost) the same silhouette: mirrored in depth, left and right exchanged.

    None for a body without left and right.
    """
    body = problem.body
    if body.symmetry is None:
        return None
    root = body.skeleton.root
    place = body.skeleton.rest_positions[root] + hypothesis.pose.root_translation[0]
    view = place - problem.camera.position
    view -= body.up * (view @ body.up)
    view /= max(float(np.linalg.norm(view)), 1e-9)
    in_depth = np.eye(3) - 2.0 * np.outer(view, view)
    sideways = np.eye(3) - 2.0 * np.outer(body.symmetry.axis, body.symmetry.axis)
    local = body.symmetry.mirror_rotations(hypothesis.pose.local_rotations)
    local[0, root] = in_depth @ hypothesis.pose.local_rotations[0, root] @ sideways
    pose = Motion(hypothesis.pose.root_translation.copy(), local)
    return replace(hypothesis, pose=pose, heading=heading_of(body.up, local[0, root]))


def heading_of(up: NDArray[np.float64], rotation: NDArray[np.float64]) -> float:
    """Radians that a rotation (3, 3) turns about ``up``, whatever it tilts (swing-twist)."""
    w, x, y, z = rotations.quaternion_from_matrix(rotation)
    return float(2.0 * np.arctan2(np.array([x, y, z]) @ up, w))


def distinct_headings(ways: Sequence[Mapping[int, float]]) -> list[int]:
    """For each way of facing, best first, the number from 0 of the distinct one it belongs to.

    Args:
        ways: Radians, by frame; any two have frames in common.

    Returns:
        As many numbers; a way joins the best one that it is not ``APART`` from.
    """
    leaders: list[Mapping[int, float]] = []
    numbers: list[int] = []
    for way in ways:
        near = [k for k, leader in enumerate(leaders) if ways_apart(leader, way) < APART]
        numbers.append(near[0] if near else len(leaders))
        if not near:
            leaders.append(way)
    return numbers


def ways_apart(first: Mapping[int, float], second: Mapping[int, float]) -> float:
    """Radians between two ways of facing: the median of the frames that both have. A twin faces elsewhere
    in most frames and may well face the same way in some; one fit in a few goes astray.

    Raises:
        ValueError: They have no frame in common.
    """
    common = first.keys() & second.keys()
    if not common:
        raise ValueError("no frame in common")
    return float(np.median([between(first[frame], second[frame]) for frame in common]))


def between(first: float, second: float) -> float:
    """Radians, 0 to pi, between two headings."""
    return abs((first - second + np.pi) % (2.0 * np.pi) - np.pi)
