# SPDX-License-Identifier: GPL-3.0-or-later
"""Job folders and the writing of files: all or nothing."""

from __future__ import annotations

import errno
import json
from pathlib import Path

import numpy as np
import pytest

from mocapanything_addon.ik.camera import Camera
from mocapanything_addon.jobs.errors import BadInputError, CaptureError, ExitCode
from mocapanything_addon.jobs.files import make_folder, new_folder, replacing_file
from mocapanything_addon.jobs.folder import JobFolder
from mocapanything_addon.jobs.request import Request
from mocapanything_addon.jobs.rig import Rig
from mocapanything_addon.jobs.settings import CaptureSettings, Quality
from mocapanything_addon.jobs.solution import Solution
from mocapanything_addon.jobs.views import ReferenceView, ReferenceViews


@pytest.fixture
def request_of_all() -> Request:
    """Nothing at its default, so that nothing can get lost unseen."""
    settings = CaptureSettings(
        quality=Quality.BEST,
        start_seconds=0.5,
        end_seconds=2.0,
        fov_degrees=40.0,
        mask="/masks/ä",
        clicks=((30.0, 40.5, 0.75), (31.0, 42.0, 1.5)),
        other_clicks=((60.0, 41.0, 1.5),),
        box=(10.0, 20.0, 110.0, 90.5, 1.25),
        use_networks=False,
        hold_contacts=False,
        start_choice=3,
        seed=7,
    )
    return Request(
        video=Path("/videos/a 'b' \"c\" ü 猫.mp4"),
        settings=settings,
        overlay=True,
        cache_folder=Path("/cache"),
        blender_version="4.5.15",
    )


def save_views(folder: Path) -> ReferenceViews:
    folder.mkdir()
    views = []
    for number in range(2):
        image = folder / f"view_{number}.png"
        image.write_bytes(b"png")
        camera = Camera.from_fov(40.0, 64, 48, np.eye(3), np.array([0.0, 0.0, 3.0 + number]))
        views.append(ReferenceView(image, camera))
    result = ReferenceViews(tuple(views), "BLENDER_EEVEE")
    result.save(folder)
    return result


def test_round_trip(tmp_path: Path, request_of_all: Request, arm_rig: Rig, arm_solution: Solution) -> None:
    views = save_views(tmp_path / "source views")
    job = JobFolder.create(tmp_path / "new" / "job", request_of_all, arm_rig, tmp_path / "source views")
    assert sorted(p.name for p in job.path.iterdir()) == ["request.json", "rig.npz", "views"]
    assert job.load_request() == request_of_all
    assert job.load_rig().content_hash() == arm_rig.content_hash()
    loaded = job.load_views()
    assert loaded is not None
    assert loaded.engine == "BLENDER_EEVEE"
    for view, original in zip(loaded.views, views.views, strict=True):
        assert view.image.parent == job.views_folder
        assert view.camera.focal == pytest.approx(original.camera.focal)
        np.testing.assert_array_equal(view.camera.translation, original.camera.translation)
    arm_solution.save(job.solution_path)
    np.testing.assert_array_equal(job.load_solution().positions, arm_solution.positions)


def test_no_views(tmp_path: Path, request_of_all: Request, arm_rig: Rig) -> None:
    assert JobFolder.create(tmp_path / "job", request_of_all, arm_rig).load_views() is None


def test_empty_folder_may_be_there_already(tmp_path: Path, request_of_all: Request, arm_rig: Rig) -> None:
    (tmp_path / "job").mkdir()
    assert JobFolder.create(tmp_path / "job", request_of_all, arm_rig).rig_path.is_file()


def test_full_folder_is_left_alone(tmp_path: Path, request_of_all: Request, arm_rig: Rig) -> None:
    (tmp_path / "job").mkdir()
    (tmp_path / "job" / "mine").write_text("mine")
    with pytest.raises(BadInputError) as caught:
        JobFolder.create(tmp_path / "job", request_of_all, arm_rig)
    assert caught.value.code == "folder_exists"
    assert [p.name for p in tmp_path.iterdir()] == ["job"]
    assert (tmp_path / "job" / "mine").read_text() == "mine"


def test_failure_while_filling_leaves_nothing(
    tmp_path: Path, request_of_all: Request, arm_rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Rig, path: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Rig, "save", full)
    with pytest.raises(CaptureError) as caught:
        JobFolder.create(tmp_path / "job", request_of_all, arm_rig)
    assert caught.value.code == "disk_full"
    assert caught.value.exit_code == ExitCode.FAILED
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS, errno.EPERM])
def test_place_that_may_not_be_written(
    number: int, tmp_path: Path, request_of_all: Request, arm_rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(*args: object, **options: object) -> str:
        raise OSError(number, "not yours")

    monkeypatch.setattr("tempfile.mkdtemp", forbidden)
    with pytest.raises(BadInputError, match="cannot be written: no permission") as caught:
        JobFolder.create(tmp_path / "job", request_of_all, arm_rig)
    assert caught.value.code == "not_writable"


def test_file_where_a_folder_should_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(BadInputError) as caught:
            make_folder(place)
        assert caught.value.code == "not_a_folder"


def test_replacing_keeps_the_old_file_when_it_fails(tmp_path: Path) -> None:
    path = tmp_path / "clip.bvh"
    path.write_text("old")
    with pytest.raises(ZeroDivisionError), replacing_file(path) as temporary:
        temporary.write_text("half")
        raise ZeroDivisionError
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["clip.bvh"]
    with replacing_file(path) as temporary:
        assert temporary.suffix == ".bvh"
        temporary.write_text("new")
    assert path.read_text() == "new"
    assert [p.name for p in tmp_path.iterdir()] == ["clip.bvh"]


def test_files_have_the_usual_permissions(tmp_path: Path) -> None:
    (tmp_path / "usual").write_text("")
    with replacing_file(tmp_path / "file") as temporary:
        temporary.write_text("")
    assert (tmp_path / "file").stat().st_mode == (tmp_path / "usual").stat().st_mode
    (tmp_path / "usual folder").mkdir()
    with new_folder(tmp_path / "folder"):
        pass
    assert (tmp_path / "folder").stat().st_mode == (tmp_path / "usual folder").stat().st_mode


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"schema_version": 2}, "schema_mismatch"),
        ({"settings": {"quality": "wonderful"}}, "request_damaged"),
        ({"settings": {"speed": 1}}, "bad_settings"),
        ({"settings": None}, "request_damaged"),
        ({"video": None}, "request_damaged"),
    ],
)
def test_request_that_cannot_be_read(request_of_all: Request, change: dict[str, object], code: str) -> None:
    values = {**json.loads(request_of_all.to_json()), **change}
    with pytest.raises(CaptureError) as caught:
        Request.from_json(json.dumps(values))
    assert caught.value.code == code


def test_starts_are_numbered_from_one() -> None:
    with pytest.raises(BadInputError, match="numbered from 1") as caught:
        CaptureSettings(start_choice=0)
    assert caught.value.code == "start_missing"


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"schema_version": 1, "engine": "", "views": [{}]}'])
def test_views_that_cannot_be_read(tmp_path: Path, text: str) -> None:
    (tmp_path / "views.json").write_text(text)
    with pytest.raises(CaptureError) as caught:
        ReferenceViews.load(tmp_path)
    assert caught.value.code == "views_damaged"


def test_view_whose_image_is_gone(tmp_path: Path) -> None:
    save_views(tmp_path / "views")
    (tmp_path / "views" / "view_1.png").unlink()
    with pytest.raises(CaptureError, match=r"view_1\.png is missing"):
        ReferenceViews.load(tmp_path / "views")


def test_clicks_are_points_with_a_moment() -> None:
    settings = CaptureSettings(clicks=[[3, 4], (5, 6, 2.5)], other_clicks=[(7, 8)], start_seconds=1.5)
    assert settings.clicks == ((3.0, 4.0, 1.5), (5.0, 6.0, 2.5))
    assert settings.other_clicks == ((7.0, 8.0, 1.5),)
    assert settings.pointed_moment == 1.5
    assert CaptureSettings(clicks=[(1, 2)], box=(1, 2, 3, 4, 9)).pointed_moment == 0.0
    assert CaptureSettings(box=(1, 2, 3, 4, 9)).pointed_moment == 9.0
    assert CaptureSettings().pointed_moment is None
    for click in ((1,), (1, 2, 3, 4), (-1, 2), (1, 2, float("nan"))):
        with pytest.raises(BadInputError, match="X,Y in pixels"):
            CaptureSettings(clicks=[click])
    with pytest.raises(BadInputError, match=r"at 0\.5 s lies outside .* used, 1 to 2 s"):
        CaptureSettings(clicks=[(1, 2, 0.5)], start_seconds=1.0, end_seconds=2.0)


def test_something_else_is_clicked_on_beside_the_subject_only() -> None:
    with pytest.raises(BadInputError, match=r"At 1 s only something else .* the same moment"):
        CaptureSettings(clicks=[(1, 2, 0.0)], other_clicks=[(3, 4, 1.0)])


def test_a_box_has_its_edges_in_order() -> None:
    for box in ((1, 2, 3), (5, 2, 3, 4), (1, 4, 3, 2), (1, 2, 3, 4, -1), (1, 2, 3, float("nan"))):
        with pytest.raises(BadInputError, match="LEFT,TOP,RIGHT,BOTTOM"):
            CaptureSettings(box=box)
    assert CaptureSettings(box=[1, 2, 3, 4]).box == (1.0, 2.0, 3.0, 4.0, 0.0)
