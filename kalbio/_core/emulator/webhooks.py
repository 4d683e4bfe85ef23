"""Delivers webhook events: real POSTs from a background thread, or calls of a function."""

from __future__ import annotations

import contextlib
import queue
import re
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass

from kalbio._core.emulator.strict_json import Document, dumps

_ATTEMPTS = 3
_PAUSE = 0.2
_TIMEOUT = 10.0


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Events go where the user has said, and nowhere else."""

    def redirect_request(self, *_: object) -> None:
        """Take the redirect for the answer, which is a failure."""


_opener = urllib.request.build_opener(_NoRedirects)


@dataclass
class Delivery:
    """One event and what became of it."""

    payload: Document
    attempts: int = 0
    delivered: bool = False
    status: int | None = None
    error: str | None = None


class Webhooks:
    """Sends each event once; a URL that fails is tried a few times more."""

    def __init__(self, target: str | Callable[[Document], None] | None, *, name: str = "emulator") -> None:
        """Send to a URL, a function, or nobody. `name` is that of the user agent and of the thread."""
        if isinstance(target, str) and not re.match(r"https?://[^/?#\s]", target, re.IGNORECASE):
            raise ValueError(f"a webhook goes to an http:// or https:// URL; got {target!r}")
        self._target = target
        self._name = name
        self._pending: queue.SimpleQueue[Delivery | None] = queue.SimpleQueue()
        self._under_way = 0
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closing = threading.Event()
        self.log: list[Delivery] = []

    def send(self, payload: Document) -> None:
        """Deliver an event: at once to a function, soon to a URL. Without a target it is only logged."""
        delivery = Delivery(payload)
        self.log.append(delivery)
        if self._target is None:
            return
        if callable(self._target):
            delivery.attempts = 1
            try:
                self._target(payload)
                delivery.delivered = True
            except Exception as error:  # whatever a receiver does, the request that caused the event went well
                delivery.error = repr(error)
            return
        with self._changed:
            self._under_way += 1
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name=f"{self._name}-webhooks", daemon=True)
                self._thread.start()
        self._pending.put(delivery)

    def wait(self, timeout: float) -> bool:
        """Wait until nothing is under way."""
        with self._changed:
            return self._changed.wait_for(lambda: self._under_way == 0, timeout)

    def close(self) -> None:
        """Give up on what is under way and stop the thread."""
        self._closing.set()
        if self._thread is not None:
            self._pending.put(None)
            self._thread.join(_TIMEOUT)

    def _work(self) -> None:
        while (delivery := self._pending.get()) is not None:
            self._post(delivery)
            with self._changed:
                self._under_way -= 1
                self._changed.notify_all()

    def _post(self, delivery: Delivery) -> None:
        request = urllib.request.Request(  # noqa: S310  whoever started it chose this URL
            str(self._target),
            data=dumps(delivery.payload).encode(),
            headers={"content-type": "application/json", "user-agent": self._name},
            method="POST",
        )
        for attempt in range(_ATTEMPTS):
            if attempt and self._closing.wait(_PAUSE * 2**attempt):
                return
            delivery.attempts += 1
            try:
                with _opener.open(request, timeout=_TIMEOUT) as answer:
                    delivery.status, delivery.delivered, delivery.error = answer.status, True, None
                    return
            except urllib.error.HTTPError as error:
                with contextlib.closing(error):
                    delivery.status, delivery.error = error.code, f"answered {error.code}"
            except OSError as error:
                delivery.error = str(error)
