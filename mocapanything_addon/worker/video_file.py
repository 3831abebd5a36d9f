# SPDX-License-Identifier: GPL-3.0-or-later
"""A video file, decoded by FFmpeg (PyAV) as a stream."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.reformatter import Interpolation
from numpy.typing import NDArray

from ..jobs.errors import BadInputError
from .video_frame import VideoFrame, VideoInfo, has_transparency, no_frames, working_size
from .video_time import FrameClock

FALLBACK_FRAME_RATE = 24.0
"""Frames per second of a file that does not say."""

MIN_DECODED = 5
"""Frames a broken file must yield to be used."""

SEEK_FROM = 2.0
"""Seconds before which decoding from the beginning is as quick as looking for a key frame."""

_ALPHA_DECODERS = {"vp8": "libvpx", "vp9": "libvpx-vp9"}
"""FFmpeg's own VP8 and VP9 decoders drop alpha; these keep it."""

_NO_VIDEO_DEMUXERS = {"tty", "lrc"}
"""Demuxers that make pictures out of text files."""


class FileSource:
    """A video file. Each call opens it anew, so that nothing is held between calls."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def probe(self) -> VideoInfo:
        with self._open() as container:
            stream = self._video_stream(container)
            frame = next(_decode(container, stream, []), None)
            if frame is None:
                raise no_frames(self._path.name)
            image = _to_array(frame, frame.width, frame.height) if _alpha_format(frame) else None
            width, height = _shown_size(frame, stream, _orientation(frame))
            rate = _frame_rate(stream)
            count = int(stream.frames or 0)
            seconds = _header_duration(container, stream)
            if not count:
                count = round(seconds * rate) if seconds else self._count_packets()
            return VideoInfo(
                width=width,
                height=height,
                frame_rate=rate,
                duration=seconds or count / rate,
                frame_count=max(count, 1),
                has_alpha=image is not None and has_transparency(image[:, :, 3]),
            )

    def frames(
        self, start_seconds: float, end_seconds: float | None, max_side: int, warn: Callable[[str], None]
    ) -> Iterator[VideoFrame]:
        with self._open() as container:
            stream = self._video_stream(container)
            rate = _frame_rate(stream)
            seeked = self._seek(container, stream, start_seconds)
            clock = FrameClock(rate, float(stream.start_time * stream.time_base) if seeked else None)
            problems: list[str] = []
            decoded = 0
            time = -1.0
            orientation = None
            for frame in _decode(container, stream, problems):
                time = clock.time(None if frame.pts is None else float(frame.pts * stream.time_base))
                index = round(time * rate) if seeked else decoded
                decoded += 1
                if time < start_seconds - 1e-6:
                    continue
                if end_seconds is not None and time > end_seconds + 1e-6:
                    break
                # Asked of one frame only: a frame that was asked for its side data refers to itself through
                # it, and with its picture, 3 MB in full HD, stays until Python looks for such rings.
                orientation = _orientation(frame) if orientation is None else orientation
                yield _video_frame(frame, stream, orientation, index, time, max_side)
            else:
                self._check_end(container, stream, decoded, time, seeked, problems, warn)
            if clock.repaired:
                warn(
                    f"{clock.repaired} frames of {self._path.name} had no or disordered times, now repaired."
                )

    def _check_end(
        self,
        container: Any,
        stream: Any,
        decoded: int,
        last_time: float,
        seeked: bool,
        problems: list[str],
        warn: Callable[[str], None],
    ) -> None:
        """Warn or raise if the file ended before its headers say it would."""
        if decoded == 0 and not seeked:
            raise no_frames(self._path.name)
        rate = _frame_rate(stream)
        expected = _header_duration(container, stream)
        missing = expected - (last_time + 1.0 / rate)
        short = missing > max(0.5, 0.05 * expected)
        if not (short or problems):
            return
        if decoded < MIN_DECODED and not seeked:
            raise BadInputError(
                f"The video {self._path.name} is damaged: only {decoded} frames of it can be decoded.",
                "Copy or export it again.",
                code="video_truncated",
            )
        if short:
            warn(f"The video {self._path.name} ends after {last_time:.2f} s of {expected:.2f} s.")
        if problems:
            warn(f"{len(problems)} parts of {self._path.name} are damaged and were left out ({problems[0]}).")

    def _open(self) -> Any:
        try:
            # "file:" keeps FFmpeg from reading a colon in the name as a protocol, the whitelist keeps a
            # playlist from reaching for the network.
            container = av.open(f"file:{self._path}", options={"protocol_whitelist": "file"})
        except PermissionError as error:
            raise BadInputError(
                f"The video {self._path} may not be read.",
                "Check its file permissions.",
                code="video_unreadable",
            ) from error
        except (av.FFmpegError, OSError, ValueError) as error:
            raise self._not_a_video() from error
        if container.format.name in _NO_VIDEO_DEMUXERS:
            container.close()
            raise self._not_a_video()
        return container

    def _not_a_video(self) -> BadInputError:
        return BadInputError(
            f"The file {self._path} is not a video, or its beginning or index is damaged.",
            "Play it in a video player; if that fails too, copy or export it again.",
            code="video_unreadable",
        )

    def _video_stream(self, container: Any) -> Any:
        pictures = [s for s in container.streams.video if not s.disposition & s.disposition.attached_pic]
        if not pictures:
            raise BadInputError(
                f"The file {self._path.name} has no moving picture, only sound or other data.",
                "Choose a video.",
                code="video_no_picture",
            )
        stream = pictures[0]
        if stream.codec_context is None:
            raise BadInputError(
                f"The video {self._path.name} uses a format that cannot be decoded here.",
                "Export it as MP4 (H.264).",
                code="video_unreadable",
            )
        return stream

    def _seek(self, container: Any, stream: Any, start_seconds: float) -> bool:
        """Jump to the key frame before the start. False where the file has no start time or cannot seek."""
        if start_seconds < SEEK_FROM or stream.start_time is None:
            return False
        # A margin of half a second: some containers land a frame behind what was asked for.
        target = stream.start_time + int(max(start_seconds - 0.5, 0.0) / stream.time_base)
        try:
            container.seek(target, stream=stream, backward=True)
        except av.FFmpegError:
            return False
        return True

    def _count_packets(self) -> int:
        with self._open() as container:
            stream = self._video_stream(container)
            try:
                return sum(packet.size > 0 for packet in container.demux(stream))
            except av.FFmpegError:
                return 0


def _decode(container: Any, stream: Any, problems: list[str]) -> Iterator[Any]:
    """Decode packet by packet, so that a damaged one costs its frames and no more."""
    decoder = stream.codec_context
    if stream.metadata.get("alpha_mode") == "1" and decoder.name in _ALPHA_DECODERS:
        substitute = av.CodecContext.create(_ALPHA_DECODERS[decoder.name], "r")
        substitute.extradata = decoder.extradata
        decoder = substitute
    elif decoder.width * decoder.height <= 4096 * 2304:
        decoder.thread_type = "AUTO"  # one thread for the largest: every thread holds frames of its own
    for packet in _packets(container, stream, problems):
        try:
            yield from decoder.decode(packet)
        except av.FFmpegError as error:
            problems.append(str(error.strerror or error))


def _packets(container: Any, stream: Any, problems: list[str]) -> Iterator[Any]:
    """The stream's packets, then None, which has the decoder hand out what it still holds."""
    try:
        for packet in container.demux(stream):
            if packet.size:
                yield packet
    except av.FFmpegError as error:
        problems.append(str(error.strerror or error))
    yield None


def _video_frame(
    frame: Any, stream: Any, orientation: NDArray[np.int64], index: int, time: float, max_side: int
) -> VideoFrame:
    shown = _shown_size(frame, stream, orientation)
    width, height = working_size(*shown, max_side)
    if orientation[0, 0] == 0:
        width, height = height, width  # the decoder's reformatter scales before the picture is turned
    image = _turn(_to_array(frame, width, height), orientation)
    if image.shape[2] == 4:
        alpha = np.ascontiguousarray(image[:, :, 3])
        return VideoFrame(index, time, np.ascontiguousarray(image[:, :, :3]), alpha)
    return VideoFrame(index, time, image, None)


def _to_array(frame: Any, width: int, height: int) -> NDArray[np.uint8]:
    """(height, width, 3 or 4) RGB or RGBA, scaled by FFmpeg."""
    layout = "rgba" if _alpha_format(frame) else "rgb24"
    smaller = width < frame.width or height < frame.height
    interpolation = Interpolation.AREA if smaller else Interpolation.BICUBIC
    return frame.reformat(width=width, height=height, format=layout, interpolation=interpolation).to_ndarray()


def _alpha_format(frame: Any) -> bool:
    return frame.format.name == "pal8" or any(component.is_alpha for component in frame.format.components)


def _shown_size(frame: Any, stream: Any, orientation: NDArray[np.int64]) -> tuple[int, int]:
    """Width and height as a player shows them: square pixels, then turned."""
    width, height = frame.width, frame.height
    aspect = stream.sample_aspect_ratio
    if aspect and 0.1 < aspect < 10 and aspect != 1:
        width = max(1, round(width * float(aspect)))
    return (height, width) if orientation[0, 0] == 0 else (width, height)


def _orientation(frame: Any) -> NDArray[np.int64]:
    """(2, 2) of -1, 0, 1: where the display matrix takes x (right) and y (down), columns as vectors.

    FFmpeg's matrix (a b u; c d v; x y w) takes (x, y) to (a x + c y, b x + d y). Angles between the quarter
    turns are rounded to the next one.
    """
    for data in frame.side_data:
        if data.type.name == "DISPLAYMATRIX":
            a, b, _, c, d = np.frombuffer(data, np.int32)[:5].astype(float)
            if abs(a) + abs(d) >= abs(b) + abs(c):
                return np.array([[np.sign(a) or 1, 0], [0, np.sign(d) or 1]], dtype=np.int64)
            return np.array([[0, np.sign(c) or 1], [np.sign(b) or 1, 0]], dtype=np.int64)
    return np.eye(2, dtype=np.int64)


def _turn(image: NDArray[np.uint8], orientation: NDArray[np.int64]) -> NDArray[np.uint8]:
    if orientation[0, 0] == 0:
        image = image.transpose(1, 0, 2)
    if orientation[0].sum() < 0:
        image = image[:, ::-1]
    if orientation[1].sum() < 0:
        image = image[::-1]
    return np.ascontiguousarray(image)


def _frame_rate(stream: Any) -> float:
    for rate in (stream.average_rate, stream.guessed_rate, stream.base_rate):
        if rate and 0.1 <= float(rate) <= 1000.0:
            return float(rate)
    return FALLBACK_FRAME_RATE


def _header_duration(container: Any, stream: Any) -> float:
    """Seconds the headers promise, 0 where they do not."""
    if stream.duration:
        return float(stream.duration * stream.time_base)
    return container.duration / av.time_base if container.duration else 0.0
