# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line with the real Blender and process; only what the worker computes is a stand-in."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

bpy = pytest.importorskip("bpy")

from character_file import make_character, worker_python  # noqa: E402

from mocapanything_addon import places  # noqa: E402
from mocapanything_addon.command_line import main  # noqa: E402
from mocapanything_addon.scene.asset_files import frame_rate_fraction  # noqa: E402

pytestmark = [pytest.mark.bpy, pytest.mark.worker]

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture(autouse=True)
def user_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(places.FOLDER_VARIABLE, str(tmp_path / "user"))
    return tmp_path / "user"


@pytest.fixture
def asset(tmp_path: Path) -> Path:
    """A .blend with two characters at 30 frames per second from frame 5; the other one has fewer vertices."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    make_character("Öther", rings=6)
    make_character("Wörm")
    scene = bpy.context.scene
    scene.render.fps, scene.frame_start, scene.frame_end = 30, 5, 99
    path = tmp_path / "assets" / "a 'wörm'.blend"
    path.parent.mkdir()
    bpy.ops.wm.save_as_mainfile(filepath=str(path))
    bpy.ops.wm.read_factory_settings(use_empty=True)
    return path


@pytest.fixture
def video(tmp_path: Path) -> Path:
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"for the stand-in")
    return path


def arguments(asset: Path, video: Path, output: Path, behaviour: str = "work", *more: object) -> list[str]:
    python = worker_python(video.parent, behaviour)
    start = ["capture", "--asset", asset, "--video", video, "--output", output, "--python", python]
    return [str(word) for word in (*start, "--no-networks", *more)]


def files_in(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*"))


def test_blend(
    asset: Path, video: Path, tmp_path: Path, user_folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    before = asset.read_bytes()
    out = tmp_path / "öut" / "deep"
    extra = ("--bvh", out / "clip.bvh", "--report", out / "report.json", "--quality", "fast", "--seed", 3)
    extra += ("--start-choice", 2, "--box", "1,2,30,40,0.5", "--segmenter", video)  # which must exist only
    extra += ("--weights", video.parent, "--device", "cpu")
    extra += ("--click", "5,6", "--click", "7,8,0.5", "--click-other", "9,10")
    assert main(arguments(asset, video, out / "result.blend", "work", *extra)) == 0
    assert files_in(out) == [
        "clip.bvh",
        "report.json",
        "report_pictures",
        "report_pictures/mask.mp4",
        "report_pictures/residuals.png",
        "report_pictures/starts",
        "report_pictures/starts/1.png",
        "result.blend",
    ]
    said = capfd.readouterr()
    assert said.out.splitlines() == [
        f"output: {out / 'result.blend'}",
        f"bvh: {out / 'clip.bvh'}",
        f"report: {out / 'report.json'}",
    ]
    assert "decode" in said.err
    assert "Warning: nothing was filmed" in said.err
    assert files_in(asset.parent) == [asset.name]
    assert asset.read_bytes() == before
    assert not any((user_folder / "jobs").iterdir())

    report = json.loads((out / "report.json").read_text())
    assert report["settings"]["quality"] == "fast"
    assert report["settings"]["seed"] == 3
    assert report["settings"]["start_choice"] == 2
    assert report["settings"]["segmenter"] == str(video)
    assert report["settings"]["weights"] == str(video.parent)
    assert report["settings"]["device"] == "cpu"
    assert report["settings"]["clicks"] == [[5.0, 6.0, 0.0], [7.0, 8.0, 0.5]]
    assert report["settings"]["other_clicks"] == [[9.0, 10.0, 0.0]]
    assert report["settings"]["box"] == [1.0, 2.0, 30.0, 40.0, 0.5]
    assert [start["picture"] for start in report["starts"]] == ["report_pictures/starts/1.png"]
    assert (out / "report_pictures/starts/1.png").read_bytes() == b"png"
    assert report["mask_video"] == "report_pictures/mask.mp4"
    assert (out / "report_pictures/mask.mp4").read_bytes() == b"video"
    assert report["residual_plot"] == "report_pictures/residuals.png"
    assert (out / "report_pictures/residuals.png").read_bytes() == b"plot"
    assert "Frames: 3" in (out / "clip.bvh").read_text()

    bpy.ops.wm.open_mainfile(filepath=str(out / "result.blend"))
    scene = bpy.context.scene
    armature = bpy.data.objects["Wörm"]
    assert scene.render.fps == 30
    assert scene.render.fps_base == 1.0
    assert (scene.frame_start, scene.frame_end, scene.frame_current) == (
        5,
        7,
        5,
    )  # 2/25 s at 30 frames a second
    action = armature.animation_data.action
    assert action.name == "clip Wörm"
    assert action.frame_range[0] == 5.0
    assert [b.name for b in armature.data.bones] == ["bone 0", "bone 1", "bone 2"]
    assert bpy.data.objects["Öther"].animation_data is None


def test_named_armature(asset: Path, video: Path, tmp_path: Path) -> None:
    output = tmp_path / "result.blend"
    assert main(arguments(asset, video, output, "work", "--armature", "Öther")) == 0
    bpy.ops.wm.open_mainfile(filepath=str(output))
    assert bpy.data.objects["Wörm"].animation_data is None
    assert bpy.data.objects["Öther"].animation_data.action is not None


@pytest.mark.parametrize("suffix", [".glb", ".gltf", ".fbx"])
def test_imported_asset_takes_the_rate_of_the_video(suffix: str, video: Path, tmp_path: Path) -> None:
    bpy.ops.wm.read_factory_settings(use_empty=True)
    make_character("Worm")
    asset = tmp_path / f"worm{suffix}"
    if suffix == ".fbx":
        bpy.ops.preferences.addon_disable(module="io_scene_fbx")
        bpy.ops.preferences.addon_enable(module="io_scene_fbx")
        bpy.ops.export_scene.fbx(filepath=str(asset), add_leaf_bones=False)
        bpy.ops.preferences.addon_disable(module="io_scene_fbx")  # and it must be found all the same
    else:
        bpy.ops.export_scene.gltf(
            filepath=str(asset), export_format="GLB" if suffix == ".glb" else "GLTF_SEPARATE"
        )
    output = tmp_path / "result.blend"
    assert main(arguments(asset, video, output)) == 0
    bpy.ops.wm.open_mainfile(filepath=str(output))
    scene = bpy.context.scene
    assert (scene.render.fps, scene.render.fps_base) == (25, 1.0)
    assert scene.frame_end - scene.frame_start == 2
    (armature,) = (thing for thing in scene.objects if thing.type == "ARMATURE")
    assert armature.animation_data.action.name.startswith("clip ")
    assert {"bone 0", "bone 1", "bone 2"} <= {b.name for b in armature.data.bones}


def test_open_file_where_no_asset_is_named(asset: Path, video: Path, tmp_path: Path) -> None:
    """As in ``blender -b FILE.blend --command mocapanything capture ...``."""
    bpy.ops.wm.open_mainfile(filepath=str(asset))
    words = arguments(asset, video, tmp_path / "result.blend")
    words = words[:1] + words[3:]
    assert main(words) == 0
    assert bpy.data.filepath == str(asset)
    bpy.ops.wm.read_factory_settings(use_empty=True)
    assert main(words) == 2


def test_json(asset: Path, video: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "result.blend"
    assert main(arguments(asset, video, output, "work", "--json")) == 0
    messages = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert messages[0] == {"type": "progress", "stage": "rig", "done": 0, "total": 1}
    assert {"type": "warning", "message": "nothing was filmed"} in messages
    assert messages[-1]["type"] == "done"
    assert messages[-1]["output"] == str(output)
    assert messages[-1]["frames"] == 3
    assert [m["type"] for m in messages].count("done") == 1


def test_json_error(asset: Path, video: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(arguments(asset, video, tmp_path / "result.blend", "bad_input", "--json")) == 2
    last = json.loads(capfd.readouterr().out.splitlines()[-1])
    assert (last["type"], last["code"], last["exit_code"]) == ("error", "video_missing", 2)


@pytest.mark.parametrize(("behaviour", "code"), [("bad_input", 2), ("bug", 3), ("disk_full", 3)])
def test_failure_leaves_nothing_behind(
    behaviour: str, code: int, asset: Path, video: Path, tmp_path: Path, user_folder: Path
) -> None:
    out = tmp_path / "new" / "folder"
    assert main(arguments(asset, video, out / "result.blend", behaviour, "--bvh", out / "a.bvh")) == code
    assert not (tmp_path / "new").exists()
    logs = [p.name for p in user_folder.rglob("*") if p.is_file()]
    assert logs == ([] if code == 2 else ["log.txt"])


def test_what_does_not_look_like_the_character_is_refused(
    asset: Path, video: Path, tmp_path: Path, user_folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Nothing is written where results go; the job folder stays, with the report and the picture."""
    out = tmp_path / "new" / "folder"
    words = arguments(asset, video, out / "result.blend", "unlike", "--report", out / "report.json", "--json")
    assert main(words) == 3
    assert not (tmp_path / "new").exists()
    last = json.loads(capfd.readouterr().out.splitlines()[-1])
    assert (last["type"], last["code"], last["exit_code"]) == ("error", "not_alike", 3)
    assert "does not look like your character" in last["message"]
    assert "--force" in last["hint"]
    (job,) = (user_folder / "jobs").iterdir()
    assert {"report.json", "starts/1.png"} <= set(files_in(job))
    assert "solution.npz" not in files_in(job)


def test_force_captures_what_does_not_look_like_the_character(
    asset: Path, video: Path, tmp_path: Path, user_folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    report = tmp_path / "report.json"
    words = arguments(asset, video, tmp_path / "result.blend", "unlike", "--report", report, "--force")
    assert main(words) == 0
    assert "Warning: This does not look like your character" in capfd.readouterr().err
    verdict = json.loads(report.read_text())["verdict"]
    assert (verdict["looks_alike"], verdict["refused"]) == (False, False)
    assert (tmp_path / verdict["picture"]).read_bytes() == b"png"
    assert not any((user_folder / "jobs").iterdir())


def test_earlier_output_survives_a_failure(asset: Path, video: Path, tmp_path: Path) -> None:
    output = tmp_path / "result.blend"
    output.write_bytes(b"earlier")
    assert main(arguments(asset, video, output, "bug")) == 3
    assert output.read_bytes() == b"earlier"
    assert main(arguments(asset, video, output)) == 0
    assert output.read_bytes() != b"earlier"
    assert not list(tmp_path.glob("*.blend1"))
    assert not list(tmp_path.glob(".*"))


def test_bad_arguments(asset: Path, video: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    good = arguments(asset, video, tmp_path / "result.blend")

    def fails(words: list[str], *saying: str) -> None:
        assert main(words) == 2
        said = capfd.readouterr()
        assert said.out == ""
        for text in saying:
            assert text in said.err, said.err

    def changed(option: str, value: object) -> list[str]:
        words = list(good)
        words[words.index(option) + 1] = str(value)
        return words

    fails([], "command")
    fails([*good[:-1], "--quality", "wonderful"], "--quality")
    fails(changed("--asset", tmp_path / "none.blend"), "There is no file")
    fails(changed("--asset", video), "cannot be opened", ".glb")
    fails(changed("--video", tmp_path / "none.mp4"), "There is no video")
    fails(changed("--python", tmp_path / "none"), "There is no Python")
    fails(changed("--output", tmp_path / "result.mp4"), "must end in .blend")
    fails(changed("--output", asset), "would replace an input file")
    fails([*good, "--report", str(video)], "would replace an input file")
    fails([*good, "--report", str(tmp_path)], "is a folder")
    fails([*good, "--bvh", str(tmp_path / "result.blend")], "same name")
    fails(changed("--output", video / "below" / "result.blend"), "a file stands in its way")
    fails([*good, "--armature", "Nobody"], "no armature 'Nobody'", "'Wörm', 'Öther'")
    fails([*good, "--start", "3", "--end", "2"], "end time")
    fails([*good, "--fov", "180"], "field of view")
    fails([*good, "--mask", str(tmp_path / "no mask")], "There is no mask")
    assert not (tmp_path / "result.blend").exists()


@pytest.mark.parametrize("name", ["broken.blend", "broken.glb", "broken.fbx"])
def test_damaged_asset(
    name: str, asset: Path, video: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / name
    broken.write_bytes(b"this is no asset at all")
    assert main(arguments(broken, video, tmp_path / "result.blend")) == 2
    assert f"{name} cannot be opened" in capfd.readouterr().err


def test_asset_without_armature(video: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "empty.blend"))
    assert main(arguments(tmp_path / "empty.blend", video, tmp_path / "result.blend")) == 2
    assert "no armature in the file" in capfd.readouterr().err


def test_output_folder_that_may_not_be_written(
    asset: Path,
    video: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    def forbidden(*args: object, **options: object) -> object:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("tempfile.TemporaryFile", forbidden)
    assert main(arguments(asset, video, tmp_path / "new" / "result.blend")) == 2
    assert "cannot be written: no permission" in capfd.readouterr().err
    assert not (tmp_path / "new").exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a disk that is always full")
def test_disk_full_while_saving(
    asset: Path,
    video: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """The disk fills up while the result is being written."""
    monkeypatch.setattr("mocapanything_addon.command_line.api.export_bvh", _write_to_full_disk)
    words = arguments(asset, video, tmp_path / "new" / "result.blend", "work", "--bvh", tmp_path / "a.bvh")
    assert main(words) == 3
    assert "disk is full" in capfd.readouterr().err
    assert not (tmp_path / "new").exists()
    assert not (tmp_path / "a.bvh").exists()


def _write_to_full_disk(*_: object) -> None:
    with Path("/dev/full").open("w") as stream:
        stream.write("x" * 100_000)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_cancels_and_leaves_nothing(
    number: signal.Signals, asset: Path, video: Path, tmp_path: Path, user_folder: Path
) -> None:
    output = tmp_path / "new" / "result.blend"
    command = [sys.executable, "-m", "mocapanything_addon"]
    command += arguments(asset, video, output, "endless_mask", "--json")
    with subprocess.Popen(
        command,
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=dict(os.environ),
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if '"mask"' in line:
                break
        asked = time.monotonic()
        process.send_signal(number)
        out, _ = process.communicate(timeout=20)
    assert time.monotonic() - asked < 4.0
    assert process.returncode == 130
    assert json.loads(out.splitlines()[-1])["code"] == "cancelled"
    assert not (tmp_path / "new").exists()
    assert [p for p in user_folder.rglob("*") if p.is_file()] == []


def test_help_needs_no_blender(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["capture", "--help"]) == 0
    text = capfd.readouterr().out
    for option in ("--asset", "--video", "--output", "--mask", "--json", "130 cancelled"):
        assert option in text


@pytest.mark.parametrize(
    ("rate", "expected"),
    [
        (24.0, (24, 1.0)),
        (24000 / 1001, (24, 1.001)),
        (23.976, (24, 1.001)),
        (30000 / 1001, (30, 1.001)),
        (29.97, (30, 1.001)),
        (60000 / 1001, (60, 1.001)),
        (25.0, (25, 1.0)),
        (120.0, (120, 1.0)),
        (14.985, (15, 1.001)),
    ],
)
def test_usual_frame_rates(rate: float, expected: tuple[int, float]) -> None:
    assert frame_rate_fraction(rate) == expected


@pytest.mark.parametrize("rate", [12.5, 0.5, 17.3, 999.9])
def test_unusual_frame_rates(rate: float) -> None:
    fps, base = frame_rate_fraction(rate)
    assert fps >= 1
    assert fps / base == pytest.approx(rate)


@pytest.mark.parametrize(("behaviour", "code"), [("work", 0), ("bad_input", 2), ("bug", 3)])
def test_process_ends_with_its_code_and_leaves_no_temporary_files(
    behaviour: str, code: int, asset: Path, video: Path, tmp_path: Path
) -> None:
    """Blender as a module may hang or crash in Python's shutdown."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    answer = subprocess.run(
        [
            sys.executable,
            "-m",
            "mocapanything_addon",
            *arguments(asset, video, tmp_path / "result.blend", behaviour, "--json"),
        ],
        cwd=REPOSITORY,
        env={**os.environ, "TMPDIR": str(temporary), "TEMP": str(temporary)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert answer.returncode == code, answer.stderr
    assert json.loads(answer.stdout.splitlines()[-1])["type"] == ("error" if code else "done")
    assert list(temporary.iterdir()) == []
