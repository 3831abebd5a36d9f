# SPDX-License-Identifier: GPL-3.0-or-later
"""What one capture is fitted to: a body, a clip seen by a camera, and what to expect of the pose."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from ..ik.camera import Camera
from .body import Body
from .clip import SubjectClip
from .critic import Critic
from .evidence.correspondence import Correspondences
from .evidence.flow import FlowField
from .expected_pose import ExpectedPose
from .frames import Frames

Progress = Callable[[str, int, int], None]
"""Called as progress(stage, done, total) at least once a second; raises when the user cancelled."""
USUAL_ELEVATION, USUAL_ELEVATION_SIGMA = np.radians(5.0), np.radians(8.0)
"""Radians that cameras at large look down."""
UPRIGHT_SIGMA = 0.12
"""Radians that a body leans, usually."""


@dataclass(frozen=True, eq=False)
class Problem:
    """Everything that stays the same while the pose is searched."""

    body: Body
    frames: Frames
    flow: FlowField
    camera: Camera
    expected: ExpectedPose
    correspondences: Sequence[Correspondences] = ()
    camera_known: bool = True
    """Else the camera is a guess: it may look down by any angle."""
    focal_known: bool = True
    """Else its focal length is a guess too."""
    masks_given: bool = True
    """Else the product has cut the subject out itself: outlines are not right to a pixel."""
    elevation: tuple[float, float] = (USUAL_ELEVATION, USUAL_ELEVATION_SIGMA)
    """Mean and standard deviation of how far an unknown camera looks down, radians."""
    upright_sigma: float = UPRIGHT_SIGMA
    """Radians that the body may lean; wide where the camera's tilt is unknown."""
    critic: Critic | None = None
    """Tells poses apart that look alike in outline; None where no network takes part."""
    samples: int = 250
    """Visible surface points a frame."""
    outline_samples: int = 100
    """Outline points a frame, each way."""
    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(0))

    @property
    def pixel(self) -> NDArray[np.float64]:
        """(T,) the fit's unit of length in source pixels."""
        return self.frames.pixel

    def seconds(self, first: int, second: int) -> float:
        """Time from one frame to another, never zero."""
        times = self.frames.clip.times
        return max(abs(float(times[second] - times[first])), 1e-3)

    def with_expected(self, expected: ExpectedPose) -> Problem:
        """The same with another expected pose."""
        return replace(self, expected=expected)

    def with_clip(self, clip: SubjectClip) -> Problem:
        """The same where the subject was cut out otherwise."""
        frames = Frames(clip)
        return replace(self, frames=frames, flow=FlowField(frames))
