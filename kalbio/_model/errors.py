"""The exceptions of the floor under the names that they have here, and those that are about a noun of Kaleidoscope."""

from __future__ import annotations

from kalbio._core.errors import APIError, ResponseError, SDKError

KalbioError = SDKError
"""Base of every error that kalbio raises on purpose."""

KalbioAPIError = APIError
"""The server refused: it answered with a status of 400 or more."""

KalbioResponseError = ResponseError
"""The call succeeded, but its answer cannot be used."""


class FieldTypeError(KalbioError, ValueError):
    """A data field of this name exists with another type.

    Attributes:
        field_id: the id of that field.
        found: its type.
        wanted: the type that was asked for.
    """

    def __init__(self, name: str, field_id: str, found: str, wanted: str) -> None:
        self.field_id = field_id
        self.found = found
        self.wanted = wanted
        super().__init__(f"data field {name!r} exists with the type {found!r}, not {wanted!r}")


class NearTwinWarning(UserWarning):
    """A person takes what is about to be made for what is there: case, blanks or hyphens differ, and little else."""


class MirrorError(KalbioError):
    """A local mirror cannot be refreshed or read; the message says why, and what helps."""
