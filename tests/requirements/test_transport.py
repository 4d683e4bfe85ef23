"""R40–R60: transport and authentication, seen at the wire."""

from __future__ import annotations

import copy
import json
import logging
import pickle
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl
from uuid import UUID

import httpx
import pytest
from kaleidoscope_api.api.records import get_record
from kaleidoscope_api.operations import OPERATIONS

from kalbio import (
    AuthenticationError,
    ConflictError,
    ConnectionFailedError,
    KalbioAPIError,
    KalbioError,
    KalbioResponseError,
    NotFoundError,
    OutcomeUnknownError,
    PermissionDeniedError,
    RateLimitError,
    RequestTimeoutError,
    RetryPolicy,
    ServerError,
    Timeouts,
    TransportError,
    ValidationError,
)
from kalbio._core.errors import clip
from kalbio.client import PROD_API_URL
from kalbio.sandbox import Request, Sandbox
from tests.altered import replace
from tests.conftest import Lab, World
from tests.core.conftest import core  # noqa: F401  # a fixture
from tests.core.wire import Core, Wire, answer, tokens
from tests.demo import NOWHERE
from tests.requirements.together import together

PATIENT = RetryPolicy(attempts=4, base=0)


def connect(world: World, wire: Wire, **options: Any) -> Any:
    """Make a client on a scripted wire."""
    return world.connect(**{"retries": 0, **options, "transport": wire})


class Counting(ThreadingHTTPServer):
    """A real server that answers from a sandbox and counts connections."""

    daemon_threads = True

    def __init__(self, sandbox: Sandbox) -> None:
        self.opened = 0
        self.ended = threading.Event()
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def setup(self) -> None:
                server.opened += 1
                super().setup()

            def finish(self) -> None:
                super().finish()
                server.ended.set()

            def handle_any(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                given = sandbox.handle(Request(self.command, self.path, tuple(self.headers.items()), body))
                self.send_response(given.status)
                for name, value in given.headers:
                    self.send_header(name, value)
                self.send_header("content-length", str(len(given.body)))
                self.end_headers()
                self.wfile.write(given.body)

            do_GET = do_POST = do_PUT = do_DELETE = handle_any

            def log_message(self, format: str, *args: Any) -> None:
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


@pytest.fixture
def counting() -> Iterator[Counting]:
    """A sandbox behind a server that counts connections."""
    sandbox = Sandbox()
    server = Counting(sandbox)
    yield server
    server.shutdown()
    server.server_close()
    sandbox.close()


def file_property(lab: Lab, world: World) -> Any:
    """Return a property of type file."""
    run = world(
        lab.api.activities.create_activity("Run", "experiment", activity_definition_id="Assay results registration")
    )
    return next(item for item in run.properties if item.field_type == "file")


def test_r040_uploads_are_multipart_with_their_boundary(lab: Lab, world: World) -> None:
    """An upload names the boundary that its body has, and only JSON bodies are called JSON."""
    world(file_property(lab, world).update_property_file("a.csv", b"a,b", "text/csv"))

    upload = next(item for item in lab.exchanges if item.operation == "uploadPropertyFile")
    kind, _, boundary = upload.headers["content-type"].partition("; boundary=")
    assert (kind, upload.status) == ("multipart/form-data", 200)
    assert boundary
    assert upload.body.startswith(f"--{boundary}\r\n".encode())
    assert upload.body.endswith(f"--{boundary}--\r\n".encode())
    for item in lab.exchanges:
        if item.headers.get("content-type") == "application/json":
            json.loads(item.body)
    assert {item.headers.get("content-type") for item in lab.exchanges if item.method == "GET"} == {None}
    login = next(item for item in lab.exchanges if item.operation == "createToken")
    assert login.headers["content-type"] == "application/x-www-form-urlencoded"


def test_r041_one_connection_serves_many_calls_and_is_closed(world: World, counting: Counting) -> None:
    """The login and all calls go over one connection, which ends with the context; a closed client says so."""
    client = world.connect(url=counting.url, http2=False, proxy=None)
    world(client.__enter__() if world.kind == "sync" else client.__aenter__())
    for _ in range(5):
        assert len(world(client.programs.get_programs(use_cache=False))) == 2
    world(client.programs.create_program("Reused"))
    assert counting.opened == 1
    assert not counting.ended.is_set()

    world(client.__exit__(None, None, None) if world.kind == "sync" else client.__aexit__(None, None, None))

    assert counting.ended.wait(5)
    with pytest.raises(RuntimeError, match="closed"):
        world(client.programs.get_programs(use_cache=False))


@pytest.mark.parametrize("failure", [429, 502, 503, 504, httpx.ConnectError("refused"), httpx.ReadError("reset")])
def test_r042_reads_are_retried_with_back_off(core: Core, failure: Any) -> None:  # noqa: F811
    """A read survives what passes; the waits grow and are drawn at random up to their limit."""
    wire = Wire(failure, failure, answer(200, {"id": "1"}))
    whole = core.open(wire)
    assert core.call(whole).status_code == 200
    assert core.clock.pauses == [0.5, 1.0]

    wire = Wire(failure, answer(200, {"id": "1"}))
    assert core.call(core.open(wire, draw=0.25)).status_code == 200
    assert core.clock.pauses[2:] == [0.125]


@pytest.mark.parametrize("status", [429, 503])
def test_r042_retry_after_is_honoured(core: Core, status: int) -> None:  # noqa: F811
    """The server's wait is the least that is waited; one that is too long is not waited for at all."""
    core.call(core.open(Wire(answer(status, retry_after="7")), draw=0.0))
    assert core.clock.pauses == [7.0]

    wire = Wire(answer(status, retry_after="3600"))
    with pytest.raises(KalbioAPIError):
        core.call(core.open(wire))
    assert len(wire.requests) == 1


def test_r042_a_write_is_repeated_only_when_it_did_not_arrive(lab: Lab, world: World) -> None:
    """What was turned away is sent again; what may have been carried out is not, and says so."""
    api = world.connect(transport=lab.transport, retries=PATIENT)
    record = world(api.records.get_record_by_id({"Compound": "SBX-1"}))

    lab.fail("addRecordValue", refuse=True)
    lab.fail("addRecordValue", status=429, retry_after=0)
    lab.fail("addRecordValue", status=503, retry_after=0)
    world(record.add_value("Comment", "once"))
    for harm in ({"lose_answer": True}, {"time_out": True}, {"status": 502}, {"status": 504}, {"status": 503}):
        lab.fail("addRecordValue", **harm)
        with pytest.raises(OutcomeUnknownError):
            world(record.add_value("Comment", "maybe"))

    assert lab.operations().count("addRecordValue") == 4 + 5
    written = [value.content for value in world(record.get_values()) if value.content in ("once", "maybe")]
    assert sorted(written) == ["maybe", "maybe", "once"]


def test_r042_a_caller_can_opt_in_to_repeat_a_write(lab: Lab, world: World) -> None:
    """A request that its caller marks as harmless to repeat is repeated after a lost answer."""
    api = world.connect(transport=lab.transport, retries=PATIENT)
    lab.fail("createProgram", lose_answer=True)
    from kaleidoscope_api.api.programs import create_program
    from kaleidoscope_api.models import CreateProgramBody

    request = create_program.build_request(body=CreateProgramBody(title="Twice"))
    request["extensions"]["idempotent"] = True
    pipe = api.raw.get_httpx_client() if world.kind == "sync" else api.raw.get_async_httpx_client()

    assert world(pipe.request(**request)).status_code < 300
    assert lab.operations() == ["createProgram", "createProgram"]


def test_r043_a_refused_token_is_renewed_once(world: World) -> None:
    """After a 401 the token is refreshed and the call replayed once; a second 401 is the caller's."""
    wire = Wire(401, answer(200, []), 401, 401)
    client = connect(world, wire)

    assert world(client.programs.get_programs(use_cache=False)) == []
    assert [seen.headers["x-kal-authorization"] for seen in wire.requests] == [
        "Bearer sandbox-token-access-1",
        "Bearer sandbox-token-access-2",
    ]
    assert [login.form["grant_type"] for login in wire.logins] == ["client_credentials", "refresh_token"]
    with pytest.raises(AuthenticationError):
        world(client.programs.get_programs(use_cache=False))
    assert (len(wire.requests), len(wire.logins)) == (4, 3)


@pytest.mark.parametrize("status", [400, 401, 403])
def test_r044_a_refused_refresh_leads_to_a_login(world: World, status: int) -> None:
    """When the refresh token is refused, the credentials are used, and the caller notices nothing."""
    wire = Wire(401, answer(200, []), logins=[tokens(1), status])
    client = connect(world, wire)

    assert world(client.programs.get_programs()) == []
    grants = [login.form["grant_type"] for login in wire.logins]
    assert grants == ["client_credentials", "refresh_token", "client_credentials"]


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_r044_a_busy_token_endpoint_is_asked_again_later(core: Core, status: int) -> None:  # noqa: F811
    """429 and 5xx of the token endpoint are waited out like those of any call; no login follows at once."""
    wire = Wire(401, answer(200, []), logins=[tokens(1), status])
    core.call(core.open(wire))

    assert [login.form["grant_type"] for login in wire.logins][:2] == ["client_credentials", "refresh_token"]
    assert len(wire.logins) == 3
    assert core.clock.pauses == [0.5]


def test_r045_parallel_callers_cause_one_login_and_one_refresh(world: World) -> None:
    """Eight callers at once: one login; when the token is refused for all of them: one refresh."""
    good = {"Bearer sandbox-token-access-1"}

    def play(request: httpx.Request) -> httpx.Response:
        return answer(200, []) if request.headers["x-kal-authorization"] in good else answer(401)

    wire = Wire(*[play] * 40)
    wire.linger = 0.05
    client = connect(world, wire)

    together(world, *[lambda: client.programs.get_programs(use_cache=False)] * 8)
    assert [login.form["grant_type"] for login in wire.logins] == ["client_credentials"]
    good.clear()
    good.add("Bearer sandbox-token-access-2")
    together(world, *[lambda: client.programs.get_programs(use_cache=False)] * 8)
    assert [login.form["grant_type"] for login in wire.logins] == ["client_credentials", "refresh_token"]


@pytest.mark.parametrize("lifetime", [2, 60, 600, 3600])
def test_r046_short_lived_tokens_are_used_for_most_of_their_life(core: Core, lifetime: float) -> None:  # noqa: F811
    """A token is renewed before its end, and not before more than half of its life has passed."""
    wire = Wire(lifetime=lifetime)
    pipe = core.open(wire)
    for _ in range(10):
        core.call(pipe)
        core.clock.now += lifetime * 0.05
    assert len(wire.logins) == 1

    core.clock.now += lifetime * 0.49
    core.call(pipe)
    assert [login.form["grant_type"] for login in wire.logins] == ["client_credentials", "refresh_token"]


def test_r047_the_wall_clock_does_not_end_a_token(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Jumps of the wall clock renew nothing; time that really passes does."""
    passed, jumped = [0.0], [0.0]
    real, wall = time.monotonic, time.time
    monkeypatch.setattr(time, "monotonic", lambda: real() + passed[0])
    monkeypatch.setattr(time, "time", lambda: wall() + jumped[0])
    wire = Wire(*[answer(200, []) for _ in range(4)], lifetime=3600)
    client = connect(world, wire)

    for jump in (0.0, 86400.0, -86400.0):
        jumped[0] = jump
        world(client.programs.get_programs(use_cache=False))
    assert len(wire.logins) == 1
    passed[0] = 3601.0
    world(client.programs.get_programs(use_cache=False))
    assert len(wire.logins) == 2


def test_r048_time_limits_of_the_client_and_of_a_block(world: World) -> None:
    """Each request carries the limits of its client, or those of the block it is made in; logins too."""
    wire = Wire(*[answer(200, []) for _ in range(3)])
    limits = Timeouts(connect=1, read=2, write=3, pool=4)
    client = connect(world, wire, timeout=limits)

    world(client.programs.get_programs(use_cache=False))
    with client.timeout(Timeouts(connect=0.5, read=600)):
        world(client.programs.get_programs(use_cache=False))
    world(client.programs.get_programs(use_cache=False))

    seen = [dict(request.extensions["timeout"]) for request in (*wire.logins, *wire.requests)]
    own = {"connect": 1, "read": 2, "write": 3, "pool": 4}
    assert seen == [own, own, {**own, "connect": 0.5, "read": 600, "write": 120, "pool": 60}, own]


def test_r048_a_silent_server_is_not_waited_for(world: World) -> None:
    """A server that takes the connection and says nothing costs no more than the limit."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        client = world.connect(url=f"http://127.0.0.1:{silent.getsockname()[1]}", retries=0, proxy=None)
        with client.timeout(0.05), pytest.raises(RequestTimeoutError):
            world(client.programs.get_programs())


def test_r049_calls_without_content_send_an_empty_object(lab: Lab, world: World) -> None:
    """Every DELETE and every POST that says nothing sends `{}` as JSON, and the strict server takes it."""
    api = lab.api
    dashboard = world(api.dashboards.get_dashboards())[0]
    category = world(dashboard.add_category("Potency", [], [], []))
    world(dashboard.remove_category(category))
    world(dashboard.remove_record(dashboard.record_ids[0]))
    template = world(api.result_table_templates.get_templates())[0]
    world(api.result_table_templates.delete_template(world(api.result_table_templates.duplicate_template(template))))
    upload = file_property(lab, world)
    file_id = world(upload.update_property_file("a.csv", b"a"))["file_id"]
    run = world(api.activities.get_activity_by_id("Run"))
    world(api.registration.register_file(run, file_id))

    empty = [
        item for item in lab.exchanges
        if item.method == "DELETE" or item.operation in ("duplicateRecordViewTemplate", "registerFile")
    ]  # fmt: skip
    assert len(empty) == 5
    assert {item.body for item in empty} == {b"{}"}
    assert {item.headers["content-type"] for item in empty} == {"application/json"}
    assert {item.status for item in empty} <= {200, 201, 204}


ERRORS = {
    400: ValidationError,
    401: AuthenticationError,
    403: PermissionDeniedError,
    404: NotFoundError,
    409: ConflictError,
    422: ValidationError,
    429: RateLimitError,
    500: ServerError,
    503: ServerError,
    418: KalbioAPIError,
}


def caught(world: World, call: Any) -> KalbioError:
    """Return the error that a call raises."""
    with pytest.raises(KalbioError) as error:
        world(call())
    return error.value


@pytest.mark.parametrize("status", ERRORS)
def test_r050_a_refusal_tells_all_that_is_known(world: World, status: int) -> None:
    """Each status has its class; path, query, body, code, message and details can be read apart."""
    body = {"code": "E7", "message": "not like this", "details": [{"path": ["title"]}]}
    steps = [answer(status, body, x_request_id="r-1")] * (2 if status == 401 else 1)
    client = connect(world, Wire(*steps), url="https://host.invalid:8443")

    error = caught(world, lambda: client.records.get_records_by_ids([NOWHERE, NOWHERE[:-1] + "1"]))

    assert type(error) is ERRORS[status]
    assert isinstance(error, KalbioAPIError)
    assert (error.status_code, error.method, error.path) == (status, "GET", OPERATIONS["listRecords"].path)
    assert dict(parse_qsl(error.query)) == {"record_ids": f"{NOWHERE},{NOWHERE[:-1]}1"}
    assert json.loads(error.response_body) == body
    assert (error.code, error.message, error.details) == ("E7", "not like this", [{"path": ["title"]}])
    assert "host.invalid" not in str(error)


def test_r050_everything_else_that_goes_wrong_has_a_type_too(world: World) -> None:
    """Unusable answers, refused logins, unusable tokens and lost connections share one base, and name the call."""
    path = OPERATIONS["listPrograms"].path
    login = OPERATIONS["createToken"].path
    for wire, kind, where in (
        (Wire(answer(200, "<html>")), KalbioResponseError, path),
        (Wire(httpx.ConnectError("no route")), ConnectionFailedError, path),
        (Wire(httpx.ReadTimeout("slow")), RequestTimeoutError, path),
        (Wire(logins=[answer(401, {"error": "invalid_client"})]), AuthenticationError, login),
        (Wire(logins=[answer(200, {"token": "?"})]), KalbioResponseError, login),
        (Wire(logins=[answer(200, "<html>")]), KalbioResponseError, login),
        (Wire(logins=[httpx.ConnectError("no route")]), ConnectionFailedError, login),
    ):
        error: Any = caught(world, connect(world, wire).programs.get_programs)
        assert type(error) is kind
        assert (error.method, error.path) == (OPERATIONS["createToken" if where == login else "listPrograms"].method,
                                              where)  # fmt: skip
    assert issubclass(ConnectionFailedError, TransportError)
    assert issubclass(RequestTimeoutError, TransportError)


LISTINGS = {
    "listActivities": lambda api: api.activities.get_activities(),
    "listActivityDefinitions": lambda api: api.activities.get_definitions(),
    "listKeyFields": lambda api: api.entity_fields.get_key_fields(),
    "listDataFields": lambda api: api.entity_fields.get_data_fields(),
    "listEntitySlices": lambda api: api.entity_types.get_types(),
    "listRecordViews": lambda api: api.record_views.get_record_views(),
    "listRecordViewTemplates": lambda api: api.result_table_templates.get_templates(),
    "listPrograms": lambda api: api.programs.get_programs(),
    "listActivityLabels": lambda api: api.labels.get_labels(),
    "listPropertyFields": lambda api: api.property_fields.get_property_fields(),
    "listWorkspaceMembers": lambda api: api.workspace.get_members(),
    "listWorkspaceGroups": lambda api: api.workspace.get_groups(),
    "listDashboards": lambda api: api.dashboards.get_dashboards(),
    "listRecords": lambda api: api.records.get_records_by_ids([NOWHERE]),
}


@pytest.mark.parametrize("operation", LISTINGS)
def test_r051_a_404_on_a_listing_keeps_its_status(lab: Lab, world: World, operation: str) -> None:
    """It is the server's refusal with its status, neither an empty list nor an unusable success."""
    replace(lab, operation, {"message": "no such route"}, status=404)

    error: Any = caught(world, lambda: LISTINGS[operation](lab.api))

    assert (type(error), error.status_code, error.message) == (NotFoundError, 404, "no such route")


def test_r052_errors_survive_copies_and_pickles(world: World, lab: Lab) -> None:
    """Every kind of error that a call raised can be copied and pickled, with all that it knows."""
    lost = connect(world, Wire(httpx.ReadError("reset")))
    errors = [
        *(caught(world, connect(world, Wire(answer(status, {"code": "x"}), 401)).programs.get_programs)
          for status in ERRORS),
        caught(world, connect(world, Wire(answer(200, "<html>"))).programs.get_programs),
        caught(world, connect(world, Wire(httpx.ConnectError("no"))).programs.get_programs),
        caught(world, connect(world, Wire(httpx.ReadTimeout("slow"))).programs.get_programs),
        caught(world, lambda: lost.programs.create_program("x")),
        caught(world, lambda: lab.api.entity_types.get_types_with_key_fields(["Compond"])),
    ]  # fmt: skip
    for error in errors:
        for twin in (copy.copy(error), copy.deepcopy(error), pickle.loads(pickle.dumps(error))):
            assert type(twin) is type(error)
            assert str(twin) == str(error)
            assert {name: str(value) for name, value in vars(twin).items()} == {
                name: str(value) for name, value in vars(error).items()
            }


@pytest.mark.parametrize("body", [b"<html>busy</html>", b"{", b"[1, 2", b"\xff\xfe"])
def test_r053_a_success_that_is_not_json_is_an_error(lab: Lab, world: World, body: bytes) -> None:
    """For lists, single objects and writes alike; the error shows what came."""
    record = world(lab.api.records.get_record_by_id({"Compound": "SBX-1"}))
    calls = {
        "listPrograms": lambda: lab.api.programs.get_programs(),
        "getRecord": record.refetch,
        "searchRecords": lambda: lab.api.records.search_records(),
        "createProgram": lambda: lab.api.programs.create_program("x"),
        "getActiveWorkspace": lambda: lab.api.workspace.get_workspace(),
    }
    for operation, call in calls.items():
        lab.fail(operation, body=body)
        error: Any = caught(world, call)
        assert type(error) is KalbioResponseError
        assert (error.method, error.response_body) == (OPERATIONS[operation].method, clip(body))


def test_r054_paths_and_queries_are_encoded(world: World) -> None:
    """An id cannot change the path it stands in, nor a value the query it stands in."""
    wire = Wire(answer(200, {"id": "a b/c?d#e%f/../g"}), answer(200, []))
    client = connect(world, wire)
    sent = get_record.build_request("a b/c?d#e%f/../g")
    pipe = client.raw.get_httpx_client() if world.kind == "sync" else client.raw.get_async_httpx_client()
    world(pipe.request(**sent))
    text = "a&b=c #ü+%20?"
    world(client.records.search_records(search_text=text))

    path = OPERATIONS["getRecord"].path.replace("{record_id}", "a%20b%2Fc%3Fd%23e%25f%2F..%2Fg")
    assert wire.requests[0].url.raw_path.decode() == path
    assert dict(parse_qsl(wire.requests[1].url.query.decode())) == {"search_text": text}


def test_r055_batches_fit_into_a_request_line(lab: Lab, world: World) -> None:
    """However long the ids and keys, no target reaches 8 kB, no batch exceeds its count, and nothing is left out."""
    ids = [str(UUID(int=number)) for number in range(1, 601)]
    keys = [f"{'ü' * 60}{number}" for number in range(60)]
    batches: list[list[str]] = []
    for name in keys[:3]:
        world(lab.api.records.get_or_create_record({"Compound": name}))
    lab.api.clear_caches()
    before = len(lab.exchanges)

    world(lab.api.records.get_records_by_ids(ids))
    world(lab.api.records.get_records_by_ids(ids[:10], batch_size=4, use_cache=False))
    found = world(lab.api.records.get_records_by_ids([{"Compound": name} for name in keys]))

    assert max(len(item.target) for item in lab.exchanges[before:]) < 8000
    for item in lab.exchanges[before:]:
        if item.operation == "listRecords":
            batches.append(httpx.URL(f"http://x{item.target}").params["record_ids"].split(","))
    # Batches are under way together, so they arrive in any order.
    assert sorted(one for batch in batches for one in batch) == sorted(ids + ids[:10])
    assert sorted(len(batch) for batch in batches[-3:]) == [2, 4, 4]
    assert [record.record_identifier for record in found] == keys[:3]


def test_r056_slashes_at_the_end_of_the_url_do_no_harm(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The path is the same with and without them, and no url means the platform's own."""
    monkeypatch.delenv("KALEIDOSCOPE_API_URL", raising=False)
    path = OPERATIONS["listPrograms"].path
    for given, expected in (
        ("https://a.invalid", f"https://a.invalid{path}"),
        ("https://a.invalid//", f"https://a.invalid{path}"),
        ("https://a.invalid/base/", f"https://a.invalid/base{path}"),
        (None, f"{PROD_API_URL}{path}"),
    ):
        wire = Wire(answer(200, []))
        world(connect(world, wire, url=given).programs.get_programs())
        assert str(wire.requests[0].url) == expected
        assert "//" not in wire.logins[0].path


def test_r057_headers_belong_to_one_client(world: World) -> None:
    """A client copies the headers it is given: neither the caller's later changes nor another client reach it."""
    given = {"X-Team": "chemistry"}
    wires = [Wire(answer(200, [])) for _ in range(3)]
    first = connect(world, wires[0], additional_headers=given)
    plain, other = connect(world, wires[1]), connect(world, wires[2])
    given["X-Team"] = "biology"
    other.additional_headers["X-Other"] = "1"

    for client in (first, plain, other):
        world(client.programs.get_programs())

    assert wires[0].requests[0].headers["x-team"] == "chemistry"
    assert "x-other" not in wires[1].requests[0].headers
    assert wires[2].requests[0].headers["x-other"] == "1"


def test_r058_the_environment_is_read_when_a_client_is_made(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is set after the import counts, changes count for the next client, and empty text counts as missing."""
    names = ("KALEIDOSCOPE_API_CLIENT_ID", "KALEIDOSCOPE_API_CLIENT_SECRET", "KALEIDOSCOPE_API_URL")
    nothing = {"client_id": None, "client_secret": None, "url": None}
    for number in ("1", "2"):
        for name, value in zip(names, (f"id-{number}", f"secret-{number}", f"https://h{number}.invalid"), strict=True):
            monkeypatch.setenv(name, value)
        wire = Wire(answer(200, []))
        world(connect(world, wire, **nothing).programs.get_programs())
        assert wire.logins[0].form["client_id"] == f"id-{number}"
        assert wire.logins[0].form["client_secret"] == f"secret-{number}"
        assert wire.logins[0].url.host == f"h{number}.invalid"

    monkeypatch.setenv(names[2], "")
    wire = Wire(answer(200, []))
    world(connect(world, wire, **nothing).programs.get_programs())
    assert str(wire.logins[0].url).startswith(PROD_API_URL)
    for name in names[:2]:
        with monkeypatch.context() as patch:
            patch.setenv(name, "")
            with pytest.raises(ValueError, match=name):
                connect(world, Wire(), **nothing)


def test_r059_a_users_header_cannot_relabel_a_body(world: World) -> None:
    """Whatever content type the user sets, logins stay forms, JSON stays JSON, uploads stay multipart."""
    lab = Lab(world, retries=0, additional_headers={"Content-Type": "text/plain", "content-length": "1", "X-A": "b"})
    world(file_property(lab, world).update_property_file("a.csv", b"a,b"))
    world(lab.api.programs.create_program("x"))

    kinds = {item.operation: item.headers.get("content-type", "") for item in lab.exchanges}
    assert kinds["createToken"] == "application/x-www-form-urlencoded"
    assert kinds["createProgram"] == kinds["createActivity"] == "application/json"
    assert kinds["uploadPropertyFile"].startswith("multipart/form-data; boundary=")
    assert {item.headers["x-a"] for item in lab.exchanges} == {"b"}
    assert {item.status for item in lab.exchanges} <= {200, 201}
    lab.close()


def test_r060_secrets_are_never_shown(
    world: World, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither logs nor errors nor representations nor standard output show a credential, even one that is echoed."""
    secret = 'sandbox-secret/top "7" ü'
    caplog.set_level(logging.DEBUG)

    def echo(status: int) -> Any:
        def play(request: httpx.Request) -> httpx.Response:
            told = {"message": f"got {dict(request.headers)}", "client_secret": secret, "again": [secret]}
            return answer(status, told)

        return play

    shown: list[str] = []
    for wire in (
        Wire(echo(400)),
        Wire(echo(500)),
        Wire(echo(401), echo(401)),
        Wire(answer(200, f"no json: {secret} sandbox-token-access-1 sandbox-token-refresh-1")),
        Wire(httpx.ConnectError(f"proxy said: {secret} sandbox-token-access-1")),
        Wire(logins=[answer(401, {"error": f"bad secret {secret}"})]),
        Wire(logins=[answer(200, {"access_token": 1, "refresh_token": "sandbox-token-refresh-1", "was": secret})]),
    ):
        client = connect(world, wire, client_secret=secret, additional_headers={"X-Api-Key": "sandbox-secret-key-4711"})
        for call in (client.programs.get_programs, lambda c=client: c.programs.create_program(secret)):
            try:
                world(call())
            except KalbioError as error:
                shown += [str(error), repr(error), repr(vars(error)), repr(error.__cause__)]
        lenient = connect(world, Wire(echo(400)), client_secret=secret, on_error="log")
        world(lenient.programs.get_programs())
        shown += [repr(client), str(client), repr(client.programs), repr(client.raw)]
    output = capsys.readouterr()
    shown += [caplog.text]

    assert (output.out, output.err) == ("", "")
    assert "POST" in "".join(shown)
    given = ("sandbox-token-access-1", "sandbox-token-refresh-1", "sandbox-secret-key-4711")
    for hidden in (secret, json.dumps(secret)[1:-1], *given):
        assert hidden not in "\n".join(shown)
