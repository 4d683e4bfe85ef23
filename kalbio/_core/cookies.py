"""Keeps the cookies of a server (a load balancer may ask for them), at no cost where there are none."""

from __future__ import annotations

from kalbio._core._http import Cookies, Response


class SparingCookies(Cookies):
    """Cookies that read an answer only when it sets one: the library takes a tenth of a small call to find none."""

    def extract_cookies(self, response: Response) -> None:
        """Take over the cookies that an answer sets."""
        if "set-cookie" in response.headers:
            super().extract_cookies(response)
