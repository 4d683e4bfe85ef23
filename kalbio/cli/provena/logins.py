"""The logins of `kalbio provena`: which installation, and as whom; the tokens are kept by the client itself."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import attrs

from kalbio._core.errors import NotFoundError, SDKError, SettingError
from kalbio._core.files.user_settings import settings_folder, write_private
from kalbio._core.http.addresses import without_secrets
from kalbio._core.objects.identifiers import did_you_mean
from kalbio._core.text.display import safe_repr
from kalbio.cli.errors import WRONG_USE, Stop
from kalbio.cli.options import this_run

if TYPE_CHECKING:
    from kalbio.provena._model.config import Config
    from kalbio.provena._model.login import DeviceFlow
    from kalbio.provena.client import ProvenaClient

DEFAULT = "default"
"""The name of the login that is made, and used, when none is named. Its tokens are those of `DeviceFlow` in Python."""

PLACE = ("URL", "DOMAIN", "REALM")
"""What says which installation, as the ends of the names of variables."""

_VARIABLES = (*PLACE, "CLIENT_ID", "CLIENT_SECRET", "OFFLINE_TOKEN")
_NEEDED = ("domain", "realm", "client_id")


@attrs.frozen
class Login:
    """An installation, and a client of its realm to log in through.

    Attributes:
        domain: the domain of the installation.
        realm: its realm.
        client_id: the client of the realm.
        url: the address of a server that has all services, in place of the domain; None for those of the domain.
    """

    domain: str
    realm: str
    client_id: str
    url: str | None = None

    def config(self) -> Config:
        """Return where the services are."""
        from kalbio.provena._model.config import APIOverrides, Config

        return Config(self.domain, self.realm, *([APIOverrides.at(self.url)] if self.url else []))

    def flow(self, name: str, show: Callable[[str], object], open_browser: bool = False) -> DeviceFlow:
        """Return what has the tokens of a login of this name."""
        from kalbio.provena._model.login import DeviceFlow

        return DeviceFlow(self.config(), self.client_id, user=name, show=show, open_browser=open_browser)


class Logins:
    """The logins of the user, by their names. The file has no secrets."""

    def __init__(self) -> None:
        self.path = settings_folder("kalbio", os.environ) / "provena" / "logins.json"

    def load(self, name: str) -> Login:
        """Return a login. Raises SettingError when there is none of the name, or it makes no sense."""
        known = self._read()
        if name not in known:
            cure = did_you_mean(name, known) or " Make it: kalbio provena login"
            raise SettingError(f"There is no login {safe_repr(name)} in {self.path}.{cure}")
        kept = known[name]
        if not isinstance(kept, dict) or not all(isinstance(kept.get(member), str) for member in _NEEDED):
            raise SettingError(f"The login {safe_repr(name)} is not whole; make it again: kalbio provena login")
        return Login(kept["domain"], kept["realm"], kept["client_id"], kept.get("url"))

    def __contains__(self, name: object) -> bool:
        return name in self._read()

    def save(self, name: str, login: Login) -> None:
        """Keep a login, in place of one of the same name."""
        self._write({**self._read(), name: attrs.asdict(login)})

    def remove(self, name: str) -> None:
        """Remove a login."""
        self._write({other: kept for other, kept in self._read().items() if other != name})

    def _read(self) -> dict[str, Any]:
        try:
            known = json.loads(self.path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, RecursionError):
            known = None
        if not isinstance(known, dict):
            raise SettingError(f"{self.path} is no file of logins; mend it or remove it")
        return known

    def _write(self, known: dict[str, Any]) -> None:
        write_private(self.path, json.dumps(known, indent=2, sort_keys=True) + "\n")


def variables() -> dict[str, str]:
    """Return what the environment says about Provena: `{"DOMAIN": ...}`."""
    return {name: value for name in _VARIABLES if (value := os.environ.get(f"PROVENA_{name}"))}


def login_command(place: Mapping[str, str]) -> str:
    """Return the command that logs in to an installation in a browser; there are examples for what is not known."""
    known = {"DOMAIN": "provena.example.org", "REALM": "provena", **place}
    if "URL" in known:
        known["URL"] = without_secrets(known["URL"])
    options = " ".join(f"--{name.lower()} {shlex.quote(known[name])}" for name in PLACE if name in known)
    return f"kalbio provena login {options}"


class InUse(NamedTuple):
    """The login that the commands of this run use.

    Attributes:
        name: what it is called; None for that of the environment.
        login: itself; None for that of the environment.
        origin: where it came from.
    """

    name: str | None
    login: Login | None
    origin: str


def login_in_use() -> InUse:
    """Return what the option, the environment or the default login say, the first of these that says anything."""
    named, logins = this_run().profile, Logins()
    if named is None and variables():
        return InUse(None, None, "the environment")
    if named is None and DEFAULT not in logins:
        raise SettingError(
            "There is no login. Run kalbio provena login, or set PROVENA_DOMAIN, PROVENA_REALM, PROVENA_CLIENT_ID, and "
            "PROVENA_CLIENT_SECRET or PROVENA_OFFLINE_TOKEN"
        )
    name = named or DEFAULT
    return InUse(name, logins.load(name), f"{'--profile' if named else 'the default login'}, in {logins.path}")


_CURES = {
    "client.access.link_person": "Link it once: kalbio provena link PERSON. Where there is no such person yet, kalbio "
    "provena items create persons makes one.",
    "client.access.report": "kalbio provena whoami tells which roles you have; ask the administrators for others.",
}
"""What to type, for cures that name a call in Python."""


@contextmanager
def connect() -> Iterator[ProvenaClient]:
    """Give the client of the login in use, whose errors name commands as their cure."""
    with _client() as client:
        try:
            yield client
        except NotFoundError as error:
            # The client notes what is not there, where the server tells it in words of its own.
            notes = (note for note in getattr(error, "__notes__", ()) if note.startswith("there is no "))
            if (told := next(notes, None)) is not None:
                raise Stop(told, WRONG_USE) from error
            raise
        except SDKError as error:
            error.cure = next((typed for call, typed in _CURES.items() if call in error.cure), error.cure)
            raise


def _client() -> ProvenaClient:
    from kalbio.provena.client import ProvenaClient

    name, login, _ = login_in_use()
    if name is None or login is None:
        return ProvenaClient()

    def ended(_: str) -> None:
        # No command but `login` waits for somebody with a browser.
        again = "kalbio provena login" if name == DEFAULT else f"kalbio provena login --profile {name}"
        raise Stop(f"the login {name!r} has ended", cure=f"Log in again: {again}")

    return ProvenaClient(login.flow(name, ended))
