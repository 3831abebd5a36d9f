# SPDX-License-Identifier: GPL-3.0-or-later
"""The real worker with a real film: the dog's own rig is captured, a person's is refused."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import cv2
import jsonschema
import pytest

from mocapanything_addon.jobs.client import start_worker
from mocapanything_addon.jobs.errors import NOT_ALIKE, CaptureError
from mocapanything_addon.jobs.folder import JobFolder
from mocapanything_addon.jobs.request import Request
from mocapanything_addon.jobs.settings import CaptureSettings, Quality
from samples.cast import SAMPLES

REPOSITORY = Path(__file__).resolve().parents[2]
SCHEMA = json.loads((REPOSITORY / "docs" / "report.schema.json").read_text(encoding="utf-8"))

pytestmark = pytest.mark.worker


def strict_job(folder: Path, sample: str) -> JobFolder:
    """The film of the dog for a sample's rig, to be refused where that is no dog's."""
    settings = CaptureSettings(
        quality=Quality.FAST, end_seconds=0.6, use_networks=False, refuse_unlike=True, fov_degrees=40.0
    )
    video = REPOSITORY / "samples" / "content" / "quadruped.mp4"
    rig = next(s for s in SAMPLES if s.name == sample).creature().rig
    return JobFolder.create(folder, Request(video=video, settings=settings), rig)


def test_its_own_rig_is_captured(tmp_path: Path) -> None:
    job = strict_job(tmp_path / "job", "quadruped")
    start_worker(job, Path(sys.executable)).wait()
    verdict = job.load_report()["verdict"]
    assert verdict["looks_alike"] is True  # type: ignore[index]
    assert verdict["refused"] is False  # type: ignore[index]
    assert job.solution_path.is_file()


def test_a_persons_rig_is_refused_and_the_picture_stays(tmp_path: Path) -> None:
    job = strict_job(tmp_path / "job", "biped")
    with pytest.raises(CaptureError) as caught:
        start_worker(job, Path(sys.executable)).wait()
    assert caught.value.code == NOT_ALIKE
    assert caught.value.exit_code == 3
    assert caught.value.message.startswith("This does not look like your character (probability 0.")
    assert str(job.path) in caught.value.hint
    report = job.load_report()
    jsonschema.validate(report, SCHEMA)
    verdict = report["verdict"]
    assert verdict["refused"] is True  # type: ignore[index]
    assert caught.value.message in report["warnings"]  # type: ignore[operator]
    picture = cv2.imread(str(job.path / verdict["picture"]))  # type: ignore[index]
    assert picture is not None
    assert not job.solution_path.exists()
    assert not [path for path in job.path.iterdir() if path.name.startswith((".", "frames-"))]
