"""What the study is made of: names, data, files, and the table of its runs."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta
from typing import Any

GROUP = "Reef modelling group"
STUDY = "Bleaching on a patch reef"
MODEL = "Patch reef model"
FORCING, RESULTS = "Sea temperature", "Coral cover"
FORCING_TEMPLATE, RESULTS_TEMPLATE = "Sea temperature template", "Coral cover template"
WORKFLOW = "Bleaching workflow"
SCENARIOS = {"today": 0.0, "warmer": 1.5, "hot": 3.0}
"""The runs: a scenario, and by how many degrees it is warmer."""

_DAYS = 120
_BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
_NO_MATTER = {"relevant": False, "obtained": False}


def model() -> dict[str, Any]:
    """The data of the model."""
    return {
        "display_name": MODEL,
        "name": MODEL,
        "description": "Coral cover of one patch, day by day, from the temperature of the sea",
        "documentation_url": "https://docs.example.org/patch-reef",
        "source_url": "https://git.example.org/patch-reef",
    }


def dataset_template(name: str, key: str, path_means: str) -> dict[str, Any]:
    """The data of a template of datasets with one file that each run names."""
    resource = {"key": key, "description": path_means, "usage_type": "GENERAL_DATA"}
    return {"display_name": name, "description": path_means, "deferred_resources": [resource]}


def dataset(name: str, description: str, organisation: str) -> dict[str, Any]:
    """The metadata of a dataset."""
    approvals = ("ethics_registration", "ethics_access", "indigenous_knowledge", "export_controls")
    return {
        "associations": {"organisation_id": organisation, "point_of_contact": "alice@example.org"},
        "approvals": {approval: dict(_NO_MATTER) for approval in approvals},
        "dataset_info": {
            "name": name,
            "description": description,
            "access_info": {"reposited": True},
            "publisher_id": organisation,
            "created_date": {"relevant": True, "value": "2026-01-02"},
            "published_date": {"relevant": False},
            "license": "https://creativecommons.org/licenses/by/4.0/",
            "keywords": ["reef"],
        },
    }


def forcing() -> dict[str, str]:
    """The files of the sea temperature: one for each scenario."""
    return {f"{name}.csv": _table("day,temperature", _temperatures(more)) for name, more in SCENARIOS.items()}


def results() -> dict[str, str]:
    """The files of the coral cover that the model gives: cover is lost on days above 30 degrees."""
    files = {}
    for name, more in SCENARIOS.items():
        cover, rows = 60.0, []
        for day, temperature in _temperatures(more):
            cover *= 1.001 if temperature < 30 else 0.98
            rows.append((day, round(cover, 3)))
        files[f"{name}.csv"] = _table("day,cover", rows)
    return files


def table(person: str) -> list[dict[str, str]]:
    """The table of the runs, with the columns of the workflow template."""
    rows = []
    for number, name in enumerate(SCENARIOS):
        begin = _BEGIN + timedelta(hours=number)
        rows.append(
            {
                "display_name": f"{STUDY}: {name}",
                "description": f"{_DAYS} days, {SCENARIOS[name]} degrees warmer",
                "model_version": "1.0",
                "modeller": person,
                "study": STUDY,
                "organisation": GROUP,
                "start_time": begin.isoformat(),
                "end_time": (begin + timedelta(minutes=30)).isoformat(),
                f"input: {FORCING_TEMPLATE}": FORCING,
                f"input: {FORCING_TEMPLATE}: temperature": f"{name}.csv",
                f"output: {RESULTS_TEMPLATE}": RESULTS,
                f"output: {RESULTS_TEMPLATE}: cover": f"{name}.csv",
                "annotation: scenario": name,
            }
        )
    return rows


def _temperatures(more: float) -> list[tuple[int, float]]:
    return [(day, round(27.5 + more + 2.0 * (1 - abs(day - 60) / 60), 3)) for day in range(_DAYS)]


def _table(header: str, rows: list[tuple[int, float]]) -> str:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header.split(","))
    writer.writerows(rows)
    return text.getvalue()
