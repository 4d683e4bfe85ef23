"""`kalbio registration`: what became of files and drafts that were handed to the registrar."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from kalbio.cli.errors import FAILED, NOT_YET, Stop
from kalbio.cli.options import connect, connected, printing
from kalbio.cli.output import Output, as_json, shown

if TYPE_CHECKING:
    from kalbio.client import KaleidoscopeClient

_COLUMNS = ["kind", "id", "status", "message", "errors", "updated_at"]


@click.group()
def registration() -> None:
    """List and watch the registrations of an activity. ACTIVITY is its title or its id."""


@registration.command("list")
@click.argument("activity")
@connected
@printing
def list_(out: Output, activity: str) -> None:
    """List the registrations of an activity: files, and submissions of drafts."""
    with connect() as client:
        out.rows((_whole(item) if out.form == "json" else item for item in _all(client, activity)), _COLUMNS)


def _whole(row: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {"kind": row["kind"], **row["object"].to_dict()}
    return found


def _all(client: KaleidoscopeClient, activity: str) -> Iterator[dict[str, Any]]:
    for item in client.registration.get_registration_files(activity):
        yield _row("file", item.file_id, item)
    for submission in client.registration.get_registration_submissions(activity):
        yield _row(str(submission.submission_type or "submission"), submission.id, submission)


def _row(kind: str, identifier: Any, item: Any) -> dict[str, Any]:
    return {
        "kind": kind, "id": identifier, "status": item.status, "message": item.message,
        "errors": len(item.record_errors), "updated_at": item.updated_at, "object": item,
    }  # fmt: skip


@registration.command()
@click.argument("activity")
@click.option("--interval", type=click.FloatRange(0.1), default=2.0, show_default=True, metavar="S", help="Seconds "
              "between two looks.")  # fmt: skip
@click.option("--timeout", type=click.FloatRange(0), metavar="S", help="Longest time to watch, in seconds; by default "
              "until all have ended.")  # fmt: skip
@connected
@printing
def watch(out: Output, activity: str, interval: float, timeout: float | None) -> int:
    """Print each change of a registration of an activity, until all have ended.

    JSON is an object on a line for each change. The exit code is 1 when one has failed, 5 when one goes on.
    """
    from kalbio._model.registration import FAILED as BAD
    from kalbio._model.registration import has_ended

    if out.form == "csv":
        raise click.UsageError("What is watched has no end, so it is no CSV; give --json.")
    end = None if timeout is None else time.monotonic() + timeout
    seen: dict[tuple[str, str], Any] = {}
    with connect() as client:
        while True:
            rows = list(_all(client, activity))
            for row in rows:
                key, state = (row["kind"], str(row["id"])), (row["status"], row["message"], row["errors"])
                if seen.get(key) != state:
                    seen[key] = state
                    told = {name: row[name] for name in _COLUMNS}
                    line = as_json(told) if out.form == "json" else "  ".join(filter(None, map(shown, told.values())))
                    sys.stdout.write(f"{line}\n")
                    sys.stdout.flush()
            if not rows:
                raise Stop("nothing of this activity was handed to the registrar")
            if all(has_ended(row["object"]) for row in rows):
                return FAILED if any(row["status"] in BAD for row in rows) else 0
            if end is not None and time.monotonic() + interval > end:
                return NOT_YET
            time.sleep(interval)
