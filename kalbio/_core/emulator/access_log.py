"""A line for each request and each webhook, through `logging`.

Nothing is shown until somebody gives the logger a level and a handler. A record has its parts as attributes, see
`PARTS`, and its message is a line of them. At DEBUG a line about a request is followed by the bodies.
"""

from __future__ import annotations

import logging
import re

from kalbio._core.emulator.faults import Fault
from kalbio._core.emulator.messages import Request, Response
from kalbio._core.emulator.refusals import Code
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
# Emulators mark the tokens and secrets that they invent.
_MARKED = re.compile(r"sandbox-(?:token|secret)[\w.~+/=-]*")
_TEXT = re.compile(r"text/|application/(?:[\w.-]+\+)?(?:json|xml|x-www-form-urlencoded)", re.IGNORECASE)


def silent_logger(name: str) -> logging.Logger:
    """Return a logger that shows nothing below WARNING, and that alone to those who have set up logging."""
    logger = logging.getLogger(name)
    if not any(isinstance(handler, logging.NullHandler) for handler in logger.handlers):
        logger.addHandler(logging.NullHandler())  # else Python would print warnings that nobody asked for
    if logger.level == logging.NOTSET:  # else whoever logs at DEBUG would get a line for each request of each test
        logger.setLevel(logging.WARNING)
    return logger


def log_request(
    logger: logging.Logger,
    request: Request,
    answer: Response | None,
    seconds: float,
    *,
    operation: str | None = None,
    fault: Fault | None = None,
    carried_out: bool | None = None,
    note: str | None = None,
) -> None:
    """Log a request.

    Args:
        logger: where to.
        request: the request.
        answer: the answer, None when there is none.
        seconds: how long it took.
        operation: the operation that it is for.
        fault: what went wrong with it on purpose.
        carried_out: with a fault, whether the operation was carried out; None where that says nothing.
        note: why it went wrong, where no answer and no fault says so.
    """
    if not logger.isEnabledFor(logging.INFO):
        return
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
    if content_type and not _TEXT.match(content_type):
        return f"{len(body)} bytes of {_cut(content_type, 60)}"
    more = f"... ({len(body)} bytes)" if len(body) > _LONGEST_BODY else ""
    return _hidden(body[:_LONGEST_BODY].decode("utf-8", "replace")) + more


def _cut(text: str, longest: int) -> str:
    return _shortened(_hidden(text), longest)


def _shortened(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[:longest]}... ({len(text)} characters)"


def _hidden(text: str) -> str:
    return one_line(_MARKED.sub(HIDDEN, redact_strictly(text)))


def _present(parts: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in parts.items() if value is not None and value != ""}
