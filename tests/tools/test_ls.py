"""LS: a folder as a tree."""

from __future__ import annotations

from pathlib import Path

from searching import Session, grow

from hames.tools.ls import LS, LsInput
from hames.tools.tool import Reads


async def test_folder_is_shown_as_a_tree(tmp_path: Path):
    grow(tmp_path, {"b.txt": "", "a/x.py": "", "a/deep/y.py": "", ".env": "", ".git/HEAD": ""})
    grow(tmp_path, {"node_modules/z.js": "", ".gitignore": "node_modules/\n"})
    (tmp_path / "link").symlink_to("a")
    (tmp_path / "empty").mkdir()
    assert (await Session(tmp_path).ls(str(tmp_path))).content == (
        f"- {tmp_path}/\n"
        "  - .env\n"
        "  - .gitignore\n"
        "  - a/\n"
        "    - deep/\n"
        "      - y.py\n"
        "    - x.py\n"
        "  - b.txt\n"
        "  - empty/\n"
        "  - link@\n"
        "  - node_modules/ (ignored)"
    )


async def test_patterns_leave_entries_out(tmp_path: Path):
    grow(tmp_path, {"a/x.py": "", "a/x.pyc": "", "b/y.py": "", "c/b/z.py": ""})
    result = await Session(tmp_path).ls(".", ignore=["*.pyc", "/b", "c/*"])
    assert result.content == f"- {tmp_path}/\n  - a/\n    - x.py\n  - c/"


async def test_upper_levels_go_first_when_there_are_too_many_entries(tmp_path: Path):
    grow(tmp_path, {f"a/{number:04}": "" for number in range(1100)})
    grow(tmp_path, {"a/0000_deep/x": "", "b/y": "", "c": ""})
    lines = str((await Session(tmp_path).ls(str(tmp_path))).content).split("\n")
    assert lines[1] == "  - a/ …"
    assert lines[-4:] == [
        "    - 0995",
        "  - b/ …",
        "  - c",
        "(Only 1000 entries are shown; folders with `…` hold more.)",
    ]
    assert len(lines) == 1002


async def test_what_is_no_folder_is_refused(tmp_path: Path):
    session = Session(grow(tmp_path, {"a.py": ""}))
    assert "Use Read" in str(await session.refusal(session.ls("a.py")))
    assert "does not exist" in str(await session.refusal(session.ls("nope")))
    assert "no valid pattern" in str(await session.refusal(session.ls(".", ignore=["[a"])))


def test_the_call_declares_what_it_reads():
    assert LS.access(LsInput("/etc")) == (Reads("/etc"),)
