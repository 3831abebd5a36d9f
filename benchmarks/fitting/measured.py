# SPDX-License-Identifier: GPL-3.0-or-later
"""What is kept of one capture of one clip: small enough to be written and read again."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .figures import Errors
from .runs import Outcome

Reliability = tuple[tuple[int, float, int], ...]


@dataclass(frozen=True)
class Measured:
    """A capture beside its floors."""

    row: str
    """The way it was captured."""
    clip: str
    frames: int
    errors: Errors
    rest: Errors
    """Of the rest pose on the true root."""
    constant: Errors
    """Of the best constant pose on the true root."""
    seconds: float
    """Processor time a frame."""
    reliability: Reliability = ()
    """See runs.reliability; empty where no confidence is told."""

    def save(self, path: Path) -> None:
        """As JSON; the folder is made."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(self), indent=1), encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> Measured:
        """What was saved."""
        said: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        for name in ("errors", "rest", "constant"):
            said[name] = Errors(**said[name])
        said["reliability"] = tuple((int(n), float(s), int(r)) for n, s, r in said["reliability"])
        return cls(**said)

    def summary(self) -> str:
        """One line."""
        e, rest = self.errors, self.rest
        return (
            f"{self.clip}: MPJPE {e.mpjpe:.2f} (rest {rest.mpjpe:.2f}), PA {e.pa_mpjpe:.2f} "
            f"({rest.pa_mpjpe:.2f}), rotation {e.rotation:.1f} (constant {self.constant.rotation:.1f}), "
            f"correlation {e.correlation:.2f}, {self.seconds:.2f} s a frame"
        )


def measured(outcome: Outcome, row: str) -> Measured:
    """Of a capture that went all the way."""
    return Measured(
        row,
        outcome.case,
        outcome.frames,
        outcome.errors["full"],
        outcome.errors["rest"],
        outcome.errors["constant"],
        sum(outcome.seconds.values()),
        outcome.reliability,
    )
