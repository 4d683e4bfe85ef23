"""`kalbio provena doctor`: where an installation and the description that the client stands on differ."""

from __future__ import annotations

import click

from kalbio.cli.doctor import EXIT_CODES, check_targets, give, reporting, tell
from kalbio.cli.errors import WRONG_USE
from kalbio.cli.options import connected, this_run
from kalbio.cli.provena.logins import connect


@click.command(epilog=EXIT_CODES)
@reporting
@connected
def doctor(html: str | None, json: str | None) -> int:
    """Find where an installation and its description differ.

    Asks for everything that you may read, and writes nothing. The report holds shapes, no data.
    """
    this_run().code_of_errors = WRONG_USE
    check_targets(html, json)
    with connect() as client:
        report = client.doctor(progress=tell)
    tell("")
    return give(report, html, json)
