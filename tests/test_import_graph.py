"""The house: which module may know which, computed from the source; imports for type checking count."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import kalbio
from tests.sources import nodes

ROOT = Path(kalbio.__file__).parent
WORLDS = ("kalbio.aio", "kalbio")

# From the ground up; a module imports from its own layer or from below. Modules of the two worlds stand alike.
LAYERS = (
    ("what every platform needs", "_version _extras _core _bars _table_files"),
    ("a second platform, a room of its own", "provena"),
    ("what tells how the platform and its description differ", "diagnosis"),
    ("what a noun is without a network", "_model"),
    ("tables, as data", "tables"),
    ("a mirror, as files", "mirror"),
    (
        "the error policy, listings, the directory",
        "_policy _progress _listing _record_cache _record_store _directory _service",
    ),
    ("nouns that stand alone", "labels programs property_fields workspace entity_fields reading loading"),
    ("nouns made of these", "entity_types record_views result_table_templates"),
    (
        "the objects of records and activities",
        "_histories _history_tables _record_pages _record _typed_values _property _activity_updates _definition"
        " _activity",
    ),
    (
        "what services are made of",
        "_workspace_reads _resumable_writes _record_search _record_writes _staging _activity_tables _tables "
        "_load_journal _load_layout _load_state _load_parents _load_values _loads _upserts",
    ),
    ("services", "activities dashboards doctor exports files helpers imports records registration _mirror _requests"),
    ("the table of listings", "_listings"),
    ("the client", "client"),
    ("what stands on the client", "__init__ aio _registrar webhooks testing cli dask dlt otel pytest_plugin __main__"),
)
RANKS = {name: rank for rank, (_, names) in enumerate(LAYERS) for name in names.split()}


def module_name(path: Path) -> str:
    """The name that a file is imported by."""
    return ".".join(("kalbio", *path.relative_to(ROOT).with_suffix("").parts)).removesuffix(".__init__")


MODULES = {
    module_name(path): path
    for path in sorted(ROOT.rglob("*.py"))
    if "sandbox" not in path.relative_to(ROOT).parts  # it stands beside the client, and imports nothing of it
}


def imported(module: str) -> Iterator[tuple[str, str]]:
    """The modules that a module imports, anywhere in its text, and the names that it takes from them."""
    for node in nodes(MODULES[module]):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield (whole, "") if whole in MODULES else (node.module or "", alias.name)


@cache
def graph() -> dict[str, set[str]]:
    """The modules that each module imports."""
    return {module: {other for other, _ in imported(module) if other in MODULES} - {module} for module in MODULES}


def layer_of(module: str) -> str:
    """The name that a module has in the table of layers: the same in both worlds."""
    parts = module.removeprefix("kalbio.aio.").removeprefix("kalbio.").split(".")
    return "__init__" if module in WORLDS else parts[0]


def test_no_import_leads_back() -> None:
    """The graph of imports has no circle."""
    left = {module: set(others) for module, others in graph().items()}
    while True:
        free = {module for module, others in left.items() if not others}
        if not free:
            break
        left = {module: others - free for module, others in left.items() if module not in free}
    assert left == {}


def test_imports_lead_down() -> None:
    """Every module imports from its own layer or from below, and the table knows every module."""
    assert {layer_of(module) for module in MODULES} - set(RANKS) == set()
    up = [
        (module, other)
        for module, others in graph().items()
        for other in others
        if RANKS[layer_of(other)] > RANKS[layer_of(module)]
    ]
    assert up == []


PROVENA = (
    ("what it is without a network", "_model models exceptions"),
    ("what services share", "_service _connection _object_store _verified"),
    ("the objects of services", "_job _lost_jobs _run_batches _reports _lineage_admin _lineage_walks _item"),
    ("items of each subtype", "items"),
    ("lists of items", "_pages"),
    ("reading items", "_items"),
    ("what data name", "_references _run_records"),
    ("settings of items", "_item_access _item_locks _registry_admin"),
    ("the registry", "registry"),
    ("files on their way", "_dataset_files"),
    ("services", "search handles lineage jobs model_runs access groups datasets releases"),
    ("all subtypes at once", "all_items"),
    ("the names of the older client", "older"),
    ("the client", "client"),
    ("what stands on the client", "__init__ aio testing pytest_plugin clients sync"),
)
PROVENA_RANKS = {name: rank for rank, (_, names) in enumerate(PROVENA) for name in names.split()}


FLOOR = ("kalbio._core", "kalbio._bars", "kalbio._extras", "kalbio._table_files", "kalbio._version", "kalbio.provena")


def place_in_provena(module: str) -> str:
    """The name that a module of that room has in its table of layers: the same in both worlds."""
    if module in ("kalbio.provena", "kalbio.provena.aio"):
        return "__init__"
    return module.removeprefix("kalbio.provena.").removeprefix("aio.").split(".")[0]


COMMANDS = "kalbio.cli.provena"
"""What `kalbio provena` does: the only place where the two platforms meet, in their command."""


def test_provena_is_a_room_of_its_own() -> None:
    """Only its commands import it, it imports the floor and itself alone, and inside its imports lead down as well."""
    room = {module for module in MODULES if module.startswith("kalbio.provena")}
    knowing = {module for module in MODULES if module not in room and graph()[module] & room}
    assert {module for module in knowing if not module.startswith(COMMANDS)} == set()
    assert {
        (module, other)
        for module in room
        for other, _ in imported(module)
        if other.startswith(("kalbio", "kaleidoscope_api")) and not other.startswith(FLOOR)
    } == set()
    assert {place_in_provena(module) for module in room} - set(PROVENA_RANKS) == set()
    up = [
        (module, other)
        for module in room
        for other in graph()[module] & room
        if PROVENA_RANKS[place_in_provena(other)] > PROVENA_RANKS[place_in_provena(module)]
    ]
    assert up == []


def test_the_commands_of_provena_know_nothing_of_the_other_platform() -> None:
    """They import the command's own machinery, the floor and Provena; and no other command imports them."""
    allowed = ("kalbio.cli", "kalbio._core", "kalbio.provena")
    assert {
        (module, other)
        for module in MODULES
        if module.startswith(COMMANDS)
        for other, _ in imported(module)
        if other.startswith(("kalbio", "kaleidoscope_api")) and not other.startswith(allowed)
    } == set()
    assert {
        module
        for module, others in graph().items()
        if not module.startswith(COMMANDS) and any(other.startswith(COMMANDS) for other in others)
    } == set()


def test_nothing_else_has_heard_of_provena() -> None:
    """Its name stands in its own room and in the command alone: nobody else pays for it, in code or in texts."""
    elsewhere = [path for path in ROOT.rglob("*.py") if not {"provena", "cli"} & {*path.relative_to(ROOT).parts}]
    assert [path.name for path in elsewhere if "provena" in path.read_text(encoding="utf-8").lower()] == []


def test_the_stand_in_for_provena_imports_nothing_of_its_client() -> None:
    """It stands beside the client, on the emulator kit and the description."""
    for path in sorted((ROOT / "provena/sandbox").glob("*.py")):
        for node in nodes(path):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            ours = [name for name in names if name.startswith(("kalbio", "provena_api", "kaleidoscope_api"))]
            kit = ("kalbio._core.emulator", "kalbio._core.description", "kalbio.provena.sandbox")
            assert all(name.startswith(kit) for name in ours), (path.name, ours)


def test_only_what_stands_on_the_client_imports_it() -> None:
    """No service, no object and nothing below knows the client's class, not even to a type checker."""
    knowing = {
        layer_of(module) for module, others in graph().items() if others & {"kalbio.client", "kalbio.aio.client"}
    }
    assert knowing <= {"__init__", "_registrar", "webhooks", "testing", "pytest_plugin", "cli", "dask", "dlt"}


def test_services_import_no_service() -> None:
    """The class of a service is imported by clients alone; services find things through the directory.

    That of the registry is what services of single subtypes are made of.
    """
    knowing = {
        (place_in_provena(module) if module.startswith("kalbio.provena") else layer_of(module), name)
        for module in MODULES
        for other, name in imported(module)
        if other in MODULES and name.endswith("Service") and name not in ("Service", "RegistryService")
    }
    assert {module for module, _ in knowing} == {"client"}


def own_names(path: Path) -> set[str]:
    """The names that a module defines: functions, classes, variables and attributes of its own objects."""
    names: set[str] = set()
    for node in nodes(path):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and is_self(node.value):
            names.add(node.attr)
    return names


def is_self(node: ast.expr) -> bool:
    """Whether an expression is the object or the class that a method belongs to, or what it inherits."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        return node.func.id == "super"
    return isinstance(node, ast.Name) and node.id in ("self", "cls")


# Of the standard library, which has no public way: a mark for coroutine functions before Python 3.12, a type's name.
# Of openpyxl, which has none either: the cells that exist, and the number of a format that has no text.
# Of the HTTP library: the parts of a url, a named tuple, whose `_replace` is public in spite of its name.
FOREIGN = {
    "wrapper._is_coroutine", "asyncio.coroutines._is_coroutine", "zlib._Decompress", "sheet._cells", "cell._style",
    "found._uri_reference", "parts._replace",
}  # fmt: skip


def test_private_members_stay_in_their_module() -> None:
    """No line reads or sets an underscored member of an object of another module."""
    touched = {module: private_members_of_others(module) - FOREIGN for module in MODULES}
    assert {module: found for module, found in touched.items() if found} == {}


def private_members_of_others(module: str) -> set[str]:
    """What a module reads or sets of that kind, as its text says it."""
    known = own_names(MODULES[module])
    return {
        ast.unparse(node)
        for node in nodes(MODULES[module])
        if isinstance(node, ast.Attribute)
        and node.attr.startswith("_")
        and not node.attr.startswith("__")
        and node.attr not in known
        and not is_self(node.value)
    }


def test_modules_have_a_size_to_read() -> None:
    """No module of nouns, services and objects is longer than 630 lines."""
    long = {
        module: len(lines)
        for module in MODULES
        if module.startswith(("kalbio.aio", "kalbio._model"))
        and len(lines := file_of(module).read_text(encoding="utf-8").splitlines()) > 630
    }
    assert long == {}


def file_of(module: str) -> Path:
    """The file of a module."""
    path = ROOT.joinpath(*module.split(".")[1:])
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
