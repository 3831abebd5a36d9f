# SPDX-License-Identifier: GPL-3.0-or-later
"""A segmenter from an ONNX file: which pixels of a picture stand out.

Run by ONNX Runtime, not by OpenCV's own reader of ONNX, which refuses what half of these networks are made of
(weights at half precision, quantised layers).
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Self

import cv2
import numpy as np
from numpy.typing import NDArray

from ..jobs.errors import BadInputError
from ..jobs.requirements import install_command
from .segmenter_format import SegmenterFormat, format_file, read_format

if TYPE_CHECKING:
    import onnxruntime

ANY_SIZE = 512
"""Pixels a side of the picture for networks that take any size."""

LARGEST_LOGIT = 8.0
"""Log odds of what a segmenter is certain of."""

PROVIDERS = ("CUDAExecutionProvider", "CPUExecutionProvider")
"""What may run it, best first; of those that the installed ONNX Runtime has."""

INPUT_TYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16}
BEYOND = 0.01
"""How far a probability may leave the range from 0 to 1 by rounding."""

LEAST_SIDE = 8
"""Pixels of a mask; what is smaller are scores of something else."""

NO_MODEL = ("InvalidProtobuf", "InvalidArgument", "NoModel")
"""What the runtime raises for a file that holds something else."""

PICK = "Name an ONNX model of a salient object segmenter, such as U-2-Net, IS-Net or BiRefNet."


class OnnxSegmenter:
    """Foreground of RGB pictures by a model that the user names."""

    def __init__(
        self,
        session: onnxruntime.InferenceSession,
        path: Path,
        wanted: SegmenterFormat,
        size: tuple[int, int],
    ) -> None:
        """See :meth:`load`."""
        self._session = session
        self._path = path
        self._format = wanted
        self._size = size
        self._output = wanted.output or session.get_outputs()[0].name
        self._input = session.get_inputs()[0].name
        self._type = INPUT_TYPES[session.get_inputs()[0].type]
        self._is_logit = wanted.kind == "logit"

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a model, and see that it is one that can be used.

        Args:
            path: The ``.onnx`` file: one input (1, 3, H, W); the output, the first or the one named beside
                it, is a mask (1, 1, H, W).

        Raises:
            BadInputError: ``segmenter_missing``; ``segmenter_runtime``, ONNX Runtime is not installed;
                ``segmenter_damaged``, no ONNX model; ``segmenter_unsupported``, one that ONNX Runtime cannot
                run; ``segmenter_shape``, one that takes or gives something else; ``segmenter_format``.
        """
        if not path.is_file():
            raise BadInputError(f"There is no segmenter at {path}.", PICK, code="segmenter_missing")
        wanted = read_format(path)
        session = _session(path)
        size = _checked_size(session, path, wanted)
        outputs = [output.name for output in session.get_outputs()]
        if wanted.output is not None and wanted.output not in outputs:
            raise BadInputError(
                f"The segmenter {path} has no output {wanted.output}, which {format_file(path)} names.",
                f"It has: {', '.join(outputs)}.",
                code="segmenter_format",
            )
        return cls(session, path, wanted, size)

    def logit(self, rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(H, W) log odds of what stands out in a picture (H, W, 3).

        Raises:
            BadInputError: ``segmenter_shape`` or ``segmenter_unsupported``: what only running it shows.
        """
        height, width = self._size
        shrinks = height < rgb.shape[0]
        picture = cv2.resize(
            rgb, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        )
        mean, std = np.array(self._format.mean, np.float32), np.array(self._format.std, np.float32)
        colors = (picture.astype(np.float32) / np.float32(self._format.scale) - mean) / std
        planes = np.ascontiguousarray(colors.transpose(2, 0, 1)[None], self._type)
        try:
            (answer,) = self._session.run([self._output], {self._input: planes})
        except Exception as error:  # the runtime's exceptions have no base of their own
            raise _unsupported(self._path, error) from error
        odds = self._log_odds(np.asarray(answer, np.float32))
        return np.asarray(
            cv2.resize(odds, (rgb.shape[1], rgb.shape[0]), interpolation=cv2.INTER_LINEAR), np.float32
        )

    def _log_odds(self, answer: NDArray[np.float32]) -> NDArray[np.float32]:
        sides = answer.shape[-2:]
        if len(sides) < 2 or min(sides) < LEAST_SIDE or answer.size != sides[0] * sides[1]:
            found = f"its output {self._output} is {_words(answer.shape)}"
            raise _wrong_shape(self._path, f"{found}, not a mask of 1 x 1 x H x W")
        mask = answer.reshape(sides)
        if not np.isfinite(mask).all():
            raise BadInputError(
                f"The segmenter {self._path} gives no numbers for this video.",
                f"If its colours are scaled otherwise, say how in {format_file(self._path)}.",
                code="segmenter_shape",
            )
        if self._format.kind is None and (mask.min() < -BEYOND or mask.max() > 1.0 + BEYOND):
            self._is_logit = True  # from now on: no probability looks like that
        if not self._is_logit:
            edge = 1.0 / (1.0 + np.exp(LARGEST_LOGIT))
            share = np.clip(mask, edge, 1.0 - edge)
            mask = np.log(share / (1.0 - share))
        return np.asarray(np.clip(mask, -LARGEST_LOGIT, LARGEST_LOGIT), np.float32)


def _session(path: Path) -> onnxruntime.InferenceSession:
    try:
        import onnxruntime
    except ImportError as error:
        raise BadInputError(
            f"{sys.executable} lacks ONNX Runtime, which segmenters of your own need.",
            f"Install it: {install_command(sys.executable, ['onnxruntime'])}",
            code="segmenter_runtime",
        ) from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = os.cpu_count() or 1
    options.log_severity_level = 3  # its warnings are about how the file was made
    there = onnxruntime.get_available_providers()
    providers = [provider for provider in PROVIDERS if provider in there]
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=providers)
    except Exception as error:  # the runtime's exceptions have no base of their own
        if type(error).__name__ in NO_MODEL:
            raise BadInputError(
                f"{path} is no ONNX model, or is damaged.",
                f"{PICK} Was it downloaded whole?",
                code="segmenter_damaged",
            ) from error
        raise _unsupported(path, error) from error


def _checked_size(
    session: onnxruntime.InferenceSession, path: Path, wanted: SegmenterFormat
) -> tuple[int, int]:
    """Height and width of the picture."""
    inputs = session.get_inputs()
    if len(inputs) != 1:
        names = ", ".join(entry.name for entry in inputs)
        raise _wrong_shape(path, f"it asks for {len(inputs)} inputs ({names}), not for one picture")
    shape, kind = list(inputs[0].shape), inputs[0].type
    # A side is a number, or the name of one that is free.
    is_picture = len(shape) == 4 and all(
        not isinstance(side, int) or side == asked for side, asked in zip(shape, (1, 3), strict=False)
    )
    if kind not in INPUT_TYPES or not is_picture:
        found = f"its input is {_words(shape)} of {kind}"
        raise _wrong_shape(path, f"{found}, not a picture of 1 x 3 x H x W floats")
    sides = [side if isinstance(side, int) else None for side in shape[2:]]
    if wanted.size is not None and any(side not in (None, wanted.size) for side in sides):
        raise BadInputError(
            f"The segmenter {path} takes pictures of {_words(shape[:1:-1])} pixels only, and "
            f"{format_file(path)} says {wanted.size}.",
            "Leave the size out there.",
            code="segmenter_format",
        )
    high, wide = (side or wanted.size or ANY_SIZE for side in sides)
    return high, wide


def _wrong_shape(path: Path, what: str) -> BadInputError:
    return BadInputError(f"The segmenter {path} cannot be used: {what}.", PICK, code="segmenter_shape")


def _unsupported(path: Path, error: Exception) -> BadInputError:
    said = " ".join(str(error).split())[:300]
    return BadInputError(
        f"ONNX Runtime cannot run the segmenter {path}. It says: {said}",
        "A newer ONNX Runtime in the worker's Python may, or an export of the model with other options.",
        code="segmenter_unsupported",
    )


def _words(shape: tuple[object, ...] | list[object]) -> str:
    return " x ".join(str(side) for side in shape) or "one number"
