"""What the doctor of either world does around its calls: which come next, and what the report says in the end."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path

from kalbio._core.platform import REQUEST_ID_HEADERS
from kalbio.diagnosis import headers, points, writes
from kalbio.diagnosis.examine import Examination
from kalbio.diagnosis.exchanges import Exchange, load_description
from kalbio.diagnosis.plan import Steps, reads, why_not_called
from kalbio.diagnosis.recordings import read_recordings
from kalbio.diagnosis.report import Report, SetupCheck

SAMPLE = 3


def require_checks() -> None:
    """Raise ModuleNotFoundError, saying what to install, unless answers can be checked."""
    try:
        import jsonschema_rs  # noqa: F401 - is it there?
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "the doctor needs jsonschema-rs, which the extra 'doctor' brings: pip install '.[doctor]' in a checkout",
            name=error.name,
        ) from None


def steps(*, with_writes: bool) -> Steps:
    """All calls to make. What is written comes first, so that the reads see it."""
    description = load_description()
    if with_writes:
        yield from writes.scenario(datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S"))
    yield from reads(description, SAMPLE)


def make_report(
    source: str, setup: list[SetupCheck], exchanges: Iterable[Exchange], *, with_writes: bool = False, cut: bool = False
) -> Report:
    """The report on a number of exchanges. `cut` says that a limit of requests ended them."""
    examination = Examination(load_description())
    for exchange in exchanges:
        examination.add(exchange)
    return Report(
        source=source,
        setup=setup,
        findings=examination.findings(),
        operations=examination.operations(_reasons(with_writes=with_writes, cut=cut)),
        points=points.judge(examination),
        headers=dict(examination.headers),
        header_checks=headers.judge(examination.exchanges, REQUEST_ID_HEADERS),
        written=writes.written(examination.exchanges) if with_writes else [],
    )


def _reasons(*, with_writes: bool, cut: bool) -> dict[str, str]:
    found = {}
    description = load_description()
    for operation in description.operations:
        reason = why_not_called(description, operation)
        if not operation.reads and with_writes:
            reason = writes.NOT_CALLED.get(operation.id) or "what it needs could not be made, see above"
        elif not operation.reads:
            reason = f"writes; --writes {'leaves it out too' if operation.id in writes.NOT_CALLED else 'calls it'}"
        found[operation.id] = reason or ("the limit of requests was reached" if cut else "not called")
    return found


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
    report = make_report("recorded traffic", [told], exchanges)
    missing = "not in the recordings"
    return replace(report, operations=[one if one.calls else replace(one, reason=missing) for one in report.operations])
