"""Jobs: read, listed, launched, and waited for."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from kalbio._core.emulator.faults import Fault
from kalbio._core.emulator.strict_json import Document
from kalbio._core.errors import NotFoundError, PermissionDeniedError, ValidationError
from kalbio.provena import JobFailedError, JobTimeoutError, OfflineFlow
from kalbio.provena.sandbox import jobs
from tests.provena.conftest import Lab
from tests.rows import row

CHAIN = "REGISTER_CREATE_ACTIVITY"


@pytest.fixture
def chain(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers of which one launches the other, which fails when it is told to."""

    def register(store: Any, job: Document) -> Document:
        next_id = jobs.launch(store, job["username"], "LODGE_CREATE_ACTIVITY", job["payload"])
        return {"creation_activity_id": "10378.1/9", "lodge_session_id": next_id}

    def lodge(store: Any, job: Document) -> Document:
        if job["payload"].get("fails"):
            raise jobs.JobFailed("Job failed, err: as asked.")
        return {}

    monkeypatch.setitem(jobs._workers, CHAIN, register)
    monkeypatch.setitem(jobs._workers, "LODGE_CREATE_ACTIVITY", lodge)


def _launch(lab: Lab, sub_type: str = "REGISTRY_WAKE_UP", payload: Any = None, batch: str | None = None) -> str:
    return jobs.launch(lab.sandbox.store, "admin", sub_type, payload or {}, batch)


def _polls(lab: Lab) -> list[str]:
    return [name.removeprefix("jobJobsUser") for name in lab.asked if name.startswith("jobJobs")]


def test_waits_through_the_stages(lab: Lab) -> None:
    """A wait goes on from before a job is there until its end, and the function for its progress sees each state."""
    lab.sandbox.hold_jobs()
    id = _launch(lab)
    seen: list[Any] = []

    def step(job: Any) -> None:
        seen.append(job.status)
        lab.sandbox.step_jobs()

    job = lab(lab.api.jobs.job(id).wait(interval=0.001, progress=step))
    assert seen == [None, "PENDING", "DEQUEUED", "IN_PROGRESS", "SUCCEEDED"]
    assert (job.id, job.has_ended, job.failure, job.result, job.username) == (id, True, None, {}, "admin")


@pytest.mark.usefixtures("chain")
def test_follows_what_a_job_led_to(lab: Lab) -> None:
    """A wait ends when the job that was launched at the end of the first one has ended too, unless told otherwise."""
    job = lab(lab.api.jobs.wait(_launch(lab, CHAIN)))
    assert job.result["creation_activity_id"] == "10378.1/9"
    assert [(one.job_sub_type, one.status) for one in job.chained] == [("LODGE_CREATE_ACTIVITY", "SUCCEEDED")]
    assert lab(lab.api.jobs.wait(_launch(lab, CHAIN), follow=False)).chained == []


@pytest.mark.usefixtures("chain")
def test_looks_get_rarer(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses between looks grow up to five seconds, and begin anew with what a job led to; an interval is kept."""
    pauses: list[float] = []

    async def later(seconds: float) -> None:
        pauses.append(round(seconds, 2))

    monkeypatch.setattr("kalbio.provena._job.sleep", lambda seconds: pauses.append(round(seconds, 2)))
    monkeypatch.setattr("kalbio.provena.aio._job.sleep", later)

    def step(job: Any) -> None:
        if len(pauses) in (9, 10, 11, 12):
            lab.sandbox.step_jobs()
        if len(pauses) == 15:
            lab.sandbox.release_jobs()

    lab.sandbox.hold_jobs()
    lab(lab.api.jobs.job(_launch(lab, CHAIN)).wait(progress=step))
    assert pauses[:10] == [0.25, 0.38, 0.56, 0.84, 1.27, 1.9, 2.85, 4.27, 5.0, 5.0]
    assert pauses[13:] == [0.25, 0.38, 0.56]
    pauses.clear()
    lab.sandbox.hold_jobs()
    lab(lab.api.jobs.job(_launch(lab)).wait(interval=2, progress=lambda job: lab.sandbox.step_jobs()))
    assert set(pauses) == {2.0}


@pytest.mark.usefixtures("chain")
def test_failures(lab: Lab) -> None:
    """A failure of the job, or of one that it led to, is an error that has it and what the server says."""
    for sub_type in (CHAIN, "LODGE_CREATE_ACTIVITY"):
        with row(sub_type):
            job = lab.api.jobs.job(_launch(lab, sub_type, {"fails": True}))
            with pytest.raises(
                JobFailedError, match=r"the job LODGE_CREATE_ACTIVITY .* failed: Job failed, err: as asked"
            ) as told:
                lab(job.wait())
            assert told.value.outcome is job
            assert told.value.job.payload == {"fails": True}


def test_lost_looks(lab: Lab) -> None:
    """Looks that fail on the way, and tokens that end meanwhile, do not end a wait."""
    lab.sandbox.hold_jobs()
    id = _launch(lab)
    for fault in (
        Fault(reset=True, times=3),
        Fault(status=503, times=3),
        Fault(expire_tokens=True),
        Fault(status=200, body=b"<html>", times=4),
    ):
        lab.sandbox.faults.add(fault)
    job = lab(lab.api.jobs.job(id).wait(interval=0.001, progress=lambda _: lab.sandbox.step_jobs()))
    assert job.status == "SUCCEEDED"


def test_time_is_over(lab: Lab) -> None:
    """A job that stays where it is, is not there, or cannot be looked at, ends the wait at its deadline."""
    lab.sandbox.hold_jobs()
    stuck = _launch(lab)
    lab.sandbox.step_jobs()
    cases = {
        "stuck": (stuck, None, "the job REGISTRY_WAKE_UP .* is PENDING after 0.01 s"),
        "not there": (_launch(lab), None, "the job .* is not there after 0.01 s"),
        "out of reach": (stuck, Fault(refuse=True, rate=1), "the last look failed: .*connection refused"),
    }  # fmt: skip
    for name, (id, fault, text) in cases.items():
        with row(name):
            if fault is not None:
                lab.sandbox.faults.add(fault)
            with pytest.raises(JobTimeoutError, match=text) as told:
                lab(lab.api.jobs.job(id).wait(0.01, interval=0.001))
            assert told.value.outcome.id == id


def test_does_not_show_up(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """A job or a batch that does not appear for long is not waited for until the end."""
    for module in ("kalbio.provena._job", "kalbio.provena.aio._job"):
        monkeypatch.setattr(f"{module}.APPEARS_WITHIN", 0.002)
        monkeypatch.setattr(f"{module}.KNOWN_WITHIN", 0.001)
    id = "0a1b2c3d-0000-4000-8000-000000000001"
    with pytest.raises(JobTimeoutError, match=rf"there is no job '{id}': it has not shown up within 0\.001 s"):
        lab(lab.api.jobs.wait(id, interval=0.003))
    with pytest.raises(JobTimeoutError, match="there is no batch 'nowhere'"):
        lab(lab.api.jobs.wait_batch("nowhere", 3, interval=0.003))


def test_what_is_no_id_of_a_job_is_not_waited_for(lab: Lab) -> None:
    """The server says at once that there is none, and none can come."""
    for call, given in ((lab.api.jobs.wait, "nope"), (lab.api.jobs.wait_all, ["nope", "neither"])):
        lab.transport.exchanges.clear()
        with pytest.raises(NotFoundError) as caught:
            lab(call(given))
        assert "there is no job 'nope'" in caught.value.__notes__[0]
        assert lab.asked == ["jobJobsUserFetch"]


def test_many(lab: Lab) -> None:
    """A hundred jobs are looked at with a handful of requests at a time, and given in their order."""
    lab.sandbox.hold_jobs()
    ids = [_launch(lab) for _ in range(100)]
    lab.sandbox.step_jobs()
    rounds: list[tuple[int, int]] = []
    requests: list[int] = []

    def step(done: int, total: int) -> None:
        rounds.append((done, total))
        requests.append(len(_polls(lab)))
        lab.sandbox.step_jobs()

    ended = lab(lab.api.jobs.wait_all([*ids[::-1], ids[0]], interval=0.001, progress=step))
    assert [job.id for job in ended] == [*ids[::-1], ids[0]]
    assert rounds == [(0, 100), (0, 100), (0, 100), (100, 100)]
    assert requests == [1, 2, 3, 4]


def test_many_behind_others(lab: Lab) -> None:
    """Jobs that are older than what the lists show are found too, with five requests at a time at most."""
    ids = [_launch(lab) for _ in range(30)]
    for _ in range(600):
        _launch(lab)
    before = 0

    def check(done: int, total: int) -> None:
        nonlocal before
        now = len(_polls(lab))
        assert now - before <= 5
        before = now

    ended = lab(lab.api.jobs.wait_all(ids, interval=0.001, progress=check))
    assert {job.status for job in ended} == {"SUCCEEDED"}


@pytest.mark.usefixtures("chain")
def test_failures_among_many(lab: Lab) -> None:
    """One failure among many is told when all have ended, with all of them, or is left to the caller."""
    ids = [_launch(lab, CHAIN, {"fails": place == 2}) for place in range(6)]
    with pytest.raises(JobFailedError, match=r"1 of 6 jobs failed; the first one: the job LODGE_.* failed") as told:
        lab(lab.api.jobs.wait_all(ids))
    assert [job.id for job in told.value.outcome] == ids
    kept = lab(lab.api.jobs.wait_all(ids, on_failure="return"))
    assert [job.failure is None for job in kept] == [True, True, False, True, True, True]


def test_batch(lab: Lab) -> None:
    """A batch is waited for until it has all its jobs, which may come one after another."""
    lab.sandbox.hold_jobs()

    def step(done: int, total: int) -> None:
        if len(counts) < 3:
            _launch(lab, batch="b")
        counts.append((done, total))
        lab.sandbox.step_jobs()

    counts: list[tuple[int, int]] = []
    ended = lab(lab.api.jobs.wait_batch("b", 3, interval=0.001, progress=step))
    assert [job.batch_id for job in ended] == ["b"] * 3
    assert (counts[0], counts[-1]) == ((0, 3), (3, 3))
    assert [job.id for job in lab.items(lab.api.jobs.list_batch("b"))] == [job.id for job in ended[::-1]]
    assert lab.items(lab.api.jobs.list_batch("nowhere")) == []


def test_lists(lab: Lab) -> None:
    """A list gives what was asked for and not more, page by page."""
    ids = [_launch(lab) for _ in range(7)][::-1]
    assert [job.id for job in lab.items(lab.api.jobs.list(page_size=2))] == ids
    before = len(_polls(lab))
    assert [job.id for job in lab.items(lab.api.jobs.list(limit=3, page_size=2))] == ids[:3]
    assert len(_polls(lab)) - before == 2
    assert lab.items(lab.api.jobs.list(limit=0)) == []
    assert [job.id for job in lab(lab.api.jobs.list().all())] == ids


def test_get(lab: Lab) -> None:
    """A job that is not there is None, and one of somebody else is refused without another login."""
    assert lab(lab.api.jobs.get("nowhere")) is None
    job = lab(lab.api.jobs.get(_launch(lab)))
    assert (job.job_type, job.job_sub_type, job.batch_id) == ("REGISTRY", "REGISTRY_WAKE_UP", None)
    assert job.created_at.tzinfo is not None
    alice = lab.connect(OfflineFlow(lab.config, "client-tools", lab.sandbox.offline_token("alice")))
    for call in (alice.jobs.get, alice.jobs.wait):
        with pytest.raises(PermissionDeniedError, match="Not authorised to view this record"):
            lab(call(job.id))


def test_admin(lab: Lab) -> None:
    """An administrator launches jobs for others, in batches too, and waits for them."""
    admin = lab.api.jobs.admin
    first = lab(admin.launch("REGISTRY_WAKE_UP", username="alice", new_batch=True))
    second = lab(admin.launch("REGISTRY_WAKE_UP", {"reason": "a test"}, username="alice", batch_id=first.batch_id))
    assert second.batch_id == first.batch_id
    assert lab(second.wait()).payload == {"reason": "a test"}
    assert [job.status for job in lab(admin.wait_batch(first.batch_id, 2))] == ["SUCCEEDED"] * 2
    lab(admin.launch("EMAIL_WAKE_UP"))
    listed = lab.items(admin.list(username="alice"))
    assert [job.id for job in listed] == [second.id, first.id]
    assert {job.username for job in lab(admin.wait_all(job.id for job in listed))} == {"alice"}
    assert len(lab.items(admin.list())) == 3
    with pytest.raises(ValidationError, match="email_to"):
        lab(admin.launch("SEND_EMAIL"))
    assert json.loads(lab.transport.exchanges[-1].body)["job_type"] == "EMAIL"


def test_refused_before_anything_is_sent(lab: Lab) -> None:
    """What cannot be meant is refused without a request."""
    api = lab.api.jobs
    cases: dict[str, tuple[Any, type[Exception], str]] = {
        "no id": (lambda: api.get(" "), ValueError, "session_id must be text"),
        "a number": (lambda: api.wait(7), ValueError, "session_id must be text.*7"),
        "one for many": (lambda: api.wait_all("one"), TypeError, "several of them"),
        "interval": (lambda: api.wait("x", interval=0), ValueError, "interval must be above 0"),
        "timeout": (lambda: api.wait_all(["x"], timeout=-1), ValueError, "timeout at least 0"),
        "outcome": (lambda: api.wait_all(["x"], on_failure="ignore"), ValueError, "one of raise, return"),
        "count": (lambda: api.wait_batch("b", 0), ValueError, "count must be a whole number"),
        "page": (lambda: api.list(page_size=0), ValueError, "page_size"),
        "limit": (lambda: api.list_batch("b", limit=-1), ValueError, "limit"),
        "sub type": (lambda: api.admin.launch("REGISTRY_WAKEUP"), ValueError, "Did you mean .*REGISTRY_WAKE_UP"),
        "batches": (lambda: api.admin.launch("SEND_EMAIL", batch_id="b", new_batch=True), ValueError, "one batch"),
        "payload": (lambda: api.admin.launch("SEND_EMAIL", [1]), ValueError, "payload must be a dict"),
    }
    for name, (call, kind, text) in cases.items():
        with row(name), pytest.raises(kind, match=text):
            lab(call())
    assert lab.asked == []


def test_other_tasks_go_on() -> None:
    """While a job is waited for, the event loop is free: another task of it moves the job."""
    from kalbio.provena.testing import InProcess

    async def run() -> str | None:
        async with InProcess() as other:
            other.sandbox.hold_jobs()
            job = await other.async_client.jobs.admin.launch("REGISTRY_WAKE_UP")

            async def move() -> None:
                while not job.has_ended:
                    await asyncio.sleep(0)
                    other.sandbox.step_jobs()

            await asyncio.gather(job.wait(interval=0.001), move())
            return str(job.status)

    assert asyncio.run(run()) == "SUCCEEDED"
