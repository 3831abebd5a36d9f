# SPDX-License-Identifier: GPL-3.0-or-later
"""How the camera moved, told from the background."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

MIN_FEATURES = 12
"""Matches below which nothing is said about the camera."""

INLIER_PIXELS = 1.0
"""Distance up to which a match follows the background, pixels at analysis size."""

STILL_PIXELS = 0.35
"""Distance up to which a match stands still."""

BORDER = 0.18
"""Share of the image on each side that most likely shows background."""

ANCHOR_REACH = 0.12
"""Camera motion after which a new frame becomes the anchor, share of the image width."""

LEAST_SUPPORT = 0.3
"""Share of the matches that must follow the background for the anchor to be kept."""


@dataclass(frozen=True, eq=False)
class CameraStep:
    """The motion of the background between two frames."""

    homography: NDArray[np.float64]
    """(3, 3) takes pixels of the earlier frame to the later one."""
    support: float
    """Share of the matches that go with it; 0: too little texture to tell, the homography is the guess."""


class CameraPath:
    """The camera's motion over a video, fed frame by frame.

    Each frame is registered to an anchor rather than to its predecessor, so that errors do not add up while
    the camera stays near one place.
    """

    def __init__(self) -> None:
        self.to_frame: list[NDArray[np.float64]] = []
        """(3, 3) homography from the first frame of the shot to each frame."""
        self.support: list[float] = []
        """How much of the background goes along with that, 0 to 1; 0 also where it has no texture."""
        self._anchor: NDArray[np.uint8] | None = None
        self._anchor_motion = np.eye(3)
        self._since_anchor = np.eye(3)
        self._before: NDArray[np.uint8] | None = None

    def add(self, rgb: NDArray[np.uint8], starts_shot: bool) -> None:
        """Take the next frame, (h, w, 3) at analysis size."""
        grey = np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), np.uint8)
        if self._anchor is None or self._before is None or starts_shot:
            self._set_anchor(grey, np.eye(3))
            self.support.append(1.0)
        else:
            step = camera_step(self._anchor, grey, self._since_anchor)
            if step.support < LEAST_SUPPORT and self._anchor is not self._before:
                # The anchor has gone out of sight or been covered: go on from the frame before.
                self._set_anchor(self._before, self.to_frame[-1])
                step = camera_step(self._anchor, grey, np.eye(3))
            self.support.append(step.support)
            self._since_anchor = step.homography
            if not _explains(self._anchor, grey, self._since_anchor):
                self._since_anchor = np.eye(3)
        motion = self._since_anchor @ self._anchor_motion
        self.to_frame.append(motion / motion[2, 2])
        height, width = grey.shape
        if _corner_motion(self._since_anchor, width, height) > ANCHOR_REACH * width:
            self._set_anchor(grey, self.to_frame[-1])
        self._before = grey

    def keep(self, first: int, count: int) -> None:
        """Forget all frames but these."""
        self.to_frame = self.to_frame[first : first + count]
        self.support = self.support[first : first + count]

    @property
    def is_reliable(self) -> bool:
        """Whether the background tells the camera's motion; one that seems to stand still does."""
        moved = not all(np.allclose(h, np.eye(3)) for h in self.to_frame)
        return not moved or float(np.median(self.support)) >= LEAST_SUPPORT

    def _set_anchor(self, grey: NDArray[np.uint8], motion: NDArray[np.float64]) -> None:
        self._anchor, self._anchor_motion, self._since_anchor = grey, motion, np.eye(3)


def camera_step(
    before: NDArray[np.uint8], after: NDArray[np.uint8], guess: NDArray[np.float64]
) -> CameraStep:
    """The background's motion between two grey frames (h, w), searched around ``guess`` (3, 3).

    Corners are followed forth and back (Lucas-Kanade), the background is what the matches near the image
    border agree on, and a homography is fitted to all matches that go with it. A subject that stands still
    in the image while the camera follows it thus does not pass for background where the border has any
    texture.
    """
    unknown = CameraStep(guess, 0.0)
    source, target = _matches(before, after, guess)
    if len(source) < MIN_FEATURES:
        return unknown
    height, width = before.shape
    margin = np.array([BORDER * width, BORDER * height])
    near_border = ((source < margin) | (source > [width, height] - margin)).any(axis=1)
    affine = _border_affine(source[near_border], target[near_border])
    if affine is None:
        found, _ = cv2.estimateAffinePartial2D(
            source, target, method=cv2.RANSAC, ransacReprojThreshold=2.0 * INLIER_PIXELS
        )
        if found is None:
            return unknown
        affine = np.asarray(found, np.float64)
    elif _stands_still(source[near_border], target[near_border], affine):
        still = np.linalg.norm(source - target, axis=1) < INLIER_PIXELS
        return CameraStep(np.eye(3), float(still.mean()))
    predicted = source @ affine[:, :2].T + affine[:, 2]
    follows = np.linalg.norm(predicted - target, axis=1) < 3.0 * INLIER_PIXELS
    if follows.sum() < MIN_FEATURES:
        return unknown
    homography = np.vstack([affine, [0.0, 0.0, 1.0]])
    if follows.sum() >= 3 * MIN_FEATURES and _spread(source[follows], width, height):
        fitted, _ = cv2.findHomography(source[follows], target[follows], cv2.RANSAC, INLIER_PIXELS)
        if fitted is not None and _corner_motion(fitted, width, height) < 0.5 * max(width, height):
            homography = np.asarray(fitted, np.float64)
    return CameraStep(homography, float(follows.mean()))


def _explains(before: NDArray[np.uint8], after: NDArray[np.uint8], homography: NDArray[np.float64]) -> bool:
    """Whether the motion makes the frames' outer parts more alike than no motion does."""
    height, width = before.shape
    shown = np.full((height, width), 255, np.uint8)
    y, x = round(1.5 * BORDER * height), round(1.5 * BORDER * width)
    shown[y : height - y, x : width - x] = 0
    seen = cv2.warpPerspective(np.full((height, width), 255, np.uint8), homography, (width, height))
    outer = (shown > 0) & (seen == 255)
    moved = cv2.absdiff(cv2.warpPerspective(before, homography, (width, height)), after)[outer]
    still = cv2.absdiff(before, after)[outer]
    return moved.size > 100 and float(moved.mean()) < 0.95 * float(still.mean())


def _matches(
    before: NDArray[np.uint8], after: NDArray[np.uint8], guess: NDArray[np.float64]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """(N, 2) places of the same corners in both frames."""
    distance = max(4, round(min(before.shape) / 36))
    points = cv2.goodFeaturesToTrack(before, 400, 0.005, distance)
    nothing = np.zeros((0, 2), np.float32)
    if points is None or len(points) < MIN_FEATURES:
        return nothing, nothing
    expected = cv2.perspectiveTransform(points, guess)
    flags, window = cv2.OPTFLOW_USE_INITIAL_FLOW, (15, 15)
    moved, found, _ = cv2.calcOpticalFlowPyrLK(
        before, after, points, expected.copy(), winSize=window, maxLevel=3, flags=flags
    )
    back, found_back, _ = cv2.calcOpticalFlowPyrLK(
        after, before, moved, points.copy() + (moved - expected), winSize=window, maxLevel=3, flags=flags
    )
    good = (found.ravel() > 0) & (found_back.ravel() > 0)
    good &= np.linalg.norm(points - back, axis=2).ravel() < 0.5
    return points[good, 0], moved[good, 0]


def _border_affine(source: NDArray[np.float32], target: NDArray[np.float32]) -> NDArray[np.float64] | None:
    """(2, 3) similarity most border matches agree on, None where they do not."""
    if len(source) < MIN_FEATURES:
        return None
    affine, inliers = cv2.estimateAffinePartial2D(
        source, target, method=cv2.RANSAC, ransacReprojThreshold=2.0 * INLIER_PIXELS
    )
    return np.asarray(affine, np.float64) if affine is not None and inliers.mean() > 0.4 else None


def _stands_still(
    source: NDArray[np.float32], target: NDArray[np.float32], affine: NDArray[np.float64]
) -> bool:
    """Whether the border stands still as well as it moves: a subject there must not drag the camera along."""
    moving = np.linalg.norm(source @ affine[:, :2].T + affine[:, 2] - target, axis=1) < STILL_PIXELS
    still = np.linalg.norm(source - target, axis=1) < STILL_PIXELS
    return bool(still.sum() >= 0.8 * moving.sum())


def _spread(points: NDArray[np.float32], width: int, height: int) -> bool:
    """Whether matches cover enough of the image to fix the perspective terms."""
    extent = np.percentile(points, 95, axis=0) - np.percentile(points, 5, axis=0)
    return bool(extent[0] > 0.6 * width and extent[1] > 0.5 * height)


def _corner_motion(homography: NDArray[np.float64], width: int, height: int) -> float:
    """Pixels the farthest image corner moves."""
    corners = np.array([[[0, 0], [width, 0], [width, height], [0, height]]], np.float64)
    return float(np.abs(cv2.perspectiveTransform(corners, homography) - corners).max())
