# Derived from kalbio/aio/_load_values.py by scripts/regenerate; edit that file. (digest e50b9a448a7b)
"""The values of a load that no import can carry: each is written by itself, and files are uploaded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from kalbio._activity import Record
from kalbio._core.files.uploads import open_upload
from kalbio._core.sync.bulk import BulkWriter
from kalbio._core.sync.concurrency import in_thread, map_bounded
from kalbio._directory import Client
from kalbio._model.content_reading import MisfitError, read_texts
from kalbio._model.content_writing import FileToUpload
from kalbio._model.errors import KalbioAPIError, KalbioError
from kalbio._model.fields import EntityFieldData
from kalbio._model.records import RecordValue
from kalbio._record import upload, write_value
from kalbio._resumable_writes import Write
from kalbio.loading.planning import Current, PlannedRow
from kalbio.workspace import USERS


class Files(Protocol):
    """What a load asks of the service of files."""

    def read_file(self, file_id: str) -> bytes | None:
        """Return the bytes of a file."""
        ...


class WithFiles(Client, Protocol):
    """A client with that service."""

    @property
    def files(self) -> Files:
        """The service."""
        ...


def value_writer(client: Client, stop_on_error: bool) -> BulkWriter[Write, RecordValue | None]:
    """Return what writes single values, and uploads files."""

    def write(row: Write, _: str | None) -> RecordValue | None:
        record_id, scope, content = row
        record = Record({"id": record_id}, client)
        if not isinstance(content, FileToUpload):
            return write_value(client, record, scope, content, verify=False, before=None)
        try:
            with open_upload(content.path, None, None) as file:
                return upload(client, record, file, scope)
        except OSError as error:
            raise KalbioError(f"the file {content.path} cannot be read: {error.strerror or error}") from error

    return BulkWriter(
        write,
        conflict_key=lambda row: (row[0], row[1][:2]),
        limit=client.session.max_in_flight,
        stop_on_error=stop_on_error,
    )


def leave_out_same(
    client: WithFiles, rows: Sequence[PlannedRow], current: Current, columns: Mapping[str, EntityFieldData]
) -> int:
    """Take out of the rows what is there already, and only the server can tell: files, and members of the workspace.

    `current` is what is there, in the order of the columns. Returns how many cells that are.
    """
    files = _leave_out_same_files(client, rows, current, columns)
    return files + _leave_out_same_people(client, rows, current, columns)


def _leave_out_same_people(
    client: Client, rows: Sequence[PlannedRow], current: Current, columns: Mapping[str, EntityFieldData]
) -> int:
    """Take out the members who are there already: one is told by the id, the e-mail address, or the name."""
    places = {name: place for place, (name, field) in enumerate(columns.items()) if field.field_type == "people"}
    maybe = [
        (row, name, there)
        for row in rows
        for name in (row.write if places else ())
        if name in places and row.key in current and (there := current[row.key][1][places[name]]) is not None
    ]
    if not maybe:
        return 0
    ids: dict[str, set[str]] = {}
    try:
        members = client.directory[USERS].all()
    except KalbioAPIError:  # who may not see them writes what the table says
        return 0
    for user in members:
        for text in (user.id, user.email, user.full_name, user.preferred_name):
            ids.setdefault((text or "").casefold(), set()).add(user.id)

    def who(content: Any) -> set[str] | None:
        try:
            texts = read_texts(content) or ()
        except MisfitError:
            return None
        # A name that several members have says nothing.
        known = [(text, ids.get(text.strip().casefold(), ())) for text in texts]
        return {next(iter(found)) if len(found) == 1 else text for text, found in known}

    count = 0
    for row, name, there in maybe:
        people = who(there)
        if people is not None and people == who(row.given[name]):
            _leave_out(row, name, there)
            count += 1
    return count


def _leave_out(row: PlannedRow, name: str, there: Any) -> None:
    row.write.remove(name)
    row.old.pop(name, None)
    row.same = {**row.same, name: there}


def _leave_out_same_files(
    client: WithFiles, rows: Sequence[PlannedRow], current: Current, columns: Iterable[str]
) -> int:
    """Take out the files that are there already: of the same name and size, and with the same bytes."""
    places = {name: place for place, name in enumerate(columns)}
    maybe = [
        (row, name, there)
        for row in rows
        for name in row.write
        if isinstance(row.given[name], FileToUpload)
        and row.key in current
        and isinstance(there := current[row.key][1][places[name]], dict)
    ]

    def is_there(one: tuple[PlannedRow, str, dict[str, Any]]) -> bool:
        row, name, there = one
        return _is_same_file(client, there, row.given[name])

    found = map_bounded(is_there, maybe, client.session.max_in_flight)
    for (row, name, there), same in zip(maybe, found, strict=True):
        if same:
            _leave_out(row, name, there)
    return sum(found)


def _is_same_file(client: WithFiles, old: dict[str, Any], new: FileToUpload) -> bool:
    size = old.get("file_size")
    try:
        if old.get("file_name") != new.path.name or (isinstance(size, int) and size != new.path.stat().st_size):
            return False
        data = in_thread(new.path.read_bytes)
    except OSError:  # it is not there any more, which is told where it is uploaded
        return False
    return client.files.read_file(str(old.get("file_id"))) == data
