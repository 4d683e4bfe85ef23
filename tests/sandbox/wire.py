"""A way to talk to a sandbox in bytes, as the wire does."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

from kalbio.sandbox import Request, Response, Sandbox

Json = Any


class Api:
    """A client that knows HTTP and nothing else."""

    def __init__(self, sandbox: Sandbox) -> None:
        """Log in."""
        self.sandbox = sandbox
        self.token = self.login()["access_token"]

    def login(self, **form: str) -> Json:
        """Tokens for client credentials, or for another grant."""
        form = form or {
            "grant_type": "client_credentials",
            "client_id": "sandbox-id",
            "client_secret": "sandbox-secret",
        }
        return self.form("/auth/oauth/token", form).json()

    def form(self, target: str, form: dict[str, str]) -> Response:
        """POST a form."""
        headers = [("content-type", "application/x-www-form-urlencoded")]
        return self.sandbox.handle(Request("POST", target, headers, urlencode(form).encode()))

    def send(
        self, method: str, target: str, body: bytes = b"", content_type: str | None = None, token: str | None = None
    ) -> Response:
        """Send bytes with a token."""
        headers = [("x-kal-authorization", f"Bearer {token or self.token}")]
        if content_type:
            headers.append(("content-type", content_type))
        return self.sandbox.handle(Request(method, target, headers, body))

    def get(self, path: str, **query: Json) -> Response:
        """GET; lists and objects become JSON text."""
        texts = {n: v if isinstance(v, str) else json.dumps(v) for n, v in query.items()}
        return self.send("GET", path + ("?" + urlencode(texts) if texts else ""))

    def read(self, path: str, **query: Json) -> Json:
        """GET that must succeed."""
        answer = self.get(path, **query)
        assert answer.status == 200, answer.body
        return answer.json()

    def call(self, method: str, path: str, body: Json) -> Response:
        """Send JSON."""
        return self.send(method, path, json.dumps(body).encode(), "application/json")

    def post(self, path: str, body: Json, status: int = 200) -> Json:
        """POST that must be answered with this status."""
        answer = self.call("POST", path, body)
        assert answer.status == status, answer.body
        return answer.json() if answer.body else None

    def put(self, path: str, body: Json, status: int = 200) -> Json:
        """PUT that must be answered with this status."""
        answer = self.call("PUT", path, body)
        assert answer.status == status, answer.body
        return answer.json() if answer.body else None

    # short cuts for what most tests need

    def key(self, name: str) -> str:
        """The id of a key field."""
        return str(self.post("/key_fields/", {"field_name": name})["id"])

    def field(self, name: str, kind: str = "text") -> str:
        """The id of a data field."""
        return str(self.post("/data_fields/", {"field_name": name, "field_type": kind, "attrs": {}})["id"])

    def record(self, **keys: str) -> Json:
        """The record with these key values, by key field name."""
        return self.post("/records", {"key_field_to_value": {self.key(n): v for n, v in keys.items()}})

    def value(self, record_id: str, field_id: str, content: Json, **scope: str) -> Json:
        """Write a value."""
        body = {"field_id": field_id, "content": content, **scope}
        return self.post(f"/records/{record_id}/values", body)["resource"]

    def definition(self, title: str) -> Json:
        """A definition by title."""
        return next(d for d in self.read("/activity_definitions") if d["title"] == title)

    def experiment(self, title: str = "Run 1", definition: str | None = None) -> Json:
        """A new experiment."""
        definition_id = self.definition(definition)["id"] if definition else None
        body = {"title": title, "activity_type": "experiment", "definition_id": definition_id}
        return self.post("/activities", body)[0]

    def attach(self, operation_id: str, *record_ids: str) -> None:
        """Attach records to an operation."""
        self.put(f"/operations/{operation_id}/records", {"record_ids": list(record_ids)}, 204)

    def upload(self, path: str, name: str, data: bytes, body: Json = None, content_type: str | None = None) -> Response:
        """POST a multipart document."""
        return self.send("POST", path, multipart(name, data, body), content_type or "multipart/form-data; boundary=XX")


def multipart(name: str, data: bytes, body: Json = None) -> bytes:
    """A multipart document with the boundary XX, in the order clients write it."""
    text = b""
    if body is not None:
        text += b'--XX\r\nContent-Disposition: form-data; name="body"\r\n\r\n' + json.dumps(body).encode() + b"\r\n"
    head = f'--XX\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\nContent-Type: text/csv\r\n\r\n'
    return text + head.encode() + data + b"\r\n--XX--\r\n"
