# SPDX-License-Identifier: GPL-3.0-or-later
"""Capture the bundled clip onto the bundled character, and say how far the result is from the truth.

    python -m samples.demo --output out/demo

The capture is the real command, with the weights that the package ships. What is measured and drawn is the
written .blend as Blender plays it, not what the capture believes.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mocapanything_addon.ik.camera import Camera

from .cast import FRAME_RATE
from .footage import Truth, write_video
from .metrics import Figures, Track, constant_floor, measure, rest_floor

if TYPE_CHECKING:
    from .evaluated import Evaluated

CONTENT = Path(__file__).resolve().parent / "content"


def main(arguments: list[str] | None = None) -> int:
    """Exit code 0, or that of the capture."""
    parser = argparse.ArgumentParser(prog="python -m samples.demo", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--output", type=Path, default=Path("out/demo"), metavar="FOLDER")
    parser.add_argument(
        "--sample", default="quadruped", choices=sorted(p.stem for p in CONTENT.glob("*.blend"))
    )
    parser.add_argument("--quality", default="standard", choices=["fast", "standard", "best"])
    options = parser.parse_args(arguments)
    folder: Path = options.output.absolute()
    started = time.monotonic()
    code = run_capture(options.sample, folder, options.quality)
    if code != 0:
        return code
    seconds = time.monotonic() - started
    from .evaluated import evaluate

    print("Playing the result in Blender ...", flush=True)
    shown = evaluate(folder / f"{options.sample}.blend")
    accuracy = compare_with_truth(shown, options.sample)
    table = {name: figures.to_dict() for name, figures in accuracy.items()}
    (folder / "accuracy.json").write_text(json.dumps(table, indent=2) + "\n", encoding="utf-8")
    draw_comparison(shown, options.sample, folder)
    print(f"\nCaptured {len(shown.times)} frames in {seconds:.0f} s. In {folder}:")
    for path in sorted(folder.iterdir()):
        what = EXPLANATIONS.get(path.name) or EXPLANATIONS.get(path.suffix, "")
        print(f"  {path.name:<22} {what}")
    print("\n" + accuracy_table(accuracy))
    return 0


EXPLANATIONS = {
    ".blend": "the character with the captured Action, ready to play",
    ".bvh": "the motion for other programs",
    "report.json": "what the capture did and how sure it is",
    "report_pictures": "the starts to choose from, and how well each moment fits",
    "accuracy.json": "the figures below",
    "comparison.mp4": "input | result from the same camera | from the side",
    "overlay.mp4": "the result drawn over the video",
}


def run_capture(sample: str, folder: Path, quality: str) -> int:
    """The command a user would type; returns its exit code."""
    folder.mkdir(parents=True, exist_ok=True)
    command = [
        sys.executable, "-m", "mocapanything_addon", "capture",
        "--asset", str(CONTENT / f"{sample}.blend"),
        "--video", str(CONTENT / f"{sample}.mp4"),
        "--output", str(folder / f"{sample}.blend"),
        "--bvh", str(folder / f"{sample}.bvh"),
        "--report", str(folder / "report.json"),
        "--overlay", str(folder / "overlay.mp4"),
        "--quality", quality,
        "--python", sys.executable,
    ]  # fmt: skip
    print(f"Capturing {sample}.mp4 onto {sample}.blend ...", flush=True)
    return subprocess.run(command, check=False, cwd=Path(__file__).resolve().parents[1]).returncode


def compare_with_truth(shown: Evaluated, sample: str) -> dict[str, Figures]:
    """Figures of the capture and of the two floors, see metrics.py."""
    truth = Truth.load(CONTENT / f"{sample}.npz")
    frames = np.clip(np.rint(shown.times * FRAME_RATE).astype(int), 0, len(truth.times) - 1)
    whole = truth.track
    real = Track(whole.positions[frames], whole.global_rotations[frames])
    joints = truth.joints
    return {
        "this capture": measure(shown.track(truth.joint_names, truth.is_tail), real, joints),
        "rest pose, true root": measure(rest_floor(real, joints), real, joints),
        "best constant pose, true root": measure(constant_floor(real, joints), real, joints),
    }


def draw_comparison(shown: Evaluated, sample: str, folder: Path) -> None:
    """Write comparison.mp4, from the camera that the report names."""
    from .comparison import comparison_frames

    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    view, video = report["camera"], report["video"]
    camera = Camera(
        float(view["focal"]),
        int(video["width"]),
        int(video["height"]),
        np.array(view["rotation"], float),
        np.array(view["translation"], float),
    )
    total = len(shown.times)

    def counted() -> Iterator[NDArray[np.uint8]]:
        for i, frame in enumerate(comparison_frames(CONTENT / f"{sample}.mp4", shown, camera)):
            if sys.stdout.isatty() or i == 0:
                print(
                    f"\rDrawing the comparison {i + 1}/{total}", end="" if i + 1 < total else "\n", flush=True
                )
            yield frame

    write_video(folder / "comparison.mp4", counted(), frame_rate=FRAME_RATE, quality=20)


def accuracy_table(accuracy: dict[str, Figures]) -> str:
    """Lines for people. The body is scaled to 1 m."""
    head = f"{'':<31}{'MPJPE':>9}{'yaw aligned':>13}{'PA-MPJPE':>10}{'rotation':>10}{'motion':>8}"
    unit = f"{'':<31}{'cm':>9}{'cm':>13}{'cm':>10}{'degrees':>10}{'corr.':>8}"
    rows = [
        f"{name:<31}{f.mpjpe:>9.2f}{f.yaw_aligned_mpjpe:>13.2f}{f.pa_mpjpe:>10.2f}"
        f"{f.rotation_error:>10.1f}{f.motion_correlation:>8.2f}"
        for name, f in accuracy.items()
    ]
    return "\n".join(
        ["Distance from the truth (1 m cube; doing nothing scores the second line):", head, unit, *rows]
    )


if __name__ == "__main__":
    sys.exit(main())
