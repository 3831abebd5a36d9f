# SPDX-License-Identifier: GPL-3.0-or-later
"""Things that stand still before the subject: a post, a wall, a tree that it walks behind.

Where something stands in front, the subject's outline stops while the subject goes on: what moves towards the
place never arrives, or comes out of it though it never was there. Such places stay where they are in the
scene, other than those where only a limb was expected that swings otherwise. A planted foot stays behind too,
so only the trunk is expected anywhere.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from ...fit.clip import SubjectClip
from ...fit.crop import Crop
from .carry import grey
from .frame_store import FrameStore
from .hidden_share import seen_areas
from .window import inside_image

SIZE = 64.0
"""Map pixels of the subject's size, at most: the root of the area that it usually shows."""
LARGEST_MAP = 1024
"""Map pixels of a side, at most."""
USUAL = 0.75
"""Quantile of the frames' areas that shows it whole."""
STEP = 0.125
"""The subject moves so far between the frames that are compared, share of its size."""
LONGEST_STEP = 0.5
"""Seconds between them, at most: one that hardly moves says nothing."""
SLACK = 0.05
"""Share of the size by which an outline may stay behind anyhow: limbs swing."""
STOPPED = 0.4
"""A place where the subject did not arrive while it went so far, share of its size, is hidden."""
SEEN = 0.15
"""Of the way on which it did not arrive there, the share on which it is seen there after all, at most."""
SMALLEST = 0.02
"""Area of such a place, share of the subject's, at least."""
THIN = 0.08
"""Half the thickness below which a part may be a limb, share of the size."""
NEAR = 0.1
"""Distance from such a place, share of the size, at which the outline stops at it."""
REACH = 2.0
"""How far beyond its outline something of the subject may be hidden, share of its size."""
ENOUGH = 0.5
"""Share of its usual area that must be seen of the subject to tell its motion."""
FLOW_SIDE = 128
"""Pixels a side of the windows in which motion is measured."""

Mask = NDArray[np.bool_]
Array = NDArray[np.float64]


def with_what_is_in_front(clip: SubjectClip, folder: Path, tick: Callable[[], None]) -> SubjectClip:
    """The clip, and what stands still before the subject in it.

    Args:
        clip: The subject as cut out, T frames.
        folder: An existing folder for the pictures of it, a file as long-lived as the clip.
        tick: Called at least once a second.
    """
    scene = SceneMap.of(clip)
    places = None if scene is None else places_not_reached(clip, scene, tick)
    if scene is None or places is None or not places.any():
        return clip
    with FrameStore(folder / "hidden.bin", clip.mask.shape[1:]) as store:
        for mask, crop in zip(clip.mask, clip.crops, strict=True):
            size = scene.size * crop.scale / scene.window.scale
            hidden = hidden_beyond(np.asarray(mask) > 127, scene.cut(places, crop), size)
            store.append(np.where(hidden, 255, 0).astype(np.uint8))
            tick()
        return replace(clip, hidden=store.as_array())


@dataclass(frozen=True)
class SceneMap:
    """One small square picture of the scene in which all windows of a clip lie."""

    window: Crop
    """What it shows, source pixels."""
    size: float
    """Map pixels of the subject's size."""

    @classmethod
    def of(cls, clip: SubjectClip) -> SceneMap | None:
        """None where there is no subject."""
        areas = seen_areas(clip)
        if not areas.any():
            return None
        low = np.min([[c.left, c.top] for c in clip.crops], axis=0)
        high = np.max([[c.left + c.side, c.top + c.side] for c in clip.crops], axis=0)
        side = float((high - low).max())
        length = float(np.sqrt(np.quantile(areas[areas > 0.0], USUAL)))
        pixels = int(np.clip(np.ceil(side * SIZE / length), 8, LARGEST_MAP))
        return cls(Crop(float(low[0]), float(low[1]), side, pixels), length * pixels / side)

    def place(self, mask: Mask, crop: Crop) -> Mask:
        """(m, m) a mask (n, n) of a window."""
        shape = self.window.size, self.window.size
        return cv2.warpAffine(mask.astype(np.uint8) * 255, crop.affine_to(self.window), shape) > 127

    def cut(self, mask: Mask, crop: Crop) -> Mask:
        """(n, n) the window of a mask (m, m)."""
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        shape = crop.size, crop.size
        return (
            cv2.warpAffine(mask.astype(np.uint8) * 255, crop.affine_to(self.window), shape, flags=flags) > 127
        )


def places_not_reached(clip: SubjectClip, scene: SceneMap, tick: Callable[[], None]) -> Mask:
    """(m, m) of the map: where the subject went, by its motion, and was not seen."""
    shape = scene.window.size, scene.window.size
    missed, seen = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    motion = _motion(clip, tick) * scene.window.scale
    # However far it goes in one frame, that frame alone proves nothing.
    went = np.minimum(np.linalg.norm(motion, axis=1), STEP * scene.size)
    last = max(1, round(LONGEST_STEP * clip.frame_rate))

    @lru_cache(maxsize=2 * last + 2)
    def mask_at(t: int) -> Mask:
        return scene.place(np.asarray(clip.mask[t]) > 127, clip.crops[t])

    for t in range(clip.frame_count):
        mask = mask_at(t)
        seen += float(went[t]) * mask
        for step in (1, -1):
            other = _next(t, step, motion, last, STEP * scene.size)
            if other is None or not mask.any() or not mask_at(other).any():
                continue
            way = step * motion[min(t, other) : max(t, other)].sum(axis=0)
            shift = np.array([[1.0, 0.0, way[0]], [0.0, 1.0, way[1]]])
            expected = cv2.warpAffine(_trunk(mask, THIN * scene.size), shift, shape) > 0
            arrived = _distance_to(mask_at(other)) <= SLACK * scene.size
            missed += float(went[t]) * (expected & ~mask & ~arrived & _in_view(clip, other, scene))
        tick()
    places = (missed >= STOPPED * scene.size) & (seen <= SEEN * missed)
    count, parts, stats, _ = cv2.connectedComponentsWithStats(places.astype(np.uint8), connectivity=8)
    large = [k for k in range(1, count) if stats[k, cv2.CC_STAT_AREA] >= SMALLEST * scene.size**2]
    return np.isin(parts, large)


def hidden_beyond(mask: Mask, places: Mask, size: float) -> Mask:
    """(n, n) where nothing can be seen of the subject: beyond those parts of its outline at which it stops,
    and on them.

    Args:
        mask: (n, n) the subject.
        places: (n, n) where it never arrives.
        size: Of the subject, pixels.
    """
    if not places.any() or not mask.any():
        return places
    stops = mask & (_distance_to(places) < NEAR * size)
    away, nearest = cv2.distanceTransformWithLabels(
        (~mask).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    beyond = ~mask & np.isin(nearest, np.unique(nearest[stops])) & (away < REACH * size)
    rim = cv2.dilate(stops.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    return np.asarray(beyond | (places & ~mask) | rim)


def _next(frame: int, step: int, motion: Array, last: int, far: float) -> int | None:
    """The first frame, forwards or backwards, before which the subject went far enough; None: none soon."""
    for other in range(frame + step, frame + step * (last + 1), step):
        if not 0 <= other < len(motion):
            return None
        way = motion[min(frame, other) : max(frame, other)].sum(axis=0)
        if np.linalg.norm(way) >= far:
            return other
    return None


def _motion(clip: SubjectClip, tick: Callable[[], None]) -> Array:
    """(T, 2) how far the subject goes from each frame to the next, source pixels. Where little or nothing is
    seen of it, as in the frames around: what stands in front drags the flow along."""
    areas = seen_areas(clip)
    enough = areas > ENOUGH * np.quantile(areas[areas > 0.0], USUAL)
    frames = [t for t in range(clip.frame_count - 1) if enough[t] and enough[t + 1]]
    if not frames:
        return np.zeros((clip.frame_count, 2))
    known = np.zeros((len(frames), 2))
    for row, t in enumerate(frames):
        known[row] = _step(clip, t)
        tick()
    every = np.arange(clip.frame_count)
    return np.stack([np.interp(every, frames, known[:, k]) for k in range(2)], axis=1)


def _step(clip: SubjectClip, frame: int) -> Array:
    """(2,) from a frame to the next, source pixels."""
    side = FLOW_SIDE, FLOW_SIDE
    here, there = (Crop(c.left, c.top, c.side, FLOW_SIDE) for c in clip.crops[frame : frame + 2])
    before, after = (
        cv2.resize(grey(np.ascontiguousarray(clip.color[t])), side, interpolation=cv2.INTER_AREA)
        for t in (frame, frame + 1)
    )
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    after = cv2.warpAffine(after, here.affine_to(there), side, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    flow = search.calc(before, after, np.zeros((*side, 2), np.float32))
    depth = cv2.resize(_distance_to(np.asarray(clip.mask[frame]) <= 127), side)
    # Flow along an outline is half the background's.
    return np.asarray(np.median(flow[depth > 0.5 * depth.max()], axis=0) / here.scale, np.float64)


def _trunk(mask: Mask, radius: float) -> NDArray[np.uint8]:
    """The mask without what is thinner than twice the radius."""
    thick = _distance_to(~mask) > radius
    return (_distance_to(thick) <= radius).astype(np.uint8) if thick.any() else np.zeros(mask.shape, np.uint8)


def _in_view(clip: SubjectClip, frame: int, scene: SceneMap) -> Mask:
    to_frame = None if clip.to_frame is None else clip.to_frame[frame]
    crop = clip.crops[frame]
    return scene.place(inside_image(crop, clip.width, clip.height, to_frame), crop)


def _distance_to(mask: Mask) -> NDArray[np.float32]:
    """Pixels to the nearest that is set."""
    return np.asarray(cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, 5), np.float32)
