# SPDX-License-Identifier: GPL-3.0-or-later
"""Take one kind of evidence, or one step, away from the fit after its start was found."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

import numpy as np

from mocapanything_addon.fit import exchange, fit, settle, sight, track, whole_clip
from mocapanything_addon.fit.evidence import flow
from mocapanything_addon.fit.evidence.patches import PatchMotion


def _nothing(*_: Any, **__: Any) -> None:
    return None


def _as_it_was(problem: Any, motion: Any, cost: Any, *_: Any, **__: Any) -> Any:
    return motion, cost


def _as_found(problem: Any, found: Any, *_: Any) -> Any:
    return problem, found


def _expected_as_it_is(_: Any, expected: Any, *__: Any) -> Any:
    return expected


def _where_the_dense_flow_leads(_: Any, __: Any, places: Any, guesses: Any, ___: Any) -> PatchMotion:
    count = len(places)
    return PatchMotion(guesses[0], np.tile(np.eye(2), (count, 1, 1)), np.zeros(count))


REPLACED: dict[str, tuple[tuple[Any, str, Any], ...]] = {
    "flow": tuple((module, "FLOW_WEIGHT", 0.0) for module in (track, whole_clip, exchange, fit)),
    "silhouette": ((sight, "silhouette_observations", _nothing),),
    "shape": ((fit, "find_shape", _as_found),),
    "exchange": ((fit, "undo_exchanges", _as_it_was),),
    "other ways": ((fit, "revise", _as_it_was),),
    "patches": ((flow, "follow_patches", _where_the_dense_flow_leads),),
    "lost frames": ((fit, "recall_lost_frames", _nothing),),
    "own mean": ((settle, "about_own_mean", _expected_as_it_is),),
    "lost limbs": ((sight, "find_lost_limbs", _nothing),),
}
"""Module, name in it, and what stands there instead."""
ABLATIONS = (
    "",
    *REPLACED,
    "expected pose",
    "average pose",
    "elevation",
    "contacts",
    "second look",
    "critic",
    "proposals",
)
"""The last seven are left out by the run itself: the rest pose is expected, what the start search says of the
average pose is not used, the camera is not tilted, planted feet are not held, the subject is not cut out
again, no network judges poses, none proposes any."""


@contextmanager
def without(name: str) -> Iterator[None]:
    """The fit without one of :data:`REPLACED`; any other name changes nothing."""
    with ExitStack() as stack:
        for module, attribute, instead in REPLACED.get(name, ()):
            stack.enter_context(patch.object(module, attribute, instead))
        yield
