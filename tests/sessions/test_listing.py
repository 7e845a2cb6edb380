"""Lists, single sessions, messages, subagents, exports and edits."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from hames import blocks
from hames._clock import Clock, Ids
from hames.errors import OptionsError, SessionNotFound
from hames.sessions import edit, git, listing
from hames.sessions.export import export
from hames.sessions.files import FileStore
from hames.sessions.log import SessionLog
from hames.sessions.memory import MemoryStore
from hames.sessions.names import project_key, sanitized
from hames.sessions.store import Key, Store, Stored

DATA = Path(__file__).parent.parent / "data/sessions"
A = "11111111-1111-4111-8111-111111111111"
B = "22222222-2222-4222-8222-222222222222"
C = "33333333-3333-4333-8333-333333333333"
OFFICIAL = (DATA / "official.jsonl").read_bytes().splitlines()


def start(store: Store, id: str, cwd: str = "/nowhere/app") -> SessionLog:
    return SessionLog.start(
        store, session_id=id, cwd=cwd, clock=Clock(), ids=Ids(), git_branch="main"
    )


def line(**fields: Any) -> str:
    return json.dumps(fields, separators=(",", ":"))


def prompt(content: Any, **fields: Any) -> str:
    return line(type="user", message={"role": "user", "content": content}, **fields)


def look(*lines: str) -> listing.SessionInfo | None:
    """What a list shows of a short session of these lines."""
    text = "".join(line + "\n" for line in lines).encode()
    return listing.info(Stored(Key("p", A), 1.5, len(text), text, text))


async def test_an_official_session_is_listed() -> None:
    store = MemoryStore()
    await store.append(Key("-home-ana-app", C), OFFICIAL)
    (found,) = await listing.list_sessions(store)
    assert found == listing.SessionInfo(
        session_id=C,
        summary="Largest file",
        last_modified=found.last_modified,
        file_size=sum(len(line) + 1 for line in OFFICIAL),
        custom_title="Largest file",
        first_prompt="Find the largest file.",
        git_branch="main",
        cwd="/home/ana/app",
        tag=None,
        created_at=1767261601000,
    )
    assert await listing.session_info(store, C) == found
    assert await listing.session_info(store, C, cwd="/home/ana/app") == found
    assert await listing.session_info(store, C, cwd="/elsewhere") is None
    assert await listing.session_info(store, "no-id") is None


async def test_lists_are_paged_and_newest_first(tmp_path: Path) -> None:
    store = FileStore(str(tmp_path))
    for n, (id, cwd) in enumerate(((A, "/nowhere/app"), (B, "/nowhere/app"), (C, "/other"))):
        log = start(store, id, cwd)
        await log.user([blocks.text(f"Go {n}")], prompt=True)
        os.utime(log.path or "", (n, n))
    everything = [one.session_id for one in await listing.list_sessions(store)]
    assert everything == [C, B, A]
    here = await listing.list_sessions(store, cwd="/nowhere/app")
    assert [one.session_id for one in here] == [B, A]
    page = await listing.list_sessions(store, limit=1, offset=1)
    assert [one.session_id for one in page] == [B]
    both = await listing.list_sessions(store, cwd="/nowhere/app", folders=["/other"])
    assert [one.session_id for one in both] == [C, B, A]


@pytest.mark.parametrize(
    ("lines", "summary"),
    [
        ([prompt("First")], "First"),
        ([prompt("First"), line(type="last-prompt", lastPrompt="Last")], "Last"),
        ([prompt("First"), line(type="summary", summary="Short")], "Short"),
        ([prompt("First"), line(type="ai-title", aiTitle="Made")], "Made"),
        (
            [
                prompt("First"),
                line(type="custom-title", customTitle="One"),
                line(type="custom-title", customTitle='Two "quoted" \\ é'),
                line(type="ai-title", aiTitle="Made"),
            ],
            'Two "quoted" \\ é',
        ),
    ],
    ids=["first prompt", "last prompt", "old summary", "generated title", "custom title"],
)
def test_the_summary_is_the_best_there_is(lines: list[str], summary: str) -> None:
    """Observed in clients."""
    found = look(*lines)
    assert found is not None
    assert found.summary == summary


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([prompt("a\nb")], "a b"),
        ([prompt([{"type": "image"}, {"type": "text", "text": " x "}])], "x"),
        ([prompt("note", isMeta=True), prompt("real")], "real"),
        ([prompt("in short", isCompactSummary=True), prompt("real")], "real"),
        ([prompt([{"type": "tool_result", "tool_use_id": "t"}]), prompt("real")], "real"),
        ([prompt("<local-command-stdout>x"), prompt("real")], "real"),
        ([prompt("[Request interrupted by user for tool use]"), prompt("real")], "real"),
        ([prompt("<ide_selection>x</ide_selection>"), prompt("real")], "real"),
        ([prompt("<command-name>/fix</command-name>"), prompt("real")], "real"),
        ([prompt("<command-name>/fix</command-name>")], "/fix"),
        ([prompt("x" * 300)], "x" * 200 + "…"),
        (["{torn", prompt("real")], "real"),
    ],
)
def test_the_first_prompt_is_what_a_person_said(lines: list[str], expected: str) -> None:
    """Observed in clients."""
    assert listing.first_prompt("\n".join(lines)) == expected


def test_tags_are_read_from_tag_lines_only() -> None:
    """Observed in clients: tool inputs may have fields of that name."""
    tagged = line(type="tag", tag="mine", sessionId=A)
    other = line(type="assistant", message={"content": [{"input": {"tag": "v1"}}]})
    cleared = line(type="tag", tag="", sessionId=A)
    assert getattr(look(prompt("x"), tagged, other), "tag", None) == "mine"
    assert getattr(look(prompt("x"), tagged, cleared), "tag", "?") is None


def test_sidechains_and_silent_sessions_are_not_listed() -> None:
    assert look(prompt("x", isSidechain=True)) is None
    assert look(line(type="mode", mode="normal")) is None


async def test_a_huge_first_prompt_hides_neither_folder_nor_date(tmp_path: Path) -> None:
    store = FileStore(str(tmp_path))
    log = start(store, A)
    await log.user([blocks.text("word " * 40_000)], prompt=True)
    found = await listing.session_info(store, A)
    assert found is not None
    assert found.summary.startswith("word word")
    assert (found.cwd, found.git_branch) == ("/nowhere/app", "main")
    assert found.created_at is not None


async def test_messages_are_the_conversation_in_order_and_in_pages() -> None:
    store = MemoryStore()
    await store.append(Key("-home-ana-app", C), OFFICIAL)
    found = await listing.messages(store, C)
    assert " ".join(one.uuid[-2:] for one in found) == "01 04 05 06 07 08 09 11 12 13 15 16"
    assert await listing.messages(store, C, limit=2, offset=3) == found[3:5]
    assert found[0].message == {"role": "user", "content": "Find the largest file."}
    assert await listing.messages(store, A) == []


async def test_subagents_and_what_they_said() -> None:
    store = MemoryStore()
    log = start(store, A)
    await log.user([blocks.text("Go")], prompt=True)
    agent = log.subagent("a01")
    await agent.describe_agent({"agentType": "helper", "toolUseId": "toolu_9"})
    await agent.user([blocks.text("Look")])
    await agent.assistant(
        [blocks.text("Seen")], message_id="m", model="x", usage={}, stop_reason="end_turn"
    )
    assert await listing.subagents(store, A) == ["a01"]
    found = await listing.subagent_messages(store, A, "a01")
    assert [(one.type, one.parent_tool_use_id) for one in found] == [
        ("user", "toolu_9"),
        ("assistant", "toolu_9"),
    ]
    assert await listing.subagent_messages(store, A, "other") == []


async def test_exports_for_people_and_programs() -> None:
    store = MemoryStore()
    key = Key("-home-ana-app", C)
    await store.append(key, OFFICIAL)
    page = await export(store, key, "markdown")
    assert page.startswith("# Largest file\n\n## User\n\nFind the largest file.\n")
    assert '**Bash**\n\n```json\n{\n  "command": "ls -lS a"\n}\n```' in page
    assert "Result:\n\n```\n20 y\n```" in page
    assert "Only for the model" not in page
    data = json.loads(await export(store, key, "json"))
    assert (data["custom_title"], len(data["messages"])) == ("Largest file", 12)
    assert (await export(store, key, "jsonl")).encode().splitlines() == OFFICIAL
    with pytest.raises(SessionNotFound):
        await export(store, Key("p", A), "json")


async def test_titles_and_tags_can_be_set_from_outside() -> None:
    store = MemoryStore()
    key = start(store, A).key
    await store.append(key, [prompt("Go").encode()])
    await edit.rename(store, key, "  My title ")
    await edit.tag(store, key, "a\u200bb\ufb01")
    found = await listing.session_info(store, A)
    assert found is not None
    assert (found.custom_title, found.tag) == ("My title", "abfi")
    await edit.tag(store, key, None)
    found = await listing.session_info(store, A)
    assert found is not None
    assert found.tag is None
    with pytest.raises(OptionsError):
        await edit.rename(store, key, " ")
    with pytest.raises(SessionNotFound):
        await edit.rename(store, Key("p", B), "x")


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("/home/ana/my_app", "-home-ana-my-app"),
        ("/a.b c", "-a-b-c"),
        ("/caf\u00e9", "-caf-"),
        ("/\U0001f600", "---"),
        ("/" + "x" * 199, "-" + "x" * 199),
    ],
)
def test_project_keys(path: str, key: str) -> None:
    """Observed: the command line counts UTF-16 code units."""
    assert sanitized(path) == key


def test_long_project_keys_are_cut_and_told_apart() -> None:
    one, two = sanitized("/" + "x" * 310), sanitized("/" + "x" * 311)
    assert one[:201] == two[:201] == "-" + "x" * 199 + "-"
    assert one != two


def test_project_keys_follow_links(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    assert project_key(str(tmp_path / "link")) == project_key(str(tmp_path / "real"))


def test_worktrees_are_found_from_each_of_them(tmp_path: Path) -> None:
    main, side = tmp_path / "main", tmp_path / "side"
    link = main / ".git/worktrees/side"
    link.mkdir(parents=True)
    (main / ".git/HEAD").write_text("ref: refs/heads/main\n", encoding="utf-8")
    (link / "HEAD").write_text("ref: refs/heads/topic\n", encoding="utf-8")
    (link / "commondir").write_text("../..\n", encoding="utf-8")
    (link / "gitdir").write_text(f"{side}/.git\n", encoding="utf-8")
    (side / "deep").mkdir(parents=True)
    (side / ".git").write_text(f"gitdir: {link}\n", encoding="utf-8")
    assert git.branch(str(main)) == "main"
    assert git.branch(str(side / "deep")) == "topic"
    for place in (main, side, side / "deep"):
        assert git.worktrees(str(place)) == [str(main), str(side)]
    assert git.worktrees(str(tmp_path)) == []
