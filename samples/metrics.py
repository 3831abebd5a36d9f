# SPDX-License-Identifier: GPL-3.0-or-later
"""How far a captured motion is from the truth.

Lengths are centimetres after scaling the rig so that the longest side of its joints' rest-pose box is one
metre (the "1 m cube" of MoCapAnything, arXiv 2512.10881 and 2604.28130); angles are degrees.

- MPJPE: mean distance of joints, the root's place removed in every frame (Human3.6M, protocol 1).
- PA-MPJPE: the same after the best similarity transform of every frame (protocol 2; Umeyama 1991).
- Yaw-aligned MPJPE: one rotation about the vertical for the whole clip, because a heading that is wrong
  throughout is one mistake, not one a frame.
- MPJVE: mean error of the displacement from frame to frame, centimetres a frame (Pavllo et al. 2019).
- Rotation error: mean geodesic angle between local rotations, over the bones that move in the truth.
- Motion correlation: of all joints' movement about their mean place in the body's own frame; 1 is the same
  motion, doing nothing scores 0.
- CD-Skeleton: mean distance from joints to the nearest bone of the other skeleton, both ways (arXiv
  2512.10881).

The floors say what no capture at all would score: the rest pose on the true root, and the best constant pose
on the true root, which takes the average pose from the truth.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mocapanything_addon.ik.kinematics import forward
from mocapanything_addon.ik.motion import Motion
from mocapanything_addon.ik.rotations import angle_between, exp, matrix_from_quaternion, nearest_rotation
from mocapanything_addon.ik.skeleton import Skeleton
from mocapanything_addon.jobs.rig import Rig

Array = NDArray[np.float64]
MOVING_DEGREES = 2.0
"""A bone moves if its local rotation leaves its mean by more than this (root mean square)."""

STILL = 1e-5
"""Movement below this share of the body is rounding."""


@dataclass(frozen=True, eq=False)
class Joints:
    """What the figures need to know of a rig; joint 0 is the root and parents come before children."""

    parents: NDArray[np.int32]
    """(J,)."""
    is_tail: NDArray[np.bool_]
    """(J,) ends of leaf bones, which have no rotation of their own."""
    rest_positions: Array
    """(J, 3)."""
    up: Array = field(default_factory=lambda: np.array([0.0, 0.0, 1.0]))
    """(3,) the vertical."""

    @classmethod
    def of_rig(cls, rig: Rig) -> Joints:
        return cls(rig.parents, rig.is_tail, rig.rest_positions, rig.up)

    @property
    def size(self) -> float:
        """What counts as one metre."""
        return float(np.ptp(self.rest_positions, axis=0).max())


@dataclass(frozen=True, eq=False)
class Track:
    """T frames of J joints, armature space."""

    positions: Array
    """(T, J, 3)."""
    global_rotations: Array
    """(T, J, 3, 3) rest-relative D_j."""

    @classmethod
    def from_quaternions(cls, positions: ArrayLike, global_rotations: ArrayLike) -> Track:
        """From (T, J, 3) and (T, J, 4), (w, x, y, z)."""
        return cls(np.asarray(positions, float), matrix_from_quaternion(global_rotations))

    def local_rotations(self, parents: NDArray[np.integer]) -> Array:
        """(T, J, 3, 3) L_j; the root's is global."""
        above = self.global_rotations[:, np.maximum(parents, 0)]
        local = np.swapaxes(above, -1, -2) @ self.global_rotations
        local[:, parents < 0] = self.global_rotations[:, parents < 0]
        return local


@dataclass(frozen=True)
class Figures:
    """See the module. Rotation error is NaN where no bone moves."""

    mpjpe: float
    pa_mpjpe: float
    yaw_aligned_mpjpe: float
    mpjve: float
    rotation_error: float
    motion_correlation: float
    cd_skeleton: float

    def to_dict(self) -> dict[str, float]:
        return asdict(self)


def measure(predicted: Track, truth: Track, joints: Joints) -> Figures:
    """All figures of a capture; both tracks have these joints and the same frames."""
    if predicted.positions.shape != truth.positions.shape:
        raise ValueError(f"shapes differ: {predicted.positions.shape} and {truth.positions.shape}")
    scale = 100.0 / joints.size
    a, b = scale * predicted.positions, scale * truth.positions
    moving = moving_bones(truth, joints)
    return Figures(
        mpjpe=mpjpe(a, b),
        pa_mpjpe=pa_mpjpe(a, b),
        yaw_aligned_mpjpe=yaw_aligned_mpjpe(a, b, joints.up),
        mpjve=mpjve(a, b),
        rotation_error=rotation_error(predicted, truth, joints, moving),
        motion_correlation=motion_correlation(predicted, truth),
        cd_skeleton=cd_skeleton(a, b, joints.parents),
    )


def mpjpe(predicted: Array, truth: Array) -> float:
    """(T, J, 3) both; joint 0 is the root."""
    return float(np.linalg.norm(_rooted(predicted) - _rooted(truth), axis=-1).mean())


def pa_mpjpe(predicted: Array, truth: Array) -> float:
    """Each frame moved, turned and scaled onto the truth. (T, J, 3) both."""
    a = predicted - predicted.mean(axis=1, keepdims=True)
    b = truth - truth.mean(axis=1, keepdims=True)
    covariance = np.swapaxes(b, -1, -2) @ a
    rotation = nearest_rotation(covariance)
    turned = a @ np.swapaxes(rotation, -1, -2)
    spread = (a**2).sum(axis=(1, 2))
    scale = (turned * b).sum(axis=(1, 2)) / np.maximum(spread, 1e-12)
    return float(np.linalg.norm(scale[:, None, None] * turned - b, axis=-1).mean())


def yaw_aligned_mpjpe(predicted: Array, truth: Array, up: ArrayLike) -> float:
    """After the one rotation about ``up`` that suits the whole clip best. (T, J, 3) both."""
    a, b = _rooted(predicted), _rooted(truth)
    return float(np.linalg.norm(a @ yaw_between(a, b, up).T - b, axis=-1).mean())


def yaw_between(points: Array, wanted: Array, up: ArrayLike) -> Array:
    """(3, 3) rotation about ``up`` that brings points (..., 3) nearest to others, in least squares."""
    axis = np.asarray(up, float) / np.linalg.norm(up)
    cosine = (points * wanted).sum() - ((points @ axis) * (wanted @ axis)).sum()
    sine = (np.cross(points, wanted) @ axis).sum()
    angle = np.arctan2(sine, cosine)
    return exp(angle * axis)


def mpjve(predicted: Array, truth: Array) -> float:
    """(T, J, 3) both, T at least 2 (else 0)."""
    if len(truth) < 2:
        return 0.0
    a, b = np.diff(_rooted(predicted), axis=0), np.diff(_rooted(truth), axis=0)
    return float(np.linalg.norm(a - b, axis=-1).mean())


def moving_bones(truth: Track, joints: Joints) -> NDArray[np.bool_]:
    """(J,) bones that bend during the clip; never the root, never a tail joint."""
    local = truth.local_rotations(joints.parents)
    mean = nearest_rotation(local.mean(axis=0))
    away = np.sqrt((angle_between(mean[None], local) ** 2).mean(axis=0))
    return (np.degrees(away) > MOVING_DEGREES) & ~joints.is_tail & (joints.parents >= 0)


def rotation_error(predicted: Track, truth: Track, joints: Joints, bones: NDArray[np.bool_]) -> float:
    """Degrees, mean over frames and the chosen bones (J,); NaN where none is chosen."""
    if not bones.any():
        return float("nan")
    angles = angle_between(
        predicted.local_rotations(joints.parents)[:, bones], truth.local_rotations(joints.parents)[:, bones]
    )
    return float(np.degrees(angles).mean())


def motion_correlation(predicted: Track, truth: Track) -> float:
    """Cosine between the motions about their means, in the body's own frame; 0 where either stands still."""
    a, b = _in_body(predicted), _in_body(truth)
    a, b = a - a.mean(axis=0), b - b.mean(axis=0)
    size = float(np.abs(truth.positions - truth.positions[:, :1]).max())
    lengths = [float(np.sqrt((x**2).mean())) for x in (a, b)]
    if min(lengths) <= STILL * size:
        return 0.0
    return float((a * b).mean() / (lengths[0] * lengths[1]))


def cd_skeleton(predicted: Array, truth: Array, parents: NDArray[np.integer]) -> float:
    """(T, J, 3) both, roots removed."""
    a, b = _rooted(predicted), _rooted(truth)
    return 0.5 * (_joints_to_bones(a, b, parents) + _joints_to_bones(b, a, parents))


def rest_floor(truth: Track, joints: Joints) -> Track:
    """The rest pose, carried by the true root."""
    local = np.tile(np.eye(3), (len(truth.positions), len(joints.parents), 1, 1))
    return _on_true_root(truth, joints, local)


def constant_floor(truth: Track, joints: Joints) -> Track:
    """The true clip's average pose (chordal mean of each bone's rotation), carried by the true root."""
    mean = nearest_rotation(truth.local_rotations(joints.parents).mean(axis=0))
    return _on_true_root(truth, joints, np.tile(mean, (len(truth.positions), 1, 1, 1)))


def _on_true_root(truth: Track, joints: Joints, local: Array) -> Track:
    local = local.copy()
    local[:, 0] = truth.global_rotations[:, 0]
    count = len(joints.parents)
    # Rest-relative rotations do not depend on the bones' own axes.
    axes = np.tile([1.0, 0.0, 0.0, 0.0], (count, 1))
    skeleton = Skeleton([""] * count, joints.parents, joints.rest_positions, axes)
    pose = forward(skeleton, Motion(truth.positions[:, 0] - joints.rest_positions[0], local))
    return Track(pose.positions, pose.global_rotations)


def _rooted(positions: Array) -> Array:
    return positions - positions[:, :1]


def _in_body(track: Track) -> Array:
    """(T, J, 3) joints as seen from the root."""
    return _rooted(track.positions) @ track.global_rotations[:, 0]


def _joints_to_bones(joints: Array, others: Array, parents: NDArray[np.integer]) -> float:
    """Mean distance from each joint to the nearest bone (joint to parent) of the other skeleton."""
    ends = np.flatnonzero(parents >= 0)
    if len(ends) == 0:
        return float(np.linalg.norm(joints - others, axis=-1).mean())
    starts = others[:, None, parents[ends]]
    along = others[:, None, ends] - starts
    to_joint = joints[:, :, None] - starts
    share = (to_joint * along).sum(-1) / np.maximum((along**2).sum(-1), 1e-12)
    nearest = starts + np.clip(share, 0.0, 1.0)[..., None] * along
    return float(np.linalg.norm(joints[:, :, None] - nearest, axis=-1).min(axis=-1).mean())
