"""The rules of record search against pandas, on a generated table of 100 rows with a field of every type.

What is expected is computed from the columns of a data frame, by the words of docs/sandbox.md and not by its code.
"""

from __future__ import annotations

import json
import random
import zlib
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from fractions import Fraction
from functools import cache
from typing import Any

import pandas as pd
import pytest

from kalbio import F
from kalbio._core.emulator.calls import UploadedFile
from kalbio._model.filters import spelling
from kalbio.sandbox import Sandbox, files, values
from kalbio.sandbox.contract import load_contract
from kalbio.testing import InProcess
from tests.sandbox.wire import Api, Json

ROWS = 100
# a Wednesday
NOW = datetime(2026, 3, 11, 15, 30, tzinfo=UTC)
TODAY = pd.Timestamp("2026-03-11", tz="UTC")
KINDS = sorted(load_contract().known_values("FieldType"))
FILES = ("file", "image")
# what names something else, so that no content can be made up
REFERENCES = (*FILES, "record-reference")
# types that are unlike each other are asked everything, all others something
DIFFERENT = ("text", "number", "boolean", "date", "multiselect", "qualified-number")
LISTS = ("multiselect", "people", "URL")
WORDS = [
    "alpha",
    "Alpha",
    "beta gamma",
    "BETA",
    "a",
    "ß",
    "SS",
    "10",
    "9",
    "1e3",
    "2026-03-01",
    "true",
    "x,y",
    "%",
    "_",
]
NUMBERS = ["0", "-0.5", "7", "7.0", "10", "9", "1e3", "1000", str(2**53), str(2**53 + 1), "0.1", "0.30000000000000004"]
DAYS = ["2025-12-31", "2026-02-28", "2026-03-01", "2026-03-08", "2026-03-09", "2026-03-10", "2026-03-11", "2026-03-12",
        "2026-03-15", "2026-03-16", "2026-04-30", "2026-05-01", "2026-03-11T15:30:00Z", "2026-03-08T23:59:59.999999Z",
        "2026-03-09T00:30:00+01:00", "2026-03-12T00:00:00", "2027-01-01"]  # fmt: skip


def content(draw: random.Random, kind: str) -> Json:
    """A cell of a type; now and then nothing."""
    if draw.random() < 0.15:
        return None
    if kind == "number":
        return draw.choice([*NUMBERS, draw.randint(-20, 20), round(draw.uniform(-20, 20), 2)])
    if kind == "boolean":
        return draw.random() < 0.5
    if kind == "date":
        return draw.choice(DAYS)
    if kind in LISTS:
        return draw.sample(WORDS, draw.randint(0, 3))
    if kind in ("qualified-number", "mixture", "votes", "xy-array", "google-drive-file", "s3-file"):
        return draw.choice([*WORDS, 5, 2.5, True, ["a", "b"], [1, 2], {"value": 5}])
    return draw.choice(WORDS)


class Table:
    """The same cells in a sandbox and in a data frame."""

    def __init__(self, api: Api) -> None:
        """Make both."""
        self.api = api
        draw = random.Random(20260311)
        cells = {kind: [content(draw, kind) for _ in range(ROWS)] for kind in KINDS if kind not in REFERENCES}
        self.fields = {kind: api.field(kind, kind) for kind in KINDS}
        key = api.key("Drug")
        self.ids = [api.post("/records", {"key_field_to_value": {key: f"D{row:03}"}})["id"] for row in range(ROWS)]
        store = api.sandbox.store  # not over the wire, which takes as long as all the questions
        kept = [files.keep(store, UploadedFile(word, "text/plain", b"x")) for word in WORDS]
        for kind in REFERENCES:
            pool: list[Json] = [*kept] if kind in FILES else self.ids[:20]
            cells[kind] = [None if draw.random() < 0.15 else draw.choice(pool) for _ in range(ROWS)]
        for kind in KINDS:
            field = store.get("data_field", self.fields[kind])
            assert field is not None
            for row, id_ in enumerate(self.ids):
                cell = cells[kind][row]
                if row % 7 == 0:
                    values.write(
                        store, id_, field, values.checked(store, field, "2026-01-01" if kind == "date" else None)
                    )
                if cell is not None or row % 7 == 0:
                    values.write(store, id_, field, values.checked(store, field, cell))
        self.frame = pd.DataFrame({kind: pd.Series(cells[kind], dtype=object, index=self.ids) for kind in KINDS})
        self.frame["updated"] = pd.Timestamp(NOW)
        self.frame["touched"] = [row % 7 == 0 for row in range(ROWS)]

    def search(self, kind: str, rule: str, prop: Json) -> set[str]:
        """What the sandbox finds."""
        rules = [{"field_id": self.fields[kind], "filter_type": rule, "filter_prop": prop}]
        return set(self.api.read("/records/search", entity_field_filters=rules))


@pytest.fixture(scope="module")
def table() -> Iterator[Table]:
    """The table."""
    with Sandbox(seed="empty", clock=lambda: NOW) as sandbox:
        yield Table(Api(sandbox))


# -- the columns as pandas sees them ----------------------------------------------------------------------------------


def filled(cells: pd.Series) -> pd.Series:
    """Null, empty text and empty lists count as no value."""
    return cells.map(lambda cell: cell not in (None, "", []))


def as_items(cells: pd.Series) -> pd.Series:
    """The items of lists one by one, each under the id of its record."""
    own = cells[filled(cells)]
    # pandas takes dicts for lists of their keys
    return own.map(lambda cell: cell if isinstance(cell, list) else text(cell)).explode().map(text)


def text(cell: Json) -> str:
    """A cell as it is read."""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, dict) and "file_name" in cell:
        return str(cell["file_name"])
    if isinstance(cell, dict):
        return json.dumps(cell, separators=(",", ":"))
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell)


def any_item(cells: pd.Series, holds: Callable[[pd.Series], pd.Series]) -> set[str]:
    """Records of which an item holds."""
    items = as_items(cells)
    return set(items[holds(items).astype(bool)].index)


def numbers(cells: pd.Series) -> pd.Series:
    """Cells that are numbers, exactly: whole ones as whole, all others as Python reads their decimals."""

    def number(cell: Json) -> Any:
        if isinstance(cell, bool) or not isinstance(cell, str | int | float):
            return None
        try:
            return Fraction(str(cell))
        except ValueError:
            return None

    return cells.map(number).dropna()


def moments(cells: pd.Series) -> pd.Series:
    """Cells that are dates, in UTC; a day is its midnight."""
    days = cells.map(lambda cell: isinstance(cell, str) and cell.startswith("20") and cell[4:5] == "-")
    return pd.to_datetime(cells[days.astype(bool)], utc=True, format="ISO8601")


def ids(found: pd.Series) -> set[str]:
    """The records for which a condition is true."""
    return set(found[found.astype(bool)].index)


def equal(cells: pd.Series, kind: str, prop: Json) -> set[str]:
    """Numbers in number fields, instants in date fields, booleans as such, else text; a list of one is its item."""
    single = cells.map(lambda cell: cell[0] if isinstance(cell, list) and len(cell) == 1 else cell)
    single = single[single.map(lambda cell: not isinstance(cell, list)) & filled(single)]
    if isinstance(prop, bool):
        return ids(single.map(lambda cell: cell is prop))
    if kind == "number":
        wanted = set(numbers(pd.Series([prop], dtype=object)))
        return ids(numbers(single).map(lambda number: number in wanted))
    if kind == "date" and len(moments(pd.Series([prop], dtype=object))):
        return ids(moments(single) == moments(pd.Series([prop], dtype=object)).iloc[0])
    return ids(single.map(text) == text(prop))


def expected(frame: pd.DataFrame, kind: str, rule: str, prop: Json) -> set[str]:
    """What pandas finds."""
    cells, everything = frame[kind], set(frame.index)
    if rule == "is_set":
        return ids(filled(cells))
    if rule == "is_empty":
        return everything - ids(filled(cells))
    if rule == "is_equal":
        return equal(cells, kind, prop)
    if rule == "is_not_equal":
        return everything - equal(cells, kind, prop)
    if rule in ("includes", "does_not_include", "starts_with", "ends_with"):
        needle = text(prop).casefold()
        accessor = {"starts_with": "startswith", "ends_with": "endswith"}.get(rule)
        found = any_item(
            cells,
            lambda items: (
                getattr(items.str.casefold().str, accessor)(needle)
                if accessor
                else items.str.casefold().str.contains(needle, regex=False)
            ),
        )
        return everything - found if rule == "does_not_include" else found
    if rule in LIST_RULES:
        booleans = [item for item in prop if isinstance(item, bool)]
        sets = frame[kind].where(filled(cells), None).map(lambda cell: items_of(kind, cell, booleans))
        wanted = items_of(kind, prop)
        return ids(sets.map(lambda own: LIST_RULES[rule](own, wanted)))
    if rule in ("is_less_than", "is_less_than_equal", "is_greater_than", "is_greater_than_equal"):
        limit = numbers(pd.Series([prop], dtype=object)).iloc[0]
        operator = {"less_than": "lt", "less_than_equal": "le", "greater_than": "gt", "greater_than_equal": "ge"}
        return ids(getattr(numbers(cells), operator[rule.removeprefix("is_")])(limit))
    if rule == "is_between" and kind != "date":
        low, high = numbers(pd.Series(prop, dtype=object))
        found = numbers(cells)
        return ids((found >= low) & (found <= high))
    if rule == "is_last_updated_after":
        written = cells.map(lambda cell: cell is not None) | frame["touched"]  # also what was emptied
        return ids(written & (frame["updated"] > pd.Timestamp(prop, tz="UTC")))
    when = moments(cells)
    if rule in ("is_before", "is_after"):
        limit = moments(pd.Series([prop], dtype=object)).iloc[0]
        return ids(when < limit if rule == "is_before" else when > limit)
    if rule == "is_between":
        begin, end = moments(pd.Series(prop, dtype=object))
        return ids((when >= begin) & (when <= end))
    begin, end = span(rule, prop)
    return ids((when >= begin) & (when < end))


FAR = pd.Timestamp("1900-01-01", tz="UTC"), pd.Timestamp("2200-01-01", tz="UTC")


def span(rule: str, prop: Json) -> tuple[pd.Timestamp, pd.Timestamp]:
    """From when to when a relative rule counts, the end excluded."""
    unit = rule.rsplit("_", 1)[1]
    starts = {"day": TODAY, "week": TODAY - pd.Timedelta(days=TODAY.weekday()), "month": TODAY.replace(day=1)}

    def start(offset: int) -> pd.Timestamp:
        return starts[unit] + pd.DateOffset(**{f"{unit}s": offset})

    fixed = {"is_last_week": -1, "is_this_week": 0, "is_next_week": 1, "is_this_month": 0, "is_next_month": 1}
    if rule in fixed:
        return start(fixed[rule]), start(fixed[rule] + 1)
    if rule.startswith("is_between"):
        return start(prop[0]), start(prop[1] + 1)
    return (FAR[0], start(prop)) if rule.startswith("is_before") else (start(prop + 1), FAR[1])


def items_of(kind: str, cell: Json, other: Json = None) -> frozenset[Any]:
    """The items of a cell by what makes them equal: numbers in number fields, instants in date fields, else the text.

    A boolean that is asked for is a boolean; text that is asked for is all that reads so.
    """
    if cell is None:
        return frozenset()
    return frozenset(
        meaning(kind, item) if not isinstance(item, bool) or other is None or item in other else text(item)
        for item in (cell if isinstance(cell, list) else [cell])
    )


def meaning(kind: str, item: Json) -> Any:
    """What makes items of a type of field equal."""
    if isinstance(item, bool):
        return ("boolean", item)
    return _meaning(kind, json.dumps(item))


@cache
def _meaning(kind: str, item: str) -> Any:
    one = pd.Series([json.loads(item)], dtype=object)
    found = numbers(one) if kind == "number" else moments(one) if kind == "date" else one.iloc[:0]
    return found.iloc[0] if len(found) else text(one.iloc[0])


LIST_RULES: dict[str, Callable[[frozenset[Any], frozenset[Any]], bool]] = {
    "is_any_of_text": lambda own, wanted: bool(own & wanted),
    "is_in": lambda own, wanted: bool(own & wanted),
    "is_not_in": lambda own, wanted: not own & wanted,
    "value_is_subset_of_props": lambda own, wanted: bool(own) and own <= wanted,
    "value_is_superset_of_props": lambda own, wanted: own >= wanted,
    "value_has_overlap_with_props": lambda own, wanted: bool(own & wanted),
    "value_has_no_overlap_with_props": lambda own, wanted: not own & wanted,
    "value_has_same_elements_as_props": lambda own, wanted: own == wanted,
}


TEXT_RULES = ("is_equal", "is_not_equal", "includes", "does_not_include", "starts_with", "ends_with")


# -- the questions ----------------------------------------------------------------------------------------------------


@cache
def props_of(rule: str) -> tuple[Json, ...]:
    """What each rule is asked with, for all types of fields alike."""
    if rule in ("is_set", "is_empty", "is_last_week", "is_this_week", "is_next_week", "is_this_month", "is_next_month"):
        return (None,)
    if rule in ("is_equal", "is_not_equal"):
        return (
            "alpha",
            "10",
            7,
            7.0,
            "1000",
            str(2**53),
            2**53 + 1,
            0.1,
            True,
            False,
            "true",
            "2026-03-11",
            "2026-03-08T23:30:00Z",
        )
    if rule in ("includes", "does_not_include", "starts_with", "ends_with"):
        return ("A", "ss", "eta", "1", ",", "%", "_", "03-1", "true", 10)
    if rule in LIST_RULES:
        return (
            ["alpha"],
            ["a", "BETA", "10"],
            [7, "9", 1000, str(2**53)],
            ["2026-03-11", "2026-03-12T00:00:00Z"],
            [True, "x,y"],
            WORDS,
        )
    if rule in ("is_less_than", "is_less_than_equal", "is_greater_than", "is_greater_than_equal"):
        return (0, "7", 7.0, 9.5, "1e3", 2**53, str(2**53 + 1), -3.25)
    if rule in ("is_before", "is_after"):
        return ("2026-03-11", "2026-03-09", "2026-03-11T15:30:00Z", "2026-03-12T01:00:00+01:00")
    if rule == "is_last_updated_after":
        return ("2026-03-01", "2026-03-12")
    if "between_relative" in rule:
        return ([-1, 0], [0, 1], [1, 1], [2, 1])
    return (-1, 0, 1, 10)


@pytest.mark.parametrize("rule", sorted(load_contract().known_values("SearchFilterRuleType")))
def test_a_rule_finds_what_pandas_finds(table: Table, rule: str) -> None:
    """In a field of each type, with each kind of `filter_prop`: no record more, and none less."""
    for kind in KINDS:
        for prop in asked_of(table, rule, kind):
            wanted = expected(table.frame, kind, rule, prop)
            found = table.search(kind, rule, prop)
            assert found == wanted, (kind, prop, [table.frame[kind][id_] for id_ in found ^ wanted][:10])


def asked_of(table: Table, rule: str, kind: str) -> list[Json]:
    """What a rule is asked with in a field of a type."""
    between = (
        [["2026-03-01", "2026-03-11"], ["2026-03-09", "2026-03-11T15:30:00Z"]]
        if kind == "date"
        else [[0, "7"], [7.0, 1000], [2**53 + 1, str(2**53 + 1)]]
    )
    props = between if rule == "is_between" else props_of(rule)
    asked = [*props] if kind in DIFFERENT else [props[zlib.crc32(f"{rule} {kind}".encode()) % len(props)]]
    if kind in REFERENCES and (rule in LIST_RULES or rule in TEXT_RULES):
        own = text(table.frame[kind][filled(table.frame[kind])].iloc[0])
        asked.append([own, "alpha"] if rule in LIST_RULES else own)
    return asked


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("descending", [False, True])
def test_a_sort_is_that_of_pandas(table: Table, kind: str, descending: bool) -> None:
    """By number, by instant, or as text without regard to case; the empty last, ties by id."""
    cells = table.frame[kind].sort_index()
    own = cells[filled(cells)]
    if kind == "number":
        keys = numbers(own).map(lambda number: (0, number))
    elif kind == "date":
        keys = moments(own).map(lambda moment: (0, moment))
    else:
        keys = own.map(lambda cell: (1, ", ".join(map(text, cell if isinstance(cell, list) else [cell])).casefold()))
    if kind in ("qualified-number", "mixture", "votes", "xy-array", "google-drive-file", "s3-file"):
        keys.update(numbers(own).map(lambda number: (0, number)))
    ordered = pd.Series(sorted(keys.index, key=keys.__getitem__, reverse=descending), dtype=object)
    wanted = [*ordered, *cells.index.difference(own.index, sort=True)]

    found = table.api.read(
        "/records/search", entity_field_sorts=[{"field_id": table.fields[kind], "descending": descending}]
    )

    assert found == wanted


@pytest.mark.parametrize("rule", sorted(load_contract().known_values("SearchFilterRuleType")))
def test_a_condition_made_with_f_finds_what_pandas_finds(table: Table, rule: str) -> None:
    """In fields that are unlike each other, the client's spelling of each rule finds the rows of the frame."""
    with InProcess(table.api.sandbox).client as client:  # the sandbox stays open for other tests
        for kind in DIFFERENT:
            between: list[Json] = [["2026-03-01", "2026-03-11"]] if kind == "date" else [[7.0, 1000]]
            for prop in between if rule == "is_between" else props_of(rule)[:3]:
                if "less" in rule or "greater" in rule:
                    prop = float(prop)
                given = () if prop is None else prop if rule.startswith("is_between") else (prop,)
                where = getattr(F(table.fields[kind]), spelling(rule))(*given)
                assert set(client.records.search_records(where=where)) == expected(table.frame, kind, rule, prop)


def test_dates_from_and_up_to_a_day_include_it(table: Table) -> None:
    """`since` and `until`, `>=` and `<=`, count the day itself, and hold for everything after and before it."""
    when, day = moments(table.frame["date"]), pd.Timestamp("2026-03-11", tz="UTC")
    field = F(table.fields["date"])
    with InProcess(table.api.sandbox).client as client:
        search = client.records.search_records
        for where in (field.since(date(2026, 3, 11)), field >= day):
            assert set(search(where=where)) == ids(when >= day)
        for where in (field.until("2026-03-11"), field <= day):
            assert set(search(where=where)) == ids(when <= day)
