"""Rules about thinking blocks and the parameters that go with them."""

from __future__ import annotations

from hames.sessions.rules.subject import Findings, Subject, Turn

TYPES = ("thinking", "redacted_thinking")
SMALLEST_BUDGET = 1024


def signature(subject: Subject) -> Findings:
    """Thinking comes back as it was made."""
    for part in subject.parts:
        kind = part.block["type"]
        if kind not in TYPES:
            continue
        if not part.block["signature" if kind == "thinking" else "data"]:
            yield part.path, f"The `{kind}` block is not signed."
        elif subject.signed and not subject.signed(part.block):
            yield part.path, f"The signature of the `{kind}` block does not fit: it was changed."


def last(subject: Subject) -> Findings:
    """Something follows thinking within its message."""
    for turn in subject.turns:
        if turn.role == "assistant" and turn.parts and turn.parts[-1].type in TYPES:
            yield turn.parts[-1].path, "The last block of an assistant message is thinking."


def first(subject: Subject) -> Findings:
    """With a thinking budget, the assistant's part of the tool loop under way begins with thinking.

    With adaptive thinking the model decides, so nothing is required.
    """
    if subject.thinking != "enabled" or not (opening := _opening_of_loop(subject.turns)):
        return
    if opening.parts and opening.parts[0].type not in TYPES:
        kind = opening.parts[0].type
        yield opening.parts[0].path, f"Thinking is on, but the tool loop begins with `{kind}`."


def prefill(subject: Subject) -> Findings:
    """Without thinking, a final assistant message has none."""
    turn = subject.turns[-1] if subject.turns else None
    if turn is None or turn.role != "assistant" or subject.thinking != "disabled":
        return
    for part in turn.of(*TYPES):
        yield part.path, "Thinking is off, but the final assistant message has thinking."


def budget(subject: Subject) -> Findings:
    """The budget leaves room for an answer."""
    if subject.thinking not in ("enabled", "disabled", "adaptive"):
        yield "thinking.type", f"`{subject.thinking}` is no kind of thinking."
    if subject.thinking != "enabled":
        return
    tokens = subject.body["thinking"].get("budget_tokens")
    if not isinstance(tokens, int) or tokens < SMALLEST_BUDGET:
        yield "thinking.enabled.budget_tokens", f"At least {SMALLEST_BUDGET} are needed."
    elif tokens >= subject.body["max_tokens"]:
        yield "max_tokens", "`max_tokens` must be greater than `thinking.budget_tokens`."


def sampling(subject: Subject) -> Findings:
    """Thinking does not go with another temperature, with `top_k` or with a low `top_p`."""
    if subject.thinking == "disabled":
        return
    body = subject.body
    if body.get("temperature", 1) != 1:
        yield "temperature", "With thinking only a `temperature` of 1 is allowed."
    if body.get("top_k") is not None:
        yield "top_k", "With thinking `top_k` is not allowed."
    if isinstance(top_p := body.get("top_p"), int | float) and top_p < 0.95:
        yield "top_p", "With thinking `top_p` must be at least 0.95."


def tool_choice(subject: Subject) -> Findings:
    """A model that thinks cannot be forced to call a tool."""
    chosen = subject.body.get("tool_choice")
    choice = chosen.get("type") if isinstance(chosen, dict) else None
    if subject.thinking == "enabled" and choice in ("any", "tool"):
        yield "tool_choice", f"With thinking a `tool_choice` of `{choice}` is not allowed."


def _opening_of_loop(turns: list[Turn]) -> Turn | None:
    """The first assistant turn of the run of calls and results that ends the conversation."""
    opening = None
    for i in range(len(turns) - 1, 0, -2):
        if turns[i].role != "user" or not turns[i].of("tool_result"):
            break
        opening = turns[i - 1]
    return opening
