"""Says what happens, keeps the checks, and prints the final table."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any, TypeVar

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

T = TypeVar("T")


class Account:
    """The account of one run."""

    def __init__(self) -> None:
        self._console = Console(highlight=False)
        self._checks: list[tuple[str, Any, Any]] = []

    def step(self, title: str) -> None:
        """Begin a step."""
        self._console.print(f"\n[bold]{title}[/bold]")

    def say(self, text: str) -> None:
        """Say one thing."""
        self._console.print(f"  {text}", markup=False, soft_wrap=True)

    def follow(self, items: Sequence[T], what: str) -> Iterator[T]:
        """Yield the items behind a progress bar."""
        columns = (TextColumn("  {task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, console=self._console) as progress:
            yield from progress.track(items, description=what)

    def check(self, what: str, expected: Any, found: Any) -> None:
        """Keep a check for the final table."""
        self._checks.append((what, expected, found))

    def wait_for_ctrl_c(self) -> None:
        """Wait until somebody presses it."""
        self._console.print("\nThe sandbox keeps running. Ctrl-C stops it.")
        with suppress(KeyboardInterrupt):
            threading.Event().wait()

    def close(self) -> bool:
        """Print the final table; True when every check held."""
        table = Table(title="What was checked", title_justify="left")
        for heading in ("check", "expected", "found", ""):
            table.add_column(heading)
        for what, expected, found in self._checks:
            held = expected == found
            limit = 32 if held else 400
            table.add_row(
                what,
                _short(expected, limit),
                _short(found, limit),
                "[green]ok[/green]" if held else "[red]NOT OK[/red]",
            )
        self._console.print()
        self._console.print(table)
        failed = sum(expected != found for _, expected, found in self._checks)
        summary = f"{len(self._checks)} checks" + (f", {failed} NOT OK" if failed else ", all ok")
        self._console.print(summary, style="bold red" if failed else "bold green")
        return bool(self._checks) and not failed


def _short(value: Any, limit: int) -> str:
    if isinstance(value, list | tuple | set | dict):
        value = ", ".join(map(str, value)) or "none"
    text = escape(str(value))
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
