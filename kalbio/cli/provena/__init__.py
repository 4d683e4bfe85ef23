"""`kalbio provena`: Provena from the shell. Outside its own room, only what stands here knows the client of Provena."""

from __future__ import annotations

import click

from kalbio.cli.errors import EXIT_CODES
from kalbio.cli.lazy import LazyCommand, LazyGroup

_HERE = "kalbio.cli.provena"

COMMANDS = {
    "login": LazyCommand(f"{_HERE}.login", "login", "log in to an installation, and keep the login"),
    "logout": LazyCommand(f"{_HERE}.login", "logout", "remove a login"),
    "whoami": LazyCommand(f"{_HERE}.login", "whoami", "say which user and which installation are in use"),
    "link": LazyCommand(f"{_HERE}.login", "link", "link yourself to your person in the registry"),
    "items": LazyCommand(f"{_HERE}.items", "items", "list, show and create items of the registry"),
    "search": LazyCommand(f"{_HERE}.items", "search", "find items by words"),
    "datasets": LazyCommand(f"{_HERE}.datasets", "datasets", "list and mint datasets, download and upload their files"),
    "jobs": LazyCommand(f"{_HERE}.jobs", "jobs", "list, show and wait for jobs"),
    "lineage": LazyCommand(f"{_HERE}.lineage", "lineage", "print what an item came from, or what came of it"),
    "doctor": LazyCommand(f"{_HERE}.doctor", "doctor", "find where an installation and its description differ"),
    "sandbox": LazyCommand(f"{_HERE}.sandbox", "sandbox", "run a local stand-in for an installation"),
}


@click.group(cls=LazyGroup, lazy_commands=COMMANDS, epilog=EXIT_CODES)
def provena() -> None:
    """Work with Provena, the provenance system, from the shell."""
