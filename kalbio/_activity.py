# Derived from kalbio/aio/_activity.py by scripts/regenerate; edit that file. (digest 42c7f4cdb65e)
"""Activities, and what leads to them: their records and their definitions. The three know each other."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any, Protocol, Unpack, cast

from kaleidoscope_api.api.activities import (
    list_activity_comments,
    list_activity_events,
    list_child_activities,
    update_activity,
)
from kaleidoscope_api.api.operations import add_operation_records, list_operation_records, remove_operation_records
from kaleidoscope_api.types import UNSET, Unset

from kalbio._activity_updates import resolved
from kalbio._core.http.responses import as_json
from kalbio._core.objects.identifiers import Many, plain_id
from kalbio._core.objects.listing import Listing, read_items
from kalbio._core.objects.updates import NoMore, collect_updates
from kalbio._definition import DefinitionSettings
from kalbio._directory import Client, WithTables
from kalbio._listing import Kind
from kalbio._model import staleness
from kalbio._model.activities import (
    ActivityData,
    ActivityEvent,
    ActivityIdentifier,
    Comment,
    DefinitionIdentifier,
)
from kalbio._model.bulk import RowProgress
from kalbio._model.enums import (
    ActivityStatusEnum,
)
from kalbio._model.errors import KalbioError
from kalbio._model.fields import EntityFieldData
from kalbio._model.filters import Filters, Sorts
from kalbio._model.rich_text import RichText
from kalbio._model.views import RecordViewData, RecordViewIdentifier
from kalbio._policy import default_on_error, none
from kalbio._property import WithProperties
from kalbio._record import RecordIdentifier
from kalbio._typed_values import ReadableRecord
from kalbio.labels import LABELS, Label, LabelIdentifier
from kalbio.programs import PROGRAMS, Program, ProgramIdentifier
from kalbio.record_views import RECORD_VIEWS, RecordView
from kalbio.result_table_templates import TEMPLATES, ResultTableTemplate
from kalbio.tables import Table
from kalbio.workspace import GROUPS, USERS, GroupIdentifier, UserIdentifier, WorkspaceGroup, WorkspaceUser


class ActivitiesOfRecord(Protocol):
    """What a record asks of the service of activities."""

    def get_activities_with_record(self, record_id: RecordIdentifier, use_cache: bool = True) -> list[Activity]:
        """Return the activities that contain a record."""
        ...


class WithActivities(Client, Protocol):
    """A client with that service."""

    @property
    def activities(self) -> ActivitiesOfRecord:
        """The service."""
        ...


class Record(ReadableRecord):
    """A row: one combination of key values of an entity type, and the values written on it.

    Reading values sends nothing: you see what the record held when it was fetched, and what was written through this
    object since.
    """

    __slots__ = ()
    __module__ = "kalbio.records"
    _client: WithActivities | None

    @default_on_error(list)
    def get_activities(self) -> list[Activity]:
        """Return the activities that contain this record.

        Raises:
            KalbioAPIError: the server refused.

        API operation: `listRecordOperations`.

        Example:
            >>> record = client.records.get_or_create_record({"Compound": "CPD-1"})
            >>> record.get_activities()
            []
        """
        client = self._require_client()
        return client.activities.get_activities_with_record(self)


class ActivityDefinition(DefinitionSettings):
    """A template of activities ("experiment type"): defaults, content layout, queueing and registration settings."""

    __slots__ = ()
    __module__ = "kalbio.activities"
    _client: Client | None

    @property
    @default_on_error(list)
    def activities(self) -> list[Activity]:
        """The activities made from it. API operation: `listActivities`."""
        client = self._require_client()
        return (client.directory[ACTIVITIES].all()).only(lambda activity: activity.definition_id == self.id)

    @property
    @default_on_error(list)
    def record_views(self) -> list[RecordView]:
        """The record views that belong to it; templates are not among them. API operation: `listRecordViews`."""
        client = self._require_client()
        views = client.directory[RECORD_VIEWS].all()
        return views.only(lambda view: not view.is_template and self.id in (view.operation_definition_ids or ()))

    @property
    @default_on_error(list)
    def templates(self) -> list[ResultTableTemplate]:
        """The result table templates that are linked to it. API operation: `listRecordViewTemplates`."""
        client = self._require_client()
        templates = client.directory[TEMPLATES].all()
        return templates.only(lambda template: self.id in (template.operation_definition_ids or ()))


class Activity(WithProperties, ActivityData):
    """A unit of work: a task, an experiment, a project, a stage, a milestone or a design cycle.

    Experiments and cycles are operations: they hold records, and values can be written in them.
    """

    __slots__ = ()
    __module__ = "kalbio.activities"
    _client: Client | None

    @property
    @default_on_error(none)
    def activity_definition(self) -> ActivityDefinition | None:
        """Its definition, None when it has none. API operation: `listActivityDefinitions`."""
        definition_id = self.definition_id
        if definition_id is None:
            return None
        client = self._require_client()
        return client.directory[DEFINITIONS].find(definition_id)

    @property
    @default_on_error(list)
    def assigned_users(self) -> list[WorkspaceUser]:
        """The users that are assigned; unknown ones are left out. API operation: `listWorkspaceMembers`."""
        client = self._require_client()
        return client.directory[USERS].listed(self.assigned_user_ids)

    @property
    @default_on_error(list)
    def assigned_groups(self) -> list[WorkspaceGroup]:
        """The groups that are assigned; unknown ones are left out. API operation: `listWorkspaceGroups`."""
        client = self._require_client()
        return client.directory[GROUPS].listed(self.assigned_group_ids)

    @property
    @default_on_error(list)
    def labels(self) -> list[Label]:
        """Its labels; unknown ones are left out. API operation: `listActivityLabels`."""
        client = self._require_client()
        return client.directory[LABELS].listed(self.label_ids)

    @property
    @default_on_error(list)
    def programs(self) -> list[Program]:
        """Its programs; unknown ones are left out. API operation: `listPrograms`."""
        client = self._require_client()
        return client.directory[PROGRAMS].listed(self.program_ids)

    @property
    @default_on_error(list)
    def child_activities(self) -> list[Activity]:
        """Its child activities, read once, and again after this client changed an activity, or after `refetch()`.

        API operation: `listChildActivities`.
        """
        client = self._require_client()
        since = client.directory[ACTIVITIES].generation
        read, known = self._cached_relation("child_activities") or (None, Listing())
        if read != since or not client.session.caching():
            response = client.session.call_or_none(list_child_activities.build_request(self.id))
            known = Listing() if response is None else client.directory[ACTIVITIES].adopt(response)
            self._cache_relation("child_activities", (since, known))
        return Listing(known, known.unreadable)

    @property
    @default_on_error(list)
    def records(self) -> list[Record]:
        """Its records, read from the server at each access. API operation: `listOperationRecords`."""
        client = self._require_client()
        store = client.directory.records_of(RECORDS)
        since = store.writes
        response = client.session.call_or_none(list_operation_records.build_request(self.id))
        return [] if response is None else store.adopt(response, since)

    @property
    @default_on_error(list)
    def record_views(self) -> list[RecordView]:
        """Its tables; templates are not among them. API operation: `listRecordViews`."""
        client = self._require_client()
        views = client.directory[RECORD_VIEWS].all()
        return views.only(lambda view: not view.is_template and self.id in (view.operation_ids or ()))

    @default_on_error(none)
    def table(
        self,
        fields: Iterable[EntityFieldData | str] | None = None,
        *,
        where: Filters | None = None,
        sorts: Sorts | None = None,
        history: bool = False,
        progress: RowProgress | bool | None = None,
    ) -> Table:
        """Return the records that it contains as a table, with what was written in it.

        Args:
            fields: the columns, in this order: fields as objects, ids, or names. By default the key fields, and all
                data fields of which a record has a value here.
            where: conditions, made with `F` or as dicts.
            sorts: the order, e.g. `["-logP", "Compound"]`.
            history: one row for each value that was ever written, with field, activity, author and time.
            progress: True shows a bar; a function is called with the number of records that were read, and of all.

        Returns:
            A `kalbio.tables.Table`; see `client.records.table`, which takes more conditions.

        Raises:
            IdentifierNotFoundError: no such field.
            KalbioAPIError: the server refused.

        API operation: `searchRecords`, `listRecords` for each batch; `listRecordValues` with `history`.

        Example:
            >>> activity = (client.activities.get_activity_by_type("experiment"))[0]
            >>> table = activity.table()
        """
        client = cast(WithTables, self._require_client())
        return client.records.table(
            activity=self, fields=fields, where=where, sorts=sorts, history=history, progress=progress
        )

    @default_on_error(list, skip_when_none="view_id")
    def records_on_view(self, view_id: RecordViewIdentifier) -> list[Record]:
        """Return the records of one of its tables, in the order of the table.

        Args:
            view_id: the record view, or its id.

        Raises:
            KalbioAPIError: the server refused.

        API operation: `listRecords`.

        Example:
            >>> activity = (client.activities.get_activity_by_type("experiment"))[0]
            >>> for view in activity.record_views:
            ...     records = activity.records_on_view(view.id)
        """
        ids = self.data_table_record_mapping.get(plain_id(view_id, "record view", RecordViewData), [])
        client = self._require_client()
        store = client.directory.records_of(RECORDS)
        return store.find_many(ids) if ids else []

    @default_on_error(none, skip_when_none="identifier")
    def get_record(self, identifier: RecordIdentifier) -> Record | None:
        """Return a record if this activity contains it, else None.

        Args:
            identifier: the record: object, id, or key-field dict.

        Raises:
            IdentifierNotFoundError: a name in the dict is not a key field.

        Example:
            >>> activity = (client.activities.get_activity_by_type("experiment"))[0]
            >>> record = activity.get_record({"Compound": "CPD-1"})
        """
        client = self._require_client()
        store = client.directory.records_of(RECORDS)
        if not isinstance(identifier, Mapping) and store.require_id(identifier) not in self.all_record_ids:
            return None  # the ids are at hand: nothing needs to be read
        record = identifier if isinstance(identifier, Record) else store.find(identifier)
        return record if record is not None and record.id in self.all_record_ids else None

    @default_on_error(bool, skip_when_none="identifier")
    def has_record(self, identifier: RecordIdentifier) -> bool:
        """Return whether this activity contains a record.

        Args:
            identifier: the record: object, id, or key-field dict. Objects and ids cost no request.

        Raises:
            IdentifierNotFoundError: a name in the dict is not a key field.

        Example:
            >>> activity = (client.activities.get_activity_by_type("experiment"))[0]
            >>> contained = activity.has_record({"Compound": "CPD-1"})
        """
        if isinstance(identifier, Mapping):
            return self.get_record(identifier) is not None
        resolved = self._require_client().directory.records.require_id(identifier)
        return resolved in self.all_record_ids

    @default_on_error(none)
    def update(
        self,
        *,
        parent_id: ActivityIdentifier | None | Unset = UNSET,
        title: str | Unset = UNSET,
        description: RichText | None | Unset = UNSET,
        status: ActivityStatusEnum | str | Unset = UNSET,
        priority: str | Unset = UNSET,
        definition_id: DefinitionIdentifier | Unset = UNSET,
        add_dependencies: Many[ActivityIdentifier] | Unset = UNSET,
        remove_dependencies: Many[ActivityIdentifier] | Unset = UNSET,
        due_date: date | None | Unset = UNSET,
        start_date: date | None | Unset = UNSET,
        duration: int | None | Unset = UNSET,
        aggregate_scheduling: bool | Unset = UNSET,
        add_label_ids: Many[LabelIdentifier] | Unset = UNSET,
        remove_label_ids: Many[LabelIdentifier] | Unset = UNSET,
        add_program_ids: Many[ProgramIdentifier] | Unset = UNSET,
        remove_program_ids: Many[ProgramIdentifier] | Unset = UNSET,
        add_assigned_user_ids: Many[UserIdentifier] | Unset = UNSET,
        remove_assigned_user_ids: Many[UserIdentifier] | Unset = UNSET,
        add_assigned_group_ids: Many[GroupIdentifier] | Unset = UNSET,
        remove_assigned_group_ids: Many[GroupIdentifier] | Unset = UNSET,
        add_reviewer_ids: Many[UserIdentifier] | Unset = UNSET,
        remove_reviewer_ids: Many[UserIdentifier] | Unset = UNSET,
        add_subscriber_ids: Many[UserIdentifier] | Unset = UNSET,
        remove_subscriber_ids: Many[UserIdentifier] | Unset = UNSET,
        external_id: str | Unset = UNSET,
        comment: RichText | Unset = UNSET,
        shift_dependency_mode: str | Unset = UNSET,
        avoid_weekends: bool | Unset = UNSET,
        extend_in_progress_items: bool | Unset = UNSET,
        **more: Unpack[NoMore],
    ) -> None:
        """Change the activity. What you leave out stays as it is; None clears it.

        Args:
            parent_id: the activity it is a part of: object, id, or title; None detaches it.
            title: its title.
            description: text, or a rich-text document as a dict.
            status: its state, as a member of `ActivityStatusEnum` or as text.
            priority: urgent, high, medium, low or none.
            definition_id: its definition: object, id, or title.
            add_dependencies: activities that block it: objects, ids, or titles.
            remove_dependencies: activities that no longer block it.
            due_date: when it is due: a date, or a datetime; midnight without a zone counts as the day.
            start_date: when it starts, in the same form as `due_date`.
            duration: days.
            aggregate_scheduling: whether the dates of children are rolled up.
            add_label_ids: labels to add: objects, ids, or names.
            remove_label_ids: labels to remove.
            add_program_ids: programs to add: objects, ids, or titles.
            remove_program_ids: programs to remove.
            add_assigned_user_ids: users to assign: objects, ids, or e-mail addresses.
            remove_assigned_user_ids: users to unassign.
            add_assigned_group_ids: groups to assign: objects, ids, or names.
            remove_assigned_group_ids: groups to unassign.
            add_reviewer_ids: reviewers to add.
            remove_reviewer_ids: reviewers to remove.
            add_subscriber_ids: users to notify of changes.
            remove_subscriber_ids: users to stop notifying.
            external_id: its id in another system.
            comment: text, or a rich-text document as a dict, posted with the change.
            shift_dependency_mode: how the dates of dependent activities are moved.
            avoid_weekends: whether moved dates avoid weekends.
            extend_in_progress_items: whether running activities are extended.
            **more: further members of the request, sent as they are; type checkers take them as a
                `dict[str, Any]`: `**members`.

        Raises:
            TypeError: another keyword looks like a misspelled argument; nothing was sent.
            IdentifierNotFoundError: a name does not exist; nothing was changed.
            ValueError: the title is empty, or a value cannot be sent.
            KalbioAPIError: the server refused.

        API operation: `updateActivity`.

        Example:
            >>> activity = (client.activities.get_activity_by_type("experiment"))[0]
            >>> activity.update(status=ActivityStatusEnum.IN_PROGRESS, comment="Plates are read.")
            >>> (activity.get_comments())[-1].text
            'Plates are read.'
        """
        changes = collect_updates(locals())
        if not changes:
            return
        client = self._require_client()
        changes = resolved(client.directory, changes)
        request = update_activity.build_request(self.id, body=changes)
        if "comment" in changes:
            # A second comment would stand there twice.
            request["extensions"]["idempotent"] = False
        response = client.session.call(request)
        self._merge_or_reread(response)

    @default_on_error(none)
    def add_records(self, record_ids: Many[RecordIdentifier]) -> None:
        """Attach records; those that are attached already stay.

        Args:
            record_ids: the records: objects, ids, or key-field dicts.

        Raises:
            IdentifierNotFoundError: no record has the keys in one of the dicts; nothing was sent.
            KalbioAPIError: the server refused.

        API operation: `addOperationRecords`.

        Example:
            >>> activity = (client.activities.get_activity_by_type("experiment"))[0]
            >>> record = client.records.get_or_create_record({"Compound": "CPD-1"})
            >>> activity.add_records([record])
        """
        from kaleidoscope_api.models import AddOperationRecordsBody

        client = self._require_client()
        ids = client.directory.records.require_ids(record_ids)
        if not ids:
            return
        body = AddOperationRecordsBody(record_ids=ids)
        client.session.call(add_operation_records.build_request(self.id, body=body))
        self._reread()

    @default_on_error(none)
    def remove_records(
        self, record_ids: Many[RecordIdentifier], record_view_id: RecordViewIdentifier | None = None
    ) -> None:
        """Detach records. The values that they hold in this activity are deleted.

        Args:
            record_ids: the records: objects, ids, or key-field dicts.
            record_view_id: only from this table; None from all tables.

        Raises:
            IdentifierNotFoundError: no record has the keys in one of the dicts; nothing was sent.
            KalbioAPIError: the server refused, e.g. because a record is not attached; nothing was changed.

        API operation: `removeOperationRecords`.

        Example:
            >>> activity = (client.activities.get_activity_by_type("experiment"))[0]
            >>> record = client.records.get_or_create_record({"Compound": "CPD-1"})
            >>> activity.add_records([record])
            >>> activity.remove_records([record])
        """
        from kaleidoscope_api.models import RemoveOperationRecordsBody

        client = self._require_client()
        ids = client.directory.records.require_ids(record_ids)
        if not ids:
            return
        body = RemoveOperationRecordsBody(
            record_ids=ids,
            record_view_id=UNSET if record_view_id is None else plain_id(record_view_id, "record view", RecordViewData),
        )
        response = client.session.call(remove_operation_records.build_request(self.id, body=body))
        self._merge_or_reread(response)

    @default_on_error(list)
    def get_record_data(self) -> list[dict[str, Any]]:
        """Return what each record holds in this activity: field id to content, in the order of the records.

        Raises:
            KalbioAPIError: the server refused.

        API operation: `listOperationRecords`.

        Example:
            >>> activity = (client.activities.get_activity_by_type("experiment"))[0]
            >>> rows = activity.get_record_data()
        """
        return [record.get_activity_data(self) for record in self.records]

    @default_on_error(list)
    def get_events(self) -> list[ActivityEvent]:
        """Return what happened to the activity, in the server's order (newest first, as a rule).

        Raises:
            KalbioAPIError: the server refused.

        API operation: `listActivityEvents`.

        Example:
            >>> activity = (client.activities.get_activity_by_type("experiment"))[0]
            >>> events = activity.get_events()
        """
        client = self._require_client()
        response = client.session.call_or_none(list_activity_events.build_request(self.id))
        return [] if response is None else read_items(response, lambda item: ActivityEvent(item, client))

    @default_on_error(list)
    def get_comments(self) -> list[Comment]:
        """Return the comments on the activity.

        Raises:
            KalbioAPIError: the server refused.

        API operation: `listActivityComments`.

        Example:
            >>> activity = (client.activities.get_activity_by_type("experiment"))[0]
            >>> comments = activity.get_comments()
        """
        client = self._require_client()
        response = client.session.call_or_none(list_activity_comments.build_request(self.id))
        return [] if response is None else read_items(response, lambda item: Comment(item, client))

    @default_on_error(none)
    def refetch(self) -> None:
        """Read the activity from the server again; this object then shows its state.

        Raises:
            NotFoundError: the activity is not there any more; IdentifierNotFoundError where only the listing tells.
            KalbioAPIError: the server refused.

        API operation: `getActivity`; `listActivities` where the server does not know it.

        Example:
            >>> activity = (client.activities.get_activity_by_type("experiment"))[0]
            >>> activity.refetch()
        """
        client = self._require_client()
        # What is read now may be newer than what is remembered, which must not contradict it.
        client.session.forget(staleness.ACTIVITY, staleness.OF_RECORD)
        self._replace_json(client.directory[ACTIVITIES].read_one(self.id))

    def _merge_or_reread(self, response: Any) -> None:
        self._stale = True
        answer = as_json(response)
        if isinstance(answer, list) and len(answer) == 1:
            answer = answer[0]
        if isinstance(answer, dict) and str(answer.get("id")) == self.id:
            self._merge(answer)
        else:
            self._reread()

    def _reread(self) -> None:
        """Read the outcome of a write. The write is done: not being able to read it must not look like its failure."""
        self._stale = True
        with contextlib.suppress(KalbioError):
            self.refetch()


RECORDS: Kind[Record] = Kind(staleness.RECORD)
ACTIVITIES: Kind[Activity] = Kind(staleness.ACTIVITY)
DEFINITIONS: Kind[ActivityDefinition] = Kind(staleness.DEFINITION)
