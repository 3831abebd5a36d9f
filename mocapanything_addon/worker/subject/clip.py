# SPDX-License-Identifier: GPL-3.0-or-later
"""From a video file to the subject, cut out, frame by frame."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from ...fit.clip import SubjectClip
from ...fit.crop import Crop
from ...jobs.errors import BadInputError
from ...jobs.settings import CaptureSettings
from ...models.cutter import Cutter, load_cutter
from ...models.device import Device
from ...models.manifest import weights_folder
from .. import video
from ..video_frame import VideoFrame, VideoInfo
from .camera_motion import CameraPath
from .candidates import (
    Candidate,
    Judge,
    candidate_picture,
    likeliest_first,
    moving_candidates,
)
from .consensus import overrule_odd_masks
from .find_again import find_again, seen_labels
from .follow import (
    Hint,
    MaskStart,
    MovingHint,
    as_hint,
    begin,
    cut_out,
    follow_masks,
    parts_touching,
    together,
    trusted,
    what_stands_out,
)
from .frame_store import FrameStore, OddsStore, Scratch
from .given_mask import GivenMasks, mask_of
from .in_front import with_what_is_in_front
from .likelihood import Evidence, subject_likelihood
from .mask_video import MaskVideo
from .parts import LEAST_AREA, LEAST_POINTED
from .pointed import LabelledMotion, no_motion, pointed_at, starts_there
from .scene_plane import scene_plane
from .shots import ShotDetector, longest_shot, shot_around
from .track import follow_subject
from .window import (
    Homography,
    borders_touched,
    box_of,
    boxes_in_plane,
    cut_hint,
    cut_window,
    follow_boxes,
    inside_image,
)

ANALYSIS_AREA = 288 * 288
"""Pixels of a frame, at most, when the subject is looked for."""

FOUND_SHARE = 0.6
"""Share of the work done once the subject is found in the small frames."""

SHOWN = np.float32(0.9)
"""Hint where the subject was cut out already, when it was looked for."""

RIM = 0.02
"""Distance from the image's border at which a mask is taken to reach it, share of the window."""

SWOLLEN = 2.0
"""Times the mask of the frame before: what has grown so much in one frame holds background."""

SURELY = np.float32(4.0)
"""Log odds of what was the subject a frame ago."""

RARELY = 0.5
"""Share of the frames below which it is said that the subject is seldom in view."""

NOT_TOLD_BY_MOTION = {
    Evidence.FOLLOWED: "The camera runs along with the subject, so that the background could not be told by "
    "its motion; what stands out was taken for the subject. Check the mask, or click on the subject.",
    Evidence.PLACE: "Nothing moves against the background; what stands out was taken for the subject. "
    "Check the mask, or click on the subject.",
}

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, eq=False)
class FoundSubject:
    """The subject of a video."""

    clip: SubjectClip
    warnings: list[str]
    """What the user should know."""
    candidates: list[Candidate]
    """All creatures that it may have been, likeliest first; none where the user has said which."""
    pictures: list[NDArray[np.uint8]]
    """(h, w, 3) of each, in the frame where it stands clearest."""
    cutter: Cutter | None = None
    """What cut it out; None where masks were given."""


def make_clip(
    path: str | Path,
    settings: CaptureSettings,
    folder: Path,
    progress: Progress,
    *,
    device: Device | None = None,
    judge: Judge | None = None,
    preview: Path | None = None,
    size: int = 256,
) -> FoundSubject:
    """Find the subject of a video and cut it out.

    The mask is the one given in the settings; else the video's own alpha; else the mask network, or the
    segmenter named in the settings, cuts out what moves against the background, or what stands out where
    nothing does; where the user points at the subject, with clicks or else with a box, that one. The video
    is read twice, frame by frame; what is kept of it lies in files, so that memory does not grow with its
    length. If the film is cut, the longest shot is used, or the one in which the user points at the subject.

    Args:
        path: Video file, animation or folder of images.
        settings: Range, mask, segmenter, weights, clicks, box and choice of the subject are used.
        folder: An existing folder for the clip's arrays (memory maps, as long-lived as the clip) and for
            temporary files.
        progress: Called with (stage, done, total): "decode", then "subject".
        device: What the mask network runs on; None: the CPU.
        judge: Tells which of several moving creatures looks like the character; None: the largest is taken.
        preview: Also draw what was cut out over the video, as this .mp4.
        size: Pixels a side of the square windows.

    Raises:
        BadInputError: As ``video.frames``; ``mask_...`` for an unusable mask; ``segmenter_...`` for an
            unusable segmenter; ``subject_missing`` if there is nothing to cut out; ``click_outside`` and
            ``click_hits_nothing``.
    """
    warnings: list[str] = []
    path = Path(path)
    # Before the reading that would be lost for its sake.
    weights = weights_folder(settings.weights)
    cutter = None if settings.mask else load_cutter(settings.segmenter, device or Device("cpu"), weights)
    with Scratch(folder) as scratch:
        survey = _survey(path, settings, scratch, progress, warnings)
        masks: _FoundMasks | _ReadMasks
        candidates: list[Candidate] = []
        pictures: list[NDArray[np.uint8]] = []
        if cutter is None or survey.has_masks:
            masks, boxes = _ReadMasks(settings.mask, survey.info), np.array(survey.boxes)
        else:
            masks, boxes, candidates = _find(survey, cutter, scratch, progress, settings, judge, warnings)
            pictures = [candidate_picture(survey.frames[c.frame], c) for c in candidates]
        seen = np.isfinite(boxes[:, 0]).mean()
        if seen == 0:
            raise BadInputError(
                "The mask is empty." if survey.has_masks else "No subject was found in the video.",
                "Give a mask with white where the subject is."
                if survey.has_masks
                else "Click on the subject, or give a mask with white where it is.",
                code="subject_missing",
            )
        if seen < RARELY:
            is_pointed = settings.pointed_moment is not None and not survey.has_masks
            more = " Where it was lost, click on it in more moments." if is_pointed else ""
            warnings.append(f"The subject is in view in only {seen:.0%} of the frames.{more}")
        frames = _shot_frames(path, settings, survey)
        with MaskVideo(preview, survey.info) if preview is not None else nullcontext() as drawn:
            clip = _cut_out(frames, survey, masks, boxes, folder, size, drawn, progress)
        count = clip.frame_count
        clip = with_what_is_in_front(clip, folder, lambda: progress("subject", count, count))
        found = FoundSubject(clip, warnings, candidates, pictures)
        return found if survey.has_masks else replace(found, cutter=cutter)


def _cut_out(
    frames: Iterator[VideoFrame],
    survey: _Survey,
    masks: _FoundMasks | _ReadMasks,
    boxes: NDArray[np.float64],
    folder: Path,
    size: int,
    drawn: MaskVideo | None,
    progress: Progress,
) -> SubjectClip:
    """The second reading: windows and masks to disk. Leaves no file behind if it fails."""
    info, count = survey.info, len(survey.times)
    begun = 0.0 if survey.has_masks else FOUND_SHARE
    if survey.plane is not None:
        boxes = boxes_in_plane(boxes, survey.plane)
    crops = follow_boxes(boxes, info.frame_rate, info.width, info.height, size)
    cut_off = np.zeros((count, 4), bool)
    colors = FrameStore(folder / "color.bin", (size, size, 3))
    cut = FrameStore(folder / "mask.bin", (size, size))
    try:
        with colors, cut:
            for index, frame in enumerate(frames):
                to_frame = None if survey.plane is None else survey.plane[index]
                color, mask = masks.cut(index, frame, crops[index], to_frame)
                colors.append(color)
                cut.append(mask)
                cut_off[index] = borders_touched(mask, crops[index], info.width, info.height, to_frame)
                if drawn is not None:
                    drawn.add(frame.rgb, mask, crops[index], to_frame, cut_off[index])
                progress("subject", round(begun * count + (1.0 - begun) * (index + 1)), count)
            return SubjectClip(
                times=np.array(survey.times) - survey.times[0],
                frame_rate=info.frame_rate,
                width=info.width,
                height=info.height,
                crops=crops,
                color=colors.as_array(),
                mask=cut.as_array(),
                cut_off=cut_off,
                to_frame=survey.plane,
            )
    except BaseException:
        colors.path.unlink(missing_ok=True)
        cut.path.unlink(missing_ok=True)
        raise


@dataclass
class _Survey:
    """What the first reading of the video found; after it, only the chosen shot."""

    info: VideoInfo
    frames: FrameStore
    camera: CameraPath
    times: list[float] = field(default_factory=list)
    boxes: list[tuple[float, float, float, float]] = field(default_factory=list)
    """Of given masks, source pixels."""
    shot_starts: list[int] = field(default_factory=lambda: [0])
    has_masks: bool = False
    first: int = 0
    """Number of frames read before the shot."""
    plane: NDArray[np.float64] | None = None
    """(T, 3, 3) from the scene's pixels to each frame's; None where the camera stands still."""


def _survey(
    path: Path, settings: CaptureSettings, scratch: Scratch, progress: Progress, warnings: list[str]
) -> _Survey:
    """Read the video once: small frames to disk, camera motion, cuts, boxes of given masks."""
    info = video.probe(path)
    given = GivenMasks(settings.mask, info.frame_rate) if settings.mask else None
    scale = min(1.0, (ANALYSIS_AREA / (info.width * info.height)) ** 0.5)
    width, height = max(16, round(info.width * scale)), max(16, round(info.height * scale))
    survey = _Survey(info, scratch.store("frames", (height, width, 3)), CameraPath())
    survey.has_masks = given is not None or info.has_alpha
    start, end = settings.start_seconds or 0.0, settings.end_seconds
    expected = max(1, round(((end if end is not None else info.duration) - start) * info.frame_rate))
    shots = ShotDetector()
    ended = False
    for frame in video.frames(path, settings.start_seconds, end, warn=warnings.append):
        mask = _given_mask(given, frame) if survey.has_masks else None
        if given is not None and mask is None:
            ended = True
            break
        small = np.asarray(cv2.resize(frame.rgb, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
        is_cut = shots.is_cut(small)
        if is_cut:
            survey.shot_starts.append(len(survey.times))
        if mask is not None:
            left, top, right, bottom = box_of(mask > 0)
            factor = info.width / frame.rgb.shape[1]
            survey.boxes.append((factor * left, factor * top, factor * right, factor * bottom))
        else:
            survey.frames.append(small)
        survey.camera.add(small, is_cut)
        survey.times.append(frame.time)
        done = len(survey.times)
        progress("decode", done, max(expected, done))
    if ended:
        if not survey.times:
            raise BadInputError(
                "The mask covers none of the chosen frames.",
                "Give one mask a frame.",
                code="mask_too_short",
            )
        warnings.append(f"The mask ends after {survey.times[-1]:.2f} s; the capture ends with it.")
    _keep_one_shot(survey, settings, scratch, warnings)
    if survey.camera.is_reliable:
        to_frame = np.array(survey.camera.to_frame)
        survey.plane = scene_plane(to_frame, width, height, info.width / width)
    else:
        warnings.append(
            "The camera moves, and the background shows too little to tell how: the character travels as the "
            "subject does in the image, not in the scene."
        )
    return survey


def _given_mask(given: GivenMasks | None, frame: VideoFrame) -> NDArray[np.uint8] | None:
    """(H, W) of the frame: from the given masks, else its alpha."""
    return given.mask_for(frame) if given is not None else mask_of(frame, frame.rgb.shape)


def _keep_one_shot(survey: _Survey, settings: CaptureSettings, scratch: Scratch, warnings: list[str]) -> None:
    """The shot in which the user points at the subject, else the longest."""
    if len(survey.shot_starts) == 1:
        return
    moment = None if survey.has_masks else settings.pointed_moment
    if moment is None:
        first, count = longest_shot(survey.shot_starts, len(survey.times))
        which, hint = "the longest", "Choose a range for another"
    else:
        at = int(np.argmin(np.abs(np.array(survey.times) - moment)))
        first, count = shot_around(at, survey.shot_starts, len(survey.times))
        which, hint = "the one you point at", "Point at the subject in another, or choose a range"
    shot = slice(first, first + count)
    survey.first = first
    survey.times = survey.times[shot]
    survey.boxes = survey.boxes[shot]
    survey.camera.keep(first, count)
    if not survey.has_masks:
        kept = scratch.store("shot", survey.frames.shape)
        for index in range(first, first + count):
            kept.append(survey.frames[index])
        survey.frames = kept
    warnings.append(
        f"The video has {len(survey.shot_starts)} shots; {which}, {survey.times[0]:.2f} to "
        f"{survey.times[-1]:.2f} s, is used. {hint}."
    )


def _shot_frames(path: Path, settings: CaptureSettings, survey: _Survey) -> Iterator[VideoFrame]:
    """The second reading: the same frames again. What was warned about is not said twice."""
    stream = video.frames(path, settings.start_seconds, settings.end_seconds)
    for number, frame in enumerate(stream):
        if number >= survey.first + len(survey.times):
            return
        if number >= survey.first:
            yield frame


def _find(
    survey: _Survey,
    cutter: Cutter,
    scratch: Scratch,
    progress: Progress,
    settings: CaptureSettings,
    judge: Judge | None,
    warnings: list[str],
) -> tuple[_FoundMasks, NDArray[np.float64], list[Candidate]]:
    """Look for the subject in the small frames. Also its boxes (T, 4) in source pixels, and all that it may
    have been."""
    count = len(survey.times)

    def tick(low: float, high: float) -> Callable[[float], None]:
        def told(share: float) -> None:
            progress("subject", round(count * FOUND_SHARE * (low + (high - low) * share)), count)

        return told

    to_frame = np.array(survey.camera.to_frame)
    evidence, likelihood = subject_likelihood(survey.frames, to_frame, scratch, tick(0.0, 0.5))
    if evidence is Evidence.FOLLOWED:
        survey.plane = None  # no background was recognised as standing still
    frames, times, info = survey.frames, np.array(survey.times), survey.info
    factor = info.width / frames.shape[1]
    pointed = pointed_at(settings, frames, times, (info.width, info.height), likelihood, cutter)
    candidates: list[Candidate] = []
    if pointed:
        if evidence is Evidence.FOLLOWED:
            warnings.append(
                "The camera runs along with the subject: the character travels as the subject does in the "
                "image, not in the scene."
            )
        starts = starts_there(pointed, frames, likelihood, cutter, scratch, tick(0.5, 0.7))
    elif likelihood is not None and (moving := moving_candidates(frames, likelihood, cutter, tick(0.5, 0.6))):
        candidates = moving if judge is None else _judged(survey, moving, judge, tick(0.6, 0.6))
        chosen = _chosen(candidates, settings.subject_choice, warnings)
        seeds = [(chosen.frame, chosen.labels)]
        labels = follow_subject(frames, likelihood, scratch, tick(0.6, 0.7), seeds)
        motion = LabelledMotion(likelihood, labels, is_alone=len(candidates) == 1)
        starts = [_seen_start(frames, chosen.frame, chosen.masks[0], motion, cutter)]
    else:
        if likelihood is not None:
            evidence, likelihood = Evidence.PLACE, None
        warnings.append(NOT_TOLD_BY_MOTION[evidence])
        starts = [_start(frames, *what_stands_out(frames, cutter, tick(0.5, 0.6)), no_motion, cutter)]
    odds = follow_masks(frames, starts, cutter, scratch, tick(0.7, 0.88))
    if likelihood is not None and len(starts) == 1:
        again = find_again(frames, odds, starts[0].index, likelihood, cutter, tick(0.88, 0.9))
        if again:
            seeds = [(index, seen_labels(mask, likelihood.parts(index))) for index, mask in again]
            labels = follow_subject(frames, likelihood, scratch, tick(0.9, 0.92), seeds)
            motion = LabelledMotion(likelihood, labels, is_alone=len(candidates) == 1)
            starts += [_seen_start(frames, index, mask, motion, cutter) for index, mask in again]
            odds = follow_masks(frames, starts, cutter, scratch, tick(0.92, 0.94))
    if likelihood is not None and not pointed:  # the user's word for one frame is no odd one
        overrule_odd_masks(odds, likelihood, tick(0.94, 1.0))
    masks = _FoundMasks(survey.info, odds, cutter, LEAST_POINTED if pointed else LEAST_AREA)
    boxes = np.full((count, 4), np.nan)
    for index in range(count):
        if masks.is_seen(index):
            boxes[index] = np.multiply(box_of(odds[index] > 0), factor)
    return masks, boxes, candidates


def _seen_start(
    frames: FrameStore, index: int, mask: NDArray[np.bool_], motion: MovingHint, cutter: Cutter
) -> MaskStart:
    """Where the subject was cut out already, when it was looked for."""
    shown = np.where(mask, SHOWN, np.float32(0.0))
    moving = motion(index, shown)
    hint = np.maximum(shown, moving)
    # It is whole already: what stands out around it is something else.
    odds = together(trusted(cut_out(frames[index], hint, cutter), hint), hint, moving)
    return MaskStart(index, odds, motion)


def _start(frames: FrameStore, index: int, hint: Hint, motion: MovingHint, cutter: Cutter) -> MaskStart:
    return MaskStart(index, begin(frames[index], hint, motion(index, hint), cutter), motion)


def _judged(
    survey: _Survey, candidates: list[Candidate], judge: Judge, tick: Callable[[float], None]
) -> list[Candidate]:
    times, rate = np.array(survey.times), survey.info.frame_rate
    return likeliest_first(candidates, lambda c: judge(c.clip(survey.frames, times, rate), lambda: tick(0.0)))


def _chosen(candidates: list[Candidate], choice: int, warnings: list[str]) -> Candidate:
    """The candidate that the user wants.

    Raises:
        BadInputError: ``no_such_subject``, there are not so many.
    """
    count = len(candidates)
    if choice > count:
        moves = "only 1 creature moves" if count == 1 else f"only {count} creatures move"
        raise BadInputError(
            f"There is no subject {choice}: in this video {moves}.",
            "Choose 1." if count == 1 else f"Choose 1 to {count}, or click on the one that is meant.",
            code="no_such_subject",
        )
    if count > 1 and choice == 1:
        which = "the largest" if candidates[0].likeness is None else "the one most like the character"
        warnings.append(
            f"{count} creatures move in the video; {which} was taken. If another is meant, choose subject 2"
            f"{'' if count == 2 else f' to {count}'}: pictures of them are in the job folder, subjects."
        )
    return candidates[choice - 1]


@dataclass(eq=False)
class _FoundMasks:
    """Masks cut from the final windows, hinted by those of the small frames."""

    info: VideoInfo
    odds: OddsStore
    cutter: Cutter
    least: float
    """Share of the image below which there is no subject."""
    _before: tuple[NDArray[np.uint8], Crop] | None = field(default=None, init=False)
    """The mask of the last frame that showed the subject, and its window."""

    def is_seen(self, index: int) -> bool:
        subject = self.odds[index] > 0
        return bool(subject.sum() > self.least * subject.size)

    def cut(
        self, index: int, frame: VideoFrame, crop: Crop, to_frame: Homography | None
    ) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        color = cut_window(frame.rgb, crop, self.info.width, to_frame)
        if not self.is_seen(index):
            return color, np.zeros((crop.size, crop.size), np.uint8)
        hint = cut_hint(as_hint(self.odds[index]), crop, self.info.width, to_frame)
        inside = inside_image(crop, self.info.width, self.info.height, to_frame)
        mask = self._unswollen(self._hinted(color, hint, inside), color, crop, inside)
        shown = np.where(mask, 255, 0).astype(np.uint8)
        if mask.any():
            self._before = shown, crop
        return color, shown

    def _unswollen(
        self, mask: NDArray[np.bool_], color: NDArray[np.uint8], crop: Crop, inside: NDArray[np.bool_]
    ) -> NDArray[np.bool_]:
        """The mask, cut out anew from that of the frame before where it has suddenly swollen: motion that was
        told wrongly may hint at the whole meadow."""
        if self._before is None:
            return mask
        shown, window = self._before
        earlier = cv2.warpAffine(shown, window.affine_to(crop), mask.shape) > 0
        if not earlier.any() or mask.sum() <= SWOLLEN * earlier.sum():
            return mask
        again = self._hinted(color, as_hint(np.where(earlier, SURELY, -SURELY)), inside)
        return again if again.any() and again.sum() < mask.sum() else mask

    def _hinted(
        self, color: NDArray[np.uint8], hint: NDArray[np.float32], inside: NDArray[np.bool_]
    ) -> NDArray[np.bool_]:
        subject = to_border(trusted(self.cutter.logit(color, hint), hint) > 0, inside)
        return parts_touching(subject, hint > 0)


def to_border(subject: NDArray[np.bool_], inside: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The mask within the image; where it comes near the image's border it goes on to it. The network stops a
    little before, for beyond is nothing."""
    width = 2 * round(RIM * len(inside)) + 1
    kernel = np.ones((width, width), np.uint8)
    within = cv2.erode(inside.astype(np.uint8), kernel, borderType=cv2.BORDER_CONSTANT, borderValue=(1.0,))
    near = cv2.dilate((subject & inside).astype(np.uint8), kernel)
    return np.asarray(inside & (subject | ((within == 0) & (near > 0))))


class _ReadMasks:
    """Masks that were given, or are the video's alpha."""

    def __init__(self, mask: str | None, info: VideoInfo) -> None:
        self._given = GivenMasks(mask, info.frame_rate) if mask else None
        self._info = info

    def cut(
        self, index: int, frame: VideoFrame, crop: Crop, to_frame: Homography | None
    ) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        mask = _given_mask(self._given, frame)
        color = cut_window(frame.rgb, crop, self._info.width, to_frame)
        if mask is None:
            return color, np.zeros((crop.size, crop.size), np.uint8)
        window = cut_window(mask, crop, self._info.width, to_frame)
        window = np.where(window > 127, 255, 0).astype(np.uint8)
        window[~inside_image(crop, self._info.width, self._info.height, to_frame)] = 0
        return color, window
