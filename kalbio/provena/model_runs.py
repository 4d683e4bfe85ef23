# Derived from kalbio/provena/aio/model_runs.py by scripts/regenerate; edit that file. (digest e19c92d1deb1)
"""Model runs: registered, changed, linked to studies, and read from CSV files."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing, nullcontext
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any, Literal, TypeAlias

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
from kalbio._core.bulk.journal import Journal
from kalbio._core.bulk.rows import OUTCOME_UNKNOWN
from kalbio._core.errors import IdentifierError, ServerError
from kalbio._core.http.responses import as_object, unusable
from kalbio._core.objects.checks import require_flag, require_text
from kalbio._core.sync.concurrency import in_thread
from kalbio._core.sync.downloads import check_target
from kalbio._core.sync.waiting import check_times
from kalbio._core.text.display import safe_repr
from kalbio.provena._item import RegistryItem
from kalbio.provena._job import TIMEOUT, Job
from kalbio.provena._lost_jobs import JobSearch
from kalbio.provena._model.references import OF_RECORD
from kalbio.provena._model.run_outcomes import RunOutcome, RunOutcomes, RunsRefusedError, named
from kalbio.provena._model.run_templates import RunTemplate, rows_of, template_ids, template_of
from kalbio.provena._model.runs import Identifier, RunRecord, as_seconds, checked_record, dataset_and_paths, texts
from kalbio.provena._model.subtypes import Subtype
from kalbio.provena._references import with_handles
from kalbio.provena._run_batches import RunBatches, run_id_of
from kalbio.provena._service import require_one_of, require_whole
from kalbio.provena.registry import RegistryService

BATCH = 50
BATCH_TIMEOUT = 3600.0

_LookedUp: TypeAlias = dict[tuple[Subtype, str], str | IdentifierError]


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


class ModelRunsService(RegistryService):
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
        require_flag("verify", verify)
        sent = self.wire_record(record)
        search = JobSearch.begun(self.client) if verify else None
        request = prov_model_run_register.build_request(body=ModelRunRecord.from_dict(sent))
        try:
            return self._job_of(self.client.session.call(request))
        except OUTCOME_UNKNOWN:
            found = [] if search is None else search.find("MODEL_RUN_PROV_LODGE", {"record": sent})
            if len(found) != 1:  # of several nobody can say which is of this call
                raise
            return found[0]

    def run_of(self, job: Job | str, timeout: float = TIMEOUT) -> RegistryItem:
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
            raise ValueError(f"{job!r} is no job of a model run")
        return self.need(id)

    def update(  # type: ignore[override]  # a record is more than its members, and a job changes it
        self,
        run: Identifier,
        record: RunRecord | Mapping[str, Any] | ModelRunRecord | None = None,
        *,
        reason: str,
        **members: Any,
    ) -> Job:
        """Change the record of a model run; the lineage follows.

        The server looks only in the job at whether you may do that and whether the run is locked, and such a job fails
        without saying why.

        Args:
            run: the model run.
            record: its new record.
            reason: why it is changed.
            **members: instead of a whole record, those of its members that change, as the server knows them.

        Example:
            >>> job = client.model_runs.update(run, reason="a better name", display_name="Baseline 2025")
            >>> run = client.model_runs.run_of(job)
        """
        require_text("reason", reason)
        if (record is None) == (not members):
            raise TypeError("give either a record, or members of it that change")
        id = self.own(run)
        if record is None:
            members = with_handles(self.look, OF_RECORD, members)
            sent = checked_record({**(self.need(id)).to_dict()["record"], **members})
        else:
            sent = self.wire_record(record)
        body = PostUpdateModelRunInput.from_dict({"model_run_id": id, "reason": reason, "record": sent})
        return self._job_of(self.client.session.call(prov_model_run_update.build_request(body=body)))

    def link_to_study(self, run: Identifier, study: Identifier) -> Job:
        """Link a model run that has no study to one. The job does the same to the lineage.

        Raises:
            ValidationError: it has a study.
            PermissionDeniedError: you may not change it.

        Example:
            >>> job = client.model_runs.link_to_study(run, "Reef study")
        """
        id = self.own(run)
        study_id = self.client.registry(Subtype.STUDY).checked(study)
        request = prov_model_run_edit_link_to_study.build_request(model_run_id=id, study_id=study_id)
        return self._job_of(self.client.session.call(request))

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
        found = {one: (kinds.need(one)).to_dict() for one in template_ids(workflow)}
        return template_of(workflow, found)

    # -- many ---------------------------------------------------------------------------------------------------------

    def register_batch(
        self,
        rows: Any,
        *,
        workflow_template: Identifier | None = None,
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
            rows: records, as in `register`; or with `workflow_template`, a table: a frame, or a list of dicts, with the
                columns that `template(...)` tells, or those of the CSV files of the servers.
            workflow_template: that of all runs in a table.
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
            RunsRefusedError: rows cannot be registered as they are; nothing was sent.
            ValueError: the table lacks a column, or has one too many; nothing was sent.
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
        check_times(1, timeout)
        given, records, problems = self._read(rows, workflow_template)
        if problems and on_invalid == "raise":
            raise RunsRefusedError(problems)
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
        self, rows: Any, workflow_template: Identifier | None
    ) -> tuple[list[Any], dict[int, dict[str, Any]], dict[int, str]]:
        """Return the rows, the records of those that fit, and what is wrong with the others."""
        given = list(rows_of(rows))
        templates: dict[str, RunTemplate] = {}
        names: dict[Any, str] = {}
        if workflow_template is not None:
            template = self.template(workflow_template)
            templates[template.id] = template
            names = template.names_of(dict.fromkeys(head for row in given for head in _heads(row)))
        looked_up: _LookedUp = {}
        records: dict[int, dict[str, Any]] = {}
        problems: dict[int, str] = {}
        for number, row in enumerate(given):
            try:
                record: Any = row
                if workflow_template is not None:
                    cells = {names[head]: cell for head, cell in row.items() if head in names}
                    record = template.record_of(cells)
                template_of_row = self._template_of(record, templates, looked_up)
                records[number] = self._wire_record(record, template_of_row, looked_up)
            except (ValueError, TypeError) as error:
                problems[number] = str(error)
        return given, records, problems

    def _template_of(self, record: Any, known: dict[str, RunTemplate], looked_up: _LookedUp) -> RunTemplate | None:
        if not isinstance(record, RunRecord):
            return None
        id = self._look(looked_up, Subtype.MODEL_RUN_WORKFLOW_TEMPLATE, record.workflow_template)
        if id not in known:
            known[id] = self.template(id)
        return known[id]

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
            raise TypeError("give either the path of a CSV file, or its text")
        data: Any = text.encode() if isinstance(text, str) else text
        if path is not None:
            data = in_thread(Path(path).read_bytes)
        if not isinstance(data, bytes):
            raise TypeError(f"text must be text or bytes; got {safe_repr(text)}")
        name = "runs.csv" if path is None else Path(path).name
        body = BodyConvertModelRunsCsv(csv_file=File(payload=BytesIO(data), file_name=name, mime_type="text/csv"))
        request = prov_bulk_convert_model_runs_csv.build_request(body=body)
        answer = as_object(self.client.session.call(request))
        records = [one for one in answer.get("new_records") or () if isinstance(one, dict)]
        existing = [str(one) for one in answer.get("existing_records") or ()]
        return ConvertedRuns(records, existing, [str(one) for one in answer.get("warnings") or ()])

    def _text(self, request: dict[str, Any], path: str | os.PathLike[str] | None) -> str:
        target = None if path is None else Path(path)
        if target is not None:
            check_target(target, overwrite=False)
        response = self.client.session.call(request)
        if target is not None:
            in_thread(partial(_write, target, response.content))
        return response.content.decode("utf-8")

    # -- records ------------------------------------------------------------------------------------------------------

    def wire_record(
        self, record: RunRecord | Mapping[str, Any] | ModelRunRecord, *, template: RunTemplate | None = None
    ) -> dict[str, Any]:
        """Return a record as the server knows it: names are looked up, and it is checked against its workflow template.

        Args:
            record: the record.
            template: that of its workflow template, where it is known; it is read otherwise.

        Raises:
            IdentifierError: it names something that there is not.
            ValueError, TypeError: it does not fit, or has unknown members.
        """
        return self._wire_record(record, template, {})

    def _wire_record(self, record: Any, template: RunTemplate | None, looked_up: _LookedUp) -> dict[str, Any]:
        if isinstance(record, ModelRunRecord):
            record = record.to_dict()
        if not isinstance(record, RunRecord):
            whole: dict[str, Any] = with_handles(partial(self._look, looked_up), OF_RECORD, checked_record(record))
            return whole
        if template is None:
            template = self.template(record.workflow_template)
        look = partial(self._look, looked_up)
        made: dict[str, Any] = {
            "workflow_template_id": template.id,
            "display_name": record.display_name,
            "description": record.description,
            "start_time": as_seconds("start_time", record.start_time),
            "end_time": as_seconds("end_time", record.end_time),
        }
        if record.model_version is not None:
            made["model_version"] = require_text("model_version", record.model_version)
        annotations = texts("annotations", record.annotations)
        template.check_annotations(annotations)
        if annotations:
            made["annotations"] = annotations
        for side, given in (("input", record.inputs), ("output", record.outputs)):
            made[f"{side}s"] = self._parts(template, side, given, look)
        made["associations"] = {"modeller_id": look(Subtype.PERSON, record.modeller)}
        if record.organisation is not None:
            id = look(Subtype.ORGANISATION, record.organisation)
            made["associations"]["requesting_organisation_id"] = id
        if record.study is not None:
            made["study_id"] = look(Subtype.STUDY, record.study)
        return checked_record(made)

    def _look(self, looked_up: _LookedUp, subtype: Subtype, identifier: Any) -> str:
        """Return the handle of an item; what was looked up before, in vain or not, is not looked up again."""
        if not isinstance(identifier, str):
            return str(self.client.registry(subtype).checked(identifier))
        key = (subtype, identifier)
        if key not in looked_up:
            try:
                looked_up[key] = str(self.client.registry(subtype).checked(identifier))
            except IdentifierError as error:
                looked_up[key] = error
        found = looked_up[key]
        if isinstance(found, IdentifierError):
            raise found
        return found

    def _parts(
        self, template: RunTemplate, side: Any, given: Any, look: Callable[[Subtype, Any], str]
    ) -> list[dict[str, Any]]:
        if not isinstance(given, Mapping):
            raise ValueError(f"{side}s must be a dict of dataset template to dataset; got {safe_repr(given)}")
        roles = {}
        for key, value in given.items():
            role = template.role(side, key)
            if role.id in roles:
                raise ValueError(f"{side}s has {safe_repr(role.name)} twice")
            roles[role.id] = dataset_and_paths(f"{side}s[{key!r}]", value)
        template.check_parts(side, {id: paths for id, (_, paths) in roles.items()})
        parts = []
        for role in template.roles:
            if role.side == side and role.id in roles:
                dataset, paths = roles[role.id]
                id = look(Subtype.DATASET, dataset)
                part = {"dataset_template_id": role.id, "dataset_id": id, "dataset_type": "DATA_STORE"}
                parts.append({**part, "resources": paths} if paths else part)
        return parts

    def _job_of(self, response: Any) -> Job:
        session_id = as_object(response).get("session_id")
        if not isinstance(session_id, str) or not session_id:
            raise unusable(response, "the answer has no session_id")
        return Job({"session_id": session_id}, self.client)


def _heads(row: Any) -> Iterable[Any]:
    if not isinstance(row, Mapping):
        raise ValueError(f"with workflow_template, each row must be a dict of column to value; got {safe_repr(row)}")
    return row.keys()


def _write(path: Path, data: bytes) -> None:
    with path.open("xb") as file:
        file.write(data)
