"""What can go wrong on the way, on purpose."""

from __future__ import annotations

import threading
from typing import Any

import attrs

from kalbio._core._http import ConnectError, ReadError, ReadTimeout, Request, Response


@attrs.frozen
class Fault:
    """One thing that goes wrong. Give exactly one of `status`, `refuse`, `lose_answer`, `time_out` and `body`.

    Attributes:
        operation: operationId of the calls it hits; None hits every call but logins.
        status: answer with this status; the call is not carried out.
        retry_after: seconds for the Retry-After header of that answer.
        refuse: no connection; the call is not carried out.
        lose_answer: the call is carried out, then the connection breaks.
        time_out: the call is carried out, but its answer does not come in time.
        body: the call is carried out, and its answer has this body instead.
        times: how many calls it hits.
    """

    operation: str | None = None
    status: int | None = attrs.field(default=None, kw_only=True)
    retry_after: float | None = attrs.field(default=None, kw_only=True)
    refuse: bool = attrs.field(default=False, kw_only=True)
    lose_answer: bool = attrs.field(default=False, kw_only=True)
    time_out: bool = attrs.field(default=False, kw_only=True)
    body: bytes | None = attrs.field(default=None, kw_only=True)
    times: int = attrs.field(default=1, kw_only=True, validator=attrs.validators.ge(1))

    def __attrs_post_init__(self) -> None:
        """Refuse a fault that is none, or several."""
        kinds = [self.status is not None, self.refuse, self.lose_answer, self.time_out, self.body is not None]
        if sum(kinds) != 1:
            raise ValueError("a fault needs exactly one of status, refuse, lose_answer, time_out and body")
        if self.retry_after is not None and self.status is None:
            raise ValueError("retry_after belongs to a status")

    @property
    def carried_out(self) -> bool:
        """Whether the sandbox does what was asked before things go wrong."""
        return self.status is None and not self.refuse

    def answer(self, request: Request, good: Response | None) -> Response:
        """Return what the client gets instead of the good answer, or raise what it meets."""
        if self.refuse:
            raise ConnectError("connection refused (injected)", request=request)
        if self.lose_answer:
            raise ReadError("connection reset (injected)", request=request)
        if self.time_out:
            raise ReadTimeout("timed out (injected)", request=request)
        if self.status is not None:
            headers = {} if self.retry_after is None else {"Retry-After": f"{self.retry_after:g}"}
            error = {"statusCode": self.status, "code": "INJECTED", "message": "injected by the test"}
            return Response(self.status, headers=headers, json=error, request=request)
        assert good is not None
        headers = {name: value for name, value in good.headers.items() if name != "content-length"}
        return Response(good.status_code, headers=headers, content=self.body, request=request)


class Faults:
    """The faults that are still to come, in the order in which they were added."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._coming: list[list[Any]] = []

    def add(self, fault: Fault) -> Fault:
        """Let a fault happen."""
        with self._lock:
            self._coming.append([fault, fault.times])
        return fault

    def clear(self) -> None:
        """Let no more faults happen."""
        with self._lock:
            self._coming.clear()

    def take(self, operation: str | None) -> Fault | None:
        """Return the fault that hits a call of this operation now, if there is one."""
        with self._lock:
            for entry in self._coming:
                fault: Fault = entry[0]
                if fault.operation == operation or (fault.operation is None and operation != "createToken"):
                    entry[1] -= 1
                    if not entry[1]:
                        self._coming.remove(entry)
                    return fault
        return None
