# Derived from kalbio/provena/aio/datasets.py by scripts/regenerate; edit that file. (digest 76b22cdbd203)
"""Datasets: their metadata, the credentials and links for their files."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from provena_api.api.datastore import (
    datastore_metadata_dataset_schema,
    datastore_metadata_validate_metadata,
    datastore_register_mint_dataset,
    datastore_register_revert_metadata,
    datastore_register_update_metadata,
    datastore_register_version,
    datastore_registry_credentials_generate_read_access_credentials,
    datastore_registry_credentials_generate_write_access_credentials,
    datastore_registry_items_generate_presigned_url,
)
from provena_api.models import CredentialsRequest, ItemRevertRequest, LockChangeRequest, PresignedURLRequest

from kalbio._core.argument_errors import ArgumentError, ArgumentTypeError
from kalbio._core.errors import NotFoundError, PermissionDeniedError
from kalbio._core.http.responses import as_object, unusable
from kalbio._core.objects.checks import require_flag, unicode_text
from kalbio._core.sync.client_per_loop import ClientPerLoop
from kalbio._core.sync.downloads import IDENTITY_ENCODING, check_target, save
from kalbio._core.text.display import safe_repr
from kalbio.provena._items import Identifier
from kalbio.provena._model.credentials import Credentials
from kalbio.provena._model.dataset_files import (
    METADATA_FILE,
    DatasetFile,
    NoFilesWarning,
    Progress,
    Source,
    Transfers,
    chosen,
    counting,
    find_local,
    folder_from_link,
    folder_from_setting,
    local_paths,
    location,
)
from kalbio.provena._model.dataset_metadata import as_metadata, covers
from kalbio.provena._model.references import OF_METADATA
from kalbio.provena._model.subtypes import Subtype
from kalbio.provena._references import LookUps, with_handles
from kalbio.provena._service import (
    WithRegistry,
    outside,
    require_path,
    require_progress,
    require_text,
    require_whole,
)
from kalbio.provena._verified import sent_or_found
from kalbio.provena.items import Dataset
from kalbio.provena.registry import RegistryService, changes_since, neighbouring_version

if TYPE_CHECKING:
    from kalbio.provena._object_store import ObjectStore

_DAY = 86_400


class DatasetsService(RegistryService[Dataset]):
    """Datasets, as items of the registry and with what the data store does with them (`client.datasets`)."""

    def __init__(self, client: WithRegistry, store_clients: ClientPerLoop, endpoint: str | None = None) -> None:
        """Prepare. `store_clients` sends requests to the object store, which `endpoint` may name."""
        super().__init__(client, Subtype.DATASET)
        self._store_clients = store_clients
        self._endpoint = endpoint

    def mint(self, metadata: Mapping[str, Any] | Any, *, verify: bool = False) -> Dataset:
        """Create a dataset: a handle, its metadata, and a place for its files.

        Args:
            metadata: a `CollectionFormat`, or the same as a dictionary. Where it wants a handle, the item and its exact
                display name do as well, where it wants a date, a `date`.
            verify: whether to look for the dataset when the answer is lost, instead of raising OutcomeUnknownError. The
                newest datasets are listed before and after then.

        Returns:
            The dataset. Should it not be readable, it `is_stale`, and is there all the same. `create_job_id` names the
            job that registers who created it.

        Raises:
            TypeError: the metadata have an unknown member, or lack one; nothing was sent.
            IdentifierError: they name no organisation or person, or several; nothing was sent.
            ValidationError: the data store refused. It does so as long as you are not linked to a person.

        API operation: `datastoreRegisterMintDataset`.

        Example:
            >>> dataset = client.datasets.mint(metadata)
        """
        require_flag("verify", verify)
        metadata_sent = self._sent(metadata)
        before = self._newest_ids("COMPLETE_ONLY") if verify else set()

        def look() -> Dataset | None:
            new = self._newer(before, "COMPLETE_ONLY")
            alike = [one for one in new if covers(one.to_dict().get("collection_format"), metadata_sent)]
            return self._read_back(alike[0]) if len(alike) == 1 else None

        response = sent_or_found(
            self.client, datastore_register_mint_dataset.build_request(body=metadata_sent), look if verify else None
        )
        if isinstance(response, Dataset):
            return response
        answer = as_object(response)
        links = {"create_activity_workflow_id": answer.get("register_create_activity_session_id")}
        return self._read_back(self._unread(_handle_in(answer.get("handle"), response), links))

    def update(  # type: ignore[override]  # metadata are replaced as a whole
        self, dataset: Identifier, metadata: Mapping[str, Any] | Any, *, reason: str, verify: bool = False
    ) -> Dataset:
        """Replace the metadata of a dataset. What was read can be sent back.

        Args:
            dataset: handle, object, or exact name.
            metadata: as `mint` takes them, and all of them.
            reason: why; it stands in the history.
            verify: whether to look for the change when the answer is lost, instead of raising OutcomeUnknownError.
                Reads the dataset before.

        Returns:
            The dataset as it is now. Should it not be readable after the change, it `is_stale`.

        Raises:
            TypeError: the metadata have an unknown member, or lack one; nothing was sent.
            PermissionDeniedError: you may not, or the dataset is locked.
            ValidationError: the data store refused.

        API operation: `datastoreRegisterUpdateMetadata`.

        Example:
            >>> metadata = dataset.to_dict()["collection_format"]
            >>> metadata["dataset_info"]["keywords"] = ["reef"]
            >>> client.datasets.update(dataset, metadata, reason="keywords")
        """
        require_text("reason", reason)
        sent = self._sent(metadata)
        id = self.own(dataset)
        request = datastore_register_update_metadata.build_request(handle_id=id, reason=reason, body=sent)
        before = self.need(id) if require_flag("verify", verify) else None

        def look() -> Dataset | None:
            now = self.need(id)
            new = [] if before is None else changes_since(now, before)
            is_new = any(one.get("reason") == reason for one in new)
            return now if is_new and covers(now.to_dict().get("collection_format"), sent) else None

        answer = sent_or_found(self.client, request, look if verify else None)
        return answer if isinstance(answer, Dataset) else self._read_back(self._unread(id))

    def revert(self, dataset: Identifier, history_id: int, reason: str, *, verify: bool = False) -> Dataset:
        """Set the metadata of a dataset back to an earlier state, which becomes the newest entry of its history.

        Args:
            dataset: handle, object, or exact name.
            history_id: the `id` of an entry of its `history`.
            reason: why.
            verify: whether to look for the change when the answer is lost, instead of raising OutcomeUnknownError.
                Reads the dataset before.

        Returns:
            The dataset as it is now, as `update` gives it.

        Raises:
            PermissionDeniedError: you may not, or the dataset is locked.
            ValidationError: its history has no such entry.

        API operation: `datastoreRegisterRevertMetadata`.

        Example:
            >>> dataset = client.datasets.revert(dataset, 0, "the first one was right")
        """
        require_whole("history_id", history_id, 0)
        require_text("reason", reason)
        id = self.own(dataset)
        body = ItemRevertRequest(id=id, history_id=history_id, reason=reason)
        request = datastore_register_revert_metadata.build_request(body=body)
        before = self.need(id) if require_flag("verify", verify) else None
        sent = sent_or_found(self.client, request, self._reverted(before, history_id, reason))
        return sent if isinstance(sent, Dataset) else self._read_back(self._unread(id))

    def version(
        self, dataset: Identifier, reason: str, *, verify: bool = False, copy_files: bool | None = None
    ) -> Dataset:
        """Begin the next version of a dataset, with its metadata, and with none of its files unless they are copied.

        A lock does not prevent it, and neither does a release: the new version is not released.

        Args:
            dataset: handle, object, or exact name. It must be the newest version.
            reason: why; it stands in `versioning_info` of the new one.
            verify: whether to look for the new version when the answer is lost. Reads the dataset before.
            copy_files: whether to copy the files as well, as `copy_files()` does; saying neither gives a
                `NoFilesWarning`.

        Returns:
            The new version; `version_job_id` names the job that registers who made it.

        Raises:
            PermissionDeniedError: you do not manage this dataset.
            ValidationError: there is a newer version.

        API operation: `datastoreRegisterVersion`.

        Example:
            >>> second = client.datasets.version(dataset, "longer runs", copy_files=True)
        """
        require_text("reason", reason)
        require_flag("verify", verify)
        if copy_files is not None:
            require_flag("copy_files", copy_files)
        old = self.own(dataset)
        before = self._next_of(old) if verify else None

        def look() -> Dataset | None:
            following = self._next_of(old)
            return None if following in (None, before) else self.need(str(following))

        request = datastore_register_version.build_request(body=LockChangeRequest(id=old, reason=reason))
        sent = sent_or_found(self.client, request, look if verify else None)
        if isinstance(sent, Dataset):
            new = sent
        else:
            answer = as_object(sent)
            links = {"version_activity_workflow_id": answer.get("version_job_session_id")}
            new = self._read_back(self._unread(_handle_in(answer.get("new_version_id"), sent), links))
        if copy_files:
            try:
                self.copy_files(new, old)
            except Exception as error:
                error.add_note(f"The new version {new.id} is there: go on with copy_files({new.id!r})")
                raise
        elif copy_files is None:
            warnings.warn(
                f"the new version {new.id} has none of the files of {old}: copy them with "
                f"client.datasets.copy_files({new.id!r}), or say copy_files=False",
                NoFilesWarning,
                stacklevel=outside(),
            )
        return new

    def validate(self, metadata: Mapping[str, Any] | Any) -> None:  # type: ignore[override]
        """Let the data store check metadata, and write nothing.

        Raises:
            TypeError: the metadata have an unknown member, or lack one; nothing was sent.
            ValidationError: it would refuse them; the text says why.

        API operation: `datastoreMetadataValidateMetadata`.

        Example:
            >>> client.datasets.validate(metadata)
        """
        request = datastore_metadata_validate_metadata.build_request(body=self._sent(metadata))
        as_object(self.client.session.call(request))

    def schema(self) -> dict[str, Any]:
        """Get the JSON schema of the metadata.

        API operation: `datastoreMetadataDatasetSchema`.
        """
        response = self.client.session.call(datastore_metadata_dataset_schema.build_request())
        schema = as_object(response).get("json_schema")
        if not isinstance(schema, dict):
            raise unusable(response, "the answer has no json_schema")
        return schema

    def read_credentials(self, dataset: Identifier, *, console: bool = False) -> Credentials:
        """Get credentials to read the files of a dataset with a tool of your own.

        Args:
            dataset: handle, object, or exact name.
            console: whether to get a link that logs a browser in with them, too.

        Raises:
            NotFoundError: there is no such dataset.
            PermissionDeniedError: you may not read its files.

        API operation: `datastoreRegistryCredentialsGenerateReadAccessCredentials`.

        Example:
            >>> keys = client.datasets.read_credentials(dataset)
            >>> keys.expiry  # they live for some hours
        """
        return self._credentials(datastore_registry_credentials_generate_read_access_credentials, dataset, console)

    def write_credentials(self, dataset: Identifier, *, console: bool = False) -> Credentials:
        """Get credentials to write the files of a dataset with a tool of your own.

        Args:
            dataset: handle, object, or exact name.
            console: whether to get a link that logs a browser in with them, too.

        Raises:
            NotFoundError: there is no such dataset.
            PermissionDeniedError: you may not write its files, it is locked, or its release was asked for.

        API operation: `datastoreRegistryCredentialsGenerateWriteAccessCredentials`.

        Example:
            >>> keys = client.datasets.write_credentials(dataset)
        """
        return self._credentials(datastore_registry_credentials_generate_write_access_credentials, dataset, console)

    def link(self, dataset: Identifier, path: str, *, expires_in: int = 10_800) -> str:
        """Get a link to one file, for somebody without a login. Who has it can download the file until it ends.

        Args:
            dataset: handle, object, or exact name.
            path: the file, from the top of the dataset: `data/forcing.csv`.
            expires_in: seconds until it ends, a day at most.

        Raises:
            NotFoundError: there is no such file, or dataset.
            PermissionDeniedError: you may not read its files.

        API operation: `datastoreRegistryItemsGeneratePresignedUrl`.

        Example:
            >>> link = client.datasets.link(dataset, "data/forcing.csv", expires_in=600)
        """
        if not isinstance(path, str) or not path.strip() or path.startswith("/") or ".." in path.split("/"):
            raise ArgumentError(
                f"path must lead to a file from the top of the dataset, as data/forcing.csv; got {safe_repr(path)}"
            )
        require_whole("expires_in", expires_in, 1, _DAY)
        id = self.own_or_unreadable(dataset)
        body = PresignedURLRequest(dataset_id=id, file_path=path, expires_in=expires_in)
        request = datastore_registry_items_generate_presigned_url.build_request(body=body)
        response = self.client.session.call(request)
        link = as_object(response).get("presigned_url")
        if not isinstance(link, str):
            raise unusable(response, "the answer has no presigned_url", show=False)
        return link

    # -- files ------------------------------------------------------------------------------------------------------

    def files(self, dataset: Identifier, below: str = "") -> list[DatasetFile]:
        """List the files of a dataset, in the order of their paths.

        Args:
            dataset: handle, object, or exact name.
            below: only those whose paths begin so, such as `"data/"`.

        Raises:
            NotFoundError: there is no such dataset.
            PermissionDeniedError: you may not read its files.

        Example:
            >>> for file in client.datasets.files(dataset):
            ...     print(file.path, file.size)
        """
        from kalbio.provena._dataset_files import list_files

        unicode_text("below", below)
        return list_files(self._store(dataset, writes=False), below)

    def upload(
        self,
        dataset: Identifier,
        source: Source | Iterable[Source] | Mapping[str, Source],
        *,
        to: str = "",
        at_a_time: int = 4,
        progress: Progress | bool | None = None,
    ) -> Transfers:
        """Send files to a dataset: several at a time, a slice of each at a time, checked by their SHA-256.

        A file that the dataset has already with the same content is not sent again, and of one that broke off only the
        slices that are missing, so that calling once more goes on. Other files of the same path are replaced. The
        `metadata.json` that the data store keeps at the top is never touched: that of a folder is left out.

        Args:
            dataset: handle, object, or exact name.
            source: a folder, all of whose files are sent; a file; several of both, folders below their own names; or
                files by the paths that they get: `{"data/forcing.csv": "out.csv"}`. Links to folders are not followed.
            to: a folder in the dataset to put them in.
            at_a_time: how many slices may be under way.
            progress: True shows a bar; a function is called with the bytes that are done, and with all there are.

        Returns:
            Which files were sent, which were there already, and which were left out.

        Raises:
            OSError: a file cannot be read.
            ValueError: a name cannot be one in a dataset, two files would get one path, or `metadata.json` was given
                by itself; nothing was sent.
            PermissionDeniedError: you may not write files of this dataset, it is locked, or its release was asked for.

        Example:
            >>> client.datasets.upload(dataset, "results", progress=True)
        """
        from kalbio.provena._dataset_files import list_files, send

        require_whole("at_a_time", at_a_time, 1)
        require_progress(progress)
        unicode_text("to", to)
        found = find_local(source, to)
        kept = [one for one in found if one.path == METADATA_FILE]
        if kept and (len(found) == 1 or isinstance(source, Mapping)):
            raise ArgumentError(f"the data store itself writes {METADATA_FILE}: change it with update()")
        files = [one for one in found if one.path != METADATA_FILE]
        store = self._store(dataset, writes=True)
        present = {one.path: one for one in list_files(store, f"{to.rstrip('/')}/" if to else "")}
        with counting(progress, "upload", sum(one.size for one in files)) as tell:
            sent, unchanged = send(store, files, present, at_a_time, tell)
        return Transfers(sent, unchanged, [one.path for one in kept])

    def download(
        self,
        dataset: Identifier,
        folder: Source,
        *,
        paths: str | DatasetFile | Iterable[str | DatasetFile] | None = None,
        overwrite: bool = False,
        at_a_time: int = 4,
        progress: Progress | bool | None = None,
    ) -> list[Path]:
        """Save files of a dataset, with the folders that they are in: several at a time, a slice of each at a time.

        A file that is here already with the same content stays as it is, and one that broke off is gone on with, so
        that calling once more goes on. Each file is put in place when it is complete, and has the checksum that the
        object store tells, if it tells one.

        Args:
            dataset: handle, object, or exact name.
            folder: where to save them; it is made if need be.
            paths: only these files, and those in these folders; by default all.
            overwrite: whether to replace files that are here with another content, which somebody may have worked on;
                by default they are an error before anything is saved.
            at_a_time: how many slices may be under way.
            progress: True shows a bar; a function is called with the bytes that are done, and with all there are.

        Returns:
            Where the files are, in the order of their paths.

        Raises:
            FileNotFoundError: the dataset has nothing at one of the paths.
            FileExistsError: files are here with another content, without `overwrite`; or a link is there.
            ValueError: two files would be one here, where names differ by what not every platform tells apart.
            PermissionDeniedError: you may not read files of this dataset.
            ConnectionFailedError: a download broke off several times in a row.
            ResponseError: what came has not the checksum that the store tells.

        Example:
            >>> client.datasets.download(dataset, "reef", paths=["data"])
        """
        from kalbio.provena._dataset_files import fetch, list_files

        require_whole("at_a_time", at_a_time, 1)
        require_flag("overwrite", overwrite)
        require_progress(progress)
        target = require_path("folder", folder)
        if not (paths is None or isinstance(paths, str | DatasetFile | Iterable)):
            raise ArgumentTypeError(f"paths must be paths in the dataset; got {safe_repr(paths)}")
        store = self._store(dataset, writes=False)
        files = chosen(list_files(store), paths)
        targets = local_paths(files, target)
        with counting(progress, "download", sum(one.size for one in files)) as tell:
            fetch(store, [(one, targets[one.path]) for one in files], overwrite, at_a_time, tell)
        return [targets[one.path] for one in files]

    def copy_files(
        self,
        dataset: Identifier,
        source: Identifier | None = None,
        *,
        at_a_time: int = 4,
        progress: Progress | bool | None = None,
    ) -> Transfers:
        """Copy the files of another dataset to this one, by default those of its previous version.

        They go through this computer, because no credentials are good for two datasets: through temporary files, as
        many as are under way. A file that is there already with the same size and checksum is not copied again.

        Args:
            dataset: handle, object, or exact name.
            source: the dataset that has the files; by default the previous version.
            at_a_time: how many files may be under way.
            progress: True shows a bar; a function is called with the bytes that are done, and with all there are.

        Raises:
            ValueError: the dataset is the first version, and no other one is named.
            PermissionDeniedError: you may not read the one or write the other.

        Example:
            >>> second = client.datasets.version(dataset, "longer runs", copy_files=False)
            >>> client.datasets.copy_files(second)
        """
        from kalbio.provena._dataset_files import copy, list_files

        require_whole("at_a_time", at_a_time, 1)
        require_progress(progress)
        if source is None:
            found = self.need(dataset)
            source = neighbouring_version(found, "previous_version")
            if source is None:
                raise ArgumentError(f"{found.id} is the first version: name the dataset that has the files")
        old, new = self._store(source, writes=False), self._store(dataset, writes=True)
        files = [one for one in list_files(old) if one.path != METADATA_FILE]
        present = {one.path: one for one in list_files(new)}
        with counting(progress, "copy_files", sum(one.size for one in files)) as tell:
            sent, unchanged = copy(old, new, files, present, at_a_time, tell)
        return Transfers(sent, unchanged, [METADATA_FILE])

    def download_link(
        self, link: str, file: Source, *, overwrite: bool = False, progress: Progress | bool | None = None
    ) -> Path:
        """Save what a link leads to. No token is sent along.

        Args:
            link: as `link` gives it.
            file: where to save it.
            overwrite: whether to replace a file that is there.
            progress: True shows a bar; a function is called with the bytes that are done, and with all there are.

        Raises:
            APIError: the link has ended, or is wrong.
            FileExistsError: there is a file and `overwrite` is False.

        Example:
            >>> client.datasets.download_link(link, "forcing.csv")
        """
        target = require_path("file", file)
        require_progress(progress)
        check_target(target, require_flag("overwrite", overwrite))
        if not isinstance(link, str) or not link.lower().startswith(("https://", "http://")):
            raise ArgumentError("link must be an address, as link() gives it")
        http = self._store_clients.current()
        response = http.send(http.build_request("GET", link, headers=IDENTITY_ENCODING), stream=True)
        done = 0

        def count(came: int, total: int | None) -> None:
            nonlocal done
            tell(came - done)
            done = came

        size = response.headers.get("content-length", "")
        with counting(progress, "download_link", int(size) if size.isdecimal() else 0) as tell:
            save(response, target, overwrite=overwrite, progress=count)
        return target

    def _sent(self, metadata: Any) -> dict[str, Any]:
        """Return metadata as they are sent."""
        sent: dict[str, Any] = with_handles(LookUps(self.client).look, OF_METADATA, as_metadata(metadata))
        return sent

    def _store(self, dataset: Identifier, *, writes: bool) -> ObjectStore:
        """Return the files of a dataset; where they are is told by the setting, else by a link to one of them."""
        from kalbio.provena._object_store import KeyRing, ObjectStore

        item = self.need(self.resolve_now(dataset) if writes else dataset)
        s3 = item.to_dict().get("s3")
        if self._endpoint is not None:
            folder = folder_from_setting(self._endpoint, s3)
        else:
            location(s3)  # what has no files has no link to one
            try:
                folder = folder_from_link(self.link(item.id, METADATA_FILE, expires_in=60), s3, METADATA_FILE)
            except (PermissionDeniedError, NotFoundError):  # one may be let to write files, and not to read them
                folder = folder_from_setting("https://s3.amazonaws.com", s3)
        credentials = self.write_credentials if writes else self.read_credentials
        return ObjectStore(self._store_clients, folder, KeyRing(partial(credentials, item.id)))

    def _credentials(self, operation: Any, dataset: Identifier, console: bool) -> Credentials:
        body = CredentialsRequest(
            dataset_id=self.own_or_unreadable(dataset), console_session_required=require_flag("console", console)
        )
        response = self.client.session.call(operation.build_request(body=body))
        try:
            return Credentials.of(as_object(response))
        except ValueError as error:
            raise unusable(response, str(error), show=False) from None


def _handle_in(value: Any, response: Any) -> str:
    if not isinstance(value, str) or not value:
        raise unusable(response, "the answer has no handle")
    return value
