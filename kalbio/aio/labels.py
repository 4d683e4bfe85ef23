"""Labels of activities."""

from __future__ import annotations

from typing import TypeAlias

from kalbio._core.objects.identifiers import Many
from kalbio._core.objects.resource import Resource, text
from kalbio._model import staleness
from kalbio.aio._directory import Client
from kalbio.aio._listing import Kind
from kalbio.aio._policy import default_on_error
from kalbio.aio._service import Service

__all__ = ["Label", "LabelIdentifier", "LabelsService"]


class Label(Resource):
    """A tag for activities."""

    __slots__ = ()

    label_name = text("Its name.")

    def _text(self) -> str:
        return self.label_name or super()._text()


LabelIdentifier: TypeAlias = Label | str
"""A label, its id, or its name."""

LABELS: Kind[Label] = Kind(staleness.LABEL)


class LabelsService(Service):
    """Labels of the workspace (`client.labels`)."""

    _remembers = (staleness.LABEL,)

    def __init__(self, client: Client) -> None:
        super().__init__(client)
        self._labels = self._directory[LABELS]

    @default_on_error(list)
    async def get_labels(self, *, use_cache: bool = True) -> list[Label]:
        """Return all labels.

        Args:
            use_cache: False asks the server even when the listing is cached.

        Raises:
            KalbioAPIError: the server refused.

        API operation: `listActivityLabels`.

        Example:
            >>> names = [label.label_name for label in await client.labels.get_labels()]
        """
        return await self._labels.all(use_cache=use_cache)

    @default_on_error(list, skip_when_none="ids")
    async def get_labels_by_ids(self, ids: Many[LabelIdentifier]) -> list[Label]:
        """Return the labels with these ids or names, in the order of the listing; unknown ones are left out.

        Args:
            ids: ids, names and label objects, in any combination.

        Raises:
            AmbiguousIdentifierError: several labels have one of the names.
            KalbioAPIError: the server refused.

        API operation: `listActivityLabels`.

        Example:
            >>> activity = (await client.activities.get_activities())[0]
            >>> labels = await client.labels.get_labels_by_ids(activity.label_ids)
        """
        return await self._labels.listed(ids)
