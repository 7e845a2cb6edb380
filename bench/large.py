"""A repository of 10,000 files with settings, memory files and rules."""

from __future__ import annotations

import json
from pathlib import Path

SETTINGS = {"permissions": {"deny": ["Bash(git push:*)", "Read(**/.env)"]}}
RULE = "---\npaths: {package}/**\n---\nTests of {package} stand in tests/{package}.\n"


def make_large_repository(folder: Path) -> None:
    """Write it into a new folder. It is no git repository: what git takes is not ours."""
    for package in range(100):
        below = folder / f"package{package // 10}" / f"part{package}"
        below.mkdir(parents=True)
        for number in range(100):
            (below / f"module{number}.py").write_text(f"VALUE = {number}\n", encoding="utf-8")
    rules = folder / ".claude" / "rules"
    rules.mkdir(parents=True)
    for number in range(10):
        text = RULE.format(package=f"package{number}")
        (rules / f"package{number}.md").write_text(text, encoding="utf-8")
    (folder / "CLAUDE.md").write_text("Be brief.\n\n@package0/notes.md\n", encoding="utf-8")
    (folder / "package0" / "notes.md").write_text("Names are nouns.\n", encoding="utf-8")
    for name in ("settings.json", "settings.local.json"):
        (folder / ".claude" / name).write_text(json.dumps(SETTINGS), encoding="utf-8")
