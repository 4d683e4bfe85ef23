"""A table that is read, loaded again in any form, and read once more: equal for every type of field."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from kalbio._core.emulator.calls import UploadedFile
from kalbio._model.field_types import FIELD_TYPES
from kalbio.loading import LoadRefusedError
from kalbio.reading import decimal_comma, unicode_minus, without_unit
from kalbio.records import ValueToWrite
from kalbio.sandbox import files, values
from tests.conftest import Lab, World

# Neither half characters nor a null, which no file of text has.
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=20)
TEXTS = TEXT | st.sampled_from(
    [
        "0042", "1E5", "NA", "None", "nan", "2024-01-02", "=A1", " x ", "true", "1,5", "[1]", '["a"]', "{}", "null",
        "a;b", '"', "\r\n",
    ]
)  # fmt: skip
NUMBERS = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(10**25), 10**25)
JSON: st.SearchStrategy[Any] = st.recursive(
    st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner | st.none(), min_size=1, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
DECIMALS = st.decimals(allow_nan=False, allow_infinity=False, places=3)
QUALIFIED = st.builds("{}{}".format, st.sampled_from(["", ">", "<", "<=", ">= ", "~"]), DECIMALS)
CONTENTS: dict[str, st.SearchStrategy[Any]] = {
    "number": NUMBERS | DECIMALS.map(str),
    "boolean": st.booleans(),
    "date": st.dates(date(1, 1, 2), date(9999, 12, 30)).map(date.isoformat),
    **dict.fromkeys(("multiselect", "people", "URL"), st.lists(TEXTS, min_size=1, max_size=3)),
    "qualified-number": QUALIFIED | NUMBERS | st.dictionaries(TEXT, NUMBERS, max_size=2),
    **dict.fromkeys(("mixture", "votes", "xy-array", "google-drive-file", "s3-file"), JSON),
}
KINDS = [kind for kind in FIELD_TYPES if kind not in ("record-reference", "file", "image")]
ROWS = st.lists(
    st.fixed_dictionaries({}, optional={kind: CONTENTS.get(kind, TEXTS) for kind in KINDS}), min_size=1, max_size=3
)
NUMBER = itertools.count()


def as_file(suffix: str) -> Callable[[Any, Path], Any]:
    """Write the table into a file, and load that."""

    def write(table: Any, folder: Path) -> Path:
        path = folder / f"table{suffix}"
        if suffix == ".jsonl":
            path.write_text("".join(json.dumps(row, default=str) + "\n" for row in table), "utf-8")
        elif suffix == ".parquet":
            table.to_parquet(path)
        else:
            table.to_csv(path)
        return path

    return write


FORMS: dict[str, Callable[[Any, Path], Any]] = {
    "the table": lambda table, folder: table,
    "rows": lambda table, folder: table.to_rows(),
    "pandas": lambda table, folder: table.to_pandas(),
    "polars": lambda table, folder: table.to_polars(),
    "Arrow": lambda table, folder: table.to_arrow(),
    "CSV": as_file(".csv"),
    "Parquet": as_file(".parquet"),
    "JSON lines": as_file(".jsonl"),
}


@pytest.fixture
def lab(world: World) -> Iterator[Lab]:
    """A sandbox with a field of every type, and a kind of records for each form."""
    made = Lab(world, retries=0)
    fields = made.client.entity_fields
    for name in ("Compound", *FORMS):
        fields.get_or_create_key_field(name)
        made.client.records.get_or_create_record({name: "begin"})
    for kind in FIELD_TYPES:
        fields.get_or_create_data_field(f"a {kind}", kind)
    yield made
    made.close()


def filled(lab: Lab, rows: list[dict[str, Any]]) -> list[str]:
    """Records that hold these contents, as the platform keeps them, and a file, an image and a reference each."""
    store = lab.sandbox.store
    known = {field.field_name: field.id for field in lab.client.entity_fields.get_data_fields()}
    file = files.keep(store, UploadedFile("nmr.txt", "text/plain", b"x"))
    ids = []
    for row in rows:
        record = lab.client.records.get_or_create_record({"Compound": f"R-{next(NUMBER)}"})
        for kind, content in {**row, "file": file, "image": file, "record-reference": record.id}.items():
            field = store.get("data_field", known[f"a {kind}"])
            assert field is not None
            values.write(store, record.id, field, values.checked(store, field, content))
        ids.append(record.id)
    return ids


@settings(
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=3,
    phases=[Phase.generate],  # what fails is shown as it is: to make it smaller takes minutes
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(rows=ROWS)
def test_a_table_that_is_loaded_is_the_table_that_was_read(
    lab: Lab, tmp_path: Path, rows: list[dict[str, Any]]
) -> None:
    """What is loaded into other records reads as it did, for every type of field, and once more writes nothing."""
    names = [f"a {kind}" for kind in FIELD_TYPES]
    ids = filled(lab, rows)
    first = lab.world(lab.api.records.table(ids=ids, fields=["Compound", *names]))
    assert first.misfits == []
    for form, make in FORMS.items():
        source = make(first, tmp_path)
        columns: dict[str, Any] = {"Compound": form, "record_id": None}
        if form == "the table":  # which is read without the ids of its records
            del columns["record_id"]
        report = lab.world(lab.api.records.upsert(source, form, columns=columns))
        assert report.ok, f"{form}: {report}"

        copies = lab.client.records.get_records_by_ids([{form: key} for key in first["Compound"]], use_cache=False)
        second = lab.world(lab.api.records.table(ids=copies, fields=[form, *names]))
        assert second.misfits == []
        assert second[form] == first["Compound"]
        assert (form, {name: second[name] for name in names}) == (form, {name: first[name] for name in names})
        assert lab.world(lab.api.records.plan_upsert(source, form, columns=columns)).writes_nothing


def test_digits_beyond_those_of_a_float_stay(lab: Lab) -> None:
    """A number of more digits than its table shows is not written anew by a load of the table; other digits are."""
    digits = "1" * 40 + ".25"
    rows = [{"Compound": "digits", "a number": digits}]
    assert lab.world(lab.api.records.upsert(rows, key="Compound")).ok
    record = lab.client.records.get_record_by_id({"Compound": "digits"})
    assert record is not None
    table = lab.world(lab.api.records.table(ids=[record.id], fields=["Compound", "a number"]))
    for again in (table, table.to_pandas()):
        assert lab.world(lab.api.records.plan_upsert(again, key="Compound")).values_unchanged == 1
    plan = lab.world(lab.api.records.plan_upsert([{**rows[0], "a number": digits[:-1]}], key="Compound"))
    assert plan.values_changed == 1


def test_an_excel_file_changes_no_digits_beyond_those_of_a_float(lab: Lab, tmp_path: Path) -> None:
    """What a float cannot hold is not written anew by a load of the Excel file of its table, where numbers are such."""
    numbers = ["9007199254740993", "6e23", "12345678901234567", "0.30000000000000004", "2.5"]
    rows = [{"Compound": f"N-{n}", "a number": number} for n, number in enumerate(numbers)]
    assert lab.world(lab.api.records.upsert(rows, key="Compound")).ok
    records = [lab.client.records.get_record_by_id({"Compound": row["Compound"]}) for row in rows]
    table = lab.world(lab.api.records.table(ids=records, fields=["Compound", "a number"]))
    again = table.to_excel(tmp_path / "large.xlsx")
    assert lab.world(lab.api.records.plan_upsert(again, key="Compound")).writes_nothing
    sheet = openpyxl.load_workbook(again).active
    assert [type(row[2]) for row in list(sheet.iter_rows(values_only=True))[1:]].count(str) == 1


def test_a_qualified_number_in_quotes_is_the_number(lab: Lab) -> None:
    """JSON text of a qualified number, as exports have it, is written without quotes; of other text it is refused."""
    cells = ['"12.3"', ' ">5" ', '"x"', '"5', '"\\"5\\""']
    rows = [{"Compound": f"Q-{n}", "a qualified-number": cell} for n, cell in enumerate(cells)]
    plan = lab.world(lab.api.records.plan_upsert(rows, key="Compound"))
    assert [(cell.row, cell.new) for cell in plan if cell.status == "new"] == [(0, "12.3"), (1, ">5")]
    assert [cell.row for cell in plan.refused] == [2, 3, 4]


def test_a_load_tells_what_a_table_does_not_show(lab: Lab) -> None:
    """Contents that do not fit their fields and are None in a table are noted where it is loaded."""
    rows: list[dict[str, Any]] = [
        {"a date": "2026-03-01T12:30:00+00:00", "a text": 7},
        {"a date": "2026-03-01T01:00:00+00:00"},
    ]
    ids = []
    for row in rows:
        record = lab.client.records.get_or_create_record({"Compound": f"M-{next(NUMBER)}"})
        for name, content in row.items():
            record.add_value(name, content)
        ids.append(record.id)
    fields = ["Compound", "a date", "a text"]
    table = lab.world(lab.api.records.table(ids=ids, fields=fields))
    upsert = lab.api.records.upsert
    report = lab.world(upsert(table, "CSV", columns={"Compound": "CSV"}))
    assert report.ok
    assert "2 contents of the table do not fit their fields; the first is '2026-03-01T12:30:00+00:00'" in str(report)
    assert "not fit" not in str(lab.world(upsert(table, "CSV", columns={"Compound": "CSV", "a date": None})))
    assert "1 content of the table does not fit its field" in str(
        lab.world(upsert(table[:1], "CSV", columns={"Compound": "CSV"}))
    )


def test_what_a_cell_may_be_is_for_its_field_to_say(lab: Lab) -> None:
    """Lists and dicts go where the field takes them, and are refused by row and column where it does not."""
    good = {
        "Compound": "N-1",
        "a mixture": {"parts": [1, {"b": 2}]},
        "a xy-array": [[0, 1], [1, 2.5]],
        "a people": ["x"],
    }
    upsert = lab.api.records.upsert
    assert lab.world(upsert([{"Compound": "N-1", **good}], "Compound")).ok
    record = lab.client.records.get_record_by_id({"Compound": "N-1"}, use_cache=False)
    assert record is not None
    assert [record.get_value_content(name) for name in good] == list(good.values())

    odd = [{"Compound": "N-2", "a text": {"a": 1}, "a number": [1], "a mixture": {1}, "a date": "soon", "a URL": "x"}]
    plan = lab.world(lab.api.records.plan_upsert(odd, "Compound"))
    told = {cell.column: cell.reason for cell in plan.refused}
    assert set(told) == {"a text", "a number", "a mixture", "a date"}
    assert "holds several things" in told["a text"]
    assert "is a list, and the field takes a number" in told["a number"]


def test_lists_that_pandas_writes_are_the_lists(lab: Lab, tmp_path: Path) -> None:
    """A frame that pandas writes into CSV or Excel has lists as Python shows them: loaded again, nothing is written."""
    records = lab.client.records
    rows = [
        {"Compound": "L-1", "a multiselect": ["hit", "lead, early"], "a URL": ["https://x.org/a;b"]},
        {"Compound": "L-2", "a multiselect": ["it's"]},
    ]
    records.upsert(rows, key="Compound")
    frame = records.table("Compound", fields=["Compound", "a multiselect", "a URL"], ids=[{"Compound": "L-1"},
                          {"Compound": "L-2"}]).to_pandas()  # fmt: skip
    frame.to_csv(tmp_path / "t.csv", index=False)
    frame.to_excel(tmp_path / "t.xlsx", index=False)
    for path in (tmp_path / "t.csv", tmp_path / "t.xlsx"):
        report = records.upsert(path, key="Compound")
        assert (report.ok, len(report.done), report.values_unchanged) == (True, 0, 3)


def test_text_that_may_be_several_choices_is_refused(lab: Lab) -> None:
    """Text with commas and no semicolon is loaded once a converter or a semicolon says what it is."""
    records = lab.client.records
    rows = [{"Compound": "S-1", "a multiselect": "hit, lead"}]
    with pytest.raises(LoadRefusedError, match="'hit, lead' may be one or several, because of its ','"):
        records.upsert(rows, key="Compound")
    records.upsert(rows, key="Compound", converters={"a multiselect": "split:,"})
    loaded: dict[str, Any] = {"ids": [{"Compound": "S-1"}], "fields": ["a multiselect"]}
    assert records.table(**loaded)["a multiselect"] == [["hit", "lead"]]
    records.upsert([{"Compound": "S-1", "a multiselect": "2,4-D;"}], key="Compound")
    assert records.table(**loaded)["a multiselect"] == [["2,4-D"]]


def test_text_for_several_choices_is_written_as_a_load_does(lab: Lab) -> None:
    """`add_value`, `update_field` and `add_values` split text for several choices, and refuse what a load refuses."""
    world = lab.world
    record = world(lab.api.records.get_or_create_record({"Compound": "S-2"}))
    field = next(one for one in lab.client.entity_fields.get_data_fields() if one.field_name == "a multiselect")
    for content, kept in (
        ("hit; lead", ["hit", "lead"]), ("['hit', 'x; y']", ["hit", "x; y"]), ("2,4-D;", ["2,4-D"]),
        (["a, b"], ["a, b"]),
    ):  # fmt: skip
        for named in ("a multiselect", field.id):
            assert world(record.add_value(named, content)).content == kept
    world(record.update_field(field.id, "a; b", None))
    assert record["a multiselect"] == ["a", "b"]
    row: ValueToWrite = {"record": record, "field": "a multiselect", "content": "c; d"}
    assert world(lab.api.records.add_values([row])).ok
    assert world(record.add_value("a text", "a; b")).content == "a; b"
    with pytest.raises(
        ValueError, match=r"content is 'hit, lead', which may be one .*for a single text \['hit, lead'\]"
    ):
        world(record.add_value("a multiselect", "hit, lead"))
    with pytest.raises(ValueError, match=r"rows\[0\]: content is '\[x\]', which"):
        world(lab.api.records.add_values([{**row, "content": "[x]"}]))


def test_a_column_of_lists_makes_a_field_of_several_choices(lab: Lab) -> None:
    """A field that is made for a column of lists takes several texts."""
    rows = [{"Compound": "N-3", "Tags": ["a", "b"]}, {"Compound": "N-4", "Tags": None}]
    assert lab.world(lab.api.records.upsert(rows, "Compound", create_fields=True)).ok
    record = lab.client.records.get_record_by_id({"Compound": "N-3"}, use_cache=False)
    assert record is not None
    assert record["Tags"] == ["a", "b"]


HOSTILE = """Compound;a number;a qualified-number;a boolean;a date;a text;a multiselect
H-1;2.50;>10;TRUE;2026-03-01; 0042 ;hit
H-2; 5 ;12.5;no;2026-03-01 00:00:00;1E5;"hit; lead"
H-3;>10;1.2 nM;1;03.02.2026;NA;"[""a;b"", ""c""]"
H-4;1,5;~3;;;=A1;
H-5;NA;−5;x;2026-03-01T09:30:00Z;−5;x
"""
ARRIVED: dict[str, list[Any]] = {
    "H-1": ["2.50", ">10", True, "2026-03-01", " 0042 ", ["hit"]],
    "H-2": ["5", "12.5", False, "2026-03-01", "1E5", ["hit", "lead"]],
    "H-3": [None, None, None, None, "NA", ["a;b", "c"]],
    "H-4": [None, "~3", None, None, "=A1", None],
    "H-5": [None, None, None, None, "−5", ["x"]],
}
NAMED = [
    (4, "a number", "qualified-number"), (4, "a qualified-number", "without_unit('nM')"), (4, "a boolean", "'1': True"),
    (4, "a date", "strptime"), (5, "a number", "decimal_comma"), (6, "a number", "returns None"),
    (6, "a qualified-number", "unicode_minus"), (6, "a boolean", "yes or no"), (6, "a date", "time of day"),
]  # fmt: skip


def test_a_hostile_file_arrives_as_it_stands_or_is_refused_by_name(lab: Lab, tmp_path: Path) -> None:
    """By the types of the fields: what a cell can mean is there afterwards, all others are named by line and column."""
    path = tmp_path / "hostile.csv"
    path.write_text(HOSTILE, "utf-8")
    upsert, read = lab.api.records.upsert, lab.client.records.get_record_by_id
    with pytest.raises(LoadRefusedError, match=r"row 4 .H-3., 'a number': '>10' has a comparison"):
        lab.world(upsert(path, "Compound", separator=";"))
    assert read({"Compound": "H-1"}, use_cache=False) is None

    report = lab.world(upsert(path, "Compound", separator=";", on_error="continue"))
    told = [(cell.row, cell.column) for cell in report.refused]
    assert told == [(row, column) for row, column, _ in NAMED]
    for cell, (_, _, cure) in zip(report.refused, NAMED, strict=True):
        assert cure in cell.reason
    columns = HOSTILE.split("\n", 1)[0].split(";")[1:]
    for name, contents in ARRIVED.items():
        record = read({"Compound": name}, use_cache=False)
        assert record is not None
        assert (name, [record.get_value_content(column) for column in columns]) == (name, contents)

    mended = {
        "a number": lambda text: {"NA": None, ">10": 10}.get(text, decimal_comma(text)),
        "a qualified-number": lambda text: without_unit("nM")(unicode_minus(text)),
        "a boolean": lambda text: {"1": True, "x": False}.get(text, text),
        "a date": lambda text: "2026-02-03" if text[2] == "." else text[:10],
    }
    assert lab.world(upsert(path, "Compound", separator=";", converters=mended)).ok
    assert lab.world(lab.api.records.plan_upsert(path, "Compound", separator=";", converters=mended)).writes_nothing
