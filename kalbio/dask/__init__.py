"""Records as Dask DataFrames, for who has more than one machine's worth of work. It needs the extra `dask`.

Workers log in with what their own environment or profile says; no credentials are in a graph.
"""

from __future__ import annotations

from kalbio.dask._loads import upsert
from kalbio.dask._reads import read_records, read_values
from kalbio.dask._report import ClusterLoadReport, PartitionReport

__all__ = ["ClusterLoadReport", "PartitionReport", "read_records", "read_values", "upsert"]


def __dir__() -> list[str]:
    return sorted(__all__)
