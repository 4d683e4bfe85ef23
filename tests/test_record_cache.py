"""The cache of records by itself: what is judged when it is looked at, and what it costs to remember writes."""

from __future__ import annotations

from typing import Any

import pytest

from kalbio._model.records import RecordData
from kalbio._record_cache import RecordCache
from kalbio.aio._record_cache import AsyncRecordCache


class Clock:
    """A clock that is set by hand."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def record(name: str, keys: dict[str, str], children: list[str] | None = None) -> RecordData:
    """A record with these key values and sub-records."""
    values = {field: [{"id": f"{name}-{field}", "content": text}] for field, text in keys.items()}
    return RecordData({"id": name, "record_values": values, "sub_record_ids": children or []})


@pytest.fixture(params=[RecordCache, AsyncRecordCache])
def cache(request: pytest.FixtureRequest) -> Any:
    """A cache of each world, with a clock that stands still; it holds a parent, its child and a stranger."""
    cache = request.param(Clock())
    for item in (record("P", {"a": "1"}, ["C"]), record("C", {"a": "1", "b": "2"}), record("S", {"a": "3"})):
        cache.keep(item, cache.writes)
    return cache


def held(cache: Any) -> list[str]:
    """The ids of what is still remembered."""
    return [name for name in "PCS" if cache.by_id(name) is not None]


def test_a_touched_record_takes_those_along_that_show_it(cache: Any) -> None:
    """A record and the one that has it as a sub-record are forgotten; others are found by id and by key."""
    cache.touch(["C"])

    assert held(cache) == ["S"]
    assert cache.by_key(frozenset({("a", "3")})).id == "S"
    assert cache.by_key(frozenset({("a", "1")})) is None


def test_a_new_record_takes_those_along_whose_key_is_a_part_of_its_key(cache: Any) -> None:
    """A record with one key more lets its parents be forgotten; one with a single key nothing."""
    cache.made({"a": "9"})
    assert held(cache) == ["P", "C", "S"]

    cache.made({"a": "1", "b": "2", "c": "3"})
    assert held(cache) == ["S"]


def test_a_new_record_with_very_many_keys_lets_everything_be_forgotten(cache: Any) -> None:
    """Nobody counts all the combinations of its keys."""
    cache.made({str(number): "x" for number in range(40)})

    assert held(cache) == []


def test_what_was_read_before_a_write_is_not_kept_after_it(cache: Any) -> None:
    """Neither the record that was written, nor anything after everything was forgotten."""
    since = cache.writes
    cache.touch(["N"])
    cache.keep(record("N", {}), since)
    cache.clear()
    cache.keep(record("S", {}), since)

    assert cache.by_id("N") is None
    assert held(cache) == []


def test_writes_are_forgotten_when_nothing_older_can_be_kept(cache: Any) -> None:
    """A client that only writes does not remember each of its writes."""
    for number in range(100):
        cache.touch([f"W{number}"])
        cache._clock.now += 30.0

    assert len(cache._touched) <= 5


def test_only_so_many_writes_are_kept_apart(cache: Any) -> None:
    """A long load fills no memory: what was read before its oldest writes is read again, what came later stays."""
    for number in range(9_000):
        cache.touch([str(number)])
    cache.keep(record("L", {}), cache.writes)

    assert len(cache._touched) < 9_000
    assert held(cache) == []
    assert cache.by_id("L") is not None
    cache.touch(["L"])
    assert cache.by_id("L") is None
