"""A registry with all that a model run needs."""

from __future__ import annotations

from typing import Any

from kalbio._core.emulator.strict_json import Document
from kalbio.provena.sandbox import Sandbox, items


class Scene:
    """An organisation, a person, a model, templates, a study and two datasets, all of `admin`; `record` fits them."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self.organisation = self.add("ORGANISATION", display_name="Reef group", name="Reef group")
        self.person = self.add(
            "PERSON",
            display_name="Ada Lovelace",
            first_name="Ada",
            last_name="Lovelace",
            email="ada@example.org",
            ethics_approved=True,
        )
        self.model = self.add(
            "MODEL",
            display_name="Coral model",
            name="Coral model",
            description="Grows corals",
            documentation_url="https://example.org/docs",
            source_url="https://example.org/source",
        )
        self.input_template = self.dataset_template("Input template", "config")
        self.output_template = self.dataset_template("Output template", "result")
        self.workflow = self.add(
            "MODEL_RUN_WORKFLOW_TEMPLATE",
            display_name="Coral workflow",
            software_id=self.model,
            input_templates=[{"template_id": self.input_template, "optional": False}],
            output_templates=[{"template_id": self.output_template, "optional": False}],
            annotations={"required": ["scenario"], "optional": ["note"]},
        )
        self.study = self.add("STUDY", display_name="Reef study", title="Reef study", description="Of reefs")
        self.input = self.dataset("Forcing")
        self.output = self.dataset("Results")

    def add(self, subtype: str, **data: Any) -> str:
        """An item, whose handle this returns."""
        with self._sandbox.lock:
            return str(items.create(self._sandbox.store, subtype, data, "admin")["id"])

    def dataset_template(self, name: str, *keys: str, optional: bool = False) -> str:
        """A template of datasets with files under these keys."""
        deferred = [
            {"key": key, "description": key, "usage_type": "GENERAL_DATA", "optional": optional, "is_folder": False}
            for key in keys
        ]
        return self.add("DATASET_TEMPLATE", display_name=name, defined_resources=[], deferred_resources=deferred)

    def dataset(self, name: str) -> str:
        """A dataset."""
        no = {"relevant": False, "obtained": False}
        return self.add(
            "DATASET",
            display_name=name,
            collection_format={
                "associations": {"organisation_id": self.organisation},
                "approvals": dict.fromkeys(
                    ("ethics_registration", "ethics_access", "indigenous_knowledge", "export_controls"), no
                ),
                "dataset_info": {
                    "name": name,
                    "description": name,
                    "access_info": {"reposited": True},
                    "publisher_id": self.organisation,
                    "created_date": {"relevant": True, "value": "2023-01-02"},
                    "published_date": {"relevant": False},
                    "license": "https://example.org/license",
                },
            },
            s3={"bucket_name": "data", "path": "datasets/x/", "s3_uri": "s3://data/datasets/x/"},
            release_status="NOT_RELEASED",
            release_history=[],
        )

    def record(self, name: str = "Run one", **members: Any) -> Document:
        """The record of a model run; members that are None are left out."""
        record = {
            "workflow_template_id": self.workflow,
            "model_version": "1.0",
            "inputs": [self.part(self.input_template, self.input, config="conf/a.yml")],
            "outputs": [self.part(self.output_template, self.output, result="out/r.csv")],
            "annotations": {"scenario": "baseline"},
            "display_name": name,
            "description": "baseline run",
            "study_id": self.study,
            "associations": {"modeller_id": self.person, "requesting_organisation_id": self.organisation},
            "start_time": 1700000000,
            "end_time": 1700003600,
            **members,
        }
        return {key: value for key, value in record.items() if value is not None}

    def part(self, template: str, dataset: str, **resources: str) -> Document:
        """A dataset in a role."""
        part: Document = {"dataset_template_id": template, "dataset_id": dataset, "dataset_type": "DATA_STORE"}
        return {**part, "resources": resources} if resources else part
