"""The clients of the older client: each method makes the request of its operation, and reads the answer."""

from __future__ import annotations

import inspect
import json
import re
import subprocess
import sys
import types
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from enum import Enum
from typing import Any, get_args, get_origin, get_type_hints

import httpx
import pytest

from kalbio._core.errors import NotFoundError, OutcomeUnknownError, PermissionDeniedError, SDKError
from kalbio._core.retry import RetryPolicy
from kalbio.provena import ClientCredentialsFlow, Config, UnparsableItemWarning, clients, exceptions, models, sync
from kalbio.provena._model.schema import ProvenaObject, members_of
from kalbio.provena._model.subtypes import UnsupportedActionError
from kalbio.provena.sandbox.contract import load_contract
from tests.generated_client import ROOT
from tests.provena.conftest import Lab
from tests.rows import row

ID = "10378.1/1451860"
CONFIG = Config("provena.invalid", "reef")


class Wire(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """Logs in whoever asks, and gives one answer to everything else."""

    def __init__(self, body: Any = None, status: int = 200, kind: str = "application/json") -> None:
        self.answer = httpx.Response(
            status, headers={"content-type": kind}, content=body if isinstance(body, bytes) else json.dumps(body)
        )
        self.asked: list[httpx.Request] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer."""
        request.read()
        if request.url.path.endswith("/token"):
            return httpx.Response(200, json={"access_token": "sandbox-token-x", "expires_in": 300})
        self.asked.append(request)
        return httpx.Response(self.answer.status_code, headers=self.answer.headers, content=self.answer.content)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer."""
        await request.aread()
        return self.handle_request(request)

    @property
    def sent(self) -> Any:
        """The body of the last request."""
        return json.loads(self.asked[-1].content)


class Older:
    """The clients of one world, on a wire."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.module: Any = sync if lab.world.kind == "sync" else clients

    def connect(self, name: str, wire: Any) -> Any:
        """A client."""
        auth = ClientCredentialsFlow(CONFIG, "a", "sandbox-secret-b")
        made = getattr(self.module, name)(auth, CONFIG, transport=wire, retries=RetryPolicy(attempts=1))
        self.lab.add(made)
        return made

    def __call__(self, name: str, method: str, wire: Any, *args: Any, **kwargs: Any) -> Any:
        """The result of a call."""
        return self.lab(getattr(self.connect(name, wire), method)(*args, **kwargs))


@pytest.fixture
def older(lab: Lab) -> Older:
    """The clients of one world."""
    return Older(lab)


def methods() -> Iterator[tuple[str, str, Callable[..., Any]]]:
    """The class, the name and the function of each method."""
    for owner in clients.__all__:
        for name, method in vars(getattr(clients, owner)).items():
            if inspect.isfunction(method) and not name.startswith("_"):
                yield owner, name, method


def operation_of(method: Callable[..., Any]) -> str:
    """The operation that a docstring names."""
    found = re.search(r"Operation `(\w+)`", method.__doc__ or "")
    assert found, method
    return found[1]


def example_of(name: str, kind: Any) -> Any:
    """Something that an argument or a member can be."""
    if get_origin(kind) in (types.UnionType,):
        return example_of(name, get_args(kind)[0])
    if get_origin(kind) is list:
        return [example_of(name, get_args(kind)[0])]
    if get_origin(kind) is dict:
        return {}
    if get_origin(kind) is type:
        return models.StatusResponse
    if kind is ProvenaObject:
        return models.PersonDomainInfo(display_name="a", email="a@x.invalid", first_name="a", last_name="b")
    if isinstance(kind, type) and issubclass(kind, ProvenaObject):
        needed = {name: one for name, one in members_of(kind).items() if one.required}
        return kind(**{name: example_of(name, one.hint) for name, one in needed.items()})
    if kind is models.ItemSubType:
        return kind.MODEL
    if isinstance(kind, type) and issubclass(kind, Enum):
        return next(iter(kind))
    return {str: ID, int: 2, float: 1.5, bool: True}[kind]


def described() -> dict[str, tuple[str, str, set[str], set[str]]]:
    """The verb, the address, the parameters and those that must be given, of each operation."""
    spec = load_contract().spec
    found = {}
    for path, item in spec["paths"].items():
        for verb, told in item.items():
            if not isinstance(told, dict) or "operationId" not in told:
                continue
            service = spec["x-services"][told["tags"][0]]
            address = f"https://{service['host'].format(domain='provena.invalid', realm='reef')}"
            address += path.removeprefix(service["prefix"]).format(category="entity", subtype="model")
            every = [one for one in told.get("parameters", ()) if one.get("in") == "query"]
            must = {one["name"] for one in every if one.get("required")}
            found[told["operationId"]] = verb.upper(), address, {one["name"] for one in every}, must
    return found


def answer_for(kind: Any) -> Any:
    """An answer of a class, with what it must have."""
    if isinstance(kind, type) and issubclass(kind, ProvenaObject):
        return json.loads(json.dumps(example_of("answer", kind).to_dict()))
    return {"status": {"success": True, "details": ""}}


def test_every_method_makes_the_request_of_the_operation_that_it_names(older: Older) -> None:
    """Verb, address, and parameters that the description has; all that must be given is."""
    operations, seen = described(), set()
    for owner, name, method in methods():
        operation = operation_of(method)
        with row(owner, name, operation):
            hints = get_type_hints(method)
            names = list(inspect.signature(method).parameters)[1:]
            # The answer to a report leads to further requests.
            refused = name == "generate_report"
            wire = Wire({"detail": []}, 422) if refused else Wire(answer_for(hints["return"]))
            with pytest.raises(exceptions.HTTPValidationException) if refused else nullcontext():
                older(owner, name, wire, **{one: example_of(one, hints[one]) for one in names})
            verb, address, parameters, must = operations[operation]
            (asked,) = wire.asked
            assert (asked.method, str(asked.url.copy_with(query=None))) == (verb, address)
            assert must <= set(asked.url.params) <= parameters
            if asked.content and asked.headers["content-type"] == "application/json":
                assert isinstance(json.loads(asked.content), dict | list)
        seen.add(operation)
    assert len(seen) == 110


def test_the_worlds_have_the_same_methods() -> None:
    """With the same parameters; only what is awaited differs."""
    for owner, name, method in methods():
        with row(owner, name):
            twin = getattr(getattr(sync, owner), name)
            assert str(inspect.signature(twin)) == str(inspect.signature(method))
            assert inspect.iscoroutinefunction(method)
            assert not inspect.iscoroutinefunction(twin)
    assert sync.__all__ == clients.__all__


GROUP = {"id": "reef", "display_name": "Reef", "description": "d"}


def test_what_the_older_client_got_wrong_is_right(older: Older) -> None:
    """Hosts, verbs, parameters and the form of answers, as the servers have them."""
    status, flat = {"status": {"success": True, "details": "x"}}, {"success": True, "details": "x"}
    request = models.ModifyRequest(id=ID, index=1, value="https://x.invalid")
    note = models.RequestAddNote(username="a", request_id=1, note="n")
    version = {"commit_id": "a", "commit_url": "b", "tag_name": "c", "release_title": "d", "release_url": "e"}
    for owner, name, arguments, answer, wanted in (
        ("DatasetReviewSubClient", "add_dataset_reviewer", [ID], None, ("POST", "data-api", "reviewer_id")),
        ("DatasetReviewSubClient", "delete_dataset_reviewer", [ID], None, ("DELETE", "data-api", "reviewer_id")),
        ("AuthClient", "get_check_membership", ["reef"], status, ("GET", "auth-api", "group_id")),
        ("AuthAdminSubClient", "get_list_group_membership", ["a"], status, ("GET", "auth-api", "username")),
        ("AuthAdminSubClient", "post_add_note", [note], flat, ("POST", "auth-api", "")),
        ("RegistryClient", "get_lock_status", [ID, "MODEL"], {"locked": True}, ("GET", "registry-api", "id")),
        ("RegistryGeneralClient", "get_current_provena_version", [], version, ("GET", "registry-api", "")),
        ("IdServiceClient", "modify_by_index", [request], {"id": ID, "properties": []}, ("PUT", "handle", "")),
        ("DatastoreClient", "validate_metadata", [{"a": 1}], flat, ("POST", "data-api", "")),
    ):
        with row(owner, name):
            wire = Wire(answer)
            result = older(owner, name, wire, *arguments)
            (asked,) = wire.asked
            assert (asked.method, asked.url.host.split(".")[0], "".join(asked.url.params)) == wanted
            assert (result if result is None else result.to_dict()) == answer


def test_an_item_is_read_as_what_the_caller_names(older: Older) -> None:
    """A class of the models, a dict, or a class of the caller's own; anything else is refused before it is sent."""

    class Own:
        def __init__(self, raw: Any) -> None:
            self.raw = raw

        @classmethod
        def model_validate(cls, raw: Any) -> Own:
            return cls(raw)

    answer = {"status": {"success": True, "details": ""}, "item": {"id": ID}, "roles": ["admin"]}
    wire = Wire(answer)
    for kind in (models.PersonFetchResponse, models.UntypedFetchResponse, models.GenericFetchResponse):
        found = older("RegistryClient", "fetch_item", wire, ID, models.ItemSubType.PERSON, kind)
        assert type(found) is kind
        assert found.to_dict() == answer
    assert older("RegistryClient", "fetch_item", wire, ID, "PERSON", dict) == answer
    assert older("RegistryClient", "fetch_item", wire, ID, "PERSON", Own, seed_allowed=True).raw == answer
    assert dict(wire.asked[-1].url.params) == {"id": ID, "seed_allowed": "true"}
    before = len(wire.asked)
    for wrong in ("PersonFetchResponse", int, None):
        with pytest.raises(TypeError, match=r"must be one of kalbio\.provena\.models"):
            older("RegistryClient", "fetch_item", wire, ID, "PERSON", wrong)
    assert len(wire.asked) == before


def test_what_cannot_be_sent_is_refused(older: Older) -> None:
    """With a text that names it, before anything is sent."""
    wire = Wire({})
    for owner, name, arguments, kind, reason in (
        ("RegistryClient", "fetch_item", [None, "PERSON", dict], TypeError, "id must be text; got None"),
        ("RegistryClient", "fetch_item", [ID, "PEOPLE", dict], ValueError, "'PEOPLE' is no subtype"),
        ("RegistryClient", "fetch_item", [ID, "PERSON", dict, "yes"], TypeError, "seed_allowed must be True or False"),
        ("RegistryClient", "seed_item", ["MODEL_RUN", dict], UnsupportedActionError, "written through the provenance"),
        ("RegistryClient", "version", [{"id": ID}, "STUDY"], UnsupportedActionError, "only MODEL"),
        (
            "RegistryClient",
            "lock_resource",
            ["x", "MODEL"],
            TypeError,
            "lock_resource_request must be LockChangeRequest",
        ),
        ("RegistryClient", "create_item", [None, "PERSON", dict], TypeError, "create_item_request must be an object"),
        ("SearchClient", "search_registry", ["a", "5", None], TypeError, "limit must be a whole number; got '5'"),
        ("ProvClient", "explore_upstream", [ID, 2.5], TypeError, "depth must be a whole number; got 2.5"),
        ("ProvAdminClient", "store_multiple_records", [{}, True], TypeError, "registry_record must be a list"),
        (
            "ProvAdminClient",
            "store_multiple_records",
            [[1], True],
            TypeError,
            r"registry_record\[0\] must be ItemModelRun",
        ),
        (
            "AuthAdminSubClient",
            "put_update_group",
            [models.GroupUser(username="a", email="b", first_name="c", last_name="d")],
            TypeError,
            "group must be UserGroupMetadata",
        ),
        ("ProvClient", "convert_model_runs_to_csv", [b"a,b"], TypeError, "csv_file_contents must be text"),
    ):
        with row(owner, name, arguments), pytest.raises(kind, match=reason):
            older(owner, name, wire, *arguments)
    assert wire.asked == []


def test_bodies_are_what_the_caller_gives(older: Older) -> None:
    """Members of objects that are None are left out; a dict is sent as it is, also inside of an object."""
    wire = Wire({"status": {"success": True, "details": ""}})
    key = {"id": ID, "updated_timestamp": None}
    asked = models.GeneralListRequest(filter_by=None, sort_by={"sort_type": None}, pagination_key=key, page_size=2)  # type: ignore[arg-type]
    older("RegistryGeneralClient", "list_general_registry_items", wire, asked)
    assert wire.sent == {"sort_by": {}, "pagination_key": key, "page_size": 2}
    older("RegistryGeneralClient", "list_general_registry_items", wire, {"filter_by": None, "page_size": 2})
    assert wire.sent == {"filter_by": None, "page_size": 2}
    older("ProvAdminClient", "store_multiple_records", wire, [{"id": ID, "orcid": None}], False)
    assert wire.sent == [{"id": ID, "orcid": None}]
    assert dict(wire.asked[-1].url.params) == {"validate_record": "false"}
    older("ProvAdminClient", "delete_model_run_provenance", Wire({"diff": []}), ID, trial_mode=True)
    older("ProvClient", "convert_model_runs_to_csv", wire, "a,b\r\n1,ä\r\n")
    assert (
        'name="csv_file"; filename="runs.csv"\r\nContent-Type: text/csv\r\n\r\na,b\r\n1,ä\r\n'
        in wire.asked[-1].content.decode()
    )


def test_text_is_given_as_it_came(older: Older) -> None:
    """CSV tables and settings, with their line ends."""
    table = "a,b\r\n1,ä\r\n"
    wire = Wire(table.encode(), kind="text/csv; charset=utf-8")
    assert older("ProvClient", "generate_csv_template", wire, ID) == table
    assert older("ProvClient", "regenerate_csv_from_model_run_batch", wire, ID) == table
    settings = Wire(b"A=1\nB=2\n", kind="text/plain; charset=utf-8")
    assert older("RegistryAdminClient", "generate_config_file", settings) == "A=1\nB=2\n"
    assert dict(settings.asked[-1].url.params) == {"required_only": "true"}


def test_a_page_with_a_damaged_item_is_given_with_a_warning(older: Older) -> None:
    """The answer says that it failed, and has all the others."""
    answer = {
        "status": {"success": False, "details": " WARNING at least one"}, "items": [{"id": ID}],
        "unparsable_items": [{"id": "1/2"}], "pagination_key": {"id": ID},
    }  # fmt: skip
    for owner, name, arguments in (
        ("RegistryClient", "list_items", [models.SubtypeListRequest(), "DATASET", models.DatasetListResponse]),
        ("DatastoreClient", "list_datasets", [models.NoFilterSubtypeListRequest(page_size=5)]),
    ):
        with pytest.warns(UnparsableItemWarning, match="1 items of this page"):
            found = older(owner, name, Wire(answer), *arguments)
        assert found.to_dict() == answer


@pytest.mark.parametrize(
    ("status", "body", "kinds"),
    [
        (200, {"status": {"success": False, "details": "Could not find the given key (1/2)"}}, (NotFoundError,)),
        (400, {"detail": "Item was not found."}, (exceptions.BadRequestException, NotFoundError)),
        (401, {"detail": "You are not authorised."}, (exceptions.AuthException, PermissionDeniedError)),
        (404, {"detail": "Not Found"}, (exceptions.NotFoundException, NotFoundError)),
        (422, {"detail": []}, (exceptions.HTTPValidationException,)),
        (500, {"detail": "down"}, (exceptions.ServerException,)),
        (200, b"<html>", (exceptions.ValidationException,)),
    ],
)
def test_errors_are_those_of_both(older: Older, status: int, body: Any, kinds: tuple[type[SDKError], ...]) -> None:
    """The exception of the older client for the status, and the error of kalbio for what it means."""
    with pytest.raises(kinds[0]) as caught:
        older("JobAPIClient", "fetch_job", Wire(body, status), ID)
    assert all(isinstance(caught.value, kind) for kind in kinds)


def test_a_write_of_unknown_fate_is_a_server_exception_too(older: Older) -> None:
    """With what the server said."""
    with pytest.raises(exceptions.ServerException) as caught:
        older("DatastoreClient", "mint_dataset", Wire({"detail": "down"}, 500), {})
    assert isinstance(caught.value, OutcomeUnknownError)
    assert (caught.value.error_code, caught.value.message) == (500, "down")


def test_sub_clients_share_the_connection(older: Older) -> None:
    """What administrators do, and the review, go over the connection and the login of the client they belong to."""
    wire = Wire({"status": {"success": True, "details": ""}})
    registry, store = older.connect("RegistryClient", wire), older.connect("DatastoreClient", wire)
    for part in (registry.admin, registry.general):
        assert part.session is registry.session
    assert registry.admin is registry.admin
    older.lab(registry.admin.export_items())
    older.lab(registry.general.general_fetch_item(ID))
    older.lab(store.review.add_dataset_reviewer(ID))
    assert [one.url.path for one in wire.asked] == [
        "/admin/export",
        "/registry/general/fetch",
        "/release/sys-reviewers/add",
    ]
    assert repr(registry) == "<RegistryClient provena.invalid reef>"
    assert repr(registry.admin) == "<RegistryAdminClient provena.invalid reef>"


def explored(*links: tuple[str, str]) -> dict[str, Any]:
    """An answer about a graph."""
    ids = sorted({id for link in links for id in link})
    nodes = [{"id": id, "item_category": "ENTITY", "item_subtype": "DATASET"} for id in ids]
    edges = [{"type": "used", "source": source, "target": target} for source, target in links]
    graph = {"directed": True, "multigraph": False, "graph": {}, "nodes": nodes, "links": edges}
    return {"status": {"success": True, "details": ""}, "record_count": len(ids), "graph": graph}


def test_a_depth_beyond_the_limit_is_walked(older: Older) -> None:
    """In requests of ten steps each, and the graph is one; what the server can do, it does in one request."""

    class Chain(Wire):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            if request.url.path.startswith("/explore"):
                start = int(request.url.params["starting_id"].removeprefix("1/"))
                steps = int(request.url.params.get("depth", 2))
                ends = range(start, min(start + steps, 24))
                self.answer = httpx.Response(200, json=explored(*((f"1/{n}", f"1/{n + 1}") for n in ends)))
            return super().handle_request(request)

    wire = Chain()
    found = older("ProvClient", "explore_upstream", wire, "1/0", 100)
    assert [one.url.params["depth"] for one in wire.asked] == ["10", "10", "10"]
    assert (found.record_count, len(found.graph["links"])) == (25, 24)
    assert found.status.success
    wire.asked.clear()
    older("ProvClient", "explore_upstream", wire, "1/0", 10)
    older("ProvClient", "explore_upstream", wire, "1/0")
    assert [dict(one.url.params) for one in wire.asked] == [
        {"starting_id": "1/0", "depth": "10"},
        {"starting_id": "1/0"},
    ]


def test_the_client_has_the_attributes_of_the_older_one(lab: Lab) -> None:
    """They share its connection; what has another name now says which."""
    made = lab.organisation("Reef")
    api = lab.api
    answer = lab(api.registry.fetch_item(made.id, "ORGANISATION", models.OrganisationFetchResponse))
    assert answer.item.display_name == "Reef"
    assert lab(api.id_api.mint({"value_type": "DESC", "value": "x"})).properties[0].value == "x"
    for name, kind in (
        ("datastore", "DatastoreClient"), ("prov_api", "ProvClient"), ("auth_api", "AuthClient"),
        ("job_api", "JobAPIClient"), ("id_api", "IdServiceClient"),
    ):  # fmt: skip
        part = getattr(api, name)
        assert (type(part).__name__, part.session is api.session) == (kind, True)
        assert lab(part.get_health_check()).message if hasattr(part, "get_health_check") else True
    assert lab.logins == 1
    assert api.registry("ORGANISATION") is api.organisations
    for owner, name, cure in (
        (api.registry, "organisation", "write client.organisations"),
        (api.registry, "version_acitvity", "write client.registry"),
        (api.datastore, "search_datasets", "write client.search.find"),
        (api.datastore, "mint_datset", "Did you mean 'mint_dataset'"),
        (api.job_api, "await_job_completion", "write client.jobs.wait"),
        (api.search, "search_registry", "write find"),
        (api.handles, "mintt", "Did you mean 'mint'"),
    ):
        with row(name), pytest.raises(AttributeError, match=re.escape(cure)):
            getattr(owner, name)
    assert not hasattr(api.registry, "_private")


def test_a_client_costs_nothing_of_the_older_one_until_it_is_asked_for() -> None:
    """Its classes are loaded with its attributes."""
    code = (
        "import sys; from kalbio.provena.testing import InProcess\n"
        "with InProcess() as lab:\n"
        "    lab.client.organisations\n"
        "    assert 'kalbio.provena.models' not in sys.modules\n"
        "    lab.client.datastore\n"
        "    assert 'kalbio.provena.models' in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_page_about_the_older_client_has_every_method_and_what_there_is_today(lab: Lab) -> None:
    """With their parameters; each name that it gives for today exists."""
    page = (ROOT / "docs/guide/provena-older-client.md").read_text(encoding="utf-8")
    for owner, name, method in methods():
        with row(owner, name):
            names = list(inspect.signature(method).parameters)[1:]
            section = page.partition(f"### {owner}\n")[2].partition("\n#")[0]
            assert f"| `{name}({', '.join(names)})` |" in section
    told = re.findall(r"`client\.([\w.]+)\(", page.partition("## Methods")[2].partition("## What else")[0])
    assert len(told) > 100
    for path in told:
        found = lab.api
        for part in path.split("."):
            found = getattr(found, part)
        assert callable(found), path


def test_a_report_is_the_document_that_its_job_has_made(older: Older) -> None:
    """It is waited for, and the link is followed without the token; a job that failed is an error."""

    class Server(Wire):
        status = "SUCCEEDED"

        def handle_request(self, request: httpx.Request) -> httpx.Response:
            if request.url.host == "files.invalid":
                self.asked.append(request)
                return httpx.Response(200, content=b"PK of a document")
            if request.url.path.startswith("/jobs/"):
                job = {"session_id": "s", "status": self.status, "info": "Job failed, err: no", "payload": {}}
                job["result"] = {"report_url": "https://files.invalid/report.docx"}
                return httpx.Response(200, json={"jobs": [job]} if request.method == "POST" else {"job": job})
            return super().handle_request(request)

    server = Server({"session_id": "s"})
    wanted = models.GenerateReportRequest(id=ID, item_subtype=models.ItemSubType.STUDY, depth=1)
    assert older("ProvClient", "generate_report", server, wanted) == b"PK of a document"
    assert [one.url.host for one in server.asked] == ["prov-api.provena.invalid", "files.invalid"]
    assert "authorization" not in server.asked[1].headers
    assert "authorization" in server.asked[0].headers
    server.status = "FAILED"
    with pytest.raises(SDKError, match="no"):
        older("ProvClient", "generate_report", server, wanted)
