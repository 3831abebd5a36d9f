# SPDX-License-Identifier: GPL-3.0-or-later
"""The console API with the real Blender and the real process; only what the worker computes is a stand-in."""

from __future__ import annotations

import time
from pathlib import Path
from types import SimpleNamespace

import pytest

bpy = pytest.importorskip("bpy")

from character_file import make_character, worker_python  # noqa: E402

from mocapanything_addon import api, places  # noqa: E402
from mocapanything_addon.jobs.errors import BadInputError, CancelledError, CaptureError  # noqa: E402
from mocapanything_addon.jobs.folder import JobFolder  # noqa: E402
from mocapanything_addon.jobs.messages import Done, Failed, Message, Progress, Warned  # noqa: E402
from mocapanything_addon.jobs.settings import CaptureSettings  # noqa: E402
from mocapanything_addon.scene.compat import eevee_engine  # noqa: E402

pytestmark = [pytest.mark.bpy, pytest.mark.worker]

SETTINGS = CaptureSettings(use_networks=False)


@pytest.fixture(autouse=True)
def user_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "user 'folder' ü"
    monkeypatch.setenv(places.FOLDER_VARIABLE, str(folder))
    return folder


@pytest.fixture
def armature() -> bpy.types.Object:
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.context.scene.frame_start = 11
    bpy.context.scene.render.fps = 25
    return make_character()


@pytest.fixture
def video(tmp_path: Path) -> Path:
    path = tmp_path / "a 'dög' \"runs\".mp4"
    path.write_bytes(b"for the stand-in")
    return path


def state(armature: bpy.types.Object) -> dict[str, object]:
    """What a failed capture must not change."""
    scene = bpy.context.scene
    return {
        "data": {
            name: sorted(thing.name for thing in getattr(bpy.data, name))
            for name in ("objects", "meshes", "actions", "scenes", "cameras", "lights", "images", "worlds")
        },
        "selected": [thing.name for thing in bpy.context.selected_objects],
        "active": bpy.context.view_layer.objects.active.name,
        "frame": scene.frame_current,
        "rate": (scene.render.fps, scene.render.fps_base),
        "engine": scene.render.engine,
        "action": armature.animation_data and armature.animation_data.action,
        "pose": [[tuple(row) for row in bone.matrix_basis] for bone in armature.pose.bones],
    }


def files_in(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def test_capture(armature: bpy.types.Object, video: Path, tmp_path: Path) -> None:
    heard: list[Message] = []
    result = api.capture(
        armature, video, SETTINGS, python=worker_python(tmp_path, "work"), progress=heard.append
    )
    assert armature.animation_data.action == result.action
    assert video.stem in result.action.name
    assert armature.name in result.action.name
    assert (result.frame_start, result.frame_end) == (11, 13)
    assert tuple(result.action.frame_range) == (11.0, 13.0)
    assert result.report["frames"] == 3
    assert result.report["versions"]["blender"] == bpy.app.version_string  # type: ignore[index]
    assert "nothing was filmed" in result.warnings
    assert heard[0] == Progress("rig", 0, 1)
    assert Warned("nothing was filmed") in heard
    assert heard[-1] == Done()
    assert result.overlay is None
    assert {"report.json", "solution.npz", "log.txt"} <= set(files_in(result.folder))


def test_pictures_of_the_starts_are_where_the_report_says(
    armature: bpy.types.Object, video: Path, tmp_path: Path
) -> None:
    settings = CaptureSettings(use_networks=False, start_choice=2)
    result = api.capture(armature, video, settings, python=worker_python(tmp_path, "work"))
    assert result.report["settings"]["start_choice"] == 2  # type: ignore[index]
    assert all((result.folder / s["picture"]).is_file() for s in result.report["starts"])  # type: ignore[attr-defined]


def test_earlier_action_is_kept(armature: bpy.types.Object, video: Path, tmp_path: Path) -> None:
    python = worker_python(tmp_path, "work")
    first = api.capture(armature, video, SETTINGS, python=python).action
    second = api.capture(armature, video, SETTINGS, python=python).action
    assert first != second
    assert armature.animation_data.action == second
    assert first.use_fake_user


def test_output_folder(armature: bpy.types.Object, video: Path, tmp_path: Path, user_folder: Path) -> None:
    folder = tmp_path / "öut" / "job 1"
    result = api.capture(
        armature, video, SETTINGS, python=worker_python(tmp_path, "work"), output_folder=str(folder)
    )
    assert result.folder == folder
    assert (folder / "report.json").is_file()
    assert not (user_folder / "jobs").exists()
    with pytest.raises(BadInputError) as caught:
        api.capture(armature, video, SETTINGS, python=worker_python(tmp_path, "work"), output_folder=folder)
    assert caught.value.code == "folder_exists"
    assert (folder / "report.json").is_file()


def test_export_bvh(armature: bpy.types.Object, video: Path, tmp_path: Path) -> None:
    result = api.capture(armature, video, SETTINGS, python=worker_python(tmp_path, "work"))
    api.export_bvh(result, tmp_path / "clip.bvh")
    text = (tmp_path / "clip.bvh").read_text()
    assert "ROOT bone_0" in text
    assert "Frames: 3" in text


@pytest.mark.parametrize(
    ("behaviour", "code"),
    [("bad_input", "video_missing"), ("bug", "internal"), ("disk_full", "disk_full")],
)
def test_failure_changes_nothing(
    behaviour: str, code: str, armature: bpy.types.Object, video: Path, tmp_path: Path, user_folder: Path
) -> None:
    armature.pose.bones[1].location.x = 0.5
    bpy.context.scene.frame_set(17)
    before = state(armature)
    with pytest.raises(CaptureError) as caught:
        api.capture(armature, video, SETTINGS, python=worker_python(tmp_path, behaviour))
    assert caught.value.code == code
    assert state(armature) == before
    left = files_in(user_folder)
    if isinstance(caught.value, BadInputError):
        assert left == []
    else:
        assert [Path(name).name for name in left] == ["log.txt"]
        assert str(user_folder / left[0]) in caught.value.hint


def test_what_does_not_look_like_the_character_is_captured_unless_refused(
    armature: bpy.types.Object, video: Path, tmp_path: Path
) -> None:
    python = worker_python(tmp_path, "unlike")
    result = api.capture(armature, video, SETTINGS, python=python)
    assert "This does not look like your character." in result.warnings
    before = state(armature)
    folder = tmp_path / "job"
    with pytest.raises(CaptureError) as caught:
        strict = CaptureSettings(use_networks=False, refuse_unlike=True)
        api.capture(armature, video, strict, python=python, output_folder=folder)
    assert caught.value.code == "not_alike"
    assert state(armature) == before
    assert {"report.json", "starts/1.png"} <= set(files_in(folder))
    assert "solution.npz" not in files_in(folder)


def test_steps(armature: bpy.types.Object, video: Path, tmp_path: Path) -> None:
    run = api.start_capture(armature, video, SETTINGS, python=worker_python(tmp_path, "work"))
    heard: list[Message] = []
    while not run.finished:
        heard += run.poll()
        time.sleep(0.01)
    assert heard[-1] == Done()
    assert run.error is None
    assert run.poll() == []
    assert run.frame_rate == 25.0
    assert armature.animation_data is None
    run.apply()
    assert armature.animation_data.action is not None
    assert run.folder is not None
    run.remove_folder()
    assert run.folder is None


@pytest.mark.parametrize("stage", ["rig", "worker", "decode", "mask", "start", "track"])
def test_cancel_at_every_stage(
    stage: str, armature: bpy.types.Object, video: Path, tmp_path: Path, user_folder: Path
) -> None:
    before = state(armature)
    behaviour = "work" if stage in ("rig", "worker") else f"endless_{stage}"
    run = api.start_capture(armature, video, SETTINGS, python=worker_python(tmp_path, behaviour))
    heard: list[Message] = []
    while not any(isinstance(m, Progress) and m.stage == stage for m in heard):
        heard += run.poll()
        assert not run.finished, heard
    run.cancel()
    asked = time.monotonic()
    while not run.finished:
        heard += run.poll()
        time.sleep(0.01)
    assert time.monotonic() - asked < 2.0
    assert isinstance(heard[-1], Failed)
    assert isinstance(heard[-1].error, CancelledError)
    assert [m for m in heard if isinstance(m, Done | Failed)] == heard[-1:]
    assert files_in(user_folder) == []
    assert state(armature) == before
    with pytest.raises(RuntimeError):
        run.apply()


def test_ctrl_c_ends_the_worker(
    armature: bpy.types.Object, video: Path, tmp_path: Path, user_folder: Path
) -> None:
    def press(message: Message) -> None:
        if isinstance(message, Progress) and message.stage == "mask":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        api.capture(armature, video, SETTINGS, python=worker_python(tmp_path, "endless_mask"), progress=press)
    assert files_in(user_folder) == []


def test_close_without_polling_to_the_end(
    armature: bpy.types.Object, video: Path, tmp_path: Path, user_folder: Path
) -> None:
    run = api.start_capture(armature, video, SETTINGS, python=worker_python(tmp_path, "endless_mask"))
    for _ in range(20):
        run.poll()
    run.close()
    assert run.finished
    assert isinstance(run.error, CancelledError)
    assert files_in(user_folder) == []


def test_armature_renamed_meanwhile(armature: bpy.types.Object, video: Path, tmp_path: Path) -> None:
    run = api.start_capture(armature, video, SETTINGS, python=worker_python(tmp_path, "work"))
    run.wait()
    armature.name = "Other"
    assert run.apply().action == armature.animation_data.action


def test_armature_deleted_meanwhile(armature: bpy.types.Object, video: Path, tmp_path: Path) -> None:
    run = api.start_capture(armature, video, SETTINGS, python=worker_python(tmp_path, "work"))
    name = armature.name
    run.wait()
    bpy.data.objects.remove(armature)
    with pytest.raises(BadInputError, match=f"'{name}' is gone"):
        run.apply()
    assert len(bpy.data.actions) == 0


def test_no_armature(video: Path) -> None:
    bpy.ops.wm.read_factory_settings(use_empty=True)
    with pytest.raises(BadInputError, match="No armature is selected"):
        api.capture(None, video)
    with pytest.raises(BadInputError, match="'Lamp' is no armature"):
        api.capture(bpy.data.objects.new("Lamp", None), video)


def test_armature_without_mesh(
    video: Path, tmp_path: Path, user_folder: Path, armature: bpy.types.Object
) -> None:
    for thing in [thing for thing in bpy.data.objects if thing.type == "MESH"]:
        bpy.data.objects.remove(thing)
    with pytest.raises(BadInputError, match="No mesh is skinned"):
        api.capture(armature, video, SETTINGS, python=worker_python(tmp_path, "work"))
    assert files_in(user_folder) == []


def test_missing_files(armature: bpy.types.Object, video: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInputError) as caught:
        api.start_capture(armature, tmp_path / "no such.mp4")
    assert caught.value.code == "video_missing"
    with pytest.raises(BadInputError) as caught:
        api.start_capture(armature, "")
    assert caught.value.code == "video_missing"
    with pytest.raises(BadInputError) as caught:
        api.start_capture(armature, video, CaptureSettings(mask=str(tmp_path / "no mask")))
    assert caught.value.code == "mask_missing"
    with pytest.raises(BadInputError) as caught:
        api.start_capture(armature, video, python=tmp_path / "no python")
    assert caught.value.code == "python_missing"


def test_python_that_cannot_be_run(
    armature: bpy.types.Object, video: Path, tmp_path: Path, user_folder: Path
) -> None:
    program = tmp_path / "python"
    program.write_bytes(b"no program")
    program.chmod(0o755)
    with pytest.raises(BadInputError) as caught:
        api.capture(armature, video, SETTINGS, python=program)
    assert caught.value.code == "python_unusable"
    assert files_in(user_folder) == []


def test_user_folder_that_cannot_be_made(
    armature: bpy.types.Object, video: Path, tmp_path: Path, user_folder: Path
) -> None:
    user_folder.write_text("a file in its way")
    with pytest.raises(BadInputError) as caught:
        api.capture(armature, video, SETTINGS, python=worker_python(tmp_path, "work"))
    assert caught.value.code == "not_a_folder"


def test_old_job_folders_go(
    armature: bpy.types.Object,
    video: Path,
    tmp_path: Path,
    user_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    python = worker_python(tmp_path, "work")
    first = api.capture(armature, video, SETTINGS, python=python).folder
    second = api.capture(armature, video, SETTINGS, python=python).folder
    assert first.is_dir()
    assert second.is_dir()
    monkeypatch.setattr(places, "JOB_SECONDS", -1.0)
    third = api.capture(armature, video, SETTINGS, python=python).folder
    assert [p for p in (first, second, third) if p.exists()] == [third]


def test_video_path_relative_to_the_open_file(
    armature: bpy.types.Object, video: Path, tmp_path: Path
) -> None:
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
    result = api.capture(armature, f"//{video.name}", SETTINGS, python=worker_python(tmp_path, "work"))
    assert result.report["video"]["path"] == str(video)  # type: ignore[index]


def preferred(monkeypatch: pytest.MonkeyPatch, **values: object) -> None:
    """The extension's preferences, as if it were enabled."""
    usual = {"worker_python": "", "keep_job_folders": False, "weights_folder": "", "device": "auto"}
    monkeypatch.setattr(api, "_preferences", lambda: SimpleNamespace(**usual | values))


def test_weights_and_device_of_the_preferences_are_used_where_the_settings_leave_them_open(
    armature: bpy.types.Object, video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = worker_python(tmp_path, "work")
    for name in ("preferred", "chosen"):
        (tmp_path / name).mkdir()
    preferred(monkeypatch, weights_folder=str(tmp_path / "preferred"), device="cpu")
    settings = api.capture(armature, video, python=python).report["settings"]
    assert (settings["weights"], settings["device"]) == (str(tmp_path / "preferred"), "cpu")  # type: ignore[index]
    chosen = CaptureSettings(weights=str(tmp_path / "chosen"), device="auto")  # type: ignore[arg-type]
    settings = api.capture(armature, video, chosen, python=python).report["settings"]
    assert (settings["weights"], settings["device"]) == (str(tmp_path / "chosen"), "auto")  # type: ignore[index]
    preferred(monkeypatch)
    settings = api.capture(armature, video, python=python).report["settings"]
    assert (settings["weights"], settings["device"]) == (None, "auto")  # type: ignore[index]


def test_a_weights_folder_that_is_not_there(armature: bpy.types.Object, video: Path, tmp_path: Path) -> None:
    settings = CaptureSettings(weights=str(tmp_path / "gone"))
    with pytest.raises(BadInputError, match="no folder of weights") as caught:
        api.capture(armature, video, settings, python=worker_python(tmp_path, "work"))
    assert caught.value.code == "weights_missing"


def test_no_views_are_rendered_that_nothing_looks_at(
    armature: bpy.types.Object, video: Path, tmp_path: Path, user_folder: Path
) -> None:
    heard: list[Message] = []
    result = api.capture(armature, video, python=worker_python(tmp_path, "work"), progress=heard.append)
    assert Progress("views", 0, 1) not in heard
    assert result.report["reference_views"] is None
    assert JobFolder(result.folder).load_views() is None
    assert not (user_folder / "cache").exists()


def test_reference_views_are_rendered_once(
    armature: bpy.types.Object, video: Path, tmp_path: Path, user_folder: Path
) -> None:
    before = state(armature)
    heard: list[Message] = []
    python = worker_python(tmp_path, "work")
    run = api.start_capture(armature, video, python=python, reference_views=True)
    run.wait(heard.append)
    assert state(armature) == before
    result = run.apply()
    views = JobFolder(result.folder).load_views()
    assert views is not None
    assert result.report["reference_views"] == {"engine": views.engine, "count": len(views.views)}
    if views.engine != eevee_engine():
        pytest.skip("no Eevee here, so nothing is kept")
    assert Progress("views", 0, 1) in heard
    heard.clear()
    again = api.capture(armature, video, python=python, progress=heard.append, reference_views=True)
    assert Progress("views", 0, 1) not in heard
    loaded = JobFolder(again.folder).load_views()
    assert loaded is not None
    for first, second in zip(views.views, loaded.views, strict=True):
        assert first.image.read_bytes() == second.image.read_bytes()


def test_other_engine_is_said_and_not_kept(
    armature: bpy.types.Object,
    video: Path,
    tmp_path: Path,
    user_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As on a machine whose graphics driver cannot run Eevee."""
    monkeypatch.setattr("mocapanything_addon.scene.compat.eevee_engine", lambda: "NO_SUCH_ENGINE")
    heard: list[Message] = []
    python = worker_python(tmp_path, "work")
    result = api.capture(armature, video, python=python, progress=heard.append, reference_views=True)
    assert result.report["reference_views"]["engine"] == "BLENDER_WORKBENCH"  # type: ignore[index]
    assert any("BLENDER_WORKBENCH" in m.message for m in heard if isinstance(m, Warned))
    assert not (user_folder / "cache").exists()
