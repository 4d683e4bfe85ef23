"""What the doctor has to be told about Kaleidoscope, and its reports on recorded traffic."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path

from kalbio._core.diagnosis.exchanges import Steps
from kalbio._core.diagnosis.report import Report, SetupCheck
from kalbio._core.diagnosis.setup import Cures
from kalbio._core.diagnosis.subject import Subject, require_checks
from kalbio.diagnosis import points, writes
from kalbio.diagnosis.description import load_description
from kalbio.diagnosis.pages import wrong_pages
from kalbio.diagnosis.plan import reads, why_not_called
from kalbio.diagnosis.recordings import read_recordings

SAMPLE = 3


def _steps(with_writes: bool) -> Steps:
    """All calls to make. What is written comes first, so that the reads see it."""
    if with_writes:
        yield from writes.scenario(datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S"))
    yield from reads(load_description(), SAMPLE)


def _reasons(with_writes: bool) -> dict[str, str]:
    found = {}
    description = load_description()
    for operation in description.operations:
        reason = why_not_called(description, operation)
        if not operation.reads and with_writes:
            reason = writes.NOT_CALLED.get(operation.id) or "what it needs could not be made, see above"
        elif not operation.reads:
            reason = f"writes; --writes {'leaves it out too' if operation.id in writes.NOT_CALLED else 'calls it'}"
        if reason:
            found[operation.id] = reason
    return found


KALEIDOSCOPE = Subject(
    source="a workspace",
    description=load_description,
    steps=_steps,
    reasons=_reasons,
    cures=Cures(
        credentials="Check KALEIDOSCOPE_API_CLIENT_ID and KALEIDOSCOPE_API_CLIENT_SECRET, and that they belong to this "
        "url. Behind Google's identity-aware proxy, iap_client_id is needed too.",
        address="Check KALEIDOSCOPE_API_URL: it is the address of the API, without a path.",
    ),
    ids=("Id", "NullableId"),
    also=wrong_pages,
    judge=points.judge,
    written=writes.written,
)


def report_on_recordings(*paths: str | Path) -> Report:
    """Return the report on recorded traffic: cassettes of vcrpy, HAR files, or folders of these.

    Args:
        *paths: files and folders.

    Raises:
        ValueError: there is no recording, or it cannot be read.
        ModuleNotFoundError: a package of the extra `doctor` is missing; the text says how to get it.
    """
    require_checks()
    found = [read_recordings(load_description(), Path(path)) for path in paths]
    exchanges = list(chain.from_iterable(some for some, _ in found))
    others = sum(count for _, count in found)
    told = SetupCheck("recordings", None, f"{len(exchanges)} exchanges; {others} requests for no operation of the API")
    report = KALEIDOSCOPE.report("recorded traffic", [told], exchanges)
    missing = "not in the recordings"
    return replace(report, operations=[one if one.calls else replace(one, reason=missing) for one in report.operations])
