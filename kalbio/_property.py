# Derived from kalbio/aio/_property.py by scripts/regenerate; edit that file. (digest 537bd1f60501)
"""Properties of activities and definitions."""

from __future__ import annotations

import os
from typing import Any, ClassVar

from kaleidoscope_api.api.properties import update_property, upload_property_file

from kalbio._core.files.uploads import FileData, UploadProgress, open_upload
from kalbio._core.http.responses import as_json, as_optional_object
from kalbio._core.json import strict_json
from kalbio._core.objects.fixed import FixedList
from kalbio._core.objects.resource import Resource
from kalbio._core.text.progress import BYTES, as_function
from kalbio._directory import Client
from kalbio._model.activities import (
    PropertyData,
)
from kalbio._policy import default_on_error, none
from kalbio._progress import with_progress


class Property(PropertyData):
    """The value of a property field on an activity or a definition."""

    __slots__ = ()
    __module__ = "kalbio.activities"
    _client: Client | None

    @default_on_error(none)
    def update_property(self, property_value: Any) -> None:
        """Set the property; the object then shows the new state.

        Args:
            property_value: the value, of the type of the property.

        Raises:
            ValueError: the value cannot be sent.
            KalbioAPIError: the server refused.

        API operation: `updateProperty`.

        Example:
            >>> activity = (client.activities.get_activity_by_type("experiment"))[0]
            >>> for item in activity.properties:
            ...     if item.field_type == "text":
            ...         item.update_property("plate 7")
        """
        client = self._require_client()
        request = update_property.build_request(self.id, body={"content": property_value})
        response = client.session.call(request)
        self._merge(as_optional_object(response) or strict_json.plain({"content": property_value}))

    @default_on_error(none)
    @with_progress(BYTES)
    def update_property_file(
        self,
        file_name: str | os.PathLike[str],
        file_data: FileData | None = None,
        file_type: str | None = None,
        *,
        progress: UploadProgress | bool | None = None,
    ) -> dict[str, Any] | None:
        """Upload a file into a property of type file.

        Args:
            file_name: the name to keep it under; without `file_data`, the path of the file.
            file_data: bytes, a file opened for reading bytes (sent from its current position), or a path.
            file_type: its content type, e.g. "text/csv"; by default it is chosen by the ending of the name.
            progress: True shows a bar; a function is called with the bytes sent so far, and those in all (or None).

        Returns:
            The server's description of the file, as it sent it; None when it sent none.

        Raises:
            OutcomeUnknownError: the answer was lost; check before you upload again.
            KalbioAPIError: the server refused.

        API operation: `uploadPropertyFile`.

        Example:
            >>> activity = (client.activities.get_activity_by_type("experiment"))[0]
            >>> for item in activity.properties:
            ...     if item.field_type == "file":
            ...         answer = item.update_property_file("results.csv", b"compound,IC50", "text/csv")
        """
        from kaleidoscope_api.models import UploadPropertyFileBody

        client = self._require_client()
        with open_upload(file_name, file_data, file_type, as_function(progress)) as file:
            body = UploadPropertyFileBody(file=file)
            response = client.session.call(upload_property_file.build_request(self.id, body=body))
        answer = as_json(response)
        return answer if isinstance(answer, dict) and answer else None


class WithProperties(Resource):
    """What activities and definitions share: properties that can be changed."""

    __slots__ = ()

    _computed: ClassVar[tuple[str, ...]] = ("properties",)

    @property
    def properties(self) -> list[Property]:
        """Its properties."""
        known: list[Property] | None = self._cached_relation("properties")
        if known is None:
            items = self._raw.get("properties") or ()
            # Kept, so that what is changed through a property shows on it when it is asked for again.
            known = FixedList(Property(item, self._client) for item in items if isinstance(item, dict))
            self._cache_relation("properties", known)
        return known
