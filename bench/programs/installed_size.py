"""What a distribution and all that it needs take on disk: `python installed_size.py NAME [EXTRA]`.

Follows the requirements of what is installed, so that nothing else in the environment counts. Byte code
counts as far as it was made.
"""

from __future__ import annotations

import json
import re
import sys
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path

_NAME = re.compile(r"[A-Za-z0-9._-]+")
_EXTRA = re.compile(r"""extra\s*==\s*['"]([^'"]+)['"]""")


def needed(name: str, extras: set[str], found: dict[str, Distribution]) -> None:
    """Collect a distribution and what it needs. What is not installed is not needed here."""
    key = re.sub(r"[-_.]+", "-", name).lower()
    if key in found:
        return
    try:
        found[key] = distribution(name)
    except PackageNotFoundError:
        return
    for requirement in found[key].requires or []:
        extra = _EXTRA.search(requirement)
        match = _NAME.match(requirement)
        if match and (extra is None or extra[1] in extras):
            needed(match[0], set(), found)


def size(dist: Distribution) -> int:
    """Bytes of its files."""
    paths = {Path(str(file.locate())).resolve() for file in dist.files or []}
    return sum(path.stat().st_size for path in paths if path.is_file())


def folder_size(package: str) -> int:
    """Bytes of an importable package: an editable installation lists other files."""
    spec = find_spec(package)
    assert spec is not None
    assert spec.submodule_search_locations
    (folder,) = spec.submodule_search_locations
    return sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())


def main() -> None:
    name, *extras = sys.argv[1:]
    found: dict[str, Distribution] = {}
    needed(name, set(extras), found)
    sizes = {key: size(dist) for key, dist in found.items()}
    if name == "hames":
        sizes[name] = folder_size(name)
    print(json.dumps({"total": sum(sizes.values()), "parts": sizes}))


main()
