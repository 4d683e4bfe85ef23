"""What a sandbox says of requests and webhooks: to those who listen, and as a command."""

from __future__ import annotations

import json
import logging
import re
import signal
import socket
import socketserver
import sqlite3
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from kalbio import cli
from kalbio._core.emulator.connection import Limits
from kalbio._core.emulator.server import serve
from kalbio.sandbox import Fault, Request, Sandbox
from tests.rows import row
from tests.sandbox.wire import Api, Json, multipart

LOGGER = "kalbio.sandbox"
LOGIN = b"grant_type=client_credentials&client_id=sandbox-id&client_secret="


@pytest.fixture
def heard(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    """What was logged since the last look, without the milliseconds, which differ."""
    caplog.set_level(logging.INFO, LOGGER)

    def take() -> list[str]:
        lines = [re.sub(r" \d+\.\d ms", " ? ms", record.getMessage()) for record in caplog.records]
        caplog.clear()
        return lines

    return take


def registration(api: Api) -> Json:
    """Hand a file over for registration, which is what sends a webhook."""
    operation = api.experiment("Assay", "Assay results registration")
    place = next(one["id"] for one in operation["properties"] if one["field_type"] == "file")
    file_id = api.upload(f"/properties/{place}/file", "r.csv", b"1,2").json()["file_id"]
    return api.post(f"/operations/{operation['id']}/register/{file_id}", {})


def test_each_request_is_a_line(api: Api, heard: Callable[[], list[str]]) -> None:
    """It has method, path, status and time; what refused it, and what fault hit it, whether or not it was done."""

    def sent(method: str, target: str, body: bytes = b"", fault: Fault | None = None) -> None:
        if fault is not None:
            api.sandbox.faults.add(fault)
        headers = [("x-kal-authorization", f"Bearer {api.token}"), ("content-type", "application/json")][
            : 1 + bool(body)
        ]
        api.sandbox.handle_with_faults(Request(method, target, headers, body))

    new, there = b'{"title": "P", "program_ids": []}', "/programs"
    made = json.dumps({"title": "P"}).encode()
    program_ids = ",".join(f"{number:08}" for number in range(50))
    for arguments, line in (
        (("GET", there), "GET /programs 200 ? ms"),
        (("GET", f"/records?record_ids={program_ids}"),
         f"GET /records?record_ids={program_ids[:69]}... (460 characters) 200 ? ms"),
        (("GET", "/nowhere"), "GET /nowhere 404 ? ms  refused (unknown_path): there is no GET /nowhere"),
        (("GET", "/records?nope=1"), r"GET /records?nope=1 400 ? ms  refused (invalid_query): .*nope.*"),
        (("GET", "/records?record_ids=x&token=abc"), r"GET /records?record_ids=x&token=[hidden] 400 ? ms  refused .*"),
        (("GET", "/records/\x1b[31m"), r"GET /records/\x1b[31m 404 ? ms  refused.*"),
        (("POST", there, new), r"POST /programs 400 ? ms  refused (invalid_body): .*"),
        (("POST", there, made, Fault("createProgram", lose_answer=True)),
         "POST /programs 200 ? ms  fault lose_answer (carried out)"),
        (("POST", there, made, Fault("createProgram", reset=True)),
         "POST /programs - ? ms  fault reset (not carried out)"),
        (("POST", there, made, Fault("createProgram", status=503)),
         "POST /programs 503 ? ms  fault status=503 (not carried out)"),
        (("POST", there, made, Fault("createProgram", status=504, after=True)),
         "POST /programs 504 ? ms  fault status=504 (carried out)"),
        (("GET", there, b"", Fault("listPrograms", slow=0.5)), "GET /programs 200 ? ms  fault slow=0.5 (carried out)"),
        (("GET", there, b"", Fault("listPrograms", expire_tokens=True)),
         "GET /programs 401 ? ms  fault expire_tokens  refused: .*"),
    ):  # fmt: skip
        with row(arguments):
            heard()
            sent(*arguments)
            (told,) = heard()
            assert re.fullmatch(re.escape(line).replace(r"\.\*", ".*"), told), told


def test_nothing_is_said_until_somebody_listens(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """Not even to those who log everything else at the lowest level, and warnings go to no terminal."""
    caplog.set_level(logging.DEBUG)
    with Sandbox(webhook=lambda _: 1 / 0) as sandbox:  # type: ignore[arg-type]
        api = Api(sandbox)
        api.get("/programs")
        assert caplog.records == []
        registration(api)
    assert [(one.name, one.levelname) for one in caplog.records] == [(LOGGER, "WARNING")]
    assert logging.getLogger(LOGGER).handlers  # else Python itself would print the warning
    assert capfd.readouterr().err == ""


def test_a_record_has_its_parts(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    """Programs that embed a sandbox get them as attributes, and those that are not there are not."""
    caplog.set_level(logging.INFO, LOGGER)
    api.get("/records", nope="1")
    (record,) = caplog.records
    told: dict[str, Any] = vars(record)
    assert {name: told[name] for name in ("kind", "method", "path", "query", "status", "operation", "code")} == {
        "kind": "request", "method": "GET", "path": "/records", "query": "nope=1", "status": 400,
        "operation": "listRecords", "code": "invalid_query",
    }  # fmt: skip
    assert told["ms"] >= 0
    assert told.keys().isdisjoint({"fault", "request_body", "answer_body"})


def test_bodies_are_told_when_asked_for_without_secrets(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    """At DEBUG a line has what was sent and answered, cut, on one line each; files are told by their size."""
    caplog.set_level(logging.DEBUG, LOGGER)
    form = (LOGIN.decode() + "hunter2&refresh_token=x").split("&")
    api.form("/auth/oauth/token", dict(pair.split("=") for pair in form))
    api.login()
    field = api.field("Spectrum", "file")
    api.post("/programs", {"title": "line\n" + "x" * 5000})
    record_id = api.record(Compound="A")["id"]
    api.upload(f"/records/{record_id}/values/file", "a.csv", b"sandbox-secret-of-a-file", {"field_id": field})

    told = [record.getMessage() for record in caplog.records]
    assert told[0].splitlines()[1] == (
        "    > grant_type=client_credentials&client_id=sandbox-id&client_secret=[hidden]&refresh_token=[hidden]"
    )
    assert '"access_token":"[hidden]"' in told[1].splitlines()[2]
    (long,) = (text for text in told if "POST /programs" in text)
    assert re.fullmatch(r".*\n    > .*x\.\.\. \(\d+ bytes\)\n    < .*x\.\.\. \(\d+ bytes\)", long)
    size = len(multipart("a.csv", b"sandbox-secret-of-a-file", {"field_id": field}))
    assert f"    > {size} bytes of multipart/form-data; boundary=XX\n    < " in told[-1]
    assert not re.search("hunter2|sandbox-token-|sandbox-secret", "".join(told))


class _Rubbish(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        self.request.recv(65_536)
        self.request.sendall(b"220 this is no web server\r\n")


def test_each_attempt_of_a_webhook_is_a_line(monkeypatch: pytest.MonkeyPatch, heard: Callable[[], list[str]]) -> None:
    """It names target, event, and the status or the error; what is no web server ends no other delivery."""
    monkeypatch.setattr("kalbio._core.emulator.webhooks._PAUSE", 0.001)
    with socket.create_server(("127.0.0.1", 0)) as closed:
        dead = closed.getsockname()[1]
    with socketserver.TCPServer(("127.0.0.1", 0), _Rubbish) as rubbish:
        threading.Thread(target=rubbish.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        for target, why in ((f"127.0.0.1:{dead}", "Connection refused"),
                            (f"127.0.0.1:{rubbish.server_address[1]}", ".*220 this is no web server.*")):  # fmt: skip
            with row(target), Sandbox(webhook=f"http://{target}/?token=sandbox-token-mine") as sandbox:
                api = Api(sandbox)
                for _ in range(2):
                    registration(api)
                assert sandbox.wait_for_webhooks(20)
                assert [one.attempts for one in sandbox.webhook_log] == [3, 3]
            shown = re.escape(f"http://{target}/?token=[hidden]")
            lines = [line for line in heard() if line.startswith("webhook")]
            for line, plan in zip(lines, 2 * ["tried again in .*", "tried again in .*", "given up after 3 attempts"],
                                  strict=True):  # fmt: skip
                assert re.fullmatch(f"webhook registration_submitted to {shown}: {why}; {plan}", line)
        rubbish.shutdown()
    events: list[Any] = []
    for taker, outcome in ((None, "nobody: not sent"), (events.append, "list.append: delivered")):
        with Sandbox(webhook=taker) as sandbox:
            registration(Api(sandbox))
        expected = f"webhook registration_submitted to {outcome}"
        assert [told for told in heard() if told.startswith("webhook")] == [expected]


def test_what_the_server_answers_itself_is_a_line_too(
    api: Api, heard: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pages of the reference, strangers, bodies that are too large, what never became a request, and failures."""

    def fail(_: Request) -> None:
        raise sqlite3.DatabaseError("damaged")

    with serve(api.sandbox, limits=Limits(patience=0.05, grace=0.05)) as server:
        httpx.get(server.reference_url)
        httpx.get(server.url + "/programs", headers={"origin": "http://evil.invalid"})
        with socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2]))) as large:
            large.sendall(b"POST /programs HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1000000000\r\n\r\n")
            assert b" 413 " in large.recv(65_536)
        with socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2]))) as slow:
            slow.sendall(b"GET /")
            assert b" 408 " in slow.recv(65_536)
        monkeypatch.setattr(api.sandbox, "handle_with_faults", fail)
        assert httpx.get(server.url + "/programs").status_code == 500
    told = [line for line in heard() if "Traceback" not in line and "Exception in" not in line]
    assert told[:2] == [
        "GET /reference 200 ? ms",
        "GET /programs 403 ? ms  refused (foreign_origin): pages of http://evil.invalid may not use this sandbox",
    ]
    assert "POST /programs 413 ? ms  refused (body_too_large): " in told[2]
    assert told[3].startswith("- - 408 ? ms  refused (request_timeout): ")
    assert told[4:] == ["GET /programs 500 ? ms  failed with DatabaseError: damaged"]


# -- the command ------------------------------------------------------------------------------------------------------


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[str, str]]:
    """Run the command, ask it a few things while it runs, and give what it printed at the start and after it."""

    def run(*options: str) -> tuple[str, str]:
        start: list[str] = []

        def ask() -> None:
            start.append(capsys.readouterr().out)
            found = re.search(r"http://127\.0\.0\.1:\d+", start[0])
            assert found is not None
            httpx.post(found[0] + "/auth/oauth/token", content=LOGIN + b"hunter2",
                       headers={"content-type": "application/x-www-form-urlencoded"})  # fmt: skip
            with pytest.raises(httpx.TransportError):
                httpx.get(found[0] + "/programs")
            raise KeyboardInterrupt

        monkeypatch.setattr("kalbio.cli.emulators.wait_for_ctrl_c", ask)
        assert cli.main(["sandbox", "--port", "0", "--seed", "empty", "--fault", "listPrograms:reset", *options]) == 0
        told = capsys.readouterr()
        assert told.err == ""
        return start[0], told.out

    return run


def test_the_command_prints_what_happens(ran: Callable[..., tuple[str, str]]) -> None:
    """By default a line each; bodies with --verbose, nothing with --quiet, JSON with --log-json. At the start it prints
    lines for each shell, once, from the first column on.
    """
    time = r"\d\d:\d\d:\d\d "
    login = r"POST /auth/oauth/token 401 [\d.]+ ms  refused \(invalid_client\): client credentials are wrong\n"
    bodies = r"    > grant_type=.*&client_secret=\[hidden\]\n    < \{.*\}\n"
    reset = r"GET /programs - [\d.]+ ms  fault reset \(not carried out\)\n"
    stopped = r"\nSandbox stopped\.\n"
    start, rest = ran()
    assert re.fullmatch(time + login + time + reset + stopped, rest)
    assert re.fullmatch(time + login + bodies + time + reset + stopped, ran("--verbose")[1])
    assert re.fullmatch(stopped, ran("--quiet")[1])

    values = {"URL": "http://127.0.0.1:.*", "CLIENT_ID": "sandbox-id", "CLIENT_SECRET": "sandbox-secret"}
    for name, value in values.items():
        for line in ("export {}={}", r'\$env:{} = "{}"', "%env {}={}"):
            assert len(re.findall(f"^{line.format(f'KALEIDOSCOPE_API_{name}', value)}$", start, re.MULTILINE)) == 1
    assert start.count("KALEIDOSCOPE_API_") == 9

    start, rest = ran("--log-json")
    objects = [json.loads(line) for line in (start + rest).splitlines()]
    assert [one["kind"] for one in objects] == ["start", "request", "request", "stop"]
    assert objects[0]["url"].startswith("http://127.0.0.1:")
    assert (objects[1]["status"], objects[1]["code"], objects[1]["level"]) == (401, "invalid_client", "INFO")
    assert (objects[2]["fault"], objects[2]["carried_out"], "status" in objects[2]) == ("reset", False, False)
    assert logging.getLogger(LOGGER).level == logging.WARNING


def test_colour_is_for_terminals(
    ran: Callable[..., tuple[str, str]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Refusals are yellow and faults magenta on a terminal, unless NO_COLOR is set."""
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    shown = ran()[1]
    assert "\x1b[33mPOST /auth/oauth/token 401" in shown
    assert "\x1b[35mGET /programs -" in shown
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in ran()[1]


def test_the_start_says_what_the_database_holds(ran: Callable[..., tuple[str, str]], tmp_path: Path) -> None:
    """A new file has the seed, an old one stays as it was; secrets of a webhook's address are hidden."""
    db = str(tmp_path / "x.db")
    hook = ["--webhook", "http://127.0.0.1:9/?token=sandbox-token-mine"]
    assert f"Data:            {db} (new, with the seed empty)\n" in ran("--db", db)[0]
    start = ran("--db", db, *hook)[0]
    assert f"Data:            {db} (as it was, without a seed)\n" in start
    assert "Webhooks:        http://127.0.0.1:9/?token=[hidden]\n" in start


def test_sigterm_ends_the_command_from_its_first_moment_on(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that comes while the data is made ends it like Ctrl-C; afterwards the program has its own handler again."""

    def mine(number: int, _: object) -> None:
        raise AssertionError(f"the command left signal {number} to others")

    def made(*_: object, **__: object) -> None:
        signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr("kalbio.sandbox.Sandbox", made)
    before = signal.signal(signal.SIGTERM, mine)
    try:
        assert cli.main(["sandbox", "--port", "0"]) == 0
        assert signal.getsignal(signal.SIGTERM) is mine
    finally:
        signal.signal(signal.SIGTERM, before)
    assert capsys.readouterr().out == "\nSandbox stopped.\n"


def test_a_logger_is_left_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many sandboxes there were, a logger has one handler; after the command it shows what it showed before."""
    logger = logging.getLogger(LOGGER)
    seen: list[bool] = []
    monkeypatch.setattr("kalbio.cli.emulators.wait_for_ctrl_c", lambda: seen.append(logger.isEnabledFor(logging.INFO)))
    for _ in range(2):
        assert cli.main(["sandbox", "--port", "0", "--seed", "empty"]) == 0
    assert (seen, logger.isEnabledFor(logging.INFO)) == ([True, True], False)
    assert sum(isinstance(handler, logging.NullHandler) for handler in logger.handlers) == 1


@contextmanager
def taken_port() -> Iterator[str]:
    """A port that something listens on."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        yield str(taken.getsockname()[1])


def test_what_keeps_the_command_from_starting_is_a_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A port in use or a file that is no database of this version ends with 1, a wrong option with 2."""
    monkeypatch.setattr("kalbio.cli.emulators.wait_for_ctrl_c", lambda: None)
    (tmp_path / "text.db").write_text("no database at all " * 100, encoding="utf-8")
    with Sandbox(tmp_path / "good.db", seed="empty"):
        pass
    pages = bytearray((tmp_path / "good.db").read_bytes())
    pages[4096:] = b"\xff" * len(pages[4096:])
    (tmp_path / "damaged.db").write_bytes(pages)
    with sqlite3.connect(tmp_path / "other.db") as other:
        other.execute("create table mine (x)")
    other.close()
    with taken_port() as port:
        for options, code, text in (
            (["--port", port], 1, f"port {port} of 127.0.0.1 is in use, perhaps by "
             "another sandbox. Take another port, or 0 for a free one"),
            (["--port", "70000"], 2, "a port is a number from 0, which takes a free one, to 65535; got 70000"),
            (["--seed", "larg"], 2, "there is no seed 'larg'; known: demo, empty, large, recent"),
            (["--seed", "larg", "--db", str(tmp_path / "good.db")], 2, "there is no seed 'larg'"),
            (["--db", str(tmp_path)], 1, f"{tmp_path} cannot be used: unable to open database file"),
            (["--db", str(tmp_path / "no" / "x.db")], 1, "x.db cannot be used: unable to open database file"),
            (["--db", str(tmp_path / "text.db")], 1, "text.db cannot be used: file is not a database"),
            (["--db", str(tmp_path / "other.db")], 1, "other.db cannot be used: it was not made by this version"),
            (["--db", str(tmp_path / "damaged.db")], 1, "the database cannot be used: database disk image is"),
            (["--token-lifetime", "0"], 2, "token_lifetime is a number of seconds from 1 on; got 0"),
            (["--clock-skew", "nan"], 2, "clock_skew is a number of seconds, 1000000000 at most; got nan"),
            (["--db", ""], 2, "db is the path of a file; got ''"),
            (["--webhook", "http://me:sandbox-secret@127.0.0.1"], 2, "a webhook goes to a URL without a login"),
            (["--quiet", "--verbose"], 2, "--verbose and --quiet cannot both be given"),
        ):  # fmt: skip
            with row(options):
                assert cli.main(["sandbox", *options]) == code
                told = capsys.readouterr()
                assert told.out == ""
                assert text in told.err
                assert told.err.startswith("kalbio: ")
                assert told.err.count("\n") == (2 if "See: " in told.err else 1)
