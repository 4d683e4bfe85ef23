"""Waiting, for threads. Written by hand on both sides: the twin in `_core.aio` waits with tasks.

No pool of the standard library: the interpreter ends those when the main thread ends, though another thread may go on
working. Threads here are plain, and daemons: each is waited for by the call that started it, and by nobody else.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from contextvars import Context, copy_context
from functools import partial
from math import inf
from queue import SimpleQueue
from threading import Lock, Thread
from typing import Any, Generic, TypeVar

from kalbio._core import constants
from kalbio._core.concurrency.stopping import Stop, Stopped, current_stop, enter, new_stop, raise_if_stopped
from kalbio._core.http.time_limits import DeadlinePassed

__all__ = [
    "Event",
    "Lock",
    "Stop",
    "Stopped",
    "current_stop",
    "held",
    "in_thread",
    "map_bounded",
    "map_ordered",
    "raise_if_stopped",
    "running_loop",
    "sleep",
]  # fmt: skip

T = TypeVar("T")
R = TypeVar("R")

THREAD_NAME = "bulk"
"""The name of the threads of bulk calls."""


def running_loop() -> Any:
    """Return None: connections are not bound to a thread."""
    return None


@contextmanager
def held(lock: Lock, seconds: float | None) -> Iterator[None]:
    """Hold a lock in the block. Raises DeadlinePassed when it is not to be had within so many seconds."""
    if not lock.acquire(timeout=-1 if seconds is None else seconds):
        raise DeadlinePassed("the deadline passed while the call waited for another one to log in")
    try:
        yield
    finally:
        lock.release()


def in_thread(function: Callable[[], T]) -> T:
    """Run blocking code; a thread may simply block."""
    return function()


def sleep(seconds: float) -> None:
    """Wait. Raises Stopped as soon as the bulk call that this thread works for is interrupted."""
    stop = current_stop()
    if stop is None:
        time.sleep(seconds)
    elif stop.wait(seconds):
        raise Stopped


class Event:
    """Something that comes once, and that any number of threads may wait for.

    A lock that is held until then: unlike the event of the standard library, it stays whole when a signal breaks into
    a wait, or into the setting.
    """

    def __init__(self) -> None:
        self._shut = Lock()
        self._shut.acquire()
        self._is_set = False

    def is_set(self) -> bool:
        """Whether it has come."""
        return self._is_set

    def set(self) -> None:
        """Let it come: all who wait go on."""
        self._is_set = True
        with suppress(RuntimeError):  # it may be open already
            self._shut.release()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it has come, or for so many seconds; whether it has come.

        Raises Stopped as soon as the bulk call that this thread works for is interrupted.
        """
        stop = current_stop()
        limit = inf if timeout is None else time.monotonic() + timeout
        while not self._is_set:
            # Never for long: a signal that comes just before a thread falls asleep does not wake it, and Ctrl-C would
            # be heard when the wait is over.
            left = min(limit - time.monotonic(), constants.STOP_LOOK)
            if left <= 0:
                return False
            try:
                self._shut.acquire(timeout=left)
            finally:
                if self._is_set:
                    self.set()  # whoever came through lets the next one through
            if stop is not None:
                stop.check()
        return True


class _Threads:
    """Threads that all run one function until it returns; it is run here where no thread can be started."""

    def __init__(self, run: Callable[[], None], stop: Stop) -> None:
        self._run = run
        self._stop = stop
        self._ended: list[Event] = []

    def start(self) -> bool:
        """Start one more, which sees the blocks (`client.timeout`, `cache_disabled`) that the caller stands in.

        Returns False when the interpreter starts none any more, because the main thread has ended.
        """
        ended = Event()
        context = enter(copy_context(), self._stop)

        def run() -> None:
            try:
                context.run(self._run)
            finally:
                ended.set()

        self._ended.append(ended)
        try:
            Thread(target=run, name=THREAD_NAME, daemon=True).start()
        except RuntimeError:
            self._ended.remove(ended)
            return False
        return True

    def wait(self, timeout: float | None = None) -> None:
        """Wait until all have ended, for so long at most."""
        limit = inf if timeout is None else time.monotonic() + timeout
        try:
            for ended in self._ended:
                ended.wait(None if timeout is None else limit - time.monotonic())
        except BaseException:
            self._stop.set()
            raise

    def stop(self) -> None:
        """Stop them. What does not let itself be stopped is left to end, and sends nothing more."""
        self._stop.set()
        self.wait(constants.STOP_PATIENCE)


def map_bounded(work: Callable[[T], R], items: Sequence[T], limit: int) -> list[R]:
    """Do the work for each item, at most `limit` at a time; return the results in order.

    The first failure is raised, and what has not begun is not done. When the caller is interrupted, what is under way
    is stopped.
    """
    if len(items) < 2 or limit < 2:
        return [work(item) for item in items]
    done: dict[int, R] = {}
    failures: list[BaseException] = []
    to_do = deque(enumerate(items))

    def worker() -> None:
        try:
            while True:
                try:
                    index, item = to_do.popleft()
                except IndexError:
                    return
                done[index] = work(item)
        except BaseException as failure:
            to_do.clear()
            failures.append(failure)

    with new_stop() as stop:
        threads = _Threads(worker, stop)
        try:
            started = [threads.start() for _ in range(min(limit, len(items)))]
            if not any(started):
                worker()
            threads.wait()
        except BaseException:
            to_do.clear()
            threads.stop()
            raise
    try:
        if failures:
            raise failures[0]  # the one that came first
    finally:
        failures.clear()  # a failure must not refer to itself
    return [done[index] for index in range(len(items))]


class _Piece(Generic[R]):
    """A piece of work of a stream, and what came of it."""

    def __init__(self, work: Callable[[], R], context: Context) -> None:
        self._work = work
        self._context = context
        self.ended = Event()
        self._results: list[R] = []
        self._failure: BaseException | None = None

    def run(self) -> None:
        """Do it."""
        try:
            self._results.append(self._context.run(self._work))
        except BaseException as failure:
            self._failure = failure
        finally:
            self.ended.set()

    def result(self) -> R:
        """Wait for what came of it."""
        self.ended.wait()
        failure, self._failure = self._failure, None
        try:
            if failure is not None:
                raise failure
        finally:
            del failure  # it must not refer to itself
        return self._results[0]


def map_ordered(
    work: Callable[[T], R], items: Iterable[T], limit: int, *, ahead: int | None = None
) -> Generator[R, None, None]:
    """Do the work for each item as it comes, at most `limit` at a time; yield the results in order.

    Items are taken one by one, while fewer than `ahead` results (by default twice `limit`) are under way or not handed
    out yet. A failure, of the work or of the items, is raised after the results before it. After a failure nothing new
    is begun, and what is under way ends. When this is closed, or the caller is interrupted, what is under way is
    stopped.
    """
    source = iter(items)
    waiting: deque[_Piece[R]] = deque()
    to_do: SimpleQueue[_Piece[R] | None] = SimpleQueue()
    taken = 0
    last = inf  # what comes after this position is not begun
    more, broken = True, None
    count = 0  # threads

    def run_one(index: int, item: T) -> R:
        nonlocal last
        if index > last:
            raise Stopped
        try:
            return work(item)
        except BaseException:
            last = min(last, index)
            raise

    def worker() -> None:
        while (piece := to_do.get()) is not None:
            piece.run()

    def dismiss() -> None:
        nonlocal last
        last = -1
        for _ in range(count):
            to_do.put(None)

    with new_stop() as stop:
        threads = _Threads(worker, stop)
        try:
            while more or waiting:
                full = len(waiting) >= (ahead or 2 * limit)
                if more and not full:
                    try:
                        item = next(source)
                    except StopIteration:
                        more = False
                    except Exception as error:
                        more, broken = False, error
                    else:
                        piece = _Piece(partial(run_one, taken, item), enter(copy_context(), stop))
                        waiting.append(piece)
                        taken += 1
                        count += count < limit and threads.start()
                        if count:
                            to_do.put(piece)
                        else:
                            piece.run()
                more = more and last == inf
                if waiting and (full or not more or waiting[0].ended.is_set()):
                    yield waiting.popleft().result()
            if broken is not None:
                raise broken
        except BaseException as end:
            if not isinstance(end, Exception):
                stop.signal()
                dismiss()
                if isinstance(end, GeneratorExit):
                    threads.wait(constants.STREAM_GRACE)  # a connection whose answer comes soon stays good
                threads.stop()
            raise
        finally:
            dismiss()
            threads.wait(0 if stop.is_set() else None)
