"""The examples in the docstrings are run, each against a fresh demo sandbox."""

from __future__ import annotations

import doctest
import importlib
import inspect
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kalbio import F
from kalbio.activities import ActivityStatusEnum
from kalbio.testing import InProcess

MODULES = [
    "activities", "client", "entity_fields", "entity_types", "exports", "files", "imports", "labels", "programs",
    "property_fields", "record_views", "records", "registration", "result_table_templates", "workspace",
]  # fmt: skip


def public_methods() -> Iterator[tuple[str, Any]]:
    """Every public method and property that the sync modules define, by qualified name."""
    for name in MODULES:
        module = importlib.import_module(f"kalbio.{name}")
        for owner in vars(module).values():
            if not inspect.isclass(owner) or owner.__module__ != module.__name__ or owner.__name__.startswith("_"):
                continue
            yield f"{name}.{owner.__name__}", owner
            # What a class has of bases that are not public is its own.
            bases = [base for base in owner.__mro__ if base is owner or base.__module__.startswith("kalbio._")]
            own = {name: item for base in reversed(bases) for name, item in vars(base).items()}
            for attribute, value in own.items():
                if not attribute.startswith("_") and (inspect.isfunction(value) or isinstance(value, property)):
                    yield f"{name}.{owner.__name__}.{attribute}", value


EXAMPLES = {
    name: examples
    for name, value in public_methods()
    if (examples := doctest.DocTestParser().get_examples(inspect.getdoc(value) or ""))
}


@pytest.fixture
def namespace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """What the examples may use: a client, and a registration of a file and of drafts under way."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with InProcess() as lab:
        for name, value in (
            ("KALEIDOSCOPE_API_CLIENT_ID", lab.sandbox.settings.client_id),
            ("KALEIDOSCOPE_API_CLIENT_SECRET", lab.sandbox.settings.client_secret),
        ):
            monkeypatch.setenv(name, value)
        client = lab.client
        activity = client.activities.create_activity(
            "Assay run", "experiment", activity_definition_id="Assay results registration"
        )
        upload = next(item for item in activity.properties if item.field_type == "file")
        file_id = (upload.update_property_file("results.csv", b"Compound", "text/csv") or {})["file_id"]
        client.registration.register_file(activity, file_id)
        yield {
            "client": client, "operation_id": activity.id, "file_id": file_id, "ActivityStatusEnum": ActivityStatusEnum,
            "F": F,
            "entity_type": client.entity_types.get_type_exact_keys(["Compound"]),
        }  # fmt: skip


@pytest.fixture
def drafts(namespace: dict[str, Any]) -> dict[str, Any]:
    """An activity with a staged draft, and one submission of it, which leaves the draft free."""
    client = namespace["client"]
    activity = client.activities.create_activity("Batch run", "experiment", activity_definition_id="Batch registration")
    client.registration.stage_drafts(activity, ["Compound"], [{"Compound": "CPD-1"}])
    activity.refetch()
    return {**namespace, "operation_id": activity.id}


@pytest.fixture
def submission(drafts: dict[str, Any]) -> dict[str, Any]:
    """A submission of drafts that awaits its results."""
    submitted = drafts["client"].registration.submit_drafts(drafts["operation_id"])
    return {**drafts, "submission_id": submitted.id}


SCENES = {
    "registration.RegistrationService.clear_drafts": "drafts",
    "registration.RegistrationService.get_draft_statuses": "drafts",
    "registration.RegistrationService.get_registration_submissions": "drafts",
    "registration.RegistrationService.submit_drafts": "drafts",
    "registration.RegistrationService.validate_drafts": "drafts",
    "registration.RegistrationService.push_submission_status": "submission",
    "registration.RegistrationService.submit_submission_results": "submission",
}


class _Lenient(doctest.OutputChecker):
    """Compares what an example states; an example that states nothing may print what it likes."""

    def check_output(self, want: str, got: str, optionflags: int) -> bool:
        return not want or super().check_output(want, got, optionflags)


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_example_runs(name: str, request: pytest.FixtureRequest) -> None:
    """The example runs as it stands, and what it prints is what it says."""
    if name == "client.KaleidoscopeClient":
        pytest.skip("it connects to the platform itself")
    scene = request.getfixturevalue(SCENES.get(name, "namespace"))
    test = doctest.DocTest(EXAMPLES[name], dict(scene), name, None, None, None)
    output: list[str] = []
    runner = doctest.DocTestRunner(_Lenient(), optionflags=doctest.ELLIPSIS, verbose=False)
    failed = runner.run(test, out=output.append).failed
    if "not_implemented" in "".join(output):
        pytest.skip("the sandbox does not serve this operation")
    assert failed == 0, "".join(output)


def test_every_method_has_an_example() -> None:
    """Every public method that sends something names its operation and has an example."""
    methods = {name: value for name, value in public_methods() if inspect.isfunction(value)}
    assert len(EXAMPLES) > 80
    lacking = [
        name for name, value in methods.items() if "API operation" in (value.__doc__ or "") and name not in EXAMPLES
    ]
    assert lacking == []
