# SPDX-License-Identifier: GPL-3.0-or-later
"""Videos of every kind are read with their true times, sizes and alpha; broken ones give clear errors."""

from __future__ import annotations

import gc
import wave
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from PIL import Image
from video_files import number_of, numbered, write_video

from mocapanything_addon.jobs.errors import BadInputError
from mocapanything_addon.worker import video
from mocapanything_addon.worker.video_file import _turn
from mocapanything_addon.worker.video_time import FrameClock


def code_of(path: Path) -> str:
    """The code that both entry points raise."""
    with pytest.raises(BadInputError) as probed:
        video.probe(path)
    with pytest.raises(BadInputError) as streamed:
        list(video.frames(path))
    assert probed.value.code == streamed.value.code
    assert str(path.name) in probed.value.message
    return probed.value.code


@pytest.mark.parametrize(
    ("name", "codec", "pixel_format"),
    [
        ("clip.mp4", "libx264", "yuv444p"),
        ("clip.mov", "libx264", "yuv420p"),
        ("clip.mkv", "ffv1", "yuv444p"),
        ("clip.avi", "mpeg4", "yuv420p"),
        ("clip.webm", "libvpx-vp9", "yuv420p"),
        ('it\'s a "clip" of Füchsin: 狐 50%d.mp4', "libx264", "yuv420p"),
    ],
)
def test_every_container_yields_its_frames_in_order(tmp_path, name, codec, pixel_format):
    path = write_video(tmp_path / name, numbered(8), codec=codec, pixel_format=pixel_format)
    info = video.probe(path)
    assert (info.width, info.height, info.frame_count, info.has_alpha) == (64, 48, 8, False)
    assert info.frame_rate == pytest.approx(24)
    assert info.duration == pytest.approx(8 / 24, abs=0.05)
    warnings: list[str] = []
    frames = list(video.frames(path, warn=warnings.append))
    assert [number_of(f.rgb) for f in frames] == list(range(8))
    assert [f.index for f in frames] == list(range(8))
    assert [f.time for f in frames] == pytest.approx([i / 24 for i in range(8)], abs=0.002)
    assert frames[0].rgb.shape == (48, 64, 3)
    assert frames[0].rgb.dtype == np.uint8
    assert all(f.alpha is None for f in frames)
    assert not warnings


def test_range_selects_by_true_time(tmp_path):
    path = write_video(tmp_path / "a.mp4", numbered(20), rate=10, options={"g": "5"})
    frames = list(video.frames(path, 0.4, 0.8))
    assert [number_of(f.rgb) for f in frames] == [4, 5, 6, 7, 8]
    assert frames[0].time == pytest.approx(0.4)
    with pytest.raises(BadInputError) as error:
        list(video.frames(path, 50.0, 51.0))
    assert error.value.code == "bad_range"


def test_seeking_to_a_late_start_gives_the_same_frames(tmp_path):
    path = write_video(
        tmp_path / "a.mp4", [numbered(20)[i % 20] for i in range(100)], rate=10, options={"g": "7"}
    )
    frames = list(video.frames(path, 6.0, 6.5))
    assert [f.index for f in frames] == [60, 61, 62, 63, 64, 65]
    assert [number_of(f.rgb) for f in frames] == [0, 1, 2, 3, 4, 5]


def test_variable_frame_rate_keeps_the_stored_times(tmp_path):
    times = [0.0, 0.04, 0.2, 0.21, 0.5, 1.0]
    path = write_video(tmp_path / "a.mkv", numbered(6), codec="ffv1", times=times)
    frames = list(video.frames(path))
    assert [f.time for f in frames] == pytest.approx(times, abs=0.0011)


def test_frames_that_were_read_do_not_stay_in_memory(tmp_path):
    """They would grow with the film until Python next looks for objects that refer to themselves."""
    path = write_video(tmp_path / "a.mp4", numbered(20))
    gc.collect()
    gc.disable()
    try:
        assert sum(1 for _ in video.frames(path)) == 20
        left = sum(isinstance(thing, av.VideoFrame) for thing in gc.get_objects())
    finally:
        gc.enable()
    assert left <= 2


@pytest.mark.parametrize("rotation", [90, -90, 180])
def test_rotation_flag_turns_the_picture(tmp_path, rotation):
    image = np.zeros((32, 64, 3), np.uint8)
    image[:16, :32] = (250, 0, 0)
    image[16:, 32:] = (0, 0, 250)
    path = write_video(tmp_path / "a.mp4", [image] * 2, rotation=rotation)
    expected = np.rot90(image, rotation // 90)  # both count anticlockwise
    info = video.probe(path)
    assert (info.height, info.width) == expected.shape[:2]
    shown = next(video.frames(path)).rgb
    assert shown.shape == expected.shape
    assert np.abs(shown.astype(int) - expected).mean() < 4


def test_mirrored_display_matrix_mirrors():
    image = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    assert (_turn(image, np.array([[-1, 0], [0, 1]])) == image[:, ::-1]).all()
    assert (_turn(image, np.array([[0, 1], [1, 0]])) == image.transpose(1, 0, 2)).all()


def test_odd_sizes_survive(tmp_path):
    path = write_video(tmp_path / "a.mp4", numbered(3, 67, 51), pixel_format="yuv444p")
    assert next(video.frames(path)).rgb.shape == (51, 67, 3)


def test_large_frames_are_reduced_and_their_true_size_told(tmp_path):
    path = write_video(
        tmp_path / "a.mp4", numbered(2, 7680, 4320), options={"preset": "ultrafast"}, pixel_format="yuv420p"
    )
    assert video.probe(path).width == 7680
    frame = next(video.frames(path))
    assert frame.rgb.shape == (720, 1280, 3)
    assert number_of(frame.rgb) == 0


def disc(index: int) -> np.ndarray:
    image = np.zeros((48, 64, 4), np.uint8)
    cv2.circle(image, (20 + 4 * index, 24), 12, (220, 120, 40, 255), -1)
    return image


@pytest.mark.parametrize(
    ("name", "codec", "pixel_format", "options"),
    [
        ("a.mov", "prores_ks", "yuva444p10le", {"profile": "4444"}),
        ("a.webm", "libvpx-vp9", "yuva420p", {"auto-alt-ref": "0"}),
        ("a.mov", "png", "rgba", {}),
    ],
)
def test_alpha_is_kept(tmp_path, name, codec, pixel_format, options):
    path = write_video(
        tmp_path / name, [disc(i) for i in range(4)], codec=codec, pixel_format=pixel_format, options=options
    )
    assert video.probe(path).has_alpha
    for index, frame in enumerate(video.frames(path)):
        assert frame.alpha is not None
        wrong = (frame.alpha > 127) != (disc(index)[..., 3] > 127)
        assert wrong.mean() < 0.01


def test_opaque_alpha_channel_is_no_alpha(tmp_path):
    images = [np.dstack([n, np.full(n.shape[:2], 255, np.uint8)]) for n in numbered(2)]
    assert not video.probe(
        write_video(tmp_path / "a.mov", images, codec="png", pixel_format="rgba")
    ).has_alpha


def test_gif_and_animated_webp(tmp_path):
    images = [Image.fromarray(n) for n in numbered(6)]
    for name in ("a.gif", "a.webp"):
        options = {"lossless": True} if name.endswith("webp") else {}
        images[0].save(
            tmp_path / name, save_all=True, append_images=images[1:], duration=80, loop=0, **options
        )
        info = video.probe(tmp_path / name)
        assert (info.width, info.height, info.frame_count) == (64, 48, 6)
        assert info.frame_rate == pytest.approx(12.5)
        frames = list(video.frames(tmp_path / name))
        assert [number_of(f.rgb) for f in frames] == list(range(6))
        assert [f.time for f in frames] == pytest.approx([0.08 * i for i in range(6)])


def test_webp_with_uneven_durations_and_alpha(tmp_path):
    images = [Image.fromarray(disc(i)) for i in range(3)]
    path = tmp_path / "a.webp"
    images[0].save(path, save_all=True, append_images=images[1:], duration=[50, 200, 100], lossless=True)
    assert video.probe(path).has_alpha
    frames = list(video.frames(path))
    assert [f.time for f in frames] == pytest.approx([0.0, 0.05, 0.25])
    assert all(f.alpha is not None for f in frames)


def test_image_folder_is_read_in_natural_order(tmp_path):
    folder = tmp_path / "my frames"
    folder.mkdir()
    for index, image in enumerate(numbered(12)):
        cv2.imwrite(str(folder / f"shot{index + 1}.png"), image[..., ::-1])
    (folder / "notes.txt").write_text("not a picture")
    (folder / "shot3.png").write_bytes(b"broken")
    warnings: list[str] = []
    frames = list(video.frames(folder, warn=warnings.append))
    assert [number_of(f.rgb) for f in frames] == [0, 1, *range(3, 12)]
    assert frames[2].time == pytest.approx(3 / 24)  # the gap stays a gap
    assert len(warnings) == 1
    assert "shot3.png" in warnings[0]


def test_image_folder_with_alpha_grey_and_16_bit(tmp_path):
    cv2.imwrite(str(tmp_path / "1.png"), cv2.cvtColor(disc(0), cv2.COLOR_RGBA2BGRA))
    cv2.imwrite(str(tmp_path / "2.png"), np.full((48, 64), 40000, np.uint16))
    first, second = video.frames(tmp_path)
    assert first.alpha is not None
    assert (first.alpha == disc(0)[..., 3]).all()
    assert second.rgb[0, 0].tolist() == [156] * 3


def test_one_frame_is_a_video(tmp_path):
    path = write_video(tmp_path / "a.mp4", numbered(1))
    assert len(list(video.frames(path))) == 1
    cv2.imwrite(str(tmp_path / "a.png"), numbered(1)[0][..., ::-1])
    assert [number_of(f.rgb) for f in video.frames(tmp_path / "a.png")] == [0]


def noise(count: int) -> list[np.ndarray]:
    """Frames that do not compress, so that half of the file is about half of the frames."""
    rng = np.random.default_rng(0)
    return [rng.integers(0, 255, (48, 64, 3), dtype=np.uint8) for _ in range(count)]


@pytest.mark.parametrize(("name", "flags"), [("a.mkv", {}), ("a.mp4", {"movflags": "faststart"})])
def test_truncated_video_yields_what_decodes_and_says_so(tmp_path, name, flags):
    path = write_video(tmp_path / name, noise(48), container_options=flags)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    warnings: list[str] = []
    frames = list(video.frames(path, warn=warnings.append))
    assert 15 < len(frames) < 33
    assert any("ends after" in w for w in warnings)


def test_truncated_video_without_its_index_is_unreadable(tmp_path):
    path = write_video(tmp_path / "a.mp4", noise(20))
    path.write_bytes(path.read_bytes()[:20000])
    assert code_of(path) == "video_unreadable"


def test_barely_anything_left_of_a_video_is_an_error(tmp_path):
    data = write_video(tmp_path / "b.mkv", noise(48), options={"bf": "0"}).read_bytes()
    broken = tmp_path / "stump.mkv"
    broken.write_bytes(data[: len(data) // 16])
    with pytest.raises(BadInputError) as error:
        list(video.frames(broken))
    assert error.value.code == "video_truncated"


def test_damage_in_the_middle_costs_only_its_frames(tmp_path):
    path = write_video(tmp_path / "a.avi", noise(30), codec="png", pixel_format="rgb24")
    data = bytearray(path.read_bytes())
    picture = data.index(b"IHDR", len(data) // 2)
    data[picture + 40 : picture + 200] = bytes(160)
    path.write_bytes(data)
    warnings: list[str] = []
    frames = list(video.frames(path, warn=warnings.append))
    assert 25 <= len(frames) < 30
    assert frames[-1].time == pytest.approx(29 / 24)
    assert any("damaged" in w for w in warnings)


def test_bad_files_have_clear_errors(tmp_path):
    assert code_of(tmp_path / "no.mp4") == "video_missing"
    (tmp_path / "empty.mp4").touch()
    assert code_of(tmp_path / "empty.mp4") == "video_empty"
    (tmp_path / "text.mp4").write_text("Dear diary, today I filmed a horse.\n" * 100)
    assert code_of(tmp_path / "text.mp4") == "video_unreadable"
    (tmp_path / "text.txt").write_text("Dear diary, today I filmed a horse.\n" * 100)
    assert code_of(tmp_path / "text.txt") == "video_unreadable"
    (tmp_path / "text.webp").write_text("Dear diary")
    assert code_of(tmp_path / "text.webp") == "video_unreadable"
    (tmp_path / "text.png").write_text("Dear diary")
    assert code_of(tmp_path / "text.png") == "video_no_frames"
    (tmp_path / "folder").mkdir()
    assert code_of(tmp_path / "folder") == "video_no_images"
    with wave.open(str(tmp_path / "sound.wav"), "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", ""))
        sound.writeframes(bytes(16000))
    assert code_of(tmp_path / "sound.wav") == "video_no_picture"
    with pytest.raises(BadInputError) as error:
        video.probe(write_video(tmp_path / "tiny.mp4", numbered(2, 16, 16)))
    assert error.value.code == "video_too_small"


def test_file_without_permission(tmp_path, monkeypatch):
    path = write_video(tmp_path / "a.mp4", numbered(2))
    monkeypatch.setattr("os.access", lambda *_: False)  # a test run as root may read everything
    assert code_of(path) == "video_unreadable"


def test_headers_without_frames(tmp_path):
    path = tmp_path / "a.avi"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=24)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        container.start_encoding()
    assert code_of(path) == "video_no_frames"


def test_clock_repairs_what_is_missing_doubled_or_reset():
    clock = FrameClock(10.0)
    stored = [5.0, 5.1, None, 5.3, 5.3, 5.4, 5.35, 5.5, 0.0, 0.1]
    times = [clock.time(t) for t in stored]
    assert np.all(np.diff(times) > 0)
    assert times[:4] == pytest.approx([0.0, 0.1, 0.2, 0.3])
    assert times[5] == pytest.approx(0.4)
    assert times[7:] == pytest.approx([0.5, 0.6, 0.7])
    assert clock.repaired == 4
