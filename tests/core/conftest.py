"""Fixtures of the core's tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conftest import World
from tests.core.wire import Core


@pytest.fixture
def core(world: World) -> Iterator[Core]:
    """The core of each world on a scripted wire."""
    made = Core(world)
    yield made
    made.close()
