"""R1–R26: right results, and no lost or misplaced data."""

from __future__ import annotations

import inspect
import json
import logging
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path, PurePosixPath
from typing import Any
from uuid import UUID

import httpx
import pytest

from kalbio import (
    AmbiguousIdentifierError,
    FieldTypeError,
    IdentifierError,
    IdentifierNotFoundError,
    KalbioAPIError,
    KalbioResponseError,
)
from kalbio._model import constants
from kalbio.activities import ActivityStatusEnum
from tests.altered import alter, body_of, query_of, replace
from tests.conftest import Lab, World
from tests.core.wire import Wire, answer
from tests.demo import NOWHERE, UnseenThings
from tests.requirements.lists import LISTS
from tests.rows import row

GHOST = "Kinase sceen"
LOOKUPS = ("list", "identify", "getActivity")


@pytest.fixture
def it(lab: Lab) -> Any:
    """Things of the demo seed; the client has cached nothing yet."""
    return UnseenThings(lab)


def sent(lab: Lab, since: int = 0) -> list[str]:
    """What was sent since then, look-ups left out."""
    return [name for name in lab.operations()[since:] if not name.startswith(LOOKUPS)]


# -- identifiers ------------------------------------------------------------------------------------------------------

WITH_ACTIVITY: dict[str, Any] = {
    "add_value": lambda api, it: it.record.add_value("Comment", "x", GHOST),
    "update_field": lambda api, it: it.record.update_field("Comment", "x", GHOST),
    "update_field_file": lambda api, it: it.record.update_field_file("Spectrum", "a.txt", b"1", "text/plain", GHOST),
    "create_record_value_file": lambda api, it: api.records.create_record_value_file(
        it.record, "Spectrum", "a.txt", b"1", "text/plain", GHOST
    ),
    "get_value_content": lambda api, it: it.record.get_value_content("Potency (nM)", GHOST),
    "get_activity_data": lambda api, it: it.record.get_activity_data(GHOST),
    "push_data": lambda api, it: api.imports.push_data(["Compound"], [{"Compound": "x"}], operation_id=GHOST),
    "search_records": lambda api, it: api.records.search_records(operation_id=GHOST),
    "pull_data": lambda api, it: api.exports.pull_data("never.csv", "Compound", operation_id=GHOST),
    "search_activities": lambda api, it: api.activities.search_activities(parent_id=GHOST),
    "update": lambda api, it: it.activity.update(parent_id=GHOST),
    "register_file": lambda api, it: api.registration.register_file(GHOST, NOWHERE),
}


@pytest.mark.parametrize("policy", ["raise", "log"])
@pytest.mark.parametrize("name", WITH_ACTIVITY)
def test_r001_an_unknown_activity_is_an_error(world: World, name: str, policy: str, tmp_path: Path) -> None:
    """An activity that does not resolve raises, or gives the neutral value when errors are logged; nothing is sent."""
    lab = Lab(world, retries=0, on_error=policy)
    it = UnseenThings(lab)
    lab.client.entity_types.get_types()
    alter(lab, "listEntitySlices", lambda items: [{**item, "slice_name": "Compound"} for item in items[:1]])
    if policy == "raise":
        with pytest.raises(IdentifierNotFoundError, match="Kinase screen"):
            world(WITH_ACTIVITY[name](lab.api, it))
    else:
        assert world(WITH_ACTIVITY[name](lab.api, it)) in (None, [], {}, False)
    assert sent(lab) == []
    lab.close()


def test_r001_an_activity_that_is_not_there_has_no_values_of_others(lab: Lab, world: World, it: Any) -> None:
    """A read for the id of no activity gives no value of another one; a write is refused and stored nowhere."""
    assert world(it.record.get_value_content("Potency (nM)", NOWHERE)) is None
    assert list(world(it.record.get_activity_data(NOWHERE)).values()) == ["SBX-1"]
    before = len(lab.client.records.get_record_by_id(it.record.id, use_cache=False).get_values())  # type: ignore[union-attr]
    with pytest.raises(KalbioAPIError):
        world(it.record.add_value("Comment", "x", NOWHERE))
    assert len(world(it.record.get_values())) == before


# Operation of the listing, what fills the cache, and the look-ups of one item of it.
LOOKED_UP: dict[str, tuple[str, Any, list[Any]]] = {
    "activity": (
        "listActivities", lambda api: api.activities.get_activities(),
        [lambda api, item: api.activities.get_activity_by_id(item["title"]),
         lambda api, item: api.activities.get_activities_by_ids([item["id"]])],
    ),
    "definition": (
        "listActivityDefinitions", lambda api: api.activities.get_definitions(),
        [lambda api, item: api.activities.get_definition_by_id(item["title"]),
         lambda api, item: api.activities.get_definition_by_id(item["id"])],
    ),
    "key field": (
        "listKeyFields", lambda api: api.entity_fields.get_key_fields(),
        [lambda api, item: api.entity_fields.get_key_field_by_id(item["field_name"]),
         lambda api, item: api.entity_fields.get_key_field_by_id(item["id"])],
    ),
    "data field": (
        "listDataFields", lambda api: api.entity_fields.get_data_fields(),
        [lambda api, item: api.entity_fields.get_data_field_by_id(item["field_name"]),
         lambda api, item: api.entity_fields.get_data_field_by_id(item["id"])],
    ),
    "entity type": (
        "listEntitySlices", lambda api: api.entity_types.get_types(),
        [lambda api, item: api.entity_types.get_type_by_name(item["id"]),
         lambda api, item: api.entity_types.get_type_exact_keys(item["key_field_ids"])],
    ),
    "program": (
        "listPrograms", lambda api: api.programs.get_programs(),
        [lambda api, item: api.programs.get_programs_by_ids([item["id"]])],
    ),
    "label": (
        "listActivityLabels", lambda api: api.labels.get_labels(),
        [lambda api, item: api.labels.get_labels_by_ids([item["id"]])],
    ),
    "member": (
        "listWorkspaceMembers", lambda api: api.workspace.get_members(),
        [lambda api, item: api.workspace.get_members_by_ids([item["id"]])],
    ),
    "group": (
        "listWorkspaceGroups", lambda api: api.workspace.get_groups(),
        [lambda api, item: api.workspace.get_groups_by_ids([item["id"]])],
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", LOOKED_UP)
def test_r002_what_was_made_after_the_listing_is_found(world: World, kind: str) -> None:
    """A miss in a cached listing is looked up in one fresh listing, by id as by name; a true miss costs no more."""
    operation, fill, look_ups = LOOKED_UP[kind]
    cost = [operation, *(["listKeyFields"] if kind == "entity type" else [])]  # some types are called after their keys
    for look_up in look_ups:
        lab = Lab(world, retries=0)
        made: list[Any] = []

        def hide_the_last(items: list[Any], made: list[Any] = made) -> list[Any]:
            made.append(items[-1])
            return items[:-1] if len(made) == 1 else items

        alter(lab, operation, hide_the_last)
        world(fill(lab.api))
        before = len(lab.operations())
        found = world(look_up(lab.api, made[0]))
        found = found[0] if isinstance(found, list) else found
        assert found.id == made[0]["id"]
        assert lab.operations()[before:] == cost
    before = len(lab.operations())
    unknown = {name: [NOWHERE] if isinstance(value, list) else NOWHERE for name, value in made[0].items()}
    assert not world(look_up(lab.api, unknown))
    assert lab.operations()[before:] == cost


@pytest.mark.parametrize("policy", ["raise", "log"])
@pytest.mark.parametrize("field", ["Coment", "", None, 5, NOWHERE[:-1]])
def test_r003_an_unknown_field_is_an_error(world: World, field: Any, policy: str) -> None:
    """A field that does not resolve is an error of values and uploads, and no request is made for the write."""
    lab = Lab(world, retries=0, on_error=policy)
    it = UnseenThings(lab)
    calls: list[Any] = [
        lambda: it.record.add_value(field, "x"),
        lambda: it.record.update_field(field, "x", None),
        lambda: it.record.update_field_file(field, "a.txt", b"1", "text/plain"),
        lambda: lab.api.records.create_record_value_file(it.record.id, field, "a.txt", b"1", "text/plain"),
    ]
    for call in calls:
        if policy == "raise":
            with pytest.raises(IdentifierError):
                world(call())
        else:
            assert world(call()) is None
    assert sent(lab) == []
    lab.close()


def test_r003_field_ids_on_the_wire_are_never_null(lab: Lab, world: World, it: Any) -> None:
    """A field given by name goes out as its id, in JSON as in the part of an upload."""
    world(it.record.add_value("Comment", "x"))
    world(it.record.update_field_file("Spectrum", "a.txt", b"1", "text/plain"))
    fields = {item.field_name: item.id for item in world(lab.api.entity_fields.get_data_fields())}
    assert body_of(lab, "addRecordValue")["field_id"] == fields["Comment"]
    upload = [item for item in lab.exchanges if item.operation == "uploadRecordValueFile"][-1].body
    assert json.loads(upload.split(b"\r\n\r\n")[1].split(b"\r\n")[0]) == {"field_id": fields["Spectrum"]}


def test_r004_key_values_are_readable_like_data(lab: Lab, world: World, it: Any) -> None:
    """Key values are read by name, id and field object, with an activity and without."""
    key = world(lab.api.entity_fields.get_key_field_by_id("Compound"))
    for field in ("Compound", key.id, UUID(key.id), key):
        assert world(it.record.get_value_content(field)) == "SBX-1"
        assert world(it.record.get_value_content(field, "Kinase screen")) == "SBX-1"
    assert world(it.record.get_activity_data("Kinase screen"))[key.id] == "SBX-1"


def test_r005_values_of_the_history_say_where_they_come_from(lab: Lab, world: World, it: Any) -> None:
    """Field, type, author, import and workspace are members of every value of the history."""
    import_id = world(lab.api.imports.push_data(["Compound"], [{"Compound": "SBX-1", "Comment": "loaded"}]))
    world(it.record.add_value("Comment", "written"))
    written, loaded = world(it.record.get_values())[:2]
    field = world(lab.api.entity_fields.get_data_field_by_id("Comment"))
    assert (written.content, loaded.content) == ("written", "loaded")
    assert (written.field_id, written.field_type, written.import_id) == (field.id, "text", None)
    assert loaded.import_id == import_id
    declared = vars(type(written))
    for name in ("field_id", "field_type", "created_by", "import_id", "workspace_id"):
        assert name in declared
        assert getattr(loaded, name) == loaded.raw[name]
    assert written.created_by
    assert written.workspace_id


def test_r006_not_found_does_not_stop_a_creation(lab: Lab, world: World) -> None:
    """After a look-up that found nothing, get-or-create creates, and what is made elsewhere is found at once."""
    records = lab.api.records
    assert world(records.get_record_by_id({"Compound": "NEW-1"})) is None
    assert world(records.get_records_by_ids([{"Compound": "NEW-1"}])) == []
    made = world(records.get_or_create_record({"Compound": "NEW-1"}))
    assert lab.operations()[-1] == "getOrCreateRecord"
    assert world(records.get_record_by_id({"Compound": "NEW-1"})) == made
    assert world(records.get_record_by_id({"Compound": "NEW-2"})) is None
    elsewhere = lab.client.records.get_or_create_record({"Compound": "NEW-2"})
    assert world(records.get_record_by_id({"Compound": "NEW-2"})).id == elsewhere.id


def test_r007_clients_share_no_cache(lab: Lab, world: World) -> None:
    """Two workspaces with records of the same ids and keys: each client sees its own."""
    other = Lab(world, retries=0)
    theirs = world(other.api.records.get_record_by_id({"Compound": "SBX-5"}))
    world(theirs.add_value("Comment", "theirs"))
    world(other.api.records.get_record_by_id(theirs.id))
    before = len(lab.operations())
    ours = world(lab.api.records.get_record_by_id(theirs.id))
    by_key = world(lab.api.records.get_record_by_id({"Compound": "SBX-5"}))
    assert lab.operations()[before:][0] == "getRecord"
    assert world(ours.get_value_content("Comment")) is None
    assert world(by_key.get_value_content("Comment")) is None
    other.close()


@pytest.mark.parametrize("use_cache", [True, False])
def test_r008_a_bulk_read_is_complete_whatever_the_cache_holds(
    world: World, use_cache: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More records than the cache keeps come back whole and in order, on the first read and on the second."""
    monkeypatch.setattr(constants, "RECORD_CACHE_SIZE", 1000)
    ids = [str(UUID(int=number)) for number in range(1, 1041)]

    def play(request: httpx.Request) -> httpx.Response:
        asked = request.url.params["record_ids"].split(",")
        return answer(200, [{"id": item, "record_values": {}} for item in sorted(asked)])

    wire = Wire(*[play] * 200)
    client = world.connect(transport=wire, retries=0, use_cache=use_cache)
    for _ in range(2):
        assert [record.id for record in world(client.records.get_records_by_ids(ids, batch_size=5000))] == ids
    assert all(len(seen.url.raw_path) < 8000 for seen in wire.requests)


@pytest.mark.parametrize("batch_size", [1, 2, 5000])
def test_r008_the_size_of_batches_changes_nothing(lab: Lab, world: World, batch_size: int) -> None:
    """Whatever the size of a batch, every record that the server returned is in the result."""
    ids = world(lab.api.records.search_records(search_text="SBX"))
    found = world(lab.api.records.get_records_by_ids(ids, batch_size=batch_size, use_cache=False))
    assert [record.id for record in found] == ids
    assert len(ids) == 5


SINGLE: dict[str, Any] = {
    "getRecord": lambda api: api.records.get_record_by_id(NOWHERE),
    "getActivity": lambda api: api.activities.get_activity_by_id(NOWHERE),
    "getImport": lambda api: api.imports.get_import(NOWHERE),
    "getRecordViewTemplate": lambda api: api.result_table_templates.get_template_by_id(NOWHERE),
    "getActiveWorkspace": lambda api: api.workspace.get_workspace(),
}


@pytest.mark.parametrize("operation", SINGLE)
def test_r009_an_unreadable_answer_is_not_a_missing_object(lab: Lab, world: World, operation: str) -> None:
    """A single read raises a response error that names method and path, instead of giving None."""
    for value in [{"name": "no id"}, [], [1, 2], 5, "text", b"<html>"]:
        with row(value):
            replace(lab, operation, value)
            with pytest.raises(KalbioResponseError) as caught:
                world(SINGLE[operation](lab.api))
            assert (caught.value.method, caught.value.path) == ("GET", lab.exchanges[-1].target)


@pytest.mark.parametrize("name", LISTS)
def test_r009_unreadable_items_of_a_list_are_reported(
    lab: Lab, world: World, it: Any, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    """What is no object, or has no id, is logged and stays at hand; the rest of the list is usable."""
    good = {"id": NOWHERE, "activity_type": "experiment"}
    bad: list[Any] = [{"title": "no id"}, 5]
    replace(lab, LISTS[name].operation, [bad[0], good, bad[1]])
    if name == "records":
        good["id"] = it.record.id
    found = world(LISTS[name].call(lab.api, it))
    assert [item.id for item in found] == [good["id"]]
    assert found.unreadable == bad
    assert [record.levelno for record in caplog.records if record.name == "kalbio"] == [logging.WARNING]


def test_r009_items_of_a_search_that_are_no_ids_are_reported(
    lab: Lab, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """A null among the ids of a search does not become the id "None"; it is logged and left out."""
    replace(lab, "searchRecords", [NOWHERE, None, {"id": 1}])
    assert world(lab.api.records.search_records()) == [NOWHERE]
    assert [record.levelno for record in caplog.records if record.name == "kalbio"] == [logging.WARNING]


@pytest.mark.parametrize("definition", ["Screening", "", 5, NOWHERE])
def test_r010_no_activity_is_created_with_an_unknown_definition(lab: Lab, world: World, definition: Any) -> None:
    """A definition that does not resolve raises, and there is no new activity without one."""
    before = [item.id for item in lab.client.activities.get_activities()]
    with pytest.raises((IdentifierError, KalbioAPIError)):
        world(lab.api.activities.create_activity("New", "experiment", activity_definition_id=definition))
    assert [item.id for item in lab.client.activities.get_activities(use_cache=False)] == before
    if definition != NOWHERE:
        assert sent(lab) == []


def test_r011_renaming_columns_merges_none(lab: Lab, world: World) -> None:
    """Columns whose names collide keep their ids; the others are renamed, also those made since the last listing."""
    import importlib

    helpers = importlib.import_module("kalbio.helpers" if world.kind == "sync" else "kalbio.aio.helpers")
    world(lab.api.entity_fields.get_data_fields())
    world(lab.api.entity_fields.get_key_fields())
    fields = lab.client.entity_fields
    key, twin = fields.get_or_create_key_field("Compound"), fields.get_or_create_data_field("Compound", "text")
    plain, late = fields.get_or_create_data_field("Comment", "text"), fields.get_or_create_data_field("Late", "text")
    odd = fields.get_or_create_data_field("note", "text")
    row = {key.id: "a", twin.id: "b", plain.id: "c", late.id: "d", odd.id: "e", "note": "f"}
    (renamed,) = world(helpers.export_data(lab.api, [row]))
    assert renamed == {key.id: "a", twin.id: "b", "Comment": "c", "Late": "d", odd.id: "e", "note": "f"}


AMBIGUOUS: dict[str, tuple[str, str, Any]] = {
    "activity": ("listActivities", "title", lambda api, it: it.record.add_value("Comment", 1, "Twin")),
    "definition": (
        "listActivityDefinitions",
        "title",
        lambda api, it: api.activities.create_activity("x", "task", activity_definition_id="Twin"),
    ),
    "data field": ("listDataFields", "field_name", lambda api, it: it.record.add_value("Twin", 1)),
    "key field": ("listKeyFields", "field_name", lambda api, it: api.records.get_or_create_record({"Twin": "x"})),
    "entity type": ("listEntitySlices", "slice_name", lambda api, it: api.exports.pull_data("never.csv", "Twin")),
    "program": ("listPrograms", "title", lambda api, it: api.programs.update_program("Twin", "x")),
    "label": ("listActivityLabels", "label_name", lambda api, it: it.activity.update(add_label_ids=["Twin"])),
    "member": ("listWorkspaceMembers", "email", lambda api, it: it.activity.update(add_reviewer_ids=["Twin"])),
    "template": (
        "listRecordViewTemplates",
        "template_name",
        lambda api, it: api.result_table_templates.update_template("Twin", view_name="x"),
    ),
}


@pytest.mark.parametrize("kind", AMBIGUOUS)
def test_r012_a_name_of_several_is_ambiguous(lab: Lab, world: World, it: Any, kind: str) -> None:
    """A name that several objects have raises with all candidates, and the call is not made."""
    operation, member, call = AMBIGUOUS[kind]
    alter(lab, operation, lambda items: [{**item, member: "Twin"} for item in items])
    with pytest.raises(AmbiguousIdentifierError) as caught:
        world(call(lab.api, it))
    assert len(caught.value.candidates) > 1
    assert all(candidate in str(caught.value) for candidate in caught.value.candidates)
    assert sent(lab) == []


def test_r012_a_name_of_both_kinds_of_fields_is_ambiguous(lab: Lab, world: World, it: Any) -> None:
    """Where key fields and data fields are looked up, a name of both raises with both ids."""
    fields = lab.client.entity_fields
    both = [fields.get_or_create_key_field("Compound").id, fields.get_or_create_data_field("Compound", "text").id]
    with pytest.raises(AmbiguousIdentifierError) as caught:
        world(it.record.get_value_content("Compound"))
    assert sorted(caught.value.candidates) == sorted(both)


def test_r013_a_sub_record_implies_its_values(lab: Lab, world: World, it: Any) -> None:
    """Asking for a sub-record gives its value without the second flag; without either, it stays out."""
    field = world(lab.api.entity_fields.get_data_field_by_id("Comment"))
    sub = NOWHERE.replace("8", "9")

    def with_sub_record(raw: dict[str, Any]) -> dict[str, Any]:
        entry = {"id": NOWHERE, "content": "below", "created_at": "2027-01-01T00:00:00Z", "record_id": sub}
        return {**raw, "sub_record_ids": [sub], "record_values": {**raw["record_values"], field.id: [entry]}}

    alter(lab, "getRecord", with_sub_record)
    record = world(lab.api.records.get_record_by_id(it.record.id, use_cache=False))
    assert world(record.get_value_content("Comment", sub_record_id=sub)) == "below"
    assert world(record.get_value_content("Comment")) is None


@pytest.mark.parametrize(
    ("operation", "call", "query"),
    [
        (
            "searchRecords",
            lambda api: api.records.search_records(
                entity_slice_id=None, operation_id=None, program_id=None, record_set_ids=None, identifier_ids=None,
                entity_field_filters=None, view_field_sorts=None, search_text=None, limit=None,
            ),
            {},
        ),
        ("searchActivities", lambda api: api.activities.search_activities(search_text=None, limit=None), {}),
        ("searchActivities", lambda api: api.activities.search_activities(parent_id=None), {"parent_id": "null"}),
        (
            "listWorkspaceEvents",
            lambda api: api.workspace.get_events(
                page=None, page_size=None, event_types=None, resource_type=None, after_date=None, event_user_ids=None
            ),
            {},
        ),
        ("listImports", lambda api: api.imports.get_imports(None, None, None), {}),
    ],
)  # fmt: skip
def test_r014_none_is_left_out_of_queries(lab: Lab, world: World, operation: str, call: Any, query: Any) -> None:
    """Conditions given as None are not in the query; `null` stands there only where it means "no parent"."""
    world(call(lab.api))
    assert query_of(lab, operation) == query


def test_r014_none_is_left_out_of_exports(lab: Lab, world: World, tmp_path: Path) -> None:
    """An export with everything optional as None asks for the file and the entity type alone."""
    kind = world(lab.api.entity_types.get_types())[0]
    options = {name: None for name in inspect.signature(lab.api.exports.pull_data).parameters if name.endswith("s")}
    options.pop("progress")
    world(lab.api.exports.pull_data("a.csv", kind, tmp_path, search_text=None, program_id=None, **options))
    assert query_of(lab, "exportRecordsCsv") == {"filename": "a.csv", "entity_slice_id": kind.id}


@pytest.mark.parametrize("known", [True, False])
def test_r015_another_type_of_an_existing_field_conflicts(lab: Lab, world: World, known: bool) -> None:
    """Get-or-create with another type raises, whether the field was known here or the server has just named it."""
    if not known:
        # The listings hide the field, as they do when it is made in the same moment elsewhere.
        alter(lab, "listDataFields", lambda items: [item for item in items if item["field_name"] != "Comment"])
        comment = {"id": NOWHERE, "field_name": "Comment", "field_type": "text"}
        replace(lab, "getOrCreateDataField", comment)
    with pytest.raises(FieldTypeError, match="'text'"):
        world(lab.api.entity_fields.get_or_create_data_field("Comment", "number"))
    assert ("getOrCreateDataField" in lab.operations()) is not known
    assert world(lab.api.entity_fields.get_or_create_data_field("Comment", "text")).field_type == "text"


# -- updates ----------------------------------------------------------------------------------------------------------


class Targets(UnseenThings):
    """What can be updated, from the demo seed, known to the client by nothing but their JSON."""

    def __init__(self, lab: Lab) -> None:
        super().__init__(lab)
        world, api = lab.world, lab.api
        self.definition = world(api.activities.get_definition_by_id("Assay results registration"))
        self.key_field = world(api.entity_fields.get_key_field_by_id("Compound"))
        self.data_field = world(api.entity_fields.get_data_field_by_id("Comment"))
        self.view = world(api.record_views.get_record_views())[0]
        self.template = world(api.result_table_templates.get_templates())[0]
        self.program = world(api.programs.get_programs())[0]
        self.property = next(item for item in self.activity.properties if item.field_type == "text")
        api.clear_caches()
        lab.exchanges.clear()


CLEARED: dict[str, tuple[str, Any, str]] = {
    "updateActivity": ("activity", lambda api, it: it.activity.update, ""),
    "updateActivityDefinition": ("definition", lambda api, it: it.definition.update, ""),
    "settings": ("definition", lambda api, it: it.definition.set_registration_settings, "registration_"),
    "updateKeyField": ("key_field", lambda api, it: it.key_field.update, ""),
    "updateDataField": ("data_field", lambda api, it: it.data_field.update, ""),
    "updateRecordViewTemplate": (
        "template",
        lambda api, it: lambda **changes: api.result_table_templates.update_template(it.template, **changes),
        "",
    ),
}


@pytest.mark.filterwarnings("ignore:.*None clears here")
@pytest.mark.parametrize("operation", CLEARED)
def test_r016_every_nullable_setting_can_be_cleared(lab: Lab, world: World, operation: str) -> None:
    """None is sent as null for each setting that can be cleared; what is not given is not sent at all."""
    it = Targets(lab)
    _, method_of, prefix = CLEARED[operation]
    method = method_of(lab.api, it)
    declared = lab.api.result_table_templates.update_template if operation.endswith("Template") else method
    parameters = inspect.signature(declared).parameters.values()
    nullable = [item.name for item in parameters if "None" in str(item.annotation).split(" | ")]
    assert nullable
    wire_operation = "updateActivityDefinition" if operation == "settings" else operation
    target = getattr(it, CLEARED[operation][0]).id
    replace(lab, wire_operation, {"id": target, "resource": {"id": target}})
    for name in nullable:
        world(method(**{name: None}))
        assert body_of(lab, wire_operation) == {f"{prefix}{name}": None}
    world(method(**dict.fromkeys(nullable)))
    assert body_of(lab, wire_operation) == dict.fromkeys(f"{prefix}{name}" for name in nullable)


@pytest.mark.filterwarnings("ignore:.*None clears here")
def test_r016_the_server_sees_what_was_cleared(lab: Lab, world: World) -> None:
    """A cleared setting is gone from the server, the others stay; properties can be cleared too."""
    it = Targets(lab)
    world(it.activity.update(due_date=datetime(2026, 3, 1, tzinfo=UTC), external_id="LIMS-7"))
    world(it.activity.update(due_date=None))
    world(it.property.update_property("plate 7"))
    world(it.property.update_property(None))
    lab.client.clear_caches()
    stored = lab.client.activities.get_activity_by_id(it.activity.id)
    assert stored is not None
    assert (stored.due_date, stored.external_id) == (None, "LIMS-7")
    assert body_of(lab, "updateProperty") == {"content": None}
    template = world(lab.api.result_table_templates.update_template(it.template, template_name=None))
    assert template.template_name is None


@pytest.mark.parametrize(
    "call",
    [
        lambda api, it: api.records.get_record_by_id({}),
        lambda api, it: api.records.get_or_create_record({}),
        lambda api, it: api.records.get_records_by_ids([{"Compound": "SBX-1"}, {}]),
        lambda api, it: api.records.create_record_value_file({}, "Spectrum", "a.txt", b"1", "text/plain"),
        lambda api, it: api.activities.get_activities_with_record({}),
        lambda api, it: it.activity.add_records([{}]),
        lambda api, it: it.activity.has_record({}),
        lambda api, it: it.record.get_value_content("Comment", sub_record_id={}),
    ],
)
def test_r017_an_empty_key_names_no_record(lab: Lab, world: World, it: Any, call: Any) -> None:
    """An empty key dictionary is a ValueError everywhere, also when keyless records have been read before."""
    alter(lab, "getRecord", lambda raw: {**raw, "record_values": {}})
    world(lab.api.records.get_record_by_id(it.record.id))
    before = len(lab.operations())
    with pytest.raises(ValueError, match="names no record"):
        world(call(lab.api, it))
    assert set(lab.operations()[before:]) <= {"listKeyFields", "listDataFields"}


def test_r017_keyless_records_are_found_under_no_key(lab: Lab, world: World) -> None:
    """A record that shows no key values is not taken for the answer to any key."""
    ids = world(lab.api.records.search_records(search_text="SBX"))
    alter(lab, "listRecords", lambda items: [{"id": item["id"], "record_values": {}} for item in items])
    world(lab.api.records.get_records_by_ids(ids))
    before = len(lab.operations())
    found = world(lab.api.records.get_record_by_id({"Compound": "SBX-2"}))
    assert found.record_identifier == "SBX-2"
    assert lab.operations()[before:] == ["listKeyFields", "identifyRecords"]


# The object, the operation, the update, the member that it changes, and how the answer wraps the object.
UPDATES: dict[str, tuple[str, Any, str, Any]] = {
    "updateActivity": ("activity", lambda api, it: it.activity.update(title="New"), "title", lambda raw: raw),
    "updateActivityDefinition": (
        "definition", lambda api, it: it.definition.update(title="New"), "title", lambda raw: raw
    ),
    "updateKeyField": (
        "key_field", lambda api, it: it.key_field.update(field_name="New"), "field_name", lambda raw: {"resource": raw}
    ),
    "updateDataField": (
        "data_field", lambda api, it: it.data_field.update(field_name="New"), "field_name",
        lambda raw: {"resource": {"field": raw}},
    ),
    "updateProperty": ("property", lambda api, it: it.property.update_property("New"), "content", lambda raw: raw),
}  # fmt: skip


@pytest.mark.parametrize("operation", UPDATES)
def test_r018_an_update_copies_only_what_the_answer_holds(lab: Lab, world: World, operation: str) -> None:
    """A partial answer changes the members that it has; all others stay as they were."""
    name, update, member, wrap = UPDATES[operation]
    it = Targets(lab)
    target = getattr(it, name)
    before = target.to_dict()
    replace(lab, operation, wrap({"id": target.id, member: "From the server"}))
    world(update(lab.api, it))
    assert target.to_dict() == {**before, member: "From the server"}


@pytest.mark.parametrize("operation", UPDATES)
def test_r019_an_empty_answer_leaves_a_correct_object(lab: Lab, world: World, operation: str) -> None:
    """After an update without an answer the object shows the change, and everything else as before."""
    name, update, member, _ = UPDATES[operation]
    it = Targets(lab)
    target = getattr(it, name)
    before = target.to_dict()
    replace(lab, operation, b"", status=204)
    world(update(lab.api, it))
    assert getattr(target, member) == "New"
    assert set(before) <= set(target.to_dict())
    assert not target.is_stale


def test_r019_an_empty_answer_gives_correct_new_objects(lab: Lab, world: World) -> None:
    """Programs, templates and views are read again when the answer to their change is empty; contents are as sent."""
    it = Targets(lab)
    for operation in ("updateProgram", "updateRecordViewTemplate", "addRecordViewKeyField"):
        replace(lab, operation, b"", status=204)
    program = world(lab.api.programs.update_program(it.program, "New"))
    assert (program.title, program.created_at) == ("New", it.program.created_at)
    template = world(lab.api.result_table_templates.update_template(it.template, view_name="New"))
    assert (template.view_name, template.entity_slice_id) == ("New", it.template.entity_slice_id)
    slice_id = it.view.entity_slice_id
    world(it.view.extend_view({"new_key_field_name": "Batch", "records_to_transfer": None}))
    assert it.view.entity_slice_id != slice_id
    replace(lab, "updateProperty", b"")
    world(it.property.update_property(date(2026, 1, 2)))
    assert it.property.content == "2026-01-02"


@pytest.mark.parametrize("operation", ["getActivity", "listActivityDefinitions", "listRecordViews", "listPrograms",
                                       "getRecordViewTemplate"])  # fmt: skip
@pytest.mark.parametrize("policy", ["raise", "log"])
def test_r020_an_accepted_write_is_never_reported_as_failed(
    world: World, operation: str, policy: str, caplog: pytest.LogCaptureFixture
) -> None:
    """When the re-read after an accepted write fails, the call succeeds, and the object says that it is stale."""
    lab = Lab(world, retries=0, on_error=policy)
    it = Targets(lab)
    caplog.clear()
    templates = lab.api.result_table_templates
    definition = it.definition.id
    calls: dict[str, Any] = {
        "getActivity": [
            ("updateActivity", lambda: it.activity.update(title="New"), it.activity),
            ("addOperationRecords", lambda: it.activity.add_records([it.record]), it.activity),
            ("removeOperationRecords", lambda: it.activity.remove_records([it.record]), it.activity),
        ],
        "listActivityDefinitions": [
            ("updateActivityDefinition", lambda: it.definition.update(title="New"), it.definition)
        ],
        "listRecordViews": [
            ("addRecordViewKeyField", lambda: it.view.extend_view(
                {"new_key_field_name": "Batch", "records_to_transfer": None}), it.view),
        ],
        "listPrograms": [("updateProgram", lambda: lab.api.programs.update_program(it.program.id, "New"), None)],
        "getRecordViewTemplate": [
            ("updateRecordViewTemplate", lambda: templates.update_template(it.template, view_name="New"), None),
            ("linkRecordViewTemplate", lambda: templates.link_to_operation_definition(
                it.template, operation_definition_id=definition), None),
        ],
    }  # fmt: skip
    for write, call, target in calls[operation]:
        replace(lab, write, b"", status=200)
        lab.fail(operation, status=500)
        before = len(lab.operations())
        result = world(call())
        assert lab.operations()[before:] == [write, operation]
        assert (result if target is None else target).is_stale
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []
    lab.close()


@pytest.mark.parametrize("value", [[{"record": None}], [], [None], [{}]], ids=str)
def test_r021_a_null_record_means_not_found(lab: Lab, world: World, it: Any, value: Any) -> None:
    """Every way of saying "no such record" gives None, and leaves the record out of a bulk read."""
    replace(lab, "identifyRecords", value)
    assert world(lab.api.records.get_record_by_id({"Compound": "SBX-1"})) is None
    assert world(lab.api.records.get_records_by_ids([{"Compound": "SBX-1"}])) == []
    with pytest.raises(IdentifierNotFoundError):
        world(it.activity.add_records([{"Compound": "SBX-1"}]))


def test_r021_nulls_keep_the_places_of_a_batch(lab: Lab, world: World) -> None:
    """In a look-up of several, the records around a null are the right ones."""
    found = world(
        lab.api.records.get_records_by_ids([{"Compound": name} for name in ("SBX-1", "nobody", "SBX-3", "none")])
    )
    assert [item.record_identifier for item in found] == ["SBX-1", "SBX-3"]


def test_r022_columns_of_views_show_their_own_ids(lab: Lab, world: World, tmp_path: Path) -> None:
    """Each column has its own id, which an export by columns sends, and all members of the answer."""
    extra = {"plot_field_id": NOWHERE, "aggregation_type": "mean", "sort_behavior": "natural"}
    alter(
        lab,
        "listRecordViews",
        lambda views: [
            {**view, "view_fields": [{**field, **extra} for field in view["view_fields"]]} for view in views
        ],
    )
    (view,) = (item for item in world(lab.api.record_views.get_record_views()) if item.view_name == "Main")
    columns = view.view_fields
    assert len({column.id for column in columns}) == len(columns) == 3
    assert not {column.id for column in columns} & {column.data_field_id for column in columns}
    first = columns[0]
    assert (first.plot_field_id, first.aggregation_type, first.sort_behavior) == tuple(extra.values())
    assert {"data_field_id", "lookup_field_id", *extra} <= set(vars(type(first)))
    world(lab.api.exports.pull_data("a.csv", view.entity_slice_id, tmp_path, view.id, [first]))
    assert query_of(lab, "exportRecordsCsv")["view_field_ids"] == first.id
    world(
        lab.api.records.search_records(
            view_field_sorts=[{"view_field_id": first.id, "key_field_id": None, "descending": True}]
        )
    )
    assert json.loads(query_of(lab, "searchRecords")["view_field_sorts"])[0]["view_field_id"] == first.id


def with_novelties(value: Any) -> Any:
    """Return JSON with an unknown member in every object that has an id or stands in a list."""
    if isinstance(value, list):
        return [with_novelties(item) for item in value]
    if isinstance(value, dict):
        known = {name: item if name == "record_values" else with_novelties(item) for name, item in value.items()}
        if isinstance(value.get("record_values"), dict):
            known["record_values"] = {field: with_novelties(items) for field, items in value["record_values"].items()}
        return {**known, "novel": {"deep": [1]}}
    return value


@pytest.mark.parametrize("name", LISTS)
def test_r023_unknown_members_are_kept_in_every_list(lab: Lab, world: World, it: Any, name: str) -> None:
    """A member that this version does not know is an attribute of every object of a list, and in its dump."""
    seen: list[Any] = []

    def change(items: Any) -> Any:
        seen[:] = with_novelties(items or [{"id": NOWHERE}])
        return seen

    alter(lab, LISTS[name].operation, change)
    found = world(LISTS[name].call(lab.api, it))
    assert found
    by_id = {raw["id"]: raw for raw in seen}
    for item in found:
        assert item.novel == {"deep": [1]}
        assert item.to_dict() == json.loads(item.to_json()) == dict(item.raw) == by_id[item.id]


def test_r023_unknown_members_are_kept_at_depth(lab: Lab, world: World) -> None:
    """Values, properties, columns, places, verdicts and errors of imports keep what is unknown, also after a write."""
    it = Targets(lab)
    novel = {"deep": [1]}
    for operation in ("getRecord", "listRecordViews", "listActivities", "listActivityDefinitions", "addRecordValue"):
        alter(lab, operation, with_novelties)
    record = world(lab.api.records.get_record_by_id(it.record.id, use_cache=False))
    assert all(value.novel == novel for values in record.record_values.values() for value in values)
    value = world(record.add_value("Comment", "x"))
    (kept,) = record.record_values[value.field_id]
    assert (value.novel, kept.novel, kept.content) == (novel, novel, "x")
    (view,) = (item for item in world(lab.api.record_views.get_record_views()) if item.view_name == "Main")
    assert [column.novel for column in view.view_fields] == [novel] * 3
    activity = world(lab.api.activities.get_activity_by_id("Kinase screen"))
    assert [item.novel for item in activity.properties] == [novel] * 2
    definition = world(lab.api.activities.get_definition_by_id("Assay results registration"))
    assert [place.novel for place in definition.content_layout] == [novel]
    errors = {"import_result": {"validation_result": {"errors": [{"field_name": "a"}]}}, "id": NOWHERE}
    replace(lab, "getImport", with_novelties(errors))
    result = world(lab.api.imports.get_import(NOWHERE)).import_result
    assert (result.novel, result.validation_result.novel) == (novel, novel)
    assert result.validation_result.errors[0].novel == novel
    replace(lab, "listRegistrationFiles", [{"id": NOWHERE, "record_errors": [{"novel": novel}]}])
    (registration,) = world(lab.api.registration.get_registration_files(it.activity))
    assert registration.record_errors[0].novel == novel
    replace(lab, "listDraftStatuses", [{"novel": novel}])
    assert world(lab.api.registration.get_draft_statuses(it.activity))[0].to_dict() == {"novel": novel}


# -- encoding ---------------------------------------------------------------------------------------------------------

ODD = {
    "date": date(2026, 1, 2), "time": datetime(2026, 1, 2, 3, 4, tzinfo=UTC), "decimal": Decimal("1.10"),
    "id": UUID(NOWHERE), "state": ActivityStatusEnum.IN_PROGRESS, "path": PurePosixPath("a/b"),
}  # fmt: skip
PLAIN = {
    "date": "2026-01-02", "time": "2026-01-02T03:04:00+00:00", "decimal": "1.10", "id": NOWHERE,
    "state": "in progress", "path": "a/b",
}  # fmt: skip

BODIES: dict[str, Any] = {
    "addRecordValue": lambda api, it, value: it.record.add_value("Comment", value),
    "updateProperty": lambda api, it, value: it.property.update_property(value),
    "pushImport": lambda api, it, value: api.imports.push_data(["Compound"], [{"Compound": "x", "Comment": value}]),
    "updateActivity": lambda api, it, value: it.activity.update(description={"text": value}),
    "updateDataField": lambda api, it, value: it.data_field.update(attrs={"choices": value}),
}


@pytest.mark.parametrize("operation", BODIES)
def test_r024_bodies_are_encoded_alike_at_any_depth(lab: Lab, world: World, operation: str) -> None:
    """Dates, times, decimals, uuids, members of enumerations and paths are text, deep in every body."""
    it = Targets(lab)
    named = it.property if operation == "updateProperty" else it.activity
    target = {"id": named.id, "import_id": NOWHERE, "resource": {"id": NOWHERE}}
    replace(lab, operation, target)
    odd: Any = {"all": [ODD, *ODD.values()]}
    plain: Any = {"all": [PLAIN, *PLAIN.values()]}
    if operation == "pushImport":  # a cell holds one thing; the cells of a row lie as deep
        world(lab.api.imports.push_data(["Compound"], [{"Compound": "x", **ODD}]))
        plain = {"Compound": "x", **PLAIN}
    else:
        world(BODIES[operation](lab.api, it, odd))
    exchange = [item for item in lab.exchanges if item.operation == operation][-1]
    assert json.dumps(plain, separators=(",", ":")).encode() in exchange.body
    assert exchange.headers["content-type"] == "application/json"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {"deep": [float("-inf")]}, Decimal("NaN")], ids=str)
@pytest.mark.parametrize("operation", BODIES)
def test_r024_what_json_cannot_carry_is_refused(lab: Lab, world: World, operation: str, value: Any) -> None:
    """NaN and infinities raise before anything is sent."""
    it = Targets(lab)
    with pytest.raises(ValueError, match=r"(?i)nan|inf"):
        world(BODIES[operation](lab.api, it, value))
    assert sent(lab) == []


def test_r024_queries_are_encoded_like_bodies(lab: Lab, world: World) -> None:
    """In queries, too, dates are ISO text, members are their values, and NaN is refused."""
    field = world(lab.api.entity_fields.get_data_field_by_id("Comment"))

    def search(value: Any) -> Any:
        rule = {"field_id": field, "filter_type": "is_any_of_text", "filter_prop": value}
        return world(lab.api.records.search_records(entity_field_filters=[rule]))

    replace(lab, "searchRecords", [])
    search([ODD, *ODD.values()])
    (rule,) = json.loads(query_of(lab, "searchRecords")["entity_field_filters"])
    assert rule["filter_prop"] == [PLAIN, *PLAIN.values()]
    before = len(lab.operations())
    with pytest.raises(ValueError, match="nan"):
        search(float("nan"))
    assert lab.operations()[before:] == []
    replace(lab, "listWorkspaceEvents", [])
    world(lab.api.workspace.get_events(after_date=ODD["time"], before_date=ODD["date"], resource_type=ODD["state"]))
    assert query_of(lab, "listWorkspaceEvents") == {
        "after_date": PLAIN["time"], "before_date": PLAIN["date"], "resource_type": "in progress",
    }  # fmt: skip


# -- shapes -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["activities", "records", "values", "programs", "imports", "registrations"])
def test_r025_a_list_of_another_shape_is_a_response_error(lab: Lab, world: World, it: Any, name: str) -> None:
    """An answer that should be a list and is none raises an error that names method, path and body."""
    for value in [{"items": []}, 5, "text", b"", b"[1,"]:
        with row(value):
            replace(lab, LISTS[name].operation, value)
            with pytest.raises(KalbioResponseError) as caught:
                world(LISTS[name].call(lab.api, it))
            error = caught.value
            assert (error.method, error.path) == ("GET", lab.exchanges[-1].target.partition("?")[0])
            assert error.response_body == (value if isinstance(value, bytes) else json.dumps(value).encode())


def test_r025_harmless_shapes_are_understood(lab: Lab, world: World) -> None:
    """An object counts for a list of one and the other way round; a field may stand with or without its wrapping."""
    it = Targets(lab)
    new = {"id": NOWHERE, "title": "New"}
    for shape in (new, [new]):
        replace(lab, "createActivity", shape)
        assert world(lab.api.activities.create_activity("New", "task")).id == NOWHERE
        replace(lab, "createProgram", shape)
        assert world(lab.api.programs.create_program("New")).id == NOWHERE
    replace(lab, "updateActivity", [{"id": it.activity.id, "title": "Listed"}])
    world(it.activity.update(title="x"))
    assert it.activity.title == "Listed"
    for name, resource in (("Wrapped", {"field": {"field_name": "Wrapped"}}), ("Bare", {"field_name": "Bare"})):
        replace(lab, "updateDataField", {"resource": resource})
        world(it.data_field.update(field_name="x"))
        assert it.data_field.field_name == name
    shapes: list[Any] = [[], None, {"f": None}, {"f": [None, 5]}]
    for values in shapes:
        replace(lab, "getRecord", {"id": NOWHERE, "record_values": values})
        record = world(lab.api.records.get_record_by_id(NOWHERE, use_cache=False))
        assert not any(record.record_values.values())


@pytest.mark.parametrize(
    ("operation", "call"),
    [
        ("createActivity", lambda api: api.activities.create_activity("New", "task")),
        ("createProgram", lambda api: api.programs.create_program("New")),
        ("getOrCreateRecord", lambda api: api.records.get_or_create_record({"Compound": "x"})),
        ("getOrCreateKeyField", lambda api: api.entity_fields.get_or_create_key_field("New")),
        ("pushImport", lambda api: api.imports.push_data(["Compound"], [{"Compound": "x"}])),
    ],
)
@pytest.mark.parametrize("value", [[], [{}, {}], {"ok": True}, 5, b""], ids=str)
def test_r025_an_answer_without_the_object_is_a_response_error(
    lab: Lab, world: World, operation: str, call: Any, value: Any
) -> None:
    """A creation whose answer does not hold what was created raises an error that names method, path and body."""
    replace(lab, operation, value)
    with pytest.raises(KalbioResponseError) as caught:
        world(call(lab.api))
    assert caught.value.method == "POST"
    assert caught.value.path == lab.exchanges[-1].target


# -- visibility -------------------------------------------------------------------------------------------------------


def names(world: World, api: Any) -> tuple[set[str], set[frozenset[str]]]:
    """The key fields and the key sets of entity types that a client shows, from its caches where it may."""
    fields = {field.id: field.field_name for field in world(api.entity_fields.get_key_fields())}
    types = world(api.entity_types.get_types())
    return set(fields.values()), {frozenset(fields.get(item, "?") for item in kind.key_field_ids) for kind in types}


@pytest.mark.parametrize("way", ["extend", "replace", "push", "wait", "record"])
def test_r026_new_types_and_key_fields_become_visible(world: World, way: str) -> None:
    """After a change of views, an import or a new record, the cached lists show the new key field and type."""
    from kalbio.sandbox import Sandbox

    lab = Lab(world, sandbox=Sandbox(import_polls=1 if way == "wait" else 0), retries=0)
    api = lab.api
    view = world(api.record_views.get_record_views())[0]
    fields, _ = names(world, api)
    assert "Salt" not in fields
    if way == "extend":
        world(view.extend_view({"new_key_field_name": "Salt", "records_to_transfer": None}))
    elif way == "replace":
        ids = world(api.records.search_records(entity_slice_id=view.entity_slice_id))
        moves = [
            {"record_id": item, "key_field_name_to_value": {"Compound": str(item), "Salt": "none"}}
            for item in world(api.records.get_records_by_ids(ids))
        ]
        world(view.replace_key_fields({"add_key_field_names": ["Salt"], "records_to_transfer": moves}))
    elif way == "record":
        world(api.entity_fields.get_or_create_key_field("Salt"))
        world(api.records.get_or_create_record({"Compound": "x", "Salt": "y"}))
    else:
        import_id = world(api.imports.push_data(["Compound", "Salt"], [{"Compound": "x", "Salt": "y"}]))
        if way == "wait":
            world(api.imports.wait(import_id, interval=0.001))
    fields, types = names(world, api)
    assert "Salt" in fields
    assert frozenset({"Compound", "Salt"}) in types
    lab.close()
