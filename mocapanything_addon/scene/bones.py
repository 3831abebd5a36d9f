# SPDX-License-Identifier: GPL-3.0-or-later
"""Read an armature's bones, in rest pose."""

from __future__ import annotations

import bpy
import numpy as np

from .bone_chain import BoneChain


def read_bones(armature_object: bpy.types.Object) -> BoneChain:
    """The bones of an armature object as arrays. The pose is neither read nor changed."""
    bones = list(armature_object.data.bones)
    index = {bone.name: i for i, bone in enumerate(bones)}
    rest = np.array([bone.matrix_local for bone in bones], float).reshape(-1, 4, 4)
    return BoneChain(
        names=tuple(index),
        parents=np.array([index[b.parent.name] if b.parent else -1 for b in bones], np.int64),
        rest=rest,
        tails=np.array([b.tail_local for b in bones], float).reshape(-1, 3),
        deforms=np.array([b.use_deform for b in bones], bool),
        connected=np.array([b.use_connect and b.parent is not None for b in bones], bool),
        inherits_rotation=np.array([b.use_inherit_rotation for b in bones], bool),
        inherits_scale=np.array([b.inherit_scale == "FULL" for b in bones], bool),
        local_location=np.array([b.use_local_location for b in bones], bool),
    )
