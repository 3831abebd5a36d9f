# SPDX-License-Identifier: GPL-3.0-or-later
"""A small four-legged body with a neck, and clips of it whose truth is known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from mocapanything_addon.fit.clip import SubjectClip
from mocapanything_addon.fit.crop import Crop
from mocapanything_addon.fit.renderer import Renderer
from mocapanything_addon.ik import rotations
from mocapanything_addon.ik.camera import Camera
from mocapanything_addon.ik.kinematics import State
from mocapanything_addon.ik.motion import Motion
from mocapanything_addon.ik.skeleton import Skeleton
from mocapanything_addon.ik.skinning import Skin
from mocapanything_addon.jobs.rig import Rig
from tests.tube_character import _box, tube_rig

WIDTH, HEIGHT = 320, 240
PIXELS = 128
UP = np.array([0.0, 0.0, 1.0])
UPPER_LEGS = [3, 6, 9, 12]


def long_necked_rig() -> Rig:
    """The tube character with a neck that rises before its chest (towards -Y), left and right alike."""
    rig = tube_rig()
    corners, faces = _box(np.array([0.0, -0.5, 1.0]), np.array([0.0, -0.9, 1.7]), 0.09)
    joints = np.concatenate([rig.skin_joints[:, 0], np.ones(len(corners), np.int32)])
    faces = np.concatenate([rig.faces, faces + len(rig.vertices)])
    vertices = np.concatenate([rig.vertices, corners])
    # The tubes' corners are not where a mirror would have them: with their mirror images they are.
    partner = np.array([0, 1, 2, *range(9, 15), *range(3, 9)], np.int32)
    return skinned(
        rig,
        np.concatenate([vertices, vertices * [-1.0, 1.0, 1.0]]),
        np.concatenate([faces, faces[:, ::-1] + len(vertices)]),
        np.concatenate([joints, partner[joints]]),
    )


def spread_rig() -> Rig:
    """:func:`long_necked_rig` with its legs laid out sideways, as arms are in a T pose."""
    rig = long_necked_rig()
    places, vertices = rig.rest_positions.copy(), rig.vertices.astype(np.float64).copy()
    for side, joints in ((1.0, range(3, 9)), (-1.0, range(9, 15))):
        for joint in joints:
            drop = 0.9 - places[joint, 2]
            places[joint] += [side * drop, 0.0, drop]
        on = np.isin(rig.skin_joints[:, 0], list(joints))
        drop = 0.9 - vertices[on, 2]
        vertices[on] += np.stack([side * drop, np.zeros_like(drop), drop], axis=1)
    return replace(rig, rest_positions=places, vertices=vertices.astype(np.float32))


def skinned(
    rig: Rig, vertices: NDArray[np.float64], faces: NDArray[np.int64], owners: NDArray[np.int32]
) -> Rig:
    """The same skeleton with another grey mesh, every vertex on one joint."""
    count = len(vertices)
    joints = np.zeros((count, 4), np.int32)
    joints[:, 0] = owners
    weights = np.zeros((count, 4), np.float32)
    weights[:, 0] = 1.0
    return replace(
        rig,
        vertices=vertices.astype(np.float32),
        faces=faces.astype(np.int32),
        vertex_colors=np.full((count, 3), 150, np.uint8),
        skin_joints=joints,
        skin_weights=weights,
    )


def camera_at(elevation: float, distance: float = 5.0) -> Camera:
    """Looks along +Y and down by ``elevation`` (radians) at the body's middle."""
    view = np.array([0.0, np.cos(elevation), -np.sin(elevation)])
    rotation = np.stack([[1.0, 0.0, 0.0], np.cross(view, [1.0, 0.0, 0.0]), view])
    at = np.array([0.0, 0.0, 0.7]) - distance * view
    return Camera.from_fov(40.0, WIDTH, HEIGHT, rotation, -rotation @ at)


def standing(rig: Rig, headings: NDArray[np.float64], steps: NDArray[np.float64] | None = None) -> Motion:
    """The rest pose turned to ``headings`` (T,) radians, moved by ``steps`` (T, 3)."""
    motion = Motion.rest(rig.joint_count, len(headings))
    motion.local_rotations[:, 0] = rotations.exp(UP * headings[:, None])
    # Turn about the armature's own axis, not about the hip, which is off it.
    turned = np.einsum("tab,b->ta", motion.local_rotations[:, 0], rig.rest_positions[0])
    motion.root_translation[:] = turned - rig.rest_positions[0]
    if steps is not None:
        motion.root_translation[:] += steps
    return motion


def film(
    rig: Rig,
    motion: Motion,
    camera: Camera,
    *,
    frame_rate: float = 12.0,
    wall: Callable[[int], NDArray[np.uint8]] | None = None,
) -> SubjectClip:
    """What the camera sees of it, with true masks, before a grey wall or the image (H, W, 3) given for each
    frame."""
    skeleton = Skeleton.from_rig(rig)
    skin = Skin(rig.vertices, rig.faces, rig.skin_joints, rig.skin_weights, skeleton)
    state = State(skeleton, motion)
    renderer = Renderer(rig.faces)
    count = motion.frame_count
    color = np.full((count, PIXELS, PIXELS, 3), 90, np.uint8)
    mask = np.zeros((count, PIXELS, PIXELS), np.uint8)
    crops, cut_off = [], np.zeros((count, 4), bool)
    image = Crop(0.0, (HEIGHT - WIDTH) / 2.0, float(WIDTH), WIDTH)
    for t in range(count):
        drawn = renderer.render(skin.at(state, t).vertices, camera, image, color=True)
        assert drawn.color is not None
        seen = drawn.mask.astype(np.uint8) * 255
        x, y, w, h = cv2.boundingRect(seen)
        side = 1.25 * max(w, h) + 8.0
        corner = image.to_image(np.array([x + 0.5 * w, y + 0.5 * h]) - 0.5) + 0.5 - 0.5 * side
        crop = Crop(float(corner[0]), float(corner[1]), side, PIXELS)
        matrix = crop.affine_from_image() @ np.vstack(
            [np.linalg.inv(np.vstack([image.affine_from_image(), [0, 0, 1]]))]
        )
        mask[t] = (cv2.warpAffine(seen, matrix, (PIXELS, PIXELS)) > 127) * 255
        if wall is not None:
            at_image = crop.affine_from_image()
            color[t] = cv2.warpAffine(wall(t), at_image, (PIXELS, PIXELS), borderMode=cv2.BORDER_REPLICATE)
        painted = cv2.warpAffine(drawn.color, matrix, (PIXELS, PIXELS))
        color[t][mask[t] > 0] = painted[mask[t] > 0]
        crops.append(crop)
    return SubjectClip(
        times=np.arange(count) / frame_rate,
        frame_rate=frame_rate,
        width=WIDTH,
        height=HEIGHT,
        crops=crops,
        color=color,
        mask=mask,
        cut_off=cut_off,
    )


def walking(rig: Rig, headings: NDArray[np.float64], *, period: float, swing: float) -> Motion:
    """The legs of :func:`long_necked_rig` swing by ``swing`` radians, the same every ``period`` frames, in a
    body turned to ``headings`` (T,) radians."""
    motion = standing(rig, headings)
    phase = np.arange(len(headings)) / period * 2.0 * np.pi
    for number, joint in enumerate(UPPER_LEGS):
        angle = swing * np.sin(phase + np.pi * (number in (1, 2)))
        motion.local_rotations[:, joint] = rotations.exp(angle[:, None] * np.array([1.0, 0.0, 0.0]))
    return motion
