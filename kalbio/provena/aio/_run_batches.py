"""Registers many model runs: in batches whose jobs are waited for, noted in a journal where there is one."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import count
from typing import Any

import attrs
from provena_api.api.prov import prov_model_run_register_batch
from provena_api.models import RegisterBatchModelRunRequest

from kalbio._core.aio.concurrency import in_thread
from kalbio._core.bulk.journal import Journal, JournalEntry, Note, digest
from kalbio._core.bulk.rows import OUTCOME_UNKNOWN
from kalbio._core.errors import ResponseError, SDKError
from kalbio._core.http.responses import as_object, unusable
from kalbio.provena._model.jobs import JobFailedError, JobTimeoutError
from kalbio.provena._model.run_outcomes import RunOutcome
from kalbio.provena.aio._job import Job, watch_batch
from kalbio.provena.aio._lost_jobs import JobSearch, canonical
from kalbio.provena.aio._service import Client

MOST_BYTES = 180_000
"""Of records in a batch: queues of the servers take 256 KB at most, with what they add."""


@attrs.define
class _Batch:
    """Rows that go together, and how far they are.

    `first` is the number of its first row in the journal. `search` finds the job when its id is not known, because the
    answer was lost, or the process was killed.
    """

    rows: list[int]
    first: int
    search: JobSearch
    job: Job | None = None

    def before(self) -> str:
        """What the journal keeps of it."""
        known = None if self.job is None else self.job.id
        return json.dumps({"first": self.first, "newest": self.search.newest, "job": known})


class RunBatches:
    """One load of model runs.

    A row in the journal is "sent" from before its batch is sent until the end of its job, and "done" once it is
    registered. What is noted with "sent" is how the job of its batch can be found. Rows are known by what they say, so
    that those that were refused can be mended, and keep the number under which they were noted first.
    """

    def __init__(
        self, client: Client, records: dict[int, dict[str, Any]], journal: Journal | None, tell: Callable[[int], object]
    ) -> None:
        """Prepare.

        Args:
            client: what asks.
            records: the records, by the numbers of their rows.
            journal: where to keep what became of each.
            tell: called with the number of rows that have ended.
        """
        self._client = client
        self._records = records
        self._texts = {row: canonical(record) for row, record in records.items()}
        self._journal = journal
        self._numbers = {row: row for row in records}
        self._tell = tell
        self.outcomes: dict[int, RunOutcome] = {}

    async def run(self, size: int, timeout: float) -> None:
        """Register what is left to do, and fill in `outcomes`."""
        limit = time.monotonic() + timeout
        batches = await self._resumed()
        underway = {row for batch in batches for row in batch.rows}
        left = [row for row in self._records if row not in self.outcomes and row not in underway]
        for rows in self._cut(left, size):
            try:
                search = await JobSearch.begun(self._client)
            except SDKError as error:
                if not batches:
                    raise
                # What was sent is under way: what becomes of it must be told.
                for row in rows:
                    self._end(row, "not sent", error=str(error))
                break
            batch = _Batch(rows, self._numbers[rows[0]], search)
            if not await self._send(batch):
                break
            batches.append(batch)
        for batch in batches:
            await self._wait(batch, max(0.0, limit - time.monotonic()))
        for row in self._records:
            if row not in self.outcomes:
                self._end(row, "not sent", error="an earlier batch could not be sent")

    # -- an earlier run -----------------------------------------------------------------------------------------------

    async def _resumed(self) -> list[_Batch]:
        """Take up what an earlier run has left: rows that are done, and batches that were sent."""
        journal = self._journal
        if journal is None:
            return []
        digests = {row: digest(text.encode()) for row, text in self._texts.items()}
        known = await in_thread(lambda: journal.match(digests))
        self._number({row: number for row, (number, _) in known.items()})
        sent: dict[str, list[int]] = {}
        for row, (_, entry) in known.items():
            if entry.state == "done":
                self._end(row, "registered", id=entry.made)
            else:
                sent.setdefault(entry.before or "", []).append(row)
        batches = []
        for before, rows in sent.items():
            kept = json.loads(before)
            rows.sort(key=self._numbers.__getitem__)  # as they were sent
            batch = _Batch(rows, kept["first"], JobSearch(self._client, kept["newest"]))
            if kept["job"] is not None:
                batch.job = Job({"session_id": kept["job"]}, self._client)
            else:
                found = await self._find(batch)
                if not found:
                    continue  # it was never sent
                batch.job = found[-1]
                await self._note(batch.rows, batch.before())
            batches.append(batch)
        return batches

    def _number(self, noted: dict[int, int]) -> None:
        """Give the rows numbers in the journal: those under which they are noted, and others that are free."""
        taken = set(noted.values())
        beyond = count(max((*taken, *self._records), default=0) + 1)
        for row in self._records:
            self._numbers[row] = noted[row] if row in noted else next(beyond) if row in taken else row

    async def _find(self, batch: _Batch) -> list[Job]:
        records = [self._records[row] for row in batch.rows]
        return await batch.search.find("MODEL_RUN_BATCH_SUBMIT", {"records": records})

    # -- this run -----------------------------------------------------------------------------------------------------

    def _cut(self, rows: Sequence[int], size: int) -> Iterator[list[int]]:
        chunk: list[int] = []
        length = 0
        for row in rows:
            own = len(self._texts[row].encode())
            if chunk and (len(chunk) == size or length + own > MOST_BYTES):
                yield chunk
                chunk, length = [], 0
            chunk.append(row)
            length += own
        if chunk:
            yield chunk

    async def _send(self, batch: _Batch) -> bool:
        """Send a batch; whether it is there."""
        body = RegisterBatchModelRunRequest.from_dict({"records": [self._records[row] for row in batch.rows]})
        await self._note(batch.rows, batch.before())
        try:
            response = await self._client.session.call(prov_model_run_register_batch.build_request(body=body))
            session_id = as_object(response).get("session_id")
            if not isinstance(session_id, str) or not session_id:
                raise unusable(response, "the answer has no session_id")
            batch.job = Job({"session_id": session_id}, self._client)
        except OUTCOME_UNKNOWN as error:
            found = await self._find(batch)
            if not found:
                self._end_all(batch, "unknown", str(error))
                return False
            batch.job = found[-1]
        except SDKError as error:
            await self._note(batch.rows, None)
            self._end_all(batch, "failed", str(error))
            return False
        await self._note(batch.rows, batch.before())
        return True

    async def _wait(self, batch: _Batch, timeout: float) -> None:
        """Wait for the jobs of a batch, and see what became of its rows."""
        assert batch.job is not None
        limit = time.monotonic() + timeout
        jobs: list[Job] = []
        try:
            await batch.job.wait(timeout)
            batch_id = _batch_id_of(batch.job)
            left = max(0.0, limit - time.monotonic())
            jobs = await watch_batch(
                self._client, Job, batch_id, len(batch.rows), timeout=left, interval=None, tell=lambda *_: None
            )
        except JobFailedError as error:
            await self._note(batch.rows, None)
            self._end_all(batch, "failed", str(error))
            return
        except JobTimeoutError as error:
            jobs = error.outcome if isinstance(error.outcome, list) else []
            reason = str(error)
        except SDKError as error:  # the server goes on with it; only the look at it is refused
            reason = str(error)
        else:
            reason = "its batch has no job for it"
        await self._settle(batch, jobs, reason)

    async def _settle(self, batch: _Batch, jobs: Sequence[Job], reason: str) -> None:
        """Tell which job is that of which row: equal records are equal in all else."""
        waiting: dict[str, list[Job]] = {}
        taken = {outcome.id for outcome in self.outcomes.values() if outcome.id is not None}
        for one in sorted(jobs, key=lambda one: one.status != "SUCCEEDED"):
            if run_id_of(one) in taken:  # of a row that an earlier run has seen the end of
                continue
            record = one.payload.get("record") if isinstance(one.payload, dict) else None
            waiting.setdefault(canonical(record), []).append(one)
        notes = []
        for row in batch.rows:
            mine = waiting.get(self._texts[row])
            job = mine.pop(0) if mine else None
            if job is not None and job.status == "SUCCEEDED":
                id = run_id_of(job)
                self._end(row, "registered", id=id, session_id=job.id)
                notes.append(self._noted(row, JournalEntry("done", id, None)))
            elif job is not None and job.has_failed:
                self._end(row, "failed", session_id=job.id, error=job.info or "the server does not say why")
                notes.append(self._noted(row, None))
            else:
                self._end(row, "unknown", session_id=None if job is None else job.id, error=reason)
        if self._journal is not None:
            await in_thread(partial(self._journal.note, notes))

    # -- what is kept -------------------------------------------------------------------------------------------------

    def _noted(self, row: int, entry: JournalEntry | None) -> Note:
        return Note(self._numbers[row], digest(self._texts[row].encode()), entry)

    async def _note(self, rows: Sequence[int], before: str | None) -> None:
        if self._journal is not None:
            entry = None if before is None else JournalEntry("sent", None, before)
            await in_thread(partial(self._journal.note, [self._noted(row, entry) for row in rows]))

    def _end_all(self, batch: _Batch, status: Any, error: str) -> None:
        for row in batch.rows:
            self._end(row, status, session_id=None if batch.job is None else batch.job.id, error=error)

    def _end(self, row: int, status: Any, **members: Any) -> None:
        self.outcomes[row] = RunOutcome(row, status, self._records[row]["display_name"], **members)
        self._tell(len(self.outcomes))


def _batch_id_of(job: Job) -> str:
    batch_id = job.result.get("batch_id") if isinstance(job.result, dict) else None
    if not isinstance(batch_id, str) or not batch_id:
        raise ResponseError("GET", "batch_id", b"", f"the job {job.id} does not name the batch")
    return batch_id


def run_id_of(job: Job) -> str | None:
    """Return the handle of the model run that a job has registered or changed, None when it has none."""
    made = job.result.get("record") if isinstance(job.result, dict) else None
    id = made.get("id") if isinstance(made, dict) else None
    return id if isinstance(id, str) and id else None
