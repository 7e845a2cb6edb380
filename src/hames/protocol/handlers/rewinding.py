"""The request that puts files back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hames.errors import SessionError
from hames.protocol.handlers import Refused, handles
from hames.protocol.requests import RewindFiles

if TYPE_CHECKING:
    from hames.protocol.server import Server


@handles(RewindFiles)
async def rewind_files(server: Server, request: RewindFiles) -> dict[str, Any]:
    """Put the files back as they were at a prompt, or say what that would change.

    What cannot be done is an error, and with `dry_run` an answer that says so.
    """
    agent = await server.agent()
    try:
        result = await agent.rewind_files(request.user_message_id, dry_run=request.dry_run)
    except SessionError as error:
        if request.dry_run:
            return {"canRewind": False, "error": str(error)}
        raise Refused(str(error)) from error
    answer = {
        "canRewind": True,
        "filesChanged": result.files_changed,
        "insertions": result.insertions,
        "deletions": result.deletions,
        "changedByOthers": result.changed_by_others,
        "left": result.left,
    }
    if not request.dry_run:
        answer |= {"skippedLinks": result.skipped_links, "undo": result.undo}
    return answer
