"""A stand-in for Provena, and clients of it in one world."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kalbio._core.emulator.in_process import EmulatorTransport
from kalbio._core.retry import RetryPolicy
from kalbio.provena import (
    APIOverrides,
    AsyncProvenaClient,
    AuthManager,
    ClientCredentialsFlow,
    Config,
    OfflineFlow,
    ProvenaClient,
)
from kalbio.provena._verified import LOOKS
from kalbio.provena.sandbox import Sandbox
from tests.conftest import World

URL = "http://sandbox.invalid"


class Lab:
    """A stand-in, and the client of one world that logs in as its administrator."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.sandbox = Sandbox()
        self.transport = EmulatorTransport(self.sandbox)
        self.config = Config("provena.invalid", "sandbox", APIOverrides.at(URL))
        self._clients: list[Any] = []
        self.api = self.connect(ClientCredentialsFlow(self.config, "admin", self.sandbox.client_secret))

    def __call__(self, result: Any) -> Any:
        """The result of a call, awaited where need be."""
        return self.world(result)

    def connect(self, auth: AuthManager, **options: Any) -> Any:
        """Make a client, closed at the end of the test."""
        kind: Any = ProvenaClient if self.world.kind == "sync" else AsyncProvenaClient
        client = kind(auth, **{"transport": self.transport, "retries": RetryPolicy(attempts=3, base=0), **options})
        self.add(client)
        return client

    def add(self, client: Any) -> None:
        """Close a client at the end of the test."""
        self._clients.append(client)

    def login(self, username: str) -> Any:
        """A client of one of the other users of the stand-in."""
        token = self.sandbox.offline_token(username)
        return self.connect(OfflineFlow(self.config, "client-tools", offline_token=token))

    def items(self, pages: Any) -> list[Any]:
        """Everything that a list gives, gone through with `for`."""
        if self.world.kind == "sync":
            return list(pages)

        async def collect() -> list[Any]:
            return [item async for item in pages]

        found: list[Any] = self(collect())
        return found

    def organisation(self, name: str) -> Any:
        """A new organisation."""
        return self(self.api.organisations.create(display_name=name, name=name))

    def linked(self, username: str = "admin") -> Any:
        """A new person, whom a user is linked to from now on."""
        name = username.capitalize()
        data = {"display_name": name, "first_name": name, "last_name": "X", "email": f"{username}@example.org"}
        person = self(self.login(username).persons.create(**data, ethics_approved=True))
        self.sandbox.link(username, person.id)
        return person

    def model(self, name: str = "Coral model", **members: Any) -> Any:
        """A new model."""
        urls = {"documentation_url": "https://docs.example.org", "source_url": "https://git.example.org"}
        data = {"display_name": name, "name": name, "description": "Grows corals", **urls, **members}
        return self(self.api.models.create(**data))

    def sent(self, operation: str) -> list[Any]:
        """The bodies that were sent to an operation."""
        return [json.loads(one.body) for one in self.transport.exchanges if one.operation == operation]

    @property
    def asked(self) -> list[str]:
        """The operations that were called, logins left out."""
        return [str(one.operation) for one in self.transport.exchanges if one.operation != "createToken"]

    @property
    def logins(self) -> int:
        """How often tokens were asked for."""
        return sum(one.operation == "createToken" for one in self.transport.exchanges)

    def close(self) -> None:
        """Close the clients and the stand-in."""
        for client in self._clients:
            self(client.close() if self.world.kind == "sync" else client.aclose())
        self.sandbox.close()


@pytest.fixture(autouse=True)
def config_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder for settings of this test alone: the only place where tokens may be kept, so it is searched for none."""
    folder = tmp_path / "settings"
    monkeypatch.setenv("XDG_CONFIG_HOME", str(folder))
    yield folder
    shutil.rmtree(folder / "kalbio", ignore_errors=True)


@pytest.fixture
def lab(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    """A stand-in and its client, which looks as often as ever, and sooner, for what became of something."""
    for module in ("kalbio.provena", "kalbio.provena.aio"):
        monkeypatch.setattr(f"{module}._verified.LOOKS", tuple(pause / 50 for pause in LOOKS))
        monkeypatch.setattr(f"{module}._lost_jobs._PAUSE", 0.02)
        monkeypatch.setattr(f"{module}._dataset_files._FIRST_WAIT", 0.01)
    made = Lab(world)
    yield made
    made.close()
