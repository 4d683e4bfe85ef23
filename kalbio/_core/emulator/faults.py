"""What goes wrong on the way to the sandbox and back, on purpose.

A plan of faults belongs to an emulator. `Emulator.handle_with_faults` says which one hits a request; how a broken
connection feels is the business of those who carry the bytes: the server and the transport in process.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Collection, Iterable
from difflib import get_close_matches
from random import Random

import attrs

_KINDS = (
    "status", "refuse", "reset", "lose_answer", "time_out", "slow", "truncate", "body", "expire_tokens",
    "revoke_tokens",
)  # fmt: skip
_NUMBERED = ("status", "slow")


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
        """Refuse a fault that is none, or several."""
        given = self._given()
        if len(given) != 1 and given != ["status", "body"]:
            kinds = f"{', '.join(_KINDS[:-1])} and {_KINDS[-1]}"
            raise ValueError(f"a fault needs exactly one of {kinds}; it has {' and '.join(given) or 'none'}")
        if self.status is None and (self.retry_after is not None or self.after):
            raise ValueError("retry_after and after belong to a status")

    def _given(self) -> list[str]:
        return [name for name in _KINDS if getattr(self, name) not in (None, False)]

    @property
    def kind(self) -> str:
        """Name of the argument that says what goes wrong."""
        return self._given()[0]

    @property
    def label(self) -> str:
        """The kind, with its number where it has one, as in a line of text."""
        return self.kind if self.kind not in _NUMBERED else f"{self.kind}={getattr(self, self.kind):g}"

    @property
    def carried_out(self) -> bool:
        """Whether the emulator is asked what was asked of it."""
        return self.after if self.status is not None else not (self.refuse or self.reset)


class Faults:
    """The faults of an emulator that are still to come, in the order in which they were added.

    A call meets the first fault that hits it. Faults with a rate draw for each call of their operation: with the same
    seed and the same calls in the same order the same calls are hit. Calls that run side by side may swap places.

    Args:
        seed: another seed hits other calls.
        operations: the operations that there are; with them, a fault of any other one is refused. None takes all.
        logins: the operations that log in, which only a fault that names them hits.
    """

    def __init__(
        self, seed: int = 0, *, operations: Collection[str] | None = None, logins: Collection[str] = ()
    ) -> None:
        self._seed = seed
        self._operations = operations
        self._logins = logins
        self._lock = threading.Lock()
        self._scheduled: list[_ScheduledFault] = []
        self._added = 0

    def add(self, fault: Fault) -> Fault:
        """Let a fault happen."""
        if fault.operation is not None and self._operations is not None and fault.operation not in self._operations:
            close = _close(fault.operation, self._operations)
            raise ValueError(f"there is no operation {fault.operation!r}{close}")
        with self._lock:
            # a source of its own for each, so that a further fault does not move the others to other calls
            self._scheduled.append(_ScheduledFault(fault, fault.times, Random(f"{self._seed} {self._added}").random))  # noqa: S311
            self._added += 1
        return fault

    def add_line(self, spec: str) -> Fault:
        """Let a fault happen that is given as a line of text, see `parse_fault`."""
        fault = parse_fault(spec)
        try:
            return self.add(fault)
        except ValueError as error:
            raise ValueError(f"fault {spec!r}: {error}") from None

    def clear(self) -> None:
        """Let no more faults happen."""
        with self._lock:
            self._scheduled.clear()

    def take(self, operation: str | None) -> Fault | None:
        """Return the fault that hits a call of this operation now, if there is one."""
        if not self._scheduled:
            return None
        with self._lock:
            hits = [scheduled for scheduled in self._scheduled if scheduled.hits(operation, operation in self._logins)]
            if not hits:
                return None
            first = hits[0]
            if first.left is not None:
                first.left -= 1
                if not first.left:
                    self._scheduled.remove(first)
            return first.fault


@attrs.define(eq=False)
class _ScheduledFault:
    """A fault in the plan, and how often it is still to happen."""

    fault: Fault
    left: int | None
    draw: Callable[[], float]

    def hits(self, operation: str | None, is_login: bool) -> bool:
        meant = not is_login if self.fault.operation is None else operation == self.fault.operation
        return meant and (self.fault.rate is None or self.draw() < self.fault.rate)


def parse_fault(spec: str) -> Fault:
    """A fault from one line of text: an operationId or `*`, then settings, separated by colons or commas.

    `makeToy:lose_answer:rate=0.1` and `*:status=503,retry_after=1:times=5` are examples.
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
