"""What this operating-system process has because it runs children: a mark, a scratch folder, a guardian.

Every child carries the mark in its environment, so that it can be found after it left its process
group and its parent died (`trees`). The guardian is a small shell that waits on a pipe whose other end
only we hold. When we are gone, however we went, it ends everything with our mark and removes the
scratch folder: `kill -9` of a host leaves nothing behind.

Made at the first child, so a run without commands pays nothing.
"""

from __future__ import annotations

import atexit
import os
import subprocess
from collections.abc import Mapping

MARK = "HAMES_OWNER"
"""The variable that says whose a process is: `HOST/OWNER/NUMBER;`, after those of outer hosts."""

_GUARDIAN = r"""
trap '' HUP INT TERM QUIT
IFS= read -r mark && IFS= read -r scratch && read -r end
with_mark() {
  if [ -r /proc/self/environ ]; then
    grep -lsaF -e "$mark" /proc/[0-9]*/environ | tr -dc '0-9\n'
  else
    ps -axwwE -o pid=,command= | grep -F -e "$mark" | while read -r pid rest; do echo "$pid"; done
  fi
}
end_with() {
  found=$(with_mark)
  [ -n "$found" ] || return 1
  for pid in $found; do
    kill -s "$1" -- "-$pid"
    kill -s "$1" "$pid"
  done 2>/dev/null
  return 0
}
[ -n "$scratch" ] && rm -rf -- "$scratch"
if [ -n "$mark" ] && end_with TERM; then
  sleep 0.3
  tries=0
  while end_with KILL && [ "$tries" -lt 50 ]; do tries=$((tries + 1)); sleep 0.02; done
fi
"""


class Host:
    """One operating-system process that runs children."""

    def __init__(self) -> None:
        self.token = f"{os.getpid():x}-{os.urandom(8).hex()}"
        self.scratch = _private_folder()
        self._number = 0
        atexit.register(_remove_empty, self.scratch, os.getpid())
        try:
            self._guardian, self._pipe = _start_guardian(self.token, self.scratch)
        except BaseException:
            os.rmdir(self.scratch)
            raise

    def mark_of(self, owner: str) -> str:
        """What stands in the mark of every process of an owner, and of no other."""
        return f"{self.token}/{owner.encode().hex()}/"

    def new_mark(self, owner: str) -> str:
        """A mark for one more process of the owner."""
        self._number += 1
        return f"{self.mark_of(owner)}{self._number};"

    def forget(self) -> None:
        """In a forked child: leave everything to the process that made it."""
        os.close(self._pipe)


_host: Host | None = None


def this_host() -> Host:
    """The present process, made ready for children."""
    global _host
    if _host is None:
        _host = Host()
    return _host


def known_host() -> Host | None:
    """The present process if it has had a child."""
    return _host


def marked(env: Mapping[str, str], mark: str) -> dict[str, str]:
    """The environment with a mark. Marks of outer hosts stay, so that they find it as well."""
    return {**env, MARK: env.get(MARK, os.environ.get(MARK, "")) + mark}


def _start_guardian(token: str, scratch: str) -> tuple[subprocess.Popen[bytes], int]:
    reading, writing = os.pipe()
    env = {"PATH": os.environ.get("PATH", os.defpath)}
    if outer := os.environ.get(MARK):
        env[MARK] = outer
    try:
        guardian = subprocess.Popen(
            ["/bin/sh", "-c", _GUARDIAN],
            stdin=reading,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=env,
            cwd="/",
            start_new_session=True,
        )
        os.write(writing, f"{token}/\n{scratch}\n".encode())
    except BaseException:
        os.close(writing)
        raise
    finally:
        os.close(reading)
    # It outlives us on purpose; that is not something to warn about.
    guardian.returncode = 0
    return guardian, writing


def _private_folder() -> str:
    """A folder of our own where such are made. (`tempfile` takes 10 ms to import.)"""
    places = [place for place in (os.environ.get("TMPDIR"), "/tmp", "/var/tmp") if place]
    for place in places:
        path = f"{os.path.realpath(place)}/hames-{os.urandom(8).hex()}"
        try:
            os.mkdir(path, 0o700)
        except OSError:
            if place is places[-1]:
                raise
        else:
            return path
    raise AssertionError("there is always a last place")


def _remove_empty(scratch: str, pid: int) -> None:
    """The guardian removes the folder as well; done here too, it is gone when we are."""
    if os.getpid() == pid:
        try:
            os.rmdir(scratch)
        except OSError:
            pass  # not empty: something is still being ended


def _forget_host() -> None:
    global _host
    if _host is not None:
        _host.forget()
        _host = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_host)
