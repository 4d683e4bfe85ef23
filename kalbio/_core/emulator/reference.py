"""The interactive API reference: Swagger UI from an installed package, so that it works offline."""

from __future__ import annotations

import html
import json
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from kalbio._core.emulator.strict_json import Document

PATH = "/reference"
DESCRIPTION_PATH = "/openapi.json"
_ASSETS = {
    "swagger-ui.css": "text/css",
    "swagger-ui-bundle.js": "text/javascript",
    "favicon-32x32.png": "image/png",
}
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>%(title)s</title>
<link rel="icon" href="%(path)s/favicon-32x32.png">
<link rel="stylesheet" href="%(path)s/swagger-ui.css">
</head>
<body>
<div id="reference"></div>
<script src="%(path)s/swagger-ui-bundle.js"></script>
<script>
const page = SwaggerUIBundle({
  url: "%(description)s", dom_id: "#reference", deepLinking: true, tryItOutEnabled: true, docExpansion: "none",
  validatorUrl: null,
  onComplete: () => { const token = %(token)s; if (token) page.preauthorizeApiKey(%(scheme)s, token); },
});
</script>
</body>
</html>
"""


@dataclass(frozen=True)
class Reference:
    """What the reference of an API shows, and how it is logged in.

    Attributes:
        title: the title of the page.
        scheme: name of the security scheme of the description that the token belongs to.
        token_prefix: what stands before a token in that scheme, e.g. `Bearer ` for one that is a header.
    """

    title: str
    scheme: str
    token_prefix: str = ""

    def page(self, token: str | None) -> bytes:
        """The page, with a token filled in so that "Try it out" works at once, or without one."""
        values = {
            "path": PATH,
            "description": DESCRIPTION_PATH,
            "title": html.escape(self.title),
            "scheme": json.dumps(self.scheme),
            "token": json.dumps(self.token_prefix + token if token else None),
        }
        return (_PAGE % values).encode()


def asset(name: str) -> tuple[str, bytes] | None:
    """Content type and bytes of a file the page needs."""
    return (_ASSETS[name], (_assets_directory() / name).read_bytes()) if name in _ASSETS else None


def description(spec: Document, base_url: str) -> bytes:
    """An API description, with this server as the only one."""
    return json.dumps(spec | {"servers": [{"url": base_url}]}).encode()


@cache
def _assets_directory() -> Path:
    # find_spec does not run the package, of which nothing but its static files is of use here
    spec = find_spec("swagger_ui")
    assert spec is not None  # the emulator is not imported without it
    assert spec.origin is not None
    return Path(spec.origin).parent / "static"
