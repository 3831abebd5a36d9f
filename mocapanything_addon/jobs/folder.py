# SPDX-License-Identifier: GPL-3.0-or-later
"""A job as a folder: what is asked, and later what was answered."""

from __future__ import annotations

import contextlib
import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from .errors import BadInputError, CaptureError
from .files import new_folder
from .request import Request
from .rig import Rig
from .solution import Solution
from .views import ReferenceViews


@dataclass(frozen=True)
class JobFolder:
    """The files of one capture.

    Blender writes the request, the rig and the views; the worker adds the rest, each under its final name
    only when it is complete.
    """

    path: Path

    @property
    def request_path(self) -> Path:
        return self.path / "request.json"

    @property
    def rig_path(self) -> Path:
        return self.path / "rig.npz"

    @property
    def views_folder(self) -> Path:
        return self.path / "views"

    @property
    def solution_path(self) -> Path:
        return self.path / "solution.npz"

    @property
    def report_path(self) -> Path:
        return self.path / "report.json"

    @property
    def overlay_path(self) -> Path:
        return self.path / "overlay.mp4"

    @property
    def mask_video_path(self) -> Path:
        """The video with the outline of what was cut out of it."""
        return self.path / "mask.mp4"

    @property
    def subjects_folder(self) -> Path:
        """Pictures of the creatures that may be meant, 1.png the likeliest."""
        return self.path / "subjects"

    @property
    def starts_folder(self) -> Path:
        """Pictures of the distinct starts, 1.png the best."""
        return self.path / "starts"

    @property
    def residual_plot_path(self) -> Path:
        return self.path / "residuals.png"

    @property
    def log_path(self) -> Path:
        return self.path / "log.txt"

    @classmethod
    def create(cls, path: Path, request: Request, rig: Rig, views: Path | None = None) -> JobFolder:
        """Make the folder, all of it or nothing.

        Args:
            path: Where; must not exist, or be empty.
            request: What to do.
            rig: For whom.
            views: A folder with reference views, which is copied; None: there are none.

        Raises:
            BadInputError: ``folder_exists``, or the place cannot be written to.
            CaptureError: ``disk_full``.
        """
        try:
            with new_folder(path) as temporary:
                job = cls(temporary)
                job.request_path.write_text(request.to_json(), encoding="utf-8")
                rig.save(job.rig_path)
                if views is not None:
                    shutil.copytree(views, job.views_folder)
        except FileExistsError as error:
            raise BadInputError(
                f"{path} exists already and holds something.",
                "Name a new or an empty folder.",
                code="folder_exists",
            ) from error
        return cls(path)

    def load_request(self) -> Request:
        """Raises CaptureError for a missing or damaged request, or one of another version."""
        try:
            text = self.request_path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise CaptureError(
                f"{self.path} is no job folder: its request.json cannot be read.", code="request_missing"
            ) from error
        return Request.from_json(text)

    def load_rig(self) -> Rig:
        """Raises CaptureError for a missing or damaged rig, or one of another version."""
        try:
            return Rig.load(self.rig_path)
        except (OSError, ValueError, KeyError, EOFError) as error:
            raise CaptureError(f"{self.rig_path} cannot be read: {error}.", code="rig_damaged") from error

    def load_views(self) -> ReferenceViews | None:
        """The reference views, None where the job has none. Raises CaptureError where they are damaged."""
        return ReferenceViews.load(self.views_folder) if self.views_folder.is_dir() else None

    def load_solution(self) -> Solution:
        """Raises CaptureError where the worker left none that can be read."""
        try:
            return Solution.load(self.solution_path)
        except (OSError, ValueError, KeyError, EOFError) as error:
            raise CaptureError(
                f"{self.solution_path} cannot be read: {error}.", code="solution_damaged"
            ) from error

    def load_report(self) -> dict[str, object]:
        """Raises CaptureError where the worker left none that can be read."""
        try:
            return json.loads(self.report_path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise CaptureError(
                f"{self.report_path} cannot be read: {error}.", code="report_damaged"
            ) from error

    def remove(self, *, keep_log: bool = False) -> None:
        """Delete the folder, except the log where that is wanted, as far as the system lets us."""
        if not keep_log:
            shutil.rmtree(self.path, ignore_errors=True)
            return
        with contextlib.suppress(OSError):
            for entry in self.path.iterdir():
                if entry.is_dir():
                    shutil.rmtree(entry, ignore_errors=True)
                elif entry != self.log_path:
                    entry.unlink()
