"""`kalbio mirror`: a local copy of the workspace, for SQL."""

from __future__ import annotations

import re
import sys
from typing import Any

import attrs
import click

from kalbio._core.text.display import one_line
from kalbio.cli.errors import FAILED, WRONG_USE, Stop
from kalbio.cli.options import connect, connected, debuggable, printing, progress
from kalbio.cli.output import Output
from kalbio.mirror import FileOutcome

_TARGET = click.argument("target", metavar="TARGET")
# A query comes from anywhere, and SQL of DuckDB can write files, read others, and fetch programs from the network.
_CONFINED = "set enable_external_access = false; set lock_configuration = true"
# The file of the mirror itself stays open to ATTACH, and so to be written to. MULTI is what PIVOT is made into.
_ALLOWED = frozenset({"SELECT", "EXPLAIN", "PRAGMA", "CALL", "MULTI", "CREATE", "INSERT"})
_READ_ONLY = "A mirror is only read: change the workspace, and bring the mirror up to date."
_CURES = dict.fromkeys(("COPY", "EXPORT", "SET", "ATTACH"), "Use kalbio.mirror.connect(...) in Python.")


@click.group()
def mirror() -> None:
    """Keep a local copy of the workspace, and ask it questions in SQL.

    TARGET is the path of a DuckDB file, such as lab.duckdb, or of a folder of Parquet, such as lab/.
    """


@mirror.command()
@_TARGET
@click.option("--full", is_flag=True, help="Read everything anew, not only what has changed.")
@click.option("--no-history", is_flag=True, help="Keep the newest value of each field in each activity only, without "
              "authors: many times fewer requests.")  # fmt: skip
@click.option("--files", is_flag=True, help="Download the contents of files, too, each once.")
@connected
@printing
def sync(out: Output, target: str, full: bool, no_history: bool, files: bool) -> int:
    """Bring a mirror up to date; make it where it is not there yet.

    With --files, the exit code is 1 when a file could not be downloaded; the mirror is up to date all the same.
    """
    with connect() as client, progress("records") as advance:
        done = client.mirror(target, history=not no_history, files=files).refresh(full=full, progress=advance)
    failed = [one for one in done.files if one.error is not None]
    if out.form == "text":
        sys.stdout.write(f"{done}\n")
        for one in failed:
            sys.stdout.write(f"{one_line(one.name or one.file_id)}: {one_line(str(one.error))}\n")
    else:
        out.object({**attrs.asdict(done, recurse=False), "files": [_as_told(one) for one in done.files]})
    return FAILED if failed else 0


def _as_told(file: FileOutcome) -> dict[str, Any]:
    return {**attrs.asdict(file, recurse=False), "error": None if file.error is None else one_line(str(file.error))}


@mirror.command()
@_TARGET
@click.argument("query")
@debuggable
@printing
def sql(out: Output, target: str, query: str) -> None:
    """Print what a query finds in a mirror. It changes no file, and reads no other one.

    Names with spaces or signs stand in double quotes, texts in single ones:
    'select Compound from Compound where "Potency (nM)" < 100'.
    'show tables' and 'describe Compound' tell what there is.
    """
    import kalbio.mirror

    with kalbio.mirror.connect(target) as db:
        import duckdb  # not before `connect`, which says what to install where it is not there

        db.execute(_CONFINED)
        try:
            statements = db.extract_statements(query)
            if not statements:
                raise Stop("there is no query; give one, such as 'show tables'", WRONG_USE)
            for statement in statements:
                if statement.type.name not in _ALLOWED:
                    told = f"{statement.type.name} is not allowed here: a query changes no file, and reads no other one"
                    raise Stop(told, WRONG_USE, _CURES.get(statement.type.name, _READ_ONLY))
            if any(_only_asks(statement) for statement in statements[:-1]):
                raise Stop("there are several queries, and one at a time is printed; give them one by one", WRONG_USE)
            for statement in statements:
                found = db.execute(statement)
            columns = [column[0] for column in found.description or ()]
            rows = found.fetchall()
        except duckdb.Error as error:
            raise Stop(_first_paragraph(error), FAILED, _cure(error)) from None
    if len(set(columns)) < len(columns):
        raise Stop("the result has two columns of one name; give them names of their own with AS", FAILED)
    items: list[dict[str, Any]] = [dict(zip(columns, row, strict=True)) for row in rows]
    out.rows(items, columns)


def _only_asks(statement: Any) -> bool:
    return [kind.name for kind in statement.expected_result_type] == ["QUERY_RESULT"]


def _first_paragraph(error: Exception) -> str:
    """Return what DuckDB says, without the excerpt of the statement below it, which needs lines of its own."""
    text, _, excerpt = str(error).partition("\n\n")
    line = re.match(r"LINE (\d+):", excerpt)
    return " ".join(text.split("\n")) + (f" (line {line[1]})" if line is not None and line[1] != "1" else "")


def _cure(error: Exception) -> str:
    if type(error).__name__ in ("BinderException", "CatalogException", "ParserException"):
        return (
            "Names with spaces or signs stand in double quotes, texts in single ones; 'show tables' and 'describe"
            " Compound' tell what there is."
        )
    return ""


@mirror.command()
@_TARGET
@debuggable
@printing
def status(out: Output, target: str) -> None:
    """Say when a mirror was refreshed, and how many rows its tables have."""
    import kalbio.mirror

    found = kalbio.mirror.status(target)
    if out.form == "csv":
        out.rows([{"table": name, "rows": count} for name, count in found.rows.items()], ["table", "rows"])
        return
    told = attrs.asdict(found)
    if out.form == "json":
        out.object(told)
        return
    rows = told.pop("rows")
    out.object(told)
    sys.stdout.write("\n")
    out.rows([{"table": name, "rows": count} for name, count in rows.items()], ["table", "rows"])
