"""Prompt caching as documented: what is read, what is written, what is paid in full."""

from __future__ import annotations

import json
from typing import Any

from hames.testing.caching import Cache, Share, count_tokens


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def text(size: int, ttl: str | None = None, letter: str = "x") -> dict[str, Any]:
    """A text block that counts for so many tokens, marked when it has a lifetime."""
    bare = {"type": "text", "text": ""}
    filled = {**bare, "text": letter * (4 * size - len(encode(bare)))}
    if ttl is None:
        return filled
    mark = {"type": "ephemeral"} if ttl == "5m" else {"type": "ephemeral", "ttl": ttl}
    return {**filled, "cache_control": mark}


def encode(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def request(*blocks: dict[str, Any], **fields: Any) -> bytes:
    messages = [{"role": "user", "content": list(blocks)}]
    return encode({"model": "m", "messages": messages, **fields})


def test_a_marked_prefix_is_written_once_and_then_read() -> None:
    cache = Cache(Clock())
    assert cache.account(request(text(2000, "5m"), text(50))) == Share(0, 2000, 0, 50)
    assert cache.account(request(text(2000, "5m"), text(70))) == Share(2000, 0, 0, 70)


def test_a_mark_that_moves_reads_the_old_prefix_and_writes_the_new_blocks() -> None:
    cache = Cache(Clock())
    cache.account(request(text(2000, "5m")))
    grown = request(text(2000), text(30), text(40, "5m"))
    assert cache.account(grown) == Share(2000, 70, 0, 0)


def test_without_marks_nothing_is_cached() -> None:
    cache = Cache(Clock())
    cache.account(request(text(2000, "5m")))
    assert cache.account(request(text(2000))) == Share(0, 0, 0, 2000)


def test_a_short_prefix_is_not_cached() -> None:
    cache = Cache(Clock())
    assert cache.account(request(text(1023, "5m"))) == Share(0, 0, 0, 1023)
    assert cache.account(request(text(1023, "5m"))) == Share(0, 0, 0, 1023)
    assert Cache(Clock(), minimum_tokens=10).account(request(text(10, "5m"))).written == 10


def test_one_changed_byte_loses_all_that_follows() -> None:
    cache = Cache(Clock())
    blocks = [text(2000, "5m"), text(500, "5m")]
    cache.account(request(*blocks))
    changed = request(text(2000, "5m"), text(500, "5m", letter="y"))
    assert cache.account(changed) == Share(2000, 500, 0, 0)
    assert cache.account(request(text(2000, "5m", letter="y"))) == Share(0, 2000, 0, 0)


def test_the_order_is_tools_then_system_then_messages() -> None:
    cache = Cache(Clock())
    tool = {"name": "a", "input_schema": {"type": "object"}}
    body: dict[str, Any] = {"tools": [tool], "system": [text(2000, "5m")]}
    first = cache.account(request(text(100), **body))
    assert (first.read, first.plain) == (0, 100)
    assert cache.account(request(text(60), **body)) == Share(first.written, 0, 0, 60)
    other = cache.account(request(text(60), **{**body, "tools": [{**tool, "name": "b"}]}))
    assert other.read == 0


def test_nineteen_blocks_back_are_found_and_twenty_are_not() -> None:
    for new, read in ((19, 2000), (20, 0)):
        cache = Cache(Clock())
        cache.account(request(text(2000, "5m")))
        grown = request(text(2000), *[text(20)] * (new - 1), text(20, "5m"))
        assert cache.account(grown).read == read


def test_a_mark_kept_in_the_old_place_finds_a_prefix_however_far_back() -> None:
    cache = Cache(Clock())
    cache.account(request(text(2000, "5m")))
    grown = request(text(2000, "5m"), *[text(20)] * 40, text(20, "5m"))
    assert cache.account(grown) == Share(2000, 820, 0, 0)


def test_prefixes_live_five_minutes_from_their_last_use() -> None:
    clock = Clock()
    cache = Cache(clock)
    cache.account(request(text(2000, "5m")))
    for _ in range(3):
        clock.now += 299
        assert cache.account(request(text(2000, "5m"))).read == 2000
    clock.now += 301
    assert cache.account(request(text(2000, "5m"))) == Share(0, 2000, 0, 0)


def test_an_hour_can_be_asked_for_and_is_counted_apart() -> None:
    clock = Clock()
    cache = Cache(clock)
    both = request(text(2000, "1h"), text(300, "5m"), text(10))
    assert cache.account(both) == Share(0, 300, 2000, 10)
    clock.now += 3500
    assert cache.account(both) == Share(2000, 300, 0, 10)
    assert cache.account(both).usage() == {
        "input_tokens": 10,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 2300,
        "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
    }


def test_another_model_shares_nothing() -> None:
    cache = Cache(Clock())
    cache.account(request(text(2000, "5m")))
    assert cache.account(request(text(2000, "5m"), model="n")).read == 0


def test_other_thinking_or_tool_choice_keeps_the_system_and_loses_the_messages() -> None:
    for change in ({"thinking": {"type": "adaptive"}}, {"tool_choice": {"type": "none"}}):
        cache = Cache(Clock())
        system = [text(2000, "5m")]
        cache.account(request(text(500, "5m"), system=system))
        assert cache.account(request(text(500, "5m"), system=system, **change)) == Share(
            2000, 500, 0, 0
        )


def test_deferred_tools_are_no_part_of_the_prefix() -> None:
    cache = Cache(Clock())
    tool = {"name": "a", "input_schema": {}}
    cache.account(request(text(2000, "5m"), tools=[tool]))
    more = [tool, {"name": "b", "input_schema": {}, "defer_loading": True}]
    assert cache.account(request(text(2000, "5m"), tools=more)).written == 0


def test_a_mark_on_the_request_stands_for_one_on_its_last_block() -> None:
    cache = Cache(Clock())
    body = request(text(2000), cache_control={"type": "ephemeral"})
    assert cache.account(body) == Share(0, 2000, 0, 0)
    assert cache.account(body) == Share(2000, 0, 0, 0)


def test_a_mark_inside_a_result_counts_for_the_result() -> None:
    cache = Cache(Clock())
    result = {"type": "tool_result", "tool_use_id": "a", "content": [text(2000, "5m")]}
    written = cache.account(request(result)).written
    assert written > 2000
    assert cache.account(request(result)).read == written


def test_a_text_about_marks_is_no_mark() -> None:
    said = {"type": "text", "text": 'Put "cache_control":{"type":"ephemeral"} there. ' * 100}
    assert Cache(Clock()).account(request(said)).written == 0
    marked = {**said, "cache_control": {"type": "ephemeral"}}
    cache = Cache(Clock())
    cache.account(request(marked))
    assert cache.account(request(said, text(5, "5m"))).read == len(encode(said)) // 4


def test_all_input_is_counted() -> None:
    assert count_tokens(request(text(50), system=[text(20)])) == 70
    assert (
        count_tokens(request(text(50), system="x" * 80))
        == 50 + len(encode({"type": "text", "text": "x" * 80})) // 4
    )
