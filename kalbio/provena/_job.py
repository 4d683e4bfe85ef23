# Derived from kalbio/provena/aio/_job.py by scripts/regenerate; edit that file. (digest f30beed5ac1e)
"""Jobs, and waiting for them: how they are looked at, how often, and what follows from what is seen."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Self

from provena_api.api.job import (
    job_jobs_admin_fetch,
    job_jobs_admin_list,
    job_jobs_admin_list_batch,
    job_jobs_user_fetch,
    job_jobs_user_list,
    job_jobs_user_list_batch,
)
from provena_api.models import AdminListByBatchRequest, AdminListJobsRequest, ListByBatchRequest, ListJobsRequest

from kalbio._bars import told_of
from kalbio._core.errors import NotFoundError, RateLimitError, ResponseError, SDKError, ServerError, TransportError
from kalbio._core.http.responses import as_object, unusable
from kalbio._core.objects.checks import require_flag
from kalbio._core.objects.resource import Resource, anything, number, text
from kalbio._core.objects.uuids import UUID_TEXT
from kalbio._core.sync.concurrency import sleep
from kalbio._core.sync.waiting import check_times
from kalbio._core.text.display import printable, safe_repr
from kalbio.provena._model.answers import PageKeys, page_of
from kalbio.provena._model.items import moment
from kalbio.provena._model.jobs import ENDED, JobFailedError, JobTimeoutError, leads_to
from kalbio.provena._service import Client, require_progress

if TYPE_CHECKING:
    from kalbio._core.http.httpx_names import Response
else:
    Response = Any  # for those who resolve annotations: the HTTP library is loaded with the first request

TIMEOUT = 600.0
PAGE = 100
APPEARS_WITHIN = 60.0
"""How long a job that was launched may not be there at all."""
KNOWN_WITHIN = 10.0
"""The same for one that is known by its id alone: it may have been launched a moment ago, or there is no such job."""

_FIRST_PAUSE, _GROWTH, _LONGEST_PAUSE = 0.25, 1.5, 5.0
_LAST_LOOK = 2.0  # how long a look may take at least, although the time is nearly over
_REQUESTS = 5  # of one look at many
_LOST = (TransportError, ServerError, RateLimitError, ResponseError)


class Operations(NamedTuple):
    """How jobs are looked at by somebody."""

    fetch: Callable[..., dict[str, Any]]
    list: Callable[..., dict[str, Any]]
    list_body: Any
    list_batch: Callable[..., dict[str, Any]]
    batch_body: Any


OWN = Operations(
    job_jobs_user_fetch.build_request,
    job_jobs_user_list.build_request,
    ListJobsRequest,
    job_jobs_user_list_batch.build_request,
    ListByBatchRequest,
)
ANY = Operations(
    job_jobs_admin_fetch.build_request,
    job_jobs_admin_list.build_request,
    AdminListJobsRequest,
    job_jobs_admin_list_batch.build_request,
    AdminListByBatchRequest,
)


class Job(Resource):
    """Work that the servers do in the background: it is launched, has a status, and ends with a result or a failure.

    Attributes:
        chained: the jobs that it led to, as far as they were waited for.
    """

    __slots__ = ("_appears_within", "chained")
    _client: Client | None
    _operations: ClassVar[Operations] = OWN
    _columns = ("job_sub_type", "status", "info", "created_timestamp")

    def __init__(self, raw: dict[str, Any] | None = None, client: Client | None = None, /, **members: Any) -> None:
        super().__init__(raw, client, **members)
        self.chained: list[Job] = []
        self._appears_within = APPEARS_WITHIN

    @classmethod
    def of_id(cls, session_id: str, client: Client) -> Self:
        """Return a job that is known by its id alone."""
        made = cls({"session_id": session_id}, client)
        made._appears_within = KNOWN_WITHIN
        return made

    session_id = text("Its id.")
    status = text("PENDING, DEQUEUED, IN_PROGRESS, SUCCEEDED or FAILED; None while it has not been seen.")
    info = text("What the server says about its state: why it failed, as a rule.")
    result = anything("What came out of it; None before its end.")
    payload = anything("What it was launched with.")
    job_type = text("PROV_LODGE, REGISTRY, EMAIL or REPORT.")
    job_sub_type = text("What it does.")
    username = text("Whose it is.")
    batch_id = text("The batch that it belongs to; None when it belongs to none.")
    created_timestamp = number("When it was launched, in seconds since 1970.")

    @property
    def id(self) -> str:
        """Its session id."""
        return self.session_id or ""

    @property
    def created_at(self) -> datetime | None:
        """When it was launched."""
        return moment(self.created_timestamp)

    @property
    def has_ended(self) -> bool:
        """Whether it has succeeded or failed."""
        return self.status in ENDED

    @property
    def has_failed(self) -> bool:
        """Whether it has failed."""
        return self.status == "FAILED"

    @property
    def failure(self) -> Job | None:
        """The job that failed, itself or one that it led to; None when none did."""
        return next((job for job in (self, *self.chained) if job.has_failed), None)

    def refetch(self) -> Job:
        """Read its state once more.

        Raises:
            NotFoundError: it is not there, perhaps not yet.

        Example:
            >>> (job.refetch()).status
            'IN_PROGRESS'
        """
        client = self._require_client()
        response = client.session.call(self._operations.fetch(session_id=self.id))
        self._see(_row(response, self.id))
        return self

    def wait(
        self,
        timeout: float = TIMEOUT,
        *,
        interval: float | None = None,
        follow: bool = True,
        progress: Callable[[Job], object] | bool | None = None,
    ) -> Job:
        """Wait until the job has ended, and what it led to; the object has the last state then.

        A look that fails, because the connection broke or the server has a bad moment, does not end the wait.

        Args:
            timeout: longest time to wait for all of it, in seconds.
            interval: seconds between two looks; by default a quarter of a second at first, and more and more, up to 5.
            follow: False does not wait for the jobs that it leads to.
            progress: True shows its status and the time; a function is called with the job after each look.

        Raises:
            JobFailedError: it failed, or a job that it led to.
            JobTimeoutError: it has not ended in time, or has not shown up: within a minute after this client launched
                it, within 10 seconds where only its id is known.
            NotFoundError: there is no such job, and its id is none that jobs have.
            PermissionDeniedError: it is somebody else's.

        Example:
            >>> (job.wait(timeout=120)).result
        """
        require_flag("follow", follow)
        require_progress(progress)
        with told_of(progress, "job", lambda job: job.status or "not there yet") as tell:

            def told(jobs: Sequence[Job]) -> None:
                tell(jobs[-1])

            watch(self._require_client(), [self], timeout=timeout, interval=interval, follow=follow, tell=told)
        raise_failures([self], self)
        return self

    def _see(self, row: dict[str, Any]) -> None:
        self._replace_json(row)

    def _text(self) -> str:
        return f"{self.job_sub_type or type(self).__name__} {self.id}"

    def __repr__(self) -> str:
        kind = printable(self.job_sub_type or type(self).__name__)
        return f"<{kind} {printable(self.status or 'not seen yet')} {printable(self.id)}>"


class AnyonesJob(Job):
    """A job as administrators see it."""

    __slots__ = ()
    _operations = ANY


def operations_of(kind: type[Job]) -> Operations:
    """Return how jobs of a kind are looked at."""
    return kind._operations


def raise_failures(jobs: Sequence[Job], outcome: Any) -> None:
    """Raise JobFailedError when one of the jobs failed, or what one led to."""
    failed = [job.failure for job in jobs if job.failure is not None]
    if not failed:
        return
    first = failed[0]
    many = f"{len(failed)} of {len(jobs)} jobs failed; the first one: " if len(jobs) > 1 else ""
    text = f"{many}the job {first.job_sub_type} {first.id} failed: {first.info or 'the server does not say why'}"
    raise JobFailedError(printable(text), outcome, first)


def watch(
    client: Client,
    jobs: Sequence[Job],
    *,
    timeout: float,
    interval: float | None,
    follow: bool,
    tell: Callable[[Sequence[Job]], object] = lambda _: None,
) -> None:
    """Look at jobs until all have ended, and what they led to. What is seen is written into the objects.

    Raises:
        JobTimeoutError: not all have ended in time, or one has not shown up.
    """
    pauses = _Pauses(interval)
    open_jobs = {job.id: job for job in jobs if not job.has_ended}
    heads = {id: job for job in jobs for id in (job.id, *(one.id for one in job.chained))}

    def go_on(job: Job) -> None:
        head = heads[job.id]
        id = leads_to(job.result) if follow else None
        if id is not None and id not in heads:
            if len(jobs) == 1:
                pauses.restart()  # what a job leads to has short stages of its own
            open_jobs[id] = type(job)({"session_id": id}, client)
            heads[id] = head
            head.chained.append(open_jobs[id])

    for job in jobs:
        for one in (job, *job.chained):
            if one.has_ended:
                go_on(one)
            elif follow:
                open_jobs[one.id] = one
    eyes = Eyes(client, jobs[0]._operations if jobs else OWN)
    began = time.monotonic()

    def look(deadline: float) -> bool:
        rows = eyes.look(list(open_jobs), deadline)
        for id, row in rows.items():
            job = open_jobs[id]
            job._see(row)
            if job.has_ended:
                del open_jobs[id]
                go_on(job)
        tell([job for one in jobs for job in (one, *one.chained)])
        for job in open_jobs.values():
            within = job._appears_within
            if job.status is None and time.monotonic() - began > within:
                raise _no_show(f"job {safe_repr(job.id)}", within, _outcome(jobs))
        return not open_jobs

    def late(reason: str) -> JobTimeoutError:
        return JobTimeoutError(_late(list(open_jobs.values()), reason), _outcome(jobs))

    _repeat(look, late, timeout=timeout, pauses=pauses)
    # Jobs create items and change them.
    client.session.forget(*client.session.remembered)


def watch_batch(
    client: Client,
    kind: type[Job],
    batch_id: str,
    count: int,
    *,
    timeout: float,
    interval: float | None,
    tell: Callable[[int, int | None], object],
) -> list[Job]:
    """Look at a batch until it has so many jobs, and all have ended; give them, the first one first.

    Raises:
        JobTimeoutError: not all have ended in time, or the batch has not shown up.
    """
    jobs: dict[str, Job] = {}
    began = time.monotonic()

    def look(deadline: float) -> bool:
        key: Any = None
        pages = PageKeys()
        while True:
            body = {"batch_id": batch_id, "limit": PAGE, **({} if key is None else {"pagination_key": key})}
            request = kind._operations.list_batch(body=kind._operations.batch_body.from_dict(body))
            answer = page_of(_call(client, request, deadline), key, "jobs")
            for row in rows_of(answer):
                job = kind(row, client)
                jobs[job.id] = job
            key = pages.following(answer.get("pagination_key"))
            if key is None:
                break
        tell(sum(job.has_ended for job in jobs.values()), count)
        if not jobs and time.monotonic() - began > APPEARS_WITHIN:
            raise _no_show(f"batch {safe_repr(batch_id)}", APPEARS_WITHIN, [])
        return len(jobs) >= count and all(job.has_ended for job in jobs.values())

    def late(reason: str) -> JobTimeoutError:
        unended = [job for job in jobs.values() if not job.has_ended]
        what = _late(unended, reason) if unended else f"the batch {batch_id} has {len(jobs)} of {count} jobs {reason}"
        return JobTimeoutError(what, list(jobs.values()))

    _repeat(look, late, timeout=timeout, pauses=_Pauses(interval))
    client.session.forget(*client.session.remembered)
    return sorted(jobs.values(), key=lambda job: job.created_timestamp or 0)


def _repeat(
    look: Callable[[float], bool],
    late: Callable[[str], JobTimeoutError],
    *,
    timeout: float,
    pauses: _Pauses,
) -> None:
    """Look until that says that all is over. A look that is lost on the way does not end it; the deadline does."""
    check_times(pauses.next, timeout)
    limit = time.monotonic() + timeout
    while True:
        left = limit - time.monotonic()
        lost: SDKError | None = None
        try:
            if look(max(limit, time.monotonic() + _LAST_LOOK)):
                return
        except _LOST as error:
            lost = error
        if left <= 0:
            failed = "" if lost is None else f"; the last look failed: {lost}"
            raise late(f"after {timeout:g} s{failed}") from lost
        sleep(max(0.0, min(pauses.take(), limit - time.monotonic())))


def _outcome(jobs: Sequence[Job]) -> Any:
    return jobs[0] if len(jobs) == 1 else list(jobs)


def _no_show(what: str, within: float, outcome: Any) -> JobTimeoutError:
    return JobTimeoutError(f"there is no {what}: it has not shown up within {within:g} s", outcome)


def _late(open_jobs: Sequence[Job], reason: str) -> str:
    first = open_jobs[0]
    named = f"the job {first.job_sub_type} {first.id}" if first.job_sub_type else f"the job {first.id}"
    state = f"is {first.status}" if first.status else "is not there"
    if len(open_jobs) == 1:
        return printable(f"{named} {state} {reason}")
    return printable(f"{len(open_jobs)} jobs have not ended {reason}; the first one, {named}, {state}")


class _Pauses:
    """How long to wait between looks: as long as was asked for, or short at first and longer later."""

    def __init__(self, interval: float | None) -> None:
        self._grows = interval is None
        self.next = _FIRST_PAUSE if interval is None else interval

    def take(self) -> float:
        """Return the pause before the next look."""
        pause = self.next
        if self._grows:
            self.next = min(pause * _GROWTH, _LONGEST_PAUSE)
        return pause

    def restart(self) -> None:
        """Begin with short ones again."""
        if self._grows:
            self.next = _FIRST_PAUSE


class Eyes:
    """Looks at jobs: at a few of them one by one, at many with lists, so that a look takes a handful of requests."""

    def __init__(self, client: Client, operations: Operations) -> None:
        self._client = client
        self._operations = operations
        self._lists_help = True
        self._turn = 0

    def look(self, ids: Sequence[str], deadline: float) -> dict[str, dict[str, Any]]:
        """Return the jobs that are there, by their ids. A look at many may leave some out: the next one has them."""
        if len(ids) < _REQUESTS:
            return self._one_by_one(ids, deadline)
        rows: dict[str, dict[str, Any]] = {}
        left = _REQUESTS
        if self._lists_help:
            rows, left = self._by_lists(ids, deadline)
        # The newest jobs of the user may be others than these: then they are asked for in turns.
        self._lists_help = bool(rows) or not self._lists_help
        missing = [id for id in ids if id not in rows]
        if missing and left:
            start = self._turn % len(missing)
            self._turn += left
            rows |= self._one_by_one((missing[start:] + missing[:start])[:left], deadline)
        return rows

    def _one_by_one(self, ids: Iterable[str], deadline: float) -> dict[str, dict[str, Any]]:
        rows = {}
        for id in ids:
            try:
                response = _call(self._client, self._operations.fetch(session_id=id), deadline)
            except NotFoundError as error:
                if not UUID_TEXT.fullmatch(id):  # which no job has: it will not come
                    error.add_note(
                        f"there is no job {safe_repr(id)}; ids of jobs are like 0a1b2c3d-0000-4000-8000-000000000001"
                    )
                    raise
                continue  # it is launched, and not there yet
            rows[id] = _row(response, id)
        return rows

    def _by_lists(self, ids: Iterable[str], deadline: float) -> tuple[dict[str, dict[str, Any]], int]:
        wanted = set(ids)
        rows: dict[str, dict[str, Any]] = {}
        key: Any = None
        left = _REQUESTS
        while left > 1:
            left -= 1
            body = {"limit": PAGE, **({} if key is None else {"pagination_key": key})}
            request = self._operations.list(body=self._operations.list_body.from_dict(body))
            answer = page_of(_call(self._client, request, deadline), key, "jobs")
            rows |= {id: row for row in rows_of(answer) if (id := str(row.get("session_id"))) in wanted}
            key = answer.get("pagination_key")
            if key is None or len(rows) == len(wanted):
                break
        return rows, left


def _call(client: Client, request: dict[str, Any], deadline: float) -> Response:
    extensions = {**request.get("extensions", {}), "deadline": deadline}
    return client.session.call({**request, "extensions": extensions})


def rows_of(answer: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the jobs on a page."""
    return answer.get("jobs") or []


def _row(response: Response, id: str) -> dict[str, Any]:
    row = as_object(response).get("job")
    if not isinstance(row, dict) or row.get("session_id") != id:
        raise unusable(response, f"the answer is not about the job {safe_repr(id)}")
    return row
