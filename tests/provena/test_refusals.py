"""How the stand-in refuses requests that no handler sees, over all operations: in the words of the servers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kalbio._core.description.document import JSON, Operation
from kalbio._core.emulator.messages import Request
from kalbio.provena.sandbox import Sandbox
from kalbio.provena.sandbox.contract import load_contract

ROOT = Path(__file__).resolve().parents[2]
ROLE = "You are not authorised to access this resource as you don't have the correct role."
PAIRS = {"category": "agent", "subtype": "organisation"}
OTHER_PAIRS = {
    "registryItemVersion": {"category": "entity", "subtype": "model"},
    **{
        f"registryItemProxy{action}": {"category": "entity", "subtype": "dataset"}
        for action in ("Create", "Fetch", "Revert", "Seed", "Update", "Version")
    },
}
GUARDED = [one for one in load_contract().operations if not one.is_open]
MISSING = "value_error.missing"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """A stand-in."""
    with Sandbox() as made:
        yield made


def place_of(operation: Operation) -> str:
    """The path of an operation, of a subtype that has it."""
    return operation.path.format(**OTHER_PAIRS.get(operation.id, PAIRS))


def ask(
    sandbox: Sandbox,
    method: str,
    target: str,
    user: str | None = "admin",
    body: bytes = b"",
    kind: str | None = None,
) -> tuple[int, Any]:
    """Send a request; gives the status and the decoded body of the answer."""
    headers = []
    if user is not None:
        token = sandbox.store.issue(user, "access", 300) if user != "nobody" else "sandbox-token-x"
        headers.append(("authorization", f"Bearer {token}"))
    if kind is not None:
        headers.append(("content-type", kind))
    answer = sandbox.handle(Request(method, target, headers, body))
    return answer.status, json.loads(answer.body) if answer.body.startswith((b"{", b"[")) else answer.body


def points(body: Any) -> list[tuple[list[Any], str]]:
    """Where something is wrong, and what."""
    return [(one["loc"], one["type"]) for one in body["detail"]]


def missing_in_query(operation: Operation) -> list[tuple[list[Any], str]]:
    """What is told when the query is empty."""
    return [(["query", n], MISSING) for n, one in operation.parameters_in("query").items() if one.get("required")]


def test_tokens_and_roles_come_before_everything_else(sandbox: Sandbox) -> None:
    """No operation looks at a request without a token, with a bad one, or without the role that it needs."""
    for operation in GUARDED:
        asked = operation.method, place_of(operation)
        assert ask(sandbox, *asked, user=None) == (401, {"detail": "Not authenticated"}), operation.id
        assert ask(sandbox, *asked, user="nobody") == (401, {"detail": "Could not validate credentials"}), operation.id
        if sandbox.authenticator._roles.get(operation.id):  # type: ignore[attr-defined]
            assert ask(sandbox, *asked, user="dave") == (401, {"detail": ROLE}), operation.id
        else:
            assert ask(sandbox, *asked, user="dave")[0] in (200, 400, 422), operation.id


def test_everything_that_is_missing_is_told_at_once(sandbox: Sandbox) -> None:
    """The parameters of the query in their order, and then the body; the routes for services look at a header first."""
    for operation in GUARDED:
        status, body = ask(sandbox, operation.method, place_of(operation))
        if operation.id.startswith("registryItemProxy"):
            assert (status, body["detail"][:35]) == (400, "No X-Provena-User-Context header pr"), operation.id
            continue
        wanted = missing_in_query(operation)
        if operation.body.get("required"):
            wanted.append((["body"] if JSON in operation.body_types() else ["body", "csv_file"], MISSING))
        assert (points(body) == wanted and status == 422) if wanted else status != 422, (operation.id, body)


def test_members_that_are_missing_are_told_in_their_order(sandbox: Sandbox) -> None:
    """Of an empty object, all of them; what may be empty is carried out."""
    told = 0
    for operation in GUARDED:
        if JSON not in operation.body_types() or operation.id.startswith("registryItem"):
            continue
        query = "&".join(f"{place[1]}=x" for place, _ in missing_in_query(operation))
        _, body = ask(sandbox, operation.method, f"{place_of(operation)}?{query}", body=b"{}", kind=JSON)
        schema = operation.body["content"][JSON]["schema"]
        members = sandbox.contract.resolve(schema)
        if members.get("required"):
            needed = [name for name in members["properties"] if name in members["required"]]
            assert points(body) == [(["body", name], MISSING) for name in needed], operation.id
            told += 1
    assert told > 30


@pytest.mark.parametrize(
    ("body", "kind", "detail"),
    [
        (
            b'{"a":', JSON,
            {"loc": ["body", 5], "msg": "Expecting value: line 1 column 6 (char 5)", "type": "value_error.jsondecode",
             "ctx": {"msg": "Expecting value", "doc": '{"a":', "pos": 5, "lineno": 1, "colno": 6}},
        ),
        (b"", JSON, {"loc": ["body"], "msg": "field required", "type": MISSING}),
        (b"note=x", "application/x-www-form-urlencoded",
         {"loc": ["body"], "msg": "value is not a valid dict", "type": "type_error.dict"}),
        (b"[1]", JSON, {"loc": ["body"], "msg": "value is not a valid dict", "type": "type_error.dict"}),
    ],
    ids=["broken", "empty", "form", "list"],
)  # fmt: skip
def test_bodies_that_are_no_object_are_told_as_the_servers_tell_them(
    sandbox: Sandbox, body: bytes, kind: str, detail: dict[str, Any]
) -> None:
    """Broken JSON with its place, nothing as missing, another type and a list as no object."""
    status, told = ask(sandbox, "POST", "/auth-api/access-control/admin/add-note", body=body, kind=kind)
    assert (status, told) == (422, {"detail": [detail]})


def test_queries_are_read_as_the_servers_read_them(sandbox: Sandbox) -> None:
    """What is not known is ignored, of several the last counts, and flags have many spellings."""
    place = "/auth-api/groups/user/check_membership"
    status, body = ask(sandbox, "GET", f"{place}?id=x")
    assert (status, points(body)) == (422, [(["query", "group_id"], MISSING)])
    status, body = ask(sandbox, "GET", f"{place}?group_id=a&group_id=b&more=1")
    assert (status, body["status"]["details"]) == (200, "No group with id b was found.")
    seed = ask(sandbox, "POST", "/registry-api/registry/agent/organisation/seed", body=b"{}", kind=JSON)[1]
    id, fetch = seed["seeded_item"]["id"], "/registry-api/registry/agent/organisation/fetch"
    for flag, found in (("True", True), ("1", True), ("on", True), ("no", False)):
        assert ask(sandbox, "GET", f"{fetch}?id={id}&seed_allowed={flag}")[1]["status"]["success"] is found
    status, body = ask(sandbox, "GET", f"{fetch}?id={id}&seed_allowed=maybe")
    assert (status, points(body)) == (422, [(["query", "seed_allowed"], "type_error.bool")])


def test_paths_that_there_are_not(sandbox: Sandbox) -> None:
    """Unknown ones and subtypes without the action are 404 before any token, other verbs 405, a slash too many 307."""
    items = "/registry-api/registry/entity"
    for method, target, status in (
        ("GET", "/registry-api/nothing", 404),
        ("POST", f"{items}/dataset/create", 404),
        ("GET", f"{items}/dataset/create", 404),
        ("POST", f"{items}/nothing/create", 404),
        ("GET", f"{items}/model/create", 405),
        ("DELETE", "/registry-api/", 405),
        ("GET", "/registry-api//registry/entity/model/fetch?id=x", 404),
    ):  # fmt: skip
        told = {404: "Not Found", 405: "Method Not Allowed"}[status]
        assert ask(sandbox, method, target, user=None) == (status, {"detail": told}), target
    answer = sandbox.handle(Request("GET", f"{items}/model/fetch/?id=x"))
    assert (answer.status, dict(answer.headers)["location"]) == (307, f"{sandbox.base_url}{items}/model/fetch?id=x")


def test_settings_are_found_under_the_path_of_their_subtype_alone(sandbox: Sandbox) -> None:
    """The refusal names both subtypes, and is the same for what is asked and for what is changed."""
    seed = ask(sandbox, "POST", "/registry-api/registry/agent/organisation/seed")[1]["seeded_item"]["id"]
    told = f"correct endpoint route for id {seed} pointing to an item subtype of ORGANISATION?"
    settings = json.dumps({"owner": "admin", "general": [], "groups": {}}).encode()
    for method, action in (("GET", "evaluate"), ("GET", "configuration"), ("PUT", "configuration")):
        target = f"/registry-api/registry/agent/person/auth/{action}?id={seed}"
        status, body = ask(sandbox, method, target, body=settings if method == "PUT" else b"", kind=JSON)
        assert status == 400
        assert body["detail"].endswith(told)


def test_routes_for_services_refuse_who_is_none(sandbox: Sandbox) -> None:
    """With the header, users without the role are told so, and services that it is not here; items can be read."""
    target = "/registry-api/registry/entity/dataset/proxy/fetch?id=10378.1/1"
    told = {}
    for user in ("alice", "admin"):
        token = sandbox.store.issue(user, "access", 300)
        headers = [("authorization", f"Bearer {token}"), ("X-Provena-User-Context", "sandbox")]
        answer = sandbox.handle(Request("GET", target, headers))
        told[user] = answer.status, json.loads(answer.body)["detail"]
    assert told["alice"] == (401, "You are not authorised to take this action.")
    assert told["admin"] == (501, "the sandbox does not implement registryItemProxyFetch")
    seed = ask(sandbox, "POST", "/registry-api/registry/agent/organisation/seed")[1]["seeded_item"]["id"]
    general = f"/registry-api/registry/general/proxy/fetch?id={seed}&username="
    assert ask(sandbox, "GET", f"{general}bob")[1]["item"]["id"] == seed
    assert ask(sandbox, "GET", f"{general}bob", user="alice")[0] == 401


def test_tables_are_none_to_restore_from(sandbox: Sandbox) -> None:
    """Those in use are refused with 200, others are not there."""
    names = {"resource_table_name": "nope", "auth_table_name": "nope", "lock_table_name": "registry-lock"}
    for own, wanted in ((True, 200), (False, 500)):
        names["lock_table_name"] = "registry-lock" if own else "nope"
        body = json.dumps({"import_mode": "ADD_ONLY", "table_names": names}).encode()
        status, told = ask(sandbox, "POST", "/registry-api/admin/restore_from_table", body=body, kind=JSON)
        assert status == wanted
        assert told["status"]["success"] is False if own else "ResourceNotFound" in told["detail"]


def test_jobs_of_any_payload_fail_instead_of_the_service(sandbox: Sandbox) -> None:
    """What a payload lacks is told at once, and what is wrong in it by the job."""
    launch = {"username": "admin", "job_type": "PROV_LODGE", "job_sub_type": "MODEL_RUN_UPDATE", "job_payload": {}}
    target = "/job-api/jobs/admin/launch"
    status, told = ask(sandbox, "POST", target, body=json.dumps(launch).encode(), kind=JSON)
    assert status == 400
    assert told["detail"].startswith("Invalid payload supplied: Failed to parse the payload as specified job type.")
    payload = {"model_run_record_id": 5, "updated_record": "x", "reason": [], "revalidate": 1, "user_info": 0}
    launch |= {"job_sub_type": "MODEL_RUN_PROV_LODGE", "job_payload": {**payload, "record": "x"}}
    status, told = ask(sandbox, "POST", target, body=json.dumps(launch).encode(), kind=JSON)
    job = ask(sandbox, "GET", f"/job-api/jobs/admin/fetch?session_id={told['session_id']}")[1]["job"]
    assert job["status"] == "FAILED"
    assert job["info"].startswith("Callback function raised unhandled exception. Error: ")


def test_other_subtypes_and_batches_are_refused_where_they_do_not_fit(sandbox: Sandbox) -> None:
    """A version of what is another thing, the rows of a batch without model runs, a key of a page with a list in it."""
    seed = ask(sandbox, "POST", "/registry-api/registry/agent/organisation/seed")[1]["seeded_item"]["id"]
    person = {"display_name": "a", "first_name": "a", "last_name": "b", "email": "a@example.org"}
    body = json.dumps({**person, "ethics_approved": True}).encode()
    made = ask(sandbox, "POST", "/registry-api/registry/agent/person/create", body=body, kind=JSON)[1]["created_item"]
    sandbox.link("admin", made["id"])
    version = json.dumps({"id": seed, "reason": "x"}).encode()
    for target in ("/registry-api/registry/entity/model/version", "/data-store-api/register/version"):
        status, told = ask(sandbox, "POST", target, body=version, kind=JSON)
        assert status == 400
        assert f"for id {seed} pointing to an item subtype of ORGANISATION?" in told["detail"]
    launch = {"job_type": "EMAIL", "job_sub_type": "EMAIL_WAKE_UP", "job_payload": {}, "request_batch_id": True}
    batch = ask(sandbox, "POST", "/job-api/jobs/admin/launch", body=json.dumps(launch).encode(), kind=JSON)[1]
    target = f"/prov-api/bulk/regenerate_from_batch/csv?batch_id={batch['batch_id']}"
    assert ask(sandbox, "GET", target) == (500, b"Internal Server Error")
    key = {"id": seed, "item_subtype": "ORGANISATION", "updated_timestamp": [1]}
    body = json.dumps({"pagination_key": key}).encode()
    status, told = ask(sandbox, "POST", "/registry-api/registry/agent/organisation/list", body=body, kind=JSON)
    assert (status, told["detail"][:28]) == (500, "Failed to query the database")


def test_the_page_has_every_failure_of_the_services() -> None:
    """The table of the page is the one that made-up requests are held against, and each row is of some operation."""
    from scripts.provena_fuzz import rows

    page = (ROOT / "docs" / "provena-sandbox.md").read_text(encoding="utf-8")
    section = page.partition("### Failures that belong to the services\n")[2].partition("\n#")[0]
    shown = [line for line in section.splitlines() if line.startswith("|")]
    assert shown[2:] == rows()
    assert [row for row in rows() if row.startswith("|  |")] == []


def post(sandbox: Sandbox, target: str, body: Any) -> tuple[int, Any]:
    """Send JSON as the administrator."""
    return ask(sandbox, "POST", target, body=json.dumps(body).encode(), kind=JSON)


@pytest.mark.parametrize("number", [10**30, 1e308, 2**63])
def test_numbers_that_no_database_takes_are_pages_and_keys_like_others(sandbox: Sandbox, number: float) -> None:
    """A page of any size is one, and a key with such a number is damaged."""
    assert post(sandbox, "/registry-api/registry/general/list", {"page_size": number})[0] == 200
    assert post(sandbox, "/job-api/jobs/user/list", {"limit": number})[0] == 200
    key = {"id": "x", "universal_partition_key": "OK", "updated_timestamp": number}
    assert post(sandbox, "/registry-api/registry/general/list", {"pagination_key": key})[0] == 500


def test_items_that_lack_anything_are_told_and_not_taken() -> None:
    """Neither an import nor a restored graph fails over them, whatever part of an exported item is missing or wrong."""
    with Sandbox(seed="demo") as sandbox:
        bundles = ask(sandbox, "GET", "/registry-api/admin/export")[1]["items"]
        kept = len(bundles)
        for bundle in {one["item_payload"]["item_subtype"]: one for one in bundles[-6:]}.values():
            item = bundle["item_payload"]
            wrong = [{**bundle, "item_payload": {n: v for n, v in item.items() if n != lost}} for lost in item]
            wrong += [{**bundle, "item_payload": {**item, "item_subtype": ["x"]}}]
            wrong += [{**bundle, part: {"id": bundle["id"]}} for part in ("auth_payload", "lock_payload")]
            wrong += [{**bundle, "lock_payload": {"id": bundle["id"], "lock_information": "x"}}]
            for one in wrong:
                for parses in (True, False):
                    body = {"import_mode": "ADD_OR_OVERWRITE", "parse_items": parses, "items": [one]}
                    assert post(sandbox, "/registry-api/admin/import", body)[0] == 200
                body = {"items": [one], "trial_mode": False, "abort_if_failures": False}
                assert post(sandbox, "/registry-api/admin/restore-prov-graph", body)[0] == 200
            body = {"import_mode": "ADD_OR_OVERWRITE", "trial_mode": False, "items": wrong[-4:]}
            told = post(sandbox, "/registry-api/admin/import", body)[1]
            assert (told["status"]["success"], len(told["failure_list"])) == (False, 4)
        groups: list[Any] = [
            {"id": 5, "users": []},
            {"id": "g", "users": "x"},
            {"id": "g", "users": [{"username": 5}]},
            {},
        ]
        body = {"import_mode": "ADD_OR_OVERWRITE", "trial_mode": False, "parse_items": False, "items": groups}
        assert len(post(sandbox, "/auth-api/groups/admin/import", body)[1]["failure_list"]) == len(groups)
        assert len(ask(sandbox, "GET", "/registry-api/admin/export")[1]["items"]) == kept


def test_csv_files_that_cannot_be_read_or_written(sandbox: Sandbox) -> None:
    """A cell that is too long is told, and a time that no calendar has fails as the services do."""
    part = 'Content-Disposition: form-data; name="csv_file"; filename="x.csv"\r\nContent-Type: text/csv'
    body = f"--B\r\n{part}\r\n\r\n{'x' * 140_000}\r\n--B--\r\n".encode()
    target = "/prov-api/bulk/convert_model_runs/csv"
    status, told = ask(sandbox, "POST", target, body=body, kind="multipart/form-data; boundary=B")
    assert (status, told["detail"][:40]) == (400, "The provided CSV file could not be read:")
    with Sandbox(seed="demo") as demo:
        run = next(one for one in demo.store.all("item") if one["item_subtype"] == "MODEL_RUN")
        records = [{**run["record"], "end_time": 10**17}]
        session = post(demo, "/prov-api/model_run/register_batch", {"records": records})[1]["session_id"]
        job = ask(demo, "GET", f"/job-api/jobs/admin/fetch?session_id={session}")[1]["job"]
        target = f"/prov-api/bulk/regenerate_from_batch/csv?batch_id={job['result']['batch_id']}"
        assert ask(demo, "GET", target) == (500, b"Internal Server Error")
