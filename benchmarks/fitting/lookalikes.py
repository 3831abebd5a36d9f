# SPDX-License-Identifier: GPL-3.0-or-later
"""Which rigs are built like a filmed creature, and which plainly are not."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from mocapanything_addon.jobs.rig import Rig
from training.pack import Pack

from .clips import ClipSpec, load_clips
from .conditions import thicker, with_longer_limbs
from .subjects import make_subject

BUILDS = {
    "horse": "four legs",
    "dog": "four legs",
    "deer": "four legs",
    "cattle": "four legs",
    "llama": "four legs",
    "cat": "four legs",
    "fish": "fish",
    "whale": "fish",
    "bird": "wings",
    "bat": "wings",
    "dragon": "wings",
}
"""Kinds that may be captured across; every other kind is a build of its own."""
UNCLEAR = {
    frozenset(pair)
    for pair in (
        ("human", "robot"),
        ("four legs", "rodent"),
        ("four legs", "lizard"),
        ("four legs", "frog"),
        ("four legs", "dinosaur on four legs"),
        ("rodent", "frog"),
        ("rodent", "lizard"),
        ("rodent", "dinosaur on four legs"),
        ("lizard", "frog"),
        ("lizard", "snake"),
        ("lizard", "dinosaur on four legs"),
        ("dinosaur on two legs", "dinosaur on four legs"),
        ("dinosaur on two legs", "wings"),
        ("crab", "spider"),
        ("crab", "insect"),
        ("spider", "insect"),
        ("insect", "wings"),
    )
}
"""Neither alike nor plainly other."""
MORE = {
    "tune": (
        ("cattle", "quaternius-animals_pack__Cow"),
        ("dog", "quaternius_fbx-Dog"),
        ("human", "quaternius_fbx-Smooth_Male_Suit"),
        ("human", "kaykit-Barbarian"),
        ("fish", "quaternius-cute_fish_pack__Tuna"),
        ("bird", "quaternius_fbx-bird"),
        ("robot", "quaternius_fbx-Robot"),
    ),
    "report": (
        ("cattle", "quaternius_fbx-Cow"),
        ("dog", "quaternius_fbx-Pug"),
        ("human", "quaternius_fbx-Smooth_Female_Dress"),
        ("fish", "quaternius-cute_fish_pack__Swordfish"),
        ("whale", "quaternius-fish_pack__Whale"),
    ),
}
"""Rigs besides those of the half's own clips."""
BUILT = {
    "tune": (
        ClipSpec("a snake", "snake", creature="snake", family="snake", action="slither"),
        ClipSpec("a lizard", "lizard", creature="lizard", family="reptile", action="walk"),
    ),
    "report": (ClipSpec("spider", "spider", creature="arthropod", family="arthropod", action="scuttle"),),
}
ALIKE, OTHER = 2, 3
"""Rigs a clip."""
RESIZED = (0.85, 1.15)
"""Range of the length of limbs and of the girth of a rig whose creature was filmed."""


@dataclass(frozen=True)
class Pairing:
    """A clip and the rig it is captured onto."""

    clip: ClipSpec
    rig: ClipSpec | None
    """Whose rig; None: the filmed one."""
    relation: str
    """"same", "resized" (the same, built a little otherwise), "alike" or "other"."""


def build_of(kind: str) -> str:
    """Creatures of one build may be captured onto each other."""
    return BUILDS.get(kind, kind)


def pairings(half: str, packs: Path) -> list[Pairing]:
    """Of every clip of a half with its own rig, that rig resized, rigs alike, and others; always the same."""
    clips = load_clips(half)
    rigs = [*clips, *BUILT[half], *(_spec_of(pack, kind, packs) for kind, pack in MORE[half])]
    found = []
    for clip in clips:
        rng = np.random.default_rng(zlib.crc32(clip.name.encode()))
        build = build_of(clip.kind)
        alike = [
            r
            for r in rigs
            if build_of(r.kind) == build and (r.pack, r.creature) != (clip.pack, clip.creature)
        ]
        builds = sorted({build_of(r.kind) for r in rigs} - {build})
        others = [b for b in builds if frozenset((b, build)) not in UNCLEAR]
        found += [Pairing(clip, None, "same"), Pairing(clip, None, "resized")]
        found += [Pairing(clip, rig, "alike") for rig in _drawn(alike, ALIKE, rng)]
        for other in _drawn(others, OTHER, rng):
            of_build = [r for r in rigs if build_of(r.kind) == other]
            found.append(Pairing(clip, _drawn(of_build, 1, rng)[0], "other"))
    return found


def paired_rig(pairing: Pairing, filmed: Rig, packs: Path) -> Rig:
    """The rig of a pairing, without a filmed clip's poses.

    Args:
        pairing: Which.
        filmed: The rig of the creature in the film.
        packs: Folder of rig packs.
    """
    if pairing.relation == "same":
        return filmed
    if pairing.relation == "resized":
        rng = np.random.default_rng(zlib.crc32(f"{pairing.clip.name} resized".encode()))
        limbs, girth = rng.uniform(*RESIZED, 2)
        return thicker(with_longer_limbs(filmed, limbs), girth)
    assert pairing.rig is not None
    return make_subject(replace(pairing.rig, travels=False), packs, 2).rig


def _drawn(things: Sequence, count: int, rng: np.random.Generator) -> list:
    """So many of the things, or all where there are fewer."""
    return [things[int(k)] for k in rng.permutation(len(things))[:count]]


def _spec_of(pack: str, kind: str, packs: Path) -> ClipSpec:
    """A rig that is never filmed; its first clip stands for it."""
    return ClipSpec(pack, kind, pack=pack, clip=Pack.load(packs, pack).clips[0].name.split("|")[-1])
