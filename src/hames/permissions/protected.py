"""Places that no rule approves: files that start programs or steer the harness, and critical folders."""

from __future__ import annotations

from collections.abc import Iterator

from hames.permissions.paths import ancestors, is_below
from hames.permissions.patterns import comparable
from hames.permissions.types import Policy

FOLDERS = frozenset(
    [
        ".git",
        ".vscode",
        ".idea",
        ".husky",
        ".cargo",
        ".devcontainer",
        ".yarn",
        ".mvn",
        ".claude",
        ".hames",
    ]
)
"""At any depth, with all that is in them."""

FILES = frozenset(
    [
        ".gitconfig",
        ".gitmodules",
        ".bashrc",
        ".bash_profile",
        ".bash_login",
        ".bash_aliases",
        ".bash_logout",
        ".zshrc",
        ".zprofile",
        ".zshenv",
        ".zlogin",
        ".zlogout",
        ".profile",
        ".envrc",
        ".npmrc",
        ".yarnrc",
        ".yarnrc.yml",
        ".pnp.cjs",
        ".pnp.loader.mjs",
        ".pnpmfile.cjs",
        "bunfig.toml",
        ".bunfig.toml",
        ".bazelrc",
        ".bazelversion",
        ".bazeliskrc",
        ".pre-commit-config.yaml",
        "lefthook.yml",
        ".lefthook.yml",
        "lefthook.yaml",
        ".lefthook.yaml",
        "gradle-wrapper.properties",
        "maven-wrapper.properties",
        ".devcontainer.json",
        ".ripgreprc",
        "pyrightconfig.json",
        ".mcp.json",
        ".claude.json",
    ]
)
"""At any depth."""

# Letters that some file systems leave out when they compare names.
_IGNORED = dict.fromkeys((0x200B, 0x200C, 0x200D, 0x200E, 0x200F, 0x2060, 0xFEFF, 0xAD))


def is_protected(policy: Policy, path: str) -> bool:
    """Whether an absolute path is, or lies in, a place that is never written unasked."""
    if policy.config_folder and is_below(comparable(path), comparable(policy.config_folder)):
        return True
    names = [name.translate(_IGNORED).rstrip(" .") for name in comparable(path).split("/")]
    if names[-1] in FILES:
        return True
    for at, name in enumerate(names):
        following = names[at + 1] if at + 1 < len(names) else ""
        if name in FOLDERS and not (name == ".claude" and following == "worktrees"):
            return True
        if name == ".config" and following == "git":
            return True
    return False


def critical_folders(policy: Policy, cwd: str) -> Iterator[str]:
    """Folders whose removal is always asked about, besides `/` and all that stands directly in it."""
    yield "/"
    for folder in (policy.home, policy.root, cwd, *policy.folders):
        if folder:
            yield folder
            yield from ancestors(folder)
