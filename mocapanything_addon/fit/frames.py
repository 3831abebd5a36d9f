# SPDX-License-Identifier: GPL-3.0-or-later
"""The clip in the fit's own windows: a square around the subject of every frame, and what was filmed
there."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from .clip import SubjectClip
from .crop import Crop
from .evidence.contour import Contour, trace
from .mask_edges import Profile, edge_profile, edge_support, mask_offset, with_losses, without_offset

Key = TypeVar("Key")
Value = TypeVar("Value")

WINDOW_SIZE = 224
"""Pixels a side of a window, which is also the unit of length of every sigma in the fit."""
MARGIN = 1.3
"""Side of a window over the longer side of the subject's bounding box."""
GROWTH = 1.3
"""A window that does not hold the posed mesh grows by powers of this."""
LARGEST_LEVEL = 4
FEWEST_PIXELS = 24
"""A mask with fewer clip pixels than this says nothing."""
BORDER_BAND = 2.5
"""Image pixels along the image border in which an outline is the border's, not the subject's."""
CUT_BAND = 0.02
"""Of the subject's box: extra band at a side where the mask touches the border, where segmenters fade."""
SMOOTH_FRAMES = 12
CACHED_FRAMES = 400
PROFILED = 24
"""Frames that tell how well the masks lie on the edges of the picture."""


class Frames:
    """Windows, masks and flat-painted grey images of a clip, made when asked for and remembered for a while.

    Attributes:
        boxes: (T, 4) left, top, right, bottom of the mask in source pixels; NaN where there is no subject.
        has_subject: (T,) there is a mask to speak of.
        is_hidden: (T,) something is known to stand before part of the subject.
        is_cut_off: (T,) the subject is there and cut off by the image border.
        is_whole: (T,) the subject is there, neither cut off nor hidden.
        pixel: (T,) the fit's unit of length in source pixels: a window of WINDOW_SIZE around a whole subject.
    """

    def __init__(self, clip: SubjectClip, size: int = WINDOW_SIZE) -> None:
        self.clip = clip
        self.size = size
        self.count = clip.frame_count
        self._offsets: dict[int, float] = {}
        self._mended: OrderedDict[int, NDArray[np.bool_]] = OrderedDict()
        self._usual_edges = self._profile_of_clip()
        self.boxes = np.array([self._box(t) for t in range(self.count)]).reshape(-1, 4)
        self.has_subject: NDArray[np.bool_] = np.isfinite(self.boxes).all(1)
        stopped = np.array([clip.stops_at_something(t) for t in range(self.count)], bool)
        self.is_hidden = self.has_subject & stopped
        self.is_cut_off = self.has_subject & np.asarray(clip.cut_off, bool).any(1)
        self.is_whole: NDArray[np.bool_] = self.has_subject & ~self.is_cut_off & ~self.is_hidden
        self.pixel = self._pixels()
        self._filled = _fill(self.boxes, clip)
        self.background = self._background()
        self._masks: OrderedDict[tuple[int, int], NDArray[np.bool_]] = OrderedDict()
        self._trusted: OrderedDict[tuple[int, int], NDArray[np.bool_]] = OrderedDict()
        self._contours: OrderedDict[tuple[int, int], Contour] = OrderedDict()

    def window(self, frame: int, points: NDArray[np.float64] | None = None) -> tuple[int, Crop]:
        """The window of a frame and its level (0 is the usual one).

        Args:
            frame: Which frame.
            points: (N, 2) source pixels that the window should hold, e.g. the projected mesh.
        """
        left, top, right, bottom = self._filled[frame]
        center = np.array([left + right, top + bottom]) * 0.5
        side = max(right - left, bottom - top, 8.0) * MARGIN
        level = 0
        if points is not None and len(points):
            reach = float(np.abs(points - center).max()) * 2.04
            # What lies far outside the image is nobody's business.
            reach = min(reach, 2.0 * max(self.clip.width, self.clip.height) + side)
            level = int(np.clip(np.ceil(np.log(max(reach / side, 1e-9)) / np.log(GROWTH)), 0, LARGEST_LEVEL))
        side *= GROWTH**level
        corner = center + 0.5 - side / 2.0
        return level, Crop(float(corner[0]), float(corner[1]), float(side), self.size)

    def union_window(self, a: int, b: int) -> Crop:
        """One window that holds the subject of two frames."""
        crops = [self.window(t)[1] for t in (a, b)]
        low = np.min([[c.left, c.top] for c in crops], axis=0)
        high = np.max([[c.left + c.side, c.top + c.side] for c in crops], axis=0)
        side = float((high - low).max())
        corner = (low + high - side) / 2.0
        return Crop(float(corner[0]), float(corner[1]), side, self.size)

    def mask(self, frame: int, level: int = 0) -> NDArray[np.bool_]:
        """(n, n) the subject in the frame's window."""
        key = (frame, level)
        if key not in self._masks:
            crop = self._at_level(frame, level)
            mask = np.where(self._subject(frame), 255, 0).astype(np.uint8)
            _remember(self._masks, key, self._resample(mask, frame, crop, 0) > 127)
        return self._masks[key]

    def trusted(self, frame: int, level: int = 0) -> NDArray[np.bool_]:
        """(n, n) pixels where an outline is the subject's own: inside the image and away from its border,
        with nothing in front."""
        key = (frame, level)
        if key not in self._trusted:
            crop = self._at_level(frame, level)
            left, top, right, bottom = self._filled[frame]
            cut = np.asarray(self.clip.cut_off[frame], bool)
            band = BORDER_BAND + cut * CUT_BAND * max(right - left, bottom - top)
            at = np.stack(np.meshgrid(np.arange(crop.size), np.arange(crop.size)), axis=-1)
            x, y = np.moveaxis(self.clip.own_pixels(frame, crop.to_image(at.astype(np.float64))), -1, 0)
            in_x = (x >= band[0]) & (x <= self.clip.width - 1 - band[2])
            in_y = (y >= band[1]) & (y <= self.clip.height - 1 - band[3])
            _remember(self._trusted, key, in_x & in_y & ~self.hidden(frame, crop))
        return self._trusted[key]

    def hidden(self, frame: int, crop: Crop) -> NDArray[np.bool_]:
        """(n, n) pixels of any window in which something is known to stand in front."""
        if self.clip.hidden is None:
            return np.zeros((crop.size, crop.size), bool)
        return self._resample(self.clip.hidden[frame], frame, crop, 0) > 127

    def contour(self, frame: int, level: int = 0) -> Contour:
        """The subject's outline in the frame's window."""
        key = (frame, level)
        if key not in self._contours:
            contour = trace(self.mask(frame, level), self.trusted(frame, level))
            color = self._resample(self.clip.color[frame], frame, self._at_level(frame, level), 0)
            contour = replace(contour, support=edge_support(color, contour))
            _remember(self._contours, key, contour)
        return self._contours[key]

    def painted(self, frame: int, crop: Crop) -> NDArray[np.uint8]:
        """(n, n) grey image of a frame in any window, everything but the subject in one flat grey."""
        grey = self._grey(frame)
        subject = cv2.GaussianBlur(self._subject(frame).astype(np.float32), (0, 0), 0.7)
        flat = grey * subject + self.background * (1.0 - subject)
        return self._resample(flat.astype(np.uint8), frame, crop, int(self.background))

    def mask_at(self, frame: int, points: NDArray[np.float64]) -> NDArray[np.bool_]:
        """(N,) whether source pixels (N, 2) lie on the subject."""
        crop = self.clip.crops[frame]
        at = np.round(crop.to_crop(points)).astype(int)
        inside = ((at >= 0) & (at < crop.size)).all(1)
        at = np.clip(at, 0, crop.size - 1)
        return inside & self._subject(frame)[at[:, 1], at[:, 0]]

    def seen_of(self, drawn: NDArray[np.bool_], frame: int, crop: Crop) -> NDArray[np.bool_]:
        """What the frame's mask would show of a body drawn in a window (n, n): no limbs that its segmenter
        lost, no gaps that it closed."""
        return with_losses(drawn, self.offset(frame) * crop.scale / self.clip.crops[frame].scale)

    def offset(self, frame: int) -> float:
        """Clip pixels that the given mask was too large, or too small if negative."""
        if frame not in self._offsets:
            given = self.clip.mask[frame] > 127
            self._offsets[frame] = (
                mask_offset(edge_profile(self.clip.color[frame], given), self._usual_edges)
                if self._usual_edges is not None
                else 0.0
            )
        return self._offsets[frame]

    def _subject(self, frame: int) -> NDArray[np.bool_]:
        """(n, n) clip pixels on the subject."""
        given = self.clip.mask[frame] > 127
        offset = self.offset(frame)
        if offset == 0.0:
            return given
        if frame not in self._mended:
            _remember(self._mended, frame, without_offset(given, offset))
        return self._mended[frame]

    def _grey(self, frame: int) -> NDArray[np.uint8]:
        color = np.ascontiguousarray(self.clip.color[frame])
        return np.asarray(cv2.cvtColor(color, cv2.COLOR_RGB2GRAY), np.uint8)

    def _profile_of_clip(self) -> Profile | None:
        chosen = np.unique(np.linspace(0, self.count - 1, min(PROFILED, self.count)).astype(int))
        profiles = [edge_profile(self.clip.color[t], self.clip.mask[t] > 127) for t in chosen]
        known = [p for p in profiles if p is not None]
        return np.mean(known, axis=0) if known else None

    def _at_level(self, frame: int, level: int) -> Crop:
        _, crop = self.window(frame)
        grown = crop.side * GROWTH**level
        shift = (grown - crop.side) / 2.0
        return Crop(crop.left - shift, crop.top - shift, grown, crop.size)

    def _resample(self, image: NDArray[np.uint8], frame: int, crop: Crop, border: int) -> NDArray[np.uint8]:
        """Clip crop -> any window. Shrinking averages, so that thin parts do not fall between pixels."""
        matrix = self.clip.crops[frame].affine_to(crop)
        shrink = 1.0 / max(matrix[0, 0], 1e-9)
        if shrink > 1.5:
            image = np.asarray(cv2.GaussianBlur(image, (0, 0), 0.4 * shrink), np.uint8)
        resampled = cv2.warpAffine(
            np.ascontiguousarray(image),
            matrix,
            (crop.size, crop.size),
            flags=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=(border,),
        )
        return np.asarray(resampled, np.uint8)

    def _box(self, frame: int) -> NDArray[np.float64]:
        subject = self._subject(frame).astype(np.uint8)
        if int(subject.sum()) < FEWEST_PIXELS:
            return np.full(4, np.nan)
        x, y, width, height = cv2.boundingRect(subject)
        low, high = np.array([x - 0.5, y - 0.5]), np.array([x + width - 0.5, y + height - 0.5])
        crop = self.clip.crops[frame]
        return np.concatenate([crop.to_image(low), crop.to_image(high)])

    def _background(self) -> float:
        """A grey far from the subject's mean."""
        frames = np.nonzero(self.has_subject)[0]
        if not len(frames):
            return 128.0
        chosen = frames[np.linspace(0, len(frames) - 1, min(len(frames), 9)).astype(int)]
        means = [
            cv2.cvtColor(np.ascontiguousarray(self.clip.color[t]), cv2.COLOR_RGB2GRAY)[
                self._subject(t)
            ].mean()
            for t in chosen
        ]
        return 205.0 if float(np.mean(means)) < 128.0 else 50.0

    def _pixels(self) -> NDArray[np.float64]:
        """Unit of length per frame, from the boxes of the frames around it that show the whole subject."""
        size = np.max(self.boxes[:, 2:] - self.boxes[:, :2], axis=1)
        use = self.is_whole if self.is_whole.any() else self.has_subject
        if not use.any():
            return np.ones(self.count)
        known = np.nonzero(use)[0]
        # A cut-off subject is larger than what is seen of it, so never go below the frame's own box.
        smooth = np.array(
            [
                np.median(size[known[np.argsort(np.abs(known - t), kind="stable")[: 2 * SMOOTH_FRAMES + 1]]])
                for t in known
            ]
        )
        unit = np.interp(np.arange(self.count), known, smooth)
        unit = np.where(self.has_subject & ~use, np.fmax(unit, size), unit)
        return np.maximum(unit * MARGIN / WINDOW_SIZE, 1e-3)


def _fill(boxes: NDArray[np.float64], clip: SubjectClip) -> NDArray[np.float64]:
    """Boxes of frames without a subject, from the frames around them."""
    known = np.nonzero(np.isfinite(boxes).all(1))[0]
    if not len(known):
        return np.tile([0.0, 0.0, clip.width, clip.height], (len(boxes), 1)).astype(np.float64)
    return np.stack([np.interp(np.arange(len(boxes)), known, boxes[known, k]) for k in range(4)], axis=1)


def _remember(cache: OrderedDict[Key, Value], key: Key, value: Value) -> None:
    cache[key] = value
    while len(cache) > CACHED_FRAMES:
        cache.popitem(last=False)
