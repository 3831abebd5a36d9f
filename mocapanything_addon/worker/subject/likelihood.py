# SPDX-License-Identifier: GPL-3.0-or-later
"""How likely each pixel of a shot shows something that moves on its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

import cv2
import numpy as np
from numpy.typing import NDArray

from .appearance import FEATURES, Appearance, pixel_features
from .background import Background
from .frame_store import FrameStore, OddsStore, Scratch

TRAINING_FRAMES = 40
"""Frames of a shot that the appearance is learned from."""

TRAINING_SAMPLES = 100_000
"""Pixels it is learned from."""

MOVING = 0.45
"""Disagreement with the background above which a pixel moves, in a shot without noise."""

UNSTEADY_BORDER = 0.45
"""Median disagreement along the image border above which the background itself could not be registered: the
camera runs along with the subject."""

LEAST_MOVING = 0.002
"""Share of the image that must move in a tenth of the frames for motion to tell the subject."""

NEVER_UNCOVERED = 0.75
"""Share of the frames in which a place within the subject's outline counts as never having shown
background."""

FULL_VOTES = 4.0
"""Votes from which the background is certain; what the camera has just uncovered has fewer."""


class Evidence(Enum):
    """What the subject was told from."""

    MOTION = "motion"
    """It moves against the registered background."""
    FOLLOWED = "followed"
    """The camera runs along with it, while everything else rushes by."""
    PLACE = "place"
    """Nothing moves: it stands out."""


@dataclass(frozen=True)
class Likelihood:
    """Log odds (h, w) of what moves on its own, on disk, and the background it moves against."""

    odds: OddsStore
    background: Background

    def logit(self, index: int) -> NDArray[np.float32]:
        """(h, w), within +-8."""
        return self.odds[index]


def subject_likelihood(
    frames: FrameStore,
    to_frame: NDArray[np.float64],
    scratch: Scratch,
    seed: int,
    tick: Callable[[float], None],
) -> tuple[Evidence, Likelihood | None]:
    """Whether motion tells the subject in a shot, and if so its log odds for every pixel.

    First what moves against the background; from that, the subject's and the background's colours are
    learned; then the vote on the background is held again without the pixels that most likely show the
    subject, which removes the ghosts a slow subject leaves; then colours and votes together decide.

    Args:
        frames: RGB (h, w, 3) at analysis size.
        to_frame: (T, 3, 3) camera motion from the first frame.
        scratch: Where to keep the result and what leads to it.
        seed: Of the training.
        tick: Called with the share done, at least a few times a second.
    """
    count = len(frames)
    grid = max(1, min(4, count // 12))
    background = Background(frames, to_frame, grid)
    every = max(1, -(-count // (TRAINING_FRAMES * grid))) * grid
    training = list(range(0, count, every))
    builder = _Builder(frames, background, training, seed, tick)
    evidence = builder.look()
    if evidence is not Evidence.MOTION:
        return evidence, None
    model = builder.by_motion(scratch.store("votes", frames.shape[:2]), grid, count)
    odds = scratch.odds("likelihood", frames.shape[0], frames.shape[1])
    for index in range(count):
        odds[index] = model(index)
        tick(0.4 + 0.6 * index / count)
    return evidence, Likelihood(odds, background)


class _Builder:
    """The steps of ``subject_likelihood``, which share the training frames."""

    def __init__(
        self,
        frames: FrameStore,
        background: Background,
        training: list[int],
        seed: int,
        tick: Callable[[float], None],
    ) -> None:
        self._frames, self._background, self._training = frames, background, training
        self._tick, self._seed = tick, seed
        self._done = 0.0
        self._rng = np.random.default_rng(seed)
        height, width = frames.shape[:2]
        self._border = np.ones((height, width), bool)
        self._border[height // 8 : -(height // 8), width // 8 : -(width // 8)] = False
        self._moving: dict[int, NDArray[np.float32]] = {}
        self._threshold = MOVING

    def look(self) -> Evidence:
        """What this shot tells the subject by."""
        for index in self._training:
            self._moving[index] = self._background.disagreement(index)[0]
            self._step()
        if len(self._frames) < 4:
            return Evidence.PLACE
        border = np.array([self._moving[i][self._border] for i in self._training])
        if np.median(np.median(border, axis=1)) > UNSTEADY_BORDER:
            return Evidence.FOLLOWED
        # Noisy registration raises what counts as moving.
        noise = float(np.percentile(border, 75, axis=1).mean())
        self._threshold = float(np.clip(noise + 0.25, MOVING, 0.75))
        shares = [float((m > self._threshold).mean()) for m in self._moving.values()]
        return Evidence.PLACE if np.quantile(shares, 0.9) < LEAST_MOVING else Evidence.MOTION

    def by_motion(self, votes: FrameStore, grid: int, count: int) -> Callable[[int], NDArray[np.float32]]:
        """Log odds of any frame, told by motion."""
        first = self._learn(self._moving_labels)
        inside = np.zeros(self._border.shape, np.float32)
        for index in range(0, count, grid):
            moving = self._background.disagreement(index)[0]
            logit = 0.7 * first(index) + 6.0 * (moving - self._threshold)
            votes.append((255.0 / (1.0 + np.exp(1.5 * logit))).astype(np.uint8))
            inside += _outline(logit > 0)
            self._step(4.0 / count)
        # In the outline in nearly every frame: standing as still as background there proves nothing.
        covered = inside / len(votes) > NEVER_UNCOVERED
        if self._background.travels:
            covered[:] = False
        self._background.votes = lambda index: votes[index // grid]
        self._background.forget()

        def motion_logit(index: int) -> NDArray[np.float32]:
            disagreement, cast = self._background.disagreement(index)
            logit = 8.0 * (disagreement - 0.4) * np.clip(cast / FULL_VOTES, 0.0, 1.0)
            return np.where(covered & (logit < 0), 0.2 * logit, logit)

        def labels(index: int) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
            odds = np.tanh(0.5 * (0.5 * first(index) + motion_logit(index)))
            return odds > 0, np.where(covered & (odds < 0), 0.0, np.abs(odds))

        second = self._learn(labels)
        return lambda index: 0.7 * second(index) + motion_logit(index)

    def _learn(
        self, labels: Callable[[int], tuple[NDArray[np.bool_], NDArray[np.float32]]]
    ) -> Callable[[int], NDArray[np.float32]]:
        """A new appearance from labels (h, w) and weights (h, w) on the training frames; log odds within
        +-4."""
        each = -(-TRAINING_SAMPLES // len(self._training))
        features = np.zeros((each * len(self._training), FEATURES), np.float32)
        targets = np.zeros(len(features), np.float32)
        weights = np.zeros(len(features), np.float32)
        for place, index in enumerate(self._training):
            target, weight = labels(index)
            drawn = self._rng.integers(0, target.size, each)
            rows = slice(place * each, (place + 1) * each)
            features[rows] = pixel_features(self._frames[index]).reshape(-1, FEATURES)[drawn]
            targets[rows] = target.ravel()[drawn]
            weights[rows] = weight.ravel()[drawn]
            self._step()
        appearance = Appearance(self._seed)
        appearance.train(features, targets, weights + 1e-6, lambda step, steps: self._step())
        return lambda index: np.clip(appearance.logit(pixel_features(self._frames[index])), -4.0, 4.0)

    def _moving_labels(self, index: int) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
        """What moves is the subject; what does not, and lies in no gap of what does, is background."""
        disagreement = self._moving[index]
        moving = disagreement > self._threshold
        size = max(3, round(min(moving.shape) / 24)) | 1
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
        closed = cv2.morphologyEx(moving.astype(np.uint8), cv2.MORPH_CLOSE, kernel)
        solid = _filled(cv2.morphologyEx(closed, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)) > 0)
        target = moving & solid
        still = np.clip(1.0 - disagreement / self._threshold, 0.0, 1.0)
        return target, np.where(target, 1.0, np.where(solid, 0.0, still)).astype(np.float32)

    def _step(self, amount: float = 0.0) -> None:
        """Report; the share done before the last pass is an estimate that never reaches it."""
        self._done += amount or 0.002
        self._tick(0.4 * self._done / (1.0 + self._done))


def _filled(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The mask without its holes."""
    padded = cv2.copyMakeBorder(mask.astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT)
    cv2.floodFill(padded, None, (0, 0), (2.0,))
    return padded[1:-1, 1:-1] != 2


def _outline(mask: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """1 within the convex hull of each larger part of the mask."""
    filled = np.zeros(mask.shape, np.uint8)
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    for contour in contours:
        if cv2.contourArea(contour) > 0.002 * mask.size:
            cv2.fillConvexPoly(filled, cv2.convexHull(contour), (1.0,))
    return filled
