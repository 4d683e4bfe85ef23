"""The commands about activities, files, imports, registrations, events and single operations."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from kalbio import KaleidoscopeClient
from kalbio.testing import make_compounds
from tests.cli.conftest import Shell


def test_activities_are_listed_and_shown(shell: Shell) -> None:
    """Activities are listed with and without conditions, and one is shown by its title or its id."""
    whole = shell("activities", "--json").json
    assert "Kinase screen" in [item["title"] for item in whole]
    assert len(shell("activities").out.splitlines()) == 1 + len(whole)
    assert shell("activities", "list", "--csv").out.startswith("title,activity_type,status,id\n")
    experiments = shell("activities", "--type", "experiment", "--json").json
    assert {item["activity_type"] for item in experiments} == {"experiment"}
    assert len(shell("activities", "--limit", "1", "--json").json) == 1

    shown = shell("activities", "show", "Kinase screen", "--json").json
    assert shown["title"] == "Kinase screen"
    text = shell("activities", "show", shown["id"]).out
    assert text.startswith("title")
    assert "Kinase screen" in text
    assert "Kinase screen" in shell("activities", "show", shown["id"], "--csv").out
    assert "Did you mean 'Kinase screen'" in shell("activities", "show", "Kinase scren", code=2).err


def test_the_records_of_an_activity_are_a_table(shell: Shell) -> None:
    """They are those of `activity.table()`, in each form."""
    with KaleidoscopeClient() as client:
        activity = client.activities.get_activity_by_id("Kinase screen")
        assert activity is not None
        table = activity.table()
    assert shell("activities", "records", "Kinase screen", "--json").json == table.to_rows()
    assert len(shell("activities", "records", "Kinase screen").out.splitlines()) == 1 + len(table)


def test_a_file_goes_up_and_comes_down_again(shell: Shell, tmp_path: Path) -> None:
    """A file is put into a field of a record, and got as a file, into a folder and into a pipe."""
    file = tmp_path / "nmr.txt"
    file.write_bytes(b"1 2 3")
    put = ("files", "put", file, "--record", "Compound=SBX-1", "--field", "Spectrum")
    value = shell(*put, "--json").json
    assert value["file_name"] == "nmr.txt"
    assert value["file_id"] in shell(*put).out or "nmr.txt" in shell(*put).out

    target = tmp_path / "got.txt"
    told = shell("files", "get", value["file_id"], target, "--json").json
    assert told == {"path": str(target), "bytes": 5}
    assert target.read_bytes() == b"1 2 3"
    assert "got.txt" in shell("files", "get", value["file_id"], target, code=1).err
    digest = hashlib.sha256(b"1 2 3").hexdigest()
    assert str(target) in shell("files", "get", value["file_id"], target, "--force", "--sha256", digest).out
    shell("files", "get", value["file_id"], tmp_path)
    assert (tmp_path / value["file_id"]).read_bytes() == b"1 2 3"
    assert shell("files", "get", value["file_id"], "-").out == "1 2 3"
    assert "no file" in shell("files", "get", "0a1b2c3d-0000-4000-8000-000000000001", tmp_path / "x", code=1).err
    assert "no record" in shell(*put[:3], "--record", "Compound=none", "--field", "Spectrum", code=1).err
    assert "field" in shell(*put[:5], "--field", "Spektrum", code=2).err


def test_imports_are_listed_shown_and_waited_for(shell: Shell) -> None:
    """An import is in the list, is shown whole, and is waited for; one that is not there is said."""
    with KaleidoscopeClient() as client:
        import_id = client.imports.push_data(["Compound"], make_compounds(3))
    waited = shell("imports", "wait", import_id, "--json").json
    assert (waited["id"], waited["is_complete"]) == (import_id, True)
    assert import_id in [item["id"] for item in shell("imports", "list", "--json").json]
    assert import_id in shell("imports", "list").out
    assert shell("imports", "list", "--running", "--json").json == []
    assert shell("imports", "show", import_id, "--json").json["id"] == import_id
    assert "completed" in shell("imports", "show", import_id).out
    unknown = "0a1b2c3d-0000-4000-8000-000000000001"
    assert unknown in shell("imports", "show", unknown, code=1).err
    assert unknown in shell("imports", "wait", unknown, code=2).err


def test_rows_that_an_import_left_out_fail_the_wait(shell: Shell) -> None:
    """The exit code of a wait says whether all rows got in."""
    with KaleidoscopeClient() as client:
        import_id = client.imports.push_data(["Compound"], [{"Compound": "X-1", "Purity (%)": "high"}])
    waited = shell("imports", "wait", import_id, "--json", code=1)
    assert waited.json["import_result"]["validation_result"]["errors"]


def test_whoami_tells_what_there_is(shell: Shell) -> None:
    """People get no line about a profile where none is in use; programs get the same members always."""
    names = ["workspace", "workspace_id", "url", "client_id", "profile", "from"]
    assert list(shell("whoami", "--json").json) == names
    assert shell("whoami", "--csv").out.startswith(",".join(names))
    assert [line.split()[0] for line in shell("whoami").out.splitlines()] == [n for n in names if n != "profile"]


def test_registrations_are_listed_and_watched(shell: Shell) -> None:
    """A registration is watched until it has ended; one that goes on is told with the exit code 5."""
    with KaleidoscopeClient() as client:
        definition = "Assay results registration"
        run = client.activities.create_activity("A", "experiment", activity_definition_id=definition)
        assert "nothing" in shell("registration", "watch", run.id, code=1).err
        upload = next(item for item in run.properties if item.field_type == "file")
        content = upload.update_property_file("a.csv", b"a", "text/csv")
        assert content is not None
        file_id = content["file_id"]
        client.registration.register_file(run, file_id)

        (row,) = shell("registration", "list", "A", "--json").json
        assert (row["kind"], row["file_id"], row["status"]) == ("file", file_id, "pending")
        head, line = shell("registration", "list", "A").out.splitlines()
        assert head.split() == ["kind", "id", "status", "message", "errors", "updated_at"]
        assert file_id in line
        goes_on = shell("registration", "watch", "A", "--timeout", "0", code=5)
        assert "pending" in goes_on.out
        client.registration.push_status(run, file_id, "validated")
        client.registration.submit_results(run, file_id, "success")
    (line,) = shell("registration", "watch", "A", "--json").out.splitlines()
    assert json.loads(line)["status"] == "completed"
    assert "--json" in shell("registration", "watch", "A", "--csv", code=2).err


def test_events_are_listed_since_a_time(shell: Shell) -> None:
    """Events are listed from a moment on; a time that is none is refused."""
    whole = shell("events", "--since", "2020-01-01", "--limit", "3", "--json").json
    assert 0 < len(whole) <= 3
    assert shell("events", "--since", "2020-01-01", "--limit", "3").out.startswith("created_at")
    assert shell("events", "--since", "2999-01-01", "--json").json == []
    assert "after_date" in shell("events", "--since", "yesterday", code=2).err


def test_any_operation_is_called_by_its_id(shell: Shell) -> None:
    """Parameters go where the description has them, bodies are JSON, answers are printed as they come."""
    operations = {item["operation"]: item for item in shell("raw", "--json").json}
    assert operations["getRecord"]["takes"] == "record_id="
    assert "createToken" not in operations
    (found,) = shell("raw", "searchRecords", "search_text=SBX-1", "limit=1").json
    record = shell("raw", "getRecord", f"record_id={found}", "--json").json
    assert record["id"] == found
    made = shell("raw", "createProgram", "--body", '{"title": "Mine"}').json
    assert "Mine" in [item["title"] for item in shell("raw", "listPrograms").json]
    assert made["title"] == "Mine"
    assert shell("raw", "listPrograms", "--csv").out.startswith("id,title")


def test_bodies_come_from_files_and_uploads_go_up(shell: Shell, tmp_path: Path) -> None:
    """@FILE is the body in a file, --file the file of an upload, --output where an answer goes."""
    body = tmp_path / "body.json"
    body.write_text('{"title": "Züri"}', encoding="utf-8")
    assert shell("raw", "createProgram", "--body", f"@{body}").json["title"] == "Züri"
    with KaleidoscopeClient() as client:
        record = client.records.get_record_by_id({"Compound": "SBX-1"})
        field = client.entity_fields.get_data_field_by_id("Spectrum")
    assert record is not None
    assert field is not None
    value = shell(
        "raw", "uploadRecordValueFile", f"record_id={record.id}", "--body", json.dumps({"field_id": field.id}),
        "--file", body,
    ).json  # fmt: skip
    file_id = value["resource"]["content"]["file_id"]
    target = tmp_path / "got.json"
    assert shell("raw", "downloadFile", f"file_id={file_id}", "--output", target).out == ""
    assert target.read_bytes() == body.read_bytes()


def test_a_wrong_call_sends_nothing(shell: Shell) -> None:
    """An unknown operation or parameter, a missing one and a body that is none end with 2, with the cure."""
    for arguments, told in {
        ("getRecrd",): "Did you mean 'getRecord'",
        ("createToken",): "no operation",
        ("getRecord",): "record_id=...",
        ("getRecord", "record_id=.."): "must be an id",
        ("getRecord", "record=1"): "Did you mean 'record_id'",
        ("getRecord", "record_id"): "NAME=VALUE",
        ("getRecord", "record_id=1", "record_id=2"): "twice",
        ("searchRecords", "limit=few"): "whole number",
        ("listPrograms", "--body", "{}"): "takes no --body",
        ("createProgram",): "needs --body",
        ("createProgram", "--body", "{"): """Give it like --body '{"title": "Kinases"}'""",
        ("createProgram", "--body", "{}", "--file", __file__): "takes no --file",
        ("uploadRecordValueFile", "record_id=1"): "needs --file",
    }.items():
        assert told in shell("raw", *arguments, code=2).err, arguments
