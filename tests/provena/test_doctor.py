"""The doctor calls everything of an installation that can be read, finds what differs, and tells no data."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from provena_api.api.prov import prov_model_run_register_batch
from provena_api.models import RegisterBatchModelRunRequest

from kalbio import cli
from kalbio._core.diagnosis.report import Report
from kalbio._core.emulator.in_process import EmulatorTransport
from kalbio._core.emulator.server import serve
from kalbio._core.http.httpx_names import Request, Response
from kalbio.provena import ClientCredentialsFlow, OfflineFlow
from kalbio.provena._model.doctor import load_description
from tests.provena.conftest import Lab
from tests.provena.datasets import metadata
from tests.provena.scene import Scene

LEFT_OUT = ("AdminConfig", "AdminSentryDebug", "registryAdminExport", "ProxyFetch", "WriteAccessCredentials",
            "createToken", "startDeviceLogin")  # fmt: skip
"""How the names of operations end that are left out on purpose."""

Lie = Callable[[str, Any], Any]
PERSONAL = ("Ana-Beispiel", "ana.beispiel@example.org", "Geheimstoff-17", "sandbox-secret-planted")


class LyingTransport(EmulatorTransport):
    """Answers like the stand-in, but for what a lie makes of the JSON."""

    def __init__(self, sandbox: Any, lie: Lie) -> None:
        super().__init__(sandbox)
        self._lie = lie

    def handle_request(self, request: Request) -> Response:
        """Answer, and lie."""
        return self._altered(request, super().handle_request(request))

    async def handle_async_request(self, request: Request) -> Response:
        """Answer, and lie."""
        return self._altered(request, await super().handle_async_request(request))

    def _altered(self, request: Request, response: Response) -> Response:
        route = load_description().route(request.method, request.url.path)
        operation = route[0].id if route else ""
        if operation in ("", "createToken") or not response.headers.get("content-type", "").startswith("application/j"):
            return response
        data = self._lie(operation, json.loads(response.content))
        headers = {name: value for name, value in response.headers.items() if name != "content-length"}
        return Response(response.status_code, headers=headers, content=json.dumps(data).encode(), request=request)


def filled(lab: Lab) -> Scene:
    """A stand-in with something of everything: items of all subtypes, a group, a batch of runs, a linked person."""
    scene = Scene(lab.sandbox)
    lab.sandbox.link("admin", scene.person)
    lab(lab.api.groups.admin.add("reef", "Reef", "Of reefs"))
    lab(lab.api.groups.admin.add_member("reef", "admin"))
    lab(lab.api.models.version(scene.model, "faster"))
    lab(lab.api.datasets.mint(metadata(lab)))
    records = RegisterBatchModelRunRequest.from_dict({"records": [scene.record("One"), scene.record("Two")]})
    lab(lab.api.call(prov_model_run_register_batch.build_request(body=records)))
    return scene


def examine(lab: Lab, lie: Lie = lambda operation, data: data, **options: Any) -> Report:
    """Run the doctor as the administrator."""
    auth = ClientCredentialsFlow(lab.config, "admin", lab.sandbox.client_secret)
    client = lab.connect(auth, transport=LyingTransport(lab.sandbox, lie), retries=0)
    report: Report = lab(client.doctor(**options))
    return report


def test_the_stand_in_breaks_nothing_and_every_read_is_called(lab: Lab) -> None:
    """Each operation that reads was called, for each subtype, or is left out on purpose; no answer breaks anything."""
    filled(lab)
    report = examine(lab)
    assert [(one.kind, one.location, one.seen) for one in report.findings if one.level != "absent"] == []
    left = {one.operation for one in report.operations if not one.calls}
    reads = {one.id for one in load_description().operations if one.reads}
    assert {one for one in left & reads if not one.partition(" ")[0].endswith(LEFT_OUT)} == set()
    assert all(one.reason for one in report.operations if not one.calls)
    assert report.exit_code == 0


def test_who_may_little_and_an_empty_registry_are_no_differences(lab: Lab) -> None:
    """A refusal for want of a role, and a kind of which there is nothing, say nothing against the installation."""
    client = lab.connect(OfflineFlow(lab.config, "tests", lab.sandbox.offline_token("carol")), retries=0)
    report = lab(client.doctor())
    assert [(one.kind, one.location, one.seen) for one in report.findings if one.level != "absent"] == []
    (fetch,) = (one for one in report.operations if one.operation == "registryItemFetch MODEL")
    assert (fetch.calls, fetch.reason) == (0, "there is nothing of the kind, or you may not see it")


def change(wanted: str, *steps: str | int, value: Any) -> Lie:
    """Set what stands at a place of an answer."""

    def lie(operation: str, data: Any) -> Any:
        if operation == wanted:
            place = data
            for step in steps[:-1]:
                place = place[step]
            place[steps[-1]] = value
        return data

    return lie


@pytest.mark.parametrize(
    ("lie", "expected"),
    [
        (change("registryItemFetch PERSON", "item", "email", value=7), ("type", "ItemPerson.email", "whole number")),
        (change("registryItemFetch MODEL", "item", "hue", value=True),
         ("unknown member", "ItemModel.hue", "true or false")),
        (change("datastoreRegistryItemsList", "status", "success", value=False),
         ("status", "datastoreRegistryItemsList", "a success that tells a failure")),
    ],
    ids=["type", "member", "failure"],
)  # fmt: skip
def test_a_lie_is_found_and_named(lab: Lab, lie: Lie, expected: tuple[str, str, str]) -> None:
    """What an installation answers against its description is in the report, under the name of the subtype."""
    filled(lab)
    report = examine(lab, lie)
    found = [(one.kind, one.location, one.seen) for one in report.findings if one.level != "absent"]
    assert expected in found
    assert report.exit_code == 1


def planted(value: Any) -> Any:
    """The value with data in every name and text that is neither a handle nor a session."""
    if isinstance(value, dict):
        return {name: planted(inner) for name, inner in value.items()} | {PERSONAL[0]: PERSONAL[1], PERSONAL[3]: 1}
    if isinstance(value, list):
        return [planted(item) for item in value]
    if isinstance(value, str) and "/" not in value and value.count("-") != 4:
        return " ".join(PERSONAL)
    return value


def test_reports_tell_no_data(lab: Lab, caplog: pytest.LogCaptureFixture) -> None:
    """Personal data, secrets and ids of an installation are in no output of the doctor."""
    caplog.set_level(logging.DEBUG)
    scene = filled(lab)
    caplog.clear()
    progress: list[str] = []
    report = examine(lab, lambda operation, data: planted(data), progress=progress.append)
    assert report.findings
    outputs = [report.to_text(), report.to_json(), report.to_html(), repr(report), "\n".join(progress)]
    outputs += [record.getMessage() for record in caplog.records if record.name.startswith("kalbio")]
    hidden = (*PERSONAL, scene.person, scene.model, "Ada", "sandbox-token-")
    assert [text for text in hidden for output in outputs if text in output] == []


def test_a_refused_login_comes_before_everything(lab: Lab) -> None:
    """A wrong secret is told as a set-up that is wrong, with what to check, after one request."""
    auth = ClientCredentialsFlow(lab.config, "admin", "sandbox-secret-that-is-wrong")
    report = lab(lab.connect(auth).doctor())
    assert report.exit_code == 2
    assert [(one.name, one.cure) for one in report.setup if one.is_good is False] == [
        ("credentials", "Check the login, and that it belongs to this domain and realm.")
    ]
    with pytest.raises(ValueError, match="max_requests"):
        lab(lab.api.doctor(max_requests=0))
    assert sum(one.calls for one in examine(lab, max_requests=5).operations) == 5


def test_the_command_writes_the_report(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`kalbio provena doctor` prints and writes the report; a wrong place for it is said before anything is asked."""
    from kalbio.provena.sandbox import Sandbox

    with Sandbox() as sandbox, serve(sandbox, 0) as server:
        names = {"URL": server.url, "DOMAIN": "sandbox.invalid", "REALM": "sandbox", "CLIENT_ID": "admin",
                 "CLIENT_SECRET": sandbox.client_secret}  # fmt: skip
        for name, value in names.items():
            monkeypatch.setenv(f"PROVENA_{name}", value)
        targets = ("--html", str(tmp_path / "a.html"), "--json", str(tmp_path / "a.json"))
        code = cli.main(["provena", "doctor", *targets])
    assert "operations called" in capsys.readouterr().out
    assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))["exit_code"] == code
    assert "<h1>" in (tmp_path / "a.html").read_text(encoding="utf-8")
    assert cli.main(["provena", "doctor", "--html", str(tmp_path / "no" / "a.html")]) == 2
