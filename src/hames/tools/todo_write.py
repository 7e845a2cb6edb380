"""TodoWrite: keep the list of what is to be done."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from hames.tools.tool import Call, Result, Tool

MAX_TODOS = 200
"""Longer lists help nobody."""

Text = Annotated[str, Meta(min_length=1)]


class Todo(Struct, forbid_unknown_fields=True, rename="camel"):
    content: Annotated[Text, Meta(description="What to do: `Run the tests`.")]
    status: Literal["pending", "in_progress", "completed"]
    active_form: Annotated[Text, Meta(description="While it is done: `Running the tests`.")]


class TodoWriteInput(Struct, forbid_unknown_fields=True):
    todos: Annotated[list[Todo], Meta(description="The whole list.", max_length=MAX_TODOS)]


class Todos(msgspec.Struct):
    """The list of a session."""

    items: list[Todo] = msgspec.field(default_factory=list)


async def run(args: TodoWriteInput, call: Call) -> Result:
    """The list is replaced; the result tells how far it is."""
    state = call.state(Todos)
    data = {"oldTodos": state.items, "newTodos": args.todos}
    state.items = args.todos
    return Result(_summary(args.todos), msgspec.to_builtins(data))


def _summary(todos: list[Todo]) -> str:
    if not todos:
        return "The list is empty."
    done = sum(todo.status == "completed" for todo in todos)
    text = f"List saved: {done} of {len(todos)} done."
    working = [todo.content for todo in todos if todo.status == "in_progress"]
    if working:
        return f"{text} In progress: {'; '.join(working)}."
    waiting = next((todo.content for todo in todos if todo.status == "pending"), None)
    return f"{text} Next: {waiting}." if waiting else text


def recall(states: dict[type, Any], input: Any, data: Any) -> None:
    """Take up a stored call: its list is the session's. One of another shape is passed over."""
    source = data.get("newTodos") if isinstance(data, dict) else None
    if source is None and isinstance(input, dict):
        source = input.get("todos")
    try:
        items = msgspec.convert(source, list[Todo])
    except msgspec.ValidationError:
        return
    states[Todos] = Todos(items)


TODO_WRITE = Tool(
    "TodoWrite",
    "todo_write.md",
    input=TodoWriteInput,
    run=run,
    recall=recall,
    folder=__file__.rpartition("/")[0],
)
