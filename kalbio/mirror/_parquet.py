"""A folder of Parquet files: each state of the mirror is a folder of its own, which is whole before it has its name.

`states/000007` has the files of one state, and is never changed; `latest` is a link to the newest. Files of tables
that have not changed are the same files as those of the state before. Nothing but these, and what is in `.kalbio`, is
touched.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import re
import shutil
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kalbio._core.files.filenames import safe_name
from kalbio._core.text.display import safe_repr
from kalbio._model.errors import MirrorError
from kalbio.mirror._store import Part, Store

OWN = ".kalbio"
"""The folder in the folder that nobody else writes to. Readers of Parquet skip names that begin with a dot."""

_LATEST, _STATES, _TABLES = "latest", "states", "_tables.json"
_KEPT = 2
"""So many states stay: the newest, and the one before it for those who are reading it."""

_MAX_NAME = 120  # bytes, far below what any disk allows
_log = logging.getLogger("kalbio")


class ParquetFolder:
    """The folder of a mirror.

    Args:
        root: where it is.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._new = root / OWN / "new"

    @property
    def store_path(self) -> Path:
        """The file with the store, which the Parquet files are made of."""
        return self._root / OWN / "mirror.duckdb"  # no 'store': DuckDB would take that for the schema in it

    def make(self) -> None:
        """Make the folder. Raises MirrorError where something is in it that is not of a mirror."""
        own = self._root / OWN
        if not own.is_dir() and self._root.is_dir():
            other = next((one for one in sorted(self._root.iterdir()) if not one.name.startswith(".")), None)
            if other is not None:
                raise MirrorError(
                    f"{self._root} holds {safe_repr(other.name)}, which is not of a mirror; choose a new or an empty"
                    " folder"
                )
        latest = self._root / _LATEST
        if os.path.lexists(latest) and not latest.is_symlink():
            raise MirrorError(
                f"{latest} should be the link of the mirror to its newest state, and is something else; move it"
            )
        own.mkdir(parents=True, exist_ok=True)

    def newest(self) -> Path | None:
        """Return the folder of the newest state, None where there is none."""
        states = self._states()
        return states[-1] if states else None

    def shows(self, versions: Mapping[str, Any]) -> bool:
        """Whether the newest state is of these versions of the tables."""
        known = self._tables(self.newest())
        return {group: {name: one["version"] for name, one in known[group].items()} for group in known} == versions

    def write(self, store: Store) -> bool:
        """Write the state that a store has, to be published; False where the newest one is the same."""
        shutil.rmtree(self._new, ignore_errors=True)
        if self.shows(store.state()["versions"]):
            return False
        before = self.newest()
        known = self._tables(before)
        parts = store.parts()
        files = {"tables": file_names([part.name for part in parts if part.group == "tables"]),
                 "values": file_names([part.name for part in parts if part.group == "values"])}  # fmt: skip
        (self._new / "values").mkdir(parents=True)
        told: dict[str, dict[str, Any]] = {"tables": {}, "values": {}}
        for part in parts:
            folder = "values/" if part.group == "values" else ""
            name = f"{folder}{files[part.group][part.name]}.parquet"
            told[part.group][part.name] = {"file": name, "version": part.version}
            old = known[part.group].get(part.name)
            if old is None or old["version"] != part.version or not _same(before, old["file"], self._new / name):
                self._write(store, part, self._new / name)
        text = json.dumps(told, indent=1, ensure_ascii=False)
        (self._new / _TABLES).write_text(text, encoding="utf-8")
        for one in (self._new / _TABLES, self._new / "values", self._new):
            sync(one)
        return True

    def _write(self, store: Store, part: Part, path: Path) -> None:
        store.write_parquet(part, path)
        sync(path)

    def publish(self, is_new: bool) -> None:
        """Show the newest state, which may have been written just now, and remove those that nobody needs."""
        if is_new:
            numbers = [int(one.name) for one in self._numbered()]
            name = f"{max(numbers, default=0) + 1:06}"
            (self._root / _STATES).mkdir(exist_ok=True)
            self._new.rename(self._root / _STATES / name)
            sync(self._root / _STATES)
        states = self._states()
        self._link(states[-1])
        for old in states[:-_KEPT]:
            self._remove(old)

    def _link(self, state: Path) -> None:
        latest, made = self._root / _LATEST, self._root / OWN / _LATEST
        lead = f"{_STATES}/{state.name}"
        if latest.is_symlink() and latest.readlink() == Path(lead):
            return
        made.unlink(missing_ok=True)
        try:
            made.symlink_to(lead, target_is_directory=True)
            made.replace(latest)
        except OSError as error:  # a disk without links, or Windows without the right to make them
            _log.warning(
                "%s could not be made a link to the newest state (%s); kalbio.mirror.folder(...) tells where it is",
                latest, error,
            )  # fmt: skip
            return
        sync(self._root)

    def _numbered(self) -> list[Path]:
        try:
            found = sorted((self._root / _STATES).iterdir(), key=lambda one: (len(one.name), one.name))
        except FileNotFoundError:
            return []
        return [one for one in found if re.fullmatch(r"[0-9]{6,}", one.name)]

    def _states(self) -> list[Path]:
        return [one for one in self._numbered() if (one / _TABLES).is_file()]

    def _tables(self, state: Path | None) -> dict[str, dict[str, Any]]:
        """Return what a state tells of its files."""
        if state is None:
            return {"tables": {}, "values": {}}
        try:
            found = json.loads((state / _TABLES).read_bytes())
            return {group: {str(name): {"file": one["file"], "version": one["version"]}
                            for name, one in found[group].items()} for group in ("tables", "values")}  # fmt: skip
        except (OSError, ValueError, TypeError, KeyError, AttributeError):  # damaged: everything is written anew
            return {"tables": {}, "values": {}}

    def _remove(self, state: Path) -> None:
        """Remove the files of a state, and its folders unless somebody else has put something there."""
        known = self._tables(state)
        names = [str(one["file"]) for group in known.values() for one in group.values()]
        for name in (*filter(_is_ours, names), _TABLES):  # the last one makes it a state
            with contextlib.suppress(OSError):  # somebody holds it
                (state / name).unlink()
        for folder in (state / "values", state):
            with contextlib.suppress(OSError):
                folder.rmdir()


def file_names(names: Sequence[str]) -> dict[str, str]:
    """Return a name of a file, without its ending, for each name of a table; no two differ in case only.

    A name that cannot be that of a file on every system, or that readers would skip or take for a pattern, is changed,
    and gets a part of its digest, so that it is the same in every state.
    """
    found: dict[str, str] = {}
    seen: set[str] = set()
    changed = []
    for name in names:
        if _file_name(name) == name and name.casefold() not in seen:
            found[name] = name
            seen.add(name.casefold())
        else:
            changed.append(name)
    for name in changed:
        digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()
        size = next(n for n in range(8, 65) if f"{_file_name(name)} {digest[:n]}".casefold() not in seen)
        found[name] = f"{_file_name(name)} {digest[:size]}"
        seen.add(found[name].casefold())
    return found


def _file_name(name: str) -> str:
    text = unicodedata.normalize("NFC", name)
    text = "".join(ch if unicodedata.category(ch)[0] in "LNM" or ch in " -_.,+()" else "_" for ch in text)
    text = safe_name(text.encode()[:_MAX_NAME].decode(errors="ignore"), "table")
    return text if text[0] not in "_." else f"table{text}"  # readers skip those


def _is_ours(name: str) -> bool:
    """Whether a name in a list of files is one that a mirror writes: the list might have been changed."""
    return re.fullmatch(r"(values/)?[^/\\]+\.parquet", name) is not None


def _same(before: Path | None, name: str, path: Path) -> bool:
    """Let a file of the state before be a file of the new one, too; whether that was possible."""
    if before is None or not _is_ours(name):
        return False
    try:
        os.link(before / name, path)
    except FileNotFoundError:
        return False
    except OSError:  # a disk without hard links
        path.unlink(missing_ok=True)
        shutil.copyfile(before / name, path)
        sync(path)
    return True


def sync(path: Path) -> None:
    """Let a file, or what a folder lists, survive a loss of power."""
    if os.name == "posix" or path.is_file():
        number = os.open(path, os.O_RDONLY if os.name == "posix" else os.O_RDWR)
        try:
            os.fsync(number)
        finally:
            os.close(number)
