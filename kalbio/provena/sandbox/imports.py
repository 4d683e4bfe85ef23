"""Imports of groups and of the registry: what one would do to what is kept, and how it answers."""

from __future__ import annotations

from collections.abc import Mapping

from kalbio._core.emulator.strict_json import Document, Json
from kalbio.provena.sandbox.errors import failure, success

Failures = list[list[Json]]


def plan(
    body: Document, kept: Mapping[str, Document], broken: Failures, sizes: tuple[str, str]
) -> tuple[set[str], Document]:
    """What an import takes away, those included that it replaces, and its answer.

    Args:
        body: the request.
        kept: what there is, by id.
        broken: the items that cannot be imported, each after the reason.
        sizes: what the answer calls the numbers of items before and after.
    """
    mode, is_trial = body["import_mode"], body.get("trial_mode", True)
    nothing: Document = {"trial_mode": is_trial, "statistics": None, "failure_list": None}
    if broken:
        text = f"There were {len(broken)} items with parsing issues! See failure list."
        return set(), {"status": failure(text), **nothing, "failure_list": broken}
    given = {item["id"]: item for item in body["items"]}
    failures = _find_failures(mode, kept, given, may_delete=body.get("allow_entry_deletion", False))
    if failures:
        text = "There were errors during validation of the import mode, see the failure list."
        return set(), {"status": failure(text), **nothing, "failure_list": failures}
    told = success(f"{'TRIAL: ' if is_trial else ''}Successfully imported with mode: ImportMode.{mode}.")
    answer = {"status": told, **nothing, "statistics": _count(mode, kept, given, sizes)}
    return set(kept) if mode == "SYNC_DELETION_ALLOWED" else kept.keys() & given.keys(), answer


def is_done(answer: Document) -> bool:
    """Whether an import is carried out that is answered so."""
    return answer["status"]["success"] is True and answer["trial_mode"] is False


def refuse_table(body: Document, told: str) -> Document:
    """The answer to what cannot be restored from a table."""
    is_trial = body.get("trial_mode", True)
    return {"status": failure(told), "trial_mode": is_trial, "statistics": None, "failure_list": None}


UNKNOWN_TABLE = (
    "Failed to scan the Database. Error: An error occurred (ResourceNotFoundException) when calling the Scan "
    "operation: Requested resource not found"
)
"""What a table that there is not is told with."""


def _find_failures(
    mode: str, kept: Mapping[str, Document], given: Mapping[str, Document], *, may_delete: bool
) -> Failures:
    """What the mode of an import does not allow: pairs of a reason and an item."""
    failures: Failures = []
    for id, item in given.items():
        if mode == "ADD_ONLY" and id in kept:
            failures.append([f"Overlapping item on add only mode {id}", item])
        if mode == "OVERWRITE_ONLY" and id not in kept:
            failures.append([f"Item {id} does not already exist", item])
    for id, item in kept.items():
        if id in given:
            continue
        if mode == "SYNC_ADD_OR_OVERWRITE":
            failures.append([f"Item {id} currently exists but not provided in update", item])
        if mode == "SYNC_DELETION_ALLOWED" and not may_delete:
            failures.append([f"Item {id} will be deleted but deletion not explicitly enabled", item])
    return failures


def _count(mode: str, kept: Mapping[str, Document], given: Mapping[str, Document], sizes: tuple[str, str]) -> Document:
    """What an import that is allowed changes, in numbers."""
    overwritten = len(kept.keys() & given.keys())
    new = len(given) - overwritten
    deleted = len(kept) - overwritten if mode == "SYNC_DELETION_ALLOWED" else 0
    return {
        sizes[0]: len(kept),
        sizes[1]: len(kept) + new - deleted,
        "deleted_entries": deleted,
        "overwritten_entries": overwritten,
        "new_entries": new,
    }
