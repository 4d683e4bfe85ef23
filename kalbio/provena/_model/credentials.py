"""Credentials for the files of a dataset."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NoReturn

import attrs

from kalbio._core.argument_errors import ArgumentError, ArgumentTypeError


@attrs.frozen(repr=False)
class Credentials:
    """Temporary credentials for the files of one dataset, as the tools for S3 take them. No `repr` shows them.

    Attributes:
        aws_access_key_id: the id of the key.
        aws_secret_access_key: the key.
        aws_session_token: what goes along with it.
        expiry: when they end.
        console_session_url: a link that logs a browser in with them; None unless it was asked for.
    """

    aws_access_key_id: str = attrs.field(repr=False)
    aws_secret_access_key: str = attrs.field(repr=False)
    aws_session_token: str = attrs.field(repr=False)
    expiry: datetime
    console_session_url: str | None = attrs.field(default=None, repr=False)

    def __repr__(self) -> str:
        return f"<Credentials until {self.expiry.isoformat(timespec='seconds')}>"

    def __reduce__(self) -> NoReturn:
        raise ArgumentTypeError("Credentials are secret, and cannot be pickled or copied")

    @classmethod
    def of(cls, answer: Mapping[str, Any]) -> Credentials:
        """Read an answer. Raises ValueError when it has none; the error does not show it."""
        given: Any = answer.get("credentials")
        try:
            names = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
            key_id, key, token = (_header_text(given[name]) for name in names)
            expiry = datetime.fromisoformat(given["expiry"])
        except (KeyError, TypeError, ValueError):
            raise ArgumentError("the answer has no credentials") from None
        url = answer.get("console_session_url")
        return cls(key_id, key, token, expiry if expiry.tzinfo else expiry.replace(tzinfo=UTC), url)


def _header_text(value: Any) -> str:
    if not isinstance(value, str) or not value.isascii() or not value.isprintable() or not value:
        raise ArgumentTypeError("no text that a header may have")
    return value
