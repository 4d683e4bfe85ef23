"""The optional packages: which one is missing, and how to get it. Imports nothing of the client."""

from __future__ import annotations

from importlib.util import find_spec

from kalbio._version import __version__

SANDBOX = ("jinja2", "jsonschema_rs", "python_multipart", "re2", "swagger_ui", "uvicorn")
"""The modules that the extra `sandbox` brings."""

DOCTOR = ("jsonschema_rs", "yaml")
"""The modules that the extra `doctor` brings."""

MIRROR = ("duckdb", "pyarrow")
"""The modules that the extra `mirror` brings."""


OPTIONAL = (
    *SANDBOX, *DOCTOR, *MIRROR, "dask", "dlt", "keyring", "nanoarrow", "openpyxl", "opentelemetry", "tqdm",
)  # fmt: skip
"""The modules whose absence is told by a text that says what to install."""


def require_command() -> None:
    """Raise ModuleNotFoundError, saying what to install, unless the package that the command is made with is there."""
    if find_spec("click") is None:
        raise ModuleNotFoundError(_how_to_install("the command needs", "cli", "click"), name="click")


def require_keyring() -> None:
    """Raise ModuleNotFoundError, saying what to install, unless the package of the extra `keyring` is there."""
    if find_spec("keyring") is None:
        raise ModuleNotFoundError(_how_to_install("the system's keyring needs", "keyring", "keyring"), name="keyring")


def require_sandbox() -> None:
    """Raise ModuleNotFoundError, saying what to install, unless all packages of the sandbox are there."""
    for module in SANDBOX:
        if find_spec(module) is None:
            raise ModuleNotFoundError(
                _how_to_install("kalbio.testing and the sandbox need", "sandbox", module), name=module
            )


def require_tables() -> None:
    """Raise ModuleNotFoundError, saying what to install, unless the package of the extra `tables` is there."""
    if find_spec("nanoarrow") is None:
        raise ModuleNotFoundError(_how_to_install("Arrow streams need", "tables", "nanoarrow"), name="nanoarrow")


def require_excel() -> None:
    """Raise ModuleNotFoundError, saying what to install, unless the package of the extra `excel` is there."""
    if find_spec("openpyxl") is None:
        raise ModuleNotFoundError(_how_to_install("Excel files need", "excel", "openpyxl"), name="openpyxl")


def require_dask() -> None:
    """Raise ModuleNotFoundError, saying what to install, unless the packages of the extra `dask` are there."""
    for module in ("dask", "distributed", "pandas"):
        if find_spec(module) is None:
            raise ModuleNotFoundError(_how_to_install("kalbio.dask needs", "dask", module), name=module)


def require_dlt() -> None:
    """Raise ModuleNotFoundError, saying what to install, unless the packages of the extra `dlt` are there."""
    for module in ("dlt", "pyarrow", "nanoarrow"):
        if find_spec(module) is None:
            raise ModuleNotFoundError(_how_to_install("kalbio.dlt needs", "dlt", module), name=module)


def require_mirror() -> None:
    """Raise ModuleNotFoundError, saying what to install, unless the packages of the extra `mirror` are there."""
    for module in MIRROR:
        if find_spec(module) is None:
            raise ModuleNotFoundError(_how_to_install("a mirror needs", "mirror", module), name=module)


def require_progress() -> None:
    """Raise ModuleNotFoundError, saying what to install, unless the package of the extra `progress` is there."""
    if find_spec("tqdm") is None:
        raise ModuleNotFoundError(_how_to_install("progress=True needs", "progress", "tqdm"), name="tqdm")


def require_otel() -> None:
    """Raise ModuleNotFoundError, saying what to install, unless the package of the extra `otel` is there."""
    if find_spec("opentelemetry") is None:
        raise ModuleNotFoundError(_how_to_install("kalbio.otel needs", "otel", "opentelemetry"), name="opentelemetry")


def require_module(module: str, who: str) -> None:
    """Raise ModuleNotFoundError, saying what to install, unless a module that no extra brings is there."""
    if find_spec(module) is None:
        raise ModuleNotFoundError(f"{who}: pip install {module}", name=module)


def _how_to_install(who: str, extra: str, module: str) -> str:
    return f"""\
{who} the extra {extra!r}: there is no module {module!r}.
Install it from where you got kalbio:
  a checkout         pip install '.[{extra}]'
  a wheel            pip install './kalbio-{__version__}-py3-none-any.whl[{extra}]'
  your own index     pip install --index-url URL 'kalbio[{extra}]'
On the public package index, 'kalbio' is another project. Do not install from there: it would replace this one."""
