"""The file behind a mirror: what was read, in compact tables, with views on top that show it by its names.

What repeats is kept as a number, and names stand in one place, so that a rename changes no other row. Users see the
views; the schema `store` is nobody's business but this module's.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
import msgspec

from kalbio._core.objects.times import read_time
from kalbio._core.text.display import printable
from kalbio._model.content_reading import NUMBER, as_it_stands
from kalbio._model.field_types import Form, form_of
from kalbio._model.fields import EntityFieldData, EntityTypeData, name_of_type
from kalbio._model.workspace_lists import LISTINGS, Listing, columns_of, members_of
from kalbio.mirror._names import OWN_TABLES, unique_names
from kalbio.mirror._reading import Numbers, Rows, TypedRows
from kalbio.tables import Column, make_column

FORMAT = 3
"""Changes with what is in the file: a mirror of another format is made anew."""

_MEMORY = 40
"""Megabytes that the database may use: about a quarter of what a first copy may take. What is larger goes to disk."""

_USUAL_FIELDS = 64
"""So many fields need no more memory than that."""

SQL_TYPES = {
    "string": "VARCHAR", "double": "DOUBLE", "bool": "BOOLEAN", "date32": "DATE", "list<string>": "VARCHAR[]",
}  # fmt: skip
"""The types of columns, by those that they have in Arrow."""

_PARQUET = "format parquet, compression zstd, row_group_size 10240, row_group_size_bytes '4MB'"
"""How a file of Parquet is written. A group of rows is held in memory; small groups leave room for the rest."""

_OF_RECORDS = ("records", "files", "misfits")
"""The tables that change with any record."""

_TABLES = """
    create schema store;
    create table store.state (key VARCHAR, value VARCHAR);
    create table store.names (n INTEGER, id VARCHAR, name VARCHAR, is_number BOOLEAN, is_file BOOLEAN);
    create table store.records (
        n BIGINT, record_id VARCHAR, type INTEGER, name VARCHAR, created_at TIMESTAMPTZ, activity INTEGER
    );
    create table store.cells (
        record BIGINT, field INTEGER, content VARCHAR, written_at TIMESTAMPTZ, activity INTEGER, on_table INTEGER,
        author INTEGER
    );
    create table store.misfits (record BIGINT, field INTEGER, content VARCHAR);
    create table store.activity_records (activity_id VARCHAR, record_id VARCHAR, table_id VARCHAR);
    create table store.memberships (activity_id VARCHAR, digest VARCHAR);
    create table store.contents (file_id VARCHAR, path VARCHAR);
"""

_FILE_ID = "case when json_valid(value) then json_extract_string(value, '$.file_id') else value end"
_FILE_NAME = "case when json_valid(value) then json_extract_string(value, '$.file_name') end"


def _values(entity_type: str, entity_type_id: str) -> str:
    """Return the query of all values, up to the joins; of one entity type, its name and id are the same in each row."""
    return f"""
        select r.record_id, {entity_type} as entity_type, r.name as record, f.name as field, c.content as value,
            case when f.is_number and regexp_full_match(c.content, '\\s*{NUMBER}\\s*')
                then try_cast(trim(c.content) as DOUBLE) end as number,
            u.name as author, c.written_at, a.name as activity, p.name as table_name, f.id as field_id,
            u.id as written_by, a.id as activity_id, p.id as table_id, {entity_type_id} as entity_type_id
        from store.cells c
        join store.records r on r.n = c.record
        left join store.names f on f.n = c.field
        left join store.names a on a.n = c.activity
        left join store.names p on p.n = c.on_table
        left join store.names u on u.n = c.author"""


_VIEWS = f"""
    create or replace view main.records as
        select r.record_id, t.name as entity_type, r.name, r.created_at, a.name as first_activity,
            a.id as first_activity_id, t.id as entity_type_id
        from store.records r
        left join store.names t on t.n = r.type
        left join store.names a on a.n = r.activity;
    create or replace view main."values" as
        {_values("t.name", "t.id")}
        left join store.names t on t.n = r.type;
    create or replace view main.files as
        select file_id, file_name, record_id, record, field, activity, author, written_at, c.path
        from (
            select {_FILE_ID} as file_id, {_FILE_NAME} as file_name, v.*
            from main."values" v join store.names f on f.id = v.field_id
            where f.is_file
        )
        left join store.contents c using (file_id)
        where file_id <> '';
    create or replace view main.activity_records as
        select m.activity_id, a.title as activity, m.record_id, m.table_id from store.activity_records m
        left join store.activities a on a.activity_id = m.activity_id;
    create or replace view main.misfits as
        select r.record_id, t.name as entity_type, r.name as record, f.name as field, m.content
        from store.misfits m
        join store.records r on r.n = m.record
        left join store.names t on t.n = r.type
        left join store.names f on f.n = m.field;
"""


@attrs.frozen
class Contents:
    """What the lists of a workspace hold, by table, and which records activities have."""

    items: Mapping[str, Sequence[Mapping[str, Any]]]

    def fields(self) -> dict[str, EntityFieldData]:
        """Return the fields by id."""
        return {str(item["id"]): EntityFieldData(dict(item)) for item in self.items["fields"]}

    def digest(self) -> str:
        """Return what tells whether the lists are as they were."""
        return _digest([self.items[name] for name in sorted(self.items)])

    def members_of_activities(self) -> dict[str, tuple[str, list[tuple[str, str, str | None]]]]:
        """Return the records of each activity: what tells whether they are the same, and each with its table."""
        return {
            str(one["id"]): (
                _digest([one.get("data_table_record_mapping"), one.get("all_record_ids")]),
                members_of(one),
            )
            for one in self.items["activities"]
        }


@attrs.frozen
class Part:
    """What one file of Parquet is made of.

    Attributes:
        group: `values` for the values of the records of one entity type, else `tables`.
        name: the name of the table, or of the entity type.
        query: what is in it.
        version: changes with what is in it.
    """

    group: str
    name: str
    query: str
    version: str


def _digest(value: Any) -> str:
    return hashlib.blake2b(msgspec.json.encode(value), digest_size=16).hexdigest()


class Store:
    """An open file.

    Args:
        path: the file; one that is not there is made.
    """

    def __init__(self, path: Path) -> None:
        import duckdb

        self.path = path
        self._memory = _MEMORY
        is_new = not path.exists()
        self._db = duckdb.connect(str(path), config={"memory_limit": f"{_MEMORY}MB", "threads": 2})
        self._db.execute("set TimeZone = 'UTC'; set preserve_insertion_order = false")
        if is_new:
            with self:
                self._db.execute(_TABLES)
        self._numbers = Numbers(dict(self._all("select id, n from store.names")))
        following = self._one("select coalesce(max(n), 0) + 1 from store.records")
        self.rows = Rows(self._numbers, following)
        self._fields: dict[str, EntityFieldData] = {}
        self._forms: dict[str, Form] = {}
        self._typed = self._typed_tables()
        self._stored_names = len(self._numbers)
        self._renamed = False
        self._touched: set[int] = set()  # entity types of which this refresh has changed a record
        self._parts: list[Part] = []

    def _typed_tables(self) -> dict[str, set[str]]:
        """Return the tables of entity types with their columns."""
        found: dict[str, set[str]] = {}
        for table, column in self._all(
            "select table_name, column_name from duckdb_columns() where schema_name = 'store'"
            " and regexp_full_match(table_name, 't\\d+')"
        ):
            found.setdefault(table, set()).add(column)
        return found

    def __enter__(self) -> None:
        self._db.execute("begin")

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._db.execute("commit" if kind is None else "rollback")

    def close(self) -> None:
        """Write everything to the file, and close it."""
        self._db.execute("checkpoint")
        self._db.close()

    def abandon(self) -> None:
        """Close the file; what was committed stays."""
        self._db.close()

    # -- what it knows of itself ------------------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """Return what is known of the mirror."""
        return {key: json.loads(value) for key, value in self._all("select key, value from store.state")}

    def keep(self, **state: Any) -> None:
        """Keep something about the mirror, at once."""
        with self:
            self.set_state(**state)

    def count(self) -> int:
        """Return how many records there are."""
        return int(self._one("select count(*) from store.records"))

    def set_state(self, **state: Any) -> None:
        """Keep something about the mirror."""
        for key, value in state.items():
            self._db.execute("delete from store.state where key = ?", [key])
            self._db.execute("insert into store.state values (?, ?)", [key, json.dumps(value)])

    # -- what is there, and what is not -----------------------------------------------------------------------------

    def use(self, contents: Contents) -> bool:
        """Read values by these fields from now on; whether what is stored was read in the same way."""
        self._fields = contents.fields()
        if len(self._fields) > _USUAL_FIELDS:
            # Wide tables take more: each column has blocks of its own in memory.
            self._memory = _MEMORY + (len(self._fields) - _USUAL_FIELDS) // 2
            self._db.execute(f"set memory_limit = '{self._memory}MB'")
        self._forms = {identifier: form_of(field) for identifier, field in self._fields.items()}
        told = {identifier: form.name for identifier, form in self._forms.items()}
        known = self.state().get("forms", told)
        seen = [identifier for identifier in self._numbers if identifier in told or identifier in known]
        keys = [str(self._numbers[one]) for one, field in self._fields.items() if field.is_key]
        self._key_fields = ", ".join(keys) or "-1"  # their values have no time and no author
        fits = all(told.get(identifier) == known.get(identifier) for identifier in seen if identifier is not None)
        if fits:
            with self:
                self.set_state(forms=told)
        return fits

    def expect(self, listed: Iterable[tuple[str, Sequence[str]]]) -> None:
        """Note which records there are: entity types with the ids of their records."""
        import pyarrow

        self._db.execute("create or replace temp table kalbio_listed (record_id VARCHAR, type INTEGER)")
        for kind, ids in listed:
            number = self._numbers[kind]
            batch = pyarrow.table({"id": pyarrow.array(ids, pyarrow.string())})
            self._insert(f"insert into kalbio_listed select id, {number} from kalbio_rows", batch)

    def note_members(self, members: Mapping[str, tuple[str, Sequence[tuple[str, str, str | None]]]]) -> list[str]:
        """Note which records activities have; return those of which this has changed."""
        import pyarrow

        known = dict(self._all("from store.memberships"))
        changed = [one for one in {*known, *members} if one not in members or members[one][0] != known.get(one)]
        pairs = [pair for one in changed if one in members for pair in members[one][1]]
        columns = list(zip(*pairs, strict=True)) or [(), (), ()]
        names = ("activity_id", "record_id", "table_id")
        batch = pyarrow.table(
            {name: pyarrow.array(column, pyarrow.string()) for name, column in zip(names, columns, strict=True)}
        )
        self._insert("create or replace temp table kalbio_members as select * from kalbio_rows", batch)
        digests = [members[one][0] if one in members else None for one in changed]
        batch = pyarrow.table(
            {"id": pyarrow.array(changed, pyarrow.string()), "digest": pyarrow.array(digests, pyarrow.string())}
        )
        self._insert("create or replace temp table kalbio_changed as select * from kalbio_rows", batch)
        if not known:  # of a first copy everything is new
            return []
        before = "(from store.activity_records where activity_id in (select id from kalbio_changed))"
        found = self._all(
            f"select distinct record_id from ((from kalbio_members except {before}) union all"
            f" ({before} except from kalbio_members))"
        )
        return [record for (record,) in found]

    def drop(self, changed: Sequence[str]) -> int:
        """Take out what is gone, has moved to another entity type, or has changed; return how many are gone."""
        import pyarrow

        batch = pyarrow.table({"id": pyarrow.array(changed, pyarrow.string())})
        self._insert(
            "create or replace temp table kalbio_dropped as select n, r.record_id, r.type from store.records r"
            " where record_id in (select id from kalbio_rows) or not exists"
            " (select 1 from kalbio_listed l where l.record_id = r.record_id and l.type = r.type)",
            batch,
        )
        with self:
            for table in ("activity_records", "memberships"):
                self._db.execute(f"delete from store.{table} where activity_id in (select id from kalbio_changed)")
            self._db.execute("insert into store.activity_records from kalbio_members")
            self._db.execute("insert into store.memberships from kalbio_changed where digest is not null")
            if not self._one("select count(*) from kalbio_dropped"):
                return 0
            self._touched |= {kind for (kind,) in self._all("select distinct type from kalbio_dropped")}
            for table, column in (("records", "n"), ("cells", "record"), ("misfits", "record")):
                self._db.execute(f"delete from store.{table} where {column} in (select n from kalbio_dropped)")
            for table in self._typed:
                self._db.execute(f"delete from store.{table} where record in (select n from kalbio_dropped)")
        gone = (
            "select count(*) from kalbio_dropped d where not exists"
            " (select 1 from kalbio_listed l where l.record_id = d.record_id)"
        )
        return int(self._one(gone))

    def missing(self) -> int:
        """Return how many records are to be read."""
        self._db.execute(
            "create or replace temp table kalbio_missing as"
            " select record_id, row_number() over (order by type, record_id) as number from kalbio_listed l"
            " where not exists (select 1 from store.records r where r.record_id = l.record_id)"
        )
        return int(self._one("select count(*) from kalbio_missing"))

    def missing_ids(self, start: int, count: int) -> list[str]:
        """Return some of the ids of the records that are to be read."""
        rows = self._all(
            f"select record_id from kalbio_missing where number > {start} and number <= {start + count} order by number"
        )
        return [record_id for (record_id,) in rows]

    # -- rows -------------------------------------------------------------------------------------------------------

    def flush(self) -> None:
        """Store what was read."""
        import duckdb

        if not self.rows.records[0]:
            return
        try:
            self._store_rows(lambda times: times)
        except duckdb.ConversionException:  # a time in a spelling that DuckDB does not read
            self._typed = self._typed_tables()
            self._store_rows(lambda times: [_exact_time(text) for text in times])
        self.rows.clear()

    def _store_rows(self, read_times: Callable[[list[str | None]], list[str | None]]) -> None:
        rows = self.rows
        with self:
            numbers, ids, types, names, times, activities = rows.records
            self._append(
                "records", n=numbers, record_id=ids, type=types, name=_texts(names), created_at=read_times(times),
                activity=activities,
            )  # fmt: skip
            values = rows.values()
            values["content"], values["written_at"] = _texts(values["content"]), read_times(values["written_at"])
            self._append("cells", where=f"field not in ({self._key_fields})", **values)
            self._touched.update(types)
            for kind, typed in rows.typed.items():
                self._append_typed(kind, typed)
            self._name_new()
        self._numbers.fresh.clear()

    def _append_typed(self, kind: str, rows: TypedRows) -> None:
        import pyarrow

        table = self._typed_table(kind)
        columns = rows.columns()
        made: dict[str, Any] = {"record": rows.numbers, "record_id": rows.ids}
        for field_id, contents in columns.items():
            form = self._forms.get(field_id)
            if form is None:  # made since the fields were listed: the next refresh finds it
                continue
            values, misfits = make_column(Column(field_id, field_id, form), rows.ids, contents)
            name = f"c{self._numbers[field_id]}"
            if name not in self._typed[table]:
                self._db.execute(f'alter table store.{table} add column "{name}" {SQL_TYPES[form.arrow]}')
                self._typed[table].add(name)
            made[name] = pyarrow.array(values, _arrow_type(form.arrow))
            if misfits:
                number_of = dict(zip(rows.ids, rows.numbers, strict=True))
                number = self._numbers[field_id]
                self._append(
                    "misfits",
                    record=pyarrow.array([number_of[misfit.record_id] for misfit in misfits], pyarrow.int64()),
                    field=pyarrow.array([number] * len(misfits), pyarrow.int32()),
                    content=[printable(as_it_stands(misfit.content)) for misfit in misfits],
                )
        self._append(table, **made)

    def _typed_table(self, kind: str) -> str:
        table = f"t{self._numbers[kind]}"
        if table not in self._typed:
            self._db.execute(f"create table store.{table} (record BIGINT, record_id VARCHAR)")
            self._typed[table] = {"record", "record_id"}
        return table

    def _append(self, table: str, where: str = "true", **columns: Any) -> None:
        """Add rows; times come as text, and are read where they are stored."""
        import pyarrow

        made = {}
        for name, column in columns.items():
            if isinstance(column, array):
                kind = pyarrow.int64() if column.typecode == "q" else pyarrow.int32()
                column = pyarrow.Array.from_buffers(kind, len(column), [None, pyarrow.py_buffer(column)])
            elif isinstance(column, list):
                column = pyarrow.array(column, pyarrow.string())
            made[name] = column
        batch = pyarrow.table(made)
        names = ", ".join(f'"{name}"' for name in made)
        self._insert(f"insert into store.{table} ({names}) select {names} from kalbio_rows where {where}", batch)

    def _name_new(self) -> None:
        import pyarrow

        fresh = self._numbers.fresh
        if fresh:
            batch = pyarrow.table(
                {
                    "n": pyarrow.array([self._numbers[one] for one in fresh], pyarrow.int32()),
                    "id": pyarrow.array(map(printable, fresh), pyarrow.string()),
                }
            )
            self._insert("insert into store.names select n, id, id, false, false from kalbio_rows", batch)

    # -- names ------------------------------------------------------------------------------------------------------

    def finish(self, contents: Contents, **state: Any) -> None:
        """Store the lists and what is known of the mirror, and show everything by its present names."""
        types = self._names_of_types(contents)
        with self:
            for kind in types:
                self._typed_table(kind)
            columns = {kind: self._shown_columns(kind, contents) for kind in types}
            stored = {kind: [self._column(kind, one) for one in shown] for kind, shown in columns.items()}
            shown = _digest([contents.digest(), columns, stored, len(self._numbers)])
            if shown != self.state().get("shown"):
                self._show(contents, types, columns)
            self._note_versions(contents, types, columns)
            self.set_state(shown=shown, **state)

    def _note_versions(
        self, contents: Contents, types: Mapping[str, str], columns: Mapping[str, Sequence[str]]
    ) -> None:
        """Note what each file of Parquet would be made of, and which of them this refresh has changed."""
        state, now = self.state(), secrets.token_hex(8)
        ids = dict(self._all("select n, id from store.names where n in (select distinct type from store.records)"))
        ids |= {self._numbers[kind]: kind for kind in types}
        named = unique_names([*types.items(), *((one, one) for one in ids.values() if one not in types)])
        before = state.get("rows_of_types", {})
        rows = {str(n): now if n in self._touched else before.get(str(n), now) for n in sorted(ids)}
        names = now if self._renamed else state.get("names", now)
        lists, everything = contents.digest(), _digest([rows, names])
        versions = {**dict.fromkeys(OWN_TABLES, lists), **dict.fromkeys(_OF_RECORDS, everything)}
        del versions["values"]
        for kind, name in types.items():
            called = [(one, self._column(kind, one), self._fields[one].field_name) for one in columns[kind]]
            versions[name] = _digest([rows[str(self._numbers[kind])], called])
        self._parts = [Part("tables", name, f"from main.{quoted(name)}", one) for name, one in versions.items()]
        for n, kind in sorted(ids.items()):
            shown = [literal(one) for one in (types.get(kind, printable(kind)), printable(kind))]
            query = f"{_values(*shown)} where r.type = {n}"  # with less in memory than the view
            self._parts.append(Part("values", named[kind], query, _digest([rows[str(n)], names])))
        self.set_state(rows_of_types=rows, names=names, versions=self._versions())

    def _versions(self) -> dict[str, dict[str, str]]:
        told: dict[str, dict[str, str]] = {"tables": {}, "values": {}}
        for part in self._parts:
            told[part.group][part.name] = part.version
        return told

    def files(self) -> dict[str, str | None]:
        """Return the ids of the files that there are, with a name of each."""
        # Not from the view, which knows more of each and takes more memory.
        return dict(
            self._all(
                f"select {_FILE_ID} as file_id, min({_FILE_NAME}) from (select content as value from store.cells"
                " where field in (select n from store.names where is_file)) where file_id <> '' group by 1 order by 1"
            )
        )

    def keep_contents(self, paths: Mapping[str, str]) -> None:
        """Store where the contents of files are, by their ids, after `finish`."""
        import pyarrow

        columns = {"file_id": list(paths), "path": list(paths.values())}
        batch = pyarrow.table({name: pyarrow.array(column, pyarrow.string()) for name, column in columns.items()})
        for index, part in enumerate(self._parts):
            if (part.group, part.name) == ("tables", "files"):
                self._parts[index] = attrs.evolve(part, version=_digest([part.version, sorted(paths.items())]))
        with self:
            self._insert("create or replace table store.contents as select * from kalbio_rows", batch)
            self.set_state(versions=self._versions())

    def parts(self) -> Sequence[Part]:
        """Return what a folder of Parquet has, after `finish`."""
        return self._parts

    def write_parquet(self, part: Part, path: Path) -> None:
        """Write a file of Parquet; once one is written, nothing else is to be read."""
        import duckdb

        self._db.execute("set threads = 1")  # each has a group of rows of its own in memory
        for table in ("listed", "members", "changed", "dropped", "missing"):
            self._db.execute(f"drop table if exists temp.kalbio_{table}")
        self._db.execute("checkpoint")  # what was changed and is not in the file yet is held in memory
        for memory in (self._memory * 2**n for n in range(5)):
            self._db.execute(f"set memory_limit = '{memory}MB'")
            try:
                self._db.execute(f"copy ({part.query}) to {literal(str(path))} ({_PARQUET})")
                return
            except duckdb.OutOfMemoryException as error:  # of long texts a few rows need more
                failed = error
        raise failed

    def _show(self, contents: Contents, types: Mapping[str, str], columns: Mapping[str, Sequence[str]]) -> None:
        for listing in LISTINGS:
            self._keep_listing(listing, contents.items[listing.table])
        self._keep_names(contents, types)
        for (view,) in self._all("select view_name from duckdb_views() where schema_name = 'main' and not internal"):
            self._db.execute(f"drop view main.{quoted(view)}")
        for listing in LISTINGS:
            self._db.execute(f"create view main.{listing.table} as from store.{listing.table}")
        # Types without a name have one here.
        self._db.execute(
            "create or replace view main.entity_types as select t.* replace (n.name as name)"
            " from store.entity_types t join store.names n on n.id = t.entity_type_id"
        )
        self._db.execute(_VIEWS)
        for kind, name in types.items():
            self._show_type(kind, name, columns[kind])

    def _keep_listing(self, listing: Listing, items: Sequence[Mapping[str, Any]]) -> None:
        import pyarrow

        kinds = {"BOOLEAN": pyarrow.bool_(), "VARCHAR[]": pyarrow.list_(pyarrow.string())}
        columns = columns_of(listing, items)
        batch = pyarrow.table(
            {
                member.column: pyarrow.array(column, kinds.get(member.type, pyarrow.string()))
                for member, column in zip(listing.members, columns, strict=True)
            }
        )
        cells = ", ".join(f"cast({member.column} as {member.type}) as {member.column}" for member in listing.members)
        self._insert(f"create or replace table store.{listing.table} as select {cells} from kalbio_rows", batch)

    def _names_of_types(self, contents: Contents) -> dict[str, str]:
        keys = {field_id: field.field_name or field_id for field_id, field in self._fields.items()}
        kinds = map(EntityTypeData, map(dict, contents.items["entity_types"]))
        wanted = [(kind.id, name_of_type(kind.slice_name, kind.key_field_ids, keys)) for kind in kinds]
        return unique_names(wanted, OWN_TABLES)

    def _keep_names(self, contents: Contents, types: Mapping[str, str]) -> None:
        """Store what every number stands for, and what that is called now."""
        import pyarrow

        called: dict[str, str] = {}
        for listing in LISTINGS:
            sources = {member.column: member.source for member in listing.members}
            for item in contents.items[listing.table]:
                name = item.get(sources[listing.label]) or item.get("email")
                if isinstance(name, str):
                    called[str(item["id"])] = printable(name)
        called.update(types)
        known = [identifier for identifier in self._numbers if identifier is not None]
        forms = [self._forms.get(identifier) for identifier in known]
        batch = pyarrow.table(
            {
                "n": pyarrow.array([self._numbers[one] for one in known], pyarrow.int32()),
                "id": pyarrow.array(map(printable, known), pyarrow.string()),
                "name": pyarrow.array([called.get(one, one) for one in known], pyarrow.string()),
                "is_number": pyarrow.array([form is not None and form.python == "float" for form in forms]),
                "is_file": pyarrow.array([form is not None and form.python == "FileValue" for form in forms]),
            }
        )
        self._renamed = bool(self._insert(
            "select count(*) from kalbio_rows k join store.names o on k.n = o.n"
            f" where k.n < {self._stored_names} and k is distinct from o", batch,
        ))  # fmt: skip
        self._insert("create or replace table store.names as select * from kalbio_rows", batch)
        self._numbers.fresh.clear()

    def _shown_columns(self, kind: str, contents: Contents) -> list[str]:
        """Return the fields of an entity type: its key fields, and those that one of its records has a value of."""
        table = self._typed_table(kind)
        item = next(item for item in contents.items["entity_types"] if str(item["id"]) == kind)
        keys = [one for one in self._fields if one in set(map(str, item.get("key_field_ids") or ()))]
        others = [one for one in self._fields if one not in keys and self._column(kind, one) is not None]
        counts = ", ".join(f"count({self._column(kind, one)})" for one in others)
        filled = self._all(f"select {counts} from store.{table}")[0] if others else ()
        return [*keys, *(one for one, count in zip(others, filled, strict=True) if count)]

    def _column(self, kind: str, field_id: str) -> str | None:
        """Return the column of a field, None where no record has had a value of it."""
        number = self._numbers.get(field_id)
        return f"c{number}" if f"c{number}" in self._typed[self._typed_table(kind)] else None

    def _show_type(self, kind: str, name: str, columns: Sequence[str]) -> None:
        names = unique_names([(one, self._fields[one].field_name or one) for one in columns], ["record_id"])
        cells = [f"{self._column(kind, one) or 'cast(null as VARCHAR)'} as {quoted(names[one])}" for one in columns]
        table = self._typed_table(kind)
        self._db.execute(
            f"create view main.{quoted(name)} as select {', '.join(['record_id', *cells])} from store.{table}"
        )

    # -- DuckDB -----------------------------------------------------------------------------------------------------

    def _insert(self, statement: str, batch: Any) -> Any:
        """Run a statement on a table in memory; return the first value of its result."""
        self._db.register("kalbio_rows", batch)
        try:
            found = self._db.execute(statement).fetchall()  # all of it: nothing else runs before that
            return found[0][0] if found else None
        finally:
            self._db.unregister("kalbio_rows")

    def _all(self, query: str) -> list[tuple[Any, ...]]:
        found: list[tuple[Any, ...]] = self._db.execute(query).fetchall()
        return found

    def _one(self, query: str) -> Any:
        return self._all(query)[0][0]


def literal(value: str) -> str:
    """Return a text as it stands in SQL."""
    return "'" + value.replace("'", "''") + "'"


def quoted(name: str) -> str:
    """Return a name as it stands in SQL."""
    return '"' + name.replace('"', '""') + '"'


def _texts(column: list[str | None]) -> list[str | None]:
    """Return texts that can be stored: half a pair of UTF-16 is shown as an escape."""
    try:
        "".join(filter(None, column)).encode()
    except UnicodeEncodeError:
        return [None if text is None else printable(text) for text in column]
    return column


def _exact_time(value: str | None) -> str | None:
    moment = read_time(value, "a time of a record")
    return None if moment is None else moment.isoformat()


_ARROW_TYPES: dict[str, Callable[[Any], Any]] = {
    "string": lambda pa: pa.string(),
    "double": lambda pa: pa.float64(),
    "bool": lambda pa: pa.bool_(),
    "date32": lambda pa: pa.date32(),
    "list<string>": lambda pa: pa.list_(pa.string()),
}


def _arrow_type(name: str) -> Any:
    import pyarrow

    return _ARROW_TYPES[name](pyarrow)
