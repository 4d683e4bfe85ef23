"""Registrations of files and of drafts: where they stand, what was sent for them, and how they are begun."""

from __future__ import annotations

import json
import re
from urllib.parse import quote

from kalbio._core.emulator.messages import Delivery, Request
from kalbio._core.emulator.pages import PREFIX
from kalbio._core.emulator.pages.visits import Page, Redirect, paging
from kalbio._core.emulator.refusals import Refusal
from kalbio._core.emulator.store import id_list
from kalbio._core.emulator.strict_json import Document, Json
from kalbio.sandbox.contract import load_contract
from kalbio.sandbox.pages.visits import Pages, Visit, newest_of, titles, user_names

pages = Pages()

_CRUMBS = (("Registrations", f"{PREFIX}/registrations"),)
_BACK = re.compile(rf"{PREFIX}/registrations(?:/[\w-]+)?", re.ASCII)
_BOTH = "kind in ('registration', 'submission')"
_WEBHOOKS_IN_LIST = 50
_LONGEST_LIST = 200
_FILE_STEPS = ("pending", "validated", "submitted", "completed")


@pages.get(f"{PREFIX}/registrations")
def registrations(visit: Visit) -> Page:
    """Registrations, newest first, and the webhooks that were sent since the sandbox began."""
    store = visit.store
    part = paging(visit.query, store.rows(f"select count(*) from document where {_BOTH}")[0][0])  # noqa: S608
    found = newest_of(store, _BOTH, [], part.size, part.offset)
    sent = list(enumerate(visit.emulator.webhook_log))[: -_WEBHOOKS_IN_LIST - 1 : -1]
    operations = [*(one["operation_id"] for one in found), *(one.payload.get("operation_id") for _, one in sent)]
    context = {
        "registrations": found, "paging": part, "webhooks": sent, "titles": titles(store, operations),
    }  # fmt: skip
    return Page("registrations.html", "Registrations", context)


@pages.get(f"{PREFIX}/registrations/{{registration_id}}")
def registration(visit: Visit) -> Page:
    """One registration, and the webhooks that were sent for it."""
    store, id_ = visit.store, visit.path["registration_id"]
    found = store.get("registration", id_) or store.get("submission", id_)
    if found is None:
        raise Refusal(404, "There is no such registration.")
    is_file = "file_id" in found
    record_ids = found["record_ids"] if is_file else found["submitted_record_ids"]
    shown = [*(error["source_record_id"] for error in found["record_errors"]), *record_ids[:_LONGEST_LIST]]
    rows = store.rows(
        "select id, identifier, archived from record where id in (select value from json_each(?))", id_list(shown)
    )
    files = store.rows("select name, length(data) from file where id = ?", found["file_id"]) if is_file else []
    log = enumerate(visit.emulator.webhook_log)
    context = {
        "registration": found,
        "is_file": is_file,
        "file": files[0] if files else None,
        "steps": _steps(found) if is_file else [],
        "record_ids": record_ids[:_LONGEST_LIST],
        "left": max(0, len(record_ids) - _LONGEST_LIST),
        "records": {row[0]: row[1] for row in rows},
        "there": {row[0] for row in rows if not row[2]},
        "errors": found["record_errors"],
        "webhooks": [(number, one) for number, one in log if _is_about(one, found)][::-1],
        "titles": titles(store, [found["operation_id"]]),
        "names": user_names(store),
    }
    title = f"Registration of {files[0][0]}" if files else f"{found.get('submission_type', 'registration')} of drafts"
    return Page("registration.html", title[:1].upper() + title[1:], context, _CRUMBS)


@pages.post(f"{PREFIX}/activities/{{activity_id}}/register")
def register(visit: Visit) -> Redirect:
    """Submit the file of an activity for registration, as its button in the app does."""
    path = {"operation_id": visit.path["activity_id"], "file_id": visit.form.get("file")}
    found = _carry_out(visit, "registerFile", path, {})
    return Redirect(f"{PREFIX}/registrations/{found['id']}")


@pages.post(f"{PREFIX}/activities/{{activity_id}}/drafts/{{what}}")
def submit(visit: Visit) -> Redirect:
    """Submit the drafts of an activity, or have them validated."""
    operation_id = {"submit": "submitDrafts", "validate": "validateDrafts"}.get(visit.path["what"])
    if operation_id is None:
        raise Refusal(404, "There is no such form.")
    found = _carry_out(visit, operation_id, {"operation_id": visit.path["activity_id"]}, {})
    return Redirect(f"{PREFIX}/registrations/{found['id']}")


@pages.post(f"{PREFIX}/webhooks/{{number}}/send")
def send_again(visit: Visit) -> Redirect:
    """Send a webhook once more, and go back to where it was shown."""
    number = visit.path["number"]
    if not (number.isascii() and number.isdecimal() and len(number) < 10):
        raise Refusal(404, "There is no such webhook.")
    visit.emulator.send_webhook_again(int(number))
    back = visit.form.get("back")
    is_ours = _BACK.fullmatch(back) is not None  # it becomes a header
    return Redirect(back if is_ours else f"{PREFIX}/registrations")


def _carry_out(visit: Visit, operation_id: str, path: Document, body: Json) -> Document:
    """Carry out an operation by a request like any other, which meets the same checks and leaves the same traces."""
    target = load_contract().path_of(operation_id, **{name: quote(value, safe="") for name, value in path.items()})
    headers = [
        ("content-type", "application/json"), ("x-kal-authorization", f"Bearer {visit.emulator.issue_token()}"),
    ]  # fmt: skip
    answer = visit.emulator.handle(Request("POST", target, headers, json.dumps(body).encode()))
    found: Document = answer.json()
    if answer.status >= 400:
        raise Refusal(answer.status, str(found.get("message", found)))
    return found


def _steps(registration: Document) -> list[tuple[str, str]]:
    """The way of a registration, with what became of each step: `done`, `now` or `ahead`."""
    state = registration["status"]
    names = [*_FILE_STEPS]
    if state == "failed":
        names[-1] = state
    elif state == "validation_failed":
        names[1] = state
    at = names.index(state)
    return [(name, "done" if n < at or state in ("completed", "failed") else "now" if n == at else "ahead")
            for n, name in enumerate(names)]  # fmt: skip


def _is_about(delivery: Delivery, registration: Document) -> bool:
    """Whether a webhook was sent for a registration."""
    payload = delivery.payload
    if "file_id" in registration:
        keys = ("operation_id", "file_id")
        return all(payload.get(key) == registration[key] for key in keys)
    return bool(payload.get("submission_id") == registration["id"])
