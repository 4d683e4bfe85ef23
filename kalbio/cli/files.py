"""`kalbio files`: downloads and uploads."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import click

from kalbio.cli.errors import Stop
from kalbio.cli.options import connect, connected, printing, progress
from kalbio.cli.output import Output
from kalbio.cli.records import no_record, record_key


@click.group()
def files() -> None:
    """Download and upload files."""


@files.command()
@click.argument("file_id", metavar="ID")
@click.argument("target", metavar="[FILE]", required=False, type=click.Path(path_type=Path))
@click.option("--activity", metavar="NAME|ID", help="The activity that the file belongs to.")
@click.option("--sha256", metavar="HEX", help="The checksum that the file must have.")
@click.option("--force", is_flag=True, help="Replace the file if it is there.")
@connected
@printing
def get(out: Output, file_id: str, target: Path | None, activity: str | None, sha256: str | None, force: bool) -> None:
    """Download a file.

    ID is in the content of a file field. FILE is where to save it, by default its id in the current folder; a folder
    is one to save it in, and - writes it to the output.
    """
    to_output = target is not None and str(target) == "-"
    folder, name = (
        (target, None)
        if target is not None and target.is_dir()
        else ((None, None) if target is None else (target.parent, target.name))
    )
    with connect() as client, progress("bytes") as advance:
        saved: str | int | None
        if to_output:
            saved = client.files.write_file(file_id, sys.stdout.buffer, activity, progress=advance, sha256=sha256)
        else:
            saved = client.files.download_file(
                file_id, name, folder, activity, overwrite=force, progress=advance, sha256=sha256
            )
    if saved is None:
        raise Stop(f"there is no file {file_id!r}")
    if not to_output:
        out.object({"path": saved, "bytes": Path(cast("str", saved)).stat().st_size})


@files.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--record", "record", metavar="ID|FIELD=VALUE", multiple=True, required=True, help="The record: its id, "
              "or one of its key fields; given once for each key field.")  # fmt: skip
@click.option("--field", metavar="NAME|ID", required=True, help="The field, of type file.")
@click.option("--activity", metavar="NAME|ID", help="The activity to write in.")
@click.option("--type", "content_type", metavar="TYPE", help="The content type; by default by the ending of the name.")
@connected
@printing
def put(
    out: Output, file: Path, record: Sequence[str], field: str, activity: str | None, content_type: str | None
) -> None:
    """Upload a file as a value of a record."""
    wanted = record_key(record)
    if len(wanted) != 1:
        raise click.UsageError("--record takes one record.")
    with connect() as client:
        found = client.records.get_record_by_id(wanted[0])
        if found is None:
            raise no_record(client, wanted)
        with progress("bytes") as advance:
            value = client.records.create_record_value_file(
                found, field, file, None, content_type, activity, progress=advance
            )
        content = {} if value is None or not isinstance(value.content, dict) else value.content
        out.object({"record_id": found.id, "field": field, **content})
