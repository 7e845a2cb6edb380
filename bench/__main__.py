"""`python -m bench`: measure, and print the table."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from bench import machine, subjects
from bench.apis import Api
from bench.measure import BenchError, Figures
from bench.rows import GROUPS, Bench, Group, Row
from bench.subjects import Subject
from bench.table import markdown, put_into

PEERS = "HAMES_BENCH_PEERS"
"""The variable with interpreters of peers, separated as those of PATH are."""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = _parser()
    args = parser.parse_args(arguments)
    groups = _chosen(args.only, parser)
    with tempfile.TemporaryDirectory(prefix="hames-bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        them = [
            subjects.hames(folder),
            *subjects.peers(folder, [*args.peer_python, *_peers()], args.official_cli),
            subjects.bare(folder),
        ]
        with Api() as api:
            bench = Bench(them, api, folder, args.runs)
            facts, began = [*_facts(), *map(Subject.called, them)], time.monotonic()
            figures = _measure(bench, groups)
            facts += [
                f"load {machine.load():.1f} at the end, {time.monotonic() - began:.0f} s in all"
            ]
    rows = [row for group in groups for row in group.rows]
    text = f"{'; '.join(filter(None, facts))}.\n\n{markdown(rows, them, figures)}"
    print(text)
    if args.write:
        put_into(Path(args.write), text)
    if args.json:
        _write_json(Path(args.json), facts, rows, figures)
    return 0


def _measure(bench: Bench, groups: Sequence[Group]) -> dict[str, dict[str, Figures]]:
    """All groups, one after the other. A group that fails is told of, and left out."""
    found: dict[str, dict[str, Figures]] = {}
    for group in groups:
        print(f"{group.measure.__name__} …", end="", flush=True, file=sys.stderr)
        began = time.monotonic()
        try:
            measured = group.measure(bench)
        except BenchError as error:
            print(f" failed: {error}", file=sys.stderr)
            continue
        print(f" {time.monotonic() - began:.0f} s", file=sys.stderr)
        for key, by_subject in measured.items():
            found[key] = {name: Figures(tuple(runs)) for name, runs in by_subject.items()}
    return found


def _chosen(only: str | None, parser: argparse.ArgumentParser) -> list[Group]:
    if only is None:
        return list(GROUPS)
    wanted = only.split(",")
    known = {row.key for group in GROUPS for row in group.rows}
    if unknown := [key for key in wanted if key not in known]:
        parser.error(f"There is no row `{unknown[0]}`. Rows: {', '.join(sorted(known))}.")
    return [group for group in GROUPS if any(row.key in wanted for row in group.rows)]


def _peers() -> list[str]:
    return [python for python in os.environ.get(PEERS, "").split(os.pathsep) if python]


def _facts() -> list[str]:
    pace = min(machine.pace() for _ in range(3))
    return [*machine.facts(), f"load {machine.load():.1f} at the start, pace {pace:.2f} s"]


def _write_json(
    path: Path, facts: list[str], rows: list[Row], figures: dict[str, dict[str, Figures]]
) -> None:
    value = {
        "machine": facts,
        "rows": {
            row.key: {
                "title": row.title,
                "unit": row.unit,
                "first": row.first,
                "goal": row.goal,
                "runs": {name: list(found.runs) for name, found in figures[row.key].items()},
            }
            for row in rows
            if row.key in figures
        },
    }
    path.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    add = parser.add_argument
    add("--only", metavar="ROW,ROW", help="measure these rows (and those of the same runs)")
    add("--json", metavar="FILE", help="write every run there")
    add("--write", metavar="FILE", help="put the table into this page, in place of the former one")
    add("--runs", type=int, default=3, help="how often; cheap rows three times as often")
    add(
        "--peer-python",
        metavar="PYTHON",
        action="append",
        default=[],
        help="an interpreter with the official SDK or Pydantic AI; may be given several times. "
        f"Those of the variable {PEERS} come with it",
    )
    add(
        "--official-cli",
        metavar="FILE",
        help="default: `claude` on PATH, or the official SDK's own",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
