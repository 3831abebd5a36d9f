# SPDX-License-Identifier: GPL-3.0-or-later
"""Film a subject before a backdrop, cut it out as the product does, and keep that on disk."""

from __future__ import annotations

import hashlib
import json
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mocapanything_addon.fit.clip import SubjectClip
from mocapanything_addon.fit.crop import Crop
from mocapanything_addon.fit.likeness import log_odds_of_likeness
from mocapanything_addon.ik import Skeleton, rotations
from mocapanything_addon.ik.camera import Camera
from mocapanything_addon.ik.kinematics import forward
from mocapanything_addon.ik.motion import Motion
from mocapanything_addon.ik.skinning import Skin
from mocapanything_addon.jobs.rig import Rig
from mocapanything_addon.jobs.settings import CaptureSettings
from mocapanything_addon.worker.subject.clip import Judge, make_clip
from mocapanything_addon.worker.subject.window import (
    borders_touched,
    box_of,
    cut_window,
    follow_boxes,
    inside_image,
)
from samples.footage import write_video
from samples.metrics import Track
from samples.render import Frame, Mask, Photographer, frame_points
from samples.scenery import Scenery
from training.pack import FRAME_RATE

from .clips import ClipSpec
from .subjects import Subject, make_subject
from .teacher_masks import Cut, write_masks

Array = NDArray[np.float64]
VERSION, MASKS_VERSION = 1, 9
"""Raised when the same clip would look different, and when the product would cut it out otherwise."""
WIDTH, HEIGHT = 640, 480
WINDOW = 256
FOV = (30.0, 60.0)
LEVEL = (2.0, 18.0)
"""Degrees that a camera looks down, usually."""
APART = 115.0
"""Degrees between the two cameras."""
FRAMED = 200
"""Vertices of a mesh, at least, that must all be in view."""
CUT_SHARE = 0.3
"""Of the subject's width that lies beyond the border in clips that are cut off."""


@dataclass(frozen=True)
class View:
    """From where a clip is filmed."""

    number: int = 0
    elevation: float | None = None
    """Degrees; None for a usual one."""
    cut_off: bool = False
    masks: str = "true"
    """The subject is cut out by its true silhouette ("true"), or out of the compressed video by the product
    ("own") or by a segmenter whose masks are given to the product ("teacher")."""


@dataclass(frozen=True, eq=False)
class Case:
    """A rig, what was filmed of it, and the truth."""

    name: str
    kind: str
    rig: Rig
    clip: SubjectClip
    truth: Motion
    camera: Camera

    @property
    def track(self) -> Track:
        """The truth, for the figures."""
        pose = forward(Skeleton.from_rig(self.rig), self.truth)
        return Track(pose.positions, pose.global_rotations)


def filmed(spec: ClipSpec, view: View, packs: Path, frames: int, cache: Path, cut: Cut | None = None) -> Case:
    """A case, from the cache where it was filmed before.

    Args:
        spec: Which clip.
        view: From where.
        packs: Folder of rig packs.
        frames: At most.
        cache: Folder, made when missing.
        cut: The segmenter of "teacher" masks, which are kept as well, in a folder of images.
    """
    cache.mkdir(parents=True, exist_ok=True)
    key = _key(spec, view, frames)
    rig_path, film_path = cache / f"{key}.rig.npz", cache / f"{key}.film.npz"
    if not film_path.exists() or not rig_path.exists():
        subject = make_subject(spec, packs, frames)
        camera = place_camera(spec, subject, view)
        if view.masks == "true":
            clip = film(spec, subject, camera)
        elif view.masks == "own":
            clip = film_and_find(spec, subject, camera)
        elif cut is not None:
            # Whatever the product makes of them, the masks stay those of this film.
            masks = cache / f"{_key(spec, replace(view, masks='true'), frames)}.{view.masks}"
            clip = film_and_read(spec, subject, camera, masks, cut)
        else:
            raise ValueError(f"{view.masks} masks of {spec.name} need a segmenter")
        subject.rig.save(rig_path)
        _save(film_path, clip, subject.motion, camera)
    clip, motion, camera = _load(film_path)
    return Case(f"{spec.name}, {'abc'[view.number]}", spec.kind, Rig.load(rig_path), clip, motion, camera)


def _key(spec: ClipSpec, view: View, frames: int) -> str:
    seen_from = asdict(view)
    masks = seen_from.pop("masks")
    if masks != "true":
        seen_from["masks"] = MASKS_VERSION if masks == "own" else [masks, MASKS_VERSION]
    said = json.dumps([VERSION, asdict(spec), seen_from, frames], sort_keys=True)
    return f"{spec.name.replace(' ', '_')}-{view.number}-{hashlib.sha256(said.encode()).hexdigest()[:12]}"


def place_camera(spec: ClipSpec, subject: Subject, view: View) -> Camera:
    """One that sees the whole performance and stands still; the same for the same clip and view."""
    rng = np.random.default_rng(zlib.crc32(spec.name.encode()))
    azimuth, fov = rng.uniform(0.0, 360.0), rng.uniform(*FOV)
    levels = rng.uniform(*LEVEL, 3)
    vertices = posed_vertices(subject)
    thin = int(np.clip(vertices.shape[1] // FRAMED, 1, 3))
    points = vertices[:, ::thin].reshape(-1, 3)
    camera = frame_points(
        points,
        azimuth=azimuth + APART * view.number,
        elevation=float(levels[view.number]) if view.elevation is None else view.elevation,
        fov=fov,
        width=WIDTH,
        height=HEIGHT,
        fill=0.9,
    )
    return _turned_away(camera, vertices) if view.cut_off else camera


def _turned_away(camera: Camera, vertices: Array) -> Camera:
    """Turned about its vertical until the right border cuts the subject."""
    across = camera.project(vertices)[..., 0]
    left, right = np.median(across.min(axis=1)), np.median(across.max(axis=1))
    shift = camera.width - 1 - (right - CUT_SHARE * (right - left))
    angle = float(np.arctan(shift / camera.focal))
    turn = rotations.exp(np.array([0.0, angle, 0.0]))
    return camera.moved(turn @ camera.rotation, turn @ camera.translation)


def posed_vertices(subject: Subject) -> Array:
    """(T, V, 3)."""
    rig = subject.rig
    skeleton = Skeleton.from_rig(rig)
    skin = Skin(rig.vertices, rig.faces, rig.skin_joints, rig.skin_weights, skeleton)
    return np.asarray(skin.pose(forward(skeleton, subject.motion)), np.float64)


def film_and_find(spec: ClipSpec, subject: Subject, camera: Camera) -> SubjectClip:
    """Every frame photographed, and the subject found and cut out by the product."""
    with _compressed(spec, subject, camera) as path:
        return _made(path, CaptureSettings(), partial(log_odds_of_likeness, subject.rig))


def film_and_read(spec: ClipSpec, subject: Subject, camera: Camera, masks: Path, cut: Cut) -> SubjectClip:
    """Every frame photographed, and the subject cut out by masks that the product is given, from a folder,
    made by ``cut`` where they are missing."""
    with _compressed(spec, subject, camera) as path:
        write_masks(path, masks, cut)
        return _made(path, CaptureSettings(mask=str(masks)), None)


@contextmanager
def _compressed(spec: ClipSpec, subject: Subject, camera: Camera) -> Iterator[Path]:
    """The film as a video."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "film.mp4"
        write_video(
            path, (image for image, _ in photographs(spec, subject, camera)), frame_rate=round(FRAME_RATE)
        )
        yield path


def _made(path: Path, settings: CaptureSettings, judge: Judge | None) -> SubjectClip:
    found = make_clip(path, settings, path.parent, lambda *_: None, judge=judge).clip
    return replace(found, color=np.array(found.color), mask=np.array(found.mask))


def photographs(spec: ClipSpec, subject: Subject, camera: Camera) -> list[tuple[Frame, Mask]]:
    """Every frame, and the subject's true silhouette in it."""
    seed = zlib.crc32(spec.name.encode()) % 1000
    scenery = Scenery(spec.palette, seed=seed, scale=1.0, trees=0 if spec.palette == "pond" else 12)
    photographer = Photographer.of_rig(subject.rig, scenery, seed=seed, supersampling=1)
    return [photographer.photograph(vertices, camera) for vertices in posed_vertices(subject)]


def film(spec: ClipSpec, subject: Subject, camera: Camera) -> SubjectClip:
    """Every frame photographed and the subject cut out by its true silhouette."""
    shots = photographs(spec, subject, camera)
    boxes = np.array([box_of(mask) for _, mask in shots])
    crops = follow_boxes(boxes, FRAME_RATE, camera.width, camera.height, WINDOW)
    colors, masks = [], []
    for (image, mask), crop in zip(shots, crops, strict=True):
        colors.append(cut_window(image, crop, camera.width))
        window = cut_window(np.where(mask, np.uint8(255), np.uint8(0)), crop, camera.width)
        window[~inside_image(crop, camera.width, camera.height)] = 0
        masks.append(np.where(window > 127, 255, 0).astype(np.uint8))
    return SubjectClip(
        times=np.arange(len(shots)) / FRAME_RATE,
        frame_rate=FRAME_RATE,
        width=camera.width,
        height=camera.height,
        crops=crops,
        color=np.stack(colors),
        mask=np.stack(masks),
        cut_off=np.stack(
            [borders_touched(m, c, camera.width, camera.height) for m, c in zip(masks, crops, strict=True)]
        ),
    )


def _save(path: Path, clip: SubjectClip, motion: Motion, camera: Camera) -> None:
    with path.open("wb") as stream:
        np.savez_compressed(
            stream,
            times=clip.times,
            crops=np.array([[c.left, c.top, c.side, c.size] for c in clip.crops]),
            color=clip.color,
            mask=clip.mask,
            cut_off=clip.cut_off,
            root_translation=motion.root_translation,
            local_rotations=motion.local_rotations,
            focal=camera.focal,
            image_size=[camera.width, camera.height],
            camera_rotation=camera.rotation,
            camera_translation=camera.translation,
        )


def _load(path: Path) -> tuple[SubjectClip, Motion, Camera]:
    with path.open("rb") as stream, np.load(stream, allow_pickle=False) as data:
        width, height = (int(n) for n in data["image_size"])
        clip = SubjectClip(
            times=data["times"],
            frame_rate=FRAME_RATE,
            width=width,
            height=height,
            crops=[Crop(float(x), float(y), float(side), int(size)) for x, y, side, size in data["crops"]],
            color=data["color"],
            mask=data["mask"],
            cut_off=data["cut_off"],
        )
        motion = Motion(data["root_translation"], data["local_rotations"])
        camera = Camera(
            float(data["focal"]), width, height, data["camera_rotation"], data["camera_translation"]
        )
    return clip, motion, camera
