# SPDX-License-Identifier: GPL-3.0-or-later
"""The IK of MoCapAnything V1 (arXiv 2512.10881, supplement B), written from the paper's equations.

Each frame: (a) a geometric pose theta_geo, one child: smallest turn of the rest bone to the observed one,
more children: orthogonal Procrustes over their directions; (b) start at the frame before; (c) minimise over
the joints' axis-angle vectors theta

    mean |P_i(theta) - X_i|^2 + PRIOR mean |theta - theta_geo|^2 + TWIST mean (theta_i . u_i)^2

with u_i the bone's direction at rest (alpha_i a_i . u_i in the paper, angle times axis being theta_i). The
paper gives no weights; those below are the best of a scan over some clips, see docs/benchmarks.md. Minimised
by L-BFGS with the analytic gradient. More than the paper says: the root's translation is an unknown as well,
joints are weighted by their confidence, children on one line count as one child, and hints take the geometric
pose's place for what geometry leaves open.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from mocapanything_addon.ik import Skeleton, rotations

from . import Answer, grace

Array = NDArray[np.float64]
PRIOR = 1e-3
"""Square metres a square radian, in the 1 m cube."""
TWIST = 1e-4
SCALE = 1e4
"""Of the cost, so that L-BFGS's tolerances mean hundredths of centimetres."""


def solve(
    skeleton: Skeleton,
    positions: Array,
    weights: Array,
    hints: Array | None,
    fps: float,
    prior: float = PRIOR,
    twist: float = TWIST,
) -> Answer:
    """See the package."""
    start = grace.solve(skeleton, positions, weights, hints, fps)
    geometric = rotations.log(rotations.matrix_from_quaternion(start.local_rotations))
    frames = len(positions)
    angles, moved = np.array(geometric), np.array(start.root_translation)
    model = _Model(skeleton, prior, twist)
    for frame in range(frames):
        before = max(frame - 1, 0)
        model.observe(positions[frame], weights[frame], geometric[frame])
        first = model.pack(moved[frame], angles[before])
        found = minimize(
            model.cost,
            first,
            jac=True,
            method="L-BFGS-B",
            options={"maxiter": 300, "maxfun": 400, "ftol": 1e-9, "gtol": 1e-6, "maxcor": 20},
        )
        moved[frame], angles[frame] = model.unpack(found.x)
    turned = rotations.quaternion_from_matrix(rotations.exp(angles))
    return Answer(rotations.continuous_quaternions(turned), moved)


class _Model:
    """The cost of one frame and its gradient."""

    def __init__(self, skeleton: Skeleton, prior: float, twist: float) -> None:
        self.skeleton = skeleton
        self.moving = skeleton.moving
        self.prior, self.twist = prior, twist
        self.axes = skeleton.twist_axes[self.moving]
        self.below = skeleton.is_ancestor.astype(float)
        self.parents_first = [
            (g, skeleton.parents[g], skeleton.offsets[g][..., None]) for g in skeleton.generations
        ]

    def observe(self, positions: Array, weights: Array, geometric: Array) -> None:
        """Take up a frame."""
        self.targets = np.where(weights[:, None] > 0.0, positions, 0.0)
        self.shares = weights / max(weights.sum(), 1e-12)
        self.geometric = geometric[self.moving]

    def pack(self, moved: Array, angles: Array) -> Array:
        return np.concatenate([moved, angles[self.moving].ravel()])

    def unpack(self, values: Array) -> tuple[Array, Array]:
        angles = np.zeros((self.skeleton.joint_count, 3))
        angles[self.moving] = values[3:].reshape(-1, 3)
        return values[:3], angles

    def cost(self, values: Array) -> tuple[float, Array]:
        """Cost and gradient by translation and axis-angle vectors."""
        moved, angles = self.unpack(values)
        skeleton, root = self.skeleton, self.skeleton.root
        local = rotations.exp(angles)
        turned, positions = local.copy(), np.empty((len(angles), 3))
        positions[root] = skeleton.rest_positions[root] + moved
        for joints, parents, offsets in self.parents_first:
            turned[joints] = turned[parents] @ local[joints]
            positions[joints] = positions[parents] + (turned[parents] @ offsets)[..., 0]
        away = positions - self.targets
        away[self.shares == 0.0] = 0.0
        force = 2.0 * self.shares[:, None] * away
        theta = angles[self.moving]
        drift = theta - self.geometric
        twist = (theta * self.axes).sum(-1)
        count = len(theta)
        total = (self.shares * (away**2).sum(-1)).sum()
        total += self.prior * (drift**2).sum() / count + self.twist * (twist**2).sum() / count
        # Torque of everything below a joint about it, in its own frame, by its axis-angle vector.
        moments = self.below @ np.cross(positions, force)
        torque: Array = (moments - np.cross(positions, self.below @ force))[self.moving]
        inside = (np.swapaxes(turned[self.moving], -1, -2) @ torque[..., None])[..., 0]
        gradient = (right_jacobian(theta).swapaxes(-1, -2) @ inside[..., None])[..., 0]
        gradient += 2.0 * (self.prior * drift + self.twist * twist[:, None] * self.axes) / count
        result = np.concatenate([force.sum(axis=0), gradient.ravel()])
        return SCALE * float(total), SCALE * result


def right_jacobian(vectors: Array) -> Array:
    """(..., 3) -> (..., 3, 3) with exp(v + d) = exp(v) exp(J d) (Solà et al., arXiv 1812.01537, eq. 143)."""
    square = (vectors**2).sum(-1)[..., None, None]
    near = square < 1e-8
    angle = np.sqrt(np.where(near, 1.0, square))
    first = np.where(near, 0.5 - square / 24.0, (1.0 - np.cos(angle)) / angle**2)
    second = np.where(near, 1.0 / 6.0, (angle - np.sin(angle)) / angle**3)
    across = rotations.hat(vectors)
    return np.eye(3) - first * across + second * across @ across
