# Derived from kalbio/provena/aio/jobs.py by scripts/regenerate; edit that file. (digest 8fb5ae29a54c)
"""The jobs of the caller, and for administrators those of everybody."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, ClassVar, Literal, TypeAlias

from provena_api.api.job import job_jobs_admin_launch
from provena_api.models import AdminLaunchJobRequest

from kalbio._bars import counted
from kalbio._core.argument_errors import ArgumentError, ArgumentTypeError
from kalbio._core.concurrency.forks import cached_property
from kalbio._core.errors import NotFoundError
from kalbio._core.http.responses import as_object, unusable
from kalbio._core.objects.checks import document, require_flag, require_text
from kalbio._core.objects.resource import ObjectList
from kalbio._core.text.display import safe_repr
from kalbio.provena._job import (
    PAGE,
    TIMEOUT,
    AnyonesJob,
    Job,
    operations_of,
    raise_failures,
    rows_of,
    watch,
    watch_batch,
)
from kalbio.provena._model.answers import PageKeys, page_of
from kalbio.provena._model.jobs import type_of
from kalbio.provena._service import Service, require_one_of, require_progress, require_whole

LARGEST_PAGE = 1000

Progress: TypeAlias = Callable[[int, int | None], object]
Jobs: TypeAlias = list[Job]


class JobPages:
    """The jobs of a list, the newest first, read page by page as you go through them."""

    def __init__(self, read: Callable[[dict[str, Any]], Any], limit: int | None, page_size: int) -> None:
        self._read = read
        self._limit = limit
        self._page_size = page_size

    def __repr__(self) -> str:
        limit = "" if self._limit is None else f", {self._limit} at most"
        return f"<jobs{limit}: go through them, or call all()>"

    def __iter__(self) -> Iterator[Job]:
        left = self._limit
        key: Any = None
        pages = PageKeys()
        while left is None or left > 0:
            size = self._page_size if left is None else min(self._page_size, left)
            jobs, key = self._read({"limit": size, **({} if key is None else {"pagination_key": key})})
            for job in jobs[:left]:
                yield job
            left = None if left is None else left - len(jobs)
            key = pages.following(key)
            if key is None:
                return

    def all(self) -> list[Job]:
        """Read all of them, and return them as a list."""
        return ObjectList([job for job in self])


class JobsService(Service):
    """The jobs of the caller: what the servers do for you in the background.

    Attributes:
        admin: the jobs of everybody, for administrators.
    """

    _kind: ClassVar[type[Job]] = Job

    @cached_property
    def admin(self) -> AdminJobsService:
        """The jobs of everybody, for administrators."""
        return AdminJobsService(self._client)

    def job(self, session_id: str | Job) -> Job:
        """Return a job that is known by its session id, without asking for it: to wait for it, as a rule.

        Example:
            >>> client.jobs.job(session_id).wait()
        """
        return self._kind.of_id(_id_of(session_id), self._client)

    def get(self, session_id: str | Job) -> Job | None:
        """Get a job; None when there is none, which is also the case for a moment after its launch.

        Raises:
            PermissionDeniedError: it is somebody else's.

        Example:
            >>> (client.jobs.get(session_id)).status
            'SUCCEEDED'
        """
        try:
            return self.job(session_id).refetch()
        except NotFoundError:
            return None

    def list(self, *, limit: int | None = None, page_size: int = PAGE) -> JobPages:
        """List your jobs, the newest first.

        Args:
            limit: how many at most.
            page_size: how many to ask for at a time.

        Example:
            >>> for job in client.jobs.list(limit=20):
            ...     print(job.job_sub_type, job.status)
        """
        of = operations_of(self._kind)
        return self._pages(of.list, of.list_body, {}, limit, page_size)

    def list_batch(self, batch_id: str, *, limit: int | None = None, page_size: int = PAGE) -> JobPages:
        """List the jobs of a batch, the newest first; of a batch that does not exist, there are none.

        Args:
            batch_id: the batch.
            limit: how many at most.
            page_size: how many to ask for at a time.

        Raises:
            PermissionDeniedError: it has jobs of somebody else.

        Example:
            >>> jobs = client.jobs.list_batch(batch_id).all()
        """
        body = {"batch_id": require_text("batch_id", batch_id)}
        of = operations_of(self._kind)
        return self._pages(of.list_batch, of.batch_body, body, limit, page_size)

    def _pages(
        self,
        build: Callable[..., dict[str, Any]],
        kind: Any,
        members: dict[str, Any],
        limit: int | None,
        page_size: int,
    ) -> JobPages:
        if limit is not None:
            require_whole("limit", limit, 0)
        require_whole("page_size", page_size, 1, LARGEST_PAGE)

        def read(page: dict[str, Any]) -> tuple[Any, Any]:
            request = build(body=kind.from_dict({**members, **page}))
            answer = page_of(self._client.session.call(request), page.get("pagination_key"), "jobs")
            return [self._kind(row, self._client) for row in rows_of(answer)], answer.get("pagination_key")

        return JobPages(read, limit, page_size)

    def wait(
        self,
        session_id: str | Job,
        timeout: float = TIMEOUT,
        *,
        interval: float | None = None,
        follow: bool = True,
        progress: Callable[[Job], object] | bool | None = None,
    ) -> Job:
        """Wait until a job has ended, and what it led to: `job.wait(...)` of one that is known by its session id.

        Args:
            session_id: the job.
            timeout: longest time to wait for all of it, in seconds.
            interval: seconds between two looks; by default short ones at first, and longer ones later.
            follow: False does not wait for the jobs that it leads to.
            progress: True shows its status and the time; a function is called with the job after each look.

        Raises:
            JobFailedError: it failed, or a job that it led to.
            JobTimeoutError: it has not ended in time, or has not shown up within 10 seconds.
            NotFoundError: there is no such job, and its id is none that jobs have.

        Example:
            >>> job = client.jobs.wait(session_id)
        """
        job = self.job(session_id)
        return job.wait(timeout, interval=interval, follow=follow, progress=progress)

    def wait_all(
        self,
        session_ids: Iterable[str | Job],
        timeout: float = TIMEOUT,
        *,
        interval: float | None = None,
        follow: bool = True,
        on_failure: Literal["raise", "return"] = "raise",
        progress: Progress | bool | None = None,
    ) -> Jobs:
        """Wait until all of some jobs have ended, and what they led to; they are looked at together.

        However many they are, they are looked at with at most five requests at a time.

        Args:
            session_ids: the jobs.
            timeout: longest time to wait for all of them, in seconds.
            interval: seconds between two looks; by default short ones at first, and longer ones later.
            follow: False does not wait for the jobs that they lead to.
            on_failure: "return" leaves it to you to look at `job.failure`.
            progress: True shows a bar; a function is called with how many have ended, and how many there are.

        Returns:
            The jobs, in the order in which they were given.

        Raises:
            JobFailedError: some failed, which is told when all have ended; `outcome` is all of them.
            JobTimeoutError: not all have ended in time; `outcome` is all of them, as they were last seen.

        Example:
            >>> jobs = client.jobs.wait_all(session_ids, on_failure="return")
            >>> [job.info for job in jobs if job.failure]
            []
        """
        require_one_of("on_failure", on_failure, ("raise", "return"))
        require_flag("follow", follow)
        require_progress(progress)
        if isinstance(session_ids, str | Job | Mapping) or not isinstance(session_ids, Iterable):
            raise ArgumentTypeError(f"session_ids must be several of them; got {safe_repr(session_ids)}")
        ids = [_id_of(one) for one in session_ids]
        jobs = {id: self.job(id) for id in ids}
        with counted(progress, "jobs", "jobs") as tell:

            def told(seen: Any) -> None:
                tell(sum(job.has_ended for job in seen), len(seen))

            watch(
                self._client,
                [*jobs.values()],
                timeout=timeout,
                interval=interval,
                follow=follow,
                tell=told,
            )
        if on_failure == "raise":
            raise_failures([*jobs.values()], [jobs[id] for id in ids])
        return ObjectList(jobs[id] for id in ids)

    def wait_batch(
        self,
        batch_id: str,
        count: int,
        timeout: float = TIMEOUT,
        *,
        interval: float | None = None,
        on_failure: Literal["raise", "return"] = "raise",
        progress: Progress | bool | None = None,
    ) -> Jobs:
        """Wait until a batch has as many jobs as it should have, and all of them have ended.

        Args:
            batch_id: the batch; the result of a MODEL_RUN_BATCH_SUBMIT job has it.
            count: how many jobs it should have: they come one after another.
            timeout: longest time to wait for all of them, in seconds.
            interval: seconds between two looks; by default short ones at first, and longer ones later.
            on_failure: "return" leaves it to you to look at `job.failure`.
            progress: True shows a bar; a function is called with how many have ended, and how many there should be.

        Returns:
            The jobs, those that were launched first at the beginning.

        Raises:
            JobFailedError: some failed, which is told when all have ended; `outcome` is all of them.
            JobTimeoutError: not all have ended in time; `outcome` is those that are there.

        Example:
            >>> submitted = client.jobs.wait(session_id)
            >>> jobs = client.jobs.wait_batch(submitted.result["batch_id"], count=len(records))
        """
        require_one_of("on_failure", on_failure, ("raise", "return"))
        require_whole("count", count, 1)
        require_text("batch_id", batch_id)
        require_progress(progress)
        with counted(progress, "jobs", "jobs") as tell:
            jobs = watch_batch(self._client, self._kind, batch_id, count, timeout=timeout, interval=interval, tell=tell)
        if on_failure == "raise":
            raise_failures(jobs, jobs)
        return ObjectList(jobs)


class AdminJobsService(JobsService):
    """The jobs of everybody; reading needs the role `job-service-read`, launching also `job-service-write`."""

    _kind = AnyonesJob

    @property
    def admin(self) -> AdminJobsService:
        """This service itself."""
        return self

    def list(self, *, username: str | None = None, limit: int | None = None, page_size: int = PAGE) -> JobPages:
        """List the jobs of everybody, or of one user, the newest first.

        Args:
            username: whose; by default everybody's.
            limit: how many at most.
            page_size: how many to ask for at a time.

        Example:
            >>> jobs = client.jobs.admin.list(username="alice", limit=5).all()
        """
        body = {} if username is None else {"username_filter": require_text("username", username)}
        of = operations_of(self._kind)
        return self._pages(of.list, of.list_body, body, limit, page_size)

    def launch(
        self,
        sub_type: str,
        payload: Mapping[str, Any] | None = None,
        *,
        username: str | None = None,
        batch_id: str | None = None,
        new_batch: bool = False,
    ) -> Job:
        """Launch a job.

        Args:
            sub_type: what it does, such as REGISTRY_WAKE_UP.
            payload: what it needs.
            username: whose it is; by default yours.
            batch_id: add it to this batch.
            new_batch: begin a batch with it; `job.batch_id` is its id.

        Raises:
            ValueError: there is no such sub type, or both a batch and a new one are asked for; nothing was sent.
            ValidationError: the payload does not fit the sub type.

        Example:
            >>> job = client.jobs.admin.launch("PROV_LODGE_WAKE_UP", {"reason": "a test"})
        """
        job_type = type_of(sub_type)
        document("payload", {} if payload is None else payload)
        require_flag("new_batch", new_batch)
        if batch_id is not None and new_batch:
            raise ArgumentError("batch_id and new_batch cannot be given together: a job is in one batch")
        body: dict[str, Any] = {"job_type": job_type, "job_sub_type": sub_type, "job_payload": dict(payload or {})}
        if username is not None:
            body["username"] = require_text("username", username)
        if batch_id is not None:
            body["add_to_batch"] = require_text("batch_id", batch_id)
        if new_batch:
            body["request_batch_id"] = True
        request = job_jobs_admin_launch.build_request(body=AdminLaunchJobRequest.from_dict(body))
        response = self._client.session.call(request)
        answer = as_object(response)
        session_id = answer.get("session_id")
        if not isinstance(session_id, str) or not session_id:
            raise unusable(response, "the answer has no session_id")
        return AnyonesJob({"session_id": session_id, "batch_id": answer.get("batch_id")}, self._client)


def _id_of(job: Any) -> str:
    if isinstance(job, Job) and job.id:
        return job.id
    return require_text("session_id", job)
