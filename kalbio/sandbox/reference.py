"""The interactive API reference: Swagger UI from an installed package, so that it works offline."""

from __future__ import annotations

import json
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from kalbio.sandbox.contract import load_contract

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
<title>Kaleidoscope API (sandbox)</title>
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
  onComplete: () => { const token = %(token)s; if (token) page.preauthorizeApiKey("kaleidoscopeToken", token); },
});
</script>
</body>
</html>
"""


def page(token: str | None) -> bytes:
    """The page, with a token filled in so that "Try it out" works at once, or without one."""
    filled = json.dumps(f"Bearer {token}" if token else None)
    values = {"path": PATH, "description": DESCRIPTION_PATH, "token": filled}
    return (_PAGE % values).encode()


def asset(name: str) -> tuple[str, bytes] | None:
    """Content type and bytes of a file the page needs."""
    return (_ASSETS[name], (_assets_directory() / name).read_bytes()) if name in _ASSETS else None


def description(base_url: str) -> bytes:
    """The API description, with this server as the only one."""
    return json.dumps(load_contract().spec | {"servers": [{"url": base_url}]}).encode()


@cache
def _assets_directory() -> Path:
    # find_spec does not run the package, of which nothing but its static files is of use here
    spec = find_spec("swagger_ui")
    assert spec is not None  # kalbio.sandbox is not imported without it
    assert spec.origin is not None
    return Path(spec.origin).parent / "static"
