"""The emulator kit: a second API with conventions of its own, beside the sandbox and in the same process."""

from __future__ import annotations

import ast
import asyncio
import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

import kalbio._core.emulator
from kalbio._core.emulator.calls import Answer, Call, Routes
from kalbio._core.emulator.contract import Contract
from kalbio._core.emulator.conventions import Conventions
from kalbio._core.emulator.emulator import Emulator
from kalbio._core.emulator.faults import Fault
from kalbio._core.emulator.in_process import EmulatorTransport
from kalbio._core.emulator.messages import Request
from kalbio._core.emulator.reference import Reference
from kalbio._core.emulator.refusals import Code, Problem, Refusal
from kalbio._core.emulator.server import serve
from kalbio.sandbox import Sandbox
from tests.sandbox.wire import Api

KIT = Path(kalbio._core.emulator.__file__).parent


def content(schema: dict[str, Any]) -> dict[str, Any]:
    """A body of JSON."""
    return {"content": {"application/json": {"schema": schema}}}


ERROR = {"description": "error", **content({"type": "object", "required": ["detail"]})}
JOB: dict[str, Any] = {
    "type": "object",
    "required": ["id", "name"],
    "properties": {"id": {"type": "string"}, "name": {"type": "string"}},
}
NEW_JOB: dict[str, Any] = {
    "type": "object",
    "required": ["name"],
    "properties": {"name": {"type": "string"}, "priority": {"type": "integer"}},
}
SPEC: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "Jobs", "version": "1"},
    "security": [{"bearer": []}],
    "components": {"securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}}},
    "paths": {
        "/": {
            "get": {
                "operationId": "healthCheck",
                "tags": ["jobs"],
                "security": [],
                "responses": {"200": {"description": "ok", **content({"type": "object"})}},
            }
        },
        "/jobs": {
            "get": {
                "operationId": "listJobs",
                "tags": ["jobs"],
                "parameters": [
                    {"name": "name", "in": "query", "schema": {"type": "array", "items": {"type": "string"}}},
                    {"name": "limit", "in": "query", "schema": {"type": "integer", "minimum": 1}},
                ],
                "responses": {"200": {"description": "ok", **content({"type": "array", "items": JOB})}, "4XX": ERROR},
            },
            "post": {
                "operationId": "launchJob",
                "tags": ["jobs"],
                "requestBody": {"required": True, **content(NEW_JOB)},
                "responses": {
                    "200": {"description": "ok", **content({"type": "object", "required": ["job"]})},
                    "4XX": ERROR,
                },
            },
        },
    },
}


class Jobs:
    """State without a database: a list, and how it was before the transaction."""

    def __init__(self) -> None:
        self.jobs: list[dict[str, Any]] = []
        self._before: list[dict[str, Any]] | None = None

    def begin(self) -> None:
        """Remember how it was."""
        self._before = copy.deepcopy(self.jobs)

    def commit(self) -> None:
        """Forget how it was."""
        self._before = None

    def rollback(self) -> None:
        """Make it as it was."""
        if self._before is not None:
            self.jobs, self._before = self._before, None

    def close(self) -> None:
        """Nothing is held."""


ROUTES: Routes[Jobs] = Routes()


@ROUTES.operation("healthCheck")
def health_check(call: Call[Jobs]) -> Any:
    """Say that it is there."""
    return {"message": "ok"}


@ROUTES.operation("listJobs")
def list_jobs(call: Call[Jobs]) -> Any:
    """The jobs with one of the names, up to a limit."""
    names = call.query.get("name")
    found = [job for job in call.store.jobs if names is None or job["name"] in names]
    return found[: call.query.get("limit", 100)]


@ROUTES.operation("launchJob")
def launch_job(call: Call[Jobs]) -> Any:
    """A new job of the caller."""
    job = {"id": f"{call.caller}/{len(call.store.jobs) + 1}", "name": call.body["name"]}
    call.store.jobs.append(job)
    if job["name"] == "forbidden":
        raise Refusal(400, "this name is forbidden")
    return {"job": job}


class Users:
    """Bearer tokens, each the name of a user."""

    def __init__(self) -> None:
        self.users = {"sandbox-token-alice": "alice"}

    def authenticate(self, call: Call[Jobs]) -> str:
        """The user that a token belongs to."""
        scheme, _, token = (call.request.header("authorization") or "").partition(" ")
        if scheme.lower() != "bearer":
            raise Refusal(401, "Not authenticated")
        if token not in self.users:
            raise Refusal(401, "Could not validate credentials")
        return self.users[token]

    def issue_token(self) -> str:
        """The token of a new user."""
        token = f"sandbox-token-{len(self.users)}"
        self.users[token] = "admin"
        return token

    def expire_tokens(self) -> None:
        """End all tokens."""
        self.users.clear()

    revoke_tokens = expire_tokens


def error_answer(refusal: Refusal) -> Answer:
    """Errors of another form: `detail`, which is a list for what breaks the description, with 422."""
    if refusal.problems:
        return Answer({"detail": [{"loc": list(p.location), "msg": p.message} for p in refusal.problems]}, 422)
    if refusal.code == Code.CONTRACT_VIOLATION:
        return Answer(b"Internal Server Error", 500, (("content-type", "text/plain"),))
    headers = (("www-authenticate", "Bearer"),) if refusal.status == 401 else ()
    return Answer({"detail": refusal.message}, refusal.status, headers)


def make() -> Emulator[Jobs]:
    """A toy that serves its jobs under a path of their own."""
    return Emulator(
        Contract(SPEC, base_paths={"jobs": "/job-api"}),
        ROUTES,
        Jobs(),
        authenticator=Users(),
        conventions=Conventions(
            error_answer=error_answer,
            ids_of=lambda body: (body["job"]["id"],),
            logins=frozenset({"healthCheck"}),
            headers=(("x-service", "jobs"),),
            exposed_headers=("x-service",),
        ),
        reference=Reference("Jobs", scheme="bearer"),
    )


@pytest.fixture
def toy() -> Iterator[Emulator[Jobs]]:
    """A toy."""
    with make() as emulator:
        yield emulator


@pytest.fixture(params=["in process", "port"])
def http(toy: Emulator[Jobs], request: pytest.FixtureRequest) -> Iterator[httpx.Client]:
    """A plain client of the toy that is logged in, in this process or on a port."""
    headers = {"Authorization": "Bearer sandbox-token-alice"}
    if request.param == "in process":
        with httpx.Client(
            base_url="http://sandbox.invalid/job-api", headers=headers, transport=EmulatorTransport(toy)
        ) as client:
            yield client
    else:
        with (
            serve(toy) as server,
            httpx.Client(base_url=server.url + "/job-api", headers=headers, trust_env=False) as client,
        ):
            yield client


def test_another_api_is_emulated(toy: Emulator[Jobs], http: httpx.Client) -> None:
    """Its operations work under their base path, with lists in the query, the caller, headers and ledger of its own."""
    made = [http.post("/jobs", json={"name": name, "extra": 1}) for name in ("a", "b", "c")]
    found = http.get("/jobs", params={"name": ["a", "c"], "limit": 2})

    assert [answer.json()["job"]["id"] for answer in made] == ["alice/1", "alice/2", "alice/3"]
    assert [job["name"] for job in found.json()] == ["a", "c"]
    assert found.headers["x-service"] == "jobs"
    assert found.headers["content-type"] == "application/json"
    assert [(e.operation, e.path, e.status, e.ids) for e in toy.ledger] == [
        ("launchJob", "/job-api/jobs", 200, (f"alice/{number}",)) for number in (1, 2, 3)
    ]


def test_errors_have_the_form_of_the_platform(toy: Emulator[Jobs], http: httpx.Client) -> None:
    """Status, body and headers of every refusal are those of the conventions, and what was written is undone."""
    assert http.get("/", headers={"Authorization": "nobody"}).json() == {"message": "ok"}
    nobody = http.get("/jobs", headers={"Authorization": "Bearer nobody"})
    wrong = http.post("/jobs", json={"priority": "x"})
    query = http.get("/jobs", params={"limit": 0})
    both = http.get("/jobs", params={"limit": 0, "size": 1})
    known = http.post("/jobs", json={"name": "forbidden"})

    assert (nobody.status_code, nobody.headers["www-authenticate"]) == (401, "Bearer")
    assert nobody.json() == {"detail": "Could not validate credentials"}
    assert wrong.status_code == 422
    assert sorted(item["loc"] for item in wrong.json()["detail"]) == [["body"], ["body", "priority"]]
    assert [item["loc"] for item in query.json()["detail"]] == [["query", "limit"]]
    assert [item["loc"] for item in both.json()["detail"]] == [["query", "size"], ["query", "limit"]]
    assert (known.status_code, known.json()) == (400, {"detail": "this name is forbidden"})
    assert http.delete("/jobs").status_code == 405
    assert http.get("/nothing").status_code == 404
    assert toy.store.jobs == []


def test_an_answer_that_breaks_the_description_is_found(toy: Emulator[Jobs], http: httpx.Client) -> None:
    """It becomes the platform's internal error, and only the emulator whose handler it was is changed."""
    toy.routes.handlers["listJobs"] = lambda call: [{"id": 5}]

    answer = http.get("/jobs")

    assert (answer.status_code, answer.text) == (500, "Internal Server Error")
    with make() as other:
        headers = [("authorization", "Bearer sandbox-token-alice")]
        assert other.handle(Request("GET", "/job-api/jobs", headers)).status == 200


@pytest.mark.parametrize(
    ("fault", "met", "done"),
    [
        ({"reset": True}, httpx.ReadError, False),
        ({"lose_answer": True}, httpx.ReadError, True),
        ({"status": 503, "retry_after": 2}, 503, False),
        ({"expire_tokens": True}, 401, False),
    ],
)
def test_faults_hit_it(toy: Emulator[Jobs], http: httpx.Client, fault: dict[str, Any], met: Any, done: bool) -> None:
    """Faults are met as on any emulator, injected errors have the platform's form, and the ledger tells the truth."""
    toy.faults.add(Fault("launchJob", **fault))

    if isinstance(met, int):
        answer = http.post("/jobs", json={"name": "a"})
        assert (answer.status_code, list(answer.json())) == (met, ["detail"])
        assert answer.headers.get("retry-after") == ("2" if "retry_after" in fault else None)
    else:
        with pytest.raises(met):
            http.post("/jobs", json={"name": "a"})

    assert len(toy.store.jobs) == done
    assert [(entry.fault, entry.done) for entry in toy.ledger] == [(next(iter(fault)), done)]


def test_faults_are_those_of_its_operations(toy: Emulator[Jobs]) -> None:
    """An operation of another API is refused with what comes close, and a login is hit only by its name."""
    with pytest.raises(ValueError, match="there is no operation 'launchjob'; did you mean launchJob"):
        toy.faults.add(Fault("launchjob", reset=True))
    with pytest.raises(ValueError, match="there is no operation 'createProgram'"):
        toy.faults.add_line("createProgram:reset")
    toy.faults.add_line("*:reset")

    assert toy.faults.take("healthCheck") is None
    assert toy.faults.take("listJobs") is not None


def test_an_async_client_in_process(toy: Emulator[Jobs]) -> None:
    """The same transport answers async clients, and notes requests without their credentials."""
    transport = EmulatorTransport(toy)

    async def ask() -> int:
        headers = {"Authorization": "Bearer sandbox-token-alice"}
        async with httpx.AsyncClient(transport=transport, headers=headers) as client:
            return (await client.get("http://sandbox.invalid/job-api/jobs")).status_code

    assert asyncio.run(ask()) == 200
    (exchange,) = transport.exchanges
    assert (exchange.target, exchange.status) == ("/job-api/jobs", 200)
    assert "authorization" not in exchange.headers


def test_two_emulators_live_in_one_process() -> None:
    """Two toys and a sandbox, each on a port, keep state, routes, faults and tokens to themselves."""
    with make() as one, make() as other, Sandbox(seed="empty") as sandbox:
        with serve(one) as first, serve(other, allow_origins=["http://page"]) as second, serve(sandbox) as third:
            one.faults.add(Fault(reset=True, times=None))
            headers = {"Authorization": "Bearer sandbox-token-alice", "Origin": "http://page"}
            answer = httpx.post(second.url + "/job-api/jobs", json={"name": "a"}, headers=headers)
            page = httpx.get(first.reference_url)
            described = httpx.get(first.url + "/openapi.json").json()
            refused = httpx.get(third.url + "/programs", headers=headers | {"Origin": third.url})
        programs = Api(sandbox).read("/programs")

    assert answer.json()["job"]["name"] == "a"
    assert answer.headers["access-control-expose-headers"] == "x-service"
    assert "<title>Jobs</title>" in page.text
    assert list(described["paths"]) == ["/job-api/", "/job-api/jobs"]
    assert refused.json()["code"] == "unauthorized"
    assert (one.store.jobs, len(other.store.jobs), programs) == ([], 1, [])
    assert [entry.operation for entry in other.ledger] == ["launchJob"]
    assert [entry.operation for entry in sandbox.ledger] == ["createToken"]


def test_routes_take_one_handler_for_an_operation() -> None:
    """A second one is refused, also when routes are put together."""
    routes: Routes[Jobs] = Routes()
    routes.include(ROUTES)

    with pytest.raises(ValueError, match="healthCheck is answered twice"):
        routes.include(ROUTES)


def test_a_path_has_one_base() -> None:
    """Operations of one path with tags that are served in different places cannot be served."""
    spec = copy.deepcopy(SPEC)
    spec["paths"]["/jobs"]["post"]["tags"] = ["admin"]

    with pytest.raises(ValueError, match="/jobs have tags with different base paths: admin, jobs"):
        Contract(spec, base_paths={"jobs": "/job-api"})


def test_a_problem_says_which_rule_is_broken(toy: Emulator[Jobs]) -> None:
    """So that a platform can word it in its own way."""
    operation = next(one for one in toy.contract.operations if one.id == "launchJob")
    with pytest.raises(Refusal) as caught:
        toy.contract.check_body(operation, "application/json", {"priority": 1})

    (problem,) = caught.value.problems
    assert (problem.location, problem.rule) == (("body",), "required")
    assert isinstance(problem, Problem)


def test_the_kit_knows_no_client_and_no_platform() -> None:
    """It imports itself and the reader of descriptions; its transport the names of the HTTP library too, and its log
    what hides secrets.
    """
    wrong = []
    reader = KIT.parent / "description"
    for path in (*sorted(KIT.glob("*.py")), reader / "document.py", reader / "checks.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            allowed = (
                "kalbio._core.description",
                *(["kalbio._core.emulator"] if path.parent == KIT else []),
                *(["kalbio._core.http.httpx_names"] if path.stem == "in_process" else []),
                *(["kalbio._core.text"] if path.stem == "access_log" else []),
            )
            own = [name for name in names if name.split(".")[0] in ("kalbio", "kaleidoscope_api")]
            wrong += [(path.name, name) for name in own if not name.startswith(tuple(allowed))]
    assert wrong == []
