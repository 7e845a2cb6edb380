"""Bash: what the model and programs get, what persists, what is refused."""

from __future__ import annotations

import asyncio
import base64
import os
import tracemalloc
from io import BytesIO
from pathlib import Path

import pytest
from shell_session import session

from hames.access import Runs
from hames.errors import ToolError
from hames.tools.bash import BASH, BashInput
from hames.tools.seen import SeenFiles, digest_of

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


async def test_output_and_shape_of_a_command(tmp_path: Path):
    """Observed shape of the structured result (2.1.330)."""
    async with session(tmp_path) as s:
        result = await s.bash("echo out; echo err >&2")
        assert result.content == "out\nerr"
        assert result.is_error is False
        assert result.data == {
            "stdout": "out\nerr",
            "stderr": "",
            "interrupted": False,
            "isImage": False,
            "noOutputExpected": False,
        }


async def test_the_access_is_the_command():
    assert BASH.access(BashInput("ls -l")) == (Runs("ls -l"),)


async def test_outputs_are_merged_in_order_even_when_reopened(tmp_path: Path):
    async with session(tmp_path) as s:
        assert await s.text("echo 1; echo 2 > /dev/stderr; echo 3; ls /none; echo 4") == (
            "1\n2\n3\nls: cannot access '/none': No such file or directory\n4"
        )


async def test_blank_lines_before_and_white_space_after_are_removed(tmp_path: Path):
    async with session(tmp_path) as s:
        assert await s.text(r"printf '\n  \n   a\tb\n\n c \n\n'") == "   a\tb\n\n c"


async def test_invalid_utf8_is_replaced_and_control_codes_pass(tmp_path: Path):
    async with session(tmp_path) as s:
        assert await s.text(r"printf 'a\xffb\x1b[1m\rc\0d'") == "a\ufffdb\x1b[1m\rc\0d"


async def test_an_empty_command_is_allowed(tmp_path: Path):
    async with session(tmp_path) as s:
        assert await s.text("") == ""
        assert await s.text("  # nothing") == ""


@pytest.mark.parametrize("command", ["echo a\0b", "echo a\rrm -rf x", "echo \x1b[2K"])
async def test_control_characters_are_refused(tmp_path: Path, command: str):
    async with session(tmp_path) as s:
        with pytest.raises(ToolError, match="control character") as refused:
            await s.bash(command)
        assert refused.value.invalid


async def test_a_failure_tells_code_and_output(tmp_path: Path):
    async with session(tmp_path) as s:
        with pytest.raises(ToolError) as failed:
            await s.bash("echo before; exit 3")
        assert str(failed.value) == "Exit code 3\nbefore"
        assert not failed.value.invalid


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("kill -TERM $$", 143),
        ("kill -KILL $$", 137),
        ("sh -c 'kill -SEGV $$'", 139),
        ("nosuch", 127),
    ],
)
async def test_signals_are_told_as_shells_do(tmp_path: Path, command: str, code: int):
    """Our choice: the reference reports 144 and 1 for a shell that was killed."""
    async with session(tmp_path) as s:
        with pytest.raises(ToolError, match=f"^Exit code {code}\n?"):
            await s.bash(command)


async def test_a_syntax_error_is_told_with_its_line(tmp_path: Path):
    async with session(tmp_path) as s:
        with pytest.raises(ToolError, match=r"^Exit code \d+\na\n.* line 2: syntax error"):
            await s.bash("echo a\n)")


@pytest.mark.parametrize(
    ("command", "meaning"),
    [
        ("grep x /dev/null", "no line matches"),
        ("cd / && grep x /dev/null", "no line matches"),
        ("echo a | grep b", "no line matches"),
        ("echo a > a; echo b > b; diff -q a b", "the files differ"),
        ("[ -f none ]", "the condition is false"),
    ],
)
async def test_code_1_can_be_an_answer(tmp_path: Path, command: str, meaning: str):
    async with session(tmp_path) as s:
        result = await s.bash(command)
        assert result.is_error is False
        assert result.data["returnCodeInterpretation"] == meaning
        assert f"[Exit code 1: {meaning}.]" in result.content


@pytest.mark.parametrize(
    "command",
    [
        "false && grep x /dev/null",
        "cd /none && grep x /dev/null",
        "set -e; false; grep x /dev/null",
        "false || grep x /dev/null",
        "true && false | cat; exit 1; grep x /dev/null",
        "grep x /none/file; exit 1",
    ],
)
async def test_code_1_of_something_else_is_a_failure(tmp_path: Path, command: str):
    async with session(tmp_path) as s:
        with pytest.raises(ToolError, match=r"^Exit code 1"):
            await s.bash(command)


async def test_silent_commands_are_known(tmp_path: Path):
    async with session(tmp_path) as s:
        result = await s.bash("mkdir x && touch x/y")
        assert result.data["noOutputExpected"] is True


@pytest.mark.parametrize(
    "text", [r"a\n'b' \ $x `y`", "it's\n\\'\\n\\\n$'x'", "\t'\n\n\\"], ids=["one", "quotes", "tab"]
)
async def test_text_of_many_lines_reaches_the_shell_unchanged(tmp_path: Path, text: str):
    async with session(tmp_path) as s:
        assert await s.text(f"cat <<'END'\n|{text}|\nEND\necho done") == f"|{text}|\ndone"


# The shell


async def test_each_command_has_a_fresh_shell_without_input(tmp_path: Path):
    async with session(tmp_path) as s:
        await s.bash("export A=1; B=2; f() { :; }; alias g=ls; set -u; umask 077")
        assert await s.text("echo [$A$B$(type -t f g)]; read x || echo empty; tty || true") == (
            "[]\nempty\nnot a tty"
        )


async def test_the_environment_of_a_command(tmp_path: Path):
    async with session(tmp_path, ANTHROPIC_API_KEY="secret", BASH_ENV="/none", MINE="m") as s:
        env = dict(line.split("=", 1) for line in (await s.text("env")).splitlines())
        assert env.pop("HAMES_OWNER")
        env.pop("_"), env.pop("SHLVL"), env.pop("OLDPWD", None)
        assert env == {
            "PATH": os.environ["PATH"],
            "HOME": str(s.root.parent),
            "MINE": "m",
            "CLAUDECODE": "1",
            "TERM": "dumb",
            "GIT_EDITOR": "true",
            "SHELL": "/bin/bash",
            "PWD": str(s.root),
        }


async def test_start_files_of_the_user_are_not_read(tmp_path: Path):
    rc = tmp_path / "rc"
    rc.write_text("echo unwanted\n", encoding="utf-8")
    for name in (".bashrc", ".profile", ".bash_profile"):
        (tmp_path / name).write_text("echo unwanted\n", encoding="utf-8")
    async with session(tmp_path, BASH_ENV=str(rc), ENV=str(rc)) as s:
        assert await s.text("echo ok") == "ok"


async def test_exported_functions_do_not_replace_programs(tmp_path: Path):
    async with session(tmp_path, **{"BASH_FUNC_ls%%": "() { echo unwanted; }"}) as s:
        assert await s.text("ls -d .") == "."


async def test_variables_of_hooks_reach_commands(tmp_path: Path):
    """Documented: hooks append exports to the file `CLAUDE_ENV_FILE` names."""
    file = tmp_path / "env file"
    async with session(tmp_path, CLAUDE_ENV_FILE=str(file)) as s:
        assert await s.text("echo [$FROM_HOOK]") == "[]"
        file.write_text("export FROM_HOOK='a b'\n", encoding="utf-8")
        assert await s.text("echo [$FROM_HOOK]") == "[a b]"


async def test_a_shell_prefix_is_given_the_whole_call(tmp_path: Path):
    """Documented: `CLAUDE_CODE_SHELL_PREFIX` wraps every command."""
    wrapper = tmp_path / "wrap"
    wrapper.write_text('#!/bin/sh\necho "wrapped $#"\nexec sh -c "$1"\n', encoding="utf-8")
    wrapper.chmod(0o755)
    async with session(tmp_path, CLAUDE_CODE_SHELL_PREFIX=str(wrapper)) as s:
        assert (await s.text("echo 'a  b'")).splitlines() == ["wrapped 1", "a  b"]


async def test_another_shell_than_bash_is_not_used(tmp_path: Path):
    """Our choice: permission rules judge commands by the grammar of bash."""
    async with session(tmp_path, CLAUDE_CODE_SHELL="/bin/dash") as s:
        assert await s.text("echo $0 ${BASH_VERSION:+bash}") == "/bin/bash bash"


async def test_a_very_long_command_runs(tmp_path: Path):
    async with session(tmp_path) as s:
        before = os.listdir(await s.machine.scratch())
        word = "é" * 100_000
        assert await s.text(f"x='{word}'; printf '%s' \"$x\" | wc -c") == "200000"
        assert os.listdir(await s.machine.scratch()) == before


# The working directory


async def test_the_directory_persists_inside_the_project(tmp_path: Path):
    async with session(tmp_path) as s:
        before = os.listdir(await s.machine.scratch())
        await s.bash("mkdir -p 'a b/c'; ln -s 'a b' l")
        for command in (
            "cd 'a b/c'",
            "cd ../..; cd l/c; exit 0",
            "cd /; cd - && trap 'echo x' EXIT",
        ):
            await s.bash(command)
            assert s.workspace.cwd == str(s.root / "a b/c")
            assert await s.text("pwd") == str(s.root / "a b/c")
        assert os.listdir(await s.machine.scratch()) == before


@pytest.mark.parametrize(
    "command",
    [
        "cd sub; false",
        "cd sub; exit 4",
        "set -e; cd sub; false",
        "cd sub; kill -TERM $$",
        "cd sub; set -u; $none",
    ],
)
async def test_the_directory_is_told_by_failures_too(tmp_path: Path, command: str):
    async with session(tmp_path) as s:
        (s.root / "sub").mkdir()
        with pytest.raises(ToolError):
            await s.bash(command)
        assert s.workspace.cwd == str(s.root / "sub")


@pytest.mark.parametrize(
    "command",
    ["(cd sub)", "cd sub; cd ..", "cd sub | cat", "cd sub; exec true", "x=$(cd sub; pwd)"],
)
async def test_the_directory_stays_where_the_shell_stays(tmp_path: Path, command: str):
    async with session(tmp_path) as s:
        (s.root / "sub").mkdir()
        await s.bash(command)
        assert s.workspace.cwd == str(s.root)


async def test_leaving_the_project_is_undone_and_told(tmp_path: Path):
    """Observed (2.1.330): the note is in the content and in `stderr` of the structured result."""
    async with session(tmp_path) as s:
        sibling = s.root.parent / "project2"
        sibling.mkdir()
        result = await s.bash(f"cd {sibling}; echo x")
        note = f"[The working directory stays `{s.root}`: `{sibling}` is outside the folders of this session.]"
        assert result.content == f"x\n{note}"
        assert (result.data["stdout"], result.data["stderr"]) == ("x", note)
        assert s.workspace.cwd == str(s.root)


async def test_an_additional_folder_may_be_entered_but_not_by_a_link_out(tmp_path: Path):
    async with session(tmp_path) as s:
        extra = s.root.parent / "extra"
        extra.mkdir()
        s.workspace.folders = (str(extra),)
        await s.bash(f"cd {extra}")
        assert s.workspace.cwd == str(extra)
        await s.bash("ln -s / out; cd out/usr")
        assert s.workspace.cwd == str(extra)


async def test_the_directory_can_be_kept(tmp_path: Path):
    async with session(tmp_path, CLAUDE_BASH_MAINTAIN_PROJECT_WORKING_DIR="1") as s:
        await s.bash("mkdir sub; cd sub")
        assert s.workspace.cwd == str(s.root)


async def test_a_removed_directory_stops_the_command_and_is_told(tmp_path: Path):
    async with session(tmp_path) as s:
        await s.bash("mkdir sub; cd sub")
        await s.bash("rmdir ../sub")
        with pytest.raises(ToolError, match="no longer exists"):
            await s.bash("touch here")
        assert await s.text("pwd") == str(s.root)


async def test_tracing_shows_nothing_of_ours(tmp_path: Path):
    async with session(tmp_path) as s:
        assert await s.text("set -x; echo a") == "++ echo a\na"


# Long output


async def test_long_output_is_saved_and_shown_at_both_ends(tmp_path: Path):
    async with session(tmp_path) as s:
        result = await s.bash("seq 1 20000")
        path = Path(result.data["persistedOutputPath"])
        whole = path.read_text(encoding="utf-8")
        assert whole.splitlines() == [str(n) for n in range(1, 20001)]
        assert path.parent == s.results
        assert result.content.startswith("<persisted-output>\n")
        assert result.content.endswith("\n19999\n20000\n</persisted-output>")
        assert str(path) in result.content
        assert "\n1\n2\n3\n" in result.content
        assert len(result.content) < 4_000
        assert result.keep_whole
        assert result.data["stdout"] == whole[:30_000]
        assert result.data["persistedOutputSize"] == len(whole)


async def test_the_bound_of_output_can_be_lowered(tmp_path: Path):
    async with session(tmp_path, BASH_MAX_OUTPUT_LENGTH="100") as s:
        result = await s.bash("seq 1 100")
        assert "persistedOutputPath" in result.data
        assert result.content.count("\n") < 60
        assert len(result.data["stdout"]) == 100


async def test_output_at_the_bound_is_whole(tmp_path: Path):
    async with session(tmp_path) as s:
        assert await s.text("head -c 30000 /dev/zero | tr '\\0' x") == "x" * 30_000


async def test_long_output_of_a_failure_is_saved_as_well(tmp_path: Path):
    async with session(tmp_path) as s:
        with pytest.raises(ToolError) as failed:
            await s.bash("seq 1 20000; exit 2")
        text = str(failed.value)
        assert text.startswith("Exit code 2\n<persisted-output>")
        assert "19999\n20000\n" in text
        assert len(text) < 11_000
        (saved,) = s.results.iterdir()
        assert saved.read_text(encoding="utf-8").endswith("\n20000\n")


async def test_a_hundred_megabytes_are_bounded_in_memory_and_on_disk(tmp_path: Path):
    async with session(tmp_path) as s:
        result = await s.bash(
            "echo first; head -c 100000000 /dev/zero | tr '\\0' x; echo; echo last"
        )
        size = Path(result.data["persistedOutputPath"]).stat().st_size
        assert size == result.data["persistedOutputSize"] == 64 * 1024 * 1024
        assert "Only the first 64.0 MB were saved." in result.content
        assert "\nfirst\nxxx" in result.content
        assert result.content.endswith("xxx\nlast\n</persisted-output>")


async def test_characters_at_a_cut_stay_whole(tmp_path: Path):
    async with session(tmp_path) as s:
        await s.bash("true")
        result = await s.bash("yes 'aé€😀' | tr -d '\\n' | head -c 1000001")
        assert "\ufffd" not in result.content
        assert "\ufffd" not in result.data["stdout"]


# Files the model has seen


@pytest.mark.parametrize("command", ["cat f", "cat g f", "cat ./f", "head -1 f", "head -n 1 f"])
async def test_a_printed_file_counts_as_read(tmp_path: Path, command: str):
    """Observed (2.1.330): edits are allowed after `cat FILE` and `head -5 FILE`."""
    async with session(tmp_path) as s:
        (s.root / "f").write_bytes(b"one\ntwo\n")
        (s.root / "g").write_bytes(b"x")
        await s.bash(command)
        seen = s.last.state(SeenFiles)
        path = str(s.root / "f")
        assert seen.state(path, digest_of(b"one\ntwo\n")) == "current"
        assert seen.is_whole(path) == command.startswith("cat")


@pytest.mark.parametrize(
    "command", ["cat f | head", "cat *", "wc f", "cat f; echo x > f", "cat -A f"]
)
async def test_other_commands_do_not_count_as_reading(tmp_path: Path, command: str):
    async with session(tmp_path) as s:
        (s.root / "f").write_bytes(b"one\ntwo\n")
        await s.bash(command)
        assert s.last.state(SeenFiles).files == {}


async def test_changes_of_files_that_were_read_are_told_once(tmp_path: Path):
    async with session(tmp_path) as s:
        for name in "fg":
            (s.root / name).write_bytes(b"one")
        await s.bash("cat f g")
        result = await s.bash("python3 -c \"open('f', 'a').write('x')\"; touch g")
        note = f"[Changed since you saw them; read them again before you edit them: {s.root}/f.]"
        assert result.content == note
        assert result.data["staleReadFileStateHint"] == note
        assert await s.text("true") == ""


# Pictures


async def test_a_data_uri_of_a_picture_is_shown_as_one(tmp_path: Path):
    async with session(tmp_path) as s:
        (s.root / "p.png").write_bytes(PNG)
        result = await s.bash("printf 'data:image/png;base64,'; base64 -w0 p.png; echo")
        (block,) = result.content
        assert block["type"] == "image"
        assert block["source"]["media_type"] == "image/png"
        assert base64.b64decode(block["source"]["data"]) == PNG
        assert result.data["isImage"] is True


async def test_a_large_picture_is_shown_although_its_text_is_long(tmp_path: Path):
    from PIL import Image

    file = BytesIO()
    Image.frombytes("RGB", (400, 400), os.urandom(480_000)).save(file, "PNG")
    async with session(tmp_path) as s:
        (s.root / "p.png").write_bytes(file.getvalue())
        result = await s.bash("echo data:image/png\\;base64,$(base64 -w0 p.png)")
        assert result.data["isImage"] is True


@pytest.mark.parametrize(
    "text", ["data:image/png;base64,AAAA", "data:image/png;base64,", "data:image/x"]
)
async def test_what_is_no_picture_stays_text(tmp_path: Path, text: str):
    async with session(tmp_path) as s:
        assert await s.text(f"echo '{text}'") == text


# Side by side


async def test_fourteen_commands_run_at_the_same_time(tmp_path: Path):
    async with session(tmp_path) as s:
        barrier = "touch {n}; until [ $(ls | wc -l) = 14 ]; do sleep 0.01; done; echo {n}"
        results = await asyncio.gather(*(s.text(barrier.format(n=n)) for n in range(14)))
        assert results == [str(n) for n in range(14)]


async def test_the_event_loop_is_not_held_up_by_much_output(tmp_path: Path):
    async with session(tmp_path) as s:
        turns = 0

        async def count() -> None:
            nonlocal turns
            while True:
                await asyncio.sleep(0)
                turns += 1

        counting = asyncio.create_task(count())
        await s.bash("yes | head -c 10000000")
        counting.cancel()
        await asyncio.wait([counting])
        assert turns > 10_000_000 / 65536


async def test_what_a_command_prints_while_it_is_stopped_is_bounded(tmp_path: Path):
    """It does not end at TERM but begins to print, when nobody saves its output any more."""
    async with session(tmp_path, CLAUDE_CODE_DISABLE_BACKGROUND_TASKS="1") as s:
        tracemalloc.start()
        try:
            with pytest.raises(ToolError, match="stopped by its timeout") as error:
                await s.bash("echo begun; trap 'exec yes' TERM; sleep 300 & wait", timeout=100)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert "begun" in str(error.value)
    assert "the command was being stopped" in str(error.value)
    assert peak < 8_000_000
