"""Hands the events of an inbox to their handlers: some at a time, in order for each activity, until they succeed."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import itertools
import json
import logging
import random
import threading
import time
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Protocol

import attrs

from kalbio import _registrar as sync_registrar
from kalbio._core.errors import SDKError
from kalbio._model.registering import Ticket
from kalbio._model.webhooks import RegistrationSubmitted, WebhookError, WebhookEvent, event_key, parse_webhook
from kalbio.aio import _registrar as async_registrar
from kalbio.webhooks.inbox import Duty, Inbox, InboxEvent

if TYPE_CHECKING:
    from kalbio.aio.client import AsyncKaleidoscopeClient
    from kalbio.client import KaleidoscopeClient
else:
    AsyncKaleidoscopeClient = KaleidoscopeClient = Any  # for those who resolve annotations

logger = logging.getLogger("kalbio.webhooks")

_LOOK_EVERY = 0.5  # seconds; other processes receive into the same inbox
_AFTER_TROUBLE = 5.0  # seconds of rest when the inbox itself, or a catch-up, fails
_FIRST_BACKOFF, _MAX_BACKOFF = 1.0, 600.0
_KEEP = 90 * 24 * 3600.0  # seconds that events are kept that were dealt with


class Handler(Protocol):
    """A handler, and which world it lives in."""

    @property
    def is_async(self) -> bool:
        """Whether it is a coroutine function."""
        ...

    def __call__(self, event: Any) -> Any:
        """Handle an event."""
        ...


@attrs.frozen
class Clients:
    """The clients of the two worlds, those that handlers need."""

    sync: KaleidoscopeClient | None
    aio: AsyncKaleidoscopeClient | None


class Worker:
    """Handles the events of an inbox in threads of its own, while it has the duty.

    Coroutine functions run in the event loop that `start` is given, or else in one in a thread of its own.
    """

    def __init__(
        self,
        inbox: Inbox,
        find_handler: Callable[[str], Handler | None],
        clients: Clients,
        *,
        concurrency: int,
        attempts: int,
        catch_up_every: float | None,
    ) -> None:
        self._inbox = inbox
        self._find_handler = find_handler
        self._clients = clients
        self._concurrency = concurrency
        self._attempts = attempts
        self._catch_up_every = catch_up_every
        self._duty = Duty(inbox.path)
        self._changed = threading.Condition()
        self._woken = False
        self._stopping = False
        self._left_running = False
        # By the number of the run, not by the event: it may be begun again before its last run has left.
        self._running: dict[int, asyncio.Task[Any] | None] = {}
        self._runs = itertools.count()
        self._catching_up = False
        self._next_catch_up: float | None = None
        self._thread: threading.Thread | None = None
        self._has_duty = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._own_loop: threading.Thread | None = None

    # -- from outside -------------------------------------------------------------------------------------------------

    def start(self, loop: asyncio.AbstractEventLoop | None = None) -> None:
        """Begin."""
        self._loop = loop
        self._next_catch_up = None if self._catch_up_every is None else time.monotonic()
        self._thread = threading.Thread(target=self._work, name="kalbio-inbox", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Tell it that there is something to do."""
        with self._changed:
            self._woken = True
            self._changed.notify_all()

    def stop(self, grace: float, closing: Callable[[], Coroutine[Any, Any, None]] | None = None) -> None:
        """Take on nothing more, and wait so long for what is running; the rest is handled after the next start.

        `closing` runs in the loop of the handlers at the end.
        """
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
            ended = self._changed.wait_for(lambda: not self._running and not self._catching_up, grace)
            tasks = [task for task in self._running.values() if task is not None]
        loop = self._loop if self._loop is not None and self._loop.is_running() else None
        if not ended and loop is not None:
            for task in tasks:
                loop.call_soon_threadsafe(task.cancel)
            with self._changed:
                self._changed.wait_for(lambda: not self._running, 1.0)
        if self._thread is not None:
            self._thread.join(_AFTER_TROUBLE)
        if loop is not None and closing is not None:
            with contextlib.suppress(TimeoutError):
                asyncio.run_coroutine_threadsafe(closing(), loop).result(_AFTER_TROUBLE)
        if self._own_loop is not None and loop is not None:
            loop.call_soon_threadsafe(loop.stop)
            self._own_loop.join(1.0)
        with self._changed:
            # While a handler still runs, nobody else may begin with its event.
            self._left_running = bool(self._running)
            if not self._left_running:
                self._duty.release()
        if self._left_running:
            logger.warning("%d handlers have not ended in %g s", len(self._running), grace)

    def reset_after_fork(self) -> None:
        """In a forked child: the duty is the parent's, and so are the threads."""
        self._duty.forget()

    def wait_until_idle(self, timeout: float) -> bool:
        """Wait until nothing is waiting or being handled; whether that came in time."""
        limit = time.monotonic() + timeout
        while True:
            with self._changed:
                busy = bool(self._running) or self._catching_up or self._next_catch_up_is_due()
            counts = self._inbox.counts()
            if not (busy or counts["waiting"] or counts["running"]):
                return True
            left = limit - time.monotonic()
            if left <= 0:
                return False
            with self._changed:
                self._changed.wait(min(left, 0.05))

    def run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """Run a coroutine in the loop of the handlers, from another thread."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._handler_loop()).result()

    # -- the thread that hands out ------------------------------------------------------------------------------------

    def _work(self) -> None:
        while not self._stopping:
            pause = _LOOK_EVERY
            try:
                if self._on_duty():
                    self._hand_out()
                    due = self._inbox.due()
                    pause = _LOOK_EVERY if due is None else min(_LOOK_EVERY, due)
            except Exception:
                logger.exception("the inbox cannot be used at the moment")
                pause = _AFTER_TROUBLE
            with self._changed:
                if not (self._woken or self._stopping):
                    self._changed.wait(max(pause, 0.001))
                self._woken = False

    def _on_duty(self) -> bool:
        if self._has_duty:
            return True
        if not self._duty.take():
            return False
        self._inbox.recover(self._attempts)
        self._inbox.forget(_KEEP)
        self._has_duty = True
        return True

    def _hand_out(self) -> None:
        if self._next_catch_up_is_due():
            self._catching_up = True
            self._next_catch_up = time.monotonic() + (self._catch_up_every or 0.0)
            threading.Thread(target=self._catch_up, name="kalbio-catch-up", daemon=True).start()
        for event, ticket in self._inbox.claim(self._concurrency - len(self._running)):
            run = next(self._runs)
            with self._changed:
                self._running[run] = None
            given = (run, event, ticket)
            threading.Thread(target=self._handle, args=given, name="kalbio-handler", daemon=True).start()

    def _next_catch_up_is_due(self) -> bool:
        return self._next_catch_up is not None and not self._catching_up and time.monotonic() >= self._next_catch_up

    # -- one event ----------------------------------------------------------------------------------------------------

    def _handle(self, run: int, event: InboxEvent, ticket: Ticket) -> None:
        try:
            self._note(event, ticket, run)
        except Exception:
            # The inbox could not be written. The event stays as it is, and is handled again after the next start.
            logger.exception("what became of %s could not be noted", event.key)
        finally:
            with self._changed:
                del self._running[run]
                if self._left_running and not self._running:
                    self._duty.release()
                self._woken = True
                self._changed.notify_all()

    def _note(self, event: InboxEvent, ticket: Ticket, run: int) -> None:
        """Let the handler have an event, and note what became of it."""
        inbox, key, began = self._inbox, event.key, time.monotonic()
        try:
            handler = self._find_handler(event.name)
            if handler is None:
                inbox.give_up(key, "dead", f"there is no handler for {event.name}")
                logger.error("%s is dead: there is no handler for it", key, extra=_members(event, ticket))
                return
            try:
                parsed = parse_webhook(event.body)
            except WebhookError as error:
                inbox.give_up(key, "dead", str(error))
                logger.error("%s is dead: %s", key, error, extra=_members(event, ticket))
                return
            told = self._run_handler(handler, parsed, ticket, run)
        except (sync_registrar.TooEarlyError, async_registrar.TooEarlyError) as early:
            inbox.postpone(key, early.wait, counts=False)
        except BaseException as error:  # also the exit of a handler, or its cancellation
            self._failed(event, ticket, error)
        else:
            if told:
                inbox.finish(key)
                took = (time.monotonic() - began) * 1000
                members = _members(event, ticket, milliseconds=took)
                logger.info("%s was handled, attempt %d, %.1f ms", key, ticket.attempt, took, extra=members)
            else:
                text = "it cannot be told whether the results arrived: look at the registration, and decide"
                inbox.give_up(key, "unknown", text)
                logger.error("%s: %s", key, text, extra=_members(event, ticket))

    def _failed(self, event: InboxEvent, ticket: Ticket, error: BaseException) -> None:
        text = f"{type(error).__name__}: {error}"
        # What the client raises on purpose says what is wrong; of anything else one wants to know where it comes from.
        where = None if isinstance(error, SDKError) else error
        if self._stopping and isinstance(error, (asyncio.CancelledError, concurrent.futures.CancelledError)):
            self._inbox.postpone(event.key, 0, "it was stopped while it was handled", counts=False)
        elif ticket.attempt >= self._attempts:
            self._inbox.give_up(event.key, "dead", text)
            told = "%s is dead after %d attempts: %s"
            logger.error(told, event.key, ticket.attempt, text, exc_info=where, extra=_members(event, ticket))
        else:
            wait = min(_MAX_BACKOFF, _FIRST_BACKOFF * 2.0 ** (ticket.attempt - 1)) * random.uniform(0.5, 1.0)  # noqa: S311
            self._inbox.postpone(event.key, wait, text)
            told = "%s failed at attempt %d, and is tried again in %.1f s: %s"
            members = _members(event, ticket, retry_in=wait)
            logger.warning(told, event.key, ticket.attempt, wait, text, exc_info=where, extra=members)

    def _run_handler(self, handler: Handler, parsed: WebhookEvent, ticket: Ticket, run: int) -> bool:
        if not handler.is_async:
            assert self._clients.sync is not None
            return sync_registrar.handle(handler, sync_registrar.received(parsed, self._clients.sync, ticket))
        assert self._clients.aio is not None
        received = async_registrar.received(parsed, self._clients.aio, ticket)

        async def handle() -> bool:
            with self._changed:
                self._running[run] = asyncio.current_task()
            return await async_registrar.handle(handler, received)

        return bool(self.run(handle()))

    def _handler_loop(self) -> asyncio.AbstractEventLoop:
        with self._changed:
            gone = self._loop is not None and self._own_loop is None and not self._loop.is_running()
            if self._loop is None or gone:
                loop = self._loop = asyncio.new_event_loop()

                def serve() -> None:
                    try:
                        loop.run_forever()
                    finally:
                        loop.close()

                self._own_loop = threading.Thread(target=serve, name="kalbio-handlers", daemon=True)
                self._own_loop.start()
            return self._loop

    # -- what was missed ----------------------------------------------------------------------------------------------

    def _catch_up(self) -> None:
        try:
            self.catch_up()
        except Exception:
            logger.warning("what was missed could not be looked for; that is tried again", exc_info=True)
            self._next_catch_up = time.monotonic() + _AFTER_TROUBLE
        finally:
            with self._changed:
                self._catching_up = False
                self._woken = True
                self._changed.notify_all()

    def catch_up(self) -> int:
        """Look at the API for registrations that wait for results; returns how many no webhook had told of."""
        if self._clients.sync is not None:
            found = sync_registrar.find_unfinished(self._clients.sync)
        else:
            assert self._clients.aio is not None
            found = self.run(async_registrar.find_unfinished(self._clients.aio))
        new = 0
        for payload in found:
            try:
                new += put(self._inbox, parse_webhook(payload), json.dumps(payload).encode(), "catch-up")
            except WebhookError as error:  # an answer without an id
                logger.warning("a registration cannot be caught up: %s", error)
        if new:
            logger.warning("%d registrations were caught up that no webhook had told of", new)
        self.wake()
        return new


def put(inbox: Inbox, event: WebhookEvent, body: bytes, source: str) -> bool:
    """Keep an event; returns whether it is new."""
    return inbox.put(
        event_key(event),
        event.event,
        body,
        activity=getattr(event, "operation_id", None),
        source=source,
        repeats=isinstance(event, RegistrationSubmitted),
    )


def _members(event: InboxEvent, ticket: Ticket, **more: float) -> dict[str, Any]:
    """What stands beside the text of a log record about an event."""
    return {"event_key": event.key, "event_name": event.name, "attempt": ticket.attempt, **more}
