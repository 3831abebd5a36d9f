# SPDX-License-Identifier: GPL-3.0-or-later
"""Samples for the motion decoder: a motion, what a fit makes of it, what the video shows of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mocapanything_addon.ik.rotations import exp, geodesic, log, nearest_rotation
from mocapanything_addon.models.motion_decoder import WINDOW
from mocapanything_addon.models.motion_features import (
    MotionInput,
    confidence_of,
    frame_motion_features,
    joint_motion_features,
)
from mocapanything_addon.models.reference import joint_features, sample_surface, vertex_normals
from mocapanything_addon.models.skeleton_graph import hop_distances, relations

from .character import Character, about_up
from .linear_fit import linear_fit
from .poses import random_pose
from .scenes import random_camera
from .split import is_procedural

Array = NDArray[np.float64]
LINEAR_SHARE = 0.65
"""Of the windows, those whose estimate is that of a fit near its solution."""
UNKNOWN_SHARE = 0.4
"""Of the windows, those in which nothing but the estimate is known of the joints."""
SURFACE_POINTS = 32
GROUND_HEIGHT = 0.03
GROUND_SPEED = 0.35
"""Body sizes a second, vertically: many walks are animated on the spot."""
NEVER_ON_GROUND = ("fish", "whale", "dolphin", "bat", "insect", "flyer", "swimmer", "bird", "eagle")
PROCEDURAL_SHARE = 0.5
"""Of the windows, where there are both. Artists' rigs are what is captured onto, but so few of them are soon
known by heart; procedural creatures are endless, but all of one generator's make. Counted one by one
they would be most of the windows, counted as families next to none.
"""


@dataclass(frozen=True, eq=False)
class Window:
    """T frames of one character variant."""

    joint_positions: NDArray[np.float32]
    joint_features: NDArray[np.float32]
    hops: NDArray[np.uint8]
    relations: NDArray[np.uint8]
    surface_positions: NDArray[np.float32]
    surface_normals: NDArray[np.float32]
    surface_joints: NDArray[np.int32]
    surface_weights: NDArray[np.float32]
    joints: NDArray[np.float32]
    """(T, J, motion_features.JOINT_FEATURES)."""
    frames: NDArray[np.float32]
    times: NDArray[np.float32]
    rotations: NDArray[np.float32]
    """(T, J, 3, 3) true local rotations; of the root the turn from the estimated body to the true one."""
    estimated: NDArray[np.float32]
    """(T, J, 3, 3) local rotations of the estimate, the identity for the root."""
    root_shift: NDArray[np.float32]
    place_shift: NDArray[np.float32]
    contact: NDArray[np.bool_]
    """(T, J)."""
    grounded: np.bool_
    """The contact labels mean something."""
    counts: NDArray[np.bool_]
    """(J,) joints whose rotation is judged: neither root nor tail."""


def character_weights(characters: list[Character]) -> Array:
    """(C,) how often each character is drawn; they sum to 1.

    A family of artists' rigs counts by the square root of its size, up to 2.5 single ones; procedural
    creatures count alike, and all together make up their share.
    """
    sizes = Counter(c.family for c in characters)
    weights = np.array([min(np.sqrt(size), 2.5) / size for size in (sizes[c.family] for c in characters)])
    procedural = np.array([is_procedural(c.family) for c in characters])
    weights[procedural] = 1.0
    if procedural.any() and not procedural.all():
        for members, share in ((procedural, PROCEDURAL_SHARE), (~procedural, 1.0 - PROCEDURAL_SHARE)):
            weights[members] *= share / weights[members].sum()
    return weights / weights.sum()


class WindowMaker:
    """Makes windows from characters with clips."""

    def __init__(self, characters: list[Character], rng: np.random.Generator, *, easy: bool = False) -> None:
        self.characters, self.rng, self.easy = characters, rng, easy
        self.weights = character_weights(characters)

    def batch(self, count: int) -> list[Window]:
        """Windows of characters with about equally many joints, so that little is padded."""
        first = self.characters[self.rng.choice(len(self.characters), p=self.weights)]
        near = np.array([abs(c.joint_count - first.joint_count) <= 8 for c in self.characters])
        weights = self.weights * near
        chosen = self.rng.choice(len(self.characters), count, p=weights / weights.sum())
        return [self.window(self.characters[i]) for i in chosen]

    def window(self, character: Character) -> Window:
        """One window of a variant of this character."""
        rng = self.rng
        if not self.easy:
            character = character.varied(rng)
        times, local, root = self.motion(character)
        rotations, positions = character.pose(local, root)
        camera = random_camera(positions.reshape(-1, 3), rng)
        if rng.random() < LINEAR_SHARE:
            guess_local, guess_root = linear_fit(character, local, root, camera, rng)
        else:
            guess_local, guess_root = failed_fit(character, local, root, camera.rotation, times, rng)
        guess_rotations, guess_positions = character.pose(guess_local, guess_root)
        residuals, confidence = self._seen(positions, guess_positions, camera.rotation, camera.position)
        motion = MotionInput(
            parents=character.parents,
            rest=character.rest,
            times=times,
            rotations=guess_rotations,
            positions=guess_positions,
            residuals=residuals,
            confidence=confidence,
            camera_axes=camera.rotation,
            camera_position=camera.position,
        )
        body = np.swapaxes(guess_rotations[:, 0], -1, -2)
        truth = local.copy()
        truth[:, 0] = body @ rotations[:, 0]
        estimated = guess_local.copy()
        estimated[:, 0] = np.eye(3)
        shift = np.einsum("tab,tjb->tja", body, positions - guess_positions)
        points = rng.permutation(
            sample_surface(character.vertices, character.skin_joints, character.skin_weights, SURFACE_POINTS)
        )
        return Window(
            joint_positions=character.rest.astype(np.float32),
            joint_features=joint_features(
                character.rest,
                character.parents,
                character.is_tail,
                character.skin_joints,
                character.skin_weights,
            ),
            hops=hop_distances(character.parents),
            relations=relations(character.parents),
            surface_positions=character.vertices[points].astype(np.float32),
            surface_normals=vertex_normals(character.vertices, character.faces)[points].astype(np.float32),
            surface_joints=character.skin_joints[points],
            surface_weights=character.skin_weights[points],
            joints=joint_motion_features(motion),
            frames=frame_motion_features(motion),
            times=times.astype(np.float32),
            rotations=truth.astype(np.float32),
            estimated=estimated.astype(np.float32),
            root_shift=shift[:, 0].astype(np.float32),
            place_shift=(shift - shift[:, :1]).astype(np.float32),
            contact=_contacts(positions, times),
            grounded=np.bool_(not any(word in character.family for word in NEVER_ON_GROUND)),
            counts=~character.is_tail & (np.arange(character.joint_count) > 0),
        )

    def motion(self, character: Character, clip: int | None = None) -> tuple[Array, Array, Array]:
        """Times (T,), local rotations (T, J, 3, 3) and root positions (T, 3) of a stretch of a clip.

        Args:
            character: Whose clips.
            clip: Which of them; None for any.
        """
        rng = self.rng
        pace = 1.0 if self.easy else float(np.exp(rng.normal() * 0.3))
        step = 1.0 / 24.0 if self.easy else 1.0 / rng.uniform(12.0, 30.0)
        times = np.arange(WINDOW) * step
        if not self.easy and rng.random() < 0.2:  # variable frame rate
            times = np.cumsum(step * rng.uniform(0.5, 1.5, WINDOW))
        local, root = self._clip_at(character, times * pace, clip)
        if not self.easy and rng.random() < 0.2:
            other, _ = self._clip_at(character, times * pace)
            local = nearest_rotation((1.0 - (share := rng.uniform(0.2, 0.8))) * local + share * other)
        if not self.easy and rng.random() < 0.35:
            held = random_pose(character, rng)
            held[0] = np.eye(3)
            local = local @ geodesic(
                np.tile(np.eye(3), (*held.shape[:-2], 1, 1)), held, np.full(len(held), 0.5)
            )
        turn = about_up(rng.uniform(0.0, 2.0 * np.pi))
        local = local.copy()
        local[:, 0] = turn @ local[:, 0]
        root = root @ turn.T
        if not self.easy and rng.random() < 0.5:
            root = root + times[:, None] * rng.normal(size=3) * [1.0, 1.0, 0.1]
        return times, local, root

    def _clip_at(self, character: Character, times: Array, clip: int | None = None) -> tuple[Array, Array]:
        rng = self.rng
        local, root = character.clips[rng.integers(len(character.clips)) if clip is None else clip]
        last = len(local) - 1
        start = rng.uniform(0.0, max(last - times[-1] * 24.0, 0.0))
        frames = np.minimum(start + times * 24.0, last)
        low = np.minimum(np.floor(frames).astype(int), max(last - 1, 0))
        high = np.minimum(low + 1, last)
        share = (frames - low)[:, None]
        turned = nearest_rotation(
            (1.0 - share[..., None, None]) * local[low].astype(float) + share[..., None, None] * local[high]
        )
        places = (1.0 - share) * root[low] + share * root[high]
        return character.in_frame(turned), places.astype(float) @ character.frame.T

    def _seen(self, positions: Array, guess: Array, axes: Array, eye: Array) -> tuple[Array, Array]:
        """Residuals (T, J, 2) and confidence (T, J) as the correspondence network would give them."""
        rng = self.rng
        frames, joints = positions.shape[:2]
        level = np.exp(rng.uniform(np.log(0.005), np.log(0.05)))
        sigma = (
            level * np.exp(rng.normal(size=joints) * 0.5) * np.exp(rng.normal(size=(frames, joints)) * 0.2)
        )
        # Half of a network's error stays with the joint for the whole window.
        noise = rng.normal(size=(1, joints, 2)) * 0.7 + rng.normal(size=(frames, joints, 2)) * 0.7
        true, guessed = (positions - eye) @ axes.T, (guess - eye) @ axes.T
        depth = np.maximum(guessed[..., 2:], 1e-3)
        residuals = true[..., :2] / np.maximum(true[..., 2:], 1e-3) * depth - guessed[..., :2]
        residuals = residuals + noise * sigma[..., None]
        confidence = confidence_of(sigma * np.exp(rng.normal(size=sigma.shape) * 0.3))
        hidden = (rng.random((1, joints)) < rng.uniform(0.0, 0.3)) | (rng.random(sigma.shape) < 0.05)
        if rng.random() < UNKNOWN_SHARE:
            hidden[:] = True
        return residuals, np.where(hidden, 0.0, confidence)


def failed_fit(
    character: Character,
    local: Array,
    root: Array,
    camera_axes: Array,
    times: Array,
    rng: np.random.Generator,
) -> tuple[Array, Array]:
    """What a fit that went astray makes of a motion: local rotations and root positions (T, 3).

    A constant offset a bone, hidden limbs left at rest, twist held at zero,
    amplitudes too small, left and right exchanged, a root some degrees off and a depth some per cent off.
    """
    count = character.joint_count
    soft = character.stiffness[:, None]
    kind = rng.random()
    if kind < 0.15:
        guess = np.tile(np.eye(3), (len(local), count, 1, 1))
    else:
        source = character.exchanged(local) if kind > 0.9 else local
        bends = log(source)
        if rng.random() < 0.7:
            axis = _bone_axes(character)
            bends = bends - axis * (bends * axis).sum(-1, keepdims=True)
        kept = rng.uniform(rng.uniform(0.2, 0.9), 1.0, count)
        kept[rng.random(count) < rng.uniform(0.0, 0.3)] = 0.0
        bends = bends * kept[:, None]
        constant = rng.normal(size=(count, 3)) * np.radians(rng.uniform(2.0, 16.0)) * soft
        wander = _smooth_noise(times, (count, 3), rng) * np.radians(rng.uniform(1.0, 8.0)) * soft
        guess = exp(bends + wander) @ exp(constant)
    guess[:, character.is_tail] = np.eye(3)
    off = rng.normal(size=3) * np.radians(rng.choice([3.0, 7.0, 14.0]))
    turn = exp(off + _smooth_noise(times, (3,), rng) * np.radians(3.0))
    guess[:, 0] = turn @ local[:, 0]
    error = rng.normal(size=3) * [0.01, 0.01, 0.06] + _smooth_noise(times, (3,), rng) * [0.01, 0.01, 0.02]
    return guess, root + error @ camera_axes


def _smooth_noise(times: Array, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    """(T, *shape) of unit variance, that changes over some tenths of a second."""
    phase = rng.uniform(0.0, 2.0 * np.pi, (3, *shape))
    speed = 2.0 * np.pi * rng.uniform(0.2, 3.0, (3, *shape))
    clock = times.reshape(-1, *([1] * len(shape)))
    return np.sqrt(2.0 / 3.0) * sum(np.sin(speed[k] * clock + phase[k]) for k in range(3))


def _bone_axes(character: Character) -> Array:
    """(J, 3) unit vector along each bone: towards the mean child; zero without one."""
    axes = np.zeros((character.joint_count, 3))
    np.add.at(axes, character.parents[1:], character.offsets[1:])
    return axes / np.maximum(np.linalg.norm(axes, axis=1, keepdims=True), 1e-9)


def _contacts(positions: Array, times: Array) -> NDArray[np.bool_]:
    """(T, J) low and not moving up or down."""
    height = positions[..., 2] - positions[..., 2].min()
    speed = np.abs(np.gradient(positions[..., 2], times, axis=0))
    return (height < GROUND_HEIGHT) & (speed < GROUND_SPEED)
