"""The doctor calls everything that can be read, finds what differs, and tells no data."""

from __future__ import annotations

import gzip
import json
import logging
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from kaleidoscope_api.operations import OPERATIONS

from kalbio import KaleidoscopeClient, cli
from kalbio._core.description.shapes import about, form_of_time, is_id, safe_header, safe_name, safe_word
from kalbio._core.diagnosis import setup
from kalbio.diagnosis import Report, points, writes
from kalbio.diagnosis.description import load_description
from kalbio.diagnosis.doctor import report_on_recordings
from kalbio.diagnosis.plan import why_not_called
from kalbio.sandbox import Sandbox
from kalbio.testing import InProcess
from tests.conftest import World
from tests.lies import Answer, Lie, LyingTransport, in_answer, in_items
from tests.recording import CASSETTES

READS = {operation.id for operation in load_description().operations if operation.reads}


def differences(report: Report) -> list[tuple[str, str, str]]:
    """What a report has found, in short."""
    return [(one.kind, one.location, one.seen) for one in report.findings]


def called(report: Report) -> set[str]:
    """The operations that were called."""
    return {one.operation for one in report.operations if one.calls}


def examine(lie: Lie, sandbox: Sandbox | None = None) -> Report:
    """Run the doctor on a sandbox that lies."""
    with sandbox or Sandbox() as liar, client_of(liar, lie) as client:
        return client.doctor()


def client_of(sandbox: Sandbox, lie: Lie = lambda answer: None) -> KaleidoscopeClient:
    """A client of a sandbox that lies."""
    names = sandbox.settings
    return KaleidoscopeClient(
        names.client_id, names.client_secret, sandbox.base_url, transport=LyingTransport(sandbox, lie), retries=0
    )


@pytest.fixture(scope="module")
def written() -> Iterator[tuple[Report, InProcess]]:
    """A report with writes, and the sandbox that it is about."""
    with InProcess() as lab:
        yield lab.client.doctor(writes=True), lab


# -- the sandbox tells the truth -------------------------------------------------------------------------------------


def test_the_sandbox_breaks_nothing_and_every_read_is_called(world: World) -> None:
    """Against the sandbox nothing differs, and each GET and each POST that reads was called."""
    with Sandbox() as sandbox:
        from kalbio.testing import SandboxTransport

        transport = SandboxTransport(sandbox)
        report = world(world.connect(url=sandbox.base_url, transport=transport).doctor())

        assert differences(report) == []
        assert called(report) == READS
        assert {item.method for item in transport.exchanges if "oauth" not in item.target} == {"GET"}
        assert report.exit_code == 0


def test_reading_changes_nothing() -> None:
    """The ledger of the sandbox, which holds each write, has logins alone."""
    with InProcess() as lab:
        lab.client.doctor()
        assert {entry.operation for entry in lab.sandbox.ledger} == {"createToken"}


def test_every_operation_is_called_or_has_a_reason() -> None:
    """A new operation is either called or named: nothing is left out without a word."""
    description = load_description()
    unexplained = [
        one.id for one in description.operations if why_not_called(description, one) not in (None, "it writes")
    ]
    assert unexplained == []
    assert {one.id for one in description.operations} == set(OPERATIONS)


def test_with_writes_every_operation_is_called_or_has_a_reason(written: tuple[Report, InProcess]) -> None:
    """All operations are called, or left out for a reason that stands in the guide; nothing differs."""
    report, _ = written
    left = {one.operation: one.reason for one in report.operations if not one.calls}

    assert differences(report) == []
    assert left == writes.NOT_CALLED
    guide = Path(__file__).parents[1].joinpath("docs/guide/doctor.md").read_text(encoding="utf-8")
    assert [name for name, reason in left.items() if f"`{name}`" not in guide or reason not in guide] == []


def test_what_is_written_is_told_and_stays_in_one_program(written: tuple[Report, InProcess]) -> None:
    """The report lists what was added, and nothing that was there before was changed."""
    report, lab = written
    with Sandbox() as untouched, client_of(untouched) as client:
        before = {item.id: str(item) for item in client.programs.get_programs()}
    programs = {item.id: str(item) for item in lab.client.programs.get_programs(use_cache=False)}
    made = [title for id, title in programs.items() if id not in before]

    assert {id: title for id, title in programs.items() if id in before} == before
    assert len(made) == 1
    assert made[0].startswith("kalbio doctor ")
    assert {"a program", "a key field", "an experiment", "a file", "an import (2)"} <= set(report.written)


def test_writes_settle_the_points_about_writes(written: tuple[Report, InProcess]) -> None:
    """Each open point that only a write can answer is answered."""
    report, _ = written
    asked = {name for name, question in points.QUESTIONS.items() if question.writes}
    verdicts = {one.point: one.verdict for one in report.points if one.point in asked}
    assert set(verdicts) == asked
    assert set(verdicts.values()) <= {"confirmed", "refuted", "answered"}


def test_the_number_of_requests_is_bounded() -> None:
    """A smaller limit ends the calls, and the report says which operations it cost."""
    with InProcess() as lab:
        report = lab.client.doctor(max_requests=10)
        assert len(lab.exchanges) == 11  # one login of the client, and ten requests
        assert {one.reason for one in report.operations if one.operation == "listDashboards"} == {
            "the limit of requests was reached"
        }
        with pytest.raises(ValueError, match="max_requests"):
            lab.client.doctor(max_requests=0)


# -- sandboxes that lie ----------------------------------------------------------------------------------------------


def renamed(old: str, new: str) -> Callable[[dict[str, Any]], None]:
    """Give a member another name."""
    return lambda item: item.update({new: item.pop(old)})


def in_pages(answer: Answer) -> None:
    """Let pages come in the opposite order."""
    if answer.query.get("page") in ("1", "2") and answer.query.get("page_size") == "2":
        answer.data = answer.data[::-1]


def emptied(answer: Answer) -> None:
    """Leave nothing of an answer."""
    answer.data, answer.body = None, b""


LIES: dict[str, tuple[Lie, tuple[str, str, str]]] = {
    "a member renamed": (
        in_items("listPrograms", renamed("title", "name_of_it")),
        ("unknown member", "Program.name_of_it", "text"),
    ),
    "a member missing": (
        in_items("listPrograms", lambda item: item.pop("title")),
        ("never came", "Program.title", "not there"),
    ),
    "a member more": (
        in_items("listDashboards", lambda item: item.update(owner={"secret": 1})),
        ("unknown member", "Dashboard.owner", "object"),
    ),
    "a new value of an enumeration": (
        in_items("listActivities", lambda item: item.update(status="on hold")),
        ("unknown value", "Activity.status", "'on hold'"),
    ),
    "a null": (
        in_items("listActivities", lambda item: item.update(title=None)),
        ("null", "Activity.title", "null"),
    ),
    "an older date": (
        in_items("listDataFields", lambda item: item.update(created_at="17.10.2025 18:11")),
        ("format", "DataField.created_at", "00.00.0000 00:00"),
    ),
    "a date with another zone": (
        in_items("listDataFields", lambda item: item.update(created_at="2025-10-17T18:11:41+02:00")),
        ("form of a time", "DataField.created_at", "0000-00-00T00:00:00+00:00"),
    ),
    "another status": (
        in_answer("listWorkspaceGroups", lambda answer: setattr(answer, "status", 203)),
        ("status", "listWorkspaceGroups", "203"),
    ),
    "a wrapped list": (
        in_answer("listKeyFields", lambda answer: setattr(answer, "data", {"data": answer.data})),
        ("type", "listKeyFields", "object"),
    ),
    "a number as text": (
        in_items("listWorkspaceEvents", lambda item: item.update(event_type_version="1")),
        ("type", "WorkspaceEvent.event_type_version", "text that is a number"),
    ),
    "pages in another order": (
        in_answer("listWorkspaceEvents", in_pages),
        ("paging", "listWorkspaceEvents", "pages in another order"),
    ),
    "a list in place of an object": (
        in_answer("getRecord", lambda answer: setattr(answer, "data", [answer.data, answer.data])),
        ("type", "getRecord", "list of object"),
    ),
    "another content type": (
        in_answer("listActivityLabels", lambda answer: answer.headers.update({"content-type": "text/plain"})),
        ("content type", "listActivityLabels", "text/plain"),
    ),
    "another order": (
        in_answer("listDataFields", lambda answer: answer.data.reverse()),
        ("order", "listDataFields", "another order"),
    ),
    "an empty answer": (
        in_answer("listPropertyFields", emptied),
        ("empty answer", "listPropertyFields", "nothing"),
    ),
    "an id of another form": (
        in_items("listEntitySlices", lambda item: item.update(workspace_id="12")),
        ("form of an id", "EntitySlice.workspace_id", "other text"),
    ),
    "a member without an id": (
        in_items("listWorkspaceMembers", lambda item: item.pop("id")),
        ("missing", "WorkspaceUser.id", "not there"),
    ),
    "a refusal": (
        in_answer("listDashboards", lambda answer: setattr(answer, "status", 403)),
        ("status", "listDashboards", "403"),
    ),
}


@pytest.mark.parametrize("name", LIES)
def test_a_lie_is_found_and_named(name: str) -> None:
    """Each sandbox that lies is found out: the report names the place and what came there."""
    lie, expected = LIES[name]
    with InProcess(Sandbox()) as lab:  # something to see on more than one page
        for title in ("one", "two", "three", "four"):
            lab.client.programs.create_program(title)
        with client_of(lab.sandbox, lie) as client:
            report = client.doctor()
    assert expected in differences(report)
    assert report.exit_code == 1
    assert expected[1] in report.to_text()


# -- no data ---------------------------------------------------------------------------------------------------------

PERSONAL = ("Ana-Beispiel", "ana.beispiel@example.org", "555-0199-4711", "Geheimstoff-17", "sandbox-secret-planted")


def plant(answer: Answer) -> None:
    """Put personal data and a secret into every text, key and unknown value of an answer."""
    if answer.operation != "createToken" and answer.data is not None:
        answer.data = planted(answer.data)


def planted(value: Any, member: str = "") -> Any:
    """The value with data in every text that is no id."""
    if isinstance(value, dict):
        more = {PERSONAL[0]: PERSONAL[1], PERSONAL[4]: {PERSONAL[2]: 1}, "a" * 50: 1}
        return {name: planted(inner, name) for name, inner in value.items()} | more
    if isinstance(value, list):
        return [planted(item, member) for item in value]
    if isinstance(value, str) and not is_id(value) and member != "activity_type":
        return " ".join(PERSONAL)
    return value


def test_reports_tell_no_data(capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> None:
    """Personal data and secrets in every text, key and header of a workspace are in no output of the doctor."""
    caplog.set_level(logging.DEBUG)

    def lie(answer: Answer) -> None:
        plant(answer)
        answer.headers["x-lab"] = " ".join(PERSONAL)

    progress: list[str] = []
    with Sandbox() as sandbox, client_of(sandbox, lie) as client:
        report = client.doctor(progress=progress.append)
        print(report, repr(report), report._repr_html_())
    assert report.findings
    shown = capsys.readouterr()
    outputs = [report.to_text(), report.to_json(), report.to_html(), shown.out, shown.err, "\n".join(progress)]
    outputs += [record.getMessage() for record in caplog.records if record.name.startswith("kalbio")]
    assert [text for text in PERSONAL for output in outputs if text in output] == []


def test_a_real_workspace_leaks_nothing(written: tuple[Report, InProcess]) -> None:
    """No text that the sandbox holds as a name, title, mail, id or content is in the report."""
    report, lab = written
    told = report.to_text() + report.to_json() + report.to_html()
    client = lab.client
    names = {item.email for item in client.workspace.get_members()}
    names |= {str(item) for item in client.activities.get_activities()}
    names |= {str(item) for item in client.programs.get_programs()}
    names |= {item.id for item in client.activities.get_activities()}
    names |= {item.field_name for item in client.entity_fields.get_data_fields()}
    assert len(names) > 20
    described = json.dumps(load_description().spec)  # which has fields and words of its own
    assert [name for name in names if name and name in told and name not in described] == []


def test_what_may_be_data_is_not_shown() -> None:
    """Names and words pass only when they look like names and words."""
    assert [safe_name(name) for name in ("created_at", "viewMode", "ana@example.org", "x" * 41, "user_19840311")] == [
        "created_at", "viewMode", None, None, None,
    ]  # fmt: skip
    assert safe_name("22a3b8f4c1d2e3f4a5b6c7d8") is None
    assert [safe_word(word) for word in ("on hold", "Ana", "c4ca4238")] == ["on hold", None, None]
    assert [safe_header(name) for name in ("X-Request-Id", "x-secret-4711")] == ["x-request-id", None]
    assert [about(count) for count in (0, 1, 2, 10, 11, 1000)] == ["0", "1", "2-10", "2-10", "11-100", "101-1000"]
    assert form_of_time("+49 555 0199") == "+00 000 0000"
    assert form_of_time("Ana Beispiel") == "text that is no time"


# -- recordings ------------------------------------------------------------------------------------------------------


def test_cassettes_give_the_verdict_of_the_live_sandbox() -> None:
    """Nothing differs in the recorded traffic of the sandbox either."""
    report = report_on_recordings(CASSETTES)
    assert differences(report) == []
    assert len(called(report)) > 50
    assert report.exit_code == 0


def test_a_cassette_with_a_lie_is_found_out(tmp_path: Path) -> None:
    """What differs in a recording is named like what differs live."""
    text = (CASSETTES / "the_workspace.yaml").read_text(encoding="utf-8")
    assert '"is_bot":' in text or "title" in text
    (tmp_path / "lie.yaml").write_text(text.replace('"title":', '"name_of_it":'), encoding="utf-8")
    assert ("unknown member", "Program.name_of_it", "text") in differences(report_on_recordings(tmp_path))


def har(url: str, data: Any, status: int = 200) -> str:
    """A HAR file of one exchange."""
    answer = {
        "status": status,
        "headers": [{"name": "Content-Type", "value": "application/json"}],
        "content": {"mimeType": "application/json; charset=utf-8", "text": json.dumps(data)},
    }
    return json.dumps(
        {"log": {"entries": [{"request": {"method": "GET", "url": url}, "response": answer, "time": 12.5}]}}
    )


def test_har_files_are_read(tmp_path: Path) -> None:
    """A HAR file goes through the same checks, also with a prefix before the paths and calls of other servers."""
    (tmp_path / "one.har").write_text(har("https://proxy.example/api/programs", [{"id": "x", "title": 3}]))
    (tmp_path / "two.har").write_text(har("https://elsewhere.example/metrics", []))
    report = report_on_recordings(tmp_path)
    assert ("type", "Program.title", "whole number") in differences(report)
    assert "1 requests for no operation" in report.setup[0].said


@pytest.mark.parametrize("text", ["no: [recording", "{}", '{"log": {"entries": [{}]}}', "x: 1"])
def test_what_is_no_recording_is_refused(tmp_path: Path, text: str) -> None:
    """A file that is none says so, and shows nothing of what it holds."""
    (tmp_path / "one.yaml").write_text(text)
    with pytest.raises(ValueError, match=r"one\.yaml"):
        report_on_recordings(tmp_path / "one.yaml")
    with pytest.raises(ValueError, match="no recording"):
        report_on_recordings(tmp_path / "nowhere")


# -- the set-up ------------------------------------------------------------------------------------------------------


def test_wrong_credentials_come_before_everything() -> None:
    """A refused login is told with its cure, and nothing else is asked."""
    with Sandbox() as sandbox:
        transport = LyingTransport(sandbox, lambda answer: None)
        with KaleidoscopeClient("sandbox-id", "wrong", sandbox.base_url, transport=transport, retries=0) as client:
            report = client.doctor()
    (check,) = [one for one in report.setup if one.is_good is False]
    assert (check.name, report.exit_code) == ("credentials", 2)
    assert "KALEIDOSCOPE_API_CLIENT_SECRET" in check.cure
    assert called(report) == set()


def test_a_wrong_address_and_a_wrong_page_are_told() -> None:
    """Where nothing listens, or something else answers, the url is what is wrong."""
    with KaleidoscopeClient("sandbox-id", "wrong", "http://127.0.0.1:9", retries=0) as client:
        report = client.doctor()
    assert [one.name for one in report.setup if one.is_good is False] == ["url"]

    def page(answer: Answer) -> None:
        answer.data, answer.body = None, b"<html>"
        answer.headers["content-type"] = "text/html"

    report = examine(page)
    assert [one.name for one in report.setup if one.is_good is False] == ["url"]


def test_a_wrong_clock_is_told() -> None:
    """A clock that is far from the server's is a fault of the set-up, with the seconds and the side."""
    now = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)
    right, wrong = (setup.of_clock(f"Thu, 01 Jan 2026 12:0{minutes}:00 GMT", now) for minutes in (1, 9))
    assert (right.is_good, wrong.is_good) == (True, False)
    assert wrong.said == "540 s behind the server's"
    assert setup.of_clock(None).is_good is None
    with Sandbox(clock_skew=900) as sandbox, client_of(sandbox) as client:
        assert client.doctor().exit_code == 2


ODD_RECORDINGS: dict[str, Callable[[dict[str, Any], dict[str, Any]], Any]] = {
    "method": lambda request, response: request.update(method=5),
    "url": lambda request, response: request.update(uri=5),
    "no url": lambda request, response: request.update(uri="http://[x"),
    "headers": lambda request, response: response.update(headers=[]),
    "no content type": lambda request, response: response["headers"].update({"Content-Type": []}),
    "body": lambda request, response: response["body"].update(string=[5]),
    "no status": lambda request, response: response.pop("status"),
}


@pytest.mark.parametrize("name", ODD_RECORDINGS)
def test_a_recording_of_another_shape_is_refused_by_name(tmp_path: Path, name: str) -> None:
    """A cassette with a part of a wrong type is refused with the name of its file, whatever the part."""
    request: dict[str, Any] = {"method": "GET", "uri": "https://x.example/programs", "body": None}
    response: dict[str, Any] = {"status": {"code": 200}, "headers": {}, "body": {"string": "[]"}}
    file = tmp_path / "odd.yaml"
    file.write_text(json.dumps({"interactions": [{"request": request, "response": response}]}))
    assert report_on_recordings(file).operations
    ODD_RECORDINGS[name](request, response)
    file.write_text(json.dumps({"interactions": [{"request": request, "response": response}]}))
    with pytest.raises(ValueError, match=r"odd\.yaml is no complete recording"):
        report_on_recordings(file)


def test_a_cassette_with_packed_answers_is_read(tmp_path: Path) -> None:
    """Answers that were recorded as gzip, as recorders do unless they are told otherwise, are unpacked."""
    body = gzip.compress(json.dumps([{"id": "x", "title": 3}]).encode())
    headers = {"Content-Type": ["application/json"], "Content-Encoding": ["gzip"]}
    response = {"status": {"code": 200}, "headers": headers, "body": {"string": body}}
    request = {"method": "GET", "uri": "https://x.example/programs", "body": None}
    (tmp_path / "packed.yaml").write_text(
        yaml.safe_dump({"interactions": [{"request": request, "response": response}]})
    )
    found = differences(report_on_recordings(tmp_path))
    assert ("type", "Program.title", "whole number") in found
    assert "no JSON" not in {kind for kind, _, _ in found}


@pytest.mark.parametrize("text", ["[" * 200_000, '{"log":' * 100_000])
def test_a_recording_that_is_nested_without_end_is_refused(tmp_path: Path, text: str) -> None:
    """JSON that no reader can follow is refused like any other that cannot be read."""
    file = tmp_path / "deep.har"
    file.write_text(text)
    with pytest.raises(ValueError, match=r"deep\.har cannot be read as a recording"):
        report_on_recordings(file)


@pytest.mark.parametrize(
    ("operation", "member", "value"),
    [
        ("listDataFields", "field_type", []),
        ("listKeyFields", "field_name", [5]),
        ("listRecords", "record_values", [1]),
        ("listActivityDefinitions", "id", ["x"]),
        ("listKeyFields", "created_at", "\ud800"),
    ],
)
def test_an_odd_answer_costs_no_report(operation: str, member: str, value: Any) -> None:
    """An answer whose parts are of a type that nobody expects is a finding, and the report has all points."""
    report = examine(in_items(operation, lambda item: item.update({member: value})))
    assert len(report.points) == len(points.points(load_description()))
    if not isinstance(value, str):
        assert operation in {name for one in report.findings for name in one.operations}


# -- what headers tell, and what there is to say without answers -------------------------------------------------------


def with_headers(**headers: str) -> Lie:
    """A lie that adds headers to all answers."""
    return lambda answer: answer.headers.update({name.replace("_", "-"): text for name, text in headers.items()})


@pytest.mark.parametrize(
    ("lie", "request_id", "limit"),
    [
        (with_headers(), (False, "none: errors cannot say"), (False, "no header tells of a limit")),
        (
            with_headers(X_Request_Id="r1"),
            (True, r"x-request-id in (\d+) of \1 answers; errors show it"),
            (False, "no"),
        ),
        (with_headers(x_correlation_id="r1"), (True, r"x-correlation-id in (\d+) of \1"), (False, "no header")),
        (with_headers(x_amzn_requestid="r1"), (False, r"may be one.*x-amzn-requestid in (\d+) of \1"), (False, "no")),
        (
            with_headers(x_ratelimit_limit="9", x_ratelimit_remaining="1"),
            (False, "none"),
            (
                True,
                r"x-ratelimit-limit in (\d+) of \1 answers, x-ratelimit-remaining in \1 of \1.*none with status 429",
            ),
        ),
    ],
)
def test_the_report_says_whether_answers_name_the_request_and_limits(
    lie: Lie, request_id: tuple[bool, str], limit: tuple[bool, str]
) -> None:
    """Whoever reads the report learns whether errors can name a request, and whether limits are told beforehand."""
    report = examine(lie)
    found = {one.name: one for one in report.header_checks}
    for name, (is_there, said) in {"request id": request_id, "rate limit": limit}.items():
        assert found[name].is_there is is_there
        assert re.search(said, found[name].said)
        assert found[name].said in report.to_text()
    assert report.to_dict()["header_checks"][0]["name"] == "request id"


def test_refusals_for_a_limit_are_counted() -> None:
    """A refusal with 429 is told, with whether it says how long to wait."""

    def busy(answer: Answer) -> None:
        answer.status = 429
        answer.headers["retry-after"] = "0"

    report = examine(in_answer("listActivityLabels", busy))
    assert "1 with status 429, 1 of them with retry-after" in report.header_checks[1].said


def test_without_an_answer_the_report_is_about_the_set_up_alone(world: World) -> None:
    """Where the first call failed, the text and the page have what is wrong and how to cure it, and no list of gaps."""
    with Sandbox() as sandbox:
        from kalbio.testing import SandboxTransport

        client = world.connect(
            url=sandbox.base_url, transport=SandboxTransport(sandbox), client_secret="sandbox-secret-other"
        )
        report = world(client.doctor())
    assert [title for title, *_ in report.sections()] == ["Set-up: wrong", "Set-up"]
    assert "KALEIDOSCOPE_API_CLIENT_SECRET" in report.to_text()
    assert len(report.to_text().splitlines()) < 20
    assert report.points
    assert [one.is_there for one in report.header_checks] == [None, None]


# -- the open points -------------------------------------------------------------------------------------------------


def test_every_open_point_has_a_verdict_and_a_row(written: tuple[Report, InProcess]) -> None:
    """The page lists each open point of the description; the report has a verdict on each, and no table has others."""
    known = points.points(load_description())
    names = [one.name for one in known]
    page = Path(__file__).parents[1].joinpath("docs/unconfirmed.md").read_text(encoding="utf-8")

    assert page == points.page(load_description())
    assert len(set(names)) == len(names) > 70
    assert [one.point for one in written[0].points] == names
    tables = points.QUESTIONS.keys() | points.NOT_TESTED.keys()
    assert tables <= set(names)
    assert [one.name for one in known if not one.member and one.name not in tables] == []
    assert all(one.said for one in written[0].points)


def test_an_assumption_that_is_wrong_is_refuted_by_name() -> None:
    """What the description assumes and the platform does otherwise is refuted under the name of the point."""

    def lie(answer: Answer) -> None:
        if answer.operation == "getActivity":
            answer.status, answer.data = 404, {"code": "NOT_FOUND", "message": "no"}
        in_items("listActivityDefinitions", lambda item: item.update(fixed_cost=12.5))(answer)

    verdicts = {one.point: one.verdict for one in examine(lie).points}
    assert verdicts["getActivity"] == "refuted"
    assert verdicts["ActivityDefinition.fixed_cost"] == "refuted"


# -- the command line ------------------------------------------------------------------------------------------------


def test_the_command_reports_recordings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`--from` prints the report, writes the files that were asked for, and ends with its exit code."""
    (tmp_path / "one.har").write_text(har("https://x.example/programs", [{"id": "x", "title": 3}]))
    page, data = tmp_path / "report.html", tmp_path / "report.json"
    code = cli.main(["doctor", "--from", str(tmp_path / "one.har"), "--html", str(page), "--json", str(data)])

    assert code == 1
    assert capsys.readouterr().out.splitlines()[0].endswith("(1 of 85 operations called).")
    assert json.loads(data.read_text(encoding="utf-8"))["findings"][0]["location"]
    assert re.search(r"<h1>.*differences? from the description", page.read_text(encoding="utf-8"))


def test_the_command_asks_before_it_writes(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Without a terminal to answer on, and without --yes, nothing is sent."""
    monkeypatch.setenv("KALEIDOSCOPE_API_URL", "http://127.0.0.1:9")
    assert cli.main(["doctor", "--writes"]) == 3
    told = capsys.readouterr().err
    assert "deletes none of it" in told
    assert "Nothing was sent" in told


def test_the_command_says_what_is_wrong_with_its_arguments(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Missing credentials and arguments that do not go together are told, and end with 2."""
    monkeypatch.delenv("KALEIDOSCOPE_API_CLIENT_ID", raising=False)
    assert cli.main(["doctor"]) == 2
    assert "KALEIDOSCOPE_API_CLIENT_ID" in capsys.readouterr().err
    assert cli.main(["doctor", "--writes", "--from", "x"]) == 2
    assert cli.main(["doctor", "--from", "x", "--json", "no/such/folder/x"]) == 2
