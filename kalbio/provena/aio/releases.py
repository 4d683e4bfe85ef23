"""Releases: datasets are reviewed before everybody may rely on them."""

from __future__ import annotations

from typing import Any

from provena_api.api.datastore import (
    datastore_release_action_approval_request,
    datastore_release_approval_request,
    datastore_release_sys_reviewers_add,
    datastore_release_sys_reviewers_delete,
    datastore_release_sys_reviewers_list,
)
from provena_api.models import ActionApprovalRequest, ReleaseApprovalRequest

from kalbio._core.errors import NotFoundError
from kalbio._core.http.responses import as_list, unusable
from kalbio._core.objects.checks import require_flag
from kalbio.provena.aio._items import Identifier
from kalbio.provena.aio._service import Client, Service, require_text
from kalbio.provena.aio._verified import sent_or_found
from kalbio.provena.aio.items import Dataset, Person
from kalbio.provena.aio.registry import RegistryService


class ReleasesService(Service):
    """Reviews of datasets (`client.releases`).

    A dataset is NOT_RELEASED; who manages it asks a reviewer, and it is PENDING; the reviewer approves, and it is
    RELEASED for good, or rejects, and it is NOT_RELEASED again. While it is PENDING, and when it is RELEASED, nobody
    changes its files. `release_status`, `release_approver` and `release_history` of a dataset tell where it stands;
    `client.registry.releases(...)` lists what a reviewer was asked for.
    """

    def __init__(self, client: Client, datasets: RegistryService[Dataset], persons: RegistryService[Person]) -> None:
        super().__init__(client)
        self._datasets = datasets
        self._persons = persons

    async def request(self, dataset: Identifier, reviewer: Identifier, *, notes: str, verify: bool = False) -> None:
        """Ask a reviewer to release a dataset. The servers send the reviewer a mail.

        Args:
            dataset: handle, object, or exact name. You must manage it.
            reviewer: the person: handle, object, or exact name. `reviewers` lists who may be asked.
            notes: what the reviewer should know.
            verify: whether to look into `release_history` when the answer is lost. Reads the dataset before.

        Raises:
            PermissionDeniedError: you do not manage this dataset, or it is locked.
            ValidationError: the person is no reviewer, or the dataset is PENDING or RELEASED.

        API operation: `datastoreReleaseApprovalRequest`.

        Example:
            >>> await client.releases.request(dataset, "Ada Lovelace", notes="please have a look")
        """
        require_text("notes", notes)
        id, approver = await self._datasets.own(dataset), await self._persons.own(reviewer)
        body = ReleaseApprovalRequest(dataset_id=id, approver_id=approver, notes=notes)
        request = datastore_release_approval_request.build_request(body=body)
        await self._noted(request, id, {"action": "REQUEST", "approver": approver, "notes": notes}, verify)

    async def approve(self, dataset: Identifier, *, notes: str, verify: bool = False) -> None:
        """Release a dataset that you were asked to review. This cannot be taken back.

        Args:
            dataset: handle, object, or exact name.
            notes: what its owner should know.
            verify: whether to look into `release_history` when the answer is lost. Reads the dataset before.

        Raises:
            PermissionDeniedError: another reviewer was asked, or you are none.
            ValidationError: the dataset is not PENDING, or you are not linked to a person.

        API operation: `datastoreReleaseActionApprovalRequest`.

        Example:
            >>> await client.releases.approve(dataset, notes="complete")
        """
        await self._act(dataset, True, notes, verify)

    async def reject(self, dataset: Identifier, *, notes: str, verify: bool = False) -> None:
        """Give a dataset that you were asked to review back; it can be changed then, and asked for again.

        Args:
            dataset: handle, object, or exact name.
            notes: what its owner should change.
            verify: whether to look into `release_history` when the answer is lost. Reads the dataset before.

        Raises:
            PermissionDeniedError: another reviewer was asked, or you are none.
            ValidationError: the dataset is not PENDING, or you are not linked to a person.

        API operation: `datastoreReleaseActionApprovalRequest`.

        Example:
            >>> await client.releases.reject(dataset, notes="the units are missing")
        """
        await self._act(dataset, False, notes, verify)

    async def reviewers(self) -> list[str]:
        """List the handles of the persons who may be asked to review.

        API operation: `datastoreReleaseSysReviewersList`.
        """
        response = await self._client.session.call(datastore_release_sys_reviewers_list.build_request())
        found = as_list(response)
        if not all(isinstance(one, str) for one in found):
            raise unusable(response, "the answer should be a list of handles")
        return sorted(found)

    async def add_reviewer(self, person: Identifier, *, verify: bool = False) -> None:
        """Let a person review. Only administrators may; for who is a reviewer already nothing happens.

        Args:
            person: handle, object, or exact name. The server takes any text, so the person is looked up first.
            verify: whether to list the reviewers when the answer is lost.

        Raises:
            IdentifierError: there is no such person; nothing was changed.

        API operation: `datastoreReleaseSysReviewersAdd`.

        Example:
            >>> await client.releases.add_reviewer("Ada Lovelace")
        """
        found = await self._persons.need(await self._persons.resolve_now(person))
        request = datastore_release_sys_reviewers_add.build_request(reviewer_id=found.id)

        async def look() -> bool | None:
            return True if found.id in await self.reviewers() else None

        await sent_or_found(self._client, request, look if require_flag("verify", verify) else None)

    async def remove_reviewer(self, person: Identifier, *, verify: bool = False) -> None:
        """Let a person review no longer. Only administrators may; for who is no reviewer nothing happens.

        Args:
            person: handle, object, or exact name; the handle of a person that is gone does, too.
            verify: whether to list the reviewers when the answer is lost.

        API operation: `datastoreReleaseSysReviewersDelete`.

        Example:
            >>> await client.releases.remove_reviewer("Ada Lovelace")
        """
        try:
            id = await self._persons.own(person)
        except NotFoundError:  # it is gone, and still among the reviewers
            id = await self._persons.resolve(person)
        request = datastore_release_sys_reviewers_delete.build_request(reviewer_id=id)

        async def look() -> bool | None:
            return None if id in await self.reviewers() else True

        await sent_or_found(self._client, request, look if require_flag("verify", verify) else None)

    async def _act(self, dataset: Identifier, approve: bool, notes: str, verify: bool) -> None:
        require_text("notes", notes)
        id = await self._datasets.own(dataset)
        body = ActionApprovalRequest(dataset_id=id, approve=approve, notes=notes)
        request = datastore_release_action_approval_request.build_request(body=body)
        await self._noted(request, id, {"action": "APPROVE" if approve else "REJECT", "notes": notes}, verify)

    async def _noted(self, request: dict[str, Any], id: str, wanted: dict[str, str], verify: bool) -> None:
        """Send what is noted in the release history of a dataset."""
        before = len(await self._history(id)) if require_flag("verify", verify) else 0

        async def look() -> bool | None:
            new = (await self._history(id))[before:]
            return True if any(wanted.items() <= one.items() for one in new) else None

        await sent_or_found(self._client, request, look if verify else None)

    async def _history(self, id: str) -> list[dict[str, Any]]:
        found = (await self._datasets.need(id)).to_dict().get("release_history")
        return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []
