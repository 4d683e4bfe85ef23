"""All works that are measured."""

from __future__ import annotations

from bench import contents, pushes, tables, workloads

WORKLOADS = [*workloads.WORKLOADS, *tables.WORKLOADS, *contents.WORKLOADS, *pushes.WORKLOADS]
