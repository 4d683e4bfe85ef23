"""R65–R71: downloads and uploads, seen at the wire and on the disk."""

from __future__ import annotations

import hashlib
import tempfile
from contextlib import aclosing, closing, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from kalbio import ConnectionFailedError, IdentifierError
from tests.conftest import Lab, World
from tests.core.wire import Pieces, Wire

FILE = "6f1c0d5e-0000-4000-8000-000000000001"
KIND = "6f1c0d5e-0000-4000-8000-000000000002"
DATA = bytes(range(256)) * 1000


def serve(*pieces: bytes | Exception, content_type: str = "text/csv", **headers: str) -> tuple[httpx.Response, Pieces]:
    """Return an answer that comes in pieces, and its body, which tells whether it was closed."""
    body = Pieces(*pieces)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.Response(200, headers={"content-type": content_type, **named}, stream=body), body


def connect(world: World, *steps: Any) -> tuple[Any, Wire]:
    """Make a client on a wire that gives these answers."""
    wire = Wire(*steps)
    return world.connect(transport=wire, retries=0), wire


def download(world: World, client: Any, operation: str, name: str | None, folder: Path | None, **more: Any) -> Any:
    """Download a file, or export a table, under a name."""
    if operation == "file":
        return world(client.files.download_file(FILE, name, folder, **more))
    return world(client.exports.pull_data(name or "", KIND, folder, **more))


BOTH = pytest.mark.parametrize("operation", ["file", "export"])

HOSTILE = {
    "../../evil.csv": "evil.csv",
    "..\\..\\evil.csv": "evil.csv",
    "/etc/evil.csv": "evil.csv",
    "C:\\evil.csv": "evil.csv",
    "\\\\host\\share\\evil.csv": "evil.csv",
    "e\x00vil\n.csv": "evil.csv",
    "x.csv:stream": "x.csv_stream",
    **dict.fromkeys(["..", ".", "", "  ", "a/..", "a\\..\\", "sub/"]),
}
"""Names, and what is left of them; None where nothing is."""


@BOTH
@pytest.mark.parametrize("name", HOSTILE)
def test_r065_a_name_is_one_component(world: World, tmp_path: Path, operation: str, name: str) -> None:
    """Whatever name the caller gives, and whatever the server says, one plain file appears in the directory."""
    answer, _ = serve(b"data", content_disposition='attachment; filename="../../../server.csv"')
    client, _ = connect(world, answer)
    folder = tmp_path / "a" / "b" / "c"

    path = Path(download(world, client, operation, name, folder))

    assert path.parent == folder
    assert [item for item in tmp_path.rglob("*") if item.is_file()] == [path]
    assert path.name == (HOSTILE[name] or (FILE if operation == "file" else "export.csv"))


@pytest.mark.parametrize("file_id", ["../../evil", "..\\evil", "/etc/passwd", "..", "", "a/b"])
def test_r065_an_id_cannot_lead_elsewhere(world: World, tmp_path: Path, file_id: str) -> None:
    """What is no id is refused before anything is sent or written."""
    client, wire = connect(world)

    with pytest.raises(IdentifierError):
        world(client.files.download_file(file_id, None, tmp_path / "in"))

    assert wire.requests == wire.logins == []
    assert list(tmp_path.iterdir()) == []


@BOTH
@pytest.mark.parametrize("there", [False, True])
def test_r066_a_broken_download_changes_nothing(world: World, tmp_path: Path, operation: str, there: bool) -> None:
    """When the connection breaks or the body is too short, an earlier file is as it was and no part of the new one."""
    target = tmp_path / "x.csv"
    if there:
        target.write_bytes(b"good")
    broken, _ = serve(b"bad", httpx.ReadError("reset"))
    short, _ = serve(b"bad", content_length="400")
    client, _ = connect(world, broken, short)

    for _ in range(2):
        with pytest.raises(ConnectionFailedError):
            download(world, client, operation, "x.csv", tmp_path, overwrite=True)
        assert [(item.name, item.read_bytes()) for item in tmp_path.iterdir()] == [("x.csv", b"good")] * there


@BOTH
def test_r066_the_name_appears_with_the_last_byte(world: World, tmp_path: Path, operation: str) -> None:
    """While the download runs, the earlier file is untouched and the new bytes stand beside it."""
    target = tmp_path / "x.csv"
    target.write_bytes(b"good")
    seen: list[tuple[bytes, int]] = []
    answer, _ = serve(b"new", b"er")
    client, _ = connect(world, answer)

    download(
        world, client, operation, "x.csv", tmp_path, overwrite=True,
        progress=lambda done, total: seen.append((target.read_bytes(), len(list(tmp_path.iterdir())))),
    )  # fmt: skip

    assert seen
    assert set(seen) == {(b"good", 2)}
    assert [(item.name, item.read_bytes()) for item in tmp_path.iterdir()] == [("x.csv", b"newer")]


@BOTH
def test_r067_directories_are_made(world: World, tmp_path: Path, operation: str) -> None:
    """A destination that is not there yet is created, with its parents."""
    client, _ = connect(world, serve(b"a")[0])

    path = Path(download(world, client, operation, "x.csv", tmp_path / "deep" / "down"))

    assert (path, path.read_bytes()) == (tmp_path / "deep" / "down" / "x.csv", b"a")


def test_r067_exports_go_to_the_platforms_temporary_directory(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a directory, an export stands where this platform keeps temporary files."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    client, _ = connect(world, serve(b"a")[0])

    path = Path(download(world, client, "export", "x.csv", None))

    assert path == tmp_path / "temporary" / "x.csv"


@BOTH
def test_r068_overwriting_is_a_choice(world: World, tmp_path: Path, operation: str) -> None:
    """An existing file is replaced; with overwrite=False it is not touched, and nothing asked for."""
    target = tmp_path / "x.csv"
    target.write_bytes(b"old")
    client, wire = connect(world, serve(b"new")[0])

    with pytest.raises(FileExistsError, match="overwrite=True"):
        download(world, client, operation, "x.csv", tmp_path, overwrite=False)
    assert (target.read_bytes(), wire.requests) == (b"old", [])
    download(world, client, operation, "x.csv", tmp_path)
    assert target.read_bytes() == b"new"


@BOTH
def test_r068_streams_are_closed(world: World, tmp_path: Path, operation: str) -> None:
    """The connection is given back after success, after a break, and when the target cannot be written."""
    blocked = tmp_path / "blocked"
    for pieces, folder in (
        ((b"a",), tmp_path),
        ((b"a", httpx.ReadError("reset")), tmp_path),
        ((b"a",), blocked / "below"),
    ):
        answer, body = serve(*pieces)

        def blocking(_: httpx.Request, answer: httpx.Response = answer) -> httpx.Response:
            blocked.write_bytes(b"")  # in the way of its directory, now that the target has been looked at
            return answer

        client, wire = connect(world, blocking)
        with suppress(ConnectionFailedError, OSError):
            download(world, client, operation, "x.csv", folder, overwrite=True)
        assert len(wire.requests) == 1
        blocked.unlink()
        assert body.closed


def test_r068_a_reader_that_stops_early_closes_the_stream(world: World) -> None:
    """Leaving the pieces of a file before their end gives the connection back at once."""
    answer, body = serve(*[b"x" * 100_000] * 5)
    client, _ = connect(world, answer)

    async def first() -> bytes:
        async with aclosing(client.files.iter_file(FILE)) as pieces:
            async for piece in pieces:
                return bytes(piece)
        raise AssertionError("no piece came")

    if world.kind == "sync":
        with closing(client.files.iter_file(FILE)) as pieces:
            assert next(pieces)
        assert body.closed
    else:

        async def leave() -> bool:
            assert await first()
            return body.closed

        assert world(leave())


def test_r069_bytes_and_streams_without_a_file(world: World, tmp_path: Path) -> None:
    """A file can be had whole or in pieces without touching the disk; the pieces come while more is on its way."""
    whole, first = serve(DATA), serve(*[DATA[:70_000], DATA[70_000:]])
    client, _ = connect(world, whole[0], first[0])
    assert world(client.files.read_file(FILE)) == DATA

    async def collect() -> list[bytes]:
        return [piece async for piece in client.files.iter_file(FILE)]

    pieces = list(client.files.iter_file(FILE)) if world.kind == "sync" else world(collect())
    assert b"".join(pieces) == DATA
    assert len(pieces) > 1
    assert max(map(len, pieces)) < len(DATA)
    assert list(tmp_path.iterdir()) == []


def test_r069_progress_and_checksum(world: World, tmp_path: Path) -> None:
    """Progress counts up to what the server announced; a checksum that does not fit leaves nothing behind."""
    told: list[tuple[int, int | None]] = []
    sized = [serve(DATA[:100_000], DATA[100_000:], content_length=str(len(DATA)))[0] for _ in range(2)]
    client, _ = connect(world, *sized)
    right = hashlib.sha256(DATA).hexdigest()

    world(client.files.download_file(FILE, "x", tmp_path, progress=lambda *at: told.append(at), sha256=right))
    assert [done for done, _ in told] == sorted({done for done, _ in told})
    assert (len(told) > 1, told[-1]) == (True, (len(DATA), len(DATA)))
    with pytest.raises(ConnectionFailedError, match="SHA-256"):
        world(client.files.download_file(FILE, "y", tmp_path, sha256=right[::-1]))
    assert [item.name for item in tmp_path.iterdir()] == ["x"]


class Slow(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """Reads uploads piece by piece and notes how much of the file had been read by then."""

    def __init__(self, inner: Any, file: Any) -> None:
        self.inner, self.file, self.read_so_far, self.sizes = inner, file, [], []  # type: ignore[var-annotated]

    def _note(self, piece: bytes) -> bytes:
        self.sizes.append(len(piece))
        self.read_so_far.append(self.file.tell())
        return piece

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if request.headers.get("content-type", "").startswith("multipart/"):
            assert isinstance(request.stream, httpx.SyncByteStream)
            content = b"".join([self._note(piece) for piece in request.stream])
            request = httpx.Request(request.method, request.url, headers=request.headers, content=content,
                                    extensions=request.extensions)  # fmt: skip
        answered: httpx.Response = self.inner.handle_request(request)
        return answered

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.headers.get("content-type", "").startswith("multipart/"):
            assert isinstance(request.stream, httpx.AsyncByteStream)
            content = b"".join([self._note(piece) async for piece in request.stream])
            request = httpx.Request(request.method, request.url, headers=request.headers, content=content,
                                    extensions=request.extensions)  # fmt: skip
        answered: httpx.Response = await self.inner.handle_async_request(request)
        return answered


def test_r070_uploads_are_streamed(lab: Lab, world: World, tmp_path: Path) -> None:
    """The file is read while it is sent, in pieces much smaller than itself, and arrives whole."""
    path = tmp_path / "large.bin"
    path.write_bytes(DATA * 4)
    with path.open("rb") as file:
        slow = Slow(lab.transport, file)
        api = world.connect(transport=slow, retries=0)
        record = world(api.records.get_record_by_id({"Compound": "SBX-1"}))
        value = world(record.update_field_file("Spectrum", "large.bin", file))

    assert max(slow.sizes) < len(DATA)
    assert len(set(slow.read_so_far)) > 3
    stored = value.content["file_id"] if isinstance(value.content, dict) else value.content
    assert world(api.files.read_file(stored)) == DATA * 4


@pytest.mark.parametrize("given", ["path", "text", "name and path", "bytes", "opened"])
def test_r070_a_path_is_enough(lab: Lab, world: World, tmp_path: Path, given: str) -> None:
    """Name and content type follow from the path where they are not given."""
    path = tmp_path / "results.csv"
    path.write_bytes(b"a,b\n1,2\n")
    record = world(lab.api.records.get_record_by_id({"Compound": "SBX-1"}))
    with path.open("rb") as opened:
        arguments: dict[str, tuple[Any, ...]] = {
            "path": (path,),
            "text": (str(path),),
            "name and path": ("results.csv", path),
            "bytes": ("results.csv", b"a,b\n1,2\n"),
            "opened": ("results.csv", opened),
        }
        world(record.update_field_file("Spectrum", *arguments[given]))

    sent = next(item for item in lab.exchanges if item.operation == "uploadRecordValueFile")
    assert b'name="file"; filename="results.csv"\r\nContent-Type: text/csv\r\n\r\na,b\n1,2\n\r\n' in sent.body


@BOTH
@pytest.mark.parametrize(
    "content_type", ["text/csv", "text/csv; charset=utf-8", "TEXT/CSV;x=y", "application/x-new", ""]
)
def test_r071_any_content_type_is_taken(world: World, tmp_path: Path, operation: str, content_type: str) -> None:
    """Parameters of a content type, types that nobody has heard of, and no type at all do not block a download."""
    answer, _ = serve(b"a,b\n", content_type=content_type)
    client, _ = connect(world, answer)

    path = Path(download(world, client, operation, "x.csv", tmp_path))

    assert path.read_bytes() == b"a,b\n"
