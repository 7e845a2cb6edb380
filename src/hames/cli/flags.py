"""The options of `hames`: one table that parsing and help are made of."""

from __future__ import annotations

from hames.cli.parse import Flag
from hames.models import EFFORTS

PROMPT = "Prompt and output"
MODEL = "Model and instructions"
TOOLS = "Tools and permissions"
PLACE = "Place"
SESSION = "Session"
LIMITS = "Limits"
OTHER = "Other"

OUTPUT_FORMATS = ("text", "json", "stream-json")
MODES = ("default", "acceptEdits", "plan", "bypassPermissions", "dontAsk", "auto", "manual")


def positive_number(text: str) -> float:
    value = _number(float, text)
    if not 0 < value < float("inf"):
        raise ValueError("it must be greater than 0")
    return value


def positive_count(text: str) -> int:
    value = int(_number(int, text))
    if value < 1:
        raise ValueError("it must be 1 or more")
    return value


def count(text: str) -> int:
    value = int(_number(int, text))
    if value < 0:
        raise ValueError("it must be 0 or more")
    return value


def session_id(text: str) -> str:
    """A uuid, in lower case. Official readers list only files named by one."""
    parts = text.lower().split("-")
    hexadecimal = all(part.isascii() and part.isalnum() and _is_hex(part) for part in parts)
    if [len(part) for part in parts] != [8, 4, 4, 4, 12] or not hexadecimal:
        raise ValueError("it must be a UUID")
    return text.lower()


FLAGS: tuple[Flag, ...] = (
    Flag(
        ("-p", "--print"),
        "Answer the prompt, print the answer, and exit. The prompt may also be piped in.",
        group=PROMPT,
    ),
    Flag(
        ("--output-format",),
        "`text`: the answer. `json`: the result as one object, with `--verbose` an array of all "
        "messages. `stream-json`: a message per line as it happens; needs `--verbose`.",
        "one", "FORMAT", choices=OUTPUT_FORMATS, group=PROMPT,
    ),
    Flag(
        ("--input-format",),
        "`text`: standard input is the prompt. `stream-json`: a message or control request per line, "
        "as official clients write them; needs `--output-format stream-json`.",
        "one", "FORMAT", choices=("text", "stream-json"), group=PROMPT,
    ),
    Flag(
        ("--include-partial-messages",),
        "With `stream-json`: also the pieces of a message as the model writes it.",
        group=PROMPT,
    ),
    Flag(
        ("--replay-user-messages",),
        "With `--input-format stream-json`: prompts are echoed as they are taken up.",
        group=PROMPT,
    ),
    Flag(
        ("--include-hook-events",),
        "Also what hooks print, and how they end.",
        group=PROMPT,
    ),
    Flag(
        ("--session-mirror",),
        "With `--input-format stream-json`: what is stored is also sent.",
        group=PROMPT,
    ),
    Flag(
        ("--await-initialize",),
        "With `--input-format stream-json`: prompts wait until the client has said what it brings along.",
        group=PROMPT,
    ),
    Flag(("--verbose",), "All messages instead of the result only.", group=PROMPT),
    Flag(
        ("--model",),
        "Id or alias: `sonnet`, `opus`, `haiku`.",
        "one", "MODEL", env="ANTHROPIC_MODEL", group=MODEL,
    ),
    Flag(
        ("--fallback-model",),
        "Model to use when the first one stays overloaded.",
        "one", "MODEL", group=MODEL,
    ),
    Flag(
        ("--system-prompt",),
        'Instructions instead of the built-in ones; "" for none.',
        "one", "TEXT", group=MODEL,
    ),
    Flag(("--system-prompt-file",), "The same from a file.", "one", "FILE", group=MODEL),
    Flag(
        ("--append-system-prompt",),
        "Instructions after the built-in ones.",
        "one", "TEXT", group=MODEL,
    ),
    Flag(("--append-system-prompt-file",), "The same from a file.", "one", "FILE", group=MODEL),
    Flag(
        ("--max-thinking-tokens",),
        "Thinking budget; 0 for none.",
        "one", "COUNT", read=count, group=MODEL,
    ),
    Flag(
        ("--thinking",),
        "`adaptive`: as the model does best. `disabled`: not at all.",
        "one", "MODE", choices=("adaptive", "disabled"), group=MODEL,
    ),
    Flag(
        ("--thinking-display",),
        "What comes back of thoughts: a summary, or nothing.",
        "one", "HOW", choices=("summarized", "omitted"), group=MODEL,
    ),
    Flag(
        ("--effort",),
        "How hard the model tries.",
        "one", "LEVEL", choices=EFFORTS, group=MODEL,
    ),
    Flag(
        ("--task-budget",),
        "Tokens for a whole answer; the model is told and paces itself.",
        "one", "TOKENS", read=positive_count, group=MODEL,
    ),
    Flag(("--betas",), "Beta features to ask the API for.", "many", "NAMES", group=MODEL),
    Flag(
        ("--agents",),
        "Subagents, as JSON or a file: {NAME: {description, prompt}}. Listed, not called yet.",
        "one", "JSON", group=MODEL,
    ),
    Flag(
        ("--tools",),
        'Built-in tools on offer: a list, "" for none, `default` for all.',
        "many", "NAMES", group=TOOLS,
    ),
    Flag(
        ("--allowedTools", "--allowed-tools"),
        'Rules for calls that need no permission: "Bash(git log:*)" Edit.',
        "many", "RULES", group=TOOLS,
    ),
    Flag(
        ("--disallowedTools", "--disallowed-tools"),
        "Rules for calls that are denied whatever else allows them; a bare name removes the tool.",
        "many", "RULES", group=TOOLS,
    ),
    Flag(
        ("--permission-mode",),
        "What happens with calls that no rule decides: `default` and `dontAsk` deny them, "
        "`acceptEdits` lets files be edited, `plan` changes nothing, `bypassPermissions` allows all.",
        "one", "MODE", choices=MODES, group=TOOLS,
    ),
    Flag(
        ("--dangerously-skip-permissions",),
        "The same as `--permission-mode bypassPermissions`; for sandboxes only.",
        group=TOOLS,
    ),
    Flag(
        ("--allow-dangerously-skip-permissions",),
        "A client may switch to `bypassPermissions` later.",
        group=TOOLS,
    ),
    Flag(
        ("--permission-prompt-tool",),
        "Who is asked about calls that no rule decides: `stdio` is the client that writes the input, "
        "`mcp__server__tool` a tool, which the model does not get.",
        "one", "TOOL", group=TOOLS,
    ),
    Flag(
        ("--permission-prompts",),
        "`none`: nobody is asked, such calls are denied at once; `host`, the default: as configured.",
        "one", "TARGET", choices=("host", "none"), group=TOOLS,
    ),
    Flag(
        ("--decisions",),
        "With `--resume`: what was decided about calls that were put off, a file or JSON: "
        '{"ID": "allow"}. Without a prompt the session goes on with them.',
        "one", "FILE_OR_JSON", group=TOOLS,
    ),
    Flag(
        ("--mcp-config",),
        "Servers of tools, files or JSON; those in the client's own process (`type: sdk`).",
        "many", "CONFIGS", group=TOOLS,
    ),
    Flag(
        ("--strict-mcp-config",),
        "Only servers that `--mcp-config` names; there are no others in this version.",
        group=TOOLS,
    ),
    Flag(
        ("--settings",),
        "More settings, a file or JSON; they are stronger than those of files that are read anyway.",
        "one", "FILE_OR_JSON", group=PLACE,
    ),
    Flag(
        ("--setting-sources",),
        'Which settings and memory files to read: some of `user,project,local`, "" for none; default all.',
        "one", "SOURCES", group=PLACE,
    ),
    Flag(("--cwd",), "Folder to work in; default the present one.", "one", "FOLDER", group=PLACE),
    Flag(("--add-dir",), "Further folders to work in.", "many", "FOLDERS", group=PLACE),
    Flag(("--init",), "Run the `Setup` hooks of kind `init` first.", group=PLACE),
    Flag(
        ("--init-only",), "Run the hooks of `Setup` and `SessionStart`, and end without a prompt.",
        group=PLACE,
    ),
    Flag(("--maintenance",), "Run the `Setup` hooks of kind `maintenance` first.", group=PLACE),
    Flag(
        ("-c", "--continue"), "Go on with the newest session of this folder.", group=SESSION
    ),
    Flag(
        ("-r", "--resume"), "Go on with the session of this id or title.",
        "maybe", "SESSION", group=SESSION,
    ),
    Flag(
        ("--fork-session",),
        "With `--continue` or `--resume`: go on in a copy of the session.",
        group=SESSION,
    ),
    Flag(
        ("--resume-session-at",),
        "With `--resume`: go back to the line of this uuid. The transcript is not rewritten.",
        "one", "UUID", group=SESSION,
    ),
    Flag(
        ("--resume-drops-turn",),
        "With `--resume-session-at`: the uuid of the prompt whose turn is dropped; refused when "
        "anything else would be.",
        "one", "UUID", group=SESSION,
    ),
    Flag(
        ("--rewind-files",),
        "With `--resume`, without a prompt: put the files back as they were at the prompt of this "
        "uuid. See `hames session rewind`.",
        "one", "UUID", group=SESSION,
    ),
    Flag(
        ("--session-id",), "UUID for the new session.",
        "one", "UUID", read=session_id, group=SESSION,
    ),
    Flag(("-n", "--name"), "Title of the session.", "one", "TITLE", group=SESSION),
    Flag(("--no-session-persistence",), "Store nothing; it cannot be resumed.", group=SESSION),
    Flag(
        ("--max-turns",), "Stop after so many replies of the model.",
        "one", "COUNT", read=positive_count, env="CLAUDE_CODE_MAX_TURNS", group=LIMITS,
    ),
    Flag(
        ("--max-budget-usd",), "Stop before more than this is spent.",
        "one", "DOLLARS", read=positive_number, group=LIMITS,
    ),
    Flag(
        ("-d", "--debug"),
        "Log to standard error; all, or the parts named: `--debug=providers,agent`, `--debug=!tools`.",
        "maybe", "PARTS", group=OTHER,
    ),
    Flag(
        ("--debug-file",), "The same, at the end of a file.",
        "one", "FILE", group=OTHER,
    ),
    Flag(("-h", "--help"), "This text.", group=OTHER),
    Flag(("-v", "--version"), "The version: the one we are compatible with, then ours.", group=OTHER),
    Flag(("--debug-to-stderr",), "The same as `--debug`.", group=OTHER, hidden=True),
    Flag(("--ide",), "Accepted and without effect.", group=OTHER, hidden=True),
    Flag(("--mcp-debug",), "Accepted and without effect.", group=OTHER, hidden=True),
)  # fmt: skip

ELSEWHERE = frozenset(
    [
        "--agent",
        "--autocompact",
        "--bare",
        "--disable-slash-commands",
        "--exclude-dynamic-system-prompt-sections",
        "--forward-subagent-text",
        "--json-schema",
        "--plugin-dir",
        "--plugin-url",
        "--prompt-suggestions",
        "--restricted",
        "--safe-mode",
        "--system-prompt-snapshot",
        "--worktree",
        "--append-subagent-system-prompt",
        "--advisor",
        "--brief",
        "--file",
        "--from-pr",
        "--ax-screen-reader",
        "--cloud",
        "--remote",
        "--teleport",
        "--environment",
        "--chrome",
        "--desktop",
        "--bg",
        "--tmux",
        "--channels",
        "--teammate-mode",
    ]
)
"""Options of the official command line that Hames does not have: refused by name, never ignored."""


def _number(kind: type[int] | type[float], text: str) -> float:
    try:
        return kind(text)
    except ValueError:
        whole = "a whole number" if kind is int else "a number"
        raise ValueError(f"it must be {whole}") from None


def _is_hex(text: str) -> bool:
    try:
        int(text, 16)
    except ValueError:
        return False
    return True
