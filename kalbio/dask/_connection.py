"""The client of a worker: one for each process, with credentials of the process, closed when it ends."""

from __future__ import annotations

import atexit
import os
import threading
from collections.abc import Hashable

import attrs

from kalbio._core.concurrency.forks import call_in_child
from kalbio._core.constants import MAX_IN_FLIGHT
from kalbio._core.errors import SettingError
from kalbio._model.profiles import CREDENTIALS, VARIABLE
from kalbio.client import KaleidoscopeClient

LARGEST_ANSWER = 2**30
"""Bytes: a search lists all ids of a frame in one answer, 39 bytes each, so this has room for 27 million records."""


@attrs.frozen
class WorkspaceAddress:
    """A workspace, and the address that it is read from: a copy of it may be at another one."""

    url: str
    workspace_id: str | None

    def __str__(self) -> str:
        return f"{self.url} (workspace {self.workspace_id})"


@attrs.frozen
class Connection:
    """How the processes of a cluster make their clients. It goes into graphs, and has no credentials.

    Attributes:
        profile: the profile that every process has, None for its environment variables.
        max_in_flight: requests that one process has under way at a time.
        workspace: what all of them must read.
    """

    profile: str | None
    max_in_flight: int
    workspace: WorkspaceAddress

    @classmethod
    def here(cls, profile: str | None, max_in_flight: int | None) -> Connection:
        """Return how to connect to what this process is connected to."""
        limit = MAX_IN_FLIGHT if max_in_flight is None else max_in_flight
        return cls(profile, limit, _connected(profile, limit)[1])

    def client(self) -> KaleidoscopeClient:
        """Return the client of this process. Raises SettingError where it is connected to something else."""
        client, workspace = _connected(self.profile, self.max_in_flight)
        if workspace != self.workspace:
            # The ids of one workspace name nothing in another one: its records would be missing without a word.
            raise SettingError(
                f"This process is connected to {workspace}, and the one that made the frame to {self.workspace}; give "
                f"both the same profile, or the same environment variables {', '.join(CREDENTIALS)}"
            )
        return client


_clients: dict[Hashable, tuple[KaleidoscopeClient, WorkspaceAddress]] = {}
_lock = threading.Lock()


def _renew_lock() -> None:
    global _lock
    _lock = threading.Lock()  # another thread may have held it when this process was forked


call_in_child(_renew_lock)


def _connected(profile: str | None, max_in_flight: int) -> tuple[KaleidoscopeClient, WorkspaceAddress]:
    """Return the client of this process and where it is connected to; all tasks of the process share them."""
    # A digest, so that nothing that is ever shown has a secret in it.
    environment = hash(tuple(os.environ.get(name) for name in (*CREDENTIALS, VARIABLE)))
    key = (profile, max_in_flight, environment)
    with _lock:
        if key not in _clients:
            # Whatever the environment says: what a worker only logs is missing in the result.
            client = KaleidoscopeClient(
                profile=profile, max_in_flight=max_in_flight, max_answer_size=LARGEST_ANSWER, on_error="raise"
            )
            try:
                workspace = client.workspace.get_workspace()
            except BaseException:
                client.close()
                raise
            workspace_id = None if workspace is None else workspace.id
            _clients[key] = client, WorkspaceAddress(client.session.settings.base_url, workspace_id)
        return _clients[key]


@atexit.register
def close_clients() -> None:
    """Close the clients of this process."""
    while _clients:
        _, (client, _) = _clients.popitem()
        client.close()
