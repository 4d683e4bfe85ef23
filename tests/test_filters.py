# mypy: disable-error-code="operator,list-item,arg-type,no-untyped-call"
"""Conditions made with `F`: what they send, what they refuse, and searches too long for one URL."""

from __future__ import annotations

import copy
import json
import pickle
import re
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
from kalbio._model.fields import EntityFieldData
from kalbio._model.filter_values import check_fit
from kalbio._model.filters import Where, spelling
from tests.altered import body_of, query_of
from tests.conftest import Lab, World
from tests.rows import row

RULES = sorted(member.value for member in SearchFilterRuleType)
DAY = date(2026, 1, 1)
MOMENT = datetime(2026, 1, 1, 12, tzinfo=UTC)
FIELD = "Potency (nM)"
TEXT = "Comment"


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
    return (["a", 5, DAY],), ["a", 5, DAY]


def test_each_rule_sends_what_its_dict_sends(lab: Lab, world: World) -> None:
    """Every rule of record search is a method of F that completion shows, and its wire form is that of the dict."""
    for rule in RULES:
        with row(rule):
            given, prop = arguments_of(rule)
            where = getattr(F(TEXT), spelling(rule))(*given)

            world(lab.api.records.search_records(entity_field_filters=[
                {"field_id": TEXT, "filter_type": rule, "filter_prop": prop}
            ]))  # fmt: skip
            by_dict = query_of(lab, "searchRecords")
            for keyword in ("where", "entity_field_filters"):
                world(lab.api.records.search_records(**{keyword: where}))
                assert query_of(lab, "searchRecords") == by_dict
            assert spelling(rule) in dir(F(TEXT))
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
    field = world(lab.api.entity_fields.get_data_field_by_id("Comment"))
    record = world(lab.api.records.get_record_by_id({"Compound": "SBX-1"}))

    world(lab.api.records.search_records(where=F(field) == record, sorts=[field, F("Compound").descending()]))

    query = query_of(lab, "searchRecords")
    assert json.loads(query["entity_field_filters"]) == [
        {"field_id": field.id, "filter_type": "is_equal", "filter_prop": record.id}
    ]
    assert [item["descending"] for item in json.loads(query["entity_field_sorts"])] == [False, True]


NUMBER, FLAG, DATE, CHOICE = "Potency (nM)", "Soluble", "Made on", "Status"
MISFITS = [
    (
        F(NUMBER) == "high",
        r"^F\('Potency \(nM\)'\) == 'high' fits no field of the type .*; compare with a number",
    ),
    (F(NUMBER).is_not_equal(True), "True is not a number"),
    (F(NUMBER).is_in([1, "2", "3 nM"]), "'3 nM' is not a number"),
    (F(NUMBER).overlaps_with(["1_000"]), "'1_000' is not a number"),
    (F(NUMBER) < DAY, "the rule is about days; for numbers there are <"),
    (F(NUMBER).is_between("2026-01-01", "2026-02-01"), "about days"),
    (F(NUMBER).is_this_week(), "about days"),
    (F(NUMBER).is_after_relative_month(1), "about days"),
    (F(DATE) == "01.02.2026", r"'01\.02\.2026' is not a day; give a date"),
    (F(DATE) == 20260201, "20260201 is not a day"),
    (F(DATE) < 5, r"about numbers; for days there are is_before\(\)"),
    (F(DATE).is_between(1, 2), "about numbers"),
    (F(FLAG) == 1, "1 is not a yes or no; write True$"),
    (F(FLAG) != "no", "'no' is not a yes or no; write False$"),
    (F(FLAG).is_in([True, "maybe"]), "write True or False$"),
    (F(FLAG) < 1, "about numbers"),
    (F(FLAG).is_last_week(), "about days"),
    (F(FLAG).is_between(1, 2), r"for yes or no there are ==, is_set\(\)"),
    (F(CHOICE).is_equal(True), "True is not a text; write 'true', if the text is that"),
    (F("Compound").is_equal(False), "False is not a text"),
]
FITTING = [
    F(NUMBER) == "2.5", F(NUMBER) == Decimal("2.50"), F(NUMBER).is_between(1, 1e3), F(NUMBER).contains("2"),
    F(NUMBER).is_last_updated_after(DAY), F(DATE) == "2026-02-01", F(DATE) == MOMENT, F(DATE).is_this_week(),
    F(DATE).is_between("2026-01-01", "2026-02-01"), F(CHOICE).is_between(1, 2), F(CHOICE).is_between(DAY, MOMENT),
    F(FLAG).is_equal(True), F(CHOICE) == 5, F(CHOICE) < 5, F(CHOICE) == DAY, F("Compound") == 7, F(FLAG).is_set(),
]  # fmt: skip


def test_a_condition_on_what_a_field_cannot_hold_is_refused(lab: Lab, world: World) -> None:
    """Values and rules that fit no field of the type are refused unsent, of `F` and of dicts; the others are sent."""
    fields = lab.api.entity_fields
    for name, kind in ((DATE, "date"), (CHOICE, "select")):
        world(fields.get_or_create_data_field(name, kind))
    world(fields.get_key_fields())
    for where, why in MISFITS:
        for given in (where, list(where), [{**next(iter(where)), "field_id": id_of(lab, where)}]):
            with row(repr(where)), pytest.raises(ValueError, match=why):
                world(lab.api.records.search_records(where=given))
    assert "searchRecords" not in lab.operations()
    for where in FITTING:
        with row(repr(where)):
            world(lab.api.records.search_records(where=where))
    assert lab.operations().count("searchRecords") == len(FITTING)


def test_days_of_digits_alone_are_days() -> None:
    """A range of days in the basic format of ISO 8601 is none of numbers."""
    field = EntityFieldData({"id": "f", "field_name": DATE, "field_type": "date"})
    check_fit(field, next(iter(F(DATE).is_between("20260101", "20260201"))))
    with pytest.raises(ValueError, match="about numbers"):
        check_fit(field, next(iter(F(DATE).is_between(20260101, 20260201))))


def id_of(lab: Lab, where: Where) -> str:
    """The id of the field that a condition is about."""
    fields = lab.client.entity_fields
    name = next(iter(where))["field_id"]
    found = fields.get_key_field_by_id(name) if name == "Compound" else fields.get_data_field_by_id(name)
    assert found is not None
    return found.id


def test_a_condition_on_an_id_of_unknown_type_is_sent(lab: Lab, world: World) -> None:
    """No request is spent on learning the type: an id whose field is not known yet is asked about as it is."""
    world(lab.api.records.search_records(where=F(id_of(lab, F(NUMBER).is_set())) == "high"))
    assert lab.operations()[-1] == "searchRecords"
    assert json.loads(query_of(lab, "searchRecords")["entity_field_filters"])[0]["filter_prop"] == "high"


def test_a_condition_on_a_column_is_refused_as_one_on_its_field(lab: Lab, world: World) -> None:
    """Filters of views and templates are looked at as well, by column and by field, where the view is known."""
    view = next(item for item in world(lab.api.record_views.get_record_views()) if item.view_name == "Main")
    field = world(lab.api.entity_fields.get_data_field_by_id(NUMBER))
    world(lab.api.entity_fields.get_key_fields())
    column = next(item for item in view.view_fields if item.data_field_id == field.id)
    by_column = [{"view_field_id": column.id, "filter_type": "is_equal", "filter_prop": "high"}]
    for where in (F(NUMBER) == "high", F(column) == "high", F(column.id) == "high", by_column):
        with row(repr(where)), pytest.raises(ValueError, match="'high' is not a number"):
            world(lab.api.exports.pull_data("b.csv", "Compound", record_view_id=view.id, view_field_filters=where))
    assert "exportRecordsCsv" not in lab.operations()
    template = world(
        lab.api.result_table_templates.create_template(
            view_name="T", entity_slice_id="Compound", data_field_ids=[NUMBER]
        )
    )
    with pytest.raises(ValueError, match="'high' is not a number"):
        world(lab.api.result_table_templates.update_template(template, filters=F(NUMBER) == "high"))
    assert "updateRecordViewTemplate" not in lab.operations()


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
    "field turned round": (lambda: ~F("a"), r"F\('a'\)\.is_empty\(\)"),
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


def test_a_new_template_says_that_it_has_no_columns_yet(lab: Lab, world: World) -> None:
    """A condition on a data field of a new template is refused with the call that takes it, and nothing is made."""
    make = lab.api.result_table_templates.create_template
    with pytest.raises(IdentifierNotFoundError, match=r"'Potency \(nM\)'.*key fields only.*update_template"):
        world(make(view_name="T", entity_slice_id="Compound", data_field_ids=[NUMBER], filters=F(NUMBER) < 100))
    assert "createRecordViewTemplate" not in lab.operations()


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


@pytest.mark.parametrize(("name", "told"), [
    ("between", "Did you mean is_between?"), ("isin", "Did you mean is_in?"), ("isnull", "Did you mean is_empty?"),
    ("contain", "Did you mean contains or does_not_contain?"), ("colour_of", "It has is_set, is_empty"),
])  # fmt: skip
def test_rules_of_other_libraries_are_told_by_their_names_here(name: str, told: str) -> None:
    """A rule that there is not is an AttributeError with the one that is meant, or all of them."""
    with pytest.raises(AttributeError, match=re.escape(f"F has no rule {name}. {told}")):
        getattr(F("logP"), name)
    assert not hasattr(F("logP"), "__array__")
