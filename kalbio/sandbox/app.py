"""The sandbox itself: bytes in, bytes out. No server, no event loop."""

from __future__ import annotations

import re
import sqlite3
import threading
import weakref
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import format_datetime
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import parse_qsl

from kalbio.sandbox import oauth, seed, uploads
from kalbio.sandbox.calls import HANDLERS, Answer, Call, Refusal, Settings, UploadedFile
from kalbio.sandbox.contract import Contract, Operation, load_contract, loads
from kalbio.sandbox.faults import Fault, Faults, LedgerEntry, shown_ids
from kalbio.sandbox.store import Document, Json, Store, connect, dumps, is_empty, last_instant
from kalbio.sandbox.times import Clock
from kalbio.sandbox.webhooks import Delivery, Webhooks

# Importing a module registers its operations.
for _module in (
    "activities", "dashboards", "definitions", "events", "exports", "fields", "files", "imports", "key_changes",
    "operations", "programs", "properties", "queries", "records", "registration", "submissions", "templates", "values",
    "views", "workspace",
):  # fmt: skip
    import_module(f"kalbio.sandbox.{_module}")

_JSON, _FORM, _MULTIPART = "application/json", "application/x-www-form-urlencoded", "multipart/form-data"
_IN_PROCESS_URL = "http://sandbox.invalid"
_LEDGER_LIMIT = 100_000
_MIB = 1024 * 1024
_LARGEST = 1_000_000_000  # what SQLite takes for one cell
_VISIBLE = re.compile(r"[ -~]+")
_Route = tuple[Operation, dict[str, str]] | None


@dataclass(frozen=True)
class Request:
    """One HTTP request."""

    method: str
    target: str
    """Path and query, as on the request line."""
    headers: Iterable[tuple[str, str]] = ()
    body: bytes = b""

    def header(self, name: str) -> str | None:
        """The last header of that name."""
        return next((v for n, v in reversed(list(self.headers)) if n.lower() == name), None)


@dataclass(frozen=True)
class Response:
    """One HTTP answer."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def json(self) -> Json:
        """The decoded body."""
        return loads(self.body)


@dataclass(frozen=True)
class Outcome:
    """What becomes of a request that may meet a fault."""

    response: Response | None
    """The answer, None when there is none. Whether it arrives, and when, depends on the fault."""
    fault: Fault | None = None

    @property
    def is_cut(self) -> bool:
        """Whether the connection breaks instead of an answer. An answer without a body cannot break off later."""
        fault = self.fault
        if fault is None:
            return False
        return fault.reset or fault.lose_answer or (fault.truncate and not (self.response and self.response.body))


class Sandbox:
    """A local emulator of the Kaleidoscope API.

    `webhook` receives the registration events: a URL gets real POSTs, a callable gets the payload.
    `db` is a file that keeps everything; without it the state lives in memory. A file is seeded only when it is new.
    `faults` is the plan of what goes wrong on the way, for those who use `meet`; `clock_skew` shifts the Date header of
    the answers by so many seconds. `json_limit` and `upload_limit` are the largest bodies it takes, in bytes.
    """

    def __init__(
        self,
        db: str | Path | None = None,
        *,
        seed: str = "demo",
        webhook: str | Callable[[Document], None] | None = None,
        lenient_uploads: bool = False,
        client_id: str = "sandbox-id",
        client_secret: str = "sandbox-secret",  # noqa: S107  invented, and printed on start
        token_lifetime: int = 3600,
        import_polls: int = 0,
        clock: Callable[[], datetime] | None = None,
        faults: Faults | None = None,
        clock_skew: float = 0,
        json_limit: int = 32 * _MIB,
        upload_limit: int = 512 * _MIB,
    ) -> None:
        """Open the database and, when it is new, fill it with a seed."""
        for name, limit in (("json_limit", json_limit), ("upload_limit", upload_limit)):
            if not 0 < limit <= _LARGEST:
                raise ValueError(f"{name} must be from 1 to {_LARGEST} bytes; got {limit!r}")
        self._limits = (json_limit, upload_limit)
        self.settings = Settings(client_id, client_secret, token_lifetime, lenient_uploads, import_polls)
        self.base_url = _IN_PROCESS_URL
        self.faults = faults if faults is not None else Faults()
        self.clock_skew = clock_skew
        self._contract: Contract = load_contract()
        self._lock = threading.RLock()
        self._connection = connect(db)
        # A sandbox that nobody closed takes its database along without a warning.
        weakref.finalize(self, self._connection.close)
        try:
            _fill_when_empty(self._connection, seed)
        except BaseException:
            self._connection.close()
            raise
        self._store = Store(self._connection, Clock(clock, last_instant(self._connection)))
        self._webhooks = Webhooks(webhook)
        self._ledger: deque[LedgerEntry] = deque(maxlen=_LEDGER_LIMIT)
        self._written = 0

    def handle(self, request: Request) -> Response:
        """Answer one request. Safe to call from any thread; requests are taken one at a time."""
        return self._carry_out(request, self._route(request))

    def meet(self, request: Request) -> Outcome:
        """Answer one request as `handle` does, unless a fault of the plan comes between."""
        route = self._route(request)
        fault = self.faults.take(route[0].id if route else None)
        if fault is None:
            return Outcome(self._carry_out(request, route))
        if fault.expire_tokens:
            self.expire_tokens()
        elif fault.revoke_tokens:
            self.revoke_tokens()
        answer: Response | None = None
        if fault.carried_out:
            answer = self._carry_out(request, route, fault)
        elif route:
            with self._lock:
                self._write_down(route[0], request, None, fault)
        if fault.status is not None:
            headers, body = fault.error()
            answer = Response(fault.status, (*headers, *self._date()), b"" if fault.status in (204, 304) else body)
        elif answer is not None and fault.body is not None:
            answer = Response(200 if answer.status == 204 else answer.status, answer.headers, fault.body)
        return Outcome(answer, fault)

    def body_limit(self, method: str, target: str) -> int:
        """How many bytes the body of such a request may have."""
        route = self._contract.route(method.upper(), target.partition("?")[0])
        return self._limits[1 if route and _MULTIPART in route[0].body_types() else 0]

    def refuse(self, refusal: Refusal) -> Response:
        """The answer to a request that does not get as far as an operation."""
        return self._respond(refusal)

    def _route(self, request: Request) -> _Route:
        return self._contract.route(request.method.upper(), request.target.partition("?")[0])

    def _carry_out(self, request: Request, route: _Route, fault: Fault | None = None) -> Response:
        path, _, query = request.target.partition("?")
        if route is None:
            message = f"Route {request.method.upper()}:{path} not found"
            return self._respond(Refusal(404, message, code="FST_ERR_NOT_FOUND"))
        operation, path_values = route
        answer: Answer | Refusal
        with self._lock:
            call = Call(self._store, self.settings, self.base_url, path_values)
            self._connection.execute("begin immediate")
            try:
                answer = self._run(operation, call, query, request)
                answer = self._judged(operation, call, answer)
                self._connection.execute("commit")
            except Refusal as refusal:
                self._connection.execute("rollback")
                answer = refusal
            except BaseException:
                self._connection.execute("rollback")
                raise
            self._write_down(operation, request, answer, fault)
        if isinstance(answer, Answer):
            # after the commit, so that a receiver that calls back at once sees what the event speaks of
            for event in call.events:
                self._webhooks.send(event)
        return self._respond(answer)

    def _write_down(
        self, operation: Operation, request: Request, answer: Answer | Refusal | None, fault: Fault | None
    ) -> None:
        if operation.method == "GET":
            return
        self._written += 1
        self._ledger.append(
            LedgerEntry(
                number=self._written,
                operation=operation.id,
                method=operation.method,
                path=request.target.partition("?")[0],
                status=answer.status if answer else None,
                fault=fault.kind if fault else None,
                ids=shown_ids(answer.body) if isinstance(answer, Answer) else (),
            )
        )

    def _run(self, operation: Operation, call: Call, query: str, request: Request) -> Answer:
        if not operation.is_open:
            oauth.check_token(call.store, request.header("x-kal-authorization"))
        handler = HANDLERS.get(operation.id)
        if handler is None:
            raise Refusal(501, f"the sandbox does not implement {operation.id}")
        limit = self.body_limit(request.method, request.target)
        if len(request.body) > limit:
            raise too_large(limit)
        call.query = self._contract.read_query(operation, query)
        self._read_body(operation, call, request)
        try:
            result = handler(call)
        except Refusal as refusal:
            if not self._contract.describes(operation, refusal.status):
                raise Refusal(500, f"{operation.id} describes no {refusal.status}: {refusal.message}") from refusal
            raise
        return result if isinstance(result, Answer) else Answer(result)

    def _read_body(self, operation: Operation, call: Call, request: Request) -> None:
        given = (request.header("content-type") or "").strip()
        media_type = given.partition(";")[0].strip().lower()
        if request.method.upper() == "GET":
            return
        if media_type == _JSON and not request.body:
            message = "Body cannot be empty when content-type is set to 'application/json'"
            raise Refusal(400, message, code="FST_ERR_CTP_EMPTY_JSON_BODY")
        allowed = operation.body_types()
        if not request.body and not given and operation.takes_nothing:
            return
        if _MULTIPART in allowed:
            self._read_upload(operation, call, request.body, media_type, given)
            return
        if media_type not in allowed:
            raise Refusal(415, f"Unsupported Media Type: {given or 'none'}", code="FST_ERR_CTP_INVALID_MEDIA_TYPE")
        if media_type == _FORM:
            call.body = dict(parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True))
        else:
            call.body = _json_body(request.body)
        self._contract.check_body(operation, media_type, call.body)

    def _read_upload(self, operation: Operation, call: Call, body: bytes, media_type: str, given: str) -> None:
        boundary = uploads.boundary_of(given) if media_type == _MULTIPART else None
        if boundary is None and self.settings.lenient_uploads:
            boundary = uploads.sniff_boundary(body)
        if boundary is None:
            if media_type == _JSON:
                raise Refusal(400, "Unexpected token in JSON: not a JSON body", code="FST_ERR_CTP_INVALID_JSON_BODY")
            code = "FST_INVALID_MULTIPART_CONTENT_TYPE"
            raise Refusal(415, "the request is not multipart/form-data with a boundary", code=code)
        fields: Document = {}
        for part in uploads.read_parts(body, boundary):
            name = part.disposition.get("name", "")
            if name in fields:
                raise Refusal(400, f"part {name!r} is given twice", code="FST_ERR_VALIDATION")
            if "filename" in part.disposition:
                kind = part.headers.get("content-type", "")
                if not _VISIBLE.fullmatch(kind):  # it becomes a header again when the file is downloaded
                    kind = "application/octet-stream"
                call.file = UploadedFile(part.disposition["filename"], kind, bytes(part.data))
                fields[name] = ""
            else:
                fields[name] = _json_body(bytes(part.data))
        self._contract.check_body(operation, _MULTIPART, fields)
        if call.file is None:
            raise Refusal(400, "part 'file' has no file name", code="FST_ERR_VALIDATION")
        call.body = fields.get("body")

    def _judged(self, operation: Operation, call: Call, answer: Answer) -> Answer:
        kind = next((v for n, v in answer.headers if n == "content-type"), _JSON).partition(";")[0]
        fault = self._contract.find_fault(operation, answer.status, kind, answer.body)
        faults = [fault, *(self._contract.webhook_fault(event["event"], event) for event in call.events)]
        for fault in filter(None, faults):
            raise Refusal(500, f"the sandbox breaks its own contract: {fault}", code="SANDBOX_CONTRACT")
        return answer

    def _respond(self, answer: Answer | Refusal) -> Response:
        if isinstance(answer, Refusal):
            answer = Answer(answer.body(), status=answer.status)
        headers = (*answer.headers, *self._date())
        if answer.body is None:
            return Response(answer.status, headers, b"")
        if isinstance(answer.body, bytes):
            return Response(answer.status, headers, answer.body)
        headers = (("content-type", "application/json; charset=utf-8"), *headers)
        return Response(answer.status, headers, dumps(answer.body).encode())

    def _date(self) -> tuple[tuple[str, str], ...]:
        if not self.clock_skew:
            return ()  # the server knows the time
        shown = self._store.clock.now() + timedelta(seconds=self.clock_skew)
        return (("date", format_datetime(shown, usegmt=True)),)

    def issue_token(self) -> str:
        """An access token without a login."""
        with self._lock:
            token = oauth.issue(self._store, self.settings.token_lifetime, self._store.new_id())
        return str(token["access_token"])

    def revoke_tokens(self) -> None:
        """End every token there is, as an administrator might: the next request of any client gets a 401."""
        with self._lock:
            self._store.run("delete from token")

    def expire_tokens(self) -> None:
        """End every access token there is, as time does; refresh tokens stay good."""
        with self._lock:
            self._store.run("update token set expires = 0 where kind = 'access'")

    @property
    def ledger(self) -> list[LedgerEntry]:
        """The writes that reached the sandbox, logins included, in the order in which they were carried out.

        The last 100,000 are kept.
        """
        with self._lock:
            return list(self._ledger)

    @property
    def webhook_log(self) -> list[Delivery]:
        """Every webhook so far, oldest first, with what became of it."""
        return self._webhooks.log

    def wait_for_webhooks(self, timeout: float = 10.0) -> bool:
        """Wait until no webhook is under way; False when the time ran out before."""
        return self._webhooks.wait(timeout)

    def close(self) -> None:
        """Stop deliveries and close the database."""
        self._webhooks.close()
        with self._lock:
            self._connection.close()

    def __enter__(self) -> Self:
        """The sandbox itself."""
        return self

    def __exit__(self, *exc: type[BaseException] | BaseException | TracebackType | None) -> None:
        """Close it."""
        self.close()


def _fill_when_empty(connection: sqlite3.Connection, name: str) -> None:
    if is_empty(connection):
        template = sqlite3.connect(":memory:")
        try:
            template.deserialize(seed.image(name))
            template.backup(connection)
        finally:
            template.close()


def too_large(limit: int) -> Refusal:
    """The refusal of a body that is larger than it may be."""
    return Refusal(413, f"Request body is too large: {limit} bytes at most", code="FST_ERR_CTP_BODY_TOO_LARGE")


def _json_body(body: bytes) -> Json:
    try:
        return loads(body)
    except ValueError as error:
        raise Refusal(400, f"Body is not valid JSON: {error}", code="FST_ERR_CTP_INVALID_JSON_BODY") from None
