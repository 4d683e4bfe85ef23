"""Mixed calls while a third of them goes wrong: the client's account must agree with what the sandbox carried out."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any

from kalbio import KalbioError, RetryPolicy, UnknownFateError
from kalbio.sandbox import Fault, Faults, Sandbox
from kalbio.testing import InProcess

KINDS: list[dict[str, Any]] = [
    {"refuse": True},
    {"reset": True},
    {"lose_answer": True},
    {"time_out": True},
    {"truncate": True},
    {"status": 429, "retry_after": 0},
    {"status": 429},
    {"status": 503, "retry_after": 0},
    {"status": 503},
    {"status": 500, "after": True},
    {"status": 502},
    {"status": 504, "after": True},
    {"body": b"<html>gateway</html>", "status": 502},
    {"expire_tokens": True},
    {"revoke_tokens": True},
]


def run(calls: int, share: float, seed: int, *, verify: bool = False) -> dict[str, Any]:
    """Make the calls, and count what was lost, doubled and reported as unknown, and what is really there."""
    draw = Random(seed)  # noqa: S311  # a trial that can be repeated
    faults = Faults(seed)
    with InProcess(Sandbox(faults=faults), retries=RetryPolicy(attempts=6, base=0)) as lab:
        api = lab.client
        api.entity_fields.get_or_create_key_field("Sample")
        api.entity_fields.get_or_create_data_field("Reading", "number")
        field = api.entity_fields.get_data_field_by_id("Reading")
        key = api.entity_fields.get_key_field_by_id("Sample")
        assert field is not None
        assert key is not None
        anchor = api.records.get_or_create_record({key: "S-0"})
        for kind in KINDS:
            faults.add(Fault(rate=share / len(KINDS), **kind))

        told: Counter[str] = Counter()
        made: set[str] = {"S-0"}
        written: set[str] = set()
        uncertain: set[str] = set()
        for number in range(calls):
            what = draw.choice(("make", "make", "write", "write", "read", "search"))
            name = f"S-{draw.randrange(calls // 4)}"
            try:
                if what == "make":
                    api.records.get_or_create_record({key: name})
                    made.add(name)
                elif what == "write":
                    anchor.add_value(field, number, verify=verify)
                    written.add(str(number))
                elif what == "read":
                    api.records.get_record_by_id(anchor.id, use_cache=False)
                else:
                    api.records.search_records(limit=1)
                told["done"] += 1
            except UnknownFateError:
                told["unknown"] += 1
                if what == "write":
                    uncertain.add(str(number))
            except KalbioError as error:
                told[type(error).__name__] += 1

        faults.clear()
        api.clear_caches()
        stored = Counter(value.content for value in anchor.get_values())
        there = Counter(str(record) for record in api.records.get_records_by_ids(api.records.search_records()))
        held = {name for name in there if name.startswith("S-")}
        return {
            "calls": calls,
            "told": dict(told),
            "lost": len(written - set(stored)) + len(made - held),
            "doubled": sum(n > 1 for n in stored.values()) + sum(there[name] > 1 for name in held),
            "unreported": len(set(stored) - written - uncertain),
            "unknown writes": len(uncertain),
            "of these carried out": len(uncertain & set(stored)),
        }
