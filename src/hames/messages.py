"""Messages and content blocks as callers see them.

Plain dataclasses with the field names of the official SDK (Python client 0.2.187). What they do not
name is kept in `extra`, so that newer servers and clients lose nothing; `to_wire` gives back what
`from_wire` was given. Hames adds `ResultMessage.obligations`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

PermissionMode = Literal["default", "acceptEdits", "plan", "bypassPermissions", "dontAsk", "auto"]

TERMINAL_TASK_STATUSES: frozenset[str] = frozenset({"completed", "failed", "stopped", "killed"})
