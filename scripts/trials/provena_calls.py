"""Mixed calls of Provena while a third of them goes wrong: what the client was told must agree with what is there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Any

from kalbio._core.emulator.faults import Fault
from kalbio._core.errors import OutcomeUnknownError, SDKError
from kalbio._core.retry import RetryPolicy
from kalbio.provena import RunRecord
from kalbio.provena.sandbox import Faults, Sandbox
from kalbio.provena.testing import InProcess
from scripts.trials.mixed_calls import KINDS

MIX = ("create", "create", "study", "update", "group", "run", "get", "list", "search", "job", "schema")


class Trial:
    """The calls, what the client was told of each, and what is really there."""

    def __init__(self, lab: InProcess, draw: Random) -> None:
        self.api = api = lab.client
        self.draw = draw
        person = api.persons.create(
            display_name="Ada", first_name="Ada", last_name="L", email="ada@example.org", ethics_approved=True
        )
        api.access.link_person(person)
        self.anchor = api.organisations.create(display_name="Anchor", name="Anchor")
        model = api.models.create(
            display_name="Model",
            name="Model",
            description="A model",
            documentation_url="https://example.org",
            source_url="https://example.org",
        )
        self.workflow = api.workflow_templates.create(display_name="Workflow", software_id=model.id)
        self.person = person
        self.job = str(model.create_job_id)
        self.told: Counter[str] = Counter()
        self.done: dict[str, set[str]] = {what: set() for what in MIX}
        self.unknown: dict[str, set[str]] = {what: set() for what in MIX}

    def call(self, what: str, number: int) -> None:
        """Make one call."""
        sign, api = f"{what} {number}", self.api
        do: dict[str, Callable[[], Any]] = {
            "create": lambda: api.organisations.create(display_name=sign, name=sign),
            "study": lambda: api.studies.create(display_name=sign, title=sign, description=sign),
            "update": lambda: api.organisations.update(self.anchor.id, reason=sign, name=sign),
            "group": lambda: api.groups.admin.add(sign, sign, sign),
            "run": lambda: api.model_runs.register(
                RunRecord(sign, sign, workflow_template=self.workflow, modeller=self.person, start_time=1, end_time=2)
            ),
            "get": lambda: api.organisations.get(self.anchor.id),
            "list": lambda: api.organisations.list(limit=5).all(),
            "search": lambda: api.search.find("anchor"),
            "job": lambda: api.jobs.get(self.job),
            "schema": lambda: api.studies.schema(),
        }
        try:
            do[what]()
        except OutcomeUnknownError:
            self.told["unknown"] += 1
            self.unknown[what].add(sign)
        except SDKError as error:
            self.told[type(error).__name__] += 1
        else:
            self.told["done"] += 1
            self.done[what].add(sign)

    def truth(self) -> dict[str, Counter[str]]:
        """How often what each call bears is there, by what it was."""
        api = self.api
        anchor = api.organisations.get(self.anchor.id)
        assert anchor is not None
        return {
            "create": Counter(str(item.display_name) for item in api.organisations.list(page_size=1000)),
            "study": Counter(str(item.display_name) for item in api.studies.list(page_size=1000)),
            "update": Counter(str(entry["reason"]) for entry in anchor.history),
            "group": Counter(group.id for group in api.groups.admin.list()),
            "run": Counter(str(item.display_name) for item in api.model_runs.list(page_size=1000)),
        }


def run(calls: int, share: float, seed: int) -> dict[str, Any]:
    """Make the calls, and count what was lost, doubled and never told."""
    draw = Random(seed)  # noqa: S311  # a trial that can be repeated
    plan = Faults(seed)
    with InProcess(Sandbox(faults=plan), retries=RetryPolicy(attempts=6, base=0)) as lab:
        trial = Trial(lab, draw)
        for kind in KINDS:
            plan.add(Fault(rate=share / len(KINDS), **kind))
        for number in range(calls):
            trial.call(draw.choice(MIX), number)
        plan.clear()
        trial.api.clear_caches()
        truth = trial.truth()
    written = {what: {sign for sign in truth[what] if sign.startswith(f"{what} ")} for what in truth}
    return {
        "calls": calls,
        "told": dict(trial.told),
        "lost": sum(len(trial.done[what] - set(truth[what])) for what in truth),
        "doubled": sum(truth[what][sign] > 1 for what, signs in written.items() for sign in signs),
        "untold": sum(len(signs - trial.done[what] - trial.unknown[what]) for what, signs in written.items()),
        "unknown": sum(len(trial.unknown[what]) for what in truth),
        "of these carried out": sum(len(trial.unknown[what] & set(truth[what])) for what in truth),
    }


def held(figures: dict[str, Any]) -> bool:
    """Whether nothing was lost, doubled or left untold, and something was unknown at all."""
    return not (figures["lost"] or figures["doubled"] or figures["untold"]) and figures["unknown"] > 0
