"""Datasets for tests: their metadata, and users who may mint them."""

from __future__ import annotations

import copy
from typing import Any

from kalbio.provena import OfflineFlow
from tests.provena.conftest import Lab

NOT_RELEVANT = {"relevant": False, "obtained": False}
METADATA: dict[str, Any] = {
    "associations": {"organisation_id": "", "point_of_contact": "ada@example.org"},
    "approvals": dict.fromkeys(
        ("ethics_registration", "ethics_access", "indigenous_knowledge", "export_controls"), NOT_RELEVANT
    ),
    "dataset_info": {
        "name": "Reef forcing",
        "description": "Temperature over the reef",
        "access_info": {"reposited": True},
        "publisher_id": "",
        "created_date": {"relevant": True, "value": "2023-01-02"},
        "published_date": {"relevant": False},
        "license": "https://creativecommons.org/licenses/by/4.0/",
        "keywords": ["reef"],
    },
}


def metadata(lab: Lab, name: str = "Reef forcing", **info: Any) -> dict[str, Any]:
    """Metadata that can be registered."""
    made = copy.deepcopy(METADATA)
    found = lab(lab.api.organisations.get("Reef group")) or lab.organisation("Reef group")
    made["associations"]["organisation_id"] = made["dataset_info"]["publisher_id"] = found.id
    made["dataset_info"].update(name=name, **info)
    return made


def person(lab: Lab, username: str) -> Any:
    """A person of the registry that a user is linked to."""
    names = {"display_name": username.title(), "first_name": username, "last_name": "Lovelace"}
    made = lab(lab.api.persons.create(**names, email=f"{username}@example.org", ethics_approved=True))
    lab.sandbox.link(username, made.id)
    return made


def client_of(lab: Lab, username: str) -> Any:
    """The client of another user."""
    return lab.connect(OfflineFlow(lab.config, "tests", lab.sandbox.offline_token(username)))


def dataset(lab: Lab, name: str = "Reef forcing", **info: Any) -> Any:
    """A dataset of the administrator."""
    if lab(lab.api.persons.get("Admin")) is None:
        person(lab, "admin")
    return lab(lab.api.datasets.mint(metadata(lab, name, **info)))
