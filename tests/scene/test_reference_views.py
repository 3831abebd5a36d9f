# SPDX-License-Identifier: GPL-3.0-or-later
"""The pictures show the rig where the cameras say, and making them leaves no trace in the file."""

from __future__ import annotations

import os
import subprocess
import sys

import bpy
import numpy as np
import pytest
from scene_builders import disturb_pose, make_armature, random_specs, skin, snapshot

from mocapanything_addon.fit.crop import Crop
from mocapanything_addon.fit.rasterize_plain import PlainRasterizer
from mocapanything_addon.fit.renderer import Renderer
from mocapanything_addon.jobs.errors import CaptureError
from mocapanything_addon.jobs.views import ReferenceViews
from mocapanything_addon.scene import compat
from mocapanything_addon.scene.graphics import has_graphics
from mocapanything_addon.scene.read_rig import read_rig
from mocapanything_addon.scene.reference_views import render_reference_views

pytestmark = pytest.mark.bpy
needs_graphics = pytest.mark.skipif(not has_graphics(), reason="no EGL display on this machine")


def character() -> bpy.types.Object:
    """A rig in a disturbed pose, its mesh red, on an armature that is turned, shifted and scaled."""
    rng = np.random.default_rng(3)
    armature = make_armature(random_specs(rng, 7))
    body = skin(armature)
    material = bpy.data.materials.new("Red")
    material.use_nodes = True
    shader = next(n for n in material.node_tree.nodes if n.type == "BSDF_PRINCIPLED")
    shader.inputs["Base Color"].default_value = (0.8, 0.02, 0.02, 1.0)
    body.data.materials.append(material)
    armature.location, armature.rotation_euler, armature.scale = (3, 4, 5), (0.4, 0.5, 0.6), (2, 2, 2)
    disturb_pose(armature, rng)
    return armature


def read_png(path) -> np.ndarray:
    """(H, W, 4) top row first, 0 to 1."""
    image = bpy.data.images.load(str(path))
    pixels = np.array(image.pixels[:], np.float32).reshape(image.size[1], image.size[0], 4)[::-1]
    bpy.data.images.remove(image)
    return pixels


@pytest.mark.parametrize(
    "engine",
    [
        pytest.param(None, marks=needs_graphics),
        pytest.param("BLENDER_WORKBENCH", marks=needs_graphics),
        "CYCLES",
    ],
)
def test_views_agree_with_their_cameras_and_leave_no_trace(engine, tmp_path):
    armature = character()
    rig = read_rig(armature)
    bpy.context.scene.view_settings.view_transform = "Standard"
    before = snapshot(armature)
    folder = tmp_path / "views ü"
    views = render_reference_views(armature, rig, folder, engine=engine)
    assert snapshot(armature) == before
    assert views.engine == (engine or compat.eevee_engine())
    assert len(views.views) >= 4
    own = Renderer(rig.faces, rig.vertex_colors, rasterizer=PlainRasterizer())
    for view in views.views:
        pixels = read_png(view.image)
        assert pixels.shape == (view.camera.height, view.camera.width, 4)
        shown = pixels[..., 3] > 0.5
        wanted = own.render(rig.vertices, view.camera, Crop(0.0, 0.0, 256.0, 256)).mask
        assert (shown & wanted).sum() / (shown | wanted).sum() > 0.96, view.image.name
        assert pixels[0, 0, 3] == 0.0
        red, green, _blue = np.median(pixels[wanted & shown][:, :3], axis=0)
        assert red > 2 * green
    assert len({view.image.name for view in views.views}) == len(views.views)


@needs_graphics
def test_views_are_kept_for_the_same_rig_and_made_anew_for_another(tmp_path):
    armature = character()
    rig = read_rig(armature)
    first = render_reference_views(armature, rig, tmp_path, engine="BLENDER_WORKBENCH")
    made = first.views[0].image.stat().st_mtime_ns
    again = render_reference_views(armature, rig, tmp_path)
    assert again.views[0].image.stat().st_mtime_ns == made and again.engine == "BLENDER_WORKBENCH"
    for vertex in bpy.data.meshes["Body"].vertices:
        vertex.co.x *= 1.5
    changed = read_rig(armature)
    anew = render_reference_views(armature, changed, tmp_path, engine="BLENDER_WORKBENCH")
    assert anew.views[0].image.stat().st_mtime_ns != made
    assert ReferenceViews.load(tmp_path).engine == "BLENDER_WORKBENCH"


@needs_graphics
def test_transparent_materials_do_not_hide_the_character(tmp_path):
    """Some importers give every material an alpha of 0."""
    armature = character()
    shader = next(n for n in bpy.data.materials["Red"].node_tree.nodes if n.type == "BSDF_PRINCIPLED")
    shader.inputs["Alpha"].default_value = 0.0
    views = render_reference_views(armature, read_rig(armature), tmp_path)
    assert views.engine == "BLENDER_WORKBENCH"
    assert all(read_png(v.image)[..., 3].max() > 0.9 for v in views.views)


def test_an_engine_that_does_not_exist_is_an_error_and_leaves_no_trace(tmp_path):
    armature = character()
    rig = read_rig(armature)
    before = snapshot(armature)
    with pytest.raises(CaptureError) as caught:
        render_reference_views(armature, rig, tmp_path, engine="LUXRENDER")
    assert caught.value.code == "no_renderer" and caught.value.hint
    assert snapshot(armature) == before


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="EGL is asked on Linux only")
def test_without_graphics_cycles_draws_instead_of_aborting(tmp_path):
    """A process whose EGL finds no driver: Eevee and Workbench would abort it."""
    script = f"""
import sys
sys.path += {[p for p in sys.path if p]!r}
import bpy
bpy.ops.wm.read_factory_settings(use_empty=True)
from pathlib import Path
from test_reference_views import character
from mocapanything_addon.scene.read_rig import read_rig
from mocapanything_addon.scene.reference_views import render_reference_views
armature = character()
print("engine:", render_reference_views(armature, read_rig(armature), Path({str(tmp_path)!r})).engine)
"""
    environment = os.environ | {"__EGL_VENDOR_LIBRARY_FILENAMES": os.devnull}
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert "engine: CYCLES" in done.stdout, done.stderr[-2000:]
