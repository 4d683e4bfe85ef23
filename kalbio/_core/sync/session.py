# Derived from kalbio/_core/aio/session.py by scripts/regenerate; edit that file. (digest 1f69da0fc86a)
"""What services send requests with, one for each client. It also clears cached reads that a request has made stale."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any, Literal

from kalbio._core.argument_errors import ArgumentTypeError
from kalbio._core.concurrency.scoped_settings import value_of
from kalbio._core.errors import APIError, ClientClosedError, NotFoundError
from kalbio._core.http.settings import Settings, Timeouts
from kalbio._core.sync.client_per_loop import ClientPerLoop
from kalbio._core.text.display import safe_repr

if TYPE_CHECKING:
    from kalbio._core.http.httpx_names import Response
else:
    Response = Any  # for those who resolve annotations: the HTTP library is loaded with the first request

OnError = Literal["raise", "log"]

Forget = Callable[[Mapping[str, Any] | None], object]
"""Forgets a kind of remembered reads, given the request that has made them stale, None when there is none."""


class Session:
    """Sends requests, and clears cached reads that they have made stale.

    Attributes:
        settings: what the client is set to.
        http_clients: what sends them, one for each event loop.
        on_error: the error policy.
    """

    def __init__(
        self,
        settings: Settings,
        http_clients: ClientPerLoop,
        *,
        on_error: OnError,
        use_cache: bool,
        stale_after: Callable[[Mapping[str, Any]], Collection[str]],
    ) -> None:
        """Prepare. `stale_after` says which kinds of remembered reads a request makes stale."""
        self.settings = settings
        self.http_clients = http_clients
        self.on_error = on_error
        self._use_cache = use_cache
        self._stale_after = stale_after
        # Several for one kind, when threads have made what remembers it at the same time.
        self._remembered: dict[str, list[Forget]] = {}

    @property
    def logger(self) -> logging.Logger:
        """Where this client logs."""
        return self.settings.platform.logger

    @property
    def max_in_flight(self) -> int:
        """How many requests may be under way at a time."""
        return self.settings.max_in_flight

    @property
    def remembered(self) -> Collection[str]:
        """The kinds of reads that are remembered."""
        return self._remembered.keys()

    def check(self) -> None:
        """Raise when no call can be made: the client is closed, or no event loop runs that could carry it."""
        if self.http_clients.is_closed:
            raise ClientClosedError

    def remember(self, kind: str, forget: Forget) -> None:
        """Let `forget` be called when reads of this kind become stale."""
        self._remembered.setdefault(kind, []).append(forget)

    def forget(self, *kinds: str, after: Mapping[str, Any] | None = None) -> None:
        """Forget reads of these kinds, after a request or for another reason."""
        for kind in kinds:
            for forget in self._remembered.get(kind, ()):
                forget(after)

    def caching(self, use_cache: bool = True) -> bool:
        """Whether a read may be answered from a cache now."""
        if self.http_clients.is_closed:
            raise ClientClosedError
        return use_cache and self._use_cache and not value_of(self, "cache_disabled")

    def call(self, request: Mapping[str, Any], *, stream: bool = False) -> Response:
        """Send a request that a generated operation has built.

        Whether it succeeds or fails: afterwards, nothing is cached that it may have changed.
        """
        if not isinstance(request, Mapping):
            raise ArgumentTypeError(
                f"call() takes the result of build_request() of an operation; got {safe_repr(request)}"
            )
        http = self.http_clients.current()
        limits: Timeouts | None = value_of(self, "timeout")
        extensions = dict(request.get("extensions", {}))
        if limits is not None:
            extensions["timeout"] = limits.as_dict()
        built = http.build_request(**{**request, "extensions": extensions})
        changed = True
        try:
            return http.send(built, stream=stream)
        except APIError:
            # A refusal means that nothing was done, except perhaps by earlier tries.
            changed = built.extensions.get("maybe_done", False)
            raise
        finally:
            if changed:
                self.forget(*self._stale_after(request), after=request)

    def call_or_none(self, request: Mapping[str, Any], *, stream: bool = False) -> Response | None:
        """Send a request for one thing; None when it is not there."""
        try:
            return self.call(request, stream=stream)
        except NotFoundError:
            return None

    def target_length(self, request: Mapping[str, Any]) -> int:
        """Return the length of the request target, to cut batches by."""
        return len(self.http_clients.current().build_request(**request).url.raw_path)
