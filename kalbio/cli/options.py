"""What the commands have in common: their options, and the client they work with."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import wraps
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import click

if TYPE_CHECKING:
    from kalbio.client import KaleidoscopeClient

Function = TypeVar("Function", bound=Callable[..., Any])
Advance = Callable[[int, int | None], None]


class Run:
    """One run of the command.

    Attributes:
        profile: the profile that `--profile` names.
        debug: whether `--debug` was given.
        when_stopped: what to say after "Stopped.".
        code_of_errors: the exit code of all errors of a command that documents one of its own.
    """

    def __init__(self) -> None:
        self.profile: str | None = None
        self.debug = False
        self.when_stopped = ""
        self.code_of_errors: int | None = None


def this_run() -> Run:
    """Return the run that is under way."""
    run: Run = click.get_current_context().find_object(Run)  # type: ignore[assignment]  # there is always one
    return run


def _choose_profile(context: click.Context, _: click.Parameter, name: str | None) -> None:
    if name is not None:
        context.ensure_object(Run).profile = name


def _switch_debug(context: click.Context, _: click.Parameter, is_on: bool) -> None:
    if is_on:
        import logging

        context.ensure_object(Run).debug = True
        # Everything that the library logs; it logs no secrets.
        logging.basicConfig(stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s %(message)s")
        logging.getLogger("kalbio").setLevel(logging.DEBUG)


def debuggable(function: Function) -> Function:
    """Give a command the option `--debug`."""
    return click.option(
        "--debug", is_flag=True, expose_value=False, is_eager=True, callback=_switch_debug,
        help="Show the log, and where an error came from.",
    )(function)  # fmt: skip


def connected(function: Function) -> Function:
    """Give a command that talks to the platform the options for that."""
    profile = click.option(
        "--profile", metavar="NAME", expose_value=False, callback=_choose_profile,
        help="The profile to use, whatever the environment says.",
    )  # fmt: skip
    return debuggable(profile(function))


def printing(function: Function) -> Function:
    """Give a command the options `--json` and `--csv`, as an `Output` named `out`."""

    @wraps(function)
    def called(*args: Any, as_json: bool, as_csv: bool, **kwargs: Any) -> Any:
        if as_json and as_csv:
            raise click.UsageError("--json and --csv cannot both be given.", click.get_current_context())
        from kalbio.cli.output import Output

        return function(*args, out=Output("json" if as_json else "csv" if as_csv else "text"), **kwargs)

    as_csv = click.option("--csv", "as_csv", is_flag=True, help="Print CSV, in UTF-8.")
    as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
    return as_json(as_csv(called))  # type: ignore[return-value]  # without the option


class Login(NamedTuple):
    """What the client is made of, and where that came from."""

    url: str
    client_id: str | None
    profile: str | None
    origin: str


def login_in_use() -> Login:
    """Return what the option, the environment or the default profile say, the first of these that says anything."""
    from kalbio._core.errors import SettingError
    from kalbio._model.profiles import CREDENTIALS, DEFAULT, VARIABLE, Profiles, profile_of
    from kalbio.client import PROD_API_URL

    named = this_run().profile
    profile, origin = profile_of(named, {}, os.environ), VARIABLE if named is None else "--profile"
    if profile is None and not any(os.environ.get(variable) for variable in CREDENTIALS):
        profiles = Profiles()
        if DEFAULT not in profiles.names():
            raise SettingError(f"There are no credentials. Run kalbio login, or set {', '.join(CREDENTIALS)}")
        profile, origin = profiles.load(DEFAULT), "the default profile"
    if profile is None:
        url, client_id, _ = (os.environ.get(variable) for variable in CREDENTIALS)
        return Login(url or PROD_API_URL, client_id, None, "the environment")
    store = "the keyring" if profile.store == "keyring" else str(Profiles().path)
    return Login(profile.url, profile.client_id, profile.name, f"{origin}, in {store}")


def connect() -> KaleidoscopeClient:
    """Return the client of the profile or the environment. Close it."""
    from kalbio.client import KaleidoscopeClient

    return KaleidoscopeClient(profile=login_in_use().profile, on_error="raise")


@contextmanager
def progress(what: str) -> Iterator[Advance | None]:
    """Show how far something is, on a terminal; give None where nobody would see it."""
    if not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        yield None
        return
    with ExitStack() as stack:
        bars: list[Any] = []

        def advance(done: int, total: int | None) -> None:
            if not bars:  # not before there is something to show
                shown = click.progressbar(length=1, label=what, file=sys.stderr, show_pos=True)
                bars.append(stack.enter_context(shown))
            bars[0].length = max(total or done, 1)
            bars[0].update(done - bars[0].pos)

        yield advance
