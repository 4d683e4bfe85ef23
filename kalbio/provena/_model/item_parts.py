"""Parts of items, as type checkers know them: dicts with the members that the description of the API has."""

from __future__ import annotations

from typing import TypedDict


class CollectionFormatAssociations(TypedDict):
    """Whose a dataset is."""

    organisation_id: str
    data_custodian_id: str | None
    point_of_contact: str | None


class DatasetEthicsAccessCheck(TypedDict):
    """Whether something has to be allowed, and is."""

    relevant: bool | None
    obtained: bool | None


class CollectionFormatApprovals(TypedDict):
    """What had to be allowed."""

    ethics_registration: DatasetEthicsAccessCheck
    ethics_access: DatasetEthicsAccessCheck
    indigenous_knowledge: DatasetEthicsAccessCheck
    export_controls: DatasetEthicsAccessCheck


class AccessInfo(TypedDict):
    """Where the files of a dataset are."""

    reposited: bool | None
    uri: str | None
    description: str | None


class CreatedDate(TypedDict):
    """A day, where there is one."""

    relevant: bool | None
    value: str | None


class CollectionFormatSpatialInfo(TypedDict):
    """The place that a dataset is about."""

    coverage: str | None
    resolution: str | None
    extent: str | None


class TemporalDurationInfo(TypedDict):
    """From when to when."""

    begin_date: str
    end_date: str


class CollectionFormatTemporalInfo(TypedDict):
    """The time that a dataset is about."""

    duration: TemporalDurationInfo | None
    resolution: str | None


class CollectionFormatDatasetInfo(TypedDict):
    """What a dataset is about."""

    name: str
    description: str
    access_info: AccessInfo
    publisher_id: str
    created_date: CreatedDate
    published_date: CreatedDate
    license: str
    purpose: str | None
    rights_holder: str | None
    usage_limitations: str | None
    preferred_citation: str | None
    spatial_info: CollectionFormatSpatialInfo | None
    temporal_info: CollectionFormatTemporalInfo | None
    formats: list[str] | None
    keywords: list[str] | None
    user_metadata: dict[str, str] | None
    version: str | None


class CollectionFormat(TypedDict):
    """The metadata of a dataset."""

    associations: CollectionFormatAssociations
    approvals: CollectionFormatApprovals
    dataset_info: CollectionFormatDatasetInfo


class S3Location(TypedDict):
    """Where the object store has the files of a dataset."""

    bucket_name: str
    path: str
    s3_uri: str


class ReleaseHistoryEntry(TypedDict):
    """A step of a review."""

    action: str
    timestamp: int
    approver: str
    notes: str
    requester: str | None


class TemplateResource(TypedDict):
    """A dataset template in a workflow template."""

    template_id: str
    optional: bool | None


class WorkflowTemplateAnnotations(TypedDict):
    """The keys of annotations that runs need, and may have."""

    required: list[str] | None
    optional: list[str] | None


class DefinedResource(TypedDict):
    """A file that each dataset of a template has at the same path."""

    path: str
    description: str
    usage_type: str
    optional: bool | None
    is_folder: bool | None
    additional_metadata: dict[str, str] | None


class DeferredResource(TypedDict):
    """A file whose path each run names."""

    key: str
    description: str
    usage_type: str
    optional: bool | None
    is_folder: bool | None
    additional_metadata: dict[str, str] | None


class TemplatedDataset(TypedDict):
    """A dataset of a run."""

    dataset_template_id: str
    dataset_id: str
    dataset_type: str
    resources: dict[str, str] | None


class AssociationInfo(TypedDict):
    """Who ran a model, and for whom."""

    modeller_id: str
    requesting_organisation_id: str | None


class ModelRunRecord(TypedDict):
    """What a model run was."""

    workflow_template_id: str
    inputs: list[TemplatedDataset]
    outputs: list[TemplatedDataset]
    display_name: str
    description: str
    associations: AssociationInfo
    start_time: int
    end_time: int
    model_version: str | None
    annotations: dict[str, str] | None
    study_id: str | None


class VersioningInfo(TypedDict):
    """The place of an item among its versions."""

    version: int
    previous_version: str | None
    reason: str | None
    next_version: str | None


class WorkflowLinks(TypedDict):
    """The jobs that registered the creation and the version of an item."""

    create_activity_workflow_id: str | None
    version_activity_workflow_id: str | None
