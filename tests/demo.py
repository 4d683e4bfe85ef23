"""What is there in the demo seed, for tests that need something of every kind."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Any

from kalbio.testing import InProcess

NOWHERE = "00000000-0000-4000-8000-000000000000"
"""An id that nothing has."""

FIND: dict[str, Any] = {
    "record": lambda api: api.records.get_record_by_id({"Compound": "SBX-1"}),
    "activity": lambda api: api.activities.get_activity_by_id("Kinase screen"),
    "definition": lambda api: api.activities.get_definition_by_id("Assay results registration"),
    "key": lambda api: api.entity_fields.get_key_field_by_id("Compound"),
    "field": lambda api: api.entity_fields.get_data_field_by_id("Comment"),
    "kind": lambda api: api.entity_types.get_type_by_name("Compound"),
    "view": lambda api: api.record_views.get_record_views(),
    "template": lambda api: api.result_table_templates.get_templates(),
    "program": lambda api: api.programs.get_programs(),
    "dashboard": lambda api: api.dashboards.get_dashboards(),
}


class Things:
    """One object of every kind, or of those that are named, found by the client of a lab."""

    def __init__(self, lab: Any, *names: str) -> None:
        self.api = lab.api
        for name in names or FIND:
            found = lab.world(FIND[name](lab.api))
            setattr(self, name, found[0] if isinstance(found, list) else found)

    def __getattr__(self, name: str) -> Any:
        """Tell type checkers that there may be more."""
        raise AttributeError(name)


class UnseenThings:
    """A record, an activity and a dashboard, known to the client of a lab by nothing but their JSON."""

    record: Any
    activity: Any
    dashboard: Any

    def __init__(self, lab: Any) -> None:
        world = "kalbio" if lab.world.kind == "sync" else "kalbio.aio"
        for name, (module, kind, raw) in _raw().items():
            setattr(self, name, getattr(import_module(f"{world}.{module}"), kind)(raw(), lab.api))


@cache
def _raw() -> dict[str, Any]:
    """The module and the class of each, and what gives a copy of its JSON; it is the same in every sandbox."""
    with InProcess() as lab:
        api = lab.client
        dashboards = api.dashboards.get_dashboards()
        return {
            "record": ("records", "Record", FIND["record"](api).to_dict),
            "activity": ("activities", "Activity", FIND["activity"](api).to_dict),
            "dashboard": ("dashboards", "Dashboard", dashboards[0].to_dict),
        }
