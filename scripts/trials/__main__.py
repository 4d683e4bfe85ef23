"""Runs the trials and prints their figures; exits 1 when one fails.

scripts/reliability [--calls N] [--share X] [--seed N] [--ends N] [--kills N] [--rows N] [--interrupts N]
                    [--megabytes N] [--cancellations N] [--events N]
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from scripts.trials import (
    cancelled_calls,
    doubled_answers,
    forked,
    full_disks,
    interrupts,
    killed_downloads,
    killed_loads,
    killed_mirrors,
    killed_registrar,
    killed_workers,
    large_files,
    leaks,
    many_callers,
    many_loops,
    mixed_calls,
    provena_calls,
)

Figures = dict[str, Any]


def main() -> int:
    """Run, print, and say whether all held."""
    parser = argparse.ArgumentParser(prog="scripts/reliability", description=__doc__)
    parser.add_argument("--calls", type=int, default=10_000, help="mixed calls to make (default: 10000)")
    parser.add_argument("--share", type=float, default=0.3, help="share of requests that go wrong (default: 0.3)")
    parser.add_argument("--seed", type=int, default=1, help="seed of the random faults (default: 1)")
    parser.add_argument("--ends", type=int, default=20, help="token expirations under many callers (default: 20)")
    parser.add_argument("--kills", type=int, default=50, help="downloads to kill (default: 50)")
    parser.add_argument("--rows", type=int, default=20_000, help="rows of the load to kill ten times (default: 20000)")
    parser.add_argument("--interrupts", type=int, default=200, help="bulk calls to interrupt (default: 200)")
    parser.add_argument("--megabytes", type=int, default=1000, help="size of the large files (default: 1000)")
    parser.add_argument("--cancellations", type=int, default=5000, help="async calls to cancel (default: 5000)")
    parser.add_argument("--events", type=int, default=2000, help="events for the registrar to lose (default: 2000)")
    given = parser.parse_args()

    def once(figures: Figures) -> bool:
        told = (figures["logins"], figures["refused"], figures["failures"])
        return told == (1, 0, []) and figures["renewals"] == given.ends

    trials: list[tuple[str, Callable[[], Figures], Callable[[Figures], bool]]] = [
        (
            f"mixed calls under {given.share:.0%} faults: none lost, doubled or untold, unknown as in the ledger",
            lambda: mixed_calls.run(given.calls, given.share, given.seed),
            lambda figures: (
                not (figures["lost"] or figures["doubled"] or figures["unreported"])
                and figures["unknown writes"] == figures["unknown writes by the ledger"] > 0
            ),
        ),
        (
            "the same with verify=True: no write remains unknown either",
            lambda: mixed_calls.run(given.calls // 4, given.share, given.seed, verify=True),
            lambda figures: not any(figures[name] for name in ("lost", "doubled", "unreported", "unknown writes")),
        ),
        (
            f"{given.calls * 3 // 10:,} calls of Provena under {given.share:.0%} faults: none lost, doubled or untold",
            lambda: provena_calls.run(given.calls * 3 // 10, given.share, given.seed),
            provena_calls.held,
        ),
        ("64 threads on one client: one login, no call refused", lambda: many_callers.threads(64, given.ends), once),
        ("500 tasks on one client: one login, no call refused", lambda: many_callers.tasks(500, given.ends), once),
        (
            "20 refreshes of a mirror killed: readers see whole copies, and the end is a fresh copy",
            lambda: killed_mirrors.run(300, 20, given.seed),
            killed_mirrors.held,
        ),
        (
            "4 forked children and their parent, 200 reads each, sync and async: none wrong, none hangs",
            lambda: forked.run(4, 200),
            forked.held,
        ),
        (
            "1,000 calls to a server that sends each answer twice, in two worlds and three ways: no wrong answer",
            lambda: doubled_answers.run(1000, given.seed),
            doubled_answers.held,
        ),
        (
            f"{given.cancellations:,} calls cancelled at any moment: no connection is stuck, no place is taken",
            lambda: cancelled_calls.run(given.cancellations, given.seed),
            cancelled_calls.held,
        ),
        (
            "300 calls from three event loops at once, 50 loops in a row: none hangs, no socket is left",
            lambda: many_loops.run(300),
            many_loops.held,
        ),
        (
            f"Ctrl-C in {given.interrupts} bulk calls: 2 s at most, nothing sent after it, a true account",
            lambda: interrupts.run(given.interrupts, given.seed),
            interrupts.held,
        ),
        (
            "the same while the threads are not told to stop: requests are sent after it",
            lambda: interrupts.run(8, given.seed, stops=False),
            lambda figures: figures["sent after"] > 0,
        ),
        (
            "downloads killed in the middle: never a partial file under the final name",
            lambda: killed_downloads.run(given.kills, given.seed),
            lambda figures: (
                "PARTIAL FILE" not in figures
                and figures["killed while writing"] > 0
                and figures["parts left a day later"] == 0
            ),
        ),
        (
            f"a load of {given.rows} rows killed ten times and run again: none lost, doubled, or out of order",
            lambda: killed_loads.run(given.rows, 10, given.seed),
            killed_loads.held,
        ),
        (
            "the same without a journal, and killed once: rows are doubled",
            lambda: killed_loads.run(100, 1, given.seed, journal=False),
            lambda figures: figures["doubled"] > 0,
        ),
        (
            f"a Dask frame of {given.rows // 10} rows whose workers are killed five times: none lost or doubled",
            lambda: killed_workers.run(given.rows // 10, 5, given.seed),
            killed_workers.held,
        ),
        (
            f"a load of {given.rows // 4} rows whose journal meets ten full disks: none lost, doubled, or untold",
            lambda: full_disks.run(given.rows // 4, 10, given.seed),
            full_disks.held,
        ),
        (
            "the same with a journal that forgets its last run: rows are doubled",
            lambda: full_disks.run(400, 2, given.seed, forgetful=True),
            lambda figures: figures["doubled"] > 0 and not full_disks.held(figures),
        ),
        (
            f"{given.events} events for a registrar that is killed 20 times: none lost, no results reported twice",
            lambda: killed_registrar.run(given.events, 20, given.seed),
            killed_registrar.held,
        ),
        (
            "45 events for one that reports past its inbox: results that are in are reported again",
            lambda: killed_registrar.run(45, 0, given.seed, careless=True),
            lambda figures: figures["reported although in"] > 0,
        ),
        (
            f"{given.megabytes} MB up and down: all bytes the same, peak memory above the start at most 4 MB",
            lambda: large_files.run(given.megabytes),
            large_files.held,
        ),
        (
            "a day of mishaps, all logs on: no secret in output, logs, errors, pickles, cassettes, redirects",
            leaks.run,
            lambda figures: figures["leaks"] == 0 and figures["redirected requests"] == 2,
        ),
        *(
            (f"the same with {what}: it leaks", partial(leaks.run, mutation), lambda figures: figures["leaks"] > 0)
            for what, mutation in leaks.CARELESS.items()
        ),
    ]
    failed = 0
    for title, run, held in trials:
        started = time.monotonic()
        figures = run()
        good = held(figures)
        failed += not good
        print(f"{'held  ' if good else 'FAILED'} {title} ({time.monotonic() - started:.0f} s)")
        for name, value in figures.items():
            print(f"         {name}: {value}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
