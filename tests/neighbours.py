"""Watches which files the tests open: none beside the checkout, where something lies on one machine and not on another.

The audit hook is that of the interpreter, so it hears every library. It stays for the rest of the process.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent


class Neighbours:
    """What was opened or listed in a folder, but for what is allowed."""

    def __init__(self, folder: Path, *allowed: str | Path) -> None:
        self._folder = f"{folder}{os.sep}"
        found = [f"{Path(path).resolve()}{os.sep}" for path in allowed]
        # An allowed folder that holds this one, as that of temporary files may, allows nothing here.
        self._allowed = tuple(path for path in found if path.startswith(self._folder))
        self.opened: dict[str, None] = {}

    def hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Keep the path of an event that opens or lists something."""
        if event not in ("open", "os.listdir", "os.scandir") or not isinstance(arguments[0], str | os.PathLike):
            return
        path = os.path.abspath(arguments[0])  # noqa: PTH100  # it runs for every file, and resolves no links
        if path.startswith(self._folder) and not f"{path}{os.sep}".startswith(self._allowed):
            self.opened[path] = None


@pytest.fixture(scope="session", autouse=True)
def _nothing_beside_the_checkout() -> Iterator[None]:
    """Fail the last test of a process when anything beside the checkout was opened."""
    yield
    assert list(_HEARD.opened) == []


_HEARD = Neighbours(ROOT.parent, ROOT, tempfile.gettempdir(), sys.prefix, sys.base_prefix, *filter(None, sys.path))


def _hear(event: str, arguments: tuple[Any, ...]) -> None:
    """Pass on what may open something: most events do not, and calling a method takes four times as long."""
    if event == "open" or event == "os.listdir" or event == "os.scandir":
        _HEARD.hear(event, arguments)


sys.addaudithook(_hear)
