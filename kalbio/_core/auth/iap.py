"""Identity tokens for services behind Google's identity-aware proxy; needs google-auth and requests."""

from __future__ import annotations

from collections.abc import Callable


def fetcher(audience: str) -> Callable[[], str]:
    """Return a function that fetches an identity token with the application-default or service-account credentials.

    Raises ImportError, naming what to install, when google-auth is not installed.
    """
    try:
        from google.auth.transport.requests import Request
        from google.oauth2 import id_token
    except ImportError:
        raise ImportError("iap_client_id needs google-auth and requests: pip install google-auth requests") from None

    def fetch() -> str:
        return str(id_token.fetch_id_token(Request(), audience))  # type: ignore[no-untyped-call]

    return fetch
