"""What both clients tell of their requests: to a function of the program, and with KALBIO_DEBUG to the terminal."""

from __future__ import annotations

import json
import logging
import shlex
from pathlib import Path

import pytest

from kalbio import RequestEvent, SettingError
from tests.conftest import Lab, World
from tests.provena.conftest import Lab as ProvenaLab
from tests.provena.datasets import dataset


def test_a_client_tells_of_its_operations(world: World) -> None:
    """Each request of a call has an event with its operation, and a route of few values."""
    events: list[RequestEvent] = []
    lab = Lab(world, on_request=events.append)
    record = world(lab.api.records.get_or_create_record({"Compound": "SBX-1"}))
    lab.fail("addRecordValue", status=429, retry_after=0)
    world(record.add_value("Potency (nM)", 5))
    told = [(event.operation, event.method, event.route, event.status, event.will_retry) for event in events]
    add = ("addRecordValue", "POST", "/records/{record_id}/values")
    assert told[0] == ("createToken", "POST", "/auth/oauth/token", 200, False)
    assert told[-2:] == [(*add, 429, True), (*add, 200, False)]


def test_an_answer_to_another_request_is_a_warning(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """An attempt whose answer belongs to another request is told with the reason, and followed by one at once."""
    events: list[RequestEvent] = []
    lab = Lab(world, on_request=events.append)
    record = world(lab.api.records.get_or_create_record({"Compound": "SBX-1"}))
    other = world(lab.api.records.get_or_create_record({"Compound": "SBX-2"}))
    lab.fail("getRecord", body=json.dumps({**other.to_dict(), "id": other.id}).encode())
    caplog.set_level(logging.WARNING)
    assert world(lab.api.records.get_record_by_id(record.id, use_cache=False)).id == record.id
    odd, right = [event for event in events if event.operation == "getRecord"]
    assert (odd.status, odd.error, odd.retry_in) == (200, "ResponseError", 0.0)
    assert (odd.reason or "").startswith("the answer belongs to another request: ")
    assert (right.status, right.error, right.attempt) == (200, None, 2)
    (warned,) = [entry for entry in caplog.records if entry.name == "kalbio"]
    assert (warned.levelname, warned.getMessage()) == ("WARNING", str(odd))


def test_the_client_of_provena_tells_of_its_files_too(world: World, tmp_path: Path) -> None:
    """Services and the store of files are told by one function; a route has no prefix that the server does not know."""
    events: list[RequestEvent] = []
    lab = ProvenaLab(world)
    lab.api = lab.connect(lab.api._auth, on_request=events.append)
    made = dataset(lab)
    (tmp_path / "a.txt").write_bytes(b"abc")
    world(lab.api.datasets.upload(made, tmp_path))
    (sent,) = [event for event in events if event.method == "PUT"]
    assert (sent.operation, sent.path.rpartition("/")[2], sent.bytes_sent, sent.status) == (None, "a.txt", 3, 200)
    (mint,) = [event for event in events if event.operation == "datastoreRegisterMintDataset"]
    assert mint.route == "/register/mint-dataset"


@pytest.mark.parametrize("platform", ["kalbio", "provena"])
def test_debugging_shows_each_request_as_a_line_to_paste(
    world: World, platform: str, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With KALBIO_DEBUG=1 there is a line of curl for each request, without a secret, and one with what came of it."""
    monkeypatch.setenv("KALBIO_DEBUG", "1")
    if platform == "kalbio":
        lab = Lab(world)
        world(lab.api.entity_fields.get_or_create_data_field("It's $HOME", "text"))
        token = "x-kal-authorization: Bearer $KALEIDOSCOPE_TOKEN"
    else:
        provena = ProvenaLab(world)
        provena.organisation("It's $HOME")
        token = "authorization: Bearer $PROVENA_TOKEN"
    lines = capfd.readouterr().err.splitlines()
    commands = [shlex.split(line) for line in lines if line.startswith("curl ")]
    outcomes = [line for line in lines if line.startswith("# ")]
    assert len(commands) == len(outcomes) == len(lines) / 2
    assert "client_secret=[hidden]" in commands[0][-1]
    assert token in commands[-1]
    assert '"It\'s $HOME"' in commands[-1][-1]
    assert outcomes[-1].endswith(" ms")
    assert " -> 200, " in outcomes[-1]


def test_a_value_of_the_variable_that_says_nothing_is_refused(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """KALBIO_DEBUG is 1, 0 or empty; anything else is named when the client is made."""
    monkeypatch.setenv("KALBIO_DEBUG", "yes")
    with pytest.raises(SettingError, match="KALBIO_DEBUG must be 1, or 0 or empty for off; got 'yes'"):
        world.connect()
