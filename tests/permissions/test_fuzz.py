"""Random programs and spellings: what is allowed is really run, and must not reach what is not allowed.

The number of a test is its seed; a failure prints the programs, shortest first.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from programs import Generator, make_scratch, that_printed, that_ran_the_canary

from hames.access import Runs
from hames.permissions.cases import usual_accesses
from hames.permissions.decide import decide
from hames.permissions.types import Policy, Question, Rules, SourcedRule

HARMLESS = (
    *(
        "Bash(echo:*)",
        "Bash(printf:*)",
        "Bash(ls:*)",
        "Bash(cat:*)",
        "Bash(grep:*)",
        "Bash(test:*)",
    ),
    *("Bash(git log:*)", "Bash(head:*)", "Bash(true:*)", "Bash(unset:*)", "Bash(export:*)"),
    *("Bash(find:*)", "Bash(read:*)"),
)


def sourced(*texts: str) -> tuple[SourcedRule, ...]:
    return tuple(SourcedRule(text) for text in texts)


def is_allowed(policy: Policy, command: str) -> bool:
    question = Question("Bash", {"command": command}, (Runs(command),), policy.root)
    return decide(policy, question).behavior == "allow"


def allowed_programs_that_ran_the_canary(
    rules: Rules, tmp_path: Path, seed: int, number: int
) -> list[str]:
    scratch = make_scratch(tmp_path / "scratch")
    policy = Policy(root=str(scratch), home=str(scratch / "src"), rules=rules)
    generator = Generator(seed)
    programs = [generator.program() for _ in range(number)]
    allowed = [text for text in dict.fromkeys(programs) if is_allowed(policy, text)]
    assert len(allowed) > number // 50, "the fuzzer has become too wild to test anything"
    return sorted(that_ran_the_canary(allowed, scratch), key=len)


def test_no_program_of_harmless_rules_runs_the_canary(tmp_path: Path) -> None:
    rules = Rules(allow=sourced(*HARMLESS))
    assert allowed_programs_that_ran_the_canary(rules, tmp_path, 1, 2500) == []


def test_no_program_evades_a_deny_rule(tmp_path: Path) -> None:
    rules = Rules(allow=sourced("Bash"), deny=sourced("Bash(canary:*)"))
    assert allowed_programs_that_ran_the_canary(rules, tmp_path, 2, 2500) == []


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("seed", range(10, 20))
def test_many_programs_do_not_run_the_canary(tmp_path: Path, seed: int) -> None:
    harmless = Rules(allow=sourced(*HARMLESS))
    denied = Rules(allow=sourced("Bash"), deny=sourced("Bash(canary:*)"))
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    assert allowed_programs_that_ran_the_canary(harmless, tmp_path / "a", seed, 5000) == []
    assert allowed_programs_that_ran_the_canary(denied, tmp_path / "b", seed, 5000) == []


def spellings(seed: int, number: int) -> Iterator[str]:
    """Commands that read or write `secret/key` or `.env`, spelled in many ways."""
    choose = random.Random(seed).choice
    for _ in range(number):
        folder = choose(
            (
                "",
                "./",
                "src/../",
                "$PWD/",
                '"$PWD"/',
                "~/../",
                "/proc/self/cwd/",
                "link/",
                ".//",
                "*/../",
            )
        )
        name = choose(
            (
                *(
                    ".env",
                    "'.env'",
                    ".e''nv",
                    ".en?",
                    ".e*",
                    ".en[v]",
                    "{.env,x}",
                    ".e\\nv",
                    ".[e]nv",
                    "$'.env'",
                ),
                *(
                    "secret/key",
                    "secret//key",
                    "secret/*",
                    "s*/k*",
                    "secret/./key",
                    "{secret,x}/key",
                    "to-key",
                    "to-*",
                ),
                *(
                    "$(echo .env)",
                    "${x:-.env}",
                    "`echo .env`",
                    "secret/../.env",
                    '".env"',
                    "s?cret/key",
                    "src/../.env",
                ),
            )
        )
        path = folder + name
        yield choose(
            (
                *(
                    f"cat {path}",
                    f"head -n1 {path}",
                    f"cat < {path}",
                    f"cat<{path}",
                    f"grep . {path}",
                    f"sed -n p {path}",
                ),
                *(
                    f"tail -- {path}",
                    f"cp {path} copy; cat copy",
                    f"base64 {path}",
                    f"timeout 2 cat {path}",
                    f"x={path}; cat $x",
                ),
                *(
                    f"cd src; cat ../{path}",
                    f"cd src && cat ../{name}",
                    f"echo $(<{path})",
                    f"while read l; do echo $l; done < {path}",
                ),
                *(
                    f"bash -c 'cat {name}'",
                    f"echo {path} | xargs cat",
                    "find . -name 'key' -exec cat {} ';'",
                    f"cat {path} | wc -c",
                ),
                *(
                    f"env cat {path}",
                    f"diff {path} README.md",
                    f"awk '{{print}}' {path}",
                    f"ln {path} hard; cat hard",
                    f"dd if={path}",
                ),
                *(
                    "grep -r . .",
                    "cat -- */key",
                    "cat $(ls -A)",
                    "cp -r . /tmp/none; cat src/*",
                    f"sort {path}",
                    f"cat {path}*",
                ),
                *(
                    f"for f in {path}; do cat $f; done",
                    f"exec 3<{path}; cat <&3",
                    f"mapfile a < {path}; echo $a",
                    f". {path}",
                ),
                *(
                    f"tar cf - {path}",
                    "tar cf - .",
                    "tar cf - secret",
                    f"ls {path} | xargs cat",
                    f"cat README.md {path}",
                    f"od -c {path}",
                ),
            )
        )


def test_no_spelling_of_a_denied_file_is_allowed(tmp_path: Path) -> None:
    scratch = make_scratch(tmp_path / "scratch")
    (scratch / ".env").write_text("SECRET\n", encoding="utf-8")
    (scratch / "secret").mkdir()
    (scratch / "secret" / "key").write_text("SECRET\n", encoding="utf-8")
    (scratch / "to-key").symlink_to("secret/key")
    (scratch / "link").symlink_to(".")
    rules = Rules(allow=sourced("Bash"), deny=sourced("Read(.env)", "Read(secret/**)"))
    policy = Policy(root=str(scratch), home=str(scratch / "src"), rules=rules)
    commands = list(dict.fromkeys(spellings(3, 4000)))
    allowed = [command for command in commands if is_allowed(policy, command)]
    assert that_printed(b"SECRET", allowed, scratch) == []
    assert len(allowed) < len(commands) // 5, "globs that match nothing may be allowed, others not"
    assert is_allowed(policy, "cat README.md; wc -l src/../file1; python3 x.py --out=build/y")


def path_spellings(folder: Path, seed: int, number: int) -> Iterator[str]:
    """Paths of `.env` and `secret/key` as arguments of file tools, walked to in many ways."""
    chosen = random.Random(seed)
    steps = [".", "src/..", "link", "secret/..", "link/.", "around", "", "src/../link", "in/.."]
    starts = ["", "./", f"{folder}/", f"/{folder}/", "~/../", f"/proc/self/root{folder}/"]
    starts += [f"{folder}/../{folder.name}/", "../" * 12 + f"{folder}/"[1:]]
    ends = [".env", "secret/key", "to-key", "in/key", "to-env", "secret//key", "secret/../.env"]
    for _ in range(number):
        walked = [chosen.choice(steps) for _ in range(chosen.randrange(5))]
        name = "".join(
            char.upper() if chosen.random() < 0.02 else char for char in chosen.choice(ends)
        )
        yield chosen.choice(starts) + "/".join([*walked, name]) + chosen.choice(["", "", "/", "/."])


def paths_that_reach_the_secret(folder: Path, seed: int, number: int) -> list[tuple[str, str]]:
    """Tools and paths that are allowed although the file that is opened is denied."""
    for name in (".env", "secret/key"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("SECRET\n", encoding="utf-8")
    (folder / "src").mkdir()
    for name, target in {
        "link": ".",
        "around": "src/..",
        "to-key": "secret/key",
        "in": "secret",
        "to-env": "link/.env",
    }.items():
        (folder / name).symlink_to(target)
    deny = sourced("Read(.env)", "Read(secret/**)")
    allow = sourced("Read", "Edit", "Write", "Grep", "Glob", "LS", "NotebookEdit")
    policy = Policy(root=str(folder), home=str(folder / "src"), rules=Rules(allow=allow, deny=deny))
    found = []
    reached = 0
    for path in path_spellings(folder, seed, number):
        expanded = str(folder / "src") + path[1:] if path.startswith("~/") else path
        try:
            opened = (folder / expanded).read_text(encoding="utf-8")
        except OSError:
            opened = ""
        reached += "SECRET" in opened
        for tool in ("Read", "Edit", "Write", "Grep", "Glob", "NotebookEdit"):
            key = {"Grep": "path", "Glob": "path", "NotebookEdit": "notebook_path"}.get(
                tool, "file_path"
            )
            input = {key: path}
            question = Question(tool, input, usual_accesses(tool, input), policy.root)
            if "SECRET" in opened and decide(policy, question).behavior != "deny":
                found.append((tool, path))
    assert reached > number // 4, "too few of the paths lead to the secret to test anything"
    return sorted(found, key=str)


def test_no_path_to_a_denied_file_is_anything_but_denied(tmp_path: Path) -> None:
    assert paths_that_reach_the_secret(tmp_path / "w", 4, 1500) == []


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("seed", range(40, 44))
def test_many_paths_to_a_denied_file_are_denied(tmp_path: Path, seed: int) -> None:
    assert paths_that_reach_the_secret(tmp_path / "w", seed, 10_000) == []
