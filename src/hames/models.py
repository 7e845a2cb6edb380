"""Model names, windows and abilities.

`find_model` resolves what a user writes (`sonnet`, `opus[1m]`, a full id) to a `Model`. Ids that are
not in the table pass through with cautious values, so gateways and local servers work.
"""

from __future__ import annotations

import re
from typing import Literal, Protocol

import msgspec

from hames.errors import OptionsError

Thinking = Literal["none", "budget", "adaptive"]
Effort = Literal["low", "medium", "high", "xhigh", "max"]

EFFORTS: tuple[Effort, ...] = ("low", "medium", "high", "xhigh", "max")
"""From least to most."""


class Model(msgspec.Struct, frozen=True, kw_only=True):
    """A model and what it can do."""

    id: str
    """What is sent."""
    context_window: int = 200_000
    max_output_tokens: int = 32_000
    """The `max_tokens` of a request unless the user sets another."""
    output_limit: int = 32_000
    """The most that `max_tokens` may be."""
    thinking: Thinking = "none"
    efforts: tuple[Effort, ...] = ()
    """Values that `output_config.effort` may have."""
    default_effort: Effort | None = None
    knowledge: str | None = None
    """Until when it knows the world."""
    betas: tuple[str, ...] = ()
    """Betas that its abilities need."""
    known: bool = True
    """False when the values are guesses."""

    def effort(self, wanted: Effort) -> Effort | None:
        """The wanted effort, or the next lower one that the model has."""
        # Official 2.1.330 sends Sonnet 4.6 `high` when `xhigh` is asked for.
        order = EFFORTS.index(wanted)
        return next((e for e in reversed(EFFORTS[: order + 1]) if e in self.efforts), None)


class Names(Protocol):
    """What the environment says about model names; `settings.Environ` is one."""

    @property
    def default_opus_model(self) -> str | None: ...
    @property
    def default_sonnet_model(self) -> str | None: ...
    @property
    def default_haiku_model(self) -> str | None: ...
    @property
    def small_fast_model(self) -> str | None: ...


def find_model(name: str, names: Names | None = None, *, planning: bool = False) -> Model:
    """The model of this name or alias. `planning` makes `opusplan` the planner.

    Raises OptionsError for a name that cannot be one.
    """
    plain, long = _without_suffix(name)
    alias = _ALIASES.get(plain.lower())
    if alias is None:
        same = canonical(plain)
        retired = plain.lower().startswith("claude-") and same in _SUCCESSORS
        return model_of(_SUCCESSORS[same] if retired else plain, long=long)
    if alias == "opusplan":
        alias = "opus" if planning else "sonnet"
    chosen, long_too = _without_suffix(_redirected(alias, names) or _NEWEST[alias])
    return model_of(chosen, long=long or long_too)


def model_of(id: str, *, long: bool = False) -> Model:
    """The model of an exact id, as a response names it: no aliases, no successors, no errors."""
    row = _TABLE.get(canonical(id))
    if row is None:
        window = 1_000_000 if long else 200_000
        return Model(id=id, context_window=window, betas=(LONG_CONTEXT,) * long, known=False)
    window, tokens, limit, thinking, efforts, default, knowledge = row
    betas = [INTERLEAVED] if thinking == "budget" else []
    betas += [EFFORT] if efforts else []
    if long and window < 1_000_000:
        window = 1_000_000
        betas.append(LONG_CONTEXT)
    return Model(
        id=id,
        context_window=window,
        max_output_tokens=tokens,
        output_limit=limit,
        thinking=thinking,
        efforts=efforts,
        default_effort=default,
        knowledge=knowledge,
        betas=tuple(betas),
    )


def small_model(names: Names | None = None) -> Model:
    """The model for small helper requests: `ANTHROPIC_SMALL_FAST_MODEL`, else the newest Haiku."""
    return find_model((names and names.small_fast_model) or "haiku", names)


def canonical(id: str) -> str:
    """The plain id behind the spellings of providers, regions, dates and versions.

    `us.anthropic.claude-sonnet-4-5-20250929-v1:0` and `claude-sonnet-4-5@20250929` are
    `claude-sonnet-4-5`. What is no Claude model is returned as it is.
    """
    plain = id.lower().removesuffix("[1m]")
    start = plain.rfind("claude-")
    if start < 0:
        return id.removesuffix("[1m]")
    plain = re.split(r"[@:/]", plain[start:])[0].replace(".", "-")
    plain = re.sub(r"(-v\d+)?$", "", plain)
    plain = re.sub(r"-(\d{8}|latest)$", "", plain)
    return _SAME.get(plain, plain)


def _without_suffix(name: str) -> tuple[str, bool]:
    stripped = name.strip()
    long = stripped.lower().endswith("[1m]")
    plain = stripped[:-4].rstrip() if long else stripped
    if not plain or not plain.isprintable() or any(c.isspace() for c in plain):
        raise OptionsError(f"`{name}` cannot be the name of a model.")
    return plain, long


def _redirected(alias: str, names: Names | None) -> str | None:
    if names is None:
        return None
    return {
        "opus": names.default_opus_model,
        "sonnet": names.default_sonnet_model,
        "haiku": names.default_haiku_model,
    }.get(alias)


INTERLEAVED = "interleaved-thinking-2025-05-14"
EFFORT = "effort-2025-11-24"
LONG_CONTEXT = "context-1m-2025-08-07"

# Official 2.1.330 resolves the aliases so.
_ALIASES = {
    "default": "opus",
    "best": "opus",
    "opus": "opus",
    "sonnet": "sonnet",
    "haiku": "haiku",
    "fable": "fable",
    "opusplan": "opusplan",
}
_NEWEST = {
    "opus": "claude-opus-5-5",
    "sonnet": "claude-sonnet-5-5",
    "haiku": "claude-haiku-5-5",
    "fable": "claude-fable-5-2",
}

# Official 2.1.330 sends the successor's name for these.
_SUCCESSORS = {"claude-opus-4-0": "claude-opus-5-5", "claude-opus-4-1": "claude-opus-5-5"}

_SAME = {
    "claude-opus-4": "claude-opus-4-0",
    "claude-sonnet-4": "claude-sonnet-4-0",
    "claude-opus-5-0": "claude-opus-5",
    "claude-sonnet-5-0": "claude-sonnet-5",
}

_HIGH: tuple[Effort, ...] = ("low", "medium", "high")
_MAX: tuple[Effort, ...] = ("low", "medium", "high", "max")
_MILLION = 1_000_000

_Row = tuple[int, int, int, Thinking, tuple[Effort, ...], Effort | None, str | None]

# Window, usual max_tokens, most max_tokens, thinking, efforts, usual effort, knowledge: as
# official 2.1.330 uses them.
_TABLE: dict[str, _Row] = {
    "claude-opus-5-5": (_MILLION, 128_000, 128_000, "adaptive", EFFORTS, "medium", "June 2026"),
    "claude-opus-5": (_MILLION, 64_000, 128_000, "adaptive", EFFORTS, "high", "May 2026"),
    "claude-opus-4-8": (_MILLION, 64_000, 128_000, "adaptive", EFFORTS, "high", "January 2026"),
    "claude-opus-4-7": (_MILLION, 64_000, 128_000, "adaptive", EFFORTS, "xhigh", "January 2026"),
    "claude-opus-4-6": (200_000, 64_000, 128_000, "adaptive", _MAX, "high", "May 2025"),
    "claude-opus-4-5": (200_000, 32_000, 64_000, "budget", _HIGH, "high", "May 2025"),
    "claude-opus-4-1": (200_000, 32_000, 32_000, "budget", (), None, "January 2025"),
    "claude-opus-4-0": (200_000, 32_000, 32_000, "budget", (), None, "January 2025"),
    "claude-sonnet-5-5": (_MILLION, 128_000, 128_000, "adaptive", EFFORTS, "medium", "June 2026"),
    "claude-sonnet-5": (_MILLION, 64_000, 128_000, "adaptive", EFFORTS, "high", "January 2026"),
    "claude-sonnet-4-6": (200_000, 32_000, 128_000, "adaptive", _MAX, "high", "August 2025"),
    "claude-sonnet-4-5": (200_000, 32_000, 64_000, "budget", (), None, "January 2025"),
    "claude-sonnet-4-0": (200_000, 32_000, 64_000, "budget", (), None, "January 2025"),
    "claude-haiku-5-5": (_MILLION, 128_000, 128_000, "adaptive", EFFORTS, "medium", "June 2026"),
    "claude-haiku-4-5": (200_000, 32_000, 64_000, "budget", (), None, "February 2025"),
    "claude-fable-5-2": (_MILLION, 128_000, 128_000, "adaptive", EFFORTS, "medium", "June 2026"),
    "claude-fable-5-1": (_MILLION, 64_000, 128_000, "adaptive", EFFORTS, "high", "June 2026"),
    "claude-fable-5": (_MILLION, 64_000, 128_000, "adaptive", EFFORTS, "high", "January 2026"),
    "claude-mythos-5-2": (_MILLION, 128_000, 128_000, "adaptive", EFFORTS, "medium", "June 2026"),
    "claude-3-7-sonnet": (200_000, 32_000, 64_000, "none", (), None, None),
    "claude-3-5-sonnet": (200_000, 8_192, 8_192, "none", (), None, None),
    "claude-3-5-haiku": (200_000, 8_192, 8_192, "none", (), None, None),
    "claude-3-opus": (200_000, 4_096, 4_096, "none", (), None, None),
    "claude-3-haiku": (200_000, 4_096, 4_096, "none", (), None, None),
}
