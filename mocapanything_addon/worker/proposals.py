# SPDX-License-Identifier: GPL-3.0-or-later
"""What the motion decoder proposes to the fit: the pose to expect in every frame.

The fit knows what it sees, and how well; the decoder knows how bodies move: what twist, hidden limbs and
small bones do while the rest of the body does this. So it is asked about the settled motion, and the clip is
solved again about its answer, as firmly as it says itself. Pixels have the last word.

The places of points that the correspondence network finds are not used, so it is not even loaded: where the
fit went well, its own error in the picture (0.2 to 1.2 % of the body) is below the network's (0.5 to 1.4 %),
and where it went wrong, so did the network that began from it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from ..fit.expected_pose import ExpectedPose
from ..fit.problem import Problem
from ..fit.track import Track
from ..fit.whole_clip import fit_whole_clip
from ..ik.kinematics import forward

if TYPE_CHECKING:
    from ..models.networks import Networks

Progress = Callable[[str, int, int], None]
ROUNDS = 3
"""How often the evidence is gathered anew."""


def solve_as_proposed(
    networks: Networks, problem: Problem, settled: Track, progress: Progress
) -> tuple[Problem, Track]:
    """Solve a settled clip again, about the pose that the decoder expects in every frame.

    Not for a rig with Actions of its own: what they show of it is surer than what a network guesses of its
    kind.

    Args:
        networks: Loaded.
        problem: As it was before settling, with a pull as firm as the decoder is used to.
        settled: The motion, T frames.
        progress: Told several times a second.

    Returns:
        The problem with the expected pose that was used last, and the motion.
    """
    body, motion = problem.body, settled.motion
    reference = networks.encode(body.rig, mesh=body.mesh)
    shape = motion.frame_count, body.skeleton.joint_count
    decoded = networks.decode(
        reference,
        problem.frames.clip.times,
        forward(body.skeleton, motion),
        problem.camera,
        np.zeros((*shape, 2)),
        np.full(shape, np.inf),
        progress=progress,
    )
    problem = problem.with_expected(ExpectedPose.from_prior(decoded.prior, body.stiffness))
    return problem, fit_whole_clip(problem, motion, progress, rounds=ROUNDS)
