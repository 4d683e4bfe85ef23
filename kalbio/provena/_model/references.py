"""Where data have the handle of another item, and of which subtype that is."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from kalbio.provena._model.subtypes import Subtype

References = Mapping[str, Subtype]
"""Subtypes by the paths of members; `[]` stands for each item of a list."""

OF_METADATA: References = MappingProxyType(
    {
        "associations.organisation_id": Subtype.ORGANISATION,
        "associations.data_custodian_id": Subtype.PERSON,
        "dataset_info.publisher_id": Subtype.ORGANISATION,
    }
)
"""Those in the metadata of a dataset."""

OF_RECORD: References = MappingProxyType(
    {
        "workflow_template_id": Subtype.MODEL_RUN_WORKFLOW_TEMPLATE,
        "study_id": Subtype.STUDY,
        "associations.modeller_id": Subtype.PERSON,
        "associations.requesting_organisation_id": Subtype.ORGANISATION,
        "inputs[].dataset_template_id": Subtype.DATASET_TEMPLATE,
        "inputs[].dataset_id": Subtype.DATASET,
        "outputs[].dataset_template_id": Subtype.DATASET_TEMPLATE,
        "outputs[].dataset_id": Subtype.DATASET,
    }
)
"""Those in the record of a model run."""

OF_MEMBERS: Mapping[Subtype, References] = MappingProxyType(
    {
        Subtype.MODEL_RUN_WORKFLOW_TEMPLATE: {
            "software_id": Subtype.MODEL,
            "input_templates[].template_id": Subtype.DATASET_TEMPLATE,
            "output_templates[].template_id": Subtype.DATASET_TEMPLATE,
        },
        Subtype.DATASET: {f"collection_format.{path}": subtype for path, subtype in OF_METADATA.items()},
        Subtype.MODEL_RUN: {f"record.{path}": subtype for path, subtype in OF_RECORD.items()},
    }
)
"""Those in the data of the items of a subtype."""
