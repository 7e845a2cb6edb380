"""Memory files: what is found, in which order, what imports may do, and when the model is told."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hames.agent.memory import AgentMemory
from hames.context.memory_files import DEPTH, MOST_BYTES, Memory, Place, rendered
from hames.context.memory_text import front_matter, imports, without_comments
from hames.sandbox.local import LocalMachine
from hames.sandbox.workspace import Workspace
from hames.testing import calls, says
from hames.tools.seen import SeenFiles

SOURCES = ("user", "project", "local")


def write(folder: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def memory(folder: Path, **place: Any) -> Memory:
    """The memory of `folder/p`, with `folder` as home."""
    root = str(folder / "p")
    given = {
        "config_folder": str(folder / ".claude"),
        "managed_folder": str(folder / "etc"),
        "sources": SOURCES,
    }
    workspace = Workspace(root, root, (), str(folder))
    return Memory(LocalMachine(), workspace, Place(**{**given, **place}))


async def found(of: Memory) -> list[tuple[str, str, str]]:
    folder = of.workspace.home + "/"
    return [(file.path.removeprefix(folder), file.kind, file.text) for file in await of.opening()]


async def names(of: Memory) -> list[str]:
    return [path for path, _, _ in await found(of)]


async def test_files_come_from_the_widest_to_the_nearest(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "etc/CLAUDE.md": "managed",
            ".claude/CLAUDE.md": "user",
            ".claude/rules/u.md": "user rule",
            "CLAUDE.md": "above",
            "p/CLAUDE.md": "project",
            "p/.claude/CLAUDE.md": "inner",
            "p/.claude/rules/sub/b.md": "rule b",
            "p/.claude/rules/z.md": "rule z",
            "p/CLAUDE.local.md": "local",
        },
    )
    assert await found(memory(tmp_path)) == [
        ("etc/CLAUDE.md", "managed", "managed"),
        (".claude/CLAUDE.md", "user", "user"),
        (".claude/rules/u.md", "user", "user rule"),
        ("CLAUDE.md", "project", "above"),
        ("p/CLAUDE.md", "project", "project"),
        ("p/.claude/CLAUDE.md", "project", "inner"),
        ("p/.claude/rules/sub/b.md", "project", "rule b"),
        ("p/.claude/rules/z.md", "project", "rule z"),
        ("p/CLAUDE.local.md", "local", "local"),
    ]


async def test_only_the_sources_that_were_asked_for_are_read(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            ".claude/CLAUDE.md": "u",
            "p/CLAUDE.md": "p",
            "p/CLAUDE.local.md": "l",
            "etc/CLAUDE.md": "m",
        },
    )
    assert await names(memory(tmp_path, sources=("user",))) == [
        "etc/CLAUDE.md",
        ".claude/CLAUDE.md",
    ]
    assert await names(memory(tmp_path, sources=("project",))) == ["etc/CLAUDE.md", "p/CLAUDE.md"]
    assert await names(memory(tmp_path, sources=())) == []


async def test_agents_md_stands_in_where_there_is_no_claude_md(tmp_path: Path) -> None:
    write(tmp_path, {"p/AGENTS.md": "agents", "AGENTS.md": "above", "CLAUDE.md": "claude"})
    assert await names(memory(tmp_path)) == ["CLAUDE.md", "p/AGENTS.md"]


async def test_imports_follow_the_file_that_names_them(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "p/CLAUDE.md": "See @docs/style.md, and @~/mine.md; @none.md and me@example.org @team.",
            "p/docs/style.md": "style @../more\\ notes.md",
            "p/more notes.md": "more @docs/style.md @CLAUDE.md",
            "mine.md": "mine",
        },
    )
    of = memory(tmp_path, trusted=True)
    assert await names(of) == ["p/CLAUDE.md", "p/docs/style.md", "p/more notes.md", "mine.md"]
    assert of.warnings == []


async def test_imports_end_at_the_bound(tmp_path: Path) -> None:
    write(
        tmp_path, {"p/CLAUDE.md": "@f1.md", **{f"p/f{n}.md": f"@f{n + 1}.md" for n in range(1, 9)}}
    )
    of = memory(tmp_path)
    assert await names(of) == ["p/CLAUDE.md", *(f"p/f{n}.md" for n in range(1, DEPTH + 1))]
    assert "deeper than 5" in of.warnings[0]


def test_paths_in_code_are_no_imports() -> None:
    text = "@a.md `@b.md` ``x ` @c.md``\n```\n@d.md\n```\n~~~sh\n@e.md\n~~~\n(@f.md) @g/h.md"
    assert list(imports(text)) == ["a.md", "g/h.md"]


def test_comments_are_left_out_but_not_in_code() -> None:
    text = "a\n<!-- secret\n@x.md -->\nb `<!-- kept -->`\n```\n<!-- kept -->\n```\n"
    assert without_comments(text) == "a\nb `<!-- kept -->`\n```\n<!-- kept -->\n```\n"


def test_paths_of_a_rule_are_a_list_or_a_line() -> None:
    braces = '---\npaths: "src/**/*.{ts,tsx}, lib/*"\n---\nx'
    assert front_matter(braces) == (["src/**/*.ts", "src/**/*.tsx", "lib/*"], "x")
    assert front_matter("---\nname: a\npaths:\n  - 'a/*.py'\n  - b\n---\nx")[0] == ["a/*.py", "b"]
    assert front_matter("---\npaths: [a, b]\n---\n")[0] == ["a", "b"]
    assert front_matter("no front\n---\n") == ([], "no front\n---\n")


async def test_a_project_brings_nothing_in_from_outside_until_it_is_trusted(tmp_path: Path) -> None:
    """Observed with the official client, which asks before and without a terminal leaves them out."""
    write(
        tmp_path,
        {
            "p/CLAUDE.md": "@~/.ssh/id_rsa @~/notes.md @docs/inside.md",
            "p/CLAUDE.local.md": "@../.netrc.md",
            "p/docs/inside.md": "inside @../above.md @../../beside.md",
            "p/above.md": "above",
            ".ssh/id_rsa": "key",
            ".netrc.md": "key",
            "notes.md": "n",
            "beside.md": "b",
            ".claude/CLAUDE.md": "@~/notes.md",
        },
    )
    inside = ["p/CLAUDE.md", "p/docs/inside.md", "p/above.md", "p/CLAUDE.local.md"]
    of = memory(tmp_path)
    assert await names(of) == [".claude/CLAUDE.md", "notes.md", *inside]
    assert ["not trusted" in said for said in of.warnings] == [True, True, True]
    outside = {".ssh/id_rsa", "beside.md", ".netrc.md"}
    assert set(await names(memory(tmp_path, trusted=True))) == {
        ".claude/CLAUDE.md", "notes.md", *inside, *outside
    }  # fmt: skip


async def test_a_folder_below_may_import_from_the_rest_of_the_project(tmp_path: Path) -> None:
    write(tmp_path, {"p/a/CLAUDE.md": "@../shared.md @../../x.md", "p/shared.md": "s", "x.md": "x"})
    of = memory(tmp_path)
    await of.opening()
    assert [file.text for file in await of.nested([f"{tmp_path}/p/a/f"])][1:] == ["s"]


async def test_a_link_is_judged_by_where_it_leads(tmp_path: Path) -> None:
    write(tmp_path, {".ssh/id_rsa": "key", "p/x": ""})
    (tmp_path / "p/CLAUDE.md").symlink_to("../.ssh/id_rsa")
    assert await names(memory(tmp_path)) == []


async def test_what_rules_deny_reading_is_not_imported(tmp_path: Path) -> None:
    write(tmp_path, {"p/CLAUDE.md": "@secret.md @open.md", "p/secret.md": "s", "p/open.md": "o"})
    of = memory(tmp_path, hidden=lambda path: path.endswith("secret.md"))
    assert await names(of) == ["p/CLAUDE.md", "p/open.md"]


async def test_excluded_files_are_not_loaded(tmp_path: Path) -> None:
    write(tmp_path, {"CLAUDE.md": "above", "p/CLAUDE.md": "p", "p/.claude/rules/a.md": "a"})
    excludes = [str(tmp_path / "CLAUDE.md"), "**/rules/**"]
    assert await names(memory(tmp_path, excludes=excludes)) == ["p/CLAUDE.md"]


async def test_long_and_binary_files_are_cut_and_left_out(tmp_path: Path) -> None:
    write(tmp_path, {"p/CLAUDE.md": "x" * (MOST_BYTES + 10), "p/CLAUDE.local.md": "a\0b"})
    of = memory(tmp_path)
    [(_, _, text)] = await found(of)
    assert text.startswith("x" * MOST_BYTES + "\n[The file goes on")
    assert len(of.warnings) == 2


async def test_folders_below_speak_when_a_file_there_is_read(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "p/a/CLAUDE.md": "a",
            "p/a/b/CLAUDE.md": "b",
            "p/c/CLAUDE.md": "c",
            "p/.claude/rules/py.md": "---\npaths: '**/*.py'\n---\npython",
        },
    )
    of = memory(tmp_path)
    assert await names(of) == []
    root = str(tmp_path / "p")
    assert [file.text for file in await of.nested([f"{root}/a/b/x.txt"])] == ["a", "b"]
    assert [file.text for file in await of.nested([f"{root}/a/b/x.py"])] == ["python"]
    assert await of.nested([f"{root}/a/y.py", "/etc/hosts"]) == []


def settings_of(folder: Path) -> dict[str, Any]:
    env = {"HOME": str(folder), "CLAUDE_CONFIG_DIR": str(folder / "config"), "CI": ""}
    (folder / "p").mkdir(exist_ok=True)
    return {"cwd": folder / "p", "env": env, "setting_sources": SOURCES}


def texts_of(message: dict[str, Any]) -> list[str]:
    return [block["text"] for block in message["content"] if block["type"] == "text"]


async def test_memory_opens_the_first_user_message_and_is_marked(
    harness: Any, tmp_path: Path
) -> None:
    write(tmp_path, {"p/CLAUDE.md": "Always say please.", "config/CLAUDE.md": "Be brief."})
    run = await harness(plays=[says("ok")], **settings_of(tmp_path))
    body = run.requests[0].body
    first = body["messages"][0]["content"]
    assert "Be brief." in first[0]["text"]
    assert first[0]["text"].index("Be brief.") < first[0]["text"].index("Always say please.")
    assert "Where you work" in first[1]["text"]
    assert ["cache_control" in block for block in first] == [True, False, True]
    assert "please" not in json.dumps(body["system"])


async def test_nothing_is_read_unless_sources_are_named(harness: Any, tmp_path: Path) -> None:
    write(tmp_path, {"p/CLAUDE.md": "Always say please.", "config/CLAUDE.md": "Be brief."})
    for sources in (None, []):
        options = {**settings_of(tmp_path), "setting_sources": sources}
        run = await harness(plays=[says("ok")], **options)
        assert len(run.requests[0].body["messages"][0]["content"]) == 2


async def test_nested_memory_comes_after_the_results_once(harness: Any, tmp_path: Path) -> None:
    write(tmp_path, {"p/sub/CLAUDE.md": "In sub: tabs.", "p/sub/a.txt": "a", "p/sub/b.txt": "b"})
    file = str(tmp_path / "p/sub")
    run = await harness(
        plays=[
            calls("Read", file_path=f"{file}/a.txt"),
            calls("Read", file_path=f"{file}/b.txt"),
            says("ok"),
        ],
        **settings_of(tmp_path),
    )
    messages = run.requests[2].body["messages"]
    assert [sum("In sub: tabs." in text for text in texts_of(m)) for m in messages] == [
        0,
        0,
        1,
        0,
        0,
    ]


async def test_a_resumed_session_sends_the_same_opening_and_no_nested_memory_twice(
    harness: Any, tmp_path: Path
) -> None:
    write(tmp_path, {"p/CLAUDE.md": "old", "p/sub/CLAUDE.md": "nested", "p/sub/a.txt": "a"})
    options = settings_of(tmp_path)
    read = calls("Read", file_path=str(tmp_path / "p/sub/a.txt"))
    first = await harness(plays=[read, says("ok")], **options)
    write(tmp_path, {"p/CLAUDE.md": "changed", "p/sub/b.txt": "b"})
    read = calls("Read", file_path=str(tmp_path / "p/sub/b.txt"))
    again = await harness(plays=[read, says("ok")], resume=first.session_id, **options)
    before, after = first.requests[1].body["messages"], again.requests[1].body["messages"]
    assert texts_of(after[0]) == texts_of(before[0])
    assert sum("nested" in text for m in after for text in texts_of(m)) == 1


def test_no_files_render_to_nothing() -> None:
    assert rendered([]) == ""


async def test_memory_is_read_anew_when_the_conversation_was_compacted(tmp_path: Path) -> None:
    write(tmp_path, {"p/CLAUDE.md": "first", "p/sub/CLAUDE.md": "sub", "p/sub/a.txt": "a"})
    seen = SeenFiles()
    of = AgentMemory(memory(tmp_path), {SeenFiles: seen})
    assert "first" in await of.opening(resumed=False)
    seen.saw(f"{tmp_path}/p/sub/a.txt", "1", whole=True)
    seen.show(f"{tmp_path}/p/sub/a.txt", 0, "1")
    assert "sub" in "".join(await of.news())
    write(tmp_path, {"p/CLAUDE.md": "second"})

    again = await of.again()
    assert ("second" in again, "first" in again, "sub" in again) == (True, False, False)
    assert not seen.take_shown(f"{tmp_path}/p/sub/a.txt", 0, "1"), "the model sees it anew"
    assert await of.news() == []
    seen.saw(f"{tmp_path}/p/sub/a.txt", "1", whole=True)
    assert "sub" in "".join(await of.news())
    assert [(Path(file.path).parent.name, file.why.reason) for file in of.given()] == [
        ("p", "session_start"),
        ("sub", "nested_traversal"),
        ("p", "compact"),
        ("sub", "nested_traversal"),
    ]
