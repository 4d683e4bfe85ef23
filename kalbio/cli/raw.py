"""`kalbio raw`: any operation of the API, as the description has it."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import click

from kalbio._core.objects.identifiers import did_you_mean
from kalbio.cli.errors import WRONG_USE, Stop
from kalbio.cli.options import connect, connected, printing
from kalbio.cli.output import Output, as_json

if TYPE_CHECKING:
    from kalbio._core.description.document import Description, Operation

_JSON, _MULTIPART = "application/json", "multipart/form-data"


@click.command()
@click.argument("operation", required=False)
@click.argument("arguments", metavar="[NAME=VALUE]...", nargs=-1)
@click.option("--body", metavar="JSON|@FILE|@-", help="The body, as JSON text, or a file with it; @- reads the input.")
@click.option("--file", "upload", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="The file to "
              "upload, for an operation that takes one.")  # fmt: skip
@click.option(
    "--output", "target", type=click.Path(dir_okay=False, path_type=Path), help="Save the answer in this file."
)
@connected
@printing
def raw(
    out: Output,
    operation: str | None,
    arguments: Sequence[str],
    body: str | None,
    upload: Path | None,
    target: Path | None,
) -> None:
    """Call any operation of the API by its id, such as: raw getRecord record_id=...

    Without OPERATION it lists all of them. NAME=VALUE are the parameters of the path and the query, as the description
    has them. The answer is printed as JSON.
    """
    from kalbio._core.description.document import Description

    description = Description(json.loads((files("kaleidoscope_api") / "openapi.json").read_text(encoding="utf-8")))
    if operation is None:
        shown = [_described(description, item) for item in description.operations if not item.is_open]
        out.rows(shown, ["operation", "method", "path", "summary"])
        return
    found = description.by_id.get(operation)
    if found is None or found.is_open:
        cure = did_you_mean(operation, description.by_id) or " kalbio raw lists all."
        raise Stop(f"there is no operation {operation!r} to call.{cure}", WRONG_USE)
    with ExitStack() as stack:
        request = _request(description, found, arguments, body, upload, stack)
        client = stack.enter_context(connect())
        response = client.call(request)
    if target is not None:
        target.write_bytes(response.content)
        return
    try:
        answer = json.loads(response.content) if response.content else None
    except ValueError:
        sys.stdout.flush()
        sys.stdout.buffer.write(response.content)
        sys.stdout.buffer.flush()
        return
    if out.form == "csv":
        rows: list[Any] = answer if isinstance(answer, list) else [answer]
        if not all(isinstance(row, dict) for row in rows):
            raise Stop("the answer is no list of objects, so it is no CSV", WRONG_USE)
        out.rows(rows)
    elif response.content:
        sys.stdout.write(f"{as_json(answer, indent=2)}\n")


def _described(description: Description, operation: Operation) -> dict[str, Any]:
    takes = [f"{name}=" for name in (*operation.parameters_in("path"), *operation.parameters_in("query"))]
    takes += ["--body"] if _JSON in operation.body_types() and not operation.takes_nothing else []
    takes += ["--file"] if _MULTIPART in operation.body_types() else []
    return {
        "operation": operation.id,
        "method": operation.method,
        "path": operation.path,
        "takes": " ".join(takes),
        "summary": operation.spec.get("summary"),
    }


def _request(
    description: Description,
    operation: Operation,
    arguments: Sequence[str],
    body: str | None,
    upload: Path | None,
    stack: ExitStack,
) -> dict[str, Any]:
    """Return the request of an operation. Raises Stop for what it does not take, and for what it lacks."""
    path, query = operation.parameters_in("path"), operation.parameters_in("query")
    given = _arguments(operation, {**path, **query}, arguments)
    missing = [name for name, item in {**path, **query}.items() if item.get("required") and name not in given]
    if missing:
        raise Stop(f"{operation.id} needs {', '.join(f'{name}=...' for name in missing)}", WRONG_USE)
    for name in path:
        if given[name] in ("", ".", ".."):
            raise Stop(f"{name} must be an id; got {given[name]!r}", WRONG_USE)
    for name in query.keys() & given.keys():
        _check_number(description, name, query[name], given[name])
    request: dict[str, Any] = {
        "method": operation.method,
        "url": operation.path.format(**{name: quote(given[name], safe="") for name in path}),
        "params": {name: value for name, value in given.items() if name in query},
        "extensions": {"operation": operation.id},
    }
    types = operation.body_types()
    if upload is not None and _MULTIPART not in types:
        raise Stop(f"{operation.id} takes no --file", WRONG_USE)
    if body is not None and not types:
        raise Stop(f"{operation.id} takes no --body", WRONG_USE)
    if _MULTIPART in types:
        if upload is None:
            raise Stop(f"{operation.id} needs --file", WRONG_USE)
        parts: list[Any] = [] if body is None else [("body", (None, json.dumps(_json(body)).encode(), None))]
        request["files"] = [*parts, ("file", (upload.name, stack.enter_context(upload.open("rb")), _type_of(upload)))]
    elif types:
        if body is None and not operation.takes_nothing and operation.body.get("required"):
            raise Stop(f"{operation.id} needs --body", WRONG_USE)
        if body is not None or operation.takes_nothing:
            request["json"] = {} if body is None else _json(body)
            request["headers"] = {"Content-Type": _JSON}
    return request


def _arguments(operation: Operation, known: Mapping[str, Any], texts: Sequence[str]) -> dict[str, str]:
    given: dict[str, str] = {}
    for text in texts:
        name, sign, value = text.partition("=")
        if not sign:
            raise Stop(f"arguments are NAME=VALUE; got {text!r}", WRONG_USE)
        if name not in known:
            cure = did_you_mean(name, known) or f" It takes {', '.join(known) or 'none'}."
            raise Stop(f"{operation.id} has no parameter {name!r}.{cure}", WRONG_USE)
        if name in given:
            raise Stop(f"{name} is given twice", WRONG_USE)
        given[name] = value
    return given


def _check_number(description: Description, name: str, parameter: Mapping[str, Any], value: str) -> None:
    schema = description.resolve(parameter.get("schema", {}))
    if schema.get("type") == "integer" and not value.removeprefix("-").isdecimal():
        raise Stop(f"{name} must be a whole number; got {value!r}", WRONG_USE)


def _json(text: str) -> Any:
    if text == "@-":
        text = sys.stdin.read()
    elif text.startswith("@"):
        text = Path(text[1:]).read_text(encoding="utf-8")
    try:
        return json.loads(text)
    except ValueError as error:
        example = """--body '{"title": "Kinases"}', or --body @FILE"""
        raise Stop(f"--body is no JSON: {error}. Give it like {example}", WRONG_USE) from None


def _type_of(path: Path) -> str:
    import mimetypes

    return mimetypes.guess_type(path.name)[0] or "application/octet-stream"
