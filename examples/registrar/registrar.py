"""A registrar: checks results and batches of a lab, enters them in a database of its own, and reports back.

    uvicorn registrar:app

The environment says how: `KALEIDOSCOPE_API_CLIENT_ID`, `KALEIDOSCOPE_API_CLIENT_SECRET` and `KALEIDOSCOPE_API_URL` as
for every client, `REGISTRAR_TOKEN` for what senders of webhooks must know, `REGISTRAR_FOLDER` for where to keep things.
"""

from __future__ import annotations

import logging
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from kalbio.webhooks import ReceivedDrafts, ReceivedFile, Results, receiver

FOLDER = Path(os.environ.get("REGISTRAR_FOLDER", "."))
MEASURED = "Potency (nM)"
LEAST_PURITY = 95.0

# A line for each event that is handled, refused or given up. Of other libraries, warnings only.
logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s")
logging.getLogger("kalbio.webhooks").setLevel(logging.INFO)


@contextmanager
def registry() -> Iterator[sqlite3.Connection]:
    """The registrar's own system: here a database, in yours a LIMS or an ELN. What is entered is kept at the end."""
    with closing(sqlite3.connect(FOLDER / "registry.db", timeout=30)) as database, database:
        database.execute(
            "create table if not exists entry (event text, thing text, value text, primary key (event, thing))"
        )
        yield database


# An event is handled at least once: after a crash it comes again. So what a handler enters has the key of the event in
# it, and entering it again changes nothing. Results are reported once, which `submit` sees to.


def registration_submitted(event: ReceivedFile) -> None:
    """Check a file of potencies: one outcome for each row."""
    try:
        rows = event.rows()
    except ValueError as error:  # not for this program: whoever uploaded the file can mend it
        event.fail(f"the file cannot be read: {error}")
        return
    event.push_status("validated", f"{len(rows)} rows read")
    records = {str(record): record for record in event.records()}
    results = Results()
    with registry() as database:
        for number, row in zip(rows.numbers, rows, strict=True):
            record = records.get(row.get("Compound", ""))
            if record is None:
                results.row_failed(number, f"no compound {row.get('Compound')!r} in this activity")
                continue
            try:
                potency = float(row["Potency"])
            except (KeyError, ValueError):
                results.failed(record, f"row {number}: there is no potency")
                continue
            if potency <= 0:
                results.failed(record, "a potency is above 0")
                continue
            database.execute("insert or replace into entry values (?, ?, ?)", (event.key, str(record), potency))
            results.ok(record, {MEASURED: potency})
    event.submit(results, f"{len(rows)} rows checked")


def registration_drafts_validation_requested(event: ReceivedDrafts) -> None:
    """Say what would become of drafts; nothing is entered."""
    event.submit(judge(event))


def registration_drafts_submitted(event: ReceivedDrafts) -> None:
    """Enter the drafts that are pure enough."""
    results = judge(event)
    good = [outcome["record_id"] for outcome in results.records if "error_message" not in outcome]
    with registry() as database:
        database.executemany(
            "insert or replace into entry values (?, ?, 'registered')", [(event.key, draft) for draft in good]
        )
    event.submit(results)


def judge(event: ReceivedDrafts) -> Results:
    """Return the outcome of each draft."""
    purity = event.client.entity_fields.get_data_field_by_id("Purity (%)")
    results = Results()
    for draft in event.records():
        found = draft.get_value_content(purity, event.operation_id)
        if found is None or float(found) < LEAST_PURITY:
            results.failed(draft, f"the purity is below {LEAST_PURITY:g} %")
        else:
            results.ok(draft)
    return results


app = receiver(
    {
        function.__name__: function
        for function in (
            registration_submitted,
            registration_drafts_validation_requested,
            registration_drafts_submitted,
        )
    },
    FOLDER / "inbox.db",
    token=os.environ.get("REGISTRAR_TOKEN", ""),
)
