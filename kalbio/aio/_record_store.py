"""The records of a client: looked up by id or by key values, cached, and read many at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Generic, TypeVar

from kaleidoscope_api.api.records import get_or_create_record, get_record, identify_records, list_records

from kalbio._core.aio.concurrency import map_bounded
from kalbio._core.aio.session import AsyncSession
from kalbio._core.errors import IdentifierError, IdentifierNotFoundError, NotFoundError
from kalbio._core.http.url_chunks import chunk_for_url
from kalbio._core.json import strict_json
from kalbio._core.json.lazy_json import LazyObject
from kalbio._core.objects.checks import in_row
from kalbio._core.objects.identifiers import DictLike, as_id, require_identifiers
from kalbio._core.objects.listing import Listing, read_undecoded, read_undecoded_object
from kalbio._core.text.display import safe_repr
from kalbio._model import staleness
from kalbio._model.keys import is_key, key_text, refusal
from kalbio._model.record_keys import KeyValues, key_of, match_identified, read_identified
from kalbio._model.records import RecordData
from kalbio.aio._listing import CachedListing
from kalbio.aio._record_cache import AsyncRecordCache

R = TypeVar("R", bound=RecordData)


class RecordStore(Generic[R]):
    """Finds records, with few requests and none where they are remembered."""

    def __init__(
        self,
        session: AsyncSession,
        key_fields: CachedListing[Any],
        make: Callable[[dict[str, Any] | LazyObject], R],
        own: type[R],
    ) -> None:
        """Prepare. Records of the type `own` are used as they are; of other record objects, only the id is used."""
        self._own = own
        self._session = session
        self._key_fields = key_fields
        self._make = make
        self._cache: AsyncRecordCache[R] = AsyncRecordCache()
        session.remember(staleness.RECORD, lambda _: self._cache.clear())
        session.remember(staleness.NAMED_RECORDS, self._forget_named)
        session.remember(staleness.MADE_RECORD, self._forget_related)

    def _forget_named(self, request: Mapping[str, Any] | None) -> None:
        ids = None if request is None else staleness.records_named(request)
        if ids is None:
            self._cache.clear()
        else:
            self._cache.touch(ids)

    def _forget_related(self, request: Mapping[str, Any] | None) -> None:
        keys = None if request is None else staleness.key_made(request)
        if keys is None:
            self._cache.clear()
        else:
            self._cache.made(keys)

    @property
    def writes(self) -> int:
        """The number of writes so far; hand it to `adopt` with what is read from now on."""
        return self._cache.writes

    def touch(self, record_id: str) -> None:
        """Forget one record."""
        self._cache.touch([record_id])

    def cached(self, record_id: str) -> R | None:
        """Return the record with this id when it is remembered."""
        return self._cache.by_id(record_id)

    async def find(self, identifier: Any, *, use_cache: bool = True) -> R | None:
        """Return the record that an id or a dict of key field to value names, None when there is none."""
        if isinstance(identifier, Mapping):
            keys = await self.keys_of([identifier])

            async def identify() -> R | None:
                return (await self.identify(keys, use_cache=use_cache))[0]

            return await self._cache.share(key_of(keys[0]), identify, fresh=not self._session.caching(use_cache))
        wanted = record_id_of(identifier)
        cached = self._cache.by_id(wanted) if self._session.caching(use_cache) else None
        if cached is not None:
            return cached

        async def load() -> R:
            since = self._cache.writes
            response = await self._session.call(get_record.build_request(wanted))
            record = self._make(read_undecoded_object(response, "record"))
            self._cache.keep(record, since)
            return record

        try:
            return await self._cache.share(wanted, load, fresh=not self._session.caching(use_cache))
        except NotFoundError:
            self.touch(wanted)
            return None

    async def find_many(
        self, identifiers: Iterable[Any], *, batch_size: int = 250, use_cache: bool = True
    ) -> Listing[R]:
        """Return what ids, dicts and records name, in order; what is not there is left out."""
        targets = await self._resolve(identifiers)
        asked = [target for target in targets if isinstance(target, Mapping)]
        identified = iter(await self.identify(asked, use_cache=use_cache, batch_size=batch_size))
        unreadable: list[Any] = []
        ids = [target for target in targets if isinstance(target, str)]
        fetched = await self._fetch(ids, batch_size, use_cache, unreadable)
        found: list[R | None] = []
        for target in targets:
            if isinstance(target, str):
                found.append(fetched.get(target))
            else:
                found.append(next(identified) if isinstance(target, Mapping) else target)
        return Listing([record for record in found if record is not None], unreadable)

    def adopt(self, response: Any, since: int) -> Listing[R]:
        """Make records of a list answer and cache them."""
        listing = read_undecoded(response, self._make)
        for record in listing:
            self._cache.keep(record, since)
        return listing

    async def _resolve(
        self, identifiers: Iterable[Any], numbers: Sequence[int | None] | None = None
    ) -> list[R | str | KeyValues]:
        """Return each identifier as a record, an id, or key values; every name of a key field is looked up once."""
        given = require_identifiers(identifiers, "record")
        rows: Sequence[int | None] = [None] * len(given) if numbers is None else numbers
        dicts = [(item, row) for item, row in zip(given, rows, strict=True) if isinstance(item, Mapping)]
        keys = iter(await self.keys_of([item for item, _ in dicts], [row for _, row in dicts]))
        targets: list[R | str | KeyValues] = []
        for item, row in zip(given, rows, strict=True):
            if isinstance(item, self._own):
                targets.append(item)
            else:
                with in_row(row):
                    targets.append(next(keys) if isinstance(item, Mapping) else record_id_of(item))
        return targets

    async def _fetch(self, ids: Sequence[str], batch_size: int, use_cache: bool, unreadable: list[Any]) -> dict[str, R]:
        """Return the records with these ids, cached ones without a request."""
        found: dict[str, R] = {}
        missing: list[str] = []
        caching = self._session.caching(use_cache)
        if not caching:
            self._cache.touch(ids)
        for record_id in dict.fromkeys(ids):
            cached = self._cache.by_id(record_id) if caching else None
            if cached is None:
                missing.append(record_id)
            else:
                found[record_id] = cached
        if missing:
            overhead = self._session.target_length(list_records.build_request(record_ids=""))
            since = self._cache.writes

            async def ask(batch: slice) -> Listing[R]:
                request = list_records.build_request(record_ids=",".join(missing[batch]))
                return self.adopt(await self._session.call(request), since)

            batches = list(chunk_for_url(missing, overhead=overhead, separator=",", max_count=batch_size))
            for listing in await map_bounded(ask, batches, self._session.max_in_flight):
                # From the answers themselves, not from the cache: that may hold fewer than were asked for.
                found.update((record.id, record) for record in listing)
                unreadable.extend(listing.unreadable)
        return found

    async def identify(
        self, asked: Sequence[KeyValues], *, use_cache: bool = True, batch_size: int = 250
    ) -> list[R | None]:
        """Return the records with these key values, in order; one request for many of them."""
        caching = self._session.caching(use_cache)
        known: dict[frozenset[tuple[str, str]], R | None] = {}
        missing: dict[frozenset[tuple[str, str]], KeyValues] = {}
        for key_values in asked:
            key = key_of(key_values)
            cached = self._cache.by_key(key)
            if cached is not None and not caching:
                self.touch(cached.id)
                cached = None
            if cached is None:
                missing[key] = key_values
            else:
                known[key] = cached
        wanted = list(missing.values())
        texts = [strict_json.encode_text(key_values) for key_values in wanted]
        if texts:
            overhead = self._session.target_length(identify_records.build_request(records_key_field_to_value="[]"))
            since = self._cache.writes

            async def ask(batch: slice) -> None:
                request = identify_records.build_request(records_key_field_to_value=f"[{','.join(texts[batch])}]")
                response = await self._session.call_or_none(request)
                answered = [] if response is None else read_identified(response, self._make)
                for key_values, record in zip(wanted[batch], match_identified(wanted[batch], answered), strict=True):
                    known[key_of(key_values)] = record
                    if record is not None:
                        self._cache.keep(record, since)

            batches = list(chunk_for_url(texts, overhead=overhead, separator=",", max_count=batch_size))
            await map_bounded(ask, batches, self._session.max_in_flight)
        return [known[key_of(key_values)] for key_values in asked]

    async def get_or_create(self, wanted: KeyValues) -> R:
        """Return the record with these key values, which are resolved already."""
        from kaleidoscope_api.models import GetOrCreateRecordBody, KeyValuesByFieldId

        if self._session.caching():
            cached = self._cache.by_key(key_of(wanted))
            if cached is not None:
                return cached
        body = GetOrCreateRecordBody(key_field_to_value=KeyValuesByFieldId.from_dict(dict(wanted)))
        since = self._cache.writes
        response = await self._session.call(get_or_create_record.build_request(body=body))
        record = self._make(read_undecoded_object(response, "record"))
        self._cache.keep(record, since, wanted)
        return record

    async def require_id(self, identifier: Any) -> str:
        """Return the id of a record. Ids and objects cost no request; a dict without a record raises."""
        return (await self.require_ids([identifier]))[0]

    async def require_ids(self, identifiers: Iterable[Any], numbers: Sequence[int] | None = None) -> list[str]:
        """Return the ids of records, in order; all dicts are looked up together. Errors name rows of these numbers."""
        given = require_identifiers(identifiers, "record")
        rows: Sequence[int | None] = [None] * len(given) if numbers is None else numbers
        targets = await self._resolve(given, rows)
        identified = iter(await self.identify([target for target in targets if isinstance(target, Mapping)]))
        ids: list[str] = []
        for identifier, target, row in zip(given, targets, rows, strict=True):
            record = next(identified) if isinstance(target, Mapping) else target
            if record is None:
                with in_row(row):
                    raise IdentifierNotFoundError("record", identifier)
            ids.append(record if isinstance(record, str) else record.id)
        return ids

    async def keys_of(
        self, dicts: Sequence[DictLike[Any, Any]], numbers: Sequence[int | None] | None = None
    ) -> list[KeyValues]:
        """Return each dict as key field id to text. Names cost a request when the key fields are not cached.

        Errors name the rows of these numbers.
        """
        rows: Sequence[int | None] = [None] * len(dicts) if numbers is None else numbers
        first: dict[Any, int | None] = {}
        for given, row in zip(dicts, rows, strict=True):
            with in_row(row):
                if not isinstance(given, Mapping) or not given:
                    raise IdentifierError(
                        "record", given, f"{safe_repr(given)} names no record; give a dict of key field: value."
                    )
            for field in given:
                first.setdefault(field, row)
        fields = self._key_fields
        try:
            ids = dict(zip(first, await fields.require_ids(list(first)), strict=True))
        except IdentifierError as error:
            with in_row(first.get(error.identifier)):
                raise
        keys: list[KeyValues] = []
        wrong: list[tuple[int, Any, Any]] = []
        for given, row in zip(dicts, rows, strict=True):
            if row is not None:
                wrong += [(row, field, value) for field, value in given.items() if not is_key(value)]
                if wrong:
                    continue
            with in_row(row):
                resolved = {ids[field]: key_text(value, field) for field, value in given.items()}
                if len(resolved) < len(given):
                    raise IdentifierError("record", given, f"A key field is given twice: {safe_repr(given)}")
            keys.append(resolved)
        if wrong:
            raise refusal("rows", wrong)
        return keys


def record_id_of(identifier: Any) -> str:
    """Return the id that a record is named by, or raise."""
    found = as_id(identifier, "record", RecordData, others='its id, key values such as {"Compound": "SBX-1"}')
    if found is None:
        raise IdentifierNotFoundError(
            "record", identifier, hint='A record is named by its id (a uuid) or by key values: {"key field": "value"}.'
        )
    return found
