# SPDX-License-Identifier: GPL-3.0-or-later
"""Run by test_zip.py in a Blender with an empty profile: install the zip, capture, say what came out."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

extension_zip, profile, asset, video = map(Path, sys.argv[1:])
(profile / "extensions" / "user_default").mkdir(parents=True)
os.environ["BLENDER_USER_RESOURCES"] = str(profile)

import bpy  # noqa: E402

installed = profile / "extensions" / "user_default" / "mocapanything_addon"


def installed_files() -> list[str]:
    """Python's own cache, which belongs to Blender's Python, aside."""
    return sorted(str(path) for path in installed.rglob("*") if "__pycache__" not in str(path))


bpy.ops.extensions.package_install_files(
    filepath=str(extension_zip), repo="user_default", enable_on_install=True
)
files_before = installed_files()
bpy.ops.wm.open_mainfile(filepath=str(asset))
armature = next(thing for thing in bpy.context.scene.objects if thing.type == "ARMATURE")
bpy.context.view_layer.objects.active = armature
settings = bpy.context.scene.mocapanything
settings.quality = "fast"
settings.use_range, settings.end = True, 0.5
result = bpy.ops.mocapanything.capture_from_video(filepath=str(video))

status = bpy.context.window_manager.mocapanything
action = armature.animation_data.action
frame_start, frame_end = (int(frame) for frame in action.frame_range)
poses = []
for frame in (frame_start, frame_end):
    bpy.context.scene.frame_set(frame)
    poses.append([list(bone.head) for bone in armature.pose.bones])
answer = {
    "result": sorted(result),
    "action": action.name,
    "status": [status.action_name, status.frame_count, status.error],
    "confidence": status.confidence,
    "frames": [frame_start, frame_end],
    "poses": poses,
    "job_files": sorted(path.name for path in Path(status.folder).iterdir()),
    "job_folder": status.folder,
    "installed_files_changed": installed_files() != files_before,
}
print()
print(json.dumps(answer))
sys.stdout.flush()
os._exit(0)  # bpy 4.2 as a module crashes while Python shuts down
