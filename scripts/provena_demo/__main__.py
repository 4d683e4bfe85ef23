"""Runs the study and checks every step of it."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kalbio._core.emulator.server import serve
from kalbio.provena import APIOverrides, ClientCredentialsFlow, Config, OfflineFlow, ProvenaClient
from kalbio.provena.sandbox import Sandbox
from scripts.provena_demo import things
from scripts.registration_demo.account import Account

REVIEWER = "Bob"
REVIEWED = "complete, and the units are told"


@dataclass
class Lab:
    """The people, each with a client of their own."""

    modeller: ProvenaClient
    reviewer: ProvenaClient
    admin: ProvenaClient


def main() -> int:
    """Run the demo; 0 when every check held."""
    parser = argparse.ArgumentParser(prog="scripts/demo --provena", description=__doc__)
    parser.add_argument("--db", metavar="FILE", type=Path, help="keep the stand-in's state here (default: in memory)")
    arguments = parser.parse_args()

    account = Account()
    with Sandbox(arguments.db) as sandbox, serve(sandbox) as server:
        config = Config("sandbox.invalid", "sandbox", APIOverrides.at(server.url))

        def login(username: str) -> ProvenaClient:
            return ProvenaClient(OfflineFlow(config, "client-tools", sandbox.offline_token(username)))

        admin = ProvenaClient(ClientCredentialsFlow(config, "admin", sandbox.client_secret))
        with login("alice") as modeller, login("bob") as reviewer, admin:
            account.step("A stand-in for Provena")
            account.say(f"services   {server.url}   (state: {arguments.db or 'in memory'})")
            run(account, Lab(modeller, reviewer, admin))
    return 0 if account.close() else 1


def run(account: Account, lab: Lab) -> None:
    """Do what a modelling group does."""
    before = census(lab)
    people(account, lab)
    prepare(account, lab)
    datasets(account, lab)
    runs(account, lab)
    lineage(account, lab)
    version(account, lab)
    review(account, lab)

    account.step("Nothing twice")
    again = census(lab)
    repeated = before.total() > 0
    account.say("this database had seen the demo before" if repeated else "this database was new to the demo")
    if repeated:
        account.check("things that a second run created", {}, dict(again - before))
    # A version has the name of the item that it is a version of.
    twice = sorted(name for name, number in again.items() if number > 1 and name != f"MODEL {things.MODEL}")
    account.check("things of one name that exist twice", [], twice)


def census(lab: Lab) -> Counter[str]:
    """Count everything that the demo can create, by name, each change of it, and each job."""
    counted: Counter[str] = Counter()
    for item in lab.admin.registry.list(record_type="ALL"):
        counted[f"{item.item_subtype} {item.display_name}"] += 1
        counted.update(f"change {entry['id']} of {item.id}" for entry in item.history)
    counted.update(f"job {job.id}" for job in lab.admin.jobs.admin.list())
    return counted


def people(account: Account, lab: Lab) -> None:
    """Create the persons that the users are, and link the users to them."""
    account.step("People")
    for name, client in (("Alice", lab.modeller), (REVIEWER, lab.reviewer)):
        if client.persons.get(name) is None:
            mail = f"{name.lower()}@example.org"
            client.persons.create(
                display_name=name, first_name=name, last_name="Example", email=mail, ethics_approved=True
            )
        if client.access.linked_person() is None:
            client.access.link_person(name)
        person = client.persons.need(name)
        account.say(f"{name}: {person.id}, linked to the user {person.owner_username}")
        account.check(f"person of {person.owner_username}", person.id, client.access.linked_person())


def prepare(account: Account, lab: Lab) -> None:
    """Create the organisation, the study, the model and the templates, or find them."""
    account.step("A study, a model and templates")
    client = lab.modeller
    study = {"display_name": things.STUDY, "title": things.STUDY, "description": "How much coral is left?"}
    group = {"display_name": things.GROUP, "name": things.GROUP}
    templates = (
        things.dataset_template(things.FORCING_TEMPLATE, "temperature", "the temperature of each day"),
        things.dataset_template(things.RESULTS_TEMPLATE, "cover", "the coral cover of each day"),
    )
    wanted: list[tuple[Any, dict[str, Any]]] = [
        (client.organisations, group),
        (client.studies, study),
        *((client.dataset_templates, one) for one in templates),
    ]
    for service, data in wanted:
        if service.get(data["display_name"]) is None:
            service.create(**data)
        account.say(f"{service.subtype.noun} {data['display_name']!r}")
    if not models(client):
        wait(client, client.models.create(**things.model()).create_job_id)
    if client.workflow_templates.get(things.WORKFLOW) is None:
        client.workflow_templates.create(
            display_name=things.WORKFLOW,
            software_id=models(client)[0].id,
            input_templates=[{"template_id": client.dataset_templates.resolve(things.FORCING_TEMPLATE)}],
            output_templates=[{"template_id": client.dataset_templates.resolve(things.RESULTS_TEMPLATE)}],
            annotations={"required": ["scenario"]},
        )
    workflow = client.workflow_templates.need(things.WORKFLOW)
    account.say(f"workflow template {things.WORKFLOW!r} of the model {things.MODEL!r}")
    account.check("model of the workflow", models(client)[0].id, workflow.to_dict()["software_id"])
    columns = set(things.table("Alice")[0]) - {one.name for one in client.model_runs.template(workflow).columns}
    account.check("columns of the table that the workflow does not know", set(), columns)


def models(client: ProvenaClient) -> list[Any]:
    """The versions of the model, the oldest first: they have one name."""
    found = [one for one in client.models.list() if one.display_name == things.MODEL]
    return sorted(found, key=lambda one: one.versioning_info["version"])


def wait(client: ProvenaClient, job_id: str | None) -> None:
    """Wait until the graph knows of what was made."""
    if job_id is not None:
        client.jobs.wait(job_id, timeout=60)


def datasets(account: Account, lab: Lab) -> None:
    """Mint the datasets, or find them; send their files, and get them back."""
    account.step("Datasets and their files")
    client = lab.modeller
    group = client.organisations.resolve(things.GROUP)
    for name, description, files in (
        (things.FORCING, "Of each day", things.forcing()),
        (things.RESULTS, "What the model gives", things.results()),
    ):
        dataset = client.datasets.get(name)
        if dataset is None:
            dataset = client.datasets.mint(things.dataset(name, description, group))
            wait(client, dataset.create_job_id)
        back = travel(account, client, dataset, files)
        same = sorted(path for path, text in files.items() if back.get(path) == text)
        account.check(f"files of {name!r}, up and down", sorted(files), same)


def travel(account: Account, client: ProvenaClient, dataset: Any, files: dict[str, str]) -> dict[str, str]:
    """Send the files that a dataset does not have, and return what it has."""
    with tempfile.TemporaryDirectory() as folder:
        up, down = Path(folder, "up"), Path(folder, "down")
        up.mkdir()
        for path, text in files.items():
            (up / path).write_text(text, encoding="utf-8", newline="")
        there = {file.path for file in client.datasets.files(dataset)}
        if files.keys() - there:
            client.datasets.upload(dataset, up)
        account.say(f"{dataset.display_name}: {dataset.id}, {len(files.keys() - there)} of {len(files)} files sent")
        client.datasets.download(dataset, down)
        return {path.name: path.read_bytes().decode() for path in down.iterdir()}


def runs(account: Account, lab: Lab) -> None:
    """Register the runs of the table that are not there yet."""
    account.step("Model runs")
    client = lab.modeller
    there = {run.display_name for run in client.model_runs.list()}
    rows = [row for row in things.table("Alice") if row["display_name"] not in there]
    if rows:
        outcomes = client.model_runs.register_batch(rows, workflow_template=things.WORKFLOW)
        outcomes.raise_for_others()
    account.say(f"{len(rows)} registered, {len(there)} were there")
    names = sorted(row["display_name"] for row in things.table("Alice"))
    lodged = sorted(str(run.display_name) for run in client.model_runs.list() if run.record_status == "LODGED")
    account.check("model runs that the lineage knows", names, lodged)


def lineage(account: Account, lab: Lab) -> None:
    """Go from the results to the study, and from the study back to the results."""
    account.step("Lineage")
    client = lab.modeller
    origin = client.lineage.upstream(client.datasets.need(things.RESULTS))
    study, results = client.studies.need(things.STUDY), client.datasets.need(things.RESULTS)
    account.say(f"what the results came from: {len(origin)} items")
    account.check("runs behind the results", len(things.SCENARIOS), len(origin.find("MODEL_RUN")))
    account.check("the study behind the results", [study.id], [node.id for node in origin.find("STUDY")])
    account.check("the model behind the results", [models(client)[0].id], [node.id for node in origin.find("MODEL")])
    outcome = client.lineage.downstream(study)
    account.check("what came of the study", [results.id], [node.id for node in outcome.find("DATASET")])
    creation = origin.find("CREATE")
    account.say(f"also who created what: {len(creation)} notes, {len(origin.find('PERSON'))} person")
    account.check("the picture names the study", True, study.id in client.lineage.downstream(study).to_mermaid())


def version(account: Account, lab: Lab) -> None:
    """Make a next version of the model, once."""
    account.step("A new version")
    client = lab.modeller
    if len(models(client)) == 1:
        (old,) = models(client)
        with client.models.locked(old, "a version is made"):
            new = old.version("with storms")
        wait(client, new.version_job_id)
        new.update(reason="storms", description="Coral cover of one patch, with storms")
    old, new = models(client)
    account.say(f"version {new.versioning_info['version']}: {new.description}")
    account.check("versions of the model", [old.id, new.id], [one.id for one in new.versions()])
    origin = client.lineage.upstream(new)
    account.check(
        "the new version came from the old one", [old.id], [one.id for one in origin.find("MODEL") if one.id != new.id]
    )


def review(account: Account, lab: Lab) -> None:
    """Let the reviewer release the results, once."""
    account.step("Review")
    reviewer = lab.reviewer.persons.resolve(REVIEWER)
    lab.admin.releases.add_reviewer(reviewer)
    results = lab.modeller.datasets.need(things.RESULTS)
    if results.release_status == "NOT_RELEASED":
        lab.modeller.releases.request(results, reviewer, notes="please have a look")
        pending = lab.reviewer.registry.releases(reviewer, status="PENDING").all()
        account.check("what the reviewer has to do", [results.id], [one.id for one in pending])
        lab.reviewer.releases.approve(results, notes=REVIEWED)
    released = lab.modeller.datasets.need(things.RESULTS)
    account.say(f"{released.display_name}: {released.release_status}")
    account.check("state of the results", "RELEASED", released.release_status)
    account.check("notes of the reviewer", REVIEWED, released.release_history[-1]["notes"])
    account.check("left to review", [], lab.reviewer.registry.releases(reviewer, status="PENDING").all())


if __name__ == "__main__":
    sys.exit(main())
