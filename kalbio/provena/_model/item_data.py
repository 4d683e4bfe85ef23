"""The data of the items of each subtype, as attributes that type checkers know; None where a seed has none yet."""

from __future__ import annotations

from kalbio._core.objects.resource import Field, anything, flag, list_of_anything, number, text
from kalbio.provena._model.item_parts import (
    CollectionFormat,
    DeferredResource,
    DefinedResource,
    ModelRunRecord,
    ReleaseHistoryEntry,
    S3Location,
    TemplateResource,
    WorkflowTemplateAnnotations,
)
from kalbio.provena._model.items import Item


class OrganisationData(Item):
    """The data of an organisation."""

    __slots__ = ()

    name = text("Its name.")
    ror = text("Its address in the Research Organization Registry.")


class PersonData(Item):
    """The data of a person."""

    __slots__ = ()

    email = text("The mail address.")
    first_name = text("The first name.")
    last_name = text("The last name.")
    orcid = text("The address of the ORCID record.")
    ethics_approved = flag("Whether the person agreed to be registered.")


class ModelData(Item):
    """The data of a model."""

    __slots__ = ()

    name = text("Its name.")
    description = text("What it does.")
    documentation_url = text("Where it is described.")
    source_url = text("Where its source is.")


class WorkflowTemplateData(Item):
    """The data of a workflow template."""

    __slots__ = ()

    software_id = text("The handle of the model that runs.")
    input_templates: Field[list[TemplateResource]] = list_of_anything("The dataset templates of what goes in.")
    output_templates: Field[list[TemplateResource]] = list_of_anything("The dataset templates of what comes out.")
    annotations: Field[WorkflowTemplateAnnotations | None] = anything("The keys of annotations of its runs.")


class DatasetTemplateData(Item):
    """The data of a dataset template."""

    __slots__ = ()

    description = text("What its datasets are.")
    defined_resources: Field[list[DefinedResource]] = list_of_anything("Files that have the same path in each dataset.")
    deferred_resources: Field[list[DeferredResource]] = list_of_anything("Files whose paths each run names.")


class DatasetData(Item):
    """The data of a dataset."""

    __slots__ = ()

    collection_format: Field[CollectionFormat | None] = anything("Its metadata.")
    s3: Field[S3Location | None] = anything("Where its files are.")
    release_status = text("NOT_RELEASED, PENDING or RELEASED.")
    release_history: Field[list[ReleaseHistoryEntry]] = list_of_anything("What became of its reviews.")
    release_approver = text("The handle of the reviewer who was asked last.")
    release_timestamp = number("When its review changed last, in seconds since 1970.")
    access_info_uri = text("Where it is, when its files are elsewhere.")


class StudyData(Item):
    """The data of a study."""

    __slots__ = ()

    title = text("Its title.")
    description = text("What it is about.")
    study_alternative_id = text("What it is called elsewhere.")


class ModelRunData(Item):
    """The data of a model run."""

    __slots__ = ()

    record: Field[ModelRunRecord | None] = anything("What it was.")
    record_status = text("INCOMPLETE, COMPLETE or LODGED.")
    prov_serialisation = text("What the lineage says of it, as text.")


class CreateActivityData(Item):
    """The data of the note of a creation."""

    __slots__ = ()

    created_item_id = text("The handle of the item that was created.")


class VersionActivityData(Item):
    """The data of the note of a new version."""

    __slots__ = ()

    reason = text("Why there is one.")
    from_item_id = text("The handle of the version before.")
    to_item_id = text("The handle of the new version.")
    new_version_number = number("The number of the new version.")
