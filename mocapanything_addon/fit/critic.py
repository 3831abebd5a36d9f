# SPDX-License-Identifier: GPL-3.0-or-later
"""What tells poses apart that look alike in outline: a network outside of the fit, if one takes part."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from ..ik.motion import Motion

if TYPE_CHECKING:
    from .problem import Problem


class Critic(Protocol):
    """Compares poses with the picture inside the outline."""

    def scores(self, problem: Problem, frames: NDArray[np.intp], motion: Motion) -> NDArray[np.float64]:
        """How well poses agree with frames of the clip.

        Args:
            problem: The capture; its body, camera and clip are used.
            frames: (N,) of its clip; one may come several times.
            motion: N poses, one for each of them.

        Returns:
            (N,) of two poses in one frame, the difference is the natural logarithm of the odds that the first
            one is right; 0 where the frame shows no subject.
        """
        ...
