"""Every operation of the API, by what happened to a try: what the client does about it."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest
from kaleidoscope_api.operations import OPERATIONS

from kalbio._core.errors import OutcomeUnknownError, SDKError
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


@pytest.mark.parametrize("happened", AttemptResult)
@pytest.mark.parametrize("idempotent", [True, False])
def test_what_follows_a_try(happened: AttemptResult, idempotent: bool) -> None:
    """For each thing that may happen, and each try: again, give up, or say that the outcome is unknown."""
    found = [
        decide(
            POLICY,
            happened,
            idempotent=idempotent,
            replayable=True,
            attempt=attempt,
            elapsed=0.0,
            retry_after=None,
            random=lambda: 0.5,
        )
        for attempt in range(1, ATTEMPTS + 1)
    ]
    assert found == TABLE[happened][0 if idempotent else 1]


@pytest.mark.parametrize("happened", AttemptResult)
def test_the_wire_sees_as_many_tries_as_the_table_says(core: Core, happened: AttemptResult) -> None:
    """Each operation that fails each time is sent as often as the table says, and ends with the error that it says."""
    wire = Wire()
    pipe = core.open(wire, retry=POLICY)
    pipe._operations = OPERATIONS
    for operation in OPERATIONS:
        if operation == "createToken":
            continue
        wire.steps = iter([FAILURES[happened]() for _ in range(ATTEMPTS)])
        wire.requests.clear()
        with pytest.raises(SDKError) as caught:
            core.call(pipe, OPERATIONS[operation].method, "/things", extensions={"operation": operation})
        decisions = TABLE[happened][0 if may_be_repeated(operation) else 1]
        tries = 1 + next(n for n, item in enumerate(decisions) if item.wait is None)
        seen = len(wire.requests), isinstance(caught.value, OutcomeUnknownError)
        assert seen == (tries, decisions[0].outcome_unknown), operation
