"""The service of a registrar: what is answered, what is kept, what is handled, and what is never sent twice."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import logging
import os
import sqlite3
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kalbio import OutcomeUnknownError, SettingError, cli
from kalbio._model.registering import Sent, fate_of
from kalbio.registration import RegistrationFile, RegistrationSubmission
from kalbio.webhooks import (
    AsyncReceivedFile,
    Inbox,
    InboxError,
    ReceivedDrafts,
    ReceivedEvent,
    ReceivedFile,
    Results,
    event_key,
    parse_webhook,
    verify_hmac,
)
from kalbio.webhooks.worker import Worker
from tests.core.test_plain_download import answering
from tests.registrar import OTHER_TOKEN, TOKEN, Lab, post, post_asgi
from tests.rows import row

FACES = ["asgi", "wsgi"]
FILE = {"event": "registration_submitted", "operation_id": "o-1", "file_id": "f-1"}


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    """A lab whose waits are short."""
    for world in ("kalbio._registrar", "kalbio.aio._registrar"):
        monkeypatch.setattr(f"{world}.JOURNAL_REST", 0.05)
    monkeypatch.setattr("kalbio.webhooks.worker._FIRST_BACKOFF", 0.01)
    made = Lab(tmp_path)
    yield made
    made.close()


def ignore(event: Any) -> None:
    """A handler that does nothing."""


@pytest.mark.parametrize("face", FACES)
def test_an_event_is_on_disk_before_it_is_answered(lab: Lab, face: str) -> None:
    """When 200 comes, the event is in the file, byte for byte, although its handler has not ended."""
    go = threading.Event()
    app = lab.receiver({"other_event": lambda event: go.wait(20)})
    body = json.dumps({"event": "x", "text": "μ"}).encode()

    assert post(app, body, face=face) == (200, {"kept": True, "duplicate": False})
    with_it = Inbox(lab.folder / "inbox.db", create=False)
    assert [(event.body, event.state in ("waiting", "running")) for event in with_it.events()] == [(body, True)]
    with_it.close()
    go.set()
    assert app.wait_until_idle(20)
    assert app.inbox.counts()["done"] == 1


@pytest.mark.parametrize("face", FACES)
def test_who_does_not_know_the_token_is_refused(lab: Lab, face: str) -> None:
    """The token counts in the header of either name and in the url; nothing is kept of a request without it."""
    app = lab.receiver({"other_event": ignore})
    wrong: list[dict[str, Any]] = [
        {"headers": {}},
        {"headers": {"authorization": f"Bearer {OTHER_TOKEN}"}},
        {"headers": {"authorization": f"Basic {TOKEN}"}},
        {"headers": {"x-webhook-token": TOKEN[:-1]}},
        {"headers": {}, "query": f"token={OTHER_TOKEN}"},
        {"headers": {}, "query": "&".join(["a=1"] * 60) + f"&token={TOKEN}"},
    ]
    for options in wrong:
        with row(options):
            assert post(app, FILE, face=face, **options)[0] == 401
    assert app.inbox.events() == []
    right: list[dict[str, Any]] = [
        {"headers": {"authorization": f"bearer {TOKEN}"}},
        {"headers": {"x-webhook-token": TOKEN}},
        {"headers": {}, "query": f"a=1&token={TOKEN}"},
    ]
    for options in right:
        with row(options):
            assert post(app, {"event": "x"}, face=face, **options)[0] == 200


def test_several_tokens_and_none(lab: Lab) -> None:
    """While a token is changed both let in; with None everybody is let in."""
    app = lab.receiver({"other_event": ignore}, token=[TOKEN, OTHER_TOKEN])
    for token in (TOKEN, OTHER_TOKEN):
        assert post(app, {"event": "x"}, headers={"x-webhook-token": token})[0] == 200
    assert post(app, {"event": "x"}, headers={})[0] == 401
    app.stop()
    assert post(lab.receiver({"other_event": ignore}, token=None), {"event": "x"}, headers={})[0] == 200


@pytest.mark.parametrize("face", FACES)
def test_what_is_no_event_is_refused(lab: Lab, face: str) -> None:
    """A body that is too large, is not JSON or no object, and another method get their status, and nothing is kept."""
    app = lab.receiver({"other_event": ignore}, body_limit=2000)
    rows: list[tuple[int, Any, dict[str, Any]]] = [
        (413, b" " * 2001, {}),
        (400, b"no", {}),
        (400, b"[]", {}),
        (400, b"[" * 1900, {}),
        (405, FILE, {"method": "PUT"}),
        (200, b"", {"method": "GET", "headers": {}}),
    ]
    for status, body, options in rows:
        with row(status, str(body)[:20]):
            assert post(app, body, face=face, **options)[0] == status
    assert app.inbox.events() == []


def test_a_body_that_does_not_say_its_size_is_measured(lab: Lab) -> None:
    """A body that comes in pieces is refused as soon as it is too large."""
    app = lab.receiver({"other_event": ignore}, body_limit=2000)
    headers = {"x-webhook-token": TOKEN}
    assert post_asgi(app, "POST", headers, "", b" " * 3000, stated=False)[0] == 413
    assert post_asgi(app, "POST", headers, "", b" ", stated=False, endless=True)[0] == 413
    assert post_asgi(app, "POST", headers, "", b'{"event": "x"}', stated=False)[0] == 200


def test_a_check_of_ones_own_is_asked(lab: Lab) -> None:
    """A signature of a gateway is checked over the body as it came."""
    check = lambda body, headers: verify_hmac(body, headers.get("x-signature", ""), "sandbox-secret")  # noqa: E731
    app = lab.receiver({"other_event": ignore}, check=check)
    body = b'{"event": "x"}'
    headers = {"x-webhook-token": TOKEN, "x-signature": "00"}
    assert post(app, body, headers=headers)[0] == 401
    headers["x-signature"] = hmac.new(b"sandbox-secret", body, hashlib.sha256).hexdigest()
    assert post(app, body, headers=headers)[0] == 200


def test_an_event_of_an_unknown_form_is_kept_as_dead(lab: Lab) -> None:
    """A payload that names no event or lacks an id is not lost: it is among the dead, with the reason."""
    app = lab.receiver({"registration_submitted": ignore})
    assert post(app, {"kind": "new"})[0] == 200
    assert post(app, {"event": "registration_submitted", "operation_id": "o"})[0] == 200
    assert post(app, {"event": "later"})[0] == 200
    assert app.wait_until_idle(20)
    told = [event.error or "" for event in app.inbox.events("dead")]
    assert [text.split(";")[0] for text in told] == [
        "the payload names no event",
        "the webhook registration_submitted lacks file_id",
        "there is no handler for later",
    ]


def test_an_inbox_that_cannot_be_written_answers_503(lab: Lab) -> None:
    """The sender is told to send it again, and not that it was kept."""
    app = lab.receiver({"other_event": ignore})

    def full(*_: Any, **__: Any) -> bool:
        raise InboxError("The disk is full")

    app.inbox.put = full  # type: ignore[method-assign]
    assert post(app, {"event": "x"})[0] == 503


def test_keys_tell_events_apart() -> None:
    """Deliveries of one event have one key, whatever else they say; other events have others."""
    rows: list[tuple[Any, Any, bool]] = [
        (FILE, {**FILE, "record_ids": ["r"]}, True),
        (FILE, {"type": "registration_submitted", "data": {"operation_id": "o-1", "file_id": "f-1"}}, True),
        (FILE, {**FILE, "file_id": "f-2"}, False),
        (FILE, {**FILE, "operation_id": "o-2"}, False),
        ({"event": "x", "a": 1, "b": 2}, {"b": 2, "a": 1, "event": "x"}, True),
        ({"event": "x", "a": 1}, {"event": "x", "a": 2}, False),
        ({**FILE, "file_id": "\ud800"}, {**FILE, "file_id": "\udfff"}, False),
    ]
    for one, other, same in rows:
        with row(one, other):
            keys = [event_key(parse_webhook(payload)) for payload in (one, other)]
            assert (keys[0] == keys[1]) is same
            assert all(key.encode() for key in keys)


# -- handlers ----------------------------------------------------------------------------------------------------------


def check_file(event: ReceivedFile) -> None:
    """What a registrar does: one outcome for each row, and one for a row without a record."""
    records = {str(record): record for record in event.records()}
    results = Results()
    for number, cells in zip((rows := event.rows()).numbers, rows, strict=True):
        record = records.get(cells["Compound"])
        if record is None:
            results.row_failed(number, f"there is no compound {cells['Compound']}")
        elif float(cells["Potency"]) > 0:
            results.ok(record, {"Potency (nM)": float(cells["Potency"])})
        else:
            results.failed(record, "a potency is above 0")
    event.submit(results, "checked")


async def check_file_async(event: AsyncReceivedFile) -> None:
    """The same, in the other world."""
    records = {str(record): record for record in await event.records()}
    results = Results()
    rows = await event.rows()
    for number, cells in zip(rows.numbers, rows, strict=True):
        record = records.get(cells["Compound"])
        if record is None:
            results.row_failed(number, f"there is no compound {cells['Compound']}")
        elif float(cells["Potency"]) > 0:
            results.ok(record, {"Potency (nM)": float(cells["Potency"])})
        else:
            results.failed(record, "a potency is above 0")
    await event.submit(results, "checked")


@pytest.mark.parametrize("handler", [check_file, check_file_async], ids=["sync", "async"])
def test_a_file_is_registered_with_errors_per_row(lab: Lab, handler: Any) -> None:
    """A handler of either world gets the file as a table, and its outcomes for each record and row reach the lab."""
    told = lab.file_registered("Compound,Potency\nSBX-1,12.1\nSBX-2,-5\nSBX-99,3\n")
    app = lab.receiver({"registration_submitted": handler})
    app.start()

    assert post(app, told)[0] == 200
    assert app.wait_until_idle(20)

    assert [event.error for event in app.inbox.events() if event.state != "done"] == []
    final = lab.status_of(told)
    assert final.status == "completed"
    assert final.message == "checked; 1 row without a record: row 4: there is no compound SBX-99"
    assert [error.error_message for error in final.record_errors] == ["a potency is above 0"]


def test_the_file_comes_as_path_bytes_and_table_and_is_deleted(lab: Lab) -> None:
    """All three are the same file, fetched by its id; the temporary copy is gone when the handler has ended."""
    seen: list[Any] = []

    def handler(event: ReceivedFile) -> None:
        path = event.path()
        seen.extend([path, path.read_bytes(), event.read(), list(event.rows()), event.file_name, path.exists()])
        event.fail("no")

    told = lab.file_registered()
    app = lab.receiver({"registration_submitted": handler})
    post(app, {**told, "file_url": "http://127.0.0.1:1/not-asked-for"})
    assert app.wait_until_idle(20)

    path, first, second, rows, name, existed = seen
    assert (first, second) == (b"Compound,Potency\nSBX-1,12.1\n",) * 2
    assert rows == [{"Compound": "SBX-1", "Potency": "12.1"}]
    assert (name, path.name, existed, path.exists()) == ("week12.csv", "week12.csv", True, False)
    assert (lab.status_of(told).status, lab.status_of(told).message) == ("failed", "no")


@pytest.mark.parametrize("validate", [True, False])
def test_drafts_are_judged_one_by_one(lab: Lab, validate: bool) -> None:
    """Each draft gets its verdict; one that was forgotten, or is no part of it, is refused before anything is sent."""
    refusals: list[str] = []

    def judge(event: ReceivedDrafts) -> None:
        first, second = event.record_ids
        results = Results()
        results.ok(first)
        for outcomes in (results, [{"record_id": first, "status": "ok"}, {"record_id": lab_record, "status": "ok"}]):
            with pytest.raises(ValueError, match="draft") as refused:
                event.submit(outcomes)
            refusals.append(str(refused.value))
        results.failed(second, "impure")
        event.submit(results)

    told = lab.drafts_submitted(validate=validate)
    lab_record = lab.activity().records[0].id
    name = "registration_drafts_validation_requested" if validate else "registration_drafts_submitted"
    app = lab.receiver({name: judge})
    post(app, told)
    assert app.wait_until_idle(20)

    assert [event.error for event in app.inbox.events("waiting", "dead")] == []
    assert refusals == [f"no outcome for the drafts {told['record_ids'][1]}"] * 2
    assert lab.results_sent() == [204]
    assert lab.status_of(told).status == ("validated" if validate else "completed")
    assert [error.error_message for error in lab.status_of(told).record_errors] == ["impure"]


def test_a_failure_is_tried_again_and_then_goes_to_the_dead_letters(lab: Lab, caplog: pytest.LogCaptureFixture) -> None:
    """An event whose handler fails is tried again; at its last attempt it is dead, and can be sent for once more."""
    attempts: list[int] = []
    broken = True

    def handler(event: ReceivedEvent) -> None:
        attempts.append(event.attempt)
        if broken or event.attempt < 2:
            raise LookupError("no such thing")

    caplog.set_level(logging.INFO, "kalbio.webhooks")
    app = lab.receiver({"other_event": handler}, attempts=3)
    post(app, {"event": "x"})
    assert app.wait_until_idle(20)
    (dead,) = app.inbox.events("dead")
    assert (attempts, dead.error) == ([1, 2, 3], "LookupError: no such thing")

    broken = False
    app.inbox.retry(dead.key)
    assert app.wait_until_idle(20)
    assert (attempts[3:], app.inbox.counts()["done"]) == ([1, 2], 1)
    told = [vars(entry) for entry in caplog.records if "event_key" in vars(entry)]
    assert [(entry["levelname"], entry["event_name"], entry["attempt"]) for entry in told] == [
        ("WARNING", "x", 1), ("WARNING", "x", 2), ("ERROR", "x", 3), ("WARNING", "x", 1), ("INFO", "x", 2),
    ]  # fmt: skip
    assert {entry["event_key"] for entry in told} == {dead.key}
    assert told[0]["retry_in"] > 0
    assert told[-1]["milliseconds"] > 0


def test_a_handler_of_one_event_is_not_called_for_names_that_a_sender_chose(lab: Lab) -> None:
    """Only the handlers of events are called: no other method of an object, whatever a webhook calls itself."""
    called: list[str] = []

    class Handlers:
        def registration_submitted(self, event: Any) -> None:
            called.append("registration_submitted")

        def close(self, *_: Any) -> None:
            called.append("close")

    app = lab.receiver(Handlers())
    for name in ("close", "__init__", "other_event"):
        post(app, {"event": name})
    assert app.wait_until_idle(20)
    assert (called, app.inbox.counts()["dead"]) == ([], 3)


def test_events_of_an_activity_are_handled_in_order_and_others_beside_them(lab: Lab) -> None:
    """Of an activity one event at a time is handled, the oldest first, and again after a failure before others."""
    lock, at_once, most = threading.Lock(), {"all": 0}, {"all": 0}
    order: list[tuple[str, int]] = []

    def handler(event: ReceivedEvent) -> None:
        activity, number = event.event.raw["operation_id"], event.event.raw["file_id"]
        with lock:
            for name in (activity, "all"):
                at_once[name] = at_once.get(name, 0) + 1
                most[name] = max(most.get(name, 0), at_once[name])
        time.sleep(0.002)
        with lock:
            at_once[activity] -= 1
            at_once["all"] -= 1
            if number % 7 == 3 and event.attempt == 1:
                raise RuntimeError("once")
            order.append((activity, number))

    app = lab.receiver({"other_event": handler}, concurrency=3)
    events = [(f"o-{number % 4}", number) for number in range(40)]
    app.inbox.close()
    for activity, number in events:
        payload = {"event": "x", "operation_id": activity, "file_id": number}
        app.inbox.put(f"x:{number}", "x", json.dumps(payload).encode(), activity=activity)
    assert app.wait_until_idle(60)

    for activity in {activity for activity, _ in events}:
        assert [one for one in order if one[0] == activity] == [one for one in events if one[0] == activity]
    assert {most[name] for name in most if name != "all"} == {1}
    assert most["all"] <= 3


def test_an_event_may_be_begun_again_before_its_last_run_has_left(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the note that an event failed and the end of the thread that failed, it may be handed out once more."""
    begun_again, note = threading.Event(), Worker._note

    def slow_to_leave(worker: Worker, event: Any, ticket: Any, *more: Any) -> None:
        note(worker, event, ticket, *more)
        if ticket.attempt == 1:
            worker.wake()
            assert begun_again.wait(20)

    def handler(event: ReceivedEvent) -> None:
        if event.attempt == 1:
            raise RuntimeError("once")
        begun_again.set()

    monkeypatch.setattr(Worker, "_note", slow_to_leave)
    app = lab.receiver({"other_event": handler})
    post(app, {"event": "x"})
    assert app.wait_until_idle(20)
    assert app.inbox.counts()["done"] == 1


def test_no_more_events_are_handled_at_a_time_than_allowed(lab: Lab) -> None:
    """Of five events of five activities, three are begun, and the others wait until one of these has ended."""
    go, begun = threading.Event(), threading.Semaphore(0)

    def handler(event: ReceivedEvent) -> None:
        begun.release()
        go.wait(60)

    app = lab.receiver({"other_event": handler}, concurrency=3)
    for number in range(5):
        app.inbox.put(str(number), "x", json.dumps({"event": "x"}).encode(), activity=str(number))
    app.start()
    for _ in range(3):
        assert begun.acquire(timeout=20)
    assert {state: number for state, number in app.inbox.counts().items() if number} == {"waiting": 2, "running": 3}
    go.set()
    assert app.wait_until_idle(20)


def test_coroutines_run_in_the_loop_of_the_application(lab: Lab) -> None:
    """Within `async with`, a coroutine function runs in the loop that is there, and a plain one in a thread."""
    loops: list[Any] = []

    async def file_handler(event: Any) -> None:
        loops.append(asyncio.get_running_loop())

    def other(event: Any) -> None:
        loops.append(threading.current_thread() is not threading.main_thread())

    async def run() -> Any:
        async with lab.receiver({"registration_submitted": file_handler, "other_event": other}) as app:
            app.inbox.put("x", "x", b'{"event": "x"}')
            body = json.dumps(told).encode()
            app.inbox.put("y", "registration_submitted", body, activity="o")
            assert await asyncio.to_thread(app.wait_until_idle, 20)
        return asyncio.get_running_loop()

    told = lab.file_registered()
    loop = asyncio.run(run())
    assert {True, loop} == set(loops)


def test_the_lifespan_of_the_application_starts_and_stops_it(lab: Lab) -> None:
    """A server that tells the application of its beginning and end has what was waiting handled without a request."""
    handled = threading.Event()
    app = lab.receiver({"other_event": lambda event: handled.set()})
    app.inbox.put("x", "x", b'{"event": "x"}')

    async def run() -> list[str]:
        messages = iter(["lifespan.startup", "lifespan.shutdown"])
        sent: list[str] = []

        async def receive() -> dict[str, str]:
            message = next(messages)
            if message == "lifespan.shutdown":
                assert await asyncio.to_thread(handled.wait, 20)
            return {"type": message}

        async def send(message: Any) -> None:
            sent.append(message["type"])

        await app({"type": "lifespan"}, receive, send)
        return sent

    assert asyncio.run(run()) == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert app.inbox.counts()["done"] == 1


def test_it_lives_as_long_as_an_application_that_it_is_a_part_of(lab: Lab) -> None:
    """As the lifespan of another application it starts and stops with that, and gives it no state of its own."""
    app = lab.receiver({"other_event": ignore})
    app.inbox.put("x", "x", b'{"event": "x"}')

    async def run() -> object:
        async with app.lifespan(object()) as state:
            assert await asyncio.to_thread(app.wait_until_idle, 20)
        return state

    assert asyncio.run(run()) is None
    assert app.inbox.counts()["done"] == 1


# -- once and not twice ------------------------------------------------------------------------------------------------


def test_a_duplicate_is_not_handled_again(lab: Lab) -> None:
    """Deliveries of one event, before and after it was handled, lead to one report of results."""
    calls: list[str] = []

    def handler(event: ReceivedFile) -> None:
        calls.append(event.key)
        event.submit()

    told = lab.file_registered()
    app = lab.receiver({"registration_submitted": handler})
    answers = [post(app, told)[1]["duplicate"] for _ in range(3)]
    assert app.wait_until_idle(20)
    answers.append(post(app, told)[1]["duplicate"])
    assert app.wait_until_idle(20)

    assert answers == [False, True, True, True]
    assert (len(calls), lab.results_sent()) == (1, [204])
    assert [(event.deliveries, event.state) for event in app.inbox.events()] == [(4, "done")]


@pytest.mark.parametrize("helper", [True, False])
def test_a_file_that_is_registered_again_is_handled_again(lab: Lab, helper: bool) -> None:
    """After a failure the same file can be registered anew: its event, which has the same key, is no duplicate."""
    seen: list[str] = []

    def handler(event: ReceivedFile) -> None:
        seen.append(lab.status_of(told).status)
        if helper:
            event.fail("not yet")
        else:
            event.client.registration.submit_results(event.operation_id, event.file_id, "error", "not yet")

    told = lab.file_registered()
    app = lab.receiver({"registration_submitted": handler})
    for _ in range(3):
        post(app, told)
        assert app.wait_until_idle(20)
        assert post(app, told)[1]["duplicate"]
        assert app.wait_until_idle(20)
        lab.api.registration.register_file(told["operation_id"], told["file_id"])
    assert seen == ["pending"] * 3
    assert lab.results_sent() == [204] * 3


def test_a_file_that_is_registered_again_at_once_is_not_missed(lab: Lab) -> None:
    """The event that tells so while the handler of the first one has not ended is no duplicate."""
    seen: list[str] = []

    def handler(event: ReceivedFile) -> None:
        seen.append(lab.status_of(told).status)
        event.fail("not yet")
        if len(seen) == 1:
            lab.api.registration.register_file(told["operation_id"], told["file_id"])
            assert post(app, told)[1]["duplicate"]

    told = lab.file_registered()
    app = lab.receiver({"registration_submitted": handler})
    post(app, told)
    assert app.wait_until_idle(20)
    assert (seen, lab.results_sent()) == (["pending"] * 2, [204] * 2)


def test_a_file_that_somebody_else_reports_on_later_is_handled_again_when_it_begins_anew(lab: Lab) -> None:
    """Where a handler reports nothing, deliveries are duplicates until the registration has ended and begun anew."""
    seen: list[str] = []
    told = lab.file_registered()
    app = lab.receiver({"registration_submitted": lambda event: seen.append(event.key)})
    for _ in range(2):
        post(app, told)
        assert app.wait_until_idle(20)
    assert len(seen) == 1
    lab.api.registration.submit_results(told["operation_id"], told["file_id"], "error", "no")
    lab.api.registration.register_file(told["operation_id"], told["file_id"])
    for _ in range(2):
        post(app, told)
        assert app.wait_until_idle(20)
    assert len(seen) == 2


LOST: list[dict[str, Any]] = [
    {"lose_answer": True},
    {"status": 504, "after": True},
    {"reset": True},
    {"status": 500},
    {"status": 503, "retry_after": 0},
]


def submit_file(event: ReceivedFile) -> None:
    """Report a success."""
    event.submit()


async def submit_file_async(event: AsyncReceivedFile) -> None:
    """The same, in the other world."""
    await event.submit()


@pytest.mark.parametrize("handler", [submit_file, submit_file_async], ids=["sync", "async"])
@pytest.mark.parametrize("fault", LOST, ids=[next(iter(fault)) + str(fault.get("status", "")) for fault in LOST])
def test_results_whose_answer_was_lost_are_looked_at_before_they_are_sent_again(
    lab: Lab, fault: dict[str, Any], handler: Any
) -> None:
    """Whether they had arrived or not, they are carried out once, and a look comes before each further request."""
    told = lab.file_registered()
    lab.world.fail("submitRegistrationResults", **fault)
    app = lab.receiver({"registration_submitted": handler})
    app.start()
    lab.world.transport.exchanges.clear()
    post(app, told)
    assert app.wait_until_idle(20)

    assert app.inbox.counts()["done"] == 1
    assert lab.status_of(told).status == "completed"
    assert [status for status in lab.results_sent() if status is not None] == [204]
    asked = [one for one in lab.world.operations() if one in ("listRegistrationFiles", "submitRegistrationResults")]
    asked = asked[: len(asked) - 1]  # the last look is this test's
    first = asked.index("submitRegistrationResults")
    assert all(asked[index - 1] == "listRegistrationFiles" for index in range(first, len(asked), 2))


def test_nothing_is_sent_again_while_it_may_be_under_way(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """A look comes no earlier than the time in which a request must have ended."""
    for world in ("kalbio._registrar", "kalbio.aio._registrar"):
        monkeypatch.setattr(f"{world}.JOURNAL_REST", 60.0)
    told = lab.file_registered()
    lab.world.fail("submitRegistrationResults", reset=True)
    app = lab.receiver({"registration_submitted": submit_file})
    post(app, told)
    assert not app.wait_until_idle(0.5)
    (event,) = app.inbox.events()
    assert (event.state, event.results, lab.results_sent()) == ("waiting", "sending", [None])
    assert 30 < event.not_before - time.time() < 60


def submit_drafts_after(disturb: Callable[[], None]) -> Callable[[ReceivedDrafts], None]:
    """A handler whose results get lost while somebody else changes the submission."""

    def handler(event: ReceivedDrafts) -> None:
        try:
            event.submit()
        except OutcomeUnknownError:
            disturb()
            raise

    return handler


def test_what_cannot_be_told_stays_unknown_until_somebody_decides(lab: Lab) -> None:
    """Results that are lost while somebody else changes the submission are not sent again; they are listed."""
    told = lab.drafts_submitted()
    lab.world.fail("submitSubmissionResults", reset=True)

    def push() -> None:
        lab.api.registration.push_submission_status(told["operation_id"], told["submission_id"], "submitted", "mine")

    app = lab.receiver({"registration_drafts_submitted": submit_drafts_after(push)})
    post(app, told)
    assert app.wait_until_idle(20)
    (unknown,) = app.inbox.events("unknown")
    assert (unknown.results, lab.results_sent()) == ("sending", [None])

    app.inbox.retry(unknown.key)
    assert app.wait_until_idle(20)
    assert [event.state for event in app.inbox.events()] == ["unknown"]
    app.inbox.retry(unknown.key, submit_again=True)
    assert app.wait_until_idle(20)
    assert ([event.state for event in app.inbox.events()], lab.results_sent()) == (["done"], [None, 204])


def test_drafts_that_nobody_touched_are_submitted_again(lab: Lab) -> None:
    """The same state and the same time as before the lost results say that these did not arrive."""
    told = lab.drafts_submitted()
    lab.world.fail("submitSubmissionResults", reset=True)
    app = lab.receiver({"registration_drafts_submitted": submit_drafts_after(lambda: None)})
    post(app, told)
    assert app.wait_until_idle(20)
    assert (app.inbox.counts()["done"], lab.results_sent()) == (1, [None, 204])


def test_results_that_are_in_already_are_not_sent(lab: Lab) -> None:
    """A registration that somebody else has completed takes no results, and the handler is told so."""
    given: list[bool] = []
    told = lab.file_registered()
    lab.api.registration.submit_results(told["operation_id"], told["file_id"], "success")
    app = lab.receiver({"registration_submitted": lambda event: given.append(event.submit())})
    post(app, told)
    assert app.wait_until_idle(20)
    assert (given, lab.results_sent()) == ([False], [204])


def test_a_handler_that_fails_after_its_results_are_in_reports_nothing_again(lab: Lab) -> None:
    """What comes behind the report is done again; the report is not."""
    given: list[bool] = []

    def handler(event: ReceivedFile) -> None:
        given.append(event.submit())
        if len(given) < 3:
            raise RuntimeError("the database of the registrar is away")

    told = lab.file_registered()
    app = lab.receiver({"registration_submitted": handler})
    post(app, told)
    assert app.wait_until_idle(20)
    assert (given, lab.results_sent()) == ([True, False, False], [204])
    assert lab.world.operations().count("listRegistrationFiles") == 1


def test_a_refused_report_is_an_error_and_is_tried_again(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """A refusal says that nothing arrived: the event is tried again at once, as after any other error."""
    for world in ("kalbio._registrar", "kalbio.aio._registrar"):
        monkeypatch.setattr(f"{world}.JOURNAL_REST", 60.0)
    told = lab.file_registered()
    lab.world.fail("submitRegistrationResults", status=422)
    app = lab.receiver({"registration_submitted": submit_file})
    post(app, told)
    assert app.wait_until_idle(20)
    assert (app.inbox.counts()["done"], lab.status_of(told).status) == (1, "completed")


# -- what was missed ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("handler", [check_file, check_file_async], ids=["sync", "async"])
def test_what_was_missed_is_caught_up(lab: Lab, handler: Any) -> None:
    """Registrations of files and drafts that wait at the platform are handled at the start, with their records."""
    file, done = lab.file_registered("Compound,Potency\nSBX-2,3\n"), lab.file_registered()
    lab.api.registration.submit_results(done["operation_id"], done["file_id"], "success")
    drafts, verdicts = lab.drafts_submitted(), lab.drafts_submitted(validate=True)
    seen: list[Any] = []

    def judge(event: ReceivedDrafts) -> None:
        seen.append((event.event.event, sorted(event.record_ids), event.source))
        event.submit()

    names = ("registration_drafts_submitted", "registration_drafts_validation_requested")
    app = lab.receiver({"registration_submitted": handler, **dict.fromkeys(names, judge)}, catch_up_every=3600)
    assert app.wait_until_idle(30)

    assert lab.status_of(file).status == "completed"
    assert lab.status_of(file).record_errors == []
    assert sorted(seen) == [
        ("registration_drafts_submitted", sorted(drafts["record_ids"]), "catch-up"),
        ("registration_drafts_validation_requested", sorted(verdicts["record_ids"]), "catch-up"),
    ]
    assert len(app.inbox.events()) == 3
    assert [event.deliveries for event in app.inbox.events()] == [0, 0, 0]
    assert post(app, file)[1] == {"kept": True, "duplicate": True}
    assert app.wait_until_idle(30)
    assert lab.results_sent() == [204] * 4
    assert app.catch_up() == 0


def test_a_catch_up_that_fails_is_tried_again(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the API is away, the service goes on, and looks again."""
    monkeypatch.setattr("kalbio.webhooks.worker._AFTER_TROUBLE", 0.05)
    told = lab.file_registered()
    lab.world.fail("listActivities", status=500, times=2)
    app = lab.receiver({"registration_submitted": submit_file}, catch_up_every=3600)
    app.start()
    limit = time.monotonic() + 20
    while lab.status_of(told).status != "completed" and time.monotonic() < limit:
        time.sleep(0.02)
    assert lab.status_of(told).status == "completed"


# -- processes ---------------------------------------------------------------------------------------------------------


def test_handlers_that_do_not_end_are_handled_after_the_next_start(lab: Lab) -> None:
    """Stopping cancels a coroutine and leaves a thread; the event of the one waits at once, untold as a failure."""
    go, begun = threading.Event(), threading.Barrier(3)

    async def file_handler(event: Any) -> None:
        await asyncio.to_thread(begun.wait, 20)
        await asyncio.sleep(60)

    def other(event: Any) -> None:
        begun.wait(20)
        go.wait(60)

    app = lab.receiver({"registration_submitted": file_handler, "other_event": other})
    post(app, lab.file_registered())
    post(app, {"event": "x"})
    begun.wait(20)
    app.stop(0.05)
    states = {event.name: (event.state, event.attempts) for event in app.inbox.events()}
    assert states == {"registration_submitted": ("waiting", 0), "x": ("running", 1)}

    seen: list[str] = []
    again = lab.receiver({"registration_submitted": lambda event: seen.append("file"), "other_event": other})
    again.start()
    time.sleep(0.02)
    assert seen == []  # the one who has left a handler running keeps the duty until that has ended
    go.set()
    assert again.wait_until_idle(20)
    assert (seen, again.inbox.counts()["done"]) == (["file"], 2)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_child_receives_and_its_parent_handles(lab: Lab) -> None:
    """A server that forks after the service was started has events kept by the child and handled by the parent."""
    seen: list[int] = []
    app = lab.receiver({"other_event": lambda event: seen.append(os.getpid())})
    post(app, {"event": "before"}, face="wsgi")
    assert app.wait_until_idle(20)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python warns of threads; what they hold is reset
        child = os.fork()
    if not child:
        status = post(app, {"event": "in the child"}, face="wsgi")[0]
        os._exit(0 if status == 200 else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert app.wait_until_idle(20)
    assert seen == [os.getpid()] * 2


def test_one_of_several_receivers_handles_and_the_next_one_takes_over(lab: Lab) -> None:
    """Two services on one inbox both keep events; one handles them all, and the other one when that has ended."""
    seen: list[str] = []
    first = lab.receiver({"other_event": lambda event: seen.append("first")})
    second = lab.receiver({"other_event": lambda event: seen.append("second")})
    assert first.wait_until_idle(20)
    limit = time.monotonic() + 20
    first.inbox.put("0", "x", b'{"event": "x", "n": 0}')
    while not seen and time.monotonic() < limit:
        time.sleep(0.01)
    second.start()
    for number in (1, 2):
        post(second, {"event": "x", "n": number})
    assert first.wait_until_idle(20)
    first.stop()
    post(second, {"event": "x", "n": 3})
    assert second.wait_until_idle(20)
    assert seen == ["first", "first", "first", "second"]


def test_an_event_that_ends_the_process_each_time_is_dead_in_the_end(lab: Lab) -> None:
    """What was being handled when a process ended is handled after the next start, but not for ever."""
    app = lab.receiver({"other_event": ignore}, attempts=3)
    app.inbox.put("x", "x", b'{"event": "x"}')
    for _ in range(3):
        app.inbox.recover(3)
        assert [event.attempts for event in app.inbox.events("waiting")]
        app.inbox.claim(1)
    app.inbox.recover(3)
    assert [event.error for event in app.inbox.events("dead")] == ["the process ended while it was handled"]


# -- the inbox ---------------------------------------------------------------------------------------------------------


def test_an_inbox_is_for_its_owner_and_nobody_else(tmp_path: Path) -> None:
    """The file of an inbox, and those beside it, can be read by their owner alone."""
    inbox = Inbox(tmp_path / "inbox.db")
    inbox.put("x", "x", b"{}")
    modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    assert set(modes.values()) == {0o600}
    inbox.close()


def test_what_is_no_inbox_is_refused(tmp_path: Path) -> None:
    """Another database, a text and a folder are left as they are; a missing inbox is made only for a service."""
    (tmp_path / "text").write_text("no database, but long enough to be looked at as if it were one" * 20)
    with sqlite3.connect(tmp_path / "other.db") as other:
        other.execute("create table t (x)")
    other.close()
    for name, create, text in (
        ("text", True, "cannot be used"),
        ("other.db", True, "is not an inbox"),
        (".", True, "not a plain file"),
        ("missing", False, "There is no inbox"),
        ("no/folder", True, "No such file"),
        (":memory:", True, "must be a file"),
    ):
        with row(name), pytest.raises(InboxError, match=text):
            Inbox(name if name == ":memory:" else tmp_path / name, create=create)


def test_keys_may_be_shortened_while_they_are_clear(tmp_path: Path) -> None:
    """An event is found by the beginning of its key where only one begins like that."""
    inbox = Inbox(tmp_path / "inbox.db")
    for key in ("file:a%", "file:ab", "drafts:_"):
        inbox.put(key, "x", b"{}")
    assert inbox.event("drafts").key == "drafts:_"
    assert inbox.event("file:a%").key == "file:a%"
    for key, text in (("file", "several"), ("nothing", "no event"), ("", "no event"), ("%", "no event")):
        with row(key), pytest.raises(InboxError, match=text):
            inbox.event(key)
    inbox.drop("drafts")
    assert [event.key for event in inbox.events("dropped")] == ["drafts:_"]
    assert inbox.claim(5)
    with pytest.raises(InboxError, match="is being handled"):
        inbox.retry("file:ab")
    inbox.close()


BAD: list[tuple[dict[str, Any], str]] = [
    ({"handlers": {}}, "there is no handler"),
    ({"handlers": {"registration_submited": ignore}}, "did you mean registration_submitted"),
    ({"handlers": {"registration_submitted": 3}}, "give a function"),
    ({"handlers": type("H", (), {"registration_submited": ignore})()}, "did you mean registration_submitted"),
    ({"token": ""}, "at least 16"),
    ({"token": "sandbox-token-"}, "at least 16"),
    ({"token": []}, "token is empty"),
    ({"token": [TOKEN, "sandbox-token-with a blank"]}, "no blanks"),
    ({"concurrency": 0}, "concurrency must be"),
    ({"attempts": True}, "attempts must be"),
    ({"body_limit": 1.5}, "body_limit must be"),
    ({"catch_up_every": 0}, "catch_up_every must be"),
    ({"catch_up_every": float("nan")}, "catch_up_every must be"),
    ({"client": "client"}, "client must be of the class KaleidoscopeClient"),
    ({"client": None}, "plain functions, which need client"),
]


def test_what_cannot_be_a_service_is_refused_at_once(lab: Lab) -> None:
    """Bad arguments are named when the service is made, and no token is told."""
    for options, text in BAD:
        with row(options), pytest.raises(SettingError, match=text) as refused:
            lab.receiver(**{"handlers": {"registration_submitted": ignore}, **options})
        assert "sandbox-token" not in str(refused.value)


def test_outcomes_are_checked_when_they_are_given() -> None:
    """A missing reason, a second outcome for a record and data that are none are refused where they are given."""
    results, record = Results(), "0a5b3a86-0000-4000-8000-000000000001"
    results.ok(record)
    rows: list[tuple[Callable[[], None], str]] = [
        (lambda: results.ok(record), "has an outcome already"),
        (lambda: results.failed(record, " "), "needs a reason"),
        (lambda: results.row_failed(1, ""), "needs a reason"),
        (lambda: results.ok("SBX-1"), "SBX-1"),
        (lambda: results.ok(record.replace("1", "2"), [1]), "data must be a dict"),  # type: ignore[arg-type]
    ]
    for number, (call, text) in enumerate(rows):
        with row(number), pytest.raises(ValueError, match=text):
            call()
    for number in range(30):
        results.row_failed(number, "no\nrecord")
    assert repr(results) == "<Results: 1 ok, 0 failed, 30 rows without a record>"
    assert (results.message("m") or "").endswith("row 19: no\\nrecord; and 10 more")


# -- the commands ------------------------------------------------------------------------------------------------------


def test_the_commands_show_an_inbox_and_decide(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`kalbio inbox` lists, shows, retries and drops, in text and as JSON, while a service has the inbox open."""
    inbox, path = Inbox(tmp_path / "inbox.db"), str(tmp_path / "inbox.db")

    def run(*arguments: str) -> str:
        assert cli.main(["inbox", *arguments, "--inbox", path]) == 0
        return capsys.readouterr().out

    for name in ("a", "b", "c"):
        inbox.put(f"x:{name}", "x", json.dumps({"event": "x", "name": name}).encode())
    for event, _ in inbox.claim(2):
        inbox.give_up(event.key, "dead", "ValueError: no\nrow")

    listed = run("list")
    assert [line.split()[0] for line in listed.splitlines() if "x:" in line] == ["dead", "dead", "waiting"]
    assert "tried once; ValueError: no\\nrow" in listed
    assert listed.endswith("1 waiting, 0 running, 0 done, 2 dead, 0 unknown, 0 dropped\n")
    told = json.loads(run("list", "--state", "waiting", "--json"))
    assert [event["key"] for event in told["events"]] == ["x:c"]
    assert json.loads(run("show", "x:a", "--json"))["payload"] == {"event": "x", "name": "a"}
    assert "ValueError: no" in run("show", "x:a")
    assert run("retry", "x:a") == "x:a was dead, and is handled again\n"
    assert run("drop", "--dead") == "x:b was dead, and is dropped\n"
    assert run("retry", "--dead") == "none is dead\n"
    assert {state: number for state, number in inbox.counts().items() if number} == {"waiting": 2, "dropped": 1}
    inbox.close()


def test_what_the_commands_cannot_do_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A missing inbox, an unknown key and a state that there is not are said, with exit code 1."""
    path = str(tmp_path / "inbox.db")
    assert cli.main(["inbox", "list", "--inbox", path]) == 1
    Inbox(path).close()
    for arguments in (["show", "x"], ["retry"], ["retry", "x", "--dead"], ["list", "--state", "lost"]):
        assert cli.main(["inbox", *arguments, "--inbox", path]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert [line.partition(": ")[0] for line in lines] == ["kalbio"] * 5
    assert "There is no inbox" in lines[0]


# -- the url of a file -------------------------------------------------------------------------------------------------


def test_the_url_of_a_file_is_used_only_when_asked_for(lab: Lab) -> None:
    """With `from_url` the file comes from the url of the webhook, with no credentials of the client."""
    seen: list[Any] = []

    def handler(event: ReceivedFile) -> None:
        seen.append(event.read(from_url=True))

    told = lab.file_registered()
    app = lab.receiver({"registration_submitted": handler})
    with answering(200, {}, b"from the url") as (url, asked):
        post(app, {**told, "file_url": url})
        assert app.wait_until_idle(20)
    assert seen == [b"from the url"]
    assert not {"authorization", "x-kal-authorization", "cookie"} & set(asked[0])


def test_an_event_that_was_opened_again_waits_for_a_younger_one_of_its_activity(tmp_path: Path) -> None:
    """Also a file that is registered anew, whose event came first, is not handled beside another one."""
    inbox = Inbox(tmp_path / "inbox.db")
    for key in ("a", "b"):
        inbox.put(key, "x", b"{}", activity="o", repeats=True)
    (first,) = inbox.claim(5)
    inbox.finish(first[0].key)
    (second,) = inbox.claim(5)
    inbox.put("a", "x", b"{}", activity="o", repeats=True)
    assert (first[0].key, second[0].key, inbox.claim(5)) == ("a", "b", [])
    inbox.finish("b")
    assert [(event.key, ticket.look) for event, ticket in inbox.claim(5)] == [("a", True)]
    inbox.close()


# The state and the time of the last change before and after, and what that says of results with the message "m".
FATES: list[tuple[str, tuple[str, str | None], tuple[str, str | None, str | None], str]] = [
    ("file", ("pending", "1"), ("pending", "1", None), "lost"),
    ("file", ("validated", "1"), ("validated", "1", "rows read"), "lost"),
    ("file", ("pending", "1"), ("submitted", "2", None), "arrived"),
    ("file", ("submitted", "1"), ("submitted", "2", None), "unknown"),
    ("file", ("pending", "1"), ("completed", "2", "m"), "arrived"),
    ("file", ("pending", "1"), ("failed", "2", None), "arrived"),
    ("file", ("pending", "1"), ("validated", "2", None), "unknown"),
    ("file", ("pending", None), ("pending", None, None), "unknown"),
    ("registration", ("submitted", "1"), ("submitted", "1", None), "lost"),
    ("registration", ("submitted", "1"), ("submitted", "2", "m"), "unknown"),
    ("registration", ("submitted", "1"), ("validated", "2", "m"), "unknown"),
    ("registration", ("submitted", "1"), ("completed", "2", None), "arrived"),
    ("validation", ("pending", "1"), ("pending", "1", None), "lost"),
    ("validation", ("pending", "1"), ("validated", "2", "m"), "arrived"),
    ("validation", ("pending", "1"), ("validated", "2", "of somebody else"), "unknown"),
    ("validation", ("pending", "1"), ("validation_failed", "2", "m"), "unknown"),
    ("validation", ("validated", "1"), ("validated", "2", "m"), "unknown"),
    ("validation", ("pending", "1"), ("submitted", "2", None), "unknown"),
]


def test_the_fate_of_results_is_told_from_the_state_or_not_at_all() -> None:
    """A state that only results lead to, or one that nobody has touched, tells; whatever else has changed does not."""
    for kind, before, (status, updated_at, message), fate in FATES:
        raw = {"id": "r", "status": status, "updated_at": updated_at, "message": message, "submission_type": kind}
        now = RegistrationFile(raw, None) if kind == "file" else RegistrationSubmission(raw, None)
        with row(kind, before, status, message):
            assert fate_of(Sent(*before, "success", "m"), now) == fate
