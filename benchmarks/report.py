# SPDX-License-Identifier: GPL-3.0-or-later
"""Tables, printed and written as Markdown and CSV."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

Cell = str | float | int


@dataclass
class Table:
    """Rows of cells under headings."""

    name: str
    """Of the files."""
    title: str
    columns: Sequence[str]
    note: str = ""
    rows: list[list[Cell]] = field(default_factory=list)

    def add(self, *cells: Cell) -> None:
        """A row.

        Raises:
            ValueError: as many cells as columns are needed.
        """
        if len(cells) != len(self.columns):
            raise ValueError(f"{len(cells)} cells for the {len(self.columns)} columns of {self.name}")
        self.rows.append(list(cells))

    def markdown(self) -> str:
        lines = [f"## {self.title}", ""]
        if self.note:
            lines += [self.note, ""]
        lines.append("| " + " | ".join(self.columns) + " |")
        lines.append("|" + "|".join("---" if i == 0 else "---:" for i in range(len(self.columns))) + "|")
        lines += ["| " + " | ".join(shown(cell) for cell in row) + " |" for row in self.rows]
        return "\n".join(lines) + "\n"

    def write(self, folder: Path) -> None:
        """NAME.md and NAME.csv."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{self.name}.md").write_text(self.markdown(), encoding="utf-8")
        with (folder / f"{self.name}.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(self.columns)
            writer.writerows(self.rows)


def shown(cell: Cell) -> str:
    """A number with three significant digits, or the text."""
    if isinstance(cell, str):
        return cell.replace("|", "\\|")
    if isinstance(cell, int):
        return str(cell)
    if math.isnan(cell):
        return "–"
    if cell == 0.0 or abs(cell) >= 100.0:
        return f"{cell:.0f}"
    return f"{cell:.3g}" if abs(cell) >= 0.001 else f"{cell:.0e}"
