# SPDX-License-Identifier: GPL-3.0-or-later
"""The worker's process for real, run by the real client; only the capture itself is a stand-in."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import jsonschema
import pytest

from mocapanything_addon.jobs.client import WorkerRun
from mocapanything_addon.jobs.errors import NOT_ALIKE, BadInputError, CancelledError, CaptureError
from mocapanything_addon.jobs.folder import JobFolder
from mocapanything_addon.jobs.messages import Done, Failed, Message, Progress, Warned
from mocapanything_addon.jobs.request import Request
from mocapanything_addon.jobs.rig import Rig
from mocapanything_addon.jobs.settings import CaptureSettings

SCRIPT = Path(__file__).with_name("scripted_worker.py")
REPOSITORY = Path(__file__).resolve().parents[2]
SCHEMA = json.loads((REPOSITORY / "docs" / "report.schema.json").read_text(encoding="utf-8"))
STAGES = ("decode", "mask", "start", "track")
RESULTS = {"solution.npz", "report.json", "overlay.mp4"}

pytestmark = pytest.mark.worker


@pytest.fixture
def job(tmp_path: Path, arm_rig: Rig) -> JobFolder:
    return JobFolder.create(tmp_path / "job", Request(video=tmp_path / "video.mp4"), arm_rig)


def start(job: JobFolder, behaviour: str, **options: float) -> WorkerRun:
    command = [sys.executable, "-u", str(SCRIPT), behaviour, str(job.path), "--parent", str(os.getpid())]
    return WorkerRun(job, command, **options)


def run_until_stage(run: WorkerRun, stage: str) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        messages = run.poll()
        assert not any(isinstance(m, Done | Failed) for m in messages), messages
        if any(isinstance(m, Progress) and m.stage == stage for m in messages):
            return
        time.sleep(0.01)
    pytest.fail(f"stage {stage} was never reached")


def left_in(job: JobFolder) -> set[str]:
    return {p.name for p in job.path.iterdir()} - {"request.json", "rig.npz", "log.txt"}


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def test_results_and_messages(job: JobFolder) -> None:
    heard: list[Message] = []
    start(job, "work").wait(heard.append)
    assert left_in(job) == {"solution.npz", "report.json", "residuals.png", "mask.mp4", "starts"}
    assert job.load_solution().positions.shape == (3, 3, 3)
    stages = list(dict.fromkeys(m.stage for m in heard if isinstance(m, Progress)))
    assert stages == ["worker", *STAGES, "write"]
    assert [m for m in heard if isinstance(m, Warned)] == [Warned("nothing was filmed")]
    assert [m for m in heard if isinstance(m, Done | Failed)] == [Done()]
    assert heard[-1] == Done()


def test_report_of_a_run(job: JobFolder) -> None:
    start(job, "work").wait()
    report = job.load_report()
    assert report["frames"] == 3
    assert report["warnings"] == ["two bones are few", "nothing was filmed"]
    assert set(STAGES) <= set(report["seconds"])  # type: ignore[arg-type]


def test_a_refusal_leaves_its_report_and_pictures_and_no_motion(tmp_path: Path, arm_rig: Rig) -> None:
    settings = CaptureSettings(refuse_unlike=True)
    request = Request(video=tmp_path / "video.mp4", settings=settings)
    job = JobFolder.create(tmp_path / "job", request, arm_rig)
    with pytest.raises(CaptureError) as caught:
        start(job, "unlike").wait()
    assert caught.value.code == NOT_ALIKE
    assert str(caught.value) == "This does not look like your character. Look."
    assert left_in(job) == {"report.json", "mask.mp4", "starts"}
    report = job.load_report()
    jsonschema.validate(report, SCHEMA)
    assert report["verdict"]["refused"] is True  # type: ignore[index]
    assert report["warnings"] == ["two bones are few", "This does not look like your character."]
    assert report["frames"] == 3
    assert report["camera"] is None
    assert "Traceback" not in job.log_path.read_text(encoding="utf-8")


def test_what_looks_wrong_is_captured_with_a_warning_unless_it_shall_be_refused(job: JobFolder) -> None:
    start(job, "unlike").wait()
    report = job.load_report()
    jsonschema.validate(report, SCHEMA)
    assert report["verdict"] == {
        "probability": 0.07,
        "looks_alike": False,
        "picture": "starts/1.png",
        "refused": False,
    }
    assert "This does not look like your character." in report["warnings"]  # type: ignore[operator]


def test_prints_of_libraries_go_to_the_log(job: JobFolder) -> None:
    start(job, "noisy").wait()
    log = job.log_path.read_text(encoding="utf-8")
    assert "from a library" in log
    assert '{"type": "done"}' in log
    assert job.report_path.exists()  # the printed "done" did not end the run early


def test_settings_and_paths_survive_the_boundary(tmp_path: Path, arm_rig: Rig) -> None:
    video = tmp_path / "a 'quoted' \"näme\" 動画.mp4"
    folder = tmp_path / "job 'with' \"quotes\" and ünïcode 猫"
    job = JobFolder.create(folder, Request(video=video), arm_rig)
    with pytest.raises(BadInputError) as caught:
        start(job, "bad_input").wait()
    assert str(video) in caught.value.message
    assert caught.value.code == "video_missing"
    assert caught.value.hint == "Choose another."
    start(job, "work").wait()
    assert job.load_report()["video"]["path"] == str(video)  # type: ignore[index]


def test_unexpected_error_has_its_traceback_in_the_log_only(job: JobFolder) -> None:
    with pytest.raises(CaptureError, match="ZeroDivisionError: of a secret kind") as caught:
        start(job, "bug").wait()
    assert caught.value.code == "internal"
    assert str(job.log_path) in caught.value.hint
    assert "Traceback" not in str(caught.value)
    assert "Traceback" in job.log_path.read_text(encoding="utf-8")
    assert left_in(job) == set()


@pytest.mark.parametrize(
    ("behaviour", "code"),
    [
        ("disk_full", "disk_full"),
        ("small_disk", "disk_full"),
        ("no_memory", "out_of_memory"),
        ("unwritable", "cannot_write"),
    ],
)
def test_errors_of_the_system(job: JobFolder, behaviour: str, code: str) -> None:
    with pytest.raises(CaptureError) as caught:
        start(job, behaviour).wait()
    assert caught.value.code == code
    assert not any(p.name.startswith(".") for p in job.path.iterdir())


@pytest.mark.parametrize("stage", STAGES)
def test_cancel_at_every_stage(job: JobFolder, stage: str) -> None:
    run = start(job, f"endless_{stage}")
    run_until_stage(run, stage)
    asked = time.monotonic()
    run.cancel()
    with pytest.raises(CancelledError):
        run.wait()
    assert time.monotonic() - asked < 2.0
    assert not is_alive(run.pid)
    assert left_in(job) == set()
    assert run.poll() == []


def test_cancel_of_a_stage_that_does_not_listen(job: JobFolder) -> None:
    run = start(job, "stuck")
    run_until_stage(run, "decode")
    asked = time.monotonic()
    run.cancel()
    with pytest.raises(CancelledError):
        run.wait()
    assert time.monotonic() - asked < 2.0
    assert not is_alive(run.pid)
    assert not left_in(job) & RESULTS


def test_cancel_before_the_worker_can_hear(job: JobFolder) -> None:
    run = start(job, "work")
    run.cancel()
    with pytest.raises(CancelledError):
        run.wait()
    assert not is_alive(run.pid)


def test_interrupt_signal_cancels(job: JobFolder) -> None:
    run = start(job, "endless_mask")
    run_until_stage(run, "mask")
    os.kill(run.pid, 2)
    with pytest.raises(CancelledError):
        run.wait()


def test_exception_of_a_listener_ends_the_worker(job: JobFolder) -> None:
    run = start(job, "endless_mask")

    def press_ctrl_c(message: Message) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run.wait(press_ctrl_c)
    assert run.finished
    assert not is_alive(run.pid)


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks at processes through /proc")
@pytest.mark.parametrize("behaviour", ["endless_mask", "stuck"])
def test_worker_ends_when_its_parent_is_killed(job: JobFolder, behaviour: str) -> None:
    """A parent of its own starts the worker, says its process id, and is killed."""
    code = f"""
import sys, time, os
sys.path[:0] = {[str(REPOSITORY), str(SCRIPT.parent)]!r}
from pathlib import Path
from mocapanything_addon.jobs.folder import JobFolder
from test_process import start, run_until_stage
run = start(JobFolder(Path({str(job.path)!r})), {behaviour!r})
run_until_stage(run, "decode")
print(run.pid, flush=True)
time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        worker = int(parent.stdout.readline())
        assert is_alive(worker)
        parent.kill()
        killed = time.monotonic()
        while is_alive(worker) and time.monotonic() - killed < 5:
            time.sleep(0.02)
        assert time.monotonic() - killed < 2.0
    assert not left_in(job) & RESULTS


def test_read_only_job_folder(job: JobFolder) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may write anywhere")
    job.path.chmod(0o500)
    try:
        with pytest.raises(BadInputError, match="no permission"):
            start(job, "work")
    finally:
        job.path.chmod(0o700)


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("request.json", b"", "request_damaged"),
        ("request.json", b"[1]", "request_damaged"),
        ("request.json", b'{"schema_version": 99}', "schema_mismatch"),
        ("request.json", b'{"schema_version": 1, "video": 7}', "request_damaged"),
        ("rig.npz", b"no rig", "rig_damaged"),
    ],
)
def test_damaged_job(job: JobFolder, name: str, content: bytes, code: str) -> None:
    (job.path / name).write_bytes(content)
    with pytest.raises(CaptureError) as caught:
        start(job, "work").wait()
    assert caught.value.code == code


def test_request_missing(job: JobFolder) -> None:
    job.request_path.unlink()
    with pytest.raises(CaptureError, match="no job folder"):
        start(job, "work").wait()


def test_rig_of_another_version(job: JobFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    rig = job.load_rig()
    monkeypatch.setattr("mocapanything_addon.jobs.rig.SCHEMA_VERSION", 99)
    rig.save(job.rig_path)
    with pytest.raises(CaptureError, match="schema version 99"):
        start(job, "work").wait()


def test_terminal_message_is_one_line_of_json(job: JobFolder) -> None:
    command = [sys.executable, str(SCRIPT), "bad_input", str(job.path)]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    assert answer.returncode == 2
    terminal = [m for m in map(json.loads, answer.stdout.splitlines()) if m["type"] in ("done", "error")]
    assert [m["type"] for m in terminal] == ["error"]
    assert terminal[0]["exit_code"] == 2
