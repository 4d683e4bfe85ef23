"""The older error policy: with `on_error="log"` a method logs what went wrong and returns a neutral value."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from typing import Any, TypeVar

from kalbio._core.errors import KalbioError

logger = logging.getLogger("kalbio")

Method = TypeVar("Method", bound=Callable[..., Any])


def nothing() -> None:
    """Give None: the neutral value of calls that return one thing."""


def on_failure(neutral: Callable[[], Any]) -> Callable[[Method], Method]:
    """Mark a method that returns `neutral()` when it fails and the client was made with `on_error="log"`."""

    def decorate(method: Method) -> Method:
        @functools.wraps(method)
        async def guarded(self: Any, *args: Any, **kwargs: Any) -> Any:
            try:
                return await method(self, *args, **kwargs)
            except KalbioError as error:
                if self._client is None or self._client.on_error == "raise":
                    raise
                logger.error("%s: %s", method.__qualname__, " ".join([str(error), *getattr(error, "__notes__", ())]))
                return neutral()

        return guarded  # type: ignore[return-value]  # the same signature, by construction

    return decorate
