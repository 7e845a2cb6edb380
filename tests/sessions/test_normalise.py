"""Whatever is stored, what is sent is acceptable; and nothing true is lost on the way."""

from __future__ import annotations

import copy
import json
import random
from typing import Any

import pytest
from damaged_histories import DAMAGES, history, image, signed, thinking

from hames import blocks
from hames.blocks import Turn
from hames.sessions.normalise import may_think, normalise, normalise_tail
from hames.sessions.rules import judge_messages


def user(*items: blocks.Block) -> Turn:
    return Turn("user", list(items))


def assistant(*items: blocks.Block) -> Turn:
    return Turn("assistant", list(items))


def call(id: str = "toolu_1") -> blocks.Block:
    return blocks.tool_use(id, "Bash", b'{"command":"ls"}')


def result(id: str = "toolu_1", text: str = "ok") -> blocks.Block:
    return blocks.tool_result(id, text)


HI, OK, NEXT = blocks.text("hi"), blocks.text("ok"), blocks.text("and now?")


def problems(turns: list[Turn]) -> list[Any]:
    """What the API would refuse, when the history is followed by a prompt."""
    if not turns or turns[-1].role == "assistant":
        turns = [*turns, user(NEXT)]
    messages = [json.loads(turn.encode()) for turn in turns]
    return judge_messages(messages, signed=signed)


@pytest.mark.parametrize("seed", range(40))
def test_a_sound_history_stays_as_it_is(seed: int) -> None:
    turns = history(random.Random(seed))
    assert problems(turns) == []
    done = normalise(turns)
    assert done.repairs == []
    assert [id(turn) for turn in done.turns] == [id(turn) for turn in turns]


@pytest.mark.parametrize("seed", range(100))
def test_a_history_cut_anywhere_can_be_sent(seed: int) -> None:
    rng = random.Random(seed)
    turns = history(rng)
    for n in range(len(turns)):
        for m in range(len(turns[n].blocks) + 1):
            cut = [*turns[:n], Turn(turns[n].role, turns[n].blocks[:m])]
            assert problems(normalise(cut).turns) == []


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_a_history_damaged_in_one_way_can_be_sent(damage: Any) -> None:
    for seed in range(25):
        rng = random.Random(seed)
        turns = history(rng)
        for _ in range(rng.randint(1, 3)):
            damage(turns, rng)
        assert problems(normalise(turns).turns) == [], seed


@pytest.mark.parametrize("seed", range(300))
def test_a_history_damaged_in_many_ways_can_be_sent(seed: int) -> None:
    rng = random.Random(seed)
    turns = history(rng)
    for damage in rng.choices(DAMAGES, k=rng.randint(1, 8)):
        damage(turns, rng)
    given = copy.deepcopy(turns)
    done = normalise(turns)
    assert turns == given, "the input was changed"
    assert problems(done.turns) == []
    again = normalise(done.turns)
    assert again.turns == done.turns
    assert again.repairs == []
    assert [r.where for r in done.repairs] == sorted(r.where for r in done.repairs)


@pytest.mark.parametrize("seed", range(100))
def test_parts_can_be_normalised_on_their_own(seed: int) -> None:
    """Where all calls before are answered, and what follows begins with a prompt after a reply."""
    rng = random.Random(seed)
    turns = history(rng)
    prompts = [i for i, t in enumerate(turns) if t.role == "user" and t.blocks[0].type == "text"]
    split = rng.choice(prompts)
    before, after = turns[:split], turns[split:]
    for damage in rng.choices([d for d in DAMAGES if "image" not in d.__name__], k=3):
        damage(after, rng)
    after = [user(NEXT), *after]
    whole = normalise(before + after).turns
    assert whole == normalise(before).turns + normalise(after).turns


@pytest.mark.parametrize("seed", range(150))
def test_a_growing_history_is_the_same_as_one_done_at_once(seed: int) -> None:
    rng = random.Random(seed)
    turns = history(rng)
    for damage in rng.choices(DAMAGES, k=rng.randint(0, 3)):
        damage(turns, rng)
    sent: list[Turn] = []
    for end in range(0, len(turns), 2):
        known = len(sent)
        tail = normalise_tail(sent + turns[end : end + 2], known)
        assert tail.keep <= known
        sent = (sent + turns[end : end + 2])[: tail.keep] + tail.turns
        assert problems(sent) == []


def test_a_tail_is_found_without_looking_at_what_is_known() -> None:
    known = [
        user(HI),
        *[
            t
            for n in range(500)
            for t in (assistant(call(f"toolu_{n}")), user(result(f"toolu_{n}")))
        ],
    ]
    tail = normalise_tail([*known, assistant(call("toolu_x"))], len(known))
    assert tail.keep == len(known)
    assert [turn.role for turn in tail.turns] == ["assistant", "user"]
    assert tail.changed
    answered = [*known, assistant(call("toolu_x")), user(result("toolu_x"))]
    assert not normalise_tail(answered, len(known)).changed
    late = [*known, assistant(call("toolu_x")), user(NEXT, result("toolu_x"))]
    assert normalise_tail(late, len(known)).changed


def test_an_open_call_gets_a_result_that_tells_the_truth() -> None:
    turns = [user(HI), assistant(call("toolu_1"), call("toolu_2"), call("toolu_3"))]
    done = normalise(turns, fates={"toolu_1": "started", "toolu_2": "not started"})
    texts = [block.value() for block in done.turns[2].blocks]
    assert [text["is_error"] for text in texts] == [True, True, True]
    assert "was started" in texts[0]["content"]
    assert "was not run" in texts[1]["content"]
    assert "may have run or not" in texts[2]["content"]
    assert [repair.block for repair in done.repairs] == done.turns[2].blocks


def test_results_come_first_and_in_the_order_of_the_calls() -> None:
    turns = [
        user(HI),
        assistant(call("toolu_1"), call("toolu_2")),
        user(NEXT, result("toolu_2"), result("toolu_1")),
    ]
    done = normalise(turns)
    assert done.turns[2].blocks == [result("toolu_1"), result("toolu_2"), NEXT]
    assert done.repairs == []


def test_a_result_in_the_wrong_place_is_moved() -> None:
    turns = [
        user(HI),
        assistant(call()),
        user(NEXT),
        assistant(OK),
        user(result(text="real"), NEXT),
    ]
    done = normalise(turns)
    assert done.turns[2].blocks == [result(text="real"), NEXT]
    assert done.turns[4].blocks == [NEXT]
    assert [repair.kind for repair in done.repairs] == ["result-moved"]


def test_results_without_a_call_go() -> None:
    turns = [user(HI), assistant(OK), user(result(), NEXT)]
    done = normalise(turns)
    assert done.turns[2] == user(NEXT)
    assert [repair.kind for repair in done.repairs] == ["result-dropped"]


def test_neighbours_of_one_role_become_one() -> None:
    done = normalise(
        [user(HI), user(NEXT), assistant(OK), assistant(call()), user(result()), user(HI)]
    )
    assert done.turns == [user(HI, NEXT), assistant(OK, call()), user(result(), HI)]
    assert done.repairs == []


def test_signed_thinking_is_kept_to_the_byte() -> None:
    raw = b'{"type": "thinking", "signature":"sig:1",  "thinking":"idea \\u0031"}'
    turns = [user(HI), assistant(blocks.from_raw(raw), OK)]
    assert normalise(turns).turns[1].blocks[0].raw == raw


def test_a_run_with_unsigned_thinking_goes_whole() -> None:
    bad = blocks.from_value({"type": "thinking", "thinking": "half", "signature": ""})
    turns = [user(HI), assistant(thinking(1), OK, thinking(2), bad, call()), user(result())]
    done = normalise(turns)
    assert done.turns[1].blocks == [thinking(1), OK, call()]
    assert [repair.kind for repair in done.repairs] == ["thinking-dropped"] * 2


def test_a_reply_that_is_only_thinking_goes() -> None:
    done = normalise([user(HI), assistant(thinking(1)), user(NEXT)])
    assert done.turns == [user(HI, NEXT)]


def test_a_history_that_begins_with_a_reply_keeps_it() -> None:
    done = normalise([assistant(OK), user(HI)])
    assert [turn.role for turn in done.turns] == ["user", "assistant", "user"]
    assert [repair.kind for repair in done.repairs] == ["turn-added"]


def test_ids_of_other_providers_are_made_valid_and_unique() -> None:
    turns = [
        user(HI),
        assistant(call("functions.Bash:0")),
        user(result("functions.Bash:0", "first")),
        assistant(call("functions.Bash:0"), call("functions.Bash:0")),
        user(result("functions.Bash:0", "second"), result("functions.Bash:0", "third")),
    ]
    done = normalise(turns)
    ids = ["functions_Bash_0", "functions_Bash_0-2", "functions_Bash_0-3"]
    assert [b.id for t in done.turns[1::2] for b in t.blocks] == ids
    answers = [b.value() for t in done.turns[2::2] for b in t.blocks]
    assert [a["tool_use_id"] for a in answers] == ids
    assert [a["content"] for a in answers] == ["first", "second", "third"]


def test_a_paused_reply_may_end_with_an_open_call_of_the_server() -> None:
    search = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}}
    paused = [user(HI), assistant(blocks.from_value(search))]
    assert normalise(paused).turns == paused
    followed = normalise([*paused, user(NEXT)])
    assert followed.turns == [user(HI, NEXT)]


def test_the_oldest_images_give_way() -> None:
    pictures = [blocks.from_value(image()) for _ in range(101)]
    done = normalise([user(HI, *pictures)])
    kept = [block for block in done.turns[0].blocks if block.type == "image"]
    assert len(kept) == 81
    assert done.turns[0].blocks[-1].type == "image"
    assert "left out" in done.turns[0].blocks[1].value()["text"]


def test_an_image_in_a_failed_result_becomes_a_note() -> None:
    failed = blocks.tool_result("toolu_1", [image()], is_error=True)
    done = normalise([user(HI), assistant(call()), user(failed)])
    (part,) = done.turns[2].blocks[0].value()["content"]
    assert part["type"] == "text"
    assert "image" in part["text"]


def test_thinking_with_a_budget_waits_for_the_end_of_calls_made_without() -> None:
    with_thinking = [user(HI), assistant(thinking(1), call()), user(result())]
    without = [user(HI), assistant(call()), user(result())]
    assert may_think(with_thinking)
    assert not may_think(without)
    assert may_think([*without, assistant(OK), user(NEXT)])


def test_nothing_is_made_of_nothing() -> None:
    assert normalise([]).turns == []
    assert normalise([user(), assistant(blocks.text(" "))]).turns == []
