"""R105–R119: the interface and the package, at the wire and under a type checker."""

from __future__ import annotations

import ast
import asyncio
import inspect
import io
import json
import re
import sys
import tomllib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any

import httpx
import jsonschema_rs
import kaleidoscope_api
import pytest

import kalbio
from kalbio import KalbioAPIError, KalbioError, NotFoundError, ServerError
from kalbio.record_views import FilterRuleType
from kalbio.records import FilterRuleTypeEnum, SearchRecordsQuery
from kalbio.sandbox import Request
from kalbio.testing import InProcess
from kalbio.webhooks import RegistrationSubmitted, parse_webhook, verify_hmac
from tests import every_operation as every
from tests.altered import alter, body_of, query_of, replace
from tests.conftest import Lab, World
from tests.demo import NOWHERE, Things
from tests.scenarios import SCENARIOS
from tests.typing.checkers import Findings, marked

ROOT = Path(__file__).parents[2]
SPEC = json.loads((files("kaleidoscope_api") / "openapi.json").read_text("utf-8"))


# -- R105 ------------------------------------------------------------------------------------------------------------

# Arguments by name, for calls of every method with something that makes sense.
ARGUMENTS: dict[str, Any] = {
    "record_id": NOWHERE, "record_ids": [NOWHERE], "identifier": {"Compound": "SBX-9"}, "ids": [NOWHERE],
    "key_values": {"Compound": "SBX-9"}, "field_id": "Comment", "content": "x", "value": "x", "file_name": "a.csv",
    "activity_id": NOWHERE, "operation_id": NOWHERE, "file_id": NOWHERE, "submission_id": NOWHERE,
    "title": "x", "activity_type": "task", "definition_id": NOWHERE, "external_id": "x", "program_id": NOWHERE,
    "field_name": "x", "field_type": "text", "name": "x", "key_field_ids": [NOWHERE], "filename": "never.csv",
    "entity_slice_id": NOWHERE, "key_field_names": ["Compound"], "data": [{"Compound": "x"}], "import_id": NOWHERE,
    "status": "success", "view_id": NOWHERE, "template_id": NOWHERE, "template_view_id": NOWHERE, "view_name": "x",
    "source_view_id": NOWHERE, "operation_definition_id": NOWHERE, "operation_definition_ids": [NOWHERE],
    "content_layout_id": NOWHERE, "body": {"new_key_field_name": "x", "records_to_transfer": None},
    "category_name": "x", "label_ids": [], "field_ids": [], "category_id": NOWHERE, "set_id": NOWHERE,
    "property_value": "x", "field": "Comment", "key": "Compound",
}  # fmt: skip
# Some names mean something else in one method, and some methods send nothing unless more is given.
SPECIAL: dict[str, dict[str, Any]] = {
    "update_field_file": {"file_data": b"a"},
    "create_record_value_file": {"file_data": b"a"},
    "update_property_file": {"file_data": b"a"},
    "write_file": {"file": io.BytesIO()},
    "get_or_create_records": {"rows": [{"Compound": "SBX-9"}]},
    "add_values": {"rows": [{"record": NOWHERE, "field": "Comment", "content": "x"}]},
    "push_status": {"status": "validated"},
    "push_submission_status": {"status": "validated"},
    "push_data_by_field_id": {"data": [{NOWHERE: "x"}]},
    "Activity.update": {"title": "x"},
    "ActivityDefinition.update": {"title": "x"},
    "KeyField.update": {"field_name": "x"},
    "DataField.update": {"field_name": "x"},
    "update_template": {"view_name": "x"},
    "set_registration_settings": {"record_view_id": None},
    "set_queuing_behavior": {"queue_content_layout_ids": []},
    "queue_to_views": {"views": []},
    "get_activity_by_type": {"activity_type": "task"},
    "RegistrationService.wait": {"file_id": NOWHERE},
    "replace_key_fields": {"body": {"add_key_field_names": ["x"]}},
    "add_category": {"operation_definition_ids": []},
    "get_value_content": {"activity_id": "by its title"},
    "get_activity_data": {"activity_id": "by its title"},
    "get_data_field_by_id": {"identifier": "x"},
    "get_key_field_by_id": {"identifier": "x"},
}
# No request to fail: local, or answered from what the object holds.
LOCAL = {
    "content_layout_ids_for_view", "records_on_view", "configure_registration", "clear_caches", "clear_record_caches",
}  # fmt: skip


def methods_of(things: Things) -> Iterator[tuple[str, Any, str]]:
    """Yield every public method and asking property of the services and of the objects, with its owner."""
    api = things.api
    services = [
        api.activities, api.dashboards, api.entity_fields, api.entity_types, api.exports, api.files, api.imports,
        api.labels, api.programs, api.property_fields, api.record_views, api.records, api.registration,
        api.result_table_templates, api.workspace,
    ]  # fmt: skip
    objects = [things.record, things.activity, things.definition, things.key, things.field, things.kind, things.view,
               things.dashboard, things.definition.properties[0]]  # fmt: skip
    for owner in [*services, *objects]:
        for name in dir(type(owner)):
            function = inspect.getattr_static(type(owner), name)
            target = function.fget if isinstance(function, property) else function
            asks = "API operation" in (target.__doc__ or "") or hasattr(target, "__wrapped__")
            if (
                name.startswith("_")
                or name in LOCAL
                or isinstance(function, classmethod)
                or not asks
                or inspect.isclass(function)
            ):
                continue
            if inspect.isasyncgenfunction(target) or inspect.isgeneratorfunction(target) or name.startswith("iter_"):
                continue  # an iterator has no neutral value
            yield f"{type(owner).__name__}.{name}", owner, name


def call(world: World, label: str, owner: Any, name: str) -> Any:
    """Call a method with arguments that make sense, or read a property."""
    if isinstance(inspect.getattr_static(type(owner), name), property):
        return world(getattr(owner, name))
    method = getattr(owner, name)
    arguments = {
        parameter.name: ARGUMENTS[parameter.name]
        for parameter in inspect.signature(method).parameters.values()
        if parameter.default is parameter.empty and parameter.kind not in (parameter.VAR_KEYWORD,)
        and parameter.name in ARGUMENTS
    }  # fmt: skip
    return world(method(**{**arguments, **SPECIAL.get(name, {}), **SPECIAL.get(label, {})}))


def test_r105_the_error_policy_holds_for_every_method(world: World, tmp_path: Path) -> None:
    """When the server refuses everything, every method raises under the one policy and none under the other."""
    neutral: dict[str, Any] = {}
    silent, loud, unasked = [], [], set()
    for policy in ("raise", "log"):
        lab = Lab(world, retries=0, on_error=policy)
        things = Things(lab)
        parts = {"add_label_ids": ["urgent"], "add_assigned_group_ids": ["Chemistry"]}
        world(things.activity.update(**parts, add_assigned_user_ids=[world(lab.api.workspace.get_members())[0]]))
        found = list(methods_of(things))
        assert len(found) > 90
        lab.api.clear_caches()
        lab.fail(None, status=403, times=10_000)
        for label, owner, name in found:
            lab.api.clear_caches()
            before = len(lab.operations())
            try:
                value = call(world, label, owner, name)
                if policy == "raise":
                    silent.append(label)
                else:
                    neutral[label] = value
            except KalbioError as error:
                if policy == "log" or not isinstance(error, kalbio.PermissionDeniedError):
                    loud.append(f"{label}: {error}")
            if len(lab.operations()) == before:
                unasked.add(label)
        lab.close()
    assert unasked == set()
    assert (silent, loud) == ([], [])
    assert {label: value for label, value in neutral.items() if value} == {}


# -- R106, R109: what a type checker sees ----------------------------------------------------------------------------


def test_r106_types_are_shipped_and_signatures_visible(checked: Callable[[str], Findings]) -> None:
    """A user's strict checker takes right code (partial queries, `use_cache`) and reports each mistake."""
    assert checked("mypy")["usage_right.py"] == {}
    assert checked("mypy")["usage_wrong.py"].keys() == marked("usage_wrong.py")
    assert len(marked("usage_wrong.py")) > 10


def test_r106_the_marker_is_part_of_the_packages() -> None:
    """Both packages carry the marker of typed packages, queries are partial, and signatures survive decoration."""
    for package in (kalbio, kaleidoscope_api):
        assert (files(package) / "py.typed").is_file()
    assert SearchRecordsQuery.__required_keys__ == frozenset()
    with InProcess() as lab:
        for client in (lab.client, lab.async_client):
            shown = inspect.signature(client.programs.get_programs)
            assert str(shown.parameters["use_cache"]) == "use_cache: 'bool' = True"


def test_r109_places_of_parameters_are_kept(lab: Lab, world: World, checked: Callable[[str], Findings]) -> None:
    """Arguments given by place arrive where they always did; older orders are understood, with a warning."""
    assert checked("mypy")["usage_right.py"] == {}  # the calls by place are among them
    api, things = lab.api, Things(lab)
    member = world(api.workspace.get_members())[0].id
    begin = datetime(2030, 1, 2, tzinfo=UTC)
    world(api.activities.create_activity(
        "t", "experiment", [things.program.id], things.definition.id, [member], [member], begin, 3
    ))  # fmt: skip
    sent = body_of(lab, "createActivity")
    assert (sent["program_ids"], sent["definition_id"]) == ([things.program.id], things.definition.id)
    assert (sent["assigned_user_ids"], sent["subscriber_ids"], sent["duration"]) == ([member], [member], 3)
    assert sent["start_date"].startswith("2030-01-02")
    with pytest.warns(DeprecationWarning, match="by name"):
        world(api.activities.create_activity("t", "task", None, None, None, begin, 5))
    sent = body_of(lab, "createActivity")
    assert (sent["start_date"][:10], sent["duration"], sent["subscriber_ids"]) == ("2030-01-02", 5, [])

    rows = [{"Compound": "SBX-1"}]
    table = world(things.activity.record_views)[0].id
    world(api.imports.push_data(
        ["Compound"], rows, None, things.activity.id, things.program.id, table, [things.view.id], "a set"
    ))  # fmt: skip
    sent = body_of(lab, "pushImport")
    assert (sent["operation_id"], sent["program_id"]) == (things.activity.id, things.program.id)
    assert (sent["record_view_id"], sent["set_name"]) == (table, "a set")
    assert sent["add_fields_to_record_view_ids"] == [things.view.id]
    with pytest.warns(DeprecationWarning, match="record_view_ids"):
        world(api.imports.push_data(["Compound"], rows, None, None, None, [things.view.id]))
    assert set(body_of(lab, "pushImport")) == {"key_field_names", "data"}


def test_r109_what_is_optional_is_by_keyword_beyond_the_first_few(lab: Lab, world: World) -> None:
    """No method takes more than four optional arguments by place, but for those whose places users know already."""
    known = {"create_activity", "push_data", "push_data_by_field_id", "pull_data"}
    many = {}
    for label, owner, name in methods_of(Things(lab)):
        if isinstance(inspect.getattr_static(type(owner), name), property) or name in known:
            continue
        optional = [
            parameter.name
            for parameter in inspect.signature(getattr(owner, name)).parameters.values()
            if parameter.kind is parameter.POSITIONAL_OR_KEYWORD and parameter.default is not parameter.empty
        ]
        if len(optional) > 4:
            many[label] = optional
    assert many == {}


# -- R107, R108, R110–R113 -------------------------------------------------------------------------------------------


def test_r107_text_does_where_a_member_does(lab: Lab, world: World) -> None:
    """Each call sends the same whether it is given a member of an enumeration or its text."""
    from kalbio.activities import ActivityStatusEnum, CompletedBehaviorEnum
    from kalbio.entity_fields import DataFieldTypeEnum, FormatEnforcementEnum, ValueAggregationTypeEnum
    from kalbio.registration import RegistrationFileStatusEnum, RegistrationResultStatusEnum

    things = Things(lab)
    api, activity, definition, key, field = things.api, things.activity, things.definition, things.key, things.field
    filters: Callable[[Any], list[dict[str, Any]]] = lambda rule: [  # noqa: E731
        {"field_id": field.id, "filter_type": rule, "filter_prop": "x"}
    ]
    calls: dict[str, tuple[Any, Callable[[Any], Any]]] = {
        "searchActivities": (ActivityStatusEnum.TODO, lambda it: api.activities.search_activities(statuses=[it])),
        "searchActivities ": (
            CompletedBehaviorEnum.HIDE_ALL, lambda it: api.activities.search_activities(completed_behavior=it)
        ),
        "searchRecords": (
            FilterRuleTypeEnum.IS_EQUAL, lambda it: api.records.search_records(entity_field_filters=filters(it))
        ),
        "updateActivity": (ActivityStatusEnum.IN_PROGRESS, lambda it: activity.update(status=it)),
        "updateActivityDefinition": (ActivityStatusEnum.REQUESTED, lambda it: definition.update(status=it)),
        "updateKeyField": (FormatEnforcementEnum.SUGGEST, lambda it: key.update(format_enforcement=it)),
        "updateDataField": (ValueAggregationTypeEnum.LATEST, lambda it: field.update(display_aggregation_type=it)),
        "getOrCreateDataField": (
            DataFieldTypeEnum.NUMBER, lambda it: api.entity_fields.get_or_create_data_field("logP", it)
        ),
        "updateRegistrationFileStatus": (
            RegistrationFileStatusEnum.VALIDATED, lambda it: api.registration.push_status(activity.id, NOWHERE, it)
        ),
        "submitRegistrationResults": (
            RegistrationResultStatusEnum.SUCCESS, lambda it: api.registration.submit_results(activity.id, NOWHERE, it)
        ),
    }  # fmt: skip
    for label, (member, make) in calls.items():
        operation = label.strip()
        sent = []
        for given in (member, member.value):
            lab.fail(operation, status=409)  # what was sent is enough
            with pytest.raises(KalbioError):
                world(make(given))
            exchange = next(item for item in reversed(lab.exchanges) if item.operation == operation)
            sent.append((exchange.target, exchange.body))
        assert sent[0] == sent[1], label
        assert json.dumps(member.value) in sent[0][1].decode() + httpx.URL(f"http://x{sent[0][0]}").params.get(
            "statuses", httpx.URL(f"http://x{sent[0][0]}").params.get("entity_field_filters", json.dumps(member.value))
        )


@pytest.mark.filterwarnings("ignore:.*None clears here")
def test_r108_updates_have_one_convention(lab: Lab, world: World) -> None:
    """Nothing given sends nothing, None clears, and what is not given is not sent – for everything that has updates."""
    things = Things(lab)
    templates = things.api.result_table_templates
    updates: dict[str, tuple[Callable[..., Any], str]] = {
        "updateActivity": (things.activity.update, "due_date"),
        "updateActivityDefinition": (things.definition.update, "duration"),
        "updateActivityDefinition ": (things.definition.set_registration_settings, "status_field_id"),
        "updateKeyField": (things.key.update, "regex_format"),
        "updateDataField": (things.field.update, "display_aggregation_type"),
        "updateRecordViewTemplate": (
            lambda **changes: templates.update_template(things.template, **changes), "template_name"
        ),
    }  # fmt: skip
    for label, (update, nullable) in updates.items():
        operation = label.strip()
        before = len(lab.operations())
        for nothing in ({}, {nullable: kalbio.UNSET}):
            world(update(**nothing))
        assert lab.operations()[before:] == [], operation

        lab.fail(operation, status=409)
        with pytest.raises(KalbioError):
            world(update(**{nullable: None}))
        sent = body_of(lab, operation)
        assert list(sent.values()) == [None], operation
        assert next(iter(sent)).endswith(nullable)


@pytest.mark.parametrize("policy", ["raise", "log"])
def test_r110_success_booleans_say_what_they_are(world: World, policy: str) -> None:
    """True, or an error; False only under the older policy – and so it is documented."""
    lab = Lab(world, retries=0, on_error=policy)
    service = lab.api.registration
    run = world(lab.api.activities.create_activity("B", "experiment", activity_definition_id="Batch registration"))
    world(service.stage_drafts(run.id, ["Compound"], [{"Compound": "C-1"}, {"Compound": "C-2"}]))
    world(run.refetch())
    drafts = run.data_table_draft_record_ids
    submission = world(service.submit_drafts(run.id, drafts[:1]))

    assert world(service.push_submission_status(run.id, submission.id, "validated")) is True
    assert world(service.submit_submission_results(run.id, submission.id, "success")) is True
    assert world(service.clear_drafts(run.id, drafts[1:])) is True
    refused: dict[str, tuple[Any, ...]] = {
        "push_status": (NOWHERE, "validated"),
        "submit_results": (NOWHERE, "success"),
        "push_submission_status": (NOWHERE, "validated"),
        "submit_submission_results": (NOWHERE, "success"),
        "clear_drafts": ([NOWHERE],),
    }
    for name, arguments in refused.items():
        method = getattr(service, name)
        if policy == "log":
            assert world(method(run.id, *arguments)) is False
        else:
            with pytest.raises(KalbioAPIError):
                world(method(run.id, *arguments))
        told = " ".join((inspect.getdoc(method) or "").split())
        assert 'True; every failure raises. (False only with `on_error="log"`.)' in told
    lab.close()


def test_r111_there_is_one_filter_enumeration(lab: Lab, world: World) -> None:
    """Both names mean one enumeration with all rules of both worlds; search refuses, unsent, what only views take."""
    schemas = SPEC["components"]["schemas"]
    search, view = (set(schemas[name]["enum"]) for name in ("SearchFilterRuleType", "FilterRuleType"))
    members = {member.value for member in FilterRuleTypeEnum}
    assert FilterRuleType is FilterRuleTypeEnum
    assert members == search | view

    for rule in sorted(members):
        condition = {"field_id": "Comment", "filter_type": rule, "filter_prop": None}
        lab.fail("searchRecords", status=409)
        before = lab.operations().count("searchRecords")
        with pytest.raises((KalbioError, ValueError)):
            world(lab.api.records.search_records(entity_field_filters=[condition]))
        assert lab.operations().count("searchRecords") - before == (rule in search)
        lab.transport.faults.clear()


def test_r112_names_are_what_a_reader_expects(lab: Lab, world: World) -> None:
    """The names that guides and readers use are there and work, the historic spelling beside the right one."""
    from kalbio.entity_fields import DataFieldTypeEnum

    assert DataFieldTypeEnum.PEPTIDE is DataFieldTypeEnum.PEPTID  # type: ignore[comparison-overlap]
    for name, kind in (("Chain A", DataFieldTypeEnum.PEPTIDE), ("Chain B", DataFieldTypeEnum["PEPTID"])):
        made = world(lab.api.entity_fields.get_or_create_data_field(name, kind))
        assert (made.field_type, body_of(lab, "getOrCreateDataField")["field_type"]) == ("peptide", "peptide")

    assert {label.label_name for label in world(lab.api.labels.get_labels())} >= {"urgent"}
    assert callable(lab.api.exports.pull_data)
    run = world(lab.api.activities.create_activity("Run", "experiment"))
    assert body_of(lab, "createActivity")["activity_type"] == "experiment"
    world(run.update(status="in progress"))
    assert body_of(lab, "updateActivity") == {"status": "in progress"}
    assert (run.status, run.status.value, isinstance(run.status, str)) == ("in progress", "in progress", True)
    assert "Run" in [item.title for item in world(lab.api.activities.get_activity_by_type("experiment"))]


def test_r113_no_key_fields_have_no_types(lab: Lab, world: World) -> None:
    """Asking for the types of no key fields gives none, and asks nobody."""
    assert world(lab.api.entity_types.get_types_with_key_fields([])) == []
    assert lab.exchanges == []
    assert len(world(lab.api.entity_types.get_types_with_key_fields(["Compound"]))) == 2


# -- R114: the package -----------------------------------------------------------------------------------------------


def test_r114_the_declared_python_range_is_the_tested_one() -> None:
    """The declared minimum is the lowest declared version, all code is of its grammar, and this run is in the range."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    project = settings["project"]
    declared = [
        (3, int(found[1]))
        for found in (re.fullmatch(r"Programming Language :: Python :: 3\.(\d+)", it) for it in project["classifiers"])
        if found
    ]
    lowest = (3, int(project["requires-python"].removeprefix(">=3.")))

    assert declared == sorted(set(declared))
    assert declared[0] == lowest
    assert sys.version_info[:2] in declared
    assert settings["tool"]["ruff"]["target-version"] == "py{}{}".format(*lowest)
    assert version("kalbio") == kalbio.__version__
    sources = [*(ROOT / "kalbio").rglob("*.py"), *(ROOT / "generated").rglob("*.py")]
    assert len(sources) > 100
    for path in sources:
        ast.parse(path.read_text("utf-8"), str(path), feature_version=lowest)


# -- R115 ------------------------------------------------------------------------------------------------------------


def test_r115_an_async_client_and_contexts() -> None:
    """Both clients are contexts: they work inside, and are closed afterwards."""
    with InProcess() as lab:
        with lab.client as client:
            titles = [program.title for program in client.programs.get_programs()]

        async def use() -> list[str | None]:
            async with lab.async_client as other:
                first, second = await asyncio.gather(other.programs.get_programs(), other.labels.get_labels())
            assert second
            with pytest.raises(RuntimeError, match="closed"):
                await other.programs.get_programs(use_cache=False)
            return [program.title for program in first]

        assert asyncio.run(use()) == titles
        with pytest.raises(RuntimeError, match="closed"):
            client.programs.get_programs(use_cache=False)


def test_r115_pages_are_put_together(lab: Lab, world: World) -> None:
    """The iterator yields every import once, page by page, whatever the page size."""
    ids = [world(lab.api.imports.push_data(["Compound"], [{"Compound": f"P-{number}"}])) for number in range(7)]

    async def collect() -> list[Any]:
        return [item async for item in lab.api.imports.iter_imports(page_size=3)]

    found = list(lab.api.imports.iter_imports(page_size=3)) if world.kind == "sync" else world(collect())

    assert sorted(item.id for item in found) == sorted(ids)
    assert lab.operations().count("listImports") >= 3
    assert query_of(lab, "listImports")["page_size"] == "3"


def test_r115_imports_are_waited_for(lab: Lab, world: World) -> None:
    """The wait ends with the import: it asks until the server says so."""
    import_id = world(lab.api.imports.push_data(["Compound"], [{"Compound": "W-1"}]))
    answers = iter([{"is_complete": False, "import_status": "processing"}] * 2)
    alter(lab, "getImport", lambda body: {**body, **next(answers, {})})

    ended = world(lab.api.imports.wait(import_id, interval=0.001))

    assert (ended.is_complete, ended.import_status) == (True, "completed")
    assert lab.operations().count("getImport") == 3


def test_r115_webhooks_are_read_and_verified(lab: Lab, world: World) -> None:
    """What the registrar is told becomes an object whose ids work with the client; signatures can be checked."""
    import hashlib
    import hmac

    body = json.dumps({"event": "registration_submitted", "operation_id": "o", "file_id": NOWHERE}).encode()
    signature = "sha256=" + hmac.new(b"key", body, hashlib.sha256).hexdigest()
    assert verify_hmac(body, signature, "key")
    assert not verify_hmac(body + b" ", signature, "key")
    event = parse_webhook(body)
    assert isinstance(event, RegistrationSubmitted)
    assert world(lab.api.files.read_file(event.file_id)) is None  # no such file, but a call that can be made
    assert lab.operations() == ["downloadFile"]


def test_r115_there_is_a_test_double() -> None:
    """Users' tests get a platform without a network, can break it, and see what was asked."""
    with InProcess(retries=0) as lab:
        lab.fail("listPrograms", status=500)
        with pytest.raises(ServerError):
            lab.client.programs.get_programs()
        assert len(lab.client.programs.get_programs()) == 2
        assert lab.operations() == ["listPrograms", "listPrograms"]


# -- R116: the wire against the description --------------------------------------------------------------------------

REGISTRY = jsonschema_rs.Registry([("urn:description", SPEC)])


def operations_of_the_description() -> Iterator[tuple[str, str, re.Pattern[str], dict[str, Any]]]:
    """Yield method, operationId, a pattern of the path, and the operation."""
    for path, item in SPEC["paths"].items():
        pattern = re.compile("".join(
            part if not part.startswith("{") else "[^/?]+" for part in re.split(r"(\{\w+\})", path)
        ).rstrip("/") + "/?")  # fmt: skip
        for method in ("get", "put", "post", "delete"):
            if method in item:
                yield method.upper(), item[method]["operationId"], pattern, item[method]


DESCRIBED = {name: (method, pattern, spec) for method, name, pattern, spec in operations_of_the_description()}


def body_schema(spec: dict[str, Any]) -> dict[str, Any]:
    """Return the content types of a body and their schemas."""
    body = spec.get("requestBody", {})
    while "$ref" in body:
        body = SPEC["components"]["requestBodies"][body["$ref"].rpartition("/")[2]]
    content: dict[str, Any] = body.get("content", {})
    return content


def absolute(node: Any) -> Any:
    """Return a schema whose references lead into the description from anywhere."""
    if isinstance(node, dict):
        return {
            key: f"urn:description{value}" if key == "$ref" and value.startswith("#") else absolute(value)
            for key, value in node.items()
        }
    return [absolute(item) for item in node] if isinstance(node, list) else node


def test_r116_everything_that_is_sent_fits_the_description(lab: Lab, world: World, tmp_path: Path) -> None:
    """Method, path, headers and body of every request in the usual scenarios are what the description says."""
    parts = (
        every.activities, every.records, every.imports, every.registration, every.dashboards_and_workspace,
        every.views_and_templates,
    )  # fmt: skip
    for part in parts:
        part(world, lab.api, tmp_path)
    for scenario in SCENARIOS:
        fresh = Lab(world, retries=0)
        scenario(world, fresh.api, tmp_path)
        lab.exchanges.extend(fresh.exchanges)
        fresh.close()

    checked_bodies = set()
    for item in lab.exchanges:
        assert item.operation is not None
        method, pattern, spec = DESCRIBED[item.operation]
        path, _, _ = item.target.partition("?")
        assert (item.method, bool(pattern.fullmatch(path))) == (method, True), item.target
        assert item.status is not None
        assert item.status < 500
        content = body_schema(spec)
        kind = item.headers.get("content-type", "").partition(";")[0]
        if item.method == "GET":
            assert (kind, item.body) == ("", b"")
            continue
        assert kind in content, item.operation
        assert item.headers["accept"]
        if kind == "application/json":
            validator = jsonschema_rs.Draft202012Validator(absolute(content[kind]["schema"]), registry=REGISTRY)
            errors = [str(error) for error in validator.iter_errors(json.loads(item.body))]
            assert errors == [] or (item.status == 400 and item.operation == "addRecordValue"), item.operation
            checked_bodies.add(item.operation)
    written = {name for name, (_, _, spec) in DESCRIBED.items() if "application/json" in body_schema(spec)}
    assert written - checked_bodies == set()


def test_r116_the_sandbox_refuses_what_the_description_does_not_allow(lab: Lab, world: World) -> None:
    """A missing member, a wrong type, a wrong content type and a body that is cut short are all refused at the wire."""
    world(lab.api.programs.get_programs())
    token = {"X-Kal-Authorization": f"Bearer {lab.sandbox.issue_token()}"}
    path = next(path for path, item in SPEC["paths"].items() if item.get("post", {}).get("operationId")
                == "createProgram")  # fmt: skip

    def post(body: bytes, kind: str) -> int:
        headers = ({**token, "Content-Type": kind}).items()
        return lab.sandbox.handle(Request("POST", path, tuple(headers), body)).status

    assert post(b'{"title": "Good"}', "application/json") in (200, 201)
    assert post(b"{}", "application/json") == 400
    assert post(b'{"title": 7}', "application/json") == 400
    assert post(b'{"title": "cut', "application/json") == 400
    assert post(b"title=Good", "application/x-www-form-urlencoded") in (400, 415)


# -- R117–R119 -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("answer", [None, {}, [], "done", b"", b"no json at all", {"record_ids": None}])
def test_r117_dashboard_changes_need_no_answer(lab: Lab, world: World, answer: Any) -> None:
    """Whatever the server says after a change, the object shows it at once and the next listing too."""
    dashboard = world(lab.api.dashboards.get_dashboards())[0]
    record, gone, held = NOWHERE, dashboard.record_ids[0], dashboard.record_set_ids[0]
    made = world(lab.api.records.get_or_create_record({"Compound": "SBX-5"})).id
    for operation in ("addDashboardRecord", "removeDashboardRecord", "addDashboardSet", "removeDashboardSet"):
        replace(lab, operation, answer)

    world(dashboard.add_record(made))
    world(dashboard.remove_record(gone))
    world(dashboard.remove_set(held))
    assert (made in dashboard.record_ids, gone in dashboard.record_ids, dashboard.record_set_ids) == (True, False, [])
    world(dashboard.add_set(held))
    assert dashboard.record_set_ids == [held]
    fresh = world(lab.api.dashboards.get_dashboards())[0]
    assert sorted(fresh.record_ids) == sorted(dashboard.record_ids)
    assert fresh.record_set_ids == [held]
    assert record not in fresh.record_ids


@pytest.mark.parametrize("policy", ["raise", "log"])
def test_r118_what_has_gone_is_reported(world: World, policy: str, caplog: pytest.LogCaptureFixture) -> None:
    """Refreshing a record or an activity that is no more raises "not found"; the older policy logs it."""
    lab = Lab(world, retries=0, on_error=policy)
    things = Things(lab)
    replace(lab, "getRecord", {"message": "no such record"}, status=404)
    replace(lab, "getActivity", {"message": "no such activity"}, status=404)
    alter(lab, "listActivities", lambda items: [item for item in items if item["id"] != things.activity.id])
    for gone in (things.record, things.activity):
        known = gone.to_dict()
        caplog.clear()
        if policy == "raise":
            with pytest.raises(NotFoundError):
                world(gone.refetch())
        else:
            world(gone.refetch())
            assert "404" in caplog.text
            assert [entry.levelname for entry in caplog.records] == ["ERROR"]
        assert gone.to_dict() == known
    lab.close()


def test_r119_key_values_name_a_record_everywhere(lab: Lab, world: World, tmp_path: Path) -> None:
    """Every method that takes a record takes its key values, and means the same as with its id."""
    things = Things(lab)
    api, activity, dashboard, view = things.api, things.activity, things.dashboard, things.view
    wanted, key = things.record, {"Compound": "SBX-1"}
    by_object = {things.key: "SBX-1"}

    for given in (key, by_object, {things.key.id: "SBX-1"}):
        assert world(api.records.get_record_by_id(given)) == wanted
        assert world(api.records.get_records_by_ids([given, wanted.id])) == [wanted, wanted]
        assert world(api.records.get_or_create_record(given)) == wanted
        found = world(api.activities.get_activities_with_record(given))
        assert [item.id for item in found] == [activity.id]
        assert world(activity.has_record(given)) is True
        assert world(activity.get_record(given)) == wanted
        world(api.activities.search_activities(record_ids=[given]))
        assert json.loads(query_of(lab, "searchActivities")["record_ids"]) == [wanted.id]
        assert world(wanted.get_value_content("SMILES", sub_record_id=given)) == "CCO"
    world(activity.remove_records([key]))
    assert body_of(lab, "removeOperationRecords")["record_ids"] == [wanted.id]
    world(activity.add_records([key]))
    assert body_of(lab, "addOperationRecords")["record_ids"] == [wanted.id]
    world(dashboard.remove_record(key))
    world(dashboard.add_record(key))
    assert body_of(lab, "addDashboardRecord")["record_id"] == wanted.id
    world(api.records.create_record_value_file(key, "Spectrum", "a.txt", b"a"))
    assert wanted.id in next(item for item in lab.exchanges if item.operation == "uploadRecordValueFile").target
    transfer = {"record_id": key, "key_field_name_to_value": {"Compound": "SBX-1", "Salt form": "HCl"}}
    world(view.extend_view({"new_key_field_name": "Salt form", "records_to_transfer": [transfer]}))
    assert body_of(lab, "addRecordViewKeyField")["records_to_transfer"][0]["record_id"] == wanted.id
