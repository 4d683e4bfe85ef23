"""Wrong kinds of arguments of every public method of Provena's client: refused before anything is sent."""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kalbio.provena.testing import InProcess
from tests.provena.scene import Scene

NO_TEXT: list[Any] = [None, 5, True, 1.5, b"x", object(), ["x"], {"a": 1}]
TEXT = [*NO_TEXT, "", " \n"]
ITEM = [None, 5, True, 1.5, b"x", object(), ["x"], {"a": 1}, "", " \n"]
FLAG: list[Any] = ["yes", "", 5, 0.0, None, [], object()]
COUNT: list[Any] = ["5", 1.5, math.nan, True, -1, object(), [5]]
SECONDS: list[Any] = ["5", math.nan, -1, object(), [5], True]
CHOICE: list[Any] = ["x", 5, "", ["x"], object()]
CALLBACK: list[Any] = ["text", 5, [], object()]
ROLES: list[Any] = ["metadata-read", 5, object(), ["x"], [5]]
TEXTS: list[Any] = ["x", 5, object(), [5], [""], [None]]
ROWS: list[Any] = [5, object(), {"a": 1}, "text", [5]]
DATA: list[Any] = [5, None, "x", [], object(), {"nme": 1}]
FILE: list[Any] = [5, None, object(), [5]]

BY_NAME: dict[str, tuple[Any, list[Any]]] = {
    "identifier": ("Coral model", ITEM), "dataset": ("Forcing", ITEM), "run": ("Run one", ITEM),
    "study": ("Reef study", ITEM), "workflow_template": ("Coral workflow", ITEM), "item": ("Run one", ITEM),
    "person": ("Ada Lovelace", ITEM), "reviewer": ("Ada Lovelace", ITEM), "handle": ("10378.1/1", ITEM),
    "reason": ("why", TEXT), "notes": ("n", TEXT), "note": ("n", TEXT), "username": ("bob", TEXT), "id": ("g", TEXT),
    "display_name": ("g", TEXT), "description": ("g", TEXT), "value": ("x", TEXT), "words": ("reef", TEXT),
    "link": ("https://e.org", TEXT), "batch_id": ("b", TEXT), "session_id": ("s", TEXT), "job": ("s", TEXT),
    "table_name": ("t", TEXT), "sub_type": ("REGISTRY_WAKE_UP", TEXT), "group": ("g", TEXT), "email": ("e", TEXT),
    "first_name": ("f", TEXT), "last_name": ("l", TEXT), "sheet": ("s", TEXT), "separator": (";", TEXT),
    "encoding": ("utf-8", TEXT), "path": ("data/a.csv", TEXT),
    "verify": (False, FLAG), "overwrite": (False, FLAG), "console": (False, FLAG), "ascending": (False, FLAG),
    "pending": (False, FLAG), "send_email": (True, FLAG), "trial": (True, FLAG), "trial_mode": (True, FLAG),
    "parse": (True, FLAG), "parse_items": (True, FLAG), "allow_deletion": (False, FLAG),
    "allow_entry_deletion": (False, FLAG), "abort_if_failures": (True, FLAG), "names": (False, FLAG),
    "follow": (True, FLAG), "new_batch": (False, FLAG), "validate": (True, FLAG), "force": (False, FLAG),
    "validate_record": (True, FLAG), "required_only": (True, FLAG), "copy_files": (False, FLAG),
    "limit": (1, COUNT), "page_size": (10, COUNT), "history_id": (0, COUNT), "index": (1, COUNT), "count": (1, COUNT),
    "at_a_time": (1, COUNT), "depth": (1, COUNT), "expires_in": (60, COUNT), "batch_size": (5, COUNT),
    "skip_rows": (0, COUNT),
    "timeout": (1.0, SECONDS), "interval": (1.0, SECONDS),
    "record_type": ("ALL", CHOICE), "sort": ("DISPLAY_NAME", CHOICE), "mode": ("ADD_ONLY", CHOICE),
    "state": ("DENIED_PENDING_DELETION", CHOICE), "value_type": ("URL", CHOICE), "on_failure": ("raise", CHOICE),
    "on_invalid": ("raise", CHOICE), "status": ("PENDING", CHOICE), "subtype": ("MODEL", CHOICE),
    "progress": (None, CALLBACK), "general": (["metadata-read"], ROLES), "groups": ({}, ROLES), "add": ([], TEXTS),
    "remove": ([], TEXTS), "usernames": (["bob"], TEXTS), "default_data_store_access": ([], TEXTS),
    "session_ids": ([], [5, "x", None, object(), [5], [""]]), "rows": ([], ROWS), "items": ([], ROWS),
    "metadata": ({}, DATA), "record": ({}, DATA), "payload": ({}, [5, "x", [], object()]),
    "folder": ("folder", FILE), "file": ("file", FILE), "paths": ([], [5, object()]), "runs": ([], [5, object(), [5]]),
    "source": ("source", [5, object(), [5]]), "to": ("", [5, object(), "..", "/"]), "below": ("", [5, object(), None]),
    "request": (None, [5, "x", None, object()]), "journal": ("j", [5, object()]), "text": ("x", [5, object(), []]),
    "among": ((), []),
}  # fmt: skip
"""By the name of a parameter: a value that is right, and some that are wrong."""

BY_METHOD: dict[str, tuple[Any, list[Any]]] = {
    "import_groups.groups": ([], ROWS),
    "copy_files.source": ("Results", [one for one in ITEM if one is not None]),
    "register_batch.workflow_template": ("Coral workflow", [one for one in ITEM if one is not None]),
    "csv_template.path": (None, [5, object()]),
    "batch_csv.path": (None, [5, object()]),
    "convert_csv.path": ("runs.csv", [5, object()]),
    "save_report.path": ("r.docx", [5, None, object()]),
    "update.record": (None, [5, "x", object()]),
}

MAY_BE_NONE = {
    "limit", "depth", "interval", "sort", "status", "subtype", "general", "groups", "username", "batch_id", "sheet",
    "separator", "encoding", "email", "first_name", "last_name", "display_name", "description", "note", "reason",
    "copy_files", "progress", "payload", "default_data_store_access", "journal",
}  # fmt: skip
"""Parameters for which None is what is not given, where they have that as default."""


def services(client: Any) -> Iterator[tuple[str, Any]]:
    """All services, but those of the older client, whose methods take what they are given."""
    known: set[type] = set()
    for name in ("models", *dir(client)):  # that of one subtype stands for all that have nothing of their own
        service = getattr(client, name)
        for title, one in ((name, service), (f"{name}.admin", getattr(service, "admin", None))):
            kind = type(one)
            if re.match(r"kalbio\.provena\.(?!_model|older)", kind.__module__) and kind not in known:
                known.add(kind)
                yield title, one


class Place:
    """A stand-in with what calls name."""

    def __init__(self) -> None:
        self.lab = InProcess(retries=0)
        self.client = self.lab.client
        scene = Scene(self.lab.sandbox)
        self.lab.sandbox.link("admin", scene.person)
        self.client.model_runs.run_of(self.client.model_runs.register(scene.record()))


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    """One for all that is refused: it changes nothing."""
    made = Place()
    yield made
    made.lab.sandbox.close()


_NOT_THESE = frozenset({"page", "catalog", "check", "look", "locked"})  # of services; the last begins with its block


def methods() -> list[tuple[str, str]]:
    """The names of all services and their public methods."""
    with InProcess() as lab:
        found = []
        for name, service in services(lab.client):
            for method, _ in inspect.getmembers(type(service), inspect.isfunction):
                if not method.startswith("_") and method not in _NOT_THESE:
                    found.append((name, method))
        return found


METHODS = methods()


def parameters(function: Callable[..., Any]) -> list[inspect.Parameter]:
    """The parameters of a method that have a kind."""
    variadic = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    return [one for one in inspect.signature(function).parameters.values() if one.kind not in variadic]


def kind_of(method: str, parameter: str) -> tuple[Any, list[Any]] | None:
    """A value that is right for a parameter, and those that are wrong; None when the table does not know it."""
    return BY_METHOD.get(f"{method}.{parameter}", BY_NAME.get(parameter))


LOOKED_UP = ("Fetch", "List", "Describe", "Lookup", "createToken", "ConfigurationGet", "ListGroups", "Report")


def test_the_table_knows_every_parameter(place: Place) -> None:
    """Every parameter of every public method is of a kind whose wrong values are known."""
    unknown = {
        f"{name}.{method}.{one.name}"
        for name, method in METHODS
        for one in parameters(getattr(dict(services(place.client))[name], method))
        if kind_of(method, one.name) is None
    }
    assert unknown == set()


@pytest.mark.parametrize("service", sorted({name for name, _ in METHODS}))
def test_wrong_kinds_are_refused(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, service: str) -> None:
    """Each raises a ValueError or a TypeError that is none of Python's own inside, and nothing is written."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "source").mkdir()
    failures = []
    owner = dict(services(place.client))[service]
    for method in (method for name, method in METHODS if name == service):
        function = getattr(owner, method)
        for tested in parameters(function):
            for wrong in kind_of(method, tested.name)[1]:  # type: ignore[index]
                if wrong is None and tested.default is None and tested.name in MAY_BE_NONE:
                    continue
                if wrong == tested.default and type(wrong) is type(tested.default):
                    continue
                given = {
                    one.name: kind_of(method, one.name)[0]  # type: ignore[index]
                    for one in parameters(function)
                    if one.default is one.empty
                }
                names = {one.name for one in parameters(function)}
                given |= {"timeout": 0.0} if "timeout" in names and tested.name != "timeout" else {}
                place.lab.exchanges.clear()
                try:
                    result = function(**{**given, tested.name: wrong})
                    came: Any = list(result) if hasattr(result, "__iter__") and not isinstance(result, str) else result
                except Exception as error:  # of whatever kind: that is to be found here
                    came = error
                sent = [str(one.operation) for one in place.lab.exchanges]
                written = [one for one in sent if not one.endswith(LOOKED_UP)]
                clear = isinstance(came, ValueError | TypeError) and hasattr(came, "_render_traceback_")
                if not clear or written:
                    failures.append(f"{method}({tested.name}={wrong!r:.30}): {came!r:.120} {written}")
    assert not failures, "\n".join(failures)
