"""`kalbio records`: in the form for people and in those for programs."""

from __future__ import annotations

import _thread
import csv
import io
import json
import re
import shlex
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from kalbio import KaleidoscopeClient
from kalbio._core.emulator.messages import Request
from kalbio._core.errors import APIError, OutcomeUnknownError, ResponseError, SettingError
from kalbio._model.cell_refusals import day_refusal, number_refusal
from kalbio.cli import errors
from kalbio.cli.spelling import as_typed
from kalbio.loading import LoadReport
from tests.cli.conftest import Shell


def rows_of(text: str) -> list[dict[str, str]]:
    """CSV, read."""
    return list(csv.DictReader(io.StringIO(text)))


def test_a_table_is_that_of_the_library(shell: Shell, tmp_path: Path) -> None:
    """Text, CSV and JSON have the rows of `client.records.table`; the CSV is that of `Table.to_csv`."""
    with KaleidoscopeClient() as client:
        table = client.records.table("Compound")
    table.to_csv(tmp_path / "t.csv")

    text = shell("records", "table", "Compound").out.splitlines()
    assert text[0].split()[:2] == ["Compound", "SMILES"]
    assert len(text) == 1 + len(table)
    assert all(any(record_id in line for line in text) for record_id in table.record_ids)
    as_csv = shell("records", "table", "Compound", "--csv").out
    assert as_csv == (tmp_path / "t.csv").read_text(encoding="utf-8")
    assert shell("records", "table", "Compound", "--json").json == table.to_rows()


def test_conditions_columns_and_order_reach_the_platform(shell: Shell) -> None:
    """--where, --sort, --field, --limit and --activity say which rows and columns there are."""
    found = shell(
        "records", "table", "Compound", "--where", '"Potency (nM)" < 100', "--where", "Soluble == true", "--sort",
        "-Potency (nM)", "--field", "Compound", "--field", "Potency (nM)", "--json",
    ).json  # fmt: skip
    assert [(row["Compound"], row["Potency (nM)"]) for row in found] == [("SBX-1", 12.5), ("SBX-3", 0.8)]
    assert len(shell("records", "table", "Compound", "--limit", "2", "--json").json) == 2
    assert shell("records", "table", "Compound", "--activity", "Kinase screen", "--json").json


def test_a_search_gives_ids_and_names(shell: Shell) -> None:
    """A search prints the ids and names of what it finds, JSON the records whole."""
    arguments = ("records", "search", "--type", "Compound", "--where", "Compound in ['SBX-1', 'SBX-3']")
    whole = shell(*arguments, "--json").json
    assert sorted(item["record_identifier"] for item in whole) == ["SBX-1", "SBX-3"]
    found = rows_of(shell(*arguments, "--csv").out)
    assert [item["id"] for item in whole] == [item["id"] for item in found]
    assert shell(*arguments).out.splitlines()[0].split() == ["id", "name"]


def test_records_are_got_by_key_and_by_id(shell: Shell) -> None:
    """A record is named by its key fields or by its id; one that is not there is said, and fails the command."""
    (record,) = shell("records", "get", "Compound=SBX-1", "--json").json
    assert record["record_identifier"] == "SBX-1"
    (row,) = rows_of(shell("records", "get", record["id"], "--csv").out)
    assert (row["record_id"], row["Compound"]) == (record["id"], "SBX-1")
    text = shell("records", "get", record["id"]).out
    assert [line.split()[-1] for line in text.splitlines() if line.startswith("Compound")] == ["SBX-1"]
    assert shell("records", "get", "Compound=none", code=1).err == "kalbio: there is no record Compound=none\n"
    for command in ("get", "history"):
        told = shell("records", command, "Compound=sbx-1", code=1 if command == "get" else 2).err
        assert told == "kalbio: there is no record Compound=sbx-1. Did you mean Compound=SBX-1?\n"
    gone = "00000000-0000-4000-8000-000000000000"
    assert f"there is no record '{gone}'" in shell("records", "get", record["id"], gone, code=1).err
    assert "not both" in shell("records", "get", "Compound=SBX-1", record["id"], code=2).err
    assert "Did you mean 'Compound'" in shell("records", "get", "Compuond=SBX-1", code=2).err


def test_a_history_has_every_value(shell: Shell) -> None:
    """What was written twice is there twice, with its author and time."""
    with KaleidoscopeClient() as client:
        record = client.records.get_or_create_record({"Compound": "SBX-1"})
        record.add_value("Purity (%)", 90)
        record.add_value("Purity (%)", 95)
    found = shell("records", "history", "Compound=SBX-1", "--field", "Compound", "--field", "Purity (%)", "--json").json
    assert sorted(row["value"] for row in found) == [90, 95]
    assert all(row["written_at"].startswith("20") for row in found)
    with KaleidoscopeClient() as client:
        user = next(user for user in client.workspace.get_members() if user.id == found[0]["written_by"])
    text = shell("records", "history", "Compound=SBX-1").out
    assert "written_by" in text
    assert (str(user.full_name) in text, user.id in text) == (True, False)  # programs get the id


def test_people_see_the_names_of_places_in_a_history(shell: Shell) -> None:
    """A history has the titles of activities and the names of tables for people, their ids for programs."""
    with KaleidoscopeClient() as client:
        record = client.records.get_or_create_record({"Compound": "SBX-1"})
        activity = client.activities.get_activity_by_id("Kinase screen")
        assert activity is not None
        table = next(
            view for view in client.record_views.get_record_views() if activity.id in (view.operation_ids or [])
        )
        record.add_value("Purity (%)", 91, activity)
        record.add_value("Purity (%)", 92, activity, table.id)
    command = ("records", "history", "Compound=SBX-1", "--field", "Purity (%)")
    text = shell(*command).out
    heads, *lines = text.splitlines()
    assert [line[heads.index("activity") :][:14].strip() for line in lines] == ["Kinase screen"] * 2
    assert lines[0][heads.index("table ") :].startswith(f"{table.view_name} ")
    assert activity.id not in text
    assert table.id not in text
    rows = shell(*command, "--json").json
    assert {row["activity_id"] for row in rows} == {activity.id}
    assert table.id in {row["table_id"] for row in rows}


def test_people_see_the_names_of_files(shell: Shell) -> None:
    """A column of files has their names for people, their ids for programs."""
    with KaleidoscopeClient() as client:
        client.entity_fields.get_or_create_data_field("Scan_id", "file")
        client.records.get_or_create_record({"Compound": "SBX-1"}).update_field_file("Scan_id", "nmr.txt", b"x")
    command = ("records", "table", "Compound", "--where", 'Compound == "SBX-1"', "--field", "Scan_id")
    text = shell(*command).out.splitlines()
    assert [line.split()[0] for line in text] == ["Scan_id", "nmr.txt"]
    (row,) = shell(*command, "--json").json
    assert len(row["Scan_id"]) == len(row["record_id"])


def test_an_export_is_a_file(shell: Shell, tmp_path: Path) -> None:
    """The export of the platform is saved where one says, and replaces nothing unless one says so."""
    target = tmp_path / "out.csv"
    assert shell("records", "export", "Compound", target, "--json").json == {
        "path": str(target), "bytes": target.stat().st_size,
    }  # fmt: skip
    assert "SBX-1" in target.read_text(encoding="utf-8")
    assert "out.csv" in shell("records", "export", "Compound", target, code=1).err
    assert str(target) in shell("records", "export", "Compound", target, "--force").out


def test_a_load_is_planned_then_done(shell: Shell, tmp_path: Path) -> None:
    """A plan writes nothing and says what would be written; the load writes it, and again writes nothing."""
    file = tmp_path / "drugs.csv"
    file.write_text("Compound,Purity (%),Remark\nNEW-1,97.5,x\nSBX-1,88,y\n", encoding="utf-8")
    arguments = ("records", "load", file, "--key", "Compound", "--column", "Remark=")

    planned = shell(*arguments, "--plan", "--json").json
    assert planned["records"] == {"new": 1, "changed": 0, "unchanged": 0} | {"changed": planned["records"]["changed"]}
    assert planned["values"]["new"] == 2
    assert "nothing is written yet" in shell(*arguments, "--plan").out
    assert [row["column"] for row in rows_of(shell(*arguments, "--plan", "--csv").out)] == ["Purity (%)"] * 2
    assert shell("records", "get", "Compound=NEW-1", code=1).out == ""

    done = shell(*arguments, "--journal", tmp_path / "j.jsonl", "--json").json
    assert (done["records_made"], done["ok"], done["attention"]) == (1, True, [])
    assert (tmp_path / "j.jsonl").exists()
    again = shell(*arguments, "--json").json
    assert (again["records_made"], again["cells"].get("done", 0)) == (0, 0)
    assert "Purity (%)" in shell("records", "get", "Compound=NEW-1").out
    assert shell(*arguments).out


def test_the_input_is_loaded_as_a_file_is(shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`records load -` reads the input, as CSV or as --format says; of a file, its ending tells."""

    def load(text: str, *options: str) -> Any:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
        return shell("records", "load", "-", "--key", "Compound", *options, "--json").json

    assert load("Compound,Purity (%)\nNEW-1,97.5\n")["records_made"] == 1
    assert load('{"Compound": "NEW-2", "Purity (%)": 88}\n', "--format", "jsonl")["records_made"] == 1
    assert load("Compound\tPurity (%)\nNEW-2\t89\n", "--format", "tsv", "--plan")["values"]["changed"] == 1
    (tmp_path / "x.csv").write_text("Compound\nNEW-3\n", encoding="utf-8")
    wrong = ("records", "load", tmp_path / "x.csv", "--key", "Compound", "--format", "tsv")
    assert "its ending tells" in shell(*wrong, code=2).err


def test_a_load_that_was_stopped_goes_on(shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C while rows are on their way says how to go on; the same command writes the rest, and nothing twice."""
    file, journal = tmp_path / "drugs.csv", tmp_path / "j.jsonl"
    file.write_text("Compound,Purity (%)\nNEW-1,97.5\nNEW-2,88\n", encoding="utf-8")
    command = ("records", "load", file, "--key", "Compound", "--journal", journal)
    handle = shell.sandbox.handle_with_faults
    sent: list[str] = []

    def stop(request: Request) -> Any:
        if request.method == "POST" and "import" in request.target:
            sent.append(request.target)
            if len(sent) == 1:
                outcome = handle(request)
                _thread.interrupt_main()  # as Ctrl-C does, while the answer is on its way
                time.sleep(0.2)
                return outcome
        return handle(request)

    monkeypatch.setattr(shell.sandbox, "handle_with_faults", stop)
    monkeypatch.setattr("kalbio._load_journal.sleep", lambda seconds: None)  # nothing is under way any more
    told = shell(*command, code=3)
    assert "Stopped. Run the same command again: what was sent is in the journal" in told.err
    done = shell(*command, "--json").json
    assert (done["ok"], len(sent)) == (True, 1)
    for name, purity in (("NEW-1", 97.5), ("NEW-2", 88)):
        (row,) = shell("records", "history", f"Compound={name}", "--field", "Purity (%)", "--json").json
        assert purity in row.values()


def test_a_load_writes_its_report(shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """--report keeps what became of each cell: of a load that was refused, that was stopped, and that ended."""
    file, kept = tmp_path / "drugs.csv", tmp_path / "report.json"
    command = ("records", "load", file, "--key", "Compound", "--report", kept)
    file.write_text("Compound,Purity (%)\nNEW-1,97.5\nNEW-2,high\n", encoding="utf-8")
    shell(*command, code=1)
    assert LoadReport.load(kept).counts == {"refused": 1}
    file.write_text("Compound,Purity (%)\nNEW-1,97.5\n", encoding="utf-8")

    def stop(*_: Any) -> Any:
        raise KeyboardInterrupt

    with monkeypatch.context() as context:
        context.setattr("kalbio._loads.Load._send", stop)
        shell(*command, code=3)
    assert LoadReport.load(kept).counts == {"unknown": 1}
    shell(*command)
    assert LoadReport.load(kept).counts == {"done": 1}


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--report", "report.xlsx"), "must end in .json or .csv"),
        (("--report", "no/such/report.json"), "cannot be written"),
        (("--report", "drugs.csv"), "the file that is loaded"),
        (("--report", "report.json", "--plan"), "--plan writes nothing"),
    ],
)
def test_a_report_that_cannot_be_written_sends_nothing(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...], told: str
) -> None:
    """What is wrong with --report is known before anything is sent."""
    monkeypatch.chdir(tmp_path)
    Path("drugs.csv").write_text("Compound\nNEW-1\n", encoding="utf-8")
    assert told in shell("records", "load", "drugs.csv", "--key", "Compound", *options, code=2).err
    assert shell("records", "get", "Compound=NEW-1", code=1).out == ""


def test_a_journal_of_other_rows_is_a_wrong_setting(shell: Shell, tmp_path: Path) -> None:
    """A journal that belongs to other rows ends a load with 2, since nothing was written."""
    file = tmp_path / "drugs.csv"
    command = ("records", "load", file, "--key", "Compound", "--journal", tmp_path / "j.db")
    for key, code in (("NEW-1", 0), ("NEW-2", 2)):
        file.write_text(f"Compound\n{key}\n", encoding="utf-8")
        told = shell(*command, code=code)
    assert "belongs to other rows" in told.err


def test_what_cannot_be_loaded_fails_the_command(shell: Shell, tmp_path: Path) -> None:
    """A refused cell is told and the exit code is 1, of the plan as well; nothing is written until one says so."""
    file = tmp_path / "drugs.csv"
    file.write_text("Compound,Purity (%)\nNEW-1,97.5\nNEW-2,high\n", encoding="utf-8")
    arguments = ("records", "load", file, "--key", "Compound")

    told = shell(*arguments, "--plan", "--json", code=1).json
    assert [(cell["column"], cell["status"]) for cell in told["attention"]] == [("Purity (%)", "refused")]
    refused = shell(*arguments, "--json", code=1)
    assert refused.json == told
    assert "nothing was written" in refused.err
    assert shell("records", "get", "Compound=NEW-1", code=1).out == ""
    assert shell(*arguments, "--on-error", "continue", "--json", code=1).json["records_made"] >= 1


def test_mistakes_on_the_command_line_send_nothing(shell: Shell, tmp_path: Path) -> None:
    """A wrong option, name, condition or file ends with 2 and names the cure; nothing is written."""
    for arguments, told in {
        ("records", "table", "Compoud"): "Did you mean 'Compound'",
        ("records", "table", "Compound", "--limt", "3"): "--limit",
        ("records", "table", "Compound", "--where", "logP <"): "character 7",
        ("records", "table", "Compound", "--where", "Potncy == 1"): "no field 'Potncy'",
        ("records", "table", "Compound", "--json", "--csv"): "--json and --csv",
        ("records", "load", "no-such.csv", "--key", "Compound"): "no-such.csv",
        ("records", "lod"): "load",
        ("recrds",): "Did you mean 'records'",
    }.items():
        assert told in shell(*arguments, code=2).err, arguments
    file = tmp_path / "x.csv"
    file.write_text("Compound,a\n1,2\n", encoding="utf-8")
    assert "--column" in shell("records", "load", file, "--key", "Compound", "--column", "a", code=2).err
    assert "--journal" in shell("records", "load", file, "--key", "a", "--plan", "--journal", "j", code=2).err
    assert "'a'" in shell("records", "load", file, "--key", "Compound", code=2).err


def test_new_fields_get_the_types_that_one_says(shell: Shell, tmp_path: Path) -> None:
    """--create-fields takes COLUMN=TYPE, or nothing and leaves the file behind it alone; --convert makes numbers."""
    file = tmp_path / "a.csv"
    file.write_text('Compound,Dose,Lot\nNEW-1,"12,5 mg",7\nNEW-2,n/a,8\nNEW-3,3 mg,9\n', encoding="utf-8")
    command = ("records", "load", "--key", "Compound", "--plan", "--json", "--create-fields")
    planned = shell(*command, file).json
    assert planned["new_fields"] == {"Dose": "text", "Lot": "text"}
    assert planned["notes"] == [
        "'Lot' becomes a field of text, and all of its cells look like numbers; for a field of numbers give "
        "--create-fields Dose=text --create-fields Lot=number"
    ]
    typed = ("Dose=number", "--create-fields", "Lot=text", file)
    refused = shell(*command, *typed, code=1).json
    assert (refused["new_fields"], len(refused["attention"])) == ({"Dose": "number", "Lot": "text"}, 3)
    assert "Dose=without-unit:UNIT" in refused["attention"][2]["reason"].replace("COLUMN", "Dose").replace("mg", "UNIT")
    converters = ("without-unit:mg", "decimal-comma", "none:n/a")
    options = [word for how in converters for word in ("--convert", f"Dose={how}")]
    assert shell(*command, *typed, *options).json["values"]["new"] == 5
    assert "COLUMN=TYPE" in shell(*command, "=number", file, code=2).err
    assert "name all columns, or none" in shell(*command, "--create-fields", "Lot=text", file, code=2).err
    assert "'nummer'" in shell(*command, "Dose=nummer", file, code=2).err
    assert "without-unit:nM" in shell(*command, file, "--convert", "Dose=without-unit", code=2).err


def test_cures_are_what_one_types(shell: Shell, tmp_path: Path) -> None:
    """What the client says of its arguments is told as options and commands; no cure is written in Python."""
    (tmp_path / "plain.csv").write_text("Compound,clogP,a b\nNEW-1,1,2\n", encoding="utf-8")
    (tmp_path / "twins.csv").write_text('Compound,Purity (%)\nNEW-1,1\nnew-1,2\nNEW-2,"1,5"\n', encoding="utf-8")
    (tmp_path / "latin.csv").write_bytes("Compound,Name\nNEW-1,Gr\xf6\xdfe\n".encode("latin-1"))
    (tmp_path / "batches.csv").write_text("Compound,Batch,Purity (%)\nNEW-1,B-1,1\n", encoding="utf-8")
    load = ("records", "load", "--plan", "--key", "Compound")
    for arguments, typed in {
        (*load, tmp_path / "batches.csv"): ("give --key Compound --key Batch. Say which", "--column Batch=,"),
        (*load, tmp_path / "plain.csv"): (
            "--column clogP=FIELD",
            "--column clogP=,",
            "fields for them with --create-f",
        ),
        (*load[:-1], "compond", tmp_path / "plain.csv"): (
            """kalbio raw getOrCreateKeyField --body '{"field_name": "compond"}'""",
        ),
        (*load, tmp_path / "twins.csv"): ("give --near-twins create", "give --convert 'Purity (%)=decimal-comma'"),
        (*load, tmp_path / "latin.csv"): ("--encoding cp1252",),
        ("records", "history", "UX-1"): ("or by key values: FIELD=VALUE",),
        ("records", "history", "Compound=UX 1"): ("there is no record 'Compound=UX 1'",),
        ("records", "export", "Compound", tmp_path / "plain.csv"): ("kalbio: the file exists already; give --force",),
    }.items():
        ended = shell(*arguments, code=1 if "twins" in str(arguments) or "export" in arguments else 2)
        told = ended.out + ended.err
        assert [cure for cure in typed if cure not in told] == [], told
        assert re.search(r"client\.|kalbio\.[a-z]|\bErrno|\b[a-z_]+=[\[{'\"A-Z]", told) is None, told


def test_lines_above_a_table_are_skipped(shell: Shell, tmp_path: Path) -> None:
    """What stands above the names of columns is told with the option that leaves it out, and left out by it."""
    file = tmp_path / "run.csv"
    file.write_text("Reader 7\nCompound,Dose\nNEW-1,1\n", encoding="utf-8")
    command = ("records", "load", file, "--key", "Compound", "--plan", "--json", "--create-fields")
    assert "give --skip-rows 1, which" in shell(*command, code=2).err
    assert shell(*command, "--skip-rows", "1").json["values"]["new"] == 1
    file = file.rename(file.with_suffix(".jsonl"))
    assert "--skip-rows is for" in shell(*command[:2], file, *command[3:], "--skip-rows", "1", code=2).err


def test_only_words_of_the_client_become_options(recwarn: pytest.WarningsRecorder) -> None:
    """What a server says is printed as it came, and so is what looks like a text of Python and is none."""
    words = "b has encoding='x', overwrite=True"
    body = json.dumps({"message": words}).encode()
    lost = OutcomeUnknownError("POST", "/a", words, b"")
    for error in (APIError("GET", "/a", 400, body), ResponseError("GET", "/a", b"", words), lost):
        assert words in errors.told(error)[0]
    assert errors.told(SettingError(words))[0] == "kalbio: b has --encoding x, --force\n"
    for text in (r"encoding='\user'", r"encoding='\d'", r"columns={'\x': field}", r"create_fields={'\N': 'a'}"):
        assert errors.told(SettingError(text))[0] == f"kalbio: {text.replace('create_fields', '--create-fields')}\n"
    assert len(recwarn) == 0


def test_cures_for_cells_are_options() -> None:
    """Cures that are functions in Python are told as options of the shell, for days and for numbers with units."""
    refused = ("2/3/2026", "46056")
    days = [as_typed(str(day_refusal(text))) for text in refused]
    numbers = [as_typed(str(number_refusal(text))) for text in ("1,234 mg", "98,5 %")]
    assert "give --convert COLUMN=day:%m/%d/%Y or --convert COLUMN=day:%d/%m/%Y" in days[0]
    assert days[1].endswith("format its column as dates there")
    assert "--convert COLUMN=without-unit:mg --convert COLUMN=decimal-comma, or grouped-digits in place" in numbers[0]
    assert "--convert COLUMN=without-unit:% --convert COLUMN=decimal-comma, and" in numbers[1]


CURES = {
    "IC50": ["<0,5", "≤ 1,5", "1,5 mg", "1 234,5", "−1,5", "1.234", "1,234"],
    "Tags": ["hit, lead", "a|b", "[x]"],
    "Purity (%)": ["5 µM", "0x10", "5±1", "٣"],
    "Soluble": ["ja"],
    "Day": ["2/3/2026", "46056", "soon"],
}
PYTHON = re.compile("converter|lambda|kalbio\\.|COLUMN|[a-z]+_[a-z]+")


def test_cures_name_the_column_and_speak_of_options(shell: Shell, tmp_path: Path) -> None:
    """What a plan and its JSON say of a cell is to be typed as it stands, and nothing of it is Python."""
    with KaleidoscopeClient() as client:
        for name, kind in (("IC50", "qualified-number"), ("Tags", "multiselect"), ("Day", "date")):
            client.entity_fields.get_or_create_data_field(name, kind)
    for name, cells in CURES.items():
        for cell in cells:
            file = tmp_path / "a.csv"
            other = "1,5" if name == "IC50" else ""  # 1.234 is in doubt beside it
            file.write_text(f"Compound\t{name}\nNEW-1\t{cell}\nNEW-2\t{other}\n", encoding="utf-8")
            command = ("records", "load", file, "--key", "Compound", "--separator", "\t")
            reasons = [one["reason"] for one in shell(*command, "--plan", "--json", code=1).json["attention"]]
            told = [*reasons, shell(*command, "--plan", code=1).out]
            assert [text for text in told if PYTHON.search(text.replace(cell, ""))] == []
            for option in re.findall(r"--convert ('[^']*'|\S*[^\s,;.])", " ".join(told)):
                assert shlex.split(option)[0].startswith(f"{name}=")


def test_a_converter_as_the_cure_says_it_loads_the_cell(shell: Shell, tmp_path: Path) -> None:
    """The options that are named for a cell, given as they stand, load it."""
    with KaleidoscopeClient() as client:
        client.entity_fields.get_or_create_data_field("IC50 raw", "qualified-number")
    file = tmp_path / "a.csv"
    file.write_text("Compound;IC50 raw\nNEW-1;< −1.234,5 mg\n", encoding="utf-8")
    command = ("records", "load", file, "--key", "Compound", "--plan", "--json")
    (cell,) = shell(*command, code=1).json["attention"]
    named = re.findall(r"--convert ('[^']*')", cell["reason"])
    assert named == ["'IC50 raw=unicode-minus'", "'IC50 raw=without-unit:mg'", "'IC50 raw=decimal-comma'"]
    options = [word for option in named for word in ("--convert", *shlex.split(option))]
    assert shell(*command[:-1], "--csv", *options).out.splitlines()[-1].split(",")[5] == "< -1234.5"


def test_cells_are_converted_as_the_cures_say(shell: Shell, tmp_path: Path) -> None:
    """Words for yes and no, other forms of days and texts for no value are refused with an option that loads them."""
    with KaleidoscopeClient() as client:
        client.entity_fields.get_or_create_data_field("Day", "date")
    file = tmp_path / "a.csv"
    file.write_text("Compound,Soluble,Day\nNEW-1,1,31.01.2026\nNEW-2,0,-\n", encoding="utf-8")
    command = ("records", "load", file, "--key", "Compound", "--plan", "--json")
    told = " ".join(cell["reason"] for cell in shell(*command, code=1).json["attention"])
    assert "lambda" not in told
    assert "--convert Soluble=yes:1 --convert Soluble=no:0" in told
    assert "--convert Day=day:%d.%m.%Y" in told
    options = ("Soluble=yes:1", "Soluble=no:0", "Day=day:%d.%m.%Y", "Day=none:-")
    planned = shell(*command[:-1], "--csv", *(word for option in options for word in ("--convert", option)))
    assert [row["new"] for row in rows_of(planned.out)] == ["true", "2026-01-31", "false"]
    assert "--convert names a column 'Dya'" in shell(*command, "--convert", "Dya=strip", code=2).err


def test_a_load_that_is_stopped_says_how_far_it_was(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After Ctrl-C, the number of records that were sent is told, also where no bar is shown."""

    @contextmanager
    def stopping(what: str) -> Iterator[Any]:
        def advance(done: int, total: int | None) -> None:
            raise KeyboardInterrupt

        yield advance

    monkeypatch.setattr("kalbio.cli.records.progress", stopping)
    file = tmp_path / "a.csv"
    file.write_text("Compound,Purity (%)\nNEW-1,1\nNEW-2,2\n", encoding="utf-8")
    told = shell("records", "load", file, "--key", "Compound", code=3).err
    assert "Stopped. 2 of 2 records were sent and read back. What was sent stays." in told
