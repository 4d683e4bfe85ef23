"""The provenance service: model runs, and the graph of what came from what."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from io import BytesIO
from typing import Any, ClassVar

from provena_api.api.prov import (
    prov_admin_config,
    prov_admin_store_all_registry_records,
    prov_admin_store_record,
    prov_admin_store_records,
    prov_bulk_convert_model_runs_csv,
    prov_bulk_generate_template_csv,
    prov_bulk_regenerate_from_batch_csv,
    prov_explore_downstream,
    prov_explore_generate_report,
    prov_explore_special_contributing_agents,
    prov_explore_special_contributing_datasets,
    prov_explore_special_effected_agents,
    prov_explore_special_effected_datasets,
    prov_explore_upstream,
    prov_health_check,
    prov_model_run_delete,
    prov_model_run_register,
    prov_model_run_register_batch,
    prov_model_run_update,
)
from provena_api.models import BodyConvertModelRunsCsv
from provena_api.types import File, Unset

from kalbio._core.argument_errors import ArgumentTypeError
from kalbio._core.concurrency.forks import cached_property
from kalbio._core.text.display import safe_repr
from kalbio.provena._model.lineage import LineageGraph
from kalbio.provena._model.schema import body_of
from kalbio.provena.aio._job import TIMEOUT
from kalbio.provena.aio._lineage_walks import LARGEST_DEPTH, LineageWalks
from kalbio.provena.aio._reports import document_of
from kalbio.provena.aio.older._calls import OlderClient, as_older_errors, flag_or_unset, text, whole_or_unset
from kalbio.provena.models import (
    ConvertModelRunsResponse,
    GenerateReportRequest,
    HealthCheckResponse,
    ItemModelRun,
    LineageResponse,
    ModelRunRecord,
    PostDeleteGraphRequest,
    PostDeleteGraphResponse,
    PostUpdateModelRunResponse,
    RegisterBatchModelRunRequest,
    RegisterBatchModelRunResponse,
    RegisterModelRunResponse,
    StatusResponse,
)


class ProvAdminClient(OlderClient):
    """What administrators do with the provenance service."""

    async def generate_config_file(self, required_only: bool) -> str:
        """Return the settings of the service, as a file of environment variables. Operation `provAdminConfig`."""
        return await self._ask_text(
            prov_admin_config.build_request(required_only=flag_or_unset("required_only", required_only))
        )

    async def store_record(self, registry_record: ItemModelRun, validate_record: bool) -> StatusResponse:
        """Write a model run of the registry into the graph. Operation `provAdminStoreRecord`."""
        return await self._ask(
            prov_admin_store_record.build_request(
                validate_record=flag_or_unset("validate_record", validate_record),
                body=body_of("registry_record", registry_record, ItemModelRun),
            ),
            StatusResponse,
        )

    async def store_multiple_records(
        self, registry_record: list[ItemModelRun], validate_record: bool
    ) -> StatusResponse:
        """Write model runs of the registry into the graph. Operation `provAdminStoreRecords`."""
        if not isinstance(registry_record, list | tuple):
            raise ArgumentTypeError(
                f"registry_record must be a list of ItemModelRun objects; got {safe_repr(registry_record)}"
            )
        records = [body_of(f"registry_record[{n}]", one, ItemModelRun) for n, one in enumerate(registry_record)]
        request = prov_admin_store_records.build_request(
            validate_record=flag_or_unset("validate_record", validate_record), body=[]
        )
        return await self._ask({**request, "json": records}, StatusResponse)

    async def store_all_registry_records(self, validate_record: bool) -> StatusResponse:
        """Write all model runs of the registry into the graph. Operation `provAdminStoreAllRegistryRecords`."""
        return await self._ask(
            prov_admin_store_all_registry_records.build_request(
                validate_record=flag_or_unset("validate_record", validate_record)
            ),
            StatusResponse,
        )

    async def delete_model_run_provenance(self, model_run_id: str, trial_mode: bool = False) -> PostDeleteGraphResponse:
        """Delete a model run from the graph; it stays in the registry. Operation `provModelRunDelete`."""
        return await self._ask(
            prov_model_run_delete.build_request(
                body=PostDeleteGraphRequest(record_id=model_run_id, trial_mode=trial_mode).to_body()
            ),
            PostDeleteGraphResponse,
        )


class ProvClient(OlderClient):
    """The provenance service.

    Its servers go 2 steps from an item by default, 4 for datasets and agents, and 10 at most. A larger `depth` is
    walked in several requests.
    """

    _elsewhere: ClassVar[Mapping[str, str]] = {
        "update_model_run": "post_update_model_run(...)",
        "convert_model_runs": "convert_model_runs_to_csv(...)",
        "convert_model_runs_to_csv_with_file": "convert_model_runs_to_csv(path.read_text())",
    }

    @cached_property
    def admin(self) -> ProvAdminClient:
        """What administrators do."""
        return self.as_kind(ProvAdminClient)

    async def get_health_check(self) -> HealthCheckResponse:
        """Check that the service answers. Operation `provHealthCheck`."""
        return await self._ask(prov_health_check.build_request(), HealthCheckResponse)

    async def post_update_model_run(
        self, model_run_id: str, reason: str, record: ModelRunRecord
    ) -> PostUpdateModelRunResponse:
        """Replace a model run; a job does it. Operation `provModelRunUpdate`."""
        return await self._ask(
            prov_model_run_update.build_request(
                body={
                    "model_run_id": text("model_run_id", model_run_id),
                    "reason": text("reason", reason),
                    "record": body_of("record", record, ModelRunRecord),
                }
            ),
            PostUpdateModelRunResponse,
        )

    async def explore_upstream(self, starting_id: str, depth: int | None = None) -> LineageResponse:
        """Find what an item came from. Operation `provExploreUpstream`."""
        return await self._explore(prov_explore_upstream.build_request, self._lineage.upstream, starting_id, depth)

    async def explore_downstream(self, starting_id: str, depth: int | None = None) -> LineageResponse:
        """Find what came from an item. Operation `provExploreDownstream`."""
        return await self._explore(prov_explore_downstream.build_request, self._lineage.downstream, starting_id, depth)

    async def get_contributing_datasets(self, starting_id: str, depth: int | None = None) -> LineageResponse:
        """Find the datasets that an item came from. Operation `provExploreSpecialContributingDatasets`."""
        return await self._explore(
            prov_explore_special_contributing_datasets.build_request,
            self._lineage.contributing_datasets,
            starting_id,
            depth,
        )

    async def get_effected_datasets(self, starting_id: str, depth: int | None = None) -> LineageResponse:
        """Find the datasets that came from an item. Operation `provExploreSpecialEffectedDatasets`."""
        return await self._explore(
            prov_explore_special_effected_datasets.build_request, self._lineage.effected_datasets, starting_id, depth
        )

    async def get_contributing_agents(self, starting_id: str, depth: int | None = None) -> LineageResponse:
        """Find the people and organisations behind what an item came from.

        Operation `provExploreSpecialContributingAgents`.
        """
        return await self._explore(
            prov_explore_special_contributing_agents.build_request,
            self._lineage.contributing_agents,
            starting_id,
            depth,
        )

    async def get_effected_agents(self, starting_id: str, depth: int | None = None) -> LineageResponse:
        """Find the people and organisations behind what came from an item.

        Operation `provExploreSpecialEffectedAgents`.
        """
        return await self._explore(
            prov_explore_special_effected_agents.build_request, self._lineage.effected_agents, starting_id, depth
        )

    async def register_batch_model_runs(
        self, model_run_batch_payload: RegisterBatchModelRunRequest
    ) -> RegisterBatchModelRunResponse:
        """Register several model runs; a job does it. Operation `provModelRunRegisterBatch`."""
        return await self._ask(
            prov_model_run_register_batch.build_request(
                body=body_of("model_run_batch_payload", model_run_batch_payload, RegisterBatchModelRunRequest)
            ),
            RegisterBatchModelRunResponse,
        )

    async def register_model_run(self, model_run_payload: ModelRunRecord) -> RegisterModelRunResponse:
        """Register a model run; a job does it. Operation `provModelRunRegister`."""
        return await self._ask(
            prov_model_run_register.build_request(body=body_of("model_run_payload", model_run_payload, ModelRunRecord)),
            RegisterModelRunResponse,
        )

    async def generate_csv_template(self, workflow_template_id: str) -> str:
        """Return the CSV table to be filled with runs of a workflow template.

        Operation `provBulkGenerateTemplateCsv`.
        """
        return await self._ask_text(
            prov_bulk_generate_template_csv.build_request(
                workflow_template_id=text("workflow_template_id", workflow_template_id)
            )
        )

    async def convert_model_runs_to_csv(self, csv_file_contents: str) -> ConvertModelRunsResponse:
        """Read model runs out of a CSV table; nothing is registered. Operation `provBulkConvertModelRunsCsv`."""
        content = BytesIO(text("csv_file_contents", csv_file_contents).encode())
        body = BodyConvertModelRunsCsv(csv_file=File(content, "runs.csv", "text/csv"))
        return await self._ask(prov_bulk_convert_model_runs_csv.build_request(body=body), ConvertModelRunsResponse)

    async def regenerate_csv_from_model_run_batch(self, batch_id: str) -> str:
        """Return the CSV table of a batch, with what became of each run.

        Operation `provBulkRegenerateFromBatchCsv`.
        """
        return await self._ask_text(
            prov_bulk_regenerate_from_batch_csv.build_request(batch_id=text("batch_id", batch_id))
        )

    async def generate_report(self, report_request: GenerateReportRequest) -> bytes:
        """Return the report about a study or a model run, a Word document.

        Operation `provExploreGenerateReport`.
        """
        body = body_of("report_request", report_request, GenerateReportRequest)
        response = await self._send(prov_explore_generate_report.build_request(body=body))
        with as_older_errors():
            return await document_of(self, response, TIMEOUT)

    @cached_property
    def _lineage(self) -> LineageWalks:
        return LineageWalks(self)

    async def _explore(
        self,
        build_request: Callable[..., dict[str, Any]],
        walk: Callable[[str, int], Awaitable[LineageGraph]],
        starting_id: str,
        depth: int | None,
    ) -> LineageResponse:
        text("starting_id", starting_id)
        steps = whole_or_unset("depth", depth)
        if isinstance(steps, Unset) or steps <= LARGEST_DEPTH:
            return await self._ask(build_request(starting_id=starting_id, depth=steps), LineageResponse)
        with as_older_errors():
            graph = await walk(starting_id, steps)
        status = {"success": True, "details": f"Found with several requests of {LARGEST_DEPTH} steps each."}
        return LineageResponse.over({"status": status, "record_count": len(graph), "graph": graph.to_dict()})
