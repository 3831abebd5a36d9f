# SPDX-License-Identifier: GPL-3.0-or-later
"""The character as the fit handles it: joints that can be seen to move, a light skin, how stiff it is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..ik.camera import Camera
from ..ik.skeleton import Skeleton
from ..ik.skinning import Skin
from ..jobs.rig import Rig
from .crop import Crop
from .decimate import FitMesh, decimate
from .renderer import Renderer, Rendering
from .stiffness import Stiffness, find_stiffness
from .symmetry import Symmetry, find_symmetry

SMALLEST_SHARE = 2e-4
"""A joint that carries less of the surface than this cannot be seen: it turns with its parent."""


@dataclass(frozen=True, eq=False)
class Body:
    """A rig prepared for the fit. Joint numbers are the rig's own."""

    rig: Rig
    mesh: FitMesh
    skeleton: Skeleton
    """The rig's joints; those without surface are locked."""
    skin: Skin
    stiffness: Stiffness
    symmetry: Symmetry | None
    renderer: Renderer
    size: float
    """Longest side of the mesh, armature units: the unit of every width of a position."""

    @classmethod
    def from_rig(cls, rig: Rig) -> Body:
        """Decimate the mesh, lock what cannot be seen, measure the rest."""
        mesh = decimate(rig)
        full = Skeleton.from_rig(rig)
        share = full.is_ancestor @ mesh.joint_share
        bare = share < SMALLEST_SHARE
        bare[full.root] = False
        # Where the body faces is for the video to say, whatever range its root bone was given.
        limits = np.array(rig.limits, float)
        limits[full.root] = [-np.inf, np.inf]
        translates = np.array(full.can_translate)
        translates[full.root] = True
        skeleton = Skeleton(
            rig.joint_names,
            rig.parents,
            rig.rest_positions,
            rig.rest_rotations,
            limits=limits,
            locks=(rig.locked_rotation | rig.is_tail[:, None] | bare[:, None])
            & (np.arange(rig.joint_count) != full.root)[:, None],
            can_translate=translates,
        )
        symmetry = find_symmetry(rig, mesh)
        return cls(
            rig=rig,
            mesh=mesh,
            skeleton=skeleton,
            skin=Skin(mesh.vertices, mesh.faces, mesh.skin_joints, mesh.skin_weights, skeleton),
            stiffness=find_stiffness(skeleton, mesh, symmetry),
            symmetry=symmetry,
            renderer=Renderer(mesh.faces),
            size=float(np.ptp(mesh.vertices, axis=0).max()) or 1.0,
        )

    @property
    def up(self) -> NDArray[np.float64]:
        """(3,) the world's up, unit length."""
        return np.asarray(self.rig.up / np.linalg.norm(self.rig.up), np.float64)

    def inherited(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """(T, J) values, where a joint without unknowns of its own has that of the joint it turns with."""
        own = np.zeros(self.skeleton.joint_count, bool)
        own[self.skeleton.moving] = True
        result = values.copy()
        for joints in self.skeleton.generations:
            lent = joints[~own[joints] & (self.skeleton.parents[joints] >= 0)]
            result[:, lent] = result[:, self.skeleton.parents[lent]]
        return result

    def render(self, vertices: NDArray[np.floating], camera: Camera, crop: Crop) -> Rendering:
        """Draw the light mesh."""
        return self.renderer.render(vertices, camera, crop)
