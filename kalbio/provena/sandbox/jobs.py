"""Jobs: what services leave to workers. They go from stage to stage, and end with a result or a failure."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field

from kalbio._core.emulator.clock import to_micros
from kalbio._core.emulator.refusals import Refusal
from kalbio._core.emulator.strict_json import Document
from kalbio.provena.sandbox.store import Store

KIND = "job"
_ABSENT, _WAITING = "ABSENT", "waiting"
_NEXT = {_ABSENT: "PENDING", "PENDING": "DEQUEUED", "DEQUEUED": "IN_PROGRESS"}
_INFO = {
    "DEQUEUED": "Job removed from queue ready for processing by worker task.",
    "IN_PROGRESS": "Job has been dispatched to worker callback and is in progress.",
}
_SUB_TYPES = {
    "PROV_LODGE": (
        "PROV_LODGE_WAKE_UP",
        "MODEL_RUN_PROV_LODGE",
        "MODEL_RUN_LODGE_ONLY",
        "MODEL_RUN_BATCH_SUBMIT",
        "LODGE_CREATE_ACTIVITY",
        "LODGE_VERSION_ACTIVITY",
        "MODEL_RUN_UPDATE",
        "MODEL_RUN_UPDATE_LODGE_ONLY",
    ),
    "REGISTRY": ("REGISTRY_WAKE_UP", "REGISTER_CREATE_ACTIVITY", "REGISTER_VERSION_ACTIVITY"),
    "EMAIL": ("EMAIL_WAKE_UP", "SEND_EMAIL"),
    "REPORT": ("GENERATE_REPORT",),
}
TYPE_OF = {sub_type: job_type for job_type, sub_types in _SUB_TYPES.items() for sub_type in sub_types}
"""The type of each sub type."""


class JobFailed(Exception):
    """A worker cannot do its job; the text becomes the `info` of the job, as it is."""


@dataclass(frozen=True)
class Done:
    """The end of a job that went well, with an `info`, which most do not have."""

    result: Document = field(default_factory=dict)
    info: str | None = None


Worker = Callable[[Store, Document], Document | Done]
_workers: dict[str, Worker] = {}


def worker(sub_type: str) -> Callable[[Worker], Worker]:
    """Register the function that does the jobs of a sub type.

    It gets the store and the job (`payload`, `username`, `batch_id`...), and returns the result of the job, or raises
    JobFailed. What it has written is undone then. It may launch further jobs.
    """

    def register(function: Worker) -> Worker:
        if sub_type not in TYPE_OF or sub_type in _workers:
            raise ValueError(f"{sub_type} is no sub type, or has its worker already")
        _workers[sub_type] = function
        return function

    return register


def launch(
    store: Store,
    username: str,
    sub_type: str,
    payload: Document,
    batch_id: str | None = None,
    *,
    job_type: str | None = None,
) -> str:
    """Launch a job for a user; gives its session id.

    It does not run here: jobs are carried out once the request that launched them has been answered, so whatever the
    handler writes after this call is there when the worker looks.
    """
    session_id = store.new_id()
    job: Document = {
        "session_id": session_id,
        "created_timestamp": store.seconds(),
        "username": username,
        "batch_id": batch_id,
        "payload": payload,
        "job_type": job_type or TYPE_OF[sub_type],
        "job_sub_type": sub_type,
        "gsi_status": "ok",
        "status": _ABSENT,
        "info": None,
        "result": None,
    }
    store.add(KIND, {"id": session_id, "due": _due(store), "job": job}, parent=_WAITING)
    return session_id


def find(store: Store, session_id: str) -> Document | None:
    """The row of a job; None while there is none, which is the case for a moment after the launch."""
    kept = store.get(KIND, session_id)
    return None if kept is None or kept["job"]["status"] == _ABSENT else kept["job"]


def newest(
    store: Store, member: str = "gsi_status", value: str = "ok", *, after: str | None = None, limit: int = -1
) -> list[Document]:
    """The rows of all jobs, or of those with a member, the newest first: so many at most, those after one of them."""
    conditions, values = "", []
    if after is not None:
        conditions, values = " and seq < (select seq from document where kind = 'job' and id = ?)", [after]
    rows = store.rows(
        "select json_extract(body, '$.job') from document indexed by job_seq "  # noqa: S608
        "where kind = 'job' and json_extract(body, '$.job.status') != ? "
        f"and json_extract(body, '$.job.' || ?) = ?{conditions} order by seq desc limit ?",
        *(_ABSENT, member, value, *values, limit),
    )
    return [json.loads(row[0]) for row in rows]


def advance(store: Store) -> None:
    """Take every job as far as it is due: to its end, when stages take no time."""
    while due := [one for one in store.all(KIND, _WAITING) if one["due"] is not None and one["due"] <= _now(store)]:
        for kept in due:
            _move(store, kept)


def step(store: Store) -> None:
    """Take every job that has not ended to its next stage."""
    for kept in store.all(KIND, _WAITING):
        _move(store, kept)


def hold(store: Store) -> None:
    """Keep every job where it is: only `step` moves it."""
    _set_pace(store, None)


def release(store: Store, seconds_per_stage: float = 0) -> None:
    """Let jobs run by themselves, at a pace."""
    _set_pace(store, seconds_per_stage)


def _set_pace(store: Store, pace: float | None) -> None:
    store.seconds_per_stage = pace
    for kept in store.all(KIND, _WAITING):
        store.put(KIND, {**kept, "due": _due(store)})


def _now(store: Store) -> float:
    return to_micros(store.clock.now()) / 1e6


def _due(store: Store) -> float | None:
    """When a job that enters a stage now leaves it; None for one that is moved by hand."""
    return None if store.seconds_per_stage is None else _now(store) + store.seconds_per_stage


def _move(store: Store, kept: Document) -> None:
    job: Document = kept["job"]
    stage = _NEXT.get(job["status"])
    if stage is not None:
        job = {**job, "status": stage, "info": _INFO.get(stage)}
        # From when it was due, not from now: nobody may have looked for long.
        due = _due(store) if kept["due"] is None else kept["due"] + (store.seconds_per_stage or 0)
        store.put(KIND, {**kept, "due": due, "job": job})
        return
    store.run("savepoint job")
    try:
        done = _work(store, job)
    except JobFailed as failed:
        store.run("rollback to job")
        job = {**job, "status": "FAILED", "info": str(failed)}
    else:
        job = {**job, "status": "SUCCEEDED", "info": done.info, "result": done.result}
    store.run("release job")
    store.put(KIND, {**kept, "due": None, "job": job})
    store.set_parent(KIND, kept["id"], None)


def _work(store: Store, job: Document) -> Done:
    sub_type = job["job_sub_type"]
    unhandled = "Callback function raised unhandled exception. Error: "
    if job["job_type"] != TYPE_OF[sub_type]:
        raise JobFailed(f"{unhandled}<JobSubType.{sub_type}: '{sub_type}'>.")
    function = _workers.get(sub_type)
    if function is None:
        raise JobFailed(f"{unhandled}the sandbox has no worker for {sub_type}.")
    try:
        done = function(store, job)
    except Refusal as refusal:
        raise JobFailed(f"{unhandled}{refusal.message}.") from refusal
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        # An administrator may launch a job with a payload of any form.
        raise JobFailed(f"{unhandled}{error!r}.") from error
    return done if isinstance(done, Done) else Done(done)


@worker("PROV_LODGE_WAKE_UP")
@worker("REGISTRY_WAKE_UP")
@worker("EMAIL_WAKE_UP")
def wake_up(store: Store, job: Document) -> Document:
    """Do nothing, as a worker that was only woken."""
    return {}


@worker("SEND_EMAIL")
def send_email(store: Store, job: Document) -> Document:
    """Keep an e-mail instead of sending it; `Sandbox.emails` gives them."""
    store.add("email", {"id": job["session_id"], **job["payload"]})
    return {}
