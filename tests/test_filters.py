# mypy: disable-error-code="operator,list-item,arg-type,no-untyped-call"
"""Conditions made with `F`: what they send, what they refuse, and searches too long for one URL."""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from kaleidoscope_api.models import SearchFilterRuleType

from kalbio import F, IdentifierNotFoundError
from kalbio._core.http import url_chunks
from kalbio._model import long_searches
from kalbio._model.filters import Where, spelling
from tests.altered import body_of, query_of
from tests.conftest import Lab, World
from tests.rows import row

RULES = sorted(member.value for member in SearchFilterRuleType)
DAY = date(2026, 1, 1)
MOMENT = datetime(2026, 1, 1, 12, tzinfo=UTC)
FIELD = "Potency (nM)"


def arguments_of(rule: str) -> tuple[tuple[Any, ...], Any]:
    """What the method of a rule is called with, and what a dict says for it."""
    if rule in ("is_set", "is_empty") or (rule.endswith(("_week", "_month")) and "relative" not in rule):
        return (), None
    if rule == "is_between":
        return (1.5, 10), [1.5, 10]
    if "between_relative" in rule:
        return (-1, 2), [-1, 2]
    if "relative" in rule:
        return (-1,), -1
    if rule in ("is_before", "is_after"):
        return (DAY,), DAY
    if rule == "is_last_updated_after":
        return (MOMENT,), MOMENT
    if rule.startswith(("is_less", "is_greater")):
        return (5.5,), 5.5
    if rule in ("is_equal", "is_not_equal", "includes", "does_not_include", "starts_with", "ends_with"):
        return ("a",), "a"
    return (["a", 5, True, DAY],), ["a", 5, True, DAY]


def test_each_rule_sends_what_its_dict_sends(lab: Lab, world: World) -> None:
    """Every rule of record search is a method of F that completion shows, and its wire form is that of the dict."""
    for rule in RULES:
        with row(rule):
            given, prop = arguments_of(rule)
            where = getattr(F(FIELD), spelling(rule))(*given)

            world(lab.api.records.search_records(entity_field_filters=[
                {"field_id": FIELD, "filter_type": rule, "filter_prop": prop}
            ]))  # fmt: skip
            by_dict = query_of(lab, "searchRecords")
            for keyword in ("where", "entity_field_filters"):
                world(lab.api.records.search_records(**{keyword: where}))
                assert query_of(lab, "searchRecords") == by_dict
            assert spelling(rule) in dir(F(FIELD))
            assert (getattr(F, spelling(rule)).__doc__ or "").endswith((".", "."))


def test_there_is_no_rule_without_a_spelling() -> None:
    """The 38 rules have 38 methods."""
    assert len(RULES) == len({spelling(rule) for rule in RULES}) == 38


@pytest.mark.parametrize(
    ("where", "rule", "prop"),
    [
        (F(FIELD) == "x", "is_equal", "x"),
        (F(FIELD) != 5, "is_not_equal", 5),
        (F(FIELD) < 5, "is_less_than", 5),
        (F(FIELD) <= Decimal("5.50"), "is_less_than_equal", "5.50"),
        (F(FIELD) > 5, "is_greater_than", 5),
        (F(FIELD) >= 1.5, "is_greater_than_equal", 1.5),
        (F(FIELD) < DAY, "is_before", "2026-01-01"),
        (F(FIELD) > MOMENT, "is_after", "2026-01-01T12:00:00+00:00"),
        (F(FIELD) >= DAY, "is_between", ["2026-01-01", "9999-12-31"]),
        (F(FIELD).since(DAY), "is_between", ["2026-01-01", "9999-12-31"]),
        (F(FIELD) <= DAY, "is_between", ["0001-01-01", "2026-01-01"]),
        (F(FIELD).is_between(DAY, MOMENT), "is_between", ["2026-01-01", "2026-01-01T12:00:00+00:00"]),
        (F(FIELD).is_in(item for item in ("a", "b")), "is_in", ["a", "b"]),
    ],
)
def test_operators_say_what_their_rules_say(where: Where, rule: str, prop: Any) -> None:
    """Comparisons become rules by what they compare with: numbers, or dates."""
    assert list(where) == [{"field_id": FIELD, "filter_type": rule, "filter_prop": prop}]


def test_conditions_are_joined_and_keep_their_order(lab: Lab, world: World) -> None:
    """`&` joins, `where` and `entity_field_filters` both hold, and names become ids."""
    where = (F("Potency (nM)") < 100) & F("Soluble").is_set() & (F("Compound") != "SBX-9")
    ids = world(
        lab.api.records.search_records(
            where=where,
            entity_field_filters=[F("Comment").is_empty(), {"field_id": "Soluble", "filter_type": "is_equal",
                                                            "filter_prop": True}],
            sorts=["-Potency (nM)", "Compound"],
        )
    )  # fmt: skip

    query = query_of(lab, "searchRecords")
    rules = [item["filter_type"] for item in json.loads(query["entity_field_filters"])]
    assert rules == ["is_less_than", "is_set", "is_not_equal", "is_empty", "is_equal"]
    assert [item["descending"] for item in json.loads(query["entity_field_sorts"])] == [True, False]
    assert "where" not in query
    names = [item.record_identifier for item in world(lab.api.records.get_records_by_ids(ids))]
    assert names == [name for name in ("SBX-1", "SBX-3") if name in names]
    assert repr(where) == "(F('Potency (nM)') < 100) & (F('Soluble').is_set()) & (F('Compound') != 'SBX-9')"
    assert list(pickle.loads(pickle.dumps(where))) == list(copy.deepcopy(where)) == list(where)


def test_objects_name_fields_and_stand_for_their_ids(lab: Lab, world: World) -> None:
    """A field object is a field, in conditions and in orders, and a record compared with is its id."""
    field = world(lab.api.entity_fields.get_data_field_by_id("Potency (nM)"))
    record = world(lab.api.records.get_record_by_id({"Compound": "SBX-1"}))

    world(lab.api.records.search_records(where=F(field) == record, sorts=[field, F("Compound").descending()]))

    query = query_of(lab, "searchRecords")
    assert json.loads(query["entity_field_filters"]) == [
        {"field_id": field.id, "filter_type": "is_equal", "filter_prop": record.id}
    ]
    assert [item["descending"] for item in json.loads(query["entity_field_sorts"])] == [False, True]


def chained() -> Any:
    """A comparison that Python reads as two, joined with 'and'."""
    return 1 < F("a") < 5


IMPOSSIBLE: dict[str, tuple[Callable[[], Any], str]] = {
    "or": (lambda: (F("a") > 1) | (F("b") > 1), "no 'or'.*is_in"),
    "or of lists": (lambda: (F("a") > 1) | [], "no 'or'"),
    "not": (lambda: not (F("a") > 1), "opposite rule"),
    "invert": (lambda: ~(F("a") > 1), "opposite rule"),
    "and": (lambda: (F("a") > 1) and (F("b") > 1), "& instead of 'and'"),
    "chained": (chained, r"is_between\(1, 5\)"),
    "in": (lambda: F("a") in ["b"], "neither true nor false"),
    "precedence": (lambda: F("a") < 5 & F("b"), "parentheses"),
    "field alone": (lambda: (F("a") < 5) & F("b"), "parentheses"),
    "field as flag": (lambda: bool(F("a")), r"is_set\(\)"),
    "joined with a dict": (lambda: (F("a") < 5) & {"field_id": "b"}, "none"),
}


@pytest.mark.parametrize("name", IMPOSSIBLE)
def test_what_the_api_cannot_say_raises_and_says_what_to_do(name: str) -> None:
    """`|`, `not`, `and`, chained comparisons and fields without a rule are TypeErrors with the cure."""
    make, cure = IMPOSSIBLE[name]
    with pytest.raises(TypeError, match=cure):
        make()


NO_CONDITIONS = [
    (lambda: F(""), "name, its id or the object"),
    (lambda: F(None), "name, its id or the object"),
    (lambda: F("a") == None, "is_empty"),  # noqa: E711
    (lambda: F("a") == ["x"], "one text"),
    (lambda: F("a") == F("b"), "with a value"),
    (lambda: F("a") == float("nan"), "nan"),
    (lambda: F("a") < "5", "write 5"),
    (lambda: F("a") < "2026-01-01", r"for a date write F\('a'\).is_before\('2026-01-01'\)"),
    (lambda: F("a") >= "2026-01-01", r"for a date write F\('a'\).since\('2026-01-01'\)"),
    (lambda: F("a") > "M", r"for text there are ==, contains\(\)"),
    (lambda: F("a").is_between("2026-01-01", 5), "give two numbers, or two dates"),
    (lambda: F("a").is_between(5, 1), r"nothing is between them; write F\('a'\).is_between\(1, 5\)"),
    (lambda: F("a").is_between(Decimal("1.5"), 1), r"is_between\(1, Decimal\('1.5'\)\)"),
    (lambda: F("a").is_between("2026-01-02", DAY), r"is_between\('2026-01-01', '2026-01-02'\)"),
    (lambda: F("a").is_between(MOMENT, MOMENT - timedelta(seconds=1)), "nothing is between"),
    (lambda: F("a").is_between(MOMENT + timedelta(days=3), DAY), "nothing is between"),
    (lambda: F("a").is_between_relative_week(1, -1), r"is_between_relative_week\(-1, 1\)"),
    (lambda: F("a").since("soon"), r"^The day of F\('a'\).since\(\) must be .* such as '2026-03-01'; got 'soon'"),
    (lambda: F("a") <= datetime(2026, 1, 1, 12), r"^The day of F\('a'\).until\(\) is datetime"),
    (lambda: F("a").is_last_updated_after("soon"), r"^The moment of F\('a'\).is_last_updated_after\(\) must be"),
    (lambda: F("a") < True, "number"),
    (lambda: F("a") < None, "number"),
    (lambda: F("a").is_in("abc"), "takes a list"),
    (lambda: F("a").is_in([]), "empty list"),
    (lambda: F("a").is_in(["x", None]), "None"),
    (lambda: F("a").is_between("x", 5), "number"),
    (lambda: F("a").is_before("soon"), "date"),
    (lambda: F("a").is_before(datetime(2026, 1, 1, 12)), "zone"),
    (lambda: F("a").is_last_updated_after(datetime(2026, 1, 1)), "zone"),
    (lambda: F("a").is_before_relative_day(1.5), "whole number"),
    (lambda: F("a").is_set().in_color(""), "color"),
]


def test_what_makes_no_sense_is_refused_where_it_stands() -> None:
    """Values that a rule cannot compare with raise ValueError when the condition is made."""
    for make, cure in NO_CONDITIONS:
        with row(make, cure), pytest.raises(ValueError, match=cure):
            make()


@pytest.mark.parametrize(
    ("query", "cure"),
    [
        ({"where": F("Soluble")}, r"is_set\(\)"),
        ({"where": [F("Soluble")]}, r"is_set\(\)"),
        ({"where": F("Soluble").is_set().in_color("#fff")}, "without a colour"),
        ({"where": F("Soluble").is_set(), "entity_field_filters": "[]"}, "JSON text"),
        ({"where": F("Soluuble").is_set()}, "Did you mean 'Soluble'"),
        ({"where": "Soluble"}, "list of dicts"),
        ({"sorts": "-Soluble"}, r"for a single one, \['-Soluble'\]"),
        ({"sorts": ["-"]}, "names no field"),
        ({"sorts": ["-Soluuble"]}, "Did you mean 'Soluble'"),
        ({"sorts": [F("Soluble").is_set()]}, "not an order"),
        ({"sorts": ["Soluble"], "entity_field_sorts": []}, "sorts and entity_field_sorts|mean the same"),
    ],
)
def test_bad_conditions_are_not_sent(lab: Lab, world: World, query: dict[str, Any], cure: str, tmp_path: Any) -> None:
    """Searches and exports refuse them before anything is sent, and say what to do."""
    with pytest.raises(ValueError, match=cure):
        world(lab.api.records.search_records(**query))
    with pytest.raises(ValueError, match=cure):
        world(lab.api.exports.pull_data("never.csv", "Compound", tmp_path, **query))
    assert {"searchRecords", "exportRecordsCsv"} & set(lab.operations()) == set()


def test_exports_and_iterators_take_them(lab: Lab, world: World, tmp_path: Any) -> None:
    """An export and iter_search take `where` and `sorts`; an export finds the column of a view by the field's name."""
    where = F("Potency (nM)") < 100
    path = world(lab.api.exports.pull_data("a.csv", "Compound", tmp_path, where=where, sorts=["-Potency (nM)"]))
    lines = Path(path).read_text("utf-8").splitlines()
    assert [line.split(",")[0] for line in lines[1:]] == ["SBX-1", "SBX-3"]

    async def together() -> list[str]:
        return [str(record) async for record in lab.api.records.iter_search(where=where, sorts=["Potency (nM)"])]

    if world.kind == "async":
        assert world(together()) == ["SBX-3", "SBX-1"]
    else:
        assert [str(item) for item in lab.api.records.iter_search(where=where, sorts=["Potency (nM)"])] == [
            "SBX-3", "SBX-1",
        ]  # fmt: skip

    view = next(item for item in world(lab.api.record_views.get_record_views()) if item.view_name == "Main")
    world(
        lab.api.exports.pull_data(
            "b.csv", "Compound", tmp_path, record_view_id=view.id, view_field_filters=where & (F("Compound") != "x"),
            view_field_sorts=["-Potency (nM)"],
        )
    )  # fmt: skip
    field = world(lab.api.entity_fields.get_data_field_by_id("Potency (nM)"))
    column = next(item for item in view.view_fields if item.data_field_id == field.id)
    key = world(lab.api.entity_fields.get_key_field_by_id("Compound"))
    query = query_of(lab, "exportRecordsCsv")
    assert json.loads(query["view_field_filters"]) == [
        {"key_field_id": None, "view_field_id": column.id, "filter_type": "is_less_than", "filter_prop": 100},
        {"key_field_id": key.id, "view_field_id": None, "filter_type": "is_not_equal", "filter_prop": "x"},
    ]
    assert json.loads(query["view_field_sorts"]) == [
        {"key_field_id": None, "view_field_id": column.id, "descending": True}
    ]


def test_a_search_takes_columns_and_refuses_names_of_unknown_ones(lab: Lab, world: World) -> None:
    """`view_field_filters` take columns and key fields; a data field has a column only where the view is known."""
    view = next(item for item in world(lab.api.record_views.get_record_views()) if item.view_name == "Main")
    column = view.view_fields[1]
    for one in (column, column.id):
        world(lab.api.records.search_records(view_field_filters=F(one).is_set(), view_field_sorts=[F(one)]))
        query = query_of(lab, "searchRecords")
        assert json.loads(query["view_field_filters"])[0]["view_field_id"] == column.id
        assert json.loads(query["view_field_sorts"])[0]["view_field_id"] == column.id
    sent = len(lab.exchanges)
    with pytest.raises(IdentifierNotFoundError, match=r"view\.view_fields"):
        world(lab.api.records.search_records(view_field_filters=F("Potency (nM)").is_set()))
    assert "searchRecords" not in [item.operation for item in lab.exchanges[sent:]]


def test_templates_take_them(lab: Lab, world: World) -> None:
    """Filters, orders and colours of a template are by key field and by column, which is found by the field's name."""
    templates = lab.api.result_table_templates
    template = world(
        templates.create_template(
            view_name="T", entity_slice_id="Compound", data_field_ids=["Potency (nM)"],
            filters=F("Compound").starts_with("SBX"), sorts=["-Compound"],
        )
    )  # fmt: skip
    key = world(lab.api.entity_fields.get_key_field_by_id("Compound"))
    assert body_of(lab, "createRecordViewTemplate")["sorts"] == [
        {"key_field_id": key.id, "view_field_id": None, "descending": True, "plot_field_config": None}
    ]
    column = template.view_fields[0].id

    template = world(
        templates.update_template(
            template, filters=F("Potency (nM)") < 100, sorts=["-Potency (nM)"],
            color_filters=(F("Potency (nM)") < 5).in_color("#FF0000"),
        )
    )  # fmt: skip

    rule = {"key_field_id": None, "view_field_id": column, "filter_type": "is_less_than", "plot_field_config": None}
    assert body_of(lab, "updateRecordViewTemplate") == {
        "filters": [{**rule, "filter_prop": 100}],
        "sorts": [{"key_field_id": None, "view_field_id": column, "descending": True, "plot_field_config": None}],
        "color_filters": [{**rule, "filter_prop": 5, "color": "#FF0000"}],
    }
    with pytest.raises(ValueError, match=r"in_color\('#FF0000'\)"):
        world(templates.update_template(template, color_filters=F("Potency (nM)") < 5))
    with pytest.raises(IdentifierNotFoundError, match="does not show"):
        world(templates.update_template(template, filters=F("Soluble").is_set()))


def many(lab: Lab, count: int = 700) -> list[str]:
    """Names of compounds of which the sandbox has every second one."""
    names = [f"long name of a compound {index:04}" for index in range(count)]
    for name in names[::2]:
        lab.client.records.get_or_create_record({"Compound": name})
    return names


def test_a_list_too_long_for_a_url_is_asked_in_parts(lab: Lab, world: World) -> None:
    """Who has one of very many values is found by several requests, each id once; so is who has none of them."""
    names = many(lab, 400)
    everything = world(lab.api.records.search_records(entity_slice_id="Compound"))
    begin = len(lab.exchanges)

    found = world(lab.api.records.search_records(where=F("Compound").is_in(names)))

    requests = [item for item in lab.exchanges[begin:] if item.operation == "searchRecords"]
    assert len(requests) > 1
    assert max(len(item.target) for item in requests) <= 7_990
    assert len(found) == len(set(found)) == 200
    others = world(lab.api.records.search_records(where=F("Compound").is_not_in(names), entity_slice_id="Compound"))
    assert set(others) == set(everything) - set(found)
    assert len(world(lab.api.records.search_records(where=F("Compound").is_in(names), limit=150))) == 150
    in_order = world(
        lab.api.records.search_records(
            where=F("Compound").is_not_in(names), entity_slice_id="Compound", sorts=["-Compound"]
        )
    )
    shown = [str(record) for record in world(lab.api.records.get_records_by_ids(in_order))]
    assert shown == sorted(shown, reverse=True)


@pytest.mark.parametrize(
    "rule", ["is_in", "is_not_in", "is_any_of_text", "overlaps_with", "has_no_overlap_with", "is_superset_of"]
)
def test_parts_find_what_the_whole_finds(lab: Lab, world: World, rule: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each rule that is asked in parts finds the same records as in one request, with another condition beside it."""
    names = [f"a word of some length {index:02}" for index in range(8)]
    client = lab.client
    tags = client.entity_fields.get_or_create_data_field("Tags", "multiselect")
    word = client.entity_fields.get_or_create_data_field("Word", "text")
    for index in range(16):
        record = client.records.get_or_create_record({"Compound": f"W-{index}"})
        record.add_value(tags, [name for place, name in enumerate(names) if (index + 5) >> (place % 4) & 1])
        if index % 5:
            record.add_value(word, names[index % 8])
    single = rule in ("is_in", "is_not_in", "is_any_of_text")
    asked = names[:6] if single else names[:1] + names[5:6] if rule == "is_superset_of" else names[1:4] + names[5:7]
    where = getattr(F(word if single else tags), rule)(asked) & (F("Compound") != "W-9")

    def search(**given: Any) -> list[str]:
        begin = len(lab.exchanges)
        found: list[str] = world(lab.api.records.search_records(entity_slice_id="Compound", where=where, **given))
        requests.append(sum(1 for item in lab.exchanges[begin:] if item.operation == "searchRecords"))
        return found

    requests: list[int] = []
    whole = search()
    length = max(len(item.target) for item in lab.exchanges if item.operation == "searchRecords")
    everything = world(lab.api.records.search_records(entity_slice_id="Compound"))
    for module in (long_searches, url_chunks):
        monkeypatch.setattr(module, "MAX_TARGET", length - 40)
    monkeypatch.setattr(long_searches, "LONGEST_TARGET", 100_000)
    found = search()

    assert sorted(found) == sorted(whole)
    assert 0 < len(whole) < len(everything)
    assert requests[0] == 1 < requests[1]
    assert len(search(limit=1)) == 1


def test_a_list_that_cannot_be_parted_is_named(lab: Lab, world: World, tmp_path: Any) -> None:
    """With an order, with a rule about the whole list, and in an export: an error names the list, nothing is sent."""
    names = [f"long name of a compound {index:04}" for index in range(700)]
    search, export, where = lab.api.records.search_records, lab.api.exports.pull_data, F("Compound").is_in(names)
    calls = [
        (lambda: search(where=where, sorts=["Compound"]), "Without an order"),
        (lambda: search(where=F("Compound").is_subset_of(names)), "value_is_subset_of_props"),
        (lambda: export("a.csv", "Compound", tmp_path, where=where), "700 values"),
    ]  # fmt: skip
    for call, text in calls:
        with pytest.raises(ValueError, match="too long for a URL") as refusal:
            world(call())
        assert text in str(refusal.value)
        assert "long name of a compound 0000" in str(refusal.value)
    assert {"searchRecords", "exportRecordsCsv"} & set(lab.operations()) == set()
