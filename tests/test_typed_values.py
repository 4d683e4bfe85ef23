"""Values in the types of their fields: `record["logP"]`, `record.value`, `record.to_row`, files and links."""

from __future__ import annotations

import pickle
import re
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, get_args

import numpy
import pandas
import pytest

from kalbio import AmbiguousIdentifierError, IdentifierError, IdentifierNotFoundError
from kalbio._model import field_types
from kalbio._model.content_reading import MisfitError
from kalbio._model.enums import DataFieldTypeEnum
from kalbio._model.field_types import FIELD_TYPES, read_column, read_content
from kalbio.records import ContentTypeWarning, FileValue, RecordLink
from tests.altered import body_of
from tests.conftest import Lab
from tests.requirements.test_caching import asked

ROOT = Path(__file__).parent.parent
UUID = "0a1b2c3d-0000-4000-8000-000000000001"

# content as the platform keeps it, and what it is
FITTING: dict[str, list[tuple[Any, Any]]] = {
    "text": [("0042", "0042"), ("", ""), ("NA", "NA"), (" x ", " x ")],
    "number": [
        ("2.7", 2.7), ("-35", -35.0), ("1e3", 1000.0), ("0", 0.0), (4, 4.0), (" 5 ", 5.0), (" ", None), ("", None),
        (str(2**53 + 1), float(2**53)),
    ],
    "boolean": [(True, True), (False, False), ("", None)],
    "date": [
        ("2026-03-01", date(2026, 3, 1)), ("2026-03-01T00:00:00.000Z", date(2026, 3, 1)),
        ("2026-03-01T00:00:00", date(2026, 3, 1)), ("2026-03-01T00:00:00+00:00", date(2026, 3, 1)), ("", None),
    ],
    "multiselect": [(["a", "b"], ["a", "b"]), ([], []), ("a", ["a"]), ("", None)],
    "record-reference": [(UUID, UUID), ("", None)],
    "file": [({"file_id": UUID}, {"file_id": UUID}), (UUID, {"file_id": UUID}), ("", None)],
    "qualified-number": [(">10", ">10"), ({"value": 5}, {"value": 5}), (True, True), ([1, 2], [1, 2])],
}  # fmt: skip
MISFITS: dict[str, list[Any]] = {
    "text": [5, True, ["a"], {"a": 1}],
    "number": [
        "many",
        "1_000",
        "nan",
        "inf",
        "-Infinity",
        "1e400",
        "٣",
        "1,5",
        "0x10",
        True,
        [1],
        {"value": 1},
        10**400,
    ],
    "boolean": ["true", 1, 0, "no"],
    "date": ["soon", "2026-02-30", "2026-03-01T09:30:00Z", "2026-03-01T00:00:00+01:00", 20260301, True, ["2026-03-01"]],
    "multiselect": [[1], {"a": 1}, 5, ["a", None]],
    "record-reference": ["CPD-1", 5, {"id": UUID}],
    "file": ["nmr.txt", 5, {}, {"file_id": ""}, {"file_id": 5}],
}


def cases(table: dict[str, list[Any]]) -> list[Any]:
    """Each entry of a table with its type."""
    return [(kind, entry) for kind, entries in table.items() for entry in entries]


@pytest.mark.parametrize(("kind", "entry"), cases(FITTING))
def test_contents_are_read_by_the_type(kind: str, entry: tuple[Any, Any]) -> None:
    """A content is read as the type of its field says, alone and within a column."""
    form = FIELD_TYPES[kind].form
    content, value = entry
    assert read_content(form, content) == value
    assert type(read_content(form, content)) is type(value)
    assert read_column(form, [content, None]) == ([value, None], [])


@pytest.mark.parametrize(("kind", "content"), cases(MISFITS))
def test_what_does_not_fit_is_told(kind: str, content: Any) -> None:
    """A content that does not fit its type is no value of it, alone and within a column of contents that fit."""
    form = FIELD_TYPES[kind].form
    good = FITTING[kind][0]
    with pytest.raises(MisfitError):
        read_content(form, content)
    assert read_column(form, [good[0], content, good[0]]) == ([good[1], None, good[1]], [1])


def test_every_type_of_field_is_in_the_table() -> None:
    """The table has exactly the types that a field may have, and says of each how sure it is."""
    assert FIELD_TYPES.keys() == {member.value for member in DataFieldTypeEnum}
    assert all(kind.evidence for kind in FIELD_TYPES.values())


def test_the_guide_shows_the_table() -> None:
    """The page about tables has one row for each type of field, with what the code says of it."""
    page = (ROOT / "docs" / "guide" / "tables.md").read_text(encoding="utf-8")
    told = re.findall(r"^\| ((?:`[^`|]+` ?)+)\| (.+?) \| (.+?) \| (.+?) \| (.+?) \| (.+?) \|$", page, re.MULTILINE)
    rows = {name: row[1:] for row in told for name in re.findall(r"`([^`]+)`", row[0])}
    assert rows == {
        name: (f"`{form.python}`", f"`{form.arrow}`", f"`{form.pandas}`", form.sent, kind.evidence)
        for name, kind in FIELD_TYPES.items()
        for form in [kind.form]
    }


def filled(lab: Lab) -> Any:
    """A record with a value of several types, the fields known."""
    fields, record = lab.client.entity_fields, lab.client.records.get_or_create_record({"Compound": "CPD-1"})
    for name, kind, content in (
        ("logP", "number", 2.7),
        ("Made on", "date", date(2026, 3, 1)),
        ("Hit", "boolean", True),
        ("Tags", "multiselect", ["a", "b"]),
        ("Parent", "record-reference", record.id),
    ):
        record.add_value(fields.get_or_create_data_field(name, kind), content)
    world = lab.world
    world(lab.api.entity_fields.get_data_fields())
    world(lab.api.entity_fields.get_key_fields())
    return world(lab.api.records.get_record_by_id(record.id))


def test_a_field_is_read_by_its_name(lab: Lab) -> None:
    """`record[name]` and `record.value(name)` give the current value in the type of the field, None without one."""
    record = filled(lab)
    expected = {
        "Compound": "CPD-1", "logP": 2.7, "Made on": date(2026, 3, 1), "Hit": True, "Tags": ["a", "b"], "SMILES": None,
    }  # fmt: skip
    assert {name: record[name] for name in expected} == expected
    assert {name: lab.world(record.value(name)) for name in expected} == expected
    assert (record["Parent"].id, type(record["Parent"]).__name__) == (record.id, "RecordLink")
    assert lab.world(record["Parent"].fetch()) == record


def test_a_row_has_what_the_record_holds(lab: Lab) -> None:
    """`to_row` gives name to value, key fields first; with fields given exactly those, None where there is no value."""
    record = filled(lab)
    row = lab.world(record.to_row())
    assert next(iter(row)) == "Compound"
    assert {name: row[name] for name in ("Compound", "logP", "Hit")} == {"Compound": "CPD-1", "logP": 2.7, "Hit": True}
    assert set(row) == {"Compound", "logP", "Made on", "Hit", "Tags", "Parent"}
    assert lab.world(record.to_row(["SMILES", "logP"])) == {"SMILES": None, "logP": 2.7}


def test_an_unknown_field_names_close_ones(lab: Lab) -> None:
    """A name that is no field raises, with the names that come close."""
    record = filled(lab)
    with pytest.raises(IdentifierNotFoundError, match=r"no field 'logp'. Did you mean 'logP'"):
        record["logp"]
    with pytest.raises(IdentifierNotFoundError, match=r"Did you mean 'logP'"):
        lab.world(record.value("logp"))
    with pytest.raises(IdentifierNotFoundError, match=r"no field"):
        lab.world(record.to_row(["logP", UUID]))


def test_a_name_of_both_kinds_is_refused(lab: Lab) -> None:
    """A name that a key field and a data field share raises instead of choosing one."""
    lab.client.entity_fields.get_or_create_data_field("Compound", "text")
    record = filled(lab)
    with pytest.raises(AmbiguousIdentifierError):
        record["Compound"]
    field = lab.world(lab.api.entity_fields.get_key_field_by_id("Compound"))
    assert record[field] == "CPD-1"


def test_the_async_world_says_when_fields_are_not_known(lab: Lab) -> None:
    """While the fields are not known, `record[...]` asks for them in the sync world, and says so in the async one."""
    lab.client.records.get_or_create_record({"Compound": "CPD-1"}).add_value("Potency (nM)", 2.5)
    key = next(field.id for field in lab.client.entity_fields.get_key_fields() if field.field_name == "Compound")
    record = lab.world(lab.api.records.get_record_by_id({key: "CPD-1"}))
    if lab.world.kind == "sync":
        assert record["Potency (nM)"] == 2.5
        return
    with pytest.raises(IdentifierError, match=r"await record\.value"):
        record["Potency (nM)"]
    assert lab.world(record.value("Potency (nM)")) == 2.5
    assert record["Potency (nM)"] == 2.5


def test_scopes_are_those_of_contents(lab: Lab) -> None:
    """An activity, a table and sub-records narrow a value as they narrow a content, under the older names too."""
    client, world = lab.client, lab.world
    made = client.records.get_or_create_record({"Compound": "SBX-1"})
    screen = client.activities.get_activity_by_id("Kinase screen")
    batch = client.records.get_or_create_record({"Compound": "SBX-1", "Batch": "B-01"})
    made.add_value("Potency (nM)", 3)
    batch.add_value("Purity (%)", 98.5)
    made.add_value("Potency (nM)", 4, activity_id=screen)
    made.add_value("Potency (nM)", 5)
    record = world(lab.api.records.get_record_by_id({"Compound": "SBX-1"}))

    assert world(record.value("Potency (nM)")) == 5
    assert world(record.value("Potency (nM)", activity="Kinase screen")) == 4
    assert world(record.value("Potency (nM)", operation_id=screen)) == 4
    assert world(record.value("Potency (nM)", table=UUID)) is None
    assert world(record.value("Potency (nM)", record_view_id=UUID)) is None
    assert world(record.value("Purity (%)")) is None
    assert world(record.value("Purity (%)", include_sub_records=True)) == 98.5
    assert world(record.value("Purity (%)", sub_record=batch.id)) == 98.5
    assert world(record.to_row(activity=screen)) == {"Compound": "SBX-1", "Potency (nM)": 4.0}
    with pytest.raises(ValueError, match="activity and operation_id mean the same"):
        world(record.value("Potency (nM)", activity=screen, operation_id=screen))


def test_a_number_is_read_as_you_ask(lab: Lab) -> None:
    """A number is a float, and an int, a Decimal or the text as it stands on request; what does not fit raises."""
    record = filled(lab)
    world = lab.world
    lab.client.records.get_or_create_record({"Compound": "CPD-1"}).add_value("logP", "2.70")
    world(record.refetch())
    assert world(record.value("logP", Decimal)) == Decimal("2.70")
    assert str(world(record.value("logP", Decimal))) == "2.70"
    assert world(record.value("logP", str)) == "2.70"
    assert world(record.value("Hit", str)) == "true"
    with pytest.raises(ValueError, match=r"'logP' of CPD-1 holds '2.70', which cannot be read as int"):
        world(record.value("logP", int))
    with pytest.raises(
        ValueError, match=r"'Hit' is a field of the type 'boolean': it is read as bool or str, not as float"
    ):
        world(record.value("Hit", float))
    record = world(lab.api.records.get_record_by_id(record.id, use_cache=False))
    lab.client.records.get_or_create_record({"Compound": "CPD-1"}).add_value("logP", "4.0")
    world(record.refetch())
    assert world(record.value("logP", int)) == 4
    assert type(world(record.value("logP", int))) is int


def test_a_misfit_is_given_as_it_is(lab: Lab) -> None:
    """A content that does not fit its type comes as it is, with a warning that names field, record and content."""
    record = filled(lab)
    field = lab.world(lab.api.entity_fields.get_data_field_by_id("logP"))
    raw = record.to_dict()
    raw["record_values"][field.id][0]["content"] = "> 10"
    odd = type(record)(raw, lab.api)
    with pytest.warns(ContentTypeWarning, match=r"'logP' of CPD-1 holds '> 10', which does not fit the type 'number'"):
        assert odd["logP"] == "> 10"
    with pytest.warns(ContentTypeWarning):
        assert lab.world(odd.value("logP")) == "> 10"


def test_a_file_downloads_itself(lab: Lab, tmp_path: Path) -> None:
    """The value of a file field has the name, type and size of the file, reads it, and saves it under its name."""
    record = filled(lab)
    lab.world(record.update_field_file("Spectrum", "nmr.txt", b"1 2 3", "text/plain"))
    file = record["Spectrum"]
    assert (str(file), file.type, file.size) == ("nmr.txt", "text/plain", 5)
    assert lab.world(file.read()) == b"1 2 3"
    assert lab.world(file.save(tmp_path)) == str(tmp_path / "nmr.txt")
    assert (tmp_path / "nmr.txt").read_bytes() == b"1 2 3"
    copy = pickle.loads(pickle.dumps(file))
    assert copy == file
    with pytest.raises(RuntimeError, match="has no client"):
        lab.world(copy.read())
    assert pickle.loads(pickle.dumps(record["Parent"])) == record["Parent"]
    assert FileValue({"file_id": UUID}) != RecordLink(UUID)


def test_what_was_read_can_be_written(lab: Lab) -> None:
    """Values are written as they were read, records and people as their ids, by both calls."""
    record, world = filled(lab), lab.world
    world(record.update_field_file("Spectrum", "nmr.txt", b"1 2 3", "text/plain"))
    other = world(lab.api.records.get_or_create_record({"Compound": "CPD-2"}))
    member = world(lab.api.workspace.get_members())[0]
    lab.client.entity_fields.get_or_create_data_field("Owner", "people")
    names = {field.id: field.field_name for field in lab.client.entity_fields.get_data_fields()}
    whole = world(lab.api.records.get_record_by_id(record.id))
    shown = {names[known]: values[0] for known, values in whole.record_values.items() if known in names}
    sent: list[tuple[str, Any, Any]] = [
        ("Parent", other, other.id),
        ("Parent", record["Parent"], record.id),
        ("Spectrum", record["Spectrum"], {"file_id": record["Spectrum"].id}),
        ("Owner", member, member.id),
        ("Owner", (member,), [member.id]),
        ("Tags", [shown["Parent"], "new"], [record.id, "new"]),
    ]
    sent += [(field, shown[field], shown[field].content) for field in ("logP", "Spectrum")]
    for field, content, written in sent:
        world(other.add_value(field, content))
        assert body_of(lab, "addRecordValue")["content"] == written
        world(lab.api.records.add_values([{"record": other, "field": field, "content": content}]))
        assert body_of(lab, "addRecordValue")["content"] == written


def test_who_may_not_list_fields_writes_text_all_the_same(lab: Lab) -> None:
    """A text that may be a list is written as given in a field whose type cannot be asked for."""
    field = lab.client.entity_fields.get_or_create_data_field("Route", "text")
    record = lab.world(lab.api.records.get_record_by_id({"Compound": "SBX-1"}))
    lab.fail("listDataFields", status=403)
    lab.world(record.add_value(field.id, "CC(=O)O; reflux"))
    assert body_of(lab, "addRecordValue")["content"] == "CC(=O)O; reflux"


def test_texts_of_many_rows_ask_for_their_field_once(lab: Lab) -> None:
    """Whether a text may be a list is asked once in a bulk write, also without caches."""
    field = lab.client.entity_fields.get_or_create_data_field("Route", "text")
    record = lab.world(lab.api.records.get_record_by_id({"Compound": "SBX-1"}))
    rows = [{"record": record.id, "field": field.id, "content": f"step {n}; reflux"} for n in range(3)]
    before = len(lab.operations())
    with lab.api.cache_disabled():
        lab.world(lab.api.records.add_values(rows))
    assert sorted(lab.operations()[before:]) == ["addRecordValue"] * 3 + ["listDataFields"]


def test_a_short_float_is_written_as_it_shows(lab: Lab) -> None:
    """A number of 32 bits is the same to each call that writes: 0.1, not 0.10000000149011612."""
    record, number = filled(lab), numpy.float32(0.1)
    lab.world(record.add_value("logP", number))
    assert body_of(lab, "addRecordValue")["content"] == 0.1
    lab.world(lab.api.records.add_values([{"record": record, "field": "logP", "content": number}]))
    assert body_of(lab, "addRecordValue")["content"] == 0.1
    lab.world(lab.api.imports.push_data(["Compound"], [{"Compound": "CPD-1", "logP": number}]))
    assert body_of(lab, "pushImport")["data"] == [{"Compound": "CPD-1", "logP": 0.1}]
    assert lab.world(lab.api.records.upsert([{"Compound": "CPD-1", "logP": number}], key="Compound")).done == []


@pytest.mark.parametrize(
    ("content", "error", "cure"),
    [
        ({"a"}, TypeError, "give a list"),
        (numpy.array([1, 2]), TypeError, "value.tolist()"),
        (pandas.NA, TypeError, "for an empty cell give None"),
        (pandas.NaT, ValueError, "for an empty cell give None"),
        (numpy.datetime64("NaT"), ValueError, "for an empty cell give None"),
    ],
)
def test_what_cannot_be_sent_says_what_can(lab: Lab, content: Any, error: type[Exception], cure: str) -> None:
    """Sets, arrays and missing values of libraries are refused with what to give instead; nothing is sent."""
    record = filled(lab)
    before = len(lab.operations())
    with pytest.raises(error, match=re.escape(cure)):
        lab.world(record.add_value("Tags", content))
    assert lab.operations()[before:] == []


def test_no_id_is_written_of_what_no_field_holds(lab: Lab) -> None:
    """Fields, types and activities are refused as values, with the cure, rather than that their ids are written."""
    record, world = filled(lab), lab.world
    field = world(lab.api.entity_fields.get_data_fields())[0]
    before = len(lab.operations())
    for given in (field, [field], world(lab.api.activities.get_activities())[0]):
        with pytest.raises(TypeError, match="give its id or its name"):
            world(record.add_value("Tags", given))
        with pytest.raises(TypeError, match="give its id or its name"):
            world(lab.api.records.add_values([{"record": record, "field": "Tags", "content": given}]))
    assert [name for name in lab.operations()[before:] if not name.startswith("list")] == []


def test_a_value_shows_its_circumstances(lab: Lab) -> None:
    """A value of the history shows the names of field, activity and author, and when it was written."""
    world = lab.world
    world(lab.api.entity_fields.get_data_fields())
    world(lab.api.activities.get_activities())
    author = world(lab.api.workspace.get_members())[0].email
    record = world(lab.api.records.get_record_by_id({"Compound": "SBX-1"}))
    value = next(item for item in world(record.get_values()) if item.operation_id)
    shown = repr(value)
    assert shown.startswith(f"<RecordValue '12.5' {value.id[:8]} of 'Potency (nM)', in 'Kinase screen', by {author!r}")
    assert "at '2026-" in shown
    page = value._repr_html_()
    assert all(text in page for text in ("Potency (nM)", "Kinase screen", author, "12.5"))
    assert value.operation_id not in page


def test_a_value_alone_shows_ids(lab: Lab) -> None:
    """Without the listings, the ids stand for the names, and nothing is asked to show a value."""
    record = lab.world(lab.api.records.get_record_by_id({"Compound": "SBX-1"}))
    value = lab.world(record.get_values())[0]
    assert value.field_id in repr(value)
    assert value.field_id in value._repr_html_()
    assert asked(lab, lab.world, lambda: f"{value!r}{value._repr_html_()}") == []


def test_a_record_shows_its_values_by_name(lab: Lab) -> None:
    """A notebook shows the current values of a record by the names of the fields; nothing is asked to show them."""
    record = lab.world(lab.api.records.get_record_by_id({"Compound": "SBX-1"}, use_cache=False))
    before = record._repr_html_()
    assert "<td>12.5</td>" in before
    lab.world(record.to_row())
    page = record._repr_html_()
    assert "Potency (nM)</th><td>12.5</td>" in page
    assert "Compound</th><td>SBX-1</td>" in page
    raw = record.to_dict()
    raw["record_values"] = dict(reversed(raw["record_values"].items()))
    turned = type(record)(raw, lab.api)._repr_html_()
    assert turned.index("Compound</th>") < min(turned.index("SMILES</th>"), turned.index("Soluble</th>"))
    assert "record_values" not in page
    assert asked(lab, lab.world, record._repr_html_) == []


def test_what_dicts_and_objects_do_is_told_what_to_write_instead(lab: Lab) -> None:
    """Who takes a record for a dict, or a field for an attribute, learns how fields are read and written."""
    record = lab.world(lab.api.records.get_record_by_id({"Compound": "SBX-1"}))
    with pytest.raises(TypeError, match=r"'logP' in record\.to_row\(\)"):
        assert "logP" in record
    with pytest.raises(TypeError, match=r"record\.add_value\('logP', \.\.\.\)"):
        record["logP"] = 3
    with pytest.raises(AttributeError, match=r"the value of a field is record\['logP'\]"):
        assert record.logP
    with pytest.raises(AttributeError, match=r"'get_comments'; comments are those of activities"):
        assert record.get_comments()
    with pytest.raises(AttributeError, match=r"'get_files'$"):
        assert record.get_files()
    with pytest.raises(AttributeError, match=r"'update'; record\.add_value\(field, content\)"):
        record.update(logP=3)
    lab.world(lab.api.entity_fields.get_or_create_data_field("get_well", "text"))
    lab.world(lab.api.entity_fields.get_data_fields())
    with pytest.raises(AttributeError, match=r"the value of a field is record\['get_well'\]"):
        assert record.get_well
    with pytest.raises(AttributeError, match=r"'created_by'; who wrote its values.*record\.history\(\)"):
        assert record.created_by
    with pytest.raises(ValueError, match=r"12.5', which cannot be read as int; record.value\('Potency \(nM\)'\)"):
        lab.world(record.value("Potency (nM)", int))


def test_the_json_type_is_recursive() -> None:
    """What may be any JSON is told to a type checker without Any."""
    assert "Any" not in str(get_args(field_types.Json) or field_types.Json)
