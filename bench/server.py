"""A loopback server that answers from bytes made beforehand, so that it is never what is measured.

Run as a process of its own: `python -m bench.server`; it prints its port. `GET /bench/counts` tells what was asked
since it was asked last, and `?latency=0.02` makes each answer wait so many seconds from then on.
"""

from __future__ import annotations

import asyncio
import json
import selectors
import uuid
from typing import Any
from urllib.parse import parse_qs

RECORDS, OPERATIONS = 100_000, 3
FIELD_TYPES = ("number",) * 6 + ("text", "text", "date", "boolean")
BODIES = 10_000  # records that differ in more than their ids
ACTIVITIES = 5_000
_NAMESPACE = uuid.UUID("0f0e6b1d-3c1c-4a7e-9a55-9d6a3d0c2f10")


def made_id(kind: str, number: int) -> str:
    """Return the id of a thing of the bench."""
    return str(uuid.uuid5(_NAMESPACE, f"{kind}/{number}"))


def record_id(number: int) -> str:
    """Return the id of a record, which tells its number."""
    return f"5eb0c0de-0000-4000-8000-{number:012x}"


RECORD_IDS = [record_id(n) for n in range(RECORDS)]
FIELD_IDS = [made_id("field", n) for n in range(len(FIELD_TYPES))]
OTHER_FIELDS = 190  # that a workspace has besides
OPERATION_IDS = [made_id("operation", n) for n in range(OPERATIONS)]
KEY_FIELD_ID = made_id("key field", 0)
KEY_NAME = "Compound"


def field_name(number: int) -> str:
    """Return what a data field is called."""
    return f"Field {number}"


def activity_title(number: int) -> str:
    """Return what an activity is called."""
    return f"Experiment {number}"


def _content(number: int, field: int, operation: int) -> Any:
    """Return what a record holds, as the type of the field wants it."""
    match FIELD_TYPES[field]:
        case "number":
            return f"{number * 0.37 + field:.3f}"
        case "date":
            return f"2026-0{operation + 1}-{number % 28 + 1:02}"
        case "boolean":
            return (number + operation) % 2 == 0
    return f"lot {number % 97} of plate {field}"


def _record(number: int) -> dict[str, Any]:
    own_id = record_id(number)
    values: dict[str, Any] = {
        field: [
            {
                "id": made_id(f"value/{number}/{f}", o),
                "content": _content(number, f, o),
                "created_at": f"2026-01-{o + 10:02}T10:00:00.{100000 + number % 899999}+00:00",
                "operation_id": OPERATION_IDS[o],
                "record_id": own_id,
            }
            for o in reversed(range(OPERATIONS))
        ]
        for f, field in enumerate(FIELD_IDS)
    }
    key = made_id("key value", number)
    values[KEY_FIELD_ID] = [{"id": key, "content": f"CPD-{number}"}]
    return {
        "id": own_id,
        "created_at": "2026-01-05T09:00:00.123Z",
        "entity_slice_id": made_id("slice", 0),
        "identifier_ids": [key],
        "record_identifier": f"CPD-{number}",
        "initial_operation_id": None,
        "workspace_id": made_id("workspace", 0),
        "record_values": values,
        "sub_record_ids": [],
        "excluded_operation_ids": [],
        "operation_records_created_at": {},
    }


def _activity(number: int) -> dict[str, Any]:
    return {
        "id": made_id("activity", number),
        "title": activity_title(number),
        "activity_type": "experiment",
        "status": "to do",
        "created_at": "2026-01-05T09:00:00.123Z",
        "properties": [],
        "all_record_ids": [],
        **{name: [] for name in ("child_ids", "program_ids", "assigned_user_ids", "label_ids", "dependencies")},
    }


def _field(identifier: str, name: str, kind: str, is_key: bool) -> dict[str, Any]:
    return {
        "id": identifier,
        "created_at": "2026-01-05T09:00:00.123Z",
        "is_key": is_key,
        "field_name": name,
        "field_type": kind,
        "ref_slice_id": None,
        "field_description": "",
    }


def _data_fields() -> list[dict[str, Any]]:
    known = zip(FIELD_IDS, FIELD_TYPES, strict=True)
    others = ((made_id("other field", n), "text") for n in range(OTHER_FIELDS))
    return [_field(one, field_name(n), kind, False) for n, (one, kind) in enumerate([*known, *others])]


class Answers:
    """Every answer as bytes."""

    def __init__(self) -> None:
        self.bodies = [json.dumps(_record(number)).encode() for number in range(BODIES)]
        self.by_key = {f"CPD-{number}": body for number, body in enumerate(self.bodies)}
        self.made = {
            f"NEW-{number}": body.replace(f'"CPD-{number}"'.encode(), f'"NEW-{number}"'.encode())
            for number, body in enumerate(self.bodies[:1000])
        }
        self.of_operation = b"[" + b",".join(self.bodies[:1000]) + b"]"
        self.found = json.dumps(RECORD_IDS).encode()
        self.activities = json.dumps([_activity(n) for n in range(ACTIVITIES)]).encode()
        self.activity = {one: json.dumps({**_activity(n), "id": one}).encode() for n, one in enumerate(OPERATION_IDS)}
        self.data_fields = json.dumps(_data_fields()).encode()
        self.key_fields = json.dumps([_field(KEY_FIELD_ID, KEY_NAME, "text", True)]).encode()
        self.import_id = json.dumps({"import_id": made_id("import", 0)}).encode()
        self.token = json.dumps({"access_token": "t", "refresh_token": "r", "expires_in": 86_400}).encode()
        self.small = json.dumps({**_record(0), "record_values": {}, "identifier_ids": []}).encode()
        self.counts = {"requests": 0, "connections": 0, "longest_target": 0}
        self.latency = 0.0

    def record(self, wanted: str) -> bytes:
        """Return a record. Those beyond the bodies are an earlier one with another id."""
        number = int(wanted[-12:], 16)
        body = self.bodies[number % BODIES]
        return body if number < BODIES else body.replace(record_id(number % BODIES).encode(), wanted.encode())

    @staticmethod
    def value(record: str, body: bytes | bytearray) -> bytes:
        """Return the answer to a write of a value: some 300 bytes, if the content is short."""
        written = json.loads(body)
        return json.dumps(
            {
                "resource": {
                    "id": made_id("value", 0),
                    "created_at": "2026-02-01T10:00:00.123Z",
                    "record_id": record,
                    "field_type": "text",
                    **{name: written[name] for name in ("field_id", "operation_id", "content")},
                }
            }
        ).encode()

    def answer(self, method: str, target: str, body: bytes | bytearray) -> bytes:
        """Return the body of an answer."""
        path, _, query = target.partition("?")
        if path == "/bench/counts":
            self.latency = float(parse_qs(query).get("latency", [self.latency])[0])
            counts = json.dumps(self.counts).encode()
            self.counts = dict.fromkeys(self.counts, 0)
            return counts
        self.counts["requests"] += 1
        self.counts["longest_target"] = max(self.counts["longest_target"], len(target))
        if path == "/records" and method == "GET":
            ids = parse_qs(query)["record_ids"][0].split(",")
            return b"[" + b",".join(map(self.record, ids)) + b"]"
        if path == "/records/identifiers":
            asked = json.loads(parse_qs(query)["records_key_field_to_value"][0])
            found = (self.by_key.get(item[KEY_FIELD_ID], b"null") for item in asked)
            return b"[" + b",".join(b'{"record":' + record + b"}" for record in found) + b"]"
        if path == "/records/search":
            return self.found
        if path == "/records":
            key = json.loads(body)["key_field_to_value"][KEY_FIELD_ID]
            return self.by_key.get(key) or self.made[key]
        if path.endswith("/values"):
            return self.value(path.split("/")[2], body)
        if path.startswith("/records/") and method == "GET":
            return self.small.replace(RECORD_IDS[0].encode(), path.rpartition("/")[2].encode())
        if path.startswith("/operations/") and path.endswith("/records"):
            return self.of_operation
        if path == "/activities":
            return self.activities
        if path.startswith("/activities/"):
            return self.activity[path.rpartition("/")[2]]
        if path == "/data_fields":
            return self.data_fields
        if path == "/key_fields":
            return self.key_fields
        if path == "/push/imports":
            return self.import_id
        if path.endswith("/token"):
            return self.token
        raise ValueError(f"the bench has no answer to {method} {path}")


class Connection(asyncio.Protocol):
    """HTTP/1.1 as far as the bench needs it: whole requests, keep-alive, optional latency."""

    def __init__(self, answers: Answers) -> None:
        self._answers = answers
        self._buffer = bytearray()
        self._wanted = 0  # bytes of a request whose head has been read already

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Count it."""
        self._transport = transport
        self._answers.counts["connections"] += 1

    def data_received(self, data: bytes) -> None:
        """Answer every request that is complete."""
        self._buffer += data
        while len(self._buffer) >= self._wanted:
            end = self._buffer.find(b"\r\n\r\n") + 4
            if end < 4:
                return
            lines = self._buffer[:end].decode("latin-1").split("\r\n")
            length = next((int(line[15:]) for line in lines if line.lower().startswith("content-length:")), 0)
            self._wanted = end + length
            if len(self._buffer) < self._wanted:
                return
            received, self._wanted = self._buffer[end : self._wanted], 0
            del self._buffer[: end + length]
            method, target, _ = lines[0].split(" ", 2)
            body = self._answers.answer(method, target, received)
            head_bytes = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
            if self._answers.latency and not target.startswith("/bench"):
                asyncio.get_running_loop().call_later(self._answers.latency, self._write, head_bytes + body)
            else:
                self._write(head_bytes + body)

    def _write(self, data: bytes) -> None:
        self._transport.write(data)  # type: ignore[attr-defined]


async def serve() -> None:
    """Serve until the process is ended."""
    answers = Answers()
    server = await asyncio.get_running_loop().create_server(lambda: Connection(answers), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    # epoll waits whole milliseconds, which would add up to one to each latency.
    with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(selectors.SelectSelector())) as runner:
        runner.run(serve())
