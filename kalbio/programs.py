# Derived from kalbio/aio/programs.py by scripts/regenerate; edit that file. (digest ad5a7bc2a0f0)
"""Programs: named buckets that activities, views and groups refer to."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias, cast

from kaleidoscope_api.api.programs import create_program, update_program

from kalbio._core.http.responses import as_json
from kalbio._core.objects.checks import require_text
from kalbio._core.objects.identifiers import Many
from kalbio._core.objects.listing import read_object
from kalbio._core.objects.resource import Resource, stale, text, timestamp
from kalbio._directory import Client, WithTables
from kalbio._listing import Kind
from kalbio._model import staleness
from kalbio._model.bulk import RowProgress
from kalbio._model.fields import EntityFieldData
from kalbio._model.filters import Filters, Sorts
from kalbio._policy import default_on_error, none
from kalbio._service import Service
from kalbio.tables import Table

__all__ = ["Program", "ProgramIdentifier", "ProgramsService"]


class Program(Resource):
    """A named bucket of work."""

    __slots__ = ()

    title = text("Its title.")
    created_at = timestamp("When it was created.")
    created_by = text("Who created it.")
    workspace_id = text("Its workspace.")

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
        """Return the records of its activities as a table, with columns typed by their fields.

        Args:
            fields: the columns, in this order: fields as objects, ids, or names. By default the key fields, and all
                data fields of which a record has a value.
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
            >>> program = (client.programs.get_programs())[0]
            >>> table = program.table()
        """
        client = cast(WithTables, self._require_client())
        return client.records.table(
            program=self, fields=fields, where=where, sorts=sorts, history=history, progress=progress
        )

    def _text(self) -> str:
        return self.title or super()._text()


ProgramIdentifier: TypeAlias = Program | str
"""A program, its id, or its title."""

PROGRAMS: Kind[Program] = Kind(staleness.PROGRAM)


class ProgramsService(Service):
    """Programs of the workspace (`client.programs`)."""

    _remembers = (staleness.PROGRAM,)

    def __init__(self, client: Client) -> None:
        super().__init__(client)
        self._programs = self._directory[PROGRAMS]

    @default_on_error(list)
    def get_programs(self, *, use_cache: bool = True) -> list[Program]:
        """Return all programs.

        Args:
            use_cache: False asks the server even when the listing is cached.

        Raises:
            KalbioAPIError: the server refused.

        API operation: `listPrograms`.

        Example:
            >>> titles = [program.title for program in client.programs.get_programs()]
        """
        return self._programs.all(use_cache=use_cache)

    @default_on_error(list, skip_when_none="ids")
    def get_programs_by_ids(self, ids: Many[ProgramIdentifier]) -> list[Program]:
        """Return the programs with these ids or titles, in the order of the listing; unknown ones are left out.

        Args:
            ids: ids, titles and program objects, in any combination.

        Raises:
            AmbiguousIdentifierError: several programs have one of the titles.
            KalbioAPIError: the server refused.

        API operation: `listPrograms`.

        Example:
            >>> activity = (client.activities.get_activities())[0]
            >>> programs = client.programs.get_programs_by_ids(activity.program_ids)
        """
        return self._programs.listed(ids)

    @default_on_error(none)
    def create_program(self, title: str) -> Program:
        """Create a program.

        Args:
            title: its title. The server does not keep titles unique.

        Raises:
            ValueError: the title is empty.
            KalbioAPIError: the server refused.

        API operation: `createProgram`.

        Example:
            >>> program = client.programs.create_program("Kinase inhibitors")
        """
        from kaleidoscope_api.models import CreateProgramBody

        body = CreateProgramBody(title=require_text("title", title))
        response = self._session.call(create_program.build_request(body=body))
        return Program(read_object(response, "program"), self._client)

    @default_on_error(none)
    def update_program(self, program_id: ProgramIdentifier, title: str) -> Program:
        """Rename a program.

        Args:
            program_id: the program, its id, or its present title.
            title: its new title.

        Raises:
            ValueError: the title is empty.
            IdentifierNotFoundError: there is no such program.
            KalbioAPIError: the server refused.

        API operation: `updateProgram`.

        Example:
            >>> program = client.programs.create_program("Kinases")
            >>> program = client.programs.update_program(program, "Kinase inhibitors")
        """
        from kaleidoscope_api.models import UpdateProgramBody

        body = UpdateProgramBody(title=require_text("title", title))
        resolved = self._programs.require_id(program_id)
        response = self._session.call(update_program.build_request(resolved, body=body))
        if as_json(response) is None:
            current = self._programs.after_write(resolved)
            program = Program(current or {"id": resolved, "title": title}, self._client)
            return stale(program) if current is None else program
        return Program(read_object(response, "program"), self._client)
