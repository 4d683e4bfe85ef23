"""A client for Provena, the provenance system for modelling groups.

    from kalbio.provena import ClientCredentialsFlow, Config, ProvenaClient

    config = Config("provena.example.org", "provena")
    with ProvenaClient(ClientCredentialsFlow(config, "my-service", secret)) as client:
        person = client.persons.get("Ada Lovelace")

Everything here is loaded when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kalbio.provena._model.access import ItemAccess, Role
    from kalbio.provena._model.config import APIOverrides, Config
    from kalbio.provena._model.credentials import Credentials
    from kalbio.provena._model.dataset_files import DatasetFile, NoFilesWarning, Transfers
    from kalbio.provena._model.items import (
        Handle,
        Hit,
        ImportOutcome,
        Item,
        LockEvent,
        ServerVersion,
        UnparsableItemWarning,
    )
    from kalbio.provena._model.jobs import JobFailedError, JobTimeoutError
    from kalbio.provena._model.lineage import LineageEdge, LineageGraph, LineageNode
    from kalbio.provena._model.login import AuthManager, ClientCredentialsFlow, DeviceFlow, OfflineFlow
    from kalbio.provena._model.run_outcomes import RunOutcome, RunOutcomes, RunsFailedError, RunsRefusedError
    from kalbio.provena._model.run_tables import RunProblem
    from kalbio.provena._model.run_templates import RunTemplate
    from kalbio.provena._model.runs import RunRecord
    from kalbio.provena._model.subtypes import Subtype, UnsupportedActionError
    from kalbio.provena._model.token_files import TokenFileWarning
    from kalbio.provena.aio.client import AsyncProvenaClient
    from kalbio.provena.client import ProvenaClient

_HOMES = {
    "kalbio.provena.client": ["ProvenaClient"],
    "kalbio.provena.aio.client": ["AsyncProvenaClient"],
    "kalbio.provena._model.config": ["APIOverrides", "Config"],
    "kalbio.provena._model.lineage": ["LineageEdge", "LineageGraph", "LineageNode"],
    "kalbio.provena._model.jobs": ["JobFailedError", "JobTimeoutError"],
    "kalbio.provena._model.access": ["ItemAccess", "Role"],
    "kalbio.provena._model.credentials": ["Credentials"],
    "kalbio.provena._model.dataset_files": ["DatasetFile", "NoFilesWarning", "Transfers"],
    "kalbio.provena._model.items": [
        "Handle",
        "Hit",
        "ImportOutcome",
        "Item",
        "LockEvent",
        "ServerVersion",
        "UnparsableItemWarning",
    ],
    "kalbio.provena._model.login": ["AuthManager", "ClientCredentialsFlow", "DeviceFlow", "OfflineFlow"],
    "kalbio.provena._model.run_outcomes": ["RunOutcome", "RunOutcomes", "RunsFailedError", "RunsRefusedError"],
    "kalbio.provena._model.run_tables": ["RunProblem"],
    "kalbio.provena._model.run_templates": ["RunTemplate"],
    "kalbio.provena._model.runs": ["RunRecord"],
    "kalbio.provena._model.subtypes": ["Subtype", "UnsupportedActionError"],
    "kalbio.provena._model.token_files": ["TokenFileWarning"],
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "APIOverrides",
    "AsyncProvenaClient",
    "AuthManager",
    "ClientCredentialsFlow",
    "Config",
    "Credentials",
    "DatasetFile",
    "DeviceFlow",
    "Handle",
    "Hit",
    "ImportOutcome",
    "Item",
    "ItemAccess",
    "JobFailedError",
    "JobTimeoutError",
    "LineageEdge",
    "LineageGraph",
    "LineageNode",
    "LockEvent",
    "NoFilesWarning",
    "OfflineFlow",
    "ProvenaClient",
    "Role",
    "RunOutcome",
    "RunOutcomes",
    "RunProblem",
    "RunRecord",
    "RunTemplate",
    "RunsFailedError",
    "RunsRefusedError",
    "ServerVersion",
    "Subtype",
    "TokenFileWarning",
    "Transfers",
    "UnparsableItemWarning",
    "UnsupportedActionError",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME_OF[name]), name)


def __dir__() -> list[str]:
    return __all__
