"""Progress bars for those who ask for one with `progress=True`. Nothing is loaded or printed for anybody else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias, TypeVar

Advance: TypeAlias = Callable[[int, int | None], None]
"""Called with what is done, and with all there is where that is known."""

P = TypeVar("P", bound=Callable[..., object])

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
