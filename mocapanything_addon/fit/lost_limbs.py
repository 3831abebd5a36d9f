# SPDX-License-Identifier: GPL-3.0-or-later
"""Limbs that the tracker lost: a part of the subject that no limb covers, and a limb that is not to be seen.

When two legs cross, the outline pulls both onto one of them. The subject's other leg is then covered by
nothing,
and the pull of outlines ends a few pixels away. Such a part of the mask is given to the limb that is missing:
its joints are pulled to the part's middle line and tip.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ..ik.robust import GemanMcClure
from ..ik.solve import Term
from ..ik.terms.joint_projections import JointProjections
from .body import Body
from .crop import Crop
from .problem import Problem
from .renderer import Rendering

GAP = 3
"""Window pixels around the posed outline that a little misfit explains."""
SMALLEST_PART = 40
"""Window pixels."""
MOST_PARTS = 3
SMALLEST_LIMB, LARGEST_LIMB = 0.004, 0.25
"""Share of the surface that hangs on a limb; the rest is trunk, or too small to be missed."""
USUAL = 0.25
"""Share of its surface that a convex body shows on average (Cauchy)."""
UNSEEN = 0.6
"""A limb that shows less than this share of what such a limb usually shows is missing."""
REACH = 1.15
"""Of the limb's length in the image: parts farther from where it hangs are not it."""
WIDEST_SWING = np.radians(100.0)
"""Between the limb as posed and the way to the part: a mane is no leg."""
SLICE = 0.12
"""Of the way from the limb's top to its tip: how thick the slice is whose middle a joint is pulled to."""
SIGMA = 2.0
"""The fit's pixels."""
WIDTH = 120.0
"""The fit's pixels: robust width; wide, because the part is far off by nature."""


@dataclass(frozen=True, eq=False)
class LostJoints:
    """N joints of one frame that should be elsewhere."""

    joints: NDArray[np.intp]
    """(N,)."""
    places: NDArray[np.float64]
    """(N, 2) source pixels."""


def find_lost_limbs(
    problem: Problem,
    positions: NDArray[np.float64],
    rendering: Rendering,
    crop: Crop,
    subject: NDArray[np.bool_],
    trusted: NDArray[np.bool_],
    visible_area: NDArray[np.float64],
) -> LostJoints | None:
    """Give parts of the subject that are not covered to limbs that are not seen.

    Args:
        problem: The capture.
        positions: (J, 3) joints as posed.
        rendering: The body as posed.
        crop: The window of the rendering.
        subject: (n, n) the mask in the same window.
        trusted: (n, n) where the mask says something.
        visible_area: (J,) window pixels of each joint's own surface that are seen on the subject.

    Returns:
        None where nothing is missing.
    """
    uncovered = subject & trusted & ~rendering.mask
    if np.count_nonzero(uncovered) < SMALLEST_PART:
        return None
    near = cv2.dilate(rendering.mask.astype(np.uint8), np.ones((2 * GAP + 1, 2 * GAP + 1), np.uint8))
    bare = (uncovered & (near == 0)).astype(np.uint8)
    if np.count_nonzero(bare) < SMALLEST_PART:
        return None
    count, labels, parts, _ = cv2.connectedComponentsWithStats(bare, connectivity=8)
    order = [k for k in range(1, count) if parts[k, cv2.CC_STAT_AREA] >= SMALLEST_PART]
    if not order:
        return None
    places = crop.to_crop(problem.camera.project(positions))
    depth = float(np.median(problem.camera.to_camera(positions)[:, 2]))
    per_unit = problem.camera.focal * crop.scale / max(depth, 1e-9)
    missing = [
        c
        for c in limb_chains(problem.body)
        if visible_area[c].sum() < UNSEEN * USUAL * problem.body.mesh.area_of(c) * per_unit**2
    ]
    joints: list[int] = []
    wanted: list[NDArray[np.float64]] = []
    for k in sorted(order, key=lambda k: -parts[k, cv2.CC_STAT_AREA])[:MOST_PARTS]:
        rows, columns = np.nonzero(labels == k)
        pixels = np.stack([columns, rows], axis=1).astype(np.float64)
        chosen = _nearest_limb(problem.body, missing, places, pixels, per_unit)
        if chosen is None:
            continue
        missing = [c for c in missing if c[0] != chosen[0]]
        for joint, place in _along(chosen, places, pixels):
            joints.append(joint)
            wanted.append(place)
    if not joints:
        return None
    return LostJoints(np.array(joints), crop.to_image(np.array(wanted)))


def lost_limb_terms(problem: Problem, frame: int, lost: LostJoints) -> list[Term]:
    """The pull, for a state of the one frame."""
    count = problem.body.skeleton.joint_count
    observed, weights = np.zeros((1, count, 2)), np.zeros((1, count))
    observed[0, lost.joints] = lost.places
    weights[0, lost.joints] = 1.0
    unit = problem.pixel[frame]
    return [JointProjections(problem.camera, observed, weights, SIGMA * unit, GemanMcClure(WIDTH / SIGMA))]


def limb_chains(body: Body) -> list[NDArray[np.intp]]:
    """Chains of joints from where a limb leaves the trunk to its farthest tip."""
    skeleton = body.skeleton
    share = skeleton.is_ancestor @ body.mesh.joint_share
    limb = (share >= SMALLEST_LIMB) & (share <= LARGEST_LIMB)
    chains = []
    for joint in np.flatnonzero(limb):
        parent = skeleton.parents[joint]
        if parent >= 0 and limb[parent]:
            continue
        below = np.flatnonzero(skeleton.is_ancestor[joint])
        away = np.linalg.norm(skeleton.rest_positions[below] - skeleton.rest_positions[joint], axis=1)
        chain = [int(below[away.argmax()])]
        while chain[-1] != joint:
            chain.append(int(skeleton.parents[chain[-1]]))
        if len(chain) > 1:
            chains.append(np.array(chain[::-1]))
    return chains


def _length(body: Body, chain: NDArray[np.intp]) -> float:
    return float(np.linalg.norm(np.diff(body.skeleton.rest_positions[chain], axis=0), axis=1).sum())


def _nearest_limb(
    body: Body,
    chains: Sequence[NDArray[np.intp]],
    places: NDArray[np.float64],
    pixels: NDArray[np.float64],
    per_unit: float,
) -> NDArray[np.intp] | None:
    """The limb that has the least way to go to the part and can reach it."""
    best, least = None, np.inf
    for chain in chains:
        top, tip = places[chain[0]], places[chain[-1]]
        away = np.linalg.norm(pixels - top, axis=1)
        reached = pixels[away.argmax()]
        to_part, posed = reached - top, tip - top
        cosine = (to_part @ posed) / max(float(np.linalg.norm(to_part) * np.linalg.norm(posed)), 1e-9)
        if away.max() > REACH * _length(body, chain) * per_unit or cosine < np.cos(WIDEST_SWING):
            continue
        way = float(np.linalg.norm(reached - tip))
        if way < least:
            best, least = chain, way
    return best


def _along(
    chain: NDArray[np.intp], places: NDArray[np.float64], pixels: NDArray[np.float64]
) -> list[tuple[int, NDArray[np.float64]]]:
    """The tip goes to the part's end, joints between to the middle of the part at their share of the way."""
    top = places[chain[0]]
    away = np.linalg.norm(pixels - top, axis=1)
    end = float(away.max())
    found = [(int(chain[-1]), pixels[away.argmax()])]
    steps = np.linalg.norm(np.diff(places[chain], axis=0), axis=1)
    shares = np.cumsum(steps) / max(float(steps.sum()), 1e-9)
    for joint, share in zip(chain[1:-1], shares[:-1], strict=True):
        inside = np.abs(away - share * end) < SLICE * end
        if inside.sum() >= 3 and share < 1.0 - SLICE:
            found.append((int(joint), pixels[inside].mean(axis=0)))
    return found
