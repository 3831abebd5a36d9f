# SPDX-License-Identifier: GPL-3.0-or-later
"""What in a rig would move bones besides their keys: constraints, drivers, NLA strips."""

from __future__ import annotations

import re

import bpy

BONE = re.compile(r'pose\.bones\["((?:[^"\\]|\\.)*)"\]\.(?:location|rotation|scale)')
NAMED = 8
"""Bones named in one warning; of the rest their number is said."""


def find_obstacles(armature_object: bpy.types.Object, keyed: list[str]) -> list[str]:
    """Warnings about what acts on the keyed bones, in the user's words, each with what to do."""
    warnings = []
    constrained = [name for name in keyed if name in _constrained(armature_object)]
    if constrained:
        warnings.append(
            f"Constraints act on {listed(constrained)} on top of the captured keys. "
            "Mute them to see the captured motion."
        )
    driven = [name for name in keyed if name in _driven(armature_object)]
    if driven:
        warnings.append(
            f"Drivers replace the captured keys of {listed(driven)}. Mute them to see the motion."
        )
    if armature_object.data.pose_position == "REST":
        warnings.append(
            "The armature is shown in Rest Position. Switch it to Pose Position to see the motion."
        )
    data = armature_object.animation_data
    if data is not None and (data.action_blend_type != "REPLACE" or data.action_influence < 1.0):
        warnings.append(
            "The armature's action does not replace the NLA tracks below it (blending or influence): "
            "the captured motion is mixed with them."
        )
    return warnings


def has_playing_tracks(armature_object: bpy.types.Object) -> bool:
    """Some NLA track below the action would set the channels that the action leaves out."""
    data = armature_object.animation_data
    return data is not None and any(not t.mute and len(t.strips) for t in data.nla_tracks)


def _constrained(armature_object: bpy.types.Object) -> set[str]:
    """Bones that constraints move. Limits are respected by the capture and do not count."""
    found = set()
    for bone in armature_object.pose.bones:
        for constraint in bone.constraints:
            if constraint.mute or constraint.influence <= 0.0 or constraint.type.startswith("LIMIT"):
                continue
            if hasattr(constraint, "target") and constraint.target is None:
                continue
            found.add(bone.name)
            if constraint.type in {"IK", "SPLINE_IK"}:
                length = constraint.chain_count or 1_000_000
                found.update(parent.name for parent in bone.parent_recursive[: length - 1])
    return found


def _driven(armature_object: bpy.types.Object) -> set[str]:
    data = armature_object.animation_data
    matches = [BONE.match(driver.data_path) for driver in data.drivers if not driver.mute] if data else []
    return {bpy.utils.unescape_identifier(match[1]) for match in matches if match}


def listed(names: list[str]) -> str:
    """Names for a message: all of a few, the first of many."""
    first = ", ".join(f"'{name}'" for name in names[:NAMED])
    return first if len(names) <= NAMED else f"{first} and {len(names) - NAMED} more bones"
