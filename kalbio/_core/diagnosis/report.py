"""What was found, as an object, a table, JSON and HTML. It holds shapes and no data."""

from __future__ import annotations

import html
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from kalbio._core.text.html_tables import boxed, framed

LEVELS = {
    "wrong": "The answer breaks the description: code that trusts it goes wrong",
    "unknown": "The platform says something that the description does not know",
    "absent": "The description has a member that never came",
}

NOTHING_DIFFERS, DIFFERS, SET_UP_WRONG = 0, 1, 2


@dataclass(frozen=True)
class SetupCheck:
    """One thing that must be right before anything can be asked.

    Attributes:
        name: what was checked.
        is_good: whether it is right; None when it is only told.
        said: what is so, without addresses and credentials.
        cure: what to do about it, when it is wrong.
    """

    name: str
    is_good: bool | None
    said: str
    cure: str = ""


@dataclass(frozen=True)
class Finding:
    """One difference between the answers and the description.

    Attributes:
        level: `wrong`, `unknown` or `absent`, see `LEVELS`.
        kind: what differs, such as `type`, `unknown member` or `order`.
        location: the schema and its member, or the operation.
        expected: what the description says.
        seen: what came, as a shape.
        operations: where it was seen.
        times: how often, as a range.
    """

    level: str
    kind: str
    location: str
    expected: str
    seen: str
    operations: tuple[str, ...]
    times: str


@dataclass(frozen=True)
class OperationReport:
    """What became of one operation.

    Attributes:
        operation: its operationId.
        calls: how often it was called.
        statuses: the statuses that came.
        size: bytes of an answer, as a range.
        milliseconds: the fastest and the slowest answer, None when nobody measured.
        reason: why it was not called, or what is to be known about the calls.
    """

    operation: str
    calls: int
    statuses: tuple[int, ...]
    size: str
    milliseconds: tuple[int, int] | None
    reason: str


@dataclass(frozen=True)
class Verdict:
    """What the doctor says about one open point of the description.

    Attributes:
        point: its name.
        reason: why it is open.
        verdict: `confirmed`, `refuted`, `answered`, `not seen` or `not tested`.
        said: what was seen, or why it is not tested.
    """

    point: str
    reason: str
    verdict: str
    said: str


@dataclass(frozen=True)
class HeaderCheck:
    """Whether the headers of the answers tell something that whoever has trouble needs.

    Attributes:
        name: `request id`, which an error shows so that support can find the request, or `rate limit`.
        is_there: whether they tell it; None when no answer came.
        said: which headers, and in how many answers.
    """

    name: str
    is_there: bool | None
    said: str


@dataclass(frozen=True)
class Report:
    """Where the platform and the description differ.

    Attributes:
        source: what was looked at.
        setup: the checks that came first.
        findings: the differences, those that matter most first.
        operations: what became of each operation.
        points: the open points of the description.
        headers: the names of the headers that came, and with how many answers.
        header_checks: whether they name the request, and tell of limits.
        written: what `writes` has added.
    """

    source: str
    setup: list[SetupCheck] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    operations: list[OperationReport] = field(default_factory=list)
    points: list[Verdict] = field(default_factory=list)
    headers: dict[str, int] = field(default_factory=dict)
    header_checks: list[HeaderCheck] = field(default_factory=list)
    written: list[str] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        """0 when nothing differs, 1 when something does, 2 when the set-up is wrong."""
        if any(check.is_good is False for check in self.setup):
            return SET_UP_WRONG
        return DIFFERS if self.findings else NOTHING_DIFFERS

    def summary(self) -> str:
        """The outcome in one sentence."""
        if self.exit_code == SET_UP_WRONG:
            return "The set-up is wrong; what the platform answers was not looked at in full."
        called = sum(1 for one in self.operations if one.calls)
        of = f"{called} of {len(self.operations)} operations called"
        if not self.findings:
            return f"Nothing differs from the description ({of})."
        counts = {level: sum(1 for one in self.findings if one.level == level) for level in LEVELS}
        told = ", ".join(f"{count} {level}" for level, count in counts.items() if count)
        some = "1 difference" if len(self.findings) == 1 else f"{len(self.findings)} differences"
        return f"{some} from the description: {told} ({of})."

    def sections(self) -> Iterable[tuple[str, str, Sequence[str], Sequence[Sequence[Any]]]]:
        """Yield title, explanation, heads and rows of each table, those that matter most first."""
        wrong = [check for check in self.setup if check.is_good is False]
        if wrong:
            yield "Set-up: wrong", "", ("what", "said", "cure"), [(c.name, c.said, c.cure) for c in wrong]
        if any(one.calls for one in self.operations):
            yield from self._answers()
        rest = [(check.name, check.said) for check in self.setup if check.is_good is not False]
        if rest:
            yield "Set-up", "", ("what", "said"), rest

    def _answers(self) -> Iterable[tuple[str, str, Sequence[str], Sequence[Sequence[Any]]]]:
        """Yield what the answers say: where none came there is nothing to say about any point or operation."""
        for level, meaning in LEVELS.items():
            rows = [
                (one.kind, one.location, one.expected, one.seen, one.times, _few(one.operations))
                for one in self.findings
                if one.level == level
            ]
            if rows:
                yield level.capitalize(), meaning, ("what", "where", "expected", "seen", "times", "in"), rows
        for verdict in ("refuted", "answered", "confirmed"):
            told = [(one.point, one.said, one.reason) for one in self.points if one.verdict == verdict]
            if told:
                yield f"Open points: {verdict}", "", ("point", "seen", "why it was open"), told
        others = [(one.point, one.verdict, one.said) for one in self.points if one.verdict.startswith("not")]
        if others:
            yield "Open points: still open", "", ("point", "verdict", "said"), others
        if self.written:
            yield "Written", "The platform deletes none of it", ("what",), [(one,) for one in self.written]
        yield (
            "Operations",
            "",
            ("operation", "calls", "statuses", "bytes", "ms", "note"),
            [
                (
                    one.operation,
                    one.calls or "-",
                    " ".join(map(str, one.statuses)) or "-",
                    one.size or "-",
                    "-" if one.milliseconds is None else "-".join(map(str, dict.fromkeys(one.milliseconds))),
                    one.reason,
                )
                for one in sorted(self.operations, key=lambda one: not one.calls)
            ],
        )
        if self.header_checks:
            checked = [(one.name, one.said) for one in self.header_checks]
            yield "Headers: what they tell", "", ("what", "said"), checked
        if self.headers:
            yield "Headers", "", ("name", "answers"), sorted(self.headers.items())

    def to_text(self) -> str:
        """The report as tables of plain text."""
        parts = [self.summary()]
        for title, meaning, heads, rows in self.sections():
            told = f"{title} - {meaning}" if meaning else title
            parts.append(f"{told}\n{_table(heads, rows)}")
        return "\n\n".join(parts) + "\n"

    def to_dict(self) -> dict[str, Any]:
        """The report as plain values."""
        return {"summary": self.summary(), "exit_code": self.exit_code, **asdict(self)}

    def to_json(self, path: str | Path | None = None) -> str:
        """The report as JSON text, also written to a file when one is given."""
        return _kept(json.dumps(self.to_dict(), indent=2) + "\n", path)

    def to_html(self, path: str | Path | None = None) -> str:
        """The report as an HTML page that needs no other file, also written to a file when one is given."""
        page = (
            '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="color-scheme" content="light dark">'
            f"<title>doctor: {html.escape(self.source)}</title>"
            "<style>body{font:14px/1.5 system-ui,sans-serif;margin:2em auto;max-width:75em;padding:0 1em}"
            "</style></head>"
            f"<body>{self._repr_html_()}</body></html>\n"
        )
        return _kept(page, path)

    def _repr_html_(self) -> str:
        parts = [f"<h1>{html.escape(self.summary())}</h1>"]
        for title, meaning, heads, rows in self.sections():
            cells = "".join(f"<th>{html.escape(head)}</th>" for head in heads)
            lines = "".join(
                "<tr>" + "".join(f"<td>{html.escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows
            )
            parts.append(f"<h2>{html.escape(title)}</h2>")
            parts.append(f"<p>{html.escape(meaning)}</p>" if meaning else "")
            parts.append(boxed(f"<tr>{cells}</tr>{lines}"))
        return framed("".join(parts))

    def __str__(self) -> str:
        return self.to_text()

    def __repr__(self) -> str:
        return f"<Report: {self.summary()}>"


def _kept(text: str, path: str | Path | None) -> str:
    if path is not None:
        Path(path).write_text(text, encoding="utf-8")
    return text


def _few(names: Sequence[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more


def _table(heads: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    lines = [[str(cell) for cell in row] for row in (heads, *rows)]
    # the last column may be long, and needs no room behind it
    widths = [max(len(line[column]) for line in lines) for column in range(len(heads) - 1)]
    return "\n".join(
        "  " + "  ".join([*(cell.ljust(width) for cell, width in zip(line, widths, strict=False)), line[-1]]).rstrip()
        for line in lines
    )
