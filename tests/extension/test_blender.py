# SPDX-License-Identifier: GPL-3.0-or-later
"""The installed zip in a real Blender, named by BLENDER_BIN: its command line, scripts, and its window.

The tests with a window also need a display, which may be Xvfb with LIBGL_ALWAYS_SOFTWARE=1.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

bpy = pytest.importorskip("bpy")

from character_file import worker_python  # noqa: E402

PROJECT = Path(__file__).resolve().parents[2]
IN_BLENDER = Path(__file__).parent / "in_blender"
STRICT = ("--python-exit-code", "1")
BLENDER = os.environ.get("BLENDER_BIN", "")

pytestmark = [
    pytest.mark.blender,
    pytest.mark.skipif(not BLENDER, reason="BLENDER_BIN names no Blender"),
    pytest.mark.timeout(900),
]


@pytest.fixture(scope="module")
def profile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A profile that was empty before the zip was installed from the command line."""
    output = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, str(PROJECT / "scripts/build_zip.py"), "--output", str(output)], check=True
    )
    (built,) = output.iterdir()
    profile = tmp_path_factory.mktemp("profile")
    answer = blender(
        profile, "--command", "extension", "install-file", "--repo", "user_default", "--enable", str(built)
    )
    assert answer.returncode == 0, answer.stdout
    return profile


def blender(profile: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"BLENDER_USER_RESOURCES": str(profile)} | variables
    return subprocess.run(
        [BLENDER, *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def test_command_line_help(profile: Path) -> None:
    answer = blender(profile, "-b", "--command", "mocapanything", "capture", "--help")
    assert answer.returncode == 0
    assert "--video FILE" in answer.stdout


def test_command_line_bad_input(profile: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.blend"
    answer = blender(
        profile, "-b", "--command", "mocapanything", "capture", "--video", "/no.mp4", "--output", str(output)
    )
    assert answer.returncode == 2, answer.stdout
    assert not output.exists()


MAKE_CHARACTER = """
import sys
import bpy
sys.path.insert(0, sys.argv[-2])
from character_file import make_character
bpy.ops.wm.read_factory_settings(use_empty=True)
make_character()
bpy.context.scene.render.fps = 25  # that of the stand-in's video
bpy.ops.wm.save_as_mainfile(filepath=sys.argv[-1])
"""

CAPTURE = """
import sys
import bpy
from bl_ext.user_default.mocapanything_addon import CaptureSettings, capture
(armature,) = (thing for thing in bpy.data.objects if thing.type == "ARMATURE")
result = capture(armature, sys.argv[-1], CaptureSettings(quality="fast", use_networks=False))
assert armature.animation_data.action == result.action
print("FRAMES", result.frame_start, result.frame_end)
"""


@pytest.fixture
def asset(profile: Path, tmp_path: Path) -> Path:
    """A file with a character."""
    asset, tests = tmp_path / "wörm.blend", str(IN_BLENDER.parents[1])
    answer = blender(profile, "-b", *STRICT, "--python-expr", MAKE_CHARACTER, "--", tests, str(asset))
    assert answer.returncode == 0, answer.stdout
    return asset


@pytest.fixture
def video(tmp_path: Path) -> Path:
    video = tmp_path / "a walk.mp4"
    video.write_bytes(b"for the stand-in")
    return video


def test_command_line_works_on_the_open_file(profile: Path, asset: Path, video: Path, tmp_path: Path) -> None:
    output, report = tmp_path / "done.blend", tmp_path / "done.json"
    command = ["--command", "mocapanything", "capture", "--no-networks", "--video", str(video)]
    command += ["--output", str(output), "--report", str(report)]
    python = str(worker_python(tmp_path, "work"))
    answer = blender(profile, "-b", str(asset), *command, MOCAPANYTHING_PYTHON=python)
    assert answer.returncode == 0, answer.stdout
    assert output.exists()
    assert json.loads(report.read_text(encoding="utf-8"))["frames"] == 3


def test_script_uses_the_console_api(profile: Path, asset: Path, video: Path, tmp_path: Path) -> None:
    """Blender opens a file and runs a script that captures, with a stand-in for what the worker computes."""
    script = tmp_path / "script.py"
    script.write_text(CAPTURE)
    python = str(worker_python(tmp_path, "work"))
    command = ["-b", *STRICT, str(asset), "--python", str(script), "--", str(video)]
    answer = blender(profile, *command, MOCAPANYTHING_PYTHON=python)
    assert answer.returncode == 0, answer.stdout
    assert "FRAMES 1 3" in answer.stdout


def assert_picked(seen: dict[str, Any]) -> None:
    """See picking_session.py."""
    time = pytest.approx(seen["picked_time"], abs=1e-4)
    assert seen["picked_time"] > 0.0
    (on_subject, beside) = seen["picked"]
    # A click lies in the middle of a pixel of the screen.
    assert on_subject == [pytest.approx(320.0, abs=1.5), pytest.approx(200.0, abs=1.5), time, False]
    assert beside == [pytest.approx(40.0, abs=1.5), pytest.approx(30.0, abs=1.5), time, True]
    assert seen["while_picking"] == "IMAGE_EDITOR"
    for when in ("after_picking", "after_ESC", "after_RIGHTMOUSE"):
        assert seen[when] == seen["before_picking"]
    for when in ("undo", "ESC", "RIGHTMOUSE"):
        assert seen[f"picked_after_{when}"] == []


@pytest.mark.skipif(not os.environ.get("DISPLAY"), reason="no display")
def test_window(profile: Path, video: Path, tmp_path: Path) -> None:
    result = tmp_path / "result.json"
    answer = blender(
        profile,
        "--factory-startup",
        "--enable-event-simulate",
        "--python",
        str(IN_BLENDER / "window_session.py"),
        "--",
        str(result),
        str(worker_python(tmp_path, "endless_decode")),
        str(worker_python(tmp_path, "work")),
        str(video),
        sys.executable,
        str(PROJECT / "samples/content/quadruped.mp4"),
    )
    assert result.exists(), answer.stdout
    seen = json.loads(result.read_text(encoding="utf-8"))
    assert seen.pop("failure", None) is None
    assert_picked(seen)
    assert seen["invoked"] == ["RUNNING_MODAL"]
    assert seen["cancel_seconds"] < 3.0
    assert seen["gone_after_cancel"]
    assert seen["actions_after_cancel"] == 0
    assert seen["gone_after_load"]
    assert seen["gone_after_disable"]
    assert seen["classes_after_disable"] == []
    assert seen["error"] == ""
    assert seen["result"] == [seen["action"], 3]
    assert seen["action_after_undo"] is None
    assert seen["action_after_redo"] == seen["action"]
    assert "Traceback" not in answer.stdout
    with pytest.raises(ProcessLookupError):
        os.kill(seen["worker_at_quit"], 0)
