"""Items of Provena have the members of their subtype: what is right has its type, and a slip does not type-check."""

from __future__ import annotations

from typing import assert_type

from kalbio.provena import AsyncProvenaClient, RunRecord
from kalbio.provena.aio.items import CreateActivity, Dataset, Model, ModelRun, Person, Study


async def reads(client: AsyncProvenaClient) -> None:
    """Each service gives items of its subtype."""
    model = await client.models.need("Coral model")
    assert_type(model, Model)
    assert_type(model.source_url, str | None)
    assert_type(model.display_name, str | None)
    assert_type(await client.models.get("Coral model"), Model | None)
    assert_type(await client.persons.list(limit=3).all(), list[Person])
    assert_type((await client.persons.need("Ada")).ethics_approved, bool | None)
    assert_type(await client.registry("CREATE").list().all(), list[CreateActivity])
    async for study in client.studies.list():
        assert_type(study, Study)
    model.source_ur  # error
    model.email  # error
    (await client.studies.need("Reef")).titel  # error
    (await client.models.get("Coral model")).source_url  # error
    await client.models.ned("Coral model")  # error
    client.model  # error
    model.source_url = "x"  # error


async def parts(client: AsyncProvenaClient) -> None:
    """Data inside of data have the members of their schemas."""
    dataset = await client.datasets.need("Forcing")
    assert_type(dataset, Dataset)
    metadata = dataset.collection_format
    if metadata is not None:
        assert_type(metadata["dataset_info"]["name"], str)
        assert_type(metadata["dataset_info"]["keywords"], list[str] | None)
        metadata["dataset_info"]["nme"]  # error
        metadata["info"]  # error
    assert_type([entry["action"] for entry in dataset.release_history], list[str])
    dataset.release_history[0]["acton"]  # error
    if dataset.versioning_info is not None:
        assert_type(dataset.versioning_info["next_version"], str | None)
    run = await client.model_runs.need("Run 7")
    assert_type(run, ModelRun)
    if run.record is not None:
        assert_type(run.record["inputs"][0]["dataset_id"], str)
        run.record["input"]  # error
    workflow = await client.workflow_templates.need("Coral workflow")
    assert_type([one["template_id"] for one in workflow.input_templates], list[str])
    workflow.input_templates[0]["template"]  # error


async def writes(client: AsyncProvenaClient, model: Model, record: RunRecord) -> None:
    """Writes give items of the same subtype, and take their options by name."""
    assert_type(await model.update(reason="x", name="y", verify=True), Model)
    assert_type(await model.version("next"), Model)
    assert_type(await model.versions(), list[Model])
    assert_type(await client.models.create(display_name="x", name="y"), Model)
    assert_type(await client.datasets.mint({}, verify=True), Dataset)
    job = await client.model_runs.register(record)
    assert_type(await client.model_runs.run_of(job), ModelRun)
    await model.lock()  # error
    await client.models.revert("Coral model", "0", "why")  # error
    await client.datasets.download("Forcing", "folder", overwright=True)  # error
    await client.jobs.wait(5)  # error


async def some_item(client: AsyncProvenaClient) -> None:
    """What may be of any subtype has what all items have; a look at its class gives the rest."""
    item = await client.registry.get("10378.1/1451860")
    if isinstance(item, Person):
        assert_type(item.email, str | None)
    elif item is not None:
        assert_type(item.item_subtype, str)
        item.email  # error
