"""Settings of several sources as one, every value with the place it comes from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from hames.settings.sources import Loaded, Name

Path = tuple[str | int, ...]


class Place(msgspec.Struct, frozen=True):
    """Where a value comes from."""

    loaded: Loaded
    path: Path
    """Its place in that source."""

    @property
    def source(self) -> Name:
        return self.loaded.source

    @property
    def file(self) -> str | None:
        return self.loaded.file

    @property
    def line(self) -> int | None:
        """Found when it is asked for: the text is taken apart for it."""
        return self.loaded.line(*self.path)

    def __str__(self) -> str:
        if self.file is None:
            return self.source
        return f"{self.file}:{self.line}" if self.line else self.file


def merge(loaded: Sequence[Loaded]) -> tuple[dict[str, Any], dict[Path, Place]]:
    """The merged values, and the place of each leaf and each item of a list. Later sources win.

    Objects merge key by key, lists one behind the other without doubles.
    """
    values: dict[str, Any] = {}
    places: dict[Path, Place] = {}
    for one in loaded:
        _merge(values, one.values, one, (), places)
    return values, places


def _merge(
    into: dict[str, Any],
    values: dict[str, Any],
    loaded: Loaded,
    above: Path,
    places: dict[Path, Place],
) -> None:
    for key, value in values.items():
        path = (*above, key)
        match into.get(key), value:
            case dict() as present, dict():
                _merge(present, value, loaded, path, places)
            case None, dict():
                into[key] = {}
                _merge(into[key], value, loaded, path, places)
            case list() as present, list():
                _extend(present, value, loaded, path, places)
            case None, list():
                into[key] = []
                _extend(into[key], value, loaded, path, places)
            case _:
                into[key] = value
                places[path] = Place(loaded, path)


def _extend(
    present: list[Any], items: list[Any], loaded: Loaded, path: Path, places: dict[Path, Place]
) -> None:
    for index, item in enumerate(items):
        if item not in present:
            places[(*path, len(present))] = Place(loaded, (*path, index))
            present.append(item)
