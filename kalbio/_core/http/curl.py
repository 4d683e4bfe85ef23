"""Shows a request as a line for the shell: it can be pasted, and holds no secret."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable

from kalbio._core import constants
from kalbio._core.http.httpx_names import ByteStream, Request
from kalbio._core.platform import Platform
from kalbio._core.text.display import one_line
from kalbio._core.text.redaction import redact_strictly

# What curl adds by itself, or is of no interest to the server.
_LEFT_OUT = frozenset(
    {"accept", "accept-encoding", "connection", "content-length", "host", "transfer-encoding", "user-agent"}
)
_SHOWN = frozenset({"content-type", "range"})
"""Every other header may be a credential, whatever its name: a variable of the shell stands for its value."""


def as_curl(request: Request, platform: Platform, secrets: Iterable[str]) -> str:
    """Return a request as a line of curl.

    Variables of the shell stand for the token and for headers that may be credentials, secrets in bodies and links are
    hidden, and what is not plain text, or a lot of it, is named as a file, with its length.
    """
    secrets = tuple(secrets)
    words = ["curl", "--head" if request.method == "HEAD" else f"-X {shlex.quote(request.method)}"]
    url = redact_strictly(str(request.url), secrets)
    if re.search(r"[\[\]{}]", url):
        words.append("--globoff")
    words.append(_quoted(url))
    for name, value in request.headers.multi_items():
        if name in _LEFT_OUT:
            continue
        if name in _SHOWN:
            words.append(f"-H {_quoted(f'{name}: {redact_strictly(value, secrets)}')}")
            continue
        is_token = name == platform.token_header.lower()
        variable = platform.token_variable if is_token else re.sub(r"^(?=\d)|\W", "_", name, flags=re.ASCII).upper()
        label = f"{name}: {'Bearer ' if value.startswith('Bearer ') else ''}"
        is_plain = re.fullmatch(r"[\w: -]+", label, re.ASCII)
        words.append(f'-H "{label}${variable}"' if is_plain else f'-H {_quoted(label)}"${variable}"')
    return one_line(" ".join([*words, *_body(request, secrets)]))


def _body(request: Request, secrets: tuple[str, ...]) -> list[str]:
    if not isinstance(request.stream, ByteStream):
        length = request.headers.get("content-length", "unknown")
        return ["--data-binary", _quoted(f"@stream-of-{length}-bytes")]
    body = request.read()  # one that a redirect led to was not read yet
    if not body:
        return []
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        text = ""
    if not text or len(text) > constants.MAX_SHOWN_BODY or not text.isprintable():
        return ["--data-binary", _quoted(f"@body-of-{len(body)}-bytes")]
    return ["--data-raw", _quoted(redact_strictly(text, secrets))]


def _quoted(text: str) -> str:
    """Quote a word, always: what a shell makes of an unquoted one may differ from what Python thinks."""
    return "'" + text.replace("'", "'\"'\"'") + "'"
