"""`kalbio provena`: Provena from the shell. Outside its own room, only what stands here knows the client of Provena."""

from __future__ import annotations

import click

from kalbio.cli.errors import EXIT_CODES
from kalbio.cli.lazy import LazyGroup, Place

COMMANDS = {
    "sandbox": Place("kalbio.cli.provena.sandbox", "sandbox", "run a local stand-in for an installation"),
}


@click.group(cls=LazyGroup, places=COMMANDS, epilog=EXIT_CODES)
def provena() -> None:
    """Work with Provena, the provenance system, from the shell."""
