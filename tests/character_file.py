# SPDX-License-Identifier: GPL-3.0-or-later
"""A small character and a stand-in for the worker's Python, for tests of the ways in."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import bpy

SCRIPTED_WORKER = Path(__file__).parent / "worker" / "scripted_worker.py"


def make_character(name: str = "Wörm", rings: int = 12) -> bpy.types.Object:
    """Three bones in a row along z and a square tube around them, linked to the current scene."""
    data = bpy.data.armatures.new(name)
    armature = bpy.data.objects.new(name, data)
    bpy.context.scene.collection.objects.link(armature)
    bpy.context.view_layer.objects.active = armature
    bpy.ops.object.mode_set(mode="EDIT")
    parent = None
    for number in range(3):
        bone = data.edit_bones.new(f"bone {number}")
        bone.head, bone.tail = (0.0, 0.0, number), (0.0, 0.0, number + 1.0)
        bone.parent, bone.use_connect = parent, parent is not None
        parent = bone
    bpy.ops.object.mode_set(mode="OBJECT")

    heights = [3.0 * ring / (rings - 1) for ring in range(rings)]
    corners = [(0.2, 0.2), (-0.2, 0.2), (-0.2, -0.2), (0.2, -0.2)]
    vertices = [(x, y, z) for z in heights for x, y in corners]
    faces = [
        (4 * r + c, 4 * r + (c + 1) % 4, 4 * r + 4 + (c + 1) % 4, 4 * r + 4 + c)
        for r in range(rings - 1)
        for c in range(4)
    ]
    mesh = bpy.data.meshes.new(f"{name} body")
    mesh.from_pydata(vertices, [], faces)
    body = bpy.data.objects.new(f"{name} body", mesh)
    bpy.context.scene.collection.objects.link(body)
    body.parent = armature
    body.modifiers.new("Armature", "ARMATURE").object = armature
    for number in range(3):
        group = body.vertex_groups.new(name=f"bone {number}")
        inside = [4 * r + c for r, z in enumerate(heights) for c in range(4) if min(int(z), 2) == number]
        group.add(inside, 1.0, "REPLACE")
    bpy.context.view_layer.update()
    return armature


def worker_python(folder: Path, behaviour: str) -> Path:
    """A program that is called as the worker's Python and behaves as told; see scripted_worker.py."""
    program = folder / f"python {behaviour}"
    command = shlex.join([sys.executable, "-u", str(SCRIPTED_WORKER), behaviour])
    program.write_text(f'#!/bin/sh\nshift 2  # -u and the entry point\nexec {command} "$@"\n')
    program.chmod(0o755)
    return program
