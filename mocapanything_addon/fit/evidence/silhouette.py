# SPDX-License-Identifier: GPL-3.0-or-later
"""Silhouettes: the outline of the posed mesh must lie on the outline of the subject, and the other way
round."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..crop import Crop
from ..renderer import Rendering
from ..sampling import points_at, to_source
from .contour import Contour, trace
from .observations import PlaceObservations

TOTAL_WEIGHT = 600.0
FEWEST = 10


def silhouette_observations(
    rendering: Rendering,
    drawn: NDArray[np.bool_],
    crop: Crop,
    subject: Contour,
    trusted: NDArray[np.bool_],
    *,
    sigma: float,
    count: int,
    rng: np.random.Generator,
) -> PlaceObservations | None:
    """Pairs of outline points, nearest in (x, y, direction), both ways.

    A point of the mesh's outline is pulled to the nearest point of the subject's outline, and the mesh's
    outline point nearest to each point of the subject's outline is pulled to it, so that neither may
    have a part that the other lacks. Only the distance across the outline counts: along it they may slide.

    Args:
        rendering: The mesh as posed now.
        drawn: (n, n) what a mask would show of it.
        crop: The window of the rendering.
        subject: Outline of the mask in the same window.
        trusted: (n, n) where an outline is not the image border's.
        sigma: Robust width, in the fit's pixels.
        count: Outline points drawn each way.
        rng: Source of chance.

    Returns:
        None where either has no outline to speak of.
    """
    posed = trace(drawn, trusted)
    if len(posed) <= FEWEST or len(subject) <= FEWEST:
        return None
    here = rng.choice(len(posed), min(count, len(posed)), replace=False)
    there = rng.choice(len(subject), min(count, len(subject)), replace=False)
    to_subject = subject.nearest(posed.features[here])
    to_posed = posed.nearest(subject.features[there])
    pixels = np.concatenate([posed.points[here], posed.points[to_posed]])
    wanted = np.concatenate([to_subject, there])
    points, hit = points_at(rendering, pixels)
    wanted = wanted[hit]
    weights = np.full(len(points), TOTAL_WEIGHT / max(len(points), 1))
    if subject.support is not None:
        weights *= subject.support[wanted]
    return PlaceObservations(
        points=points,
        targets=to_source(subject.points[wanted], crop),
        weights=weights,
        normals=subject.normals[wanted],
        sigma=sigma,
    )
