# SPDX-License-Identifier: GPL-3.0-or-later
"""The report: to its schema, and with the right figures in it."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import jsonschema
import numpy as np
import pytest

from mocapanything_addon.ik.camera import Camera
from mocapanything_addon.jobs.request import Request
from mocapanything_addon.jobs.rig import Rig
from mocapanything_addon.jobs.solution import Solution
from mocapanything_addon.jobs.views import ReferenceView, ReferenceViews
from mocapanything_addon.worker.report import (
    NOT_CAPTURED,
    Footage,
    Likeness,
    Measurements,
    Network,
    RefusedError,
    Start,
    build_refusal,
    build_report,
)

DOCS = Path(__file__).resolve().parents[2] / "docs"
SCHEMA = json.loads((DOCS / "report.schema.json").read_text(encoding="utf-8"))


@pytest.fixture
def measurements() -> Measurements:
    residual = np.zeros((5, 3))
    residual[2, 1] = 0.5
    return Measurements(
        ik_residual=residual,
        limit_violations=3,
        outline_overlap=np.array([0.9, np.nan, 0.7, 0.8, 0.8]),
        hidden_share=np.array([0.0, np.nan, 0.33333, 1.0, 0.0]),
        start_score=0.75,
        starts=[
            Start(-66.5, 5.0, 0.9, 0.85, 2, "rest", "starts/1.png"),
            Start(113.5, float("nan"), 0.1, 0.8, 4, "limbs ahead", "starts/2.png"),
        ],
        likeness=Likeness(0.93, True, "starts/1.png"),
        mask_video="mask.mp4",
        residual_plot="residuals.png",
        networks=[Network("decoder", "decoder.safetensors 0123")],
        device="cuda",
    )


def report_of(
    rig: Rig, solution: Solution, measurements: Measurements, views: ReferenceViews | None = None
) -> dict[str, object]:
    request = Request(video=Path("/videos/ä.mp4"), blender_version="4.5.15")
    seconds = {"decode": 1.23456, "track": 2.0}
    report = build_report(request, rig, views, solution, measurements, seconds, ["careful"])
    report = json.loads(json.dumps(report, allow_nan=False))
    jsonschema.validate(report, SCHEMA, format_checker=jsonschema.FormatChecker())
    return report


def test_figures(arm_rig: Rig, arm_solution: Solution, measurements: Measurements) -> None:
    """The rig is two metres high, so half a metre is 25 cm of the 1 m cube."""
    camera = Camera.from_fov(40.0, 64, 64, np.eye(3), np.zeros(3))
    views = ReferenceViews((ReferenceView(Path("a.png"), camera),) * 4, "BLENDER_WORKBENCH")
    report = report_of(arm_rig, arm_solution, measurements, views)
    assert report["ik_residual_cm"] == {
        "mean": pytest.approx(25.0 / 15, rel=1e-5),
        "percentile_95": pytest.approx(float(np.percentile([0.0] * 14 + [25.0], 95)), rel=1e-5),
        "largest": 25.0,
    }
    assert report["outline_overlap"] == {"mean": 0.8, "lowest_frame": 0.7}
    assert report["hidden_share"] == [0.0, None, 0.333, 1.0, 0.0]
    confidence = arm_solution.confidence
    assert report["confidence"] == {
        "mean": pytest.approx(float(confidence.mean()), rel=1e-5),
        "lowest_frame": pytest.approx(float(confidence[0].mean()), rel=1e-5),
    }
    assert report["seconds"] == {"decode": 1.235, "track": 2.0}
    assert report["total_seconds"] == 3.235
    assert report["frames"] == 5
    assert report["camera"] == {
        "rotation": arm_solution.camera_rotation.tolist(),
        "translation": arm_solution.camera_translation.tolist(),
        "focal": arm_solution.camera_focal,
    }
    assert report["duration_seconds"] == pytest.approx(0.16)
    assert report["limit_violations"] == 3
    assert report["reference_views"] == {"engine": "BLENDER_WORKBENCH", "count": 4}
    assert report["networks"] == [{"name": "decoder", "weights": "decoder.safetensors 0123"}]
    assert report["starts"] == [
        {
            "heading_degrees": -66.5,
            "camera_elevation_degrees": 5.0,
            "probability": 0.9,
            "overlap": 0.85,
            "frame": 2,
            "pose": "rest",
            "picture": "starts/1.png",
        },
        {
            "heading_degrees": 113.5,
            "camera_elevation_degrees": None,
            "probability": 0.1,
            "overlap": 0.8,
            "frame": 4,
            "pose": "limbs ahead",
            "picture": "starts/2.png",
        },
    ]
    assert report["verdict"] == {
        "probability": 0.93,
        "looks_alike": True,
        "picture": "starts/1.png",
        "refused": False,
    }
    assert report["mask_video"] == "mask.mp4"
    assert report["residual_plot"] == "residuals.png"
    assert report["warnings"] == ["careful"]
    assert report["versions"]["blender"] == "4.5.15"  # type: ignore[index]
    assert report["versions"]["numpy"] == np.__version__  # type: ignore[index]


def test_what_was_not_measured_is_null(
    arm_rig: Rig, arm_solution: Solution, measurements: Measurements
) -> None:
    blind = replace(measurements, outline_overlap=np.full(5, np.nan), start_score=float("nan"), networks=())
    blind = replace(blind, starts=(), likeness=None, residual_plot=None)
    report = report_of(arm_rig, arm_solution, blind)
    assert report["outline_overlap"] is None
    assert report["start_score"] is None
    assert report["reference_views"] is None
    assert report["networks"] == []
    assert report["residual_plot"] is None
    assert report["verdict"] is None


def test_a_refusal_says_why_and_nothing_of_a_motion(arm_rig: Rig, measurements: Measurements) -> None:
    refused = RefusedError(
        "No.",
        "",
        footage=Footage(640, 360, 25.0, 30, 1.16),
        likeness=Likeness(0.07, False, "starts/1.png", refused=True),
        starts=measurements.starts,
        mask_video="mask.mp4",
    )
    request = Request(video=Path("/videos/ä.mp4"))
    report = build_refusal(request, arm_rig, None, refused, {"decode": 1.0}, ["No."])
    report = json.loads(json.dumps(report, allow_nan=False))
    jsonschema.validate(report, SCHEMA, format_checker=jsonschema.FormatChecker())
    assert all(report[name] is None for name in NOT_CAPTURED)
    assert report["frames"] == 30
    assert len(report["starts"]) == 2
    assert report["mask_video"] == "mask.mp4"
    assert report["verdict"]["probability"] == 0.07
    for name in ("camera", "confidence", "device"):
        with pytest.raises(jsonschema.ValidationError):
            pretended = {**report, "verdict": {**report["verdict"], "refused": False}, name: None}
            jsonschema.validate(pretended, SCHEMA)


def test_document_names_every_key() -> None:
    text = (DOCS / "report.md").read_text(encoding="utf-8")
    of_report, of_subject, _, of_start, of_verdict = re.split(
        "## The (?:subjects|mask|starts|verdict)\n", text
    )

    def rows(part: str) -> set[str]:
        return {line.split("`")[1] for line in part.splitlines() if line.startswith("| `")}

    assert rows(of_report) == set(SCHEMA["properties"])
    assert rows(of_subject) == set(SCHEMA["properties"]["subjects"]["items"]["properties"])
    assert rows(of_start) == set(SCHEMA["properties"]["starts"]["items"]["properties"])
    assert rows(of_verdict) == set(SCHEMA["properties"]["verdict"]["anyOf"][1]["properties"])
