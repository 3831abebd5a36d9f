# SPDX-License-Identifier: GPL-3.0-or-later
"""Read a rigged character: its effective kinematic tree, limits, skin and colours, in rest pose."""

from __future__ import annotations

import bpy
import numpy as np
from numpy.typing import NDArray

from ..ik import rotations
from ..jobs.errors import BadInputError
from ..jobs.rig import Rig
from .armature_space import check_armature, up_direction
from .bone_chain import BoneChain
from .bones import read_bones
from .colors import vertex_colors
from .example_poses import read_example_poses
from .joints import JointTree, joint_tree
from .limits import free_limits, read_limits
from .obstacles import listed
from .skinned_meshes import frozen_meshes, is_deformed_without_weights, skinned_meshes
from .surface import Surface, read_surface, shared_skin, strongest_influences

Array = NDArray[np.float64]


def read_rig(armature_object: bpy.types.Object | None, *, max_vertices: int = 20000) -> Rig:
    """Read an armature object and the meshes it moves.

    Neither the pose nor anything else in the file is changed: meshes are evaluated as copies in a scene of
    their own.

    Args:
        armature_object: The character's armature. Its pose, location, rotation and scale do not matter.
        max_vertices: A larger surface is thinned out to at most this many vertices.

    Raises:
        BadInputError: it is no armature, moves no mesh, no vertex has weights, or its scale is not usable.
    """
    warnings: list[str] = check_armature(armature_object)
    assert armature_object is not None
    chain = read_bones(armature_object)
    meshes = skinned_meshes(armature_object)
    if not meshes:
        _refuse_meshless(armature_object)
    with frozen_meshes(armature_object, meshes) as frozen:
        surface = read_surface(frozen, chain, max_vertices)
        if not len(surface.weights) or not len(surface.faces):
            _refuse_weightless(armature_object)
        colors = vertex_colors(frozen, surface.mesh, surface.mesh_vertex)
    if surface.unweighted:
        warnings.append(
            f"{surface.unweighted} vertices have no weight on any bone; they will stay where they are while "
            "the character moves."
        )
    carried = np.bincount(surface.weight_bones, surface.weights, minlength=len(chain)).astype(float)
    tree = joint_tree(chain, carried, shared_skin(surface, len(chain)))
    return _assemble(armature_object, chain, tree, surface, colors, carried, warnings)


def _assemble(
    armature_object: bpy.types.Object,
    chain: BoneChain,
    tree: JointTree,
    surface: Surface,
    colors: NDArray[np.uint8],
    carried: Array,
    warnings: list[str],
) -> Rig:
    limits, locked, limit_warnings = _limits(armature_object, chain, tree)
    warnings += limit_warnings + _deformation_warnings(armature_object)
    bone_joints = len(tree.bones)
    leaves = np.setdiff1d(np.arange(bone_joints), tree.parents)
    joint_bones = np.concatenate([tree.bones, tree.bones[leaves]])
    is_tail = np.arange(len(joint_bones)) >= bone_joints
    skin_joints, skin_weights = strongest_influences(surface, tree.joint_of_bone)
    positions = chain.heads[joint_bones]
    positions[is_tail] = _tail_positions(chain, tree, leaves, surface)
    followers = [b for b in np.nonzero(carried > 0)[0] if b not in set(tree.bones.tolist())]
    free = np.tile([-np.inf, np.inf], (len(leaves), 3, 1))
    examples = read_example_poses(armature_object, chain, tree)
    stuck_joints = ~tree.can_move_alone(chain)
    if stuck_joints.any():
        stuck = [chain.names[b] for b in tree.bones[stuck_joints]]
        warnings.append(
            f"{listed(stuck)} cannot follow the limb it belongs to: it is connected to another bone."
        )
    return Rig(
        name=armature_object.name,
        joint_names=tuple(chain.names[b] for b in joint_bones),
        is_tail=is_tail,
        parents=np.concatenate([tree.parents, leaves]).astype(np.int32),
        rest_positions=positions,
        rest_rotations=rotations.quaternion_from_matrix(chain.rest[joint_bones, :3, :3]),
        limits=np.concatenate([limits, free]),
        locked_rotation=np.concatenate([locked, np.zeros((len(leaves), 3), bool)]),
        can_translate=np.concatenate([tree.is_loose | (tree.parents < 0), np.zeros(len(leaves), bool)]),
        vertices=surface.vertices,
        faces=surface.faces,
        vertex_colors=colors,
        skin_joints=skin_joints,
        skin_weights=skin_weights,
        up=up_direction(armature_object),
        example_rotations=_with_tails(examples, len(leaves)),
        follower_bones=tuple(chain.names[b] for b in followers),
        follower_joints=tree.joint_of_bone[followers].astype(np.int32),
        warnings=tuple(warnings),
    )


def _limits(
    armature_object: bpy.types.Object, chain: BoneChain, tree: JointTree
) -> tuple[Array, NDArray[np.bool_], list[str]]:
    """Limits and locks of all joints.

    They hold for angles against the parent bone, so they mean nothing for joints that hang elsewhere in
    Blender or do not inherit rotation.
    """
    limits, locked = [], []
    warnings: list[str] = []
    ignored: list[str] = []
    for joint, bone in enumerate(tree.bones):
        own = read_limits(armature_object.pose.bones[chain.names[bone]])
        warnings += own.warnings
        has_parent = chain.parents[bone] >= 0
        if tree.is_loose[joint] or (has_parent and not chain.inherits_rotation[bone]):
            if not own.is_free:
                ignored.append(chain.names[bone])
            own = free_limits()
        limits.append(own.limits)
        locked.append(own.locked)
    if ignored:
        warnings.append(
            f"The limits and locks of {listed(ignored)} are not used: these bones do not turn with the limb "
            "that they belong to."
        )
    return np.array(limits), np.array(locked), warnings


def _tail_positions(chain: BoneChain, tree: JointTree, leaves: NDArray[np.int64], surface: Surface) -> Array:
    """(L, 3) tails of the leaf bones, none further out than the skin it moves reaches.

    Importers guess the length of bones that end a chain, sometimes by many times too much.
    """
    heads = chain.heads[tree.bones[leaves]]
    along = chain.tails[tree.bones[leaves]] - heads
    joint = tree.joint_of_bone[surface.weight_bones]
    for row, leaf in enumerate(leaves):
        own = surface.weight_vertices[joint == leaf]
        reach = float(np.linalg.norm(surface.vertices[own] - heads[row], axis=1).max(initial=0.0))
        length = float(np.linalg.norm(along[row]))
        if 0.0 < reach < length:
            along[row] *= reach / length
    return heads + along


def _with_tails(examples: NDArray[np.float32], tails: int) -> NDArray[np.float32]:
    """Tail joints do not turn against their bone."""
    still = np.zeros((len(examples), tails, 4), np.float32)
    still[..., 0] = 1.0
    return np.concatenate([examples, still], axis=1)


def _deformation_warnings(armature_object: bpy.types.Object) -> list[str]:
    warnings = []
    bendy = [b.name for b in armature_object.data.bones if b.use_deform and b.bbone_segments > 1]
    if bendy:
        warnings.append(f"{len(bendy)} Bendy Bones are treated as straight.")
    return warnings


def _refuse_meshless(armature_object: bpy.types.Object) -> None:
    name = armature_object.name
    if is_deformed_without_weights(armature_object):
        _refuse_weightless(armature_object)
    raise BadInputError(
        f"No mesh is skinned to the armature '{name}'.",
        "Select the mesh, then the armature, and use Object > Parent > With Automatic Weights.",
        code="no_skinned_mesh",
    )


def _refuse_weightless(armature_object: bpy.types.Object) -> None:
    raise BadInputError(
        f"The meshes of the armature '{armature_object.name}' have no weights on its bones.",
        "Select the mesh, then the armature, and use Object > Parent > With Automatic Weights.",
        code="no_weights",
    )
