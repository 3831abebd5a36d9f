# SPDX-License-Identifier: GPL-3.0-or-later
"""What the fit makes of a motion, without running it: the posterior of a fit linearised at the truth.

The fit pulls every joint to an expected pose and to what the picture shows of it. Near the solution it is
linear: where the evidence H is firm the truth comes out, where it is not the expected pose does. With d the
way from the expected pose to the truth and P the pull, the error is -(H + P)^-1 P d, plus what noise does to
it. H is made of the outline (its points show where they are, across it) and of the surface inside it
(patches show how it moves, hardly where it is). So twist, hidden limbs and limbs that point at the camera
come out wrong in the way in which the fit's do, together with what makes up for them elsewhere.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mocapanything_addon.fit.stiffness import (
    LEAF_FACTOR,
    LEAF_SHARE,
    LIMB_SIGMA,
    SIDEWAYS_FACTOR,
    TRUNK_FACTOR,
    TRUNK_SHARE,
    TWIST_FACTOR,
)
from mocapanything_addon.ik.camera import Camera
from mocapanything_addon.ik.rotations import exp, log, nearest_rotation
from mocapanything_addon.models.reference import vertex_normals

from .character import Character

Array = NDArray[np.float64]
POINTS = 56
"""Of the surface that the evidence hangs on; the fit has more, but they err together."""
RIM = 0.35
"""Cosine between normal and view up to which a point is part of the outline."""
GRID = 28
"""Cells a side of the picture in which the nearest surface hides what lies behind it."""
HIDDEN_DEPTH = 0.07
"""Body sizes behind the nearest surface from which on a point is hidden."""
OUTLINE_SIGMA = 0.002
"""Body sizes that the outline is off, across it."""
INSIDE_SIGMA = 0.012
"""The same of where the surface inside the outline is,"""
MOTION_SIGMA = 0.003
"""and of how it moves."""
NOISE_FRAMES = 2.0
"""Over which the evidence errs alike."""
ROOT_SIGMA = np.array([0.15, 0.15, 0.15, 0.3, 0.3, 0.3])
"""Of the pull on the root: turn (radians) and place (body sizes)."""
SETTLED = 0.3
"""Share of the pull that is left of it when the fit settles about the clip's own mean (fit/settle.py)."""


def linear_fit(
    character: Character, local: Array, root: Array, camera: Camera, rng: np.random.Generator
) -> tuple[Array, Array]:
    """A fit's estimate of a motion.

    Args:
        character: J joints.
        local: (T, J, 3, 3) the truth.
        root: (T, 3) the truth.
        camera: Normalised space.
        rng: Source of chance: which points, how good the evidence is, where the pull leads.

    Returns:
        Local rotations (T, J, 3, 3) and root positions (T, 3).
    """
    rotations, positions = character.pose(local, root)
    lines, outline, inside = _evidence(character, rotations, positions, camera, rng)
    quality = np.exp(rng.uniform(np.log(0.5), np.log(2.5)))
    pull = _pull(character)
    away = _away(character, local, rng)
    count, frames = character.joint_count, len(local)
    mean, varying = away.mean(0, keepdims=True), away - away.mean(0, keepdims=True)
    softer = np.where(rng.random() < 0.6, SETTLED, 1.0)
    # What stays the same over the window, and what changes, are known by different evidence.
    still = outline / (quality * OUTLINE_SIGMA) ** 2 + inside / (quality * INSIDE_SIGMA) ** 2
    moving = outline / (quality * OUTLINE_SIGMA) ** 2 + inside / (quality * MOTION_SIGMA) ** 2
    firm, push = _normal_equations(lines, still, rng)
    error = _error(firm.mean(0), push.mean(0), softer * pull, mean)
    firm, push = _normal_equations(lines, moving, rng)
    error = error + _error(firm, push, pull, varying)
    guess = local @ exp(error[:, : 3 * count].reshape(frames, count, 3))
    guess[:, character.is_tail] = np.eye(3)
    return nearest_rotation(guess), root + error[:, 3 * count :]


def _away(character: Character, local: Array, rng: np.random.Generator) -> Array:
    """(T, 3 J + 3) from the expected pose to the truth; the root is expected where it is."""
    count = character.joint_count
    if character.clips and rng.random() < 0.4:  # the rig's own Actions tell the mean
        own, _ = character.clips[rng.integers(len(character.clips))]
        center = character.in_frame(nearest_rotation(own.astype(float).mean(0)))
    else:
        center = np.tile(np.eye(3), (count, 1, 1))
    away = log(np.swapaxes(center, -1, -2) @ local)
    away[:, 0] = 0.0
    return np.concatenate([away.reshape(len(local), -1), np.zeros((len(local), 3))], 1)


def _normal_equations(lines: Array, weights: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    """H (T, n, n) and what noise adds to the right side (T, n), alike in neighbouring frames."""
    frames = len(weights)
    firm = np.swapaxes(lines, -1, -2) @ (lines * weights[..., None])
    kernel = np.exp(-0.5 * ((np.arange(frames)[:, None] - np.arange(frames)) / NOISE_FRAMES) ** 2)
    noise = kernel @ rng.normal(size=weights.shape) / np.sqrt((kernel**2).sum(1, keepdims=True))
    return firm, ((np.sqrt(weights) * noise)[:, None] @ lines)[:, 0]


def _error(firm: Array, push: Array, pull: Array, away: Array) -> Array:
    """(..., n) (H + P)^-1 (noise - P d)."""
    return np.linalg.solve(firm + pull, (push - away @ pull)[..., None])[..., 0]


def _pull(character: Character) -> Array:
    """(n, n) precision of the expected pose, as fit/stiffness.py has it; n = 3 J + 3."""
    below = _surface_below(character)
    share = np.minimum(below.mean(0), 1.0)
    sigma = LIMB_SIGMA * np.clip(1.0 - share / TRUNK_SHARE, TRUNK_FACTOR, 1.0)
    sigma *= np.clip(share / LEAF_SHARE, LEAF_FACTOR, 1.0)
    along = np.zeros((character.joint_count, 3))
    np.add.at(along, character.parents[1:], character.offsets[1:])
    along /= np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-9)
    sideways = character.frame[:, 0]
    shape = np.eye(3) + (1.0 / TWIST_FACTOR**2 - 1.0) * along[:, :, None] * along[:, None, :]
    shape = shape + (1.0 / SIDEWAYS_FACTOR**2 - 1.0) * (np.eye(3) - np.outer(sideways, sideways))
    blocks = shape / np.square(sigma)[:, None, None]
    size = 3 * character.joint_count
    pull = np.zeros((size + 3, size + 3))
    for joint, block in enumerate(blocks):
        pull[3 * joint : 3 * joint + 3, 3 * joint : 3 * joint + 3] = block
    pull[:3, :3] = np.diag(1.0 / ROOT_SIGMA[:3] ** 2)
    pull[size:, size:] = np.diag(1.0 / ROOT_SIGMA[3:] ** 2)
    return pull


def _surface_below(character: Character) -> Array:
    """(V, J) share of each vertex that hangs on a joint or what is below it."""
    hung = np.zeros((len(character.vertices), character.joint_count))
    np.add.at(hung, (np.arange(len(hung))[:, None], character.skin_joints), character.skin_weights)
    for joint in range(character.joint_count - 1, 0, -1):
        hung[:, character.parents[joint]] += hung[:, joint]
    return hung


def _evidence(
    character: Character, rotations: Array, positions: Array, camera: Camera, rng: np.random.Generator
) -> tuple[Array, Array, Array]:
    """Lines (T, M, n) that turn a change of the pose into motion in the picture (body sizes), and whether
    each is evidence of the outline or of the surface inside (T, M) 0 or 1."""
    vertices = character.posed_vertices(rotations, positions)
    frames, count = len(vertices), character.joint_count
    chosen = rng.choice(len(character.vertices), min(POINTS, len(character.vertices)), replace=False)
    places = vertices[:, chosen]
    normals = np.stack([vertex_normals(v, character.faces)[chosen] for v in vertices])
    view = places - camera.position
    view /= np.maximum(np.linalg.norm(view, axis=-1, keepdims=True), 1e-9)
    facing = -(normals * view).sum(-1)
    shown = _unhidden(camera, vertices, chosen)
    local = camera.to_camera(places)
    slope = local[..., :2] / np.maximum(local[..., 2:], 1e-3)
    across = camera.rotation[:2] - slope[..., None] * camera.rotation[2]  # (T, N, 2, 3)
    arms = places[:, :, None] - positions[:, None]
    hung = _surface_below(character)[chosen]
    turns = np.cross(arms[:, :, None], across[:, :, :, None]) * hung[None, :, None, :, None]
    # (T, N, 2, J, 3) in the axes of each joint.
    turns = (turns[..., None, :] @ rotations[:, None, None])[..., 0, :]
    lines = np.concatenate([turns.reshape(*turns.shape[:3], 3 * count), across], -1)  # (T, N, 2, n)
    rim = shown & (np.abs(facing) < RIM)
    flat = np.einsum("tnk,ak->tna", normals, camera.rotation[:2])
    flat /= np.maximum(np.linalg.norm(flat, axis=-1, keepdims=True), 1e-9)
    outwards = np.einsum("tna,tnak->tnk", flat, lines)
    inside = shown & (facing >= RIM)
    together = np.concatenate([outwards, lines.reshape(frames, -1, lines.shape[-1])], 1)
    points = len(chosen)
    is_outline = np.concatenate([rim, np.zeros((frames, 2 * points), bool)], 1)
    is_inside = np.concatenate([np.zeros((frames, points), bool), np.repeat(inside, 2, axis=1)], 1)
    return together, is_outline.astype(float), is_inside.astype(float)


def _unhidden(camera: Camera, vertices: Array, chosen: NDArray[np.intp]) -> NDArray[np.bool_]:
    """(T, N) no other vertex lies clearly before the chosen ones."""
    shown = np.empty((len(vertices), len(chosen)), bool)
    for t, posed in enumerate(vertices):
        pixels, depth = camera.project(posed), camera.to_camera(posed)[:, 2]
        low = pixels.min(0)
        cell = ((pixels - low) / max(float(np.ptp(pixels, axis=0).max()), 1e-6) * (GRID - 1)).astype(int)
        nearest = np.full((GRID, GRID), np.inf)
        np.minimum.at(nearest, (cell[:, 1], cell[:, 0]), depth)
        own = cell[chosen]
        shown[t] = depth[chosen] < nearest[own[:, 1], own[:, 0]] + HIDDEN_DEPTH
    return shown
