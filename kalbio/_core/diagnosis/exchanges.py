"""A call to make, and what came back."""

from __future__ import annotations

import json
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeAlias
from urllib.parse import quote

from kalbio._core.description.document import Operation

_NOT_ALLOWED = (401, 403)


@dataclass(frozen=True)
class Call:
    """One call of an operation.

    Attributes:
        operation: its operationId.
        path: the parameters of the path.
        query: the parameters of the query, as text.
        json: the body.
        files: the parts of an upload.
        is_probe: whether a refusal is an answer as good as any: the call asks how the server takes something.
        is_pause: whether to wait a moment before, because the call looks whether something has ended.
        may_be_forbidden: whether not everybody may do it, so that such a refusal is right as well.
    """

    operation: str
    path: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    json: Any = None
    files: list[tuple[str, tuple[str | None, bytes, str]]] | None = None
    is_probe: bool = False
    is_pause: bool = False
    may_be_forbidden: bool = False

    def is_answered_by(self, status: int) -> bool:
        """Whether an answer with this status is what the call is for."""
        return self.is_probe or 200 <= status < 300 or (self.may_be_forbidden and status in _NOT_ALLOWED)

    def request(self, operation: Operation) -> dict[str, Any]:
        """What a session takes. It names no operation, so that answers that break the description come through."""
        url = operation.path.format(**{name: quote(value, safe="") for name, value in self.path.items()})
        built: dict[str, Any] = {"method": operation.method, "url": url, "extensions": {}}
        if operation.spec.get("x-idempotent"):
            built["extensions"]["idempotent"] = True
        if self.query:
            built["params"] = dict(self.query)
        if self.files is not None:
            built["files"] = self.files
        elif operation.method != "GET":
            built["json"] = {} if self.json is None else self.json
        return built


@dataclass(frozen=True)
class Exchange:
    """A call, and its answer.

    Attributes:
        call: what was asked.
        status: the status of the answer, None when there was none.
        content_type: without parameters; empty when it is not known.
        headers: the names of the headers, in lower case.
        body: the answer.
        seconds: how long it took, None when nobody measured.
        failure: why there was no answer: the name of an error.
        is_live: whether the doctor itself made the call, so that it knows that the arguments were right.
    """

    call: Call
    status: int | None
    content_type: str = ""
    headers: tuple[str, ...] = ()
    body: bytes = field(default=b"", repr=False)
    seconds: float | None = None
    failure: str = ""
    is_live: bool = True

    @property
    def is_good(self) -> bool:
        """Whether it is a success."""
        return self.status is not None and 200 <= self.status < 300

    @cached_property
    def _decoded(self) -> tuple[bool, Any]:
        try:
            data = json.loads(self.body) if self.body.strip() else None
            if b"\\u" in self.body:  # half a pair of UTF-16, which the checks cannot take, becomes a question mark
                data = json.loads(json.dumps(data, ensure_ascii=False).encode("utf-8", "replace"))
            return True, data
        except (ValueError, RecursionError):
            return False, None

    @property
    def is_json(self) -> bool:
        """Whether the answer can be read as JSON, or is empty."""
        return self._decoded[0]

    @property
    def data(self) -> Any:
        """What the JSON says, None when there is none."""
        return self._decoded[1]

    def items(self) -> list[dict[str, Any]]:
        """The objects of a list that came as a success."""
        return [item for item in self.data if isinstance(item, dict)] if self.is_good and self.is_list else []

    @property
    def is_list(self) -> bool:
        """Whether the answer is a list."""
        return isinstance(self.data, list)


Steps: TypeAlias = Generator[Call, Exchange, None]
"""Calls to make, one after the other; each gets its exchange sent back."""

Answers: TypeAlias = Mapping[str, Exchange]
"""The first good answer of each operation."""
