"""Unpacks what comes packed: a little at a time, to its end, and nothing that was not asked for.

The HTTP library unpacks a piece as a whole, to a thousand times its length if need be, and misses a missing end.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from kalbio._core import constants


def is_packed(encoding: str | None) -> bool:
    """Whether a body with this Content-Encoding is gzip. Raises ValueError naming any other encoding."""
    name = (encoding or "").strip().lower()
    if name in ("gzip", "x-gzip"):
        return True
    if name in ("", "identity"):
        return False
    raise ValueError(f"it has the encoding {encoding!r}, and the client accepts only gzip")


class Gunzip:
    """Unpacks gzip. Both methods raise zlib.error: for what is no gzip, and for gzip without its end."""

    def __init__(self) -> None:
        self._part: zlib._Decompress | None = None

    def feed(self, packed: bytes) -> Iterator[bytes]:
        """Yield what a piece unpacks to, in pieces of `constants.DOWNLOAD_CHUNK` at most."""
        while packed:
            if self._part is None or self._part.eof:  # there may be several, one after the other
                self._part = zlib.decompressobj(zlib.MAX_WBITS | 16)
            if piece := self._part.decompress(packed, constants.DOWNLOAD_CHUNK):
                yield piece
            packed = self._part.unused_data if self._part.eof else self._part.unconsumed_tail

    def finish(self) -> bytes:
        """Return what is left to give when nothing more comes. A body of nothing at all has no end that is missing."""
        if self._part is None or self._part.eof:
            return b""
        rest = self._part.flush()
        if not self._part.eof:
            raise zlib.error("the end of the compressed data is missing")
        return rest
