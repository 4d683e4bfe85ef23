"""The handle service: persistent ids, each with values that have an index."""

from __future__ import annotations

from kalbio._core.emulator.calls import Answer
from kalbio._core.emulator.refusals import Refusal
from kalbio._core.emulator.strict_json import Document
from kalbio.provena.sandbox.errors import UNCAUGHT
from kalbio.provena.sandbox.store import HANDLE, HANDLES_READ, HANDLES_WRITE, Call, Routes

routes = Routes()


def _refused(reason: str) -> Refusal:
    return Refusal(500, f"Error was reported by ARDC handle service, contents: {reason}")


def _handle(call: Call, id: str) -> Document:
    found = call.store.get(HANDLE, id)
    if found is None:
        raise _refused(f"Handle {id} does not exist.")
    return found


def _with(call: Call, handle: Document, values: list[Document]) -> Document:
    return call.store.put(HANDLE, {**handle, "properties": sorted(values, key=lambda value: value["index"])})


@routes.operation("handleGet", HANDLES_READ)
def get(call: Call) -> Document:
    """A handle with its values."""
    return _handle(call, call.query["id"])


@routes.operation("handleList", HANDLES_READ)
def list_all(call: Call) -> Answer:
    """Fails, as the servers do."""
    return UNCAUGHT


@routes.operation("handleMint", HANDLES_READ, HANDLES_WRITE)
def mint(call: Call) -> Document:
    """A new handle with one value."""
    handle = call.store.new_handle(call.body["value"], call.body["value_type"])
    return call.store.need(HANDLE, handle)


@routes.operation("handleAddValue", HANDLES_READ, HANDLES_WRITE)
def add_value(call: Call) -> Document:
    """A value more, behind all others."""
    handle = _handle(call, call.body["id"])
    values: list[Document] = handle["properties"]
    index = max((value["index"] for value in values), default=0) + 1
    return _with(call, handle, [*values, _value(call, index)])


@routes.operation("handleAddValueByIndex", HANDLES_READ, HANDLES_WRITE)
def add_value_by_index(call: Call) -> Document:
    """A value more, at a place that is free."""
    handle, index = _handle(call, call.body["id"]), call.body["index"]
    values: list[Document] = handle["properties"]
    if any(value["index"] == index for value in values):
        raise _refused("Index already in use.")
    return _with(call, handle, [*values, _value(call, index)])


@routes.operation("handleModifyByIndex", HANDLES_READ, HANDLES_WRITE)
def modify_by_index(call: Call) -> Document:
    """Another text at a place; its type stays."""
    handle, index = _handle(call, call.body["id"]), call.body["index"]
    old, others = _split(handle, index)
    return _with(call, handle, [*others, {**old, "value": call.body["value"]}])


@routes.operation("handleRemoveByIndex", HANDLES_READ, HANDLES_WRITE)
def remove_by_index(call: Call) -> Document:
    """A value less."""
    handle = _handle(call, call.body["id"])
    return _with(call, handle, _split(handle, call.body["index"])[1])


def _split(handle: Document, index: int) -> tuple[Document, list[Document]]:
    values: list[Document] = handle["properties"]
    found = [value for value in values if value["index"] == index]
    if not found:
        raise _refused("Index does not exist.")
    return found[0], [value for value in values if value["index"] != index]


def _value(call: Call, index: int) -> Document:
    return {"type": call.body["value_type"], "value": call.body["value"], "index": index}
