"""`kalbio events`: what happened in the workspace."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

import click

from kalbio.cli.options import connect, connected, printing
from kalbio.cli.output import Output, print_objects


@click.command()
@click.option("--since", metavar="TIME", help="From this date or moment on: 2026-01-31, or 2026-01-31T10:00:00Z.")
@click.option("--until", metavar="TIME", help="Before this date or moment.")
@click.option("--type", "event_types", metavar="TYPE", multiple=True, help="Of this type; may be given several times.")
@click.option(
    "--about", "resource_type", metavar="KIND", help="About things of this kind: task (activities), record..."
)
@click.option("--limit", type=click.IntRange(1), help="Most events.")
@connected
@printing
def events(
    out: Output,
    since: str | None,
    until: str | None,
    event_types: Sequence[str],
    resource_type: str | None,
    limit: int | None,
) -> None:
    """List what happened in the workspace."""
    with connect() as client:
        found = client.workspace.iter_events(
            after_date=since,
            before_date=until,
            event_types=list(event_types) or None,
            resource_type=resource_type,
            page_size=100 if limit is None else min(limit, 100),
        )
        columns = ["created_at", "event_type", "resource_type", "full_name", "resource_id"]
        print_objects(out, islice(found, limit), columns)
