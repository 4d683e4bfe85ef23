"""The graph made anew from items of the registry, with a job for each item that says something about lineage."""

from __future__ import annotations

from kalbio._core.emulator.strict_json import Document
from kalbio.provena.sandbox import links
from kalbio.provena.sandbox.contract import find_violations
from kalbio.provena.sandbox.errors import failure, success
from kalbio.provena.sandbox.items import ITEM
from kalbio.provena.sandbox.jobs import launch
from kalbio.provena.sandbox.store import ADMIN, READ, WRITE, Call, Routes, Store

routes = Routes()

_SAYING = ("MODEL_RUN", "CREATE", "VERSION")


@routes.operation("registryAdminRestoreProvGraph", READ, WRITE, ADMIN)
def restore(call: Call) -> Document:
    """Lodge model runs, creations and versions again; nothing but a trial, unless the request says otherwise."""
    body, store = call.body, call.store
    is_trial, aborts = body.get("trial_mode", True), body.get("abort_if_failures", True)
    told: Document = {"trial_mode": is_trial, "abort_if_failures": aborts, "task_ids": []}
    wanted = [one["item_payload"] for one in body["items"]]
    jobs = [_job_of(store, item) for item in wanted if _says_something(item)]
    errors = sum(job is None for job in jobs)
    if is_trial:
        text = "Run again with trial mode set to false to actually perform restore."
        return {"status": success(f"TRIAL: {errors} errors in validation of provenance records. {text}"), **told}
    if errors and aborts:
        return {"status": failure(f"There were {errors} errors in validation of provenance records."), **told}
    ids = [launch(store, call.caller.username, *job) for job in jobs if job is not None]
    text = (
        f"Parsed the graph restore request with {errors} provenance validation errors, submitted {len(ids)} jobs for "
        "creating valid provenance records. Task IDs of the jobs provided in return payload."
    )
    return {"status": success(text), **told, "task_ids": ids}


def _says_something(item: Document) -> bool:
    return item.get("record_type") == "COMPLETE_ITEM" and item.get("item_subtype") in _SAYING


def _job_of(store: Store, item: Document) -> tuple[str, Document] | None:
    """The job that lodges an item, None where that is not possible: what it names is not there, or its owner nobody."""
    subtype = item["item_subtype"]
    if find_violations(subtype, item):
        return None
    if subtype == "MODEL_RUN":
        record = item["record"]
        if store.get(ITEM, item["id"]) is None or store.get(ITEM, record["workflow_template_id"]) is None:
            return None
        payload = {"model_run_record_id": item["id"], "record": record, "revalidate": False, "user_info": "sandbox"}
        return "MODEL_RUN_LODGE_ONLY", payload
    named = [item["created_item_id"]] if subtype == "CREATE" else [item["from_item_id"], item["to_item_id"]]
    found = [store.get(ITEM, id) for id in named]
    person = links.person_of(store, item["owner_username"])
    if person is None or None in found:
        return None
    about = found[-1] or {}
    if subtype == "CREATE":
        return "LODGE_CREATE_ACTIVITY", {
            "created_item_id": named[0],
            "creation_activity_id": item["id"],
            "linked_person_id": person,
            "created_item_subtype": about["item_subtype"],
        }
    return "LODGE_VERSION_ACTIVITY", {
        "from_version_id": named[0],
        "to_version_id": named[1],
        "version_activity_id": item["id"],
        "linked_person_id": person,
        "item_subtype": about["item_subtype"],
    }
