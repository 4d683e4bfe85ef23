"""How much memory a piece of work takes at most, above what the process has when it begins."""

from __future__ import annotations

import ctypes
import gc
import re
from collections.abc import Callable
from pathlib import Path

_SELF = Path("/proc/self")


def can_be_measured() -> bool:
    """Whether this system tells the peak of resident memory, and lets it begin anew."""
    return (_SELF / "clear_refs").exists()


def peak_above_start(work: Callable[[], object]) -> float | None:
    """Do the work and return the peak of resident memory above its beginning, in MB; None where nobody can tell.

    The kernel keeps the peak (VmHWM), and misses nothing as a sampling thread would; `ru_maxrss` would be that of the
    whole life of the process. Writing 5 to `clear_refs` makes it begin anew at what is resident now.
    """
    if not can_be_measured():
        work()
        return None
    gc.collect()
    _give_back()
    (_SELF / "clear_refs").write_text("5")
    start = _status("VmHWM")
    work()
    return (_status("VmHWM") - start) / 1e6


def _give_back() -> None:
    """Let the allocator give back what is free: taking it again would not be seen."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def _status(name: str) -> int:
    found = re.search(rf"^{name}:\s*(\d+) kB$", (_SELF / "status").read_text(), re.MULTILINE)
    assert found is not None
    return int(found[1]) * 1024
