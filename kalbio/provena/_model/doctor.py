"""What the doctor has to be told about Provena: which calls read, and where their arguments are found."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from kalbio._core.description.document import METHODS, Description, Document, Operation
from kalbio._core.diagnosis.exchanges import Answers, Call, Exchange, Steps
from kalbio._core.diagnosis.setup import Cures
from kalbio._core.diagnosis.subject import Subject
from kalbio.provena._model.platform import PROVENA

WHO = "authCheckAccessGeneral"
"""Tells whose the token is: the first call, which shows that somebody answers and lets us in."""

_TEMPLATED = "{category}/{subtype}"
_SEED = {"$ref": "#/components/schemas/SeededItem"}
_GENERIC = "#/components/schemas/Generic"


@cache
def load_description() -> Description:
    """The installed description, with an operation for each subtype in place of a reading one of all of them.

    So the answers about a model are held against what is described of models, and `registryItemFetch MODEL` is called
    for a model. What is fetched has its data: a seed, which may lack all of them, would let everything pass.
    """
    spec = json.loads((files("provena_api") / "openapi.json").read_text(encoding="utf-8"))
    for schema in spec["components"]["schemas"].values():
        for part in (schema, *schema.get("allOf", ())):
            item = part.get("properties", {}).get("item", {})
            if _SEED in item.get("anyOf", ()):
                item["anyOf"].remove(_SEED)
    return Description({**spec, "paths": dict(_paths(spec))})


def _paths(spec: Document) -> Iterator[tuple[str, Document]]:
    subtypes = {action["operation"]: action["subtypes"] for action in spec["x-registry-actions"].values()}
    for path, item in spec["paths"].items():
        reads = {
            method: item[method]
            for method in METHODS
            if method in item and _TEMPLATED in path and (method == "get" or item[method].get("x-reads"))
        }
        others = {method: said for method, said in item.items() if method not in reads}
        if others.keys() & set(METHODS):
            yield path, others
        for subtype, spelt in spec["x-registry-subtypes"].items():
            own = {
                method: _of_subtype(spec, operation, subtype, spelt["stem"])
                for method, operation in reads.items()
                if subtypes[operation["operationId"]] == "all" or subtype in subtypes[operation["operationId"]]
            }
            if own:
                yield path.replace(_TEMPLATED, f"{spelt['category']}/{spelt['segment']}"), own


def _of_subtype(spec: Document, operation: Document, subtype: str, stem: str) -> Document:
    def narrowed(node: Any) -> Any:
        if isinstance(node, dict):
            ref = node.get("$ref", "")
            own = f"{stem}{ref.removeprefix(_GENERIC)}"
            if isinstance(ref, str) and ref.startswith(_GENERIC) and own in spec["components"]["schemas"]:
                return {"$ref": f"#/components/schemas/{own}"}
            return {name: narrowed(inner) for name, inner in node.items()}
        return [narrowed(inner) for inner in node] if isinstance(node, list) else node

    left = [one for one in operation.get("parameters", ()) if one.get("in") != "path"]
    return {
        **narrowed(operation),
        "operationId": f"{operation['operationId']} {subtype}",
        "parameters": left,
        "x-subtype": subtype,
    }


# -- where arguments are found ---------------------------------------------------------------------------------------


def _at(answers: Answers, operation: str, *steps: str | int) -> Any:
    """What stands at a place of an answer, None when nothing does."""
    value = answers[operation].data if operation in answers else None
    for step in steps:
        if isinstance(step, int):
            value = value[step] if isinstance(value, list) and len(value) > step else None
        else:
            value = value.get(step) if isinstance(value, dict) else None
    return value


def _texts(*paths: tuple[str | int, ...]) -> Callable[[Answers], str | None]:
    """Finds the first text at one of these paths: an operation, and the steps in its answer."""

    def find(answers: Answers) -> str | None:
        found = (_at(answers, str(path[0]), *path[1:]) for path in paths)
        return next((text for text in found if isinstance(text, str) and text), None)

    return find


def _of(subtype: str) -> Callable[[Answers], str | None]:
    return _texts((f"registryItemList {subtype}", "items", 0, "id"))


def _batch(answers: Answers) -> str | None:
    for operation in ("jobJobsUserList", "jobJobsAdminList"):
        jobs = _at(answers, operation, "jobs")
        for job in jobs if isinstance(jobs, list) else ():
            if isinstance(job, dict) and isinstance(job.get("batch_id"), str):
                return str(job["batch_id"])
    return None


def _in_graph(answers: Answers) -> str | None:
    return next((id for subtype in ("MODEL_RUN", "DATASET", "MODEL") if (id := _of(subtype)(answers))), None)


_USER = _texts((WHO, "username"))
_GROUP = _texts(("authGroupsUserListGroups", "groups", 0, "id"), ("authGroupsAdminListGroups", "groups", 0, "id"))
_JOB = _texts(("jobJobsUserList", "jobs", 0, "session_id"), ("jobJobsAdminList", "jobs", 0, "session_id"))
_LINKED = _texts(("authLinkUserLookup", "person_id"))
_PERSON = _texts(("authLinkUserLookup", "person_id"), ("registryItemList PERSON", "items", 0, "id"))
_ANY = _texts(("registryGeneralList", "items", 0, "id"))

_QUERIES: dict[str, dict[str, Callable[[Answers], str | None]]] = {
    "authAccessControlAdminUserPendingRequestHistory": {"username": _USER},
    "authAccessControlAdminUserRequestHistory": {"username": _USER},
    "authGroupsAdminCheckMembership": {"group_id": _GROUP, "username": _USER},
    "authGroupsAdminDescribeGroup": {"id": _GROUP},
    "authGroupsAdminListMembers": {"id": _GROUP},
    "authGroupsAdminListUserMembership": {"username": _USER},
    "authGroupsUserCheckMembership": {"group_id": _GROUP},
    "authGroupsUserDescribeGroup": {"id": _GROUP},
    "authGroupsUserListMembers": {"id": _GROUP},
    "authLinkAdminLookup": {"username": _USER},
    "authLinkAdminReverseLookup": {"person_id": _PERSON},
    "datastoreRegistryItemsFetchDataset": {"handle_id": _of("DATASET")},
    "handleGet": {"id": _ANY},
    "jobJobsAdminFetch": {"session_id": _JOB},
    "jobJobsUserFetch": {"session_id": _JOB},
    "provBulkGenerateTemplateCsv": {"workflow_template_id": _of("MODEL_RUN_WORKFLOW_TEMPLATE")},
    "provBulkRegenerateFromBatchCsv": {"batch_id": _batch},
    "registryGeneralFetch": {"id": _ANY},
    "searchEntityRegistry": {"query": lambda answers: "model"},
    "provExploreDownstream": {"starting_id": _in_graph},
    "provExploreSpecialContributingAgents": {"starting_id": _in_graph},
    "provExploreSpecialContributingDatasets": {"starting_id": _in_graph},
    "provExploreSpecialEffectedAgents": {"starting_id": _in_graph},
    "provExploreSpecialEffectedDatasets": {"starting_id": _in_graph},
    "provExploreUpstream": {"starting_id": _in_graph},
}
"""What is asked in the query, by operation; the operations of subtypes are asked with an `id` of theirs."""


def _dataset_body(**more: Any) -> Callable[[Answers], dict[str, Any] | None]:
    def make(answers: Answers) -> dict[str, Any] | None:
        found = _of("DATASET")(answers)
        return None if found is None else {"dataset_id": found, **more}

    return make


def _with(member: str, find: Callable[[Answers], str | None]) -> Callable[[Answers], dict[str, Any] | None]:
    return lambda answers: None if (found := find(answers)) is None else {member: found}


def _reviews(answers: Answers) -> dict[str, Any] | None:
    person = _LINKED(answers)
    # Servers fail at every other order.
    order = {"sort_type": "RELEASE_TIMESTAMP", "ascending": False}
    return None if person is None else {"filter_by": {"release_reviewer": person}, "sort_by": order}


_BODIES: dict[str, Callable[[Answers], dict[str, Any] | None]] = {
    "authLinkUserValidate": _with("person_id", _PERSON),
    "datastoreMetadataValidateMetadata": lambda answers: _at(
        answers, "registryItemFetch DATASET", "item", "collection_format"
    ),
    "datastoreRegistryCredentialsGenerateReadAccessCredentials": _dataset_body(console_session_required=False),
    "datastoreRegistryItemsGeneratePresignedUrl": _dataset_body(file_path="metadata.json", expires_in=60),
    "datastoreRegistryItemsList": lambda answers: {},
    "jobJobsAdminList": lambda answers: {},
    "jobJobsAdminListBatch": _with("batch_id", _batch),
    "jobJobsUserList": lambda answers: {},
    "jobJobsUserListBatch": _with("batch_id", _batch),
    "registryEntityDatasetUserReleases": _reviews,
    "registryGeneralList": lambda answers: {},
}
"""The bodies of calls that read, by operation."""

_ASKS = {
    # Servers of today fail here.
    "handleList",
    # Where there is no link, or one already, a failure is the answer.
    "authLinkUserLookup", "authLinkAdminLookup", "authLinkUserValidate",
    # What was good once need not be good any more.
    "datastoreMetadataValidateMetadata", "registryItemValidate", "provBulkConvertModelRunsCsv",
}  # fmt: skip
"""Operations whose refusal says as much as anything."""

_LATER = ("registryItemValidate", "datastoreMetadataValidateMetadata", "provBulkConvertModelRunsCsv")


def _call(description: Description, operation: Operation, answers: Answers) -> Call | None:
    """The call of an operation; None where nothing is there to ask about."""
    name, _, subtype = operation.id.partition(" ")
    query: dict[str, Callable[[Answers], str | None]] = _QUERIES.get(name, {})
    if subtype and "id" in operation.parameters_in("query"):
        query = {"id": _of(subtype)}
    asked = {member: find(answers) for member, find in query.items()}
    given = {member: text for member, text in asked.items() if text is not None}
    if len(given) < len(asked):
        return None
    body: Any = None
    parts: list[tuple[str, tuple[str | None, bytes, str]]] | None = None
    if name == "registryItemValidate":
        body = _data_of(description, subtype, answers)
    elif name == "registryItemList":
        body = {}
    elif name == "provBulkConvertModelRunsCsv":
        template = answers.get("provBulkGenerateTemplateCsv")
        if template is not None:
            parts = [("csv_file", ("doctor.csv", template.body, "text/csv"))]
    elif name in _BODIES:
        body = _BODIES[name](answers)
    if operation.method != "GET" and body is None and parts is None:
        return None
    return Call(operation.id, query=given, json=body, files=parts, is_probe=name in _ASKS, may_be_forbidden=True)


def _data_of(description: Description, subtype: str, answers: Answers) -> dict[str, Any] | None:
    """The data of an item, as it would be sent to change it."""
    item = _at(answers, f"registryItemFetch {subtype}", "item")
    stem = description.spec["x-registry-subtypes"][subtype]["stem"]
    schema = description.spec["components"]["schemas"].get(f"{stem}DomainInfo", {})
    if not isinstance(item, dict):
        return None
    return {member: item[member] for member in schema.get("properties", {}) if member in item}


_NOT_CALLED = {
    "AdminConfig": "tells the settings of a server, secrets among them",
    "AdminSentryDebug": "makes a server fail on purpose",
    "registryAdminExport": "would fetch the whole registry",
    "ProxyFetch": "acts for another user; only the services themselves may",
    "GenerateWriteAccessCredentials": "would hand out keys that can write",
    "createToken": "the client itself logs in",
    "startDeviceLogin": "would begin a login",
}
"""Reading operations that are left out, by how their names end."""


def _why_not(operation: Operation) -> str | None:
    """Why an operation is not called, None when it is."""
    if not operation.reads:
        return "writes; the doctor of Provena only reads"
    name = operation.id.partition(" ")[0]
    return next((reason for end, reason in _NOT_CALLED.items() if name.endswith(end)), None)


def _steps(with_writes: bool) -> Steps:
    """Call every operation that reads: what needs nothing first, then everything about what that has found."""
    description = load_description()
    answers: dict[str, Exchange] = {}

    def rank(operation: Operation) -> int:
        name, _, subtype = operation.id.partition(" ")
        needs = name in _QUERIES or name in _BODIES or (subtype and name != "registryItemList")
        lists = name in ("registryGeneralList", "jobJobsUserList", "jobJobsAdminList", "datastoreRegistryItemsList")
        return 0 if operation.id == WHO else 3 if name in _LATER else 2 if needs and not lists else 1

    for operation in sorted(description.operations, key=rank):
        call = None if _why_not(operation) else _call(description, operation, answers)
        if call is not None:
            exchange = yield call
            if exchange.is_good:
                answers.setdefault(operation.id, exchange)


def _reasons(with_writes: bool) -> dict[str, str]:
    missing = "there is nothing of the kind, or you may not see it"
    return {operation.id: _why_not(operation) or missing for operation in load_description().operations}


def _tells_failure(data: Any) -> bool:
    return isinstance(data, Mapping) and PROVENA.find_failure(data) is not None


SUBJECT = Subject(
    source="an installation",
    description=load_description,
    steps=_steps,
    reasons=_reasons,
    cures=Cures(
        credentials="Check the login, and that it belongs to this domain and realm.",
        address="Check the domain and the realm, and the addresses in APIOverrides or PROVENA_URL.",
    ),
    tells_failure=_tells_failure,
)
