"""The strict model of what the Messages API accepts."""

from __future__ import annotations

import base64
import copy
import io
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from hames.sessions.rules import CONVERSATION_RULES, REQUEST_RULES, judge, judge_messages

TOOLS = [{"name": "Bash", "input_schema": {"type": "object"}}]
MARK = {"cache_control": {"type": "ephemeral"}}
HOUR = {"cache_control": {"type": "ephemeral", "ttl": "1h"}}


def user(*content: Any) -> dict[str, Any]:
    return {
        "role": "user",
        "content": content[0] if content == ("",) else list(map(block, content)),
    }


def assistant(*content: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": list(map(block, content))}


def block(value: Any) -> dict[str, Any]:
    return {"type": "text", "text": value} if isinstance(value, str) else value


def call(id: str = "toolu_1", **more: Any) -> dict[str, Any]:
    return {"type": "tool_use", "id": id, "name": "Bash", "input": {}, **more}


def result(id: str = "toolu_1", content: Any = "done", **more: Any) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": id, "content": content, **more}


def thought(signature: str = "c2ln") -> dict[str, Any]:
    return {"type": "thinking", "thinking": "Hm.", "signature": signature}


def picture(width: int = 4, height: int = 4, kind: str = "png", **source: Any) -> dict[str, Any]:
    file = io.BytesIO()
    Image.new("RGB", (width, height)).save(file, kind)
    data = base64.b64encode(file.getvalue()).decode()
    whole = {"type": "base64", "media_type": f"image/{kind}", "data": data, **source}
    return {"type": "image", "source": whole}


def request(*messages: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {
        "model": "claude-sonnet-4-5",
        "max_tokens": 32_000,
        "tools": TOOLS,
        "messages": list(messages) or [user("Hello.")],
        **fields,
    }


THINKING = {"type": "enabled", "budget_tokens": 4_000}
LOOP = (user("Go."), assistant(call()), user(result()))

ACCEPTED = {
    "a greeting": request(),
    "a plain string": request({"role": "user", "content": "Hello."}),
    "a tool loop": request(*LOOP),
    "text after results": request(
        user("Go."), assistant("On it.", call()), user(result(), "Mind.")
    ),
    "results in two user messages": request(
        user("Go."), assistant(call("a"), call("b")), user(result("a")), user(result("b"), "And?")
    ),
    "a reply in two assistant messages": request(
        user("Go."), assistant("One."), assistant(call()), user(result())
    ),
    "a result without content": request(
        user("Go."), assistant(call()), user({"type": "tool_result", "tool_use_id": "toolu_1"})
    ),
    "a prefill on an older model": request(user("Go."), assistant("Well,")),
    "an empty final assistant message": request(user("Go."), {"role": "assistant", "content": ""}),
    "a paused reply sent back": request(
        user("Go."),
        assistant({"type": "server_tool_use", "id": "srv_1", "name": "web_search", "input": {}}),
        model="claude-opus-4-8",
    ),
    "thinking before the call": request(
        user("Go."), assistant(thought(), call()), user(result()), thinking=THINKING
    ),
    "only the first turn of a loop thinks": request(
        user("Go."),
        assistant(thought(), call("a")),
        user(result("a")),
        assistant(call("b")),
        user(result("b")),
        thinking=THINKING,
    ),
    "an earlier loop without thinking": request(
        *LOOP, assistant("Done."), user("More."), thinking=THINKING
    ),
    "adaptive thinking requires none": request(*LOOP, thinking={"type": "adaptive"}),
    "thinking kept while it is off": request(
        user("Go."), assistant(thought(), call()), user(result())
    ),
    "four marks, the long ones first": request(
        user({"type": "text", "text": "a", **MARK}, {"type": "text", "text": "b", **MARK}),
        system=[{"type": "text", "text": "s", **HOUR}],
        tools=[{**TOOLS[0], **HOUR}],
    ),
    "pictures of every kind": request(
        user(*(picture(kind=kind) for kind in ("png", "jpeg", "gif", "webp")))
    ),
    "a picture in a result": request(
        user("Go."), assistant(call()), user(result(content=[picture()]))
    ),
    "twenty large pictures": request(user(*[picture(2_001, 1)] * 20)),
    "a system message inside": request(
        user("Go."),
        {"role": "system", "content": "Mind the gap."},
        assistant("Yes."),
        user("Well?"),
    ),
    "every other field": request(
        thinking=THINKING,
        temperature=1,
        top_p=0.95,
        tool_choice={"type": "auto"},
        system="Be brief.",
        metadata={"user_id": "me"},
        stop_sequences=["STOP"],
        stream=True,
    ),
    "a server's tool": request(tools=[{"type": "web_search_20250305", "name": "web_search"}]),
}

REFUSED: dict[str, tuple[str, str, dict[str, Any]]] = {
    "no messages": ("shape", "messages", request(messages=[])),
    "no model": ("shape", "model", request(model="")),
    "no max_tokens": ("shape", "max_tokens", request(max_tokens=0)),
    "an unknown role": ("shape", "messages.0.role", request({"role": "tool", "content": "x"})),
    "a message with more fields": (
        "shape",
        "messages.0.uuid",
        request({"role": "user", "content": "x", "uuid": "1"}),
    ),
    "a content that is a number": (
        "shape",
        "messages.0.content",
        request({"role": "user", "content": 1}),
    ),
    "a call whose input is a text": (
        "shape",
        "messages.1.content.0.tool_use.input",
        request(user("Go."), assistant(call(input="{}")), user(result())),
    ),
    "a thinking block without signature": (
        "shape",
        "messages.1.content.0.thinking.signature",
        request(user("Go."), assistant({"type": "thinking", "thinking": "Hm."}, "x"), user("y")),
    ),
    "an unknown block": ("block-type", "messages.0.content.0", request(user({"type": "sound"}))),
    "a call inside a result": (
        "block-type",
        "messages.2.content.0.content.0",
        request(user("Go."), assistant(call()), user(result(content=[call("b")]))),
    ),
    "a field that blocks do not have": (
        "extra-field",
        "messages.0.content.0.text.uuid",
        request(user({"type": "text", "text": "x", "uuid": "1"})),
    ),
    "the assistant speaks first": (
        "first-message",
        "messages.0.role",
        request(assistant("Hi."), user("x")),
    ),
    "an empty user message": (
        "empty-content",
        "messages.0.content",
        request(user(), assistant("x"), user("y")),
    ),
    "an empty text": ("empty-text", "messages.0.content", request(user(""))),
    "a blank text": ("empty-text", "messages.0.content.0", request(user(" \n"))),
    "an empty text in a result": (
        "empty-text",
        "messages.2.content.0.content.0",
        request(user("Go."), assistant(call()), user(result(content=[block("")]))),
    ),
    "a prefill on a newer model": (
        "prefill",
        "messages.1",
        request(user("Go."), assistant("Well,"), model="claude-opus-4-8"),
    ),
    "a prefill with thinking": (
        "prefill",
        "messages.1",
        request(user("Go."), assistant("Well,"), thinking=THINKING),
    ),
    "a prefill that ends with a blank": (
        "prefill",
        "messages.1.content.0",
        request(user("Go."), assistant("Well, ")),
    ),
    "a call by the user": ("block-role", "messages.0.content.0", request(user(call()))),
    "a result by the assistant": (
        "block-role",
        "messages.1.content.0",
        request(user("Go."), assistant(result()), user("x")),
    ),
    "a call without result": (
        "unanswered-call",
        "messages.1.content.0",
        request(user("Go."), assistant(call()), user("Never mind.")),
    ),
    "a call at the end": (
        "unanswered-call",
        "messages.1.content.0",
        request(user("Go."), assistant(call())),
    ),
    "a result without call": ("orphan-result", "messages.0.content.0", request(user(result()))),
    "a result after text": (
        "result-order",
        "messages.2.content.1",
        request(*LOOP[:2], user("Look:", result())),
    ),
    "a result after a message of text": (
        "result-order",
        "messages.3.content.0",
        request(*LOOP[:2], user("Look:"), user(result())),
    ),
    "two results of a call": (
        "repeated-result",
        "messages.2.content.1",
        request(*LOOP[:2], user(result(), result())),
    ),
    "an id used twice": ("call-id", "messages.3.content.0.id", request(*LOOP, *LOOP[1:])),
    "an id with a dot": (
        "call-id",
        "messages.1.content.0.id",
        request(user("Go."), assistant(call("a.b")), user(result("a.b"))),
    ),
    "an error that says nothing": (
        "result-content",
        "messages.2.content.0",
        request(*LOOP[:2], user(result(content="", is_error=True))),
    ),
    "an error with a picture": (
        "result-content",
        "messages.2.content.0",
        request(*LOOP[:2], user(result(content=[picture()], is_error=True))),
    ),
    "a server's result without its call": (
        "server-result",
        "messages.1.content.0",
        request(
            user("Go."),
            assistant(
                {"type": "web_search_tool_result", "tool_use_id": "srv_1", "content": []}, "x"
            ),
            user("y"),
        ),
    ),
    "thinking that is not signed": (
        "thinking-signature",
        "messages.1.content.0",
        request(user("Go."), assistant(thought(""), "x"), user("y")),
    ),
    "thinking at the end of a reply": (
        "thinking-last",
        "messages.1.content.1",
        request(user("Go."), assistant("x", thought()), user("y")),
    ),
    "a loop that does not begin with thinking": (
        "thinking-first",
        "messages.1.content.0",
        request(*LOOP, thinking=THINKING),
    ),
    "thinking in a prefill while it is off": (
        "thinking-prefill",
        "messages.1.content.0",
        request(user("Go."), assistant(thought(), "x")),
    ),
    "too much output": ("max-tokens", "max_tokens", request(max_tokens=64_001)),
    "an empty system prompt": ("system-text", "system.0", request(system=[block("")])),
    "a tool name with a space": (
        "tool-name",
        "tools.0.name",
        request(tools=[{**TOOLS[0], "name": "my tool"}]),
    ),
    "a tool twice": ("tool-name", "tools.1.name", request(tools=TOOLS * 2)),
    "a tool without schema": (
        "tool-schema",
        "tools.0.input_schema",
        request(tools=[{"name": "a"}]),
    ),
    "a choice at the top of a schema": (
        "tool-schema",
        "tools.0.input_schema",
        request(tools=[{"name": "a", "input_schema": {"type": "object", "anyOf": []}}]),
    ),
    "calls but no tools": ("tools-missing", "tools", request(*LOOP, tools=[])),
    "a chosen tool that is not there": (
        "tool-choice",
        "tool_choice.name",
        request(tool_choice={"type": "tool", "name": "Read"}),
    ),
    "five marks": ("cache-count", "", request(user(*[{"type": "text", "text": "a", **MARK}] * 5))),
    "a mark on a long-lived place after a short one": (
        "cache-lifetime",
        "messages.0.content.0.cache_control.ttl",
        request(user({"type": "text", "text": "a", **HOUR}), tools=[{**TOOLS[0], **MARK}]),
    ),
    "a lifetime that is not offered": (
        "cache-place",
        "messages.0.content.0.cache_control.ttl",
        request(
            user({"type": "text", "text": "a", "cache_control": {"type": "ephemeral", "ttl": "2h"}})
        ),
    ),
    "a budget above max_tokens": (
        "thinking-budget",
        "max_tokens",
        request(thinking={"type": "enabled", "budget_tokens": 32_000}),
    ),
    "a tiny budget": (
        "thinking-budget",
        "thinking.enabled.budget_tokens",
        request(thinking={"type": "enabled", "budget_tokens": 1_000}),
    ),
    "a temperature with thinking": (
        "thinking-sampling",
        "temperature",
        request(thinking=THINKING, temperature=0.2),
    ),
    "a forced call with thinking": (
        "thinking-tool-choice",
        "tool_choice",
        request(thinking=THINKING, tool_choice={"type": "any"}),
    ),
    "a picture of an unknown type": (
        "image",
        "messages.0.content.0.image.source",
        request(user(picture(media_type="image/bmp"))),
    ),
    "a picture that is another type": (
        "image",
        "messages.0.content.0.image.source",
        request(user(picture(media_type="image/jpeg"))),
    ),
    "a picture that is none": (
        "image",
        "messages.0.content.0.image.source",
        request(user(picture(data="aGVsbG8="))),
    ),
    "a picture that is too large": (
        "image",
        "messages.0.content.0.image.source",
        request(user(picture(8_001, 1))),
    ),
    "a document that is no PDF file": (
        "document",
        "messages.0.content.0.document.source",
        request(
            user(
                {
                    "type": "document",
                    "source": {
                        "type": "base64",
                        "media_type": "application/pdf",
                        "data": "aGVsbG8=",
                    },
                }
            )
        ),
    ),
    "a mark on thinking": (
        "extra-field",
        "messages.1.content.0.thinking.cache_control",
        request(user("Go."), assistant({**thought(), **MARK}, "x"), user("y")),
    ),
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_valid_requests_are_accepted(name: str) -> None:
    assert judge(ACCEPTED[name]) == []


@pytest.mark.parametrize("name", REFUSED)
def test_invalid_requests_are_refused_with_rule_and_place(name: str) -> None:
    rule, path, body = REFUSED[name]
    assert [(v.rule, v.path) for v in judge(body)] == [(rule, path)]


def test_every_rule_has_a_case() -> None:
    elsewhere = {"request-size", "message-count", "image-count"}
    covered = {rule for rule, _, _ in REFUSED.values()} | elsewhere
    assert (CONVERSATION_RULES.keys() | REQUEST_RULES.keys()) - covered == set()


def test_limits_of_number_and_size_are_exact() -> None:
    hundred = request(user(*[picture()] * 100))
    assert judge(hundred, size=32 * 1024 * 1024) == []
    hundred["messages"][0]["content"].append(picture())
    found = judge(hundred, size=32 * 1024 * 1024 + 1)
    assert {v.rule for v in found} == {"image-count", "request-size"}
    many = [user("a"), assistant("b")] * 50_000 + [user("c")]
    assert [v.rule for v in judge(request(*many))] == ["message-count"]


def test_with_more_than_twenty_pictures_the_sides_are_limited_to_2000() -> None:
    found = judge(request(user(*[picture(2_001, 1)], *[picture()] * 20)))
    assert [v.path for v in found] == ["messages.0.content.0.image.source"]


def test_a_heavy_picture_is_refused() -> None:
    file = io.BytesIO()
    Image.effect_noise((2_400, 2_400), 99).save(file, "png")
    data = base64.b64encode(file.getvalue()).decode()
    heavy = request(user(picture(data=data)))
    assert len(data) > 5 * 1024 * 1024
    assert "bytes of base64" in judge(heavy)[0].message


def test_changed_thinking_is_refused_when_signatures_can_be_checked() -> None:
    body = request(user("Go."), assistant(thought(), "x"), user("y"))
    found = judge(body, signed=lambda block: block["thinking"] == "What?")
    assert [(v.rule, v.path) for v in found] == [("thinking-signature", "messages.1.content.0")]


def test_a_result_two_messages_later_answers_nothing() -> None:
    body = request(*LOOP[:2], user("Wait."), assistant("Yes."), user(result()))
    assert [(v.rule, v.path) for v in judge(body)] == [
        ("unanswered-call", "messages.1.content.0"),
        ("orphan-result", "messages.4.content.0"),
    ]


def test_all_violations_are_named_at_once() -> None:
    body = request(user(result("a")), assistant(call("b")), temperature=0.2, thinking=THINKING)
    assert {v.rule for v in judge(body)} == {
        "orphan-result",
        "unanswered-call",
        "prefill",
        "thinking-sampling",
    }


def test_a_conversation_alone_can_be_judged() -> None:
    assert judge_messages([user("Go."), assistant(call()), user(result())]) == []
    found = judge_messages([user(result())])
    assert [str(v) for v in found] == [
        "messages.0.content.0: The result `toolu_1` has no call in the message before. (orphan-result)"
    ]


@pytest.mark.parametrize("value", [None, 1, [], {}, {"messages": 1}, {"messages": [None]}])
def test_nonsense_is_refused_not_raised(value: Any) -> None:
    assert judge(value)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2)
    ),
    max_leaves=4,
)


@settings(max_examples=300, deadline=None)
@given(data=st.data(), name=st.sampled_from(sorted(ACCEPTED)))
def test_any_damage_is_judged_not_raised(data: st.DataObject, name: str) -> None:
    body = copy.deepcopy(ACCEPTED[name])
    node: Any = body
    while True:
        key = data.draw(
            st.sampled_from(sorted(node) if isinstance(node, dict) else range(len(node)))
        )
        if not isinstance(node[key], dict | list) or not node[key] or data.draw(st.booleans()):
            break
        node = node[key]
    node[key] = data.draw(JSON)
    judge(body)
