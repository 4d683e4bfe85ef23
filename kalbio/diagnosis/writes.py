"""The scenario of `--writes`: a program of its own, and a little of everything that can be written there.

Nothing of others is touched. What it makes stays, for the platform deletes none of it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from kalbio._core.diagnosis.exchanges import Call, Exchange, Steps

ANNOUNCEMENT = """\
--writes adds to the workspace, and the platform deletes none of it:
  a program, an experiment, a key field, three or more data fields, a few records with values and a small file,
  two imports of three rows in all, and two table templates, which it deletes again.
All of it has "kalbio doctor" and the present time in its name. Nothing that is there already is changed.
"""

_REGISTRAR = "would hand something to the registrar of the workspace"
_DEFINITION = "would change a definition that others use"
_DASHBOARD = "would change a dashboard of others; the API makes none"
_VIEW = "would change a table of others"

NOT_CALLED: dict[str, str] = {
    "updateActivityDefinition": _DEFINITION,
    "updateProperty": "a new activity without a definition has no properties; those of others are left alone",
    "uploadPropertyFile": "an upload to a property may start a registration",
    "postOperationCallback": "nobody knows what a call would do",
    "addRecordViewKeyField": _VIEW,
    "replaceRecordViewKeyFields": _VIEW,
    "promoteRecordView": _DEFINITION,
    "linkRecordViewTemplate": _DEFINITION,
    "unlinkRecordViewTemplate": _DEFINITION,
    "bulkLinkRecordViewTemplate": _DEFINITION,
    "bulkUnlinkRecordViewTemplate": _DEFINITION,
    "pushImportFromSource": "needs a source, which the API does not list",
    "createImport": _REGISTRAR,
    "runImport": _REGISTRAR,
    "createDashboardCategory": _DASHBOARD,
    "deleteDashboardCategory": _DASHBOARD,
    "addDashboardRecord": _DASHBOARD,
    "removeDashboardRecord": _DASHBOARD,
    "addDashboardSet": _DASHBOARD,
    "removeDashboardSet": _DASHBOARD,
    "registerFile": _REGISTRAR,
    "updateRegistrationFileStatus": _REGISTRAR,
    "submitRegistrationResults": _REGISTRAR,
    "validateDrafts": _REGISTRAR,
    "submitDrafts": _REGISTRAR,
    "updateSubmissionStatus": _REGISTRAR,
    "submitSubmissionResults": _REGISTRAR,
    "clearDrafts": _REGISTRAR,
}
"""The writing operations that the scenario leaves out, and why."""

_MADE = {
    "createProgram": "a program",
    "getOrCreateKeyField": "a key field",
    "getOrCreateDataField": "a data field",
    "getOrCreateRecord": "a record",
    "addRecordValue": "a value",
    "uploadRecordValueFile": "a file",
    "createActivity": "an experiment",
    "pushImport": "an import",
    "pushImportByFieldId": "an import",
    "createRecordViewTemplate": "a table template, deleted again",
    "duplicateRecordViewTemplate": "a copy of the template, deleted again",
}


def written(exchanges: Iterable[Exchange]) -> list[str]:
    """What was added, as far as the answers tell; what may have been added although no answer came is told too."""
    found = []
    for one in exchanges:
        name = _MADE.get(one.call.operation)
        if name:
            if one.is_good:
                found.append(name)
            elif one.status is None or one.status >= 500:
                found.append(f"{name}, perhaps: the answer was lost")
    return [f"{name} ({found.count(name)})" if found.count(name) > 1 else name for name in dict.fromkeys(found)]


def _id(exchange: Exchange) -> str | None:
    data = exchange.data[0] if isinstance(exchange.data, list) and exchange.data else exchange.data
    found = data.get("id") if exchange.is_good and isinstance(data, dict) else None
    return found if isinstance(found, str) else None


def scenario(stamp: str) -> Steps:
    """Write a little of everything under names that end in `stamp`."""
    name = f"kalbio doctor {stamp}"
    program = _id((yield Call("createProgram", json={"title": name})))
    if program is None:  # whatever else were written would be in no program of its own
        return
    yield Call("updateProgram", {"program_id": program}, json={"title": f"{name} program"})
    key = _id((yield Call("getOrCreateKeyField", json={"field_name": f"{name} key"})))
    number = {"field_name": f"{name} number", "field_type": "number"}
    field = _id((yield Call("getOrCreateDataField", json=number)))
    yield Call("getOrCreateDataField", json={**number, "field_type": "text"}, is_probe=True)
    upload = _id((yield Call("getOrCreateDataField", json={"field_name": f"{name} file", "field_type": "file"})))
    if key is None or field is None or upload is None:
        return
    described = {"field_description": "made by kalbio doctor"}
    yield Call("updateKeyField", {"field_id": key}, json=described)
    yield Call("updateDataField", {"field_id": field}, json=described)
    yield from _records(name, program, key, field, upload)


def _records(name: str, program: str, key: str, field: str, upload: str) -> Steps:
    made = yield Call("getOrCreateRecord", json={"key_field_to_value": {key: f"{name} 1"}})
    record = _id(made)
    yield Call("getOrCreateRecord", json={"key_field_to_value": {key: f"{name} 1"}})  # the same again: it is there
    if record is None:
        return
    there = {"record_id": record}
    yield Call("addRecordValue", there, json={"field_id": field, "content": 2.5})
    target = ("body", (None, json.dumps({"field_id": upload}).encode(), "application/json"))
    file = ("file", ("doctor.txt", b"made by kalbio doctor\n", "text/plain"))
    yield Call("uploadRecordValueFile", there, files=[target, file])
    new = {"title": name, "activity_type": "experiment", "program_ids": [program]}
    first = _id((yield Call("createActivity", json={**new, "record_ids": [record]}, is_probe=True)))
    run = first or _id((yield Call("createActivity", json=new)))
    if run is not None:
        here, records = {"operation_id": run}, {"record_ids": [record]}
        yield Call("updateActivity", {"activity_id": run}, json={"title": f"{name} run"})
        yield Call("addOperationRecords", here, json=records)
        yield Call("addRecordValue", there, json={"field_id": field, "content": 3, **here})
        yield Call("listOperationRecords", here)
        yield Call("removeOperationRecords", here, json=records)
    yield Call("listRecordValues", there)
    yield from _imports(name, program, key, field)
    entity_slice = made.data.get("entity_slice_id") if isinstance(made.data, dict) else None
    if isinstance(entity_slice, str):
        yield from _templates(name, entity_slice)


def _imports(name: str, program: str, key: str, field: str) -> Steps:
    rows = [
        {f"{name} key": f"{name} {number}", f"{name} text": "some", f"{name} count": 1.5, f"{name} flag": True}
        for number in (2, 3)
    ]
    pushed = yield Call("pushImport", json={"key_field_names": [f"{name} key"], "data": rows, "program_id": program})
    yield from _look_at_import(pushed)
    row = {key: f"{name} 4", field: 4}
    pushed = yield Call(
        "pushImportByFieldId",
        json={"key_field_ids": [key], "data": [row], "record_view_ids": [], "program_id": program},
    )
    yield from _look_at_import(pushed)
    yield Call("listDataFields")


def _look_at_import(pushed: Exchange) -> Steps:
    found = pushed.data.get("import_id") if isinstance(pushed.data, dict) else None
    for _ in range(5 if isinstance(found, str) else 0):
        seen = yield Call("getImport", {"import_id": str(found)}, is_pause=True)
        if not isinstance(seen.data, dict) or seen.data.get("is_complete"):
            return


def _templates(name: str, entity_slice: str) -> Steps:
    template = _id((yield Call("createRecordViewTemplate", json={"view_name": name, "entity_slice_id": entity_slice})))
    if template is None:
        return
    there = {"template_id": template}
    yield Call("getRecordViewTemplate", there)
    yield Call("updateRecordViewTemplate", there, json={"view_name": f"{name} table"})
    copy = _id((yield Call("duplicateRecordViewTemplate", there, json={})))
    for one in (copy, template):
        if one is not None:
            yield Call("deleteRecordViewTemplate", {"template_id": one})
