"""R144: what a client remembers is, after each of its own writes, what a client that remembers nothing is told."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from kaleidoscope_api.api.programs import create_program
from kaleidoscope_api.api.records import add_record_value
from kaleidoscope_api.models import CreateProgramBody
from kaleidoscope_api.operations import OPERATIONS

from kalbio import KalbioError, OutcomeUnknownError
from kalbio._model import staleness
from kalbio._model.record_keys import own_key
from kalbio.testing import InProcess
from tests import every_operation
from tests.altered import alter, query_of
from tests.conftest import Lab, World
from tests.requirements.test_caching import LISTINGS, Stage, asked
from tests.requirements.together import Gate
from tests.rows import row

KEY = {"Compound": "SBX-1"}
SERVICES = [
    "activities", "dashboards", "entity_fields", "entity_types", "exports", "files", "imports", "labels", "programs",
    "property_fields", "record_views", "records", "registration", "result_table_templates", "workspace",
]  # fmt: skip
# A guess of the platform about the values of a key field, not something that was written.
GUESSED = {"predicted_to_be_numeric"}


def plain(value: Any) -> Any:
    """JSON whose times are of one spelling: lists of records have microseconds, single records milliseconds."""
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items() if name not in GUESSED}
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, str) and re.match(r"\d{4}-\d\d-\d\dT", value):
        moment = datetime.fromisoformat(value).astimezone(UTC)
        return moment.replace(microsecond=moment.microsecond // 1000 * 1000).isoformat()
    return value


class Memory:
    """All that a client remembers, held against what a new client on the same sandbox is told."""

    def __init__(self, lab: Lab, world: World, api: Any = None) -> None:
        self.sandbox, self.world, self.api = lab.sandbox, world, lab.api if api is None else api
        # What was ever seen: it may have gone, or be called otherwise.
        self.ids: dict[str, None] = {}
        self.keys: dict[Any, None] = {}
        self.activities: dict[str, Any] = {}

    def look_around(self, fresh: Any) -> None:
        """Note which records and activities there are."""
        ids = [item for kind in fresh.entity_types.get_types() for item in kind.get_record_ids()]
        for activity in fresh.activities.get_activities():
            ids += activity.data_table_draft_record_ids
        for record in fresh.records.get_records_by_ids(ids):
            self.ids[record.id] = None
            if record.id not in self.ids or len(self.keys) < 20:
                self.keys[own_key(record._state)] = None
        for activity in self.world(self.api.activities.get_activities()):
            self.activities.setdefault(activity.id, activity)

    def told(self, world: Callable[[Any], Any], api: Any, activities: dict[str, Any]) -> dict[str, Any]:
        """Everything that can be remembered, as plain JSON."""
        ids, keys = list(self.ids), [dict(key) for key in self.keys if key]
        views = world(api.record_views.get_record_views())
        return {
            **{name: [plain(item.to_dict()) for item in world(read(api))] for name, read in LISTINGS.items()},
            "workspace": plain(world(api.workspace.get_workspace()).to_dict()),
            "records": {item.id: plain(item.to_dict()) for item in world(api.records.get_records_by_ids(ids))},
            "by id": [plain(item and item.to_dict()) for item in (world(api.records.get_record_by_id(ids[0])),)],
            "by key": [item.id for item in world(api.records.get_records_by_ids(keys))],
            "of record": {
                item: [plain(one.to_dict()) for one in world(api.activities.get_activities_with_record(item))]
                for item in (*ids[:3], *ids[-2:])
            },
            "children": {
                name: [plain(one.to_dict()) for one in world(item.child_activities)]
                for name, item in activities.items()
            },
            "columns": {
                view.id: [item.id for item in world(api.record_views.get_data_fields_on_view(view))] for view in views
            },
        }

    def fill(self) -> None:
        """Have the client read all of it, so that it is remembered."""
        with InProcess(self.sandbox).client as fresh:
            self.look_around(fresh)
        self.told(self.world, self.api, self.activities)

    def compare(self) -> None:
        """Assert that all of it is right."""
        with InProcess(self.sandbox).client as fresh:
            self.look_around(fresh)
            activities = {item.id: item for item in fresh.activities.get_activities() if item.id in self.activities}
            told = self.told(lambda result: result, fresh, activities)
        known = self.told(self.world, self.api, {name: self.activities[name] for name in activities})
        assert {name for name in told if told[name] != known[name]} == set()
        assert known == told


class Walk(World):
    """A world in which everything that is remembered is compared after each call that sends more than reads."""

    def __init__(self, lab: Lab, world: World) -> None:
        self.kind = world.kind
        self._world, self._lab, self._seen = world, lab, 0
        self.memory = Memory(lab, world)
        self.memory.fill()

    def __call__(self, result: Any) -> Any:
        found = self._world(result)
        new = self._lab.operations()[self._seen :]
        self._seen += len(new)
        if any(OPERATIONS[name].method != "GET" for name in new):
            self.memory.compare()
        return found


PARTS = [
    every_operation.activities, every_operation.records, every_operation.imports, every_operation.registration,
    every_operation.dashboards_and_workspace, every_operation.views_and_templates,
]  # fmt: skip


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.__name__)
def test_r144_after_every_call_all_that_is_remembered_is_right(
    lab: Lab, world: World, tmp_path: Path, part: Any
) -> None:
    """Whatever is called, all cached reads give afterwards what a new client reads."""
    walk = Walk(lab, world)

    part(walk, lab.api, tmp_path)

    walk.memory.compare()


def _raw(stage: Stage, operation: Any, *arguments: Any, **more: Any) -> Any:
    call = operation.sync_detailed if stage.world.kind == "sync" else operation.asyncio_detailed
    return call(*arguments, client=stage.api.raw, **more)


def _rows(stage: Stage, iterator: Any) -> Any:
    if stage.world.kind == "sync":
        return list(iterator)

    async def collect() -> list[Any]:
        return [item async for item in iterator]

    return collect()


def _with_sub_record(stage: Stage) -> Any:
    return stage.world(stage.api.records.get_or_create_record(KEY | {"Batch": "B-0"}))


def _staging(stage: Stage, template: Any) -> Callable[[], Any]:
    stage.world(stage.api.activities.create_activity("S", "experiment", activity_definition_id="Screening experiment"))
    definition = stage.definition("Screening experiment")
    return lambda: definition.set_registration_settings(staging_template_view_id=template)


def _restage(stage: Stage) -> Callable[[], Any]:
    batch = stage.batch()
    rows = [{"Compound": "CPD-10"}]
    return lambda: stage.api.registration.stage_drafts(batch.id, ["Compound"], rows, replace_existing=True)


def _property_of_definition(stage: Stage) -> Callable[[], Any]:
    owner = stage.definition("Assay results registration")
    item = next(item for item in owner.properties if item.field_type == "text")
    return lambda: item.update_property("default")


def _column(stage: Stage) -> Callable[[], Any]:
    other = next(view for view in stage.world(stage.api.record_views.get_record_views()) if view.view_fields)
    columns = [column.id for column in other.view_fields]
    template = stage.world(
        stage.api.result_table_templates.create_template(view_name="T", entity_slice_id="Compound", template_name="T")
    )
    return lambda: stage.api.result_table_templates.update_template(template, save_view_field_ids=columns)


# More than one operation can tell: bulk calls, parts of records, what is changed at once elsewhere, raw calls.
MORE: dict[str, Callable[[Stage], Callable[[], Any]]] = {
    "sub-record": lambda s: lambda: s.api.records.get_or_create_record(KEY | {"Batch": "B-1"}),
    "sub-records": lambda s: (
        lambda: s.api.records.get_or_create_records(
            [{"Compound": f"SBX-{n % 3 + 1}", "Batch": f"B-{n}"} for n in range(12)]
        )
    ),
    "sub-records as they come": lambda s: (
        lambda: _rows(
            s, s.api.records.iter_get_or_create_records([{"Compound": f"SBX-{n}", "Batch": "B"} for n in (1, 2, 3)])
        )
    ),
    "record of a new type": lambda s: (lambda key: lambda: s.api.records.get_or_create_record({key: "P-1"}))(
        s.world(s.api.entity_fields.get_or_create_key_field("Plate"))
    ),
    "value of a sub-record": lambda s: (lambda record: lambda: record.add_value("Comment", "x"))(_with_sub_record(s)),
    "values": lambda s: (
        lambda: s.api.records.add_values(
            [{"record": {"Compound": f"SBX-{n}"}, "field": "Comment", "content": "x"} for n in (1, 2, 3)]
        )
    ),
    "values as they come": lambda s: (
        lambda: _rows(
            s, s.api.records.iter_add_values([{"record": KEY, "field": "Comment", "content": n} for n in ("a", "b")])
        )
    ),
    "value in an activity": lambda s: lambda: s.record.add_value("Potency (nM)", 2, s.activity),
    "verified value": lambda s: lambda: s.record.update_field("Comment", "x", None, verify=True),
    "records of another activity": lambda s: (lambda run: lambda: run.add_records([s.record, s.other]))(
        s.world(s.api.activities.create_activity("N", "experiment", activity_definition_id="Screening experiment"))
    ),
    "moved activity": lambda s: (lambda run: lambda: run.update(parent_id="Lead optimisation"))(
        s.world(s.api.activities.create_activity("N", "task"))
    ),
    "other definition": lambda s: (lambda run: lambda: run.update(definition_id="Batch registration"))(
        s.world(s.api.activities.create_activity("N", "experiment"))
    ),
    "staging table": lambda s: _staging(s, s.template()),
    "no staging table": lambda s: (lambda d: lambda: d.set_registration_settings(staging_template_view_id=None))(
        (s.batch(), s.definition("Batch registration"))[1]
    ),
    "other drafts": _restage,
    "property of a definition": _property_of_definition,
    "column of a template": _column,
    "import into an activity": lambda s: (
        lambda: s.api.imports.push_data(
            ["Compound", "Lot"], [{"Compound": "SBX-1", "Lot": "7", "New column": 1}], operation_id=s.activity
        )
    ),
    "import in batches": lambda s: (
        lambda: s.api.imports.push_data(
            ["Compound"], [{"Compound": f"SBX-{n}", "Comment": "x"} for n in (1, 2, 3)], batch_size=2
        )
    ),
    "raw program": lambda s: lambda: _raw(s, create_program, body=CreateProgramBody(title="Raw")),
    "raw value": lambda s: (
        lambda field: lambda: _raw(s, add_record_value, s.record.id, body={"field_id": field.id, "content": "raw"})
    )(s.world(s.api.entity_fields.get_data_field_by_id("Comment"))),
    "a request that names no operation": lambda s: (
        lambda: s.api.call({"method": "POST", "url": "/programs", "json": {"title": "Unnamed"}})
    ),
}


@pytest.mark.parametrize("name", MORE)
def test_r144_a_write_is_seen_in_every_remembered_read(lab: Lab, world: World, name: str) -> None:
    """After a write in bulk, of a part of a record, or raw, cached reads are those of a new client."""
    stage = Stage(lab, world)
    call = MORE[name](stage)
    memory = Memory(lab, world)
    memory.fill()

    world(call())

    memory.compare()


def test_r144_every_operation_that_writes_has_a_row() -> None:
    """The table knows each operation that may change something, and says why where nothing remembered changes."""
    for method in [operation.id for operation in OPERATIONS.values() if operation.method != "GET"]:
        with row(method):
            change = staleness.CHANGES[method]
            assert change.kinds or change.why
            assert not (change.kinds and change.why)


def test_r144_the_table_and_the_caches_know_the_same_kinds(lab: Lab) -> None:
    """No row is of an unknown operation or kind, and every cache has a kind that the table may name."""
    for service in SERVICES:
        getattr(lab.api, service)
    kinds = {
        kind
        for change in staleness.CHANGES.values()
        for part in (change.kinds, *change.given.values())
        for kind in part
    }
    assert set(staleness.CHANGES) <= set(OPERATIONS)
    assert kinds <= set(lab.api.session.remembered)
    assert set(lab.api.session.remembered) == staleness.KINDS | {staleness.NAMED_RECORDS, staleness.MADE_RECORD}


@pytest.mark.parametrize("way", ["lost", "failed", "unusable", "lost, then refused"])
def test_r144_a_write_that_may_be_in_counts_as_one(world: World, way: str) -> None:
    """A lost answer, a failure, an unusable answer, and a refusal after a lost answer are followed by fresh reads."""
    lab = Lab(world, retries=1 if way == "lost, then refused" else 0)
    api = lab.api
    program = world(api.programs.get_programs())[0]
    if way == "lost":
        lab.fail("updateProgram", lose_answer=True)
    elif way == "failed":
        lab.fail("updateProgram", status=500)
    elif way == "unusable":
        lab.fail("updateProgram", body=b"<html>")
    else:
        lab.fail("updateProgram", lose_answer=True)
        lab.fail("updateProgram", status=409)

    with pytest.raises((KalbioError, OutcomeUnknownError)):
        world(api.programs.update_program(program, "Renamed"))

    assert asked(lab, world, api.programs.get_programs) == ["listPrograms"]
    lab.close()


def test_r144_what_is_dear_is_kept(lab: Lab, world: World) -> None:
    """Writing values and making records in bulk lets no listing and no other record be read again."""
    api = lab.api
    field = world(api.entity_fields.get_data_field_by_id("Comment"))
    others = world(api.records.get_records_by_ids([{"Compound": f"SBX-{n}"} for n in (3, 4, 5)]))
    world(api.entity_types.get_types())
    first = world(api.records.get_record_by_id(KEY))
    world(api.records.add_values([{"record": first, "field": field, "content": n} for n in ("a", "b")]))
    made = world(api.records.get_or_create_records([{"Compound": f"NEW-{n}"} for n in range(12)]))

    def read() -> Any:
        world(api.entity_fields.get_data_fields()), world(api.entity_types.get_types())
        world(api.records.get_records_by_ids([outcome.id for outcome in made]))
        return api.records.get_records_by_ids([item.id for item in others])

    assert asked(lab, world, read) == []
    parent = asked(lab, world, lambda: api.records.get_or_create_record({"Compound": "SBX-3", "Batch": "B"}))
    assert parent == ["getOrCreateRecord"]
    assert asked(lab, world, read) == ["listRecords"]
    # It has a sub-record now; the others are still there.
    assert query_of(lab, "listRecords")["record_ids"] == others[0].id


def test_r144_who_asks_after_a_write_gets_no_answer_from_before(lab: Lab, world: World) -> None:
    """A read of the parent that is under way when a sub-record is made is neither shared after that nor kept."""
    gate = Gate(lab.transport, "getRecord")
    api = world.connect(transport=gate, retries=0)
    wanted = world(lab.api.records.get_record_by_id(KEY)).id
    world(api.entity_fields.get_key_fields())
    seen: list[Any] = []

    def read() -> Any:
        return api.records.get_record_by_id(wanted)

    def write() -> None:
        api.records.get_or_create_record(KEY | {"Batch": "B"})
        seen.append(read())

    async def write_async() -> None:
        await api.records.get_or_create_record(KEY | {"Batch": "B"})
        seen.append(await read())

    before = gate.during(world, read, write if world.kind == "sync" else write_async)

    assert before.sub_record_ids == []
    assert [len(record.sub_record_ids) for record in (*seen, world(read()))] == [1, 1]


@pytest.mark.parametrize("look", ["get_import", "get_imports"])
def test_r144_an_import_is_seen_when_its_end_is(lab: Lab, world: World, look: str) -> None:
    """What an import brings in the background is seen once the client is told that it has ended, and only then."""
    import_id = world(lab.api.imports.push_data(["Compound"], [{"Compound": "CPD-1"}]))
    answers = iter([False, True, True])

    def told(body: Any) -> Any:
        complete = next(answers)
        return [{**body[0], "is_complete": complete}] if isinstance(body, list) else {**body, "is_complete": complete}

    alter(lab, "getImport", told)
    alter(lab, "listImports", told)
    costs = []
    for _ in range(3):
        world(lab.api.entity_fields.get_data_fields())
        world(lab.api.imports.get_import(import_id) if look == "get_import" else lab.api.imports.get_imports())
        costs.append(asked(lab, world, lab.api.entity_fields.get_data_fields))

    # Who asks for one import by its id wants to see what it did, again and again; a listing tells the end once.
    assert costs == [[], ["listDataFields"], ["listDataFields"] if look == "get_import" else []]
