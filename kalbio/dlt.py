"""A workspace as a source of `dlt`, for warehouses: `pipeline.run(kalbio.dlt.workspace(client))`.

It needs the extra `dlt`. A run after the first one reads what has changed since; dlt keeps how far it came, with what
it has loaded.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import chain, count
from typing import TYPE_CHECKING, Any

from kaleidoscope_api.api.records import list_record_values

from kalbio._core.argument_errors import ArgumentError
from kalbio._core.errors import PermissionDeniedError
from kalbio._core.http.responses import as_list
from kalbio._core.json.lazy_json import is_id
from kalbio._core.objects.checks import require_flag, require_whole_number
from kalbio._core.objects.times import read_time
from kalbio._core.sync.concurrency import map_ordered
from kalbio._core.text.display import printable, safe_repr
from kalbio._extras import require_dlt
from kalbio._model.content_reading import as_it_stands
from kalbio._model.workspace_lists import LISTINGS, columns_of, members_of
from kalbio._workspace_reads import in_events, read_lists, read_workspace, search_ids, with_newer_values
from kalbio.client import KaleidoscopeClient
from kalbio.entity_types import ENTITY_TYPES, EntityTypeIdentifier

if TYPE_CHECKING:
    import dlt.extract
else:
    from types import SimpleNamespace

    # Names in annotations, for tools that read these where the library is not there.
    dlt = SimpleNamespace(extract=SimpleNamespace(DltSource=Any))

__all__ = ["workspace"]

_EVENTS = 500
_OWN_TABLES = (*(listing.table for listing in LISTINGS), "activity_records", "records", "values", "events")
_LOGGER = logging.getLogger("kalbio.dlt")


def __dir__() -> list[str]:
    return sorted(__all__)


def workspace(
    client: KaleidoscopeClient,
    *,
    entity_types: Iterable[EntityTypeIdentifier] | None = None,
    history: bool = True,
    events: bool = True,
    overlap: timedelta = timedelta(minutes=10),
    batch_size: int = 1000,
) -> dlt.extract.DltSource:
    """Return a workspace as a source of dlt. What it reads goes on from what the pipeline has loaded before.

    Its resources, each a table of the same name:

    * one for each entity type: its records with their current values, a column for each field that has one, typed by
      the fields. Merged by `record_id`.
    * `values`: every value that was ever written, as text, with who, when and where. Merged by `value_id`.
    * `events`: what happened. Merged by `event_id`.
    * `records`: the ids of the records that there are, with their entity types. Replaced each time: what the table of a
      type has and this one has not was deleted.
    * `activities`, `activity_records`, `programs`, `members`, `fields`, `entity_types`, `views`: replaced each time.

    A field keeps its column when it is renamed; `fields` has the new name. When its type changes it gets a new column,
    and the records of the entity type are read again. Two fields whose names dlt writes alike get two columns, the
    second with a part of the field's id.

    A source can be run again; it has the entity types that there were when it was made.

    The credentials stay in the client: nothing of them is in the source, in the state, or in what is loaded.

    Args:
        client: the client to read with, made with `on_error="raise"`, as it is by default. It must be open while the
            pipeline runs.
        entity_types: only records and values of these types: objects, ids, or names. None stands for all.
        history: whether there is a resource `values`, which takes a request for each record that is read.
        events: whether there is a resource `events`.
        overlap: how far each run looks back behind the one before: longer than events come late.
        batch_size: records that are held in memory at a time.

    Returns:
        A source: choose of its tables with `.with_resources("compound", "values")`.

    Raises:
        IdentifierNotFoundError: there is no such entity type.
        ValueError: an argument cannot be used, or, when it runs, the pipeline has loaded another workspace before.
        KalbioAPIError: the server refused.
        ModuleNotFoundError: dlt is not installed.

    API operation: `listEntitySlices` and the other lists, `getActiveWorkspace`, `searchRecords`, `listRecords`,
    `listRecordValues`, `listWorkspaceEvents`.

    Example:
        >>> pipeline = dlt.pipeline("kaleidoscope", destination="duckdb", dataset_name="lab")
        >>> print(pipeline.run(kalbio.dlt.workspace(client)))
    """
    require_dlt()
    from dlt import Schema, resource
    from dlt.extract import DltSource

    require_flag("history", history)
    require_flag("events", events)
    require_whole_number("batch_size", batch_size, 1)
    if not isinstance(overlap, timedelta) or overlap < timedelta(0):
        raise ArgumentError(f"overlap must be a timedelta such as timedelta(minutes=10); got {safe_repr(overlap)}")
    if not isinstance(client, KaleidoscopeClient):
        raise ArgumentError(f"client must be a KaleidoscopeClient; got {type(client).__name__}")
    if client.on_error != "raise":
        raise ArgumentError(
            'a client with on_error="log" leaves out what fails without a word to dlt; make it with on_error="raise"'
        )
    schema = Schema("kalbio")
    reading = _Reading(client, schema.naming.normalize_identifier, overlap, batch_size)
    types = reading.choose(entity_types)
    found: list[Any] = []

    def add(name: str, read: Callable[..., Iterator[Any]], *arguments: Any, key: str | None = None) -> None:
        def rows() -> Iterator[Any]:  # a function of its own for each: dlt writes on it
            reading.begin()
            yield from read(*arguments)

        how: Any = (
            {"write_disposition": "replace"} if key is None else {"write_disposition": "merge", "primary_key": key}
        )
        found.append(resource(rows, name=name, **how))

    for listing in LISTINGS:
        add(listing.table, reading.listing, listing.table)
    add("activity_records", reading.memberships)
    add("records", reading.records, types)
    for entity_type, name in types.items():
        add(name, reading.typed, entity_type, key="record_id")
    if history:
        add("values", reading.values, list(types), key="value_id")
    if events:
        add("events", reading.events, key="event_id")
    return DltSource(schema, "kalbio", found)


class _Reading:
    """What the resources of a source read. What several need is read once.

    Args:
        client: whom to ask.
        normalized: how dlt writes a name.
        overlap: how far to look back.
        batch_size: records at a time.
    """

    def __init__(
        self, client: KaleidoscopeClient, normalized: Callable[[str], str], overlap: timedelta, batch_size: int
    ) -> None:
        self._client = client
        self._normalized = normalized
        self._overlap = overlap
        self._batch_size = batch_size
        self._run: object = None
        self._forget()

    def _forget(self) -> None:
        self._lists: tuple[dict[str, list[Mapping[str, Any]]], list[str]] | None = None
        self._began: tuple[datetime, Mapping[str, Any]] | None = None
        self._changed: dict[datetime, set[str]] = {}
        self._ids: dict[str, list[str]] = {}

    def begin(self) -> None:
        """Forget what an earlier run has read, when the same source is run again."""
        from dlt import current
        from dlt.common.storages.exceptions import CurrentLoadPackageStateNotAvailable

        run: object
        try:
            run = current.load_package_state().get("load_id")
        except CurrentLoadPackageStateNotAvailable:  # looked at without a pipeline
            run = object()
        if run != self._run:
            self._run = run
            self._forget()
            self._client.entity_fields.clear_caches()  # others may have made or changed fields since

    def choose(self, wanted: Iterable[EntityTypeIdentifier] | None) -> dict[str, str]:
        """Return the entity types, by id, with the names of their tables."""
        self._client.entity_types.clear_caches()
        self._client.entity_fields.clear_caches()
        directory = self._client.directory
        chosen = None if wanted is None else set(directory[ENTITY_TYPES].require_ids(list(wanted)))
        # Of all, so that the choice changes no name.
        called = [(kind.id, kind.shown_name) for kind in self._client.entity_types.get_types()]
        names = self._names(called, _OWN_TABLES)
        return {identifier: name for identifier, name in names.items() if chosen is None or identifier in chosen}

    # -- resources --------------------------------------------------------------------------------------------------

    def listing(self, name: str) -> Iterator[Any]:
        """Yield a list of the workspace."""
        _, missing = self._read_lists()
        if name in missing:
            _LOGGER.warning("the credentials may not list %s: the table stays empty", name)
        listing = next(one for one in LISTINGS if one.table == name)
        columns = columns_of(listing, self._items(name))
        kinds = [member.type for member in listing.members]
        yield _arrow(
            {
                member.column: (_moments(column) if kind == "TIMESTAMPTZ" else column, _KINDS[kind])
                for member, column, kind in zip(listing.members, columns, kinds, strict=True)
            }
        )

    def memberships(self) -> Iterator[Any]:
        """Yield which records activities have, on which of their tables."""
        lists, _ = self._read_lists()
        members = (one for activity in lists["activities"] for one in members_of(activity))
        columns = list(zip(*members, strict=True)) or [(), (), ()]
        names = ("activity_id", "record_id", "table_id")
        yield _arrow({name: (column, "string") for name, column in zip(names, columns, strict=True)})

    def records(self, types: Mapping[str, str]) -> Iterator[Any]:
        """Yield the ids of the records that there are."""
        for entity_type, name in types.items():
            ids = self._ids_of(entity_type)
            for start in range(0, len(ids), 50_000):
                part = ids[start : start + 50_000]
                yield _arrow(
                    {
                        "record_id": (part, "string"),
                        "entity_type": ([name] * len(part), "string"),
                        "entity_type_id": ([entity_type] * len(part), "string"),
                    }
                )

    def typed(self, entity_type: str) -> Iterator[Any]:
        """Yield the records of an entity type that have changed, with their current values."""
        state, began = self._state()
        if state.setdefault("entity_type", entity_type) != entity_type:
            raise ArgumentError(
                f"this table has held another entity type, {state['entity_type']}, before the two were renamed: load "
                f'the tables of both anew, with refresh="drop_resources"'
            )
        known: dict[str, dict[str, str]] = state.setdefault("columns", {})
        forms = {field.id: field.field_type for field in self._client.entity_fields.get_data_fields()}
        retyped = [one for one, column in known.items() if one in forms and column["type"] != forms[one]]
        for one in retyped:
            state.setdefault("retired", []).append(known.pop(one)["name"])
        ids = self._changed_ids(entity_type, None if retyped else state.get("since"))
        for start in range(0, len(ids), self._batch_size):
            table = self._client.records.table(ids=ids[start : start + self._batch_size])
            if table.misfits:
                first = table.misfits[0]
                _LOGGER.warning(
                    "%d contents do not fit the type of their field, and are empty in the table; `values` has them,"
                    " unless history=False leaves it out. The first: %s of the record %s, field %s",
                    len(table.misfits), safe_repr(first.content), first.record_id, safe_repr(first.column),
                )  # fmt: skip
            taken = {"record_id", *(column["name"] for column in known.values()), *state.get("retired", ())}
            fresh = {str(one.field_id): one.name for one in table.fields if str(one.field_id) not in known}
            for identifier, name in self._names(fresh.items(), taken).items():
                known[identifier] = {"name": name, "type": str(forms.get(identifier, "text"))}
            arrow = table.to_arrow()
            names = ["record_id", *(known[str(column.field_id)]["name"] for column in table.fields)]
            yield _with_ids(arrow.rename_columns(names), "record_id")
        state["since"] = began

    def values(self, types: Sequence[str]) -> Iterator[Any]:
        """Yield every value of the records that have changed."""
        state, began = self._state()
        since: dict[str, str] = state.setdefault("since", {})  # of each entity type: not all are chosen each time
        ids = [one for entity_type in types for one in self._changed_ids(entity_type, since.get(entity_type))]
        session = self._client.session

        def ask(record_id: str) -> list[Any]:
            response = session.call_or_none(list_record_values.build_request(record_id))
            items = [] if response is None else as_list(response)
            whole = [item for item in items if isinstance(item, dict) and is_id(item.get("id"))]
            if len(whole) < len(items):
                _LOGGER.warning(
                    "%d values of the record %s have no id, which `values` is merged by, and are left out",
                    len(items) - len(whole), record_id,
                )  # fmt: skip
            # The values of sub-records may be among those of a record.
            return [item for item in whole if str(item.get("record_id") or record_id) == record_id]

        for start in range(0, len(ids), self._batch_size):
            part = ids[start : start + self._batch_size]
            found = zip(part, map_ordered(ask, part, session.max_in_flight), strict=True)
            rows = [(record_id, item) for record_id, items in found for item in items]
            members = {
                "field_id": "field_id", "written_by": "created_by", "activity_id": "operation_id",
                "table_id": "record_view_id",
            }  # fmt: skip
            yield _with_ids(
                _arrow(
                    {
                        "value_id": ([str(item["id"]) for _, item in rows], "string"),
                        "record_id": ([record_id for record_id, _ in rows], "string"),
                        "value": ([_text(item.get("content")) for _, item in rows], "string"),
                        "written_at": (_moments([item.get("created_at") for _, item in rows]), "timestamp"),
                        **{
                            name: ([_text(item.get(member)) for _, item in rows], "string")
                            for name, member in members.items()
                        },
                    }
                ),
                "value_id",
            )
        since.update(dict.fromkeys(types, began))

    def events(self) -> Iterator[Any]:
        """Yield what has happened."""
        state, began = self._state()
        since = state.get("since")
        after = None if since is None else datetime.fromisoformat(since) - self._overlap
        batch: list[Any] = []
        try:
            for event in self._client.workspace.iter_events(page_size=_EVENTS, after_date=after):
                batch.append(event)
                if len(batch) == self._batch_size:
                    yield _event_rows(batch)
                    batch = []
        except PermissionDeniedError:
            _LOGGER.warning("the credentials may not read events: the table stays as it is")
            return
        if batch:
            yield _event_rows(batch)
        state["since"] = began

    # -- what they share --------------------------------------------------------------------------------------------

    def _state(self) -> tuple[dict[str, Any], str]:
        """Return what dlt keeps for a resource, and the time that the next run goes on from."""
        from dlt import current

        moment, item = self._begun()
        state: dict[str, Any] = current.resource_state()
        identifier = str(item.get("id"))
        if state.setdefault("workspace", identifier) != identifier:
            raise ArgumentError(
                f"this pipeline has loaded the workspace {state['workspace']}, and the client is connected to "
                f"{safe_repr(item.get('workspace_name'))} ({identifier}): give that one a pipeline of its own"
            )
        return state, moment.isoformat()

    def _begun(self) -> tuple[datetime, Mapping[str, Any]]:
        if self._began is None:
            self._began = read_workspace(self._client)
        return self._began

    def _changed_ids(self, entity_type: str, since: str | None) -> list[str]:
        """Return the records of a type that have changed since then; all of them where that is not known."""
        ids = self._ids_of(entity_type)
        if since is None:
            return ids
        moment = datetime.fromisoformat(since) - self._overlap
        if moment not in self._changed:
            fields = [str(field["id"]) for field in self._items("fields") if not field.get("is_key")]
            self._changed[moment] = with_newer_values(self._client, moment, fields)
            told_of = in_events(self._client, moment)
            if told_of is None:
                _LOGGER.warning(
                    "the credentials may not read events: new records without a value are found by full loads"
                )
            self._changed[moment] |= told_of or set()
        return [one for one in ids if one in self._changed[moment]]

    def _ids_of(self, entity_type: str) -> list[str]:
        self._begun()  # before the ids: what is made after these is for the next run
        if entity_type not in self._ids:
            self._ids[entity_type] = search_ids(self._client, entity_slice_id=entity_type)
        return self._ids[entity_type]

    def _read_lists(self) -> tuple[dict[str, list[Mapping[str, Any]]], list[str]]:
        if self._lists is None:
            self._lists = read_lists(self._client)
        return self._lists

    def _items(self, name: str) -> list[Mapping[str, Any]]:
        return self._read_lists()[0][name]

    def _names(self, wanted: Iterable[tuple[str, str]], taken: Iterable[str]) -> dict[str, str]:
        """Return id to name as dlt writes it; of those that it writes alike, the later ones get a part of the id."""
        seen = set(taken)
        found: dict[str, str] = {}
        for identifier, name in wanted:
            own = name if name.strip() else identifier
            if self._normalized(own).startswith("_dlt"):  # dlt has columns and tables of its own of such names
                own = self._normalized(own)[1:]
            others = (f"{own} {identifier} {number}" for number in count(2))
            spellings = map(self._normalized, chain((own, f"{own} {identifier[:8]}", f"{own} {identifier}"), others))
            found[identifier] = next(spelling for spelling in spellings if spelling not in seen)
            seen.add(found[identifier])
        return found


_KINDS = {"VARCHAR": "string", "VARCHAR[]": "list", "BOOLEAN": "bool", "TIMESTAMPTZ": "timestamp"}


def _arrow(columns: Mapping[str, tuple[Sequence[Any], str]]) -> Any:
    """Return an Arrow table of columns, each with its type."""
    import pyarrow

    kinds = {
        "string": pyarrow.string(), "list": pyarrow.list_(pyarrow.string()), "bool": pyarrow.bool_(),
        "timestamp": pyarrow.timestamp("us", "UTC"),
    }  # fmt: skip
    return pyarrow.table({name: pyarrow.array(column, kinds[kind]) for name, (column, kind) in columns.items()})


def _with_ids(table: Any, name: str) -> Any:
    """Return a table in which a column is known to have no gaps, as dlt takes a primary key to be."""
    place = table.schema.get_field_index(name)
    return table.cast(table.schema.set(place, table.schema.field(place).with_nullable(False)))


def _event_rows(events: Sequence[Any]) -> Any:
    items = [event.to_dict() for event in events]
    names = ("event_type", "resource_type", "resource_id", "event_user_id", "full_name")
    return _with_ids(
        _arrow(
            {
                "event_id": ([str(item["id"]) for item in items], "string"),
                **{name: ([_text(item.get(name)) for item in items], "string") for name in names},
                "created_at": (_moments([item.get("created_at") for item in items]), "timestamp"),
                "details": ([printable(as_it_stands(item.get("event_attrs"))) for item in items], "string"),
            }
        ),
        "event_id",
    )


def _moments(texts: Sequence[Any]) -> list[datetime | None]:
    return [read_time(text, "a time of the workspace") for text in texts]


def _text(value: Any) -> str | None:
    return None if value is None else printable(as_it_stands(value))
