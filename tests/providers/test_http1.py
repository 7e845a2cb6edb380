"""HTTP/1.1 as bytes: however an answer is cut into pieces, it is read the same; what is none is refused."""

from __future__ import annotations

import pytest

from hames.providers.http1 import MOST_HEAD, Body, NoHTTP, request_head, take_head

CHUNKED = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-Two: a\r\nx-two: b\r\n\r\n"
    b"5\r\nhello\r\n1;name=value\r\n,\r\n006 \r\n world\r\n0\r\nx-trailer: 1\r\n\r\n"
)


def read(*pieces: bytes, most: int = 1000) -> tuple[int, dict[str, str], bytes, bytes]:
    """Status, headers, body, and what follows the answer."""
    data, head, said = bytearray(), None, b""
    for piece in pieces:
        data += piece
        if head is None:
            head = take_head(data)
            if head is not None:
                body = Body(head)
        while head is not None and not body.done and (part := body.take(data, most)):
            assert len(part) <= most
            said += part
    assert head is not None
    return head.status, head.headers, said, bytes(data)


def test_a_chunked_body_is_joined_and_its_end_is_found():
    status, headers, body, rest = read(CHUNKED + b"HTTP/1.1 200 Next")
    assert (status, body, rest) == (200, b"hello, world", b"HTTP/1.1 200 Next")
    assert headers == {"transfer-encoding": "chunked", "x-two": "a, b"}


@pytest.mark.parametrize("size", [1, 2, 3, 7, 50])
@pytest.mark.parametrize("most", [1, 4, 1000])
def test_pieces_of_any_size_are_read_the_same(size: int, most: int):
    pieces = [CHUNKED[at : at + size] for at in range(0, len(CHUNKED), size)]
    assert read(*pieces, most=most)[2:] == (b"hello, world", b"")


def test_a_body_with_a_length_ends_there():
    answer = b"HTTP/1.1 200 OK\r\ncontent-length: 5, 5\r\n\r\nhellomore"
    assert read(answer)[2:] == (b"hello", b"more")


def test_a_body_without_a_length_ends_with_the_connection():
    data = bytearray(b"HTTP/1.0 200 OK\r\n\r\nhello")
    head = take_head(data)
    assert head is not None
    body = Body(head)
    assert (body.take(data, 100), body.done, head.keep) == (b"hello", False, False)
    assert body.end()


def test_a_body_that_was_cut_has_no_end():
    data = bytearray(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhello")
    head = take_head(data)
    assert head is not None
    body = Body(head)
    body.take(data, 100)
    assert not body.end()


def test_interim_answers_are_skipped():
    answer = (
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nlink: x\r\n\r\nHTTP/1.1 204 No\r\n\r\n"
    )
    assert read(answer) == (204, {}, b"", b"")


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"SSH-2.0-Server\r\n\r\n", "begins with"),
        (b"HTTP/2 200 OK\r\n\r\n", "begins with"),
        (b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n", "no header"),
        (b"HTTP/1.1 200 OK\r\nna me: x\r\n\r\n", "no header"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 5, 6\r\n\r\n", "length"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: -5\r\n\r\n", "length"),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n", "coded"),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0x5\r\nhello\r\n", "chunk"),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n-5\r\nhello\r\n", "chunk"),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhello\r\n", "longer"),
        (b"HTTP/1.1 200 OK\r\nx: " + b"a" * MOST_HEAD, "longer"),
        (
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\nx: " + b"a" * MOST_HEAD,
            "trailers",
        ),
    ],
    ids=range(12),
)
def test_what_is_no_http_is_refused(answer: bytes, said: str):
    with pytest.raises(NoHTTP, match=said):
        read(answer)


def test_a_request_is_written_with_its_length():
    head = request_head("/v1?a=b", "api:1", {"x-name": " é "}, 7)
    assert (
        head
        == "POST /v1?a=b HTTP/1.1\r\nhost: api:1\r\nx-name: é\r\ncontent-length: 7\r\n\r\n".encode()
    )


@pytest.mark.parametrize(
    "headers",
    [{"x": "a\r\nhost: b"}, {"x": "a\nb"}, {"x": "a\0"}, {"x y": "a"}, {"x:": "a"}, {"": "a"}],
)
def test_a_header_that_would_break_the_request_is_refused(headers: dict[str, str]):
    with pytest.raises(ValueError, match=r"header|value of"):
        request_head("/", "api", headers, 0)
