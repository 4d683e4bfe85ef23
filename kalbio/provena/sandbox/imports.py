"""What an import would do to what is kept: its modes are those of groups and of the registry."""

from __future__ import annotations

from collections.abc import Mapping

from kalbio._core.emulator.strict_json import Document

Failures = list[list[str | Document]]


def find_failures(
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


def count(mode: str, kept: Mapping[str, Document], given: Mapping[str, Document]) -> Document:
    """What an import that is allowed changes, in numbers."""
    overwritten = len(kept.keys() & given.keys())
    new = len(given) - overwritten
    deleted = len(kept) - overwritten if mode == "SYNC_DELETION_ALLOWED" else 0
    return {
        "old_size": len(kept),
        "new_size": len(kept) + new - deleted,
        "deleted_entries": deleted,
        "overwritten_entries": overwritten,
        "new_entries": new,
    }
