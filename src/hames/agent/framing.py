"""The frame of a session: what options, environment and model make of every request."""

from __future__ import annotations

from typing import Any

from hames import _json
from hames.agent.options import AgentOptions
from hames.agent.toolbox import Toolbox
from hames.context.cache import Marks
from hames.context.request import LEAST_THINKING, Frame, encoded_system
from hames.models import Model
from hames.settings.environ import Environ


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
    params = {"metadata": {"user_id": _json.encode({"session_id": session_id}).decode()}}
    params |= _thinking(options, environ, model, max_tokens)
    known = () if environ.disable_experimental_betas else model.betas
    return Frame(
        model=model.id,
        max_tokens=max_tokens,
        system=encoded_system(system, marks),
        tools=tuple(marks.on_last(toolbox.definitions())),
        marks=marks,
        params=params,
        extra_body={**environ.extra_body, **options.extra_body},
        betas=tuple(dict.fromkeys([*known, *options.betas])),
        headers={"X-Claude-Code-Session-Id": session_id, **options.headers},
    )


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
    if budget is None and model.thinking == "adaptive":
        effort = {"output_config": {"effort": model.default_effort}} if model.default_effort else {}
        return {"thinking": {"type": "adaptive"}, **effort}
    budget = min(budget or max_tokens - 1, max_tokens - 1)
    if budget < LEAST_THINKING:
        return {}
    return {"thinking": {"type": "enabled", "budget_tokens": budget}}
