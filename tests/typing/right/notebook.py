"""What a person writes in a notebook, from a table of the lab to a frame: all of it has a type, and none is Any."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

from kalbio import AsyncKaleidoscopeClient, F, IdentifierNotFoundError, KalbioError
from kalbio.aio.records import FileValue, RecordLink
from kalbio.reading import read_rows

PLATE: list[dict[str, object]] = [
    {"Compound": "SBX-1", "Potency (nM)": 11.5, "Soluble": True},
    {"Compound": "NEW-7", "Potency (nM)": 240.0, "Soluble": False},
]


async def notebook(client: AsyncKaleidoscopeClient, folder: Path) -> list[str]:
    """Go through a screening: look, filter, load, compare, save. Returns what was noted."""
    notes: list[str] = []
    workspace = await client.workspace.get_workspace()
    if workspace is not None and workspace.workspace_name:
        notes.append(f"in {workspace.workspace_name.lower()}")
    titles = [activity.title or "" for activity in await client.activities.get_activities()]
    notes.append(", ".join(sorted(titles)))

    # find
    potent = (F("Potency (nM)") < 100) & F("Soluble").is_set()
    found = await client.records.search_records(entity_slice_id="Compound", where=potent, sorts=["-Potency (nM)"])
    records = await client.records.get_records_by_ids(found)
    strongest = records[-1]
    notes.append(f"{len(records)} potent, {strongest.record_identifier or strongest.id} the strongest")
    since = F("Measured on").since(date(2026, 1, 1)) & F("SMILES").contains("CC")
    async for record in client.records.iter_search(entity_slice_id="Compound", where=since):
        notes.append(str(record))

    # values in their types
    potency = await strongest.value("Potency (nM)", float)
    exact = await strongest.value("Potency (nM)", Decimal)
    if potency is not None and exact is not None:
        notes.append(f"{potency / 1000:.4f} uM, {exact.as_tuple().exponent} digits")
    for name, value in (await strongest.to_row()).items():
        if isinstance(value, FileValue):
            notes.append(f"{name}: {value.name or 'file'} of {value.size or 0} bytes")
        elif isinstance(value, RecordLink):
            notes.append(f"{name}: {value.id}")
        elif isinstance(value, (bool, float, str)):
            notes.append(f"{name}: {value!s}")
    try:
        await strongest.value("potency")
    except IdentifierNotFoundError as error:
        notes.append(f"meant {error.suggestions[0]}")

    # a table
    table = await client.records.table("Compound", fields=["Compound", "Potency (nM)", "Soluble"], where=potent)
    numbers = [number for number in table.column("Potency (nM)", float) if number is not None]
    notes.append(f"{len(table)} rows of {len(table.columns)} columns, mean {sum(numbers) / len(numbers):.2f}")
    for row in table:
        notes.append(" ".join(str(cell) for cell in row.values()))
    notes.append(table.to_csv(folder / "potent.csv"))
    async for part in client.records.iter_batches("Compound", fields=["Compound"], batch_size=2):
        notes.append(f"{len(part)} of {part.schema['Compound']}")

    # load: look at the plan first
    rows = read_rows(PLATE)
    plan = await client.records.plan_upsert(rows, key="Compound", activity="Kinase screen")
    notes.append(f"{plan.records_new} new, {plan.values_changed} changed, {len(plan.refused)} refused")
    report = await plan.apply()
    again = await client.records.upsert(rows, key="Compound", activity="Kinase screen")
    notes.append(f"{report.records_made} made, ok {report.ok}, again {again.records_made}")
    notes.extend(f"{cell.key} {cell.column}: {cell.status} {cell.reason}" for cell in report if cell.status != "done")

    # who wrote what, and when
    history = await strongest.history("Potency (nM)")
    moments = [moment for moment in history.column("written_at", datetime) if moment is not None]
    newest = max(moments, default=datetime.now(UTC))
    notes.append(f"{newest.year}: {history.column('author', str)[0]}")
    try:
        written = await strongest.add_value("Purity (%)", 99.1)
        if written is not None and written.created_at is not None:
            notes.append(f"written on {written.created_at:%Y-%m-%d}")
    except KalbioError as error:
        notes.append(error.cure)

    # on with pandas
    frame = history.to_pandas()  # pandas
    notes.append(str(len(frame)))  # pandas
    return notes
