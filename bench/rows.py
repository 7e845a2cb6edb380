"""What is measured, and how. A row says what it is about, its budgets, and who takes part.

Rows that come from the same runs are measured together. All subjects of a row take turns, so that a
busy moment of the machine does not hit one of them alone.
"""

from __future__ import annotations

import json
import shutil
import sys
import uuid
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

from bench import coding
from bench.apis import Api
from bench.large import make_large_repository
from bench.measure import BenchError, Used, run
from bench.plays import Task, ToolCall
from bench.subjects import PROGRAMS, Subject

MB = 1e6
READ = ToolCall("Read", {"file_path": "notes.txt"})
TRUE = ToolCall("Bash", {"command": "true", "description": "Do nothing"})
SHORT = ToolCall("Read", {"file_path": "short.txt"})
NOTES = "".join(f"Line {number} of a short file.\n" for number in range(20))


class Row(NamedTuple):
    """One line of the table."""

    key: str
    title: str
    unit: str
    first: float | None = None
    """What the first release must not exceed."""
    goal: float | None = None
    digits: int = 2


class Bench(NamedTuple):
    """What a measurement may use."""

    subjects: list[Subject]
    """Hames first."""
    api: Api
    folder: Path
    runs: int

    @property
    def hames(self) -> Subject:
        return self.subjects[0]

    def having(self, *names: str) -> list[Subject]:
        """Those of these subjects that are there."""
        return [subject for subject in self.subjects if subject.name in names]

    def work(self) -> Path:
        """A folder with a short file to work on."""
        folder = self.folder / "work" / uuid.uuid4().hex[:8]
        folder.mkdir(parents=True)
        (folder / "notes.txt").write_text(NOTES, encoding="utf-8")
        (folder / "short.txt").write_text("One line.\n", encoding="utf-8")
        return folder


Measured = dict[str, dict[str, list[float]]]
"""By row and subject the figure of each run."""


class Group(NamedTuple):
    """Rows that are measured together."""

    rows: tuple[Row, ...]
    measure: Callable[[Bench], Measured]


def hello(bench: Bench) -> Measured:
    """From the start of a command to its end, with one short answer between."""
    found: Measured = {"hello": {}, "hello-memory": {}}

    def once(subject: Subject) -> None:
        used = subject.one(bench.api.url, bench.work(), Task(0))
        _add(found, "hello", subject, used.cpu)
        _add(found, "hello-memory", subject, used.peak / MB)

    names = ("hames", "official-cli", "pydantic-ai", "bare")
    _in_turns(bench, bench.having(*names), once, bench.runs * 3)
    return found


def imports(bench: Bench) -> Measured:
    """A process that imports the names a program needs, and ends."""
    found: Measured = {"import": {}}

    def once(subject: Subject) -> None:
        used = subject.sdk("import", bench.api.url, bench.work(), Task(0))
        _add(found, "import", subject, used.cpu)

    _in_turns(bench, [s for s in bench.subjects if s.has_program], once, bench.runs * 3)
    return found


def sdk_hello(bench: Bench) -> Measured:
    """`query()` in a fresh process."""
    found: Measured = {"query": {}}

    def once(subject: Subject) -> None:
        used = subject.sdk("query", bench.api.url, bench.work(), Task(0))
        _add(found, "query", subject, used.cpu)

    _in_turns(bench, [s for s in bench.subjects if s.has_program], once, bench.runs * 3)
    return found


def read_turn(bench: Bench) -> Measured:
    """A call of Read and what comes after it: mean of many turns."""
    return _turns(bench, "read", [READ], turns=200)


def edit_turn(bench: Bench) -> Measured:
    """A call of Edit; the file was read before."""
    there = {"file_path": "notes.txt", "old_string": "Line 7 of", "new_string": "Line seven of"}
    back = {**there, "old_string": "Line seven of", "new_string": "Line 7 of"}
    return _turns(bench, "edit", [ToolCall("Edit", there), ToolCall("Edit", back)], turns=100)


def bash_turn(bench: Bench) -> Measured:
    """A call of Bash that runs `true`."""
    return _turns(bench, "bash", [TRUE], turns=100)


def _turns(bench: Bench, key: str, calls: list[ToolCall], *, turns: int) -> Measured:
    """CPU of a turn: a session with many of them less one with few, by their difference."""
    found: Measured = {key: {}}
    few = 5

    def once(subject: Subject) -> None:
        many = few + (turns if subject.name != "official-cli" else turns // 4)

        def session(count: int) -> float:
            cwd = bench.work()
            task = _absolute(Task(count, calls, [READ]), cwd)
            if subject.has_program:
                return subject.sdk("query", bench.api.url, cwd, task).cpu
            return subject.cli(bench.api.url, cwd, task).cpu

        _add(found, key, subject, (session(many) - session(few)) / (many - few) * 1000)

    names = ("hames", "official-cli", "pydantic-ai", "bare")
    _in_turns(bench, bench.having(*names), once, bench.runs)
    return found


def growth(bench: Bench) -> Measured:
    """What turn 2,000 of a session costs over turn 20; the calls are as short as they can be."""
    found: Measured = {"growth": {}}

    def once(subject: Subject) -> None:
        cwd = bench.work()
        task = _absolute(Task(2010, [SHORT]), cwd)
        told = subject.sdk("growth", bench.api.url, cwd, task, early=25, late=1985, width=20).told()
        _add(found, "growth", subject, told["late"] / told["early"])

    _in_turns(bench, bench.having("hames", "bare"), once, bench.runs)
    return found


def deltas(bench: Bench) -> Measured:
    """A piece of text, from the model's stream to a line of stream-json on standard output."""
    found: Measured = {"delta": {}}
    flags = ("--output-format", "stream-json", "--verbose", "--include-partial-messages")
    few, many = 1_000, 11_000

    def once(subject: Subject) -> None:
        def answer(count: int) -> float:
            task, cwd = Task(0, deltas=count), bench.work()
            if subject.has_command:
                return subject.cli(bench.api.url, cwd, task, *flags).cpu
            return subject.sdk("stream", bench.api.url, cwd, task).cpu

        _add(found, "delta", subject, (answer(many) - answer(few)) / (many - few) * 1e6)

    _in_turns(bench, bench.having("hames", "official-cli", "bare"), once, bench.runs)
    return found


def five_hundred(bench: Bench) -> Measured:
    """500 sessions side by side in one process, ten Read turns each."""
    found: Measured = {"many": {}, "many-memory": {}}

    def once(subject: Subject) -> None:
        told = _many(bench, subject, Task(10, [READ]), sessions=500)
        _add(found, "many", subject, told["cpu"])
        _add(found, "many-memory", subject, told["peak"] / MB)

    _in_turns(bench, bench.having("hames", "pydantic-ai", "bare"), once, bench.runs, peers=1)
    return found


def thousand(bench: Bench) -> Measured:
    """1,000 sessions side by side, four turns each, every second one a command."""
    keys = ("thousand", "thousand-memory", "fairness", "files", "processes")
    found: Measured = {key: {} for key in keys}

    def once(subject: Subject) -> None:
        told = _many(bench, subject, Task(4, [READ, TRUE]), sessions=1000)
        _add(found, "thousand", subject, told["cpu"])
        _add(found, "thousand-memory", subject, told["peak"] / MB)
        _add(found, "fairness", subject, told["slowest"] / told["fastest"])
        _add(found, "files", subject, told["files"])
        _add(found, "processes", subject, told["processes"])

    _in_turns(bench, bench.having("hames", "bare"), once, bench.runs)
    return found


def _many(bench: Bench, subject: Subject, task: Task, *, sessions: int) -> Any:
    cwd = bench.work()
    task = _absolute(task, cwd)
    return subject.sdk("many", bench.api.url, cwd, task, sessions=sessions).told()


def idle(bench: Bench) -> Measured:
    """Memory of one more session that has answered a prompt and waits for the next."""
    found: Measured = {"idle": {}}

    def once(subject: Subject) -> None:
        few, many = (1, 2) if subject.name == "official-sdk" else (50, 200)
        used = subject.sdk("idle", bench.api.url, bench.work(), Task(0), few=few, many=many)
        _add(found, "idle", subject, used.told()["each"] / MB)

    names = ("hames", "official-sdk", "pydantic-ai", "bare")
    _in_turns(bench, bench.having(*names), once, bench.runs)
    return found


def resume(bench: Bench) -> Measured:
    """`-p --resume` of a session of 2,000 messages, from the start to the end of a short answer."""
    found: Measured = {"resume": {}}
    cwd = bench.work()
    task = _absolute(Task(999, [READ]), cwd)
    bench.hames.sdk("query", bench.api.url, cwd, task)
    (transcript,) = (bench.hames.home / "config" / "projects").glob(f"*{cwd.name}/*.jsonl")
    bench.having("bare")[0].sdk("query", bench.api.url, cwd, task)
    log = max(bench.having("bare")[0].home.glob("*.jsonl"), key=lambda path: path.stat().st_mtime)

    def once(subject: Subject) -> None:
        if subject.name == "bare":
            used = subject.sdk("resume", bench.api.url, cwd, Task(0), log=str(log))
        else:
            # The official command line goes on with our transcripts: the format is its own.
            copy = subject.home / "config" / "projects" / transcript.parent.name / transcript.name
            copy.parent.mkdir(parents=True, exist_ok=True)
            original = bench.folder / "transcript.jsonl"
            if not original.exists():
                shutil.copyfile(transcript, original)
            shutil.copyfile(original, copy)
            used = subject.cli(bench.api.url, cwd, Task(0), "--resume", transcript.stem)
        _add(found, "resume", subject, used.cpu)

    _in_turns(bench, bench.having("hames", "official-cli", "bare"), once, bench.runs)
    return found


def tokens(bench: Bench) -> Measured:
    """What the first request says before the conversation, and what forty turns of work cost."""
    found: Measured = {"prompt": {}, "coding": {}}
    for subject in bench.having("hames", "official-cli", "official-sdk", "bare"):
        folder = bench.folder / "work" / f"books-{subject.name}"
        coding.make_repository(folder)
        log = bench.folder / f"requests-{subject.name}.jsonl"
        with Api(account=log) as api:
            subject.one(api.url, folder, coding.task(folder))
        requests = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
        if any(request["failed_calls"] for request in requests):
            raise BenchError(f"Calls of the coding play failed under {subject.title}.")
        largest = max(_before_messages(request) for request in requests)
        _add(found, "prompt", subject, largest / 4)
        _add(found, "coding", subject, sum(map(_weighted, requests)))
    return found


def _before_messages(request: dict[str, Any]) -> int:
    sizes: dict[str, int] = request["bytes"]
    return sizes.get("tools", 0) + sizes.get("system", 0)


def _weighted(request: dict[str, Any]) -> float:
    """Input tokens at their price: reading from the cache a tenth, writing to it a quarter more."""
    return float(request["plain"] + 1.25 * request["written"] + 0.1 * request["read"])


def size(bench: Bench) -> Measured:
    """On disk, with everything that is needed."""
    found: Measured = {"size": {}}
    for subject in bench.subjects:
        if subject.distribution:
            command = [subject.python, str(PROGRAMS / "installed_size.py"), *subject.distribution]
            used = run(command, env=subject.env(bench.api.url), cwd=bench.folder)
            _add(found, "size", subject, used.told()["total"] / MB)
    return found


def decision(bench: Bench) -> Measured:
    """The decision about a shell line that was not seen before; rules for commands and for files hold."""
    found: Measured = {"decide": {}, "decide-four": {}}

    def once(subject: Subject) -> None:
        command = [subject.python, str(PROGRAMS / "decide_line.py"), "500"]
        told = run(command, env=subject.env(bench.api.url), cwd=bench.work()).told()
        _add(found, "decide", subject, told["one"] * 1e6)
        _add(found, "decide-four", subject, told["four"] * 1e6)

    _in_turns(bench, [bench.hames], once, bench.runs)
    return found


def discovery(bench: Bench) -> Measured:
    """What settings and memory add to the first session of a process."""
    found: Measured = {"discovery": {}}
    folder = bench.folder / "work" / "large"
    make_large_repository(folder)

    def once(subject: Subject) -> None:
        command = [subject.python, str(PROGRAMS / "discover.py"), str(folder), "5"]
        told = run(command, env=subject.env(bench.api.url), cwd=bench.folder).told()
        _add(found, "discovery", subject, told["first"] * 1000)

    _in_turns(bench, [bench.hames], once, bench.runs)
    return found


def protocol(bench: Bench) -> Measured:
    """A client that drives the command line over stream-json, beside the same turns in process.

    The CPU of turns is that of client and command line together.
    """
    found: Measured = {"initialize": {}, "stream": {}, "stream-ratio": {}}

    def client(subject: Subject, mode: str, count: int) -> Used:
        cwd = bench.work()
        task = _absolute(Task(count, [READ]), cwd)
        given = {"prompt": task.prompt(), "turns": count, "command": subject.command}
        program = [sys.executable, "-S", str(PROGRAMS / "stream_client.py")]
        command = [*program, mode, json.dumps(given)]
        return run(command, env=subject.env(bench.api.url), cwd=cwd)

    def once(subject: Subject) -> None:
        _add(found, "initialize", subject, client(subject, "initialize", 0).told()["cpu"])
        many = 205 if subject.name == "hames" else 55
        few, all = client(subject, "turns", 5).cpu, client(subject, "turns", many).cpu
        _add(found, "stream", subject, (all - few) / (many - 5) * 1000)
        if subject.has_program:
            # The whole session, start included.
            cwd = bench.work()
            task = _absolute(Task(many, [READ]), cwd)
            inside = subject.sdk("query", bench.api.url, cwd, task).cpu
            _add(found, "stream-ratio", subject, all / inside)

    _in_turns(bench, bench.having("hames", "official-cli"), once, bench.runs)
    return found


def _absolute(task: Task, cwd: Path) -> Task:
    """The task with whole paths, which some tools insist on."""

    def whole(call: ToolCall) -> ToolCall:
        path = call.input.get("file_path")
        return (
            call
            if path is None
            else call._replace(input={**call.input, "file_path": str(cwd / path)})
        )

    return task._replace(calls=[*map(whole, task.calls)], first=[*map(whole, task.first)])


def _add(found: Measured, key: str, subject: Subject, figure: float) -> None:
    found[key].setdefault(subject.name, []).append(figure)


def _in_turns(
    bench: Bench,
    subjects: Iterable[Subject],
    once: Callable[[Subject], object],
    runs: int,
    peers: int | None = None,
) -> None:
    """Each subject once, and again; peers, which take longer, less often."""
    chosen = list(subjects)
    of_peers = (runs + 2) // 3 if peers is None else peers
    for number in range(runs):
        for subject in chosen:
            if subject.name in ("hames", "bare") or number < of_peers:
                once(subject)


GROUPS = (
    Group(
        (
            Row("hello", "`-p` hello, start to exit", "s CPU", 0.25, 0.15),
            Row("hello-memory", "peak memory of it", "MB", 55, 45, 0),
        ),
        hello,
    ),
    Group((Row("import", "import the public names", "s CPU", 0.10, 0.08),), imports),
    Group((Row("query", "`query()` hello, fresh process", "s CPU", 0.25, 0.15),), sdk_hello),
    Group((Row("read", "a Read turn, mean of 200", "ms CPU", 3.0, 1.0),), read_turn),
    Group((Row("edit", "an Edit turn", "ms CPU", 3.5, 1.5),), edit_turn),
    Group((Row("bash", "a Bash `true` turn", "ms CPU", 6.0, 3.5),), bash_turn),
    Group((Row("growth", "turn 2,000 over turn 20", "times", 1.3, 1.1),), growth),
    Group((Row("delta", "a text delta, partial messages out", "µs CPU", 25, 15, 1),), deltas),
    Group(
        (
            Row("many", "500 sessions × 10 turns, one process", "s CPU", 15, 5.5, 1),
            Row("many-memory", "peak memory of it", "MB", 150, 110, 0),
        ),
        five_hundred,
    ),
    Group((Row("idle", "one more idle session", "MB", 0.3, 0.15),), idle),
    Group((Row("resume", "resume 2,000 messages, `-p` hello", "s CPU", 0.45, 0.3),), resume),
    Group(
        (
            Row("prompt", "base prompt and default tools", "bytes/4", 6000, 4000, 0),
            Row("coding", "40-turn coding play", "weighted input tokens", 205_000, 170_000, 0),
        ),
        tokens,
    ),
    Group((Row("size", "installed, with what it needs", "MB", 90, 60, 0),), size),
    Group(
        (
            Row("decide", "decide about a shell line, one command", "µs CPU", 100, digits=0),
            Row("decide-four", "the same with four commands", "µs CPU", digits=0),
        ),
        decision,
    ),
    Group(
        (Row("discovery", "settings and memory, 10,000 files", "ms CPU", 10, digits=1),),
        discovery,
    ),
    Group(
        (
            Row("initialize", "`initialize` over stream-json, start to exit", "s CPU", 0.3),
            Row("stream", "a Read turn, client over stream-json", "ms CPU"),
            Row("stream-ratio", "205 such turns over the same in process", "times", 1.5),
        ),
        protocol,
    ),
    Group(
        (
            Row("thousand", "1,000 sessions × 4 turns with tools", "s CPU", digits=1),
            Row("thousand-memory", "peak memory of it", "MB", digits=0),
            Row("fairness", "slowest session over fastest", "times"),
            Row("files", "most open files", "", digits=0),
            Row("processes", "most child processes", "", digits=0),
        ),
        thousand,
    ),
)
