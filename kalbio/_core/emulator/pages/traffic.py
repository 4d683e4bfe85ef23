"""Requests and answers as pages may show them: without secrets, JSON indented, and what is no text as its size."""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from kalbio._core.emulator.access_log import TEXT, Entry, Message, without_secrets
from kalbio._core.emulator.refusals import Problem
from kalbio._core.text.display import one_line
from kalbio._core.text.redaction import HIDDEN, names_secret

_FORM = "application/x-www-form-urlencoded"
_SECRET_HEADER = re.compile(r".*(?:auth|cookie|credential|key|passw|secret|signature|token).*", re.IGNORECASE)
_OPEN_HEADERS = frozenset({"www-authenticate", "sec-websocket-key"})
_SCHEME = re.compile(r"(?:Basic|Bearer|Digest|AWS4-HMAC-SHA256)(?= )", re.IGNORECASE)
_ESCAPED = re.compile(r"\\u00([2-7][0-9a-fA-F])")
Pairs = list[tuple[str, str]]


@dataclass(frozen=True)
class Body:
    """A body as it is shown: as pairs where it is a form, as a text, or as its size alone."""

    size: int
    kind: str
    text: str | None = None
    pairs: Pairs | None = None
    is_cut: bool = False


class Shown:
    """What a page shows of a request that was kept.

    Args:
        entry: the request.
        credential_headers: names of headers that are hidden, in lower case.
        secret_names: names of members and parameters that are hidden, in lower case.
        secrets: texts that are hidden wherever they stand.
    """

    def __init__(
        self,
        entry: Entry,
        credential_headers: Collection[str],
        secret_names: Collection[str],
        secrets: Collection[str] = (),
    ) -> None:
        self.entry = entry
        self._credential_headers = credential_headers
        self._secret_names = secret_names
        self._secrets = secrets

    @property
    def path(self) -> str:
        """The path that was asked for."""
        return self._line(self.entry.target.partition("?")[0])

    @property
    def query(self) -> Pairs:
        """The members of the query."""
        return self._pairs(self.entry.target.partition("?")[2])

    @property
    def sent_headers(self) -> Pairs:
        """The headers of the request."""
        return self._headers(self.entry.sent)

    @property
    def answered_headers(self) -> Pairs:
        """The headers of the answer."""
        return self._headers(self.entry.answered) if self.entry.answered is not None else []

    @property
    def sent(self) -> Body:
        """The body of the request."""
        return self._body(self.entry.sent)

    @property
    def answered(self) -> Body | None:
        """The body of the answer."""
        return None if self.entry.answered is None else self._body(self.entry.answered)

    @property
    def reason(self) -> str | None:
        """Why it went wrong, in words."""
        reason = self.entry.reason or self.entry.note
        return None if reason is None else self._line(reason)

    @property
    def problems(self) -> list[tuple[str, str, str, str]]:
        """What is wrong with the request: where, as a pointer, what, the rule, and what the rule allows."""
        return [
            (_pointer(one), self._line(one.message), one.rule, "" if one.expected is None else _dumped(one.expected))
            for one in self.entry.problems
        ]

    @property
    def tone(self) -> str:
        """How its outcome is told apart at a glance."""
        status = self.entry.status
        return "bad" if status is None or status >= 400 else "good" if status < 300 else "plain"

    @property
    def tells(self) -> str:
        """In a few words what is worth a look: the fault that hit it, why it was refused, or what went wrong."""
        fault = f"fault {self.entry.fault.label}" if self.entry.fault is not None else None
        return "; ".join(filter(None, (fault, self.entry.code, None if self.entry.code else self.reason)))

    def plain(self, text: str) -> str:
        """A text of somebody else, such as the error of a receiver."""
        return self._line(text)

    def payload(self, value: Any) -> str:
        """The payload of a webhook."""
        return self._json(value)

    def _headers(self, message: Message) -> Pairs:
        return [(one_line(name), self._header(name, value)) for name, value in message.headers]

    def _header(self, name: str, value: str) -> str:
        name = name.lower()
        if name in _OPEN_HEADERS or not (name in self._credential_headers or _SECRET_HEADER.fullmatch(name)):
            return self._line(value)
        scheme = _SCHEME.match(value)
        return f"{scheme[0]} {HIDDEN}" if scheme else HIDDEN

    def _pairs(self, text: str) -> Pairs:
        return [
            (one_line(name), HIDDEN if value and self._is_secret(name, of_parameter=True) else self._line(value))
            for name, value in parse_qsl(text, keep_blank_values=True, errors="replace")
        ]

    def _body(self, message: Message) -> Body:
        size, kind = message.size, message.header("content-type") or ""
        shown_kind = one_line(kind.partition(";")[0].strip()[:60])
        if not size:
            return Body(0, shown_kind)
        try:
            text = message.body.decode("utf-8", "ignore" if message.is_cut else "strict")
        except UnicodeDecodeError:
            return Body(size, shown_kind)
        if kind and not TEXT.match(kind):
            return Body(size, shown_kind)
        if shown_kind.lower() == _FORM:
            return Body(size, shown_kind, pairs=self._pairs(text), is_cut=message.is_cut)
        try:
            text = self._json(json.loads(text)) if "json" in kind or not kind else self._lines(text)
        except (ValueError, RecursionError):  # it is no JSON, or its end was not kept
            # An escape could hide the name of a secret.
            text = self._lines(_ESCAPED.sub(lambda match: chr(int(match[1], 16)), text))
        return Body(size, shown_kind, text, is_cut=message.is_cut)

    def _json(self, value: Any) -> str:
        return self._lines(json.dumps(self._hide(value), indent=2, ensure_ascii=False))

    def _hide(self, value: Any) -> Any:
        """JSON without the values of members that are named as secrets are."""
        if isinstance(value, list):
            return [self._hide(one) for one in value]
        if not isinstance(value, dict):
            return value
        return {
            name: HIDDEN if one is not None and self._is_secret(name) else self._hide(one)
            for name, one in value.items()
        }

    def _line(self, text: str) -> str:
        return one_line(without_secrets(text, self._secrets))

    def _lines(self, text: str) -> str:
        shown = without_secrets(text, self._secrets)
        return "\n".join(map(one_line, shown.replace("\r\n", "\n").expandtabs(4).split("\n")))

    def _is_secret(self, name: str, *, of_parameter: bool = False) -> bool:
        return name.lower() in self._secret_names or names_secret(name, of_parameter=of_parameter)


def _pointer(problem: Problem) -> str:
    part, *steps = problem.location or ("",)
    return one_line("".join((str(part), *(f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in steps))))


def _dumped(value: Any) -> str:
    return ", ".join(map(_dumped, value)) if isinstance(value, list) else json.dumps(value, ensure_ascii=False)
