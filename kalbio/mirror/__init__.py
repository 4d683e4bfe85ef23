"""A local mirror of a workspace, for SQL: `client.mirror("lab.duckdb").refresh()` makes it and keeps it up to date.

`client.mirror("lab/")` is a folder of Parquet. Reading a mirror needs no network: `connect` opens it. Needs the extra
`mirror`.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kalbio._extras import require_mirror
from kalbio._model.errors import MirrorError
from kalbio.mirror._reports import FileOutcome, MirrorStatus, Refreshed

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection
else:
    DuckDBPyConnection = Any

__all__ = ["FileOutcome", "MirrorError", "MirrorStatus", "Refreshed", "connect", "folder", "status"]


def connect(target: str | os.PathLike[str]) -> DuckDBPyConnection:
    """Open a mirror to read it, and return a connection of DuckDB.

    It shows the state that the mirror has now, also after later refreshes. The mirror cannot be written to; tables and
    views of your own are made with `create temp table` and `create temp view`, and are gone with the connection.

    Args:
        target: where the mirror is.

    Raises:
        MirrorError: there is no mirror.

    Example:
        >>> with kalbio.mirror.connect("lab.duckdb") as db:
        ...     rows = db.sql("select * from Compound limit 5").fetchall()
    """
    require_mirror()
    from kalbio.mirror._queries import connect

    return connect(target)


def status(target: str | os.PathLike[str]) -> MirrorStatus:
    """Return when a mirror was refreshed, what it holds, and what of it may be out of date.

    Args:
        target: where the mirror is.

    Raises:
        MirrorError: there is no mirror.

    Example:
        >>> kalbio.mirror.status("lab.duckdb").refreshed_at
        datetime.datetime(...)
    """
    require_mirror()
    from kalbio.mirror._queries import status

    return status(target)


def folder(target: str | os.PathLike[str]) -> Path:
    """Return the folder with the Parquet files of the newest state of a mirror that is a folder of Parquet.

    The files in it never change: what you read from it is of one state, also after a refresh. The next refresh that
    changes something leaves it there, and the one after that removes it.

    Args:
        target: where the mirror is.

    Raises:
        ValueError: the target is a DuckDB file.
        MirrorError: there is no mirror.

    Example:
        >>> compounds = pandas.read_parquet(kalbio.mirror.folder("lab/") / "Compound.parquet")
    """
    require_mirror()
    from kalbio.mirror._queries import folder

    return folder(target)
