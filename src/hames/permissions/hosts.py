"""Hosts: which host a URL really names, and `WebFetch(domain:...)` rules."""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import urlsplit

_HOST = re.compile(r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\]")


def host_of(url: str) -> str | None:
    """The host of a web address in lower case, None when it has none that can be trusted.

    Refused are other schemes, user parts, backslashes, percent codes and letters beyond ASCII in the
    host: programs differ in what they make of those.
    """
    if not url.isprintable() or "\\" in url or " " in url:
        return None
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - raises ValueError when it is no number
    except ValueError:
        return None
    if parts.scheme.lower() not in ("http", "https") or "@" in parts.netloc:
        return None
    host = parts.netloc.lower()
    if not host.startswith("["):
        host = host.partition(":")[0].removesuffix(".")
    else:
        host = host.partition("]")[0] + "]"
    return host if _HOST.fullmatch(host) else None


def host_matches(specifier: str, host: str) -> bool:
    """Whether `domain:HOST` names the host."""
    kind, _, pattern = specifier.partition(":")
    return kind.strip() == "domain" and _pattern(pattern.strip()).fullmatch(host) is not None


@lru_cache(maxsize=512)
def _pattern(text: str) -> re.Pattern[str]:
    text = text.lower().removesuffix(".")
    if text == "*":
        return re.compile(".+")
    if text.startswith("*."):
        return re.compile(r"(?:[^.]+\.)+" + _labels(text[2:]))
    return re.compile(_labels(text))


def _labels(text: str) -> str:
    return "[^.]*".join(re.escape(part) for part in text.split("*"))
