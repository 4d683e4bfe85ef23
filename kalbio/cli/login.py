"""`kalbio login`, `logout` and `whoami`."""

from __future__ import annotations

import os
import sys
from typing import Any

import click

from kalbio.cli.errors import WRONG_USE, Stop
from kalbio.cli.options import connect, connected, debuggable, login_in_use, printing
from kalbio.cli.output import Output

_PROFILE = click.option("--profile", "name", metavar="NAME", help="The name of the profile.  [default: that of "
                        "KALBIO_PROFILE, else default]")  # fmt: skip


def _name(given: str | None) -> str:
    from kalbio._model.profiles import DEFAULT, VARIABLE

    name = given or os.environ.get(VARIABLE) or DEFAULT
    if not name.isprintable() or name != name.strip():
        raise Stop(f"{name!r} is no name for a profile", WRONG_USE)
    return name


@click.command()
@_PROFILE
@click.option("--url", metavar="URL", help="Address of the API; by default that of the platform.")
@click.option("--client-id", metavar="ID", help="Id of the API credentials; asked for on a terminal.")
@click.option("--iap-client-id", metavar="ID", help="Audience of the identity-aware proxy before the API.")
@click.option("--from-environment", is_flag=True, help="Take url, id and secret from KALEIDOSCOPE_API_*.")
@click.option("--store", type=click.Choice(["keyring", "file"]), help="Where to keep it: in the keyring of the system, "
              "or in a file that only you can read. By default the keyring, where there is one.")  # fmt: skip
@click.option("--no-check", is_flag=True, help="Keep it without asking the platform whether it is right.")
@debuggable
@printing
def login(
    out: Output,
    name: str | None,
    url: str | None,
    client_id: str | None,
    iap_client_id: str | None,
    from_environment: bool,
    store: Any,
    no_check: bool,
) -> None:
    """Keep url and credentials in a profile.

    The secret is asked for on a terminal, without showing it, or read from the first line of the input. It is never an
    argument: those are seen by others, and kept by the shell.
    """
    from kalbio._model.profiles import CREDENTIALS, Profile, Profiles, can_use_keyring
    from kalbio.client import PROD_API_URL, KaleidoscopeClient

    profile_name, profiles = _name(name), Profiles()
    if from_environment:
        if url or client_id:
            raise Stop("--from-environment takes all of it: leave out --url and --client-id", WRONG_USE)
        url, client_id, secret = (os.environ.get(variable) for variable in CREDENTIALS)
        if not client_id or not secret:
            raise Stop(f"{CREDENTIALS[1]} or {CREDENTIALS[2]} is not set", WRONG_USE)
    else:
        client_id = client_id or _ask("Client id")
        secret = _ask("Client secret", hidden=True)
    url = (url or PROD_API_URL).strip().rstrip("/")
    if store is None:
        store = "keyring" if can_use_keyring() else "file"
    with KaleidoscopeClient(client_id, secret, url, iap_client_id=iap_client_id, on_error="raise") as client:
        workspace = None if no_check else client.workspace.get_workspace()
    profiles.save(Profile(profile_name, url, client_id, secret, iap_client_id, store))
    kept = f"the profile {profile_name}, {'in the keyring' if store == 'keyring' else f'in {profiles.path}'}"
    out.object({
        "profile": profile_name,
        "workspace": None if workspace is None else workspace.workspace_name,
        "url": url,
        "kept": kept,
    })  # fmt: skip


def _ask(what: str, hidden: bool = False) -> str:
    if sys.stdin.isatty():
        answer: str = click.prompt(what, hide_input=hidden, err=True)
        return answer.strip()
    line = sys.stdin.readline().strip() if hidden else ""
    if not line:
        cure = "give it as the first line of the input" if hidden else "give --client-id"
        raise Stop(f"{what[0].lower()}{what[1:]} is missing: {cure}", WRONG_USE)
    return line


@click.command()
@_PROFILE
@debuggable
def logout(name: str | None) -> None:
    """Remove a profile with its credentials. The platform is not asked: its credentials stay valid there."""
    from kalbio._model.profiles import Profiles

    chosen = _name(name)
    if not Profiles().remove(chosen):
        raise Stop(f"there is no profile {chosen}")
    click.echo(f"The profile {chosen} is removed.")


@click.command()
@connected
@printing
def whoami(out: Output) -> None:
    """Say which workspace and which credentials are in use, and where they came from. Asks the platform."""
    used = login_in_use()
    with connect() as client:
        workspace = client.workspace.get_workspace()
        if workspace is None:
            raise Stop("the platform names no workspace for these credentials")
        told = {
            "workspace": workspace.workspace_name,
            "workspace_id": workspace.id,
            "url": used.url,
            "client_id": used.client_id,
            "profile": used.profile,
            "from": used.origin,
        }  # fmt: skip
        # For people, a line that says nothing is none.
        out.object(told, [name for name, value in told.items() if value is not None] if out.form == "text" else None)
