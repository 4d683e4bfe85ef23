"""The same scenarios give the same results in process, over HTTP and from cassettes, in both worlds.

The sandbox checks each of its answers against openapi.yaml; a violation is a status 500 here.
`KALBIO_RECORD=1 scripts/test tests/test_congruence.py` records the cassettes anew.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from kalbio.sandbox import Sandbox
from kalbio.sandbox.server import serve
from kalbio.testing import SandboxTransport
from tests.conftest import WORLDS, World
from tests.recording import CASSETTES, HIDDEN, HOST, recorder
from tests.scenarios import SCENARIOS, Scenario, registration_of_a_file


def cassette_of(scenario: Scenario) -> str:
    """Return the name of the file that holds a scenario."""
    return f"{scenario.__name__}.yaml"


@contextmanager
def world_of(kind: str) -> Iterator[World]:
    """Open a world and close it."""
    world = World(kind)
    try:
        yield world
    finally:
        world.close()


def in_process(world: World, scenario: Scenario, folder: Path) -> dict[str, Any]:
    """Run a scenario on a sandbox in this process."""
    with Sandbox(seed="demo") as sandbox:
        client = world.connect(url=sandbox.base_url, transport=SandboxTransport(sandbox), retries=0)
        return scenario(world, client, folder)


def over_http(world: World, scenario: Scenario, folder: Path) -> dict[str, Any]:
    """Run a scenario on a sandbox on a port."""
    with Sandbox(seed="demo") as sandbox, serve(sandbox) as server:
        return scenario(world, world.connect(url=server.url, retries=0), folder)


def from_a_cassette(world: World, scenario: Scenario, folder: Path) -> dict[str, Any]:
    """Run a scenario on recorded traffic; every recorded request must be made."""
    with recorder("none").use_cassette(cassette_of(scenario)) as cassette:
        seen = scenario(world, world.connect(url=HOST, retries=0), folder)
    assert cassette.all_played
    return seen


@contextmanager
def recording(folder: Path, world: World, scenario: Scenario) -> Iterator[tuple[Sandbox, Any]]:
    """Record what a client of a fresh sandbox does, over HTTP."""
    (folder / cassette_of(scenario)).unlink(missing_ok=True)
    cassette = recorder("all", folder).use_cassette(cassette_of(scenario))
    with Sandbox(seed="demo") as sandbox, serve(sandbox) as server, cassette:
        yield sandbox, world.connect(url=server.url)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
def test_a_scenario_gives_the_same_everywhere(scenario: Scenario, tmp_path: Path) -> None:
    """Sync or async, in process, over HTTP or from a cassette: users see the same."""
    if os.environ.get("KALBIO_RECORD"):
        with world_of("sync") as world, recording(CASSETTES, world, scenario) as (_, client):
            scenario(world, client, tmp_path)
    seen = {}
    for kind in WORLDS:
        for way in (in_process, over_http, from_a_cassette):
            with world_of(kind) as world:
                seen[kind, way.__name__] = way(world, scenario, tmp_path)

    expected = seen["sync", "in_process"]
    assert {run: result for run, result in seen.items() if result != expected} == {}


def test_the_registration_of_a_file_ends_well(world: World, tmp_path: Path) -> None:
    """What the scenarios agree on is also right: the registrar's value counts in the experiment only."""
    assert in_process(world, registration_of_a_file, tmp_path) == {
        "statuses": ("pending", "completed", "one of two"),
        "own": "171.5",
        "found": ["Isoniazid"],
        "export": 3,
        "download": b"Drug,Melting point\n",
    }


def test_a_cassette_holds_no_secret(world: World, tmp_path: Path) -> None:
    """What is recorded from a sandbox holds neither its client secret nor a token that it gave out."""
    with recording(tmp_path, world, registration_of_a_file) as (sandbox, client):
        registration_of_a_file(world, client, tmp_path)
        secrets = [*client._tokens.secrets(), sandbox.settings.client_secret]

    text = (tmp_path / cassette_of(registration_of_a_file)).read_text(encoding="utf-8")
    assert len(secrets) == 4
    assert "Melting points" in text
    assert [secret for secret in secrets if secret in text] == []


def test_the_kept_cassettes_hold_no_credentials() -> None:
    """No cassette in the repository has a credential header, or a token that is not hidden."""
    assert {path.name for path in CASSETTES.iterdir()} == {cassette_of(scenario) for scenario in SCENARIOS}
    for path in CASSETTES.iterdir():
        text = path.read_text(encoding="utf-8")
        assert "x-kal-authorization" not in text.lower()
        assert re.search(r"bearer\s+\S", text, re.IGNORECASE) is None
        assert "sandbox-secret" not in text
        tokens = re.findall(r'"(?:access|refresh)_token": *"([^"]*)"', text)
        assert tokens
        assert set(tokens) == {HIDDEN}
