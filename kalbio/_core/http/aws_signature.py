"""Signatures of requests as Amazon's services, and those that speak like them, want them (Signature Version 4)."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import quote

import attrs

EMPTY = hashlib.sha256(b"").hexdigest()
"""The digest of a body without bytes."""
UNSIGNED = "UNSIGNED-PAYLOAD"
"""Stands for the digest of a body that the signature says nothing about."""


@attrs.frozen(repr=False)
class Keys:
    """What requests are signed with. No `repr` shows it."""

    key_id: str = attrs.field(repr=False)
    secret: str = attrs.field(repr=False)
    token: str = attrs.field(repr=False)

    def __repr__(self) -> str:
        return "Keys([hidden])"


def quoted(path: str) -> str:
    """Write a path as it is sent and signed."""
    return quote(path, safe="/-._~")


def query_text(query: Mapping[str, str]) -> str:
    """Write a query as it is sent and signed: in the order of its names."""
    pairs = sorted((quote(name, safe="-._~"), quote(value, safe="-._~")) for name, value in query.items())
    return "&".join(f"{name}={value}" for name, value in pairs)


def signed_headers(
    keys: Keys,
    region: str,
    method: str,
    host: str,
    path: str,
    query: Mapping[str, str],
    headers: Mapping[str, str],
    digest: str,
    now: datetime,
    service: str = "s3",
) -> dict[str, str]:
    """Return headers with the signature of a request among them.

    Args:
        keys: what to sign with.
        region: the region of the service.
        method: method of the request.
        host: the host as the header `Host` has it, with the port where it is not the usual one.
        path: the path, not quoted.
        query: the query, not quoted.
        headers: further headers, all of which are signed.
        digest: SHA-256 of the body in hexadecimal digits, or UNSIGNED.
        now: the time.
        service: the service.
    """
    stamp = now.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    scope = f"{stamp[:8]}/{region}/{service}/aws4_request"
    sent = {name.lower(): " ".join(value.split()) for name, value in headers.items()}
    sent |= {"x-amz-content-sha256": digest, "x-amz-date": stamp}
    if keys.token:
        sent["x-amz-security-token"] = keys.token
    names = sorted({*sent, "host"})
    lines = "".join(f"{name}:{host if name == 'host' else sent[name]}\n" for name in names)
    canonical = "\n".join((method, quoted(path), query_text(query), lines, ";".join(names), digest))
    text = "\n".join(("AWS4-HMAC-SHA256", stamp, scope, hashlib.sha256(canonical.encode()).hexdigest()))
    key = f"AWS4{keys.secret}".encode()
    for part in (*scope.split("/"), text):
        key = hmac.digest(key, part.encode(), "sha256")
    credential = f"AWS4-HMAC-SHA256 Credential={keys.key_id}/{scope}"
    sent["authorization"] = f"{credential}, SignedHeaders={';'.join(names)}, Signature={key.hex()}"
    return sent
