"""`scripts/regenerate` builds the generated package and the sync modules, and finds every drift."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.codegen.__main__ import build, drift, main
from scripts.codegen.diff import Change, diff
from scripts.codegen.spec import SpecError, load
from tests.generated_client import ROOT, api_description, build_package, run, without_provena

GET_RECORD = "generated/kaleidoscope_api/api/records/get_record.py"
TWIN = "kalbio/things.py"
SPEC = """\
openapi: 3.1.0
info: {title: Small, version: '1'}
paths:
  /records/{record_id}:
    get:
      operationId: getRecord
      tags: [records]
      summary: Get one record
      parameters:
        - {name: record_id, in: path, required: true, schema: {type: string}}
      responses:
        '200':
          description: The record.
          content: {application/json: {schema: {$ref: '#/components/schemas/Record'}}}
components:
  schemas:
    Record:
      type: object
      properties: {id: {type: string}, kind: {$ref: '#/components/schemas/Kind'}}
    Kind: {type: string, enum: [a, b]}
"""


@pytest.fixture(scope="module")
def regenerated(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, bytes]]:
    """A small checkout right after `scripts/regenerate`, and what it should hold."""
    root = tmp_path_factory.mktemp("checkout")
    (root / "openapi.yaml").write_text(SPEC)
    table = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    (root / "pyproject.toml").write_text(without_provena(table), encoding="utf-8")
    (root / "kalbio/aio").mkdir(parents=True)
    (root / "kalbio/aio/things.py").write_text("async def f() -> None:\n    await f()\n")
    (root / "kalbio/cli.py").write_text("x = 1\n")
    assert main([], root) == 0
    return root, build(root)


@pytest.fixture
def checkout(regenerated: tuple[Path, dict[str, bytes]], tmp_path: Path) -> Path:
    """A copy of that checkout, to be spoilt."""
    return shutil.copytree(regenerated[0], tmp_path / "checkout")


def edit(path: Path, old: str, new: str) -> None:
    """Replaces one piece of the file's text."""
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_nothing_has_drifted_after_regenerate(
    regenerated: tuple[Path, dict[str, bytes]], capsys: pytest.CaptureFixture[str]
) -> None:
    """`--check` is green and silent, and hand-written modules are as they were."""
    root, expected = regenerated
    assert main(["--check"], root) == 0
    assert capsys.readouterr().out == ""
    assert (root / "kalbio/cli.py").read_text() == "x = 1\n"
    assert {GET_RECORD, TWIN} <= expected.keys()


def test_check_changes_nothing(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`--check` is red after an edit, names the file with what happened, and leaves it; regenerate mends it."""
    edit(checkout / GET_RECORD, "GET", "PUT")
    before = (checkout / GET_RECORD).read_bytes()
    assert main(["--check"], checkout) == 1
    assert capsys.readouterr().out == f"{GET_RECORD}: edited by hand\n"
    assert (checkout / GET_RECORD).read_bytes() == before
    assert main([], checkout) == 0
    assert main(["--check"], checkout) == 0


def test_one_character_anywhere_is_drift(regenerated: tuple[Path, dict[str, bytes]], checkout: Path) -> None:
    """Whatever file loses its last character, `--check` finds it."""
    _, expected = regenerated
    for name in expected:
        path = checkout / name
        path.write_bytes(path.read_bytes()[:-1] or b"#")
    assert list(drift(checkout, expected)) == list(expected)


@pytest.mark.parametrize("name", [GET_RECORD, TWIN])
def test_a_header_without_its_file_is_drift(
    regenerated: tuple[Path, dict[str, bytes]], checkout: Path, name: str
) -> None:
    """A file whose header is spoilt is named as edited, not taken for a file of somebody else's."""
    path = checkout / name
    path.write_text("#" + path.read_text())
    assert drift(checkout, regenerated[1]) == {name: "edited by hand"}


def test_missing_and_extra_files_are_drift(regenerated: tuple[Path, dict[str, bytes]], checkout: Path) -> None:
    """A file that is not there, and one that nothing makes, are named as such; compiled files are nobody's business."""
    (checkout / GET_RECORD).unlink()
    (checkout / "generated/kaleidoscope_api/notes.txt").write_text("x")
    (checkout / "generated/kaleidoscope_api/__pycache__").mkdir()
    (checkout / "generated/kaleidoscope_api/__pycache__/client.cpython-311.pyc").write_bytes(b"")
    assert drift(checkout, regenerated[1]) == {
        GET_RECORD: "missing",
        "generated/kaleidoscope_api/notes.txt": "extra: nothing makes this file",
    }


def test_a_twin_without_a_source_is_removed(checkout: Path) -> None:
    """A derived module whose source is gone is named, and regenerate removes it and nothing else."""
    (checkout / "kalbio/aio/things.py").unlink()
    assert drift(checkout, build(checkout)) == {TWIN: "extra: nothing makes this file"}
    assert main([], checkout) == 0
    assert sorted(path.name for path in (checkout / "kalbio").glob("*.py")) == ["cli.py"]


def test_files_from_an_older_source_are_stale(checkout: Path) -> None:
    """Files that lag behind openapi.yaml or an async source are named as stale, not as edited."""
    edit(checkout / "openapi.yaml", "summary: ", "summary: New ")
    edit(checkout / "kalbio/aio/things.py", "await f()", "await f(1)")
    found = drift(checkout, build(checkout))
    assert found[TWIN] == "stale: made from an older state of its source"
    assert found["generated/kaleidoscope_api/operations.py"] == "stale: made from an older state of its source"
    assert found["generated/kaleidoscope_api/openapi.json"] == "edited or stale"


def test_hand_written_modules_are_never_replaced(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An async source with the name of a hand-written module is refused, and nothing is written."""
    (checkout / "kalbio/aio/cli.py").write_text("y = 1\n")
    edit(checkout / GET_RECORD, "GET", "PUT")
    assert main([], checkout) == 2
    assert "kalbio/cli.py is written by hand" in capsys.readouterr().err
    assert (checkout / "kalbio/cli.py").read_text() == "x = 1\n"
    assert "PUT" in (checkout / GET_RECORD).read_text()


def test_the_result_does_not_depend_on_the_surroundings(tmp_path: Path) -> None:
    """With another hash seed, locale and working directory comes, byte by byte, the package that is in the tree."""
    code = (
        "import json, pathlib; from scripts.codegen.generate import generate\n"
        "generate(json.load(open('spec.json')), pathlib.Path('kaleidoscope_api'))"
    )
    (tmp_path / "spec.json").write_text(json.dumps(api_description()))
    subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONHASHSEED": "4711", "LC_ALL": "C", "PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
        check=True,
    )
    made, kept = (
        {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}
        for root in (tmp_path / "kaleidoscope_api", ROOT / "generated" / "kaleidoscope_api")
    )
    assert {name: data for name, data in kept.items() if "__pycache__" not in name} == made
    assert len(made) > 100


def test_a_new_field_and_a_new_operation_are_all_it_takes(tmp_path: Path) -> None:
    """What is added to the description is there in the models, the operations, the request builders and the diff."""
    old, new = load(SPEC), load(SPEC)
    new["components"]["schemas"]["Record"]["properties"]["shelf"] = {"type": "integer"}
    new["paths"]["/records/{record_id}/shelf"] = {
        "put": {
            "operationId": "putOnShelf",
            "tags": ["records"],
            "summary": "Put a record on a shelf",
            "parameters": [{"name": "record_id", "in": "path", "required": True, "schema": {"type": "string"}}],
            "responses": {
                "200": {
                    "description": "The record.",
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Record"}}},
                }
            },
            "x-repeats": [{"answer": "id", "request": "path.record_id"}],
        }
    }
    assert diff(old, new) == [
        Change(False, "field added to Record: shelf"),
        Change(False, "operation added: putOnShelf (PUT /records/{record_id}/shelf)"),
    ]
    build_package(new, tmp_path)
    assert run(
        tmp_path,
        "from kaleidoscope_api.api.records import put_on_shelf\n"
        "from kaleidoscope_api.models import Record\n"
        "from kaleidoscope_api.operations import OPERATIONS\n"
        "assert Record.from_dict({'id': '1', 'shelf': 7}).shelf == 7\n"
        "print(put_on_shelf.build_request('a/b'))\n"
        "print(OPERATIONS['putOnShelf'])\n",
    ).splitlines() == [
        "{'method': 'PUT', 'url': '/records/a%2Fb/shelf', 'extensions': {'operation': 'putOnShelf'}}",
        "Operation(id='putOnShelf', method='PUT', path='/records/{record_id}/shelf', tag='records',"
        " summary='Put a record on a shelf', idempotent=True, unconfirmed=False,"
        " answer='object', may_be_empty=False, required=(),"
        " repeats=(Repeats(answer='id', request='path.record_id', value='', only=()),))",
    ]


HOSTILE = '""" \' " \\" \\ \n {{ 7 * 7 }} {% raw %} {0} {x} #}\r\n\x00\'); open("PWNED", "w") #'
POINTED = '"""+open("PWNED","w").write("")+"""'


def test_texts_of_the_description_are_never_code(tmp_path: Path) -> None:
    """Quotes, newlines and templates in any text of a description give modules that compile and run nothing of it."""
    texts = (HOSTILE, POINTED, "'''" + POINTED, "\\" + POINTED, '")\nopen("PWNED", "w")\n("')
    paths: dict[str, object] = {}
    schemas: dict[str, object] = {}
    for number, text in enumerate(texts):
        body = {"application/json": {"schema": {"$ref": f"#/components/schemas/Thing{number}"}}}
        paths["/x/{id}/" + text.replace("/", "").replace("{x}", "")] = {
            "post": {
                "operationId": f"postX{number}",
                "tags": ["things"],
                "summary": text,
                "description": text,
                "parameters": [
                    {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}},
                    {
                        "name": "q" + text,
                        "in": "query",
                        "description": text,
                        "schema": {"type": "string", "default": text, "example": text},
                    },
                ],
                "requestBody": {"content": body},
                "responses": {"200": {"description": text, "content": body}},
            }
        }
        schemas[f"Thing{number}"] = {
            "type": "object",
            "description": text,
            "example": text,
            "properties": {
                "f" + text: {"type": "string", "default": text, "description": text, "example": text},
                "d" + text: {"type": ["string", "null"], "format": "date-time"},
                "e": {"$ref": f"#/components/schemas/Choice{number}"},
                "c": {"const": text},
            },
        }
        schemas[f"Choice{number}"] = {"type": "string", "description": text, "enum": [text, "a" + text]}
    info = {"title": POINTED, "version": POINTED, "description": POINTED}
    spec = {"openapi": "3.1.0", "info": info, "paths": paths, "components": {"schemas": schemas}}
    run(
        build_package(spec, tmp_path),
        "import importlib, pkgutil, kaleidoscope_api\n"
        "for module in pkgutil.walk_packages(kaleidoscope_api.__path__, 'kaleidoscope_api.'):\n"
        "    importlib.import_module(module.name)\n"
        "from kaleidoscope_api.operations import OPERATIONS\n"
        "for number, operation in enumerate(OPERATIONS.values()):\n"
        "    module = importlib.import_module(f'kaleidoscope_api.api.things.post_x{number}')\n"
        "    assert module.build_request('1', body={})['extensions'] == {'operation': operation.id}\n",
    )
    assert not (tmp_path / "PWNED").exists()


@pytest.mark.parametrize("name", ['x"; import os', "a b", "", "../../x"])
@pytest.mark.parametrize("place", ["operationId", "tags"])
def test_names_must_be_names(tmp_path: Path, place: str, name: str) -> None:
    """An operationId or a tag that is not a plain name is refused: both become file names."""
    operation = {"operationId": "x", "tags": ["x"], "responses": {}, place: [name] if place == "tags" else name}
    spec = {"openapi": "3.1.0", "info": {"title": "x", "version": "1"}, "paths": {"/x": {"get": operation}}}
    with pytest.raises(SpecError, match="plain names"):
        build_package(spec, tmp_path)


def test_two_operations_need_two_modules(tmp_path: Path) -> None:
    """Operation ids that would make one module are refused, instead of one module replacing the other."""
    paths: dict[str, object] = {
        f"/{name}": {"get": {"operationId": name, "tags": ["x"], "responses": {}}} for name in ("getThing", "get_thing")
    }
    spec = {"openapi": "3.1.0", "info": {"title": "x", "version": "1"}, "paths": paths}
    with pytest.raises(SpecError, match="same module name"):
        build_package(spec, tmp_path)


def test_what_the_generator_would_drop_is_an_error(tmp_path: Path) -> None:
    """A warning of the generator, which means that a part is left out, stops the run."""
    paths = {
        "/x": {
            "get": {
                "operationId": "x",
                "tags": ["x"],
                "responses": {"200": {"description": "x", "content": {"application/xml": {"schema": {}}}}},
            }
        }
    }
    with pytest.raises(SpecError, match="application/xml"):
        build_package({"openapi": "3.1.0", "info": {"title": "x", "version": "1"}, "paths": paths}, tmp_path)


def test_yaml_is_read_as_json() -> None:
    """Words and dates that older YAML takes for something else are text, and a key given twice is an error."""
    assert load("a: [no, on, 2025-10-17, 0o7, 1_0, 12, 1.5, true, null, '1']\n200: x\n") == {
        "a": ["no", "on", "2025-10-17", "0o7", "1_0", 12, 1.5, True, None, "1"],
        "200": "x",
    }
    with pytest.raises(SpecError, match="line 3: the key 'a' is given twice"):
        load("a: 1\nb: 2\na: 3\n")


def test_diff_compares_with_a_revision(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`--diff REV` gives 0, 1 or 2 for no break, a break and no such revision, and says which."""

    def git(*arguments: str) -> None:
        identity = ["-c", "user.name=x", "-c", "user.email=x@example.com", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", *identity, *arguments], cwd=checkout, check=True, capture_output=True)

    git("init")
    git("commit", "--allow-empty", "-m", "empty")
    git("add", "openapi.yaml")
    git("commit", "-m", "spec")
    assert main(["--diff", "HEAD"], checkout) == 0
    assert capsys.readouterr().out == "No change in the API.\n"
    edit(checkout / "openapi.yaml", "operationId: getRecord\n", "operationId: fetchRecord\n")
    assert main(["--diff", "HEAD"], checkout) == 1
    out = "Breaking\n  operation renamed: getRecord is now fetchRecord (GET /records/{record_id})\n"
    assert capsys.readouterr().out == out
    for revision, reason in (
        ("HEAD~1", "there is no openapi.yaml at HEAD~1"),
        ("nope", "'nope' is not a git revision"),
    ):
        assert main(["--diff", revision], checkout) == 2
        assert reason in capsys.readouterr().err
    assert main(["--diff=--output=x"], checkout) == 2
