"""Results that are too long for the model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hames import AgentOptions, query, tool
from hames.sandbox.local import LocalMachine
from hames.testing import Scripted, calls, says


async def test_without_a_transcript_long_results_are_there_until_the_session_ends(
    tmp_path: Path,
) -> None:
    scratch = Path(await LocalMachine().scratch())
    before = set(scratch.rglob("*"))
    during: list[set[Path]] = []

    @tool
    def look() -> str:
        during.append(set(scratch.rglob("*")) - before)
        return "Seen."

    provider: Any = Scripted([calls("Bash", command="seq 100000"), calls("look"), says("Done.")])
    options = AgentOptions(
        provider=provider, tools=["Bash", look], cwd=tmp_path, persist_session=False
    )
    async for _ in query(prompt="Go.", options=options):
        pass
    assert len(during[0]) == 2, "a folder, and the output in it"
    assert set(scratch.rglob("*")) == before
