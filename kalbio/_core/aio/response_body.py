"""Reads the body of an answer into memory: unpacked a little at a time, and no more of it than a limit."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator, Callable
from typing import cast

from kalbio._core import constants
from kalbio._core.http.decompression import Gunzip, is_packed
from kalbio._core.http.httpx_names import AsyncByteStream, ByteStream, ReadError, ReadTimeout, Response
from kalbio._core.http.json_response import JSONResponse
from kalbio._core.http.responses import unusable
from kalbio._core.http.time_limits import Limits


async def read(response: Response, limit: int) -> JSONResponse:
    """Return an answer with its body. A longer one raises ResponseError, or is cut in a refusal.

    ReadError says that it cannot be unpacked, and so was lost.
    """
    try:
        if response.is_stream_consumed:  # a transport in this process may give the body whole
            body = response.content
            response.extensions.setdefault("received", len(body))
            if len(body) > limit and response.is_success:
                raise unusable(response, _too_long(limit), show=False)
        else:
            body = await _body(response, limit)
    except BaseException:
        await response.aclose()  # it would keep its connection
        raise
    # The stream refers to its response: without this, bodies would pile up until the garbage collector comes by.
    response.stream = ByteStream(b"")
    return JSONResponse(response, body)


class CountedStream(AsyncByteStream):
    """The body of an answer that is handed on unread. It tells once, when it is closed, what became of it."""

    def __init__(self, stream: AsyncByteStream, tell: Callable[[int | None, BaseException | None], object]) -> None:
        self._stream = stream
        self._tell: Callable[[int | None, BaseException | None], object] | None = tell
        self._received: int | None = None  # until its end was seen
        self._failure: BaseException | None = None

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            received = 0
            async for piece in self._stream:
                received += len(piece)
                yield piece
            self._received = received
        except GeneratorExit:  # its reader has seen enough
            raise
        except BaseException as error:
            self._failure = error
            raise

    async def aclose(self) -> None:
        """Close it, and tell."""
        try:
            await self._stream.aclose()
        finally:
            tell, self._tell = self._tell, None
            if tell is not None:
                tell(self._received, self._failure)


async def _body(response: Response, limit: int) -> bytes:
    encoding = response.headers.get("content-encoding")
    wrong, unpack = None, None
    try:
        unpack = Gunzip() if is_packed(encoding) else None
    except ValueError as error:
        wrong = str(error)
    if wrong is not None or not response.is_success:
        limit = constants.MAX_REFUSAL
    stream = cast(AsyncByteStream, response.stream)
    deadline = Limits(response.request.extensions)
    kept: list[bytes] = []
    size = received = 0
    length: int | None = None  # until its end was seen
    try:
        async for piece in stream:
            if deadline.over:  # connections that are not ours only know the limits of each wait
                raise ReadTimeout("the deadline of the call passed", request=response.request)
            received += len(piece)
            for part in (piece,) if unpack is None else unpack.feed(piece):
                size += len(part)
                if size > limit:
                    break
                kept.append(part)
            if size > limit:
                wrong = wrong or _too_long(limit)
                if response.is_success:
                    kept.clear()
                break
        else:
            length = received
            if unpack is not None:
                kept.append(unpack.finish())
    except zlib.error as error:
        raise ReadError(f"the answer cannot be decompressed: {error}", request=response.request) from error
    finally:
        response.extensions.setdefault("received", length)  # a refusal that was read before is read from memory
        await stream.aclose()
    if wrong is not None and response.is_success:
        raise unusable(response, wrong, show=False)
    return b"".join(kept)


def _too_long(limit: int) -> str:
    return f"the answer is longer than {limit:,} bytes; ask for less, or make the client with a larger max_answer_size"
