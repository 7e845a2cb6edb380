"""Logs on standard error, all or those of some packages."""

from __future__ import annotations

import logging
from collections.abc import Callable


def log_to_stderr(parts: str | None) -> None:
    """Show the logs of `hames`; `providers,agent` only these packages, `!tools` all but this one."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    handler.addFilter(_chosen(parts))
    logger = logging.getLogger("hames")
    logger.setLevel(logging.DEBUG)
    logger.addHandler(handler)
    logger.propagate = False


def _chosen(parts: str | None) -> Callable[[logging.LogRecord], bool]:
    words = [word.strip() for word in (parts or "").split(",") if word.strip()]
    hidden = {word[1:] for word in words if word.startswith("!")}
    shown = {word for word in words if not word.startswith("!")}

    def chosen(record: logging.LogRecord) -> bool:
        part = record.name.removeprefix("hames.").split(".")[0]
        return part not in hidden and (not shown or part in shown)

    return chosen
