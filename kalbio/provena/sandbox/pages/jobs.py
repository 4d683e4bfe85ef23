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
_SHOWN = "kind = 'job' and json_extract(body, '$.job.status') != 'ABSENT'"


def counts_by_status(store: Store) -> list[tuple[str, int]]:
    """How many jobs stand where, of the stages that there are jobs in."""
    sql = f"select json_extract(body, '$.job.status'), count(*) from document where {_SHOWN} group by 1"  # noqa: S608
    found = dict(store.rows(sql))
    return [(stage, found[stage]) for stage in STAGES if stage in found]


@pages.get(f"{PREFIX}/jobs")
def all_jobs(visit: Visit) -> Page:
    """All jobs, newest first, by where they stand, what they do and for whom."""
    store, query = visit.store, visit.query
    cast("Sandbox", visit.emulator).advance_jobs()
    chosen = {name: query.get(name) for name in ("status", "job_sub_type", "username", "batch_id")}
    where, values = _SHOWN, []
    for name, value in chosen.items():
        if value:
            where += f" and json_extract(body, '$.job.{name}') = ?"
            values.append(value)
    total = store.rows(f"select count(*) from document where {where}", *values)[0][0]  # noqa: S608
    part = paging(query, total)
    rows = store.rows(
        f"select json_extract(body, '$.job') from document where {where} order by seq desc limit ? offset ?",  # noqa: S608
        *values, part.size, part.offset,
    )  # fmt: skip
    context = {
        "jobs": [_row(json.loads(row[0])) for row in rows],
        "paging": part,
        "chosen": chosen,
        "choices": {name: _choices(store, name) for name in ("job_sub_type", "username")},
        "counts": counts_by_status(store),
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


def _choices(store: Store, name: str) -> list[str]:
    rows = store.rows(f"select distinct json_extract(body, '$.job.{name}') from document where {_SHOWN} order by 1")  # noqa: S608
    return [str(row[0]) for row in rows]
