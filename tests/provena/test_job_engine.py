"""The stand-in's jobs: their stages, their workers, and what users see of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from provena_api.api.job import job_jobs_admin_launch, job_jobs_user_fetch, job_jobs_user_list
from provena_api.models import AdminLaunchJobRequest, ListJobsRequest

from kalbio._core.emulator.refusals import Refusal
from kalbio._core.emulator.strict_json import Document
from kalbio._core.errors import NotFoundError, PermissionDeniedError
from kalbio.provena import OfflineFlow
from kalbio.provena.sandbox import Sandbox, jobs, links
from kalbio.provena.sandbox.store import Store
from tests.provena.conftest import Lab

WAKE_UP = ("REGISTRY", "REGISTRY_WAKE_UP")


def _launch(lab: Lab, kind: tuple[str, str] = WAKE_UP, payload: Any = None, **members: Any) -> str:
    body = {"job_type": kind[0], "job_sub_type": kind[1], "job_payload": payload or {}, **members}
    request = job_jobs_admin_launch.build_request(body=AdminLaunchJobRequest.from_dict(body))
    return str(lab(lab.api.call(request)).json()["session_id"])


def _fetch(lab: Lab, id: str, client: Any = None) -> Document:
    answer = lab((client or lab.api).call(job_jobs_user_fetch.build_request(session_id=id)))
    job: Document = answer.json()["job"]
    return job


def test_ends_at_once(lab: Lab) -> None:
    """A job has its result with the first look at it, when nobody says otherwise."""
    job = _fetch(lab, _launch(lab))
    assert (job["status"], job["info"], job["result"]) == ("SUCCEEDED", None, {})


def test_moved_by_hand(lab: Lab) -> None:
    """A job that is held goes through all its stages, one with each step, the first of which is not to be there."""
    lab.sandbox.hold_jobs()
    id = _launch(lab)
    with pytest.raises(NotFoundError, match="Item was not found"):
        _fetch(lab, id)
    seen = []
    for _ in range(5):
        lab.sandbox.step_jobs()
        job = _fetch(lab, id)
        seen.append((job["status"], (job["info"] or "-").split()[-1], job["result"]))
    assert seen == [
        ("PENDING", "-", None),
        ("DEQUEUED", "task.", None),
        ("IN_PROGRESS", "progress.", None),
        ("SUCCEEDED", "-", {}),
        ("SUCCEEDED", "-", {}),
    ]


def test_stages_take_their_time() -> None:
    """With a pace, a job is where it would be by the clock, however long nobody has looked."""
    now = [datetime(2026, 1, 1, tzinfo=UTC)]
    with Sandbox(clock=lambda: now[0]) as sandbox:
        sandbox.release_jobs(seconds_per_stage=10)
        id = jobs.launch(sandbox.store, "alice", "REGISTRY_WAKE_UP", {})
        seen = []
        for seconds in (9, 1, 15, 25):
            now[0] += timedelta(seconds=seconds)
            jobs.advance(sandbox.store)
            found = jobs.find(sandbox.store, id)
            seen.append(found and found["status"])
    assert seen == [None, "PENDING", "DEQUEUED", "SUCCEEDED"]


def test_failures(lab: Lab) -> None:
    """A job whose type is not that of its sub type fails, and its info says so."""
    job = _fetch(lab, _launch(lab, ("REGISTRY", "EMAIL_WAKE_UP")))
    assert (job["status"], job["result"]) == ("FAILED", None)
    assert job["info"].startswith("Callback function raised unhandled exception. Error: <JobSubType.EMAIL_WAKE_UP")


def test_emails(lab: Lab) -> None:
    """An e-mail is kept for the test to read."""
    email = {"email_to": "a@example.org", "subject": "s", "body": "b", "reason": "r"}
    _launch(lab, ("EMAIL", "SEND_EMAIL"), email)
    assert lab.sandbox.emails == [email]


def test_lists(lab: Lab) -> None:
    """The jobs of a user come newest first, page by page, and those of others not at all."""
    mine = [_launch(lab) for _ in range(5)]
    theirs = _launch(lab, username="alice")
    seen: list[str] = []
    key: Any = None
    while key is not None or not seen:
        body = ListJobsRequest.from_dict({"limit": 2, **({} if key is None else {"pagination_key": key})})
        page = lab(lab.api.call(job_jobs_user_list.build_request(body=body))).json()
        seen, key = seen + [job["session_id"] for job in page["jobs"]], page["pagination_key"]
    assert seen == mine[::-1]
    with pytest.raises(PermissionDeniedError, match="Not authorised to view this record"):
        _fetch(lab, theirs)
    alice = lab.connect(OfflineFlow(lab.config, "client-tools", lab.sandbox.offline_token("alice")))
    assert _fetch(lab, theirs, alice)["username"] == "alice"


def test_worker(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a worker returns is the result of its job; a failure undoes what it wrote; further jobs are carried out."""
    store: Store = lab.sandbox.store

    def work(store: Store, job: Document) -> Document:
        store.add("trace", {"id": job["session_id"]})
        if job["payload"].get("fails"):
            raise jobs.JobFailed("Job failed, err: as asked.")
        return {"next": jobs.launch(store, job["username"], "EMAIL_WAKE_UP", {})}

    monkeypatch.setitem(jobs._workers, "REGISTRY_WAKE_UP", work)
    failed = _fetch(lab, _launch(lab, payload={"fails": True}))
    assert (failed["status"], failed["info"]) == ("FAILED", "Job failed, err: as asked.")
    assert store.all("trace") == []
    done = _fetch(lab, _launch(lab))
    assert store.all("trace") == [{"id": done["session_id"]}]
    assert _fetch(lab, done["result"]["next"])["status"] == "SUCCEEDED"


def test_links(lab: Lab) -> None:
    """A user without a person is told to link one, and is found with one."""
    store: Store = lab.sandbox.store
    with pytest.raises(Refusal, match="you must link your User account to a Person"):
        links.require_person(store, "alice")
    lab.sandbox.link("alice", "10378.1/1")
    assert (links.require_person(store, "alice"), links.users_of(store, "10378.1/1")) == ("10378.1/1", ["alice"])
