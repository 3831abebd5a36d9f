# SPDX-License-Identifier: GPL-3.0-or-later
"""What the sidebar panel, the menus and the preferences draw."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import bpy
import pytest
from recording_layout import RecordingLayout

import mocapanything_addon
from mocapanything_addon.operators import running
from mocapanything_addon.panels import subject_pictures
from mocapanything_addon.panels.capture import MOCAPANYTHING_PT_capture, duration, line_length, wrapped
from mocapanything_addon.panels.menus import draw_capture_item
from mocapanything_addon.panels.subject_pictures import subject_icons
from mocapanything_addon.preferences import MOCAPANYTHING_AP_preferences

pytestmark = pytest.mark.bpy

CAPTURE = "mocapanything.capture_from_video"
CANCEL = "mocapanything.cancel_capture"
PICK = "mocapanything.pick_subject"


@pytest.fixture(autouse=True)
def extension() -> Iterator[None]:
    bpy.ops.wm.read_factory_settings(use_empty=True)
    mocapanything_addon.register()
    yield
    mocapanything_addon.unregister()


@pytest.fixture
def status() -> object:
    return bpy.context.window_manager.mocapanything


def draw_panel(*, open_panels: bool = True) -> RecordingLayout:
    layout = RecordingLayout(open_panels=open_panels)
    MOCAPANYTHING_PT_capture.draw(SimpleNamespace(layout=layout), bpy.context)
    return layout


def test_empty_scene_says_what_to_do() -> None:
    layout = draw_panel(open_panels=False)
    assert "Select a Character" in layout.texts("label")
    assert layout.texts("operator") == [CAPTURE]


def test_names_the_armature_of_the_active_mesh() -> None:
    bpy.ops.object.armature_add()
    armature = bpy.context.object
    armature.name = "Ünï Dog"
    bpy.ops.mesh.primitive_cube_add()
    bpy.context.object.parent = armature
    bpy.context.object.parent_type = "ARMATURE"
    assert "Ünï Dog" in draw_panel().texts("label")


def test_shows_every_setting() -> None:
    settings = set(bpy.context.scene.mocapanything.bl_rna.properties.keys()) - {"rna_type", "name"}
    assert set(draw_panel().texts("prop")) == settings - {"clicks"}  # which are shown in words


def test_download_of_a_segmenter_can_be_watched_and_cancelled(status) -> None:
    assert "mocapanything.get_segmenter" in draw_panel().texts("operator")
    status.download_text, status.download_factor = "U-2-Net 3 of 176 MB", 0.02
    layout = draw_panel()
    assert "U-2-Net 3 of 176 MB" in layout.texts("progress")
    assert "mocapanything.cancel_download" in layout.texts("operator")
    assert "mocapanything.get_segmenter" not in layout.texts("operator")


def test_segmenter_is_dimmed_where_a_mask_takes_its_place() -> None:
    assert "segmenter" not in draw_panel().dimmed
    bpy.context.scene.mocapanything.mask = "//mask.mp4"
    assert "segmenter" in draw_panel().dimmed


def test_folded_options_show_the_important_settings_only() -> None:
    assert draw_panel(open_panels=False).texts("prop") == ["video", "quality"]


def test_start_pose_comes_out_of_the_options_where_it_can_be_chosen(status) -> None:
    status.has_result, status.start_choice, status.start_count = True, 1, 3
    assert draw_panel(open_panels=False).texts("prop") == ["video", "quality", "start_choice"]
    assert draw_panel().texts("prop").count("start_choice") == 1
    assert "Start pose 1 of 3" in draw_panel().texts("label")
    status.start_count = 1
    assert draw_panel(open_panels=False).texts("prop") == ["video", "quality"]


def test_subject_comes_out_of_the_options_where_it_can_be_chosen(status) -> None:
    status.has_result, status.subject_choice, status.subject_count = True, 1, 2
    assert draw_panel(open_panels=False).texts("prop") == ["video", "quality", "subject_choice"]
    assert draw_panel().texts("prop").count("subject_choice") == 1
    assert "Subject 1 of 2" in draw_panel().texts("label")


def with_pictures(folder: Path, count: int) -> None:
    (folder / "subjects").mkdir()
    image = bpy.data.images.new("picture", 16, 8)
    for number in range(1, count + 1):
        image.save(filepath=str(folder / "subjects" / f"{number}.png"))
    bpy.data.images.remove(image)


def test_subjects_are_shown_to_choose_from(status, tmp_path: Path) -> None:
    with_pictures(tmp_path, 3)
    status.has_result, status.subject_choice, status.subject_count = True, 2, 3
    status.folder = str(tmp_path)
    bpy.context.scene.mocapanything.subject_choice = 3
    layout = draw_panel(open_panels=False)
    assert len(layout.texts("template_icon")) == 3
    buttons = [keywords for name, text, keywords, _ in layout.drawn if text == "wm.context_set_int"]
    assert [button["text"] for button in buttons] == ["1", "2", "3"]
    assert [button["icon"] for button in buttons] == ["NONE", "CHECKMARK", "NONE"]
    assert [button["depress"] for button in buttons] == [False, False, True]
    assert [o.data_path for o in layout.operators["wm.context_set_int"]] == [
        "scene.mocapanything.subject_choice"
    ] * 3
    assert [o.value for o in layout.operators["wm.context_set_int"]] == [1, 2, 3]


def test_a_click_on_a_picture_chooses_its_subject() -> None:
    """What the buttons do is Blender's own operator; this is what they ask of it."""
    bpy.ops.wm.context_set_int(data_path="scene.mocapanything.subject_choice", value=2)
    assert bpy.context.scene.mocapanything.subject_choice == 2


def test_pictures_of_another_capture_replace_the_earlier_ones(status, tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        with_pictures(tmp_path / name, 2)
    assert len(subject_icons(str(tmp_path / "one"), 2)) == 2
    assert len(subject_icons(str(tmp_path / "two"), 2)) == 2
    assert subject_icons(str(tmp_path / "gone"), 2) == subject_icons("", 2) == []
    assert sorted(subject_pictures._pictures.keys()) == ["1.png", "2.png"]
    mocapanything_addon.unregister()
    assert subject_pictures._pictures is None
    mocapanything_addon.register()


def test_what_is_pointed_at_is_never_hidden_and_says_what_counts() -> None:
    settings = bpy.context.scene.mocapanything
    for is_other in (False, False, True):
        click = settings.clicks.add()
        click.time, click.is_other = 1.5, is_other
    assert {"2 on it, 1 beside it", "At 1.50 s"} <= set(draw_panel().texts("label"))
    assert draw_panel(open_panels=False).texts("prop") == ["video", "quality"]
    settings.use_clicks = settings.use_box = True
    layout = draw_panel(open_panels=False)
    assert {"use_clicks", "use_box", "box_time"} <= set(layout.texts("prop"))
    assert PICK in layout.texts("operator")
    assert "box_time" in layout.dimmed
    assert "use_clicks" not in layout.dimmed
    assert draw_panel().texts("prop").count("use_clicks") == 1
    settings.mask = "/masks"
    assert {"use_clicks", "box_time"} <= draw_panel().dimmed
    settings.clicks[1].time = 2.0
    assert {"2 on it, 1 beside it", "In 2 moments"} <= set(draw_panel().texts("label"))


def test_switches_are_dimmed_where_they_make_no_difference() -> None:
    switches = {"hold_contacts", "use_networks"}
    assert not draw_panel().dimmed & switches
    bpy.context.scene.mocapanything.quality = "fast"
    assert draw_panel().dimmed >= switches
    assert "seed" not in draw_panel().dimmed


def test_another_start_pose_than_the_best_is_never_hidden() -> None:
    bpy.context.scene.mocapanything.start_choice = 2
    assert draw_panel(open_panels=False).texts("prop") == ["video", "quality", "start_choice"]


def test_progress_and_cancel_replace_the_button(status, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "is_running", lambda: True)
    status.text, status.factor = "Reading the video 12/300", 0.04
    layout = draw_panel(open_panels=False)
    assert layout.texts("progress") == ["Reading the video 12/300"]
    assert layout.texts("operator") == [CANCEL]
    shown = [(text, enabled) for name, text, _, enabled in layout.drawn if name in {"prop", "operator"}]
    assert [text for text, enabled in shown if enabled] == [CANCEL]


def test_shows_the_result(status) -> None:
    status.has_result = True
    status.action_name = "dog on Rex"
    status.frame_count = 48
    status.seconds = 75.0
    status.confidence = 0.666
    status.outline_overlap = 0.875
    status.folder = "/somewhere"
    labels = draw_panel().texts("label")
    assert {"dog on Rex", "48 frames in 1 min 15 s", "Confidence 67%", "Outline overlap 88%"} <= set(labels)
    assert "mocapanything.open_log" in draw_panel().texts("operator")


def test_result_without_measured_overlap_does_not_show_one(status) -> None:
    status.has_result = True
    status.outline_overlap = -1.0
    assert not [label for label in draw_panel().texts("label") if "overlap" in label]


def test_result_without_folder_offers_no_log(status) -> None:
    status.has_result = True
    assert draw_panel(open_panels=False).texts("operator") == [CAPTURE]


def test_long_errors_and_many_warnings_stay_readable(status) -> None:
    status.error = "The video /home/me/very long name of a file.mp4 cannot be read. Is it damaged?"
    for number in range(5):
        status.warnings.add().text = f"Warning {number} " + "word " * 30
    labels = draw_panel().texts("label")
    assert "2 more in the log" in labels
    assert max(map(len, labels)) <= 24
    assert any(label.startswith("The video") for label in labels)


def test_drawing_changes_nothing(status) -> None:
    status.error = "Something"

    def values() -> list[str]:
        return [repr(getattr(status, prop.identifier)) for prop in status.bl_rna.properties]

    before = values()
    draw_panel()
    assert values() == before


@pytest.mark.parametrize("name", ["VIEW3D_MT_object_animation", "VIEW3D_MT_pose"])
def test_is_in_the_menus(name: str) -> None:
    assert draw_capture_item in getattr(bpy.types, name).draw._draw_funcs
    layout = RecordingLayout()
    draw_capture_item(SimpleNamespace(layout=layout), bpy.context)
    assert layout.texts("operator") == [CAPTURE]


def test_preferences_show_what_the_check_found(status) -> None:
    addon = bpy.context.preferences.addons.new()
    addon.module = "mocapanything_addon"
    try:
        line = status.worker_check.add()
        line.text, line.is_problem = "torch: missing", True
        status.install_command = "pip install torch"
        layout = RecordingLayout()
        preferences = SimpleNamespace(layout=layout, bl_rna=addon.preferences.bl_rna)
        MOCAPANYTHING_AP_preferences.draw(preferences, bpy.context)
    finally:
        bpy.context.preferences.addons.remove(addon)
    assert set(MOCAPANYTHING_AP_preferences.__annotations__) <= set(layout.texts("prop"))
    assert "install_command" in layout.texts("prop")
    assert "torch: missing" in layout.texts("label")


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("", [""]),
        ("short", ["short"]),
        ("one two three", ["one two", "three"]),
        ("averyverylongword x", ["averyverylongword", "x"]),
        ("a  b\nc", ["a b c"]),
    ],
)
def test_wrapping(text: str, lines: list[str]) -> None:
    assert wrapped(text, 8) == lines


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.2, "0 s"), (59.4, "59 s"), (59.6, "1 min 0 s"), (75, "1 min 15 s")]
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(("width", "scale", "length"), [(280, 1.0, 29), (560, 2.0, 29), (100, 1.0, 24)])
def test_line_length_follows_the_sidebar(width: int, scale: float, length: int) -> None:
    preferences = SimpleNamespace(system=SimpleNamespace(ui_scale=scale))
    context = SimpleNamespace(region=SimpleNamespace(width=width), preferences=preferences)
    assert line_length(context) == length
