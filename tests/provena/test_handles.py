"""Handles: minted, and their values changed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kalbio._core.errors import ConflictError, NotFoundError, PermissionDeniedError
from kalbio.provena import OfflineFlow
from tests.provena.conftest import Lab
from tests.rows import row


def _values(handle: Any) -> list[tuple[int, str, str]]:
    return [(one["index"], one["type"], one["value"]) for one in handle.properties]


def test_life_of_a_handle(lab: Lab) -> None:
    """A handle is minted with one value, gets others, and each can be replaced and removed by its index."""
    api = lab.api.handles
    made = lab(api.mint("Reef data", "DESC"))
    lab(api.add_value(made, "https://e.example.org/b"))
    handle = lab(api.add_value_by_index(made.id, 5, "five", "DESC"))
    assert _values(handle) == [
        (1, "DESC", "Reef data"), (2, "URL", "https://e.example.org/b"), (5, "DESC", "five"),
    ]  # fmt: skip
    handle = lab(api.modify_by_index(handle, 5, "six"))
    assert handle.properties[-1] == {"index": 5, "type": "DESC", "value": "six"}
    handle = lab(api.remove_by_index(handle, 1))
    assert (_values(lab(api.get(made))), handle.url) == (_values(handle), "https://e.example.org/b")
    methods = {one.operation: one.method for one in lab.transport.exchanges}
    assert methods["handleModifyByIndex"] == "PUT"
    assert methods["handleRemoveByIndex"] == "POST"
    minted = next(one for one in lab.transport.exchanges if one.operation == "handleMint")
    assert json.loads(minted.body) == {"value_type": "DESC", "value": "Reef data"}


def test_refusals(lab: Lab) -> None:
    """What is not there and what is in use is told as such, and a write that was refused is not sent again."""
    api = lab.api.handles
    made = lab(api.mint("https://e.example.org/a"))
    cases: dict[str, tuple[Any, type[Exception], str]] = {
        "no handle": (lambda: api.add_value("10378.1/0", "x"), NotFoundError, "Handle 10378.1/0 does not exist"),
        "index in use": (lambda: api.add_value_by_index(made, 1, "x"), ConflictError, "Index already in use"),
        "nothing to modify": (lambda: api.modify_by_index(made, 9, "x"), NotFoundError, "Index does not exist"),
        "nothing to remove": (lambda: api.remove_by_index(made, 9), NotFoundError, "Index does not exist"),
    }
    for name, (call, kind, text) in cases.items():
        before = len(lab.asked)
        with row(name), pytest.raises(kind, match=text):
            lab(call())
        assert len(lab.asked) == before + 1, name
    assert lab(api.get("10378.1/0")) is None
    reader = lab.connect(OfflineFlow(lab.config, "client-tools", lab.sandbox.offline_token("alice")))
    with pytest.raises(PermissionDeniedError):
        lab(reader.handles.mint("x"))


def test_refused_before_anything_is_sent(lab: Lab) -> None:
    """What cannot be meant is refused without a request."""
    api = lab.api.handles
    cases: dict[str, tuple[Any, str]] = {
        "no handle": (lambda: api.get("Reef data"), "a handle looks like"),
        "no text": (lambda: api.mint(" "), "value must be text"),
        "type": (lambda: api.mint("x", "EMAIL"), "value_type must be one of URL, DESC"),
        "index": (lambda: api.add_value_by_index("10378.1/1", 0, "x"), "index must be a whole number"),
        "flag": (lambda: api.remove_by_index("10378.1/1", True), "index must be a whole number"),
        "value": (lambda: api.modify_by_index("10378.1/1", 1, None), "value must be text"),
    }
    for name, (call, text) in cases.items():
        with row(name), pytest.raises(ValueError, match=text):
            lab(call())
    assert lab.asked == []
