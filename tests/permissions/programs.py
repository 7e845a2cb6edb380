"""Random shell programs that may run a canary, and a way to find out whether they do.

The canary is a program that leaves a file. A generated program has it in all kinds of positions: as a
command, as text, inside substitutions, here-documents, tests, wrappers and scripts, then damaged by a
few stray letters, so that grammar and bash may come to read it differently.
"""

from __future__ import annotations

import random
import subprocess
from collections.abc import Sequence
from pathlib import Path

WORDS = [
    "a",
    "b c",
    "file1",
    "-n",
    "x=1",
    "README.md",
    "src",
    "1",
    "$x",
    '"$y"',
    "*.md",
    "{a,b}",
    "~",
    "a\\ b",
]
SPELLINGS = [
    "canary",
    "canary",
    "canary",
    "canary x",
    "'canary'",
    '"canary"',
    "can''ary",
    "\\canary",
    "c\\anary",
    "$'canary'",
    "$'\\x63anary'",
    "$(echo canary)",
    "{canary,x}",
    "bin/canary",
    "./bin/canary",
    "bin/can*",
    "bin/c?nary",
    "X=1 canary",
    "PATH=$PATH canary",
    "${z:-canary}",
    "`echo canary`",
    '$"canary"',
    "can\\\nary",
]
STRAY = [
    *"'\"\\`$(){}[];&|<>#\n\t !~*?=:-",
    *("$(", "${", "<<", "<(", "((", "\\\n", "&&", "||", ";;", "EOF", "#\n", "\\ "),
]


class Generator:
    """Programs from a seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def program(self) -> str:
        text = self.statements(3)
        for _ in range(self.random.choice((0, 0, 0, 1, 1, 2, 3))):
            at = self.random.randrange(len(text) + 1)
            text = text[:at] + self.random.choice(STRAY) + text[at:]
        return text

    def statements(self, depth: int) -> str:
        joints = ["; ", " && ", " || ", "\n", " | ", " & ", " |& ", " && \\\n  ", "\n\n"]
        text = self.statement(depth)
        for _ in range(self.random.choice((0, 0, 1, 2))):
            text += self.random.choice(joints) + self.statement(depth)
        return text

    def statement(self, depth: int) -> str:
        choose = self.random.choice
        if depth <= 0 or self.random.random() < 0.45:
            return self.command(depth)
        inner = self.statements(depth - 1)
        one = self.command(depth - 1)
        return choose(
            (
                f"( {inner} )",
                f"({inner})",
                f"{{ {inner}; }}",
                f"! {one}",
                f"time {one}",
                f"if {one}; then {inner}; fi",
                f"if {one}\nthen {inner}\nelse {one}\nfi",
                f"for f in 1 2; do {inner}; done",
                f"while false; do {inner}; done",
                f"until {one}; do break; done",
                f"case x in x) {inner};; esac",
                f"case {self.word(1)} in *) {one} ;; esac",
                f"f() {{ {inner}; }}; f",
                f"coproc {one}",
                f"{{ {inner}; }} 2>&1",
                f"(( 1 )) && {one}",
                f"[[ -n x ]] && {one}",
                f"[ x = {self.word(1)} ] || {one}",
                f"[[ {self.word(1)} == a ]]",
                f"select i in a; do {one}; done <<< 1",
                f"{one} <<EOF\n{inner}\nEOF",
                f"{one} <<'EOF'\n{inner}\nEOF",
                f"{one} <<-EOF\n\t{inner}\n\tEOF",
                f'{one} <<"EOF" && {one}\n{inner}\nEOF\n{one}',
                f"{one} <<EOF | cat\n$({one})\nEOF",
                f"{one} <<< {self.word(1)}",
                f"{one} # {one}",
                f"{one} #\n{one}",
                f"trap '{self.bare()}' EXIT",
                f"x=$({one})",
                f"x={self.word(1)} {one}",
                f"function g {{ {one}; }}; g",
                f"alias e='{self.bare()}'; e",
                "let 'x=1'",
                f"(({one}))",
                f"$(( 1 + $({one}) ))",
            )
        )

    def command(self, depth: int) -> str:
        choose = self.random.choice
        roll = self.random.random()
        if roll < 0.18:
            return choose(SPELLINGS)
        if roll < 0.36:
            return self.wrapped(depth)
        name = choose(
            (
                "echo",
                "echo",
                "echo",
                "printf",
                "ls",
                "cat",
                "true",
                "grep -c x",
                "test",
                "git log",
                "head -1",
                ":",
            )
        )
        words = [self.word(depth) for _ in range(self.random.randrange(4))]
        text = " ".join([name, *words])
        if self.random.random() < 0.15:
            text += choose(
                (
                    " 2>&1",
                    " 2>/dev/null",
                    " > /dev/null",
                    " < README.md",
                    " >&2",
                    " > /dev/null a",
                    " 2>&1 canary",
                )
            )
        if self.random.random() < 0.06:
            text = choose(("2>&1 ", ">/dev/null ", "LANG=C ", "x=1 ")) + text
        return text

    def wrapped(self, depth: int) -> str:
        inner = self.command(depth - 1) if depth > 0 else self.bare()
        quoted = inner.replace("'", "'\\''")
        return self.random.choice(
            (
                f"timeout 5 {inner}",
                f"nice {inner}",
                f"nice -n 1 {inner}",
                f"nohup {inner}",
                f"command {inner}",
                f"builtin {inner}",
                f"time {inner}",
                f"time -p {inner}",
                f"env {inner}",
                f"env X=1 {inner}",
                f"exec {inner}",
                f"stdbuf -oL {inner}",
                f"echo a | xargs {inner}",
                "echo canary | xargs",
                f"echo a | xargs -n1 {inner}",
                f"find . -maxdepth 0 -exec {inner} ';'",
                f"find . -maxdepth 0 -exec {inner} \\;",
                f"bash -c '{quoted}'",
                f'sh -c "{self.bare()}"',
                f"eval '{quoted}'",
                f"eval {inner}",
                f"echo {self.bare()} | bash",
                f"bash <<< '{quoted}'",
                f"setsid {inner}",
                f"timeout -k 1 5 {inner}",
                f"command -v {inner}",
                f"env -S '{quoted}'",
                f"echo {inner}",
                f"printf %s {inner}",
                f"printf -v x {inner}",
                f"bash -c 'eval \"$1\"' x '{quoted}'",
                f"find . -name '{quoted}'",
                f"sed -n '{quoted}' README.md",
                f"sed '1e {self.bare()}' README.md",
                f"git -c alias.q='!{self.bare()}' q",
                f"awk 'BEGIN{{system(\"{self.bare()}\")}}'",
                f"test -v 'a[$({self.bare()})]'",
                f"printf -v 'a[$({self.bare()})]' x",
                f"[[ 'a[$({self.bare()})]' -eq 0 ]]",
                f"unset 'a[$({self.bare()})]'",
                f"export 'a[$({self.bare()})]=1'",
                f"read 'a[$({self.bare()})]' <<< 1",
                f"time -- {inner}",
                f"time ! {inner}",
                f"x='a[$({self.bare()})]'; echo $((x))",
                f"x='$({self.bare()})'; echo ${{x@P}}",
                f"declare -i x='a[$({self.bare()})]'",
                f"head -1 README.md {inner}",
                f"ls -- {inner}",
                f"exec -a x {inner}",
                f"! {inner}",
                f"busybox {inner}",
                f"trap -- {inner} EXIT",
                "hash -p bin/canary ls; ls",
                "enable -n echo; echo",
                f"shopt -s expand_aliases\nalias echo={self.bare()}\necho",
                f"compgen -W '$({self.bare()})'",
                f"mapfile -C {self.bare()} -c 1 <<< x",
                f"PROMPT_COMMAND={self.bare()} {inner}",
                "BASH_ENV=bin/canary bash -c :",
                f"PS4='$({self.bare()})' bash -xc :",
                "source bin/canary",
                ". bin/canary",
            )
        )

    def bare(self) -> str:
        return self.random.choice(("canary", "canary", "canary x", "echo canary", "true; canary"))

    def word(self, depth: int) -> str:
        choose = self.random.choice
        if depth <= 0 or self.random.random() < 0.4:
            return choose(
                [
                    *WORDS,
                    "canary",
                    "'; canary'",
                    '"canary"',
                    "';canary;'",
                    "\\;",
                    "a#b",
                    "--",
                    "a;b"[:1],
                ]
            )
        inner = self.command(depth - 1)
        quoted = inner.replace("'", "")
        return choose(
            (
                f"$({inner})",
                f"`{quoted}`",
                f'"$({inner})"',
                f'"`{quoted}`"',
                f"'{quoted}'",
                f"'$({quoted})'",
                f'"{quoted}"'.replace("`", ""),
                f"<({inner})",
                f"${{x:-$({inner})}}",
                f"${{x:-`{quoted}`}}",
                f'"${{x:-$({inner})}}"',
                f"${{x/$({inner})/b}}",
                f"${{x%%$({inner})}}",
                f"$((1+$({inner})))",
                f"$((a[$({inner})]))",
                f"$[1+$({inner})]",
                f"${{a[$({inner})]}}",
                f"${{x:$({inner})}}",
                f"\\$({quoted}\\)",
                f'"\\$({quoted})"',
                f'"\\`{quoted}\\`"',
                f"$'{quoted}'",
                f'$"$({inner})"',
                f"a$({inner})b",
                f'"a "$({inner})" b"',
                f"$({inner} # )\n)",
                f"`{quoted} # `",
                f"${{x:=$({inner})}}",
                "${!x}",
                "$(< README.md)",
                f"$({inner}; {inner})",
                f"x=$({inner})",
                f"$(cat <<EOF\n{inner}\nEOF\n)",
                f"{{a,$({inner})}}",
                f"@($({inner}))",
                f'"${{x#"$({inner})"}}"',
                f"'a'$({inner})'b'",
                f"${{x,,}}$({inner})",
            )
        )


def make_scratch(folder: Path) -> Path:
    """A folder to run programs in, with the canary as `bin/canary`."""
    (folder / "bin").mkdir(parents=True)
    (folder / "src").mkdir()
    (folder / "README.md").write_text("x\nhello\n", encoding="utf-8")
    (folder / "file1").write_text("b\na\n", encoding="utf-8")
    canary = folder / "bin" / "canary"
    canary.write_text('#!/bin/sh\n: > "$CANARY_MARK"\n', encoding="utf-8")
    canary.chmod(0o755)
    return folder


def that_ran_the_canary(programs: Sequence[str], scratch: Path) -> list[str]:
    """Run programs in bash, one process for all; those after which the canary had run."""
    runs = _run_all(programs, scratch)
    return [text for number, text in enumerate(programs) if (runs / f"{number}.ran").exists()]


def that_printed(word: bytes, programs: Sequence[str], scratch: Path) -> list[str]:
    """Run programs in bash; those that printed the word."""
    runs = _run_all(programs, scratch)
    return [
        text
        for number, text in enumerate(programs)
        if word in (runs / f"{number}.out").read_bytes()
    ]


def _run_all(programs: Sequence[str], scratch: Path) -> Path:
    runs = scratch.parent / "runs"
    runs.mkdir(exist_ok=True)
    for number, text in enumerate(programs):
        (runs / str(number)).write_text(text, encoding="utf-8")
    driver = """
        for i in $(seq 0 $(($1 - 1))); do
          IFS= read -r -d '' text < ../runs/$i
          CANARY_MARK=$PWD/../runs/$i.ran timeout -s KILL 5 bash --norc --noprofile -c "$text" \\
            </dev/null >../runs/$i.out 2>&1
        done
    """
    path = f"{scratch}/bin:/usr/local/bin:/usr/bin:/bin"
    subprocess.run(
        ["bash", "--norc", "--noprofile", "-c", driver, "driver", str(len(programs))],
        cwd=scratch,
        env={"PATH": path, "HOME": str(scratch / "src"), "LANG": "C.UTF-8"},
        check=False,
        start_new_session=True,
        stderr=subprocess.DEVNULL,
    )
    return runs
