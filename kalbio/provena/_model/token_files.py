"""Tokens that outlive the program: a file for each installation, client and user, which nobody else can read."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import warnings
from typing import Any

from kalbio._core.files.user_settings import settings_folder, write_private
from kalbio._core.text.display import safe_repr


class TokenFileWarning(UserWarning):
    """Tokens cannot be kept, or those that were kept cannot be used; the login itself goes on."""


class TokenFile:
    """The place of the tokens of one login.

    Attributes:
        path: where they are.
    """

    def __init__(self, realm: str, client_id: str, user: str) -> None:
        self._owner = {"realm": realm, "client_id": client_id, "user": user}
        key = json.dumps(self._owner, sort_keys=True).encode()
        self.path = settings_folder("kalbio", os.environ) / "provena" / f"{hashlib.sha256(key).hexdigest()[:32]}.json"

    def read(self) -> dict[str, Any] | None:
        """Return what was kept; None when that is nothing, or nothing that can be trusted."""
        try:
            with self.path.open(encoding="utf-8") as file:
                # Looked at through the open file: another one may take its place.
                if os.name == "posix" and stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077:
                    _warn(f"{self.path} is not used: others may read it. Delete it, or `chmod 600` it")
                    return None
                kept = json.load(file)
        except (OSError, ValueError, RecursionError):
            return None
        if not isinstance(kept, dict) or any(kept.get(name) != value for name, value in self._owner.items()):
            return None
        return kept

    def write(self, kept: dict[str, Any]) -> None:
        """Keep tokens in place of what was kept. Whoever reads meanwhile gets the old ones or the new ones."""
        try:
            write_private(self.path, json.dumps({**self._owner, **kept}))
        except OSError as error:
            _warn(f"tokens cannot be kept in {self.path.parent}: {error.strerror or safe_repr(error)}")

    def delete(self) -> None:
        """Keep nothing."""
        self.path.unlink(missing_ok=True)


def _warn(text: str) -> None:
    warnings.warn(text, TokenFileWarning, stacklevel=2)
