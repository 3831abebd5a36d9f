# SPDX-License-Identifier: GPL-3.0-or-later
"""Rig packs from asset files: joints, decimated mesh, clips at 24 fps. Needs bpy."""

from __future__ import annotations

import argparse
import logging
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from mocapanything_addon.fit.decimate import decimate
from mocapanything_addon.ik.rotations import nearest_rotation
from mocapanything_addon.jobs.rig import Rig

from .pack import FRAME_RATE, MotionClip, Pack
from .split import family_of

log = logging.getLogger(__name__)
LONGEST_CLIP = 10.0  # seconds
SUFFIXES = (".blend", ".glb", ".gltf", ".fbx")


def make_packs(sources: list[Path], folder: Path) -> None:
    """Turn every asset under the sources into a pack; say what was dropped and why."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in asset_files(sources):
        name = pack_name(path)
        try:
            pack = make_pack(path, name)
        except Exception as error:  # one broken asset must not end the run
            log.warning("%s: left out (%s: %s)", name, type(error).__name__, error)
            continue
        if pack is None:
            continue
        pack.save(folder)
        frames = sum(len(clip.rotations) for clip in pack.clips)
        log.info(
            "%s: %d joints, %d faces, %d clips, %d frames",
            name,
            len(pack.parents),
            len(pack.faces),
            len(pack.clips),
            frames,
        )


def asset_files(sources: list[Path]) -> list[Path]:
    """All asset files named or below the folders named, sorted."""
    found: list[Path] = []
    for source in sources:
        if source.is_dir():
            found += [p for p in sorted(source.rglob("*")) if p.suffix.lower() in SUFFIXES]
        else:
            found.append(source)
    return found


def pack_name(path: Path) -> str:
    """Folder and file name, as one plain word."""
    return re.sub(r"[^A-Za-z0-9_.-]", "_", f"{path.parent.name}-{path.stem}")


def make_pack(path: Path, name: str) -> Pack | None:
    """Import one file and read its rig and clips; None where it has no rig."""
    import bpy

    from mocapanything_addon.scene.read_rig import read_rig

    _import_asset(path)
    armatures = [o for o in bpy.context.scene.objects if o.type == "ARMATURE"]
    if not armatures:
        log.warning("%s: left out, no armature", name)
        return None
    armature = max(armatures, key=lambda o: len(o.data.bones))
    _stand_at_rest(armature)
    rig = decimated(read_rig(armature))
    for warning in rig.warnings:
        log.info("%s: %s", name, warning)
    return Pack.from_rig(rig, name, family_of(name), read_clips(armature, rig))


def read_clips(armature: Any, rig: Rig) -> tuple[MotionClip, ...]:
    """Every action that moves the armature, as rest-relative local rotations and root positions."""
    import bpy

    scene = bpy.context.scene
    for other in list(scene.objects):
        if other.type == "MESH":
            bpy.data.objects.remove(other)  # evaluating the skin would cost most of the time
    clips = []
    for action in list(bpy.data.actions):
        repaired = _repair_keys(action)
        if repaired:
            log.info("%s: %d keys that are no numbers replaced", action.name, repaired)
        if not _moves_bones(action, armature):
            continue
        clip = _sample_action(armature, action, rig)
        if clip is None:
            log.warning("%s: left out, too short or not finite", action.name)
        else:
            clips.append(clip)
    return tuple(clips)


def decimated(rig: Rig) -> Rig:
    """The rig with the fit's lighter mesh, of about 600 vertices."""
    mesh = decimate(rig)
    nearest = cKDTree(rig.vertices).query(mesh.vertices)[1]
    return replace(
        rig,
        vertices=mesh.vertices.astype(np.float32),
        faces=mesh.faces,
        vertex_colors=rig.vertex_colors[nearest],
        skin_joints=mesh.skin_joints,
        skin_weights=mesh.skin_weights.astype(np.float32),
    )


def _import_asset(path: Path) -> None:
    import bpy

    if path.suffix.lower() == ".blend":
        bpy.ops.wm.open_mainfile(filepath=str(path))
        return
    bpy.ops.wm.read_factory_settings(use_empty=True)
    if path.suffix.lower() == ".fbx":
        bpy.ops.import_scene.fbx(filepath=str(path))
    else:
        bpy.ops.import_scene.gltf(filepath=str(path))


def _stand_at_rest(armature: Any) -> None:
    import bpy

    if armature.animation_data:
        armature.animation_data.action = None
        for track in armature.animation_data.nla_tracks:
            track.mute = True
    for bone in armature.pose.bones:
        bone.matrix_basis.identity()
    bpy.context.view_layer.update()


def _curves(action: Any) -> list[Any]:
    return [
        curve
        for layer in action.layers
        for strip in layer.strips
        for bag in strip.channelbags
        for curve in bag.fcurves
    ]


def _moves_bones(action: Any, armature: Any) -> bool:
    names = set(re.findall(r'pose\.bones\["(.*?)"\]', " ".join(c.data_path for c in _curves(action))))
    return bool(names & set(armature.pose.bones.keys()))


def _repair_keys(action: Any) -> int:
    """Give keys that are not finite their nearest neighbour's value."""
    repaired = 0
    for curve in _curves(action):
        keys = curve.keyframe_points
        values = np.empty(2 * len(keys), np.float32)
        keys.foreach_get("co", values)
        values = values.reshape(-1, 2)
        good = np.flatnonzero(np.isfinite(values[:, 1]))
        if len(good) == len(values) or not len(good):
            continue
        for bad in np.flatnonzero(~np.isfinite(values[:, 1])):
            keys[int(bad)].co.y = float(values[good[np.abs(good - bad).argmin()], 1])
            repaired += 1
        curve.update()
    return repaired


def _sample_action(armature: Any, action: Any, rig: Rig) -> MotionClip | None:
    import bpy

    scene = bpy.context.scene
    _stand_at_rest(armature)
    data = armature.animation_data_create()
    data.action = action
    if data.action_slot is None and len(action.slots):
        data.action_slot = action.slots[0]
    first, last = action.frame_range
    step = scene.render.fps / scene.render.fps_base / FRAME_RATE
    count = int(min((last - first) / step, LONGEST_CLIP * FRAME_RATE)) + 1
    if count < 4:
        return None
    bones = [armature.pose.bones[name] for name in rig.joint_names]
    matrices = np.empty((count, len(bones), 4, 4))
    for index in range(count):
        frame = first + index * step
        scene.frame_set(int(np.floor(frame)), subframe=float(frame - np.floor(frame)))
        matrices[index] = [np.array(bone.matrix) for bone in bones]
    data.action = None
    if not np.isfinite(matrices).all():
        return None
    return _clip_from_matrices(str(action.name), matrices, rig)


def _clip_from_matrices(name: str, matrices: NDArray[np.float64], rig: Rig) -> MotionClip:
    """Pose matrices (T, J, 4, 4) of the joints' bones -> rest-relative local rotations, scale removed."""
    from scipy.spatial.transform import Rotation

    rest = Rotation.from_quat(rig.rest_rotations[:, [1, 2, 3, 0]]).as_matrix()
    turned = nearest_rotation(matrices[..., :3, :3]) @ np.swapaxes(rest, -1, -2)
    parents = np.maximum(rig.parents, 0)
    local = np.swapaxes(turned[:, parents], -1, -2) @ turned
    local[:, 0] = turned[:, 0]
    local[:, rig.is_tail] = np.eye(3)
    return MotionClip(name, local.astype(np.float32), matrices[:, 0, :3, 3].astype(np.float32))


def main(arguments: list[str] | None = None) -> None:
    """Command line; see README.md."""
    parser = argparse.ArgumentParser(prog="python -m training packs", description=__doc__)
    parser.add_argument("sources", nargs="+", type=Path, help="asset files, or folders of them")
    parser.add_argument("--output", type=Path, default=Path("data/packs"))
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    make_packs(options.sources, options.output)


if __name__ == "__main__":
    main()
