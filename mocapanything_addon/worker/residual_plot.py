# SPDX-License-Identifier: GPL-3.0-or-later
"""How well the capture fits the video over time, as a picture: where was it lost, was it seen at all?"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..jobs.files import replacing_file

if TYPE_CHECKING:
    from matplotlib.axes import Axes

log = logging.getLogger(__name__)

SIZE_INCHES, DOTS_PER_INCH = (8.0, 6.0), 100
LINE = "#1f5fa8"
UNSEEN, CUT_OFF, HIDDEN = "#b0b0b0", "#f6c76b", "#c9a3d6"


@dataclass(frozen=True, eq=False)
class FrameFigures:
    """What is plotted. T frames."""

    times: NDArray[np.float64]
    """(T,) seconds from the first captured frame."""
    overlap: NDArray[np.floating]
    """(T,) of the outlines, 0 to 1."""
    residual: NDArray[np.floating]
    """(T,) mean over the joints, as a share of the body's size."""
    confidence: NDArray[np.floating]
    """(T,) mean over the joints, 0 to 1."""
    has_subject: NDArray[np.bool_]
    """(T,) the subject is seen; elsewhere overlap and residual are not drawn."""
    is_cut_off: NDArray[np.bool_]
    """(T,) it is cut off by the image border."""
    is_hidden: NDArray[np.bool_]
    """(T,) something stands in front of part of it."""


def try_write_plot(path: Path, figures: FrameFigures) -> bool:
    """Write the plot as a PNG; whether that went well. It is not worth a capture: why it failed is logged."""
    try:
        write_plot(path, figures)
    except Exception:  # a plotting library missing, of another version, or without fonts
        log.warning("No plot of the residuals could be drawn; the capture goes on.", exc_info=True)
        return False
    return True


def write_plot(path: Path, figures: FrameFigures) -> None:
    """Outline overlap, mean residual and mean confidence over time, one above the other."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=SIZE_INCHES, dpi=DOTS_PER_INCH, layout="constrained")
    FigureCanvasAgg(figure)
    above, middle, below = figure.subplots(3, 1, sharex=True)
    seen = figures.has_subject
    _draw(above, figures, np.where(seen, figures.overlap, np.nan), "outline overlap\n(0 to 1)", top=1.0)
    _draw(
        middle, figures, 100.0 * np.where(seen, figures.residual, np.nan), "mean joint residual\n(% of size)"
    )
    _draw(below, figures, figures.confidence, "mean confidence\n(0 to 1)", top=1.0)
    below.set_xlabel("time from the first captured frame (seconds)")
    if above.get_legend_handles_labels()[1]:
        figure.legend(*above.get_legend_handles_labels(), loc="outside upper right", ncols=2, frameon=False)
    with replacing_file(path) as temporary:
        figure.savefig(temporary)


def _draw(
    axes: Axes, figures: FrameFigures, values: NDArray[np.float64], label: str, *, top: float | None = None
) -> None:
    times = figures.times
    for is_shaded, color, words in (
        (~figures.has_subject, UNSEEN, "subject not seen"),
        (figures.is_cut_off, CUT_OFF, "subject cut off by the image border"),
        (figures.is_hidden, HIDDEN, "something in front of the subject"),
    ):
        for number, (start, end) in enumerate(spans(times, is_shaded)):
            axes.axvspan(start, end, color=color, alpha=0.45, lw=0, label=None if number else words)
    # Points too: one frame between two gaps has no line.
    axes.plot(times, values, color=LINE, marker=".", markersize=3, linewidth=1.2)
    axes.set_ylabel(label)
    axes.set_ylim(0.0, top)
    axes.grid(alpha=0.3)
    axes.margins(x=0.01)


def spans(times: NDArray[np.float64], chosen: NDArray[np.bool_]) -> Sequence[tuple[float, float]]:
    """Start and end (seconds) of each run of chosen frames; a frame reaches half-way to its neighbours.

    Args:
        times: (T,) rising.
        chosen: (T,).
    """
    borders = np.concatenate([times[:1], 0.5 * (times[1:] + times[:-1]), times[-1:]])
    steps = np.diff(np.concatenate([[0], chosen.astype(int), [0]]))
    starts, ends = np.flatnonzero(steps > 0), np.flatnonzero(steps < 0)
    return [(float(borders[a]), float(borders[b])) for a, b in zip(starts, ends, strict=True)]
