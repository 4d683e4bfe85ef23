# Derived from kalbio/provena/aio/_lost_jobs.py by scripts/regenerate; edit that file. (digest 8d4dd39aac0f)
"""Finds the job of a call whose answer was lost: the one newer than the call whose payload is what was sent."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

from provena_api.api.job import job_jobs_user_list
from provena_api.models import ListJobsRequest

from kalbio._core.sync.concurrency import sleep
from kalbio.provena._job import PAGE, Job, rows_of
from kalbio.provena._model.answers import PageKeys, page_of
from kalbio.provena._service import Client

LOOKS_FOR = 20.0
"""Seconds: a job is there only a moment after its launch."""
_PAUSE = 1.0


class JobSearch:
    """Looks for jobs of the caller that are newer than a moment.

    Attributes:
        newest: session id of the newest job at that moment, empty when there was none.
    """

    def __init__(self, client: Client, newest: str) -> None:
        self._client = client
        self.newest = newest

    @classmethod
    def begun(cls, client: Client) -> JobSearch:
        """Take this moment."""
        rows, _ = _page(client, 1, None)
        return cls(client, str(rows[0].get("session_id")) if rows else "")

    def find(self, sub_type: str, payload: Mapping[str, Any]) -> list[Job]:
        """Return the jobs of a sub type with these members in their payloads, the newest first."""
        wanted = {name: canonical(value) for name, value in payload.items()}
        limit = time.monotonic() + LOOKS_FOR
        while True:
            found = [
                row
                for row in self._newer()
                if row.get("job_sub_type") == sub_type
                and isinstance(row.get("payload"), dict)
                and all(canonical(row["payload"].get(name)) == value for name, value in wanted.items())
            ]
            if found or time.monotonic() >= limit:
                return [Job(row, self._client) for row in found]
            sleep(_PAUSE)

    def _newer(self) -> list[dict[str, Any]]:
        newer: list[dict[str, Any]] = []
        key: Any = None
        pages = PageKeys()
        while True:
            rows, key = _page(self._client, PAGE, key)
            for row in rows:
                if row.get("session_id") == self.newest:
                    return newer
                newer.append(row)
            key = pages.following(key)
            if key is None:
                return newer


def _page(client: Client, limit: int, key: Any) -> tuple[list[dict[str, Any]], Any]:
    body = {"limit": limit, **({} if key is None else {"pagination_key": key})}
    request = job_jobs_user_list.build_request(body=ListJobsRequest.from_dict(body))
    answer = page_of(client.session.call(request), key, "jobs")
    return rows_of(answer), answer.get("pagination_key")


def canonical(value: Any) -> str:
    """Return a value as text that is the same for the same value, however its members are ordered; None is nothing."""
    return json.dumps(_without_none(value), sort_keys=True, ensure_ascii=False)


def _without_none(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _without_none(one) for name, one in value.items() if one is not None}
    return [_without_none(one) for one in value] if isinstance(value, list) else value
