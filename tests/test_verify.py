"""Writes with `verify`: after a lost answer the client looks in the history before it writes again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from kalbio import KalbioAPIError, OutcomeUnknownError, RetryPolicy
from kalbio._model.value_history import has_content, new_values
from kalbio.sandbox import Request
from tests.conftest import Lab, World

FIELD = "Potency (nM)"
DONE = [{"lose_answer": True}, {"time_out": True}, {"truncate": True}, {"status": 504, "after": True}]
NOT_DONE: list[dict[str, Any]] = [{"reset": True}, {"status": 504}, {"status": 500}]


@pytest.fixture
def patient(world: World) -> Iterator[Lab]:
    """A sandbox whose client tries twice, without waiting."""
    made = Lab(world, retries=RetryPolicy(attempts=2, base=0))
    yield made
    made.close()


def record_of(lab: Lab, world: World) -> Any:
    """Return a record of its own, with one older value of the same content as those to write."""
    record = world(lab.api.records.get_or_create_record({"Compound": "V-1"}))
    world(record.add_value(FIELD, 2.5))
    return record


def stored(record: Any, world: World) -> list[Any]:
    """Return the ids of the values in the history, the newest first."""
    return [value.id for value in world(record.get_values())]


def asked(lab: Lab, since: int) -> list[str | None]:
    """Return the calls about values since so many exchanges."""
    calls = [exchange.operation for exchange in lab.exchanges[since:]]
    return [name for name in calls if name in ("addRecordValue", "listRecordValues")]


@pytest.mark.parametrize("content", [2.5, "2.5", 2, 1e3])
@pytest.mark.parametrize("fault", DONE, ids=str)
def test_a_write_that_was_done_is_found(lab: Lab, world: World, fault: dict[str, Any], content: Any) -> None:
    """A value whose answer was lost is found by one look, returned as if answered, and stored once."""
    record = record_of(lab, world)
    before, since = stored(record, world), len(lab.exchanges)
    lab.fail("addRecordValue", **fault)

    value = world(record.add_value(FIELD, content, verify=True))

    assert asked(lab, since) == ["listRecordValues", "addRecordValue", "listRecordValues"]
    assert [value.id, *before] == stored(record, world)
    assert float(value.content) == float(content)
    assert world(record.get_value_content(FIELD)) == value.content
    assert not record.is_stale


@pytest.mark.parametrize("fault", NOT_DONE, ids=str)
def test_a_write_that_was_not_done_is_repeated(patient: Lab, world: World, fault: dict[str, Any]) -> None:
    """A value that is not in the history is written again, and stored once."""
    record = record_of(patient, world)
    before, since = stored(record, world), len(patient.exchanges)
    patient.fail("addRecordValue", **fault)

    value = world(record.update_field(FIELD, 2.5, None, verify=True))

    assert asked(patient, since) == ["listRecordValues", "addRecordValue", "listRecordValues", "addRecordValue"]
    assert [value.id, *before] == stored(record, world)


def test_a_repetition_whose_answer_is_lost_is_found(patient: Lab, world: World) -> None:
    """Not done, then done without an answer: the second look finds it, also when no tries are left."""
    record = record_of(patient, world)
    before = stored(record, world)
    patient.fail("addRecordValue", reset=True)
    patient.fail("addRecordValue", lose_answer=True)

    value = world(record.add_value(FIELD, 2.5, verify=True))

    assert [value.id, *before] == stored(record, world)


@pytest.mark.parametrize("fault", NOT_DONE, ids=str)
def test_it_ends_with_the_policy(patient: Lab, world: World, fault: dict[str, Any]) -> None:
    """As many writes as the policy has tries, each followed by a look; then the fate is unknown as before."""
    record = record_of(patient, world)
    before, since = stored(record, world), len(patient.exchanges)
    patient.fail("addRecordValue", **fault, times=None)

    with pytest.raises(OutcomeUnknownError):
        world(record.add_value(FIELD, 2.5, verify=True))

    assert asked(patient, since) == ["listRecordValues", *["addRecordValue", "listRecordValues"] * 2]
    assert stored(record, world) == before


@pytest.mark.parametrize("status", [400, 404, 403])
@pytest.mark.parametrize("fault", [*DONE, *NOT_DONE], ids=str)
def test_what_cannot_be_looked_for_is_not_repeated(
    patient: Lab, world: World, fault: dict[str, Any], status: int
) -> None:
    """When the history cannot be read after the loss, the first error is raised with a note, and nothing repeated."""
    record = record_of(patient, world)
    since = len(patient.exchanges)
    patient.fail("addRecordValue", **fault)
    # The first reading goes well; rate faults would make that a matter of luck.
    answer, readings = patient.sandbox.handle_with_faults, iter([False, True])

    def meet(request: Any) -> Any:
        if request.method == "GET" and "/values" in request.target and next(readings):
            patient.fail("listRecordValues", status=status)
        return answer(request)

    patient.sandbox.handle_with_faults = meet  # type: ignore[method-assign]
    with pytest.raises(OutcomeUnknownError) as caught:
        world(record.add_value(FIELD, 2.5, verify=True))

    assert asked(patient, since) == ["listRecordValues", "addRecordValue", "listRecordValues"]
    assert "history could not be read" in caught.value.__notes__[0]


def test_nothing_is_written_when_the_history_cannot_be_read_first(lab: Lab, world: World) -> None:
    """Without the first reading nothing could be told later, so its failure is raised and nothing is sent."""
    record = record_of(lab, world)
    since = len(lab.exchanges)
    lab.fail("listRecordValues", status=403)

    with pytest.raises(KalbioAPIError):
        world(record.add_value(FIELD, 2.5, verify=True))
    assert asked(lab, since) == ["listRecordValues"]


def test_an_older_equal_value_is_never_taken_for_the_new_one(patient: Lab, world: World) -> None:
    """A history that seems not to be there leaves nothing to compare with: no look, no repetition."""
    record = record_of(patient, world)
    since = len(patient.exchanges)
    patient.fail("listRecordValues", status=404)
    patient.fail("addRecordValue", reset=True)

    with pytest.raises(OutcomeUnknownError):
        world(record.add_value(FIELD, 2.5, verify=True))
    assert asked(patient, since) == ["listRecordValues", "addRecordValue"]


@pytest.mark.parametrize("theirs", [2.5, 9])
def test_somebody_else_writes_to_the_same_place(patient: Lab, world: World, theirs: float) -> None:
    """An equal value is taken for the answer; another one leaves the fate unknown. Nothing is written again."""
    record = record_of(patient, world)
    before, since = stored(record, world), len(patient.exchanges)
    patient.fail("addRecordValue", reset=True)
    answer = patient.sandbox.handle_with_faults
    written: list[Any] = []

    def meet(request: Any) -> Any:
        outcome = answer(request)
        if request.method == "POST" and "/values" in request.target and not written:
            written.append(answer(replace_content(request, theirs)))
        return outcome

    patient.sandbox.handle_with_faults = meet  # type: ignore[method-assign]
    if theirs == 2.5:
        assert world(record.add_value(FIELD, 2.5, verify=True)).id not in before
    else:
        with pytest.raises(OutcomeUnknownError) as caught:
            world(record.add_value(FIELD, 2.5, verify=True))
        assert "other content" in caught.value.__notes__[0]

    assert asked(patient, since) == ["listRecordValues", "addRecordValue", "listRecordValues"]
    assert len(stored(record, world)) == len(before) + 1


def replace_content(request: Any, content: Any) -> Any:
    """Return the same write with another content."""
    body = json.loads(request.body) | {"content": content}
    return Request(request.method, request.target, request.headers, json.dumps(body).encode())


def test_a_repetition_that_is_refused_leaves_the_outcome_unknown(patient: Lab, world: World) -> None:
    """A refusal of the second try says nothing of the first one: the first error is raised, with a note."""
    record = record_of(patient, world)
    patient.fail("addRecordValue", reset=True)
    patient.fail("addRecordValue", status=403)

    with pytest.raises(OutcomeUnknownError) as caught:
        world(record.add_value(FIELD, 2.5, verify=True))
    assert "writing it again failed" in caught.value.__notes__[0]


def test_without_verify_nothing_changes(patient: Lab, world: World) -> None:
    """By default there is one write, no look, and the fate is unknown."""
    record = record_of(patient, world)
    since = len(patient.exchanges)
    patient.fail("addRecordValue", lose_answer=True)

    with pytest.raises(OutcomeUnknownError):
        world(record.add_value(FIELD, 2.5))
    assert asked(patient, since) == ["addRecordValue"]


def test_a_refusal_is_raised_at_once(patient: Lab, world: World) -> None:
    """What the server refuses is not looked for."""
    record = record_of(patient, world)
    since = len(patient.exchanges)

    with pytest.raises(KalbioAPIError):
        world(record.add_value(FIELD, "much", verify=True))
    assert asked(patient, since) == ["listRecordValues", "addRecordValue"]


def test_many_values_are_verified_row_by_row(patient: Lab, world: World) -> None:
    """Rows that fail on the way are all done in the end, each stored once under the id that is returned."""
    records = [world(patient.api.records.get_or_create_record({"Compound": f"V-{n}"})) for n in range(8)]
    for fault in ({"lose_answer": True}, {"reset": True}, {"status": 504}, {"time_out": True}):
        patient.fail("addRecordValue", **fault)

    rows = [{"record": record, "field": FIELD, "content": n} for n, record in enumerate(records)]
    result = world(patient.api.records.add_values(rows, verify=True))

    # A row may meet two faults in a row; it is then unknown, and never doubled.
    for record, outcome in zip(records, result, strict=True):
        assert len(stored(record, world)) <= 1
        if outcome.status == "done":
            assert stored(record, world) == [outcome.value.id]
            assert world(record.get_value_content(FIELD)) == outcome.value.content
    assert len(result.done) >= 7


PLACE = {"record_id": "r", "field_id": "f", "operation_id": None, "record_view_id": None}


@pytest.mark.parametrize(
    ("changed", "is_new"),
    [
        ({}, True),
        ({"id": "old"}, False),
        ({"field_id": "g"}, False),
        ({"operation_id": "o"}, False),
        ({"record_view_id": "v"}, False),
        ({"record_id": "sub"}, False),
    ],
)
def test_new_values_are_those_of_the_same_place(changed: dict[str, Any], is_new: bool) -> None:
    """Only an unknown id in the same record, field, activity and table counts."""
    value = {"id": "new", **PLACE, **changed}
    assert new_values([value], {"old"}, "r", "f", None, None) == ([value] if is_new else [])


def test_of_several_new_values_the_newest_comes_first() -> None:
    """The order follows the server's times, not that of the list; a history without tables is understood."""
    place = {name: wanted for name, wanted in PLACE.items() if name != "record_view_id"}
    older = {"id": "a", **place, "created_at": "2026-01-05T10:00:00.100Z"}
    newer = {"id": "b", **place, "created_at": "2026-01-05T10:00:00.12+00:00"}
    assert new_values([older, newer], set(), "r", "f", None, None) == [newer, older]


@pytest.mark.parametrize(
    ("sent", "kind", "stored_as", "same"),
    [
        (2.5, "number", "2.5", True),
        (2.0, "number", "2", True),
        ("2.50", "number", "2.5", True),
        (2.5, "number", "2.6", False),
        (7, "text", "7", True),
        ("007", "text", "7", False),
        (True, "boolean", True, True),
        (True, "boolean", False, False),
        (1, "boolean", True, False),
        (False, "text", "", False),
        (None, "number", None, True),
        (0, "number", None, False),
        ("a", "multiselect", ["a"], True),
        (("a", "b"), "multiselect", ["a", "b"], True),
        ("2026-01-05", "date", "2026-01-05T00:00:00.000Z", True),
        ("2026-01-05", "date", "2026-01-06T00:00:00.000Z", False),
        ("x", "number", "x", False),
    ],
)
def test_content_is_compared_as_the_server_keeps_it(sent: Any, kind: str, stored_as: Any, same: bool) -> None:
    """Numbers are compared by what their text means, booleans as booleans, everything else as it is kept."""
    assert has_content({"id": "v", "field_type": kind, "content": stored_as}, sent) is same
