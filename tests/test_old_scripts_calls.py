"""Scripts that were written for older clients: calls about None, requests of their own, and reflection."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import typing
import warnings
from pathlib import Path
from typing import Any

import pytest

import kalbio
import kalbio.aio
from kalbio import FieldTypeError, IdentifierError, KalbioAPIError, KalbioError, NotFoundError, OutcomeUnknownError
from tests.conftest import Lab, World

READS: dict[str, Any] = {
    "activity": lambda api, it: api.activities.get_activity_by_id(None),
    "definition": lambda api, it: api.activities.get_definition_by_id(None),
    "record": lambda api, it: api.records.get_record_by_id(None),
    "records": lambda api, it: api.records.get_records_by_ids(None),
    "value": lambda api, it: it.get_value_content(None),
    "data": lambda api, it: it.get_activity_data(None),
    "activities": lambda api, it: api.activities.get_activities_with_record(record_id=None),
    "field": lambda api, it: api.entity_fields.get_data_field_by_id(None),
    "type": lambda api, it: api.entity_types.get_type_by_name(None),
    "template": lambda api, it: api.result_table_templates.get_template_by_id(None),
    "file": lambda api, it: api.files.download_file(None),
    "statuses": lambda api, it: api.registration.get_draft_statuses(None),
}
NOTHING: dict[str, Any] = {"records": [], "data": {}, "activities": [], "statuses": []}

WRITES: list[Any] = [
    lambda api, it: api.records.get_or_create_record(None),
    lambda api, it: it.add_value(None, 1),
    lambda api, it: api.entity_fields.get_or_create_key_field(None),
    lambda api, it: api.entity_fields.get_or_create_data_field(None, "text"),
    lambda api, it: api.result_table_templates.delete_template(None),
    lambda api, it: api.registration.clear_drafts(None, []),
    lambda api, it: api.programs.update_program(None, "x"),
]


@pytest.mark.parametrize("name", READS)
@pytest.mark.parametrize("policy", ["raise", "log"])
def test_about_none_there_is_nothing(lab: Lab, world: World, name: str, policy: str) -> None:
    """A read of what None names finds nothing and asks nobody, under both policies."""
    record = world(lab.api.records.get_or_create_record({"Compound": "SBX-1"}))
    lab.api.on_error = policy
    before = len(lab.operations())
    assert world(READS[name](lab.api, record)) == NOTHING.get(name)
    assert len(lab.operations()) == before


@pytest.mark.parametrize("policy", ["raise", "log"])
def test_an_export_of_nothing_is_refused(
    lab: Lab, world: World, policy: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """An export saves a file, so one of no entity type is an error that names the cure, and sends nothing."""
    lab.api.on_error = policy
    if policy == "raise":
        with pytest.raises(IdentifierError, match="needs an entity type: give its id or its name as entity_slice_id"):
            world(lab.api.exports.pull_data("a.csv", None, tmp_path))
    else:
        assert world(lab.api.exports.pull_data("a.csv", None, tmp_path)) is None
        assert "needs an entity type" in caplog.text
    assert lab.exchanges == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("call", WRITES)
def test_writes_about_none_raise(lab: Lab, world: World, call: Any) -> None:
    """A write to what None names raises, and sends nothing."""
    record = world(lab.api.records.get_or_create_record({"Compound": "SBX-1"}))
    before = len(lab.operations())
    with pytest.raises((ValueError, TypeError)):
        world(call(lab.api, record))
    assert len(lab.operations()) == before


def test_a_closed_client_reads_nothing_about_none(lab: Lab, world: World) -> None:
    """A closed client says that it is closed, also about None."""
    world(lab.api.aclose() if world.kind == "async" else lab.api.close())
    with pytest.raises(kalbio.ClientClosedError):
        world(lab.api.activities.get_definition_by_id(None))


def test_requests_without_an_operation_go_through_the_pipe(lab: Lab, world: World) -> None:
    """A request of one's own is logged in, gives decoded JSON, and its write is seen by the services."""
    known = world(lab.api.programs.get_programs())
    made = world(lab.api.request("POST", "/programs", json={"title": "By hand"}))
    assert made["title"] == "By hand"
    assert [item.id for item in world(lab.api.programs.get_programs())] == [*(item.id for item in known), made["id"]]
    listed = world(lab.api.request("get", "/programs"))
    assert made in listed
    ids = world(lab.api.request("GET", "/records/search", params={"limit": 1, "search_text": None}))
    assert len(ids) == 1
    assert lab.exchanges[-1].target == "/records/search?limit=1"


def test_errors_of_requests_are_typed(lab: Lab, world: World) -> None:
    """What the server refuses is a typed error; the older policy logs it and gives None."""
    with pytest.raises(NotFoundError, match="GET /nowhere failed with status 404"):
        world(lab.api.request("GET", "/nowhere"))
    lab.api.on_error = "log"
    assert world(lab.api.request("GET", "/nowhere")) is None


def test_requests_are_repeated_by_their_method(world: World) -> None:
    """An answer that is lost is asked for again where repeating does no harm; else its fate is unknown."""
    lab = Lab(world, retries=1)
    program = world(lab.api.programs.get_programs())[0]
    for operation, method, path, body in (
        ("listPrograms", "GET", "/programs", None),
        ("updateProgram", "PUT", f"/programs/{program.id}", {"title": "Again"}),
    ):
        lab.fail(operation, lose_answer=True)
        assert world(lab.api.request(method, path, json=body))
    lab.fail("createProgram", lose_answer=True)
    with pytest.raises(OutcomeUnknownError):
        world(lab.api.request("POST", "/programs", json={"title": "Once"}))
    assert [item.title for item in lab.client.programs.get_programs()].count("Once") == 1
    lab.close()


@pytest.mark.parametrize(
    "path", ["programs", "https://example.org/programs", "//example.org", "/programs?x=1", "/a/../b", "/a#b", "/\n", ""]
)  # fmt: skip
def test_what_is_no_path_is_not_sent(lab: Lab, world: World, path: str) -> None:
    """A request goes to the host of the client and nowhere else."""
    before = len(lab.exchanges)
    with pytest.raises(ValueError, match="path must"):
        world(lab.api.request("GET", path))
    with pytest.raises(ValueError, match="method must be one of"):
        world(lab.api.request("TRACE", "/programs"))
    assert len(lab.exchanges) == before


def test_older_requests_work_and_warn_once(lab: Lab, world: World) -> None:
    """The calls of older scripts give the JSON as ever, with one warning at their line each."""
    program = world(lab.api.programs.get_programs())[0]
    calls: list[tuple[Any, Any]] = [
        (lambda: lab.api._get("/programs", {"x": None}), lambda answer: answer[0]["id"] == program.id),
        (lambda: lab.api._get(f"/records/{program.id}"), lambda answer: answer is None),
        (lambda: lab.api._post("/programs", {"title": "P"}), lambda answer: answer["title"] == "P"),
        (lambda: lab.api._put(f"/programs/{program.id}", {"title": "Q"}), lambda answer: answer["title"] == "Q"),
    ]
    for call, is_right in calls:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            answer = world(call())
        assert [(item.category, item.filename) for item in caught] == [(DeprecationWarning, __file__)]
        assert is_right(answer)
    with pytest.warns(DeprecationWarning, match="client.request"), pytest.raises(KalbioAPIError):
        world(lab.api._delete("/programs"))


def test_another_type_of_a_field_is_no_answer_of_the_server(lab: Lab, world: World) -> None:
    """A field that has another type raises an error that says so and names no request, for none was sent."""
    with pytest.raises(FieldTypeError, match=r"^data field 'Comment' exists with the type 'text', not 'num") as caught:
        world(lab.api.entity_fields.get_or_create_data_field("Comment", "number"))
    assert not isinstance(caught.value, KalbioAPIError)
    assert isinstance(caught.value, KalbioError)
    assert (caught.value.found, caught.value.wanted) == ("text", "number")
    assert "getOrCreateDataField" not in lab.operations()


@pytest.mark.parametrize("source", ["source-7", "LIMS / plate reader", "Größe?"])
def test_a_source_is_any_text(lab: Lab, world: World, source: str) -> None:
    """An import names its source by whatever text the platform knows it by."""
    world(lab.api.imports.push_data(["Compound"], [{"Compound": "I-1"}], source_id=source))
    assert source in [item.source_id for item in world(lab.api.imports.get_imports())]


def callables() -> list[tuple[str, Any]]:
    """Every public function, method and property of the package, with its name."""
    found: dict[str, Any] = {}
    for package in (kalbio, kalbio.aio):
        for item in pkgutil.iter_modules(package.__path__):
            name = f"{package.__name__}.{item.name}"
            if item.name.startswith("_") or item.name in ("sandbox", "pytest_plugin", "aio"):
                continue
            module = importlib.import_module(name)
            for label in getattr(module, "__all__", ()):
                member = getattr(module, label)
                if inspect.isfunction(member):
                    found[f"{name}.{label}"] = member
                for attribute in dir(member) if inspect.isclass(member) else ():
                    value = inspect.getattr_static(member, attribute)
                    value = value.fget if isinstance(value, property) else getattr(value, "__func__", value)
                    if inspect.isfunction(value) and (not attribute.startswith("_") or attribute == "__init__"):
                        found[f"{name}.{label}.{attribute}"] = value
    return sorted(found.items())


def test_hints_of_all_that_is_public_resolve() -> None:
    """Tools that read annotations find every name in them, of functions, methods, constructors and properties."""
    broken = []
    for name, function in callables():
        try:
            typing.get_type_hints(function)
        except NameError as error:
            broken.append(f"{name}: {error}")
    assert broken == []
    assert len(callables()) > 400
