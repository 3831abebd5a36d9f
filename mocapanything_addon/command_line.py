# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line, of ``python -m mocapanything_addon`` and of ``blender --command mocapanything`` alike.

Exit codes: 0 done, 2 bad input, 3 failed or refused, 130 cancelled.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import shutil
import signal
import sys
import tempfile
import traceback
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TextIO

from . import api
from .jobs.errors import NOT_ALIKE, BadInputError, CancelledError, CaptureError, ExitCode
from .jobs.files import make_folder, replacing_file, writing_error
from .jobs.messages import Failed, Message, Progress, Warned, encode, private_stdout
from .jobs.segmenters import LISTED
from .jobs.settings import CaptureSettings, NetworkDevice, Quality

JSON_HELP = "messages as one JSON object a line on standard output"
OUTPUTS = ("output", "bvh", "report", "overlay")


def main(arguments: Sequence[str]) -> int:
    """Run a command line; returns the exit code. Without ``--asset`` it works on the open file."""
    try:
        options = _parser().parse_args(arguments)
    except SystemExit as end:  # argparse has said what is wrong, or shown the help
        return int(end.code or 0)
    with private_stdout() as stdout:
        teller = _JsonTeller(stdout) if options.json else _TextTeller(stdout)
        try:
            with _signals_interrupt():
                teller.done(COMMANDS[options.command](options, teller))
        except KeyboardInterrupt:
            return teller.failed(CancelledError())
        except CaptureError as error:
            return teller.failed(error)
        except Exception as error:
            traceback.print_exc()
            return teller.failed(CaptureError(f"{type(error).__name__}: {error}", code="internal"))
    return int(ExitCode.DONE)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="mocapanything", description="Motion capture from video onto a rigged character."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    capture = commands.add_parser(
        "capture",
        help="capture the motion in a video onto a character",
        description="Capture the motion in a video onto a rigged character, as keyframes on its own bones.",
        epilog="Exit codes: 0 done, 2 bad input, 3 failed or refused, 130 cancelled.",
    )
    add = capture.add_argument
    add("--asset", type=Path, metavar="FILE", help="the character: .blend, .glb, .gltf or .fbx")
    add("--video", type=Path, required=True, metavar="FILE", help="the video, or a folder of images")
    add(
        "--output",
        type=Path,
        required=True,
        metavar="OUT.blend",
        help="the animated character; never the asset",
    )
    add(
        "--armature", metavar="NAME", help="where there are several; else that with the most skinned vertices"
    )
    add("--bvh", type=Path, metavar="OUT.bvh", help="also write the motion as BVH")
    add("--report", type=Path, metavar="OUT.json", help="also write the report")
    add("--overlay", type=Path, metavar="OUT.mp4", help="also draw the result over the video")
    add("--quality", choices=[q.value for q in Quality], default=Quality.STANDARD.value)
    add("--start", type=float, metavar="S", help="first moment of the video to use, seconds")
    add("--end", type=float, metavar="S", help="last moment of the video to use, seconds")
    add("--fov", type=float, metavar="DEG", help="the camera's field of view across the longer image side")
    add(
        "--segmenter",
        metavar="FILE_OR_NAME",
        help="ONNX model that finds the subject, or the name of one that get-segmenter has fetched",
    )
    add(
        "--mask",
        type=Path,
        metavar="VIDEO_OR_FOLDER",
        help="white where the subject is; clicks, box and --subject are not used then",
    )
    add(
        "--box",
        type=_numbers,
        metavar="L,T,R,B[,S]",
        help="box around the subject, pixels of the video: left, top, right, bottom edge, at which second; "
        "not used where there are clicks",
    )
    for option, what in (("--click", "the subject"), ("--click-other", "something else, not the subject")):
        add(
            option,
            type=_numbers,
            action="append",
            default=[],
            metavar="X,Y[,S]",
            help=f"a point on {what}, pixels of the video, at which second; may be given again",
        )
    add(
        "--subject",
        type=int,
        default=1,
        metavar="N",
        help="the N-th creature of the report, where several move and the wrong one was taken",
    )
    add(
        "--start-choice",
        type=int,
        default=1,
        metavar="N",
        help="begin with the N-th start pose of the report, where the best one faces the wrong way",
    )
    add(
        "--force",
        action="store_true",
        help="capture also what does not look like the character; else that ends with exit code 3",
    )
    add("--seed", type=int, default=0, metavar="N")
    add("--no-networks", action="store_true", help="fit to flow and outlines alone")
    add(
        "--weights",
        type=Path,
        metavar="FOLDER",
        help="networks trained by yourself; those that it lacks are those that ship",
    )
    add(
        "--device",
        choices=[d.value for d in NetworkDevice],
        help="what the networks run on; else as the preferences say, else the best there is",
    )
    add("--no-contacts", action="store_true", help="do not hold planted feet still")
    add("--python", type=Path, metavar="PY", help="the Python with PyTorch that does the work")
    add("--json", action="store_true", help=JSON_HELP)
    get = commands.add_parser(
        "get-segmenter",
        help="download a larger segmenter",
        description="Download a larger segmenter, for capture --segmenter NAME. Nothing else goes online.",
    )
    described = ", ".join(f"{name} ({listed.words})" for name, listed in LISTED.items())
    get.add_argument("name", choices=list(LISTED), metavar="NAME", help=described)
    get.add_argument("--json", action="store_true", help=JSON_HELP)
    return parser


def _numbers(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text} must be numbers with commas between them") from None


def _capture(options: argparse.Namespace, teller: _Teller) -> dict[str, object]:
    """All of it; returns what was made, for the last message."""
    settings = CaptureSettings(
        quality=Quality(options.quality),
        start_seconds=options.start,
        end_seconds=options.end,
        fov_degrees=options.fov,
        mask=None if options.mask is None else str(options.mask),
        segmenter=options.segmenter,
        clicks=tuple(options.click),
        other_clicks=tuple(options.click_other),
        box=options.box,
        use_networks=not options.no_networks,
        weights=None if options.weights is None else str(options.weights),
        device=options.device,
        hold_contacts=not options.no_contacts,
        subject_choice=options.subject,
        start_choice=options.start_choice,
        refuse_unlike=not options.force,
        seed=options.seed,
    )
    try:
        import bpy
    except ImportError as error:
        raise BadInputError(
            f"This Python has no Blender module to read and write characters with ({error}).",
            "Install it (pip install bpy), or run: blender -b FILE.blend --command mocapanything capture ...",
            code="bpy_missing",
        ) from error
    from .scene import asset_files

    source = options.asset or (Path(bpy.data.filepath) if bpy.data.filepath else None)
    if source is None:
        raise BadInputError(
            "No character is named, and no file is open.", "Use --asset FILE.", code="asset_missing"
        )
    source = source.expanduser().absolute()
    outputs = _outputs(options, source)
    with _ready_folders(outputs.values()):
        if options.asset is not None:
            asset_files.open_asset(source)
        armature = asset_files.find_armature(options.armature)
        scene = asset_files.scene_of(armature)
        run = api.start_capture(
            armature, options.video, settings, python=options.python, overlay="overlay" in outputs
        )
        try:
            _wait(run, teller)
            if source.suffix.lower() != ".blend":
                asset_files.set_frame_rate(scene, run.frame_rate)
            result = run.apply(scene)
            asset_files.show_frames(scene, result.frame_start, result.frame_end)
            _write(result, outputs)
        finally:
            if run.error is None:  # else what is left of the folder says why
                run.remove_folder()
    return {
        "armature": result.rig.name,
        "action": result.action.name,
        "frames": result.frame_end - result.frame_start + 1,
        **{name: str(path) for name, path in outputs.items()},
    }


def _get_segmenter(options: argparse.Namespace, teller: _Teller) -> dict[str, object]:
    """Download one; returns where it is."""
    return {"segmenter": str(api.get_segmenter(options.name, teller.hear))}


def _wait(run: api.CaptureRun, teller: _Teller) -> None:
    """Until the capture's end; a refusal also names the option that overrules it."""
    try:
        run.wait(teller.hear)
    except CaptureError as error:
        if error.code != NOT_ALIKE:
            raise
        hint = f"{error.hint} To capture it all the same, use --force."
        raise CaptureError(error.message, hint, code=error.code) from error


def _outputs(options: argparse.Namespace, source: Path) -> dict[str, Path]:
    """Name of the option -> absolute path, of those asked for."""
    if options.output.suffix.lower() != ".blend":
        raise BadInputError(f"--output must end in .blend, not {options.output.name}.", code="bad_output")
    outputs = {
        name: getattr(options, name).expanduser().absolute()
        for name in OUTPUTS
        if getattr(options, name) is not None
    }
    inputs = {source.resolve(), options.video.expanduser().resolve()}
    for name, path in outputs.items():
        if path.resolve() in inputs:
            raise BadInputError(
                f"--{name} {path} would replace an input file.", "Name another file.", code="bad_output"
            )
        if path.is_dir():
            raise BadInputError(f"--{name} {path} is a folder.", "Name a file in it.", code="bad_output")
    if len({path.resolve() for path in outputs.values()}) < len(outputs):
        raise BadInputError("Two outputs have the same name.", code="bad_output")
    return outputs


@contextlib.contextmanager
def _ready_folders(paths: Iterable[Path]) -> Iterator[None]:
    """Make the folders of files that shall be written, and see before the long work that they can be.

    Folders made here go again when the block fails.
    """
    made: list[Path] = []
    try:
        for folder in {path.parent for path in paths}:
            missing = [f for f in (folder, *folder.parents) if not f.exists()]
            make_folder(folder)
            made += missing
            try:
                with tempfile.TemporaryFile(dir=folder):
                    pass
            except OSError as error:
                raise writing_error(error, folder) from error
        yield
    except BaseException:
        for folder in sorted(made, reverse=True):  # inner ones first
            with contextlib.suppress(OSError):
                folder.rmdir()
        raise


def _write(result: api.CaptureResult, outputs: dict[str, Path]) -> None:
    """Write all files under temporary names, and only when all are there give them their own."""
    from .scene.asset_files import save_blend

    with contextlib.ExitStack() as stack:
        places = {name: stack.enter_context(replacing_file(path)) for name, path in outputs.items()}
        if "bvh" in places:
            api.export_bvh(result, places["bvh"])
        if "report" in places:
            report = _with_pictures(result, outputs["report"], stack)
            text = json.dumps(report, indent=2) + "\n"
            places["report"].write_text(text, encoding="utf-8")
        if "overlay" in places:
            if result.overlay is None:
                raise CaptureError("The capture made no overlay.", code="overlay_missing")
            shutil.copyfile(result.overlay, places["overlay"])
        save_blend(places["output"])


def _with_pictures(result: api.CaptureResult, report: Path, stack: contextlib.ExitStack) -> dict[str, object]:
    """The report with its pictures in a folder beside it, which get their names when ``stack`` ends."""
    folder = report.with_name(f"{report.stem}_pictures")

    def copied(picture: str) -> str:
        target = folder / picture
        make_folder(target.parent)
        shutil.copyfile(result.folder / picture, stack.enter_context(replacing_file(target)))
        return target.relative_to(report.parent).as_posix()

    def with_copies(listed: object) -> list[dict[str, object]]:
        return [{**item, "picture": copied(item["picture"])} for item in listed]  # type: ignore[attr-defined]

    starts = with_copies(result.report["starts"])
    verdict = result.report["verdict"]
    if isinstance(verdict, dict):  # its picture is that of the best start
        verdict = {**verdict, "picture": starts[0]["picture"]}
    return {
        **result.report,
        "subjects": with_copies(result.report["subjects"]),
        "starts": starts,
        "verdict": verdict,
        **{
            name: copied(path) if isinstance(path := result.report[name], str) else None
            for name in ("mask_video", "residual_plot")
        },
    }


@contextlib.contextmanager
def _signals_interrupt() -> Iterator[None]:
    """Ctrl-C and a polite kill raise KeyboardInterrupt, also inside Blender, which would do otherwise."""

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    numbers = [signal.SIGINT, signal.SIGTERM]
    before = [signal.signal(number, interrupt) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler or signal.SIG_DFL)


class _TextTeller:
    """For people: progress and problems on stderr, what was made on stdout."""

    def __init__(self, stdout: TextIO) -> None:
        self._stdout = stdout
        self._is_terminal = sys.stderr.isatty()
        self._stage = ""
        self._shown = ""

    def hear(self, message: Message) -> None:
        match message:
            case Progress(stage, done, total):
                text = f"{stage} {done}/{total}" if total > 1 else stage
                if text == self._shown:
                    return
                if self._is_terminal:
                    print(f"\r{text:<40}", end="", file=sys.stderr, flush=True)
                elif stage != self._stage or done >= total > 1:
                    print(text, file=sys.stderr, flush=True)
                self._stage, self._shown = stage, text
            case Warned(text):
                self._say(f"Warning: {text}")

    def failed(self, error: CaptureError) -> int:
        self._say(str(error) if isinstance(error, CancelledError) else f"Error: {error}")
        return int(error.exit_code)

    def _say(self, text: str) -> None:
        print(f"\n{text}" if self._is_terminal and self._stage else text, file=sys.stderr, flush=True)

    def done(self, made: dict[str, object]) -> None:
        if "frames" in made:
            self._say(f"{made['frames']} frames on {made['armature']}")
        for name in (*OUTPUTS, "segmenter"):
            if name in made:
                print(f"{name}: {made[name]}", file=self._stdout)


class _JsonTeller:
    """For programs: the messages of the worker, and a ``done`` that says what was made, on stdout."""

    def __init__(self, stdout: TextIO) -> None:
        self._stdout = stdout

    def hear(self, message: Message) -> None:
        if isinstance(message, Progress | Warned):
            self._write(encode(message))

    def failed(self, error: CaptureError) -> int:
        self._write(encode(Failed(error)))
        return int(error.exit_code)

    def done(self, made: dict[str, object]) -> None:
        self._write(json.dumps({"type": "done", **made}))

    def _write(self, line: str) -> None:
        print(line, file=self._stdout, flush=True)


_Teller = _TextTeller | _JsonTeller
COMMANDS = {"capture": _capture, "get-segmenter": _get_segmenter}
