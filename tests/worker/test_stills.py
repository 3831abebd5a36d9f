# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures of a video to point at: which, of what size, and through the worker's process."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from video_files import number_of, numbered, write_video

from mocapanything_addon.api import StillsRun
from mocapanything_addon.jobs.errors import BadInputError, CaptureError
from mocapanything_addon.jobs.settings import CaptureSettings
from mocapanything_addon.jobs.stills import Stills
from mocapanything_addon.jobs.worker_python import PYTHON_VARIABLE
from mocapanything_addon.worker import stills


def write(path: Path, folder: Path, start: float | None = None, end: float | None = None) -> Stills:
    folder.mkdir()
    return stills.write_stills(path, folder, start, end, lambda stage, done, total: None)


def numbers(found: Stills) -> list[int]:
    pictures = (Image.open(found.path(n)) for n in range(len(found.stills)))
    return [number_of(np.asarray(picture)) for picture in pictures]


def test_all_of_a_short_video(tmp_path: Path) -> None:
    found = write(write_video(tmp_path / "a.mp4", numbered(6)), tmp_path / "stills")
    assert (found.width, found.height) == (64, 48)
    assert [still.time for still in found.stills] == pytest.approx(np.arange(6) / 24)
    assert numbers(found) == list(range(6))
    found.save()
    assert Stills.load(found.folder) == found


@pytest.mark.parametrize("read_through", [600, 0])
def test_a_part_and_not_too_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, read_through: int) -> None:
    monkeypatch.setattr(stills, "MOST", 5)
    monkeypatch.setattr(stills, "READ_THROUGH", read_through)
    path = write_video(tmp_path / "a.mp4", numbered(20))
    found = write(path, tmp_path / "stills", 4 / 24, 15 / 24)
    times = [still.time for still in found.stills]
    assert 4 <= len(times) <= 5
    assert times[0] == pytest.approx(4 / 24, abs=1e-3)
    assert times[-1] <= 15 / 24 + 1e-3
    assert times == sorted(times)
    assert numbers(found) == [round(t * 24) for t in times]


def test_a_turned_video_stands_upright(tmp_path: Path) -> None:
    found = write(write_video(tmp_path / "a.mp4", numbered(3), rotation=90), tmp_path / "stills")
    assert (found.width, found.height) == (48, 64)
    assert Image.open(found.path(0)).size == (48, 64)


def test_a_damaged_list_is_told(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match="cannot be read") as error:
        Stills.load(tmp_path)
    assert error.value.code == "stills_damaged"


def wait(run: StillsRun) -> Stills:
    deadline = time.monotonic() + 60.0
    while (found := run.poll()) is None:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return found


@pytest.mark.worker
@pytest.mark.bpy
def test_through_the_worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PYTHON_VARIABLE, sys.executable)
    path = write_video(tmp_path / "ä clip.mp4", numbered(8))
    run = StillsRun(path, CaptureSettings(start_seconds=2 / 24))
    found = wait(run)
    assert numbers(found) == [2, 3, 4, 5, 6, 7]
    run.close()
    assert not found.folder.exists()


@pytest.mark.worker
@pytest.mark.bpy
def test_what_is_no_video_is_told_by_the_worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PYTHON_VARIABLE, sys.executable)
    path = tmp_path / "a.mp4"
    path.write_bytes(b"no video at all" * 50)
    run = StillsRun(path, CaptureSettings())
    with pytest.raises(BadInputError, match="is not a video"):
        wait(run)
    run.close()
