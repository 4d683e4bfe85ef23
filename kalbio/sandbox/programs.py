"""Programs."""

from __future__ import annotations

from kalbio._core.emulator.strict_json import Document
from kalbio.sandbox import events
from kalbio.sandbox.calls import Call, Routes
from kalbio.sandbox.store import Store

routes = Routes()


@routes.operation("listPrograms")
def list_programs(call: Call) -> list[Document]:
    """All programs, oldest first."""
    return call.store.all("program")


@routes.operation("createProgram")
def create_program(call: Call) -> Document:
    """A new program; titles need not be unique."""
    program = add_program(call.store, call.body["title"])
    events.log(call.store, "program", "created", program["id"], {"title": program["title"]})
    return program


@routes.operation("updateProgram")
def update_program(call: Call) -> Document:
    """Rename a program."""
    program = call.store.need("program", call.path["program_id"])
    changed = program | {"title": call.body["title"]}
    events.log(call.store, "program", "updated", program["id"], events.changes(program, changed))
    return call.store.put("program", changed)


def add_program(store: Store, title: str, id: str | None = None) -> Document:
    """Keep a new program."""
    return store.add(
        "program",
        {
            "id": id or store.new_id(),
            "title": title,
            "created_at": store.stamp(),
            "created_by": store.user_id,
            "workspace_id": store.workspace_id,
        },
    )
