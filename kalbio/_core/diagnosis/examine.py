"""Holds answers against the description, and gathers what differs."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from kalbio._core.description.checks import AnswerChecks, Validators, Violation
from kalbio._core.description.document import JSON, Description, Document, Operation
from kalbio._core.description.shapes import MILLISECONDS, OFFSET, about, form_of_time, safe_header, shape
from kalbio._core.description.survey import Survey, in_order
from kalbio._core.diagnosis.exchanges import Exchange
from kalbio._core.diagnosis.report import LEVELS, Finding, OperationReport

_TYPES = {"string": "text", "integer": "whole number", "boolean": "true or false", "array": "list"}
_MEDIA_TYPE = re.compile(r"[a-z]{2,20}/[a-z0-9.+-]{1,60}")


@dataclass
class _Found:
    operations: set[str] = field(default_factory=set)
    times: int = 0


class Examination:
    """What a number of exchanges say about the description.

    Attributes:
        description: the description.
        exchanges: all of them, in order.
        survey: what their answers held.
    """

    def __init__(
        self,
        description: Description,
        ids: Collection[str],
        tells_failure: Callable[[Any], bool],
        also: Callable[[Examination], list[Finding]],
    ) -> None:
        """Prepare. `ids` are the schemas of ids.

        `tells_failure` says whether a successful answer tells a failure, and `also` what differs besides.
        """
        self.description = description
        self.exchanges: list[Exchange] = []
        self.survey = Survey(description, ids)
        self._tells_failure = tells_failure
        self._also = also
        self.headers: Counter[str] = Counter()
        self._found: dict[tuple[str, str, str, str, str], _Found] = {}

    @cached_property
    def _checks(self) -> AnswerChecks:
        return AnswerChecks(self.description, Validators(self.description.spec))

    def of(self, operation: str, **query: str) -> list[Exchange]:
        """The exchanges of an operation, only those with these parameters in their query."""
        return [
            one
            for one in self.exchanges
            if one.call.operation == operation and all(one.call.query.get(name) == text for name, text in query.items())
        ]

    def add(self, exchange: Exchange) -> None:
        """Look at one exchange."""
        self.exchanges.append(exchange)
        self.headers.update({name for one in exchange.headers if (name := safe_header(one))})
        operation = self.description.by_id[exchange.call.operation]
        if exchange.status is None:
            self._note("wrong", "no answer", operation.id, "an answer", exchange.failure, operation)
            return
        if exchange.is_live and not exchange.call.is_answered_by(exchange.status):
            self._note("wrong", "status", operation.id, "a success", str(exchange.status), operation)
        elif not self.description.describes(operation, exchange.status):
            self._note("unknown", "status", operation.id, _statuses(operation), str(exchange.status), operation)
        if self.description.describes(operation, exchange.status):
            self._look_at_body(operation, exchange, exchange.status)
        if exchange.is_good and not exchange.call.is_probe and self._tells_failure(exchange.data):
            self._note("wrong", "status", operation.id, "a success", "a success that tells a failure", operation)

    def _look_at_body(self, operation: Operation, exchange: Exchange, status: int) -> None:
        schema = self.description.answer_schema(operation, status)
        if schema is None:  # a file, or nothing that is read
            return
        if not exchange.body.strip():
            if exchange.is_good and not operation.spec.get("x-empty-answer"):
                self._note("wrong", "empty answer", operation.id, _words(self.survey, schema), "nothing", operation)
            return
        is_odd = exchange.content_type not in ("", JSON)
        if is_odd and (exchange.is_good or exchange.content_type != "text/html"):
            kind = exchange.content_type
            told = kind if _MEDIA_TYPE.fullmatch(kind) else "another type"
            self._note("wrong", "content type", operation.id, JSON, told, operation)
        if not exchange.is_json:
            if exchange.is_good:
                self._note("wrong", "no JSON", operation.id, _words(self.survey, schema), "other text", operation)
            return
        for violation in self._checks.violations(operation, status, JSON, exchange.data):
            self._note_violation(operation, schema, exchange.data, violation)
        self.survey.look(operation.id, schema, exchange.data)
        order = operation.spec.get("x-order")
        if order and exchange.is_list and not in_order(exchange.data, order):
            self._note("unknown", "order", operation.id, _ordered(order), "another order", operation)

    def _note_violation(self, operation: Operation, schema: Document, data: Any, violation: Violation) -> None:
        name, at = self.survey.locate(operation.id, schema, violation.location, data)
        expected, seen = _words(self.survey, at), shape(violation.value)
        kind = "type" if violation.kind in ("type", "anyOf", "oneOf") else violation.kind
        if kind == "type" and violation.value is None:
            kind = "null"
        elif kind == "required":
            kind, name, expected, seen = "missing", f"{name}.{violation.member}", "there", "not there"
        elif kind == "format":
            expected = str(at.get("format", "its format"))
            seen = form_of_time(violation.value) if isinstance(violation.value, str) else seen
        self._note("wrong", kind, name, expected, seen, operation)

    def _note(self, level: str, kind: str, location: str, expected: str, seen: str, operation: Operation) -> None:
        found = self._found.setdefault((level, kind, location, expected, seen), _Found())
        found.operations.add(operation.id)
        found.times += 1

    # -- the outcome -----------------------------------------------------------------------------------------------

    def findings(self) -> list[Finding]:
        """The differences, those that matter most first."""
        found = [
            Finding(level, kind, location, expected, seen, tuple(sorted(one.operations)), about(one.times))
            for (level, kind, location, expected, seen), one in self._found.items()
        ]
        found += self._of_members()
        found += self._of_unknown_members()
        found += self._also(self)
        levels = list(LEVELS)
        return sorted(found, key=lambda one: (levels.index(one.level), one.kind, one.location, one.seen))

    def _of_members(self) -> list[Finding]:
        open_points = self._open_members
        found = []
        for name, seen in self.survey.members.items():
            where = tuple(sorted(seen.operations))
            for value, times in seen.values.items():
                told = repr(value) if value is not None else "a value that may be data"
                found.append(Finding("unknown", "unknown value", name, "a known value", told, where, about(times)))
            odd: Counter[str] = Counter()
            for (_, form), times in seen.forms.items():
                if form not in (MILLISECONDS, OFFSET):
                    odd[form] += times
            expected = f"{MILLISECONDS}, or {OFFSET}"
            found += [
                Finding("unknown", "form of a time", name, expected, form, where, about(times))
                for form, times in odd.items()
            ]
            if seen.odd_ids:
                found.append(
                    Finding("unknown", "form of an id", name, "UUID text", "other text", where, about(seen.odd_ids))
                )
            if seen.chances and not seen.count and name not in open_points:
                asked = tuple(sorted(seen.asked))
                found.append(Finding("absent", "never came", name, "there", "not there", asked, about(seen.chances)))
        return found

    @cached_property
    def _open_members(self) -> set[str]:
        schemas: Document = self.description.spec["components"]["schemas"]
        return {
            f"{name}.{member}"
            for name, schema in schemas.items()
            for member, of_member in schema.get("properties", {}).items()
            if of_member.get("x-unconfirmed")
        }

    def _of_unknown_members(self) -> list[Finding]:
        found = []
        for (location, member), seen in self.survey.unknown.items():
            name = f"{location}.{member}" if member else f"{location}: a member whose name may be data"
            shapes = " or ".join(sorted(seen.shapes)[:4])
            where = tuple(sorted(seen.operations))
            found.append(Finding("unknown", "unknown member", name, "not there", shapes, where, about(seen.count)))
        return found

    def operations(self, reasons: dict[str, str]) -> list[OperationReport]:
        """What became of each operation; `reasons` are those for which some were not called."""
        found = []
        for operation in self.description.operations:
            calls = self.of(operation.id)
            sizes = sorted(len(one.body) for one in calls)
            times = [round(one.seconds * 1000) for one in calls if one.seconds is not None]
            size = "-".join(dict.fromkeys((about(sizes[0]), about(sizes[-1])))) if sizes else ""
            if sizes and size.count("-") > 1:
                size = f"{about(sizes[0]).split('-')[0]}-{about(sizes[-1]).split('-')[-1]}"
            statuses = sorted({one.status for one in calls if one.status is not None})
            reason = "" if calls else reasons.get(operation.id, "not called")
            if calls and all(one.call.is_probe for one in calls) and operation.parameters_in("path"):
                reason = "nothing of the kind was found; asked for one that is not there"
            taken = (min(times), max(times)) if times else None
            found.append(OperationReport(operation.id, len(calls), tuple(statuses), size, taken, reason))
        return found


def _statuses(operation: Operation) -> str:
    return ", ".join(operation.spec["responses"])


def _ordered(order: str) -> str:
    return f"{order.removeprefix('-')}, {'descending' if order.startswith('-') else 'ascending'}"


def _words(survey: Survey, schema: Document) -> str:
    found: list[str] = []
    for _, branch in survey.branches(schema):
        kinds = branch.get("type", "anything")
        found += [_TYPES.get(kind, kind) for kind in ([kinds] if isinstance(kinds, str) else kinds)]
    return " or ".join(dict.fromkeys(found))
