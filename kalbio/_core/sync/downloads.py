# Derived from kalbio/_core/aio/downloads.py by scripts/regenerate; edit that file. (digest 6bb9c0cad4d0)
"""Saves a streamed answer: to a temporary file beside the target, renamed when it is complete."""

from __future__ import annotations

import secrets
from pathlib import Path

from kalbio._core import constants
from kalbio._core._http import HTTPError, Response
from kalbio._core.errors import ConnectionFailedError


def refuse_existing(target: Path, overwrite: bool) -> None:
    """Raise FileExistsError when the target is there and must not be replaced."""
    if target.exists() and not overwrite:
        raise FileExistsError(f"{target} exists already; give overwrite=True to replace it, or another file name")


def save(response: Response, target: Path, *, overwrite: bool) -> None:
    """Write the body of a streamed `response` to `target` and close the response.

    A failure leaves an existing file as it was and no partial file behind.
    """
    streamed = not response.is_stream_consumed  # a transport in this process may give the body whole, uncounted
    temporary = target.with_name(f".{target.name[:40]}.{secrets.token_hex(4)}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            # Not the tempfile module: it makes files that only their owner may read, whatever the umask says.
            with temporary.open("xb") as file:
                for chunk in response.iter_bytes(constants.DOWNLOAD_CHUNK):
                    file.write(chunk)
            stated, received = response.headers.get("content-length"), response.num_bytes_downloaded
            if streamed and stated is not None and stated != str(received):
                raise _broken(response, f"{received} of {stated} bytes came")
            refuse_existing(target, overwrite)
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)
    except HTTPError as error:
        raise _broken(response, str(error) or type(error).__name__) from error
    finally:
        response.close()


def _broken(response: Response, reason: str) -> ConnectionFailedError:
    return ConnectionFailedError(response.request.method, response.request.url.path, f"the download broke: {reason}")
