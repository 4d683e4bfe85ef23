"""What goes wrong on the way to the sandbox and back, on purpose.

A plan of faults belongs to a sandbox. `Sandbox.meet` says which one hits a request; how a broken connection feels is
the business of those who carry the bytes: the server and the transports in process.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from random import Random

import attrs

from kalbio.sandbox.contract import load_contract
from kalbio.sandbox.store import dumps

_LOGIN = "createToken"
_KINDS = (
    "status", "refuse", "reset", "lose_answer", "time_out", "slow", "truncate", "body", "expire_tokens",
    "revoke_tokens",
)  # fmt: skip


@attrs.frozen(kw_only=True)
class Fault:
    """One thing that goes wrong: exactly one of the kinds, from `status` to `revoke_tokens`.

    Attributes:
        operation: operationId of the calls it hits; None hits every call but logins.
        status: answer with this status; the call is not carried out.
        retry_after: seconds for the Retry-After header of that answer.
        after: the call is carried out before that answer, as when a gateway gives up on it.
        refuse: no connection; the call is not carried out.
        reset: the connection breaks before the call is carried out.
        lose_answer: the call is carried out, then the connection breaks.
        time_out: the call is carried out, but its answer does not come in time.
        slow: the call is carried out, and its answer comes so many seconds later.
        truncate: the call is carried out, and its answer breaks off in the middle of the body.
        body: the call is carried out, and its answer has this body instead; with `status`, the body of that answer.
        expire_tokens: all access tokens end before the call. Refresh tokens stay good.
        revoke_tokens: all tokens end before the call, refresh tokens included.
        rate: the share of those calls that it hits, from 0 to 1, drawn from the seed of the plan.
        times: how many calls it hits, None for no end. By default one, and with a rate no end.
    """

    operation: str | None = attrs.field(default=None, kw_only=False)
    status: int | None = attrs.field(
        default=None, validator=attrs.validators.optional([attrs.validators.ge(200), attrs.validators.le(599)])
    )
    retry_after: float | None = attrs.field(default=None, validator=attrs.validators.optional(attrs.validators.ge(0)))
    after: bool = False
    refuse: bool = False
    reset: bool = False
    lose_answer: bool = False
    time_out: bool = False
    slow: float | None = attrs.field(default=None, validator=attrs.validators.optional(attrs.validators.ge(0)))
    truncate: bool = False
    body: bytes | None = None
    expire_tokens: bool = False
    revoke_tokens: bool = False
    rate: float | None = attrs.field(
        default=None, validator=attrs.validators.optional([attrs.validators.ge(0), attrs.validators.le(1)])
    )
    times: int | None = attrs.field(validator=attrs.validators.optional(attrs.validators.ge(1)))

    @times.default
    def _once_without_rate(self) -> int | None:
        return 1 if self.rate is None else None

    def __attrs_post_init__(self) -> None:
        """Refuse a fault that is none, or several, or of an operation that does not exist."""
        given = self._given()
        if len(given) != 1 and given != ["status", "body"]:
            kinds = f"{', '.join(_KINDS[:-1])} and {_KINDS[-1]}"
            raise ValueError(f"a fault needs exactly one of {kinds}; it has {' and '.join(given) or 'none'}")
        if self.status is None and (self.retry_after is not None or self.after):
            raise ValueError("retry_after and after belong to a status")
        if self.operation is not None:
            known = [operation.id for operation in load_contract().operations]
            if self.operation not in known:
                raise ValueError(f"there is no operation {self.operation!r}{_close(self.operation, known)}")

    def _given(self) -> list[str]:
        return [name for name in _KINDS if getattr(self, name) not in (None, False)]

    @property
    def kind(self) -> str:
        """Name of the argument that says what goes wrong."""
        return self._given()[0]

    @property
    def carried_out(self) -> bool:
        """Whether the sandbox is asked what was asked of it."""
        return self.after if self.status is not None else not (self.refuse or self.reset)

    def error(self) -> tuple[tuple[tuple[str, str], ...], bytes]:
        """Headers and body of the answer with the injected status."""
        body = self.body
        kind = "text/html"
        if body is None:
            kind = "application/json; charset=utf-8"
            body = dumps({"statusCode": self.status, "code": "INJECTED", "message": "injected by the test"}).encode()
        if self.retry_after is None:
            return (("content-type", kind),), body
        return (("content-type", kind), ("retry-after", f"{self.retry_after:g}")), body


class Faults:
    """The faults of a sandbox that are still to come, in the order in which they were added.

    A call meets the first fault that hits it. Faults with a rate draw for each call of their operation: with the same
    seed and the same calls in the same order the same calls are hit. Calls that run side by side may swap places.

    Args:
        seed: another seed hits other calls.
    """

    def __init__(self, seed: int = 0) -> None:
        self._seed = seed
        self._lock = threading.Lock()
        self._coming: list[_Coming] = []
        self._added = 0

    def add(self, fault: Fault) -> Fault:
        """Let a fault happen."""
        with self._lock:
            # a source of its own for each, so that a further fault does not move the others to other calls
            self._coming.append(_Coming(fault, fault.times, Random(f"{self._seed} {self._added}").random))  # noqa: S311
            self._added += 1
        return fault

    def clear(self) -> None:
        """Let no more faults happen."""
        with self._lock:
            self._coming.clear()

    def take(self, operation: str | None) -> Fault | None:
        """Return the fault that hits a call of this operation now, if there is one."""
        if not self._coming:
            return None
        with self._lock:
            hits = [coming for coming in self._coming if coming.hits(operation)]
            if not hits:
                return None
            first = hits[0]
            if first.left is not None:
                first.left -= 1
                if not first.left:
                    self._coming.remove(first)
            return first.fault


@attrs.define(eq=False)
class _Coming:
    """A fault in the plan, and how often it is still to happen."""

    fault: Fault
    left: int | None
    draw: Callable[[], float]

    def hits(self, operation: str | None) -> bool:
        meant = operation != _LOGIN if self.fault.operation is None else operation == self.fault.operation
        return meant and (self.fault.rate is None or self.draw() < self.fault.rate)


@attrs.frozen
class LedgerEntry:
    """A write that reached the sandbox, and what became of it.

    Attributes:
        number: counts from 1; entries that are no longer kept leave a gap at the beginning.
        operation: operationId.
        method: HTTP method.
        path: path as sent, without the query.
        status: the sandbox's own answer, whether or not it arrived; None if the write was not carried out.
        fault: kind of the fault that hit it, None for none.
        ids: ids of what the answer shows.
    """

    number: int
    operation: str
    method: str
    path: str
    status: int | None
    fault: str | None
    ids: tuple[str, ...]

    @property
    def done(self) -> bool:
        """Whether the sandbox did it."""
        return self.status is not None and self.status < 400


def shown_ids(body: object) -> tuple[str, ...]:
    """The ids of the objects that an answer holds."""
    if isinstance(body, dict):
        body = body.get("resource") or body
    items = body if isinstance(body, list) else [body]
    return tuple(item["id"] for item in items if isinstance(item, dict) and isinstance(item.get("id"), str))


def parse_fault(spec: str) -> Fault:
    """A fault from one line of text: an operationId or `*`, then settings, separated by colons or commas.

    `addRecordValue:lose_answer:rate=0.1` and `*:status=503,retry_after=1:times=5` are examples.
    """
    operation, *settings = re.split("[:,]", spec)
    names = [field.name for field in attrs.fields(Fault)][1:]
    arguments: dict[str, object] = {}
    for setting in settings:
        name, has_value, text = setting.partition("=")
        if name not in names:
            raise ValueError(f"fault {spec!r}: there is no setting {name!r}{_close(name, names)}")
        if name in arguments:
            raise ValueError(f"fault {spec!r}: {name} is given twice")
        arguments[name] = _read(spec, name, text if has_value else None)
    try:
        return Fault(None if operation == "*" else operation, **arguments)  # type: ignore[arg-type]
    except ValueError as error:
        reason = str(error.args[0]) if error.args else str(error)
        raise ValueError(f"fault {spec!r}: {reason}") from None


_READERS: dict[str, Callable[[str], object]] = {
    "status": int,
    "times": int,
    "retry_after": float,
    "slow": float,
    "rate": float,
    "body": str.encode,
}


def _read(spec: str, name: str, text: str | None) -> object:
    reader = _READERS.get(name)
    if reader is None:
        if text is not None:
            raise ValueError(f"fault {spec!r}: {name} takes no value")
        return True
    if text is None:
        raise ValueError(f"fault {spec!r}: {name} needs a value, as in {name}=…")
    try:
        return reader(text)
    except ValueError:
        raise ValueError(f"fault {spec!r}: {name} is a number, not {text!r}") from None


def _close(name: str, known: Iterable[str]) -> str:
    by_lower = {one.lower(): one for one in known}
    close = [by_lower[one] for one in get_close_matches(name.lower(), by_lower)]
    return f"; did you mean {' or '.join(close)}?" if close else ""
