"""Which certificates are trusted: decided when the client is made, loaded when it connects."""

from __future__ import annotations

import os
import re
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kalbio._core.errors import SettingError
from kalbio._core.text.display import safe_repr

VARIABLES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE")
"""Where the environment may name trusted certificates; the first one that is set counts."""

_HASHED = re.compile(r"[0-9a-f]{8}\.[0-9]+")


class Certificates:
    """What servers are held against: the certificates that come with the HTTP library, others, or nothing.

    Args:
        given: True for the usual ones, False for no check, a context, or the path of a file or a directory.
        setting: what named the path, for errors.
    """

    __slots__ = ("_given", "_path", "_setting")

    def __init__(
        self, given: bool | str | os.PathLike[str] | ssl.SSLContext = True, setting: str = "verify_ssl"
    ) -> None:
        self._setting = setting
        self._path = ""
        self._given: bool | ssl.SSLContext | None = None
        if isinstance(given, bool | ssl.SSLContext):
            self._given = given
        elif isinstance(given, str | os.PathLike) and isinstance(path := os.fspath(given), str):
            self._path = path
            self._check()
        else:
            raise SettingError(
                f"{setting} must be True, False, the path of a file of certificates, or an ssl.SSLContext; "
                f"got {safe_repr(given)}"
            )

    @classmethod
    def of(cls, given: Any, environ: Mapping[str, str]) -> Certificates:
        """Return what the argument says; where it is True, what the environment says."""
        if given is True:
            for name in VARIABLES:
                if environ.get(name):
                    return cls(environ[name], name)
        return cls(given)

    def context(self) -> bool | ssl.SSLContext:
        """Return what the HTTP library needs. Certificates are loaded once: it takes longer than making a client."""
        if self._given is None:
            try:
                if _is_directory(self._path):
                    self._given = ssl.create_default_context(capath=self._path)
                else:
                    self._given = ssl.create_default_context(cafile=self._path)
            except OSError as error:
                raise self._unusable(f"it cannot be loaded ({error.strerror or error})") from None
        return self._given

    def _check(self) -> None:
        fault = ""
        if _is_directory(self._path):
            # Several may be given, as to OpenSSL. It looks for names made of hashes, and for nothing else.
            if not any(_HASHED.fullmatch(name) for folder in _folders(self._path) for name in _names(folder)):
                fault = "the directory has no certificates under their hashes (see `openssl rehash`); give a file"
        else:
            try:
                text = Path(self._path).read_bytes()
            except (OSError, ValueError) as error:
                fault = f"there is no file that can be read ({getattr(error, 'strerror', None) or error})"
            else:
                if not re.search(rb"-----BEGIN (TRUSTED |X509 )?CERTIFICATE-----", text):
                    fault = "the file has no certificate in PEM form"
        if fault:
            raise self._unusable(fault)

    def _unusable(self, fault: str) -> SettingError:
        return SettingError(f"{self._setting} cannot be used: {fault}; got {safe_repr(self._path)}")

    def __repr__(self) -> str:
        return f"Trust({self._path or self._given!r})"


def _folders(path: str) -> list[str]:
    return [folder for folder in path.split(os.pathsep) if folder]


def _is_directory(path: str) -> bool:
    return any(Path(folder).is_dir() for folder in _folders(path))


def _names(folder: str) -> list[str]:
    try:
        return os.listdir(folder)  # noqa: PTH208  # a Path for each name would take ten times as long
    except OSError:
        return []
