"""Resets what a child process of `os.fork` cannot use: connections, locks, and whatever was under way.

A child inherits a copy of everything, but of the threads only the one that forked. A lock that another thread held is
held for ever there, an answer that another thread waits for never comes, and a connection would have two owners.
"""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol
from weakref import WeakValueDictionary

_MAX_WAIT = 5.0  # seconds; who forks in the middle of an import would wait for himself


class ForkAware(Protocol):
    """An object that must be reset in a forked child."""

    def reset_after_fork(self) -> None:
        """Make it usable in a child, or refuse from now on. No other thread runs yet."""


_registered: WeakValueDictionary[int, ForkAware] = WeakValueDictionary()
# Held while something is done that a child could not take up, such as an import: a fork waits for it.
_fork_lock = threading.RLock()
_forking = threading.local()


def fork_lock() -> threading.RLock:
    """Return the lock to hold while no fork may happen."""
    return _fork_lock


def register(thing: ForkAware) -> None:
    """Reset an object in each forked child, as long as it exists."""
    _registered[id(thing)] = thing


def call_in_child(function: Callable[[], object]) -> None:
    """Call a function in each forked child, for the state of a module."""
    if hasattr(os, "register_at_fork"):  # not on Windows, where nothing is inherited
        os.register_at_fork(after_in_child=function)


def never_free(thing: Any) -> None:
    """Never free an inherited object: its finalizers would write to what the parent still uses.

    To stand in a list is not enough, because the lists go too when the interpreter ends.
    """
    import ctypes  # only in a child, and only in one that has inherited something

    ctypes.pythonapi.Py_IncRef(ctypes.py_object(thing))


if TYPE_CHECKING:
    cached_property = property  # a protocol that asks for a property is not fulfilled by anything else
else:

    class cached_property(functools.cached_property):  # named as what it is
        """A cached property; no fork comes between the beginning and the end of its first reading."""

        def __get__(self, instance: object, owner: type[Any] | None = None) -> Any:
            """Return the value, made once."""
            with _fork_lock:
                return super().__get__(instance, owner)


def _before() -> None:
    _forking.waited = _fork_lock.acquire(timeout=_MAX_WAIT)


def _in_parent() -> None:
    if _forking.waited:
        _fork_lock.release()


def _in_child() -> None:
    global _fork_lock
    _fork_lock = threading.RLock()
    for thing in list(_registered.values()):
        thing.reset_after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before, after_in_parent=_in_parent, after_in_child=_in_child)
