"""The metadata of a dataset, checked before they are sent: the data store refuses what it does not know."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

import attrs

from kalbio._core.argument_errors import ArgumentError, ArgumentTypeError
from kalbio._core.objects.identifiers import did_you_mean
from kalbio._core.text.display import safe_repr

_CHECKS = ("ethics_registration", "ethics_access", "indigenous_knowledge", "export_controls")
_PARTS = {
    "": "CollectionFormat",
    "associations": "CollectionFormatAssociations",
    "approvals": "CollectionFormatApprovals",
    **{f"approvals.{name}": "DatasetEthicsAccessCheck" for name in _CHECKS},
    "dataset_info": "CollectionFormatDatasetInfo",
    "dataset_info.access_info": "AccessInfo",
    "dataset_info.created_date": "CreatedDate",
    "dataset_info.published_date": "CreatedDate",
    "dataset_info.spatial_info": "CollectionFormatSpatialInfo",
    "dataset_info.temporal_info": "CollectionFormatTemporalInfo",
    "dataset_info.temporal_info.duration": "TemporalDurationInfo",
}
"""The schema of each part of the metadata that has parts of its own."""


def as_metadata(metadata: Any) -> dict[str, Any]:
    """Return metadata as they are sent: dates as text. Items in them are left as they are given.

    Raises TypeError for what has not the form of metadata, and ValueError for an empty text.
    """
    given = metadata.to_dict() if hasattr(metadata, "to_dict") else metadata
    read: dict[str, Any] = _part(given, "")
    return read


def _part(given: Any, path: str) -> Any:
    import provena_api.models

    if not isinstance(given, Mapping):
        raise ArgumentTypeError(f"{path or 'metadata'} must be an object with members; got {safe_repr(given)}")
    # A model has an underscore behind names that Python has as well.
    fields = {one.name.rstrip("_"): one for one in attrs.fields(getattr(provena_api.models, _PARTS[path])) if one.init}
    read = {}
    for name, value in given.items():
        if name not in fields:
            where = f" in {path}" if path else ""
            raise ArgumentTypeError(
                f"the metadata of a dataset have no member {name!r}{where}.{did_you_mean(name, fields)}"
            )
        inner = f"{path}.{name}" if path else name
        read[name] = _part(value, inner) if inner in _PARTS and value is not None else _value(value, inner)
    missing = [name for name, one in fields.items() if one.default is attrs.NOTHING and given.get(name) is None]
    if missing:
        raise ArgumentTypeError(f"the metadata of a dataset need {', '.join(missing)} in {path or 'them'}")
    return read


def _value(value: Any, path: str) -> Any:
    if isinstance(value, str) and not value:
        raise ArgumentError(f"{path} must not be empty: leave it out where there is nothing to say")
    if isinstance(value, date) and not isinstance(value, datetime):
        return value.isoformat()
    return value


def covers(stored: Any, sent: Any) -> bool:
    """Whether metadata have all that was sent; what was not given may be anything there."""
    if isinstance(sent, Mapping):
        return isinstance(stored, Mapping) and all(covers(stored.get(name), value) for name, value in sent.items())
    return bool(stored == sent)
