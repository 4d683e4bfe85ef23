"""`kalbio provena login`, `logout` and `whoami`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from kalbio._core.text.display import safe_repr
from kalbio.cli.errors import WRONG_USE, Stop
from kalbio.cli.options import connected, debuggable, printing
from kalbio.cli.output import Output
from kalbio.cli.provena.logins import (
    DEFAULT,
    PLACE,
    Login,
    Logins,
    connect,
    login_command,
    login_in_use,
    variables,
)

if TYPE_CHECKING:
    from kalbio.provena.client import ProvenaClient

_PROFILE = click.option("--profile", "name", metavar="NAME", default=DEFAULT, show_default=True, help="The name of the "
                        "login.")  # fmt: skip


@click.command()
@_PROFILE
@click.option("--domain", metavar="DOMAIN", help="The domain of the installation, such as provena.example.org.")
@click.option("--realm", metavar="REALM", help="Its realm.")
@click.option("--client-id", metavar="ID", help="A client of the realm that lets people log in.  "
              "[default: client-tools]")  # fmt: skip
@click.option("--url", metavar="URL", help="Address of a server that has all services, such as the sandbox.")
@click.option("--offline-token", "with_token", is_flag=True, help="Log in with an offline token, not in a browser: it "
              "is asked for, or read from the first line of the input.")  # fmt: skip
@click.option("--from-environment", is_flag=True, help="Take everything from PROVENA_*, with the offline token.")
@click.option("--no-browser", is_flag=True, help="Print the link, and open nothing.")
@debuggable
@printing
def login(
    out: Output,
    name: str,
    domain: str | None,
    realm: str | None,
    client_id: str | None,
    url: str | None,
    with_token: bool,
    from_environment: bool,
    no_browser: bool,
) -> None:
    """Log in to an installation of Provena, and keep the login.

    Prints a link and a code; open the link in a browser, here or on another computer. The tokens are kept in a file
    that only you can read, and renewed while that is possible.
    """
    if not name.isprintable() or not name.strip() or name != name.strip():
        raise Stop(f"{name!r} is no name for a login", WRONG_USE)
    token = None
    if from_environment:
        if domain or realm or client_id or url or with_token:
            raise Stop("--from-environment takes all of it: leave the other options out", WRONG_USE)
        found = variables()
        if "OFFLINE_TOKEN" not in found:
            raise Stop("PROVENA_OFFLINE_TOKEN is not set; logins as a service are used from the environment as they "
                       "are", WRONG_USE)  # fmt: skip
        domain, realm, url, client_id, token = (
            found.get(one) for one in ("DOMAIN", "REALM", "URL", "CLIENT_ID", "OFFLINE_TOKEN")
        )
    if missing := [name for name, value in (("domain", domain), ("realm", realm)) if not value]:
        raise _incomplete(missing, from_environment)
    chosen = Login(str(domain), str(realm), client_id or "client-tools", url or None)
    if chosen.url is None and chosen.domain.endswith(".invalid"):
        there = {"URL": "http://127.0.0.1:8322", "DOMAIN": chosen.domain, "REALM": chosen.realm}
        raise Stop(f"no name that ends in .invalid leads anywhere: {safe_repr(chosen.domain)}", WRONG_USE,
                   f"For a sandbox, give its address as well: {login_command(there)}")  # fmt: skip
    if with_token:
        token = _ask_for_token()
    flow = chosen.flow(name, _refused if token else _tell, open_browser=not no_browser)
    # The tokens of an earlier login stay until this one has succeeded.
    if token:
        flow.renew_with(token)
    else:
        flow.log_in_anew()
    from kalbio.provena.client import ProvenaClient

    with ProvenaClient(flow) as client:
        user = _user(client)
    logins = Logins()
    logins.save(name, chosen)
    out.object({
        "profile": name,
        "user": user["username"],
        "domain": chosen.domain,
        "realm": chosen.realm,
        "kept": f"the login in {logins.path}, its tokens in {flow.token_file}",
    })  # fmt: skip
    if name == DEFAULT and variables():
        sys.stderr.write("kalbio: PROVENA_* are set here and go before this login: unset them, or give --profile\n")


def _incomplete(missing: list[str], from_environment: bool) -> Stop:
    """Return what to say when nobody knows where to log in."""
    if from_environment:
        return Stop(f"PROVENA_{missing[0].upper()} is not set", WRONG_USE)
    found = variables()
    place = {name: found[name] for name in PLACE if name in found}
    cure = f"Such as: {login_command(place)}"
    if found:
        cure = ("PROVENA_* are set here, so that commands need no login: try kalbio provena whoami. For one in a "
                f"browser, unset them, and write: {login_command(place)}")  # fmt: skip
    options = " and ".join(f"--{name}" for name in missing)
    return Stop(f"{options} {'is' if len(missing) == 1 else 'are'} missing", WRONG_USE, cure)


def _tell(text: str) -> None:
    # The output is for what the command prints in the end.
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def _refused(_: str) -> None:
    raise Stop("the offline token is refused: it has ended, or belongs to another installation or client")


def _ask_for_token() -> str:
    if sys.stdin.isatty():
        answer: str = click.prompt("Offline token", hide_input=True, err=True)
        return answer.strip()
    line = sys.stdin.readline().strip()
    if not line:
        raise Stop("offline token is missing: give it as the first line of the input", WRONG_USE)
    return line


def _user(client: ProvenaClient) -> dict[str, Any]:
    """Return whose the token is. The answer repeats the token, so nothing else is made of it."""
    from provena_api.api.auth import auth_check_access_general

    from kalbio._core.http.responses import as_object

    answer = as_object(client.call(auth_check_access_general.build_request()))
    return {"username": answer.get("username"), "email": answer.get("email"), "roles": answer.get("roles")}


@click.command()
@_PROFILE
@debuggable
def logout(name: str) -> None:
    """Remove a login with its tokens. The identity provider is not told: end the session there if others have them."""
    logins = Logins()
    logins.load(name).flow(name, _tell).logout()
    logins.remove(name)
    click.echo(f"The login {name} is removed.")


_RELINK = "Only administrators can undo it: in Python, client.access.admin.link_person(USERNAME, PERSON, force=True)."


@click.command()
@click.argument("person")
@connected
@printing
def link(out: Output, person: str) -> None:
    """Link yourself to your person in the registry, which most writes need. Only administrators can undo it.

    PERSON is a handle or an exact name. It must be yours: kalbio provena items create persons makes one.
    """
    from kalbio._core.errors import ConflictError

    with connect() as client:
        id = client.persons.own(person)
        try:
            client.access.link_person(id)
        except ConflictError as error:
            linked = client.access.linked_person()
            if linked != id:
                raise Stop(f"you are linked to another person already: {linked}", cure=_RELINK) from error
            sys.stderr.write("kalbio: you are linked to this person already\n")
    out.object({"person": id})


@click.command()
@connected
@printing
def whoami(out: Output) -> None:
    """Say which user and which installation are in use, and where the login came from. Asks the servers."""
    used = login_in_use()
    with connect() as client:
        user = _user(client)
        told = {
            "user": user["username"],
            "email": user["email"],
            "roles": user["roles"],
            "person": client.access.linked_person(),
            "domain": client.config.domain,
            "realm": client.config.realm_name,
            "profile": used.name,
            "from": used.origin,
        }
    if out.form == "text":
        told["person"] = told["person"] or "not linked, see kalbio provena link"
        if used.name is None:
            del told["profile"]
    out.object(told)
