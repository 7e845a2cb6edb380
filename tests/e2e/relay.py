"""A proxy on loopback that brings every request to one server, and remembers what it was asked."""

from __future__ import annotations

import socket
import threading
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit


class Relay:
    """`with Relay(api.url) as proxy:` and then `HTTP_PROXY=proxy.url`."""

    def __init__(self, target: str) -> None:
        parts = urlsplit(target)
        self._target = (parts.hostname or "", parts.port or 0)
        self.lines: list[str] = []
        """The first line of each request."""
        self.authorizations: list[str] = []

    def __enter__(self) -> Self:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, socket.create_connection(self._target) as server:
            head, rest = _head(client)
            first, *others = head.split("\r\n")
            self.lines.append(first)
            self.authorizations += [
                line.partition(": ")[2]
                for line in others
                if line.lower().startswith("proxy-authorization:")
            ]
            if first.startswith("CONNECT "):
                client.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
            else:
                server.sendall(_to_the_server(first, others) + rest)
            back = threading.Thread(target=_pump, args=(server, client), daemon=True)
            back.start()
            _pump(client, server)
            back.join(10)


def _head(client: socket.socket) -> tuple[str, bytes]:
    data = b""
    while b"\r\n\r\n" not in data:
        data += client.recv(65536)
    head, _, rest = data.partition(b"\r\n\r\n")
    return head.decode("latin-1"), rest


def _to_the_server(first: str, others: list[str]) -> bytes:
    """The head of one request as the server would get it directly."""
    method, url, version = first.split(" ")
    parts = urlsplit(url)
    kept = [line for line in others if not line.lower().startswith(("proxy-", "connection:"))]
    lines = [f"{method} {parts.path}?{parts.query} {version}", *kept, "connection: close", "", ""]
    return "\r\n".join(lines).encode("latin-1")


def _pump(source: socket.socket, sink: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass
