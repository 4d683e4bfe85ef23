"""The job service: what the other services have begun."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from provena_api.api.job import (
    job_health_check,
    job_jobs_admin_fetch,
    job_jobs_admin_launch,
    job_jobs_admin_list,
    job_jobs_admin_list_batch,
    job_jobs_user_fetch,
    job_jobs_user_list,
    job_jobs_user_list_batch,
)

from kalbio._core.concurrency.forks import cached_property
from kalbio.provena._model.schema import body_of
from kalbio.provena.aio.older._calls import OlderClient, text
from kalbio.provena.models import (
    AdminGetJobResponse,
    AdminLaunchJobRequest,
    AdminLaunchJobResponse,
    AdminListByBatchRequest,
    AdminListByBatchResponse,
    AdminListJobsRequest,
    AdminListJobsResponse,
    GetJobResponse,
    HealthCheckResponse,
    ListByBatchRequest,
    ListByBatchResponse,
    ListJobsRequest,
    ListJobsResponse,
)


class JobAPIAdminSubClient(OlderClient):
    """What administrators do with jobs."""

    async def launch_job(self, request: AdminLaunchJobRequest) -> AdminLaunchJobResponse:
        """Launch a job. Operation `jobJobsAdminLaunch`."""
        return await self._ask(
            job_jobs_admin_launch.build_request(body=body_of("request", request, AdminLaunchJobRequest)),
            AdminLaunchJobResponse,
        )

    async def get_job(self, session_id: str) -> AdminGetJobResponse:
        """Get a job of any user. Operation `jobJobsAdminFetch`."""
        return await self._ask(
            job_jobs_admin_fetch.build_request(session_id=text("session_id", session_id)), AdminGetJobResponse
        )

    async def list_jobs(self, list_jobs_request: AdminListJobsRequest) -> AdminListJobsResponse:
        """List the jobs of all users, one page. Operation `jobJobsAdminList`."""
        return await self._ask(
            job_jobs_admin_list.build_request(
                body=body_of("list_jobs_request", list_jobs_request, AdminListJobsRequest)
            ),
            AdminListJobsResponse,
        )

    async def list_jobs_in_batch(self, list_request: AdminListByBatchRequest) -> AdminListByBatchResponse:
        """List the jobs of a batch of any user, one page. Operation `jobJobsAdminListBatch`."""
        return await self._ask(
            job_jobs_admin_list_batch.build_request(
                body=body_of("list_request", list_request, AdminListByBatchRequest)
            ),
            AdminListByBatchResponse,
        )


class JobAPIClient(OlderClient):
    """The job service."""

    _elsewhere: ClassVar[Mapping[str, str]] = {
        "for_all_jobs": "client.jobs.list()",
        "list_all_jobs": "client.jobs.list().all()",
        "for_all_jobs_in_batch": "client.jobs.list_batch(batch_id)",
        "list_all_jobs_in_batch": "client.jobs.list_batch(batch_id).all()",
        "await_job_completion": "client.jobs.wait(session_id)",
        "await_successful_job_completion": "client.jobs.wait(session_id)",
    }

    @cached_property
    def admin(self) -> JobAPIAdminSubClient:
        """What administrators do."""
        return self.as_kind(JobAPIAdminSubClient)

    async def get_health_check(self) -> HealthCheckResponse:
        """Check that the service answers. Operation `jobHealthCheck`."""
        return await self._ask(job_health_check.build_request(), HealthCheckResponse)

    async def fetch_job(self, session_id: str) -> GetJobResponse:
        """Get a job of the caller; a new one may not be there yet. Operation `jobJobsUserFetch`."""
        return await self._ask(
            job_jobs_user_fetch.build_request(session_id=text("session_id", session_id)), GetJobResponse
        )

    async def list_jobs(self, list_jobs_request: ListJobsRequest) -> ListJobsResponse:
        """List the jobs of the caller, one page. Operation `jobJobsUserList`."""
        return await self._ask(
            job_jobs_user_list.build_request(body=body_of("list_jobs_request", list_jobs_request, ListJobsRequest)),
            ListJobsResponse,
        )

    async def list_jobs_in_batch(self, list_request: ListByBatchRequest) -> ListByBatchResponse:
        """List the jobs of a batch of the caller, one page. Operation `jobJobsUserListBatch`."""
        return await self._ask(
            job_jobs_user_list_batch.build_request(body=body_of("list_request", list_request, ListByBatchRequest)),
            ListByBatchResponse,
        )
