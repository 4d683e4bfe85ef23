"""What an emulator was asked: a line for each request and each webhook, and the last requests for those who look.

The lines go through `logging`. Nothing is shown until somebody gives the logger a level and a handler. A record has its
parts as attributes, see `PARTS`, and its message is a line of them. At DEBUG a line about a request is followed by the
bodies. Requests are kept for pages only once `AccessLog.keep` was called, as a server does.
"""

from __future__ import annotations

import itertools
import logging
import re
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from kalbio._core.emulator.faults import Fault
from kalbio._core.emulator.messages import Delivery, Request, Response
from kalbio._core.emulator.refusals import Code, Problem, Refusal
from kalbio._core.text.display import one_line
from kalbio._core.text.redaction import HIDDEN, redact_strictly

PARTS = (
    "kind", "method", "path", "query", "status", "ms", "operation", "fault", "carried_out", "code", "reason",
    "request_body", "answer_body", "target", "event", "attempt", "error",
)  # fmt: skip
"""The attributes of records, of which each has some: `kind` is `request` or `webhook`."""

_LONGEST_PATH = 160
_LONGEST_QUERY = 80
_LONGEST_REASON = 300
_LONGEST_BODY = 2_000
# What is kept of the last requests.
KEPT_REQUESTS = 200
_KEPT_BODY = 64 * 1024
_KEPT_TEXT = 2_000
_KEPT_PROBLEMS = 20
# Emulators mark the tokens and secrets that they invent.
_MARKED = re.compile(r"sandbox-(?:token|secret)[\w.~+/=-]*")
TEXT = re.compile(r"text/|application/(?:[\w.-]+\+)?(?:json|xml|x-www-form-urlencoded)", re.IGNORECASE)
"""The types of bodies that can be read."""


def silent_logger(name: str) -> logging.Logger:
    """Return a logger that shows nothing below WARNING, and that alone to those who have set up logging."""
    logger = logging.getLogger(name)
    if not any(isinstance(handler, logging.NullHandler) for handler in logger.handlers):
        logger.addHandler(logging.NullHandler())  # else Python would print warnings that nobody asked for
    if logger.level == logging.NOTSET:  # else whoever logs at DEBUG would get a line for each request of each test
        logger.setLevel(logging.WARNING)
    return logger


@dataclass(frozen=True)
class Message:
    """A request or an answer as it is kept: its headers, and the beginning of its body."""

    headers: tuple[tuple[str, str], ...]
    body: bytes
    size: int
    """Of the whole body, in bytes."""

    @property
    def is_cut(self) -> bool:
        """Whether there is more of the body than was kept."""
        return self.size > len(self.body)

    def header(self, name: str) -> str | None:
        """The first header of that name."""
        return next((value for given, value in self.headers if given.lower() == name), None)


@dataclass(frozen=True)
class Entry:
    """A request that was kept, as it came: nothing of it is without secrets until it is shown."""

    number: int
    """Counts from 1."""
    begun: float
    """Seconds since 1970."""
    seconds: float
    method: str
    target: str
    sent: Message
    answered: Message | None
    status: int | None
    operation: str | None
    fault: Fault | None
    carried_out: bool | None
    note: str | None
    code: str | None
    """Of the refusal, if it was refused."""
    reason: str | None
    problems: tuple[Problem, ...]
    deliveries: tuple[Delivery, ...] = field(default=())
    """The webhooks that it caused."""


class AccessLog:
    """Tells of requests, and keeps the last ones for those who look at them.

    Args:
        logger: where the lines go.
    """

    def __init__(self, logger: logging.Logger) -> None:
        self.logger = logger
        self._kept: deque[Entry] | None = None
        self._numbers = itertools.count(1)

    def keep(self) -> None:
        """Keep the last requests from now on: 200 of them, and 64 KB of each body."""
        if self._kept is None:
            self._kept = deque(maxlen=KEPT_REQUESTS)

    def entries(self) -> list[Entry]:
        """The requests that are kept, newest first."""
        return list(reversed(self._kept.copy())) if self._kept is not None else []  # a copy is made in one step

    def request(
        self,
        request: Request,
        answer: Response | None,
        seconds: float,
        *,
        operation: str | None = None,
        fault: Fault | None = None,
        carried_out: bool | None = None,
        note: str | None = None,
        is_page: bool = False,
    ) -> None:
        """Tell of a request.

        Args:
            request: the request.
            answer: the answer, None when there is none.
            seconds: how long it took.
            operation: the operation that it is for.
            fault: what went wrong with it on purpose.
            carried_out: with a fault, whether the operation was carried out; None where that says nothing.
            note: why it went wrong, where no answer and no fault says so.
            is_page: whether it is for a page for people, which is not kept among the requests of clients.
        """
        if self._kept is not None and not is_page:
            refusal = answer.refusal if answer is not None else None
            self._kept.append(
                Entry(
                    next(self._numbers), time.time() - seconds, seconds, request.method, request.target,
                    _kept(request), None if answer is None else _kept(answer),
                    None if answer is None else answer.status, operation, fault, carried_out, note,
                    None if refusal is None else refusal.code,
                    None if refusal is None else _shortened(refusal.message, _KEPT_TEXT),
                    () if refusal is None else _kept_problems(refusal),
                    () if answer is None else answer.deliveries,
                )
            )  # fmt: skip
        if self.logger.isEnabledFor(logging.INFO):
            _log_request(self.logger, request, answer, seconds, operation, fault, carried_out, note)


def _kept(message: Request | Response) -> Message:
    # a part of a body that is no longer than that is the body itself, of which no copy is made
    return Message(tuple(message.headers), message.body[:_KEPT_BODY], len(message.body))


def _kept_problems(refusal: Refusal) -> tuple[Problem, ...]:
    """What is wrong with a request, without the refusal: as an exception it holds on to all it has passed through."""
    return tuple(
        Problem(
            tuple(_shortened(step, _LONGEST_PATH) if isinstance(step, str) else step for step in one.location),
            _shortened(one.message, _KEPT_TEXT), one.rule, one.expected,
        )
        for one in refusal.problems[:_KEPT_PROBLEMS]
    )  # fmt: skip


def _log_request(
    logger: logging.Logger,
    request: Request,
    answer: Response | None,
    seconds: float,
    operation: str | None,
    fault: Fault | None,
    carried_out: bool | None,
    note: str | None,
) -> None:
    path, _, query = request.target.partition("?")
    refusal = answer.refusal if answer is not None else None
    reason = note
    if refusal is not None:
        reason = refusal.message
    elif note is None and answer is not None and answer.status >= 400 and (fault is None or fault.status is None):
        reason = _body(answer.body, answer.header("content-type"))
    parts: dict[str, object] = {
        "kind": "request",
        "method": request.method,
        "path": _cut(path, _LONGEST_PATH),
        "query": _shortened(_hidden(f"?{query}")[1:], _LONGEST_QUERY),
        "status": answer.status if answer is not None else None,
        "ms": round(seconds * 1000, 1),
        "operation": operation,
        "fault": None if fault is None else fault.label,
        "carried_out": carried_out,
        "code": refusal.code if refusal is not None else None,
        "reason": None if reason is None else _cut(reason, _LONGEST_REASON),
    }
    line = _request_line(parts, is_refused=refusal is not None)
    if logger.isEnabledFor(logging.DEBUG):
        parts["request_body"] = _body(request.body, request.header("content-type"))
        parts["answer_body"] = None if answer is None else _body(answer.body, answer.header("content-type"))
        for sign, name in ((">", "request_body"), ("<", "answer_body")):
            line += f"\n    {sign} {parts[name]}" if parts[name] is not None else ""
    is_fault_of_ours = refusal is not None and refusal.code == Code.CONTRACT_VIOLATION
    logger.log(logging.ERROR if is_fault_of_ours else logging.INFO, "%s", line, extra=_present(parts))


def log_webhook(
    logger: logging.Logger,
    target: str,
    event: str,
    attempt: int,
    *,
    status: int | None = None,
    error: str | None = None,
    plan: str = "",
) -> None:
    """Log an attempt to deliver an event.

    Args:
        logger: where to.
        target: where the event goes, as text.
        event: what it is called.
        attempt: the number of the attempt; 0 where nobody is there to get it.
        status: the status of the answer, if there was one.
        error: what went wrong.
        plan: what is done about that.
    """
    level = logging.WARNING if error is not None else logging.INFO
    if not logger.isEnabledFor(level):
        return
    target = _cut(target, _LONGEST_PATH)
    error = None if error is None else _cut(error, _LONGEST_REASON)
    what = error or status or ("delivered" if attempt else "not sent")
    parts: dict[str, object] = {
        "kind": "webhook", "target": target, "event": event, "attempt": attempt, "status": status, "error": error,
    }  # fmt: skip
    logger.log(level, "%s", f"webhook {event} to {target}: {what}{f'; {plan}' if plan else ''}", extra=_present(parts))


def _request_line(parts: dict[str, object], *, is_refused: bool) -> str:
    query, status = parts["query"], parts["status"]
    line = f"{parts['method']} {parts['path']}{f'?{query}' if query else ''} {status or '-'} {parts['ms']} ms"
    if parts["fault"] is not None:
        line += f"  fault {parts['fault']}"
        if parts["carried_out"] is not None:
            line += f" ({'carried out' if parts['carried_out'] else 'not carried out'})"
    if is_refused:
        code = parts["code"]
        return f"{line}  refused{f' ({code})' if code else ''}: {parts['reason']}"
    return line if parts["reason"] is None else f"{line}  {parts['reason']}"


def _body(body: bytes, content_type: str | None) -> str | None:
    if not body:
        return None
    if content_type and not TEXT.match(content_type):
        return f"{len(body)} bytes of {_cut(content_type, 60)}"
    more = f"... ({len(body)} bytes)" if len(body) > _LONGEST_BODY else ""
    return _hidden(body[:_LONGEST_BODY].decode("utf-8", "replace")) + more


def _cut(text: str, longest: int) -> str:
    return _shortened(_hidden(text), longest)


def _shortened(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[:longest]}... ({len(text)} characters)"


def without_secrets(text: str, secrets: Iterable[str] = ()) -> str:
    """A text without these secrets, and without what else is, or may be, one."""
    return _MARKED.sub(HIDDEN, redact_strictly(text, secrets))


def _hidden(text: str) -> str:
    return one_line(without_secrets(text))


def _present(parts: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in parts.items() if value is not None and value != ""}
