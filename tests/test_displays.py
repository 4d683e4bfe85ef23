"""What a notebook shows: objects, lists, results, tables and clients as HTML; in a browser where there is one."""

from __future__ import annotations

import ast
import contextlib
import html
import io
import json
import re
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import kaleidoscope_api
import pytest

import kalbio
from kalbio import F, KalbioAPIError, KaleidoscopeClient, SettingError, WaitTimeoutError
from kalbio._core.argument_errors import ArgumentError, ArgumentTypeError
from kalbio._core.objects.listing import Listing
from kalbio._core.text.html_tables import ROWS, html_table
from kalbio._core.text.tracebacks import WHOLE
from kalbio._model.bulk import BulkResult, RowOutcome
from kalbio._model.names import LISTINGS_OF_MEMBER
from kalbio.imports import ImportRecord
from kalbio.programs import Program
from kalbio.reading import read_rows
from kalbio.records import Record
from kalbio.testing import InProcess
from tests import browser
from tests.conftest import Lab
from tests.requirements.lists import LISTS
from tests.requirements.test_caching import asked
from tests.sources import nodes

ID = "0a1b2c3d-0000-4000-8000-000000000001"
HOSTILE = "<script>window.hacked=true</script><img src=x onerror='window.hacked=true'>\"'&\u202e</table></div>"


def cells(page: str) -> list[list[str]]:
    """The rows of the tables of a page, as texts."""
    rows = re.findall(r"<tr>(.*?)</tr>", page)
    return [[html.unescape(cell) for cell in re.findall(r"<t[hd]>(.*?)</t[hd]>", row)] for row in rows]


def unfolded(page: str) -> list[list[str]]:
    """The rows that are seen at once."""
    return cells(page.partition("<details>")[0])


def test_a_record_shows_its_values_the_newest_first(lab: Lab) -> None:
    """A cell with a record shows key values, then the others, newest first: name, value, activity, time."""
    world = lab.world
    record = world(lab.api.records.get_record_by_id({"Compound": "SBX-1"}))
    world(record.to_row())
    world(lab.api.activities.get_activities())
    world(record.add_value("Purity (%)", 99.50))
    world(record.add_value("Measured on", "2026-03-01"))
    page = record._repr_html_()
    assert unfolded(page)[0] == ["field", "value", "in", "written"]
    shown = [row[:3] for row in unfolded(page)[1:]]
    assert shown == [
        ["Compound", "SBX-1", ""],
        ["Measured on", "2026-03-01", ""],
        ["Purity (%)", "99.5", ""],
        ["Potency (nM)", "12.5", "Kinase screen"],
        ["Soluble", "True", ""],
        ["SMILES", "CCO", ""],
    ]
    assert unfolded(page)[-1][3] == "2026-01-05 09:38 UTC"
    assert record.id not in page.partition("<details>")[0]
    assert ["record", record.id] in cells(page)


def test_the_first_cell_of_a_record_has_names(lab: Lab) -> None:
    """The sync client reads the fields to show a record, once; the async one says what reads them."""
    record = lab.world(lab.api.records.get_record_by_id({"Compound": "SBX-1"}))
    sent = asked(lab, lab.world, record._repr_html_)
    if lab.world.kind == "sync":
        assert sent == ["listDataFields"]
        assert "Potency (nM)" in record._repr_html_()
    else:
        assert sent == []
        assert "to_row() of a record reads them" in record._repr_html_()
        lab.world(record.to_row())
        assert "Potency (nM)" in record._repr_html_()
    assert asked(lab, lab.world, record._repr_html_) == []


def test_values_say_of_which_field_they_are(lab: Lab) -> None:
    """A list of values has a column of their fields: the beginning of the id, or the name where it is known."""
    record = lab.world(lab.api.records.get_record_by_id({"Compound": "SBX-1"}))
    values = lab.world(record.get_values())
    heads, *rows = cells(values._repr_html_())
    assert [row[heads.index("field_id")] for row in rows] == [f"{value.field_id[:8]}…" for value in values]
    lab.world(lab.api.entity_fields.get_data_fields())
    assert "Potency (nM)" in [row[heads.index("field_id")] for row in cells(values._repr_html_())[1:]]


def test_to_show_a_record_never_fails(lab: Lab) -> None:
    """Where the fields cannot be read, times cannot, or the client is closed, the ids and the values are shown."""
    record = lab.world(lab.api.records.get_record_by_id({"Compound": "SBX-1"}))
    lab.fail("listDataFields", status=500, times=100)
    assert "12.5" in record._repr_html_()
    raw = record.to_dict()
    for entries in raw["record_values"].values():
        entries.append({**entries[0], "created_at": "long ago", "content": "older"})
    odd = type(record)(raw, lab.api)
    assert "older" in odd._repr_html_()
    assert "long ago" in odd._repr_html_()
    assert cells(Listing([odd])._repr_html_() or "")[1][:2] == ["?", "?"]
    lab.world(lab.api.close() if lab.world.kind == "sync" else lab.api.aclose())
    assert "12.5" in record._repr_html_()


def test_records_show_as_a_table_of_their_fields(lab: Lab) -> None:
    """A list of records has a column for each field, current values, and ids last; further fields are counted."""
    found = lab.world(lab.api.records.get_records_by_ids([{"Compound": f"SBX-{n}"} for n in (1, 2)]))
    lab.world(found[0].to_row())
    head, *rows = cells(found._repr_html_())
    assert head == ["Compound", "SMILES", "Potency (nM)", "Soluble", "id"]
    assert rows[0][:-1] == ["SBX-1", "CCO", "12.5", "True"]
    assert rows[0][-1] == f"{found[0].id[:8]}…"
    values = {f"{n:08}-0000-4000-8000-000000000000": [{"id": ID, "content": n}] for n in range(30)}
    wide = Listing([Record({"id": ID, "record_values": values})])
    assert "20 more fields: client.records.table" in (wide._repr_html_() or "")


@pytest.mark.parametrize("name", LISTS)
def test_every_list_shows_as_a_table(lab: Lab, name: str) -> None:
    """What every call returns that lists something shows as a table in a notebook, and a slice of it too."""
    from types import SimpleNamespace

    world, api = lab.world, lab.api
    record = world(api.records.get_record_by_id({"Compound": "SBX-1"}))
    activity = world(api.activities.get_activity_by_id("Kinase screen"))
    dashboards = world(api.dashboards.get_dashboards())
    things = SimpleNamespace(record=record, activity=activity, dashboard=dashboards[0] if dashboards else None)
    found = world(LISTS[name].call(api, things))
    if not found:
        assert found._repr_html_() is None
        return
    counts = re.search(r'class="title">(\d+) \w+<', found._repr_html_())
    assert counts is not None
    assert int(counts[1]) == len(found)
    assert len(cells(found._repr_html_())) == min(len(found), ROWS) + 1
    assert found[:1]._repr_html_() is not None
    assert found[0] == found[:1][0]


def test_a_long_list_shows_its_beginning() -> None:
    """A long list shows the first twenty, how many there are, and how to see further ones; members do so too."""
    many = Listing(Program({"id": ID, "title": f"Program {n}"}) for n in range(1000))
    page = many._repr_html_()
    assert page is not None
    assert "1000 Programs" in page
    assert "The first 20 of 1000; list[20:] shows further ones." in page
    assert len(cells(page)) == 21
    assert cells(many[20:]._repr_html_() or "")[1][0] == "Program 20"
    errors = [{"id": ID, "field_name": "logP", "conflict_type": "no number", "value": n} for n in range(50)]
    loaded = ImportRecord({"id": ID, "import_result": {"validation_result": {"errors": errors}}})
    shown: Any = loaded.row_errors
    assert "50 ImportValidationErrors" in shown._repr_html_()
    assert Listing([])._repr_html_() is None
    assert Listing([Program({"id": ID}), Record({"id": ID})])._repr_html_() is None


def test_an_object_shows_names_and_folds_ids_away(lab: Lab) -> None:
    """An object shows what it holds, with known names in place of ids; other ids and what is empty are folded."""
    activity = lab.world(lab.api.activities.get_activity_by_id("Kinase screen"))
    assert ["definition_id", activity.definition_id] in cells(activity._repr_html_())
    lab.world(lab.api.activities.get_definitions())
    author = lab.world(lab.api.workspace.get_members())[0].email
    page = activity._repr_html_()
    assert asked(lab, lab.world, activity._repr_html_) == []
    assert ["definition_id", "Screening experiment"] in unfolded(page)
    assert ["created_by", author] in unfolded(page)
    assert ["title", "Kinase screen"] in unfolded(page)
    assert all(not re.search(r"[0-9a-f]{8}-", row[1]) for row in unfolded(page))
    assert {row[0] for row in cells(page)} == set(activity.to_dict())


def test_names_are_looked_up_for_members_of_the_description() -> None:
    """Each member that the names of ids are known for is one of the description."""
    description = json.loads((Path(kaleidoscope_api.__file__).parent / "openapi.json").read_text(encoding="utf-8"))
    schemas = description["components"]["schemas"].values()
    members = {member for schema in schemas for member in schema.get("properties", ())}
    assert set(LISTINGS_OF_MEMBER) - members == set()


def test_a_result_shows_what_needs_attention() -> None:
    """A bulk result shows its summary, then rows that may have been written, then refused ones; never the others."""
    outcomes: list[RowOutcome[Any]] = [RowOutcome(n, "done") for n in range(300)]
    assert cells(BulkResult(outcomes)._repr_html_()) == []
    outcomes[7] = RowOutcome(7, "failed", error=ValueError("no number"))
    outcomes[9] = RowOutcome(9, "unknown", error=OSError("lost"))
    outcomes[11:] = [RowOutcome(n, "skipped") for n in range(11, 300)]
    page = BulkResult(outcomes)._repr_html_()
    assert "300 rows: 9 done, 1 failed, 1 unknown, 289 skipped" in page
    assert cells(page)[:4] == [
        ["row", "status", "error"], ["9", "unknown", "lost"], ["7", "failed", "no number"], ["11", "skipped", ""],
    ]  # fmt: skip
    assert "... 271 more" in page
    assert ".unknown, .failed and .skipped" in page
    assert len(repr(outcomes[7])) < 200
    assert len(repr(RowOutcome(0, "failed", error=ValueError("x" * 10_000)))) < 500


def test_a_client_shows_the_workspace_and_no_secret(lab: Lab) -> None:
    """The cell of a client says which workspace it is, once that was read, and where it is; nothing is sent."""
    assert asked(lab, lab.world, lab.api._repr_html_) == []
    assert "client.workspace.get_workspace() reads it" in lab.api._repr_html_()
    workspace = lab.world(lab.api.workspace.get_workspace())
    page = lab.api._repr_html_()
    assert ["workspace", workspace.workspace_name] in cells(page)
    assert ["address", "http://sandbox.invalid"] in cells(page)
    assert "sandbox-secret" not in page
    assert "sandbox-id" not in page


def test_wide_tables_have_a_bound() -> None:
    """A table of hundreds of columns shows the first, and how many more there are."""
    page = html_table("wide", [range(500)], 1, heads=range(500))
    assert cells(page)[0][-1] == "... 480 more"
    assert len(page) < 5000


# -- errors ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def ipython(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A shell of IPython, as it comes."""
    pytest.importorskip("IPython", reason="needs IPython")
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    settings = Config()
    settings.HistoryManager.enabled = False
    make: Any = InteractiveShell
    shell = make(config=settings)
    shell.colors = "nocolor"
    return shell


@pytest.fixture
def cell(ipython: Any) -> Callable[..., str]:
    """Runs a cell in IPython, and returns what a person at the terminal sees of it."""

    def run(*code: str, **names: Any) -> str:
        ipython.user_ns.update(names)
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
            ipython.run_cell("\n".join(code))
        return printed.getvalue()

    return run


def test_an_error_is_three_lines_in_ipython(cell: Callable[..., str]) -> None:
    """In IPython an error shows what happened, which line of the cell, the cure, and how to see all."""
    with InProcess() as lab:
        record = lab.client.records.get_record_by_id({"Compound": "SBX-1"})
        what, where, cure = cell("row = 1", "print(record['potency'])", record=record).strip().splitlines()
        assert what == "IdentifierNotFoundError: There is no field 'potency'. Did you mean 'Potency (nM)'?"
        assert where == "  line 2: print(record['potency'])"
        assert cure == "  The whole traceback: import sys, traceback; traceback.print_exception(sys.last_value)"
        lab.fail("addRecordValue", status=403)
        what, where, cure = cell("record.add_value('Potency (nM)', 2)", record=record).strip().splitlines()
        assert what.startswith("PermissionDeniedError: POST /records/")
        assert cure.startswith(
            "  Use credentials that are allowed to do this, or ask for the right. The whole traceback"
        )
        cell("record['potency']")
        whole = cell(WHOLE)
    assert "Traceback (most recent call last)" in whole
    assert "known_field" in whole or "field_of" in whole


def test_a_wrong_argument_is_three_lines_in_ipython(cell: Callable[..., str]) -> None:
    """An argument that cannot be used is told as shortly as an error of the platform, wherever it is looked at."""
    with InProcess() as lab:
        names: dict[str, Any] = {"client": lab.client, "F": F, "read_rows": read_rows}
        for code, kind, what in (
            (
                "client.records.search_records(limit='3')",
                "ArgumentError",
                "limit must be a whole number of at least 1; got '3'",
            ),
            ("client.records.table(entitytype='x')", "ArgumentTypeError", "table() has no argument entitytype"),
            ("F('logP') < '5'", "ArgumentError", "F('logP').is_less_than() compares with a number; got '5'; write 5"),
            ("(F('a') < 5) | (F('b') < 5)", "ArgumentTypeError", "Conditions cannot be joined with |"),
            ("read_rows({'a': [1], 'b': [1, 2]})", "ArgumentError", ""),
            ("client.records.add_values([{'record': 1}])", "ArgumentError", "rows[0] has no 'field'"),
        ):
            shown = cell(code, **names).strip().splitlines()
            assert len(shown) == 3, (code, shown)
            assert shown[0].startswith(f"{kind}: {what}"), (code, shown)
            assert shown[1].startswith(f"  line 1: {code}"), (code, shown)
    assert issubclass(ArgumentError, ValueError)
    assert issubclass(ArgumentTypeError, TypeError)


INTERNAL = (
    # What is raised there is caught there, or is for the command line, which shows errors itself.
    "cli", "diagnosis", "sandbox", "_core/emulator", "_core/description", "_core/auth/tokens.py", "_core/aio/auth.py",
    "_core/sync/auth.py", "_core/http/decompression.py", "_core/objects/times.py", "_model/content_writing.py",
    "_model/quick_rows.py", "loading/report.py", "tables/_rows.py", "provena",
)  # fmt: skip


def test_wrong_arguments_are_told_by_one_kind_of_error() -> None:
    """No module that checks arguments raises ValueError or TypeError itself, which would show a page of traceback."""
    root = Path(kalbio.__file__).parent
    plain = {
        path.relative_to(root).as_posix()
        for path in root.rglob("*.py")
        for node in nodes(path)
        if isinstance(node, ast.Raise)
        and isinstance(node.exc, ast.Call)
        and isinstance(node.exc.func, ast.Name)
        and node.exc.func.id in ("ValueError", "TypeError")
    }
    assert [name for name in sorted(plain) if not name.startswith(INTERNAL)] == []


def test_the_cause_of_an_error_is_shown() -> None:
    """The three lines name the errors that led to this one, and what was noted; a plain traceback has them as well."""
    client = KaleidoscopeClient("sandbox-id", "sandbox-secret", url="http://127.0.0.1:9", retries=0)
    try:
        client.programs.get_programs()
    except ConnectionError as error:
        error.add_note("a note")
        what, where, cure = error._render_traceback_()  # type: ignore[attr-defined]
        assert what.startswith("ConnectionFailedError: POST /auth/oauth/token at 127.0.0.1:9")
        assert where.startswith("  test_displays.py, line ")
        assert "client.programs.get_programs(); because of ConnectError: " in where
        assert where.endswith("a note")
        assert cure.startswith("  Check the address, the network and the proxy. The whole")
        whole = "".join(traceback.format_exception(error))
        assert "The above exception was the direct cause" in whole
        assert "ConnectError" in whole
    else:
        pytest.fail("it was reached")


def test_three_lines_are_three_lines() -> None:
    """However long or strange an error and what led to it are: the lines are three, short, and have no secret."""
    error = KalbioAPIError("POST", "/records", 500, b"a\nb" * 10_000)
    error.__context__ = ValueError("client_secret=sandbox-secret&x=\x1b[31m\n" + "y" * 10_000)
    error.add_note("one\ntwo")
    lines = error._render_traceback_()
    assert len(lines) == 3
    assert not any("\n" in line or "\x1b" in line for line in lines)
    assert max(map(len, lines)) < 1200
    assert "sandbox-secret" not in "".join(lines)
    error.__suppress_context__ = True
    assert "ValueError" not in error._render_traceback_()[1]


def test_every_error_shows_itself() -> None:
    """Each class of error has the three lines and a table of its attributes."""
    for error in (
        KalbioAPIError.for_status("POST", "/records", 429, b"{}", retry_after=7.0),
        WaitTimeoutError("late", BulkResult([RowOutcome(0, "done")])),
        SettingError("no url"),
    ):
        assert len(error._render_traceback_()) == 3
        assert type(error).__name__ in error._repr_html_()
    page = KalbioAPIError.for_status("POST", "/records", 429, b"<b>", retry_after=7.0)._repr_html_()
    assert ["retry_after", "7.0"] in cells(page)
    assert ["cure", "Wait, and make a client with a smaller max_in_flight."] in cells(page)


# -- in a browser ---------------------------------------------------------------------------------------------------


def shown_things() -> str:
    """Everything that is shown, with hostile names, in one page."""
    with InProcess() as lab:
        client: KaleidoscopeClient = lab.client
        record = client.records.get_record_by_id({"Compound": "SBX-1"})
        assert record is not None
        record.add_value("Comment", HOSTILE)
        record.add_value("Comment", "C" * 5000, "Kinase screen")
        client.entity_fields.get_or_create_data_field(HOSTILE, "text")
        record.add_value(HOSTILE, HOSTILE)
        error = KalbioAPIError.for_status("POST", "/records", 400, HOSTILE.encode())
        result: Any = BulkResult([RowOutcome(n, "failed", error=error) for n in range(30)])
        load = [
            {"Compound": HOSTILE, "Comment": "x" * 500, "Potency (nM)": HOSTILE},
            {"Compound": "SBX-1", HOSTILE: "y"},
        ]
        plan = client.records.plan_upsert(load, key="Compound")
        assert plan.refused
        wide = html_table(HOSTILE, [["w" * 30] * 19] * 3, 3, heads=[f"column {n}" for n in range(19)])
        with client.cache_disabled():
            things: list[Any] = [
                client, error, record, Listing([record] * 30), client.activities.get_activities()[0],
                record.get_values(), client.activities.get_activities(), client.entity_fields.get_data_fields(),
                result, client.records.table("Compound"), read_rows([{HOSTILE: HOSTILE}]), plan,
                plan.apply(on_error="continue"), client.doctor(max_requests=5),
                Program({"id": ID, "title": HOSTILE, HOSTILE: HOSTILE}),
            ]  # fmt: skip
        return "".join([*(thing._repr_html_() for thing in things), wide])


@pytest.fixture(scope="module", params=[False, True], ids=["light", "dark"])
def told(request: pytest.FixtureRequest) -> dict[str, dict[str, Any]]:
    """What the browser shows of everything, by kind of notebook."""
    browser.find()
    return browser.show(shown_things(), dark=request.param)


@pytest.mark.parametrize("host", browser.HOSTS)
def test_it_can_be_read_in_every_theme(told: dict[str, dict[str, Any]], host: str) -> None:
    """All that is shown fits a page of 800 pixels, wide tables scroll in their box, and every text stands out."""
    seen = told[host]
    assert seen["width"] == 800
    assert seen["wide"] <= 800
    assert seen["scrolling"] >= 1
    contrast, text = seen["contrast"]
    assert contrast >= 4.5, text
    assert seen["aligned"] == ["left"]


def test_names_stay_text(told: dict[str, dict[str, Any]]) -> None:
    """What names and values say is shown as it stands: no tag, script or picture comes of it."""
    seen = told["plain"]
    assert seen["hacked"] is False
    assert set(seen["tags"]) <= {
        "div", "style", "table", "thead", "tbody", "tr", "th", "td", "details", "summary", "h1", "h2", "p",
    }  # fmt: skip
    assert "<script>window.hacked=true</script>" in seen["text"]
    assert "\\u202e" in seen["text"]


@pytest.fixture
def completed(ipython: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """What Tab offers at the end of a line in IPython, which is also the names of files and of its own commands."""
    jedi = pytest.importorskip("jedi", reason="needs jedi, which comes with IPython")
    monkeypatch.setattr(jedi.settings, "cache_directory", str(tmp_path))
    from IPython.core.completer import provisionalcompleter

    def complete(code: str, **names: Any) -> list[str]:
        ipython.user_ns.update(names)
        with provisionalcompleter():
            return [item.text.rstrip('"') for item in ipython.Completer.completions(code, len(code))]

    return complete


def test_tab_completes_the_names_of_fields(lab: Lab, completed: Callable[..., list[str]]) -> None:
    """Behind `record["` and `table["` Tab in IPython offers the names of fields and columns, and sends nothing."""
    record = lab.world(lab.api.records.get_record_by_id({"Compound": "SBX-1"}))
    lab.world(record.value("Potency (nM)"))
    table = lab.world(lab.api.records.table(ids=[record], fields=["Compound", "Potency (nM)"]))
    lab.api.clear_caches()  # as time does
    asked = len(lab.exchanges)
    names: dict[str, Any] = {"record": record, "table": table, "row": next(iter(table)), "rows": table.to_rows()}
    for code, more in (
        ('record["', "SMILES"),
        ('table["', "record_id"),
        ('row["', "record_id"),
        ('rows[0]["', "record_id"),
    ):
        assert {"Potency (nM)", "Compound", more} <= set(completed(code, **names)), code
    assert completed('record["Pot') == ["Potency (nM)"]
    assert len(lab.exchanges) == asked


def test_tab_asks_for_no_field(lab: Lab, completed: Callable[..., list[str]]) -> None:
    """Where the fields were never read, and without a client, Tab offers none rather than to send a request."""
    record = lab.world(lab.api.records.get_record_by_id({"Compound": "SBX-1"}))
    fresh = Lab(lab.world, lab.sandbox)
    try:
        alike = lab.world(fresh.api.records.get_record_by_id(record.id))
        asked = len(fresh.exchanges)
        for known in (alike, type(record)(record.to_dict())):
            assert not {"Compound", "Potency (nM)"} & set(completed('record["', record=known))
        assert len(fresh.exchanges) == asked
    finally:
        fresh.close()


def test_tab_lists_the_members(lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tab in IPython, which asks jedi, completes the members of a client, its services, and what they return."""
    jedi = pytest.importorskip("jedi", reason="needs jedi, which comes with IPython")
    monkeypatch.setattr(jedi.settings, "cache_directory", str(tmp_path))
    record = lab.world(lab.api.records.get_record_by_id({"Compound": "SBX-1"}))
    plan = lab.world(lab.api.records.plan_upsert([{"Compound": "SBX-1", "Purity (%)": 3}], key="Compound"))
    for shown, member in (
        (lab.api, "records"),
        (lab.api.records, "table"),
        (record, "add_value"),
        (plan, "apply"),
        (F("logP"), "is_less_than"),
    ):
        names = [item.name for item in jedi.Interpreter("it.", [{"it": shown}]).complete(1, 3)]
        assert member in names, type(shown)
