"""Uploads from wherever the bytes are, downloads to wherever they should go."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import io
import json
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest

from kalbio import (
    AsyncKaleidoscopeClient,
    AuthenticationError,
    ConnectionFailedError,
    KalbioError,
    NotFoundError,
    OutcomeUnknownError,
    ValidationError,
)
from tests.conftest import Lab, World
from tests.core.wire import Wire
from tests.core.wire import answer as respond

DATA = bytes(range(256)) * 1000
MISSING = "00000000-0000-4000-8000-000000000000"


def file_property(lab: Lab, world: World) -> Any:
    """Return a property of type file."""
    run = world(
        lab.api.activities.create_activity("Run", "experiment", activity_definition_id="Assay results registration")
    )
    return next(item for item in run.properties if item.field_type == "file")


def test_an_upload_takes_a_path_and_derives_name_and_type(lab: Lab, world: World, tmp_path: Path) -> None:
    """A path alone is enough: the file is kept under its own name, with the type that goes with it."""
    path = tmp_path / "results.csv"
    path.write_bytes(b"a,b\n")
    upload = file_property(lab, world)

    for answer in (
        world(upload.update_property_file(path)),
        world(upload.update_property_file(str(path))),
        world(upload.update_property_file("results.csv", path)),
        world(upload.update_property_file("results.csv", b"a,b\n")),
    ):
        assert (answer["file_name"], answer["file_type"], answer["file_size"]) == ("results.csv", "text/csv", 4)


def test_a_name_without_a_known_type_is_sent_as_bytes(lab: Lab, world: World) -> None:
    """No type is made up for a name that tells none."""
    answer = world(file_property(lab, world).update_property_file("results.unheard-of", b"a"))

    assert answer["file_type"] == "application/octet-stream"


def test_a_path_that_is_not_there_is_refused_before_anything_is_sent(lab: Lab, world: World, tmp_path: Path) -> None:
    """The error is the usual one for files."""
    upload = file_property(lab, world)
    before = len(lab.exchanges)

    with pytest.raises(FileNotFoundError):
        world(upload.update_property_file(tmp_path / "none.csv"))
    assert len(lab.exchanges) == before


def test_an_upload_begins_where_the_file_stands(lab: Lab, world: World) -> None:
    """What was read before is not sent, and a retry begins at the same place."""
    upload = file_property(lab, world)
    file = io.BytesIO(b"header\nrows\n")
    file.readline()

    answer = world(upload.update_property_file("a.csv", file))

    assert world(lab.api.files.read_file(answer["file_id"])) == b"rows\n"


def test_a_file_that_stands_at_its_end_is_refused(lab: Lab, world: World) -> None:
    """A buffer that was just written to would go out empty; one that holds nothing does."""
    upload, plot = file_property(lab, world), io.BytesIO()
    plot.write(b"pixels")
    before = len(lab.exchanges)
    with pytest.raises(ValueError, match=r"seek\(0\)"):
        world(upload.update_property_file("plot.png", plot))
    assert len(lab.exchanges) == before

    answer = world(upload.update_property_file("empty.txt", io.BytesIO()))

    assert world(lab.api.files.read_file(answer["file_id"])) == b""


def stored(lab: Lab, world: World) -> str:
    """Return the id of an uploaded file."""
    return str(world(file_property(lab, world).update_property_file("data.bin", DATA))["file_id"])


def test_a_file_comes_as_bytes_and_in_pieces(lab: Lab, world: World) -> None:
    """Without a file on disk: whole, or piece by piece."""
    file_id = stored(lab, world)

    async def collect() -> list[bytes]:
        return [piece async for piece in lab.api.files.iter_file(file_id)]

    read = list(lab.api.files.iter_file(file_id)) if world.kind == "sync" else world(collect())

    assert world(lab.api.files.read_file(file_id)) == DATA
    assert b"".join(read) == DATA
    assert len(read) > 1


def test_a_file_that_is_not_there(lab: Lab, world: World) -> None:
    """Reading gives None, going through raises."""

    async def collect() -> list[bytes]:
        return [piece async for piece in lab.api.files.iter_file(MISSING)]

    assert world(lab.api.files.read_file(MISSING)) is None
    with pytest.raises(NotFoundError):
        list(lab.api.files.iter_file(MISSING)) if world.kind == "sync" else world(collect())


def test_progress_is_told(lab: Lab, world: World, tmp_path: Path) -> None:
    """The callback hears of every piece; the last one is all there is."""
    told: list[tuple[int, int | None]] = []
    path = world(
        lab.api.files.download_file(stored(lab, world), "d", tmp_path, progress=lambda *state: told.append(state))
    )

    assert Path(path).read_bytes() == DATA
    assert [done for done, _ in told] == sorted({done for done, _ in told})
    assert told[-1][0] == len(DATA)
    assert {total for _, total in told} <= {len(DATA), None}


def test_a_checksum_is_kept_or_the_file_is_not(lab: Lab, world: World, tmp_path: Path) -> None:
    """The right checksum saves; a wrong one leaves no file; what is no checksum is refused before anything is sent."""
    file_id = stored(lab, world)
    right = hashlib.sha256(DATA).hexdigest().upper()

    assert world(lab.api.files.download_file(file_id, "good", tmp_path, sha256=right))
    with pytest.raises(ConnectionFailedError, match="SHA-256"):
        world(lab.api.files.download_file(file_id, "bad", tmp_path, sha256="0" * 64))
    before = len(lab.exchanges)
    with pytest.raises(ValueError, match="64"):
        world(lab.api.files.download_file(file_id, "none", tmp_path, sha256="abc"))

    assert len(lab.exchanges) == before
    assert [path.name for path in tmp_path.iterdir()] == ["good"]


def told(world: World, pieces: Any) -> bytes:
    """Return what an iterator of pieces yields, in one."""

    async def collect() -> bytes:
        return b"".join([piece async for piece in pieces])

    return b"".join(pieces) if world.kind == "sync" else bytes(world(collect()))


def test_progress_and_checksum_in_every_form(lab: Lab, world: World, tmp_path: Path) -> None:
    """As bytes, in pieces and into an open file too: progress counts to the end, a wrong checksum is an error."""
    file_id = stored(lab, world)
    right = hashlib.sha256(DATA).hexdigest()
    seen: list[int] = []
    more: dict[str, Any] = {"progress": lambda done, _: seen.append(done)}
    files, into = lab.api.files, io.BytesIO()
    forms: list[Callable[..., Any]] = [
        lambda **given: world(files.read_file(file_id, **given)),
        lambda **given: told(world, files.iter_file(file_id, **given)),
        lambda **given: world(files.write_file(file_id, into, **given)),
    ]
    for form in forms:
        assert form(sha256=right, **more) in (DATA, len(DATA))
        assert (seen[-1], seen) == (len(DATA), sorted(seen))
        seen.clear()
        with pytest.raises(ConnectionFailedError, match="SHA-256"):
            form(sha256="0" * 64)
        before = len(lab.exchanges)
        with pytest.raises(ValueError, match="64 hexadecimal digits"):
            form(sha256="abc")
        assert len(lab.exchanges) == before
    assert into.getvalue() == DATA + DATA


class Sips(io.RawIOBase):
    """A file without a buffer that takes a little at a time, as a pipe does."""

    def __init__(self) -> None:
        self.taken = b""

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self.taken += bytes(data[:1000])
        return min(1000, len(data))


def test_a_file_is_written_into_one_that_is_open(lab: Lab, world: World, tmp_path: Path) -> None:
    """From where it stands, buffered or not, of an activity or not; nothing is written when there is no such file."""
    file_id = stored(lab, world)
    sips = Sips()
    with (tmp_path / "all").open("wb+") as file:
        file.write(b"before")
        assert world(lab.api.files.write_file(file_id, file)) == len(DATA)
    assert (tmp_path / "all").read_bytes() == b"before" + DATA
    assert world(lab.api.files.write_file(file_id, sips, "Run")) == len(DATA)
    assert sips.taken == DATA
    assert world(lab.api.files.write_file(MISSING, sips)) is None
    assert sips.taken == DATA


async def promise(_: bytes) -> int:
    """What files of async libraries do."""
    return 0


class Later(io.BytesIO):
    """A file of an async library."""

    write = promise  # type: ignore[assignment]


def test_a_file_that_takes_no_bytes_is_refused_before_anything_is_sent(lab: Lab, world: World, tmp_path: Path) -> None:
    """Text files, paths, files that must be awaited, files for reading and closed ones are noticed in time."""
    (tmp_path / "there").write_bytes(b"")
    with (tmp_path / "there").open("rb") as reading, (tmp_path / "closed").open("wb") as closed:
        closed.close()
        for file, kind in (
            (io.StringIO(), TypeError), (str(tmp_path / "path"), TypeError), (None, TypeError), (Later(), TypeError),
            (reading, TypeError), (closed, ValueError),
        ):  # fmt: skip
            with pytest.raises(kind, match=r"mode 'wb'|write|closed"):
                world(lab.api.files.write_file(MISSING, file))
    assert lab.exchanges == []


@pytest.mark.parametrize("there", ["folder is a file", "folder is below a file", "name is a directory", "dangling"])
def test_a_target_that_no_file_can_have_is_refused_before_anything_is_sent(
    lab: Lab, world: World, tmp_path: Path, there: str
) -> None:
    """Neither a download nor an export begins when it could not be saved, and nothing is made on the disk."""
    folder = tmp_path / "folder"
    if there == "name is a directory":
        (folder / "x.csv").mkdir(parents=True)
    elif there == "dangling":
        folder.mkdir()
        (folder / "x.csv").symlink_to(tmp_path / "nowhere")
    else:
        folder.write_bytes(b"a file")
    where = folder / "deeper" / "down" if there == "folder is below a file" else folder
    kind = {"name is a directory": IsADirectoryError, "dangling": FileExistsError}.get(there, NotADirectoryError)
    before = sorted(tmp_path.rglob("*"))
    for overwrite in (False, True):
        with pytest.raises(kind, match="folder"):
            world(lab.api.files.download_file(MISSING, "x.csv", where, overwrite=overwrite))
        with pytest.raises(kind, match="folder"):
            world(lab.api.exports.pull_data("x.csv", "Compound", where, overwrite=overwrite))
    assert lab.exchanges == []
    assert sorted(tmp_path.rglob("*")) == before


def test_files_are_asked_for_as_they_are_stored_and_tables_packed(lab: Lab, world: World, tmp_path: Path) -> None:
    """A file that comes as it is stored has a length that can be checked; tables get ten times smaller."""
    world(lab.api.files.download_file(stored(lab, world), "a", tmp_path))
    world(lab.api.exports.pull_data("a.csv", "Compound", tmp_path))
    asked = {item.operation: item.headers["accept-encoding"] for item in lab.exchanges if "accept" in str(item.headers)}
    assert (asked["downloadFile"], asked["exportRecordsCsv"]) == ("identity", "gzip")


# -- uploads that are sent again --------------------------------------------------------------------------------------

RECORD = "6f1c0d5e-0000-4000-8000-000000000001"
WRITTEN = {"resource": {"id": RECORD, "content": {"file_id": MISSING}, "created_at": "2026-02-01T10:00:00Z"}}


class Once(io.RawIOBase):
    """A file that cannot seek."""

    def __init__(self, data: bytes) -> None:
        self._rest = data

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        piece, self._rest = (self._rest, b"") if size < 0 else (self._rest[:size], self._rest[size:])
        return piece


@pytest.mark.parametrize("given", ["path", "bytes", "open file", "in the middle of an open file"])
@pytest.mark.parametrize("refused", [401, 429])
def test_an_upload_that_was_turned_away_is_sent_again_whole(
    world: World, tmp_path: Path, given: str, refused: int
) -> None:
    """After a refused token and after too many requests the second body is byte for byte the first."""
    path = tmp_path / "data.bin"
    path.write_bytes(DATA)
    wire = Wire(respond(refused, retry_after="0"), respond(200, WRITTEN))
    client = world.connect(transport=wire)
    with path.open("rb") as file:
        begin = file.seek(1000) if given.startswith("in the middle") else 0
        data = {"path": path, "bytes": DATA}.get(given, file)
        world(client.records.create_record_value_file(RECORD, RECORD, "data.bin", data))

    assert [seen.body for seen in wire.requests] == [wire.requests[0].body] * 2
    assert b"\r\n\r\n" + DATA[begin:] + b"\r\n--" in wire.requests[1].body
    assert len(wire.logins) == (2 if refused == 401 else 1)


@pytest.mark.parametrize("failure", [401, 429, 503, httpx.ConnectError("refused")])
def test_what_cannot_seek_is_sent_once_and_the_error_says_so(world: World, failure: Any) -> None:
    """What was read is gone: a second try would send the rest, or nothing."""
    wire = Wire(respond(failure, retry_after="0") if isinstance(failure, int) else failure)
    client = world.connect(transport=wire)

    with pytest.raises(KalbioError) as caught:
        world(client.records.create_record_value_file(RECORD, RECORD, "data.bin", Once(DATA)))

    assert len(wire.requests) == 1
    assert "file_data cannot seek" in caught.value.__notes__[0]


def test_a_refused_token_is_not_used_for_the_next_upload(world: World) -> None:
    """After an upload that cannot be repeated the client logs in, so that the caller's own next try succeeds."""
    wire = Wire(401, respond(200, WRITTEN))
    client = world.connect(transport=wire)

    with pytest.raises(AuthenticationError):
        world(client.records.create_record_value_file(RECORD, RECORD, "data.bin", Once(DATA)))
    assert world(client.records.create_record_value_file(RECORD, RECORD, "data.bin", Once(DATA))) is not None
    assert len(wire.logins) == 2


def test_after_a_failure_the_file_stands_where_it_stood(world: World) -> None:
    """Whoever catches the error and uploads the same file once more sends all of it, not what was left to read."""
    wire = Wire(httpx.ReadError("reset"), 400, respond(200, WRITTEN))
    client = world.connect(transport=wire)
    file = io.BytesIO(b"header\n" + DATA)
    file.readline()

    for error in (OutcomeUnknownError, ValidationError):
        with pytest.raises(error):
            world(client.records.create_record_value_file(RECORD, RECORD, "data.bin", file))
        assert file.tell() == 7
    world(client.records.create_record_value_file(RECORD, RECORD, "data.bin", file))

    assert all(b"\r\n\r\n" + DATA + b"\r\n--" in seen.body for seen in wire.requests)


# -- connections, seen from the other end -----------------------------------------------------------------------------


class Peer:
    """A server that meets each connection with one function, and notes how each ended."""

    def __init__(self, *scripts: Callable[[socket.socket], object]) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._ended = [threading.Event() for _ in scripts]
        self._thread = threading.Thread(target=self._run, args=(scripts,), daemon=True)
        self._thread.start()

    def _run(self, scripts: tuple[Callable[[socket.socket], object], ...]) -> None:
        for script, ended in zip(scripts, self._ended, strict=True):
            connection, _ = self._listener.accept()
            with connection:
                connection.settimeout(20)
                script(connection)
            ended.set()

    def close(self) -> None:
        self._thread.join(20)
        self._listener.close()
        assert all(ended.is_set() for ended in self._ended)


def read_request(connection: socket.socket) -> bytes:
    """Read the head of a request, and what came with it."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += connection.recv(65_536)
    return received


def read_body(connection: socket.socket, received: bytes) -> bytes:
    """Read the rest of a request that states its length; who is refused early may keep it to himself."""
    head, _, body = received.partition(b"\r\n\r\n")
    length = next(int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))
    while len(body) < length and (piece := connection.recv(65_536)):
        body += piece
    return body


def reply(connection: socket.socket, status: str, body: Any) -> None:
    """Answer with JSON, for the last time on this connection."""
    text = json.dumps(body).encode()
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: {len(text)}"
    connection.sendall(f"{head}\r\n\r\n".encode() + text)


def log_in(connection: socket.socket) -> None:
    """Give a token."""
    read_body(connection, read_request(connection))
    reply(connection, "200 OK", {"access_token": "t", "refresh_token": "r", "expires_in": 3600})


def test_a_401_in_the_middle_of_an_upload(world: World) -> None:
    """A server that refuses the token before it has read the body gets the whole body afterwards, with a new token."""
    bodies: list[bytes] = []

    def refuse(connection: socket.socket) -> None:
        received = read_request(connection)
        reply(connection, "401 Unauthorized", {"message": "expired"})
        read_body(connection, received)

    def take(connection: socket.socket) -> None:
        bodies.append(read_body(connection, read_request(connection)))
        reply(connection, "200 OK", WRITTEN)

    peer = Peer(log_in, refuse, log_in, take)
    client = world.connect(url=peer.url)
    data = DATA * 20

    world(client.records.create_record_value_file(RECORD, RECORD, "data.bin", io.BytesIO(data)))

    peer.close()
    assert b"\r\n\r\n" + data + b"\r\n--" in bodies[0]


def endless(closed: threading.Event) -> Callable[[socket.socket], None]:
    """Send a file that never ends, until the other side goes away."""

    def script(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            while True:
                connection.sendall(bytes(65_536))
        closed.set()

    return script


@pytest.mark.parametrize("way", ["closed", "left"])
def test_an_iterator_that_is_left_half_way_closes_its_connection(world: World, way: str) -> None:
    """The server is not made to send the rest: the connection ends with the iterator, closed or just dropped."""
    closed = threading.Event()
    peer = Peer(log_in, endless(closed))
    client = world.connect(url=peer.url)

    def first() -> bool:
        pieces = client.files.iter_file(MISSING)
        assert next(pieces)
        if way == "closed":
            pieces.close()
        del pieces
        return closed.wait(20)

    async def first_later() -> bool:
        pieces = client.files.iter_file(MISSING)
        assert await anext(pieces)
        if way == "closed":
            await pieces.aclose()
        del pieces  # the event loop closes it
        return await asyncio.to_thread(closed.wait, 20)

    assert first() if world.kind == "sync" else world(first_later())

    peer.close()


@pytest.mark.parametrize("how", ["task", "scope"])
def test_a_download_that_is_cancelled_closes_its_connection_and_leaves_nothing(tmp_path: Path, how: str) -> None:
    """The part is removed, the earlier file is as it was, and the server need not send the rest."""
    (tmp_path / "x.bin").write_bytes(b"old")
    closed = threading.Event()
    peer = Peer(log_in, endless(closed))
    beside: list[int] = []

    async def cancelled() -> bool:
        async with AsyncKaleidoscopeClient("id", "secret", peer.url) as client:

            async def download(cancel: Callable[[], object]) -> None:
                def begun(*_: Any) -> None:
                    beside.append(len(list(tmp_path.iterdir())))
                    cancel()

                await client.files.download_file(MISSING, "x.bin", tmp_path, overwrite=True, progress=begun)

            if how == "task":
                task = asyncio.create_task(download(lambda: task.cancel()))
                with pytest.raises(asyncio.CancelledError):
                    await task
            else:
                with anyio.CancelScope() as scope:
                    await download(scope.cancel)
                assert scope.cancelled_caught
            return await asyncio.to_thread(closed.wait, 20)

    assert asyncio.run(cancelled())

    peer.close()
    assert beside[0] == 2
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("x.bin", b"old")]
