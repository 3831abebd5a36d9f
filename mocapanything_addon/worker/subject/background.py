# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a frame disagrees with the background: what other frames, registered by the camera's motion, show
there."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from .frame_store import FrameStore

WINDOW = (-60, -42, -30, -22, -15, -10, 10, 15, 22, 30, 42, 60)
"""Neighbours a frame is compared with, frames, while the camera stays about where it is."""

TRAVEL_WINDOW = (-40, -32, -24, -18, -12, -8, -4, 4, 8, 12, 18, 24, 32, 40)
"""Neighbours while it travels: what is far in time has another parallax."""

SPREAD_SAMPLES = 16
"""Frames spread over the whole shot that are compared with too, unless the camera travels."""

TRAVEL = 0.25
"""Motion of the image corners over the shot from which the camera counts as travelling, share of the
width."""

STILL_PIXELS = 0.25
"""Motion at the corners below which a frame is not resampled, pixels."""

NOISE = 3.0
"""Colour difference, Lab levels of 255, that passes for noise."""

DIFFERENCE = 9.0
"""Scale of the colour difference that tells two things apart, Lab levels."""

MAX_HELD = 96
"""Frames kept in memory: those that the windows of neighbouring frames share."""

_AGREES = np.exp(-((np.maximum(np.arange(256) - NOISE, 0.0) / DIFFERENCE) ** 2)).astype(np.float32)


@dataclass(frozen=True, eq=False)
class Vote:
    """What other frames say of one."""

    disagreement: NDArray[np.float32]
    """(h, w) 0 to 1, the share of the votes cast at this place that saw something else there."""
    cast: NDArray[np.float32]
    """(h, w) number of votes."""
    image: NDArray[np.uint8]
    """(h, w, 3) the frame as it was compared: slightly blurred Lab."""
    behind: NDArray[np.uint8]
    """(h, w, 3) what the votes saw on average, Lab."""


class Background:
    """The background of one shot, as a vote among registered frames.

    A pixel of the background looks the same in most frames that see it; one on the moving subject does not.
    No background image is built: votes of single frames need none and bear with ghosts and with what the
    camera uncovers. ``votes`` lets a frame's vote count only where it most likely shows background itself.

    Args:
        frames: RGB (h, w, 3) at analysis size, the shot's.
        to_frame: (T, 3, 3) homographies from the first frame to each.
        grid: Only every so many frames vote.
    """

    def __init__(self, frames: FrameStore, to_frame: NDArray[np.float64], grid: int) -> None:
        self._frames = frames
        self._to_frame = to_frame
        self._grid = grid
        self.votes: Callable[[int], NDArray[np.uint8]] | None = None
        """(h, w) weight of a frame's vote, 255 full; None: every frame counts everywhere."""
        height, width = frames.shape[:2]
        self._corners = np.array([[[0, 0], [width, 0], [width, height], [0, height]]], np.float64)
        count = len(to_frame)
        moved = [self._moved(self.motion(0, index)) for index in range(0, count, grid)]
        self.travels = max(moved) > TRAVEL * width
        """The camera goes on and on; a place in the image means nothing then."""
        spread = np.linspace(0, count - 1, SPREAD_SAMPLES).astype(int)
        self._spread = set() if self.travels else {int(i) // grid * grid for i in spread}
        self._images: OrderedDict[int, NDArray[np.uint8]] = OrderedDict()
        # Registration is good to a pixel, to two while the camera travels.
        self._tolerance = np.ones((5, 5) if self.travels else (3, 3), np.uint8)

    def disagreement(self, index: int) -> NDArray[np.float32]:
        """(h, w) 0 to 1, the share of the votes cast at this place that saw something else there."""
        return self.vote(index).disagreement

    def vote(self, index: int) -> Vote:
        """What the other frames say of this one."""
        image = self._image(index)
        height, width = image.shape[:2]
        low, high = cv2.erode(image, self._tolerance), cv2.dilate(image, self._tolerance)
        agreed = np.zeros((height, width), np.float32)
        cast = np.full((height, width), 1e-3, np.float32)
        seen = np.zeros((height, width, 3), np.float32)
        for voter in self._voters(index):
            other = self._voter_image(voter)
            if not self.is_still(voter, index):
                motion = self.motion(voter, index)
                other = np.asarray(cv2.warpPerspective(other, motion, (width, height)), np.uint8)
            a, b, c, _ = cv2.split(cv2.max(cv2.subtract(other, high), cv2.subtract(low, other)))
            weight = other[:, :, 3].astype(np.float32) * np.float32(1 / 255)
            agreed += weight * cv2.LUT(cv2.max(cv2.max(a, b), c), _AGREES)
            cast += weight
            seen += weight[..., None] * other[:, :, :3]
        behind = np.asarray(np.rint(seen / cast[..., None]), np.uint8)
        return Vote(np.asarray(1.0 - agreed / cast, np.float32), cast, image[:, :, :3], behind)

    def look(self, index: int) -> NDArray[np.uint8]:
        """(h, w, 3) a frame as it is compared: slightly blurred Lab."""
        lab = cv2.cvtColor(self._frames[index], cv2.COLOR_RGB2LAB)
        return np.asarray(cv2.GaussianBlur(lab, (0, 0), 0.8), np.uint8)

    def motion(self, source: int, target: int) -> NDArray[np.float64]:
        """(3, 3) homography from one frame of the shot to another."""
        motion = self._to_frame[target] @ np.linalg.inv(self._to_frame[source])
        return np.asarray(motion / motion[2, 2], np.float64)

    def is_still(self, source: int, target: int) -> bool:
        """Whether the camera stands as it did."""
        return self._moved(self.motion(source, target)) <= STILL_PIXELS

    def forget(self) -> None:
        """Drop what is held in memory, e.g. because ``votes`` changed."""
        self._images.clear()

    def _moved(self, motion: NDArray[np.float64]) -> float:
        return float(np.abs(cv2.perspectiveTransform(self._corners, motion) - self._corners).max())

    def _voters(self, index: int) -> list[int]:
        window = TRAVEL_WINDOW if self.travels else WINDOW
        near = {(index + offset) // self._grid * self._grid for offset in window}
        return sorted(i for i in (near | self._spread) - {index} if 0 <= i < len(self._to_frame))

    def _voter_image(self, index: int) -> NDArray[np.uint8]:
        """(h, w, 4): ``_image`` and the weight of its votes."""
        if index not in self._images:
            image = self._image(index)
            if self.votes is not None:
                image[:, :, 3] = self.votes(index)
            self._images[index] = image
            if len(self._images) > MAX_HELD:
                self._images.popitem(last=False)
        self._images.move_to_end(index)
        return self._images[index]

    def _image(self, index: int) -> NDArray[np.uint8]:
        """(h, w, 4) its look, then 255."""
        lab = self.look(index)
        full = np.full(lab.shape[:2], 255, np.uint8)
        return np.asarray(cv2.merge([*cv2.split(lab), full]), np.uint8)
