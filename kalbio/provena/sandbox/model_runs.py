"""Model runs: registered one by one or in batches, changed, linked to a study, taken out of the graph."""

from __future__ import annotations

from typing import Any

from kalbio._core.emulator.refusals import Refusal
from kalbio._core.emulator.strict_json import Document
from kalbio.provena.sandbox import graph, items, records
from kalbio.provena.sandbox.errors import not_found, success
from kalbio.provena.sandbox.forms import stripped
from kalbio.provena.sandbox.identity import User
from kalbio.provena.sandbox.items import ITEM
from kalbio.provena.sandbox.jobs import Done, JobFailed, launch, worker
from kalbio.provena.sandbox.store import ADMIN, READ, WRITE, Call, Routes, Store

routes = Routes()

_DISPATCHED = "Job dispatched, monitor session ID using the job API to see progress."
_UNHANDLED = "Callback function raised unhandled exception. Error: ."
_NOT_LODGED = "Job failed, err: An error occurred while lodging the provenance record. Error: .."
_USER = {"user_info": "sandbox"}


@routes.operation("provModelRunRegister", READ, WRITE)
def register(call: Call) -> Document:
    """Check a record, and launch the job that registers it. No person is needed for that."""
    records.require_well_formed([(("body",), call.body)])
    records.validate(call.store, call.caller, call.body)
    payload = {"record": stripped(call.body), "revalidate": False, **_USER}
    session_id = launch(call.store, call.caller.username, "MODEL_RUN_PROV_LODGE", payload)
    return {"status": success(_DISPATCHED), "session_id": session_id}


@routes.operation("provModelRunRegisterSync", READ, WRITE, ADMIN)
def register_now(call: Call) -> Document:
    """Register a record at once."""
    records.require_well_formed([(("body",), call.body)])
    template = records.validate(call.store, call.caller, call.body)
    made = records.register(call.store, call.body, template, call.caller.username)
    return {"status": success("Provenance record lodged successfully."), "record_info": made}


@routes.operation("provModelRunRegisterBatch", READ, WRITE)
def register_batch(call: Call) -> Document:
    """Launch the job that launches a job for each record. Whether they are right is looked at there."""
    given = call.body["records"]
    records.require_well_formed([(("body", "records", number), one) for number, one in enumerate(given)])
    payload = {"records": given, **_USER}
    session_id = launch(call.store, call.caller.username, "MODEL_RUN_BATCH_SUBMIT", payload)
    return {"status": success(_DISPATCHED), "session_id": session_id}


@routes.operation("provModelRunUpdate", READ, WRITE)
def update(call: Call) -> Document:
    """Check a record, and launch the job that changes a model run; who may do that is looked at there."""
    record = call.body["record"]
    records.require_well_formed([(("body", "record"), record)])
    records.validate(call.store, call.caller, record)
    payload = {
        "model_run_record_id": call.body["model_run_id"],
        "updated_record": record,
        "reason": call.body["reason"],
        "revalidate": True,
        **_USER,
    }
    return {"session_id": launch(call.store, call.caller.username, "MODEL_RUN_UPDATE", payload)}


@routes.operation("provModelRunEditLinkToStudy", READ, WRITE)
def link_to_study(call: Call) -> Document:
    """Name the study of a model run that has none."""
    store, run_id, study_id = call.store, call.query["model_run_id"], call.query["study_id"]
    run = _fetch(call, run_id, "MODEL_RUN")
    _fetch(call, study_id, "STUDY")
    linked = run["record"].get("study_id")
    if linked:
        text = f"already linked to a study. Study ID: {linked}. Cannot link to another study."
        raise Refusal(400, f"ModelRun {run_id} {text}")
    items.require_unlocked(store, run_id)
    if not items.may_write(store, call.caller, run):
        raise Refusal(401, f"You are not authorised to edit the item (id='{run_id}').")
    record = {**run["record"], "study_id": study_id}
    data = {**items.data_of(run), "record": record}
    username = call.caller.username
    items.update(store, run, data, username, f"Linking model run to study {study_id}.")
    payload = {"model_run_record_id": run_id, "record": record, "revalidate": False, **_USER}
    return {
        "status": success(
            "Succesfully linked model run and study together in the registry and lodged a job for the provenance "
            "graph update with given session ID."
        ),
        "model_run_id": run_id,
        "study_id": study_id,
        "session_id": launch(store, username, "MODEL_RUN_LODGE_ONLY", payload),
    }


def _fetch(call: Call, id: str, subtype: str) -> Document:
    try:
        return records.fetch(call.store, call.caller, id, subtype)
    except Refusal as refusal:
        if refusal.status == 401:
            raise
        raise Refusal(400, f"Item {id} failed validation: {refusal.message}") from None


@routes.operation("provModelRunDelete", READ, WRITE, ADMIN)
def delete(call: Call) -> Document:
    """Take what a model run says out of the graph; the registry keeps the item."""
    store, id = call.store, call.body["record_id"]
    if store.get(ITEM, id) is None:
        raise Refusal(
            400,
            "Exception: could not delete model run as error occurred when fetching the record from the registry: "
            f"Status code: 500, details: Response from registry API fetch for id {id} was parsed but had "
            f"success==False with details: {not_found(id)}.",
        )
    ask = graph.diff if call.body.get("trial_mode") else graph.lodge
    return {"diff": ask(store, id, graph.Graph())}


# for administrators


@routes.operation("provAdminStoreRecord", READ, WRITE, ADMIN)
def store_record(call: Call) -> Document:
    """Put what a model run says into the graph again."""
    _lodge_again(call, call.body)
    return {"status": success("Successfully re-lodged item.")}


@routes.operation("provAdminStoreRecords", READ, WRITE, ADMIN)
def store_records(call: Call) -> Document:
    """The same for several."""
    for run in call.body:
        _lodge_again(call, run)
    return {"status": success("Successfully re-lodged all of the provenance records.")}


@routes.operation("provAdminStoreAllRegistryRecords", READ, WRITE, ADMIN)
def store_all_records(call: Call) -> Document:
    """The same for all that the registry has."""
    runs = [run for run in call.store.all(ITEM, "MODEL_RUN") if run["record_type"] == "COMPLETE_ITEM"]
    for run in runs:
        _lodge_again(call, run)
    return {"status": success(f"Successfully re-lodged all {len(runs)} provenance records from the registry.")}


def _lodge_again(call: Call, run: Document) -> None:
    record = run["record"]
    if call.query.get("validate_record", True):
        records.validate(call.store, call.caller, record)
    records.lodge(call.store, run, call.store.need(ITEM, record["workflow_template_id"], 400))


# the jobs


@worker("MODEL_RUN_PROV_LODGE")
def _register(store: Store, job: Document) -> Document:
    record = job["payload"]["record"]
    template = _validated(store, job, record)
    return {"record": records.register(store, record, template, job["username"])}


@worker("MODEL_RUN_BATCH_SUBMIT")
def _register_each(store: Store, job: Document) -> Done:
    given, batch_id = job["payload"]["records"], store.new_id()
    if not given:
        raise JobFailed(_UNHANDLED)
    for record in given:
        payload = {"record": record, "revalidate": True, **_USER}
        launch(store, job["username"], "MODEL_RUN_PROV_LODGE", payload, batch_id)
    return Done({"batch_id": batch_id}, "Successfully distributed batch jobs to queue.")


@worker("MODEL_RUN_UPDATE")
def _update(store: Store, job: Document) -> Document:
    payload, user = job["payload"], user_of(store, job)
    id, record = payload["model_run_record_id"], payload["updated_record"]
    run = store.get(ITEM, id)
    is_run = run is not None and run["item_subtype"] == "MODEL_RUN" and run["record_type"] == "COMPLETE_ITEM"
    if run is None or not is_run or not items.may_write(store, user, run) or items.lock(store, id)["locked"]:
        raise JobFailed(_NOT_LODGED)
    template = _validated(store, job, record)
    return {"record": records.change(store, run, record, template, user.username, payload["reason"])}


@worker("MODEL_RUN_LODGE_ONLY")
@worker("MODEL_RUN_UPDATE_LODGE_ONLY")
def _lodge(store: Store, job: Document) -> Document:
    run = store.need(ITEM, job["payload"]["model_run_record_id"])
    return {"record": records.lodge(store, run, store.need(ITEM, run["record"]["workflow_template_id"]))}


def _validated(store: Store, job: Document, record: Document) -> Document:
    try:
        return records.validate(store, user_of(store, job), record)
    except Refusal as refusal:
        raise JobFailed(f"{refusal.message}.") from refusal


def user_of(store: Store, job: Document) -> User:
    """Whose a job is, with what they may do."""
    username = job["username"]  # of a job that an administrator has launched, that of anybody
    known: Any = store.get("user", username) or {"roles": (), "email": ""}
    return User(username, frozenset(known["roles"]), known["email"])
