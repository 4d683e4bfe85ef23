"""R124 and R149: what None means in an update, where warnings point, and what looking at an object costs."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import csv
import gc
import inspect
import json
import pickle
import warnings
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

import kalbio
from kalbio import KalbioError
from kalbio._core.concurrency.on_demand import OnDemand
from kalbio._core.objects.resource import Resource
from kalbio._model.bulk import BulkResult, RowOutcome
from kalbio.aio.records import RecordsService as AsyncRecords
from kalbio.records import Record, RecordsService
from kalbio.result_table_templates import ResultTableTemplatesService
from kalbio.webhooks import parse_webhook
from tests.altered import alter, body_of, query_of
from tests.conftest import Lab, World

OLD = "7d8ff3a0-0000-4000-8000-000000000000"
HALF = "\ud83d"


@pytest.fixture
def older(world: World) -> Lab:
    """A client under the older error policy."""
    return Lab(world, retries=0, on_error="log")


def nullable() -> list[str]:
    """The arguments of an update of a template that None clears, as its signature tells."""
    parameters = inspect.signature(ResultTableTemplatesService.update_template).parameters.values()
    return [item.name for item in parameters if "None" in str(item.annotation).split(" | ")]


@pytest.mark.parametrize("name", nullable())
def test_r124_none_in_a_template_clears_and_says_so_once(lab: Lab, world: World, name: str) -> None:
    """None is sent as null; the first such call of a client warns at the caller's line and names both spellings."""
    templates = lab.api.result_table_templates
    template = world(templates.get_templates())[0]
    with pytest.warns(UserWarning, match=rf"{name}=None.* clears it.*{name}=UNSET") as caught:
        world(templates.update_template(template, **{name: None}))
    assert [warning.filename for warning in caught] == [__file__]
    assert body_of(lab, "updateRecordViewTemplate") == {name: None}
    world(templates.update_template(template, **{name: None}))  # a second warning would be an error


def test_r124_what_cannot_be_cleared_is_refused_without_the_warning(lab: Lab, world: World) -> None:
    """None for what a template must have is an error that names it; nothing is sent."""
    templates = lab.api.result_table_templates
    template = world(templates.get_templates())[0]
    before = len(lab.operations())
    for name in ("view_name", "is_archived", "filters", "program_ids", "record_set_ids_filter"):
        with pytest.raises(ValueError, match=r"None|text"):
            world(templates.update_template(template, **{name: None}))
    assert lab.operations()[before:] == []


def test_r124_none_leaves_under_the_older_contract(older: Lab, world: World) -> None:
    """With `on_error="log"` None changes nothing, whatever it is given for, and nothing warns; UNSET leaves too."""
    templates = older.api.result_table_templates
    template = world(templates.get_templates())[0]
    names = [item for item in inspect.signature(templates.update_template).parameters if item != "template_id"]
    before = len(older.operations())
    assert world(templates.update_template(template, **dict.fromkeys(names))) is template
    assert older.operations()[before:] == []
    world(templates.update_template(template, **{**dict.fromkeys(names, kalbio.UNSET), "view_name": "Renamed"}))
    assert body_of(older, "updateRecordViewTemplate") == {"view_name": "Renamed"}


def spellings(client: Any, directory: Path) -> dict[str, tuple[str, Callable[[], Any]]]:
    """Name of each older spelling to what warns of it, and a call with it that may fail."""
    records, exports = client.records, client.exports
    export = {"download_path": str(directory), "overwrite": True}
    return {
        "search": ("record_set_ids", lambda: records.search_records(record_set_id=OLD)),
        "filters": ("record_set_filters", lambda: records.search_records(record_set_filters=[OLD])),
        "iteration": ("record_set_ids", lambda: records.iter_search(record_set_id=OLD)),
        "export": ("record_set_ids", lambda: exports.pull_data("a.csv", "Compound", record_set_id=OLD, **export)),
        "export, filters": (
            "record_set_filters",
            lambda: exports.pull_data("a.csv", "Compound", record_set_filters=[OLD], **export),
        ),
        "import": (
            "record_view_id",
            lambda: client.imports.push_data(["Compound"], [{"Compound": "D"}], record_view_ids=[OLD]),
        ),
        "import, by place": (
            "record_view_id",
            lambda: client.imports.push_data(["Compound"], [{"Compound": "D"}], None, None, None, [OLD]),
        ),
        "results": (
            "message",
            lambda: client.registration.submit_results(OLD, OLD, "success", error_message="none"),
        ),
        "creation": (
            "by name",
            lambda: client.activities.create_activity("T", "task", None, None, None, date(2024, 1, 1), 5),
        ),
    }


@pytest.mark.parametrize("name", spellings(mock.MagicMock(), Path()))
def test_r149_older_spellings_warn_at_the_line_of_the_call(lab: Lab, world: World, tmp_path: Path, name: str) -> None:
    """Each older spelling warns when it is called, before it is awaited or iterated, at the caller's line."""
    text, call = spellings(lab.api, tmp_path)[name]
    begun: Any = None
    with pytest.warns(DeprecationWarning, match=text) as caught, contextlib.suppress(KalbioError):
        begun = call()
    assert [(item.filename, item.lineno) for item in caught] == [(__file__, call.__code__.co_firstlineno)]
    if hasattr(begun, "aclose"):
        world(begun.aclose())
    elif hasattr(begun, "close"):
        begun.close()


def test_r149_older_spellings_still_do_what_they_did(lab: Lab, world: World) -> None:
    """A call with an older spelling is carried out, in a task of its own too."""

    def search() -> Any:
        with pytest.warns(DeprecationWarning, match="record_set_ids") as caught:
            begun = lab.api.records.search_records(record_set_id=OLD)
        assert caught[0].filename == __file__
        return begun

    async def as_task() -> None:
        await asyncio.create_task(search())

    if world.kind == "async":
        world(as_task())
    else:
        search()
    assert query_of(lab, "searchRecords")["record_set_ids"] == OLD
    with pytest.raises(TypeError, match="multiple values"):
        world(lab.api.exports.pull_data("a.csv", "Compound", filename="b.csv"))


def test_r149_methods_with_older_spellings_pass_for_coroutines() -> None:
    """Tools that make mocks see that a method with an older spelling is to be awaited, and a sync one is not."""
    assert asyncio.iscoroutinefunction(AsyncRecords.search_records)
    assert isinstance(mock.create_autospec(AsyncRecords, instance=True).search_records, mock.AsyncMock)
    assert not asyncio.iscoroutinefunction(RecordsService.search_records)


def things(lab: Lab, world: World) -> list[Any]:
    """Objects of all kinds that hold a client."""
    api = lab.api
    activity = world(api.activities.get_activity_by_id("Kinase screen"))
    definition = world(api.activities.get_definition_by_id("Assay results registration"))
    record = world(api.records.get_record_by_id({"Compound": "SBX-1"}))
    return [
        activity,
        definition,
        record,
        definition.properties[0],
        *next(iter(record.record_values.values())),
        world(api.entity_fields.get_key_fields())[0],
        world(api.entity_fields.get_data_fields())[0],
        world(api.entity_types.get_types())[-1],
        world(api.record_views.get_record_views())[0],
        world(api.result_table_templates.get_templates())[0],
        world(api.programs.get_programs())[0],
        world(api.dashboards.get_dashboards())[0],
        world(api.workspace.get_members())[0],
        world(api.labels.get_labels())[0],
        world(api.workspace.get_events(page_size=1))[0],
    ]


def test_r149_names_and_pictures_of_objects_send_nothing(lab: Lab, world: World) -> None:
    """`dir`, `repr`, `str`, HTML, copies, pickles and comparisons of objects send nothing."""
    objects: list[Any] = [lab.api, lab.api.activities, lab.api.records, *things(lab, world)]
    before = len(lab.operations())
    for thing in objects:
        dir(thing)
        repr(thing)
        str(thing)
        if isinstance(thing, Resource):
            thing._repr_html_()
            assert copy.copy(thing) == thing == copy.deepcopy(thing) == pickle.loads(pickle.dumps(thing))
            assert not hasattr(thing, "_ipython_display_")
    assert lab.operations()[before:] == []


def test_r149_objects_without_a_client_answer_every_question(lab: Lab, world: World) -> None:
    """`hasattr` and `getmembers` go through on unpickled objects; a relation says that there is no client."""
    for thing in things(lab, world):
        alone = pickle.loads(pickle.dumps(thing))
        assert {hasattr(alone, name) for name in dir(alone)} <= {True, False}
        inspect.getmembers(alone)
    activity = pickle.loads(pickle.dumps(things(lab, world)[0]))
    with pytest.raises(RuntimeError, match="has no client"):
        world(activity.records)
    if world.kind == "sync":
        assert not hasattr(activity, "records")
        # A member of the JSON never stands in for a relation of the same name.
        renamed = type(activity)({**activity.to_dict(), "records": ["something else"]})
        with pytest.raises(RuntimeError, match="has no client"):
            _ = renamed.records


def test_r149_closed_clients_and_their_objects_can_be_looked_at(lab: Lab, world: World) -> None:
    """`hasattr`, `getmembers`, `repr` and HTML go through on a closed client and its objects, outside a loop too."""
    objects = things(lab, world)
    nameless = type(objects[7])({**objects[7].to_dict(), "slice_name": None}, lab.api)
    world(lab.api.entity_fields.get_key_fields())
    for closed in (False, True):
        if closed:
            world(lab.api.close() if world.kind == "sync" else lab.api.aclose())
        before = len(lab.operations())
        for thing in (lab.api, lab.api.records, lab.api.raw):
            assert {hasattr(thing, name) for name in dir(thing)} <= {True, False}
            inspect.getmembers(thing)
        for thing in (*objects, nameless):
            assert repr(thing)
            assert thing._repr_html_()
        assert lab.operations()[before:] == []


def test_r149_an_object_without_json_answers_too() -> None:
    """Tools that make objects without their constructor may ask for attributes."""
    empty = Record.__new__(Record)
    assert not hasattr(empty, "__deepcopy_it__")
    assert not hasattr(empty, "_nothing")


def test_r149_looking_at_async_objects_leaves_no_coroutine(world: World, lab: Lab) -> None:
    """Reading every attribute of every object sends nothing in the async world and leaves nothing to be awaited."""
    if world.kind == "sync":
        pytest.skip("sync relations ask when they are read, as documented")
    objects = things(lab, world)
    before = len(lab.operations())
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for thing in objects:
            inspect.getmembers(thing)
        gc.collect()
    assert [str(item.message) for item in caught] == []
    assert lab.operations()[before:] == []


def test_r149_relations_stand_wherever_a_coroutine_does(world: World, lab: Lab) -> None:
    """A relation can be awaited, gathered, made a task, cancelled, closed and awaited again; it shows what it is."""
    if world.kind == "sync":
        pytest.skip("in the sync world a relation is a list")
    activity = things(lab, world)[0]

    async def work() -> None:
        relation = activity.records
        assert repr(relation) == f"<records of {activity!r}, to be awaited>"
        assert isinstance(relation, OnDemand)
        first, again = await relation, await relation
        assert first == again == (await asyncio.gather(activity.records))[0]
        assert await asyncio.create_task(activity.records) == first
        assert await asyncio.wait_for(activity.records, 5) == first
        task = asyncio.create_task(activity.records)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        activity.records.close()
        for use in (iter, len, lambda them: them[0], lambda them: 1 in them):
            with pytest.raises(TypeError, match=r"`await activity\.records`"):
                use(activity.records)
        assert bool(activity.records)  # as any coroutine

    world(work())


def test_r149_a_relation_that_is_refused_raises_typed_errors(lab: Lab, world: World) -> None:
    """What reading a relation raises is an error of this package, whatever a tool asks."""
    activity = things(lab, world)[0]
    lab.fail("listOperationRecords", status=403)
    with pytest.raises(KalbioError):
        world(activity.records)


@pytest.mark.parametrize("call", ["getRecord", "listRecords"])
def test_r149_half_a_letter_is_shown_and_saved(lab: Lab, world: World, tmp_path: Path, call: str) -> None:
    """A name that ends in half an emoji can be printed, shown and saved as an escape, and is read as it came."""
    found = world(lab.api.records.get_record_by_id({"Compound": "SBX-1"}))
    field, *_ = found.record_values

    def cut(raw: Any) -> Any:
        value = {"id": OLD, "content": f"x {HALF}", "record_id": found.id, "created_at": "2026-01-01T00:00:00Z"}
        one = {"id": found.id, "record_identifier": f"Compound {HALF}", "record_values": {field: [value]}}
        return [one] if isinstance(raw, list) else one

    alter(lab, call, cut)
    if call == "getRecord":
        record = world(lab.api.records.get_record_by_id(found.id, use_cache=False))
    else:
        (record,) = world(lab.api.records.get_records_by_ids([found.id], use_cache=False))
    assert record.record_identifier == f"Compound {HALF}"
    value = record.record_values[field][0]
    result: Any = BulkResult([RowOutcome(0, "failed", error=ValueError(f"no {HALF}"))])
    result.save(tmp_path / "outcomes.csv")
    for thing in (record, value, [record], {"a": value}):
        for text in (repr(thing), str(thing)):
            assert "\\ud83d" in text
            text.encode("utf-8")
    for text in (record._repr_html_(), value._repr_html_(), record.to_json(), result._repr_html_()):
        assert "\\ud83d" in text
        (tmp_path / "shown.txt").write_text(text, encoding="utf-8")
    assert json.loads(record.to_json()) == record.to_dict()
    assert pickle.loads(pickle.dumps(record)).to_dict() == record.to_dict()
    (_, row) = csv.reader((tmp_path / "outcomes.csv").read_text(encoding="utf-8").splitlines())
    assert row == ["0", "failed", "", "no \\ud83d"]


@pytest.mark.parametrize(
    "name", ["title", "slice_name", "field_name", "status", "view_name", "label_name", "full_name"]
)
def test_r149_half_a_letter_is_shown_by_every_kind(lab: Lab, world: World, name: str) -> None:
    """Every kind of object shows itself in text that can be encoded, whichever of its members is cut in a letter."""
    for thing in things(lab, world):
        cut = type(thing)({**thing.to_dict(), name: f"half {HALF}", "id": HALF}, lab.api)
        for text in (str(cut), repr(cut), cut._repr_html_(), cut.to_json()):
            text.encode("utf-8")


def test_r149_what_is_shown_has_a_bound() -> None:
    """Tables for notebooks show the first rows, cut, and how many there are; texts do not grow with the data."""
    error = ValueError("<b>" + "x" * 100_000)
    results: list[Any] = [
        BulkResult([RowOutcome(n, "failed", error=error) for n in range(size)]) for size in (60, 9000)
    ]
    small, large = (result._repr_html_() for result in results)
    assert len(large) < len(small) + 20 < 40_000
    assert "... 8980 more" in large
    assert "<b>" not in large
    assert "more" not in BulkResult[Any]([RowOutcome(0, "failed", error=error)])._repr_html_()
    wide = Resource({"id": OLD, **{"n" * 1000 + str(n): "v" * 10_000 for n in range(5000)}})
    assert len(wide._repr_html_()) < 40_000
    event = {"event": "registration_drafts_submitted", "operation_id": "o", "submission_id": "s"}
    assert len(repr(parse_webhook({**event, "record_ids": [OLD] * 10_000}))) < 1000
