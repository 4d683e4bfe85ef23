"""Every operation of the API, by what happened to a try: what the client does about it."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest
from kaleidoscope_api.operations import OPERATIONS

from kalbio._core.retry import AttemptResult, Decision, RetryPolicy, decide
from tests.core.wire import Core, Wire, answer

# Written down by hand, against the rule: reads, get-or-create, PUT and DELETE may be repeated, other writes may not.
GET_OR_CREATE = {"getOrCreateRecord", "getOrCreateKeyField", "getOrCreateDataField"}
PUT_THAT_ADDS = {"addRecordViewKeyField", "replaceRecordViewKeyFields"}
NEVER_TWICE = set(
    re.findall(
        r"\w+",
        "createToken createActivity uploadPropertyFile removeOperationRecords postOperationCallback addRecordValue "
        "uploadRecordValueFile createRecordViewTemplate duplicateRecordViewTemplate promoteRecordView createImport "
        "linkRecordViewTemplate unlinkRecordViewTemplate bulkLinkRecordViewTemplate bulkUnlinkRecordViewTemplate "
        "createProgram pushImport pushImportFromSource pushImportByFieldId runImport createDashboardCategory "
        "addDashboardRecord addDashboardSet registerFile updateRegistrationFileStatus submitRegistrationResults "
        "validateDrafts submitDrafts updateSubmissionStatus submitSubmissionResults clearDrafts",
    )
)

ATTEMPTS = 3
POLICY = RetryPolicy(attempts=ATTEMPTS, base=0)
AGAIN, LAST = Decision(0.0), Decision(None)
UNKNOWN = Decision(None, outcome_unknown=True)

# What happened to try 1, 2 and 3, and what follows: for what may be repeated, and for what may not.
TABLE: dict[AttemptResult, tuple[list[Decision], list[Decision]]] = {
    AttemptResult.NOT_SENT: ([AGAIN, AGAIN, LAST], [AGAIN, AGAIN, LAST]),
    AttemptResult.THROTTLED: ([AGAIN, AGAIN, LAST], [AGAIN, AGAIN, LAST]),
    AttemptResult.LOST: ([AGAIN, AGAIN, LAST], [UNKNOWN, UNKNOWN, UNKNOWN]),
    AttemptResult.SERVER_FAILED: ([AGAIN, AGAIN, LAST], [UNKNOWN, UNKNOWN, UNKNOWN]),
    AttemptResult.REFUSED: ([LAST, LAST, LAST], [LAST, LAST, LAST]),
}

FAILURES: dict[AttemptResult, Any] = {
    AttemptResult.NOT_SENT: lambda: httpx.ConnectError("refused"),
    AttemptResult.THROTTLED: lambda: answer(503, {}, retry_after="0"),
    AttemptResult.LOST: lambda: httpx.ReadError("reset"),
    AttemptResult.SERVER_FAILED: lambda: answer(502, {}),
    AttemptResult.REFUSED: lambda: answer(409, {}),
}


def may_be_repeated(operation: str) -> bool:
    """The rule, by hand."""
    return operation not in NEVER_TWICE | PUT_THAT_ADDS


def test_the_table_knows_every_operation() -> None:
    """What the generated operations say of themselves is what the table says."""
    assert {name: item.idempotent for name, item in OPERATIONS.items()} == {
        name: may_be_repeated(name) for name in OPERATIONS
    }
    safe_by_method = {name for name, item in OPERATIONS.items() if item.method != "POST"}
    assert {name for name in OPERATIONS if may_be_repeated(name)} == (safe_by_method - PUT_THAT_ADDS) | GET_OR_CREATE


@pytest.mark.parametrize("operation", OPERATIONS)
def test_what_follows_a_try_of_an_operation(operation: str) -> None:
    """For each operation, each thing that may happen, and each try: again, give up, or say that the fate is unknown."""
    found = {
        (happened, attempt): decide(
            POLICY,
            happened,
            idempotent=OPERATIONS[operation].idempotent,
            replayable=True,
            attempt=attempt,
            elapsed=0.0,
            retry_after=None,
            random=lambda: 0.5,
        )
        for happened in AttemptResult
        for attempt in range(1, ATTEMPTS + 1)
    }
    column = 0 if may_be_repeated(operation) else 1
    assert found == {
        (happened, attempt): TABLE[happened][column][attempt - 1]
        for happened in AttemptResult
        for attempt in range(1, ATTEMPTS + 1)
    }


@pytest.mark.parametrize("operation", [name for name in OPERATIONS if name != "createToken"])
@pytest.mark.parametrize("happened", AttemptResult)
def test_the_wire_sees_as_many_tries_as_the_table_says(core: Core, happened: AttemptResult, operation: str) -> None:
    """A call that fails each time is sent as often as the table says, and ends with the error that it says."""
    from kalbio._core.errors import OutcomeUnknownError, SDKError

    wire = Wire(*[FAILURES[happened]() for _ in range(ATTEMPTS)])
    pipe = core.open(wire, retry=POLICY)
    pipe._operations = OPERATIONS
    with pytest.raises(SDKError) as caught:
        core.call(pipe, OPERATIONS[operation].method, "/things", extensions={"operation": operation})
    decisions = TABLE[happened][0 if may_be_repeated(operation) else 1]
    assert len(wire.requests) == 1 + next(n for n, item in enumerate(decisions) if item.wait is None)
    assert isinstance(caught.value, OutcomeUnknownError) is decisions[0].outcome_unknown
