"""The subtypes of registry items, and what can be done with each."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from kalbio._core.argument_errors import ArgumentError
from kalbio._core.objects.identifiers import did_you_mean
from kalbio._core.text.display import safe_repr


class Subtype(StrEnum):
    """A subtype of registry items that has paths of its own."""

    ORGANISATION = "ORGANISATION"
    PERSON = "PERSON"
    MODEL = "MODEL"
    MODEL_RUN_WORKFLOW_TEMPLATE = "MODEL_RUN_WORKFLOW_TEMPLATE"
    DATASET_TEMPLATE = "DATASET_TEMPLATE"
    DATASET = "DATASET"
    STUDY = "STUDY"
    MODEL_RUN = "MODEL_RUN"
    CREATE = "CREATE"
    VERSION = "VERSION"

    @property
    def category(self) -> str:
        """Its category, as paths spell it."""
        return _CATEGORIES[self]

    @property
    def segment(self) -> str:
        """Itself, as paths spell it."""
        return _SEGMENTS.get(self, self.value.lower())

    @property
    def stem(self) -> str:
        """How the names of its schemas begin."""
        return "".join(word.capitalize() for word in self.value.split("_"))

    @property
    def noun(self) -> str:
        """What it is called in a sentence."""
        return _NOUNS.get(self, self.value.lower().replace("_", " "))

    @property
    def a_noun(self) -> str:
        """What one of them is called in a sentence."""
        return an(self.noun)


def an(noun: str) -> str:
    """Return a noun after its article."""
    return f"{'an' if noun[:1].lower() in tuple('aeiou') else 'a'} {noun}"


class UnsupportedActionError(ArgumentError):
    """There is no such action for this subtype; nothing was sent.

    Attributes:
        subtype: the subtype.
        action: what was to be done.
    """

    def __init__(self, subtype: Subtype, action: str, reason: str) -> None:
        self.subtype = subtype
        self.action = action
        super().__init__(f"{action} does not exist for {subtype.noun} items: {reason}")

    def __reduce__(self) -> tuple[Any, ...]:
        return _unsupported, (self.subtype, self.action)


def as_subtype(value: Any) -> Subtype:
    """Return the subtype that is named. Raises ValueError when there is none."""
    try:
        return Subtype(value)
    except ValueError:
        close = did_you_mean(value, Subtype)
        raise ArgumentError(f"{safe_repr(value)} is no subtype of registry items.{close}") from None


def require_action(subtype: Subtype, action: str) -> None:
    """Raise UnsupportedActionError unless a subtype has an action."""
    if subtype not in ACTIONS[action]:
        raise _unsupported(subtype, action)


def _unsupported(subtype: Subtype, action: str) -> UnsupportedActionError:
    cure = _INSTEAD.get((subtype, action))
    if cure is not None:
        return UnsupportedActionError(subtype, action, cure)
    if subtype in _WRITTEN_ELSEWHERE and action != "version":
        return UnsupportedActionError(subtype, action, _WRITTEN_ELSEWHERE[subtype])
    own = (Subtype.DATASET,) if action == "version" else ()  # through the data store
    having = ", ".join(one.value for one in Subtype if one in ACTIONS[action] or one in own)
    return UnsupportedActionError(subtype, action, f"only {having} have it")


_AGENTS = (Subtype.ORGANISATION, Subtype.PERSON)
_ACTIVITIES = (Subtype.STUDY, Subtype.MODEL_RUN, Subtype.CREATE, Subtype.VERSION)
_CATEGORIES = {one: "agent" if one in _AGENTS else "activity" if one in _ACTIVITIES else "entity" for one in Subtype}
_SEGMENTS = {Subtype.MODEL_RUN_WORKFLOW_TEMPLATE: "model_run_workflow"}
_NOUNS = {Subtype.MODEL_RUN_WORKFLOW_TEMPLATE: "workflow template"}
_WRITTEN_ELSEWHERE = {
    Subtype.DATASET: "datasets are written through the data store, with client.datasets.mint() and update()",
    Subtype.MODEL_RUN: "model runs are written through the provenance service, with client.model_runs.register()",
    Subtype.CREATE: "the server writes them when an item is created",
    Subtype.VERSION: "the server writes them when an item gets a new version",
}
_INSTEAD = {
    (Subtype.DATASET, "update"): "datasets are changed as a whole; write client.datasets.update(dataset, metadata, "
    "reason=...)",
    (Subtype.MODEL_RUN, "version"): "change the record instead: client.model_runs.update(run, reason=..., ...)",
    (Subtype.MODEL_RUN, "revert"): "model runs are changed through the provenance service; write "
    "client.model_runs.update(run, record, reason=...)",
}
_ALL = frozenset(Subtype)
_WRITTEN = _ALL - _WRITTEN_ELSEWHERE.keys()

ACTIONS: dict[str, frozenset[Subtype]] = {
    **dict.fromkeys(
        (
            "auth_configuration_get", "auth_configuration_put", "auth_evaluate", "auth_roles", "delete", "fetch",
            "list", "locks_history", "locks_lock", "locks_locked", "locks_unlock", "schema", "ui_schema", "validate",
        ),
        _ALL,
    ),
    **dict.fromkeys(("create", "revert", "seed", "update"), _WRITTEN),
    "version": frozenset({Subtype.MODEL, Subtype.MODEL_RUN_WORKFLOW_TEMPLATE, Subtype.DATASET_TEMPLATE}),
}  # fmt: skip
"""Which subtypes have which action. Those on behalf of other users are for services, and not among them."""
