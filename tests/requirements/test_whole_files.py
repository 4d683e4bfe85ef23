"""R136–R137: what is saved is the whole of what was asked for, and unpacking it takes little memory."""

from __future__ import annotations

import gzip
import io
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from kalbio import ConnectionFailedError, KalbioResponseError
from kalbio._core.http.decompression import Gunzip
from tests.conftest import World
from tests.core.wire import Pieces, Wire

FILE = "6f1c0d5e-0000-4000-8000-000000000001"
KIND = "6f1c0d5e-0000-4000-8000-000000000002"
TABLE = b"".join(b"SBX-%d,%d\n" % (n, n * n % 997) for n in range(5_000))
PACKED = gzip.compress(TABLE)
FORMS = ("file", "export", "bytes", "pieces", "open file")


def fetch(world: World, answer: Any, form: str, folder: Path) -> bytes:
    """Fetch what a wire answers, in one of the forms in which it can be had."""
    client = world.connect(transport=Wire(answer), retries=0)
    files, into = client.files, io.BytesIO()

    async def collect() -> bytes:
        return b"".join([piece async for piece in files.iter_file(FILE)])

    if form == "file":
        return Path(world(files.download_file(FILE, "x.csv", folder))).read_bytes()
    if form == "export":
        return Path(world(client.exports.pull_data("x.csv", KIND, folder))).read_bytes()
    if form == "bytes":
        return bytes(world(files.read_file(FILE)))
    if form == "pieces":
        return b"".join(files.iter_file(FILE)) if world.kind == "sync" else bytes(world(collect()))
    world(files.write_file(FILE, into))
    return into.getvalue()


def in_pieces(body: bytes, **headers: str) -> httpx.Response:
    """An answer as it comes from a socket, without a length unless one is given."""
    cut = [body[at : at + 1000] for at in range(0, len(body), 1000)]
    return httpx.Response(200, headers=named(headers), stream=Pieces(*cut))


def at_once(body: bytes, **headers: str) -> httpx.Response:
    """An answer as a transport in this process may give it: the library has read and unpacked it already."""
    return httpx.Response(200, headers=named(headers), content=body)


def named(headers: dict[str, str]) -> dict[str, str]:
    """Names of headers as they are written."""
    return {name.replace("_", "-"): value for name, value in headers.items()}


BOTH = pytest.mark.parametrize("arrives", [in_pieces, at_once])


@pytest.mark.parametrize("form", FORMS)
def test_r136_only_200_has_a_whole_file(world: World, tmp_path: Path, form: str) -> None:
    """A part, a promise, nothing at all: no success but 200 is saved or handed out, and the stream is closed."""
    for status in (201, 202, 203, 204, 205, 206, 207, 226):
        body = Pieces(b"part,of,it\n")
        answer = httpx.Response(status, headers={"content-range": "bytes 0-10/99"}, stream=body)

        with pytest.raises(KalbioResponseError, match=str(status)):
            fetch(world, answer, form, tmp_path)

        assert list(tmp_path.iterdir()) == []
        assert body.closed


@pytest.mark.parametrize("form", FORMS)
def test_r136_other_encodings_are_refused_by_name(world: World, tmp_path: Path, form: str) -> None:
    """What was not asked for is not guessed at, nor unpacked where it could be: the error names the encoding."""
    for encoding in ("br", "deflate", "zstd", "compress", "gzip, identity", "gzip, gzip", "x-new"):
        answer = in_pieces(zlib.compress(TABLE) if encoding == "deflate" else PACKED, content_encoding=encoding)

        with pytest.raises(KalbioResponseError, match=repr(encoding)):
            fetch(world, answer, form, tmp_path)

        assert list(tmp_path.iterdir()) == []


@BOTH
@pytest.mark.parametrize("form", FORMS)
def test_r136_gzip_is_saved_whole_or_not_at_all(
    world: World, tmp_path: Path, form: str, arrives: Callable[..., httpx.Response]
) -> None:
    """Under each of its names gzip is unpacked; cut anywhere it is a broken download, however it arrives."""
    for encoding, cut in zip(
        ("gzip", "x-gzip", "GZip", "gzip", "gzip"), (1, 8, 9, len(PACKED) // 2, len(PACKED) - 10), strict=True
    ):
        assert fetch(world, arrives(PACKED, content_encoding=encoding), form, tmp_path) == TABLE
        (tmp_path / "x.csv").unlink(missing_ok=True)
        with pytest.raises(ConnectionFailedError, match="the download broke"):
            fetch(world, arrives(PACKED[:-cut], content_encoding=encoding), form, tmp_path)
        assert list(tmp_path.iterdir()) == []


@BOTH
@pytest.mark.parametrize("length", ["5", "3", "²", "4, 9", "9" * 5000])
def test_r136_a_body_of_another_length_is_not_whole(
    world: World, tmp_path: Path, length: str, arrives: Callable[..., httpx.Response]
) -> None:
    """Where a length is stated, the body has it, whatever the header looks like."""
    answer = arrives(b"a,b\n")
    answer.headers = httpx.Headers([(b"content-length", length.encode("latin-1"))])

    with pytest.raises(ConnectionFailedError, match=r"4 of .+ bytes arrived"):
        fetch(world, answer, "file", tmp_path)

    assert list(tmp_path.iterdir()) == []


def test_r136_nothing_is_no_packed_file(world: World, tmp_path: Path) -> None:
    """A packed body always has an end: nothing at all is one that was cut, unless its length is stated to be none."""
    with pytest.raises(ConnectionFailedError, match="the compressed body is empty"):
        fetch(world, in_pieces(b"", content_encoding="gzip"), "file", tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert fetch(world, in_pieces(b"", content_encoding="gzip", content_length="0"), "file", tmp_path) == b""


@pytest.mark.parametrize("operation", ["file", "export"])
def test_r136_nothing_but_gzip_is_asked_for(world: World, tmp_path: Path, operation: str) -> None:
    """Files are asked for as they are stored, tables packed with gzip, also of the host that a redirect leads to."""
    onward = httpx.Response(302, headers={"location": "https://files.invalid/x"})
    wire = Wire(onward, httpx.Response(200, stream=Pieces(b"a")))
    client = world.connect(transport=wire, retries=0)
    if operation == "file":
        world(client.files.download_file(FILE, "x.csv", tmp_path))
    else:
        world(client.exports.pull_data("x.csv", KIND, tmp_path))

    asked = [seen.headers.get("accept-encoding") for seen in wire.requests]
    assert asked == ["identity" if operation == "file" else "gzip"] * 2


@pytest.mark.parametrize("form", ["file", "export", "open file"])
def test_r137_unpacking_a_file_takes_little_memory(world: World, tmp_path: Path, form: str) -> None:
    """Thirty kilobytes that unpack to thirty megabytes are written in less than four megabytes of memory."""
    size = 30_000_000
    packed = gzip.compress(bytes(size), compresslevel=9)
    cut = [packed[at : at + 65_536] for at in range(0, len(packed), 65_536)]
    client = world.connect(transport=Wire(_packed(cut)), retries=0)
    with (tmp_path / "open").open("wb") as file:
        # What the first request loads is not what is measured.
        small = world.connect(transport=Wire(_packed([gzip.compress(b"x")])), retries=0)
        world(small.files.write_file(FILE, io.BytesIO()))
        tracemalloc.start()
        try:
            if form == "file":
                world(client.files.download_file(FILE, "x.csv", tmp_path))
            elif form == "export":
                world(client.exports.pull_data("x.csv", KIND, tmp_path))
            else:
                world(client.files.write_file(FILE, file))
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()

    assert (tmp_path / ("open" if form == "open file" else "x.csv")).stat().st_size == size
    assert peak < 4_000_000


def _packed(cut: list[bytes]) -> httpx.Response:
    return httpx.Response(200, headers={"content-encoding": "x-gzip"}, stream=Pieces(*cut))


@pytest.mark.parametrize("cut", [1, 7, 65_536])
def test_r137_no_piece_is_larger_than_another(cut: int) -> None:
    """However the network cuts it, what is unpacked comes in pieces of 64 KiB at most, to the last byte."""
    packed = gzip.compress(TABLE) + gzip.compress(bytes(3_000_000))
    gunzip = Gunzip()
    pieces = [piece for at in range(0, len(packed), cut) for piece in gunzip.feed(packed[at : at + cut])]
    pieces.append(gunzip.finish())

    assert max(map(len, pieces)) <= 65_536
    assert b"".join(pieces) == TABLE + bytes(3_000_000)
