"""The job service: users see their jobs, administrators see all, and launch them."""

from __future__ import annotations

from kalbio._core.emulator.calls import Answer
from kalbio._core.emulator.refusals import Code, Problem, Refusal
from kalbio._core.emulator.strict_json import Document
from kalbio.provena.sandbox import jobs
from kalbio.provena.sandbox.errors import UNCAUGHT
from kalbio.provena.sandbox.store import JOBS_READ, JOBS_WRITE, Call, Routes, page_size

routes = Routes()

_LIMIT = 10
_QUERY = "Unexpected internal error occurred: Failed to query from the job status table, err: "
_PAYLOADS = {"SEND_EMAIL": "EmailSendEmailPayload"}
"""What the servers call the payload of a job, where that was seen."""
_NEEDS: dict[str, tuple[str, ...]] = {
    "SEND_EMAIL": ("email_to", "subject", "body", "reason"),
    "REGISTER_CREATE_ACTIVITY": ("created_item_id", "created_item_subtype", "linked_person_id"),
    "REGISTER_VERSION_ACTIVITY": (
        "reason", "version_number", "from_version_id", "to_version_id", "linked_person_id", "item_subtype",
    ),
    "LODGE_CREATE_ACTIVITY": ("created_item_id", "creation_activity_id", "linked_person_id", "created_item_subtype"),
    "LODGE_VERSION_ACTIVITY": (
        "from_version_id", "to_version_id", "version_activity_id", "linked_person_id", "item_subtype",
    ),
    "MODEL_RUN_PROV_LODGE": ("record",),
    "MODEL_RUN_BATCH_SUBMIT": ("records",),
    "MODEL_RUN_LODGE_ONLY": ("model_run_record_id", "record"),
    "MODEL_RUN_UPDATE": ("model_run_record_id", "updated_record", "reason"),
    "MODEL_RUN_UPDATE_LODGE_ONLY": ("model_run_record_id", "record"),
    "GENERATE_REPORT": ("id", "item_subtype", "depth"),
}  # fmt: skip
"""What the worker of a job takes from its payload."""


def _found(call: Call) -> Document:
    id = call.query["session_id"]
    if not id:
        raise Refusal(
            500,
            "Unexpected internal error occurred: Failed to read from the job status table, err: An error occurred "
            "(ValidationException) when calling the GetItem operation: One or more parameter values are not valid. "
            "The AttributeValue for a key attribute cannot contain an empty string value. Key: session_id.",
        )
    job = jobs.find(call.store, id)
    if job is None:
        raise Refusal(400, "Item was not found.")
    return job


@routes.operation("jobJobsUserFetch")
def fetch(call: Call) -> Document:
    """A job of the caller."""
    job = _found(call)
    if job["username"] != call.caller.username:
        raise Refusal(401, "Not authorised to view this record.")
    return {"job": job}


@routes.operation("jobJobsAdminFetch", JOBS_READ)
def fetch_any(call: Call) -> Document:
    """A job of anybody."""
    return {"job": _found(call)}


@routes.operation("jobJobsUserList")
def list_own(call: Call) -> Document:
    """One page of the jobs of the caller."""
    return _page(call, "username", call.caller.username)


@routes.operation("jobJobsAdminList", JOBS_READ)
def list_all(call: Call) -> Document:
    """One page of all jobs, or of those of a user."""
    username = call.body.get("username_filter")
    return _page(call, "gsi_status", "ok") if username is None else _page(call, "username", username)


@routes.operation("jobJobsUserListBatch")
def list_own_batch(call: Call) -> Document:
    """One page of a batch of the caller."""
    page = _page(call, "batch_id", call.body["batch_id"])
    if any(job["username"] != call.caller.username for job in page["jobs"]):
        raise Refusal(401, "Not authorised to view this record.")
    return page


@routes.operation("jobJobsAdminListBatch", JOBS_READ)
def list_batch(call: Call) -> Document | Answer:
    """One page of a batch. To filter it by a user fails, as on the servers, once there is something to filter."""
    page = _page(call, "batch_id", call.body["batch_id"])
    return UNCAUGHT if page["jobs"] and call.body.get("username_filter") is not None else page


def _page(call: Call, member: str, value: str) -> Document:
    limit, key = page_size(call.body.get("limit", _LIMIT)), call.body.get("pagination_key")
    if limit < 1:
        text = f"Invalid value for parameter Limit, value: {limit}, valid min value: 1."
        raise Refusal(500, f"{_QUERY}Parameter validation failed:\n{text}")
    after = None if key is None else key.get("session_id")
    if key is not None and (not isinstance(after, str) or jobs.find(call.store, after) is None):
        raise Refusal(500, f"{_QUERY}An error occurred (500) when calling the Query operation")
    found = jobs.newest(call.store, member, value, after=after, limit=limit + 1)
    cut = found[:limit]
    names = ("session_id", member, "created_timestamp")
    more = len(found) > limit
    return {"jobs": cut, "pagination_key": {name: cut[-1][name] for name in names} if more else None}


@routes.operation("jobJobsAdminLaunch", JOBS_READ, JOBS_WRITE)
def launch(call: Call) -> Document:
    """A new job for anybody, alone, in a new batch, or in one that there is."""
    body, sub_type = call.body, call.body["job_sub_type"]
    batch_id = body.get("add_to_batch")
    if body.get("request_batch_id"):
        if batch_id is not None:
            text = "Cannot specify both a new batch and an existing batch id."
            problem = Problem(("body", "__root__"), text, "value_error")
            raise Refusal(422, text, code=Code.INVALID_BODY, problems=(problem,))
        batch_id = call.store.new_id()
    missing = [name for name in _NEEDS.get(sub_type, ()) if name not in body["job_payload"]]
    if missing:
        text = "".join(f"\n{name}\n  field required (type=value_error.missing)" for name in missing)
        told = f"{len(missing)} validation errors for {_PAYLOADS.get(sub_type, sub_type)}{text}."
        raise Refusal(400, f"Invalid payload supplied: Failed to parse the payload as specified job type. Err: {told}")
    username = body.get("username") or call.caller.username
    session_id = jobs.launch(
        call.store, username, sub_type, body["job_payload"], batch_id, job_type=body["job_type"]
    )  # fmt: skip
    return {"session_id": session_id, "batch_id": batch_id}


@routes.operation("jobJobsUserRetry")
def retry(call: Call) -> Document:
    """Refused, as by the servers."""
    raise Refusal(400, "Not yet implemented")


@routes.operation("jobJobsAdminRetry", JOBS_READ, JOBS_WRITE)
def retry_any(call: Call) -> Document:
    """Refused, as by the servers."""
    raise Refusal(400, "Not yet implemented")
