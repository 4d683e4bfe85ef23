"""`kalbio imports`: bulk loads, which run in the background."""

from __future__ import annotations

import sys
from itertools import islice

import click

from kalbio._core.text.display import one_line
from kalbio.cli.errors import FAILED, Stop
from kalbio.cli.options import connect, connected, printing
from kalbio.cli.output import Output, print_objects, shown

_COLUMNS = ["id", "import_status", "is_complete", "created_at", "completed_at", "error_message"]


@click.group()
def imports() -> None:
    """List, show and wait for imports."""


@imports.command("list")
@click.option("--running", is_flag=True, help="Only those that have not ended.")
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True, help="Most imports.")
@connected
@printing
def list_(out: Output, running: bool, limit: int) -> None:
    """List imports."""
    with connect() as client:
        found = client.imports.iter_imports(False if running else None, page_size=min(limit, 100))
        print_objects(out, islice(found, limit), _COLUMNS)


@imports.command()
@click.argument("import_id", metavar="ID")
@connected
@printing
def show(out: Output, import_id: str) -> None:
    """Show an import, with what it changed and the rows that it left out."""
    with connect() as client:
        found = client.imports.get_import(import_id)
    if found is None:
        raise Stop(f"there is no import {import_id!r}")
    out.object(found.to_dict())


@imports.command()
@click.argument("import_id", metavar="ID")
@click.option("--timeout", type=float, default=300.0, show_default=True, metavar="S", help="Longest time to wait, in "
              "seconds.")  # fmt: skip
@click.option("--interval", type=float, default=1.0, show_default=True, metavar="S", help="Seconds between two checks.")
@connected
@printing
def wait(out: Output, import_id: str, timeout: float, interval: float) -> int:
    """Wait until an import has ended. The exit code is 1 when rows were left out, 5 when it goes on."""
    with connect() as client:
        tell = _tell if sys.stderr.isatty() else None
        found = client.imports.wait(import_id, interval=interval, timeout=timeout, progress=tell)
        if tell is not None:
            sys.stderr.write("\r\x1b[K")
    out.object(found.to_dict())
    return FAILED if found.row_errors else 0


def _tell(state: object) -> None:
    sys.stderr.write(f"\r\x1b[K{one_line(shown(getattr(state, 'import_status', '')))}")
    sys.stderr.flush()
