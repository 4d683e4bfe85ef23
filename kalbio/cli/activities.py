"""`kalbio activities`: experiments, tasks and other activities."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from kalbio._core.objects.identifiers import did_you_mean
from kalbio._core.text.display import safe_repr
from kalbio.cli.errors import WRONG_USE, Stop
from kalbio.cli.options import connect, connected, printing, progress
from kalbio.cli.output import Output, print_objects, print_table

if TYPE_CHECKING:
    from kalbio.activities import Activity
    from kalbio.client import KaleidoscopeClient

_COLUMNS = ["title", "activity_type", "status", "id"]


class _ListsByItself(click.Group):
    """A group that lists when no command of it is named."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        has_options_only = not args or (args[0].startswith("-") and args[0] != "--help")
        if has_options_only and not ctx.resilient_parsing:
            args = ["list", *args]
        return super().parse_args(ctx, args)


@click.group(cls=_ListsByItself)
def activities() -> None:
    """List activities: experiments, tasks and others; show one, and its records.

    Without a command, it lists. ACTIVITY is the title or the id.
    """


@activities.command("list")
@click.option("--type", "types", metavar="TYPE", multiple=True, help="Of this type: experiment, task, cycle, project, "
              "stage or milestone; may be given several times.")  # fmt: skip
@click.option(
    "--status", "statuses", metavar="STATUS", multiple=True, help="In this state; may be given several times."
)
@click.option("--text", "search_text", metavar="TEXT", help="With this text in the title.")
@click.option("--limit", type=click.IntRange(1), help="Most activities.")
@connected
@printing
def list_(out: Output, types: Sequence[str], statuses: Sequence[str], **conditions: Any) -> None:
    """List activities."""
    query = {"activity_types": list(types) or None, "statuses": list(statuses) or None, **conditions}
    given = {name: value for name, value in query.items() if value is not None}
    with connect() as client:
        found = client.activities.search_activities(**given) if given else client.activities.get_activities()
        print_objects(out, found, _COLUMNS)


@activities.command()
@click.argument("activity")
@connected
@printing
def show(out: Output, activity: str) -> None:
    """Show an activity: its state, people, dates and properties."""
    with connect() as client:
        found = find_activity(client, activity)
        if out.form == "json":
            out.object(found.to_dict())
            return
        names = ("title", "id", "activity_type", "status", "start_date", "due_date", "created_at", "updated_at")
        definition = found.activity_definition
        told = {name: getattr(found, name, None) for name in names} | {
            "definition": None if definition is None else definition.title,
            "programs": [program.title for program in found.programs],
            "assigned": [user.full_name for user in found.assigned_users],
            "labels": [str(label) for label in found.labels],
        }
        properties = {str(item.property_name): item.content for item in found.properties}
        out.object({name: value for name, value in {**told, **properties}.items() if value not in (None, [])})


@activities.command()
@click.argument("activity")
@click.option("--field", "fields", metavar="NAME|ID", multiple=True, help="A column; may be given several times.")
@connected
@printing
def records(out: Output, activity: str, fields: Sequence[str]) -> None:
    """Print the records of an activity as a table, with what was written in it."""
    with connect() as client, progress("records") as advance:
        found = client.records.table(activity=activity, fields=list(fields) or None, progress=advance)
    print_table(out, found)


def find_activity(client: KaleidoscopeClient, wanted: str) -> Activity:
    """Return an activity by its title or its id. Raises Stop where there is none."""
    found = client.activities.get_activity_by_id(wanted)
    if found is None:
        titles = [activity.title or "" for activity in client.activities.get_activities()]
        raise Stop(f"there is no activity {safe_repr(wanted)}.{did_you_mean(wanted, titles)}", WRONG_USE)
    return found
