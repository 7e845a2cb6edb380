"""The figures as Markdown: medians, what others need by comparison, and the budgets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.measure import BenchError, Figures
from bench.rows import Row
from bench.subjects import Subject

BEGIN, END = "<!-- the bench writes from here -->", "<!-- to here -->"

Table = Mapping[str, Mapping[str, Figures]]


def markdown(rows: Sequence[Row], subjects: Sequence[Subject], table: Table) -> str:
    """One line per row, one column per subject; Hames first, its budgets last."""
    shown = [s for s in subjects if any(s.name in table.get(row.key, {}) for row in rows)]
    head = ["", "", *(s.title for s in shown), "first release", "goal", "spread"]
    lines = [_line(head), _line(["---", "---", *("--:" for _ in head[2:])])]
    lines += [_line(_cells(row, shown, table[row.key])) for row in rows if table.get(row.key)]
    return "\n".join(lines)


def put_into(page: Path, text: str) -> None:
    """Replace what stands between the marks of a page."""
    before, begun, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    _, ended, after = rest.partition(END)
    if not begun or not ended:
        raise BenchError(f"`{page}` has no lines `{BEGIN}` and `{END}`.")
    page.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}", encoding="utf-8")


def _cells(row: Row, shown: Sequence[Subject], figures: Mapping[str, Figures]) -> list[str]:
    own = figures.get("hames")
    cells = [row.title, row.unit]
    for subject in shown:
        found = figures.get(subject.name)
        cells.append("–" if found is None else _figure(row, found, own, subject.name))
    spread = f"{own.spread:.0%}" if own is not None and len(own.runs) > 1 else "–"
    return [*cells, _budget(row, row.first, own), _budget(row, row.goal, own), spread]


def _figure(row: Row, found: Figures, own: Figures | None, name: str) -> str:
    said = _number(found.median, row.digits)
    if name == "hames":
        return f"**{said}**"
    if own is None or not own.median:
        return said
    return f"{said} ({_number(found.median / own.median, 1)}×)"


def _budget(row: Row, limit: float | None, own: Figures | None) -> str:
    if limit is None:
        return "–"
    met = "" if own is None else (" ✓" if own.median <= limit else " ✗")
    return f"≤ {_number(limit, row.digits)}{met}"


def _number(value: float, digits: int) -> str:
    return f"{value:,.{digits}f}"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
