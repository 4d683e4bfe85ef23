"""How the answers of a platform look, and how its callers are known: what an emulator is given beside handlers."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from kalbio._core.emulator.access_log import silent_logger
from kalbio._core.emulator.calls import Answer, Call
from kalbio._core.emulator.ledger import ids_of
from kalbio._core.emulator.refusals import Refusal
from kalbio._core.emulator.strict_json import Json

StoreT = TypeVar("StoreT")


@dataclass(frozen=True)
class Conventions:
    """How the answers of a platform look.

    Attributes:
        error_answer: makes an answer of a refusal: its status, headers and body. `Refusal.code` is a `Code` where the
            kit refuses, and whatever the handlers give where they do.
        both: the refusal of a request whose query and body are both wrong, given the refusals of each.
        ids_of: the ids that the ledger keeps of the answer to a write.
        logins: operations that log in. A fault that names no operation does not hit them.
        json_type: the Content-Type of JSON.
        headers: headers that each answer has.
        exposed_headers: headers that the web pages of other origins may read, where they are let in.
        credential_headers: headers of a request, in lower case, that are left out where requests are noted.
        name: what the emulator is called, for its threads.
        logger: where it logs what it is asked; see `silent_logger`.
    """

    error_answer: Callable[[Refusal], Answer]
    both: Callable[[Refusal, Refusal], Refusal] = lambda query, body: query
    ids_of: Callable[[Json], tuple[str, ...]] = ids_of
    logins: frozenset[str] = frozenset()
    json_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()
    exposed_headers: tuple[str, ...] = ("content-disposition",)
    credential_headers: frozenset[str] = frozenset({"authorization"})
    name: str = "emulator"
    logger: logging.Logger = field(default_factory=lambda: silent_logger("emulator"))


class Authenticator(Protocol[StoreT]):
    """Who may call."""

    def authenticate(self, call: Call[StoreT]) -> object:
        """Give whom the caller is taken for, or refuse. The query and the body have not been read yet.

        It is asked for every operation that the description does not leave open.
        """

    def issue_token(self) -> str:
        """A token without a login, for the API reference and for tests."""

    def expire_tokens(self) -> None:
        """End every access token there is, as time does."""

    def revoke_tokens(self) -> None:
        """End every token there is, as an administrator might."""
