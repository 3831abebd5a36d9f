# SPDX-License-Identifier: GPL-3.0-or-later
"""A finished creature: its rig, and what its bones are for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mocapanything_addon.ik.rotations import quaternion_from_matrix
from mocapanything_addon.jobs.rig import Rig

from .anatomy import Anatomy, Limb, grow_anatomy
from .coat import paint
from .flesh import put_on_flesh
from .ornaments import shape_ornament
from .plan import BodyPlan, Kind
from .skinning import skin_weights
from .surface import Body, skin_surface

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Creature:
    """A rig with its anatomy. Bone b of ``anatomy`` is joint b of ``rig``; tail joints follow after them."""

    plan: BodyPlan
    rig: Rig
    anatomy: Anatomy

    def limbs(self, *kinds: Kind) -> tuple[Limb, ...]:
        """All parts of these kinds, in the plan's order, left before right."""
        return tuple(limb for limb in self.anatomy.limbs if limb.kind in kinds)

    @property
    def legs(self) -> tuple[Limb, ...]:
        """The legs, from the front to the back of the body, left before right."""
        legs = self.limbs(Kind.LEG)
        return tuple(
            sorted(legs, key=lambda leg: (round(self.anatomy.tails[leg.bones[-1]][1], 4), -leg.side))
        )

    def bone(self, name: str) -> int:
        """Index of a bone. Raises ValueError where there is none of that name."""
        return self.anatomy.names.index(name)

    def tail_joint(self, bone: int) -> int:
        """The joint at a leaf bone's tail. Raises ValueError for a bone with children."""
        for joint in range(len(self.anatomy.names), self.rig.joint_count):
            if self.rig.parents[joint] == bone:
                return joint
        raise ValueError(f'bone "{self.anatomy.names[bone]}" is no leaf')


def build_creature(plan: BodyPlan, *, vertex_count: int = 5000, seed: int = 0) -> Creature:
    """Grow anatomy, skin, weights and coat of a plan.

    Args:
        plan: See :mod:`.presets` and :mod:`.random_plans`.
        vertex_count: About how many vertices the skin gets (ornaments come on top).
        seed: Of the coat's markings.

    The creature looks along -y, its left is +x, and its lowest point touches z = 0.
    """
    anatomy = grow_anatomy(plan)
    cones = put_on_flesh(plan, anatomy)
    blends = [plan.parts[limb.part].blend for limb in anatomy.limbs]
    body = Body(cones, blends)
    vertices, faces = skin_surface(body, vertex_count)
    bones, weights = skin_weights(vertices, faces, cones, anatomy.parents)
    normals = vertex_normals(vertices, faces)
    colors = paint(plan.coat, anatomy, vertices, normals, bones, weights, seed)
    pieces = [(vertices, faces, colors, bones, weights)]
    for ornament in plan.ornaments:
        for side in (1, -1) if ornament.paired else (0,):
            bone, points, triangles = shape_ornament(ornament, anatomy, body, side)
            count = len(points)
            pieces.append(
                (
                    points,
                    triangles,
                    np.tile(np.array(plan.coat.palette[ornament.color], np.uint8), (count, 1)),
                    np.tile(np.array([bone, 0, 0, 0], np.int32), (count, 1)),
                    np.tile(np.array([1, 0, 0, 0], np.float32), (count, 1)),
                )
            )
    firsts = np.cumsum([0, *(len(p[0]) for p in pieces[:-1])])
    all_vertices = np.concatenate([p[0] for p in pieces])
    ground = np.array([0.0, 0.0, all_vertices[:, 2].min()])
    anatomy = Anatomy(
        anatomy.names,
        anatomy.parents,
        anatomy.heads - ground,
        anatomy.tails - ground,
        anatomy.axes,
        anatomy.limits,
        anatomy.limbs,
    )
    rig = _make_rig(
        plan.name,
        anatomy,
        vertices=(all_vertices - ground).astype(np.float32),
        faces=np.concatenate([p[1] + f for p, f in zip(pieces, firsts, strict=True)]).astype(np.int32),
        vertex_colors=np.concatenate([p[2] for p in pieces]),
        skin_joints=np.concatenate([p[3] for p in pieces]),
        skin_weights=np.concatenate([p[4] for p in pieces]),
    )
    return Creature(plan, rig, anatomy)


def vertex_normals(vertices: NDArray[np.floating], faces: NDArray[np.int32]) -> Array:
    """(V, 3) unit normals, area-weighted; zero at vertices without a face."""
    corner = vertices[faces]
    face = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    flat = faces.reshape(-1)
    normals = np.stack(
        [np.bincount(flat, np.repeat(face[:, k], 3), minlength=len(vertices)) for k in range(3)], axis=-1
    )
    return normals / np.maximum(np.linalg.norm(normals, axis=-1, keepdims=True), 1e-12)


def _make_rig(name: str, anatomy: Anatomy, **mesh: NDArray) -> Rig:
    """Joints are the bones' heads, then a tail joint for every bone without children."""
    count = len(anatomy.names)
    leaves = np.setdiff1d(np.arange(count), anatomy.parents)
    order = np.concatenate([np.arange(count), leaves])
    is_tail = np.arange(len(order)) >= count
    limits = anatomy.limits[order].copy()
    limits[is_tail] = [-np.inf, np.inf]
    can_translate = np.zeros(len(order), bool)
    can_translate[0] = True
    return Rig(
        name=name,
        joint_names=tuple(anatomy.names[b] for b in order),
        is_tail=is_tail,
        parents=np.where(is_tail, order, anatomy.parents[order]).astype(np.int32),
        rest_positions=np.where(is_tail[:, None], anatomy.tails[order], anatomy.heads[order]),
        rest_rotations=quaternion_from_matrix(anatomy.axes[order]),
        limits=limits,
        locked_rotation=np.zeros((len(order), 3), bool),
        can_translate=can_translate,
        vertices=mesh["vertices"],
        faces=mesh["faces"],
        vertex_colors=mesh["vertex_colors"],
        skin_joints=mesh["skin_joints"],
        skin_weights=mesh["skin_weights"],
    )
