"""Sandboxes that lie on purpose: a transport that alters answers on their way."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from kalbio._core.http.httpx_names import Request, Response
from kalbio.diagnosis.description import load_description
from kalbio.sandbox import Sandbox
from kalbio.testing import SandboxTransport

Lie = Callable[["Answer"], None]


class Answer:
    """An answer that can be altered: its operation, its query, status, type and what its JSON says."""

    def __init__(self, request: Request, response: Response) -> None:
        route = load_description().route(request.method, request.url.path)
        self.operation = route[0].id if route else ""
        self.query = dict(request.url.params)
        self.status = response.status_code
        self.headers = dict(response.headers)
        self.body = response.content
        self.data: Any = (
            json.loads(self.body) if self.headers.get("content-type", "").startswith("application/json") else None
        )


class LyingTransport(SandboxTransport):
    """Answers like the sandbox, but for one lie."""

    def __init__(self, sandbox: Sandbox, lie: Lie) -> None:
        super().__init__(sandbox)
        self._lie = lie

    def handle_request(self, request: Request) -> Response:
        """Answer, and lie."""
        return self._altered(request, super().handle_request(request))

    async def handle_async_request(self, request: Request) -> Response:
        """Answer, and lie."""
        return self._altered(request, await super().handle_async_request(request))

    def _altered(self, request: Request, response: Response) -> Response:
        answer = Answer(request, response)
        self._lie(answer)
        body = answer.body if answer.data is None else json.dumps(answer.data).encode()
        headers = {name: value for name, value in answer.headers.items() if name != "content-length"}
        return Response(answer.status, headers=headers, content=body, request=request)


def in_items(operation: str, change: Callable[[dict[str, Any]], None]) -> Lie:
    """Change each object of a list."""

    def lie(answer: Answer) -> None:
        if answer.operation == operation and answer.status == 200:
            for item in answer.data if isinstance(answer.data, list) else [answer.data]:
                change(item)

    return lie


def in_answer(operation: str, change: Callable[[Answer], None]) -> Lie:
    """Change a whole answer that is a success."""

    def lie(answer: Answer) -> None:
        if answer.operation == operation and answer.status == 200:
            change(answer)

    return lie
