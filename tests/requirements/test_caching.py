"""R75–R87: caching, state and concurrency, counted at the wire."""

from __future__ import annotations

import gc
import sys
import threading
import weakref
from collections.abc import Callable
from datetime import datetime
from functools import partial
from types import SimpleNamespace
from typing import Any

import attrs
import pytest

from kalbio import KalbioError
from kalbio.sandbox import Sandbox
from kalbio.testing import InProcess
from tests.conftest import Lab, World
from tests.demo import NOWHERE
from tests.requirements.together import Gate, together


def listing(service: str, method: str) -> Callable[..., Any]:
    """Return the call of a listing method; keywords go through."""
    return lambda api, **options: getattr(getattr(api, service), method)(**options)


LISTINGS = {
    "listActivities": listing("activities", "get_activities"),
    "listActivityDefinitions": listing("activities", "get_definitions"),
    "listKeyFields": listing("entity_fields", "get_key_fields"),
    "listDataFields": listing("entity_fields", "get_data_fields"),
    "listEntitySlices": listing("entity_types", "get_types"),
    "listRecordViews": listing("record_views", "get_record_views"),
    "listRecordViewTemplates": listing("result_table_templates", "get_templates"),
    "listPrograms": listing("programs", "get_programs"),
    "listActivityLabels": listing("labels", "get_labels"),
    "listPropertyFields": listing("property_fields", "get_property_fields"),
    "listDashboards": listing("dashboards", "get_dashboards"),
    "listWorkspaceMembers": listing("workspace", "get_members"),
    "listWorkspaceGroups": listing("workspace", "get_groups"),
}


def cost(operation: str) -> list[str]:
    """Return the operations of a read: types that are called after their key fields need the list of these."""
    return [operation, *(["listKeyFields"] if operation == "listEntitySlices" else [])]


def record_id(lab: Lab, name: str) -> str:
    """Return the id of a seeded compound, asked for with a client of its own."""
    with InProcess(lab.sandbox).client as other:
        record = other.records.get_record_by_id({"Compound": name})
    assert record is not None
    return record.id


def reads(lab: Lab) -> dict[str, Callable[..., Any]]:
    """Return every cached read, by the operation that it costs."""
    wanted = record_id(lab, "SBX-1")
    return {
        **LISTINGS,
        "getActiveWorkspace": listing("workspace", "get_workspace"),
        "getRecord": lambda api, **options: api.records.get_record_by_id(wanted, **options),
        "listRecords": lambda api, **options: api.records.get_records_by_ids([wanted], **options),
        "listRecordOperations": lambda api, **options: api.activities.get_activities_with_record(wanted, **options),
    }


class Asked:
    """Counts the operations of a block."""

    def __init__(self, lab: Any) -> None:
        self._lab = lab

    def __enter__(self) -> list[str]:
        self._before = len(self._lab.operations())
        self._found: list[str] = []
        return self._found

    def __exit__(self, *exc_info: object) -> None:
        self._found += self._lab.operations()[self._before :]


def asked(lab: Any, world: World, call: Callable[[], Any]) -> list[str]:
    """Return the operations that a call costs."""
    with Asked(lab) as operations:
        world(call())
    return operations


@pytest.mark.parametrize(
    "operation", [*LISTINGS, "getActiveWorkspace", "getRecord", "listRecords", "listRecordOperations"]
)
def test_r075_every_cached_read_can_be_bypassed(lab: Lab, world: World, operation: str) -> None:
    """A second read is free; by call, by block, by client and for good it asks the server."""
    api, read = lab.api, reads(lab)[operation]
    assert asked(lab, world, lambda: read(api)) == cost(operation)
    assert asked(lab, world, lambda: read(api)) == []

    assert asked(lab, world, lambda: read(api, use_cache=False)) == cost(operation)
    with api.cache_disabled():
        assert asked(lab, world, lambda: read(api)) == cost(operation)
    assert asked(lab, world, lambda: read(api)) == []
    api.clear_caches()
    assert asked(lab, world, lambda: read(api)) == cost(operation)

    uncached = world.connect(transport=lab.transport, use_cache=False)
    assert asked(lab, world, lambda: read(uncached)) == asked(lab, world, lambda: read(uncached)) == cost(operation)


def test_r075_relations_of_an_object_can_be_cleared(lab: Lab, world: World) -> None:
    """What was computed for one object is asked for again after it is cleared, and in a bypassing block."""
    project = world(lab.api.activities.get_activity_by_id("Lead optimisation"))
    world(project.child_activities)
    assert asked(lab, world, lambda: project.child_activities) == []

    project.clear_caches()
    assert asked(lab, world, lambda: project.child_activities) == ["listChildActivities"]
    with lab.api.cache_disabled():
        assert asked(lab, world, lambda: project.child_activities) == ["listChildActivities"]


def test_r076_caches_belong_to_one_client(lab: Lab, world: World) -> None:
    """Clearing one client leaves the other alone, and many clients do not push out the first."""
    first, second = lab.api, world.connect(transport=lab.transport)
    for client in (first, second):
        assert asked(lab, world, client.programs.get_programs) == ["listPrograms"]
    second.clear_caches()
    assert asked(lab, world, first.programs.get_programs) == []
    assert asked(lab, world, second.programs.get_programs) == ["listPrograms"]

    for _ in range(130):
        world(world.connect(transport=lab.transport).programs.get_programs())
    assert asked(lab, world, first.programs.get_programs) == []


def test_r076_caches_die_with_their_client(lab: Lab) -> None:
    """Nothing outside keeps a client alive that was used and dropped."""
    client = InProcess(lab.sandbox).client
    assert client.programs.get_programs()
    assert client.records.get_record_by_id({"Compound": "SBX-1"}) is not None
    client.close()
    gone = weakref.ref(client)

    del client
    gc.collect()

    assert gone() is None


@pytest.mark.parametrize("policy", ["raise", "log"])
@pytest.mark.parametrize("operation", [*LISTINGS, "getActiveWorkspace", "getRecord", "listRecordOperations"])
def test_r077_failures_are_never_cached(world: World, operation: str, policy: str) -> None:
    """After a failure the next call asks again and gets what is there, under either error policy."""
    lab = Lab(world, retries=0, on_error=policy)
    read = reads(lab)[operation]
    for status in (500, 503, 403):
        lab.fail(operation, status=status)
        try:
            assert not world(read(lab.api))
            assert policy == "log"
        except KalbioError:
            assert policy == "raise"
    with Asked(lab) as operations:
        found = world(read(lab.api))

    assert operations == cost(operation)
    assert found or operation == "listRecordOperations"
    lab.close()


@pytest.mark.parametrize("operation", LISTINGS)
def test_r078_lists_belong_to_the_caller(lab: Lab, world: World, operation: str) -> None:
    """Clearing a returned list, or the lists of its objects, changes nothing for the next reader."""
    first = world(LISTINGS[operation](lab.api))
    count, known = len(first), [item.to_dict() for item in first]
    for item in first:
        for name in dir(type(item)):
            if isinstance(type(item).__dict__.get(name), property) or name.startswith("_"):
                continue
            value = getattr(item, name)
            if isinstance(value, list | dict):
                with pytest.raises(TypeError, match="would change nothing"):
                    value.clear()
        item.to_dict().clear()
    first.clear()

    again = world(LISTINGS[operation](lab.api))
    assert (len(again), [item.to_dict() for item in again]) == (count, known)
    assert count
    assert lab.operations() == cost(operation)


def test_r078_records_and_relations_belong_to_the_caller(lab: Lab, world: World) -> None:
    """The same for values of a record, for its activities and for the parts of an activity."""
    wanted = record_id(lab, "SBX-1")
    record = world(lab.api.records.get_record_by_id(wanted))
    field = next(iter(record.record_values))
    for values in (record.record_values[field], record.record_values):
        with pytest.raises(TypeError, match="would change nothing"):
            values.clear()
    record.to_dict()["record_values"].clear()
    world(lab.api.records.get_records_by_ids([wanted])).clear()
    world(lab.api.activities.get_activities_with_record(wanted)).clear()
    project = world(lab.api.activities.get_activity_by_id("Lead optimisation"))
    world(project.child_activities).clear()
    with pytest.raises(TypeError, match="would change nothing"):
        project.child_ids.clear()

    assert world(lab.api.records.get_record_by_id(wanted)).record_values[field]
    assert len(world(lab.api.records.get_records_by_ids([wanted]))) == 1
    assert len(world(lab.api.activities.get_activities_with_record(wanted))) == 1
    assert len(world(project.child_activities)) == len(project.child_ids) == 2


def test_r079_a_list_that_was_read_before_a_write_is_not_kept(lab: Lab, world: World) -> None:
    """A listing under way while a program is made is handed out, but the next reader sees the program."""
    gate = Gate(lab.transport, "listPrograms")
    api = world.connect(transport=gate, retries=0)
    world(api.workspace.get_workspace())

    before = gate.during(world, api.programs.get_programs, lambda: api.programs.create_program("New"))

    assert "New" not in [program.title for program in before]
    assert "New" in [program.title for program in world(api.programs.get_programs())]


@pytest.mark.parametrize("operation", ["getRecord", "listRecords", "identifyRecords", "getOrCreateRecord"])
def test_r079_a_record_that_was_read_before_a_write_is_not_kept(lab: Lab, world: World, operation: str) -> None:
    """The same for a record read by id, in a batch, by key values, or got-or-created, while a value is written."""
    gate = Gate(lab.transport, operation)
    api = world.connect(transport=gate, retries=0)
    wanted = record_id(lab, "SBX-1")
    key = {world(lab.api.entity_fields.get_key_field_by_id("Compound")).id: "SBX-1"}
    field = world(lab.api.entity_fields.get_data_field_by_id("Comment")).id
    kind: Any = type(world(lab.api.records.get_record_by_id(wanted)))
    writer = kind({"id": wanted}, api)
    read = {
        "getRecord": lambda: api.records.get_record_by_id(wanted),
        "listRecords": lambda: api.records.get_records_by_ids([wanted]),
        "identifyRecords": lambda: api.records.get_record_by_id(key),
        "getOrCreateRecord": lambda: api.records.get_or_create_record(key),
    }[operation]

    gate.during(world, read, lambda: writer.add_value(field, "late"))

    for again in (wanted, key):
        record = world(api.records.get_record_by_id(again))
        assert world(record.get_value_content(field)) == "late"


def test_r079_key_values_that_were_read_before_they_changed_are_not_kept(lab: Lab, world: World) -> None:
    """A record under way while its key changes is not found by its old key afterwards without asking."""
    gate = Gate(lab.transport, "getRecord")
    api = world.connect(transport=gate, retries=0)
    wanted = record_id(lab, "SBX-1")
    key = {world(api.entity_fields.get_key_field_by_id("Compound")).id: "SBX-1"}
    change = _replace_keys(Stage(lab, world, api))
    api.records.clear_caches()

    gate.during(world, lambda: api.records.get_record_by_id(wanted), change)
    world(api.records.get_record_by_id(wanted))

    assert asked(lab, world, lambda: api.records.get_record_by_id(key)) == ["identifyRecords"]


SHARED = [*LISTINGS, "getActiveWorkspace", "getRecord", "identifyRecords", "listRecordOperations"]


@pytest.mark.parametrize("operation", SHARED)
def test_r080_parallel_identical_reads_share_one_request(lab: Lab, world: World, operation: str) -> None:
    """Five callers ask for the same at the same time: one request, five answers."""
    gate = Gate(lab.transport, operation)
    api = world.connect(transport=gate, retries=0)
    key = {world(lab.api.entity_fields.get_key_field_by_id("Compound")).id: "SBX-1"}
    by_key: Callable[..., Any] = lambda api: api.records.get_record_by_id(key)  # noqa: E731
    read = {**reads(lab), "identifyRecords": by_key}[operation]
    started: list[int] = []

    def call() -> Any:
        started.append(1)
        return read(api)

    opener = threading.Timer(0.05, gate.opened.set)  # the others have joined by then
    opener.start()
    with Asked(lab) as operations:
        found = together(world, *[call] * 5)
    opener.join()

    assert operations == cost(operation)
    assert len(started) == len(found) == 5
    assert all(item == found[0] for item in found)


def test_r081_threads_may_read_write_and_clear_at_once() -> None:
    """Eight threads that read, write and clear through one client never fail and never see something wrong."""
    interval = sys.getswitchinterval()
    sandbox = Sandbox()
    lab = InProcess(sandbox, retries=0)
    client = lab.client
    client.records.get_or_create_record({"Compound": "SBX-1"})
    errors: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for turn in range(12):
                name = f"T-{number % 4}-{turn % 3}"
                record = client.records.get_or_create_record({"Compound": name})
                record.add_value("Comment", f"{name} {turn}")
                assert str(client.records.get_record_by_id({"Compound": name})) == name
                assert len(client.records.get_records_by_ids([record.id, record])) == 2
                assert len(client.programs.get_programs()) == 2
                assert client.activities.get_activity_by_id("Kinase screen") is not None
                if turn % 4 == number % 4:
                    client.clear_caches()
        except BaseException as error:
            errors.append(error)

    sys.setswitchinterval(1e-5)
    try:
        threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
        lab.close()
    assert errors == []


# -- R82: what each write drops ---------------------------------------------------------------------------------------


class Stage:
    """A client whose caches are all filled, and what writes work on."""

    def __init__(self, lab: Lab, world: World, api: Any = None) -> None:
        api = lab.api if api is None else api
        self.lab, self.world, self.api = lab, world, api
        self.activity = world(api.activities.get_activity_by_id("Kinase screen"))
        self.record = world(api.records.get_record_by_id({"Compound": "SBX-1"}))
        self.other = world(api.records.get_record_by_id({"Compound": "SBX-3"}))
        self.key_id = world(api.entity_fields.get_key_field_by_id("Compound")).id
        self.reads: dict[str, Callable[[], Any]] = {
            name: partial(read, api)
            for name, read in {
                "activities": LISTINGS["listActivities"],
                "definitions": LISTINGS["listActivityDefinitions"],
                "key fields": LISTINGS["listKeyFields"],
                "data fields": LISTINGS["listDataFields"],
                "entity types": LISTINGS["listEntitySlices"],
                "views": LISTINGS["listRecordViews"],
                "templates": LISTINGS["listRecordViewTemplates"],
                "programs": LISTINGS["listPrograms"],
                "dashboards": LISTINGS["listDashboards"],
                "labels": LISTINGS["listActivityLabels"],
                "property fields": LISTINGS["listPropertyFields"],
                "members": LISTINGS["listWorkspaceMembers"],
                "groups": LISTINGS["listWorkspaceGroups"],
                "workspace": lambda api: api.workspace.get_workspace(),
                "record→activities": lambda api: api.activities.get_activities_with_record(self.other.id),
                "relations": lambda _: self.activity.child_activities,
                "record by key": lambda api: api.records.get_record_by_id({self.key_id: "SBX-1"}),
                "other records": lambda api: api.records.get_record_by_id(self.other.id),
            }.items()
        }

    def seen(self) -> set[str]:
        """Read everything; return what was asked for again."""
        return {name for name, read in self.reads.items() if asked(self.lab, self.world, read)}

    def definition(self, title: str) -> Any:
        return self.world(self.api.activities.get_definition_by_id(title))

    def template(self) -> Any:
        return self.world(self.api.result_table_templates.get_templates())[0]

    def view(self) -> Any:
        return self.world(self.api.record_views.get_record_views())[0]

    def run(self) -> Any:
        """An experiment with a file that can be registered."""
        made = self.world(
            self.api.activities.create_activity(
                "Run", "experiment", activity_definition_id="Assay results registration"
            )
        )
        self.world(made.add_records([self.record]))
        return made

    def batch(self, staged: bool = True) -> Any:
        """An experiment with a staging table, and one draft in it."""
        made = self.world(
            self.api.activities.create_activity("Batch", "experiment", activity_definition_id="Batch registration")
        )
        if staged:
            self.world(self.api.registration.stage_drafts(made.id, ["Compound"], [{"Compound": "CPD-9"}]))
            self.world(made.refetch())
        return made

    def submission(self) -> Any:
        """A submission of that draft."""
        batch = self.batch()
        return SimpleNamespace(batch=batch, id=self.world(self.api.registration.submit_drafts(batch.id)).id)


@attrs.frozen
class Write:
    """A row of the table: the operation, how to get ready and what to call then, and which caches go."""

    operation: str
    ready: Callable[[Stage], Callable[[], Any]]
    drops: str


def _properties(stage: Stage, kind: str) -> Any:
    return next(item for item in stage.run().properties if item.field_type == kind)


def _dashboard(stage: Stage) -> Any:
    return stage.world(stage.api.dashboards.get_dashboards())[0]


def _templates(method: str, *first: str, **more: Any) -> Callable[[Stage], Callable[[], Any]]:
    def ready(stage: Stage) -> Callable[[], Any]:
        template = stage.template()
        return lambda: getattr(stage.api.result_table_templates, method)(template, **more)

    return ready


def _unlink(stage: Stage) -> Callable[[], Any]:
    templates, template = stage.api.result_table_templates, stage.template()
    stage.world(templates.link_to_operation_definition(template, operation_definition_id="Screening experiment"))
    definition = stage.definition("Screening experiment")
    place = definition.content_layout_ids_for_view(template.id)[0]
    return lambda: templates.unlink_from_operation_definition(
        template, operation_definition_id=definition, content_layout_id=place
    )


def _promote(stage: Stage) -> Callable[[], Any]:
    view = stage.world(stage.activity.record_views)[0]
    return lambda: stage.api.result_table_templates.promote_view_to_template(
        source_view_id=view, operation_definition_id="Screening experiment", view_name="Promoted"
    )


def _replace_keys(stage: Stage) -> Callable[[], Any]:
    view = stage.view()
    ids = stage.world(stage.api.records.search_records(entity_slice_id=view.entity_slice_id))
    transfers = [
        {"record_id": record, "key_field_name_to_value": {"Compound": str(record), "Salt form": "none"}}
        for record in stage.world(stage.api.records.get_records_by_ids(ids))
    ]
    return lambda: view.replace_key_fields({"add_key_field_names": ["Salt form"], "records_to_transfer": transfers})


def _import(stage: Stage) -> Callable[[], Any]:
    def push() -> Any:
        imports = stage.api.imports
        import_id = stage.world(imports.push_data(["Compound"], [{"Compound": "SBX-1", "Potency (nM)": 1}]))
        return imports.get_import(import_id)

    return push


def _file(stage: Stage, registered: bool) -> tuple[Any, str]:
    upload = _properties(stage, "file")
    file_id = str(stage.world(upload.update_property_file("a.csv", b"a"))["file_id"])
    run = stage.world(stage.api.activities.get_activity_by_id("Run"))
    if registered:
        stage.world(stage.api.registration.register_file(run, file_id))
    return run.id, file_id


def _registration(method: str, *after: Any) -> Callable[[Stage], Callable[[], Any]]:
    """A step of file-based registration."""

    def ready(stage: Stage) -> Callable[[], Any]:
        run, file_id = _file(stage, method != "register_file")
        return lambda: getattr(stage.api.registration, method)(run, file_id, *after)

    return ready


def _submission(method: str, *after: Any) -> Callable[[Stage], Callable[[], Any]]:
    def ready(stage: Stage) -> Callable[[], Any]:
        made = stage.submission()
        return lambda: getattr(stage.api.registration, method)(made.batch.id, made.id, *after)

    return ready


def _drafts(method: str, named: bool = False) -> Callable[[Stage], Callable[[], Any]]:
    def ready(stage: Stage) -> Callable[[], Any]:
        batch = stage.batch()
        more = (batch.data_table_draft_record_ids,) if named else ()
        return lambda: getattr(stage.api.registration, method)(batch.id, *more)

    return ready


def _stage_drafts(stage: Stage) -> Callable[[], Any]:
    batch = stage.batch(staged=False)
    return lambda: stage.api.registration.stage_drafts(batch.id, ["Compound"], [{"Compound": "CPD-8"}])


ACTIVITY = "activities, record→activities, relations"  # each of them shows whole activities
RECORDS = "record by key, other records"
VIEW_KEYS = f"{ACTIVITY}, views, {RECORDS}, entity types, key fields"
TEMPLATES = "templates, views"  # listings of views have templates too
LINKS = f"{ACTIVITY}, {TEMPLATES}, definitions, {RECORDS}"  # tables come and go, with the records in them
STEP = f"{ACTIVITY}, {RECORDS}, entity types"  # progress is written as values, and results bring records

WRITES: dict[str, Write] = {
    "create activity": Write(
        "createActivity", lambda s: lambda: s.api.activities.create_activity("New", "experiment"), f"{ACTIVITY}, views"
    ),
    "update activity": Write(
        "updateActivity", lambda s: lambda: s.activity.update(title="Renamed"), ACTIVITY
    ),
    "add records": Write(
        "addOperationRecords", lambda s: lambda: s.activity.add_records([{"Compound": "SBX-5"}]),
        ACTIVITY,
    ),
    "remove records": Write(
        "removeOperationRecords", lambda s: lambda: s.activity.remove_records([s.record]),
        f"{ACTIVITY}, {RECORDS}",
    ),
    "property value": Write(
        "updateProperty", lambda s: (lambda item: lambda: item.update_property("x"))(_properties(s, "text")),
        f"{ACTIVITY}, definitions",
    ),
    "property file": Write(
        "uploadPropertyFile",
        lambda s: (lambda item: lambda: item.update_property_file("a.csv", b"a"))(_properties(s, "file")),
        f"{ACTIVITY}, definitions",
    ),
    "definition update": Write(
        "updateActivityDefinition",
        lambda s: (lambda item: lambda: item.update(title="Renamed"))(s.definition("Milestone")), "definitions",
    ),
    "definition update, propagated": Write(
        "updateActivityDefinition",
        lambda s: (lambda item: lambda: item.update(title="Renamed", propagate_to_instances=True))(
            s.definition("Milestone")
        ),
        f"{ACTIVITY}, definitions",
    ),
    "registration settings": Write(
        "updateActivityDefinition",
        lambda s: (lambda item: lambda: item.set_registration_settings(status_field_id=None))(
            s.definition("Assay results registration")
        ),
        "definitions",
    ),
    "queuing behaviour": Write(
        "updateActivityDefinition",
        lambda s: (lambda item: lambda: item.set_queuing_behavior(queue_content_layout_ids=[]))(
            s.definition("Assay results registration")
        ),
        "definitions",
    ),
    "create key field": Write(
        "getOrCreateKeyField", lambda s: lambda: s.api.entity_fields.get_or_create_key_field("Plate"), "key fields"
    ),
    "update key field": Write(
        "updateKeyField",
        lambda s: (lambda item: lambda: item.update(field_description="x"))(
            s.world(s.api.entity_fields.get_key_field_by_id("Batch"))
        ),
        "key fields",
    ),
    "rename key field": Write(
        "updateKeyField",
        lambda s: (lambda item: lambda: item.update(field_name="Lot"))(
            s.world(s.api.entity_fields.get_key_field_by_id("Batch"))
        ),
        "key fields, entity types",
    ),
    "create data field": Write(
        "getOrCreateDataField",
        lambda s: lambda: s.api.entity_fields.get_or_create_data_field("logP", "number"), "data fields",
    ),
    "update data field": Write(
        "updateDataField",
        lambda s: (lambda item: lambda: item.update(field_description="x"))(
            s.world(s.api.entity_fields.get_data_field_by_id("Comment"))
        ),
        "data fields",
    ),
    "extend view": Write(
        "addRecordViewKeyField",
        lambda s: (lambda view: lambda: view.extend_view(
            {"new_key_field_name": "Salt form", "records_to_transfer": None}
        ))(s.view()),
        VIEW_KEYS,
    ),
    "replace key fields": Write("replaceRecordViewKeyFields", _replace_keys, VIEW_KEYS),
    "template create": Write(
        "createRecordViewTemplate",
        lambda s: lambda: s.api.result_table_templates.create_template(view_name="New", entity_slice_id="Compound"),
        TEMPLATES,
    ),
    "template from view": Write(
        "createRecordViewTemplate",
        lambda s: (lambda view: lambda: s.api.result_table_templates.save_view_as_template(
            source_view_id=view, view_name="New"
        ))(s.view()),
        TEMPLATES,
    ),
    "template update": Write(
        "updateRecordViewTemplate", _templates("update_template", view_name="Renamed"), TEMPLATES
    ),
    "template duplicate": Write("duplicateRecordViewTemplate", _templates("duplicate_template"), TEMPLATES),
    "template delete": Write("deleteRecordViewTemplate", _templates("delete_template"), LINKS),
    "template promote": Write("promoteRecordView", _promote, LINKS),
    "template link": Write(
        "linkRecordViewTemplate",
        _templates("link_to_operation_definition", operation_definition_id="Screening experiment"), LINKS,
    ),
    "template unlink": Write("unlinkRecordViewTemplate", _unlink, LINKS),
    "template bulk link": Write(
        "bulkLinkRecordViewTemplate",
        _templates("bulk_link_to_operation_definitions", operation_definition_ids=["Screening experiment"]), LINKS,
    ),
    "template bulk unlink": Write(
        "bulkUnlinkRecordViewTemplate",
        _templates("bulk_unlink_from_operation_definitions", operation_definition_ids=["Assay results registration"]),
        LINKS,
    ),
    "program create": Write("createProgram", lambda s: lambda: s.api.programs.create_program("New"), "programs"),
    "program update": Write(
        "updateProgram", lambda s: lambda: s.api.programs.update_program("Formulation", "Renamed"), "programs"
    ),
    "dashboard record added": Write(
        "addDashboardRecord", lambda s: (lambda item: lambda: item.add_record(s.other))(_dashboard(s)), "dashboards"
    ),
    "dashboard record removed": Write(
        "removeDashboardRecord",
        lambda s: (lambda item: lambda: item.remove_record(s.record))(_dashboard(s)), "dashboards",
    ),
    "dashboard set added": Write(
        "addDashboardSet",
        lambda s: (lambda item: lambda: item.add_set(item.record_set_ids[0]))(_dashboard(s)), "dashboards",
    ),
    "dashboard set removed": Write(
        "removeDashboardSet",
        lambda s: (lambda item: lambda: item.remove_set(item.record_set_ids[0]))(_dashboard(s)), "dashboards",
    ),
    "record value": Write("addRecordValue", lambda s: lambda: s.record.add_value("Comment", "x"), "record by key"),
    "record file": Write(
        "uploadRecordValueFile",
        lambda s: lambda: s.record.update_field_file("Spectrum", "a.txt", b"a"), "record by key",
    ),
    "record file by id": Write(
        "uploadRecordValueFile",
        lambda s: lambda: s.api.records.create_record_value_file(s.record.id, "Spectrum", "a.txt", b"a"),
        "record by key",
    ),
    "import, once complete": Write(
        "pushImport", _import, f"{ACTIVITY}, {RECORDS}, key fields, data fields, entity types, {TEMPLATES}"
    ),
    "stage drafts": Write("createImport", _stage_drafts, ACTIVITY),
    "validate drafts": Write("validateDrafts", _drafts("validate_drafts"), STEP),
    "submit drafts": Write("submitDrafts", _drafts("submit_drafts"), STEP),
    "clear drafts": Write(
        "clearDrafts", _drafts("clear_drafts", named=True), STEP
    ),
    "submission status": Write(
        "updateSubmissionStatus", _submission("push_submission_status", "validated"), STEP
    ),
    "submission results": Write(
        "submitSubmissionResults", _submission("submit_submission_results", "success"), STEP,
    ),
    "register file": Write("registerFile", _registration("register_file"), STEP),
    "file results": Write(
        "submitRegistrationResults", _registration("submit_results", "success"), STEP,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", WRITES)
def test_r082_a_write_drops_what_it_changed(lab: Lab, world: World, name: str) -> None:
    """A refused write drops nothing; one that succeeds drops what it changed, and nothing else is asked for again."""
    row, stage = WRITES[name], Stage(lab, world)
    call = row.ready(stage)
    stage.seen()
    assert stage.seen() == set()

    lab.fail(row.operation, status=400)
    with pytest.raises(KalbioError):
        world(call())
    assert stage.seen() == set()

    world(call())
    dropped = stage.seen()
    assert dropped == set(row.drops.split(", "))
    assert row.operation in lab.operations()


def test_r082_a_written_value_is_seen_in_both_maps(lab: Lab, world: World) -> None:
    """After a write through one object, a read by id and one by key values both show it."""
    wanted = record_id(lab, "SBX-1")
    by_id = world(lab.api.records.get_record_by_id(wanted, use_cache=False))
    world(lab.api.records.get_record_by_id({"Compound": "SBX-1"}))
    for number, again in enumerate((wanted, {"Compound": "SBX-1"})):
        world(by_id.add_value("Comment", f"note {number}"))
        assert world(world(lab.api.records.get_record_by_id(again)).get_value_content("Comment")) == f"note {number}"


def test_r083_relations_refresh_with_their_object(lab: Lab, world: World) -> None:
    """After a refresh the children and properties are those of the new state."""
    project = world(lab.api.activities.get_activity_by_id("Lead optimisation"))
    before = [item.title for item in world(project.child_activities)]
    with InProcess(lab.sandbox).client as other:
        made = other.activities.create_activity("Elsewhere", "task")
        made.update(parent_id=project.id)
    assert [item.title for item in world(project.child_activities)] == before

    world(project.refetch())

    assert sorted(item.title for item in world(project.child_activities)) == sorted([*before, "Elsewhere"])
    assert made.id in project.child_ids


def test_r083_assigned_values_have_their_types(lab: Lab, world: World) -> None:
    """What a write brings back is of the declared types: times are times, parts are objects."""
    run = world(
        lab.api.activities.create_activity("Run", "experiment", activity_definition_id="Assay results registration")
    )
    note = next(item for item in run.properties if item.field_type == "text")
    world(note.update_property("plate 7"))
    assert isinstance(note.created_at, datetime)
    assert note.content == "plate 7"
    assert next(item for item in run.properties if item.id == note.id).content == "plate 7"
    world(run.update(due_date=datetime(2030, 1, 2)))
    assert isinstance(run.due_date, datetime)
    assert {type(item).__name__ for item in run.properties} == {"Property"}
    record = world(lab.api.records.get_record_by_id({"Compound": "SBX-1"}))
    value = world(record.add_value("Comment", "x"))
    assert isinstance(value.created_at, datetime)
    assert {type(entry).__name__ for entries in record.record_values.values() for entry in entries} == {"RecordValue"}
    definition = world(lab.api.activities.get_definition_by_id("Assay results registration"))
    world(definition.update(external_id="L-1"))
    assert {type(item).__name__ for item in definition.content_layout} == {"ContentLayoutItem"}


@pytest.mark.parametrize("absent", [{"status": 404}, {"body": b""}, {"body": b"null"}])
def test_r084_an_absent_workspace_is_not_remembered(lab: Lab, world: World, absent: dict[str, Any]) -> None:
    """While there is none it is asked for each time; once there is one, it is found."""
    lab.fail("getActiveWorkspace", **absent, times=2)
    for _ in range(2):
        with Asked(lab) as operations:
            assert world(lab.api.workspace.get_workspace()) is None
        assert operations == ["getActiveWorkspace"]

    assert world(lab.api.workspace.get_workspace()).workspace_name
    assert asked(lab, world, lab.api.workspace.get_workspace) == []


def test_r085_one_object_costs_no_listing(lab: Lab, world: World) -> None:
    """Reading or refreshing one by id asks for that one; membership is told by the ids on the activity."""
    api = lab.api
    wanted, activity_id = record_id(lab, "SBX-1"), world(api.activities.get_activity_by_id("Kinase screen")).id
    api.clear_caches()
    field = world(api.entity_fields.get_data_field_by_id("Potency (nM)")).id
    costs = {
        "activity": asked(lab, world, lambda: api.activities.get_activity_by_id(activity_id)),
        "record": asked(lab, world, lambda: api.records.get_record_by_id(wanted)),
    }
    record = world(api.records.get_record_by_id(wanted))
    costs["value"] = asked(lab, world, lambda: record.add_value(field, 1, activity_id))
    activity = world(api.activities.get_activity_by_id(activity_id))
    costs["has_record"] = asked(lab, world, lambda: activity.has_record(wanted))
    costs["has no record"] = asked(lab, world, lambda: activity.has_record(NOWHERE))
    costs["get_record"] = asked(lab, world, lambda: activity.get_record(NOWHERE))
    costs["refetch"] = asked(lab, world, activity.refetch)

    assert costs == {
        "activity": ["getActivity"],
        "record": ["getRecord"],
        "value": ["addRecordValue"],
        "has_record": [],
        "has no record": [],
        "get_record": [],
        "refetch": ["getActivity"],
    }


def _by_object(stage: Stage) -> dict[str, Callable[[bool], Any]]:
    """Calls that take an object or its id."""
    api, record, activity = stage.api, stage.record, stage.activity
    field = stage.world(api.entity_fields.get_data_field_by_id("Comment"))
    kind = stage.world(api.entity_types.get_type_by_name("Compound"))
    definition = stage.definition("Screening experiment")
    view, template = stage.view(), stage.template()
    program = stage.world(api.programs.get_programs())[0]
    key = stage.world(api.entity_fields.get_key_field_by_id("Compound"))

    def one(thing: Any, as_object: bool) -> Any:
        return thing if as_object else thing.id

    return {
        "get_record_by_id": lambda o: api.records.get_record_by_id(one(record, o)),
        "get_records_by_ids": lambda o: api.records.get_records_by_ids([one(record, o)]),
        "get_or_create_record": lambda o: api.records.get_or_create_record({one(key, o): "SBX-1"}),
        "search_records": lambda o: api.records.search_records(
            entity_slice_id=one(kind, o), operation_id=one(activity, o), program_id=one(program, o)
        ),
        "add_value": lambda o: record.add_value(one(field, o), "x", one(activity, o)),
        "get_value_content": lambda o: record.get_value_content(one(field, o), one(activity, o)),
        "get_activity_data": lambda o: record.get_activity_data(one(activity, o)),
        "get_activity_by_id": lambda o: api.activities.get_activity_by_id(one(activity, o)),
        "get_activities_by_ids": lambda o: api.activities.get_activities_by_ids([one(activity, o)]),
        "get_activities_with_record": lambda o: api.activities.get_activities_with_record(one(record, o)),
        "get_definition_by_id": lambda o: api.activities.get_definition_by_id(one(definition, o)),
        "has_record": lambda o: activity.has_record(one(record, o)),
        "get_record": lambda o: activity.get_record(one(record, o)),
        "add_records": lambda o: activity.add_records([one(record, o)]),
        "create_activity": lambda o: api.activities.create_activity(
            "N", "experiment", [one(program, o)], one(definition, o)
        ),
        "search_activities": lambda o: api.activities.search_activities(
            record_ids=[one(record, o)], definition_ids=[one(definition, o)], parent_id=one(activity, o)
        ),
        "push_data": lambda o: api.imports.push_data(
            ["Compound"], [{"Compound": "SBX-1"}], operation_id=one(activity, o), program_id=one(program, o)
        ),
        "get_data_field_by_id": lambda o: api.entity_fields.get_data_field_by_id(one(field, o)),
        "get_types_with_key_fields": lambda o: api.entity_types.get_types_with_key_fields([one(key, o)]),
        "get_data_fields_on_view": lambda o: api.record_views.get_data_fields_on_view(one(view, o)),
        "get_template_by_id": lambda o: api.result_table_templates.get_template_by_id(one(template, o)),
        "update_template": lambda o: api.result_table_templates.update_template(one(template, o), view_name="x"),
        "update_program": lambda o: api.programs.update_program(one(program, o), "x"),
        "get_registration_files": lambda o: api.registration.get_registration_files(one(activity, o)),
    }


def test_r086_an_object_is_as_cheap_as_its_id(lab: Lab, world: World) -> None:
    """With empty caches, giving an object costs no request that giving its id does not cost."""
    stage = Stage(lab, world)
    dearer = {}
    for name, call in _by_object(stage).items():
        costs = []
        for as_object in (True, False):
            lab.api.clear_caches()
            costs.append(asked(lab, world, partial(call, as_object)))
        if len(costs[0]) > len(costs[1]):
            dearer[name] = costs
    assert dearer == {}


def test_r087_equality_is_by_type_and_id(lab: Lab, world: World) -> None:
    """Two reads of one thing are equal and hash alike, whatever they hold; other types never, in either direction."""
    view, template = Stage(lab, world).view(), Stage(lab, world).template()
    again = world(lab.api.record_views.get_record_views(use_cache=False))[0]
    assert again is not view
    assert again == view
    assert view == again
    assert len({again, view}) == 1
    changed = type(view)({"id": view.id, "view_name": "other"})
    assert changed == view
    twin = type(template)(view.to_dict())  # a template is a kind of view
    assert isinstance(twin, type(view))
    assert (twin == view, view == twin, twin != view, view != twin) == (False, False, True, True)
    record = type(world(lab.api.records.get_record_by_id({"Compound": "SBX-1"})))({"id": view.id})
    assert record != view
    assert view != view.id
    assert hash(changed) == hash(view)
