"""Recorded traffic as exchanges: cassettes of vcrpy (YAML) and HAR files (JSON), or folders of these."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from kalbio._core.description.document import Description, Operation
from kalbio._core.diagnosis.exchanges import Call, Exchange
from kalbio._core.http.decompression import Gunzip
from kalbio.diagnosis.pages import is_paged

_SUFFIXES = (".yaml", ".yml", ".json", ".har")
_GZIP = b"\x1f\x8b"
_MOST = 500_000_000
"""Bytes that a body may have once it is unpacked."""
_LONGEST = 1e9
"""Milliseconds above which the time of an answer is none."""


def read_recordings(description: Description, path: Path) -> tuple[list[Exchange], int]:
    """Return the exchanges of a file or a folder, and how many requests were for no operation of the description."""
    files = [path] if path.is_file() else sorted(one for one in path.rglob("*") if one.suffix in _SUFFIXES)
    if not files:
        raise ValueError(f"there is no recording at {path}: a file or a folder of {', '.join(_SUFFIXES)} is needed")
    found, others = [], 0
    for file in files:
        document = _document(file)
        try:
            for entry in _entries(document):
                exchange = _exchange(description, entry)
                if exchange is None:
                    others += 1
                else:
                    found.append(exchange)
        except (LookupError, TypeError, AttributeError, ValueError):
            raise ValueError(f"{file} is no complete recording: parts of requests or answers are missing") from None
    return found, others


def _document(file: Path) -> dict[str, Any]:
    try:
        text = file.read_text(encoding="utf-8-sig")
        document = json.loads(text) if file.suffix in (".json", ".har") else _yaml(text)
    except (ValueError, RecursionError):
        raise ValueError(f"{file} cannot be read as a recording") from None
    if not isinstance(document, dict) or not ("log" in document or "interactions" in document):
        raise ValueError(f"{file} is neither a cassette of vcrpy nor a HAR file")
    return document


def _entries(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Return the parts of each recorded exchange, whatever the format."""
    if "log" in document:
        return map(_of_har, document["log"]["entries"])
    return map(_of_cassette, document["interactions"])


def _yaml(text: str) -> Any:
    try:
        import yaml
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "cassettes in YAML need pyyaml, which the extra 'doctor' brings: pip install '.[doctor]' in a checkout",
            name=error.name,
        ) from None
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return yaml.load(text, Loader=loader)  # noqa: S506 - both loaders are safe ones
    except yaml.YAMLError:
        raise ValueError("no YAML") from None


def _of_cassette(entry: dict[str, Any]) -> dict[str, Any]:
    request, response = entry["request"], entry["response"]
    body = response["body"]["string"]
    headers = {str(name).lower(): value for name, value in response["headers"].items()}
    kind = headers.get("content-type", "")
    packed = _as_bytes(body)
    return {
        "method": request["method"],
        "url": request["uri"],
        "sent": request.get("body"),
        "status": response["status"]["code"],
        "headers": list(headers),
        "type": kind[0] if isinstance(kind, list) else kind,
        "body": _unpacked(packed) if packed.startswith(_GZIP) else packed,
        "seconds": None,
    }


def _of_har(entry: dict[str, Any]) -> dict[str, Any]:
    request, response = entry["request"], entry["response"]
    content = response.get("content", {})
    text = content.get("text") or ""
    body = base64.b64decode(text) if content.get("encoding") == "base64" else _as_bytes(text)
    time = entry.get("time")
    return {
        "method": request["method"],
        "url": request["url"],
        "sent": (request.get("postData") or {}).get("text"),
        "status": response["status"],
        "headers": [one["name"].lower() for one in response.get("headers", ())],
        "type": content.get("mimeType") or "",
        "body": body,
        "seconds": time / 1000 if isinstance(time, int | float) and 0 <= time < _LONGEST else None,
    }


def _exchange(description: Description, entry: dict[str, Any]) -> Exchange | None:
    if not isinstance(entry["url"], str) or not isinstance(entry["method"], str):
        raise TypeError
    parts = urlsplit(entry["url"])
    route = _route(description, entry["method"].upper(), parts.path)
    if route is None:
        return None
    operation, path = route
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    call = Call(operation.id, path, query, json=_sent(entry["sent"]), is_probe=is_paged(operation) and bool(query))
    status = entry["status"] if isinstance(entry["status"], int) and entry["status"] > 0 else None
    return Exchange(
        call,
        status,
        str(entry["type"]).partition(";")[0].strip().lower(),
        tuple(entry["headers"]),
        entry["body"],
        entry["seconds"],
        failure="no answer in the recording",
        is_live=False,
    )


def _route(description: Description, method: str, path: str) -> tuple[Operation, dict[str, str]] | None:
    """The operation for a path, which may have more before it: what a proxy adds, say."""
    steps = path.split("/")
    for start in range(1, len(steps)):
        if route := description.route(method, "/" + "/".join(steps[start:])):
            return route
    return None


def _unpacked(packed: bytes) -> bytes:
    """A body that was recorded as it came over the wire."""
    gunzip = Gunzip()
    found = bytearray()
    try:
        for piece in gunzip.feed(packed):
            found += piece
            if len(found) > _MOST:
                raise ValueError("this would fill the memory")
        found += gunzip.finish()
    except zlib.error:
        return packed
    return bytes(found)


def _as_bytes(body: Any) -> bytes:
    if body is None or isinstance(body, str):
        return (body or "").encode("utf-8", "replace")
    if isinstance(body, bytes):
        return body
    raise TypeError


def _sent(body: Any) -> Any:
    try:
        return json.loads(body) if body else None
    except (ValueError, TypeError, RecursionError):
        return None
