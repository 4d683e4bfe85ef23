"""Reports: asked for, waited for, and saved whole, whichever kind of server makes them."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import httpx
import pytest

from kalbio._core.emulator.faults import Fault
from kalbio._core.errors import IdentifierError, NotFoundError, PermissionDeniedError, ResponseError
from kalbio.provena import ClientCredentialsFlow, Item, JobFailedError, LineageNode
from tests.provena.conftest import Lab
from tests.provena.scene import Scene
from tests.provena.test_services import CONFIG


@pytest.fixture
def scene(lab: Lab) -> Scene:
    """All that a model run needs."""
    return Scene(lab.sandbox)


def text_of(document: bytes) -> str:
    """What a Word document says."""
    with zipfile.ZipFile(io.BytesIO(document)) as file:
        return file.read("word/document.xml").decode()


def test_a_report_is_a_word_document(lab: Lab, scene: Scene) -> None:
    """The job is waited for, and the link is followed without the token."""
    run = lab(lab.api.model_runs.run_of(lab(lab.api.model_runs.register(scene.record()))))
    document = lab(lab.api.lineage.report(run, depth=2))
    assert "Coral workflow" in text_of(document)
    assert "Reef study" in text_of(lab(lab.api.lineage.report(scene.study)))
    followed = [one for one in lab.transport.exchanges if one.target.startswith("/reports/")]
    assert len(followed) == 2


class Server(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """Logs in, launches a report, gives its link, and keeps the requests that come."""

    def __init__(self, **answers: Any) -> None:
        self.answers = answers
        self.came: list[httpx.Request] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer."""
        self.came.append(request)
        path = request.url.path
        if path.endswith("/token"):
            return httpx.Response(200, json={"access_token": "sandbox-token-x", "expires_in": 300})
        if path.endswith("/explore/generate/report"):
            answer: httpx.Response = self.answers.get("report", httpx.Response(200, json={"session_id": "one"}))
            return answer
        if path.endswith("/jobs/user/fetch"):
            result = {
                "report_url": self.answers.get("url", "https://files.invalid/r.docx?Signature=sandbox-token-link")
            }
            job = {
                "session_id": "one", "created_timestamp": 1, "username": "admin", "batch_id": None, "payload": {},
                "job_type": "REPORT", "job_sub_type": "GENERATE_REPORT", "gsi_status": "ok", "status": "SUCCEEDED",
                "info": None, "result": result,
            }  # fmt: skip
            return httpx.Response(200, json={"job": job})
        file: httpx.Response = self.answers.get("file", httpx.Response(200, content=b"PK-document"))
        return file

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer."""
        await request.aread()
        return self.handle_request(request)


ID = "10378.1/1"


def ask(lab: Lab, server: Server) -> Any:
    """The report about a study, without a look at the registry."""
    study = Item({"id": ID, "item_subtype": "STUDY"})
    login = ClientCredentialsFlow(CONFIG, "a", "sandbox-secret-b")
    return lab(lab.connect(login, transport=server).lineage.report(study, timeout=5))


def test_a_link_gets_nothing_of_ours(lab: Lab) -> None:
    """Neither token nor cookies go to the host of the link."""
    server = Server()
    assert ask(lab, server) == b"PK-document"
    link = server.came[-1]
    assert str(link.url) == "https://files.invalid/r.docx?Signature=sandbox-token-link"
    assert link.method == "GET"
    assert "authorization" not in link.headers
    assert "cookie" not in link.headers


def test_an_older_server_answers_with_the_document(lab: Lab) -> None:
    """What it answers with is the document; no job is waited for."""
    word = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
    server = Server(report=httpx.Response(200, content=b"PK-older", headers={"content-type": word}))
    assert ask(lab, server) == b"PK-older"
    assert len(server.came) == 2


@pytest.mark.parametrize(
    ("answers", "error"),
    [
        ({"file": httpx.Response(200, text="<html>sign in</html>")}, ResponseError),
        ({"file": httpx.Response(200, content=b"")}, ResponseError),
        ({"file": httpx.Response(403, text="<Error/>")}, PermissionDeniedError),
        ({"file": httpx.Response(404, text="<Error/>")}, NotFoundError),
        ({"url": None}, ResponseError),
        ({"url": "file:///etc/passwd"}, ResponseError),
        ({"report": httpx.Response(200, json={})}, ResponseError),
        ({"report": httpx.Response(200, text="<html/>", headers={"content-type": "text/html"})}, ResponseError),
    ],
)
def test_what_is_no_document_is_an_error(lab: Lab, answers: Any, error: type[Exception]) -> None:
    """A page instead of a document, a link that has ended, and no link at all are errors without the link in them."""
    with pytest.raises(error) as caught:
        ask(lab, Server(**answers))
    assert "Signature" not in str(caught.value)


def test_a_report_is_saved_whole_or_not_at_all(lab: Lab, scene: Scene, tmp_path: Path) -> None:
    """The file has the document; a failure leaves what was there, and nothing beside it."""
    path = tmp_path / "report.docx"
    saved = lab(lab.api.lineage.save_report(scene.study, path))
    assert saved == path
    assert "Reef study" in text_of(path.read_bytes())
    before = path.read_bytes()
    with pytest.raises(FileExistsError):
        lab(lab.api.lineage.save_report(scene.study, path))
    lab.sandbox.faults.add(Fault("provExploreGenerateReport", status=400))
    with pytest.raises(Exception, match="400"):
        lab(lab.api.lineage.save_report(scene.study, path, overwrite=True))
    assert path.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == ["report.docx"]
    lab(lab.api.lineage.save_report(scene.study, path, overwrite=True))


def test_only_studies_and_runs_have_reports(lab: Lab, scene: Scene) -> None:
    """Anything else is refused before a report is asked for, and so is a depth that the servers do not take."""
    for wrong in (scene.person, "10378.1/0", "Reef", lab(lab.api.studies.get(scene.study)).id + "0"):
        with pytest.raises(IdentifierError):
            lab(lab.api.lineage.report(wrong))
    for depth in (0, 4, True, "1"):
        with pytest.raises(ValueError, match="depth"):
            lab(lab.api.lineage.report(scene.study, depth=depth))
    assert "provExploreGenerateReport" not in lab.asked


def test_a_report_that_cannot_be_made_is_told(lab: Lab, scene: Scene) -> None:
    """What only the job finds out is its failure, with the server's text."""
    with pytest.raises(JobFailedError, match="Validation error with provided STUDY"):
        lab(lab.api.lineage.report(LineageNode("10378.1/0", "STUDY", "ACTIVITY")))
