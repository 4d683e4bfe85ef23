"""The seed `large`: a workspace big enough to feel what listings, searches and pages cost. All of it is invented."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import Random
from typing import Any

from kalbio._core.emulator.strict_json import Document, dumps
from kalbio.sandbox import fields, views
from kalbio.sandbox.activities import add_activity
from kalbio.sandbox.content import Json
from kalbio.sandbox.definitions import add_definition
from kalbio.sandbox.layouts import add_placement
from kalbio.sandbox.programs import add_program
from kalbio.sandbox.records import identifier, identity
from kalbio.sandbox.store import Store

DATA_FIELDS = 200
PROJECTS, EXPERIMENTS, ACTIVITIES = 100, 2_500, 5_000
COMPOUNDS, BATCHES = 15_000, 5_000

_KINDS = ("number", "number", "text", "boolean", "date")
_STATUSES = ("to do", "in progress", "in review", "complete", "blocked")
_IN_EXPERIMENT = 8


def fill(store: Store) -> None:
    """Fill a workspace that has only its admin."""
    draw = Random(7)  # noqa: S311  not for secrets
    programs = [add_program(store, f"Program {number:02}")["id"] for number in range(1, 21)]
    for number in range(1, 31):
        store.add("label", {"id": store.new_id(), "label_name": f"Label {number:02}"})
    labels = [label["id"] for label in store.all("label")]
    compound_key, batch_key = (fields.ensure_key_field(store, name)[0]["id"] for name in ("Compound", "Batch"))
    compounds = fields.ensure_slice(store, [compound_key])
    batches = fields.ensure_slice(store, [compound_key, batch_key])
    columns = [
        fields.ensure_data_field(store, f"Property {number:03}", _KINDS[number % len(_KINDS)])[0]
        for number in range(1, DATA_FIELDS + 1)
    ]
    views.add_view(store, "Main", compounds["id"], [column["id"] for column in columns[:20]])
    definitions = [_definition(store, f"Assay {letter}", compounds, columns[at : at + 10])
                   for at, letter in zip(range(0, 50, 10), "ABCDE", strict=True)]  # fmt: skip
    experiments = _activities(store, draw, definitions, programs, labels)

    record_ids = _add_records(store, compounds, batches, compound_key, batch_key)
    with _bulk(store, "value") as write, _bulk(store, "membership") as join:
        for record_id in record_ids:
            for column in draw.sample(columns, 4):
                write(_value(store, record_id, column, _content(draw, column)))
        tables = {view["operation_ids"][0]: view["id"] for view in store.all("view") if view["operation_ids"]}
        for experiment in experiments:
            operation_id, chosen = experiment["id"], draw.sample(record_ids, _IN_EXPERIMENT)
            for view_id in ("", tables[operation_id]):
                for record_id in chosen:
                    join((operation_id, view_id, record_id, store.tick()))
            for record_id in chosen:
                write(_value(store, record_id, columns[0], _content(draw, columns[0]), operation_id))


# Records and values are written as the handlers write them, but all rows of a table at once: there are 200,000.


def _add_records(store: Store, compounds: Document, batches: Document, compound_key: str, batch_key: str) -> list[str]:
    """Compounds, and a batch of each of the first ones; gives the ids in the order in which they were made."""
    record_ids: list[str] = []
    key_values: dict[tuple[str, str], str] = {}
    with _bulk(store, "record") as add, _bulk(store, "record_key") as link, _bulk(store, "sub_record") as relate:

        def make(piece: Document, keys: dict[str, str]) -> str:
            record_id = store.new_id()
            record_ids.append(record_id)
            add((record_id, piece["id"], identity(piece, keys), identifier(piece, keys), store.tick(), None, None, 0))
            for position, field_id in enumerate(piece["key_field_ids"]):
                key_value_id = key_values.setdefault((field_id, keys[field_id]), store.new_id())
                link((record_id, position, key_value_id))
            return record_id

        for number in range(1, COMPOUNDS + 1):
            name = f"CPD-{number:05}"
            compound_id = make(compounds, {compound_key: name})
            if number <= BATCHES:
                relate((compound_id, make(batches, {compound_key: name, batch_key: "1"})))
    with _bulk(store, "key_value") as add:
        for (field_id, content), key_value_id in key_values.items():
            add((key_value_id, field_id, content))
    return record_ids


def _value(
    store: Store, record_id: str, column: Document, content: Json, operation_id: str | None = None
) -> tuple[object, ...]:
    """The row of a value."""
    return (
        store.new_id(), record_id, column["id"], operation_id, None, dumps(content), store.tick(), store.user_id, None,
    )  # fmt: skip


@contextmanager
def _bulk(store: Store, table: str) -> Iterator[Callable[[tuple[Any, ...]], None]]:
    """Collect rows of a table. At the end they are written in the order of its key, and its indexes after them."""
    rows: list[tuple[Any, ...]] = []
    yield rows.append
    rows.sort()
    sql = "select name, sql from sqlite_master where type = 'index' and tbl_name = ? and sql is not null"
    indexes = store.rows(sql, table)
    for name, _ in indexes:
        store.run(f"drop index {name}")
    marks = ", ".join("?" * len(rows[0]))
    store.run_many(f"insert into {table} values ({marks})", rows)  # noqa: S608  a name of this module
    for _, made_by in indexes:
        store.run(made_by)


def _definition(store: Store, title: str, piece: Document, columns: list[Document]) -> Document:
    table = views.add_view(store, "Results", piece["id"], [column["id"] for column in columns], is_template=True)
    definition = add_definition(store, title, "experiment", view_ids_to_add_to_when_record_attached=[table["id"]])
    add_placement(store, definition, table["id"], None)
    store.put("view", table | {"operation_definition_ids": [definition["id"]]})
    return store.put("definition", definition)


def _activities(
    store: Store, draw: Random, definitions: list[Document], programs: list[str], labels: list[str]
) -> list[Document]:
    """Projects with tasks and experiments below them; gives the experiments."""
    projects: list[Document] = []
    experiments: list[Document] = []
    for number in range(ACTIVITIES):
        program_ids = [programs[number % len(programs)]]
        if number < PROJECTS:
            activity = add_activity(store, f"Project {number + 1:03}", "project", program_ids=program_ids)
            projects.append(activity)
        elif number < PROJECTS + EXPERIMENTS:
            definition, title = definitions[number % len(definitions)], f"Experiment {number - PROJECTS + 1:04}"
            activity = add_activity(store, title, "experiment", definition, program_ids=program_ids)
            experiments.append(activity)
        else:
            activity = add_activity(store, f"Task {number - PROJECTS - EXPERIMENTS + 1:04}", "task")
        activity |= {"status": draw.choice(_STATUSES), "label_ids": draw.sample(labels, 2)}
        if activity["status"] == "complete":
            activity["completed_at_date"] = activity["created_at"]
        if number >= PROJECTS:
            activity["parent_id"] = projects[number % PROJECTS]["id"]
            store.set_parent("activity", activity["id"], activity["parent_id"])
        store.put("activity", activity)
    return experiments


def _content(draw: Random, column: Document) -> Json:
    kind = column["field_type"]
    if kind == "number":
        return f"{draw.lognormvariate(3, 1.5):.2f}"
    if kind == "boolean":
        return draw.random() < 0.5
    if kind == "date":
        return f"2025-{draw.randint(1, 12):02}-{draw.randint(1, 28):02}"
    return f"Note {draw.randint(1, 500)}"
