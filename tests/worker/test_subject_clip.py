# SPDX-License-Identifier: GPL-3.0-or-later
"""Whole videos in, the cut-out subject out, against the masks the videos were drawn with."""

from __future__ import annotations

from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from onnx_files import red_segmenter
from video_files import creature, texture, write_video

from mocapanything_addon.fit.clip import SubjectClip
from mocapanything_addon.jobs.errors import BadInputError, CancelledError
from mocapanything_addon.jobs.settings import CaptureSettings
from mocapanything_addon.worker.subject import clip as clip_module
from mocapanything_addon.worker.subject.clip import make_clip
from mocapanything_addon.worker.subject.window import cut_window

WIDTH, HEIGHT = 240, 160


def scene(count: int, pan: float = 0.0, speed: float = 4.0) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """A creature that walks over a textured background while the camera pans ``pan`` pixels a frame; its
    masks."""
    background = texture(HEIGHT, WIDTH + 600, 1, 60, 150, 20)
    skin = texture(HEIGHT, WIDTH, 2, 0, 255, 6) // 6 + np.array([170, 60, 40], np.uint8)
    images, masks = [], []
    for index in range(count):
        offset = round(pan * index)
        image = background[:, offset : offset + WIDTH].copy()
        mask = creature(WIDTH, HEIGHT, (60 + (speed - pan) * index, 80), 0.5 * index, 26)
        image[mask > 0] = skin[mask > 0]
        images.append(image)
        masks.append(mask)
    return images, masks


def capture(
    path: Path, folder: Path, settings: CaptureSettings | None = None, **options
) -> tuple[SubjectClip, list[str]]:
    folder.mkdir()
    found = make_clip(
        path, settings or CaptureSettings(), folder, lambda stage, done, total: None, size=128, **options
    )
    return found.clip, found.warnings


def overlaps(clip: SubjectClip, masks: list[np.ndarray]) -> list[float]:
    """Intersection over union per frame, in the clip's windows."""
    values = []
    for t, (crop, found, mask) in enumerate(zip(clip.crops, clip.mask, masks, strict=True)):
        to_frame = None if clip.to_frame is None else clip.to_frame[t]
        truth = cut_window(mask, crop, clip.width, to_frame) > 127
        values.append((truth & (found > 0)).sum() / max(1, (truth | (found > 0)).sum()))
    return values


def write_masks(folder: Path, masks: list[np.ndarray]) -> Path:
    folder.mkdir()
    for index, mask in enumerate(masks):
        cv2.imwrite(str(folder / f"{index:05d}.png"), mask)
    return folder


@pytest.mark.parametrize(("clicks", "voted"), [((), True), (((60.0, 80.0, 0.0),), False)])
def test_masks_vote_where_the_user_has_not_pointed(tmp_path, monkeypatch, clicks, voted):
    asked = []
    monkeypatch.setattr(clip_module, "overrule_odd_masks", lambda *_: asked.append(True))
    images, _ = scene(20)
    capture(write_video(tmp_path / "a.mp4", images), tmp_path / "job", CaptureSettings(clicks=clicks))
    assert bool(asked) is voted


def test_creature_before_a_still_camera(tmp_path):
    images, masks = scene(30)
    clip, warnings = capture(write_video(tmp_path / "a.mp4", images), tmp_path / "job")
    assert clip.frame_count == 30
    assert clip.color.shape == (30, 128, 128, 3)
    assert set(np.unique(clip.mask)) == {0, 255}
    assert clip.times == pytest.approx(np.arange(30) / 24, abs=1e-3)
    assert (clip.width, clip.height, clip.frame_rate) == (WIDTH, HEIGHT, 24)
    values = overlaps(clip, masks)
    assert np.mean(values) > 0.82
    assert min(values) > 0.7
    assert not warnings
    assert not clip.cut_off.any()
    assert sorted(p.name for p in (tmp_path / "job").iterdir()) == ["color.bin", "mask.bin"]


def test_creature_before_a_panning_camera(tmp_path):
    images, masks = scene(30, pan=6.0, speed=9.0)
    clip, _ = capture(write_video(tmp_path / "a.mp4", images), tmp_path / "job")
    assert np.mean(overlaps(clip, masks)) > 0.8
    assert clip.to_frame is not None
    # In the scene it walks on at its own pace (in the image, 3 pixels a frame), and it is nowhere cut off.
    places = [
        crop.to_image(np.argwhere(mask > 0).mean(axis=0)[::-1])[0]
        for crop, mask in zip(clip.crops, clip.mask, strict=True)
    ]
    assert np.mean(np.diff(places)) == pytest.approx(9.0, abs=0.5)
    assert not clip.cut_off.any()


def test_preview_has_every_frame(tmp_path):
    images, _ = scene(9, pan=6.0, speed=9.0)
    preview = tmp_path / "mask.mp4"
    capture(write_video(tmp_path / "a.mp4", images), tmp_path / "job", preview=preview)
    with av.open(str(preview)) as container:
        shown = [frame.to_ndarray(format="rgb24").astype(int) for frame in container.decode(video=0)]
    assert len(shown) == 9
    assert shown[0].shape == (HEIGHT, WIDTH, 3)


def test_same_input_gives_the_same_masks(tmp_path):
    path = write_video(tmp_path / "a.mp4", scene(10)[0])
    first, _ = capture(path, tmp_path / "one")
    second, _ = capture(path, tmp_path / "two")
    assert (np.array(first.mask) == np.array(second.mask)).all()


@pytest.mark.parametrize("kind", ["folder", "video"])
def test_given_mask_is_taken_as_it_is(tmp_path, kind):
    images, masks = scene(8)
    small = [cv2.resize(m, (WIDTH // 2, HEIGHT // 2), interpolation=cv2.INTER_AREA) for m in masks]
    if kind == "folder":
        mask = write_masks(tmp_path / "masks", small)
    else:
        mask = write_video(tmp_path / "masks.mkv", [np.dstack([m] * 3) for m in small], codec="ffv1")
    path = write_video(tmp_path / "a.mp4", images)
    clip, warnings = capture(path, tmp_path / "job", CaptureSettings(mask=str(mask)))
    assert min(overlaps(clip, masks)) > 0.9
    assert not warnings


def test_given_mask_belongs_to_the_frames_of_the_whole_video(tmp_path):
    images, masks = scene(20)
    mask = write_masks(tmp_path / "masks", masks)
    path = write_video(tmp_path / "a.mp4", images)
    settings = CaptureSettings(mask=str(mask), start_seconds=5 / 24, end_seconds=12 / 24)
    clip, _ = capture(path, tmp_path / "job", settings)
    assert clip.frame_count == 8
    assert clip.times[0] == 0.0
    assert min(overlaps(clip, masks[5:13])) > 0.95


def test_mask_shorter_than_the_video_ends_the_capture_with_a_warning(tmp_path):
    images, masks = scene(12)
    mask = write_masks(tmp_path / "masks", masks[:7])
    clip, warnings = capture(
        write_video(tmp_path / "a.mp4", images), tmp_path / "job", CaptureSettings(mask=str(mask))
    )
    assert clip.frame_count == 7
    assert any("mask ends" in w for w in warnings)


@pytest.mark.parametrize(("content", "code"), [("none", "mask_video_missing"), ("black", "subject_missing")])
def test_unusable_masks_are_errors(tmp_path, content, code):
    images, masks = scene(4)
    mask = tmp_path / "masks"
    if content == "black":
        write_masks(mask, [np.zeros_like(m) for m in masks])
    with pytest.raises(BadInputError) as error:
        capture(write_video(tmp_path / "a.mp4", images), tmp_path / "job", CaptureSettings(mask=str(mask)))
    assert error.value.code == code


def test_own_alpha_is_the_mask(tmp_path):
    images, masks = scene(6)
    path = tmp_path / "frames"
    path.mkdir()
    for index, (image, mask) in enumerate(zip(images, masks, strict=True)):
        cv2.imwrite(str(path / f"{index}.png"), np.dstack([image[..., ::-1], mask]))
    clip, _ = capture(path, tmp_path / "job")
    assert min(overlaps(clip, masks)) > 0.95


def test_box_says_which_of_two(tmp_path):
    images, masks = scene(24)
    others = []
    for index, image in enumerate(images):
        other = creature(WIDTH, HEIGHT, (190 - 4 * index, 35), 0.4 * index, 14)
        image[other > 0] = (30, 30, 220)
        others.append(other)
    path = write_video(tmp_path / "a.mp4", images)
    left_alone, _ = capture(path, tmp_path / "one")
    assert np.mean(overlaps(left_alone, masks)) > 0.7
    chosen, _ = capture(path, tmp_path / "two", CaptureSettings(box=(165, 15, 215, 55)))
    assert np.mean(overlaps(chosen, others)) > 0.7


def standing_beside_a_walker(count: int) -> tuple[list[np.ndarray], list[np.ndarray], list[np.ndarray]]:
    """A creature that stands still and one that walks by; the masks of both."""
    background = texture(HEIGHT, WIDTH, 1, 90, 120, 20)
    images, standing, walking = [], [], []
    for index in range(count):
        image = background.copy()
        standing.append(creature(WIDTH, HEIGHT, (70, 50), 0.0, 24))
        walking.append(creature(WIDTH, HEIGHT, (50 + 6 * index, 125), 0.5 * index, 18))
        image[standing[-1] > 0] = (60, 70, 190)
        image[walking[-1] > 0] = (200, 70, 60)
        images.append(image)
    return images, standing, walking


def test_a_click_says_which_of_two_that_move(tmp_path):
    images, large, small = two_creatures(24)
    path = write_video(tmp_path / "a.mp4", images)
    for name, (masks, click) in {"small": (small, (145, 132)), "large": (large, (100, 55))}.items():
        settings = CaptureSettings(clicks=[(*click, 10 / 24)], box=(0, 0, 10, 10), subject_choice=7)
        clip, warnings = capture(path, tmp_path / name, settings)
        assert np.mean(overlaps(clip, masks)) > 0.7, name
        assert not warnings


@pytest.mark.parametrize("pointed", ["click", "box"])
def test_what_stands_still_among_others_that_move_can_be_pointed_at(tmp_path, pointed):
    images, standing, _ = standing_beside_a_walker(24)
    path = write_video(tmp_path / "a.mp4", images)
    settings = CaptureSettings(clicks=[(70, 50, 0.5)])
    if pointed == "box":
        settings = CaptureSettings(box=(25, 25, 108, 82, 0.5))
    clip, warnings = capture(path, tmp_path / "job", settings)
    assert min(overlaps(clip, standing)) > 0.7
    assert not warnings


def test_a_click_where_nothing_moves_is_not_doubted(tmp_path):
    image = np.full((HEIGHT, WIDTH, 3), (90, 160, 200), np.uint8)
    masks = [creature(WIDTH, HEIGHT, (x, 80), 0.0, 26) for x in (60, 180)]
    for mask in masks:
        image[mask > 0] = (180, 60, 20)
    path = write_video(tmp_path / "a.mp4", [image] * 6)
    clip, warnings = capture(path, tmp_path / "job", CaptureSettings(clicks=[(180, 80)]))
    assert np.mean(overlaps(clip, [masks[1]] * 6)) > 0.8
    assert not warnings


def test_a_click_on_something_else_keeps_it_out(tmp_path):
    image = texture(HEIGHT, WIDTH, 1, 90, 120, 20)
    mask = creature(WIDTH, HEIGHT, (100, 80), 0.0, 30)
    image[mask > 0] = (180, 60, 20)
    other = np.zeros_like(mask)
    cv2.circle(other, (150, 75), 24, (255,), -1)  # touches the head
    image[other > 0] = (200, 190, 30)
    path = write_video(tmp_path / "a.mp4", [image] * 3)
    both = CaptureSettings(clicks=[(100, 80)], other_clicks=[(155, 75)])
    clip, _ = capture(path, tmp_path / "job", both)
    foreign = [cut_window(other, crop, WIDTH) > 127 for crop in clip.crops]
    shares = [(f & (m > 0)).sum() / f.sum() for f, m in zip(foreign, clip.mask, strict=True)]
    assert max(shares) < 0.15
    assert np.mean(overlaps(clip, [mask & ~other] * 3)) > 0.75


def test_a_ball_can_be_clicked_on(tmp_path):
    """It is smaller than anything that is taken for a subject unasked, and a creature walks beside it."""
    images, masks = scene(12)[0], []
    for index, image in enumerate(images):
        mask = np.zeros((HEIGHT, WIDTH), np.uint8)
        cv2.circle(mask, (60 + 4 * index, 24), 3, 255, -1)
        image[mask > 0] = (250, 250, 240)
        masks.append(mask)
    assert (masks[0] > 0).sum() < 0.001 * WIDTH * HEIGHT
    settings = CaptureSettings(clicks=[(84, 24, 6 / 24)])
    clip, _ = capture(write_video(tmp_path / "a.mp4", images), tmp_path / "job", settings)
    assert min(overlaps(clip, masks)) > 0.5


def test_each_frame_is_followed_from_the_nearest_click(tmp_path):
    """Both creatures are clicked on, one early and one late: each is the subject in its half."""
    images, large, small = two_creatures(24)
    path = write_video(tmp_path / "a.mp4", images)
    settings = CaptureSettings(clicks=[(75, 55, 5 / 24), (105, 132, 18 / 24)])
    clip, _ = capture(path, tmp_path / "job", settings)
    assert np.mean(overlaps(clip, large)[:11]) > 0.7
    assert np.mean(overlaps(clip, small)[14:]) > 0.7


@pytest.mark.parametrize(
    ("click", "code", "said"),
    [
        (
            (215, 20, 0.0),
            "click_hits_nothing",
            r"Nothing stands out where you clicked: at 215, 20 and 0\.00 s",
        ),
        ((300, 20, 0.0), "click_outside", "the video, which is 240 x 160 pixels"),
        ((100, 20, 9.0), "click_outside", r"part of the video that is used, 0\.00 to 0\.46 s"),
    ],
)
def test_a_click_beside_everything_says_what_to_do(tmp_path, click, code, said):
    images, _, _ = two_creatures(12)
    with pytest.raises(BadInputError, match=said) as error:
        capture(write_video(tmp_path / "a.mp4", images), tmp_path / "job", CaptureSettings(clicks=[click]))
    assert error.value.code == code
    assert "Click" in error.value.hint or "Give x" in error.value.hint


def test_the_shot_that_was_clicked_in_is_used(tmp_path):
    images, masks = scene(14)
    after = [np.ascontiguousarray(255 - texture(HEIGHT, WIDTH, 9, 0, 90, 20))] * 20
    path = write_video(tmp_path / "a.mp4", images + after)
    clip, warnings = capture(path, tmp_path / "job", CaptureSettings(clicks=[(80, 80, 5 / 24)]))
    assert clip.frame_count == 14
    assert any("the one you point at, 0.00 to 0.54 s" in w for w in warnings)
    assert np.mean(overlaps(clip, masks)) > 0.8


def test_longest_shot_is_used(tmp_path):
    images, masks = scene(20)
    before = [np.ascontiguousarray(255 - texture(HEIGHT, WIDTH, 9, 0, 90, 20))] * 6
    clip, warnings = capture(write_video(tmp_path / "a.mp4", before + images), tmp_path / "job")
    assert clip.frame_count == 20
    assert any("2 shots" in w for w in warnings)
    assert np.mean(overlaps(clip, masks)) > 0.8


@pytest.mark.parametrize("count", [1, 12])
def test_nothing_moves(tmp_path, count):
    image = np.full((HEIGHT, WIDTH, 3), (90, 160, 200), np.uint8)
    mask = creature(WIDTH, HEIGHT, (WIDTH / 2, HEIGHT / 2), 0.0, 34)
    image[mask > 0] = (180, 60, 20)
    clip, warnings = capture(write_video(tmp_path / "a.mp4", [image] * count), tmp_path / "job")
    assert clip.frame_count == count
    assert any("Nothing moves" in w for w in warnings)
    assert np.mean(overlaps(clip, [mask] * count)) > 0.8


def test_subject_out_of_view_has_no_mask_and_cut_off_is_told(tmp_path):
    images, _ = scene(40, speed=7.0)
    clip, _ = capture(write_video(tmp_path / "a.mp4", images), tmp_path / "job")
    areas = np.array([(m > 0).sum() for m in clip.mask])
    assert areas[:15].min() > 0
    assert areas[36:].max() == 0
    leaving = clip.cut_off[24:30]
    assert leaving[:, 2].mean() > 0.6
    assert not clip.cut_off[:15].any()


def test_cancelling_leaves_no_temporary_file(tmp_path):
    path = write_video(tmp_path / "a.mp4", scene(12)[0])
    folder = tmp_path / "job"
    folder.mkdir()

    def progress(stage: str, done: int, total: int) -> None:
        assert 0 <= done <= total
        if stage == "subject" and done > 0:
            raise CancelledError

    with pytest.raises(CancelledError):
        make_clip(path, CaptureSettings(), folder, progress)
    assert not list(folder.iterdir())


def two_creatures(count: int) -> tuple[list[np.ndarray], list[np.ndarray], list[np.ndarray]]:
    """A large creature walks to the right, a small one to the left, apart; the masks of both."""
    background = texture(HEIGHT, WIDTH, 1, 90, 120, 20)
    skins = np.array([200, 70, 50], np.uint8), np.array([200, 70, 60], np.uint8)
    images, large, small = [], [], []
    for index in range(count):
        image = background.copy()
        large.append(creature(WIDTH, HEIGHT, (50 + 5 * index, 55), 0.5 * index, 26))
        small.append(creature(WIDTH, HEIGHT, (195 - 5 * index, 132), 0.4 * index, 17))
        for mask, skin in zip((large[-1], small[-1]), skins, strict=True):
            image[mask > 0] = skin
        images.append(image)
    return images, large, small


def test_of_several_the_one_like_the_character_is_taken(tmp_path):
    images, _, small = two_creatures(24)
    path = write_video(tmp_path / "a.mp4", images)
    seen = []

    def likes_small_ones(clip, alive):
        alive()
        seen.append(clip)
        area = float(
            np.mean([(m > 0).mean() * c.side**2 for m, c in zip(clip.mask, clip.crops, strict=True)])
        )
        return -area / 100.0

    folder = tmp_path / "job"
    folder.mkdir()
    found = make_clip(
        path, CaptureSettings(), folder, lambda *progress: None, judge=likes_small_ones, size=128
    )
    assert len(found.candidates) == len(found.pictures) == len(seen) == 2
    assert np.mean(overlaps(found.clip, small)) > 0.7
    assert found.candidates[0].motion < found.candidates[1].motion == 1.0
    assert found.candidates[0].likeness > found.candidates[1].likeness
    assert any(
        "2 creatures move" in warning and "most like the character" in warning for warning in found.warnings
    )
    # What was shown to the judge is the creature, in windows around it.
    assert all(clip.frame_count == len(clip.crops) >= 3 for clip in seen)
    assert found.pictures[0].shape == found.pictures[1].shape
    assert not np.array_equal(*found.pictures)


def test_another_subject_can_be_chosen(tmp_path):
    images, large, small = two_creatures(20)
    path = write_video(tmp_path / "a.mp4", images)
    first, warnings = capture(path, tmp_path / "one")
    assert np.mean(overlaps(first, large)) > 0.8
    assert any("the largest was taken" in warning for warning in warnings)
    second, warnings = capture(path, tmp_path / "two", CaptureSettings(subject_choice=2))
    assert np.mean(overlaps(second, small)) > 0.7
    assert not warnings
    with pytest.raises(BadInputError, match="no subject 3: in this video only 2 creatures move"):
        capture(path, tmp_path / "three", CaptureSettings(subject_choice=3))
    with pytest.raises(BadInputError, match="no subject 0"):
        CaptureSettings(subject_choice=0)


def test_nothing_else_is_taken_while_the_subject_is_out_of_view(tmp_path):
    background = texture(HEIGHT, WIDTH, 1, 90, 120, 20)
    cv2.circle(background, (200, 50), 26, (30, 40, 160), -1)  # stands out, near where the subject leaves
    images, masks = [], []
    for index in range(36):
        x = 150 + 9 * index if index < 18 else 150 + 9 * (35 - index)
        mask = creature(WIDTH, HEIGHT, (x, 80), 0.5 * index, 24)
        image = background.copy()
        image[mask > 0] = (200, 70, 50)
        images.append(image)
        masks.append(mask)
    clip, _ = capture(write_video(tmp_path / "a.mp4", images), tmp_path / "job")
    gone = [t for t, mask in enumerate(masks) if not mask.any()]
    assert len(gone) >= 6
    assert not np.array(clip.mask)[gone].any()
    assert np.mean(overlaps(clip, masks)[-4:]) > 0.8


def test_subject_that_something_hid_is_found_again(tmp_path):
    images, masks = scene(40, speed=5.0)
    post = texture(HEIGHT, 80, 4, 20, 60, 9)
    for image, mask in zip(images, masks, strict=True):
        image[:, 110:190] = post
        mask[:, 110:190] = 0
    clip, _ = capture(write_video(tmp_path / "a.mp4", images), tmp_path / "job")
    values = np.array(overlaps(clip, masks))
    shown = np.array([(mask > 0).sum() for mask in masks])
    assert min((m > 0).sum() for m in clip.mask) == 0
    well_seen = shown > 0.6 * shown.max()
    assert np.mean(values[:15][well_seen[:15]]) > 0.8
    assert np.mean(values[22:][well_seen[22:]]) > 0.65


def with_segmenter(folder: Path, **more) -> CaptureSettings:
    return CaptureSettings(segmenter=str(red_segmenter(folder / "red.onnx")), **more)


def test_segmenter_of_ones_own_cuts_the_one_that_is_meant(tmp_path):
    """It finds both; motion, choice and box say which is meant, as with the network that ships."""
    images, large, small = two_creatures(20)
    path = write_video(tmp_path / "a.mp4", images)
    first, warnings = capture(path, tmp_path / "one", with_segmenter(tmp_path))
    assert min(overlaps(first, large)) > 0.9
    assert any("2 creatures move" in warning for warning in warnings)
    second, _ = capture(path, tmp_path / "two", with_segmenter(tmp_path, subject_choice=2))
    assert min(overlaps(second, small)) > 0.9
    boxed, _ = capture(path, tmp_path / "three", with_segmenter(tmp_path, box=(170, 110, 220, 155)))
    assert min(overlaps(boxed, small)) > 0.9


def test_segmenter_takes_nothing_else_while_the_subject_is_out_of_view(tmp_path):
    background = texture(HEIGHT, WIDTH, 1, 90, 120, 20)
    cv2.circle(background, (200, 40), 22, (200, 60, 50), -1)  # stands out just as well, and stays
    images, masks = [], []
    for index in range(36):
        x = 120 + 10 * index if index < 18 else 120 + 10 * (35 - index)
        mask = creature(WIDTH, HEIGHT, (x, 105), 0.5 * index, 24)
        image = background.copy()
        image[mask > 0] = (200, 70, 50)
        images.append(image)
        masks.append(mask)
    clip, _ = capture(write_video(tmp_path / "a.mp4", images), tmp_path / "job", with_segmenter(tmp_path))
    gone = [t for t, mask in enumerate(masks) if not mask.any()]
    values = np.array(overlaps(clip, masks))
    assert len(gone) >= 4
    assert not np.array(clip.mask)[gone].any()
    assert np.mean(values[:4]) > 0.85
    assert np.mean(values[-4:]) > 0.85


def test_segmenter_where_nothing_moves(tmp_path):
    image = np.full((HEIGHT, WIDTH, 3), (90, 160, 200), np.uint8)
    mask = creature(WIDTH, HEIGHT, (WIDTH / 2, HEIGHT / 2), 0.0, 34)
    image[mask > 0] = (180, 60, 20)
    clip, _ = capture(
        write_video(tmp_path / "a.mp4", [image] * 4), tmp_path / "job", with_segmenter(tmp_path)
    )
    assert min(overlaps(clip, [mask] * 4)) > 0.9


def test_segmenter_that_cannot_be_used_ends_it_at_once(tmp_path):
    (tmp_path / "a.onnx").write_bytes(b"no model")
    told = []
    with pytest.raises(BadInputError) as error:
        make_clip(
            write_video(tmp_path / "a.mp4", scene(4)[0]),
            CaptureSettings(segmenter=str(tmp_path / "a.onnx")),
            tmp_path,
            lambda *progress: told.append(progress),
        )
    assert error.value.code == "segmenter_damaged"
    assert not told


def test_given_mask_needs_no_segmenter(tmp_path):
    images, masks = scene(4)
    mask = write_masks(tmp_path / "masks", masks)
    settings = CaptureSettings(mask=str(mask), segmenter=str(tmp_path / "gone.onnx"))
    clip, _ = capture(write_video(tmp_path / "a.mp4", images), tmp_path / "job", settings)
    assert min(overlaps(clip, masks)) > 0.9
