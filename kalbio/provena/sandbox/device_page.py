"""The page of a device flow, where somebody lets a code in."""

from __future__ import annotations

from html import escape
from urllib.parse import parse_qs, urlsplit

from kalbio._core.emulator.messages import Request, Response
from kalbio.provena.sandbox import identity
from kalbio.provena.sandbox.store import Store

PLACE = identity.DEVICE_PAGE


def serve(store: Store, request: Request) -> Response:
    """Ask who the code is let in as, or let it in as the user whom the address names."""
    asked = parse_qs(urlsplit(request.target).query)
    code, username = asked.get("user_code", [""])[0].strip().upper(), asked.get("username", [""])[0]
    users = [str(user["id"]) for user in store.all("user")]
    if not code:
        return _page(200, _form(users))
    if not username:
        return _page(200, f"<p>Somebody wants to log in with the code <b>{escape(code)}</b>.</p>{_form(users, code)}")
    if username not in users:
        return _page(404, f"<p>There is no user {escape(username)}.</p>{_form(users, code)}")
    try:
        identity.approve(store, code, username)
    except ValueError:
        return _page(
            404, f"<p>There is no code {escape(code)} that waits: it was used, or never given.</p>{_form(users)}"
        )
    return _page(200, f"<p>{escape(code)} is let in as <b>{escape(username)}</b>. You can close this page.</p>")


def _form(users: list[str], code: str = "") -> str:
    buttons = " ".join(
        f'<button name="username" value="{escape(user)}">{escape(user)}</button>' for user in sorted(users)
    )
    field = f'<input name="user_code" value="{escape(code)}" placeholder="code" required>'
    return f"<form>{field}<p>Log in as: {buttons}</p></form>"


def _page(status: int, body: str) -> Response:
    text = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Provena sandbox</title>{body}</html>\n'
    return Response(status, (("content-type", "text/html; charset=utf-8"),), text.encode())
