# Derived from kalbio/_core/aio/downloads.py by scripts/regenerate; edit that file. (digest 941d63fcafe1)
"""Saves a streamed answer: to a temporary file beside the target, renamed when it is complete."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

from kalbio._core import constants
from kalbio._core._http import HTTPError, Response
from kalbio._core.errors import ConnectionFailedError

Progress = Callable[[int, int | None], object]
"""Called with the bytes that have come, and with all that will come where the server says it."""


def check_sha256(sha256: str | None) -> None:
    """Raise ValueError when a checksum is none."""
    if sha256 is not None and not re.fullmatch(r"[0-9a-fA-F]{64}", sha256):
        raise ValueError(f"sha256 must be 64 hexadecimal digits; got {sha256!r}")


def refuse_existing(target: Path, overwrite: bool) -> None:
    """Raise FileExistsError when the target is there and must not be replaced."""
    if target.exists() and not overwrite:
        raise FileExistsError(f"{target} exists already; give overwrite=True to replace it, or another file name")


def pieces(response: Response, *, progress: Progress | None = None, sha256: str | None = None) -> Iterator[bytes]:
    """Yield the body of a streamed `response` piece by piece, and close the response.

    Raises ConnectionFailedError when it breaks off, or is not what its checksum says.
    """
    streamed = not response.is_stream_consumed  # a transport in this process may give the body whole, uncounted
    stated = response.headers.get("content-length")
    total = (
        int(stated) if stated is not None and stated.isdigit() and "content-encoding" not in response.headers else None
    )
    digest = hashlib.sha256()
    done = 0
    try:
        for piece in response.iter_bytes(constants.DOWNLOAD_CHUNK):
            done += len(piece)
            if sha256 is not None:
                digest.update(piece)
            yield piece
            if progress is not None:
                progress(done, total)
        received = response.num_bytes_downloaded
        if streamed and stated is not None and stated != str(received):
            raise _broken(response, f"{received} of {stated} bytes came")
        if sha256 is not None and digest.hexdigest() != sha256.lower():
            raise _broken(response, f"its SHA-256 is {digest.hexdigest()}, not {sha256.lower()}")
    except HTTPError as error:
        raise _broken(response, str(error) or type(error).__name__) from error
    finally:
        response.close()


def save(
    response: Response, target: Path, *, overwrite: bool, progress: Progress | None = None, sha256: str | None = None
) -> None:
    """Write the body of a streamed `response` to `target` and close the response.

    A failure leaves an existing file as it was and no partial file behind.
    """
    temporary = target.with_name(f".{target.name[:40]}.{secrets.token_hex(4)}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            # Not the tempfile module: it makes files that only their owner may read, whatever the umask says.
            with temporary.open("xb") as file:
                for piece in pieces(response, progress=progress, sha256=sha256):
                    file.write(piece)
            refuse_existing(target, overwrite)
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)
    finally:
        response.close()


def _broken(response: Response, reason: str) -> ConnectionFailedError:
    return ConnectionFailedError(response.request.method, response.request.url.path, f"the download broke: {reason}")
