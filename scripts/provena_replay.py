"""Replays recorded requests and answers of Provena's services.

    python -m scripts.provena_replay CAPTURES

CAPTURES is a directory of `*.jsonl` files, one request with its answer a line, in the order of their `seq`.

Client: each request that a method of the older clients makes is made by it, with a transport that plays the recorded
answer. It holds when the request is the recorded one (method, path, query, body), when the result gives the answer back
as it came, and when an error has the class of its status. Both worlds are compared.

Stand-in: all requests are made of a fresh stand-in, with the ids that it gives; see `scripts.provena_replay_sandbox`.

It prints how many hold, and the rest with reasons; it exits 1 when fewer than 95 % hold.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import warnings
from collections import Counter
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path
from typing import Any

import httpx

from kalbio._core.errors import SDKError
from kalbio._core.retry import RetryPolicy
from kalbio.provena import AuthManager, Config, exceptions
from kalbio.provena._model.schema import ProvenaObject
from kalbio.provena._model.services import SERVICES
from scripts.provena_captures import Call, Capture, Unmade, call_of, read_captures
from scripts.provena_replay_sandbox import replay_sandbox

WORLDS = ("kalbio.provena.sync", "kalbio.provena.clients")
ENOUGH = 0.95
_CONFIG = Config("provena.invalid", "reef")
_PART = re.compile(rb'name="(?P<name>[^"]*)"; filename="(?P<file>[^"]*)"\r\nContent-Type: (?P<type>.*?)\r\n\r\n', re.S)
_REPORT, _DOCUMENT = "https://files.invalid/report.docx", b"PK of a document"
_CLASSES = {
    400: exceptions.BadRequestException,
    401: exceptions.AuthException,
    404: exceptions.NotFoundException,
    422: exceptions.HTTPValidationException,
}


class Login(AuthManager):
    """Has a token."""

    def get_token(self) -> str:
        """Any."""
        return "sandbox-token-of-the-replay"


class Player(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """Plays the answer of a capture, and keeps what was asked. A job that is asked for next has made a report."""

    def __init__(self, capture: Capture) -> None:
        self._capture = capture
        self.asked: httpx.Request | None = None

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer."""
        request.read()
        if self.asked is not None and request.url.path.startswith("/jobs/"):
            known = {"session_id": self._capture.response["body"]["session_id"], "status": "SUCCEEDED"}
            kind = {"job_type": "REPORT", "job_sub_type": "GENERATE_REPORT", "created_timestamp": 1, "username": "a"}
            job = {**known, **kind, "payload": {}, "result": {"report_url": _REPORT}}
            return httpx.Response(200, json={"jobs": [job]} if request.method == "POST" else {"job": job})
        if str(request.url) == _REPORT and "authorization" not in request.headers:
            return httpx.Response(200, content=_DOCUMENT)
        self.asked = request
        answer = self._capture.response
        kind = answer["headers"].get("content-type", "application/json")
        body = answer["body"]
        content = json.dumps(body).encode() if kind == "application/json" else (body or "").encode()
        return httpx.Response(answer["status"], headers={**answer["headers"], "content-type": kind}, content=content)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer."""
        await request.aread()
        return self.handle_request(request)


def problem_of(capture: Capture, call: Call, world: str) -> str | None:
    """What does not hold when a call is made, None when all does."""
    player = Player(capture)
    make: Any = getattr(import_module(world), call.owner)
    client = make(Login(_CONFIG), _CONFIG, transport=player, retries=RetryPolicy(attempts=1))
    result: Any = None
    error: Exception | None = None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            method = getattr(client, call.method)
            result = method(**call.arguments) if world.endswith(".sync") else asyncio.run(method(**call.arguments))
    except SDKError as caught:
        error = caught
    except (TypeError, ValueError) as caught:
        return f"refused before it is sent: {caught}"
    finally:
        if world.endswith(".sync"):
            client.close()
    return _request_problem(capture, player.asked) or _answer_problem(capture, result, error)


def _request_problem(capture: Capture, asked: httpx.Request | None) -> str | None:
    if asked is None:
        return "nothing was sent"
    wanted = capture.request
    service = next(one for one in SERVICES if one.prefix == capture.service)
    if str(asked.url.copy_with(query=None)) != service.address.format(domain="provena.invalid") + wanted["path"]:
        return f"the address is {asked.url}"
    query = {name: _as_text(value) for name, value in (wanted["query"] or {}).items()}
    if asked.method != wanted["method"] or dict(asked.url.params) != query:
        return f"the request is {asked.method} with the query {dict(asked.url.params)}"
    if "multipart" in wanted:
        found = _PART.search(asked.content)
        if found is None:
            return "the body has no part with a file"
        content = asked.content[found.end() :].rpartition(b"\r\n--")[0]
        parts = {found["name"].decode(): [found["file"].decode(), content.decode(), found["type"].decode()]}
        return None if parts == wanted["multipart"] else f"the parts are {parts}"
    sent = json.loads(asked.content) if asked.content else None
    return None if sent == wanted["body"] else f"the body is {json.dumps(sent)[:200]}"


def _answer_problem(capture: Capture, result: Any, error: Exception | None) -> str | None:
    status, body = capture.response["status"], capture.response["body"]
    if status == 200 and not _failed(body):
        if error is not None:
            return f"{type(error).__name__}: {error}"
        if isinstance(result, bytes):
            return None if result == _DOCUMENT else f"the result is {result[:200]!r}"
        given = result.to_dict() if isinstance(result, ProvenaObject) else result
        return None if given == body else f"the result is {str(given)[:200]}"
    wanted = SDKError if status == 200 else _CLASSES.get(status, exceptions.ServerException)
    if isinstance(error, wanted):
        return None
    return f"it should raise {wanted.__name__}, not {type(error).__name__ if error else 'nothing'}"


def _failed(body: Any) -> bool:
    """Whether an answer tells in a 200 that nothing was done."""
    if not isinstance(body, dict) or body.get("unparsable_items"):
        return False
    told = [body.get("status"), body.get("state_change"), body]
    return any(isinstance(one, dict) and one.get("success") is False and "details" in one for one in told)


def _as_text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def replay_client(captures: Iterable[Capture], world: str) -> bool:
    """Compare all captures with the client of a world, print the outcome, and return whether enough hold."""
    held, as_objects = 0, 0
    wrong: list[tuple[Capture, str]] = []
    unmade: Counter[str] = Counter()
    for capture in captures:
        try:
            call = call_of(capture)
        except Unmade as reason:
            unmade[str(reason)] += 1
            continue
        problem = problem_of(capture, call, world)
        if problem is not None:
            wrong.append((capture, problem))
            continue
        held += 1
        as_objects += any(isinstance(one, ProvenaObject) for one in call.arguments.values())
    made = held + len(wrong)
    print(f"{world}: {held} of {made} captures hold ({held / max(made, 1):.1%}), {as_objects} of them with objects")
    for capture, problem in wrong:
        print(f"  {capture}: {problem}")
    print(
        f"  {unmade.total()} captures that no method makes: "
        + "; ".join(f"{n} × {why}" for why, n in unmade.most_common())
    )
    return made > 0 and held >= ENOUGH * made


def main(arguments: list[str]) -> int:
    """Replay, and return the exit code."""
    if len(arguments) != 1:
        print(__doc__)
        return 2
    captures = read_captures(Path(arguments[0]))
    enough = [replay_client(captures, world) for world in WORLDS]
    enough.append(replay_sandbox(captures, ENOUGH))
    return 0 if all(enough) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
