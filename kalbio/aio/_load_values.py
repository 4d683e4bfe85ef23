"""The values of a load that no import can carry: each is written by itself, and files are uploaded."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from kalbio._core.aio.bulk import BulkWriter
from kalbio._core.aio.concurrency import in_thread, map_bounded
from kalbio._core.files.uploads import open_upload
from kalbio._model.content_writing import FileToUpload
from kalbio._model.errors import KalbioError
from kalbio._model.records import RecordValue
from kalbio.aio._activity import Record
from kalbio.aio._directory import Client
from kalbio.aio._record import upload, write_value
from kalbio.aio._resumable_writes import Write
from kalbio.loading.planning import Current, PlannedRow


class Files(Protocol):
    """What a load asks of the service of files."""

    async def read_file(self, file_id: str) -> bytes | None:
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

    async def write(row: Write, _: str | None) -> RecordValue | None:
        record_id, scope, content = row
        record = Record({"id": record_id}, client)
        if not isinstance(content, FileToUpload):
            return await write_value(client, record, scope, content, verify=False, before=None)
        try:
            with open_upload(content.path, None, None) as file:
                return await upload(client, record, file, scope)
        except OSError as error:
            raise KalbioError(f"the file {content.path} cannot be read: {error.strerror or error}") from error

    return BulkWriter(
        write,
        conflict_key=lambda row: (row[0], row[1][:2]),
        limit=client.session.max_in_flight,
        stop_on_error=stop_on_error,
    )


async def leave_out_same_files(
    client: WithFiles, rows: Sequence[PlannedRow], current: Current, columns: Iterable[str]
) -> int:
    """Take out of the rows the files that are there already: of the same name and size, and with the same bytes.

    `current` is what is there, in the order of the columns. Returns how many files that are.
    """
    places = {name: place for place, name in enumerate(columns)}
    maybe = [
        (row, name, there)
        for row in rows
        for name in row.write
        if isinstance(row.given[name], FileToUpload)
        and row.key in current
        and isinstance(there := current[row.key][1][places[name]], dict)
    ]

    async def is_there(one: tuple[PlannedRow, str, dict[str, Any]]) -> bool:
        row, name, there = one
        return await _is_same_file(client, there, row.given[name])

    found = await map_bounded(is_there, maybe, client.session.max_in_flight)
    for (row, name, there), same in zip(maybe, found, strict=True):
        if same:
            row.write.remove(name)
            row.old.pop(name, None)
            row.same_files = {**row.same_files, name: there}
    return sum(found)


async def _is_same_file(client: WithFiles, old: dict[str, Any], new: FileToUpload) -> bool:
    size = old.get("file_size")
    try:
        if old.get("file_name") != new.path.name or (isinstance(size, int) and size != new.path.stat().st_size):
            return False
        data = await in_thread(new.path.read_bytes)
    except OSError:  # it is not there any more, which is told where it is uploaded
        return False
    return await client.files.read_file(str(old.get("file_id"))) == data
