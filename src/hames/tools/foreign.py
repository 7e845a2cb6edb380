"""Input types that validate themselves: pydantic models, known by their two methods, never imported."""

from __future__ import annotations

from typing import Any


def is_foreign(kind: Any) -> bool:
    """Whether a type has pydantic's two methods."""
    return hasattr(kind, "model_validate") and hasattr(kind, "model_json_schema")


def schema_of(kind: type) -> dict[str, Any]:
    """msgspec's `schema_hook`: the JSON Schema of a foreign type."""
    if is_foreign(kind):
        own: dict[str, Any] = kind.model_json_schema()  # type: ignore[attr-defined]  # checked above
        return own
    raise NotImplementedError(f"`{kind}` has no JSON Schema")


def value_of(kind: type, raw: Any) -> Any:
    """msgspec's `dec_hook`: a foreign value. What its validation raises becomes a ValueError."""
    if not is_foreign(kind):
        raise NotImplementedError(f"`{kind}` cannot be made from JSON")
    try:
        return kind.model_validate(raw)  # type: ignore[attr-defined]  # checked above
    except Exception as error:  # pydantic's own error type, which is not imported here
        raise ValueError(str(error)) from error
