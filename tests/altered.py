"""Changes what the sandbox answers, for the answers that it never gives itself: broken, partial, of another shape."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx

from kalbio.testing import InProcess
from tests.conftest import Lab


def alter(lab: InProcess, operation: str, change: Callable[[Any], Any], *, status: int | None = None) -> None:
    """Let every answer to an operation pass through `change`, which gets the decoded body and gives a new one.

    What it gives is sent as JSON; bytes are sent as they are. The sandbox has carried out the request by then.
    """
    original = lab.transport._answer

    def answer(request: httpx.Request, body: bytes) -> httpx.Response:
        response = original(request, body)
        if request.extensions.get("operation") != operation:
            return response
        try:
            decoded = json.loads(response.content)
        except ValueError:  # a file, or nothing
            decoded = None
        given = change(decoded)
        content = given if isinstance(given, bytes) else json.dumps(given).encode()
        return httpx.Response(
            status or response.status_code,
            headers={"content-type": "application/json"} if content else {},
            content=content,
            request=request,
        )

    lab.transport._answer = answer  # type: ignore[method-assign]


def replace(lab: Lab, operation: str, value: Any, *, status: int = 200) -> None:
    """Let every answer to an operation be this one."""
    alter(lab, operation, lambda _: value, status=status)


def body_of(lab: Lab, operation: str) -> Any:
    """The JSON body of the latest request of an operation."""
    return json.loads([item for item in lab.exchanges if item.operation == operation][-1].body)


def query_of(lab: Lab, operation: str) -> dict[str, str]:
    """The query of the latest request of an operation."""
    target = [item for item in lab.exchanges if item.operation == operation][-1].target
    return dict(httpx.URL(f"http://x{target}").params)
