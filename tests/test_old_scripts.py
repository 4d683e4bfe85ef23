"""Scripts that were written for older clients: how objects are made, dumped and read."""

from __future__ import annotations

import copy
import json
import pickle
from datetime import UTC, date, datetime
from importlib import import_module
from typing import Any

import pytest

from kalbio._core.objects.resource import Field, Resource, TimeField
from kalbio.activities import Activity, ActivityStatusEnum
from kalbio.dashboards import Dashboard, DashboardCategory
from kalbio.entity_fields import DataField, KeyField
from kalbio.imports import ImportRecord, ImportResult
from kalbio.programs import Program
from kalbio.record_views import RecordView, ViewField
from kalbio.records import Record, RecordValue
from kalbio.registration import RegistrationFile
from kalbio.testing import InProcess
from kalbio.workspace import WorkspaceEvent, WorkspaceUser
from tests.conftest import Lab, World
from tests.rows import row

ID = "0a1b2c3d-0000-4000-8000-000000000001"
OTHER = "0a1b2c3d-0000-4000-8000-000000000002"
NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)

MODULES = (
    "activities", "dashboards", "entity_fields", "entity_types", "imports", "labels", "programs", "property_fields",
    "record_views", "records", "registration", "result_table_templates", "workspace",
)  # fmt: skip


def classes() -> list[type[Resource]]:
    """Every class of objects, of both worlds."""
    found = {
        item
        for package in ("kalbio", "kalbio.aio")
        for module in MODULES
        for item in vars(import_module(f"{package}.{module}")).values()
        if isinstance(item, type) and issubclass(item, Resource) and item.__module__.split(".")[-1] != "resource"
    }
    return sorted(found, key=lambda item: (item.__module__, item.__name__))


CLASSES = classes()


def members_of(kind: type[Resource]) -> dict[str, Any]:
    """Something for each documented member of a class, as an attribute would show it."""
    made: dict[str, Any] = {"id": ID}
    for base in reversed(kind.__mro__):
        for name, field in vars(base).items():
            if not isinstance(field, Field):
                continue
            if isinstance(field, TimeField):
                made[name] = NOON
                continue
            made[name] = next(
                (given for given in ("todo", ["a"], {"a": ["b"]}, True, 3, [["a"]])
                 if field._read(given) == given and (given is not True or name.startswith("is_"))),
                None,
            )  # fmt: skip
    if "record_values" in dir(kind):
        made["record_values"] = {OTHER: [RecordValue(id=OTHER, content="2.7", created_at=NOON)]}
    if "is_key" in made:
        made["is_key"] = kind.__name__ != "DataField"
    return made


def test_every_class_is_made_and_dumped_as_documented() -> None:
    """An object of every class is made by keyword, shows what was given, and comes back from both kinds of dumps."""
    for kind in CLASSES:
        with row(kind):
            given = members_of(kind)
            item = kind(**given)
            assert len(given) > 1
            shown = {name: getattr(item, name) for name in given}
            assert {name: value for name, value in shown.items() if given[name] is not None} == {
                name: value for name, value in given.items() if value is not None
            }

            dump = item.model_dump()
            assert given.keys() <= dump.keys()
            assert [dump[name] for name, value in given.items() if value is NOON] == [
                NOON for value in given.values() if value is NOON
            ]
            again = kind.model_validate(dump)
            assert (again, again.model_dump()) == (item, dump)

            plain = item.model_dump(mode="json")
            assert (
                json.loads(json.dumps(plain)) == plain == json.loads(item.model_dump_json()) == json.loads(item.json())
            )
            assert kind.model_validate(plain).model_dump() == dump == item.dict()

            assert dict(item)["id"] == ID
            assert given.keys() <= dict(item).keys()
            for twin in (copy.copy(item), copy.deepcopy(item), item.model_copy(), item.model_copy(deep=True),
                         pickle.loads(pickle.dumps(item))):  # fmt: skip
                assert (twin, twin.model_dump(), type(twin)) == (item, dump, kind)
            assert kind.model_validate(item) is item


def test_absent_members_are_in_dumps() -> None:
    """A dump has every documented member, those that did not come too, unless it is asked to leave them out."""
    for kind in CLASSES:
        with row(kind):
            item = kind(id=ID)
            names = set(members_of(kind)) - {"record_values"}
            assert names <= item.model_dump().keys()
            assert item.model_dump(exclude_unset=True) == {"id": ID}
            assert None not in item.model_dump(exclude_none=True).values()
            assert item.model_dump(include={"id"}) == {"id": ID}
            assert "id" not in item.model_dump(exclude={"id"})
            with pytest.raises(ValueError, match='mode must be "python" or "json"'):
                item.model_dump(mode="yaml")  # type: ignore[arg-type]


def test_a_value_is_made_as_the_documentation_makes_it() -> None:
    """A value made by keyword shows its members, its time with its zone."""
    value = RecordValue(id=ID, content="2.7", created_at=NOON, record_id=OTHER, operation_id=None)
    assert (value.id, value.content, value.created_at, value.record_id, value.operation_id) == (
        ID, "2.7", NOON, OTHER, None,
    )  # fmt: skip
    record = Record(id=OTHER, record_identifier="CPD-1", record_values={ID: [value]})
    assert record.get_value_content(ID) == "2.7"
    assert record.record_values[ID] == [value]
    assert dict(record)["record_values"][ID][0].created_at == NOON
    assert ImportRecord(id=ID, import_result=ImportResult(records_created=3)).import_result is not None


def test_dumps_keep_what_is_not_known() -> None:
    """Members that this version does not know are in dumps, in copies, and among what an object is gone through by."""
    item = Program(id=ID, title="Kinases", budget={"amount": 3})
    assert item.model_dump()["budget"] == dict(item)["budget"] == {"amount": 3}
    assert item.model_copy(update={"title": "Proteases"}).to_dict() == {**item.to_dict(), "title": "Proteases"}
    assert item.title == "Kinases"
    # The server may call a member as an object calls a way to ask it; a dump must not ask.
    assert Activity({"id": ID, "records": 3}).model_dump()["records"] == 3


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Program({"id": ID}, title="x"), "Program takes its JSON or its members by keyword, not both"),
        (lambda: Program(id=ID, to_json="x"), "Program has no member 'to_json' to set"),
        (lambda: Activity(id=ID, records=[]), "Activity has no member 'records' to set"),
        (lambda: Program(id=ID, _raw={}), "Program has no member '_raw' to set"),
        (lambda: RecordValue(id=ID, content={1: 2}), r"content of a RecordValue has the key 1; keys must be text"),
        (lambda: RecordValue(id=ID, content=object()), "content of a RecordValue is .* not a type JSON can carry"),
        (lambda: RecordValue(id=ID, created_at=datetime(2026, 1, 5, 12)), "created_at of a RecordValue .* a zone"),
        (lambda: Program.model_validate("x"), "A Program is made from a dict of its members; got 'x'"),
    ],
)  # fmt: skip
def test_what_cannot_be_a_member_is_refused(make: Any, message: str) -> None:
    """What is no member, or no JSON, is refused when an object is made, by name."""
    with pytest.raises((TypeError, ValueError), match=message):
        make()


@pytest.mark.parametrize(
    ("ask", "cure"),
    [
        (lambda item: item.copy(), r"use model_copy\(\)"),
        (lambda item: type(item).parse_obj({}), r"use model_validate\(...\)"),
        (lambda item: type(item).model_construct(id=ID), "call the class with keywords"),
        (lambda item: type(item).model_fields, r"model_dump\(\) has the names"),
        (lambda item: item.model_fields, r"model_dump\(\) has the names"),
        (lambda item: item.model_extra, r"to_dict\(\) has all members"),
    ],
)
def test_other_spellings_name_the_cure(ask: Any, cure: str) -> None:
    """What objects do not have of pydantic's says what to use instead."""
    with pytest.raises(AttributeError, match=cure):
        ask(Program(id=ID))


def test_a_copy_of_what_is_on_the_server_is_not_suggested(lab: Lab, world: World) -> None:
    """Who asks an object of the server for a copy is not sent to a second object of the same id, but to a new one."""
    activity = world(lab.api.activities.get_activity_by_id("Kinase screen"))
    with pytest.raises(AttributeError, match=r"the same activity on the server.*create_activity") as caught:
        activity.copy()
    assert "model_copy" not in str(caught.value)
    program = world(lab.api.programs.get_programs())[0]
    with pytest.raises(AttributeError, match="the same Program on the server"):
        program.copy()


def test_texts_of_enumerations_have_a_value() -> None:
    """A text that an enumeration lists, or does not list yet, is text and has a value."""
    for status in ("to do", "a state of tomorrow"):
        activity = Activity(id=ID, status=status)
        assert activity.status is not None
        assert (activity.status, activity.status.value, f"{activity.status}") == (status, status, status)
        assert json.dumps(activity.status) == json.dumps(status)
        assert type(activity.model_dump()["status"]) is str
    made = [
        Activity(id=ID, status=ActivityStatusEnum.TODO).status, KeyField(id=ID, field_type="to do").field_type,
        DataField(id=ID, field_type="to do").field_type, WorkspaceUser(id=ID, access_level="to do").access_level,
        RegistrationFile(id=ID, status="to do").status, Dashboard(id=ID, dashboard_type="to do").dashboard_type,
    ]  # fmt: skip
    assert [text and text.value for text in made] == ["to do"] * len(made)
    assert Activity(id=ID).status is None


def test_what_was_a_dict_reads_like_one() -> None:
    """Columns of views, events and categories are read by key as well, as they came."""
    raw = {"id": ID, "data_field_id": OTHER, "lookup_field_id": None}
    (column,) = RecordView(id=ID, view_fields=[raw]).view_fields
    assert (column["data_field_id"], column.get("lookup_field_id"), column.get("width", 5)) == (OTHER, None, 5)
    assert dict(column) == raw == {**column}
    assert (list(column), len(column), "data_field_id" in column, "width" in column) == (list(raw), 3, True, False)
    assert (list(column.keys()), list(column.values()), list(column.items())) == (
        list(raw), list(raw.values()), list(raw.items()),
    )  # fmt: skip
    with pytest.raises(KeyError, match="width"):
        column["width"]
    assert ViewField(data_field_id=OTHER)["data_field_id"] == OTHER
    assert WorkspaceEvent({"id": ID, "created_at": "2026-01-05"})["created_at"] == "2026-01-05"
    assert DashboardCategory({"id": ID, "field_ids": [OTHER]})["field_ids"] == [OTHER]


def test_nobody_asks_in_vain_what_is_in_an_object() -> None:
    """`in` refuses on an object: it would find nothing among pairs, and fields are no members."""
    with pytest.raises(
        TypeError, match=r"`in` does not work on a Record; for its fields, use 'logP' in record\.to_row"
    ):
        assert "logP" in Record(id=ID)


@pytest.mark.parametrize(
    "change",
    [
        lambda item: item.child_ids.append("b"),
        lambda item: item.child_ids.sort(),
        lambda item: item.child_ids.__setitem__(0, "b"),
        lambda item: item.child_ids.__iadd__(["b"]),
        lambda item: item.data_table_record_mapping.update(v=[]),
        lambda item: item.data_table_record_mapping["v"].clear(),
        lambda item: item.description["text"].append("b"),
        lambda item: item.extra.pop("x"),
        lambda item: item.raw["child_ids"].append("b"),
        lambda item: item.properties.append(3),
        lambda item: Record(id=ID, record_values={ID: [{}]}).record_values[ID].clear(),
        lambda item: RecordView(id=ID, view_fields=[{"id": ID}]).view_fields.clear(),
        lambda item: DashboardCategory(id=ID, label_ids=[["a"]]).label_ids[0].append("b"),
    ],
)  # fmt: skip
def test_no_change_of_a_list_is_lost(change: Any) -> None:
    """Changing a list or dict of an object raises, instead of changing a copy that nobody sees."""
    item = Activity(
        id=ID, child_ids=["a"], data_table_record_mapping={"v": ["r"]}, description={"text": ["a"]}, extra={"x": 1}
    )
    before = item.to_dict()
    with pytest.raises(TypeError, match="would change nothing there"):
        change(item)
    assert item.to_dict() == before


def test_lists_of_objects_are_lists() -> None:
    """What an object shows is a list like any other to read, and a copy of it is a plain one."""
    ids = Activity(id=ID, child_ids=["a", "b"]).child_ids
    assert (ids, [*ids, "c"], json.dumps(ids), isinstance(ids, list)) == (
        ["a", "b"],
        ["a", "b", "c"],
        '["a", "b"]',
        True,
    )
    for mine in (list(ids), ids.copy(), copy.copy(ids), copy.deepcopy(ids), pickle.loads(pickle.dumps(ids))):
        mine.append("c")
        assert (mine, type(mine)) == (["a", "b", "c"], list)


def test_objects_are_not_taken_for_lists() -> None:
    """An object where a list of things is wanted is refused, although it can be gone through; nothing is sent."""
    with InProcess() as lab:
        record: Any = lab.client.records.get_or_create_record({"Compound": "SBX-1"})
        for call in (
            lambda: lab.client.records.get_records_by_ids(record),
            lambda: lab.client.programs.get_programs_by_ids(record),
            lambda: lab.client.imports.push_data(["Compound"], record),
            lambda: lab.client.records.search_records(entity_field_filters=record),
            lambda: lab.client.records.add_values(record),
        ):
            before = len(lab.exchanges)
            with pytest.raises(ValueError, match="list"):
                call()
            assert len(lab.exchanges) == before


def test_days_are_members_too() -> None:
    """A date given for a time is the beginning of that day."""
    assert Activity(id=ID, due_date=date(2026, 1, 5)).due_date == datetime(2026, 1, 5, tzinfo=UTC)
