"""How the platform refuses: the keys of a Fastify error, and details where there are any."""

from __future__ import annotations

from http import HTTPStatus

from kalbio._core.emulator.calls import Answer
from kalbio._core.emulator.refusals import Code, Problem, Refusal
from kalbio._core.emulator.strict_json import Document

_BY_CODE: dict[str, str] = {
    Code.UNKNOWN_PATH: "FST_ERR_NOT_FOUND",
    Code.UNKNOWN_METHOD: "FST_ERR_NOT_FOUND",
    Code.INVALID_QUERY: "FST_ERR_VALIDATION",
    Code.INVALID_BODY: "FST_ERR_VALIDATION",
    Code.INVALID_JSON: "FST_ERR_CTP_INVALID_JSON_BODY",
    Code.EMPTY_JSON: "FST_ERR_CTP_EMPTY_JSON_BODY",
    Code.INVALID_MULTIPART: "FST_INVALID_MULTIPART_CONTENT_TYPE",
    Code.TOO_MANY_PARTS: "FST_PARTS_LIMIT",
    Code.UNSUPPORTED_MEDIA_TYPE: "FST_ERR_CTP_INVALID_MEDIA_TYPE",
    Code.BODY_TOO_LARGE: "FST_ERR_CTP_BODY_TOO_LARGE",
    Code.HEADERS_TOO_LARGE: "SANDBOX_ERROR",
    Code.FOREIGN_HOST: "SANDBOX_ERROR",
    Code.FOREIGN_ORIGIN: "forbidden",
    Code.REQUEST_TIMEOUT: "SANDBOX_ERROR",
    Code.TOO_MANY_CONNECTIONS: "SANDBOX_ERROR",
    Code.CONTRACT_VIOLATION: "SANDBOX_CONTRACT",
    Code.INJECTED: "INJECTED",
}
_BY_STATUS = {400: "invalid_data", 401: "unauthorized", 404: "not_found", 409: "conflict"}


def error_answer(refusal: Refusal) -> Answer:
    """The error answer for a refusal. A path with another method is an unknown one."""
    status = 404 if refusal.code == Code.UNKNOWN_METHOD else refusal.status
    code = refusal.code or _BY_STATUS.get(status, "SANDBOX_ERROR")
    body: Document = {
        "statusCode": status,
        "code": _BY_CODE.get(code, code),
        "error": _phrase(status),
        "message": refusal.message,
    }
    if refusal.problems:
        body["details"] = [_detail(problem) for problem in refusal.problems]
    return Answer(body, status)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:  # an injected one that is in no standard
        return "Unknown"


def _detail(problem: Problem) -> Document:
    return {"path": "".join(f"/{part}" for part in problem.location), "message": problem.message}
