"""Answers as the client hands them out."""

from __future__ import annotations

import contextlib
from typing import Any

from kalbio._core.http.httpx_names import Response
from kalbio._core.http.responses import as_json, unusable


class JSONResponse(Response):
    """An answer that has been read, as the client hands it out: generated operations read it with `json()`."""

    def __init__(self, answer: Response, body: bytes) -> None:
        super().__init__(
            answer.status_code,
            content=body,
            request=answer.request,
            extensions=answer.extensions,
            default_encoding=answer.default_encoding,
        )
        self.headers = answer.headers  # only now: the library would unpack the body once more
        with contextlib.suppress(RuntimeError):  # not known of an answer that came whole
            self.elapsed = answer.elapsed

    def json(self, **_: Any) -> Any:
        """Return the parsed body. Raises ResponseError when there is none."""
        if not self.content.strip():
            raise unusable(self, "the answer is empty")
        return as_json(self)
