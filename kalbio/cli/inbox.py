"""`kalbio inbox`: the events that a registrar has received."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

from kalbio.cli.errors import FAILED
from kalbio.cli.options import debuggable, printing, this_run
from kalbio.cli.output import Output

Function = TypeVar("Function", bound=Callable[..., Any])

_KEYS = click.argument("keys", metavar="[KEY]...", nargs=-1)
_DEAD = click.option("--dead", is_flag=True, help="All events that are dead.")


@click.group()
def inbox() -> None:
    """See and decide about the events that a registrar has received.

    Works on the file of an inbox, also while the service runs.
    """


def _on_a_file(function: Function) -> Function:
    file = click.option("--inbox", "path", metavar="FILE", default="inbox.db", show_default=True, help="The file of "
                        "the inbox.")  # fmt: skip
    return file(debuggable(function))


def _commands() -> Any:
    this_run().code_of_errors = FAILED
    from kalbio.webhooks import commands

    return commands


@inbox.command("list")
@click.option("--state", "states", metavar="STATE", multiple=True, help="List events in this state instead; may be "
              "given several times.")  # fmt: skip
@_on_a_file
@printing
def list_(out: Output, path: str, states: Sequence[str]) -> None:
    """List what is not dealt with: waiting, running, dead and unknown. --state done lists what was handled."""
    told = _commands().list_events(path, states, as_json=out.form != "text")
    if out.form == "csv":
        out.rows(json.loads(told)["events"])
    else:
        sys.stdout.write(f"{told}\n")


@inbox.command()
@click.argument("key")
@_on_a_file
@printing
def show(out: Output, path: str, key: str) -> None:
    """Show an event with its payload. KEY is the key of the event, or the beginning of it."""
    told = _commands().show_event(path, key, as_json=out.form != "text")
    if out.form == "csv":
        out.object(json.loads(told))
    else:
        sys.stdout.write(f"{told}\n")


@inbox.command()
@_KEYS
@_DEAD
@click.option("--submit-again", is_flag=True, help="Send results again although they may have arrived.")
@_on_a_file
def retry(path: str, keys: Sequence[str], dead: bool, submit_again: bool) -> None:
    """Let events be handled again. KEY is the key of an event, or the beginning of it."""
    sys.stdout.write(f"{_commands().retry_events(path, keys, dead=dead, submit_again=submit_again)}\n")


@inbox.command()
@_KEYS
@_DEAD
@_on_a_file
def drop(path: str, keys: Sequence[str], dead: bool) -> None:
    """Set events aside. KEY is the key of an event, or the beginning of it."""
    sys.stdout.write(f"{_commands().drop_events(path, keys, dead=dead)}\n")
