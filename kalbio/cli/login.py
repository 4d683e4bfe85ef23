"""`kalbio login`, `logout` and `whoami`."""

from __future__ import annotations

import click

from kalbio.cli.errors import Stop
from kalbio.cli.options import connect, connected, printing
from kalbio.cli.output import Output


@click.command()
@connected
@printing
def whoami(out: Output) -> None:
    """Say which workspace and which credentials are in use, and where they came from. Asks the platform."""
    with connect() as client:
        workspace = client.workspace.get_workspace()
        if workspace is None:
            raise Stop("the platform names no workspace for these credentials")
        out.object({"workspace": workspace.workspace_name, "workspace_id": workspace.id})
