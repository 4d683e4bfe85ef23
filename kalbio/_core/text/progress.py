"""Progress bars for those who ask for one with `progress=True`. Nothing is loaded or printed for anybody else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias, TypeVar, cast

from kalbio._extras import require_progress

Advance: TypeAlias = Callable[[int, int | None], None]
"""Called with what is done, and with all there is where that is known."""

P = TypeVar("P", bound=Callable[..., object])
T = TypeVar("T")
Tell: TypeAlias = Callable[[T], object]

BYTES = "B"
"""The unit of what is counted in bytes: shown as KB, MB and GB."""


def as_function(progress: P | bool | None) -> P | None:
    """Return what is to be called, in a method whose caller may have said True or False: a bar calls by then."""
    return None if isinstance(progress, bool) else progress


@contextmanager
def progress_bar(what: str, unit: str) -> Iterator[Advance]:
    """Show a bar while the block runs: in a notebook as a widget where it can, else as text on the error output."""
    from tqdm.auto import tqdm

    options: dict[str, Any] = {"unit": unit if unit == BYTES else f" {unit}"}
    if unit == BYTES:
        options |= {"unit_scale": True, "unit_divisor": 1024}
    with tqdm(desc=what, **options) as bar:

        def advance(done: int, total: int | None) -> None:
            if total is not None and total != bar.total:
                bar.total = total
                bar.refresh()
            if done < bar.n:  # it began anew
                bar.n = done
                bar.refresh()
            bar.update(done - bar.n)

        yield advance


@contextmanager
def waiting_line(what: str) -> Iterator[Callable[[str], None]]:
    """Show what is waited for, its state and for how long, while the block runs."""
    from tqdm.auto import tqdm

    with tqdm(desc=what, bar_format="{desc} [{elapsed}]") as line:
        yield lambda state: line.set_description_str(f"{what}: {state}")


@contextmanager
def told_of(wanted: Callable[[T], object] | bool | None, what: str, state: Callable[[T], str]) -> Iterator[Tell[T]]:
    """Give a function to call with each state of what is waited for: it shows a line, or is that of the caller.

    Raises ModuleNotFoundError, saying what to install, when the package that draws the line is not there.
    """
    if wanted is True:
        require_progress()
        with waiting_line(what) as line:
            yield lambda item: line(state(item))
    else:
        yield wanted if callable(wanted) else lambda _: None


@contextmanager
def counted(wanted: Callable[[int, int | None], object] | bool | None, what: str, unit: str) -> Iterator[Advance]:
    """Give a function to call with what is done: it shows a bar, or is that of the caller.

    Raises ModuleNotFoundError, saying what to install, when the package that draws the bar is not there.
    """
    if wanted is True:
        require_progress()
        with progress_bar(what, unit) as advance:
            yield advance
    else:
        yield cast("Advance", wanted) if callable(wanted) else lambda done, total: None
