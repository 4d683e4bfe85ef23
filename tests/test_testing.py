"""`kalbio.testing` as its users see it: fixtures, faults, builders."""

from __future__ import annotations

import asyncio
import contextlib
import re
from typing import Any
from urllib.parse import parse_qsl

import pytest

from kalbio import (
    ConnectionFailedError,
    KalbioResponseError,
    KaleidoscopeClient,
    OutcomeUnknownError,
    RequestTimeoutError,
    RetryPolicy,
    ServerError,
)
from kalbio.sandbox import Sandbox
from kalbio.sandbox.server import serve
from kalbio.testing import Fault, Faults, InProcess, make_assay_results, make_compounds
from tests.conftest import Lab, World


@pytest.mark.parametrize("run", [1, 2])
def test_each_test_has_a_state_of_its_own(kalbio_client: KaleidoscopeClient, run: int) -> None:
    """What one test creates is not there in the next."""
    assert [item for item in kalbio_client.programs.get_programs() if item.title == "Mine"] == []
    kalbio_client.programs.create_program("Mine")


def test_the_fixtures_share_one_sandbox(kalbio_sandbox: InProcess, kalbio_client: KaleidoscopeClient) -> None:
    """The sandbox of a test keeps what its client asked."""
    kalbio_client.programs.get_programs()

    assert kalbio_sandbox.operations() == ["listPrograms"]


def record_of(lab: Lab, world: World) -> Any:
    """Return a record to write on."""
    world(lab.api.entity_fields.get_or_create_key_field("Compound"))
    world(lab.api.entity_fields.get_or_create_data_field("logP", "number"))
    return world(lab.api.records.get_or_create_record({"Compound": "CPD-1"}))


@pytest.mark.parametrize(
    ("fault", "error", "stored"),
    [
        ({"refuse": True}, ConnectionFailedError, 0),
        ({"status": 501}, ServerError, 0),
        ({"lose_answer": True}, OutcomeUnknownError, 1),
        ({"time_out": True}, OutcomeUnknownError, 1),
        ({"body": b"<html>"}, KalbioResponseError, 1),
        ({"reset": True}, OutcomeUnknownError, 0),
        ({"truncate": True}, OutcomeUnknownError, 1),
        ({"slow": 60}, OutcomeUnknownError, 1),
        ({"status": 504, "after": True}, OutcomeUnknownError, 1),
        ({"status": 502, "body": b"<html>"}, OutcomeUnknownError, 0),
    ],
)
@pytest.mark.parametrize("carrier", ["in process", "port"])
def test_a_fault_hits_a_write(
    world: World, carrier: str, fault: dict[str, Any], error: type[Exception], stored: int
) -> None:
    """A write meets the fault that was ordered, in process as on a port, and the sandbox holds what was carried out."""
    with contextlib.ExitStack() as stack:
        lab = stack.enter_context(Lab(world, retries=0))
        api = lab.api
        record = record_of(lab, world)
        if carrier == "port":
            server = stack.enter_context(serve(lab.sandbox))
            api = world.connect(url=server.url, retries=0)
            record = world(api.records.get_record_by_id({"Compound": "CPD-1"}))
            # A closed connection is all that a server can do when it has the request: what became of it is not known.
            error = OutcomeUnknownError if "refuse" in fault else error
        lab.fail("addRecordValue", **fault)

        patience = api.timeout(0.5) if fault.keys() & {"slow", "time_out"} else contextlib.nullcontext()
        with patience, pytest.raises(error):
            world(record.add_value("logP", 1))

        assert len(world(record.get_values())) == stored
        writes = [(item.fault, item.done) for item in lab.sandbox.ledger if item.operation == "addRecordValue"]
        assert writes == [(next(iter(fault)), bool(stored))]
        world(record.add_value("logP", 2))
        assert len(world(record.get_values())) == stored + 1


def test_a_slow_answer_is_waited_for(lab: Lab, world: World) -> None:
    """A client that has the patience gets the answer."""
    lab.fail("listPrograms", slow=0.01)

    assert world(lab.api.programs.get_programs())


@pytest.mark.parametrize(
    ("fault", "logins"),
    [({"expire_tokens": True}, ["refresh_token"]), ({"revoke_tokens": True}, ["refresh_token", "client_credentials"])],
)
def test_tokens_end_unnoticed(lab: Lab, world: World, fault: dict[str, Any], logins: list[str]) -> None:
    """The client renews its tokens, or logs in again when all are revoked, and the call goes through."""
    world(lab.api.programs.get_programs())
    seen = len(lab.exchanges)
    lab.fail("listPrograms", **fault)

    assert world(lab.api.programs.get_programs(use_cache=False))

    asked = [item for item in lab.exchanges[seen:] if item.operation == "createToken"]
    assert [dict(parse_qsl(item.body.decode()))["grant_type"] for item in asked] == logins


def test_faults_belong_to_the_sandbox(world: World) -> None:
    """What a sandbox was made with, what its plan gets later and what the lab orders are one plan."""
    plan = Faults()
    first = plan.add(Fault("getRecord", reset=True))
    with Lab(world, Sandbox(faults=plan)) as lab:
        second = lab.fail("getRecord", refuse=True)

        assert [lab.sandbox.faults.take("getRecord") for _ in range(3)] == [first, second, None]
        assert lab.transport.faults is plan


def test_a_fault_hits_as_often_as_it_says(world: World) -> None:
    """Two refusals are met by two retries, and the third try is carried out."""
    lab = Lab(world, retries=RetryPolicy(base=0))
    lab.fail("listPrograms", status=503, retry_after=0, times=2)

    assert world(lab.api.programs.get_programs())
    assert [item.status for item in lab.exchanges if item.operation == "listPrograms"] == [503, 503, 200]
    lab.close()


def test_a_read_that_times_out_says_so(lab: Lab, world: World) -> None:
    """A lost answer to a read is a time-out, not an unknown fate: nothing was to be changed."""
    lab.fail("listPrograms", time_out=True)

    with pytest.raises(RequestTimeoutError):
        world(lab.api.programs.get_programs())


def test_an_operation_that_does_not_exist_is_no_fault(lab: Lab) -> None:
    """A fault that could never happen is refused when it is ordered, with what comes close."""
    with pytest.raises(ValueError, match="did you mean addRecordValue"):
        lab.fail("add_record_value", reset=True)


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"status": 500, "refuse": True},
        {"refuse": True, "retry_after": 1},
        {"reset": True, "body": b""},
        {"lose_answer": True, "after": True},
        {"status": 99},
        {"reset": True, "rate": -0.1},
        {"reset": True, "times": 0},
    ],
)
def test_a_fault_must_be_one_thing(arguments: dict[str, Any]) -> None:
    """A fault that is none, or several, is refused when it is ordered."""
    with pytest.raises(ValueError, match=r"fault|retry_after|must be"):
        Fault("getRecord", **arguments)


def test_compounds_are_consistent_and_repeatable() -> None:
    """Made-up compounds have unique keys, weights that go with their formulas, and are the same for the same seed."""
    rows = make_compounds(200, seed=3)
    weights = {"C": 12.011, "H": 1.008, "N": 14.007, "O": 15.999, "S": 32.06, "F": 18.998}

    assert rows == make_compounds(200, seed=3)
    assert rows != make_compounds(200, seed=4)
    assert len({row["Compound"] for row in rows}) == 200
    for row in rows:
        atoms = re.findall(r"([A-Z])(\d*)", row["Formula"])
        assert row["Molecular weight"] == round(sum(weights[symbol] * int(n or 1) for symbol, n in atoms), 2)


def test_built_data_loads(lab: Lab, world: World) -> None:
    """Compounds and results go into a sandbox as they are, and come back."""
    compounds = make_compounds(20)
    world(lab.api.imports.push_data(["Compound"], compounds))
    world(lab.api.imports.push_data(["Compound"], make_assay_results(compounds)))
    lab.api.clear_caches()

    record = world(lab.api.records.get_record_by_id({"Compound": "CPD-00007"}))

    assert world(record.get_value_content("SMILES")) == compounds[6]["SMILES"]
    assert world(record.get_value_content("Active")) in (True, False)


def test_both_clients_are_closed() -> None:
    """As an async context the lab closes its async client too; as a sync one it closes the sync client."""

    async def work() -> InProcess:
        async with InProcess() as lab:
            assert await lab.async_client.programs.get_programs()
            assert lab.client.programs.get_programs()
        with pytest.raises(RuntimeError, match="closed"):
            await lab.async_client.programs.get_programs(use_cache=False)
        return lab

    lab = asyncio.run(work())
    with pytest.raises(RuntimeError, match="closed"):
        lab.client.programs.get_programs(use_cache=False)
    with InProcess() as other:
        assert other.client.programs.get_programs()
    with pytest.raises(RuntimeError, match="closed"):
        other.client.programs.get_programs(use_cache=False)
