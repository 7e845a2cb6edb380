"""The scripts beside the package."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from package_source import REPOSITORY


def test_changelog_folds_fragments_into_a_section_and_removes_them(tmp_path: Path) -> None:
    _repository_with(
        tmp_path,
        fragments={"shell.fixed.md": "A fixed thing.\n", "speed.added.md": "A new thing,\nlong.\n"},
    )
    _run_changelog(tmp_path)
    text = (tmp_path / "CHANGELOG.md").read_text(encoding="utf-8")
    head, _, rest = text.partition("## 9.8.7 (")
    assert head == "# Changes\n\n"
    assert rest.partition(")\n")[2] == (
        "\n### Added\n\n- A new thing,\n  long.\n\n### Fixed\n\n- A fixed thing.\n\n## 9.8.6\n"
    )
    assert sorted(path.name for path in (tmp_path / "changes").iterdir()) == ["README.md"]


def test_changelog_refuses_a_fragment_of_no_known_kind(tmp_path: Path) -> None:
    _repository_with(tmp_path, fragments={"shell.improved.md": "Text.\n"})
    run = _run_changelog(tmp_path, check=False)
    assert run.returncode == 1
    assert "shell.improved.md" in run.stderr


def _repository_with(folder: Path, fragments: dict[str, str]) -> None:
    (folder / "changes").mkdir()
    (folder / "scripts").mkdir()
    (folder / "src/hames").mkdir(parents=True)
    shutil.copy(REPOSITORY / "scripts/changelog", folder / "scripts/changelog")
    (folder / "src/hames/_version.py").write_text('__version__ = "9.8.7"\n', encoding="utf-8")
    (folder / "CHANGELOG.md").write_text("# Changes\n\n## 9.8.6\n", encoding="utf-8")
    (folder / "changes/README.md").write_text("How.\n", encoding="utf-8")
    for name, text in fragments.items():
        (folder / "changes" / name).write_text(text, encoding="utf-8")


def _run_changelog(folder: Path, *, check: bool = True) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, folder / "scripts/changelog"],
        capture_output=True,
        text=True,
        check=check,
        timeout=30,
    )
