# Derived from kalbio/provena/aio/model_runs.py by scripts/regenerate; edit that file. (digest 83df930bd052)
"""Model runs: registered, changed, linked to studies, and read from CSV files."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing, nullcontext
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any, Literal

import attrs
from provena_api.api.prov import (
    prov_bulk_convert_model_runs_csv,
    prov_bulk_generate_template_csv,
    prov_bulk_regenerate_from_batch_csv,
    prov_model_run_edit_link_to_study,
    prov_model_run_register,
    prov_model_run_update,
)
from provena_api.models import BodyConvertModelRunsCsv, ModelRunRecord, PostUpdateModelRunInput
from provena_api.types import File

from kalbio._bars import counted
from kalbio._core.argument_errors import ArgumentError, ArgumentTypeError
from kalbio._core.bulk.journal import Journal
from kalbio._core.bulk.rows import OUTCOME_UNKNOWN
from kalbio._core.errors import ResponseError, ServerError
from kalbio._core.http.responses import as_object, unusable
from kalbio._core.objects.checks import require_flag, require_text
from kalbio._core.sync.concurrency import in_thread
from kalbio._core.sync.downloads import check_target
from kalbio._core.sync.waiting import check_times
from kalbio._core.text.display import safe_repr
from kalbio.provena._job import TIMEOUT, Job
from kalbio.provena._lost_jobs import JobSearch
from kalbio.provena._model.answers import objects_in, texts_in
from kalbio.provena._model.faults import Faults
from kalbio.provena._model.references import OF_RECORD
from kalbio.provena._model.run_outcomes import RunOutcome, RunOutcomes, RunsRefusedError, named, texts_of
from kalbio.provena._model.run_tables import JOB, RunProblem, RunTable, job_of, read_table
from kalbio.provena._model.run_templates import RunTemplate, template_ids, template_of
from kalbio.provena._model.runs import Identifier, RunRecord, checked_record
from kalbio.provena._model.subtypes import Subtype
from kalbio.provena._references import LookUps, with_handles
from kalbio.provena._run_batches import RunBatches, run_id_of
from kalbio.provena._run_records import RunRecords
from kalbio.provena._service import require_one_of, require_path, require_progress, require_whole
from kalbio.provena.items import ModelRun
from kalbio.provena.registry import RegistryService

BATCH = 50
BATCH_TIMEOUT = 3600.0


@attrs.frozen
class ConvertedRuns:
    """What a CSV file of model runs says.

    Attributes:
        records: the records of rows that have no job yet, to be registered.
        existing: ids of the jobs of the other rows.
        warnings: what the server has to say about the file.
    """

    records: list[dict[str, Any]]
    existing: list[str]
    warnings: list[str]


class ModelRunsService(RegistryService[ModelRun]):
    """Model runs: what `client.model_runs` does beyond what it does for all items."""

    # -- one by one ---------------------------------------------------------------------------------------------------

    def register(self, record: RunRecord | Mapping[str, Any] | ModelRunRecord, *, verify: bool = False) -> Job:
        """Register a model run. The server checks the record at once, a job does the rest: `run_of(job)` gives the run.

        You need the role to write, and no linked person.

        Args:
            record: a `RunRecord`, or the record as the server knows it; where that has handles, objects and exact
                display names do as well.
            verify: whether to look for the job when the answer was lost; takes a request more before the call.

        Raises:
            IdentifierError: the record names something that there is not; nothing was sent.
            ValueError: the record does not fit the workflow template; nothing was sent.
            TypeError: it has members that there are not; nothing was sent.
            ValidationError: the server refused.
            OutcomeUnknownError: the answer was lost, and with `verify`, no job of this record was found either.

        Example:
            >>> job = client.model_runs.register(record)
            >>> run = client.model_runs.run_of(job)
        """
        sent = self.wire_record(record)
        request = prov_model_run_register.build_request(body=ModelRunRecord.from_dict(sent))
        return self._launched(request, verify, "MODEL_RUN_PROV_LODGE", {"record": sent})

    def run_of(self, job: Job | str, timeout: float = TIMEOUT) -> ModelRun:
        """Wait for the job of a registration, a change or a link, and return the model run.

        Raises:
            JobFailedError: it failed.
            JobTimeoutError: it has not ended in time.
            ValueError: it is a job of another kind.

        Example:
            >>> run = client.model_runs.run_of(job)
        """
        if not isinstance(job, Job):
            job = Job({"session_id": require_text("job", job)}, self.client)
        job.wait(timeout)
        id = run_id_of(job)
        if id is None:
            raise ArgumentError(f"{job!r} is no job of a model run")
        return self.need(id)

    def update(  # type: ignore[override]  # a record is more than its members, and a job changes it
        self,
        run: Identifier,
        record: RunRecord | Mapping[str, Any] | ModelRunRecord | None = None,
        *,
        reason: str,
        verify: bool = False,
        **members: Any,
    ) -> Job:
        """Change the record of a model run; the lineage follows.

        The server looks only in the job at whether you may do that and whether the run is locked, and such a job fails
        without saying why.

        Args:
            run: the model run.
            record: its new record.
            reason: why it is changed.
            verify: whether to look for the job when the answer was lost; takes a request more before the call.
            **members: instead of a whole record, those of its members that change, as the server knows them.

        Example:
            >>> job = client.model_runs.update(run, reason="a better name", display_name="Baseline 2025")
            >>> run = client.model_runs.run_of(job)
        """
        require_text("reason", reason)
        if (record is None) == (not members):
            raise ArgumentTypeError("give either a record, or members of it that change")
        id = self.own(run)
        if record is None:
            members = with_handles(LookUps(self.client).look, OF_RECORD, members)
            known = (self.need(id)).to_dict().get("record")
            if not isinstance(known, dict):
                raise ArgumentError(f"{id} has no record whose members could change: give a whole record")
            sent = checked_record({**known, **members})
        else:
            sent = self.wire_record(record)
        body = PostUpdateModelRunInput.from_dict({"model_run_id": id, "reason": reason, "record": sent})
        request = prov_model_run_update.build_request(body=body)
        return self._launched(
            request, verify, "MODEL_RUN_UPDATE", {"model_run_record_id": id, "reason": reason, "updated_record": sent}
        )

    def link_to_study(self, run: Identifier, study: Identifier, *, verify: bool = False) -> Job:
        """Link a model run that has no study to one. The job does the same to the lineage.

        Args:
            run: the model run.
            study: the study.
            verify: whether to look for the job when the answer was lost; takes a request more before the call.

        Raises:
            ValidationError: it has a study.
            PermissionDeniedError: you may not change it.

        Example:
            >>> job = client.model_runs.link_to_study(run, "Reef study")
        """
        id = self.own(run)
        study_id = self.client.registry(Subtype.STUDY).checked(study)
        request = prov_model_run_edit_link_to_study.build_request(model_run_id=id, study_id=study_id)
        return self._launched(request, verify, "MODEL_RUN_LODGE_ONLY", {"model_run_record_id": id})

    def template(self, workflow_template: Identifier) -> RunTemplate:
        """Read what a workflow template wants of its runs: datasets, files and annotations, also as columns of a table.

        Example:
            >>> [column.name for column in (client.model_runs.template("Coral workflow")).columns]
        """
        workflows, kinds = (
            self.client.registry(one) for one in (Subtype.MODEL_RUN_WORKFLOW_TEMPLATE, Subtype.DATASET_TEMPLATE)
        )
        id = workflows.resolve(workflow_template)
        workflow = (workflows.need(id)).to_dict()
        try:
            found = {one: (kinds.need(one)).to_dict() for one in template_ids(workflow)}
            return template_of(workflow, found)
        except (AttributeError, KeyError, TypeError):
            reason = "its templates and annotations do not have the form of those of a workflow template"
            raise ResponseError("GET", f"the workflow template {id}", b"", reason) from None

    # -- many ---------------------------------------------------------------------------------------------------------

    def register_batch(
        self,
        rows: Any,
        *,
        workflow_template: Identifier | None = None,
        sheet: str | None = None,
        separator: str | None = None,
        encoding: str | None = None,
        skip_rows: int = 0,
        on_invalid: Literal["raise", "skip"] = "raise",
        journal: str | os.PathLike[str] | None = None,
        batch_size: int = BATCH,
        timeout: float = BATCH_TIMEOUT,
        progress: Callable[[int, int | None], object] | bool | None = None,
    ) -> RunOutcomes:
        """Register many model runs, and wait for what becomes of each.

        The server looks at the records of a batch in jobs, one for each, so that a bad one fails alone. What can be
        seen here is checked before anything is sent: names, and what the workflow template wants.

        Args:
            rows: records, as in `register`; or with `workflow_template`, a table: a frame, a list of dicts, or the path
                of a file (`.csv`, `.tsv`, `.txt`, and `.xlsx` with the extra `excel`), with the columns that
                `template(...)` tells, or those of the CSV files of the servers.
            workflow_template: that of all runs in a table. CSV files of the servers name it themselves.
            sheet: the sheet of an Excel file, where there are several.
            separator: the character between the cells of a text file, where it cannot be told from the file.
            encoding: the encoding of a text file that is not UTF-8, such as "cp1252".
            skip_rows: how many lines of a text file, or rows of a sheet, stand above the names of the columns.
            on_invalid: "skip" registers the other rows when some are refused here.
            journal: path of a file that keeps what became of each row. To go on with a load that was killed, run it
                again with the same rows and the same file: no run is registered twice. Rows that were refused or failed
                may be mended in between, and others added; those that were sent have to be there as they were.
            batch_size: how many records go into a batch.
            timeout: longest time to wait for all jobs, in seconds.
            progress: True shows a bar; a function is called with how many rows have ended, and how many there are.

        Returns:
            What became of each row. Rows that failed raise nothing: see `others`, or call `raise_for_others()`.

        Raises:
            RunsRefusedError: rows cannot be registered as they are: all that is wrong, by row and column; nothing was
                sent.
            ValueError: the table lacks a column, or has one too many; nothing was sent.
            ModuleNotFoundError: the package that reads such a file is not installed.
            JournalError: rows that were sent are not there as they were; or the journal is in use, not writable, or
                is damaged.

        Example:
            >>> outcomes = client.model_runs.register_batch(
            ...     frame, workflow_template="Coral workflow", journal="runs.journal"
            ... )
            >>> outcomes.raise_for_others()
        """
        require_one_of("on_invalid", on_invalid, ("raise", "skip"))
        require_whole("batch_size", batch_size, 1)
        require_whole("skip_rows", skip_rows, 0)
        check_times(1, timeout)
        require_progress(progress)
        if journal is not None:
            require_path("journal", journal)
        table = in_thread(partial(read_table, rows, sheet, separator, encoding, skip_rows))
        records, details = self._read(table, workflow_template)
        if details and on_invalid == "raise":
            raise RunsRefusedError(details)
        given, problems = table.rows, texts_of(details)
        outcomes = {row: RunOutcome(row, "refused", named(given[row]), error=text) for row, text in problems.items()}
        where = self.client.session.settings.base_urls.get("prov", "")
        with (
            counted(progress, "model runs", "runs") as tell,
            closing(in_thread(partial(Journal, journal, f"model runs to register at {where}")))
            if journal is not None
            else nullcontext() as kept,
        ):
            load = RunBatches(self.client, records, kept, lambda ended: tell(ended + len(problems), len(given)))
            load.run(batch_size, timeout)
        outcomes |= load.outcomes
        return RunOutcomes(outcomes[row] for row in sorted(outcomes))

    def _read(
        self, table: RunTable, workflow_template: Identifier | None
    ) -> tuple[dict[int, dict[str, Any]], list[RunProblem]]:
        """Return the records of the rows that fit, and what is wrong with the others."""
        reader = self._records()
        named = table.workflow_template
        template: RunTemplate | None = None
        names: dict[Any, str] = {}
        if workflow_template is not None or named is not None:
            template = reader.template(named if workflow_template is None else workflow_template)
            if named not in (None, template.id):
                raise ArgumentError(f"the file is of the workflow template {safe_repr(named)}, not of {template.id}")
            names = template.names_of(dict.fromkeys(head for row in table.rows for head in _heads(row)))
        records: dict[int, dict[str, Any]] = {}
        problems: list[RunProblem] = []
        for number, row in enumerate(table.rows):
            faults = Faults()
            record: Any = row
            if template is not None:
                with faults.of(JOB):
                    if (job := job_of(row)) is not None:
                        raise ArgumentError(f"{JOB} is {safe_repr(job)}: the row was sent already; leave it out")
                record = template.record_of({names[head]: cell for head, cell in row.items() if head in names}, faults)
            made = reader.gather(record, faults)
            if not faults:
                records[number] = made
            location = table.locations[number]
            problems += [RunProblem(number, location, part, str(error)) for part, error in faults.found]
        return records, problems

    # -- CSV ----------------------------------------------------------------------------------------------------------

    def csv_template(self, workflow_template: Identifier, path: str | os.PathLike[str] | None = None) -> str:
        """Get the CSV file of the runs of a workflow template, with its header and no rows.

        Args:
            workflow_template: the workflow template.
            path: where to write it as well; a file that is there is not replaced.

        Example:
            >>> text = client.model_runs.csv_template("Coral workflow", "runs.csv")
        """
        id = self.client.registry(Subtype.MODEL_RUN_WORKFLOW_TEMPLATE).checked(workflow_template)
        request = prov_bulk_generate_template_csv.build_request(workflow_template_id=id)
        return self._text(request, path)

    def batch_csv(self, batch_id: str, path: str | os.PathLike[str] | None = None) -> str:
        """Get a batch of yours as a CSV file, with what became of each row.

        Args:
            batch_id: the batch.
            path: where to write it as well; a file that is there is not replaced.

        Raises:
            ServerError: there is no such batch of yours, as a rule.

        Example:
            >>> text = client.model_runs.batch_csv(job.result["batch_id"])
        """
        request = prov_bulk_regenerate_from_batch_csv.build_request(batch_id=require_text("batch_id", batch_id))
        try:
            return self._text(request, path)
        except ServerError as error:
            error.add_note(f"servers fail so when there is no batch {safe_repr(batch_id)}, or it is somebody else's")
            raise

    def convert_csv(
        self, path: str | os.PathLike[str] | None = None, *, text: str | bytes | None = None
    ) -> ConvertedRuns:
        """Read a CSV file of model runs into records. Nothing is registered: `register_batch` does that.

        Times without a zone count as UTC. There is no column for the organisation that asked for a run.

        Args:
            path: the file.
            text: what it says, instead of a file.

        Raises:
            ValidationError: a column or a required annotation is missing, or a dataset is not there.

        Example:
            >>> converted = client.model_runs.convert_csv("runs.csv")
            >>> outcomes = client.model_runs.register_batch(converted.records)
        """
        if (path is None) == (text is None):
            raise ArgumentTypeError("give either the path of a CSV file, or its text")
        data: Any = text.encode() if isinstance(text, str) else text
        if path is not None:
            data = in_thread(require_path("path", path).read_bytes)
        if not isinstance(data, bytes):
            raise ArgumentTypeError(f"text must be text or bytes; got {safe_repr(text)}")
        name = "runs.csv" if path is None else Path(path).name
        body = BodyConvertModelRunsCsv(csv_file=File(payload=BytesIO(data), file_name=name, mime_type="text/csv"))
        request = prov_bulk_convert_model_runs_csv.build_request(body=body)
        response = self.client.session.call(request)
        answer = as_object(response)
        existing, told = (texts_in(response, answer, name) for name in ("existing_records", "warnings"))
        return ConvertedRuns(objects_in(response, answer, "new_records"), existing, told)

    def _text(self, request: dict[str, Any], path: str | os.PathLike[str] | None) -> str:
        target = None if path is None else require_path("path", path)
        if target is not None:
            check_target(target, overwrite=False)
        response = self.client.session.call(request)
        if target is not None:
            in_thread(partial(_write, target, response.content))
        return response.content.decode("utf-8")

    # -- records ------------------------------------------------------------------------------------------------------

    def wire_record(self, record: RunRecord | Mapping[str, Any] | ModelRunRecord) -> dict[str, Any]:
        """Return a record as the server knows it: names are looked up, and it is checked against its workflow template.

        Args:
            record: the record.

        Raises:
            IdentifierError: it names something that there is not.
            ValueError, TypeError: it does not fit, or has unknown members. All that is wrong besides is in its notes.
        """
        return self._records().wire(record)

    def _records(self) -> RunRecords:
        return RunRecords(self.client, self.template)

    def _launched(self, request: dict[str, Any], verify: bool, sub_type: str, payload: dict[str, Any]) -> Job:
        """Send what launches a job; when its answer is lost, look for the job by its payload."""
        search = JobSearch.begun(self.client) if require_flag("verify", verify) else None
        try:
            return self._job_of(self.client.session.call(request))
        except OUTCOME_UNKNOWN:
            found = [] if search is None else search.find(sub_type, payload)
            if len(found) != 1:  # of several nobody can say which is of this call
                raise
            return found[0]

    def _job_of(self, response: Any) -> Job:
        session_id = as_object(response).get("session_id")
        if not isinstance(session_id, str) or not session_id:
            raise unusable(response, "the answer has no session_id")
        return Job({"session_id": session_id}, self.client)


def _heads(row: Any) -> Iterable[Any]:
    if not isinstance(row, Mapping):
        raise ArgumentError(f"with workflow_template, each row must be a dict of column to value; got {safe_repr(row)}")
    return row.keys()


def _write(path: Path, data: bytes) -> None:
    with path.open("xb") as file:
        file.write(data)
