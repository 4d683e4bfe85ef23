"""Model runs without a network: records to register."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, TypeAlias

import attrs

from kalbio._core.argument_errors import ArgumentError, ArgumentTypeError
from kalbio._core.objects.checks import require_text, unicode_text
from kalbio._core.objects.identifiers import did_you_mean
from kalbio._core.text.display import safe_repr
from kalbio.provena._model.faults import Faults
from kalbio.provena._model.items import Hit, Item
from kalbio.provena._model.lineage import LineageNode

Identifier: TypeAlias = str | Item | Hit | LineageNode
"""Names an item: its handle, an object, or its exact display name within its subtype."""

Datasets: TypeAlias = Mapping[Any, Any]
"""The dataset in each role: `{template: dataset}`, or `{template: (dataset, {key: path})}` where files are named."""

Time: TypeAlias = datetime | int | str
"""An instant: a datetime with a zone, ISO text with a zone, or whole seconds since 1970."""


@attrs.frozen
class RunRecord:
    """A model run, as you know it: items by name, handle or object, times with a zone.

    Attributes:
        display_name: its name.
        description: what it was.
        workflow_template: the workflow template that it followed.
        modeller: the person who ran it.
        start_time: when it began: a datetime with a zone, text such as "2026-01-31T08:00:00+10:00", or seconds since
            1970. Fractions of a second are cut off.
        end_time: when it ended.
        inputs: the dataset in each role: `{dataset template: dataset}`, or `{dataset template: (dataset, {key: path})}`
            where the template has files whose paths each run names.
        outputs: the same for what came out.
        study: the study that it belongs to.
        organisation: the organisation that asked for it.
        model_version: the version of the model, as text.
        annotations: texts under the keys that the workflow template has, and others.

    Example:
        >>> record = RunRecord(
        ...     "Run 7", "baseline", workflow_template="Coral workflow", modeller="Ada Lovelace",
        ...     start_time="2026-01-31T08:00:00Z", end_time="2026-01-31T09:30:00Z",
        ...     inputs={"Forcing": "Temperatures 2025"}, outputs={"Cover": ("Cover 2025", {"result": "out/cover.csv"})},
        ... )
    """

    display_name: str
    description: str
    workflow_template: Identifier = attrs.field(kw_only=True)
    modeller: Identifier = attrs.field(kw_only=True)
    start_time: Time = attrs.field(kw_only=True)
    end_time: Time = attrs.field(kw_only=True)
    inputs: Datasets = attrs.field(kw_only=True, factory=dict)
    outputs: Datasets = attrs.field(kw_only=True, factory=dict)
    study: Identifier | None = attrs.field(kw_only=True, default=None)
    organisation: Identifier | None = attrs.field(kw_only=True, default=None)
    model_version: str | None = attrs.field(kw_only=True, default=None)
    annotations: Mapping[str, str] = attrs.field(kw_only=True, factory=dict)


# -- values -----------------------------------------------------------------------------------------------------------


def dataset_and_paths(what: str, value: Any) -> tuple[Any, dict[str, str]]:
    """Return a dataset as it was given, and the paths of its files."""
    if isinstance(value, tuple):
        if len(value) != 2 or not isinstance(value[1], Mapping):
            raise ArgumentError(f"{what} must be a dataset, or (dataset, {{key: path}}); got {safe_repr(value)}")
        return value[0], dict(value[1])
    return value, {}


def as_seconds(name: str, value: Any) -> int:
    """Return an instant in whole seconds since 1970. Raises ValueError for what means none."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    moment: Any = value
    if isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value.strip())
        except ValueError:
            moment = None
    if not isinstance(moment, datetime) or moment != moment:  # pandas' NaT is a datetime as well
        raise ArgumentError(
            f"{name} must be a datetime with a zone, text such as 2026-01-31T08:00:00+10:00, or seconds since 1970; "
            f"got {safe_repr(value)}"
        )
    if moment.tzinfo is None:
        raise ArgumentError(
            f"{name} is {safe_repr(value)}, which has no zone: write 2026-01-31T08:00:00+10:00, or ...Z"
        )
    return math.floor(moment.timestamp())


def texts(name: str, value: Any) -> dict[str, str]:
    """Return texts under names. Raises ValueError for anything else."""
    if not isinstance(value, Mapping):
        raise ArgumentError(f"{name} must be a dict of text to text; got {safe_repr(value)}")
    return {
        unicode_text(f"a key of {name}", key): require_text(f"{name}[{key!r}]", text) for key, text in value.items()
    }


_RECORD = {
    "workflow_template_id", "model_version", "inputs", "outputs", "annotations", "display_name", "description",
    "study_id", "associations", "start_time", "end_time",
}  # fmt: skip
_OPTIONAL = {"model_version", "annotations", "study_id"}
_PART = {"dataset_template_id", "dataset_id", "dataset_type", "resources"}
_PEOPLE = {"modeller_id", "requesting_organisation_id"}


def checked_record(record: Mapping[str, Any], faults: Faults | None = None) -> dict[str, Any]:
    """Return a record as the servers know it, without members that are None.

    Args:
        record: the record.
        faults: keeps what is wrong, instead of an error for the first of it; what comes is of no use then.

    Raises:
        TypeError: it has a member that there is not, or lacks one; the servers would ignore the first.
        ValueError: it says what no run can be.
    """
    found = Faults() if faults is None else faults
    made = _members("the record", record, _RECORD, _OPTIONAL, found)
    for side in ("inputs", "outputs"):
        with found.of(side):
            parts = made.get(side, ())
            if not isinstance(parts, Sequence) or isinstance(parts, str):
                raise ArgumentError(f"{side} must be a list; got {safe_repr(parts)}")
            made[side] = [_members(f"{side}[{n}]", part, _PART, {"resources"}, found) for n, part in enumerate(parts)]
    if "associations" in made:
        optional = {"requesting_organisation_id"}
        made["associations"] = _members("associations", made["associations"], _PEOPLE, optional, found)
    for name in ("display_name", "description"):
        with found.of(name):
            require_text(name, made.get(name, name))
    for name in ("start_time", "end_time"):
        with found.of(name):
            if name in made:
                made[name] = as_seconds(name, made[name])
    if {"start_time", "end_time"} <= made.keys() and not ("start_time" in found or "end_time" in found):
        with found.of("start_time"):
            if made["start_time"] > made["end_time"]:
                raise ArgumentError(f"start_time ({made['start_time']}) is after end_time ({made['end_time']})")
    if faults is None:
        found.raise_first()
    return made


def _members(what: str, given: Any, known: set[str], optional: set[str], faults: Faults) -> dict[str, Any]:
    made: dict[str, Any] = {}
    with faults.of(what):
        if not isinstance(given, Mapping):
            raise ArgumentTypeError(f"{what} must be a dict; got {safe_repr(given)}")
        made = {name: value for name, value in given.items() if value is not None}
        for name in given:
            with faults.of(what):
                if name not in known:
                    raise ArgumentTypeError(f"{what} has no member {safe_repr(name)}.{did_you_mean(name, known)}")
        missing = sorted(known - optional - made.keys())
        if missing:
            raise ArgumentTypeError(f"{what} needs {', '.join(missing)}")
    return made
