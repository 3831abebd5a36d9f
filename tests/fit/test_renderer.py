# SPDX-License-Identifier: GPL-3.0-or-later
"""The renderer against the camera's own projection, and the two rasterisers against each other."""

from __future__ import annotations

import numpy as np
import pytest

from mocapanything_addon.fit.crop import Crop
from mocapanything_addon.fit.rasterize_plain import PlainRasterizer
from mocapanything_addon.fit.renderer import Renderer, make_rasterizer
from mocapanything_addon.ik.camera import Camera

CAMERA = Camera.from_fov(50.0, 640, 480, np.eye(3), np.array([0.1, -0.05, 3.0]))
CROP = Crop(left=150.3, top=60.8, side=333.0, size=128)


def bumpy_sphere() -> tuple[np.ndarray, np.ndarray]:
    theta, phi = np.meshgrid(np.linspace(0, np.pi, 24), np.linspace(0, 2 * np.pi, 40), indexing="ij")
    radius = 0.8 + 0.15 * np.sin(5 * phi) * np.sin(theta)
    vertices = np.stack(
        [radius * np.sin(theta) * np.cos(phi), radius * np.sin(theta) * np.sin(phi), radius * np.cos(theta)],
        -1,
    ).reshape(-1, 3)
    index = np.arange(24 * 40).reshape(24, 40)
    a, b, c, d = (
        index[:-1, :-1].ravel(),
        index[1:, :-1].ravel(),
        index[1:, 1:].ravel(),
        index[:-1, 1:].ravel(),
    )
    return vertices, np.concatenate([np.stack([a, b, c], -1), np.stack([a, c, d], -1)])


@pytest.fixture(params=["best", "plain"])
def renderer(request: pytest.FixtureRequest) -> Renderer:
    _, faces = bumpy_sphere()
    return Renderer(faces, rasterizer=PlainRasterizer() if request.param == "plain" else make_rasterizer())


def test_surface_points_project_to_their_pixels(renderer: Renderer) -> None:
    vertices, faces = bumpy_sphere()
    drawing = renderer.render(vertices, CAMERA, CROP)
    rows, columns = np.nonzero(drawing.mask)
    assert len(rows) > 2000
    corners = vertices[faces[drawing.triangles[rows, columns]]]
    points = (corners * drawing.barycentric[rows, columns][..., None]).sum(1)
    pixels = CROP.to_crop(CAMERA.project(points))
    np.testing.assert_allclose(pixels, np.stack([columns, rows], -1), atol=0.02)
    np.testing.assert_allclose(CAMERA.to_camera(points)[:, 2], drawing.depth[rows, columns], rtol=1e-4)


def test_nearest_surface_is_drawn(renderer: Renderer) -> None:
    vertices, _ = bumpy_sphere()
    drawing = renderer.render(vertices, CAMERA, CROP)
    assert drawing.depth[drawing.mask].max() < CAMERA.to_camera(np.zeros(3))[2] + 0.1


def test_rasterizers_agree() -> None:
    vertices, faces = bumpy_sphere()
    colors = np.clip(vertices * 0.5 + 0.5, 0, 1)
    drawings = [
        Renderer(faces, rasterizer=r).render(vertices, CAMERA, CROP, colors=colors)
        for r in (make_rasterizer(), PlainRasterizer())
    ]
    same = drawings[0].triangles == drawings[1].triangles
    assert same.mean() > 0.995
    assert drawings[0].color is not None and drawings[1].color is not None
    difference = np.abs(drawings[0].color.astype(int) - drawings[1].color)[same]
    assert difference.max() <= 2


def test_a_mesh_behind_the_camera_is_not_drawn(renderer: Renderer) -> None:
    vertices, _ = bumpy_sphere()
    assert not renderer.render(vertices - [0, 0, 9.0], CAMERA, CROP).mask.any()
