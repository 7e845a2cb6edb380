"""Which rules to suggest for a shell command: by prefix where that is no blank cheque, else exactly."""

from __future__ import annotations

from hames.access import Runs
from hames.permissions.readonly_commands import reads
from hames.permissions.shell_rules import ShellSubject
from hames.permissions.types import Policy, Question
from hames.permissions.words import Word
from hames.permissions.wrappers import INTERPRETERS, Inner, is_wrapper

_MOST = 5

_WITH_SUBCOMMANDS = frozenset(
    [
        "apt",
        "aws",
        "brew",
        "bun",
        "cargo",
        "composer",
        "conda",
        "deno",
        "docker",
        "dotnet",
        "flutter",
        "gcloud",
        "gh",
        "git",
        "go",
        "gradle",
        "helm",
        "just",
        "kubectl",
        "make",
        "mix",
        "mvn",
        "npm",
        "npx",
        "pip",
        "pip3",
        "pnpm",
        "poetry",
        "rails",
        "rake",
        "rustup",
        "sbt",
        "swift",
        "systemctl",
        "terraform",
        "tox",
        "uv",
        "yarn",
    ]
)
"""Programs whose second word says what they do."""

_EXACTLY = frozenset(
    [
        "rm",
        "rmdir",
        "mv",
        "cp",
        "dd",
        "chmod",
        "chown",
        "kill",
        "curl",
        "wget",
        "ssh",
        "scp",
        "rsync",
        "find",
        "tee",
        "eval",
        "exec",
    ]
)
"""Programs that are not offered with any arguments."""


def command_rules(policy: Policy, question: Question, command: str) -> list[str]:
    """Specifiers of `Bash(...)` allow rules that would cover the command; the whole one when unsure."""
    subject = ShellSubject(policy, question, Runs(command))
    whole = [command.strip()] if "*" not in command else []
    if subject.script.problem or subject.uncovered_targets() or len(command) > 1000:
        return whole
    found = dict.fromkeys(_specifier(words) for words in subject.uncovered())
    if not found or None in found or len(found) > _MOST:
        return whole
    return [specifier for specifier in found if specifier]


def _specifier(words: list[Word]) -> str | None:
    if not words or not words[0].static:
        return None
    name = Inner(words).name
    raw = " ".join(word.raw for word in words)
    known = reads(words) is not None  # read-only, but outside the working folders
    if known or name in _EXACTLY or is_wrapper(name) or INTERPRETERS.fullmatch(name):
        return raw if "*" not in raw else None
    if name not in _WITH_SUBCOMMANDS:
        return f"{words[0].raw}:*"
    if len(words) > 1 and words[1].static and not words[1].marked.startswith("-"):
        fixed = words[:3] if words[1].marked in ("run", "exec") and len(words) > 2 else words[:2]
        return " ".join(word.raw for word in fixed) + ":*"
    return raw if "*" not in raw else None
