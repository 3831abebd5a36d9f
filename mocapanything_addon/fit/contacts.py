# SPDX-License-Identifier: GPL-3.0-or-later
"""Planted feet: found in the fitted motion, and held where they stand.

Each frame's own errors make a foot that stands on the ground skate. A joint at the end of a limb that all but
stays in place while the body travels is held still in a last solve, with all other evidence as before.
Swimmers and flyers touch nothing unless part of them really stays in place, and where the outlines fit worse
with what was held, nothing is.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..ik.contact_search import find_contacts
from ..ik.kinematics import forward
from ..ik.motion import Motion
from ..ik.terms.contacts import Contact, placed
from .problem import Problem, Progress
from .track import Track
from .whole_clip import fit_whole_clip

ROUNDS = 2
WORSE_OVERLAP = 0.01
"""Contacts after which the outlines overlap less by this, in the frames in which they hold, are wrong."""


def hold_contacts(problem: Problem, found: Track, progress: Progress) -> tuple[Track, list[Contact]]:
    """The motion with planted joints held still, and which those are: frames of the clip and places.

    Args:
        problem: The capture.
        found: The fitted motion.
        progress: Told several times a second.
    """
    contacts = planted(problem, found.motion)
    if not contacts:
        return found, []
    held = fit_whole_clip(problem, found.motion, progress, rounds=ROUNDS, contacts=contacts)
    frames = _frames_of(contacts, len(found.overlap))
    if held.overlap[frames].mean() < found.overlap[frames].mean() - WORSE_OVERLAP:
        return found, []
    return held, contacts


def planted(problem: Problem, motion: Motion) -> list[Contact]:
    """Joints that stand still for a run of frames, with their places."""
    clip = problem.frames.clip
    positions = forward(problem.body.skeleton, motion).positions
    weights = np.repeat(problem.frames.has_subject[:, None].astype(float), positions.shape[1], axis=1)
    rate = clip.frame_rate
    contacts = find_contacts(problem.body.skeleton, positions, weights, rate, up=problem.body.up)
    return placed(contacts, positions)


def _frames_of(contacts: Sequence[Contact], count: int) -> NDArray[np.bool_]:
    """(T,) something is held."""
    frames = np.zeros(count, bool)
    for contact in contacts:
        frames[contact.first : contact.last + 1] = True
    return frames
