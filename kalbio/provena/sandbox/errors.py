"""How the servers refuse."""

from __future__ import annotations

from kalbio._core.emulator.calls import Answer
from kalbio._core.emulator.refusals import Code, Refusal
from kalbio._core.emulator.strict_json import Document
from kalbio.provena.sandbox.problems import as_detail

_BEARER = (("www-authenticate", "Bearer"),)
_MISSING = "value_error.missing"
# A body of another type is no body to them.
_NOT_GIVEN: dict[str | None, list[str]] = {
    Code.UNSUPPORTED_MEDIA_TYPE: ["body"],
    Code.INVALID_MULTIPART: ["body", "csv_file"],
}
UNCAUGHT = Answer(b"Internal Server Error", 500, (("content-type", "text/plain"),))


def error_answer(refusal: Refusal) -> Answer:
    """The answer for a refusal: a text, or what is wrong point by point, with 422."""
    if refusal.code in (Code.INVALID_QUERY, Code.INVALID_BODY, Code.INVALID_JSON, Code.EMPTY_JSON):
        unreadable = {"loc": ["body"], "msg": refusal.message, "type": "value_error.jsondecode"}
        problems = [as_detail(one) for one in refusal.problems] or [unreadable]
        return Answer({"detail": problems}, 422)
    if refusal.code in _NOT_GIVEN:
        return Answer({"detail": [{"loc": _NOT_GIVEN[refusal.code], "msg": "field required", "type": _MISSING}]}, 422)
    if refusal.code == Code.UNKNOWN_PATH:
        return Answer({"detail": "Not Found"}, 404)
    if refusal.code == Code.UNKNOWN_METHOD:
        return Answer({"detail": "Method Not Allowed"}, 405)
    if refusal.code == Code.CONTRACT_VIOLATION:
        return UNCAUGHT
    headers = _BEARER if refusal.code == BAD_TOKEN else ()
    return Answer({"detail": refusal.message}, refusal.status, headers)


BAD_TOKEN = "bad_token"  # noqa: S105  a code of refusals


def success(details: str) -> Document:
    """The status of a call that succeeded."""
    return {"success": True, "details": details}


def failure(details: str) -> Document:
    """The status of a call that did nothing."""
    return {"success": False, "details": details}
