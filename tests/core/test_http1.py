"""Messages of the usual form take a shorter way than h11's, and mean the same on it."""

from __future__ import annotations

import itertools
from typing import Any

import h11
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kalbio._core.http import http1, plain_http1
from kalbio._core.http.http1 import CannotBeSent, Exchange

HOST = (b"Host", b"api.test")
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"


def by_h11_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave every message to h11."""
    monkeypatch.setattr(plain_http1, "request_head", lambda *_: None)


def answered(parts: list[bytes], body: bytes = b"", method: bytes = b"GET") -> Any:
    """Everything that an exchange tells of an answer that comes in these parts: head, body, and what may follow."""
    exchange = Exchange()
    headers = [HOST, (b"Content-Length", b"%d" % len(body))] if body else [HOST]
    sent = exchange.begin(method, b"/things", headers)
    if body:
        sent += exchange.body(body)
    sent += exchange.end()
    told: list[Any] = [sent]
    came = iter(parts)
    try:
        while (head := exchange.head()) is None:
            if (part := next(came, None)) is None:
                return [*told, "no head"]
            exchange.feed(part)
        told.append(head)
        read = b""
        while (piece := exchange.piece()) != b"":
            if piece is None:
                if (part := next(came, None)) is None:
                    return [*told, read, "no end"]
                exchange.feed(part)
            else:
                read += piece
        told.append(read)
        for part in came:
            exchange.feed(part)
    except Exception as error:
        return [*told, type(error), str(error)]
    return [*told, exchange.left_over, exchange.next_cycle()]


LINES = [
    b"Content-Type: application/json",
    b"Content-Length: 5",
    b"Content-Length: 5, 5",
    b"content-length:5 ",
    b"Content-Length: 7",
    b"Content-Length: +5",
    b"Content-Length: 0x5",
    b"Content-Length: -1",
    b"Content-Length:",
    b"Content-Length: \xb2",
    b"Transfer-Encoding: chunked",
    b"Transfer-Encoding: gzip",
    b"Connection: keep-alive",
    b"Connection: close",
    b"Connection: Upgrade",
    b"Upgrade: websocket",
    b"X-Folded: one",
    b" two",
    b"X-Empty:",
    b"X-Tab:\tvalue\t",
    b"X Space: 1",
    b"X-Space : 1",
    b": no name",
    b"no colon",
    b"X-Nul: \x00",
    b"X-Bell: \x07",
    b"X-Latin: caf\xe9",
    b"X-Return: a\rb",
    b"X-Del: \x7f",
    b"",
]
STATUSES = [
    b"HTTP/1.1 200 OK",
    b"HTTP/1.1 200",
    b"HTTP/1.1 200 ",
    b"HTTP/1.1 404 Not Found",
    b"HTTP/1.1 204 No Content",
    b"HTTP/1.1 304 Not Modified",
    b"HTTP/1.1 100 Continue",
    b"HTTP/1.1 101 Switching",
    b"HTTP/1.1 600 Odd",
    b"HTTP/1.1 999 Odd",
    b"HTTP/1.0 200 OK",
    b"HTTP/2 200 OK",
    b"HTTP/1.1  200 OK",
    b"http/1.1 200 OK",
    b"HTTP/1.1 2000 OK",
    b"ICY 200 OK",
    b"<html>",
    b"",
]
lines, statuses = st.sampled_from(LINES), st.sampled_from(STATUSES)
bodies = st.sampled_from([b"", b"hello", b"hello!!", b"hel", b"5\r\nhello\r\n0\r\n\r\n", b"hello" + ANSWER])


@given(
    statuses,
    st.lists(lines, max_size=5),
    st.sampled_from([b"\r\n", b"\r\n", b"\r\n", b"\n"]),
    bodies,
    st.lists(st.integers(0, 200), max_size=3),
    st.booleans(),
    st.sampled_from([(b"GET", b""), (b"POST", b"{}"), (b"HEAD", b"")]),
)
@settings(max_examples=120, deadline=None)
def test_whatever_comes_means_what_it_means_to_h11(
    status: bytes,
    head: list[bytes],
    line_end: bytes,
    body: bytes,
    cuts: list[int],
    ends: bool,
    asked: tuple[bytes, bytes],
) -> None:
    """Heads good and bad, bodies short, long and doubled, cut anywhere, tell the same as when h11 reads all of them."""
    came = line_end.join([status, *head, b"", body])
    places = [0, *sorted({min(cut, len(came)) for cut in cuts}), len(came)]
    parts = [came[start:end] for start, end in itertools.pairwise(places) if end > start]
    if ends:
        parts.append(b"")
    method, sent = asked
    with pytest.MonkeyPatch.context() as patch:
        by_h11_alone(patch)
        expected = answered(parts, sent, method)
    assert answered(parts, sent, method) == expected


NAMES = [b"Accept", b"Connection", b"Content-Length", b"Expect", b"Host", b"Transfer-Encoding", b"X: y", b"", b"X\r\nY"]
VALUES = [b"1", b"0", b"", b"a b", b" a", b"a ", b"a\r\nX: y", b"a\nb", b"keep-alive", b"\x00", b"caf\xe9"]
HEADERS = st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(VALUES)), max_size=4)


def begun(method: bytes, target: bytes, headers: list[tuple[bytes, bytes]], pieces: list[bytes]) -> Any:
    """The bytes of a request, or those before it was refused and how it was."""
    exchange = Exchange()
    sent = b""
    try:
        sent += exchange.begin(method, target, headers)
        for piece in pieces:
            sent += exchange.body(piece)
        sent += exchange.end()
    except Exception as error:
        return sent, type(error)
    return sent


@given(
    st.sampled_from([b"GET", b"POST", b"get", b"HEAD", b"", b"GET X"]),
    st.sampled_from([b"/", b"/things?a=b", b"/a b", b"", b"/\r\nX: y", b"/caf\xe9"]),
    st.booleans(),
    HEADERS,
    st.lists(st.sampled_from([b"", b"x", b"xx"]), max_size=2),
)
@settings(max_examples=120, deadline=None)
def test_whatever_is_to_be_sent_is_sent_as_by_h11(
    method: bytes, target: bytes, hosted: bool, headers: list[tuple[bytes, bytes]], pieces: list[bytes]
) -> None:
    """Requests that can be sent are the same bytes as h11's, and those that cannot are refused as it refuses them."""
    headers = [HOST, *headers] if hosted else headers
    with pytest.MonkeyPatch.context() as patch:
        by_h11_alone(patch)
        expected = begun(method, target, headers, pieces)
    assert begun(method, target, headers, pieces) == expected


@pytest.mark.parametrize("status", STATUSES)
def test_each_oddity_by_itself_means_what_it_means_to_h11(status: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """A good head with one odd line in it tells the same as when h11 reads it."""
    heads = [b"\r\n".join([status, b"Content-Length: 5", line, b"", b"hello"]) for line in LINES]
    mine = [answered([head]) for head in heads]
    by_h11_alone(monkeypatch)
    assert mine == [answered([head]) for head in heads]


def test_each_odd_header_is_sent_or_refused_as_by_h11(monkeypatch: pytest.MonkeyPatch) -> None:
    """One header more makes the same bytes as h11, or is refused as h11 refuses it."""
    requests = [[HOST, (name, value)] for name in NAMES for value in VALUES]
    mine = [begun(b"POST", b"/", headers, pieces) for headers in requests for pieces in ([], [b"x"])]
    by_h11_alone(monkeypatch)
    assert mine == [begun(b"POST", b"/", headers, pieces) for headers in requests for pieces in ([], [b"x"])]


def test_the_usual_exchange_needs_no_h11(monkeypatch: pytest.MonkeyPatch) -> None:
    """A small call on a kept-alive connection is made without h11, one after the other."""

    def refuse(*_: Any, **__: Any) -> Any:
        raise AssertionError("h11 was asked")

    monkeypatch.setattr(h11, "Connection", refuse)
    exchange = Exchange()
    for method, body in ((b"GET", b""), (b"POST", b"{}"), (b"GET", b"")):
        headers = [HOST, (b"Connection", b"keep-alive"), *([(b"Content-Length", b"2")] if body else [])]
        sent = exchange.begin(method, b"/things", headers) + (exchange.body(body) if body else b"") + exchange.end()
        assert sent.endswith(b"\r\n\r\n" + body)
        exchange.feed(ANSWER)
        head = exchange.head()
        assert head is not None
        assert head[0] == 200
        assert (exchange.piece(), exchange.piece()) == (b"{}", b"")
        assert not exchange.left_over
        assert exchange.next_cycle()


def test_a_long_body_is_the_work_of_h11() -> None:
    """A body that is sent in pieces is not kept to be told to h11 later on."""
    length = b"%d" % (2 * http1.READ_SIZE)
    assert plain_http1.request_head(b"POST", b"/", [HOST, (b"Content-Length", length)]) is None


def test_two_answers_in_one_packet_are_left_over() -> None:
    """What comes after the end of an answer is told, and its connection has no next cycle."""
    assert answered([ANSWER + ANSWER])[-2:] == [True, False]
    assert answered([ANSWER, ANSWER])[-2:] == [True, False]
    assert answered([ANSWER, b""])[-2:] == [False, False]


def test_a_request_that_was_not_sent_whole_is_the_last() -> None:
    """An answer that comes before the end of the body leaves a connection that cannot carry another request."""
    for sent, again in ((b"ab", True), (b"a", False)):
        exchange = Exchange()
        exchange.begin(b"POST", b"/things", [HOST, (b"Content-Length", b"2")])
        exchange.body(sent)
        exchange.feed(ANSWER)
        assert exchange.head() is not None
        assert (exchange.piece(), exchange.piece()) == (b"{}", b"")
        assert exchange.next_cycle() is again


def test_a_request_that_cannot_be_sent_says_so() -> None:
    """A header with a line end never becomes two headers."""
    with pytest.raises(CannotBeSent):
        Exchange().begin(b"GET", b"/", [HOST, (b"X-Lab", b"1\r\nX-Other: 2")])


@pytest.mark.parametrize("length", [0, 1, http1.LONG, http1.LONG + 1, 3 * http1.LONG])
def test_a_long_body_goes_out_in_pieces(length: int) -> None:
    """The pieces make up the body, and none of them is long."""
    body = bytes(range(251)) * (length // 251 + 1)
    pieces = list(http1.in_pieces(body[:length]))
    assert b"".join(pieces) == body[:length]
    assert max(map(len, pieces)) <= http1.LONG
