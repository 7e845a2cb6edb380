"""The fake API as a process of its own: `python -m hames.testing.fake_api --plays FILE`.

It prints the URL as its first line and serves until it is ended by a signal, or until its standard
input closes when `--until-eof` is given.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from hames import _json
from hames.errors import OptionsError
from hames.providers.plays import Play
from hames.testing.fake_api import FakeAPI
from hames.testing.play_files import load
from hames.testing.recorded import Recorded


def main(argv: Sequence[str] | None = None) -> None:
    """Serve until told to end."""
    parser = _parser()
    args = parser.parse_args(argv)
    try:
        plays = _plays(args.plays)
    except (OptionsError, OSError) as error:
        parser.error(str(error))
    asyncio.run(_serve(args, plays))


async def _serve(args: argparse.Namespace, plays: list[Play]) -> None:
    api = FakeAPI(
        plays,
        per=args.per,
        judge=not args.no_judge,
        account=not args.no_account,
        record=args.log is not None,
        minimum_tokens=args.minimum_tokens,
        gzip=args.gzip,
        host=args.host,
        port=args.port,
    )
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    if args.until_eof:
        loop.add_reader(sys.stdin, lambda: ended.set() if not sys.stdin.read(1) else None)
    async with api:
        print(api.url, flush=True)
        await ended.wait()
    if args.log is not None:
        Path(args.log).write_bytes(b"".join(_line(request) for request in api.requests))


def _plays(file: str | None) -> list[Play]:
    if file is None:
        return load('[{"says": "Hello.", "forever": true}]')
    return load(sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes())


def _line(request: Recorded) -> bytes:
    """One request as a line of the log."""
    value = {
        "target": request.target,
        "headers": request.headers,
        "status": request.status,
        "abandoned": request.abandoned,
        "violations": [str(violation) for violation in request.violations],
        "usage": request.cache.usage() if request.cache else None,
        "body": request.raw.decode("utf-8", "replace"),
    }
    return _json.encode(value) + b"\n"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m hames.testing.fake_api",
        description="A Messages API on loopback that plays a file of replies.",
    )
    add = parser.add_argument
    add("--plays", metavar="FILE", help="JSON list of plays; `-` is standard input; default: hello")
    add("--host", default="127.0.0.1")
    add("--port", type=int, default=0, help="default: any free one")
    add("--per", metavar="HEADER", help="start the plays anew for each value of this header")
    add("--log", metavar="FILE", help="write the requests there at the end, one JSON line each")
    add("--no-judge", action="store_true", help="answer requests that the API would refuse")
    add("--no-account", action="store_true", help="count no tokens and no caching")
    add("--minimum-tokens", type=int, default=1024, help="the shortest prefix that is cached")
    add("--gzip", action="store_true", help="compress streams for clients that accept it")
    add("--until-eof", action="store_true", help="end when standard input closes")
    return parser
