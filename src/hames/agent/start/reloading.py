"""Settings files that change during a session: their permission rules are read anew.

They are looked at before each call and after each round of calls. What changed while calls ran may be
the agent's own doing, so it can only forbid more. Everything else that settings say holds as it stood
at the start: hooks, variables, model, mode and credentials.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from hames.agent.start.settle import STORED, Settled
from hames.errors import HamesError, Interrupted
from hames.permissions.types import Behavior, Rules, SourcedRule
from hames.settings.watching import Changed, Watch
from hames.tools.jobs import Jobs

if TYPE_CHECKING:
    from hames.agent.agent import Agent


WATCHED = STORED | {"policySettings"}
"""Sources whose files are watched."""


class Reloading:
    """Keeps the permission rules of an agent as its settings files have them."""

    def __init__(
        self, agent: Agent, settled: Settled, watch: Watch, settle: Callable[[], Settled]
    ) -> None:
        self._agent = agent
        self._watch = watch
        self._settle = settle
        self._trusted = settled.settings.trust.trusted
        self._started = 0
        self._held: set[str] = set()
        """Files whose last change does not count."""

    async def look(self) -> None:
        """Use what the files say by now. Raises `Interrupted` while a hook is asked."""
        acted = self._has_acted()
        if not (changed := self._watch.changed()):
            return
        try:
            settled = self._settle()
            taken = [one for one in changed if await self._is_taken(one, settled)]
        except Interrupted:
            self._watch.tell_again(changed)
            raise
        except HamesError as error:
            self._agent.warn(f"Settings have changed and cannot be used: {error}")
            return
        if not taken:
            return
        limited = acted or (settled.settings.trust.trusted and not self._trusted)
        rules = self._rules(settled, set() if limited else {one.file for one in taken})
        self._agent.gate.use_rules(rules, bypass_refusal=settled.bypass_refusal())
        for one in taken:
            await self._tell(_taken(one, limited))

    def _has_acted(self) -> bool:
        """Whether calls may have written since the last look."""
        agent = self._agent
        before, self._started = self._started, len(agent.started)
        jobs: Jobs | None = agent.states.get(Jobs)
        return self._started != before or bool(jobs and jobs.running())

    async def _is_taken(self, one: Changed, settled: Settled) -> bool:
        """Whether the change counts: the file can be read, and no hook is against it."""
        self._held.discard(one.file)
        broken = [
            loaded.problems[0]
            for loaded in settled.settings.loaded
            if loaded.file == one.file and loaded.broken
        ]
        why = f"it cannot be read ({broken[0].text})" if broken else ""
        if self._agent.hooks is not None:
            said = await self._agent.hooks.config_changed(one.source, one.file)
            # What the administrator says is not the user's to keep away.
            if said is not None and one.source != "policy_settings":
                why = why or f"a hook is against it: {said}"
        if why:
            self._held.add(one.file)
            await self._tell(f"`{one.file}` has changed, but what it said before holds: {why}")
        return not why

    def _rules(self, settled: Settled, free: set[str]) -> Rules:
        """The rules of the files by now, and those that stand in no file as they are.

        Only files that are `free` may allow more, or forbid less, than before.
        """
        before, held = self._agent.gate.policy.rules, self._held

        def of(behavior: Behavior) -> tuple[SourcedRule, ...]:
            old: Sequence[SourcedRule] = getattr(before, behavior)
            now: Sequence[SourcedRule] = getattr(settled.rules, behavior)
            rules = [rule for rule in now if _in_watched(rule) and rule.file not in held]
            if behavior == "allow":
                known = {(rule.text, rule.file) for rule in old}
                rules = [r for r in rules if r.file in free or (r.text, r.file) in known]
                rules += [rule for rule in old if rule.file in held]
            else:
                known = {(rule.text, rule.file) for rule in rules}
                kept = [rule for rule in old if _in_watched(rule) and rule.file not in free]
                rules += [rule for rule in kept if (rule.text, rule.file) not in known]
            if behavior == "allow" and settled.settings.only_managed_rules:
                return tuple(rule for rule in rules if rule.source == "policySettings")
            return (*rules, *(rule for rule in old if not _in_watched(rule)))

        return Rules(allow=of("allow"), ask=of("ask"), deny=of("deny"))

    async def _tell(self, said: str) -> None:
        """A person sees it, and it stands in the transcript."""
        fields = {"content": said, "level": "notice"}
        self._agent.note("informational", **fields)
        await self._agent.conversation.log.system("informational", fields)


def _in_watched(rule: SourcedRule) -> bool:
    """Whether the rule stands in a file that is watched; others come from options or on the way."""
    return rule.file is not None and rule.source in WATCHED


def _taken(one: Changed, limited: bool) -> str:
    if limited:
        return (
            f"`{one.file}` has changed while calls ran: its new rules hold where they forbid more. What it"
            " allows besides holds from the next session on."
        )
    return f"`{one.file}` has changed: its permission rules hold from here on."
