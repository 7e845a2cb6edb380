"""AskUserQuestion: let the user choose; who answers permission questions answers these too."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from hames.errors import ToolError
from hames.tools.tool import Asks, Call, Result, Tool

HIDDEN: dict[str, Any] = {"hidden": True}
"""Marks a field that the model is not told of."""

Text = Annotated[str, Meta(min_length=1)]


class Option(Struct, forbid_unknown_fields=True):
    label: Annotated[Text, Meta(description="A few words.")]
    description: Annotated[str, Meta(description="What it means, or leads to.")]
    preview: Annotated[str | None, Meta(description="Code or a sketch to compare.")] = None


class Question(Struct, forbid_unknown_fields=True, rename="camel"):
    question: Annotated[Text, Meta(description="A whole sentence with a question mark.")]
    header: Annotated[str, Meta(description="One or two words, at most 12 characters.")]
    options: Annotated[list[Option], Meta(min_length=2, max_length=4)]
    multi_select: Annotated[bool, Meta(description="Several may be chosen.")] = False


class AskUserQuestionInput(Struct, forbid_unknown_fields=True):
    questions: Annotated[list[Question], Meta(min_length=1, max_length=4)]
    answers: Annotated[dict[str, str | list[str]] | None, Meta(extra_json_schema=HIDDEN)] = None
    """By question; whoever was asked puts them here."""
    annotations: Annotated[dict[str, dict[str, str]] | None, Meta(extra_json_schema=HIDDEN)] = None
    """By question: `notes`, and the `preview` that was chosen."""
    metadata: Annotated[dict[str, Any] | None, Meta(extra_json_schema=HIDDEN)] = None


def check(args: AskUserQuestionInput, call: Call) -> None:
    """The model cannot answer for the user, and answers need questions that differ."""
    if args.answers or args.annotations:
        raise ToolError("`answers` come from the user: leave them out.", invalid=True)
    if len({one.question for one in args.questions}) < len(args.questions):
        raise ToolError("Two questions have the same text.", invalid=True)
    for one in args.questions:
        if len({option.label for option in one.options}) < len(one.options):
            raise ToolError(f"Two options of `{one.question}` are the same.", invalid=True)


async def run(args: AskUserQuestionInput, call: Call) -> Result:
    """The answers, question by question."""
    given = {
        question: text for question, raw in (args.answers or {}).items() if (text := _text(raw))
    }
    data: dict[str, Any] = {"questions": msgspec.to_builtins(args.questions), "answers": given}
    notes = args.annotations or {}
    if notes:
        data["annotations"] = notes
    if not given and not notes:
        return Result(
            "The user gave no answer. Decide yourself what can be undone, say what you assumed, and leave"
            " the rest.",
            data,
        )
    asked = [one.question for one in args.questions]
    lines = [
        _line(question, given.get(question), notes.get(question, {}))
        for question in dict.fromkeys([*asked, *given, *notes])
    ]
    return Result("\n".join(["The user's answers:", *lines]), data)


def _text(raw: str | list[str]) -> str:
    return raw if isinstance(raw, str) else ", ".join(raw)


def _line(question: str, answer: str | None, notes: dict[str, str]) -> str:
    line = f"- {question} {answer or '(no answer)'}"
    return f"{line} (note: {notes['notes']})" if notes.get("notes") else line


ASK_USER_QUESTION = Tool(
    "AskUserQuestion",
    "ask_user_question.md",
    input=AskUserQuestionInput,
    run=run,
    access=lambda args: [Asks(args.questions[0].question)],
    check=check,
    timeout=None,
    folder=__file__.rpartition("/")[0],
)
