# SPDX-License-Identifier: GPL-3.0-or-later
"""The two images of the correspondence network: the subject as filmed and the rig as estimated."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..fit.crop import Crop
from ..fit.renderer import Renderer
from ..ik.camera import Camera
from .reference import vertex_normals

MARGIN = 1.2
"""Side of the network's window over the longer side of the mask."""


def mask_window(mask: NDArray[np.uint8], crop: Crop, size: int) -> Crop | None:
    """The network's square window around the mask (n, n) of a crop; None for an empty mask."""
    rows = np.flatnonzero((mask > 127).any(1))
    columns = np.flatnonzero((mask > 127).any(0))
    if not len(rows):
        return None
    corners = np.array([[columns[0], rows[0]], [columns[-1] + 1, rows[-1] + 1]], float)
    pixel = 1.0 / crop.scale
    low, high = corners * pixel + [crop.left, crop.top]
    side = max(float((high - low).max()), 4.0 * pixel) * MARGIN
    left, top = 0.5 * (low + high) - 0.5 * side
    return Crop(float(left), float(top), side, size)


def cut_window(image: NDArray[np.uint8], crop: Crop, window: Crop) -> NDArray[np.uint8]:
    """Resample a crop's image (n, n, ...) to another window of the same source; 0 beyond its border."""
    shrink = window.scale / crop.scale
    if shrink < 0.5:  # average before sampling, so that small things do not vanish
        smaller = max(1, round(image.shape[0] * shrink * 1.5))
        image = np.asarray(cv2.resize(image, (smaller, smaller), interpolation=cv2.INTER_AREA), np.uint8)
        crop = Crop(crop.left, crop.top, crop.side, smaller)
    cut = cv2.warpAffine(
        np.ascontiguousarray(image),
        crop.affine_to(window),
        (window.size, window.size),
        flags=cv2.INTER_LINEAR,
    )
    return np.asarray(cut, np.uint8)


def standardised_frame(color: Tensor, mask: Tensor) -> Tensor:
    """Bytes (B, n, n, 3) and mask (B, n, n) -> (B, 4, n, n), contrast standardised inside the mask."""
    weight = (mask.float() / 255.0)[..., None]
    rgb = color.float() / 255.0
    share = weight / (weight.sum((1, 2), keepdim=True) + 1.0)
    mean = (rgb * share).sum((1, 2), keepdim=True)
    deviation = (((rgb - mean) ** 2 * share).sum((1, 2, 3), keepdim=True) / 3.0).sqrt() + 0.03
    cut = ((rgb - mean) / deviation).clamp(-3.0, 3.0) * weight * 0.5
    return torch.cat([cut, weight], -1).permute(0, 3, 1, 2).contiguous()


def draw_estimate(
    renderer: Renderer,
    rest: NDArray[np.floating],
    vertices: NDArray[np.floating],
    camera: Camera,
    window: Crop,
) -> NDArray[np.float16]:
    """Draw the rig coloured by rest place and by normal.

    Args:
        renderer: Of the rig's mesh.
        rest: (V, 3) rest places, normalised space.
        vertices: (V, 3) posed.
        camera, window: What to draw.

    Returns:
        (7, n, n): rest place (3), normal in camera axes (3), silhouette.
    """
    image, _ = _drawn(renderer, [rest], vertices, camera, window)
    return image


def draw_candidate(
    renderer: Renderer,
    rest: NDArray[np.floating],
    colors: NDArray[np.floating],
    vertices: NDArray[np.floating],
    camera: Camera,
    window: Crop,
) -> tuple[NDArray[np.float16], NDArray[np.uint8]]:
    """Draw the rig as :func:`draw_estimate` does, and in its own colours without light.

    Args:
        colors: (V, 3) 0 to 1.

    Returns:
        (7, n, n) and (n, n, 3).
    """
    image, values = _drawn(renderer, [rest, colors], vertices, camera, window)
    painted = np.zeros((window.size, window.size, 3), np.uint8)
    painted[image[6] > 0] = 255.0 * values[:, 3:6]
    return image, painted


def _drawn(
    renderer: Renderer,
    tables: Sequence[NDArray[np.floating]],
    vertices: NDArray[np.floating],
    camera: Camera,
    window: Crop,
) -> tuple[NDArray[np.float16], NDArray[np.float32]]:
    """The image of :func:`draw_estimate`, and the tables (V, 3) each at the N pixels inside: (N, columns)."""
    drawing = renderer.render(vertices, camera, window)
    normals = vertex_normals(vertices, renderer.faces) @ camera.rotation.T
    inside = drawing.mask
    corners = renderer.faces[drawing.triangles[inside]]
    weights = drawing.barycentric[inside][:, :, None]
    table = np.concatenate([*tables, normals], 1).astype(np.float32)
    values = (table[corners] * weights).sum(1)
    image = np.zeros((7, window.size, window.size), np.float16)
    image[:3, inside] = values[:, :3].T
    image[3:6, inside] = values[:, -3:].T
    image[6, inside] = 1.0
    return image, values


def to_places(points: NDArray[np.floating], window: Crop) -> NDArray[np.float64]:
    """(..., 2) image pixels -> -1 to 1 across the window."""
    return (np.asarray(points, float) + 0.5 - [window.left, window.top]) / window.side * 2.0 - 1.0


def from_places(places: NDArray[np.floating], window: Crop) -> NDArray[np.float64]:
    """(..., 2) -1 to 1 across the window -> image pixels."""
    return (np.asarray(places, float) + 1.0) * 0.5 * window.side + [window.left, window.top] - 0.5
