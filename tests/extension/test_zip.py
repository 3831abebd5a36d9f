# SPDX-License-Identifier: GPL-3.0-or-later
"""The zip: what is in it, and what it does to an empty Blender profile."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import numpy as np
import pytest

PROJECT = Path(__file__).resolve().parents[2]
PACKAGE = PROJECT / "mocapanything_addon"
IN_BLENDER = Path(__file__).parent / "in_blender"

pytestmark = [pytest.mark.zip, pytest.mark.bpy]


@pytest.fixture(scope="session")
def extension_zip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The zip, built and validated by Blender's own tool."""
    output = tmp_path_factory.mktemp("dist ünïcode")
    subprocess.run(
        [sys.executable, str(PROJECT / "scripts/build_zip.py"), "--output", str(output)], check=True
    )
    (built,) = output.iterdir()
    return built


@pytest.fixture(scope="session")
def names(extension_zip: Path) -> set[str]:
    with zipfile.ZipFile(extension_zip) as archive:
        assert archive.testzip() is None
        return {name for name in archive.namelist() if not name.endswith("/")}


def test_is_named_after_the_manifest(extension_zip: Path) -> None:
    with (PROJECT / "pyproject.toml").open("rb") as stream:
        version = tomllib.load(stream)["project"]["version"]
    assert extension_zip.name == f"mocapanything_addon-{version}.zip"


def test_holds_all_code_and_weights(names: set[str]) -> None:
    wanted = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*")
        if path.suffix in {".py", ".safetensors", ".toml", ".md"} and "__pycache__" not in path.parts
    }
    assert wanted <= names
    assert "LICENSE" in names


def test_holds_nothing_else(names: set[str]) -> None:
    unwanted = [
        name
        for name in names
        if "__pycache__" in name or name.startswith(("tests/", ".")) or "/." in name or name.endswith(".pyc")
    ]
    assert unwanted == []


def test_states_what_the_worker_needs(extension_zip: Path) -> None:
    with (PROJECT / "pyproject.toml").open("rb") as stream:
        dependencies = tomllib.load(stream)["project"]["dependencies"]
    with zipfile.ZipFile(extension_zip) as archive:
        text = archive.read("worker/requirements.txt").decode()
    assert [line for line in text.splitlines() if line and not line.startswith("#")] == dependencies


def test_wrong_tag_is_refused(tmp_path: Path) -> None:
    """The validation of the build really looks at the tags."""
    sys.path.insert(0, str(PROJECT / "scripts"))
    try:
        from build_zip import extension_tool
    finally:
        sys.path.pop(0)
    tool, tags = extension_tool()
    (tmp_path / "__init__.py").touch()
    manifest = (PACKAGE / "blender_manifest.toml").read_text(encoding="utf-8")
    (tmp_path / "blender_manifest.toml").write_text(manifest.replace('"Tracking"', '"Teleportation"'))
    command = [sys.executable, str(tool), "validate", str(tmp_path), f"--valid-tags={tags}"]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    assert answer.returncode == 1
    assert "Teleportation" in answer.stdout + answer.stderr


def in_empty_profile(script: str, extension_zip: Path, profile: Path, *arguments: str) -> dict[str, object]:
    """Run a script of ``in_blender/`` beside an empty profile; what it printed as its last line, as JSON."""
    command = [sys.executable, str(IN_BLENDER / script), str(extension_zip), str(profile), *arguments]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    return json.loads(answer.stdout.splitlines()[-1])


def test_install_enable_disable_enable(extension_zip: Path, tmp_path: Path) -> None:
    found = in_empty_profile("enable_disable.py", extension_zip, tmp_path / "profile with späces")
    assert found["enabled"] == [True, False, True, False]
    traces = found["traces"]
    assert isinstance(traces, list)
    before, enabled, disabled, enabled_again, disabled_again = traces
    assert "class MOCAPANYTHING_OT_capture_from_video" in enabled
    assert "class MOCAPANYTHING_PT_capture" in enabled
    assert any(trace.startswith("handler") for trace in enabled)
    assert disabled == before
    assert enabled_again == enabled
    assert disabled_again == before
    assert found["sockets"] == []
    installed = tmp_path / "profile with späces" / "extensions" / "user_default" / "mocapanything_addon"
    assert found["install_command"] == f'"python" -m pip install -r "{installed}/worker/requirements.txt"'
    assert (installed / "worker" / "requirements.txt").is_file()


@pytest.mark.worker
def test_full_capture(extension_zip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the installed zip to keyframes, nothing made up: the bundled video on the bundled creature."""
    profile = tmp_path / "profile ü"
    monkeypatch.setenv("MOCAPANYTHING_PYTHON", os.environ.get("MOCAPANYTHING_PYTHON", sys.executable))
    samples = PROJECT / "samples" / "content"
    files = [str(samples / name) for name in ("quadruped.blend", "quadruped.mp4")]
    found = in_empty_profile("full_capture.py", extension_zip, profile, *files)
    assert found["result"] == ["FINISHED"]
    assert "quadruped" in str(found["action"])
    assert found["status"] == [found["action"], 13, ""]
    assert found["frames"] == [1, 13]
    first, last = np.array(found["poses"])
    assert np.isfinite([first, last]).all()
    assert np.abs(last - first).max() > 0.01 * np.ptp(first, axis=0).max()
    assert 0.0 < float(str(found["confidence"])) <= 1.0
    assert {"log.txt", "report.json", "request.json", "rig.npz", "solution.npz"} <= set(found["job_files"])
    assert str(found["job_folder"]).startswith(str(profile))
    assert not found["installed_files_changed"]
