"""HTTP/1.1 in its most usual form, written and read at a fraction of what the whole protocol takes.

A request of that form has a short body or none. An answer of that form comes with its whole head in one piece, tells
how long its body is, and says nothing about the connection but that it stays. For everything else, and for whatever is
odd, the functions here give None: then h11 has the say, which knows all of HTTP/1.1.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

Headers = Sequence[tuple[bytes, bytes]]

_METHODS = frozenset({b"GET", b"POST", b"PUT", b"PATCH", b"DELETE"})
_NO_BODY = frozenset({204, 304})
_FRAMING = frozenset({b"connection", b"content-length", b"expect", b"host", b"transfer-encoding", b"upgrade"})
"""Headers that say how a message is cut out of what goes over the connection, or what becomes of that."""
_SHORT = 65_536

_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_SEEN = rb"[!-~\x80-\xff]+"
_REQUEST = re.compile(rb"[A-Z]+ [!-~]+ HTTP/1\.1\r\n(?:%b: (?:%b(?:[ \t]+%b)*)?\r\n)+" % (_TOKEN, _SEEN, _SEEN))
_ANSWER = re.compile(rb"HTTP/1\.1 ([2-5][0-9]{2})(?: ([\t -~]*))?((?:\r\n%b:[\t -~\x80-\xff]*)+)" % _TOKEN)


def request_head(method: bytes, target: bytes, headers: Headers) -> tuple[bytes, int] | None:
    """Return the bytes of the head of a request, and how long its body has to be."""
    if method not in _METHODS or not headers or headers[0][0].lower() != b"host":
        return None
    length: int | None = None
    lines = [method + b" " + target + b" HTTP/1.1"]
    for name, value in headers:
        if (lower := name.lower()) in _FRAMING and len(lines) > 1:
            if lower == b"content-length":
                if length is not None or not value.isdigit() or len(value) > 9:
                    return None
                length = int(value)
            elif lower != b"connection" or value != b"keep-alive":
                return None
        if b":" in name:
            return None
        lines.append(name + b": " + value)
    head = b"\r\n".join(lines) + b"\r\n"
    # As many lines as headers: there is no line end inside of one.
    if head.count(b"\n") != len(lines) or (length or 0) >= _SHORT or _REQUEST.fullmatch(head) is None:
        return None
    return head + b"\r\n", length or 0


class AnswerHead(NamedTuple):
    """What the head of an answer says, and where its body is."""

    status: int
    reason: bytes
    headers: list[tuple[bytes, bytes]]
    start: int
    length: int


def answer_head(data: bytes) -> AnswerHead | None:
    """Read the head of an answer at the beginning of what came."""
    end = data.find(b"\r\n\r\n")
    match = _ANSWER.fullmatch(data, 0, end) if end > 0 else None
    if match is None:
        return None
    status = int(match[1])
    length: int | None = None
    headers: list[tuple[bytes, bytes]] = []
    for line in match[3].split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        value = value.strip(b" \t")
        if (lower := name.lower()) in _FRAMING:
            if lower == b"content-length":
                if length is not None or not value.isdigit() or len(value) > 18:
                    return None
                length = int(value)
            elif lower != b"connection" or value.lower() != b"keep-alive":
                return None
        headers.append((name, value))
    if length is None or status in _NO_BODY:
        return None
    return AnswerHead(status, match[2] or b"", headers, end + 4, length)
