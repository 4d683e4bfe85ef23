"""`kalbio doctor`: where the platform and its description differ."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kalbio.cli.errors import STOPPED, WRONG_USE
from kalbio.cli.options import Function, connect, connected, this_run

if TYPE_CHECKING:
    from kalbio._core.diagnosis.report import Report

EXIT_CODES = (
    "Exit codes: 0 nothing differs, 1 something differs, 2 the set-up or an argument is wrong, 3 not confirmed or "
    "interrupted."
)


def reporting(function: Function) -> Function:
    """Give a command the options that say where the report goes."""
    as_html = click.option("--html", metavar="FILE", help="Also write the report as an HTML page.")
    as_json = click.option("--json", metavar="FILE", help="Also write the report as JSON.")
    return as_html(as_json(function))


@click.command(epilog=EXIT_CODES)
@click.option("--writes", is_flag=True, help="Also write a little of everything, in a program of its own.")
@click.option("--yes", is_flag=True, help="Do not ask before --writes.")
@click.option("--from", "recordings", metavar="PATH", multiple=True, help="Look at recorded traffic instead: vcrpy "
              "cassettes, HAR files, or folders of these; may be given several times.")  # fmt: skip
@reporting
@connected
def doctor(recordings: Sequence[str], writes: bool, yes: bool, html: str | None, json: str | None) -> int:
    """Find where the platform and its description differ.

    Asks for everything that can be read, and reports where the answers differ from the description. The report holds
    shapes, no data.
    """
    this_run().code_of_errors = WRONG_USE
    from kalbio.diagnosis.doctor import report_on_recordings
    from kalbio.diagnosis.writes import ANNOUNCEMENT

    check_targets(html, json)
    if recordings:
        if writes:
            raise ValueError("--writes and --from cannot be given together: recorded traffic cannot be written to")
        report = report_on_recordings(*recordings)
    else:
        if writes:
            sys.stderr.write(ANNOUNCEMENT)
            if not yes and not _agreed():
                sys.stderr.write("Nothing was sent. Say yes, or give --yes.\n")
                return STOPPED
        with connect() as client:
            report = client.doctor(writes=writes, progress=tell)
        tell("")
    return give(report, html, json)


def check_targets(html: str | None, json: str | None) -> None:
    """Refuse a place for the report that is not there, before anything is asked."""
    for path in filter(None, (html, json)):
        if not Path(path).parent.is_dir():
            raise ValueError(f"there is no folder for {path}")


def give(report: Report, html: str | None, json: str | None) -> int:
    """Print the report, and write it where it is wanted; gives the exit code."""
    sys.stdout.write(report.to_text())
    if html:
        report.to_html(html)
    if json:
        report.to_json(json)
    return report.exit_code


def _agreed() -> bool:
    if not sys.stdin.isatty():
        return False
    sys.stderr.write("Go on? [yes/no] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def tell(line: str) -> None:
    """Show how far it is, on a terminal; elsewhere only what went wrong."""
    if not sys.stderr.isatty():
        if line and not line[0].isdigit():
            sys.stderr.write(f"{line}\n")
    else:
        sys.stderr.write(f"\r\x1b[K{line}" if not line or line[0].isdigit() else f"\r\x1b[K{line}\n")
        sys.stderr.flush()
