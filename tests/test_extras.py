"""Optional packages: a feature whose packages are not installed says which one is missing, and how to get it."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

from kalbio._extras import SANDBOX
from kalbio._version import __version__

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
WAYS = ("pip install '.[sandbox]'", ".whl[sandbox]'", "--index-url URL 'kalbio[sandbox]'", "another project")


def without(module: str, code: str) -> subprocess.CompletedProcess[str]:
    """Run code in a fresh interpreter in which a module is not to be found."""
    block = f"import sys\nfor name in {module!r}.split():\n    sys.modules[name] = None\n"
    command = [sys.executable, "-c", block + code]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("module", SANDBOX)
@pytest.mark.parametrize(
    "code", ["import kalbio.testing", "import kalbio.provena.testing", "from kalbio.sandbox.server import serve"]
)
def test_the_sandbox_names_its_missing_package(module: str, code: str) -> None:
    """Without any one of its packages, importing the sandbox or kalbio.testing names it and three ways to get it."""
    run = without(module, f"try:\n    {code}\nexcept ImportError as error:\n    print(error.name, error)")

    assert run.stderr == ""
    assert run.stdout.startswith(f"{module} kalbio.testing and the sandbox need the extra 'sandbox'")
    assert [way for way in (f"there is no module '{module}'", *WAYS) if way not in run.stdout] == []


@pytest.mark.parametrize("module", SANDBOX)
def test_the_command_names_its_missing_package(module: str) -> None:
    """Without any one of its packages, `kalbio sandbox` ends with the same text and no traceback."""
    run = without(module, "from kalbio.cli import main\nsys.exit(main(['sandbox', '--port', '0']))")

    assert (run.returncode, run.stdout) == (1, "")
    assert run.stderr.startswith("kalbio: ")
    assert "Traceback" not in run.stderr
    assert [way for way in (f"there is no module '{module}'", *WAYS) if way not in run.stderr] == []


@pytest.mark.parametrize(
    "client",
    [
        "from kalbio import KaleidoscopeClient\nKaleidoscopeClient('id', 'sandbox-secret')",
        "from kalbio.provena import *\nProvenaClient(ClientCredentialsFlow(Config('a.b', 'c'), 'd', 'sandbox-secret'))",
    ],
    ids=["kaleidoscope", "provena"],
)
def test_the_doctor_names_its_missing_package(client: str) -> None:
    """Without what checks answers, the doctor of either platform says how to get it, before anything is sent."""
    setup, _, made = client.partition("\n")
    run = without(
        "jsonschema_rs", f"{setup}\ntry:\n    {made}.doctor()\nexcept ImportError as error:\n    print(error)"
    )
    assert run.stderr == ""  # no traceback: newer versions of Python show the line, which has a secret
    assert run.stdout.startswith("the doctor needs jsonschema-rs, which the extra")


def test_the_fixtures_name_the_missing_package(tmp_path: Path) -> None:
    """Without the extra, a test that uses a fixture fails with the text alone; others in the same run pass."""
    plugins = [ROOT / "kalbio" / "pytest_plugin.py", ROOT / "kalbio" / "provena" / "pytest_plugin.py"]
    text = "\n".join(plugin.read_text(encoding="utf-8") for plugin in plugins)
    fixtures = re.findall(r"^@pytest\.fixture\ndef (\w+)", text, re.MULTILINE)
    tests = [f"def test_{name}({name}):\n    pass\n" for name in fixtures]
    (tmp_path / "test_it.py").write_text("\n".join([*tests, "def test_other():\n    pass\n"]), encoding="utf-8")
    options = ["-p", "no:cacheprovider", "-p", "no:schemathesis", str(tmp_path)]
    run = without("uvicorn", f"import pytest\nsys.exit(pytest.main({options!r}))")

    assert {"kalbio_async_client", "provena_async_client"} < {*fixtures}
    assert f"1 passed, {len(fixtures)} errors" in run.stdout
    for part in re.split("ERROR at setup of ", run.stdout.partition("short test summary")[0])[1:]:
        assert "there is no module 'uvicorn'" in part
        assert "pip install '.[sandbox]'" in part
    assert ".py:" not in run.stdout.partition("ERRORS")[2].partition("short test summary")[0]


def test_errors_inside_of_the_sandbox_are_not_taken_for_a_missing_extra() -> None:
    """A module of another name that is not found stays the error that it is."""
    run = without("kalbio.sandbox.store", "from kalbio.cli import main\nmain(['sandbox', '--port', '0'])")

    assert "ModuleNotFoundError" in run.stderr
    assert "kalbio.sandbox.store" in run.stderr
    assert "extra" not in run.stderr


@pytest.mark.parametrize(
    ("kind", "setting", "modules", "told"),
    [
        ("AsyncKaleidoscopeClient", "http2=True", "h2", "http2=True needs h2: pip install 'httpx[http2]'"),
        (
            "KaleidoscopeClient",
            "proxy='socks5://127.0.0.1:9'",
            "socksio",
            "SOCKS needs socksio: pip install 'httpx[socks]'",
        ),
    ],
)
def test_settings_name_their_missing_package(kind: str, setting: str, modules: str, told: str) -> None:
    """A setting whose package is not installed is refused when the client is made, with a command that works."""
    made = f"import kalbio\nkalbio.{kind}('id', 's', 'https://api.invalid', {setting})"

    assert told in without(modules, made).stderr


def test_the_proxy_of_google_names_its_missing_package() -> None:
    """A client behind Google's identity-aware proxy says before the first request what it lacks."""
    made = "kalbio.KaleidoscopeClient('id', 's', 'https://api.invalid', iap_client_id='audience')"
    run = without("google", f"import kalbio\n{made}.workspace.get_workspace()")

    assert "iap_client_id needs google-auth and requests: pip install google-auth requests" in run.stderr


def test_excel_files_name_their_missing_package(tmp_path: Path) -> None:
    """Without openpyxl, text files are read, and an Excel file is refused with the extra and three ways to get it."""
    (tmp_path / "t.csv").write_text("a\n1\n", encoding="utf-8")
    run = without(
        "openpyxl",
        f"import os\nos.chdir({str(tmp_path)!r})\n"
        "from kalbio.reading import read_rows\nprint(list(read_rows('t.csv')))\n"
        "try:\n    read_rows('t.xlsx')\nexcept ImportError as error:\n    print(error.name, error)\n",
    )

    assert run.stderr == ""
    assert run.stdout.startswith("[{'a': '1'}]\nopenpyxl Excel files need the extra 'excel'")
    ways = [way.replace("sandbox", "excel") for way in WAYS]
    assert [way for way in ("there is no module 'openpyxl'", *ways) if way not in run.stdout] == []


def test_opentelemetry_names_its_missing_package() -> None:
    """Without its package, `kalbio.otel` can be imported, and says what to install when it is used."""
    run = without(
        "opentelemetry",
        "from kalbio.otel import OpenTelemetry\n"
        "try:\n    OpenTelemetry()\nexcept ImportError as error:\n    print(error.name, error)\n",
    )

    assert run.stderr == ""
    assert run.stdout.startswith("opentelemetry kalbio.otel needs the extra 'otel'")
    ways = [way.replace("sandbox", "otel") for way in WAYS]
    assert [way for way in ("there is no module 'opentelemetry'", *ways) if way not in run.stdout] == []


def test_dask_names_its_missing_package() -> None:
    """Without its package, `kalbio.dask` can be imported, and says what to install before anything is sent."""
    run = without(
        "distributed",
        "from kalbio.dask import read_records\n"
        "try:\n    read_records('Compound', fields=['Compound'])\nexcept ImportError as error:\n"
        "    print(error.name, error)\n",
    )

    assert run.stderr == ""
    assert run.stdout.startswith("distributed kalbio.dask needs the extra 'dask'")


def test_dlt_names_its_missing_package() -> None:
    """Without its package, `kalbio.dlt` can be imported, and says what to install before anything is sent."""
    run = without(
        "dlt",
        "import kalbio.dlt\n"
        "try:\n    kalbio.dlt.workspace(None)\nexcept ImportError as error:\n    print(error.name, error)\n",
    )

    assert run.stderr == ""
    assert run.stdout.startswith("dlt kalbio.dlt needs the extra 'dlt'")


def test_the_packages_that_are_looked_for_are_those_of_the_extra() -> None:
    """The modules whose absence is told are those that the extra `sandbox` installs; click is for the command."""
    wanted = {re.split(r"[\[<>=!~ ;]", text)[0].lower() for text in PROJECT["optional-dependencies"]["sandbox"]}
    owners = metadata.packages_distributions()

    assert {name.lower().replace("_", "-") for module in SANDBOX for name in owners[module]} == wanted - {"click"}


def test_the_version_is_above_that_of_the_other_project() -> None:
    """`pip install -U` takes the highest version, and the public index has 0.7.0 of another project of this name."""
    assert int(__version__.partition(".")[0]) >= 1


def test_no_text_installs_an_extra_of_the_other_project() -> None:
    """Wherever a text installs `kalbio[...]`, it names an index: by its name alone comes another project."""
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]
    texts = {path.name: path.read_text(encoding="utf-8") for path in (*pages, *(ROOT / "kalbio").rglob("*.py"))}
    lines = [(name, line) for name, text in texts.items() for line in re.findall(r".*\bkalbio\[.*", text)]

    assert [(name, line) for name, line in lines if "--index-url" not in line and "kalbio[sandbox] @" not in line] == []
