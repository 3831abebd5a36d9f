# SPDX-License-Identifier: GPL-3.0-or-later
"""Make the sample content: ``python -m samples --output samples/content``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

from .cast import FRAME_RATE, SAMPLES, Sample
from .footage import truth_of, write_video
from .render import Photographer, film


def main(arguments: list[str] | None = None) -> None:
    """For every sample NAME.blend, NAME.mp4 and NAME.npz (the truth)."""
    parser = argparse.ArgumentParser(prog="python -m samples", description=main.__doc__)
    parser.add_argument("--output", type=Path, default=Path("samples/content"))
    parser.add_argument("--only", choices=[s.name for s in SAMPLES], action="append")
    chosen = parser.parse_args(arguments)
    for sample in SAMPLES:
        if not chosen.only or sample.name in chosen.only:
            make(sample, chosen.output)


def make(sample: Sample, folder: Path) -> None:
    """Write one sample."""
    from .build_blend import write_blend

    creature = sample.creature()
    clip = sample.clip(creature)
    camera = sample.camera(creature, clip)
    photographer = Photographer.of_rig(creature.rig, sample.scenery(creature), seed=sample.seed)
    masks = []
    frames = []
    for frame, mask in film(photographer, creature.rig, clip, camera):
        frames.append(frame)
        masks.append(mask)
        if sys.stdout.isatty():
            print(f"\r{sample.name}: frame {len(frames)}/{len(clip.times)}", end="", flush=True)
    write_video(folder / f"{sample.name}.mp4", frames, frame_rate=FRAME_RATE)
    truth_of(creature.rig, clip, camera, masks).save(folder / f"{sample.name}.npz")
    write_blend(creature, folder / f"{sample.name}.blend", camera=camera, frame_rate=FRAME_RATE)
    sizes = [
        f"{(folder / f'{sample.name}{suffix}').stat().st_size / 1024:.0f} kB {suffix}"
        for suffix in (".blend", ".mp4", ".npz")
    ]
    share = np.mean([mask.mean() for mask in masks])
    print(f"\r{sample.name}: {', '.join(sizes)}; covers {100 * share:.1f} % of the picture")


if __name__ == "__main__":
    main()
