"""`kalbio provena datasets`: datasets and their files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

import click

from kalbio.cli.options import connected, printing, progress, this_run
from kalbio.cli.output import Output
from kalbio.cli.provena.items import print_items, print_made, read_object, refused_data
from kalbio.cli.provena.logins import connect

_GOES_ON = " Run the same command again: it goes on where it was."


@click.group()
def datasets() -> None:
    """List and mint datasets, download and upload their files. DATASET is a handle or an exact name."""


@datasets.command("list")
@click.option("--sort", type=click.Choice(["name", "created", "updated"]), default="updated", show_default=True,
              help="By name, or the latest first.")  # fmt: skip
@click.option("--limit", type=click.IntRange(1), help="Most datasets.")
@connected
@printing
def list_(out: Output, sort: str, limit: int | None) -> None:
    """List the datasets that you may see."""
    with connect() as client:
        columns = ["display_name", "owner_username", "release_status", "updated_at", "id"]
        print_items(out, client.datasets, columns, sort=sort, seeds=False, limit=limit)


@datasets.command()
@click.argument("source", metavar="FILE", type=click.File(encoding="utf-8"))
@connected
@printing
def mint(out: Output, source: TextIO) -> None:
    """Make a dataset without files. FILE is its metadata as JSON; - reads the input."""
    metadata = read_object(source)
    with connect() as client, refused_data():
        print_made(out, client.datasets.mint(metadata))


@datasets.command()
@click.argument("dataset")
@click.option("--below", default="", metavar="FOLDER/", help="Only files whose paths begin so.")
@connected
@printing
def files(out: Output, dataset: str, below: str) -> None:
    """List the files of a dataset."""
    with connect() as client:
        found = client.datasets.files(dataset, below)
    names = ("path", "size", "modified", "etag")
    out.rows(({name: getattr(one, name) for name in names} for one in found), names[:3])


@datasets.command()
@click.argument("dataset")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--path", "paths", metavar="PATH", multiple=True, help="Only this file or folder of the dataset; may be "
              "given several times.")  # fmt: skip
@click.option("--force", is_flag=True, help="Replace files that are there with another content.")
@connected
@printing
def get(out: Output, dataset: str, folder: Path, paths: Sequence[str], force: bool) -> None:
    """Download the files of a dataset to a FOLDER.

    Files that are there already stay. After Ctrl-C, or when the connection broke, the same command goes on.
    """
    this_run().when_stopped = _GOES_ON
    with connect() as client, progress("bytes") as advance:
        found = client.datasets.download(dataset, folder, paths=list(paths) or None, overwrite=force, progress=advance)
    out.rows(({"path": path, "bytes": path.stat().st_size} for path in found), ["path", "bytes"])


@datasets.command()
@click.argument("dataset")
@click.argument("sources", metavar="PATH...", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--to", default="", metavar="FOLDER", help="The folder of the dataset to put them in.")
@connected
@printing
def put(out: Output, dataset: str, sources: Sequence[Path], to: str) -> None:
    """Upload files, or all files of a folder, to a dataset.

    Files that are there already with the same content are not sent. After Ctrl-C, or when the connection broke, the
    same command goes on.
    """
    this_run().when_stopped = _GOES_ON
    with connect() as client, progress("bytes") as advance:
        done = client.datasets.upload(dataset, sources[0] if len(sources) == 1 else sources, to=to, progress=advance)
    kinds = (("sent", done.sent), ("there already", done.unchanged), ("left out", done.left_out))
    out.rows(({"path": path, "what": what} for what, paths in kinds for path in paths), ["path", "what"])
