"""The frame of a session: what options, environment and model make of every request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from hames import _json
from hames.agent.calls.toolbox import Toolbox
from hames.agent.options import AgentOptions
from hames.context.cache import Marks
from hames.context.request import LEAST_THINKING, Frame, encoded_system
from hames.models import Model, find_model
from hames.settings.environ import Environ

DEFAULT_MODEL = "sonnet"
SESSION_HEADER = "X-Claude-Code-Session-Id"
TASK_BUDGETS = "task-budgets-2026-03-13"
"""The beta that a budget of tokens for a task needs."""


class Frames(msgspec.Struct):
    """How each model of a session is asked."""

    options: AgentOptions
    environ: Environ
    system: str
    toolbox: Toolbox
    session_id: str
    overrides: Mapping[str, str] = {}
    """What a provider calls a model (`modelOverrides`), by our name."""

    def __call__(self, name: str | None) -> tuple[Model, Frame]:
        """The model of a name, None the session's own, and how its requests begin.

        Raises OptionsError for an empty name.
        """
        model = find_model(name or model_name(self.options, self.environ), self.environ)
        frame = make_frame(
            self.options, self.environ, model, self.system, self.toolbox, self.session_id
        )
        if model.id in self.overrides:
            frame = msgspec.structs.replace(frame, model=self.overrides[model.id])
        return model, frame


def of_session(frame: Frame, session_id: str) -> Frame:
    """The frame for another session."""
    params = {**frame.params, **_named(session_id)}
    headers = {**frame.headers, SESSION_HEADER: session_id}
    return msgspec.structs.replace(frame, params=params, headers=headers)


def model_name(options: AgentOptions, environ: Environ) -> str:
    """What the options call the model."""
    return options.model if options.model is not None else environ.model or DEFAULT_MODEL


def make_frame(
    options: AgentOptions,
    environ: Environ,
    model: Model,
    system: str,
    toolbox: Toolbox,
    session_id: str,
) -> Frame:
    """How every request to this model begins."""
    marks = Marks(
        enabled=environ.may_cache(model.id), ttl="1h" if environ.prompt_caching_1h else None
    )
    limit = options.max_output_tokens or environ.max_output_tokens or model.max_output_tokens
    max_tokens = min(limit, model.output_limit)
    params = _named(session_id)
    params |= _thinking(options, environ, model, max_tokens)
    if output := _output(options, model, params):
        params["output_config"] = output
    known = () if environ.disable_experimental_betas else model.betas
    return Frame(
        model=model.id,
        max_tokens=max_tokens,
        system=encoded_system(system, marks),
        tools=tuple(marks.on_last(toolbox.definitions())),
        marks=marks,
        params=params,
        extra_body={**environ.extra_body, **options.extra_body},
        betas=tuple(dict.fromkeys([*known, *_betas(options), *options.betas])),
        headers={SESSION_HEADER: session_id, **options.headers},
    )


def _named(session_id: str) -> dict[str, Any]:
    return {"metadata": {"user_id": _json.encode({"session_id": session_id}).decode()}}


def _thinking(
    options: AgentOptions, environ: Environ, model: Model, max_tokens: int
) -> dict[str, Any]:
    """The `thinking` field: what is asked for, else what the model does best."""
    wanted = options.max_thinking_tokens
    budget = environ.max_thinking_tokens if wanted is None else wanted
    if model.thinking == "none" or budget == 0:
        return (
            {"thinking": {"type": "disabled"}} if budget == 0 and model.thinking != "none" else {}
        )
    display = {"display": options.thinking_display} if options.thinking_display else {}
    if budget is None and model.thinking == "adaptive":
        return {"thinking": {"type": "adaptive", **display}}
    budget = min(budget or max_tokens - 1, max_tokens - 1)
    if budget < LEAST_THINKING:
        return {}
    return {"thinking": {"type": "enabled", "budget_tokens": budget, **display}}


def _output(options: AgentOptions, model: Model, params: dict[str, Any]) -> dict[str, Any]:
    """The `output_config` field: how hard to try, and with how many tokens."""
    adaptive = params.get("thinking", {}).get("type") == "adaptive"
    usual = model.default_effort if adaptive else None
    effort = model.effort(options.effort) if options.effort else usual
    output: dict[str, Any] = {"effort": effort} if effort else {}
    if options.task_budget is not None:
        output["task_budget"] = {"type": "tokens", "total": options.task_budget}
    return output


def _betas(options: AgentOptions) -> list[str]:
    return [] if options.task_budget is None else [TASK_BUDGETS]
