"""`kalbio provena jobs`: what the servers do in the background."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from kalbio.cli.errors import DONE, FAILED, WRONG_USE, Stop
from kalbio.cli.options import connected, printing, progress
from kalbio.cli.output import Output, print_objects
from kalbio.cli.provena.logins import connect

if TYPE_CHECKING:
    from kalbio.provena._job import Job

_COLUMNS = ["id", "job_sub_type", "status", "created_at", "info"]


@click.group()
def jobs() -> None:
    """List, show and wait for jobs, which the servers do in the background."""


@jobs.command("list")
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True, help="Most jobs.")
@click.option("--batch", metavar="ID", help="The jobs of this batch.")
@connected
@printing
def list_(out: Output, limit: int, batch: str | None) -> None:
    """List your jobs, the newest first."""
    with connect() as client:
        found = client.jobs.list(limit=limit) if batch is None else client.jobs.list_batch(batch, limit=limit)
        print_objects(out, found, _COLUMNS)


@jobs.command()
@click.argument("job", metavar="ID")
@connected
@printing
def show(out: Output, job: str) -> None:
    """Show a job: what it was given, and what came of it."""
    with connect() as client:
        found = client.jobs.get(job)
    if found is None:
        raise Stop(f"there is no job {job!r}", WRONG_USE)
    out.object(found.to_dict())


@jobs.command()
@click.argument("ids", metavar="ID...", nargs=-1, required=True)
@click.option("--timeout", type=float, default=600.0, show_default=True, metavar="S", help="Longest time to wait, in "
              "seconds.")  # fmt: skip
@click.option("--alone", is_flag=True, help="Do not wait for the jobs that they lead to.")
@connected
@printing
def wait(out: Output, ids: Sequence[str], timeout: float, alone: bool) -> int:
    """Wait until jobs have ended, and those that they lead to. The exit code is 1 if one failed, 5 if one goes on."""
    with connect() as client:
        with progress("jobs") as advance:
            ended = client.jobs.wait_all(list(ids), timeout, follow=not alone, on_failure="return", progress=advance)
        shown: list[Job] = [job for one in ended for job in (one, *one.chained)]
        print_objects(out, shown, _COLUMNS)
    return FAILED if any(job.failure for job in ended) else DONE
