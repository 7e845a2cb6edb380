"""The reference page says what the classes of events say."""

from __future__ import annotations

from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]


def test_the_reference_of_hook_events_is_the_one_the_classes_make() -> None:
    """`scripts/hook-events` writes it anew."""
    loader = SourceFileLoader("hook_events", str(REPOSITORY / "scripts/hook-events"))
    spec = spec_from_loader("hook_events", loader)
    assert spec is not None
    script = module_from_spec(spec)
    loader.exec_module(script)
    written = (REPOSITORY / "docs/reference/hook-events.md").read_text(encoding="utf-8")
    assert written == script.page()
