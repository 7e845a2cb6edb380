"""Tools made of plain functions: signature and docstring say all there is to say.

    @tool
    def lookup(order_id: str, with_items: bool = False) -> str:
        '''Look up an order.

        Args:
            order_id: The number on the invoice.
        '''

Parameters may have any type that msgspec knows (dataclasses, TypedDicts, enums, Literals …) or that
brings pydantic's two methods; neither has to be imported here.
"""

from __future__ import annotations

import asyncio
import inspect
import re
from collections.abc import Callable, Sequence
from typing import Annotated, Any, get_origin, get_type_hints, overload

import msgspec

from hames import _json
from hames._aio import in_thread, patiently
from hames.errors import OptionsError
from hames.sdk.world import World
from hames.tools.foreign import is_foreign, schema_of
from hames.tools.tool import Access, Asks, Call, Result, Tool

DEFAULT_TIMEOUT = 600.0


@overload
def tool(function: Callable[..., Any], /) -> Tool: ...
@overload
def tool(
    *,
    name: str | None = None,
    description: str | None = None,
    parallel: bool = False,
    ask: bool = False,
    access: Callable[[Any], Sequence[Access]] | None = None,
    timeout: float | None = DEFAULT_TIMEOUT,
) -> Callable[[Callable[..., Any]], Tool]: ...
def tool(
    function: Callable[..., Any] | None = None,
    /,
    *,
    name: str | None = None,
    description: str | None = None,
    parallel: bool = False,
    ask: bool = False,
    access: Callable[[Any], Sequence[Access]] | None = None,
    timeout: float | None = DEFAULT_TIMEOUT,
) -> Any:
    """A tool of a function, async or not; functions that are not run in a thread.

    The function's text, its `Result`, or the JSON of what else it returns goes to the model; so does
    the text of what it raises. A parameter annotated with `Call` gets the call and is hidden from the
    model. `parallel`: calls may run side by side. `ask`: a rule or a callback must allow each call.
    `access(args)` says what a call touches, so that file and shell rules hold for it; `args` has the
    parameters as attributes. `timeout` in seconds, None for none.

    Raises OptionsError for a parameter without a usable type.
    """

    def make(function: Callable[..., Any]) -> Tool:
        touches = access or ((lambda args: (Asks(),)) if ask else (lambda args: ()))
        return _made(function, name, description, parallel, touches, timeout, None)

    return make if function is None else make(function)


def as_tool(given: Any, world: World) -> Tool:
    """The option's value as a tool whose function is called in the caller's world."""
    if isinstance(given, Tool):
        if isinstance(given, Planned) and given.plan is not None:
            return given.plan(world)
        return given
    if callable(given):
        function = given
        return _made(function, None, None, False, lambda args: (), DEFAULT_TIMEOUT, world)
    raise OptionsError(f"`tools` takes names, tools and functions, not `{given!r:.80}`.")


class Planned(Tool, frozen=True, eq=False):
    """The tool of a `@tool` function.

    It holds its plan itself: a table beside it would keep every tool alive that its function refers to.
    """

    plan: Callable[[World], Tool] | None = None
    """Makes the same tool, its function called in a given world."""


def _made(
    function: Callable[..., Any],
    name: str | None,
    description: str | None,
    parallel: bool,
    access: Callable[[Any], Sequence[Access]],
    timeout: float | None,
    world: World | None,
) -> Tool:
    name = name or function.__name__
    if not re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", name):
        raise OptionsError(
            f"`{name}` cannot be a tool's name: use letters, digits, `_` and `-`, at most 64."
        )
    summary, notes = _docstring(function)
    kind, hidden = _parameters(function, notes)

    async def run(args: Any, call: Call) -> Result:
        arguments = {field: getattr(args, field) for field in kind.__struct_fields__}
        arguments |= dict.fromkeys(hidden, call)
        if world is not None:
            return _result(await patiently(world.call(_in_thread(function), arguments)))
        return _result(await patiently(_in_thread(function)(arguments)))

    def plan(there: World) -> Tool:
        return _made(function, name, description, parallel, access, timeout, there)

    return Planned(
        name=name,
        description=description or summary or name,
        input=kind,
        run=run,
        access=access,
        parallel=parallel,
        max_chars=50_000,
        timeout=timeout,
        native=False,
        plan=plan if world is None else None,
    )


def _in_thread(function: Callable[..., Any]) -> Callable[[dict[str, Any]], Any]:
    """The function as one that never blocks the loop it is awaited in."""

    async def call(arguments: dict[str, Any]) -> Any:
        if inspect.iscoroutinefunction(_routine(function)):
            return await function(**arguments)
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            import trio

            value = await trio.to_thread.run_sync(
                lambda: function(**arguments), abandon_on_cancel=True
            )
        else:
            value = await in_thread(function, **arguments)
        return await value if inspect.isawaitable(value) else value

    return call


def _parameters(
    function: Callable[..., Any], notes: dict[str, str]
) -> tuple[type[msgspec.Struct], list[str]]:
    """A Struct type of the parameters the model fills, and the names of those that get the call."""
    hints = _hints(function)
    fields: list[Any] = []
    hidden: list[str] = []
    for parameter in inspect.signature(function).parameters.values():
        hint = hints.get(parameter.name, Any)
        if hint is Call:
            hidden.append(parameter.name)
            continue
        if parameter.kind in (
            parameter.VAR_POSITIONAL,
            parameter.VAR_KEYWORD,
            parameter.POSITIONAL_ONLY,
        ):
            raise OptionsError(
                f"`{function.__name__}` cannot be a tool: parameter `{parameter.name}` must be one that is given by name."
            )
        described = _described(_known(hint, function, parameter.name), notes.get(parameter.name))
        default = () if parameter.default is parameter.empty else (_default(parameter.default),)
        fields.append((parameter.name, described, *default))
    kind = msgspec.defstruct(function.__name__, fields, kw_only=True, forbid_unknown_fields=True)
    return kind, hidden


def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    routine = _routine(function)
    try:
        return get_type_hints(routine, localns=_nonlocals(routine), include_extras=True)
    except NameError as error:
        raise OptionsError(
            f"`{function.__name__}` cannot be a tool: {error}, although an annotation uses it; define it at module level."
        ) from error


def _routine(function: Callable[..., Any]) -> Any:
    """The function itself, also of an object that can be called."""
    return function if inspect.isroutine(function) else type(function).__call__


def _nonlocals(routine: Any) -> dict[str, Any]:
    """What a function sees of the one around it: types may be defined there."""
    cells = zip(routine.__code__.co_freevars, routine.__closure__ or (), strict=True)
    found = {}
    for name, cell in cells:
        try:
            found[name] = cell.cell_contents
        except ValueError:  # not assigned yet
            continue
    return found


def _described(hint: Any, note: str | None) -> Any:
    if note is None or (
        get_origin(hint) is Annotated
        and any(getattr(m, "description", None) for m in hint.__metadata__)
    ):
        return hint
    return Annotated[hint, msgspec.Meta(description=note)]


def _known(hint: Any, function: Callable[..., Any], name: str) -> Any:
    """The type if msgspec can check it, or if it is a pydantic model. Raises OptionsError otherwise."""
    bare = hint.__origin__ if get_origin(hint) is Annotated else hint
    if is_foreign(bare):
        return hint
    try:
        msgspec.json.schema(bare, schema_hook=schema_of)
    except (TypeError, NotImplementedError) as error:
        raise OptionsError(
            f"`{function.__name__}` cannot be a tool: the type of `{name}`, `{bare}`, has no JSON form ({error})."
        ) from error
    return hint


def _default(value: Any) -> Any:
    if isinstance(value, list | dict | set):
        return msgspec.field(default_factory=lambda: type(value)(value))
    return value


def _result(value: Any) -> Result:
    match value:
        case Result():
            return value
        case None:
            return Result("")
        case str():
            return Result(value)
        case {"content": [*blocks], **rest} if all(
            isinstance(b, dict) and "type" in b for b in blocks
        ):
            # The shape of an MCP tool's result, which official `@tool` functions return.
            return Result(
                blocks, is_error=bool(rest.get("is_error") or rest.get("isError")) or None
            )
    if is_foreign(type(value)):
        value = value.model_dump(mode="json")
    return Result(_json.encode(value).decode(), data=value)


_PARAM = re.compile(r"^\s*(?::param\s+(?:[^:]*\s)?)?\*{0,2}(\w+)\s*(?:\([^)]*\))?\s*:\s*(.+)$")


def _docstring(function: Callable[..., Any]) -> tuple[str, dict[str, str]]:
    """The docstring's prose, and what it says of parameters (Google style and `:param x:`)."""
    prose: list[str] = []
    notes: dict[str, str] = {}
    section = ""
    for line in (inspect.getdoc(function) or "").splitlines():
        bare = line.strip()
        if re.fullmatch(r"(Args|Arguments|Parameters|Returns|Raises|Yields|Examples?):", bare):
            section = bare.rstrip(":")
        elif bare.startswith((":param", ":return", ":raises", ":type", ":rtype")):
            section = "Args" if bare.startswith(":param") else "Returns"
            if section == "Args" and (found := _PARAM.match(bare)):
                notes[found[1]] = found[2]
        elif not section:
            prose.append(line)
        elif section in ("Args", "Arguments", "Parameters"):
            last = next(reversed(notes), None)
            if (found := _PARAM.match(line)) and found[1] in inspect.signature(function).parameters:
                notes[found[1]] = found[2]
            elif bare and last:
                notes[last] += " " + bare
    return "\n".join(prose).strip(), notes
