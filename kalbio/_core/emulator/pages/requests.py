"""The pages of the last requests: what came, what was answered, and what refused it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kalbio._core.emulator import reference
from kalbio._core.emulator.access_log import KEPT_REQUESTS, Entry
from kalbio._core.emulator.emulator import Emulator
from kalbio._core.emulator.pages import PREFIX
from kalbio._core.emulator.pages.traffic import Shown
from kalbio._core.emulator.pages.visits import Page, Pages, Visit, paging
from kalbio._core.emulator.refusals import Refusal

pages: Pages[Any] = Pages()

PATH = f"{PREFIX}/requests"
_OUTCOMES: dict[str, Callable[[Entry], bool]] = {
    "refused": lambda entry: (entry.status or 0) >= 400,
    "fault": lambda entry: entry.fault is not None,
    "webhook": lambda entry: bool(entry.deliveries),
}


@pages.get(PATH, locked=False)
def last_requests(visit: Visit[Any]) -> Page:
    """The last requests, newest first, by operation and outcome."""
    emulator, query = visit.emulator, visit.query
    entries = emulator.access_log.entries()
    operation, outcome = query.get("operation"), query.get("outcome")
    found = [entry for entry in entries if operation in ("", entry.operation) and _came_to(entry, outcome)]
    part = paging(query, len(found))
    context = {
        "requests": [_shown(emulator, entry) for entry in found[part.offset : part.offset + part.size]],
        "paging": part,
        "kept": len(entries),
        "operation": operation,
        "operations": sorted({entry.operation for entry in entries if entry.operation} | ({operation} - {""})),
        "outcome": outcome,
        "statuses": sorted({str(entry.status) for entry in entries if entry.status is not None}),
        "base_url": emulator.base_url,
    }
    return Page("requests.html", "Last requests", context)


@pages.get(PATH + "/{number}", locked=False)
def request(visit: Visit[Any]) -> Page:
    """One of them, with all that is known of it."""
    entries = visit.emulator.access_log.entries()
    found = {str(entry.number): position for position, entry in enumerate(entries)}
    position = found.get(visit.path["number"])
    if position is None:
        raise Refusal(
            404, f"There is no such request any more: the last {KEPT_REQUESTS} are kept, until the sandbox ends."
        )
    entry = entries[position]
    shown = _shown(visit.emulator, entry)
    context = {
        "shown": shown,
        "entry": entry,
        "newer": entries[position - 1].number if position else None,
        "older": entries[position + 1].number if position + 1 < len(entries) else None,
        "reference": _reference(visit.emulator, entry.operation),
    }
    return Page("request.html", f"{entry.method} {shown.path}", context, (("Last requests", PATH),))


def _shown(emulator: Emulator[Any], entry: Entry) -> Shown:
    return Shown(entry, emulator.conventions.credential_headers, emulator.contract.secret_names, emulator.secrets)


def _came_to(entry: Entry, outcome: str) -> bool:
    if outcome in _OUTCOMES:
        return _OUTCOMES[outcome](entry)
    return outcome in ("", str(entry.status))


def _reference(emulator: Emulator[Any], operation_id: str | None) -> str | None:
    """Where the reference of the API explains an operation."""
    operation = emulator.contract.by_id.get(operation_id or "")
    if emulator.reference is None or operation is None:
        return None
    return f"{reference.PATH}#/{operation.spec['tags'][0]}/{operation.id}"
