"""AskUserQuestion: who is asked for permission answers it; nobody answers for the user."""

from __future__ import annotations

from typing import Any

import pytest

from hames import HookMatcher, PermissionResultAllow, PermissionResultDeny
from hames.messages import UserMessage
from hames.testing import calls, failed, says, succeeded

OPTIONS = [
    {"label": "Postgres", "description": "One more service"},
    {"label": "SQLite", "description": "A file"},
]
WHICH = {"question": "Which store?", "header": "Store", "multiSelect": False, "options": OPTIONS}
WHERE = {**WHICH, "question": "Where?", "multiSelect": True}
ASK = calls("AskUserQuestion", questions=[WHICH, WHERE])


def answering(**more: Any) -> Any:
    async def answer(tool: str, input: dict[str, Any], context: Any) -> Any:
        assert context.requires_user_interaction
        return PermissionResultAllow(updated_input={**input, **more})

    return answer


async def test_the_answers_of_who_was_asked_reach_the_model_and_the_program(harness: Any) -> None:
    answers = {"Which store?": "SQLite", "Where?": ["a", "b"]}
    notes = {"Which store?": {"notes": "for now"}}
    run = await harness(
        [ASK, says("ok")], can_use_tool=answering(answers=answers, annotations=notes)
    )
    (result,) = run.requests[1].tool_results
    assert result["content"] == (
        "The user's answers:\n- Which store? SQLite (note: for now)\n- Where? a, b"
    )
    assert "is_error" not in result
    (told,) = [m.tool_use_result for m in run.of(UserMessage) if m.tool_use_result]
    # Official 2.1.330: the same keys; several answers are one text.
    assert told["answers"] == {"Which store?": "SQLite", "Where?": "a, b"}
    assert [q["question"] for q in told["questions"]] == ["Which store?", "Where?"]
    assert told["annotations"] == notes


async def test_no_answer_is_told_as_such(harness: Any) -> None:
    run = await harness([ASK, says("ok")], can_use_tool=answering())
    assert run.requests[1].tool_results == [succeeded("gave no answer")]


async def test_a_refusal_is_a_denied_call(harness: Any) -> None:
    async def no(*given: Any) -> Any:
        return PermissionResultDeny(message="Later.")

    run = await harness([ASK, says("ok")], can_use_tool=no)
    assert run.requests[1].tool_results == [failed("Later.")]
    assert [d["tool_name"] for d in run.result.permission_denials] == ["AskUserQuestion"]


async def test_neither_rules_nor_modes_answer_a_question(
    harness: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IS_SANDBOX", "1")
    for mode in ("bypassPermissions", "acceptEdits", "plan"):
        run = await harness(
            [ASK, says("ok")],
            can_use_tool=answering(answers={"Which store?": mode}),
            allowed_tools=["AskUserQuestion"],
            permission_mode=mode,
        )
        assert run.requests[1].tool_results == [succeeded(mode)]


@pytest.mark.parametrize(
    ("input", "said"),
    [
        ({"questions": [WHICH], "answers": {"Which store?": "SQLite"}}, "`answers` come from"),
        ({"questions": [WHICH, WHICH]}, "Two questions have the same text"),
        ({"questions": [{**WHICH, "options": OPTIONS[:1]}]}, "length >= 2"),
        ({"questions": [{**WHICH, "options": [OPTIONS[0], OPTIONS[0]]}]}, "Two options of"),
        ({"questions": []}, "length >= 1"),
        ({"questions": [WHICH] * 5}, "length <= 4"),
    ],
    ids=["answered-by-the-model", "same-question", "one-option", "same-options", "none", "five"],
)
async def test_a_question_that_makes_no_sense_is_never_asked(
    harness: Any, input: dict[str, Any], said: str
) -> None:
    async def fail(*given: Any) -> Any:
        raise AssertionError("nobody is asked")

    run = await harness([calls("AskUserQuestion", input), says("ok")], can_use_tool=fail)
    assert run.requests[1].tool_results == [failed(said)]
    assert "<tool_use_error>" in run.requests[1].tool_results[0]["content"]
    assert run.result.permission_denials == []


async def test_a_hook_may_answer_with_the_answers_and_not_without_them(harness: Any) -> None:
    """Official 2.1.330: `allow` alone goes to the callback, with `updatedInput` it is an answer."""

    def hook(**more: Any) -> Any:
        async def answer(given: Any, id: Any, context: Any) -> Any:
            said = {"hookEventName": "PreToolUse", "permissionDecision": "allow", **more}
            return {"hookSpecificOutput": said}

        return {"PreToolUse": [HookMatcher("AskUserQuestion", [answer])]}

    input = {"questions": [WHICH, WHERE], "answers": {"Where?": "here"}}
    run = await harness(
        [ASK, says("ok")], can_use_tool=lambda *given: 1 / 0, hooks=hook(updatedInput=input)
    )
    assert run.requests[1].tool_results == [succeeded("Where? here")]

    run = await harness(
        [ASK, says("ok")], can_use_tool=answering(answers={"Where?": "there"}), hooks=hook()
    )
    assert run.requests[1].tool_results == [succeeded("Where? there")]


async def test_questions_are_offered_only_where_somebody_answers(harness: Any) -> None:
    """Official 2.1.330: without that they are left out, even when named."""

    async def offered(**options: Any) -> list[str]:
        run = await harness([says("ok")], **options)
        names = [tool["name"] for tool in run.requests[0].body["tools"]]
        return [n for n in names if n in ("AskUserQuestion", "EnterPlanMode", "ExitPlanMode")]

    three = ["AskUserQuestion", "EnterPlanMode", "ExitPlanMode"]
    someone = answering()
    assert await offered() == []
    assert await offered(tools=["AskUserQuestion", "Read"]) == []
    assert await offered(can_use_tool=someone) == three
    assert await offered(can_use_tool=someone, tools=["AskUserQuestion"]) == ["AskUserQuestion"]
    assert await offered(can_use_tool=someone, permission_prompts="none") == []
    assert await offered(can_use_tool=someone, disallowed_tools=three[1:]) == three[:1]
    hook = HookMatcher(None, [lambda *given: {}])  # hooks may answer, but are not there for that
    assert await offered(hooks={"PreToolUse": [hook]}) == []
    assert await offered(hooks={"PreToolUse": [hook]}, tools=[*three[:1], "Read"]) == three[:1]


async def test_the_model_is_not_told_of_the_fields_for_answers(harness: Any) -> None:
    run = await harness([says("ok")], can_use_tool=answering(), tools=["AskUserQuestion"])
    (tool,) = run.requests[0].body["tools"]
    assert list(tool["input_schema"]["properties"]) == ["questions"]
