from __future__ import annotations

from datetime import UTC, datetime

import pytest

from kalbio._core.emulator.clock import to_micros
from kalbio.sandbox import Sandbox
from kalbio.sandbox.contract import load_contract
from kalbio.sandbox.search import LAST_UPDATED, RULES, WrongProp, make_test
from tests.rows import row
from tests.sandbox.wire import Api, Json

# a Wednesday
_NOW = datetime(2026, 3, 11, 15, 30, tzinfo=UTC)


def _holds(rule: str, prop: Json, content: Json, kind: str = "text") -> bool:
    written = to_micros(datetime(2026, 3, 1, tzinfo=UTC))
    return make_test(rule, prop, kind, _NOW)(written if rule == LAST_UPDATED else content)


def test_the_rules_are_those_of_the_description() -> None:
    """All 38, no more."""
    assert load_contract().known_values("SearchFilterRuleType") == RULES
    assert len(RULES) == 38


CELLS_OF_RULES: list[Json] = [
    ("is_set", None, "text", ["x", False, "0", ["a"]], [None, "", []]),
    ("is_empty", None, "text", [None, "", []], ["x", False]),
    ("is_equal", "abc", "text", ["abc"], ["ABC", "abcd", None]),
    ("is_equal", 4, "number", ["4", "4.0", "04"], ["4.1", None]),
    ("is_equal", "4.0", "number", ["4"], ["40"]),
    ("is_equal", "4.0", "text", ["4.0"], ["4"]),
    ("is_equal", True, "boolean", [True], [False, None, "true"]),
    ("is_equal", "2026-01-01T01:00:00+01:00", "date", ["2026-01-01"], ["2026-01-02"]),
    ("is_not_equal", "a", "text", ["b", None], ["a"]),
    ("is_any_of_text", ["a", "b"], "text", ["a", "b"], ["c", None]),
    ("includes", "el", "text", ["HELLO", ["x", "bell"]], ["hi", None]),
    ("does_not_include", "el", "text", ["hi", None], ["HELLO"]),
    ("is_in", ["a", 4], "number", ["4"], ["5", None]),
    ("is_not_in", ["a", "b"], "text", ["c", None], ["a"]),
    ("value_is_subset_of_props", ["a", "b"], "multiselect", [["a"], ["b", "a"]], [["a", "c"], [], None]),
    ("value_is_superset_of_props", ["a", "b"], "multiselect", [["a", "b", "c"]], [["a"], None]),
    ("value_has_overlap_with_props", ["a", "b"], "multiselect", [["b", "c"]], [["c"], None]),
    ("value_has_no_overlap_with_props", ["a", "b"], "multiselect", [["c"], None], [["b", "c"]]),
    ("value_has_same_elements_as_props", ["a", "b"], "multiselect", [["b", "a"]], [["a"], ["a", "b", "c"], None]),
    ("starts_with", "he", "text", ["Hello"], ["the", None]),
    ("ends_with", "LO", "text", ["Hello"], ["low", None]),
    ("is_less_than", 10, "number", ["9.5", "-35"], ["10", "100", "x", None]),
    ("is_less_than_equal", "10", "number", ["10"], ["10.1"]),
    ("is_greater_than", 9, "number", ["10", "1e3"], ["9", None]),
    ("is_greater_than_equal", 9, "number", ["9"], ["8.9"]),
    ("is_before", "2026-03-01", "date", ["2026-02-28", "2026-02-28T23:59:59Z"], ["2026-03-01", None]),
    ("is_after", "2026-03-01T10:00:00", "date", ["2026-03-01T10:00:00.5+00:00"], ["2026-03-01T10:00:00Z"]),
    ("is_between", [1, 3], "number", ["1", "2.5", "3"], ["0.9", "3.1", None]),
    ("is_between", ["2026-01-01", "2026-01-31"], "date", ["2026-01-01", "2026-01-31"], ["2026-02-01", None]),
    ("is_before_relative_day", 0, "date", ["2026-03-10T23:59:59Z"], ["2026-03-11"]),
    ("is_after_relative_day", 0, "date", ["2026-03-12"], ["2026-03-11T23:59:59Z"]),
    (
        "is_between_relative_day",
        [-1, 1],
        "date",
        ["2026-03-10", "2026-03-12T23:00:00Z"],
        ["2026-03-09", "2026-03-13"],
    ),
    ("is_before_relative_week", 0, "date", ["2026-03-08"], ["2026-03-09"]),
    ("is_after_relative_week", -1, "date", ["2026-03-09"], ["2026-03-08"]),
    ("is_between_relative_week", [-1, 0], "date", ["2026-03-02", "2026-03-15"], ["2026-03-01", "2026-03-16"]),
    ("is_before_relative_month", -1, "date", ["2026-01-31"], ["2026-02-01"]),
    ("is_after_relative_month", 9, "date", ["2027-01-01"], ["2026-12-31"]),
    ("is_between_relative_month", [-3, -2], "date", ["2025-12-01", "2026-01-31"], ["2026-02-01", "2025-11-30"]),
    ("is_last_week", None, "date", ["2026-03-02", "2026-03-08"], ["2026-03-09", "2026-03-01"]),
    ("is_this_week", None, "date", ["2026-03-09", "2026-03-15"], ["2026-03-16"]),
    ("is_next_week", None, "date", ["2026-03-16", "2026-03-22"], ["2026-03-15"]),
    ("is_this_month", None, "date", ["2026-03-01", "2026-03-31"], ["2026-04-01", "2026-02-28"]),
    ("is_next_month", None, "date", ["2026-04-30"], ["2026-05-01", None]),
    ("is_last_updated_after", "2026-02-28", "text", ["x"], []),
    ("is_last_updated_after", "2026-03-01", "text", [], ["x"]),
]


def test_each_rule_tells_cells_apart() -> None:
    """Cells that meet the rule and cells that do not."""
    for rule, prop, kind, yes, no in CELLS_OF_RULES:
        with row(rule, prop, kind, yes, no):
            assert [c for c in yes if not _holds(rule, prop, c, kind)] == []
            assert [c for c in no if _holds(rule, prop, c, kind)] == []


@pytest.mark.parametrize(
    ("rule", "prop"),
    [
        ("is_set", "x"),
        ("is_equal", ["a"]),
        ("is_in", "a"),
        ("includes", None),
        ("is_less_than", "ten"),
        ("is_before", "soon"),
        ("is_between", [1]),
        ("is_between", ["a", "b"]),
        ("is_before_relative_day", "1"),
        ("is_between_relative_month", 1),
        ("is_after_relative_month", 99_999),
        ("is_funny", None),
    ],
)
def test_a_wrong_prop_is_refused(rule: str, prop: Json) -> None:
    """Every rule knows the shape it takes."""
    with pytest.raises(WrongProp):
        make_test(rule, prop, "text", _NOW)


@pytest.fixture
def masses(bare: Api) -> dict[str, str]:
    """Five drugs with masses whose texts sort otherwise than their numbers, one without."""
    ids = {}
    for name, mass in {"A": 9, "B": 10, "C": 100, "D": 9, "E": None}.items():
        ids[name] = bare.record(Drug=name)["id"]
        if mass is not None:
            bare.value(ids[name], bare.field("Mass", "number"), mass)
    return ids


def _names(masses: dict[str, str], found: list[str]) -> str:
    by_id = {id_: name for name, id_ in masses.items()}
    return "".join(by_id[id_] for id_ in found)


def test_search_filters_by_the_current_value(bare: Api, masses: dict[str, str]) -> None:
    """Numbers compare as numbers, and an older value no longer counts."""
    field = bare.field("Mass", "number")
    heavy = [{"field_id": field, "filter_type": "is_greater_than", "filter_prop": 9}]
    assert set(_names(masses, bare.read("/records/search", entity_field_filters=heavy))) == {"B", "C"}

    bare.value(masses["C"], field, 1)

    assert _names(masses, bare.read("/records/search", entity_field_filters=heavy)) == "B"
    both = [*heavy, {"field_id": bare.key("Drug"), "filter_type": "is_equal", "filter_prop": "C"}]
    assert bare.read("/records/search", entity_field_filters=both) == []


def test_search_sorts_numbers_with_the_empty_last(bare: Api, masses: dict[str, str]) -> None:
    """Both directions leave the empty at the end; a second sort breaks ties; limit cuts."""
    by_mass = {"field_id": bare.field("Mass", "number"), "descending": False}
    by_name = {"field_id": bare.key("Drug"), "descending": True}

    up = bare.read("/records/search", entity_field_sorts=[by_mass, by_name])
    down = bare.read("/records/search", entity_field_sorts=[by_mass | {"descending": True}, by_name], limit=3)

    assert _names(masses, up) == "DABCE"
    assert _names(masses, down) == "CBD"
    assert bare.read("/records/search") == sorted(masses.values())
    assert bare.read("/records/search", limit=0) == []


def test_search_by_text_looks_at_keys_and_current_text(bare: Api, masses: dict[str, str]) -> None:
    """Case does not matter, quotes are no trouble, and what was overwritten is not found."""
    note = bare.field("Note")
    bare.value(masses["A"], note, 'Very "Soluble"')
    bare.value(masses["B"], note, "soluble")
    bare.value(masses["B"], note, "gone")

    assert _names(masses, bare.read("/records/search", search_text='"SOLU')) == "A"
    assert _names(masses, bare.read("/records/search", search_text="soluble")) == "A"
    assert _names(masses, bare.read("/records/search", search_text="d")) == "D"


def test_search_within_an_operation_reads_its_values(bare: Api, masses: dict[str, str]) -> None:
    """Neither values of another operation nor those written outside of any count there."""
    field = bare.field("Mass", "number")
    first, second = bare.experiment("One")["id"], bare.experiment("Two")["id"]
    for experiment in (first, second):
        bare.attach(experiment, masses["A"], masses["E"])
    bare.value(masses["E"], field, 50, operation_id=first)
    filled = [{"field_id": field, "filter_type": "is_set", "filter_prop": None}]

    found = [bare.read("/records/search", operation_id=e, entity_field_filters=filled) for e in (first, second)]

    assert [set(_names(masses, ids)) for ids in found] == [{"E"}, set()]
    text = bare.field("Note")
    bare.value(masses["A"], text, "outside")
    bare.value(masses["E"], text, "inside", operation_id=first)
    assert bare.read("/records/search", operation_id=first, search_text="side") == [masses["E"]]


def test_search_by_slice_program_set_and_identifier(bare: Api) -> None:
    """Each membership narrows the search."""
    program = bare.post("/programs", {"title": "P"})["id"]
    rows = [{"Drug": "A", "Lot": "1"}, {"Drug": "A", "Lot": "2"}]
    bare.post("/push/imports", {"key_field_names": ["Drug", "Lot"], "data": rows, "program_id": program})
    single = bare.record(Drug="A")
    bare.record(Drug="B")
    pairs = set(bare.read("/records/search", program_id=program))

    assert len(pairs) == 2
    assert bare.read("/records/search", entity_slice_id=single["entity_slice_id"], search_text="a") == [single["id"]]
    assert set(bare.read("/records/search", identifier_ids=single["identifier_ids"])) == pairs | {single["id"]}
    experiment = bare.post("/activities", {"title": "E", "activity_type": "experiment", "program_ids": [program]})[0]
    bare.attach(experiment["id"], single["id"])
    assert set(bare.read("/records/search", program_id=program)) == pairs | {single["id"]}


def test_view_filters_reach_the_field_behind_a_column(api: Api) -> None:
    """view_field_id names a column of a view; naming both or neither of the two ids is refused."""
    view = next(v for v in api.read("/record_views") if v["view_name"] == "Main" and not v["is_template"])
    soluble = next(f["id"] for f in api.read("/data_fields") if f["field_name"] == "Soluble")
    column = next(c["id"] for c in view["view_fields"] if c["data_field_id"] == soluble)
    rule = {"filter_type": "is_equal", "filter_prop": True}

    found = api.read("/records/search", view_field_filters=[{"view_field_id": column, "key_field_id": None, **rule}])

    names = {api.read(f"/records/{id_}")["record_identifier"] for id_ in found}
    assert names == {"SBX-1", "SBX-3", "SBX-5"}
    for wrong in ({}, {"view_field_id": column, "key_field_id": api.key("Compound")}, {"view_field_id": "nope"}):
        assert api.get("/records/search", view_field_filters=[wrong | rule]).status == 400


def test_relative_rules_follow_the_clock_of_the_sandbox() -> None:
    """An injected clock decides what today is."""
    with Sandbox(seed="empty", clock=lambda: _NOW) as sandbox:
        api = Api(sandbox)
        record, field = api.record(Drug="A")["id"], api.field("On", "date")
        api.value(record, field, "2026-03-12")
        rule = {"field_id": field, "filter_type": "is_between_relative_day", "filter_prop": [1, 1]}

        assert api.read("/records/search", entity_field_filters=[rule]) == [record]
        assert api.read("/records/search", entity_field_filters=[rule | {"filter_prop": [0, 0]}]) == []


def test_text_sorts_as_text(bare: Api) -> None:
    """Codes that look like numbers are text in text and key fields; numbers, dates and booleans go by the meaning."""
    rows = {
        "10": ("9", 9, "2026-01-10", True),
        "9": ("10", 10, "2026-01-09T23:59:00-10:00", False),
        "b": ("B", 100, "2025-12-31", True),
    }
    kinds = {"Code": "text", "Mass": "number", "On": "date", "Safe": "boolean"}
    ids = {name: bare.record(Drug=name)["id"] for name in rows}
    for name, cells in rows.items():
        for (title, kind), content in zip(kinds.items(), cells, strict=True):
            bare.value(ids[name], bare.field(title, kind), content)

    def order(field: str) -> list[str]:
        found = bare.read("/records/search", entity_field_sorts=[{"field_id": field, "descending": False}])
        return [next(name for name, id_ in ids.items() if id_ == one) for one in found]

    assert order(bare.key("Drug")) == ["10", "9", "b"]
    assert order(bare.field("Code")) == ["9", "10", "b"]
    assert order(bare.field("Mass", "number")) == ["10", "9", "b"]
    assert order(bare.field("On", "date")) == ["b", "10", "9"]
    assert order(bare.field("Safe", "boolean"))[0] == "9"


def test_large_whole_numbers_compare_exactly(bare: Api) -> None:
    """Beyond 2^53 neighbours are told apart, in filters and in sorts, whether they come as numbers or as text."""
    numbers = [2**53, 2**53 + 1, 2**53 + 2]
    field = bare.field("Serial", "number")
    ids = {bare.record(Drug=str(number))["id"]: number for number in numbers}
    for id_, number in ids.items():
        bare.value(id_, field, number if number % 4 else str(number))

    def found(rule: str, prop: Json) -> set[int]:
        filters = [{"field_id": field, "filter_type": rule, "filter_prop": prop}]
        return {ids[id_] for id_ in bare.read("/records/search", entity_field_filters=filters)}

    assert found("is_equal", 2**53 + 1) == found("is_equal", str(2**53 + 1)) == {2**53 + 1}
    assert found("is_greater_than", 2**53) == {2**53 + 1, 2**53 + 2}
    assert found("is_between", [2**53 + 1, 2**53 + 1]) == {2**53 + 1}
    down = bare.read("/records/search", entity_field_sorts=[{"field_id": field, "descending": True}])
    assert [ids[id_] for id_ in down] == numbers[::-1]


def test_search_by_text_finds_options_links_and_files(bare: Api) -> None:
    """What people read in a cell is found, also in a list and in the name of a file; ids of files are not."""
    ids = {name: bare.record(Drug=name)["id"] for name in "ABC"}
    bare.value(ids["A"], bare.field("Tags", "multiselect"), ["in vivo", 'Say "Hepatic"'])
    bare.value(ids["B"], bare.field("Link", "URL"), ["https://example.org/Hepatic"])
    body = {"field_id": bare.field("Spectrum", "file")}
    file = bare.upload(f"/records/{ids['C']}/values/file", "hepatic.txt", b"1", body).json()["resource"]["content"]

    assert set(bare.read("/records/search", search_text="HEPATIC")) == set(ids.values())
    assert bare.read("/records/search", search_text='"hep') == [ids["A"]]
    assert bare.read("/records/search", search_text="example.org") == [ids["B"]]
    assert bare.read("/records/search", search_text=file["file_id"]) == []


@pytest.mark.parametrize("name", ["operation_id", "program_id", "entity_slice_id"])
@pytest.mark.parametrize("value", ["nope", '["nope"]'])
def test_an_unknown_place_is_refused_by_name(bare: Api, name: str, value: str) -> None:
    """Finding nothing there would look like an answer; a list where an id belongs is no id either."""
    answer = bare.get("/records/search", **{name: value})

    assert (answer.status, name in answer.json()["message"]) == (400, True)


def test_a_list_in_place_of_text_is_refused_by_name(bare: Api) -> None:
    """In a rule that takes one text the field is named, in the query the parameter."""
    field = bare.field("Note")
    for rule in ("is_equal", "includes", "starts_with", "is_less_than", "is_before"):
        answer = bare.get(
            "/records/search", entity_field_filters=[{"field_id": field, "filter_type": rule, "filter_prop": ["a"]}]
        )
        assert (answer.status, f"field 'Note': {rule}" in answer.json()["message"]) == (400, True)
    answer = bare.get("/records/search", record_set_ids='["a"]')
    assert (answer.status, "record_set_ids takes ids" in answer.json()["message"]) == (400, True)


def test_a_span_may_end_with_the_calendar() -> None:
    """The last instant that can be written is the end of a span like any other."""
    whole = ["0001-01-01", "9999-12-31T23:59:59.999999Z"]
    assert _holds("is_between", whole, "2026-03-01", "date")
    assert _holds("is_between", whole, whole[1], "date")
