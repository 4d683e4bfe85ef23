"""Runs the workflow and checks every step of it."""

from __future__ import annotations

import argparse
import csv
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from kalbio import KaleidoscopeClient
from kalbio.activities import Activity
from kalbio.records import Record
from kalbio.sandbox import Sandbox
from kalbio.sandbox.server import Server, serve
from scripts.registration_demo.account import Account
from scripts.registration_demo.registrar import Registrar, serving
from scripts.registration_demo.table import FIELDS, KEY, RESULT_FIELDS, SPOILT, Row, read_drugs, results_file

PROGRAM = "Approved small molecules"
EXPERIMENT = "Identity check of approved drugs"
DEFINITION = "Assay results registration"
FILE_NAME = "identity-check.csv"
LIMIT = 20.0
WRITTEN = {**FIELDS, **RESULT_FIELDS}


def main() -> int:
    """Run the demo; 0 when every check held."""
    parser = argparse.ArgumentParser(prog="scripts/demo", description=__doc__)
    parser.add_argument("--db", metavar="FILE", help="keep the sandbox's state in this file (default: in memory)")
    parser.add_argument("--keep", action="store_true", help="keep the sandbox running afterwards, to look around in it")
    arguments = parser.parse_args()

    account, registrar = Account(), Registrar()
    with (
        Sandbox(arguments.db, seed="demo", webhook=registrar.url) as sandbox,
        serve(sandbox) as server,
        KaleidoscopeClient(sandbox.settings.client_id, sandbox.settings.client_secret, server.url) as lab,
        KaleidoscopeClient(sandbox.settings.client_id, sandbox.settings.client_secret, server.url) as service,
        tempfile.TemporaryDirectory() as folder,
        serving(registrar, service, folder),
    ):
        account.step("A sandbox of Kaleidoscope, and a registrar")
        account.say(f"sandbox    {server.url}   (state: {arguments.db or 'in memory'})")
        if arguments.keep:
            account.say(f"pages      {server.pages_url}   (everything it holds, to look around in)")
        account.say(f"reference  {server.reference_url}")
        account.say(f"registrar  {registrar.url.partition('?')[0]}")
        run(account, lab, registrar)
        if arguments.keep:
            show_pages(account, lab, server)
            held = account.close()
            account.wait_for_ctrl_c()
            return 0 if held else 1
    return 0 if account.close() else 1


def run(account: Account, lab: KaleidoscopeClient, registrar: Registrar) -> None:
    """Do what a lab and its integration service do."""
    drugs = read_drugs()
    before = census(lab)
    experiment = prepare(account, lab)
    records = load(account, lab, drugs)
    attach(account, experiment, records)
    register(account, lab, registrar, experiment, drugs)
    search(account, lab, drugs)
    read_back(account, lab, experiment, records, drugs)
    export(account, lab, drugs)

    account.step("Nothing twice")
    again = census(lab)
    repeated = before.get(f"activity {EXPERIMENT}", 0) > 0
    account.say("this database had seen the demo before" if repeated else "this database was new to the demo")
    if repeated:
        account.check("things that a second run created", {}, dict(again - before))
    account.check("things of one name that exist twice", [], sorted(name for name, n in again.items() if n > 1))


def show_pages(account: Account, lab: KaleidoscopeClient, server: Server) -> None:
    """Say where to look at what was made."""
    account.step("To look at")
    experiment = lab.activities.get_activity_by_id(EXPERIMENT)
    kind = lab.entity_types.get_type_exact_keys([KEY])
    spoilt = lab.records.get_record_by_id({KEY: SPOILT})
    assert experiment is not None
    assert kind is not None
    assert spoilt is not None
    (registration, *_) = lab.registration.get_registration_files(experiment)
    for what, path in (
        ("everything", ""),
        ("the compounds", f"browse/entities/{kind.id}"),
        (SPOILT, f"browse/records/{spoilt.id}"),
        ("the experiment", f"browse/activities/{experiment.id}"),
        ("the registration", f"browse/registrations/{registration.id}"),
        ("what happened", "browse/events"),
    ):
        account.say(f"{what:<17} {server.pages_url}{path}")


def census(lab: KaleidoscopeClient) -> Counter[str]:
    """Count everything the demo can create, by name."""
    with lab.cache_disabled():
        counted: Counter[str] = Counter()
        counted.update(f"program {item.title}" for item in lab.programs.get_programs())
        counted.update(f"key field {item.field_name}" for item in lab.entity_fields.get_key_fields())
        counted.update(f"data field {item.field_name}" for item in lab.entity_fields.get_data_fields())
        counted.update(f"activity {item.title}" for item in lab.activities.get_activities())
        # Not the status field of the registration: the platform writes each state of it, as it should.
        ours = {item.id: item.field_name for item in lab.entity_fields.get_data_fields() if item.field_name in WRITTEN}
        kind = next((kind for kind in lab.entity_types.get_types() if kind.slice_name == KEY), None)
        ids = kind.get_record_ids() if kind is not None else []
        for record in lab.records.get_records_by_ids(ids):
            counted[f"record {record}"] += 1
            fields = (ours.get(item.field_id or "") for item in record.get_values())
            counted.update(f"value {field} of {record}" for field in fields if field is not None)
        for activity in lab.activities.get_activities():
            if activity.title == EXPERIMENT:
                counted.update(
                    f"registration of {item.file_id}" for item in lab.registration.get_registration_files(activity)
                )
    return counted


def prepare(account: Account, lab: KaleidoscopeClient) -> Activity:
    """Make the fields, the program and the experiment, or find them."""
    account.step("Fields, a program and an experiment")
    lab.entity_fields.get_or_create_key_field(KEY)
    for name, field_type in WRITTEN.items():
        lab.entity_fields.get_or_create_data_field(name, field_type)
    account.say(f"key field {KEY}; data fields {', '.join(WRITTEN)}")

    program = next((item for item in lab.programs.get_programs() if item.title == PROGRAM), None)
    if program is None:
        program = lab.programs.create_program(PROGRAM)
    experiment = lab.activities.get_activity_by_id(EXPERIMENT)
    if experiment is None:
        experiment = lab.activities.create_activity(
            EXPERIMENT, "experiment", program_ids=[program.id], activity_definition_id=DEFINITION
        )
    definition = experiment.activity_definition
    account.say(f"program {program.title!r}, experiment {experiment.title!r} of the type {DEFINITION!r}")
    account.check("type of the experiment", DEFINITION, definition and definition.title)
    account.check("program of the experiment", [PROGRAM], [item.title for item in experiment.programs])
    return experiment


def load(account: Account, lab: KaleidoscopeClient, drugs: list[Row]) -> dict[str, Record]:
    """Load the compounds; values that are there already are not written again."""
    account.step("Compounds")
    records: dict[str, Record] = {}
    written = 0
    for drug in account.follow(drugs, "get or create, and write values"):
        record = records[drug[KEY]] = lab.records.get_or_create_record({KEY: drug[KEY]})
        for name in FIELDS:
            if record.get_value_content(name) != drug[name]:
                record.add_value(name, drug[name])
                written += 1
    kind = lab.entity_types.get_type_exact_keys([KEY])
    account.say(f"{len(records)} records of the entity type {kind}, {written} values written")
    account.check("entity type of the compounds", KEY, kind and kind.slice_name)
    account.check("records", len(drugs), len(kind.get_record_ids()) if kind else 0)
    return records


def attach(account: Account, experiment: Activity, records: dict[str, Record]) -> None:
    """Attach the compounds to the experiment."""
    missing = [record for record in records.values() if not experiment.has_record(record)]
    if missing:
        experiment.add_records(missing)
    account.say(f"{len(missing)} attached to the experiment, which now holds {len(experiment.all_record_ids)}")
    account.check("records of the experiment", len(records), len(experiment.all_record_ids))
    account.check("records missing there", set(), {r.id for r in records.values()} - set(experiment.all_record_ids))


def register(
    account: Account,
    lab: KaleidoscopeClient,
    registrar: Registrar,
    experiment: Activity,
    drugs: list[Row],
) -> None:
    """Upload the results, register them, and let the registrar do its part."""
    account.step("Registration")
    upload = next(item for item in experiment.properties if item.field_type == "file")
    registrations = lab.registration.get_registration_files(experiment)
    if registrations:
        account.say(f"the file was registered before: {registrations[0].status}")
    else:
        answer = upload.update_property_file(FILE_NAME, results_file(drugs), "text/csv")
        file_id = answer["file_id"] if answer else ""
        registration = lab.registration.register_file(experiment, file_id)
        account.say(
            f"{FILE_NAME} uploaded to the property {upload.property_name!r} and registered: {registration.status}"
        )
        account.check("registration begins as", "pending", registration.status)
        lab.registration.wait(experiment, file_id=file_id, interval=0.1, timeout=LIMIT)
        (event,) = registrar.events
        account.say(f"webhook {event.event} for {len(event.record_ids)} records")
        account.check("webhook", ("registration_submitted", file_id), (event.event, event.file_id))
        account.say(f"the registrar checked {len(drugs)} rows and reported; bad: {registrar.complaints}")
        account.check("rows that the registrar refused", [SPOILT], list(registrar.complaints))
    final = lab.registration.get_registration_files(experiment)[0]
    account.check("registration ends as", "completed", final.status)
    account.check("message of the registrar", f"{len(drugs) - 1} of {len(drugs)} rows are right", final.message)


def search(account: Account, lab: KaleidoscopeClient, drugs: list[Row]) -> None:
    """Search with filters, and compare with the same conditions on the table."""
    account.step("Search")
    ids = lab.records.search_records(
        entity_field_filters=[
            {"field_id": "Molecular weight", "filter_type": "is_less_than", "filter_prop": 400},
            {"field_id": "logP", "filter_type": "is_greater_than_equal", "filter_prop": 2},
            {"field_id": "Approved", "filter_type": "is_greater_than", "filter_prop": 1990},
        ],
        entity_field_sorts=[{"field_id": "Approved", "descending": False}],
    )
    found = lab.records.get_records_by_ids(ids)
    years = [int(record.get_value_content("Approved") or 0) for record in found]
    wanted = sorted(
        drug[KEY]
        for drug in drugs
        if float(drug["Molecular weight"]) < 400 and float(drug["logP"]) >= 2 and int(drug["Approved"]) > 1990
    )
    account.say("weight < 400, logP >= 2, approved after 1990: " + ", ".join(map(str, found)))
    account.check("search by three filters", wanted, sorted(map(str, found)))
    account.check("search sorted by year", sorted(years), years)


def read_back(
    account: Account, lab: KaleidoscopeClient, experiment: Activity, records: dict[str, Record], drugs: list[Row]
) -> None:
    """Read values three ways, and those that the registrar wrote."""
    account.step("Values read back")
    drug = drugs[len(drugs) // 2]
    record = records[drug[KEY]]
    ways: dict[str, Any] = {"uuid": record.id, "record object": record, "key-field dict": {KEY: drug[KEY]}}
    for way, identifier in ways.items():
        with lab.cache_disabled():
            same = lab.records.get_record_by_id(identifier)
        content = [same.get_value_content(name) for name in FIELDS] if same else []
        account.check(f"values of {drug[KEY]} by {way}", [drug[name] for name in FIELDS], content)
    account.say(f"{drug[KEY]} by uuid, record object and key-field dict: {', '.join(drug[name] for name in FIELDS)}")

    with lab.cache_disabled():
        members = experiment.records
    weights = {str(item): item.get_value_content("Calculated weight", experiment) for item in members}
    wrong = [
        drug[KEY]
        for drug in drugs
        if weights[drug[KEY]] is None or abs(float(weights[drug[KEY]] or 0) - float(drug["Molecular weight"])) > 0.1
    ]
    account.say(
        f"the registrar wrote {sum(weight is not None for weight in weights.values())} weights in the experiment"
    )
    account.check("compounds without a confirmed weight", [SPOILT], wrong)
    spoilt = next(item for item in members if str(item) == SPOILT)
    account.check(f"identity of {SPOILT} confirmed", None, spoilt.get_value_content("Identity confirmed", experiment))


def export(account: Account, lab: KaleidoscopeClient, drugs: list[Row]) -> None:
    """Export the compounds, and compare the file with the table."""
    account.step("Export")
    with tempfile.TemporaryDirectory() as folder:
        path = lab.exports.pull_data(
            "drugs.csv", KEY, folder, entity_field_sorts=[{"field_id": "logP", "descending": True}]
        )
        with Path(path or "").open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
    account.say(f"{len(rows)} rows; columns {', '.join(rows[0])}")
    exported = {row[KEY]: {name: row[name] for name in FIELDS} for row in rows}
    account.check("rows of the export", len(drugs), len(rows))
    account.check("export holds the table", True, exported == {d[KEY]: {n: d[n] for n in FIELDS} for d in drugs})


if __name__ == "__main__":
    sys.exit(main())
