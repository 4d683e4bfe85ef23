"""A short trial in every run of the tests; `scripts/reliability` runs the long ones, and those that are to fail."""

from __future__ import annotations

import os
from pathlib import Path
from random import Random
from typing import Any

import pytest

from bench import file_server, memory
from kalbio import KaleidoscopeClient
from kalbio._core.retry import decide
from kalbio.testing import InProcess
from scripts.trials import (
    cancelled_calls,
    doubled_answers,
    forked,
    full_disks,
    interrupts,
    killed_loads,
    killed_registrar,
    large_files,
    leaks,
    many_loops,
    mixed_calls,
    provena_calls,
)


def test_nothing_is_lost_or_doubled_under_faults() -> None:
    """Of 400 mixed calls under 30 % faults none is lost, doubled, or carried out without being told."""
    figures = mixed_calls.run(400, 0.3, seed=5)

    assert (figures["lost"], figures["doubled"], figures["unreported"]) == (0, 0, 0)
    assert 0 < figures["of these carried out"] < figures["unknown writes"]
    assert figures["unknown writes"] == figures["unknown writes by the ledger"]


def test_the_trial_notices_a_client_that_repeats_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that repeats every lost write doubles some, and the trial counts them."""

    def careless(*arguments: Any, **named: Any) -> Any:
        return decide(*arguments, **{**named, "idempotent": True})

    monkeypatch.setattr("kalbio._core.sync.retrying_client.decide", careless)

    figures = mixed_calls.run(400, 0.3, seed=5)
    assert figures["doubled"] > 0
    assert figures["unknown writes"] < figures["unknown writes by the ledger"]


def test_nothing_of_provena_is_lost_or_doubled_under_faults(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 200 mixed calls none is lost, doubled or untold; of a client that repeats lost writes, some are doubled."""
    figures = provena_calls.run(200, 0.3, seed=5)
    assert provena_calls.held(figures), figures

    def careless(*arguments: Any, **named: Any) -> Any:
        return decide(*arguments, **{**named, "idempotent": True})

    monkeypatch.setattr("kalbio._core.sync.retrying_client.decide", careless)
    assert provena_calls.run(200, 0.3, seed=5)["doubled"] > 0


def test_a_load_that_is_killed_goes_on() -> None:
    """Of 200 rows killed twice none is lost, doubled or out of order; kills hit rows that were in already."""
    figures = killed_loads.run(200, 2, seed=1)

    assert killed_loads.held(figures), figures


def test_the_trial_counts_what_is_lost_doubled_or_out_of_order() -> None:
    """A load that began again has doubled its rows, one that ended early lost some, one backwards is in disorder."""
    with InProcess() as lab:
        given: list[Any] = killed_loads.rows_to_load(lab.client, 12, Random(1))
        wrong = {"lost": 0, "doubled": 0, "places out of order": 0}
        lab.client.records.add_values(given[:9])
        assert killed_loads.compared(lab.sandbox, given) == {**wrong, "lost": 3}
        lab.client.records.add_values(given[9:])
        assert killed_loads.compared(lab.sandbox, given) == wrong
        assert killed_loads.compared(lab.sandbox, given[::-1])["places out of order"] > 0
        lab.client.records.add_values(given[:5])
        assert killed_loads.compared(lab.sandbox, given)["doubled"] == 5


def test_a_load_whose_journal_meets_a_full_disk_goes_on() -> None:
    """Of 200 rows none is lost, doubled or untold when the journal could not be written twice."""
    figures = full_disks.run(200, 2, seed=1)

    assert full_disks.held(figures), figures


def test_a_registrar_that_is_killed_loses_no_event() -> None:
    """Of 60 events posted badly to a service that is killed twice none is lost, and no results are reported twice."""
    figures = killed_registrar.run(60, 2, seed=1)

    assert killed_registrar.held(figures), figures


def test_files_go_up_and_down_whole_and_in_constant_memory() -> None:
    """Files of 12 MB arrive as they were sent, and take at most 4 MB of memory above the start."""
    figures = large_files.run(12, ["upload from a path", "download to a path"])

    assert large_files.held(figures), figures
    assert len(figures) == 5 + (not memory.can_be_measured())


@pytest.mark.skipif(not memory.can_be_measured(), reason="this system does not tell the peak of resident memory")
def test_the_trial_notices_a_client_that_holds_files_in_memory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A client that reads all of a file before it writes it is above the limit, and one that spoils it is found out."""

    def greedy(files: Any, file_id: str, name: str, folder: Path, **_: Any) -> str:
        (folder / name).write_bytes(files.read_file(file_id).replace(b"a", b"b"))
        return str(folder / name)

    monkeypatch.setattr("kalbio.files.FilesService.download_file", greedy)
    with file_server.serving() as url, KaleidoscopeClient("trial", "trial", url) as client:
        told = large_files._measured(client, lambda value: value, "download to a path", tmp_path, 12_000_000)

    right = file_server.sha256(12_000_000)
    assert not large_files.held({"": told["peak"], "arrived with other bytes": []})
    assert (told["sha256"] == right, len(told["sha256"])) == (False, len(right))


def test_a_day_of_mishaps_leaks_no_secret() -> None:
    """With every logger at DEBUG, all errors printed and things pickled and recorded, no secret is said or written."""
    figures = leaks.run()

    assert (figures["leaks"], figures["redirected requests"]) == (0, 2)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_forked_children_read_what_they_ask_for() -> None:
    """Of 300 reads by two children and their parent, sync and async, none is wrong and none hangs."""
    figures = forked.run(2, 50)

    assert forked.held(figures), figures


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_the_trial_notices_what_children_share(monkeypatch: pytest.MonkeyPatch) -> None:
    """Children that go on with the connections and locks of their parent read wrong records, or hang."""
    monkeypatch.setattr("kalbio._core.concurrency.forks.register", lambda thing: None)
    # Else the answers to others would be found and asked for again.
    for world in ("aio", "sync"):
        monkeypatch.setattr(f"kalbio._core.{world}.retrying_client.contradiction", lambda *_: None)
        monkeypatch.setattr(f"kalbio._core.{world}.retrying_client.broken_promise", lambda *_: None)

    assert not forked.held(forked.run(2, 100, patience=3))


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="this system does not tell which sockets are open")
def test_many_loops_use_one_client() -> None:
    """Of 120 calls from three event loops none hangs, and no socket is left after 50 loops in a row."""
    figures = many_loops.run(120)

    assert many_loops.held(figures), figures


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="this system does not tell which sockets are open")
def test_the_trial_notices_a_lost_wake_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Loops that do not wake each other up hang, and the trial counts them."""
    monkeypatch.setattr("kalbio._core.aio.concurrency.Event.set", lambda event: setattr(event, "_is_set", True))

    assert many_loops.run(120, patience=1)["hung"] > 0


def test_cancelled_calls_leave_nothing_taken() -> None:
    """After 400 calls cancelled at any moment no connection and no place is taken, and all later calls succeed."""
    figures = cancelled_calls.run(400, 1, compare=False)

    assert figures["cancelled"] >= 400
    assert {name: figures[name] for name in cancelled_calls.WRONG if figures[name]} == {}


def test_the_trial_notices_connections_that_are_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """Connections that are not given back when a call is cancelled are counted."""
    monkeypatch.setattr("kalbio._core.aio.connections.AsyncConnections._discard", lambda *_: None)
    monkeypatch.setattr(cancelled_calls, "PATIENCE", 0.5)

    figures = cancelled_calls.run(200, 1, compare=False)

    assert figures["stuck connections"] > 0
    assert not cancelled_calls.held(figures)


def test_no_copy_is_taken_for_an_answer() -> None:
    """Of 100 calls in each world, to a server that sends every answer twice in any of three ways, none is wrong."""
    figures = doubled_answers.run(100, 1, compare=False)

    assert doubled_answers.held(figures), figures


def test_the_trial_notices_copies_that_are_taken_for_answers() -> None:
    """Over the connections of the bare library, and without a look at what answers say, copies count as answers."""
    with doubled_answers.unchecked():
        for _, make, library in doubled_answers.WORLDS:
            with doubled_answers.doubling(doubled_answers.ONE_PACKET, 1) as (url, _):
                assert make(url, 40, library())["wrong"] > 0


def test_ctrl_c_ends_bulk_calls_and_nothing_is_sent_after_it() -> None:
    """Four kinds of bulk calls that are interrupted end in time, with a true account, and leave nothing stuck."""
    figures = interrupts.run(4, seed=1)

    assert interrupts.held(figures), figures
