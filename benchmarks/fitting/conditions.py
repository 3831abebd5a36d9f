# SPDX-License-Identifier: GPL-3.0-or-later
"""What a capture is given, and what is taken away from it."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mocapanything_addon.fit.clip import SubjectClip
from mocapanything_addon.fit.shape import bone_directions
from mocapanything_addon.ik.camera import Camera
from mocapanything_addon.ik.mirror import mirror_pairs
from mocapanything_addon.ik.skeleton import Skeleton
from mocapanything_addon.jobs.rig import Rig
from mocapanything_addon.jobs.settings import Quality

from .filming import Case, View
from .masks import MASKS

GREY = 128
CUT_OUT = ("own", "teacher")
"""Masks that come with the film, see filming.View; all others are made of the true ones."""
LIMB_SHARE = 0.45
"""A joint with less than this of the surface on and below it belongs to a limb, a neck or a tail."""


@dataclass(frozen=True)
class Condition:
    """One row of the tables."""

    name: str
    paint: str = "grey"
    """Of the rig: flat grey, as it was filmed ("own"), or its colours mixed up ("other")."""
    own_poses: bool = True
    """The rig comes with its other clips' poses; most rigs have none."""
    limbs: float = 1.0
    """The rig's limbs, neck and tail are so many times as long as those of the filmed creature."""
    girth: float = 1.0
    """The rig is so many times as thick, everywhere, as the filmed creature."""
    mask: str = "true"
    """One of masks.MASKS; "own": as the product finds it; "teacher": brought to the product, made by the slow
    segmenter of training/teacher.py."""
    stride: int = 1
    """Every so many of the 24 frames a second."""
    camera: str = "known"
    """"known", "fov" (only its field of view) or "unknown"."""
    elevation: float | None = None
    cut_off: bool = False
    start: str = "search"
    """"search", "root" (rest pose, root 20 degrees and 10 % wrong) or "pose" (one frame's true pose)."""
    without: str = ""
    """One of ablations.ABLATIONS."""
    networks: bool = False
    quality: Quality = Quality.STANDARD
    bound: str = ""
    """Told to the fit from the truth: "average pose" or "correspondences"."""

    @property
    def looks_again(self) -> bool:
        """The subject is cut out again where the body says that it is."""
        return self.mask == "own" and self.without != "second look"

    def view(self, number: int) -> View:
        """From where its clips are filmed."""
        return View(number, self.elevation, self.cut_off, self.mask if self.mask in CUT_OUT else "true")


CONDITIONS = (
    Condition("grey rig"),
    Condition("no other clips", own_poses=False),
    Condition("rig as filmed", paint="own"),
    Condition("rig in other colours", paint="other"),
    Condition("limbs 15 % longer", limbs=1.15),
    Condition("limbs 15 % shorter", limbs=0.85),
    Condition("20 % fatter", girth=1.2),
    Condition("limbs 15 % longer, without shape", limbs=1.15, without="shape"),
    Condition("limbs 15 % shorter, without shape", limbs=0.85, without="shape"),
    Condition("20 % fatter, without shape", girth=1.2, without="shape"),
    Condition("own mask", mask="own"),
    Condition("own mask, no other clips", mask="own", own_poses=False),
    Condition("own mask, without second look", mask="own", without="second look"),
    Condition("teacher mask", mask="teacher"),
    Condition("mask eroded", mask="eroded"),
    Condition("mask dilated", mask="dilated"),
    Condition("mask with holes", mask="holed"),
    Condition("mask flickering", mask="flickering"),
    Condition("12 fps", stride=2),
    Condition("fov given", camera="fov"),
    Condition("camera unknown", camera="unknown"),
    Condition("camera unknown, 30 degrees up", camera="unknown", elevation=30.0),
    Condition("cut off at the border", cut_off=True),
    Condition("rough root given", start="root"),
    Condition("one pose given", start="pose"),
    Condition("without flow", without="flow"),
    Condition("without silhouette", without="silhouette"),
    Condition("without expected pose", without="expected pose"),
    Condition("without average pose", without="average pose"),
    Condition("without exchange", without="exchange"),
    Condition("without other ways", without="other ways"),
    Condition("no other clips, without other ways", own_poses=False, without="other ways"),
    Condition("without shape", without="shape"),
    Condition("without patches", without="patches"),
    Condition("without lost frames", without="lost frames"),
    Condition("no other clips, without own mean", own_poses=False, without="own mean"),
    Condition("without lost limbs", without="lost limbs"),
    Condition("without contacts", without="contacts"),
    Condition("camera unknown, without elevation", camera="unknown", without="elevation"),
    Condition("networks", networks=True),
    Condition("networks, no other clips", networks=True, own_poses=False),
    Condition("networks, rig as filmed", networks=True, paint="own"),
    Condition("networks, no other clips, without critic", networks=True, own_poses=False, without="critic"),
    Condition("networks, own mask", networks=True, mask="own"),
    Condition("networks, own mask, no other clips", networks=True, mask="own", own_poses=False),
    Condition("networks, no other clips, best quality", networks=True, own_poses=False, quality=Quality.BEST),
    Condition("critic alone", networks=True, without="proposals"),
    Condition("critic alone, no other clips", networks=True, own_poses=False, without="proposals"),
    Condition("true average pose", bound="average pose"),
    Condition("true correspondences", bound="correspondences"),
)
BY_NAME = {condition.name: condition for condition in CONDITIONS}
MAIN = ("grey rig",)


@dataclass(frozen=True, eq=False)
class Given:
    """What the capture sees of a case."""

    rig: Rig
    clip: SubjectClip
    camera: Camera | None
    fov_degrees: float | None


def given(case: Case, condition: Condition) -> tuple[Case, Given]:
    """The case with the frames that are used, and what is shown of it.

    Where the rig is of another shape, the truth is the filmed motion on that rig.
    """
    case = every(case, condition.stride)
    case = replace(case, rig=thicker(with_longer_limbs(case.rig, condition.limbs), condition.girth))
    rng = np.random.default_rng(zlib.crc32(f"{case.name} {condition.mask}".encode()))
    mask = case.clip.mask if condition.mask in CUT_OUT else MASKS[condition.mask](case.clip.mask, rng)
    camera = case.camera
    fov = float(np.degrees(2.0 * np.arctan(0.5 * max(camera.width, camera.height) / camera.focal)))
    return case, Given(
        rig=_painted(case.rig if condition.own_poses else _without_poses(case.rig), condition.paint, rng),
        clip=replace(case.clip, mask=mask),
        camera=camera if condition.camera == "known" else None,
        fov_degrees=None if condition.camera == "unknown" else fov,
    )


def every(case: Case, stride: int) -> Case:
    """Every so many frames of a case."""
    if stride == 1:
        return case
    clip = case.clip.part(slice(None, None, stride))
    return replace(case, clip=replace(clip, frame_rate=clip.frame_rate / stride), truth=case.truth[::stride])


def _without_poses(rig: Rig) -> Rig:
    return replace(rig, example_rotations=np.zeros((0, rig.joint_count, 4), np.float32))


def with_longer_limbs(rig: Rig, factor: float) -> Rig:
    """The rig with the bones of its limbs, necks and tails ``factor`` times as long; its skin goes along."""
    count = rig.joint_count
    is_limb = limb_joints(rig)
    rest = rig.rest_positions.copy()
    for joint in range(1, count):
        parent = rig.parents[joint]
        stretch = factor if is_limb[parent] else 1.0
        rest[joint] = rest[parent] + stretch * (rig.rest_positions[joint] - rig.rest_positions[parent])
    moved = np.einsum("vk,vkd->vd", rig.skin_weights, (rest - rig.rest_positions)[rig.skin_joints])
    return replace(rig, rest_positions=rest, vertices=(rig.vertices + moved).astype(np.float32))


def limb_joints(rig: Rig) -> NDArray[np.bool_]:
    """(J,) joints that turn limbs, necks and tails."""
    own = np.zeros(rig.joint_count)
    np.add.at(own, rig.skin_joints, rig.skin_weights)
    for joint in range(rig.joint_count - 1, 0, -1):
        own[rig.parents[joint]] += own[joint]
    return own < LIMB_SHARE * own[0]


def thicker(rig: Rig, factor: float) -> Rig:
    """The rig with its skin ``factor`` times as far from the lines of its bones; the bones stay."""
    skeleton = Skeleton.from_rig(rig)
    along = bone_directions(skeleton, mirror_pairs(skeleton))[rig.skin_joints]
    arms = rig.vertices[:, None] - rig.rest_positions[rig.skin_joints]
    across = arms - np.einsum("vkd,vkd->vk", arms, along)[..., None] * along
    moved = (factor - 1.0) * np.einsum("vk,vkd->vd", rig.skin_weights, across)
    return replace(rig, vertices=(rig.vertices + moved).astype(np.float32))


def _painted(rig: Rig, paint: str, rng: np.random.Generator) -> Rig:
    if paint == "own":
        return rig
    colors = np.full_like(rig.vertex_colors, GREY)
    if paint == "other":
        # Stripes along the body, which the filmed animal does not have.
        phase = rig.vertices @ rng.normal(size=(3, 3)) * 9.0 / rig.size + rng.uniform(0.0, 6.0, 3)
        colors = (127.5 + 100.0 * np.sin(phase)).astype(np.uint8)
    return replace(rig, vertex_colors=colors)
