"""Where a mirror is kept: a new file is made beside the old one and takes its place when it is whole."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from kalbio._core.argument_errors import ArgumentError
from kalbio._core.files.file_locks import try_lock
from kalbio._core.text.display import safe_repr
from kalbio._model.errors import MirrorError
from kalbio.mirror._contents import FilesFolder
from kalbio.mirror._parquet import ParquetFolder, sync
from kalbio.mirror._store import Store, literal

SUFFIXES = (".duckdb", ".db")


class Target:
    """Where a mirror is kept.

    Args:
        target: a path that ends in `.duckdb`, or that of a folder of Parquet.

    Attributes:
        path: where it is.
        given: the same as it was given, with the / that makes it a folder.
        parquet: the folder of Parquet, where it is one.
        files: the folder with the contents of files.
    """

    def __init__(self, target: str | os.PathLike[str]) -> None:
        if not isinstance(target, str | os.PathLike) or not os.fspath(target):
            raise ArgumentError(
                f"target must be the path of a mirror, such as 'lab.duckdb' or 'lab/'; got {safe_repr(target)}"
            )
        self.given = given = os.fspath(target)
        self.path = Path(given)
        is_file = self.path.suffix.casefold() in SUFFIXES
        if is_file and self.path.stem.casefold() == "store":
            # DuckDB calls what is in a file after the file, and would not know which of the two is meant.
            raise ArgumentError(
                f"a mirror cannot be called {self.path.name}, as a schema in it is; choose another name"
            )
        try:
            self._real = self.path.resolve()  # a link stays, and what it leads to is replaced
            is_folder, is_there = self._real.is_dir(), self._real.exists()
        except (OSError, ValueError, RuntimeError) as error:  # characters or a length that no path has, links in a ring
            raise ArgumentError(f"target cannot be a path: {safe_repr(given)} ({error})") from None
        if is_file and is_folder:
            raise ArgumentError(f"target is a folder: {safe_repr(given)}; without .duckdb it would be one of Parquet")
        if not is_file and is_there and not is_folder:
            raise ArgumentError(f"target is a file that does not end in .duckdb: {safe_repr(given)}")
        if not is_file and not is_folder and not _names_a_folder(given):
            raise ArgumentError(
                f"target must end in .duckdb, or in / for a folder of Parquet, such as 'lab/'; got {safe_repr(given)}"
            )
        self.parquet = None if is_file else ParquetFolder(self._real)
        self.files = FilesFolder(self._real.with_suffix(".files") if is_file else self._real / "files")

    @property
    def store_path(self) -> Path:
        """The file with the store of what users see."""
        return self._real if self.parquet is None else self.parquet.store_path

    @property
    def is_unfinished(self) -> bool:
        """Whether a refresh is under way, or has broken off."""
        return self._beside(".new").exists() or self._beside(".copy").exists()

    def _beside(self, ending: str) -> Path:
        return self.store_path.with_name(f"{self.store_path.name}{ending}")

    @contextlib.contextmanager
    def causes(self) -> Iterator[None]:
        """Raise MirrorError where the file or its folder cannot be read or written: it is full, or it may not be."""
        import duckdb

        try:
            yield
        except (ConnectionError, TimeoutError):  # of something else
            raise
        except (duckdb.Error, OSError) as error:
            why = str(error).partition("\n")[0]
            raise MirrorError(f"{self.path} could not be refreshed: {why}. What is there is as it was") from error

    def lock(self) -> IO[bytes]:
        """Keep other refreshes out until the file that this gives is closed. Raises MirrorError when one is at work."""
        folder = self._real.parent
        if not folder.is_dir():
            raise ArgumentError(
                f"There is no folder {safe_repr(os.fspath(folder))} to keep the mirror in; make it first"
            )
        if self.parquet is not None:
            self.parquet.make()
        opened = self._beside(".lock").open("ab")
        if not try_lock(opened):
            opened.close()
            raise MirrorError(f"Another refresh of {self.path} is at work; wait until it has ended")
        return opened

    def state(self) -> dict[str, Any] | None:
        """Return what is known of the mirror that is there, None where there is none.

        Raises MirrorError where something else is there, which must not be replaced.
        """
        if not self.store_path.exists():
            return None
        import duckdb

        try:
            with duckdb.connect() as db:
                db.execute(f"attach {literal(str(self.store_path))} as mirror (read_only, type duckdb)")
                rows = db.execute("select key, value from mirror.store.state").fetchall()
            found = {key: json.loads(value) for key, value in rows}
            _ = found["format"], found["workspace"]
        except (duckdb.Error, ValueError, TypeError, KeyError) as error:  # what else may be in such a table
            raise self._no_mirror(error) from None
        return found

    def _no_mirror(self, error: Exception) -> MirrorError:
        reason = str(error).partition("\n")[0].rstrip(".")  # below it stands a query that nobody here has written
        return MirrorError(
            f"{self.store_path} is no mirror of kalbio, or it is damaged: {reason}. Choose another target; if it was a"
            " mirror, delete it and refresh, which makes it anew"
        )

    def copy(self) -> Store | None:
        """Return a copy of what is there, to be edited and published; None where there is nothing.

        Raises MirrorError where something else is there, which must not be replaced.
        """
        if self.state() is None:
            return None
        copy = self._beside(".copy")
        self._remove(".copy")  # with the log of an earlier refresh, which would be applied to this copy
        shutil.copyfile(self.store_path, copy)
        return Store(copy)

    def make(self, settings: Mapping[str, Any]) -> Store:
        """Return a file to be filled and published: what a refresh with these settings has left, or a new one."""
        made = self._beside(".new")
        left = _open(made)
        if left is not None:
            state = left.state()
            if all(state.get(key) == value for key, value in settings.items()):
                return left
            left.abandon()
        self.discard()
        store = Store(made)
        store.keep(**settings)
        return store

    def discard(self) -> None:
        """Throw away what is not finished."""
        self._remove(".new")
        self._remove(".copy")

    def _remove(self, ending: str) -> None:
        for more in ("", ".wal"):
            self._beside(f"{ending}{more}").unlink(missing_ok=True)
        shutil.rmtree(self._beside(f"{ending}.tmp"), ignore_errors=True)

    def publish(self, store: Store) -> None:
        """Let a file take the place of the old one; who reads the old one goes on reading it."""
        is_new = False
        try:
            if self.parquet is not None:
                is_new = self.parquet.write(store)
            store.close()
        except BaseException:
            store.abandon()
            raise
        sync(store.path)
        store.path.replace(self.store_path)
        self.discard()
        sync(self.store_path.parent)
        if self.parquet is not None:
            self.parquet.publish(is_new)


def _names_a_folder(path: str) -> bool:
    """Whether a path to nothing is meant to be that of a folder."""
    return path.endswith(("/", os.sep)) or Path(path).suffix.casefold() in ("", ".parquet")


def _open(path: Path) -> Store | None:
    """Open a file that may be there; None where it is not, or is of no use."""
    import duckdb

    try:
        return Store(path) if path.exists() else None
    except duckdb.Error:  # torn, or of another version
        return None
