"""Mixed calls while a third of them goes wrong: the client's account must agree with what the sandbox carried out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Any

from kaleidoscope_api.operations import OPERATIONS

from kalbio import KalbioError, OutcomeUnknownError, RetryPolicy
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
VERIFIED = ("make", "make", "write", "write", "read", "search")
MIX = (*VERIFIED, "field", "write in activity", "create", "import", "change", "template", "delete", "upload")


class Plan(Faults):
    """Faults, and which of them hit each write: the ledger knows their kinds, not the statuses that were answered."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.of_writes: list[tuple[str, Fault | None]] = []

    def take(self, operation: str | None) -> Fault | None:
        """Return the fault that hits a call now."""
        fault = super().take(operation)
        if operation is not None and OPERATIONS[operation].method != "GET":
            self.of_writes.append((operation, fault))
        return fault


def leaves_unknown(fault: Fault | None) -> bool:
    """Whether the client cannot know what became of a write that this fault hit."""
    if fault is None:
        return False
    if fault.status is not None:
        return fault.status >= 500 and fault.retry_after is None
    return fault.reset or fault.lose_answer or fault.time_out or fault.truncate


class Trial:
    """The calls, what the client was told of each, and what is really there."""

    def __init__(self, lab: InProcess, calls: int, draw: Random, *, verify: bool) -> None:
        self.api = api = lab.client
        self.draw, self.verify, self.names = draw, verify, max(calls // 4, 1)
        self.key = api.entity_fields.get_or_create_key_field("Sample")
        self.field = api.entity_fields.get_or_create_data_field("Reading", "number")
        self.files = api.entity_fields.get_or_create_data_field("Scan", "file")
        self.anchor = api.records.get_or_create_record({self.key: "S-0"})
        self.types = api.entity_types.get_types()
        run = api.activities.create_activity("Run", "experiment")
        run.add_records([self.anchor])
        self.run = run
        self.templates: list[Any] = []
        self.told: Counter[str] = Counter()
        # What was reported as done, and as unknown, by the name or number that each call bears.
        self.done: dict[str, set[str]] = {what: set() for what in MIX}
        self.unknown: dict[str, set[str]] = {what: set() for what in MIX}
        self.done["make"].add("S-0")
        self.changes: list[str] = []  # the last change that is known to be in, and those after it

    def call(self, what: str, number: int) -> None:
        """Make one call."""
        sign = str(number)
        if what in ("make", "field"):
            sign = f"{what}-{self.draw.randrange(self.names)}" if what == "make" else f"Field {number % 50}"
        elif what == "upload":
            sign = f"{number}.txt"
        do: dict[str, Callable[[], Any]] = {
            "make": lambda: self.api.records.get_or_create_record({self.key: sign}),
            "field": lambda: self.api.entity_fields.get_or_create_data_field(sign, "text"),
            "write": lambda: self.anchor.add_value(self.field, number, verify=self.verify),
            "write in activity": lambda: self.anchor.add_value(self.field, number, self.run),
            "create": lambda: self.api.activities.create_activity(sign, "task"),
            "import": lambda: self.api.imports.push_data(["Sample"], [{"Sample": "S-0", "Reading": number}]),
            "change": lambda: self.run.update(external_id=sign),
            "template": lambda: self.api.result_table_templates.create_template(
                view_name=sign, entity_slice_id=self.types[0]
            ),
            "delete": self.delete,
            "upload": lambda: self.anchor.update_field_file(self.files, sign, b"1", "text/plain"),
            "read": lambda: self.api.records.get_record_by_id(self.anchor.id, use_cache=False),
            "search": lambda: self.api.records.search_records(limit=1),
        }
        try:
            made = do[what]()
        except OutcomeUnknownError:
            self.told["unknown"] += 1
            self.unknown[what].add(sign)
        except KalbioError as error:
            self.told[type(error).__name__] += 1
            self.changes += [sign] if what == "change" else []
        else:
            self.told["done"] += 1
            self.done[what].add(sign)
            if what == "change":
                self.changes = [sign]
            elif what == "template":
                self.templates.append(made)

    def delete(self) -> None:
        """Delete a template that is known to be there."""
        if self.templates:
            template = self.templates.pop()
            self.done["template"].discard(str(template.view_name))
            self.api.result_table_templates.delete_template(template)
            self.done["delete"].add(str(template.view_name))

    def truth(self) -> dict[str, Counter[str]]:
        """How often what each call bears is there, by what it was."""
        self.api.clear_caches()
        values = self.anchor.get_values()
        numbers = Counter(str(value.content) for value in values if value.field_id == self.field.id)
        records = self.api.records.get_records_by_ids(self.api.records.search_records())
        return {
            "make": Counter(str(record) for record in records),
            "field": Counter(str(field.field_name) for field in self.api.entity_fields.get_data_fields()),
            "write": numbers,
            "write in activity": numbers,
            "import": numbers,
            "create": Counter(str(activity.title) for activity in self.api.activities.get_activities()),
            "template": Counter(str(item.view_name) for item in self.api.result_table_templates.get_templates()),
            "upload": Counter(value.content["file_name"] for value in values if value.field_id == self.files.id),
        }


def run(calls: int, share: float, seed: int, *, verify: bool = False) -> dict[str, Any]:
    """Make the calls, and count what was lost, doubled and reported as unknown, and what is really there."""
    draw = Random(seed)  # noqa: S311  # a trial that can be repeated
    plan = Plan(seed)
    with InProcess(Sandbox(faults=plan), retries=RetryPolicy(attempts=6, base=0)) as lab:
        trial = Trial(lab, calls, draw, verify=verify)
        for kind in KINDS:
            plan.add(Fault(rate=share / len(KINDS), **kind))
        begin = len(lab.sandbox.ledger)
        plan.of_writes.clear()
        for number in range(calls):
            trial.call(draw.choice(VERIFIED if verify else MIX), number)
        plan.clear()
        ledger = lab.sandbox.ledger[begin:]
        faults = plan.of_writes[: len(ledger)]
        assert [entry.operation for entry in ledger] == [operation for operation, _ in faults]

        truth = trial.truth()
        lost = sum(len(signs - set(truth[what])) for what, signs in trial.done.items() if what in truth)
        lost += len(trial.done["delete"] & set(truth["template"]))
        trial.run.refetch()
        lost += bool(trial.changes) and trial.run.external_id not in trial.changes
        reported = {what: trial.done[what] | trial.unknown[what] for what in MIX}
        numbers = {item for what in ("write", "write in activity", "import") for item in reported[what]}
        carried = {what: set(truth[what]) & trial.unknown[what] for what in truth}
        figures = {
            "calls": calls,
            "told": dict(trial.told),
            "lost": lost,
            "doubled": sum(n > 1 for what in truth for sign, n in truth[what].items() if sign in reported[what]),
            "unreported": len(set(truth["write"]) - numbers) + len(set(truth["upload"]) - reported["upload"]),
            "unknown writes": sum(map(len, trial.unknown.values())),
            "of these carried out": sum(map(len, carried.values())),
        }
        if not verify:  # a client that looks for itself may write again
            figures["unknown writes by the ledger"] = sum(
                leaves_unknown(fault)
                for entry, (_, fault) in zip(ledger, faults, strict=True)
                if entry.operation != "createToken" and not OPERATIONS[entry.operation].idempotent
            )
        return figures
