"""The data store: datasets with their metadata, and credentials and links for their files."""

from __future__ import annotations

import json
import secrets
from datetime import timedelta
from typing import Any
from urllib.parse import quote, urlencode

from kalbio._core.emulator.calls import Answer
from kalbio._core.emulator.refusals import Refusal
from kalbio._core.emulator.strict_json import Document
from kalbio.provena.sandbox import activities, items, listing, objects
from kalbio.provena.sandbox.contract import find_violations
from kalbio.provena.sandbox.dataset_metadata import complete, find_objection, hidden_member, require_form
from kalbio.provena.sandbox.errors import failure, not_found, success
from kalbio.provena.sandbox.forms import shown
from kalbio.provena.sandbox.items import ITEM
from kalbio.provena.sandbox.links import require_person
from kalbio.provena.sandbox.registry import find_entry, require_newest, schema_of
from kalbio.provena.sandbox.store import READ, WRITE, Call, Routes, Store, digest

routes = Routes()

SUBTYPE = "DATASET"
KEYS = "s3_keys"
LINKS = "s3_link"
_SESSION = timedelta(hours=8)
_LINK_LIFETIME = 10_800

_NOT_FOUND = "The registry API responded with status success False during dataset fetching. Details: {}."
_NO_DATASET = (
    "The record was found but could not parsed as an appropriate type: Error The record was marked as a "
    "COMPLETE_ITEM but could not be parsed as the correct model.."
)
_UPDATED = "Successfully updated metadata in Registry and S3 bucket - see location details."


def find_dataset(call: Call, id: str) -> Document:
    """A dataset that the caller may see; else the refusal of the data store."""
    item = call.store.get(ITEM, id)
    if item is None:
        raise Refusal(400, _NOT_FOUND.format(not_found(id)))
    if not items.may_read(call.store, call.caller, item):
        text = "You are not authorised to fetch this item."
        raise Refusal(401, f"Registry did not grant access to the dataset. Details: {text}.")
    if item["item_subtype"] != SUBTYPE or find_violations(SUBTYPE, item):
        raise Refusal(400, _NOT_FOUND.format(_NO_DATASET))
    return item


def is_locked(store: Store, id: str) -> bool:
    """Whether a dataset is locked."""
    locked: bool = items.lock(store, id)["locked"]
    return locked


# metadata


@routes.operation("datastoreMetadataDatasetSchema", READ)
def schema(call: Call) -> Document:
    """The JSON schema of the metadata."""
    return {"json_schema": schema_of("CollectionFormat")}


@routes.operation("datastoreMetadataValidateMetadata", READ)
def validate(call: Call) -> Document:
    """Whether metadata could be registered."""
    require_form(call.body)
    hidden = hidden_member(call.body)
    if hidden is not None:
        text = f"Additional properties are not allowed ('{hidden}' was unexpected)"
        return failure(f"Exception when validating against schema: {text}")
    objection = find_objection(call.store, call.body)
    return success("Validation successful.") if objection is None else failure(objection)


def _objection(store: Store, metadata: Document) -> str | None:
    hidden = hidden_member(metadata)
    if hidden is not None:
        text = f"Additional properties are not allowed ('{hidden}' was unexpected)"
        return f'Failed to validate metadata against schema. Error ["{text}"]'
    return find_objection(store, metadata)


@routes.operation("datastoreRegisterMintDataset", READ, WRITE)
def mint(call: Call) -> Document:
    """A dataset with a place for its files, which has its metadata already."""
    store, username = call.store, call.caller.username
    require_form(call.body)
    objection = _objection(store, call.body)
    if objection is not None:
        nothing = {"handle": None, "s3_location": None, "register_create_activity_session_id": None}
        return {"status": failure(objection), **nothing}
    try:
        person_id = require_person(store, username)
    except Refusal as refusal:
        text = f"Status code: {refusal.status}. Details: {refusal.message}."
        raise Refusal(500, f"Unexpected non 200 status code in dataset minting process. {text}") from None
    item = items.seed(store, SUBTYPE, username)
    location = _location(item["id"])
    released = {"release_history": [], "release_status": "NOT_RELEASED"}
    data = {**_data(complete(call.body)), "s3": location, **released}
    item = items.update(store, item, data, username)
    _write_metadata(store, item)
    return {
        "status": success("Successfully seeded location - see location details."),
        "handle": item["id"],
        "s3_location": location,
        "register_create_activity_session_id": activities.register_creation(store, item, username, person_id),
    }


def _data(metadata: Document) -> Document:
    info = metadata["dataset_info"]
    return {
        "display_name": info["name"],
        "collection_format": metadata,
        "access_info_uri": info["access_info"]["uri"],
        "user_metadata": info["user_metadata"],
    }


def _location(id: str) -> Document:
    path = f"datasets/{id.replace('.', '-').replace('/', '-')}/"
    return {"bucket_name": objects.BUCKET, "path": path, "s3_uri": f"s3://{objects.BUCKET}/{path}"}


def _write_metadata(store: Store, item: Document) -> None:
    text = json.dumps(item["collection_format"], indent=2)
    objects.put_text(store, f"{item['s3']['path']}metadata.json", text)


@routes.operation("datastoreRegisterUpdateMetadata", READ, WRITE)
def update(call: Call) -> Document:
    """Other metadata, whatever the state of its release is."""
    require_form(call.body)
    item = _editable(call, call.query["handle_id"])
    objection = _objection(call.store, call.body)
    if objection is not None:
        raise Refusal(400, objection)
    item = _changed(call, item, _data(complete(call.body)), call.query["reason"])
    return {"status": success(_UPDATED), "handle": item["id"], "s3_location": item["s3"]}


@routes.operation("datastoreRegisterRevertMetadata", READ, WRITE)
def revert(call: Call) -> Document:
    """The metadata of an earlier state, as a further entry of its history."""
    item = _editable(call, call.body["id"])
    number = call.body["history_id"]
    old = find_entry(item, number)["item"]
    data = _data(complete(old["collection_format"]))
    _changed(call, item, data, f"Reverting dataset to history id {number}. Reason: {call.body['reason']}.")
    return {"status": success("Successfully reverted metadata in Registry and S3 bucket - see location details.")}


def _editable(call: Call, id: str) -> Document:
    item = find_dataset(call, id)
    if not items.may_write(call.store, call.caller, item):
        raise Refusal(401, "You are not authorised to write metadata for this dataset!")
    if is_locked(call.store, id):
        text = "you cannot update the metadata. Unlock the dataset first."
        raise Refusal(401, f"This dataset is locked - {text}")
    return item


def _changed(call: Call, item: Document, data: Document, reason: str) -> Document:
    changed = items.update(call.store, item, {**items.data_of(item), **data}, call.caller.username, reason)
    _write_metadata(call.store, changed)
    return changed


@routes.operation("datastoreRegisterVersion", READ, WRITE)
def version(call: Call) -> Document:
    """The next version, with a place of its own and no files but the metadata."""
    store, username, id = call.store, call.caller.username, call.body["id"]
    try:
        person_id = require_person(store, username)
        old = require_newest(call, id, SUBTYPE)
    except Refusal as refusal:
        if refusal.status == 401:
            text = f"You are not authorised to revise the item (id='{id}')."
            raise Refusal(401, f"Dataset version failed, not authorised 401. Details: {text}.") from None
        text = f"Status code: {refusal.status}. Details: {refusal.message}."
        raise Refusal(400, f"Non 200 status code in dataset version process. {text}") from None
    new = items.version(store, old, username, call.body["reason"])
    begun: Document = {"release_history": [], "release_status": "NOT_RELEASED"}
    data = {**items.data_of(new), "s3": _location(new["id"]), **begun}
    data = {name: value for name, value in data.items() if name not in ("release_approver", "release_timestamp")}
    reason = "(System) Dataset S3 path updated to new version's storage location"
    new = items.update(store, new, data, username, reason)
    _write_metadata(store, new)
    session_id = activities.register_version(store, new, username, person_id)
    return {"new_version_id": new["id"], "version_job_session_id": session_id}


# reading


@routes.operation("datastoreRegistryItemsFetchDataset", READ)
def fetch(call: Call) -> Document:
    """One dataset."""
    item = find_dataset(call, call.query["handle_id"])
    return {
        "status": success(f"Successfully fetched data for handle '{item['id']}'"),
        "item": shown(item),
        "roles": items.roles(call.store, call.caller, item),
        "locked": is_locked(call.store, item["id"]),
    }


@routes.operation("datastoreRegistryItemsList", READ)
def list_datasets(call: Call) -> Document:
    """One page of datasets."""
    try:
        return listing.page_of(call, SUBTYPE)
    except Refusal as refusal:
        if refusal.status == 422:
            raise
        text = f"Status code: {refusal.status}. Details: {refusal.message}."
        raise Refusal(500, f"Unexpected non 200 status code in dataset list process. {text}") from None


# files


@routes.operation("datastoreRegistryCredentialsGenerateReadAccessCredentials", READ)
def read_credentials(call: Call) -> Any:
    """Credentials to read the files of a dataset."""
    item = find_dataset(call, call.body["dataset_id"])
    require_files(call, item, "dataset-data-read", "read from")
    return _credentials(call, item, writes=False)


@routes.operation("datastoreRegistryCredentialsGenerateWriteAccessCredentials", READ)
def write_credentials(call: Call) -> Any:
    """Credentials to read and write the files of a dataset that nobody reviews or has reviewed."""
    item = find_dataset(call, call.body["dataset_id"])
    require_files(call, item, "dataset-data-write", "write to")
    if is_locked(call.store, item["id"]):
        text = "you cannot modify the files of a locked dataset. Unlock the dataset first."
        raise Refusal(401, f"This dataset is locked - {text}")
    if item["release_status"] != "NOT_RELEASED":
        text = "is pending review or is released. Cannot modify dataset files while a review is ongoing."
        raise Refusal(403, f"Dataset {item['id']} {text}")
    return _credentials(call, item, writes=True)


def require_files(call: Call, item: Document, role: str, verb: str) -> None:
    """Refuse those who may not do something with the files of a dataset."""
    if role not in items.roles(call.store, call.caller, item):
        raise Refusal(401, f"You do not have sufficient permissions to {verb} this dataset!")


def secrets_of(store: Store, id: str) -> tuple[str, str]:
    """The secret and the token of credentials, which no database holds."""
    return f"sandbox-secret-{store.derive('secret of', id)}", f"sandbox-token-{store.derive('token of', id)}"


def _credentials(call: Call, item: Document, *, writes: bool) -> Document:
    if call.body["console_session_required"]:
        text = "there is no sign-in service beside the sandbox"
        raise Refusal(500, f"Something went wrong when trading credentials for console session: {text}.")
    store = call.store
    ends = store.clock.now() + _SESSION
    keys = {
        "id": "SANDBOX" + secrets.token_hex(8).upper(),
        "ends": store.seconds() + int(_SESSION.total_seconds()),
        "prefix": item["s3"]["path"],
        "writes": writes,
    }
    store.add(KEYS, keys)
    secret, token = secrets_of(store, keys["id"])
    return {
        "status": success("STS credentials generated successfully for specified path."),
        "credentials": {
            "aws_access_key_id": keys["id"],
            "aws_secret_access_key": secret,
            "aws_session_token": token,
            "expiry": ends.isoformat(),
        },
        "console_session_url": None,
    }


@routes.operation("datastoreRegistryItemsGeneratePresignedUrl", READ)
def presign(call: Call) -> Document | Answer:
    """A link to a file, for a while."""
    store, path = call.store, call.body["file_path"]
    item = find_dataset(call, call.body["dataset_id"])
    require_files(call, item, "dataset-data-read", "read from")
    if "../" in path:
        raise Refusal(400, f"File path '{path}' contains '../' which is not allowed.")
    key = f"{item['s3']['path']}{path}"
    if objects.find(store, key) is None:
        raise Refusal(400, f"File path '{path}' does not exist in dataset with id {item['id']}")
    ends = store.seconds() + call.body.get("expires_in", _LINK_LIFETIME)
    signature = "sandbox-token-" + secrets.token_urlsafe(24)
    store.add(LINKS, {"id": digest(signature), "key": key, "ends": ends})
    query = {
        "response-content-disposition": f"attachment; filename={key}",
        "AWSAccessKeyId": "SANDBOX",
        "Signature": signature,
        "x-amz-security-token": "sandbox-token-of-a-link",
        "Expires": ends,
    }
    url = f"{call.base_url}/s3/{objects.BUCKET}/{quote(key)}?{urlencode(query, quote_via=quote)}"
    return {"dataset_id": item["id"], "file_path": path, "presigned_url": url}
