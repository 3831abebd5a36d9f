# SPDX-License-Identifier: GPL-3.0-or-later
"""Open a character's file, find the character in it, and save the result elsewhere."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path

import addon_utils
import bpy

from ..jobs.errors import BadInputError, CaptureError
from ..jobs.files import writing_error
from .skinned_meshes import skinned_meshes

IMPORTERS = {".glb": "io_scene_gltf2", ".gltf": "io_scene_gltf2", ".fbx": "io_scene_fbx"}
"""The add-on that reads a format. It comes with Blender, but may be switched off."""
ASSET_SUFFIXES = (".blend", *IMPORTERS)
LITTLE_SPACE = 1 << 20
"""Bytes: with less free space than this a file that could not be written is put down to a full disk."""


def open_asset(path: Path) -> None:
    """Open a ``.blend``, or make a new scene and import the file into it. Its scripts do not run.

    Raises:
        BadInputError: ``asset_missing``, ``asset_format`` (a kind of file nobody reads),
        ``asset_unreadable``.
    """
    if not path.is_file():
        raise BadInputError(f"There is no file at {path}.", code="asset_missing")
    suffix = path.suffix.lower()
    if suffix not in ASSET_SUFFIXES:
        raise BadInputError(
            f"{path.name} is of a kind that cannot be opened.",
            f"Use one of {', '.join(ASSET_SUFFIXES)}.",
            code="asset_format",
        )
    try:
        if suffix == ".blend":
            bpy.ops.wm.open_mainfile(filepath=str(path), load_ui=False, use_scripts=False)
        else:
            # The factory's start-up file, but the user's preferences and add-ons: this one is among them.
            bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True, load_ui=False)
            _import(path, suffix)
    except Exception as error:  # importers raise whatever a damaged file makes them stumble over
        raise BadInputError(
            f"{path.name} cannot be opened: {_first_line(error)}",
            "It may be damaged, or of a newer version.",
            code="asset_unreadable",
        ) from error


def find_armature(name: str | None = None) -> bpy.types.Object:
    """The armature of that name, or the one with the most skinned vertices.

    Raises:
        BadInputError: ``no_armature``; the message lists those there are.
    """
    armatures = [thing for scene in bpy.data.scenes for thing in scene.objects if thing.type == "ARMATURE"]
    if not armatures:
        raise BadInputError(
            "There is no armature in the file.", "Use a rigged character.", code="no_armature"
        )
    if name is None:
        return max(armatures, key=_skinned_vertices)
    found = next((thing for thing in armatures if thing.name == name), None)
    if found is None:
        listed = ", ".join(sorted({f"'{thing.name}'" for thing in armatures}))
        raise BadInputError(
            f"There is no armature '{name}' in the file.", f"There are: {listed}.", code="no_armature"
        )
    return found


def scene_of(armature: bpy.types.Object) -> bpy.types.Scene:
    """The scene the armature is in: the current one where it is in several."""
    current = bpy.context.scene
    return current if armature.name in current.objects else armature.users_scene[0]


def set_frame_rate(scene: bpy.types.Scene, frame_rate: float) -> None:
    """Let the scene play at a video's frames per second, 23.976 being 24 / 1.001."""
    scene.render.fps, scene.render.fps_base = frame_rate_fraction(frame_rate)


def frame_rate_fraction(frame_rate: float) -> tuple[int, float]:
    """Blender's (fps, fps_base) for a rate in frames per second."""
    whole = max(1, round(frame_rate))
    for base in (1.0, 1.001):
        if abs(whole / base - frame_rate) < 1e-4 * frame_rate:
            return whole, base
    return whole, whole / frame_rate


def show_frames(scene: bpy.types.Scene, start: int, end: int) -> None:
    """Make the scene play these frames, beginning with the first."""
    scene.frame_start, scene.frame_end = start, max(start, end)
    scene.use_preview_range = False
    scene.frame_set(start)


def save_blend(path: Path) -> None:
    """Save a copy of the open file, which keeps its own path, over ``path``.

    Raises:
        CaptureError: ``disk_full``, ``cannot_write``.
    """
    path.unlink(missing_ok=True)  # Blender would keep a backup of it
    try:
        bpy.ops.wm.save_as_mainfile(filepath=str(path), copy=True, check_existing=False)
    except RuntimeError as error:
        if shutil.disk_usage(path.parent).free < LITTLE_SPACE:
            raise writing_error(OSError(errno.ENOSPC, "disk full"), path) from error
        raise CaptureError(f"{path} cannot be written: {_first_line(error)}", code="cannot_write") from error


def _import(path: Path, suffix: str) -> None:
    module = IMPORTERS[suffix]
    if not addon_utils.check(module)[1]:
        addon_utils.enable(module)
    if suffix == ".fbx":
        bpy.ops.import_scene.fbx(filepath=str(path))
    else:
        bpy.ops.import_scene.gltf(filepath=str(path))


def _skinned_vertices(armature: bpy.types.Object) -> int:
    return sum(len(skinned.object.data.vertices) for skinned in skinned_meshes(armature))


def _first_line(error: Exception) -> str:
    """What Blender or an importer says, without the traceback that some put into their message."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (
        (lines[-1] if lines and lines[0].startswith("Error: Python") else lines[0]) if lines else repr(error)
    )
