# SPDX-License-Identifier: GPL-3.0-or-later
"""Capture from Video: blocking from scripts, modal in a window, and every way it ends."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import bpy
import pytest
from fake_capture import Captures, FakeRun, Interactive

import mocapanything_addon
from mocapanything_addon.jobs.errors import BadInputError, CancelledError, CaptureError
from mocapanything_addon.jobs.messages import Done, Failed, Progress
from mocapanything_addon.jobs.settings import CaptureSettings, Quality
from mocapanything_addon.operators import outcome, running
from mocapanything_addon.operators.capture_from_video import MOCAPANYTHING_OT_capture_from_video

pytestmark = pytest.mark.bpy

Invoke = Callable[..., Interactive]
Status = bpy.types.PropertyGroup


def capture(**options: str) -> set[str]:
    return bpy.ops.mocapanything.capture_from_video(**options)


# --- Blocking, as scripts call it ---


def test_blocks_until_the_action_is_written(
    captures: Captures, character: bpy.types.Object, status: Status
) -> None:
    assert capture(filepath="/videos/walk.mp4") == {"FINISHED"}
    assert captures.asked == [(character, "/videos/walk.mp4", CaptureSettings())]
    assert captures.run.calls == ["poll", "poll", "poll", "apply"]
    assert not running.is_running()
    assert status.has_result
    assert (status.action_name, status.frame_count, status.seconds) == ("walk on Armature", 24, 12.5)
    assert (status.confidence, status.outline_overlap) == (0.5, -1.0)
    assert (status.start_choice, status.start_count) == (2, 3)
    assert (status.subject_choice, status.subject_count) == (1, 2)
    assert Path(status.folder) == captures.run.folder


def test_takes_video_and_settings_from_the_scene(captures: Captures, character: bpy.types.Object) -> None:
    settings = bpy.context.scene.mocapanything
    settings.video = "//walk.mp4"
    settings.quality = "best"
    settings.use_range, settings.start, settings.end = True, 0.5, 2.0
    settings.use_fov, settings.fov = True, math.radians(40.0)
    settings.mask, settings.seed, settings.start_choice = "//mask", 7, 2
    settings.use_box, settings.box, settings.box_time = True, (10, 20, 110, 220), 0.25
    settings.subject_choice = 3
    settings.hold_contacts = settings.use_networks = False
    capture()
    ((_, video, asked),) = captures.asked
    assert video == "//walk.mp4"
    assert asked.quality is Quality.BEST
    assert (asked.start_seconds, asked.end_seconds, asked.mask, asked.seed) == (0.5, 2.0, "//mask", 7)
    assert asked.start_choice == 2
    assert asked.box == (10.0, 20.0, 110.0, 220.0, 0.25)
    assert asked.subject_choice == 3
    assert not asked.hold_contacts
    assert not asked.use_networks
    assert asked.fov_degrees == pytest.approx(40.0, abs=1e-4)


def test_switched_off_settings_do_not_count(captures: Captures, character: bpy.types.Object) -> None:
    settings = bpy.context.scene.mocapanything
    settings.start, settings.end, settings.fov = 5.0, 1.0, 1.0
    settings.box = 1, 2, 30, 40
    capture(filepath="walk.mp4")
    assert captures.asked[0][2] == CaptureSettings()


def test_end_zero_is_the_end_of_the_video(captures: Captures, character: bpy.types.Object) -> None:
    settings = bpy.context.scene.mocapanything
    settings.use_range, settings.start = True, 1.5
    capture(filepath="walk.mp4")
    assert captures.asked[0][2] == CaptureSettings(start_seconds=1.5)


def test_a_mesh_stands_for_its_armature(captures: Captures, character: bpy.types.Object) -> None:
    bpy.ops.mesh.primitive_cube_add()
    bpy.context.object.modifiers.new("Armature", "ARMATURE").object = character
    capture(filepath="walk.mp4")
    assert captures.asked[0][0] == character


def test_contradicting_settings_are_refused(
    captures: Captures, character: bpy.types.Object, status: Status
) -> None:
    settings = bpy.context.scene.mocapanything
    settings.use_range, settings.start, settings.end = True, 2.0, 1.0
    with pytest.raises(RuntimeError, match="end time must lie after"):
        capture(filepath="walk.mp4")
    assert captures.asked == []
    assert "end time" in status.error


def test_refusal_raises_in_scripts(captures: Captures, character: bpy.types.Object, status: Status) -> None:
    captures.refusal = BadInputError("There is no video at /x.mp4.", "Choose another video.")
    with pytest.raises(RuntimeError, match=r"There is no video at /x\.mp4\. Choose another video\."):
        capture(filepath="/x.mp4")
    assert status.error == "There is no video at /x.mp4. Choose another video."
    assert not running.is_running()


def test_failure_of_the_worker_raises_and_keeps_the_log(
    captures: Captures, character: bpy.types.Object, status: Status
) -> None:
    captures.run = FakeRun(captures.run.folder, [Failed(CaptureError("It broke.", "Its log is /l.txt."))])
    with pytest.raises(RuntimeError, match=r"It broke\. Its log is /l\.txt\."):
        capture(filepath="walk.mp4")
    assert captures.run.calls == ["poll"]
    assert Path(status.folder) == captures.run.folder
    assert not running.is_running()
    assert not bpy.data.actions


def test_failure_while_writing_the_action(
    captures: Captures, character: bpy.types.Object, status: Status
) -> None:
    captures.run.error_on_apply = BadInputError("The armature is gone.")
    with pytest.raises(RuntimeError, match="The armature is gone"):
        capture(filepath="walk.mp4")
    assert not status.has_result
    assert not running.is_running()


def test_a_bug_leaves_no_worker_behind(captures: Captures, character: bpy.types.Object) -> None:
    captures.run.said = []  # poll() raises IndexError
    with pytest.raises(RuntimeError, match="pop from empty list"):
        capture(filepath="walk.mp4")
    assert captures.run.calls[-1] == "close"
    assert not running.is_running()
    captures.run = FakeRun(captures.run.folder)
    assert capture(filepath="walk.mp4") == {"FINISHED"}


def test_warnings_do_not_raise(captures: Captures, character: bpy.types.Object, status: Status) -> None:
    captures.run.warnings = ("The subject leaves the image.", "Two bones are driven.")
    assert capture(filepath="walk.mp4") == {"FINISHED"}
    assert [line.text for line in status.warnings] == list(captures.run.warnings)


def test_a_new_capture_forgets_the_last_outcome(
    captures: Captures, character: bpy.types.Object, status: Status
) -> None:
    captures.run = FakeRun(captures.run.folder, [Failed(CaptureError("It broke."))])
    with pytest.raises(RuntimeError):
        capture(filepath="walk.mp4")
    captures.run = FakeRun(captures.run.folder)
    capture(filepath="walk.mp4")
    assert (status.error, status.has_result) == ("", True)


# --- Modal, in a window ---


def start(invoked: Invoke, **properties: str) -> Interactive:
    properties = {"filepath": "/videos/walk.mp4", **properties}
    return invoked(MOCAPANYTHING_OT_capture_from_video, **properties)


def test_modal_goes_on_with_timer_events_only(captures: Captures, invoked: Invoke, status: Status) -> None:
    window = start(invoked)
    assert window.invoke() == {"RUNNING_MODAL"}
    assert window.window_manager.modal == [window.operator]
    assert len(window.window_manager.timers) == 1
    assert captures.run.calls == []
    assert window.event("MOUSEMOVE") == {"PASS_THROUGH"}
    assert captures.run.calls == []
    assert window.event("TIMER") == {"PASS_THROUGH"}
    assert (status.text, status.factor) == ("Reading the video 1/2", 0.5)
    assert callable(window.status_texts[-1])
    assert window.event("TIMER") == {"PASS_THROUGH"}
    assert window.event("TIMER") == {"FINISHED"}
    assert captures.run.calls[-1] == "apply"
    assert status.has_result
    assert_nothing_is_left(window, status)


def assert_nothing_is_left(window: Interactive, status: Status) -> None:
    assert not running.is_running()
    assert window.window_manager.timers == []
    assert window.status_texts[-1] is None
    assert status.text == ""


def test_only_the_end_makes_an_undo_step() -> None:
    """UNDO pushes once, when the operator has FINISHED; with REGISTER one could "adjust" a whole capture."""
    assert MOCAPANYTHING_OT_capture_from_video.bl_options == {"UNDO"}


def test_escape_asks_to_cancel_and_waits_for_the_worker(
    captures: Captures, invoked: Invoke, status: Status
) -> None:
    window = start(invoked)
    window.invoke()
    window.event("TIMER")
    assert window.event("ESC") == {"RUNNING_MODAL"}
    assert window.event("ESC", "RELEASE") == {"PASS_THROUGH"}
    assert window.event("ESC") == {"RUNNING_MODAL"}
    assert captures.run.calls.count("cancel") == 1
    assert status.text == "Cancelling"
    assert window.event("TIMER") == {"CANCELLED"}
    assert "apply" not in captures.run.calls
    assert window.reports == [({"INFO"}, "Capture cancelled")]
    assert status.error == ""
    assert_nothing_is_left(window, status)


def test_cancel_button(captures: Captures, invoked: Invoke, status: Status) -> None:
    window = start(invoked)
    window.invoke()
    assert bpy.ops.mocapanything.cancel_capture() == {"FINISHED"}
    assert captures.run.calls == ["cancel"]
    assert window.event("TIMER") == {"CANCELLED"}
    assert_nothing_is_left(window, status)


def test_progress_that_comes_after_the_cancel_does_not_hide_it(
    captures: Captures, invoked: Invoke, status: Status
) -> None:
    class LateRun(FakeRun):
        def poll(self) -> list[object]:
            return [Progress("decode", 2, 2)]

    captures.run = LateRun(captures.run.folder)
    window = start(invoked)
    window.invoke()
    window.event("ESC")
    window.event("TIMER")
    assert status.text == "Cancelling"
    running.abort()


def test_blender_taking_the_operator_away_ends_the_worker(
    captures: Captures, invoked: Invoke, status: Status
) -> None:
    window = start(invoked)
    window.invoke()
    window.operator.cancel(window.context)
    assert captures.run.calls == ["close"]
    assert_nothing_is_left(window, status)


def test_loading_a_file_ends_the_capture(captures: Captures, character: bpy.types.Object) -> None:
    running.begin(captures.run)
    bpy.ops.wm.read_homefile(app_template="")
    assert captures.run.calls == ["close"]
    assert not running.is_running()
    assert bpy.context.window_manager.mocapanything.text == ""


def test_loading_a_file_forgets_the_outcome(
    captures: Captures, character: bpy.types.Object, tmp_path: Path
) -> None:
    capture(filepath="walk.mp4")
    path = str(tmp_path / "saved.blend")
    bpy.ops.wm.save_as_mainfile(filepath=path)
    bpy.ops.wm.open_mainfile(filepath=path, load_ui=True)
    status = bpy.context.window_manager.mocapanything
    assert not status.has_result
    assert status.folder == ""


def test_disabling_the_extension_ends_the_capture(captures: Captures, character: bpy.types.Object) -> None:
    running.begin(captures.run)
    mocapanything_addon.unregister()
    try:
        assert captures.run.calls == ["close"]
        assert not running.is_running()
    finally:
        mocapanything_addon.register()


def test_modal_after_the_capture_was_ended_from_outside(captures: Captures, invoked: Invoke) -> None:
    window = start(invoked)
    window.invoke()
    running.abort()
    assert window.event("TIMER") == {"CANCELLED"}


def test_a_bug_in_a_step_cleans_up(captures: Captures, invoked: Invoke, status: Status) -> None:
    captures.run.said = []
    window = start(invoked)
    window.invoke()
    with pytest.raises(IndexError):
        window.event("TIMER")
    assert captures.run.calls[-1] == "close"
    assert_nothing_is_left(window, status)


def test_error_is_reported_not_raised_in_a_window(
    captures: Captures, invoked: Invoke, status: Status
) -> None:
    captures.run = FakeRun(captures.run.folder, [Failed(CaptureError("It broke.", "Its log is /l.txt."))])
    window = start(invoked)
    window.invoke()
    assert window.event("TIMER") == {"CANCELLED"}
    assert window.reports == [({"ERROR"}, "It broke. Its log is /l.txt.")]
    assert status.error == "It broke. Its log is /l.txt."
    assert_nothing_is_left(window, status)


def test_several_messages_in_one_step(captures: Captures, invoked: Invoke) -> None:
    captures.run = FakeRun(captures.run.folder, [Progress("decode", 1, 1), Progress("fit", 0, 0), Done()])
    window = start(invoked)
    window.invoke()
    assert window.event("TIMER") == {"FINISHED"}


def test_unknown_stages_show_their_own_name(captures: Captures, invoked: Invoke, status: Status) -> None:
    captures.run = FakeRun(captures.run.folder, [Progress("start_search", 0, 0)], [Failed(CancelledError())])
    window = start(invoked)
    window.invoke()
    window.event("TIMER")
    assert status.text == "Start search"
    window.event("TIMER")


def test_without_a_video_it_asks_for_one(captures: Captures, invoked: Invoke) -> None:
    window = start(invoked, filepath="")
    assert window.invoke() == {"RUNNING_MODAL"}
    assert window.window_manager.browsing == [window.operator]
    assert captures.asked == []
    window.operator.filepath = "/videos/chosen.mp4"
    assert window.operator.execute(window.context) == {"RUNNING_MODAL"}
    assert captures.asked[0][1] == "/videos/chosen.mp4"
    assert bpy.context.scene.mocapanything.video == "/videos/chosen.mp4"
    running.abort()


# --- When it is offered ---


def test_needs_a_character() -> None:
    with pytest.raises(RuntimeError, match="Select a rigged character"):
        capture(filepath="walk.mp4")


def test_a_mesh_without_armature_is_no_character() -> None:
    bpy.ops.mesh.primitive_cube_add()
    assert not bpy.ops.mocapanything.capture_from_video.poll()


def test_not_in_edit_mode(character: bpy.types.Object) -> None:
    bpy.ops.object.mode_set(mode="EDIT")
    with pytest.raises(RuntimeError, match="Object Mode or Pose Mode"):
        capture(filepath="walk.mp4")
    bpy.ops.object.mode_set(mode="POSE")
    assert bpy.ops.mocapanything.capture_from_video.poll()


def test_not_twice_at_once(captures: Captures, character: bpy.types.Object) -> None:
    running.begin(captures.run)
    with pytest.raises(RuntimeError, match="A capture is running"):
        capture(filepath="walk.mp4")


def test_not_on_a_linked_character(captures: Captures, character: bpy.types.Object, tmp_path: Path) -> None:
    library = str(tmp_path / "library.blend")
    character.name = "Linked"
    bpy.ops.wm.save_as_mainfile(filepath=library)
    bpy.ops.wm.read_factory_settings(use_empty=True)
    with bpy.data.libraries.load(library, link=True) as (_, wanted):
        wanted.objects = ["Linked"]
    linked = bpy.data.objects["Linked"]
    bpy.context.collection.objects.link(linked)
    bpy.context.view_layer.objects.active = linked
    with pytest.raises(RuntimeError, match="library override"):
        capture(filepath="walk.mp4")
    override = linked.override_create(remap_local_usages=True)
    bpy.context.view_layer.objects.active = override
    assert bpy.ops.mocapanything.capture_from_video.poll()


def test_a_long_error_is_broken_into_lines() -> None:
    error = CaptureError("No Python is named.", f"Run: pip install {'opencv-python-headless ' * 12}then.")
    report = outcome.report_of(error)
    assert "".join(report.split("\n")) == str(error)
    assert 1 < max(map(len, report.split("\n"))) <= 111
