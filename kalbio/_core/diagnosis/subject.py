"""What the doctor has to be told about a platform, and the report that comes of its exchanges."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Any

from kalbio._core.description.document import Description
from kalbio._core.diagnosis import headers
from kalbio._core.diagnosis.examine import Examination
from kalbio._core.diagnosis.exchanges import Exchange, Steps
from kalbio._core.diagnosis.report import Finding, Report, SetupCheck, Verdict
from kalbio._core.diagnosis.setup import Cures
from kalbio._core.platform import REQUEST_ID_HEADERS


def _no_verdicts(examination: Examination) -> list[Verdict]:
    return []


def _no_findings(examination: Examination) -> list[Finding]:
    return []


def _nothing(exchanges: Iterable[Exchange]) -> list[str]:
    return []


def _no_failure(data: Any) -> bool:
    return False


@dataclass(frozen=True)
class Subject:
    """A platform, as the doctor needs to know it.

    Attributes:
        source: what is looked at, such as "an installation".
        description: loads its description.
        steps: gives the calls to make, given whether something may be written.
        reasons: gives why operations are not called, given the same.
        cures: what to do about a set-up that is wrong.
        ids: the schemas that stand for ids.
        judge: gives the verdicts on the open points of the description.
        also: gives what differs besides.
        written: gives what was added.
        tells_failure: whether what a successful answer says is a failure.
    """

    source: str
    description: Callable[[], Description]
    steps: Callable[[bool], Steps]
    reasons: Callable[[bool], dict[str, str]]
    cures: Cures
    ids: Collection[str] = ()
    judge: Callable[[Examination], list[Verdict]] = _no_verdicts
    written: Callable[[Iterable[Exchange]], list[str]] = _nothing
    also: Callable[[Examination], list[Finding]] = _no_findings
    tells_failure: Callable[[Any], bool] = _no_failure

    @property
    def version(self) -> str:
        """That of the description."""
        return str(self.description().spec["info"]["version"])

    def report(
        self,
        source: str,
        setup: list[SetupCheck],
        exchanges: Iterable[Exchange],
        *,
        with_writes: bool = False,
        cut: bool = False,
    ) -> Report:
        """The report on a number of exchanges. `cut` says that a limit of requests ended them."""
        examination = Examination(self.description(), self.ids, self.tells_failure, self.also)
        for exchange in exchanges:
            examination.add(exchange)
        missing = "the limit of requests was reached" if cut else "not called"
        reasons = dict.fromkeys(self.description().by_id, missing) | self.reasons(with_writes)
        return Report(
            source=source,
            setup=setup,
            findings=examination.findings(),
            operations=examination.operations(reasons),
            points=self.judge(examination),
            headers=dict(examination.headers),
            header_checks=headers.judge(examination.exchanges, REQUEST_ID_HEADERS),
            written=self.written(examination.exchanges) if with_writes else [],
        )


def require_checks() -> None:
    """Raise ModuleNotFoundError, saying what to install, unless answers can be checked."""
    try:
        import jsonschema_rs  # noqa: F401 - is it there?
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "the doctor needs jsonschema-rs, which the extra 'doctor' brings: pip install '.[doctor]' in a checkout",
            name=error.name,
        ) from None
