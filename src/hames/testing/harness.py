"""Run prompts through the public SDK with a scripted model, and look at everything afterwards.

run = await harness(plays=[calls("Read", file_path="a.py"), says("Fine.")], files={"a.py": "x = 1"})
assert run.text == "Fine."
assert run.requests[1].tool_results == [succeeded("x = 1")]
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hames import AgentOptions, query
from hames.messages import AssistantMessage, Message, ResultMessage
from hames.providers.plays import Source
from hames.providers.scripted import Scripted
from hames.sessions.memory import MemoryStore
from hames.sessions.rules import judge
from hames.sessions.store import Store
from hames.testing.recorded import Recorded
from hames.testing.recorder import Recorder


@dataclass
class Run:
    """One prompt and all that came of it."""

    messages: list[Message]
    requests: list[Recorded]
    """What the model was asked."""
    cwd: Path
    store: Store
    """Where the session is stored; for the next run that resumes it."""

    @property
    def result(self) -> ResultMessage:
        """The last message."""
        last = self.messages[-1]
        assert isinstance(last, ResultMessage), f"The run ended with {last!r}."
        return last

    @property
    def text(self) -> str | None:
        """The text of the result."""
        return self.result.result

    @property
    def session_id(self) -> str:
        return self.result.session_id

    def of(self, kind: type[Any]) -> list[Any]:
        """The messages of one type."""
        return [message for message in self.messages if isinstance(message, kind)]

    @property
    def said(self) -> list[AssistantMessage]:
        """What the assistant said and called."""
        return self.of(AssistantMessage)


class Harness:
    """Runs prompts in a folder of the test. Sessions are kept in memory unless options say otherwise."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store: Store = MemoryStore()

    async def __call__(
        self,
        plays: Sequence[Source] = (),
        prompt: Any = "Go.",
        *,
        files: Mapping[str, str] | None = None,
        settings: Mapping[str, Any] | str | None = None,
        judged: bool = True,
        **options: Any,
    ) -> Run:
        """Run one prompt to its result.

        `files` are written into the working directory first; `settings` has the form of a settings
        file. Other
        options are those of `AgentOptions`. The test fails when a request leaves the script, or, unless
        `judged` is off, when the API would refuse one.
        """
        cwd = Path(options.pop("cwd", self.folder))
        for name, text in (files or {}).items():
            (cwd / name).parent.mkdir(parents=True, exist_ok=True)
            (cwd / name).write_text(text, encoding="utf-8")
        provider = Scripted(plays)
        recorder = Recorder(provider)
        whole = {"session_store": self.store, "settings": settings, **options}
        chosen = AgentOptions(provider=recorder, cwd=cwd, **whole)
        messages = [message async for message in query(prompt=prompt, options=chosen)]
        if provider.errors:
            raise provider.errors[0]
        if judged:
            _assert_acceptable(recorder.requests)
        return Run(messages, recorder.requests, cwd, chosen.session_store or self.store)


def _assert_acceptable(requests: Sequence[Recorded]) -> None:
    for number, request in enumerate(requests, 1):
        violations = judge(request.body, size=len(request.raw))
        listed = "\n".join(str(violation) for violation in violations)
        assert not violations, f"The API would refuse request {number}:\n{listed}"
