"""One prompt, one result: runs the loop and says honestly how it ended."""

from __future__ import annotations

import logging

from hames.agent.agent import Agent
from hames.agent.limits import BudgetExhausted
from hames.agent.loop import answer
from hames.agent.outcome import Ended, Outcome
from hames.agent.prompts import commands
from hames.agent.prompts.inbox import Prompt
from hames.agent.result import Stopwatch, result_of
from hames.agent.stops import say_error
from hames.blocks import text
from hames.errors import HamesError, Interrupted, ProviderError, ScriptError
from hames.events import Answered
from hames.messages import ResultMessage

log = logging.getLogger("hames.agent")

# Official readers know these two texts.
INTERRUPTED = "[Request interrupted by user]"
INTERRUPTED_IN_TOOL = "[Request interrupted by user for tool use]"


async def respond(agent: Agent, prompt: Prompt) -> ResultMessage:
    """Answer a prompt and emit the result. Raises nothing but cancellation and `ScriptError`."""
    watch = Stopwatch(agent)
    command = commands.called(prompt)
    try:
        if command is not None:
            outcome = await commands.run(agent, command, prompt)
        else:
            outcome = await answer(agent, prompt)
    except Ended as end:
        outcome = end.outcome
    except Interrupted as interruption:
        outcome = await _interrupted(agent, in_tools="tools" in interruption.args)
    except BudgetExhausted as error:
        outcome = Outcome("budget", text=str(error))
    except ProviderError as error:
        await say_error(agent, str(error), error.category, error.status)
        outcome = Outcome("api_error", error=error, text=str(error))
    except ScriptError:
        raise
    except HamesError as error:  # something given is wrong, and was looked at only when needed
        outcome = Outcome("failed", text=str(error))
    except Exception as error:  # the border of a prompt: the session goes on
        log.exception("The answer failed")
        outcome = Outcome("failed", text=f"{type(error).__name__}: {error}")
    agent.interrupt.clear()
    if agent.hooks is not None:
        await agent.hooks.answer_ended(outcome)
    if agent.checkpoints is not None:
        await agent.checkpoints.answered()
    result = result_of(agent, outcome, watch, prompt)
    if command is not None:
        result.extra["local_command"] = command.name
    agent.obligations.clear()
    await agent.conversation.log.finish_turn(cost=agent.ledger.cost_state(agent.session_id))
    agent.emit(Answered(result))
    agent.interrupt.clear()  # one that came until here was about this answer, not the next
    return result


async def _interrupted(agent: Agent, *, in_tools: bool) -> Outcome:
    note = [text(INTERRUPTED_IN_TOOL if in_tools else INTERRUPTED)]
    uuid = await agent.conversation.say(note, is_meta=True)
    agent.emit_user(note, uuid)
    return Outcome("interrupted_tools" if in_tools else "interrupted_streaming")
