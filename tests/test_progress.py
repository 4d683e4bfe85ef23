"""Progress bars: `progress=True` shows one, a function is called, and nobody else gets anything printed."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kalbio import WaitTimeoutError
from kalbio._core.files.uploads import open_upload
from tests.conftest import Lab
from tests.test_extras import without

ROWS = [{"Compound": f"CPD-{n}"} for n in range(3)]


def value(content: Any) -> dict[str, Any]:
    """A row of `add_values`."""
    return {"record": {"Compound": "SBX-1"}, "field": "Potency (nM)", "content": content}


def recorder(told: list[tuple[int, int | None]]) -> Callable[[int, int | None], None]:
    """A function for progress that keeps what it is told."""
    return lambda done, total: told.append((done, total))


def upload(lab: Lab, **options: Any) -> Any:
    """Write a file as a value."""
    record = lab.world(lab.api.records.get_record_by_id({"Compound": "SBX-1"}))
    return lab.world(record.update_field_file("Spectrum", "nmr.txt", b"x" * 3000, "text/plain", **options))


def spectrum(lab: Lab) -> Any:
    """A file that is a value."""
    upload(lab)
    record = lab.world(lab.api.records.get_record_by_id({"Compound": "SBX-1"}, use_cache=False))
    return lab.world(record.value("Spectrum"))


def property_file(lab: Lab, **options: Any) -> Any:
    """Upload a file into a property."""
    activity = lab.world(lab.api.activities.get_activity_by_id("First registration"))
    item = next(item for item in activity.properties if item.field_type == "file")
    return lab.world(item.update_property_file("results.csv", b"x" * 3000, "text/csv", **options))


def collected(lab: Lab, batches: Any) -> list[Any]:
    """The items of an iterator of either world."""
    if lab.world.kind == "sync":
        return list(batches)

    async def collect() -> list[Any]:
        return [item async for item in batches]

    found: list[Any] = lab.world(collect())
    return found


CALLS: dict[str, Any] = {
    "get_or_create_records": lambda lab, **options: lab.world(lab.api.records.get_or_create_records(ROWS, **options)),
    "add_values": lambda lab, **options: lab.world(lab.api.records.add_values([value(1), value(2)], **options)),
    "push_data": lambda lab, **options: lab.world(
        lab.api.imports.push_data(["Compound"], ROWS, batch_size=2, **options)
    ),
    "upsert": lambda lab, **options: lab.world(lab.api.records.upsert(ROWS, key="Compound", **options)),
    "apply": lambda lab, **options: lab.world(
        lab.world(lab.api.records.plan_upsert(ROWS, key="Compound")).apply(**options)
    ),
    "table": lambda lab, **options: lab.world(lab.api.records.table("Compound", **options)),
    "history table": lambda lab, **options: lab.world(lab.api.records.table("Compound", history=True, **options)),
    "activity table": lambda lab, **options: lab.world(
        lab.world(lab.api.activities.get_activity_by_id("Kinase screen")).table(**options)
    ),
    "iter_batches": lambda lab, **options: collected(
        lab, lab.api.records.iter_batches("Compound", fields=["Compound"], batch_size=2, **options)
    ),
    "read_file": lambda lab, **options: lab.world(spectrum(lab).read(**options)),
    "update_field_file": upload,
    "update_property_file": property_file,
    "create_record_value_file": lambda lab, **options: lab.world(
        lab.api.records.create_record_value_file(
            {"Compound": "SBX-1"}, "Spectrum", "nmr.txt", io.BytesIO(b"x" * 3000), "text/plain", **options
        )
    ),
}
UNITS = {"get_or_create_records": "3/3", "add_values": "2/2", "push_data": "2/2", "read_file": "2.93k/2.93k"}


@pytest.mark.parametrize("name", CALLS)
def test_true_shows_a_bar(lab: Lab, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A bar names the call and reaches its end, on the error output alone."""
    CALLS[name](lab, progress=True)
    printed = capsys.readouterr()
    assert printed.out == ""
    assert f"{name.rpartition(' ')[2]}: 100%|" in printed.err
    assert UNITS.get(name, "") in printed.err


@pytest.mark.parametrize("name", CALLS)
def test_a_function_is_called_and_nothing_is_printed(lab: Lab, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A function hears what is done and how much there is, up to the end; nothing prints anything then."""
    told: list[tuple[int, int | None]] = []
    CALLS[name](lab, progress=recorder(told))
    assert told
    assert told[-1][0] == told[-1][1]
    assert told == sorted(told)
    CALLS[name](lab, progress=False)
    CALLS[name](lab, progress=None)
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("", "")


def test_files_that_are_saved_show_a_bar(lab: Lab, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Downloads to a path or an open file, pieces, exports and values that are saved show a bar in bytes."""
    world, file = lab.world, spectrum(lab)
    world(file.save(tmp_path, progress=True))
    world(lab.api.files.write_file(file.id, io.BytesIO(), progress=True))
    collected(lab, lab.api.files.iter_file(file.id, progress=True))
    world(lab.api.exports.pull_data("all.csv", "Compound", tmp_path, progress=True))
    printed = capsys.readouterr().err
    for name in ("download_file", "write_file", "iter_file", "pull_data"):
        assert f"{name}: " in printed
    assert printed.count("2.93k") >= 3


def test_waiting_for_an_import_shows_its_state(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    """While you wait for an import its state and the time are shown; a function gets the import."""
    seen: list[Any] = []
    for progress in (True, seen.append, False):
        identifier = lab.world(lab.api.imports.push_data(["Compound"], ROWS))
        lab.world(lab.api.imports.wait(identifier, interval=0.01, progress=progress))
    printed = capsys.readouterr()
    assert "import: completed [00:0" in printed.err
    assert printed.out == ""
    assert seen[-1].import_status == "completed"


def test_waiting_for_a_registration_shows_its_status(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    """While you wait for the registrar its status and the time are shown; a function gets the registration."""
    seen: list[Any] = []
    batch = lab.client.activities.create_activity("Batch", "experiment", activity_definition_id="Batch registration")
    lab.client.registration.stage_drafts(batch, ["Compound"], ROWS)
    submission = lab.client.registration.validate_drafts(batch)
    for progress in (True, seen.append, False):
        with pytest.raises(WaitTimeoutError):
            lab.world(lab.api.registration.wait(batch, submission_id=submission, timeout=0, progress=progress))
    printed = capsys.readouterr()
    assert f"registration: {seen[-1].status} [00:0" in printed.err
    assert printed.out == ""
    assert [item.id for item in seen] == [submission.id]


def test_a_single_import_has_no_progress(lab: Lab) -> None:
    """A single import is sent as a whole: progress without batches is refused, and the text says what shows it."""
    before = len(lab.operations())
    for progress in (True, print):
        with pytest.raises(ValueError, match=r"progress needs a batch_size; imports\.wait"):
            lab.world(lab.api.imports.push_data(["Compound"], ROWS, progress=progress))
    assert len(lab.operations()) == before


def test_what_is_no_progress_is_refused(lab: Lab) -> None:
    """Progress is True, False, a function or None; anything else is an error before anything is sent."""
    for wrong in (1, "yes", [print]):
        with pytest.raises(ValueError, match="progress must be True, or a function to call; got"):
            lab.world(lab.api.records.add_values([value(1)], progress=wrong))


def test_an_upload_that_is_tried_again_begins_anew(tmp_path: Path) -> None:
    """When what is uploaded is rewound to be sent once more, progress begins anew and reaches the same end."""
    (tmp_path / "nmr.txt").write_bytes(b"x" * 3000)
    for data in (b"x" * 3000, tmp_path / "nmr.txt"):
        told: list[tuple[int, int | None]] = []
        with open_upload("nmr.txt", data, None, recorder(told)) as file:
            for _ in range(2):
                assert file.payload.seek(0, 2) == 3000
                file.payload.seek(0)
                while file.payload.read(2000):
                    pass
        assert told[-1] == (3000, 3000)
        assert [done for done, _ in told].count(3000) == 2


def test_an_upload_of_unknown_length_tells_what_was_sent() -> None:
    """A pipe, which cannot tell its length, is sent as before; progress says what was sent, and no total."""
    told: list[tuple[int, int | None]] = []
    reading, writing = os.pipe()
    os.write(writing, b"x" * 3000)
    os.close(writing)
    with (
        os.fdopen(reading, "rb") as pipe,
        open_upload("nmr.txt", pipe, "text/plain", recorder(told)) as file,
    ):
        assert not hasattr(file.payload, "seek")
        assert file.payload.read() == b"x" * 3000
    assert told == [(3000, None)]


def test_a_bar_needs_the_extra() -> None:
    """Without the package, progress=True says how to get it before anything is sent; nothing else needs it."""
    code = (
        "from kalbio.testing import InProcess\n"
        "with InProcess() as lab:\n"
        "    print(len(lab.client.records.table('Compound', progress=lambda *_: None)))\n"
        "    before = len(lab.operations())\n"
        "    try:\n        lab.client.records.table('Compound', progress=True)\n"
        "    except ImportError as error:\n        print(error.name, error)\n"
        "    print(len(lab.operations()) - before)\n"
    )
    run = without("tqdm", code)
    assert run.stderr == ""
    first, *text, last = run.stdout.strip().splitlines()
    assert (first, last) == ("5", "0")
    assert text[0].startswith("tqdm progress=True needs the extra 'progress'")
    assert any("pip install '.[progress]'" in line for line in text)
