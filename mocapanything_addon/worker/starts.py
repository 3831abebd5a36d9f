# SPDX-License-Identifier: GPL-3.0-or-later
"""The starts of a capture for the user to pick from: figures for the report, and a picture of each."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from ..fit.elevation import camera_elevation
from ..fit.hypothesis import Hypothesis
from ..fit.problem import Problem
from ..fit.start_choice import distinct_starts
from ..fit.start_picture import start_picture
from ..jobs.files import make_folder, replacing_file
from ..jobs.folder import JobFolder
from .report import Start


def write_starts(problem: Problem, ranked: Sequence[Hypothesis], job: JobFolder) -> list[Start]:
    """Write a picture of each distinct start into the job folder.

    Args:
        problem: In whose world the hypotheses are.
        ranked: All hypotheses of the search, best first.
        job: Where to.

    Returns:
        The starts, best first.
    """
    make_folder(job.starts_folder)
    starts = []
    for hypothesis in distinct_starts(ranked):
        path = job.starts_folder / f"{hypothesis.start}.png"
        with replacing_file(path) as temporary:
            Image.fromarray(start_picture(problem, hypothesis)).save(temporary)
        degrees = np.degrees(hypothesis.heading)
        starts.append(
            Start(
                heading_degrees=float((degrees + 180.0) % 360.0 - 180.0),
                camera_elevation_degrees=float(np.degrees(camera_elevation(problem) + hypothesis.elevation)),
                probability=hypothesis.probability,
                overlap=hypothesis.overlap,
                frame=hypothesis.frame,
                pose=hypothesis.start_pose.name,
                picture=path.relative_to(job.path).as_posix(),
            )
        )
    return starts
