# SPDX-License-Identifier: GPL-3.0-or-later
"""The console API. The button, the command line and scripts all come through here.

from bl_ext.user_default.mocapanything_addon.api import capture, export_bvh
result = capture(bpy.data.objects["Armature"], "/videos/walk.mp4")
export_bvh(result, "/out/walk.bvh")
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from . import places
from .jobs.bvh import write_bvh
from .jobs.cache import content_key
from .jobs.client import WorkerRun, start_worker
from .jobs.download import SegmenterDownload
from .jobs.errors import NOT_ALIKE, BadInputError, CancelledError, CaptureError, ExitCode
from .jobs.files import writing_error
from .jobs.folder import JobFolder
from .jobs.messages import Done, Failed, Message, Progress, Warned
from .jobs.request import Request
from .jobs.rig import Rig
from .jobs.segmenters import LISTED, listed_segmenter
from .jobs.settings import CaptureSettings
from .jobs.solution import Solution
from .jobs.stills import Stills, start_stills
from .jobs.views import SCHEMA_VERSION as VIEWS_VERSION
from .jobs.worker_python import find_worker_python

if TYPE_CHECKING:
    import bpy

__all__ = [
    "CaptureResult",
    "CaptureRun",
    "CaptureSettings",
    "capture",
    "export_bvh",
    "get_segmenter",
    "start_capture",
    "start_segmenter_download",
]

POLL_SECONDS = 0.05
"""How often a blocking capture looks at its worker."""


@dataclass(frozen=True, eq=False)
class CaptureResult:
    """A capture that is done."""

    action: bpy.types.Action
    """The new Action; the armature plays it."""
    frame_start: int
    frame_end: int
    """First and last scene frame of the Action."""
    report: dict[str, object]
    """See docs/report.md."""
    rig: Rig
    solution: Solution
    folder: Path
    """The job folder, with the report, the log, and the overlay where one was asked for."""
    warnings: tuple[str, ...]
    """What the user should know, in words."""

    @property
    def overlay(self) -> Path | None:
        """The video with the captured character drawn over it."""
        path = JobFolder(self.folder).overlay_path
        return path if path.is_file() else None


def capture(
    armature: bpy.types.Object | None,
    video: str | Path,
    settings: CaptureSettings | None = None,
    *,
    python: str | Path | None = None,
    output_folder: str | Path | None = None,
    overlay: bool = False,
    reference_views: bool = False,
    progress: Callable[[Message], None] | None = None,
) -> CaptureResult:
    """Capture the motion in a video onto a character, as a new Action. Blocks until it is done.

    Args:
        armature: The armature object of a skinned character.
        video: A video file, or a folder with one image per frame.
        settings: What may be chosen; None: the defaults.
        python: The Python that has PyTorch; None: see :func:`.jobs.worker_python.find_worker_python`.
        output_folder: Where the job folder shall be, new or empty; None: among the extension's own files,
            from where it goes some time after.
        overlay: Also draw the result over the video.
        reference_views: Also render the character in rest pose from all sides, into ``views`` of the job
            folder. The correspondence network (``models.networks.Networks.correspond``) can use them; the
            capture itself does not.
        progress: Called with each message about how far the capture is, and each warning.

    Returns:
        The new Action, and all that is known about it.

    Raises:
        BadInputError: The armature, the video or a setting cannot be used.
        CaptureError: The capture failed, or with ``refuse_unlike`` the subject does not look like the
            character (code ``not_alike``; report and pictures stay in the job folder). The armature, its
            Actions and the scene are as they were.
    """
    run = start_capture(
        armature,
        video,
        settings,
        python=python,
        output_folder=output_folder,
        overlay=overlay,
        reference_views=reference_views,
    )
    run.wait(progress)
    return run.apply()


def start_capture(
    armature: bpy.types.Object | None,
    video: str | Path,
    settings: CaptureSettings | None = None,
    *,
    python: str | Path | None = None,
    output_folder: str | Path | None = None,
    overlay: bool = False,
    reference_views: bool = False,
) -> CaptureRun:
    """Begin a capture that the caller keeps going with :meth:`CaptureRun.poll`; see :func:`capture`.

    Raises:
        BadInputError: What can be seen at once: no armature, no such video, mask, segmenter or folder of
            weights, no Python for the worker.
    """
    if armature is None or armature.type != "ARMATURE":
        raise BadInputError(
            "No armature is selected." if armature is None else f"'{armature.name}' is no armature.",
            "Select the armature of a rigged character.",
            code="no_armature",
        )
    settings = settings or CaptureSettings()
    video = _existing(video, "video")
    if settings.mask is not None:
        settings = replace(settings, mask=str(_existing(settings.mask, "mask")))
    if settings.segmenter is not None:
        settings = replace(settings, segmenter=str(_segmenter_path(settings.segmenter)))
    preferences = _preferences()
    if preferences is not None:
        settings = _as_preferred(settings, preferences)
    if settings.weights is not None:
        settings = replace(settings, weights=str(_weights_folder(settings.weights)))
    interpreter = find_worker_python(python, preferences.worker_python if preferences else None)
    if output_folder is None:
        folder = places.new_job_folder(keep_earlier=bool(preferences and preferences.keep_job_folders))
    else:
        folder = Path(output_folder).expanduser().absolute()
    import bpy

    request = Request(
        video=video,
        settings=settings,
        overlay=overlay,
        cache_folder=places.cache().folder,
        blender_version=bpy.app.version_string,
    )
    return CaptureRun(armature, request, interpreter, folder, reference_views=reference_views)


class StillsRun:
    """Pictures of a video on their way, for the user to point at the subject; see :meth:`poll`.

    Raises:
        BadInputError: There is no such video, or no Python for the worker.
    """

    def __init__(self, video: str | Path, settings: CaptureSettings) -> None:
        path = _existing(video, "video")
        preferences = _preferences()
        python = find_worker_python(preference=preferences.worker_python if preferences else None)
        self._folder = Path(tempfile.mkdtemp(prefix="mocapanything-"))
        try:
            self._worker = start_stills(
                path, self._folder, python, settings.start_seconds, settings.end_seconds
            )
        except BaseException:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise

    def poll(self) -> Stills | None:
        """The pictures once they are there, None until then. Raises CaptureError where there will be none."""
        for message in self._worker.poll():
            match message:
                case Failed(error):
                    raise error
                case Done():
                    return Stills.load(self._folder)
        return None

    def close(self) -> None:
        """End the work where it still goes on, and delete the pictures."""
        self._worker.close()
        shutil.rmtree(self._folder, ignore_errors=True)


def export_bvh(result: CaptureResult, path: str | Path) -> None:
    """Write a captured motion as BVH: y axis up, armature units, the video's frame rate.

    Raises:
        CaptureError: The file cannot be written.
    """
    write_bvh(Path(path).expanduser().absolute(), result.rig, result.solution)


def get_segmenter(name: str, progress: Callable[[Message], None] | None = None) -> Path:
    """Download a larger segmenter, for ``CaptureSettings(segmenter=name)``. Blocks until it is here.

    Args:
        name: One of ``jobs.segmenters.LISTED``.
        progress: Called with each message about how much of it is here, in megabytes.

    Returns:
        Its file; at once where it was here already.

    Raises:
        BadInputError: ``segmenter_unknown``; ``offline``, Blender is told not to go online.
        CaptureError: The download failed.
    """
    path = listed_segmenter(name).path(places.segmenters())
    if has_segmenter(name):
        return path
    download = start_segmenter_download(name)
    try:
        while not download.finished:
            download.wait(POLL_SECONDS)
            if progress is not None:
                progress(Progress("download", *download.megabytes))
    finally:
        download.cancel()
    if download.error is not None:
        raise download.error
    return path


def has_segmenter(name: str) -> bool:
    """Whether a larger segmenter was downloaded. Raises BadInputError ``segmenter_unknown``."""
    return listed_segmenter(name).path(places.segmenters()).is_file()


def start_segmenter_download(name: str) -> SegmenterDownload:
    """Begin to download a larger segmenter in the background; see :func:`get_segmenter`."""
    segmenter = listed_segmenter(name)
    if not _may_go_online():
        raise BadInputError(
            f"Blender may not go online to download {segmenter.label}.",
            "Allow it: Edit > Preferences > System > Network, or start Blender with --online-mode.",
            code="offline",
        )
    return SegmenterDownload(segmenter, places.segmenters())


class CaptureRun:
    """A capture under way. :meth:`poll` it until it says ``Done`` or ``Failed``, then :meth:`apply` it.

    The armature is remembered by its identity, not as a Python object, which undo would make invalid.
    """

    def __init__(
        self,
        armature: bpy.types.Object,
        request: Request,
        python: Path,
        folder: Path,
        *,
        reference_views: bool = False,
    ) -> None:
        self.finished = False
        self.error: CaptureError | None = None
        self._armature_uid = armature.session_uid
        self._armature_name = armature.name
        self._request = request
        self._python = python
        self._folder = folder
        self._wants_views = reference_views
        self._preparation: Generator[Message, None, None] | None = self._prepare()
        self._cancelled = False
        self._rig: Rig | None = None
        self._worker: WorkerRun | None = None

    @property
    def folder(self) -> Path | None:
        """The job folder, or what is left of it after a failure: the log; all of it where the subject did not
        look like the character. None where there is nothing."""
        return self._folder if self._worker is not None and self._folder.is_dir() else None

    def poll(self) -> list[Message]:
        """Do the next step and return what there is to say; the last message is ``Done`` or ``Failed``.

        Reading the rig, and rendering its views where they are wanted, block Blender for their time; the rest
        goes on in the worker.
        """
        if self.finished:
            return []
        if self._preparation is not None:
            return self._continue_preparation()
        assert self._worker is not None
        messages = self._worker.poll()
        if messages and isinstance(messages[-1], Failed):
            messages[-1] = self._fail(messages[-1].error)
        elif messages and isinstance(messages[-1], Done):
            self.finished = True
        return messages

    def wait(self, on_message: Callable[[Message], None] | None = None) -> None:
        """Block until the end. An exception of ``on_message``, or Ctrl-C, ends the capture first.

        Raises:
            CaptureError: Why there is no result.
        """
        try:
            while not self.finished:
                for message in self.poll():
                    if on_message is not None:
                        on_message(message)
                if self._worker is not None and not self.finished:
                    time.sleep(POLL_SECONDS)
        finally:
            self.close()
        if self.error is not None:
            raise self.error

    def cancel(self) -> None:
        """Ask for the end; the last message comes within two seconds. Returns at once."""
        self._cancelled = True
        if self._worker is not None:
            self._worker.cancel()

    def close(self) -> None:
        """End the capture if it still runs; blocks for two seconds at the most."""
        if not self.finished:
            if self._worker is not None:
                self._worker.close()
            self._fail(CancelledError())

    @property
    def frame_rate(self) -> float:
        """The video's nominal frames per second. Only after ``Done``."""
        return JobFolder(self._folder).load_solution().source_frame_rate

    def remove_folder(self) -> None:
        """Delete the job folder, for callers that took what they want from it."""
        JobFolder(self._folder).remove()

    def apply(self, scene: bpy.types.Scene | None = None) -> CaptureResult:
        """Write the result as a new Action. Only after ``Done``.

        Args:
            scene: Whose frame rate and first frame count; None: the current one.

        Raises:
            BadInputError: The armature is gone, or can no longer be animated.
            CaptureError: The worker's files cannot be read.
        """
        from .scene.write_action import write_action

        if not self.finished or self.error is not None or self._rig is None:
            raise RuntimeError("there is no result to apply")
        job = JobFolder(self._folder)
        solution, report = job.load_solution(), job.load_report()
        name = f"{self._request.video.stem} {self._rig.name}"
        written = write_action(self._armature(), self._rig, solution, name=name, scene=scene)
        reported = report.get("warnings")
        warnings = [str(w) for w in reported] if isinstance(reported, list) else []
        return CaptureResult(
            action=written.action,
            frame_start=written.frame_start,
            frame_end=written.frame_end,
            report=report,
            rig=self._rig,
            solution=solution,
            folder=self._folder,
            warnings=(*warnings, *written.warnings),
        )

    def _continue_preparation(self) -> list[Message]:
        assert self._preparation is not None
        try:
            if self._cancelled:
                raise CancelledError
            return [next(self._preparation)]
        except StopIteration:
            self._preparation = None
            return []
        except CaptureError as error:
            return [self._fail(error)]
        except OSError as error:
            return [self._fail(writing_error(error, Path(error.filename or self._folder)))]

    def _prepare(self) -> Generator[Message, None, None]:
        """Everything before the worker, in steps; says what it is going to do before each."""
        from .scene.read_rig import read_rig

        yield Progress("rig", 0, 1)
        rig = self._rig = read_rig(self._armature())
        with tempfile.TemporaryDirectory(prefix="mocapanything-", ignore_cleanup_errors=True) as scratch:
            views = None
            if self._wants_views:
                views = Path(scratch) / "views"
                yield from self._render_views(rig, views)
            yield Progress("worker", 0, 1)
            job = JobFolder.create(self._folder, self._request, rig, views)
        try:
            self._worker = start_worker(job, self._python)
        except BaseException:
            job.remove()
            raise

    def _render_views(self, rig: Rig, folder: Path) -> Generator[Message, None, None]:
        """Put the reference views into ``folder``, from the cache where it has them."""
        from .scene.compat import eevee_engine
        from .scene.reference_views import render_reference_views

        cache = places.cache()
        key = content_key("views", VIEWS_VERSION, self._request.blender_version, rig.content_hash())
        if cache.fetch(key, folder):
            return
        yield Progress("views", 0, 1)
        engine = render_reference_views(self._armature(), rig, folder).engine
        if engine == eevee_engine():
            cache.store(key, lambda entry: shutil.copytree(folder, entry, dirs_exist_ok=True))
        else:  # not kept, for the next try may do better
            yield Warned(
                f"The reference views were rendered with {engine}: Eevee cannot show this character here "
                "(see-through materials, or no OpenGL)."
            )

    def _armature(self) -> bpy.types.Object:
        import bpy

        for thing in bpy.data.objects:
            if thing.session_uid == self._armature_uid:
                return thing
        raise BadInputError(f"The armature '{self._armature_name}' is gone.", code="armature_gone")

    def _fail(self, error: CaptureError) -> Failed:
        """End without a result, and leave nothing but the log, where it may explain something; all of a job
        whose subject was refused, which the user may want to look at."""
        self.finished = True
        self.error = error
        if self._preparation is not None:
            self._preparation.close()
            self._preparation = None
        if self._worker is not None and error.code != NOT_ALIKE:
            job = JobFolder(self._folder)
            job.remove(keep_log=error.exit_code == ExitCode.FAILED)
        return Failed(error)


def _absolute(text: str) -> Path:
    """The path, absolute. Blender's own ``//`` means the folder of the open file."""
    if text.startswith("//"):
        import bpy

        text = bpy.path.abspath(text)
    return Path(text).expanduser().absolute()


def _existing(path: str | Path, what: str) -> Path:
    """The path, absolute."""
    text = str(path)
    absolute = _absolute(text)
    if not text or not absolute.exists():
        raise BadInputError(
            f"There is no {what} at {absolute}." if text else f"No {what} is named.",
            f"Choose another {what}.",
            code=f"{what}_missing",
        )
    return absolute


def _as_preferred(settings: CaptureSettings, preferences: bpy.types.AddonPreferences) -> CaptureSettings:
    """The settings, with what they leave open from the preferences."""
    return replace(
        settings,
        weights=settings.weights or preferences.weights_folder or None,
        device=settings.device or preferences.device,
    )


def _weights_folder(named: str) -> Path:
    """A folder with weights, absolute."""
    path = _absolute(named)
    if not path.is_dir():
        raise BadInputError(
            f"There is no folder of weights at {path}.",
            "Name the folder with the weights.json that training has exported, or none for those that ship.",
            code="weights_missing",
        )
    return path


def _segmenter_path(named: str) -> Path:
    """The file of a segmenter, which may be named by its path or by the name that it is downloaded by."""
    if named not in LISTED:
        return _existing(named, "segmenter")
    if not has_segmenter(named):
        raise BadInputError(
            f"The segmenter {named} is not downloaded ({LISTED[named].words}).",
            f"Press Get Segmenter in the panel's options, or run: mocapanything get-segmenter {named}",
            code="segmenter_missing",
        )
    return LISTED[named].path(places.segmenters())


def _may_go_online() -> bool:
    """Blender's own setting; where there is no Blender with settings, whoever asked has decided."""
    try:
        import bpy
    except ImportError:
        return True
    from .scene import compat

    return compat.is_module() or bool(bpy.app.online_access)


def _preferences() -> bpy.types.AddonPreferences | None:
    """The extension's preferences; None where the package is used without being enabled in Blender."""
    import bpy

    addon = bpy.context.preferences.addons.get(__package__)
    return addon.preferences if addon else None
