"""Where paths lead: the short way says what `os.path.realpath` says."""

from __future__ import annotations

import os
import random
from pathlib import Path

from hames.permissions.paths import LocalFiles

NAMES = ("a", "b", "file", "link", "loop", "nowhere", "up", "missing", "..", ".", "", "x (deleted)")


def test_every_path_leads_where_realpath_says(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "a" / "b").mkdir(parents=True)
    for folder in (root, root / "a", root / "a" / "b"):
        (folder / "file").write_text("", encoding="utf-8")
        (folder / "link").symlink_to(root / "a" / "b")
        (folder / "loop").symlink_to(folder / "loop")
        (folder / "nowhere").symlink_to("gone/far")
        (folder / "up").symlink_to("..")
        (folder / "x (deleted)").write_text("", encoding="utf-8")
    chance, files = random.Random(1), LocalFiles()
    for _ in range(3000):
        path = "/".join([str(root), *chance.choices(NAMES, k=chance.randint(0, 9))])
        assert files.real_path(path) == os.path.realpath(path), path


def test_a_path_that_no_system_has_stays_as_it_is() -> None:
    for path in ("/a\0b", "/\ud800", "/" + "n" * 5000):
        assert LocalFiles().real_path(path) == path
