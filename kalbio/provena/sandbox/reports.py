"""Reports about studies and model runs: a job writes them, and a link gives them for a while, without a token."""

from __future__ import annotations

import io
import secrets
import zipfile
from urllib.parse import parse_qs, quote, urlencode, urlsplit
from xml.sax.saxutils import escape

from kalbio._core.emulator.messages import Request, Response
from kalbio._core.emulator.refusals import Refusal
from kalbio._core.emulator.strict_json import Document
from kalbio.provena.sandbox import graph, records
from kalbio.provena.sandbox.items import ITEM
from kalbio.provena.sandbox.jobs import JobFailed, launch, worker
from kalbio.provena.sandbox.model_runs import user_of
from kalbio.provena.sandbox.store import READ, Call, Routes, Store

routes = Routes()

PLACE = "/reports/"
_LIFETIME = 3 * 3600
_SUBTYPES = ("MODEL_RUN", "STUDY")


@routes.operation("provExploreGenerateReport", READ)
def generate(call: Call) -> Document:
    """Launch the job that writes a report; what it is about is looked at there."""
    call.store.set_meta("base_url", call.base_url)  # where the link leads to
    payload = {**call.body, "user_info": "sandbox"}
    return {"session_id": launch(call.store, call.caller.username, "GENERATE_REPORT", payload)}


@worker("GENERATE_REPORT")
def _generate(store: Store, job: Document) -> Document:
    payload = job["payload"]
    id, subtype = payload["id"], payload["item_subtype"]
    failed = "Job failed, err: An error occurred while attempting to generate report. Error: "
    if subtype not in _SUBTYPES:
        known = ",".join(f"ItemSubType.{one}" for one in _SUBTYPES)
        text = f"Unsupported item subtype for validation. Received subtype {subtype}, supported: {known}.."
        raise JobFailed(f"{failed}{text}")
    try:
        item = records.fetch(store, user_of(store, job), id, subtype)
    except Refusal as refusal:
        raise JobFailed(f"{failed}Validation error with provided {subtype}: {refusal.message}..") from refusal
    name, signature = f"generate_report_{store.seconds()}.docx", "sandbox-token-" + secrets.token_urlsafe(24)
    ends = store.seconds() + _LIFETIME
    store.add("report", {"id": signature, "name": name, "lines": _lines(store, item, payload["depth"]), "ends": ends})
    query = {
        "response-content-disposition": f"attachment; filename={name}",
        "AWSAccessKeyId": "SANDBOX",
        "Signature": signature,
        "Expires": ends,
    }
    ((base_url,),) = store.rows("select value from meta where name = 'base_url'")
    return {"report_url": f"{base_url}{PLACE}{name}?{urlencode(query, quote_via=quote)}"}


def _lines(store: Store, item: Document, depth: int) -> list[str]:
    """What the report says: the item, and what is around it."""
    lines = [item["display_name"], f"{item['item_subtype']} {item['id']}"]
    for noun, ask in (("Upstream", graph.upstream), ("Downstream", graph.downstream)):
        lines.append(noun)
        for node in ask(store, item["id"], depth).nodes.values():
            known = store.get(ITEM, node.id) or {}
            lines.append(f"{node.subtype} {known.get('display_name', '')} {node.id}")
    return lines


def serve(store: Store, request: Request) -> Response:
    """The report of a link."""
    signature = parse_qs(urlsplit(request.target).query).get("Signature", [""])[0]
    report = store.get("report", signature)
    if report is None or report["ends"] <= store.seconds():
        denied = b'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>AccessDenied</Code></Error>'
        return Response(403, (("content-type", "application/xml"),), denied)
    headers = (
        ("content-type", "binary/octet-stream"),
        ("content-disposition", f"attachment; filename={report['name']}"),
    )
    return Response(200, headers, _docx(report["lines"]))


_TYPES = (
    '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
    '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Override PartName="/word/document.xml" ContentType='
    '"application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>'
)
_RELATIONS = (
    '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
    '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    '<Relationship Id="rId1" Target="word/document.xml" '
    'Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument"/></Relationships>'
)


def _docx(lines: list[str]) -> bytes:
    """A Word document with a paragraph for each line."""
    paragraphs = "".join(f'<w:p><w:r><w:t xml:space="preserve">{escape(line)}</w:t></w:r></w:p>' for line in lines)
    body = (
        '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
        '<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main">'
        f"<w:body>{paragraphs}</w:body></w:document>"
    )
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as file:
        for name, text in (("[Content_Types].xml", _TYPES), ("_rels/.rels", _RELATIONS), ("word/document.xml", body)):
            file.writestr(name, text)
    return written.getvalue()
