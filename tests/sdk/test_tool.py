"""Functions as tools: schema from signature and docstring, results of any kind."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypedDict

import msgspec
import pytest

from hames import OptionsError
from hames.agent.calls.toolbox import description, schema, validated
from hames.errors import ToolError
from hames.sdk.tool import tool
from hames.tools.tool import Asks, Call, Result, Tool


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Point(TypedDict):
    x: int
    y: int


@dataclass
class Item:
    name: str
    count: int = 1


async def called(made: Tool, **input: Any) -> Result:
    return await made.run(validated(made, input), None)  # type: ignore[arg-type]


def test_signature_and_docstring_become_schema_and_description() -> None:
    @tool
    def lookup(
        order_id: str, limit: int = 5, state: Literal["open", "closed"] | None = None
    ) -> str:
        """Look up an order.

        Reads from the order system.

        Args:
            order_id: The number on the
                invoice.
            limit (int): How many lines.
        """
        return order_id

    assert (lookup.name, description(lookup)) == (
        "lookup",
        "Look up an order.\n\nReads from the order system.",
    )
    assert schema(lookup) == {
        "type": "object",
        "properties": {
            "order_id": {"type": "string", "description": "The number on the invoice."},
            "limit": {"type": "integer", "description": "How many lines.", "default": 5},
            "state": {"enum": ["closed", "open"]},
        },
        "required": ["order_id"],
        "additionalProperties": False,
    }


def test_nested_types_are_described_in_place() -> None:
    @tool
    def place(at: Point, items: list[Item], colour: Colour = Colour.RED) -> None:
        """Place."""

    properties = schema(place)["properties"]
    assert properties["at"]["properties"] == {"x": {"type": "integer"}, "y": {"type": "integer"}}
    assert properties["items"]["items"]["required"] == ["name"]
    assert properties["colour"]["enum"] == ["blue", "red"]
    assert "$ref" not in str(schema(place))


async def test_arguments_arrive_as_the_annotated_types() -> None:
    seen: list[Any] = []

    @tool
    def place(at: Point, items: list[Item], colour: Colour = Colour.RED) -> None:
        seen.extend([at, items, colour])

    await called(place, at={"x": 1, "y": 2}, items=[{"name": "a"}], colour="blue")
    assert seen == [{"x": 1, "y": 2}, [Item("a", 1)], Colour.BLUE]


@pytest.mark.parametrize(
    ("returned", "content"),
    [
        ("text", "text"),
        (None, ""),
        ({"a": [1, 2]}, '{"a":[1,2]}'),
        (Item("x"), '{"name":"x","count":1}'),
        (
            {"content": [{"type": "text", "text": "official"}]},
            [{"type": "text", "text": "official"}],
        ),
        (Result("whole"), "whole"),
    ],
)
async def test_what_a_function_returns_goes_to_the_model(returned: Any, content: Any) -> None:
    @tool
    async def give() -> Any:
        return returned

    assert (await called(give)).content == content


async def test_official_error_results_are_errors() -> None:
    @tool
    def give() -> dict[str, Any]:
        return {"content": [{"type": "text", "text": "no"}], "is_error": True}

    assert (await called(give)).is_error is True


def test_wrong_arguments_are_named_for_the_model() -> None:
    @tool
    def lookup(order_id: str, limit: int = 5) -> str:
        return order_id

    with pytest.raises(ToolError, match="`order_id`"):
        validated(lookup, {})
    with pytest.raises(ToolError, match=r"\$\.limit"):
        validated(lookup, {"order_id": "1", "limit": "many"})
    with pytest.raises(ToolError, match="unknown field `x`"):
        validated(lookup, {"order_id": "1", "x": 1})
    assert validated(lookup, {"order_id": "1", "limit": "7"}).limit == 7


def test_a_call_parameter_is_hidden_from_the_model() -> None:
    @tool
    def where(
        call: Call, deep: Annotated[bool, msgspec.Meta(description="All of it.")] = False
    ) -> str:
        return call.workspace.cwd

    assert schema(where)["properties"] == {
        "deep": {"type": "boolean", "description": "All of it.", "default": False}
    }


def test_a_tool_may_ask_for_permission() -> None:
    @tool(ask=True, name="pay_out")
    def pay(amount: float) -> None:
        """Pay."""

    assert (pay.name, list(pay.access(None))) == ("pay_out", [Asks()])


def test_what_cannot_be_a_tool_is_refused_with_the_parameter_named() -> None:
    with pytest.raises(OptionsError, match="`thing`"):

        @tool
        def bad(thing: Opaque) -> None: ...

    with pytest.raises(OptionsError, match="`rest`"):

        @tool
        def worse(*rest: str) -> None: ...


class Opaque:
    """Says nothing of its form."""


class Model:
    """Has pydantic's two methods, as a user's model would."""

    def __init__(self, data: dict[str, Any]) -> None:
        self.data = data

    @classmethod
    def model_json_schema(cls) -> dict[str, Any]:
        return {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}

    @classmethod
    def model_validate(cls, data: dict[str, Any]) -> Model:
        if not isinstance(data.get("n"), int):
            raise ValueError("n must be an integer")
        return cls(data)


async def test_pydantic_models_are_validated_by_themselves() -> None:
    got: list[Model] = []

    @tool
    def take(model: Model) -> None:
        got.append(model)

    assert schema(take)["properties"]["model"]["required"] == ["n"]
    await called(take, model={"n": 1})
    assert got[0].data == {"n": 1}
    with pytest.raises(ToolError, match="n must be an integer"):
        validated(take, {"model": {"n": "x"}})


def test_a_description_may_end_with_the_name_of_a_file() -> None:
    @tool(description="Say what stands in README.md")
    def summary() -> str:
        return "A project."

    assert description(summary) == "Say what stands in README.md"
