# SPDX-License-Identifier: GPL-3.0-or-later
"""The report of a capture: ``report.json``, described in docs/report.md."""

from __future__ import annotations

import datetime
import platform
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..jobs.errors import NOT_ALIKE, CaptureError
from ..jobs.request import Request
from ..jobs.requirements import DISTRIBUTIONS
from ..jobs.rig import Rig
from ..jobs.solution import Solution
from ..jobs.views import ReferenceViews

SCHEMA_VERSION = 1
NOT_CAPTURED = (
    "camera",
    "confidence",
    "ik_residual_cm",
    "limit_violations",
    "contacts",
    "stride_seconds",
    "outline_overlap",
    "hidden_share",
    "start_score",
    "residual_plot",
    "device",
)
"""What a report says of the motion: null where the capture was refused."""
_MANIFEST = Path(__file__).resolve().parents[1] / "blender_manifest.toml"


@dataclass(frozen=True)
class Network:
    """One network that took part."""

    name: str
    """Its room in ``models/``, e.g. ``correspondence``."""
    weights: str
    """The weights file and the hash of its content."""


@dataclass(frozen=True)
class Subject:
    """One of the creatures that may be meant."""

    motion: float
    """How much of it moves, share of what moves most."""
    likeness: float | None
    """Natural logarithm of the odds that it is built like the character; None where there was nothing to
    choose."""
    picture: str
    """Relative to the job folder."""


@dataclass(frozen=True)
class Start:
    """One of the distinct starts that a capture can begin with."""

    heading_degrees: float
    """About the world's up from the rest pose, counter-clockwise seen from above; -180 to 180."""
    camera_elevation_degrees: float
    """How far the camera looks down if this start is right."""
    probability: float
    """That its heading is right, 0 to 1."""
    overlap: float
    """Of the outlines in its frame, 0 to 1."""
    frame: int
    """Of the captured ones, from 0."""
    pose: str
    """Name of the pose that it was searched from."""
    picture: str
    """Relative to the job folder."""


@dataclass(frozen=True)
class Likeness:
    """Whether the subject looks like the character."""

    probability: float
    """That it is built like it, 0 to 1."""
    looks_alike: bool
    picture: str
    """Of both, relative to the job folder."""
    refused: bool = False
    """The capture was ended for it."""


@dataclass(frozen=True)
class Footage:
    """What was read of the video."""

    width: int
    height: int
    frame_rate: float
    """Nominal, of the video."""
    frames: int
    """Captured, or that would have been."""
    duration_seconds: float
    """From the first of them to the last."""

    @classmethod
    def of(cls, solution: Solution) -> Footage:
        """From what was captured of it."""
        width, height = (int(side) for side in solution.image_size)
        times = solution.times
        return cls(width, height, solution.source_frame_rate, len(times), float(times[-1] - times[0]))


class RefusedError(CaptureError):
    """The subject does not look like the character, and the settings say to end then.

    Args:
        message: As for every error.
        hint: As for every error.
        footage: What was read of the video.
        likeness: Why.
        starts: The distinct starts that were found, best first.
        subjects: What may be meant, likeliest first.
        mask_video: What was cut out, relative to the job folder.
    """

    def __init__(
        self,
        message: str,
        hint: str,
        *,
        footage: Footage,
        likeness: Likeness,
        starts: Sequence[Start],
        subjects: Sequence[Subject] = (),
        mask_video: str | None = None,
    ) -> None:
        super().__init__(message, hint, code=NOT_ALIKE)
        self.footage = footage
        self.likeness = likeness
        self.starts = starts
        self.subjects = subjects
        self.mask_video = mask_video


@dataclass(frozen=True, eq=False)
class Measurements:
    """What the pipeline knows about its own result. T frames, J joints."""

    ik_residual: NDArray[np.floating]
    """(T, J) distance between each joint and the place the evidence gave it, armature units."""
    limit_violations: int
    """Rotations (frames x joints) outside their joint's limits or locks in what is returned."""
    outline_overlap: NDArray[np.floating]
    """(T,) intersection over union of the posed mesh and the subject mask; NaN in frames without a mask."""
    hidden_share: NDArray[np.floating]
    """(T,) share of the subject that something in front hides; NaN where that is not known."""
    start_score: float
    """How well the pose the search began with explained its frame, 0 to 1."""
    subjects: Sequence[Subject] = ()
    """The creatures that may be meant, likeliest first; none where the user has said which."""
    starts: Sequence[Start] = ()
    """The distinct starts that were found, best first."""
    likeness: Likeness | None = None
    """Whether the subject looks like the character; None in a clip without any subject."""
    mask_video: str | None = None
    """The video with the outline of what was cut out, relative to the job folder."""
    residual_plot: str | None = None
    """Picture of the residuals over time, relative to the job folder; None where none could be drawn."""
    contacts: int = 0
    """Runs of frames in which a planted joint was held still."""
    stride_seconds: float | None = None
    """After how long the body does the same again; None where it does not."""
    networks: Sequence[Network] = ()
    device: str = "cpu"
    """What the networks ran on."""


def build_report(
    request: Request,
    rig: Rig,
    views: ReferenceViews | None,
    solution: Solution,
    measurements: Measurements,
    seconds: Mapping[str, float],
    warnings: Sequence[str],
) -> dict[str, object]:
    """Everything worth knowing about a capture, as JSON values.

    Args:
        request: What was asked.
        rig: For whom.
        views: The reference views; None: there were none.
        solution: What came out.
        measurements: How good it is.
        seconds: Stage -> seconds it took.
        warnings: In the user's words.
    """
    residual_cm = np.asarray(measurements.ik_residual, float) / rig.size * 100.0
    frame_confidence = solution.confidence.astype(float).mean(axis=1)
    return {
        **_asked(request, rig, views, Footage.of(solution), seconds, warnings),
        "camera": {
            "rotation": [[_number(value) for value in row] for row in solution.camera_rotation],
            "translation": [_number(value) for value in solution.camera_translation],
            "focal": _number(solution.camera_focal),
        },
        "confidence": {
            "mean": _number(frame_confidence.mean()),
            "lowest_frame": _number(frame_confidence.min()),
        },
        "ik_residual_cm": {
            "mean": _number(residual_cm.mean()),
            "percentile_95": _number(np.percentile(residual_cm, 95)),
            "largest": _number(residual_cm.max()),
        },
        "limit_violations": int(measurements.limit_violations),
        "contacts": measurements.contacts,
        "stride_seconds": None
        if measurements.stride_seconds is None
        else _number(measurements.stride_seconds),
        "outline_overlap": _overlap(np.asarray(measurements.outline_overlap, float)),
        "hidden_share": [_share(value) for value in measurements.hidden_share],
        "start_score": _number(measurements.start_score),
        "subjects": [_values(subject) for subject in measurements.subjects],
        "starts": [_values(start) for start in measurements.starts],
        "verdict": None if measurements.likeness is None else _values(measurements.likeness),
        "mask_video": measurements.mask_video,
        "residual_plot": measurements.residual_plot,
        "networks": [{"name": network.name, "weights": network.weights} for network in measurements.networks],
        "device": measurements.device,
    }


def build_refusal(
    request: Request,
    rig: Rig,
    views: ReferenceViews | None,
    refused: RefusedError,
    seconds: Mapping[str, float],
    warnings: Sequence[str],
) -> dict[str, object]:
    """The report of a capture that was refused: nothing of the motion, all about why; see build_report."""
    return {
        **_asked(request, rig, views, refused.footage, seconds, warnings),
        **dict.fromkeys(NOT_CAPTURED),
        "subjects": [_values(subject) for subject in refused.subjects],
        "starts": [_values(start) for start in refused.starts],
        "verdict": _values(refused.likeness),
        "mask_video": refused.mask_video,
        "networks": [],
    }


def _asked(
    request: Request,
    rig: Rig,
    views: ReferenceViews | None,
    footage: Footage,
    seconds: Mapping[str, float],
    warnings: Sequence[str],
) -> dict[str, object]:
    """What every report says, whatever came out."""
    return {
        "schema_version": SCHEMA_VERSION,
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "versions": _versions(request),
        "video": {
            "path": str(request.video),
            "width": footage.width,
            "height": footage.height,
            "frame_rate": _number(footage.frame_rate),
        },
        "rig": {
            "name": rig.name,
            "joints": rig.joint_count,
            "vertices": len(rig.vertices),
            "content_hash": rig.content_hash(),
        },
        "settings": request.settings.to_dict(),
        "frames": footage.frames,
        "duration_seconds": _number(footage.duration_seconds),
        "seconds": {stage: round(value, 3) for stage, value in seconds.items()},
        "total_seconds": round(sum(seconds.values()), 3),
        "reference_views": None if views is None else {"engine": views.engine, "count": len(views.views)},
        "warnings": list(warnings),
    }


def _versions(request: Request) -> dict[str, str]:
    """Of everything that could make the same capture come out differently."""
    with _MANIFEST.open("rb") as stream:
        versions = {"mocapanything": str(tomllib.load(stream)["version"])}
    versions["blender"] = request.blender_version
    versions["python"] = platform.python_version()
    for distribution in DISTRIBUTIONS.values():
        try:
            versions[distribution] = metadata.version(distribution)
        except metadata.PackageNotFoundError:  # installed by other means than pip
            versions[distribution] = "unknown"
    return versions


def _values(figures: Subject | Start | Likeness) -> dict[str, object]:
    return {
        key: _number(value) if isinstance(value, float) else value for key, value in asdict(figures).items()
    }


def _overlap(frames: NDArray[np.float64]) -> dict[str, float | None] | None:
    """None where no frame had a mask to compare with."""
    seen = frames[np.isfinite(frames)]
    return {"mean": _number(seen.mean()), "lowest_frame": _number(seen.min())} if len(seen) else None


def _share(value: float) -> float | None:
    """To a thousandth: there is one for every frame."""
    return round(float(value), 3) if np.isfinite(value) else None


def _number(value: float) -> float | None:
    """A finite number to six digits; JSON has no other kind."""
    return float(f"{float(value):.6g}") if np.isfinite(value) else None
