"""What the services answer with: views over the JSON, decoded when it is read."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Self

import attrs

from kalbio._core.objects.identifiers import did_you_mean
from kalbio._core.objects.notebook import html_of_object
from kalbio._core.objects.resource import (
    Field,
    Owner,
    Resource,
    anything,
    flag,
    list_of_anything,
    mapping,
    number,
    text,
    text_or_empty,
)
from kalbio._core.text.display import printable, safe_repr
from kalbio._core.text.html_tables import ROWS, html_table, shown
from kalbio.provena._model.item_parts import VersioningInfo, WorkflowLinks

HANDLE = re.compile(r"\d[\w.]*/\S+")
"""What a handle looks like: a number, a slash, and more."""


class UnparsableItemWarning(UserWarning):
    """The registry has an item that does not have the form of its subtype; it is given as it is stored."""


class Item(Resource):
    """An item of the registry, of any subtype: its data, and what the registry itself knows of it.

    The members of its data are attributes as well: `person.email`, `model.source_url`. Type checkers know those of the
    classes of `kalbio.provena.items`.

    Attributes:
        roles: what the caller may do with it; None when it came in a list, which does not tell.
        locked: whether it is locked; None when it came in a list.
    """

    __slots__ = ("locked", "roles")

    def __init__(self, raw: dict[str, Any] | None = None, client: Owner | None = None, /, **members: Any) -> None:
        super().__init__(raw, client, **members)
        self.roles: list[str] | None = None
        self.locked: bool | None = None

    display_name = text("Its name for people; None for a seed.")
    item_category = text_or_empty("AGENT, ENTITY or ACTIVITY.")
    item_subtype = text_or_empty("Its subtype.")
    record_type = text_or_empty("COMPLETE_ITEM, or SEED_ITEM when it has no data yet.")
    owner_username = text("Who owns it.")
    created_timestamp = number("When it was created, in seconds since 1970.")
    updated_timestamp = number("When it was changed last, in seconds since 1970.")
    user_metadata = mapping("Texts under names that its owner chose.")
    history = list_of_anything("Its earlier states, the newest first.")
    versioning_info: Field[VersioningInfo | None] = anything("Its place among its versions; None where there are none.")
    workflow_links: Field[WorkflowLinks | None] = anything("The jobs that registered its creation and its version.")

    @property
    def is_seed(self) -> bool:
        """Whether it has no data yet."""
        return self.record_type == "SEED_ITEM"

    @property
    def create_job_id(self) -> str | None:
        """The job that registers who created it; None where there is none."""
        return self._link("create_activity_workflow_id")

    @property
    def version_job_id(self) -> str | None:
        """The job that registers how it came from the version before; None where there is none."""
        return self._link("version_activity_workflow_id")

    def _link(self, member: str) -> str | None:
        links = self.workflow_links
        id = links.get(member) if isinstance(links, Mapping) else None
        return None if id is None else str(id)

    @property
    def created_at(self) -> datetime | None:
        """When it was created."""
        return moment(self.created_timestamp)

    @property
    def updated_at(self) -> datetime | None:
        """When it was changed last."""
        return moment(self.updated_timestamp)

    def _cure_of(self, name: str) -> str:
        return super()._cure_of(name) or f".{did_you_mean(name, dir(self))}".rstrip(".")

    def _text(self) -> str:
        return self.display_name or f"{self.item_subtype or type(self).__name__} {self.id}"

    def _repr_html_(self) -> str:
        title = f"{self.item_subtype or type(self).__name__} {self.display_name or self.id}"
        return html_of_object(title, self._members_for_people(), self._shown_name)

    def _members_for_people(self) -> Iterator[tuple[str, Any]]:
        """The members as a person reads them: times instead of seconds, what datasets and runs are about first."""
        yield from _of_dataset(self._raw.get("collection_format"))
        yield from _of_run(self._raw.get("record"))
        for name in self._names():
            value = self._raw.get(name)
            if name in ("created_timestamp", "updated_timestamp"):
                yield name, _time(value)
            elif name == "history" and isinstance(value, list):
                yield name, f"{len(value)} {'entry' if len(value) == 1 else 'entries'}"
            elif name not in ("collection_format", "record") or not isinstance(value, Mapping):
                yield name, value

    @classmethod
    def _html_of(cls, items: Sequence[Self]) -> str:
        rows = [
            (one.display_name, one.item_subtype, one.owner_username, one.updated_at, one.id) for one in items[:ROWS]
        ]
        title = f"{len(items)} item{'' if len(items) == 1 else 's'}"
        return html_table(title, rows, len(items), heads=["name", "subtype", "owner", "updated", "id"])

    def __repr__(self) -> str:
        name = safe_repr(self.display_name) if self.display_name else "without a name"
        return f"<{printable(self.item_subtype or type(self).__name__)} {name} {printable(self.id)}>"


class LockEvent(Resource):
    """When and why an item was locked or unlocked, and by whom."""

    __slots__ = ()

    action_type = text_or_empty("LOCK or UNLOCK.")
    username = text_or_empty("Who did it.")
    email = text_or_empty("The mail address of that user.")
    reason = text_or_empty("Why.")
    timestamp = number("When, in seconds since 1970.")

    @property
    def at(self) -> datetime | None:
        """When."""
        return moment(self.timestamp)

    def __repr__(self) -> str:
        return f"<LockEvent {printable(self.action_type)} by {printable(self.username)}: {safe_repr(self.reason)}>"


class ServerVersion(Resource):
    """Which version of the software a server runs."""

    __slots__ = ()

    commit_id = text_or_empty("The commit.")
    commit_url = text_or_empty("Where the commit is shown.")
    tag_name = text_or_empty("The name of the release.")
    release_title = text_or_empty("What the release is called.")
    release_url = text_or_empty("Where the release is shown.")

    def __repr__(self) -> str:
        return f"<ServerVersion {printable(self.tag_name)} {printable(self.commit_id)}>"


class ImportOutcome(Resource):
    """What an import did, or would do in a trial."""

    __slots__ = ()

    trial_mode = flag("Whether it was a trial: nothing was written.")
    old_registry_size = number("How many items there were before.")
    new_registry_size = number("How many there are after it.")
    deleted_entries = number("How many were deleted.")
    overwritten_entries = number("How many were overwritten.")
    new_entries = number("How many were added.")

    def __repr__(self) -> str:
        kind = "a trial" if self.trial_mode else "written"
        return f"<ImportOutcome {kind}: {self.new_entries} new, {self.overwritten_entries} overwritten>"


class Handle(Resource):
    """A persistent id and what it stands for: values with a `type`, a `value` and an `index`."""

    __slots__ = ()

    properties = list_of_anything("Its values.")

    @property
    def url(self) -> str | None:
        """Where it leads: its first URL; None when it has none."""
        urls = (one.get("value") for one in self.properties if isinstance(one, dict) and one.get("type") == "URL")
        return next((url for url in urls if isinstance(url, str)), None)

    def __repr__(self) -> str:
        return f"<Handle {printable(self.id)}>"


class Hit(Resource):
    """What a search found: the id of an item, and how well it fits; with `names=True` also what the item is."""

    __slots__ = ()
    _columns = ("item_subtype", "score")

    display_name = text("What the item is called, where that was asked for and you may read it.")
    item_subtype = text("Its subtype, the same.")

    @property
    def score(self) -> float:
        """How well it fits; only good for comparing hits of one search."""
        score = self._raw.get("score")
        return float(score) if isinstance(score, int | float) else 0.0

    def __repr__(self) -> str:
        named = (
            "" if self.display_name is None else f"{printable(self.item_subtype or '')} {safe_repr(self.display_name)} "
        )
        return f"<Hit {named}{printable(self.id)} {self.score:.2f}>"

    def _text(self) -> str:
        return self.display_name or super()._text()


@attrs.frozen
class ServiceHealth:
    """Whether a service answers, and what it said.

    Attributes:
        name: the service.
        ok: whether it answers.
        message: what it said, or why it did not answer.
    """

    name: str
    ok: bool
    message: str


def _of_dataset(metadata: Any) -> Iterator[tuple[str, Any]]:
    info = metadata.get("dataset_info") if isinstance(metadata, Mapping) else None
    if isinstance(info, Mapping):
        yield from ((name, info.get(name)) for name in ("name", "description", "license", "keywords"))


def _of_run(record: Any) -> Iterator[tuple[str, Any]]:
    if not isinstance(record, Mapping):
        return
    yield "description", record.get("description")
    for side in ("inputs", "outputs"):
        parts = record.get(side)
        named = (
            [part.get("dataset_id") for part in parts if isinstance(part, Mapping)]
            if isinstance(parts, list)
            else parts
        )
        yield side, named
    for name in ("start_time", "end_time"):
        yield name, _time(record.get(name))
    for name in ("workflow_template_id", "study_id", "annotations"):
        yield name, record.get(name)


def _time(value: Any) -> Any:
    at = moment(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
    return value if at is None else shown(at)


def moment(seconds: float | None) -> datetime | None:
    try:
        return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):
        return None
