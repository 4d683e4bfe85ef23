"""The objects that the server sends: typed, tolerant, and nothing of the answer is lost."""

from __future__ import annotations

import copy
import json
import pickle
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from kalbio._core.errors import UnreadableTimeError
from kalbio._core.objects.listing import Listing, read_items
from kalbio._core.objects.times import parse_timestamp
from kalbio.activities import Activity, ActivityDefinition, ContentLayoutItem
from kalbio.dashboards import DashboardCategory
from kalbio.entity_fields import DataField, EntityField, KeyField
from kalbio.entity_types import EntityType
from kalbio.imports import ImportRecord, ImportResult
from kalbio.labels import Label
from kalbio.programs import Program
from kalbio.record_views import RecordView
from kalbio.records import Record, RecordValue
from kalbio.registration import RegistrationDraftStatus, RegistrationFile, RegistrationSubmissionWithErrors
from kalbio.result_table_templates import ResultTableTemplate
from kalbio.workspace import WorkspaceEvent
from tests.rows import row

ID = "0a1b2c3d-0000-4000-8000-000000000001"
SAMPLES = Path(__file__).parent / "samples"
CLASSES = {
    "listDataFields": DataField,
    "listEntitySlices": EntityType,
    "listActivities": Activity,
    "listKeyFields": KeyField,
    "listPrograms": Program,
    "getRecord": Record,
    "listRecordValues": RecordValue,
}


@pytest.mark.parametrize("name", CLASSES)
def test_answers_load_and_lose_nothing(name: str) -> None:
    """Every object of an answer loads through its public class, and to_dict gives the answer back."""
    answer = json.loads((SAMPLES / f"{name}.json").read_text())
    items = answer if isinstance(answer, list) else [answer]
    listing = read_items(httpx.Response(200, json=items), CLASSES[name])
    assert [item.to_dict() for item in listing] == items
    assert listing.unreadable == []
    item: Any
    for item in listing:
        assert set(item.raw) <= set(dir(item))
        assert "created_at" not in item.raw or isinstance(item.created_at, datetime)


@pytest.mark.parametrize("null", [False, True])
def test_only_the_id_is_required(null: bool) -> None:
    """An object with nothing but an id can be read whole; absent and null lists and maps read as empty."""
    for kind in [
        Activity,
        ActivityDefinition,
        DataField,
        EntityType,
        ImportRecord,
        KeyField,
        Label,
        Program,
        Record,
        RecordValue,
        RecordView,
        RegistrationFile,
        RegistrationSubmissionWithErrors,
        ResultTableTemplate,
    ]:
        with row(kind):
            names = [name for name in dir(kind) if not name.startswith("_")]
            item = kind({"id": ID, **({name: None for name in names if name not in ("id", "raw")} if null else {})})
            for name in names:
                if not isinstance(getattr(kind, name, None), property) or name in (
                    "properties",
                    "record_values",
                    "message",
                ):
                    getattr(item, name)
            assert str(item)
            assert repr(item)
            for name in ("child_ids", "identifier_ids", "view_fields", "filters", "record_errors", "properties"):
                if name in names:
                    assert getattr(item, name) == []


def test_unknown_members_are_attributes_and_survive_dumps() -> None:
    """Members that this version does not know are attributes, listed by dir(), and part of every dump."""
    item: Any = Program({"id": ID, "title": "Kinases", "budget": {"amount": 3}})
    assert item.budget == {"amount": 3}
    assert {"budget", "title", "to_dict"} <= set(dir(item))
    assert item.to_dict()["budget"] == {"amount": 3}
    assert json.loads(item.to_json())["budget"] == {"amount": 3}
    with pytest.raises(AttributeError, match="Program 0a1b2c3d has no attribute 'bugdet'"):
        _ = item.bugdet


def test_what_an_object_gives_away_is_a_copy() -> None:
    """Nothing that a caller does to an object changes it: to_dict is a copy, the rest refuses to be changed."""
    item = Activity({"id": ID, "child_ids": ["a"], "data_table_record_mapping": {"v": ["r"]}, "extra": {"x": [1]}})
    before = copy.deepcopy(item.to_dict())
    with pytest.raises(TypeError):
        item.raw["title"] = "changed"  # type: ignore[index]
    item.to_dict()["extra"]["x"].append(2)
    extra: Any = item
    for shown in (item.raw["extra"]["x"], extra.extra["x"], item.child_ids, item.data_table_record_mapping["v"]):
        with pytest.raises(TypeError, match="would change nothing"):
            shown.append("b")
    assert item.to_dict() == before


def test_pickles_hold_the_data_and_not_the_client() -> None:
    """A pickle holds the JSON only, and what comes out says that it cannot ask the server; copies keep the client."""
    client: Any = object()
    item = Record({"id": ID, "record_identifier": "CPD-1"}, client)
    again = pickle.loads(pickle.dumps(item))
    assert again == item
    assert again.to_dict() == item.to_dict()
    with pytest.raises(RuntimeError, match="This Record has no client"):
        again.get_values()
    assert copy.copy(item)._client is client
    assert copy.deepcopy(item)._client is client


def test_equality_is_by_exact_type_and_id() -> None:
    """Objects are equal when they are of the same type and have the same id, in both directions."""
    key, data, plain = KeyField({"id": ID}), DataField({"id": ID}), EntityField({"id": ID})
    assert key == KeyField({"id": ID, "field_name": "other"})
    assert hash(key) == hash(KeyField({"id": ID}))
    assert key != data
    assert data != key
    assert plain != key
    assert key != plain
    assert key != ID
    drafts = [RegistrationDraftStatus({"record_id": name}) for name in "aab"]
    assert drafts[0] == drafts[1] != drafts[2]


@pytest.mark.parametrize(
    ("item", "text", "representation"),
    [
        (Record({"id": ID, "record_identifier": "CPD-1"}), "CPD-1", "<Record 'CPD-1' 0a1b2c3d>"),
        (Record({"id": ID}), "Record 0a1b2c3d", "<Record 0a1b2c3d>"),
        (RecordValue({"id": ID, "content": True}), "True", "<RecordValue 'True' 0a1b2c3d>"),
        (Activity({"id": ID, "title": "Run"}), 'Activity("Run")', "<Activity 'Run' 0a1b2c3d>"),
        (ActivityDefinition({"id": ID, "title": "Run"}), f"{ID}:Run", "<ActivityDefinition 'Run' 0a1b2c3d>"),
        (KeyField({"id": ID, "field_name": "Batch"}), "Batch", "<KeyField 'Batch' 0a1b2c3d>"),
        (EntityType({"id": ID, "slice_name": ""}), "EntityType 0a1b2c3d", "<EntityType 0a1b2c3d>"),
        (WorkspaceEvent({"id": ID, "event_type": "x"}), f"{ID}:x", "<WorkspaceEvent 'x' 0a1b2c3d>"),
        (DashboardCategory({"id": ID, "category_name": "x"}), f"{ID}:x", "<DashboardCategory 'x' 0a1b2c3d>"),
        (ImportRecord({"id": ID, "import_status": "failed"}), "ImportRecord 0a1b2c3d failed",
         "<ImportRecord 'failed' 0a1b2c3d>"),
        (RegistrationDraftStatus({"record_id": ID}), "RegistrationDraftStatus ", "<RegistrationDraftStatus>"),
        (ResultTableTemplate({"id": ID}), ID, "<ResultTableTemplate 0a1b2c3d>"),
    ],
)  # fmt: skip
def test_texts_and_representations(item: Any, text: str, representation: str) -> None:
    """str() is what a person calls the thing, repr() adds type and id."""
    assert str(item) == text
    assert repr(item) == representation


def test_what_nothing_names_shows_its_numbers() -> None:
    """The outcome of an import, which has no id and no name, shows what it counts, and no text."""
    outcome = ImportResult({"records_created": 2, "fields_added": 1, "note": "x", "validation_result": {"failed": 1}})
    assert repr(outcome) == "<ImportResult records_created=2 fields_added=1>"
    assert repr(outcome.validation_result) == "<ImportValidationResult failed=1>"
    assert len(repr(ImportResult({"n": 10**5000, **{f"n{place}": place for place in range(50)}}))) < 300


def test_completion_leaves_out_what_only_older_scripts_write() -> None:
    """Tab shows members and methods, those of a newer platform too, and not the spellings of pydantic, which work."""
    program = Program({"id": ID, "title": "A", "new_member": 1})
    assert {"title", "new_member", "to_dict", "to_json", "raw"} <= set(dir(program))
    assert {"dict", "json", "model_dump", "model_dump_json", "model_copy", "model_validate"}.isdisjoint(dir(program))
    assert program.model_dump()["title"] == "A"


def test_notebooks_get_a_table_that_is_safe() -> None:
    """The HTML view shows every member, escaped and cut."""
    shown = Program({"id": ID, "title": "<script>", "long": "x" * 500})._repr_html_()
    assert "&lt;script&gt;" in shown
    assert "<script>" not in shown
    assert "x" * 98 not in shown


@pytest.mark.parametrize(
    ("text", "micro", "offset"),
    [
        ("2026-01-05T09:00:00.123Z", 123_000, 0),
        *((f"2026-01-05T09:00:00.{'123456'[:digits]}+00:00", int("123456"[:digits].ljust(6, "0")), 0)
          for digits in range(1, 7)),
        ("2026-01-05T09:00:00+02:00", 0, 2),
        ("2026-01-05T09:00:00", 0, 0),
    ],
)  # fmt: skip
def test_timestamps_of_all_formats(text: str, micro: int, offset: int) -> None:
    """1 to 6 fractional digits, Z or an offset, and text without a zone all give an instant with its zone."""
    assert parse_timestamp(text) == datetime(2026, 1, 5, 9, 0, 0, micro, UTC) - timedelta(hours=offset)


@pytest.mark.parametrize("value", ["soon", 5, [], "2026-13-01T00:00:00Z", True])
def test_what_is_no_timestamp_is_no_missing_one(value: Any) -> None:
    """A time that is not there reads as None; text that is no time, and anything else, raises and says what it is."""
    assert [RecordValue({"id": ID, "created_at": item}).created_at for item in (None, "")] == [None, None]
    assert RecordValue({"id": ID}).created_at is None
    with pytest.raises(
        UnreadableTimeError, match=r"^created_at of <RecordValue .*> is .*, which cannot be read as a time"
    ) as caught:
        _ = RecordValue({"id": ID, "created_at": value}).created_at
    assert caught.value.value == value
    assert parse_timestamp("2026-01-05") == datetime(2026, 1, 5, tzinfo=UTC)


def test_numbers_where_text_belongs_are_taken_as_text() -> None:
    """A number in the place of text, ids included, is read as its text; a number that is none reads as None."""
    item = Record({"id": 7, "record_identifier": 12, "identifier_ids": [1, None, "b"]})
    assert (item.id, item.record_identifier, item.identifier_ids) == ("7", "12", ["1", "b"])
    assert Activity({"id": ID, "duration": "3"}).duration is None
    assert Activity({"id": ID, "duration": float("nan")}).duration is None


def test_unknown_values_of_enumerations_are_kept() -> None:
    """Values that no enumeration knows do not break an object, types of activities and fields included."""
    assert Activity({"id": ID, "activity_type": "quest", "status": "dreaming"}).activity_type == "quest"
    assert KeyField({"id": ID, "field_type": "hologram"}).field_type == "hologram"
    assert ContentLayoutItem({"id": ID, "component_type": "hologram"}).component_type == "hologram"


def test_unreadable_items_are_reported_and_kept_aside(caplog: pytest.LogCaptureFixture) -> None:
    """An item that is no object, or has no id, leaves the rest usable, is logged once, and stays accessible."""
    listing = read_items(httpx.Response(200, json=[{"id": ID}, {"title": "no id"}, 5, None]), Program)
    assert [item.id for item in listing] == [ID]
    assert listing.unreadable == [{"title": "no id"}, 5, None]
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert isinstance(listing, Listing)


def test_view_fields_show_their_own_ids_and_all_members() -> None:
    """A column of a view has its own id, which exports and filters need, and keeps every member."""
    raw = {"id": "vf", "data_field_id": "d", "plot_field_id": None, "aggregation_type": "mean", "sort_behavior": "x",
           "width": 80}  # fmt: skip
    column: Any
    (column,) = RecordView({"id": ID, "view_fields": [raw]}).view_fields
    assert (column.id, column.data_field_id, column.aggregation_type, column.width) == ("vf", "d", "mean", 80)
    assert column.to_dict() == raw


def test_a_long_list_shows_its_beginning_and_its_length() -> None:
    """A list of many objects shows the first thirty and how many more there are; a short one shows all."""
    programs = [Program({"id": str(number), "title": f"P-{number}"}) for number in range(10_000)]
    assert repr(Listing(programs[:30])) == repr(programs[:30])
    assert repr(Listing(programs)) == f"{repr(programs[:30])[:-1]}, ... 9970 more]"
