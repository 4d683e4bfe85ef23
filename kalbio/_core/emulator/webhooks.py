"""Delivers webhook events: real POSTs from a background thread, or calls of a function."""

from __future__ import annotations

import contextlib
import logging
import queue
import re
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from http.client import HTTPException

from kalbio._core.emulator.access_log import log_webhook, silent_logger
from kalbio._core.emulator.messages import Attempt, Delivery
from kalbio._core.emulator.strict_json import Document, dumps

_ATTEMPTS = 3
_PAUSE = 0.2
_TIMEOUT = 10.0


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Events go where the user has said, and nowhere else."""

    def redirect_request(self, *_: object) -> None:
        """Take the redirect for the answer, which is a failure."""


_opener = urllib.request.build_opener(_NoRedirects)


class Webhooks:
    """Sends each event once; a URL that fails is tried a few times more."""

    def __init__(
        self,
        target: str | Callable[[Document], None] | None,
        *,
        name: str = "emulator",
        logger: logging.Logger | None = None,
    ) -> None:
        """Send to a URL, a function, or nobody. `name` is that of the user agent and of the thread."""
        if isinstance(target, str) and not re.match(r"https?://[^/?#\s]", target, re.IGNORECASE):
            raise ValueError(f"a webhook goes to an http:// or https:// URL; got {target!r}")
        if isinstance(target, str) and "@" in re.split(r"[/?#]", target.partition("//")[2])[0]:
            raise ValueError("a webhook goes to a URL without a login, which nobody would send; use a token in it")
        self._target = target
        self._name = name
        self._logger = logger if logger is not None else silent_logger(name)
        self._pending: queue.SimpleQueue[Delivery | None] = queue.SimpleQueue()
        self._under_way = 0
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closing = threading.Event()
        self.log: list[Delivery] = []

    def send(self, payload: Document, event: str = "") -> Delivery:
        """Deliver an event: at once to a function, soon to a URL. Without a target it is only logged."""
        delivery = Delivery(payload, event=event)
        self.log.append(delivery)
        if self._target is None:
            self._tell(delivery)
            return delivery
        if callable(self._target):
            with _attempt(delivery):
                try:
                    self._target(payload)
                    delivery.delivered = True
                except Exception as error:  # whatever a receiver does, the request that caused the event went well
                    delivery.error = repr(error)
            self._tell(delivery)
            return delivery
        with self._changed:
            self._under_way += 1
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name=f"{self._name}-webhooks", daemon=True)
                self._thread.start()
        self._pending.put(delivery)
        return delivery

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
        while not delivery.delivered:
            with _attempt(delivery):
                try:
                    with _opener.open(request, timeout=_TIMEOUT) as answer:
                        delivery.status, delivery.delivered, delivery.error = answer.status, True, None
                except urllib.error.HTTPError as error:
                    with contextlib.closing(error):
                        delivery.status, delivery.error = error.code, f"answered {error.code}"
                # what answers may be no server of HTTP at all, and the address may turn out to be none
                except (OSError, HTTPException, ValueError) as error:
                    delivery.status, delivery.error = None, _why(error)
            if delivery.delivered or delivery.attempts == _ATTEMPTS:
                self._tell(delivery, f"given up after {_ATTEMPTS} attempts")
                return
            pause = _PAUSE * 2**delivery.attempts
            self._tell(delivery, f"tried again in {pause:g} s")
            if self._closing.wait(pause):
                self._tell(delivery, "given up, as the sandbox stops")
                return

    def _tell(self, delivery: Delivery, plan: str = "") -> None:
        """Log what became of an attempt, and after a failure what is done about it."""
        target = self._target if isinstance(self._target, str) else getattr(self._target, "__qualname__", "a function")
        log_webhook(
            self._logger, target if self._target is not None else "nobody", delivery.event, delivery.attempts,
            status=delivery.status, error=delivery.error, plan=plan if delivery.error is not None else "",
        )  # fmt: skip


@contextlib.contextmanager
def _attempt(delivery: Delivery) -> Iterator[None]:
    """Note an attempt, and what has become of it at the end of the block."""
    delivery.attempts += 1
    begun = time.time()
    yield
    delivery.history.append(Attempt(begun, time.time() - begun, delivery.status, delivery.error))


def _why(error: Exception) -> str:
    reason = getattr(error, "reason", error)  # of urllib, which wraps it
    return (isinstance(reason, OSError) and reason.strerror) or str(reason) or type(reason).__name__
