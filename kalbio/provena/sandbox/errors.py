"""How the servers refuse."""

from __future__ import annotations

from json import JSONDecodeError

from kalbio._core.emulator.calls import Answer
from kalbio._core.emulator.refusals import Code, Problem, Refusal
from kalbio._core.emulator.strict_json import Document
from kalbio.provena.sandbox.problems import as_detail

_BEARER = (("www-authenticate", "Bearer"),)
_NOT_GIVEN: dict[str | None, tuple[str, ...]] = {
    Code.EMPTY_JSON: ("body",),
    Code.UNSUPPORTED_MEDIA_TYPE: ("body",),
    Code.INVALID_MULTIPART: ("body", "csv_file"),
}
UNCAUGHT = Answer(b"Internal Server Error", 500, (("content-type", "text/plain; charset=utf-8"),))


def error_answer(refusal: Refusal) -> Answer:
    """The answer for a refusal: a text, or what is wrong point by point, with 422."""
    if refusal.code == Code.INVALID_JSON:
        return Answer({"detail": [_unreadable(refusal)]}, 422)
    if refusal.code in (Code.INVALID_QUERY, Code.INVALID_BODY, *_NOT_GIVEN):
        return Answer({"detail": [as_detail(one) for one in _problems(refusal)]}, 422)
    if refusal.code == Code.UNKNOWN_PATH:
        return Answer({"detail": "Not Found"}, 404)
    if refusal.code == Code.UNKNOWN_METHOD:
        return Answer({"detail": "Method Not Allowed"}, 405)
    if refusal.code == Code.CONTRACT_VIOLATION:
        return UNCAUGHT
    if refusal.code == INVALID_LOGIN:
        return Answer({"error": INVALID_LOGIN, "error_description": refusal.message}, 400)
    headers = _BEARER if refusal.code == BAD_TOKEN else ()
    return Answer({"detail": refusal.message}, refusal.status, headers)


def both(query: Refusal, body: Refusal) -> Refusal:
    """The refusal of what is wrong in two places: the servers tell all of it, unless the body cannot be read."""
    if body.code == Code.INVALID_JSON:
        return body
    problems = (*_problems(query), *_problems(body))
    return Refusal(422, query.message, code=Code.INVALID_QUERY, problems=problems)


def _problems(refusal: Refusal) -> tuple[Problem, ...]:
    location = _NOT_GIVEN.get(refusal.code)
    if location is not None:
        return (Problem(location, "field required", "value_error.missing"),)
    return refusal.problems or (Problem(("body",), refusal.message, "value_error"),)


def _unreadable(refusal: Refusal) -> Document:
    error = refusal.__cause__
    told: Document = {"loc": ["body"], "msg": refusal.message, "type": "value_error.jsondecode"}
    if isinstance(error, JSONDecodeError):
        found = {"msg": error.msg, "doc": error.doc, "pos": error.pos, "lineno": error.lineno, "colno": error.colno}
        told |= {"loc": ["body", error.pos], "msg": str(error), "ctx": found}
    return told


def not_found(id: str) -> str:
    """How the registry says that it has no such item."""
    text = f"Failed to find item. Is the ID ('{id}') correct and in the database?"
    return f'Could not find the given key ({id}) in the registry. Details "{text}".'


INVALID_LOGIN = "invalid_request"
"""The code of what the identity provider cannot read."""

BAD_TOKEN = "bad_token"  # noqa: S105  a code of refusals


def success(details: str) -> Document:
    """The status of a call that succeeded."""
    return {"success": True, "details": details}


def failure(details: str) -> Document:
    """The status of a call that did nothing."""
    return {"success": False, "details": details}
