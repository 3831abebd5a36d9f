# SPDX-License-Identifier: GPL-3.0-or-later
"""The examples of the pages run as they stand."""

from __future__ import annotations

import re
from pathlib import Path

DOCS = Path(__file__).parents[1] / "docs"


def test_the_example_of_the_ik_page_finds_the_hand() -> None:
    blocks = re.findall(r"```python\n(.*?)```", (DOCS / "ik.md").read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 1
    names: dict[str, object] = {}
    exec(blocks[0], names)
    solution = names["solution"]
    assert solution.residual.max() < 2e-3  # type: ignore[attr-defined]
    assert solution.limit_violation < 1e-9  # type: ignore[attr-defined]
