"""Plays as JSON, and the fake API as a process."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from raw_client import body, post

from hames.errors import OptionsError
from hames.testing import calls, fails, hangs, says, serves, thinks, torn
from hames.testing.play_files import load

SAME = [
    ({"says": "Hello."}, says("Hello.")),
    ({"thinks": "Hm.", "signature": "abc"}, thinks("Hm.", signature="abc")),
    ({"calls": "Bash", "input": {"command": "ls"}}, calls("Bash", command="ls")),
    ({"calls": "Bash", "input": "{oops", "call_id": "a"}, calls("Bash", "{oops", call_id="a")),
    ([{"says": "Look."}, {"calls": "Bash"}], says("Look.") + calls("Bash")),
    ({"gives": [{"type": "text", "text": "x"}]}, says("x")),
    ({"fails": 529, "headers": {"retry-after": "1"}}, fails(529, headers={"retry-after": "1"})),
    ({"serves": "<html>"}, serves(b"<html>")),
    ({"hangs": True}, hangs()),
    ({"says": "x", "cut": {"blocks": 1}}, says("x").cut(blocks=1)),
    ({"says": "x", "hang": {}}, says("x").hang()),
    ({"says": "x", "broken": {"events": 2}}, says("x").broken(events=2)),
    (
        {"says": "x", "using": {"output_tokens": 5}, "stopping": "max_tokens", "by": "m"},
        says("x").using(output_tokens=5).stopping("max_tokens").by("m"),
    ),
    ({"says": "x", "expecting": "a", "when": "b"}, says("x").expecting("a").when("b")),
    ({"says": "x", "expecting": ["a", "b"]}, says("x").expecting("a", "b")),
    ({"says": "x", "times": 3}, says("x").times(3)),
    ({"says": "x", "forever": True, "paced": 0.5}, says("x").forever().paced(0.5)),
    (
        {"fault": "torn", "play": {"says": "x"}, "keep": 0.2, "times": 2},
        torn(says("x"), keep=0.2).times(2),
    ),
]


@pytest.mark.parametrize(("entry", "play"), SAME, ids=lambda value: str(value)[:40])
def test_json_means_the_same_as_python(entry: Any, play: Any) -> None:
    assert load(json.dumps([entry])) == [play]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{", "no JSON"),
        ("{}", "no list"),
        ("[{}]", "Play 1 is not valid: it needs one of `says`"),
        (
            '[{"says": "a"}, {"says": "b", "loud": true}]',
            "Play 2 is not valid: `loud` is not known",
        ),
        ('[{"says": "a", "calls": "b"}]', "it needs one of"),
        ('[{"fault": "torm"}]', "there is no fault `torm`: .*torn"),
        ('[{"fault": "torn", "play": {"says": "a"}, "kep": 1}]', "Play 1 is not valid"),
        ("[1]", "Play 1 is not valid"),
    ],
)
def test_what_is_wrong_is_named(text: str, problem: str) -> None:
    with pytest.raises(OptionsError, match=problem):
        load(text)


def test_the_process_serves_a_file_and_logs_the_requests(tmp_path: Path) -> None:
    plays, log = tmp_path / "plays.json", tmp_path / "log.jsonl"
    plays.write_text('[{"says": "Hello."}, {"fails": 529}]', encoding="utf-8")
    with start("--plays", str(plays), "--log", str(log)) as process:
        assert process.stdout is not None
        url = process.stdout.readline().decode().strip()
        assert post(url, x_session="1").text == "Hello."
        assert post(url).status == 529
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    first, second = [json.loads(line) for line in log.read_text("utf-8").splitlines()]
    assert json.loads(first["body"]) == body()
    assert (first["status"], first["headers"]["x-session"]) == (200, "1")
    assert first["usage"]["input_tokens"] > 0
    assert second["status"] == 529


def test_the_process_ends_with_its_input() -> None:
    with start("--until-eof") as process:
        assert process.stdout is not None
        assert process.stdin is not None
        assert post(process.stdout.readline().decode().strip()).text == "Hello."
        process.stdin.close()
        assert process.wait(10) == 0


def test_the_process_refuses_what_is_no_play(tmp_path: Path) -> None:
    (tmp_path / "plays.json").write_text('[{"sings": "la"}]', encoding="utf-8")
    with start("--plays", str(tmp_path / "plays.json")) as process:
        _, error = process.communicate(timeout=10)
        assert process.returncode == 2
        assert b"Play 1 is not valid" in error


def start(*args: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "hames.testing.fake_api", *args],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
