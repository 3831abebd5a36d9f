# SPDX-License-Identifier: GPL-3.0-or-later
"""The plot of residuals over time."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mocapanything_addon.worker.residual_plot import FrameFigures, spans, try_write_plot, write_plot


def figures(count: int = 50) -> FrameFigures:
    times = np.arange(count) / 25.0
    has_subject, is_cut_off, is_hidden = np.ones(count, bool), np.zeros(count, bool), np.zeros(count, bool)
    has_subject[count // 2 : count // 2 + 4] = False
    is_cut_off[: count // 4] = True
    is_hidden[-count // 4 :] = True
    return FrameFigures(
        times=times,
        overlap=np.where(has_subject, 0.85 + 0.05 * np.sin(3.0 * times), np.nan),
        residual=0.02 + 0.01 * np.cos(5.0 * times),
        confidence=np.linspace(0.4, 0.8, count),
        has_subject=has_subject,
        is_cut_off=is_cut_off & has_subject,
        is_hidden=is_hidden & has_subject,
    )


def test_spans_reach_half_way_to_the_neighbours() -> None:
    times = np.array([0.0, 1.0, 2.0, 4.0, 5.0])
    assert spans(times, np.array([False, True, True, False, True])) == [(0.5, 3.0), (4.5, 5.0)]
    assert spans(times, np.zeros(5, bool)) == []
    assert spans(times, np.ones(5, bool)) == [(0.0, 5.0)]
    assert spans(times[:1], np.ones(1, bool)) == [(0.0, 0.0)]


@pytest.mark.parametrize("count", [1, 2, 50])
def test_plot_is_a_picture_of_curves_and_shades(count: int, tmp_path: Path) -> None:
    write_plot(tmp_path / "residuals.png", figures(count))
    assert [p.name for p in tmp_path.iterdir()] == ["residuals.png"]
    image = np.asarray(Image.open(tmp_path / "residuals.png").convert("RGB")).astype(int)
    assert image.shape == (600, 800, 3)
    if count == 50:
        blue = image[..., 2] - image[..., 0] > 80
        yellow = image[..., 0] - image[..., 2] > 40
        violet = np.minimum(image[..., 0], image[..., 2]) - image[..., 1] > 12
        assert all(part.sum() > 100 for part in np.array_split(blue, 3))
        # Cut off in the first quarter; left of it are only labels.
        assert yellow[:, :300].sum() > 10 * yellow[250:, 400:].sum()
        assert violet[250:, 550:].sum() > 1000 and violet[250:, :500].sum() < 100


def test_no_subject_at_all(tmp_path: Path) -> None:
    nothing = np.zeros(5, bool)
    times, overlap = np.arange(5) / 5.0, np.full(5, np.nan)
    blind = FrameFigures(times, overlap, np.zeros(5), np.zeros(5), nothing, nothing, nothing)
    assert try_write_plot(tmp_path / "residuals.png", blind)


def test_without_the_library_the_capture_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    assert not try_write_plot(tmp_path / "residuals.png", figures())
    assert not list(tmp_path.iterdir())
    assert "No plot of the residuals" in caplog.text


def test_a_place_that_cannot_be_written_is_no_failure(tmp_path: Path) -> None:
    (tmp_path / "residuals.png").mkdir()
    (tmp_path / "residuals.png" / "mine").touch()
    assert not try_write_plot(tmp_path / "residuals.png", figures())
