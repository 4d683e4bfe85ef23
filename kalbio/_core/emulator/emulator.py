"""The emulator itself: bytes in, bytes out. No server, no event loop."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from types import TracebackType
from typing import Generic, Protocol, Self, TypeVar
from urllib.parse import parse_qsl

from kalbio._core.description.document import Operation
from kalbio._core.emulator import uploads
from kalbio._core.emulator.access_log import AccessLog
from kalbio._core.emulator.calls import IN_PROCESS_URL, Answer, Call, Routes, UploadedFile
from kalbio._core.emulator.contract import Contract
from kalbio._core.emulator.conventions import Authenticator, Conventions
from kalbio._core.emulator.faults import Fault, Faults
from kalbio._core.emulator.ledger import Ledger, LedgerEntry
from kalbio._core.emulator.messages import Delivery, Request, Response
from kalbio._core.emulator.pages import PageSource
from kalbio._core.emulator.reference import Reference
from kalbio._core.emulator.refusals import Code, Refusal
from kalbio._core.emulator.strict_json import Json, encode, loads
from kalbio._core.emulator.webhooks import Webhooks

_JSON, _FORM, _MULTIPART = "application/json", "application/x-www-form-urlencoded", "multipart/form-data"
_MIB = 1024 * 1024
_LARGEST_SKEW = 1_000_000_000
_LARGEST = 1_000_000_000  # what SQLite takes for one cell
_VISIBLE = re.compile(r"[ -~]+")
_Route = tuple[Operation, dict[str, str]] | None


class State(Protocol):
    """What the handlers of an emulator act on."""

    def begin(self) -> None:
        """Begin a transaction."""

    def commit(self) -> None:
        """Keep what was written since the beginning."""

    def rollback(self) -> None:
        """Undo what was written since the beginning; without one nothing happens."""

    def close(self) -> None:
        """Let go of everything."""


StateT = TypeVar("StateT", bound=State)


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


class Emulator(Generic[StateT]):
    """An emulator of an HTTP API.

    Args:
        contract: the description that requests and answers are held against.
        routes: the handlers of its operations. An operation without one is answered with 501.
        store: what they act on. Each request is a transaction.
        authenticator: who may call.
        conventions: how the platform's answers look.
        faults: the plan of what goes wrong on the way, for those who use `handle_with_faults`.
        webhooks: where events go that handlers send.
        reference: the interactive reference that a server shows; None for none.
        pages: gives the pages that a server shows to people; it is called with the first of them. None for none.
        clock: a function that gives the current time.
        clock_skew: shifts the Date header of the answers by so many seconds.
        json_limit, upload_limit: the largest bodies it takes, in bytes.
        lenient_uploads: take multipart bodies that are sent as something else, as some clients do.
        secrets: the secrets that clients log in with, which no page shows.

    Attributes:
        store: what the handlers act on. Hold `lock` to look at it while others send requests.
        lock: held for each request.
        base_url: the URL that a server gives it.
        faults: the plan of what goes wrong.
        access_log: tells of each request, and keeps the last ones when it is told to.
    """

    def __init__(
        self,
        contract: Contract,
        routes: Routes[StateT],
        store: StateT,
        *,
        authenticator: Authenticator[StateT],
        conventions: Conventions,
        faults: Faults | None = None,
        webhooks: Webhooks | None = None,
        reference: Reference | None = None,
        pages: Callable[[], PageSource] | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        clock_skew: float = 0,
        json_limit: int = 32 * _MIB,
        upload_limit: int = 512 * _MIB,
        lenient_uploads: bool = False,
        secrets: Collection[str] = (),
    ) -> None:
        check_body_limits(json_limit, upload_limit)
        if not abs(clock_skew) <= _LARGEST_SKEW:
            raise ValueError(f"clock_skew is a number of seconds, {_LARGEST_SKEW} at most; got {clock_skew!r}")
        self.contract = contract
        self.routes: Routes[StateT] = Routes()
        self.routes.include(routes)
        self.store = store
        self.authenticator = authenticator
        self.conventions = conventions
        if faults is None:
            faults = Faults(operations=[one.id for one in contract.operations], logins=conventions.logins)
        self.faults = faults
        self.reference = reference
        self.pages = pages
        self.secrets = secrets
        self.clock_skew = clock_skew
        self.base_url = IN_PROCESS_URL
        self.lock = threading.RLock()
        self.access_log = AccessLog(conventions.logger)
        self._ledger = Ledger()
        self._webhooks = webhooks if webhooks is not None else Webhooks(None, logger=conventions.logger)
        self._clock = clock
        self._limits = (json_limit, upload_limit)
        self._lenient_uploads = lenient_uploads

    def handle(self, request: Request) -> Response:
        """Answer one request. Safe to call from any thread; requests are taken one at a time."""
        begun = time.perf_counter()
        route = self._route(request)
        answer = self._carry_out(request, route)
        self._log(request, route, answer, begun)
        return answer

    def handle_with_faults(self, request: Request) -> Outcome:
        """Answer one request as `handle` does, unless a fault of the plan comes between."""
        begun = time.perf_counter()
        route = self._route(request)
        fault = self.faults.take(route[0].id if route else None)
        own: Response | None = None
        if fault is None:
            own = self._carry_out(request, route)
            self._log(request, route, own, begun)
            return Outcome(own)
        if fault.expire_tokens:
            self.expire_tokens()
        elif fault.revoke_tokens:
            self.revoke_tokens()
        answer: Response | None = None
        if fault.carried_out:
            own = answer = self._carry_out(request, route, fault)
        elif route:
            with self.lock:
                self._record(route[0], request, None, fault)
        if fault.status is not None:
            answer = replace(self._injected_response(fault, fault.status), deliveries=own.deliveries if own else ())
        elif answer is not None and fault.body is not None:
            status = 200 if answer.status == 204 else answer.status
            answer = replace(answer, status=status, body=fault.body, refusal=None)
        carried_out = own is not None if own is None or own.status < 400 else None
        self._log(request, route, answer, begun, fault, carried_out)
        return Outcome(answer, fault)

    def body_limit(self, method: str, target: str) -> int:
        """How many bytes the body of such a request may have."""
        route = self.contract.route(method.upper(), target.partition("?")[0])
        return self._limits[1 if route and _MULTIPART in route[0].body_types() else 0]

    def refuse(self, refusal: Refusal) -> Response:
        """The answer to a request that does not get as far as an operation."""
        return replace(self._respond(self.conventions.error_answer(refusal)), refusal=refusal)

    def issue_token(self) -> str:
        """An access token without a login."""
        with self.lock:
            return self.authenticator.issue_token()

    def revoke_tokens(self) -> None:
        """End every token there is, as an administrator might: the next request of any client gets a 401."""
        with self.lock:
            self.authenticator.revoke_tokens()

    def expire_tokens(self) -> None:
        """End every access token there is, as time does; refresh tokens stay good."""
        with self.lock:
            self.authenticator.expire_tokens()

    @property
    def ledger(self) -> list[LedgerEntry]:
        """The writes that reached the emulator, logins included, in the order in which they were carried out.

        The last 100,000 are kept.
        """
        with self.lock:
            return self._ledger.entries()

    @property
    def webhook_log(self) -> list[Delivery]:
        """Every webhook so far, oldest first, with what became of it."""
        return self._webhooks.log

    def send_webhook_again(self, number: int) -> None:
        """Send the event of a webhook once more, given its place in `webhook_log`; that is a new webhook."""
        log = self._webhooks.log
        if not 0 <= number < len(log):
            raise Refusal(404, "There is no such webhook; the sandbox forgets them when it ends.")
        self._webhooks.send(log[number].payload, log[number].event)

    def wait_for_webhooks(self, timeout: float = 10.0) -> bool:
        """Wait until no webhook is under way; False when the time ran out before."""
        return self._webhooks.wait(timeout)

    def close(self) -> None:
        """Stop deliveries and close the store."""
        self._webhooks.close()
        with self.lock:
            self.store.close()

    def __enter__(self) -> Self:
        """The emulator itself."""
        return self

    def __exit__(self, *exc: type[BaseException] | BaseException | TracebackType | None) -> None:
        """Close it."""
        self.close()

    def _log(
        self,
        request: Request,
        route: _Route,
        answer: Response | None,
        begun: float,
        fault: Fault | None = None,
        carried_out: bool | None = None,
    ) -> None:
        self.access_log.request(
            request, answer, time.perf_counter() - begun,
            operation=route[0].id if route else None, fault=fault, carried_out=carried_out,
        )  # fmt: skip

    def _route(self, request: Request) -> _Route:
        return self.contract.route(request.method.upper(), request.path)

    def _carry_out(self, request: Request, route: _Route, fault: Fault | None = None) -> Response:
        if route is None:
            return self.refuse(self._unknown_route(request))
        operation, path_values = route
        call = Call(self.store, operation, request, self.base_url, path_values)
        refused: Refusal | None = None
        with self.lock:
            try:
                self.store.begin()
                answer = self._run(call)
                self._validate_response(call, answer)
                self.store.commit()
            except Refusal as refusal:
                self.store.rollback()
                answer, refused = self.conventions.error_answer(refusal), refusal
                call.webhooks.clear()
            except BaseException:
                self.store.rollback()
                raise
            self._record(operation, request, answer, fault)
        # after the commit, so that a receiver that calls back at once sees what the event speaks of
        deliveries = tuple(self._webhooks.send(payload, event) for event, payload in call.webhooks)
        response = self._respond(answer)
        if refused is None and not deliveries:
            return response
        return replace(response, refusal=refused, deliveries=deliveries)

    def _unknown_route(self, request: Request) -> Refusal:
        method = request.method.upper()
        methods = self.contract.methods(request.path)
        if methods:
            message = f"{request.path} has no {method}; it has {', '.join(methods)}"
            return Refusal(405, message, code=Code.UNKNOWN_METHOD)
        return Refusal(404, f"there is no {method} {request.path}", code=Code.UNKNOWN_PATH)

    def _run(self, call: Call[StateT]) -> Answer:
        operation = call.operation
        if not operation.is_open:
            call.caller = self.authenticator.authenticate(call)
        handler = self.routes.handlers.get(operation.id)
        if handler is None:
            raise Refusal(501, f"the sandbox does not implement {operation.id}", code=Code.NOT_IMPLEMENTED)
        limit = self.body_limit(call.request.method, call.request.target)
        if len(call.request.body) > limit:
            raise too_large(limit)
        self._read(call)
        try:
            result = handler(call)
        except Refusal as refusal:
            status = self.conventions.error_answer(refusal).status
            if refusal.code != Code.NOT_IMPLEMENTED and not self.contract.describes(operation, status):
                message = f"{operation.id} describes no {status}: {refusal.message}"
                raise Refusal(500, message, code=Code.CONTRACT_VIOLATION) from refusal
            raise
        return result if isinstance(result, Answer) else Answer(result)

    def _read(self, call: Call[StateT]) -> None:
        wrong_query: Refusal | None = None
        try:
            call.query = self.contract.read_query(call.operation, call.request.target.partition("?")[2])
        except Refusal as refusal:
            wrong_query = refusal
        try:
            self._read_body(call)
        except Refusal as wrong_body:
            if wrong_query is None:
                raise
            raise self.conventions.both(wrong_query, wrong_body) from wrong_body
        if wrong_query is not None:
            raise wrong_query

    def _read_body(self, call: Call[StateT]) -> None:
        operation, request = call.operation, call.request
        given = (request.header("content-type") or "").strip()
        media_type = given.partition(";")[0].strip().lower()
        if request.method.upper() == "GET":
            return
        if media_type == _JSON and not request.body:
            raise Refusal(400, "the body is empty, and its type is application/json", code=Code.EMPTY_JSON)
        allowed = operation.body_types()
        if not request.body and not given and (operation.takes_nothing or not operation.body.get("required")):
            return
        if _MULTIPART in allowed:
            self._read_upload(call, media_type, given)
            return
        if media_type not in allowed:
            message = f"{operation.id} takes no body of type {given or 'none'}"
            raise Refusal(415, message, code=Code.UNSUPPORTED_MEDIA_TYPE)
        if media_type == _FORM:
            call.body = dict(parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True))
        else:
            call.body = _json_body(request.body)
        self.contract.check_body(operation, media_type, call.body)

    def _read_upload(self, call: Call[StateT], media_type: str, given: str) -> None:
        body, form = call.request.body, call.operation.form
        boundary = uploads.boundary_of(given) if media_type == _MULTIPART else None
        if boundary is None and self._lenient_uploads:
            boundary = uploads.sniff_boundary(body)
        if boundary is None:
            if media_type == _JSON:
                raise Refusal(400, "the body is not JSON", code=Code.INVALID_JSON)
            message = "the request is not multipart/form-data with a boundary"
            raise Refusal(415, message, code=Code.INVALID_MULTIPART)
        fields: dict[str, Json] = {}
        for part in uploads.read_parts(body, boundary):
            name = part.disposition.get("name", "")
            if name in fields:
                raise Refusal(400, f"part {name!r} is given twice", code=Code.INVALID_BODY)
            if "filename" in part.disposition:
                kind = part.headers.get("content-type", "")
                if not _VISIBLE.fullmatch(kind):  # it becomes a header again when the file is downloaded
                    kind = "application/octet-stream"
                call.files[name] = UploadedFile(part.disposition["filename"], kind, bytes(part.data))
                fields[name] = ""
            elif form.get(name, {}).get("type") == "string":
                fields[name] = part.data.decode("utf-8", "replace")
            else:
                fields[name] = _json_body(bytes(part.data))
        self.contract.check_body(call.operation, _MULTIPART, fields)
        for name, schema in form.items():
            if name in fields and name not in call.files and schema.get("format") == "binary":
                raise Refusal(400, f"part {name!r} has no file name", code=Code.INVALID_BODY)
        call.body = {name: value for name, value in fields.items() if name not in call.files}

    def _validate_response(self, call: Call[StateT], answer: Answer) -> None:
        named = next((v for n, v in answer.headers if n == "content-type"), self.conventions.json_type)
        kind = named.partition(";")[0]
        found = [self.contract.find_violation(call.operation, answer.status, kind, answer.body)]
        found += [self.contract.find_webhook_violation(name, payload) for name, payload in call.webhooks]
        for violation in filter(None, found):
            message = f"the sandbox breaks its own contract: {violation}"
            raise Refusal(500, message, code=Code.CONTRACT_VIOLATION)

    def _record(self, operation: Operation, request: Request, answer: Answer | None, fault: Fault | None) -> None:
        if operation.method == "GET":
            return
        status = answer.status if answer else None
        ids = self.conventions.ids_of(answer.body) if answer and answer.status < 400 else ()
        self._ledger.record(operation.id, operation.method, request.path, status, fault.kind if fault else None, ids)

    def _injected_response(self, fault: Fault, status: int) -> Response:
        if fault.body is not None:
            answer = Answer(fault.body, headers=(("content-type", "text/html"),))
        else:
            refusal = Refusal(status, "injected by the test", code=Code.INJECTED)
            answer = self.conventions.error_answer(refusal)
        if fault.retry_after is not None:
            answer = replace(answer, headers=(*answer.headers, ("retry-after", f"{fault.retry_after:g}")))
        response = self._respond(replace(answer, status=status))
        return replace(response, body=b"") if status in (204, 304) else response

    def _respond(self, answer: Answer) -> Response:
        headers = (*answer.headers, *self.conventions.headers, *self._date())
        if answer.body is None:
            return Response(answer.status, headers, b"")
        if isinstance(answer.body, bytes):
            return Response(answer.status, headers, answer.body)
        headers = (("content-type", self.conventions.json_type), *headers)
        return Response(answer.status, headers, encode(answer.body))

    def _date(self) -> tuple[tuple[str, str], ...]:
        if not self.clock_skew:
            return ()  # the server knows the time
        shown = self._clock() + timedelta(seconds=self.clock_skew)
        return (("date", format_datetime(shown, usegmt=True)),)


def check_body_limits(json_limit: int, upload_limit: int) -> None:
    """Refuse limits of bodies that make no sense."""
    for name, limit in (("json_limit", json_limit), ("upload_limit", upload_limit)):
        if not 0 < limit <= _LARGEST:
            raise ValueError(f"{name} must be from 1 to {_LARGEST} bytes; got {limit!r}")


def too_large(limit: int) -> Refusal:
    """The refusal of a body that is larger than it may be."""
    return Refusal(413, f"Request body is too large: {limit} bytes at most", code=Code.BODY_TOO_LARGE)


def _json_body(body: bytes) -> Json:
    try:
        return loads(body)
    except ValueError as error:
        raise Refusal(400, f"Body is not valid JSON: {error}", code=Code.INVALID_JSON) from error
