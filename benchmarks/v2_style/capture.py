# SPDX-License-Identifier: GPL-3.0-or-later
"""Capture a clip with the V2-style network: any length, by overlapping windows whose answers are blended.

V2 finds no root translation. Here it is found from the outline: the posed body goes where its box is the
mask's box, seen through the camera that is told.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from time import process_time

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.fitting.conditions import Given, every, given
from benchmarks.fitting.figures import errors, in_true_world
from benchmarks.fitting.filming import filmed
from benchmarks.fitting.measured import Measured
from benchmarks.fitting.runs import Task, floors, truth_of
from mocapanything_addon.fit.clip import SubjectClip
from mocapanything_addon.fit.crop import Crop
from mocapanything_addon.fit.renderer import make_rasterizer
from mocapanything_addon.ik.camera import Camera
from mocapanything_addon.ik.kinematics import forward
from mocapanything_addon.ik.motion import Motion
from mocapanything_addon.ik.rotations import nearest_rotation
from mocapanything_addon.ik.skeleton import Skeleton
from mocapanything_addon.jobs.rig import Rig
from mocapanything_addon.models.encoded_rig import normalised
from mocapanything_addon.models.images import cut_window, from_places, mask_window
from mocapanything_addon.models.reference import to_normalised
from mocapanything_addon.models.skinning import skinned
from samples.metrics import Track
from training.checkpoint import CHECKPOINT

from .geometry import Sightline, sightline
from .network import IMAGE_SIZE, V2Style, VideoBatch
from .rig_input import RigInput, Seen, rig_input, see, stack_rigs
from .samples import WINDOW, told

Array = NDArray[np.float64]
HOP = 2
"""Frames from one window to the next."""
WINDOWS_AT_ONCE = 8
REFERENCE_TURN = 30.0
"""Degrees; of the first reference picture."""
USUAL_FOV = 45.0
PLACING_ROUNDS = 8
"""The box of a body that comes nearer does not grow quite in proportion."""


@dataclass(frozen=True, eq=False)
class Filmed:
    """What the network reads of a clip of T frames."""

    frames: Seen
    windows: Sequence[Crop]
    """(T,) of the frames themselves, or of those that stand in for frames without a subject."""
    lines: Sequence[Sightline]
    boxes: Array
    """(T, 2, 2) lowest and highest source pixel of the mask."""
    whole: NDArray[np.bool_]
    """(T,) the subject is there and reaches no border."""


def load(run: Path) -> V2Style:
    """The averaged weights of a run, as far as it has come.

    Raises:
        FileNotFoundError: there is no checkpoint in the folder.
    """
    path = run / CHECKPOINT
    if not path.exists():
        raise FileNotFoundError(f"no {path}: train first, python -m benchmarks.v2_style train --run {run}")
    network = V2Style().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    network.load_state_dict(torch.load(path, weights_only=True)["average"])
    return network.eval().requires_grad_(False)


def capture(seen: Given, network: V2Style) -> Motion:
    """The motion of the rig in a clip, in the world of :func:`camera_of`.

    Args:
        seen: Rig, clip and camera as a condition of ``benchmarks.fit`` gives them.
        network: From :func:`load`.

    Raises:
        ValueError: no frame shows the subject.
    """
    rig, clip, camera = seen.rig, seen.clip, camera_of(seen)
    turn = to_normalised(rig.up)
    film = read_film(network, clip, camera.moved(camera.rotation @ turn.T, camera.translation))
    raw, places, log_scale = _blended(network, _known(network, rig), film, clip.times)
    local = nearest_rotation(raw + 1e-9 * np.eye(3))
    local[:, 0] = np.swapaxes(np.stack([line.level for line in film.lines]), -1, -2) @ local[:, 0]
    local = turn.T @ local @ turn
    local[:, rig.is_tail] = np.eye(3)
    depths = rig.size * np.exp(log_scale) / np.array([line.spread for line in film.lines])
    pixels = np.stack(
        [from_places(place, window) for place, window in zip(places, film.windows, strict=True)]
    )
    return _placed(rig, camera, local, camera.unproject(pixels, depths), film)


def measure_baseline(task: Task, run: Path, row: str) -> Measured:
    """Film (or read) the case of a task, capture it with the network of a run, and measure it.

    Args:
        task: Clip, view, condition (its stages and ablations of our fit mean nothing here).
        run: Folder of the training run.
        row: What the result is called.
    """
    case = filmed(task.spec, task.condition.view(task.view), task.packs, task.frames, task.cache)
    case, seen = given(every(case, task.stride), task.condition)
    network = _loaded(run)
    began = process_time()
    motion = capture(seen, network)
    seconds = (process_time() - began) / case.clip.frame_count
    pose = forward(Skeleton.from_rig(case.rig), motion)
    found = in_true_world(Track(pose.positions, pose.global_rotations), camera_of(seen), case.camera)
    truth = truth_of(case)
    bounds = floors(truth)
    return Measured(
        row,
        case.name,
        case.clip.frame_count,
        errors(found, truth),
        bounds["rest"],
        bounds["constant"],
        seconds,
    )


def camera_of(seen: Given) -> Camera:
    """The camera that is told; else a level one with the field of view that is told, or a usual one."""
    if seen.camera is not None:
        return seen.camera
    up = seen.rig.up / np.linalg.norm(seen.rig.up)
    right = np.cross(up, np.eye(3)[int(np.argmin(np.abs(up)))])
    right /= np.linalg.norm(right)
    axes = np.stack([right, -up, np.cross(up, right)])
    return Camera.from_fov(
        seen.fov_degrees or USUAL_FOV, seen.clip.width, seen.clip.height, axes, np.zeros(3)
    )


def read_film(network: V2Style, clip: SubjectClip, camera: Camera) -> Filmed:
    """Cut the subject out as the network was trained to see it; the camera is in normalised axes.

    Raises:
        ValueError: no frame shows the subject.
    """
    found = [mask_window(clip.mask[t], clip.crops[t], IMAGE_SIZE) for t in range(clip.frame_count)]
    shown = np.array([t for t, window in enumerate(found) if window is not None])
    if not len(shown):
        raise ValueError("no frame of the clip shows the subject")
    nearest = [int(shown[np.abs(shown - t).argmin()]) for t in range(clip.frame_count)]
    color, mask, windows, boxes = [], [], [], []
    for t in nearest:
        window = found[t]
        assert window is not None
        color.append(cut_window(clip.color[t], clip.crops[t], window))
        mask.append(cut_window(clip.mask[t], clip.crops[t], window))
        windows.append(window)
        boxes.append(_box(clip.mask[t], clip.crops[t]))
    whole = np.isin(np.arange(clip.frame_count), shown) & ~clip.cut_off.any(axis=1)
    return Filmed(
        frames=see(network.trunk, np.stack(color), np.stack(mask)),
        windows=windows,
        lines=[sightline(camera, window) for window in windows],
        boxes=np.stack(boxes),
        whole=whole,
    )


@cache
def _loaded(run: Path) -> V2Style:
    return load(run)


def window_starts(count: int) -> list[int]:
    """First frames of overlapping windows that cover ``count`` frames."""
    if count <= WINDOW:
        return [0]
    return [*range(0, count - WINDOW, HOP), count - WINDOW]


def video_batch(film: Filmed, times: Array, spans: Sequence[NDArray[np.intp]]) -> VideoBatch:
    """Windows of the film; shorter ones are padded with their last frame."""
    length = max(len(span) for span in spans)
    padded = [np.concatenate([span, np.repeat(span[-1:], length - len(span))]) for span in spans]
    every = told(film.lines)
    views, rays, spread = (
        torch.from_numpy(every[name][np.stack(padded)]) for name in ("views", "rays", "spread")
    )
    return VideoBatch(
        early=torch.from_numpy(film.frames.early[np.stack(padded)]).float(),
        hints=torch.from_numpy(film.frames.hints[np.stack(padded)]).float(),
        views=views,
        rays=rays,
        spread=spread,
        times=torch.from_numpy(np.stack([times[p] - times[p[0]] for p in padded]).astype(np.float32)),
        seen=torch.from_numpy(np.stack([np.arange(length) < len(span) for span in spans])),
    )


def _known(network: V2Style, rig: Rig) -> RigInput:
    return rig_input(
        network.trunk,
        normalised(rig, rig.rest_positions),
        rig.parents,
        rig.is_tail,
        normalised(rig, rig.vertices),
        rig.faces,
        (rig.skin_joints, rig.skin_weights),
        rig.vertex_colors / 255.0,
        make_rasterizer(),
        REFERENCE_TURN,
    )


@torch.inference_mode()
def _blended(network: V2Style, known: RigInput, film: Filmed, times: Array) -> tuple[Array, Array, Array]:
    """Raw rotations (T, J, 3, 3), the root's places (T, 2) and logarithms of scale (T,)."""
    count, joints = len(times), len(known.parents)
    raw, places = np.zeros((count, joints, 3, 3)), np.zeros((count, 2))
    log_scale, total = np.zeros(count), np.zeros(count)
    starts = window_starts(count)
    for first in range(0, len(starts), WINDOWS_AT_ONCE):
        spans = [np.arange(s, min(s + WINDOW, count)) for s in starts[first : first + WINDOWS_AT_ONCE]]
        found, turned = network(stack_rigs([known] * len(spans)), video_batch(film, times, spans))
        for index, span in enumerate(spans):
            # The middle of a window knows more of its past and future than its ends do.
            hat = 1.0 + np.minimum(np.arange(len(span)), np.arange(len(span))[::-1])
            keep = slice(0, len(span))
            raw[span] += hat[:, None, None, None] * turned[index, keep].double().numpy()
            places[span] += hat[:, None] * found.places[index, keep, 0].double().numpy()
            log_scale[span] += hat * found.log_scale[index, keep].double().numpy()
            total[span] += hat
    return raw / total[:, None, None, None], places / total[:, None], log_scale / total


def _placed(rig: Rig, camera: Camera, local: Array, roots: Array, film: Filmed) -> Motion:
    """The motion, each frame moved until the body's box is the mask's; as the network says where the subject
    is cut off or not seen."""
    rest = rig.rest_positions[0]
    skeleton = Skeleton.from_rig(rig)
    pose = forward(skeleton, Motion(roots - rest, local))
    bodies = skinned(
        rig.vertices,
        rig.skin_joints,
        rig.skin_weights,
        rig.rest_positions,
        pose.global_rotations,
        pose.positions,
    )
    placed = roots.copy()
    for t in np.flatnonzero(film.whole):
        body, (low, high) = bodies[t] - roots[t], film.boxes[t]
        for _ in range(PLACING_ROUNDS):
            pixels = camera.project(body + placed[t])
            mine = pixels.min(axis=0), pixels.max(axis=0)
            depth = camera.to_camera(placed[t])[2]
            root = camera.project(placed[t]) + 0.5 * (low + high - mine[0] - mine[1])
            growth = float((mine[1] - mine[0]).sum() / max((high - low).sum(), 1.0))
            placed[t] = camera.unproject(root, np.asarray(depth * growth))
    return Motion(placed - rest, local)


def _box(mask: NDArray[np.uint8], crop: Crop) -> Array:
    """(2, 2) lowest and highest source pixel of a crop's mask."""
    rows, columns = np.nonzero(mask > 127)
    ends = np.array([[columns.min(), rows.min()], [columns.max(), rows.max()]], float)
    return crop.to_image(ends)
