"""The generated package: every operation is there, and the defects of the stock generator are not."""

from __future__ import annotations

import asyncio
import copy
import importlib
import inspect
import io
import json
import pickle
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any, assert_type

import httpx
import pytest
from kaleidoscope_api import errors
from kaleidoscope_api.api.activities import update_activity
from kaleidoscope_api.api.operations import remove_operation_records
from kaleidoscope_api.api.records import (
    add_record_value,
    get_or_create_record,
    get_record,
    search_records,
    upload_record_value_file,
)
from kaleidoscope_api.models import AddRecordValueBody, RecordValueFileTarget, UploadRecordValueFileBody
from kaleidoscope_api.models.activity import Activity
from kaleidoscope_api.models.field_type import FieldType
from kaleidoscope_api.models.record import Record
from kaleidoscope_api.operations import OPERATIONS, Operation
from kaleidoscope_api.types import UNSET, File, Unset
from python_multipart.multipart import MultipartParser, parse_options_header

from scripts.codegen.generate import list_operations
from tests.generated_client import api_description, build_package, run
from tests.rows import row

OPERATION_IDS = sorted(OPERATIONS)


class Client:
    """The least that an operation needs of a client: every answer is the same."""

    def __init__(self, status: int, **content: Any) -> None:
        """Answers every request with this status and content."""
        self.requests: list[httpx.Request] = []
        self._status = status
        self._content = content
        self._transport = httpx.MockTransport(self._handle)

    def _handle(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return httpx.Response(self._status, **self._content)

    def get_httpx_client(self) -> httpx.Client:
        """A client that never leaves the process."""
        return httpx.Client(base_url="https://api.example.com", transport=self._transport)

    def get_async_httpx_client(self) -> httpx.AsyncClient:
        """A client that never leaves the process."""
        return httpx.AsyncClient(base_url="https://api.example.com", transport=self._transport)


def module_of(operation: Operation) -> ModuleType:
    """The module of an operation."""
    words = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in operation.id)
    return importlib.import_module(f"kaleidoscope_api.api.{operation.tag}.{words}")


def resolve(spec: dict[str, Any], node: dict[str, Any]) -> dict[str, Any]:
    """What the node refers to, if it is a reference."""
    if "$ref" not in node:
        return node
    target: Any = spec
    for part in node["$ref"].removeprefix("#/").split("/"):
        target = target[part]
    return dict(target)


def test_operations_are_those_of_the_description() -> None:
    """`OPERATIONS` holds every operation of openapi.yaml, in its order, and `openapi.json` is the same document."""
    spec = api_description()
    assert [tuple(operation) for operation in OPERATIONS.values()] == list_operations(spec, "field_")
    assert list(OPERATIONS) == [operation.id for operation in OPERATIONS.values()]
    assert json.loads((Path(errors.__file__).parent / "openapi.json").read_text()) == spec


def test_idempotence_follows_method_and_mark() -> None:
    """A POST is not idempotent unless it is marked so, and a PUT is unless it is marked not to be."""
    expected = {
        "getRecord": True,
        "addRecordValue": False,
        "getOrCreateRecord": True,
        "updateProgram": True,
        "replaceRecordViewKeyFields": False,
        "deleteRecordViewTemplate": True,
    }
    assert {name: OPERATIONS[name].idempotent for name in expected} == expected


@pytest.fixture(scope="module")
def spec() -> dict[str, Any]:
    """openapi.yaml."""
    return api_description()


@pytest.fixture(scope="module")
def library() -> Iterator[httpx.Client]:
    """The HTTP library, which is asked whether it accepts a request."""
    with httpx.Client(base_url="https://api.example.com") as client:
        yield client


def test_every_operation_builds_its_request(spec: dict[str, Any], library: httpx.Client) -> None:
    """The builder of an operation takes the parameters of the description and httpx accepts what it gives."""
    for name in OPERATION_IDS:
        with row(name):
            operation = OPERATIONS[name]
            item = spec["paths"][operation.path]
            raw = item[operation.method.lower()]
            parameters = [resolve(spec, node) for node in (*item.get("parameters", []), *raw.get("parameters", []))]
            body = resolve(spec, raw["requestBody"]) if "requestBody" in raw else {}

            module = module_of(operation)
            signature = inspect.signature(module.build_request)
            assert set(signature.parameters) == {node["name"] for node in parameters} | ({"body"} if body else set())
            for node in parameters:
                required = signature.parameters[node["name"]].default is inspect.Parameter.empty
                assert required == node.get("required", False), node["name"]

            arguments: dict[str, Any] = {node["name"]: "1" for node in parameters}
            media = next(iter(body.get("content", {})), "")
            if media == "multipart/form-data":
                model = getattr(
                    importlib.import_module("kaleidoscope_api.models"), signature.parameters["body"].annotation
                )
                parts = inspect.signature(model).parameters
                target = RecordValueFileTarget(field_id="f")
                arguments["body"] = model(**{part: target if part == "body" else File(io.BytesIO()) for part in parts})
            elif body:
                arguments["body"] = {"x": 1}
            kwargs = module.build_request(**arguments)
            assert kwargs["extensions"] == {"operation": name}
            request = library.build_request(**kwargs)
            assert request.method == operation.method
            path = operation.path
            for node in parameters:
                path = path.replace(f"{{{node['name']}}}", "1")
            assert request.url.path == path
            assert set(request.url.params) == {node["name"] for node in parameters if node["in"] == "query"}
            assert request.headers.get("content-type", "").partition(";")[0] == media


def test_functions_work_over_any_client_object() -> None:
    """All four functions send what the builder builds through a duck-typed client and parse the answer."""
    client = Client(200, json={"id": "r1", "surprise": 1})
    records = [
        get_record.sync("r1", client=client),
        get_record.sync_detailed("r1", client=client).parsed,
        asyncio.run(get_record.asyncio("r1", client=client)),
        asyncio.run(get_record.asyncio_detailed("r1", client=client)).parsed,
    ]
    for record in records:
        assert isinstance(record, Record)
        assert record.id == "r1"
        assert record["surprise"] == 1
    assert [request.url.path for request in client.requests] == ["/records/r1"] * 4
    assert {request.extensions["operation"] for request in client.requests} == {"getRecord"}


def test_a_body_is_a_model_or_a_dict() -> None:
    """A JSON body may be given as its model or as a plain dict; both send the same."""
    model = AddRecordValueBody(content="5", field_id="f")
    requests = [add_record_value.build_request("r", body=body) for body in (model, {"content": "5", "field_id": "f"})]
    assert requests[0] == requests[1]
    assert requests[0]["json"] == {"content": "5", "field_id": "f"}


def test_query_parameters_without_a_value_are_left_out() -> None:
    """UNSET and None send nothing; zero and the empty text are values."""
    request = search_records.build_request(search_text="", limit=0, program_id=None)  # type: ignore[arg-type]
    assert request["params"] == {"search_text": "", "limit": 0}


def test_path_parameters_stay_one_segment() -> None:
    """A path parameter is quoted whole, and what would address another resource is refused by name."""
    assert get_record.build_request("a/b ?#ü")["url"] == "/records/a%2Fb%20%3F%23%C3%BC"
    for bad in ("", ".", "..", None, UNSET):
        with pytest.raises(ValueError, match="record_id"):
            get_record.build_request(bad)  # type: ignore[arg-type]


def call(form: str, module: Any, *arguments: Any, **named: Any) -> Any:
    """Calls one of the four functions of an operation."""
    came = getattr(module, form)(*arguments, **named)
    return asyncio.run(came) if form.startswith("asyncio") else came


FORMS = ("sync", "sync_detailed", "asyncio", "asyncio_detailed")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("status", [302, 404, 429, 444, 500, 599])
def test_anything_but_success_raises(form: str, status: int) -> None:
    """A refusal that the client returns raises with status and body, described or not, named by the library or not."""
    with pytest.raises(errors.UnexpectedStatus, match=f"status {status}") as caught:
        call(form, get_record, "r1", client=Client(status, json={"message": "x"}))
    assert (caught.value.status_code, caught.value.content) == (status, b'{"message":"x"}')
    copied = pickle.loads(pickle.dumps(caught.value))
    assert (str(copied), copied.content) == (str(caught.value), caught.value.content)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("content", [b"", b" null ", b"<html>a page</html>", b'{"id": '])
def test_an_answer_that_is_not_the_promised_json_raises(form: str, content: bytes) -> None:
    """Nothing, null, a page or half an answer raises with what came, which the text of the error does not show."""
    with pytest.raises(errors.UnexpectedAnswer, match=f"status 200.*{len(content)} bytes") as caught:
        call(form, get_record, "r1", client=Client(200, content=content))
    assert not isinstance(caught.value, errors.UnexpectedStatus)
    assert caught.value.content == content
    assert "page" not in f"{caught.value} {caught.value!r}"


def test_every_success_is_read() -> None:
    """201 is read as 200 is, and so is a success that the description does not name."""
    for status in (200, 201, 203):
        client = Client(status, json={"id": "r1"})
        record = get_or_create_record.sync(client=client, body={"key_field_to_value": {}})
        assert (type(record), record.id) == (Record, "r1")


def test_every_function_says_what_success_is() -> None:
    """No function returns an error; None is returned where the answer may be empty, and where nothing is to be read."""
    for name in OPERATION_IDS:
        with row(name):
            operation = OPERATIONS[name]
            module = module_of(operation)
            types = {form: str(inspect.signature(getattr(module, form)).return_annotation) for form in FORMS}
            kinds = types["sync"].split(" | ")
            assert "Error" not in kinds
            assert ("None" in kinds) == (operation.may_be_empty and "str" not in kinds and "File" not in kinds)
            assert types["asyncio"] == types["sync"]
            assert types["sync_detailed"] == types["asyncio_detailed"] == f"Response[{types['sync']}]"


def test_type_checkers_see_what_success_is() -> None:
    """An answer has its members without a look for errors and None; one that may be empty does not."""
    assert_type(get_record.sync("r1", client=Client(200, json={"id": "r1"})), Record)
    assert_type(get_record.sync_detailed("r1", client=Client(200, json={"id": "r1"})).parsed, Record)
    assert_type(update_activity.sync("a1", client=Client(200), body={}), Activity | None)
    assert_type(remove_operation_records.sync_detailed("a1", client=Client(204), body={}).parsed, None)


@pytest.mark.parametrize("form", FORMS)
def test_an_answer_may_be_empty_where_the_description_says_so(form: str) -> None:
    """An update may be answered with nothing, and then gives None; whatever comes where nothing is to be read, too."""
    cases = [
        (update_activity, Client(200)),
        (remove_operation_records, Client(200, content=b"done")),
        (remove_operation_records, Client(204)),
    ]
    for module, client in cases:
        came = call(form, module, "a1", client=client, body={})
        assert (came.parsed if form.endswith("detailed") else came) is None


def test_successes_of_several_types(tmp_path: Path) -> None:
    """Each success is read as its own type; one that is not described cannot be read, and is no answer."""
    operation = {
        "operationId": "getThing",
        "tags": ["things"],
        "responses": {
            status: {
                "description": "x",
                "content": {
                    "application/json": {"schema": {"type": "object", "properties": {name: {}}, "title": name}}
                },
            }
            for status, name in (("200", "Thing"), ("202", "Ticket"), ("404", "Lack"))
        },
    }
    spec = {"openapi": "3.1.0", "info": {"title": "x", "version": "1"}, "paths": {"/thing": {"get": operation}}}
    code = (
        "import httpx\n"
        "from kaleidoscope_api.api.things import get_thing\n"
        "from kaleidoscope_api.errors import UnexpectedStatus\n"
        "class Client:\n"
        "    def __init__(self, status): self.status = status\n"
        "    def get_httpx_client(self):\n"
        "        answer = lambda request: httpx.Response(self.status, json={})\n"
        "        return httpx.Client(base_url='http://x.invalid', transport=httpx.MockTransport(answer))\n"
        "print(get_thing.sync.__annotations__['return'])\n"
        "for status in (200, 202, 201, 404):\n"
        "    try: print(type(get_thing.sync(client=Client(status))).__name__)\n"
        "    except UnexpectedStatus as error: print(error)\n"
    )
    assert run(build_package(spec, tmp_path), code).splitlines() == [
        "GetThingThing | GetThingTicket",
        "GetThingThing",
        "GetThingTicket",
        "status 201: 2 bytes, in `content`",
        "status 404: 2 bytes, in `content`",
    ]


def test_unset_is_one_object() -> None:
    """UNSET stays the same object through copies and pickles, is false, and says what it is."""
    assert Unset() is UNSET
    assert copy.copy(UNSET) is UNSET
    assert copy.deepcopy([UNSET])[0] is UNSET
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        assert pickle.loads(pickle.dumps(UNSET, protocol)) is UNSET
    assert not UNSET
    assert repr(UNSET) == "UNSET"


def test_a_copied_model_sends_what_the_model_sends() -> None:
    """A deep copy and an unpickled model give the same JSON: absent fields stay absent."""
    body = AddRecordValueBody(content="5", field_id="f")
    assert copy.deepcopy(body).to_dict() == pickle.loads(pickle.dumps(body)).to_dict() == body.to_dict()
    json.dumps(copy.deepcopy(body).to_dict())


def test_an_unknown_enum_value_is_kept() -> None:
    """A value that the description does not list is text that equals itself, through copies, pickles and JSON."""
    unknown = FieldType("hologram")
    for value in (unknown, copy.deepcopy(unknown), pickle.loads(pickle.dumps(unknown))):
        assert isinstance(value, FieldType)
        assert value == "hologram"
        assert str(value) == value.value == "hologram"
        assert {str(value): 1}[value] == 1
        assert value.name == "UNKNOWN"
        assert json.dumps(value) == '"hologram"'
    assert unknown not in list(FieldType)
    known = next(iter(FieldType))
    assert pickle.loads(pickle.dumps(known)) is copy.deepcopy(known) is FieldType(known.value) is known
    with pytest.raises(ValueError, match="5 is not a valid FieldType"):
        FieldType(5)  # type: ignore[arg-type]


def test_an_unknown_enum_value_does_not_cost_the_answer() -> None:
    """A model with an enum value that the description does not list is parsed and written back as it came."""
    raw = {"id": "a", "status": "dreaming", "activity_type": "voyage"}
    assert Activity.from_dict(raw).to_dict() == raw


@pytest.mark.parametrize("field", ["created_at", "due_date"])
def test_a_bad_date_is_an_error_that_names_it(field: str) -> None:
    """A date-time that cannot be read raises an error with field and value, nullable or not; it never becomes text."""
    for bad in ("last Tuesday", 5):
        with pytest.raises(ValueError, match=f"{field} is not a date-time: {bad!r}"):
            Activity.from_dict({"id": "a", field: bad})


@pytest.mark.parametrize(
    ("text", "microsecond"),
    [
        ("2025-10-17T18:11:41.180Z", 180_000),
        ("2025-10-17T18:11:41.9+00:00", 900_000),
        ("2025-10-17T20:11:41.94647+02:00", 946_470),
        ("2025-10-17T18:11:41.917987+00:00", 917_987),
        ("2025-10-17T18:11:41Z", 0),
    ],
)
def test_both_spellings_of_instants_are_read(text: str, microsecond: int) -> None:
    """One to six fractional digits, `Z` and offsets give the instant."""
    activity = Activity.from_dict({"id": "a", "due_date": text})
    assert activity.due_date == datetime(2025, 10, 17, 18, 11, 41, microsecond, tzinfo=UTC)


def test_a_nullable_field_is_null_unset_or_a_value() -> None:
    """Null stays None, absence stays UNSET, and both are written back as they came."""
    assert Activity.from_dict({"id": "a", "due_date": None}).due_date is None
    assert Activity.from_dict({"id": "a"}).due_date is UNSET
    for raw in ({"id": "a", "due_date": None}, {"id": "a"}):
        assert Activity.from_dict(raw).to_dict() == raw


def upload(content: bytes, file_name: str | None = "a.txt") -> tuple[str, list[tuple[str, dict[str, str], bytes]]]:
    """The boundary of an upload and its parts as a server sees them: disposition, other headers, content."""
    target = RecordValueFileTarget(field_id="f")
    body = UploadRecordValueFileBody(body=target, file=File(io.BytesIO(content), file_name, "text/plain"))
    kwargs = upload_record_value_file.build_request("r1", body=body)
    request = httpx.Client(base_url="https://api.example.com").build_request(**kwargs)
    request.read()
    media, options = parse_options_header(request.headers["content-type"])
    assert media == b"multipart/form-data"
    parts: list[tuple[str, dict[str, str], bytes]] = []
    headers: list[list[bytes]] = []
    chunks: list[bytes] = []

    def part_begin() -> None:
        headers.clear()
        chunks.clear()

    def part_end() -> None:
        fields = {name.decode().lower(): value.decode() for name, value in headers}
        parts.append((fields.pop("content-disposition"), fields, b"".join(chunks)))

    callbacks: Any = {
        "on_part_begin": part_begin,
        "on_part_end": part_end,
        "on_header_begin": lambda: headers.append([b"", b""]),
        "on_header_field": lambda data, start, end: headers[-1].__setitem__(0, headers[-1][0] + data[start:end]),
        "on_header_value": lambda data, start, end: headers[-1].__setitem__(1, headers[-1][1] + data[start:end]),
        "on_part_data": lambda data, start, end: chunks.append(data[start:end]),
    }
    parser = MultipartParser(options[b"boundary"], callbacks)
    parser.write(request.content)
    parser.finalize()
    return options[b"boundary"].decode(), parts


def test_an_upload_is_json_text_and_then_the_file() -> None:
    """The field `body` comes first, without file name and content type; then the file with both."""
    _, parts = upload(b"hello")
    assert parts == [
        ('form-data; name="body"', {}, b'{"field_id": "f"}'),
        ('form-data; name="file"; filename="a.txt"', {"content-type": "text/plain"}, b"hello"),
    ]


def test_a_file_without_a_name_is_still_a_file() -> None:
    """Without a file name the part gets one, for servers take a part without one for a form field."""
    _, parts = upload(b"hello", file_name=None)
    assert [disposition for disposition, _, _ in parts][1] == 'form-data; name="file"; filename="file"'


def test_a_file_cannot_end_its_part() -> None:
    """The boundary differs each time, so that a file that knows the last one, or `+++`, injects nothing."""
    first, _ = upload(b"")
    attack = b"".join(
        b'\r\n--%s\r\nContent-Disposition: form-data; name="body"\r\n\r\n{}' % boundary.encode()
        for boundary in ("+++", first)
    )
    second, parts = upload(attack)
    assert second != first
    assert [content for _, _, content in parts] == [b'{"field_id": "f"}', attack]


def imported(code: str) -> set[str]:
    """The modules that the code imports, in a process of its own."""
    script = f"import sys; before = set(sys.modules); {code}; print(*(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_importing_an_operation_is_cheap() -> None:
    """An operation, with its builder, imports no model, no HTTP library and no attrs."""
    modules = imported("from kaleidoscope_api.api.records import get_record; get_record.build_request('x')")
    assert "kaleidoscope_api.api.records.get_record" in modules
    assert not {name for name in modules if name.startswith("kaleidoscope_api.models")}
    assert not {"httpx", "attr", "attrs", "json"} & modules


def test_importing_a_model_imports_no_other() -> None:
    """The package of models imports the one that is asked for, and lists all of them."""
    modules = imported("from kaleidoscope_api.models import Program")
    assert {name for name in modules if name.startswith("kaleidoscope_api.models.")} == {
        "kaleidoscope_api.models.program"
    }
    models = importlib.import_module("kaleidoscope_api.models")
    assert set(models.__all__) <= set(dir(models))
    assert all(inspect.isclass(getattr(models, name)) for name in models.__all__)
    with pytest.raises(AttributeError, match="Nonsense"):
        _ = models.Nonsense


def test_the_table_of_operations_is_cheap() -> None:
    """`operations` imports nothing but typing and what typing needs."""
    modules = imported("import typing, __future__; before = set(sys.modules); import kaleidoscope_api.operations")
    assert modules == {"kaleidoscope_api", "kaleidoscope_api.operations"}


def test_unions_take_what_the_description_allows(tmp_path: Path) -> None:
    """Open enums, dates or text, several models, and lists of nullable dates are parsed as the description says."""
    thing = {
        "type": "object",
        "properties": {
            "open": {"anyOf": [{"$ref": "#/components/schemas/Kind"}, {"type": "string"}]},
            "loose": {"anyOf": [{"type": "string", "format": "date-time"}, {"type": "string"}]},
            "count": {"type": ["integer", "null"]},
            "part": {"oneOf": [{"$ref": "#/components/schemas/Left"}, {"type": "null"}]},
            "either": {
                "oneOf": [{"$ref": "#/components/schemas/Left"}, {"$ref": "#/components/schemas/Right"}],
            },
            "days": {"type": "array", "items": {"type": ["string", "null"], "format": "date-time"}},
        },
    }
    schemas = {
        "Thing": thing,
        "Kind": {"type": "string", "enum": ["a", "b"]},
        "Left": {"type": "object", "required": ["left"], "properties": {"left": {"type": "integer"}}},
        "Right": {"type": "object", "required": ["right"], "properties": {"right": {"type": "integer"}}},
    }
    spec = {
        "openapi": "3.1.0",
        "info": {"title": "x", "version": "1"},
        "paths": {},
        "components": {"schemas": schemas},
    }
    run(
        build_package(spec, tmp_path),
        "from kaleidoscope_api.models import Kind, Left, Right, Thing\n"
        "raw = {'open': 'c', 'loose': 'soon', 'count': None, 'part': None, 'either': {'right': 1}, 'days': [None]}\n"
        "thing = Thing.from_dict(raw)\n"
        "assert (thing.open_, thing.loose, thing.count, thing.part) == ('c', 'soon', None, None), thing\n"
        "assert isinstance(thing.either, Right) and thing.days == [None]\n"
        "assert thing.to_dict() == raw\n"
        "raw = {'open': 'a', 'loose': '2025-01-01T00:00:00+00:00', 'part': {'left': 1}, 'either': {'left': 1}}\n"
        "thing = Thing.from_dict(raw)\n"
        "assert thing.open_ is Kind.A and thing.loose.year == 2025\n"
        "assert isinstance(thing.part, Left) and isinstance(thing.either, Left)\n"
        "assert thing.to_dict() == raw\n"
        "for bad in ({'days': ['x']}, {'part': 'x'}, {'either': {}}):\n"
        "    try:\n"
        "        Thing.from_dict(bad)\n"
        "    except (ValueError, TypeError, KeyError):\n"
        "        continue\n"
        "    raise AssertionError(bad)\n",
    )
