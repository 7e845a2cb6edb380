"""The composition root: the only file that knows how an agent is put together."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from hames._version import COMPATIBLE_VERSION, __version__
from hames.agent.agent import Agent, Settings
from hames.agent.background import Background
from hames.agent.calls import planning
from hames.agent.calls.gate import Gate
from hames.agent.calls.prompt_tool import PromptTool
from hames.agent.calls.spilled import Spilled
from hames.agent.calls.toolset import Toolset
from hames.agent.conversation import Conversation
from hames.agent.limits import Budget, Limits
from hames.agent.memory import memory_of
from hames.agent.options import AgentOptions
from hames.agent.prompts import commands
from hames.agent.start.definitions import AgentDefinition, defined, not_called
from hames.agent.start.framing import Frames, model_name
from hames.agent.start.key_helper import key_helper
from hames.agent.start.opening import Opened, open_session, recall
from hames.agent.start.settle import OPTIONS, Settled, settle
from hames.agent.start.tidying import tidy
from hames.context.environment import environment
from hames.context.output_styles import DEFAULT, Style, find_style
from hames.context.reminders import reminder
from hames.context.request import Frame
from hames.context.system_prompt import system_prompt
from hames.context.wishes import wishes
from hames.errors import OptionsError
from hames.events import Event
from hames.models import find_model
from hames.permissions.modes import parse_mode
from hames.permissions.types import Policy, Rules
from hames.providers.network import Network
from hames.providers.protocol import Provider
from hames.sandbox.local import LocalMachine
from hames.sandbox.machine import Machine
from hames.sandbox.workspace import Workspace
from hames.sessions.resume import Loaded
from hames.settings import sources
from hames.settings.environ import Environ
from hames.tools.jobs import Jobs
from hames.usage import Ledger

if TYPE_CHECKING:
    from hames.agent.checkpointing import Checkpoints
    from hames.agent.hooks.firing import Hooks
    from hames.agent.start.reloading import Reloading
    from hames.hooks.config import HookTable


async def build(options: AgentOptions, listeners: Sequence[Callable[[Event], None]]) -> Agent:
    """An agent ready for its first prompt.

    Raises OptionsError, CredentialsError, SessionNotFound or SessionExists; then nothing was started
    and nothing was written.
    """
    given, settled = options, settle(options)
    options, environ = settled.options, settled.environ
    workspace = _workspace(options, environ)
    policy = _policy(options, environ, workspace, settled.rules)
    gate = Gate(
        policy,
        options.can_use_tool,
        settled.store_updates,
        bypass_refusal=settled.bypass_refusal(),
        timeout=options.approval_timeout,
        classifier=options.classifier,
    )
    computer = options.machine or LocalMachine()
    machine = computer.guarded(lambda path, writing: gate.why_closed(workspace.cwd, path, writing))
    table = _hook_table(settled)
    toolset = Toolset(options, policy, table)
    toolbox = toolset.box
    provider = options.provider or _provider(settled, machine, workspace)
    ledger = Ledger(prices=options.prices)
    _check_models(options, environ, ledger)
    limits = Limits(_max_turns(options, environ))
    agents = defined(options.agents)

    async def evidence(loaded: Loaded) -> dict[str, str]:
        from hames.agent import witness

        return await witness.evidence(loaded, toolbox, machine, workspace)

    opened = await open_session(options, environ, workspace.cwd, evidence)
    log, loaded = opened.log, opened.loaded
    # Commands may ask for whom they run.
    workspace.env = {
        **workspace.env,
        "CLAUDE_CODE_SESSION_ID": log.id,
        "CLAUDE_CODE_ENTRYPOINT": options.entrypoint,
    }
    ledger.restore(loaded.cost if loaded else None)

    style = _style(settled, opened)
    system = system_prompt(options.system_prompt, options.append_system_prompt, style)

    overrides = settled.settings.values.model_overrides
    frames = Frames(options, environ, system, toolbox, log.id, overrides)
    model, frame = frames(None)
    fallback = frames(options.fallback_model)[1] if options.fallback_model else None
    jobs = Jobs()
    states: dict[type, Any] = {Jobs: jobs}
    if loaded is not None:
        recall(toolbox, states, loaded)
    agent = Agent(
        settings=_settings(settled, fallback, style.name if style else DEFAULT, agents),
        provider=provider,
        model=model,
        frame=frame,
        frames=frames,
        conversation=Conversation(log, opened.turns),
        toolbox=toolbox,
        gate=gate,
        machine=machine,
        workspace=workspace,
        states=states,
        spilled=Spilled(lambda: agent.conversation.log, computer, jobs.owner),
        ledger=ledger,
        budget=Budget(options.max_budget_usd, ledger),
        limits=limits,
        background=Background(jobs, options.background_grace),
        listeners=list(listeners),
        clock=options.clock,
        ids=options.ids,
    )
    gate.on_mode, gate.warn = agent.mode_changed, agent.warn
    if toolset.prompt_tool is not None:
        gate.can_use_tool = PromptTool(toolset.prompt_tool, agent.call)
    if options.permission_prompts == "none":
        gate.can_use_tool = None
    planning.begin(agent, environ.config_folder)
    agent.deferral.put_off(opened.waiting)
    known = [call.id for call in loaded.calls] if loaded else []
    opened.warnings += agent.deferral.decide(options.decisions, known)
    agent.background.attach(agent)
    agent.hooks = _hooks(agent, table, options, environ, opened)
    agent.reloading = _reloading(agent, settled, given)
    log.on_warning = lambda said: agent.warn(said)
    for said in [*settled.warnings, *opened.warnings, not_called(agents)]:
        if said:
            agent.warn(said)
    agent.checkpoints = _checkpoints(agent, settled, opened)
    agent.memory = memory_of(settled, policy, machine, workspace, states)
    instructions = ""
    if agent.memory:
        instructions = await agent.memory.opening(resumed=bool(opened.turns))
        for said in agent.memory.warnings():
            agent.warn(said)
    lines = wishes(settled.settings.values, ambient=bool(options.setting_sources))
    agent.surroundings = lambda: environment(
        machine, workspace, options.clock, agent.model.id, lines
    )
    if not opened.turns:
        where = await agent.surroundings()
        agent.opening = [reminder(note) for note in (instructions, where) if note]
    if title := (options.title or "").strip():
        await log.state("custom-title", {"customTitle": title})
    await tidy(settled, now=options.clock.now().timestamp(), using=log.id)
    return agent


def _checkpoints(agent: Agent, settled: Settled, opened: Opened) -> Checkpoints | None:
    wanted = (
        settled.options.enable_file_checkpointing,
        settled.environ.file_checkpointing,
        settled.settings.values.file_checkpointing_enabled,
    )
    if not next((said for said in wanted if said is not None), False):
        return None
    from hames.agent.checkpointing import Checkpoints

    return Checkpoints(
        opened.log,
        agent.workspace,
        settled.environ.config_folder,
        clock=agent.clock,
        ids=agent.ids,
        warn=agent.warn,
        stored=opened.loaded.checkpoints if opened.loaded else (),
        kept=settled.options.persist_session,
    )


def _hook_table(settled: Settled) -> HookTable | None:
    """All hooks of the session. Raises OptionsError, so it comes before anything is written."""
    if not (written := settled.hooks()):
        return None
    from hames.hooks.config import HookTable, parse_hooks

    tables = [parse_hooks(raw, source, strict=source == OPTIONS) for raw, source in written]
    return sum(tables, HookTable())


def _hooks(
    agent: Agent,
    table: HookTable | None,
    options: AgentOptions,
    environ: Environ,
    opened: Opened,
) -> Hooks | None:
    if table is None:
        return None
    from hames.agent.hooks.firing import Hooks

    opened.warnings += table.warnings
    network = Network(
        https_proxy=environ.https_proxy,
        http_proxy=environ.http_proxy,
        no_proxy=environ.no_proxy,
        ca_file=environ.ssl_cert_file,
        extra_ca_file=environ.extra_ca_certs,
    )
    source = "startup" if opened.loaded is None else "fork" if options.fork_session else "resume"
    return Hooks(
        agent,
        table,
        source=source,
        network=network,
        show=options.include_hook_events,
        setup=options.setup,
    )


def _reloading(agent: Agent, settled: Settled, given: AgentOptions) -> Reloading | None:
    """Whoever reads no settings files has none to watch, those of the administrator apart."""
    if not given.setting_sources and not os.path.isdir(sources.MANAGED_FOLDER):
        return None
    from hames.agent.start.reloading import Reloading
    from hames.settings.watching import Watch

    chosen, folder = given.setting_sources or (), sources.MANAGED_FOLDER
    watch = Watch(settled.environ, settled.root, chosen, folder)
    return Reloading(agent, settled, watch, lambda: settle(given))


def _workspace(options: AgentOptions, environ: Environ) -> Workspace:
    cwd = os.path.realpath(os.path.expanduser(options.cwd or os.getcwd()))
    if not os.path.isdir(cwd):
        raise OptionsError(f"The working directory `{options.cwd}` is not a folder.")
    folders = []
    for given in options.add_dirs:
        folder = os.path.realpath(os.path.join(cwd, os.path.expanduser(given)))
        if not os.path.isdir(folder):
            raise OptionsError(f"The additional directory `{os.fspath(given)}` is not a folder.")
        folders.append(folder)
    home = environ.home or os.path.expanduser("~")
    return Workspace(cwd, cwd, tuple(folders), home, dict(environ.raw))


def _check_models(options: AgentOptions, environ: Environ, ledger: Ledger) -> None:
    """Find what is wrong with the models before a fork of a session is written."""
    if options.fallback_model is not None:
        find_model(options.fallback_model, environ)
    model = find_model(model_name(options, environ), environ)
    if options.max_budget_usd is not None and ledger.price(model.id) is None:
        raise OptionsError(
            f"A budget cannot be kept: the price of model `{model.id}` is not known. Give it in `prices`."
        )


def _policy(options: AgentOptions, environ: Environ, workspace: Workspace, rules: Rules) -> Policy:
    spilled = os.path.join(environ.config_folder, "projects")
    return Policy(
        mode=parse_mode(options.permission_mode or "default"),
        rules=rules,
        root=workspace.root,
        folders=workspace.folders,
        readable=(spilled,),
        home=workspace.home,
        config_folder=environ.config_folder,
    )


def _style(settled: Settled, opened: Opened) -> Style | None:
    """The output style that the settings name; a name that nobody has is told, and changes nothing."""
    name = settled.settings.values.output_style
    if name in (None, DEFAULT):
        return None
    style = find_style(
        name,
        config_folder=settled.environ.config_folder,
        root=settled.root,
        sources=settled.options.setting_sources or (),
        trusted=settled.settings.trust.trusted,
    )
    if style is None:
        opened.warnings.append(f"There is no output style `{name}`; the usual one holds.")
    return style


def _settings(
    settled: Settled,
    fallback: Frame | None,
    style: str,
    agents: Mapping[str, AgentDefinition],
) -> Settings:
    options, environ = settled.options, settled.environ
    timeouts, retry = options.timeouts, options.retry
    if environ.max_retries is not None:
        retry = msgspec.structs.replace(retry, max_retries=environ.max_retries)
    if environ.max_retry_after is not None:
        retry = msgspec.structs.replace(retry, max_retry_after=environ.max_retry_after)
    named = {
        "connect": environ.connect_timeout,
        "first_byte": environ.api_timeout,
        "gap": environ.gap_timeout,
        "total": environ.total_timeout,
    }
    timeouts = msgspec.structs.replace(
        timeouts, **{k: v for k, v in named.items() if v is not None}
    )
    return Settings(
        timeouts=timeouts,
        retry=retry,
        fallback=fallback,
        settled=settled,
        agents=agents,
        partial_messages=options.include_partial_messages,
        concurrency=environ.tool_concurrency or 10,
        init={
            "apiKeySource": _key_source(settled),
            "claude_code_version": COMPATIBLE_VERSION,
            "hames_version": __version__,
            "mcp_servers": [],
            "slash_commands": commands.names(),
            "output_style": style,
            "skills": [],
            "plugins": [],
        },
    )


def _key_source(settled: Settled) -> str:
    options, environ = settled.options, settled.environ
    if options.provider is not None:
        return "none" if options.provider.name == "none" else "user"
    if environ.auth_token:
        return "ANTHROPIC_AUTH_TOKEN"
    if environ.api_key:
        return "ANTHROPIC_API_KEY"
    return "apiKeyHelper" if settled.settings.values.api_key_helper else "none"


def _max_turns(options: AgentOptions, environ: Environ) -> int | None:
    turns = options.max_turns if options.max_turns is not None else environ.max_turns
    if turns is not None and turns < 1:
        raise OptionsError(f"`max_turns` must be at least 1, not {turns}.")
    return turns


def _provider(settled: Settled, machine: Machine, workspace: Workspace) -> Provider:
    from hames.providers.anthropic import Anthropic

    options, environ = settled.options, settled.environ
    command = settled.settings.values.api_key_helper
    helper = None
    if command and not (environ.api_key or environ.auth_token):
        ttl = environ.api_key_helper_ttl
        helper = key_helper(command, machine, workspace, ttl=ttl, clock=options.clock)
    return Anthropic(
        credentials=helper,
        env=environ,
        client_app=options.client_app,
        entrypoint=options.entrypoint,
        connect_timeout=environ.connect_timeout or options.timeouts.connect,
    )
