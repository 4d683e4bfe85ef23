"""Profiles: urls with their credentials, kept under a name in the keyring of the system or in a file of the user."""

from __future__ import annotations

import contextlib
import json
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import attrs

from kalbio._core.errors import SettingError
from kalbio._core.files.user_settings import settings_folder, write_private
from kalbio._core.objects.identifiers import did_you_mean
from kalbio._core.text.display import safe_repr
from kalbio._extras import require_keyring

DEFAULT = "default"
"""The name of the profile that a login makes when it is given none."""

VARIABLE = "KALBIO_PROFILE"
"""The environment variable that names the profile to use."""

CREDENTIALS = ("KALEIDOSCOPE_API_URL", "KALEIDOSCOPE_API_CLIENT_ID", "KALEIDOSCOPE_API_CLIENT_SECRET")
"""The environment variables that say what a profile says."""

Store = Literal["keyring", "file"]

_SERVICE = "kalbio"
_FILE = "profiles.json"
_MEMBERS = {"url", "client_id", "client_secret", "iap_client_id"}


@attrs.frozen
class Profile:
    """An address with the credentials for it; they belong together.

    Attributes:
        name: what it is called.
        url: the address.
        client_id: id of the credentials.
        client_secret: their secret.
        iap_client_id: audience of the identity-aware proxy before it, if there is one.
        store: where it is kept.
    """

    name: str
    url: str
    client_id: str
    client_secret: str = attrs.field(repr=False)
    iap_client_id: str | None = None
    store: Store = "file"


class Profiles:
    """The profiles of the user.

    Args:
        folder: where the file is; by default the folder of the platform for settings.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.path = (settings_folder("kalbio", os.environ) if folder is None else folder) / _FILE

    def names(self) -> list[str]:
        """Return the names of all profiles."""
        return sorted(self._read())

    def load(self, name: str) -> Profile:
        """Return a profile. Raises SettingError when there is none of the name, or it cannot be read whole."""
        known = self._read()
        if name not in known:
            cure = did_you_mean(name, known) or f" Make it: kalbio login --profile {name}"
            raise SettingError(f"There is no profile {safe_repr(name)} in {self.path}.{cure}")
        kept = known[name]
        store: Store = "file"
        if kept == {"store": "keyring"}:
            kept, store = self._from_keyring(name), "keyring"
        texts: dict[str, Any] = {
            member: kept.get(member) for member in sorted(_MEMBERS) if kept.get(member) is not None
        }
        complete = _MEMBERS - {"iap_client_id"} <= texts.keys()
        if not complete or set(kept) - _MEMBERS or not all(isinstance(text, str) for text in texts.values()):
            raise SettingError(
                f"The profile {safe_repr(name)} is not whole; make it again: kalbio login --profile {name}"
            )
        return Profile(name, store=store, **texts)

    def save(self, profile: Profile) -> None:
        """Keep a profile, in the place of one of the same name."""
        known = self._read()
        members = attrs.asdict(
            profile, filter=lambda attribute, value: attribute.name in _MEMBERS and value is not None
        )
        if profile.store == "keyring":
            _keyring().set_password(_SERVICE, profile.name, json.dumps(members))
            members = {"store": "keyring"}
        self._write({**known, profile.name: members})

    def remove(self, name: str) -> bool:
        """Remove a profile; gives whether there was one."""
        known = self._read()
        kept = known.pop(name, None)
        if kept is None:
            return False
        if kept == {"store": "keyring"}:
            keyring = _keyring()
            with contextlib.suppress(keyring.errors.PasswordDeleteError):  # somebody has removed it there
                keyring.delete_password(_SERVICE, name)
        self._write(known)
        return True

    def _from_keyring(self, name: str) -> dict[str, Any]:
        text = _keyring().get_password(_SERVICE, name)
        if text is None:
            raise SettingError(
                f"The keyring has no credentials of the profile {safe_repr(name)}; make it again: kalbio login "
                f"--profile {name}"
            )
        return _as_dict(text) or {}

    def _read(self) -> dict[str, dict[str, Any]]:
        try:
            with self.path.open(encoding="utf-8") as file:
                # Of the file that is open: another one may stand at the path by now.
                if os.name == "posix" and stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077:
                    raise SettingError(f"{self.path} holds credentials, and others may read it: chmod 600 {self.path}")
                text = file.read()
        except FileNotFoundError:
            return {}
        except (OSError, UnicodeDecodeError) as error:
            raise SettingError(f"{self.path} cannot be read: {error}") from error
        known = _as_dict(text)
        if known is None or not all(isinstance(item, dict) for item in known.values()):
            # Its text may hold credentials, so that no part of it is shown.
            raise SettingError(f"{self.path} is no file of profiles; mend it or remove it")
        return known

    def _write(self, known: Mapping[str, Mapping[str, Any]]) -> None:
        write_private(self.path, json.dumps(known, indent=2, sort_keys=True) + "\n")


def profile_of(name: str | None, arguments: Mapping[str, object], environ: Mapping[str, str]) -> Profile | None:
    """Return the profile that an argument or the environment names, None where neither does.

    A profile is used whole. Raises SettingError where something else would say a part of what it says; a client that is
    made with credentials of its own does not look at the environment for a profile.
    """
    given = [argument for argument, value in arguments.items() if value is not None]
    if name is None:
        name = environ.get(VARIABLE)
        if not name or given:
            return None
        set_besides = [variable for variable in CREDENTIALS if environ.get(variable)]
        if set_besides:
            raise SettingError(
                f"{VARIABLE} and {set_besides[0]} are both set, and a profile is used whole: unset one of them, or "
                "name the profile in the program or the command (profile=..., --profile)"
            )
    elif given:
        raise SettingError(f"profile and {given[0]} cannot be given together: a profile is used whole")
    if not isinstance(name, str) or not name.strip():
        raise SettingError(f"profile must be the name of a profile; got {safe_repr(name)}")
    return Profiles().load(name)


def all_or_none(
    name: str | None, client_id: str | None, client_secret: str | None, url: str | None, iap_client_id: str | None
) -> tuple[str | None, str | None, str | None, str | None]:
    """Return the last four arguments of a client: all of them from its profile where there is one, else as they are."""
    said = {"client_id": client_id, "client_secret": client_secret, "url": url, "iap_client_id": iap_client_id}
    profile = profile_of(name, said, os.environ)
    if profile is None:
        return client_id, client_secret, url, iap_client_id
    return profile.client_id, profile.client_secret, profile.url, profile.iap_client_id


def can_use_keyring() -> bool:
    """Whether there is a keyring to keep secrets in."""
    try:
        _keyring()
    except (ImportError, SettingError):
        return False
    return True


def _keyring() -> Any:
    require_keyring()
    import keyring
    import keyring.errors

    if keyring.get_keyring().priority <= 0:
        raise SettingError("There is no keyring on this system that can be used; use --store file")
    return keyring


def _as_dict(text: str) -> dict[str, Any] | None:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
