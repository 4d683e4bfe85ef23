# Derived from kalbio/aio/activities.py by scripts/regenerate; edit that file. (digest 45be4da8cd0c)
"""Activities (experiments, tasks, projects …), their definitions and their properties."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from datetime import date
from typing import Any

from kaleidoscope_api.api.activities import (
    create_activity,
    search_activities,
)
from kaleidoscope_api.api.records import list_record_operations
from kaleidoscope_api.types import UNSET, Unset

from kalbio._activity import ACTIVITIES, DEFINITIONS, Activity, ActivityDefinition
from kalbio._core.argument_errors import ArgumentError
from kalbio._core.errors import IdentifierNotFoundError, NotFoundError
from kalbio._core.json import strict_json
from kalbio._core.objects.checks import require_text, require_texts, require_whole_number
from kalbio._core.objects.identifiers import Many, as_id
from kalbio._core.objects.listing import Listing, read_object
from kalbio._core.objects.times import check_day
from kalbio._core.sync.cache import Cache
from kalbio._core.text.display import safe_repr
from kalbio._directory import Client
from kalbio._model import constants, staleness
from kalbio._model.activities import (
    ActivityData,
    ActivityEvent,
    ActivityIdentifier,
    ActivityType,
    Comment,
    ContentLayoutItem,
    DefinitionIdentifier,
    QueueContentLayoutMapping,
    check_activity_type,
)
from kalbio._model.enums import (
    ACTIVITY_TYPE_TO_LABEL,
    ActivityStatusEnum,
    CompletedBehavior,
    CompletedBehaviorEnum,
    ContentLayoutComponentTypeEnum,
)
from kalbio._policy import default_on_error, none, when_called
from kalbio._property import Property
from kalbio._record import RecordIdentifier
from kalbio._service import Service
from kalbio.labels import LABELS, LabelIdentifier
from kalbio.programs import PROGRAMS, ProgramIdentifier
from kalbio.workspace import USERS, UserIdentifier

__all__ = [
    "ACTIVITY_TYPE_TO_LABEL",
    "ActivitiesService",
    "Activity",
    "ActivityDefinition",
    "ActivityEvent",
    "ActivityIdentifier",
    "ActivityStatusEnum",
    "ActivityType",
    "Comment",
    "CompletedBehaviorEnum",
    "ContentLayoutComponentTypeEnum",
    "ContentLayoutItem",
    "DefinitionIdentifier",
    "Property",
    "QueueContentLayoutMapping",
]


def _warn_of_older_places(service: Any, given: dict[str, Any]) -> None:
    if isinstance(given.get("subscriber_ids"), date):
        warnings.warn("give start_date and duration by name", DeprecationWarning, stacklevel=3)


class ActivitiesService(Service):
    """Activities and their definitions (`client.activities`)."""

    _remembers = (staleness.ACTIVITY, staleness.DEFINITION, staleness.OF_RECORD)

    def __init__(self, client: Client) -> None:
        super().__init__(client)
        self._activities = self._directory[ACTIVITIES]
        self._definitions = self._directory[DEFINITIONS]
        self._of_record: Cache[str, Listing[Activity]] = Cache(
            size=constants.RELATION_CACHE_SIZE, ttl=constants.RELATION_TTL
        )
        self._session.remember(staleness.OF_RECORD, lambda _: self._of_record.clear())

    @default_on_error(list)
    def get_activities(self, *, use_cache: bool = True) -> list[Activity]:
        """Return all activities of all types, drafts included.

        Args:
            use_cache: False asks the server even when the listing is cached.

        Raises:
            KalbioAPIError: the server refused.

        API operation: `listActivities`.

        Example:
            >>> titles = [activity.title for activity in client.activities.get_activities()]
        """
        return self._activities.all(use_cache=use_cache)

    @default_on_error(list, skip_when_none="activity_type")
    def get_activity_by_type(self, activity_type: ActivityType) -> list[Activity]:
        """Return all activities of a type.

        Args:
            activity_type: "task", "experiment", "project", "stage", "milestone" or "cycle".

        Raises:
            ValueError: there is no such type, and no activity has it.
            KalbioAPIError: the server refused.

        API operation: `listActivities`.

        Example:
            >>> experiments = client.activities.get_activity_by_type("experiment")
        """
        found = (self._activities.all()).only(lambda activity: activity.activity_type == activity_type)
        if not found:
            check_activity_type(activity_type)
        return found

    @default_on_error(none, skip_when_none="activity_id")
    def get_activity_by_id(self, activity_id: ActivityIdentifier) -> Activity | None:
        """Return an activity.

        Args:
            activity_id: its id, its exact title, or the activity itself, which is returned as it is.

        Returns:
            The activity, None when there is none.

        Raises:
            AmbiguousIdentifierError: several activities have this title.
            KalbioAPIError: the server refused.

        API operation: `getActivity` for an id, `listActivities` for a title.

        Example:
            >>> activity = client.activities.get_activity_by_id("Kinase screen")
        """
        if isinstance(activity_id, Activity):
            return activity_id
        known = as_id(activity_id, "activity", ActivityData)
        if known is None:
            return self._activities.find(str(activity_id))
        cached = self._activities.cached()
        found = None if cached is None else cached.by_id(known)
        if found is not None:
            return found
        try:
            return Activity(self._activities.read_one(known), self._client)
        except (NotFoundError, IdentifierNotFoundError):
            return None

    @default_on_error(list, skip_when_none="ids")
    def get_activities_by_ids(self, ids: Many[ActivityIdentifier]) -> list[Activity]:
        """Return activities in the order asked for; unknown ones are left out.

        Args:
            ids: ids, titles and activities, in any combination.

        Raises:
            AmbiguousIdentifierError: several activities have one of the titles.
            KalbioAPIError: the server refused.

        API operation: `listActivities`.

        Example:
            >>> activities = client.activities.get_activities_by_ids(["Kinase screen"])
        """
        return [item for item in self._activities.get_many(ids) if item is not None]

    @default_on_error(none, skip_when_none="external_id")
    def get_activity_by_external_id(self, external_id: str) -> Activity | None:
        """Return the first activity with this id of another system, None when there is none.

        Args:
            external_id: the id in the other system.

        Raises:
            KalbioAPIError: the server refused.

        API operation: `listActivities`.

        Example:
            >>> activity = client.activities.get_activity_by_external_id("LIMS-7")
        """
        return self._activities.search(
            lambda catalog: next((item for item in catalog.items if item.external_id == external_id), None)
        )

    @when_called(_warn_of_older_places)
    @default_on_error(none)
    def create_activity(
        self,
        title: str,
        activity_type: ActivityType,
        program_ids: Many[ProgramIdentifier] | None = None,
        activity_definition_id: DefinitionIdentifier | None = None,
        assigned_user_ids: Many[UserIdentifier] | None = None,
        subscriber_ids: Many[UserIdentifier] | None = None,
        start_date: date | None = None,
        duration: int | None = None,
    ) -> Activity:
        """Create an activity. For experiments and cycles the server makes their tables as well.

        Args:
            title: its title. The server does not keep titles unique.
            activity_type: "task", "experiment", "project", "stage", "milestone" or "cycle".
            program_ids: programs: objects, ids, or titles.
            activity_definition_id: its definition: object, id, or title.
            assigned_user_ids: members of the workspace: objects, ids, or e-mail addresses.
            subscriber_ids: members to notify of changes; the creator and the assigned users are notified anyway.
            start_date: when it starts: a date, or a datetime; midnight without a zone counts as the day.
            duration: days.

        Raises:
            ValueError: the title is empty, or there is no such type.
            IdentifierNotFoundError: there is no such definition, program or member; nothing was created.
            OutcomeUnknownError: the answer was lost; check before you create it again.
            KalbioAPIError: the server refused.

        API operation: `createActivity`.

        Example:
            >>> activity = client.activities.create_activity("Solubility screen", "experiment")
        """
        if isinstance(subscriber_ids, date):
            # Older releases had no subscriber_ids, and the two after it stood one place earlier.
            given_duration: Any = start_date if duration is None else duration
            subscriber_ids, start_date, duration = None, subscriber_ids, given_duration
        members = self._directory[USERS]
        body: dict[str, Any] = {
            "title": require_text("title", title),
            "activity_type": check_activity_type(activity_type),
            "definition_id": None
            if activity_definition_id is None
            else self._definitions.require_id(activity_definition_id),
            "program_ids": self._directory[PROGRAMS].require_ids(program_ids or ()),
            "assigned_user_ids": members.require_ids(assigned_user_ids or ()),
            "subscriber_ids": members.require_ids(subscriber_ids or ()),
            "start_date": None if start_date is None else check_day("start_date", start_date),
            "duration": None if duration is None else require_whole_number("duration", duration, 0),
        }
        response = self._session.call(create_activity.build_request(body=body))
        return Activity(read_object(response, "activity"), self._client)

    @default_on_error(list, skip_when_none="record_id")
    def get_activities_with_record(self, record_id: RecordIdentifier, use_cache: bool = True) -> list[Activity]:
        """Return the activities that contain a record.

        Args:
            record_id: the record: object, id, or key-field dict.
            use_cache: False asks the server even when the answer is cached (for ten seconds).

        Returns:
            The activities; none when the record does not exist.

        Raises:
            IdentifierNotFoundError: a name in the dict is not a key field.
            KalbioAPIError: the server refused.

        API operation: `listRecordOperations`.

        Example:
            >>> activities = client.activities.get_activities_with_record({"Compound": "CPD-1"})
        """
        try:
            wanted = self._directory.records.require_id(record_id)
        except IdentifierNotFoundError as error:
            # Key values that no record has; a name that is no key field is another matter.
            if error.kind == "record" and isinstance(record_id, Mapping):
                return []
            raise

        def load() -> Listing[Activity]:
            response = self._session.call_or_none(list_record_operations.build_request(wanted))
            return Listing() if response is None else self._activities.adopt(response)

        found = self._of_record.get(wanted, load, fresh=not self._session.caching(use_cache))
        return Listing(found, found.unreadable)

    @default_on_error(list)
    def search_activities(
        self,
        *,
        search_text: str | None = None,
        activity_types: Many[ActivityType] | None = None,
        definition_ids: Many[DefinitionIdentifier] | None = None,
        record_ids: Many[RecordIdentifier] | None = None,
        statuses: Many[ActivityStatusEnum | str] | None = None,
        label_ids: Many[LabelIdentifier] | None = None,
        assigned_user_ids: Many[UserIdentifier] | None = None,
        created_by: UserIdentifier | None = None,
        parent_id: ActivityIdentifier | None | Unset = UNSET,
        limit: int | None = None,
        completed_behavior: CompletedBehaviorEnum | CompletedBehavior | None = None,
    ) -> list[Activity]:
        """Return the activities that meet all conditions; within one list, any of the values is enough.

        Args:
            search_text: free text in the title.
            activity_types: types.
            definition_ids: definitions: objects, ids, or titles.
            record_ids: records that are contained: objects, ids, or key-field dicts.
            statuses: states, as members of `ActivityStatusEnum` or as text.
            label_ids: labels: objects, ids, or names.
            assigned_user_ids: users: objects, ids, or e-mail addresses.
            created_by: the user who created it: object, id, or e-mail address.
            parent_id: the activity it is a part of: object, id, or title; None for activities without a parent.
            limit: most activities to return; the server gives 500 at most.
            completed_behavior: "show-all" (the default), "hide-completed-trees" or "hide-all".

        Raises:
            IdentifierNotFoundError: a name in a condition does not exist; nothing was sent.
            ValueError: an unknown type or behaviour.
            KalbioAPIError: the server refused.

        API operation: `searchActivities`.

        Example:
            >>> running = client.activities.search_activities(statuses=["in progress"], limit=20)
        """
        from kaleidoscope_api.models import CompletedBehavior

        query: dict[str, Any] = {
            "search_text": search_text,
            "limit": None if limit is None else require_whole_number("limit", limit, 1),
        }
        if activity_types is not None:
            types = [check_activity_type(item) for item in require_texts("activity_types", activity_types)]
            query["activity_types"] = strict_json.encode_text(types)
        if definition_ids is not None:
            query["definition_ids"] = strict_json.encode_text(self._definitions.require_ids(definition_ids))
        if record_ids is not None:
            query["record_ids"] = strict_json.encode_text(self._directory.records.require_ids(record_ids))
        # Lists of lists on the wire: the inner ones are alternatives.
        if statuses is not None:
            query["statuses"] = strict_json.encode_text([require_texts("statuses", statuses)])
        if label_ids is not None:
            query["label_ids"] = strict_json.encode_text([self._directory[LABELS].require_ids(label_ids)])
        if assigned_user_ids is not None:
            users = self._directory[USERS].require_ids(assigned_user_ids)
            query["assigned_user_ids"] = strict_json.encode_text([users])
        if created_by is not None:
            query["created_by"] = self._directory[USERS].require_id(created_by)
        if not isinstance(parent_id, Unset):
            query["parent_id"] = "null" if parent_id is None else self._activities.require_id(parent_id)
        if completed_behavior is not None:
            known = [member.value for member in CompletedBehaviorEnum]
            if completed_behavior not in known:
                raise ArgumentError(
                    f"completed_behavior must be one of {', '.join(known)}; got {safe_repr(completed_behavior)}"
                )
            query["completed_behavior"] = CompletedBehavior(str(completed_behavior))
        build: Any = search_activities.build_request
        response = self._session.call_or_none(build(**query))
        return [] if response is None else self._activities.adopt(response)

    @default_on_error(list)
    def get_definitions(self, *, use_cache: bool = True) -> list[ActivityDefinition]:
        """Return all activity definitions, drafts and archived ones included.

        Args:
            use_cache: False asks the server even when the listing is cached.

        Raises:
            KalbioAPIError: the server refused.

        API operation: `listActivityDefinitions`.

        Example:
            >>> titles = [definition.title for definition in client.activities.get_definitions()]
        """
        return self._definitions.all(use_cache=use_cache)

    @default_on_error(none, skip_when_none="definition_id")
    def get_definition_by_id(self, definition_id: DefinitionIdentifier) -> ActivityDefinition | None:
        """Return an activity definition.

        Args:
            definition_id: its id, its exact title, or the definition itself.

        Returns:
            The definition, None when there is none.

        Raises:
            AmbiguousIdentifierError: several definitions have this title.
            KalbioAPIError: the server refused.

        API operation: `listActivityDefinitions`.

        Example:
            >>> definition = client.activities.get_definition_by_id("Assay results registration")
        """
        return self._definitions.get(definition_id)

    @default_on_error(list, skip_when_none="ids")
    def get_definitions_by_ids(self, ids: Many[DefinitionIdentifier]) -> list[ActivityDefinition]:
        """Return definitions in the order asked for; unknown ones are left out.

        Args:
            ids: ids, titles and definitions, in any combination.

        Raises:
            AmbiguousIdentifierError: several definitions have one of the titles.
            KalbioAPIError: the server refused.

        API operation: `listActivityDefinitions`.

        Example:
            >>> definitions = client.activities.get_definitions_by_ids(["Assay results registration"])
        """
        return [item for item in self._definitions.get_many(ids) if item is not None]

    @default_on_error(none, skip_when_none="external_id")
    def get_activity_definition_by_external_id(self, external_id: str) -> ActivityDefinition | None:
        """Return the first definition with this id of another system, None when there is none.

        Args:
            external_id: the id in the other system.

        Raises:
            KalbioAPIError: the server refused.

        API operation: `listActivityDefinitions`.

        Example:
            >>> definition = client.activities.get_activity_definition_by_external_id("LIMS-7")
        """
        return self._definitions.search(
            lambda catalog: next((item for item in catalog.items if item.external_id == external_id), None)
        )
