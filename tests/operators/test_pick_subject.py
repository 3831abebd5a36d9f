# SPDX-License-Identifier: GPL-3.0-or-later
"""Pick in Video: from the button to the settings, and that nothing is left behind however it ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import ClassVar

import bpy
import pytest
from fake_capture import Interactive

import mocapanything_addon
from mocapanything_addon import api
from mocapanything_addon.jobs.errors import BadInputError, CaptureError
from mocapanything_addon.jobs.settings import CaptureSettings
from mocapanything_addon.jobs.stills import Still, Stills
from mocapanything_addon.operators import pick_session
from mocapanything_addon.operators.pick_subject import MOCAPANYTHING_OT_pick_subject
from mocapanything_addon.operators.video_picture import VideoPicture, window_region
from mocapanything_addon.properties import capture_settings

pytestmark = pytest.mark.bpy

WIDTH, HEIGHT = 640, 360


class FakeStills:
    """Stands in for ``api.StillsRun``: three pictures at the second poll."""

    made: ClassVar[list[FakeStills]] = []
    error: CaptureError | None = None

    def __init__(self, video: str, settings: CaptureSettings) -> None:
        self.video, self.settings = video, settings
        self.polled, self.closed = 0, 0
        FakeStills.made.append(self)

    def poll(self) -> Stills | None:
        self.polled += 1
        if self.polled < 2:
            return None
        if FakeStills.error is not None:
            raise FakeStills.error
        return Stills(self.folder, WIDTH, HEIGHT, tuple(Still(f"{n}.png", 0.5 * n) for n in range(3)))

    folder = Path()

    def close(self) -> None:
        self.closed += 1


@pytest.fixture
def stills(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[FakeStills]:
    image = bpy.data.images.new("picture", 64, 36)
    for number in range(3):
        image.save(filepath=str(tmp_path / f"{number}.png"))
    bpy.data.images.remove(image)
    monkeypatch.setattr(FakeStills, "folder", tmp_path)
    monkeypatch.setattr(FakeStills, "made", [])
    monkeypatch.setattr(FakeStills, "error", None)
    monkeypatch.setattr(api, "StillsRun", FakeStills)
    # Without a window no view is ever laid out: a pixel of the region is one of the video here, from below.
    monkeypatch.setattr(VideoPicture, "place", lambda self, region, x, y: (float(x), float(HEIGHT - y)))
    return FakeStills.made


@pytest.fixture
def window(stills: list[FakeStills], invoked: Callable[..., Interactive]) -> Iterator[Interactive]:
    bpy.context.scene.mocapanything.video = "/videos/walk.mp4"
    yield invoked(MOCAPANYTHING_OT_pick_subject)
    pick_session.end()


def opened(window: Interactive) -> Interactive:
    assert window.invoke() == {"RUNNING_MODAL"}
    assert window.event("TIMER") == {"RUNNING_MODAL"}
    assert window.event("TIMER") == {"RUNNING_MODAL"}
    return window


def at(window: Interactive, x: int, y: int) -> tuple[int, int]:
    """Where in the window a pixel of the video is."""
    region = window_region(window.area)
    return region.x + x, region.y + HEIGHT - y


def click(window: Interactive, x: int, y: int, *, ctrl: bool = False) -> None:
    assert window.event("LEFTMOUSE", "PRESS", at(window, x, y), ctrl=ctrl) == {"RUNNING_MODAL"}
    assert window.event("LEFTMOUSE", "RELEASE", at(window, x, y), ctrl=ctrl) == {"RUNNING_MODAL"}


def assert_nothing_is_left(window: Interactive, stills: list[FakeStills]) -> None:
    assert pick_session.current() is None
    assert window.area.type == "VIEW_3D"
    assert not bpy.data.images
    assert window.window_manager.timers == []
    assert window.status_texts[-1] is None
    assert [made.closed for made in stills] == [1]


def test_clicks_get_into_the_settings(window: Interactive, stills: list[FakeStills]) -> None:
    settings = bpy.context.scene.mocapanything
    settings.use_range, settings.start = True, 0.25
    settings.use_box = True
    opened(window)
    assert (stills[0].video, stills[0].settings.start_seconds) == ("/videos/walk.mp4", 0.25)
    assert window.area.type == "IMAGE_EDITOR"
    assert len(bpy.data.images) == 1
    assert callable(window.status_texts[-1])
    window.event("RIGHT_ARROW")
    click(window, 100, 50)
    click(window, 300, 60, ctrl=True)
    assert window.event("RET") == {"FINISHED"}, window.reports
    assert_nothing_is_left(window, stills)
    assert settings.use_clicks
    assert not settings.use_box
    asked = capture_settings(settings)
    assert asked.clicks == ((100.0, 50.0, 0.5),)
    assert asked.other_clicks == ((300.0, 60.0, 0.5),)
    assert asked.box is None
    settings.use_clicks = False
    assert capture_settings(settings).clicks == ()


def test_a_drag_is_a_box(window: Interactive, stills: list[FakeStills]) -> None:
    opened(window)
    click(window, 20, 20)
    window.event("LEFTMOUSE", "PRESS", at(window, 200, 150))
    window.event("MOUSEMOVE", "NOTHING", at(window, 150, 100))
    assert pick_session.current().picture.dragged == ((200.0, 150.0), (150.0, 100.0))
    window.event("LEFTMOUSE", "RELEASE", at(window, 80, 30))
    assert window.event("RET") == {"FINISHED"}
    settings = bpy.context.scene.mocapanything
    assert settings.use_box
    assert not settings.use_clicks
    assert list(settings.box) == [80, 30, 200, 150]
    assert settings.box_time == 0.0
    assert capture_settings(settings).clicks == ()
    assert_nothing_is_left(window, stills)


@pytest.mark.parametrize("key", ["ESC", "RIGHTMOUSE"])
@pytest.mark.parametrize("is_open", [True, False])
def test_cancelling_changes_nothing(
    window: Interactive, stills: list[FakeStills], key: str, is_open: bool
) -> None:
    if is_open:
        opened(window)
        click(window, 20, 20)
    else:
        window.invoke()
    assert window.event(key) == {"CANCELLED"}
    settings = bpy.context.scene.mocapanything
    assert (settings.use_clicks, settings.use_box, len(settings.clicks)) == (False, False, 0)
    assert_nothing_is_left(window, stills)


def test_other_moments_and_taking_back(
    window: Interactive, stills: list[FakeStills], monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr(VideoPicture, "tell", lambda self, area, words: said.append(words))
    opened(window)
    picture = pick_session.current().picture
    for key, number in (("LEFT_ARROW", 0), ("RIGHT_ARROW", 1), ("UP_ARROW", 2), ("DOWN_ARROW", 0)):
        window.event(key)
        assert picture.number == number
        assert len(bpy.data.images) == 1
        assert window.area.spaces.active.image == bpy.data.images[0]
    assert picture.words == "0.00 s, picture 1 of 3"
    click(window, 20, 20)
    assert said[-1] == "Clicks: 1 on the subject"
    window.event("BACK_SPACE")
    assert window.event("RET") == {"RUNNING_MODAL"}
    window.event("RET", "RELEASE")
    assert said[-1] == "Click on the subject first, or drag a box around it"
    window.event("ESC")
    assert_nothing_is_left(window, stills)


def test_an_image_editor_that_was_there_before_is_as_it_was(
    window: Interactive, stills: list[FakeStills]
) -> None:
    own = bpy.data.images.new("own", 8, 8)
    window.area.type = "IMAGE_EDITOR"
    space = window.area.spaces.active
    space.image, space.show_region_ui, space.show_gizmo = own, True, True
    window.area.type = "VIEW_3D"
    opened(window)
    space = window.area.spaces.active
    assert (space.show_region_ui, space.show_gizmo) == (False, False)
    window.event("ESC")
    assert list(bpy.data.images) == [own]
    window.area.type = "IMAGE_EDITOR"
    space = window.area.spaces.active
    assert (space.image, space.show_region_ui, space.show_gizmo) == (own, True, True)
    window.area.type = "VIEW_3D"


def test_only_zoom_and_pan_get_through(window: Interactive, stills: list[FakeStills]) -> None:
    opened(window)
    inside = at(window, 100, 100)
    for kind in ("WHEELUPMOUSE", "MIDDLEMOUSE", "TRACKPADPAN", "NUMPAD_PLUS", "HOME", "MOUSEMOVE"):
        assert window.event(kind, "PRESS", inside) == {"PASS_THROUGH"}
    assert window.event("S", "PRESS", inside, ctrl=True) == {"RUNNING_MODAL"}
    assert window.event("WHEELUPMOUSE", "PRESS", (-5, -5)) == {"RUNNING_MODAL"}
    window.event("LEFTMOUSE", "PRESS", (-5, -5))
    window.event("LEFTMOUSE", "RELEASE", inside)
    assert pick_session.current().picking.clicks == []
    window.event("ESC")


def test_a_video_that_cannot_be_read_is_told(window: Interactive, stills: list[FakeStills]) -> None:
    FakeStills.error = BadInputError("The file is not a video.", "Play it in a video player.")
    window.invoke()
    window.event("TIMER")
    assert window.event("TIMER") == {"CANCELLED"}
    assert window.reports == [({"ERROR"}, "The file is not a video. Play it in a video player.")]
    assert_nothing_is_left(window, stills)


def test_a_missing_video_is_told_at_once(
    invoked: Callable[..., Interactive], monkeypatch: pytest.MonkeyPatch
) -> None:
    bpy.context.scene.mocapanything.video = "/no/such.mp4"
    window = invoked(MOCAPANYTHING_OT_pick_subject)
    assert window.invoke() == {"CANCELLED"}
    assert "There is no video at /no/such.mp4" in window.reports[0][1]
    assert pick_session.current() is None


def test_blender_taking_the_operator_away_gives_the_view_back(
    window: Interactive, stills: list[FakeStills]
) -> None:
    opened(window)
    window.operator.cancel(window.context)
    assert_nothing_is_left(window, stills)
    assert window.event("TIMER") == {"CANCELLED"}


def test_an_area_that_was_closed_ends_it(window: Interactive, stills: list[FakeStills]) -> None:
    opened(window)
    pick_session.current().area_address = 0
    assert window.event("TIMER") == {"CANCELLED"}
    assert_nothing_is_left(window, stills)


@pytest.mark.parametrize("name", ["load_pre", "save_pre"])
def test_loading_and_saving_a_file_end_it(window: Interactive, stills: list[FakeStills], name: str) -> None:
    opened(window)
    (handler,) = (h for h in getattr(bpy.app.handlers, name) if h is pick_session._end_for_file)
    handler("other.blend")
    assert_nothing_is_left(window, stills)


def test_it_needs_a_video_and_a_3d_view(character: bpy.types.Object) -> None:
    area = next(area for area in bpy.context.window.screen.areas if area.type == "VIEW_3D")
    with bpy.context.temp_override(window=bpy.context.window, area=area):
        assert not bpy.ops.mocapanything.pick_subject.poll()
        bpy.context.scene.mocapanything.video = "/videos/walk.mp4"
        assert bpy.ops.mocapanything.pick_subject.poll()
        area.type = "CONSOLE"
        assert not bpy.ops.mocapanything.pick_subject.poll()
        area.type = "VIEW_3D"


def test_nothing_is_registered_twice() -> None:
    mocapanything_addon.unregister()
    mocapanything_addon.register()
    for handlers in (bpy.app.handlers.load_pre, bpy.app.handlers.save_pre):
        assert sum(handler is pick_session._end_for_file for handler in handlers) == 1
