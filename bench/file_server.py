"""A loopback server for files of any size, in constant memory: it throws uploads away and makes downloads up.

Used by `scripts/trials/large_files.py` and `bench/files.py`. It is a process of its own, `python -m bench.file_server`,
so that its memory and its work are not counted with the client's; `serving()` runs one. It answers the login, every
other POST as the upload of a multipart body whose last part is the file, and every GET as the download of as many bytes
as the number at the end of the path says (`file_id` makes such an id).
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import random
import socket
import sys
import threading
from collections.abc import Iterator

from bench.child import served

BLOCK = random.Random(1).randbytes(1_000_003)  # noqa: S311  # content that everybody can make; no power of two divides it
_ID = "0f0e6b1d-3c1c-4a7e-9a55-9d6a3d0c2f10"


def file_id(size: int) -> str:
    """Return the id of the file that has so many bytes."""
    return f"00000000-0000-4000-8000-{size:012}"


def pieces(size: int) -> Iterator[memoryview]:
    """Yield the content of the file that has so many bytes."""
    for begin in range(0, size, len(BLOCK)):
        yield memoryview(BLOCK)[: size - begin]


def sha256(size: int) -> str:
    """Return the checksum of the file that has so many bytes."""
    digest = hashlib.sha256()
    for piece in pieces(size):
        digest.update(piece)
    return digest.hexdigest()


@contextlib.contextmanager
def serving(*, checksums: bool = True) -> Iterator[str]:
    """Run a server; yields its URL. Checksums of uploads take most of its time: a bench goes without."""
    with served("bench.file_server", *(() if checksums else ("--no-checksums",))) as url:
        yield url


def _serve_connection(connection: socket.socket) -> None:
    """Answer the requests of a connection until its client closes it."""
    space = memoryview(bytearray(1 << 18))
    with connection, contextlib.suppress(ConnectionError):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        buffered = b""
        while True:
            while b"\r\n\r\n" not in buffered:
                count = connection.recv_into(space)
                if not count:
                    return
                buffered += space[:count]
            head, _, buffered = buffered.partition(b"\r\n\r\n")
            line, *lines = head.decode("latin-1").split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (item.partition(":") for item in lines)}
            method, target, _ = line.split(" ")
            if method == "GET":
                size = int(target.rpartition("-")[2])
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
                for piece in pieces(size):
                    connection.sendall(piece)
                continue
            length = int(headers["content-length"])
            body = _body(connection, space, buffered, length)
            buffered = b""
            if target.endswith("/token"):
                for _ in body:
                    pass
                answer: object = {"access_token": "t", "refresh_token": "r", "expires_in": 86_400}
            else:
                answer = {
                    "resource": {
                        "id": _ID,
                        "created_at": "2026-02-01T10:00:00Z",
                        "content": _describe_upload(body, headers),
                    }
                }
            text = json.dumps(answer).encode()
            connection.sendall(
                b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(text) + text
            )


def _body(connection: socket.socket, space: memoryview, buffered: bytes, length: int) -> Iterator[bytes | memoryview]:
    """Yield a body of this length, the first bytes of which have come already. A piece is good until the next one."""
    yield buffered
    left = length - len(buffered)
    while left:
        count = connection.recv_into(space[:left])
        if not count:
            raise ConnectionError("the client went away")
        left -= count
        yield space[:count]


def _describe_upload(body: Iterator[bytes | memoryview], headers: dict[str, str]) -> dict[str, object]:
    """Return length and checksum of the file at the end of a multipart body."""
    boundary = headers["content-type"].partition("boundary=")[2].encode()
    tail = b"\r\n--" + boundary + b"--\r\n"
    digest, size = hashlib.sha256() if "--no-checksums" not in sys.argv else None, 0
    held = b""  # what may be the tail, and at first the parts before the file
    inside = False
    for piece in body:
        if not inside or len(piece) < len(tail):
            held += piece
            if not inside:
                begin = _file_offset(held)
                if begin is None:
                    continue
                inside, held = True, held[begin:]
            ready, held = held[: -len(tail)], held[-len(tail) :]
            if digest:
                digest.update(ready)
            size += len(ready)
            continue
        if digest:
            digest.update(held)
            digest.update(piece[: -len(tail)])
        size += len(held) + len(piece) - len(tail)
        held = bytes(piece[-len(tail) :])
    if held != tail:
        raise ValueError("the body does not end with its boundary")
    return {"file_id": file_id(size), "file_size": size, "sha256": digest.hexdigest() if digest else None}


def _file_offset(head: bytes) -> int | None:
    """Return where the bytes of the file begin: behind the headers of the part that has a file name."""
    named = head.find(b'; filename="')
    end = head.find(b"\r\n\r\n", named)
    return None if named < 0 or end < 0 else end + 4


def main() -> None:
    """Serve until the process is ended."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        print(listener.getsockname()[1], flush=True)
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=_serve_connection, args=(connection,), daemon=True).start()


if __name__ == "__main__":
    main()
