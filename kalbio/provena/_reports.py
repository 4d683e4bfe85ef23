# Derived from kalbio/provena/aio/_reports.py by scripts/regenerate; edit that file. (digest ce8d7e4fca3d)
"""Reports: Word documents, which older servers answer with, and current ones make in a job that ends with a link."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from kalbio._core.errors import ResponseError
from kalbio._core.http.responses import as_object, unusable
from kalbio.provena._job import Job
from kalbio.provena._service import Client

_ZIP = b"PK"  # what a Word document begins with


def document_of(client: Client, response: Any, timeout: float) -> bytes:
    """Return the document that an answer has, or the link of its job leads to.

    Raises:
        JobFailedError: the server could not make it.
        ResponseError: what came is no document.
    """
    if "json" in response.headers.get("content-type", ""):
        session_id = as_object(response).get("session_id")
        if not isinstance(session_id, str) or not session_id:
            raise unusable(response, "the answer has no session_id")
        job = Job({"session_id": session_id}, client).wait(timeout)
        url = job.result.get("report_url") if isinstance(job.result, dict) else None
        if not isinstance(url, str) or urlsplit(url).scheme not in ("http", "https"):
            raise ResponseError("GET", "report_url", b"", f"the job {job.id} has no link to a report")
        response = _follow(client, url)
    content: bytes = response.content
    if not content.startswith(_ZIP):
        raise unusable(response, "the answer is no Word document", show=False)
    return content


def _follow(client: Client, url: str) -> Any:
    """Get what a link leads to. It is signed, and elsewhere: it gets nothing of ours, and no token above all."""
    from kalbio._core.http.httpx_names import Request  # loaded by the requests before

    settings = client.session.settings
    extensions = {"timeout": settings.timeouts.as_dict(), "replayable": True}
    request = Request("GET", url, headers={"User-Agent": settings.platform.user_agent}, extensions=extensions)
    return client.session.http_clients.current().send(request, auth=None)
