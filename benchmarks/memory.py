# SPDX-License-Identifier: GPL-3.0-or-later
"""Memory of the worker, stage by stage, for a long clip in high resolution.

    python -m benchmarks.memory                               # 300 frames of 1920 x 1080
    python -m benchmarks.memory --frames 60 --quality fast    # a look

A bundled sample's creature trots in a circle, is filmed, enlarged to that size, and captured by the worker as
Blender starts it. Reads /proc, so Linux only. The film is kept in the output folder and used again.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from mocapanything_addon.jobs.client import start_worker
from mocapanything_addon.jobs.folder import JobFolder
from mocapanything_addon.jobs.messages import Message, Progress
from mocapanything_addon.jobs.request import Request
from mocapanything_addon.jobs.rig import Rig
from mocapanything_addon.jobs.settings import CaptureSettings, Quality
from samples.cast import FRAME_RATE, SAMPLES, Sample
from samples.footage import write_video
from samples.render import Photographer, film

from .report import Table

SAMPLE = "quadruped"
ENLARGED = 3
"""How much the film is enlarged: to draw it in full size would take longer than to capture it."""
TURN = 0.7
"""Radians a second: it stays near, however long the clip is."""
SAMPLE_SECONDS = 0.02
NOTE = (
    "Memory of the worker's process while each stage ran, MiB: all that is resident, and of it what is its "
    "own (the rest are libraries and pages of files, which the system takes back when it needs them)."
)


class Watch(threading.Thread):
    """Reads the memory of a process until that is gone."""

    def __init__(self, pid: int) -> None:
        super().__init__(name="memory watch", daemon=True)
        self.stage = "start"
        self.peak = 0.0
        """MiB, as the system counts it."""
        self.highest: dict[str, tuple[float, float]] = {}
        """Stage -> MiB resident and, of them, its own."""
        self.seconds: dict[str, float] = {}
        self._looked = time.monotonic()
        self._status = Path(f"/proc/{pid}/status")

    def run(self) -> None:
        while self.step():
            time.sleep(SAMPLE_SECONDS)

    def step(self) -> bool:
        """Look once. False where the process is gone."""
        stage, found = self.stage, self._read()
        if not found:
            return False
        now = time.monotonic()
        before = self.highest.get(stage, (0.0, 0.0))
        self.peak = max(self.peak, found["VmHWM"])
        self.highest[stage] = max(before, (found["VmRSS"], found["RssAnon"]))
        self.seconds[stage] = self.seconds.get(stage, 0.0) + now - self._looked
        self._looked = now
        return True

    def _read(self) -> Mapping[str, float]:
        """MiB; empty where the process is gone."""
        try:
            lines = self._status.read_text().splitlines()
        except OSError:
            return {}
        pairs = (line.split(":", 1) for line in lines if line.startswith(("VmHWM", "VmRSS", "RssAnon")))
        return {name: float(value.split()[0]) / 1024.0 for name, value in pairs}


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.memory", description=__doc__)
    parser.add_argument("--frames", type=int, default=300)
    parser.add_argument("--width", type=int, default=1920)
    parser.add_argument("--height", type=int, default=1080)
    parser.add_argument("--quality", choices=[q.value for q in Quality], default=Quality.STANDARD.value)
    parser.add_argument("--out", type=Path, default=Path("out/benchmarks/memory"))
    options = parser.parse_args()
    if not Path("/proc/self/status").is_file():
        sys.exit("This system tells nothing of processes in /proc.")
    sample = next(s for s in SAMPLES if s.name == SAMPLE)
    sample = replace(
        sample,
        frames=options.frames,
        width=options.width // ENLARGED,
        height=options.height // ENLARGED,
        options={**sample.options, "turn": TURN},
    )
    video = options.out / f"{SAMPLE} {options.frames} x {options.width} x {options.height}.mp4"
    rig = filmed(sample, video)
    watch = captured(rig, video, Quality(options.quality), options.out / "job")
    table = Table(
        "memory",
        f"{options.frames} frames of {options.width} x {options.height}, {options.quality}",
        ("stage", "seconds", "resident", "its own"),
        NOTE,
    )
    for stage, (resident, own) in watch.highest.items():
        table.add(stage, round(watch.seconds[stage]), round(resident), round(own))
    table.add("peak", round(sum(watch.seconds.values())), round(watch.peak), "")
    table.write(options.out)
    print(table.markdown())


def filmed(sample: Sample, video: Path) -> Rig:
    """Film the sample where that is not done yet; returns its rig."""
    creature = sample.creature()
    if video.is_file():
        return creature.rig
    clip = sample.clip(creature)
    photographer = Photographer.of_rig(creature.rig, sample.scenery(creature), seed=sample.seed)
    partial = video.with_suffix(".part.mp4")

    def frames() -> Iterator[NDArray[np.uint8]]:
        camera = sample.camera(creature, clip)
        for index, (frame, _) in enumerate(film(photographer, creature.rig, clip, camera)):
            print(f"\rfilm {index + 1}/{sample.frames}", end="", file=sys.stderr, flush=True)
            enlarged = cv2.resize(frame, None, fx=ENLARGED, fy=ENLARGED, interpolation=cv2.INTER_CUBIC)
            yield np.asarray(enlarged, np.uint8)

    write_video(partial, frames(), frame_rate=FRAME_RATE)
    partial.replace(video)
    return creature.rig


def captured(rig: Rig, video: Path, quality: Quality, folder: Path) -> Watch:
    """Capture in the worker's process; returns what was seen of its memory."""
    shutil.rmtree(folder, ignore_errors=True)
    request = Request(video=video.absolute(), settings=CaptureSettings(quality=quality))
    run = start_worker(JobFolder.create(folder.absolute(), request, rig), Path(sys.executable))
    watch = Watch(run.pid)

    def hear(message: Message) -> None:
        if isinstance(message, Progress) and message.stage != watch.stage:
            watch.stage = message.stage
            print(f"\r{message.stage:<30}", end="", file=sys.stderr, flush=True)

    watch.start()
    run.wait(hear)
    watch.join()
    return watch


if __name__ == "__main__":
    main()
