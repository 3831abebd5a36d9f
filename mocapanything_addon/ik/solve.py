# SPDX-License-Identifier: GPL-3.0-or-later
"""Find the motion that agrees best with a list of terms.

Gauss-Newton with Levenberg-Marquardt damping, all frames of the clip together. The cost is the sum of the
terms' costs. One step linearises every term at the current motion, adds all to one block-banded system
(normal_equations.py), solves it within the joints' ranges (limits/bounded_step.py) and applies the result
(parameters.py). Ranges and locks therefore hold exactly in every motion this module returns.

A new term is a class with two methods, see :class:`Term`, and no base class.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import minimum_filter1d, uniform_filter1d

from .kinematics import State
from .limits.bounded_step import BoundedStep, bounded_step
from .limits.ranges import inside_limits
from .linear.normal_equations import NormalEquations
from .motion import Motion
from .parameters import apply_step
from .skeleton import Skeleton

Array = NDArray[np.float64]
Progress = Callable[[int, int], None]
"""Called with the iterations done and the most there can be; may raise to end the solve."""
LEAST_DAMPING = 1e-2
MOST_DAMPING = 1e12
UNSETTLED = 4.0
"""Damping rises by this when the bounds of a step would take more rounds than it is given."""
PATIENCE = 2
"""Steps that gain next to nothing are borne with this often while their bounds are not settled."""
REINED_IN = 3
"""Frames either side of one whose step is cut short."""


class Term(Protocol):
    """Evidence about a motion, or a wish. Costs are 1/2 sum of squared residuals over their variance, so
    terms of different units add up and need no further weights.
    """

    def cost(self, state: State) -> float:
        """The term's share of the cost."""
        ...

    def linearise(self, state: State, system: NormalEquations) -> float:
        """Add J^T J and J^T r to the system; return the cost.

        r are the residuals over their standard deviation, times the root of their robust weight; J their
        derivative by the unknowns of parameters.py. Ways to add, from what the residuals depend on:

        - joint positions and bodies' orientations: ``kinematics.add_joint_information`` and
          ``add_turn_information``.
        - points of the surface in one frame or in two: ``PosedSkin.geometric_rows`` with
          ``NormalEquations.add_geometric`` or ``add_geometric_pair``.
        - each joint's own rotation, over time too: ``State.body_axes`` with ``add_joint_blocks``.
        - one block of unknowns in one frame: ``blocks`` and ``gradient`` themselves.
        - anything else in one frame: ``add``.
        """
        ...


@dataclass(frozen=True)
class SolveSettings:
    """How steps are taken. Defaults suit terms whose standard deviations are meant."""

    max_iterations: int = 30
    tolerance: float = 1e-4
    """Done when a step lowers the cost by less than this times (the cost + the number of unknowns). Costs are
    in units of variance: an unknown off by a hundredth of its own uncertainty costs about this much.
    """
    damping: float = 1.0
    """Level at the start. At level 1 a step as large as the scales below costs 1/2 an unknown."""
    turn_scale: float = 0.35
    """Radians, joints."""
    root_turn_scale: float = 0.3
    """Radians."""
    translation_scale: float = 0.15
    """Of the skeleton's size."""
    max_turn: float = 0.6
    """Radians a joint turns in one step at most. A frame that wants more takes its whole step shorter, and so
    do the frames around it that it is coupled with.
    """
    max_translation: float = 0.25
    """Of the skeleton's size."""


class StepReport(NamedTuple):
    """What one step did."""

    cost: float
    """Before the step."""
    costs: tuple[float, ...]
    """Of each term, before the step."""
    predicted_change: float
    """Of the cost, by the linearised terms."""
    largest_turn: float
    """Radians, over all frames and joints."""
    largest_translation: float
    """Armature units."""


class SolveReport(NamedTuple):
    """What a solve did."""

    cost: float
    costs: tuple[float, ...]
    iterations: int
    converged: bool


def step(
    skeleton: Skeleton,
    motion: Motion,
    terms: Sequence[Term],
    settings: SolveSettings | None = None,
    held: NDArray[np.bool_] | None = None,
) -> tuple[Motion, StepReport]:
    """One damped Gauss-Newton step at the settings' damping level, taken without asking whether it helped.

    For evidence that is gathered anew at every motion, such as what a render shows, where costs before and
    after a step do not compare. Frames that no term couples do not influence each other: many guesses at one
    frame can be improved as the frames of one motion.

    Args:
        skeleton: the joints.
        motion: the start; joints outside their ranges are first put inside.
        terms: what to agree with.
        settings: None: the defaults.
        held: (T, P) unknowns that keep their value.
    """
    return step_from(State(skeleton, inside_limits(skeleton, motion)), terms, settings, held)


def step_from(
    state: State,
    terms: Sequence[Term],
    settings: SolveSettings | None = None,
    held: NDArray[np.bool_] | None = None,
) -> tuple[Motion, StepReport]:
    """As :func:`step`, from a state inside its ranges, such as one that its evidence was gathered at."""
    settings = settings or SolveSettings()
    system, costs = linearise(state, terms)
    change, _ = _limited_step(state, system, settings, settings.damping, held)
    turns = np.repeat(~state.skeleton.block_translates, 3)
    report = StepReport(
        sum(costs),
        costs,
        system.predicted_change(change),
        float(np.abs(change[:, turns]).max(initial=0.0)),
        float(np.abs(change[:, ~turns]).max(initial=0.0)),
    )
    return apply_step(state, change), report


def solve(
    skeleton: Skeleton,
    motion: Motion,
    terms: Sequence[Term],
    settings: SolveSettings | None = None,
    held: NDArray[np.bool_] | None = None,
    progress: Progress | None = None,
) -> tuple[Motion, SolveReport]:
    """Iterate until the cost no longer falls; only steps that lower it are kept.

    Damping follows the ratio of the real to the predicted fall (H. B. Nielsen, "Damping parameter in
    Marquardt's method", 1999). Arguments as in :func:`step`.
    """
    settings = settings or SolveSettings()
    state = State(skeleton, inside_limits(skeleton, motion))
    system, costs = linearise(state, terms)
    level, raise_by = settings.damping, 2.0
    converged, iteration, idle = False, 0, 0
    while iteration < settings.max_iterations and not converged and level < MOST_DAMPING:
        if progress is not None:
            progress(iteration, settings.max_iterations)
        iteration += 1
        total = sum(costs)
        enough = settings.tolerance * (total + system.gradient.size)
        try:
            change, settled = _limited_step(state, system, settings, level, held, 0.1 * enough)
        except np.linalg.LinAlgError:
            predicted, fall, settled = -np.inf, -np.inf, False
        else:
            predicted = -system.predicted_change(change)
            candidate = State(skeleton, apply_step(state, change))
            fall = total - sum(term.cost(candidate) for term in terms)
        # A short step of a heavily damped system says nothing about what is left to gain.
        telling = level <= settings.damping and settled
        if telling and 0.0 <= predicted <= 0.1 * enough:
            converged = True
        elif predicted > 0.0 and fall > 0.0:
            state = candidate
            system, costs = linearise(state, terms)
            idle = 0 if fall > enough else idle + 1
            converged = idle > 0 and (telling or idle > PATIENCE)
            level *= max(1.0 / 5.0, 1.0 - (2.0 * fall / predicted - 1.0) ** 3) if settled else UNSETTLED
            level, raise_by = max(level, LEAST_DAMPING), 2.0
        else:
            level, raise_by = level * raise_by, raise_by * 2.0
    return state.motion, SolveReport(sum(costs), costs, iteration, converged)


def linearise(state: State, terms: Sequence[Term]) -> tuple[NormalEquations, tuple[float, ...]]:
    """All terms at a state: the system and their costs.

    Raises:
        ValueError: a term's cost is not a finite number; the message names the term.
    """
    system = NormalEquations(state)
    costs = tuple(term.linearise(state, system) for term in terms)
    for term, cost in zip(terms, costs, strict=True):
        if not np.isfinite(cost):
            raise ValueError(f"the cost of {type(term).__name__} is {cost}: its evidence must be finite")
    return system, costs


def _limited_step(
    state: State,
    system: NormalEquations,
    settings: SolveSettings,
    level: float,
    held: NDArray[np.bool_] | None,
    enough: float = 0.0,
) -> BoundedStep:
    """The system's step within ranges and the settings' largest turn and translation."""
    skeleton = state.skeleton
    moves = skeleton.block_translates
    scales = np.where(moves, settings.translation_scale * skeleton.size, settings.turn_scale).repeat(3)
    scales[3:6] = settings.root_turn_scale
    change, settled = bounded_step(state, system, level / scales**2, held, enough)
    most = np.where(moves, settings.max_translation * skeleton.size, settings.max_turn)
    excess = (np.linalg.norm(change.reshape(len(change), -1, 3), axis=-1) / most).max(axis=1)
    share = 1.0 / np.maximum(excess, 1.0)
    if system.reach:
        # A frame that goes less far holds its neighbours back, or the step would tear the motion apart.
        share = uniform_filter1d(minimum_filter1d(share, 2 * REINED_IN + 1), 2 * REINED_IN + 1)
    return BoundedStep(change * share[:, None], settled)
