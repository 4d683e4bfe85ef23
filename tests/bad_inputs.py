"""Kinds of arguments, and what is wrong with them: which values are refused, and which odd ones go out as they are."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import attrs

from kalbio.programs import Program
from kalbio.testing import InProcess
from tests.demo import NOWHERE

LONG = "long " * 20_000

HOSTILE = [
    "../../programs",
    "..%2f..%2Fprograms",
    "..\\programs",
    "a/b?c=d#e&f%00",
    "line\r\nX-Kal-Authorization: x\n",
    "nul\x00 bell\x07",
    "right\u202eto left",
    f"{NOWHERE}/../values",
    f" {NOWHERE}",
    "null",
    "'; drop table records; --",
    '{"a": [1]}',
    "naïve 😀",
    LONG,
]
"""Text that is text, whatever it looks like."""

LONE = "half \ud800 of a pair"
"""Text that is not: it has no form in UTF-8."""

NO_TEXT = [None, 5, True, 1.5, math.nan, b"bytes", object(), ["x"], {"a": 1}, 10**5000, date(2024, 1, 1)]


class Things:
    """What is there in a sandbox, to call methods on and to name in arguments."""

    def __init__(self, lab: InProcess) -> None:
        self.lab = lab
        self.api = api = lab.client
        fields = api.entity_fields
        self.key_field = fields.get_or_create_key_field("Compound")
        self.data_field = fields.get_or_create_data_field("Remark", "text")
        self.file_field = fields.get_or_create_data_field("Scan", "file")
        self.record = api.records.get_or_create_record({"Compound": "CPD-1"})
        value = self.record.update_field_file(self.file_field, "scan.txt", b"1", "text/plain")
        assert value is not None
        self.file_id = value.content["file_id"]
        self.program = api.programs.create_program("Inputs")
        self.definition = self._first(api.activities.get_definition_by_id("Assay results registration"))
        self.screening = self._first(api.activities.get_definition_by_id("Screening experiment"))
        self.activity = self._first(api.activities.get_activity_by_id("Kinase screen"))
        self.activity.add_records([self.record])
        self.view = self.activity.record_views[0]
        self.column = next(view for view in api.record_views.get_record_views() if view.view_fields).view_fields[0]
        self.label = api.labels.get_labels()[0]
        self.member = api.workspace.get_members()[0]
        self.group = api.workspace.get_groups()[0]
        self.entity_type = self._first(api.entity_types.get_type_by_name("Compound"))
        self.board = api.dashboards.get_dashboards()[0]
        self.category = self.board.add_category("Inputs", [self.screening], [[self.label.id]], [self.data_field.id])
        self.template = api.result_table_templates.create_template(view_name="Inputs", entity_slice_id=self.entity_type)
        self.import_id = api.imports.push_data(["Compound"], [{"Compound": "CPD-1"}])
        self.batch = api.activities.create_activity("B", "experiment", activity_definition_id="Batch registration")
        api.registration.stage_drafts(self.batch, ["Compound"], [{"Compound": "CPD-2"}])
        self.batch.refetch()
        self.submission = api.registration.validate_drafts(self.batch)
        self.property = next(item for item in self.activity.properties if item.field_type == "text")
        upload = next(item for item in self.definition.properties if item.field_type == "file")
        self.property_field = next(
            item for item in api.property_fields.get_property_fields() if item.id == upload.property_field_id
        )
        self.plan = self._first(api.records.plan_upsert([{"Compound": "CPD-9"}], "Compound"))
        self.place = next(item for item in self.definition.content_layout if item.record_view_id)

    @staticmethod
    def _first(found: Any) -> Any:
        assert found is not None
        return found


Make = Callable[[Things], list[Any]]


def nothing(_: Things) -> list[Any]:
    """No values of that sort."""
    return []


@attrs.frozen
class Kind:
    """A kind of arguments.

    Attributes:
        good: gives a value that is right.
        refused: gives values that must raise before anything is sent.
        unknown: gives values that name nothing: they raise, or nothing is found; nothing is sent.
        carried: gives odd values that must go out as they are, or be put to use without being sent.
    """

    good: Callable[[Things], Any]
    refused: Make = nothing
    unknown: Make = nothing
    carried: Make = nothing


def plus(kind: Kind, refused: list[Any]) -> Kind:
    """Return a kind that refuses more."""
    return attrs.evolve(kind, refused=lambda it: [*kind.refused(it), *refused])


def optional(kind: Kind) -> Kind:
    """Return a kind that may be None: the same as not given, or, in updates, what clears."""
    return attrs.evolve(kind, refused=lambda it: [value for value in kind.refused(it) if value is not None])


def named(good: Callable[[Things], Any], other: Callable[[Things], Any]) -> Kind:
    """Return the kind of an argument that takes an object, its id, or its name."""
    return Kind(
        good,
        lambda it: [*NO_TEXT, "", " \t\n", other(it), Program({}), [good(it)], {good(it)}],
        lambda _: [*HOSTILE, LONE],
    )


def by_id(good: Callable[[Things], Any], other: Callable[[Things], Any]) -> Kind:
    """Return the kind of an argument that takes an object or its id, but no name."""
    return Kind(good, lambda it: [*NO_TEXT, "", " \t\n", other(it), Program({}), [good(it)], *HOSTILE, LONE])


def several(kind: Kind, *, empty: bool = True, joined: bool = False) -> Kind:
    """Return the kind of an argument that takes a list of these."""

    def refused(it: Things) -> list[Any]:
        good = kind.good(it)
        lone = good if isinstance(good, str) else good.id if hasattr(good, "id") else "text"
        wrong = ["text" if joined else lone, b"bytes", 5, True, math.nan, object(), {lone: 1}, None, 10**5000]
        inside = [[good, value] for value in kind.refused(it)]
        return [*wrong, *inside, *([] if empty else [[], ()]), *([good] if not isinstance(good, str | list) else [])]

    unknown = nothing if kind.unknown is nothing else lambda it: [[value] for value in kind.unknown(it)]
    return Kind(lambda it: [kind.good(it)], refused, unknown)


RECORD = Kind(
    lambda it: it.record,
    lambda it: [
        None, 5, True, math.nan, b"bytes", object(), [it.record], "", " ", it.program, Program({}), {}, *HOSTILE, LONE,
        {"Compound": None}, {"Compound": 1.5}, {"Compound": ""}, {"Compound": " "}, {"Compound": LONE},
        {"Compound": b"x"}, {"Compound": ["x"]}, {"Compound": True}, {"Compound": math.nan}, {"": "x"},
        {"No such": "x"},
        {None: "x"}, {5: "x"}, {b"Compound": "x"}, {it.data_field: "x"}, {"Remark": "x"},
        {"Compound": "x", it.key_field: "x"}, {"Compound": datetime(2024, 1, 1, tzinfo=UTC)}, {"Compound": 10**5000},
    ],
    lambda _: [{"Compound": text} for text in HOSTILE if text != LONG],
)  # fmt: skip

TEXT = Kind(lambda _: "text", lambda _: [*NO_TEXT, "", " \n", LONE], carried=lambda _: list(HOSTILE))
MAYBE_EMPTY = Kind(
    lambda _: "text",
    lambda _: [item for item in NO_TEXT if item is not None] + [LONE],
    carried=lambda _: ["", *HOSTILE],
)
LOCAL_TEXT = Kind(lambda _: "text", lambda _: [*NO_TEXT, LONE], lambda _: ["", *HOSTILE])
FLAG = Kind(lambda _: True, lambda _: ["yes", "", 5, 0.0, math.nan, b"x", object(), [], {}, None])
WRONG_NUMBERS = [None, "5", b"5", math.nan, math.inf, -math.inf, object(), [5], {}, True, 1.5, -1, Decimal("NaN")]
COUNT = Kind(lambda _: 1, lambda _: [*WRONG_NUMBERS, 0, 10**5000], carried=lambda _: [2**63, 10**400])
FROM_ZERO = Kind(lambda _: 0, lambda _: [*WRONG_NUMBERS, 10**5000], carried=lambda _: [2**63, 10**400])
LOCAL_COUNT = Kind(lambda _: 1, lambda _: [*WRONG_NUMBERS, 0])
NUMBER = Kind(
    lambda _: 1,
    lambda _: [item for item in WRONG_NUMBERS if item not in (-1, None)] + [10**5000],
    carried=lambda _: [-1, 0, 2**63, 10**400],
)
SECONDS = Kind(
    lambda _: 1.0, lambda _: [None, "5", b"5", math.nan, -1, object(), [5], {}, True, Decimal("NaN"), -math.inf]
)
CIRCLE: list[Any] = []
CIRCLE.append(CIRCLE)
NO_JSON: list[Any] = [
    math.nan, math.inf, -math.inf, Decimal("NaN"), b"bytes", {1, 2}, object(), LONE, {"a": [math.nan]}, {1: 2},
    {None: 1}, {"a": {True: 1}}, CIRCLE, 10**5000, [object()], {"a": b"x"}, len, {LONE: 1}, 1j, range(3),
    datetime(2024, 1, 1, 12), {"a": [datetime(2024, 1, 1, 0, 0, 0, 1)]},
]  # fmt: skip
JSON: list[Any] = [
    *HOSTILE, 2**63, 10**400, "", " ", [], {}, datetime(2024, 1, 1, 12, tzinfo=UTC), date(2024, 1, 1), UUID(NOWHERE),
    Decimal("1.50"),
    {"a": [None, {"b": HOSTILE}]}, 1e308, -0.0, Path("a") / "b",
]  # fmt: skip
CONTENT = Kind(lambda _: "text", lambda _: NO_JSON, carried=lambda _: JSON)
DOCUMENT = Kind(
    lambda _: {"type": "doc", "content": []},
    lambda _: [5, True, "text", b"x", [], object(), math.nan, *(item for item in NO_JSON if isinstance(item, dict))],
    carried=lambda _: [{"type": "doc", "content": [{"text": text} for text in HOSTILE]}],
)
RICH_TEXT = Kind(
    DOCUMENT.good,
    lambda it: [*(item for item in DOCUMENT.refused(it) if not isinstance(item, str)), "", " ", LONE],
    carried=DOCUMENT.carried,
)
MOMENT = Kind(
    lambda _: datetime(2024, 1, 1, tzinfo=UTC),
    lambda _: [
        5,
        True,
        math.nan,
        b"x",
        object(),
        [],
        {},
        "",
        "tomorrow",
        LONE,
        10**5000,
        datetime(2024, 1, 1, 12),
        "2024-01-01T12:00:00",
    ],
    carried=lambda _: [
        datetime(2024, 1, 1, 12, tzinfo=UTC),
        datetime(1970, 1, 1, tzinfo=UTC),
        date(2024, 1, 1),
        "2024-01-01T00:00:00Z",
    ],
)
NO_CHOICES = [None, 5, True, math.nan, b"x", object(), ["x"], {}, "", " ", *HOSTILE, LONE, 10**5000]
CALLBACK = Kind(lambda _: lambda _done, _all: None, lambda _: ["text", 5, [], {}, object(), math.nan])


def choice(good: str) -> Kind:
    """Return the kind of an argument that takes one of a few texts."""
    return Kind(lambda _: good, lambda _: NO_CHOICES)


def table(row: Callable[[Things], dict[Any, Any]], *, empty: bool, wrong: list[Any]) -> Kind:
    """Return the kind of an argument that takes rows."""
    return Kind(
        lambda it: [row(it)],
        lambda it: [
            None, 5, True, math.nan, "text", b"bytes", object(), row(it), [5], ["text"], [None], [[]], 10**5000,
            *([] if empty else [[], ()]), *([{**row(it), **more}] for more in wrong),
        ],
    )  # fmt: skip
