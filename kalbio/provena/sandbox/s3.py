"""The face of an object store: signed requests for objects below `/s3/<bucket>/`, and links that are signed already."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from urllib.parse import parse_qsl, quote, unquote
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from kalbio._core.emulator.messages import Request, Response
from kalbio._core.emulator.strict_json import Document
from kalbio.provena.sandbox import objects
from kalbio.provena.sandbox.datastore import KEYS, LINKS, secrets_of
from kalbio.provena.sandbox.folder import Content
from kalbio.provena.sandbox.store import Store, digest

PREFIX = "/s3/"
UPLOAD = "object_upload"
_LARGEST_PAGE = 1000
_XML = ("content-type", "application/xml")
_SIGNATURE = re.compile(
    r"AWS4-HMAC-SHA256 Credential=([^/]+)/\d{8}/([^/]+)/s3/aws4_request, ?SignedHeaders=([^,]+), ?Signature=(\w+)"
)
_RANGE = re.compile(r"bytes=(\d+)-(\d*)")
_KEPT = ("content-type", "content-encoding", "cache-control")


class _Refused(Exception):
    """The request is refused, as the store says so."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


@dataclass
class _Call:
    store: Store
    request: Request
    bucket: str
    key: str
    query: dict[str, str] = field(default_factory=dict)

    def header(self, name: str) -> str:
        return self.request.header(name) or ""


def answer(store: Store, request: Request) -> Response:
    """Answer one request."""
    bucket, _, key = unquote(request.path.removeprefix(PREFIX)).partition("/")
    query = dict(parse_qsl(request.target.partition("?")[2], keep_blank_values=True))
    call = _Call(store, request, bucket, key, query)
    try:
        if bucket != objects.BUCKET:
            raise _Refused(404, "NoSuchBucket", "The specified bucket does not exist")
        _require_access(call)
        return _operation(call)(call)
    except _Refused as refused:
        text = f"<Error><Code>{refused.code}</Code><Message>{escape(refused.message)}</Message></Error>"
        return Response(refused.status, (_XML,), b"" if request.method == "HEAD" else text.encode())


def _operation(call: _Call) -> Callable[[_Call], Response]:
    method, query = call.request.method, call.query
    if not call.key:
        known = {"GET": _list_uploads if "uploads" in query else _list}
    elif "uploadId" in query:
        known = {"GET": _list_parts, "PUT": _put_part, "POST": _complete, "DELETE": _abort}
    elif "uploads" in query:
        known = {"POST": _begin}
    else:
        known = {"GET": _get, "HEAD": _get, "PUT": _put, "DELETE": _delete}
    if method not in known:
        raise _Refused(405, "MethodNotAllowed", "The specified method is not allowed against this resource.")
    return known[method]


# who may


def _require_access(call: _Call) -> None:
    if "Signature" in call.query:
        _require_link(call)
        return
    keys = _keys(call)
    asked = call.key or call.query.get("prefix", "")
    writes = call.request.method not in ("GET", "HEAD")
    if not asked.startswith(keys["prefix"]) or (writes and not keys["writes"]):
        raise _Refused(403, "AccessDenied", "Access Denied")
    told = call.header("x-amz-content-sha256")
    if told != "UNSIGNED-PAYLOAD" and told != hashlib.sha256(call.request.body).hexdigest():
        raise _Refused(400, "XAmzContentSHA256Mismatch", "The provided 'x-amz-content-sha256' does not match.")


def _require_link(call: _Call) -> None:
    link = call.store.get(LINKS, digest(call.query["Signature"]))
    if link is None or link["key"] != call.key or call.request.method not in ("GET", "HEAD"):
        raise _Refused(403, "SignatureDoesNotMatch", "The request signature we calculated does not match.")
    if link["ends"] <= call.store.seconds():
        raise _Refused(403, "AccessDenied", "Request has expired")


def _keys(call: _Call) -> Document:
    """The keys that a request is signed with."""
    signed = _SIGNATURE.fullmatch(call.header("authorization"))
    if signed is None:
        raise _Refused(403, "AccessDenied", "Access Denied")
    keys = call.store.get(KEYS, signed[1])
    if keys is None:
        text = "The AWS Access Key Id you provided does not exist in our records."
        raise _Refused(403, "InvalidAccessKeyId", text)
    secret, token = secrets_of(call.store, keys["id"])
    if call.header("x-amz-security-token") != token:
        raise _Refused(400, "InvalidToken", "The provided token is malformed or otherwise invalid.")
    if keys["ends"] <= call.store.seconds():
        raise _Refused(400, "ExpiredToken", "The provided token has expired.")
    if not hmac.compare_digest(_signature(call, secret, signed[2], signed[3]), signed[4]):
        raise _Refused(403, "SignatureDoesNotMatch", "The request signature we calculated does not match.")
    return keys


def _signature(call: _Call, secret: str, region: str, names: str) -> str:
    """What the signature of a request has to be."""
    stamp = call.header("x-amz-date")
    scope = (stamp[:8], region, "s3", "aws4_request")
    request = (
        call.request.method,
        quote(unquote(call.request.path), safe="/~"),
        "&".join(f"{quote(name, safe='~')}={quote(call.query[name], safe='~')}" for name in sorted(call.query)),
        *(f"{name}:{' '.join(call.header(name).split())}" for name in names.split(";")),
        "",
        names,
        call.header("x-amz-content-sha256"),
    )
    digest = hashlib.sha256("\n".join(request).encode()).hexdigest()
    text = "\n".join(("AWS4-HMAC-SHA256", stamp, "/".join(scope), digest))
    key = f"AWS4{secret}".encode()
    for part in scope:
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.digest(key, text.encode(), "sha256").hex()


# objects


def _found(call: _Call) -> Document:
    found = objects.find(call.store, call.key)
    if found is None:
        raise _Refused(404, "NoSuchKey", "The specified key does not exist.")
    wanted = call.header("if-match")
    if wanted and wanted not in ("*", found["etag"]):
        raise _Refused(412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold")
    return found


def _get(call: _Call) -> Response:
    found = _found(call)
    size = found["size"]
    headers = [
        ("etag", found["etag"]),
        ("last-modified", format_datetime(datetime.fromtimestamp(found["modified"], UTC), usegmt=True)),
        ("accept-ranges", "bytes"),
        *found["headers"].items(),
    ]
    if "response-content-disposition" in call.query:
        headers.append(("content-disposition", call.query["response-content-disposition"]))
    if call.request.method == "HEAD":
        return Response(200, tuple(headers), b"")
    status, begin, end = 200, 0, size
    if asked := _RANGE.fullmatch(call.header("range")):
        begin, end = int(asked[1]), min(size, int(asked[2]) + 1 if asked[2] else size)
        if begin >= size or begin >= end:
            raise _Refused(416, "InvalidRange", "The requested range is not satisfiable")
        status = 206
        headers.append(("content-range", f"bytes {begin}-{end - 1}/{size}"))
    return Response(status, tuple(headers), call.store.folder.read(found["content"], begin, end - begin))


def _put(call: _Call) -> Response:
    content = call.store.folder.keep(call.store.new_id(), call.request.body)
    kept = objects.put(call.store, call.key, content, content.md5, _members(call))
    return Response(200, (("etag", kept["etag"]),), b"")


def _members(call: _Call) -> dict[str, str]:
    given = {name.lower(): value for name, value in call.request.headers}
    return {name: value for name, value in given.items() if name in _KEPT or name.startswith("x-amz-meta-")}


def _delete(call: _Call) -> Response:
    if (old := objects.remove(call.store, call.key)) is not None:
        call.store.folder.forget(old)
    return Response(204, (), b"")


def _list(call: _Call) -> Response:
    prefix = call.query.get("prefix", "")
    size = min(int(call.query.get("max-keys", _LARGEST_PAGE)), _LARGEST_PAGE)
    found = objects.keys(call.store, prefix, call.query.get("continuation-token", ""), size + 1)
    page, more = found[:size], len(found) > size
    encoded = call.query.get("encoding-type") == "url"
    rows = "".join(
        f"<Contents><Key>{quote(one['id'], safe='/') if encoded else escape(one['id'])}</Key>"
        f"<LastModified>{datetime.fromtimestamp(one['modified'], UTC):%Y-%m-%dT%H:%M:%S.000Z}</LastModified>"
        f"<ETag>{escape(one['etag'])}</ETag><Size>{one['size']}</Size></Contents>"
        for one in page
    )
    told = "<EncodingType>url</EncodingType>" if encoded else ""
    told += f"<NextContinuationToken>{escape(page[-1]['id'])}</NextContinuationToken>" if more else ""
    return _xml(
        f'<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>{call.bucket}</Name>'
        f"<IsTruncated>{str(more).lower()}</IsTruncated>{told}{rows}</ListBucketResult>"
    )


# uploads in parts


def _begin(call: _Call) -> Response:
    upload = call.store.new_id()
    call.store.add(UPLOAD, {"id": upload, "key": call.key, "headers": _members(call), "parts": {}})
    return _xml(
        f"<InitiateMultipartUploadResult><Bucket>{call.bucket}</Bucket><Key>{escape(call.key)}</Key>"
        f"<UploadId>{upload}</UploadId></InitiateMultipartUploadResult>"
    )


def _upload(call: _Call) -> Document:
    found = call.store.get(UPLOAD, call.query["uploadId"])
    if found is None or found["key"] != call.key:
        raise _Refused(404, "NoSuchUpload", "The specified multipart upload does not exist.")
    return found


def _put_part(call: _Call) -> Response:
    upload = _upload(call)
    content = call.store.folder.keep(call.store.new_id(), call.request.body)
    part = {call.query["partNumber"]: [content.name, content.size, content.md5]}
    call.store.put(UPLOAD, {**upload, "parts": {**upload["parts"], **part}})
    return Response(200, (("etag", f'"{content.md5}"'),), b"")


def _complete(call: _Call) -> Response:
    upload = _upload(call)
    try:
        asked = ElementTree.fromstring(call.request.body)  # noqa: S314  of a client on this computer
        wanted = [(one.findtext("PartNumber", ""), one.findtext("ETag", "").strip('"')) for one in asked.iter("Part")]
    except ElementTree.ParseError:
        raise _Refused(400, "MalformedXML", "The XML you provided was not well-formed") from None
    parts = [upload["parts"].get(number) for number, _ in wanted]
    if not parts or any(part is None or part[2] != etag for part, (_, etag) in zip(parts, wanted, strict=True)):
        raise _Refused(400, "InvalidPart", "One or more of the specified parts could not be found.")
    folder = call.store.folder
    content: Content = folder.join(call.store.new_id(), [(name, 0, size) for name, size, _ in parts])
    digest = hashlib.md5(b"".join(bytes.fromhex(md5) for _, _, md5 in parts), usedforsecurity=False).hexdigest()
    kept = objects.put(call.store, call.key, content, f"{digest}-{len(parts)}", upload["headers"])
    _forget(call, upload)
    return _xml(
        f"<CompleteMultipartUploadResult><Key>{escape(call.key)}</Key><ETag>{escape(kept['etag'])}</ETag>"
        "</CompleteMultipartUploadResult>"
    )


def _abort(call: _Call) -> Response:
    _forget(call, _upload(call))
    return Response(204, (), b"")


def _forget(call: _Call, upload: Document) -> None:
    call.store.run("delete from document where kind = ? and id = ?", UPLOAD, upload["id"])
    for name, _, _ in upload["parts"].values():
        call.store.folder.forget(name)


def _list_uploads(call: _Call) -> Response:
    prefix = call.query.get("prefix", "")
    rows = "".join(
        f"<Upload><Key>{escape(one['key'])}</Key><UploadId>{one['id']}</UploadId></Upload>"
        for one in call.store.all(UPLOAD)
        if one["key"].startswith(prefix)
    )
    return _xml(f"<ListMultipartUploadsResult>{rows}</ListMultipartUploadsResult>")


def _list_parts(call: _Call) -> Response:
    after = int(call.query.get("part-number-marker", "0"))
    parts = sorted((int(number), part) for number, part in _upload(call)["parts"].items() if int(number) > after)
    page, more = parts[:_LARGEST_PAGE], len(parts) > _LARGEST_PAGE
    rows = "".join(
        f'<Part><PartNumber>{number}</PartNumber><ETag>"{md5}"</ETag><Size>{size}</Size></Part>'
        for number, (_, size, md5) in page
    )
    told = f"<NextPartNumberMarker>{page[-1][0]}</NextPartNumberMarker>" if more else ""
    return _xml(f"<ListPartsResult><IsTruncated>{str(more).lower()}</IsTruncated>{told}{rows}</ListPartsResult>")


def _xml(text: str) -> Response:
    return Response(200, (_XML,), f'<?xml version="1.0" encoding="UTF-8"?>\n{text}'.encode())
