"""`kalbio records`: read, search, load and export records."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import click

from kalbio._core.errors import APIError, IdentifierNotFoundError
from kalbio._core.text.display import safe_repr
from kalbio.cli.errors import DONE, FAILED, UNKNOWN, WRONG_USE, Stop
from kalbio.cli.options import Advance, connect, connected, printing, progress, this_run
from kalbio.cli.output import Output, print_table
from kalbio.cli.spelling import as_typed

if TYPE_CHECKING:
    from kalbio.client import KaleidoscopeClient
    from kalbio.loading import LoadCell, LoadReport, PlannedLoad
    from kalbio.tables import Table

Function = TypeVar("Function", bound=Callable[..., Any])
_NAMED = 5


def record_key(parts: Sequence[str]) -> list[str | dict[str, str]]:
    """Return what `KEY...` names: ids, or one record by its key fields: `Compound=CPD-1 Batch=B1`."""
    pairs = [part.partition("=") for part in parts]
    named = [name for name, sign, _ in pairs if sign]
    if named and len(named) < len(parts):
        raise click.UsageError("Give ids, or the key fields of one record as FIELD=VALUE; not both.")
    if len(set(named)) < len(named):
        raise click.UsageError("A key field is given twice; key fields name one record. For several records give ids.")
    return [{name: value for name, _, value in pairs}] if named else list(parts)


def no_record(client: KaleidoscopeClient, wanted: Sequence[str | dict[str, str]], code: int = FAILED) -> Stop:
    """Return what is told of records that are not there: which ones, and one whose key is spelled almost alike."""
    key = wanted[0]
    if isinstance(key, str):
        names = ", ".join(map(safe_repr, list(dict.fromkeys(wanted))[:_NAMED]))
        more = f", and {len(wanted) - _NAMED} more" if len(wanted) > _NAMED else ""
        return Stop(f"there is no record {names}{more}", code)
    from kalbio.loading.near_twins import spellings

    others = [dict(zip(key, other, strict=True)) for other in spellings(tuple(key.values()))]
    found = client.records.get_records_by_ids(others) if others else []
    close = ""
    if found:
        row = next(iter(client.records.table(ids=found[:1], fields=list(key))))
        close = f" Did you mean {_as_words({name: row[name] for name in row if name != 'record_id'})}?"
    return Stop(f"there is no record {_as_words(key)}.{close}".removesuffix("."), code)


def _names_of_ids(client: KaleidoscopeClient, history: Table) -> dict[str, dict[str, str]]:
    """Return by column of a history what its ids are called, for people; none that the credentials may not list."""
    listed: dict[str, tuple[Callable[[], Iterable[Any]], str]] = {
        "written_by": (client.workspace.get_members, "full_name"),
        "activity_id": (client.activities.get_activities, "title"),
        "table_id": (client.record_views.get_record_views, "view_name"),
    }
    names: dict[str, dict[str, str]] = {}
    for column, (listing, name) in listed.items():
        names[column] = {}
        if any(one is not None for one in history[column]):
            with suppress(APIError):
                names[column] = {thing.id: getattr(thing, name) for thing in listing() if getattr(thing, name)}
    return names


def _as_words(key: Mapping[str, object]) -> str:
    return " ".join(shlex.quote(f"{name}={value}") for name, value in key.items())


def _conditions(function: Function) -> Function:
    """Give a command the options that say which records."""
    options = [
        click.option("--where", "where", metavar="CONDITIONS", multiple=True, help="Conditions on fields, such as "
                     "'logP < 5 and Status in [\"hit\", \"lead\"]'; may be given several times."),
        click.option("--sort", "sorts", metavar="FIELD", multiple=True, help="Order by this field, -FIELD for the "
                     "greatest first; may be given several times."),
        click.option("--activity", metavar="NAME|ID", help="Records of this activity."),
        click.option("--program", metavar="NAME|ID", help="Records of this program."),
        click.option("--text", "search_text", metavar="TEXT", help="Records with this text in them."),
    ]  # fmt: skip
    for option in reversed(options):
        function = option(function)
    return function


def _where(texts: Sequence[str]) -> Any:
    if not texts:
        return None
    from kalbio.cli.where import read_conditions

    found = read_conditions(texts[0])
    for text in texts[1:]:
        found = found & read_conditions(text)
    return found


_LIMIT = click.option("--limit", type=click.IntRange(1), help="Most records.")
_FIELDS = click.option(
    "--field", "fields", metavar="NAME|ID", multiple=True, help="A column; may be given several times. By default all."
)


@click.group()
def records() -> None:
    """Read, search, load and export records."""


@records.command()
@click.argument("key", nargs=-1, required=True)
@connected
@printing
def get(out: Output, key: Sequence[str]) -> None:
    """Show records with their current values.

    KEY is an id, or FIELD=VALUE for each key field of one record: Compound=CPD-1. JSON is what the server sends.
    """
    wanted = record_key(key)
    with connect() as client:
        found = client.records.get_records_by_ids(wanted)
        there = {record.id for record in found}
        missing = [] if found else wanted
        if isinstance(wanted[0], str):
            missing = [one for one in wanted if str(one).lower() not in there]
        if out.form == "json":
            out.rows(record.to_dict() for record in found)
        elif found:
            table = client.records.table(ids=found)
            if out.form == "csv":
                out.rows(table, table.columns)
            else:
                for number, row in enumerate(table):
                    sys.stdout.write("\n" if number else "")
                    out.object({name: value for name, value in row.items() if value is not None})
        if missing:
            raise no_record(client, missing)


@records.command()
@click.option("--type", "entity_type", metavar="NAME|ID", help="Records of this entity type.")
@_conditions
@_LIMIT
@connected
@printing
def search(out: Output, entity_type: str | None, where: Sequence[str], **conditions: Any) -> None:
    """List the records that meet all conditions: their ids and names."""
    conditions = _given(entity_slice_id=entity_type, where=_where(where), **_renamed(conditions))
    with connect() as client:
        found = client.records.iter_search(**conditions)
        if out.form == "json":
            out.rows(record.to_dict() for record in found)
        else:
            out.rows(({"id": record.id, "name": record.record_identifier} for record in found), ["id", "name"])


def _renamed(conditions: Mapping[str, Any]) -> dict[str, Any]:
    older = {"activity": "operation_id", "program": "program_id"}
    return {older.get(name, name): value for name, value in conditions.items()}


def _given(**arguments: Any) -> dict[str, Any]:
    """Return the arguments that were given: options that may be given several times are lists."""
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in arguments.items()
        if value is not None and value != ()
    }


@records.command()
@click.argument("entity_type", metavar="[TYPE]", required=False)
@_FIELDS
@_conditions
@click.option("--table", "table_", metavar="NAME|ID", help="Records on this table (record view), with its columns.")
@_LIMIT
@connected
@printing
def table(out: Output, entity_type: str | None, where: Sequence[str], table_: str | None, **conditions: Any) -> None:
    """Print the current values of records as a table: one row for each record, one column for each field.

    TYPE is an entity type: its name or its id.
    """
    arguments = _given(entity_type=entity_type, table=table_, where=_where(where), **conditions)
    with connect() as client, progress("records") as advance:
        found = client.records.table(**arguments, progress=advance)
    print_table(out, found)


@records.command()
@click.argument("key", nargs=-1, required=True)
@_FIELDS
@click.option("--activity", metavar="NAME|ID", help="Only what was written in this activity.")
@connected
@printing
def history(out: Output, key: Sequence[str], **conditions: Any) -> None:
    """Print every value that was ever written on records, with its activity, author and time.

    People see the names of authors, activities and tables; --json and --csv have their ids.

    KEY is an id, or FIELD=VALUE for each key field of one record.
    """
    wanted = record_key(key)
    with connect() as client:
        try:
            with progress("records") as advance:
                found = client.records.table(ids=wanted, history=True, progress=advance, **_given(**conditions))
        except IdentifierNotFoundError as error:
            if error.identifier == wanted[0] and not isinstance(wanted[0], str):
                raise no_record(client, wanted, WRONG_USE) from None
            raise
        names = _names_of_ids(client, found) if out.form == "text" else {}
    print_table(out, found, names)


@records.command()
@click.argument("entity_type", metavar="TYPE")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@_conditions
@click.option("--force", is_flag=True, help="Replace the file if it is there.")
@connected
@printing
def export(out: Output, entity_type: str, file: Path, where: Sequence[str], force: bool, **conditions: Any) -> None:
    """Save the records of a type as a CSV file, made by the platform."""
    arguments = _given(where=_where(where), **_renamed(conditions))
    with connect() as client, progress("bytes") as advance:
        saved = client.exports.pull_data(
            file.name, entity_type, file.parent, overwrite=force, progress=advance, **arguments
        )
    if saved is None:
        raise Stop("the platform has nothing to export")
    out.object({"path": saved, "bytes": Path(saved).stat().st_size})


_OF_ANY_TYPE = ""


class _Load(click.Command):
    """The command `load`, whose `--create-fields` takes a value, or none: never the word behind it that has no `=`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Join the option to its value, so that a file behind it is not taken for one."""
        joined: list[str] = []
        for word in args:
            if joined and joined[-1] == "--create-fields":
                is_value = "=" in word and not word.startswith("-")
                joined[-1] += f"={word if is_value else _OF_ANY_TYPE}"
                if is_value:
                    continue
            joined.append(word)
        return super().parse_args(ctx, joined)


@records.command(cls=_Load)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path, allow_dash=True))
@click.option("--format", "format_", type=click.Choice(["csv", "tsv", "jsonl", "xlsx", "parquet"]), help="What the "
              "input is, when FILE is -.  [default: csv]")  # fmt: skip
@click.option("--key", "keys", metavar="FIELD", multiple=True, required=True, help="The key field that identifies a "
              "record; may be given several times.")  # fmt: skip
@click.option("--plan", "only_plan", is_flag=True, help="Tell what would be written, and write nothing.")
@click.option("--journal", type=click.Path(dir_okay=False, path_type=Path), help="Keep what became of each record in "
              "this file, so that a load that was stopped can go on.")  # fmt: skip
@click.option("--report", "report_file", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path), help="Write "
              "what became of each cell to this .json or .csv file, also when the load is stopped.")  # fmt: skip
@click.option("--type", "entity_type", metavar="NAME|ID", help="The type of the records; by default that of the keys.")
@click.option("--column", "columns", metavar="COLUMN=FIELD", multiple=True, help="The field of a column that is called "
              "otherwise; COLUMN= leaves it out. May be given several times.")  # fmt: skip
@click.option("--activity", metavar="NAME|ID", help="Write in this activity, which the records join.")
@click.option("--table", metavar="NAME|ID", help="Write in this table (record view) of an activity.")
@click.option("--program", metavar="NAME|ID", help="The program that the records join.")
@click.option("--create-fields", metavar="[COLUMN=TYPE]", is_flag=False, flag_value=_OF_ANY_TYPE, multiple=True,
              help="Make fields for all columns without one, of a type that takes their cells (in a text file: "
              "text); or for this column, of this type: logP=number. May be given several times.")  # fmt: skip
@click.option("--convert", "converters", metavar="COLUMN=HOW", multiple=True, help="Change the cells of a column: "
              "decimal-comma, grouped-digits, grouped-by-points, unicode-minus, strip, without-unit:UNIT, "
              "split:TEXT, day:FORM such as day:%d.%m.%Y, "
              "or none:TEXT, yes:TEXT, no:TEXT for a text that means that. May be given several times.")  # fmt: skip
@click.option("--near-twins", type=click.Choice(["refuse", "create"]), default="refuse", show_default=True,
              help="What to do with a key that differs from another one in case, blanks or hyphens only.")  # fmt: skip
@click.option("--on-error", type=click.Choice(["stop", "continue"]), default="stop", show_default=True,
              help="Whether to load the rest when something cannot be loaded.")  # fmt: skip
@click.option("--sheet", metavar="NAME", help="The sheet of an Excel file.")
@click.option("--separator", metavar="CHAR", help="The character between the cells of a text file.")
@click.option("--encoding", metavar="NAME", help="The encoding of a text file.")
@click.option("--skip-rows", type=click.IntRange(0), metavar="N", help="How many lines of a text file, or rows of a "
              "sheet, stand above the names of the columns.")  # fmt: skip
@click.option("--timeout", type=float, default=300.0, show_default=True, metavar="S", help="Longest time to wait for "
              "an import, in seconds.")  # fmt: skip
@connected
@printing
def load(
    out: Output,
    file: Path,
    format_: str | None,
    keys: Sequence[str],
    only_plan: bool,
    journal: Path | None,
    report_file: Path | None,
    columns: Sequence[str],
    create_fields: Sequence[str],
    converters: Sequence[str],
    on_error: Literal["stop", "continue"],
    timeout: float,
    **arguments: Any,
) -> int:
    """Load a table: a CSV, Excel or Parquet file, with a row for each record and the names of fields in its head.

    FILE may be - for the input, such as the output of another command.

    Records that are not there are made, and cells are written that differ from what is there. Loaded again, the same
    file writes nothing. The exit code is 1 when a cell is refused or has failed, and 4 when the fate of one is unknown.
    """
    if only_plan and journal is not None:
        raise click.UsageError("--plan writes nothing, so it has no use for a --journal.")
    if report_file is not None:
        _check_report(report_file, file, only_plan=only_plan)
    if format_ is not None and str(file) != "-":
        raise click.UsageError("--format is for the input (-); of a file, its ending tells.")
    from kalbio.loading import LoadRefusedError, LoadReport

    given = {**_given(**arguments), "key": list(keys), "create_fields": _new_fields(create_fields)}
    given |= _given(columns=_columns(columns) or None, converters=_converters(converters) or None)
    with _source(file, format_ or "csv") as file, connect() as client:
        if only_plan:
            return _tell_plan(out, client.records.plan_upsert(file, **given))
        this_run().when_stopped = (
            " Run the same command again: what was sent is in the journal, and is not written twice."
            if journal is not None
            else " What was sent stays. Run the same command again: it writes what is not there yet."
        )
        try:
            with progress("records") as advance:
                report = client.records.upsert(
                    file,
                    on_error=on_error,
                    journal=journal,
                    progress=_told_when_stopped(advance),
                    timeout=timeout,
                    **given,
                )
        except LoadRefusedError as error:
            if report_file is not None:
                LoadReport((), error.plan.refused, notes=error.plan.notes, place=error.plan.layout.place).save(
                    report_file
                )
            _tell_plan(out, error.plan)
            raise Stop("nothing was written, because of what is refused; mend it, or load the rest with "
                       "--on-error continue") from None  # fmt: skip
        except BaseException as error:
            so_far = getattr(error, "outcome", None)
            if report_file is not None and isinstance(so_far, LoadReport):
                so_far.save(report_file)
            raise
    if report_file is not None:
        report.save(report_file)
    attention = [cell for cell in report if cell.status != "done"]
    summary = {
        "records_made": report.records_made,
        "cells": report.counts,
        "imports": report.import_ids,
        "ok": report.ok,
    }
    _tell(out, report, attention, summary)
    return UNKNOWN if report.unknown else DONE if report.ok else FAILED


def _check_report(file: Path, source: Path, *, only_plan: bool) -> None:
    """Raise UsageError where a report could not be written at the end, before anything is sent."""
    from kalbio._core.bulk.saving import suffix_to_save

    if only_plan:
        raise click.UsageError("--plan writes nothing, so there is no --report; --csv prints its cells.")
    try:
        suffix_to_save(file)
    except ValueError as error:
        raise click.UsageError(f"--report: {error}.") from None
    if file.exists() and source.exists() and file.samefile(source):
        raise click.UsageError("--report names the file that is loaded; give another one.")
    if not os.access(file if file.exists() else file.parent, os.W_OK):
        raise click.UsageError(f"--report: {str(file)!r} cannot be written; is its folder there?")


def _told_when_stopped(advance: Advance | None) -> Advance:
    """Return what notes how far a load is, for when it is stopped, and shows it on a terminal."""
    state = this_run()
    after = state.when_stopped

    def note(done: int, total: int | None) -> None:
        of = "" if total is None else f" of {total:,}"
        state.when_stopped = f" {done:,}{of} records were sent and read back.{after}"
        if advance is not None:
            advance(done, total)

    return note


@contextmanager
def _source(file: Path, format_: str) -> Iterator[Path]:
    """Give the file to load; the input is read to its end first, because a table is looked at as a whole."""
    if str(file) != "-":
        yield file
        return
    with TemporaryDirectory() as folder:
        kept = Path(folder) / f"input.{format_}"
        with kept.open("wb") as target:
            shutil.copyfileobj(sys.stdin.buffer, target)
        yield kept


def _tell_plan(out: Output, plan: PlannedLoad) -> int:
    summary = {
        "records": {"new": plan.records_new, "changed": plan.records_changed, "unchanged": plan.records_unchanged},
        "values": {"new": plan.values_new, "changed": plan.values_changed, "unchanged": plan.values_unchanged},
        "new_fields": plan.new_fields,
    }
    _tell(out, plan, plan.refused, summary)
    return FAILED if plan.refused else DONE


def _tell(out: Output, told: PlannedLoad | LoadReport, cells: Sequence[LoadCell], summary: Mapping[str, Any]) -> None:
    """Print a plan or a report; as CSV its cells, as JSON the numbers and the cells that need attention."""
    names = ("row", "key", "column", "status", "old", "new", "reason")

    def shown(cell: LoadCell) -> dict[str, Any]:
        return {**{name: getattr(cell, name) for name in names}, "reason": as_typed(cell.reason, cell.column)}

    if out.form == "csv":
        out.rows(map(shown, told), names)
    else:
        attention = list(map(shown, cells))
        notes = list(map(as_typed, told.notes))
        out.text(as_typed(str(told)), {**summary, "attention": attention, "notes": notes})


def _columns(given: Sequence[str]) -> dict[str, str | None]:
    columns: dict[str, str | None] = {}
    for text in given:
        name, sign, field = text.partition("=")
        if not sign or not name:
            raise click.UsageError(f"--column takes COLUMN=FIELD, or COLUMN= to leave it out; got {text!r}.")
        columns[name] = field or None
    return columns


def _new_fields(given: Sequence[str]) -> bool | dict[str, str]:
    types = [text.rpartition("=") for text in given if text != _OF_ANY_TYPE]
    if not types:
        return bool(given)
    if len(types) < len(given):
        raise click.UsageError("--create-fields is given alone and with COLUMN=TYPE: name all columns, or none.")
    for column, _, kind in types:
        if not column or not kind:
            raise click.UsageError("--create-fields takes COLUMN=TYPE, such as logP=number, or nothing.")
    if len({column for column, _, _ in types}) < len(types):
        raise click.UsageError("--create-fields names a column twice.")
    return {column: kind for column, _, kind in types}


def _converters(given: Sequence[str]) -> dict[str, list[str]]:
    """Return column to the names of what converts its cells; several of one column follow each other."""
    from kalbio.reading.cells import converter_named

    chains: dict[str, list[str]] = {}
    for text in given:
        column, sign, how = text.partition("=")
        if not sign or not column:
            raise click.UsageError(f"--convert takes COLUMN=HOW, such as logP=decimal-comma; got {text!r}.")
        try:
            converter_named(how)
        except ValueError as error:
            raise click.UsageError(f"--convert {text}: {error}.") from None
        chains.setdefault(column, []).append(how)
    return chains
