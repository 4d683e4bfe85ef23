# Derived from kalbio/aio/labels.py by scripts/regenerate; edit that file. (digest 710dc28146e4)
"""Labels of activities."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from kaleidoscope_api.api.labels import list_activity_labels

from kalbio._model import staleness
from kalbio._model.resource import Resource, text
from kalbio._policy import on_failure
from kalbio._service import CachedListing, Service

__all__ = ["Label", "LabelsService"]


class Label(Resource):
    """A tag for activities."""

    __slots__ = ()

    label_name = text("Its name.")

    def _text(self) -> str:
        return self.label_name or super()._text()


class LabelsService(Service):
    """Labels of the workspace (`client.labels`)."""

    _remembers = (staleness.LABEL,)

    def __init__(self, client: Any) -> None:
        super().__init__(client)
        self._labels: CachedListing[Label] = CachedListing(
            client, staleness.LABEL, list_activity_labels.build_request, Label, lambda label: label.label_name, Label
        )

    @on_failure(list)
    def get_labels(self, *, use_cache: bool = True) -> list[Label]:
        """Return all labels.

        Args:
            use_cache: False asks the server even when the listing is cached.

        Raises:
            KalbioAPIError: the server refused.

        API operation: `listActivityLabels`.

        Example:
            >>> names = [label.label_name for label in client.labels.get_labels()]
        """
        return self._labels.all(use_cache=use_cache)

    @on_failure(list, about="ids")
    def get_labels_by_ids(self, ids: Iterable[Label | str]) -> list[Label]:
        """Return the labels with these ids or names, in the order of the listing; unknown ones are left out.

        Args:
            ids: ids, names and label objects, in any mixture.

        Raises:
            AmbiguousIdentifierError: several labels have one of the names.
            KalbioAPIError: the server refused.

        API operation: `listActivityLabels`.

        Example:
            >>> activity = (client.activities.get_activities())[0]
            >>> labels = client.labels.get_labels_by_ids(activity.label_ids)
        """
        return self._labels.listed(ids)
