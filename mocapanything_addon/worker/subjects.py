# SPDX-License-Identifier: GPL-3.0-or-later
"""The creatures of a video for the user to pick from: figures for the report, and a picture of each."""

from __future__ import annotations

from PIL import Image

from ..jobs.files import make_folder, replacing_file
from ..jobs.folder import JobFolder
from .report import Subject
from .subject.clip import FoundSubject


def write_subjects(found: FoundSubject, job: JobFolder) -> list[Subject]:
    """Write a picture of each creature that may be meant into the job folder.

    Args:
        found: The subject, and what else it may have been.
        job: Where to.

    Returns:
        The candidates, likeliest first.
    """
    if not found.candidates:
        return []
    make_folder(job.subjects_folder)
    subjects = []
    for number, (candidate, picture) in enumerate(zip(found.candidates, found.pictures, strict=True), 1):
        path = job.subjects_folder / f"{number}.png"
        with replacing_file(path) as temporary:
            Image.fromarray(picture).save(temporary)
        subjects.append(
            Subject(
                motion=candidate.motion,
                likeness=candidate.likeness,
                picture=path.relative_to(job.path).as_posix(),
            )
        )
    return subjects
