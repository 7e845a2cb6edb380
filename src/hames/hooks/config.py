"""Which hooks there are: the official JSON of settings, and of options, as one table."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal

import msgspec

from hames.errors import OptionsError
from hames.hooks.callback import Callback, Failing, HookMatcher
from hames.hooks.events import EVENTS, FIRED_LATER, OTHERS, Event
from hames.permissions.rules import parse_rule

_PLAIN_NAMES = re.compile(r"[A-Za-z0-9_|]*")


class Handler(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What all kinds of hooks have in common."""

    timeout: float | None = None
    """Seconds; None: what the event allows."""
    on_failure: Failing | None = None
    """What a hook that does not work stands for."""
    applies_if: str | None = msgspec.field(default=None, name="if")
    """A permission rule; the hook runs only for calls that it speaks of."""
    once: bool = False
    """It runs only the first time."""
    status_message: str | None = None
    """Accepted; there is no screen to show it on."""

    def label(self) -> str:
        """How messages call it."""
        raise NotImplementedError

    def identity(self) -> object:
        """Hooks with the same one do the same: only one of them runs."""
        return self.label()


class CommandHook(Handler, frozen=True, kw_only=True, tag="command"):
    """A shell command that gets the event on standard input."""

    command: str
    args: list[str] | None = None
    """With it `command` is a program that gets them as they are, without a shell."""
    is_async: bool = msgspec.field(default=False, name="async")
    """Nobody waits for it."""
    shell: Literal["bash"] | None = None

    def label(self) -> str:
        return " ".join([self.command, *(self.args or ())])

    def identity(self) -> object:
        return self.command, tuple(self.args or ()), self.args is None


class HttpHook(Handler, frozen=True, kw_only=True, tag="http"):
    """A service that gets the event by POST."""

    url: str
    headers: dict[str, str] = {}
    """`$NAME` and `${NAME}` stand for variables that are listed in `allowedEnvVars`."""
    allowed_env_vars: list[str] = []

    def label(self) -> str:
        return self.url

    def identity(self) -> object:
        return self.url, tuple(sorted(self.headers.items()))


class PromptHook(Handler, frozen=True, kw_only=True, tag="prompt"):
    """A question to a small model; `$ARGUMENTS` stands for the event."""

    prompt: str
    model: str | None = None

    def label(self) -> str:
        return f"prompt: {self.prompt}"


class CallbackHook(Handler, frozen=True, kw_only=True, tag="callback"):
    """A function of the caller's."""

    function: Callable[..., Any]

    def label(self) -> str:
        return str(getattr(self.function, "__name__", None) or type(self.function).__name__)

    def identity(self) -> object:
        return id(self)  # each is called, however often the same function was given


AnyHook = CommandHook | HttpHook | PromptHook | CallbackHook
_Written = CommandHook | HttpHook | PromptHook


class Group(msgspec.Struct, frozen=True):
    """Hooks with a matcher, and where they stand."""

    matcher: str
    pattern: re.Pattern[str] | None
    """None: `matcher` is a list of names, or everything when it is empty."""
    hooks: tuple[AnyHook, ...]
    source: str

    def matches(self, subjects: Sequence[str]) -> bool:
        """Whether one of the names of what happened is meant. Capitals count."""
        if not self.matcher:
            return True
        if self.pattern is None:
            return any(name in subjects for name in self.matcher.split("|"))
        return any(self.pattern.search(subject) for subject in subjects)


class HookTable(msgspec.Struct):
    """All hooks of a session by event. Tables of several sources are joined by `+`."""

    groups: dict[str, list[Group]] = msgspec.field(default_factory=dict)
    warnings: list[str] = msgspec.field(default_factory=list)
    """What is accepted and will have no effect."""

    def __bool__(self) -> bool:
        return bool(self.groups)

    def __add__(self, other: HookTable) -> HookTable:
        joined = {name: list(groups) for name, groups in self.groups.items()}
        for name, groups in other.groups.items():
            joined.setdefault(name, []).extend(groups)
        return HookTable(joined, [*self.warnings, *other.warnings])

    def has(self, event: type[Event]) -> bool:
        """Whether any hook listens to the event."""
        return event.name() in self.groups

    def matching(self, event: Event, also: Sequence[str] = ()) -> list[tuple[AnyHook, str]]:
        """The hooks of an event with their sources, those that do the same only once.

        `also` are other names of what matchers are compared with.
        """
        subject = event.subject()
        subjects = () if subject is None else (subject, *also)
        found: dict[object, tuple[AnyHook, str]] = {}
        for group in self.groups.get(event.name(), ()):
            if subject is None or group.matches(subjects):
                for hook in group.hooks:
                    found.setdefault(
                        (type(hook), hook.identity(), hook.applies_if), (hook, group.source)
                    )
        return list(found.values())


def is_known(name: str) -> bool:
    """Whether there is such an event, here or in the official client."""
    return name in EVENTS or name in OTHERS


def parse_hooks(raw: Mapping[str, Any], source: str, *, strict: bool = False) -> HookTable:
    """The table of hooks in the official form: event -> groups of matcher and hooks.

    A group is a JSON object or a `HookMatcher`, a hook a JSON object or a function. Raises OptionsError
    that lists everything wrong: a hook that is left out could be the one that denies. Events that are
    not official are wrong when `strict`; else they may be those of a newer version.
    """
    table, wrong = HookTable(), list[str]()
    if not isinstance(raw, Mapping):
        raise OptionsError(f"`hooks` of {source} is not an object of events.")
    for name, groups in raw.items():
        if strict and not is_known(name):
            wrong.append(f"`{name}` ({source}) is no hook event. Events: {', '.join(EVENTS)}.")
        elif name not in EVENTS or name in FIRED_LATER:
            known = "is not fired" if name in OTHERS | FIRED_LATER else "is not known"
            table.warnings.append(
                f"The hook event `{name}` ({source}) {known}; its hooks do not run."
            )
        if name not in EVENTS:
            continue
        try:
            parsed = list(_groups(groups, f"`hooks.{name}`", source))
        except OptionsError as error:
            wrong.append(str(error))
        else:
            if parsed:
                table.groups[name] = parsed
    if wrong:
        raise OptionsError("\n".join(wrong))
    return table


def _groups(raw: Any, where: str, source: str) -> Iterator[Group]:
    if not isinstance(raw, Sequence) or isinstance(raw, str):
        raise OptionsError(f"{where} of {source} is not a list of matchers with hooks.")
    for number, given in enumerate(raw):
        here = f"{where}[{number}] of {source}"
        group = _as_matcher(given, here)
        matcher = "" if group.matcher in (None, "*") else group.matcher
        if not isinstance(matcher, str):
            raise OptionsError(f"{here}: the matcher is not text.")
        pattern = None if _PLAIN_NAMES.fullmatch(matcher) else _compiled(matcher, here)
        hooks = tuple(_hook(hook, group, here) for hook in group.hooks)
        if hooks:
            yield Group(matcher, pattern, hooks, source)


def _as_matcher(given: Any, here: str) -> HookMatcher:
    if isinstance(given, HookMatcher):
        return given
    # The official class of the same name is accepted as well.
    if not isinstance(given, Mapping) and hasattr(given, "matcher") and hasattr(given, "hooks"):
        return HookMatcher(
            given.matcher,
            given.hooks,
            getattr(given, "timeout", None),
            getattr(given, "on_failure", None),
        )
    if isinstance(given, Mapping) and isinstance(given.get("hooks"), Sequence):
        return HookMatcher(
            given.get("matcher"),
            given["hooks"],
            given.get("timeout"),
            given.get("onFailure", given.get("on_failure")),
        )
    raise OptionsError(f"{here} has no list `hooks`.")


def _compiled(matcher: str, here: str) -> re.Pattern[str]:
    try:
        return re.compile(matcher)
    except re.error as error:
        raise OptionsError(
            f"{here}: the matcher `{matcher}` is no regular expression: {error}."
        ) from error


def _hook(given: Callback | Mapping[str, Any], group: HookMatcher, here: str) -> AnyHook:
    if callable(given):
        hook: AnyHook = CallbackHook(function=given)
    elif isinstance(given, Mapping):
        hook = _written(given, here)
    else:
        raise OptionsError(
            f"{here}: a hook is a function or an object with `type`, not `{given!r:.60}`."
        )
    hook = msgspec.structs.replace(
        hook,
        timeout=group.timeout if hook.timeout is None else hook.timeout,
        on_failure=hook.on_failure or group.on_failure,
    )
    if hook.timeout is not None and not hook.timeout > 0:
        raise OptionsError(f"{here}: the `timeout` must be greater than 0.")
    if hook.applies_if is not None:
        try:
            parse_rule(hook.applies_if)
        except ValueError as error:
            raise OptionsError(f"{here}: `if`: {error}") from error
    if hook.on_failure not in (None, "continue", "block"):
        raise OptionsError(f"{here}: `on_failure` is `continue` or `block`.")
    return hook


def _written(raw: Mapping[str, Any], here: str) -> AnyHook:
    kind = raw.get("type")
    if kind in ("agent", "mcp_tool"):
        raise OptionsError(
            f"{here}: hooks of type `{kind}` are not supported; use command, http or prompt."
        )
    if raw.get("asyncRewake"):
        raise OptionsError(f"{here}: `asyncRewake` is not supported.")
    try:
        hook: AnyHook = msgspec.convert(dict(raw), _Written)
    except msgspec.ValidationError as error:
        raise OptionsError(f"{here}: the hook is not valid: {error}.") from error
    return hook
