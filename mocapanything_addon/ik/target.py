# SPDX-License-Identifier: GPL-3.0-or-later
"""What a clip's motion should agree with, as arrays, and the same with everything unusable taken out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .camera import Camera
from .skeleton import Skeleton
from .terms.contacts import Contact
from .terms.ground import Ground

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class SurfacePoints:
    """N points of the character's surface that were seen in every frame, or in some."""

    rest: ArrayLike
    """(N, 3) rest pose, armature space."""
    skin_joints: ArrayLike
    """(N, K) joints that move the point."""
    skin_weights: ArrayLike
    """(N, K)."""
    observed: ArrayLike
    """(T, N, 3) armature space, or (T, N, 2) pixels of the target's camera; NaN where not seen."""
    weights: ArrayLike | None = None
    """(T, N) confidence; None: 1."""
    has_depth: bool = False
    """``observed`` (T, N, 3) is pixel x, pixel y and the distance along the camera's axis in armature units.
    Where only the distance is NaN, the pixel still counts.
    """


@dataclass(frozen=True, eq=False)
class Pin:
    """Something the solution must pass through in one frame."""

    frame: int
    joint: int | None = None
    """None: a whole pose."""
    position: ArrayLike | None = None
    """(3,) of the joint, armature space."""
    rotation: ArrayLike | None = None
    """(4,) of the joint, L_j (w, x, y, z)."""
    root_translation: ArrayLike | None = None
    """(3,) of a whole pose."""
    pose: ArrayLike | None = None
    """(J, 4) L_j of a whole pose."""


@dataclass(frozen=True, eq=False)
class Target:
    """Evidence about T frames of J joints. Values that are not finite are ignored, and the solution says
    so.
    """

    positions: ArrayLike | None = None
    """(T, J, 3) armature space."""
    weights: ArrayLike | None = None
    """(T, J) confidence of the positions, 0 leaves a joint out; None: 1."""
    rotations: ArrayLike | None = None
    """(T, J, 4) expected local rotations L_j (w, x, y, z)."""
    rotation_weights: ArrayLike | None = None
    """(T, J) confidence of the rotations; None: 1."""
    poses: ArrayLike | None = None
    """(N, J, 4) local rotations L_j the rig is known to take, such as those of its own Actions: joints that
    nothing shows move as they do there.
    """
    projections: ArrayLike | None = None
    """(T, J, 2) where joints were seen, pixels of ``camera``."""
    projection_weights: ArrayLike | None = None
    """(T, J); None: 1."""
    directions: ArrayLike | None = None
    """(T, J, 3) where the bone of each joint points, armature space, of any length: the direction that is
    the skeleton's ``twist_axes`` in rest pose.
    """
    direction_weights: ArrayLike | None = None
    """(T, J); None: 1."""
    points: SurfacePoints | None = None
    camera: Camera | None = None
    ground: Ground | None = None
    """No joint sinks into it, and what touches it stands on it."""
    up: ArrayLike | None = None
    """(3,) the vertical where there is no ground, for finding contacts."""
    contacts: Sequence[Contact] = ()
    pins: Sequence[Pin] = ()


@dataclass(frozen=True, eq=False)
class CleanTarget:
    """A target in which every number is finite and what is not to be used has weight 0."""

    positions: Array
    weights: Array
    rotations: Array
    """(T, J, 4)."""
    rotation_weights: Array
    projections: Array
    projection_weights: Array
    directions: Array
    """(T, J, 3) unit length."""
    direction_weights: Array
    observed: Array
    """(T, N, 2 or 3) pixels or places of the surface points; N = 0 where there are none."""
    observed_weights: Array
    depths: Array
    """(T, N) of surface points seen at pixels."""
    depth_weights: Array
    ignored: tuple[str, ...] = field(default=())

    @property
    def frame_count(self) -> int:
        return len(self.weights)

    def __getitem__(self, frames: slice) -> CleanTarget:
        parts = {name: getattr(self, name)[frames] for name in self.__dataclass_fields__ if name != "ignored"}
        return replace(self, **parts)


def clean(target: Target, skeleton: Skeleton) -> CleanTarget:
    """Check shapes and take out what is not finite.

    Raises:
        ValueError: a shape does not fit, no array gives the number of frames, or pixels come without a
            camera.
    """
    joints = skeleton.joint_count
    points = target.points
    observed = None if points is None else np.asarray(points.observed, float)
    arrays = (target.positions, target.rotations, target.projections, target.directions, observed)
    known = [a for a in arrays if a is not None]
    if not known:
        raise ValueError("a target needs positions, rotations, projections, directions or points")
    frames = len(np.asarray(known[0]))
    if frames == 0:
        raise ValueError("the target has no frames")
    ignored: list[str] = []
    count = 0 if points is None else len(np.asarray(points.rest))
    depths = np.full((frames, count), np.nan)
    if points is not None and points.has_depth and observed is not None:
        if observed.shape != (frames, count, 3):
            raise ValueError(
                f"surface points with depth have shape {observed.shape}, expected {(frames, count, 3)}"
            )
        observed, depths = observed[..., :2], observed[..., 2]
    sides = 3 if observed is None else observed.shape[-1]
    if target.camera is None and (target.projections is not None or sides == 2):
        raise ValueError("observations in pixels need the target's camera")
    positions = _cleaned("positions", target.positions, target.weights, (frames, joints, 3), ignored)
    turns = _cleaned("rotations", target.rotations, target.rotation_weights, (frames, joints, 4), ignored)
    pixels = _cleaned(
        "projections", target.projections, target.projection_weights, (frames, joints, 2), ignored
    )
    aims = _cleaned("directions", target.directions, target.direction_weights, (frames, joints, 3), ignored)
    lengths = np.linalg.norm(aims[0], axis=-1, keepdims=True)
    aims[1][lengths[..., 0] < 1e-12] = 0.0
    aims = (aims[0] / np.maximum(lengths, 1e-12), aims[1])
    surface = _cleaned(
        "surface points",
        observed,
        None if points is None else points.weights,
        (frames, count, sides),
        ignored,
    )
    # A point without a depth is nothing to report: its pixel is used.
    near = np.isfinite(depths) & (depths > 0.0)
    depths, depth_weights = np.where(near, depths, 1.0), np.where(near, surface[1], 0.0)
    empty = np.linalg.norm(turns[0], axis=-1) < 1e-12
    told = int((empty & (turns[1] > 0.0)).sum())
    if told:
        ignored.append(f"{told} of {empty.size} rotations are quaternions of length 0: ignored")
    turns[0][empty], turns[1][empty] = [1.0, 0.0, 0.0, 0.0], 0.0
    return CleanTarget(
        *positions, *turns, *pixels, *aims, *surface, depths, depth_weights, ignored=tuple(ignored)
    )


def _cleaned(
    name: str,
    values: ArrayLike | None,
    weights: ArrayLike | None,
    shape: tuple[int, int, int],
    ignored: list[str],
) -> tuple[Array, Array]:
    """Finite values and weights of 0 where they were not; says in ``ignored`` what was left out."""
    if values is None:
        return np.zeros(shape), np.zeros(shape[:2])
    array = np.array(values, float)
    trust = np.ones(shape[:2]) if weights is None else np.array(weights, float)
    if array.shape != shape or trust.shape != shape[:2]:
        raise ValueError(
            f"{name} have shape {array.shape} and weights {trust.shape}, expected {shape} and {shape[:2]}"
        )
    lost = ~np.isfinite(array).all(axis=-1)
    unsure = ~np.isfinite(trust) | (trust < 0.0)
    unusable = (lost & ~(trust == 0.0)) | unsure
    if unusable.any():
        frames = int(unusable.any(axis=1).sum())
        ignored.append(
            f"{int(unusable.sum())} of {unusable.size} {name} in {frames} frames are not finite: ignored"
        )
    array[lost], trust[lost | unsure] = 0.0, 0.0
    return array, trust
