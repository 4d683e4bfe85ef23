"""The optional packages of the sandbox: which one is missing, and how to get it. Imports nothing of the client."""

from __future__ import annotations

from importlib.util import find_spec

from kalbio._version import __version__

SANDBOX = ("jsonschema_rs", "python_multipart", "re2", "swagger_ui", "uvicorn")
"""The modules that the extra `sandbox` brings."""

DOCTOR = ("jsonschema_rs", "yaml")
"""The modules that the extra `doctor` brings."""


def require_sandbox() -> None:
    """Raise ModuleNotFoundError, saying what to install, unless all packages of the sandbox are there."""
    for module in SANDBOX:
        if find_spec(module) is None:
            raise ModuleNotFoundError(_how_to_install(module), name=module)


def _how_to_install(module: str) -> str:
    return f"""\
kalbio.testing and the sandbox need the extra 'sandbox': there is no module {module!r}.
Install it from where you got kalbio:
  a checkout         pip install '.[sandbox]'
  a wheel            pip install './kalbio-{__version__}-py3-none-any.whl[sandbox]'
  your own index     pip install --index-url URL 'kalbio[sandbox]'
On the public package index, 'kalbio' is another project. Do not install from there: it would replace this one."""
