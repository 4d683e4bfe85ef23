# Derived from kalbio/aio/_mirror.py by scripts/regenerate; edit that file. (digest 38b968e965bc)
"""A local mirror of the workspace: what has to be read for it, and when."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from kaleidoscope_api.api.records import list_record_values, list_records

from kalbio._core.argument_errors import ArgumentError
from kalbio._core.errors import TransportError
from kalbio._core.http.url_chunks import chunk_for_url
from kalbio._core.objects.checks import require_flag
from kalbio._core.sync.concurrency import in_thread, map_bounded, map_ordered
from kalbio._core.text.display import safe_repr
from kalbio._core.text.progress import as_function
from kalbio._directory import Client
from kalbio._extras import require_mirror
from kalbio._model.bulk import RowProgress
from kalbio._model.errors import KalbioError, MirrorError
from kalbio._policy import default_on_error, none
from kalbio._progress import with_progress
from kalbio._service import Service
from kalbio._workspace_reads import in_events, read_lists, read_workspace, search_ids, with_newer_values
from kalbio.mirror import FileOutcome, MirrorStatus, Refreshed

_FLUSH = 15_000  # rows in memory
_BATCH, _BATCH_WITH_HISTORY = 250, 25  # records
_UNANSWERED = 10  # downloads without an answer, one after the other: the server is gone, and each takes its retries


class Mirror(Service):
    """A local copy of the workspace, for SQL. `client.mirror(...)` makes it.

    Attributes:
        target: where it is kept.
    """

    def __init__(
        self,
        client: Client,
        target: str | os.PathLike[str],
        *,
        history: bool,
        overlap: timedelta,
        full_every: timedelta | None,
        files: bool,
    ) -> None:
        require_mirror()
        from kalbio.mirror._targets import Target

        super().__init__(client)
        require_flag("history", history)
        require_flag("files", files)
        for name, span in (("overlap", overlap), ("full_every", full_every)):
            if not isinstance(span, timedelta) and not (span is None and name == "full_every"):
                raise ArgumentError(f"{name} must be a timedelta, such as timedelta(hours=1); got {safe_repr(span)}")
            if span is not None and span < timedelta(0):
                raise ArgumentError(f"{name} must not be negative; got {safe_repr(span)}")
        self._target = Target(target)
        self.target = self._target.given
        self._history = history
        self._overlap = overlap
        self._full_every = full_every
        self._files = files

    @default_on_error(none)
    @with_progress("records")
    def refresh(self, *, full: bool = False, progress: RowProgress | bool | None = None) -> Refreshed:
        """Bring the mirror up to date; make it where it is not there yet.

        Reads what is new or has changed since the last refresh, and everything where that is due (`full_every`). Who
        reads the mirror meanwhile sees the state before, and with the next connection the state after. A first copy
        that breaks off is taken up again by the next call.

        Args:
            full: whether to read everything anew, which also finds what events and searches do not tell.
            progress: True shows a bar; a function is called with the number of records that were read, and of all.

        Returns:
            What was done.

        Raises:
            MirrorError: another refresh is at work, the target is something else than a mirror of this workspace, or
                it cannot be written.
            KalbioAPIError: the server refused. A file that cannot be downloaded raises nothing: the report tells.

        API operation: `listRecords`, `listRecordValues`, `searchRecords`, `listWorkspaceEvents`, and the lists;
        `downloadFile` with `files`.

        Example:
            >>> done = client.mirror("lab.duckdb").refresh()
            >>> print(done)
        """
        from kalbio.mirror._store import Contents

        told = as_function(progress)
        with self._target.causes(), in_thread(self._target.lock):
            began, settings, name = self._workspace()
            store, everything = in_thread(partial(self._open, settings, began, full, name))
            try:
                lists, not_permitted = read_lists(self._client)
                contents = Contents(lists)
                if not in_thread(partial(store.use, contents)):
                    # A field is read in another way from now on.
                    in_thread(store.abandon)
                    in_thread(self._target.discard)
                    store, everything = in_thread(partial(self._target.make, settings)), True
                    in_thread(partial(store.use, contents))
                state = in_thread(store.state)
                since = datetime.fromisoformat(state["since"]) if "since" in state else None
                if since is None:
                    in_thread(partial(store.keep, since=began.isoformat(), full_at=began.isoformat()))
                # Not kept: of a large workspace, these are many.
                in_thread(partial(store.expect, self._listed(contents.items["entity_types"])))
                changed = in_thread(partial(store.note_members, contents.members_of_activities()))
                if since is not None:
                    fields = [str(field["id"]) for field in contents.items["fields"] if not field.get("is_key")]
                    changed += with_newer_values(self._client, since - self._overlap, fields)
                    told_of = in_events(self._client, since - self._overlap)
                    changed += told_of or ()
                    not_permitted += ["events"] if told_of is None else []
                removed = in_thread(partial(store.drop, changed))
                read = self._read(store, told)
                in_thread(
                    partial(
                        store.finish, contents, since=began.isoformat(), workspace_name=name,
                        not_permitted=not_permitted,
                    )
                )  # fmt: skip
                del contents  # of a large workspace, these are many, too
                records = in_thread(store.count)
                files = in_thread(store.files)
                outcomes = self._download(files) if self._files else []
                in_thread(lambda: store.keep_contents(self._target.files.present(files)))
            except BaseException:
                in_thread(store.abandon)
                raise
            in_thread(partial(self._target.publish, store))
        return Refreshed(records, read, removed, everything, tuple(not_permitted), tuple(outcomes))

    def status(self) -> MirrorStatus:
        """Return when the mirror was refreshed, what it holds, and what of it may be out of date. Sends nothing.

        Raises:
            MirrorError: there is no mirror.

        Example:
            >>> client.mirror("lab.duckdb").status().rows["Compound"]
        """
        from kalbio.mirror import status

        return status(self.target)

    def _open(self, settings: Mapping[str, Any], now: datetime, full: bool, name: str | None) -> tuple[Any, bool]:
        """Return the file to work on, and whether everything has to be read."""
        present = self._target.copy()
        if present is not None:
            state = present.state()
            if state.get("workspace") != settings["workspace"]:
                present.abandon()
                self._target.discard()
                raise MirrorError(
                    f"{self.target} is a mirror of the workspace {safe_repr(state.get('workspace_name'))}, not of"
                    f" {safe_repr(name)}; choose another target, or delete it"
                )
            age = now - datetime.fromisoformat(state["full_at"])
            is_old = self._full_every is not None and age >= self._full_every
            if not (full or is_old or any(state.get(key) != value for key, value in settings.items())):
                return present, False
            present.abandon()
        return self._target.make(settings), True

    def _workspace(self) -> tuple[datetime, dict[str, Any], str | None]:
        """Return what time it is for the server, what the mirror must be of, and the name of the workspace."""
        from kalbio.mirror._store import FORMAT

        now, known = read_workspace(self._client)
        settings = {"format": FORMAT, "workspace": known.get("id"), "history": self._history}
        return now, settings, known.get("workspace_name")

    def _listed(self, types: Sequence[Mapping[str, Any]]) -> list[tuple[str, list[str]]]:
        """Return the entity types with the ids of their records."""

        def ask(item: Mapping[str, Any]) -> tuple[str, list[str]]:
            return str(item["id"]), search_ids(self._client, entity_slice_id=str(item["id"]))

        return map_bounded(ask, list(types), self._session.max_in_flight)

    def _read(self, store: Any, told: RowProgress | None) -> int:
        """Read the records that the store lacks; return how many there were."""
        total = in_thread(store.missing)
        overhead = self._session.target_length(list_records.build_request(record_ids=""))
        size = _BATCH_WITH_HISTORY if self._history else _BATCH

        def batches() -> Iterator[Sequence[str]]:
            for start in range(0, total, 20 * size):
                ids = store.missing_ids(start, 20 * size)
                for part in chunk_for_url(ids, overhead=overhead, separator=",", max_count=size):
                    yield ids[part]

        def ask(batch: Sequence[str]) -> tuple[Sequence[str], Any, dict[str, Any] | None]:
            answer = self._session.call(list_records.build_request(record_ids=",".join(batch)))
            if not self._history:
                return batch, answer, None
            build = list_record_values.build_request
            return batch, answer, {one: self._session.call_or_none(build(one)) for one in batch}

        done = 0
        limit = self._session.max_in_flight
        answers = map_ordered(ask, batches(), limit, ahead=limit)
        # Closed with this call: what is under way must not wait for the garbage collector.
        with contextlib.closing(answers):
            for batch, answer, histories in answers:
                store.rows.add(answer, histories)
                if len(store.rows) >= _FLUSH:
                    in_thread(store.flush)
                done += len(batch)
                if told is not None:
                    told(done, total)
        in_thread(store.flush)
        return done

    def _download(self, files: Mapping[str, str | None]) -> list[FileOutcome]:
        """Download the files whose content is not there; return what became of each of them."""
        client: Any = self._client
        there = in_thread(partial(self._target.files.present, files))
        missing = [one for one in files.items() if one[0] not in there]
        unanswered = 0

        def ask(file: tuple[str, str | None]) -> FileOutcome:
            nonlocal unanswered
            file_id, name = file
            if unanswered >= _UNANSWERED:
                reason = "It was not tried, since no answer came to the downloads before it"
                return FileOutcome(file_id, name, error=MirrorError(reason))
            path = self._target.files.path_of(file_id, name)
            try:
                found = client.files.download_file(file_id, path.name, path.parent)
            except (KalbioError, OSError) as error:
                unanswered = unanswered + 1 if isinstance(error, TransportError) else 0
                return FileOutcome(file_id, name, error=error)
            unanswered = 0
            if found is None:
                return FileOutcome(file_id, name, error=MirrorError(f"There is no file {safe_repr(file_id)} any more"))
            return FileOutcome(file_id, name, found)

        return map_bounded(ask, missing, self._session.max_in_flight)


class Mirrors(Service):
    """Local copies of the workspace (`client.mirror`)."""

    def __call__(
        self,
        target: str | os.PathLike[str],
        *,
        history: bool = True,
        overlap: timedelta = timedelta(minutes=10),
        full_every: timedelta | None = timedelta(days=7),
        files: bool = False,
    ) -> Mirror:
        """Return the local mirror of the workspace at a path, to refresh it. Sends nothing. Needs the extra `mirror`.

        Args:
            target: the path of a DuckDB file, which ends in `.duckdb`, or that of a folder of Parquet, which ends in
                `/` or `.parquet`.
            history: whether to keep all values that were ever written, with their authors, which takes one request
                for each record that is read; else the newest of each field in each activity.
            overlap: how far each refresh looks back behind the one before: longer than events come late.
            full_every: how old the last full copy may be before a refresh reads everything anew; None for any age.
            files: whether refreshes download the contents of files, each once: into `lab.files` beside `lab.duckdb`,
                or into `files` in a folder of Parquet.

        Raises:
            ValueError: an argument cannot be used.

        Example:
            >>> mirror = client.mirror("lab.duckdb")
            >>> done = mirror.refresh()
        """
        return Mirror(self._client, target, history=history, overlap=overlap, full_every=full_every, files=files)
