"""Locks of open files: held by one of several openings, in this process or in others, and given up when it closes."""

from __future__ import annotations

import sys
from typing import IO, Any

if sys.platform == "win32":
    import msvcrt

    def _lock(opened: IO[Any]) -> None:
        msvcrt.locking(opened.fileno(), msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(opened: IO[Any]) -> None:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)


def try_lock(opened: IO[Any]) -> bool:
    """Lock an open file, without waiting; whether it is locked now. Some file systems know no locks: it is not then."""
    try:
        _lock(opened)
    except OSError:
        return False
    return True
