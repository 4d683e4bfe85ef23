"""`kalbio doctor`: where the platform and its description differ."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from kalbio.cli.errors import STOPPED, WRONG_USE
from kalbio.cli.options import connect, connected, this_run


@click.command(
    epilog="Exit codes: 0 nothing differs, 1 something differs, 2 the set-up or an argument is wrong, 3 not confirmed "
    "or interrupted."
)
@click.option("--writes", is_flag=True, help="Also write a little of everything, in a program of its own.")
@click.option("--yes", is_flag=True, help="Do not ask before --writes.")
@click.option("--from", "recordings", metavar="PATH", multiple=True, help="Look at recorded traffic instead: vcrpy "
              "cassettes, HAR files, or folders of these; may be given several times.")  # fmt: skip
@click.option("--html", metavar="FILE", help="Also write the report as an HTML page.")
@click.option("--json", metavar="FILE", help="Also write the report as JSON.")
@connected
def doctor(recordings: Sequence[str], writes: bool, yes: bool, html: str | None, json: str | None) -> int:
    """Find where the platform and its description differ.

    Asks for everything that can be read, and reports where the answers differ from the description. The report holds
    shapes, no data.
    """
    this_run().code_of_errors = WRONG_USE
    from kalbio.diagnosis.doctor import report_on_recordings
    from kalbio.diagnosis.writes import ANNOUNCEMENT

    for path in filter(None, (html, json)):
        if not Path(path).parent.is_dir():
            raise ValueError(f"there is no folder for {path}")
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
            report = client.doctor(writes=writes, progress=_tell)
        _tell("")
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


def _tell(line: str) -> None:
    if not sys.stderr.isatty():
        if line and not line[0].isdigit():
            sys.stderr.write(f"{line}\n")
    else:
        sys.stderr.write(f"\r\x1b[K{line}" if not line or line[0].isdigit() else f"\r\x1b[K{line}\n")
        sys.stderr.flush()
