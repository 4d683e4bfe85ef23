"""`kalbio provena items` and `search`: the registry."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TextIO

import click

from kalbio._core.text.display import safe_repr
from kalbio.cli.errors import WRONG_USE, Stop
from kalbio.cli.options import connected, printing
from kalbio.cli.output import Output, print_objects
from kalbio.cli.provena.kinds import KIND
from kalbio.cli.provena.logins import connect

if TYPE_CHECKING:
    from kalbio.provena._item import RegistryItem

_COLUMNS = ["display_name", "owner_username", "updated_at", "id"]
_EXAMPLE = 'Such as, for an organisation: {"display_name": "Reef group", "name": "Reef group"}'
_SORTS = {"name": "DISPLAY_NAME", "created": "CREATED_TIME", "updated": "UPDATED_TIME"}


@click.group()
def items() -> None:
    """List, show and create items of the registry."""


@items.command("list")
@click.argument("kind", type=KIND, required=False)
@click.option("--sort", type=click.Choice(list(_SORTS)), default="updated", show_default=True, help="By name, or the "
              "latest first.")  # fmt: skip
@click.option("--seeds", is_flag=True, help="Also items that have no data yet.")
@click.option("--limit", type=click.IntRange(1), help="Most items.")
@connected
@printing
def list_(out: Output, kind: str | None, sort: str, seeds: bool, limit: int | None) -> None:
    """List the items that you may see, all of them or those of a KIND: models, datasets, persons..."""
    with connect() as client:
        service = client.registry if kind is None else client.registry(kind)
        columns = [*_COLUMNS[:1], "item_subtype", *_COLUMNS[1:]] if kind is None else _COLUMNS
        print_items(out, service, columns, sort=sort, seeds=seeds, limit=limit)


def print_items(
    out: Output, service: Any, columns: Sequence[str], *, sort: str, seeds: bool, limit: int | None
) -> None:
    """Print the items of a service; how many one may not see is told."""
    found = service.list(
        sort=_SORTS[sort], ascending=sort == "name", limit=limit, record_type="ALL" if seeds else "COMPLETE_ONLY"
    )
    print_objects(out, found, columns)
    if found.not_authorised_count:
        sys.stderr.write(f"kalbio: you may not see {found.not_authorised_count} more\n")


@items.command()
@click.argument("item")
@click.option("--kind", type=KIND, help="Its kind, when ITEM is its name.")
@connected
@printing
def get(out: Output, item: str, kind: str | None) -> None:
    """Show an item. ITEM is its handle; with --kind, also its exact name."""
    with connect() as client:
        found = client.registry.get(as_handle(item)) if kind is None else client.registry(kind).get(item)
        if found is None:
            raise Stop(f"there is no item {item!r}", WRONG_USE)
        if out.form == "json":
            out.object(found.to_dict())
            return
        told = {name: value for name, value in found.to_dict().items() if value not in (None, [], {})}
        history = told.pop("history", [])
        for name in ("created", "updated"):
            if f"{name}_timestamp" in told:
                told[f"{name}_timestamp"] = getattr(found, f"{name}_at")
        out.object({**told, "history": len(history), "your roles": found.roles, "locked": found.locked})


def as_handle(item: str) -> str:
    """Return what must be a handle, because nothing says of which kind the name is."""
    from kalbio.provena._model.items import HANDLE

    if not HANDLE.fullmatch(item):
        raise Stop(f"{safe_repr(item)} is no handle, such as 10378.1/1451860", WRONG_USE, "For a name, say the kind of "
                   "the item as well: --kind models")  # fmt: skip
    return item


@items.command()
@click.argument("kind", type=KIND)
@click.option("--from", "source", type=click.File(encoding="utf-8"), required=True, help="A JSON file with the data of "
              "the item; - reads the input.")  # fmt: skip
@connected
@printing
def create(out: Output, kind: str, source: TextIO) -> None:
    """Create an item of a KIND: models, persons, studies..."""
    data = read_object(source, _EXAMPLE)
    if kind == "DATASET":
        raise Stop("datasets have metadata of their own", WRONG_USE, "Write: kalbio provena datasets mint FILE")
    with connect() as client, refused_data():
        if "verify" in data:  # an argument of the call, and no member of any item
            raise TypeError("there is no member 'verify'")
        print_made(out, client.registry(kind).create(**data))


@contextmanager
def refused_data() -> Iterator[None]:
    """Tell data that the library refuses: they came from a file, and not from a program."""
    try:
        yield
    except TypeError as error:
        raise Stop(str(error), WRONG_USE) from error


def read_object(source: TextIO, cure: str = "") -> dict[str, Any]:
    """Return the object that a JSON file has; the cure says what one looks like."""
    try:
        found = json.load(source)
    except (ValueError, RecursionError) as error:
        raise Stop(f"{source.name} is no JSON: {error}", WRONG_USE, cure) from None
    if not isinstance(found, dict):
        raise Stop(f"{source.name} must have an object: {{...}}", WRONG_USE, cure)
    return found


def print_made(out: Output, item: RegistryItem) -> None:
    """Print a new item."""
    out.object(item.to_dict(), ["id", "display_name", "item_subtype"])


@click.command()
@click.argument("words", nargs=-1, required=True)
@click.option("--kind", type=KIND, help="Only items of this kind.")
@click.option("--limit", type=click.IntRange(1, 50), default=10, show_default=True, help="Most hits.")
@click.option("--ids", is_flag=True, help="Ids and scores alone: the names take a request for each hit.")
@connected
@printing
def search(out: Output, words: Sequence[str], kind: str | None, limit: int, ids: bool) -> None:
    """Find items by words in their data, the best first."""
    with connect() as client:
        hits = client.search.find(" ".join(words), subtype=kind, limit=limit, names=not ids)
        columns = ["id", "score"] if ids else ["display_name", "item_subtype", "score", "id"]
        out.rows(({name: getattr(hit, name) for name in columns} for hit in hits), columns)
