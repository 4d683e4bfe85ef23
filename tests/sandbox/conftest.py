"""Sandboxes to test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from kalbio.sandbox import Sandbox
from tests.sandbox.wire import Api


@pytest.fixture
def api() -> Iterator[Api]:
    """The demo workspace."""
    with Sandbox() as sandbox:
        yield Api(sandbox)


@pytest.fixture
def bare() -> Iterator[Api]:
    """The empty workspace."""
    with Sandbox(seed="empty") as sandbox:
        yield Api(sandbox)
