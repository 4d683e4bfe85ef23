"""What a new database holds: `empty` (a workspace and its admin), `demo` (a small invented research group), `recent`
(the demo and what clients of the first years cannot read) or `large`.

Ids are derived from names, so they are the same in every sandbox.
"""

from __future__ import annotations

import hashlib
import sqlite3
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from itertools import count

from kalbio._core.emulator.clock import Clock, to_micros
from kalbio._core.emulator.strict_json import Document
from kalbio.sandbox import fields, membership, seed_large, values, views
from kalbio.sandbox.activities import add_activity
from kalbio.sandbox.content import Json
from kalbio.sandbox.dashboards import add_category
from kalbio.sandbox.definitions import add_definition
from kalbio.sandbox.programs import add_program
from kalbio.sandbox.properties import add_property
from kalbio.sandbox.records import ensure_record
from kalbio.sandbox.seed_store import SeedStore
from kalbio.sandbox.store import SCHEMA, Store

_NAMESPACE = uuid.UUID("6b1d0f0e-3c1c-4a7e-9a55-9d6a3d0c2f10")
_VARIANTS = {digit: f"{int(digit, 16) & 3 | 8:x}" for digit in "0123456789abcdef"}  # of a uuid, in its 17th digit
_BEGIN = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
_PACE = timedelta(seconds=61, microseconds=23_450)
# so many instants at the pace of the others would reach into the future
_PACES = {"large": timedelta(seconds=1, microseconds=23_450)}


def seed_id(kind: str, name: str) -> str:
    """The id that a seeded thing has in every sandbox."""
    return str(uuid.uuid5(_NAMESPACE, f"{kind}/{name}"))


def check_name(name: str) -> None:
    """Refuse the name of no seed, also where nothing is to be seeded."""
    if name not in SEEDS:
        raise ValueError(f"there is no seed {name!r}; known: {', '.join(sorted(SEEDS))}")


class _SteadyClock(Clock):
    """A clock whose every instant is one step after the one before, which needs no look at the time."""

    def __init__(self, pace: timedelta) -> None:
        super().__init__(lambda: _BEGIN)
        self._instants = count(to_micros(_BEGIN), pace // timedelta(microseconds=1))

    def tick(self) -> int:
        """A new instant."""
        return next(self._instants)


def _numbered_ids(kind: str) -> Iterator[str]:
    """The ids `seed_id` gives for the numbers from 0 on, made without objects in between."""
    common = _NAMESPACE.bytes + f"{kind}/".encode()
    for number in count():
        text = hashlib.sha1(b"%b%d" % (common, number), usedforsecurity=False).hexdigest()
        variant = _VARIANTS[text[16]]
        yield f"{text[:8]}-{text[8:12]}-5{text[13:16]}-{variant}{text[17:20]}-{text[20:32]}"


@cache
def image(name: str) -> bytes:
    """A seeded database, built once per process."""
    check_name(name)
    connection = sqlite3.connect(":memory:")
    try:
        connection.executescript(SCHEMA)
        ids = {"workspace_id": seed_id("workspace", "sandbox"), "user_id": seed_id("user", "admin")}
        connection.executemany("insert into meta values (?, ?)", ids.items())
        store = SeedStore(connection, _SteadyClock(_PACES.get(name, _PACE)), partial(next, _numbered_ids(name)))
        SEEDS[name](store)
        store.write_documents()
        connection.commit()
        return connection.serialize()
    finally:
        connection.close()


def _empty(store: Store) -> None:
    store.add("workspace", {"id": store.workspace_id, "workspace_name": "Sandbox"})
    store.add("user", _user("admin", "Sandbox Admin", "admin"))


def _demo(store: Store) -> None:
    _empty(store)
    store.add("user", _user("chemist", "Sample Chemist", "team-member"))
    store.add("user", _user("viewer", "Sample Viewer", "viewer"))
    programs = [add_program(store, title, seed_id("program", title)) for title in ("Kinase inhibitors", "Formulation")]
    members = [seed_id("user", "admin"), seed_id("user", "chemist")]
    _group(store, "Chemistry", "chemistry@example.org", members, [programs[0]["id"]])
    for name in ("urgent", "in vitro", "in vivo"):
        store.add("label", {"id": seed_id("label", name), "label_name": name})

    compound_key = fields.ensure_key_field(store, "Compound", seed_id("key_field", "Compound"))[0]["id"]
    batch_key = fields.ensure_key_field(store, "Batch", seed_id("key_field", "Batch"))[0]["id"]
    compounds = fields.ensure_slice(store, [compound_key], id=seed_id("slice", "Compound"))
    batches = fields.ensure_slice(store, [compound_key, batch_key], id=seed_id("slice", "Compound and Batch"))
    columns = {
        name: fields.ensure_data_field(store, name, kind, id=seed_id("data_field", name))[0]
        for name, kind in (
            ("SMILES", "smiles-string"),
            ("Potency (nM)", "number"),
            ("Soluble", "boolean"),
            ("Measured on", "date"),
            ("Purity (%)", "number"),
            ("Comment", "text"),
            ("Spectrum", "file"),
            ("Registration status", "text"),
        )
    }
    views.add_view(
        store,
        "Main",
        compounds["id"],
        [columns[name]["id"] for name in ("SMILES", "Potency (nM)", "Soluble")],
        id=seed_id("view", "Compound Main"),
    )
    _definitions(store, columns, compounds, batches)
    _content(store, columns, compounds, programs)
    _dashboards(store, columns, compounds)


def _recent(store: Store) -> None:
    """The demo, a group without an e-mail, and fields of types that were added later.

    A client of those years that meets one of these cannot read the whole list that it is in.
    """
    _demo(store)
    _group(store, "Visitors", None, [seed_id("user", "viewer")], [])
    record_id = seed_id("record", "SBX-1")
    contents: dict[str, Json] = {
        "mixture": {"components": ["water", "ethanol"]},
        "status": "in stock",
        "rxn": "CCO>>CC=O",
        "protein-structure": "HEADER    INVENTED",
    }
    for kind, content in contents.items():
        name = f"A {kind}"
        field, _ = fields.ensure_data_field(store, name, kind, id=seed_id("data_field", name))
        values.write(store, record_id, field, values.checked(store, field, content))


def _definitions(store: Store, columns: dict[str, Document], compounds: Document, batches: Document) -> None:
    file_field = _property_field(store, "Results file", "file", "The file to register.")
    notes_field = _property_field(store, "Protocol", "text", "How it was done.")
    link_field = _property_field(store, "Online resource", "URL", "Where to read more.")

    screening = add_definition(store, "Screening experiment", "experiment", seed_id("definition", "screening"))
    for field in (notes_field, link_field):
        _definition_property(store, screening, field, "" if field is notes_field else [])

    results = [columns[name]["id"] for name in ("Potency (nM)", "Soluble", "Measured on", "Comment")]
    table, placement = _result_table(store, "Main", compounds, results, "registration")
    registration = add_definition(
        store,
        "Assay results registration",
        "experiment",
        seed_id("definition", "registration"),
        enforce_slice_id=compounds["id"],
        content_layout=[placement],
        registration_property_field_id=file_field["id"],
        registration_record_view_id=table["id"],
        registration_content_layout_id=placement["id"],
        registration_status_field_id=columns["Registration status"]["id"],
        registration_result_record_view_id=table["id"],
        registration_result_content_layout_id=placement["id"],
        view_ids_to_add_to_when_record_attached=[table["id"]],
    )
    for field, content in ((file_field, None), (notes_field, "")):
        _definition_property(store, registration, field, content)
    store.put("view", table | {"operation_definition_ids": [registration["id"]]})

    staging = views.add_view(
        store,
        "Batches to register",
        compounds["id"],
        [columns[name]["id"] for name in ("SMILES", "Purity (%)", "Comment")],
        is_template=True,
        id=seed_id("view", "staging"),
    )
    table, placement = _result_table(store, "Main", batches, [columns["Purity (%)"]["id"]], "batches")
    batch_registration = add_definition(
        store,
        "Batch registration",
        "experiment",
        seed_id("definition", "batches"),
        content_layout=[placement],
        registration_staging_template_view_id=staging["id"],
    )
    _definition_property(store, batch_registration, notes_field, "")
    store.put("view", table | {"operation_definition_ids": [batch_registration["id"]]})
    add_definition(store, "Milestone", "milestone", seed_id("definition", "milestone"))


def _content(store: Store, columns: dict[str, Document], compounds: Document, programs: list[Document]) -> None:
    project = add_activity(
        store, "Lead optimisation", "project", program_ids=[programs[0]["id"]], id=seed_id("activity", "project")
    )
    task = add_activity(store, "Order building blocks", "task", id=seed_id("activity", "task"))
    screening = add_activity(
        store,
        "Kinase screen",
        "experiment",
        store.get("definition", seed_id("definition", "screening")),
        program_ids=[programs[0]["id"]],
        id=seed_id("activity", "screen"),
    )
    for child in (task, screening):
        store.put("activity", child | {"parent_id": project["id"]})
        store.set_parent("activity", child["id"], project["id"])
    add_activity(
        store,
        "First registration",
        "experiment",
        store.get("definition", seed_id("definition", "registration")),
        id=seed_id("activity", "registration"),
    )
    key = compounds["key_field_ids"][0]
    rows: list[tuple[str, str, Json, bool]] = [
        ("SBX-1", "CCO", 12.5, True),
        ("SBX-2", "c1ccccc1", 340, False),
        ("SBX-3", "CC(=O)O", 0.8, True),
        ("SBX-4", "CCN(CC)CC", 1500, False),
        ("SBX-5", "OCC(O)CO", None, True),
    ]
    for name, smiles, potency, soluble in rows:
        record_id, _ = ensure_record(store, compounds, {key: name}, id=seed_id("record", name))
        for title, content in (("SMILES", smiles), ("Soluble", soluble)):
            values.write(store, record_id, columns[title], values.checked(store, columns[title], content))
        if potency is not None:
            membership.attach(store, screening, [record_id])
            column = columns["Potency (nM)"]
            values.write(store, record_id, column, values.checked(store, column, potency), screening["id"])


def _dashboards(store: Store, columns: dict[str, Document], compounds: Document) -> None:
    references = {"id": seed_id("record_set", "references"), "set_name": "Reference compounds"}
    store.add("record_set", references)
    leads = [seed_id("record", name) for name in ("SBX-1", "SBX-3")]
    store.run_many("insert into record_set_member values (?, ?)", [(references["id"], id_) for id_ in leads])
    for name, kind, record_ids, set_ids in (
        ("Lead candidates", "decision", leads, [references["id"]]),
        ("Screening overview", "summary", [], []),
    ):
        dashboard: Document = {
            "id": seed_id("dashboard", name),
            "dashboard_name": name,
            "dashboard_description": "",
            "dashboard_type": kind,
            "record_ids": record_ids,
            "record_set_ids": set_ids,
        }
        store.add("dashboard", dashboard)
        if record_ids:
            definitions, labels = [seed_id("definition", "screening")], [[seed_id("label", "in vitro")]]
            fields_shown = [columns["Potency (nM)"]["id"], compounds["key_field_ids"][0]]
            id_ = seed_id("category", "Potency")
            add_category(store, dashboard, "Potency", definitions, labels, fields_shown, id_)


def _large(store: Store) -> None:
    _empty(store)
    seed_large.fill(store)


def _group(store: Store, name: str, email: str | None, user_ids: list[str], program_ids: list[str]) -> None:
    group = {"id": seed_id("group", name.lower()), "group_name": name, "user_ids": user_ids, "email": email}
    store.add("group", group | {"program_ids": program_ids})


def _user(name: str, full_name: str, access_level: str) -> Document:
    return {
        "id": seed_id("user", name),
        "full_name": full_name,
        "preferred_name": None,
        "access_level": access_level,
        "email": f"{name}@example.org",
    }


def _property_field(store: Store, name: str, kind: str, description: str) -> Document:
    return store.add(
        "property_field",
        {
            "id": seed_id("property_field", name),
            "workspace_id": store.workspace_id,
            "created_by": store.user_id,
            "property_name": name,
            "property_description": description,
            "field_type": kind,
            "is_required": False,
            "connection_id": None,
            "attrs": {},
            "is_archived": False,
            "last_updated_by": store.user_id,
        },
    )


def _definition_property(store: Store, definition: Document, field: Document, content: Json) -> None:
    id_ = seed_id("property", f"{definition['id']}/{field['id']}")
    add_property(store, field, definition["id"], "task_definition", content, id_)


def _result_table(store: Store, name: str, piece: Document, columns: list[str], key: str) -> tuple[Document, Document]:
    """A template and its placement in a content layout."""
    table = views.add_view(store, name, piece["id"], columns, is_template=True, id=seed_id("view", key))
    placement = {
        "id": seed_id("place", key),
        "component_type": "result_table",
        "position_index": 0,
        "note_section_id": None,
        "sheet_id": None,
        "platemap_id": None,
        "record_view_id": table["id"],
        "drc_config_id": None,
    }
    return table, placement


SEEDS = {"empty": _empty, "demo": _demo, "recent": _recent, "large": _large}
