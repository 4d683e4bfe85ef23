# Derived from kalbio/_core/aio/downloads.py by scripts/regenerate; edit that file. (digest 7684f126dfdb)
"""Saves a streamed answer: to a temporary file beside the target, put in place when it is complete."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import inspect
import io
import os
import re
import secrets
import stat
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from kalbio._core import constants
from kalbio._core.argument_errors import ArgumentError, ArgumentTypeError
from kalbio._core.errors import ConnectionFailedError, ResponseError
from kalbio._core.http.decompression import Gunzip, is_packed

if TYPE_CHECKING:
    from kalbio._core.http.httpx_names import Response
else:
    Response = Any  # for those who resolve annotations: the HTTP library is loaded with the first request

DownloadProgress = Callable[[int, int | None], object]
"""Called with the bytes that have come, and with all that will come where the server says it."""

IDENTITY_ENCODING = {"Accept-Encoding": "identity"}
"""Headers of a request for a file. Most files do not get smaller; unpacked ones have a length that can be checked."""
GZIP_ENCODING = {"Accept-Encoding": "gzip"}
"""Headers of a request for text. No packing is asked for that `pieces` cannot undo in constant memory."""

_LENGTH = re.compile(r"[0-9]{1,18}")


def check_sha256(sha256: str | None) -> None:
    """Raise ValueError when a checksum is none."""
    if sha256 is not None and not (isinstance(sha256, str) and re.fullmatch(r"[0-9a-fA-F]{64}", sha256)):
        raise ArgumentError(f"sha256 must be 64 hexadecimal digits; got {sha256!r}")


def check_target(target: Path, overwrite: bool) -> os.stat_result | None:
    """Return what is known of the file that is to be replaced, None when there is none.

    Raises OSError when no file can stand there, or something stands there that must not be replaced.
    """
    folder = next((folder for folder in target.parents if os.path.lexists(folder)), target.parent)
    if not folder.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, "not a directory", str(folder))
    try:
        old = target.lstat()
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(old.st_mode):
        raise IsADirectoryError(errno.EISDIR, "there is a directory of this name; give another file name", str(target))
    if stat.S_ISLNK(old.st_mode):
        # In a directory that everybody may write to, a link would let others choose which file of ours is replaced.
        reason = (
            f"there is a link of this name; give the path that it leads to, {_link_target(target)}, or another name"
        )
        raise FileExistsError(errno.EEXIST, reason, str(target))
    if not stat.S_ISREG(old.st_mode):
        reason = "there is a pipe, a socket or a device of this name; give another name"
        raise FileExistsError(errno.EEXIST, reason, str(target))
    if not overwrite:
        raise FileExistsError(
            errno.EEXIST, "the file exists already; give overwrite=True to replace it, or another name", str(target)
        )
    if not os.access(target, os.W_OK) or _is_foreign(old, folder):
        raise PermissionError(errno.EACCES, "the file there is not yours to replace; give another name", str(target))
    return old


def _link_target(target: Path) -> str:
    try:
        return str(target.resolve())
    except (OSError, RuntimeError):  # it leads in circles
        return "if it leads anywhere"


def _is_foreign(old: os.stat_result, folder: Path) -> bool:
    """Whether a file belongs to somebody else in a directory for all, such as that for temporary files.

    Nobody but an administrator could replace it, and he should not: its owner would be able to read and to change it.
    """
    return hasattr(os, "geteuid") and bool(folder.stat().st_mode & stat.S_ISVTX) and old.st_uid != os.geteuid()


def check_writable(file: Any) -> None:
    """Raise TypeError, or what the file itself raises, when it does not take bytes."""
    try:
        answer = file.write(b"")
        if inspect.iscoroutine(answer):
            answer.close()
            raise ArgumentTypeError("its write() must be awaited")
    except (AttributeError, TypeError, io.UnsupportedOperation) as error:
        raise ArgumentTypeError(
            f"file must be open for writing bytes (mode 'wb'); got {type(file).__name__}: {error}"
        ) from None


def pieces(
    response: Response, *, progress: DownloadProgress | None = None, sha256: str | None = None
) -> Iterator[bytes]:
    """Yield the body of a streamed `response` piece by piece, and close the response.

    Raises ResponseError when it is not the whole of something, or in an encoding that was not asked for;
    ConnectionFailedError when it breaks off, or is not what its checksum says.
    """
    from kalbio._core.http.httpx_names import HTTPError  # loaded by the request

    stated = response.headers.get("content-length")
    digest = None if sha256 is None else hashlib.sha256()
    done = 0
    try:
        packed = _check_whole(response)
        total = int(stated) if stated is not None and not packed and _LENGTH.fullmatch(stated) else None
        # A transport in this process may give the body whole: read already, and unpacked without a look at its end.
        body = _raw_copy(response) if response.is_stream_consumed else response
        # As they come: cutting them anew would copy each byte twice.
        parts = body.iter_raw(None if body is response else constants.DOWNLOAD_CHUNK)
        for piece in _unpacked(parts) if packed else parts:
            done += len(piece)
            if digest is not None:
                digest.update(piece)
            yield piece
            if progress is not None:
                progress(done, total)
        received = body.num_bytes_downloaded
        if stated is not None and stated != str(received):
            raise _broken_off(response, f"{received} of {stated} bytes arrived")
        if received < response.num_bytes_downloaded:
            raise _broken_off(response, "its body has been read before")
        if packed and not received and stated is None:
            raise _broken_off(response, "the compressed body is empty")
        if digest is not None and sha256 is not None and digest.hexdigest() != sha256.lower():
            raise _broken_off(response, f"its SHA-256 is {digest.hexdigest()}, not {sha256.lower()}")
    except (HTTPError, zlib.error) as error:
        raise _broken_off(response, str(error) or type(error).__name__) from error
    finally:
        response.close()


def _check_whole(response: Response) -> bool:
    """Return whether a body is packed. Raises ResponseError when it cannot be the whole of what was asked for."""
    # Of all that counts as success, 200 alone says that the body is what was asked for, and all of it: 206 has a part,
    # 202 and 204 have something else or nothing, and 203 what somebody on the way has made of it.
    if response.status_code != 200:
        raise _response_error(response, f"an answer with status {response.status_code} is not a whole file")
    try:
        return is_packed(response.headers.get("content-encoding"))
    except ValueError as error:
        raise _response_error(response, str(error)) from None


def _raw_copy(response: Response) -> Response:
    """Return a response with the same body, to be read as it travelled."""
    from kalbio._core.http.httpx_names import Response  # loaded by the request

    return Response(response.status_code, headers=response.headers, request=response.request, stream=response.stream)


def _unpacked(parts: Iterator[bytes]) -> Iterator[bytes]:
    gunzip = Gunzip()
    for packed in parts:
        for piece in gunzip.feed(packed):
            yield piece
    if rest := gunzip.finish():
        yield rest


def save(
    response: Response,
    target: Path,
    *,
    overwrite: bool,
    progress: DownloadProgress | None = None,
    sha256: str | None = None,
) -> None:
    """Write the body of a streamed `response` to `target` and close the response.

    A failure leaves an existing file as it was and no partial file behind.
    """
    ours = f".{target.name[:40]}."
    temporary = target.with_name(f"{ours}{secrets.token_hex(4)}.part")
    try:
        old = check_target(target, overwrite)
        target.parent.mkdir(parents=True, exist_ok=True)
        remove_stale_parts(target.parent, re.compile(rf"{re.escape(ours)}[0-9a-f]{{8}}\.part"))
        try:
            # Not the tempfile module: it makes files that only their owner may read, whatever the umask says.
            temporary.touch(0o666 if old is None else 0o600, exist_ok=False)
            with temporary.open("wb") as file:
                if old is not None:
                    _copy_permissions(file, old)
                for piece in pieces(response, progress=progress, sha256=sha256):
                    file.write(piece)
            _rename_to_target(temporary, target, overwrite)
        finally:
            temporary.unlink(missing_ok=True)
    finally:
        response.close()


def save_into(
    response: Response, file: BinaryIO, *, progress: DownloadProgress | None = None, sha256: str | None = None
) -> int:
    """Write the body of a streamed `response` to an open file and close the response; return how much it was."""
    size = 0
    try:
        for piece in pieces(response, progress=progress, sha256=sha256):
            size += len(piece)
            written = file.write(piece)
            while isinstance(file, io.RawIOBase) and written != len(piece):  # without a buffer it takes what it can
                if written is None:
                    raise BlockingIOError("file cannot take more data now; open it in blocking mode")
                piece = piece[written:]
                written = file.write(piece)
    finally:
        response.close()
    return size


def _copy_permissions(file: BinaryIO, old: os.stat_result) -> None:
    """Give a file the rights of the one that it replaces, and its owner and group where the system lets us."""
    if not hasattr(os, "fchown"):
        return
    for owner, group in ((-1, old.st_gid), (old.st_uid, -1)):
        with contextlib.suppress(OSError):
            os.fchown(file.fileno(), owner, group)
    rights = old.st_mode & 0o777
    if os.fstat(file.fileno()).st_gid != old.st_gid:
        rights &= 0o707  # they were meant for another group
    with contextlib.suppress(OSError):  # some file systems have no rights of files
        os.fchmod(file.fileno(), rights)


def _rename_to_target(temporary: Path, target: Path, overwrite: bool) -> None:
    if not overwrite:
        # A rename would replace a file that has appeared this very moment; a second name is refused.
        with contextlib.suppress(OSError):  # the name is taken, or the file system knows one name for a file
            os.link(temporary, target)
            return
    check_target(target, overwrite)
    temporary.replace(target)


def remove_stale_parts(folder: Path, name: re.Pattern[str]) -> None:
    """Remove what downloads of this file left behind that were killed: parts that nobody has written to for a day."""
    try:
        found = [entry for entry in os.scandir(folder) if name.fullmatch(entry.name)]
    except OSError:  # one may write in a directory without being let to look around in it
        return
    for entry in found:
        with contextlib.suppress(OSError):  # another download may do the same, or it is not ours to remove
            if entry.stat(follow_symlinks=False).st_mtime < time.time() - constants.PART_LIFETIME:
                Path(entry.path).unlink()


def _response_error(response: Response, reason: str) -> ResponseError:
    return ResponseError(response.request.method, response.request.url.path, b"", f"nothing was saved: {reason}")


def _broken_off(response: Response, reason: str) -> ConnectionFailedError:
    return ConnectionFailedError.of(response.request, f"the download broke: {reason}")
