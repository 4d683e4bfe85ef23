"""Keeps the cookies of a server (a load balancer may ask for them), at no cost where there are none."""

from __future__ import annotations

from http.cookiejar import CookieJar

from kalbio._core.http.httpx_names import Cookies, Response
from kalbio._core.text.log_redaction import RedactedHeaders


class _Jar(CookieJar):
    """A jar that shows no value: a cookie may be what lets one in."""

    def __repr__(self) -> str:
        return f"CookieJar({', '.join(cookie.name for cookie in self)})"


class SparingCookies(Cookies):
    """Cookies that read an answer only when it sets one: the library takes a tenth of a small call to find none."""

    def __init__(self) -> None:
        super().__init__()
        self.jar = _Jar()

    def extract_cookies(self, response: Response) -> None:
        """Take over the cookies that an answer sets."""
        if "set-cookie" in response.headers:
            response.headers = RedactedHeaders(response.headers)
            super().extract_cookies(response)

    def __repr__(self) -> str:
        return f"Cookies({', '.join(self)})"
