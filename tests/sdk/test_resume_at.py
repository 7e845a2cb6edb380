"""Going back within a stored session: `resume_session_at`, and the guard `resume_drops_turn`.

Official 2.1.330, observed: the same file and id, a new branch; the guard refuses before anything is written.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from hames import AgentOptions, Client, OptionsError, SessionError, tool
from hames.cli.main import main
from hames.sessions import listing
from hames.sessions.files import FileStore
from hames.testing import Scripted, calls, says
from hames.testing.recorder import Recorder

PROMPTS = [f"aaaaaaaa-0000-4000-8000-00000000000{n}" for n in range(4)]


class Stored:
    """A session of three prompts in a config folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = FileStore(str(folder / "config"))
        self.id = ""
        self.requests: list[Any] = []

    async def run(self, plays: list[Any], prompts: list[tuple[str, str]], **more: Any) -> str:
        recorder = Recorder(Scripted(plays))
        options = AgentOptions(provider=recorder, cwd=self.folder, session_store=self.store, **more)
        async with Client(options) as client:
            for uuid, text in prompts:
                await client.query(
                    {"type": "user", "message": {"role": "user", "content": text}, "uuid": uuid}
                )
                async for _ in client.receive_response():
                    pass
            self.requests = recorder.requests
            return client.session_id

    async def lines(self) -> list[Any]:
        return await listing.messages(self.store, self.id)

    async def replies(self) -> list[str]:
        return [line.uuid for line in await self.lines() if line.type == "assistant"]

    async def go_back(self, plays: list[Any] | None = None, **more: Any) -> list[str]:
        """The texts that were sent with a fourth prompt."""
        await self.run(plays or [says("four")], [(PROMPTS[3], "p4")], resume=self.id, **more)
        return [
            block["text"]
            for turn in self.requests[0].body["messages"]
            for block in turn["content"]
            if block["type"] == "text" and "system-reminder" not in block["text"]
        ]


@pytest.fixture
def stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stored:
    monkeypatch.setenv("CLAUDE_CONFIG_DIR", str(tmp_path / "config"))
    made = Stored(tmp_path)
    texts = [(PROMPTS[n], f"p{n + 1}") for n in range(3)]
    made.id = asyncio.run(made.run([says("one"), says("two"), says("three")], texts))
    return made


def transcript(stored: Stored) -> bytes:
    (path,) = (stored.folder / "config/projects").glob("*/*.jsonl")
    return path.read_bytes()


async def test_what_follows_the_line_is_not_sent_and_stays_stored(stored: Stored) -> None:
    before = transcript(stored)
    first = (await stored.replies())[0]
    assert await stored.go_back(resume_session_at=first) == ["p1", "one", "p4"]
    assert transcript(stored).startswith(before)
    texts = [line.message["content"] for line in await stored.lines()]
    assert [text if isinstance(text, str) else text[0]["text"] for text in texts] == [
        "p1",
        "one",
        "p4",
        "four",
    ]


async def test_a_copy_ends_at_the_line(stored: Stored) -> None:
    before = transcript(stored)
    second = (await stored.replies())[1]
    sent = await stored.go_back(resume_session_at=second, fork_session=True)
    assert sent == ["p1", "one", "p2", "two", "p4"]
    path = stored.store.path((await stored.store.find(stored.id))[0])
    assert Path(path).read_bytes() == before


async def test_the_guard_lets_the_named_turn_go(stored: Stored) -> None:
    second = (await stored.replies())[1]
    sent = await stored.go_back(resume_session_at=second, resume_drops_turn=PROMPTS[2])
    assert sent == ["p1", "one", "p2", "two", "p4"]


@pytest.mark.parametrize(
    ("at", "drops", "why"),
    [
        (0, PROMPTS[1], "something else came meanwhile"),
        (0, PROMPTS[2], "does not begin with that prompt"),
        (1, "", "named by the uuid"),
        (1, "nonsense", "named by the uuid"),
    ],
)
@pytest.mark.parametrize("fork", [False, True])
async def test_the_guard_refuses_to_drop_more(
    stored: Stored, at: int, drops: str, why: str, fork: bool
) -> None:
    before, files = transcript(stored), sorted(stored.folder.rglob("*.jsonl"))
    line = (await stored.replies())[at]
    with pytest.raises(SessionError, match=f"^Resume rejected by --resume-drops-turn: .*{why}"):
        await stored.go_back(resume_session_at=line, resume_drops_turn=drops, fork_session=fork)
    assert transcript(stored) == before
    assert sorted(stored.folder.rglob("*.jsonl")) == files


async def test_a_prompt_that_came_during_the_turn_is_not_dropped_unseen(stored: Stored) -> None:
    """A queued prompt is folded into the running turn; who names only the first does not know of it."""
    began, queued = asyncio.Event(), asyncio.Event()

    @tool
    async def wait() -> str:
        """Waits."""
        began.set()
        await queued.wait()
        return "ok"

    options = AgentOptions(
        provider=Scripted([calls("wait"), says("four")]),
        cwd=stored.folder,
        session_store=stored.store,
        resume=stored.id,
        tools=[wait],
    )
    last = (await stored.replies())[-1]
    async with Client(options) as client:
        for text, uuid in (("p4", PROMPTS[3]), ("unseen", "bbbbbbbb-0000-4000-8000-000000000000")):
            message = {"role": "user", "content": text}
            await client.query({"type": "user", "message": message, "uuid": uuid})
            await asyncio.wait_for(began.wait(), 10)
        queued.set()
        async for _ in client.receive_response():
            pass
    with pytest.raises(SessionError, match="something else came meanwhile"):
        await stored.go_back(resume_session_at=last, resume_drops_turn=PROMPTS[3])


async def test_news_of_a_background_command_is_not_dropped_unseen(stored: Stored) -> None:
    last = (await stored.replies())[-1]
    plays = [calls("Bash", command="true", run_in_background=True), says("started"), says("noted")]
    options = AgentOptions(
        provider=Scripted(plays),
        cwd=stored.folder,
        session_store=stored.store,
        resume=stored.id,
        allowed_tools=["Bash"],
    )
    async with Client(options) as client:
        message = {"role": "user", "content": "p4"}
        await client.query({"type": "user", "message": message, "uuid": PROMPTS[3]})
        async with asyncio.timeout(20):
            while b'"turnOrigin":"task-notification"' not in transcript(stored):
                async for _ in client.receive_response():
                    pass
    with pytest.raises(SessionError, match="something else came meanwhile"):
        await stored.go_back(resume_session_at=last, resume_drops_turn=PROMPTS[3])


async def test_an_unknown_line_and_options_without_a_session_are_refused(stored: Stored) -> None:
    with pytest.raises(SessionError, match=r"^No message found with message\.uuid of: "):
        await stored.go_back(resume_session_at=PROMPTS[3])
    for options in ({"resume_session_at": PROMPTS[0]}, {"resume_drops_turn": PROMPTS[0]}):
        with pytest.raises(OptionsError, match="needs"):
            await stored.run([says("x")], [(PROMPTS[3], "p4")], **options)


def test_flags_that_lack_their_partner_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, missing in (
        (["--resume-session-at", PROMPTS[0]], "needs `--resume`"),
        (["--resume", PROMPTS[0], "--resume-drops-turn", PROMPTS[0]], "`--resume-session-at`"),
        (["--rewind-files", PROMPTS[0]], "needs `--resume`"),
        (["--resume", PROMPTS[0], "--rewind-files", PROMPTS[0], "hi"], "stands alone"),
    ):
        assert main(["-p", *arguments]) == 1
        told = capsys.readouterr()
        assert missing in told.err
        assert told.out == ""
