"""Every operation of the API description is reached through the client and served by the sandbox."""

from __future__ import annotations

from pathlib import Path

from kaleidoscope_api.operations import OPERATIONS

from tests.conftest import Lab, World
from tests.every_operation import call_every_operation


def test_every_operation_is_called_and_served(lab: Lab, world: World, tmp_path: Path) -> None:
    """All operations are called through the client, and none is refused."""
    call_every_operation(world, lab.api, tmp_path)

    called = {item.operation for item in lab.exchanges}
    refused = [(item.operation, item.status) for item in lab.exchanges if (item.status or 0) >= 400]
    assert sorted(set(OPERATIONS) - called) == []
    assert refused == []
