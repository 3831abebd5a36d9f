# SPDX-License-Identifier: GPL-3.0-or-later
"""Measure the mask: the subject cut out of real and drawn clips, next to other methods.

    python -m benchmarks.subject                                   # samples and drawn clips
    python -m benchmarks.subject --videos FOLDER --teacher FOLDER  # and real frames held out of training
    python -m benchmarks.subject --scenes                          # crossings, hiding, leaving, panning, cuts
    python -m benchmarks.subject --sheet --videos FOLDER           # a picture of every video, to be looked at
    python -m benchmarks.subject --segmenter FILE.onnx             # also with a segmenter of one's own

Real frames are compared with a strong teacher (``python -m training teach``), drawn ones with the truth.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import perf_counter

for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "LP_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")  # read when the libraries below are loaded

import cv2  # noqa: E402
import numpy as np  # noqa: E402
from numpy.typing import NDArray  # noqa: E402

from mocapanything_addon.fit.likeness import log_odds_of_likeness  # noqa: E402
from mocapanything_addon.jobs.settings import CaptureSettings  # noqa: E402
from mocapanything_addon.worker import video  # noqa: E402
from mocapanything_addon.worker.subject.clip import FoundSubject, make_clip  # noqa: E402
from mocapanything_addon.worker.subject.hidden_share import MARKED, hidden_share  # noqa: E402
from samples.footage import Truth, write_video  # noqa: E402
from samples.render import Photographer  # noqa: E402
from samples.scenery import Scenery  # noqa: E402
from training.pack import FRAME_RATE, Pack, pack_names  # noqa: E402
from training.split import side_of  # noqa: E402
from training.teacher import VIDEO_SUFFIXES, load_mask_split, taught_frames  # noqa: E402

from .fitting.clips import ClipSpec, load_clips  # noqa: E402
from .fitting.filming import View, place_camera, posed_vertices  # noqa: E402
from .fitting.subjects import make_subject  # noqa: E402
from .masks.rivals import RIVALS, Rival  # noqa: E402
from .masks.scenes import Scene, scenes  # noqa: E402
from .masks.scores import boundary_score, overlap, part_meant  # noqa: E402
from .masks.sheet import write_sheet  # noqa: E402
from .masks.whole_frame import whole_frame  # noqa: E402
from .report import Table  # noqa: E402

CONTENT = Path(__file__).resolve().parents[1] / "samples" / "content"
WORST = 12
CLIP_FRAMES = 36
SCENE_PAIRS = (("alpaca walk", "man jumps"), ("mage walk", "wolf walk"), ("trex run", "built human run"))
"""Of clips.json: the creature that is meant, and another one."""
Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Clip:
    """A video with true masks (H, W) of some of its frames, by frame number."""

    name: str
    kind: str
    path: Path
    masks: dict[int, Mask]


@dataclass(frozen=True, eq=False)
class Picture:
    """A frame with what was found and what is true, for looking at."""

    title: str
    score: float
    image: NDArray[np.uint8]


def main(arguments: list[str] | None = None) -> None:
    """Cut out every clip with every method, print the tables, write them and the worst frames."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.subject", description=__doc__)
    parser.add_argument("--videos", type=Path, help="folder of the real videos")
    parser.add_argument("--teacher", type=Path, default=Path("data/teacher"), help="what 'teach' has written")
    parser.add_argument(
        "--side", default="held_out", choices=("held_out", "train"), help="of mask_split.json"
    )
    parser.add_argument("--packs", type=Path, default=Path("data/packs"), help="folder of rig packs")
    parser.add_argument("--only", default="", help="names of clips, by commas")
    parser.add_argument(
        "--scenes", action="store_true", help="drawn scenes in which a subject is hard to keep"
    )
    parser.add_argument("--sheet", action="store_true", help="of all videos, a picture of what is cut out")
    parser.add_argument("--rivals", action="store_true", help="other methods too")
    parser.add_argument("--segmenter", type=Path, help="ONNX model: with it, too; scenes: only with it")
    parser.add_argument("--out", type=Path, default=Path("out/benchmarks/subject"))
    options = parser.parse_args(arguments)
    if options.scenes:
        measure_scenes(options)
        return
    if options.sheet:
        if options.videos is None:
            parser.error("--sheet needs --videos")
        videos = sorted(p for p in options.videos.iterdir() if p.suffix.lower() in VIDEO_SUFFIXES)
        with tempfile.TemporaryDirectory() as scratch:
            settings = settings_with(options.segmenter)
            write_sheet(videos, Path(scratch), options.out / "sheet.png", settings)
        return
    table = Table(
        "subject",
        "Masks",
        ("clip", "method", "frames", "IoU", "lowest IoU", "boundary F", "found in", "frames a second"),
        note="IoU and boundary F (tolerance 0.8 % of the image's diagonal) are means over frames.",
    )
    pictures: list[Picture] = []
    chosen = {name.strip() for name in options.only.split(",") if name.strip()}
    with tempfile.TemporaryDirectory() as scratch:
        for clip in clips(options, Path(scratch)):
            if chosen and clip.name not in chosen:
                continue
            methods: dict[str, Callable[[Clip], dict[int, Mask]]] = {"ours": cut_by_product}
            if options.segmenter is not None:
                name = f"ours with {options.segmenter.stem}"
                methods[name] = partial(cut_by_product, segmenter=options.segmenter)
            if options.rivals:
                methods |= {name: _rival(method) for name, method in RIVALS.items()}
            for name, method in methods.items():
                began = perf_counter()
                found = method(clip)
                seconds = perf_counter() - began
                rate = float("nan") if name in RIVALS else frame_count(clip.path) / seconds
                add_row(table, clip, name, found, rate)
                if name == "ours":
                    pictures += drawn(clip, found)
                print(table.rows[-1], file=sys.stderr, flush=True)
                table.write(options.out)
    print(table.markdown())
    write_worst(options.out / "worst.png", pictures)


def clips(options: argparse.Namespace, scratch: Path) -> Iterator[Clip]:
    """Real clips, the samples, and clips of rigs that do not train."""
    if options.videos is not None:
        for name in load_mask_split()[options.side]:
            path = next((p for p in options.videos.glob(f"{name}.*") if p.suffix in VIDEO_SUFFIXES), None)
            masks = {frame.index: frame.mask > 127 for frame in taught_frames(options.teacher, [name])}
            if path is not None and masks:
                yield Clip(name, "real", path, masks)
    for path in sorted(CONTENT.glob("*.mp4")):
        truth = Truth.load(path.with_suffix(".npz"))
        masks = {index: mask for index, mask in enumerate(truth.silhouettes()) if index % 3 == 0}
        yield Clip(path.stem, "sample", path, masks)
    known = set(pack_names(options.packs))
    for spec in load_clips("all"):
        if spec.pack in known and side_of(Pack.load(options.packs, spec.pack).family) == "validation":
            yield film(spec, options.packs, scratch)


def film(spec: ClipSpec, packs: Path, folder: Path) -> Clip:
    """A clip of the fit's benchmark as a video, with its shadow on the ground."""
    subject = make_subject(spec, packs, CLIP_FRAMES)
    camera = place_camera(spec, subject, View())
    seed = len(spec.name)
    scenery = Scenery(spec.palette, seed=seed, scale=1.0, trees=0 if spec.palette == "pond" else 12)
    photographer = Photographer.of_rig(subject.rig, scenery, seed=seed, supersampling=1)
    shots = [photographer.photograph(vertices, camera) for vertices in posed_vertices(subject)]
    path = folder / f"{spec.name.replace(' ', '_')}.mp4"
    write_video(path, (image for image, _ in shots), frame_rate=round(FRAME_RATE))
    return Clip(spec.name, "drawn", path, {i: mask for i, (_, mask) in enumerate(shots) if i % 3 == 0})


def cut_by_product(clip: Clip, segmenter: Path | None = None) -> dict[int, Mask]:
    """What the capture cuts out, as masks of whole frames."""
    wanted = sorted(clip.masks)
    height, width = clip.masks[wanted[0]].shape
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        subject = make_clip(clip.path, settings_with(segmenter), Path(folder), lambda *progress: None)
        result = subject.clip
        for sentence in subject.warnings:
            print(f"{clip.name}: {sentence}", file=sys.stderr)
        times = [frame.time for frame in video.frames(clip.path)]
        first = times[0]
        for index in wanted:
            # A clip of several shots is captured in part; what is left out counts as not found.
            at = int(np.abs(result.times - (times[index] - first)).argmin())
            found[index] = whole_frame(result, at, width, height)
    return found


def settings_with(segmenter: Path | None) -> CaptureSettings:
    """The settings that a capture has by itself, but for the segmenter."""
    return CaptureSettings(segmenter=None if segmenter is None else str(segmenter))


def measure_scenes(options: argparse.Namespace) -> None:
    """Follow creatures through hard scenes; print and write the table."""
    table = Table(
        "scenes",
        "Scenes in which a subject is hard to keep",
        (
            "scene",
            "frames in view",
            "kept",
            "IoU",
            "in view or not",
            "cut off or not",
            "hidden share, error",
            "hidden or not",
            "candidates",
            "chosen",
        ),
        note="Kept: of the frames with at least a third of the creature in view, in how many it is the one "
        "that was cut out (IoU above 0.5); IoU: mean of those. Then, how many of all frames say rightly "
        "whether it is in view, and whether the image's border cuts it off. Of the frames in which it is in "
        "the image and not cut off: the mean absolute error of the share that something else hides (what is "
        "not told counts as none), and how many say rightly whether that is over "
        f"{MARKED:.0%}. Chosen: IoU of the creature that was taken, in the frame where the candidates were "
        "compared.",
    )
    specs = {spec.name: spec for spec in load_clips("all")}
    pairs = [(specs[a], specs[b]) for a, b in SCENE_PAIRS]
    with tempfile.TemporaryDirectory() as scratch:
        for spec, scene in scenes(pairs, options.packs, Path(scratch)):
            rig = make_subject(spec, options.packs, 2).rig
            with tempfile.TemporaryDirectory() as folder:
                found = make_clip(
                    scene.path,
                    settings_with(options.segmenter),
                    Path(folder),
                    lambda *progress: None,
                    judge=partial(log_odds_of_likeness, rig),
                )
                add_scene(table, scene, found)
            print(table.rows[-1], file=sys.stderr, flush=True)
            table.write(options.out)
    print(table.markdown())


def add_scene(table: Table, scene: Scene, found: FoundSubject) -> None:
    """One row."""
    clip = found.clip
    height, width = scene.masks[0].shape
    count = len(scene.masks)
    overlaps, in_view, cut = np.zeros(count), np.zeros(count, bool), np.zeros(count, bool)
    for t in range(count):
        # Shots are captured one at a time: the clip's frames are those of the scene's shot, or none.
        if t >= clip.frame_count:
            continue
        mask = whole_frame(clip, t, width, height)
        overlaps[t] = overlap(mask, scene.masks[t])
        in_view[t], cut[t] = bool(mask.any()), bool(clip.cut_off[t].any())
    judged = scene.shown > 1.0 / 3.0
    kept = judged & (overlaps > 0.5)
    certain = (scene.shown > 0.1) | (scene.shown == 0.0)
    right_view = in_view == (scene.shown > 0.0)
    visible = scene.shown > 0.1
    right_cut = cut == scene.cut_off.any(axis=1)
    told = np.zeros(count)
    told[: clip.frame_count] = np.nan_to_num(hidden_share(clip))[:count]
    within = np.isfinite(scene.hidden) & ~scene.cut_off.any(axis=1)
    error, right_hidden = np.abs(told - scene.hidden), (told > MARKED) == (scene.hidden > MARKED)
    table.add(
        scene.name,
        int(judged.sum()),
        float(kept.sum() / judged.sum()),
        float(overlaps[kept].mean()) if kept.any() else 0.0,
        float(right_view[certain].mean()),
        float(right_cut[visible].mean()),
        float(error[within].mean()) if within.any() else float("nan"),
        float(right_hidden[within].mean()) if within.any() else float("nan"),
        len(found.candidates),
        _chosen_overlap(scene, found, width, height),
    )


def _chosen_overlap(scene: Scene, found: FoundSubject, width: int, height: int) -> float:
    if not found.candidates:
        return float("nan")
    best = found.candidates[0]
    mask = cv2.resize(best.masks[0].astype(np.uint8) * 255, (width, height)) > 127
    return overlap(mask, scene.masks[best.frame])


def _rival(method: Rival) -> Callable[[Clip], dict[int, Mask]]:
    def cut(clip: Clip) -> dict[int, Mask]:
        frames = [frame.rgb for frame in video.frames(clip.path)]
        return method(frames, clip.masks)

    return cut


def frame_count(path: Path) -> int:
    """Frames of a video."""
    return sum(1 for _ in video.frames(path))


def add_row(table: Table, clip: Clip, method: str, found: dict[int, Mask], rate: float) -> None:
    """Means over the frames with a true mask."""
    shown = [index for index, mask in clip.masks.items() if mask.any()]
    truth = {index: meant(clip, found[index], index) for index in shown}
    overlaps = [overlap(found[index], truth[index]) for index in shown]
    edges = [boundary_score(found[index], truth[index]) for index in shown]
    kept = float(np.mean([value > 0.5 for value in overlaps]))
    table.add(
        clip.name,
        method,
        len(shown),
        float(np.mean(overlaps)),
        min(overlaps),
        float(np.mean(edges)),
        kept,
        rate,
    )


def meant(clip: Clip, found: Mask, index: int) -> Mask:
    """The true mask of a frame; of a real one, the creature that was chosen."""
    return part_meant(found, clip.masks[index]) if clip.kind == "real" else clip.masks[index]


def drawn(clip: Clip, found: dict[int, Mask]) -> list[Picture]:
    """Frames with the true outline green and the found one red."""
    pictures = []
    for index, frame in enumerate(video.frames(clip.path)):
        if index not in clip.masks or not clip.masks[index].any():
            continue
        image = frame.rgb.copy()
        truth = meant(clip, found[index], index)
        for mask, color in ((truth, (0, 255, 0)), (found[index], (255, 0, 0))):
            lines, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
            cv2.drawContours(image, lines, -1, color, max(1, image.shape[1] // 400))
        score = overlap(found[index], truth)
        small = cv2.resize(
            image, (400, round(400 * image.shape[0] / image.shape[1])), interpolation=cv2.INTER_AREA
        )
        pictures.append(Picture(f"{clip.name} {index}: {score:.2f}", score, np.asarray(small, np.uint8)))
    return pictures


def write_worst(path: Path, pictures: list[Picture]) -> None:
    """The frames with the lowest overlap, three in a row."""
    tiles = []
    for picture in sorted(pictures, key=lambda p: p.score)[:WORST]:
        tile = np.zeros((300, 400, 3), np.uint8)
        part = picture.image[:300]
        tile[: len(part)] = part
        cv2.putText(
            tile, picture.title, (6, 16), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (255, 255, 0), 1, cv2.LINE_AA
        )
        tiles.append(tile)
    tiles += [np.zeros((300, 400, 3), np.uint8)] * (-len(tiles) % 3)
    rows = [np.hstack(tiles[start : start + 3]) for start in range(0, len(tiles), 3)]
    if rows:
        cv2.imwrite(str(path), np.vstack(rows)[..., ::-1])


if __name__ == "__main__":
    main()
