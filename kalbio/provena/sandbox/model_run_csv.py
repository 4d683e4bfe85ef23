"""Model runs as CSV: a template with the columns of a workflow, rows as records, and the jobs of a batch as rows."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from datetime import UTC, datetime

from kalbio._core.emulator.calls import Answer
from kalbio._core.emulator.refusals import Refusal
from kalbio._core.emulator.strict_json import Document
from kalbio.provena.sandbox import jobs, records
from kalbio.provena.sandbox.errors import UNCAUGHT, success
from kalbio.provena.sandbox.store import READ, Call, Routes

routes = Routes()

_WORKFLOW = "_workflow template id "
_TIME = "(YYYY-MM-DD HH:MM:SS+HH:MM)"
_START, _END = f"execution start time {_TIME}", f"execution end time {_TIME}"
_COMMON = ("display name", "description", "model version (optional)", "agent id", "study id", _START, _END)
_STATUS = ("_job_id", "_job_status", "_model_run_record_id", "_error_info")
_SIDES = (("Input", "inputs", "input_templates"), ("Output", "outputs", "output_templates"))


class _Workflow:
    """A workflow template with its dataset templates: the columns of its runs."""

    def __init__(self, call: Call, id: str) -> None:
        text = "The provided workflow template ID was invalid, error: {}."
        self.item = _fetch(call, id, "MODEL_RUN_WORKFLOW_TEMPLATE", text)
        self.sides: list[tuple[str, str, list[Document]]] = []
        for noun, member, expected in _SIDES:
            ids = [one["template_id"] for one in self.item.get(expected) or ()]
            self.sides.append((noun, member, [_fetch(call, one, "DATASET_TEMPLATE", text) for one in ids]))
        annotations = self.item.get("annotations") or {}
        self.required = list(annotations.get("required") or ())
        self.annotations = [*self.required, *(annotations.get("optional") or ())]

    @property
    def header(self) -> list[str]:
        """The heads of the columns."""
        heads = [f"{_WORKFLOW}{self.item['id']}", *_COMMON]
        for noun, _, templates in self.sides:
            for template in templates:
                named = f"{template['display_name']} [template id: {template['id']}]"
                heads.append(f"{noun} dataset id for template: {named}")
                heads += [f"{noun} resource: {key}" for key in _keys(template)]
        return [*heads, *(f"annotation: {key}" for key in self.annotations), *_STATUS]

    def row_of(self, job: Document) -> list[str]:
        """A job of a batch, as a row."""
        record, result = job["payload"]["record"], job["result"] or {}
        cells = ["", record["display_name"], record["description"], record.get("model_version") or ""]
        cells += [record["associations"]["modeller_id"], record.get("study_id") or ""]
        cells += [str(datetime.fromtimestamp(record[name], UTC)) for name in ("start_time", "end_time")]
        for _, member, templates in self.sides:
            parts = {part["dataset_template_id"]: part for part in record[member]}
            for template in templates:
                part = parts.get(template["id"], {})
                cells.append(part.get("dataset_id", ""))
                cells += [(part.get("resources") or {}).get(key, "") for key in _keys(template)]
        cells += [(record.get("annotations") or {}).get(key, "") for key in self.annotations]
        made = (result.get("record") or {}).get("id", "")
        return [*cells, job["session_id"], job["status"], made, job["info"] if job["status"] == "FAILED" else ""]

    def record_of(self, cells: list[str], check: Callable[[str], object]) -> Document:
        """A row as a record. The requesting organisation has no column."""
        left = iter(cells[1:])
        name, description, version, modeller, study, start, end = (next(left) for _ in _COMMON)
        record: Document = {
            "workflow_template_id": self.item["id"],
            "model_version": version or None,
            "display_name": name,
            "description": description,
            "study_id": study or None,
            "associations": {"modeller_id": modeller, "requesting_organisation_id": None},
            "start_time": _seconds(start),
            "end_time": _seconds(end),
        }
        for _, member, templates in self.sides:
            record[member] = []
            for template in templates:
                dataset_id = next(left)
                check(dataset_id)
                resources = {key: path for key, path in ((key, next(left)) for key in _keys(template)) if path}
                part = {"dataset_template_id": template["id"], "dataset_id": dataset_id, "dataset_type": "DATA_STORE"}
                record[member].append({**part, "resources": resources or None})
        annotations = {key: text for key, text in ((key, next(left)) for key in self.annotations) if text}
        for key in self.required:
            if key not in annotations:
                raise Refusal(400, f"Required annotation with key {key} was either empty or None.")
        return {**record, "annotations": annotations or None}


def _keys(template: Document) -> list[str]:
    return [one["key"] for one in template.get("deferred_resources") or ()]


def _fetch(call: Call, id: str, subtype: str, text: str) -> Document:
    try:
        return records.fetch(call.store, call.caller, id, subtype)
    except Refusal as refusal:
        if refusal.status == 401:
            raise
        raise Refusal(400, text.format(refusal.message)) from None


def _seconds(text: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise Refusal(400, f"Failed to parse datetime {text}, error: {error}.") from None
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


def _as_csv(rows: list[list[str]], name: str) -> Answer:
    written = io.StringIO()
    csv.writer(written).writerows(rows)
    headers = (("content-type", "text/csv; charset=utf-8"), ("content-disposition", f'attachment; filename="{name}"'))
    return Answer(written.getvalue().encode(), 200, headers)


@routes.operation("provBulkGenerateTemplateCsv", READ)
def generate_template(call: Call) -> Answer:
    """The columns of the runs of a workflow."""
    return _as_csv([_Workflow(call, call.query["workflow_template_id"]).header], "test.csv")


@routes.operation("provBulkRegenerateFromBatchCsv", READ)
def regenerate(call: Call) -> Answer:
    """The jobs of a batch as rows, with what became of each."""
    batch = jobs.newest(call.store, "batch_id", call.query["batch_id"])
    is_own = all(job["username"] == call.caller.username for job in batch)
    if not batch or not is_own or any(job["job_sub_type"] != "MODEL_RUN_PROV_LODGE" for job in batch):
        return UNCAUGHT
    workflow = _Workflow(call, batch[0]["payload"]["record"]["workflow_template_id"])
    try:
        rows = [workflow.row_of(job) for job in batch]
    except (LookupError, TypeError, ValueError, OverflowError, OSError):  # such as a time that no calendar has
        return UNCAUGHT
    return _as_csv([workflow.header, *rows], "model_runs.csv")


@routes.operation("provBulkConvertModelRunsCsv", READ)
def convert(call: Call) -> Document:
    """Rows as records. Nothing is registered; those that have a job are told by its id."""
    text = call.files["csv_file"].data.decode("utf-8-sig", "replace")
    try:
        rows = [row for row in csv.reader(io.StringIO(text, newline="")) if any(row)]
    except csv.Error as error:
        raise Refusal(400, f"The provided CSV file could not be read: {error}.") from None
    if not rows:
        raise Refusal(400, "The provided CSV file was empty.")
    header = rows[0]
    named = re.fullmatch(f"{re.escape(_WORKFLOW)}(.*)", header[0])
    if named is None:
        raise Refusal(
            400, "Header validation error in CSV: CSV is missing the workflow template id in its first column."
        )
    workflow = _Workflow(call, named[1])
    for head in workflow.header:
        if head not in header:
            kind = "status header" if head in _STATUS else "header"
            raise Refusal(400, f"Header validation error in CSV: CSV is missing expected {kind} {head}.")
    if len(rows) == 1:
        raise Refusal(400, "The provided CSV had no non header rows.")
    made: list[Document] = []
    known: list[str] = []
    invalid = "The provided workflow template contained a dataset id {} which was invalid, error: {}."
    positions = [header.index(head) for head in workflow.header] if header != workflow.header else range(len(header))
    for cells in rows[1:]:
        filled = [*cells, *[""] * (len(header) - len(cells))]
        row = [filled[position] for position in positions]
        if job_id := row[-len(_STATUS)]:
            known.append(job_id)
        else:
            made.append(workflow.record_of(row, lambda id: _fetch(call, id, "DATASET", invalid.replace("{}", id, 1))))
    details = "Successfully generated model run records. There were 0 warnings."
    return {"status": success(details), "new_records": made, "existing_records": known, "warnings": []}
