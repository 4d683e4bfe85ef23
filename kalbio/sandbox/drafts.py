"""Drafts: staged records of an operation that are not registered yet."""

from __future__ import annotations

from collections.abc import Iterable

from kalbio._core.emulator.refusals import Refusal
from kalbio._core.emulator.store import id_list
from kalbio._core.emulator.strict_json import Document
from kalbio.sandbox.store import Store


def open_drafts(store: Store, operation_id: str) -> list[str]:
    """The drafts of an operation, oldest first."""
    sql = "select id from record where draft_of = ? and archived = 0 order by created"
    return [row[0] for row in store.rows(sql, operation_id)]


def need_free(store: Store, operation_id: str, record_ids: Iterable[str]) -> list[str]:
    """These drafts, or a refusal: 400 for a stranger, 409 for a draft that a submission under way holds."""
    wanted = list(dict.fromkeys(record_ids))
    known = set(open_drafts(store, operation_id))
    strangers = [record_id for record_id in wanted if record_id not in known]
    if strangers:
        raise Refusal(400, f"records are not drafts of operation {operation_id}: {', '.join(strangers[:5])}")
    held = {
        record_id
        for submission in store.all("submission", operation_id)
        if holds_drafts(submission)
        for record_id in submission["submitted_record_ids"]
    }
    busy = [record_id for record_id in wanted if record_id in held]
    if busy:
        raise Refusal(409, f"drafts are pending or submitted: {', '.join(busy[:5])}")
    return wanted


def holds_drafts(submission: Document) -> bool:
    """Whether its drafts may be neither changed nor submitted again for now."""
    if submission["is_closed"]:
        return False
    return submission["submission_type"] == "registration" or submission["status"] in ("pending", "submitted")


def archive(store: Store, record_ids: Iterable[str]) -> None:
    """Take drafts out of the staging table."""
    store.run("update record set archived = 1 where id in (select value from json_each(?))", id_list(record_ids))
