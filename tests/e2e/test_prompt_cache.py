"""The prompt cache, accounted by the documented rules: what one request wrote, the next one reads."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from asked import ask, options_for
from installed import Installed

from hames import Client
from hames.testing import (
    FakeAPI,
    Recorded,
    assert_prefix_stable,
    calls,
    fails,
    first_difference,
    says,
    thinks,
)
from hames.testing.prefix import pieces
from hames.testing.scratch_repo import ScratchRepo

Start = Callable[..., FakeAPI]
Hames = Callable[..., Installed]
LOOK = calls("Bash", command="echo some output to be read again")


def marks(request: Recorded) -> list[str]:
    """Where the request has cache marks."""
    return [piece.path for piece in pieces(request.raw) if piece.ttl]


def reads_all_before(requests: list[Recorded]) -> None:
    """Each request reads exactly what the one before read and wrote."""
    for before, after in pairwise(requests):
        assert before.cache is not None
        assert after.cache is not None
        assert after.cache.read == before.cache.read + before.cache.written
        assert before.cache.plain == after.cache.plain == 0


def test_ten_turns_read_what_the_one_before_wrote(installed: Hames) -> None:
    """G5, also over a failed request; the result adds up what the API said."""
    overloaded = fails(529, headers={"retry-after": "0.01"})
    plays = [thinks("Hm.") + LOOK] + [LOOK] * 4 + [overloaded] + [LOOK] * 4 + [says("Done.")]
    hames = installed(*plays)
    result = hames.ask("Go.")
    answered = [request for request in hames.api.requests if request.status == 200]
    assert len(answered) == 10 == result["num_turns"]
    assert_prefix_stable(hames.api.requests)
    reads_all_before(answered)
    for field in ("read", "written"):
        name = {"read": "cache_read_input_tokens", "written": "cache_creation_input_tokens"}[field]
        assert result["usage"][name] == sum(getattr(r.cache, field) for r in answered)
    first = answered[0].cache
    assert first is not None
    assert all(r.cache and r.cache.written < first.written / 10 for r in answered[1:])


def test_the_marks_stand_at_the_end_of_what_stays(installed: Hames) -> None:
    hames = installed(LOOK, LOOK, says("Done."))
    hames.ask("Go.")
    tools = len(hames.last.tools) - 1
    for request, newest in zip(
        hames.api.requests, ("0.content.1", "2.content.0", "4.content.0"), strict=True
    ):
        assert marks(request) == [f"tools.{tools}", "system.0", f"messages.{newest}"]


def test_a_fresh_process_in_a_folder_of_another_spelling_reads_all(
    installed: Hames, tmp_path: Path
) -> None:
    """A resumed session sends the bytes that were sent, wherever it is started from."""
    hames = installed(LOOK, says("One."), LOOK, says("Two."), says("Three."))
    first = hames.ask("First.")
    real = hames.cwd
    (tmp_path / "link").symlink_to(real)
    hames.cwd = tmp_path / "link"
    second = hames.ask("-c", "Second.", PWD=str(tmp_path / "link"))
    (real / "sub").mkdir()
    hames.cwd = real / "sub"
    third = hames.ask("-r", first["session_id"], "Third.", "--cwd", "../../link/sub/..")
    assert {first["session_id"]} == {second["session_id"], third["session_id"]}
    assert_prefix_stable(hames.api.requests)
    reads_all_before(hames.api.requests)
    assert third["usage"]["cache_read_input_tokens"] == hames.last.cache.read > 1_000


def test_a_fork_reads_what_its_original_wrote(installed: Hames) -> None:
    hames = installed(LOOK, says("One."), says("Two."))
    hames.ask("First.")
    hames.ask("-c", "--fork-session", "Second.")
    reads_all_before(hames.api.requests)


def test_a_new_session_in_the_same_folder_reads_tools_prompt_and_memory(
    installed: Hames, scratch_repo: ScratchRepo
) -> None:
    (scratch_repo.path / "CLAUDE.md").write_text("Mind the gap.\n" * 200, encoding="utf-8")
    hames = installed(says("One."), says("Two."))
    hames.cwd = scratch_repo.path
    hames.ask("First question.")
    hames.ask("And quite another one.")
    one, two = hames.api.requests
    difference = first_difference(one.raw, two.raw)
    assert difference is not None
    assert difference.path == "messages.0.content.2", "after the folder and its instructions"
    assert marks(two)[2:] == ["messages.0.content.0", "messages.0.content.2"]
    assert one.cache is not None
    assert two.cache is not None
    assert two.cache.read > one.cache.written - 200
    assert two.cache.written < 200, "where we are, and the prompt"


def test_another_system_prompt_does_not_lose_the_tools(installed: Hames) -> None:
    hames = installed(says("One."), says("Two."))
    hames.ask("Go.")
    hames.ask("Go.", "--append-system-prompt", "Be brief.")
    cache = hames.last.cache
    tools = sum(len(p.raw) for p in pieces(hames.last.raw) if p.owner == "tools") // 4
    assert cache.read == tools


async def test_many_results_at_once_stay_within_reach(fake_api: Start, tmp_path: Path) -> None:
    """The API looks back twenty blocks; the former mark stays where more come at once."""
    many = calls("Read", file_path="0")
    for number in range(1, 24):
        many += calls("Read", file_path=str(number))
    api = fake_api([many, LOOK, says("Done.")])
    (tmp_path / "project").mkdir()
    for number in range(24):
        (tmp_path / f"project/{number}").write_text(f"text {number}", encoding="utf-8")
    await ask(api, tmp_path)
    reads_all_before(api.requests)
    assert len(marks(api.requests[1])) == 4


@pytest.mark.parametrize(
    ("variables", "lifetimes"),
    [
        ({}, {"5m"}),
        ({"ENABLE_PROMPT_CACHING_1H": "1"}, {"1h"}),
        ({"DISABLE_PROMPT_CACHING": "1"}, set()),
        ({"DISABLE_PROMPT_CACHING_SONNET": "1"}, set()),
        ({"DISABLE_PROMPT_CACHING_OPUS": "1"}, {"5m"}),
    ],
    ids=lambda value: "" if isinstance(value, set) else " ".join(value) or "as it is",
)
def test_caching_can_be_set_from_outside(
    variables: dict[str, str], lifetimes: set[str], installed: Hames
) -> None:
    hames = installed(LOOK, says("Done."))
    hames.ask("Go.", **variables)
    assert {piece.ttl for r in hames.api.requests for piece in pieces(r.raw)} - {None} == lifetimes


def test_what_was_not_used_for_an_hour_is_written_again_and_said(installed: Hames) -> None:
    hames = installed(says("One."), says("Two."))
    hames.ask("First.")
    hames.api.pass_time(3_600)
    result = hames.ask("-c", "Second.")
    assert result["usage"]["cache_read_input_tokens"] == 0
    assert result["usage"]["cache_creation_input_tokens"] > 1_000


async def test_what_changes_in_a_session_does_not_move_what_was_said(
    fake_api: Start, tmp_path: Path
) -> None:
    """Another mode, a prompt in the middle, an interrupt: all of it comes after the cached part."""
    api = fake_api([LOOK, says("One."), says("Two."), says("Three.").hang(events=3), says("Four.")])
    async with Client(options_for(api, tmp_path, include_partial_messages=True)) as client:
        await answered(client, "First.")
        await client.set_permission_mode("plan")
        await answered(client, "Second.")
        await client.query("Third.")
        await api.received(4)
        await client.interrupt()
        await rest(client)
        await answered(client, "Fourth.")
    assert_prefix_stable(api.requests)


async def answered(client: Client, prompt: str) -> None:
    await client.query(prompt)
    await rest(client)


async def rest(client: Client) -> None:
    async for _ in client.receive_response():
        pass


def test_requests_do_not_depend_on_the_hashes_of_a_process(installed: Hames) -> None:
    hames = installed(LOOK.forever())
    flags = (
        "--max-turns",
        "2",
        "--disallowedTools",
        "Edit(*.md)",
        "--add-dir",
        "..",
        "--betas",
        "b-1,a-2",
    )
    for seed in ("1", "2"):
        hames.run("-p", "Go.", *flags, PYTHONHASHSEED=seed)
    _, one, _, two = hames.api.requests
    assert first_difference(one.raw, two.raw.replace(b"toolu_0003", b"toolu_0001")) is None
    assert one.headers["anthropic-beta"] == two.headers["anthropic-beta"]
