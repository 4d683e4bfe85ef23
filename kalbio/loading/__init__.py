"""Loads of tables: what a load would write, and what became of it. No network.

`client.records.plan_upsert(...)` makes plans, `client.records.upsert(...)` and `plan.apply()` give reports.
"""

from __future__ import annotations

from kalbio.loading.cells import LoadCell
from kalbio.loading.errors import LoadRefusedError
from kalbio.loading.plan import PlannedLoad
from kalbio.loading.report import LoadReport

__all__ = ["LoadCell", "LoadRefusedError", "LoadReport", "PlannedLoad"]


def __dir__() -> list[str]:
    return sorted(__all__)
