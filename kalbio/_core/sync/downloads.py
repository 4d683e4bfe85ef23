# Derived from kalbio/_core/aio/downloads.py by scripts/regenerate; edit that file. (digest 5acac24f8165)
"""Saves a streamed answer: to a temporary file beside the target, renamed when it is complete."""

from __future__ import annotations

import contextlib
import os
import tempfile
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
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=f".{target.name[:40]}.", suffix=".part", dir=target.parent)
    try:
        received = 0
        with os.fdopen(handle, "wb") as file:
            for chunk in response.iter_bytes(constants.DOWNLOAD_CHUNK):
                file.write(chunk)
                received += len(chunk)
        stated = response.headers.get("content-length")
        if stated is not None and "content-encoding" not in response.headers and int(stated) != received:
            raise _broken(response, f"{received} of {stated} bytes came")
        refuse_existing(target, overwrite)
        os.replace(temporary, target)  # noqa: PTH105  # the name is a plain string here
    except HTTPError as error:
        raise _broken(response, str(error) or type(error).__name__) from error
    finally:
        response.close()
        with contextlib.suppress(FileNotFoundError):  # it was renamed
            os.unlink(temporary)  # noqa: PTH108  # the name is a plain string here


def _broken(response: Response, reason: str) -> ConnectionFailedError:
    return ConnectionFailedError(response.request.method, response.request.url.path, f"the download broke: {reason}")
