"""Datasets: their metadata, their versions, credentials and links for their files."""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import pytest

from kalbio._core.emulator.faults import Fault
from kalbio._core.errors import (
    NotFoundError,
    OutcomeUnknownError,
    PermissionDeniedError,
    ServerError,
    ValidationError,
)
from tests.provena.conftest import Lab
from tests.provena.datasets import client_of, dataset, metadata, person


def sent(lab: Lab, operation: str) -> Any:
    """The body of the last request of an operation."""
    return json.loads([one.body for one in lab.transport.exchanges if one.operation == operation][-1])


def test_a_dataset_is_minted_with_its_metadata(lab: Lab) -> None:
    """It is read afterwards, with its place and the job that registers it."""
    made = dataset(lab)
    assert lab.asked[-2:] == ["datastoreRegisterMintDataset", "registryItemFetch"]
    assert made.display_name == "Reef forcing"
    assert made.s3["s3_uri"] == f"s3://datasets/datasets/{made.id.replace('.', '-').replace('/', '-')}/"
    read = lab(lab.api.datasets.get(made))
    assert read.create_job_id == made.create_job_id
    assert made.create_job_id
    assert read.collection_format["dataset_info"]["keywords"] == ["reef"]
    assert (read.release_status, read.owner_username) == ("NOT_RELEASED", "admin")
    assert "dataset-data-write" in read.roles


def test_dates_and_items_stand_for_themselves_in_metadata(lab: Lab) -> None:
    """A date is sent as text, and an item as its handle; what the caller gave is not changed."""
    person(lab, "admin")
    group = lab.organisation("Reef group")
    given = metadata(lab)
    given["associations"]["organisation_id"] = given["dataset_info"]["publisher_id"] = group
    given["dataset_info"]["created_date"] = {"relevant": True, "value": date(2023, 1, 2)}
    before = copy.copy(given["dataset_info"])
    lab(lab.api.datasets.mint(given))
    body = sent(lab, "datastoreRegisterMintDataset")
    assert (body["associations"]["organisation_id"], body["dataset_info"]["publisher_id"]) == (group.id, group.id)
    assert body["dataset_info"]["created_date"]["value"] == "2023-01-02"
    assert given["dataset_info"] == before


@pytest.mark.parametrize(
    ("place", "value", "told"),
    [
        ("dataset_info.keyword", ["x"], r"no member 'keyword' in dataset_info\. Did you mean 'keywords'"),
        ("approvals.ethics_access.given", True, r"no member 'given' in approvals\.ethics_access"),
        ("dataset_info.name", None, "need name in dataset_info"),
        ("dataset_info.purpose", "", r"dataset_info\.purpose must not be empty"),
        ("dataset_info.access_info", "here", r"dataset_info\.access_info must be an object"),
        ("approvals", None, "need approvals in them"),
        ("extra", 1, "no member 'extra'"),
    ],
)
def test_metadata_that_cannot_be_right_are_not_sent(lab: Lab, place: str, value: Any, told: str) -> None:
    """An unknown member, a missing one and an empty text are named, wherever they stand."""
    given = metadata(lab)
    *way, last = place.split(".")
    part = given
    for name in way:
        part[name] = dict(part[name])
        part = part[name]
    part[last] = value
    before = len(lab.transport.exchanges)
    for call in (lab.api.datasets.mint, lab.api.datasets.validate):
        with pytest.raises((TypeError, ValueError), match=told):
            lab(call(given))
    with pytest.raises((TypeError, ValueError), match=told):
        lab(lab.api.datasets.update("10378.1/1", given, reason="x"))
    assert len(lab.transport.exchanges) == before


def test_who_is_linked_to_no_person_is_told_so_and_not_that_the_server_failed(lab: Lab) -> None:
    """The 500 of the data store is the refusal that it passes on, and it is not sent again."""
    with pytest.raises(ValidationError, match="link your User account"):
        lab(lab.api.datasets.mint(metadata(lab)))
    assert lab.asked.count("datastoreRegisterMintDataset") == 1


def test_what_the_data_store_objects_to_is_an_error_with_its_text(lab: Lab) -> None:
    """Told in a 200 when minting and validating, in a 400 when updating."""
    made = dataset(lab)
    wrong = metadata(lab)
    wrong["approvals"] = {**wrong["approvals"], "export_controls": {"relevant": True, "obtained": False}}
    for call in (lab.api.datasets.mint, lab.api.datasets.validate):
        with pytest.raises(ValidationError, match="export controls") as caught:
            lab(call(wrong))
        assert caught.value.status_code == 200
    with pytest.raises(ValidationError, match="export controls"):
        lab(lab.api.datasets.update(made, wrong, reason="x"))
    assert lab(lab.api.datasets.validate(metadata(lab))) is None


@pytest.mark.parametrize(
    ("info", "told"),
    [
        ({"access_info": {"reposited": False, "uri": "https://e.example.org/x"}}, "access_info"),
        ({"created_date": {"relevant": True}}, "Must provide a date"),
        ({"published_date": {"relevant": False, "value": "2024-01-01"}}, "Cannot provide a date"),
        ({"spatial_info": {"resolution": "-1"}}, "resolution"),
        ({"temporal_info": {"resolution": "1D"}}, "ISO 8601"),
        ({"temporal_info": {"duration": {"begin_date": "2021-01-01", "end_date": "2020-01-01"}}}, "begin date"),
        ({"license": "CC-BY"}, "URL scheme"),
        ({"spatial_info": {"extent": "POINT(1 2)"}}, "spatial extent"),
        ({"published_date": {"relevant": True, "value": "2020-01-01"}}, "before the creation"),
        ({"version": "2"}, "Additional properties"),
    ],
)
def test_the_stand_in_objects_to_what_the_servers_object_to(lab: Lab, info: dict[str, Any], told: str) -> None:
    """Each rule of the metadata, with the member that breaks it."""
    person(lab, "admin")
    for call in (lab.api.datasets.mint, lab.api.datasets.validate):
        with pytest.raises(ValidationError, match=told):
            lab(call(metadata(lab, **info)))


def test_the_stand_in_looks_for_the_publisher(lab: Lab) -> None:
    """As the servers do, for those whose client does not."""
    from provena_api.api.datastore import datastore_metadata_validate_metadata as operation

    person(lab, "admin")
    with pytest.raises(ValidationError, match="Could not find Publisher ID"):
        lab(lab.api.call(operation.build_request(body=metadata(lab, publisher_id="10378.1/0"))))


def test_metadata_that_were_read_can_be_sent_back(lab: Lab) -> None:
    """With all of the nulls that an answer has."""
    made = dataset(lab)
    read = lab(lab.api.datasets.get(made)).to_dict()["collection_format"]
    assert read["dataset_info"]["version"] is None
    read["dataset_info"]["keywords"] = ["reef", "coral"]
    lab(lab.api.datasets.update(made, read, reason="keywords"))
    again = lab(lab.api.datasets.get(made))
    assert again.collection_format == read
    assert [entry["reason"] for entry in again.history] == ["keywords", "Initial record creation"]


def test_an_earlier_state_comes_back_as_a_further_entry(lab: Lab) -> None:
    """The history keeps what was between; an unknown entry is refused."""
    made = dataset(lab)
    lab(lab.api.datasets.update(made, metadata(lab, "Renamed"), reason="rename"))
    lab(lab.api.datasets.revert("Renamed", 0, reason="back"))
    read = lab(lab.api.datasets.get(made))
    assert (read.display_name, len(read.history)) == ("Reef forcing", 3)
    with pytest.raises(ValidationError, match="history entry with id matching 77"):
        lab(lab.api.datasets.revert(made, 77, reason="back"))


def test_a_new_version_has_the_metadata_and_a_place_of_its_own(lab: Lab) -> None:
    """Old and new know each other; a second next version is refused."""
    made = dataset(lab)
    new = lab(lab.api.datasets.version(made, "longer runs", copy_files=False))
    assert new.versioning_info["previous_version"] == made.id
    read, old = lab(lab.api.datasets.get(new)), lab(lab.api.datasets.get(made))
    assert read.collection_format == old.collection_format
    assert read.s3 != old.s3
    assert (read.versioning_info["version"], old.versioning_info["next_version"]) == (2, new.id)
    with pytest.raises(ValidationError, match="not the latest version"):
        lab(lab.api.datasets.version(made, "again"))


def test_a_locked_dataset_keeps_its_metadata_and_gets_versions(lab: Lab) -> None:
    """Locks stop updates and write credentials alone."""
    made = dataset(lab)
    from provena_api.api.registry import registry_item_locks_lock
    from provena_api.models import LockChangeRequest, RegistryCategorySegment, RegistrySubtypeSegment

    place = (RegistryCategorySegment("entity"), RegistrySubtypeSegment("dataset"))
    body = LockChangeRequest(id=made.id, reason="x")
    lab(lab.api.call(registry_item_locks_lock.build_request(*place, body=body)))
    calls: list[Callable[[], Any]] = [
        lambda: lab.api.datasets.update(made, metadata(lab), reason="x"),
        lambda: lab.api.datasets.revert(made, 0, reason="x"),
        lambda: lab.api.datasets.write_credentials(made),
    ]
    for call in calls:
        with pytest.raises(PermissionDeniedError, match="locked"):
            lab(call())
    assert lab(lab.api.datasets.read_credentials(made))
    assert lab(lab.api.datasets.version(made, "x", copy_files=False)).id


def test_credentials_are_shown_nowhere(lab: Lab) -> None:
    """They are told to those who may have them, live for hours, and stay out of every text."""
    made = dataset(lab)
    for call in (lab.api.datasets.read_credentials, lab.api.datasets.write_credentials):
        keys = lab(call(made))
        assert keys.aws_session_token.startswith("sandbox-token-")
        assert keys.expiry > datetime.now(UTC)
        assert repr(keys) == f"<Credentials until {keys.expiry.isoformat(timespec='seconds')}>"
        with pytest.raises(TypeError, match="secret"):
            pickle.dumps(keys)
        with pytest.raises(TypeError, match="secret"):
            copy.copy(keys)


def test_credentials_and_links_follow_the_roles(lab: Lab) -> None:
    """Who may read gets read credentials and links, and no more; an unknown dataset is not found."""
    made = dataset(lab)
    person(lab, "bob")
    bob = client_of(lab, "bob")
    assert lab(bob.datasets.read_credentials(made))
    assert lab(bob.datasets.link(made, "metadata.json"))
    with pytest.raises(PermissionDeniedError, match="write to this dataset"):
        lab(bob.datasets.write_credentials(made))
    with pytest.raises(PermissionDeniedError, match="write metadata"):
        lab(bob.datasets.update(made, metadata(lab), reason="x"))
    with pytest.raises(PermissionDeniedError, match="not authorised to revise"):
        lab(bob.datasets.version(made, reason="x"))
    for call in (bob.datasets.read_credentials, bob.datasets.write_credentials):
        with pytest.raises(NotFoundError):
            lab(call("10378.1/0"))
    with pytest.raises(ServerError, match="console session"):
        lab(lab.api.datasets.read_credentials(made, console=True))


def test_a_link_leads_to_a_file_that_is_there(lab: Lab) -> None:
    """A missing file is not found; a path that leads out of the dataset is not sent."""
    made = dataset(lab)
    link = lab(lab.api.datasets.link(made, "metadata.json", expires_in=600))
    assert link.startswith(f"http://sandbox.invalid/s3/datasets/{made.s3['path']}metadata.json?")
    assert sent(lab, "datastoreRegistryItemsGeneratePresignedUrl")["expires_in"] == 600
    with pytest.raises(NotFoundError):
        lab(lab.api.datasets.link(made, "nope.csv"))
    before = len(lab.asked)
    for path in ("../x", "/metadata.json", "", "a/../../x", None):
        with pytest.raises(ValueError, match="path must lead to a file"):
            lab(lab.api.datasets.link(made, path))
    for seconds in (0, 86_401, True, 1.5):
        with pytest.raises(ValueError, match="expires_in"):
            lab(lab.api.datasets.link(made, "metadata.json", expires_in=seconds))
    assert len(lab.asked) == before


@pytest.mark.parametrize("reason", ["", "  ", None])
def test_a_change_needs_a_reason(lab: Lab, reason: Any) -> None:
    """Without one nothing is sent."""
    calls: list[Callable[[], Any]] = [
        lambda: lab.api.datasets.update("10378.1/1", {}, reason=reason),
        lambda: lab.api.datasets.revert("10378.1/1", 0, reason=reason),
        lambda: lab.api.datasets.version("10378.1/1", reason=reason),
    ]
    for call in calls:
        with pytest.raises(ValueError, match="reason must be text"):
            lab(call())
    assert lab.transport.exchanges == []


def test_the_schema_of_metadata_stands_alone(lab: Lab) -> None:
    """All that it refers to is in it."""
    schema = lab(lab.api.datasets.schema())
    assert schema["required"] == ["associations", "approvals", "dataset_info"]
    assert "AccessInfo" in schema["definitions"]


def test_a_dataset_whose_answer_was_lost_is_found(lab: Lab) -> None:
    """With `verify`, among what is new and has the same metadata; a twin that was there before is not taken for it."""
    twin = dataset(lab)
    lab.sandbox.faults.add(Fault("datastoreRegisterMintDataset", lose_answer=True, times=3))
    with pytest.raises(OutcomeUnknownError):
        lab(lab.api.datasets.mint(metadata(lab)))
    found = lab(lab.api.datasets.mint(metadata(lab), verify=True))
    assert found.display_name == "Reef forcing"
    assert found.id != twin.id
    assert lab.asked.count("datastoreRegisterMintDataset") == 3
    lab.sandbox.faults.clear()
    lab.sandbox.faults.add(Fault("datastoreRegisterMintDataset", reset=True))
    with pytest.raises(OutcomeUnknownError):
        lab(lab.api.datasets.mint(metadata(lab), verify=True))
    assert len(lab.items(lab.api.datasets.list())) == 3


def test_a_version_whose_answer_was_lost_is_found(lab: Lab) -> None:
    """With `verify`, by what the old one says comes next."""
    made = dataset(lab)
    lab.sandbox.faults.add(Fault("datastoreRegisterVersion", lose_answer=True))
    new = lab(lab.api.datasets.version(made, "longer runs", verify=True, copy_files=False))
    assert new.versioning_info["previous_version"] == made.id
    assert lab.asked.count("datastoreRegisterVersion") == 1
