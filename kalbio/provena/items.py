# Derived from kalbio/provena/aio/items.py by scripts/regenerate; edit that file. (digest c8a262a693ed)
"""The items of each subtype as objects, with their data as attributes."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from kalbio.provena._item import RegistryItem
from kalbio.provena._model.item_data import (
    CreateActivityData,
    DatasetData,
    DatasetTemplateData,
    ModelData,
    ModelRunData,
    OrganisationData,
    PersonData,
    StudyData,
    VersionActivityData,
    WorkflowTemplateData,
)
from kalbio.provena._model.subtypes import Subtype
from kalbio.provena._service import WithRegistry


class Organisation(OrganisationData, RegistryItem):
    """An organisation."""

    __slots__ = ()


class Person(PersonData, RegistryItem):
    """A person."""

    __slots__ = ()


class Model(ModelData, RegistryItem):
    """A model."""

    __slots__ = ()


class WorkflowTemplate(WorkflowTemplateData, RegistryItem):
    """What the runs of a model have in common."""

    __slots__ = ()


class DatasetTemplate(DatasetTemplateData, RegistryItem):
    """What the datasets in a role have in common."""

    __slots__ = ()


class Dataset(DatasetData, RegistryItem):
    """A dataset."""

    __slots__ = ()


class Study(StudyData, RegistryItem):
    """A study."""

    __slots__ = ()


class ModelRun(ModelRunData, RegistryItem):
    """A run of a model."""

    __slots__ = ()


class CreateActivity(CreateActivityData, RegistryItem):
    """The note that an item was created."""

    __slots__ = ()


class VersionActivity(VersionActivityData, RegistryItem):
    """The note that an item got a new version."""

    __slots__ = ()


KINDS: Mapping[Subtype, type[RegistryItem]] = MappingProxyType(
    {
        Subtype.ORGANISATION: Organisation,
        Subtype.PERSON: Person,
        Subtype.MODEL: Model,
        Subtype.MODEL_RUN_WORKFLOW_TEMPLATE: WorkflowTemplate,
        Subtype.DATASET_TEMPLATE: DatasetTemplate,
        Subtype.DATASET: Dataset,
        Subtype.STUDY: Study,
        Subtype.MODEL_RUN: ModelRun,
        Subtype.CREATE: CreateActivity,
        Subtype.VERSION: VersionActivity,
    }
)
"""The class of the items of each subtype."""


def item_of(raw: dict[str, Any], client: WithRegistry) -> RegistryItem:
    """Return an item as an object of its subtype, and as one of none where that is not known."""
    subtype = str(raw.get("item_subtype"))
    return (KINDS[Subtype(subtype)] if subtype in Subtype.__members__ else RegistryItem)(raw, client)
