"""Where requests go, what refusals mean, and what else can be read."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from kalbio._core.errors import (
    APIError,
    AuthenticationError,
    NotFoundError,
    OutcomeUnknownError,
    PermissionDeniedError,
    SDKError,
    ServerError,
    SettingError,
    ValidationError,
)
from kalbio.provena import APIOverrides, AsyncProvenaClient, ClientCredentialsFlow, Config, ProvenaClient
from kalbio.provena._model.services import SERVICES
from kalbio.provena.sandbox.contract import load_contract
from tests.provena.conftest import Lab

CONFIG = Config("provena.invalid", "reef")


class Wire(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """Logs in whoever asks, and gives one answer to everything else."""

    def __init__(self, status: int = 200, body: Any = None) -> None:
        self.answer = (status, body)
        self.asked: list[str] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer."""
        self.asked.append(f"{request.method} {request.url.copy_with(query=None)}")
        if request.url.path.endswith("/token"):
            return httpx.Response(200, json={"access_token": "sandbox-token-x", "expires_in": 300})
        status, body = self.answer
        if isinstance(body, str):
            return httpx.Response(status, text=body)
        return httpx.Response(status, json=body)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer."""
        await request.aread()
        return self.handle_request(request)

    @property
    def tries(self) -> int:
        """Requests that were no logins."""
        return sum("/token" not in one for one in self.asked)


def connect(lab: Lab, wire: Wire, config: Config = CONFIG) -> Any:
    """A client on a wire."""
    return lab.connect(ClientCredentialsFlow(config, "a", "sandbox-secret-b"), transport=wire)


def test_every_service_is_asked_at_its_own_address(lab: Lab) -> None:
    """Without the prefixes of the description; the login goes to the realm."""
    wire = Wire(200, {"message": "well"})
    health = lab(connect(lab, wire).health())
    assert wire.asked == [
        "POST https://auth.provena.invalid/auth/realms/reef/protocol/openid-connect/token",
        "GET https://auth-api.provena.invalid/",
        "GET https://data-api.provena.invalid/",
        "GET https://handle.provena.invalid/",
        "GET https://job-api.provena.invalid/",
        "GET https://prov-api.provena.invalid/",
        "GET https://registry-api.provena.invalid/",
        "GET https://search.provena.invalid/",
    ]
    assert list(health) == [one.tag for one in SERVICES[:-1]]
    assert all(one.ok for one in health.values())


def test_a_service_may_be_elsewhere(lab: Lab) -> None:
    """An override is taken as it is, with a path and without the slash at its end."""
    overrides = APIOverrides(
        registry_api_endpoint_override="https://other.invalid/reg/", keycloak_endpoint_override="https://id.invalid/r"
    )
    wire = Wire(200, {"status": {"success": True, "details": ""}, "item": None})
    client = connect(lab, wire, Config("provena.invalid", "reef", overrides))
    assert lab(client.persons.get("10378.1/1")) is None
    assert wire.asked == [
        "POST https://id.invalid/r/protocol/openid-connect/token",
        "GET https://other.invalid/reg/registry/agent/person/fetch",
    ]


def test_the_health_of_all_services_tells_which_one_is_not_well(lab: Lab) -> None:
    """A service that does not answer is told with its reason, and the others are asked all the same."""
    assert all(one.ok for one in lab(lab.api.health()).values())
    health = lab(connect(lab, Wire(503, {"detail": "down"})).health())
    assert len(health) == 7
    assert not any(one.ok for one in health.values())
    assert "503" in health["registry"].message


def test_the_table_of_services_is_that_of_the_description() -> None:
    """Prefixes and addresses."""
    described = load_contract().spec["x-services"]
    assert {
        one.tag: {"prefix": f"/{one.prefix}", "host": one.address.removeprefix("https://")} for one in SERVICES
    } == described


DETAIL = "detail"
GONE = "Could not find the given key (10378.1/0) in the registry."
WRAPPED = "Unexpected non 200 status code in dataset minting process. Status code: 400. Details: You must link."


@pytest.mark.parametrize(
    ("status", "body", "kind", "tries"),
    [
        (200, {"status": {"success": False, "details": GONE}}, NotFoundError, 1),
        (200, {"status": {"success": False, "details": "Validation Error: no."}}, ValidationError, 1),
        (200, {"success": False, "details": "no"}, ValidationError, 1),
        (400, {DETAIL: "Item was not found."}, NotFoundError, 1),
        (400, {DETAIL: "Failed to validate an entity's ID in the record, error: " + GONE}, ValidationError, 1),
        (401, {DETAIL: "Could not validate credentials"}, AuthenticationError, 2),
        (401, {DETAIL: "Not authenticated"}, AuthenticationError, 2),
        (401, {DETAIL: "You are not authorised to fetch this item."}, PermissionDeniedError, 1),
        (401, {DETAIL: "Cannot perform this action as the resource is locked."}, PermissionDeniedError, 1),
        (403, {DETAIL: "not now"}, PermissionDeniedError, 1),
        (404, {DETAIL: "Not Found"}, NotFoundError, 1),
        (422, {DETAIL: [{"loc": ["query", "id"], "msg": "field required", "type": "x"}]}, ValidationError, 1),
        (500, {DETAIL: WRAPPED}, ValidationError, 1),
        (500, {DETAIL: "The provided id 1/2 was not a valid registry                item. Error."}, NotFoundError, 1),
        (500, {DETAIL: "Failed to query the database."}, ServerError, 3),
        (500, "Internal Server Error", ServerError, 3),
    ],
)
def test_a_refusal_is_what_its_text_means(lab: Lab, status: int, body: Any, kind: type[APIError], tries: int) -> None:
    """Its class, whether it is tried again, and the server's words; the status stays the one that was sent."""
    from provena_api.api.registry import registry_item_auth_evaluate
    from provena_api.models import RegistryCategorySegment, RegistrySubtypeSegment

    wire = Wire(status, body)
    place = RegistryCategorySegment("agent"), RegistrySubtypeSegment("person")
    with pytest.raises(kind) as caught:
        lab(connect(lab, wire).call(registry_item_auth_evaluate.build_request(*place, id="1/2")))
    assert type(caught.value) is kind
    assert caught.value.status_code == status
    assert wire.tries == tries
    if isinstance(body, dict):
        assert caught.value.message
        assert caught.value.message in json.dumps(body) or "query.id: field required" in caught.value.message


def test_only_what_reads_is_sent_again(lab: Lab) -> None:
    """A list is repeated after a failure of the server; a creation is of unknown fate."""
    wire = Wire(500, {DETAIL: "Failed to query the database."})
    client = connect(lab, wire)
    with pytest.raises(ServerError):
        lab(client.persons.list().all())
    assert wire.tries == 3
    with pytest.raises(OutcomeUnknownError):
        lab(client.organisations.create(display_name="x", name="x"))
    assert wire.tries == 4


def test_a_search_gives_ids_and_scores(lab: Lab) -> None:
    """The best first, of one subtype, and never silently fewer than asked for."""
    for name in ("coral reef", "coral"):
        lab.organisation(name)
    hits = lab(lab.api.search.find("coral reef", subtype="ORGANISATION", limit=5))
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    assert lab(lab.api.organisations.get(hits[0])).display_name == "coral reef"
    assert lab(lab.api.search.find("coral", subtype="PERSON")) == []
    for wrong in ({"limit": 51}, {"limit": 0}, {"subtype": "PEOPLE"}):
        with pytest.raises(ValueError, match=r"50|PEOPLE"):
            lab(lab.api.search.find("coral", **wrong))


def test_a_handle_has_values(lab: Lab) -> None:
    """Of an item it leads to the registry; an unknown one, which the server fails at, is None."""
    made = lab.organisation("Reef")
    handle = lab(lab.api.handles.get(made.id))
    assert handle.url == "https://registry.sandbox.invalid"
    assert lab(lab.api.handles.get("10378.1/0")) is None
    with pytest.raises(ValueError, match="a handle looks like"):
        lab(lab.api.handles.get("Reef"))
    with pytest.raises(ServerError):
        lab(lab.api.handles.ids())


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: Config("https://provena.invalid", "x"), "got 'https://provena.invalid': give it without https://;"),
        (lambda: Config("provena.invalid:8080/api", "x"), "give it without a port and a path$"),
        (
            lambda: Config("ada:sandbox-secret@b.invalid", "x"),
            r"got '\[hidden\]@b.invalid': give it without a user and a pass",
        ),
        (
            lambda: Config("b.invalid", "https://ada:sandbox-secret@b.invalid/x"),
            r"slashes; got 'https://\[hidden\]@b.invalid/x'$",
        ),
        (lambda: Config("provena..invalid", "x"), "domain is the host .* not a valid host name"),
        (lambda: Config("provena.invalid", "a/b"), "realm_name is a name"),
        (lambda: Config("", "x"), "domain must be text"),
        (lambda: APIOverrides(auth_api_endpoint_override="auth.invalid"), "auth_api_endpoint_override cannot be used"),
        (lambda: ProvenaClient(domain="provena.invalid"), "realm is missing"),
        (lambda: ProvenaClient(domain="provena.invalid", realm="x"), "auth is missing"),
        (lambda: AsyncProvenaClient("token", CONFIG), "auth must be a login"),  # type: ignore[arg-type]
        (lambda: ProvenaClient(None, CONFIG, realm="x"), "cannot be given together"),
    ],
)
def test_settings_that_cannot_be_used_are_named(make: Any, reason: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """When a client is made, before anything is sent."""
    for name in ("DOMAIN", "REALM", "CLIENT_ID", "CLIENT_SECRET", "OFFLINE_TOKEN"):
        monkeypatch.delenv(f"PROVENA_{name}", raising=False)
    with pytest.raises(SettingError, match=reason):
        make()


def test_the_environment_can_say_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    """Domain, realm and credentials."""
    for name, value in (
        ("DOMAIN", "provena.invalid"),
        ("REALM", "reef"),
        ("CLIENT_ID", "a"),
        ("CLIENT_SECRET", "sandbox-secret-b"),
    ):
        monkeypatch.setenv(f"PROVENA_{name}", value)
    with ProvenaClient() as client:
        assert client.config == Config("provena.invalid", "reef")
        assert repr(client) == "<ProvenaClient provena.invalid reef>"


def test_a_closed_client_says_so(lab: Lab) -> None:
    """Every call raises, the health check included."""
    lab(lab.api.close() if lab.world.kind == "sync" else lab.api.aclose())
    for call in (lab.api.health, lambda: lab.api.persons.get("10378.1/1")):
        with pytest.raises(SDKError, match="closed"):
            lab(call())


def test_what_the_stand_in_does_not_have_it_names() -> None:
    """501, with the operation; and a body that is missing, with 422."""
    from kalbio._core.emulator.messages import Request
    from kalbio.provena.sandbox import Sandbox

    with Sandbox() as sandbox:
        headers = [("authorization", f"Bearer {sandbox.issue_token()}")]
        del sandbox.routes.handlers["registryAdminSentryDebug"]
        answer = sandbox.handle(Request("GET", "/registry-api/admin/sentry-debug", headers))
        assert answer.status == 501
        assert "registryAdminSentryDebug" in answer.body.decode()
        missing = sandbox.handle(Request("POST", "/registry-api/registry/activity/study/create", headers))
        assert missing.status == 422
        assert json.loads(missing.body)["detail"] == [
            {"loc": ["body"], "msg": "field required", "type": "value_error.missing"}
        ]


def test_a_missing_role_is_told_before_a_wrong_request() -> None:
    """Token, role, request: in this order, as the servers look."""
    from kalbio._core.emulator.messages import Request
    from kalbio.provena.sandbox import Sandbox

    with Sandbox() as sandbox:
        form = f"grant_type=refresh_token&client_id=x&refresh_token={sandbox.offline_token('dave')}".encode()
        kind = [("content-type", "application/x-www-form-urlencoded")]
        token = json.loads(sandbox.handle(Request("POST", "/identity/protocol/openid-connect/token", kind, form)).body)
        for header, path, status in (
            (token["access_token"], "/registry-api/registry/agent/person/fetch", 401),
            (token["access_token"], "/id-service-api/handle/get", 401),
            ("sandbox-token-of-nobody", "/registry-api/registry/agent/person/fetch", 401),
            (sandbox.issue_token(), "/registry-api/registry/agent/person/fetch", 422),
        ):
            answer = sandbox.handle(Request("GET", path, [("authorization", f"Bearer {header}")]))
            assert answer.status == status
            assert b"correct role" in answer.body or header != token["access_token"]


def test_what_a_value_may_be_is_told_with_a_refusal() -> None:
    """The members of an enumeration and limits, in the words of the servers."""
    from kalbio._core.emulator.messages import Request
    from kalbio.provena.sandbox import Sandbox

    with Sandbox() as sandbox:
        headers = [("authorization", f"Bearer {sandbox.issue_token()}"), ("content-type", "application/json")]
        target = "/search-api/search/entity-registry?query=a&subtype_filter=REEF"
        (told,) = json.loads(sandbox.handle(Request("GET", target, headers[:1])).body)["detail"]
        assert told["msg"].startswith(
            "value is not a valid enumeration member; permitted: 'WORKFLOW_RUN', 'MODEL_RUN', "
        )
        assert (told["loc"], told["type"]) == (["query", "subtype_filter"], "type_error.enum")
        assert "MODEL" in told["ctx"]["enum_values"]
        body = json.dumps({"dataset_id": "1/2", "file_path": "a", "expires_in": 86_401}).encode()
        target = "/data-store-api/registry/items/generate-presigned-url"
        answer = sandbox.handle(Request("POST", target, headers, body))
        if answer.status != 501:
            assert json.loads(answer.body)["detail"] == [
                {
                    "loc": ["body", "expires_in"],
                    "msg": "ensure this value is less than or equal to 86400",
                    "type": "value_error.number.not_le",
                    "ctx": {"limit_value": 86400},
                }
            ]


def test_refusals_read_like_sentences(lab: Lab) -> None:
    """What is wrong stands after method, path and status in the words of the server, without JSON around it."""
    data = {
        "display_name": "Coral",
        "name": "Coral",
        "description": "Grows corals",
        "source_url": "https://a.example.org",
    }
    lab.linked()
    with pytest.raises(ValidationError) as caught:
        lab(lab.api.models.create(**data, documentation_url="no url"))
    assert str(caught.value).endswith("with status 422: documentation_url: invalid or missing URL scheme")
    assert b'"loc"' in caught.value.response_body
    failed = {"status": {"success": False, "details": "No such thing here."}}
    with pytest.raises(ValidationError) as caught:
        lab(connect(lab, Wire(200, failed)).organisations.create(display_name="x", name="x"))
    assert str(caught.value).endswith("with status 200: No such thing here.")
    several = {"detail": [{"loc": ["body", "a", 0], "msg": "no"}, {"loc": ["body"], "msg": "field required"}, "odd"]}
    with pytest.raises(ValidationError, match=r"status 422: a\.0: no; body: field required; odd$"):
        lab(connect(lab, Wire(422, several)).organisations.create(display_name="x", name="x"))


def test_a_missing_role_names_the_way_to_it(lab: Lab) -> None:
    """The refusal says where roles are told and asked for."""
    with pytest.raises(
        PermissionDeniedError, match=r"correct role\. client\.access\.report\(\) tells .*request\("
    ) as caught:
        lab(lab.login("carol").organisations.create(display_name="x", name="x"))
    assert "client.access.request(...)" in caught.value.cure
    assert "{" not in str(caught.value)


def test_hits_tell_what_they_are_where_that_is_asked_for(lab: Lab) -> None:
    """With their names and subtypes, also in a notebook; of what is gone and what one may not read, the id stays."""
    reef, coral = lab.organisation("Reef coral"), lab.organisation("Coral")
    lab(coral.set_access(general=[]))
    hits = lab(lab.login("alice").search.find("coral", names=True))
    named = {hit.id: (hit.display_name, hit.item_subtype) for hit in hits}
    assert named == {reef.id: ("Reef coral", "ORGANISATION"), coral.id: (None, None)}
    assert "'Reef coral'" in repr(hits)
    assert "ORGANISATION" in hits._repr_html_()
    assert lab.asked.count("registryGeneralFetch") == 2
    assert lab(lab.api.search.find("coral"))[0].display_name is None


def test_a_notebook_shows_times_and_completion_what_to_write(lab: Lab) -> None:
    """Of jobs and groups of them times, no seconds; of services no calls that they make of each other."""
    job = lab(lab.api.jobs.admin.launch("REGISTRY_WAKE_UP", {"reason": "a test"}))
    for shown in (lab(job.refetch())._repr_html_(), lab(lab.api.jobs.list().all())._repr_html_()):
        assert " UTC" in shown
        assert str(job.created_timestamp) not in shown
    assert not {"catalog", "own", "page", "checked", "look"} & set(dir(lab.api.models))
    assert {"create", "get", "subtype"} <= set(dir(lab.api.models))
