"""What the Messages API accepts: a strict local model of its rules.

`judge` names everything for which the API would refuse a request. The fake API answers 400 with it,
`normalise` is tested against it, `hames session check` prints it. Where the API is known to be lenient
on some models only, the strict reading is taken.

    subject        a request taken apart once, for all rules
    shape          types and fields; the other rules may rely on it
    conversation   roles, empty content, tool calls and their results
    thinking       signatures and places of thinking blocks, and the parameters around them
    definitions    tools, cache marks, limits of the request as a whole
    media          images and documents; `image_size` reads their headers

A rule is a generator of (path, message) pairs and one line in a table; its name is the key.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from hames.sessions.rules import conversation, definitions, media, shape, thinking
from hames.sessions.rules.subject import Findings, Subject, Verifier, Violation

__all__ = ["CONVERSATION_RULES", "REQUEST_RULES", "Violation", "judge", "judge_messages"]

Rule = Callable[[Subject], Findings]

CONVERSATION_RULES: dict[str, Rule] = {
    "first-message": conversation.first_message,
    "empty-content": conversation.empty_content,
    "empty-text": conversation.empty_text,
    "prefill": conversation.prefill,
    "block-role": conversation.block_role,
    "unanswered-call": conversation.unanswered_call,
    "orphan-result": conversation.orphan_result,
    "result-order": conversation.result_order,
    "repeated-result": conversation.repeated_result,
    "call-id": conversation.call_id,
    "result-content": conversation.result_content,
    "server-result": conversation.server_result,
    "thinking-signature": thinking.signature,
    "thinking-last": thinking.last,
    "thinking-first": thinking.first,
    "thinking-prefill": thinking.prefill,
    "image": media.image,
    "image-count": media.image_count,
    "document": media.document,
}
"""Rules about messages; they need no other field of the request."""

REQUEST_RULES: dict[str, Rule] = {
    "request-size": definitions.request_size,
    "message-count": definitions.message_count,
    "max-tokens": definitions.max_tokens,
    "system-text": definitions.system_text,
    "tool-name": definitions.tool_name,
    "tool-schema": definitions.tool_schema,
    "tools-missing": definitions.tools_missing,
    "tool-choice": definitions.tool_choice,
    "cache-count": definitions.cache_count,
    "cache-place": definitions.cache_place,
    "cache-lifetime": definitions.cache_lifetime,
    "thinking-budget": thinking.budget,
    "thinking-sampling": thinking.sampling,
    "thinking-tool-choice": thinking.tool_choice,
}
"""Rules about the other fields of a request, or about all of it."""


def judge(body: Any, *, size: int | None = None, signed: Verifier | None = None) -> list[Violation]:
    """Everything for which the API would refuse the body of `POST /v1/messages`; empty is acceptable.

    `size` is the body's length in bytes where it is known. `signed` says whether a thinking block is
    as the model made it; without it a signature only has to be there.
    """
    wrong = shape.request(body)
    if wrong:
        return wrong
    return _violations(
        Subject(body, size=size, signed=signed), {**CONVERSATION_RULES, **REQUEST_RULES}
    )


def judge_messages(
    messages: Sequence[dict[str, Any]], *, signed: Verifier | None = None, **fields: Any
) -> list[Violation]:
    """The same for a conversation alone, by `CONVERSATION_RULES`.

    `fields` are those of the request that the rules look at: `model`, `thinking`.
    """
    wrong = shape.conversation(messages)
    if wrong:
        return wrong
    body = {**fields, "messages": messages}
    return _violations(Subject(body, signed=signed), CONVERSATION_RULES)


def _violations(subject: Subject, rules: dict[str, Rule]) -> list[Violation]:
    return [
        Violation(path, name, message)
        for name, rule in rules.items()
        for path, message in rule(subject)
    ]
