"""The older error policy: failures are logged, and every method gives its neutral value."""

from __future__ import annotations

import inspect
import logging
from pathlib import Path
from typing import Any

import httpx
import pytest

from kalbio import AuthenticationError, OutcomeUnknownError, PermissionDeniedError, TransportError
from tests.altered import replace
from tests.conftest import Lab, World
from tests.demo import NOWHERE, Things


@pytest.fixture
def old(world: World) -> Any:
    """A lab whose client follows the older policy."""
    made = Lab(world, retries=0, on_error="log")
    yield made
    made.close()


# What fails, and the neutral value. The record, the activity and the definition are those of the demo seed.
UNKNOWN: dict[str, tuple[Any, Any]] = {
    "add_value": (lambda api, it: it.record.add_value("Coment", 1), None),
    "add_value_in_activity": (lambda api, it: it.record.add_value("Comment", 1, "Kinase sceen"), None),
    "update_field_file": (lambda api, it: it.record.update_field_file("Spectrm", "a", b"", "text/plain"), None),
    "get_value_content": (lambda api, it: it.record.get_value_content("Comment", "Kinase sceen"), None),
    "get_activity_data": (lambda api, it: it.record.get_activity_data("Kinase sceen"), {}),
    "get_record_by_id": (lambda api, it: api.records.get_record_by_id({"Compond": "x"}), None),
    "get_records_by_ids": (lambda api, it: api.records.get_records_by_ids([{"Compond": "x"}]), []),
    "get_or_create_record": (lambda api, it: api.records.get_or_create_record({"Compond": "x"}), None),
    "search_records": (lambda api, it: api.records.search_records(operation_id="Kinase sceen"), []),
    "create_activity": (lambda api, it: api.activities.create_activity("x", "task", activity_definition_id="no"), None),
    "search_activities": (lambda api, it: api.activities.search_activities(label_ids=["no"]), []),
    "activity.update": (lambda api, it: it.activity.update(definition_id="no"), None),
    "add_records": (lambda api, it: it.activity.add_records([{"Compound": "nobody"}]), None),
    "has_record": (lambda api, it: it.activity.has_record({"Compond": "x"}), False),
    "definition.update": (lambda api, it: it.definition.update(add_label_ids=["no"]), None),
    "push_status": (lambda api, it: api.registration.push_status("no", NOWHERE, "validated"), False),
    "submit_results": (lambda api, it: api.registration.submit_results("no", NOWHERE, "success"), False),
    "stage_drafts": (lambda api, it: api.registration.stage_drafts("no", ["a"], [{"a": "b"}]), None),
    "push_data": (lambda api, it: api.imports.push_data(["Compound"], [], operation_id="no"), None),
    "pull_data": (lambda api, it: api.exports.pull_data("never.csv", "Compoud"), None),
    "download_file": (lambda api, it: api.files.download_file("no id"), None),
    "get_types_with_key_fields": (lambda api, it: api.entity_types.get_types_with_key_fields(["no"]), []),
    "update_program": (lambda api, it: api.programs.update_program("no", "x"), None),
}


def same(given: Any, neutral: Any) -> bool:
    """Whether the value is the neutral one, of its very type."""
    return bool(given == neutral and (given is None) == (neutral is None) and isinstance(given, type(neutral)))


@pytest.mark.parametrize("name", UNKNOWN)
def test_what_is_known_to_be_wrong_is_logged_once_and_not_sent(
    old: Lab, world: World, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A name that names nothing gives the neutral value and one log line, and only look-ups go out."""
    call, neutral = UNKNOWN[name]
    things = Things(old, "record", "activity", "definition")
    caplog.clear()
    before = len(old.operations())
    assert same(world(call(old.api, things)), neutral)
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    assert all(item.startswith(("list", "identify", "getActivity")) for item in old.operations()[before:])


FAILING: dict[str, tuple[str, Any, Any]] = {
    "get_activities": ("listActivities", lambda api, it: api.activities.get_activities(use_cache=False), []),
    "get_definitions": ("listActivityDefinitions", lambda api, it: api.activities.get_definitions(use_cache=False), []),
    "get_key_fields": ("listKeyFields", lambda api, it: api.entity_fields.get_key_fields(use_cache=False), []),
    "get_data_fields": ("listDataFields", lambda api, it: api.entity_fields.get_data_fields(use_cache=False), []),
    "get_types": ("listEntitySlices", lambda api, it: api.entity_types.get_types(use_cache=False), []),
    "get_programs": ("listPrograms", lambda api, it: api.programs.get_programs(use_cache=False), []),
    "create_program": ("createProgram", lambda api, it: api.programs.create_program("x"), None),
    "get_record": ("getRecord", lambda api, it: api.records.get_record_by_id(NOWHERE), None),
    "get_records": ("listRecords", lambda api, it: api.records.get_records_by_ids([NOWHERE]), []),
    "get_values": ("listRecordValues", lambda api, it: it.record.get_values(), []),
    "refetch": ("getRecord", lambda api, it: it.record.refetch(), None),
    "add_value": ("addRecordValue", lambda api, it: it.record.add_value("Comment", "x"), None),
    "records": ("listOperationRecords", lambda api, it: it.activity.records, []),
    "get_events": ("listActivityEvents", lambda api, it: it.activity.get_events(), []),
    "get_comments": ("listActivityComments", lambda api, it: it.activity.get_comments(), []),
    "update": ("updateActivity", lambda api, it: it.activity.update(title="x"), None),
    "remove_records": ("removeOperationRecords", lambda api, it: it.activity.remove_records([it.record]), None),
    "update_property": ("updateProperty", lambda api, it: it.activity.properties[0].update_property("x"), None),
    "search_records": ("searchRecords", lambda api, it: api.records.search_records(), []),
    "search_activities": ("searchActivities", lambda api, it: api.activities.search_activities(), []),
    "push_data": ("pushImport", lambda api, it: api.imports.push_data(["Compound"], []), None),
    "get_imports": ("listImports", lambda api, it: api.imports.get_imports(), []),
    "get_import": ("getImport", lambda api, it: api.imports.get_import(NOWHERE), None),
    "clear_drafts": ("clearDrafts", lambda api, it: api.registration.clear_drafts(NOWHERE, [NOWHERE]), False),
    "register_file": ("registerFile", lambda api, it: api.registration.register_file(NOWHERE, NOWHERE), None),
    "get_files": ("listRegistrationFiles", lambda api, it: api.registration.get_registration_files(NOWHERE), []),
}


@pytest.mark.parametrize("name", FAILING)
def test_a_failing_server_is_logged_once(old: Lab, world: World, name: str, caplog: pytest.LogCaptureFixture) -> None:
    """A refusal of the server gives the neutral value and one log line that names the method."""
    operation, call, neutral = FAILING[name]
    things = Things(old, "record", "activity", "definition")
    replace(old, operation, {"code": "E7", "message": "not today"}, status=403)
    caplog.clear()
    assert same(world(call(old.api, things)), neutral)
    (logged,) = caplog.records
    assert logged.levelno == logging.ERROR
    assert "not today" in caplog.text
    members = {key: vars(logged)[key] for key in ("error", "status", "code", "request_id")}
    assert members == {"error": "PermissionDeniedError", "status": 403, "code": "E7", "request_id": None}
    assert logged.getMessage().startswith(f"{vars(logged)['call']}: ")


UNREACHED: dict[str, dict[str, Any]] = {
    "no connection": {"refuse": True},
    "a time-out": {"time_out": True},
    "a lost answer": {"lose_answer": True},
}


@pytest.mark.parametrize("kind", UNREACHED)
def test_loads_and_exports_of_an_unreachable_server_raise(
    old: Lab, world: World, kind: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Under the older policy, too, an import or an export that nobody answers is an error, and not logged as well."""
    old.fail("pushImport", **UNREACHED[kind])
    with pytest.raises((TransportError, OutcomeUnknownError)):
        world(old.api.imports.push_data(["Compound"], [{"Compound": "C"}]))
    old.fail("exportRecordsCsv", **UNREACHED[kind])
    with pytest.raises(TransportError):
        world(old.api.exports.pull_data("a.csv", NOWHERE, tmp_path))
    assert caplog.records == []


def test_an_import_of_unknown_outcome_after_an_answer_is_logged(old: Lab, world: World) -> None:
    """A gateway that gives up has answered: under the older policy that is a refusal like any other."""
    old.fail("pushImport", status=504, after=True)
    assert world(old.api.imports.push_data(["Compound"], [{"Compound": "C"}])) is None


def test_a_failure_is_never_remembered(old: Lab, world: World) -> None:
    """The neutral value of a failed listing is not cached: the next call asks again."""
    replace(old, "listPrograms", {"message": "down"}, status=403)
    assert world(old.api.programs.get_programs()) == []
    old.transport.__dict__.pop("_answer")
    assert len(world(old.api.programs.get_programs())) == 2


def test_an_object_is_unchanged_by_a_failed_refresh(old: Lab, world: World) -> None:
    """When a refresh fails, the object keeps what it knew."""
    things = Things(old, "record", "activity", "definition")
    before = things.activity.to_dict()
    replace(old, "getActivity", {"message": "down"}, status=403)
    world(things.activity.refetch())
    assert things.activity.to_dict() == before


def test_programming_errors_raise_under_either_policy(old: Lab, world: World) -> None:
    """Arguments that can never be right raise even under the older policy."""
    with pytest.raises(TypeError, match="no condition"):
        world(old.api.records.search_records(serch_text="x"))
    with pytest.raises(ValueError, match="title"):
        world(old.api.activities.create_activity("", "task"))


def test_a_refused_login_is_logged(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """The policy covers the login: under the older one it is logged, but for imports and exports, else it raises."""
    lab = Lab(world, retries=0)
    wrong = {"client_secret": "wrong", "transport": lab.transport, "retries": 0}
    with pytest.raises(AuthenticationError):
        world(world.connect(**wrong).programs.get_programs())
    assert world(world.connect(**wrong, on_error="log").programs.get_programs()) == []
    with pytest.raises(AuthenticationError):
        world(world.connect(**wrong, on_error="log").imports.push_data(["Compound"], [{"Compound": "C"}]))
    assert "wrong" not in caplog.text
    lab.close()


def test_every_method_that_sends_follows_the_policy() -> None:
    """Each public coroutine of the services and objects is guarded, so that the policy applies to all alike."""
    import importlib

    unguarded = []
    for name in ("activities", "entity_fields", "entity_types", "exports", "files", "imports", "programs", "records",
                 "registration", "workspace"):  # fmt: skip
        module = importlib.import_module(f"kalbio.aio.{name}")
        for owner in vars(module).values():
            if not inspect.isclass(owner) or owner.__module__ != module.__name__:
                continue
            members = {name: item for base in reversed(owner.__mro__) for name, item in vars(base).items()}
            for attribute, value in members.items():
                function = value.fget if isinstance(value, property) else value
                if attribute.startswith("_") or "API operation" not in (getattr(function, "__doc__", "") or ""):
                    continue
                if not hasattr(function, "__wrapped__"):
                    unguarded.append(f"{owner.__name__}.{attribute}")
    assert unguarded == []


def listed(world: World, iterator: Any) -> list[Any]:
    """Return what an iterator of either world yields."""
    if world.kind == "sync":
        return list(iterator)

    async def collect() -> list[Any]:
        return [item async for item in iterator]

    return list(world(collect()))


ITERATORS: dict[str, tuple[str, Any]] = {
    "iter_imports": ("listImports", lambda api: api.imports.iter_imports(page_size=1)),
    "iter_events": ("listWorkspaceEvents", lambda api: api.workspace.iter_events(page_size=1)),
    "iter_file": ("downloadFile", lambda api: api.files.iter_file(NOWHERE)),
}


@pytest.mark.parametrize("name", ITERATORS)
def test_an_iterator_ends_where_it_fails(old: Lab, world: World, name: str, caplog: pytest.LogCaptureFixture) -> None:
    """Under the older policy an iterator logs the failure once and ends; else it raises."""
    operation, iterate = ITERATORS[name]
    replace(old, operation, {"message": "not today"}, status=403)
    assert listed(world, iterate(old.api)) == []
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    assert f".{name}: " in caplog.text
    with pytest.raises(PermissionDeniedError):
        listed(world, iterate(world.connect(transport=old.transport, retries=0)))


def test_an_iterator_that_fails_half_way_keeps_what_it_had(
    old: Lab, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """What came before the failure was yielded, and no further page is asked for."""
    for number in range(3):
        old.client.imports.push_data(["Compound"], [{"Compound": f"I-{number}"}])
    answers = iter([(200, [{"id": NOWHERE}]), (403, {"message": "not today"})])
    asked = len(old.operations())
    original = old.transport._answer

    def answer(request: httpx.Request, body: bytes) -> httpx.Response:
        response = original(request, body)
        if request.extensions.get("operation") != "listImports":
            return response
        status, content = next(answers)
        return httpx.Response(status, json=content, request=request)

    old.transport._answer = answer  # type: ignore[method-assign]
    assert [item.id for item in listed(world, old.api.imports.iter_imports(page_size=1))] == [NOWHERE]
    assert old.operations()[asked:] == ["listImports"] * 2
    assert "not today" in caplog.text


def test_a_failure_inside_a_call_is_logged_by_that_call(
    old: Lab, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """Methods are made of one another; the one that was called says that it failed, once, and none in it hides it."""
    replace(old, "getImport", {"message": "not today"}, status=403)
    assert world(old.api.imports.wait(NOWHERE, timeout=5)) is None
    assert [record.getMessage().split(":")[0] for record in caplog.records] == ["ImportsService.wait"]
    replace(old, "addRecordValue", {"message": "not today"}, status=403)
    caplog.clear()
    assert world(Things(old, "record", "activity", "definition").record.update_field("Comment", "x", None)) is None
    assert [record.getMessage().split(":")[0] for record in caplog.records] == ["Record.update_field"]


def test_calls_of_the_callers_own_code_follow_the_policy(old: Lab, world: World) -> None:
    """What a generator of rows calls while a load takes them is no part of that load: its failures give nothing."""
    if world.kind == "async":

        async def scene() -> Any:
            async def rows() -> Any:
                assert await old.api.records.get_record_by_id({"Compond": "x"}) is None
                yield {"Compound": "SBX-1"}

            return [item.status async for item in old.api.records.iter_get_or_create_records(rows())]

        assert world(scene()) == ["done"]
        return

    def rows() -> Any:
        assert old.api.records.get_record_by_id({"Compond": "x"}) is None
        yield {"Compound": "SBX-1"}

    assert [item.status for item in old.api.records.iter_get_or_create_records(rows())] == ["done"]
    assert old.api.records.get_or_create_records(rows()).ok


def test_an_item_is_handed_out_outside_the_call(old: Lab, world: World, caplog: pytest.LogCaptureFixture) -> None:
    """What the caller calls between two items of an iterator gives the neutral value, and is logged."""
    for number in range(2):
        world(old.api.imports.push_data(["Compound"], [{"Compound": f"CPD-{number}"}]))
    if world.kind == "sync":
        for _ in old.api.imports.iter_imports(page_size=1):
            assert old.api.programs.update_program("no", "x") is None
    else:

        async def scene() -> None:
            async for _ in old.api.imports.iter_imports(page_size=1):
                assert await old.api.programs.update_program("no", "x") is None

        world(scene())
    assert {record.getMessage().split(":")[0] for record in caplog.records} == {"ProgramsService.update_program"}
