"""`@path` in prompts: attached as Read gives it, through the rules that hold for Read."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from hames import AgentOptions, Client, PermissionResultAllow
from hames.agent.prompts.mentions import Mention, mentions
from hames.testing import Scripted, calls, says
from hames.testing.harness import Harness, Run


def texts(run: Run, request: int = 0) -> list[str]:
    return [
        block["text"]
        for turn in run.requests[request].body["messages"]
        for block in turn["content"]
        if block["type"] == "text"
    ]


def attached(run: Run, request: int = 0) -> list[str]:
    return [text for text in texts(run, request) if "The user's message mentions" in text]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("see @a.txt", [Mention("a.txt")]),
        ("@a and (@b) and [@c]", [Mention("a"), Mention("b)"), Mention("c]")]),
        ("@a.py#L3-9, @b.py#L2.", [Mention("a.py", 3, 9), Mention("b.py", 2)]),
        ("@a.py#L3-L9", [Mention("a.py", 3, 9)]),
        ('@"sp ace.txt" @"x y"#L4', [Mention("sp ace.txt"), Mention("x y", 4)]),
        (
            "@src/ @../x @~/y @/etc/hosts",
            [Mention(p) for p in ("src/", "../x", "~/y", "/etc/hosts")],
        ),
        ("me@example.org a@b `@c` x@y", []),
        ("@ alone, @@twice", []),
        ("@a @a", [Mention("a")]),
        ("@app.get('/x')\n@pytest.fixture", [Mention("app.get('/x')"), Mention("pytest.fixture")]),
    ],
)
def test_mentions_are_found_where_they_are_meant(text: str, found: list[Mention]) -> None:
    assert mentions(text) == found


async def test_files_and_folders_are_attached_before_the_prompt(harness: Harness) -> None:
    prompt = "Compare @a.txt, @sub/ and @a.txt."
    files = {"a.txt": "one\ntwo\n", "sub/b.txt": "three"}
    run = await harness([says("Done.")], prompt, files=files)
    first, second = attached(run)
    assert "one\n" in first
    assert "two" in first
    assert "b.txt" in second
    assert texts(run)[-1] == prompt


async def test_only_the_lines_that_are_named_are_attached(harness: Harness) -> None:
    lines = "".join(f"line {n}\n" for n in range(1, 10))
    run = await harness([says("Done.")], "@a.txt#L3-4 @a.txt#L7", files={"a.txt": lines})
    shown = "\n".join(attached(run))
    assert [n for n in range(1, 10) if f"line {n}" in shown] == [3, 4, 7]


async def test_what_is_not_there_is_left_alone(harness: Harness) -> None:
    prompt = "Why does @pytest.fixture fail? Ask me@example.org about @missing.txt, `@a.txt`."
    run = await harness([says("Done.")], prompt, files={"a.txt": "secret"})
    assert attached(run) == []
    assert texts(run)[-1] == prompt


async def test_a_denied_file_is_not_attached_and_that_is_told(harness: Harness) -> None:
    run = await harness(
        [says("Done.")],
        "Read @.env and @link",
        files={".env": "TOKEN=17"},
        settings={"permissions": {"deny": ["Read(.env)"]}},
        permission_mode="acceptEdits",
    )
    assert not any("TOKEN" in text for text in texts(run))
    assert "not attached" in attached(run)[0]
    assert run.result.obligations is not None
    assert [one["kind"] for one in run.result.obligations] == ["mention_not_read"]


async def test_a_link_to_a_denied_file_is_no_way_around(harness: Harness) -> None:
    (harness.folder / ".env").write_text("TOKEN=17")
    (harness.folder / "link").symlink_to(".env")
    deny = {"permissions": {"deny": ["Read(.env)"]}}
    run = await harness([says("Done.")], "Read @link", settings=deny)
    assert not any("TOKEN" in text for text in texts(run))


async def test_files_outside_are_asked_about(harness: Harness, tmp_path_factory: Any) -> None:
    """Official 2.1.330 attaches them unasked. A prompt may quote what others wrote."""
    outside = tmp_path_factory.mktemp("outside") / "o.txt"
    outside.write_text("outside text")
    asked: list[str] = []

    async def allow(name: str, input: dict[str, Any], context: Any) -> PermissionResultAllow:
        asked.append(input["file_path"])
        return PermissionResultAllow()

    alone = await harness([says("Done.")], f"See @{outside}")
    assert "outside text" not in "".join(texts(alone))
    told = await harness([says("Done.")], f"See @{outside}", can_use_tool=allow)
    assert "outside text" in "".join(attached(told))
    assert asked == [str(outside)]


async def test_pictures_are_attached_as_read_gives_them(harness: Harness) -> None:
    from PIL import Image

    Image.new("RGB", (20, 20)).save(harness.folder / "p.png")
    run = await harness([says("Done.")], "What is @p.png?")
    kinds = [
        block["type"] for turn in run.requests[0].body["messages"] for block in turn["content"]
    ]
    assert "image" in kinds


async def test_what_read_refuses_is_told(harness: Harness) -> None:
    (harness.folder / "data.bin").write_bytes(bytes(range(256)) * 10)
    os.mkfifo(harness.folder / "pipe")
    run = await harness([says("Done.")], "@data.bin @pipe")
    assert ["not attached" in text for text in attached(run)] == [True, True]


async def test_what_is_attached_is_bounded(harness: Harness) -> None:
    files = {f"f{n}.txt": f"number {n}\n" for n in range(25)}
    files["huge.txt"] = "0123456789abcdef\n" * 200_000
    run = await harness(
        [says("Done.")], " ".join(f"@{name}" for name in ("huge.txt", *files)), files=files
    )
    shown = attached(run)
    assert sum("too many mentions" in text for text in shown) == 6
    assert sum(map(len, shown)) < 500_000


async def test_a_mentioned_file_may_be_edited_at_once(harness: Harness) -> None:
    edit = calls("Edit", file_path="a.txt", old_string="one", new_string="two")
    run = await harness(
        [edit, says("Done.")], "Fix @a.txt", files={"a.txt": "one\n"}, permission_mode="acceptEdits"
    )
    assert (run.cwd / "a.txt").read_text() == "two\n"


async def test_verbatim_prompts_name_nothing(harness: Harness) -> None:
    for prompt in ("See @a.txt", "/cost"):
        run = await harness([says("Done.")], prompt, files={"a.txt": "one"}, verbatim_prompts=True)
        assert (run.text, texts(run)[-1]) == ("Done.", prompt)
        assert attached(run) == []


async def test_a_resumed_session_sends_what_was_attached_then(
    harness: Harness, tmp_path: Path
) -> None:
    first = await harness([says("Done.")], "See @a.txt", files={"a.txt": "then"})
    (tmp_path / "a.txt").write_text("later")
    again = await harness([says("Done.")], "And?", resume=first.session_id)
    assert texts(again)[: len(texts(first))] == texts(first)


async def test_a_prompt_that_joins_an_answer_has_its_files_attached(tmp_path: Path) -> None:
    from hames.testing.recorder import Recorder

    (tmp_path / "a.txt").write_text("seventeen")
    recorder = Recorder(Scripted([calls("Bash", command="sleep 0.2"), says("Done.")]))
    options = AgentOptions(
        provider=recorder, cwd=tmp_path, persist_session=False, allowed_tools=["Bash"]
    )
    async with Client(options) as client:
        await client.query("Go.")
        async for message in client.receive_messages():
            if type(message).__name__ == "AssistantMessage":
                break
        await client.query("And @a.txt")
        await client.finish()
        async for _ in client.receive_messages():
            pass
    assert "seventeen" in str(recorder.requests[-1].body)
