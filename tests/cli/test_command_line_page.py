"""The reference page says what the table of flags says."""

from __future__ import annotations

from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]


def test_the_reference_of_the_command_line_is_the_one_the_table_makes() -> None:
    """`scripts/reference` writes it anew."""
    loader = SourceFileLoader("reference", str(REPOSITORY / "scripts/reference"))
    spec = spec_from_loader("reference", loader)
    assert spec is not None
    script = module_from_spec(spec)
    loader.exec_module(script)
    written = (REPOSITORY / "docs/reference/command-line.md").read_text(encoding="utf-8")
    assert written == script.page()
