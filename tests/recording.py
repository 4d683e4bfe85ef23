"""Records traffic from the sandbox and plays it back, without any secret in the cassette."""

from __future__ import annotations

import json
import logging
import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import vcr

CASSETTES = Path(__file__).parent / "cassettes"
HOST = "http://sandbox.invalid"
HIDDEN = "[hidden]"

_SECRET_FIELDS = ("client_secret", "refresh_token", "access_token", "client_id")
_BOUNDARY = re.compile(r"boundary=[0-9a-f]+")


def recorder(mode: str, folder: Path = CASSETTES) -> Any:
    """Return a recorder: mode "none" plays back only, "all" records anew."""
    logging.getLogger("vcr").setLevel(logging.WARNING)  # at INFO it shows answers before they are cleaned
    return vcr.VCR(
        cassette_library_dir=str(folder),
        record_mode=vcr.mode(mode),
        match_on=["method", "path", "query"],
        filter_headers=["x-kal-authorization", "authorization"],
        before_record_request=_clean_request,
        before_record_response=_clean_response,
        decode_compressed_response=True,
    )


def _clean_request(request: Any) -> Any:
    # The port of a sandbox is a different one each time, and a boundary is random.
    parts = urlsplit(request.uri)
    request.uri = urlunsplit((*urlsplit(HOST)[:2], *parts[2:]))
    request.headers = {
        name: _BOUNDARY.sub("boundary=boundary", value)
        for name, value in request.headers.items()
        if name.lower() not in ("host", "user-agent", "content-length")
    }
    body = request.body or b""
    if parts.path.endswith("/auth/oauth/token"):
        fields = parse_qsl(body.decode() if isinstance(body, bytes) else body)
        request.body = urlencode([(name, HIDDEN if name in _SECRET_FIELDS else value) for name, value in fields])
    return request


def _clean_response(response: dict[str, Any]) -> dict[str, Any]:
    body = response["body"]["string"]
    if b"access_token" in body:
        answer = json.loads(body)
        cleaned = {name: HIDDEN if name in _SECRET_FIELDS else value for name, value in answer.items()}
        response["body"]["string"] = json.dumps(cleaned).encode()
        response["headers"].pop("content-length", None)
    return response
