"""Multipart bodies: strict by default, with a lenient mode for clients that hide the boundary."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import unquote

import python_multipart
from python_multipart.multipart import MultipartParser, parse_options_header

from kalbio._core.emulator.refusals import Code, Refusal

_MOST_PARTS = 16
_BOUNDARY = re.compile(rb"[!-~ ]{0,69}[!-~]")
_PARAMETER = re.compile(r';\s*([^\s=;"]+)=(?:"((?:[^"\\]|\\.)*)"|([^;]*))', re.DOTALL)


@dataclass
class Part:
    """One part of a multipart body."""

    headers: dict[str, str] = field(default_factory=dict)
    data: bytearray = field(default_factory=bytearray)

    @property
    def disposition(self) -> dict[str, str]:
        """The parameters of its Content-Disposition. A name in the extended form counts before the plain one."""
        found: dict[str, str] = {}
        extended: dict[str, str] = {}
        for name, quoted, plain in _PARAMETER.findall(self.headers.get("content-disposition", "")):
            if name.endswith("*"):
                charset, _, text = plain.strip().partition("'")
                if charset.lower() == "utf-8":
                    extended[name.lower()[:-1]] = unquote(text.partition("'")[2], errors="replace")
            else:
                # Browsers leave a backslash alone, others double it.
                found[name.lower()] = re.sub(r'\\(["\\])', r"\1", quoted) if quoted else plain.strip()
        return found | extended


def boundary_of(content_type: str) -> bytes | None:
    """The boundary named in a Content-Type header."""
    _, options = parse_options_header(content_type)
    boundary = options.get(b"boundary")
    if boundary is not None and not _BOUNDARY.fullmatch(boundary):
        message = f"the boundary has {len(boundary)} bytes or wrong ones; it may have 1 to 70 printable ones"
        raise Refusal(400, message, code=Code.INVALID_MULTIPART)
    return boundary


def sniff_boundary(body: bytes) -> bytes | None:
    """The boundary a multipart body begins with, for clients that send one under `application/json`."""
    line, found, _ = body.partition(b"\r\n")
    return line[2:] if found and line.startswith(b"--") and 2 < len(line) <= 72 and b" " not in line else None


def read_parts(body: bytes, boundary: bytes) -> list[Part]:
    """The parts of a multipart body, in order."""
    parts: list[Part] = []
    name = bytearray()
    text = bytearray()
    ended = False

    def header_end() -> None:
        parts[-1].headers[name.decode("latin-1").lower()] = text.decode("utf-8", "replace")
        name.clear()
        text.clear()

    def end() -> None:
        nonlocal ended
        ended = True

    def begin() -> None:
        if len(parts) == _MOST_PARTS:
            raise Refusal(400, f"body has more than {_MOST_PARTS} parts", code=Code.TOO_MANY_PARTS)
        parts.append(Part())

    parser = MultipartParser(
        boundary,
        {
            "on_part_begin": begin,
            "on_header_field": lambda data, start, stop: name.extend(data[start:stop]),
            "on_header_value": lambda data, start, stop: text.extend(data[start:stop]),
            "on_header_end": header_end,
            "on_part_data": lambda data, start, stop: parts[-1].data.extend(data[start:stop]),
            "on_end": end,
        },
    )
    try:
        parser.write(body)
        parser.finalize()
    except python_multipart.exceptions.FormParserError as error:
        raise Refusal(400, f"body is not proper multipart: {error}", code=Code.INVALID_MULTIPART) from None
    if not ended:
        raise Refusal(400, "body ends before its last boundary", code=Code.INVALID_MULTIPART)
    return parts
