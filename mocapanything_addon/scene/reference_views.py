# SPDX-License-Identifier: GPL-3.0-or-later
"""Show the rig in rest pose from known cameras, rendered by Blender in a scene of its own.

Starting a render costs far more than drawing 256 pixels, so all views are drawn as tiles of one picture:
for each view the mesh is put through that view's perspective, after which one orthographic camera sees
every tile as the pinhole camera would.
"""

from __future__ import annotations

import json
import logging
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import bpy
import numpy as np
from numpy.typing import NDArray

from ..ik.camera import Camera
from ..jobs.errors import CaptureError
from ..jobs.rig import Rig
from ..jobs.views import ReferenceView, ReferenceViews
from . import compat
from .armature_space import world_axes
from .colors import paint
from .graphics import has_graphics
from .skinned_meshes import FrozenMesh, frozen_meshes, skinned_meshes
from .view_cameras import IMAGE_SIZE, view_cameras

log = logging.getLogger(__name__)

SOURCE_NAME = "rig.json"
"""Beside the images: the hash of the rig that they show."""
TITLE = "MoCapAnything reference views"
COLUMNS = 3
SAMPLES = 4
LEAST_SHOWN = 0.6
"""Imported materials are sometimes transparent by mistake: then another engine must show the character."""
AMBIENT = 0.7
SUN_STRENGTH = 1.2


def render_reference_views(
    armature_object: bpy.types.Object, rig: Rig, folder: Path, *, engine: str | None = None
) -> ReferenceViews:
    """Render all views into ``folder``, or return those of this very rig that it already holds.

    Args:
        armature_object: The armature that the rig was read from.
        rig: What was read; its content hash says whether the views in the folder are still right.
        folder: Where the images and ``views.json`` go; made when it is missing.
        engine: A render engine's identifier. None: Eevee; where it shows too little Workbench;
            where there are no graphics at all Cycles on the CPU.

    Returns:
        The views; ``engine`` says which engine really drew them.

    Raises:
        CaptureError: no render engine works on this machine.
    """
    key = rig.content_hash()
    if _is_current(folder, key, engine):
        return ReferenceViews.load(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / SOURCE_NAME).unlink(missing_ok=True)
    cameras = view_cameras(rig.vertices, world_axes(armature_object))
    engines = [engine] if engine else _engines()
    with frozen_meshes(armature_object, skinned_meshes(armature_object)) as frozen:
        tiles, used = _render_with_first(engines, frozen, list(cameras.values()), rig.vertices)
    views = []
    for (name, camera), tile in zip(cameras.items(), tiles, strict=True):
        image = folder / f"{name}.png"
        _save_png(tile, image)
        views.append(ReferenceView(image, camera))
    result = ReferenceViews(tuple(views), used)
    result.save(folder)
    (folder / SOURCE_NAME).write_text(json.dumps({"rig": key, "engine": used}), encoding="utf-8")
    return result


def _is_current(folder: Path, key: str, engine: str | None) -> bool:
    try:
        source = json.loads((folder / SOURCE_NAME).read_text(encoding="utf-8"))
        ReferenceViews.load(folder)
    except (OSError, ValueError, CaptureError):
        return False
    return source.get("rig") == key and engine in {None, source.get("engine")}


def _engines() -> list[str]:
    """Best first. Workbench needs graphics as much as Eevee does; Cycles draws without."""
    return [compat.eevee_engine(), "BLENDER_WORKBENCH", "CYCLES"] if has_graphics() else ["CYCLES"]


def _render_with_first(
    engines: list[str], frozen: list[FrozenMesh], cameras: list[Camera], vertices: NDArray[np.float32]
) -> tuple[list[NDArray[np.float32]], str]:
    """Tiles drawn by the first engine of the list that works and shows the vertices, and its name."""
    failure = ""
    for engine in engines:
        try:
            tiles = _render(frozen, cameras, engine)
            shown = min(_shown(tile, camera, vertices) for tile, camera in zip(tiles, cameras, strict=True))
            if shown < LEAST_SHOWN:
                raise RuntimeError(
                    f"only {shown:.0%} of the character is visible, are its materials transparent?"
                )
            return tiles, engine
        except RuntimeError as error:
            failure = str(error).strip()
            log.warning("%s cannot render here: %s", engine, failure)
    raise CaptureError(
        "No render engine of Blender works on this machine, so the character cannot be shown to the capture. "
        f"The last one said: {failure}",
        "Install the graphics driver, or Mesa's EGL and OpenGL libraries on a machine without one.",
        code="no_renderer",
    )


def _render(frozen: list[FrozenMesh], cameras: list[Camera], engine: str) -> list[NDArray[np.float32]]:
    """One (H, W, 4) tile a camera, bottom row first. Raises RuntimeError when the engine fails."""
    had_result = "Render Result" in bpy.data.images
    if engine == "BLENDER_WORKBENCH":  # it knows nothing of materials
        for item in frozen:
            paint(item)
    with tempfile.TemporaryDirectory() as place, _studio(frozen, cameras) as scene:
        path = os.path.join(place, "tiles.png")  # noqa: PTH118  Blender takes strings
        scene.render.filepath = path
        try:
            _choose_engine(scene, engine)
        except TypeError as error:
            raise RuntimeError(f"this Blender has no engine {engine}") from error
        try:
            bpy.ops.render.render(write_still=True, scene=scene.name)
        finally:
            if not had_result and "Render Result" in bpy.data.images:
                bpy.data.images.remove(bpy.data.images["Render Result"])
        if not Path(path).is_file():
            raise RuntimeError(f"{engine} wrote no image")
        pixels = _load_png(path)
    tiles = []
    for number in range(len(cameras)):
        column, row = _tile(number)
        below = pixels.shape[0] - (row + 1) * IMAGE_SIZE
        left = column * IMAGE_SIZE
        tiles.append(pixels[below : below + IMAGE_SIZE, left : left + IMAGE_SIZE])
    return tiles


def _shown(tile: NDArray[np.float32], camera: Camera, vertices: NDArray[np.float32]) -> float:
    """Share of the vertices that lie on something drawn, or right beside it."""
    drawn = np.pad(tile[::-1, :, 3] > 0.5, 1)
    steps = [(dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)]
    around = np.any([np.roll(drawn, step, (0, 1)) for step in steps], axis=0)
    x, y = np.round(camera.project(vertices.astype(float))).astype(int).T
    return float(around[y + 1, x + 1].mean())


def _tile(number: int) -> tuple[int, int]:
    """Column and row, counted from the top left."""
    return number % COLUMNS, number // COLUMNS


def _choose_engine(scene: bpy.types.Scene, engine: str) -> None:
    scene.render.engine = engine
    if engine == compat.eevee_engine():
        scene.eevee.taa_render_samples = SAMPLES
        scene.eevee.use_shadows = False
        scene.eevee.use_raytracing = False
    elif engine == "CYCLES":
        scene.cycles.device = "CPU"
        scene.cycles.samples = 4 * SAMPLES
        scene.cycles.use_denoising = False
    else:
        scene.display.shading.light = "STUDIO"
        scene.display.shading.color_type = "VERTEX"


@contextmanager
def _studio(frozen: list[FrozenMesh], cameras: list[Camera]) -> Iterator[bpy.types.Scene]:
    """A scene with the meshes once for each camera, tile by tile; gone when the block is left.

    One unit is one tile; the middle of the first tile is the origin, y is up, and the viewer looks along -z.
    """
    scene = bpy.data.scenes.new(TITLE)
    world = bpy.data.worlds.new(TITLE)
    lens = bpy.data.cameras.new(TITLE)
    lamp = bpy.data.lights.new(TITLE, "SUN")
    meshes: list[bpy.types.Mesh] = []
    made: list[bpy.types.Object] = []
    rows = -(-len(cameras) // COLUMNS)
    try:
        for item in frozen:
            points = np.empty(len(item.mesh.vertices) * 3, np.float32)
            item.mesh.vertices.foreach_get("co", points)
            for number, camera in enumerate(cameras):
                meshes.append(item.mesh.copy())
                column, row = _tile(number)
                shift = np.array([column, -row, 0.0])
                seen = _through_perspective(points.reshape(-1, 3), camera) + shift
                meshes[-1].vertices.foreach_set("co", seen.astype(np.float32).ravel())
                meshes[-1].update()
                made.append(_show(item, meshes[-1]))
        made.append(bpy.data.objects.new(TITLE, lens))
        scene.camera = made[-1]
        made[-1].location = (0.5 * (COLUMNS - 1), -0.5 * (rows - 1), 10.0)
        lens.type, lens.ortho_scale = "ORTHO", max(COLUMNS, rows)
        lens.clip_start, lens.clip_end = 0.1, 20.0
        made.append(bpy.data.objects.new(TITLE, lamp))
        made[-1].rotation_euler = np.radians([-35.0, -25.0, 0.0])
        for thing in made:
            scene.collection.objects.link(thing)
        lamp.energy, lamp.use_shadow = SUN_STRENGTH, False
        _light_evenly(world)
        scene.world = world
        _set_output(scene.render, rows)
        with suppress(TypeError):  # a user's own colour configuration may have other names
            scene.view_settings.view_transform = "Standard"
        with suppress(TypeError):
            scene.view_settings.look = "None"
        yield scene
    finally:
        for thing in made:
            bpy.data.objects.remove(thing)
        for mesh in meshes:
            bpy.data.meshes.remove(mesh)
        compat.remove_scene(scene)
        bpy.data.worlds.remove(world)
        bpy.data.cameras.remove(lens)
        bpy.data.lights.remove(lamp)


def _through_perspective(points: NDArray[np.float32], camera: Camera) -> NDArray[np.float64]:
    """(V, 3) where an orthographic view must see the points: in tiles, y up, z towards the viewer.

    Depth goes through the same projective map, so that straight edges stay straight and what hides what
    stays so; it is scaled so that shapes keep their proportions, and with them their shading, in the middle
    of the view.
    """
    local = camera.to_camera(points.astype(np.float64))
    middle = float(np.linalg.norm(camera.translation))
    scale = camera.focal / IMAGE_SIZE
    depth = scale * middle * (1.0 / middle - 1.0 / local[:, 2])
    return np.stack([scale * local[:, 0] / local[:, 2], -scale * local[:, 1] / local[:, 2], -depth], axis=1)


def _show(item: FrozenMesh, mesh: bpy.types.Mesh) -> bpy.types.Object:
    """An object that shows a mesh with the materials of the original."""
    shown = bpy.data.objects.new(mesh.name, mesh)
    for slot, original in zip(shown.material_slots, item.source.object.material_slots, strict=False):
        slot.link = "OBJECT"
        slot.material = original.material
    return shown


def _light_evenly(world: bpy.types.World) -> None:
    nodes = compat.world_nodes(world).nodes
    background = next((n for n in nodes if n.type == "BACKGROUND"), None)
    if background is None:
        background = nodes.new("ShaderNodeBackground")
        output = nodes.new("ShaderNodeOutputWorld")
        world.node_tree.links.new(background.outputs[0], output.inputs["Surface"])
    background.inputs["Color"].default_value = (AMBIENT, AMBIENT, AMBIENT, 1.0)


def _set_output(render: bpy.types.RenderSettings, rows: int) -> None:
    render.resolution_x, render.resolution_y = COLUMNS * IMAGE_SIZE, rows * IMAGE_SIZE
    render.resolution_percentage = 100
    render.film_transparent = True
    render.use_compositing = render.use_sequencer = False
    render.image_settings.file_format = "PNG"
    render.image_settings.color_mode = "RGBA"
    render.image_settings.color_depth = "8"


def _load_png(path: str) -> NDArray[np.float32]:
    """(H, W, 4) as stored, bottom row first."""
    image = bpy.data.images.load(path, check_existing=False)
    try:
        width, height = image.size
        pixels = np.empty(width * height * 4, np.float32)
        image.pixels.foreach_get(pixels)
        return pixels.reshape(height, width, 4)
    finally:
        bpy.data.images.remove(image)


def _save_png(pixels: NDArray[np.float32], path: Path) -> None:
    """Write (H, W, 4), bottom row first."""
    height, width = pixels.shape[:2]
    image = bpy.data.images.new(TITLE, width, height, alpha=True)
    try:
        image.pixels.foreach_set(np.ascontiguousarray(pixels).ravel())
        image.file_format = "PNG"
        image.filepath_raw = str(path)
        image.save()
    finally:
        bpy.data.images.remove(image)
