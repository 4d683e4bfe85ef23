"""The workflow from recorded traffic. `KALBIO_RECORD=1 scripts/test tests/test_cassettes.py` records it anew."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kalbio.sandbox import Sandbox
from kalbio.sandbox.server import serve
from tests.conftest import World
from tests.recording import CASSETTES, HIDDEN, HOST, recorder

CASSETTE = "registration_workflow.yaml"


def workflow(world: World, client: Any, folder: Path) -> dict[str, Any]:
    """Do what a lab and a registrar do, in small; return what they saw."""
    fields = client.entity_fields
    world(fields.get_or_create_key_field("Drug"))
    world(fields.get_or_create_data_field("Melting point", "number"))
    records = [world(client.records.get_or_create_record({"Drug": name})) for name in ("Isoniazid", "Warfarin")]
    for record, content in zip(records, ("171", "161"), strict=True):
        world(record.add_value("Melting point", content))
    run = world(
        client.activities.create_activity(
            "Melting points", "experiment", activity_definition_id="Assay results registration"
        )
    )
    world(run.add_records(records))
    upload = next(item for item in run.properties if item.field_type == "file")
    file_id = world(upload.update_property_file("points.csv", b"Drug,Melting point\n", "text/csv"))["file_id"]
    begun = world(client.registration.register_file(run, file_id))
    world(client.registration.push_status(run, file_id, "validated"))
    results = [
        {"record_id": records[0].id, "status": "matched", "data": {"Melting point": 171.5}},
        {"record_id": records[1].id, "status": "error", "error_message": "no sample"},
    ]
    world(client.registration.submit_results(run, file_id, "success", "one of two", records=results))
    ended = world(client.registration.get_registration_files(run))[0]
    world(records[0].refetch())
    hot = [{"field_id": "Melting point", "filter_type": "is_greater_than", "filter_prop": 165}]
    found = world(client.records.get_records_by_ids(world(client.records.search_records(entity_field_filters=hot))))
    exported = world(client.exports.pull_data("drugs.csv", "Drug", folder, overwrite=True))
    downloaded = world(client.files.download_file(file_id, "points.csv", folder, overwrite=True))
    return {
        "statuses": (begun.status, ended.status, ended.message),
        "own": world(records[0].get_value_content("Melting point", run)),
        "found": [str(record) for record in found],
        "export": len(Path(exported).read_text(encoding="utf-8").splitlines()),
        "download": Path(downloaded).read_bytes(),
    }


EXPECTED = {
    "statuses": ("pending", "completed", "one of two"),
    "own": "171.5",
    "found": ["Isoniazid"],
    "export": 3,
    "download": b"Drug,Melting point\n",
}


@contextmanager
def recording(folder: Path, world: World) -> Iterator[tuple[Sandbox, Any]]:
    """Record what a client of a fresh sandbox does, over HTTP."""
    sandbox = Sandbox(seed="demo")
    with serve(sandbox) as server, recorder("all", folder).use_cassette(CASSETTE):
        client = world.connect(url=server.url, client_secret=sandbox.settings.client_secret)
        yield sandbox, client
    sandbox.close()


def test_the_workflow_plays_from_the_cassette(world: World, tmp_path: Path) -> None:
    """Both worlds make the same requests, so one cassette serves both, and they see what was recorded."""
    if os.environ.get("KALBIO_RECORD"):
        (CASSETTES / CASSETTE).unlink(missing_ok=True)
        with recording(CASSETTES, world) as (_, client):
            workflow(world, client, tmp_path)
    with recorder("none").use_cassette(CASSETTE) as cassette:
        seen = workflow(world, world.connect(url=HOST, retries=0), tmp_path)

    assert seen == EXPECTED
    assert cassette.all_played


def test_a_cassette_holds_no_secret(world: World, tmp_path: Path) -> None:
    """What is recorded from a sandbox holds neither its client secret nor a token that it gave out."""
    with recording(tmp_path, world) as (sandbox, client):
        workflow(world, client, tmp_path)
        secrets = [*client._tokens.secrets(), sandbox.settings.client_secret]

    text = (tmp_path / CASSETTE).read_text(encoding="utf-8")
    assert len(secrets) == 4
    assert "Melting points" in text
    assert [secret for secret in secrets if secret in text] == []


def test_the_kept_cassettes_hold_no_credentials() -> None:
    """No cassette in the repository has a credential header, or a token that is not hidden."""
    kept = sorted(CASSETTES.glob("*.yaml"))
    assert kept
    for path in kept:
        text = path.read_text(encoding="utf-8")
        assert "x-kal-authorization" not in text.lower()
        assert re.search(r"bearer\s+\S", text, re.IGNORECASE) is None
        assert "sandbox-secret" not in text
        tokens = re.findall(r'"(?:access|refresh)_token": *"([^"]*)"', text)
        assert tokens
        assert set(tokens) == {HIDDEN}
