"""Logs on standard error or in a file, all or those of some packages."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from hames.errors import OptionsError


def log_as_asked(values: Mapping[str, Any]) -> None:
    """Log where `--debug`, `--debug-to-stderr` and `--debug-file` say; else nowhere.

    Raises OptionsError when the file cannot be written.
    """
    if file := values.get("debug-file"):
        try:
            _log_to(logging.FileHandler(file, encoding="utf-8"), values.get("debug"))
        except OSError as error:
            raise OptionsError(
                f"`--debug-file`: `{file}` cannot be written: {error.strerror}."
            ) from error
    elif "debug" in values or "debug-to-stderr" in values:
        _log_to(logging.StreamHandler(), values.get("debug"))


def _log_to(handler: logging.Handler, parts: str | None) -> None:
    """Write the logs of `hames`; `providers,agent` only these packages, `!tools` all but this one."""
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    handler.addFilter(chosen_parts(parts))
    logger = logging.getLogger("hames")
    logger.setLevel(logging.DEBUG)
    logger.addHandler(handler)
    logger.propagate = False


def chosen_parts(parts: str | None) -> Callable[[logging.LogRecord], bool]:
    """A filter for the packages that `--debug` names; without any, all pass."""
    words = [word.strip() for word in (parts or "").split(",") if word.strip()]
    hidden = {word[1:] for word in words if word.startswith("!")}
    shown = {word for word in words if not word.startswith("!")}

    def chosen(record: logging.LogRecord) -> bool:
        part = record.name.removeprefix("hames.").split(".")[0]
        return part not in hidden and (not shown or part in shown)

    return chosen
