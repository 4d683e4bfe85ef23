# Derived from kalbio/_core/aio/shown_transport.py by scripts/regenerate; edit that file. (digest 367facfff91d)
"""Shows each request on the error output, as a line that can be pasted, and what came of it."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable
from typing import Any

from kalbio._core.http.curl import as_curl
from kalbio._core.http.httpx_names import BaseTransport, Request, Response
from kalbio._core.platform import Platform
from kalbio._core.text.display import one_line
from kalbio._core.text.redaction import redact_strictly


class ShownTransport(BaseTransport):
    """Sends with another transport, and shows what it sends. Secrets never appear."""

    def __init__(self, inner: Any, platform: Platform, secrets: Callable[[], tuple[str, ...]]) -> None:
        self._inner = inner
        self._platform = platform
        self._secrets = secrets

    def handle_request(self, request: Request) -> Response:
        """Send a request. Logins, redirects and repetitions are requests of their own here."""
        name = f"a {request.method} request"
        # It is for people to look at: what is wrong with it is no concern of the call.
        try:
            secrets = self._secrets()
            command = as_curl(request, self._platform, secrets)
            name = f"{request.method} {one_line(redact_strictly(request.url.path, secrets))}"
        except Exception as error:
            command = f"# {name} cannot be shown: {type(error).__name__}"
        _show(command)
        began, outcome = time.monotonic(), "nothing"
        try:
            response: Response = self._inner.handle_request(request)
            outcome = f"{response.status_code}"
        except BaseException as error:
            outcome = type(error).__name__
            raise
        finally:
            _show(f"# {name} -> {outcome}, {(time.monotonic() - began) * 1000:.1f} ms")
        return response

    def close(self) -> None:
        """Close the other transport."""
        self._inner.close()


def _show(line: str) -> None:
    # Whoever has no error output, or has closed it, still wants an answer.
    with contextlib.suppress(AttributeError, OSError, ValueError):
        sys.stderr.write(f"{line}\n")
