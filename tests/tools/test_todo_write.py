"""TodoWrite: the list is kept, told, and there again after a restart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from searching import Session

from hames.tools.todo_write import TODO_WRITE, Todo, Todos


def todo(content: str, status: str) -> dict[str, Any]:
    return {"content": content, "status": status, "activeForm": f"{content}ing"}


async def test_list_is_replaced_and_old_and_new_are_told(tmp_path: Path):
    session = Session(tmp_path)
    first = [todo("Test", "pending")]
    second = [todo("Test", "completed"), todo("Fix", "in_progress"), todo("Ship", "pending")]
    assert (await session.todo_write(*first)).data == {"oldTodos": [], "newTodos": first}
    result = await session.todo_write(*second)
    assert result.data == {"oldTodos": first, "newTodos": second}
    assert result.content == "List saved: 1 of 3 done. In progress: Fix."
    assert session.states[Todos].items[1] == Todo("Fix", "in_progress", "Fixing")


@pytest.mark.parametrize(
    ("todos", "text"),
    [
        ([], "The list is empty."),
        ([todo("A", "pending"), todo("B", "pending")], "List saved: 0 of 2 done. Next: A."),
        ([todo("A", "completed")], "List saved: 1 of 1 done."),
    ],
)
async def test_result_tells_how_far_the_list_is(
    tmp_path: Path, todos: list[dict[str, Any]], text: str
):
    assert (await Session(tmp_path).todo_write(*todos)).content == text


@pytest.mark.parametrize(
    "wrong",
    [
        {"content": "", "status": "pending", "activeForm": "x"},
        {"content": "x", "status": "done", "activeForm": "x"},
        {"content": "x", "status": "pending"},
        {"content": "x", "status": "pending", "activeForm": "x", "priority": "high"},
    ],
)
async def test_todo_of_another_shape_is_refused(tmp_path: Path, wrong: dict[str, Any]):
    with pytest.raises(msgspec.ValidationError):
        await Session(tmp_path).todo_write(wrong)


def test_resumed_session_has_the_list_again():
    assert TODO_WRITE.recall
    listed, written = [todo("A", "pending")], {"todos": [todo("B", "completed")]}
    states: dict[type, Any] = {}
    TODO_WRITE.recall(states, written, {"oldTodos": [], "newTodos": listed})
    assert states[Todos].items == [Todo("A", "pending", "Aing")]
    TODO_WRITE.recall(states, written, None)
    assert states[Todos].items == [Todo("B", "completed", "Bing")]
    TODO_WRITE.recall(states, {"todos": [{"id": "1", "content": "older shape"}]}, "Error: x")
    assert states[Todos].items == [Todo("B", "completed", "Bing")]
