"""Signatures of requests: those of the published examples, and what may be in them."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

from kalbio._core.http.aws_signature import EMPTY, Keys, query_text, quoted, signed_headers
from tests.rows import row

KEYS = Keys("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "")
HOST = "examplebucket.s3.amazonaws.com"
TIME = datetime(2013, 5, 24, tzinfo=UTC)
BODY = b"Welcome to Amazon S3."


def test_the_published_examples_have_the_published_signatures() -> None:
    """Of a read with a range, a write with a body, and two queries."""
    write = {"date": "Fri, 24 May 2013 00:00:00 GMT", "x-amz-storage-class": "REDUCED_REDUNDANCY"}
    digest = hashlib.sha256(BODY).hexdigest()
    cases: tuple[tuple[str, str, dict[str, str], dict[str, str], str, str], ...] = (
        ("GET", "/test.txt", {}, {"range": "bytes=0-9"}, EMPTY, "f0e8bdb87c964420e857bd35b5d6ed31"),
        ("PUT", "/test$file.text", {}, write, digest, "98ad721746da40c64f1a55b78f14c238"),
        ("GET", "/", {"lifecycle": ""}, {}, EMPTY, "fea454ca298b7da1c68078a5d1bdbfbb"),
        ("GET", "/", {"max-keys": "2", "prefix": "J"}, {}, EMPTY, "34b48302e7b5fa45bde8084f4b7868a8"),
    )  # fmt: skip
    for method, path, query, headers, body, wanted in cases:
        with row(f"{method} {path} {query}"):
            signed = signed_headers(KEYS, "us-east-1", method, HOST, path, query, headers, body, TIME)
            assert signed["authorization"].partition("Signature=")[2].startswith(wanted)
            assert "x-amz-security-token" not in signed


def test_the_token_of_temporary_keys_is_signed() -> None:
    """It goes along as a header of its own."""
    keys = Keys("K", "sandbox-secret-x", "sandbox-token-x")
    signed = signed_headers(keys, "eu-west-1", "GET", HOST, "/a", {}, {}, EMPTY, TIME)
    assert signed["x-amz-security-token"] == "sandbox-token-x"
    assert "SignedHeaders=host;x-amz-content-sha256;x-amz-date;x-amz-security-token," in signed["authorization"]
    assert repr(keys) == "Keys([hidden])"


def test_paths_and_queries_are_written_as_they_are_signed() -> None:
    """Everything but letters, digits and four signs is quoted; queries are in the order of their names."""
    assert quoted("/a b/ä+(1)~/x%2F") == "/a%20b/%C3%A4%2B%281%29~/x%252F"
    assert query_text({"prefix": "a/b c", "list-type": "2", "uploads": ""}) == "list-type=2&prefix=a%2Fb%20c&uploads="
