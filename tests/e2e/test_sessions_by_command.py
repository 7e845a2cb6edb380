"""Sessions from one process to the next: gone on with, copied, chosen, not kept; ours and official ones."""

from __future__ import annotations

import json
import re
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from installed import JSON, STREAM, Installed, of_type, refused

from hames.sessions.rules import judge
from hames.testing import calls, says, thinks
from hames.testing.scratch_repo import ScratchRepo

Hames = Callable[..., Installed]
DATA = Path(__file__).parent.parent / "data/sessions"
OFFICIAL = "33333333-3333-4333-8333-333333333333"
CHOSEN = "5f000000-0000-4000-8000-000000000001"


def stored(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def spoken(hames: Installed) -> list[str]:
    """The texts of the last request's conversation, reminders aside."""
    texts = [
        block["text"]
        for message in hames.last.messages
        for block in message["content"]
        if block["type"] == "text"
    ]
    return [text for text in texts if not text.startswith("<system-reminder>")]


def test_one_id_in_every_line_and_file(installed: Hames) -> None:
    """SES-01, SES-06: the id of the stream is the name of the file, which only its owner reads."""
    hames = installed(calls("Bash", command="pwd"), says("Done."))
    ran = hames.run("-p", "Go.", *STREAM)
    [id] = {line["session_id"] for line in ran.lines}
    [path] = hames.transcripts()
    assert path.stem == id
    assert path.parent.name == re.sub("[^a-zA-Z0-9]", "-", str(hames.cwd))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    lines = stored(path)
    assert {line["sessionId"] for line in lines} == {id}
    chain = [line for line in lines if "uuid" in line]
    assert [line["parentUuid"] for line in chain] == [None, *(line["uuid"] for line in chain[:-1])]
    assert all(re.match(r"\d+\.\d+\.\d+", line["version"]) for line in chain)
    assert {line["entrypoint"] for line in chain} == {"sdk-cli"}


def test_going_on_keeps_id_file_history_and_cost(installed: Hames) -> None:
    """SES-02, SES-03, SES-04."""
    hames = installed(thinks("Hm.") + says("One."), says("Two."), says("Three."))
    first = hames.ask("First.")
    second = hames.ask("--continue", "Second.")
    third = hames.ask("--resume", first["session_id"].upper(), "Third.")
    assert {first["session_id"]} == {second["session_id"], third["session_id"]}
    assert spoken(hames) == ["First.", "One.", "Second.", "Two.", "Third."]
    costs = [result["total_cost_usd"] for result in (first, second, third)]
    assert costs == sorted(set(costs)), "it grows"
    assert second["usage"]["output_tokens"] < first["usage"]["output_tokens"], "of this prompt"
    assert len(hames.transcripts()) == 1


def test_a_session_is_found_by_its_title_and_from_everywhere(
    installed: Hames, tmp_path: Path
) -> None:
    hames = installed(says("One."), says("Two."), says("Three."))
    id = hames.ask("First.")["session_id"]
    [path] = hames.transcripts()
    title = {"type": "custom-title", "customTitle": "The first one", "sessionId": id}
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(title, separators=(",", ":")) + "\n")
    assert hames.ask("-r", "The first one", "Second.")["session_id"] == id
    assert "The first" in refused(hames.run("-p", "-r", "The first", "x")), "not by a part of it"
    hames.cwd = tmp_path
    assert hames.ask("-r", id, "Third.")["session_id"] == id
    assert hames.transcripts() == [path], "where it lay"
    assert stored(path)[-2]["cwd"] == str(tmp_path)


def test_continue_takes_the_newest_of_the_folder_or_begins(
    installed: Hames, tmp_path: Path
) -> None:
    hames = installed(says("1"), says("2"), says("3"), says("4"))
    older = hames.ask("-c", "Older.")["session_id"]
    newer = hames.ask("Newer.")["session_id"]
    assert hames.ask("-c", "And?")["session_id"] == newer != older
    (tmp_path / "elsewhere").mkdir()
    hames.cwd = tmp_path / "elsewhere"
    assert hames.ask("-c", "Begin.")["session_id"] not in (older, newer)
    assert spoken(hames) == ["Begin."]


def test_a_fork_goes_its_own_way(installed: Hames) -> None:
    """SES-07."""
    hames = installed(says("One."), says("Two."), says("Other two."), says("Three."))
    first = hames.ask("First.")
    fork = hames.ask("-r", first["session_id"], "--fork-session", "--session-id", CHOSEN, "Fork.")
    assert fork["session_id"] == CHOSEN
    assert fork["total_cost_usd"] > first["total_cost_usd"]
    hames.ask("-r", first["session_id"], "Original.")
    assert spoken(hames) == ["First.", "One.", "Original."]
    hames.ask("-r", CHOSEN, "On.")
    assert spoken(hames) == ["First.", "One.", "Fork.", "Two.", "On."]


def test_a_chosen_id_names_the_session_once(installed: Hames) -> None:
    """SES-05."""
    hames = installed(says("One."), says("Two."))
    assert hames.ask("Go.", "--session-id", CHOSEN)["session_id"] == CHOSEN
    assert CHOSEN in refused(hames.run("-p", "Go.", "--session-id", CHOSEN))
    hames.cwd = hames.cwd.parent
    assert CHOSEN in refused(hames.run("-p", "Go.", "--session-id", CHOSEN)), "in no folder"
    assert hames.ask("-r", CHOSEN, "On.")["session_id"] == CHOSEN


def test_without_persistence_a_session_may_be_gone_on_with_but_not_changed(
    installed: Hames,
) -> None:
    """SES-11."""
    hames = installed(says("One."), says("Two."), says("Three."))
    id = hames.ask("First.")["session_id"]
    [path] = hames.transcripts()
    before = path.read_bytes()
    hames.ask("-r", id, "Second.", "--no-session-persistence")
    assert spoken(hames) == ["First.", "One.", "Second."]
    lost = hames.ask("Elsewhere.", "--no-session-persistence")["session_id"]
    assert path.read_bytes() == before
    assert "No conversation found" in refused(hames.run("-p", "-r", lost, "x"))


def official(hames: Installed, name: str, cut: int | None = None) -> Path:
    """A transcript in the official format, as the official command line leaves it."""
    path = hames.config / "projects/-home-ana-app" / f"{OFFICIAL}.jsonl"
    path.parent.mkdir(parents=True)
    lines = (DATA / name).read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:cut]))
    return path


@pytest.mark.parametrize("name", ["official.jsonl", "compacted.jsonl", "minimal.jsonl"])
def test_an_official_session_goes_on_here(name: str, installed: Hames) -> None:
    hames = installed(says("Here I am."), says("Still."))
    path = official(hames, name)
    before = path.read_bytes()
    assert hames.ask("-r", OFFICIAL, "Are you there?")["session_id"] == OFFICIAL
    assert spoken(hames)[-1] == "Are you there?"
    assert len(hames.last.messages) >= 3
    assert path.read_bytes().startswith(before), "only added to"
    hames.ask("-r", OFFICIAL, "And now?")
    hames.api.verify()
    assert [judge(request.body) for request in hames.api.requests] == [[], []]


def test_every_beginning_of_an_official_session_goes_on(installed: Hames) -> None:
    """As if the official command line had been killed after any line."""
    lines = (DATA / "official.jsonl").read_bytes().splitlines(keepends=True)
    begun = next(i for i, line in enumerate(lines) if b'"type":"user"' in line)
    hames = installed(says("Here I am.").forever())
    for cut in range(begun + 1, len(lines) + 1, 3):
        path = hames.config / "projects/-home-ana-app" / f"{OFFICIAL}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"".join(lines[:cut]))
        ran = hames.run("-p", "-r", OFFICIAL, "Are you there?")
        assert (ran.code, ran.output) == (0, "Here I am.\n"), cut
    assert hames.api.problems == []


def test_a_session_with_calls_goes_on_with_other_tools_and_another_model(
    installed: Hames,
) -> None:
    plays = [thinks("Hm.") + calls("Bash", command="echo 17"), says("One."), says("Two.").forever()]
    hames = installed(*plays, signatures=True)
    id = hames.ask("First.", "--model", "claude-sonnet-4-5")["session_id"]
    for flags in (["--tools", ""], ["--tools", "Read"], ["--disallowedTools", "Bash"],
                  ["--model", "opus"], ["--model", "claude-3-5-haiku-20241022"],
                  ["--system-prompt", "Other."]):  # fmt: skip
        assert hames.ask("-r", id, "And?", *flags)["result"] == "Two.", flags
        assert "17" in hames.last.text
    hames.api.verify()


def test_two_runs_on_one_session_lose_nothing(installed: Hames) -> None:
    """SES-17: both are stored, and the session goes on."""
    hames = installed(says("Begun."), says("Done.").forever())
    id = hames.ask("First.")["session_id"]
    processes = [hames.start("-p", "-r", id, f"Number {n}.", *JSON) for n in range(3)]
    ended = [process.communicate(timeout=60) for process in processes]
    assert [json.loads(output)["result"] for output, _ in ended] == ["Done."] * 3
    whole = "".join(path.read_text("utf-8") for path in hames.transcripts())
    assert all(f"Number {n}." in whole for n in range(3))
    assert all(json.loads(line) for line in whole.splitlines())
    assert hames.ask("-r", id, "Last.")["result"] == "Done."


# hames session


def test_sessions_are_listed_shown_and_exported(
    installed: Hames, scratch_repo: ScratchRepo, tmp_path: Path
) -> None:
    hames = installed(calls("Read", file_path="README.md"), says("It is empty."), says("Yes."))
    hames.cwd = scratch_repo.path
    assert "No sessions here" in hames.run("session", "list").output
    id = hames.ask("What does it say?")["session_id"]
    hames.ask("-c", "Sure?")
    listed = hames.run("session", "list")
    assert (listed.code, listed.errors) == (0, "")
    assert id in listed.output
    assert "Sure?" in listed.output, "the last prompt says what it is about"
    [row] = hames.run("session", "list", "--json").lines
    assert (row["session_id"], row["first_prompt"]) == (id, "What does it say?")
    assert (row["cwd"], row["git_branch"]) == (str(scratch_repo.path), "main")
    shown = hames.run("session", "show", id)
    assert (shown.code, shown.errors) == (0, "")
    said = ("What does it say?", "It is empty.", "Sure?", "Yes.")
    places = [shown.output.rindex(text) for text in said]
    assert places == sorted(places)
    assert "system-reminder" not in shown.output
    exported = hames.run("session", "export", id, "--format", "markdown", "-o", "out.md")
    assert (exported.code, exported.output) == (0, "")
    assert (hames.cwd / "out.md").read_text("utf-8") == shown.output
    raw = hames.run("session", "export", id, "--format=jsonl").output
    assert raw == hames.transcripts()[0].read_text("utf-8")
    assert json.loads(hames.run("session", "export", id, "--format", "json").output)["messages"]
    assert "sound" in hames.run("session", "check", id).output


def test_a_session_of_a_worktree_is_listed_in_the_repository(
    installed: Hames, scratch_repo: ScratchRepo, tmp_path: Path
) -> None:
    hames = installed(says("One."))
    scratch_repo.git("worktree", "add", "--quiet", str(tmp_path / "tree"))
    hames.cwd = tmp_path / "tree"
    id = hames.ask("In a worktree.")["session_id"]
    hames.cwd = scratch_repo.path
    assert id in hames.run("session", "list").output
    hames.cwd = tmp_path
    assert id not in hames.run("session", "list").output
    assert id in hames.run("session", "list", "--all").output


def test_what_is_listed_can_be_piped_to_a_reader_that_leaves(installed: Hames) -> None:
    hames = installed(says("Done."))
    id = hames.ask("x" * 100_000)["session_id"]
    process = hames.start("session", "export", id, "--format", "jsonl")
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.close()
    process.stdout.read(1)
    process.stdout.close()
    process.stdin = process.stdout = None
    _, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (141, b"")


def test_a_large_result_lies_beside_the_session(installed: Hames) -> None:
    """sessions.md 10: the model gets a part and the path of the rest, and may read it."""
    command = "seq 1 20000"
    hames = installed(
        calls("Bash", command=command),
        lambda body: (
            calls("Read", file_path=path, offset=19_999)
            if (path := spilled_to(body))
            else says("Done.")
        ),
    )
    ran = hames.run("-p", "Go.", *STREAM, "--allowedTools", "Bash(seq:*)")
    assert ran.result["permission_denials"] == []
    [spilled] = hames.config.glob("projects/*/*/tool-results/*")
    expected = subprocess.run(["seq", "1", "20000"], capture_output=True, check=True).stdout
    assert spilled.read_bytes().rstrip(b"\n") == expected.rstrip(b"\n")
    assert len(hames.api.requests[1].result_texts[0]) < 40_000
    assert "20000" in hames.last.result_texts[0]
    assert len(of_type(ran.lines, "user")) == 2


def spilled_to(body: dict[str, Any]) -> str | None:
    found = re.search(r"/\S+/tool-results/\w+\.txt", json.dumps(body["messages"][-1]))
    return found and found[0]
