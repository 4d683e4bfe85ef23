"""Every command, in its human and its JSON form, and as CSV."""

from __future__ import annotations

import csv
import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from kalbio import KaleidoscopeClient
from kalbio.cli.application import COMMANDS, kalbio
from kalbio.provena import ProvenaClient
from kalbio.testing import make_compounds
from kalbio.webhooks.inbox import Inbox
from tests.cli.conftest import Shell, place
from tests.cli.test_terminal import PRINT_NOTHING, commands
from tests.provena.datasets import METADATA
from tests.provena.scene import Scene
from tests.rows import row

NO_CSV = {"registration watch", "provena lineage"}
"""Commands whose CSV has a test of its own, or is refused."""


def names_of(group: str) -> set[str]:
    """The commands of one platform that print what they have found."""
    found = {name for name, _ in commands(kalbio)} - PRINT_NOTHING
    return {name for name in found if name.startswith("provena ") == (group == "provena")}


def run_all(shell: Shell, rows: dict[str, tuple[Any, ...]], before: str = "") -> None:
    """Run each command in each form; each prints something that a program, or a person, can read."""
    for name, arguments in rows.items():
        words = name.removeprefix(before).split()
        with row(name):
            assert shell(*words, *arguments).out.strip()
            told = shell(*words, *arguments, "--json").out
            assert json.loads(told.splitlines()[0] if name == "registration watch" else told) is not None
            if name not in NO_CSV:
                head, *lines = csv.reader(io.StringIO(shell(*words, *arguments, "--csv").out))
                assert head
                assert {len(line) for line in lines} <= {len(head)}


def test_every_command_of_kaleidoscope_runs_in_each_form(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The table has every command there is; each ends with 0 as text, as JSON and as CSV."""
    with KaleidoscopeClient() as client:
        import_id = client.imports.push_data(["Compound"], make_compounds(3))
        client.imports.wait(import_id, interval=0.01)
        run = client.activities.create_activity("A", "experiment", activity_definition_id="Assay results registration")
        upload = next(item for item in run.properties if item.field_type == "file")
        content = upload.update_property_file("a.csv", b"a", "text/csv")
        assert content is not None
        client.registration.register_file(run, content["file_id"])
        client.registration.push_status(run, content["file_id"], "validated")
        client.registration.submit_results(run, content["file_id"], "success")
    inbox, table = tmp_path / "inbox.db", tmp_path / "table.csv"
    box = Inbox(inbox)
    box.put("x:a", "x", b'{"event": "x"}')
    box.close()
    table.write_text("Compound,Purity (%)\nNEW-1,97.5\n", encoding="utf-8")

    class Endless:
        """An input whose first line is the secret, every time."""

        def isatty(self) -> bool:
            return False

        def readline(self) -> str:
            return f"{shell.sandbox.settings.client_secret}\n"

    monkeypatch.setattr(sys, "stdin", Endless())
    rows: dict[str, tuple[Any, ...]] = {
        "login": ("--url", shell.url, "--client-id", shell.sandbox.settings.client_id, "--store", "file"),
        "whoami": (),
        "fields": (),
        "types": (),
        "programs": (),
        "views": (),
        "activities list": ("--limit", "2"),
        "activities show": ("A",),
        "activities records": ("Kinase screen",),
        "records get": ("Compound=SBX-1",),
        "records search": ("--type", "Compound", "--limit", "2"),
        "records table": ("Compound", "--limit", "2"),
        "records history": ("Compound=SBX-1",),
        "records export": ("Compound", tmp_path / "all.csv", "--force"),
        "records load": (table, "--key", "Compound"),
        "files get": (content["file_id"], tmp_path / "a.csv", "--force", "--activity", "A"),
        "files put": (table, "--record", "Compound=SBX-1", "--field", "Spectrum"),
        "imports list": (),
        "imports show": (import_id,),
        "imports wait": (import_id,),
        "registration list": ("A",),
        "registration watch": ("A",),
        "mirror sync": (tmp_path / "lab.duckdb", "--no-history"),
        "mirror status": (tmp_path / "lab.duckdb",),
        "mirror sql": (tmp_path / "lab.duckdb", "select Compound, record_id from Compound"),
        "events": ("--limit", "3"),
        "raw": ("listPrograms",),
        "inbox list": ("--inbox", inbox),
        "inbox show": ("x:a", "--inbox", inbox),
    }
    assert set(rows) == names_of("kaleidoscope")
    assert {name.split()[0] for name in rows} | {name.split()[0] for name in PRINT_NOTHING} == set(COMMANDS)
    run_all(shell, rows)
    assert "is removed" in shell("logout").out  # with the secret that it keeps


def test_every_command_of_provena_runs_in_each_form(
    provena: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same for the commands of Provena."""
    scene = Scene(provena.sandbox)
    provena.sandbox.link("admin", scene.person)
    metadata, study = tmp_path / "metadata.json", tmp_path / "study.json"
    with ProvenaClient() as client:
        job = client.jobs.admin.launch("REGISTRY_WAKE_UP").id
        newer = client.models.version(scene.model, "faster").id
    whole = json.loads(json.dumps(METADATA))
    whole["associations"]["organisation_id"] = whole["dataset_info"]["publisher_id"] = scene.organisation
    metadata.write_text(json.dumps(whole), encoding="utf-8")
    study.write_text('{"display_name": "S", "title": "S", "description": "Of reefs"}', encoding="utf-8")
    dataset = provena("datasets", "mint", metadata, "--json").json["id"]
    for name, value in (*place(provena).items(), ("OFFLINE_TOKEN", provena.sandbox.offline_token("alice"))):
        monkeypatch.setenv(f"PROVENA_{name}", value)
    monkeypatch.setenv("PROVENA_CLIENT_ID", "client-tools")
    run_all(provena, {"provena login": ("--from-environment",)}, "provena ")
    monkeypatch.setenv("PROVENA_CLIENT_ID", "admin")
    rows: dict[str, tuple[Any, ...]] = {
        "provena whoami": (),
        "provena items list": ("models",),
        "provena items get": (scene.model,),
        "provena items create": ("studies", "--from", study),
        "provena search": ("coral",),
        "provena datasets list": (),
        "provena datasets mint": (metadata,),
        "provena datasets files": (dataset,),
        "provena datasets put": (dataset, study),
        "provena datasets get": (dataset, tmp_path / "down"),
        "provena jobs list": (),
        "provena jobs show": (job,),
        "provena jobs wait": (job,),
        "provena lineage": (newer,),
    }
    assert {*rows, "provena login", "provena link"} == names_of("provena")  # one links oneself once: see its test
    run_all(provena, rows, "provena ")
