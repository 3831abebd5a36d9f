# SPDX-License-Identifier: GPL-3.0-or-later
"""Packs of procedural creatures without end: the decoder soon knows a hundred artists' rigs by heart."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from samples.creatures.anatomy import grow_anatomy
from samples.creatures.creature import Creature, build_creature
from samples.creatures.plan import BodyPlan
from samples.creatures.random_plans import random_plan
from samples.motions.animator import Clip
from samples.motions.repertoire import ALOFT, random_clip, repertoire

from .data import MOST_JOINTS
from .pack import FRAME_RATE, SUFFIX, MotionClip, Pack
from .packs import decimated
from .pruning import pruned, random_pruning
from .rest_poses import random_rest_pose, with_rest_pose
from .split import PROCEDURAL

log = logging.getLogger(__name__)
VERTICES = 4000
"""Of the skin before it is thinned out like every pack's. With fewer, legs that stand close grow
together."""
VARIETY = (0.3, 1.0)
CLIPS = (3, 5)
CLIP_SECONDS = (1.0, 3.0)
PRUNED_SHARE = 0.5
"""Of the creatures: half of the artists' rigs have fewer joints than any creature with all its bones."""


def make_creatures(count: int, folder: Path, seed: int = 0) -> None:
    """Write the packs of creatures 0 to count - 1; numbers that are there are left as they are."""
    folder.mkdir(parents=True, exist_ok=True)
    seconds: list[float] = []
    sizes: list[int] = []
    for number in range(count):
        if any(folder.glob(f"{PROCEDURAL}-*-{number:05d}{SUFFIX}")):
            continue
        began = perf_counter()
        pack = creature_pack(number, seed)
        pack.save(folder)
        seconds.append(perf_counter() - began)
        sizes.append((folder / (pack.name + SUFFIX)).stat().st_size)
        clips = ", ".join(clip.name for clip in pack.clips)
        log.info("%s: %s, %d joints; %s", pack.name, pack.family, len(pack.parents), clips)
    if seconds:
        log.info(
            "%d creatures, %.1f s and %.0f kB each", len(seconds), np.mean(seconds), np.mean(sizes) / 1000.0
        )


def creature_pack(number: int, seed: int = 0) -> Pack:
    """One creature with its clips; same number and seed, same pack.

    Its name says what it is (``procedural-quadruped-00017``), its family only whether its clips touch the
    ground: ``procedural``, ``procedural-flyer`` or ``procedural-swimmer``.
    """
    rng = np.random.default_rng([seed, number, 20261])
    plan = _small_enough_plan(rng)
    kind = plan.name.rsplit("_", 1)[0]
    creature = build_creature(plan, vertex_count=VERTICES, seed=int(rng.integers(2**31)))
    kept = np.ones(len(creature.anatomy.names), bool)
    if rng.random() < PRUNED_SHARE:
        kept = random_pruning(creature, rng)
    rig, bones = pruned(creature, kept)
    family, names = _random_motions(creature, rng)
    clips = []
    for motion_name in names:
        frames = round(float(rng.uniform(*CLIP_SECONDS)) * FRAME_RATE) + 1
        clip = random_clip(creature, np.arange(frames) / FRAME_RATE, rng, name=motion_name)
        clips.append(clip_of(creature, clip, bones, rig.is_tail))
    pack = Pack.from_rig(decimated(rig), f"{PROCEDURAL}-{kind}-{number:05d}", family, tuple(clips))
    rest = random_rest_pose(creature, rng)[bones]
    rest[rig.is_tail] = np.eye(3)
    return with_rest_pose(pack, rest)


def clip_of(
    creature: Creature, clip: Clip, bones: NDArray[np.intp], is_tail: NDArray[np.bool_]
) -> MotionClip:
    """A creature's motion on the joints (J,) of its pruned rig; see :func:`training.pruning.pruned`."""
    local = clip.motion.local_rotations[:, bones].astype(np.float32)
    local[:, is_tail] = np.eye(3)
    root = creature.rig.rest_positions[0] + clip.motion.root_translation
    return MotionClip(clip.name, local, root.astype(np.float32))


def _small_enough_plan(rng: np.random.Generator) -> BodyPlan:
    while True:
        plan = random_plan(int(rng.integers(2**31)), variety=float(rng.uniform(*VARIETY)))
        parents = grow_anatomy(plan).parents
        leaves = np.setdiff1d(np.arange(len(parents)), parents)
        if len(parents) + len(leaves) <= MOST_JOINTS:
            return plan


def _random_motions(creature: Creature, rng: np.random.Generator) -> tuple[str, list[str]]:
    """Family and names of clips. All are on the ground or none is: contacts are labelled by family."""
    actions = sorted(repertoire(creature))
    groups = {
        PROCEDURAL: [name for name in actions if name not in ALOFT],
        f"{PROCEDURAL}-flyer": [name for name in actions if name == "fly"],
        f"{PROCEDURAL}-swimmer": [name for name in actions if name == "swim"],
    }
    possible = [family for family, names in groups.items() if names]
    family = possible[int(rng.integers(len(possible)))]
    count = int(rng.integers(CLIPS[0], CLIPS[1] + 1))
    names = [str(name) for name in rng.permutation(groups[family])]
    return family, [names[index % len(names)] for index in range(count)]


def main(arguments: list[str] | None = None) -> None:
    """Command line; see README.md."""
    parser = argparse.ArgumentParser(prog="python -m training creatures", description=__doc__)
    parser.add_argument("--count", type=int, default=400, help="creatures in all, those there included")
    parser.add_argument("--packs", type=Path, default=Path("data/packs"))
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    make_creatures(options.count, options.packs, options.seed)


if __name__ == "__main__":
    main()
