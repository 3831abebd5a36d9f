# SPDX-License-Identifier: GPL-3.0-or-later
"""Cut the subject out again where the body, as fitted so far, says that it is.

The first masks know of pixels only: a limb that looks like the ground is lost, a tree that touches is taken.
A body that was fitted to all of them knows where its limbs must be.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from ..fit.clip import SubjectClip
from ..fit.fit import track_starts
from ..fit.hypothesis import Hypothesis
from ..fit.problem import Problem, Progress
from ..fit.track import Track
from ..ik.kinematics import State
from ..ik.motion import Motion
from ..jobs.settings import Quality
from ..models.cutter import Cutter
from .subject.clip import to_border
from .subject.follow import parts_touching
from .subject.frame_store import FrameStore
from .subject.window import borders_touched, inside_image

STAGE = "second look"
SURE_INSIDE, SURE_OUTSIDE = 0.012, 0.055
"""Distance from the body's outline at which a pixel surely is the subject, and surely is not; share of the
window."""
BODY_WEIGHT = 2.0
"""Log odds that the body's word is worth where it is sure."""
FITS = 0.5
"""Overlap of body and mask below which the body is somewhere else, and its word worth nothing."""
SAME = 0.96
"""Mean overlap of new and old masks from which the pose that was found with the old ones will do."""


def track_again(
    problem: Problem,
    found: Track,
    ranked: Sequence[Hypothesis],
    quality: Quality,
    cutter: Cutter,
    folder: Path,
    progress: Progress,
) -> tuple[Problem, Track]:
    """Cut the subject out again and, where that changes much, track it again.

    Args:
        problem: The capture.
        found: As tracked with the first masks.
        ranked: The starts that it was tracked from, best first.
        quality: How much is tried.
        cutter: See :func:`look_again`.
        folder: See :func:`look_again`.
        progress: See the fit.
    """
    problem, is_same = look_again(problem, found.motion, cutter, folder, progress)
    return problem, found if is_same else track_starts(problem, ranked, quality, progress)


def look_again(
    problem: Problem, motion: Motion, cutter: Cutter, folder: Path, progress: Progress
) -> tuple[Problem, bool]:
    """The problem with masks cut anew, and whether they are about what they were.

    Args:
        problem: As fitted so far.
        motion: T frames.
        cutter: Cuts the subject out of windows.
        folder: An existing folder for the masks, a file as long-lived as the problem.
        progress: See the fit.
    """
    clip = problem.frames.clip
    size = clip.crops[0].size
    cut_off = np.array(clip.cut_off, bool)
    overlaps = []
    with FrameStore(folder / "mask_again.bin", (size, size)) as store:
        for t, mask in enumerate(_masks(problem, motion, cutter)):
            store.append(mask)
            to_frame = None if clip.to_frame is None else clip.to_frame[t]
            cut_off[t] = borders_touched(mask, clip.crops[t], clip.width, clip.height, to_frame)
            overlaps.append(_overlap(mask > 0, clip.mask[t] > 0))
            progress(STAGE, t + 1, clip.frame_count)
        masks = store.as_array()
    return problem.with_clip(replace(clip, mask=masks, cut_off=cut_off)), float(np.mean(overlaps)) > SAME


def _masks(problem: Problem, motion: Motion, cutter: Cutter) -> Iterator[NDArray[np.uint8]]:
    """(n, n) 255 on the subject, frame by frame."""
    clip, body = problem.frames.clip, problem.body
    state = State(body.skeleton, motion)
    for t in range(clip.frame_count):
        mask = np.array(clip.mask[t])
        drawn = body.render(body.skin.at(state, t).vertices, problem.camera, clip.crops[t]).mask
        # What is hidden or out of view stays so: a body alone would find something everywhere.
        if _overlap(drawn, mask > 0) >= FITS:
            mask = _cut(clip, t, drawn, cutter)
        yield mask


def _cut(clip: SubjectClip, frame: int, drawn: NDArray[np.bool_], cutter: Cutter) -> NDArray[np.uint8]:
    hint = body_hint(drawn)
    if clip.hidden is not None:
        # What stands in front is no part of it, wherever the body may be.
        hint = np.where(clip.hidden[frame] > 127, np.minimum(hint, 0.0), hint)
    odds = cutter.logit(np.array(clip.color[frame]), hint) + BODY_WEIGHT * hint
    to_frame = None if clip.to_frame is None else clip.to_frame[frame]
    subject = to_border(odds > 0, inside_image(clip.crops[frame], clip.width, clip.height, to_frame))
    return np.where(parts_touching(subject, drawn), 255, 0).astype(np.uint8)


def body_hint(drawn: NDArray[np.bool_]) -> NDArray[np.float32]:
    """(n, n) from -1 (surely not the subject) to 1 (surely is): the drawn body (n, n), unsure at its outline,
    more so outside it, for a limb may be bent otherwise."""
    inside = cv2.distanceTransform(drawn.astype(np.uint8), cv2.DIST_L2, 3) / (SURE_INSIDE * len(drawn))
    outside = cv2.distanceTransform((~drawn).astype(np.uint8), cv2.DIST_L2, 3) / (SURE_OUTSIDE * len(drawn))
    return np.where(drawn, np.minimum(inside, 1.0), -np.minimum(outside, 1.0)).astype(np.float32)


def _overlap(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> float:
    """Intersection over union; 1 where both are empty."""
    union = int((first | second).sum())
    return float((first & second).sum()) / union if union else 1.0
