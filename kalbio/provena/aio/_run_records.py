"""Records of model runs as people write them, made into those that the servers take: all that is wrong is told."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias

from provena_api.models import ModelRunRecord

from kalbio._core.argument_errors import ArgumentError
from kalbio._core.objects.checks import require_text
from kalbio._core.text.display import safe_repr
from kalbio.provena._model.faults import Faults
from kalbio.provena._model.references import OF_RECORD
from kalbio.provena._model.run_templates import RunTemplate
from kalbio.provena._model.runs import RunRecord, as_seconds, checked_record, dataset_and_paths, texts
from kalbio.provena._model.subtypes import Subtype
from kalbio.provena.aio._references import LookUps, with_handles
from kalbio.provena.aio._service import WithRegistry

ReadTemplate: TypeAlias = Callable[[Any], Awaitable[RunTemplate]]


class RunRecords:
    """Looks up what records name, each once, and checks them against their workflow templates."""

    def __init__(self, client: WithRegistry, read_template: ReadTemplate) -> None:
        """Prepare. `read_template` reads a workflow template, with its dataset templates."""
        self._read_template = read_template
        self.look = LookUps(client).look
        self._templates: dict[str, RunTemplate] = {}

    async def template(self, workflow_template: Any) -> RunTemplate:
        """Return a workflow template. Raises IdentifierError when there is none."""
        id = await self.look(Subtype.MODEL_RUN_WORKFLOW_TEMPLATE, workflow_template)
        if id not in self._templates:
            self._templates[id] = await self._read_template(id)
        return self._templates[id]

    async def wire(self, record: Any) -> dict[str, Any]:
        """Return a record as the server knows it. Raises the first error, with all others as its notes."""
        faults = Faults()
        if isinstance(record, Mapping):
            record = checked_record(record)  # what can be seen without a request comes first
        made = await self.gather(record, faults)
        faults.raise_first()
        return made

    async def gather(self, record: Any, faults: Faults) -> dict[str, Any]:
        """Return a record as the server knows it, and note all that is wrong; then it is of no use."""
        if isinstance(record, ModelRunRecord):
            record = record.to_dict()
        if not isinstance(record, RunRecord):
            made = checked_record(record, faults)
            whole: dict[str, Any] = await with_handles(self.look, OF_RECORD, made, faults)
            return whole
        template: RunTemplate | None = None
        with faults.of("workflow_template"):
            template = await self.template(record.workflow_template)
        return {} if template is None else await self._of(record, template, faults)

    async def _of(self, record: RunRecord, template: RunTemplate, faults: Faults) -> dict[str, Any]:
        made: dict[str, Any] = {
            "workflow_template_id": template.id,
            "display_name": record.display_name,
            "description": record.description,
        }
        for name in ("start_time", "end_time"):
            if name not in faults:
                with faults.of(name):
                    made[name] = as_seconds(name, getattr(record, name))
        if record.model_version is not None:
            with faults.of("model_version"):
                made["model_version"] = require_text("model_version", record.model_version)
        with faults.of("annotations"):
            annotations = texts("annotations", record.annotations)
            known = Faults()
            template.check_annotations(annotations, known)
            faults.found += [one for one in known.found if one[0] not in faults]
            if annotations:
                made["annotations"] = annotations
        for side, given in (("input", record.inputs), ("output", record.outputs)):
            with faults.of(f"{side}s"):
                made[f"{side}s"] = await self._parts(template, side, given, faults)
        made["associations"] = {}
        for column, member, subtype in _PEOPLE:
            given = getattr(record, column)
            if column not in faults and (given is not None or column == "modeller"):
                with faults.of(column):
                    made["associations"][member] = await self.look(subtype, given)
        if record.study is not None:
            with faults.of("study"):
                made["study_id"] = await self.look(Subtype.STUDY, record.study)
        # What is missing is told already, of the column that lacks it.
        whole, checked = Faults(), bool(faults)
        finished = checked_record(made, whole)
        faults.found += [
            one for one in whole.found if one[0] not in faults and (not checked or one[0] in _OF_THEIR_OWN)
        ]
        return finished

    async def _parts(self, template: RunTemplate, side: Any, given: Any, faults: Faults) -> list[dict[str, Any]]:
        if not isinstance(given, Mapping):
            raise ArgumentError(f"{side}s must be a dict of dataset template to dataset; got {safe_repr(given)}")
        datasets: dict[str, tuple[Any, dict[str, str]]] = {}
        for key, value in given.items():
            with faults.of(f"{side}s[{key!r}]"):
                role = template.role(side, key)
                if role.id in datasets:
                    raise ArgumentError(f"{side}s has {safe_repr(role.name)} twice")
                datasets[role.id] = dataset_and_paths(f"{side}s[{key!r}]", value)
        parts = []
        for role in template.roles:
            column = template.head(role)
            if role.side != side or column in faults:
                continue
            if role.id not in datasets:
                with faults.of(column):
                    if not role.optional:
                        raise ArgumentError(f"{side}s lacks a dataset for {safe_repr(role.name)} ({role.id})")
                continue
            dataset, paths = datasets[role.id]
            if not any(f"{column}: {one.key}" in faults for one in role.resources):
                with faults.of(column):
                    template.check_part(role, paths)
            with faults.of(column):
                id = await self.look(Subtype.DATASET, dataset)
                part = {"dataset_template_id": role.id, "dataset_id": id, "dataset_type": "DATA_STORE"}
                parts.append({**part, "resources": paths} if paths else part)
        return parts


_OF_THEIR_OWN = ("display_name", "description", "start_time")
_PEOPLE = (
    ("modeller", "modeller_id", Subtype.PERSON),
    ("organisation", "requesting_organisation_id", Subtype.ORGANISATION),
)
