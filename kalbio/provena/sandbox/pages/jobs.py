"""Jobs, with where they stand."""

from __future__ import annotations

import json
from typing import Any, cast

from kalbio._core.emulator.pages import PREFIX
from kalbio._core.emulator.pages.visits import Page, paging
from kalbio._core.emulator.refusals import Refusal
from kalbio.provena.sandbox import jobs
from kalbio.provena.sandbox.app import Sandbox
from kalbio.provena.sandbox.pages.visits import Pages, Values, Visit, job_path, micros
from kalbio.provena.sandbox.store import Store

pages = Pages()

STAGES = ("PENDING", "DEQUEUED", "IN_PROGRESS", "SUCCEEDED", "FAILED")
_COUNTED = ("status", "job_sub_type", "username")
_SHOWN = "kind = 'job' and json_extract(body, '$.job.status') != 'ABSENT'"


def counts_by_status(store: Store) -> list[tuple[str, int]]:
    """How many jobs stand where, of the stages that there are jobs in."""
    return _by_status(_counts(store))


def _counts(store: Store) -> dict[tuple[str, str, str], int]:
    """How many jobs there are, by status, sub type and user, in one pass."""
    rows = store.rows(
        "select json_extract(body, '$.job.status'), json_extract(body, '$.job.job_sub_type'),"  # noqa: S608
        f" json_extract(body, '$.job.username'), count(*) from document where {_SHOWN} group by 1, 2, 3"
    )
    return {(status, sub_type, username): number for status, sub_type, username, number in rows}


def _by_status(counts: dict[tuple[str, str, str], int]) -> list[tuple[str, int]]:
    found = {stage: sum(number for key, number in counts.items() if key[0] == stage) for stage in STAGES}
    return [(stage, number) for stage, number in found.items() if number]


@pages.get(f"{PREFIX}/jobs")
def all_jobs(visit: Visit) -> Page:
    """All jobs, newest first, by where they stand, what they do and for whom."""
    store, query = visit.store, visit.query
    cast("Sandbox", visit.emulator).advance_jobs()
    counts = _counts(store)
    chosen = {name: query.get(name) for name in (*_COUNTED, "batch_id")}
    where, values = _SHOWN, []
    for name, value in chosen.items():
        if value:
            where += f" and json_extract(body, '$.job.{name}') = ?"
            values.append(value)
    wanted = [chosen[name] for name in _COUNTED]
    total = sum(
        number for key, number in counts.items()
        if all(value in ("", one) for value, one in zip(wanted, key, strict=True))
    )  # fmt: skip
    if chosen["batch_id"]:
        total = store.rows(f"select count(*) from document where {where}", *values)[0][0]  # noqa: S608
    part = paging(query, total)
    rows = store.rows(
        f"select json_extract(body, '$.job') from document indexed by job_seq where {where}"  # noqa: S608
        " order by seq desc limit ? offset ?",
        *values, part.size, part.offset,
    )  # fmt: skip
    context = {
        "jobs": [_row(json.loads(row[0])) for row in rows],
        "paging": part,
        "chosen": chosen,
        "choices": {
            name: sorted({key[position] for key in counts})
            for position, name in enumerate(_COUNTED)
            if name != "status"
        },
        "counts": _by_status(counts),
    }
    return Page("jobs.html", "Jobs", context)


@pages.get(f"{PREFIX}/jobs/{{id}}")
def job(visit: Visit) -> Page:
    """One job: what it was given, and what came of it."""
    cast("Sandbox", visit.emulator).advance_jobs()
    found = jobs.find(visit.store, visit.path["id"])
    if found is None:
        raise Refusal(404, "There is no such job.")
    values = Values(visit.store, found)
    context = {
        "job": _row(found),
        "stages": STAGES[:3],
        "reached": STAGES.index(found["status"]) if found["status"] in STAGES else -1,
        "payload": values.show(found["payload"]),
        "result": values.show(found["result"]),
        "info": values.show(found["info"]),
    }
    title = found["job_sub_type"].replace("_", " ").capitalize()
    return Page("job.html", title, context, (("Jobs", f"{PREFIX}/jobs"),))


def _row(job: dict[str, Any]) -> dict[str, Any]:
    return {**job, "path": job_path(job["session_id"]), "created": micros(job["created_timestamp"])}
