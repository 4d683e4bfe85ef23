"""`kalbio fields`, `types`, `programs` and `views`: what there is in a workspace."""

from __future__ import annotations

import click

from kalbio.cli.options import connect, connected, printing
from kalbio.cli.output import Output, print_objects


@click.command()
@click.option("--archived", is_flag=True, help="Also those that are archived.")
@connected
@printing
def fields(out: Output, archived: bool) -> None:
    """List the fields: key fields, which identify records, and data fields."""
    with connect() as client:
        found = [*client.entity_fields.get_key_fields(), *client.entity_fields.get_data_fields()]
        shown = [field for field in found if archived or not field.is_archived]
        print_objects(out, shown, ["field_name", "field_type", "is_key", "field_description", "id"])


@click.command()
@connected
@printing
def types(out: Output) -> None:
    """List the entity types, with the key fields that identify their records."""
    with connect() as client:
        names = {field.id: field.field_name or field.id for field in client.entity_fields.get_key_fields()}
        found = client.entity_types.get_types()
        print_objects(
            out, found, ["slice_name", "key_fields", "id"],
            slice_name=lambda item: item.shown_name,
            key_fields=lambda item: [names.get(key, key) for key in item.key_field_ids],
        )  # fmt: skip


@click.command()
@connected
@printing
def programs(out: Output) -> None:
    """List the programs."""
    with connect() as client:
        print_objects(out, client.programs.get_programs(), ["title", "id"])


@click.command()
@connected
@printing
def views(out: Output) -> None:
    """List the record views: tables of records."""
    with connect() as client:
        names = {kind.id: str(kind) for kind in client.entity_types.get_types()}
        print_objects(
            out, client.record_views.get_record_views(), ["view_name", "entity_type", "id"],
            entity_type=lambda view: names.get(view.entity_slice_id, view.entity_slice_id),
        )  # fmt: skip
