"""Sends made-up requests of all kinds to the stand-in for Provena: whatever comes, its answer is one that is known.

    python -m scripts.provena_fuzz [--examples N] [--only TEXT] [--table]

Each operation gets N requests that its description allows and N that it does not, most of them with ids of what is
there, by users who may do all, much or nothing. An answer holds when its status is described, its body is of the form
that is described, and, when it is a failure of the server, when it is one of `FAILURES`: those that the services have
themselves. It prints what did not hold, and how often each failure came, with the evidence for it; it exits 1 when
anything did not hold.
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import re
import sqlite3
import sys
import traceback
import zlib
from collections import Counter
from typing import Any, NamedTuple

import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import Case, GenerationMode
from schemathesis.config import GenerationConfig, ProjectConfig, ProjectsConfig, SchemathesisConfig
from schemathesis.core.parameters import ParameterLocation

from kalbio._core.description.document import Operation
from kalbio._core.emulator.messages import Request, Response
from kalbio.provena.sandbox import Sandbox, items, links
from kalbio.provena.sandbox.contract import load_contract, subtypes_with
from kalbio.provena.sandbox.jobs import launch

Json = Any


class Failure(NamedTuple):
    """A failure that the services have themselves."""

    operation: str
    """A pattern of the operations that have it."""
    text: str
    """A pattern of what its answer begins with."""
    when: str
    evidence: str
    """`seen` on the services, `read` in their code, or `guessed` from one that is like it."""


_UNCAUGHT = "Internal Server Error"
FAILURES = (
    Failure("authLinkUser(Assign|Validate)", "Unexpected non 200 status code in Registry person",
            "the person is unknown, or no person", "seen"),
    Failure("authLinkAdminAssign", "Registry fetch response", "the person is unknown, or no person", "seen"),
    Failure("authGroupsAdminAddGroup", "Failed to check for existing group", "the id is empty", "seen"),
    Failure("authGroupsAdminRestoreFromTable", "Failed to scan the Database", "the table is unknown", "seen"),
    Failure("registryAdminRestoreFromTable", "Failed to scan the Database", "none of the tables is known", "guessed"),
    Failure("registryItem(Create|Update)", "Failed to write complete item", "the display name is empty", "seen"),
    Failure("registryItemUpdate", r"Item with id .* is neither a seed", "the item is of another subtype", "seen"),
    Failure("registry(Item|General)List|registryEntityDatasetUserReleases", "Failed to query the database",
            "the page size is below 1, or the key of the page is damaged", "seen"),
    Failure("registry(GeneralList|EntityDatasetUserReleases)", "Failed to query the database",
            "a list by reviewer is sorted by the time of updates", "seen"),
    Failure("datastoreRegistryItemsList", "Unexpected non 200 status code in dataset list",
            "the registry refuses the list", "seen"),
    Failure("datastoreRegisterMintDataset", "Unexpected non 200 status code in dataset minting",
            "the caller is linked to nobody", "seen"),
    Failure("datastoreRegistryCredentials.*", "Something went wrong when trading credentials",
            "a session of the console is asked for, which needs a service of AWS", "seen"),
    Failure("registryGeneralFetch", _UNCAUGHT, "the id is empty", "seen"),
    Failure("jobJobs(User|Admin)Fetch", "Unexpected internal error occurred: Failed to read",
            "the id is empty", "seen"),
    Failure("jobJobs(User|Admin)List(Batch)?", "Unexpected internal error occurred: Failed to query",
            "the limit is below 1, or the key of the page is damaged", "seen"),
    Failure("jobJobsAdminListBatch", _UNCAUGHT, "a batch that has jobs is filtered by a user", "seen"),
    Failure("handleList", _UNCAUGHT, "always", "seen"),
    Failure("handle(Get|AddValue|AddValueByIndex|ModifyByIndex|RemoveByIndex)", "Error was reported by ARDC",
            "the handle or the index is unknown, or taken", "seen"),
    Failure("provExplore(Upstream|Downstream|Special.*)", "The provided id", "the id is unknown", "seen"),
    Failure("provBulkRegenerateFromBatchCsv", _UNCAUGHT,
            "the batch is unknown, of somebody else, or without model runs", "seen"),
)  # fmt: skip

_USERS = (*("admin",) * 10, "alice", "alice", "bob", "erin", "carol", "dave")
# Which ids stand under a name, by how the name ends.
_KINDS = {
    "person_id": "PERSON", "modeller_id": "PERSON", "approver_id": "PERSON", "data_custodian_id": "PERSON",
    "organisation_id": "ORGANISATION", "publisher_id": "ORGANISATION", "software_id": "MODEL",
    "workflow_template_id": "MODEL_RUN_WORKFLOW_TEMPLATE", "template_id": "DATASET_TEMPLATE",
    "dataset_id": "DATASET", "handle_id": "DATASET", "model_run_id": "MODEL_RUN", "record_id": "MODEL_RUN",
    "study_id": "STUDY", "session_id": "job", "batch_id": "batch", "group_id": "group", "reviewer_id": "PERSON",
    "starting_id": "any", "username": "user", "id": "any",
}  # fmt: skip


class Target:
    """A stand-in in which something of every kind is there."""

    def __init__(self) -> None:
        self.sandbox = Sandbox(seed="demo")
        self.ids = _furnish(self.sandbox)
        self._image = sqlite3.connect(":memory:")
        self.sandbox.store.connection.backup(self._image)

    def reset(self) -> None:
        """Make everything as it was at first."""
        with self.sandbox.lock:
            self._image.backup(self.sandbox.store.connection)

    def close(self) -> None:
        """Close the stand-in."""
        self._image.close()
        self.sandbox.close()

    def with_ids(self, value: Json, name: str = "") -> Json:
        """A value with ids of what is there in place of most that were made up."""
        if isinstance(value, dict):
            return {member: self.with_ids(one, member) for member, one in value.items()}
        if isinstance(value, list):
            return [self.with_ids(one, name) for one in value]
        kind = next((kind for end, kind in _KINDS.items() if name.endswith(end)), None)
        if not isinstance(value, str) or kind is None:
            return value
        chosen = zlib.crc32(repr((name, value)).encode("utf-8", "surrogatepass"))
        known = self.ids[kind]
        return known[chosen // 8 % len(known)] if chosen % 8 else value

    def pair(self, operation: Operation, value: Json) -> dict[str, str]:
        """A subtype that has an operation, as paths spell it."""
        spelt = load_contract().spec["x-registry-subtypes"]
        names = sorted(subtypes_with(operation.id))
        one = spelt[names[zlib.crc32(repr(value).encode("utf-8", "surrogatepass")) % len(names)]]
        return {"category": one["category"], "subtype": one["segment"]}


def _furnish(sandbox: Sandbox) -> dict[str, list[str]]:
    """Add a seed and a batch to a stand-in; gives the ids of everything by its kind."""
    store = sandbox.store
    with sandbox._writing():
        items.seed(store, "MODEL", "admin")
        launch(store, "admin", "REGISTRY_WAKE_UP", {}, "batch-1")
        links.link(store, "admin", next(one["id"] for one in store.all(items.ITEM, "PERSON")))
    sandbox.release_jobs()
    ids: dict[str, list[str]] = {"batch": ["batch-1"]}
    for item in store.all(items.ITEM):
        ids.setdefault(item["item_subtype"], []).append(item["id"])
    ids["any"] = [one["id"] for one in store.all(items.ITEM)]
    for kind in ("job", "group", "user"):
        ids[kind] = [one["id"] for one in store.all(kind)]
    return ids


def attacks() -> dict[str, Any]:
    """What the generator knows of each operation."""
    generation = GenerationConfig(deterministic=True, database="none", with_security_parameters=False)
    projects = ProjectsConfig(default=ProjectConfig(generation=generation))
    spec = copy.deepcopy(load_contract().spec)
    schema = schemathesis.openapi.from_dict(spec, config=SchemathesisConfig(projects=projects))
    found: list[Any] = [one.ok() for one in schema.get_all_operations()]  # type: ignore[union-attr]
    return {operation.definition.raw["operationId"]: operation for operation in found}


def can_be_wrong(operation: Operation) -> bool:
    """Whether there is a query or a body: any text may stand in a path, so nothing is wrong there."""
    return bool(operation.body) or bool(operation.parameters_in("query"))


def problem_of(operation: Operation, answer: Response, seen: Counter[Failure]) -> str | None:
    """What does not hold of an answer, None when all does; failures of the services are counted."""
    kind = next((value for name, value in answer.headers if name == "content-type"), "")
    text = answer.body.decode("utf-8", "replace")
    body = answer.json() if kind == "application/json" else text
    if answer.status >= 500:
        told = body["detail"] if isinstance(body, dict) else body
        known = [one for one in FAILURES if re.fullmatch(one.operation, operation.id) and re.match(one.text, told)]
        # The most special: what is said of several reasons is the first of them.
        if known:
            seen[known[0]] += 1
            return None
        if answer.status == 501 and operation.id.startswith("registryItemProxy"):
            return None
        return f"{answer.status} {text[:200]}"
    if not load_contract().describes(operation, answer.status):
        return f"{answer.status} is not described: {text[:200]}"
    violation = load_contract().find_violation(operation, answer.status, kind.partition(";")[0], body)
    return None if violation is None else f"{answer.status} has another form: {violation[:200]}"


def fuzz(examples: int, only: str = "") -> tuple[list[str], Counter[int], Counter[Failure]]:
    """Attack all operations; gives what did not hold, the statuses, and the failures of the services."""
    wrong: list[str] = []
    statuses: Counter[int] = Counter()
    seen: Counter[Failure] = Counter()
    known = attacks()
    with contextlib.closing(Target()) as target:
        for operation in load_contract().operations:
            if only.lower() in operation.id.lower():
                for mode in GenerationMode:
                    if mode is GenerationMode.POSITIVE or can_be_wrong(operation):
                        wrong += _attack(target, operation, known[operation.id], mode, examples, statuses, seen)
    return wrong, statuses, seen


def _attack(
    target: Target,
    operation: Operation,
    attack: Any,
    mode: GenerationMode,
    examples: int,
    statuses: Counter[int],
    seen: Counter[Failure],
) -> list[str]:
    target.reset()
    wrong: dict[str, str] = {}

    @settings(
        max_examples=examples, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck)
    )
    @given(case=attack.as_strategy(generation_mode=mode))
    def send(case: Case[Any]) -> None:
        request = _request(target, operation, case)
        try:
            answer = target.sandbox.handle(request)
        except Exception:
            last = traceback.format_exc().strip().splitlines()
            wrong.setdefault(last[-1], f"{request.method} {request.target} {request.body[:300]!r}: {last[-3:]}")
            return
        statuses[answer.status] += 1
        problem = problem_of(operation, answer, seen)
        if problem is not None:
            wrong.setdefault(problem, f"{request.method} {request.target} {request.body[:300]!r}: {problem}")

    send()
    return [f"{operation.id}, {mode.value}: {told}" for told in wrong.values()]


def _request(target: Target, operation: Operation, case: Case[Any]) -> Request:
    assert case.meta is not None
    strange = {place for place, part in case.meta.components.items() if part.mode is GenerationMode.NEGATIVE}
    if "subtype" in operation.parameters_in("path"):
        case.path_parameters = target.pair(operation, dict(case.path_parameters))
    if ParameterLocation.QUERY not in strange:
        case.query = target.with_ids(case.query)
    if ParameterLocation.BODY not in strange:
        case.body = target.with_ids(case.body)
    made = requests.Request(**case.as_transport_kwargs(base_url="http://sandbox.invalid")).prepare()
    body = made.body.encode() if isinstance(made.body, str) else made.body or b""
    chosen = zlib.crc32(body + (made.url or "").encode())
    user = _USERS[chosen % len(_USERS)]
    headers = [(name, value) for name, value in made.headers.items() if name.lower() == "content-type"]
    headers.append(("authorization", f"Bearer {target.sandbox.store.issue(user, 'access', 300)}"))
    return Request(made.method or "", made.path_url, headers, body)


def rows() -> list[str]:
    """The failures of the services as rows of a table."""
    made = []
    for one in FAILURES:
        ids = [f"`{known.id}`" for known in load_contract().operations if re.fullmatch(one.operation, known.id)]
        more = f" and {len(ids) - 2} like them" if len(ids) > 3 else ""
        made.append(f"| {', '.join(ids[:2] if more else ids)}{more} | {one.when} | {one.evidence} |")
    return made


def main(arguments: list[str] | None = None) -> int:
    """Run; 0 when everything held."""
    parser = argparse.ArgumentParser(prog="python -m scripts.provena_fuzz", description=__doc__)
    parser.add_argument("--examples", type=int, default=20, metavar="N", help="requests of each kind (default: 20)")
    parser.add_argument("--only", default="", metavar="TEXT", help="only operations with this in their name")
    parser.add_argument("--table", action="store_true", help="print the failures for docs/provena-sandbox.md instead")
    given = parser.parse_args(arguments)
    if given.table:
        print("\n".join(rows()))
        return 0
    wrong, statuses, seen = fuzz(given.examples, given.only)
    told = ", ".join(f"{status}: {number}" for status, number in sorted(statuses.items()))
    print(f"{statuses.total()} requests, {len(wrong)} did not hold; {told}")
    for one in FAILURES:
        print(f"  {seen[one]:5} x {one.operation}: {one.when} ({one.evidence})")
    for line in wrong:
        print(line)
    return 1 if wrong or not statuses else 0


if __name__ == "__main__":
    sys.exit(main())
