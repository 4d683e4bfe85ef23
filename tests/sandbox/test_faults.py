"""Faults of the sandbox, as a plan, over a real port, and from the command line; and the ledger of what was done."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import pytest

from kalbio import cli
from kalbio._core.emulator.faults import parse_fault
from kalbio._core.emulator.ledger import Ledger
from kalbio.sandbox import Fault, Faults, Request, Sandbox, server
from kalbio.sandbox.server import Server, serve
from tests.sandbox.wire import Api


class Port:
    """A sandbox on a port, and a plain HTTP client that is logged in."""

    def __init__(self, sandbox: Sandbox, url: str) -> None:
        self.sandbox = sandbox
        self.http = httpx.Client(base_url=url, timeout=10, trust_env=False)
        self.http.headers["x-kal-authorization"] = f"Bearer {sandbox.issue_token()}"

    def create(self, title: str) -> httpx.Response:
        """Create a program."""
        return self.http.post("/programs", json={"title": title})

    def titles(self) -> list[str]:
        """What the sandbox holds."""
        token = self.sandbox.issue_token()
        answer = self.sandbox.handle(Request("GET", "/programs", [("x-kal-authorization", f"Bearer {token}")]))
        return [program["title"] for program in answer.json()]


@pytest.fixture(scope="module")
def shared() -> Iterator[Port]:
    """One server for all faults."""
    with Sandbox(seed="empty") as sandbox, serve(sandbox) as running:
        port = Port(sandbox, running.url)
        yield port
        port.http.close()


@pytest.fixture
def port(shared: Port) -> Iterator[Port]:
    """The server, without faults left over, with a token that is good."""
    shared.http.headers["x-kal-authorization"] = f"Bearer {shared.sandbox.issue_token()}"
    yield shared
    shared.sandbox.faults.clear()


@pytest.mark.parametrize(
    ("fault", "met", "done"),
    [
        ({"refuse": True}, httpx.RemoteProtocolError, False),
        ({"reset": True}, httpx.ReadError, False),
        ({"lose_answer": True}, httpx.ReadError, True),
        ({"truncate": True}, httpx.RemoteProtocolError, True),
        ({"time_out": True}, httpx.ReadTimeout, True),
        ({"slow": 60}, httpx.ReadTimeout, True),
    ],
)
def test_a_connection_really_breaks(
    port: Port, fault: dict[str, Any], met: type[Exception], done: bool, request: pytest.FixtureRequest
) -> None:
    """The client meets the broken connection; the write is there if the fault says so; the next call is good."""
    title = request.node.name
    port.sandbox.faults.add(Fault("createProgram", **fault))
    port.http.timeout = httpx.Timeout(10, read=0.5 if met is httpx.ReadTimeout else 10)

    with pytest.raises(met):
        port.create(title)

    port.http.timeout = httpx.Timeout(10)
    assert (title in port.titles()) is done
    entry = port.sandbox.ledger[-1]
    assert (entry.operation, entry.fault, entry.done) == ("createProgram", next(iter(fault)), done)
    assert port.create(title + " again").status_code == 200


def test_a_truncated_answer_promises_its_whole_length(port: Port) -> None:
    """On the wire the headers are complete, and half of the body follows."""
    port.sandbox.faults.add(Fault("listPrograms", truncate=True))
    token = port.http.headers["x-kal-authorization"]
    with socket.create_connection((port.http.base_url.host, port.http.base_url.port or 0), timeout=10) as wire:
        wire.sendall(f"GET /programs HTTP/1.1\r\nhost: localhost\r\nx-kal-authorization: {token}\r\n\r\n".encode())
        received = b"".join(iter(lambda: wire.recv(65536), b""))

    head, _, body = received.partition(b"\r\n\r\n")
    full = port.http.get("/programs").content
    assert f"content-length: {len(full)}".encode() in head.lower()
    assert body == full[: len(full) // 2]


def test_a_slow_answer_arrives(port: Port) -> None:
    """A client that has the patience gets what it asked for."""
    port.sandbox.faults.add(Fault("createProgram", slow=0.05))

    answer = port.create("Slow")

    assert answer.json()["title"] == "Slow"
    assert answer.elapsed >= timedelta(seconds=0.05)


@pytest.mark.parametrize(
    ("fault", "status", "headers", "body", "done"),
    [
        ({"status": 503, "retry_after": 2}, 503, {"retry-after": "2"}, None, False),
        ({"status": 429}, 429, {}, None, False),
        ({"status": 502, "body": b"<html>"}, 502, {"content-type": "text/html"}, b"<html>", False),
        ({"status": 504, "after": True}, 504, {}, None, True),
        ({"body": b"<html>"}, 200, {}, b"<html>", True),
    ],
)
def test_an_answer_is_another(
    port: Port,
    fault: dict[str, Any],
    status: int,
    headers: dict[str, str],
    body: bytes | None,
    done: bool,
    request: pytest.FixtureRequest,
) -> None:
    """Status, headers and body are those of the fault, and the write is there if the fault says so."""
    title = request.node.name
    port.sandbox.faults.add(Fault("createProgram", **fault))

    answer = port.create(title)

    assert answer.status_code == status
    assert {name: answer.headers[name] for name in headers} == headers
    assert ("retry-after" in answer.headers) is ("retry-after" in headers)
    assert answer.content == body if body is not None else answer.json()["code"] == "INJECTED"
    assert (title in port.titles()) is done


@pytest.mark.parametrize(("fault", "refreshed"), [({"expire_tokens": True}, 200), ({"revoke_tokens": True}, 401)])
def test_tokens_end(port: Port, fault: dict[str, Any], refreshed: int) -> None:
    """Access tokens end before the call; the refresh token is good unless all were revoked."""
    form = {"grant_type": "client_credentials", "client_id": "sandbox-id", "client_secret": "sandbox-secret"}
    tokens = port.http.post("/auth/oauth/token", data=form).json()
    port.sandbox.faults.add(Fault(**fault))

    assert port.http.get("/programs").status_code == 401
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    assert port.http.post("/auth/oauth/token", data=form).status_code == refreshed


def test_a_server_stops_while_an_answer_is_held_back() -> None:
    """Nobody waits for an answer that never comes; the client sees the connection end."""
    before = set(threading.enumerate())
    faults = Faults()
    faults.add(Fault(time_out=True))
    with Sandbox(seed="empty", faults=faults) as sandbox, contextlib.ExitStack() as stack:
        with serve(sandbox) as running:
            address = ("127.0.0.1", int(running.url.rpartition(":")[2]))
            wire = stack.enter_context(socket.create_connection(address, timeout=5))
            wire.sendall(b"POST /programs HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\n\r\n")
            while not sandbox.ledger:
                time.sleep(0.001)

        assert wire.recv(1) == b""
        assert set(threading.enumerate()) - before == set()


def test_an_answer_without_a_body_cannot_break_off_later() -> None:
    """Instead the connection breaks, after the call was carried out."""
    with Sandbox() as sandbox, serve(sandbox) as running:
        api = Api(sandbox)
        operation, record = api.experiment()["id"], api.record(Compound="A")["id"]
        port = Port(sandbox, running.url)
        sandbox.faults.add(Fault("addOperationRecords", truncate=True))

        with port.http, pytest.raises(httpx.ReadError):
            port.http.put(f"/operations/{operation}/records", json={"record_ids": [record]})

        assert [found["id"] for found in api.read(f"/operations/{operation}/records")] == [record]


def test_a_plan_is_taken_in_order() -> None:
    """The first fault that fits hits, as often as it says; without an operation it fits all calls but logins."""
    plan = Faults()
    login, twice, once = Fault("createToken", reset=True), Fault(refuse=True, times=2), Fault("getRecord", reset=True)
    for fault in (login, twice, once):
        plan.add(fault)

    taken = [plan.take(operation) for operation in ("getRecord", "createToken", None, "listRecords", "getRecord")]

    assert taken == [twice, login, twice, None, once]
    assert plan.take("getRecord") is None
    plan.add(twice)
    plan.clear()
    assert plan.take("getRecord") is None


def drawn(seed: int, *others: Fault, rate: float = 0.3) -> list[bool]:
    """Which of a thousand calls a fault with a rate hits."""
    plan = Faults(seed)
    fault = plan.add(Fault("getRecord", reset=True, rate=rate))
    for other in others:
        plan.add(other)
    return [plan.take("getRecord") is fault for _ in range(1000)]


def test_rates_are_drawn_and_can_be_repeated() -> None:
    """The same seed hits the same calls, whatever else is planned after it; another seed hits others."""
    hits = drawn(1)

    assert 250 < sum(hits) < 350
    assert drawn(1) == hits
    assert drawn(1, Fault(lose_answer=True, rate=0.5), Fault("listRecords", reset=True)) == hits
    assert drawn(2) != hits
    assert sum(drawn(1, rate=0)) == 0
    assert sum(drawn(1, rate=1)) == 1000


def test_a_rate_and_a_count() -> None:
    """With both the drawn calls are hit until the count is used up."""
    plan = Faults()
    plan.add(Fault(reset=True, rate=0.5, times=3))

    assert sum(plan.take("getRecord") is not None for _ in range(100)) == 3


def test_the_plan_counts_right_from_many_threads() -> None:
    """No fault is lost or handed out twice."""
    plan = Faults()
    plan.add(Fault(reset=True, times=500))
    plan.add(Fault(refuse=True, times=300))
    with ThreadPoolExecutor(8) as pool:
        kinds = [fault.kind for fault in pool.map(plan.take, ["getRecord"] * 1000) if fault]

    assert Counter(kinds) == {"reset": 500, "refuse": 300}


def test_the_ledger_tells_what_was_done(bare: Api) -> None:
    """Writes with their path, status and ids, refused ones too, in order; reads are left out."""
    made = bare.post("/programs", {"title": "A"})
    bare.read("/programs")
    bare.put(f"/programs/{made['id']}", {"title": "B"})
    bare.post("/programs", {}, status=400)
    key = bare.key("Compound")

    told = [(e.number, e.operation, e.method, e.path, e.status, e.done, e.ids) for e in bare.sandbox.ledger]

    assert told == [
        (1, "createToken", "POST", "/auth/oauth/token", 200, True, ()),
        (2, "createProgram", "POST", "/programs", 200, True, (made["id"],)),
        (3, "updateProgram", "PUT", f"/programs/{made['id']}", 200, True, (made["id"],)),
        (4, "createProgram", "POST", "/programs", 400, False, ()),
        (5, "getOrCreateKeyField", "POST", "/key_fields/", 200, True, (key,)),
    ]
    assert {entry.fault for entry in bare.sandbox.ledger} == {None}


def test_the_ledger_keeps_the_last() -> None:
    """It is bounded, and its numbers go on."""
    ledger = Ledger(limit=2)
    for title in "ABC":
        ledger.record("createProgram", "POST", "/programs", 200, None, (title,))

    assert [(entry.number, entry.ids) for entry in ledger.entries()] == [(2, ("B",)), (3, ("C",))]


def test_handle_knows_no_faults(bare: Api) -> None:
    """Only those who carry bytes meet them; what looks into the sandbox directly sees the truth."""
    bare.sandbox.faults.add(Fault(status=500))

    assert bare.read("/programs") == []


def test_clocks_differ() -> None:
    """The Date header is ahead or behind; there is one, in process and over HTTP."""
    with Sandbox(seed="empty", clock_skew=-7200) as sandbox, serve(sandbox) as running:
        answers = [httpx.get(running.url + "/programs", trust_env=False).headers.get_list("date")]
        answers.append([v for n, v in sandbox.handle(Request("GET", "/programs")).headers if n == "date"])

    for (date,) in answers:
        behind = datetime.now(UTC) - parsedate_to_datetime(date)
        assert timedelta(minutes=119) < behind < timedelta(minutes=121)


@pytest.mark.parametrize(
    ("spec", "fault"),
    [
        ("addRecordValue:lose_answer:rate=0.1", Fault("addRecordValue", lose_answer=True, rate=0.1)),
        ("*:status=503,retry_after=1:times=5", Fault(status=503, retry_after=1, times=5)),
        ("createToken:body=<html>:times=2", Fault("createToken", body=b"<html>", times=2)),
        ("*:slow=0.5", Fault(slow=0.5)),
    ],
)
def test_a_line_of_text_is_a_fault(spec: str, fault: Fault) -> None:
    """An operation or a star, then the arguments of a fault."""
    assert parse_fault(spec) == fault


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("addRecordvalue:reset", r"no operation 'addRecordvalue'; did you mean addRecordValue\b"),
        ("*:lose_anser", "no setting 'lose_anser'; did you mean lose_answer"),
        ("*", "exactly one of status, .* it has none"),
        ("*:reset:refuse", "it has refuse and reset"),
        ("*:status=busy", "status is a number, not 'busy'"),
        ("*:status=700", "<= 599"),
        ("*:status", "status needs a value"),
        ("*:reset=1", "reset takes no value"),
        ("*:reset:rate=1.5", "<= 1"),
        ("*:reset:times=0", ">= 1"),
        ("*:reset:after", "belong to a status"),
        ("*:times=1:times=2:reset", "times is given twice"),
    ],
)
def test_a_wrong_line_is_explained(spec: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The command says which part is wrong and what comes close, and starts nothing."""
    assert cli.main(["sandbox", "--port", "0", "--fault", spec]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"kalbio: fault {spec!r}: ")
    assert re.search(message, error)


def test_the_command_plans_faults(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Options become the plan and the clock of the sandbox that is served, and are shown."""
    served: list[Sandbox] = []

    @contextlib.contextmanager
    def note(sandbox: Sandbox, *_: Any, **__: Any) -> Iterator[Server]:
        served.append(sandbox)
        yield Server("http://x")

    monkeypatch.setattr(server, "serve", note)
    monkeypatch.setattr("kalbio.cli.emulators.wait_for_ctrl_c", lambda: None)
    given = ["--fault=*:reset:rate=0.3", "--fault=getRecord:status=500", "--fault-seed=7", "--clock-skew=60"]

    assert cli.main(["sandbox", "--port", "0", *given]) == 0

    (sandbox,) = served
    assert sandbox.clock_skew == 60
    expected = Faults(7)
    expected.add(Fault(reset=True, rate=0.3))
    expected.add(Fault("getRecord", status=500))
    calls = ["listRecords"] * 50 + ["getRecord"] * 10
    assert [sandbox.faults.take(name) for name in calls] == [expected.take(name) for name in calls]
    assert "*:reset:rate=0.3  getRecord:status=500" in capsys.readouterr().out
