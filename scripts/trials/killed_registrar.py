"""A registrar that is killed at any moment while events come late, twice, in any order or not at all.

The sandbox tells of each event; here it is posted as badly as a network can. The ledger of the sandbox says which
results reached it, and the states of the registrations which events were lost.
"""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import contextmanager, suppress
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from kalbio.sandbox import Fault, Sandbox
from kalbio.sandbox.server import serve
from kalbio.testing import InProcess
from kalbio.webhooks import Inbox, event_key, parse_webhook

if TYPE_CHECKING:
    from collections.abc import Iterator

TOKEN = "sandbox-token-of-the-registrar"  # noqa: S105  for this trial alone
CHILD = """
import logging, os, sys
import uvicorn
from kalbio import KaleidoscopeClient
from kalbio.webhooks import receiver
url, client_id, secret, folder, port, token, careless, every = sys.argv[1:]
client = KaleidoscopeClient(client_id, secret, url)
logging.disable(logging.ERROR)
done = os.open(folder + "/handled", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
def handle(event):
    if hasattr(event, "file_id"):
        event.read()
        if careless:
            client.registration.submit_results(event.operation_id, event.file_id, "success")
    if not careless:
        event.submit()
    elif not hasattr(event, "file_id"):
        client.registration.submit_submission_results(event.operation_id, event.submission_id, "success")
    os.write(done, f"{event.key}\\n".encode())
handlers = dict.fromkeys(
    ("registration_submitted", "registration_drafts_submitted", "registration_drafts_validation_requested"), handle
)
app = receiver(
    handlers, folder + "/inbox.db", token=token, client=client, concurrency=6, catch_up_every=float(every) or None,
    attempts=3 if careless else 20
)
uvicorn.run(app, host="127.0.0.1", port=int(port), log_level="error")
"""
RESULTS = ("submitRegistrationResults", "submitSubmissionResults")
_PATIENCE = 300.0
_MOST_EACH = 40


class Post:
    """Posts events as badly as it can: late, in any order, twice, without waiting for the answer, or not at all."""

    def __init__(self, port: int, draw: Random) -> None:
        self._port, self._draw = port, draw
        self._waiting: list[tuple[dict[str, Any], int]] = []
        self._changed = threading.Condition()
        self._closing = False
        self.keys: set[str] = set()
        self.figures: Counter[str] = Counter()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def send(self, payload: dict[str, Any]) -> None:
        """Take an event of the sandbox."""
        with self._changed:
            self.keys.add(event_key(parse_webhook(payload)))
            self._waiting.append((payload, 0))
            self._changed.notify_all()

    def close(self) -> None:
        """Post nothing more."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._thread.join(10)

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._closing)
                if self._closing:
                    return
                payload, failures = self._waiting.pop(self._draw.randrange(min(30, len(self._waiting))))
            chance = self._draw.random()
            if chance < 0.02:
                self.figures["not posted"] += 1
                continue
            if not self._post(payload, waits=chance > 0.1):
                if failures < 2:
                    self._again(payload, failures + 1)
                    time.sleep(0.2)  # while it starts anew, most of what is posted would be given up
                else:
                    self.figures["given up by the sender"] += 1
            elif chance > 0.85:
                self.figures["posted again"] += 1
                self._again(payload, 0 if chance > 0.95 else 2)

    def _again(self, payload: dict[str, Any], failures: int) -> None:
        with self._changed:
            self._waiting.append((payload, failures))

    def _post(self, payload: dict[str, Any], *, waits: bool) -> bool:
        body = json.dumps(payload).encode()
        head = f"POST /?token={TOKEN} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        try:
            with socket.create_connection(("127.0.0.1", self._port), timeout=10) as connection:
                connection.sendall(head.encode() + body)
                if not waits:
                    self.figures["answers not waited for"] += 1
                    return False
                return connection.recv(100).startswith(b"HTTP/1.1 200")
        except OSError:
            return False


def run(events: int, kills: int, seed: int, *, careless: bool = False) -> dict[str, Any]:
    """Send so many events, kill the registrar so often, and count what was lost and what was reported twice."""
    draw = Random(seed)  # noqa: S311  # a trial that can be repeated
    started = time.monotonic()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    post = Post(port, draw)
    with (
        Sandbox(webhook=post.send) as sandbox,
        serve(sandbox) as server,
        tempfile.TemporaryDirectory() as name,
        InProcess(sandbox) as lab,
    ):
        folder = Path(name)
        for fault in _faults():
            sandbox.faults.add(fault)
        credentials = (sandbox.settings.client_id, sandbox.settings.client_secret)
        command = [
            sys.executable, "-c", CHILD, server.url, *credentials, name, str(port), TOKEN, "x" if careless else "",
        ]  # fmt: skip
        asking = threading.Thread(target=_ask, args=(lab, events), daemon=True)
        with _meddling(sandbox, lab):
            asking.start()
            for number in range(kills):
                until = events * (number + draw.random()) / (kills + 1)
                with _child([*command, "0" if number % 4 else "600"]) as child:
                    _wait(lambda until=until: _handled(folder).total() >= until, child)
                    child.kill()
            with _child([*command, "5" if events > 200 else "1"]) as child:
                asking.join(_PATIENCE)
                _wait(lambda: _settled(folder, len(post.keys)), child)
                post.close()
                child.send_signal(signal.SIGTERM)
                child.wait(30)
        return {
            "events": len(post.keys),
            "kills": kills,
            **dict(sorted(post.figures.items())),
            **_account(sandbox, lab, folder, post.keys),
            "seconds": round(time.monotonic() - started),
        }


@contextmanager
def _child(command: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    """Run the service; it ends with the block, however that ends."""
    with subprocess.Popen(command) as child:
        try:
            yield child
        finally:
            child.kill()


def held(figures: dict[str, Any]) -> bool:
    """Whether nothing was lost or reported twice, although both were tempting.

    In a short run not all of that comes about.
    """
    wrong = any(figures[name] for name in ("lost", "never handled", "reported although in", "dead"))
    tempting = [figures[name] for name in ("results whose answer was lost", "caught up", "duplicates")]
    tempted = all(tempting) if figures["events"] >= 500 else any(tempting)
    return not wrong and tempted and figures["unknown"] == figures["unknown that are open"]


def _faults() -> list[Fault]:
    found = []
    for operation in RESULTS:
        found += [
            Fault(operation, lose_answer=True, rate=0.06),
            Fault(operation, reset=True, rate=0.06),
            Fault(operation, status=504, after=True, rate=0.03),
            Fault(operation, status=500, rate=0.03),
        ]
    return [
        *found,
        Fault("downloadActivityFile", reset=True, rate=0.05),
        Fault("listRegistrationFiles", status=500, rate=0.05),
        Fault("listActivities", status=500, rate=0.2),
    ]


def _ask(lab: InProcess, events: int) -> None:
    """Do what makes the sandbox tell of so many events: register files, and submit drafts one by one."""
    api, left = lab.client, events
    size = max(3, min(_MOST_EACH, events // 15))
    for number in range(events // 5 // size):
        batch = api.activities.create_activity(
            f"Batch {number}", "experiment", activity_definition_id="Batch registration"
        )
        rows = [{"Compound": f"B{number}-{row}"} for row in range(size)]
        api.registration.stage_drafts(batch, ["Compound"], rows)
        batch.refetch()
        for index, draft in enumerate(batch.data_table_draft_record_ids):
            ask = api.registration.validate_drafts if index % 2 else api.registration.submit_drafts
            ask(batch, [draft])
        left -= size
    while left > 0:
        run = api.activities.create_activity(
            f"Files {left}", "experiment", activity_definition_id="Assay results registration"
        )
        upload = next(item for item in run.properties if item.field_type == "file")
        for _ in range(min(size, left)):
            file = upload.update_property_file("results.csv", b"Compound,Potency\nSBX-1,12.1\n", "text/csv") or {}
            api.registration.register_file(run, file["file_id"])
            left -= 1


@contextmanager
def _meddling(sandbox: Sandbox, lab: InProcess) -> Iterator[None]:
    """Change some submissions while the fate of their results is open, so that it cannot be told."""
    ended = threading.Event()

    def work() -> None:
        seen = 0
        while not ended.wait(0.1):
            entries = sandbox.ledger
            for entry in entries[seen:]:
                if entry.operation == RESULTS[1] and entry.fault == "reset":
                    operation, submission = entry.path.split("/")[-4], entry.path.split("/")[-2]
                    with suppress(Exception):  # it may have ended
                        lab.client.registration.push_submission_status(operation, submission, "submitted", "me too")
            seen = len(entries)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(10)


def _wait(reached: Any, child: subprocess.Popen[Any]) -> None:
    limit = time.monotonic() + _PATIENCE
    while not reached() and child.poll() is None and time.monotonic() < limit:
        time.sleep(0.02)


def _handled(folder: Path) -> Counter[str]:
    path = folder / "handled"
    return Counter(path.read_text(encoding="utf-8").split()) if path.exists() else Counter()


def _settled(folder: Path, events: int) -> bool:
    """Whether the inbox knows all events, and none of them waits or runs."""
    if not (folder / "handled").exists():  # it has not started
        return False
    inbox = Inbox(folder / "inbox.db")
    counts = inbox.counts()
    inbox.close()
    return sum(counts.values()) >= events and not (counts["waiting"] or counts["running"])


def _account(sandbox: Sandbox, lab: InProcess, folder: Path, keys: set[str]) -> dict[str, Any]:
    """Compare the inbox with the registrations as they stand, and the ledger with itself."""
    inbox = Inbox(folder / "inbox.db", create=False)
    known = {event.key: event for event in inbox.events()}
    inbox.close()
    listed = {key for key, event in known.items() if event.state == "unknown"}
    dead = {key for key, event in known.items() if event.state == "dead"}
    open_, handled = _open_keys(lab), _handled(folder)
    reports: dict[str, list[int | None]] = {}
    lost_answers = 0
    for entry in sandbox.ledger:
        if entry.operation in RESULTS:
            reports.setdefault(entry.path, []).append(entry.status)
            lost_answers += entry.fault is not None
    carried_out = [[status for status in one if status is not None and status < 400] for one in reports.values()]
    needless = 0
    for one in reports.values():
        first = next((index for index, status in enumerate(one) if status is not None and status < 400), len(one))
        needless += len(one[first + 1 :])
    return {
        "duplicates": sum(event.deliveries > 1 for event in known.values()),
        "caught up": sum(event.source == "catch-up" for event in known.values()),
        "results whose answer was lost": lost_answers,
        "results carried out": sum(map(bool, carried_out)),
        "carried out twice": sum(len(one) > 1 for one in carried_out),
        "reported although in": needless,
        "never handled": len(keys - set(handled) - listed - dead),
        "handled more than once": sum(count > 1 for count in handled.values()),
        "lost": len(open_ - listed - dead) + len(keys - set(known)),
        "dead": len(dead),
        "unknown": len(listed),
        "unknown that are open": len(listed & open_),
    }


def _open_keys(lab: InProcess) -> set[str]:
    """The keys of the events whose registration has not ended."""
    from kalbio._registrar import find_unfinished

    return {event_key(parse_webhook(payload)) for payload in find_unfinished(lab.client)}
